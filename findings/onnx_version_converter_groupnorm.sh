#!/bin/sh
# onnx 1.23.2: version_converter takes GroupNormalization from opset 18 to 21 as it stands, though
# its scale and bias are by group before and by channel since: the model it writes does not load.
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


x = numpy.ones((1, 4, 2), numpy.float32)
scale = {"s": numpy.array([1, 2], numpy.float32), "b": numpy.array([0, 1], numpy.float32)}
node = helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)
old = model(node, x, 18, scale)
new = version_converter.convert_version(old, 21)
try:
    print("loads", onnxruntime.InferenceSession(new.SerializeToString()))
except Exception as error:
    print("before", run(old, x).shape, "after:", str(error)[:160])
else:
    raise SystemExit(1)
END
