#!/usr/bin/env python3
"""operators_float64.py [WORD...]: operators on float64 beside ONNX Runtime, or where it has not got
them beside NumPy, within what float32 could not give."""

import math
import sys

import numpy
from onnx import helper

from beside_ort import RANDOM, Case, main

float32, float64, int64 = numpy.float32, numpy.float64, numpy.int64
BOTH = (True, True)
FINE = {"rtol": 1e-14, "atol": 1e-300}
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


def doubles(*shape, low=None, high=None):
    return RANDOM.normal(size=shape) if low is None else RANDOM.uniform(low, high, size=shape)


def case(operator, version, *inputs, known=(), **options):
    return Case(operator, version, inputs, known=known, **options)


def ml(operator, opset, x, **attributes):
    return Case(operator, opset, [x], domain="ai.onnx.ml", **attributes)


def tensor(values, dtype=float64):
    array = numpy.array(values, dtype)
    return helper.make_tensor("t", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape,
                              array.tobytes(), raw=True)


# Elementwise


def elementwise():
    x, y = doubles(300, low=-9, high=9), doubles(300, low=-9, high=9)
    for operator in ("Abs", "Neg", "Ceil", "Floor", "Round", "Exp", "Sin", "Cos", "Tanh", "Erf",
                     "Relu", "Sign", "Reciprocal"):
        numpy_has = {"Exp": numpy.exp, "Sin": numpy.sin, "Cos": numpy.cos, "Tanh": numpy.tanh,
                     "Erf": numpy.vectorize(math.erf), "Round": numpy.round}
        expected = [numpy_has[operator](x)] if operator in numpy_has else None
        yield case(operator, 14 if operator != "Erf" else 13, x, expected=expected, **FINE)
    for operator, function in (("Sqrt", numpy.sqrt), ("Log", numpy.log)):
        yield case(operator, 13, numpy.abs(x), expected=[function(numpy.abs(x))], **FINE)
    for operator in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        yield case(operator, 14, x, y, **FINE)
    for operator in ("Less", "Equal", "GreaterOrEqual"):
        yield case(operator, 16, x.round(), y.round())
    yield case("Pow", 15, numpy.abs(x), y, expected=[numpy.abs(x) ** y], **FINE)
    yield case("Mod", 13, x, y, fmod=1, expected=[numpy.fmod(x, y)], **FINE)
    yield case("Sigmoid", 13, x, expected=[1 / (1 + numpy.exp(-x))], **FINE)
    yield case("Gelu", 20, x, expected=[x * .5 * (1 + numpy.vectorize(math.erf)(x / 2**.5))],
               **CLOSE)
    yield case("Elu", 6, x, alpha=.5, expected=[numpy.where(x < 0, .5 * numpy.expm1(x), x)],
               **CLOSE)
    yield case("LeakyRelu", 16, x, alpha=.25, expected=[numpy.where(x < 0, .25 * x, x)], **FINE)
    yield case("Clip", 13, x, numpy.array(-1 / 3), numpy.array(2 / 3),
               expected=[x.clip(-1 / 3, 2 / 3)], **FINE)
    yield case("Where", 16, x < y, x, y)


def composed():
    """Functions that the importer makes of others; ONNX Runtime has them of float32 alone."""
    few = {"rtol": 3e-15, "atol": 0}
    x = numpy.concatenate([doubles(400, low=-30, high=30), doubles(400, low=-1, high=1),
                           10.0 ** doubles(200, low=-300, high=300),
                           [0., -0., 1., -1., .5, -.5, 1e-300, math.inf, -math.inf, math.nan]])
    unit = numpy.concatenate([doubles(900, low=-1, high=1),
                              1 - 10.0 ** doubles(99, low=-16, high=-1),
                              [0., -0., 1., -1., .5, math.nan, 1e-200]])
    some = x[numpy.abs(x) < 700]
    with numpy.errstate(all="ignore"):
        for operator, version, values, function in (
                ("Atan", 7, x, numpy.arctan), ("Asinh", 9, x, numpy.arcsinh),
                ("Asin", 7, unit, numpy.arcsin), ("Acos", 7, unit, numpy.arccos),
                ("Atanh", 9, unit, numpy.arctanh), ("Tan", 7, some, numpy.tan),
                ("Acosh", 9, numpy.concatenate([1 + numpy.abs(unit) * 1e-9, 1 + numpy.abs(x)]),
                 numpy.arccosh),
                ("Sinh", 9, some, numpy.sinh), ("Cosh", 9, some, numpy.cosh),
                ("Softplus", 1, some, lambda v: numpy.logaddexp(0, v))):
            yield case(operator, version, values, expected=[function(values)], **few)


