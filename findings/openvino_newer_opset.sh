#!/bin/sh
# openvino 2026.4.1: a model of an opset that it does not know is taken, and attributes that came
# with that opset have no effect. SpaceToDepth got `mode` in opset 28; CRD gives what DCR gives.
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


pixels = numpy.arange(8, dtype=numpy.float32).reshape(1, 2, 2, 2)
found = [run(helper.make_node("SpaceToDepth", ["x"], ["y"], blocksize=2, mode=mode), {"x": pixels},
             opset=28)[0].ravel().tolist() for mode in ("DCR", "CRD")]
print("found", found, "expected for CRD [0, 1, 2, 3, 4, 5, 6, 7]")
raise SystemExit(found != [[0, 4, 1, 5, 2, 6, 3, 7]] * 2)
END
