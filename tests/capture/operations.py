"""The operations of a Tensor that are tested one by one: name -> a function that draws a case.

A case has the shapes and dtypes of its inputs, a function of tensors, and how it is compared: exact
means the same bits; else a float may differ by ABSOLUTE + RELATIVE * |expected| from TinyGrad's
result, because its exp2, log2 and sin are other polynomials than ours, and its sums go in another
order."""

import math
from dataclasses import dataclass
from typing import Any

from tinygrad import Tensor, dtypes, nn

ABSOLUTE = RELATIVE = 2e-5
F, I, L, U8, I8, B = (dtypes.float32, dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.int8,
                      dtypes.bool)
UNSIGNED = (U8, dtypes.uint16, dtypes.uint32, dtypes.uint64)
INTEGERS = (I, L, I8, dtypes.int16, *UNSIGNED)
ALL = (F, B, *INTEGERS)

OPERATIONS = {}  # name -> (how many cases, draw(rng) -> Case)


@dataclass
class Case:
    inputs: list  # (shape, dtype)
    function: Any
    exact: bool = False
    low: float = None  # of the inputs' elements
    high: float = None
    scale: float = 1.0  # of the tolerance


def shape_of(rng, least=1, most=3, extent=5):
    return tuple(rng.randint(1, extent) for _ in range(rng.randint(least, most)))


def broadcastable(rng):
    """Two shapes that broadcast to one."""
    full = list(shape_of(rng))
    other = [1 if rng.random() < 0.3 else extent for extent in full][rng.randint(0, len(full)):]
    full = [1 if rng.random() < 0.2 else extent for extent in full]
    pair = [tuple(full), tuple(other)]
    rng.shuffle(pair)
    return pair


def operation(name, count=2):
    def register(draw):
        OPERATIONS[name] = count, draw
        return draw
    return register


def unary(name, function=None, low=-3.0, high=3.0, of=(F,), exact=False, count=2, scale=1.0):
    function = function or (lambda x: getattr(x, name)())

    @operation(name, count)
    def draw(rng):
        dtype = rng.choice(of)
        limits = (low, high) if dtype is F else (None, None)
        return Case([(shape_of(rng), dtype)], function, exact or dtype is not F, *limits, scale)


def binary(name, function, of=(F,), exact=False, count=4, low=None, high=None, scale=1.0):
    @operation(name, count)
    def draw(rng):
        dtype = rng.choice(of)
        a, b = broadcastable(rng)
        return Case([(a, dtype), (b, dtype)], function, exact or dtype is not F, low, high, scale)


for _name in ("exp", "exp2", "sin", "cos", "sigmoid", "tanh", "sinh", "cosh", "gelu", "quick_gelu",
              "silu", "swish", "elu", "celu", "selu", "softplus", "mish", "logsigmoid", "softsign",
              "erf", "asinh", "atan"):
    unary(_name)
for _name in ("hardswish", "hardsigmoid", "leaky_relu"):
    unary(_name)
for _name in ("relu", "relu6", "hardtanh", "isnan", "isinf", "isfinite", "detach", "contiguous"):
    unary(_name, exact=True)
for _name in ("floor", "ceil", "round", "trunc"):
    unary(_name, of=(F, *INTEGERS), exact=True, count=6)
unary("tan", low=-1.4, high=1.4, scale=4)
for _name in ("log", "log2", "log10", "sqrt", "rsqrt", "reciprocal"):
    unary(_name, low=0.05, high=30.0)
unary("acosh", low=1.1, high=9.0)
for _name in ("asin", "acos", "atanh"):
    unary(_name, low=-0.9, high=0.9)
unary("sign", of=(F, *INTEGERS), exact=True, count=6)
unary("abs", of=(F, *INTEGERS), exact=True, count=6)
unary("neg", of=(F, *INTEGERS), exact=True, count=8)
unary("square", of=(F, I), count=3)
unary("bitwise_not", of=INTEGERS, count=8)
unary("logical_not", of=(F, I, B), exact=True, count=3)
unary("gelu exact", lambda x: x.gelu(approximate="none"))
unary("clamp", lambda x: x.clamp(-1, 2), of=(F, I), exact=True, count=3)
unary("half precision", lambda x: ((x.half() * 1.5 + x.half()).half() - 2).float(), exact=True)

