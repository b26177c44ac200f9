#!/usr/bin/env python3
"""Loop and Scan of many steps beside ONNX Runtime: what they carry, collect and read around them;
and what is said of those that cannot be a scan."""

import sys
import tempfile
from pathlib import Path

import numpy
from beside_ort import Case, floats, main, run_here
from onnx import TensorProto, helper, numpy_helper

import eigentensor

STEPS = 100


def described(value, otherwise=TensorProto.UNDEFINED):
    name, kind, shape = (value, otherwise, None) if isinstance(value, str) else value
    return (helper.make_tensor_value_info(name, kind, shape) if kind else
            helper.make_empty_tensor_value_info(name))


def body(nodes, inputs, outputs, **constants):
    """A graph of nodes (operator, inputs, output, attributes), "-" for what is left out. Inputs
    and outputs are names; or also their type and their shape."""
    made = [helper.make_node(operator, ["" if name == "-" else name for name in reads.split()],
                             [gives], **dict(*attributes))
            for operator, reads, gives, *attributes in nodes]
    return helper.make_graph(
        made, "body", [described(each, TensorProto.FLOAT) for each in inputs],
        [described(each) for each in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()])


STEP = (("i", TensorProto.INT64, ()), ("go", TensorProto.BOOL, ()))
GO = ("Identity", "go", "goes_on")
TO_FLOAT = {"to": TensorProto.FLOAT}


def loop(states, graph, outputs, steps=STEPS):
    return Case("Loop", 16, [numpy.array(steps), None, *states], known=(0,),
                outputs=(True,) * outputs, body=graph)


def loop_at_run_time(states, graph, outputs, steps=None, go=None, bound=None):
    """How often it runs, whether it begins, or what its body says is known at run time only."""
    return Case("Loop", 16, [steps, go, *states], outputs=(True,) * outputs, body=graph,
                open_axes={"loop": bound} if bound else None)


def scan(states, inputs, graph, outputs, **attributes):
    return Case("Scan", 16, [*states, *inputs], outputs=(True,) * outputs, body=graph,
                num_scan_inputs=len(inputs), **attributes)


LAYER = [("MatMul", "h w", "hw"), ("Add", "hw b", "sum"), ("Tanh", "sum", "next")]
WEIGHTS = {"w": floats(40, 40) * numpy.float32(0.1), "b": floats(40)}
TOTAL = ("ReduceSum", "next", "total", {"keepdims": 0})
NUMBER = ("Cast", "i", "n", TO_FLOAT)
# the first half of x, by positions that are known around the body
HALF = ("Slice", "next zero two", "half")
ENDS = {"zero": numpy.array([0, 0]), "two": numpy.array([2, 2])}
RUNNING = [("Add", "sum x", "next"), ("Mul", "next x", "y")]
# h = h + h, until its greatest element is over 100
DOUBLE = [("Add", "h h", "next"), ("ReduceMax", "next", "most", {"keepdims": 0}),
          ("Less", "most end", "goes_on")]
END = numpy.array(100, numpy.float32)
# ... but as one step more, an int64, with a bool that changes and a float64
MIXED = [*DOUBLE, ("Add", "k i", "more"), ("Not", "b", "flipped"),
         ("Cast", "most", "wide", {"to": TensorProto.DOUBLE}), ("Div", "wide d", "quotient")]
INNER = body([GO, ("Mul", "h near", "less"), ("ReduceSum", "x1", "all", {"keepdims": 0}),
              ("Add", "all x", "more"), ("Add", "less more", "next")], (*STEP, "h"),
             ("goes_on", "next"), near=numpy.array(0.5, numpy.float32))

