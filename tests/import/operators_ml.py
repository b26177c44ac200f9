#!/usr/bin/env python3
"""operators_ml.py [WORD...]: the operators of ai.onnx.ml beside ONNX Runtime, each by itself, and
models of scikit-learn that skl2onnx wrote, with several numbers of rows."""

import operator
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn import datasets, ensemble, linear_model, naive_bayes, neural_network, svm, tree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (Binarizer, MinMaxScaler, Normalizer, PolynomialFeatures,
                                   StandardScaler)

from beside_ort import RANDOM, Case, eigentensor, floats, integers, main, run_here, run_ort

float32, float64, int32, int64 = numpy.float32, numpy.float64, numpy.int32, numpy.int64
NAN = float("nan")
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
BOTH = (True, True)
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def ml(operator, opset, x, *others, **attributes):
    """The first input is a run's, others are the file's."""
    return Case(operator, opset, [x, *others], domain="ai.onnx.ml",
                known=range(1, 1 + len(others)), **attributes)


def numbers(*values, dtype=float32):
    return numpy.array(values, dtype)


def tensor(values, dtype=float32):
    array = numpy.array(values, dtype)
    return helper.make_tensor("t", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape,
                              array.tobytes(), raw=True)


# Features

ROWS = numbers([1, -3, 2], [0, 0, 0], [-1, -2, -3], [NAN, 1, 2])

FEATURES = [
    ml("Scaler", 1, floats(5, 3), scale=[2., .5, -1.], offset=[1., 0., 3.]),
    ml("Scaler", 1, floats(3), scale=[2.], offset=[1.]),
    ml("Scaler", 1, integers(int64, 4, 3, low=-9, high=9), scale=[2.], offset=[1.]),
    ml("Scaler", 1, ROWS, scale=[2.], expected=[ROWS * 2]),
    ml("Scaler", 1, ROWS, offset=[2., 1., 0.], expected=[ROWS - numbers(2, 1, 0)]),
    *[ml("Normalizer", 1, x, norm=norm) for norm in ("MAX", "L1", "L2")
      for x in (ROWS[:3], floats(9, 20), floats(4), integers(int32, 3, 5, low=-9, high=9))],
    # A row with a NaN has no greatest element but that; ONNX Runtime passes it over.
    *[ml("Normalizer", 1, ROWS[3:], norm=norm, expected=[numpy.full((1, 3), NAN, float32)])
      for norm in ("MAX", "L1", "L2")],
    ml("Imputer", 1, ROWS, imputed_value_floats=[7., 8., 9.], replaced_value_float=NAN),
    ml("Imputer", 1, ROWS, imputed_value_floats=[7.], replaced_value_float=0.),
    ml("Imputer", 1, integers(int64, 6, 3, low=0, high=3), imputed_value_int64s=[2**62, 8, -9],
       replaced_value_int64=1),
    ml("Imputer", 1, numbers(3, 1, 2, dtype=int32), imputed_value_int64s=[5],
       replaced_value_int64=1, expected=[numbers(3, 5, 2, dtype=int32)]),
    ml("Binarizer", 1, floats(4, 3), threshold=.25),
    ml("Binarizer", 1, floats(4, 3)),
    ml("Binarizer", 1, ROWS, threshold=1., expected=[(ROWS > 1).astype(float32)]),
    ml("Binarizer", 1, numbers(-2, -1, 0, 1, dtype=int64), threshold=-1.5,
       expected=[numbers(0, 1, 1, 1, dtype=int64)]),
    ml("ArrayFeatureExtractor", 1, floats(4, 5), numbers(3, 0, 3, dtype=int64)),
    ml("ArrayFeatureExtractor", 1, floats(2, 3, 5), numbers([4], [1], dtype=int64)),
    ml("ArrayFeatureExtractor", 1, integers(int64, 5), numbers(2, 2, dtype=int64)),
    Case("ArrayFeatureExtractor", 1, [floats(4, 5), numbers([1, 4], dtype=int64)],
         domain="ai.onnx.ml"),
    Case("FeatureVectorizer", 1, [floats(3, 2), floats(3, 4), floats(3, 1)],
         domain="ai.onnx.ml", inputdimensions=[2, 3, 1]),
    Case("FeatureVectorizer", 1, [integers(int64, 3, 2, low=-9, high=9)] * 2,
         domain="ai.onnx.ml", inputdimensions=[2, 3]),
    Case("FeatureVectorizer", 1, [floats(2), floats(3)], domain="ai.onnx.ml",
         inputdimensions=[2, 3]),
    ml("OneHotEncoder", 1, integers(int64, 4, 3, low=0, high=6), cats_int64s=[4, 1, 3]),
    ml("OneHotEncoder", 1, floats(7, low=-3, high=3), cats_int64s=[-2, 0, 1], zeros=1),
    ml("OneHotEncoder", 1, numbers(1, 2, 5, dtype=int32), cats_int64s=[2, 1],
       expected=[numbers([0, 1], [1, 0], [0, 0])]),
]

