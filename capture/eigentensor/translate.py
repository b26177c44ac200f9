"""TinyGrad's tensor graph, before scheduling, as a stored graph: a function for each of its
operations, which the page "Port your model" lists by their decorators."""

import math

from tinygrad import dtypes
from tinygrad.uop.ops import Ops

from . import recognise
from .elements import ELEMENTS, FLOATS
from .graph import CaptureError
from .recognise import numbers_of, uniform

DTYPES = {getattr(dtypes, name): name for name in ELEMENTS}
WEAK = {dtypes.weakint: "int32", dtypes.weakfloat: "float32"}

# What TinyGrad computes, and why it cannot be stored.
REFUSED = {
    Ops.THREEFRY: "random numbers",
    Ops.STORE: "assignment to a tensor",
    Ops.AFTER: "assignment to a tensor",
    Ops.CALL: "a custom kernel",
    Ops.CUSTOM_FUNCTION: "a custom function",
    Ops.ALLREDUCE: "a tensor on several devices",
    Ops.UNSHARD: "a tensor on several devices",
    Ops.MSTACK: "a tensor on several devices",
    Ops.MSELECT: "a tensor on several devices",
}

SUPPORTED = {}  # Ops -> (function, what it becomes)


def supports(*ops, becomes):
    def register(function):
        for op in ops:
            SUPPORTED[op] = function, becomes
        return function
    return register


def refuse(uop, why):
    raise CaptureError(f"{uop.op.name}: {why}")


def stored_dtype(uop):
    """The dtype of a node; a weak one by itself is TinyGrad's default."""
    dtype = DTYPES.get(uop.dtype) or WEAK.get(uop.dtype)
    return dtype or refuse(uop, f"dtype {str(uop.dtype).removeprefix('dtypes.')} is not supported; "
                                f"there are {', '.join(DTYPES.values())}")


def shape_of(uop):
    shape = uop.shape
    if not all(isinstance(extent, int) for extent in shape):
        refuse(uop, f"a shape with a variable, {shape}; only fixed shapes can be stored")
    return tuple(shape)


class Translator:
    """`leaves`: uop -> node, where the walk ends. Every function below gets the translator and
    the uop, asks for sources with `yield` (a uop, or a uop and the dtype that it takes if it is
    weak) and returns the node."""

    def __init__(self, graph, leaves, read_buffer):
        self.graph, self.leaves, self.read_buffer = graph, leaves, read_buffer
        self.made = {}

    def translate(self, root):
        """The node of a uop. Iterative: graphs are deeper than Python's stack."""
        self._refuse_below(root)
        stack = []
        answer = self._begin(root, None, stack)
        while stack:
            key, walk = stack[-1]
            try:
                wanted = walk.send(answer)
            except StopIteration as done:
                stack.pop()
                answer = self.made[key] = done.value
                continue
            except CaptureError as error:
                raise CaptureError(f"{error}{self._origin(root, key[0])}") from None
            answer = self._begin(*(wanted if isinstance(wanted, tuple) else (wanted, None)), stack)
        return answer

    def _begin(self, uop, dtype, stack):
        """The node, if it is there already; else None, and its walk is put on the stack."""
        key = uop, (dtype if uop.dtype in WEAK else None)
        if key in self.made:
            return self.made[key]
        stack.append((key, self._walk(*key)))
        return None

    def _walk(self, uop, dtype):
        graph = self.graph
        if uop in self.leaves:
            return self.leaves[uop]
        number = uniform(uop)
        if number is not None:
            return graph.constant(number, dtype or stored_dtype(uop), shape_of(uop))
        if uop.dtype in WEAK and dtype not in (None, WEAK[uop.dtype]):
            node = yield uop, WEAK[uop.dtype]
            return graph.cast(node, dtype)
        if uop.op not in SUPPORTED:
            refuse(uop, "this operation of TinyGrad is not supported")
        return (yield from SUPPORTED[uop.op][0](self, uop))

    def _below(self, root):
        return root.toposort(gate=lambda uop: uop not in self.leaves)

    def _refuse_below(self, root):
        """What cannot be stored is the reason, whatever else is wrong with what is made of it."""
        found = {}
        for uop in self._below(root):
            if uop.op in REFUSED and uop.op is not Ops.STORE and not (
                    uop.op is Ops.AFTER and filled_with(uop) is not None):
                found[uop.op] = uop  # the last is the nearest to the root
        for op, why in REFUSED.items():
            if op in found:
                raise CaptureError(f"{op.name}: {why} cannot be stored"
                                   f"{self._origin(root, found[op])}")

    def _origin(self, root, uop):
        """Which method of Tensor an operation is from: TinyGrad notes it where the method ends, so
        it is the nearest note on the way from the operation to the root."""
        consumers = {}
        for consumer in self._below(root):
            for source in consumer.src:
                consumers.setdefault(source, []).append(consumer)
        reached, nearest = {uop}, [uop]
        for node in nearest:
            name = str(node.metadata[0]) if node.metadata else "_"
            if not name.startswith("_") or name.startswith("__"):
                return f" ({'in' if node is uop else 'for'} Tensor.{name})"
            further = [one for one in consumers.get(node, ()) if one not in reached]
            reached.update(further)
            nearest += further
        return ""


