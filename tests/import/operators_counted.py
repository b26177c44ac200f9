#!/usr/bin/env python3
"""Chains of operators of which the shapes depend on the data, beside ONNX Runtime: what detectors
do with their scores, on data of which nothing, something and everything is found."""

import sys
import tempfile
from pathlib import Path

import numpy
from beside_ort import RANDOM, floats, integers, run_ort
from onnx import TensorProto, helper, numpy_helper

import eigentensor


def chain(nodes, inputs, outputs, opset=19, **constants):
    """A model of nodes (operator, inputs, outputs, attributes); inputs are arrays by name."""
    made = [helper.make_node(operator, ["" if name == "-" else name for name in reads.split()],
                             gives.split(), **dict(*attributes))
            for operator, reads, gives, *attributes in nodes]
    graph = helper.make_graph(
        made, "chain",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                       array.shape) for name, array in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs.split()],
        [numpy_helper.from_array(numpy.asarray(array), name)
         for name, array in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def scores(*shape):
    """Of a detector: between 0 and 1, so that thresholds find none, some and all of them."""
    return RANDOM.uniform(0.1, 0.9, size=shape).astype(numpy.float32)


KEEP = [("Greater", "scores threshold", "kept"), ("NonZero", "kept", "places")]
ROWS = [*KEEP, ("Squeeze", "places zero", "rows"), ("Gather", "boxes rows", "found")]
BOXES = {"scores": scores(40), "boxes": floats(40, 4)}
GRID = {"scores": scores(6, 9), "values": floats(6, 9)}
ZERO = {"zero": numpy.array([0])}


def each(operator, attributes=(), reads="found", gives="y", **more):
    """An operator behind a score filter; what else it reads are constants."""
    return [*ROWS, (operator, reads, gives, attributes)], BOXES, gives, {**ZERO, **more}


def also(nodes, outputs="y", inputs=None, **more):
    return [*ROWS, *nodes], inputs or BOXES, outputs, {**ZERO, **more}


def branch(operator, reads, gives):
    """Of an If: a node that reads what there is around it."""
    return helper.make_graph([helper.make_node(operator, [reads], [gives])], gives, [],
                             [helper.make_empty_tensor_value_info(gives)])


ONE = {"one": numpy.array([1])}

# Suppression, and then the boxes, classes and scores of what it selects.
SUPPRESS = [("NonMaxSuppression", "boxes scores most overlap least", "selected"),
            ("Gather", "selected two", "rows", {"axis": 1}),
            ("Gather", "boxes rows", "found", {"axis": 1}),
            ("Gather", "selected one", "labels", {"axis": 1}),
            ("GatherND", "scores selected", "y")]
LIMITS = {"most": numpy.array([9]), "overlap": numpy.array([0.4], numpy.float32),
          "least": numpy.array([0.3], numpy.float32), "two": numpy.array(2), "one": numpy.array(1)}
DETECTIONS = {"boxes": numpy.abs(floats(1, 40, 4)), "scores": scores(1, 3, 40)}
CASES = {
    "places": (KEEP, GRID, "places", {}),
    "places of integers": ([("NonZero", "x", "y")], {"x": integers("int32", 7, 5, low=0, high=3)},
                           "y", {}),
    "score filter": also([("Gather", "scores rows", "kept_scores")], "found kept_scores rows"),
    "two axes": ([*KEEP, ("Transpose", "places", "tuples", {"perm": [1, 0]}),
                  ("GatherND", "values tuples", "y")], GRID, "tuples y", {}),
    "compress rows": ([KEEP[0], ("Compress", "boxes kept", "y", {"axis": 0})], BOXES, "y", {}),
    "compress all": ([KEEP[0], ("Cast", "kept", "flat", {"to": TensorProto.BOOL}),
                      ("Reshape", "flat all", "row"), ("Compress", "values row", "y")], GRID, "y",
                     {"all": numpy.array([-1])}),
    "compress columns": ([KEEP[0], ("Compress", "x kept", "y", {"axis": -1})],
                         {"scores": scores(6), "x": floats(3, 6, 2).transpose(0, 2, 1).copy()}, "y",
                         {}),
    "suppression": (SUPPRESS, DETECTIONS, "selected found labels y", LIMITS),
    # ... of what passed another filter, whose boxes and scores are counted
    "suppression behind a filter": (
        [*ROWS, ("Gather", "scores rows", "row"), ("Unsqueeze", "found zero", "some_boxes"),
         ("Unsqueeze", "row zero_one", "some_scores"),
         ("NonMaxSuppression", "some_boxes some_scores most overlap", "y"),
         ("NonMaxSuppression", "some_boxes some_scores many overlap least", "z")],
        {"scores": scores(40), "boxes": numpy.abs(floats(40, 4))}, "y z",
        {**ZERO, **LIMITS, "zero_one": numpy.array([0, 1]), "many": numpy.array([1000])}),
    "elementwise": also([("Mul", "found scale", "a"), ("Exp", "a", "b"), ("Add", "b found", "y")],
                        scale=floats(4)),
    "where": also([("Less", "found null", "negative"), ("Where", "negative null found", "y")],
                  null=numpy.array(0, numpy.float32)),
    "cast": each("Cast", {"to": TensorProto.INT32}),
    "16 bits": also([("Cast", "found", "half", {"to": TensorProto.FLOAT16}),
                     ("Neg", "half", "b")], "b"),
    "transpose": each("Transpose", {"perm": [1, 0]}),
    "unsqueeze": each("Unsqueeze", (), "found one", **ONE),
    "slice columns": each("Slice", (), "found zero two one",
                          two=numpy.array([2]), **ONE),
    "slice rows": each("Slice", (), "found one seven zero", seven=numpy.array([7]), **ONE),
    "slice steps": each("Slice", (), "found one end zero three", end=numpy.array([2**62]),
                        three=numpy.array([3]), **ONE),
    "slice of all": also([("Slice", "found zero end zero", "all"), ("Add", "found all", "y")],
                         end=numpy.array([2**62])),
    # Up to a count: of all that there are, of what is counted itself, and of fewer
    "slice up to a count": also([
        ("Shape", "found", "shape"), ("Slice", "shape zero one", "n"),
        ("Slice", "boxes zero n zero", "some"), ("Slice", "found zero n zero", "all"),
        ("Add", "all found", "y"), ("Neg", "boxes", "z")], "some y z", **ONE),
    "slice up to another count": also([
        ("Gather", "scores rows", "again"), ("Less", "again upper", "low"),
        ("NonZero", "low", "in"), ("Shape", "in", "shape"), ("Slice", "shape one two", "n"),
        ("Slice", "found zero n zero", "y"), ("Neg", "found", "z")], "y z",
        upper=numpy.array(0.6, numpy.float32), two=numpy.array([2]), **ONE),
    # ... from its end, or backwards, of which there may be fewer
    **{f"slice {start}, {end}, {step}":
       each("Slice", (), "found start end zero step", start=numpy.array([start]),
            end=numpy.array([end]), step=numpy.array([step]))
       for start, end, step in ((-3, 2**62, 1), (-3, -1, 1), (-9, 5, 1), (-30, 2**62, 7),
                                (2**62, -(2**62), -1), (-1, -4, -1), (-2, 3, -2), (30, 2, -3),
                                (-1, 2**63 - 1, -1), (-5, -2, -1), (-2**63, -4, 2),
                                (-1, -(2**63), -(2**63)), (-30, -9, -1), (-15, -(2**63), -2))},
    **{f"tiled along its axis {times}": each("Tile", (), "found times", times=numpy.array(times))
       for times in ([3, 2], [0, 2], [2, 0])},
    **{f"padded by {pads}": each("Pad", (), "found pads seven", pads=numpy.array(pads),
                                 seven=numpy.array(7, numpy.float32))
       for pads in ([1, 0, 0, 0], [0, 0, 2, 0], [2, 1, 3, 1], [-2, 0, 0, 0], [0, 1, -3, 1],
                    [-1, 0, 2, 0])},
    # ... by its own elements, of which there are fewer or more than the border is wide
    **{f"{mode} padded by {pads}": each("Pad", {"mode": mode}, "found pads", pads=numpy.array(pads))
       for mode, most in (("edge", 9), ("reflect", 5), ("wrap", 5))
       for pads in ([1, 0, 0, 0], [0, 0, most, 0], [3, 2, most, 1])},
    "pictures to another size": also([
        ("Reshape", "found shape", "a"), ("Resize", "a - factors", "y", {"mode": "linear"}),
        ("Shape", "a", "n", {"end": 1}), ("Concat", "n sizes", "wanted", {"axis": 0}),
        ("Resize", "a - - wanted", "z", {"mode": "cubic"}),
        ("Resize", "a - - sizes", "w", {"axes": [1, 2, 3]})], "y z w",
        shape=numpy.array([0, 1, 2, 2]), factors=numpy.array([1, 1, 2, 2.5], numpy.float32),
        sizes=numpy.array([1, 5, 3])),
    "slice of columns and rows": each("Slice", (), "found starts ends axes steps",
                                      starts=numpy.array([3, -6]), ends=numpy.array([0, 2**62]),
                                      axes=numpy.array([1, 0]), steps=numpy.array([-2, 1])),
    "slice before the end": each("Slice", (), "found zero end zero", end=numpy.array([-2])),
    "split columns": each("Split", {"axis": 1}, "found sizes", "a b", sizes=numpy.array([1, 3])),
    "concat columns": each("Concat", {"axis": 1}, "found found"),
    "concat rows": also([("Gather", "boxes rows", "other"), ("Neg", "other", "less"),
                         ("Concat", "found more less", "y", {"axis": 0})], more=floats(3, 4)),
    "concat alone": also([("Concat", "found", "all", {"axis": 0}), ("Add", "found all", "y")]),
    "concat behind": each("Concat", {"axis": 0}, "more found", more=floats(3, 4)),
    "reshape": each("Reshape", (), "found shape", shape=numpy.array([-1, 2, 2])),
    "reshape, as it is": each("Reshape", (), "found shape", shape=numpy.array([0, 2, 2])),
    "reshape of nothing": ([KEEP[0], ("Compress", "x kept", "found", {"axis": 0}),
                            ("Reshape", "found shape", "y")],
                           {"scores": scores(0), "x": floats(0, 4)}, "y",
                           {"shape": numpy.array([0, 2, 2])}),
    "reshape, in a row": each("Reshape", (), "found shape", shape=numpy.array([-1])),
    "flatten": also([("Reshape", "found shape", "a"), ("Flatten", "a", "y")],
                    shape=numpy.array([0, 2, 2])),
    "sum of columns": each("ReduceSum", {"keepdims": 0}, "found one", **ONE),
    "sum of rows": each("ReduceSum", (), "found zero"),
    "sum of all": each("ReduceSum", {"keepdims": 0}),
    "greatest": each("ReduceMax", (), "found zero"),
    "least": each("ReduceMin", {"keepdims": 0}, "found zero"),
    "product": each("ReduceProd", (), "found zero"),
    "mean": each("ReduceMean", (), "found zero"),
    "mean of all": each("ReduceMean", {"keepdims": 0}),
    "sum of squares": each("ReduceSumSquare", (), "found zero"),
    "log of sums": each("ReduceLogSumExp", {"keepdims": 0}, "found zero"),
    "greatest column": each("ArgMax", {"axis": 1}),
    "softmax of rows": each("Softmax", {"axis": 0}),
    "softmax of columns": each("Softmax", {"axis": 1}),
    "layer norm": each("LayerNormalization", {"axis": -1}, "found scale",
                       scale=numpy.ones(4, numpy.float32)),
    "running sum": each("CumSum", (), "found axis", axis=numpy.array(0)),
    "running sum backwards": each("CumSum", {"reverse": 1}, "found axis", axis=numpy.array(0)),
    "product of matrices": each("MatMul", (), "found w", w=floats(4, 5)),
    "product from the left": also([("Transpose", "found", "a", {"perm": [1, 0]}),
                                   ("MatMul", "w a", "y")], w=floats(5, 4)),
    "sum over rows": also([("Transpose", "found", "a", {"perm": [1, 0]}),
                           ("MatMul", "a found", "y")]),
    "expanded": each("Expand", (), "found shape", shape=numpy.array([3, 1, 4])),
    "tiled": each("Tile", (), "found times", times=numpy.array([1, 3])),
    "bordered": each("Pad", (), "found pads", pads=numpy.array([0, 1, 0, 2])),
    "one hot": also([("OneHot", "rows depth values", "y")], depth=numpy.array(40),
                    values=floats(2)),
    "one hot in front": also([("OneHot", "rows depth values", "y", {"axis": 0})],
                             depth=numpy.array(40), values=floats(2)),
    "found by tuples": also([
        ("Gather", "scores rows", "again"), ("Less", "again upper", "low"),
        ("NonZero", "low", "in"),
        ("Transpose", "in", "tuples", {"perm": [1, 0]}), ("GatherND", "found tuples", "y")],
        upper=numpy.array(0.6, numpy.float32)),
    "the last by a tuple": also([("GatherND", "found tuples", "y")],
                                tuples=numpy.array([[-1, 2], [0, 1]])),
    "sorted": also([
        ("Gather", "scores rows", "some"), ("Shape", "some", "n"), ("TopK", "some n", "y at"),
        ("Gather", "found at", "best"), ("Unsqueeze", "y one", "column"),
        ("Mul", "best column", "z"), ("Add", "y some", "w")], "z w", **ONE),
    "prelu": each("PRelu", (), "found slope", slope=floats(4)),
    "pictures": also([("Reshape", "found shape", "a"), ("Conv", "a w", "b", {"pads": [1] * 4}),
                      ("MaxPool", "b", "c", {"kernel_shape": [2, 2]}),
                      ("GlobalAveragePool", "c", "y")],
                     shape=numpy.array([0, 1, 2, 2]), w=floats(3, 1, 3, 3)),
    "pictures made larger": also([
        ("Reshape", "found shape", "a"),
        ("ConvTranspose", "a w", "y", {"strides": [2, 2]})],
        shape=numpy.array([0, 1, 2, 2]), w=floats(1, 3, 2, 2)),
    "regions": also([
        ("Abs", "found", "corners"), ("Shape", "rows", "shape"),
        ("ConstantOfShape", "shape", "first", {
            "value": helper.make_tensor("value", TensorProto.INT64, [1], [1])}),
        ("RoiAlign", "maps corners first", "y", {
            "output_height": 3, "output_width": 2, "sampling_ratio": 2})],
        maps=floats(2, 3, 9, 9)),
    "quantised": also([("QuantizeLinear", "found scale point", "y"),
                       ("DequantizeLinear", "y scale point", "z")], "y z",
                      scale=numpy.array(0.05, numpy.float32), point=numpy.array(3, numpy.uint8)),
    "quantised by columns": also([("QuantizeLinear", "found scales points", "y", {"axis": 1})],
                                 scales=floats(4, low=0.02, high=0.1),
                                 points=numpy.zeros(4, numpy.int8)),
    "gemm": each("Gemm", (), "found w bias", w=floats(4, 5), bias=floats(5)),
    "put back": also([("Gather", "scores rows", "some"),
                      ("ScatterElements", "null rows some", "y", {"axis": 0})], null=floats(40)),
    # Those of lower scores are put among all that were found; the last of them stays
    "put back among others": also([
        ("Gather", "scores rows", "again"), ("Less", "again upper", "low"),
        ("NonZero", "low", "in"), ("Squeeze", "in zero", "own"), ("Gather", "again own", "some"),
        ("Neg", "some", "less"), ("ScatterElements", "again own less", "y", {"axis": 0}),
        ("Shape", "again", "shape"), ("Sub", "own shape", "back"),
        ("ScatterElements", "again back less", "z", {"axis": 0})], "y z",
        upper=numpy.array(0.6, numpy.float32)),
    "put back rows": also([("Unsqueeze", "rows one", "tuples"),
                           ("ScatterND", "null tuples found", "y")], null=floats(40, 4), **ONE),
    "add to rows": also([("Unsqueeze", "rows one", "tuples"),
                         ("ScatterND", "null tuples found", "y", {"reduction": "add"})],
                        null=floats(40, 4), **ONE),
    "filter twice": also([("Gather", "scores rows", "again"), ("Less", "again upper", "low"),
                          ("NonZero", "low", "inner"), ("Squeeze", "inner zero", "own"),
                          ("Gather", "found own", "y")], upper=numpy.array(0.6, numpy.float32)),
    "compress twice": also([("Gather", "scores rows", "again"), ("Less", "again upper", "low"),
                            ("Compress", "found low", "y", {"axis": 0})],
                           upper=numpy.array(0.6, numpy.float32)),
    "how many": also([("Shape", "found", "shape"), ("Size", "found", "size")], "shape size"),
    "reshape by its shape": also([
        ("Shape", "found", "shape"), ("Gather", "shape zero", "n"), ("Concat", "n two two", "to",
                                                                     {"axis": 0}),
        ("Reshape", "found to", "y")], two=numpy.array([2])),
    "flattened by its shape": also([
        ("Shape", "found", "shape"), ("Gather", "shape null", "n"), ("Gather", "shape last", "w"),
        ("Mul", "n w", "all"), ("Unsqueeze", "all zero", "to"), ("Reshape", "found to", "row"),
        ("Concat", "minus width", "back", {"axis": 0}), ("Reshape", "found back", "y")], "row y",
        null=numpy.array(0), last=numpy.array(1), minus=numpy.array([-1]), width=numpy.array([4])),
    "columns by its shape": also([
        ("Shape", "found", "shape"), ("Slice", "shape one two", "w"),
        ("Reshape", "weights w", "row"), ("Mul", "found row", "y")],
        two=numpy.array([2]), weights=floats(2, 2), **ONE),
    "repeated": also([
        ("Shape", "found", "shape"), ("Gather", "shape zero", "n"),
        ("Concat", "n width", "to", {"axis": 0}), ("Expand", "row to", "y")],
        width=numpy.array([3]), row=floats(1, 3)),
    # A count is never -1: what torch's Expand asks of each extent
    "repeated by a choice": also([
        ("Shape", "found", "shape"), ("Slice", "shape zero one", "n"),
        ("Concat", "n width", "to", {"axis": 0}), ("Equal", "to minus", "stays"),
        ("Where", "stays ones to", "sizes"), ("Expand", "row sizes", "y")],
        width=numpy.array([3]), row=floats(1, 3), minus=numpy.array([-1, -1]),
        ones=numpy.array([1, 1]), **ONE),
    "compared": also([
        ("Shape", "found", "shape"), ("Less", "shape most", "a"), ("Greater", "shape most", "b"),
        ("LessOrEqual", "shape least", "c"), ("GreaterOrEqual", "shape least", "d"),
        ("Equal", "shape most", "e")], "a b c d e", most=numpy.array([41, 4]),
        least=numpy.array([0, 4])),
    # A table at a count is not a multiple of it
    "chosen by a count": also([
        ("Shape", "rows", "shape"), ("Gather", "table shape", "n"), ("Equal", "n three", "y")],
        table=numpy.array([0, 0] + [3] * 39), three=numpy.array([3])),
    "filled": also([
        ("Shape", "found", "shape"), ("ConstantOfShape", "shape", "y", {
            "value": helper.make_tensor("value", TensorProto.FLOAT, [1], [2.5])})]),
    "numbered": also([
        ("Shape", "rows", "shape"), ("Squeeze", "shape", "n"), ("Range", "null n step", "y"),
        ("Gather", "rows y", "some"), ("Range", "five n step", "z")], "y some z",
        null=numpy.array(0), step=numpy.array(2), five=numpy.array(5)),
    "labelled": also([
        ("Shape", "rows", "shape"), ("ConstantOfShape", "shape", "label", {
            "value": helper.make_tensor("value", TensorProto.INT64, [1], [7])}),
        ("Unsqueeze", "label one", "label1"), ("Unsqueeze", "rows one", "rows1"),
        ("Concat", "label1 rows1 rows1", "y", {"axis": 1})], **ONE),
    "mean by its count": also([
        ("ReduceSum", "found zero", "sum", {"keepdims": 0}),
        ("Shape", "found", "shape", {"end": 1}),
        ("Cast", "shape", "n", {"to": TensorProto.FLOAT}), ("Div", "sum n", "y")]),
    "as many as there are": also([
        ("Gather", "scores rows", "some"), ("Shape", "some", "n"), ("Min", "n five", "k"),
        ("TopK", "some k", "y at"), ("Gather", "found at", "best")], "y at best",
        five=numpy.array([5])),
    "unique": ([("Unique", "x", "y first inverse counts")],
               {"x": integers("int64", 50, low=-9, high=9)}, "y first inverse counts", {}),
    "unique of nothing": ([("Unique", "x", "y first inverse counts")],
                          {"x": integers("int64", 0, low=-9, high=9)}, "y first inverse counts",
                          {}),
    "unique by place": ([("Unique", "x", "y first inverse counts", {"sorted": 0})],
                        {"x": integers("int64", 300, low=-9, high=99)}, "y first inverse counts",
                        {}),
    "unique floats": ([("Round", "x", "a"), ("Unique", "a", "y first inverse counts")],
                      {"x": floats(600)}, "y first inverse counts", {}),
    "unique rows": ([("Unique", "x", "y first inverse counts", {"axis": 0})],
                    {"x": integers("int64", 60, 3, low=0, high=3)}, "y first inverse counts", {}),
    "unique columns": ([("Unique", "x", "y first inverse counts", {"axis": 1, "sorted": 0})],
                       {"x": integers("int64", 2, 30, 2, low=0, high=2)},
                       "y first inverse counts", {}),
}
# Of no elements ONNX Runtime refuses these, or they mean nothing.
NOT_EMPTY = ("mean by its count", "the last by a tuple", "greatest", "least", "mean", "mean of all",
             "log of sums", *(name for name in CASES if "padded by" in name and
                              ("-" in name or not name.startswith("padded"))))
# Branches that give what was found, or nothing.
CASES["if any"] = also([
    ("Shape", "rows", "shape"), ("Squeeze", "shape", "n"), ("Greater", "n few", "many"),
    ("If", "many", "y", {"then_branch": branch("Neg", "found", "then_y"),
                         "else_branch": branch("Identity", "none", "else_y")})],
    few=numpy.array(9), none=floats(2, 4))
CASES["if of two extents"] = (
    [("ReduceMax", "scores", "most", {"keepdims": 0}), ("Greater", "most threshold", "any"),
     ("If", "any", "y", {"then_branch": branch("Identity", "boxes", "then_y"),
                         "else_branch": branch("Identity", "none", "else_y")})],
    BOXES, "y", {"none": floats(2, 4)})
# Of as many as are wanted; ONNX wants no more than there are.
for name, k, largest in (("top", 3, 1), ("least ones", 3, 0)):
    CASES[name] = also([("Gather", "scores rows", "some"),
                        ("TopK", "some k", "y at", {"largest": largest}),
                        ("Gather", "rows at", "own"), ("Gather", "boxes own", "best")],
                       "y at best", k=numpy.array([k]))
NOT_EMPTY += ("top", "least ones")

REFUSED = {
    "beside another extent": also([("Add", "found boxes", "y")]),
    "a shape that is not said": each("Reshape", (), "found shape", shape=numpy.array([40, 4])),
    "expanded along its axis": each("Expand", (), "found shape", shape=numpy.array([40, 4])),
    "to another extent": also([("Reshape", "found shape", "a"), ("Resize", "a - factors", "y")],
                              shape=numpy.array([0, 1, 2, 2]),
                              factors=numpy.array([2, 1, 2, 2], numpy.float32)),
}


def thresholds(constants, inputs):
    if "scores" not in inputs:
        return [constants]
    return [{**constants, "threshold": numpy.array(each, numpy.float32)}
            for each in (0.5, 0, 0.8, 1)]


def loaded(model, folder):
    path = Path(folder) / "chain.onnx"
    path.write_bytes(model.SerializeToString())
    return eigentensor.GraphProgram.load(path)


def wrong_with(case, may_be_empty, folder):
    """None, or what is wrong."""
    nodes, inputs, outputs, constants = case
    for all_constants in thresholds(constants, inputs):
        if float(all_constants.get("threshold", 0)) == 1 and not may_be_empty:
            continue
        model = chain(nodes, inputs, outputs, **all_constants)
        expected = run_ort(model, inputs)
        program = loaded(model, folder)
        digests = []
        for mode in ("eager", "jit"):
            result = program(mode=mode, **inputs)
            result = result if isinstance(result, dict) else {outputs: result}
            if list(result) != outputs.split():
                return f"outputs {list(result)}"
            arrays = [numpy.array(result[each]) for each in outputs.split()]
            digests.append([array.tobytes() for array in arrays])
            for array, wanted in zip(arrays, expected):
                array = array.view(wanted.dtype) if wanted.dtype == numpy.float16 else array
                if array.shape != wanted.shape or array.dtype != wanted.dtype:
                    return (f"{array.dtype}{list(array.shape)}, expected "
                            f"{wanted.dtype}{list(wanted.shape)}")
                numpy.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-5)
        if digests[0] != digests[1]:
            return "other bits in JIT"
    return None


def check(cases, refused, not_empty):
    """Runs all, or those with a word of the command line in them; the exit status."""
    words, failures = sys.argv[1:], 0
    wanted = [name for name in cases if not words or any(word in name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            try:
                wrong = wrong_with(cases[name], name not in not_empty, folder)
            except Exception as error:  # pylint: disable=broad-except
                wrong = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
            if wrong:
                print(f"{name}: {wrong}", flush=True)
                failures += 1
        for name, (why, (nodes, inputs, outputs, constants)) in refused.items():
            try:
                loaded(chain(nodes, inputs, outputs,
                             **thresholds(constants, inputs)[0]), folder)
            except eigentensor.ProgramError as error:
                if why in str(error):
                    continue
                print(f"{name}: {error}")
            print(f"{name}: not refused")
            failures += 1
    print(f"# {len(wanted)} chains whose shapes depend on the data: {failures} wrong")
    return failures != 0


if __name__ == "__main__":
    sys.exit(check(CASES, {name: ("depends on the data", case) for name, case in REFUSED.items()},
                   NOT_EMPTY))
