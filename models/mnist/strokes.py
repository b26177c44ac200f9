"""Digits written with strokes of our own, drawn as visitors draw them, on the device that trains.

A form is one way to write a digit: strokes of a few points each, in a box one unit high. A drawing
is a form in a random hand: slanted, stretched, bent, its strokes a little out of place, with a pen
of some width at some size and place. `FORMS` are for training; `KEPT_OUT` were written apart, and
nothing is ever trained on them: how well those are read says how well a new hand is.

Everything is done for a whole batch at a time, without a loop over drawings.
"""

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from augment import CANVAS, blocks, fit

CORNER = None  # between points: the pen turns sharply here
SIDE = 512  # pixels across the canvas on which visitors draw
SAMPLES = 128  # samples across it, at which drawings are made
HASTE = (0.4, 1.8)  # of the hands: 1 is usual
POINTS = 64  # of a drawing's polyline
PEN = 24  # pixels: the pen of the original demo's canvas

# By digit, a list of forms; a form is a list of strokes; x goes right, y down.
FORMS = {
    0: [
        [[(.50, .0), (.22, .10), (.06, .42), (.10, .78), (.36, 1.), (.62, .88), (.76, .52),
          (.68, .14), (.50, .0)]],
        [[(.42, .02), (.20, .26), (.16, .62), (.30, .98), (.46, .94), (.54, .56), (.50, .16),
          (.38, .0)]],
        [[(.62, .10), (.36, .02), (.08, .30), (.08, .74), (.38, 1.), (.72, .80), (.80, .36),
          (.58, .04), (.40, .08)]],
        [[(.34, .06), (.60, .0), (.80, .30), (.76, .74), (.46, 1.), (.14, .84), (.06, .42),
          (.24, .08), (.44, .02)]],
        [[(.56, .12), (.40, .0), (.16, .16), (.08, .52), (.22, .90), (.48, 1.), (.70, .74),
          (.74, .36), (.60, .08), (.34, .02), (.22, .16)]],
    ],
    1: [
        [[(.40, .0), (.40, .5), (.40, 1.)]],
        [[(.18, .26), (.44, .0), CORNER, (.44, .0), (.44, .5), (.44, 1.)]],
        [[(.16, .24), (.42, .0), CORNER, (.42, .0), (.42, .5), (.42, 1.)],
         [(.14, 1.), (.42, .99), (.70, 1.)]],
        [[(.54, .0), (.46, .34), (.36, .7), (.28, 1.)]],
        [[(.30, .12), (.46, .0), CORNER, (.46, .0), (.42, .6), (.42, 1.)]],
        [[(.34, .0), (.40, .4), (.48, .8), (.50, 1.)]],
    ],
    2: [
        [[(.08, .22), (.28, .02), (.58, .04), (.70, .24), (.52, .54), (.24, .80), (.06, .98),
          CORNER, (.06, .98), (.40, .96), (.76, .97)]],
        [[(.12, .26), (.26, .04), (.54, .0), (.70, .18), (.60, .46), (.34, .78), (.10, .96),
          (.04, .84), (.20, .80), (.44, .96), (.80, .92)]],
        [[(.06, .10), (.40, .0), (.70, .10), CORNER, (.70, .10), (.40, .54), (.06, 1.), CORNER,
          (.06, 1.), (.44, .98), (.78, 1.)]],
        [[(.14, .14), (.40, .0), (.66, .14), (.62, .40), (.34, .70), (.06, .94), CORNER,
          (.06, .94), (.30, .84), (.56, .98), (.82, .90)]],
        [[(.20, .36), (.14, .14), (.36, .0), (.60, .10), (.62, .36), (.40, .70), (.16, .90),
          CORNER, (.16, .90), (.46, .94), (.78, .86)]],
        [[(.10, .14), (.46, .02), (.68, .20), (.58, .56), (.26, .92), (.10, .92), (.12, .76),
          (.30, .76), (.40, .94), (.66, 1.)]],
    ],
    3: [
        [[(.12, .12), (.36, .0), (.64, .10), (.62, .34), (.34, .46), CORNER, (.34, .46),
          (.64, .54), (.74, .76), (.50, .98), (.22, .98), (.06, .86)]],
        [[(.08, .04), (.40, .03), (.70, .02), CORNER, (.70, .02), (.50, .22), (.32, .42), CORNER,
          (.32, .42), (.60, .46), (.74, .68), (.56, .94), (.28, 1.), (.04, .88)]],
        [[(.16, .08), (.44, .0), (.66, .16), (.52, .40), (.30, .46), (.26, .42), (.46, .46),
          (.70, .62), (.64, .88), (.36, 1.), (.06, .90)]],
        [[(.20, .18), (.40, .0), (.62, .12), (.56, .36), (.36, .48), (.62, .60), (.68, .82),
          (.42, 1.), (.12, .86)]],
        [[(.04, .14), (.30, .0), (.56, .08), (.56, .30), (.24, .44), CORNER, (.24, .44),
          (.58, .52), (.78, .70), (.62, .94), (.20, 1.)]],
        [[(.24, .10), (.50, .04), (.64, .20), (.44, .44), CORNER, (.44, .44), (.64, .56),
          (.60, .84), (.34, 1.), (.06, .98)]],
    ],
    4: [
        [[(.20, .0), (.12, .28), (.08, .54), CORNER, (.08, .54), (.40, .54), (.76, .52)],
         [(.60, .04), (.58, .5), (.56, 1.)]],
        [[(.56, 1.), (.56, .5), (.56, .0), CORNER, (.56, .0), (.30, .34), (.02, .68), CORNER,
          (.02, .68), (.40, .67), (.80, .66)]],
        [[(.14, .0), (.06, .30), (.20, .50), (.46, .50), (.64, .34)],
         [(.68, .0), (.66, .5), (.62, 1.)]],
        [[(.46, .0), (.24, .34), (.02, .64), CORNER, (.02, .64), (.40, .64), (.78, .62)],
         [(.52, .36), (.52, .7), (.50, 1.)]],
        [[(.16, .0), (.12, .24), (.14, .46), CORNER, (.14, .46), (.38, .48), (.62, .44), CORNER,
          (.62, .0), (.62, .44), (.60, 1.)]],
        [[(.10, .04), (.02, .34), (.16, .54), (.44, .50), (.62, .24), (.66, .02), CORNER,
          (.66, .02), (.62, .5), (.58, 1.)]],
        [[(.26, .06), (.14, .30), (.04, .48), (.10, .58), (.40, .54), (.74, .50)],
         [(.66, .10), (.56, .5), (.44, 1.)]],
        [[(.04, .06), (.04, .36), (.10, .52), CORNER, (.10, .52), (.60, .46)],
         [(.68, .02), (.66, .5), (.68, 1.)]],
        [[(.18, .06), (.08, .36), (.22, .56), (.48, .46), (.62, .16), CORNER, (.62, .16),
          (.52, .60), (.42, 1.)]],
    ],
    5: [
        [[(.68, .0), (.42, .02), (.18, .02), CORNER, (.18, .02), (.14, .22), (.12, .44), CORNER,
          (.12, .44), (.40, .36), (.66, .50), (.68, .78), (.44, .98), (.08, .92)]],
        [[(.20, .04), (.16, .24), (.12, .44), CORNER, (.12, .44), (.38, .38), (.62, .50),
          (.66, .74), (.44, .98), (.08, .94)],
         [(.18, .04), (.46, .03), (.74, .0)]],
        [[(.66, .06), (.36, .02), (.18, .20), (.22, .40), (.48, .50), (.62, .70), (.48, .94),
          (.16, 1.)]],
        [[(.62, .0), (.22, .0), CORNER, (.22, .0), (.16, .46), CORNER, (.16, .46), (.46, .42),
          (.60, .62), (.54, .90), (.22, 1.), (.02, .84)]],
        [[(.70, .04), (.44, .06), (.20, .08), CORNER, (.20, .08), (.22, .28), (.18, .46),
          (.44, .42), (.58, .60), (.50, .84), (.26, .94), (.04, .98)]],
        [[(.24, .10), (.20, .44), CORNER, (.20, .44), (.48, .44), (.66, .66), (.50, .94),
          (.18, .98)],
         [(.30, .06), (.78, .08)]],
        [[(.74, .0), (.40, .0), (.16, .12), (.14, .36), (.40, .44), (.60, .58), (.56, .84),
          (.30, 1.), (.06, .94)]],
    ],
    6: [
        [[(.58, .0), (.30, .20), (.10, .52), (.08, .80), (.28, 1.), (.54, .94), (.66, .74),
          (.52, .54), (.26, .58), (.08, .78)]],
        [[(.40, .0), (.22, .30), (.12, .64), (.22, .94), (.46, 1.), (.60, .82), (.52, .60),
          (.30, .56), (.14, .72)]],
        [[(.20, .0), (.12, .40), (.10, .76), (.28, 1.), (.56, .94), (.64, .70), (.46, .52),
          (.22, .58), (.10, .76)]],
        [[(.70, .08), (.44, .02), (.16, .30), (.04, .66), (.20, .96), (.50, .96), (.68, .72),
          (.50, .50), (.20, .58), (.06, .76)]],
        [[(.46, .04), (.24, .18), (.12, .44), (.10, .74), (.22, .96), (.46, .98), (.58, .80),
          (.48, .66), (.28, .68), (.14, .84)]],
        [[(.24, .0), (.14, .3), (.10, .62), (.16, .92), (.40, 1.), (.66, .86), (.64, .62),
          (.42, .52), (.20, .60), (.12, .70)]],
    ],
    7: [
        [[(.06, .04), (.40, .03), (.72, .0), CORNER, (.72, .0), (.50, .36), (.36, .70), (.28, 1.)]],
        [[(.08, .06), (.40, .03), (.74, .02), CORNER, (.74, .02), (.50, .44), (.30, 1.)],
         [(.22, .52), (.44, .50), (.68, .49)]],
        [[(.08, .20), (.10, .04), CORNER, (.10, .04), (.44, .08), (.78, .02), CORNER, (.78, .02),
          (.54, .40), (.42, 1.)]],
        [[(.04, .0), (.36, .02), (.68, .0), CORNER, (.68, .0), (.62, .3), (.50, .64), (.46, 1.)],
         [(.30, .46), (.54, .45), (.82, .44)]],
        [[(.10, .16), (.14, .02), CORNER, (.14, .02), (.46, .05), (.76, .0), CORNER, (.76, .0),
          (.50, .42), (.24, 1.)],
         [(.16, .56), (.44, .50), (.72, .46)]],
        [[(.06, .02), (.40, .0), (.66, .06), (.62, .28), (.46, .60), (.36, 1.)]],
        [[(.04, .10), (.36, .06), (.72, .10), (.70, .26), (.50, .60), (.40, 1.)],
         [(.10, .60), (.44, .54), (.80, .50)]],
        [[(.12, .0), (.70, .0), CORNER, (.70, .0), (.44, .54), (.20, 1.)],
         [(.06, .44), (.40, .48), (.78, .54)]],
        [[(.02, .26), (.06, .06), CORNER, (.06, .06), (.40, .06), (.70, .02), CORNER, (.70, .02),
          (.56, .40), (.50, 1.)],
         [(.28, .58), (.54, .54), (.80, .50)]],
        [[(.10, .08), (.30, .0), (.50, .10), (.74, .02), CORNER, (.74, .02), (.50, .46),
          (.38, 1.)]],
    ],
    8: [
        [[(.64, .12), (.40, .0), (.16, .16), (.28, .40), (.54, .56), (.68, .80), (.40, 1.),
          (.12, .80), (.26, .58), (.52, .40), (.66, .20), (.62, .10)]],
        [[(.40, .46), (.18, .32), (.20, .08), (.42, .0), (.62, .12), (.58, .36), (.38, .46)],
         [(.40, .46), (.10, .62), (.12, .90), (.40, 1.), (.68, .88), (.66, .60), (.42, .46)]],
        [[(.40, .02), (.18, .14), (.24, .38), (.52, .56), (.64, .84), (.38, 1.), (.14, .84),
          (.28, .56), (.54, .36), (.60, .12), (.40, .0)]],
        [[(.58, .18), (.40, .02), (.20, .14), (.30, .42), (.58, .66), (.56, .92), (.32, 1.),
          (.12, .84), (.24, .60), (.62, .24)]],
        [[(.56, .30), (.62, .10), (.40, .0), (.20, .12), (.26, .36), (.50, .52), (.64, .74),
          (.50, .98), (.22, .96), (.12, .76), (.30, .54), (.56, .34)]],
        [[(.70, .04), (.40, .02), (.22, .20), (.40, .42), (.60, .66), (.48, .96), (.20, .92),
          (.20, .68), (.46, .44), (.70, .10)]],
    ],
    9: [
        [[(.64, .14), (.42, .0), (.14, .12), (.12, .38), (.36, .50), (.60, .34), (.64, .12),
          CORNER, (.64, .12), (.62, .56), (.58, 1.)]],
        [[(.66, .10), (.40, .0), (.16, .18), (.22, .44), (.46, .46), (.66, .22), (.66, .10),
          (.64, .54), (.50, .88), (.22, 1.)]],
        [[(.62, .18), (.40, .0), (.14, .16), (.18, .42), (.44, .46), (.62, .20), CORNER,
          (.62, .20), (.62, .60), (.60, .96), CORNER, (.60, .96), (.34, .98), (.10, .97)]],
        [[(.60, .28), (.44, .46), (.16, .40), (.12, .14), (.36, .0), (.60, .14), (.60, .40),
          (.56, .70), (.44, 1.)]],
        [[(.56, .12), (.34, .02), (.12, .22), (.24, .46), (.50, .36), (.58, .10), CORNER,
          (.58, .10), (.64, .48), (.60, .84), (.38, 1.), (.10, .94)]],
        [[(.56, .06), (.30, .04), (.14, .24), (.24, .44), (.48, .38), (.60, .14), CORNER,
          (.60, .14), (.62, .50), (.60, .92), CORNER, (.60, .92), (.40, 1.), (.02, .98)]],
        [[(.62, .20), (.50, .02), (.24, .06), (.14, .30), (.34, .46), (.58, .34), (.66, .10),
          (.66, .52), (.54, .94), (.30, 1.), (.12, .92)]],
        [[(.66, .12), (.46, .0), (.20, .10), (.16, .34), (.38, .44), (.62, .24), CORNER,
          (.66, .06), (.54, .5), (.40, 1.)]],
    ],
}

