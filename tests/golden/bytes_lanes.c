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
            _Alignas(64) int32_t sums[6 * 32];
            dot_lanes_6x32(sums, x + 384 * i1 + n, weight_packed + 9 * n, &walk, 0, 0);
            for (long r0 = 0; r0 < 6; r0++) {
                _Alignas(64) float reals0[32];
                NARROW_LOOP
                for (long c = 0; c < 32; c++) {
                    reals0[c] = (float)sums[32 * r0 + c] * scale[n + c];
                }
                f32_round_to_u8_strip(y + 288 * i1 + n + 48 * r0, reals0, 32);
            }
        }
    }
    for (long i1 = 0; i1 < 6; i1++) {
        _Alignas(64) int32_t sums[6 * 16];
        dot_lanes_6x16(sums, x + 384 * i1 + 32, weight_packed + 9 * 32, &walk_2, 0, 0);
        for (long r0 = 0; r0 < 6; r0++) {
            _Alignas(64) float reals0[16];
            NARROW_LOOP
            for (long c = 0; c < 16; c++) {
                reals0[c] = (float)sums[16 * r0 + c] * scale[32 + c];
            }
            f32_round_to_u8_strip(y + 288 * i1 + 32 + 48 * r0, reals0, 16);
        }
    }
}
