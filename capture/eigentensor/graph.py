"""The stored graph while it is made: nodes as compiler/store/store.h describes them.

Nodes that say the same are one node, and a movement that moves nothing is no node. What a node
means, and what it accepts, is in compiler/graph/ops.def."""

import json
import math
import struct

from .elements import BYTES, FLOATS, STORED_ONLY


class CaptureError(Exception):
    """What cannot be captured, and why."""


class Node:
    __slots__ = ("op", "sources", "attributes", "dtype", "shape")

    def __init__(self, op, sources, attributes, dtype, shape):
        self.op, self.sources, self.attributes = op, sources, attributes
        self.dtype, self.shape = dtype, shape

    @property
    def is_float(self):
        return self.dtype in FLOATS

    def __repr__(self):
        return f"{self.op} {self.dtype}{list(self.shape)}"


def freeze(value):
    """A value of an attribute as a key: 0.0 and -0.0, 1 and True and 1.0 are different."""
    if isinstance(value, (tuple, list)):
        return tuple(map(freeze, value))
    if isinstance(value, float):
        return float, struct.pack("<d", value)
    return type(value), value


class Graph:
    """Appends nodes; every method returns the node that has the value asked for."""

    def __init__(self, name):
        self.name = name
        self.nodes = {}  # key -> Node, in the order of their making: sources come first

    def append(self, op, sources, dtype, shape, **attributes):
        shape = tuple(shape)
        key = (op, tuple(map(id, sources)), dtype, shape, freeze(tuple(attributes.items())))
        if key not in self.nodes:
            self.nodes[key] = Node(op, tuple(sources), attributes, dtype, shape)
        return self.nodes[key]

    # Leaves

    def input(self, name, dtype, shape):
        return self.append("input", (), dtype, shape, name=name)

    def weight(self, name, dtype, shape):
        return self.append("weight", (), dtype, shape, name=name)

    def constant(self, value, dtype, shape=()):
        """One number for all elements, or a list of all."""
        if isinstance(value, (list, tuple)):
            return self.append("const", (), dtype, shape,
                               value=tuple(as_element(item, dtype) for item in value))
        scalar = self.append("const", (), dtype, (), value=as_element(value, dtype))
        return self.broadcast(scalar, shape)

    def iota(self, count, dtype):
        return self.append("iota", (), dtype, (count,))

    # Movement

    def reshape(self, x, shape):
        shape = tuple(shape)
        if x.shape == shape:
            return x
        if x.op == "reshape":
            return self.reshape(x.sources[0], shape)
        return self.append("reshape", (x,), x.dtype, shape)

    def expand(self, x, shape):
        shape = tuple(shape)
        return x if x.shape == shape else self.append("expand", (x,), x.dtype, shape)

    def broadcast(self, x, shape):
        """Axes are added in front, and those of extent 1 are repeated."""
        return self.expand(self.reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape), shape)

    def permute(self, x, axes):
        axes = tuple(axes)
        if x.op == "permute":
            return self.permute(x.sources[0], [x.attributes["axes"][axis] for axis in axes])
        if axes == tuple(range(len(axes))):
            return x
        return self.append("permute", (x,), x.dtype, (x.shape[axis] for axis in axes), axes=axes)

    def flip(self, x, axes):
        return self.append("flip", (x,), x.dtype, x.shape, axes=tuple(axes)) if axes else x

    def pad(self, x, padding, value=None):
        padding = tuple(map(tuple, padding))
        if not any(map(any, padding)):
            return x
        shape = [before + extent + after for extent, (before, after) in zip(x.shape, padding)]
        attributes = {"padding": padding}
        if value is not None:
            attributes["value"] = as_element(value, x.dtype)
        return self.append("pad", (x,), x.dtype, shape, **attributes)

    def shrink(self, x, ranges):
        ranges = tuple(map(tuple, ranges))
        shape = tuple(end - begin for begin, end in ranges)
        return x if x.shape == shape else self.append("shrink", (x,), x.dtype, shape, range=ranges)

    # Join

    def concat(self, parts, axis):
        if len(parts) == 1:
            return parts[0]
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self.append("concat", parts, parts[0].dtype, shape, axis=axis)

    def gather(self, data, positions, axis):
        if positions.dtype not in ("int32", "int64"):
            positions = self.cast(positions, "int32")
        shape = data.shape[:axis] + positions.shape + data.shape[axis + 1:]
        return self.append("gather", (data, positions), data.dtype, shape, axis=axis)

    # Arithmetic

    def cast(self, x, dtype):
        return x if x.dtype == dtype else self.append("cast", (x,), dtype, x.shape)

    def bitcast(self, x, dtype):
        if BYTES[x.dtype] != BYTES[dtype]:
            raise CaptureError(f"a bitcast of {x.dtype} to {dtype} changes the width")
        return x if x.dtype == dtype else self.append("bitcast", (x,), dtype, x.shape)

    def apply(self, op, *sources):
        """An elementwise operation on sources of one shape. Half precision is computed in float32
        and rounded after each operation, which gives what half precision arithmetic gives."""
        dtype = sources[-1].dtype
        if dtype in STORED_ONLY and op != "where":
            result = self.apply(op, *(self.cast(source, "float32") for source in sources))
            return result if result.dtype == "bool" else self.cast(result, dtype)
        if op in ("lt", "le", "eq", "ne"):
            dtype = "bool"
        return self.append(op, sources, dtype, sources[0].shape)

    def reduce(self, op, x, axes):
        """The axes vanish; they are reduced in ascending order."""
        axes = tuple(sorted(axes))
        if x.dtype in STORED_ONLY:
            return self.cast(self.reduce(op, self.cast(x, "float32"), axes), x.dtype)
        shape = [extent for axis, extent in enumerate(x.shape) if axis not in axes]
        return self.append(op, (x,), x.dtype, shape, axes=axes) if axes else x

    # Text

    def to_json(self, outputs, inputs):
        """The stored form, for et_program_import. `outputs` and `inputs`: name -> Node; inputs
        are stored in this order, used or not."""
        ordered = list(inputs.values())
        seen = set(map(id, ordered))
        ordered += [node for node in self.nodes.values() if id(node) not in seen]
        ids = {id(node): i for i, node in enumerate(ordered)}
        weights = sorted((node for node in ordered if node.op == "weight"),
                         key=lambda node: node.attributes["name"].encode())
        document = {"format": "eigentensor", "version": 2, "name": self.name,
                    "inputs": [described(node) for node in inputs.values()]}
        if weights:
            document["weights"] = {"tensors": [described(node) for node in weights]}
        document["nodes"] = [
            {"id": i, "op": node.op, "src": [ids[id(source)] for source in node.sources],
             **{key: written(value) for key, value in node.attributes.items()},
             "dtype": node.dtype, "shape": list(node.shape)}
            for i, node in enumerate(ordered)]
        document["outputs"] = [{"name": name, "node": ids[id(node)]}
                               for name, node in outputs.items()]
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def described(node):
    return {"name": node.attributes["name"], "dtype": node.dtype, "shape": list(node.shape)}


def written(value):
    """An attribute as JSON; floats that JSON has no number for are strings, and so is what exceeds
    int64."""
    if isinstance(value, tuple):
        return [written(item) for item in value]
    if isinstance(value, int) and value >= 1 << 63:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def as_element(value, dtype):
    """A Python number as an element of the dtype, as a cast would make it."""
    if dtype == "bool":
        return bool(value)
    if dtype in FLOATS:
        return float(value)
    bits = 8 * BYTES[dtype]
    wrapped = int(value) & ((1 << bits) - 1)
    signed = dtype.startswith("int")
    return wrapped - (1 << bits) if signed and wrapped >> (bits - 1) else wrapped
