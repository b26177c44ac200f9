"""worker.py [--threads N] LIBRARY WORKLOAD GRAPHS: a peer, which speaks as bench/contender.c does.

The library is imported before "ready" is said; `open` reads the model's file, compiles it as the
library's users would for speed, and runs it once."""

import argparse
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy

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
        self.results = []
        for output in session.get_outputs():
            self.results.append(self.onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                output.shape, numpy.float32))
            binding.bind_ortvalue_output(output.name, self.results[-1])
        self.run_bound, self.binding = session.run_with_iobinding, binding

    def call(self):
        self.run_bound(self.binding)

    def outputs(self):
        return [result.numpy() for result in self.results]


class Openvino:
    def __init__(self, threads):
        import openvino
        self.openvino, self.version = openvino, version("openvino")
        # The default precision depends on the processor: here and there it is bfloat16.
        self.options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads,
                        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}

    def load(self, stem):
        self.model = self.openvino.Core().read_model(f"{stem}.onnx")

    def compile(self, inputs):
        compiled = self.openvino.Core().compile_model(self.model, "CPU", self.options)
        self.request = compiled.create_infer_request()
        self.held = [self.openvino.Tensor(x) for x in inputs.values()]
        for i, x in enumerate(self.held):
            self.request.set_input_tensor(i, x)
        self.count = len(compiled.outputs)

    def call(self):
        self.request.infer(share_outputs=True)

    def outputs(self):
        return [self.request.get_output_tensor(i).data for i in range(self.count)]


class Litert:
    def __init__(self, threads):
        from ai_edge_litert.interpreter import Interpreter
        self.interpreter, self.version = Interpreter, version("ai-edge-litert")
        self.threads = threads

    def load(self, stem):
        self.path = f"{stem}.tflite"

    def compile(self, inputs):
        """By XNNPACK, which its interpreter takes of its own accord."""
        from in_litert import IMAGES, arranged
        self.model = self.interpreter(self.path, num_threads=self.threads)
        self.model.allocate_tensors()
        for (name, x), facts in zip(inputs.items(), self.model.get_input_details()):
            self.model.set_tensor(facts["index"],
                                  (arranged(x) if name in IMAGES else x).astype(facts["dtype"]))
        self.call = self.model.invoke

    def outputs(self):
        from in_litert import arranged_back
        return [arranged_back(self.model.get_tensor(facts["index"]))
                for facts in self.model.get_output_details()]


class Ncnn:
    def __init__(self, threads, winograd=True):
        import ncnn
        self.ncnn, self.version, self.net = ncnn, version("ncnn"), ncnn.Net()
        options = self.net.opt
        options.num_threads, options.use_winograd_convolution = threads, winograd
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False

    def load(self, stem):
        if self.net.load_param(f"{stem}.ncnn.param") or self.net.load_model(f"{stem}.ncnn.bin"):
            raise RuntimeError("its files cannot be loaded")

    def compile(self, inputs):
        """Its tensors have no batch axis."""
        arrays = [x.astype(numpy.int32) if x.dtype == numpy.int64 else x for x in inputs.values()]
        if any(len(x.shape) > 1 and x.shape[0] != 1 for x in arrays):
            raise RuntimeError("it has no batch axis")
        self.inputs = [self.ncnn.Mat(numpy.ascontiguousarray(x[0])).clone() for x in arrays]
        self.names = self.net.input_names(), self.net.output_names()

    def call(self):
        extractor = self.net.create_extractor()
        for name, x in zip(self.names[0], self.inputs):
            extractor.input(name, x)
        self.results = [extractor.extract(name) for name in self.names[1]]

    def outputs(self):
        if any(status for status, _ in self.results):
            raise RuntimeError("it cannot run the graph")
        return [numpy.array(result) for _, result in self.results]


class NcnnDirect(Ncnn):
    def __init__(self, threads):
        super().__init__(threads, winograd=False)


class Mnn:
    def __init__(self, threads):
        import MNN
        self.mnn, self.version = MNN, version("MNN")
        self.options = {"backend": "CPU", "numThread": threads, "precision": "high"}

    def load(self, stem):
        self.stem = stem
        self.model = self.mnn.Interpreter(f"{stem}.mnn")

    def compile(self, inputs):
        mnn = self.mnn
        self.session = self.model.createSession(self.options)
        self.given, self.held = [], []
        into = self.model.getSessionInputAll(self.session)
        for name, x in inputs.items():
            integers = x.dtype == numpy.int64
            x = x.astype(numpy.int32) if integers else x
            kind = mnn.Halide_Type_Int if integers else mnn.Halide_Type_Float
            self.held.append(x)  # its tensors do not hold what they lie over
            self.given.append((into[name], mnn.Tensor(x.shape, kind, x,
                                                      mnn.Tensor_DimensionType_Caffe)))

    def call(self):
        """The inputs go in anew: their memory may serve others while it runs."""
        for tensor, x in self.given:
            tensor.copyFrom(x)
        self.model.runSession(self.session)

    def outputs(self):
        found, tensors = [], self.model.getSessionOutputAll(self.session)
        for name in output_names(self.stem) if len(tensors) > 1 else tensors:
            tensor = tensors[name]
            shape = tensor.getShape()
            host = self.mnn.Tensor(shape, self.mnn.Halide_Type_Float,
                                   numpy.zeros(shape, numpy.float32),
                                   self.mnn.Tensor_DimensionType_Caffe)
            tensor.copyToHostTensor(host)
            found.append(host.getNumpyData().reshape(shape).copy())
        return found


def output_names(stem):
    """In the model's order."""
    import onnx
    return [value.name for value in onnx.load(f"{stem}.onnx").graph.output]


class Tinygrad:
    def __init__(self, threads):
        os.environ.update(DEV="CPU", NUM_CPU_THREADS=str(threads))
        # What is kept on disk would hide the time of compiling; the search is too slow without.
        os.environ.setdefault("CACHELEVEL", "2" if os.environ.get("BEAM") else "0")
        import tinygrad
        from in_tinygrad import InTinygrad, tensors
        self.tinygrad, self.version = tinygrad, version("tinygrad")
        self.vocabulary, self.tensors = InTinygrad, tensors

    def load(self, stem):
        from elements import load_tensors
        self.weights = self.tensors(load_tensors(f"{stem}.weights.safetensors"))

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

    def outputs(self):
        return [self.result.numpy()]


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

    def outputs(self):
        return [self.result.numpy()]


LIBRARIES = {"onnxruntime": Onnxruntime, "openvino": Openvino, "litert": Litert, "ncnn": Ncnn,
             "ncnn-direct": NcnnDirect, "mnn": Mnn, "tinygrad": Tinygrad, "pytorch": Pytorch}


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
        with open(argument, "wb") as file:
            for output in peer.outputs():
                file.write(numpy.ascontiguousarray(output, numpy.float32).data)
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
    answers = os.fdopen(os.dup(1), "w")  # a library may print; the answers stay clean
    os.dup2(2, 1)
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
