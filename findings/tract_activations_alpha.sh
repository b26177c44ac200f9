#!/bin/sh
# tract 0.23.9: Celu leaves out the factor alpha, and Swish (opset 24) does not look at its alpha
# at all. For alpha = 2, Celu(-1) is 2 (exp(-1/2) - 1) = -0.787, and Swish(1) is 1 / (1 + exp(-2))
# = 0.881.
. "$(dirname "$0")/support/prepare.sh"
prepare 'tract==0.23.9' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_tract, run

celu = run(by_tract, helper.make_node("Celu", ["x"], ["y"], alpha=2.0),
           {"x": numpy.array([-1], numpy.float32)}, opset=12)[0]
swish = run(by_tract, helper.make_node("Swish", ["x"], ["y"], alpha=2.0),
            {"x": numpy.array([1], numpy.float32)}, opset=24)[0]
print("Celu", celu, "expected -0.787; Swish", swish, "expected 0.881")
raise SystemExit(not (abs(celu + 0.3935) < 1e-3 and abs(swish - 0.7311) < 1e-3))
END
