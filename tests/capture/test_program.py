"""The package's own behaviour: names of weights, inputs that do not fit, what is refused."""

import array
import contextlib
import ctypes
import io
import math
import json
import os
import re
import tempfile
import unittest
from pathlib import Path

from tinygrad import Context, Tensor, dtypes, function, nn
from tinygrad.nn.state import get_state_dict, safe_load

from eigentensor import CaptureError, GraphProgram, ProgramError, TensorContext
from eigentensor.document import table
from eigentensor.elements import BYTES, ELEMENTS, INTEGERS
from support import capture, run_all_modes

ROOT = Path(__file__).resolve().parents[2]
F, I = dtypes.float32, dtypes.int32


def stored(program):
    """What save() writes, as Python values."""
    with tempfile.TemporaryDirectory() as folder:
        program.save(f"{folder}/g.json")
        weights = f"{folder}/g.safetensors"
        names = set(safe_load(weights)) if Path(weights).exists() else set()
        return json.loads(Path(f"{folder}/g.json").read_text()), names


def operations(program):
    return [node["op"] for node in stored(program)[0]["nodes"]]


class Inputs(unittest.TestCase):
    def setUp(self):
        self.program = capture(lambda a, b: a * 2 + b, {"a": ((2, 3), F), "b": ((3,), F)})
        self.b = array.array("f", [1, 2, 3])

    def test_whatever_holds_elements(self):
        rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        flat = array.array("f", [1, 2, 3, 4, 5, 6])
        view = memoryview(flat).cast("B").cast("f", (2, 3))
        for a in (rows, Tensor(rows), view, Tensor(rows).permute(1, 0).contiguous().permute(1, 0)):
            self.assertEqual(self.program(a=a, b=self.b).tolist(), [[3, 6, 9], [9, 12, 15]])

    def test_a_batch_axis_runs_any_number_of_images(self):
        with tempfile.TemporaryDirectory() as folder:
            capture(lambda a: (a * 2).sum(axis=1), {"a": ((1, 3), F)}).save(f"{folder}/g.json")
            program = GraphProgram.load(f"{folder}/g.json", batched=True)
            program.save(f"{folder}/open.json")
            again = GraphProgram.load(f"{folder}/open.json", batched=True)
            with self.assertRaisesRegex(ValueError, "axes"):
                GraphProgram.load(f"{folder}/g.json", batched=True, axes={"rows": 3})
        self.assertEqual(again.digest, program.digest)
        self.assertEqual(str(program.placeholders[0]), "float32[N, 3]")
        for rows in ([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]):
            for mode in ("eager", "jit", "aot"):
                found = program(mode=mode, a=rows)
                self.assertEqual(found.tolist(), [2 * sum(row) for row in rows])
        with self.assertRaisesRegex(ValueError, r"float32\[N, 3\], found shape \[1, 2\]"):
            program(a=[[1.0, 2.0]])

    def test_a_kept_program_is_the_same(self):
        before = os.environ.get("XDG_CACHE_HOME")
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            try:
                self.program.save(f"{folder}/g.json")
                for _ in range(2):
                    kept = GraphProgram.load(f"{folder}/g.json", keep=True)
                    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
                    self.assertEqual(kept(mode="jit", a=rows, b=self.b).tolist(),
                                     [[3, 6, 9], [9, 12, 15]])
                    self.assertEqual(kept.digest, self.program.digest)
                self.assertTrue(os.listdir(f"{folder}/eigentensor"))
            finally:
                if before is None:
                    del os.environ["XDG_CACHE_HOME"]
                else:
                    os.environ["XDG_CACHE_HOME"] = before

    def test_errors_name_the_placeholder(self):
        rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        for kind, message, inputs in (
            (TypeError, "placeholder 'a' is missing", {"b": self.b}),
            (TypeError, "no placeholder 'c'; there are ['a', 'b']",
             {"a": rows, "b": self.b, "c": rows}),
            (ValueError, "placeholder 'a' is float32[2, 3], found shape [3, 2]",
             {"a": [[1.0, 2.0]] * 3, "b": self.b}),
            (ValueError, "placeholder 'b' is float32[3], found shape [2]",
             {"a": rows, "b": array.array("f", [1, 2])}),
            (ValueError, "rows of different lengths", {"a": [[1.0], [1.0, 2.0]], "b": self.b}),
            (TypeError, "placeholder 'b' is float32[3], found dtype float64",
             {"a": rows, "b": array.array("d", [1, 2, 3])}),
            (TypeError, "placeholder 'b' is float32[3], found dtype int32",
             {"a": rows, "b": Tensor([1, 2, 3])}),
            (TypeError, "placeholder 'b' is float32[3], found str", {"a": rows, "b": "x"}),
            (ValueError, "mode 'fast': expected one of eager, jit, aot",
             {"a": rows, "b": self.b, "mode": "fast"}),
        ):
            with self.subTest(message), self.assertRaises(kind) as caught:
                self.program(**inputs)
            self.assertIn(message, str(caught.exception))

    def test_several_outputs_scalars_and_small_dtypes(self):
        context = TensorContext()
        x = context.add_graph_input("x", (), F)
        h = context.add_graph_input("h", (2,), dtypes.bfloat16)
        program = context.compile_to_graph({"twice": x * 2, "half": (h.float() * 0.5).bfloat16(),
                                            "is": (h > 1), "n": h.cast(dtypes.int64)})
        found = run_all_modes(program, {"x": 1.5, "h": [3.0, -1.0]})
        self.assertEqual(memoryview(found["twice"]).cast("f").tolist(), [3.0])
        # bfloat16: sign, 8 bits of exponent, 7 of fraction. 1.5 = 0x3fc0, -0.5 = 0xbf00
        self.assertEqual(memoryview(found["half"]).cast("H").tolist(), [0x3fc0, 0xbf00])
        self.assertEqual(memoryview(found["is"]).cast("?").tolist(), [True, False])
        self.assertEqual(memoryview(found["n"]).cast("q").tolist(), [3, -1])

    def test_extents_of_0(self):
        program = capture(lambda a, b: {"joined": a.cat(b, dim=1), "sums": a.sum(1),
                                        "none": b[:0, 0]},
                          {"a": ((2, 0), F), "b": ((2, 1), F)})
        for nothing in ([[], []], Tensor.zeros(2, 0)):
            found = run_all_modes(program, {"a": nothing, "b": [[1.0], [2.0]]})
            self.assertEqual(memoryview(found["joined"]).cast("f").tolist(), [1, 2])
            self.assertEqual(memoryview(found["sums"]).cast("f").tolist(), [0, 0])
        self.assertEqual(program(a=nothing, b=[[1.0], [2.0]])["none"].tolist(), [])

    def test_outputs_of_no_elements(self):
        program = capture(lambda x, n: {"rows": x[:0], "columns": x[:, :0], "deep": n[:, :0]},
                          {"x": ((2, 3), F), "n": ((2, 3, 4), dtypes.int64)})
        found = program(x=[[1.0] * 3] * 2, n=[[[1] * 4] * 3] * 2)
        for name, shape, code, elements in (("rows", (0, 3), "f", []),
                                            ("columns", (2, 0), "f", [[]] * 2),
                                            ("deep", (2, 0, 4), "q", [[]] * 2)):
            view = found[name]
            self.assertEqual((view.shape, view.format, view.tolist()), (shape, code, elements))
            self.assertEqual((view.nbytes, bytes(view), view.contiguous), (0, b"", True))

    def test_outputs_that_compute_nothing(self):
        program = capture(lambda x: {"numbers": Tensor([1.5, 2.5]), "ramp": Tensor.arange(3),
                                     "sevens": Tensor.full((2, 2), 7, dtype=dtypes.uint16),
                                     "same": x}, {"x": ((2,), F)})
        found = run_all_modes(program, {"x": [0.25, -0.0]})
        self.assertEqual(memoryview(found["numbers"]).cast("f").tolist(), [1.5, 2.5])
        self.assertEqual(memoryview(found["ramp"]).cast("i").tolist(), [0, 1, 2])
        self.assertEqual(memoryview(found["sevens"]).cast("H").tolist(), [7] * 4)
        self.assertEqual(found["same"], array.array("f", [0.25, -0.0]).tobytes())

    def test_integers_of_all_widths(self):
        for name in INTEGERS:
            context, dtype, bits = TensorContext(), getattr(dtypes, name), 8 * BYTES[name]
            least, greatest = ((0, 2 ** bits - 1) if name.startswith("u") else
                               (-2 ** (bits - 1), 2 ** (bits - 1) - 1))
            x = context.add_graph_input("x", (3,), dtype)
            most = Tensor([greatest], dtype=dtype).realize()
            program = context.compile_to_graph({"next": x + 1, "none": x[:0], "less": x < most})
            values = [least, greatest, 7]
            code = ELEMENTS[name].code
            for given in (values, array.array(code, values), Tensor(values, dtype=dtype)):
                found = run_all_modes(program, {"x": given})
                self.assertEqual(memoryview(found["next"]).cast(code).tolist(),
                                 [least + 1, least, 8], name)
                self.assertEqual(memoryview(found["less"]).cast("?").tolist(), [True, False, True])
            self.assertEqual(bytes(program(x=values)["none"]), b"")
            with self.assertRaisesRegex(TypeError, f"'x' is {name}.3."):
                program(x=[greatest + 1, 0, 0])
        with self.assertRaisesRegex(TypeError, "found dtype uint16"):
            self.program(a=array.array("H", [0] * 6), b=self.b)

    def test_the_elements_are_those_of_the_table(self):
        rows = re.findall(r'^DTYPE\(\w+, (\w+), \w+, \w+, \S+, "(\w+)", "(.*?)"',
                          (ROOT / "compiler/graph/dtypes.def").read_text(), re.MULTILINE)
        self.assertEqual({name: (kind, npy[2:]) for name, kind, npy in rows},
                         {name: (element.safetensors,
                                 "" if name == "bfloat16" else str(BYTES[name]))
                          for name, element in ELEMENTS.items()})

    def test_facts(self):
        self.assertEqual([(p.name, p.dtype, p.shape) for p in self.program.placeholders],
                         [("a", "float32", (2, 3)), ("b", "float32", (3,))])
        self.assertRegex(self.program.digest, "^[0-9a-f]{64}$")
        self.assertIsNone(self.program.source("jit"))
        self.program.prepare("jit")
        self.assertIn("static void k01", self.program.source("jit"))

    def test_what_integers_stand_for(self):
        self.assertEqual([(p.scale, p.zero) for p in self.program.placeholders], [(None, None)] * 2)
        text = json.dumps({
            "format": "eigentensor", "version": 2, "name": "codes",
            "inputs": [{"name": "x", "dtype": "uint8", "shape": [2], "scale": 0.25, "zero": 7}],
            "nodes": [{"id": 0, "op": "input", "src": [], "name": "x", "dtype": "uint8",
                       "shape": [2]}],
            "outputs": [{"name": "y", "node": 0, "scale": 0.5, "zero": 255}]})
        program = GraphProgram.from_json(text.encode())
        self.assertEqual([(p.scale, p.zero) for p in program.placeholders], [(0.25, 7)])
        self.assertEqual([(p.scale, p.zero) for p in program.outputs], [(0.5, 255)])

    def test_errors_of_the_library(self):
        with self.assertRaisesRegex(ProgramError, "nowhere.json"):
            GraphProgram.load("/nowhere.json")
        with self.assertRaisesRegex(ProgramError, "expected a name that ends with .json"):
            self.program.save("/tmp/graph.txt")


