#!/usr/bin/env python3
"""large_models.py [LAYERS...]: transformer encoders of so many layers (default: 4 and 12) as .onnx,
with weights within and beside the file: the peak of memory, as a multiple of the weights, and the
seconds that fresh processes take to import one, to run it once by JIT, and to run it once stored.

The peak is the kernel's: all pages of the process, mapped files too. Needs onnx and NumPy, and
build/eigentensor."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper, save

TOOL = Path(__file__).resolve().parent.parent / "build" / "eigentensor"
WIDTH, INNER, HEADS, LENGTH = 768, 3072, 12, 16


class Encoder:
    """Layers of attention and two matrix products, each with a layer norm behind it."""

    def __init__(self, layers):
        self.rng = numpy.random.default_rng(0)
        self.nodes, self.weights = [], []
        x = "x"
        for layer in range(layers):
            x = self.layer(x, f"layer{layer}.")
        shape = [1, LENGTH, WIDTH]
        graph = helper.make_graph(
            self.nodes, "encoder", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)], self.weights)
        self.model = helper.make_model(graph, ir_version=8,
                                       opset_imports=[helper.make_opsetid("", 17)])

    def add(self, op, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, array):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def weight(self, name, shape, scale):
        array = self.rng.standard_normal(shape, dtype=numpy.float32) * numpy.float32(scale)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def linear(self, x, name, inner, outer):
        weight = self.weight(name + ".weight", (inner, outer), inner ** -0.5)
        bias = self.weight(name + ".bias", outer, 0.02)
        return self.add("Add", self.add("MatMul", x, weight), bias)

    def norm(self, x, name):
        return self.add("LayerNormalization", x, self.weight(name + ".weight", WIDTH, 1),
                        self.weight(name + ".bias", WIDTH, 0.1))

    def layer(self, x, name):
        split = self.constant(numpy.array([1, LENGTH, HEADS, WIDTH // HEADS]))
        q, k, v = [self.add("Reshape", self.linear(x, name + each, WIDTH, WIDTH), split)
                   for each in "qkv"]
        scores = self.add("MatMul", self.add("Transpose", q, perm=[0, 2, 1, 3]),
                          self.add("Transpose", k, perm=[0, 2, 3, 1]))
        scale = self.constant(numpy.float32((WIDTH // HEADS) ** -0.5))
        shares = self.add("Softmax", self.add("Mul", scores, scale), axis=-1)
        y = self.add("MatMul", shares, self.add("Transpose", v, perm=[0, 2, 1, 3]))
        y = self.add("Reshape", self.add("Transpose", y, perm=[0, 2, 1, 3]),
                     self.constant(numpy.array([1, LENGTH, WIDTH])))
        y = self.linear(y, name + "out", WIDTH, WIDTH)
        x = self.norm(self.add("Add", x, y), name + "norm1")
        y = self.linear(x, name + "up", WIDTH, INNER)
        gate = self.add("Erf", self.add("Mul", y, self.constant(numpy.float32(0.5 ** 0.5))))
        gate = self.add("Add", gate, self.constant(numpy.float32(1)))
        y = self.add("Mul", self.add("Mul", y, gate), self.constant(numpy.float32(0.5)))
        return self.norm(self.add("Add", x, self.linear(y, name + "down", INNER, WIDTH)),
                         name + "norm2")


def write(layers, folder):
    """Both files. In a process of its own: one that is started has the peak of its starter."""
    def of_process():
        encoder = Encoder(layers)
        save(encoder.model, folder / "within.onnx")
        save(encoder.model, folder / "beside.onnx", save_as_external_data=True,
             location="beside.data")
    process = multiprocessing.get_context("fork").Process(target=of_process)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit("cannot write the models")
    return (folder / "beside.data").stat().st_size


def measure(weights, what, *command):
    """Runs a process; its peak of memory and its time."""
    since = time.monotonic()
    process = subprocess.Popen([str(TOOL), *map(str, command)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - since
    if status:
        sys.exit(f"{what}: failed")
    peak = 1024 * usage.ru_maxrss
    print(f"  {what:24} {1e-6 * peak:6.0f} MB {peak / weights:5.2f} x weights {took:6.2f} s")


def main(layer_counts):
    for layers in layer_counts:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            numpy.save(folder / "x.npy", numpy.random.default_rng(1).standard_normal(
                (1, LENGTH, WIDTH), dtype=numpy.float32))
            given = f"x={folder / 'x.npy'}"
            weights = write(layers, folder)
            print(f"{layers} layers, {1e-6 * weights:.0f} MB of weights")
            for where in ("within", "beside"):
                path, stored = folder / f"{where}.onnx", folder / f"{where}.json"
                measure(weights, f"import, {where}", "import", path, "-o", stored)
                measure(weights, f"run, {where}", "run", path, given)
                measure(weights, "run, stored", "run", stored, given)


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [4, 12])
