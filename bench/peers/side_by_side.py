"""Eigentensor and its peers, side by side in one run.

Each contender is a process of its own on pinned cores. They agree on the outputs first; then they
take turns, round by round, and the machine's own limits are measured in between. Prints a table
for each workload; leaves results.json, summary.md and plot.svg in build/bench."""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import compile_time
import plot
import report
from contenders import CONTENDERS, ContenderError, Place
from measure import Settings, machine, measure
from workloads import WORKLOADS

HERE = Path(__file__).resolve().parent


class Progress:
    """What is being done, on a terminal in one line that goes again."""

    def __init__(self):
        self.live, self.before = sys.stderr.isatty(), ""

    def __call__(self, said):
        if self.live:
            print(f"\r\033[K{self.before}{said}", end="", file=sys.stderr, flush=True)

    def begin(self, what):
        self.before = f"{what}: "
        if not self.live:
            print(what, file=sys.stderr, flush=True)

    def clear(self):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def matching(parser, items, patterns, kind):
    """The items whose names are wanted, in their order."""
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(item.name, pattern) for item in items):
            parser.error(f"there is no {kind} {pattern!r}; there are "
                         f"{', '.join(item.name for item in items)}")
    return [item for item in items
            if any(fnmatch.fnmatchcase(item.name, pattern) for pattern in patterns)]


def cores_of(parser, text, threads):
    """The last ones of those that we may use: the first have most of the system's work."""
    allowed = sorted(os.sched_getaffinity(0))
    cores = [int(core) for core in text.split(",")] if text else allowed[::-1]
    if any(core not in allowed for core in cores):
        parser.error(f"cores {text}: this process may use {allowed}")
    return cores, [count for count in threads if count <= len(cores)]


def arguments_of():
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
        epilog="With make: make bench BENCH='-w resnet18 -t 1 --rounds 20'\n\n"
               "workloads:\n" + "".join(f"  {w.name:14} {w.title}\n" for w in WORKLOADS) +
               "\ncontenders:\n" + "".join(f"  {c.name:14} {c.title}" +
                                           ("\n" if c.usual else " (only if asked for)\n")
                                           for c in CONTENDERS))
    add = parser.add_argument
    add("-w", "--workload", action="append", metavar="NAME",
        help="measure this one; a pattern such as 'matmul-*'; may be given again (default: all)")
    add("-c", "--contender", action="append", metavar="NAME",
        help="let this one take part; may be given again (default: all)")
    add("-t", "--threads", action="append", type=int, metavar="N",
        help="on so many threads; may be given again (default: 1 and 2)")
    add("-r", "--rounds", type=int, default=10, metavar="N",
        help="how often everyone has a turn (default: %(default)s)")
    add("-s", "--seconds", type=float, default=2, metavar="S",
        help="of all turns of one contender (default: %(default)s)")
    add("--starts", type=int, default=3, metavar="N",
        help="fresh processes for the cold start (default: %(default)s; 0: as first opened)")
    add("--cores", metavar="LIST", help="measure on these, such as 2,3 (default: the last ones)")
    add("--quick", action="store_true", help="3 rounds of 0.3 s, no cold starts: a first look")
    add("--no-compile-time", action="store_true",
        help="leave out how compile time grows with the graph")
    add("--only-compile-time", action="store_true", help="nothing else")
    add("--fresh-graphs", action="store_true", help="make the graphs anew")
    add("--build", type=Path, default=HERE.parents[1] / "build", metavar="FOLDER",
        help="where everything was built (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.starts = 3, 0.3, 0
    if arguments.rounds < 1 or arguments.seconds <= 0 or arguments.starts < 0:
        parser.error("expected at least one round, some seconds, and no negative starts")
    arguments.workload = matching(parser, WORKLOADS, arguments.workload or ["*"], "workload")
    usual = [contender.name for contender in CONTENDERS if contender.usual]
    arguments.contender = matching(parser, CONTENDERS, arguments.contender or usual, "contender")
    wanted = arguments.threads or [1, 2]
    arguments.cores, arguments.threads = cores_of(parser, arguments.cores, wanted)
    for count in sorted(set(wanted) - set(arguments.threads)):
        print(f"{count} threads: left out, there are {len(arguments.cores)} cores to use")
    return arguments


# ---- Graphs ----

SOURCES = ("workloads.py", "vocabulary.py", "elements.py", "graphs.py")
# What a part's file ends with, and what it is made by, besides SOURCES; in the order of making.
PARTS = {"elements": ("0.input", ()), "onnx": ("onnx", ("in_onnx.py", "real.py")),
         "json": ("json", ("in_tinygrad.py", "in_onnx.py", "real.py")),
         "fast": ("fast.json", ("in_tinygrad.py", "in_onnx.py", "real.py")),
         "expected": ("expected", ("in_tinygrad.py", "in_onnx.py", "real.py")),
         "pt": ("pt", ("in_torch.py",)), "mnn": ("mnn", ("in_onnx.py", "real.py")),
         "ncnn": ("ncnn.param", ("in_onnx.py", "real.py")), "tflite": ("tflite", ("in_litert.py",))}


def outdated(path, sources):
    return not path.exists() or any((HERE / source).stat().st_mtime > path.stat().st_mtime
                                    for source in sources)


def make_graphs(place, chosen, library, fresh):
    """Those that are not there yet, or older than what says how they are."""
    torch = place.bench / "torch-python"
    for part, (suffix, sources) in PARTS.items():
        python = torch if part == "pt" else place.venv
        wanted = [w.name for w in chosen if has_part(w, part) and (
            fresh or outdated(place.graphs / f"{w.name}.{suffix}", (*SOURCES, *sources)))]
        if wanted and python.exists():
            subprocess.run([python, HERE / "graphs.py", "--parts", part, place.graphs, *wanted],
                           env=dict(os.environ, EIGENTENSOR_LIBRARY=str(library)), check=False)


def has_part(workload, part):
    """Files that packages bring are none for PyTorch and LiteRT."""
    return bool(workload.fast) if part == "fast" else not (
        workload.source and part in ("pt", "tflite"))


# ---- All of it ----

def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def commit():
    """Of this repository, if it is one; with a plus if files were changed."""
    said = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=HERE,
                          capture_output=True, text=True, check=False)
    return said.stdout.strip()


