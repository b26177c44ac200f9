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
from concurrent.futures import ThreadPoolExecutor
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

    def test_receipts_are_verified_anywhere(self):
        receipt = self.mnist.receipt(self.pixels, self.logits, mode="aot")
        self.assertEqual(receipt["graph"]["digest"], self.mnist.digest)
        self.assertEqual(receipt["result"], self.mnist.result_digest(self.logits))
        self.assertEqual(receipt["ran"]["mode"], "aot")
        found = self.mnist.verify(receipt, {"input_image": self.pixels}, mode="eager")
        self.assertEqual(found.tobytes(), self.logits.tobytes())
        wrong = self.mnist.receipt(self.pixels, self.logits + 1)
        for changed, pixels, text in (
                (wrong, self.pixels, 'output "logits" differs'),
                (receipt, self.pixels + 1, 'input "input_image" differs'),
                ({**receipt, "graph": {"name": "mnist", "digest": "0" * 64}}, self.pixels, "graph"),
                ({**receipt, "version": 2}, self.pixels, '"version"'),
                ({**receipt, "public_key": "1" * 64, "signature": "1" * 128}, self.pixels,
                 "signature")):
            with self.assertRaisesRegex(eigentensor.ProgramError, text):
                self.mnist.verify(changed, pixels)
        with self.assertRaisesRegex(ValueError, "found shape"):
            self.mnist.receipt(self.pixels, self.logits[0])
        batched = eigentensor.GraphProgram.load(MNIST, batched=True)
        images = numpy.concatenate([self.pixels, self.pixels + 1])
        receipt = batched.receipt(images, batched(images))
        self.assertEqual((receipt["batch"], len(receipt["images"])), (2, 2))
        self.assertEqual(batched.verify(receipt, images).shape, (2, 10))
        with self.assertRaisesRegex(eigentensor.ProgramError, "of 2 images"):
            batched.verify(receipt, self.pixels)

    def test_pickled_by_content(self):
        data = pickle.dumps(self.mnist)
        again = pickle.loads(data)
        self.assertEqual(again.digest, self.mnist.digest)
        self.assertIs(pickle.loads(data), again)
        for mode in ("eager", "jit", "aot"):
            self.assertEqual(again(self.pixels, mode=mode).tobytes(), self.logits.tobytes())
        with self.assertRaises(TypeError):
            pickle.dumps(eigentensor.OpenModel(MNIST))

    def unpickled(self, data, cache, then="pass"):
        """What a process of its own prints: the digest of a result, and what `then` does."""
        script = ("import pickle, sys; sys.path.insert(0, sys.argv[1])\n"
                  "program = pickle.load(sys.stdin.buffer)\n"
                  "print(program.result_digest(program([[[[0.5] * 28] * 28]])))\n" + then)
        environment = {name: value for name, value in os.environ.items() if name != "HOME"}
        return subprocess.run(
            [sys.executable, "-c", script, str(Path(eigentensor.__file__).parents[1])], input=data,
            env={**environment, "XDG_CACHE_HOME": cache}, check=True,
            capture_output=True).stdout.decode().split("\n", 1)

    def test_processes_share_what_was_unpickled(self):
        data = pickle.dumps(self.mnist)
        expected = self.mnist.result_digest(self.mnist([[[[0.5] * 28] * 28]]))
        with tempfile.TemporaryDirectory() as cache:
            kept = Path(cache, "eigentensor/graphs", self.mnist.digest)
            mapped = "print(*(line for line in open('/proc/self/maps') if '.weights' in line))"
            with ThreadPoolExecutor() as workers:  # which begin at once
                found = list(workers.map(lambda _: self.unpickled(data, cache, mapped), range(3)))
            self.assertEqual([digest for digest, _ in found], [expected] * 3)
            inodes = [maps.split()[4] for _, maps in found]
            self.assertEqual(len(set(inodes)), 1, found)
            files = sorted(kept.iterdir())
            self.assertEqual([file.name for file in files], ["graph.json", "graph.safetensors"])
            for damage in (files[0].unlink, lambda: files[1].write_bytes(bytes(100)),
                           lambda: files[0].write_bytes(files[0].read_bytes()[:-9])):
                damage()
                self.assertEqual(self.unpickled(data, cache)[0], expected)
            self.assertEqual(os.listdir(kept.parent), [self.mnist.digest])

    def test_unpickled_where_nothing_is_kept(self):
        data = pickle.dumps(self.mnist)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "cache").write_text("no folder")
            for cache in ("", f"{folder}/cache"):
                self.assertEqual(len(self.unpickled(data, cache)[0]), 64)
        other = data.replace(self.mnist.digest.encode(), b"0" * 64)
        with self.assertRaisesRegex(eigentensor.ProgramError, "has the digest " +
                                    self.mnist.digest):
            pickle.loads(other)

    def test_kept_graphs_are_bounded(self):
        from eigentensor import kept
        with tempfile.TemporaryDirectory() as folder:
            for age, name in enumerate(("new", "used", "old")):
                Path(folder, name).mkdir()
                Path(folder, name, "graph.json").write_bytes(bytes(100))
                os.utime(Path(folder, name), (1000 - age, 1000 - age))
            Path(folder, "part-lost").mkdir()
            os.utime(Path(folder, "part-lost"), (1, 1))
            kept.trim(Path(folder), 250)
            self.assertEqual(sorted(os.listdir(folder)), ["new", "used"])

    def test_threads_are_pickled(self):
        program = eigentensor.GraphProgram.load(MNIST)
        program.set_threads(2)
        again = pickle.loads(pickle.dumps(program))
        self.assertEqual(again.threads, 2)
        self.assertEqual(again(self.pixels).tobytes(), self.logits.tobytes())

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
