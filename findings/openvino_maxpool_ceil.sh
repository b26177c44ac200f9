#!/bin/sh
# openvino 2026.4.1: MaxPool with ceil_mode=1 counts a window that begins behind the last element.
# The specification leaves such a window out; here it is one more element, the least finite
# float32.
. "$(dirname "$0")/support/prepare.sh"
prepare 'openvino==2026.4.1' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_openvino, run

row = numpy.arange(6, dtype=numpy.float32).reshape(1, 1, 6)
node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[3], ceil_mode=1)
found = run(by_openvino, node, {"x": row}, opset=22)[0].ravel().tolist()
print("found", found, "expected [1.0, 4.0]")
raise SystemExit(found != [1, 4, float(numpy.finfo(numpy.float32).min)])
END
