/* state float32[3,16] = tanh(sum over 16(h * weight) + x)
 * nodes 3 */
static void k01_contract_tanh(const float *restrict h, const float *restrict weight_packed,
        const float *restrict x, float *restrict state) {
    static const struct tile_walk walk = {
        .rows = {0, 16, 32},
        .extent = {1, 1, 16}, .stream = {0, 0, 1},
        .panel = {0, 0, 16}, .sums = 16};
    _Alignas(64) float sums[3 * 16];
    tile_3x16(sums, h, weight_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 3; r0++) {
        for (long c = 0; c < 16; c++) {
            state[16 * r0 + c] = f32_canonical(f32_tanh(sums[16 * r0 + c] + x[16 * r0 + c]));
        }
    }
}

/* One of 6 steps. */
static __attribute__((noinline)) void step02(const float *restrict h, const float *restrict x,
        float *restrict state, const char *weights) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_weight_packed = 0, /* float32[256] */
    };

    k01_contract_tanh(h, (const float *)(weights + AT_weight_packed), x, state);
}

/* y float32[6,3,16] = scan(h, xs)
 * nodes 3 */
static void k02_scan(const float *restrict h, const float *restrict xs,
        float *restrict y, const char *weights) {
    for (long step = 0; step < 6; step++) {
        step02(step ? y + 48 * (step - 1) : h, xs + 48 * step, y + 48 * step, weights);
    }
}
