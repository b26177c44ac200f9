"""What is measured: each workload once, for all contenders.

The shapes are the published ones; the weights are seeded, but for those of the MNIST network, which
the repository ships, and of the files that packages bring."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from vocabulary import Survey


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    define: Callable   # (vocabulary, *inputs): the output; None: it is a file
    inputs: dict       # name -> shape, of float32
    shipped: bool = False    # the MNIST network's own weights
    fast: str = ""           # what `--fast` makes of it: "folded" or "winograd"
    ids: tuple = ()          # inputs of int64: different rows of tables of
    rows: int = 0            # so many
    imported: bool = False   # what we run comes from ONNX, not from TinyGrad
    source: tuple = ()       # (package, the file in it)

    def dtype(self, name):
        return "int64" if name in self.ids else "float32"

    def input_bytes(self):
        return sum((8 if name in self.ids else 4) * math.prod(shape)
                   for name, shape in self.inputs.items())

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


def convolutions3d(v, x):
    """As networks for short videos begin."""
    x = v.relu(v.convolution(x, "conv0", 32, 3, padding=1))
    x = v.max_pool(v.relu(v.convolution(x, "conv1", 32, 3, padding=1)), 2, 2)
    x = v.relu(v.convolution(x, "conv2", 64, 3, padding=1))
    return v.relu(v.convolution(x, "conv3", 64, 3, padding=1))


def squeezed(v, x, name, hidden):
    """The channels of an image, each times a factor that depends on the means of all."""
    gate = v.swish(v.linear(v.mean_pixels(x), f"{name}.reduce", hidden))
    return v.gate_channels(x, v.sigmoid(v.linear(gate, f"{name}.expand", v.shape(x)[1])))


def mobile_block(v, x, name, outputs, size, stride, expansion):
    inputs, y = v.shape(x)[1], x
    hidden = inputs * expansion
    if expansion != 1:
        y = v.swish(normalised(v, y, f"{name}.expand", hidden, 1))
    y = v.swish(normalised(v, y, f"{name}.depthwise", hidden, size, stride, groups=hidden))
    y = normalised(v, squeezed(v, y, f"{name}.squeeze", inputs // 4), f"{name}.project", outputs, 1)
    return v.add(x, y) if stride == 1 and inputs == outputs else y


def efficientnet_b0(v, x):
    x = v.swish(normalised(v, x, "stem", 32, 3, 2))
    number = 0
    for expansion, outputs, count, stride, size in (
            (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
            (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)):
        for i in range(count):
            x = mobile_block(v, x, f"block{number}", outputs, size, stride if i == 0 else 1,
                             expansion)
            number += 1
    x = v.swish(normalised(v, x, "head", 1280, 1))
    return v.linear(v.mean_pixels(x), "classifier", 1000)


def two_convolutions(v, x, name, outputs):
    x = v.relu(v.convolution(x, f"{name}.0", outputs, 3, padding=1))
    return v.relu(v.convolution(x, f"{name}.1", outputs, 3, padding=1))


def unet(v, x):
    skipped, widths = [], (16, 32, 64)
    for i, outputs in enumerate(widths):
        skipped.append(two_convolutions(v, x, f"down{i}", outputs))
        x = v.max_pool(skipped[-1], 2, 2)
    x = two_convolutions(v, x, "bottom", 128)
    for i, outputs in reversed(list(enumerate(widths))):
        x = v.transposed_convolution(x, f"grow{i}", outputs, 2)
        x = two_convolutions(v, v.concat([skipped[i], x], 1), f"up{i}", outputs)
    return v.convolution(x, "masks", 4, 1)


# ---- Transformers ----

def block(v, x, name, heads, gelu, causal=False):
    """With the norms before what they are for. `name` begins those of its layers."""
    x = v.add(x, v.attention(v.layer_norm(x, f"{name}ln_1"), f"{name}attn", heads, causal))
    y = gelu(v.linear(v.layer_norm(x, f"{name}ln_2"), f"{name}c_fc", 4 * v.shape(x)[-1]))
    return v.add(x, v.linear(y, f"{name}c_proj", v.shape(x)[-1]))


def vit_tiny(v, x):
    x = v.convolution(x, "patches", 192, 16, 16)
    x = v.permute(v.reshape(x, (1, 192, 196)), (0, 2, 1))
    x = v.concat([v.weight("class_token", (1, 1, 192), "offset"), x], 1)
    x = v.add(x, v.weight("positions", (1, 197, 192), "offset"))
    for i in range(12):
        x = block(v, x, f"block{i}.", 3, v.gelu_erf)
    return v.linear(v.layer_norm(v.first_row(x), "norm"), "head", 1000)


def minilm(v, ids):
    """A sentence's tokens to the mean of what became of them."""
    x = v.embedding(ids, "words", 30522, 384)
    x = v.layer_norm(v.add(x, v.weight("positions", (1, 128, 384), "offset")), "norm")
    for i in range(6):
        x = v.layer_norm(v.add(x, v.attention(x, f"layer{i}.attn", 12)), f"layer{i}.norm_1")
        y = v.linear(v.gelu_erf(v.linear(x, f"layer{i}.up", 1536)), f"layer{i}.down", 384)
        x = v.layer_norm(v.add(x, y), f"layer{i}.norm_2")
    return v.mean_rows(x)


