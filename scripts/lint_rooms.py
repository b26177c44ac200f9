#!/usr/bin/env python3
"""What the rooms promise, checked over the files of a tree (the argument; else this one):

- no file includes one of a floor above its own (scripts/rooms.txt has the floors);
- no struct, union or enum of the library or a program is defined twice;
- every pass, which is a function `void NAME(struct ir *ir)` in one of the rooms of passes that
  other files can call, has a row in compiler/passes.def.

A line for each fault; exits with 1 if there is one. Tests may include anything."""

import re
import sys
from pathlib import Path

TOPS = ("bench", "compiler", "models", "runtime", "server", "templates", "tests")
SUFFIXES = (".c", ".h", ".def")
# Included by name alone: written by the build, or by a compiler beside the program that needs it.
MADE = ("bknn_mnist.h", "files.def", "model.h", "onnx.pb-c.h")
# Where a tag has one meaning.
TAGGED = ("compiler", "runtime", "server", "templates")
TWICE = ("et_error",)  # the public header stands alone, so base.h has the same lines, guarded
PASS_ROOMS = ("compiler/lower", "compiler/schedule", "compiler/plan")
PASS_TABLE = "compiler/passes.def"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
TAG = re.compile(r"\b(?:struct|union|enum)\s+([A-Za-z_]\w*)\s*\{")
PASS = re.compile(r"^void (\w+)\(struct ir \*\w+\)\s*[;{]", re.M)
# A row is PASS(ID, name, function, ...).
ROW = re.compile(r"^PASS\(\s*\w+\s*,\s*\w+\s*,\s*(\w+)", re.M)
# Comments, strings and characters.
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(text):
    """The text with what is no code blanked, line by line."""
    return NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def read_floors(path):
    """The floor of each room."""
    floors = {}
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    for floor, rooms in enumerate(filter(None, lines)):
        for room in rooms:
            if room in floors:
                raise SystemExit(f"{path}: {room} stands there twice")
            floors[room] = floor
    return floors


def room_of(name, floors):
    """A file's room: itself or its folder; of a test, whatever its folder."""
    if name in floors:
        return name
    folder = name.rpartition("/")[0]
    folder = "tests" if folder.split("/")[0] == "tests" else folder
    return folder if folder in floors else None


def check_rooms(files, floors):
    for name, text in files.items():
        room = room_of(name, floors)
        if room is None:
            yield f"{name}: {name.rpartition('/')[0]} is no room of scripts/rooms.txt"
            continue
        for found in INCLUDE.finditer(text):
            place, wanted = f"{name}:{line_of(text, found.start())}", found.group(1)
            other = room_of(wanted, floors)
            if wanted in MADE or room == "tests":
                continue
            if wanted not in files:
                yield f"{place}: no file {wanted}: an include is a path from the top of the tree"
            elif other and other != room and floors[other] >= floors[room]:
                where = "above" if floors[other] > floors[room] else "beside"
                yield f"{place}: {room} includes {wanted}, but {other} is {where} it"


def check_tags(files):
    places = {}
    for name, text in files.items():
        if not name.startswith(tuple(top + "/" for top in TAGGED)):
            continue
        code = code_of(text)
        for found in TAG.finditer(code):
            place = f"{name}:{line_of(code, found.start())}"
            first = places.setdefault(found.group(1), place)
            if first != place and found.group(1) not in TWICE:
                yield f"{place}: {found.group(1)} is defined at {first} already"


def check_passes(files):
    known = set(ROW.findall(files.get(PASS_TABLE, "")))
    for name, text in files.items():
        if name.rpartition("/")[0] not in PASS_ROOMS:
            continue
        for found in PASS.finditer(text):
            if found.group(1) not in known:
                known.add(found.group(1))
                place = f"{name}:{line_of(text, found.start())}"
                yield f"{place}: the pass {found.group(1)} has no row in {PASS_TABLE}"


def main():
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    floors = read_floors(tree / "scripts/rooms.txt")
    paths = sorted(path for top in TOPS for path in (tree / top).rglob("*")
                   if path.suffix in SUFFIXES and "golden" not in path.parts)
    files = {path.relative_to(tree).as_posix(): path.read_text() for path in paths}
    faults = [*check_rooms(files, floors), *check_tags(files), *check_passes(files)]
    print("\n".join(faults), end="\n" if faults else "")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
