#!/bin/sh
# openvino 2026.4.1: Resize's keep_aspect_ratio_policy, an attribute since opset 18, is read and
# has no effect. A picture of 2x4 resized to sizes 1x3 with `not_larger` has 1x2 pixels by the
# specification, and with `not_smaller` 2x3; both came out as 1x3.
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


picture = numpy.arange(8, dtype=numpy.float32).reshape(1, 1, 2, 4)
found = {}
for policy in ("not_larger", "not_smaller"):
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="nearest", axes=[2, 3],
                            keep_aspect_ratio_policy=policy)
    found[policy] = run(node, {"x": picture}, {"sizes": numpy.array([1, 3])})[0].shape[2:]
print("found", found, "expected {'not_larger': (1, 2), 'not_smaller': (2, 3)}")
raise SystemExit(set(found.values()) != {(1, 3)})
END
