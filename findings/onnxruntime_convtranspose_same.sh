#!/bin/sh
# onnxruntime 1.32.0, CPU: ConvTranspose with auto_pad=SAME_UPPER and a kernel shorter than the
# stride. The specification makes the output as long as input times stride, here 30; it was 29.
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


x = numpy.ones((1, 1, 10), numpy.float32)
w = numpy.ones((1, 1, 2), numpy.float32)
y = run(helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[3],
                         auto_pad="SAME_UPPER"), {"x": x, "w": w})
print("found", y.shape, "expected (1, 1, 30)")
raise SystemExit(y.shape != (1, 1, 29))
END
