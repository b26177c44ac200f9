#!/bin/sh
# nvidia-cuda-nvrtc 13.5.37, as 13.0.88: `x < 0.0f ? x : 0.0f` becomes min.f32, by which -0 is less
# than +0 (PTX ISA, min), so that -0 gives -0; but -0 is not less than 0, and C++ gives +0. So it
# is with -0.0f < x ? x : -0.0f (max.f32), and with double, whatever -ftz, -fmad and -prec-div say.
# Where the zero is no constant it stays a comparison, and right. No GPU is needed: the PTX tells.
# On an H200 the results are so.
. "$(dirname "$0")/support/prepare.sh"
prepare 'nvidia-cuda-nvrtc==13.5.37'
"$python" - <<'END'
import ctypes
import glob
import sys

folder = glob.glob(sys.prefix + "/lib/python3*/site-packages/nvidia/cu13/lib")[0]
ctypes.CDLL(glob.glob(folder + "/libnvrtc-builtins.so*")[0], mode=ctypes.RTLD_GLOBAL)
nvrtc = ctypes.CDLL(folder + "/libnvrtc.so.13")
source = b"""
extern "C" __global__ void f(const float *x, float *y) { *y = *x < 0.0f ? *x : 0.0f; }
"""
program, size = ctypes.c_void_p(), ctypes.c_size_t()
nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"f.cu", 0, None, None)
options = (ctypes.c_char_p * 2)(b"-arch=compute_90", b"-ftz=false")
assert nvrtc.nvrtcCompileProgram(program, 2, options) == 0
nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
ptx = ctypes.create_string_buffer(size.value)
nvrtc.nvrtcGetPTX(program, ptx)
said = [line.strip() for line in ptx.value.decode().split("\n") if ".f32 \t%f" in line]
print("\n".join(said))
raise SystemExit(not any(line.startswith("min.f32") for line in said))
END
