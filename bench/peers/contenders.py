"""The contenders, and how each is started, asked and watched."""

import os
import re
import select
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy

import elements

HERE = Path(__file__).resolve().parent
OPEN_SECONDS, RUN_SECONDS = 900, 600  # after which a contender is given up


class ContenderError(Exception):
    """What a contender said, or that it said nothing."""


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    color: tuple           # in light and in dark
    mode: str = ""         # ours: the mode of the runtime
    rewrite: str = ""      # ours: the rewrite that the graph has gone through
    library: str = ""      # a peer: what worker.py calls it
    files: str = "^$"      # a peer: its own shared libraries, by a pattern of their paths
    usual: bool = True     # measured unless others were chosen
    environment: tuple = ()

    @property
    def ours(self):
        return bool(self.mode)


CONTENDERS = [
    Contender("aot", "Eigentensor AOT", ("#c2410c", "#fb923c"), mode="aot"),
    Contender("jit", "Eigentensor JIT", ("#ca8a04", "#facc15"), mode="jit"),
    Contender("winograd", "Eigentensor AOT, Winograd", ("#9d174d", "#f472b6"), mode="aot",
              rewrite="winograd"),
    Contender("winograd-jit", "Eigentensor JIT, Winograd", ("#7e22ce", "#c084fc"), mode="jit",
              rewrite="winograd"),
    Contender("onnxruntime", "ONNX Runtime", ("#1d4ed8", "#60a5fa"), library="onnxruntime",
              files=r"/onnxruntime/"),
    Contender("pytorch", "PyTorch", ("#0f766e", "#2dd4bf"), library="pytorch",
              files=r"torch|dnnl|blas"),
    Contender("tinygrad", "TinyGrad", ("#57534e", "#a8a29e"), library="tinygrad"),
    Contender("tinygrad-beam", "TinyGrad, BEAM=2", ("#3f6212", "#a3e635"), library="tinygrad",
              usual=False, environment=(("BEAM", "2"),)),
]
BASE = "aot"  # what the others are held against


class Place:
    """Where everything lies, and which cores are measured on."""

    def __init__(self, build, graphs, cores):
        self.build, self.graphs, self.cores = Path(build), Path(graphs), cores
        self.bench = self.build / "bench"
        self.tool = self.build / "eigentensor"
        self.venv = self.bench / "venv/bin/python"

    def python(self, contender):
        return self.bench / "torch-python" if contender.library == "pytorch" else self.venv

    def missing(self, contender):
        """None if the contender can be had, else why not."""
        if contender.rewrite:
            return None if has_rewrites(self.tool) else "there is no `eigentensor rewrite` yet"
        if contender.ours:
            return None
        python = self.python(contender)
        if not python.exists():
            return "it could not be installed"
        said = subprocess.run([python, "-c", f"import {module_of(contender)}"],
                              capture_output=True, text=True, check=False)
        return None if said.returncode == 0 else said.stderr.strip().splitlines()[-1]

    def command(self, contender, workload, threads, mode=None):
        """Its arguments."""
        if contender.ours:
            inputs = [elements.input_path(self.graphs, workload, name) for name in workload.inputs]
            graph = self.graph(contender, workload)
            return [self.bench / "contender", "--threads", str(threads), graph,
                    mode or contender.mode, *inputs]
        return [self.python(contender), HERE / "worker.py", "--threads", str(threads),
                contender.library, workload.name, self.graphs]

    def graph(self, contender, workload):
        """The stored graph; made anew by a rewrite, where there is one."""
        path = self.graphs / f"{workload.name}.json"
        if not contender.rewrite:
            return path
        to = self.graphs / f"{workload.name}.{contender.rewrite}.json"
        said = subprocess.run([self.tool, "rewrite", contender.rewrite, path, "-o", to],
                              capture_output=True, text=True, check=False)
        if said.returncode != 0:
            raise ContenderError(said.stderr.strip().splitlines()[-1])
        return to

    def start(self, contender, workload, threads, mode=None):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), **dict(contender.environment))
        return Process(self.command(contender, workload, threads, mode), self.cores[:threads],
                       environment, contender.files)


