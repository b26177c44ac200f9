"""Operations of ours that TinyGrad writes with several of its own.

Those that work on TinyGrad's nodes answer a question about one and change nothing; `gather` works
on ours."""

import math

from tinygrad import dtypes
from tinygrad.tensor import Tensor
from tinygrad.uop.ops import Ops

from .elements import INTEGERS

LOG2_E = 1 / math.log(2)
LN_2 = math.log(2)

# Weak numbers (of Python, whose dtype is that of what they meet) are computed as TinyGrad does.
_WEAK = {
    Ops.ADD: lambda a, b: a + b, Ops.SUB: lambda a, b: a - b, Ops.MUL: lambda a, b: a * b,
    Ops.MAX: max, Ops.NEG: lambda a: -a, Ops.SQRT: math.sqrt,
    Ops.RECIPROCAL: lambda a: 1 / a if a else math.copysign(math.inf, a),
    Ops.EXP2: lambda a: 2.0 ** a, Ops.POW: lambda a, b: a ** b,
    Ops.LOG2: lambda a: math.log2(a) if a > 0 else -math.inf if a == 0 else math.nan,
}
_SPREADING = {Ops.RESHAPE, Ops.EXPAND, Ops.PERMUTE, Ops.FLIP, Ops.SHRINK}


def uniform(uop):
    """The number that every element is, if the graph says so at once; else None."""
    while uop.op in _SPREADING:
        uop = uop.src[0]
    if uop.op is Ops.CONST:
        return uop.arg if isinstance(uop.arg, (bool, int, float)) else None
    if uop.dtype in (dtypes.weakint, dtypes.weakfloat) and uop.op in _WEAK:
        numbers = [uniform(source) for source in uop.src]
        if None in numbers:
            return None
        try:
            return _WEAK[uop.op](*numbers)
        except (ArithmeticError, ValueError):
            return None
    return None


def with_number(uop, op):
    """(x, number) if uop is `x op number`, of an operation that does not mind the order."""
    if uop.op is op:
        for x, other in (uop.src, uop.src[::-1]):
            number = uniform(other)
            if number is not None and uniform(x) is None:
                return x, number
    return None, None


def negated(uop):
    """x if uop is `x * -1`."""
    x, number = with_number(uop, Ops.MUL)
    return x if number == -1 and not isinstance(number, bool) else None


def rounded(uop):
    """("floor" or "ceil", x) if this WHERE is TinyGrad's: truncated, and one less or more where
    that went the wrong way."""
    condition, changed, truncated = uop.src
    if truncated.op is not Ops.TRUNC or condition.op is not Ops.CMPLT:
        return None
    x = truncated.src[0]
    same, number = with_number(changed, Ops.ADD)
    if same is not truncated:
        return None
    if condition.src == (x, truncated) and number == -1:
        return "floor", x
    if condition.src == (truncated, x) and number == 1:
        return "ceil", x
    return None


_ramps = {}


def ramp(uop):
    """(count, step, dtype) if this REDUCE is the cumulative sum, step, 2 step, 3 step, ..., that
    TinyGrad makes a range of. TinyGrad has one node for what says the same: so it is asked."""
    if uop.arg[0] is not Ops.ADD or len(uop.shape) != 1:
        return None
    numbers = {node for node in uop.toposort(gate=lambda node: node.op is not Ops.STACK)
               if node.op is Ops.CONST and node.dtype not in (dtypes.weakint, dtypes.weakfloat)}
    if len(numbers) != 1:
        return None
    number = numbers.pop()
    key = (uop.shape[0], number.arg, number.dtype)
    if key not in _ramps:
        made = Tensor.full((uop.shape[0],), number.arg, dtype=number.dtype, buffer=False)
        _ramps[key] = made._cumalu(0, Ops.ADD).uop
    return key if _ramps[key] is uop else None


def joined(uop):
    """(axis, parts) if the sum, or logical or, is of tensors each padded to a place of its own:
    how TinyGrad concatenates. `parts` are the tensors without padding, in order."""
    leaves, pending = [], [uop]
    while pending:
        node = pending.pop()
        if node.op is uop.op and node.shape == uop.shape:
            pending += node.src
        elif node.op is Ops.PAD and node.shape == uop.shape:
            leaves.append(node)
        else:
            return None
    places = []
    for leaf in leaves:
        begin, inner = numbers_of(leaf.src[1]), leaf.src[0].shape
        axes = [axis for axis, extent in enumerate(leaf.shape) if inner[axis] != extent]
        if len(axes) != 1:
            return None
        places.append((axes[0], begin[axes[0]], inner[axes[0]], leaf.src[0]))
    axis, reached = places[0][0], 0
    for place, begin, extent, _ in sorted(places, key=lambda place: place[1]):
        if place != axis or begin != reached:
            return None
        reached += extent
    if reached != uop.shape[axis]:
        return None
    return axis, [place[3] for place in sorted(places, key=lambda place: place[1])]