KEYS = RANDOM.permutation(1000)[:300] - 500
LABELS = [
    ml("LabelEncoder", 2, integers(int64, 5, 4, low=-3, high=9), keys_int64s=[3, 1, 4, -2],
       values_floats=[1., 2., 3., 4.], default_float=.5),
    ml("LabelEncoder", 2, numbers(1, 2, 9, dtype=int64), keys_int64s=[2], values_int64s=[7]),
    ml("LabelEncoder", 2, numbers(2**53 + 1, 2**53, dtype=int64), keys_int64s=[2**53, 2**53 + 1],
       values_int64s=[2**60 + 1, -2**60 - 1]),
    ml("LabelEncoder", 4, integers(int64, 999, low=-600, high=600), keys_int64s=KEYS.tolist(),
       values_int64s=(KEYS * 3).tolist(), default_int64=99),
    ml("LabelEncoder", 4, numbers(1, NAN, -0., 3, .1), keys_floats=[1., NAN, 0., .1],
       values_int64s=[10, 11, 12, 13]),
    ml("LabelEncoder", 4, numbers(1, 2, 3, dtype=int64), keys_int64s=[1, 1, 2],
       values_int64s=[10, 11, 12], expected=[numbers(11, 12, -1, dtype=int64)]),
    ml("LabelEncoder", 4, floats(30, low=-2, high=2).round(1),
       keys_tensor=tensor(numpy.arange(-20, 21) / 10), values_tensor=tensor(range(41), int64),
       default_tensor=tensor([-7], int64)),
    ml("LabelEncoder", 4, numbers(3, 5, dtype=int32), keys_tensor=tensor([5, 6], int32),
       values_tensor=tensor([.5, 1.5], float64), default_tensor=tensor([2.5], float64),
       expected=[numbers(2.5, .5, dtype=float64)]),
]

# Linear models


def linear_classifiers():
    for transform in TRANSFORMS:
        yield ml("LinearClassifier", 1, floats(9, 4), outputs=BOTH, classlabels_ints=[7, 9, 11],
                 coefficients=floats(12).tolist(), intercepts=floats(3).tolist(),
                 post_transform=transform)
        if transform != "PROBIT":  # of which ONNX Runtime gives but one
            yield ml("LinearClassifier", 1, floats(9, 4), outputs=BOTH, classlabels_ints=[7, 9],
                     coefficients=floats(4).tolist(), intercepts=[.25], post_transform=transform)
        yield ml("LinearRegressor", 1, floats(9, 4), coefficients=floats(8).tolist(), targets=2,
                 intercepts=[.5, .25], post_transform=transform)
        yield ml("LinearRegressor", 1, floats(9, 4), coefficients=floats(4).tolist(),
                 post_transform=transform)
    x = floats(5, 2)
    yield ml("LinearClassifier", 1, x, outputs=BOTH, classlabels_ints=[7, 9],
             coefficients=[1., 2., 3., 4.],
             expected=[numpy.where(x @ [2, 2] > 0, 9, 7), x @ numbers([1, 3], [2, 4])])
    yield ml("LinearClassifier", 1, integers(int32, 5, 2, low=-5, high=5), outputs=BOTH,
             classlabels_ints=[7, 9], coefficients=[1., 2., 3., 4.], intercepts=[0., .5])
    yield ml("LinearClassifier", 1, floats(5, 2), outputs=(None, True),
             classlabels_strings=["no", "yes"], coefficients=[1., 2., 3., 4.], intercepts=[0., .5])


# Support vector machines

KERNELS = [("LINEAR", 0., 0., 0.), ("POLY", .5, .25, 3.), ("POLY", .5, 1., 2.), ("RBF", .3, 0., 0.),
           ("SIGMOID", .3, .1, 0.)]


