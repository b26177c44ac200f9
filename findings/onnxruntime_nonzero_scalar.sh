#!/bin/sh
# onnxruntime 1.32.0, CPU: NonZero of a scalar gives a row, of shape [1, N]. The specification says
# in so many words that it gives none, of shape (0, N).
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import defs, helper
from one_node import by_onnxruntime, run

stated = "for scalar input, NonZero produces output shape (0, N)" in defs.get_schema("NonZero").doc
node = helper.make_node("NonZero", ["x"], ["y"])
shapes = [run(by_onnxruntime, node, {"x": numpy.array(x, numpy.float32)}, {})[0].shape
          for x in (0, 5)]
print(f"the specification says (0, N): {stated}; of 0 and of 5 there are {shapes[0]}, {shapes[1]}")
raise SystemExit(not (stated and shapes == [(1, 0), (1, 1)]))
END
