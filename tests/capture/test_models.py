"""Whole models, captured and held against TinyGrad."""

import gzip
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tinygrad import Tensor, dtypes
from tinygrad.nn.state import get_state_dict, load_state_dict, safe_load

from eigentensor import GraphProgram, TensorContext
from models import MODELS, MnistConvolutions, seed_weights
from support import capture, difference, elements, run_all_modes, seeded, tensors, unpacked

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
STORED = ROOT / "models/mnist/mnist.json"


def mnist():
    model = MnistConvolutions()
    load_state_dict(model, safe_load(STORED.with_suffix(".safetensors")), strict=False,
                    verbose=False)
    return model


def captured_mnist(model):
    context = TensorContext("mnist")
    x = context.add_graph_input("input_image", (1, 1, 28, 28), dtypes.float32)
    return context.compile_to_graph({"logits": model(x)}, state=get_state_dict(model))


def kernels(path, folder):
    """The C text that is emitted, without digest and with the ids of nodes made alike."""
    subprocess.run([BUILD / "eigentensor", "emit", path, "-o", folder], check=True)
    text = (Path(folder) / "mnist.c").read_text()
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    text = re.sub(r"\bnodes [0-9 ]+", "nodes", text)
    names = {}
    return re.sub(r"(?<![a-zA-Z])(t|folded_)\d+\b",
                  lambda m: names.setdefault(m[0], f"{m[1]}#{len(names)}"), text)


def idx(name):
    """The elements of an MNIST file, gzipped or not; None where there are none."""
    folder = Path(os.environ.get("MNIST_DIR", ROOT.parent / "shared/mnist"))
    for path, reader in ((folder / name, open), (folder / (name + ".gz"), gzip.open)):
        if path.exists():
            with reader(path, "rb") as file:
                data = file.read()
            return data[4 + 4 * data[3]:]
    return None


class Models(unittest.TestCase):
    def test_like_tinygrad_in_every_mode(self):
        for name, (model, shapes, below) in MODELS.items():
            with self.subTest(name):
                rng = seeded(name)
                model = seed_weights(model(), rng)
                state = get_state_dict(model)
                since = time.process_time()
                program = capture(model, shapes, state, name)
                seconds = time.process_time() - since
                self.assertLess(seconds, 10)
                inputs = tensors(rng, shapes, low=0 if below else None, high=below)
                program.set_compiler("gcc", "-O1")
                found = run_all_modes(program, inputs)["output"]
                expected = model(*inputs.values())
                self.assertEqual(program.outputs[0].shape, tuple(expected.shape))
                self.assertIsNone(difference(found, elements(expected), "float32", 2e-5, 2e-5))
                print(f"{name}: captured in {seconds:.2f} s, {program}")

    def test_same_bits_after_saving_and_loading(self):
        model, shapes, _ = MODELS["gpt2"]
        rng = seeded("saved")
        model = seed_weights(model(), rng)
        program = capture(model, shapes, get_state_dict(model))
        inputs = tensors(rng, shapes, low=0, high=60)
        with tempfile.TemporaryDirectory() as folder:
            program.save(f"{folder}/gpt2.json")
            again = GraphProgram.load(f"{folder}/gpt2.json")
            again.save(f"{folder}/again.json")
            self.assertEqual(again.digest, program.digest)
            self.assertEqual(GraphProgram.load(f"{folder}/again.json").digest, program.digest)
            self.assertEqual(bytes(again(**inputs)), bytes(program(**inputs)))
            # Tied weights are one tensor, stored under the first of its names.
            self.assertEqual(set(safe_load(f"{folder}/gpt2.safetensors")),
                             set(get_state_dict(model)) - {"wte.weight"})


