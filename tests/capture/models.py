"""Models as people write them with TinyGrad, small, with seeded weights."""

from tinygrad import Tensor, dtypes, nn
from tinygrad.nn.state import get_state_dict

from support import numbers


def seed_weights(model, rng):
    """Weights of a size that keeps activations near 1; variances positive."""
    for name, tensor in get_state_dict(model).items():
        if tensor.dtype is not dtypes.float32:
            continue
        fan = max(1, tensor.numel() // max(1, tensor.shape[0])) if tensor.ndim > 1 else 1
        value = Tensor(numbers(rng, dtypes.float32, tuple(tensor.shape)))
        if "running_var" in name:
            value = value * value * 0.1 + 0.5
        elif tensor.ndim > 1:
            value = value * (0.6 / fan ** 0.5)
        else:
            value = value * 0.1 + (1 if name.endswith("weight") else 0)
        tensor.assign(value).realize()
    return model


class MnistConvolutions:
    """TinyGrad's tutorial."""

    def __init__(self):
        self.layers = [
            nn.Conv2d(1, 32, 5), Tensor.relu, nn.Conv2d(32, 32, 5), Tensor.relu,
            nn.BatchNorm(32), Tensor.max_pool2d,
            nn.Conv2d(32, 64, 3), Tensor.relu, nn.Conv2d(64, 64, 3), Tensor.relu,
            nn.BatchNorm(64), Tensor.max_pool2d,
            lambda x: x.flatten(1), nn.Linear(576, 10)]

    def __call__(self, x):
        return x.sequential(self.layers)


class Perceptron:
    def __init__(self):
        self.l1, self.l2, self.l3 = nn.Linear(20, 32), nn.Linear(32, 16), nn.Linear(16, 4)

    def __call__(self, x):
        return self.l3(self.l2(self.l1(x).gelu()).tanh()).softmax()


class ResidualBlock:
    def __init__(self, inputs, outputs, stride):
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm(outputs)
        self.downsample = []
        if stride != 1 or inputs != outputs:
            self.downsample = [nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                               nn.BatchNorm(outputs)]

    def __call__(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + x.sequential(self.downsample)).relu()


class ResNet18:
    """Eighteen layers in four stages, at 32 x 32; narrower than the real one."""

    def __init__(self, width=8, classes=10):
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm(width)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stages = [[ResidualBlock(widths[i], widths[i + 1], 1 if i == 0 else 2),
                        ResidualBlock(widths[i + 1], widths[i + 1], 1)] for i in range(4)]
        self.fc = nn.Linear(widths[-1], classes)

    def __call__(self, x):
        x = self.bn1(self.conv1(x)).relu()
        for stage in self.stages:
            x = x.sequential(stage)
        return self.fc(x.mean((2, 3)))


class InvertedResidual:
    def __init__(self, inputs, outputs, stride, expansion):
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm(hidden), Tensor.relu6,
                     nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
                     nn.BatchNorm(hidden), Tensor.relu6,
                     nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm(outputs)]

    def __call__(self, x):
        y = x.sequential(self.conv)
        return x + y if self.residual else y


class MobileNetV2:
    def __init__(self):
        self.stem = [nn.Conv2d(3, 8, 3, 2, padding=1, bias=False), nn.BatchNorm(8), Tensor.relu6]
        self.blocks = [InvertedResidual(8, 8, 1, 1), InvertedResidual(8, 12, 2, 4),
                       InvertedResidual(12, 12, 1, 4), InvertedResidual(12, 16, 2, 4)]
        self.classifier = nn.Linear(16, 10)

    def __call__(self, x):
        return self.classifier(x.sequential(self.stem).sequential(self.blocks).mean((2, 3)))


class UNet:
    def __init__(self):
        self.down1 = [nn.Conv2d(1, 6, 3, padding=1), nn.GroupNorm(2, 6), Tensor.silu]
        self.down2 = [nn.Conv2d(6, 10, 3, padding=1), nn.GroupNorm(2, 10), Tensor.silu]
        self.up = nn.ConvTranspose2d(10, 6, 2, stride=2)
        self.merge = [nn.Conv2d(12, 6, 3, padding=1), Tensor.silu, nn.Conv2d(6, 2, 1)]
        self.uneven = nn.Conv2d(10, 3, 1)

    def __call__(self, x):
        skip = x.sequential(self.down1)
        deep = skip.max_pool2d().sequential(self.down2)
        joined = self.up(deep).cat(skip, dim=1)
        side = self.uneven(deep).interpolate((16, 16), mode="nearest")
        return joined.sequential(self.merge).cat(side, dim=1)


class Attention:
    def __init__(self, width, heads, causal):
        self.heads, self.causal = heads, causal
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def __call__(self, x):
        batch, length, width = x.shape
        q, k, v = (part.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)
                   for part in self.c_attn(x).chunk(3, dim=-1))
        y = q.scaled_dot_product_attention(k, v, is_causal=self.causal)
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, width))


class TransformerBlock:
    def __init__(self, width, heads, causal):
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, causal)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def __call__(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.c_proj(self.c_fc(self.ln_2(x)).gelu())


class GPT2:
    """Token and position embeddings, causal blocks, tied output weights."""

    def __init__(self, vocabulary=61, width=24, heads=3, length=12, layers=2):
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.h = [TransformerBlock(width, heads, True) for _ in range(layers)]
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def __call__(self, tokens):
        positions = Tensor.arange(tokens.shape[1]).reshape(1, -1)
        x = self.wte(tokens) + self.wpe(positions)
        return self.lm_head(self.ln_f(x.sequential(self.h)))


class VisionTransformer:
    def __init__(self, width=24, patch=8, heads=3):
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.cls, self.positions = Tensor.zeros(1, 1, width), Tensor.zeros(1, 17, width)
        self.blocks = [TransformerBlock(width, heads, False) for _ in range(2)]
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def __call__(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.cls.expand(x.shape[0], 1, x.shape[2]).cat(x, dim=1) + self.positions
        return self.head(self.norm(x.sequential(self.blocks))[:, 0])


class UnrolledLSTM:
    def __init__(self, inputs=6, hidden=8):
        self.cell, self.out = nn.LSTMCell(inputs, hidden), nn.Linear(hidden, 3)

    def __call__(self, x):
        state = None
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return self.out(state[0])


F, I = dtypes.float32, dtypes.int32
MODELS = {  # name -> (class, the shapes and dtypes of its inputs, elements below)
    "perceptron": (Perceptron, {"x": ((3, 20), F)}, None),
    "resnet18": (ResNet18, {"image": ((1, 3, 32, 32), F)}, None),
    "mobilenet_v2": (MobileNetV2, {"image": ((1, 3, 32, 32), F)}, None),
    "unet": (UNet, {"image": ((1, 1, 16, 16), F)}, None),
    "gpt2": (GPT2, {"tokens": ((2, 12), I)}, 60),
    "vit": (VisionTransformer, {"image": ((1, 3, 32, 32), F)}, None),
    "lstm": (UnrolledLSTM, {"x": ((2, 5, 6), F)}, None),
}
