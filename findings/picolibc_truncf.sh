#!/bin/sh
# picolibc 1.8 (Debian 12: picolibc-riscv64-unknown-elf 1.8-1), RISC-V of 64 bits: truncf gives
# another float for every one from 2^32 on that is no power of two, though all of them are integers.
# Its floorf, ceilf and rintf are right. Takes the package as apt-get downloads it; needs
# riscv64-linux-gnu-gcc and qemu-riscv64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get -q download picolibc-riscv64-unknown-elf >/dev/null 2>&1
dpkg -x picolibc-riscv64-unknown-elf_*.deb picolibc
library=picolibc/usr/lib/picolibc/riscv64-unknown-elf/lib/rv64imafdc/lp64d/libc.a
objects='libm_common_sf_trunc.c.o libm_common_sf_rint.c.o'
objects="$objects libm_math_sf_floor.c.o libm_math_sf_ceil.c.o"
for object in $objects; do riscv64-linux-gnu-ar x "$library" "$object"; done

cat >rounded.c <<'END_OF_C'
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    static float (*const functions[])(float) = {truncf, floorf, ceilf, rintf};
    static const char *const names[] = {"truncf", "floorf", "ceilf", "rintf"};
    int wrong = 0;
    for (int k = 0; k < 4; k++) {
        long count = 0, differing = 0;
        for (uint32_t bits = 0x4b000000; bits < 0x7f800000; bits += 9973) { /* from 2^23 on */
            float x, y;
            memcpy(&x, &bits, sizeof x);
            y = functions[k](x);
            count++;
            differing += memcmp(&x, &y, sizeof x) != 0;
        }
        printf("%s: %ld of %ld are wrong\n", names[k], differing, count);
        wrong |= differing != 0;
    }
    return wrong;
}
END_OF_C
# shellcheck disable=SC2086 # a list
riscv64-linux-gnu-gcc -O1 -fno-builtin -static rounded.c $objects -o wrong
riscv64-linux-gnu-gcc -O1 -fno-builtin -static rounded.c -lm -o right
echo "glibc:" && qemu-riscv64 ./right
echo "picolibc:" && ! qemu-riscv64 ./wrong
