#!/usr/bin/env python3
"""operators_shape.py [WORD...]: shapes, movement, positions, resizing, sampling and graphs within
nodes beside ONNX Runtime: old opsets, attributes that no case of onnx has, and positions that are
known where those cases bring them at run time."""

import itertools
import sys

import numpy
from onnx import TensorProto, helper

from beside_ort import RANDOM, Case, floats, integers, main

int8, uint8, int32, int64 = numpy.int8, numpy.uint8, numpy.int32, numpy.int64
float16, float32 = numpy.float16, numpy.float32


def ints(*values, dtype=int64):
    return numpy.array(values, dtype)


def number(value, dtype=int64):
    return numpy.array(value, dtype)


def numbers(*values):
    return numpy.array(values, float32)


def known(operator, opset, *inputs, **others):
    """All inputs but the first are in the file."""
    return Case(operator, opset, list(inputs),
                known=[i for i, x in enumerate(inputs) if i and x is not None], **others)


SHAPES = [
    known("Reshape", 5, floats(2, 3, 4), ints(0, -1)),
    known("Reshape", 13, floats(2, 3, 4), ints(4, 0, 2)),
    known("Reshape", 14, floats(0, 3, 4), ints(3, 0, 2), allowzero=1),
    known("Reshape", 14, floats(2, 3, 4), ints(-1)),
    Case("Reshape", 1, [floats(2, 3, 4)], shape=[3, -1]),
    Case("Transpose", 1, [floats(2, 3, 4)]),
    Case("Transpose", 13, [integers(uint8, 2, 3, 4)], perm=[1, 2, 0]),
    Case("Flatten", 1, [floats(2, 3, 4)]),
    Case("Flatten", 9, [floats(2, 3, 4)], axis=3),
    Case("Flatten", 11, [floats(2, 3, 4)], axis=-1),
    Case("Flatten", 11, [floats(2, 0, 4)], axis=1),
    Case("Squeeze", 1, [floats(1, 3, 1)], axes=[0]),
    Case("Squeeze", 11, [floats(1, 3, 1)], axes=[-1]),
    Case("Squeeze", 11, [floats(1, 3, 1)]),
    known("Squeeze", 13, floats(1, 3, 1), ints(-1, 0)),
    Case("Unsqueeze", 1, [floats(3, 2)], axes=[0, 2]),
    Case("Unsqueeze", 11, [floats(3, 2)], axes=[-1, 0]),
    known("Unsqueeze", 13, floats(3, 2), ints(-1, 1)),
    Case("Concat", 4, [floats(2, 3), floats(2, 1)], axis=1),
    Case("Concat", 11, [integers(int64, 2, 3), integers(int64, 0, 3)], axis=-2),
    Case("Concat", 13, [floats(2, 1) for _ in range(70)], axis=1),
    Case("Split", 2, [floats(4, 6)], outputs=(True, True), axis=1),
    Case("Split", 2, [floats(4, 6)], outputs=(True, True, True), split=[1, 0, 3]),
    Case("Split", 11, [floats(4, 6)], outputs=(True, True), split=[2, 4], axis=-1),
    known("Split", 13, floats(4, 6), ints(5, 1), outputs=(True, True), axis=1),
    Case("Split", 13, [floats(4, 6)], outputs=(True, True)),
    Case("Split", 18, [floats(7, 2)], outputs=(True, True, True), num_outputs=3),
    Case("Split", 18, [floats(7, 4)], outputs=(True, True), axis=1, num_outputs=2),
    known("Tile", 6, floats(2, 3), ints(2, 3)),
    known("Tile", 13, integers(uint8, 2, 3), ints(1, 0)),
    known("Tile", 13, floats(1, 3, 1), ints(4, 1, 2)),
    known("Expand", 8, floats(3, 1), ints(2, 1, 4)),
    known("Expand", 13, floats(2, 3, 4), ints(3, 1)),
    known("Expand", 13, floats(1, 3), ints(0, 3)),
    Case("DepthToSpace", 1, [floats(2, 8, 3, 2)], blocksize=2),
    Case("DepthToSpace", 11, [floats(2, 9, 3, 2)], blocksize=3, mode="CRD"),
    Case("SpaceToDepth", 1, [floats(2, 3, 6, 4)], blocksize=2),
    Case("SpaceToDepth", 13, [floats(1, 2, 6, 9)], blocksize=3),
    Case("Shape", 1, [floats(2, 0, 4)]),
    Case("Shape", 15, [floats(2, 3, 4)], start=-2),
    Case("Shape", 15, [floats(2, 3, 4)], start=1, end=-1),
    Case("Shape", 15, [floats(2, 3, 4)], start=-9, end=9),
    Case("Shape", 15, [floats(2, 3, 4)], start=2, end=1),
    Case("Size", 1, [floats(2, 3, 4)]),
    Case("Size", 13, [floats()]),
]

