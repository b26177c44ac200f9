/* t1 float32[1,3,14,14] = 0; t1 float32[1,3,14,14] = x; t1 float32[1,3,14,14] = 0
 * nodes 1 */
static void k01_copy(const float *restrict x, float *restrict t1, long part, long parts) {
    {
        const long begin = 3 * part / parts;
        const long end = 3 * (part + 1) / parts;
        for (long row = begin; row < end; row += 3) {
            long rows = end - row < 3 ? end - row : 3;
            const float constant0 = 0.0f;
            row_f32_fill(rows, 14, t1 + 196 * row, 196, 1, &constant0);
        }
    }
    {
        const long begin = 3 * part / parts;
        const long end = 3 * (part + 1) / parts;
        for (long row = begin; row < end; row += 3) {
            long rows = end - row < 3 ? end - row : 3;
            const float constant0 = 0.0f;
            row_f32_fill(rows, 12, t1 + 14 + 196 * row, 196, 14, &constant0);
        }
    }
    {
        const long begin = 3 * part / parts;
        const long end = 3 * (part + 1) / parts;
        for (long i0 = begin; i0 < end; i0++) {
            row_f32_copy(12, 12, t1 + 196 * i0 + 15, 14, 1, x + 144 * i0, 12, 1);
        }
    }
    {
        const long begin = 3 * part / parts;
        const long end = 3 * (part + 1) / parts;
        for (long row = begin; row < end; row += 3) {
            long rows = end - row < 3 ? end - row : 3;
            const float constant0 = 0.0f;
            row_f32_fill(rows, 12, t1 + 27 + 196 * row, 196, 14, &constant0);
        }
    }
    {
        const long begin = 3 * part / parts;
        const long end = 3 * (part + 1) / parts;
        for (long row = begin; row < end; row += 3) {
            long rows = end - row < 3 ? end - row : 3;
            const float constant0 = 0.0f;
            row_f32_fill(rows, 14, t1 + 182 + 196 * row, 196, 1, &constant0);
        }
    }
}

/* y float32[1,8,12,12] = relu(sum over 3x3x3(t1 * weight) + bias)
 * nodes 10 15 19 20 */
static void k02_contract_relu(const float *restrict t1, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y, long part, long parts) {
    const long begin = 12 * part / parts;
    const long end = 12 * (part + 1) / parts;
    static const struct tile_walk walk = {
        .rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        .extent = {3, 3, 3}, .stream = {196, 14, 1},
        .panel = {144, 48, 16}, .sums = 16};
    for (long i0 = begin; i0 < end; i0++) {
        ALIGNED_ARRAY(float, sums, 12 * 16);
        tile_12x16(sums, t1 + 14 * i0, weight_packed, &walk, 0, 0);
        {
            ALIGNED_ARRAY(float, block0, 96);
            row_f32_add(12, 8, block0, 8, 1, sums, 16, 1, bias, 0, 1);
            ALIGNED_ARRAY(float, block1, 96);
            const float constant0 = 0.0f;
            row_f32_greater_of(12, 8, block1, 8, 1, &constant0, 0, 0, block0, 8, 1);
            row_f32_canonical(12, 8, y + 12 * i0, 1, 144, block1, 8, 1);
        }
    }
}
