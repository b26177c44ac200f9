"""A stored graph with its weights, loaded by the compiled library."""

import ctypes
import math
import os
import struct
from dataclasses import dataclass

from .elements import BYTES, ELEMENTS
from .library import Axis, Error, Samples, library

MODES = ("eager", "jit", "aot")
# Codes that mean the same on some machines.
ALIKE = {"int64": "lq", "int32": "il", "uint64": "LQ", "uint32": "IL"}


class ProgramError(Exception):
    """What the library says when a program cannot be loaded, stored, compiled or run."""


@dataclass(frozen=True)
class Placeholder:
    """An input or an output. Its first extent is -1 where it has a batch axis. Integers may stand
    for the numbers (integer - zero) * scale; scale is None where that is not said."""
    name: str
    dtype: str
    shape: tuple
    scale: float | None = None
    zero: int | None = None

    @property
    def batched(self):
        return self.shape[:1] == (-1,)

    def at(self, batch):
        """The shape for so many images."""
        return (batch, *self.shape[1:]) if self.batched else self.shape

    def __str__(self):
        return f"{self.dtype}{['N', *self.shape[1:]] if self.batched else list(self.shape)}" \
            .replace("'N'", "N")


class GraphProgram:
    """Runs like a function of its placeholders:

        program = GraphProgram.load("mnist.json")
        logits = program(input_image=pixels)

    An input is a tensor of TinyGrad or PyTorch, nested lists, or whatever shows its memory to
    Python (a NumPy array, array.array, memoryview). An output is a memoryview: of one output it is
    returned itself, of several a dictionary by name. `numpy.asarray(output)` and
    `output.tolist()` read it.

    A program with a batch axis runs as many images as its inputs hold.

    The extent of an output may depend on the data: then `outputs` has the greatest one, the result
    the true one, and outputs that only count others are not among the results.
    """

    def __init__(self, handle, model=None):
        self._handle, self._library = handle, library()
        self._model = model  # whose program it is
        self.placeholders = self._described("input")
        self.outputs = self._described("output")
        counting = [self._library.et_program_output_counts(handle, i)
                    for i in range(len(self.outputs))]
        self._shown = [i for i, counts in enumerate(counting) if not counts]
        self._is_counted = any(counting)

    def __del__(self):
        if getattr(self, "_handle", None):
            if self._model:
                self._library.et_model_give_back(self._model.handle, self._handle)
            else:
                self._library.et_program_free(self._handle)
            self._handle = None

    @classmethod
    def load(cls, path, weights=None, batched=False, axes=None, keep=False):
        """Reads "NAME.json" and the weights that it names, or those of another file; or imports
        "NAME.onnx". `axes` gives sizes to open axes of either, as {"seq_len": 64}. `batched` gives
        it a batch axis unless it has one. `keep` keeps what loading and compiling it give below
        $XDG_CACHE_HOME, else ~/.cache, so that the next process that does so begins at once."""
        weights = None if weights is None else os.fsencode(weights)
        if batched and keep:
            raise ValueError("a program that is given a batch axis is not kept")
        if batched:
            return cls(_call("et_program_open_batched", os.fsencode(path), weights))
        sizes = _sizes(axes or {})
        name = "et_program_open_kept" if keep else "et_program_open_sized"
        return cls(_call(name, os.fsencode(path), weights, sizes, len(sizes)))

    @classmethod
    def from_json(cls, text, weights=None):
        """A graph just captured, as bytes, with the path of its weights."""
        weights = None if weights is None else os.fsencode(weights)
        return cls(_call("et_program_import", text, len(text), weights))

    def save(self, path):
        """Writes "NAME.json" and, if there are weights, "NAME.safetensors" beside it."""
        _call("et_program_save", self._handle, os.fsencode(path))

    def fast(self, bound=1e-4):
        """A program of another graph that is faster and rounds elsewhere, with another digest: by
        as much of the rewrites fold-batchnorm and winograd as keeps the error within `bound`,
        measured against float64 on random inputs, as a share of the output's largest element. This
        one itself where that is nothing."""
        made, error = ctypes.c_void_p(), ctypes.c_double()
        _call("et_program_fast", self._handle, bound, ctypes.byref(made), ctypes.byref(error))
        return GraphProgram(made.value) if made else self

    def quantized(self, samples, labels=None, range="extremes", error=0, accuracy=0):
        """A program whose convolutions and linear layers are sums of products of 8-bit integers, in
        steps of the ranges that tensors have on the samples, each a dictionary of inputs. `range`
        is "extremes", "percentile", "squares" or "entropy". Within `error`, a share of the outputs'
        size, or `accuracy`, a share of the samples that may lose their right one of `labels`, the
        most sensitive layers stay float32. This one itself where nothing is quantized."""
        for sample in samples:
            self._check_names(sample)
        held = [bytearray().join(_elements(each, _view(each, sample[each.name]), 1)
                                 for sample in samples) for each in self.placeholders]
        if labels is not None and len(labels) != len(samples):
            raise ValueError(f"{len(labels)} labels of {len(samples)} samples")
        given = Samples(len(samples), ctypes.cast(_pointers(held), ctypes.c_void_p),
                        (ctypes.c_int64 * len(labels))(*labels) if labels is not None else None,
                        range.encode(), error, accuracy)
        made = ctypes.c_void_p()
        _call("et_program_quantize", self._handle, ctypes.byref(given), ctypes.byref(made))
        return GraphProgram(made.value) if made else self

    @property
    def name(self):
        return self._library.et_program_name(self._handle).decode()

    @property
    def digest(self):
        """The identity of graph and weights: 64 hexadecimal digits."""
        return self._library.et_program_digest(self._handle).decode()

    @property
    def uuid(self):
        return self._library.et_program_uuid(self._handle).decode()

    def set_compiler(self, cc, *flags):
        """Which C compiler mode "aot" uses, and with what flags. Call it before anything is run."""
        texts = (ctypes.c_char_p * (len(flags) + 1))(*(flag.encode() for flag in flags), None)
        _call("et_program_set_compiler", self._handle, cc.encode(), texts)

    def prepare(self, mode="jit"):
        """Compiles for a mode; a run would do it too."""
        _call("et_program_prepare", self._handle, _mode(mode))

    def source(self, mode="jit"):
        """The C text of a mode that was prepared; else None."""
        text = self._library.et_program_source(self._handle, _mode(mode))
        return text and text.decode()

    def __call__(self, mode="jit", **inputs):
        _mode(mode)
        self._check_names(inputs)
        views = [_view(placeholder, inputs[placeholder.name])
                 for placeholder in self.placeholders]
        batch = next((view.shape[0] for placeholder, view in zip(self.placeholders, views)
                      if placeholder.batched and view.ndim), 1)
        held = [_elements(placeholder, view, batch)
                for placeholder, view in zip(self.placeholders, views)]
        results = [bytearray(math.prod(output.at(batch)) * BYTES[output.dtype])
                   for output in self.outputs]
        pointers = _pointers(results)
        _call("et_program_run_batch", self._handle, _mode(mode), batch, _pointers(held), pointers,
              None)
        views = {}
        for i in self._shown:
            output, shape = self.outputs[i], self._cut(i, pointers, batch)
            data = memoryview(results[i])[:math.prod(shape) * BYTES[output.dtype]]
            views[output.name] = _shaped(data, _format(output), shape)
        return views if len(views) > 1 else next(iter(views.values()))

    def _cut(self, index, pointers, batch):
        """The shape that an output of a run has. Of one whose extent depends on the data the
        elements lie together then."""
        output = self.outputs[index]
        if not self._is_counted:
            return output.at(batch)
        shape = (ctypes.c_int64 * (len(output.shape) + 1))()
        self._library.et_program_true_shape(self._handle, index, pointers, shape)
        self._library.et_program_cut_output(self._handle, index, pointers)
        return tuple(shape[:len(output.shape)])

    def _check_names(self, inputs):
        known = [placeholder.name for placeholder in self.placeholders]
        for name in known:
            if name not in inputs:
                raise TypeError(f"placeholder {name!r} is missing")
        for name in inputs:
            if name not in known:
                raise TypeError(f"there is no placeholder {name!r}; there are {known}")

    def _described(self, kind):
        count = getattr(self._library, f"et_program_{kind}_count")(self._handle)
        facts = [getattr(self._library, f"et_program_{kind}")(self._handle, i)
                 for i in range(count)]
        return tuple(Placeholder(fact.name.decode(), fact.dtype.decode(),
                                 tuple(fact.shape[:fact.rank]), *self._scale(kind, i))
                     for i, fact in enumerate(facts))

    def _scale(self, kind, index):
        """What the integers of an input or output stand for: scale and zero, or nothing."""
        scale, zero = ctypes.c_float(), ctypes.c_int64()
        told = getattr(self._library, f"et_program_{kind}_scale")(
            self._handle, index, ctypes.byref(scale), ctypes.byref(zero))
        return (scale.value, zero.value) if told else ()

    def __repr__(self):
        return (f"<GraphProgram {self.name} {self.uuid}: "
                f"{', '.join(f'{p.name} {p}' for p in self.placeholders)} -> "
                f"{', '.join(f'{o.name} {o}' for o in self.outputs)}>")


