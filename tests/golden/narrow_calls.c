/* y float32[1,1200] = relu(sum over 900(x * float32(weight)) + bias)
 * nodes 2 8 11 15 16 */
static void k01_contract_relu(const float *restrict x, const uint16_t *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0},
        .extent = {1, 1, 900}, .stream = {0, 0, 1},
        .panel = {0, 0, 64}, .sums = 64};
    static const struct tile_walk walk_2 = {
        .rows = {0},
        .extent = {1, 1, 900}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    for (long n = 0; n < 1152; n += 64) {
        ALIGNED_ARRAY(float, sums, 1 * 64);
        f16_tile_1x64(sums, x, weight_packed + 900 * n, &walk, 0, 0);
        {
            const float constant0 = 0.0f;
            static const struct row_step steps1[] = {
                {STEP_TAKE, FORM_COLUMNS, 0}, {STEP_ADD, FORM_COLUMNS, 1},
                {STEP_GREATER_OF_REVERSED, FORM_SAME, 2},
                {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 0}};
            const void *const operands1[] = {sums, bias + n, &constant0};
            void *const results1[] = {y + n};
            row_chain(1, 64, 4, steps1, operands1, results1);
        }
    }
    {
        ALIGNED_ARRAY(float, sums, 1 * 48);
        f16_tile_1x48(sums, x, weight_packed + 900 * 1152, &walk_2, 0, 0);
        {
            const float constant0 = 0.0f;
            static const struct row_step steps1[] = {
                {STEP_TAKE, FORM_COLUMNS, 0}, {STEP_ADD, FORM_COLUMNS, 1},
                {STEP_GREATER_OF_REVERSED, FORM_SAME, 2},
                {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 0}};
            const void *const operands1[] = {sums, bias + 1152, &constant0};
            void *const results1[] = {y + 1152};
            row_chain(1, 48, 4, steps1, operands1, results1);
        }
    }
}
