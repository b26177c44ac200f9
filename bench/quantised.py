#!/usr/bin/env python3
"""quantised.py FOLDER [WORD...]: workloads of the bench in 8-bit integers, as ONNX Runtime's
quantiser makes them of the float models, by JIT and AOT, in ONNX Runtime and in OpenVINO: one
thread each, the least of runs in turn. FOLDER keeps the models.

We run what `rewrite integers` makes of the file, the peers the file itself. What the outputs differ
by is said as a share of the largest element, since a step of a code is allowed to whoever rounds
elsewhere. With words, only workloads with one of them in their names."""

import os
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE / "bench" / "peers"), str(TREE / "capture")]

import numpy
import onnxruntime
from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType,
                                      quantize_static)
from onnxruntime.quantization.shape_inference import quant_pre_process

import eigentensor
import elements
import graphs
import worker
from turns import least_of_turns
from workloads import BY_NAME

NAMES = ("mnist", "resnet18", "mobilenet-v2", "mlp", "mlp-64", "transformer")
COMMAND = Path(os.environ.get("EIGENTENSOR_LIBRARY", TREE / "build/.")).resolve().parent
TURNS = 60
SAMPLES = 4


class Samples(CalibrationDataReader):
    """Of a normal distribution, as the inputs are."""

    def __init__(self, workload):
        self.left = iter([{name: elements.numbers(graphs.SEED, f"{workload.name}/{name}/{i}", shape)
                           for name, shape in workload.inputs.items()} for i in range(SAMPLES)])

    def get_next(self):
        return next(self.left, None)


def quantised(workload, folder):
    """The model without ".onnx", and that of ours; made once. Activations are uint8, weights int8
    with a scale for each channel."""
    stem = folder / f"{workload.name}.int8"
    ours = folder / f"{workload.name}.integers.json"
    if not ours.exists():
        if not graphs.write(workload, folder, ["elements", "onnx"]):
            sys.exit(f"{workload.name}: no model could be made")
        prepared = folder / f"{workload.name}.prepared.onnx"
        quant_pre_process(str(folder / f"{workload.name}.onnx"), str(prepared),
                          skip_symbolic_shape=True)  # shapes are all known
        quantize_static(str(prepared), f"{stem}.onnx", Samples(workload), per_channel=True,
                        quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8)
        subprocess.run([COMMAND / "eigentensor", "rewrite", "integers", f"{stem}.onnx", "-o", ours],
                       check=True, stdout=subprocess.DEVNULL)
    return stem, ours


class Ours:
    """As the peers of worker.py are."""

    def __init__(self, path, mode, inputs):
        self.program, self.mode, self.inputs = eigentensor.GraphProgram.load(path), mode, inputs
        self.program.prepare(mode)

    def call(self):
        self.result = self.program(mode=self.mode, **self.inputs)

    def outputs(self):
        return list(self.result.values()) if isinstance(self.result, dict) else [self.result]


def peer(kind, stem, inputs):
    made = kind(1)
    made.load(stem)
    made.compile(inputs)
    return made


def measure(workload, folder):
    stem, ours = quantised(workload, folder)
    inputs = elements.load_inputs(folder, workload)
    contenders = [Ours(ours, "jit", inputs), Ours(ours, "aot", inputs),
                  peer(worker.Onnxruntime, stem, inputs), peer(worker.Openvino, stem, inputs)]
    times = least_of_turns([each.call for each in contenders], TURNS)
    results = [numpy.asarray(each.outputs()[0]).ravel() for each in contenders]
    off = [numpy.abs(result - results[0]).max() / numpy.abs(results[0]).max() for result in results]
    rate = 2e-6 * workload.survey()[0].multiply_adds / times[1]
    print(f"{workload.name:14}" + "".join(f"{ms:9.3f}" for ms in times) +
          f"{times[2] / times[1]:9.2f}{times[3] / times[1]:9.2f}{rate:8.0f}" +
          "".join(f"{100 * each:8.2f}" for each in off[2:]), flush=True)


def main(folder, words):
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'ms':14}{'JIT':>9}{'AOT':>9}{'ORT':>9}{'OpenVINO':>9}{'ORT/AOT':>9}{'OV/AOT':>9}"
          f"{'GOP/s':>8}{'ORT %':>8}{'OV %':>8}")
    for name in NAMES:
        if not words or any(word in name for word in words):
            measure(BY_NAME[name], folder)
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
