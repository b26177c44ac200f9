"""Tensors in the memory of a GPU, as libraries show them: by __cuda_array_interface__ or DLPack."""

import math
import sys

from . import dlpack
from .elements import BYTES, ELEMENTS, array_type


def is_there(value):
    return hasattr(value, "__cuda_array_interface__") or dlpack.is_on_gpu(value)


class _Shown:
    """Where a library's elements are, and how they lie."""

    def __init__(self, placeholder, value, stream):
        named = array_type(placeholder.dtype) or not hasattr(value, "__dlpack__")
        if named and hasattr(value, "__cuda_array_interface__"):
            shown = value.__cuda_array_interface__
            self.shape, self.strides = tuple(shown["shape"]), shown.get("strides")
            self.address, self.readonly = shown["data"]
            self.type, self.expected = shown["typestr"], array_type(placeholder.dtype)
            if shown.get("stream"):
                dlpack.wait(shown["stream"], stream or dlpack.DEFAULT_STREAM)
        else:
            self.lent = dlpack.Lent(value, stream)
            self.shape, self.strides = self.lent.shape, self.lent.strides
            self.address, self.readonly = self.lent.address, False
            self.type, self.expected = self.lent.type, dlpack.type_of(placeholder.dtype)


def shown(placeholder, value, batch, stream, what="placeholder"):
    """The elements, as something that has their `address`; an error that names the placeholder when
    they are of another dtype or shape, or do not lie together."""
    if not is_there(value):
        raise TypeError(f"{what} {placeholder.name!r} is not in a GPU's memory, as others are: "
                        f"found {type(value).__name__}")
    found = _Shown(placeholder, value, stream)
    if found.type != found.expected:
        raise TypeError(f"{what} {placeholder.name!r} is {placeholder}, found elements "
                        f"{found.type!r}")
    if found.shape != placeholder.at(batch) or batch < 1:
        raise ValueError(f"{what} {placeholder.name!r} is {placeholder}, found shape "
                         f"{list(found.shape)}")
    if found.strides and 0 not in found.shape and \
            not _lie_together(found.shape, found.strides, BYTES[placeholder.dtype]):
        raise ValueError(f"{what} {placeholder.name!r}: expected row-major memory")
    if what == "output" and found.readonly:
        raise ValueError(f"output {placeholder.name!r}: expected memory to write to")
    found.address = found.address or 0
    return found


def _lie_together(shape, strides, size):
    wanted = [size * math.prod(shape[axis + 1:]) for axis in range(len(shape))]
    return all(stride == one for extent, stride, one in zip(shape, strides, wanted) if extent > 1)


def first_extent(value):
    told = getattr(value, "__cuda_array_interface__", None)
    return (told["shape"] if told else value.shape)[:1] or (1,)


def stream_of(value):
    """The stream that a library puts its work into; 0, the default one, if it does not say."""
    told = getattr(value, "__cuda_array_interface__", {}).get("stream")
    if told:
        return 0 if told == dlpack.DEFAULT_STREAM else told
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return torch.cuda.current_stream(value.device).cuda_stream
    return 0


def empty(output, shape, like, stream):
    """Memory for an output, of the library that an input is of, or else of our own."""
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch is not None and isinstance(like, torch.Tensor):
        return like.new_empty(shape, dtype=getattr(torch, output.dtype))
    if cupy is not None and isinstance(like, cupy.ndarray) and output.dtype != "bfloat16":
        return cupy.empty(shape, ELEMENTS[output.dtype].code)
    return dlpack.DeviceArray(output.dtype, shape, stream)
