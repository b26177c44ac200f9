#!/bin/sh
# onnxruntime 1.32.0, CPU: TreeEnsemble of ai.onnx.ml 5. Its specification numbers post_transform
# NONE 0, SOFTMAX 1, LOGISTIC 2; the runtime gives the logistic function for 1 and softmax for 2.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_onnxruntime, run


def scores(transform):
    """Of a tree that gives target 0 the score 2 where x <= 0, else target 1 the score 3."""
    node = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=2, aggregate_function=1,
        post_transform=transform, tree_roots=[0], nodes_featureids=[0],
        nodes_splits=helper.make_tensor("s", 1, [1], [0.0]),
        nodes_modes=helper.make_tensor("m", 2, [1], [0]), nodes_truenodeids=[0],
        nodes_trueleafs=[1], nodes_falsenodeids=[1], nodes_falseleafs=[1], leaf_targetids=[0, 1],
        leaf_weights=helper.make_tensor("w", 1, [2], [2.0, 3.0]))
    x = numpy.array([[-1.0]], numpy.float32)
    return run(by_onnxruntime, node, {"x": x}, domains={"ai.onnx.ml": 5})[0][0]


one, two = scores(1), scores(2)
print("post_transform 1:", one, "sum", one.sum(), "post_transform 2:", two, "sum", two.sum())
raise SystemExit(not (abs(one.sum() - 1) > 0.1 and abs(two.sum() - 1) < 1e-6))
END
