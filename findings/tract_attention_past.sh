#!/bin/sh
# tract 0.23.9: a causal Attention (opset 23) with past keys masks as if the new rows were the
# first ones. Two new rows after two past ones see three and four keys, so the means of the values
# 1, 2, 3, 4 are 2 and 2.5; found were 1 and 1.5.
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


def rows(*values):
    return numpy.array(values, numpy.float32).reshape(1, 1, 2, 1)


node = helper.make_node("Attention", ["q", "k", "v", "", "past_k", "past_v"], ["y", "pk", "pv"],
                        is_causal=1)
feeds = {"q": rows(1, 1), "k": rows(1, 1), "v": rows(3, 4), "past_k": rows(1, 1),
         "past_v": rows(1, 2)}
found = run(node, feeds, 23).ravel().tolist()
print("found", found, "expected [2.0, 2.5]")
raise SystemExit(not numpy.allclose(found, [1, 1.5]))
END
