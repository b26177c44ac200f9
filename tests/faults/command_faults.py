"""Lets the n-th call of a kind fail, for one n after the other (fail_nth.py), in every command.

    command_faults.py TOOL FAIL_NTH.so FOLDER [SCENARIO...]

Small graphs are run, emitted, built, checked, rewritten, tuned and batched. Whatever call fails,
the tool either does without and gives just what it always gives, or says so in a line on standard
error, ends with status 1, and leaves nothing behind: no file that is not what it should be, nothing
in the temporary folder, no memory."""

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fail_nth
from fail_nth import KINDS, calls, message, open_model

TOOL, LIBRARY, ROOT = sys.argv[1], sys.argv[2], Path(sys.argv[3])
SPARED = fail_nth.spared(TOOL)
# What the message has to tell where each kind of call failed.
REASONS = {
    "allocation": "memory|cannot load the compiled library",
    "mapping": "memory",
    "open": "Too many open files",
    "read": "Input/output error",
    "write": "No space left on device|standard output: cannot write all",
    "thread": "threads",
    "process": "cannot start|cannot make a pipe",
}

# ---- The graphs ----


def safetensors(tensors):
    """tensors: {name: (shape, values)}, of float32."""
    header, blob = {}, b""
    for name, (shape, values) in sorted(tensors.items()):
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + blob


class Graph:
    """Writes a stored graph: nodes by their operation, sources by number."""

    def __init__(self, name):
        self.name, self.nodes, self.inputs, self.tensors = name, [], [], {}

    def add(self, op, src, shape, dtype="float32", **attributes):
        self.nodes.append({"id": len(self.nodes), "op": op, "src": src, **attributes,
                           "dtype": dtype, "shape": shape})
        return len(self.nodes) - 1

    def input(self, name, shape, dtype="float32"):
        self.inputs.append({"name": name, "dtype": dtype, "shape": shape})
        return self.add("input", [], shape, dtype, name=name)

    def weight(self, name, shape):
        count = 1
        for extent in shape:
            count *= extent
        self.tensors[name] = (shape, [(i * 7 % 11 - 5) / 8 for i in range(count)])
        return self.add("weight", [], shape, name=name)

    def store(self, folder, outputs):
        document = {"format": "eigentensor", "version": 2, "name": self.name, "inputs": self.inputs}
        if self.tensors:
            blob = safetensors(self.tensors)
            (folder / f"{self.name}.safetensors").write_bytes(blob)
            document["weights"] = {
                "file": f"{self.name}.safetensors", "sha256": hashlib.sha256(blob).hexdigest(),
                "tensors": [{"name": name, "dtype": "float32", "shape": shape}
                            for name, (shape, _) in sorted(self.tensors.items())]}
        document["nodes"] = self.nodes
        document["outputs"] = [{"name": name, "node": node} for name, node in outputs.items()]
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(document))
        return str(path)


def layers(folder):
    """A convolution that is padded, a softmax of a product, a table: tiles, guards, reductions."""
    graph = Graph("layers")
    x = graph.input("x", [1, 2, 6, 6])
    padded = graph.add("pad", [x], [1, 2, 8, 8], padding=[[0, 0], [0, 0], [1, 1], [1, 1]])
    tall = graph.add("window", [padded], [1, 2, 6, 8, 3], axis=2, size=3, stride=1, dilation=1)
    wide = graph.add("window", [tall], [1, 2, 6, 6, 3, 3], axis=3, size=3, stride=1, dilation=1)
    six = graph.add("reshape", [wide], [1, 1, 2, 6, 6, 3, 3])
    spread = graph.add("expand", [six], [1, 4, 2, 6, 6, 3, 3])
    kernel = graph.weight("kernel", [4, 2, 3, 3])
    kernel = graph.add("reshape", [kernel], [1, 4, 2, 1, 1, 3, 3])
    kernel = graph.add("expand", [kernel], [1, 4, 2, 6, 6, 3, 3])
    convolved = graph.add("contract", [spread, kernel], [1, 4, 6, 6], axes=[2, 5, 6])
    zero = graph.add("const", [], [1, 4, 6, 6], value=0.0)
    active = graph.add("max", [convolved, zero], [1, 4, 6, 6])
    flat = graph.add("reshape", [active], [1, 144])
    flat = graph.add("expand", [graph.add("reshape", [flat], [1, 1, 144])], [1, 5, 144])
    matrix = graph.weight("matrix", [5, 144])
    matrix = graph.add("reshape", [matrix], [1, 5, 144])
    product = graph.add("contract", [flat, matrix], [1, 5], axes=[2])
    greatest = graph.add("reduce_max", [product], [1], axes=[1])
    greatest = graph.add("expand", [graph.add("reshape", [greatest], [1, 1])], [1, 5])
    powers = graph.add("exp", [graph.add("sub", [product, greatest], [1, 5])], [1, 5])
    total = graph.add("reduce_sum", [powers], [1], axes=[1])
    total = graph.add("expand", [graph.add("reshape", [total], [1, 1])], [1, 5])
    order = graph.add("const", [], [3], "int32", value=[4, 0, 2])
    chosen = graph.add("gather", [graph.add("div", [powers, total], [1, 5]), order], [1, 3], axis=1)
    joined = graph.add("concat", [chosen, product], [1, 8], axis=1)
    return graph.store(folder, {"y": joined, "z": active})