def casts():
    tie = numpy.array([1 + 2**-11 + 2**-40, 1 + 2**-11, -1 - 2**-11 - 2**-50, 65520 - 2**-30])
    yield case("Cast", 13, tie, to=10, rtol=0, atol=0, expected=[tie.astype(numpy.float16)])
    wide = numpy.array([2**53 + 1, -2**62 - 1, 3], int64)
    yield case("Cast", 13, wide, to=11, rtol=0, atol=0, expected=[wide.astype(float64)])
    x = doubles(9, low=-1e10, high=1e10)
    yield case("Cast", 13, x, to=7, expected=[x.astype(int64)])
    yield case("Cast", 13, x, to=1, rtol=0, atol=0, expected=[x.astype(float32)])


# Sums and products


def reductions():
    x = doubles(4, 37, 5)
    for operator, reduce in (("ReduceMean", numpy.mean), ("ReduceSum", numpy.sum),
                             ("ReduceMax", numpy.max), ("ReduceMin", numpy.min),
                             ("ReduceProd", numpy.prod)):
        axes = numpy.array([1], int64)
        yield case(operator, 18 if operator != "ReduceSum" else 13, x, axes, known=[1], keepdims=0,
                   expected=[reduce(x, axis=1)], **CLOSE)
    yield case("ArgMax", 13, x, axis=1)
    yield case("Softmax", 13, x, axis=1, **CLOSE)
    yield case("LogSoftmax", 13, x, axis=1, **CLOSE)
    yield case("CumSum", 14, x, numpy.array(1, int64), known=[1], **CLOSE)
    yield case("MatMul", 13, doubles(3, 17, 33), doubles(33, 9), **CLOSE)
    yield case("Gemm", 13, doubles(5, 7), doubles(9, 7), doubles(9), transB=1, alpha=.1,
               expected=None, **CLOSE)
    image, weight = doubles(1, 3, 9, 9), doubles(4, 3, 3, 3)
    windows = numpy.lib.stride_tricks.sliding_window_view(image[0], (3, 3), axis=(1, 2))
    yield case("Conv", 11, image, weight,
               expected=[numpy.einsum("cijkl,ockl->oij", windows, weight)[None]], **CLOSE)
    yield case("MaxPool", 12, image, kernel_shape=[3, 3], expected=[windows.max((3, 4))[None]],
               **FINE)
    yield case("AveragePool", 11, image, kernel_shape=[3, 3],
               expected=[windows.mean((3, 4))[None]], **CLOSE)
    rows = doubles(6, 16)
    yield case("Einsum", 12, doubles(3, 4), doubles(4, 5), equation="ij,jk->ki", **CLOSE)
    yield case("TopK", 11, rows, numpy.array([3], int64), known=[1], outputs=BOTH)
    yield case("Gather", 13, rows, numpy.array([3, 0], int64), axis=1)
    spread = (rows - rows.mean(1, keepdims=True)) / numpy.sqrt(rows.var(1, keepdims=True) + 1e-5)
    yield case("LayerNormalization", 17, rows, numpy.ones(16), expected=[spread], rtol=1e-8,
               atol=1e-8)  # epsilon is a float of the file
    signal = doubles(2, 12, 1)
    spectrum = numpy.fft.fft(signal[..., 0], axis=1)
    yield case("DFT", 17, signal, expected=[numpy.stack([spectrum.real, spectrum.imag], -1)],
               axis=1, **CLOSE)
    line = doubles(1, 1, 1, 4)
    at = (numpy.arange(12) + .5) / 3 - .5
    yield case("Resize", 19, line, numpy.array([]), numpy.array([1, 1, 1, 3], float32),
               known=[1, 2], mode="linear",
               expected=[numpy.interp(at, range(4), line[0, 0, 0]).reshape(1, 1, 1, 12)], **CLOSE)


def recurrences():
    """As long as a scan, and written out."""
    for steps in (3, 20):
        x, weights, recurrent = doubles(steps, 2, 3), doubles(1, 5, 3), doubles(1, 5, 5) / 3
        state, states = numpy.zeros((2, 5)), []
        for step in x:
            state = numpy.tanh(step @ weights[0].T + state @ recurrent[0].T)
            states.append(state)
        yield case("RNN", 14, x, weights, recurrent, known=[1, 2], hidden_size=5,
                   expected=[numpy.array(states)[:, None]], **CLOSE)


# ai.onnx.ml

STUMPS = {"nodes_treeids": [0, 0, 0, 1, 1, 1], "nodes_nodeids": [0, 1, 2] * 2,
          "nodes_featureids": [0, 0, 0, 1, 0, 0],
          "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"],
          "nodes_truenodeids": [1, 0, 0] * 2, "nodes_falsenodeids": [2, 0, 0] * 2,
          "nodes_values_as_tensor": tensor([.1, 0, 0, 1 / 3, 0, 0])}


def leaves_of(prefix):
    return {f"{prefix}_treeids": [0, 0, 1, 1], f"{prefix}_nodeids": [1, 2, 1, 2],
            f"{prefix}_ids": [0] * 4}


