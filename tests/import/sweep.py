#!/usr/bin/env python3
"""sweep.py [--kinds N] [--every N] [--seed S] [--changes LIST] [--list] [--keep DIR] PROGRAM
[WORD...]: every operator of the importer, those with WORD in their names, with one thing changed
(models.py): each element type in each place, attributes and inputs left out or of other values,
extents of 0 and 1, other ranks. PROGRAM is tests/import/sweep of a build, best of the sanitized
one: it imports each, and runs those that are taken.

Each must be refused by a message that names what is wrong, or give the same bits by the interpreter
and by JIT; and, where element types were changed, the values of ONNX Runtime if that has them.
Of each operator the N smallest kinds of models are taken (2), of the changes every N-th, chosen by
the seed."""

import argparse
import collections
import concurrent.futures
import os
import pickle
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy
from onnx import TensorProto

import models
from beside_ort import run_here, run_ort
from codes import codes

# Whose values are others than ONNX Runtime's, and why: of the changes with the word.
OTHERS = {
    **dict.fromkeys(("Bernoulli", "Dropout", "Multinomial", "RandomNormalLike",
                     "RandomUniformLike"), ("", "numbers of another generator")),
    "Cast": (" as ", "floats that the integers do not hold saturate"),
    "Pow": (" as INT", "powers that the integers do not hold saturate"),
    **dict.fromkeys(("ReduceMax", "ReduceMin"), (" as ", "a NaN is the result")),
    "Col2Im": (" as ", "those of one axis with a dilation are wrong there"),
    "MaxUnpool": (" as ", "findings/onnxruntime_max_unpool_output_shape.sh"),
    "CastLike": (" as U", "floats that the integers do not hold saturate"),
    "ReduceLogSumExp": (" as INT", "findings/onnxruntime_reduce_log_sum_exp_integers.sh"),
    "TreeEnsembleClassifier": ("", "findings/onnxruntime_tree_ensemble_labels.sh"),
}


class Driver:
    """The program, begun anew after a model that broke it."""

    def __init__(self, program):
        self.program, self.process, self.log = program, None, tempfile.TemporaryFile()

    def try_model(self, proto):
        data = proto.SerializeToString()
        if self.process is None:
            self.log.seek(0)
            self.log.truncate()
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=self.log)
        try:
            self.process.stdin.write(len(data).to_bytes(4, "little") + data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        said = self.process.stdout.readline().decode(errors="replace").rstrip()
        return said or self.broken()

    def broken(self):
        status = self.process.wait()
        self.process = None
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").splitlines()
        telling = [line for line in lines if "ERROR" in line or "runtime error" in line]
        places = [line.strip() for line in lines if " in " in line and "/compiler/" in line]
        return f"wrong: ended with status {status}: {(telling + lines + [''])[0]} {places[:3]}"

    def close(self):
        """What it says at its end, as of leaks."""
        if self.process is None:
            return None
        self.process.stdin.close()
        said = self.process.stdout.read().decode()
        return None if self.process.wait() == 0 else self.broken() + said


def usable(driver, model):
    """The model with the fewest known inputs that it takes, or as it is."""
    for choice in models.choices(model):
        said = driver.try_model(choice.proto)
        if said in ("same", "large"):
            return choice
    return model


def is_chosen(arguments, *words):
    return zlib.crc32(f"{arguments.seed} {words}".encode()) % arguments.every == 0


def sweep_operator(arguments, operator, kinds):
    """[(model, change, what was done, file, outcome)], and what is said at the end."""
    driver, results = Driver(arguments.program), []
    for number, model in enumerate(kinds[:arguments.kinds]):
        base = usable(driver, model)
        for change in arguments.changes.split(","):
            for done, proto in models.CHANGES[change](base.proto):
                if is_chosen(arguments, operator, number, done):
                    said = driver.try_model(proto)
                    results.append((base, change, done, proto, said))
    return results, driver.close()


# Values beside ONNX Runtime's.

def as_run(array):
    return array.view(numpy.uint16) if str(array.dtype) == "bfloat16" else codes(array)


def inputs_of(model, proto):
    """The arrays of the model, in the types that the changed file declares."""
    given = {}
    for value, array in zip(proto.graph.input, model.arrays):
        given[value.name] = numpy.asarray(
            models.retyped(numpy.asarray(array), value.type.tensor_type.elem_type), order="C")
    return given


TOLERANCES = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-4, "float64": 2e-5}


def other_values(model, proto):
    """How the values are others than ONNX Runtime's; None, too, where that refuses the model."""
    given = inputs_of(model, proto)
    try:
        expected = run_ort(proto, given)
    except Exception:  # pylint: disable=broad-except
        return None
    ours = run_here(proto, {name: as_run(array) for name, array in given.items()}, "eager")
    for one, wanted in zip(ours, expected):
        wanted = codes(numpy.asarray(wanted))
        if one.shape != wanted.shape or one.dtype != wanted.dtype:
            return f"{one.dtype}{list(one.shape)}, not {wanted.dtype}{list(wanted.shape)}"
        tolerance = TOLERANCES.get(str(wanted.dtype), 0)
        try:
            numpy.testing.assert_allclose(one.astype(numpy.float64), wanted.astype(numpy.float64),
                                          rtol=tolerance, atol=tolerance)
        except AssertionError as error:
            return " ".join(str(error).split())[:300]
    return None


def in_child(function):
    """What it returns, of a process of its own, which may crash."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        try:
            said = function()
        except Exception as error:  # pylint: disable=broad-except
            said = f"{type(error).__name__}: {error}"
        os.write(write, pickle.dumps(said))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(said) if said else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", type=int, default=2)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes", default=",".join(models.CHANGES))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("program")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    counts, failures = collections.Counter(), 0
    chosen = {operator: kinds for operator, kinds in models.base_models().items()
              if not arguments.words or any(word in operator[1] for word in arguments.words)}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(operator, pool.submit(sweep_operator, arguments, operator, kinds))
                for operator, kinds in chosen.items()]
        for operator, job in jobs:
            results, ending = job.result()
            if ending:
                print(f"{operator}: at the end: {ending}", flush=True)
                failures += 1
            for model, change, done, proto, said in results:
                kind = said.split(":")[0]
                word, _ = OTHERS.get(operator[1], ("no word", ""))
                if kind == "same" and change == "type" and word not in done:
                    other = in_child(lambda: other_values(model, proto))
                    kind, said = ("wrong", f"values: {other}") if other else (kind, said)
                counts[kind] += 1
                failures += kind == "wrong"
                if kind == "wrong" or arguments.list:
                    print(f"{operator[0]}.{operator[1]}: {done}: {said}", flush=True)
                if kind == "wrong" and arguments.keep:
                    path = Path(arguments.keep) / f"{operator[1]}.{failures}.onnx"
                    path.write_bytes(proto.SerializeToString())
    print(f"# {len(chosen)} operators: " + ", ".join(f"{counts[kind]} {kind}" for kind in
                                                     ("same", "large", "refused", "wrong")))
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
