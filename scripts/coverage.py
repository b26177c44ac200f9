#!/usr/bin/env python3
"""coverage.py BUILD: what runs of the programs in BUILD, which gcc's --coverage made, have reached:
how many lines of each room (rooms.txt), and the files where that is less than LEAST percent. A line
counts once, however many programs it is compiled into.

Rooms without lines are compiled into none of these programs: bench has no tests, and some templates
are compiled only as part of what tests emit. Vector code is missed where the CPU lacks it."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from lint_rooms import read_floors, room_of

LEAST = 80
TREE = Path(__file__).resolve().parent.parent


def count_lines(build):
    """How many lines each file of the tree but the tests has, and how many of them were reached."""
    reached = defaultdict(lambda: defaultdict(bool))
    notes = sorted(str(path.resolve()) for path in build.rglob("*.gcno"))
    if not notes:
        raise SystemExit(f"coverage.py: nothing in {build} is built with --coverage")
    # Of what no program ran, gcov says so and counts zeros.
    printed = subprocess.run([os.environ.get("GCOV", "gcov"), "--json-format", "--stdout", *notes],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    for document in map(json.loads, printed.splitlines()):
        for file in document["files"]:
            path = (Path(document["current_working_directory"]) / file["file"]).resolve()
            if not path.is_relative_to(TREE) or path.is_relative_to(build.resolve()):
                continue
            name = path.relative_to(TREE).as_posix()
            if name.startswith("tests/"):
                continue
            lines = reached[name]
            for line in file["lines"]:
                # Threads may lose a few counts, and gcov derives some from others: one that is not
                # zero was reached, whatever it says. (Atomic counting makes kernels twenty times
                # slower.)
                lines[line["line_number"]] |= line["count"] != 0
    return {name: (len(lines), sum(lines.values())) for name, lines in reached.items()}


def print_row(name, total, covered):
    share = f"{100 * covered / total:6.1f} %" if total else "-"
    print(f"{name:<28} {total or '-':>7} {covered if total else '-':>8} {share:>9}")


def main(build):
    floors = read_floors(TREE / "scripts/rooms.txt")
    files = count_lines(build)
    sums = {room: (0, 0) for room in floors if room != "tests"}
    for name, (total, covered) in files.items():
        room = room_of(name, floors)
        sums[room] = tuple(map(sum, zip(sums.get(room, (0, 0)), (total, covered))))
    print(f"\n{'room':<28} {'lines':>7} {'covered':>8} {'percent':>9}")
    for room, (total, covered) in sums.items():
        print_row(str(room), total, covered)
    print_row("total", *map(sum, zip(*sums.values())))
    few = sorted((100 * covered / total, name, total - covered)
                 for name, (total, covered) in files.items() if 100 * covered < LEAST * total)
    print(f"\nFiles under {LEAST} %: {len(few) or 'none'}")
    for share, name, missed in few:
        print(f"  {share:5.1f} %  {name} ({missed} lines missed)")


main(Path(sys.argv[1]))