# In float64, where TinyGrad's polynomials are as long: no more apart than float64 can be.
for _name in ("exp", "log", "sqrt", "sin", "sigmoid", "tanh", "reciprocal", "floor", "abs"):
    unary(f"{_name} of float64", lambda x, name=_name: getattr(x.double() / 3, name)(), low=0.1,
          high=9.0, scale=1e-8)
unary("casts of float64", lambda x: ((x.double() / 3).half().double() + (x.double() * 3).long()),
      exact=True)


@operation("sums of float64", 4)
def _(rng):
    m, k, n = (rng.randint(1, 9) for _ in range(3))
    return Case([((m, k), F), ((k, n), F)], rng.choice((
        lambda a, b: (a.double() / 3) @ b.double(),
        lambda a, b: (a.double() / 7).softmax() @ b.double(),
        lambda a, b: (a.double() / 3).mean(1) + (b.double() / 3).max(),
        lambda a, b: a.double().argmax(1))), scale=1e-8)


binary("add", lambda a, b: a + b, ALL, exact=True, count=12)
binary("sub", lambda a, b: a - b, (F, *INTEGERS), exact=True, count=10)
binary("mul", lambda a, b: a * b, ALL, exact=True, count=12)


@operation("div", 4)
def _(rng):
    return Case([(shape, rng.choice((F, I))) for shape in broadcastable(rng)],
                lambda a, b: a / b, low=1, high=9)


binary("maximum", lambda a, b: a.maximum(b), ALL, exact=True, count=6)
binary("minimum", lambda a, b: a.minimum(b), (F, *INTEGERS), exact=True, count=8)
binary("less", lambda a, b: a < b, ALL, exact=True)
binary("less or equal", lambda a, b: a <= b, (F, I, L), exact=True, count=3)
binary("greater", lambda a, b: a > b, (F, *INTEGERS), exact=True, count=6)
binary("greater or equal", lambda a, b: a >= b, (F, *INTEGERS), exact=True, count=6)
binary("equal", lambda a, b: a == b, ALL, exact=True)
binary("not equal", lambda a, b: a != b, ALL, exact=True)
binary("bitwise_and", lambda a, b: a & b, (*INTEGERS, B), count=5)
binary("bitwise_or", lambda a, b: a | b, (*INTEGERS, B), count=5)
binary("bitwise_xor", lambda a, b: a ^ b, (*INTEGERS, B), count=5)
binary("isclose", lambda a, b: a.isclose(b, atol=1.0), exact=True, count=2)
binary("copysign", lambda a, b: a.copysign(b), exact=True, count=2)
binary("logaddexp", lambda a, b: a.logaddexp(b), count=2)
binary("lerp", lambda a, b: a.lerp(b, 0.3), count=2)
binary("pow", lambda a, b: a.pow(b), low=0.2, high=3.0, count=4)


def _nonzero(b):
    return (b == 0).where(3, b)


