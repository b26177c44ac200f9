"""Eigentensor: TinyGrad models as stored graphs, compiled and run with the same bits everywhere.

    context = TensorContext()
    x = context.add_graph_input("input_image", (1, 1, 28, 28), dtypes.float32)
    program = context.compile_to_graph(model(x), state=get_state_dict(model))
    program.save("mnist.json")
"""

from .graph import CaptureError
from .library import LibraryError
from .program import GraphProgram, OpenModel, Placeholder, ProgramError
from .pytorch import from_torch
from .version import VERSION as __version__

__all__ = ["TensorContext", "from_torch", "GraphProgram", "OpenModel", "Placeholder",
           "CaptureError", "ProgramError", "LibraryError"]


def __getattr__(name):
    """Capturing needs TinyGrad; running a program does not."""
    if name != "TensorContext":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .context import TensorContext
    return TensorContext
