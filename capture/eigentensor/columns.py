"""Columns of Arrow as arrays of NumPy and back, without a copy where their layout allows it."""

import math

import numpy
import pyarrow

from .elements import ELEMENTS

_LISTS = (pyarrow.types.is_list, pyarrow.types.is_large_list)
_BYTES = (pyarrow.types.is_binary, pyarrow.types.is_large_binary)


class ColumnError(ValueError):
    """A column is not what a model's input takes, or a result not what its output gives."""


def array_of(column, name):
    """A row of the array for each row of the column: numbers give (rows,), lists and bytes of one
    length (rows, length), lists of lists (rows, length, length) and so on. Read-only where it shows
    the column's own memory, which is wherever that has a number beside the other."""
    kind = column.type
    if column.null_count:
        row = column.is_null().index(True).as_py()
        raise ColumnError(f"column {name!r}: row {row} of {len(column)} is null, expected a value")
    if isinstance(column, pyarrow.ExtensionArray):
        return array_of(column.storage, name)
    if pyarrow.types.is_dictionary(kind):
        return array_of(column.dictionary_decode(), name)
    if pyarrow.types.is_fixed_size_list(kind):
        return _rows_of(column.flatten(), len(column), kind.list_size, name)
    if any(is_one(kind) for is_one in _LISTS):
        return _rows_of(column.flatten(), len(column), _one_length(column, name), name)
    if pyarrow.types.is_fixed_size_binary(kind):
        return _bytes_of(column, column.offset * kind.byte_width, kind.byte_width)
    if any(is_one(kind) for is_one in _BYTES):
        return _bytes_of(column, _offsets(column)[0] if len(column) else 0,
                         _one_length(column, name))
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        return column.to_numpy()
    if pyarrow.types.is_boolean(kind):
        return column.to_numpy(zero_copy_only=False)  # which are bits in Arrow
    raise ColumnError(f"column {name!r} is {kind}, expected numbers, or lists or bytes of them")


def column_of(array):
    """A column of the array's rows, which shows its memory: lists where a row has several numbers
    (of variable length, as all engines and files know them), else numbers."""
    rows, flat = len(array), numpy.ascontiguousarray(array).reshape(-1)
    column = pyarrow.array(flat)
    if math.prod(array.shape[1:]) == 1:
        return column
    for axis in range(array.ndim - 1, 0, -1):
        count = rows * math.prod(array.shape[1:axis])
        column = pyarrow.ListArray.from_arrays(_starts(count, array.shape[axis]), column)
    return column


def type_of(dtype, shape):
    """Of the column that column_of() gives of rows of this shape."""
    found = pyarrow.from_numpy_dtype(numpy.dtype(ELEMENTS[dtype].code))
    if math.prod(shape) != 1:
        for _ in shape:
            found = pyarrow.list_(found)
    return found


def fitted(array, placeholder, name):
    """The array in the dtype and shape of an input, whose rows are those of the array. Numbers are
    rounded to floats; integers must be the same as integers of another width."""
    rows = len(array)
    dtype = numpy.dtype(ELEMENTS[placeholder.dtype].code)
    wanted = (rows, *placeholder.shape[1:])
    if array.size != math.prod(wanted):
        raise ColumnError(f"{name} has {array.size // rows} numbers a row, expected "
                          f"{math.prod(wanted) // rows}: input {placeholder.name!r} is "
                          f"{placeholder}")
    if array.dtype != dtype:
        array = converted(array, dtype, name)
    return numpy.ascontiguousarray(array).reshape(wanted)


def converted(array, dtype, name):
    if not numpy.can_cast(array.dtype, dtype, "same_kind") and \
            not (array.dtype.kind in "iu" and dtype.kind in "iu"):
        raise ColumnError(f"{name} is {array.dtype}, which is not converted to {dtype}")
    found = array.astype(dtype)
    if dtype.kind in "iu" and not numpy.array_equal(found, array):
        raise ColumnError(f"{name} is {array.dtype} and has numbers that {dtype} has not")
    return found


def _rows_of(elements, rows, length, name):
    inner = array_of(elements, name)
    return inner.reshape(rows, length, *inner.shape[1:])


def _offsets(column):
    wide = pyarrow.types.is_large_list(column.type) or pyarrow.types.is_large_binary(column.type)
    return numpy.frombuffer(column.buffers()[1], numpy.int64 if wide else numpy.int32)[
        column.offset:column.offset + len(column) + 1]


def _one_length(column, name):
    """How long each list is, or each text of bytes."""
    if len(column) == 0:
        return 0
    lengths = numpy.diff(_offsets(column))
    other = numpy.flatnonzero(lengths != lengths[0])
    if other.size:
        raise ColumnError(f"column {name!r}: row {other[0]} has {lengths[other[0]]} elements, "
                          f"expected {lengths[0]} as in row 0")
    return int(lengths[0])


def _bytes_of(column, begin, width):
    rows = len(column)
    if rows * width == 0:
        return numpy.empty((rows, width), numpy.uint8)
    data = column.buffers()[-1]
    return numpy.frombuffer(data, numpy.uint8, rows * width, begin).reshape(rows, width)


def _starts(count, length):
    if count * length > numpy.iinfo(numpy.int32).max:
        raise ColumnError(f"{count} lists of {length} numbers are too many for a batch: "
                          "give smaller ones")
    return pyarrow.array(numpy.arange(count + 1, dtype=numpy.int32) * numpy.int32(length))
