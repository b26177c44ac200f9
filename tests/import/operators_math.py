#!/usr/bin/env python3
"""operators_math.py [WORD...]: elementwise operators, reductions and order beside ONNX Runtime: old
opsets, special numbers, and attributes that no case of onnx has. Then how exact the elementary
functions are that the importer makes of others, in ulp over a sweep of float32."""

import sys

import numpy
from onnx import TensorProto

import beside_ort
from beside_ort import Case, floats, integers

NAN, INF = float("nan"), float("inf")
int8, uint8, int32, int64 = numpy.int8, numpy.uint8, numpy.int32, numpy.int64
float16, float32 = numpy.float16, numpy.float32


def array(*values, dtype=float32):
    return numpy.array(values, dtype)


SPECIAL = array(NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 100.0, -100.0, 1e-6, -1e-6, 1e30)
A, B, C = floats(2, 3, 4, 5), floats(3, 4), floats(3)
ROWS, COLUMN = B.reshape(3, 4, 1), C.reshape(3, 1, 1)
TIES = array([3, 1, 3, 2, 1], [NAN, 1, 5, NAN, 0], [-0.0, 0.0, -1, 0.0, -INF], [2, 2, 2, 2, 2])
# ONNX Runtime takes the place of a NaN only where it comes first.
NANS = array([1, NAN, 3, NAN], [NAN, 2, NAN, 0], [5, 0, 0, 5], [0, 5, 5, -NAN])
FLAGS = integers(int32, 2, 3, low=0, high=2).astype(bool)
LONG = floats(3, 1000)
WHOLE = integers(int64, 3, 200, low=-1000, high=1000)
EMPTY = floats(2, 0, 3)


def one_of(operator, opset, function, x=A, **attributes):
    """An operator that ONNX Runtime has not got at that opset."""
    return Case(operator, opset, [x], expected=[function(x).astype(x.dtype)], **attributes)


def two_of(operator, opset, a, b, expected, **attributes):
    return Case(operator, opset, [a, b], expected=[expected], **attributes)


def axis_of(number):
    return numpy.array(number, int64)


def reductions():
    """Of each kind: attributes, inputs since they are such, integers, no elements, no axes."""
    cases = []
    x = floats(2, 3, 4, low=0.5, high=2)
    whole = integers(int32, 2, 3, 4, low=1, high=9)
    for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp",
                 "SumSquare"):
        name, since = f"Reduce{kind}", 13 if kind == "Sum" else 18
        cases += [Case(name, 1, [x], axes=[1]),
                  Case(name, 11, [x], axes=[-1, 0], keepdims=0),
                  Case(name, 11, [x]),
                  Case(name, 11, [whole], axes=[1]),
                  Case(name, since, [x, array(2, 0, dtype=int64)], known=[1], keepdims=0),
                  Case(name, since, [x], keepdims=0),
                  Case(name, since, [x, array(dtype=int64)], known=[1]),
                  Case(name, since, [whole, array(-2, dtype=int64)], known=[1], keepdims=0),
                  Case(name, since, [floats()], keepdims=0)]
    nothing = {"Sum": 0, "Prod": 1, "Max": -INF, "Min": INF, "L1": 0, "L2": 0, "LogSum": -INF,
               "LogSumExp": -INF, "SumSquare": 0, "Mean": NAN}
    for kind, number in nothing.items():
        cases.append(Case(f"Reduce{kind}", 20, [EMPTY, array(1, dtype=int64)], known=[1],
                          keepdims=0, expected=[numpy.full((2, 3), number, float32)]))
    noop = {"Sum": lambda v: v, "L1": abs, "L2": abs, "SumSquare": lambda v: v * v,
            "LogSum": numpy.log, "Mean": lambda v: v}
    for kind, function in noop.items():
        cases.append(Case(f"Reduce{kind}", 18, [x], noop_with_empty_axes=1, expected=[function(x)]))
    return cases


