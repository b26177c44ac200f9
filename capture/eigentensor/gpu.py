"""Tensors in the memory of a GPU, as libraries show them: by __cuda_array_interface__."""

import math
import sys

from .elements import BYTES, ELEMENTS

# Kinds of elements as array interfaces call them.
_KINDS = {"float": "f", "int": "i", "uint": "u", "bool": "b"}


def is_there(value):
    return hasattr(value, "__cuda_array_interface__")


def type_of(dtype):
    """As array interfaces call it, "<f4"; None where they have no name for it."""
    size = BYTES[dtype]
    kind = _KINDS.get(dtype.rstrip("0123456789"))
    return kind and ("|" if size == 1 else "<") + f"{kind}{size}"


def address_of(placeholder, value, batch, what="placeholder"):
    """Where the elements are; an error that names the placeholder when they are of another dtype or
    shape, or do not lie together."""
    if not is_there(value):
        raise TypeError(f"{what} {placeholder.name!r} is not in a GPU's memory, as others are: "
                        f"found {type(value).__name__}")
    shown = value.__cuda_array_interface__
    shape, strides = tuple(shown["shape"]), shown.get("strides")
    if shown["typestr"] != type_of(placeholder.dtype):
        raise TypeError(f"{what} {placeholder.name!r} is {placeholder}, found elements "
                        f"{shown['typestr']!r}")
    if shape != placeholder.at(batch) or batch < 1:
        raise ValueError(f"{what} {placeholder.name!r} is {placeholder}, found shape "
                         f"{list(shape)}")
    if strides and 0 not in shape and not _lie_together(shape, strides, BYTES[placeholder.dtype]):
        raise ValueError(f"{what} {placeholder.name!r}: expected row-major memory")
    address, readonly = shown["data"]
    if what == "output" and readonly:
        raise ValueError(f"output {placeholder.name!r}: expected memory to write to")
    return address or 0


def _lie_together(shape, strides, size):
    wanted = [size * math.prod(shape[axis + 1:]) for axis in range(len(shape))]
    return all(stride == one for extent, stride, one in zip(shape, strides, wanted) if extent > 1)


def first_extent(value):
    return value.__cuda_array_interface__["shape"][:1] or (1,)


def stream_of(value):
    """The stream that a library puts its work into; 0, the default one, if it does not say."""
    told = value.__cuda_array_interface__.get("stream")
    if told:
        return told
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return torch.cuda.current_stream(value.device).cuda_stream
    return 0


def empty(output, shape, like):
    """Memory for an output, of the library that an input is of."""
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch is not None and isinstance(like, torch.Tensor):
        return like.new_empty(shape, dtype=getattr(torch, output.dtype))
    if cupy is not None and isinstance(like, cupy.ndarray):
        return cupy.empty(shape, ELEMENTS[output.dtype].code)
    raise TypeError(f"there is no memory for output {output.name!r}: give it as `out`, since "
                    f"{type(like).__name__} is not known")
