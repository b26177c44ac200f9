/* t1 float32[5] = max over 100(x)
 * nodes 1 */
static void k01_max(const float *restrict x, float *restrict t1) {
    for (long i0 = 0; i0 < 5; i0++) {
        float lanes0[16];
        for (long lane1 = 0; lane1 < 16; lane1++) {
            lanes0[lane1] = -INFINITY;
        }
        for (long r2 = 0; r2 < 96; r2 += 16) {
            for (long lane3 = 0; lane3 < 16; lane3++) {
                lanes0[lane3] = f32_max(lanes0[lane3], x[100 * i0 + (r2 + lane3)]);
            }
        }
        for (long lane3 = 0; lane3 < 4; lane3++) {
            lanes0[lane3] = f32_max(lanes0[lane3], x[100 * i0 + (96 + lane3)]);
        }
        for (long step4 = 8; step4 > 0; step4 /= 2) {
            for (long lane1 = 0; lane1 < step4; lane1++) {
                lanes0[lane1] = f32_max(lanes0[lane1], lanes0[lane1 + step4]);
            }
        }
        t1[i0] = lanes0[0];
    }
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
static void k02_exp(const float *restrict x, const float *restrict t1, float *restrict t5) {
    for (long i0 = 0; i0 < 5; i0++) {
        for (long i1 = 0; i1 < 100; i1++) {
            t5[100 * i0 + i1] = f32_exp(x[100 * i0 + i1] - t1[i0]);
        }
    }
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
static void k03_sum(const float *restrict t5, float *restrict t8) {
    for (long i0 = 0; i0 < 5; i0++) {
        float lanes0[16];
        for (long lane1 = 0; lane1 < 16; lane1++) {
            lanes0[lane1] = 0.0f;
        }
        for (long r2 = 0; r2 < 96; r2 += 16) {
            for (long lane3 = 0; lane3 < 16; lane3++) {
                lanes0[lane3] += t5[(r2 + lane3) + 100 * i0];
            }
        }
        for (long lane3 = 0; lane3 < 4; lane3++) {
            lanes0[lane3] += t5[(96 + lane3) + 100 * i0];
        }
        for (long step4 = 8; step4 > 0; step4 /= 2) {
            for (long lane1 = 0; lane1 < step4; lane1++) {
                lanes0[lane1] += lanes0[lane1 + step4];
            }
        }
        t8[i0] = 1.0f / lanes0[0];
    }
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
static void k04_elementwise(const float *restrict t5, const float *restrict t8,
        float *restrict y) {
    for (long i0 = 0; i0 < 5; i0++) {
        for (long i1 = 0; i1 < 100; i1++) {
            y[100 * i0 + i1] = f32_canonical(t5[100 * i0 + i1] * t8[i0]);
        }
    }
}
