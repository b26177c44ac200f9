/* t1 float32[5] = max over 100(x)
 * nodes 1 */
static void k01_max(const float *restrict x, float *restrict t1) {
    for (long i0 = 0; i0 < 5; i0++) {
        struct lanes lanes0 = lanes_begin(-INFINITY);
        lanes0 = lanes_take(LANES_MAX, lanes0, x + 100 * i0, 100);
        const float result1 = lanes_end(LANES_MAX, lanes0);
        t1[i0] = result1;
    }
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
static void k02_exp(const float *restrict x, const float *restrict t1, float *restrict t5) {
    for (long i0 = 0; i0 < 5; i0++) {
        {
            f32_exp_strip(t5 + 100 * i0, x + 100 * i0, t1[i0], 100);
        }
    }
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
static void k03_sum(const float *restrict t5, float *restrict t8) {
    for (long i0 = 0; i0 < 5; i0++) {
        struct lanes lanes0 = lanes_begin(0.0f);
        lanes0 = lanes_take(LANES_SUM, lanes0, t5 + 100 * i0, 100);
        const float result1 = lanes_end(LANES_SUM, lanes0);
        t8[i0] = 1.0f / result1;
    }
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
static void k04_elementwise(const float *restrict t5, const float *restrict t8,
        float *restrict y) {
    for (long i0 = 0; i0 < 5; i0++) {
        uint32_t most0 = 0;
        for (long i1 = 0; i1 < 100; i1++) {
            const float v1 = t5[100 * i0 + i1] * t8[i0];
            y[100 * i0 + i1] = v1;
            most0 = f32_greater_magnitude(most0, v1);
        }
        f32_canonical_row(y + 100 * i0, 100, most0);
    }
}
