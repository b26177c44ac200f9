#!/bin/sh
# openvino 2026.4.1, CPU: NaN is hidden by Relu (0), by ReduceMax, by Clip, and by Max where it is
# the first operand; Max keeps it where it is the second. A picture that is all NaN has finite
# scores after the first Relu.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

nan = numpy.float32("nan")
row = numpy.array([1, nan, 3], numpy.float32)
first, second = numpy.array([nan, 1], numpy.float32), numpy.array([1, nan], numpy.float32)


def result(operator, feeds, constants=(), **attributes):
    node = helper.make_node(operator, [*feeds, *dict(constants)], ["y"], **attributes)
    return run(by_openvino, node, feeds, constants)[0].tolist()


found = {
    "Relu": result("Relu", {"x": row}),
    "ReduceMax": result("ReduceMax", {"x": row}, keepdims=0),
    "Max": result("Max", {"x": first, "z": second}),
    "Clip": result("Clip", {"x": row}, {"least": numpy.float32(2)}),
}
print("found", found, "expected NaN in each")
hidden = (found["Relu"] == [1, 0, 3], found["ReduceMax"] == 3, found["Max"][0] == 1)
raise SystemExit(not (all(hidden) and found["Clip"] == [2, 2, 3] and numpy.isnan(found["Max"][1])))
END
