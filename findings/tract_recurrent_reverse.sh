#!/bin/sh
# tract 0.23.9: RNN, GRU and LSTM with direction="reverse" give what direction="forward" gives, to
# the last bit. Both halves of a bidirectional layer are right.
. "$(dirname "$0")/support/prepare.sh"
prepare 'tract==0.23.9' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_tract, run

x = numpy.arange(1, 4, dtype=numpy.float32).reshape(3, 1, 1) / 4
found = {}
for operator, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    weights = numpy.full((1, gates, 1), 0.5, numpy.float32)

    def steps(direction):
        wide = numpy.repeat(weights, 2 if direction == "bidirectional" else 1, 0)
        node = helper.make_node(operator, ["x", "w", "r"], ["y"], hidden_size=1,
                                direction=direction)
        return run(by_tract, node, {"x": x, "w": wide, "r": wide}, opset=14)[0]

    forward, backward, both = (steps(d) for d in ("forward", "reverse", "bidirectional"))
    found[operator] = (bool((backward == forward).all()), bool((both[:, 1] == forward[:, 0]).all()))
print("reverse is forward, second half of bidirectional is forward:", found, "expected neither")
raise SystemExit(set(found.values()) != {(True, False)})
END
