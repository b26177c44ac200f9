/* t1 float32[60] = max over 100(x); t5 float32[60,100] = exp(x - t1); t8 float32[60,1] =
 *     recip(sum over 100(t5)); y float32[60,100] = t5 * t8
 * nodes 1 4 5 6 8 10 */
static void k01_max_exp_sum(const float *restrict x, float *restrict t1, float *restrict t5,
        float *restrict t8, float *restrict y) {
    static const struct row_step steps0[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_REDUCE_MAX, FORM_ROWS, 0, 0}};
    const void *const operands0[] = {x};
    void *const results0[] = {t1};
    float reduced0;
    static const struct row_step steps1[] = {
        {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_SUB_EXP_PUT_SUM_FETCH, FORM_SAME, 1},
        {STEP_EXP}, {STEP_PUT, FORM_BLOCK, 0, 0}, {STEP_REDUCE_SUM, FORM_ROWS, 1, 0},
        {STEP_FETCH, FORM_BLOCK, 0, 100}};
    const void *const operands1[] = {x, t1};
    void *const results1[] = {t5, &reduced0};
    static const struct row_step steps2[] = {
        {STEP_TAKE, FORM_SAME, 0}, {STEP_RECIP}, {STEP_PUT, FORM_BLOCK, 0, 0}};
    const void *const operands2[] = {&reduced0};
    void *const results2[] = {t8};
    static const struct row_step steps3[] = {
        {STEP_TAKE, FORM_COLUMNS, 0}, {STEP_MUL_PUT_CANONICAL, FORM_SAME, 1},
        {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 100}};
    const void *const operands3[] = {t5, t8};
    void *const results3[] = {y};
    const struct row_phase phases4[] = {
        {100, 2, steps0, operands0, results0},
        {100, 6, steps1, operands1, results1},
        {1, 3, steps2, operands2, results2},
        {100, 3, steps3, operands3, results3}};
    row_phases(60, 4, phases4);
}
