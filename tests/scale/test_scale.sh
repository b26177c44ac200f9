#!/bin/sh
# Tables as engines of Python hand them out, in a virtual environment of its own: columns, batches
# and digests of results; the tutorial for Python; and the examples' code on clusters of two
# workers, of which one is killed in the middle. $ENGINES names the engines, of dask, ray and spark
# (default: dask ray).
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

engines=${ENGINES:-dask ray}
make_venv scale "these packages need"
install -r tests/scale/requirements.txt >"$log" 2>&1 ||
    skip "pyarrow, dask and ray cannot be installed: $(tail -n 1 "$log")"
case $engines in
*spark*) # 440 MB, and some minutes to install
    command -v java >/dev/null || skip "no java, which Spark needs (Debian: default-jre-headless)"
    install -r tests/scale/requirements-spark.txt >"$log" 2>&1 ||
        skip "pyspark cannot be installed: $(tail -n 1 "$log")"
    ;;
esac

enter_work_folder
export EIGENTENSOR_LIBRARY="$build/libeigentensor.so" PYTHONPATH="$top/capture"
export DASK_TEMPORARY_DIRECTORY="$work" RAY_TMPDIR="$work" RAY_USAGE_STATS_ENABLED=0
export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" "$top/tests/scale/test_columns.py" || failed=1
mkdir home tutorial && ln -s "$top" home/eigentensor
(cd tutorial && HOME=$work/home PATH=$venv/bin:$PATH "$top/tests/docs/tutorial.py" \
    "$top/docs/tutorials/python.md") || failed=1
# shellcheck disable=SC2086  # a word each
"$venv/bin/python" "$top/tests/scale/engines.py" $engines >engines.log 2>&1 || failed=1
tr '\r' '\n' <engines.log | grep '^one process\|, a worker killed\|^FAILED'
[ "$failed" = 0 ] || tail -n 40 engines.log
