#!/bin/sh
# gcc 12.2 with binutils 2.40 (Debian 12: gcc-arm-none-eabi 15:12.2.rel1-1), for a Cortex-M55 or
# another core with vectors (MVE): from -O1 on a conversion of an integer to float in one arm of a
# choice becomes a conditional instruction, vcvtne.f32.s32, which the assembler takes for one of
# vectors, and refuses. Without vectors (Cortex-M33) the same text assembles. Needs
# gcc-arm-none-eabi.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >choice.c <<'END_OF_C'
void choose(float *out, const int *a, const float *b, int count) {
    for (int i = 0; i < count; i++)
        out[i] = b[i] != 0 ? (float)a[i] : b[i];
}
END_OF_C
arm-none-eabi-gcc --version | head -n 1
arm-none-eabi-as --version | head -n 1
compile() {
    echo "$*:"
    arm-none-eabi-gcc "$@" -mthumb -mfloat-abi=hard -c choice.c -o choice.o 2>&1 && echo compiled
}
compile -mcpu=cortex-m33 -O1
compile -mcpu=cortex-m55 -O0
compile -mcpu=cortex-m55 -O1 -fno-if-conversion2
compile -mcpu=cortex-m55 -O1 >said || true
cat said
grep -q "Error: syntax error -- .vcvtne.f32.s32" said
