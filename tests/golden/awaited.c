/* t27 float32[1,72] = sum over 4(sum over 16x2(x * float32(and(shr(codes, constant_2),
 *     15)) - 8) * folded_23) + bias
 * nodes 7 11 12 17 21 25 28 */
static void k01_contract(const float *restrict x, const uint8_t *restrict codes_packed,
        const float *restrict bias, const float *restrict keys, float *restrict t27) {
    static const struct coded_walk walk = {
        .steps = {
            .rows = {0},
            .extent = {4, 1, 32}, .stream = {32, 0, 1},
            .panel = {864, 0, 48}, .sums = 48, .ahead = 16},
        .bits = 4, .half = 1, .by_blocks = 1, .zero = 8.0f};
    static const struct coded_walk walk_2 = {
        .steps = {
            .rows = {0},
            .extent = {1, 4, 32}, .stream = {0, 32, 1},
            .panel = {0, 576, 32}, .sums = 32},
        .bits = 4, .half = 1, .by_blocks = 1, .zero = 8.0f};
    const uint8_t *ahead = (const uint8_t *)keys;
    const uint8_t *const ahead_end = ahead + 92160;
    for (long n = 0; n < 48; n += 48) {
        _Alignas(64) float sums[1 * 48];
        coded_tile_1x48(sums, x, codes_packed + 72 * n, &walk, 0, ahead < ahead_end ? ahead : 0);
        ahead += 4096;
        for (long c = 0; c < 48; c++) {
            t27[n + c] = sums[c] + bias[n + c];
        }
    }
    {
        _Alignas(64) float sums[1 * 32];
        coded_tile_1x32(sums, x, codes_packed + 72 * 48, &walk_2, 0, 0);
        for (long c = 0; c < 24; c++) {
            t27[48 + c] = sums[c] + bias[48 + c];
        }
    }
}

/* keys_packed float32[23040] = keys */
static void k02_pack(const float *restrict keys, float *restrict keys_packed) {
    for (long i0 = 0; i0 < 5; i0++) {
        f32_transpose(keys_packed + 4608 * i0, 64,
                keys + 4608 * i0, 72, 72, 64);
    }
}

/* y float32[1,320] = sum over 72(t27 * keys)
 * nodes 34 */
static void k03_contract(const float *restrict t27, const float *restrict keys_packed,
        float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0},
        .extent = {1, 1, 72}, .stream = {0, 0, 1},
        .panel = {0, 0, 64}, .sums = 64};
    for (long n = 0; n < 320; n += 64) {
        _Alignas(64) float sums[1 * 64];
        tile_1x64(sums, t27, keys_packed + 72 * n, &walk, 0, 0);
        for (long c = 0; c < 64; c++) {
            y[n + c] = f32_canonical(sums[c]);
        }
    }
}