def gpt2_logits(v, x):
    """Of the token that comes after the last; the words' weights once more."""
    x = v.last_row(v.layer_norm(x, "ln_f"))
    return v.affine(x, v.weight("wte.weight", (50257, 768), "tied"), None)


def gpt2_prefill(v, ids):
    x = v.embedding(ids, "wte", 50257, 768)
    x = v.add(x, v.weight("wpe", (1, 128, 768), "offset"))
    for i in range(12):
        x = block(v, x, f"h{i}.", 12, v.gelu, causal=True)
    return gpt2_logits(v, x)


def gpt2_decode(v, ids, *past):
    """One more token behind 256, of which keys and values are given, two of each layer."""
    x = v.embedding(ids, "wte", 50257, 768)
    x = v.add(x, v.weight("wpe", (1, 1, 768), "offset"))
    for i, (keys, values) in enumerate(zip(past[::2], past[1::2])):
        y = v.linear(v.layer_norm(x, f"h{i}.ln_1"), f"h{i}.attn.c_attn", 3 * 768)
        q, k, value = (v.heads_of(part, 12) for part in v.split(y, 3))
        y = v.attend(q, v.concat([keys, k], 2), v.concat([values, value], 2))
        x = v.add(x, v.linear(v.merge_heads(y), f"h{i}.attn.c_proj", 768))
        y = v.gelu(v.linear(v.layer_norm(x, f"h{i}.ln_2"), f"h{i}.c_fc", 4 * 768))
        x = v.add(x, v.linear(y, f"h{i}.c_proj", 768))
    return gpt2_logits(v, x)


# ---- Matrices and rows ----

def perceptron(v, x):
    x = v.relu(v.linear(x, "l1", 4096))
    x = v.relu(v.linear(x, "l2", 4096))
    return v.linear(x, "l3", 10)


def half_perceptron(v, x):
    """Weights of float16, arithmetic of float32."""
    x = v.relu(v.linear(x, "l1", 4096, "half"))
    x = v.relu(v.linear(x, "l2", 4096, "half"))
    return v.linear(x, "l3", 10, "half")


def tabular(v, x):
    x = v.relu(v.linear(x, "l1", 64))
    x = v.relu(v.linear(x, "l2", 32))
    return v.linear(x, "l3", 1)


def lstm(v, x):
    return v.lstm(x, "lstm", 256)


def embedding_mean(v, ids):
    return v.mean_rows(v.embedding(ids, "words", 50000, 128))


def transformer_block(v, x):
    return block(v, x, "", 8, v.gelu)


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


def past(layers):
    """Keys and values of 256 tokens."""
    return {f"{kind}{i}": (1, 12, 256, 64) for i in range(layers) for kind in ("keys", "values")}