def of_nothing():
    """Axes without elements."""
    def zeros(*shape, dtype=float32):
        return numpy.zeros(shape, dtype)

    def top(x, k, *shape):
        return Case("TopK", 11, [x, array(k, dtype=int64)], known=[1], outputs=(True, True),
                    expected=[zeros(*shape), zeros(*shape, dtype=int64)])

    return [
        *[one_of(name, 13, lambda x: x, x=zeros(0, 5)) for name in ("Sigmoid", "Sinh", "Softmax",
                                                                    "LpNormalization", "Sum")],
        *[one_of(name, 13, lambda x: x, x=zeros(5, 0)) for name in ("Softmax", "Hardmax")],
        one_of("Softmax", 11, lambda x: x, x=EMPTY, axis=2),
        one_of("MeanVarianceNormalization", 13, lambda x: x, x=zeros(0, 3, 4, 5)),
        Case("Max", 13, [zeros(0, 5), floats(1, 5)], expected=[zeros(0, 5)]),
        Case("ArgMax", 13, [zeros(0, 5)], axis=1, expected=[zeros(0, 1, dtype=int64)]),
        Case("CumSum", 14, [zeros(2, 0), axis_of(1)], known=[1], exclusive=1,
             expected=[zeros(2, 0)]),
        Case("CumSum", 14, [zeros(0, 200), axis_of(1)], known=[1], expected=[zeros(0, 200)]),
        top(floats(2, 5), 0, 2, 0),
        top(zeros(0, 5), 2, 0, 2),
        top(zeros(0, 5), 1, 0, 1),
    ]