def elementwise(translator, uop, sources=None):
    """The sources of an elementwise operation: of one dtype and of the result's shape."""
    sources = sources or uop.src
    dtype = stored_dtype(uop)
    if uop.op in (Ops.CMPLT, Ops.CMPNE, Ops.CMPEQ):
        strong = [source for source in sources if source.dtype not in WEAK]
        dtype = stored_dtype(strong[0] if strong else sources[0])
        if dtype not in FLOATS and any(source.dtype is dtypes.weakfloat for source in sources):
            dtype = "float32"
    nodes = []
    for source in sources:
        node = yield source, dtype
        node = translator.graph.cast(node, dtype)
        nodes.append(translator.graph.broadcast(node, shape_of(uop)))
    return nodes


# Leaves

@supports(Ops.CONST, becomes="const")
def constant(translator, uop):
    refuse(uop, f"the value {uop.arg} cannot be stored")
    yield


@supports(Ops.BUFFER, becomes="weight, or const where it is small and has no name")
def buffer(translator, uop):
    return translator.read_buffer(uop)
    yield


def filled_with(uop):
    """What a fresh tensor was filled with at once (Tensor.full, zeros, ones), else None."""
    target, *stores = uop.src
    if len(stores) == 1 and stores[0].op is Ops.STORE and stores[0].src[0] is target:
        base = target
        while base.op is Ops.RESHAPE:
            base = base.src[0]
        if base.op is Ops.BUFFER and not base.is_realized:
            return stores[0].src[1]
    return None


@supports(Ops.AFTER, becomes="the value, of a tensor just made by full, zeros, ones, clone")
def after(translator, uop):
    dtype = stored_dtype(uop)
    node = yield filled_with(uop), dtype
    return translator.graph.broadcast(translator.graph.cast(node, dtype), shape_of(uop))


@supports(Ops.COPY, Ops.CONTIGUOUS, Ops.CONTIGUOUS_BACKWARD, Ops.DETACH, Ops.NOOP,
          becomes="nothing")
def passed_on(translator, uop):
    return (yield uop.src[0])


@supports(Ops.GETTUPLE, becomes="what the function, of @function, computes")
def result_of_function(translator, uop):
    call = uop.src[0]
    body = call.src[0] if call.op is Ops.FUNCTION else call
    if body.op is not Ops.TUPLE:
        refuse(uop, "this operation of TinyGrad is not supported")
    result = body.src[uop.arg]
    arguments = {node: call.src[1 + node.arg.slot] for node in result.toposort()
                 if node.op is Ops.PARAM and call.op is Ops.FUNCTION}
    return (yield result.substitute(arguments))


# Movement

@supports(Ops.RESHAPE, becomes="reshape")
def reshape(translator, uop):
    return translator.graph.reshape((yield uop.src[0]), shape_of(uop))


@supports(Ops.EXPAND, becomes="reshape, expand")
def expand(translator, uop):
    return translator.graph.broadcast((yield uop.src[0]), shape_of(uop))


@supports(Ops.PERMUTE, becomes="permute")
def permute(translator, uop):
    return translator.graph.permute((yield uop.src[0]), uop.arg)


