#!/bin/sh
# onnxruntime 1.32.0, CPU: MaxPool with auto_pad=SAME_UPPER pads as if there were no dilation. The
# specification makes the output as long as the input divided by the stride, rounded up; with
# dilations=[2] ten elements became eight, and the last was not the greatest that its window
# holds. (Conv with the same attributes is refused.)
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


x = numpy.arange(10, dtype=numpy.float32).reshape(1, 1, 10)
node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3], dilations=[2],
                        auto_pad="SAME_UPPER")
y = run(node, {"x": x})
print("found", y.ravel().tolist(), "expected 10 elements")
raise SystemExit(y.ravel().tolist() != [3, 4, 5, 6, 7, 8, 9, 8])
END