def vector_machines():
    for kind, *parameters in KERNELS:
        kernel = {"kernel_type": kind, "kernel_params": parameters}
        vectors = {"support_vectors": floats(7 * 3).tolist(), **kernel}
        yield ml("SVMRegressor", 1, floats(9, 3), coefficients=floats(7).tolist(), n_supports=7,
                 rho=[.25], **vectors)
        yield ml("SVMRegressor", 1, floats(9, 3), coefficients=floats(7).tolist(), n_supports=7,
                 rho=[.25], one_class=1, **vectors)
        for classes, probable in [([4, 3], 0), ([4, 3], 1), ([2, 0, 5], 0), ([3, 2, 2], 1),
                                  ([1, 2, 2, 2], 0)]:
            pairs = len(classes) * (len(classes) - 1) // 2
            others = {"prob_a": floats(pairs, low=-3, high=-1).tolist(),
                      "prob_b": floats(pairs).tolist()} if probable else {}
            yield ml("SVMClassifier", 1, floats(9, 3), outputs=BOTH, vectors_per_class=classes,
                     coefficients=floats(7 * (len(classes) - 1)).tolist(),
                     rho=floats(pairs).tolist(), classlabels_ints=list(range(5, 5 + len(classes))),
                     **vectors, **others)
    for transform in TRANSFORMS[:4]:
        yield ml("SVMClassifier", 1, floats(9, 3), outputs=BOTH, vectors_per_class=[4, 3],
                 coefficients=floats(7).tolist(), rho=[.25], classlabels_ints=[3, 8],
                 support_vectors=floats(21).tolist(), post_transform=transform,
                 kernel_params=[0., 0., 0.])
    for transform in TRANSFORMS:
        for count, coefficients in [(3, floats(9)), (2, floats(6)), (2, floats(6, low=0, high=1))]:
            yield ml("SVMClassifier", 1, floats(9, 3), outputs=BOTH, rho=[.25],
                     coefficients=coefficients.tolist(), classlabels_ints=[3, 8, 9][:count],
                     post_transform=transform, kernel_params=[0., 0., 0.])
    yield ml("SVMRegressor", 1, floats(9, 3), coefficients=floats(3).tolist(), rho=[.25],
             kernel_params=[0., 0., 0.], n_supports=0)


# Trees


def random_trees(trees, depth, features, modes, missing=False):
    """The lists of nodes, and the leaves as pairs of tree and node."""
    lists = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes",
                                   "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    leaves = []
    for each in range(trees):
        count = 0

        def grow(level, own):
            nonlocal count
            count += 1
            stops = level == depth or (level > 0 and RANDOM.random() < .2)
            row = [each, own, int(RANDOM.integers(features)), float(RANDOM.integers(-3, 4) / 2),
                   "LEAF" if stops else str(RANDOM.choice(modes)), 0, 0,
                   int(missing and RANDOM.random() < .5)]
            rows.append(row)
            if stops:
                leaves.append((each, own))
                return own
            row[5] = grow(level + 1, count)
            row[6] = grow(level + 1, count)
            return own

        rows = []
        grow(0, 0)
        for row in rows:
            for name, value in zip(lists, row):
                lists[name].append(value)
    return {f"nodes_{name}": values for name, values in lists.items()}, leaves


def votes(prefix, leaves, ids, weights):
    """One vote of each leaf for each of `ids`; weights are drawn."""
    rows = [(*leaf, each) for leaf in leaves for each in ids(leaf)]
    return {f"{prefix}_treeids": [row[0] for row in rows],
            f"{prefix}_nodeids": [row[1] for row in rows],
            f"{prefix}_ids": [row[2] for row in rows],
            f"{prefix}_weights": weights(len(rows)).tolist()}


def points(rows, features):
    """Halves, so that some are equal to thresholds; NaN and infinities among them."""
    x = (RANDOM.integers(-4, 5, size=(rows, features)) / 2).astype(float32)
    x[RANDOM.random(x.shape) < .1] = NAN
    x[RANDOM.random(x.shape) < .05] = numpy.inf
    x[RANDOM.random(x.shape) < .05] = -numpy.inf
    return x


def regressors():
    for modes in (*[[mode] for mode in MODES], MODES):
        for missing in (False, True):
            nodes, leaves = random_trees(5, 5, 4, modes, missing)
            yield ml("TreeEnsembleRegressor", 1, points(40, 4), n_targets=1, **nodes,
                     **votes("target", leaves, lambda leaf: [0], floats))
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        for transform in TRANSFORMS[:4]:
            nodes, leaves = random_trees(6, 4, 4, MODES)
            yield ml("TreeEnsembleRegressor", 1, points(30, 4), n_targets=3, **nodes,
                     aggregate_function=aggregate, post_transform=transform,
                     base_values=[.5, .25, -1.],
                     **votes("target", leaves, lambda leaf: [0, 1, 2], floats))
            yield ml("TreeEnsembleRegressor", 3, points(30, 4), n_targets=1, **nodes,
                     aggregate_function=aggregate, post_transform=transform, base_values=[.5],
                     **votes("target", leaves, lambda leaf: [0], floats))
    nodes, leaves = random_trees(6, 4, 4, MODES)
    yield ml("TreeEnsembleRegressor", 1, points(30, 4), n_targets=1, **nodes,
             post_transform="PROBIT", atol=1e-3,  # its formula cancels around 1/2
             **votes("target", leaves, lambda leaf: [0], lambda n: floats(n, low=.01, high=.16)))
    nodes, leaves = random_trees(4, 0, 4, MODES)
    yield ml("TreeEnsembleRegressor", 1, points(30, 4), n_targets=2, **nodes,
             **votes("target", leaves, lambda leaf: [0, 1], floats))
    nodes, leaves = random_trees(4, 3, 4, MODES)
    yield ml("TreeEnsembleRegressor", 1, points(1, 4)[0], n_targets=1, **nodes,
             expected=[numpy.zeros((1, 1), float32)])


