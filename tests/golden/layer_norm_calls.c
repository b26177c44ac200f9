/* t6 float32[6,1] = sum over 40(x) * 0.0250000004
 * nodes 1 6 */
static void k01_sum(const float *restrict x, float *restrict t6) {
    ALIGNED_ARRAY(float, block0, 6);
    row_f32_reduce_sum(6, 40, block0, 1, x, 40, 1);
    const float constant0 = 0x1.99999ap-6f /* 0.0250000004 */;
    row_f32_mul(1, 6, t6, 0, 1, block0, 6, 1, &constant0, 0, 0);
}

/* t18 float32[6,1] = recip(sqrt(sum over 40((x - t6) * (x - t6)) * 0.0250000004 +
 *     9.99999975e-06))
 * nodes 8 9 10 12 16 17 18 */
static void k02_sum_sqrt(const float *restrict x, const float *restrict t6, float *restrict t18) {
    ALIGNED_ARRAY(float, block0, 6);
    static const struct row_step steps0[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 40}, {STEP_SUB, FORM_ROWS, 1, 1}, {STEP_SQUARE},
        {STEP_REDUCE_SUM, FORM_ROWS, 0, 1}};
    const void *const operands0[] = {x, t6};
    void *const results0[] = {block0};
    row_reducing_chain(6, 40, 4, steps0, operands0, results0);
    const float constant1 = 0x1.99999ap-6f /* 0.0250000004 */;
    const float constant2 = 0x1.4f8b58p-17f /* 9.99999975e-06 */;
    static const struct row_step steps3[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 6}, {STEP_MUL, FORM_SAME, 1}, {STEP_ADD, FORM_SAME, 2},
        {STEP_SQRT}, {STEP_RECIP}, {STEP_PUT, FORM_BLOCK, 0, 0}};
    const void *const operands3[] = {block0, &constant1, &constant2};
    void *const results3[] = {t18};
    row_chain(1, 6, 6, steps3, operands3, results3);
}

/* y float32[6,40] = (x - t6) * t18 * weight + bias
 * nodes 8 20 24 28 */
static void k03_elementwise(const float *restrict x, const float *restrict t6,
        const float *restrict t18, const float *restrict weight, const float *restrict bias,
        float *restrict y) {
    static const struct row_step steps0[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 40}, {STEP_SUB, FORM_ROWS, 1, 1},
        {STEP_MUL, FORM_ROWS, 2, 1}, {STEP_MUL, FORM_COLUMNS, 3}, {STEP_ADD, FORM_COLUMNS, 4},
        {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 40}};
    const void *const operands0[] = {x, t6, t18, weight, bias};
    void *const results0[] = {y};
    row_chain(6, 40, 6, steps0, operands0, results0);
}
