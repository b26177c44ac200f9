#!/bin/sh
# Modules of PyTorch, taken by from_torch(). PyTorch is too large for an environment of this test's
# own: it runs with the one that $TORCH_PYTHON has (else python3), or not at all.
. "$(dirname "$0")/../support/shell.sh"

python=${TORCH_PYTHON:-python3}
"$python" -c 'import torch, onnx, onnxscript' 2>/dev/null ||
    skip "no torch, onnx and onnxscript in $python (TORCH_PYTHON names another)"

export EIGENTENSOR_LIBRARY="$build/libeigentensor.so" PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH="$top/capture:$top/tests/import/torch"
"$python" -W ignore tests/capture/test_torch.py || failed=1
