/* Reductions as row operations, in the order of ops.def: element k of a reduction goes to lane
 * k % 16, and a fixed tree joins the lanes. A part of rows_body.h.
 *
 * Along rows, the 16 lanes of a result are neighbours, and vectors run across lanes. Down columns,
 * lane l of all results is one row of `lanes`, and vectors run across results. */

/* What one reduction of one dtype consists of. Elements of a row, lanes and results are neighbours.
 */
struct row_reduction {
    long bytes;
    const void *identity;
    /* to[i] = a[i] (op) b[i] for all neighbours; to may be a. */
    void (*join)(long count, void *to, const void *a, const void *b);
    /* to[i] takes a[i] and the same of the three rows that follow it, `apart` from one another. */
    void (*join_four)(long count, void *to, const void *a, long apart);
    /* The lanes of each row take whole rounds of its elements. */
    void (*rounds)(long rows, long rounds, void *lanes, const void *a, long a_row);
    void (*along_end)(long rows, void *result, const void *lanes);
    /* The reduction of one row of neighbours, without lanes in memory; NULL: there is none. */
    void (*row)(long columns, void *result, const void *a);
};

/* ---- Loops over neighbours ---- */

#define JOIN(short, name)                                                                          \
    static void join_##name##_##short(long count, void *to, const void *a, const void *b) {        \
        type_##short *result = to;                                                                 \
        const type_##short *x = a, *y = b;                                                         \
        INDEPENDENT                                                                                \
        for (long i = 0; i < count; i++)                                                           \
            result[i] = scalar_##name##_##short(x[i], y[i]);                                       \
    }                                                                                              \
    static void join_four_##name##_##short(long count, void *to, const void *a, long apart) {      \
        type_##short *result = to;                                                                 \
        const type_##short *x = a;                                                                 \
        INDEPENDENT                                                                                \
        for (long i = 0; i < count; i++) {                                                         \
            type_##short sum = scalar_##name##_##short(result[i], x[i]);                           \
            sum = scalar_##name##_##short(sum, x[i + apart]);                                      \
            sum = scalar_##name##_##short(sum, x[i + 2 * apart]);                                  \
            result[i] = scalar_##name##_##short(sum, x[i + 3 * apart]);                            \
        }                                                                                          \
    }

/* So many rows at once that the chains of their lanes hide each other's latency. */
#define HEIGHT(short)                                                                              \
    (VECTOR_ELEMENTS(short) * 4 >= REDUCTION_LANES ? VECTOR_ELEMENTS(short) * 4 / REDUCTION_LANES  \
                                                   : 1)
#define ROUNDS(short, name)                                                                        \
    static inline __attribute__((always_inline)) void block_##name##_##short(                      \
        long height, long rounds, type_##short *lanes, const type_##short *a, long a_row) {        \
        enum { WIDTH = REDUCTION_LANES / VECTOR_ELEMENTS(short), STEP = VECTOR_ELEMENTS(short) };  \
        vector_##short sums[HEIGHT(short)][WIDTH];                                                 \
        for (long r = 0; r < height; r++)                                                          \
            for (long v = 0; v < WIDTH; v++)                                                       \
                sums[r][v] = LOAD(short, lanes + r * REDUCTION_LANES + v * STEP);                  \
        for (long i = 0; i < rounds; i++)                                                          \
            for (long r = 0; r < height; r++)                                                      \
                for (long v = 0; v < WIDTH; v++) {                                                 \
                    vector_##short next =                                                          \
                        LOAD(short, a + r * a_row + i * REDUCTION_LANES + v * STEP);               \
                    sums[r][v] = VECTOR_##name(short, sums[r][v], next);                           \
                }                                                                                  \
        for (long r = 0; r < height; r++)                                                          \
            for (long v = 0; v < WIDTH; v++)                                                       \
                STORE(short, lanes + r * REDUCTION_LANES + v * STEP, sums[r][v]);                  \
    }                                                                                              \
    static void rounds_##name##_##short(long rows, long rounds, void *lanes, const void *a,        \
                                        long a_row) {                                              \
        const type_##short *from = a;                                                              \
        type_##short *to = lanes;                                                                  \
        long r = 0;                                                                                \
        for (; r + (long)HEIGHT(short) <= rows; r += HEIGHT(short))                                \
            block_##name##_##short(HEIGHT(short), rounds, to + r * REDUCTION_LANES,                \
                                   from + r * a_row, a_row);                                       \
        for (; r < rows; r++)                                                                      \
            block_##name##_##short(1, rounds, to + r * REDUCTION_LANES, from + r * a_row, a_row);  \
    }

