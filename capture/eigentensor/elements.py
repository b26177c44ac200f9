"""The element types of stored graphs, as compiler/graph/dtypes.def lists them."""

import ctypes
from collections import namedtuple

# Its name in safetensors files; its code in Python's struct and memoryview; its type for ctypes,
# 16-bit floats as their bits.
Element = namedtuple("Element", "safetensors code ctype")
ELEMENTS = {
    "float32": Element("F32", "f", ctypes.c_float),
    "float64": Element("F64", "d", ctypes.c_double),
    "float16": Element("F16", "e", ctypes.c_uint16),
    "bfloat16": Element("BF16", "H", ctypes.c_uint16),  # Python has no code for it: its bits
    "int32": Element("I32", "i", ctypes.c_int32),
    "int64": Element("I64", "q", ctypes.c_int64),
    "uint8": Element("U8", "B", ctypes.c_uint8),
    "int8": Element("I8", "b", ctypes.c_int8),
    "int16": Element("I16", "h", ctypes.c_int16),
    "uint16": Element("U16", "H", ctypes.c_uint16),
    "uint32": Element("U32", "I", ctypes.c_uint32),
    "uint64": Element("U64", "Q", ctypes.c_uint64),
    "bool": Element("BOOL", "?", ctypes.c_bool),
}
FLOATS = ("float32", "float64", "float16", "bfloat16")
STORED_ONLY = ("float16", "bfloat16")
INTEGERS = tuple(name for name in ELEMENTS if "int" in name)
BYTES = {name: ctypes.sizeof(element.ctype) for name, element in ELEMENTS.items()}

# Kinds of elements as array interfaces call them.
_KINDS = {"float": "f", "int": "i", "uint": "u", "bool": "b"}


def array_type(dtype):
    """As array interfaces call it, "<f4"; None where they have no name for it."""
    size = BYTES[dtype]
    kind = _KINDS.get(dtype.rstrip("0123456789"))
    return kind and ("|" if size == 1 else "<") + f"{kind}{size}"
