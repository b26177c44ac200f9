/* y_2 float32[3,10] = within(x else within(neg(y) else x))
 * nodes 2 3 */
static void k01_elementwise(const float *restrict x, const float *restrict y,
        float *restrict y_2) {
    for (long i0 = 0; i0 < 3; i0++) {
        for (long i1 = 0; i1 < 10; i1++) {
            float v1;
            if (i1 < 4) {
                KEEP_BRANCH;
                v1 = x[4 * i0 + i1];
            } else {
                float v0;
                if (i1 < 6) {
                    KEEP_BRANCH;
                    v0 = -y[2 * i0 + i1 - 4];
                } else {
                    v0 = x[4 * i0 + i1 - 6];
                }
                v1 = v0;
            }
            y_2[10 * i0 + i1] = f32_canonical(v1);
        }
    }
}
