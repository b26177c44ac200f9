/* y_2 float32[3,10] = within(x else within(neg(y) else x))
 * nodes 2 3 */
KERNEL __launch_bounds__(256)
k01_elementwise(const float *restrict x, const float *restrict y, float *restrict y_2) {
    let_next_begin();
    wait_for_kernels();
    const long point0 = 256L * blockIdx.x + threadIdx.x;
    if (point0 < 30) {
        const long i0 = point0 / 10;
        const long i1 = point0 % 10;
        float v2;
        if (i1 < 4) {
            v2 = x[4 * i0 + i1];
        } else {
            float v1;
            if (i1 < 6) {
                v1 = -y[2 * i0 + i1 - 4];
            } else {
                v1 = x[4 * i0 + i1 - 6];
            }
            v2 = v1;
        }
        y_2[10 * i0 + i1] = f32_canonical(v2);
    }
}
