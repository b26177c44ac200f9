"""bakenn_export.py WEIGHTS IMAGES FOLDER: the network of models/mnist as BakeNN compiles it, in a
folder below FOLDER for each choice of kernels. It begins at BakeNN's graph of floats, which is what
its frontend for PyTorch makes of a module, so that PyTorch, of gigabytes, is not needed.

That frontend folds a batch norm into the convolution before it, and refuses ours, which stand
behind a ReLU. So they are moved behind the pooling, which increasing functions commute with, and
folded into the layer that follows."""

import gzip
import json
import struct
import sys
from pathlib import Path

import bakenn
import numpy as np
from bakenn.frontends.torch_export import model as floats
from bakenn.quantization import ptq_graph

CALIBRATION = 1000  # images, as many as the repository's own model was quantised by
NORM_EPSILON = 1e-5


def load_weights(path):
    """The arrays of a safetensors file."""
    data = Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)

    def array(row):
        first, last = row["data_offsets"]
        return np.frombuffer(data[start + first : start + last], np.float32).reshape(row["shape"])

    return {name: array(row) for name, row in header.items()}


def load_images(path, count):
    data = gzip.open(path).read(16 + 784 * count)[16:]
    return np.frombuffer(data, np.uint8).reshape(count, 1, 28, 28).astype(np.float32) / 255


def fold_norm(weights, norm, layer, repeats):
    """Folds a batch norm into the layer that reads it, REPEATS inputs of which are of a channel."""
    parameter = {part: weights[f"{norm}.{part}"].astype(np.float64)
                 for part in ("weight", "bias", "running_mean", "running_var")}
    scale = parameter["weight"] / np.sqrt(parameter["running_var"] + NORM_EPSILON)
    shift = parameter["bias"] - parameter["running_mean"] * scale
    # A falling channel would not commute with the pooling; where there is no variance, all of
    # its values are one, and it does.
    if np.any((scale <= 0) & (parameter["running_var"] > 0)):
        raise SystemExit(f"bakenn_export.py: {norm}: a channel has a weight that is not positive")
    kernel = weights[f"{layer}.weight"].astype(np.float64)
    by_input = (1, -1) + (1,) * (kernel.ndim - 2)
    scale, shift = np.repeat(scale, repeats), np.repeat(shift, repeats)
    bias = (kernel * shift.reshape(by_input)).sum(axis=tuple(range(1, kernel.ndim)))
    weights[f"{layer}.weight"] = (kernel * scale.reshape(by_input)).astype(np.float32)
    weights[f"{layer}.bias"] = (weights[f"{layer}.bias"] + bias).astype(np.float32)


class Graph:
    """Says layers one after another, as BakeNN's graph of floats."""

    def __init__(self, weights, shape):
        self.weights, self.shape = weights, shape
        self.values, self.constants, self.operations = {}, {}, []
        self.last = self.value("input_image", shape, floats.FloatLayout.NCHW, "INPUT")

    def value(self, name, shape, layout, kind="ACTIVATION"):
        self.values[name] = floats.FloatValue(
            name, shape, floats.FloatDType.FLOAT32, layout, floats.FloatValueKind[kind])
        return name

    def parameter(self, name, layout):
        self.constants[name] = self.weights[name]
        return self.value(name, self.weights[name].shape, layout, "PARAMETER")

    def add(self, name, operation, shape, layout, *parameters, **options):
        output = self.value(f"{name}.output", shape, layout)
        self.operations.append(operation(name, self.last, *parameters, output, **options))
        self.last, self.shape = output, shape

    def convolve(self, layer):
        layout = floats.FloatLayout
        kernel = self.parameter(f"{layer}.weight", layout.OIHW)
        bias = self.parameter(f"{layer}.bias", layout.C)
        outputs, _, taps, _ = self.weights[kernel].shape
        extent = self.shape[2] - taps + 1
        self.add(layer, floats.FloatConv2DOp, (1, outputs, extent, extent), layout.NCHW, kernel,
                 bias, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1))
        self.add(f"{layer}.relu", floats.FloatReLUOp, self.shape, layout.NCHW)

    def pool(self, name):
        batch, channels, rows, columns = self.shape
        self.add(name, floats.FloatMaxPool2DOp, (batch, channels, rows // 2, columns // 2),
                 floats.FloatLayout.NCHW, kernel=(2, 2), stride=(2, 2), padding=(0, 0, 0, 0))

    def classify(self, layer):
        layout = floats.FloatLayout
        self.add("flatten", floats.FloatFlattenOp, (1, int(np.prod(self.shape))), layout.NC)
        kernel = self.parameter(f"{layer}.weight", layout.OI)
        bias = self.parameter(f"{layer}.bias", layout.C)
        self.add(layer, floats.FloatLinearOp, (1, self.weights[bias].size), layout.NC, kernel, bias)

    def done(self, name):
        return floats.FloatGraph(name, self.values, self.constants, tuple(self.operations),
                                 ("input_image",), (self.last,))


def mnist(weights):
    fold_norm(weights, "layers.4", "layers.6", 1)
    fold_norm(weights, "layers.10", "layers.13", 9)
    graph = Graph(weights, (1, 1, 28, 28))
    graph.convolve("layers.0")
    graph.convolve("layers.2")
    graph.pool("pool.0")
    graph.convolve("layers.6")
    graph.convolve("layers.8")
    graph.pool("pool.1")
    graph.classify("layers.13")
    return graph.done("mnist")


def convolve_at_once(x, weight, bias, stride, padding, dilation, **options):
    """BakeNN's convolution for calibration adds product by product in Python, a quarter of a minute
    an image; the same as a product of matrices differs in the last bits of ranges."""
    assert stride == dilation == (1, 1) and padding == (0, 0, 0, 0), options
    windows = np.lib.stride_tricks.sliding_window_view(x[0], weight.shape[2:], axis=(1, 2))
    sums = np.tensordot(weight, windows, axes=((1, 2, 3), (0, 3, 4)))
    return (sums + bias.reshape(-1, 1, 1))[np.newaxis].astype(np.float32)


def choices():
    """What BakeNN offers: name | options. It has a profile for Cortex-M4, and none for M55; that it
    is given here by the features that its choice of kernels asks about."""
    m4 = bakenn.CORTEX_M4
    m55 = bakenn.TargetDescriptor(
        "cortex-m55", m4.architecture, "cortex-m55", "aapcs32-hard", m4.toolchain, m4.features,
        arena_alignment=16, constant_alignment=16)
    best = bakenn.KernelPolicy.STATIC_PRIORITY
    options = bakenn.CBackendOptions
    return {
        "portable": options(),
        "m4": options(kernel_policy=best, target=m4),
        "m4-cmsis": options(kernel_policy=best, target=m4, enable_cmsis_nn=True),
        "m55-cmsis": options(kernel_policy=best, target=m55, enable_cmsis_nn=True),
    }


def main():
    weights, images, folder = sys.argv[1:]
    ptq_graph._conv2d = convolve_at_once
    graph = mnist(load_weights(weights))
    quantised = bakenn.quantize_float_graph(graph, load_images(images, CALIBRATION))
    for name, options in choices().items():
        compiled = bakenn.compile(
            quantised, Path(folder) / name, model_name="mnist", backend_options=options)
        print(name, compiled.memory_report.to_text().replace("\n", "\n  "))


main()