def exact_thresholds():
    """Thresholds of float64, between and on numbers of float32."""
    tenth = float32(.1)
    below = numpy.nextafter(tenth, float32(0))
    x = numbers(NAN, -numpy.inf, below, tenth, 3e38, numpy.inf)[:, None]
    for mode, compare in zip(MODES, COMPARISONS):
        for threshold in (.1, float(tenth), 1e300, -numpy.inf, numpy.inf, NAN):
            yes = compare(x.astype(float64), threshold)
            yield ml("TreeEnsembleRegressor", 3, x, n_targets=1, nodes_treeids=[0] * 3,
                     nodes_nodeids=[0, 1, 2], nodes_featureids=[0] * 3,
                     nodes_values_as_tensor=tensor([threshold, 0, 0], float64),
                     nodes_modes=[mode, "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0],
                     nodes_falsenodeids=[2, 0, 0], target_treeids=[0, 0], target_nodeids=[1, 2],
                     target_ids=[0, 0], target_weights=[1., 2.],
                     expected=[numpy.where(yes, float32(1), float32(2))])


def classifiers():
    for transform in TRANSFORMS:
        nodes, leaves = random_trees(7, 4, 4, MODES)
        common = {"outputs": BOTH, "post_transform": transform, **nodes}
        three = {"classlabels_int64s": [5, -6, 7], **common}
        two = {"classlabels_int64s": [5, -6], **common}
        yield ml("TreeEnsembleClassifier", 1, points(30, 4), **three,
                 **votes("class", leaves, lambda leaf: [0, 1, 2], floats))
        yield ml("TreeEnsembleClassifier", 3, points(30, 4), base_values=[.5, 0., -.25], **three,
                 **votes("class", leaves, lambda leaf: [leaf[0] % 3], floats))
        if transform == "PROBIT":  # of which ONNX Runtime gives one of two
            continue
        for least in (0, -1):
            draw = lambda n, least=least: floats(n, low=least / 7, high=1 / 7)
            yield ml("TreeEnsembleClassifier", 1, points(30, 4), **two,
                     **votes("class", leaves, lambda leaf: [0], draw))
            yield ml("TreeEnsembleClassifier", 1, points(30, 4), base_values=[.1], **two,
                     **votes("class", leaves, lambda leaf: [0], draw))
            yield ml("TreeEnsembleClassifier", 1, points(30, 4), **two,
                     **votes("class", leaves, lambda leaf: [1], draw))
    nodes, leaves = random_trees(7, 4, 4, MODES)
    yield ml("TreeEnsembleClassifier", 1, points(30, 4), outputs=(None, True), **nodes,
             classlabels_strings=["a", "b", "c"],
             **votes("class", leaves, lambda leaf: [0, 1, 2], floats))
    yield ml("TreeEnsembleClassifier", 1, integers(int64, 30, 4, low=-4, high=5), outputs=BOTH,
             classlabels_int64s=[5, -6, 7], **nodes,
             **votes("class", leaves, lambda leaf: [0, 1, 2], floats))
    # Of two classes with votes for both the greater one wins, whatever the labels are, which ONNX
    # Runtime does not do.
    stump = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
             "nodes_values": [.5, 0., 0.], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
             "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
             "class_treeids": [0] * 4, "class_nodeids": [1, 1, 2, 2], "class_ids": [0, 1, 0, 1],
             "class_weights": [.75, .25, .125, .875], "classlabels_int64s": [5, -6]}
    yield ml("TreeEnsembleClassifier", 1, numbers([0], [1]), outputs=BOTH, **stump,
             expected=[numbers(5, -6, dtype=int64), numbers([.75, .25], [.125, .875])])
    yield ml("TreeEnsembleClassifier", 1, numbers([0], [1]), outputs=BOTH, **stump,
             base_values=[.5, 0.],
             expected=[numbers(5, -6, dtype=int64), numbers([1.25, .25], [.625, .875])])


COMPARISONS = (operator.le, operator.lt, operator.ge, operator.gt, operator.eq, operator.ne,
               lambda x, members: x in members)


