#!/usr/bin/env python3
"""Draws the sample digits in models/mnist/samples/: two of each, from our own strokes.

    N-canvas.png  what the drawing canvas sends: round black strokes, 24 pixels wide, on a
                  transparent 512x512 canvas, turned into a grid of 16x16 blocks
    N-pen.png     a smooth pen on white paper, grey, each of another size and thickness

Needs Python's standard library alone; the same files come out every time.
Run it from anywhere: python3 models/mnist/draw_samples.py
"""

import math
import pathlib
import struct
import zlib

# A digit is a list of strokes, a stroke a list of points that the pen passes through smoothly
# (Catmull-Rom). Units: the digit's height is about 1, y points down. "|" makes a corner.
CANVAS = {
    0: [[(0.52, 0.02), (0.24, 0.18), (0.12, 0.5), (0.22, 0.84), (0.46, 0.99), (0.72, 0.86),
         (0.82, 0.5), (0.74, 0.16), (0.5, 0.02), (0.44, 0.03)]],
    1: [[(0.42, 0.0), (0.44, 0.34), (0.43, 0.68), (0.44, 1.0)]],
    2: [[(0.1, 0.2), (0.26, 0.04), (0.52, 0.0), (0.74, 0.14), (0.72, 0.38), (0.5, 0.64),
         (0.08, 0.98), "|", (0.08, 0.98), (0.4, 0.99), (0.84, 0.97)]],
    3: [[(0.12, 0.08), (0.4, 0.0), (0.7, 0.1), (0.7, 0.32), (0.36, 0.46), "|", (0.36, 0.46),
         (0.7, 0.54), (0.8, 0.76), (0.6, 0.96), (0.3, 1.0), (0.06, 0.88)]],
    4: [[(0.16, 0.0), (0.12, 0.28), (0.08, 0.56), "|", (0.08, 0.56), (0.4, 0.56), (0.84, 0.54)],
        [(0.66, 0.04), (0.64, 0.5), (0.63, 1.0)]],
    5: [[(0.78, 0.02), (0.2, 0.03), "|", (0.2, 0.03), (0.16, 0.42), "|", (0.16, 0.42),
         (0.46, 0.36), (0.74, 0.5), (0.78, 0.74), (0.58, 0.96), (0.28, 1.0), (0.06, 0.9)]],
    6: [[(0.6, 0.0), (0.32, 0.18), (0.12, 0.5), (0.12, 0.8), (0.34, 1.0), (0.64, 0.94),
         (0.78, 0.74), (0.64, 0.56), (0.36, 0.58), (0.14, 0.76)]],
    7: [[(0.06, 0.04), (0.4, 0.03), (0.82, 0.02), "|", (0.82, 0.02), (0.62, 0.34), (0.46, 0.66),
         (0.38, 1.0)]],
    8: [[(0.7, 0.12), (0.46, 0.0), (0.22, 0.08), (0.16, 0.26), (0.4, 0.46), (0.7, 0.66),
         (0.74, 0.88), (0.46, 1.0), (0.16, 0.88), (0.2, 0.66), (0.46, 0.46), (0.68, 0.28),
         (0.7, 0.12)]],
    9: [[(0.72, 0.14), (0.46, 0.0), (0.18, 0.12), (0.16, 0.36), (0.38, 0.52), (0.64, 0.42),
         (0.74, 0.14), "|", (0.74, 0.14), (0.72, 0.56), (0.66, 1.0)]],
}

# The same digits in another hand: slanted, rounder, with the loops and hooks that people add.
PEN = {
    0: [[(0.58, 0.04), (0.36, 0.0), (0.14, 0.26), (0.06, 0.62), (0.18, 0.94), (0.44, 0.98),
         (0.7, 0.74), (0.78, 0.36), (0.66, 0.08), (0.5, 0.03)]],
    1: [[(0.34, 0.15), (0.43, 0.09), (0.5, 0.0), "|", (0.5, 0.0), (0.46, 0.36), (0.4, 0.7),
         (0.36, 1.0)]],
    2: [[(0.16, 0.24), (0.3, 0.04), (0.56, 0.0), (0.72, 0.16), (0.64, 0.42), (0.4, 0.72),
         (0.16, 0.96), (0.06, 0.94), (0.14, 0.82), (0.34, 0.88), (0.56, 1.0), (0.82, 0.9)]],
    3: [[(0.2, 0.14), (0.42, 0.0), (0.68, 0.08), (0.7, 0.26), (0.52, 0.42), (0.38, 0.46),
         (0.56, 0.5), (0.7, 0.66), (0.62, 0.88), (0.36, 1.0), (0.1, 0.9)]],
    4: [[(0.46, 0.0), (0.26, 0.32), (0.04, 0.66), "|", (0.04, 0.66), (0.4, 0.64), (0.86, 0.6)],
        [(0.64, 0.34), (0.58, 0.66), (0.52, 1.0)]],
    5: [[(0.3, 0.04), (0.22, 0.24), (0.16, 0.44), "|", (0.16, 0.44), (0.42, 0.4), (0.66, 0.52),
         (0.68, 0.74), (0.48, 0.94), (0.22, 0.99), (0.04, 0.9)],
        [(0.3, 0.05), (0.56, 0.06), (0.84, 0.0)]],
    6: [[(0.68, 0.02), (0.4, 0.2), (0.16, 0.52), (0.08, 0.8), (0.24, 0.98), (0.5, 0.94),
         (0.66, 0.74), (0.56, 0.58), (0.34, 0.62), (0.12, 0.86)]],
    7: [[(0.1, 0.14), (0.14, 0.04), (0.44, 0.07), (0.8, 0.0), "|", (0.8, 0.0), (0.6, 0.3),
         (0.42, 0.64), (0.3, 1.0)],
        [(0.24, 0.52), (0.48, 0.5), (0.72, 0.47)]],
    8: [[(0.74, 0.1), (0.54, 0.0), (0.32, 0.1), (0.32, 0.3), (0.5, 0.46), (0.6, 0.66),
         (0.5, 0.9), (0.26, 1.0), (0.08, 0.86), (0.18, 0.66), (0.46, 0.48), (0.7, 0.3),
         (0.74, 0.1)]],
    9: [[(0.72, 0.1), (0.5, 0.0), (0.26, 0.12), (0.2, 0.36), (0.38, 0.46), (0.6, 0.34),
         (0.72, 0.1), (0.66, 0.44), (0.56, 0.78), (0.4, 0.98), (0.18, 0.98), (0.08, 0.88)]],
}

