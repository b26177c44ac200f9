/* y float32[1,3,8,64] = sum over 16(x * w)
 * nodes 16 */
static void k01_contract(const float *restrict w, const float *restrict x, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        .extent = {1, 1, 16}, .stream = {0, 0, 12},
        .panel = {0, 0, 128}, .sums = 32};
    for (long i0 = 0; i0 < 4; i0++) {
        _Alignas(64) float sums[12 * 32];
        tile_12x32(sums, w, x + 32 * i0, &walk, 0, 0);
        for (long r0 = 0; r0 < 3; r0++) {
            for (long r1 = 0; r1 < 2; r1++) {
                for (long c = 0; c < 32; c++) {
                    for (long r2 = 0; r2 < 2; r2++) {
                        y[128 * i0 + 64 * r1 + 512 * r0 + r2 + 2 * c] =
                            f32_canonical(sums[64 * r1 + 128 * r0 + 32 * r2 + c]);
                    }
                }
            }
        }
    }
}
