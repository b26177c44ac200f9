#!/bin/sh
# onnx 1.23.2: version_converter takes GroupNormalization from opset 18 to 21 as it stands, though
# its scale and bias are by group before and by channel since: the model it writes does not load.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
import onnxruntime
from onnx import helper, version_converter
from one_node import by_onnxruntime, model

x = numpy.ones((1, 4, 2), numpy.float32)
scale = {"s": numpy.array([1, 2], numpy.float32), "b": numpy.array([0, 1], numpy.float32)}
node = helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)
old = model(node, {"x": x}, scale, 18)
new = version_converter.convert_version(old, 21)
try:
    print("loads", onnxruntime.InferenceSession(new.SerializeToString()))
except Exception as error:
    print("before", by_onnxruntime(old, {"x": x})[0].shape, "after:", str(error)[:160])
else:
    raise SystemExit(1)
END