# Width, height, stroke width, ink and paper (grey) of each pen drawing, and where the digit is.
PAPERS = {
    0: (300, 300, 22, 0, 255, (70, 50, 190)),
    1: (200, 280, 16, 20, 255, (60, 40, 190)),
    2: (400, 320, 26, 0, 255, (110, 45, 220)),
    3: (256, 256, 18, 30, 250, (70, 40, 170)),
    4: (360, 360, 24, 0, 255, (80, 70, 210)),
    5: (280, 340, 24, 10, 255, (50, 70, 200)),
    6: (240, 300, 20, 0, 245, (50, 60, 180)),
    7: (320, 260, 18, 40, 255, (90, 40, 170)),
    8: (300, 400, 26, 0, 255, (60, 80, 240)),
    9: (260, 320, 20, 15, 255, (60, 60, 200)),
}


def curve(a, b, c, d, t):
    """The point at t on the Catmull-Rom curve from b to c."""
    def along(axis):
        p, q, r, s = a[axis], b[axis], c[axis], d[axis]
        return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t
                      + (3 * q - p - 3 * r + s) * t * t * t)
    return along(0), along(1)


def smooth(stroke, steps=12):
    """The polyline through a stroke's points; corners where it says "|"."""
    parts, part = [], []
    for point in stroke + ["|"]:
        if point == "|":
            parts.append(part)
            part = []
        else:
            part.append(point)
    line = []
    for part in parts:
        ends = [part[0]] + part + [part[-1]]
        for which in range(len(part) - 1):
            line += [curve(*ends[which:which + 4], step / steps) for step in range(steps)]
        line.append(part[-1])
    return line


def cover(width, height, lines, thickness):
    """How much of each pixel round-ended lines cover, 0 to 1, from the distance to its centre."""
    rows = [[0.0] * width for _ in range(height)]
    reach = thickness / 2 + 1
    for line in lines:
        for (ax, ay), (bx, by) in zip(line, line[1:]):
            length = (bx - ax) ** 2 + (by - ay) ** 2
            for y in range(max(0, int(min(ay, by) - reach)),
                           min(height, int(max(ay, by) + reach) + 1)):
                for x in range(max(0, int(min(ax, bx) - reach)),
                               min(width, int(max(ax, bx) + reach) + 1)):
                    px, py = x + 0.5 - ax, y + 0.5 - ay
                    t = (px * (bx - ax) + py * (by - ay)) / length if length else 0.0
                    t = min(1.0, max(0.0, t))
                    away = math.sqrt((px - t * (bx - ax)) ** 2 + (py - t * (by - ay)) ** 2)
                    amount = min(1.0, max(0.0, thickness / 2 - away + 0.5))
                    rows[y][x] = max(rows[y][x], amount)
    return rows


def placed(strokes, left, top, size):
    return [[(left + x * size, top + y * size) for x, y in smooth(stroke)] for stroke in strokes]


def blocks(rows, side):
    """A block with any ink takes the average of its inked pixels, in sixteen steps."""
    height, width = len(rows), len(rows[0])
    result = [[0] * width for _ in range(height)]
    for top in range(0, height, side):
        for left in range(0, width, side):
            inked = [round(rows[y][x] * 255) for y in range(top, top + side)
                     for x in range(left, left + side) if rows[y][x] * 255 >= 0.5]
            if not inked:
                continue
            alpha = min(255, round(sum(inked) / len(inked) / 16) * 16)
            for y in range(top, top + side):
                result[y][left:left + side] = [alpha] * side
    return result


def write_png(path, width, height, colour_type, rows):
    def chunk(name, data):
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    pixels = b"".join(b"\0" + bytes(row) for row in rows)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                     + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b""))


def draw_canvas(digit, path):
    rows = blocks(cover(512, 512, placed(CANVAS[digit], 90, 66, 380), 24), 32)
    write_png(path, 512, 512, 6, [[part for alpha in row for part in (0, 0, 0, alpha)]
                                  for row in rows])


def draw_pen(digit, path):
    width, height, thickness, ink, paper, place = PAPERS[digit]
    rows = cover(width, height, placed(PEN[digit], *place), thickness)
    write_png(path, width, height, 0, [[round(paper + (ink - paper) * amount) for amount in row]
                                       for row in rows])


def main():
    folder = pathlib.Path(__file__).resolve().parent / "samples"
    folder.mkdir(exist_ok=True)
    for digit in range(10):
        draw_canvas(digit, folder / f"{digit}-canvas.png")
        draw_pen(digit, folder / f"{digit}-pen.png")


if __name__ == "__main__":
    main()