NUMBERS = [
    Case("ConstantOfShape", 9, [ints(2, 3)], known=[0]),
    Case("ConstantOfShape", 9, [ints(2, 3)], known=[0],
         value=helper.make_tensor("v", TensorProto.INT64, [1], [-7])),
    Case("ConstantOfShape", 9, [numpy.zeros(0, int64)], known=[0],
         value=helper.make_tensor("v", TensorProto.BOOL, [1], [1])),
    Case("ConstantOfShape", 9, [ints(0, 3)], known=[0]),
    Case("Range", 11, [number(3, float32), number(-2, float32), number(-0.75, float32)],
         known=[0, 1, 2]),
    Case("Range", 11, [number(0, float32), number(100, float32), number(0.1, float32)],
         known=[0, 1, 2], atol=1e-3),
    Case("Range", 11, [number(7), number(-3), number(-4)], known=[0, 1, 2]),
    Case("Range", 11, [number(7), number(7), number(1)], known=[0, 1, 2]),
    Case("Range", 11, [number(5, int32), number(1, int32), number(2, int32)], known=[0, 1, 2]),
    Case("Range", 11, [number(-2**63 + 1), number(2**63 - 1), number(2**61)], known=[0, 1, 2]),
    Case("Range", 11, [number(0), number(6000), number(1)], known=[0, 1, 2]),
    Case("EyeLike", 9, [floats(3, 5)], k=1),
    Case("EyeLike", 9, [integers(int32, 4, 2)], k=-2),
    Case("EyeLike", 9, [floats(3, 5)], k=9, dtype=TensorProto.INT64),
    Case("Trilu", 14, [floats(2, 3, 4)]),
    known("Trilu", 14, floats(3, 4), number(-(2**63)), upper=0),
    known("Trilu", 14, floats(3, 4), number(2**63 - 1), upper=0),
    known("Trilu", 14, floats(3, 4), number(2**63 - 1)),
    Case("Trilu", 14, [floats(3, 4), number(1)]),
    Case("Trilu", 14, [integers(int64, 3, 3), number(-1)], upper=0),
    known("OneHot", 9, integers(int64, 2, 3, low=-6, high=6), number(4), numbers(2, 5)),
    known("OneHot", 11, integers(int64, 2, 3, low=-6, high=6), ints(4), ints(0, 1), axis=0),
    known("OneHot", 11, floats(4, low=-3, high=3), number(3, float32), numbers(0, 1), axis=-2),
    Case("OneHot", 11, [integers(int32, 4, low=0, high=3), number(3, int32), numbers(0, 1)],
         known=[1]),
]


def some_slices():
    """Starts, ends and steps of all signs, some far outside."""
    far = [2**31 - 1, -2**63, -100, -7, -5, -3, -1, 0, 1, 2, 4, 5, 6, 100, 2**63 - 1]
    for _ in range(60):
        starts, ends = RANDOM.choice(far, 2), RANDOM.choice(far, 2)
        steps = RANDOM.choice([-2**63 + 1, -7, -3, -2, -1, 1, 2, 3, 6, 2**63 - 1], 2)
        axes = RANDOM.permutation([0, 1, 2])[:2] - RANDOM.choice([0, 3])
        yield known("Slice", int(RANDOM.choice([10, 11, 13])), floats(5, 6, 3), ints(*starts),
                    ints(*ends), ints(*axes), ints(*steps))


