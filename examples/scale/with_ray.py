"""python with_ray.py digits|table ROWS RESULTS [WORKERS]: scores Parquet files by Ray Data."""

import os
import sys

os.environ.setdefault("RAY_worker_niceness", "0")  # else all other processes go first
import ray  # noqa: E402, reads the environment

from workloads import WORKLOADS


def start(workers=2):
    return ray.init(num_cpus=workers, include_dashboard=False)


def score(_, scorer, rows, results):
    table = ray.data.read_parquet(os.path.abspath(rows))
    scores = table.map_batches(scorer, batch_format="pyarrow", batch_size=None)
    scores.write_parquet(os.path.abspath(results))


if __name__ == "__main__":
    workload, rows, results, *workers = sys.argv[1:]
    scorer = WORKLOADS[workload]()
    with start(*map(int, workers)) as context:
        score(context, scorer, rows, results)
    print(scorer.result_digest(results, key="id"))