def module_of(contender):
    return {"pytorch": "torch"}.get(contender.library, contender.library)


def has_rewrites(tool):
    said = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False)
    return re.search(r"^ +rewrite\b", said.stdout, re.MULTILINE) is not None


class Process:
    """One contender, running; see bench/contender.c for what is said."""

    def __init__(self, command, cores, environment, files):
        self.begin, self.files = time.monotonic(), files
        self.errors = os.memfd_create("errors")
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, env=environment, bufsize=0,
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.rest = b""
        self.version = self._hear("ready", OPEN_SECONDS)[-1]

    def open(self):
        """Seconds: loading the file, compiling, from the file to the first result, and from the
        start of the process to it."""
        load, compile_, cold = map(float, self.ask("open", "opened", OPEN_SECONDS))
        return {"load": load, "compile": compile_, "cold": cold, "process": self.ready + cold}

    def run(self, count):
        """The seconds of each call."""
        return list(map(float, self.ask(f"run {count}", "ran", RUN_SECONDS)))

    def write(self, path):
        self.ask(f"write {path}", "wrote", RUN_SECONDS)

    def facts(self):
        """What there is to know: memory at its highest, and machine code."""
        found = dict(pair.split("=") for pair in self.ask("facts", "facts", OPEN_SECONDS))
        return {**self._watched(), **{name: int(number) for name, number in found.items()}}

    def ask(self, question, word, seconds):
        self.process.stdin.write(question.encode() + b"\n")
        return self._hear(word, seconds)

    def close(self):
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        if self.errors is not None:
            os.close(self.errors)
            self.errors = None

    def _hear(self, word, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                self.process.kill()
                raise ContenderError(f"no answer within {seconds} s")
            read = os.read(self.process.stdout.fileno(), 1 << 20)
            if not read:
                raise ContenderError(self._last_words())
            self.rest += read
        line, _, self.rest = self.rest.partition(b"\n")
        words = line.decode().split()
        if words[:1] == ["ready"]:
            self.ready = time.monotonic() - self.begin
        if words[:1] != [word]:
            raise ContenderError(line.decode().removeprefix("error "))
        return words[1:]

    def _last_words(self):
        said = os.pread(self.errors, 1 << 16, 0).decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"it ended with {self.process.wait()}"

    def _watched(self):
        """Memory and code as the kernel sees them."""
        base = f"/proc/{self.process.pid}"
        status = Path(f"{base}/status").read_text()
        code = 0
        for line in Path(f"{base}/maps").read_text().splitlines():
            span, rights, _, _, inode, *path = line.split(maxsplit=5)
            begin, end = (int(number, 16) for number in span.split("-"))
            if "x" in rights and not (path and path[0].startswith("[")):
                compiled_here = inode == "0" or path[0].endswith("(deleted)")
                code += (end - begin) * (compiled_here or bool(re.search(self.files, path[0])))
        return {"memory": 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1]), "code": code}


def standalone(place, workload, folder):
    """What the program of one file takes: building it, from its start to its end, its size."""
    program, inputs = folder / "standalone", []
    for name, array in elements.load_inputs(place.graphs, workload).items():
        inputs.append(f"{name}={folder}/{name}.npy")
        numpy.save(inputs[-1].partition("=")[2], array)
    begin = time.monotonic()
    build = [place.tool, "build", "--main=runner", place.graphs / f"{workload.name}.json", "-o",
             program]
    subprocess.run(build, check=True, capture_output=True)
    built = time.monotonic() - begin
    run = [program, *inputs, "-o", f"{folder}/out.npy"]
    seconds = []
    for _ in range(4):  # the first brings its file into memory
        begin = time.monotonic()
        subprocess.run(run, check=True, capture_output=True,
                       preexec_fn=lambda: os.sched_setaffinity(0, place.cores[:1]))
        seconds.append(time.monotonic() - begin)
    return {"compile": built, "process": statistics.median(seconds[1:]),
            "file": program.stat().st_size}
