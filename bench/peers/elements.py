"""Seeded elements, and the files that carry them: safetensors for weights, plain elements for
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
    if kind == "mask":  # of those that come later
        return numpy.triu(numpy.full(shape, -1e9, numpy.float32), 1)
    value = numbers(seed, name, shape)
    if kind in ("matrix", "tied"):
        return value * numpy.float32(math.sqrt(2 / math.prod(shape[1:])))
    if kind == "half":
        return weight(seed, name, shape, "matrix").astype(numpy.float16)
    if kind == "transposed":
        return value * numpy.float32(math.sqrt(2 / shape[0]))
    if kind == "offset":
        return value * numpy.float32(0.1)
    if kind == "table":
        return value
    return 1 + numpy.clip(value, -3, 3) * numpy.float32(0.1)  # a factor, a variance


def input_of(seed, workload, name):
    shape = workload.inputs[name]
    key = f"{workload.name}/{name}"
    if name not in workload.ids:
        return numbers(seed, key, shape)
    generator = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(key.encode())]))
    ids = generator.permutation(workload.rows)[:math.prod(shape)]
    return ids.astype(numpy.int64).reshape(shape)


def save_inputs(folder, workload, seed):
    for name in workload.inputs:
        input_of(seed, workload, name).tofile(input_path(folder, workload, name))


def input_path(folder, workload, name):
    return folder / f"{workload.name}.{list(workload.inputs).index(name)}.input"


def load_inputs(folder, workload):
    return {name: numpy.fromfile(input_path(folder, workload, name),
                                 workload.dtype(name)).reshape(shape)
            for name, shape in workload.inputs.items()}


DTYPES = {"F32": numpy.float32, "F16": numpy.float16}


def save_tensors(path, arrays):
    """A safetensors file of arrays, by name."""
    header, offset = {}, 0
    for name, array in arrays.items():
        dtype = next(key for key, value in DTYPES.items() if value == array.dtype)
        header[name] = {"dtype": dtype, "shape": list(array.shape),
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
    return {name: numpy.frombuffer(data, DTYPES[entry["dtype"]], math.prod(entry["shape"]),
                                   8 + length + entry["data_offsets"][0]).reshape(entry["shape"])
            for name, entry in header.items() if entry["dtype"] in DTYPES}