class Weights(unittest.TestCase):
    def test_names_of_the_state(self):
        model = nn.Linear(40, 30)
        x = {"x": ((2, 40), F)}
        _, named = stored(capture(model, x, get_state_dict(model)))
        self.assertEqual(named, {"weight", "bias"})
        _, unnamed = stored(capture(model, x))
        self.assertEqual(unnamed, {"tensor.0"})  # the bias is small, and a constant

    def test_what_is_realized_is_what_runs(self):
        model = nn.Linear(40, 30)  # never computed before the capture
        program = capture(model, {"x": ((1, 40), F)}, get_state_dict(model))
        x = Tensor.ones(1, 40)
        for a, b in zip(program(x=x.contiguous()).tolist()[0], model(x).tolist()[0]):
            self.assertAlmostEqual(a, b, places=5)

    def test_weights_not_of_the_state_and_constants(self):
        rows = Tensor([[10.0 * i + k for k in range(10)] for i in range(10)])
        small = Tensor([1.0, 2.0])
        program = capture(lambda x: x @ rows + small.sum() + Tensor([4.0]), {"x": ((1, 10), F)})
        self.assertEqual(stored(program)[1], {"tensor.0"})
        self.assertEqual(program(x=[[1.0] + [0.0] * 9]).tolist(), [[7.0 + k for k in range(10)]])

    def test_same_digest_when_captured_again(self):
        model = nn.Linear(4, 3)
        digests = {capture(model, {"x": ((2, 4), F)}, get_state_dict(model)).digest
                   for _ in range(2)}
        self.assertEqual(len(digests), 1)


