#!/bin/sh
# openvino 2026.4.1: ReduceMax over an axis of extent 0 gives the least finite float32, and
# ReduceMin the greatest. The specification (and its own case test_reduce_max_empty_set) has the
# infinities.
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


nothing = numpy.zeros((2, 0), numpy.float32)
constants = {"axes": numpy.array([1])}
found = [run(helper.make_node(operator, ["x", "axes"], ["y"], keepdims=0), {"x": nothing},
             constants)[0].tolist() for operator in ("ReduceMax", "ReduceMin")]
print("found", found, "expected -inf and +inf")
greatest = float(numpy.finfo(numpy.float32).max)
raise SystemExit(found != [[-greatest] * 2, [greatest] * 2])
END
