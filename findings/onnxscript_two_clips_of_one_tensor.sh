#!/bin/sh
# onnxscript 0.7.2: optimizer.optimize() makes an invalid model of a valid one where Min and Max
# bound one tensor twice. Both pairs become Clip, with bounds named after the tensor; the second
# pair's names are taken, so one Clip reads names with "_1" that no initializer has. PyTorch's
# exporter (2.15.0) ends with this optimizer: a module with x.clamp(-1, 1) in two places gives a
# file that onnx's checker and onnxruntime refuse.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxscript==0.7.2' 'onnx_ir==1.1.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
import onnx
import onnx_ir
import onnxscript.optimizer
from onnx import helper, numpy_helper

nodes = []
for i in range(2):
    nodes += [helper.make_node("Min", ["x", "one"], [f"m{i}"]),
              helper.make_node("Max", [f"m{i}", "minus_one"], [f"y{i}"])]
graph = helper.make_graph(
    nodes, "g", [helper.make_tensor_value_info("x", 1, [3])],
    [helper.make_tensor_value_info(name, 1, [3]) for name in ("y0", "y1")],
    [numpy_helper.from_array(numpy.array(value, numpy.float32), name)
     for value, name in ((1, "one"), (-1, "minus_one"))])
model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
onnx.checker.check_model(model)

optimized = onnx_ir.serde.deserialize_model(model)
onnxscript.optimizer.optimize(optimized)
optimized = onnx_ir.serde.serialize_model(optimized)
made = {"x", *(tensor.name for tensor in optimized.graph.initializer)}
unmade = [name for node in optimized.graph.node for name in node.input if name not in made]
print("nodes", [(node.op_type, *node.input) for node in optimized.graph.node], "unmade", unmade)
try:
    onnx.checker.check_model(optimized)
    raise SystemExit("the checker takes it")
except onnx.checker.ValidationError as error:
    print(str(error).splitlines()[0])
raise SystemExit(unmade != ["x_min_1", "x_max_1"])
END