/* The same of the greatest and the least float, which compilers do not make the instructions for
 * that there are. A block is computed as if it had no NaN, and again when it has. */
static inline __attribute__((always_inline)) void
join_part(enum lanes_op op, long count, float *result, const float *x, const float *y) {
#if defined __AVX512F__
    const __mmask16 part = (__mmask16)((1u << count) - 1);
    const lanes_vector joined =
        lanes_join(op, _mm512_maskz_loadu_ps(part, x), _mm512_maskz_loadu_ps(part, y));
    _mm512_mask_storeu_ps(result, part, joined);
#else
    for (long i = 0; i < count; i++)
        result[i] = lane_join(op, x[i], y[i]);
#endif
}
#define JOIN_ORDERED(name, op)                                                                     \
    static void join_##name##_f32(long count, void *to, const void *a, const void *b) {            \
        float *result = to;                                                                        \
        const float *x = a, *y = b;                                                                \
        long i = 0;                                                                                \
        for (; i + LANES_WIDTH <= count; i += LANES_WIDTH)                                         \
            lanes_store(result + i, lanes_join(op, lanes_load(x + i), lanes_load(y + i)));         \
        if (i < count)                                                                             \
            join_part(op, count - i, result + i, x + i, y + i);                                    \
    }                                                                                              \
    static void join_four_##name##_f32(long count, void *to, const void *a, long apart) {          \
        float *result = to;                                                                        \
        const float *x = a;                                                                        \
        long i = 0;                                                                                \
        for (; i + LANES_WIDTH <= count; i += LANES_WIDTH) {                                       \
            const lanes_vector first = lanes_load(x + i), second = lanes_load(x + i + apart);      \
            const lanes_vector third = lanes_load(x + i + 2 * apart);                              \
            const lanes_vector fourth = lanes_load(x + i + 3 * apart);                             \
            lanes_vector sum = lanes_join(op, lanes_load(result + i), first);                      \
            sum = lanes_join(op, lanes_join(op, sum, second), third);                              \
            lanes_store(result + i, lanes_join(op, sum, fourth));                                  \
        }                                                                                          \
        for (; i < count; i++)                                                                     \
            for (long k = 0; k < 4; k++)                                                           \
                result[i] = lane_join(op, result[i], x[i + k * apart]);                            \
    }
