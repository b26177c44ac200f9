"""worker.py [--threads N] LIBRARY WORKLOAD GRAPHS: a peer, which speaks as bench/contender.c does.

The library is imported before "ready" is said; `open` reads the model's file, compiles it as the
library's users would for speed, and runs it once."""

import argparse
import os
import sys
import time
from pathlib import Path

now = time.perf_counter


class Onnxruntime:
    def __init__(self, threads):
        import onnxruntime
        self.onnxruntime, self.version = onnxruntime, onnxruntime.__version__
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.options.log_severity_level = 3

    def load(self, stem):
        self.path = f"{stem}.onnx"

    def compile(self, inputs):
        """Inputs and outputs are bound once, so that a call copies and allocates nothing."""
        session = self.onnxruntime.InferenceSession(self.path, self.options,
                                                    providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        self.held = [self.onnxruntime.OrtValue.ortvalue_from_numpy(x) for x in inputs.values()]
        for name, value in zip(inputs, self.held):
            binding.bind_ortvalue_input(name, value)
        output = session.get_outputs()[0]
        self.result = self.onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            output.shape, inputs[next(iter(inputs))].dtype)
        binding.bind_ortvalue_output(output.name, self.result)
        self.run_bound, self.binding = session.run_with_iobinding, binding

    def call(self):
        self.run_bound(self.binding)

    def output(self):
        return self.result.numpy()


class Tinygrad:
    def __init__(self, threads):
        os.environ.update(DEV="CPU", NUM_CPU_THREADS=str(threads))
        # What is kept on disk would hide the time of compiling; the search is too slow without.
        os.environ.setdefault("CACHELEVEL", "2" if os.environ.get("BEAM") else "0")
        from importlib.metadata import version

        import tinygrad
        from in_tinygrad import InTinygrad, tensors
        self.tinygrad, self.version = tinygrad, version("tinygrad")
        self.vocabulary, self.tensors = InTinygrad, tensors

    def load(self, stem):
        from elements import load_tensors
        self.weights = self.tensors(load_tensors(f"{stem}.safetensors"))

    def compile(self, inputs):
        def define(*placeholders):
            return workload.define(self.vocabulary(self.weights), *placeholders).realize()
        workload = self.workload
        self.jitted = self.tinygrad.TinyJit(define)
        self.inputs = [self.tinygrad.Tensor(x).realize() for x in inputs.values()]
        self.device = self.tinygrad.Device["CPU"]

    def warm(self):
        """TinyJit runs what it is given twice before it replays it."""
        self.call()
        self.call()

    def call(self):
        self.result = self.jitted(*self.inputs)
        self.device.synchronize()

    def output(self):
        return self.result.numpy()


class Pytorch:
    def __init__(self, threads):
        import torch
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)
        self.torch, self.version = torch, torch.__version__

    def load(self, stem):
        self.model = self.torch.jit.load(f"{stem}.pt").eval()

    def compile(self, inputs):
        self.inputs = [self.torch.from_numpy(x) for x in inputs.values()]
        self.model = self.torch.jit.optimize_for_inference(self.torch.jit.freeze(self.model))

    def warm(self):
        """TorchScript watches its first two runs, and specialises for what it saw."""
        self.call()
        self.call()

    def call(self):
        self.result = self.model(*self.inputs)

    def output(self):
        return self.result.numpy()


LIBRARIES = {"onnxruntime": Onnxruntime, "tinygrad": Tinygrad, "pytorch": Pytorch}


def open_peer(peer, stem):
    import elements
    inputs = elements.load_inputs(stem.parent, peer.workload)
    begin = now()
    peer.load(stem)
    loaded = now()
    peer.compile(inputs)
    compiled = now()
    peer.call()
    first = now()
    if hasattr(peer, "warm"):  # what remains of compiling
        peer.warm()
    seconds = loaded - begin, compiled - loaded + now() - first, first - begin
    return "opened " + " ".join(f"{s:.9f}" for s in seconds)


def run(peer, count):
    call, seconds = peer.call, []
    for _ in range(count):
        begin = now()
        call()
        seconds.append(now() - begin)
    return "ran " + " ".join(f"{s:.9f}" for s in seconds)


def answer(peer, stem, line):
    word, _, argument = line.strip().partition(" ")
    if word == "open":
        return open_peer(peer, stem)
    if word == "run":
        return run(peer, int(argument))
    if word == "write":
        peer.output().tofile(argument)
        return "wrote"
    return "facts" if word == "facts" else f"error {word}: expected open, run N, write FILE, facts"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("workload")
    parser.add_argument("graphs", type=Path)
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    answers, sys.stdout = sys.stdout, sys.stderr  # a library may print; the answers stay clean
    peer = LIBRARIES[arguments.library](arguments.threads)
    import workloads
    peer.workload = workloads.BY_NAME[arguments.workload]
    print("ready", arguments.library, peer.version, file=answers, flush=True)
    for line in sys.stdin:
        try:
            said = answer(peer, arguments.graphs / arguments.workload, line)
        except Exception as error:  # whatever a library may throw
            said = f"error {type(error).__name__}: {error}".replace("\n", " ")
        print(said, file=answers, flush=True)


if __name__ == "__main__":
    main()
