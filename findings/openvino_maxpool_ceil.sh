#!/bin/sh
# openvino 2026.4.1: MaxPool with ceil_mode=1 counts a window that begins behind the last element.
# The specification leaves such a window out; here it is one more element, the least finite
# float32.
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


row = numpy.arange(6, dtype=numpy.float32).reshape(1, 1, 6)
node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[3], ceil_mode=1)
found = run(node, {"x": row}, opset=22)[0].ravel().tolist()
print("found", found, "expected [1.0, 4.0]")
raise SystemExit(found != [1, 4, float(numpy.finfo(numpy.float32).min)])
END