# Written apart from the above, in other proportions, orders and directions.
KEPT_OUT = {
    0: [
        [[(.30, .10), (.10, .36), (.08, .66), (.26, .94), (.54, .96), (.76, .66), (.74, .32),
          (.54, .06), (.34, .06)]],
        [[(.58, .04), (.30, .10), (.16, .50), (.26, .90), (.50, .98), (.66, .60), (.64, .22),
          (.46, .02), (.30, .14)]],
    ],
    1: [
        [[(.46, .0), (.44, .3), (.46, .7), (.45, 1.)]],
        [[(.22, .20), (.34, .14), (.46, .02), CORNER, (.46, .02), (.44, .5), (.40, 1.)]],
        [[(.26, .18), (.48, .0), CORNER, (.48, .0), (.46, 1.)], [(.22, .98), (.72, 1.)]],
    ],
    2: [
        [[(.10, .30), (.16, .10), (.42, .0), (.64, .12), (.64, .36), (.42, .66), (.12, .98),
          CORNER, (.12, .98), (.74, .94)]],
        [[(.16, .18), (.40, .02), (.62, .16), (.50, .50), (.20, .86), (.08, .90), (.14, .76),
          (.34, .82), (.54, 1.), (.72, .98)]],
    ],
    3: [
        [[(.14, .06), (.44, .02), (.60, .20), (.46, .40), (.28, .44), CORNER, (.28, .44),
          (.56, .52), (.66, .72), (.52, .94), (.24, 1.), (.10, .94)]],
        [[(.12, .0), (.62, .02), CORNER, (.62, .02), (.34, .36), CORNER, (.34, .36), (.62, .48),
          (.68, .78), (.40, .98), (.08, .94)]],
    ],
    4: [
        [[(.24, .02), (.16, .24), (.06, .50), CORNER, (.06, .50), (.34, .50), (.68, .50)],
         [(.54, .0), (.52, .5), (.54, 1.)]],
        [[(.08, .0), (.10, .26), (.24, .44), (.50, .42), (.60, .20)],
         [(.62, .04), (.60, .44), (.60, 1.)]],
        [[(.50, .02), (.22, .40), (.04, .60), CORNER, (.04, .60), (.72, .58)],
         [(.50, .02), (.48, .5), (.46, 1.)]],
    ],
    5: [
        [[(.62, .04), (.24, .06), CORNER, (.24, .06), (.20, .40), CORNER, (.20, .40), (.50, .40),
          (.64, .62), (.56, .88), (.32, 1.), (.10, .96)]],
        [[(.22, .02), (.18, .38), CORNER, (.18, .38), (.44, .36), (.58, .56), (.54, .84),
          (.30, .98), (.06, .88)],
         [(.22, .02), (.66, .04)]],
    ],
    6: [
        [[(.50, .02), (.26, .24), (.14, .58), (.16, .86), (.36, .98), (.58, .86), (.56, .64),
          (.36, .56), (.16, .70)]],
        [[(.30, .0), (.14, .36), (.06, .70), (.22, .96), (.48, .98), (.62, .78), (.50, .58),
          (.28, .60), (.10, .74)]],
    ],
    7: [
        [[(.10, .02), (.66, .04), CORNER, (.66, .04), (.44, .50), (.34, 1.)]],
        [[(.06, .06), (.70, .04), CORNER, (.70, .04), (.46, .48), (.36, 1.)],
         [(.24, .46), (.72, .50)]],
        [[(.08, .18), (.10, .06), CORNER, (.10, .06), (.66, .04), CORNER, (.66, .04), (.48, .40),
          (.38, .96)],
         [(.20, .50), (.66, .44)]],
    ],
    8: [
        [[(.60, .16), (.44, .02), (.22, .10), (.22, .30), (.46, .48), (.62, .70), (.52, .96),
          (.24, .98), (.14, .78), (.32, .54), (.56, .34), (.60, .14)]],
        [[(.40, .44), (.20, .30), (.26, .06), (.50, .04), (.58, .26), (.40, .44)],
         [(.40, .44), (.16, .64), (.20, .94), (.50, 1.), (.64, .74), (.42, .44)]],
    ],
    9: [
        [[(.58, .10), (.34, .02), (.14, .20), (.22, .44), (.48, .40), (.58, .10), CORNER,
          (.58, .10), (.56, .50), (.50, 1.)]],
        [[(.60, .16), (.38, .02), (.16, .22), (.28, .46), (.54, .34), (.60, .16), CORNER,
          (.60, .16), (.58, .94), CORNER, (.58, .94), (.12, 1.)]],
        [[(.62, .08), (.34, .04), (.20, .28), (.40, .46), (.60, .24), (.62, .08), (.60, .60),
          (.42, .94), (.16, .92)]],
    ],
}


