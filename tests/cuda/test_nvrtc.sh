#!/bin/sh
# What is emitted for GPUs, compiled by NVRTC for each architecture, which takes no GPU: the models
# of the repository and random graphs, in a virtual environment of its own.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

make_venv cuda "the package of NVRTC needs"
install -r "$top/tests/cuda/requirements.txt" >"$log" 2>&1 ||
    skip "NVRTC cannot be installed: $(tail -n 1 "$log")"
libraries=$(echo "$venv"/lib/python3*/site-packages/nvidia/*/lib)
LD_LIBRARY_PATH=$libraries EIGENTENSOR_NVRTC=$(echo "$libraries"/libnvrtc.so.1?) \
    "$build/tests/cuda/test_modules" >"$log" 2>&1 || wrong "$(cat "$log")"
work=$(mktemp -d) || exit 1
for model in models/mnist/mnist.json models/mnist/mnist-int8.json examples/linear.json; do
    "$build/eigentensor" emit --target=cuda -o "$work" "$model" >"$work/said" || wrong "$model"
done

# sums ROWS COLUMNS: a model whose one kernel stores a tensor and what it sums up to over two axes.
# NVRTC has ended the process at such loops.
sums() {
    dtype='"dtype": "float32"'
    all="$dtype, \"shape\": [$1, $2, 35]"
    cat <<END
{"format": "eigentensor", "version": 2, "name": "sums_$1_$2",
 "inputs": [{"name": "x", $all}, {"name": "y", $dtype, "shape": [$2]}],
 "nodes": [{"id": 0, "op": "input", "src": [], "name": "x", $all},
           {"id": 1, "op": "input", "src": [], "name": "y", $dtype, "shape": [$2]},
           {"id": 2, "op": "exp", "src": [0], $all},
           {"id": 3, "op": "reshape", "src": [1], $dtype, "shape": [1, $2, 1]},
           {"id": 4, "op": "expand", "src": [3], $all},
           {"id": 5, "op": "add", "src": [2, 4], $all},
           {"id": 6, "op": "reduce_sum", "src": [5], "axes": [0, 1], $dtype, "shape": [35]}],
 "outputs": [{"name": "powers", "node": 2}, {"name": "sums", "node": 6}]}
END
}
for rows in 2 3 5 7; do
    for columns in 9 17 25 40; do
        sums "$rows" "$columns" >"$work/sums.json"
        "$build/eigentensor" emit --target=cuda -o "$work" "$work/sums.json" >"$work/said" ||
            wrong "sums over $rows x $columns"
    done
done
count=${EIGENTENSOR_CUDA_COUNT:-120}
"$build/tests/modes/differential" --texts "$work" --count "$count" || failed=1
# The figures are for the reader: what spills is slow, and right.
timeout 550 "$venv/bin/python" tests/cuda/nvrtc.py "$work"/*.cu >"$work/said" || failed=1
grep -v ' spilled$' "$work/said" | sed 's/^/# /'
