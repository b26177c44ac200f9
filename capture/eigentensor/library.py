"""libeigentensor.so, by ctypes: the functions of runtime/eigentensor.h that are needed here."""

import ctypes
import os
from ctypes import POINTER, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int64
from ctypes import c_size_t, c_void_p
from functools import cache
from pathlib import Path

from .version import VERSION

NAME = "libeigentensor.so"


class Error(ctypes.Structure):
    _fields_ = [("message", c_char * 1024)]


class Axis(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("size", c_int64)]


class Samples(ctypes.Structure):
    _fields_ = [("count", c_int64), ("inputs", c_void_p), ("labels", POINTER(c_int64)),
                ("range", c_char_p), ("error", c_double), ("accuracy", c_double),
                ("io", c_char_p), ("equalise", c_bool)]


class Tensor(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_char_p), ("rank", c_int),
                ("shape", POINTER(c_int64)), ("bytes", c_size_t)]


class Digest(ctypes.Structure):
    _fields_ = [("text", c_char * 65)]


_FUNCTIONS = {
    "et_version": (c_char_p,),
    "et_program_open": (c_void_p, c_char_p, c_char_p, POINTER(Error)),
    "et_program_open_sized": (c_void_p, c_char_p, c_char_p, c_void_p, c_int, POINTER(Error)),
    "et_program_open_kept": (c_void_p, c_char_p, c_char_p, c_void_p, c_int, POINTER(Error)),
    "et_model_open": (c_void_p, c_char_p, c_char_p, POINTER(Error)),
    "et_model_free": (None, c_void_p),
    "et_model_input_count": (c_int, c_void_p),
    "et_model_input_name": (c_char_p, c_void_p, c_int),
    "et_model_input_rank": (c_int, c_void_p, c_int),
    "et_model_axis": (c_char_p, c_void_p, c_int, c_int),
    "et_model_program": (c_void_p, c_void_p, c_void_p, c_int, POINTER(Error)),
    "et_model_give_back": (None, c_void_p, c_void_p),
    "et_program_open_batched": (c_void_p, c_char_p, c_char_p, POINTER(Error)),
    "et_program_import": (c_void_p, c_char_p, c_size_t, c_char_p, POINTER(Error)),
    "et_program_quantize": (c_bool, c_void_p, POINTER(Samples), POINTER(c_void_p),
                            POINTER(Error)),
    "et_program_integers": (c_bool, c_void_p, c_char_p, c_bool, POINTER(c_void_p), POINTER(Error)),
    "et_program_fast": (c_bool, c_void_p, c_double, POINTER(c_void_p), POINTER(c_double),
                        POINTER(Error)),
    "et_program_save": (c_bool, c_void_p, c_char_p, POINTER(Error)),
    "et_program_free": (None, c_void_p),
    "et_program_name": (c_char_p, c_void_p),
    "et_program_digest": (c_char_p, c_void_p),
    "et_program_uuid": (c_char_p, c_void_p),
    "et_program_input_count": (c_int, c_void_p),
    "et_program_input": (Tensor, c_void_p, c_int),
    "et_program_output_count": (c_int, c_void_p),
    "et_program_output": (Tensor, c_void_p, c_int),
    "et_program_input_scale": (c_bool, c_void_p, c_int, POINTER(c_float), POINTER(c_int64)),
    "et_program_output_scale": (c_bool, c_void_p, c_int, POINTER(c_float), POINTER(c_int64)),
    "et_program_output_counts": (c_bool, c_void_p, c_int),
    "et_program_true_shape": (None, c_void_p, c_int, POINTER(c_void_p), POINTER(c_int64)),
    "et_program_cut_output": (None, c_void_p, c_int, POINTER(c_void_p)),
    "et_program_set_compiler": (c_bool, c_void_p, c_char_p, POINTER(c_char_p), POINTER(Error)),
    "et_program_set_threads": (c_bool, c_void_p, c_int, POINTER(Error)),
    "et_program_prepare": (c_bool, c_void_p, c_int, POINTER(Error)),
    "et_program_source": (c_char_p, c_void_p, c_int),
    "et_program_run_batch": (c_bool, c_void_p, c_int, c_int64, POINTER(c_void_p),
                             POINTER(c_void_p), c_void_p, POINTER(Error)),
    "et_program_run_on_gpu": (c_bool, c_void_p, c_int64, POINTER(c_void_p), POINTER(c_void_p),
                              c_void_p, POINTER(Error)),
    "et_program_output_digest_batch": (Digest, c_void_p, c_int64, POINTER(c_void_p)),
    "et_receipt_of_run": (c_void_p, c_void_p, c_int, c_int64, POINTER(c_void_p),
                          POINTER(c_void_p), POINTER(Error)),
    "et_receipt_free": (None, c_void_p),
    "et_receipt_check": (c_bool, c_char_p, c_size_t, c_void_p, c_int64, POINTER(c_void_p),
                         POINTER(c_void_p), POINTER(Error)),
    "et_workspace_new": (c_void_p, c_void_p),
    "et_workspace_free": (None, c_void_p),
}


class LibraryError(OSError):
    """The shared library is not there, or is of another version."""


def find():
    """$EIGENTENSOR_LIBRARY; the copy inside the package; the checkout's build folder."""
    here = Path(__file__).resolve()
    places = [here.parent / NAME, here.parents[2] / "build" / NAME]
    if "EIGENTENSOR_LIBRARY" in os.environ:
        places = [Path(os.environ["EIGENTENSOR_LIBRARY"])]
    for place in places:
        if place.exists():
            return place
    raise LibraryError(f"there is no {' or '.join(map(str, places))}: run `make shared` in the "
                       "checkout, or say where it is in EIGENTENSOR_LIBRARY")


@cache
def library():
    path = find()
    loaded = ctypes.CDLL(str(path))
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise LibraryError(f"{path}: there is no {name}: it is of another version") from None
        function.restype, function.argtypes = result, arguments
    found = loaded.et_version().decode()
    if found != VERSION:
        raise LibraryError(f"{path}: it is of version {found}, expected {VERSION}")
    return loaded
