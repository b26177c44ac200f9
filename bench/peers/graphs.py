"""Writes workloads as files below FOLDER. Of each part, for a workload NAME:

  elements  NAME.safetensors, seeded weights; NAME.INPUT.f32, plain float32; NAME.facts.json
  json      NAME.json, the stored graph, captured from TinyGrad
  onnx      NAME.onnx
  pt        NAME.pt, TorchScript

A part that cannot be made is said, and the others are made all the same."""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import elements
from workloads import BY_NAME, WORKLOADS, facts

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models/mnist/mnist"
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
    elements.save_tensors(folder / f"{workload.name}.safetensors", arrays_of(workload))
    text = json.dumps(facts(workload))
    (folder / f"{workload.name}.facts.json").write_text(text + "\n")


def write_graph(workload, folder):
    """Captured from TinyGrad, as a user would; the MNIST network is there already."""
    path = folder / f"{workload.name}.json"
    if workload.name == "mnist":
        for suffix in (".json", ".safetensors"):
            shutil.copyfile(SHIPPED.with_suffix(suffix), path.with_suffix(suffix))
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


def write_onnx(workload, folder):
    import in_onnx
    in_onnx.save(workload, stored(workload, folder), folder / f"{workload.name}.onnx")


def write_torch(workload, folder):
    import in_torch
    in_torch.save(workload, stored(workload, folder), folder / f"{workload.name}.pt")


def stored(workload, folder):
    return elements.load_tensors(folder / f"{workload.name}.safetensors")


PARTS = {"elements": write_elements, "json": write_graph, "onnx": write_onnx, "pt": write_torch}


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
    parser.add_argument("--parts", default="elements,json,onnx",
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