CASES = [
    *of_nothing(),

    # of one tensor
    *[Case(name, 6, [SPECIAL]) for name in ("Abs", "Neg", "Ceil", "Floor", "Sqrt", "Reciprocal",
                                            "Exp", "Log", "Tanh", "Relu")],
    one_of("Abs", 1, abs, consumed_inputs=[0]),
    Case("Round", 11, [array(0.5, 1.5, 2.5, -0.5, -1.5, NAN, INF, 1e9)]),
    Case("Sign", 13, [array(NAN, INF, -INF, 0, -2, 3)]),
    Case("Sign", 13, [array(0, 1, 255, dtype=uint8)]),
    Case("Sign", 13, [array(0, 7, -7, dtype=int64)]),
    Case("IsNaN", 13, [SPECIAL]),
    Case("IsNaN", 13, [SPECIAL[:-1].astype(float16)]),
    Case("IsInf", 10, [SPECIAL]),
    Case("IsInf", 10, [SPECIAL], detect_negative=0),
    Case("IsInf", 10, [SPECIAL], detect_positive=0),
    Case("IsInf", 10, [SPECIAL], detect_positive=0, detect_negative=0),
    Case("Dropout", 7, [A], ratio=0.3),
    Case("Dropout", 10, [A], outputs=(True, True), expected=[A, numpy.full(A.shape, True)]),
    Case("Dropout", 13,
         [A, array(0.3).reshape(()), array(False, dtype=bool).reshape(())], known=[2],
         outputs=(True, True)),
    one_of("Dropout", 1, lambda x: x, is_test=1, ratio=0.1),

    # other element types
    one_of("Cast", 1, lambda x: x.astype(int32), x=array(1, 2, dtype=int32), to="INT32"),
    Case("Cast", 9, [array(0, -0.0, 0.5, -3, NAN)], to=TensorProto.BOOL),
    Case("Cast", 13, [floats(300, low=-70000, high=70000)], to=TensorProto.FLOAT16),
    Case("Cast", 13, [array(1.9, -1.9, 0.4, 1e6)], to=TensorProto.INT32),
    Case("Cast", 13, [array(300, -1, 5, dtype=int32)], to=TensorProto.UINT8),
    Case("Cast", 13, [array(1e10, -1e10, NAN, INF)], to=TensorProto.INT32,
         expected=[array(2**31 - 1, -2**31, 0, 2**31 - 1, dtype=int32)]),
    Case("CastLike", 15, [A, array(1, dtype=int64)]),

    # activations
    *[Case(name, 6, [SPECIAL]) for name in ("Elu", "Selu", "Sigmoid", "HardSigmoid", "LeakyRelu")],
    *[Case(name, 6, [A], alpha=0.3) for name in ("Elu", "Selu", "HardSigmoid", "LeakyRelu")],
    one_of("Selu", 1, lambda x: numpy.where(x > 0, x, 1.6732 * numpy.expm1(x)) * 1.0507),
    one_of("Elu", 1, lambda x: numpy.where(x > 0, x, numpy.expm1(x)), consumed_inputs=[0]),
    Case("Celu", 12, [A], alpha=2.5),
    Case("Softplus", 1, [array(NAN, INF, -INF, 0, 100, -100, -5, 88.8)]),
    Case("Softsign", 1, [array(NAN, 0, 1, -1, 1e30)]),
    Case("ThresholdedRelu", 10, [A], alpha=0.7),
    Case("HardSwish", 14, [array(NAN, 0, -3, 3, 1, -1, 1e30)]),
    Case("Mish", 18, [array(NAN, 0, -3, 3, 30, 100, -100, 1e30)]),
    Case("Gelu", 20, [A]),
    Case("Gelu", 20, [A], approximate="tanh"),
    Case("Gelu", 20, [A.astype(float16)], atol=2e-3),
    Case("Shrink", 9, [A], lambd=0.4, bias=0.2),
    *(Case("Shrink", 9, [integers(dtype, 40, low=low, high=9)], lambd=lambd, bias=bias)
      for dtype, low in ((int8, -9), (uint8, 0), (int32, -9), (int64, -9))
      for lambd, bias in ((2.0, 1.0), (1.5, 1.5))),
    two_of("PRelu", 6, A, C, numpy.where(A < 0, COLUMN * A, A)),
    Case("PRelu", 7, [A, COLUMN]),
    Case("PRelu", 16, [A, array(0.2)]),
    Case("Gelu", 1, [A], domain="com.microsoft"),
    Case("FastGelu", 1, [A], domain="com.microsoft"),
    Case("FastGelu", 1, [A, floats(5)], domain="com.microsoft"),
    Case("BiasGelu", 1, [A, floats(5)], domain="com.microsoft"),
    Case("QuickGelu", 1, [A], domain="com.microsoft", alpha=1.3),

    # of two tensors and more
    two_of("Add", 1, A, B, A + ROWS, broadcast=1, axis=1, consumed_inputs=[0, 0]),
    two_of("Sub", 6, A, C, A - COLUMN, broadcast=1, axis=1),
    two_of("Sub", 6, A, C, A - COLUMN, broadcast=1, axis=-3),
    two_of("Mul", 6, A, floats(4, 5) * 0 + 2, A * 2, broadcast=1),
    two_of("Div", 6, A, array([2]), A / 2, broadcast=1, axis=0),
    two_of("Pow", 1, abs(A), C, abs(A) ** COLUMN, broadcast=1, axis=1),
    two_of("Greater", 1, A, B, A > ROWS, broadcast=1, axis=1),
    two_of("Equal", 1, WHOLE, WHOLE[0], WHOLE == WHOLE[0], broadcast=1),
    two_of("And", 1, FLAGS, FLAGS[:, 0], FLAGS & FLAGS[:, :1], broadcast=1, axis=0),
    Case("Div", 14, [WHOLE, integers(int64, 3, 200, low=1, high=9)]),
    Case("Mul", 14, [integers(int8, 50), integers(int8, 50)]),
    Case("Mod", 10, [WHOLE, WHOLE[0, :1] * 0 - 7]),
    Case("Mod", 10, [WHOLE, WHOLE[0, :1] * 0 - 7], fmod=1),
    Case("Mod", 13, [integers(uint8, 50), array(7, dtype=uint8)]),
    Case("Mod", 13, [array(5.5, -5.5, 5.5, -5.5, 0), array(2, 2, -2, -2, 3)], fmod=1),
    two_of("Mod", 28, array(5.5, -5.5, 5.5, -5.5, INF, 3, -3, NAN, 3),
           array(2, 2, -2, -2, 3, INF, INF, 2, 0),
           array(1.5, 0.5, -0.5, -1.5, NAN, 3, INF, NAN, NAN)),
    Case("Pow", 7, [abs(A), floats(5)]),
    Case("Pow", 13, [A, array(2, dtype=int64)], known=[1]),
    Case("Pow", 13, [A, array(3.0)], known=[1]),
    Case("Pow", 13, [abs(A), array(0.5)], known=[1]),
    Case("Pow", 13, [abs(A), floats(5).astype(float16)]),
    Case("Pow", 13, [abs(A).astype(float16), floats(5)], rtol=2e-3),
    Case("Pow", 13, [A.astype(float16), array(3, dtype=int64)], known=[1], rtol=2e-3),
    Case("Pow", 13, [abs(A), integers(int32, 5, low=-3, high=9)]),
    Case("Pow", 13, [integers(int32, 30, low=-9, high=9), integers(int64, 30, low=0, high=9)]),
    Case("Pow", 13, [array(1, -1, -1, 2, -3, 1, dtype=int64),
                     array(-5, -5, -4, -1, -2, 0, dtype=int64)]),
    Case("Pow", 13, [array(-1, -1, 1, 2, 3, dtype=int64),
                     array(1001, 1000, 777, 62, 39, dtype=int64)],
         expected=[array(-1, 1, 1, 2**62, 3**39, dtype=int64)]),
    Case("Pow", 13, [integers(int32, 30, low=1, high=9), floats(30, low=0, high=5)]),
    Case("Max", 8, [array(1, NAN, 3, NAN, -0.0), array(2, 2, NAN, NAN, 0)]),
    Case("Min", 8, [array(1, NAN, 3, NAN), array(2, 2, NAN, NAN), array(0.5)]),
    Case("Max", 13, [SPECIAL, array(0.5)], known=[1]),
    Case("Min", 13, [array(0.5), SPECIAL], known=[0]),
    Case("Max", 13, [SPECIAL, array(NAN)], known=[1]),
    Case("Max", 13, [integers(int8, 9), integers(int8, 9)]),
    Case("Max", 8, [A]),
    Case("Sum", 8, [A, C.reshape(3, 1, 1), floats(5)]),
    Case("Mean", 8, [A, C.reshape(3, 1, 1), floats(5)]),
    Case("Mean", 13, [A]),
    Case("Clip", 6, [SPECIAL]),
    Case("Clip", 6, [SPECIAL], min=-1.0),
    one_of("Clip", 1, lambda x: numpy.minimum(x, 2), SPECIAL, max=2.0),
    Case("Clip", 11, [SPECIAL, array(-0.5).reshape(()), None],
         expected=[numpy.maximum(SPECIAL, float32(-0.5))]),
    Case("Clip", 12, [A, floats(), None]),
    Case("Clip", 13, [SPECIAL, array(1).reshape(()), array(-1).reshape(())]),
    Case("Clip", 13, [integers(int8, 40), None, numpy.array(5, int8)]),
    Case("Where", 9, [FLAGS, floats(3), floats(2, 1)]),
    Case("Where", 16, [FLAGS, WHOLE[0, :3], WHOLE[:2, :1]]),
    *[Case(name, 13, [SPECIAL, SPECIAL.reshape(-1, 1)]) for name in ("Equal", "Less", "Greater")],
    *[Case(name, 16, [SPECIAL, SPECIAL.reshape(-1, 1)]) for name in ("LessOrEqual",
                                                                     "GreaterOrEqual")],
    *[Case(name, 7, [FLAGS, FLAGS[:, :1]]) for name in ("And", "Or", "Xor")],
    *[Case(name, 18, [integers(int32, 4, 5), integers(int32, 5)])
      for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")],
    Case("BitShift", 11, [integers(uint8, 8), array(*range(8), dtype=uint8)], direction="LEFT"),
    Case("BitShift", 11, [integers(uint8, 8), array(*range(8), dtype=uint8)], direction="RIGHT"),

    # over axes
    *reductions(),
    Case("ReduceMax", 13, [TIES], axes=[1], expected=[array([3], [NAN], [0], [2])]),
    Case("ReduceMin", 13, [TIES], axes=[1], keepdims=0, expected=[array(1, NAN, -INF, 2)]),
    Case("ReduceMax", 20, [FLAGS, array(1, dtype=int64)], known=[1]),
    Case("ReduceLogSumExp", 18, [array([1000, 1000], [-INF, -INF], [INF, 0], [NAN, 0]),
                                 array(1, dtype=int64)], known=[1], keepdims=0,
         expected=[array(1000.6931, -INF, INF, NAN)]),
    Case("ArgMax", 1, [floats(3, 4, 5)], axis=1),
    Case("ArgMax", 13, [TIES], axis=1, expected=[array([0], [0], [0], [0], dtype=int64)]),
    Case("ArgMax", 13, [TIES], axis=-1, keepdims=0, select_last_index=1,
         expected=[array(2, 3, 3, 4, dtype=int64)]),
    Case("ArgMin", 13, [TIES], axis=1, expected=[array([1], [0], [4], [0], dtype=int64)]),
    Case("ArgMin", 13, [TIES], axis=1, select_last_index=1, keepdims=0,
         expected=[array(4, 3, 4, 4, dtype=int64)]),
    Case("ArgMax", 13, [integers(uint8, 4, 30, high=5)], axis=1, select_last_index=1),
    *(Case(operator, 13, [NANS], axis=1, keepdims=0, select_last_index=last,
           expected=[array(*places, dtype=int64)])
      for operator, last, places in [
          ("ArgMax", 0, (1, 0, 0, 3)), ("ArgMax", 1, (3, 2, 3, 3)),
          ("ArgMin", 0, (1, 0, 1, 3)), ("ArgMin", 1, (3, 2, 2, 3))]),
    Case("Softmax", 1, [A]),
    Case("Softmax", 11, [A], axis=2),
    Case("Softmax", 11, [A], axis=-1),
    Case("Softmax", 13, [A], axis=1),
    Case("Softmax", 13, [array([1000, 1000.5], [-INF, 0], [NAN, 1])]),
    Case("LogSoftmax", 11, [A], axis=0),
    Case("LogSoftmax", 13, [LONG]),
    Case("Hardmax", 11, [A], axis=2),
    Case("Hardmax", 13, [A], axis=1),
    Case("LpNormalization", 1, [A]),
    Case("LpNormalization", 1, [A * array(0, 1, 1, 1, 1)], p=1, axis=1),
    Case("LpNormalization", 1, [floats(3, 4) * 0]),
    Case("MeanVarianceNormalization", 9, [A]),
    Case("MeanVarianceNormalization", 13, [floats(4, 6)], axes=[1]),

    # in order
    *[Case("CumSum", 14, [LONG, axis_of(1)], known=[1], atol=1e-4, reverse=reverse,
           exclusive=exclusive) for reverse in (0, 1) for exclusive in (0, 1)],
    Case("CumSum", 11, [WHOLE, axis_of(-1)], known=[1]),
    Case("CumSum", 11, [WHOLE, axis_of(0)], known=[1], reverse=1),
    Case("CumSum", 11, [floats(2, 5000, 2), axis_of(1)], known=[1], atol=1e-3),
    Case("CumSum", 11, [floats(3, 64), axis_of(1)], known=[1]),
    Case("CumSum", 11, [floats(3, 65), axis_of(1)], known=[1]),
    Case("CumSum", 11, [floats(2, 1), axis_of(1)], known=[1], exclusive=1),
    Case("CumSum", 14, [integers(int64, 3, 4000), axis_of(1)], known=[1], exclusive=1),
    Case("CumSum", 14, [integers(int64, 90, low=-9, high=9), axis_of(0)], known=[0, 1]),
    Case("CumProd", 26, [floats(2, 100, low=0.9, high=1.1), axis_of(1)], known=[1]),
    Case("TopK", 1, [LONG], k=7, outputs=(True, True)),
    Case("TopK", 10, [LONG, array(1, dtype=int64)], known=[1], outputs=(True, True)),
    Case("TopK", 11, [LONG, array(30, dtype=int64)], known=[1], largest=0, outputs=(True, True)),
    Case("TopK", 11, [floats(4, 50, 3), array(5, dtype=int64)], known=[1], axis=1,
         outputs=(True, True)),
    Case("TopK", 11, [WHOLE, array(200, dtype=int64)], known=[1], outputs=(True, True)),
    Case("TopK", 11, [WHOLE, array(1, dtype=int64)], known=[1], largest=0,
         outputs=(True, True)),
    Case("TopK", 11, [integers(int64, 2, 5003, low=-99, high=99), array(60, dtype=int64)],
         known=[1], outputs=(True, True)),
    Case("TopK", 11, [floats(2, 4999).round(2), array(5, dtype=int64)], known=[1], largest=0,
         outputs=(True, True)),
    Case("TopK", 11, [floats(500, 1000).round(1), array(900, dtype=int64)], known=[1],
         outputs=(True, True)),
    Case("TopK", 11, [floats(3, 1024), array(3, dtype=int64)], known=[1], outputs=(True, True)),
    Case("TopK", 11, [TIES, array(3, dtype=int64)], known=[1], outputs=(True, True),
         expected=[array([3, 3, 2], [NAN, NAN, 5], [-0.0, 0, 0], [2, 2, 2]),
                   array([0, 2, 3], [0, 3, 2], [0, 1, 3], [0, 1, 2], dtype=int64)]),
    Case("TopK", 11, [TIES, array(4, dtype=int64)], known=[1], largest=0, outputs=(True, True),
         expected=[array([1, 1, 2, 3], [0, 1, 5, NAN], [-INF, -1, -0.0, 0], [2, 2, 2, 2]),
                   array([1, 4, 3, 0], [4, 1, 2, 0], [4, 2, 0, 1], [0, 1, 2, 3], dtype=int64)]),
]

# ---- Elementary functions ----


def softplus(x):
    return numpy.maximum(x, 0) + numpy.log1p(numpy.exp(-abs(x)))


# (operator, the function in float64, the greatest argument that is tried, the worst ulp)
FUNCTIONS = [
    ("Tan", numpy.tan, 1e4, 2.5),
    ("Asin", numpy.arcsin, 1.001, 2.5),
    ("Acos", numpy.arccos, 1.001, 2.5),
    ("Atan", numpy.arctan, INF, 2.5),
    ("Sinh", numpy.sinh, 90, 2.5),
    ("Cosh", numpy.cosh, 90, 2.5),
    ("Asinh", numpy.arcsinh, INF, 2.5),
    ("Acosh", numpy.arccosh, INF, 2.5),
    ("Atanh", numpy.arctanh, 1.001, 2.5),
    ("Softplus", softplus, INF, 2.5),
]


def sweep(greatest, count=1 << 18):
    """float32 of both signs, of all exponents and close to each other, up to that number."""
    last = int(numpy.float32(greatest).view(numpy.uint32))
    bits = numpy.linspace(0, last, count).astype(numpy.uint32)
    near = numpy.linspace(int(numpy.float32(2**-6).view(numpy.uint32)),
                          min(last, int(numpy.float32(100).view(numpy.uint32))), count)
    positive = numpy.concatenate([bits, near.astype(numpy.uint32)]).view(float32)
    return numpy.concatenate([positive, -positive, array(NAN)])


def worst_ulp(function, x, y):
    """The largest error, in ulp of the exact result; infinite where only one of both is finite."""
    with numpy.errstate(all="ignore"):
        exact = function(x.astype(numpy.float64))
        nearest = exact.astype(float32)
        ulp = numpy.spacing(numpy.maximum(abs(nearest), numpy.finfo(float32).tiny))
        ulp = numpy.where(numpy.isfinite(ulp), ulp, numpy.finfo(float32).max * 2.0**-24)
        errors = abs(y.astype(numpy.float64) - exact) / ulp
    same = (y == nearest) | (numpy.isnan(y) & numpy.isnan(nearest))
    errors = numpy.where(same & ~numpy.isfinite(errors), 0, errors)
    return numpy.where(numpy.isnan(errors), INF, errors).max()


def check_functions(words):
    failures = 0
    for operator, function, greatest, bound in FUNCTIONS:
        if words and not any(word in operator for word in words):
            continue
        x = sweep(greatest)
        model = Case(operator, 22, [x]).model()
        worst = worst_ulp(function, x, beside_ort.run_here(model, {"x0": x}, "jit")[0])
        print(f"# {operator}: {worst:.3f} ulp")
        failures += not worst <= bound
    return failures != 0


if __name__ == "__main__":
    sys.exit(beside_ort.main(CASES) | check_functions(sys.argv[1:]))
