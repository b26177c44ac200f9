"""Classifies the digit in digit.h, in Python."""

import re
import sys
from pathlib import Path

import eigentensor

INK = " .:-=+*#%@"


def draw(path):
    """The rows of a drawing whose lines of 28 are in quotes: 0 is paper, 1 is black."""
    rows = re.findall(r'"(.{28})"', path.read_text())
    return [[INK.index(character) / 9 for character in row] for row in rows]


def main(model):
    image = draw(Path(__file__).parent.parent / "digit.h")
    program = eigentensor.load(model)

    # Lists and memoryviews need no package. Arrays of NumPy and tensors of PyTorch are taken
    # without a copy, and what comes out is then of the same kind.
    logits = program([[image]]).tolist()[0]
    print(f"This is a {logits.index(max(logits))}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
