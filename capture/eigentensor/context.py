"""The three lines: a context, its placeholders, and what a model makes of them as a program."""

import linecache
import os
import sys
import tempfile
import traceback

from tinygrad.tensor import Tensor

from . import weights
from .elements import BYTES, ELEMENTS
from .graph import CaptureError, Graph
from .program import GraphProgram
from .recognise import uniform
from .translate import DTYPES, Translator


class TensorContext:
    """Captures what is computed from its placeholders:

        context = TensorContext()
        x = context.add_graph_input("input_image", (1, 1, 28, 28), dtypes.float32)
        program = context.compile_to_graph(model(x), state=get_state_dict(model))
        program.save("mnist.json")
    """

    def __init__(self, name="graph"):
        self.name = name
        self._inputs = {}  # name -> the placeholder's tensor

    def add_graph_input(self, name, shape, dtype):
        """A placeholder: a tensor without elements, to compute with."""
        if name in self._inputs:
            raise CaptureError(f"there is a placeholder {name!r} already")
        if dtype not in DTYPES:
            raise CaptureError(f"placeholder {name!r}: dtype {dtype} is not supported; there are "
                               f"{', '.join(DTYPES.values())}")
        if any(not isinstance(extent, int) or extent < 0 for extent in shape):
            raise CaptureError(f"placeholder {name!r}: shape {tuple(shape)}, expected extents of "
                               "at least 0")
        tensor = Tensor.empty(*shape, dtype=dtype)
        _refuse_reading(tensor, name)
        self._inputs[name] = tensor, tensor.uop
        return tensor

    def compile_to_graph(self, outputs, state=None):
        """Outputs: a tensor (which is called "output"), or a dictionary by name. State: the
        model's state dict, whose names the weights then have; other tensors that the model holds
        are called "tensor.0", "tensor.1", ..., and become constants where they are small."""
        if not isinstance(outputs, dict):
            outputs = {"output": outputs}
        for name, output in outputs.items():
            if not isinstance(output, Tensor):
                raise CaptureError(f"output {name!r} is {type(output).__name__}, expected a Tensor")
        return _Capture(self.name, self._inputs, outputs, dict(state or {})).program()


def _refuse_reading(tensor, name):
    """Makes whatever would read the placeholder's elements an error: it has none. Otherwise a
    branch like `if x.sum().item() > 0` would be decided by memory that nobody wrote."""
    def refuse(*_arguments, **_options):
        raise CaptureError(f"placeholder {name!r} has no elements yet, but {_place_in_user_code()} "
                           "reads a value that depends on it; say a choice by value with "
                           "Tensor.where, so that it becomes a part of the graph")
    tensor.uop.buffer.allocate = refuse


def _place_in_user_code():
    """"model.py:12 (`if x.sum().item() > 0:`)": the innermost call from outside of TinyGrad."""
    for frame, line in traceback.walk_stack(None):
        module = frame.f_globals.get("__name__", "").partition(".")[0]
        if module not in ("tinygrad", "eigentensor", "", *sys.stdlib_module_names):
            path = frame.f_code.co_filename
            code = linecache.getline(path, line, frame.f_globals).strip()
            return f"{path}:{line}" + (f" (`{code}`)" if code else "")
    return "something"


class _Capture:
    def __init__(self, name, inputs, outputs, state):
        self.graph = Graph(name)
        self.tensors = {}  # of the weights file: name -> (dtype, shape, bytes)
        self.nodes = {name: self.graph.input(name, DTYPES[tensor.dtype], tensor.shape)
                      for name, (tensor, _) in inputs.items()}
        leaves = {uop: self.nodes[name] for name, (_, uop) in inputs.items()}
        held = weights.realize_held(list(outputs.values()), state, leaves)
        self.held = {}  # uop -> (name or None, tensor)
        for uop, tensor in held.items():
            self.held[tensor.uop] = None, tensor
        for key in sorted(state, reverse=True):  # of tied weights the first name counts
            if weights.stored_now(state[key]) and state[key].uop not in leaves:
                self.held[state[key].uop] = key, state[key]
        self.leaves = _Leaves(leaves, self)
        self.outputs = outputs

    def program(self):
        for name, output in self.outputs.items():
            if self.nodes and self.computed_before(output):
                raise CaptureError(f"output {name!r} depends on no placeholder; it was computed "
                                   "(realized, printed) before it was captured")
        translator = Translator(self.graph, self.leaves, self.unnamed)
        ends = {name: translator.translate(output.uop) for name, output in self.outputs.items()}
        text = self.graph.to_json(ends, self.nodes)
        with tempfile.TemporaryDirectory(prefix="eigentensor-") as folder:
            path = None
            if self.tensors:
                path = os.path.join(folder, "weights.safetensors")
                weights.save(path, self.tensors)
            return GraphProgram.from_json(text, path)

    def computed_before(self, output):
        """Whether an output is only elements, and not those of the model's state."""
        uop = output.uop
        return (uop.has_buffer_identity() and uop.is_realized and uop not in self.leaves.inputs
                and self.held.get(uop, (None,))[0] is None)

    def unnamed(self, buffer):
        """The node of a tensor without a name."""
        if not buffer.is_realized:
            raise CaptureError("BUFFER: a tensor without elements that is no placeholder of this "
                               "context")
        return self.store(None, Tensor(buffer))

    def store(self, name, tensor):
        dtype, shape = DTYPES.get(tensor.dtype), tuple(tensor.shape)
        if dtype is None:
            raise CaptureError(f"a tensor of {tensor.dtype} cannot be stored; there are "
                               f"{', '.join(DTYPES.values())}")
        data = weights.elements(tensor)
        if name is None and len(data) <= weights.MOST_INLINED * BYTES[dtype] and \
                dtype not in ("float16", "bfloat16"):
            values = memoryview(data).cast(ELEMENTS[dtype].code).tolist()
            return self.graph.constant(values if shape else values[0], dtype, shape)
        if name is None:
            name = f"tensor.{sum(key.startswith('tensor.') for key in self.tensors)}"
        self.tensors[name] = dtype, shape, data
        return self.graph.weight(name, dtype, shape)


class _Leaves:
    """Where the walk over the graph ends: at the placeholders and the tensors held."""

    def __init__(self, inputs, capture):
        self.inputs, self.capture = inputs, capture

    def __contains__(self, uop):
        return uop in self.inputs or uop in self.capture.held

    def __getitem__(self, uop):
        if uop in self.inputs:
            return self.inputs[uop]
        name, tensor = self.capture.held[uop]
        number = uniform(uop)
        if number is not None and name is None:
            return self.capture.graph.constant(number, DTYPES[tensor.dtype], tensor.shape)
        return self.capture.store(name, tensor)
