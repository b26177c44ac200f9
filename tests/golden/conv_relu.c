/* t1 float32[1,3,14,14] = 0; t1 float32[1,3,14,14] = x; t1 float32[1,3,14,14] = 0
 * nodes 1 */
static void k01_copy(const float *restrict x, float *restrict t1) {
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 14; i1++) {
            t1[196 * i0 + i1] = 0.0f;
        }
    }
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 12; i1++) {
            t1[196 * i0 + 14 * i1 + 14] = 0.0f;
        }
    }
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 12; i1++) {
            for (long i2 = 0; i2 < 12; i2++) {
                t1[196 * i0 + 14 * i1 + i2 + 15] = x[144 * i0 + 12 * i1 + i2];
            }
        }
    }
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 12; i1++) {
            t1[196 * i0 + 14 * i1 + 27] = 0.0f;
        }
    }
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 14; i1++) {
            t1[196 * i0 + i1 + 182] = 0.0f;
        }
    }
}

/* y float32[1,8,12,12] = relu(sum over 3x3x3(t1 * weight) + bias)
 * nodes 10 15 19 20 */
static void k02_contract_relu(const float *restrict t1, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        .extent = {3, 3, 3}, .stream = {196, 14, 1},
        .panel = {144, 48, 16}, .sums = 16};
    for (long i0 = 0; i0 < 12; i0++) {
        _Alignas(64) float sums[12 * 16];
        tile_12x16(sums, t1 + 14 * i0, weight_packed, &walk, 0, 0);
        for (long r0 = 0; r0 < 12; r0++) {
            for (long c = 0; c < 8; c++) {
                const float v0 = f32_greater_of(f32_zero(), sums[16 * r0 + c] + bias[c]);
                y[12 * i0 + r0 + 144 * c] = f32_canonical(v0);
            }
        }
    }
}