class OpenModel:
    """A model, of ONNX or stored with open axes, that takes inputs of any sizes of these: for sizes
    that come first it makes a program, and keeps those used last.

        model = OpenModel("detector.onnx")
        boxes = model(images=picture)

    `fixed` gives values for good to integer inputs of one element, as {"sr": 16000}. `files` is
    the tempfile.TemporaryDirectory that they are in, which goes when the model does.
    """

    def __init__(self, path, fixed=None, files=None):
        self._library, self._fixed = library(), dict(fixed or {})
        self._files = files
        self.handle = None
        self.handle = _call("et_model_open", os.fsencode(path), None)
        count = self._library.et_model_input_count(self.handle)
        self.axes = {self._library.et_model_input_name(self.handle, i).decode(): self._axes(i)
                     for i in range(count)}

    def __del__(self):
        if getattr(self, "handle", None):
            self._library.et_model_free(self.handle)
            self.handle = None
        if getattr(self, "_files", None):
            self._files.cleanup()

    def _axes(self, position):
        """The names of the input's axes, None for those that are not open."""
        rank = self._library.et_model_input_rank(self.handle, position)
        names = (self._library.et_model_axis(self.handle, position, k) for k in range(rank))
        return tuple(name and name.decode() for name in names)

    def program(self, **sizes):
        """The program at these sizes of the open axes."""
        axes = _sizes({**self._fixed, **sizes})
        return GraphProgram(_call("et_model_program", self.handle, axes, len(axes)), self)

    def __call__(self, mode="jit", **inputs):
        """Runs inputs, at the sizes that their shapes have."""
        sizes = {}
        for name, value in inputs.items():
            sizes.update((axis, extent)
                         for axis, extent in zip(self.axes.get(name, ()), _shape(value)) if axis)
        return self.program(**sizes)(mode=mode, **inputs)


