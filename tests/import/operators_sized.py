#!/usr/bin/env python3
"""Chains of operators that a run tells sizes: tensors of which several extents depend on the data,
slices, pictures and loops as a run computes them; beside ONNX Runtime. So do torchvision's Mask
R-CNN and Keypoint R-CNN put masks into pictures, of which loops are here."""

import sys

import numpy
from beside_ort import RANDOM, floats
from onnx import TensorProto, helper
from operators_counted import KEEP, ONE, ROWS, ZERO, check

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
# Some that are found are below that, and some above, whatever the threshold, unless none is found
UPPER = {"upper": numpy.array(0.86, numpy.float32)}
TABLE = {"scores": RANDOM.permutation(numpy.linspace(0.1, 0.9, 12)).astype(numpy.float32),
         "boxes": floats(12, 4)}

# pairs (n, m): of all that is found, and of those below another threshold
PAIRS = [*ROWS, ("Gather", "scores rows", "some"), ("Unsqueeze", "some one", "column"),
         ("Less", "some upper", "low"), ("Compress", "some low", "few", {"axis": 0}),
         ("Sub", "column few", "pairs")]
# stacked (3, n, m)
STACK = [("Unsqueeze", "pairs zero", "page"), ("Mul", "page pages", "stacked")]
PAGES = {"pages": floats(3, 1, 1)}


def pairs(nodes, outputs="y", **more):
    return [*PAIRS, *nodes], TABLE, outputs, {**ZERO, **ONE, **UPPER, **more}


def stacked(nodes, outputs="y", **more):
    return pairs([*STACK, *nodes], outputs, **PAGES, **more)


def each(operator, attributes=(), reads="pairs", **more):
    """An operator that keeps both axes, and then all that is true in a row."""
    return pairs([(operator, reads, "a", attributes), ("Reshape", "a all", "y")],
                 all=numpy.array([-1]), **more)


