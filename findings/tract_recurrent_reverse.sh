#!/bin/sh
# tract 0.23.9: RNN, GRU and LSTM with direction="reverse" give what direction="forward" gives, to
# the last bit. Both halves of a bidirectional layer are right.
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


x = numpy.arange(1, 4, dtype=numpy.float32).reshape(3, 1, 1) / 4
found = {}
for operator, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    weights = numpy.full((1, gates, 1), 0.5, numpy.float32)

    def steps(direction):
        wide = numpy.repeat(weights, 2 if direction == "bidirectional" else 1, 0)
        node = helper.make_node(operator, ["x", "w", "r"], ["y"], hidden_size=1,
                                direction=direction)
        return run(node, {"x": x, "w": wide, "r": wide})

    forward, backward, both = (steps(d) for d in ("forward", "reverse", "bidirectional"))
    found[operator] = (bool((backward == forward).all()), bool((both[:, 1] == forward[:, 0]).all()))
print("reverse is forward, second half of bidirectional is forward:", found, "expected neither")
raise SystemExit(set(found.values()) != {(True, False)})
END