@supports(Ops.FLIP, becomes="flip")
def flip(translator, uop):
    shape = shape_of(uop)
    axes = [axis for axis, flipped in enumerate(uop.arg)
            if flipped and shape[axis] > 1] if isinstance(uop.arg[0], bool) else list(uop.arg)
    return translator.graph.flip((yield uop.src[0]), sorted(axes))


@supports(Ops.PAD, becomes="pad")
def pad(translator, uop):
    outer, inner = shape_of(uop), shape_of(uop.src[0])
    if 0 in inner:
        return translator.graph.constant(0, stored_dtype(uop), outer)
    begin = numbers_of(uop.src[1])
    padding = [(b, o - b - i) for b, o, i in zip(begin, outer, inner)]
    return translator.graph.pad((yield uop.src[0]), padding)


@supports(Ops.SHRINK, becomes="shrink")
def shrink(translator, uop):
    begin = numbers_of(uop.src[1])
    if not all(isinstance(number, int) for number in begin):
        refuse(uop, "a range with a variable; only fixed ranges can be stored")
    ranges = [(b, b + extent) for b, extent in zip(begin, shape_of(uop))]
    return translator.graph.shrink((yield uop.src[0]), ranges)


@supports(Ops.STACK, becomes="reshape, concat")
def stack(translator, uop):
    parts = []
    for source in uop.src:
        node = yield source, stored_dtype(uop)
        parts.append(translator.graph.reshape(node, (1, *node.shape)))
    return translator.graph.concat(parts, 0)


# Unary

@supports(Ops.EXP2, becomes="exp, of `x * (1 / ln 2)`; else pow(2, x)")
def exp2(translator, uop):
    graph = translator.graph
    x, number = recognise.with_number(uop.src[0], Ops.MUL)
    if number in (recognise.LOG2_E, -recognise.LOG2_E):
        x, = yield from elementwise(translator, uop, (x,))
        return graph.apply("exp", graph.apply("neg", x) if number < 0 else x)
    x, = yield from elementwise(translator, uop)
    return graph.apply("pow", graph.constant(2.0, x.dtype, x.shape), x)


def log_of(translator, uop):
    x, = yield from elementwise(translator, uop)
    return translator.graph.apply("log", x)


@supports(Ops.LOG2, becomes="log, where ln 2 is multiplied with; else log(x) * (1 / ln 2)")
def log2(translator, uop):
    x = yield from log_of(translator, uop)
    graph = translator.graph
    return graph.apply("mul", x, graph.constant(recognise.LOG2_E, x.dtype, x.shape))


@supports(Ops.SIN, becomes="sin")
@supports(Ops.SQRT, becomes="sqrt")
@supports(Ops.RECIPROCAL, becomes="recip")
@supports(Ops.NEG, becomes="neg")
def unary(translator, uop):
    name = {Ops.SIN: "sin", Ops.SQRT: "sqrt", Ops.RECIPROCAL: "recip", Ops.NEG: "neg"}[uop.op]
    return translator.graph.apply(name, *(yield from elementwise(translator, uop)))


@supports(Ops.TRUNC, becomes="ceil below 0, floor above; with its WHERE floor or ceil alone")
def trunc(translator, uop):
    graph = translator.graph
    x, = yield from elementwise(translator, uop)
    if not x.is_float:
        return x
    below = graph.apply("lt", x, graph.constant(0.0, x.dtype, x.shape))
    return graph.apply("where", below, graph.apply("ceil", x), graph.apply("floor", x))


@supports(Ops.CAST, becomes="cast")
def cast(translator, uop):
    dtype = stored_dtype(uop)
    return translator.graph.cast((yield uop.src[0], dtype), dtype)


@supports(Ops.BITCAST, becomes="bitcast, to a dtype of the same width")
def bitcast(translator, uop):
    return translator.graph.bitcast((yield uop.src[0]), stored_dtype(uop))


# Binary

@supports(Ops.ADD, becomes="add; sub, of `a + b * -1`; concat, of tensors padded apart; "
          "or, of bool")
