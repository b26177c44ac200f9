#!/bin/sh
# openvino 2026.4.1: Resize's keep_aspect_ratio_policy, an attribute since opset 18, is read and
# has no effect. A picture of 2x4 resized to sizes 1x3 with `not_larger` has 1x2 pixels by the
# specification, and with `not_smaller` 2x3; both came out as 1x3.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

picture = numpy.arange(8, dtype=numpy.float32).reshape(1, 1, 2, 4)
found = {}
for policy in ("not_larger", "not_smaller"):
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="nearest", axes=[2, 3],
                            keep_aspect_ratio_policy=policy)
    resized = run(by_openvino, node, {"x": picture}, {"sizes": numpy.array([1, 3])})[0]
    found[policy] = resized.shape[2:]
print("found", found, "expected {'not_larger': (1, 2), 'not_smaller': (2, 3)}")
raise SystemExit(set(found.values()) != {(1, 3)})
END
