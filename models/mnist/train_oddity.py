#!/usr/bin/env python3
"""Trains the page's doubt: a small network that says how little a picture looks like one digit.

    python3 models/mnist/train_oddity.py --data DIR --output server/page/oddity_weights.js

DIR holds MNIST's four files. Needs NumPy alone; about a quarter of an hour on two cores. ODDITY.md
tells what it learns from and how well. It sees the prepared 28x28 and not the classifier's answer,
so other weights of the classifier do not call for other weights here.
"""

import argparse
import base64
import gzip
import json
import pathlib

import numpy as np

import draw_samples

HERE = pathlib.Path(__file__).resolve().parent
SIDE, GLYPH, CENTRE = 28, 20, 14
RASTER = 56             # pixels to a side of what is drawn
CHANNELS = (1, 12, 24, 32)
STEPS_OF_INT8 = 127
FALSE_HINTS = 0.0075     # of digits kept aside, where the threshold is put

# Digits that a quarter turn, either way, makes into none; the others' turns may be read as digits.
TURNED = (2, 3, 4, 5, 6, 7, 8, 9)


def read_idx(path):
    with gzip.open(path) as file:
        data = file.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


# ---- Pictures ----

def averages(length, longer):
    """[20][length]: how much of each pixel lies in each of 20 cells that are longer / 20 long."""
    cell, edges = longer / GLYPH, np.arange(length + 1)
    starts = np.arange(GLYPH)[:, None] * cell
    overlap = np.minimum(edges[None, 1:], starts + cell) - np.maximum(edges[None, :-1], starts)
    return np.maximum(overlap, 0)


