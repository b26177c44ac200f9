"""Models on an NVIDIA GPU, ours beside PyTorch's three ways: eager, a CUDA graph, compiled.

    bench/cuda.py FOLDER [NAME...]

Needs a Python with torch, torchvision and onnx, and a build with build/tests/cuda/device. FOLDER
gets the models as ONNX and as stored graphs, with weights that are random. Each is compared with
the CPU by its bits; times are medians of PyTorch's, and of ours the mean of runs that follow one
another, on tensors that lie on the GPU. TF32 is off."""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"


class Mnist(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.Conv2d(32, 32, 5), nn.ReLU(),
                                   nn.BatchNorm2d(32), nn.MaxPool2d(2))
        self.second = nn.Sequential(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3),
                                    nn.ReLU(), nn.BatchNorm2d(64), nn.MaxPool2d(2))
        self.last = nn.Linear(576, 10)

    def forward(self, x):
        return self.last(self.second(self.first(x)).flatten(1))


class Product(nn.Module):
    def forward(self, x, w):
        return x @ w


class Softmax(nn.Module):
    def forward(self, x):
        return F.softmax(x, -1)


class NormGelu(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(1024)

    def forward(self, x):
        return F.gelu(self.norm(x))


class Attention(nn.Module):
    """Of one block; with a cache, of a token behind it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, cache=None):
        batch, tokens, width = x.shape
        q, k, v = (part.view(batch, tokens, self.heads, -1).transpose(1, 2)
                   for part in self.qkv(x).split(width, -1))
        if cache is not None:
            k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
        weights = F.softmax(q @ k.transpose(2, 3) * (width // self.heads) ** -0.5, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norms = nn.ModuleList((nn.LayerNorm(width), nn.LayerNorm(width)))
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, cache=None):
        x = x + self.attention(self.norms[0](x), cache)
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


class Gpt2(nn.Module):
    """One token behind 256, of which there are keys and values."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block(768, 12) for _ in range(12))
        self.norm, self.head = nn.LayerNorm(768), nn.Linear(768, 50257, bias=False)

    def forward(self, x, caches):
        for i, block in enumerate(self.blocks):
            x = block(x, caches[i])
        return self.head(self.norm(x))


def image(*shape):
    return lambda: (torch.randn(*shape),)


def square(n):
    return lambda: (torch.randn(n, n), torch.randn(n, n))


PICTURE = (3, 224, 224)
WORKLOADS = {  # a module, its inputs, and the batches
    "mnist": (Mnist, image(1, 1, 28, 28), (1, 32, 4096)),
    "resnet18": (torchvision.models.resnet18, image(1, *PICTURE), (1, 32)),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, image(1, *PICTURE), (1, 32)),
    **{f"matmul{n}": (Product, square(n), (1,)) for n in (256, 1024, 2048, 4096)},
    "softmax": (Softmax, image(65536, 1024), (1,)),
    "norm_gelu": (NormGelu, image(65536, 1024), (1,)),
    "block": (lambda: Block(512, 8), image(1, 128, 512), (1,)),
    "gpt2": (Gpt2, lambda: (torch.randn(1, 1, 768), torch.randn(12, 2, 1, 12, 256, 64)), (1,)),
}


def store(name, folder):
    """The model as a stored graph; its weights are the same each time."""
    path = folder / f"{name}.json"
    if not path.exists():
        torch.manual_seed(1)
        module, inputs = WORKLOADS[name][0]().eval(), WORKLOADS[name][1]()
        torch.onnx.export(module, inputs, folder / f"{name}.onnx", dynamo=False, opset_version=17)
        subprocess.run([BUILD / "eigentensor", "import", folder / f"{name}.onnx", "-o", path],
                       check=True, capture_output=True)
    return path


def median_us(run, seconds=0.4):
    """Of single runs, by events of the device."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    times, spent = [], 0
    while spent < seconds or len(times) < 10:
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        for _ in range(10):
            run()
        ended.record()
        ended.synchronize()
        times.append(began.elapsed_time(ended) * 100)
        spent += times[-1] / 1e5
    return statistics.median(times)


def captured(run):
    """The same as one CUDA graph."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def torch_times(name, batch):
    torch.manual_seed(1)
    module = WORKLOADS[name][0]().eval().cuda()
    inputs = [each.cuda() for each in WORKLOADS[name][1]()]
    if batch > 1:
        inputs = [torch.randn(batch, *each.shape[1:], device="cuda") for each in inputs]
    times = {}
    with torch.inference_mode():
        times["eager"] = median_us(lambda: module(*inputs))
        times["graph"] = median_us(captured(lambda: module(*inputs)))
        try:
            compiled = torch.compile(module)
            compiled(*inputs)
            times["compiled"] = median_us(captured(lambda: compiled(*inputs)))
        except Exception as error:  # as where a backend lacks something
            print(f"{name}: not compiled: {str(error).splitlines()[0]}", file=sys.stderr)
    return times


def our_time(path, batch):
    said = subprocess.run([BUILD / "tests/cuda/device", path, str(batch)], capture_output=True,
                          text=True, check=False)
    found = re.search(r"same bits; prepared in (\d+) ms, ([\d.]+) us", said.stdout)
    if not found:
        print(said.stdout, said.stderr, file=sys.stderr)
    return (float(found[1]), float(found[2])) if found else (0, 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(WORKLOADS))
    asked = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    asked.folder.mkdir(exist_ok=True)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, cuDNN "
          f"{torch.backends.cudnn.version()}\n"
          "| workload | batch | ours, us | eager | graph | compiled | best / ours | prepared, ms |"
          "\n"
          "|---|--:|--:|--:|--:|--:|--:|--:|")
    for name in asked.names:
        path = store(name, asked.folder)
        for batch in WORKLOADS[name][2]:
            prepared, ours = our_time(path, batch)
            times = torch_times(name, batch)
            shown = " | ".join(f"{times.get(way, 0):.1f}" for way in ("eager", "graph", "compiled"))
            print(f"| {name} | {batch} | {ours:.1f} | {shown} | "
                  f"{min(times.values()) / ours if ours else 0:.2f} | {prepared:.0f} |", flush=True)


if __name__ == "__main__":
    main()