enum { ORDERED_HEIGHT = LANES_WIDTH > 4 ? LANES_WIDTH / 4 : 1 /* rows, as HEIGHT has it */ };
static inline __attribute__((always_inline)) lanes_nans ordered_block(enum lanes_op op, bool exact,
                                                                      long height, long rounds,
                                                                      float *lanes, const float *a,
                                                                      long a_row) {
    lanes_vector sums[ORDERED_HEIGHT][LANES_PARTS], next[ORDERED_HEIGHT * LANES_PARTS + 1];
    lanes_nans met = lanes_meet_none();
    const long count = height * LANES_PARTS;
    for (long i = 0; i < count; i++)
        sums[i / LANES_PARTS][i % LANES_PARTS] = lanes_load(lanes + i * LANES_WIDTH);
    for (long round = 0; round < rounds; round++) {
        for (long i = 0; i < count; i++) {
            lanes_vector *sum = &sums[i / LANES_PARTS][i % LANES_PARTS];
            next[i] = lanes_load(a + i / LANES_PARTS * a_row + round * REDUCTION_LANES +
                                 i % LANES_PARTS * LANES_WIDTH);
            *sum = exact ? lanes_join(op, *sum, next[i]) : lanes_choose(op, *sum, next[i]);
        }
        next[count] = next[count - 1];
        for (long i = 0; i < count && !exact; i += 4)
            met = lanes_meet_four(met, next[i], next[i + 1 < count ? i + 1 : count],
                                  next[i + 2 < count ? i + 2 : count],
                                  next[i + 3 < count ? i + 3 : count]);
    }
    if (!lanes_met(met))
        for (long i = 0; i < count; i++)
            lanes_store(lanes + i * LANES_WIDTH, sums[i / LANES_PARTS][i % LANES_PARTS]);
    return met;
}
static inline __attribute__((always_inline)) void ordered_row(enum lanes_op op, long rounds,
                                                              float *lanes, const float *a) {
    struct lanes x;
    for (long i = 0; i < LANES_PARTS; i++)
        x.part[i] = lanes_load(lanes + i * LANES_WIDTH);
    x = lanes_take(op, x, a, rounds * REDUCTION_LANES);
    for (long i = 0; i < LANES_PARTS; i++)
        lanes_store(lanes + i * LANES_WIDTH, x.part[i]);
}
#define ROUNDS_ORDERED(name, op)                                                                   \
    static inline __attribute__((always_inline)) void block_##name##_f32(                          \
        long height, long rounds, float *lanes, const float *a, long a_row) {                      \
        if (lanes_met(ordered_block(op, false, height, rounds, lanes, a, a_row)))                  \
            ordered_block(op, true, height, rounds, lanes, a, a_row);                              \
    }                                                                                              \
    static void rounds_##name##_f32(long rows, long rounds, void *lanes, const void *a,            \
                                    long a_row) {                                                  \
        const float *from = a;                                                                     \
        float *to = lanes;                                                                         \
        long r = 0;                                                                                \
        for (; r + (long)ORDERED_HEIGHT <= rows; r += ORDERED_HEIGHT)                              \
            block_##name##_f32(ORDERED_HEIGHT, rounds, to + r * REDUCTION_LANES, from + r * a_row, \
                               a_row);                                                             \
        for (; r < rows; r++)                                                                      \
            ordered_row(op, rounds, to + r * REDUCTION_LANES, from + r * a_row);                   \
    }
#define ORDERED(name, op)                                                                          \
    JOIN_ORDERED(name, op)                                                                         \
    ROUNDS_ORDERED(name, op)                                                                       \
    static void along_end_##name##_f32(long rows, void *result, const void *lanes) {               \
        for (long r = 0; r < rows; r++) {                                                          \
            struct lanes x;                                                                        \
            for (long i = 0; i < LANES_PARTS; i++)                                                 \
                x.part[i] =                                                                        \
                    lanes_load((const float *)lanes + r * REDUCTION_LANES + i * LANES_WIDTH);      \
            ((float *)result)[r] = lanes_end(op, x);                                               \
        }                                                                                          \
    }

/* The tree, in registers: lane l takes l + 8, l + 4, l + 2, l + 1. (A result at a time: vectors
 * across results would be put together lane by lane.) */
