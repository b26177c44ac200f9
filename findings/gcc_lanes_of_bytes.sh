#!/bin/sh
# gcc 12.2.0, x86-64, -O3 with AVX2 or more: bytes added up in sixteen lanes of 32 bits, without
# signs so that sums may wrap around, and then the lanes by halves, give wrong sums. With -O2, or
# where the additions have signs, they are right. It takes the gcc that is installed, or that CC
# names.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/lanes.c" <<'END'
#include <stdint.h>
#include <stdio.h>

enum { ROWS = 29, COLUMNS = 68 };

static uint32_t add(uint32_t a, uint32_t b) {
    return a + b;
}

static __attribute__((noinline)) void sums(const uint8_t *restrict x, int32_t *restrict y) {
    for (long row = 0; row < ROWS; row++) {
        int32_t lanes[16];
        for (long lane = 0; lane < 16; lane++)
            lanes[lane] = 0;
        for (long i = 0; i < 64; i += 16)
            for (long lane = 0; lane < 16; lane++)
                lanes[lane] = add(lanes[lane], x[COLUMNS * row + i + lane]);
        for (long lane = 0; lane < 4; lane++)
            lanes[lane] = add(lanes[lane], x[COLUMNS * row + 64 + lane]);
        for (long step = 8; step > 0; step /= 2)
            for (long lane = 0; lane < step; lane++)
                lanes[lane] = add(lanes[lane], lanes[lane + step]);
        y[row] = lanes[0];
    }
}

int main(void) {
    static uint8_t x[ROWS * COLUMNS];
    static int32_t y[ROWS];
    int wrong = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = (uint8_t)(37 * i + 11);
    sums(x, y);
    for (int row = 0; row < ROWS; row++) {
        int32_t sum = 0;
        for (int i = 0; i < COLUMNS; i++)
            sum += x[COLUMNS * row + i];
        wrong += sum != y[row];
    }
    printf("%d of %d sums are wrong\n", wrong, ROWS);
    return wrong != 0;
}
END
"${CC:-gcc}" -O2 -mavx2 -o "$folder/right" "$folder/lanes.c"
"${CC:-gcc}" -O3 -mavx2 -o "$folder/wrong" "$folder/lanes.c"
echo "-O2: $("$folder/right"); -O3: $("$folder/wrong" || true)"
! "$folder/wrong" >"$folder/said"
