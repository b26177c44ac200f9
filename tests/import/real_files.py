#!/usr/bin/env python3
"""real_files.py FOLDER [WORD...]: models that packages bring, and that PyTorch's exporter wrote, at
several sizes of every open axis: imported, run in eager and JIT with the same bits, and beside ONNX
Runtime within a tolerance.

FOLDER keeps the packages; what is not there yet is fetched by pip, without what it depends on. A
row of MODELS is a package (none: the file is in this folder), the file in it, how far elements may
differ (where the greatest is over 1, of it), and the sizes to run at."""

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy
import onnxruntime

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "capture"))
import eigentensor  # noqa: E402

OCR = "rapidocr_onnxruntime/models/ch_PP-OCRv4_"
MODELS = (
    ("basic-pitch==0.4.0", "basic_pitch/saved_models/icassp_2022/nmp.onnx", 1e-4,
     ({}, {"unk__749": 2})),
    ("magika==1.0.3", "magika/models/standard_v3_3/model.onnx", 1e-4, ({}, {"unk__214": 3})),
    ("nudenet==3.4.2", "nudenet/320n.onnx", 1e-4,
     ({"height": 320, "width": 320}, {"height": 160, "width": 224})),
    ("rapidocr==3.10.0", "rapidocr/models/PP-OCRv6_det_small.onnx", 1e-4,
     ({"DynamicDimension.1": 64, "DynamicDimension.2": 96},
      {"DynamicDimension.1": 160, "DynamicDimension.2": 128})),
    ("rapidocr==3.10.0", "rapidocr/models/PP-OCRv6_rec_small.onnx", 1e-4,
     ({"DynamicDimension.1": 160}, {"DynamicDimension.1": 96, "DynamicDimension.0": 2})),
    ("rapidocr-onnxruntime==1.4.4", OCR.replace("PP-OCRv4", "ppocr_mobile_v2.0") + "cls_infer.onnx",
     1e-4, ({"x.2": 48, "x.3": 192}, {"x.0": 3, "x.2": 48, "x.3": 96})),
    ("rapidocr-onnxruntime==1.4.4", OCR + "det_infer.onnx", 1e-4,
     ({"p2o.DynamicDimension.1": 64, "p2o.DynamicDimension.2": 96},
      {"p2o.DynamicDimension.1": 96, "p2o.DynamicDimension.2": 160})),
    ("rapidocr-onnxruntime==1.4.4", OCR + "rec_infer.onnx", 1e-4,
     ({"x.2": 48, "p2o.DynamicDimension.1": 160}, {"x.2": 48, "p2o.DynamicDimension.1": 96})),
    ("silero-vad==6.2.3", "silero_vad/data/silero_vad.onnx", 1e-4,
     ({"input.1": 576, "state.1": 1, "sr": 16000}, {"input.1": 288, "state.1": 1, "sr": 8000})),
    ("silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_op15.onnx", 1e-4,
     ({"sequence": 576, "batch": 1, "sr": 16000},)),
    ("silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_sequence.onnx", 1e-4,
     ({"sequence_length": 1}, {"sequence_length": 7}, {"sequence_length": 40},
      {"sequence_length": 100})),
    ("silero-vad==6.2.3", "silero_vad/data/silero_vad_half.onnx", 1e-4,
     ({"sequence": 576, "batch": 1},)),
    ("silero-vad==6.2.3", "silero_vad/data/silero_vad_op18_ifless.onnx", 1e-4,
     ({"sequence": 576, "batch": 1, "sr": 16000}, {"sequence": 288, "batch": 1, "sr": 8000})),
    ("silero-vad==6.2.3", "silero_vad/data/silero_vad_openvino_16k.onnx", 1e-4, ({},)),
    (None, "torch/cnn.onnx", 1e-5, ({"batch": 1, "height": 16, "width": 20},
                                    {"batch": 3, "height": 9, "width": 12})),
    (None, "torch/encoder.onnx", 1e-5, ({"batch": 2, "length": 7}, {"batch": 1, "length": 1},
                                        {"batch": 3, "length": 33})),
    (None, "torch/lstm.onnx", 1e-5, ({"length": 7, "batch": 2}, {"length": 1, "batch": 1},
                                     {"length": 60, "batch": 3})),
)


def fetch(folder, package, name):
    path = (folder if package else Path(__file__).resolve().parent) / name
    if path.exists():
        return path
    wheels = folder / "wheels"
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                    "--disable-pip-version-check", "-d", str(wheels), package], check=True)
    for wheel in wheels.glob(package.split("==")[0].replace("-", "_") + "-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(name, folder)
    return path


def random_input(rng, placeholder, sizes):
    shape = placeholder.shape
    if placeholder.dtype.startswith("int"):
        return rng.integers(0, 200, shape).astype(placeholder.dtype)
    return rng.standard_normal(shape).astype(placeholder.dtype)


def run_at(path, sizes, tolerance, session):
    """What is said of the model at these sizes."""
    since = time.monotonic()
    program = eigentensor.GraphProgram.load(path, axes=sizes)
    program.prepare("jit")
    ready = time.monotonic() - since
    rng = numpy.random.default_rng(1)
    given = {each.name: random_input(rng, each, sizes) for each in program.placeholders}
    since = time.monotonic()
    jit = program(mode="jit", **given)
    took = time.monotonic() - since
    eager = program(mode="eager", **given)
    if not isinstance(jit, dict):
        jit, eager = {program.outputs[0].name: jit}, {program.outputs[0].name: eager}
    feeds = dict(given)
    for value in session.get_inputs():
        if value.name not in feeds:
            feeds[value.name] = numpy.array(sizes[value.name], numpy.int64)
    since = time.monotonic()
    wanted = session.run(None, feeds)
    theirs = time.monotonic() - since
    worst = 0.0
    for value, expected in zip(session.get_outputs(), wanted):
        ours = numpy.asarray(jit[value.name])
        if numpy.asarray(eager[value.name]).tobytes() != ours.tobytes():
            return f"WRONG: {value.name}: JIT and eager have different bits"
        if ours.shape != expected.shape:
            return f"WRONG: {value.name}: {ours.shape}, expected {expected.shape}"
        greatest = float(numpy.max(numpy.abs(expected), initial=1))
        worst = max(worst, float(numpy.max(numpy.abs(ours - expected), initial=0)) / greatest)
    verdict = "good" if worst <= tolerance else f"WRONG: over {tolerance:g}"
    return (f"{verdict}, differs by {worst:.1e}; ready in {ready:.2f} s, "
            f"JIT {1e3 * took:.1f} ms, ONNX Runtime {1e3 * theirs:.1f} ms")


def main(folder, words):
    failures = 0
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for package, name, tolerance, all_sizes in MODELS:
        if words and not any(word in name for word in words):
            continue
        path = fetch(folder, package, name)
        session = onnxruntime.InferenceSession(str(path), options,
                                               providers=["CPUExecutionProvider"])
        for sizes in all_sizes:
            try:
                said = run_at(path, sizes, tolerance, session)
            except (eigentensor.ProgramError, TypeError, ValueError) as error:
                said = f"WRONG: {error}"
            failures += said.startswith("WRONG")
            at = ", ".join(f"{axis}={size}" for axis, size in sizes.items()) or "as it is"
            print(f"{name} ({at}): {said}", flush=True)
    print(f"# {failures} wrong" if failures else "# all good")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
