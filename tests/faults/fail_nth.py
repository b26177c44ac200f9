"""What tests that preload fail_nth.c share."""
import os
import subprocess

# What can fail: the enum kind of fail_nth.c.
KINDS = ("allocation", "mapping", "open", "read", "write", "thread", "process")


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