IMAGE = {"image": (1, 3, 224, 224)}
WORKLOADS = [
    Workload("call", "An empty call: ReLU of 16 elements", one_call, {"x": (1, 16)}),
    Workload("mnist", "MNIST CNN", mnist, {"input_image": (1, 1, 28, 28)}, True, "winograd"),
    Workload("mnist-32", "MNIST CNN, batch 32", mnist, {"input_image": (32, 1, 28, 28)}, True,
             "winograd"),
    Workload("resnet18", "ResNet-18, 224x224", resnet18, IMAGE, fast="winograd"),
    Workload("mobilenet-v2", "MobileNetV2, 224x224", mobilenet_v2, IMAGE, fast="folded"),
    Workload("efficientnet-b0", "EfficientNet-B0, 224x224", efficientnet_b0, IMAGE, fast="folded",
             imported=True),
    Workload("vgg", "VGG-11 convolutions, 128x128", vgg_stack, {"image": (1, 3, 128, 128)},
             fast="winograd"),
    Workload("unet", "U-Net, 128x128", unet, {"image": (1, 3, 128, 128)}, fast="winograd",
             imported=True),
    Workload("conv3d", "3-D convolutions, 16x56x56", convolutions3d,
             {"video": (1, 3, 16, 56, 56)}, imported=True),
    Workload("yolov8n", "YOLOv8n (nudenet), 320x320", None, {"images": (1, 3, 320, 320)},
             fast="winograd", imported=True, source=("nudenet==3.4.2", "nudenet/320n.onnx")),
    Workload("pp-ocr-det", "PP-OCRv6 detector, 320x320", None, {"x": (1, 3, 320, 320)},
             fast="winograd", imported=True,
             source=("rapidocr==3.10.0", "rapidocr/models/PP-OCRv6_det_small.onnx")),
    Workload("basic-pitch", "basic-pitch, 2 s of sound", None,
             {"serving_default_input_2:0": (1, 43844, 1)}, fast="winograd", imported=True,
             source=("basic-pitch==0.4.0", "basic_pitch/saved_models/icassp_2022/nmp.onnx")),
    Workload("mlp", "MLP 784-4096-4096-10", perceptron, {"x": (1, 784)}),
    Workload("mlp-64", "MLP 784-4096-4096-10, batch 64", perceptron, {"x": (64, 784)}),
    Workload("mlp-half", "MLP 784-4096-4096-10, weights of float16", half_perceptron,
             {"x": (1, 784)}, imported=True),
    Workload("tabular", "MLP 32-64-32-1, 10,000 rows", tabular, {"x": (10000, 32)}, imported=True),
    Workload("transformer", "Transformer block, 128x512, 8 heads", transformer_block,
             {"x": (1, 128, 512)}),
    Workload("vit-tiny", "ViT-tiny, 224x224", vit_tiny, IMAGE, imported=True),
    Workload("minilm", "MiniLM-L6, 128 tokens", minilm, {"ids": (1, 128)}, ids=("ids",), rows=30522,
             imported=True),
    Workload("gpt2-prefill", "GPT-2, 128 tokens", gpt2_prefill, {"ids": (1, 128)}, ids=("ids",),
             rows=50257, imported=True),
    Workload("gpt2-decode", "GPT-2, one token behind 256", gpt2_decode,
             {"ids": (1, 1), **past(12)}, ids=("ids",), rows=50257, imported=True),
    Workload("lstm", "LSTM, 128 steps of 256", lstm, {"x": (128, 1, 256)}, imported=True),
    Workload("embedding", "Mean of 32 embeddings of 128, batch 64", embedding_mean,
             {"ids": (64, 32)}, ids=("ids",), rows=50000, imported=True),
    Workload("norm-gelu", "Layer norm and GELU, 4096x1024", norm_gelu, {"x": (4096, 1024)}),
    Workload("softmax", "Softmax, 1024x1024", softmax, {"x": (1024, 1024)}),
    *map(square, (64, 128, 256, 512, 1024, 2048)),
]
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def facts(workload, folder):
    """What bounds a run: arithmetic, and the bytes that must be read and written at least once. Of
    a file they are known when it lies in the folder."""
    if workload.source:
        import real
        found = real.facts(folder / f"{workload.name}.onnx")
    else:
        survey, output = workload.survey()
        found = {"output": list(output), "flops": 2 * survey.multiply_adds,
                 "bytes_read": survey.weight_bytes(), "bytes_written": 4 * math.prod(output)}
    found["bytes_read"] += workload.input_bytes()
    return {"name": workload.name, "title": workload.title, "fast": workload.fast,
            "inputs": {name: list(shape) for name, shape in workload.inputs.items()}, **found}
