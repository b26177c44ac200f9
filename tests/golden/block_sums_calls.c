/* y float32[1,72] = sum over 4(sum over 16x2(x * float32(and(shr(codes, constant_1), 15))
 *     - 8) * folded_22) + bias
 * nodes 6 10 11 16 20 24 27 */
static void k01_contract(const float *restrict x, const uint8_t *restrict codes_packed,
        const float *restrict bias, float *restrict y) {
    static const struct coded_walk walk = {
        .steps = {
            .rows = {0},
            .extent = {1, 4, 32}, .stream = {0, 32, 1},
            .panel = {0, 864, 48}, .sums = 48},
        .bits = 4, .half = 1, .by_blocks = 1, .zero = 8.0f};
    static const struct coded_walk walk_2 = {
        .steps = {
            .rows = {0},
            .extent = {1, 4, 32}, .stream = {0, 32, 1},
            .panel = {0, 576, 32}, .sums = 32},
        .bits = 4, .half = 1, .by_blocks = 1, .zero = 8.0f};
    for (long n = 0; n < 48; n += 48) {
        ALIGNED_ARRAY(float, sums, 1 * 48);
        coded_tile_1x48(sums, x, codes_packed + 72 * n, &walk, 0, 0);
        {
            static const struct row_step steps0[] = {
                {STEP_TAKE, FORM_COLUMNS, 0}, {STEP_ADD, FORM_COLUMNS, 1},
                {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 0}};
            const void *const operands0[] = {sums, bias + n};
            void *const results0[] = {y + n};
            row_chain(1, 48, 3, steps0, operands0, results0);
        }
    }
    {
        ALIGNED_ARRAY(float, sums, 1 * 32);
        coded_tile_1x32(sums, x, codes_packed + 72 * 48, &walk_2, 0, 0);
        {
            static const struct row_step steps0[] = {
                {STEP_TAKE, FORM_COLUMNS, 0}, {STEP_ADD, FORM_COLUMNS, 1},
                {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 0}};
            const void *const operands0[] = {sums, bias + 48};
            void *const results0[] = {y + 48};
            row_chain(1, 24, 3, steps0, operands0, results0);
        }
    }
}
