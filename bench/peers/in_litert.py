"""The vocabulary as a LiteRT flatbuffer, as its converter would leave it: images with their
channels last, batch normalisation folded into the convolution before it, activations fused."""

import math

import flatbuffers
import numpy
from ai_edge_litert import schema_py_generated as schema

from vocabulary import EPSILON, Survey, Vocabulary

IMAGES = ("image", "input_image")  # inputs whose channels go last
TYPES = {numpy.dtype(numpy.float32): schema.TensorType.FLOAT32,
         numpy.dtype(numpy.float16): schema.TensorType.FLOAT16,
         numpy.dtype(numpy.int32): schema.TensorType.INT32}
VERSIONS = {"TRANSPOSE_CONV": 3, "FULLY_CONNECTED": 5}  # the first with what is used here; else 1
FUSES = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL")


def arranged(x):
    """As LiteRT has an image."""
    return numpy.ascontiguousarray(x.transpose(0, 2, 3, 1))


def arranged_back(x):
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x


class Value:
    """A tensor of the graph: its shape as the vocabulary has it, and what made it."""

    def __init__(self, index, shape, image=False, made_by=None):
        self.index, self.shape, self.image, self.made_by = index, tuple(shape), image, made_by
        self.positive = False


class InLitert(Vocabulary):
    def __init__(self, weights):
        super().__init__(weights)
        self.survey = Survey()
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.buffers, self.codes = [schema.BufferT()], []  # the first one is empty

    # ---- Tensors and operators ----

    def shape(self, x):
        return x.shape

    def tensor(self, shape, dtype, data=None):
        """Its index; with data it is a constant."""
        made = schema.TensorT()
        made.name, made.type = f"t{len(self.graph.tensors)}", TYPES[numpy.dtype(dtype)]
        made.shape = list(shape)
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = numpy.frombuffer(numpy.ascontiguousarray(data), numpy.uint8)
            made.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def constant(self, array, dtype=None):
        array = numpy.asarray(array, dtype)
        return self.tensor(array.shape, array.dtype, array)

    def given(self, name, shape, dtype):
        image = name in IMAGES
        stored = (shape[0], *shape[2:], shape[1]) if image else shape
        return Value(self.tensor(stored, dtype), shape, image)

    def operator(self, name, inputs, shape, image=False, **options):
        """One operator with one output."""
        stored = (shape[0], *shape[2:], shape[1]) if image else shape
        made = self.operators(name, inputs, [stored], **options)
        return Value(made.outputs[0], shape, image, made)

    def operators(self, name, inputs, shapes, kind=None, **options):
        made = schema.OperatorT()
        made.opcodeIndex = self.code(name)
        made.inputs = [x.index if isinstance(x, Value) else x for x in inputs]
        made.outputs = [self.tensor(shape, numpy.float32) for shape in shapes]
        if kind:
            made.builtinOptions = getattr(schema, f"{kind}T")()
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            for key, value in options.items():
                setattr(made.builtinOptions, key, value)
        self.graph.operators.append(made)
        return made

    def code(self, name):
        number = getattr(schema.BuiltinOperator, name)
        for i, code in enumerate(self.codes):
            if code.builtinCode == number:
                return i
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        code.version = VERSIONS.get(name, 1)
        self.codes.append(code)
        return len(self.codes) - 1

    def name_of(self, operator):
        """Of FUSES, or "": into this one nothing can be fused."""
        number = operator and self.codes[operator.opcodeIndex].builtinCode
        return next((name for name in FUSES if getattr(schema.BuiltinOperator, name) == number), "")

    def array_of(self, index):
        tensor = self.graph.tensors[index]
        return self.buffers[tensor.buffer].data.view(numpy.float32).reshape(tensor.shape)

    def plain(self, x):
        """With the axes of an image where the vocabulary has them."""
        return self.transposed(x, (0, 3, 1, 2), x.shape) if x.image else x

    def transposed(self, x, axes, shape):
        return self.operator("TRANSPOSE", [x, self.constant(axes, numpy.int32)], shape,
                             kind="TransposeOptions")

    # ---- Convolutions ----

    def convolve(self, x, weight, bias, stride, padding, groups):
        if weight.ndim != 4:
            raise NotImplementedError("XNNPACK has no convolution of volumes")
        shape = self.survey.convolve(x.shape, weight.shape, None, stride, padding, groups)
        size, outputs = weight.shape[2], weight.shape[0]
        bias = numpy.zeros(outputs, numpy.float32) if bias is None else bias
        same = stride == 1 and 2 * padding == size - 1
        if padding and not same:
            x = self.padded(x, padding)
        options = {"strideH": stride, "strideW": stride, "dilationHFactor": 1,
                   "dilationWFactor": 1,
                   "padding": schema.Padding.SAME if same else schema.Padding.VALID}
        if groups == 1:
            name, kind, weight = "CONV_2D", "Conv2DOptions", weight.transpose(0, 2, 3, 1)
        elif groups == outputs == x.shape[1]:
            name, kind, options["depthMultiplier"] = ("DEPTHWISE_CONV_2D",
                                                      "DepthwiseConv2DOptions", 1)
            weight = weight.transpose(1, 2, 3, 0)
        else:
            raise NotImplementedError("convolutions of several groups of channels")
        return self.operator(name, [x, self.constant(weight), self.constant(bias)], shape, True,
                             kind=kind, **options)

    def padded(self, x, padding):
        batch, channels, *pixels = x.shape
        amounts = self.constant([(0, 0), (padding,) * 2, (padding,) * 2, (0, 0)], numpy.int32)
        return self.operator("PAD", [x, amounts],
                             (batch, channels, *(extent + 2 * padding for extent in pixels)), True,
                             kind="PadOptions")

    def convolve_transposed(self, x, weight, bias, size):
        shape = self.survey.convolve_transposed(x.shape, weight.shape, None, size)
        stored = self.constant((shape[0], *shape[2:], shape[1]), numpy.int32)
        return self.operator("TRANSPOSE_CONV", [stored, self.constant(weight.transpose(1, 2, 3, 0)),
                                                x, self.constant(bias)], shape, True,
                             kind="TransposeConvOptions", strideH=size, strideW=size,
                             padding=schema.Padding.VALID)

    def normalise_channels(self, x, weight, bias, mean, variance):
        factor = weight / numpy.sqrt(variance + numpy.float32(EPSILON))
        shift = bias - mean * factor
        made, name = x.made_by, self.name_of(x.made_by)
        if "CONV" in name and not made.builtinOptions.fusedActivationFunction:
            filters, offset = (self.array_of(index) for index in made.inputs[1:3])
            along = factor if name == "DEPTHWISE_CONV_2D" else factor[:, None, None, None]
            made.inputs[1:3] = [self.constant(filters * along),
                                self.constant(offset * factor + shift)]
            return x
        return self.operator("ADD", [self.operator("MUL", [x, self.constant(factor)], x.shape,
                                                   x.image, kind="MulOptions"),
                                     self.constant(shift)], x.shape, x.image, kind="AddOptions")

    def max_pool(self, x, size, stride, padding=0):
        shape = self.survey.max_pool(x.shape, size, stride, padding)
        if padding and not x.positive:
            raise NotImplementedError("padding with what is less than all")
        x = self.padded(x, padding) if padding else x
        return self.operator("MAX_POOL_2D", [x], shape, True, kind="Pool2DOptions",
                             padding=schema.Padding.VALID, strideH=stride, strideW=stride,
                             filterHeight=size, filterWidth=size)

    def mean_pixels(self, x):
        return self.mean(x, (1, 2), x.shape[:2])

    # ---- Matrices ----

    def affine(self, x, weight, bias):
        matrix = self.constant(weight)
        if weight.dtype == numpy.float16:
            matrix = self.operator("DEQUANTIZE", [matrix], weight.shape, kind="DequantizeOptions")
        inputs = [self.plain(x), matrix, -1 if bias is None else self.constant(bias)]
        return self.operator("FULLY_CONNECTED", inputs, (*x.shape[:-1], weight.shape[0]),
                             kind="FullyConnectedOptions", keepNumDims=True)

    def matmul(self, a, b):
        return self.operator("BATCH_MATMUL", [a, b], self.survey.matmul(a.shape, b.shape),
                             kind="BatchMatMulOptions")

    def rows_of(self, ids, table):
        return self.operator("GATHER", [self.constant(table), ids],
                             (*ids.shape, table.shape[1]), kind="GatherOptions", axis=0)

    def normalise_rows(self, x, weight, bias):
        row = (*x.shape[:-1], 1)
        centred = self.pair("SUB", x, self.mean(x, (-1,), row, True))
        variance = self.mean(self.pair("MUL", centred, centred), (-1,), row, True)
        spread = self.operator("RSQRT", [self.pair("ADD", variance, numpy.float32(EPSILON))], row)
        y = self.pair("MUL", centred, spread)
        return self.pair("ADD", self.pair("MUL", y, weight.reshape(-1)), bias.reshape(-1))

    # ---- Elements ----

    def pair(self, name, a, b):
        b = b if isinstance(b, Value) else self.constant(b)
        return self.operator(name, [a, b], a.shape, a.image,
                             kind=f"{name.capitalize()}Options")

    def add(self, a, b):
        a, b = ((x if isinstance(x, Value) else Value(self.constant(x), x.shape)) for x in (a, b))
        return self.pair("ADD", a, b)

    def multiply(self, a, b):
        return self.pair("MUL", a, b)

    def gate_channels(self, x, gate):
        return self.pair("MUL", x, self.reshaped(gate, (gate.shape[0], 1, 1, gate.shape[1])))

    def scale(self, x, number):
        return self.pair("MUL", x, numpy.float32(number))

    def unary(self, name, x, **options):
        return self.operator(name, [x], x.shape, x.image, **options)

    def clamped(self, name, x):
        """Part of what made x, where that can be."""
        made = x.made_by
        if self.name_of(made) and not made.builtinOptions.fusedActivationFunction:
            made.builtinOptions.fusedActivationFunction = getattr(schema.ActivationFunctionType,
                                                                  name)
        else:
            x = self.unary(name, x)
        x.positive = True
        return x

    def relu(self, x):
        return self.clamped("RELU", x)

    def relu6(self, x):
        return self.clamped("RELU6", x)

    def sigmoid(self, x):
        return self.unary("LOGISTIC", x)

    def gelu(self, x):
        return self.unary("GELU", x, kind="GeluOptions", approximate=True)

    def gelu_erf(self, x):
        return self.unary("GELU", x, kind="GeluOptions", approximate=False)

    def softmax(self, x):
        return self.unary("SOFTMAX", x, kind="SoftmaxOptions", beta=1.0)

    # ---- Shapes ----

    def mean(self, x, axes, shape, keep=False):
        return self.operator("MEAN", [x, self.constant(axes, numpy.int32)], shape,
                             kind="ReducerOptions", keepDims=keep)

    def mean_rows(self, x):
        return self.mean(x, (-2,), self.survey.mean_rows(x.shape))

    def concat(self, parts, axis):
        parts = [x if isinstance(x, Value) else Value(self.constant(x), x.shape) for x in parts]
        shape, image = self.survey.concat([x.shape for x in parts], axis), parts[0].image
        return self.operator("CONCATENATION", parts, shape, image, kind="ConcatenationOptions",
                             axis={1: 3}.get(axis, axis) if image else axis)

    def row(self, x, number):
        return self.operator("GATHER", [x, self.constant(number, numpy.int32)],
                             self.survey.first_row(x.shape), kind="GatherOptions", axis=1)

    def first_row(self, x):
        return self.row(x, 0)

    def last_row(self, x):
        return self.row(x, x.shape[1] - 1)

    def split(self, x, count):
        shape = (*x.shape[:-1], x.shape[-1] // count)
        axis = self.constant(len(shape) - 1, numpy.int32)
        made = self.operators("SPLIT", [axis, x], [shape] * count, kind="SplitOptions",
                              numSplits=count)
        return [Value(index, shape) for index in made.outputs]

    def reshape(self, x, shape):
        return self.reshaped(self.plain(x), shape)

    def reshaped(self, x, shape):
        return self.operator("RESHAPE", [x, self.constant(shape, numpy.int32)], shape,
                             kind="ReshapeOptions", newShape=list(shape))

    def permute(self, x, axes):
        return self.transposed(x, axes, [x.shape[axis] for axis in axes])

    # ---- The file ----

    def packed(self, inputs, output):
        self.graph.inputs, self.graph.outputs = [x.index for x in inputs], [output.index]
        model = schema.ModelT()
        model.version, model.subgraphs, model.operatorCodes = 3, [self.graph], self.codes
        model.buffers = self.buffers
        size = sum(math.prod(tensor.shape) for tensor in self.graph.tensors if tensor.buffer)
        builder = flatbuffers.Builder(4 * size + (1 << 20))
        builder.Finish(model.Pack(builder), b"TFL3")
        return builder.Output()


def save(workload, weights, path):
    vocabulary = InLitert(weights)
    inputs = [vocabulary.given(name, shape, "int32" if name in workload.ids else "float32")
              for name, shape in workload.inputs.items()]
    output = workload.define(vocabulary, *inputs)
    path.write_bytes(vocabulary.packed(inputs, output))
