"""A model over the rows of a table, as engines for large ones hand them out: batch by batch."""

import hashlib
import math
import os
from collections.abc import Mapping

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.dataset

from .columns import ColumnError, array_of, column_of, converted, fitted, type_of
from .elements import ELEMENTS
from .program import GraphProgram, ProgramError, load

DIGESTED_AT_ONCE = 256 << 20  # bytes of results


class Scorer:
    """A model as a function of a batch of rows, a pyarrow.Table, pyarrow.RecordBatch or
    pandas.DataFrame, which gives one of the same kind:

        scorer = Scorer("mnist.json", {"input_image": "pixels"}, keep=["id"])
        scores = scorer(batch)           # columns "id" and "logits"

    `model` is a path, or a GraphProgram. Every row is an image of the model, with the bits that it
    has by itself, however rows come in batches. A model that cannot run any number of rows, as a
    forest that looks at all of them, runs `rows` at a time, the last ones filled up.

    `inputs` names the column of each input, or a list of columns of numbers that are its features;
    without it columns are called as inputs are. Lists and bytes are read where they lie, row-major.
    `prepare` may change them before they are converted to the input's dtype: a function of the
    arrays by input, a row of each for a row of the batch, which gives such arrays again.
    `outputs` names columns for outputs that are not to be called as in the model. `keep` lists the
    columns that go along: without it all that are no inputs.

    It is pickled by its program, which a machine keeps once for all workers; the class itself does
    as an actor (Ray Data), an instance as a function of partitions (Dask), and batches() as one
    of iterators (Spark).
    """

    def __init__(self, model, inputs: Mapping | None = None, outputs: Mapping | None = None, *,
                 keep=None, prepare=None, mode="jit", threads=1, rows=1024):
        program = model if isinstance(model, GraphProgram) else _opened(model, rows)
        self.program = program.shared(threads)
        self.mode, self.prepare, self.keep = mode, prepare, keep
        named = dict(inputs or {})
        self.inputs = {each.name: named.pop(each.name, each.name)
                       for each in self.program.placeholders}
        renamed = dict(outputs or {})
        self.outputs = {each.name: renamed.pop(each.name, each.name)
                        for each in self.program.outputs}
        for unknown in (*named, *renamed):
            raise TypeError(f"the model has no {unknown!r}; it has the inputs "
                            f"{list(self.inputs)} and the outputs {list(self.outputs)}")
        self._rows = _rows_a_run(self.program)

    def __call__(self, batch):
        if isinstance(batch, pyarrow.RecordBatch):
            return self._scored(batch)
        if isinstance(batch, pyarrow.Table):
            schema = self.schema(batch.schema)
            return pyarrow.Table.from_batches(map(self._scored, batch.to_batches()), schema)
        if type(batch).__module__.partition(".")[0] == "pandas":
            return self._frame(batch)
        raise TypeError(f"a batch is a pyarrow.Table, pyarrow.RecordBatch or pandas.DataFrame, "
                        f"found {type(batch).__name__}")

    def batches(self, batches):
        """Record batches of an iterator, scored one by one."""
        return map(self._scored, batches)

    def schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        """Of what comes of batches of that schema."""
        kept = self._kept(schema.names)
        fields = [schema.field(name) for name in kept]
        for each in self.program.outputs:
            name = self.outputs[each.name]
            if name in kept:
                raise ColumnError(f"the batch has a column {name!r} already: name the output "
                                  f"{each.name!r} otherwise by `outputs`, or `keep` less")
            fields.append(pyarrow.field(name, type_of(each.dtype, each.shape[1:])))
        return pyarrow.schema(fields)

    def result_digest(self, results, key) -> str:
        """The identity of all results, which lie in Parquet files (a path, a list of them, or a
        pyarrow.dataset): that of the outputs of one run over all rows in the order of their `key`,
        as program.result_digest() and `eigentensor run` give it. So it does not depend on who
        computed which rows, in what order, or in which files they lie. A key that is there twice is
        an error, and a row that is missing gives another digest."""
        dataset = results if isinstance(results, pyarrow.dataset.Dataset) else \
            pyarrow.dataset.dataset(results, format="parquet")
        keys = _sorted_keys(dataset, key)
        hashes = []
        for each in self.program.outputs:
            shape = ",".join(map(str, (len(keys), *each.shape[1:])))
            hashes.append(hashlib.sha256(f"{each.dtype}[{shape}]\n".encode()))
        for first, last in _ranges(keys, self._bytes_a_row()):
            within = (pyarrow.compute.field(key) >= first) & (pyarrow.compute.field(key) <= last)
            table = dataset.to_table([key, *self.outputs.values()], filter=within)
            for each, sums, array in zip(self.program.outputs, hashes, self._sorted(table, key)):
                sums.update(array)
        whole = hashlib.sha256()
        for each, sums in zip(self.program.outputs, hashes):
            whole.update(each.name.encode() + b"\0" + sums.digest())
        return whole.hexdigest()

    def _sorted(self, table, key):
        """The outputs' columns as arrays, in the order of the key."""
        table = table.sort_by(key).combine_chunks()
        rows = len(table)
        for each in self.program.outputs:
            name = self.outputs[each.name]
            array = array_of(_whole(table.column(name)), name)
            dtype = numpy.dtype(ELEMENTS[each.dtype].code)
            if array.dtype != dtype or array.size != rows * math.prod(each.shape[1:]):
                raise ColumnError(f"column {name!r} is {table.schema.field(name).type}, with "
                                  f"{array.size // rows} numbers a row: output {each.name!r} is "
                                  f"{each}")
            yield numpy.ascontiguousarray(array)

    def _bytes_a_row(self):
        return sum(math.prod(each.shape[1:]) * numpy.dtype(ELEMENTS[each.dtype].code).itemsize
                   for each in self.program.outputs) + 64

    def _read(self):
        """The columns that are inputs."""
        return {column for source in self.inputs.values()
                for column in ([source] if isinstance(source, str) else source)}

    def _kept(self, names):
        if self.keep is not None:
            return list(self.keep)
        read = self._read()
        return [name for name in names if name not in read]

    def _frame(self, frame):
        import pandas
        scored = self(pyarrow.Table.from_pandas(frame, preserve_index=False))
        return scored.to_pandas(types_mapper=pandas.ArrowDtype).set_index(frame.index)

    def _scored(self, batch):
        schema = self.schema(batch.schema)
        kept = [batch.column(name) for name in self._kept(batch.schema.names)]
        results = self._results(self._given(batch), batch.num_rows)
        return pyarrow.RecordBatch.from_arrays([*kept, *map(column_of, results)], schema=schema)

    def _given(self, batch):
        """An array for each input, of its dtype and a row of its shape for each of the batch's."""
        absent = self._read().difference(batch.schema.names)
        if absent:
            raise ColumnError(f"the batch has no column {min(absent)!r}; it has "
                              f"{batch.schema.names}")
        if batch.num_rows == 0:  # whose columns may be of any type
            return {}
        given = {each.name: self._source(batch, each) for each in self.program.placeholders}
        if self.prepare:
            given = self.prepare(given)
        return {each.name: fitted(given[each.name], each, f"{self.inputs[each.name]!r}")
                for each in self.program.placeholders}

    def _source(self, batch, placeholder):
        """An input's column, or its columns side by side; of the input's dtype already, unless
        something else is to be made of them."""
        source = self.inputs[placeholder.name]
        if isinstance(source, str):
            return array_of(batch.column(source), source)
        columns = [array_of(batch.column(name), name) for name in source]
        if self.prepare:
            return numpy.column_stack(columns)
        dtype = numpy.dtype(ELEMENTS[placeholder.dtype].code)
        beside = numpy.empty((batch.num_rows, len(source)), dtype)
        for i, (name, column) in enumerate(zip(source, columns)):
            beside[:, i] = converted(column, dtype, f"{name!r}")
        return beside

    def _results(self, given, count):
        """The outputs of so many rows, in their order."""
        if count == 0:
            return [numpy.empty((0, *each.shape[1:]), ELEMENTS[each.dtype].code)
                    for each in self.program.outputs]
        if self._rows is None:
            return self._outputs(given)
        results = []
        for begin in range(0, count, self._rows):
            part = {name: array[begin:begin + self._rows] for name, array in given.items()}
            results.append(self._outputs({name: _filled_up(array, self._rows)
                                          for name, array in part.items()}))
        return [numpy.concatenate(parts)[:count] for parts in zip(*results)]

    def _outputs(self, given):
        found = self.program.run(given, self.mode)
        if not isinstance(found, Mapping):
            return [found]
        return [found[each.name] for each in self.program.outputs]


