/* t6 float32[5000,1] = sum over 64(x) * 0.015625; t18 float32[5000,1] = recip(sqrt(sum
 *     over 64((x - t6) * (x - t6)) * 0.015625 + 9.99999975e-06)); y float32[5000,64] = (x -
 *     t6) * t18 * weight + bias
 * nodes 1 6 8 9 10 12 16 17 18 20 24 28 */
KERNEL __launch_bounds__(256)
k01_sum_sqrt(const float *restrict x, const float *restrict weight, const float *restrict bias,
        float *restrict y) {
    wait_for_kernels();
    float t6[1];
    float t18[1];
    __shared__ __align__(16) float rows0[16][80];
    float *const row1 = rows0[threadIdx.x / 16];
    __shared__ __align__(16) float line2[64];
    __shared__ __align__(16) float line3[64];
    const int thread0 = threadIdx.x % 16;
    const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);
    const long g0 = 16L * blockIdx.x + threadIdx.x / 16;
    for (int at4 = 4 * (int)threadIdx.x; at4 < 64; at4 += 1024) {
        copy_async_16(&line2[at4], &weight[at4]);
    }
    for (int at5 = 4 * (int)threadIdx.x; at5 < 64; at5 += 1024) {
        copy_async_16(&line3[at5], &bias[at5]);
    }
    if (g0 < 5000) {
        for (int at6 = 4 * thread0; at6 < 64; at6 += 64) {
            copy_async_16(&row1[at6], &x[64 * g0 + at6]);
        }
    }
    copy_commit();
    copy_wait<0>();
    __syncthreads();
    if (g0 < 5000) {
        {
            float part0 = 0.0f;
            #pragma unroll 16
            for (int step3 = 0; step3 < 4; step3++) {
                const long p2 = 16L * step3 + thread0;
                part0 += row1[p2];
            }
            for (int step1 = 8; step1 > 0; step1 /= 2) {
                part0 += __shfl_down_sync(lanes0, part0, step1, 16);
            }
            part0 = __shfl_sync(lanes0, part0, 0, 16);
            t6[0] = part0 * 0x1p-6f /* 0.015625 */;
        }
        {
            float part0 = 0.0f;
            #pragma unroll 16
            for (int step3 = 0; step3 < 4; step3++) {
                const long p2 = 16L * step3 + thread0;
                const float v4 = row1[p2] - t6[0];
                part0 += v4 * v4;
            }
            for (int step1 = 8; step1 > 0; step1 /= 2) {
                part0 += __shfl_down_sync(lanes0, part0, step1, 16);
            }
            part0 = __shfl_sync(lanes0, part0, 0, 16);
            const float v5 = part0 * 0x1p-6f /* 0.015625 */;
            const float v6 = 1.0f / sqrtf(v5 + 0x1.4f8b58p-17f /* 9.99999975e-06 */);
            t18[0] = v6;
        }
        {
            #pragma unroll 8
            for (int step0 = 0; step0 < 4; step0++) {
                const long i0 = 16L * step0 + thread0;
                const float v1 = (row1[i0] - t6[0]) * t18[0] * line2[i0] + line3[i0];
                y[64 * g0 + i0] = f32_canonical(v1);
            }
        }
    }
}
