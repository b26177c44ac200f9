"""python with_dask.py digits|table ROWS RESULTS [WORKERS]: scores Parquet files by Dask."""

import sys

import dask
import dask.dataframe
from dask.distributed import Client, progress

from workloads import WORKLOADS


def start(workers=2):
    dask.config.set({"distributed.worker.profile.enabled": False,  # which looks each 10 ms,
                     "distributed.admin.tick.interval": "1s"})  # and this each 20
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)


def score(client, scorer, rows, results):
    table = dask.dataframe.read_parquet(rows, dtype_backend="pyarrow")
    scores = table.map_partitions(scorer, meta=scorer(table._meta))
    writing = client.compute(scores.to_parquet(results, write_index=False, compute=False))
    progress(writing)
    writing.result()


if __name__ == "__main__":
    workload, rows, results, *workers = sys.argv[1:]
    scorer = WORKLOADS[workload]()
    with start(*map(int, workers)) as client:
        score(client, scorer, rows, results)
    print(scorer.result_digest(results, key="id"))
