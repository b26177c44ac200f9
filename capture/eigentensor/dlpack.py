"""Tensors in a GPU's memory as DLPack has them: those of other libraries, and our own."""

import ctypes
import math
from contextlib import contextmanager

from .elements import BYTES, array_type

CUDA = 2  # as DLPack calls the device
DEFAULT_STREAM, NO_STREAM = 1, -1
_KINDS = {"int": 0, "uint": 1, "float": 2, "bfloat": 4, "bool": 6}


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32), ("number", ctypes.c_int32),
                ("rank", ctypes.c_int32), ("kind", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("offset", ctypes.c_uint64)]


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]
_End = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_NAME = b"dltensor"  # until somebody takes the tensor
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi))
_capsule_of = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _End)(
    ("PyCapsule_New", ctypes.pythonapi))
_is_untaken = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi))

_address_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi))


def type_of(dtype):
    """Its kind and its bits."""
    return _KINDS[dtype.rstrip("0123456789")], 8 * BYTES[dtype]


def is_on_gpu(value):
    device = getattr(value, "__dlpack_device__", None)
    return device is not None and int(device()[0]) == CUDA


class Lent:
    """What a library shows, ready to be used in the stream. Its memory must stay until the stream
    has come past that, as libraries see to that free in the order of the stream they lend for."""

    def __init__(self, value, stream):
        self._capsule = value.__dlpack__(stream=stream or DEFAULT_STREAM)
        managed = ctypes.cast(_pointer_of(self._capsule, _NAME), ctypes.POINTER(_Managed))
        tensor = managed.contents.tensor
        self.address = (tensor.data or 0) + tensor.offset
        self.type = tensor.kind, tensor.bits * tensor.lanes
        self.shape = tuple(tensor.shape[:tensor.rank])
        size = tensor.bits // 8
        self.strides = tuple(size * step for step in tensor.strides[:tensor.rank]) \
            if tensor.strides else None


# ---- Memory of our own ----

class _Driver:
    """CUDA's, which the runs of this process use, too."""

    def __init__(self):
        self._library = ctypes.CDLL("libcuda.so.1")
        self._context = ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), 0)

    def call(self, name, *arguments):
        status = getattr(self._library, name)(*arguments)
        if status:
            raise MemoryError("the GPU's memory is full") if name == "cuMemAlloc_v2" else \
                OSError(f"{name}: status {status}")

    @contextmanager
    def entered(self):
        self.call("cuCtxPushCurrent_v2", self._context)
        try:
            yield self
        finally:
            self.call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))


_driver = None


def _entered():
    global _driver
    _driver = _driver or _Driver()
    return _driver.entered()


def wait(first, then):
    """Lets the stream `then` wait for all that is in `first` by now."""
    if then in (NO_STREAM, first):
        return
    event, untimed = ctypes.c_void_p(), 2
    with _entered() as driver:
        driver.call("cuEventCreate", ctypes.byref(event), untimed)
        driver.call("cuEventRecord", event, ctypes.c_void_p(first))
        driver.call("cuStreamWaitEvent", ctypes.c_void_p(then), event, 0)
        driver.call("cuEventDestroy_v2", event)


class DeviceArray:
    """An array in the GPU's memory, row-major, which other libraries take by `from_dlpack` or by
    __cuda_array_interface__. What fills it is put into `stream`."""

    def __init__(self, dtype, shape, stream):
        self.dtype, self.shape, self.stream = dtype, tuple(shape), stream or DEFAULT_STREAM
        address = ctypes.c_uint64()
        with _entered() as driver:
            driver.call("cuMemAlloc_v2", ctypes.byref(address),
                        ctypes.c_size_t(max(1, BYTES[dtype] * math.prod(self.shape))))
        self.address = address.value

    def __del__(self):
        if getattr(self, "address", 0) and _driver:
            with _entered() as driver:
                driver.call("cuMemFree_v2", ctypes.c_uint64(self.address))

    def __repr__(self):
        return f"DeviceArray({self.dtype}{list(self.shape)})"

    def __dlpack_device__(self):
        return CUDA, 0

    def __dlpack__(self, *, stream=None, **_):
        wait(self.stream, DEFAULT_STREAM if stream is None else stream)
        return _shown(self)

    @property
    def __cuda_array_interface__(self):
        type_string = array_type(self.dtype)
        if not type_string:
            raise AttributeError(f"array interfaces have no {self.dtype}")
        return {"shape": self.shape, "typestr": type_string, "data": (self.address, False),
                "version": 3, "stream": self.stream}


_shown_now = {}  # by address of what a capsule points to: all that it needs


@_Deleter
def _delete(managed):
    _shown_now.pop(ctypes.addressof(managed.contents), None)


@_End
def _end(capsule):
    if _is_untaken(capsule, _NAME):
        _shown_now.pop(_address_in(capsule, _NAME), None)


def _shown(array):
    rank = len(array.shape)
    shape = (ctypes.c_int64 * rank)(*array.shape)
    strides = (ctypes.c_int64 * rank)(*(math.prod(array.shape[axis + 1:]) for axis in range(rank)))
    kind, bits = type_of(array.dtype)
    managed = _Managed(_Tensor(array.address, CUDA, 0, rank, kind, bits, 1, shape, strides, 0),
                       None, _delete)
    address = ctypes.addressof(managed)
    _shown_now[address] = managed, array, shape, strides
    return _capsule_of(address, _NAME, _end)
