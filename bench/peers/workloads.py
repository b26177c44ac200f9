"""What is measured: each workload once, for all contenders.

The shapes are the published ones; the weights are seeded, but for those of the MNIST network, which
the repository ships."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from vocabulary import Survey


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    define: Callable   # (vocabulary, *inputs): the output
    inputs: dict       # name -> shape, of float32
    shipped: bool = False  # the MNIST network's own weights
    rewrites: tuple = ()   # that make something of it

    def survey(self):
        """(its survey, the output's shape)"""
        survey = Survey()
        return survey, self.define(survey, *self.inputs.values())


# ---- The MNIST network, as TinyGrad's tutorial has it ----

def mnist(v, x):
    x = v.relu(v.convolution(x, "layers.0", 32, 5))
    x = v.relu(v.convolution(x, "layers.2", 32, 5))
    x = v.max_pool(v.batch_norm(x, "layers.4"), 2, 2)
    x = v.relu(v.convolution(x, "layers.6", 64, 3))
    x = v.relu(v.convolution(x, "layers.8", 64, 3))
    x = v.max_pool(v.batch_norm(x, "layers.10"), 2, 2)
    return v.linear(v.flatten(x), "layers.13", 10)


# ---- Networks for images ----

def normalised(v, x, name, outputs, size, stride=1, groups=1):
    """A convolution without bias, and its batch normalisation."""
    x = v.convolution(x, f"{name}.conv", outputs, size, stride, size // 2, groups, bias=False)
    return v.batch_norm(x, f"{name}.bn")


def basic_block(v, x, name, outputs, stride):
    y = v.relu(normalised(v, x, f"{name}.1", outputs, 3, stride))
    y = normalised(v, y, f"{name}.2", outputs, 3)
    if stride != 1:
        x = normalised(v, x, f"{name}.downsample", outputs, 1, stride)
    return v.relu(v.add(y, x))


def resnet18(v, x):
    x = v.max_pool(v.relu(normalised(v, x, "stem", 64, 7, 2)), 3, 2, 1)
    for stage, outputs in enumerate((64, 128, 256, 512)):
        x = basic_block(v, x, f"stage{stage}.0", outputs, 1 if stage == 0 else 2)
        x = basic_block(v, x, f"stage{stage}.1", outputs, 1)
    return v.linear(v.mean_pixels(x), "fc", 1000)


def inverted_residual(v, x, name, outputs, stride, expansion):
    inputs, y = v.shape(x)[1], x
    hidden = inputs * expansion
    if expansion != 1:
        y = v.relu6(normalised(v, y, f"{name}.expand", hidden, 1))
    y = v.relu6(normalised(v, y, f"{name}.depthwise", hidden, 3, stride, groups=hidden))
    y = normalised(v, y, f"{name}.project", outputs, 1)
    return v.add(x, y) if stride == 1 and inputs == outputs else y


def mobilenet_v2(v, x):
    x = v.relu6(normalised(v, x, "stem", 32, 3, 2))
    number = 0
    for expansion, outputs, count, stride in (
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            x = inverted_residual(v, x, f"block{number}", outputs, stride if i == 0 else 1,
                                  expansion)
            number += 1
    x = v.relu6(normalised(v, x, "head", 1280, 1))
    return v.linear(v.mean_pixels(x), "classifier", 1000)


def vgg_stack(v, x):
    """The convolutions of VGG-11."""
    for i, (outputs, pooled) in enumerate(((64, True), (128, True), (256, False), (256, True),
                                           (512, False), (512, True), (512, False), (512, True))):
        x = v.relu(v.convolution(x, f"conv{i}", outputs, 3, padding=1))
        if pooled:
            x = v.max_pool(x, 2, 2)
    return x


# ---- Matrices and rows ----

def perceptron(v, x):
    x = v.relu(v.linear(x, "l1", 4096))
    x = v.relu(v.linear(x, "l2", 4096))
    return v.linear(x, "l3", 10)


def transformer_block(v, x):
    x = v.add(x, v.attention(v.layer_norm(x, "ln_1"), "attn", 8))
    y = v.gelu(v.linear(v.layer_norm(x, "ln_2"), "c_fc", 4 * v.shape(x)[-1]))
    return v.add(x, v.linear(y, "c_proj", v.shape(x)[-1]))


def norm_gelu(v, x):
    return v.gelu(v.layer_norm(x, "norm"))


def softmax(v, x):
    return v.softmax(x)


def matmul(v, a, b):
    return v.matmul(a, b)


def one_call(v, x):
    """So little that what is measured is the call."""
    return v.relu(x)


def square(n):
    return Workload(f"matmul-{n}", f"Matrix product {n}", matmul, {"a": (n, n), "b": (n, n)})


WINOGRAD = ("winograd",)
WORKLOADS = [
    Workload("call", "An empty call: ReLU of 16 elements", one_call, {"x": (1, 16)}),
    Workload("mnist", "MNIST CNN", mnist, {"input_image": (1, 1, 28, 28)}, True, WINOGRAD),
    Workload("mnist-32", "MNIST CNN, batch 32", mnist, {"input_image": (32, 1, 28, 28)},
             True, WINOGRAD),
    Workload("resnet18", "ResNet-18, 224x224", resnet18, {"image": (1, 3, 224, 224)},
             rewrites=WINOGRAD),
    Workload("mobilenet-v2", "MobileNetV2, 224x224", mobilenet_v2, {"image": (1, 3, 224, 224)}),
    Workload("vgg", "VGG-11 convolutions, 128x128", vgg_stack, {"image": (1, 3, 128, 128)},
             rewrites=WINOGRAD),
    Workload("mlp", "MLP 784-4096-4096-10", perceptron, {"x": (1, 784)}),
    Workload("mlp-64", "MLP 784-4096-4096-10, batch 64", perceptron, {"x": (64, 784)}),
    Workload("transformer", "Transformer block, 128x512, 8 heads", transformer_block,
             {"x": (1, 128, 512)}),
    Workload("norm-gelu", "Layer norm and GELU, 4096x1024", norm_gelu, {"x": (4096, 1024)}),
    Workload("softmax", "Softmax, 1024x1024", softmax, {"x": (1024, 1024)}),
    *map(square, (64, 128, 256, 512, 1024, 2048)),
]
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def facts(workload):
    """What bounds a run: arithmetic, and the bytes that must be read and written at least once."""
    survey, output = workload.survey()
    read = [*workload.inputs.values(), *(shape for shape, _ in survey.declared.values())]
    return {"name": workload.name, "title": workload.title,
            "inputs": {name: list(shape) for name, shape in workload.inputs.items()},
            "output": list(output), "flops": 2 * survey.multiply_adds,
            "bytes_read": 4 * sum(map(math.prod, read)), "bytes_written": 4 * math.prod(output)}
