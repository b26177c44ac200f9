"""What tests that preload fail_nth.c share."""
import itertools
import os
import struct
import subprocess

# What can fail: the enum kind of fail_nth.c.
KINDS = ("allocation", "mapping", "open", "read", "write", "thread", "process")

# Of the calls of a kind the first ones fail, each, and of the others every third, or every
# $EIGENTENSOR_FAULTS_EVERY-th: 1 lets all of them fail.
FIRST = 40
EVERY = int(os.environ.get("EIGENTENSOR_FAULTS_EVERY", "3"))


def calls():
    """The numbers of the calls to let fail, until none is left."""
    return itertools.chain(range(1, FIRST), itertools.count(FIRST, EVERY))


def functions(path):
    """Of a program or an archive: {name: (begin, end)}."""
    said = subprocess.run(["nm", "-S", path], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in said.splitlines()]
    return {row[3]: (int(row[0], 16), int(row[0], 16) + int(row[1], 16))
            for row in rows if len(row) == 4 and row[2] == "T"}


def spared(program):
    """For FAULT_SPARE: where libtcc lies within the program. Without memory it leaks, and ends the
    process."""
    archive = subprocess.run(["gcc", "-print-file-name=libtcc.a"], check=True, capture_output=True,
                             text=True).stdout.strip()
    names = functions(archive) if os.path.exists(archive) else {}
    found = [where for name, where in functions(program).items() if name in names]
    return f"{min(found)[0]:x}-{max(found)[1]:x}" if found else ""


def message(*fields):
    """A message of protobuf's: pairs of a field's number and its value, an integer or bytes."""
    def varint(value):
        digits = []
        while value > 127:
            digits.append(value & 127 | 128)
            value >>= 7
        return bytes([*digits, value])

    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(varint(number << 3) + varint(value))
        else:
            value = value.encode() if isinstance(value, str) else value
            parts.append(varint(number << 3 | 2) + varint(len(value)) + value)
    return b"".join(parts)


def open_model(path):
    """y = -x + w, of x: 2 x width."""
    width = [(1, message((1, 2))), (1, message((2, "width")))]
    x = message((1, message((1, 1), (2, message(*width)))))
    weight = message((1, 2), (1, 1), (2, 1), (4, struct.pack("<2f", 1, 2)), (8, "w"))
    nodes = [message((1, "x"), (2, "n"), (4, "Neg")),
             message((1, "n"), (1, "w"), (2, "y"), (4, "Add"))]
    graph = message((1, nodes[0]), (1, nodes[1]), (5, weight), (2, "g"),
                    (11, message((1, "x"), (2, x))), (12, message((1, "y"))))
    path.write_bytes(message((1, 10), (7, graph), (8, message((2, 20)))))
    return str(path)