binary("floor division", lambda a, b: a // _nonzero(b), INTEGERS, count=10)
binary("mod", lambda a, b: a % _nonzero(b), INTEGERS, count=10)
binary("fmod", lambda a, b: a.fmod(_nonzero(b)), (I, L), count=3)
binary("truncated division", lambda a, b: a.div(_nonzero(b), rounding_mode="trunc"), INTEGERS,
       count=3)
binary("mod of floats", lambda a, b: a % b, low=1.1, high=2.9, count=2)


@operation("shift", 4)
def _(rng):
    dtype, by = rng.choice((I, L)), rng.randint(0, 5)
    left = rng.random() < 0.5
    return Case([(shape_of(rng), dtype)], lambda x: x << by if left else x >> by, True)


@operation("pow of a number", 8)
def _(rng):
    exponent = rng.choice((0, 1, 2, 3, 4, 0.5, -0.5, -1, 2.5))
    if exponent in (2, 3, 4) and rng.random() < 0.5:
        return Case([(shape_of(rng), I)], lambda x: x ** exponent, True, -9, 9)
    return Case([(shape_of(rng), F)], lambda x: x ** exponent, low=0.2, high=3.0)


@operation("with a number", 8)
def _(rng):
    dtype, number = rng.choice((F, I, L)), rng.choice((2, -3, 7))
    function = rng.choice((lambda x: x + number, lambda x: number - x, lambda x: x * number,
                           lambda x: x.maximum(number), lambda x: x > number, lambda x: x + 0.5))
    return Case([(shape_of(rng), dtype)], function, True)


@operation("cast", 24)
def _(rng):
    dtypes_too = (*ALL, dtypes.float16)
    source, target = rng.choice(dtypes_too), rng.choice(dtypes_too)
    low = 0 if target in UNSIGNED else None
    function = (lambda x: x.cast(target)) if target is not B else (lambda x: x.bool())
    return Case([(shape_of(rng), source)], function, True, low, None if low is None else 9)


@operation("bitcast", 3)
def _(rng):
    source, target = rng.choice(((F, I), (I, F), (U8, I8), (I8, U8), (dtypes.uint16, dtypes.int16),
                                 (F, dtypes.uint32), (dtypes.int64, dtypes.uint64)))
    return Case([(shape_of(rng), source)], lambda x: x.bitcast(target), True, 1, 9)


@operation("where", 6)
def _(rng):
    shape, dtype = shape_of(rng), rng.choice(ALL)
    a, b = ((shape, ()) if rng.random() < 0.5 else (shape, shape))
    return Case([(shape, B), (a, dtype), (b, dtype)], lambda m, x, y: m.where(x, y), True)


@operation("masked_fill", 2)
def _(rng):
    shape = shape_of(rng)
    return Case([(shape, F), (shape, B)], lambda x, m: x.masked_fill(m, -math.inf), True)


# Movement

def movement(name, count=4, least=1, most=3, extent=5):
    def register(make):
        @operation(name, count)
        def draw(rng):
            shape = shape_of(rng, least, most, extent)
            return Case([(shape, rng.choice(ALL))], make(rng, shape), True)
        return make
    return register


@movement("reshape")
def _(rng, shape):
    return lambda x: x.reshape(*shape[::-1])


@movement("flatten", 2)
def _(rng, shape):
    return lambda x: x.flatten()


@movement("permute")
def _(rng, shape):
    order = rng.sample(range(len(shape)), len(shape))
    return lambda x: x.permute(*order)


@movement("transpose", 2, least=2)
def _(rng, shape):
    return lambda x: x.transpose(0, -1)


@movement("expand")
def _(rng, shape):
    return lambda x: x.unsqueeze(0).expand(3, *shape)


@movement("flip")
def _(rng, shape):
    axes = rng.sample(range(len(shape)), rng.randint(1, len(shape)))
    return lambda x: x.flip(axes)


@operation("pad", 8)
def _(rng):
    shape, dtype = shape_of(rng), rng.choice((F, I, B, U8))
    value = rng.choice((0, 0, 1, 3)) if dtype is not B else 0
    padding = [(rng.randint(0, 2), rng.randint(0, 2)) for _ in shape]
    return Case([(shape, dtype)], lambda x: x.pad(padding, value=value), True)


@operation("pad with infinity", 2)
def _(rng):
    shape = shape_of(rng)
    return Case([(shape, F)], lambda x: x.pad([(1, 2)] * len(shape), value=-math.inf), True)


@operation("pad, other modes", 6)
def _(rng):
    mode = rng.choice(("reflect", "replicate", "circular"))
    return Case([((2, 3, 4, 5), F)], lambda x: x.pad((1, 2, 2, 1), mode=mode), True)


@movement("shrink", 4, extent=6)
def _(rng, shape):
    ranges = []
    for extent in shape:
        begin = rng.randint(0, extent - 1)
        ranges.append((begin, rng.randint(begin + 1, extent)))
    return lambda x: x.shrink(tuple(ranges))


@operation("slice", 6)
def _(rng):
    make = rng.choice((lambda x: x[1:, ::2], lambda x: x[::-1, 1:-1], lambda x: x[2],
                       lambda x: x[..., -1], lambda x: x[:, None, 1::3], lambda x: x[-3:, 5]))
    return Case([((rng.randint(3, 6), rng.randint(6, 9)), rng.choice(ALL))], make, True)


@movement("squeeze, unsqueeze", 2)
def _(rng, shape):
    return lambda x: x.unsqueeze(0).unsqueeze(-1).squeeze(0)


@movement("repeat", 3)
def _(rng, shape):
    times = [rng.randint(1, 3) for _ in shape]
    return lambda x: x.repeat(times)


@movement("repeat_interleave", 2)
def _(rng, shape):
    return lambda x: x.repeat_interleave(2, dim=0)


@movement("roll", 3)
def _(rng, shape):
    by = rng.randint(-3, 3)
    return lambda x: x.roll(by, 0)


@movement("unfold", 2, least=1, most=1, extent=1)
def _(rng, shape):
    return lambda x: x.expand(9).unfold(0, 3, 2)


@movement("split, chunk", 3, least=2, most=2)
def _(rng, shape):
    return lambda x: x.repeat(4, 1).chunk(3)[1]


@movement("diag", 2, least=1, most=1)
def _(rng, shape):
    return lambda x: x.diag()


@movement("diagonal", 2, least=1, most=1)
def _(rng, shape):
    return lambda x: x.unsqueeze(0).expand(shape[0], shape[0]).diagonal()


@movement("tril, triu", 4, least=2)
def _(rng, shape):
    by, lower = rng.randint(-1, 1), rng.random() < 0.5
    return lambda x: x.tril(by) if lower else x.triu(by)


@movement("rearrange", 2, least=2, most=2)
def _(rng, shape):
    return lambda x: x.rearrange("a b -> b a 1")


@operation("cat", 8)
def _(rng):
    shape, dtype = shape_of(rng, 2), rng.choice(ALL)
    axis = rng.randrange(len(shape))
    alike = rng.random() < 0.3
    parts = [tuple(extent if alike or k != axis else rng.randint(1, 4)
                   for k, extent in enumerate(shape)) for _ in range(rng.randint(2, 4))]
    return Case([(part, dtype) for part in parts],
                lambda first, *rest: first.cat(*rest, dim=axis), True)


@operation("stack", 3)
def _(rng):
    shape, dtype = shape_of(rng), rng.choice(ALL)
    axis = rng.randint(0, len(shape))
    return Case([(shape, dtype)] * rng.randint(2, 3), lambda *x: Tensor.stack(*x, dim=axis), True)


@operation("meshgrid", 2)
def _(rng):
    return Case([((3,), F), ((4,), F)], lambda a, b: Tensor.stack(*a.meshgrid(b)), True)


# Made from nothing

@operation("arange", 6)
def _(rng):
    begin, step = rng.randint(-4, 4), rng.choice((1, 1, 2, 3))
    dtype, count = rng.choice((F, I, L)), rng.randint(2, 9)
    return Case([((count,), dtype)],
                lambda x: x + Tensor.arange(begin, begin + step * count, step, dtype=dtype), True)


@operation("linspace", 2)
def _(rng):
    return Case([((7,), F)], lambda x: x + Tensor.linspace(-1, 2, 7))


@operation("eye, full, zeros, ones", 4)
def _(rng):
    make = rng.choice((lambda x: x + Tensor.eye(4), lambda x: x * Tensor.full((4, 1), 2.5),
                       lambda x: x + Tensor.zeros(4), lambda x: Tensor.ones_like(x) - x))
    return Case([((4, 4), F)], make, True)


# Indices

@operation("gather", 4)
def _(rng):
    dtype, axis = rng.choice((F, I)), rng.randint(0, 1)
    return Case([((4, 4), dtype), ((3, 4) if axis == 0 else (4, 3), I)],
                lambda x, i: x.gather(axis, i), True, 0, 3)


@operation("index with a tensor", 6)
def _(rng):
    make = rng.choice((lambda x, i: x[i], lambda x, i: x[:, i], lambda x, i: x[i - 4],
                       lambda x, i: x[1:, i]))
    return Case([((4, 4), rng.choice((F, I, L))), (shape_of(rng, 1, 2), I)], make, True, 0, 3)


@operation("index_select by two tensors", 2)
def _(rng):
    return Case([((4, 4), F), ((5,), I), ((5,), I)], lambda x, i, j: x[i, j], True, 0, 3)


@operation("scatter", 2)
def _(rng):
    return Case([((4, 4), F), ((2, 4), I), ((2, 4), F)],
                lambda x, i, y: x.scatter_reduce(0, i, y, reduce="sum"), False, 0, 3)


@operation("one_hot", 3)
def _(rng):
    return Case([(shape_of(rng, 1, 2), I)], lambda x: x.one_hot(6), True, 0, 5)


@operation("embedding", 4)
def _(rng):
    vocabulary, width = rng.randint(3, 20), rng.randint(1, 6)
    def look_up(i, weight):
        layer = nn.Embedding(vocabulary, width)
        layer.weight = weight.float()
        return layer(i)
    return Case([(shape_of(rng, 2, 2), I), ((vocabulary, width), F)], look_up, True, 0,
                vocabulary - 1)


# Reductions

def reduction(name, function, of=(F,), exact=False, count=4, **limits):
    @operation(name, count)
    def draw(rng):
        shape, dtype = shape_of(rng), rng.choice(of)
        axis, keep = rng.choice((None, 0, -1)), rng.random() < 0.3
        return Case([(shape, dtype)], lambda x: function(x, axis=axis, keepdim=keep),
                    exact or dtype is not F, **limits)


reduction("sum", Tensor.sum, ALL, count=12)
reduction("max", Tensor.max, ALL, exact=True, count=6)
reduction("min", Tensor.min, ALL, exact=True, count=6)
reduction("prod", Tensor.prod, (F, I), low=1, high=2)
reduction("mean", Tensor.mean, (F,))
reduction("any", Tensor.any, (F, I, B), exact=True)
reduction("all", Tensor.all, (F, I, B), exact=True)
reduction("argmax", Tensor.argmax, (F, *INTEGERS), exact=True, count=6)
reduction("argmin", Tensor.argmin, (F, I), exact=True, count=4)
reduction("logsumexp", Tensor.logsumexp)


@operation("var, std", 4)
def _(rng):
    deviation = rng.random() < 0.5
    return Case([((4, 5), F)], lambda x: x.std(1) if deviation else x.var(0))


def along(name, function, of=(F,), count=3, least=1, **limits):
    @operation(name, count)
    def draw(rng):
        shape, dtype = shape_of(rng, least), rng.choice(of)
        axis = rng.randrange(len(shape))
        return Case([(shape, dtype)], lambda x: function(x, axis), dtype is not F, **limits)


along("softmax", Tensor.softmax, count=4)
along("log_softmax", Tensor.log_softmax, count=4)
along("cumsum", Tensor.cumsum, (F, I), count=5)
along("cumprod", Tensor.cumprod, (F,), low=0.5, high=1.5)
along("cummax", lambda x, axis: x.cummax(axis)[0] if isinstance(x.cummax(axis), tuple)
      else x.cummax(axis), (F, I))
along("logcumsumexp", Tensor.logcumsumexp)
along("sort", lambda x, axis: x.sort(axis)[0], (F, I))


@operation("cumsum, long", 1)
def _(rng):
    return Case([((600,), I)], lambda x: x.cumsum(), True)


@operation("topk", 2)
def _(rng):
    return Case([((3, 7), F)], lambda x: x.topk(3)[0], True)


@operation("normalize", 2)
def _(rng):
    return Case([((3, 7), F)], lambda x: x.normalize())


# Layers

@operation("matmul", 6)
def _(rng):
    n, m, k = (rng.randint(1, 7) for _ in range(3))
    batch = shape_of(rng, 0, 2, 3)
    return Case([((*batch, n, k), F), ((k, m) if rng.random() < 0.5 else (*batch, k, m), F)],
                lambda a, b: a @ b)


@operation("matmul of integers", 2)
def _(rng):
    return Case([((3, 4), I), ((4, 5), I)], lambda a, b: a @ b, True)


@operation("einsum", 3)
def _(rng):
    formula = rng.choice(("ij,jk->ik", "bij,bkj->bik", "ij,ij->j"))
    a = {"ij,jk->ik": ((3, 4), (4, 2)), "bij,bkj->bik": ((2, 3, 4), (2, 5, 4)),
         "ij,ij->j": ((3, 4), (3, 4))}[formula]
    return Case([(a[0], F), (a[1], F)], lambda x, y: Tensor.einsum(formula, x, y))


@operation("linear", 3)
def _(rng):
    n, m = rng.randint(1, 8), rng.randint(1, 8)
    return Case([((2, n), F), ((n, m), F), ((m,), F)], lambda x, w, b: x.linear(w, b))


@operation("conv2d", 16)
def _(rng):
    groups = rng.choice((1, 1, 2, 3))
    kernel = rng.randint(1, 3), rng.randint(1, 3)
    inputs, outputs = groups * rng.randint(1, 2), groups * rng.randint(1, 3)
    options = {"stride": rng.randint(1, 3), "dilation": rng.randint(1, 2), "groups": groups,
               "padding": rng.choice((0, 1, 2, (1, 0)))}
    return Case([((rng.randint(1, 2), inputs, rng.randint(6, 9), rng.randint(6, 9)), F),
                 ((outputs, inputs // groups, *kernel), F), ((outputs,), F)],
                lambda x, w, b: x.conv2d(w, b, **options), scale=2)


@operation("conv1d", 2)
def _(rng):
    return Case([((2, 3, 12), F), ((4, 3, 3), F)], lambda x, w: x.conv2d(w, stride=2, padding=1))


@operation("conv_transpose2d", 6)
def _(rng):
    groups, stride = rng.choice((1, 2)), rng.randint(1, 3)
    options = {"stride": stride, "groups": groups, "padding": rng.randint(0, 1),
               "output_padding": rng.randint(0, stride - 1)}
    return Case([((1, 2 * groups, 4, 5), F), ((2 * groups, 3, 3, 2), F), ((3 * groups,), F)],
                lambda x, w, b: x.conv_transpose2d(w, b, **options), scale=2)


@operation("max_pool2d", 6)
def _(rng):
    options = {"kernel_size": rng.choice((2, 3, (2, 3))), "stride": rng.choice((None, 1, 2)),
               "padding": rng.randint(0, 1), "ceil_mode": rng.random() < 0.3}
    return Case([((1, 2, 7, 8), rng.choice((F, F, I)))], lambda x: x.max_pool2d(**options), True)


@operation("avg_pool2d", 6)
def _(rng):
    options = {"kernel_size": rng.choice((2, 3)), "stride": rng.choice((None, 1, 2)),
               "padding": rng.randint(0, 1), "count_include_pad": rng.random() < 0.5,
               "ceil_mode": rng.random() < 0.3}
    return Case([((1, 2, 7, 8), F)], lambda x: x.avg_pool2d(**options))


@operation("batchnorm", 3)
def _(rng):
    return Case([((2, 3, 4, 4), F)] + [((3,), F)] * 4,
                lambda x, w, b, m, v: x.batchnorm(w, b, m, (v * v + 0.5).rsqrt()))


@operation("layernorm", 3)
def _(rng):
    return Case([((2, 3, 9), F)], lambda x: x.layernorm())


@operation("group, instance, RMS norm", 4)
def _(rng):
    make = rng.choice((lambda x: nn.GroupNorm(2, 4)(x), lambda x: nn.InstanceNorm(4)(x),
                       lambda x: nn.RMSNorm(5)(x)))
    return Case([((2, 4, 3, 5), F)], make, scale=2)


@operation("attention", 6)
def _(rng):
    causal, masked = rng.random() < 0.6, rng.random() < 0.5
    shapes = [((1, 2, 5, 4), F)] * 3 + ([((5, 5), F)] if masked and not causal else [])
    return Case(shapes, lambda q, k, v, m=None: q.scaled_dot_product_attention(
        k, v, attn_mask=m, is_causal=causal))


@operation("interpolate", 6)
def _(rng):
    mode = rng.choice(("nearest", "nearest-exact", "linear"))
    size = rng.randint(3, 9), rng.randint(3, 9)
    aligned = mode == "linear" and rng.random() < 0.5
    return Case([((1, 2, 5, 6), F)],
                lambda x: x.interpolate(size, mode=mode, align_corners=aligned))


@operation("losses", 4)
def _(rng):
    make = rng.choice((lambda x, y: x.sigmoid().binary_crossentropy(y.sigmoid()),
                       lambda x, y: x.cross_entropy(y.softmax()),
                       lambda x, y: (x - y).square().mean()))
    return Case([((3, 4), F), ((3, 4), F)], make)


@operation("sparse cross entropy", 2)
def _(rng):
    return Case([((3, 4), F), ((3,), I)],
                lambda x, y: x.sparse_categorical_crossentropy(y), low=0, high=3)


@operation("dropout outside training", 1)
def _(rng):
    return Case([((3, 4), F)], lambda x: x.dropout(0.5), True)
