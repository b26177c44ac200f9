#!/usr/bin/env python3
"""Valid models of every operator that the importer has, and what becomes of them when something in
them is changed: for the sweep, and as the first inputs of the fuzz target.

The models are the node cases of the package onnx with a single node, and the tables
operators_*.py beside this file.

models.py FOLDER writes one of each operator there, the smallest."""

import importlib
import re
import sys
import warnings
from pathlib import Path

import numpy
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

warnings.simplefilter("ignore")
TREE = Path(__file__).resolve().parent.parent.parent
TABLES = ("control", "float64", "layers", "math", "ml", "quantised", "random", "recurrent", "shape")
MICROSOFT = "com.microsoft"
# Operators of the domain that mean what others do, which the tables have.
ALIASES = {("", "QuantizeLinear"): (MICROSOFT, "QuantizeLinear"),
           ("", "DequantizeLinear"): (MICROSOFT, "DequantizeLinear"),
           (MICROSOFT, "FusedMatMul"): (MICROSOFT, "TransposeMatMul")}
TYPES = [number for name, number in TensorProto.DataType.items() if name != "UNDEFINED"]
EDGES = (-1, 0, 1, 2, 7, 2**31, -2**63, 2**63 - 1)


class Model:
    """A model with the arrays that its inputs get, which are not in the file."""

    def __init__(self, proto, arrays):
        self.proto, self.arrays = proto, arrays
        node = proto.graph.node[0]
        domain = "" if node.domain == "ai.onnx" else node.domain
        self.operator = (domain, node.op_type)

    def kind(self):
        """What tells models of an operator apart: attributes, inputs, their types and ranks."""
        node = self.proto.graph.node[0]
        declared = [value.type.tensor_type for value in self.proto.graph.input]
        return (*self.operator, tuple(sorted(each.name for each in node.attribute)),
                tuple(bool(name) for name in node.input),
                tuple((each.elem_type, len(each.shape.dim)) for each in declared))

    def named(self, domain, name):
        changed = copied(self.proto)
        changed.graph.node[0].domain, changed.graph.node[0].op_type = domain, name
        if domain not in [each.domain for each in changed.opset_import]:
            changed.opset_import.append(helper.make_opsetid(domain, 1))
        return Model(changed, self.arrays)


def copied(proto):
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy


def operators():
    """{(domain, name)} of onnx_ops.def."""
    table = (TREE / "compiler/import/onnx_ops.def").read_text()
    return set(re.findall(r'^ONNX_OP\("([^"]*)", (\w+),', table, re.MULTILINE))


def is_array(value):
    return isinstance(value, (numpy.ndarray, numpy.generic)) and value.dtype.kind not in "OSU"


def of_node_cases():
    # pylint: disable=import-outside-toplevel
    from onnx.backend.test.case.node import collect_testcases
    for case in collect_testcases(None):
        graph = case.model.graph
        arrays = [numpy_helper.to_array(value) if isinstance(value, TensorProto) else value
                  for value in (case.data_sets[0][0] if case.data_sets else [])]
        if (len(graph.node) == 1 and len(arrays) == len(graph.input) and
                all(map(is_array, arrays))):
            yield Model(case.model, arrays)


def of_tables():
    for name in TABLES:
        for case in importlib.import_module(f"operators_{name}").CASES:
            if hasattr(case, "given"):
                yield Model(case.model(), list(case.given().values()))


def choices_of_known(inputs):
    """Which inputs to make part of the model, from none on: shapes, axes, counts and the like are
    inputs of these cases, but graphs of fixed sizes need to know them. Lists first, then what
    comes after the first input, then all."""
    lists = {i for i, array in enumerate(inputs) if numpy.ndim(array) <= 1}
    return [set(), lists - {0}, lists, set(range(1, len(inputs))), set(range(len(inputs)))]


def with_known(model, inputs, known):
    """The model with some of its inputs as initialisers."""
    changed = copied(model)
    graph = changed.graph
    values = list(graph.input)
    del graph.input[:]
    for i, (value, array) in enumerate(zip(values, inputs)):
        if i in known:
            graph.initializer.append(numpy_helper.from_array(numpy.asarray(array), value.name))
        else:
            graph.input.append(value)
    return changed


