#!/bin/sh
# onnx 1.23.2: helper.make_tensor writes the least number of FLOAT8E8M0, 2^-127, which has code 0,
# as code 1, which is 2^-126; others come out right.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'numpy==2.4.6' 'ml_dtypes==0.6.0'
"$python" - <<'END'
import ml_dtypes
import numpy
import onnx
from onnx import helper, numpy_helper

numbers = [2.0**-127, 2.0**-126, 1.0]
tensor = helper.make_tensor("t", onnx.TensorProto.FLOAT8E8M0, [3], numbers)
codes = numpy_helper.to_array(tensor).view(numpy.uint8).tolist()
expected = numpy.array(numbers).astype(ml_dtypes.float8_e8m0fnu).view(numpy.uint8).tolist()
print("found codes", codes, "expected", expected)
raise SystemExit(not (codes == [1, 1, 127] and expected == [0, 1, 127]))
END
