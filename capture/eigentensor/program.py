"""A stored graph with its weights, loaded by the compiled library."""

import ctypes
import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from . import arrays, gpu, kept
from .elements import BYTES
from .library import Axis, Error, Samples, library

CPU_MODES = ("eager", "jit", "aot")
MODES = (*CPU_MODES, "cuda")

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
    """Runs like a function of its placeholders, by name or in their order:

        program = eigentensor.load("mnist.json")
        logits = program(pixels)
        logits = program(input_image=pixels, mode="aot")

    An input is whatever shows its memory to Python (a NumPy array, array.array, memoryview; by
    DLPack, where NumPy is installed), which is read where it lies, without a copy, if it is
    row-major; or a tensor of TinyGrad or PyTorch; or nested lists. An output is a NumPy array if an
    input is one, else a memoryview: of one output it is returned itself, of several a dictionary by
    name.

    By mode "cuda" inputs may also be in a GPU's memory, all of them, shown by
    __cuda_array_interface__ or by DLPack (PyTorch, CuPy, Numba, JAX): then the outputs are there,
    too, and the run is put into `stream`, an integer, by default that of the first input, and not
    waited for. They are tensors of PyTorch or CuPy where that input is one, else arrays of our own,
    which libraries take by their `from_dlpack`.

    A program with a batch axis runs as many images as its inputs hold.

    The extent of an output may depend on the data: then `outputs` has the greatest one, the result
    the true one, and outputs that only count others are not among the results.

    Any number of threads may run a program at the same time; none holds Python's lock meanwhile.
    Pickled, it is its graph, its weights and its number of threads. A process that unpickles it has
    one program for each digest, and a machine one copy of its files, of what was compiled and of
    the weights in memory, below $XDG_CACHE_HOME, else ~/.cache.
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
        self._workspaces = []  # those that no run uses
        self._threads = 1

    def __del__(self):
        for workspace in getattr(self, "_workspaces", ()):
            self._library.et_workspace_free(workspace)
        if getattr(self, "_handle", None):
            if self._model:
                self._library.et_model_give_back(self._model.handle, self._handle)
            else:
                self._library.et_program_free(self._handle)
            self._handle = None

    @classmethod
    def load(cls, path, weights=None, batched=False, axes: Mapping[str, int] | None = None,
             keep=False) -> "GraphProgram":
        """Reads "NAME.json" and the weights that it names, or those of another file; or imports
        "NAME.onnx". `axes` gives sizes to open axes of either, as {"seq_len": 64}. `batched` gives
        it a batch axis unless it has one. `keep` keeps what loading and compiling it give below
        $XDG_CACHE_HOME, else ~/.cache, so that the next process that does so begins at once.
        ValueError: `batched` together with `axes` or `keep`."""
        weights = None if weights is None else os.fsencode(weights)
        if batched and keep:
            raise ValueError("a program that is given a batch axis is not kept")
        if batched and axes:
            raise ValueError("axes: a program that is given a batch axis takes no sizes of others; "
                             "`axes` alone gives one at these sizes")
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

    def quantized(self, samples, labels=None, range="extremes", error=0, accuracy=0, io=None,
                  equalise=False):
        """A program whose convolutions and linear layers are sums of products of 8-bit integers, in
        steps of the ranges that tensors have on the samples, each a dictionary of inputs. `range`
        is "extremes", "percentile", "squares" or "entropy". Within `error`, a share of the outputs'
        size, or `accuracy`, a share of the samples that may lose their right one of `labels`, the
        most sensitive layers stay float32. With `io`, "int8" or "uint8", inputs and outputs that
        can be such integers are, and have a `scale` and a `zero`. With `equalise`, channels that
        one layer writes past ReLU and another reads are scaled by powers of two first, to suit
        their codes. This one itself where nothing is quantized."""
        for sample in samples:
            self._check_names(sample)
        held = [memoryview(bytearray().join(_given(each, sample[each.name], 1)
                                            for sample in samples)) for each in self.placeholders]
        if labels is not None and len(labels) != len(samples):
            raise ValueError(f"{len(labels)} labels of {len(samples)} samples")
        given = Samples(len(samples), ctypes.cast(_pointers(held), ctypes.c_void_p),
                        (ctypes.c_int64 * len(labels))(*labels) if labels is not None else None,
                        range.encode(), error, accuracy, io and io.encode(), equalise)
        made = ctypes.c_void_p()
        _call("et_program_quantize", self._handle, ctypes.byref(given), ctypes.byref(made))
        return GraphProgram(made.value) if made else self

    def integers(self, io=None, exact=False):
        """A program of a quantised model (QDQ) that does with the integers what it says of them in
        float32; with `exact` only where every bit stays what it is. `io` as of quantized(). This
        one itself where there is nothing to do."""
        made = ctypes.c_void_p()
        _call("et_program_integers", self._handle, io and io.encode(), exact, ctypes.byref(made))
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

    @property
    def threads(self):
        """How many threads share each run."""
        return self._threads

    def set_threads(self, threads: int):
        """How many threads share each run. Call it before anything is run."""
        _call("et_program_set_threads", self._handle, threads)
        self._threads = threads

    def __call__(self, *arrays, mode="jit", out=None, stream=None, **inputs):
        """Runs inputs, given in the order of the placeholders or by name."""
        if len(arrays) > len(self.placeholders):
            raise TypeError(f"{len(arrays)} inputs, of {len(self.placeholders)} placeholders")
        given = {each.name: value for each, value in zip(self.placeholders, arrays)}
        twice = given.keys() & inputs.keys()
        if twice:
            raise TypeError(f"placeholder {min(twice)!r} is given twice")
        return self.run({**given, **inputs}, mode, out, stream)

    def run(self, inputs: Mapping, mode="jit", out=None, stream=None):
        """Runs inputs by name, whatever the names are. `out` is memory for the output, or for all
        outputs a dictionary by name: row-major, of its dtype and shape; it is returned."""
        self._check_names(inputs)
        if mode == "cuda" and any(map(gpu.is_there, inputs.values())):
            return self._run_on_gpu([inputs[each.name] for each in self.placeholders], out, stream)
        if stream is not None:
            raise TypeError("a stream is for inputs in a GPU's memory, by mode 'cuda'")
        views, batch = self._elements(self.placeholders, inputs)
        if out is None:
            of_numpy = any(map(arrays.is_of_numpy, inputs.values()))
            results = [arrays.result(each, each.at(batch), of_numpy) for each in self.outputs]
        else:
            results = self._taken(out, batch)
        pointers = _pointers([view for _, view in results])
        self._run(_mode(mode), batch, _pointers(views), pointers)
        if out is not None:
            return out
        shown = {self.outputs[i].name: self._shaped(i, results[i], pointers, batch)
                 for i in self._shown}
        return shown if len(shown) > 1 else next(iter(shown.values()))

    def result_digest(self, outputs) -> str:
        """The identity of a result, all outputs of a run: equal in every mode, on every machine."""
        self.refuse_counted("a digest is made of all elements")
        named = self._named(outputs)
        views = [memoryview(named[each.name]) for each in self.outputs]
        batch = next((view.shape[0] for each, view in zip(self.outputs, views) if each.batched), 1)
        for each, view in zip(self.outputs, views):
            arrays.check(each, view, batch, "output")
        found = self._library.et_program_output_digest_batch(self._handle, batch, _pointers(views))
        return found.text.decode()

    def receipt(self, inputs, outputs, mode="jit") -> dict:
        """A receipt of a run by that mode: a dictionary to be stored as JSON, with the digests of
        the graph, the inputs and the outputs, by which `eigentensor verify`, a server's /verify or
        verify() repeats the run on any machine. One input or output may be given by itself."""
        self.refuse_counted("a receipt is of all elements")
        views, batch = self._elements(self.placeholders, self._by_placeholder(inputs))
        results, _ = self._elements(self.outputs, self._by_name(outputs, "outputs"), batch)
        text = _call("et_receipt_of_run", self._handle, _mode(mode), batch, _pointers(views),
                     _pointers(results))
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            self._library.et_receipt_free(text)

    def verify(self, receipt: Mapping, inputs, mode="jit"):
        """Repeats the run that a receipt is of, from whichever machine and mode, and returns the
        outputs. A ProgramError that says what differs first, where anything does."""
        self.refuse_counted("a receipt is of all elements")
        named = self._by_placeholder(inputs)
        views, batch = self._elements(self.placeholders, named)
        text = json.dumps(receipt).encode()
        given = (text, len(text), self._handle, batch, _pointers(views))
        _call("et_receipt_check", *given, None)
        found = self.run(named, mode)
        results, _ = self._elements(self.outputs, self._named(found), batch)
        _call("et_receipt_check", *given, _pointers(results))
        return found

    def shared(self, threads=None):
        """The same program, of that number of threads, as processes of this machine share it: its
        files, what was compiled, and the weights in memory."""
        make, (digest, graph, weights, mine) = self.__reduce__()
        return make(digest, graph, weights, threads or mine)

    def __reduce__(self):
        with tempfile.TemporaryDirectory(prefix="eigentensor-") as folder:
            graph, weights = Path(folder, "graph.json"), Path(folder, "graph.safetensors")
            self.save(graph)
            held = weights.read_bytes() if weights.exists() else None
            return _unpickled, (self.digest, graph.read_bytes(), held, self._threads)

    def _run(self, mode, batch, inputs, outputs):
        """With a workspace of its own, which the next run may have."""
        try:
            workspace = self._workspaces.pop()
        except IndexError:
            workspace = self._library.et_workspace_new(self._handle)
        if not workspace:
            raise MemoryError("no memory for a workspace")
        try:
            _call("et_program_run_batch", self._handle, mode, batch, inputs, outputs, workspace)
        finally:
            self._workspaces.append(workspace)

    def _run_on_gpu(self, inputs, out, stream):
        """Inputs in the order of the placeholders, outputs beside them in the GPU's memory."""
        self.refuse_counted("on a GPU it has a fixed one")
        like = next(filter(gpu.is_there, inputs))
        batch = next((gpu.first_extent(value)[0] for each, value in zip(self.placeholders, inputs)
                      if each.batched and gpu.is_there(value)), 1)
        stream = gpu.stream_of(like) if stream is None else stream
        given = [gpu.shown(each, value, batch, stream)
                 for each, value in zip(self.placeholders, inputs)]
        if out is None:
            results = {each.name: gpu.empty(each, each.at(batch), like, stream)
                       for each in self.outputs}
        else:
            results = self._by_name(out)
        found = [gpu.shown(each, results[each.name], batch, stream, "output")
                 for each in self.outputs]
        _call("et_program_run_on_gpu", self._handle, batch, _addresses(given), _addresses(found),
              stream)
        if out is not None:
            return out
        return results if len(results) > 1 else next(iter(results.values()))

    def _elements(self, described, named, batch=None):
        """Views of the elements of all inputs or all outputs, by name, and of how many images they
        are."""
        views = [arrays.view_of(each, named[each.name]) for each in described]
        batch = batch or next((view.shape[0] for each, view in zip(described, views)
                               if each.batched and view.ndim), 1)
        return [arrays.elements(each, view, batch) for each, view in zip(described, views)], batch

    def _by_placeholder(self, inputs):
        """Inputs by name, of which the only one may be given by itself."""
        named = inputs if isinstance(inputs, Mapping) else {self.placeholders[0].name: inputs}
        self._check_names(named)
        return named

    def _named(self, outputs):
        """Outputs by name, of which the only one may be given by itself."""
        return outputs if isinstance(outputs, Mapping) else {self.outputs[0].name: outputs}

    def _by_name(self, out, what="out"):
        """What is given as `out`, for each output."""
        named = self._named(out)
        if named.keys() != {each.name for each in self.outputs}:
            raise TypeError(f"{what}: expected {[each.name for each in self.outputs]}")
        return named

    def _taken(self, out, batch):
        """The caller's memory for outputs, as arrays.result() gives it."""
        self.refuse_counted("`out` has a fixed one")
        named = self._by_name(out)
        results = []
        for each in self.outputs:
            view = memoryview(named[each.name])
            arrays.check(each, view, batch, "output")
            if view.readonly or not view.c_contiguous:
                raise ValueError(f"output {each.name!r}: expected row-major memory to write to")
            if view.nbytes and arrays.address(view) % BYTES[each.dtype]:
                raise ValueError(f"output {each.name!r}: expected aligned memory")
            results.append((named[each.name], view))
        return results

    def refuse_counted(self, why):
        if self._is_counted:
            raise ValueError(f"the extent of an output depends on the data: {why}")

    def _shaped(self, index, result, pointers, batch):
        """An output of a run, in its true shape. Where that depends on the data the elements lie
        together then."""
        output, (held, view) = self.outputs[index], result
        shape = self._cut(index, pointers, batch)
        if not isinstance(held, bytearray):
            whole = shape == held.shape
            return held if whole else held.reshape(-1)[:math.prod(shape)].reshape(shape)
        data = view[:math.prod(shape) * BYTES[output.dtype]]
        return arrays.shaped(data, arrays.format_of(output), shape)

    def _cut(self, index, pointers, batch):
        """The shape that an output of a run has, whose elements are moved together if it is not the
        greatest one."""
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

    def __call__(self, *arrays, mode="jit", out=None, stream=None, **inputs):
        """Runs inputs, given in their order or by name, at the sizes that their shapes have."""
        sizes = {}
        for name, value in [*zip(self.axes, arrays), *inputs.items()]:
            sizes.update((axis, extent)
                         for axis, extent in zip(self.axes.get(name, ()), _shape(value)) if axis)
        return self.program(**sizes)(*arrays, mode=mode, out=out, stream=stream, **inputs)

    def __reduce__(self):
        raise TypeError("an OpenModel is not pickled; its programs are (OpenModel.program)")


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