def _shape(value):
    """Of whatever is given as an input."""
    shape = []
    while isinstance(value, (list, tuple)):
        shape.append(len(value))
        value = value[0] if value else None
    if shape or value is None or isinstance(value, (int, float)):
        return tuple(shape)
    return value.shape if hasattr(value, "shape") else memoryview(value).shape


def _sizes(axes):
    return (Axis * len(axes))(*((name.encode(), size) for name, size in axes.items()))


def _call(name, *arguments):
    error = Error()
    result = getattr(library(), name)(*arguments, ctypes.byref(error))
    if not result:
        raise ProgramError(error.message.decode(errors="replace"))
    return result


def _mode(mode):
    if mode not in MODES:
        raise ValueError(f"mode {mode!r}: expected one of {', '.join(MODES)}")
    return MODES.index(mode)


def _pointers(buffers):
    """Where the elements lie. The buffers must outlive the call."""
    addresses = [ctypes.addressof((ctypes.c_char * len(b)).from_buffer(b)) for b in buffers]
    return (ctypes.c_void_p * len(addresses))(*addresses)


def _format(placeholder):
    """memoryview knows no half precision before Python 3.12; then it shows the bits."""
    code = ELEMENTS[placeholder.dtype].code
    try:
        memoryview(bytes(2)).cast(code) if code == "e" else None
    except ValueError:
        return "H"
    return code


class _Buffer(ctypes.Structure):
    """Py_buffer of Python's stable interface."""
    _fields_ = [("address", ctypes.c_void_p), ("owner", ctypes.c_void_p),
                ("bytes", ctypes.c_ssize_t), ("itemsize", ctypes.c_ssize_t),
                ("readonly", ctypes.c_int), ("rank", ctypes.c_int), ("format", ctypes.c_char_p),
                ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
                ("strides", ctypes.POINTER(ctypes.c_ssize_t)), ("suboffsets", ctypes.c_void_p),
                ("internal", ctypes.c_void_p)]


_view_of = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Buffer))(
    ("PyMemoryView_FromBuffer", ctypes.pythonapi))
_CODES = {element.code: element.code.encode() for element in ELEMENTS.values()}
_NOTHING = ctypes.create_string_buffer(8)  # where elements lie of which there are none


