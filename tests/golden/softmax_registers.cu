/* t1 float32[5000] = max over 64(x); t5 float32[5000,64] = exp(x - t1); t8 float32[5000,1]
 *     = recip(sum over 64(t5)); y float32[5000,64] = t5 * t8
 * nodes 1 4 5 6 8 10 */
KERNEL __launch_bounds__(256, 2)
k01_max_exp_sum(const float *restrict x, float *restrict y) {
    wait_for_kernels();
    float t1[1];
    float t5[4];
    float t8[1];
    const int thread0 = threadIdx.x % 16;
    const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);
    const long g0 = 16L * blockIdx.x + threadIdx.x / 16;
    if (g0 < 5000) {
        {
            float part0 = -INFINITY;
            #pragma unroll
            for (int step3 = 0; step3 < 4; step3++) {
                const long p2 = 16L * step3 + thread0;
                part0 = f32_max(part0, x[64 * g0 + p2]);
            }
            for (int step1 = 8; step1 > 0; step1 /= 2) {
                part0 = f32_max(part0, __shfl_down_sync(lanes0, part0, step1, 16));
            }
            part0 = __shfl_sync(lanes0, part0, 0, 16);
            t1[0] = part0;
        }
        {
            #pragma unroll
            for (int step0 = 0; step0 < 4; step0++) {
                const long i0 = 16L * step0 + thread0;
                t5[i0 / 16] = f32_exp(x[64 * g0 + i0] - t1[0]);
            }
        }
        {
            float part0 = 0.0f;
            #pragma unroll
            for (int step3 = 0; step3 < 4; step3++) {
                const long p2 = 16L * step3 + thread0;
                part0 += t5[p2 / 16];
            }
            for (int step1 = 8; step1 > 0; step1 /= 2) {
                part0 += __shfl_down_sync(lanes0, part0, step1, 16);
            }
            part0 = __shfl_sync(lanes0, part0, 0, 16);
            t8[0] = 1.0f / part0;
        }
        {
            #pragma unroll
            for (int step0 = 0; step0 < 4; step0++) {
                const long i0 = 16L * step0 + thread0;
                y[64 * g0 + i0] = f32_canonical(t5[i0 / 16] * t8[0]);
            }
        }
    }
}