def _given(placeholder, value, batch):
    return arrays.elements(placeholder, arrays.view_of(placeholder, value), batch)


def _pointers(views):
    """Where the elements lie. The views must outlive the call."""
    return (ctypes.c_void_p * len(views))(*map(arrays.address, views))


def _addresses(shown):
    return (ctypes.c_void_p * len(shown))(*(each.address for each in shown))


_PROGRAMS = WeakValueDictionary()  # what was unpickled, by digest and threads
_UNPICKLING = Lock()  # processes with several workers unpickle in several threads


def _unpickled(digest, graph, weights, threads):
    """The program of that digest, if there is one here, else of these files."""
    with _UNPICKLING:
        program = _PROGRAMS.get((digest, threads))
        if program is None:
            program = _opened_kept(digest, graph, weights) or _opened(digest, graph, weights)
            if threads != 1:
                program.set_threads(threads)
            _PROGRAMS[digest, threads] = program
    return program


def _opened_kept(digest, graph, weights):
    """From the files that all processes of this machine share; None where there can be none. Files
    that are not what they were are written again."""
    for _ in range(2):
        path = kept.graph_file(digest, graph, weights)
        if path is None:
            return None
        try:
            program = GraphProgram.load(path, keep=True)
            if program.digest == digest:
                return program
        except ProgramError:
            pass
        kept.forget(path)
    return None


def _opened(digest, graph, weights):
    with tempfile.TemporaryDirectory(prefix="eigentensor-") as folder:
        program = GraphProgram.load(kept.write_files(folder, graph, weights))
    if program.digest != digest:
        raise ProgramError(f"what was pickled has the digest {program.digest}, not {digest}")
    return program


def load(path, weights=None, axes: Mapping[str, int] | None = None):
    """A model to run, of an .onnx file or a stored graph: a GraphProgram; or, where it has open
    axes to which `axes` gives no size, as {"seq_len": 64}, an OpenModel, which takes all sizes."""
    if weights is None and not axes:
        model = OpenModel(path)
        if any(axis for names in model.axes.values() for axis in names):
            return model
    return GraphProgram.load(path, weights, axes=axes)
