"""Elements as Python has them: what is given as an input, and what a run returns."""

import ctypes
import math
import struct
import sys

from .elements import BYTES, ELEMENTS

# Codes that mean the same on some machines.
ALIKE = {"int64": "lq", "int32": "il", "uint64": "LQ", "uint32": "IL"}


def format_of(placeholder):
    """memoryview knows no half precision before Python 3.12; then it shows the bits."""
    code = ELEMENTS[placeholder.dtype].code
    try:
        memoryview(bytes(2)).cast(code) if code == "e" else None
    except ValueError:
        return "H"
    return code


class _Buffer(ctypes.Structure):
    """Py_buffer of Python's stable interface."""
    _fields_ = [("address", ctypes.c_void_p), ("owner", ctypes.c_void_p),
                ("bytes", ctypes.c_ssize_t), ("itemsize", ctypes.c_ssize_t),
                ("readonly", ctypes.c_int), ("rank", ctypes.c_int), ("format", ctypes.c_char_p),
                ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
                ("strides", ctypes.POINTER(ctypes.c_ssize_t)), ("suboffsets", ctypes.c_void_p),
                ("internal", ctypes.c_void_p)]


# Of memory that is contiguous: its address, and no more than that.
_CONTIGUOUS = 0x38  # PyBUF_C_CONTIGUOUS: shape and strides along with it
_lend = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)(
    ("PyObject_GetBuffer", ctypes.pythonapi))
_give_back = ctypes.PYFUNCTYPE(None, ctypes.POINTER(_Buffer))(
    ("PyBuffer_Release", ctypes.pythonapi))
_view_of = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Buffer))(
    ("PyMemoryView_FromBuffer", ctypes.pythonapi))
_CODES = {element.code: element.code.encode() for element in ELEMENTS.values()}
_NOTHING = ctypes.create_string_buffer(8)  # where elements lie of which there are none


def _empty(code, shape):
    """A view of no elements, whose cast refuses such shapes. (ctypes has arrays of them, but their
    views, with an order of bytes in their format, cannot be read as lists.)"""
    extents = (ctypes.c_ssize_t * len(shape))(*shape)
    size = struct.calcsize(code)
    strides = (ctypes.c_ssize_t * len(shape))(*(size * math.prod(shape[axis + 1:])
                                                for axis in range(len(shape))))
    buffer = _Buffer(address=ctypes.addressof(_NOTHING), itemsize=size, rank=len(shape),
                     format=_CODES[code], shape=extents, strides=strides)
    return _view_of(ctypes.byref(buffer))  # which copies the extents and strides


def shaped(data, code, shape):
    """The elements as a view of that shape."""
    return _empty(code, shape) if 0 in shape else memoryview(data).cast(code, shape)


def address(view):
    """Where the elements of a contiguous memoryview lie, as long as the view is there."""
    buffer = _Buffer()
    _lend(view, buffer, _CONTIGUOUS)
    found = buffer.address
    _give_back(buffer)
    return found


def elements(placeholder, view, batch):
    """A view of the input's elements, row-major and aligned: the one that was given, or of a copy;
    an error that names the placeholder when it is of another dtype or shape."""
    check(placeholder, view, batch)
    if view.c_contiguous and (not view.nbytes or
                              address(view) % BYTES[placeholder.dtype] == 0):
        return view
    return memoryview(bytearray(view.tobytes()))


def check(placeholder, view, batch, what="placeholder"):
    """Errors unless memory has the dtype and the shape of an input or output."""
    wanted = ELEMENTS[placeholder.dtype].code
    code = view.format.lstrip("@=<")
    same = code == wanted or (view.itemsize == BYTES[placeholder.dtype]
                              and code in ALIKE.get(placeholder.dtype, ()))
    # Sixteen-bit floats may come as their bits.
    same = same or (placeholder.dtype in ("float16", "bfloat16") and code == "H")
    if not same:
        name = next((d for d, element in ELEMENTS.items()
                     if element.code == code and d != "bfloat16"), f"of format {view.format!r}")
        raise TypeError(f"{what} {placeholder.name!r} is {placeholder}, found dtype "
                        f"{name}")
    if view.shape != placeholder.at(batch) or batch < 1:
        raise ValueError(f"{what} {placeholder.name!r} is {placeholder}, found shape "
                         f"{list(view.shape)}")


