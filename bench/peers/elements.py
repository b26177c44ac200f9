"""Seeded elements, and the files that carry them: safetensors for weights, plain float32 for
inputs and outputs."""

import json
import math
import struct
import zlib

import numpy


def numbers(seed, name, shape):
    """From a normal distribution; the same for the same seed and name."""
    generator = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(name.encode())]))
    return generator.standard_normal(shape, dtype=numpy.float32)


def weight(seed, name, shape, kind):
    """Of a size that keeps the elements of a deep network near 1."""
    value = numbers(seed, name, shape)
    if kind == "matrix":
        return value * numpy.float32(math.sqrt(2 / math.prod(shape[1:])))
    if kind == "offset":
        return value * numpy.float32(0.1)
    return 1 + numpy.clip(value, -3, 3) * numpy.float32(0.1)  # a factor, a variance


def save_inputs(folder, workload, seed):
    for name, shape in workload.inputs.items():
        numbers(seed, f"{workload.name}/{name}", shape).tofile(input_path(folder, workload, name))


def input_path(folder, workload, name):
    return folder / f"{workload.name}.{name}.f32"


def load_inputs(folder, workload):
    return {name: numpy.fromfile(input_path(folder, workload, name), numpy.float32).reshape(shape)
            for name, shape in workload.inputs.items()}


def save_tensors(path, arrays):
    """A safetensors file of float32 arrays, by name."""
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(numpy.ascontiguousarray(array).data)


def load_tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data, numpy.float32, math.prod(entry["shape"]),
                                   8 + length + entry["data_offsets"][0]).reshape(entry["shape"])
            for name, entry in header.items() if entry["dtype"] == "F32"}
