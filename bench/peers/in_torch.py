"""The vocabulary in PyTorch."""

import warnings

import torch
from torch.nn import functional

from vocabulary import EPSILON, Vocabulary


class InTorch(Vocabulary):
    def shape(self, x):
        return tuple(map(int, x.shape))

    def convolve(self, x, weight, bias, stride, padding, groups):
        return functional.conv2d(x, weight, bias, stride, padding, groups=groups)

    def affine(self, x, weight, bias):
        return functional.linear(x, weight, bias)

    def normalise_channels(self, x, weight, bias, mean, variance):
        return functional.batch_norm(x, mean, variance, weight, bias, eps=EPSILON)

    def normalise_rows(self, x, weight, bias):
        return functional.layer_norm(x, weight.shape, weight, bias, EPSILON)

    def attend(self, q, k, v):
        if hasattr(functional, "scaled_dot_product_attention"):  # since 2.0
            return functional.scaled_dot_product_attention(q, k, v)
        return super().attend(q, k, v)

    def matmul(self, a, b):
        return a @ b

    def softmax(self, x):
        return functional.softmax(x, -1)

    def relu(self, x):
        return functional.relu(x)

    def relu6(self, x):
        return functional.relu6(x)

    def gelu(self, x):
        return functional.gelu(x, approximate="tanh")

    def max_pool(self, x, size, stride, padding=0):
        return functional.max_pool2d(x, size, stride, padding)

    def mean_pixels(self, x):
        return x.mean((2, 3))

    def add(self, a, b):
        return a + b

    def scale(self, x, number):
        return x * number

    def split(self, x, count):
        return x.chunk(count, dim=-1)

    def reshape(self, x, shape):
        return x.reshape(shape)

    def permute(self, x, axes):
        return x.permute(axes)


class Model(torch.nn.Module):
    """A workload as a module, whose weights are its buffers."""

    def __init__(self, workload, arrays):
        super().__init__()
        self.workload, self.names = workload, {}
        for name, array in arrays.items():
            self.names[name] = name.replace(".", "__")  # no dots in names of attributes
            self.register_buffer(self.names[name], torch.from_numpy(array.copy()))

    def forward(self, *inputs):
        weights = {name: getattr(self, own) for name, own in self.names.items()}
        return self.workload.define(InTorch(weights), *inputs)


def save(workload, arrays, path):
    """A TorchScript file, as one would deploy it."""
    inputs = tuple(torch.randn(shape) for shape in workload.inputs.values())
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # shapes are constant
    with torch.no_grad():
        torch.jit.trace(Model(workload, arrays).eval(), inputs).save(str(path))
