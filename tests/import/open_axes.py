#!/usr/bin/env python3
"""open_axes.py TOOL FOLDER [WORD...]: models stored with open axes give at each size the bits of
the import for that size, in eager and JIT.

TOOL is the command; FOLDER has what real_files.py fetched: models that are not there are left out.
A row of MODELS is a file, or what makes one, the arguments of the import, and the sizes to run at.
A row of REFUSED has what the error says in place of the sizes."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "capture"))
import eigentensor  # noqa: E402

FLOAT = TensorProto.FLOAT


def tensor(name, *shape):
    values = numpy.random.default_rng(len(name)).standard_normal(shape).astype("float32")
    return onnx.numpy_helper.from_array(values, name)


def integers(name, *values):
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def scalar(name, value):
    return helper.make_tensor(name, TensorProto.INT64, [], [value])


def model(inputs, nodes, initialisers=()):
    """Nodes are (operator, inputs, output, attributes); the last output is the model's."""
    made = [helper.make_node(op, reads.split(), writes.split(), **attributes)
            for op, reads, writes, attributes in nodes]
    last = nodes[-1][2].split()[0]
    graph = helper.make_graph(
        made, "open", [helper.make_tensor_value_info(name, kind, shape)
                       for name, kind, shape in inputs],
        [helper.make_tensor_value_info(last, FLOAT, None)], list(initialisers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def convolution():
    return model([("x", FLOAT, [1, 3, "h", "w"])], [
        ("Conv", "x w b", "c", {"strides": [2, 3], "pads": [1, 0, 1, 2]}),
        ("AveragePool", "c", "p",
         {"kernel_shape": [2, 2], "pads": [0, 1, 1, 0], "strides": [2, 2]}),
        ("ConvTranspose", "p v", "t", {"strides": [2, 2], "output_padding": [1, 0]}),
        ("GlobalAveragePool", "t", "m", {}),
        ("Sub", "t m", "y", {}),
    ], [tensor("w", 4, 3, 3, 2), tensor("b", 4), tensor("v", 4, 2, 3, 3)])


def attention():
    """Positions by Range, and a table cut to the length."""
    return model([("x", FLOAT, ["batch", "length", 8])], [
        ("Shape", "x", "shape", {"start": 1, "end": 2}),
        ("Squeeze", "shape zero_axis", "count", {}),
        ("Range", "zero count one", "at", {}),
        ("Gather", "table at", "near", {"axis": 0}),
        ("Slice", "other begin shape begin", "far", {}),
        ("Add", "near far", "places", {}),
        ("Add", "x places", "a", {}),
        ("MatMul", "a w", "q", {}),
        ("Reshape", "q heads", "r", {}),
        ("Transpose", "r", "k", {"perm": [0, 2, 1, 3]}),
        ("Transpose", "r", "l", {"perm": [0, 2, 3, 1]}),
        ("MatMul", "k l", "s", {}),
        ("Cast", "at", "f", {"to": FLOAT}),
        ("Div", "s f", "masked", {}),
        ("Softmax", "masked", "p", {"axis": -1}),
        ("MatMul", "p k", "o", {}),
        ("Transpose", "o", "back", {"perm": [0, 2, 1, 3]}),
        ("Reshape", "back flat", "y", {}),
    ], [tensor("table", 64, 8), tensor("other", 64, 8), tensor("w", 8, 8),
        integers("heads", 0, -1, 2, 4), integers("flat", -1, 8), integers("begin", 0),
        integers("zero_axis", 0), scalar("zero", 0), scalar("one", 1)])


def cache():
    return model([("past", FLOAT, [2, "past", 4]), ("now", FLOAT, [2, "now", 4])], [
        ("Concat", "past now", "all", {"axis": 1}),
        ("ReduceMean", "all axes", "m", {}),
        ("Shape", "all", "s", {}),
        ("ConstantOfShape", "s", "zeros", {}),
        ("Sub", "all m", "d", {}),
        ("Add", "d zeros", "e", {}),
        ("Slice", "e minus end_of axis", "y", {}),
    ], [integers("axes", 1), integers("minus", -1), integers("end_of", 1 << 40),
        integers("axis", 1)])


def recurrence(kind, gates):
    return model([("x", FLOAT, ["steps", "batch", 3])], [
        (kind, "x w r b", "states last", {"hidden_size": 4, "direction": "bidirectional"}),
        ("Identity", "last", "y", {}),
    ], [tensor("w", 2, gates * 4, 3), tensor("r", 2, gates * 4, 4), tensor("b", 2, gates * 8)])


def resized(mode, transform, **attributes):
    return model([("x", FLOAT, [1, 2, "h", "w"])], [
        ("Resize", "x none scales", "y",
         {"mode": mode, "coordinate_transformation_mode": transform, **attributes}),
    ], [helper.make_tensor("none", FLOAT, [0], []),
        helper.make_tensor("scales", FLOAT, [4], [1, 1, 2, 2])])


def stretched():
    return model([("x", FLOAT, [1, 2, "h", 3])], [
        ("Resize", "x none none sizes", "y", {"mode": "linear"}),
    ], [helper.make_tensor("none", FLOAT, [0], []), integers("sizes", 1, 2, 7, 3)])


def masked():
    """The lower half of a square, and a row of numbers of the size."""
    return model([("x", FLOAT, ["n", "n"])], [
        ("Trilu", "x", "t", {"upper": 0}),
        ("CumSum", "t axis", "c", {}),
        ("Size", "x", "count", {}),
        ("Cast", "count", "f", {"to": FLOAT}),
        ("Sqrt", "f", "root", {}),
        ("Div", "c root", "y", {}),
    ], [scalar("axis", 1)])


OCR = "rapidocr_onnxruntime/models/ch_PP-OCRv4_"
MODELS = (
    (convolution, "h=9..40 w=7..23", ({"h": 9, "w": 7}, {"h": 30, "w": 22}, {"h": 40, "w": 23})),
    (attention, "batch=1..5 length=1..64",
     ({"batch": 1, "length": 1}, {"batch": 4, "length": 17}, {"batch": 2, "length": 64})),
    (cache, "past=0..20 now=1..9", ({"past": 0, "now": 1}, {"past": 13, "now": 4})),
    (lambda: recurrence("LSTM", 4), "steps=1..30 batch=1..3",
     ({"steps": 1, "batch": 1}, {"steps": 6, "batch": 2}, {"steps": 29, "batch": 3})),
    (lambda: recurrence("GRU", 3), "steps=2..20 batch=2", ({"steps": 2}, {"steps": 19})),
    (lambda: resized("nearest", "asymmetric", nearest_mode="floor"), "h=1..40 w=1..20",
     ({"h": 1, "w": 20}, {"h": 3, "w": 4}, {"h": 40, "w": 9})),
    (lambda: resized("linear", "half_pixel"), "h=4..40 w=5", ({"h": 4}, {"h": 11}, {"h": 40})),
    (masked, "n=2..50", ({"n": 2}, {"n": 31}, {"n": 50})),
    ("magika/models/standard_v3_3/model.onnx", "unk__214=1..32",
     ({"unk__214": 1}, {"unk__214": 5})),
    ("silero_vad/data/silero_vad_16k_sequence.onnx", "sequence_length=1..64",
     ({"sequence_length": 1}, {"sequence_length": 6}, {"sequence_length": 50})),
    ("silero_vad/data/silero_vad_half.onnx", "batch=1..8 sequence=256..640:64",
     ({"batch": 1, "sequence": 576}, {"batch": 3, "sequence": 256})),
    ("nudenet/320n.onnx", "batch=1 height=64..320:32 width=64..320:32",
     ({"height": 64, "width": 96}, {"height": 128, "width": 128})),
    ("rapidocr/models/PP-OCRv6_det_small.onnx",
     "DynamicDimension.0=1 DynamicDimension.1=32..320:32 DynamicDimension.2=32..320:32",
     ({"DynamicDimension.1": 32, "DynamicDimension.2": 96},
      {"DynamicDimension.1": 160, "DynamicDimension.2": 64})),
    ("rapidocr/models/PP-OCRv6_rec_small.onnx",
     "DynamicDimension.0=1..4 DynamicDimension.1=32..320:32",
     ({"DynamicDimension.0": 1, "DynamicDimension.1": 32},
      {"DynamicDimension.0": 2, "DynamicDimension.1": 96})),
    (OCR + "det_infer.onnx",
     "p2o.DynamicDimension.0=1 p2o.DynamicDimension.1=32..320:32 p2o.DynamicDimension.2=64",
     ({"p2o.DynamicDimension.1": 32}, {"p2o.DynamicDimension.1": 224})),
)
REFUSED = (
    (attention, "batch=2 length=1..70", "--axis length=1..64 would do: "),
    (stretched, "h=2..30",
     'Resize "y" (opset 18): its nodes or a table of it depend on the size of an open axis'),
)


def import_open(tool, path, ranges, output):
    axes = [word for each in ranges.split() for word in ("--axis", each)]
    return subprocess.run([tool, "import", str(path), *axes, "-o", str(output)],
                          capture_output=True, text=True, check=False)


def fixed_sizes(ranges):
    pairs = (each.rsplit("=", 1) for each in ranges.split())
    return {name: int(size) for name, size in pairs if ".." not in size}


def random_input(placeholder):
    rng = numpy.random.default_rng(5)
    if placeholder.dtype.startswith("int"):
        return rng.integers(0, 200, placeholder.shape).astype(placeholder.dtype)
    return rng.standard_normal(placeholder.shape).astype(placeholder.dtype)


def bits_of(program, mode, inputs):
    result = program(mode=mode, **inputs)
    return {name: bytes(view) for name, view in result.items()} if isinstance(result, dict) \
        else bytes(result)


def differs(stored, path, sizes, fixed, plain):
    """What is wrong at some sizes; None: nothing."""
    found = eigentensor.GraphProgram.load(stored, axes=sizes)
    wanted = eigentensor.GraphProgram.load(path, axes={**fixed, **sizes})
    if plain and found.digest != wanted.digest:
        return "another digest"
    inputs = {p.name: random_input(p) for p in wanted.placeholders}
    results = [bits_of(program, mode, inputs)
               for program in (wanted, found) for mode in ("eager", "jit")]
    return None if all(result == results[0] for result in results) else "other bits"


def file_of(made, folder, work):
    if isinstance(made, str):
        path = folder / made
        return path if path.exists() else None
    path = work / "model.onnx"
    onnx.save(made(), path)
    return path


def main():
    tool, folder, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        for made, ranges, sizes_or_error in MODELS + REFUSED:
            name = made if isinstance(made, str) else made().graph.node[0].op_type + " " + ranges
            path = file_of(made, folder, work)
            if not path or not all(word in name for word in words):
                continue
            done = import_open(tool, path, ranges, work / "open.json")
            problems = []
            if isinstance(sizes_or_error, str):
                if done.returncode == 0 or sizes_or_error not in done.stderr:
                    problems.append(f"expected an error with {sizes_or_error!r}: {done.stderr}")
            elif done.returncode:
                problems.append(done.stderr)
            else:
                plain = "another graph" not in done.stdout
                for sizes in sizes_or_error:
                    problem = differs(work / "open.json", path, sizes, fixed_sizes(ranges), plain)
                    if problem:
                        problems.append(f"{sizes}: {problem}")
            for problem in problems:
                print(f"FAILED: {name}: {problem}")
            wrong += bool(problems)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
