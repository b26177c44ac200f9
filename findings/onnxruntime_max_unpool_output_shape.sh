#!/bin/sh
# onnxruntime 1.32.0, CPU: MaxUnpool with output_shape takes its indices for places in a tensor of
# that shape. onnx's own node case has them in the tensor that kernel_shape and strides give, which
# output_shape then makes larger: of 4 x 4 made 5 x 5, index 5 is row 1, column 1, not row 1,
# column 0.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" -W ignore - <<'END'
import numpy
from onnx import helper
from onnx.backend.test.case.node import collect_testcases
from one_node import by_onnxruntime, run

cases = {case.name: case for case in collect_testcases("MaxUnpool")}
case = cases["test_maxunpool_export_with_output_shape"]
given, (wanted,) = case.data_sets[0]
names = [value.name for value in case.model.graph.input]
node = helper.make_node("MaxUnpool", names, ["y"], kernel_shape=[2, 2], strides=[2, 2])
y = run(by_onnxruntime, node, dict(zip(names, given)))[0]
print(f"rows with elements: {sorted(set(numpy.nonzero(y)[2].tolist()))}, in onnx's case: "
      f"{sorted(set(numpy.nonzero(wanted)[2].tolist()))}")
print(y[0, 0], wanted[0, 0], sep="\n")
raise SystemExit(numpy.array_equal(y, wanted))
END
