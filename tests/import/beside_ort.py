"""One operator in a model of its own: run here, in eager and JIT with the same bits, and by ONNX
Runtime without its optimisations, within a tolerance; or beside what a case says itself where that
has not got the operator, or means something else. For the tables operators_*.py."""

import sys
import tempfile
from pathlib import Path

import numpy
import onnxruntime
from onnx import helper, numpy_helper

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "capture"))
import eigentensor  # noqa: E402

RANDOM = numpy.random.default_rng(1)


def floats(*shape, low=None, high=None):
    """float32: of the normal distribution, or between two numbers."""
    values = RANDOM.normal(size=shape) if low is None else RANDOM.uniform(low, high, size=shape)
    return values.astype(numpy.float32)


def integers(dtype, *shape, low=None, high=None):
    """All that the dtype holds, or from low to below high."""
    low = numpy.iinfo(dtype).min if low is None else low
    high = int(numpy.iinfo(dtype).max) + 1 if high is None else high
    return RANDOM.integers(low, high, size=shape, dtype=dtype)


class Case:
    """An operator with its attributes, at an opset, on arrays; None: an input that is left out.
    `known` lists inputs that the file holds. `outputs` says of each whether it is asked for;
    None: it has a name, which nothing reads.
    `expected` lists the outputs where ONNX Runtime is not to be asked. `open_axes` gives
    axes that the file leaves open their sizes."""

    # pylint: disable=too-many-arguments
    def __init__(self, operator, version, inputs, *, domain="", known=(), outputs=(True,),
                 rtol=1e-5, atol=1e-5, expected=None, open_axes=None, **attributes):
        self.operator, self.opset, self.domain = operator, version, domain
        self.inputs, self.known, self.outputs = inputs, known, outputs
        self.rtol, self.atol, self.attributes = rtol, atol, attributes
        self.expected, self.open_axes = expected, open_axes

    def __str__(self):
        shapes = " ".join("-" if x is None else f"{x.dtype}{list(x.shape)}" for x in self.inputs)
        return f"{self.operator} {self.opset} {shapes} {self.attributes}"

    def model(self):
        names = ["" if x is None else f"x{i}" for i, x in enumerate(self.inputs)]
        outputs = ["" if wanted is False else f"y{i}" for i, wanted in enumerate(self.outputs)]
        node = helper.make_node(self.operator, names, outputs, domain=self.domain,
                                **self.attributes)
        graph = helper.make_graph(
            [node], "case",
            [helper.make_tensor_value_info(names[i], helper.np_dtype_to_tensor_dtype(x.dtype),
                                           x.shape)
             for i, x in enumerate(self.inputs) if x is not None and i not in self.known],
            [helper.make_empty_tensor_value_info(name)
             for name, wanted in zip(outputs, self.outputs) if wanted],
            [numpy_helper.from_array(self.inputs[i], names[i]) for i in self.known])
        own = self.opset if not self.domain else 17
        imports = [helper.make_opsetid("", own)]
        if self.domain:
            imports.append(helper.make_opsetid(self.domain, self.opset))
        return helper.make_model(graph, opset_imports=imports, ir_version=10)

    def given(self):
        return {f"x{i}": x for i, x in enumerate(self.inputs)
                if x is not None and i not in self.known}


def run_ort(model, given):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, given)


def run_here(model, given, mode, axes=None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.onnx"
        path.write_bytes(model.SerializeToString())
        program = eigentensor.GraphProgram.load(path, axes=axes)
        outputs = program(mode=mode, **given)
        if not isinstance(outputs, dict):
            outputs = {model.graph.output[0].name: outputs}
        arrays = {name: numpy.array(output) for name, output in outputs.items()}
    for each in program.outputs:
        if each.dtype == "float16": # which a program shows as its bits
            arrays[each.name] = arrays[each.name].view(numpy.float16)
    return [arrays[value.name] for value in model.graph.output]


def outcome(case):
    """None, or what is wrong."""
    model, given = case.model(), case.given()
    try:
        expected = case.expected or run_ort(model, given)
        eager, jit = (run_here(model, given, mode, case.open_axes) for mode in ("eager", "jit"))
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__}: {error}"
    for one, other, wanted in zip(eager, jit, expected):
        if one.tobytes() != other.tobytes():
            return "other bits in JIT"
        if one.shape != wanted.shape or one.dtype != wanted.dtype:
            return f"{one.dtype}{list(one.shape)}, expected {wanted.dtype}{list(wanted.shape)}"
        try:
            numpy.testing.assert_allclose(one, wanted, rtol=case.rtol, atol=case.atol)
        except AssertionError as error:
            return " ".join(str(error).split())[:300]
    return None


def main(cases):
    """Runs all, or those with a word of the command line in them; the exit status."""
    words, failures = sys.argv[1:], 0
    cases = [case for case in cases if not words or any(word in str(case) for word in words)]
    for case in cases:
        wrong = outcome(case)
        if wrong:
            print(f"{case}: {wrong}", flush=True)
            failures += 1
    print(f"# {len(cases)} operators beside ONNX Runtime: {failures} wrong")
    return failures != 0
