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
        ALIGNED_ARRAY(int32_t, block0, 192);
        row_i32_sub(4, 48, block0, 48, 1, sums, 64, 1, folded_13, 0, 1);
        ALIGNED_ARRAY(int32_t, block1, 192);
        row_i32_add(4, 48, block1, 48, 1, block0, 48, 1, bias, 0, 1);
        ALIGNED_ARRAY(float, block2, 192);
        row_convert_i32_f32(4, 48, block2, 48, 1, block1, 48, 1);
        ALIGNED_ARRAY(float, block3, 192);
        row_f32_mul(4, 48, block3, 48, 1, block2, 48, 1, scale, 0, 1);
        row_f32_round(4, 48, block2, 48, 1, block3, 48, 1);
        row_convert_f32_u8(4, 48, y, 48, 1, block2, 48, 1);
    }
}
