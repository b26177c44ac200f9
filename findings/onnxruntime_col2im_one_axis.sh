#!/bin/sh
# onnxruntime 1.32.0, CPU: Col2Im along one axis with a dilation of 2 puts elements in wrong places.
# The sum of blocks by plain NumPy differs in a third of the elements; without dilation it is equal.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_onnxruntime, run

rng = numpy.random.default_rng(0)
x = rng.normal(size=(1, 33, 4)).astype(numpy.float32)


def difference(dilation, extent):
    node = helper.make_node("Col2Im", ["x", "image", "block"], ["y"], dilations=[dilation],
                            strides=[2])
    y = run(by_onnxruntime, node, {"x": x},
            {"image": numpy.array([extent]), "block": numpy.array([11])})[0]
    expected = numpy.zeros((1, 3, extent), numpy.float32)
    for k in range(11):
        for block in range(4):
            expected[:, :, block * 2 + k * dilation] += x.reshape(1, 3, 11, 4)[:, :, k, block]
    return float(abs(y - expected).max())


plain, dilated = difference(1, 17), difference(2, 27)
print(f"largest difference without dilation {plain:.1e}, with dilation {dilated:.1e}")
raise SystemExit(not (plain < 1e-5 and dilated > 1))
END
