"""The vocabulary as an ONNX graph. A tensor is its name; `shapes` knows the shape."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from vocabulary import EPSILON, Survey, Vocabulary

OPSET, IR_VERSION = 20, 10  # the first with Gelu; what a runtime of its time reads


class InOnnx(Vocabulary):
    def __init__(self, weights):
        super().__init__(weights)
        self.shapes, self.nodes, self.initializers = {}, [], {}
        self.survey = Survey()  # knows what shape comes out

    def weight(self, name, shape, kind):
        return self.constant(name, self.weights[name])

    def constant(self, name, array):
        self.initializers[name] = numpy_helper.from_array(array, name)
        self.shapes[name] = array.shape
        return name

    def shape(self, x):
        return self.shapes[x]

    def node(self, op, inputs, shape, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.shapes[name] = tuple(shape)
        return name

    def convolve(self, x, weight, bias, stride, padding, groups):
        shape = self.survey.convolve(self.shape(x), self.shape(weight), None, stride, padding,
                                     groups)
        pixels = len(shape) - 2
        return self.node("Conv", [x, weight, bias] if bias else [x, weight], shape,
                         strides=[stride] * pixels, pads=[padding] * 2 * pixels, group=groups)

    def convolve_transposed(self, x, weight, bias, size):
        shape = self.survey.convolve_transposed(self.shape(x), self.shape(weight), None, size)
        return self.node("ConvTranspose", [x, weight, bias], shape, strides=[size] * 2)

    def rows_of(self, ids, table):
        return self.node("Gather", [table, ids], (*self.shape(ids), self.shape(table)[1]))

    def recur(self, x, of_inputs, of_states, *biases):
        """ONNX has its gates in the order input, output, forget, cell."""
        weights = [self.constant(f"{name}.reordered", reordered(self.weights[name])[None])
                   for name in (of_inputs, of_states)]
        both = numpy.concatenate([reordered(self.weights[name]) for name in biases])
        weights.append(self.constant("biases.reordered", both[None]))
        for name in (of_inputs, of_states, *biases):
            self.initializers.pop(name)
        length, batch, width = shape = self.survey.recur(self.shape(x), self.shape(of_inputs),
                                                         self.shape(of_states))
        outputs = self.node("LSTM", [x, *weights], (length, 1, batch, width), hidden_size=width)
        return self.reshape(outputs, shape)

    def affine(self, x, weight, bias):
        shape = (*self.shape(x)[:-1], self.shape(weight)[0])
        if self.weights[weight].dtype == numpy.float16:
            weight = self.node("Cast", [weight], self.shape(weight), to=TensorProto.FLOAT)
        if len(shape) == 2:
            return self.node("Gemm", [x, weight, bias] if bias else [x, weight], shape, transB=1)
        name = f"{weight}.transposed"  # MatMul has no attribute for it
        self.constant(name, numpy.ascontiguousarray(self.weights[weight].T))
        self.initializers.pop(weight, None)
        return self.add(self.node("MatMul", [x, name], shape), bias)

    def normalise_channels(self, x, *parameters):
        return self.node("BatchNormalization", [x, *parameters], self.shape(x), epsilon=EPSILON)

    def normalise_rows(self, x, weight, bias):
        return self.node("LayerNormalization", [x, weight, bias], self.shape(x), axis=-1,
                         epsilon=EPSILON)

    def matmul(self, a, b):
        return self.node("MatMul", [a, b], (*self.shape(a)[:-1], self.shape(b)[-1]))

    def softmax(self, x):
        return self.node("Softmax", [x], self.shape(x), axis=-1)

    def sigmoid(self, x):
        return self.node("Sigmoid", [x], self.shape(x))

    def relu(self, x):
        return self.node("Relu", [x], self.shape(x))

    def relu6(self, x):
        ends = [self.constant(name, numpy.array(value, numpy.float32))
                for name, value in (("zero", 0), ("six", 6))]
        return self.node("Clip", [x, *ends], self.shape(x))

    def gelu(self, x):
        return self.node("Gelu", [x], self.shape(x), approximate="tanh")

    def gelu_erf(self, x):
        return self.node("Gelu", [x], self.shape(x))

    def max_pool(self, x, size, stride, padding=0):
        shape = self.survey.max_pool(self.shape(x), size, stride, padding)
        pixels = len(shape) - 2
        return self.node("MaxPool", [x], shape, kernel_shape=[size] * pixels,
                         strides=[stride] * pixels, pads=[padding] * 2 * pixels)

    def mean_pixels(self, x):
        shape = self.shape(x)[:2]
        return self.reshape(self.node("GlobalAveragePool", [x], (*shape, 1, 1)), shape)

    def mean_rows(self, x):
        axes = self.constant("axis.of.rows", numpy.array([-2], numpy.int64))
        return self.node("ReduceMean", [x, axes], self.survey.mean_rows(self.shape(x)), keepdims=0)

    def add(self, a, b):
        return self.node("Add", [a, b], self.shape(a))

    def multiply(self, a, b):
        return self.node("Mul", [a, b], self.shape(a))

    def gate_channels(self, x, gate):
        return self.multiply(x, self.reshape(gate, (*self.shape(gate), 1, 1)))

    def concat(self, parts, axis):
        shape = self.survey.concat([self.shape(part) for part in parts], axis)
        return self.node("Concat", list(parts), shape, axis=axis)

    def row(self, x, number):
        name = self.constant(f"row.{number}", numpy.array(number, numpy.int64))
        return self.node("Gather", [x, name], self.survey.first_row(self.shape(x)), axis=1)

    def first_row(self, x):
        return self.row(x, 0)

    def last_row(self, x):
        return self.row(x, self.shape(x)[1] - 1)

    def scale(self, x, number):
        name = f"scale.{len(self.nodes)}"
        return self.node("Mul", [x, self.constant(name, numpy.array(number, numpy.float32))],
                         self.shape(x))

    def split(self, x, count):
        names = [f"t{len(self.nodes)}.{i}" for i in range(count)]
        self.nodes.append(helper.make_node("Split", [x], names, axis=-1, num_outputs=count))
        for name in names:
            self.shapes[name] = (*self.shape(x)[:-1], self.shape(x)[-1] // count)
        return names

    def reshape(self, x, shape):
        name = f"shape.{len(self.nodes)}"
        return self.node("Reshape", [x, self.constant(name, numpy.array(shape, numpy.int64))],
                         shape)

    def permute(self, x, axes):
        return self.node("Transpose", [x], [self.shape(x)[axis] for axis in axes], perm=axes)


def reordered(gates):
    """Input, forget, cell, output -> input, output, forget, cell."""
    parts = numpy.split(gates, 4)
    return numpy.concatenate([parts[i] for i in (0, 3, 1, 2)])


def save(workload, weights, path):
    vocabulary = InOnnx(weights)
    vocabulary.shapes.update(workload.inputs)
    output = workload.define(vocabulary, *workload.inputs)
    described = [helper.make_tensor_value_info(
        name, TensorProto.INT64 if name in workload.ids else TensorProto.FLOAT,
        vocabulary.shape(name)) for name in (*workload.inputs, output)]
    graph = helper.make_graph(vocabulary.nodes, workload.name, described[:-1], described[-1:],
                              list(vocabulary.initializers.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                              ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
