#!/bin/sh
# onnxruntime 1.32.0, CPU: MaxPool with auto_pad=SAME_UPPER pads as if there were no dilation. The
# specification makes the output as long as the input divided by the stride, rounded up; with
# dilations=[2] ten elements became eight, and the last was not the greatest that its window
# holds. (Conv with the same attributes is refused.)
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_onnxruntime, run

x = numpy.arange(10, dtype=numpy.float32).reshape(1, 1, 10)
node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3], dilations=[2],
                        auto_pad="SAME_UPPER")
y = run(by_onnxruntime, node, {"x": x})[0]
print("found", y.ravel().tolist(), "expected 10 elements")
raise SystemExit(y.ravel().tolist() != [3, 4, 5, 6, 7, 8, 9, 8])
END