#define ALONG_END(short, name)                                                                     \
    static inline type_##short four_lanes_##name##_##short(const type_##short *lane) {             \
        return scalar_##name##_##short(scalar_##name##_##short(lane[0], lane[8]),                  \
                                       scalar_##name##_##short(lane[4], lane[12]));                \
    }                                                                                              \
    static void along_end_##name##_##short(long rows, void *result, const void *lanes) {           \
        const type_##short *lane = lanes;                                                          \
        for (long r = 0; r < rows; r++, lane += REDUCTION_LANES) {                                 \
            const type_##short even = scalar_##name##_##short(                                     \
                four_lanes_##name##_##short(lane), four_lanes_##name##_##short(lane + 2));         \
            const type_##short odd = scalar_##name##_##short(                                      \
                four_lanes_##name##_##short(lane + 1), four_lanes_##name##_##short(lane + 3));     \
            ((type_##short *)result)[r] = scalar_##name##_##short(even, odd);                      \
            __asm__("" : "+r"(lane));                                                              \
        }                                                                                          \
    }

#define ROW_ALONE(name, op)                                                                        \
    static void row_##name##_f32(long columns, void *result, const void *a) {                      \
        struct lanes lanes = lanes_begin((float)IDENTITY_##name(f32));                             \
        *(float *)result = lanes_end(op, lanes_take(op, lanes, a, columns));                       \
    }
ROW_ALONE(reduce_sum, LANES_SUM)
ROW_ALONE(reduce_prod, LANES_PROD)
ROW_ALONE(reduce_max, LANES_MAX)
ROW_ALONE(reduce_min, LANES_MIN)

#define USUAL(short, name)                                                                         \
    JOIN(short, name)                                                                              \
    ROUNDS(short, name)                                                                            \
    ALONG_END(short, name)
#define REDUCTION_OF(id, short, name, row)                                                         \
    static const type_##short identity_##name##_##short = IDENTITY_##name(short);                  \
    static const struct row_reduction name##_##short = {sizeof(type_##short),                      \
                                                        &identity_##name##_##short,                \
                                                        join_##name##_##short,                     \
                                                        join_four_##name##_##short,                \
                                                        rounds_##name##_##short,                   \
                                                        along_end_##name##_##short,                \
                                                        row};
/* Bool is a number of the same kind as uint8, but for what is least and greatest. */
#define REDUCTION_OF_BOOL(name)                                                                    \
    static const type_b8 identity_##name##_b8 = IDENTITY_##name(b8);                               \
    static const struct row_reduction name##_b8 = {sizeof(type_b8),                                \
                                                   &identity_##name##_b8,                          \
                                                   join_##name##_u8,                               \
                                                   join_four_##name##_u8,                          \
                                                   rounds_##name##_u8,                             \
                                                   along_end_##name##_u8,                          \
                                                   NULL};
#define REDUCTION_OF_INTEGER(id, short, name, row)                                                 \
    USUAL(short, name)                                                                             \
    REDUCTION_OF(id, short, name, row)
