"""Mode "cuda" of the Python package, where stand_in.c is the driver."""

import array
import ctypes
import math
import os
import sys

sys.path.insert(0, "capture")
import eigentensor
from eigentensor import dlpack, elements

driver = ctypes.CDLL(os.environ["STAND_IN"])
context = ctypes.c_void_p()
driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
driver.cuCtxPushCurrent_v2(context)


class There:
    """float32 elements in the stand-in's memory, which Python can read and write."""

    def __init__(self, shape, typestr="<f4", **more):
        address = ctypes.c_uint64()
        self.count = math.prod(shape)
        assert driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(4 * self.count)) == 0
        self.elements = (ctypes.c_float * self.count).from_address(address.value)
        self.__cuda_array_interface__ = {"shape": shape, "typestr": typestr, "version": 3,
                                         "data": (address.value, False), **more}


def expect(kind, words, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {words}")


program = eigentensor.load("models/mnist/mnist.json")
shape = program.placeholders[0].shape
pixels = array.array("f", (i % 251 / 251 for i in range(math.prod(shape))))
here = memoryview(pixels).cast("B").cast("f", shape)
expected = program(here).tolist()
assert program(here, mode="cuda").tolist() == expected

image, logits = There(shape), There(program.outputs[0].shape)
image.elements[:] = pixels
for _ in range(3):
    logits.elements[:] = [0] * 10
    assert program(image, mode="cuda", out=logits) is logits
    assert list(logits.elements) == expected[0]

# Without `out` the result is an array of our own, which shows itself in both ways.
result = program(image, mode="cuda")
assert isinstance(result, dlpack.DeviceArray) and result.shape == program.outputs[0].shape


class ByDLPack:
    """What a library shows that has DLPack only."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, *, stream):
        self.stream = stream
        return self.array.__dlpack__(stream=stream)


def elements_at(shown, count):
    return (ctypes.c_float * count).from_address(shown.address)


other = ctypes.c_void_p()
assert driver.cuStreamCreate(ctypes.byref(other), 0) == 0
other = other.value
there, lent = dlpack.DeviceArray("float32", shape, 0), dlpack.DeviceArray("float32", shape, other)
elements_at(there, len(pixels))[:] = elements_at(lent, len(pixels))[:] = pixels
for source, stream in ((there, None), (ByDLPack(there), None), (ByDLPack(lent), other)):
    result = program(source, mode="cuda", stream=stream)
    assert list(elements_at(result, 10)) == expected[0]
    assert getattr(source, "stream", None) in (None, 1, other)
    result = ByDLPack(result)
    assert program(ByDLPack(there), mode="cuda", out=result) is result
assert not dlpack._shown_now, "what was lent is kept"

# What another stream fills is waited for.
waits, wait = [], dlpack.wait
dlpack.wait = lambda first, then: (waits.append((first, then)), wait(first, then))
assert list(elements_at(program(lent, mode="cuda", stream=0), 10)) == expected[0]
assert (other, dlpack.DEFAULT_STREAM) in waits, waits
dlpack.wait = wait

# A library that takes the tensor names the capsule so, and ends it later.
capsule = there.__dlpack__(stream=-1)
rename = ctypes.pythonapi.PyCapsule_SetName
rename.argtypes = ctypes.py_object, ctypes.c_char_p
used = ctypes.c_char_p(b"used_dltensor")
taken = ctypes.cast(dlpack._pointer_of(capsule, b"dltensor"), ctypes.POINTER(dlpack._Managed))
rename(capsule, used)
del capsule
assert len(dlpack._shown_now) == 1
assert taken.contents.tensor.data == there.address
taken.contents.deleter(taken)
assert not dlpack._shown_now

flat = dlpack.DeviceArray("float32", (784,), 0)
expect(ValueError, "found shape [784]", program, ByDLPack(flat), mode="cuda")
wide = dlpack.DeviceArray("float64", shape, 0)
expect(TypeError, "found elements (2, 64)", program, ByDLPack(wide), mode="cuda")
expect(TypeError, "elements '<f8'", program, There(shape, "<f8"), mode="cuda", out=logits)
expect(ValueError, "found shape [1, 28, 28]", program, There((1, 28, 28)), mode="cuda", out=logits)
expect(ValueError, "row-major", program, There(shape, strides=(4, 4, 4, 112)), mode="cuda",
       out=logits)
expect(TypeError, "output 'logits' is not in a GPU's memory", program, image, mode="cuda",
       out=array.array("f", [0] * 10))
expect(TypeError, "a stream is for", program, here, mode="cuda", stream=1)
assert [elements.array_type(dtype) for dtype in
        ("float32", "uint8", "bool", "int64", "bfloat16")] == ["<f4", "|u1", "|b1", "<i8", None]
print("mode cuda of the Python package: all well")