class Recognised(unittest.TestCase):
    """TinyGrad's ways of saying what we have one operation for."""

    def test_forms(self):
        x = {"x": ((4, 6), F)}
        for expected, model in (
            (["input", "exp"], Tensor.exp), (["input", "log"], Tensor.log),
            (["input", "neg", "exp"], lambda x: (-x).exp()),
            (["input", "floor"], Tensor.floor), (["input", "ceil"], Tensor.ceil),
            (["input", "pad"], lambda x: x.pad((1, 2), value=3.0)),
            (["input", "iota", "cast", "reshape", "expand", "add"],
             lambda x: x + Tensor.arange(6)),
            (["input", "concat"], lambda x: x.cat(x, x[:2])[:, :]),
        ):
            found = operations(capture(model, x))
            if "concat" in expected:
                found = [op for op in found if op not in ("shrink",)]
            self.assertEqual(found, expected)

    def test_sub_and_contract(self):
        shapes = {"a": ((4, 6), F), "b": ((6, 5), F)}
        self.assertIn("contract", operations(capture(lambda a, b: a @ b, shapes)))
        self.assertEqual(operations(capture(lambda a, b: a - b,
                                            {"a": ((3,), F), "b": ((3,), F)})),
                         ["input", "input", "sub"])

    def test_embedding_gathers(self):
        found = operations(capture(nn.Embedding(50, 8), {"tokens": ((2, 3), I)}))
        self.assertEqual(found, ["input", "weight", "gather"])

    def test_functions_are_inlined(self):
        @function
        def twice(a):
            return a * 2 + 1
        self.assertEqual(capture(lambda x: twice(x) + x, {"x": ((2,), F)})(x=[1.0, 2.0]).tolist(),
                         [4.0, 7.0])