#define REDUCTION(name)                                                                            \
    REDUCTION_OF(FLOAT32, f32, name, row_##name##_f32)                                             \
    REDUCTION_OF(FLOAT64, f64, name, NULL)                                                         \
    FOR_INTEGER_DTYPES(REDUCTION_OF_INTEGER, name, NULL)                                           \
    REDUCTION_OF_BOOL(name)
USUAL(f32, reduce_sum)
USUAL(f32, reduce_prod)
ORDERED(reduce_max, LANES_MAX)
ORDERED(reduce_min, LANES_MIN)
USUAL(f64, reduce_sum)
USUAL(f64, reduce_prod)
USUAL(f64, reduce_max)
USUAL(f64, reduce_min)
REDUCTION(reduce_sum)
REDUCTION(reduce_prod)
REDUCTION(reduce_max)
REDUCTION(reduce_min)

static void fill_neighbours(long count, void *to, const void *value, long bytes) {
    copy(1, count, &(struct operand){to, 0, 1, bytes},
         &(struct operand){(char *)value, 0, 0, bytes});
}

static void begin_lanes(const struct row_reduction *reduction, long results, char *lanes) {
    fill_neighbours(results * REDUCTION_LANES, lanes, reduction->identity, reduction->bytes);
}

/* Up to the next whole round of the lanes, whole rounds, and the rest. */
static void take_along(const struct row_reduction *reduction, long rows, long columns, char *lanes,
                       long first, const char *a, long a_row) {
    const long lane = first % REDUCTION_LANES,
               head = lane ? least(REDUCTION_LANES - lane, columns) : 0;
    const long rounds = (columns - head) / REDUCTION_LANES,
               rest = (columns - head) % REDUCTION_LANES;
    const long bytes = reduction->bytes, lanes_row = REDUCTION_LANES * bytes;
    for (long r = 0; head > 0 && r < rows; r++) {
        char *to = lanes + r * lanes_row + lane * bytes;
        reduction->join(head, to, to, a + r * a_row * bytes);
    }
    if (rounds > 0)
        reduction->rounds(rows, rounds, lanes, a + head * bytes, a_row);
    for (long r = 0; rest > 0 && r < rows; r++) {
        char *to = lanes + r * lanes_row;
        reduction->join(rest, to, to, a + (r * a_row + columns - rest) * bytes);
    }
}

/* Rows of lanes are `apart`. Rows of `a` a round apart go to the same lanes: four a visit. */
static void take_down(const struct row_reduction *reduction, long rows, long columns, char *lanes,
                      long apart, long first, const char *a, long a_row) {
    const long bytes = reduction->bytes;
    long r = 0;
    for (; r + 4 * REDUCTION_LANES <= rows; r += 4 * REDUCTION_LANES)
        for (long i = r; i < r + REDUCTION_LANES; i++)
            reduction->join_four(columns, lanes + (first + i) % REDUCTION_LANES * apart * bytes,
                                 a + i * a_row * bytes, REDUCTION_LANES * a_row);
    for (; r < rows; r++) {
        char *to = lanes + (first + r) % REDUCTION_LANES * apart * bytes;
        reduction->join(columns, to, to, a + r * a_row * bytes);
    }
}

/* The tree over lanes, for at most STAGE results. */
static void join_lanes(const struct row_reduction *reduction, long columns, char *result,
                       const char *lanes, long apart) {
    _Alignas(64) char tree[REDUCTION_LANES / 2][STAGE * 8];
    const long lane_bytes = apart * reduction->bytes;
    for (int i = 0; i < REDUCTION_LANES / 2; i++)
        reduction->join(columns, tree[i], lanes + i * lane_bytes,
                        lanes + (i + REDUCTION_LANES / 2) * lane_bytes);
    for (int half = REDUCTION_LANES / 4; half > 1; half /= 2)
        for (int i = 0; i < half; i++)
            reduction->join(columns, tree[i], tree[i], tree[i + half]);
    reduction->join(columns, result, tree[0], tree[1]);
}

/* ---- Any steps ---- */

static struct operand part_of(const struct operand *whole, long row, long column) {
    struct operand part = *whole;
    part.data += (row * whole->row + column * whole->step) * whole->bytes;
    return part;
}

/* Rows that are copied into a stage of neighbours, part by part. */
static void reduce_along(const struct row_reduction *reduction, long rows, long columns,
                         char *lanes, long first, const struct operand *a) {
    if (a->step == 1) {
        take_along(reduction, rows, columns, lanes, first, a->data, a->row);
        return;
    }
    _Alignas(64) char stage[STAGE * 8];
    const struct operand staged = {stage, 0, 1, a->bytes};
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c += STAGE) {
            const long count = least(STAGE, columns - c);
            const struct operand part = part_of(a, r, c);
            copy(1, count, &staged, &part);
            take_along(reduction, 1, count, lanes + r * REDUCTION_LANES * a->bytes, first + c,
                       stage, 0);
        }
}

static void reduce_down(const struct row_reduction *reduction, long rows, long columns, char *lanes,
                        long first, const struct operand *a) {
    if (a->step == 1) {
        take_down(reduction, rows, columns, lanes, columns, first, a->data, a->row);
        return;
    }
    _Alignas(64) char stage[STAGE * 8];
    const struct operand staged = {stage, 0, 1, a->bytes};
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c += STAGE) {
            const long count = least(STAGE, columns - c);
            const struct operand part = part_of(a, r, c);
            copy(1, count, &staged, &part);
            take_down(reduction, 1, count, lanes + c * a->bytes, columns, first + r, stage, 0);
        }
}

/* One row, whose elements lie at a position; where there is none, zeros. */
static void reduce_row_at(const struct row_reduction *reduction, long columns, char *lanes,
                          long first, const struct operand *a, long position, long extent,
                          long stride) {
    static const char zero[8];
    const bool inside = position >= 0 && position < extent;
    const struct operand from = {inside ? a->data + position * stride * a->bytes : (char *)zero, 0,
                                 inside ? a->step : 0, a->bytes};
    reduce_down(reduction, 1, columns, lanes, first, &from);
}

