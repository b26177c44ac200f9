/* t1 float32[1,3,14,14] = 0; t1 float32[1,3,14,14] = x; t1 float32[1,3,14,14] = 0
 * nodes 1 */
KERNEL __launch_bounds__(256)
k01_copy(const float *restrict x, float *restrict t1) {
    let_next_begin();
    wait_for_kernels();
    if (blockIdx.x < 1) {
        const long point0 = 256L * blockIdx.x + threadIdx.x;
        if (point0 < 42) {
            const long i0 = point0 / 14;
            const long i1 = point0 % 14;
            t1[196 * i0 + i1] = f32_zero();
        }
    } else if (blockIdx.x < 2) {
        const long point0 = 256L * (blockIdx.x - 1) + threadIdx.x;
        if (point0 < 36) {
            const long i0 = point0 / 12;
            const long i1 = point0 % 12;
            t1[196 * i0 + 14 * i1 + 14] = f32_zero();
        }
    } else if (blockIdx.x < 4) {
        const long point0 = 256L * (blockIdx.x - 2) + threadIdx.x;
        if (point0 < 432) {
            const long i0 = point0 / 144;
            const long i1 = point0 / 12 % 12;
            const long i2 = point0 % 12;
            t1[196 * i0 + 14 * i1 + i2 + 15] = x[144 * i0 + 12 * i1 + i2];
        }
    } else if (blockIdx.x < 5) {
        const long point0 = 256L * (blockIdx.x - 4) + threadIdx.x;
        if (point0 < 36) {
            const long i0 = point0 / 12;
            const long i1 = point0 % 12;
            t1[196 * i0 + 14 * i1 + 27] = f32_zero();
        }
    } else if (blockIdx.x < 6) {
        const long point0 = 256L * (blockIdx.x - 5) + threadIdx.x;
        if (point0 < 42) {
            const long i0 = point0 / 14;
            const long i1 = point0 % 14;
            t1[196 * i0 + i1 + 182] = f32_zero();
        }
    }
}

/* y float32[1,8,12,12] = relu(sum over 3x3x3(t1 * weight) + bias)
 * nodes 10 15 19 20 */
KERNEL __launch_bounds__(64, 8)
k02_contract_relu(const float *restrict t1, const float *restrict weight,
        const float *restrict bias, float *restrict y) {
    wait_for_kernels();
    contract_tile<8, 8, 8, 4, 1, 1, true, 1, true, false, 1, true, float>(
        blockIdx.x, 8, 144, 27,
        weight,
        t1,
        [=](int row0) {
            return 27 * row0;
        },
        [=](int step0) {
            const int at0 = step0 / 9;
            const int at1 = step0 / 3 % 3;
            const int at2 = step0 % 3;
            return 9 * at0 + 3 * at1 + at2;
        },
        [=](int column0) {
            const int at3 = column0 / 12;
            const int at4 = column0 % 12;
            return 14 * at3 + at4;
        },
        [=](int step0) {
            const int at5 = step0 / 9;
            const int at6 = step0 / 3 % 3;
            const int at7 = step0 % 3;
            return 196 * at5 + 14 * at6 + at7;
        },
        [=](int row0, int column0, float sum0) {
            const int i8 = column0 / 12;
            const int i9 = column0 % 12;
            const float v10 = f32_greater_of(f32_zero(), sum0 + bias[row0]);
            y[144 * row0 + 12 * i8 + i9] = f32_canonical(v10);
        });
}
