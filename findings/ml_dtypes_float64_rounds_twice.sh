#!/bin/sh
# ml_dtypes 0.6.0: a cast from float64 to float8_e4m3fn or bfloat16 goes through float32, so it
# rounds twice. Just over the middle of two numbers it gives the lower one; NumPy's own cast to
# float16 gives the upper.
. "$(dirname "$0")/support/prepare.sh"
prepare 'ml_dtypes==0.6.0' 'numpy==2.4.6'
"$python" - <<'END'
import ml_dtypes
import numpy

tiny = 2.0**-40
eight = float(numpy.float64(1.0625 + tiny).astype(ml_dtypes.float8_e4m3fn))
brain = float(numpy.float64(1 + 2.0**-8 + tiny).astype(ml_dtypes.bfloat16))
half = float(numpy.float64(1 + 2.0**-11 + tiny).astype(numpy.float16))
print("float8_e4m3fn", eight, "expected 1.125; bfloat16", brain, "expected", 1 + 2.0**-7,
      "; float16", half)
raise SystemExit(not (eight == 1 and brain == 1 and half == 1 + 2.0**-10))
END
