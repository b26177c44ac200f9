#!/bin/sh
# onnxruntime 1.32.0, CPU: Col2Im along one axis with a dilation of 2 puts elements in wrong places.
# The sum of blocks by plain NumPy differs in a third of the elements; without dilation it is equal.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$folder/venv/bin/python" - <<'END'
import numpy
import onnxruntime
from onnx import helper


def run(node, feeds, domain="", version=20, initializers=()):
    """The first output of a model of one node."""
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for name, x in feeds.items()],
        [helper.make_empty_tensor_value_info("y")], list(initializers))
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 20), *([helper.make_opsetid(domain, version)] if domain else [])])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, feeds)[0]


rng = numpy.random.default_rng(0)
x = rng.normal(size=(1, 33, 4)).astype(numpy.float32)


def difference(dilation, extent):
    node = helper.make_node("Col2Im", ["x", "image", "block"], ["y"], dilations=[dilation],
                            strides=[2])
    y = run(node, {"x": x}, initializers=[helper.make_tensor("image", 7, [1], [extent]),
                                          helper.make_tensor("block", 7, [1], [11])])
    expected = numpy.zeros((1, 3, extent), numpy.float32)
    for k in range(11):
        for block in range(4):
            expected[:, :, block * 2 + k * dilation] += x.reshape(1, 3, 11, 4)[:, :, k, block]
    return float(abs(y - expected).max())


plain, dilated = difference(1, 17), difference(2, 27)
print(f"largest difference without dilation {plain:.1e}, with dilation {dilated:.1e}")
raise SystemExit(not (plain < 1e-5 and dilated > 1))
END
