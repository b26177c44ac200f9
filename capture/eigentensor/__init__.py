"""Eigentensor: models of ONNX, TinyGrad and PyTorch, compiled, with the same bits everywhere.

    model = eigentensor.load("model.onnx")
    outputs = model(pixels)                 # arrays of NumPy in and out, without a copy

A model of TinyGrad as a stored graph:

    context = TensorContext()
    x = context.add_graph_input("input_image", (1, 1, 28, 28), dtypes.float32)
    program = context.compile_to_graph(model(x), state=get_state_dict(model))
    program.save("mnist.json")
"""

from .graph import CaptureError
from .library import LibraryError
from .program import GraphProgram, OpenModel, Placeholder, ProgramError, load
from .pytorch import from_torch
from .version import VERSION as __version__

__all__ = ["load", "TensorContext", "from_torch", "GraphProgram", "OpenModel", "Placeholder",
           "CaptureError", "ProgramError", "LibraryError"]


def __getattr__(name):
    """Capturing needs TinyGrad; running a program does not."""
    if name != "TensorContext":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .context import TensorContext
    except ModuleNotFoundError as error:
        if error.name != "tinygrad":
            raise
        raise ImportError("capturing needs TinyGrad: pip install 'eigentensor[tinygrad]'") from None
    return TensorContext
