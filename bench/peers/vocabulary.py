"""The layers that workloads are written in, and what is true of them whoever computes them.

A workload is a function of a vocabulary and its inputs. `Vocabulary` below says what there is;
`in_tinygrad.py`, `in_onnx.py` and `in_torch.py` are the same words for those; `Survey` computes
nothing, but says which weights there are, how much arithmetic it is, and of which shape."""

import math

EPSILON = 1e-5  # of both normalisations


class Vocabulary:
    """Images are (batch, channels, height, width). `name` is the layer's, in the state dict."""

    def __init__(self, weights):
        self.weights = weights  # name -> a tensor of the vocabulary's own kind

    # What only Survey overrides: a weight that is there already.
    def weight(self, name, shape, kind):
        return self.weights[name]

    def convolution(self, x, name, outputs, size, stride=1, padding=0, groups=1, bias=True):
        inputs = self.shape(x)[1] // groups
        weight = self.weight(f"{name}.weight", (outputs, inputs, size, size), "matrix")
        offset = self.weight(f"{name}.bias", (outputs,), "offset") if bias else None
        return self.convolve(x, weight, offset, stride, padding, groups)

    def linear(self, x, name, outputs):
        weight = self.weight(f"{name}.weight", (outputs, self.shape(x)[-1]), "matrix")
        return self.affine(x, weight, self.weight(f"{name}.bias", (outputs,), "offset"))

    def batch_norm(self, x, name):
        channels = self.shape(x)[1],
        kinds = {"weight": "factor", "bias": "offset", "running_mean": "offset",
                 "running_var": "variance"}
        return self.normalise_channels(x, *(self.weight(f"{name}.{key}", channels, kind)
                                            for key, kind in kinds.items()))

    def layer_norm(self, x, name):
        width = self.shape(x)[-1],
        return self.normalise_rows(x, self.weight(f"{name}.weight", width, "factor"),
                                   self.weight(f"{name}.bias", width, "offset"))

    def attention(self, x, name, heads):
        """Self-attention of (batch, length, width), every position seeing every other."""
        batch, length, width = self.shape(x)
        parts = self.split(self.linear(x, f"{name}.c_attn", 3 * width), 3)
        q, k, v = (self.permute(self.reshape(part, (batch, length, heads, width // heads)),
                                (0, 2, 1, 3)) for part in parts)
        y = self.permute(self.attend(q, k, v), (0, 2, 1, 3))
        return self.linear(self.reshape(y, (batch, length, width)), f"{name}.c_proj", width)

    def attend(self, q, k, v):
        """softmax(q k' / sqrt(width)) v, where a library has no word for it."""
        scores = self.matmul(q, self.permute(k, (0, 1, 3, 2)))
        return self.matmul(self.softmax(self.scale(scores, self.shape(q)[-1] ** -0.5)), v)

    def flatten(self, x):
        shape = self.shape(x)
        return self.reshape(x, (shape[0], math.prod(shape[1:])))

    # What each has its own way of saying.
    def _missing(self, *arguments):
        raise NotImplementedError

    shape = _missing               # (x): a tuple
    convolve = _missing            # (x, weight, bias or None, stride, padding, groups)
    affine = _missing              # (x, weight, bias): x times weight transposed, plus bias
    normalise_channels = _missing  # (x, weight, bias, mean, variance)
    normalise_rows = _missing      # (x, weight, bias): over the last axis
    matmul = _missing              # (a, b): of the last two axes
    softmax = _missing             # (x): over the last axis
    relu = _missing                # (x)
    relu6 = _missing               # (x): between 0 and 6
    gelu = _missing                # (x): by the approximation with tanh
    max_pool = _missing            # (x, size, stride, padding)
    mean_pixels = _missing         # (x): (batch, channels)
    add = _missing                 # (a, b)
    scale = _missing               # (x, number)
    split = _missing               # (x, count): equal parts of the last axis
    reshape = _missing             # (x, shape)
    permute = _missing             # (x, axes)


def pixels_after(extent, size, stride, padding):
    return (extent + 2 * padding - size) // stride + 1


class Survey(Vocabulary):
    """A tensor is its shape. Afterwards `declared` has the weights, name -> (shape, kind), and
    `multiply_adds` what the convolutions and products of matrices come to."""

    def __init__(self):
        super().__init__({})
        self.declared, self.multiply_adds = {}, 0

    def weight(self, name, shape, kind):
        self.declared[name] = tuple(shape), kind
        return tuple(shape)

    def shape(self, x):
        return x

    def convolve(self, x, weight, bias, stride, padding, groups):
        size = weight[2]
        shape = (x[0], weight[0], *(pixels_after(extent, size, stride, padding)
                                    for extent in x[2:]))
        self.multiply_adds += math.prod(shape) * math.prod(weight[1:])
        return shape

    def affine(self, x, weight, bias):
        return self.matmul(x, weight[::-1])

    def matmul(self, a, b):
        shape = (*a[:-1], b[-1])
        self.multiply_adds += math.prod(shape) * a[-1]
        return shape

    def max_pool(self, x, size, stride, padding=0):
        return (*x[:2], *(pixels_after(extent, size, stride, padding) for extent in x[2:]))

    def mean_pixels(self, x):
        return x[:2]

    def split(self, x, count):
        return [(*x[:-1], x[-1] // count)] * count

    def reshape(self, x, shape):
        return tuple(shape)

    def permute(self, x, axes):
        return tuple(x[axis] for axis in axes)

    def _same(self, x, *arguments):
        return x

    normalise_channels = normalise_rows = softmax = relu = relu6 = gelu = add = scale = _same
