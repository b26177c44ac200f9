/* Contraction over one dtype: included by rows_contract.h for each, with SHORT its short name. */
#define PASTE(stem, short) stem##_##short
#define PASTE_NAMES(stem, short) PASTE(stem, short)
#define OF(stem) PASTE_NAMES(stem, SHORT)
#define TYPE OF(type)
#define VECTOR OF(vector)
#define UNSIGNED OF(unsigned)
enum { OF(STEP) = VECTOR_BYTES(TYPE) / sizeof(TYPE) };
#define STEP OF(STEP)

/* What a row and a column move in the result and in the operands. */
struct OF(steps) {
    long result_row, result_step, a_row, a_step, b_row, b_step;
    bool resume;
    struct walk walk;
};

/* Where one element of the result is, and what it is made of at the first contracted position. */
struct OF(spot) {
    TYPE *result;
    const TYPE *a, *b;
};

static inline __attribute__((always_inline)) struct OF(spot)
    OF(spot_at)(struct OF(spot) spot, const struct OF(steps) * s, long row, long column) {
    return (struct OF(spot)){spot.result + row * s->result_row + column * s->result_step,
                             spot.a + row * s->a_row + column * s->a_step,
                             spot.b + row * s->b_row + column * s->b_step};
}

static inline __attribute__((always_inline)) VECTOR OF(load_steps)(const TYPE *from, long step) {
    VECTOR loaded;
    OF(bits) bits;
    if (step == 1)
        return *(const VECTOR *)from;
    if (step == 0) {
        memcpy(&bits, from, sizeof bits);
        return (VECTOR)((UNSIGNED){0} + bits); /* in all elements */
    }
    for (long i = 0; i < STEP; i++)
        loaded[i] = from[i * step];
    return loaded;
}

/* height x width vectors of neighbouring results, whose sums stay in registers. Rows share b. */
static inline __attribute__((always_inline)) void OF(contract_block)(int height, int width,
                                                                     struct OF(spot) spot,
                                                                     const struct OF(steps) * s,
                                                                     long a_step, long b_step) {
    const struct walk *walk = &s->walk;
    const int last = walk->count - 1;
    const long extent = walk->extent[last], next_a = walk->a[last], next_b = walk->b[last];
    VECTOR sums[TALL][FLAT];
    for (int r = 0; r < height; r++)
        for (int v = 0; v < width; v++)
            sums[r][v] =
                s->resume ? *(VECTOR *)(spot.result + r * s->result_row + v * STEP) : (VECTOR){0};
    struct walk_place place;
    walk_begin(walk, &place);
    do {
        const TYPE *x = spot.a + place.a, *y = spot.b + place.b;
        for (long k = 0; k < extent; k++, x += next_a, y += next_b)
            for (int v = 0; v < width; v++) {
                const VECTOR b = OF(load_steps)(y + v * STEP * b_step, b_step);
                for (int r = 0; r < height; r++)
                    sums[r][v] = OF(multiply_add)(
                        OF(load_steps)(x + r * s->a_row + v * STEP * a_step, a_step), b,
                        sums[r][v]);
            }
    } while (walk_on(walk, &place));
    for (int r = 0; r < height; r++)
        for (int v = 0; v < width; v++)
            *(VECTOR *)(spot.result + r * s->result_row + v * STEP) = sums[r][v];
}

/* ---- b is neighbours; a is neighbours, or the same for all columns ---- */

#define CONTRACT_BLOCK(name, height, width)                                                        \
    static __attribute__((noinline)) void OF(name)(struct OF(spot) spot,                           \
                                                   const struct OF(steps) * s) {                   \
        if (s->a_step == 0)                                                                        \
            OF(contract_block)(height, width, spot, s, 0, 1);                                      \
        else                                                                                       \
            OF(contract_block)(height, width, spot, s, 1, 1);                                      \
    }
CONTRACT_BLOCK(contract_tall, TALL, 2)
CONTRACT_BLOCK(contract_column, TALL, 1)
CONTRACT_BLOCK(contract_flat, 1, FLAT)
CONTRACT_BLOCK(contract_vector, 1, 1)
#undef CONTRACT_BLOCK

/* The last `rest` of a vector of results, by way of a copy. */
static void OF(contract_edge)(long rest, struct OF(spot) spot, const struct OF(steps) * s) {
    TYPE edge[STEP], *result = spot.result;
    memcpy(edge, result, sizeof edge);
    spot.result = edge;
    OF(contract_vector)(spot, s);
    memcpy(result + STEP - rest, edge + STEP - rest, (size_t)rest * sizeof *edge);
}

/* TALL rows that share b. Where columns are no whole vectors, the last vector overlaps the one
 * before. */
static void OF(contract_rows)(long columns, struct OF(spot) spot, const struct OF(steps) * s) {
    const long rest = columns % STEP;
    long column = 0;
    for (; column + 2 * STEP <= columns; column += 2 * STEP)
        OF(contract_tall)(OF(spot_at)(spot, s, 0, column), s);
    if (column + STEP <= columns)
        OF(contract_column)(OF(spot_at)(spot, s, 0, column), s);
    for (long row = 0; rest > 0 && row < TALL; row++)
        OF(contract_edge)(rest, OF(spot_at)(spot, s, row, columns - STEP), s);
}