SLICES = [
    Case("Slice", 1, [floats(5, 6)], starts=[1], ends=[-1]),
    Case("Slice", 1, [floats(5, 6)], starts=[0, 2], ends=[1000, 3], axes=[1, 0]),
    Case("Slice", 1, [floats(5, 6)], starts=[4], ends=[2]),
    known("Slice", 10, floats(5, 6), ints(1, 2), ints(4, 9)),
    known("Slice", 13, floats(5, 6), ints(1, dtype=int32), ints(4, dtype=int32), None,
          ints(2, dtype=int32)),
    *some_slices(),
]


def some_pads():
    for mode, opset in [("constant", 11), ("reflect", 11), ("edge", 13), ("wrap", 19)]:
        for pads in [(0, 2, 1, 0), (3, 0, 1, 3), (-1, 2, 0, -2), (0, 0, 0, 0)]:
            yield known("Pad", opset, floats(4, 5), ints(*pads), mode=mode)
        yield known("Pad", 19, floats(3, 4, 5), ints(2, 1, 0, 2), None, ints(-1, 1), mode=mode)


PADS = [
    Case("Pad", 2, [floats(3, 4)], pads=[1, 0, 2, 3], value=1.5),
    Case("Pad", 2, [floats(3, 4)], pads=[1, 0, 2, 3], mode="reflect"),
    Case("Pad", 2, [floats(3, 4)], pads=[1, 0, 2, 7], mode="edge"),
    known("Pad", 11, integers(int64, 3, 4), ints(1, 0, 2, 3), number(2**62 + 1)),
    known("Pad", 13, integers(int32, 3, 4), ints(1, 0, 2, 3), number(-9, int32)),
    known("Pad", 13, floats(3, 4).astype(float16), ints(1, 0, 2, 3), number(-9, float16)),
    known("Pad", 13, floats(3, 4), ints(1, 0, 2, 3), number(-0.0, float32)),
    Case("Pad", 13, [floats(3, 4), ints(1, 0, 2, 3), number(7, float32)], known=[1]),
    known("Pad", 18, floats(3, 4, 2), ints(1, 0), number(7, float32), ints(1)),
    known("Pad", 13, floats(0, 2), ints(1, 0, 2, 1), number(7, float32)),
    *some_pads(),
    Case("Pad", 19, [numbers(0, 1, 2), ints(8, 11)], known=[1], mode="wrap",
         expected=[numpy.pad(numbers(0, 1, 2), (8, 11), mode="wrap")]),
    Case("Pad", 19, [numbers(0, 1, 2, 3), ints(8, 11)], known=[1], mode="reflect",
         expected=[numpy.pad(numbers(0, 1, 2, 3), (8, 11), mode="reflect")]),
    known("CenterCropPad", 18, floats(5, 6, 3), ints(4, 9), axes=[-1, 0]),
    known("CenterCropPad", 18, floats(5, 6), ints(8, 3)),
]


def positions(*shape, extent):
    return integers(int64, *shape, low=-extent, high=extent)


def both(operator, opset, x, indices, *others, **attributes):
    """With positions that are known, and with those of a run."""
    yield Case(operator, opset, [x, indices, *others], known=[1], **attributes)
    yield Case(operator, opset, [x, indices, *others], **attributes)


