"""Arrays in and out: read where they lie, written where the caller wants them; pickles; threads."""

import array
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import numpy

import eigentensor

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT / "models/mnist/mnist.json"


def graph(nodes, inputs, outputs):
    """A stored graph of float32 tensors: (name, shape); (op, sources, shape), ids going on."""
    def node(i, op, sources, shape, **more):
        return {"id": i, "op": op, "src": sources, "dtype": "float32", "shape": shape, **more}
    listed = [node(i, "input", [], shape, name=name) for i, (name, shape) in enumerate(inputs)]
    listed += [node(len(inputs) + i, *each) for i, each in enumerate(nodes)]
    return {"format": "eigentensor", "version": 2, "name": "g", "nodes": listed,
            "inputs": [{"name": name, "dtype": "float32", "shape": shape}
                       for name, shape in inputs],
            "outputs": [{"name": name, "node": i} for name, i in outputs]}


def loaded(value):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "g.json").write_text(json.dumps(value))
        return eigentensor.load(Path(folder, "g.json"))


class Arrays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mnist = eigentensor.load(MNIST)
        cls.pixels = numpy.random.default_rng(1).random((1, 1, 28, 28), numpy.float32)
        cls.logits = cls.mnist(cls.pixels)

    def test_numpy_gives_numpy(self):
        self.assertIsInstance(self.logits, numpy.ndarray)
        self.assertEqual((self.logits.dtype, self.logits.shape), (numpy.float32, (1, 10)))
        shown = self.mnist(memoryview(self.pixels))
        self.assertIsInstance(shown, memoryview)
        self.assertEqual(bytes(shown), self.logits.tobytes())
        lists = self.mnist(input_image=self.pixels.tolist(), mode="eager")
        self.assertEqual(bytes(lists), self.logits.tobytes())

    def test_any_memory_has_the_same_elements(self):
        still = self.pixels.copy()
        still.flags.writeable = False
        turned = numpy.asfortranarray(self.pixels)
        odd = numpy.frombuffer(b"\0" + self.pixels.tobytes(), "u1")[1:].view("f")
        self.assertTrue(odd.ctypes.data % 4)
        for given in (still, turned, odd.reshape(self.pixels.shape)):
            self.assertEqual(self.mnist(given).tobytes(), self.logits.tobytes())

    def test_elements_are_read_where_they_lie(self):
        from eigentensor import arrays
        each = self.mnist.placeholders[0]
        view = arrays.elements(each, arrays.view_of(each, self.pixels), 1)
        self.assertEqual(arrays.address(view), self.pixels.ctypes.data)

    def test_out_is_written(self):
        out = numpy.full((1, 10), -1, numpy.float32)
        self.assertIs(self.mnist(self.pixels, out=out), out)
        self.assertEqual(out.tobytes(), self.logits.tobytes())
        plain = array.array("f", [0] * 10)
        view = memoryview(plain).cast("B").cast("f", (1, 10))
        self.mnist(self.pixels, out={"logits": view})
        self.assertEqual(plain.tobytes(), self.logits.tobytes())

    def test_out_that_does_not_fit(self):
        for out, error, text in (
                (numpy.zeros((2, 10), "f"), ValueError, "output 'logits' is float32[1, 10], found "
                                                        "shape [2, 10]"),
                (numpy.zeros((1, 10)), TypeError, "found dtype float64"),
                (numpy.zeros((1, 20), "f")[:, ::2], ValueError, "row-major memory"),
                (memoryview(bytes(40)).cast("f", (1, 10)), ValueError, "row-major memory"),
                ({"other": numpy.zeros((1, 10), "f")}, TypeError, "expected ['logits']")):
            with self.assertRaises(error) as caught:
                self.mnist(self.pixels, out=out)
            self.assertIn(text, str(caught.exception))

    def test_inputs_by_position_and_name(self):
        program = loaded(graph([("sub", [0, 1], [2])], [("a", [2]), ("b", [2])], [("y", 2)]))
        a, b = numpy.array([5, 7], "f"), numpy.array([1, 2], "f")
        for found in (program(a, b), program(a, b=b), program.run({"b": b, "a": a})):
            self.assertEqual(found.tolist(), [4, 5])
        for call, text in ((lambda: program(a, b, a), "3 inputs, of 2 placeholders"),
                           (lambda: program(a, a=a), "'a' is given twice"),
                           (lambda: program(a), "'b' is missing")):
            with self.assertRaises(TypeError) as caught:
                call()
            self.assertIn(text, str(caught.exception))

    def test_several_outputs_and_none_of_elements(self):
        program = loaded(graph([("neg", [0], [0, 3]), ("neg", [1], [2])],
                               [("none", [0, 3]), ("two", [2])], [("n", 2), ("t", 3)]))
        found = program(numpy.zeros((0, 3), "f"), numpy.array([1, 2], "f"))
        self.assertEqual((found["n"].shape, found["t"].tolist()), ((0, 3), [-1, -2]))
        out = {"n": numpy.zeros((0, 3), "f"), "t": numpy.zeros(2, "f")}
        self.assertIs(program(none=out["n"], two=numpy.array([1, 2], "f"), out=out), out)
        self.assertEqual(out["t"].tolist(), [-1, -2])

    def test_what_lends_by_dlpack_only(self):
        class Lender:
            def __init__(self, held):
                self.held = held

            def __dlpack__(self, **options):
                return self.held.__dlpack__(**options)

            def __dlpack_device__(self):
                return self.held.__dlpack_device__()
        given = Lender(self.pixels)
        self.assertEqual(bytes(self.mnist(given)), self.logits.tobytes())

    def test_digest_of_a_result(self):
        digest = self.mnist.result_digest(self.logits)
        self.assertEqual(digest, self.mnist.result_digest({"logits": memoryview(self.logits)}))
        with tempfile.TemporaryDirectory() as folder:
            numpy.save(f"{folder}/x.npy", self.pixels)
            tool = Path(os.environ.get("BUILD", ROOT / "build")) / "eigentensor"
            said = subprocess.run([tool, "run", MNIST, f"{folder}/x.npy"], check=True,
                                  capture_output=True, text=True).stdout
        self.assertIn(digest, said)
        self.assertNotEqual(digest, self.mnist.result_digest(self.logits + 1))

    def test_pickled_by_content(self):
        data = pickle.dumps(self.mnist)
        again = pickle.loads(data)
        self.assertEqual(again.digest, self.mnist.digest)
        self.assertIs(pickle.loads(data), again)
        for mode in ("eager", "jit", "aot"):
            self.assertEqual(again(self.pixels, mode=mode).tobytes(), self.logits.tobytes())
        with self.assertRaises(TypeError):
            pickle.dumps(eigentensor.OpenModel(MNIST))

    def test_threads_run_side_by_side(self):
        wrong = []

        def work(seed):
            mine = numpy.random.default_rng(seed).random((1, 1, 28, 28), numpy.float32)
            first = self.mnist(mine).tobytes()
            wrong.extend(1 for _ in range(50) if self.mnist(mine).tobytes() != first)
        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(wrong, [])

    def test_a_run_shared_by_threads(self):
        program = eigentensor.load(MNIST, axes={})
        program.set_threads(2)
        self.assertEqual(program(self.pixels).tobytes(), self.logits.tobytes())

    def test_running_imports_neither_tinygrad_nor_numpy(self):
        package = str(Path(eigentensor.__file__).parents[1])
        script = (f"import sys; sys.path.insert(0, {package!r})\n"
                  "import eigentensor\n"
                  f"eigentensor.load({str(MNIST)!r})([[[[0.0] * 28] * 28]])\n"
                  "assert not {'numpy', 'tinygrad'} & set(sys.modules), sys.modules\n")
        subprocess.run([sys.executable, "-c", script], check=True)


if __name__ == "__main__":
    unittest.main()
