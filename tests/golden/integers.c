/* y_2 int64[] = sum over 30(int64(mod((x * x + shr(y, 3)) / y, x)))
 * nodes 5 6 7 8 9 10 11 */
static void k01_sum(const int32_t *restrict x, const int32_t *restrict y, int64_t *restrict y_2) {
    int64_t total0 = 0;
    for (long r1 = 0; r1 < 30; r1++) {
        const int32_t v2 = i32_add(i32_mul(x[r1], x[r1]), i32_shr(y[r1], 3));
        total0 = i64_add(total0, (int64_t)i32_mod(i32_div(v2, y[r1]), x[r1]));
    }
    y_2[0] = total0;
}
