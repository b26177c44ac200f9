/* t1 float32[1,3,14,14] = within(x else 0)
 * nodes 1 */
static void k01_copy(const float *restrict x, float *restrict t1) {
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 14; i1++) {
            for (long i2 = 0; i2 < 14; i2++) {
                float v0 = 0.0f;
                if (i1 >= 1 && i1 < 13 && i2 >= 1 && i2 < 13) {
                    v0 = x[144 * i0 + 12 * i1 + i2 - 13];
                }
                t1[196 * i0 + 14 * i1 + i2] = v0;
            }
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
        .panel = {144, 48, 16}};
    for (long i0 = 0; i0 < 12; i0++) {
        TILE_ALIGNED float sums[12 * 16];
        tile_12x16(sums, t1 + 14 * i0, weight_packed, &walk, 0);
        {
            float block0[96];
            row_f32_add(12, 8, block0, 8, 1, sums, 16, 1, bias, 0, 1);
            uint8_t block1[96];
            const float constant0 = 0.0f;
            row_f32_lt(12, 8, block1, 8, 1, &constant0, 0, 0, block0, 8, 1);
            float block2[96];
            row_f32_where(12, 8, block2, 8, 1, block1, 8, 1, block0, 8, 1, &constant0, 0, 0);
            row_f32_canonical(12, 8, y + 12 * i0, 1, 144, block2, 8, 1);
        }
    }
}