class Apart:
    """TreeEnsemble with random branches and leaves; sets of members among the modes."""

    def __init__(self, trees, depth, features, sets):
        self.depth, self.features, self.modes = depth, features, 7 if sets else 6
        self.branches, self.leaves = [], []
        self.roots = [self.grow(0) for _ in range(trees)]

    def grow(self, level):
        branch = {"feature": int(RANDOM.integers(self.features)),
                  "split": float(RANDOM.integers(-3, 4) / 2),
                  "mode": int(RANDOM.integers(self.modes)), "missing": int(RANDOM.integers(2)),
                  "members": RANDOM.permutation(numpy.arange(-4, 5))[:RANDOM.integers(8)] / 2}
        own = len(self.branches)
        self.branches.append(branch)
        for side in ("true", "false"):
            leaf = level + 1 >= self.depth or RANDOM.random() < .2
            if leaf:
                self.leaves.append((int(RANDOM.integers(3)), float32(RANDOM.normal())))
            to = len(self.leaves) - 1 if leaf else self.grow(level + 1)
            branch[side], branch[f"{side}leaf"] = to, int(leaf)
        return own

    def attributes(self):
        lists = {name: [branch[name] for branch in self.branches] for name in self.branches[0]}
        members = [value for branch in self.branches if branch["mode"] == 6
                   for value in (*branch["members"], NAN)]
        others = {"membership_values": tensor(members)} if members else {}
        return {"n_targets": 3, "tree_roots": self.roots, "nodes_featureids": lists["feature"],
                "nodes_splits": tensor(lists["split"]),
                "nodes_modes": tensor(lists["mode"], numpy.uint8),
                "nodes_missing_value_tracks_true": lists["missing"],
                "nodes_truenodeids": lists["true"], "nodes_trueleafs": lists["trueleaf"],
                "nodes_falsenodeids": lists["false"], "nodes_falseleafs": lists["falseleaf"],
                "leaf_targetids": [leaf[0] for leaf in self.leaves],
                "leaf_weights": tensor([leaf[1] for leaf in self.leaves]), **others}

    def leaf(self, root, row):
        branch = self.branches[root]
        while True:
            value = row[branch["feature"]]
            other = branch["members"] if branch["mode"] == 6 else branch["split"]
            missing = branch["missing"] and numpy.isnan(value)
            side = "true" if missing or COMPARISONS[branch["mode"]](value, other) else "false"
            if branch[f"{side}leaf"]:
                return self.leaves[branch[side]]
            branch = self.branches[branch[side]]

    def scores(self, rows):
        """In the order of the trees, each addition rounded."""
        scores = numpy.zeros((len(rows), 3), float32)
        for score, row in zip(scores, rows):
            for root in self.roots:
                target, weight = self.leaf(root, row)
                score[target] += weight
        return scores


def ensembles():
    for _ in range(4):
        yield ml("TreeEnsemble", 5, points(40, 3), **Apart(6, 4, 3, False).attributes())
        # ONNX Runtime's sets are of integers, and those that are large are other ones.
        some, rows = Apart(6, 4, 3, True), points(40, 3)
        yield ml("TreeEnsemble", 5, rows, rtol=0, atol=0, expected=[some.scores(rows)],
                 **some.attributes())
    x = points(6, 1)
    two = {"tree_roots": [0, 0], "leaf_targetids": [0, 1], "nodes_featureids": [0],
           "nodes_splits": tensor([.5]), "nodes_modes": tensor([0], numpy.uint8), "n_targets": 2,
           "nodes_truenodeids": [0], "nodes_falsenodeids": [1], "nodes_trueleafs": [1],
           "nodes_falseleafs": [1], "leaf_weights": tensor([.5, 2])}
    first = numpy.less_equal(x, .5).astype(float32)
    scores = numpy.concatenate([first, 4 * (1 - first)], 1)
    yield ml("TreeEnsemble", 5, x, **two, expected=[scores])
    yield ml("TreeEnsemble", 5, x, **two, aggregate_function=0, expected=[scores / 2])
    yield ml("TreeEnsemble", 5, x, **two, aggregate_function=2, expected=[scores / 2])
    yield ml("TreeEnsemble", 5, x, **two, post_transform=2, expected=[1 / (1 + numpy.exp(-scores))])
    yield ml("TreeEnsemble", 5, x.astype(numpy.float16), expected=[scores.astype(numpy.float16)],
             **{**two, "nodes_splits": tensor([.5], numpy.float16),
                "leaf_weights": tensor([.5, 2], numpy.float16)})


# What is refused


