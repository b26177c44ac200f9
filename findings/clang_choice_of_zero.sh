#!/bin/sh
# clang 14.0.6 as 22.1.8, for AArch64: `x < 0.0f ? x : 0.0f` becomes fminnm, by which -0 is less
# than +0, so that -0 gives -0; but -0 is not less than 0, and C gives +0. In the same way `x < 0.0f
# ? 0.0f : x`, what ReLU is written as, becomes fmax (14) and f32.max of WebAssembly, and gives +0
# where -0 stays. Other constants are right, and so is a zero that clang does not know. It takes the
# clang that is installed, or that CC names; the assembler tells, nothing is run.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/zero.c" <<'END'
float lesser(float x) {
    return x < 0.0f ? x : 0.0f;
}
END
"${CC:-clang}" --target=aarch64-linux-gnu -O2 -S "$folder/zero.c" -o "$folder/zero.s"
grep 'fcmp\|fcsel\|fmin' "$folder/zero.s"
grep -q fminnm "$folder/zero.s"
