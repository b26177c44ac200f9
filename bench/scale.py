"""python bench/scale.py ENGINE WORKLOAD ROWS [TIMES]: how much of what single processes do side by
side an engine of two workers does: dask, ray or spark over the workloads and Parquet files of
examples/scale. Runs take turns; the engine is started once, and has run once. In rows per second,
where the load of other processes shows, and in seconds of CPU of all processes, where it shows
less. Needs psutil beside the engine."""

import importlib
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


def main(engine, workload, rows, times="5"):
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
    print()
    for name, i in ((engine, 0), ("two processes", 2)):
        times, cpus = zip(*(turn[i:i + 2] for turn in found))
        print(f"{name:14} {count / statistics.median(times):12,.0f} rows/s "
              f"{statistics.median(cpus):8.2f} s of CPU")
    ratios = [statistics.median(turn[i + 2] / turn[i] for turn in found) for i in (0, 1)]
    print(f"{'ratio':14} {ratios[0]:12.2f}        {ratios[1]:8.2f}")
    print(*digests)
    return len(digests) != 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