CASES = {
    "in a row": each("Identity"),
    "sums of columns": pairs([("ReduceSum", "pairs zero", "y", {"keepdims": 0})]),
    "sums of rows": pairs([("ReduceSum", "pairs one", "y")]),
    "sum of all": pairs([("ReduceSum", "pairs", "y", {"keepdims": 0})]),
    "means of columns": pairs([("ReduceMean", "pairs zero", "y")]),
    "mean of all": pairs([("ReduceMean", "pairs", "y", {"keepdims": 0})]),
    "greatest": pairs([("ReduceMax", "pairs one", "y")]),
    "least of all": pairs([("ReduceMin", "pairs", "y")]),
    "greatest positions": pairs([("ArgMax", "pairs", "y", {"axis": 1, "keepdims": 0})]),
    "softmax": each("Softmax", {"axis": 0}),
    "running sum": each("CumSum", (), "pairs one"),
    "turned": each("Transpose", {"perm": [1, 0]}),
    "elementwise": each("Exp"),
    "with its column": each("Mul", (), "pairs column"),
    "with its row": each("Add", (), "few pairs"),
    "where": pairs([("Less", "pairs null", "a"), ("Where", "a column few", "b"),
                    ("Reshape", "b all", "y")], null=numpy.array(0, numpy.float32),
                   all=numpy.array([-1])),
    "joined below": each("Concat", {"axis": 0}, "pairs pairs"),
    "joined beside": each("Concat", {"axis": 1}, "pairs pairs column"),
    "repeated": each("Tile", (), "pairs times", times=numpy.array([2, 3])),
    "bordered": each("Pad", (), "pairs pads seven", pads=numpy.array([1, 0, 2, 3]),
                     seven=numpy.array(7, numpy.float32)),
    "edges": each("Pad", {"mode": "edge"}, "pairs pads", pads=numpy.array([1, 2, 0, 1])),
    "cut": each("Slice", (), "pairs starts ends axes", starts=numpy.array([-3, 1]),
                ends=numpy.array([2**62, 4]), axes=numpy.array([1, 0])),
    "picked columns": each("Gather", {"axis": 1}, "pairs back", back=numpy.array([0, -1])),
    "rows by what is found": pairs([
        ("NonZero", "low", "in"), ("Squeeze", "in zero", "own"), ("Gather", "pairs own", "a"),
        ("Reshape", "a all", "y")], all=numpy.array([-1])),
    "columns of what is found": pairs([
        ("Transpose", "found", "wide", {"perm": [1, 0]}), ("Gather", "wide row", "a", {"axis": 0}),
        ("ReduceSum", "a zero", "y")], row=numpy.array([[0, 2], [1, 1]])),
    "places": pairs([("NonZero", "pairs", "y")]),
    "how many": pairs([("Shape", "pairs", "y"), ("Size", "pairs", "z")], "y z"),
    "unsqueezed": pairs([("Unsqueeze", "pairs middle", "a"), ("Squeeze", "a middle", "b"),
                         ("Flatten", "b", "c", {"axis": 0}), ("Squeeze", "c zero", "y")],
                        middle=numpy.array([1])),
    "product of matrices": pairs([("Transpose", "pairs", "a", {"perm": [1, 0]}),
                                  ("MatMul", "a found", "b"), ("ReduceSum", "b zero", "y")]),
    "outer product": pairs([("Unsqueeze", "few zero", "a"), ("MatMul", "column a", "b"),
                            ("Reshape", "b all", "y")], all=numpy.array([-1])),
    "gemm of both": pairs([("Unsqueeze", "few one", "a"),
                           ("Gemm", "column a", "b", {"transB": 1}), ("Reshape", "b all", "y")],
                          all=numpy.array([-1])),
    "expanded": pairs([("Expand", "pairs to", "a"), ("ReduceSum", "a axes", "y")],
                      to=numpy.array([2, 1, 1]), axes=numpy.array([0, 1])),
    "filled": pairs([("Shape", "pairs", "shape"), ("ConstantOfShape", "shape", "a"),
                     ("Add", "a pairs", "b"), ("Reshape", "b all", "y")], all=numpy.array([-1])),
    "expanded by its shape": pairs([
        ("Shape", "pairs", "shape"), ("Expand", "column shape", "a"), ("Add", "a pairs", "b"),
        ("ReduceSum", "b one", "y")]),
    "most of rows": pairs([("Shape", "few", "m"), ("TopK", "pairs m", "a at"),
                           ("Reshape", "a all", "y")], all=numpy.array([-1])),
    "pages in a row": stacked([("Reshape", "stacked to", "y")], to=numpy.array([-1])),
    "pages of a row each": stacked([("Reshape", "stacked to", "a"), ("ReduceSum", "a one", "y")],
                                   to=numpy.array([3, -1])),
    "pages by rows": stacked([("Reshape", "stacked to", "a"), ("ReduceSum", "a axes", "y")],
                             to=numpy.array([0, 0, -1]), axes=numpy.array([0, 1])),
    "flattened": stacked([("Flatten", "stacked", "a", {"axis": 2}), ("ReduceMax", "a one", "y")]),
    "greatest of pages": stacked([("Reshape", "stacked to", "a"),
                                  ("ArgMax", "a", "y", {"axis": 1})], to=numpy.array([3, -1])),
    "pages split": stacked([("Split", "stacked parts", "a b"),
                            ("Reshape", "a to", "y"), ("ReduceSum", "b", "z", {"keepdims": 0})],
                           "y z", to=numpy.array([-1]), parts=numpy.array([1, 2])),
}
# Of nothing these mean nothing, or ONNX Runtime refuses them.
NOT_EMPTY = {"means of columns", "mean of all", "greatest", "least of all", "greatest positions",
             "greatest of pages", "flattened", "edges", "pages by rows",
             "picked columns", "most of rows"}

# Sizes are what a run brings, between bounds: high and wide.
SIZES = [("Clip", "numbers least most", "sizes"), ("Gather", "sizes null", "high"),
         ("Gather", "sizes first", "wide")]
LIMITS = {"least": numpy.array(1), "most": numpy.array(9), "null": numpy.array(0),
          "first": numpy.array(1), **ZERO, **ONE, "all": numpy.array([-1])}


def sized(nodes, outputs="y", numbers=(3, 7), x=(1, 2, 5, 4), **more):
    given = {"numbers": numpy.array(numbers), "x": floats(*x)}
    return [*SIZES, *nodes], given, outputs, {**LIMITS, **more}


def resized(numbers, **attributes):
    return sized([("Shape", "x", "pages", {"end": 2}), ("Concat", "pages sizes", "to", {"axis": 0}),
                  ("Resize", "x - - to", "a", attributes), ("Shape", "a", "z"),
                  ("Reshape", "a all", "y")], "y z", numbers)


for each_mode in ("linear", "cubic", "nearest"):
    for each_way in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                     "half_pixel_symmetric"):
        for each_size in ((3, 7), (1, 9), (5, 4), (8, 1)):
            CASES[f"resized {each_mode} {each_way} {each_size}"] = resized(
                each_size, mode=each_mode, coordinate_transformation_mode=each_way)