/* Results are made as neighbours and then put where they belong. */
static void reduce_end(const struct row_reduction *reduction, bool down, long count,
                       const struct operand *result, const char *lanes) {
    _Alignas(64) char stage[STAGE * 8];
    const struct operand staged = {stage, 0, 1, result->bytes};
    for (long i = 0; i < count; i += STAGE) {
        const long some = least(STAGE, count - i);
        const struct operand part = part_of(result, 0, i);
        char *to = result->step == 1 ? part.data : stage;
        if (down)
            join_lanes(reduction, some, to, lanes + i * result->bytes, count);
        else
            reduction->along_end(some, to, lanes + i * REDUCTION_LANES * result->bytes);
        if (result->step != 1)
            copy(1, some, &part, &staged);
    }
}

/* Results in blocks whose lanes fit into the nearest cache. */
enum { RESULTS_ALONG = 16, RESULTS_DOWN = 128, FEW_ROWS = 4 };

static void reduce(const struct row_reduction *reduction, long rows, long columns,
                   const struct operand *result, const struct operand *a) {
    if (a->step == 1 && reduction->row && rows < FEW_ROWS) {
        for (long r = 0; r < rows; r++)
            reduction->row(columns, part_of(result, 0, r).data, part_of(a, r, 0).data);
        return;
    }
    _Alignas(64) char lanes[RESULTS_DOWN * REDUCTION_LANES * 8];
    const bool down = a->step != 1 && a->row == 1;
    const long most = down ? RESULTS_DOWN : RESULTS_ALONG;
    for (long r = 0; r < rows; r += most) {
        const long count = least(most, rows - r);
        const struct operand from = part_of(a, r, 0), to = part_of(result, 0, r);
        begin_lanes(reduction, count, lanes);
        if (down) {
            const struct operand turned = {from.data, from.step, from.row, from.bytes};
            reduce_down(reduction, columns, count, lanes, 0, &turned);
        } else {
            reduce_along(reduction, count, columns, lanes, 0, &from);
        }
        reduce_end(reduction, down, count, &to, lanes);
    }
}

/* ---- Rows that lie anywhere ---- */

enum { ROWS_ANYWHERE = 1024 };

