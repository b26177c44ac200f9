"""python alone.py digits|table ROWS RESULTS [PART PARTS]: scores Parquet files, or every so many of
them, in this process."""

import sys
from pathlib import Path

from pyarrow import parquet

from workloads import WORKLOADS


def score(scorer, rows, results, part=0, parts=1):
    Path(results).mkdir(parents=True, exist_ok=True)
    for file in sorted(Path(rows).glob("*.parquet"))[part::parts]:
        parquet.write_table(scorer(parquet.read_table(file)), Path(results, file.name))


if __name__ == "__main__":
    workload, rows, results, *part = sys.argv[1:]
    scorer = WORKLOADS[workload]()
    score(scorer, rows, results, *map(int, part))
    if not part:
        print(scorer.result_digest(results, key="id"))
