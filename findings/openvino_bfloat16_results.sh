#!/bin/sh
# openvino 2026.4.1 for Python: the array of a bfloat16 result says that it is float16 and holds
# the bits of bfloat16, so 1, 2, 3 read as 1.875, 2, 2.125.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

node = helper.make_node("Cast", ["x"], ["y"], to=16)  # 16: BFLOAT16
found = run(by_openvino, node, {"x": numpy.array([1, 2, 3], numpy.float32)})[0]
print("found", found.tolist(), found.dtype, "expected [1, 2, 3]")
raise SystemExit(found.dtype != numpy.float16 or found.tolist() != [1.875, 2, 2.125])
END
