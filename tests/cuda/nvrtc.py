#!/usr/bin/env python3
"""Compiles emitted CUDA texts by NVRTC, which needs no GPU: FILE.cu ... for each architecture.

A line for each text that does not compile, and for each kernel that keeps more of its registers in
memory than --spilled says; then how many were compiled. Exits with 1 if one did not compile."""

import argparse
import ctypes
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Those that change bits, as the backend has them.
OPTIONS = ["-std=c++17", "-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true"]
ARCHITECTURES = ["sm_80", "sm_90", "sm_100"]

ENTRY = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores")
REGISTERS = re.compile(r"Used (\d+) registers")


class Nvrtc:
    """The library, by ctypes."""

    def __init__(self, path):
        for other in path.parent.glob("libnvrtc-builtins.so.*"):
            ctypes.CDLL(str(other))  # asked for by name, and not looked for beside the library
        self.library = ctypes.CDLL(str(path))

    def call(self, name, *arguments):
        status = getattr(self.library, "nvrtc" + name)(*arguments)
        if status and name != "CompileProgram":
            raise RuntimeError(f"nvrtc{name}: error {status}")
        return status

    def said(self, program, what):
        """What there is of the program: "Log" or "PTX" or "CUBIN" as bytes."""
        size = ctypes.c_size_t()
        name = "ProgramLog" if what == "Log" else what
        self.call(f"Get{name}Size", program, ctypes.byref(size))
        room = ctypes.create_string_buffer(max(1, size.value))
        self.call("Get" + name, program, room)
        return room.raw[: size.value]

    def compile(self, text, name, options):
        """Whether it compiles, what the compiler said, and the machine code."""
        program = ctypes.c_void_p()
        self.call("CreateProgram", ctypes.byref(program), text, name.encode(), 0, None, None)
        words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        good = self.call("CompileProgram", program, len(options), words) == 0
        log = self.said(program, "Log").decode(errors="replace").rstrip("\0")
        code = self.said(program, "CUBIN") if good else b""
        self.call("DestroyProgram", ctypes.byref(program))
        return good, log, code


def find_library():
    """libnvrtc of the Python package nvidia-cuda-nvrtc."""
    for folder in map(Path, sys.path):
        for path in sorted(folder.glob("nvidia/*/lib/libnvrtc.so.*")):
            return path
    raise SystemExit("nvrtc.py: this Python has no package nvidia-cuda-nvrtc")


def kernels_of(log):
    """(name, registers, bytes spilled) of each kernel."""
    name, spilled = None, 0
    for line in log.splitlines():
        if found := ENTRY.search(line):
            name, spilled = found.group(1), 0
        elif found := SPILLS.search(line):
            spilled = int(found.group(2))
        elif (found := REGISTERS.search(line)) and name:
            yield name, int(found.group(1)), spilled
            name = None


def check(path, architecture):
    """(whether it compiles, lines to print, kernels)."""
    nvrtc = Nvrtc(find_library())
    options = OPTIONS + [f"-arch={architecture}", "--ptxas-options=-v"]
    good, log, code = nvrtc.compile(path.read_bytes(), path.name, options)
    where = f"{path} for {architecture}"
    if not good or not code.startswith(b"\x7fELF"):
        lines = [f"{where}: does not compile"] + log.splitlines()[:12]
        return False, lines, []
    return True, [where], list(kernels_of(log))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--architectures", metavar="LIST", default=",".join(ARCHITECTURES))
    parser.add_argument("--jobs", metavar="N", type=int, default=2, help="at once (2)")
    parser.add_argument("--spilled", metavar="BYTES", type=int, default=0,
                        help="of a kernel, which are not worth a line (0)")
    parser.add_argument("--registers", action="store_true", help="a line for each kernel")
    arguments = parser.parse_args()
    architectures = arguments.architectures.split(",")
    jobs = [(path, name) for path in arguments.texts for name in architectures]
    failed = kernels = most = spilling = 0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for good, lines, found in pool.map(check, *zip(*jobs)):
            failed += not good
            kernels += len(found)
            if not good:
                print("\n".join(lines))
            for name, registers, spilled in found:
                most = max(most, registers)
                spilling += spilled > 0
                if spilled > arguments.spilled or arguments.registers:
                    print(f"{lines[0]}: {name}: {registers} registers, {spilled} bytes spilled")
    print(f"{len(jobs) - failed} of {len(jobs)} compile, {len(arguments.texts)} texts for "
          f"{', '.join(architectures)}: {kernels} kernels, at most {most} registers, "
          f"{spilling} of them spill")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
