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
                ALIGNED_ARRAY(float, block0, 192);
                row_convert_i32_f32(6, 32, block0, 32, 1, sums, 32, 1);
                ALIGNED_ARRAY(float, block1, 192);
                row_f32_mul(6, 32, block1, 32, 1, block0, 32, 1, scale + n, 0, 1);
                row_f32_round(6, 32, block0, 32, 1, block1, 32, 1);
                row_convert_f32_u8(6, 32, y + 288 * i1 + n, 48, 1, block0, 32, 1);
            }
        }
    }
    for (long i1 = 0; i1 < 6; i1++) {
        ALIGNED_ARRAY(int32_t, sums, 6 * 16);
        dot_lanes_6x16(sums, x + 384 * i1 + 32, weight_packed + 9 * 32, &walk_2, 0, 0);
        {
            ALIGNED_ARRAY(float, block0, 96);
            row_convert_i32_f32(6, 16, block0, 16, 1, sums, 16, 1);
            ALIGNED_ARRAY(float, block1, 96);
            row_f32_mul(6, 16, block1, 16, 1, block0, 16, 1, scale + 32, 0, 1);
            row_f32_round(6, 16, block0, 16, 1, block1, 16, 1);
            row_convert_f32_u8(6, 16, y + 288 * i1 + 32, 48, 1, block0, 16, 1);
        }
    }
}
