#!/usr/bin/env python3
"""RNN, GRU and LSTM beside ONNX Runtime: directions, activations, peepholes, clips, lengths."""

import sys

import numpy
from beside_ort import Case, floats, main

STEPS, BATCH, WIDTH, HIDDEN = 5, 3, 4, 6
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def lengths(*values):
    return numpy.array(values, numpy.int32)


def case(operator, opset=14, directions=1, *, bias=True, first=False, ends=None, peepholes=False,
         batch_first=False, **attributes):
    rows = GATES[operator] * HIDDEN
    shape = (BATCH, STEPS, WIDTH) if batch_first else (STEPS, BATCH, WIDTH)
    state = (BATCH, directions, HIDDEN) if batch_first else (directions, BATCH, HIDDEN)
    inputs = [floats(*shape), floats(directions, rows, WIDTH), floats(directions, rows, HIDDEN),
              floats(directions, 2 * rows) if bias else None, ends,
              floats(*state) if first else None]
    if operator == "LSTM":
        inputs += [floats(*state) if first else None,
                   floats(directions, 3 * HIDDEN) if peepholes else None]
    if batch_first:
        attributes["layout"] = 1
    return Case(operator, opset, inputs, outputs=(True,) * (3 if operator == "LSTM" else 2),
                hidden_size=HIDDEN, **attributes)


CASES = [
    *(case(operator, opset, bias=bias, first=bias)
      for operator in GATES for opset in (7, 14, 22) for bias in (False, True)),
    *(case(operator, direction="reverse") for operator in GATES),
    *(case(operator, directions=2, direction="bidirectional", first=True) for operator in GATES),
    *(case(operator, ends=lengths(5, 1, 3), first=True) for operator in GATES),
    *(case(operator, directions=2, ends=lengths(2, 5, 4), direction="bidirectional")
      for operator in GATES),
    *(case(operator, clip=0.5) for operator in GATES),
    case("LSTM", peepholes=True),
    case("LSTM", directions=2, peepholes=True, first=True, direction="bidirectional"),
    case("LSTM", input_forget=1),
    case("LSTM", activations=["HardSigmoid", "Softsign", "Relu"], activation_alpha=[0.3],
         activation_beta=[0.4]),
    case("GRU", linear_before_reset=1, first=True),
    case("GRU", directions=2, linear_before_reset=1, direction="bidirectional"),
    case("GRU", activations=["Sigmoid", "LeakyRelu"], activation_alpha=[0.2]),
    *(case("RNN", activations=[name]) for name in ("Relu", "Sigmoid", "Softsign", "Softplus")),
    *(case("RNN", activations=[name], activation_alpha=[0.7])
      for name in ("LeakyRelu", "Elu", "ThresholdedRelu")),
    *(case("RNN", activations=[name], activation_alpha=[0.7], activation_beta=[0.3])
      for name in ("Affine", "ScaledTanh", "HardSigmoid")),
]

sys.exit(main(CASES))
