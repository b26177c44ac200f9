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
count=${EIGENTENSOR_CUDA_COUNT:-120}
"$build/tests/modes/differential" --texts "$work" --count "$count" || failed=1
# The figures are for the reader: what spills is slow, and right.
timeout 550 "$venv/bin/python" tests/cuda/nvrtc.py "$work"/*.cu >"$work/said" || failed=1
grep -v ' spilled$' "$work/said" | sed 's/^/# /'
