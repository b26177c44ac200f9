"""The vocabulary in PyTorch."""

import warnings

import torch
from torch.nn import functional

from vocabulary import EPSILON, Vocabulary


class InTorch(Vocabulary):
    def shape(self, x):
        return tuple(map(int, x.shape))

    def convolve(self, x, weight, bias, stride, padding, groups):
        convolve = functional.conv3d if x.dim() == 5 else functional.conv2d
        return convolve(x, weight, bias, stride, padding, groups=groups)

    def convolve_transposed(self, x, weight, bias, size):
        return functional.conv_transpose2d(x, weight, bias, size)

    def rows_of(self, ids, table):
        return functional.embedding(ids, table)

    def recur(self, x, *weights):
        zeros = x.new_zeros((1, x.shape[1], weights[1].shape[1]))
        return torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, False, False, False)[0]

    def affine(self, x, weight, bias):
        return functional.linear(x, weight.to(x.dtype), bias if bias is None else bias.to(x.dtype))

    def normalise_channels(self, x, weight, bias, mean, variance):
        return functional.batch_norm(x, mean, variance, weight, bias, eps=EPSILON)

    def normalise_rows(self, x, weight, bias):
        return functional.layer_norm(x, weight.shape, weight, bias, EPSILON)

    def attend(self, q, k, v, mask=None):
        if hasattr(functional, "scaled_dot_product_attention"):  # since 2.0
            return functional.scaled_dot_product_attention(q, k, v, mask)
        return super().attend(q, k, v, mask)

    def matmul(self, a, b):
        return a @ b

    def softmax(self, x):
        return functional.softmax(x, -1)

    def relu(self, x):
        return functional.relu(x)

    def relu6(self, x):
        return functional.relu6(x)

    def sigmoid(self, x):
        return torch.sigmoid(x)

    def swish(self, x):
        return functional.silu(x)

    def gelu(self, x):
        return functional.gelu(x, approximate="tanh")

    def gelu_erf(self, x):
        return functional.gelu(x)

    def max_pool(self, x, size, stride, padding=0):
        pool = functional.max_pool3d if x.dim() == 5 else functional.max_pool2d
        return pool(x, size, stride, padding)

    def mean_pixels(self, x):
        return x.mean((2, 3))

    def mean_rows(self, x):
        return x.mean(-2)

    def multiply(self, a, b):
        return a * b

    def gate_channels(self, x, gate):
        return x * gate[:, :, None, None]

    def concat(self, parts, axis):
        return torch.cat(list(parts), axis)

    def first_row(self, x):
        return x[:, 0]

    def last_row(self, x):
        return x[:, -1]

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
    inputs = tuple(torch.zeros(shape, dtype=getattr(torch, workload.dtype(name)))
                   for name, shape in workload.inputs.items())
    for category in (torch.jit.TracerWarning, FutureWarning):  # shapes are constant
        warnings.filterwarnings("ignore", category=category)
    with torch.no_grad():
        torch.jit.trace(Model(workload, arrays).eval(), inputs).save(str(path))