CASES = [
    *(loop([floats(3, 40)],
           body([GO, *LAYER], (*STEP, "h"), ("goes_on", "next"), **WEIGHTS), 1, steps)
      for steps in (64, 65, STEPS)),
    # one more state, the step's number, what is collected, and a value of the graph around
    loop([floats(3, 40), floats(5)],
         body([GO, *LAYER, NUMBER, TOTAL, HALF, ("Add", "x3 n", "seen")], (*STEP, "h", "k"),
              ("goes_on", "next", "k", "total", "seen", "half"), **WEIGHTS, **ENDS), 5),
    # nothing is carried, or integers, or what the body only hands on
    loop([], body([GO, NUMBER], STEP, ("goes_on", "n")), 1),
    loop([numpy.array([1, 2])],
         body([GO, ("Add", "h i", "next")], (*STEP, ("h", TensorProto.INT64, None)),
              ("goes_on", "next", "next")), 2),
    loop([floats(4), floats(4)], body([GO], (*STEP, "h", "k"), ("goes_on", "k", "h")), 2),
    loop([floats(0, 3)], body([GO, ("Tanh", "h", "next")], (*STEP, "h"), ("goes_on", "next")), 1),
    # it ends before, which is known
    loop([floats(3)],
         body([("Less", "i end", "goes_on"), ("Add", "h h", "next")], (*STEP, "h"),
              ("goes_on", "next"), end=numpy.array(9)), 1),
    # few steps that collect, and end by their count, or by what it is all the same
    *(loop([floats(3)], body([*nodes, ("Add", "h h", "next")], (*STEP, "h"),
                             ("goes_on", "next", "next"), end=numpy.array(9)), 2, steps)
      for nodes in ([("Less", "i end", "goes_on")], [("Equal", "i i", "goes_on")], [GO])
      for steps in (5, 20)),
    # ... whose steps look at more each time, which a body by itself cannot
    *(loop([floats(3)],
           body([("Less", "i end", "goes_on"), ("Add", "i one", "count"),
                 ("Slice", "long zero count zero", "some"),
                 ("ReduceSum", "some", "sum", {"keepdims": 0}), ("Add", "h sum", "next")],
                (*STEP, "h"), ("goes_on", "next", "sum"), end=numpy.array(3), one=numpy.array([1]),
                zero=numpy.array([0]), long=floats(9)), 2, steps) for steps in (3, 20)),
    # states of several types
    loop([floats(3), numpy.array(1)],
         body([GO, ("Add", "h h", "next"), ("Add", "k i", "more")],
              (*STEP, "h", ("k", TensorProto.INT64, None)), ("goes_on", "next", "more")), 2),
    # how often is known at run time only: by the count, by the condition, by both
    *(loop_at_run_time([floats(3, 40)],
                       body([GO, *LAYER], (*STEP, "h"), ("goes_on", "next"), **WEIGHTS), 1,
                       numpy.array(steps), bound=20) for steps in (-1, 0, 1, 7, 20)),
    *(loop_at_run_time([floats(3), floats(2)],
                       body(DOUBLE, (*STEP, "h", "k"), ("goes_on", "next", "k"), end=END), 2,
                       go=numpy.array(go), bound=70) for go in (True, False)),
    *(loop_at_run_time([floats(3)], body(DOUBLE, (*STEP, "h"), ("goes_on", "next"), end=END), 1,
                       numpy.array([steps]), numpy.array(go), bound)
      for steps, go, bound in ((3, True, 9), (9, True, 9), (9, False, 9), (99, True, 1000))),
    *(loop_at_run_time([floats(3), numpy.array(5), numpy.array(True), numpy.array(3.0)],
                       body(MIXED, (*STEP, "h", ("k", TensorProto.INT64, ()),
                                    ("b", TensorProto.BOOL, ()), ("d", TensorProto.DOUBLE, ())),
                            ("goes_on", "next", "more", "flipped", "quotient"), end=END), 4,
                       go=numpy.array(go), bound=40) for go in (True, False)),
    # ... and what is collected is as long
    *(loop_at_run_time([floats(3)],
                       body([*DOUBLE, NUMBER], (*STEP, "h"),
                            ("goes_on", "next", "n", ("next", TensorProto.FLOAT, (3,))),
                            end=END), 3, steps, numpy.array(go), bound)
      for steps, go, bound in ((numpy.array(3), True, 9), (numpy.array(0), True, 9),
                               (numpy.array([99]), True, 1000), (None, False, 9),
                               (None, True, 100))),
    *(loop_at_run_time([], body([GO, NUMBER], STEP, ("goes_on", "n")), 1, numpy.array(steps),
                       bound=20) for steps in (0, 7, 20)),
    loop([floats(3)],
         body([*DOUBLE, NUMBER], (*STEP, "h"), ("goes_on", "next", "n"), end=END), 2, 30),
    *(scan([floats(4)], [floats(steps, 4)], body(RUNNING, ("sum", "x"), ("next", "y")), 2)
      for steps in (64, 65, STEPS)),
    scan([floats(2, 4)], [floats(2, STEPS, 4), floats(STEPS, 4)],
         body([("Add", "x z", "xz"), ("Add", "sum xz", "next"), ("Mul", "sum x", "y")],
              ("sum", "x", "z"), ("next", "y", "xz")), 3,
         scan_input_axes=[1, -2], scan_input_directions=[1, 0], scan_output_axes=[-1, 1],
         scan_output_directions=[0, 1]),
    scan([], [floats(STEPS, 4)], body([("Exp", "x", "y")], ("x",), ("y",)), 1),
    # a loop in each step, which reads what is around both
    scan([floats(4)], [floats(STEPS, 4)],
         body([("Loop", "often go sum", "inner", {"body": INNER}),
               ("Add", "inner x", "next")],
              ("sum", "x"), (("next", TensorProto.FLOAT, (4,)),), often=numpy.array(70),
              go=numpy.array(True)), 1),
]


# Doubles h in each step, and in a loop of its own as often as the input says
TWICE = body([GO, ("Add", "k k", "twice")], (*STEP, "k"), ("goes_on", "twice"))
AROUND = [GO, ("Loop", "x2 - h", "inner", {"body": TWICE}), ("Add", "inner h", "next")]
ONCE = body([("Loop", "x3 - x2", "y0", {"body": TWICE})], (), ("y0",))
NEVER = body([("Neg", "x2", "y0")], (), ("y0",))


