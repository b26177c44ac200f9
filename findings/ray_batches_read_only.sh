#!/bin/sh
# ray 2.60.0, Ray Data: map_batches(zero_copy_batch=False) hands out arrays of NumPy that cannot be
# written to. Its documentation says that this makes a copy, which the function may modify in place.
. "$(dirname "$0")/support/prepare.sh"
prepare 'ray==2.60.0' 'numpy==2.4.6' 'pyarrow==26.0.1' 'pandas==3.1.1'
cat >"$folder/look.py" <<'END'
import numpy
import pyarrow
import ray

said = "allowing UDF to\n                modify underlying data buffers" in \
    ray.data.Dataset.map_batches.__doc__
with ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False):
    rows = ray.data.from_arrow(pyarrow.table({"x": numpy.arange(4.0)}))
    found = rows.map_batches(lambda batch: {"writable": [batch["x"].flags.writeable]},
                             zero_copy_batch=False).take_all()[0]["writable"]
print(f"the documentation says so: {said}; the array is writable: {found}")
raise SystemExit(not said or found)
END
export RAY_TMPDIR="$folder" RAY_worker_niceness=0 RAY_USAGE_STATS_ENABLED=0
"$python" "$folder/look.py" 2>"$folder/log" || { tail -n 3 "$folder/log" && exit 1; }
