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

/* t18 float32[6,1] = recip(sqrt(sum over 40((x - t6) * (x - t6)) * 0.0250000004 +
 *     9.99999975e-06))
 * nodes 8 9 10 12 16 17 18 */
static void k02_sum_sqrt(const float *restrict x, const float *restrict t6, float *restrict t18) {
    for (long i0 = 0; i0 < 6; i0++) {
        struct lanes lanes0 = lanes_begin(0.0f);
        {
            _Alignas(64) float part2[40];
            for (long lane1 = 0; lane1 < 40; lane1++) {
                const float v3 = x[lane1 + 40 * i0] - t6[i0];
                part2[lane1] = v3 * v3;
            }
            lanes0 = lanes_take(LANES_SUM, lanes0, part2, 40);
        }
        const float result4 = lanes_end(LANES_SUM, lanes0);
        const float v5 = result4 * 0x1.99999ap-6f /* 0.0250000004 */;
        const float v6 = 1.0f / sqrtf(v5 + 0x1.4f8b58p-17f /* 9.99999975e-06 */);
        t18[i0] = v6;
    }
}

/* y float32[6,40] = (x - t6) * t18 * weight + bias
 * nodes 8 20 24 28 */
static void k03_elementwise(const float *restrict x, const float *restrict t6,
        const float *restrict t18, const float *restrict weight, const float *restrict bias,
        float *restrict y) {
    for (long i0 = 0; i0 < 6; i0++) {
        for (long i1 = 0; i1 < 40; i1++) {
            const float v0 = (x[40 * i0 + i1] - t6[i0]) * t18[i0] * weight[i1];
            y[40 * i0 + i1] = f32_canonical(v0 + bias[i1]);
        }
    }
}
