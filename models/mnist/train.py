#!/usr/bin/env python3
"""Train the MNIST network of TinyGrad's tutorial and write its weights as safetensors.

The record of the run that made the committed weights, and why each default below is what it is,
are in TRAINING.md beside this file.
"""

import argparse
import copy
import gzip
import math
import os
import time
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS may differ between runs

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file
from torch import nn

from augment import augment, pixelate, retone
from strokes import HANDS, drawings, judged

PIXELATED_DRAWS = 4  # how often each held-out digit is drawn on the demo's canvas to judge it
DRAWINGS = 400_000  # in strokes of our own, made once before training
JUDGED = 8_000  # drawings of each kept-out hand


class Net(nn.Module):
    """The positions in `layers` are TinyGrad's, and so are the names of the weights."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 5), nn.ReLU(),
            nn.Conv2d(32, 32, 5), nn.ReLU(),
            nn.BatchNorm2d(32), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(),
            nn.Conv2d(64, 64, 3), nn.ReLU(),
            nn.BatchNorm2d(64), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(576, 10),
        )

    def forward(self, images):
        return self.layers(images)


def main():
    options = parse_arguments()
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.allow_tf32 = False  # float32 means float32 in all that is reported
    device = torch.device(options.device)

    images, labels = (array.to(device) for array in read_digits(options.data, "train"))
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(images))).to(device)
    held_out, kept = order[:options.holdout], order[options.holdout:]

    if options.judge:
        net = read_weights(options.judge).to(device)
    else:
        net = train(images[kept], labels[kept], options)

    report_hands(net, device)
    if options.holdout:
        report_held_out(net, images[held_out], labels[held_out])
    if options.output:
        write_weights(net, options.output, f"models/mnist/train.py --seed {options.seed}")
    if options.output and not options.holdout:
        report_test(options.output, options.data)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, default=argparse.SUPPRESS, metavar="DIR",
        help="folder of the four gzipped IDX files of MNIST")
    add("--output", type=Path, metavar="FILE",
        help="safetensors file to write; none is written without it")
    add("--holdout", type=int, default=0, metavar="N",
        help="training images kept aside to judge the result by; the test images are read only "
             "when this is 0 and --output is given")
    add("--seed", type=int, default=1, help="of the weights, the order of images and their "
        "variations; the images held out are the same for every seed")
    add("--epochs", type=int, default=600, help="passes over the training images")
    add("--batch", type=int, default=500, help="images a step")
    add("--learning-rate", type=float, default=0.004, metavar="RATE",
        help="highest rate, reached after a twentieth of the steps; from there it falls as a "
             "cosine")
    add("--final-rate", type=float, default=0.02, metavar="SHARE",
        help="share of the highest rate at which the cosine ends")
    add("--weight-decay", type=float, default=0.02, metavar="DECAY", help="AdamW's")
    add("--smoothing", type=float, default=0.02, metavar="SHARE", help="label smoothing")
    add("--average", type=float, default=0.2, metavar="SHARE",
        help="last share of the steps whose weights are averaged into the result")
    add("--strength", type=float, default=0.7, help="of the variations of each image; 0 is none")
    add("--drawn", type=float, default=0.25, metavar="SHARE",
        help="share of the images drawn in strokes of our own, half of them on that canvas")
    add("--judge", type=Path, metavar="FILE",
        help="train nothing: report on the weights in this safetensors file")
    add("--pixelated", type=float, default=0.2, metavar="SHARE",
        help="share of the other images shown as drawn on the original demo's coarse canvas")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where to train")
    return parser.parse_args()


def read_digits(folder, part):
    """The images (count, 1, 28, 28) uint8 and labels (count) int64 of the part train or t10k."""
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    return torch.from_numpy(images.copy()), torch.from_numpy(labels)


def as_input(images):
    """What the network sees: bytes 0 to 255 as float32 0 to 1. It has no other normalisation."""
    return images.float() / 255


def train(images, labels, options):
    """The average of the last weights of one run of AdamW.

    What changes from step to step (the images chosen, the learning rate, the share of the newest
    weights in the average) stands in tensors, so that the step itself can be recorded.
    """
    net = Net().to(images.device, memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    rate, share = torch.zeros(2, device=images.device)
    chosen = torch.zeros(options.batch, dtype=torch.int64, device=images.device)
    total_loss = torch.zeros((), device=images.device)
    ours, ours_labels = our_drawings(images.device)
    drawn = round(options.drawn * options.batch)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=rate, weight_decay=options.weight_decay,
        **(dict(fused=True, capturable=True) if images.is_cuda else dict(foreach=False)))

    def step():
        with torch.no_grad():
            picked = torch.randint(len(ours), (drawn,), device=images.device)
            seen = varied(images[chosen[drawn:]], ours[picked], options)
            wanted = torch.cat([ours_labels[picked], labels[chosen[drawn:]]])
            seen = seen.contiguous(memory_format=torch.channels_last)
        with torch.autocast(seen.device.type, torch.bfloat16, seen.is_cuda, cache_enabled=False):
            logits = net(seen)
        loss = F.cross_entropy(logits.float(), wanted, label_smoothing=options.smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            total_loss.add_(loss)
            for mean, now in zip(average.parameters(), net.parameters()):
                mean.lerp_(now, share)

    step = record(step) if images.is_cuda else step
    steps = len(images) // options.batch
    last = options.epochs * steps
    started = time.monotonic()
    for epoch in range(options.epochs):
        order = torch.randperm(len(images), device=images.device)
        total_loss.zero_()
        for number in range(steps):
            done = epoch * steps + number
            rate.fill_(learning_rate(done / last, options))
            # 1 at first, which copies the weights, then 1/2, 1/3, ...: a plain mean.
            share.fill_(1 / max(1, done - (1 - options.average) * last))
            chosen.copy_(order[number * options.batch:(number + 1) * options.batch])
            step()
        if (epoch + 1) % max(1, options.epochs // 10) == 0:
            print(f"epoch {epoch + 1}/{options.epochs}  loss {total_loss.item() / steps:.4f}  "
                  f"{time.monotonic() - started:.0f} s", flush=True)
    measure_batch_norms(average, images, ours, options)
    return average


def varied(images, ours, options):
    """What a step sees: our own drawings, and images of MNIST varied anew."""
    return torch.cat([retone(as_input(ours), options.strength),
                      augment(as_input(images), options.strength, options.pixelated)])


@torch.no_grad()
def our_drawings(device):
    """DRAWINGS digits in strokes of our own as bytes, and what they are."""
    labels = torch.arange(DRAWINGS, device=device) % 10
    parts = [(drawings(part) * 255).round().byte() for part in labels.split(1000)]
    return torch.cat(parts), labels


def record(step):
    """Record one training step as a CUDA graph, and return what replays it.

    Launching its many small kernels one by one takes longer than they run. The steps that warm up
    change no weights: their learning rate is 0.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def learning_rate(progress, options):
    """A straight rise over the first twentieth of the run, then half a cosine."""
    if progress < 0.05:
        return options.learning_rate * progress / 0.05
    fall = 0.5 + 0.5 * math.cos(math.pi * (progress - 0.05) / 0.95)
    return options.learning_rate * (options.final_rate + (1 - options.final_rate) * fall)