class Refused(unittest.TestCase):
    def check(self, message, model, dtype=F):
        with self.assertRaises(CaptureError) as caught:
            capture(model, {"x": ((2, 3), dtype)})
        self.assertIn(message, str(caught.exception))

    def test_random_numbers(self):
        with Context(TRAINING=1):
            self.check("THREEFRY: random numbers cannot be stored", lambda x: x.dropout(0.5))
            self.check("Tensor.dropout", lambda x: x.dropout(0.5))
        self.check("random numbers cannot be stored", lambda x: x + Tensor.rand(2, 3))

    def test_assignment(self):
        state = Tensor.zeros(2, 3).contiguous().realize()
        self.check("assignment to a tensor cannot be stored", lambda x: state.assign(state + x))

    def test_dtypes(self):
        self.check("dtype fp8e5m2 is not supported", lambda x: x.cast(dtypes.fp8e5m2))
        with self.assertRaisesRegex(CaptureError, "'x': dtype .*fp8e4m3 is not supported"):
            TensorContext().add_graph_input("x", (1,), dtypes.fp8e4m3)

    def test_placeholders(self):
        context = TensorContext()
        x = context.add_graph_input("x", (1,), F)
        with self.assertRaisesRegex(CaptureError, "a placeholder 'x' already"):
            context.add_graph_input("x", (1,), F)
        with self.assertRaisesRegex(CaptureError, "expected extents of at least 0"):
            context.add_graph_input("y", (2, -1), F)
        other = TensorContext().add_graph_input("z", (1,), F)
        with self.assertRaisesRegex(CaptureError, "no placeholder of this context"):
            context.compile_to_graph(x + other)
        with self.assertRaisesRegex(CaptureError, "output 'output' depends on no placeholder"):
            context.compile_to_graph((Tensor([1.0, 2.0]) * 2).realize())
        with self.assertRaisesRegex(CaptureError, "expected a Tensor"):
            context.compile_to_graph(3)


    def test_outputs_that_depend_on_no_placeholder(self):
        context = TensorContext()
        x = context.add_graph_input("x", (2,), F)
        weight = Tensor([[1.0, 2.0], [3.0, 4.0]]).realize()
        program = context.compile_to_graph(
            {"x": x, "turned": weight.T, "weight": weight, "full": Tensor.full((3,), 2.5),
             "range": Tensor.arange(4), "doubled": Tensor([1.0, 2.0]) * 2}, {"w": weight})
        for mode in ("eager", "jit", "aot"):
            found = program(mode=mode, x=[7.0, 8.0])
            self.assertEqual({name: view.tolist() for name, view in found.items()},
                             {"x": [7.0, 8.0], "turned": [[1.0, 3.0], [2.0, 4.0]],
                              "weight": [[1.0, 2.0], [3.0, 4.0]], "full": [2.5] * 3,
                              "range": [0, 1, 2, 3], "doubled": [2.0, 4.0]})

    def test_tensors_without_elements(self):
        context = TensorContext()
        x = context.add_graph_input("x", (2, 0, 3), F)
        program = context.compile_to_graph(
            {"none": x * 2, "sum": x.sum(1), "max": x.max((0, 1)), "flat": x.reshape(0),
             "joined": x.cat(Tensor.ones(2, 1, 3), dim=1), "x": x})
        for mode in ("eager", "jit", "aot"):
            found = program(mode=mode, x=memoryview((((ctypes.c_float * 3) * 0) * 2)()))
            self.assertEqual({name: view.shape for name, view in found.items()},
                             {"none": (2, 0, 3), "sum": (2, 3), "max": (3,), "flat": (0,),
                              "joined": (2, 1, 3), "x": (2, 0, 3)})
            self.assertEqual(found["sum"].tolist(), [[0.0] * 3] * 2)
            self.assertEqual(found["max"].tolist(), [-math.inf] * 3)
            self.assertEqual(found["joined"].tolist(), [[[1.0] * 3]] * 2)

    def test_reading_a_placeholder(self):
        """Python would decide by memory that nobody wrote."""
        reads = {
            "item": lambda x: x * 2 if x.sum().item() > 0 else x - 100,
            "tolist": lambda x: Tensor(x.tolist()),
            "data": lambda x: Tensor(bytes(x.data())),
            "realize": lambda x: (x * 2).realize(),
        }
        for word, model in reads.items():
            with self.subTest(word):
                self.check("placeholder 'x' has no elements yet", model)
                self.check("test_program.py", model)
                self.check(f"{word}(", model)  # the line itself


