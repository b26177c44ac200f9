/* t1 float32[8,40] = exp(x)
 * nodes 1 */
static void k01_exp(const float *restrict x, float *restrict t1, long part, long parts) {
    const long begin = 20 * part / parts * 16;
    const long end = 20 * (part + 1) / parts * 16;
    for (long at0 = begin; at0 < end; at0 += 64) {
        long count1 = end - at0 < 64 ? end - at0 : 64;
        _Alignas(64) float exp2[64];
        for (long lane = 0; lane < count1; lane++) {
            exp2[lane] = x[(at0 + lane)];
        }
        f32_exp_strip(t1 + at0, exp2, 0.0f, count1);
    }
}

/* y float32[8,19,4] = t1 - t1; y float32[8,19,4] = t1 + t1; y float32[8,19,4] = t1 - t1
 * nodes 5 7 8 10 11 */
static void k02_elementwise(const float *restrict t1, float *restrict y, long part, long parts) {
    const long begin = 8 * part / parts;
    const long end = 8 * (part + 1) / parts;
    for (long i0 = begin; i0 < end; i0++) {
        for (long i1 = 0; i1 < 19; i1++) {
            y[76 * i0 + 4 * i1] = f32_canonical(t1[40 * i0 + 2 * i1] - t1[40 * i0 + 2 * i1 + 2]);
            const float v0 = t1[40 * i0 + 2 * i1 + 1] + t1[40 * i0 + 2 * i1 + 2];
            y[76 * i0 + 4 * i1 + 1] = f32_canonical(v0);
            const float v1 = t1[40 * i0 + 2 * i1 + 2] - t1[40 * i0 + 2 * i1 + 1];
            y[76 * i0 + 4 * i1 + 2] = f32_canonical(v1);
            const float v2 = t1[40 * i0 + 2 * i1 + 3] - t1[40 * i0 + 2 * i1 + 1];
            y[76 * i0 + 4 * i1 + 3] = f32_canonical(v2);
        }
    }
}
