"""PyTorch modules, through PyTorch's own exporter to ONNX."""

import tempfile
from pathlib import Path

from .program import OpenModel

NEEDED = ("torch", "onnx", "onnxscript")  # what the exporter imports


def from_torch(module, inputs, dynamic_shapes=None, path=None, **options):
    """The module as a model that runs here:

        model = from_torch(module.eval(), (torch.zeros(1, 3, 224, 224),))
        outputs = model(x=pictures)

    `inputs` are arguments to trace it with, a tuple of those by position or a dictionary of those
    by name. `dynamic_shapes` names the axes that stay open, of each argument, as
    ({0: "batch", 2: "height", 3: "width"},); other axes have the extents that `inputs` have. The
    model's inputs have the names of the parameters of forward().

    The ONNX file and its weights go to `path`, and are kept; without one they last as long as the
    model. Other options go to torch.onnx.export as they are."""
    torch = _imported()
    if module.training:
        raise ValueError("the module is in training mode, in which dropout and batch norms compute "
                         "something else: call its eval() first")
    arguments, named = ((), dict(inputs)) if isinstance(inputs, dict) else (inputs, None)
    folder = None if path else tempfile.TemporaryDirectory(prefix="eigentensor-")
    file = Path(path) if path else Path(folder.name) / "model.onnx"
    options = {"verbose": False, **options, "dynamo": True}
    with torch.no_grad():
        torch.onnx.export(module, arguments, file, kwargs=named, dynamic_shapes=dynamic_shapes,
                          **options)
    return OpenModel(file, files=folder)


def _imported():
    """torch, if all that exporting needs is there."""
    missing = []
    for name in NEEDED:
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise ImportError(f"from_torch needs {' and '.join(missing)}, which Python does not find: "
                          f"pip install {' '.join(missing)}")
    import torch
    return torch
