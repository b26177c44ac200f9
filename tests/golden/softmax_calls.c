/* t1 float32[5] = max over 100(x)
 * nodes 1 */
static void k01_max(const float *restrict x, float *restrict t1) {
    row_f32_reduce_max(5, 100, t1, 1, x, 100, 1);
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
static void k02_exp(const float *restrict x, const float *restrict t1, float *restrict t5) {
    static const struct row_step steps0[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_SUB_EXP_PUT, FORM_ROWS, 1, 1}, {STEP_EXP},
        {STEP_PUT, FORM_BLOCK, 0, 100}};
    const void *const operands0[] = {x, t1};
    void *const results0[] = {t5};
    row_chain(5, 100, 4, steps0, operands0, results0);
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
static void k03_sum(const float *restrict t5, float *restrict t8) {
    ALIGNED_ARRAY(float, block0, 5);
    row_f32_reduce_sum(5, 100, block0, 1, t5, 100, 1);
    row_f32_recip(1, 5, t8, 0, 1, block0, 5, 1);
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
static void k04_elementwise(const float *restrict t5, const float *restrict t8,
        float *restrict y) {
    static const struct row_step steps0[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_MUL, FORM_ROWS, 1, 1},
        {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 100}};
    const void *const operands0[] = {t5, t8};
    void *const results0[] = {y};
    row_chain(5, 100, 3, steps0, operands0, results0);
}
