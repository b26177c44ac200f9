/* y_2 int64[] = sum over 30(int64(mod((x * x + shr(y, 3)) / y, x)))
 * nodes 5 6 7 8 9 10 11 */
static void k01_sum(const int32_t *restrict x, const int32_t *restrict y, int64_t *restrict y_2) {
    ALIGNED_ARRAY(int64_t, lanes0, 16);
    row_i64_reduce_sum_begin(1, lanes0);
    {
        ALIGNED_ARRAY(int32_t, block0, 30);
        row_i32_mul(1, 30, block0, 30, 1, x, 0, 1, x, 0, 1);
        ALIGNED_ARRAY(int32_t, block1, 30);
        const int32_t constant1 = 3;
        row_i32_shr(1, 30, block1, 30, 1, y, 0, 1, &constant1, 0, 0);
        ALIGNED_ARRAY(int32_t, block2, 30);
        row_i32_add(1, 30, block2, 30, 1, block0, 30, 1, block1, 30, 1);
        row_i32_div(1, 30, block0, 30, 1, block2, 30, 1, y, 0, 1);
        row_i32_mod(1, 30, block1, 30, 1, block0, 30, 1, x, 0, 1);
        ALIGNED_ARRAY(int64_t, block3, 30);
        row_convert_i32_i64(1, 30, block3, 30, 1, block1, 30, 1);
        row_i64_reduce_sum_along(1, 30, lanes0, 0, block3, 30, 1);
    }
    row_i64_reduce_sum_along_end(1, y_2, 0, lanes0);
}
