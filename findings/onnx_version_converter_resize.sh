#!/bin/sh
# onnx 1.23.2: version_converter makes Upsample (opset 9) and Resize (opset 10) in linear mode
# another function. Both mean asymmetric coordinates; what it writes for opset 11 and later leaves
# coordinate_transformation_mode out, which means half_pixel. Doubled, the row 0, 1 began 0, 0.5,
# 1, 1 and begins 0, 0.25, 0.75, 1 afterwards.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper, version_converter
from one_node import by_onnxruntime, model

row = numpy.array([[[[0, 1]]]], numpy.float32)
doubled = {"s": numpy.array([1, 1, 1, 2], numpy.float32)}
found = {}
for operator, opset in (("Upsample", 9), ("Resize", 10)):
    node = helper.make_node(operator, ["x", "s"], ["y"], mode="linear")
    old = model(node, {"x": row}, doubled, opset)
    new = version_converter.convert_version(old, 13)
    found[operator] = tuple(by_onnxruntime(made, {"x": row})[0].ravel().tolist()
                            for made in (old, new))
print("before and after", found, "expected the same")
raise SystemExit(any(pair != ([0, 0.5, 1, 1], [0, 0.25, 0.75, 1]) for pair in found.values()))
END
