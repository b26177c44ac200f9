/* t3 float32[40] = neg(x)
 * nodes 3 */
static void k01_elementwise(const float *restrict x, float *restrict t3, long part, long parts) {
    const long begin = 40 * part / parts;
    const long end = 40 * (part + 1) / parts;
    for (long i0 = begin; i0 < end; i0++) {
        t3[i0] = -x[i0];
    }
}

/* t4 int32[40] = argsort(t3)
 * nodes 4 */
static void k02_argsort(const float *restrict t3, int32_t *restrict t4, uint64_t *arena) {
    f32_sort_keys(arena, t3, 40);
    sort_keys(t4, arena, 40);
}

/* t8_2 float32[40,5] = within(x else 0)
 * nodes 5 7 */
static void k03_copy(const int32_t *restrict t4, const float *restrict x,
        float *restrict t8_2, long part, long parts) {
    const long begin = 40 * part / parts;
    const long end = 40 * (part + 1) / parts;
    for (long i0 = begin; i0 < end; i0++) {
        for (long i1 = 0; i1 < 5; i1++) {
            const int32_t v0 = t4[i0];
            float v1 = 0.0f;
            if ((long)v0 >= 0 && (long)v0 < 40) {
                KEEP_BRANCH;
                v1 = x[(long)v0];
            }
            t8_2[5 * i0 + i1] = v1;
        }
    }
}

/* y float32[8,5] = scatter_add(table, p, t8_2)
 * nodes 8 */
static void k04_scatter_add(const float *restrict table, const int64_t *restrict p,
        const float *restrict t8_2, float *restrict y) {
    for (long k = 0; k < 40; k++) {
        y[k] = f32_canonical(table[k]);
    }
    for (long k = 0; k < 40; k++) {
        const int64_t at2 = p[k];
        if (at2 < 0 || at2 >= 8)
            continue;
        for (long c = 0; c < 5; c++) {
            const long to3 = 5 * at2 + c;
            y[to3] = f32_canonical(f32_scatter_add(y[to3], t8_2[5 * k + c]));
        }
    }
}
