/* y_2 int64[] = sum over 30(int64(mod((x * x + shr(y, 3)) / y, x)))
 * nodes 5 6 7 8 9 10 11 */
KERNEL __launch_bounds__(256)
k01_sum(const int32_t *restrict x, const int32_t *restrict y, int64_t *restrict y_2) {
    let_next_begin();
    wait_for_kernels();
    const long point0 = 256L * blockIdx.x + threadIdx.x;
    if (point0 < 1) {
        int64_t total1 = 0;
        for (long r2 = 0; r2 < 30; r2++) {
            const int32_t v3 = i32_add(i32_mul(x[r2], x[r2]), i32_shr(y[r2], 3));
            total1 = i64_add(total1, (int64_t)i32_mod(i32_div(v3, y[r2]), x[r2]));
        }
        y_2[0] = total1;
    }
}
