"""Eigentensor: models of ONNX, TinyGrad and PyTorch, compiled, with the same bits everywhere.

    model = eigentensor.load("model.onnx")
    outputs = model(pixels)                 # arrays of NumPy in and out, without a copy

A model of TinyGrad as a stored graph:

    context = TensorContext()
    x = context.add_graph_input("input_image", (1, 1, 28, 28), dtypes.float32)
    program = context.compile_to_graph(model(x), state=get_state_dict(model))
    program.save("mnist.json")
"""

from importlib import import_module

from .graph import CaptureError
from .library import LibraryError
from .program import GraphProgram, OpenModel, Placeholder, ProgramError, load
from .pytorch import from_torch
from .version import VERSION as __version__

__all__ = ["load", "TensorContext", "from_torch", "Scorer", "GraphProgram", "OpenModel",
           "Placeholder", "CaptureError", "ProgramError", "LibraryError"]

# What needs packages that running a program does not: its module, and the extra that has them.
_OF_EXTRAS = {"TensorContext": ("context", "tinygrad"), "Scorer": ("scorer", "arrow")}


def __getattr__(name):
    if name not in _OF_EXTRAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _OF_EXTRAS[name]
    try:
        return getattr(import_module(f".{module}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name not in ("tinygrad", "pyarrow", "numpy"):
            raise
        raise ImportError(f"{name} needs {error.name}: pip install 'eigentensor[{extra}]'") \
            from None
