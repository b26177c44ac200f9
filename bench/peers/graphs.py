"""Writes workloads as files below FOLDER. Of each part, for a workload NAME:

  elements  NAME.weights.safetensors, seeded; NAME.0.input and so on, plain elements
  onnx      NAME.onnx
  json      NAME.json, the stored graph, captured from TinyGrad or imported from ONNX
  fast      NAME.fast.json, what `eigentensor rewrite --fast` makes of that
  expected  NAME.expected, the outputs in float64, of the stored graph
  pt        NAME.pt, TorchScript
  mnn       NAME.mnn, by MNN's converter
  tflite    NAME.tflite
  ncnn      NAME.ncnn.param and NAME.ncnn.bin, by pnnx

A part that cannot be made is said, and the others are made all the same."""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import elements
from workloads import BY_NAME, WORKLOADS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models/mnist/mnist"
BUILD = Path(os.environ.get("EIGENTENSOR_LIBRARY", ROOT / "build/.")).resolve().parent
SEED = 1


def arrays_of(workload):
    declared = workload.survey()[0].declared
    if workload.shipped:
        shipped = elements.load_tensors(SHIPPED.with_suffix(".safetensors"))
        return {name: shipped[name] for name in declared}
    return {name: elements.weight(SEED, f"{workload.name}/{name}", shape, kind)
            for name, (shape, kind) in declared.items()}


def write_elements(workload, folder):
    elements.save_inputs(folder, workload, SEED)
    if not workload.source:
        elements.save_tensors(weights_path(workload, folder), arrays_of(workload))


def weights_path(workload, folder):
    return folder / f"{workload.name}.weights.safetensors"


def ask(*command, **more):
    """Runs a program; its last words are the error where it fails."""
    said = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **more)
    if said.returncode:
        words = (said.stderr.strip() or said.stdout.strip() or f"ended with {said.returncode}")
        raise RuntimeError(words.splitlines()[-1])
    return said.stdout


def write_graph(workload, folder):
    """Captured from TinyGrad or imported, as a user would; the MNIST network is there already."""
    path = folder / f"{workload.name}.json"
    if workload.name == "mnist":
        for suffix in (".json", ".safetensors"):
            shutil.copyfile(SHIPPED.with_suffix(suffix), path.with_suffix(suffix))
        return
    if workload.imported:
        ask(BUILD / "eigentensor", "import", folder / f"{workload.name}.onnx", "-o", path)
        return
    sys.path.append(str(ROOT / "capture"))
    from eigentensor import TensorContext
    from tinygrad import dtypes

    from in_tinygrad import InTinygrad, tensors
    context = TensorContext(workload.name)
    inputs = [context.add_graph_input(name, shape, dtypes.float32)
              for name, shape in workload.inputs.items()]
    weights = tensors(stored(workload, folder))
    output = workload.define(InTinygrad(weights), *inputs)
    context.compile_to_graph({"output": output}, state=weights).save(path)


def write_fast(workload, folder):
    if workload.fast:
        ask(BUILD / "eigentensor", "rewrite", "--fast", folder / f"{workload.name}.json", "-o",
            folder / f"{workload.name}.fast.json")


def write_expected(workload, folder):
    said = ask(BUILD / "bench/contender", folder / f"{workload.name}.json", "eager",
               *(elements.input_path(folder, workload, name) for name in workload.inputs),
               input=f"expect {folder / workload.name}.expected\n")
    if not said.endswith("wrote\n"):
        raise RuntimeError(said.splitlines()[-1])


def write_onnx(workload, folder):
    path = folder / f"{workload.name}.onnx"
    if workload.source:
        import real
        real.save(workload, path)
        return
    import in_onnx
    in_onnx.save(workload, stored(workload, folder), path)


def write_torch(workload, folder):
    if workload.source:
        return
    import in_torch
    in_torch.save(workload, stored(workload, folder), folder / f"{workload.name}.pt")


def write_mnn(workload, folder):
    """By the library's call: its command installs packages of its own accord."""
    script = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    ask(sys.executable, "-c", script, "-f", "ONNX", "--modelFile",
        folder / f"{workload.name}.onnx", "--MNNModel", folder / f"{workload.name}.mnn",
        "--bizCode", "bench", "--useOriginRNNImpl")
    if not (folder / f"{workload.name}.mnn").exists():
        raise RuntimeError("its converter wrote nothing")


def write_ncnn(workload, folder):
    """pnnx leaves other files too, all but two of which go again."""
    name = workload.name.replace("-", "_")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        made = Path(made).resolve()
        shutil.copyfile(folder / f"{workload.name}.onnx", made / f"{name}.onnx")
        pnnx, = importlib.util.find_spec("pnnx").submodule_search_locations
        ask((Path(pnnx) / "pnnx").resolve(), made / f"{name}.onnx", "fp16=0", cwd=made)
        for suffix in ("param", "bin"):
            (made / f"{name}.ncnn.{suffix}").rename(folder / f"{workload.name}.ncnn.{suffix}")


def write_tflite(workload, folder):
    import in_litert
    in_litert.save(workload, stored(workload, folder), folder / f"{workload.name}.tflite")


def stored(workload, folder):
    return elements.load_tensors(weights_path(workload, folder))


PARTS = {"elements": write_elements, "onnx": write_onnx, "json": write_graph, "fast": write_fast,
         "expected": write_expected, "pt": write_torch, "mnn": write_mnn, "ncnn": write_ncnn,
         "tflite": write_tflite}


def write(workload, folder, parts):
    """True if all parts could be made."""
    good, said = True, []
    for part in parts:
        since = time.monotonic()
        try:
            PARTS[part](workload, folder)
            said.append(f"{part} {time.monotonic() - since:.2f} s")
        except Exception as error:  # whatever a library may throw: the others go on
            said.append(f"{part} FAILED: {type(error).__name__}: {error}")
            good = False
    print(f"  graph {workload.name:14} {', '.join(said)}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD",
                        help=f"default: all, which are {', '.join(BY_NAME)}")
    parser.add_argument("--parts", default="elements,onnx,json",
                        help=f"some of {','.join(PARTS)} (default: %(default)s)")
    arguments = parser.parse_args()
    for name in arguments.workload:
        if name not in BY_NAME:
            parser.error(f"there is no workload {name!r}; there are {', '.join(BY_NAME)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    chosen = [w for w in WORKLOADS if not arguments.workload or w.name in arguments.workload]
    good = [write(workload, arguments.folder, arguments.parts.split(",")) for workload in chosen]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