def choices(model):
    """The model with one choice of known inputs after another."""
    said = []
    for known in choices_of_known(model.arrays):
        if known not in said:
            said.append(known)
            yield Model(with_known(model.proto, model.arrays, known),
                        [array for i, array in enumerate(model.arrays) if i not in known])


def base_models():
    """{operator: models of different kinds, the smallest first}. Of operators that have none, as
    those that are refused by name, one that is valid for Identity."""
    found, known = {}, operators()
    for model in (*of_node_cases(), *of_tables()):
        alias = ALIASES.get(model.operator)
        for each in (model, *([model.named(*alias)] if alias else [])):
            if each.operator in known:
                found.setdefault(each.operator, {}).setdefault(each.kind(), each)
    plain = found["", "Identity"]
    for operator in known - set(found):
        found[operator] = {0: next(iter(plain.values())).named(*operator)}
    return {operator: sorted(kinds.values(), key=lambda model: model.proto.ByteSize())
            for operator, kinds in sorted(found.items())}


# What is changed. Each of these yields pairs of what was done and the changed file.

def retyped(array, number):
    """The elements as another type has them, as far as it does."""
    dtype = helper.tensor_dtype_to_np_dtype(number)
    if dtype.kind == "O":
        return numpy.full(array.shape, "text", dtype=object)
    with numpy.errstate(all="ignore"):
        if dtype.kind == "u" and array.dtype.kind in "if":
            array = numpy.abs(array)
        if array.dtype.isbuiltin == dtype.isbuiltin == 2:  # of ml_dtypes: not all cast to another
            array = array.astype(numpy.float32)
        return array.astype(dtype)


def retype_tensor(tensor, number):
    tensor.CopyFrom(numpy_helper.from_array(retyped(numpy_helper.to_array(tensor), number),
                                            tensor.name))


