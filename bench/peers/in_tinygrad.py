"""The vocabulary in TinyGrad. What is captured for Eigentensor is this, too."""

from tinygrad import Tensor

from vocabulary import EPSILON, Vocabulary


class InTinygrad(Vocabulary):
    def shape(self, x):
        return x.shape

    def convolve(self, x, weight, bias, stride, padding, groups):
        return x.conv2d(weight, bias, groups=groups, stride=stride, padding=padding)

    def affine(self, x, weight, bias):
        return x.linear(weight.transpose(), bias)

    def normalise_channels(self, x, weight, bias, mean, variance):
        return x.batchnorm(weight, bias, mean, (variance + EPSILON).rsqrt())

    def normalise_rows(self, x, weight, bias):
        return x.layernorm(eps=EPSILON) * weight + bias

    def attend(self, q, k, v):
        return q.scaled_dot_product_attention(k, v)

    def matmul(self, a, b):
        return a @ b

    def softmax(self, x):
        return x.softmax()

    def relu(self, x):
        return x.relu()

    def relu6(self, x):
        return x.relu6()

    def gelu(self, x):
        return x.gelu()

    def max_pool(self, x, size, stride, padding=0):
        return x.max_pool2d((size, size), stride, padding=padding)

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


def tensors(arrays):
    """Weights, name -> NumPy array, as TinyGrad has them."""
    made = {name: Tensor(array) for name, array in arrays.items()}
    Tensor.realize(*made.values()) if made else None
    return made
