"""What the examples score: pictures of digits, and a table of measurements.

    python workloads.py digits FOLDER [IDX-IMAGES...]     MNIST's files: FOLDER/*.parquet
    python workloads.py table FOLDER ROWS                 so many rows
"""

import gzip
import sys
from pathlib import Path

import numpy
import pyarrow
from pyarrow import parquet

from eigentensor import Scorer

HERE = Path(__file__).resolve().parent
FEATURES = ["age", "height", "mass", "pulse", "pressure", "glucose", "sodium", "active"]
ROWS_A_FILE = 1 << 18


def digits():
    """Columns "id" and "pixels", a byte for each; results "logits"."""
    return Scorer(HERE.parents[1] / "models/mnist/mnist.json", {"input_image": "pixels"},
                  keep=["id"], prepare=lambda given: {  # which goes to workers by value
                      "input_image": given["input_image"] / numpy.float32(255)})


def table():
    """Columns "id" and the features; results "variable". The model is gradient boosting of
    scikit-learn (train_table.py), which looks at so many rows at once."""
    return Scorer(HERE / "table.onnx", {"X": FEATURES}, keep=["id"], rows=4096)


WORKLOADS = {"digits": digits, "table": table}


def write_digits(folder, *files):
    images = [numpy.frombuffer(gzip.open(file).read(), numpy.uint8, offset=16).reshape(-1, 784)
              for file in files]
    pixels = numpy.concatenate(images)
    rows = pyarrow.table({"id": numpy.arange(len(pixels)),
                          "pixels": pyarrow.array([row.tobytes() for row in pixels])})
    write(folder, (rows[begin:begin + 4375] for begin in range(0, len(pixels), 4375)))


def measurements(first, count):
    """These rows of an endless table: each is the same, however many there are."""
    if first % ROWS_A_FILE:
        raise ValueError(f"the first row is {first}, expected a multiple of {ROWS_A_FILE}")
    random = numpy.random.default_rng([1, first])
    columns = {
        "id": numpy.arange(first, first + count),
        "age": random.integers(18, 90, ROWS_A_FILE, "int8"),
        "height": random.normal(172, 9, ROWS_A_FILE).astype("f"),
        "mass": random.normal(76, 14, ROWS_A_FILE),
        "pulse": random.integers(45, 130, ROWS_A_FILE, "int16"),
        "pressure": random.normal(125, 17, ROWS_A_FILE).astype("f"),
        "glucose": random.gamma(9, 0.6, ROWS_A_FILE).astype("f"),
        "sodium": random.normal(140, 3, ROWS_A_FILE).astype("f"),
        "active": random.random(ROWS_A_FILE) < 0.4}
    return pyarrow.table({name: column[:count] for name, column in columns.items()})


def write_table(folder, rows):
    count = int(rows)
    write(folder, (measurements(first, min(ROWS_A_FILE, count - first))
                   for first in range(0, count, ROWS_A_FILE)))


def write(folder, tables):
    Path(folder).mkdir(parents=True)
    for number, rows in enumerate(tables):
        parquet.write_table(rows, f"{folder}/{number:05}.parquet", compression="zstd")


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in WORKLOADS:
        sys.exit(__doc__)
    {"digits": write_digits, "table": write_table}[sys.argv[1]](*sys.argv[2:])
