#!/bin/sh
# onnxruntime 1.32.0, CPU: TreeEnsembleClassifier with two integer labels, and votes for both of
# which none is negative, gives label 1 whatever the scores, which are right: also where the labels
# are 5 and -6. With one negative vote the labels 0 and 1 come out right.
. "$(dirname "$0")/support/prepare.sh"
prepare 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
import onnxruntime
from onnx import TensorProto, helper


def labels_of(first, second, vote=0.25):
    """x <= 0.5: scores 0.75 and `vote`; else 0.125 and 0.875."""
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml",
        nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[0.5, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], class_treeids=[0, 0, 0, 0],
        class_nodeids=[1, 1, 2, 2], class_ids=[0, 1, 0, 1],
        class_weights=[0.75, vote, 0.125, 0.875], classlabels_int64s=[first, second])
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 1])],
        [helper.make_tensor_value_info("label", TensorProto.INT64, [2]),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, [2, 2])])
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["label"], {"x": numpy.array([[0], [1]], numpy.float32)})[0].tolist()


usual, others, negative = labels_of(0, 1), labels_of(5, -6), labels_of(0, 1, -2.0**-10)
print("labels 0 and 1:", usual, "expected [0, 1]; with a negative vote:", negative)
print("labels 5 and -6:", others, "expected [5, -6]")
raise SystemExit(not (usual == [1, 1] and others == [1, 1] and negative == [0, 1]))
END
