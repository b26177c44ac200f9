#!/bin/sh
# openvino 2026.4.1 for Python: the array of a bfloat16 result says that it is float16 and holds
# the bits of bfloat16, so 1, 2, 3 read as 1.875, 2, 2.125.
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


node = helper.make_node("Cast", ["x"], ["y"], to=16)  # 16: BFLOAT16
found = run(node, {"x": numpy.array([1, 2, 3], numpy.float32)})[0]
print("found", found.tolist(), found.dtype, "expected [1, 2, 3]")
raise SystemExit(found.dtype != numpy.float16 or found.tolist() != [1.875, 2, 2.125])
END
