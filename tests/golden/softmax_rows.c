/* t1 float32[60] = max over 100(x); t5 float32[60,100] = exp(x - t1); t8 float32[60,1] =
 *     recip(sum over 100(t5)); y float32[60,100] = t5 * t8
 * nodes 1 4 5 6 8 10 */
static void k01_max_exp_sum(const float *restrict x, float *restrict t1, float *restrict t5,
        float *restrict t8, float *restrict y) {
    for (long g0 = 0; g0 < 60; g0++) {
        if (g0 == 0) {
            struct lanes lanes0 = lanes_begin(-INFINITY);
            lanes0 = lanes_take(LANES_MAX, lanes0, x + 100 * g0, 100);
            const float result1 = lanes_end(LANES_MAX, lanes0);
            t1[0] = result1;
        }
        struct lanes lanes_of_t5 = lanes_begin(0.0f);
        {
            f32_exp_strip(t5, x + 100 * g0, t1[0], 100);
            fetch_strip(x + 100 * g0 + 100, 100);
            lanes_of_t5 = lanes_take(LANES_SUM, lanes_of_t5, t5, 100);
        }
        if (g0 + 1 < 60) {
            struct lanes lanes0 = lanes_begin(-INFINITY);
            lanes0 = lanes_take(LANES_MAX, lanes0, x + 100 * (g0 + 1), 100);
            const float result1 = lanes_end(LANES_MAX, lanes0);
            t1[0] = result1;
        }
        {
            const float result0 = lanes_end(LANES_SUM, lanes_of_t5);
            t8[0] = 1.0f / result0;
        }
        {
            uint32_t most0 = 0;
            for (long i0 = 0; i0 < 100; i0++) {
                const float v1 = t5[i0] * t8[0];
                y[100 * g0 + i0] = v1;
                most0 = f32_greater_magnitude(most0, v1);
            }
            f32_canonical_row(y + 100 * g0, 100, most0);
        }
    }
}
