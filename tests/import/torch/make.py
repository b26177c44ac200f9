#!/usr/bin/env python3
"""make.py: writes the models of this folder anew, as PyTorch's exporter writes them, with their
weights in a file beside each. Needs torch 2.15.0 and onnxscript 0.7.2; the seed makes the weights.
Only the exporter's notes (where in Python each node comes from) are left out."""

from pathlib import Path

import torch

from modules import Cnn, Encoder, Lstm

HERE = Path(__file__).resolve().parent

STATE = {1: "batch"}
MODELS = {
    "cnn": (Cnn, (torch.zeros(2, 3, 16, 20),), ({0: "batch", 2: "height", 3: "width"},)),
    "encoder": (lambda: Encoder(200, 1), (torch.zeros(2, 7, dtype=torch.int64),),
                ({0: "batch", 1: "length"},)),
    "lstm": (Lstm, (torch.zeros(7, 2, 6), torch.zeros(4, 2, 8), torch.zeros(4, 2, 8)),
             ({0: "length", **STATE}, STATE, STATE)),
}


def without_notes(graph):
    for value in (*graph.inputs, *graph.outputs, *graph.initializers.values()):
        value.metadata_props.clear()
    for node in graph:
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    graph.metadata_props.clear()


for name, (module, inputs, axes) in MODELS.items():
    torch.manual_seed(1)
    program = torch.onnx.export(module().eval(), inputs, dynamo=True, dynamic_shapes=axes,
                                verbose=False)
    without_notes(program.model.graph)
    program.model.metadata_props.clear()
    program.save(HERE / f"{name}.onnx", external_data=True)