def _empty(code, shape):
    """A view of no elements, whose cast refuses such shapes. (ctypes has arrays of them, but their
    views, with an order of bytes in their format, cannot be read as lists.)"""
    extents = (ctypes.c_ssize_t * len(shape))(*shape)
    size = struct.calcsize(code)
    strides = (ctypes.c_ssize_t * len(shape))(*(size * math.prod(shape[axis + 1:])
                                                for axis in range(len(shape))))
    buffer = _Buffer(address=ctypes.addressof(_NOTHING), itemsize=size, rank=len(shape),
                     format=_CODES[code], shape=extents, strides=strides)
    return _view_of(ctypes.byref(buffer))  # which copies the extents and strides


def _shaped(data, code, shape):
    """The elements as a view of that shape."""
    return _empty(code, shape) if 0 in shape else memoryview(data).cast(code, shape)


def _elements(placeholder, view, batch):
    """The input's elements, row-major, in memory of their own; an error that names the
    placeholder when it is of another dtype or shape."""
    wanted = ELEMENTS[placeholder.dtype].code
    code = view.format.lstrip("@=<")
    same = code == wanted or (view.itemsize == BYTES[placeholder.dtype]
                              and code in ALIKE.get(placeholder.dtype, ()))
    # Sixteen-bit floats may come as their bits.
    same = same or (placeholder.dtype in ("float16", "bfloat16") and code == "H")
    if not same:
        name = next((d for d, element in ELEMENTS.items()
                     if element.code == code and d != "bfloat16"), f"of format {view.format!r}")
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found dtype {name}")
    if tuple(view.shape) != placeholder.at(batch) or batch < 1:
        raise ValueError(f"placeholder {placeholder.name!r} is {placeholder}, found shape "
                         f"{list(view.shape)}")
    return bytearray(view.tobytes())


def _view(placeholder, value):
    if hasattr(value, "uop"):  # a TinyGrad tensor
        return _tensor_view(placeholder, value)
    if hasattr(value, "detach"):  # a PyTorch tensor
        return _torch_view(placeholder, value)
    if isinstance(value, (list, tuple, int, float)):
        return _list_view(placeholder, value)
    try:
        return memoryview(value)
    except TypeError:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found "
                        f"{type(value).__name__}") from None


def _tensor_view(placeholder, tensor):
    from .translate import DTYPES  # not at the top: running a program needs no TinyGrad
    dtype = DTYPES.get(tensor.dtype)
    if dtype != placeholder.dtype:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found dtype "
                        f"{dtype or tensor.dtype}")
    code = {"e": "H"}.get(ELEMENTS[dtype].code, ELEMENTS[dtype].code)
    # TinyGrad allocates no memory of 0 bytes.
    data = b"" if 0 in tensor.shape else bytes(tensor.contiguous()._data())
    return _shaped(data, code, tuple(tensor.shape))


def _torch_view(placeholder, tensor):
    """PyTorch has its elements as NumPy's, but for bfloat16, which NumPy does not know."""
    tensor = tensor.detach().cpu()
    if placeholder.dtype == "bfloat16" and str(tensor.dtype) == "torch.bfloat16":
        import torch
        tensor = tensor.view(torch.uint16)
    try:
        return memoryview(tensor.numpy())
    except TypeError:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}, found dtype "
                        f"{str(tensor.dtype).removeprefix('torch.')}") from None


def _list_view(placeholder, value):
    """Nested lists of Python numbers, converted to the placeholder's dtype."""
    flat, shape = [value], []
    while flat and isinstance(flat[0], (list, tuple)):
        shape.append(len(flat[0]))
        if any(not isinstance(row, (list, tuple)) or len(row) != shape[-1] for row in flat):
            raise ValueError(f"placeholder {placeholder.name!r} is {placeholder}, found rows of "
                             "different lengths")
        flat = [item for row in flat for item in row]
    code = ELEMENTS[placeholder.dtype].code
    try:
        if placeholder.dtype == "bfloat16":
            flat = [_bfloat16(item) for item in flat]
        packed = struct.pack(f"={len(flat)}{code}", *flat)
    except struct.error as error:
        raise TypeError(f"placeholder {placeholder.name!r} is {placeholder}: {error}") from None
    return _shaped(packed, {"e": "H"}.get(code, code), tuple(shape))


def _bfloat16(value):
    """The bits of a number: float32's upper half, rounded to nearest even."""
    if value != value:
        return 0x7fc0
    bits, = struct.unpack("<I", struct.pack("<f", value))
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16
