"""Columns of Arrow as inputs and outputs, the Scorer over batches, and the digest of results."""

import json
import pickle
import tempfile
import unittest
from pathlib import Path

import numpy
import pandas
import pyarrow
from pyarrow import parquet

import eigentensor
from eigentensor import GraphProgram, Scorer
from eigentensor.columns import ColumnError, array_of, column_of

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT / "models/mnist/mnist.json"
ROWS = 40


def stored(folder, shapes, nodes, outputs, dtype="float32"):
    """The path of a graph: inputs by name, nodes (op, sources, shape) behind them."""
    listed = [{"id": i, "op": "input", "src": [], "dtype": dtype, "shape": shape, "name": name}
              for i, (name, shape) in enumerate(shapes.items())]
    listed += [{"id": len(shapes) + i, "op": op, "src": sources, "dtype": dtype, "shape": shape}
               for i, (op, sources, shape) in enumerate(nodes)]
    path = Path(folder, "g.json")
    path.write_text(json.dumps({
        "format": "eigentensor", "version": 2, "name": "g", "nodes": listed,
        "inputs": [{"name": name, "dtype": dtype, "shape": shape}
                   for name, shape in shapes.items()],
        "outputs": [{"name": name, "node": node} for name, node in outputs.items()]}))
    return path


def in_unit(given):
    return {"input_image": given["input_image"] / numpy.float32(255)}


class Columns(unittest.TestCase):
    def test_lists_and_bytes_are_read_where_they_lie(self):
        values = numpy.arange(24, dtype=numpy.float32)
        octets = numpy.arange(24, dtype=numpy.uint8)
        offsets = pyarrow.array([0, 6, 12, 18, 24], pyarrow.int32())
        for column, held in (
                (pyarrow.array(values), values),
                (pyarrow.FixedSizeListArray.from_arrays(values, 6), values),
                (pyarrow.ListArray.from_arrays(offsets, values), values),
                (pyarrow.LargeListArray.from_arrays(offsets.cast("int64"), values), values),
                (pyarrow.FixedSizeListArray.from_arrays(
                    pyarrow.FixedSizeListArray.from_arrays(values, 3), 2), values),
                (pyarrow.Array.from_buffers(pyarrow.binary(6), 4,
                                            [None, pyarrow.py_buffer(octets)]), octets),
                (pyarrow.Array.from_buffers(pyarrow.binary(), 4, [None, offsets.buffers()[1],
                                                                  pyarrow.py_buffer(octets)]),
                 octets)):
            with self.subTest(column.type):
                found = array_of(column, "x")
                self.assertEqual((found.ctypes.data, found.tobytes(), len(found)),
                                 (held.ctypes.data, held.tobytes(), len(column)))
                part = array_of(column[1:3], "x")
                self.assertEqual(part.tolist(), found[1:3].tolist())

    def test_what_is_converted(self):
        for column, expected in ((pyarrow.array([True, False]), [True, False]),
                                 (pyarrow.array([7, 9, 7]).dictionary_encode(), [7, 9, 7]),
                                 (pyarrow.array([], pyarrow.list_(pyarrow.int8())), []),
                                 (pyarrow.array([b"", b""]), [[], []])):
            self.assertEqual(array_of(column, "x").tolist(), expected)

    def test_what_is_refused(self):
        for column, text in (
                (pyarrow.array([1, None, 3]), "column 'x': row 1 of 3 is null"),
                (pyarrow.array([[1], [None]]), "row 1 of 2 is null"),
                (pyarrow.array([[1, 2], [3]]), "row 1 has 1 elements, expected 2 as in row 0"),
                (pyarrow.array([b"ab", b"abc"]), "row 1 has 3 elements, expected 2"),
                (pyarrow.array(["a"]), "column 'x' is string, expected numbers")):
            with self.assertRaises(ColumnError) as caught:
                array_of(column, "x")
            self.assertIn(text, str(caught.exception))

    def test_arrays_come_back(self):
        for shape in ((5,), (5, 1), (5, 3), (5, 2, 3), (0, 4), (5, 0)):
            array = numpy.arange(numpy.prod(shape), dtype=numpy.int16).reshape(shape)
            column = column_of(array)
            plain = array.reshape(shape[0]) if shape == (5, 1) else array
            self.assertEqual(column.to_pylist(), plain.tolist())
            if shape[1:] != (0,):
                self.assertEqual(array_of(column, "x").reshape(shape).tolist(), array.tolist())