class Fast(unittest.TestCase):
    def test_is_another_graph_within_the_bound(self):
        program = GraphProgram.load(ROOT / "models/mnist/mnist.json")
        fast = program.fast()
        self.assertNotEqual(fast.digest, program.digest)
        self.assertEqual(fast.placeholders, program.placeholders)
        pixels = [[[[(7 * i + j) % 11 / 10 for j in range(28)] for i in range(28)]]]
        before, after = (p(input_image=pixels).tolist()[0] for p in (program, fast))
        self.assertNotEqual(before, after)
        for a, b in zip(before, after):
            self.assertAlmostEqual(a, b, delta=1e-4 * max(map(abs, before)))

    def test_is_the_program_itself_where_nothing_is_within_the_bound(self):
        program = GraphProgram.load(ROOT / "models/mnist/mnist.json")
        self.assertIs(program.fast(1e-9), program)

    def test_refuses_no_bound(self):
        with self.assertRaisesRegex(ProgramError, "expected a bound"):
            GraphProgram.load(ROOT / "models/mnist/mnist.json").fast(0)


class Quantized(unittest.TestCase):
    def setUp(self):
        self.program = GraphProgram.load(ROOT / "models/mnist/mnist.json")
        self.samples = [{"input_image": [[[[float(30 < (i - 13) ** 2 + (j - 12 - k) ** 2 < 60)
                                            for j in range(28)] for i in range(28)]]]}
                        for k in range(3)]

    def test_is_near_and_the_same_in_every_mode(self):
        quantized = self.program.quantized(self.samples)
        self.assertNotEqual(quantized.digest, self.program.digest)
        self.assertEqual(quantized.placeholders, self.program.placeholders)
        before = self.program(**self.samples[1]).tolist()[0]
        after = memoryview(run_all_modes(quantized, self.samples[1])["logits"]).cast("f").tolist()
        for a, b in zip(before, after):
            self.assertAlmostEqual(a, b, delta=0.05 * max(map(abs, before)))

    def test_takes_labels_ranges_and_budgets(self):
        likely = [max(range(10), key=self.program(**sample).tolist()[0].__getitem__)
                  for sample in self.samples]
        digests = {self.program.quantized(self.samples, likely, name, accuracy=0.5).digest
                   for name in ("extremes", "entropy")}
        digests.add(self.program.quantized(self.samples, equalise=True).digest)
        self.assertEqual(len(digests), 3)
        self.assertIs(self.program.quantized(self.samples, error=1e-9), self.program)

    def test_takes_and_gives_integers(self):
        quantized = self.program.quantized(self.samples, io="uint8")
        pixels, logits = quantized.placeholders[0], quantized.outputs[0]
        self.assertEqual((pixels.dtype, logits.dtype), ("uint8", "uint8"))
        self.assertTrue(pixels.scale > 0 and logits.scale > 0)
        likely = [row.index(max(row)) for row in (
            [(code - logits.zero) * logits.scale for code in quantized(
                [[[[round(pixel / pixels.scale) + pixels.zero for pixel in line] for line in rows]
                  for rows in image] for image in sample["input_image"]]).tolist()[0]]
            for sample in self.samples)]
        self.assertEqual(likely, [max(range(10), key=self.program(**sample).tolist()[0].__getitem__)
                                  for sample in self.samples])
        self.assertIs(quantized.integers(io="uint8"), quantized)

    def test_refuses(self):
        for kind, message, arguments in (
            (ProgramError, "at least one sample", {"samples": []}),
            (ProgramError, "int8 or uint8", {"samples": self.samples, "io": "int16"}),
            (ProgramError, "no such", {"samples": self.samples, "range": "wide"}),
            (ValueError, "1 labels of 3 samples", {"samples": self.samples, "labels": [1]}),
            (TypeError, "there is no placeholder 'x'", {"samples": [{"x": 1, **self.samples[0]}]}),
        ):
            with self.subTest(message), self.assertRaisesRegex(kind, message):
                self.program.quantized(**arguments)


class Page(unittest.TestCase):
    def test_lists_the_supported_operations(self):
        text = (ROOT / "docs/port-your-model.md").read_text()
        self.assertIn(table(), text, "run: python -m eigentensor.document docs/port-your-model.md")

    def test_its_three_lines_run(self):
        text = (ROOT / "docs/port-your-model.md").read_text()
        code = text.split("## From TinyGrad")[1].split("```python\n")[1].split("```")[0]
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), \
                contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, "port-your-model.md", "exec"), {})
            self.assertTrue(Path("model.json").exists())


if __name__ == "__main__":
    unittest.main()
