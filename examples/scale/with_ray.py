"""python with_ray.py digits|table ROWS RESULTS [WORKERS]: scores Parquet files by Ray Data."""

import os
import sys
from pathlib import Path

os.environ.setdefault("RAY_worker_niceness", "0")  # else all other processes go first
os.environ.setdefault("RAY_DATA_USE_DATASOURCE_V2", "0")  # else one task reads all, up to 128 MiB
import ray  # noqa: E402, reads the environment

from workloads import WORKLOADS


def start(workers=2):
    """Two tasks for each worker, so that one computes while the other ends or begins."""
    return ray.init(num_cpus=2 * workers, include_dashboard=False)


def score(_, scorer, rows, results):
    files = [str(file.absolute()) for file in sorted(Path(rows).glob("*.parquet"))]
    tasks = 3 * int(ray.cluster_resources()["CPU"])
    # Else a share is kept for other operators, and the only one begins with a single task.
    ray.data.DataContext.get_current().op_resource_reservation_enabled = False
    table = ray.data.read_parquet(files, override_num_blocks=min(len(files), tasks))
    scores = table.map_batches(scorer, batch_format="pyarrow", batch_size=None)
    scores.write_parquet(os.path.abspath(results))


if __name__ == "__main__":
    workload, rows, results, *workers = sys.argv[1:]
    scorer = WORKLOADS[workload]()
    with start(*map(int, workers)) as context:
        score(context, scorer, rows, results)
    print(scorer.result_digest(results, key="id"))