def refusals():
    """Pairs of a case and a part of what is said of it."""
    one = numbers([0], [1])
    nodes = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
             "nodes_values": [.5, 0., 0.], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
             "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0]}
    leaves = {"target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0],
              "target_weights": [1., 2.], "n_targets": 1}
    for changed, said in [
            ({"nodes_values": [.5]}, '1 numbers in "nodes_values", expected 3'),
            ({"nodes_values": [.5, 0., 0.], "nodes_values_as_tensor": tensor([.5, 0, 0])}, "both"),
            ({"nodes_modes": ["LEAF"]}, "3 nodes with 1 modes"),
            ({"nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_IN"]}, "no mode that there is"),
            ({"nodes_nodeids": [0, 1, 1]}, "node 1 of tree 0 is there twice"),
            ({"nodes_treeids": [0, 1, 0]}, "node 1 of tree 0, which there is not"),
            ({"nodes_treeids": [0, 1, 0], "nodes_modes": ["LEAF"] * 3}, "do not stand together"),
            ({"nodes_truenodeids": [2**62, 0, 0]}, "which there is not"),
            ({"nodes_truenodeids": [0, 0, 0]}, "leads to itself"),
            ({"nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], "nodes_truenodeids": [1, 2, 0]},
             "leads back"),
            ({"nodes_featureids": [1, 0, 0]}, "feature 1 of 1"),
            ({"nodes_featureids": [-1, 0, 0]}, "feature -1"),
            ({"nodes_featureids": [2**62, 0, 0]}, "feature 4611686018427387904"),
            ({"nodes_missing_value_tracks_true": [1]}, "expected 3"),
            ({"target_weights": [1.]}, '1 numbers in "target_weights", expected 2'),
            ({"target_nodeids": [1, 3]}, "node 3 of tree 0, which there is not"),
            ({"target_ids": [0, -1]}, "target -1 of 1"),
            ({"n_targets": 2**40}, "targets"), ({"n_targets": -1}, "target 0 of -1"),
            ({"base_values": [1., 2.]}, "2 base_values, expected 1"),
            ({"aggregate_function": "MEDIAN"}, "none of the four"),
            ({"aggregate_function": "MIN", "target_weights": [1., NAN]}, "not finite"),
            ({"post_transform": "ELU"}, "none of the five")]:
        attributes = {**nodes, **leaves, **changed}
        yield ml("TreeEnsembleRegressor", 3, one, **{name: value for name, value in
                                                     attributes.items() if value is not None}), said
    yield ml("TreeEnsembleRegressor", 3, one[None], **nodes, **leaves), "rows of features"
    deep = 1100
    yield ml("TreeEnsembleRegressor", 3, one, nodes_treeids=[0] * (deep + 1), n_targets=1,
             nodes_nodeids=list(range(deep + 1)), nodes_featureids=[0] * (deep + 1),
             nodes_values=[0.] * (deep + 1), nodes_modes=["BRANCH_LT"] * deep + ["LEAF"],
             nodes_truenodeids=[*range(1, deep + 1), 0],
             nodes_falsenodeids=[*range(1, deep + 1), 0]), "depth 1100"
    apart = {"tree_roots": [0], "leaf_targetids": [0, 1], "nodes_featureids": [0],
             "nodes_splits": tensor([.5]), "nodes_modes": tensor([0], numpy.uint8), "n_targets": 2,
             "nodes_truenodeids": [0], "nodes_falsenodeids": [1], "nodes_trueleafs": [1],
             "nodes_falseleafs": [1], "leaf_weights": tensor([.5, 2])}
    for changed, said in [
            ({"tree_roots": [1]}, "branch 1 of 1"), ({"tree_roots": [-1]}, "branch -1 of 1"),
            ({"nodes_falsenodeids": [2]}, "leaf 2 of 2"),
            ({"nodes_falsenodeids": [0], "nodes_falseleafs": [0]}, "leads to itself"),
            ({"nodes_truenodeids": [0], "nodes_trueleafs": [0], "nodes_falsenodeids": [0],
              "nodes_falseleafs": [0]}, "leads to itself"),
            ({"nodes_modes": tensor([7], numpy.uint8)}, "mode 7"),
            ({"nodes_modes": tensor([6], numpy.uint8)}, "fewer sets than branches"),
            ({"leaf_weights": tensor([.5])}, '1 numbers in "leaf_weights"'),
            ({"leaf_targetids": [0, 2]}, "target 2 of 2"),
            ({"aggregate_function": 4}, "aggregate_function 4"),
            ({"post_transform": -1}, "post_transform -1")]:
        yield ml("TreeEnsemble", 5, one, **{**apart, **changed}), said
    classes = {"class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, 0],
               "class_weights": [1., 2.], "outputs": BOTH}
    yield ml("TreeEnsembleClassifier", 3, one, **nodes, **classes,
             classlabels_strings=["no", "yes"]), "its labels are texts"
    yield ml("TreeEnsembleClassifier", 3, one, **nodes, **classes,
             classlabels_int64s=[1]), "labels of 1 classes"
    yield ml("TreeEnsembleClassifier", 3, one, **nodes, **{**classes, "class_ids": [1, 1]},
             classlabels_int64s=[1, 2], base_values=[.5]), "for the second of two classes"
    yield ml("LinearRegressor", 1, one, coefficients=[1., 2.]), "2 coefficients"
    yield ml("LinearRegressor", 1, one, coefficients=[1.], targets=2**62), "1 coefficients"
    yield ml("LinearClassifier", 1, one, coefficients=[1., 2., 3.], classlabels_ints=[1, 2],
             outputs=BOTH), "3 scores for 2 classes"
    vectors = {"coefficients": [1., 2.], "rho": [0.], "support_vectors": [1., 2.],
               "kernel_params": [1., 0., 0.], "classlabels_ints": [0, 1], "outputs": BOTH}
    for changed, said in [({"vectors_per_class": [1, 2]}, '"support_vectors"'),
                          ({"vectors_per_class": [2**62, 2**62]}, "vectors of a class"),
                          ({"vectors_per_class": [3, -1]}, "-1 vectors of a class"),
                          ({"vectors_per_class": [2]}, '2 classes and 1 "vectors_per_class"'),
                          ({"vectors_per_class": [1, 1], "rho": [0., 1.]}, '2 numbers in "rho"'),
                          ({"vectors_per_class": [1, 1], "kernel_params": [1.],
                            "kernel_type": "RBF"}, "1 kernel_params"),
                          ({"vectors_per_class": [1, 1], "kernel_type": "COSINE"}, "kernel_type"),
                          ({"vectors_per_class": [1, 1], "prob_a": [1.]}, '0 in "prob_b"')]:
        yield ml("SVMClassifier", 1, one, **{**vectors, **changed}), said
    yield ml("SVMRegressor", 1, one, coefficients=[1.], rho=[0.], support_vectors=[1.],
             n_supports=2**62), '"support_vectors"'
    yield ml("Scaler", 1, ROWS, scale=[1., 2.]), '2 numbers in "scale"'
    yield ml("Imputer", 1, ROWS, imputed_value_int64s=[1]), "another type"
    yield ml("FeatureVectorizer", 1, ROWS, inputdimensions=[2**62]), "columns"
    yield ml("FeatureVectorizer", 1, ROWS, inputdimensions=[1, 2]), '1 inputs and 2'
    yield ml("ArrayFeatureExtractor", 1, ROWS, numbers(3, dtype=int64)), "position 3"
    yield ml("OneHotEncoder", 1, ROWS, cats_int64s=[1, 1]), "each once"
    yield ml("OneHotEncoder", 1, ROWS, cats_strings=["a"]), "texts"
    yield ml("LabelEncoder", 2, ROWS, keys_strings=["a"], values_int64s=[1]), "texts"
    yield ml("LabelEncoder", 2, ROWS, keys_floats=[1.], values_int64s=[1, 2]), "1 keys, 2 values"
    yield ml("LabelEncoder", 2, ROWS, keys_int64s=[1], values_int64s=[1]), "int64 keys for"
    yield ml("LabelEncoder", 4, ROWS, keys_tensor=[1], values_int64s=[1]), "is of type 7"
    yield ml("LabelEncoder", 1, ROWS, classes_strings=["a"]), "classes that are texts"


