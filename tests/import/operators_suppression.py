#!/usr/bin/env python3
"""NonMaxSuppression beside ONNX Runtime: ties, boxes that only touch, that have no area, whose
corners are swapped, thresholds that are met exactly; known numbers and those of a run."""

import sys

import numpy
from beside_ort import RANDOM, Case, floats, main

FRACTIONS = numpy.array([0, 0.1, 0.25, 1 / 3, 0.5, 0.6, 1], numpy.float32)


def grid(batches, count):
    """Corners on a grid: many boxes are the same, touch, or have no area."""
    return RANDOM.integers(0, 6, (batches, count, 4)).astype(numpy.float32)


def around(batches, count):
    """Boxes around one place."""
    boxes = numpy.float32(0.1) * floats(batches, count, 4)
    boxes[..., 2:] = boxes[..., :2] + numpy.abs(boxes[..., 2:]) + numpy.float32(0.2)
    return boxes


def scattered(batches, count):
    """Boxes of which most meet none, some a few others."""
    corners = RANDOM.uniform(0, 30, (batches, count, 2))
    sides = RANDOM.uniform(0.5, 2, (batches, count, 2))
    return numpy.concatenate([corners, corners + sides], 2).astype(numpy.float32)


def tied(*shape):
    return (RANDOM.integers(-3, 4, shape) / 4).astype(numpy.float32)


def one(value, dtype=numpy.float32):
    return numpy.array([value], dtype)


def suppression(boxes, classes, most, overlap=None, score=None, *, known=(), opset=11,
                **attributes):
    batches, count = boxes.shape[:2]
    scores = (tied if RANDOM.integers(2) else lambda *shape: floats(*shape, low=0, high=1))(
        batches, classes, count)
    inputs = [boxes, scores, None if most is None else one(most, numpy.int64),
              None if overlap is None else one(overlap), None if score is None else one(score)]
    known = tuple(i for i in known if inputs[i] is not None)
    return Case("NonMaxSuppression", opset, inputs, known=known, **attributes)


CASES = [
    *(suppression(make(RANDOM.integers(1, 4), RANDOM.integers(1, 40)), RANDOM.integers(1, 5), most,
                  RANDOM.choice(FRACTIONS), score, known=known, opset=opset,
                  center_point_box=center)
      for make in (grid, around) for center in (0, 1)
      for most, score, known, opset in ((5, 0.25, (2, 3, 4), 10), (100, -1, (2, 3, 4), 11),
                                        (3, 0, (), 11), (99, 0.5, (2,), 11), (7, None, (2, 3), 13),
                                        (-1, 0, (), 11), (0, 0, (2,), 11))),
    *(suppression(make(2, 30), 3, 8, known=(2,)) for make in (grid, around)),
    *(suppression(make(2, 30), 3, 8, 0.5) for make in (grid, around)),
    suppression(grid(1, 10), 2, None),
    # nothing passes; no boxes, no classes
    suppression(around(2, 9), 3, 5, 0.5, 2),
    suppression(grid(2, 1), 0, 5, 0.5, 0, expected=[numpy.zeros((0, 3), numpy.int64)]),
    suppression(grid(2, 0), 3, 5, 0.5, 0, expected=[numpy.zeros((0, 3), numpy.int64)]),
    # many: more than a step takes, or looks at at once; up to some, and up to all of them
    *(suppression(scattered(2, count), 2, most, 0.1, score, known=known)
      for count, most in ((64, 64), (65, 64), (200, 70), (700, 700), (700, 300), (1000, 257))
      for score, known in ((-5, (2,)), (0.2, ()), (None, (2,)))),
    # many of one class
    suppression(around(1, 300), 1, 300, 0.3, 0.1, known=(2,)),
]

sys.exit(main(CASES))
