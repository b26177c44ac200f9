#!/bin/sh
# openvino 2026.4.1: LSTM, GRU and RNN with layout=1 (batch first, since opset 14) are run as if it
# were layout=0: the batch is taken for the time. Nothing is said; with as many steps as rows even
# the shapes look right.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

x = numpy.arange(6, dtype=numpy.float32).reshape(3, 2, 1) / 8
found = {}
for operator, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    weights = numpy.ones((1, gates, 1), numpy.float32)
    node = helper.make_node(operator, ["x", "w", "r"], ["", "last"], hidden_size=1, layout=1)
    last = run(by_openvino, node, {"x": x}, {"w": weights, "r": weights}, opset=14)[-1]
    found[operator] = last.shape
print("last states", found, "expected (3, 1, 1): three rows of two steps")
raise SystemExit(set(found.values()) != {(1, 2, 1)})
END