def trees():
    tenth, third = numpy.nextafter(.1, 1), numpy.nextafter(1 / 3, 0)
    x = numpy.array([[.1, third], [tenth, third], [.1, 1 / 3], [tenth, 1 / 3],
                     [float(float32(.1)), float(float32(1 / 3))]])
    weights = numpy.array([.1, .2, .3, .7])
    votes = (numpy.where(x[:, 0] <= .1, weights[0], weights[1]) +
             numpy.where(x[:, 1] < 1 / 3, weights[2], weights[3]))
    leaves = {**leaves_of("target"), "target_weights_as_tensor": tensor(weights)}
    yield ml("TreeEnsembleRegressor", 3, x, n_targets=1, **STUMPS, **leaves,
             expected=[votes[:, None].astype(float32)], rtol=1e-7, atol=0)
    yield ml("TreeEnsembleRegressor", 3, x, n_targets=1, **STUMPS, **leaves,
             base_values_as_tensor=tensor([1 / 7]),
             expected=[(votes[:, None] + 1 / 7).astype(float32)], rtol=1e-7, atol=0)
    # Weights of float64 are added up in it where the features are float32, too.
    near = x.astype(float32).astype(float64)
    votes = numpy.where(near[:, 0] <= .1, .1, .2) + numpy.where(near[:, 1] < 1 / 3, .3, .7)
    yield ml("TreeEnsembleRegressor", 3, x.astype(float32), n_targets=1, **STUMPS, **leaves,
             expected=[votes[:, None].astype(float32)], rtol=1e-7, atol=0)
    classes = {**leaves_of("class"), "class_weights_as_tensor": tensor(weights / 2)}
    yield ml("TreeEnsembleClassifier", 3, x, outputs=BOTH, classlabels_int64s=[4, 9], **STUMPS,
             **classes, rtol=1e-6)
    branches = {"nodes_featureids": [0], "nodes_splits": tensor([.1]),
                "nodes_modes": tensor([0], numpy.uint8), "nodes_truenodeids": [0],
                "nodes_falsenodeids": [1], "nodes_trueleafs": [1], "nodes_falseleafs": [1],
                "leaf_targetids": [0, 0], "leaf_weights": tensor([1 / 3, 2 / 3]),
                "tree_roots": [0]}
    yield ml("TreeEnsemble", 5, x, n_targets=1, **branches,
             expected=[numpy.where(x[:, :1] <= .1, 1 / 3, 2 / 3)], rtol=0, atol=0)


def features():
    x = doubles(9, 3)
    yield ml("Scaler", 1, x, scale=[2., .5, -1.], offset=[1., 0., 3.], rtol=1e-7)
    for norm in ("MAX", "L1", "L2"):
        yield ml("Normalizer", 1, x, norm=norm, rtol=1e-6)
    yield ml("Binarizer", 1, numpy.array([.1, float(float32(.1))]), threshold=.1,
             expected=[numpy.array([0., 0.])])
    yield ml("Imputer", 1, numpy.array([[1e300, math.nan, 1 / 3]]), imputed_value_floats=[.5],
             replaced_value_float=math.nan, expected=[numpy.array([[1e300, .5, 1 / 3]])],
             rtol=0, atol=0)
    yield ml("LabelEncoder", 4, numpy.array([.1, float(float32(.1)), math.nan]),
             keys_tensor=tensor([.1, math.nan, 1]), values_tensor=tensor([1, 2, 3], int64),
             default_tensor=tensor([-1], int64), expected=[numpy.array([1, -1, 2], int64)])


def linear_models():
    x = doubles(9, 4)
    table = RANDOM.normal(size=(3, 4)).astype(float32)
    yield ml("LinearClassifier", 1, x, outputs=BOTH, classlabels_ints=[7, 9, 11],
             coefficients=table.ravel().tolist(), intercepts=[.5, .25, -.5])
    yield ml("LinearRegressor", 1, x, coefficients=table.ravel().tolist(), targets=3,
             expected=[(x @ table.T.astype(float64)).astype(float32)], rtol=2e-7, atol=1e-9)
    vectors = RANDOM.normal(size=(7, 4)).astype(float32)
    supports = {"support_vectors": vectors.ravel().tolist(), "kernel_type": "RBF",
                "kernel_params": [.25, 0., 0.], "rho": [.25]}
    given = RANDOM.normal(size=7).astype(float32)
    distances = ((x[:, None] - vectors) ** 2).sum(2)
    scores = numpy.exp(-.25 * distances) @ given.astype(float64) + .25
    yield ml("SVMRegressor", 1, x, n_supports=7, coefficients=given.tolist(), **supports,
             expected=[scores[:, None].astype(float32)], rtol=2e-7, atol=1e-9)
    yield ml("SVMClassifier", 1, x, outputs=BOTH, vectors_per_class=[4, 3],
             coefficients=given.tolist(), classlabels_ints=[3, 8], **supports)


CASES = [*elementwise(), *composed(), *casts(), *reductions(), *recurrences(), *trees(),
         *features(), *linear_models()]

if __name__ == "__main__":
    sys.exit(main(CASES))
