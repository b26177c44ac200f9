"""Which tensors become weights, their elements, and the safetensors file that takes them along."""

import json
import struct

from tinygrad.tensor import Tensor, all_tensors
from tinygrad.uop.ops import Ops

from .elements import BYTES, ELEMENTS
from .graph import CaptureError
from .translate import DTYPES, filled_with

MOST_INLINED = 64  # elements of a tensor without a name that is stored as a constant


def stored_now(tensor):
    """Whether a tensor can be computed now and kept, rather than as a part of the graph. A
    placeholder, also another context's, cannot: it has no elements."""
    uop = tensor.uop
    empty = uop.has_buffer_identity() and not uop.is_realized
    return tensor.dtype in DTYPES and not uop.is_virtual and not empty


def realize_held(outputs, state, inputs):
    """Computes the tensors that a model holds on to (those of the state, and all other living ones
    that the outputs are made of, and no input), so that they become weights. Returns the living
    ones: uop -> tensor. Tensors that nobody holds, like random numbers of a dropout, stay as they
    are."""
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise CaptureError(f"state {name!r} is {type(tensor).__name__}, expected a Tensor")
    reached = {}  # uop -> whether an input is below it
    for uop in (uop for output in outputs for uop in output.uop.toposort()):
        reached[uop] = uop in inputs or any(reached.get(source, False) for source in uop.src)
    ends = {output.uop for output in outputs} | {state.uop for state in _random_state()}
    living = [tensor for tensor in (reference() for reference in list(all_tensors))
              if tensor is not None and reached.get(tensor.uop) is False and stored_now(tensor)
              and tensor.uop not in ends and _has_memory(tensor.uop)]
    wanted = [tensor for tensor in (*state.values(), *living) if stored_now(tensor)]
    if wanted:
        Tensor.realize(*wanted)
    return {tensor.uop: tensor for tensor in living}


def _random_state():
    """What TinyGrad draws its random numbers from: it belongs to no model."""
    return [*Tensor._device_seeds.values(), *Tensor._device_rng_counters.values()]


def _has_memory(uop):
    """Not only numbers of the graph itself: something was read, drawn or filled in."""
    return any(node.op is Ops.BUFFER for node in uop.toposort(
        gate=lambda node: node.op is not Ops.AFTER or filled_with(node) is None))


def elements(tensor):
    return bytes(tensor.contiguous()._data())


def save(path, tensors):
    """A safetensors file: name -> (dtype, shape, bytes). Wide elements come first, so that all are
    aligned."""
    names = sorted(tensors, key=lambda name: (-BYTES[tensors[name][0]], name.encode()))
    header, offset = {}, 0
    for name in names:
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": ELEMENTS[dtype].safetensors, "shape": list(shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in names:
            file.write(tensors[name][2])