def graphs_within(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from graphs_within(attribute.g)


def forget_outputs(proto):
    for value in proto.graph.output:
        value.ClearField("type")
    del proto.graph.value_info[:]


def type_of(model, name):
    graph = model.graph
    for value in graph.input:
        if value.name == name:
            return value.type.tensor_type.elem_type
    return next((tensor.data_type for tensor in graph.initializer if tensor.name == name), 0)


def retype_all(model, old, new):
    """Everything of one type, in graphs within nodes, too."""
    changed = copied(model)
    for graph in graphs_within(changed.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.tensor_type.elem_type == old:
                value.type.tensor_type.elem_type = new
        tensors = [attribute.t for node in graph.node for attribute in node.attribute
                   if attribute.type == AttributeProto.TENSOR]
        for tensor in (*graph.initializer, *tensors):
            if tensor.data_type == old:
                retype_tensor(tensor, new)
    forget_outputs(changed)
    return changed


def retype_one(model, name, new):
    changed = copied(model)
    for value in changed.graph.input:
        if value.name == name:
            value.type.tensor_type.elem_type = new
    for tensor in changed.graph.initializer:
        if tensor.name == name:
            retype_tensor(tensor, new)
    forget_outputs(changed)
    return changed


def by_type(model):
    names = dict.fromkeys(name for name in model.graph.node[0].input if type_of(model, name))
    types = dict.fromkeys(type_of(model, name) for name in names)
    for old in types:
        for new in TYPES:
            if new != old:
                yield (f"{TensorProto.DataType.Name(old)} as {TensorProto.DataType.Name(new)}",
                       retype_all(model, old, new))
    for name in names:
        alone = sum(type_of(model, other) == type_of(model, name) for other in names) == 1
        for new in () if alone else TYPES:
            if new != type_of(model, name):
                yield (f"{name} as {TensorProto.DataType.Name(new)}",
                       retype_one(model, name, new))


def attribute_values(attribute):
    """Others of its type."""
    if attribute.type == AttributeProto.INT:
        is_type = attribute.name in ("to", "dtype", "output_dtype", "stash_type")
        return (*EDGES, *(TYPES if is_type or "precision" in attribute.name else ()))
    if attribute.type == AttributeProto.INTS:
        ints = list(attribute.ints)
        others = [[edge, *ints[1:]] for edge in EDGES] + [[*ints[:-1], edge] for edge in EDGES]
        return (*others, ints[:-1], [*ints, 1], [*ints, *ints])
    if attribute.type == AttributeProto.FLOAT:
        return (numpy.nan, numpy.inf, 0., -1.)
    if attribute.type == AttributeProto.FLOATS:
        floats = list(attribute.floats)
        return (floats[:-1], [*floats, 1.], [numpy.nan, *floats[1:]])
    if attribute.type == AttributeProto.STRING:
        return ("nonsense",)
    return ()


def by_attribute(model):
    for i, attribute in enumerate(model.graph.node[0].attribute):
        changed = copied(model)
        del changed.graph.node[0].attribute[i]
        forget_outputs(changed)
        yield f"no {attribute.name}", changed
        for other in attribute_values(attribute):
            changed = copied(model)
            changed.graph.node[0].attribute[i].CopyFrom(
                helper.make_attribute(attribute.name, other, attr_type=attribute.type))
            forget_outputs(changed)
            yield f"{attribute.name} = {other}", changed


def by_presence(model):
    """Inputs and outputs that are left out, or more of them."""
    inputs, outputs = model.graph.node[0].input, model.graph.node[0].output
    for side in ("input", "output"):
        names = list(getattr(model.graph.node[0], side))
        others = [[*names[:i], "", *names[i + 1:]] for i in range(len(names))]
        others += [names[:i] for i in range(len(names))] + [[*names, *names[:1]], [*names, ""]]
        for other in others if side == "input" else others[:-2]:
            changed = copied(model)
            del getattr(changed.graph.node[0], side)[:]
            getattr(changed.graph.node[0], side).extend(other)
            if side == "output":
                kept = [value for value in changed.graph.output if value.name in other]
                del changed.graph.output[:]
                changed.graph.output.extend(kept)
            forget_outputs(changed)
            yield f"{side}s {other}", changed
    if len(set(inputs)) < 8 and len(outputs) < 3:
        changed = copied(model)
        changed.graph.node[0].output.append("one more")
        changed.graph.output.append(helper.make_empty_tensor_value_info("one more"))
        forget_outputs(changed)
        yield "one more output", changed


def other_shapes(shape):
    yield ()
    for i in range(len(shape)):
        for extent in (0, 1, shape[i] + 1):
            yield (*shape[:i], extent, *shape[i + 1:])
        yield (*shape[:i], *shape[i + 1:])
    yield (*shape, 1)
    yield (1, *shape)
    yield (0,) * len(shape)
    yield (1,) * len(shape)
    yield (2,) * 9


def by_shape(model):
    for i, value in enumerate(model.graph.input):
        dims = value.type.tensor_type.shape.dim
        shape = tuple(dim.dim_value for dim in dims)
        for other in dict.fromkeys(other_shapes(shape)):
            changed = copied(model)
            tensor = changed.graph.input[i].type.tensor_type
            changed.graph.input[i].CopyFrom(
                helper.make_tensor_value_info(value.name, tensor.elem_type, other))
            forget_outputs(changed)
            yield f"{value.name} of {list(other)}", changed
    for i, tensor in enumerate(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        for other in dict.fromkeys(other_shapes(array.shape)):
            changed = copied(model)
            changed.graph.initializer[i].CopyFrom(
                numpy_helper.from_array(numpy.resize(array, other), tensor.name))
            forget_outputs(changed)
            yield f"{tensor.name} of {list(other)}", changed


def by_value(model):
    """What the file holds: integers at the edges, in all places and in the last."""
    for i, tensor in enumerate(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind not in "iu" or array.size == 0:
            continue
        limits = numpy.iinfo(array.dtype)
        for edge in EDGES:
            for last in (False, True):
                other = array.copy().reshape(-1)
                other[-1 if last else slice(None)] = min(max(edge, limits.min), limits.max)
                changed = copied(model)
                changed.graph.initializer[i].CopyFrom(
                    numpy_helper.from_array(other.reshape(array.shape), tensor.name))
                forget_outputs(changed)
                yield f"{tensor.name} = {edge}{' at the end' if last else ''}", changed


CHANGES = {"type": by_type, "attribute": by_attribute, "presence": by_presence,
           "shape": by_shape, "value": by_value}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for (domain, name), models in base_models().items():
        smallest = models[0].proto.SerializeToString()
        (folder / f"{domain or 'onnx'}.{name}").write_bytes(smallest)


if __name__ == "__main__":
    main()
