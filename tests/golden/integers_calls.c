/* y_2 int64[] = sum over 30(int64(mod((x * x + shr(y, 3)) / y, x)))
 * nodes 5 6 7 8 9 10 11 */
static void k01_sum(const int32_t *restrict x, const int32_t *restrict y, int64_t *restrict y_2) {
    int64_t lanes0[16];
    for (long lane1 = 0; lane1 < 16; lane1++) {
        lanes0[lane1] = 0;
    }
    for (long r2 = 0; r2 < 16; r2 += 16) {
        for (long lane3 = 0; lane3 < 16; lane3++) {
            const int32_t v4 = i32_mul(x[(r2 + lane3)], x[(r2 + lane3)]);
            const int32_t v5 = i32_shr(y[(r2 + lane3)], 3);
            const int32_t v6 = i32_div(i32_add(v4, v5), y[(r2 + lane3)]);
            lanes0[lane3] = i64_add(lanes0[lane3], (int64_t)i32_mod(v6, x[(r2 + lane3)]));
        }
    }
    for (long lane3 = 0; lane3 < 14; lane3++) {
        const int32_t v7 = i32_mul(x[(16 + lane3)], x[(16 + lane3)]);
        const int32_t v8 = i32_shr(y[(16 + lane3)], 3);
        const int32_t v9 = i32_mod(i32_div(i32_add(v7, v8), y[(16 + lane3)]), x[(16 + lane3)]);
        lanes0[lane3] = i64_add(lanes0[lane3], (int64_t)v9);
    }
    for (long step10 = 8; step10 > 0; step10 /= 2) {
        for (long lane1 = 0; lane1 < step10; lane1++) {
            lanes0[lane1] = i64_add(lanes0[lane1], lanes0[lane1 + step10]);
        }
    }
    y_2[0] = lanes0[0];
}
