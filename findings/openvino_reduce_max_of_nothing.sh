#!/bin/sh
# openvino 2026.4.1: ReduceMax over an axis of extent 0 gives the least finite float32, and
# ReduceMin the greatest. The specification (and its own case test_reduce_max_empty_set) has the
# infinities.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

nothing = numpy.zeros((2, 0), numpy.float32)
constants = {"axes": numpy.array([1])}
found = []
for operator in ("ReduceMax", "ReduceMin"):
    node = helper.make_node(operator, ["x", "axes"], ["y"], keepdims=0)
    found.append(run(by_openvino, node, {"x": nothing}, constants)[0].tolist())
print("found", found, "expected -inf and +inf")
greatest = float(numpy.finfo(numpy.float32).max)
raise SystemExit(found != [[-greatest] * 2, [greatest] * 2])
END