GATHERS = [
    *both("Gather", 1, floats(5, 4), integers(int64, 2, 3, low=0, high=5)),
    *both("Gather", 11, floats(5, 4), positions(2, 3, extent=4), axis=1),
    *both("Gather", 13, floats(5, 4), number(-2)),
    *both("Gather", 13, floats(5, 4, 3), number(2, int32), axis=-1),
    *both("Gather", 13, integers(uint8, 5, 4), ints(1, 2, 3)),
    *both("Gather", 13, floats(9, 4), ints(7, 5, 3, 1)),
    *both("Gather", 13, floats(9, 4), ints(0, 0, 1, 1, 2, 2)),
    *both("Gather", 13, floats(9, 4), ints(3, 3, 3, 1, 1, 1), axis=0),
    *both("Gather", 13, floats(9, 4), ints(2, 2, 2, 2)),
    *both("Gather", 13, floats(2, 9), ints(*range(9), 3, 1, 4, 1, 5, 8, 0, 2, 6), axis=1),
    *both("Gather", 13, floats(2, 9), numpy.zeros((0, 2), int64), axis=1),
    *both("GatherElements", 11, floats(3, 4, 5), positions(2, 4, 3, extent=3)),
    *both("GatherElements", 13, floats(3, 4, 5), positions(3, 7, 5, extent=4), axis=1),
    *both("GatherElements", 13, integers(int8, 3, 4), positions(3, 2, extent=4).astype(int32),
          axis=-1),
    *both("GatherND", 11, floats(3, 4, 5), positions(2, 3, 2, extent=3)),
    *both("GatherND", 12, floats(3, 4, 5), positions(3, 2, 1, extent=4), batch_dims=1),
    *both("GatherND", 13, floats(3, 4, 5), positions(3, 4, 1, extent=5), batch_dims=2),
    *both("GatherND", 13, floats(3, 4, 5), positions(3, extent=3)),
    *both("ReverseSequence", 10, floats(5, 3, 2), ints(5, 1, 3)),
    *both("ReverseSequence", 10, floats(3, 5, 2), ints(0, 4, 2), time_axis=1, batch_axis=0),
    known("Compress", 9, floats(3, 4), numpy.array([True, False, True])),
    known("Compress", 11, floats(3, 4), numpy.array([False, True, True]), axis=-1),
    Case("NonZero", 9, [integers(int64, 3, 4, low=0, high=2)], known=[0]),
    Case("NonZero", 13, [numpy.array(3, float32)], known=[0],
         expected=[numpy.zeros((0, 1), int64)]),
    Case("NonZero", 13, [floats(2, 3, 4).astype(float16) > 0], known=[0]),
    Case("Unique", 11, [integers(int64, 30, low=-5, high=5)], known=[0], outputs=(True,) * 4),
    Case("Unique", 11, [integers(int8, 5, 6, low=-5, high=5)], known=[0], outputs=(True,) * 4,
         sorted=0),
    Case("Unique", 11, [floats(9, 2).round()], known=[0], outputs=(True, False, True), axis=0),
    Case("Unique", 11, [floats(2, 9).round()], known=[0], outputs=(True, True), axis=-1, sorted=0),
]

def slices(*ranges):
    """The positions that an assignment to these slices goes to."""
    return numpy.stack(numpy.meshgrid(*ranges, indexing="ij"), -1).astype(int64)


SCATTERS = [
    *both("Scatter", 9, floats(5, 4), integers(int64, 1, 3, low=0, high=5), floats(1, 3)),
    *both("ScatterElements", 11, floats(5, 4), ints(4, 2, 0, 1).reshape(2, 2)[:1], floats(1, 2)),
    *both("ScatterElements", 13, floats(5, 4), ints(-1, 2, 0, 1).reshape(2, 2), floats(2, 2),
          axis=1),
    *itertools.chain(*(both("ScatterElements", 18, floats(5, 4), positions(3, 4, extent=4),
                            floats(3, 4), axis=axis, reduction=how)
                       for how in ("add", "mul", "max", "min") for axis in (0, 1)
                       if axis == 0)),
    *both("ScatterElements", 18, floats(3, 4, 2), positions(3, 6, 1, extent=4), floats(3, 6, 1),
          axis=1, reduction="add"),
    *both("ScatterElements", 16, integers(int32, 5, 4), positions(7, 4, extent=5),
          integers(int32, 7, 4), reduction="add"),
    *both("ScatterND", 11, floats(5, 4), ints(3, 1).reshape(2, 1), floats(2, 4)),
    *both("ScatterND", 13, floats(5, 4, 3), ints(3, 1, 0, -4).reshape(2, 2), floats(2, 3)),
    *both("ScatterND", 13, floats(9, 2), ints(*range(3, 7)).reshape(4, 1), floats(4, 2)),
    *itertools.chain(*(both("ScatterND", 18, floats(5, 4), positions(3, 2, 1, extent=5),
                            floats(3, 2, 4), reduction=how)
                       for how in ("add", "mul", "max", "min"))),
    *both("ScatterND", 16, floats(5, 4), positions(6, 2, extent=4), floats(6), reduction="add"),
    known("ScatterND", 13, floats(4, 5, 6), slices(range(1, 3), range(4), range(2, 5)),
          floats(2, 4, 3)),
    known("ScatterND", 16, floats(4, 5, 6), slices(range(1, 3), range(2, 5)), floats(2, 3, 6),
          reduction="add"),
    known("ScatterND", 13, floats(4, 5), slices(range(2, 0, -1), range(2, 5)), floats(2, 3)),
    known("ScatterND", 13, floats(30, 40, 85), slices(range(30), range(40), range(60)),
          floats(30, 40, 60)),
    *both("ScatterND", 13, floats(5, 4), numpy.zeros((0, 1), int64), floats(0, 4)),
    # many of both, and many of one place
    *both("ScatterND", 18, floats(3000, 20), positions(4000, 1, extent=3000), floats(4000, 20),
          reduction="max"),
    *both("ScatterElements", 18, floats(2000, 30), positions(1500, 30, extent=2000),
          floats(1500, 30), reduction="min"),
    *both("ScatterElements", 16, integers(int64, 70, 300), positions(70, 900, extent=300),
          integers(int64, 70, 900), axis=1, reduction="add"),
    *both("ScatterElements", 16, integers(int64, 3), positions(500, extent=3),
          integers(int64, 500), reduction="mul"),
]