def add(translator, uop):
    joined = recognise.joined(uop)
    if joined:
        parts = []
        for part in joined[1]:
            node = yield part, stored_dtype(uop)
            parts.append(translator.graph.broadcast(node, shape_of(part)))
        return translator.graph.concat(parts, joined[0])
    a, b = uop.src
    for left, right in ((a, b), (b, a)):
        subtracted = recognise.negated(right)
        if subtracted is not None and right.dtype is uop.dtype:
            nodes = yield from elementwise(translator, uop, (left, subtracted))
            return translator.graph.apply("sub", *nodes)
    for ramp, other in ((a, b), (b, a)):
        found = ramp.op is Ops.REDUCE and uniform(other) is not None and recognise.ramp(ramp)
        if found:
            return ramp_node(translator, ramp, found, uniform(other))
    nodes = yield from elementwise(translator, uop)
    return translator.graph.apply("or" if nodes[0].dtype == "bool" else "add", *nodes)


@supports(Ops.MUL, becomes="mul; neg, of `x * -1`; log; and, of bool")
def mul(translator, uop):
    graph = translator.graph
    x, number = recognise.with_number(uop, Ops.MUL)
    if x is not None and x.op is Ops.LOG2 and number == recognise.LN_2:
        return graph.broadcast((yield from log_of(translator, x)), shape_of(uop))
    if recognise.negated(uop) is not None and stored_dtype(uop) != "bool":
        return graph.apply("neg", *(yield from elementwise(translator, uop, (x,))))
    nodes = yield from elementwise(translator, uop)
    return graph.apply("and" if nodes[0].dtype == "bool" else "mul", *nodes)


BINARY = {Ops.SUB: "sub", Ops.FDIV: "div", Ops.CDIV: "div", Ops.CMOD: "mod",
          Ops.CMPLT: "lt", Ops.CMPEQ: "eq", Ops.AND: "and", Ops.XOR: "xor", Ops.SHL: "shl",
          Ops.SHR: "shr"}


def binary(translator, uop):
    return translator.graph.apply(BINARY[uop.op], *(yield from elementwise(translator, uop)))


for _op, _name in BINARY.items():
    supports(_op, becomes=_name)(binary)


@supports(Ops.MAX, becomes="max; where, of two floats of which the second may be NaN")
def maximum(translator, uop):
    """TinyGrad's is `a < b ? b : a`, which keeps a where b is NaN; ours is NaN then."""
    graph, number = translator.graph, uniform(uop.src[1])
    a, b = yield from elementwise(translator, uop)
    if not a.is_float or (number is not None and not math.isnan(number)):
        return graph.apply("max", a, b)
    return graph.apply("where", graph.apply("lt", a, b), b, a)


@supports(Ops.OR, becomes="or; concat, of tensors padded apart")
def either(translator, uop):
    if recognise.joined(uop):
        return (yield from add(translator, uop))
    return translator.graph.apply("or", *(yield from elementwise(translator, uop)))


@supports(Ops.CMPNE, becomes="ne; not, of `x != true`; eq, of a not of ne")
def not_equal(translator, uop):
    graph = translator.graph
    if uop.src[0].dtype is dtypes.bool and uniform(uop.src[1]) is True:
        x, = yield from elementwise(translator, uop, uop.src[:1])
        inner, places = recognise.core(x)
        if inner.op == "ne" and x is inner:
            return graph.apply("eq", *x.sources)
        return graph.apply("not", x)
    return graph.apply("ne", *(yield from elementwise(translator, uop)))


@supports(Ops.FLOORDIV, Ops.FLOORMOD, becomes="div and mod, less one or one divisor more where "
          "the signs differ")
def floor_divide(translator, uop):
    graph = translator.graph
    a, b = yield from elementwise(translator, uop)
    remainder = graph.apply("mod", a, b)
    if a.dtype.startswith("uint"):
        return remainder if uop.op is Ops.FLOORMOD else graph.apply("div", a, b)
    zero = graph.constant(0, a.dtype, a.shape)
    apart = graph.apply("ne", graph.apply("lt", remainder, zero), graph.apply("lt", b, zero))
    wrong = graph.apply("and", graph.apply("ne", remainder, zero), apart)
    if uop.op is Ops.FLOORMOD:
        return graph.apply("where", wrong, graph.apply("add", remainder, b), remainder)
    return graph.apply("sub", graph.apply("div", a, b), graph.cast(wrong, a.dtype))


@supports(Ops.POW, becomes="pow; mul, sqrt, recip for the exponents 2, 3, 0.5, -0.5, -1; "
          "mul of integers")