def curve(stroke):
    """A stroke's points on a Catmull-Rom curve, close together; corners where it says so."""
    parts, part = [], []
    for point in [*stroke, CORNER]:
        if point is CORNER:
            parts.append(np.array(part, np.float64))
            part = []
        else:
            part.append(point)
    lines = []
    for points in parts:
        ends = np.vstack([points[:1], points, points[-1:]])
        steps = np.linspace(0, 1, 24, endpoint=False)[:, None]
        for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:]):
            lines.append(0.5 * (2 * b + (c - a) * steps + (2 * a - 5 * b + 4 * c - d) * steps ** 2
                                + (3 * b - a - 3 * c + d) * steps ** 3))
        lines.append(points[-1:])
    return np.vstack(lines)


def resample(line, count):
    """`count` points at equal distances along a line."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    wanted = np.linspace(0, along[-1], count)
    return np.stack([np.interp(wanted, along, line[:, axis]) for axis in (0, 1)], axis=1)


@functools.cache
def table(kept_out, device):
    """All forms: points (forms, POINTS, 2), stroke of each point (forms, POINTS), first form and
    number of forms of each digit (10)."""
    points, strokes, first, count = [], [], [], []
    for digit, forms in sorted((KEPT_OUT if kept_out else FORMS).items()):
        first.append(len(points))
        count.append(len(forms))
        for form in forms:
            lines = [curve(stroke) for stroke in form]
            lengths = [np.hypot(*np.diff(line, axis=0).T).sum() for line in lines]
            shares = [max(4, round(POINTS * length / sum(lengths))) for length in lengths]
            shares[int(np.argmax(shares))] += POINTS - sum(shares)
            points.append(np.vstack([resample(line, share) for line, share in zip(lines, shares)]))
            strokes.append(np.repeat(np.arange(len(form)), shares))
    return (torch.tensor(np.array(points), dtype=torch.float32, device=device),
            torch.tensor(np.array(strokes), device=device),
            torch.tensor(first, device=device), torch.tensor(count, device=device))


def write(digits, kept_out=False, form=None, hasty=HASTE):
    """Lines in random hands: points (batch, POINTS, 2) in a box one unit high, their strokes."""
    points, strokes, first, count = table(kept_out, digits.device)
    uniform = functools.partial(torch.rand, device=digits.device)
    normal = functools.partial(torch.randn, device=digits.device)
    batch = len(digits)
    if form is None:
        form = first[digits] + (uniform(batch) * count[digits]).long()
    line, stroke = points[form] - 0.5, strokes[form]

    # From a careful hand to a hasty one: each stroke out of place and size, the whole bent by slow
    # waves, the beginning and the end cut short.
    haste = hasty[0] + (hasty[1] - hasty[0]) * uniform(batch, 1, 1)
    of_point = stroke[:, :, None].expand(-1, -1, 2)
    place = (0.03 * haste * normal(batch, 4, 2)).gather(1, of_point)
    size = (0.10 * haste * normal(batch, 4, 2)).exp().gather(1, of_point)
    belongs = F.one_hot(stroke, 4).float()
    centre = (belongs.transpose(1, 2) @ line) / belongs.sum(1).clamp(min=1)[:, :, None]
    centre = centre.gather(1, of_point)
    line = centre + (line - centre) * size + place
    wave = 2.5 * normal(batch, 1, 3, 2)
    phase = 2 * math.pi * uniform(batch, 1, 3)
    height = 0.025 * haste[:, :, None] * normal(batch, 1, 3, 2)
    line = line + ((line[:, :, None, :] * wave).sum(3) + phase).sin()[..., None].mul(height).sum(2)
    cut = (0.04 * POINTS * haste[:, :, 0] * uniform(batch, 2)).long()
    kept = torch.arange(POINTS, device=digits.device).expand(batch, -1)
    kept = torch.maximum(torch.minimum(kept, POINTS - 1 - cut[:, 1:]), cut[:, :1])
    line = line.gather(1, kept[:, :, None].expand(-1, -1, 2))

    slant = 0.2 * haste[:, 0] * normal(batch, 1)
    width = (0.16 * haste[:, 0] * normal(batch, 1)).exp()
    angle = 0.08 * haste[:, 0] * normal(batch, 1)
    x = width * line[..., 0] - slant * line[..., 1]
    y = line[..., 1]
    line = torch.stack([angle.cos() * x - angle.sin() * y, angle.sin() * x + angle.cos() * y], 2)
    return line, stroke


def place(line, high):
    """The lines in pixels of the canvas, `high` (batch) pixels high, anywhere where they fit."""
    low, top = line.amin(1, keepdim=True), line.amax(1, keepdim=True)
    scale = high[:, None, None] / (top - low)[..., 1:].clamp(min=0.2)
    size = (top - low) * scale
    room = (SIDE - size).clamp(min=0)
    return (line - low) * scale + room * torch.rand(len(line), 1, 2, device=line.device)


def cover(line, stroke, pen):
    """How much of each sample of the canvas (batch, SAMPLES, SAMPLES) round pens of width `pen`
    (batch, in pixels) cover, from the distance of its centre to the line."""
    step = SIDE / SAMPLES
    at = (torch.arange(SAMPLES, device=line.device) + 0.5) * step
    reach = pen[:, None, None] / 2
    covered = torch.zeros(len(line), SAMPLES, SAMPLES, device=line.device)
    for k in range(POINTS - 1):
        (ax, ay), (bx, by) = (line[:, k + end].T[:, :, None, None] for end in (0, 1))
        joined = (stroke[:, k] == stroke[:, k + 1])[:, None, None]
        bx, by = torch.where(joined, bx, ax), torch.where(joined, by, ay)
        px, py = at[None, None, :] - ax, at[None, :, None] - ay
        dx, dy = bx - ax, by - ay
        t = ((px * dx + py * dy) / (dx * dx + dy * dy).clamp(min=1e-6)).clamp(0, 1)
        away = torch.hypot(px - t * dx, py - t * dy)
        covered = torch.maximum(covered, ((reach - away) / step + 0.5).clamp(0, 1))
    return covered


def draw(digits, high, pen, kept_out=False, form=None, hasty=HASTE):
    """Drawings of digits (batch): `high` and `pen` (batch) in pixels. Ink 1 on paper 0."""
    line, stroke = write(digits, kept_out, form, hasty)
    return cover(place(line, high), stroke, pen)


def drawings(digits, kept_out=False):
    """Digits (batch) as the network sees them, (batch, 1, 28, 28): the first half on the original
    demo's canvas of blocks, the others drawn smoothly, both of any size and by any pen."""
    half = len(digits) // 2
    uniform = functools.partial(torch.rand, device=digits.device)
    high = SIDE / CANVAS * (4 + 11 * uniform(half))
    coarse = draw(digits[:half], high, torch.full_like(high, PEN), kept_out)
    high = 100 + 360 * uniform(len(digits) - half)
    pen = torch.minimum(12 + 68 * uniform(len(high)), 0.28 * high)
    smooth = draw(digits[half:], high, pen, kept_out)
    return torch.cat([fit(blocks(coarse)), fit(smooth)])