def padded_with(uop):
    """(x, number) if this WHERE chooses a padded x inside, and a number in the padding."""
    condition, inside, outside = uop.src
    number = uniform(outside)
    if (condition.op is Ops.PAD and inside.op is Ops.PAD and number is not None
            and uniform(condition.src[0]) is True and condition.src[1:] == inside.src[1:]
            and condition.shape == inside.shape == uop.shape):
        return inside, number
    return None


def numbers_of(uop):
    """The integers of an argument of a movement."""
    sources = uop.src if uop.op is Ops.STACK else (uop,)
    return tuple(source.arg for source in sources)


# On our nodes

def core(node):
    """(x, places): what the node repeats and turns, and on which of the node's axes each axis of x
    lies; None for one of extent 1."""
    places = list(range(len(node.shape)))
    while True:
        if node.op == "expand":
            node = node.sources[0]
            places = [None if extent == 1 else place for extent, place in zip(node.shape, places)]
        elif node.op == "permute":
            moved = [None] * len(places)
            for place, axis in zip(places, node.attributes["axes"]):
                moved[axis] = place
            node, places = node.sources[0], moved
        elif node.op == "reshape":
            inner = node.sources[0].shape
            kept = [place for extent, place in zip(node.shape, places) if extent != 1]
            if [e for e in inner if e != 1] != [e for e in node.shape if e != 1]:
                return node, places
            left = iter(kept)
            node, places = node.sources[0], [None if e == 1 else next(left) for e in inner]
        else:
            return node, places


def _on(places, outer):
    """Places in an inner node as places in the outer one."""
    return [None if place is None else outer[place] for place in places]


def _is_iota(node):
    while node.op == "cast" and node.dtype in ("int32", "int64"):
        node = node.sources[0]
    return node.op == "iota"


def _chosen(masked):
    """(condition, data) of what is 0 but where the condition holds."""
    if masked.op == "where":
        condition, data, other = masked.sources
        zero = core(other)[0]
        if zero.op == "const" and zero.attributes["value"] in (0, 0.0):
            return condition, data
    if masked.op == "mul":
        for data, mask in (masked.sources, masked.sources[::-1]):
            mask = core_of_cast(mask)
            if mask is not None:
                return mask, data
    return None


def core_of_cast(node):
    """The bool tensor, of the same shape, that the node is made of."""
    return node.sources[0] if node.op == "cast" and node.sources[0].dtype == "bool" else None


def gather(graph, masked, axes):
    """The sum over the one axis of what is masked with `position == index`, as a gather of the
    elements at the index; None where it is something else."""
    axes = [axis for axis in axes if masked.shape[axis] != 1]
    chosen = _chosen(masked) if len(axes) == 1 else None
    if not chosen:
        return None
    condition, outer = core(chosen[0])
    if condition.op != "eq":
        return None
    data, data_places = core(chosen[1])
    for counting, index in (condition.sources, condition.sources[::-1]):
        counter, counter_places = core(counting)
        positions, index_places = core(index)
        counter_places, index_places = _on(counter_places, outer), _on(index_places, outer)
        if not _is_iota(counter) or counter_places != axes or index.dtype not in INTEGERS:
            continue
        used = {place for place in index_places if place is not None}
        if axes[0] in data_places and not used & set(data_places):
            return _gathered(graph, masked.shape, axes[0], data, data_places, positions,
                             index_places)
    return None


def _gathered(graph, shape, axis, data, data_places, positions, index_places):
    def squeezed(node, places):
        kept = [i for i, place in enumerate(places) if place is not None]
        return (graph.reshape(node, [node.shape[i] for i in kept]), [places[i] for i in kept])

    data, data_places = squeezed(data, data_places)
    positions, index_places = squeezed(positions, index_places)
    at = data_places.index(axis)
    found = graph.gather(data, positions, at)
    places = data_places[:at] + index_places + data_places[at + 1:]
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = graph.permute(found, order)
    kept = set(places)
    inner = [extent if place in kept else 1 for place, extent in enumerate(shape)]
    outer = [1 if place == axis else extent for place, extent in enumerate(shape)]
    return graph.expand(graph.reshape(found, inner), outer)