def prepare(ink):
    """As image_prepare.c does: the box of the ink becomes 20 long, its mass goes to the middle."""
    ink = np.maximum(ink - ink.max() / 8, 0)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    longer = max(ink.shape)
    glyph = averages(ink.shape[0], longer) @ ink @ averages(ink.shape[1], longer).T
    glyph = np.floor(glyph * (255 / glyph.max()) + 0.5)
    picture, places = np.zeros((SIDE, SIDE), np.float32), []
    for axis in (1, 0):
        mass = glyph.sum(axis)
        extent = np.flatnonzero(mass)[-1] + 1
        start = CENTRE - int((2 * (mass * np.arange(GLYPH)).sum() + mass.sum()) // (2 * mass.sum()))
        places.append(min(max(start, 0), SIDE - extent))
    top, left = places
    low, right = min(SIDE, top + GLYPH), min(SIDE, left + GLYPH)
    picture[top:low, left:right] = glyph[:low - top, :right - left]
    return picture


def draw(strokes, thickness):
    """Round-ended lines; strokes in units of the raster."""
    centres = np.stack(np.meshgrid(np.arange(RASTER) + 0.5, np.arange(RASTER) + 0.5), -1)
    away = np.full((RASTER, RASTER), 1e9)
    for line in strokes:
        for a, b in zip(line, line[1:]):
            low = np.maximum(np.minimum(a, b) - thickness / 2 - 1, 0).astype(int)
            high = (np.maximum(a, b) + thickness / 2 + 2).astype(int)
            box = slice(low[1], high[1]), slice(low[0], high[0])
            dx, dy = b - a
            px, py = centres[box][..., 0] - a[0], centres[box][..., 1] - a[1]
            along = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
            now = (px - along * dx) ** 2 + (py - along * dy) ** 2
            np.minimum(away[box], now, out=away[box])
    return np.clip(thickness / 2 + 0.5 - np.sqrt(away), 0, 1)


def smooth(points, steps=4):
    ends = [points[0], *points, points[-1]]
    line = [draw_samples.curve(*ends[i:i + 4], step / steps)
            for i in range(len(points) - 1) for step in range(steps)]
    return [*line, points[-1]]


def parse(text):
    """"x,y x,y" in hundredths; a "~" before it: smoothly through the points."""
    points = [tuple(float(n) / 100 for n in point.split(",")) for point in text.strip("~").split()]
    return np.array(smooth(points) if text[0] == "~" else points)


def hand(strokes, random, turn, wobble):
    """The strokes as somebody would draw them: turned, sheared, uneven, by some pen."""
    angle, shear = random.uniform(-turn, turn), random.uniform(-0.25, 0.25)
    wide, high = random.uniform(0.75, 1.25), random.uniform(0.85, 1.15)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turned @ np.array([[wide, shear], [0, high]])
    phase, wave = random.uniform(0, 6.28, 2), random.uniform(2, 7, (2, 2))
    drawn = []
    for line in strokes:
        bent = line + wobble * random.uniform() * np.sin(line @ wave + phase)
        drawn.append(bent @ matrix.T + random.normal(0, wobble / 5, 2))
    points = np.concatenate(drawn)
    low, size = points.min(0), max(np.ptp(points, 0).max(), 0.05)
    thickness = RASTER * random.choice((0.04, 0.08, 0.11, 0.14, 0.2)) * random.uniform(0.8, 1.25)
    scale = (RASTER - thickness - 4) / size
    return draw([(line - low) * scale + thickness / 2 + 2 for line in drawn], thickness)


def scribble(random):
    """Where a pen wanders by itself."""
    strokes = []
    for _ in range(random.integers(2, 5)):
        step = random.normal(0, 0.25, (random.integers(4, 9), 2))
        points = random.uniform(0, 1, 2) + step.cumsum(0)
        strokes.append(np.array(smooth([tuple(point) for point in points])))
    return hand(strokes, random, 3, 0.05)


def sign(random):
    """Two to four lines and arcs between places of a grid, as of an unknown alphabet."""
    places = [np.array([x / 2, y / 3]) for x in range(3) for y in range(4)]
    at, strokes = places[random.integers(12)], []
    for _ in range(random.integers(2, 5)):
        at = at if random.uniform() < 0.7 else places[random.integers(12)]
        to = places[random.integers(12)]
        while np.hypot(*(to - at)) < 0.45:
            to = places[random.integers(12)]
        aside = np.array([at[1] - to[1], to[0] - at[0]]) * random.choice((-0.3, 0.3))
        arc = smooth([tuple(at), tuple((at + to) / 2 + aside), tuple(to)])
        strokes.append(np.array([at, to]) if random.uniform() < 0.6 else np.array(arc))
        at = to if random.uniform() < 0.6 else at
    return hand(strokes, random, 0.2, 0.05)


def warped(image, random, turn, size=1.0):
    """Turned by an angle of `turn`'s range, somewhat sheared and scaled; bilinear."""
    angle = random.uniform(*turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = matrix @ np.array([[random.uniform(0.85, 1.15), random.uniform(-0.2, 0.2)], [0, 1]])
    side = 40
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1) - 19.5
    at = np.clip(grid @ matrix / size + 13.5, 0, 25.999)
    low, part = at.astype(int), at % 1
    y, x, v, u = low[..., 0], low[..., 1], part[..., 0], part[..., 1]
    return ((image[y, x] * (1 - u) + image[y, x + 1] * u) * (1 - v)
            + (image[y + 1, x] * (1 - u) + image[y + 1, x + 1] * u) * v)


def beside(images, random):
    """Digits side by side, which touch or do not."""
    gap = random.integers(-3, 8)
    parts = [image[:, image.any(0)] for image in images]
    width = sum(part.shape[1] for part in parts) + gap * (len(parts) - 1)
    sheet, left = np.zeros((36, width + 8)), 2
    for part in parts:
        top = random.integers(2, 7)
        place = sheet[top:top + SIDE, left:left + part.shape[1]]
        np.maximum(place, part[:place.shape[0], :place.shape[1]], out=place)
        left = max(2, left + part.shape[1] + gap)
    return sheet


# ---- What is learnt from, and what it is measured on ----

def thicker(image, random):
    """The greatest, or least, of a pixel and its neighbours: another pen."""
    grown = image.astype(float)
    for dy, dx in ((0, 1), (1, 0)):
        shifted = np.roll(grown, (dy, dx), (0, 1))
        grown = np.maximum(grown, shifted) if random.uniform() < 0.7 else grown
    return grown


def digits_of(images, count, random):
    """As they are, and varied."""
    chosen = images[random.permutation(len(images))[:count]].astype(np.float32)
    for i in range(0, len(chosen), 2):
        image = thicker(chosen[i], random) if random.uniform() < 0.4 else chosen[i]
        chosen[i] = prepare(warped(image, random, (-0.2, 0.2)))
    return chosen


def drawn_digits(count, random):
    hands = [[np.array(draw_samples.smooth(stroke, 4)) for stroke in strokes]
             for table in (draw_samples.CANVAS, draw_samples.PEN) for strokes in table.values()]
    return np.stack([prepare(hand(hands[i % len(hands)], random, 0.17, 0.05))
                     for i in range(count)])


def drawn_nondigits(table, count, random, turn=0.3):
    kinds = [[parse(stroke) for stroke in strokes] for strokes in table.values()]
    return np.stack([prepare(hand(kinds[i % len(kinds)], random, turn, 0.05))
                     for i in range(count)])


def groups(images, count, random, size):
    return np.stack([prepare(beside(images[random.integers(0, len(images), size)], random))
                     for _ in range(count)])


def turned(images, labels, count, random, digits=TURNED, turn=(1.25, 1.9)):
    some = images[np.isin(labels, digits)]
    return np.stack([prepare(warped(some[random.integers(len(some))], random,
                                    turn if random.uniform() < 0.5 else (-turn[1], -turn[0])))
                     for _ in range(count)])


def invented(kind, count, random):
    return np.stack([prepare(kind(random)) for _ in range(count)])


# ---- The network: three convolutions with a stride of 2, and a weighted sum ----

def parameters(random):
    shapes = []
    for before, after in zip(CHANNELS, CHANNELS[1:]):
        shapes += [(9 * before, after), (after,)]
    shapes += [(4 * 4 * CHANNELS[-1], 1), (1,)]
    return [random.normal(0, np.sqrt(2 / shape[0]), shape).astype(np.float32) if len(shape) > 1
            else np.zeros(shape, np.float32) for shape in shapes]


def windows(x):
    """[n, h, w, c] to [n, h', w', 9 c]: 3x3 with a border of one, every second one."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    half = (x.shape[1] + 1) // 2
    parts = [padded[:, dy:dy + 2 * half - 1:2, dx:dx + 2 * half - 1:2]
             for dy in range(3) for dx in range(3)]
    return np.concatenate(parts, -1)


def forward(weights, x):
    """Logits, and what backward() needs."""
    kept, x = [], x[..., None]
    for i in range(3):
        seen = windows(x)
        y = seen @ weights[2 * i] + weights[2 * i + 1]
        kept.append((x.shape, seen, y > 0))
        x = np.maximum(y, 0)
    flat = x.reshape(len(x), -1)
    return (flat @ weights[6] + weights[7])[:, 0], (kept, flat, x.shape)


def backward(weights, memory, slope):
    kept, flat, shape = memory
    gradients = [None] * 8
    gradients[6], gradients[7] = flat.T @ slope[:, None], slope.sum(keepdims=True)
    dx = (slope[:, None] @ weights[6].T).reshape(shape)
    for i in (2, 1, 0):
        before, seen, active = kept[i]
        dy = dx * active
        flat_dy = dy.reshape(-1, dy.shape[-1])
        gradients[2 * i] = seen.reshape(-1, seen.shape[-1]).T @ flat_dy
        gradients[2 * i + 1] = flat_dy.sum(0)
        if i == 0:
            break
        dseen = (flat_dy @ weights[2 * i].T).reshape(seen.shape)
        padded = np.zeros((before[0], before[1] + 2, before[2] + 2, before[3]), np.float32)
        half = (before[1] + 1) // 2
        for part in range(9):
            dy0, dx0 = divmod(part, 3)
            padded[:, dy0:dy0 + 2 * half - 1:2, dx0:dx0 + 2 * half - 1:2] += \
                dseen[..., part * before[3]:(part + 1) * before[3]]
        dx = padded[:, 1:-1, 1:-1]
    return gradients


def score(weights, pictures):
    return np.concatenate([forward(weights, (pictures[i:i + 500] / 255).astype(np.float32))[0]
                           for i in range(0, len(pictures), 500)])


def train(weights, x, y, random, epochs, batch=128, rate=2e-3):
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    steps, step = epochs * (len(x) // batch), 0
    for epoch in range(epochs):
        loss, order = 0, random.permutation(len(x))
        for at in range(0, len(x) - batch + 1, batch):
            step += 1
            chosen = order[at:at + batch]
            logits, memory = forward(weights, (x[chosen] / 255).astype(np.float32))
            p = 1 / (1 + np.exp(-logits))
            loss -= np.log(np.where(y[chosen] > 0, p, 1 - p) + 1e-9).mean()
            slope = ((p - (0.02 + 0.96 * y[chosen])) / batch).astype(np.float32)
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for i, gradient in enumerate(backward(weights, memory, slope)):
                first[i] = 0.9 * first[i] + 0.1 * gradient
                second[i] = 0.999 * second[i] + 0.001 * gradient ** 2
                m, v = first[i] / (1 - 0.9 ** step), second[i] / (1 - 0.999 ** step)
                weights[i] -= now * (m / (np.sqrt(v) + 1e-8) + 1e-3 * weights[i])
        print(f"epoch {epoch + 1}: loss {loss / (len(x) // batch):.4f}", flush=True)


def rounded(weights):
    """Each tensor as bytes and what they are multiplied by."""
    tensors = []
    for weight in weights:
        scale = float(np.float32(max(np.abs(weight).max(), 1e-9) / STEPS_OF_INT8))
        tensors.append((np.round(weight / scale).astype(np.int8), scale))
    return tensors


def write(path, tensors, threshold):
    data = base64.b64encode(b"".join(t.tobytes() for t, _ in tensors)).decode()
    path.write_text(
        "/* Written by models/mnist/train_oddity.py. */\n"
        f"export const THRESHOLD = {threshold:.4f};\n"
        f"export const SCALES = [{', '.join(repr(scale) for _, scale in tensors)}];\n"
        f"export const WEIGHTS =\n    '{data}';\n")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--data", type=pathlib.Path, required=True)
    options.add_argument("--output", type=pathlib.Path, required=True)
    options.add_argument("--epochs", type=int, default=8)
    options = options.parse_args()
    random = np.random.default_rng(1)
    read = {name: read_idx(options.data / f"{name}-ubyte.gz") for name in
            ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")}
    images, labels = read["train-images-idx3"], read["train-labels-idx1"]
    learnt, kept = images[:50000], images[50000:]
    nondigits = json.loads((HERE / "nondigits.json").read_text())

    good = np.concatenate([digits_of(learnt, 40000, random), drawn_digits(8000, random)])
    odd = np.concatenate([
        drawn_nondigits(nondigits["train"], 10000, random),
        invented(scribble, 2500, random), invented(sign, 12000, random),
        groups(learnt, 9000, random, 2), groups(learnt, 2000, random, 3),
        turned(learnt, labels[:50000], 8000, random)])
    print(f"{len(good)} digits, {len(odd)} others", flush=True)
    x, y = np.concatenate([good, odd]), np.concatenate([np.zeros(len(good)), np.ones(len(odd))])
    weights = parameters(random)
    train(weights, x, y, random, options.epochs)

    tensors = rounded(weights)
    weights = [tensor.astype(np.float32) * np.float32(scale) for tensor, scale in tensors]
    aside = np.maximum(*(np.quantile(score(weights, digits), 1 - FALSE_HINTS) for digits in
                         (kept.astype(np.float32), drawn_digits(2000, random))))
    threshold = float(aside)
    write(options.output, tensors, threshold)
    test, truth = read["t10k-images-idx3"], read["t10k-labels-idx1"]
    print(f"threshold {threshold:.4f}; of 100, these get the hint:")
    for name, pictures in {
            "MNIST's test images": test.astype(np.float32),
            "drawn digits": drawn_digits(2000, random),
            "letters and shapes, kinds learnt": drawn_nondigits(nondigits["train"], 2000, random),
            "letters and shapes, kinds not learnt": drawn_nondigits(nondigits["held out"], 2000,
                                                                    random),
            "scribbles": invented(scribble, 1000, random),
            "signs of an unknown alphabet": invented(sign, 1000, random),
            "two test digits": groups(test, 2000, random, 2),
            "three test digits": groups(test, 1000, random, 3),
            "a quarter turn": turned(test, truth, 2000, random),
            "upside down (3, 4, 7), held out": turned(test, truth, 1000, random, (3, 4, 7),
                                                      (2.95, 3.3))}.items():
        print(f"  {100 * (score(weights, pictures) > threshold).mean():6.2f}  {name}", flush=True)


if __name__ == "__main__":
    main()