class Hand(NamedTuple):
    """A kind of drawing that is judged and never trained on."""
    name: str
    digits: Iterable
    forms: list | None  # of those digits in KEPT_OUT; None: all
    high: tuple  # pixels, from and to
    pen: tuple  # likewise
    coarse: bool  # on the original demo's canvas of blocks
    haste: tuple


HANDS = [Hand(*row) for row in [
    ("page", range(10), None, (200, 420), (36, 36), False, (0.5, 1.5)),
    ("page, hasty", range(10), None, (200, 420), (36, 36), False, (1.5, 2.5)),
    ("page, small", range(10), None, (100, 160), (24, 36), False, (0.5, 1.5)),
    ("page, thick pen", range(10), None, (250, 420), (60, 80), False, (0.5, 1.5)),
    ("blocks", range(10), None, (200, 420), (PEN, PEN), True, (0.5, 1.5)),
    ("blocks, hasty", range(10), None, (200, 420), (PEN, PEN), True, (1.5, 2.5)),
    ("blocks, 4 to 6 high", range(10), None, (128, 192), (PEN, PEN), True, (0.5, 1.5)),
    ("crossed 7, hasty", [7], [1, 2], (200, 420), (36, 36), False, (1.5, 2.5)),
    ("open 4, hasty", [4], [1], (200, 420), (36, 36), False, (1.5, 2.5)),
    ("9 on a foot, hasty", [9], [1], (200, 420), (36, 36), False, (1.5, 2.5)),
]]


def judged(hand, count, device):
    """`count` drawings in a Hand, and their digits."""
    label = torch.tensor(list(hand.digits), device=device).repeat(count // len(hand.digits))
    form = None
    if hand.forms is not None:
        forms = torch.tensor(hand.forms, device=device)
        form = table(True, device)[2][label] + forms.repeat(len(label) // len(forms))

    def between(ends):
        return ends[0] + (ends[1] - ends[0]) * torch.rand(len(label), device=device)

    drawn = draw(label, between(hand.high), between(hand.pen), True, form, hand.haste)
    return fit(blocks(drawn) if hand.coarse else drawn), label
