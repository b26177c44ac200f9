#!/bin/sh
# openvino 2026.4.1, CPU: NaN is hidden by Relu (0), by ReduceMax, by Clip, and by Max where it is
# the first operand; Max keeps it where it is the second. A picture that is all NaN has finite
# scores after the first Relu.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$folder/venv/bin/python" - <<'END'
import numpy
import openvino
from onnx import helper, numpy_helper


def run(node, feeds, constants=(), opset=18):
    """The outputs of a model of one node, in float32 on the CPU."""
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for name, x in feeds.items()],
        [helper.make_empty_tensor_value_info(name) for name in node.output],
        [numpy_helper.from_array(value, name) for name, value in dict(constants).items()])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    compiled = openvino.Core().compile_model(
        openvino.Core().read_model(model.SerializeToString()), "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(list(feeds.values()))
    return [results[output] for output in compiled.outputs]


nan = numpy.float32("nan")
row = numpy.array([1, nan, 3], numpy.float32)
first, second = numpy.array([nan, 1], numpy.float32), numpy.array([1, nan], numpy.float32)
found = {
    "Relu": run(helper.make_node("Relu", ["x"], ["y"]), {"x": row})[0].tolist(),
    "ReduceMax": run(helper.make_node("ReduceMax", ["x"], ["y"], keepdims=0),
                     {"x": row})[0].tolist(),
    "Max": run(helper.make_node("Max", ["x", "z"], ["y"]), {"x": first, "z": second})[0].tolist(),
    "Clip": run(helper.make_node("Clip", ["x", "least"], ["y"]), {"x": row},
                {"least": numpy.float32(2)})[0].tolist(),
}
print("found", found, "expected NaN in each")
hidden = (found["Relu"] == [1, 0, 3], found["ReduceMax"] == 3, found["Max"][0] == 1)
raise SystemExit(not (all(hidden) and found["Clip"] == [2, 2, 3] and numpy.isnan(found["Max"][1])))
END
