#!/usr/bin/env python3
"""node_cases.py [--modes eager,jit] [--every N] [--list] [WORD...]: the node cases that the onnx
package brings, those with WORD in their names, of which every N-th. Every one is imported and run;
its outputs must be the expected ones within the case's own tolerance, and of the same bits in all
modes. roundings.txt names those that get a wider one, each with the reason.

exceptions.txt names those that are refused, a line each, with the reason. A case that is there and
passes is a failure, as is one that is not and does not. --list prints every case with its
outcome."""

import argparse
import os
import pickle
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "capture"))

warnings.simplefilter("ignore")
import onnx  # noqa: E402
from onnx import numpy_helper  # noqa: E402
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

import eigentensor  # noqa: E402
from codes import codes  # noqa: E402
from models import choices_of_known, with_known  # noqa: E402


def read_reasons(name):
    """{case: reason}, of a file beside this one."""
    lines = Path(__file__).with_name(name).read_text().splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


ROUNDINGS = read_reasons("roundings.txt")


# Their expected outputs are numbers of another generator: only types and shapes are looked at.
# operators_random.py has ours.
RANDOM = ("test_bernoulli", "test_training_dropout")


def as_arrays(data_sets):
    """Some cases come with tensors as files have them."""
    return [[[numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
              for value in side] for side in data_set] for data_set in data_sets]


def is_tensor_case(case):
    """Neither sequences nor optionals nor texts."""
    graph = case.model.graph
    arrays = [value for data_set in as_arrays(case.data_sets)
              for side in data_set for value in side]
    return (all(isinstance(value, (numpy.ndarray, numpy.generic)) for value in arrays) and
            all(value.dtype.kind not in "OSU" for value in arrays) and
            all(value.type.WhichOneof("value") == "tensor_type"
                for value in [*graph.input, *graph.output]))


def sizes_of(inputs):
    """The open axes of pairs of a declared input and its array, with their sizes."""
    axes = {}
    for declared, value in inputs:
        for axis, dim in enumerate(declared.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value"):
                axes[dim.dim_param or f"{declared.name}.{axis}"] = value.shape[axis]
    return axes


def as_given(array):
    """NumPy lends no memory of 16-bit floats but its own; their bits are taken, too."""
    array = codes(numpy.asarray(array, order="C"))
    return array.view(numpy.uint16) if str(array.dtype) == "bfloat16" else array


def as_array(program, name, output, wanted):
    """The output as an array: of 16-bit floats a program shows the bits."""
    dtype = next(each.dtype for each in program.outputs if each.name == name)
    array = numpy.asarray(output)
    return array.view(wanted.dtype) if dtype == str(wanted.dtype) and array.size else array


# How refusals begin or end that hold no more once values of inputs are known.
OF_VALUES = ("must be known before", "depends on the data", "depend on the data")


def load(case, inputs, path):
    """The program, and which inputs were made part of it."""
    for known in choices_of_known(inputs):
        onnx.save(with_known(case.model, inputs, known), path)
        pairs = zip(case.model.graph.input, inputs)
        left = [pair for i, pair in enumerate(pairs) if i not in known]
        try:
            return eigentensor.GraphProgram.load(path, axes=sizes_of(left)), left
        except eigentensor.ProgramError as error:
            refusal = error
            if not any(phrase in str(error) for phrase in OF_VALUES):
                break
    raise refusal


def tolerances(case, wanted):
    """Relative and absolute: those of the case. Of those in roundings.txt, no finer than two units
    of a 16-bit type, or than the rounding error of a sum beside the greatest element."""
    if case.name not in ROUNDINGS:
        return {"rtol": case.rtol, "atol": case.atol}
    units = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    floats = wanted[numpy.isfinite(wanted)] if wanted.dtype == numpy.float32 else ()
    greatest = numpy.abs(floats).max() if len(floats) else 0
    return {"rtol": max(case.rtol, 2 * units.get(str(wanted.dtype), 0)),
            "atol": max(case.atol, 2.0**-28 * greatest)}


def run_case(case, folder, modes):
    """None, or what is wrong: "refused: ..." or "wrong: ..."."""
    path = Path(folder) / "case.onnx"
    graph = case.model.graph
    for inputs, expected in as_arrays(case.data_sets):
        try:
            program, left = load(case, inputs, path)
        except eigentensor.ProgramError as error:
            return f"refused: {str(error).removeprefix(str(path))}"
        given = {value.name: as_given(array) for value, array in left}
        expected = [codes(numpy.asarray(value)) for value in expected]
        first = None
        for mode in modes:
            outputs = program(mode=mode, **given)
            if len(graph.output) == 1:
                outputs = {graph.output[0].name: outputs}
            arrays = [as_array(program, value.name, outputs[value.name], wanted)
                      for value, wanted in zip(graph.output, expected)]
            if first is not None and any(a.tobytes() != b.tobytes()
                                         for a, b in zip(first, arrays)):
                return f"wrong: other bits in mode {mode}"
            first = arrays
            for array, wanted in zip(arrays, expected):
                if array.shape != wanted.shape or array.dtype != wanted.dtype:
                    return (f"wrong: {mode}: {array.dtype}{list(array.shape)}, expected "
                            f"{wanted.dtype}{list(wanted.shape)}")
                if case.name.startswith(RANDOM) and "zero_ratio" not in case.name:
                    continue
                try:
                    numpy.testing.assert_allclose(array, wanted, **tolerances(case, wanted))
                except AssertionError as error:
                    return f"wrong: {mode}: {' '.join(str(error).split())[:300]}"
    return None


def run_apart(case, modes):
    """In a process of its own, so that one that crashes is one failure."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcome = run_case(case, folder, modes)
            except Exception as error:  # pylint: disable=broad-except
                outcome = f"wrong: {type(error).__name__}: {error}"
        os.write(write, pickle.dumps(outcome))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return pickle.loads(said) if said else f"wrong: crashed, status {status}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--modes", default="eager,jit")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    exceptions = read_reasons("exceptions.txt")
    cases = [case for case in collect_testcases(None) if is_tensor_case(case) and
             (not arguments.words or any(word in case.name for word in arguments.words))]
    cases = cases[::arguments.every]
    counts, failures = Counter(), 0
    for case in cases:
        outcome = run_apart(case, arguments.modes.split(","))
        kind = outcome.split(":")[0] if outcome else "passed"
        counts[kind] += 1
        excepted = case.name in exceptions
        failed = kind == "wrong" or excepted != (kind == "refused")
        failures += failed
        if failed or arguments.list:
            print(f"{case.name}: {outcome or 'passed'}"
                  f"{' (but exceptions.txt has it)' if excepted and failed else ''}", flush=True)
    print(f"# {len(cases)} cases: " + ", ".join(f"{counts[kind]} {kind}"
                                                 for kind in ("passed", "refused", "wrong")))
    return failures != 0


sys.exit(main())
