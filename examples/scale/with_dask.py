"""python with_dask.py digits|table ROWS RESULTS [WORKERS]: scores Parquet files by Dask."""

import sys
from pathlib import Path

import dask
from dask.distributed import Client, progress
from pyarrow import parquet

from workloads import WORKLOADS


def start(workers=2):
    dask.config.set({"distributed.worker.profile.enabled": False,  # which looks each 10 ms,
                     "distributed.admin.tick.interval": "1s"})  # and this each 20
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)


def score_file(file, scorer, results):
    parquet.write_table(scorer(parquet.read_table(file)), Path(results, file.name))


def score(client, scorer, rows, results):
    Path(results).mkdir(parents=True, exist_ok=True)
    scored = client.map(score_file, sorted(Path(rows).glob("*.parquet")), scorer=scorer,
                        results=results)
    progress(scored)
    client.gather(scored)


if __name__ == "__main__":
    workload, rows, results, *workers = sys.argv[1:]
    scorer = WORKLOADS[workload]()
    with start(*map(int, workers)) as client:
        score(client, scorer, rows, results)
    print(scorer.result_digest(results, key="id"))