class Mnist(unittest.TestCase):
    def test_captured_quickly(self):
        model = mnist()
        since = time.process_time()
        captured_mnist(model)
        self.assertLess(time.process_time() - since, 2)

    def test_same_kernels_as_the_model_defined_in_c(self):
        with tempfile.TemporaryDirectory() as folder:
            captured_mnist(mnist()).save(f"{folder}/mnist.json")
            mine = kernels(f"{folder}/mnist.json", folder)
            weights = (Path(folder) / "mnist.weights").read_bytes()
            self.assertEqual(mine, kernels(STORED, folder))
            self.assertEqual(weights, (Path(folder) / "mnist.weights").read_bytes())

    def test_same_bits_as_the_model_defined_in_c(self):
        program, stored = captured_mnist(mnist()), GraphProgram.load(STORED)
        image = tensors(seeded("digit"), {"input_image": ((1, 1, 28, 28), dtypes.float32)})
        self.assertEqual(run_all_modes(program, image), run_all_modes(stored, image))

    def test_ten_thousand_digits(self):
        images, labels = idx("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte")
        if images is None or labels is None:
            self.skipTest("no MNIST files in $MNIST_DIR or ../shared/mnist")
        model = mnist()
        program = captured_mnist(model)
        pixels = Tensor(images).reshape(-1, 1, 28, 28).float() / 255.0
        expected = unpacked(b"".join(elements(model(pixels[i:i + 500]))
                                     for i in range(0, 10000, 500)), "float32")
        raw, right, worst = elements(pixels), 0, 0.0
        for i in range(10000):
            image = memoryview(raw[3136 * i:3136 * (i + 1)]).cast("f", (1, 1, 28, 28))
            logits = program(input_image=image).tolist()[0]
            own = expected[10 * i:10 * i + 10]
            worst = max(worst, *(abs(a - b) / max(1, abs(b)) for a, b in zip(logits, own)))
            self.assertEqual(logits.index(max(logits)), own.index(max(own)), i)
            right += logits.index(max(logits)) == labels[i]
        print(f"MNIST: {right} of 10000 right, logits within {worst:.2g} of TinyGrad's")
        self.assertLess(worst, 1e-5)
        self.assertGreater(right, 9900)

    def test_builds_a_classifier(self):
        with tempfile.TemporaryDirectory() as folder:
            captured_mnist(mnist()).save(f"{folder}/mnist.json")
            subprocess.run([BUILD / "eigentensor", "build", f"{folder}/mnist.json",
                            "-o", f"{folder}/classify"], check=True)
            for sample in sorted((ROOT / "models/mnist/samples").glob("*.png")):
                said = subprocess.run([f"{folder}/classify", sample], check=True,
                                      capture_output=True, text=True).stdout
                self.assertIn(sample.name[0], said.split())

    def test_the_guide_as_pasted(self):
        """Its commands, but for those that install what this test runs with."""
        page = (ROOT / "docs/port-your-model.md").read_text()
        python, shell = re.search(r"^build/python/bin/python - <<'END'\n(.*?)^END\n(.*?)^```$",
                                  page, re.M | re.S).groups()
        self.assertEqual(len(shell.splitlines()), 2)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "build").mkdir()
            (Path(folder) / "build/eigentensor").symlink_to((BUILD / "eigentensor").resolve())
            (Path(folder) / "models").symlink_to(ROOT / "models")
            subprocess.run([sys.executable, "-"], input=python, text=True, cwd=folder, check=True,
                           capture_output=True)
            said = subprocess.run(["sh", "-ec", shell], cwd=folder, check=True, text=True,
                                  capture_output=True).stdout.splitlines()
        samples = sorted(path.name for path in (ROOT / "models/mnist/samples").glob("*.png"))
        digits = [line for line in said if re.search(r"\d-(canvas|pen)", line)]
        self.assertEqual(len(digits), len(samples), said)
        for line, sample in zip(digits, samples):
            self.assertIn(sample, line)
            self.assertIn(f" {sample[0]} ", f" {line} ")


def rewrite(names, path, to, *options):
    """What `eigentensor rewrite` says of its sites, without node ids; and the new program."""
    said = subprocess.run([BUILD / "eigentensor", "rewrite", names, path, "-o", to, *options],
                          check=True, capture_output=True, text=True).stdout
    return said[:said.index("error against")], GraphProgram.load(to)


class Rewrites(unittest.TestCase):
    def test_captured_mnist_as_the_model_defined_in_c(self):
        image = tensors(seeded("digit"), {"input_image": ((1, 1, 28, 28), dtypes.float32)})
        with tempfile.TemporaryDirectory() as folder:
            captured_mnist(mnist()).save(f"{folder}/mnist.json")
            for names in ("winograd", "fold-batchnorm", "fold-batchnorm,winograd"):
                mine, program = rewrite(names, f"{folder}/mnist.json", f"{folder}/mine.json")
                said, stored = rewrite(names, STORED, f"{folder}/stored.json")
                self.assertEqual(mine, said)
                self.assertEqual(run_all_modes(program, image, ("eager", "jit")),
                                 run_all_modes(stored, image, ("eager", "jit")))

    def test_resnet_loses_its_normalisations(self):
        model, shapes, _ = MODELS["resnet18"]
        rng = seeded("rewritten")
        model = seed_weights(model(), rng)
        image = tensors(rng, shapes)
        with tempfile.TemporaryDirectory() as folder:
            capture(model, shapes, get_state_dict(model)).save(f"{folder}/resnet.json")
            said, program = rewrite("fold-batchnorm,winograd", f"{folder}/resnet.json",
                                    f"{folder}/rewritten.json", "--tile=2x2")
            # 20 normalisations, and the mean's division; 13 convolutions of 3x3 with stride 1,
            # and the stem; 3 with stride 2 stay.
            self.assertIn("fold-batchnorm: 21 of 21 sites", said)
            self.assertIn("winograd: 14 of 17 sites", said)
            self.assertEqual(said.count("stays: its stride is 2x2"), 3)
            found = run_all_modes(program, image, ("eager", "jit"))["output"]
            expected = elements(model(*image.values()))
            self.assertIsNone(difference(found, expected, "float32", 1e-4, 1e-4))


if __name__ == "__main__":
    unittest.main()
