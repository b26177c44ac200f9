/* Contraction over one dtype: included by rows_contract.h for each, with SHORT its short name. */
#define PASTE(stem, short) stem##_##short
#define PASTE_NAMES(stem, short) PASTE(stem, short)
#define OF(stem) PASTE_NAMES(stem, SHORT)
#define TYPE OF(type)
#define VECTOR OF(vector)
enum { OF(STEP) = VECTOR_BYTES(TYPE) / sizeof(TYPE) };
#define STEP OF(STEP)

/* Where element (0, 0) of the result and of the operands is, and what a row and a column move. */
struct OF(spots) {
    TYPE *result;
    long result_row, result_step;
    const TYPE *a;
    long a_row, a_step;
    const TYPE *b;
    long b_row, b_step;
    bool resume;
};

static inline struct OF(spots) OF(spots_at)(struct OF(spots) s, long row, long column) {
    s.result += row * s.result_row + column * s.result_step;
    s.a += row * s.a_row + column * s.a_step;
    s.b += row * s.b_row + column * s.b_step;
    return s;
}

static inline __attribute__((always_inline)) VECTOR OF(load_steps)(const TYPE *from, long step) {
    VECTOR loaded;
    if (step == 1)
        return *(const VECTOR *)from;
    for (long i = 0; i < STEP; i++)
        loaded[i] = from[i * step];
    return loaded;
}

/* height x width vectors of neighbouring results, whose sums stay in registers. */
static inline __attribute__((always_inline)) void OF(contract_block)(int height, int width,
                                                                     struct OF(spots) s,
                                                                     long a_step, long b_step,
                                                                     const struct walk *walk) {
    const int last = walk->count - 1;
    VECTOR sums[MOST_ROWS][MOST_VECTORS];
    for (int r = 0; r < height; r++)
        for (int v = 0; v < width; v++)
            sums[r][v] =
                s.resume ? *(VECTOR *)(s.result + r * s.result_row + v * STEP) : (VECTOR){0};
    struct place place;
    walk_begin(walk, &place);
    do {
        const TYPE *x = s.a + place.a, *y = s.b + place.b;
        for (long k = 0; k < walk->extent[last]; k++, x += walk->a[last], y += walk->b[last])
            for (int r = 0; r < height; r++)
                for (int v = 0; v < width; v++)
                    sums[r][v] = OF(multiply_add)(
                        OF(load_steps)(x + r * s.a_row + v * STEP * a_step, a_step),
                        OF(load_steps)(y + r * s.b_row + v * STEP * b_step, b_step), sums[r][v]);
    } while (walk_on(walk, &place));
    for (int r = 0; r < height; r++)
        for (int v = 0; v < width; v++)
            *(VECTOR *)(s.result + r * s.result_row + v * STEP) = sums[r][v];
}

/* ---- b is neighbours; a is neighbours, or the same for all columns ---- */

static inline __attribute__((always_inline)) void
OF(contract_rows)(int width, long rows, struct OF(spots) s, long a_step, const struct walk *walk) {
    long row = 0;
    for (; row + MOST_ROWS <= rows; row += MOST_ROWS)
        OF(contract_block)(MOST_ROWS, width, OF(spots_at)(s, row, 0), a_step, 1, walk);
    for (; row < rows; row++)
        OF(contract_block)(1, width, OF(spots_at)(s, row, 0), a_step, 1, walk);
}

/* One vector of columns. */
static __attribute__((noinline)) void OF(contract_thin)(long rows, struct OF(spots) s,
                                                        const struct walk *walk) {
    if (s.a_step == 0)
        OF(contract_rows)(1, rows, s, 0, walk);
    else
        OF(contract_rows)(1, rows, s, 1, walk);
}

/* One vector of results through a copy, of which the last `wanted` are new. */
static void OF(contract_edge)(long wanted, struct OF(spots) s, const struct walk *walk) {
    TYPE edge[STEP], *result = s.result;
    memcpy(edge, result, sizeof edge);
    s.result = edge;
    OF(contract_thin)(1, s, walk);
    memcpy(result + STEP - wanted, edge + STEP - wanted, (size_t)wanted * sizeof *edge);
}

/* Requires a vector of columns at least. Where columns are no whole vectors, the last vector
 * overlaps the one before. */