def small(folder):
    """A product and a sum: little, for what takes long."""
    graph = Graph("small")
    x = graph.input("x", [1, 4])
    spread = graph.add("expand", [graph.add("reshape", [x], [1, 1, 4])], [1, 3, 4])
    weight = graph.add("reshape", [graph.weight("w", [3, 4])], [1, 3, 4])
    product = graph.add("contract", [spread, weight], [1, 3], axes=[2])
    return graph.store(folder, {"y": graph.add("exp", [product], [1, 3])})


def numeral(folder):
    """A sum with a constant whose first digits alone are another number."""
    graph = Graph("numeral")
    x = graph.input("x", [1, 4])
    much = graph.add("const", [], [1, 4], value=123456789012345678)
    return graph.store(folder, {"y": graph.add("add", [x, much], [1, 4])})


def onnx_model(folder):
    """Neg(Reshape(x, Shape(w))) and Neg(w), of an open axis, a weight and what is computed of its
    shape."""
    def tensor_type(*extents):
        dims = [(1, message((2, e)) if isinstance(e, str) else message((1, e))) for e in extents]
        return message((1, message((1, 1), (2, message(*dims)))))

    def node(op, inputs, output):
        return message(*((1, name) for name in inputs), (2, output), (4, op))

    weight = message((1, 2), (1, 12), (2, 1), (4, struct.pack("<24f", *range(24))), (8, "w"))
    graph = message((1, node("Shape", ["w"], "s")), (1, node("Reshape", ["x", "s"], "r")),
                    (1, node("Neg", ["r"], "y")), (1, node("Abs", ["w"], "a")),
                    (1, node("Add", ["a", "y"], "z")), (5, weight), (2, "g"),
                    (11, message((1, "x"), (2, tensor_type(4, "width")))),
                    (12, message((1, "z"))))
    path = folder / "model.onnx"
    path.write_bytes(message((1, 10), (7, graph), (8, message((2, 20)))))
    return str(path)


def npy(path, shape):
    count = 1
    for extent in shape:
        count *= extent
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    values = [((i * 5) % 13 - 6) / 4 for i in range(count)]
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()
                     + struct.pack(f"<{count}f", *values))
    return str(path)


# A compiler that remembers: what it made of the same text and options before, it copies.
COMPILER = """#!/bin/sh
PATH=${{PATH#*:}}
[ "$1" = --version ] && exec {real} --version
out= last=
key=$({{
    for word in "$@"; do
        [ "$last" = -o ] && last= && continue
        last=$word
        case $word in
        */eigentensor-*) [ ! -f "$word" ] || cat "$word" ;;
        *) echo "$word" ;;
        esac
    done
}} | sed 's/eigentensor-[A-Za-z0-9-]*//g' | cksum | tr ' ' -)
for word in "$@"; do
    [ "$out" != next ] || out=$word
    [ "$word" != -o ] || out=next
done
kept={store}/{name}-$key
[ -f "$kept" ] || {{ {real} "$@" && cp "$out" "$kept.$$" && mv "$kept.$$" "$kept"; }} || exit
cp "$kept" "$out"
"""


