#!/usr/bin/env python3
"""RNN, GRU and LSTM beside ONNX Runtime: directions, activations, peepholes, clips, lengths."""

import sys

import numpy
from beside_ort import Case, floats, main, run_here
from onnx import helper, numpy_helper

STEPS, BATCH, WIDTH, HIDDEN = 5, 3, 4, 6
MANY = 100
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def lengths(*values):
    return numpy.array(values, numpy.int32)


def case(operator, opset=14, directions=1, *, bias=True, first=False, ends=None, peepholes=False,
         batch_first=False, steps=STEPS, **attributes):
    rows = GATES[operator] * HIDDEN
    shape = (BATCH, steps, WIDTH) if batch_first else (steps, BATCH, WIDTH)
    state = (BATCH, directions, HIDDEN) if batch_first else (directions, BATCH, HIDDEN)
    recurrent = floats(directions, rows, HIDDEN)
    if steps > STEPS: # so that differences die out instead of growing from step to step
        recurrent *= numpy.float32(0.3)
    inputs = [floats(*shape), floats(directions, rows, WIDTH), recurrent,
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
    *(case(operator, steps=steps, bias=bias, first=bias)
      for operator in GATES for steps in (7, MANY) for bias in (False, True)),
    *(case(operator, steps=MANY, direction="reverse", ends=lengths(MANY, 1, 37))
      for operator in GATES),
    *(case(operator, steps=MANY, directions=2, ends=lengths(2, MANY, 99), first=True,
           direction="bidirectional", clip=0.5) for operator in GATES),
    case("LSTM", steps=MANY, directions=2, peepholes=True, first=True, direction="bidirectional"),
    case("LSTM", steps=MANY, input_forget=1),
    case("GRU", steps=MANY, linear_before_reset=1, first=True),
]


def in_single_steps(operator, x, weights, reverse):
    """The model of a node for each step, which begins with the states that the one before ended
    with."""
    steps, states = len(x), 2 if operator == "LSTM" else 1
    nodes, before = [], [""] * states
    for t in reversed(range(steps)) if reverse else range(steps):
        after = [f"state{i}_{t}" for i in range(states)]
        nodes += [helper.make_node("Slice", ["x", f"n{t}", f"n{t + 1}"], [f"x{t}"]),
                  helper.make_node(operator, [f"x{t}", *weights, "", *before],
                                   [f"y{t}", *after], hidden_size=HIDDEN)]
        before = after
    nodes.append(helper.make_node("Concat", [f"y{t}" for t in range(steps)], ["y"], axis=0))
    return model_of(nodes, x, weights, [numpy_helper.from_array(numpy.array([t]), f"n{t}")
                                        for t in range(steps + 1)])


def model_of(nodes, x, weights, constants=()):
    graph = helper.make_graph(
        nodes, "case", [helper.make_tensor_value_info("x", 1, x.shape)],
        [helper.make_empty_tensor_value_info("y")],
        [*(numpy_helper.from_array(array, name) for name, array in weights.items()), *constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=10)


def check_single_steps(operator, reverse):
    """A node of many steps and as many nodes of one have the same bits; whether they do."""
    x, rows = floats(40, BATCH, WIDTH), GATES[operator] * HIDDEN
    weights = {"w": floats(1, rows, WIDTH), "r": floats(1, rows, HIDDEN), "b": floats(1, 2 * rows)}
    node = helper.make_node(operator, ["x", *weights], ["y"], hidden_size=HIDDEN,
                            direction="reverse" if reverse else "forward")
    runs = [run_here(model, {"x": x}, mode)[0].tobytes()
            for model in (model_of([node], x, weights),
                          in_single_steps(operator, x, weights, reverse))
            for mode in ("eager", "jit")]
    if len(set(runs)) > 1:
        print(f"{operator}, reverse {reverse}: other bits than in single steps")
    return len(set(runs)) == 1


if __name__ == "__main__":
    SAME = [check_single_steps(operator, reverse)
            for operator in GATES for reverse in (False, True)]
    sys.exit(main(CASES) or not all(SAME))