static void OF(contract_columns)(long rows, long columns, struct OF(spots) s,
                                 const struct walk *walk) {
    const long rest = columns % STEP;
    long column = 0;
    for (; column + MOST_VECTORS * STEP <= columns; column += MOST_VECTORS * STEP)
        if (s.a_step == 0)
            OF(contract_rows)(MOST_VECTORS, rows, OF(spots_at)(s, 0, column), 0, walk);
        else
            OF(contract_rows)(MOST_VECTORS, rows, OF(spots_at)(s, 0, column), 1, walk);
    for (; column + STEP <= columns; column += STEP)
        OF(contract_thin)(rows, OF(spots_at)(s, 0, column), walk);
    for (long row = 0; rest > 0 && row < rows; row++)
        OF(contract_edge)(rest, OF(spots_at)(s, row, columns - STEP), walk);
}

/* ---- Any steps ---- */

static TYPE OF(contract_element)(struct OF(spots) s, const struct walk *walk) {
    const int last = walk->count - 1;
    TYPE sum = s.resume ? *s.result : 0;
    struct place place;
    walk_begin(walk, &place);
    do
        for (long k = 0; k < walk->extent[last]; k++)
            sum = OF(scalar_contract)(s.a[place.a + k * walk->a[last]],
                                      s.b[place.b + k * walk->b[last]], sum);
    while (walk_on(walk, &place));
    return sum;
}

static void OF(contract_vector)(struct OF(spots) s, const struct walk *walk) {
    TYPE edge[STEP], *result = s.result;
    for (long i = 0; i < STEP; i++)
        edge[i] = result[i * s.result_step];
    s.result = edge;
    OF(contract_block)(1, 1, s, s.a_step, s.b_step, walk);
    for (long i = 0; i < STEP; i++)
        result[i * s.result_step] = edge[i];
}

static void OF(contract_anyhow)(long rows, long columns, struct OF(spots) s,
                                const struct walk *walk) {
    for (long row = 0; row < rows; row++) {
        long column = 0;
        for (; column + STEP <= columns; column += STEP)
            OF(contract_vector)(OF(spots_at)(s, row, column), walk);
        for (; column < columns; column++) {
            struct OF(spots) element = OF(spots_at)(s, row, column);
            *element.result = OF(contract_element)(element, walk);
        }
    }
}

/* ---- Which of them ---- */

static struct OF(spots) OF(turned)(struct OF(spots) s) {
    return (struct OF(spots)){s.result, s.result_step, s.result_row, s.a,     s.a_step,
                              s.a_row,  s.b,           s.b_step,     s.b_row, s.resume};
}

static struct OF(spots) OF(exchanged)(struct OF(spots) s) {
    return (struct OF(spots)){s.result, s.result_row, s.result_step, s.b,      s.b_row,
                              s.b_step, s.a,          s.a_row,       s.a_step, s.resume};
}

/* Products do not mind an exchange of a and b. */
static bool OF(contract_neighbours)(long rows, long columns, long axes, const long *axis,
                                    struct OF(spots) s) {
    const bool exchange = s.b_step != 1;
    if (exchange)
        s = OF(exchanged)(s);
    if (columns < STEP || s.result_step != 1 || s.b_step != 1 || (s.a_step != 0 && s.a_step != 1))
        return false;
    struct walk walk;
    read_walk(&walk, axes, axis, exchange);
    OF(contract_columns)(rows, columns, s, &walk);
    return true;
}

static void OF(clear)(long rows, long columns, struct OF(spots) s) {
    static const TYPE zero = 0;
    const struct operand to = {(char *)s.result, s.result_row, s.result_step, sizeof zero};
    copy(rows, columns, &to, &(struct operand){(char *)&zero, 0, 0, sizeof zero});
}

static void OF(contract)(long rows, long columns, long axes, const long *axis, struct OF(spots) s) {
    if (is_empty(axes, axis)) {
        if (!s.resume)
            OF(clear)(rows, columns, s);
        return;
    }
    if (OF(contract_neighbours)(rows, columns, axes, axis, s) ||
        OF(contract_neighbours)(columns, rows, axes, axis, OF(turned)(s)))
        return;
    struct walk walk;
    read_walk(&walk, axes, axis, false);
    if (columns < STEP && rows > columns)
        OF(contract_anyhow)(columns, rows, OF(turned)(s), &walk);
    else
        OF(contract_anyhow)(rows, columns, s, &walk);
}

#undef SHORT
#undef PASTE
#undef PASTE_NAMES
#undef OF
#undef TYPE
#undef VECTOR
#undef STEP