def condition(holds, steps):
    """An If whose first branch has a loop of as many steps."""
    return Case("If", 16, [numpy.array(holds), numpy.array(0), floats(3), numpy.array(steps)],
                then_branch=ONCE, else_branch=NEVER)


def nested(outer, inner):
    return Case("Loop", 16, [numpy.array(outer), None, numpy.array(inner), floats(3)],
                body=body(AROUND, (*STEP, "k", "h"), ("goes_on", "k", "next")), known=(0,),
                outputs=(True, True))


def nested_collecting(outer, inner):
    """The same, but how often is known at run time only, and the steps are collected."""
    return loop_at_run_time([numpy.array(inner), floats(3)],
                            body([*AROUND, NUMBER], (*STEP, "k", "h"),
                                 ("goes_on", "k", "next", "n")), 3, numpy.array(outer))


# A case, the bound of its loops, and whether that ends one of them.
DOUBLED = body(DOUBLE, (*STEP, "h"), ("goes_on", "next"), end=END)
COLLECTED = body([*DOUBLE, NUMBER], (*STEP, "h"), ("goes_on", "next", "n"), end=END)
ONES = numpy.ones(3, numpy.float32) # which are over 100 after 7 steps
CUTS = [
    *((loop_at_run_time([ONES], DOUBLED, 1), bound, bound < 7) for bound in (1, 6, 7, 8, 70)),
    *((loop_at_run_time([ONES], COLLECTED, 2), bound, bound < 7) for bound in (1, 6, 7, 8)),
    *((loop_at_run_time([ONES], DOUBLED, 1, numpy.array(steps), numpy.array(go)), 5,
       go and steps > 5) for steps in (0, 4, 5, 6) for go in (True, False)),
    *((loop_at_run_time([], body([GO, NUMBER], STEP, ("goes_on", "n")), 1, numpy.array(steps)), 5,
       steps > 5) for steps in (5, 6)),
    *((nested(outer, inner), 4, inner > 4) for outer in (3, 100) for inner in (0, 4, 5)),
    *((nested_collecting(outer, inner), 4, outer > 4 or (inner > 4 and outer > 0))
      for outer in (0, 4, 5) for inner in (4, 5)),
    *((condition(holds, steps), 4, holds and steps > 4) for holds in (True, False)
      for steps in (4, 5)),
]


def cut_of(case, bound):
    """What "loop.cut" says; None: there is none."""
    model, inputs = case.model(), case.given()
    if case.operator == "If":
        del model.graph.node[0].input[1:] # which the branches read
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.onnx"
        path.write_bytes(model.SerializeToString())
        program = eigentensor.GraphProgram.load(path, axes={"loop": bound})
    results = [program(mode=mode, **inputs) for mode in ("eager", "jit")]
    told = [each["loop.cut"].tolist() if isinstance(each, dict) else None for each in results]
    return told[0] if told[0] == told[1] else "other bits in JIT"


def check_cuts():
    wrong = [(str(case), bound, cut_of(case, bound)) for case, bound, cut in CUTS
             if cut_of(case, bound) is not cut]
    for case, bound, told in wrong:
        print(f"{case} of at most {bound} steps: is cut: {told}")
    print(f"# {len(CUTS)} loops that may be cut: {len(wrong)} wrong")
    return not wrong


def message_of(case):
    try:
        run_here(case.model(), case.given(), "eager", case.open_axes)
    except Exception as error:  # pylint: disable=broad-except
        return str(error)
    return "nothing"


REFUSED = (
    (loop_at_run_time([floats(3)], body(DOUBLE, (*STEP, "h"), ("goes_on", "next"), end=END), 1),
     "has to get a bound, as --axis loop=100"),
    (loop_at_run_time([floats(3)], body([GO, ("Add", "h h", "next")], (*STEP, "h"),
                                        ("goes_on", "next")), 1, numpy.array(7)),
     "has to get a bound, as --axis loop=100"),
    (Case("Add", 14, [floats(3), floats(3)], open_axes={"loop": 5}),
     "and no loop runs as often as"),
    (loop([floats(3)],
          body([GO, ("Concat", "h h", "next", {"axis": 0})], (*STEP, "h"), ("goes_on", "next")), 1),
     "of which one makes float32[6] of a state"),
    (loop([floats(3)],
          body([GO, ("Reshape", "i one", "shape"), ("Expand", "h shape", "next")], (*STEP, "h"),
               ("goes_on", "next"), one=numpy.array([1])), 1),
     "whose body cannot be imported by itself"),
)


def check_refusals():
    wrong = [(str(case), message_of(case)) for case, expected in REFUSED
             if expected not in message_of(case)]
    for case, message in wrong:
        print(f"{case}: says {message}")
    return not wrong


if __name__ == "__main__":
    SAID = all([check_refusals(), check_cuts()])
    sys.exit(main(CASES) or not SAID)
