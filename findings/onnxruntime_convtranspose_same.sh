#!/bin/sh
# onnxruntime 1.32.0, CPU: ConvTranspose with auto_pad=SAME_UPPER and a kernel shorter than the
# stride. The specification makes the output as long as input times stride, here 30; it was 29.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_onnxruntime, run

x = numpy.ones((1, 1, 10), numpy.float32)
w = numpy.ones((1, 1, 2), numpy.float32)
node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[3], auto_pad="SAME_UPPER")
y = run(by_onnxruntime, node, {"x": x, "w": w})[0]
print("found", y.shape, "expected (1, 1, 30)")
raise SystemExit(y.shape != (1, 1, 29))
END
