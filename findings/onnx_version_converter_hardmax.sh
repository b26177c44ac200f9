#!/bin/sh
# onnx 1.23.2: version_converter takes Hardmax from opset 11 to 13 as it stands. Before 13 it finds
# one maximum in all axes from `axis` on, since then one along `axis`; Softmax and LogSoftmax,
# which changed in the same way, are converted rightly.
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


x = numpy.arange(4, dtype=numpy.float32).reshape(1, 2, 2)
found = {}
for operator in ("Softmax", "LogSoftmax", "Hardmax"):
    old = model(helper.make_node(operator, ["x"], ["y"], axis=1), x, 11)
    new = version_converter.convert_version(old, 13)
    found[operator] = bool(numpy.allclose(run(old, x), run(new, x)))
print("the same after conversion", found, "expected all")
raise SystemExit(found != {"Softmax": True, "LogSoftmax": True, "Hardmax": False})
END
