#!/bin/sh
# openvino 2026.4.1: LSTM, GRU and RNN with layout=1 (batch first, since opset 14) are run as if it
# were layout=0: the batch is taken for the time. Nothing is said; with as many steps as rows even
# the shapes look right.
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


x = numpy.arange(6, dtype=numpy.float32).reshape(3, 2, 1) / 8
found = {}
for operator, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    weights = numpy.ones((1, gates, 1), numpy.float32)
    node = helper.make_node(operator, ["x", "w", "r"], ["", "last"], hidden_size=1, layout=1)
    last = run(node, {"x": x}, {"w": weights, "r": weights}, 14)[-1]
    found[operator] = last.shape
print("last states", found, "expected (3, 1, 1): three rows of two steps")
raise SystemExit(set(found.values()) != {(1, 2, 1)})
END
