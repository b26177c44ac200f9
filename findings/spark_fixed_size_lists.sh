#!/bin/sh
# pyspark 4.3.0: mapInArrow takes lists of variable length for "array<float>", and throws a bare
# java.lang.UnsupportedOperationException where they are Arrow's lists of a fixed size. Needs Java.
. "$(dirname "$0")/support/prepare.sh"
prepare 'pyspark==4.3.0' 'numpy==2.4.6' 'pyarrow==26.0.1' 'pandas==3.1.1'
cat >"$folder/look.py" <<'END'
import pyarrow
from pyspark.sql import SparkSession

values, offsets = pyarrow.array([1.0, 2.0], "float"), pyarrow.array([0, 2], "int32")
columns = {"variable": pyarrow.ListArray.from_arrays(offsets, values),
           "fixed": pyarrow.FixedSizeListArray.from_arrays(values, 2)}
session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False).getOrCreate()
session.sparkContext.setLogLevel("OFF")


def found(column):
    made = session.range(1).mapInArrow(lambda batches: (
        pyarrow.RecordBatch.from_arrays([column], ["x"]) for _ in batches), "x array<float>")
    try:
        return [row.x for row in made.collect()]
    except Exception as error:
        return type(error).__name__


seen = [found(column) for column in columns.values()]
print("variable: {}; fixed: {}".format(*seen))
raise SystemExit(seen != [[[1.0, 2.0]], "UnsupportedOperationException"])
END
PYSPARK_PYTHON=$python "$python" "$folder/look.py" 2>"$folder/log" || {
    tail -n 3 "$folder/log" && exit 1
}