def _opened(path, rows):
    """With any number of rows, or else with so many."""
    path = os.fspath(path)
    try:
        return GraphProgram.load(path, batched=True)
    except ProgramError:
        model = load(path)
        open_axes = {axis for axes in getattr(model, "axes", {}).values() for axis in axes if axis}
        first = {axes[0] for axes in getattr(model, "axes", {}).values() if axes}
        if not open_axes or open_axes != first:
            raise
    return model.program(**{axis: rows for axis in first})


def _rows_a_run(program):
    """None: any number."""
    program.refuse_counted("a row of a table has a fixed one")
    tensors = (*program.placeholders, *program.outputs)
    for each in tensors:
        if each.dtype == "bfloat16":
            raise TypeError(f"{each.name!r} is {each}, which columns do not have")
    if all(each.batched for each in tensors):
        return None
    extents = {each.shape[0] if each.shape else None for each in tensors}
    if len(extents) != 1 or not extents.copy().pop():
        raise TypeError("inputs and outputs begin with extents that differ, so that they have no "
                        f"rows: {', '.join(f'{each.name} {each}' for each in tensors)}")
    return extents.pop()


def _filled_up(array, rows):
    """With copies of the last row."""
    missing = rows - len(array)
    return numpy.concatenate([array, array[-1:].repeat(missing, 0)]) if missing else array


def _whole(column):
    """A chunked column in one piece."""
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pyarrow.concat_arrays(chunks or [
        pyarrow.array([], column.type)])


def _sorted_keys(dataset, key):
    keys = _whole(dataset.to_table([key]).column(key))
    if keys.null_count or pyarrow.types.is_floating(keys.type) or \
            pyarrow.types.is_nested(keys.type):
        raise ColumnError(f"the key {key!r} is {keys.type} with {keys.null_count} nulls, expected "
                          "an integer or a text for each row")
    keys = keys.take(pyarrow.compute.sort_indices(keys))
    twice = pyarrow.compute.equal(keys[1:], keys[:-1]).index(True).as_py()
    if twice >= 0:
        raise ColumnError(f"the key {key!r} is {keys[twice].as_py()!r} in several rows, expected "
                          "a key for each")
    return keys


def _ranges(keys, bytes_a_row):
    """The first and the last key of as many rows as are digested at once."""
    rows = max(DIGESTED_AT_ONCE // bytes_a_row, 1)
    for begin in range(0, len(keys), rows):
        yield keys[begin], keys[min(begin + rows, len(keys)) - 1]
