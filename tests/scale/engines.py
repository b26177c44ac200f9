"""engines.py ENGINE...: each scores digits and a table by the examples' code, and loses a worker in
the middle. Their results have the digests of one process, whatever the engine."""

import importlib
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy
import pyarrow

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples/scale"))
import alone  # noqa: E402
import workloads  # noqa: E402

DIGITS, ROWS = 96, 100000


class Dying:
    """prepare() of a Scorer: the second batch that it sees, in whatever process, kills its process,
    once."""

    def __init__(self, folder, prepare):
        self.folder, self.prepare = str(folder), prepare

    def __call__(self, given):
        seen = len(os.listdir(self.folder))
        Path(tempfile.mkdtemp(dir=self.folder))
        if seen >= 1:
            try:
                os.mkdir(f"{self.folder}/killed")
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.prepare(given)


def write_rows(folder):
    """Rows of both kinds in several files."""
    pixels = numpy.random.default_rng(5).integers(0, 256, (DIGITS, 784), numpy.uint8)
    rows = pyarrow.table({"id": numpy.arange(DIGITS),
                          "pixels": pyarrow.array([row.tobytes() for row in pixels])})
    workloads.write(folder / "digits", (rows[i:i + 16] for i in range(0, DIGITS, 16)))
    rows = workloads.measurements(0, ROWS)
    workloads.write(folder / "table", (rows[i:i + 30000] for i in range(0, ROWS, 30000)))


def digests_of_one_process(folder):
    scorers = {kind: make() for kind, make in workloads.WORKLOADS.items()}
    for kind, scorer in scorers.items():
        alone.score(scorer, folder / kind, folder / "alone" / kind)
    return {kind: scorer.result_digest(folder / "alone" / kind, "id")
            for kind, scorer in scorers.items()}


def score_frames(scorer, rows, results):
    """The table as a DataFrame of Dask, whose partitions are pandas' frames."""
    from dask import dataframe
    table = dataframe.read_parquet(rows, dtype_backend="pyarrow")
    table.map_partitions(scorer, meta=scorer(table._meta)).to_parquet(results, write_index=False)
    return scorer.result_digest(results, "id")


def check(engine, folder, expected):
    """Scores all with it; True if the digests are the expected ones, although a worker died."""
    module = importlib.import_module(f"with_{engine}")
    deaths = folder / f"deaths-{engine}"
    deaths.mkdir()
    scorers = {kind: make() for kind, make in workloads.WORKLOADS.items()}
    scorers["digits"].prepare = Dying(deaths, scorers["digits"].prepare)
    with module.start() as started:
        for kind, scorer in scorers.items():
            module.score(started, scorer, str(folder / kind), str(folder / engine / kind))
        frames = expected["table"] if engine != "dask" else score_frames(
            scorers["table"], folder / "table", folder / engine / "frames")
    found = {kind: scorer.result_digest(folder / engine / kind, "id")
             for kind, scorer in scorers.items()}
    killed = (deaths / "killed").exists()
    print(f"{engine}, a worker killed: {killed}, {found}", flush=True)
    return killed and found == expected and frames == expected["table"]


def main(engines):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder)
        expected = digests_of_one_process(folder)
        print(f"one process: {expected}", flush=True)
        failed = [engine for engine in engines if not check(engine, folder, expected)]
    return f"FAILED: {' '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