@torch.no_grad()
def measure_batch_norms(net, images, ours, options):
    """Averaged weights have never run: give their batch norms the statistics of what they see."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over all batches
    net.train()
    drawn = round(options.drawn * 1000)
    for number, batch in enumerate(images.split(1000 - drawn)):
        net(varied(batch, ours[number * drawn:(number + 1) * drawn], options))
    net.eval()


@torch.no_grad()
def report_hands(net, device):
    """How well hands are read that nothing was trained on, by kind."""
    torch.manual_seed(0)
    for hand in HANDS:
        parts = [judged(hand, 1000, device) for _ in range(JUDGED // 1000)]
        right = sum((classify(net, seen).argmax(1) == label).sum().item() for seen, label in parts)
        print(f"{hand.name:20s} {right / sum(len(label) for _, label in parts):.4f}")


@torch.no_grad()
def classify(net, images):
    """Logits (count, 10) of float images, without recording anything."""
    net.eval()
    return torch.cat([net(batch) for batch in images.split(1000)])


def report_held_out(net, images, labels):
    """Errors on the digits held out: as they are, and drawn on the demo's canvas."""
    logits = classify(net, as_input(images))
    errors = (logits.argmax(1) != labels).sum().item()
    torch.manual_seed(0)
    drawn = pixelate(as_input(images).repeat(PIXELATED_DRAWS, 1, 1, 1))
    drawn_errors = (classify(net, drawn).argmax(1) != labels.repeat(PIXELATED_DRAWS)).sum().item()
    print(f"held out: {errors} errors of {len(images)}, accuracy {1 - errors / len(images):.4f}, "
          f"cross entropy {F.cross_entropy(logits, labels).item():.5f}; "
          f"pixelated accuracy {1 - drawn_errors / len(drawn):.4f}")


def write_weights(net, path, origin):
    """Write every weight but the batch norms' counters, which only training uses."""
    weights = {name: np.ascontiguousarray(weight.cpu().numpy())
               for name, weight in net.state_dict().items()
               if not name.endswith("num_batches_tracked")}
    save_file(weights, path, metadata={"origin": origin})


def read_weights(path):
    net = Net()
    weights = {name: torch.from_numpy(weight) for name, weight in load_file(path).items()}
    missing, unexpected = net.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    return net


def report_test(path, folder):
    """Read the written file back and classify the test images with it, on the CPU in float32."""
    net = read_weights(path)
    images, labels = read_digits(folder, "t10k")
    predicted = classify(net, as_input(images)).argmax(1)
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    confusion.index_put_((labels, predicted), torch.ones_like(labels), accumulate=True)
    errors = len(labels) - confusion.trace().item()
    print(f"test: {errors} errors of {len(labels)}, accuracy {1 - errors / len(labels):.4f}")
    print("rows: digit; columns: taken for")
    for digit, row in enumerate(confusion.tolist()):
        print(f"{digit}: " + " ".join(f"{count:4d}" for count in row))


if __name__ == "__main__":
    main()