def power(translator, uop):
    graph, exponent = translator.graph, uniform(uop.src[1])
    nodes = yield from elementwise(translator, uop)
    x = nodes[0]
    if not x.is_float:
        if exponent not in range(64):
            refuse(uop, "of integers, with an exponent that is not a number from 0 to 63")
        result = graph.constant(1, x.dtype, x.shape) if exponent == 0 else x
        for _ in range(exponent - 1):
            result = graph.apply("mul", result, x)
        return result
    if exponent == 2:
        return graph.apply("mul", x, x)
    if exponent == 3:
        return graph.apply("mul", graph.apply("mul", x, x), x)
    if exponent in (0.5, -0.5):
        x, exponent = graph.apply("sqrt", x), exponent * 2
    return x if exponent == 1 else graph.apply("recip", x) if exponent == -1 else \
        graph.apply("pow", *nodes)


# Ternary

@supports(Ops.WHERE, becomes="where; pad with a value; floor and ceil")
def where(translator, uop):
    graph, shape = translator.graph, shape_of(uop)
    truth = uniform(uop.src[0])
    dtype = stored_dtype(uop)
    if truth is not None:
        return graph.broadcast((yield uop.src[1 if truth else 2], dtype), shape)
    found = recognise.rounded(uop)
    if found:
        name, x = found
        x, = yield from elementwise(translator, uop, (x,))
        return graph.apply(name, x) if x.is_float else x
    found = recognise.padded_with(uop)
    if found:
        inside, number = found
        node = yield inside, dtype
        if node.op == "pad" and "value" not in node.attributes:
            return graph.pad(node.sources[0], node.attributes["padding"], number)
    condition = yield uop.src[0]
    a = yield uop.src[1], dtype
    b = yield uop.src[2], dtype
    return graph.apply("where", *(graph.broadcast(node, shape) for node in (condition, a, b)))


# Reduction

REDUCTIONS = {Ops.ADD: "reduce_sum", Ops.MUL: "reduce_prod", Ops.MAX: "reduce_max"}
OF_BOOL = {Ops.ADD: "reduce_max", Ops.MUL: "reduce_min", Ops.MAX: "reduce_max"}
OF_NOTHING = {Ops.ADD: 0, Ops.MUL: 1}


def ramp_node(translator, uop, found, offset):
    """step, 2 step, ... plus the offset."""
    graph = translator.graph
    count, step, _ = found
    dtype = stored_dtype(uop)
    node = graph.cast(graph.iota(count, "int64" if dtype == "int64" else "int32"), dtype)
    for op, number, nothing in (("mul", step, 1), ("add", step + offset, 0)):
        if number != nothing:
            node = graph.apply(op, node, graph.constant(number, dtype, node.shape))
    return node


@supports(Ops.REDUCE, becomes="reduce_sum, reduce_prod, reduce_max, and contract of a sum of "
          "products; iota, of a range; gather, of a sum of what is masked by `position == index`")
def reduce(translator, uop):
    graph, (op, count) = translator.graph, uop.arg
    shape, dtype = shape_of(uop), stored_dtype(uop)
    found = recognise.ramp(uop)
    if found:
        return ramp_node(translator, uop, found, 0)
    if 0 in shape_of(uop.src[0]):
        least = uop.dtype.min if op is Ops.MAX else OF_NOTHING[op]
        return graph.constant(least, dtype, shape)
    x = yield uop.src[0], dtype
    x = graph.broadcast(x, shape_of(uop.src[0]))
    order = tuple(range(len(x.shape)))
    if x.op == "permute":
        order, x = x.attributes["axes"], x.sources[0]
    axes, rest = order[:count], order[count:]
    if op is Ops.ADD:
        gathered = recognise.gather(graph, x, axes)
        if gathered:
            kept = graph.reshape(gathered, [x.shape[axis] for axis in sorted(rest)])
            return graph.permute(kept, ranks(rest))
    name = (OF_BOOL if x.dtype == "bool" else REDUCTIONS)[op]
    return graph.permute(graph.reduce(name, x, axes), ranks(rest))


def ranks(axes):
    """Each axis's place among them all."""
    ordered = sorted(axes)
    return [ordered.index(axis) for axis in axes]
