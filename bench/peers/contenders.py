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
    rewritten: bool = False  # ours: the graph is one that `--fast` made
    library: str = ""      # a peer: what worker.py calls it
    needs: tuple = ()      # a peer: what its worker imports
    suffix: str = "json"   # what its files of workloads end with
    files: str = "^$"      # a peer: its own shared libraries, by a pattern of their paths
    convolutions: str = "direct"  # or "fast": fewer multiplications, where those are to be had
    variant: bool = False  # takes part only where that makes a difference
    usual: bool = True     # measured unless others were chosen
    environment: tuple = ()

    @property
    def ours(self):
        return bool(self.mode)

    def takes(self, workload):
        if self.rewritten:
            return bool(workload.fast)
        return not self.variant or workload.fast == "winograd"

    def computes(self, fast):
        """How it does the convolutions of a workload of that kind."""
        return self.convolutions if fast == "winograd" else "direct"


CONTENDERS = [
    Contender("aot", "Eigentensor AOT", ("#c2410c", "#fb923c"), mode="aot"),
    Contender("jit", "Eigentensor JIT", ("#ca8a04", "#facc15"), mode="jit"),
    Contender("fast", "Eigentensor AOT --fast", ("#9d174d", "#f472b6"), mode="aot",
              rewritten=True, convolutions="fast"),
    Contender("fast-jit", "Eigentensor JIT --fast", ("#7e22ce", "#c084fc"), mode="jit",
              rewritten=True, convolutions="fast"),
    Contender("onnxruntime", "ONNX Runtime", ("#1d4ed8", "#60a5fa"), library="onnxruntime",
              suffix="onnx", needs=("onnxruntime",), files=r"/onnxruntime/"),
    Contender("openvino", "OpenVINO", ("#6d28d9", "#a78bfa"), library="openvino",
              suffix="onnx", needs=("openvino",), files=r"/openvino/"),
    Contender("litert", "LiteRT", ("#15803d", "#4ade80"), library="litert",
              suffix="tflite", needs=("ai_edge_litert.interpreter",), files=r"/ai_edge_litert/"),
    Contender("ncnn", "ncnn", ("#be123c", "#fb7185"), library="ncnn",
              suffix="ncnn.param", needs=("ncnn",), files=r"/ncnn", convolutions="fast"),
    Contender("ncnn-direct", "ncnn, direct", ("#9f1239", "#fda4af"), library="ncnn-direct",
              suffix="ncnn.param", needs=("ncnn",), files=r"/ncnn", variant=True),
    Contender("mnn", "MNN", ("#0369a1", "#38bdf8"), library="mnn",
              suffix="mnn", needs=("MNN",), files=r"mnn", convolutions="fast"),
    Contender("pytorch", "PyTorch", ("#0f766e", "#2dd4bf"), library="pytorch",
              suffix="pt", needs=("torch",), files=r"torch|dnnl|blas"),
    Contender("tinygrad", "TinyGrad", ("#57534e", "#a8a29e"), library="tinygrad",
              suffix="weights.safetensors", needs=("tinygrad",)),
    Contender("tinygrad-beam", "TinyGrad, BEAM=2", ("#3f6212", "#a3e635"), library="tinygrad",
              suffix="weights.safetensors", needs=("tinygrad",), usual=False,
              environment=(("BEAM", "2"),)),
]
# Large blocks of memory lie in huge pages, where the system has them: ours do of themselves.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
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
        if contender.ours:
            return None
        python = self.python(contender)
        if not python.exists():
            return "it could not be installed"
        said = subprocess.run([python, "-c", f"import {', '.join(contender.needs)}"],
                              capture_output=True, text=True, check=False)
        return None if said.returncode == 0 else said.stderr.strip().splitlines()[-1]

    def command(self, contender, workload, threads, mode=None):
        """Its arguments."""
        path = self.path(contender, workload)
        if not path.exists():
            raise ContenderError(f"there is no {path.name}")
        if contender.ours:
            inputs = [elements.input_path(self.graphs, workload, name) for name in workload.inputs]
            return [self.bench / "contender", "--threads", str(threads), path,
                    mode or contender.mode, *inputs]
        return [self.python(contender), HERE / "worker.py", "--threads", str(threads),
                contender.library, workload.name, self.graphs]

    def path(self, contender, workload):
        """Its file of the workload; of ours the stored graph, or what `--fast` made of it."""
        fast = ".fast" if contender.rewritten else ""
        return self.graphs / f"{workload.name}{fast}.{contender.suffix}"

    def start(self, contender, workload, threads, mode=None):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), **HUGE_PAGES,
                           **dict(contender.environment))
        return Process(self.command(contender, workload, threads, mode), self.cores[:threads],
                       environment, contender.files)


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
    for i, array in enumerate(elements.load_inputs(place.graphs, workload).values()):
        inputs.append(f"{folder}/{i}.npy")
        numpy.save(inputs[-1], array)
    begin = time.monotonic()
    build = [place.tool, "build", "--main=runner", place.graphs / f"{workload.name}.json", "-o",
             program]
    subprocess.run(build, check=True, capture_output=True)
    built = time.monotonic() - begin
    run = [program, *inputs]
    seconds = []
    for _ in range(4):  # the first brings its file into memory
        begin = time.monotonic()
        subprocess.run(run, check=True, capture_output=True,
                       preexec_fn=lambda: os.sched_setaffinity(0, place.cores[:1]))
        seconds.append(time.monotonic() - begin)
    return {"compile": built, "process": statistics.median(seconds[1:]),
            "file": program.stat().st_size}
