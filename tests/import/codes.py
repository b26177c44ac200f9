"""Element types that programs have as codes, a byte each, in the arrays of ml_dtypes."""

import numpy
import onnx.helper
from onnx import TensorProto

FLOATS = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0",
          "FLOAT6E2M3", "FLOAT6E3M2", "FLOAT4E2M1")
INTEGERS = ("INT4", "UINT4", "INT2", "UINT2")
DTYPES = {name: onnx.helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))
          for name in (*FLOATS, *INTEGERS)}


def codes(array):
    """Of such an array its codes; any other as it is."""
    name = next((name for name, dtype in DTYPES.items() if dtype == array.dtype), None)
    if name is None:
        return array
    if name in FLOATS:
        return array.view(numpy.uint8)
    return array.astype(numpy.int8 if name.startswith("I") else numpy.uint8)
