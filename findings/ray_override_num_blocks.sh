#!/bin/sh
# ray 2.60.0, Ray Data: read_parquet(override_num_blocks=4) gives one block, and reads all files in
# one task, though its documentation says that this is the number of blocks from all read tasks.
# The reader that came before, behind RAY_DATA_USE_DATASOURCE_V2=0, gives four.
. "$(dirname "$0")/support/prepare.sh"
prepare 'ray==2.60.0' 'numpy==2.4.6' 'pyarrow==26.0.1' 'pandas==3.1.1'
cat >"$folder/look.py" <<'END'
import sys

import pyarrow
import ray
from pyarrow import parquet

rows = sys.argv[1]
for i in range(4):
    parquet.write_table(pyarrow.table({"x": range(100 * i, 100 * i + 100)}), f"{rows}/{i}.parquet")
said = "Override the number of output blocks from all read tasks" in ray.data.read_parquet.__doc__
with ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False):
    found = []
    for newer in (True, False):
        ray.data.DataContext.get_current().use_datasource_v2 = newer
        table = ray.data.read_parquet(rows, override_num_blocks=4).materialize()
        found.append(table.num_blocks())
print(f"the documentation says so: {said}; blocks: {found[0]}, by the reader before {found[1]}")
raise SystemExit(not said or found != [1, 4])
END
export RAY_TMPDIR="$folder" RAY_worker_niceness=0 RAY_USAGE_STATS_ENABLED=0
mkdir "$folder/rows"
"$python" "$folder/look.py" "$folder/rows" 2>"$folder/log" || { tail -n 3 "$folder/log" && exit 1; }
