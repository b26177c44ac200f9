#!/bin/sh
# pnnx 20261020: ReduceMean with its axes as an input, as ONNX has it since opset 18, loses them.
# What ncnn gets reduces nothing; with the axes as an attribute, as in opset 13, they are there.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'numpy==2.4.6'
"$python" -m pip install -q --disable-pip-version-check --no-deps 'pnnx==20261020'
"$python" - <<'PYTHON'
import importlib.util
import pathlib
import subprocess
import tempfile

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PNNX = pathlib.Path(importlib.util.find_spec("pnnx").submodule_search_locations[0]) / "pnnx"


def reduction(node, weights, opset):
    """The line of ncnn's file that says what is reduced."""
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/m.onnx")
        subprocess.run([PNNX, "m.onnx"], cwd=folder, check=True, capture_output=True)
        lines = pathlib.Path(folder, "m.ncnn.param").read_text().splitlines()
    return next(line for line in lines if line.startswith("Reduction"))


axes = numpy_helper.from_array(numpy.array([1]), "axes")
by_attribute = reduction(
    helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0), [], 13)
by_input = reduction(
    helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0), [axes], 18)
print(by_attribute, by_input, sep="\n")
# -23303 are the axes: how many, then each.
raise SystemExit(not (" -23303=1," in by_attribute and " -23303=0 " in by_input))
PYTHON
