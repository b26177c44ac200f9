/* t1 float32[5] = max over 100(x)
 * nodes 1 */
KERNEL __launch_bounds__(256)
k01_max(const float *restrict x, float *restrict t1) {
    const int lane0 = threadIdx.x % 16;
    const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);
    const long i0 = 16L * blockIdx.x + threadIdx.x / 16;
    if (i0 < 5) {
        float part0 = -INFINITY;
        for (long p2 = lane0; p2 < 100; p2 += 16) {
            part0 = f32_max(part0, x[100 * i0 + p2]);
        }
        for (int step1 = 8; step1 > 0; step1 /= 2) {
            part0 = f32_max(part0, __shfl_down_sync(lanes0, part0, step1, 16));
        }
        part0 = __shfl_sync(lanes0, part0, 0, 16);
        t1[i0] = part0;
    }
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
KERNEL __launch_bounds__(256)
k02_exp(const float *restrict x, const float *restrict t1, float *restrict t5) {
    const long point0 = 256L * blockIdx.x + threadIdx.x;
    if (point0 < 500) {
        const long i0 = point0 / 100;
        const long i1 = point0 % 100;
        t5[100 * i0 + i1] = f32_exp(x[100 * i0 + i1] - t1[i0]);
    }
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
KERNEL __launch_bounds__(256)
k03_sum(const float *restrict t5, float *restrict t8) {
    const int lane0 = threadIdx.x % 16;
    const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);
    const long i0 = 16L * blockIdx.x + threadIdx.x / 16;
    if (i0 < 5) {
        float part0 = 0.0f;
        for (long p2 = lane0; p2 < 100; p2 += 16) {
            part0 += t5[p2 + 100 * i0];
        }
        for (int step1 = 8; step1 > 0; step1 /= 2) {
            part0 += __shfl_down_sync(lanes0, part0, step1, 16);
        }
        part0 = __shfl_sync(lanes0, part0, 0, 16);
        t8[i0] = 1.0f / part0;
    }
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
KERNEL __launch_bounds__(256)
k04_elementwise(const float *restrict t5, const float *restrict t8, float *restrict y) {
    const long point0 = 256L * blockIdx.x + threadIdx.x;
    if (point0 < 500) {
        const long i0 = point0 / 100;
        const long i1 = point0 % 100;
        y[100 * i0 + i1] = f32_canonical(t5[100 * i0 + i1] * t8[i0]);
    }
}
