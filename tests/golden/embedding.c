/* y float32[2,7,8] = within(table else 0)
 * nodes 2 */
static void k01_copy(const int32_t *restrict positions, const float *restrict table,
        float *restrict y) {
    for (long i0 = 0; i0 < 2; i0++) {
        for (long i1 = 0; i1 < 7; i1++) {
            for (long i2 = 0; i2 < 8; i2++) {
                const int32_t v0 = positions[7 * i0 + i1];
                float v1 = 0.0f;
                if ((long)v0 >= 0 && (long)v0 < 50) {
                    KEEP_BRANCH;
                    v1 = table[i2 + 8 * (long)v0];
                }
                y[56 * i0 + 8 * i1 + i2] = f32_canonical(v1);
            }
        }
    }
}
