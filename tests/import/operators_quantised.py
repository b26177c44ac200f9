#!/usr/bin/env python3
"""operators_quantised.py [WORD...]: layers of integers that stand for real numbers, as ONNX
Runtime's quantiser writes them, beside ONNX Runtime; and a mean that it declares but does not
have."""

import sys

import numpy
from beside_ort import Case, floats, integers, main

float32, int8, int32, uint8 = numpy.float32, numpy.int8, numpy.int32, numpy.uint8
MS = "com.microsoft"
SCALE = numpy.array(0.037, float32)


def lstm(steps, batch=1, directions=1, *, signed=True, columns=False, first=False, ends=None,
         peepholes=False, atol=1e-5, **attributes):
    """Of 4 numbers to a state of 6. Scales and zero points: one, or one for each column."""
    # pylint: disable=too-many-locals
    width, hidden = 4, 6
    dtype, scales = int8 if signed else uint8, (directions, 4 * hidden) if columns else directions
    state = (directions, batch, hidden)
    zero = numpy.zeros(scales, dtype) if signed else numpy.full(scales, 131, dtype)
    scaled = [each for _ in range(2)
              for each in (floats(*numpy.atleast_1d(scales), low=0.002, high=0.006), zero)]
    return Case(
        "DynamicQuantizeLSTM", 1,
        [floats(steps, batch, width), integers(dtype, directions, width, 4 * hidden),
         integers(dtype, directions, hidden, 4 * hidden), floats(directions, 8 * hidden), ends,
         floats(*state) if first else None, floats(*state) if first else None,
         floats(directions, 3 * hidden) if peepholes else None, *scaled],
        domain=MS, known=(1, 2, 8, 9, 10, 11), outputs=(True, True, True), hidden_size=hidden,
        atol=atol, **attributes)


def attention(weights, zero, scale, mask=None, past=None, batch=2, **attributes):
    """Of 3 heads, of 4 numbers each."""
    return Case("QAttention", 1,
                [integers(uint8, batch, 5, 8, low=100, high=156), weights, floats(36), SCALE, scale,
                 mask, numpy.array(128, uint8), zero, past],
                domain=MS, known=(1,), num_heads=3, outputs=(True, past is not None), atol=1e-4,
                **attributes)


def embedded(dtype, segments=True, mask=None, **attributes):
    zeros = [integers(dtype) for _ in range(5)]
    scales = [numpy.array(scale, float32) for scale in (0.01, 0.02, 0.03, 0.015, 0.025)]
    if not segments:
        zeros[2] = scales[2] = None
    return Case("QEmbedLayerNormalization", 1,
                [integers(int32, 2, 5, low=0, high=9),
                 integers(int32, 2, 5, low=0, high=2) if segments else None,
                 integers(dtype, 9, 8), integers(dtype, 6, 8),
                 integers(dtype, 2, 8) if segments else None, integers(dtype, 8),
                 integers(dtype, 8), mask, *scales, *zeros],
                domain=MS, outputs=(True, True), atol=1e-4, **attributes)


def mean(x, axes, keepdims, scale, zero, scale_y, zero_y):
    y = ((x.astype(float32) - zero) * scale).mean(axes, keepdims=keepdims)
    return numpy.clip(numpy.rint(y / scale_y) + zero_y, 0, 255).astype(uint8)


def mean_case(axes, keepdims):
    x, zero, zero_y = integers(uint8, 3, 4, 5), uint8(77), uint8(19)
    scale_y = float32(0.049)
    said = {} if axes is None else {"axes": list(axes)}
    return Case("QLinearReduceMean", 1, [x, SCALE, numpy.array(zero), numpy.array(scale_y),
                                         numpy.array(zero_y)],
                domain=MS, keepdims=keepdims, atol=1, **said,
                expected=[mean(x, axes, bool(keepdims), SCALE, zero, scale_y, zero_y)])


WEIGHTS = integers(int8, 8, 36, low=-30, high=30)
COLUMNS = floats(36, low=0.01, high=0.02)
MASKS = (numpy.array([[1] * 5, [1, 1, 1, 0, 0]], int32), numpy.array([4, 2], int32),
         numpy.array([4, 5, 1, 2], int32), numpy.array([[5], [4]], int32),
         numpy.array([[1]], int32))

CASES = [
    # one sequence: of several, ONNX Runtime quantises the states together or apart, by its threads
    *(lstm(steps, signed=signed, columns=columns)
      for steps in (1, 5, 40) for signed in (True, False) for columns in (False, True)),
    lstm(7, direction="reverse", first=True),
    lstm(7, directions=2, direction="bidirectional", first=True, columns=True, signed=False),
    lstm(9, peepholes=True, first=True, clip=0.7),
    lstm(5, input_forget=1),
    lstm(5, activations=["HardSigmoid", "Softsign", "Relu"], activation_alpha=[0.3],
         activation_beta=[0.4]),
    lstm(8, ends=numpy.array([5], int32), first=True),
    lstm(5, batch=3, atol=0.02),
    lstm(5, batch=3, ends=numpy.array([2, 4, 3], int32), atol=0.02),

    attention(WEIGHTS, None, SCALE),
    attention(WEIGHTS, numpy.array(3, int8), SCALE.reshape(1)),
    attention(WEIGHTS.astype(uint8), numpy.full(36, 128, uint8), COLUMNS),
    *(attention(WEIGHTS, None, COLUMNS, mask) for mask in MASKS),
    attention(WEIGHTS, None, SCALE, MASKS[0], unidirectional=1),
    attention(WEIGHTS, None, SCALE, MASKS[1], mask_filter_value=-50.0),
    attention(WEIGHTS, None, SCALE, past=floats(2, 2, 3, 3, 4), unidirectional=1),
    attention(WEIGHTS, None, SCALE, MASKS[1], past=floats(2, 2, 3, 3, 4)),
    # of floats
    *(Case("Attention", 1, [floats(2, 5, 8), floats(8, 36), floats(36), mask], domain=MS,
           num_heads=3) for mask in MASKS[2:]),

    *(embedded(dtype, segments, mask) for dtype in (int8, uint8) for segments in (True, False)
      for mask in (None, MASKS[0])),
    embedded(uint8, epsilon=0.1),

    *(mean_case(axes, keepdims) for axes in ((1,), (0, 2), None) for keepdims in (0, 1)),
]

if __name__ == "__main__":
    sys.exit(main(CASES))
