#!/usr/bin/env python3
"""real_files.py FOLDER [WORD...]: models that packages bring (tests/import/real_files.py), by JIT
and AOT and in ONNX Runtime, on one thread each, at all of their sizes: the least of runs in turn.

FOLDER keeps the packages. With words, only files with one of them in their names."""

import importlib.util
import sys
from pathlib import Path

import numpy
import onnxruntime

from turns import least_of_turns

TREE = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("files", TREE / "tests" / "import" / "real_files.py")
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)

TURNS = 30


def measure(path, sizes):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    program = files.eigentensor.GraphProgram.load(path, axes=sizes)
    rng = numpy.random.default_rng(1)
    given = {each.name: files.random_input(rng, each, sizes) for each in program.placeholders}
    feeds = dict(given)
    for value in session.get_inputs():
        if value.name not in feeds:
            feeds[value.name] = numpy.array(sizes[value.name], numpy.int64)
    program.prepare("aot")
    return least_of_turns([lambda: program(mode="jit", **given),
                           lambda: program(mode="aot", **given),
                           lambda: session.run(None, feeds)], TURNS)


def main(folder, words):
    print(f"{'':40} {'JIT':>9} {'AOT':>9} {'ORT':>9}  AOT/ORT")
    for package, name, _, all_sizes in files.MODELS:
        if words and not any(word in name for word in words):
            continue
        path = files.fetch(folder, package, name)
        for sizes in all_sizes:
            jit, aot, ort = measure(path, sizes)
            at = ", ".join(f"{axis}={size}" for axis, size in sizes.items())
            print(f"{path.name:40} {jit:6.2f} ms {aot:6.2f} ms {ort:6.2f} ms  {aot / ort:7.2f}  "
                  f"{at}", flush=True)
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