def contenders_here(place, wanted, threads):
    """Those that are installed, and their versions; says which are not."""
    here, versions = [], {}
    for contender in wanted:
        why = place.missing(contender)
        if why:
            print(f"{contender.title}: left out: {why}")
            continue
        here.append(contender)
        if contender.library:
            process = place.start(contender, WORKLOADS[0], threads)
            versions[contender.name] = process.version
            process.close()
    return here, versions


def save(place, document):
    """Written after each workload, so that what was measured is there whatever happens."""
    text = json.dumps(document, indent=1)
    (place.bench / "results.json").write_text(text + "\n")
    results, cpu = document["workloads"], document["machine"]["cpu"]
    tables = [report.markdown(results, cpu, document["versions"], threads)
              for threads in sorted({result["threads"] for result in results})]
    (place.bench / "summary.md").write_text("\n".join(tables))
    (place.bench / "plot.svg").write_text(plot.shares(document))


def measure_all(place, arguments, contenders, document):
    """Adds the results to the document; True if all is as it should be."""
    progress, good = Progress(), True
    settings = Settings(arguments.rounds, arguments.seconds, arguments.starts, progress)
    large = {threads: machine(place, threads) for threads in arguments.threads}
    todo = [(w, threads) for w in arguments.workload for threads in arguments.threads]
    for i, (workload, threads) in enumerate(todo):
        progress.begin(f"[{i + 1}/{len(todo)}] {workload.name}, {report.on(threads)}")
        try:
            result = measure(place, contenders, workload, threads, large[threads], settings)
        except (ContenderError, OSError, subprocess.SubprocessError) as error:
            progress.clear()
            print(f"{workload.title}: FAILED: {error}\n", flush=True)
            good = False
            continue
        progress.clear()
        print(f"{report.table(result)}\n", flush=True)
        document["workloads"].append(result)
        good = good and is_good(result)
        save(place, document)
    return good


def main():
    arguments = arguments_of()
    place = Place(arguments.build, arguments.build / "bench/graphs", arguments.cores)
    if arguments.only_compile_time:
        compile_time.run(place)
        return 0
    make_graphs(place, arguments.workload, arguments.build / "libeigentensor.so",
                arguments.fresh_graphs)
    found = {**machine(place, 1), "cpu": processor(), "cores": arguments.cores,
             "date": time.strftime("%Y-%m-%d"), "commit": commit()}
    print(f"{found['cpu']}, cores {arguments.cores}: {found['gflops']:.1f} GFLOP/s "
          f"({found['level']}), reads {found['read_gbs']:.1f} GB/s, copies "
          f"{found['copy_gbs']:.1f} GB/s, each of one core")
    here, versions = contenders_here(place, arguments.contender, 1)
    for name, version in versions.items():
        print(f"{report.TITLES[name]} {version}")
    print(f"\n{report.LEGEND}\n")
    document = {"machine": found, "versions": versions, "workloads": []}
    good = measure_all(place, arguments, here, document)
    if not arguments.no_compile_time:
        document["compile_time"] = compile_time.run(place)
        save(place, document)
    print(f"{place.bench}: results.json, summary.md, plot.svg")
    return None if good else 1


def is_good(result):
    """A result that nobody may quote is none: outputs or bits that differ."""
    agreement = result.get("agreement")
    return bool(agreement) and not agreement["disagree"] and all(
        bits["equal"] for bits in agreement["bits"].values())


if __name__ == "__main__":
    sys.exit(main())
