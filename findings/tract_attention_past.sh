#!/bin/sh
# tract 0.23.9: a causal Attention (opset 23) with past keys masks as if the new rows were the
# first ones. Two new rows after two past ones see three and four keys, so the means of the values
# 1, 2, 3, 4 are 2 and 2.5; found were 1 and 1.5.
. "$(dirname "$0")/support/prepare.sh"
prepare 'tract==0.23.9' 'onnx==1.23.2' 'numpy==2.4.6'
"$python" - <<'END'
import numpy
from onnx import helper
from one_node import by_tract, run

def rows(*values):
    return numpy.array(values, numpy.float32).reshape(1, 1, 2, 1)


node = helper.make_node("Attention", ["q", "k", "v", "", "past_k", "past_v"], ["y", "pk", "pv"],
                        is_causal=1)
feeds = {"q": rows(1, 1), "k": rows(1, 1), "v": rows(3, 4), "past_k": rows(1, 1),
         "past_v": rows(1, 2)}
found = run(by_tract, node, feeds, opset=23)[0].ravel().tolist()
print("found", found, "expected [2.0, 2.5]")
raise SystemExit(not numpy.allclose(found, [1, 1.5]))
END