def resized(opset, shape, *, scales=None, sizes=None, roi=None, **attributes):
    return known("Resize", opset, floats(*shape), roi,
                 None if scales is None else numbers(*scales),
                 None if sizes is None else ints(*sizes), **attributes)


def some_resizes():
    """Every coordinate with every way to interpolate, at scales up, down and between."""
    ways = [("half_pixel", {}), ("pytorch_half_pixel", {}), ("align_corners", {}),
            ("asymmetric", {})]
    sizes = [(1, 2, 8, 12), (1, 2, 2, 3), (1, 2, 7, 4), (1, 2, 4, 17)]
    for (way, extra), size in itertools.product(ways, sizes):
        for mode in ("linear", "cubic"):
            yield resized(13, (1, 2, 4, 6), sizes=size, mode=mode, atol=2e-5,
                          coordinate_transformation_mode=way, **extra)
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            yield resized(13, (1, 2, 4, 6), sizes=size, mode="nearest", nearest_mode=rounding,
                          coordinate_transformation_mode=way)
    for scale in (0.5, 0.6, 1.5, 2, 3):
        for mode in ("nearest", "linear"):
            yield known("Resize", 10, floats(1, 2, 4, 6), numbers(1, 1, scale, scale), mode=mode)
            yield known("Upsample", 9, floats(1, 2, 4, 6), numbers(1, 1, max(scale, 1), 2),
                        mode=mode)
        for mode in ("nearest", "linear", "cubic"):
            yield resized(11, (1, 2, 4, 6), roi=numbers(), scales=(1, 1, scale, 2 * scale),
                          mode=mode, atol=2e-5)
        for mode in ("linear", "cubic"):
            yield resized(18, (1, 2, 8, 9), scales=(1, 1, scale, scale), mode=mode, antialias=1,
                          exclude_outside=1, atol=2e-5)


