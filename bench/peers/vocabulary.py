"""The layers that workloads are written in, and what is true of them whoever computes them.

A workload is a function of a vocabulary and its inputs. `Vocabulary` below says what there is;
`in_tinygrad.py`, `in_onnx.py` and `in_torch.py` are the same words for those; `Survey` computes
nothing, but says which weights there are, how much arithmetic it is, and of which shape."""

import math

EPSILON = 1e-5  # of both normalisations


class Vocabulary:
    """Images are (batch, channels, height, width), volumes have a depth before the height, rows are
    (batch, ..., width). `name` is the layer's, in the state dict."""

    def __init__(self, weights):
        self.weights = weights  # name -> a tensor of the vocabulary's own kind

    # What only Survey overrides: a weight that is there already.
    def weight(self, name, shape, kind):
        return self.weights[name]

    def convolution(self, x, name, outputs, size, stride=1, padding=0, groups=1, bias=True):
        """Of images, or of volumes."""
        inputs, pixels = self.shape(x)[1] // groups, (size,) * (len(self.shape(x)) - 2)
        weight = self.weight(f"{name}.weight", (outputs, inputs, *pixels), "matrix")
        offset = self.weight(f"{name}.bias", (outputs,), "offset") if bias else None
        return self.convolve(x, weight, offset, stride, padding, groups)

    def transposed_convolution(self, x, name, outputs, size):
        """Every pixel becomes a square of `size`."""
        weight = self.weight(f"{name}.weight", (self.shape(x)[1], outputs, size, size),
                             "transposed")
        return self.convolve_transposed(x, weight, self.weight(f"{name}.bias", (outputs,),
                                                               "offset"), size)

    def linear(self, x, name, outputs, kind="matrix"):
        weight = self.weight(f"{name}.weight", (outputs, self.shape(x)[-1]), kind)
        return self.affine(x, weight, self.weight(f"{name}.bias", (outputs,), "offset"))

    def embedding(self, ids, name, rows, width):
        return self.rows_of(ids, self.weight(f"{name}.weight", (rows, width), "table"))

    def lstm(self, x, name, width):
        """All outputs of one layer, from states of zeros; x is (length, batch, inputs). PyTorch's
        weights, whose gates are in the order input, forget, cell, output."""
        shapes = {"weight_ih_l0": (4 * width, self.shape(x)[-1]),
                  "weight_hh_l0": (4 * width, width),
                  "bias_ih_l0": (4 * width,), "bias_hh_l0": (4 * width,)}
        return self.recur(x, *(self.weight(f"{name}.{key}", shape,
                                           "matrix" if len(shape) == 2 else "offset")
                               for key, shape in shapes.items()))

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

    def attention(self, x, name, heads, causal=False):
        """Self-attention of (batch, length, width); if causal, to what came before only."""
        batch, length, width = self.shape(x)
        q, k, v = (self.heads_of(part, heads) for part in
                   self.split(self.linear(x, f"{name}.c_attn", 3 * width), 3))
        mask = self.weight("causal_mask", (length, length), "mask") if causal else None
        return self.linear(self.merge_heads(self.attend(q, k, v, mask)), f"{name}.c_proj", width)

    def heads_of(self, x, heads):
        """(batch, length, width) -> (batch, heads, length, width / heads)"""
        batch, length, width = self.shape(x)
        return self.permute(self.reshape(x, (batch, length, heads, width // heads)), (0, 2, 1, 3))

    def merge_heads(self, x):
        batch, heads, length, width = self.shape(x)
        return self.reshape(self.permute(x, (0, 2, 1, 3)), (batch, length, heads * width))

    def attend(self, q, k, v, mask=None):
        """softmax(q k' / sqrt(width) + mask) v, where a library has no word for it."""
        scores = self.scale(self.matmul(q, self.permute(k, (0, 1, 3, 2))),
                            self.shape(q)[-1] ** -0.5)
        return self.matmul(self.softmax(self.add(scores, mask) if mask is not None else scores), v)

    def swish(self, x):
        return self.multiply(x, self.sigmoid(x))

    def flatten(self, x):
        shape = self.shape(x)
        return self.reshape(x, (shape[0], math.prod(shape[1:])))

    # What each has its own way of saying.
    def _missing(self, *arguments):
        raise NotImplementedError("a layer of it is not in the vocabulary here")

    shape = _missing               # (x): a tuple
    convolve = _missing            # (x, weight, bias or None, stride, padding, groups)
    convolve_transposed = _missing  # (x, weight, bias, size): the stride is the size
    affine = _missing              # (x, weight, bias or None): x times weight transposed, plus bias
    rows_of = _missing             # (ids, table)
    recur = _missing               # (x, weights of inputs and states, biases of both): an LSTM
    normalise_channels = _missing  # (x, weight, bias, mean, variance)
    normalise_rows = _missing      # (x, weight, bias): over the last axis
    matmul = _missing              # (a, b): of the last two axes
    softmax = _missing             # (x): over the last axis
    relu = _missing                # (x)
    relu6 = _missing               # (x): between 0 and 6
    sigmoid = _missing             # (x)
    gelu = _missing                # (x): by the approximation with tanh
    gelu_erf = _missing            # (x): as it is defined
    max_pool = _missing            # (x, size, stride, padding)
    mean_pixels = _missing         # (x): (batch, channels)
    mean_rows = _missing           # (x): over the last axis but one
    add = _missing                 # (a, b): b may lack axes at the front
    multiply = _missing            # (a, b)
    gate_channels = _missing       # (x, gate): each image's channel times its element of the gate
    scale = _missing               # (x, number)
    concat = _missing              # (parts, axis)
    first_row = _missing           # (x): (batch, width) of (batch, length, width)
    last_row = _missing            # (x)
    split = _missing               # (x, count): equal parts of the last axis
    reshape = _missing             # (x, shape)
    permute = _missing             # (x, axes)


def pixels_after(extent, size, stride, padding):
    return (extent + 2 * padding - size) // stride + 1


def taps(extent, size, stride, padding):
    """How many products a convolution along one axis takes, none of them with padding."""
    return sum(min(first + size, extent) - max(first, 0)
               for first in range(-padding, extent + padding - size + 1, stride))


ELEMENT_BYTES = {"half": 2}  # of kinds of weights that are not float32


class Survey(Vocabulary):
    """A tensor is its shape. Afterwards `declared` has the weights, name -> (shape, kind),
    `multiply_adds` what the convolutions and products of matrices come to without products with
    padding, and `weight_bytes` of the weights those that must be read."""

    def __init__(self):
        super().__init__({})
        self.declared, self.multiply_adds = {}, 0
        self.whole, self.picked = set(), {}  # read from end to end; name -> bytes of the rows taken

    def weight(self, name, shape, kind):
        self.declared[name] = tuple(shape), kind
        if kind != "table":
            self.whole.add(name)
        return tuple(shape)

    def weight_bytes(self):
        """Of tables that are only looked up in, the rows that are taken."""
        declared = (self.declared[name] for name in self.whole)
        return sum(self.picked[name] for name in self.picked.keys() - self.whole) + sum(
            math.prod(shape) * ELEMENT_BYTES.get(kind, 4) for shape, kind in declared)

    def shape(self, x):
        return x

    def convolve(self, x, weight, bias, stride, padding, groups):
        size, pixels = weight[2], x[2:]
        self.multiply_adds += x[0] * weight[0] * weight[1] * math.prod(
            taps(extent, size, stride, padding) for extent in pixels)
        return (x[0], weight[0], *(pixels_after(extent, size, stride, padding)
                                   for extent in pixels))

    def convolve_transposed(self, x, weight, bias, size):
        self.multiply_adds += math.prod(x) * math.prod(weight[1:])
        return (x[0], weight[1], *(size * extent for extent in x[2:]))

    def affine(self, x, weight, bias):
        return self.matmul(x, weight[::-1])

    def embedding(self, ids, name, rows, width):
        self.picked[name] = 4 * math.prod(ids) * width  # all of them different
        return super().embedding(ids, name, rows, width)

    def rows_of(self, ids, table):
        return (*ids, table[1])

    def recur(self, x, of_inputs, of_states, *biases):
        length, batch, inputs = x
        width = of_states[1]
        self.multiply_adds += length * batch * 4 * width * inputs  # and, from states of zeros:
        self.multiply_adds += (length - 1) * batch * 4 * width * width
        return length, batch, width

    def matmul(self, a, b):
        shape = (*a[:-1], b[-1])
        self.multiply_adds += math.prod(shape) * a[-1]
        return shape

    def max_pool(self, x, size, stride, padding=0):
        return (*x[:2], *(pixels_after(extent, size, stride, padding) for extent in x[2:]))

    def mean_pixels(self, x):
        return x[:2]

    def mean_rows(self, x):
        return (*x[:-2], x[-1])

    def concat(self, parts, axis):
        first = list(parts[0])
        first[axis] = sum(part[axis] for part in parts)
        return tuple(first)

    def first_row(self, x):
        return x[0], x[2]

    last_row = first_row

    def split(self, x, count):
        return [(*x[:-1], x[-1] // count)] * count

    def reshape(self, x, shape):
        return tuple(shape)

    def permute(self, x, axes):
        return tuple(x[axis] for axis in axes)

    def _same(self, x, *arguments):
        return x

    normalise_channels = normalise_rows = softmax = relu = relu6 = sigmoid = gelu = _same
    gelu_erf = add = multiply = gate_channels = scale = _same
