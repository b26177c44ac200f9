#!/bin/sh
# tract 0.23.9: Celu leaves out the factor alpha, and Swish (opset 24) does not look at its alpha
# at all. For alpha = 2, Celu(-1) is 2 (exp(-1/2) - 1) = -0.787, and Swish(1) is 1 / (1 + exp(-2))
# = 0.881.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'tract==0.23.9' 'onnx==1.23.2' 'numpy==2.4.6'
"$folder/venv/bin/python" - "$folder" <<'END'
import pathlib
import sys

import numpy
import tract
from onnx import helper


def run(node, feeds, opset=14):
    """The first output of a model of one node."""
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for name, x in feeds.items()],
        [helper.make_empty_tensor_value_info(name) for name in node.output])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    path = pathlib.Path(sys.argv[1]) / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return tract.onnx().load(str(path)).into_model().into_runnable().run(
        list(feeds.values()))[0].to_numpy()


celu = run(helper.make_node("Celu", ["x"], ["y"], alpha=2.0),
           {"x": numpy.array([-1], numpy.float32)}, 12)[0]
swish = run(helper.make_node("Swish", ["x"], ["y"], alpha=2.0),
            {"x": numpy.array([1], numpy.float32)}, 24)[0]
print("Celu", celu, "expected -0.787; Swish", swish, "expected 0.881")
raise SystemExit(not (abs(celu + 0.3935) < 1e-3 and abs(swish - 0.7311) < 1e-3))
END