#define REDUCE_ROWS_AT(name, op)                                                                   \
    static void at_##name##_f32(long rows, long columns, float *result,                            \
                                const float *const *from) {                                        \
        lanes_of_rows(op, (float)IDENTITY_##name(f32), result, from, rows, columns);               \
    }
REDUCE_ROWS_AT(reduce_sum, LANES_SUM)
REDUCE_ROWS_AT(reduce_prod, LANES_PROD)
REDUCE_ROWS_AT(reduce_max, LANES_MAX)
REDUCE_ROWS_AT(reduce_min, LANES_MIN)

/* Positions of rows, as they are given. */
struct row_positions {
    const char *data;
    long row, bytes; /* of a position */
    long extent, stride, wrap;
};

static long position_of(const struct row_positions *positions, long row) {
    const char *from = positions->data + row * positions->row * positions->bytes;
    return wrapped(positions->bytes == sizeof(int32_t) ? *(const int32_t *)from
                                                       : (long)*(const int64_t *)from,
                   positions->wrap);
}

/* Finds all rows and asks the caches for them. False: some have no position. */
static bool find_rows(const float **from, long rows, long columns, const struct operand *a,
                      const struct row_positions *positions) {
    for (long r = 0; r < rows; r++) {
        const long position = position_of(positions, r);
        if (position < 0 || position >= positions->extent)
            return false;
        from[r] = (const float *)a->data + r * a->row + position * positions->stride;
        fetch_row(from[r], least(columns * (long)sizeof **from, SHORT_BYTES));
    }
    return true;
}

static void reduce_at(const struct row_reduction *reduction,
                      void (*together)(long rows, long columns, float *result,
                                       const float *const *from),
                      long rows, long columns, const struct operand *result,
                      const struct operand *a, const struct row_positions *positions) {
    const float *from[ROWS_ANYWHERE];
    if (rows <= ROWS_ANYWHERE && columns >= LANES_WIDTH && a->step == 1 && result->step == 1 &&
        find_rows(from, rows, columns, a, positions)) {
        together(rows, columns, (float *)result->data, from);
        return;
    }
    _Alignas(64) char lanes[RESULTS_DOWN * REDUCTION_LANES * 8];
    for (long c = 0; c < columns; c += RESULTS_DOWN) {
        const long count = least(RESULTS_DOWN, columns - c);
        const struct operand to = part_of(result, 0, c);
        begin_lanes(reduction, count, lanes);
        for (long r = 0; r < rows; r++) {
            const struct operand row = part_of(a, r, c);
            reduce_row_at(reduction, count, lanes, r, &row, position_of(positions, r),
                          positions->extent, positions->stride);
        }
        reduce_end(reduction, true, count, &to, lanes);
    }
}

/* The kinds of rows.def. */
#define ROW_OPERAND(a) (&(struct operand){(char *)(a), a##_row, a##_step, sizeof *(a)})
#define RESULT_OPERAND (&(struct operand){(char *)result, 0, result_step, sizeof *result})
#define DEFINE_REDUCE(row, short, name)                                                            \
    static void row(long rows, long columns, type_##short *result, long result_step,               \
                    const type_##short *a, long a_row, long a_step) {                              \
        reduce(&name##_##short, rows, columns, RESULT_OPERAND, ROW_OPERAND(a));                    \
    }
#define DEFINE_BEGIN(row, short, name)                                                             \
    static void row(long results, type_##short *lanes) {                                           \
        begin_lanes(&name##_##short, results, (char *)lanes);                                      \
    }
#define DEFINE_ALONG(row, short, name)                                                             \
    static void row(long rows, long columns, type_##short *lanes, long first,                      \
                    const type_##short *a, long a_row, long a_step) {                              \
        reduce_along(&name##_##short, rows, columns, (char *)lanes, first, ROW_OPERAND(a));        \
    }
#define DEFINE_ALONG_END(row, short, name)                                                         \
    static void row(long rows, type_##short *result, long result_step,                             \
                    const type_##short *lanes) {                                                   \
        reduce_end(&name##_##short, false, rows, RESULT_OPERAND, (const char *)lanes);             \
    }
#define DEFINE_DOWN(row, short, name)                                                              \
    static void row(long rows, long columns, type_##short *lanes, long first,                      \
                    const type_##short *a, long a_row, long a_step) {                              \
        reduce_down(&name##_##short, rows, columns, (char *)lanes, first, ROW_OPERAND(a));         \
    }
#define DEFINE_DOWN_AT(row, short, name, index)                                                    \
    static void row(long rows, long columns, type_##short *lanes, long first,                      \
                    const type_##short *a, long a_row, long a_step, const type_##index *position,  \
                    long position_row, long extent, long stride, long wrap) {                      \
        for (long r = 0; r < rows; r++) {                                                          \
            const struct operand from = part_of(ROW_OPERAND(a), r, 0);                             \
            reduce_row_at(&name##_##short, columns, (char *)lanes, first + r, &from,               \
                          wrapped(position[r * position_row], wrap), extent, stride);              \
        }                                                                                          \
    }
#define DEFINE_REDUCE_AT(row, short, name, index)                                                  \
    static void row(long rows, long columns, type_##short *result, long result_step,               \
                    const type_##short *a, long a_row, long a_step, const type_##index *position,  \
                    long position_row, long extent, long stride, long wrap) {                      \
        reduce_at(&name##_##short, at_##name##_##short, rows, columns, RESULT_OPERAND,             \
                  ROW_OPERAND(a),                                                                  \
                  &(struct row_positions){(const char *)position, position_row, sizeof *position,  \
                                          extent, stride, wrap});                                  \
    }
#define DEFINE_DOWN_END(row, short, name)                                                          \
    static void row(long columns, type_##short *result, long result_step,                          \
                    const type_##short *lanes) {                                                   \
        reduce_end(&name##_##short, true, columns, RESULT_OPERAND, (const char *)lanes);           \
    }
