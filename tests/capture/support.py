"""What the tests share: seeded numbers, tensors of them, and comparing."""

import math
import random
import struct

from tinygrad import Tensor, dtypes

from eigentensor import TensorContext
from eigentensor.elements import ELEMENTS
from eigentensor.program import CPU_MODES
from eigentensor.translate import DTYPES

FLOATS = (dtypes.float32, dtypes.float16, dtypes.bfloat16)
RANGES = {"int8": (-11, 11), "int16": (-50, 50), "int32": (-50, 50), "int64": (-50, 50),
          "uint8": (0, 40), "uint16": (0, 200), "uint32": (0, 200), "uint64": (0, 200)}


def numbers(rng, dtype, shape, low=None, high=None):
    """Nested lists of random elements; floats are exact in every float dtype."""
    if shape:
        return [numbers(rng, dtype, shape[1:], low, high) for _ in range(shape[0])]
    if dtype is dtypes.bool:
        return rng.random() < 0.5
    if dtype in FLOATS:
        steps = 64 if dtype is dtypes.float32 else 16
        low, high = (-3.0, 3.0) if low is None else (low, high)
        return math.floor(rng.uniform(low, high) * steps + 1) / steps
    least, greatest = RANGES[DTYPES[dtype]]
    return rng.randint(least if low is None else int(low), greatest if high is None else int(high))


def elements(tensor):
    """A tensor's elements as bytes: what TinyGrad itself computes."""
    return bytes(tensor.contiguous()._data())


def unpacked(data, dtype):
    """Bytes as a flat list of numbers."""
    if dtype == "bfloat16":
        return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)]
    code = ELEMENTS[dtype].code
    return list(struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))


def difference(found, expected, dtype, absolute, relative):
    """None if two results agree (a NaN with a NaN), else what the first difference is."""
    if absolute is None:
        if found == expected:
            return None
        absolute = relative = 0.0
    for i, (a, b) in enumerate(zip(unpacked(found, dtype), unpacked(expected, dtype))):
        same = a == b or (a != a and b != b)
        if not same and not abs(a - b) <= absolute + relative * abs(b):
            return f"element {i} is {a!r}, expected {b!r}"
    return None


def run_all_modes(program, inputs, modes=CPU_MODES):
    """The outputs as bytes, by name: of the first mode; the others must give the same bits."""
    first = None
    for mode in modes:
        result = program(mode=mode, **inputs)
        if not isinstance(result, dict):
            result = {program.outputs[0].name: result}
        result = {name: bytes(view) for name, view in result.items()}
        first = first or result
        for name in first:
            assert result[name] == first[name], f"{name}: {mode} differs from {modes[0]}"
    return first


def capture(model, shapes, state=None, name="test"):
    """The program of model(*placeholders); `shapes`: name -> (shape, dtype)."""
    context = TensorContext(name)
    placeholders = [context.add_graph_input(key, *kind) for key, kind in shapes.items()]
    return context.compile_to_graph(model(*placeholders), state=state)


def tensors(rng, shapes, **limits):
    return {key: Tensor(numbers(rng, dtype, shape, **limits), dtype=dtype)
            for key, (shape, dtype) in shapes.items()}


def seeded(*words):
    return random.Random(repr(words))
