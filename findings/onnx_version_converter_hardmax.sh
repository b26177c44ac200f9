#!/bin/sh
# onnx 1.23.2: version_converter takes Hardmax from opset 11 to 13 as it stands. Before 13 it finds
# one maximum in all axes from `axis` on, since then one along `axis`; Softmax and LogSoftmax,
# which changed in the same way, are converted rightly.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper, version_converter
from one_node import by_onnxruntime, model

x = numpy.arange(4, dtype=numpy.float32).reshape(1, 2, 2)
found = {}
for operator in ("Softmax", "LogSoftmax", "Hardmax"):
    old = model(helper.make_node(operator, ["x"], ["y"], axis=1), {"x": x}, opset=11)
    new = version_converter.convert_version(old, 13)
    before, after = (by_onnxruntime(made, {"x": x})[0] for made in (old, new))
    found[operator] = bool(numpy.allclose(before, after))
print("the same after conversion", found, "expected all")
raise SystemExit(found != {"Softmax": True, "LogSoftmax": True, "Hardmax": False})
END