def result(output, shape, of_numpy):
    """Memory for an output: an array of NumPy, or a bytearray; with a view of its bytes."""
    size = math.prod(shape) * BYTES[output.dtype]
    if not of_numpy:
        held = bytearray(size)
        return held, memoryview(held)
    held = sys.modules["numpy"].empty(shape, ELEMENTS[output.dtype].code)
    return held, memoryview(held.reshape(-1)).cast("B") if size else memoryview(b"")


def is_of_numpy(value):
    """Whether it is an array of NumPy, which is not imported for the question."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def view_of(placeholder, value):
    if hasattr(value, "uop"):  # a TinyGrad tensor
        return _tensor_view(placeholder, value)
    if hasattr(value, "detach"):  # a PyTorch tensor
        return _torch_view(placeholder, value)
    if isinstance(value, (list, tuple, int, float)):
        return _list_view(placeholder, value)
    try:
        return memoryview(value)
    except (TypeError, ValueError, BufferError):
        lent = _from_dlpack(value)
    if lent is None:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found "
                        f"{type(value).__name__}")
    return lent


def _from_dlpack(value):
    """Of an array of another library, by NumPy, where that is there; else None."""
    if not hasattr(value, "__dlpack__"):
        return None
    try:
        import numpy
        return memoryview(numpy.from_dlpack(value))
    except (ImportError, TypeError, ValueError, BufferError, RuntimeError):
        return None


def _tensor_view(placeholder, tensor):
    from .translate import DTYPES  # not at the top: running a program needs no TinyGrad
    dtype = DTYPES.get(tensor.dtype)
    if dtype != placeholder.dtype:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found dtype "
                        f"{dtype or tensor.dtype}")
    code = {"e": "H"}.get(ELEMENTS[dtype].code, ELEMENTS[dtype].code)
    # TinyGrad allocates no memory of 0 bytes.
    data = b"" if 0 in tensor.shape else bytes(tensor.contiguous()._data())
    return shaped(data, code, tuple(tensor.shape))


def _torch_view(placeholder, tensor):
    """PyTorch has its elements as NumPy's, but for bfloat16, which NumPy does not know."""
    tensor = tensor.detach().cpu()
    if placeholder.dtype == "bfloat16" and str(tensor.dtype) == "torch.bfloat16":
        import torch
        tensor = tensor.view(torch.uint16)
    try:
        return memoryview(tensor.numpy())
    except TypeError:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found dtype "
                        f"{str(tensor.dtype).removeprefix('torch.')}") from None


def _list_view(placeholder, value):
    """Nested lists of Python numbers, converted to the placeholder's dtype."""
    flat, shape = [value], []
    while flat and isinstance(flat[0], (list, tuple)):
        shape.append(len(flat[0]))
        if any(not isinstance(row, (list, tuple)) or len(row) != shape[-1] for row in flat):
            raise ValueError(f"placeholder {placeholder.name!r} is {placeholder}, found rows of "
                             "different lengths")
        flat = [item for row in flat for item in row]
    code = ELEMENTS[placeholder.dtype].code
    try:
        if placeholder.dtype == "bfloat16":
            flat = [_bfloat16(item) for item in flat]
        packed = struct.pack(f"={len(flat)}{code}", *flat)
    except struct.error as error:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}: {error}") from None
    return shaped(packed, {"e": "H"}.get(code, code), tuple(shape))


def _bfloat16(value):
    """The bits of a number: float32's upper half, rounded to nearest even."""
    if value != value:
        return 0x7fc0
    bits, = struct.unpack("<I", struct.pack("<f", value))
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16