def run_refusals():
    """How many are taken, or refused for something else."""
    failures, pairs = 0, list(refusals())
    for case, said in pairs:
        try:
            run_here(case.model(), case.given(), "eager")
            wrong = "was taken"
        except eigentensor.ProgramError as error:
            wrong = None if said in str(error) else error
        if wrong:
            print(f"{case}: {wrong}, expected {said!r}", flush=True)
            failures += 1
    print(f"# {len(pairs)} operators to be refused: {failures} wrong")
    return failures


# Models of scikit-learn

COUNTS = (1, 2, 7, 60, 300)


class Model:
    """A model of scikit-learn, fitted and written by skl2onnx, beside ONNX Runtime with one thread:
    labels are the same, scores nearly. The bits of a row are the same however many there are."""

    def __init__(self, name, model, rows, labels, tolerance=1e-5, **options):
        self.name, self.model, self.rows, self.labels = name, model, rows, labels
        self.tolerance, self.options = tolerance, options

    def __str__(self):
        return f"{self.name} {self.options}"

    def write(self):
        self.model.fit(self.rows, self.labels)
        return to_onnx(self.model, self.rows[:1], options=self.options or None,
                       target_opset={"": 18, "ai.onnx.ml": 3})

    def wrong_with(self, model, path, rows):
        """None, or what is wrong; the labels and scores of all rows must be found already."""
        program = eigentensor.OpenModel(path)
        name = model.graph.input[0].name
        results = []
        for mode in ("eager", "jit"):
            outputs = program(mode=mode, **{name: rows})
            if not isinstance(outputs, dict):
                outputs = {model.graph.output[0].name: outputs}
            results.append([numpy.array(outputs[value.name]) for value in model.graph.output])
        for eager, jit, all_rows in zip(*results, self.found or results[0]):
            if eager.tobytes() != jit.tobytes():
                return "other bits in JIT"
            if jit.tobytes() != all_rows[:len(rows)].tobytes():
                return "other bits with another number of rows"
        self.found = results[0]
        expected = run_ort(model, {name: rows})
        for value, ours, theirs in zip(model.graph.output, results[0], expected):
            if isinstance(theirs, list):  # of dictionaries
                theirs = numpy.array([list(each.values()) for each in theirs], float32)
            if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
                return (f"{value.name}: {ours.dtype}{list(ours.shape)}, expected "
                        f"{theirs.dtype}{list(theirs.shape)}")
            if ours.dtype == int64 and (ours != theirs).any():
                return f"{value.name}: {(ours != theirs).sum()} other labels"
            apart, greatest = numpy.abs(ours - theirs).max(), numpy.abs(theirs).max()
            if not apart <= self.tolerance * greatest:
                return f"{value.name} differs by {apart}, of {greatest}"
        return None

    def outcome(self):
        model = self.write()
        self.found = None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(model.SerializeToString())
            for count in reversed(COUNTS):
                try:
                    wrong = self.wrong_with(model, path, self.rows[:count])
                except (eigentensor.ProgramError, TypeError, ValueError) as error:
                    wrong = f"{type(error).__name__}: {error}"
                if wrong:
                    return f"{count} rows: {wrong}"
        return None