RESIZES = [
    *some_resizes(),
    Case("Upsample", 7, [floats(1, 2, 3, 4)], scales=[1.0, 1.0, 2.0, 3.0]),
    Case("Upsample", 7, [floats(1, 2, 3, 4)], scales=[1.0, 1.0, 2.0, 2.0], mode="linear"),
    resized(11, (1, 1, 4, 4), roi=numbers(0, 0, 0.4, -0.1, 1, 1, 0.8, 1.3), sizes=(1, 1, 3, 5),
            scales=(), mode="linear", coordinate_transformation_mode="tf_crop_and_resize",
            extrapolation_value=10.0),
    resized(13, (1, 1, 8, 8), scales=(1, 1, 0.8, 0.8), mode="cubic", cubic_coeff_a=-0.5,
            exclude_outside=1),
    resized(18, (2, 8, 9), sizes=(5, 12), axes=[2, 1], keep_aspect_ratio_policy="not_larger",
            mode="linear"),
    resized(18, (2, 8, 9), sizes=(5, 12), axes=[1, 2], keep_aspect_ratio_policy="not_smaller",
            mode="nearest"),
    resized(19, (1, 1, 8, 9), scales=(1, 1, 0.45, 0.7), mode="linear",
            coordinate_transformation_mode="half_pixel_symmetric"),
    resized(13, (1, 1, 300, 3), scales=(1, 1, 200, 1), mode="linear", atol=1e-4),
    resized(13, (1, 1, 30, 40), sizes=(1, 1, 31, 43), mode="linear", atol=1e-4),
    Case("Resize", 13, [integers(uint8, 1, 1, 4, 4), None, numbers(1, 1, 2, 2)], known=[2],
         mode="nearest"),
    Case("Resize", 13, [integers(uint8, 1, 1, 4, 4), None, numbers(1, 1, 2, 2)], known=[2],
         mode="linear", atol=1),
]


def some_samples():
    for mode, padding, align in itertools.product(("bilinear", "nearest", "bicubic"),
                                                  ("zeros", "border", "reflection"), (0, 1)):
        yield Case("GridSample", 16, [floats(2, 3, 5, 4), floats(2, 3, 6, 2, low=-1.6, high=1.6)],
                   mode=mode, padding_mode=padding, align_corners=align, atol=1e-4)
    for mode, padding, align in itertools.product(("linear", "nearest"),
                                                  ("zeros", "border", "reflection"), (0, 1)):
        yield Case("GridSample", 20, [floats(1, 2, 3, 5, 4),
                                      floats(1, 2, 3, 4, 3, low=-1.6, high=1.6)],
                   mode=mode, padding_mode=padding, align_corners=align, atol=1e-4)


# pylint: disable=too-many-arguments,too-many-positional-arguments
def blocks_in_a_row(x, extent, size, stride, dilation, before):
    """Col2Im along one axis, which ONNX Runtime gets wrong with a dilation."""
    rows = x.reshape(len(x), -1, size, x.shape[2])
    image = numpy.zeros((len(x), rows.shape[1], before + extent), float32)
    for k, block in itertools.product(range(size), range(x.shape[2])):
        image[:, :, block * stride + k * dilation] += rows[:, :, k, block]
    return known("Col2Im", 18, x, ints(extent), ints(size), strides=[stride],
                 dilations=[dilation], pads=[before, 0], expected=[image[:, :, before:]])


SAMPLES = [
    *some_samples(),
    *(known("AffineGrid", 20, floats(2, 2, 3), ints(2, 3, 5, 4), align_corners=align)
      for align in (0, 1)),
    *(known("AffineGrid", 20, floats(2, 3, 4), ints(2, 3, 5, 4, 6), align_corners=align)
      for align in (0, 1)),
    known("Col2Im", 18, floats(2, 18, 30), ints(7, 8), ints(3, 3)),
    known("Col2Im", 18, floats(1, 33, 10), ints(20), ints(11)),
    blocks_in_a_row(floats(1, 33, 4), 27, 11, 2, 2, 1),
    known("Col2Im", 18, floats(1, 12, 12), ints(6, 7), ints(2, 3), strides=[2, 2],
          pads=[1, 1, 1, 1], dilations=[2, 1]),
]


def value(name, elements, shape):
    return helper.make_tensor_value_info(name, elements, shape)


def body(nodes, inputs, outputs):
    return helper.make_graph(nodes, "body", inputs, outputs)


DOUBLED = body([helper.make_node("Add", ["x1", "x1"], ["b"])], [],
               [value("b", TensorProto.FLOAT, [2, 3])])
SQUARED = body([helper.make_node("Mul", ["x1", "x1"], ["b"])], [],
               [value("b", TensorProto.FLOAT, [2, 3])])


def if_case(opset, condition, **others):
    """The branches read x1 from around the node, which the model takes through its second input."""
    case = Case("If", opset, [condition], then_branch=DOUBLED, else_branch=SQUARED, **others)
    return Around(case, floats(2, 3))


