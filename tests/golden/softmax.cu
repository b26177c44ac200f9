/* t1 float32[5] = max over 100(x); t5 float32[5,100] = exp(x - t1); t8 float32[5,1] =
 *     recip(sum over 100(t5)); y float32[5,100] = t5 * t8
 * nodes 1 4 5 6 8 10 */
KERNEL __launch_bounds__(256)
k01_max_exp_sum(const float *restrict x, float *restrict y) {
    let_next_begin();
    wait_for_kernels();
    __shared__ float slices0[1][1];
    float *const t1 = slices0[0];
    __shared__ float slices1[1][100];
    float *const t5 = slices1[0];
    __shared__ float slices2[1][1];
    float *const t8 = slices2[0];
    const int thread0 = threadIdx.x;
    const long g0 = blockIdx.x;
    if (g0 < 5) {
        {
            const int lane0 = threadIdx.x % 16;
            const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);
            for (long point0 = thread0 / 16; point0 < 1; point0 += 16) {
                float part1 = -INFINITY;
                #pragma unroll 64
                for (int step4 = 0; step4 < 7; step4++) {
                    const long p3 = 16L * step4 + lane0;
                    if (p3 < 100) {
                        part1 = f32_max(part1, x[100 * g0 + p3]);
                    }
                }
                for (int step2 = 8; step2 > 0; step2 /= 2) {
                    part1 = f32_max(part1, __shfl_down_sync(lanes0, part1, step2, 16));
                }
                part1 = __shfl_sync(lanes0, part1, 0, 16);
                t1[0] = part1;
            }
            __syncthreads();
        }
        {
            for (long i0 = thread0; i0 < 100; i0 += 256) {
                t5[i0] = f32_exp(x[100 * g0 + i0] - t1[0]);
            }
            __syncthreads();
        }
        {
            const int lane0 = threadIdx.x % 16;
            const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);
            for (long point0 = thread0 / 16; point0 < 1; point0 += 16) {
                float part1 = 0.0f;
                #pragma unroll 64
                for (int step4 = 0; step4 < 7; step4++) {
                    const long p3 = 16L * step4 + lane0;
                    if (p3 < 100) {
                        part1 += t5[p3];
                    }
                }
                for (int step2 = 8; step2 > 0; step2 /= 2) {
                    part1 += __shfl_down_sync(lanes0, part1, step2, 16);
                }
                part1 = __shfl_sync(lanes0, part1, 0, 16);
                t8[0] = 1.0f / part1;
            }
            __syncthreads();
        }
        {
            for (long i0 = thread0; i0 < 100; i0 += 256) {
                y[100 * g0 + i0] = f32_canonical(t5[i0] * t8[0]);
            }
            __syncthreads();
        }
    }
}
