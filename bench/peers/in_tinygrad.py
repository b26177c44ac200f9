"""The vocabulary in TinyGrad. What is captured for Eigentensor is this, too."""

from tinygrad import Tensor

from vocabulary import EPSILON, Vocabulary


class InTinygrad(Vocabulary):
    def shape(self, x):
        return x.shape

    def convolve(self, x, weight, bias, stride, padding, groups):
        return x.conv2d(weight, bias, groups=groups, stride=stride, padding=padding)

    def convolve_transposed(self, x, weight, bias, size):
        return x.conv_transpose2d(weight, bias, stride=size)

    def rows_of(self, ids, table):
        return table[ids]

    def affine(self, x, weight, bias):
        return x.linear(weight.cast(x.dtype).transpose(),
                        bias if bias is None else bias.cast(x.dtype))

    def normalise_channels(self, x, weight, bias, mean, variance):
        return x.batchnorm(weight, bias, mean, (variance + EPSILON).rsqrt())

    def normalise_rows(self, x, weight, bias):
        return x.layernorm(eps=EPSILON) * weight + bias

    def attend(self, q, k, v, mask=None):
        return q.scaled_dot_product_attention(k, v, mask)

    def matmul(self, a, b):
        return a @ b

    def softmax(self, x):
        return x.softmax()

    def relu(self, x):
        return x.relu()

    def relu6(self, x):
        return x.relu6()

    def sigmoid(self, x):
        return x.sigmoid()

    def gelu(self, x):
        return x.gelu()

    def gelu_erf(self, x):
        return x * ((x * 0.5 ** 0.5).erf() + 1) * 0.5

    def max_pool(self, x, size, stride, padding=0):
        return x.max_pool2d((size,) * (len(x.shape) - 2), stride, padding=padding)

    def mean_pixels(self, x):
        return x.mean((2, 3))

    def mean_rows(self, x):
        return x.mean(-2)

    def multiply(self, a, b):
        return a * b

    def gate_channels(self, x, gate):
        return x * gate.reshape(*gate.shape, 1, 1)

    def concat(self, parts, axis):
        return parts[0].cat(*parts[1:], dim=axis)

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


def tensors(arrays):
    """Weights, name -> NumPy array, as TinyGrad has them."""
    made = {name: Tensor(array) for name, array in arrays.items()}
    Tensor.realize(*made.values()) if made else None
    return made