static void OF(contract_row)(long columns, struct OF(spot) spot, const struct OF(steps) * s) {
    const long rest = columns % STEP;
    long column = 0;
    for (; column + FLAT * STEP <= columns; column += FLAT * STEP)
        OF(contract_flat)(OF(spot_at)(spot, s, 0, column), s);
    for (; column + STEP <= columns; column += STEP)
        OF(contract_vector)(OF(spot_at)(spot, s, 0, column), s);
    if (rest > 0)
        OF(contract_edge)(rest, OF(spot_at)(spot, s, 0, columns - STEP), s);
}

/* Requires a vector of columns at least. */
static void OF(contract_columns)(long rows, long columns, struct OF(spot) spot,
                                 const struct OF(steps) * s) {
    long row = 0;
    for (; s->b_row == 0 && row + TALL <= rows; row += TALL)
        OF(contract_rows)(columns, OF(spot_at)(spot, s, row, 0), s);
    for (; row < rows; row++)
        OF(contract_row)(columns, OF(spot_at)(spot, s, row, 0), s);
}

/* ---- Any steps ---- */

static TYPE OF(contract_element)(struct OF(spot) spot, const struct OF(steps) * s) {
    const struct walk *walk = &s->walk;
    const int last = walk->count - 1;
    TYPE sum = s->resume ? *spot.result : 0;
    struct walk_place place;
    walk_begin(walk, &place);
    do
        for (long k = 0; k < walk->extent[last]; k++)
            sum = OF(scalar_contract)(spot.a[place.a + k * walk->a[last]],
                                      spot.b[place.b + k * walk->b[last]], sum);
    while (walk_on(walk, &place));
    return sum;
}

static void OF(contract_spread)(struct OF(spot) spot, const struct OF(steps) * s) {
    TYPE edge[STEP], *result = spot.result;
    for (long i = 0; i < STEP; i++)
        edge[i] = result[i * s->result_step];
    spot.result = edge;
    OF(contract_block)(1, 1, spot, s, s->a_step, s->b_step);
    for (long i = 0; i < STEP; i++)
        result[i * s->result_step] = edge[i];
}

static void OF(contract_anyhow)(long rows, long columns, struct OF(spot) spot,
                                const struct OF(steps) * s) {
    for (long row = 0; row < rows; row++) {
        long column = 0;
        for (; column + STEP <= columns; column += STEP)
            OF(contract_spread)(OF(spot_at)(spot, s, row, column), s);
        for (; column < columns; column++) {
            const struct OF(spot) one = OF(spot_at)(spot, s, row, column);
            *one.result = OF(contract_element)(one, s);
        }
    }
}

/* ---- Which of them ---- */

/* Rows for columns. */
static void OF(turn)(struct OF(steps) * s) {
    exchange_longs(&s->result_row, &s->result_step);
    exchange_longs(&s->a_row, &s->a_step);
    exchange_longs(&s->b_row, &s->b_step);
}

/* a for b, which products do not mind. */
static void OF(exchange)(struct OF(spot) * spot, struct OF(steps) * s) {
    const TYPE *a = spot->a;
    spot->a = spot->b;
    spot->b = a;
    exchange_longs(&s->a_row, &s->b_row);
    exchange_longs(&s->a_step, &s->b_step);
}

/* Whether there is a vector of neighbouring results, made of neighbours. */
static bool OF(has_neighbours)(long columns, const struct OF(steps) * s) {
    return columns >= STEP && s->result_step == 1 &&
           ((s->a_step == 1 && s->b_step == 1) || (s->a_step == 0 && s->b_step == 1) ||
            (s->a_step == 1 && s->b_step == 0));
}

static void OF(clear)(long rows, long columns, TYPE *result, const struct OF(steps) * s) {
    static const TYPE zero = 0;
    struct operand operands[] = {
        {(char *)result, s->result_row, s->result_step, sizeof zero},
        {(char *)&zero, 0, 0, sizeof zero},
    };
    copy(rows, columns, &operands[0], &operands[1]);
}

static void OF(contract)(long rows, long columns, long axes, const long *axis, struct OF(spot) spot,
                         struct OF(steps) * s) {
    if (is_empty(axes, axis)) {
        if (!s->resume)
            OF(clear)(rows, columns, spot.result, s);
        return;
    }
    bool neighbours = OF(has_neighbours)(columns, s);
    if (!neighbours) {
        OF(turn)(s);
        exchange_longs(&rows, &columns);
        neighbours = OF(has_neighbours)(columns, s);
    }
    const bool exchange =
        neighbours && (s->b_step != 1 || (s->a_step == 1 && s->a_row == 0 && s->b_row != 0));
    if (exchange)
        OF(exchange)(&spot, s);
    read_walk(&s->walk, axes, axis, exchange);
    if (neighbours) {
        OF(contract_columns)(rows, columns, spot, s);
        return;
    }
    if (columns < STEP && rows > columns) {
        OF(turn)(s);
        exchange_longs(&rows, &columns);
    }
    OF(contract_anyhow)(rows, columns, spot, s);
}

#undef SHORT
#undef PASTE
#undef PASTE_NAMES
#undef OF
#undef TYPE
#undef VECTOR
#undef UNSIGNED
#undef STEP
