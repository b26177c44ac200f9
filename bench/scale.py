"""python bench/scale.py ENGINE WORKLOAD ROWS [TIMES]
python bench/scale.py all DIGITS TABLE [TIMES]

How much of what single processes do side by side an engine for two cores does: dask, ray or spark
over the workloads and Parquet files of examples/scale; with "all", each engine that is installed
over both folders, one after another, as the table of docs/scale.md. Runs take turns; the engine is
started once, and has run once. In rows per second, where the load of other processes shows, and in
seconds of CPU of all processes, where it shows less. Needs psutil beside the engine."""

import importlib
import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from pyarrow import dataset

SCALE = Path(__file__).resolve().parents[1] / "examples/scale"
sys.path.insert(0, str(SCALE))
from workloads import WORKLOADS  # noqa: E402

ENGINES = {"dask": "distributed", "ray": "ray", "spark": "pyspark"}  # and what each needs

WAITING = """
import sys; sys.path.insert(0, sys.argv[1])
import alone; scorer = alone.WORKLOADS[sys.argv[2]]()
scorer.program.prepare()
while True:
    print("ready", flush=True); sys.stdin.readline()
    alone.score(scorer, sys.argv[3], sys.argv[4], int(sys.argv[5]), 2)
"""


class Alone:
    """Two processes that know nothing of each other, each with half of the files."""
    def __init__(self, workload, rows, results):
        self.processes = [subprocess.Popen(
            [sys.executable, "-c", WAITING, SCALE, workload, rows, f"{results}/alone", str(part)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for part in range(2)]
        self.wait()

    def wait(self):
        for process in self.processes:
            process.stdout.readline()

    def run(self):
        for process in self.processes:
            process.stdin.write("\n")
            process.stdin.flush()
        self.wait()

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


def cpu_of(processes):
    """Seconds of CPU that they have taken, with those of children that ended."""
    total = 0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            pass
    return total


def cost(work, processes):
    """Seconds of time and of CPU."""
    since, before = time.perf_counter(), cpu_of(processes())
    work()
    return time.perf_counter() - since, cpu_of(processes()) - before


def table(digits, rows, times="5"):
    print("| rows | engine | two processes | engine | ratio | seconds of CPU |")
    print("|---|---|--:|--:|--:|---|", flush=True)
    failed = False
    for workload, folder in (("digits", digits), ("table", rows)):
        for engine, module in ENGINES.items():
            if not importlib.util.find_spec(module):
                print(f"{engine}: not installed", file=sys.stderr)
                continue
            done = subprocess.run([sys.executable, __file__, engine, workload, folder, times],
                                  stdout=subprocess.PIPE, text=True)
            failed |= done.returncode != 0
            line = next((each for each in done.stdout.splitlines() if each.startswith("| ")), "")
            print(line or f"| {workload} | {engine} | failed | | | |", flush=True)
    return failed


def main(engine, workload, rows, times="5"):
    if engine == "all":
        return table(workload, rows, times)
    module, scorer = importlib.import_module(f"with_{engine}"), WORKLOADS[workload]()
    count = dataset.dataset(rows).count_rows()
    with tempfile.TemporaryDirectory() as folder, module.start(2) as started:
        alone = Alone(workload, rows, folder)

        def by_engine():
            shutil.rmtree(f"{folder}/engine", ignore_errors=True)
            module.score(started, scorer, rows, f"{folder}/engine")

        def processes_alone():
            return [psutil.Process(each.pid) for each in alone.processes]

        def processes_of_engine():
            this = psutil.Process()
            found = [this, *this.children(recursive=True)]
            return [each for each in found if each not in processes_alone()]
        by_engine()
        alone.run()
        found = [(*cost(by_engine, processes_of_engine), *cost(alone.run, processes_alone))
                 for _ in range(int(times))]
        alone.end()
        digests = {scorer.result_digest(f"{folder}/{kind}", "id") for kind in ("engine", "alone")}
    def middle(i):
        return statistics.median(turn[i] for turn in found)

    ratio = statistics.median(turn[2] / turn[0] for turn in found)
    print(f"\n| {count:,} {workload} | {engine} | {count / middle(2):,.0f} rows/s "
          f"| {count / middle(0):,.0f} rows/s | {ratio:.2f} "
          f"| {middle(3):.1f}, {engine} {middle(1):.1f} |")
    print(*digests)
    return len(digests) != 1


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