def flowers(classes):
    """Iris, its rows in some order and twice; labels of two or three classes."""
    rows, labels = datasets.load_iris(return_X_y=True)
    order = RANDOM.permutation(numpy.arange(300) % 150)
    return rows[order].astype(float32), labels[order] if classes == 3 else labels[order] % 2


def fitted(name, model, classes=3, zipmap=True, **options):
    """The model with ZipMap, as skl2onnx writes it unless it is told not to, and without."""
    rows, labels = flowers(classes)
    yield Model(f"{name} of {classes}", model, rows, labels, **options)
    if zipmap:
        yield Model(f"{name} of {classes}", model, rows, labels, zipmap=False, **options)


def sklearn_models():
    for classes in (2, 3):
        for name, model in [
                ("random forest", ensemble.RandomForestClassifier(20, random_state=0)),
                ("extra trees", ensemble.ExtraTreesClassifier(10, max_depth=5, random_state=0)),
                ("gradient boosting", ensemble.GradientBoostingClassifier(n_estimators=12)),
                ("tree", tree.DecisionTreeClassifier()),
                ("boosted stumps", ensemble.AdaBoostClassifier(n_estimators=5)),
                ("logistic regression", linear_model.LogisticRegression()),
                ("stochastic descent", linear_model.SGDClassifier(random_state=0)),
                ("perceptrons", neural_network.MLPClassifier((9, 5), random_state=0)),
                ("naive Bayes", naive_bayes.GaussianNB()),
                ("scaled logistic regression",
                 make_pipeline(StandardScaler(), MinMaxScaler(), Normalizer(),
                               PolynomialFeatures(2), linear_model.LogisticRegression())),
                ("scaled vectors", make_pipeline(StandardScaler(), svm.SVC()))]:
            yield from fitted(name, model, classes)
        yield from fitted("linear vectors", svm.LinearSVC(), classes, zipmap=False)
        for kernel in ("linear", "poly", "rbf", "sigmoid"):
            # Large terms cancel in the sums, which ONNX Runtime takes in float64.
            yield from fitted(f"vectors, {kernel},", svm.SVC(kernel=kernel), classes,
                              tolerance=2e-3)
        yield from fitted("probable vectors", svm.SVC(probability=True, random_state=0), classes,
                          tolerance=1e-4)
    for name, model in [
            ("forest regression", ensemble.RandomForestRegressor(20, random_state=0)),
            ("boosted regression", ensemble.GradientBoostingRegressor(n_estimators=12)),
            ("linear regression", linear_model.LinearRegression()),
            ("ridge regression of squares", make_pipeline(PolynomialFeatures(2),
                                                          linear_model.Ridge())),
            ("isolation forest", ensemble.IsolationForest(n_estimators=5, random_state=0)),
            ("one class", svm.OneClassSVM()),
            ("vector regression", svm.SVR()),
            ("nu vector regression", svm.NuSVR(kernel="poly")),
            ("perceptron regression",
             neural_network.MLPRegressor(hidden_layer_sizes=(9, 5), random_state=0)),
            ("binarized", make_pipeline(Binarizer(threshold=1), linear_model.LinearRegression()))]:
        yield from fitted(name, model, zipmap=False, tolerance=1e-3)


def run_models():
    """Those with a word of the command line in their names; how many are wrong."""
    words, failures = sys.argv[1:], 0
    models = [each for each in sklearn_models()
              if not words or any(word in str(each) for word in words)]
    for model in models:
        wrong = model.outcome()
        if wrong:
            print(f"{model}: {wrong}", flush=True)
            failures += 1
    print(f"# {len(models)} models of scikit-learn beside ONNX Runtime: {failures} wrong")
    return failures


warnings.simplefilter("ignore")
CASES = [*FEATURES, *LABELS, *linear_classifiers(), *vector_machines(), *regressors(),
         *exact_thresholds(), *classifiers(), *ensembles()]

if __name__ == "__main__":
    sys.exit(main(CASES) + (run_refusals() if len(sys.argv) == 1 else 0) + run_models() != 0)
