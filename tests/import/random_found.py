#!/usr/bin/env python3
"""random_found.py DIFFERENTIAL [FIRST [COUNT]]: the random models of tests/support/random_found.c,
whose results are as large as what a run finds, beside ONNX Runtime. What that refuses to run (k of
TopK over what there is, the greatest of nothing) is left out; few may be."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
from beside_ort import run_here, run_ort
from onnx import helper

FOUND_SEEDS = 2**63
# Of which ONNX Runtime loses a NaN, or gives 0 for the mean of nothing.
NAN_OTHERWISE = {"ReduceMax", "ReduceMin", "ReduceMean"}


def element(name, dtype, shape, random):
    """As random_elements.c by name, but ordinary numbers of which sums are exact."""
    if dtype == numpy.bool_:
        return random.integers(0, 2, shape).astype(dtype)
    if name.startswith("positions") or dtype != numpy.float32:
        return random.integers(-3, 4, shape).astype(dtype)
    return (random.integers(-16, 17, shape) / 8).astype(dtype)


def given_for(model, seed):
    random = numpy.random.default_rng(seed)
    given = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [dim.dim_value for dim in tensor.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        given[value.name] = element(value.name, dtype, shape, random)
    return given


def wrong_with(model, given, expected):
    """None, or what is wrong."""
    operators = {node.op_type for node in model.graph.node}
    rounded = "Cast" in operators and operators & {"Exp", "Sigmoid", "Softsign", "Softmax",
                                                   "ReduceMean"}
    for array, wanted in zip(run_here(model, given, "eager"), expected):
        if array.shape != wanted.shape or array.dtype != wanted.dtype:
            return (f"{array.dtype}{list(array.shape)}, expected "
                    f"{wanted.dtype}{list(wanted.shape)}")
        if operators & NAN_OTHERWISE:
            wanted = numpy.where(numpy.isnan(array), array, wanted)
        try:
            numpy.testing.assert_allclose(array, wanted, rtol=1e-4,
                                          atol=9 if rounded else 1e-4)
        except AssertionError as error:
            return " ".join(str(error).split())[:400]
    return None


def main():
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    failures, refused = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "--models", folder, "-s", str(FOUND_SEEDS + first), "-n",
                        str(count)], check=True)
        for seed in range(first, first + count):
            model = onnx.load(Path(folder) / f"{FOUND_SEEDS + seed}.onnx")
            model.ir_version = 10
            for value in model.graph.output: # which has no type in the file
                value.CopyFrom(helper.make_empty_tensor_value_info(value.name))
            given = given_for(model, seed)
            try:
                expected = run_ort(model, given)
            except Exception: # pylint: disable=broad-except
                refused += 1
                continue
            wrong = wrong_with(model, given, expected)
            if wrong:
                failures += 1
                print(f"seed {seed}: {wrong}", flush=True)
    print(f"# {count} random models of what a run finds: {failures} wrong, {refused} that ONNX "
          "Runtime does not run")
    return failures > 0 or refused > count // 2


if __name__ == "__main__":
    sys.exit(main())
