#!/bin/sh
# onnxruntime 1.32.0, CPU: ReduceLogSumExp of integers drops what is behind the point of each
# exponential, and so counts the greatest elements only: of a 30 and fifty 29 it gives 30, where
# log(sum(exp(x))) is 32.96. Of float32 it gives that. Opset 28 has no integers there any more.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_onnxruntime, run

node = helper.make_node("ReduceLogSumExp", ["x"], ["y"])
found = []
for dtype in (numpy.int32, numpy.int64, numpy.float32):
    x = numpy.array([30] + [29] * 50, dtype)
    found.append(round(run(by_onnxruntime, node, {"x": x})[0].item(), 2))
print(f"int32, int64, float32: {found}")
raise SystemExit(found != [30, 30, 32.96])
END
