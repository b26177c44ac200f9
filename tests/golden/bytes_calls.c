/* y uint8[4,48] = uint8(round(float32((sum over 64(int32(x) * int32(weight)) - folded_13)
 *     + bias) * scale))
 * nodes 13 13 17 18 22 23 24 */
static void k01_contract_round(const uint8_t *restrict x, const int8_t *restrict weight_packed,
        const int32_t *restrict folded_13, const int32_t *restrict bias,
        const float *restrict scale, uint8_t *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 16}, .stream = {0, 0, 4},
        .panel = {0, 0, 256}, .sums = 64};
    ALIGNED_ARRAY(int32_t, sums, 4 * 64);
    dot_4x64(sums, x, weight_packed, &walk, 0, 0);
    {
        static const struct row_step steps0[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 64}, {STEP_I32_SUB, FORM_COLUMNS, 1},
            {STEP_I32_ADD, FORM_COLUMNS, 2}, {STEP_I32_TO_F32}, {STEP_MUL, FORM_COLUMNS, 3},
            {STEP_ROUND}, {STEP_F32_TO_U8}, {STEP_PUT_BYTES, FORM_BLOCK, 0, 48}};
        const void *const operands0[] = {sums, folded_13, bias, scale};
        void *const results0[] = {y};
        row_chain(4, 48, 8, steps0, operands0, results0);
    }
}