def remembering_compilers(folder):
    """A folder for PATH, with those that are installed."""
    programs, store = folder / "bin", folder / "compiled"
    programs.mkdir()
    store.mkdir()
    for name in ("gcc", "clang"):
        real = shutil.which(name)
        if real:
            path = programs / name
            path.write_text(COMPILER.format(real=real, store=store, name=name))
            path.chmod(0o755)
    return programs


# ---- One run ----


class Place:
    """Where a run works: what it may write, its temporary folder, its cache."""

    def __init__(self, number):
        self.folder = ROOT / f"place{number}"
        self.environment = {**os.environ, "TMPDIR": str(self.folder / "tmp"),
                            "XDG_CACHE_HOME": str(self.folder / "cache"), "LD_PRELOAD": LIBRARY,
                            "FAULT_SPARE": SPARED, "FAULT_MARK": str(self.folder / "mark"),
                            "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}

    def run(self, scenario, kind, nth):
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("out", "tmp", "cache"):
            (self.folder / name).mkdir(parents=True)
        environment = {**self.environment, "FAULT_KIND": kind, "FAULT_NTH": str(nth)}
        if not scenario.compilers:
            environment["PATH"] = "/nowhere"
        done = subprocess.run([TOOL, *scenario.arguments], cwd=self.folder / "out", env=environment,
                              capture_output=True, timeout=120)
        lines = (self.folder / "mark").read_text().split("\n")
        return Outcome(self.folder, done, "failed" in lines, [l for l in lines if "leaks" in l])


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


class Outcome:
    def __init__(self, folder, done, failed, leaks):
        self.status, self.failed = done.returncode, failed
        self.said, self.complaint = done.stdout, done.stderr.decode(errors="replace")
        self.files, self.left = contents(folder / "out"), contents(folder / "tmp")
        self.left_folders = [p for p in (folder / "tmp").iterdir()]
        kept = contents(folder / "cache" / "eigentensor")
        self.parts = [name for name in kept if not name.endswith((".so", ".json"))]
        self.leaks = int(leaks[0].split()[0]) if leaks else None


# ---- What must hold ----


class Scenario:
    def __init__(self, name, arguments, kinds=KINDS, varies=False, compilers=True):
        self.name, self.arguments, self.kinds = name, arguments, kinds
        self.varies = varies  # what it says and writes holds times
        self.compilers = compilers  # there are C compilers in PATH

    def complaint(self, kind, outcome):
        """What is wrong with an outcome; None: nothing."""
        if outcome.left_folders:
            return f"left in the temporary folder: {outcome.left_folders}"
        if outcome.parts or any(name.endswith(".part") for name in outcome.files):
            return f"unfinished files are left: {outcome.parts} {list(outcome.files)}"
        if outcome.leaks is None:
            return "it did not end by itself"
        begun = not outcome.complaint.startswith(f"eigentensor {self.arguments[0]}:")
        if begun and outcome.leaks > self.expected.leaks:
            return f"{outcome.leaks} blocks of memory are leaked, usually {self.expected.leaks}"
        if outcome.status == 0:
            return self.difference(outcome)
        if outcome.status != 1:
            return f"status {outcome.status}"
        last = outcome.complaint.rstrip("\n").rsplit("\n", 1)[-1]
        if not last.startswith("eigentensor"):
            return "it said nothing"
        if not re.search(REASONS[kind], last):
            return "it gave another reason"
        for name, bytes_ in outcome.files.items():
            if self.expected.files.get(name) != bytes_:
                return f"{name} is not what it should be"
        return None

    def difference(self, outcome):
        """Between what came of a run that ended well and what should have."""
        if self.varies:
            same = outcome.files.keys() == self.expected.files.keys()
            return None if same and all(map(json.loads, outcome.files.values())) else "files differ"
        if outcome.files != self.expected.files:
            return "it wrote something else, with status 0"
        if outcome.said != self.expected.said:
            return f"it said something else, with status 0: {outcome.said!r}"
        return None

    def check(self, place):
        self.expected = place.run(self, "none", 0)
        if self.expected.status != 0:
            raise SystemExit(f"{self.name}: {self.expected.complaint}")
        tried, wrong = {}, []
        for kind in self.kinds:
            for nth in calls():
                outcome = place.run(self, kind, nth)
                if not outcome.failed:
                    break
                tried[kind] = tried.get(kind, 0) + 1
                problem = self.complaint(kind, outcome)
                if problem:
                    wrong.append(f"{self.name}: {kind} {nth}: {problem}\n"
                                 f"    status {outcome.status}: {outcome.complaint.strip()[-300:]}")
        return self, tried, wrong


def scenarios(folder):
    model, simple = layers(folder), small(folder)
    x, little = npy(folder / "x.npy", [1, 2, 6, 6]), npy(folder / "little.npy", [1, 4])
    number, foreign, six = numeral(folder), onnx_model(folder), npy(folder / "six.npy", [4, 6])
    opened = open_model(folder / "open.onnx")
    mnist, digit = "models/mnist/mnist.json", "models/mnist/samples/7-pen.png"
    mnist, digit = (str(Path(name).resolve()) for name in (mnist, digit))
    return [
        Scenario("run eager", ["run", "--mode=eager", model, x]),
        Scenario("run, numeral", ["run", "--mode=eager", number, little]),
        Scenario("run jit", ["run", "--mode=jit", model, x, "-o", "y=y.npy"]),
        Scenario("run, threads", ["run", "--threads=3", mnist, digit], kinds=("mapping", "thread")),
        Scenario("run aot", ["run", "--mode=aot", simple, little]),
        Scenario("emit", ["emit", model, "-o", "c"]),
        Scenario("emit, threads", ["emit", simple, "-o", "c", "--threads=2", "--dump=all"]),
        Scenario("emit, calls", ["emit", model, "-o", "c", "--dialect=calls"]),
        Scenario("emit, sizes", ["emit", opened, "--axis=width=3,5", "-o", "c"]),
        Scenario("inspect, sizes", ["inspect", opened, "--axis=width=3,5"]),
        Scenario("inspect", ["inspect", simple, "--cost"]),
        Scenario("build", ["build", simple, "-o", "program"]),
        Scenario("check", ["check", simple, "--seeds=1"], compilers=False),
        Scenario("check, compilers", ["check", simple, "--seeds=1"], kinds=("thread", "process")),
        Scenario("rewrite", ["rewrite", "winograd", "--allow-none", model, "-o", "new.json"]),
        Scenario("quantize", ["rewrite", "quantize", "--allow-none", model, "-o", "new.json",
                              "--data", x]),
        Scenario("integers", ["rewrite", "integers", "--allow-none", model, "-o", "new.json"]),
        Scenario("tune", ["tune", simple, "--mode=jit", "-o", "tuned.json", "--tries=1",
                          "--time=1"], varies=True),
        Scenario("run onnx", ["run", "--mode=jit", foreign, six]),
        Scenario("import", ["import", foreign, "--axis=width=6", "-o", "imported.json"]),
        Scenario("batch", ["batch", simple, "-o", "many.json"]),
    ]


def main():
    ROOT.mkdir(exist_ok=True)
    remembering_compilers(ROOT)
    rows = scenarios(ROOT)
    if len(sys.argv) > 4:
        rows = [row for row in rows if row.name in sys.argv[4:]]
    numbers, here = iter(range(1000)), threading.local()

    def check(row):
        if not hasattr(here, "place"):
            here.place = Place(next(numbers))
        return row.check(here.place)

    total, wrong = 0, []
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for row, tried, problems in workers.map(check, rows):
            total += sum(tried.values())
            wrong += problems
            counts = ", ".join(f"{count} {kind}" for kind, count in tried.items())
            print(f"{row.name:18} {counts}", flush=True)
            for problem in problems:
                print(f"FAILED: {problem}", flush=True)
    print(f"{total} calls failed, one at a time, {len(wrong)} of them not as they should")
    return 1 if wrong else 0


sys.exit(main())
