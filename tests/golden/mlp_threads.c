/* t17 float32[4,48] = relu(sum over 64(x * tensor_0_weight) + tensor_0_bias)
 * nodes 8 12 16 17 */
static void k01_contract_relu(const float *restrict x,
        const float *restrict tensor_0_weight_packed, const float *restrict tensor_0_bias,
        float *restrict t17) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    _Alignas(64) float sums[4 * 48];
    tile_4x48(sums, x, tensor_0_weight_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 4; r0++) {
        for (long c = 0; c < 48; c++) {
            const float v0 = f32_greater_of(f32_zero(), sums[48 * r0 + c] + tensor_0_bias[c]);
            t17[48 * r0 + c] = v0;
        }
    }
}

/* y float32[4,10] = sum over 48(t17 * tensor_1_weight) + tensor_1_bias
 * nodes 25 29 */
static void k02_contract(const float *restrict t17, const float *restrict tensor_1_weight_packed,
        const float *restrict tensor_1_bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 48, 96, 144},
        .extent = {1, 1, 48}, .stream = {0, 0, 1},
        .panel = {0, 0, 16}, .sums = 16};
    _Alignas(64) float sums[4 * 16];
    tile_4x16(sums, t17, tensor_1_weight_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 4; r0++) {
        for (long c = 0; c < 10; c++) {
            y[10 * r0 + c] = f32_canonical(sums[16 * r0 + c] + tensor_1_bias[c]);
        }
    }
}
