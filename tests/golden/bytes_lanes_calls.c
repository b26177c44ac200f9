/* y uint8[1,6,6,48] = uint8(round(float32(sum over 3x3(int32(x) * int32(weight))) *
 *     scale))
 * nodes 11 13 17 18 19 */
static void k01_contract_round(const uint8_t *restrict x, const int8_t *restrict weight_packed,
        const float *restrict scale, uint8_t *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 48, 96, 144, 192, 240},
        .extent = {1, 3, 3}, .stream = {0, 384, 48},
        .panel = {0, 96, 32}, .sums = 32};
    static const struct tile_walk walk_2 = {
        .rows = {0, 48, 96, 144, 192, 240},
        .extent = {1, 3, 3}, .stream = {0, 384, 48},
        .panel = {0, 48, 16}, .sums = 16};
    for (long n = 0; n < 32; n += 32) {
        for (long i1 = 0; i1 < 6; i1++) {
            ALIGNED_ARRAY(int32_t, sums, 6 * 32);
            dot_lanes_6x32(sums, x + 384 * i1 + n, weight_packed + 9 * n, &walk, 0, 0);
            {
                static const struct row_step steps0[] = {
                    {STEP_TAKE, FORM_BLOCK, 0, 32}, {STEP_I32_TO_F32},
                    {STEP_MUL, FORM_COLUMNS, 1}, {STEP_ROUND}, {STEP_F32_TO_U8},
                    {STEP_PUT_BYTES, FORM_BLOCK, 0, 48}};
                const void *const operands0[] = {sums, scale + n};
                void *const results0[] = {y + 288 * i1 + n};
                row_chain(6, 32, 6, steps0, operands0, results0);
            }
        }
    }
    for (long i1 = 0; i1 < 6; i1++) {
        ALIGNED_ARRAY(int32_t, sums, 6 * 16);
        dot_lanes_6x16(sums, x + 384 * i1 + 32, weight_packed + 9 * 32, &walk_2, 0, 0);
        {
            static const struct row_step steps0[] = {
                {STEP_TAKE, FORM_BLOCK, 0, 16}, {STEP_I32_TO_F32}, {STEP_MUL, FORM_COLUMNS, 1},
                {STEP_ROUND}, {STEP_F32_TO_U8}, {STEP_PUT_BYTES, FORM_BLOCK, 0, 48}};
            const void *const operands0[] = {sums, scale + 32};
            void *const results0[] = {y + 288 * i1 + 32};
            row_chain(6, 16, 6, steps0, operands0, results0);
        }
    }
}
