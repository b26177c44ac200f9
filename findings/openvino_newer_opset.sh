#!/bin/sh
# openvino 2026.4.1: a model of an opset that it does not know is taken, and attributes that came
# with that opset have no effect. SpaceToDepth got `mode` in opset 28; CRD gives what DCR gives.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

pixels = numpy.arange(8, dtype=numpy.float32).reshape(1, 2, 2, 2)
found = []
for mode in ("DCR", "CRD"):
    node = helper.make_node("SpaceToDepth", ["x"], ["y"], blocksize=2, mode=mode)
    found.append(run(by_openvino, node, {"x": pixels}, opset=28)[0].ravel().tolist())
print("found", found, "expected for CRD [0, 1, 2, 3, 4, 5, 6, 7]")
raise SystemExit(found != [[0, 4, 1, 5, 2, 6, 3, 7]] * 2)
END
