/* state float32[16] = h + x
 * nodes 2 */
static void k01_elementwise(const float *restrict h, const float *restrict x,
        float *restrict state) {
    for (long i0 = 0; i0 < 16; i0++) {
        state[i0] = f32_canonical(h[i0] + x[i0]);
    }
}

/* goes_on bool[] = min(min(min(min(h + x, h + x), min(h + x, h + x)), min(min(h + x, h +
 *     x), min(h + x, h + x))), min(min(min(h + x, h + x), min(h + x, h + x)), min(min(h + x, h
 *     + x), min(h + x, h + x)))) < 0
 * nodes 2 */
static void k02_elementwise(const float *restrict h, const float *restrict x,
        uint8_t *restrict goes_on) {
    const float v0 = h[0] + x[0];
    const float v1 = h[8] + x[8];
    uint32_t nan2 = f32_unordered(v0, v1);
    const float v3 = h[4] + x[4];
    const float v4 = h[12] + x[12];
    nan2 |= f32_unordered(v3, v4);
    const float v5 = f32_lesser_of(f32_lesser_of(v0, v1), f32_lesser_of(v3, v4));
    const float v6 = h[2] + x[2];
    const float v7 = h[10] + x[10];
    nan2 |= f32_unordered(v6, v7);
    const float v8 = h[6] + x[6];
    const float v9 = h[14] + x[14];
    nan2 |= f32_unordered(v8, v9);
    const float v10 = f32_lesser_of(f32_lesser_of(v6, v7), f32_lesser_of(v8, v9));
    const float v11 = h[1] + x[1];
    const float v12 = h[9] + x[9];
    nan2 |= f32_unordered(v11, v12);
    const float v13 = h[5] + x[5];
    const float v14 = h[13] + x[13];
    nan2 |= f32_unordered(v13, v14);
    const float v15 = f32_lesser_of(f32_lesser_of(v11, v12), f32_lesser_of(v13, v14));
    const float v16 = h[3] + x[3];
    const float v17 = h[11] + x[11];
    nan2 |= f32_unordered(v16, v17);
    const float v18 = h[7] + x[7];
    const float v19 = h[15] + x[15];
    nan2 |= f32_unordered(v18, v19);
    const float v20 = f32_lesser_of(f32_lesser_of(v16, v17), f32_lesser_of(v18, v19));
    const float v21 = f32_lesser_of(f32_lesser_of(v5, v10), f32_lesser_of(v15, v20));
    const float v22 = f32_nan_or(nan2, v21);
    goes_on[0] = v22 < 0.0f;
}

/* One of at most 6 steps. */
static __attribute__((noinline)) void step03(const float *restrict h, const float *restrict x,
        float *restrict state, uint8_t *restrict goes_on) {
    k01_elementwise(h, x, state);
    k02_elementwise(h, x, goes_on);
}

/* y float32[16] = scan(h, xs)
 * nodes 2 */
static void k03_scan(const float *restrict h, const float *restrict xs,
        float *restrict y, char *arena) {
    float *const states[2] = {y, (float *)arena};
    long taken = 0;
    uint8_t another = 1;
    for (long step = 0; step < 6; step++) {
        if (another) {
            step03(step ? states[(step + 1) % 2] : h, xs + 16 * step, states[step % 2], &another);
            taken++;
        }
    }
    if (taken % 2 == 0)
        memcpy(y, states[1], 16 * sizeof *y);
}
