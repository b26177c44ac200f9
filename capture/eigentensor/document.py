"""python -m eigentensor.document PAGE: puts the table of supported operations into the page."""

import sys
from pathlib import Path

from .translate import REFUSED, SUPPORTED

BEGIN, END = "<!-- operations -->\n", "<!-- end of operations -->\n"


def table():
    """A row for each operation of TinyGrad's tensor graph, as the code has them."""
    rows = ["| TinyGrad | becomes |", "|---|---|"]
    grouped = {}
    for op, (_, becomes) in SUPPORTED.items():
        grouped.setdefault(becomes, []).append(op.name)
    rows += [f"| {', '.join(names)} | {becomes} |" for becomes, names in grouped.items()]
    grouped = {}
    for op, why in REFUSED.items():
        grouped.setdefault(why, []).append(op.name)
    rows += [f"| {', '.join(names)} | an error: {why} cannot be stored |"
             for why, names in grouped.items()]
    return "\n".join(rows) + "\n"


def main(path):
    page = Path(path)
    before, rest = page.read_text().split(BEGIN)
    page.write_text(before + BEGIN + table() + END + rest.split(END)[1])


if __name__ == "__main__":
    main(sys.argv[1])
