"""python bench/scale.py ENGINE WORKLOAD ROWS [TIMES]: how much of what single processes do side by
side an engine of two workers does, in rows per second: dask, ray or spark over the workloads and
Parquet files of examples/scale. Runs take turns; the engine is started once, and has run once. Load
of other processes shows in both."""

import importlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def seconds(work):
    since = time.perf_counter()
    work()
    return time.perf_counter() - since


def main(engine, workload, rows, times="5"):
    module, scorer = importlib.import_module(f"with_{engine}"), WORKLOADS[workload]()
    count = dataset.dataset(rows).count_rows()
    with tempfile.TemporaryDirectory() as folder, module.start(2) as started:
        alone = Alone(workload, rows, folder)

        def by_engine():
            shutil.rmtree(f"{folder}/engine", ignore_errors=True)
            module.score(started, scorer, rows, f"{folder}/engine")
        by_engine(), alone.run()
        found = [(seconds(by_engine), seconds(alone.run)) for _ in range(int(times))]
        alone.end()
        digests = {scorer.result_digest(f"{folder}/{kind}", "id") for kind in ("engine", "alone")}
    print()
    for name, column in zip((engine, "two processes"), zip(*found)):
        print(f"{name:14} {count / statistics.median(column):12,.0f} rows/s")
    print(f"{'ratio':14} {statistics.median(b / a for a, b in found):12.2f}")
    print(*digests)
    return len(digests) != 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