class Around(Case):
    """A case whose bodies read the array as x1."""

    # pylint: disable=super-init-not-called
    def __init__(self, case, array):
        self.__dict__.update(case.__dict__)
        self.array = array

    def model(self):
        model = super().model()
        model.graph.input.append(value("x1", TensorProto.FLOAT, self.array.shape))
        return model

    def given(self):
        return {**super().given(), "x1": self.array}


ADDING = body([helper.make_node("Add", ["sum", "sum"], ["next"]),
               helper.make_node("Identity", ["going"], ["on"]),
               helper.make_node("Identity", ["next"], ["seen"])],
              [value("i", TensorProto.INT64, []), value("going", TensorProto.BOOL, []),
               value("sum", TensorProto.FLOAT, [3])],
              [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [3]),
               value("seen", TensorProto.FLOAT, [3])])
COUNTING = body([helper.make_node("Constant", [], ["limit"], value_float=20.0),
                 helper.make_node("Add", ["sum", "sum"], ["next"]),
                 helper.make_node("ReduceMax", ["next"], ["most"], keepdims=0),
                 helper.make_node("Less", ["most", "limit"], ["on"])],
                [value("i", TensorProto.INT64, []), value("going", TensorProto.BOOL, []),
                 value("sum", TensorProto.FLOAT, [3])],
                [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [3])])
RUNNING = body([helper.make_node("Add", ["sum", "x"], ["next"]),
                helper.make_node("Mul", ["next", "x"], ["seen"])],
               [value("sum", TensorProto.FLOAT, [2]), value("x", TensorProto.FLOAT, [2])],
               [value("next", TensorProto.FLOAT, [2]), value("seen", TensorProto.FLOAT, [2])])

GRAPHS = [
    if_case(11, number(True, bool), known=[0]),
    if_case(13, number(False, bool), known=[0]),
    if_case(13, number(True, bool)),
    if_case(13, number(False, bool)),
    Case("Loop", 11, [number(4), number(True, bool), floats(3)], known=[0, 1], body=ADDING,
         outputs=(True, True)),
    Case("Loop", 13, [number(0), number(True, bool), floats(3)], known=[0, 1], body=ADDING,
         outputs=(True, True)),
    Case("Loop", 13, [number(5), None, floats(3)], known=[0], body=ADDING, outputs=(True, True)),
    Case("Loop", 13, [number(9), number(True, bool), floats(3, low=1, high=2)], known=[0],
         body=COUNTING),
    Case("Loop", 13, [number(9), number(False, bool), floats(3, low=1, high=2)], known=[0],
         body=COUNTING),
    Case("Scan", 9, [floats(2), floats(5, 2)], body=RUNNING, num_scan_inputs=1,
         outputs=(True, True)),
    Case("Scan", 11, [floats(2), floats(2, 5)], body=RUNNING, num_scan_inputs=1,
         scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[-1],
         scan_output_directions=[1], outputs=(True, True)),
    Case("Scan", 8, [None, floats(3, 2), floats(3, 5, 2)], body=RUNNING, num_scan_inputs=1,
         outputs=(True, True)),
]

NGRAMS = [
    Case("TfIdfVectorizer", 9, [integers(dtype, *shape, low=0, high=4)], mode=mode,
         min_gram_length=shortest, max_gram_length=3, max_skip_count=skips,
         ngram_counts=[0, 3, 9], ngram_indexes=[4, 2, 0, 1, 7, 3, 6],
         pool_int64s=[0, 3, 2, 1, 2, 0, 0, 3, 1, 1, 2, 3], weights=[float(i) for i in range(1, 8)])
    for dtype, shape, mode, shortest, skips in [
        (int64, (40,), "TF", 1, 0), (int32, (3, 30), "IDF", 1, 2), (int64, (3, 30), "TFIDF", 2, 5),
        (int64, (1, 2), "TF", 1, 3)]
]

CASES = [*NGRAMS, *SHAPES, *NUMBERS, *SLICES, *PADS, *GATHERS, *SCATTERS, *RESIZES, *SAMPLES,
         *GRAPHS]

if __name__ == "__main__":
    sys.exit(main(CASES))
