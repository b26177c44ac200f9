/* t6 float32[6,1] = sum over 40(x) * 0.0250000004
 * nodes 1 6 */
static void k01_sum(const float *restrict x, float *restrict t6) {
    for (long i0 = 0; i0 < 6; i0++) {
        struct lanes lanes0 = lanes_begin(0.0f);
        lanes0 = lanes_take(LANES_SUM, lanes0, x + 40 * i0, 40);
        const float result1 = lanes_end(LANES_SUM, lanes0);
        t6[i0] = result1 * 0x1.99999ap-6f /* 0.0250000004 */;
    }
}

/* t8 float32[6,40] = x - t6
 * nodes 8 */
static void k02_elementwise(const float *restrict x, const float *restrict t6,
        float *restrict t8) {
    for (long i0 = 0; i0 < 6; i0++) {
        for (long i1 = 0; i1 < 40; i1++) {
            t8[40 * i0 + i1] = x[40 * i0 + i1] - t6[i0];
        }
    }
}

/* t17 float32[6,1] = recip(sqrt(sum over 40(t8 * t8) * 0.0250000004 + 9.99999975e-06))
 * nodes 9 11 15 16 17 */
static void k03_contract_sqrt(const float *restrict t8, float *restrict t17) {
    for (long i0 = 0; i0 < 6; i0++) {
        float sum0 = 0.0f;
        for (long r1 = 0; r1 < 40; r1++) {
            sum0 = fmaf(t8[r1 + 40 * i0], t8[r1 + 40 * i0], sum0);
        }
        const float v2 = sum0 * 0x1.99999ap-6f /* 0.0250000004 */;
        const float v3 = 1.0f / sqrtf(v2 + 0x1.4f8b58p-17f /* 9.99999975e-06 */);
        t17[i0] = v3;
    }
}

/* y float32[6,40] = (x - t6) * t17 * weight + bias
 * nodes 8 19 23 27 */
static void k04_elementwise(const float *restrict x, const float *restrict t6,
        const float *restrict t17, const float *restrict weight, const float *restrict bias,
        float *restrict y) {
    for (long i0 = 0; i0 < 6; i0++) {
        for (long i1 = 0; i1 < 40; i1++) {
            const float v0 = (x[40 * i0 + i1] - t6[i0]) * t17[i0] * weight[i1];
            y[40 * i0 + i1] = f32_canonical(v0 + bias[i1]);
        }
    }
}