for each_round in ("floor", "ceil", "round_prefer_ceil"):
    CASES[f"resized nearest {each_round}"] = resized((7, 3), mode="nearest",
                                                     nearest_mode=each_round)
CASES["resized without outside"] = resized((4, 8), mode="cubic", exclude_outside=1)
# Behind a filter: of as many rows as there are another number
CASES["what is found resized"] = (
    [*ROWS, ("Unsqueeze", "found front", "a"), ("Resize", "a - - to", "b", {"mode": "linear"}),
     ("Squeeze", "b front", "y")], TABLE, "y",
    {**ZERO, "front": numpy.array([0, 1]), "to": numpy.array([1, 1, 5, 6])})
NOT_EMPTY.add("what is found resized")
# Any start, end and step, of an axis of 5 and of what is found there
for start, end, step in ((1, 4, 1), (-4, -1, 1), (0, 3, 1), (4, 1, -1), (-1, -9, -2), (-9, 9, 2),
                         (3, 3, 1), (4, 2, 1), (7, 9, 1), (2**31 - 1, 0, -1), (-1, 2**63 - 1, -1)):
    CASES[f"from {start} to {end} by {step}"] = (
        [("Slice", "x start end axis step", "y"), ("Neg", "x", "z")],
        {"x": floats(3, 5), "start": numpy.array([start]), "end": numpy.array([end])}, "y z",
        {"axis": numpy.array([1]), "step": numpy.array([step])})
    CASES[f"found from {start} to {end} by {step}"] = (
        [*ROWS, ("Slice", "found start end axis step", "y"), ("Neg", "found", "z")],
        {**TABLE, "start": numpy.array([start]), "end": numpy.array([end])}, "y z",
        {**ZERO, "axis": numpy.array([0]), "step": numpy.array([step])})
CASES["from one size on"] = sized([
    ("Unsqueeze", "high zero", "from"), ("Unsqueeze", "wide zero", "to"),
    ("Slice", "x from to three", "y")], numbers=(1, 3), three=numpy.array([3]))
CASES["both ends of two axes"] = sized([
    ("Slice", "x ones sizes last", "part"), ("Reshape", "part all", "y")], numbers=(4, 3),
    ones=numpy.array([1, 0]), last=numpy.array([2, 3]))
CASES["zeros before and behind"] = sized([
    ("Unsqueeze", "high zero", "n"), ("Concat", "n four", "shape", {"axis": 0}),
    ("ConstantOfShape", "shape", "before"), ("Squeeze", "x front", "own"),
    ("Concat", "before own before", "y", {"axis": 0})], x=(1, 1, 5, 4), four=numpy.array([4]),
    front=numpy.array([0, 1]))
CASES["expanded to sizes"] = sized([("Expand", "row sizes", "grid"), ("Reshape", "grid all", "y")],
                                   numbers=(4, 3), row=numpy.array([[2.0]], numpy.float32))
CASES["numbered to a size"] = sized([("Range", "null high first", "y")])
# What is joined to as many columns as are known must have as many
CASES["beside as many"] = sized([
    ("Slice", "x zero n three", "part"), ("Concat", "part x", "y", {"axis": 0}), ("Neg", "x", "z")],
    "y z", x=(1, 2, 5, 4), numbers=(4, 4), n=numpy.array([4]), three=numpy.array([3]))


# ---- Loops ----

def body(nodes, states, constants=()):
    """Of a Loop: states are (input, output, dtype, shape)."""
    made = [helper.make_node(operator, ["" if name == "-" else name for name in reads.split()],
                             gives.split(), **dict(*attributes))
            for operator, reads, gives, *attributes in [*nodes, ("Identity", "go", "on")]]
    return helper.make_graph(
        made, "body",
        [helper.make_tensor_value_info("i", INT64, []),
         helper.make_tensor_value_info("go", BOOL, []),
         *(helper.make_tensor_value_info(name, dtype, shape) for name, _, dtype, shape in states)],
        [helper.make_tensor_value_info("on", BOOL, []),
         *(helper.make_tensor_value_info(name, dtype, shape) for _, name, dtype, shape in states)],
        list(constants))


YES = {"yes": numpy.array(True), "null": numpy.array(0)}
COUNT = [("Shape", "found", "shape"), ("Gather", "shape null", "n")]


def loop(states, nodes, before=(), given=(), outputs="y", **more):
    reads = " ".join(["n", "yes", *given])
    every = [*ROWS, *COUNT, *before, ("Loop", reads, outputs, {"body": body(nodes, states)})]
    return every, TABLE, outputs, {**ZERO, **ONE, **YES, **more}


