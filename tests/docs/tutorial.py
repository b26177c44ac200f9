#!/usr/bin/env python3
"""tutorial.py TUTORIAL.md: does what a tutorial says, in the folder where it is started. Blocks of
```sh are run, one after another in one shell that ends at the first failure; a block with a name
behind its language (```c main.c) is saved under it; ```text behind a block of ```sh is what that
one prints, where … stands for anything. Other blocks are only read."""

import re
import subprocess
import sys
from pathlib import Path

FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "---- block %d ----"


def script_of(blocks):
    """The shell's text, and for each block what it prints by the tutorial, or None."""
    lines, expected = ["set -eu"], []
    for kind, name, body in blocks:
        if name:
            Path(name).write_text(body)
        elif kind == "sh":
            lines += [f"echo '{MARK % len(expected)}'", body]
            expected.append(None)
        elif kind == "text" and expected:
            expected[-1] = body
    return "\n".join(lines), expected


def as_printed(expected, printed):
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip())


def main(path):
    text = Path(path).read_text()
    script, expected = script_of(FENCE.findall(text))
    if not expected:
        sys.exit(f"{path}: no block of ```sh")
    run = subprocess.run(["sh"], input=script, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    printed = re.split(r"^---- block \d+ ----\n", run.stdout, flags=re.MULTILINE)[1:]
    if run.returncode:
        sys.exit(f"{path}: block {len(printed)} fails with {run.returncode}:\n{printed[-1]}")
    for number, (wanted, found) in enumerate(zip(expected, printed, strict=True), 1):
        if wanted is not None and not as_printed(wanted, found):
            sys.exit(f"{path}: block {number} prints\n{found}\nand not\n{wanted}")
    print(f"{path}: {len(expected)} blocks")


main(sys.argv[1])
