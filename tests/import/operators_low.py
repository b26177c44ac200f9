#!/usr/bin/env python3
"""operators_low.py [WORD...]: element types that programs have as codes, beside ml_dtypes: every
code decoded, from an input and from a file, every float16 and many float32 and float64 encoded,
casts among all types; then what moves codes, what quantises to them, and what is refused. Bits are
compared, of NaN only that it is one."""

import sys
import tempfile
import warnings
from pathlib import Path

import ml_dtypes
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from beside_ort import RANDOM, Case
from codes import DTYPES, FLOATS, INTEGERS, codes

import eigentensor

warnings.simplefilter("ignore")
float16, float32, float64 = numpy.float16, numpy.float32, numpy.float64
bfloat16 = ml_dtypes.bfloat16
FLOATS8 = tuple(name for name in FLOATS if name.startswith("FLOAT8") and name != "FLOAT8E8M0")
NUMBERS = {"FLOAT": float32, "FLOAT16": float16, "BFLOAT16": bfloat16, "DOUBLE": float64,
           "INT8": numpy.int8, "UINT8": numpy.uint8, "INT32": numpy.int32, "INT64": numpy.int64,
           "INT16": numpy.int16, "UINT16": numpy.uint16, "UINT32": numpy.uint32,
           "UINT64": numpy.uint64, "BOOL": numpy.bool_}


def bits_of(name):
    return int(name.lstrip("FLOATUIN")[0])


def all_codes(name):
    """Every element of the type."""
    count = 1 << bits_of(name)
    if name in INTEGERS:
        least = -count // 2 if name.startswith("I") else 0
        return numpy.arange(least, least + count).astype(DTYPES[name])
    return numpy.arange(count, dtype=numpy.uint8).view(DTYPES[name])


# ---- What is expected ----

def powers(x, saturate, mode):
    """FLOAT8E8M0 of any numbers, by its definition: ONNX's reference has only normal float32."""
    values = numpy.ldexp(1.0, numpy.arange(255) - 127)
    x = x.astype(float64)
    inside = numpy.clip(numpy.nan_to_num(x), values[0], values[-1])
    above = numpy.searchsorted(values, inside)
    below = numpy.searchsorted(values, inside, side="right") - 1
    nearer = numpy.where(inside - values[below] < values[above] - inside, below, above)
    code = {"up": above, "down": below, "nearest": nearer}[mode].astype(numpy.uint8)
    lost = numpy.isnan(x) if saturate else numpy.isnan(x) | (x != inside)
    return numpy.where(lost, 255, code).astype(numpy.uint8).view(DTYPES["FLOAT8E8M0"])


def nearest(x, name, saturate):
    """Floats of float64, which ml_dtypes rounds twice: by its definition, halves to even codes."""
    code = all_codes(name)
    values = code.astype(float64)
    positive = numpy.isfinite(values) & ~numpy.signbit(values)
    code, values = code.view(numpy.uint8)[positive], values[positive]
    # what would come after the greatest is halfway in the same distance
    halfway = numpy.append((values[1:] + values[:-1]) / 2, 1.5 * values[-1] - 0.5 * values[-2])
    at = numpy.searchsorted(halfway, abs(x))
    tie = (at < len(halfway)) & (halfway[numpy.minimum(at, len(halfway) - 1)] == abs(x))
    at = numpy.where(tie & (at % 2 == 1), at + 1, at)
    over = numpy.array([numpy.inf]).astype(DTYPES[name])[0] # infinity or NaN, of 8 bits
    found = numpy.append(code.view(DTYPES[name]).astype(float64),
                         values[-1] if saturate else over.astype(float64))[at]
    found = numpy.where(numpy.isnan(x), numpy.nan, numpy.copysign(found, x))
    return found.astype(float32).astype(DTYPES[name])


def integers_of(x, name):
    """The low bits of numbers without their fractions."""
    x = x.astype(float64) if x.dtype not in (numpy.int64, numpy.uint64) else x
    if x.dtype == float64:
        x = numpy.fmod(numpy.trunc(numpy.where(numpy.isfinite(x), x, 0)), 16).astype(numpy.int64)
    low = (x & ((1 << bits_of(name)) - 1)).astype(numpy.int64)
    sign = 1 << (bits_of(name) - 1) if name.startswith("I") else 0
    return ((low ^ sign) - sign).astype(DTYPES[name])


