"""Models of one node, and the outputs that engines give for them."""

import pathlib
import tempfile

from onnx import helper, numpy_helper


def model(node, feeds, constants=(), opset=18, domains=()):
    """Of inputs like the arrays of `feeds`; `domains` has the versions of others than ai.onnx."""
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for name, x in feeds.items()],
        [helper.make_empty_tensor_value_info(name) for name in node.output if name],
        [numpy_helper.from_array(value, name) for name, value in dict(constants).items()])
    versions = {"": opset, **dict(domains)}
    return helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid(domain, version) for domain, version in versions.items()])


def by_onnxruntime(made, feeds):
    import onnxruntime
    return onnxruntime.InferenceSession(made.SerializeToString()).run(None, feeds)


def by_openvino(made, feeds):
    """In float32 on the CPU."""
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(made.SerializeToString()), "CPU",
                                  {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(list(feeds.values()))
    return [results[output] for output in compiled.outputs]


def by_tract(made, feeds):
    import tract
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        path.write_bytes(made.SerializeToString())
        runnable = tract.onnx().load(str(path)).into_model().into_runnable()
        return [result.to_numpy() for result in runnable.run(list(feeds.values()))]


def run(engine, node, feeds, *arguments, **named):
    """The outputs of by_...(), of a model that is made for this."""
    return engine(model(node, feeds, *arguments, **named), feeds)