ROWS_STATE = ("rows_before", "rows_after", FLOAT, [None, 2])
CASES["rows by a loop"] = loop(
    [ROWS_STATE], [("Gather", "found i", "row"), ("Gather", "row two", "part"),
                   ("Unsqueeze", "part zero", "new"),
                   ("Concat", "rows_before new", "rows_after", {"axis": 0})],
    given=("nothing",), nothing=floats(0, 2), two=numpy.array([0, 2]))
CASES["rows behind others"] = loop(
    [ROWS_STATE], [("Gather", "found i", "row"), ("Gather", "row two", "new"),
                   ("Cast", "rows_before", "same", {"to": FLOAT}),
                   ("Concat", "same new new", "joined", {"axis": -2}),
                   ("Identity", "joined", "rows_after")],
    given=("some",), some=floats(3, 2), two=numpy.array([[0, 2], [1, 1]]))
CASES["columns and a sum by a loop"] = loop(
    [("before", "after", FLOAT, [4, None]), ("sum", "next_sum", FLOAT, [])],
    [("Gather", "found i", "row"), ("Unsqueeze", "row one", "new"),
     ("Concat", "before new", "after", {"axis": 1}),
     ("ReduceSum", "row", "own", {"keepdims": 0}), ("Add", "sum own", "next_sum")],
    given=("nothing", "zero_sum"), outputs="y z", nothing=floats(4, 0),
    zero_sum=numpy.array(0, numpy.float32))
CASES["many steps that are known"] = (
    [("Loop", "n yes nothing", "y", {"body": body(
        [("Gather", "boxes i", "row"), ("Unsqueeze", "row zero", "new"),
         ("Concat", "before new", "after", {"axis": 0})],
        [("before", "after", FLOAT, [None, 4])])})],
    {"boxes": floats(80, 4)}, "y", {**ZERO, **YES, "n": numpy.array(80), "nothing": floats(0, 4)})

HIGH, WIDE = 12, 17


# Masks (n, 4, 4) as large as their boxes, in pictures; boxes are cut to the picture and made larger
# around their middles.
BOX = [("Clip", "corners edge far", "inside"),
       *(node for name, k in (("x0", 0), ("y0", 1), ("x1", 2), ("y1", 3))
         for node in [("Gather", f"inside at{k}", name, {"axis": 1})]),
       *(node for a, b, middle, half in (("x0", "x1", "xm", "xh"), ("y0", "y1", "ym", "yh"))
         for node in [("Sub", f"{b} {a}", f"{half}_whole"),
                      ("Mul", f"{half}_whole half", f"{half}_own"),
                      ("Mul", f"{half}_own larger", half), ("Add", f"{a} {b}", f"{middle}_twice"),
                      ("Mul", f"{middle}_twice half", middle)]),
       ("Sub", "xm xh", "bx0"), ("Sub", "ym yh", "by0"), ("Add", "xm xh", "bx1"),
       ("Add", "ym yh", "by1"),
       *(("Unsqueeze", f"{name} one", f"{name}_column") for name in ("bx0", "by0", "bx1", "by1")),
       ("Concat", "bx0_column by0_column bx1_column by1_column", "larger_boxes", {"axis": 1}),
       ("Cast", "larger_boxes", "whole", {"to": INT64})]