def plain(x):
    """Elements of a low type as numbers."""
    if x.dtype in (DTYPES[name] for name in INTEGERS):
        return x.astype(numpy.int64)
    if x.dtype not in DTYPES.values():
        return x
    x = x.astype(float32)
    return numpy.where(numpy.isnan(x), float32(numpy.nan), x) # without its sign


def cast(x, name, saturate=True, mode="up"):
    x = plain(x)
    if name == "FLOAT8E8M0":
        return powers(x, saturate, mode)
    if name in INTEGERS:
        return integers_of(x, name)
    if name in FLOATS and x.dtype == float64:
        return nearest(x, name, saturate or name not in FLOATS8)
    if name in FLOATS8 and saturate:
        return numpy_helper.saturate_cast(x, DTYPES[name])
    dtype = DTYPES.get(name) or NUMBERS[name]
    if numpy.issubdtype(dtype, numpy.integer) and x.dtype.kind == "f":
        information = numpy.iinfo(dtype)
        x = numpy.nan_to_num(x, nan=0, posinf=1e30, neginf=-1e30)
        return numpy.array([min(max(int(each), information.min), information.max)
                            for each in x], dtype)
    return x.astype(dtype)


# ---- Running ----

def run(model, given, mode):
    """By name; 16-bit floats as programs show them, as bits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.onnx"
        path.write_bytes(model.SerializeToString())
        outputs = eigentensor.GraphProgram.load(path)(mode=mode, **given)
    if len(model.graph.output) == 1:
        outputs = {model.graph.output[0].name: outputs}
    return [numpy.array(outputs[value.name]) for value in model.graph.output]


def same(found, wanted):
    """Of the same bits, or NaN both; the found array has the bits or codes of the wanted one."""
    bits = codes(wanted)
    if wanted.dtype in (float16, bfloat16):
        bits = wanted.view(numpy.uint16)
    if found.dtype == float16:
        found = found.view(numpy.uint16)
    if found.dtype != bits.dtype or found.shape != bits.shape:
        return f"{found.dtype}{list(found.shape)}, expected {bits.dtype}{list(bits.shape)}"
    found, bits = numpy.ascontiguousarray(found), numpy.ascontiguousarray(bits)
    unsigned = f"u{bits.dtype.itemsize}"
    differ = found.view(unsigned) != bits.view(unsigned)
    if wanted.dtype.kind == "f" or wanted.dtype in [bfloat16, *(DTYPES[name] for name in FLOATS)]:
        read = found if found.dtype == wanted.dtype else found.view(wanted.dtype)
        differ &= ~(numpy.isnan(read) & numpy.isnan(wanted))
    if not differ.any():
        return None
    first = tuple(axis[0] for axis in numpy.nonzero(differ))
    return (f"{differ.sum()} of {differ.size} differ, the first at {list(first)}: {found[first]}, "
            f"expected {bits[first]} ({wanted[first]})")


def outcome(model, given, expected):
    """None, or what is wrong."""
    try:
        eager, jit = (run(model, given, mode) for mode in ("eager", "jit"))
    except eigentensor.ProgramError as error:
        return str(error)
    for one, other, wanted in zip(eager, jit, expected):
        if one.tobytes() != other.tobytes():
            return "other bits in JIT"
        wrong = same(one, wanted)
        if wrong:
            return wrong
    return None


def as_given(x):
    x = codes(x)
    return x.view(numpy.uint16) if x.dtype == bfloat16 else x


class Low:
    """A case of one operator with what is expected of it."""

    def __init__(self, case, expected):
        self.case, self.expected = case, expected

    def __str__(self):
        return str(self.case)

    def outcome(self):
        given = {name: as_given(x) for name, x in self.case.given().items()}
        return outcome(self.case.model(), given, [self.expected])


class Model:
    """Nodes on inputs (by name: an array), with tensors of the file, and what output y is."""

    def __init__(self, name, nodes, given, tensors, expected):
        self.name, self.nodes, self.inputs = name, nodes, given
        self.tensors, self.expected = tensors, expected

    def __str__(self):
        return self.name

    def model(self):
        graph = helper.make_graph(
            self.nodes, "case",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for name, x in self.inputs.items()],
            [helper.make_empty_tensor_value_info("y")], self.tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)], ir_version=14)

    def outcome(self):
        given = {name: as_given(x) for name, x in self.inputs.items()}
        return outcome(self.model(), given, [self.expected])


class Refused(Model):
    """A model that is refused with a message that has these words in it."""

    def outcome(self):
        try:
            run(self.model(), {}, "eager")
        except eigentensor.ProgramError as error:
            return None if self.expected in str(error) else f"refused otherwise: {error}"
        return "not refused"


# ---- Casts ----

def number(name):
    return getattr(TensorProto, name)


def to(name, x, **attributes):
    saturate, mode = attributes.get("saturate", 1), attributes.get("round_mode", "up")
    return Low(Case("Cast", 28, [x], to=number(name), **attributes), cast(x, name, saturate, mode))


def halves():
    """Every float16 but the NaN with a sign, whose sign is nothing that programs see."""
    x = numpy.arange(65536, dtype=numpy.uint16).view(float16)
    return x[~(numpy.isnan(x) & numpy.signbit(x))]


def singles():
    """float32: a sweep over all bits, and around all numbers halfway between two codes."""
    sweep = numpy.arange(0, 1 << 32, 65521, dtype=numpy.uint64).astype(numpy.uint32).view(float32)
    values = numpy.concatenate([all_codes(name).astype(float32) for name in FLOATS])
    values = numpy.unique(values[numpy.isfinite(values)])
    halfway = ((values[1:].astype(float64) + values[:-1]) / 2).astype(float32)
    near = numpy.concatenate([values, halfway])
    beside = [numpy.nextafter(near, float32(end)) for end in (-numpy.inf, numpy.inf)]
    x = numpy.concatenate([sweep, near, *beside, [numpy.inf, -numpy.inf, numpy.nan, -0.0]])
    return x[~(numpy.isnan(x) & numpy.signbit(x))].astype(float32)


def doubles():
    """float64: closer to numbers halfway between two codes than float32 is, and far outside."""
    near = singles().astype(float64)
    beside = [numpy.nextafter(near, end) for end in (-numpy.inf, numpy.inf)]
    far = [1e300, -1e300, 1e-300, -1e-300, 5e-324, 2.0**63, -2.0**63, 2.0**53 + 2, 15.999999999999]
    return numpy.concatenate([near, *beside, far])


def decoding():
    return [to(name, all_codes(low)) for low in (*FLOATS, *INTEGERS) for name in NUMBERS]


def encoding():
    cases = []
    brains = numpy.arange(0, 0x7f81, dtype=numpy.uint16).view(bfloat16)
    for x in (halves(), singles(), doubles(), numpy.concatenate([brains, -brains[:-1]])):
        for name in (*FLOATS, *INTEGERS):
            cases.append(to(name, x))
            if name in FLOATS8:
                cases.append(to(name, x, saturate=0))
        cases += [to("FLOAT8E8M0", x, saturate=saturate, round_mode=mode)
                  for saturate in (0, 1) for mode in ("up", "down", "nearest")]
    whole = numpy.concatenate([numpy.arange(-300, 300), RANDOM.integers(-2**62, 2**62, 300)])
    for dtype in (numpy.int64, numpy.int32, numpy.int16, numpy.int8, numpy.uint64, numpy.uint32,
                  numpy.uint16, numpy.uint8, numpy.bool_):
        cases += [to(name, whole.astype(dtype)) for name in (*FLOATS, *INTEGERS)
                  if name != "FLOAT8E8M0"]
    return cases


def among():
    every = (*FLOATS, *INTEGERS)
    return [to(name, all_codes(low)) for low in every for name in every]


def like():
    x = singles()[::97].copy()
    return [Low(Case("CastLike", 28, [x, all_codes(name)[:1]], **attributes),
                cast(x, name, attributes.get("saturate", 1)))
            for name in (*FLOATS, *INTEGERS) for attributes in ({}, {"saturate": 0})
            if not attributes or name in FLOATS8]


# ---- Files ----

def tensor(name, x, raw=True):
    """As the onnx package writes it."""
    if raw:
        return numpy_helper.from_array(x, name)
    return helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape,
                              plain(x).ravel().tolist())


def held():
    """What the file holds: as raw data and in lists, of lengths that fill no byte, few and many."""
    cases = []
    for name in (*FLOATS, *INTEGERS):
        for count in (0, 1, 3, 7, 61, 1001):
            every = all_codes(name)
            every = every[numpy.isfinite(plain(every).astype(float32))]
            if name == "FLOAT8E8M0":
                every = every[1:] # the package itself does not write the least one into a list
            x = RANDOM.choice(every.view(numpy.uint8), count).view(every.dtype)
            for raw in (True, False):
                node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
                cases.append(Model(f"tensor {name} {count} raw {raw}", [node], {},
                                   [tensor("x", x, raw)], plain(x).astype(float32)))
    return cases


# ---- Movement ----

def constants(*arrays):
    """Tensors of int64 in the file: k0, k1 and so on."""
    return [numpy_helper.from_array(numpy.array(array, numpy.int64), f"k{i}")
            for i, array in enumerate(arrays)]


def branch(node):
    return helper.make_graph([node], "branch", [], [helper.make_empty_tensor_value_info("z")])


def moved(name):
    """Through all that moves elements, and then as numbers."""
    every = RANDOM.choice(all_codes(name).view(numpy.uint8), 2 * 3 * 5).view(DTYPES[name])
    x = every.reshape(2, 3, 5)
    make = helper.make_node
    nodes = [make("Transpose", ["x"], ["a"], perm=[2, 0, 1]),
             make("Identity", ["a"], ["b"]),
             make("Reshape", ["b", "k0"], ["c"]),
             make("Slice", ["c", "k1", "k2", "k3", "k4"], ["d"]),
             make("Concat", ["d", "c"], ["e"], axis=1),
             make("Split", ["e"], ["f", "g"], axis=0, num_outputs=2),
             make("Gather", ["g", "k5"], ["h"], axis=0),
             make("Unsqueeze", ["h", "k6"], ["i"]),
             make("Expand", ["i", "k7"], ["j"]),
             make("Pad", ["j", "k8"], ["l"]),
             make("Where", ["m", "l", "l"], ["n"]),
             make("If", ["s"], ["o"], then_branch=branch(make("Identity", ["n"], ["z"])),
                  else_branch=branch(make("Squeeze", ["n"], ["z"]))),
             make("Flatten", ["o"], ["p"]),
             make("Cast", ["p"], ["y"], to=TensorProto.FLOAT)]
    c = codes(x).transpose(2, 0, 1).reshape(6, 5)
    e = numpy.concatenate([c[:, 4:0:-2], c], axis=1)
    h = e[3:][[2, 0]]
    j = numpy.broadcast_to(h[:, None, :], (2, 3, 7))
    wanted = numpy.pad(j, ((0, 0), (1, 0), (0, 2))).reshape(2, -1)
    wanted = wanted.view(x.dtype) if name in FLOATS else wanted
    tensors = constants([6, 5], [4], [0], [1], [-2], [2, 0], [1], [2, 3, 7], [0, 1, 0, 0, 0, 2])
    return Model(f"moved {name}", nodes,
                 {"x": x, "m": numpy.array(True), "s": numpy.array(True)}, tensors,
                 wanted.astype(float32))


def loop(name):
    """A state and a collected output of a loop."""
    x = all_codes(name)[1:4]
    make = helper.make_node
    body = helper.make_graph(
        [make("Identity", ["c"], ["d"]), make("Concat", ["s", "x"], ["t"], axis=0),
         make("Identity", ["x"], ["u"])], "body",
        [helper.make_empty_tensor_value_info(each) for each in ("i", "c", "s")],
        [helper.make_empty_tensor_value_info(each) for each in ("d", "t", "u")])
    nodes = [make("Loop", ["k0", "", "x"], ["v", "w"], body=body),
             make("Reshape", ["w", "k1"], ["r"]), make("Concat", ["v", "r"], ["q"], axis=0),
             make("Cast", ["q"], ["y"], to=TensorProto.FLOAT)]
    return Model(f"loop {name}", nodes, {"x": x}, constants(2, [-1]),
                 plain(numpy.concatenate([codes(x)] * 5).view(x.dtype) if name in FLOATS else
                       numpy.concatenate([codes(x)] * 5)).astype(float32))


def out(name):
    """Codes that come out as they are: a constant of one element, many times."""
    x = all_codes(name)[-1:]
    nodes = [helper.make_node("ConstantOfShape", ["k0"], ["y"], value=tensor("", x))]
    return Model(f"constant {name}", nodes, {}, constants([2, 3]), numpy.broadcast_to(x, (2, 3)))


# ---- BitCast, IsNaN, IsInf ----

def bits():
    cases = []
    of_a_byte = [*(name for name in FLOATS if bits_of(name) == 8), "INT8", "UINT8"]
    for one, other in [*((a, b) for a in of_a_byte for b in of_a_byte), ("INT4", "UINT4"),
                       ("UINT4", "FLOAT4E2M1"), ("FLOAT4E2M1", "INT4"), ("UINT2", "INT2"),
                       ("FLOAT6E2M3", "FLOAT6E3M2")]:
        x = all_codes(one) if one in DTYPES else numpy.arange(256).astype(NUMBERS[one])
        low = codes(x).astype(numpy.uint8) & ((1 << bits_of(one)) - 1)
        dtype = DTYPES.get(other) or NUMBERS[other]
        wanted = low.view(dtype)
        if other in INTEGERS:
            wanted = integers_of(low.astype(numpy.int64), other)
        cases.append(Low(Case("BitCast", 28, [x], to=number(other)), wanted))
    return cases


def kinds():
    cases = []
    for name in FLOATS8:
        x = all_codes(name)
        cases += [Low(Case("IsNaN", 20, [x]), numpy.isnan(plain(x))),
                  Low(Case("IsInf", 20, [x]), numpy.isinf(plain(x))),
                  Low(Case("IsInf", 20, [x], detect_negative=0), numpy.isposinf(plain(x)))]
    return cases


# ---- Quantisation ----

def quantisation():
    """x / scale + zero point; of blocks, of axes, and with powers of two as scales."""
    cases = []
    x = (RANDOM.normal(size=(3, 8, 5)) * 20).astype(float32)
    x[0, 0] = [numpy.nan, numpy.inf, -numpy.inf, 1e30, -1e30]
    scale = RANDOM.uniform(0.5, 4, size=8).astype(float32)
    blocks = RANDOM.uniform(0.5, 4, size=(3, 2, 5)).astype(float32)
    powers_of_2 = numpy.full((3, 2, 5), 128, numpy.uint8).view(DTYPES["FLOAT8E8M0"])
    for name in (*(name for name in FLOATS if name != "FLOAT8E8M0"), *INTEGERS):
        zero = numpy.zeros(8, numpy.uint8).view(DTYPES[name])
        if name in INTEGERS:
            zero = numpy.ones(8, DTYPES[name])
        y = x / scale[:, None]
        if name in INTEGERS:
            information = ml_dtypes.iinfo(DTYPES[name])
            y = numpy.nan_to_num(numpy.rint(y), nan=-1) + 1
            y = numpy.clip(y, int(information.min), int(information.max)).astype(numpy.int64)
        cases.append(Low(Case("QuantizeLinear", 28, [x, scale, zero], axis=1), cast(y, name)))
        if name in FLOATS8:
            cases.append(Low(Case("QuantizeLinear", 28, [x, scale, zero], axis=1, saturate=0),
                             cast(y, name, False)))
        if name in FLOATS:
            cases.append(Low(Case("QuantizeLinear", 28, [x, blocks], axis=1, block_size=4,
                                  output_dtype=number(name)),
                             cast(x / numpy.repeat(blocks, 4, 1), name)))
        code = RANDOM.choice(all_codes(name).view(numpy.uint8), x.shape).view(DTYPES[name])
        shifted = plain(code) - plain(zero)[:, None]
        cases += [Low(Case("DequantizeLinear", 28, [code, scale, zero], axis=1, known=[0]),
                      (shifted * scale[:, None]).astype(float32)),
                  Low(Case("DequantizeLinear", 28, [code, powers_of_2], axis=1, block_size=4,
                           output_dtype=TensorProto.FLOAT16),
                      (plain(code).astype(float32) * 2).astype(float16))]
    return cases


def product(name):
    """QLinearMatMul of 8-bit floats, of few values, so that sums are exact."""
    few = numpy.array([0, 0.5, -1, 2, -3], float32).astype(DTYPES[name])
    a, b = (RANDOM.choice(few.view(numpy.uint8), shape).view(DTYPES[name])
            for shape in ((3, 4), (4, 5)))
    one, zero = numpy.array(0.5, float32), numpy.zeros((), numpy.uint8).view(DTYPES[name])
    return Low(Case("QLinearMatMul", 21, [a, one, zero, b, one, zero, one, zero]),
               cast(plain(a) @ plain(b) * float32(0.5), name))


# ---- Refusals ----

def refused():
    low = tensor("x", all_codes("FLOAT8E4M3FN"))
    four = tensor("x", all_codes("INT4"))
    short = tensor("x", all_codes("FLOAT6E2M3"))
    short.raw_data = short.raw_data[:-1]
    lists = tensor("x", all_codes("UINT2"), raw=False)
    lists.int32_data.append(1)
    make = helper.make_node
    computed = "they can be moved and cast, but not be computed with"
    return [Refused("add", [make("Add", ["x", "x"], ["y"])], {}, [low],
                    f"of elements of type FLOAT8E4M3FN: {computed}"),
            Refused("max", [make("Transpose", ["x"], ["t"]), make("ReduceMax", ["t"], ["y"])], {},
                    [four], f"of elements of type INT4: {computed}"),
            Refused("sqrt", [make("Sqrt", ["x"], ["y"])], {}, [low],
                    "of elements of type FLOAT8E4M3FN"),
            Refused("mixed", [make("Cast", ["x"], ["u"], to=TensorProto.UINT8),
                              make("BitCast", ["u"], ["v"], to=TensorProto.FLOAT8E5M2),
                              make("Concat", ["x", "v"], ["y"], axis=0)], {}, [low], computed),
            Refused("shape", [make("ConstantOfShape", ["x"], ["y"])], {}, [four],
                    "of elements of type INT4: the shape must be numbers"),
            Refused("width", [make("BitCast", ["x"], ["y"], to=TensorProto.INT8)], {}, [four],
                    "the bits of INT4 as INT8, which has more or fewer"),
            Refused("mode", [make("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E8M0,
                                  round_mode="even")], {}, [low], 'round_mode "even"'),
            Refused("texts", [make("Cast", ["x"], ["y"], to=TensorProto.STRING)], {}, [low],
                    "to element type STRING"),
            Refused("short", [make("Identity", ["x"], ["y"])], {}, [short],
                    "47 bytes, expected 48"),
            Refused("long", [make("Identity", ["x"], ["y"])], {}, [lists],
                    "2 numbers, expected 1")]


def cases():
    every = (*FLOATS, *INTEGERS)
    return [*decoding(), *encoding(), *among(), *like(), *held(), *map(moved, every),
            *map(loop, every), *map(out, every), *bits(), *kinds(), *quantisation(),
            *map(product, FLOATS8), *refused()]


def main():
    words, failures = sys.argv[1:], 0
    chosen = [case for case in cases() if not words or any(word in str(case) for word in words)]
    for case in chosen:
        wrong = case.outcome()
        if wrong:
            print(f"{case}: {wrong}", flush=True)
            failures += 1
    print(f"# {len(chosen)} cases of low types: {failures} wrong")
    return failures != 0


sys.exit(main())
