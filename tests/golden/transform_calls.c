/* t1 float32[8,40] = exp(x)
 * nodes 1 */
static void k01_exp(const float *restrict x, float *restrict t1) {
    row_f32_exp(1, 320, t1, 0, 1, x, 0, 1);
}

/* y float32[8,19,4] = t1 - t1; y float32[8,19,4] = t1 + t1; y float32[8,19,4] = t1 - t1
 * nodes 5 7 8 10 11 */
static void k02_elementwise(const float *restrict t1, float *restrict y) {
    ALIGNED_ARRAY(float, block0, 152);
    row_f32_sub(8, 19, block0, 19, 1, t1, 40, 2, t1 + 2, 40, 2);
    ALIGNED_ARRAY(float, block1, 152);
    row_f32_add(8, 19, block1, 19, 1, t1 + 1, 40, 2, t1 + 2, 40, 2);
    ALIGNED_ARRAY(float, block2, 152);
    row_f32_sub(8, 19, block2, 19, 1, t1 + 2, 40, 2, t1 + 1, 40, 2);
    ALIGNED_ARRAY(float, block3, 152);
    row_f32_sub(8, 19, block3, 19, 1, t1 + 3, 40, 2, t1 + 1, 40, 2);
    row_f32_canonical(8, 19, y, 76, 4, block0, 19, 1);
    row_f32_canonical(8, 19, y + 1, 76, 4, block1, 19, 1);
    row_f32_canonical(8, 19, y + 2, 76, 4, block2, 19, 1);
    row_f32_canonical(8, 19, y + 3, 76, 4, block3, 19, 1);
}
