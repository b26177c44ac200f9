#!/bin/sh
# onnx 1.23.2: version_converter makes Upsample (opset 9) and Resize (opset 10) in linear mode
# another function. Both mean asymmetric coordinates; what it writes for opset 11 and later leaves
# coordinate_transformation_mode out, which means half_pixel. Doubled, the row 0, 1 began 0, 0.5,
# 1, 1 and begins 0, 0.25, 0.75, 1 afterwards.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$folder/venv/bin/python" - <<'END'
import numpy
import onnxruntime
from onnx import helper, numpy_helper, version_converter


def model(node, x, opset, constants=()):
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", 1, x.shape)],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(value, name) for name, value in dict(constants).items()])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0]


row = numpy.array([[[[0, 1]]]], numpy.float32)
doubled = {"s": numpy.array([1, 1, 1, 2], numpy.float32)}
found = {}
for operator, opset in (("Upsample", 9), ("Resize", 10)):
    old = model(helper.make_node(operator, ["x", "s"], ["y"], mode="linear"), row, opset, doubled)
    new = version_converter.convert_version(old, 13)
    found[operator] = (run(old, row).ravel().tolist(), run(new, row).ravel().tolist())
print("before and after", found, "expected the same")
raise SystemExit(any(pair != ([0, 0.5, 1, 1], [0, 0.25, 0.75, 1]) for pair in found.values()))
END
