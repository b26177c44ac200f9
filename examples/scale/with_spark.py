"""python with_spark.py digits|table ROWS RESULTS [WORKERS]: scores Parquet files by Spark."""

import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from workloads import WORKLOADS

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers run `python3`


def start(workers=2):
    return SparkSession.builder.master(f"local-cluster[{workers},1,1024]").config(
        "spark.ui.showConsoleProgress", True).config("spark.ui.enabled", False).getOrCreate()


def score(session, scorer, rows, results):
    table = session.read.parquet(rows)
    schema = from_arrow_schema(scorer.schema(to_arrow_schema(table.schema)))
    scores = table.mapInArrow(scorer.batches, schema)
    scores.write.parquet(results, compression="zstd")


if __name__ == "__main__":
    workload, rows, results, *workers = sys.argv[1:]
    scorer = WORKLOADS[workload]()
    with start(*map(int, workers)) as session:
        score(session, scorer, rows, results)
    print(scorer.result_digest(results, key="id"))