PASTE = [
    ("Gather", "masks i", "mask"), ("Gather", "whole i", "box"),
    *(("Gather", f"box {at}", name) for name, at in (("l", "at0"), ("t", "at1"), ("r", "at2"),
                                                     ("b", "at3"))),
    *(node for low, high, size, to, start, end in (("t", "b", "h", HIGH, "t0", "b1"),
                                                   ("l", "r", "w", WIDE, "l0", "r1"))
      for node in [
          ("Sub", f"{high} {low}", f"{size}_less"), ("Add", f"{size}_less at1", f"{size}_own"),
          ("Unsqueeze", f"{size}_own zero", f"{size}_list"),
          ("Concat", f"{size}_list one", f"{size}_both", {"axis": 0}),
          ("ReduceMax", f"{size}_both", size, {"keepdims": 0}),
          ("Unsqueeze", f"{low} zero", f"{low}_list"),
          ("Concat", f"{low}_list zero", f"{low}_both", {"axis": 0}),
          ("ReduceMax", f"{low}_both", start, {"keepdims": 0}),
          ("Unsqueeze", f"{high} zero", f"{high}_list"),
          ("Add", f"{high}_list one", f"{high}_next"),
          ("Concat", f"{high}_next to{to}", f"{high}_both", {"axis": 0}),
          ("ReduceMin", f"{high}_both", end, {"keepdims": 0}),
          ("Sub", f"{start} {low}", f"{low}_from"), ("Sub", f"{end} {low}", f"{low}_to"),
          ("Unsqueeze", f"{low}_from zero", f"{low}_start"),
          ("Unsqueeze", f"{low}_to zero", f"{low}_end"),
          ("Unsqueeze", f"{start} zero", f"{start}_list"),
          ("Unsqueeze", f"{end} zero", f"{end}_list"), ("Sub", f"to{to} {end}_list", f"{end}_left"),
          ("Unsqueeze", f"{size} zero", f"{size}_size")]),
    ("Unsqueeze", "mask front", "picture"), ("Concat", "ones h_size w_size", "to", {"axis": 0}),
    ("Resize", "picture - - to", "large", {"mode": "linear"}), ("Squeeze", "large front", "scaled"),
    ("Slice", "scaled t_start t_end zero", "rows_cut"),
    ("Slice", "rows_cut l_start l_end one", "part"),
    ("Shape", "part", "part_shape"), ("Gather", "part_shape one", "part_wide"),
    ("Concat", "t0_list part_wide", "above_shape", {"axis": 0}),
    ("ConstantOfShape", "above_shape", "above"),
    ("Concat", "b1_left part_wide", "below_shape", {"axis": 0}),
    ("ConstantOfShape", "below_shape", "below"),
    ("Concat", "above part below", "tall", {"axis": 0}),
    ("Slice", f"tall zero to{HIGH} zero", "tall_cut"),
    ("Shape", "tall_cut", "tall_shape"), ("Gather", "tall_shape zero", "tall_high"),
    ("Concat", "tall_high l0_list", "before_shape", {"axis": 0}),
    ("ConstantOfShape", "before_shape", "before_it"),
    ("Concat", "tall_high r1_left", "behind_shape", {"axis": 0}),
    ("ConstantOfShape", "behind_shape", "behind_it"),
    ("Concat", "before_it tall_cut behind_it", "whole_picture", {"axis": 1}),
    ("Slice", f"whole_picture zero to{WIDE} one", "picture_cut"),
    ("Unsqueeze", "picture_cut zero", "new"), ("Concat", "before new", "after", {"axis": 0})]
CORNERS = RANDOM.uniform(-3, 20, size=(12, 4)).astype(numpy.float32)
CORNERS[:, 2:] = CORNERS[:, :2] + RANDOM.uniform(0, 12, size=(12, 2)).astype(numpy.float32)
CASES["masks put into pictures"] = (
    [*KEEP, ("Squeeze", "places zero", "rows"), ("Gather", "boxes rows", "corners"),
     ("Gather", "all_masks rows", "masks"), *BOX, ("Shape", "masks", "shape"),
     ("Gather", "shape null", "n"),
     ("Loop", "n yes nothing", "y", {"body": body(PASTE, [("before", "after", FLOAT,
                                                           [None, HIGH, WIDE])])})],
    {**TABLE, "boxes": CORNERS, "all_masks": floats(12, 4, 4)}, "y",
    {**ZERO, **ONE, **YES, "nothing": floats(0, HIGH, WIDE), "front": numpy.array([0, 1]),
     "ones": numpy.array([1, 1]), "edge": numpy.array(0, numpy.float32),
     "far": numpy.array(HIGH, numpy.float32), "half": numpy.array(0.5, numpy.float32),
     "larger": numpy.array(1.25, numpy.float32), f"to{HIGH}": numpy.array([HIGH]),
     f"to{WIDE}": numpy.array([WIDE]), **{f"at{k}": numpy.array(k) for k in range(4)}})

REFUSED = {
    "sizes without a bound": ("must be known before", sized([("ConstantOfShape", "numbers", "grid"),
                                    ("Reshape", "grid all", "y")])),
    "results of two extents": ("several of its extents depend on the data",
                               pairs([("Neg", "pairs", "y")])),
    "a state that is read as it grows": ("of a state", loop(
        [ROWS_STATE], [("ReduceSum", "rows_before", "sum", {"keepdims": 0}),
                       ("Gather", "found i", "row"), ("Gather", "row two", "part"),
                       ("Add", "part sum", "more"), ("Unsqueeze", "more zero", "new"),
                       ("Concat", "rows_before new", "rows_after", {"axis": 0})],
        given=("nothing",), nothing=floats(0, 2), two=numpy.array([0, 2]))),
}

if __name__ == "__main__":
    sys.exit(check(CASES, REFUSED, NOT_EMPTY))