class OfMnist(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        generator = numpy.random.default_rng(1)
        cls.pixels = generator.integers(0, 256, (ROWS, 784), numpy.uint8)
        cls.program = GraphProgram.load(MNIST, batched=True)
        cls.logits = cls.program((cls.pixels / numpy.float32(255)).reshape(-1, 1, 28, 28))
        cls.scorer = Scorer(MNIST, {"input_image": "pixels"}, prepare=in_unit)
        cls.table = pyarrow.table({
            "id": numpy.arange(ROWS) * 10,
            "pixels": pyarrow.FixedSizeListArray.from_arrays(cls.pixels.reshape(-1), 784)})

    def assert_logits(self, column, begin=0, end=ROWS):
        self.assertEqual(numpy.array(column, numpy.float32).tobytes(),
                         self.logits[begin:end].tobytes())


class Batches(OfMnist):
    def test_of_each_kind(self):
        scores = self.scorer(self.table)
        self.assertEqual(scores.schema, self.scorer.schema(self.table.schema))
        self.assertEqual(scores.column_names, ["id", "logits"])
        self.assert_logits(scores["logits"].to_pylist())
        chunked = pyarrow.concat_tables([self.table[:7], self.table[7:7], self.table[7:]])
        self.assert_logits(self.scorer(chunked)["logits"].to_pylist())
        batches = list(self.scorer.batches(iter(self.table.to_batches(max_chunksize=9))))
        self.assertEqual([len(batch) for batch in batches], [9, 9, 9, 9, 4])
        self.assert_logits(batches[1]["logits"].to_pylist(), 9, 18)
        for frame in (self.table.to_pandas(), self.table.to_pandas(types_mapper=pandas.ArrowDtype)):
            found = self.scorer(frame[5:])
            self.assertEqual(list(found.index), list(range(5, ROWS)))
            self.assert_logits(found["logits"].tolist(), 5)
        self.assertEqual(self.scorer(self.table.to_pandas()[:0]).dtypes.to_dict(),
                         found.dtypes.to_dict())
        with self.assertRaisesRegex(TypeError, "found list"):
            self.scorer([1])

    def test_pickled_by_content(self):
        again = pickle.loads(pickle.dumps(self.scorer))
        self.assert_logits(again(self.table)["logits"].to_pylist())
        self.assertIs(again.program, self.scorer.program)
        shared = Scorer(self.program, {"input_image": "pixels"}, prepare=in_unit, threads=2)
        self.assertEqual(pickle.loads(pickle.dumps(shared)).program.threads, 2)

    def test_names(self):
        table = self.table.append_column("label", pyarrow.array([1] * ROWS))
        made = Scorer(self.program, {"input_image": "pixels"}, {"logits": "y"}, keep=["label"],
                      prepare=in_unit)
        self.assertEqual(made(table).column_names, ["label", "y"])
        with self.assertRaisesRegex(TypeError, "no 'image'; it has the inputs .'input_image'"):
            Scorer(self.program, {"image": "pixels"})
        with self.assertRaisesRegex(ColumnError, "no column 'input_image'; it has .'id'"):
            Scorer(self.program)(self.table)
        with self.assertRaisesRegex(ColumnError, "a column 'id' already"):
            Scorer(self.program, {"input_image": "pixels"}, {"logits": "id"})(self.table)

    def test_shapes_and_dtypes_that_do_not_fit(self):
        def scored(column):
            return Scorer(self.program, {"input_image": "x"})(pyarrow.table({"x": column}))
        with self.assertRaisesRegex(ColumnError, "'x' has 3 numbers a row, expected 784: input "
                                                 "'input_image' is float32.N, 1, 28, 28"):
            scored(pyarrow.array([[1, 2, 3]]))
        with tempfile.TemporaryDirectory() as folder:
            path = stored(folder, {"n": [1]}, [("neg", [0], [1])], {"m": 1}, "int32")
            scorer = Scorer(path)
            narrow = scorer(pyarrow.table({"n": pyarrow.array([1, -5], pyarrow.int64())}))
            self.assertEqual(narrow["m"].to_pylist(), [-1, 5])
            for wrong, text in ((pyarrow.array([1 << 40]), "has numbers that int32 has not"),
                                (pyarrow.array([1.5]), "is float64, which is not converted")):
                with self.assertRaisesRegex(ColumnError, text):
                    scorer(pyarrow.table({"n": wrong}))


class Features(unittest.TestCase):
    """A table's columns of numbers side by side."""
    def setUp(self):
        self.table = pyarrow.table({"a": [1.5, 2.5, 3.5], "b": pyarrow.array([1, 2, 3], "int8"),
                                    "id": ["x", "y", "z"]})

    def test_are_one_input(self):
        with tempfile.TemporaryDirectory() as folder:
            path = stored(folder, {"x": [1, 2]}, [("neg", [0], [1, 2])], {"y": 1})
            for prepare, expected in ((None, -1), (lambda given: {"x": given["x"] * 2}, -2)):
                scores = Scorer(path, {"x": ["a", "b"]}, prepare=prepare)(self.table)
                self.assertEqual(scores.column_names, ["id", "y"])
                self.assertEqual(scores["y"].to_pylist(),
                                 [[expected * a, expected * b] for a, b in
                                  ((1.5, 1), (2.5, 2), (3.5, 3))])

    def test_programs_of_a_fixed_number_of_rows(self):
        """As of a graph that looks from one row at another."""
        with tempfile.TemporaryDirectory() as folder:
            path = stored(folder, {"a": [4]}, [("neg", [0], [4])], {"y": 1})
            scorer = Scorer(GraphProgram.load(path))
            for rows in (0, 1, 4, 9):
                values = numpy.arange(rows) + 0.5
                scores = scorer(pyarrow.table({"a": values}))
                self.assertEqual(scores["y"].to_pylist(), (-values).tolist())
            path = stored(folder, {"a": [4], "b": [3]}, [("neg", [0], [4])], {"y": 2, "z": 1})
            with self.assertRaisesRegex(TypeError, "extents that differ.*a float32.4."):
                Scorer(GraphProgram.load(path))


class Digests(OfMnist):
    def test_is_that_of_one_run_however_rows_lie(self):
        scores = self.scorer(self.table)
        expected = self.program.result_digest(self.logits)
        order = numpy.random.default_rng(2).permutation(ROWS)
        with tempfile.TemporaryDirectory() as folder:
            def digest(*parts, key="id"):
                for file in Path(folder).iterdir():
                    file.unlink()
                for i, part in enumerate(parts):
                    rows = scores.take(numpy.array(part, int))
                    parquet.write_table(rows, f"{folder}/{i}.parquet")
                return self.scorer.result_digest(folder, key)
            self.assertEqual(digest(range(ROWS)), expected)
            self.assertEqual(digest(order[:11], [], order[11:]), expected)
            self.assertNotEqual(digest(order[1:]), expected)
            with self.assertRaisesRegex(ColumnError, "key 'id' is 50 in several rows"):
                digest(range(ROWS), [5])
            before = eigentensor.scorer.DIGESTED_AT_ONCE
            eigentensor.scorer.DIGESTED_AT_ONCE = 1000  # a few rows
            try:
                self.assertEqual(digest(order[:11], order[11:]), expected)
            finally:
                eigentensor.scorer.DIGESTED_AT_ONCE = before
            with self.assertRaisesRegex(ColumnError, "key 'logits' is list"):
                digest(order, key="logits")

    def test_of_columns_that_are_no_results(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/x.parquet"
            parquet.write_table(pyarrow.table({"id": [1], "logits": [[1.0] * 10]}), path)
            with self.assertRaisesRegex(ColumnError, "'logits' is list.*output 'logits' is"):
                self.scorer.result_digest(path, "id")


if __name__ == "__main__":
    unittest.main()
