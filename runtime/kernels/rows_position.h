/* argmax and argmin as row operations: the first place of the best element, by taking blocks of
 * elements in order and looking closer where a block has something better. A part of rows_body.h.
 */

/* As struct row_reduction: what is known of a result is its best element so far, and where it was.
 */
struct position {
    long bytes;
    const void *identity;
    void (*along)(long columns, void *best, int32_t *where, long first, const void *a);
    void (*down)(long columns, void *best, int32_t *where, long position, const void *a);
};

/* ---- Loops over neighbours ---- */

enum { SEARCHED = 512 /* elements of a block */, SHORT = 24 /* few enough to look at each */ };

#define ALONG_POSITION(short, name, extreme)                                                       \
    static void look_##name##_##short(long columns, type_##short *best, int32_t *where,            \
                                      long first, const type_##short *a) {                         \
        for (long i = 0; i < columns; i++)                                                         \
            if (scalar_##name##_##short(*best, a[i])) {                                            \
                *best = a[i];                                                                      \
                *where = (int32_t)(first + i);                                                     \
            }                                                                                      \
    }                                                                                              \
    static type_##short best_##name##_##short(long columns, const type_##short *a) {               \
        char lanes[REDUCTION_LANES * sizeof *a];                                                   \
        type_##short found;                                                                        \
        begin_lanes(&extreme##_##short, 1, lanes);                                                 \
        take_along(&extreme##_##short, 1, columns, lanes, 0, (const char *)a, 0);                  \
        along_end_##extreme##_##short(1, &found, lanes);                                           \
        return found;                                                                              \
    }                                                                                              \
    static void along_##name##_##short(long columns, void *best, int32_t *where, long first,       \
                                       const void *a) {                                            \
        type_##short *kept = best;                                                                 \
        for (long i = 0; i < columns; i += SEARCHED) {                                             \
            const type_##short *from = (const type_##short *)a + i;                                \
            const long count = least(SEARCHED, columns - i);                                       \
            if (count <= SHORT) {                                                                  \
                look_##name##_##short(count, kept, where, first + i, from);                        \
                continue;                                                                          \
            }                                                                                      \
            const type_##short found = best_##name##_##short(count, from);                         \
            if (!scalar_##name##_##short(*kept, found))                                            \
                continue;                                                                          \
            long place = 0;                                                                        \
            while (from[place] != found && (found == found || from[place] == from[place]))         \
                place++;                                                                           \
            *kept = found;                                                                         \
            *where = (int32_t)(first + i + place);                                                 \
        }                                                                                          \
    }

#define DOWN_POSITION(short, name)                                                                 \
    static void down_##name##_##short(long columns, void *best, int32_t *where, long position,     \
                                      const void *a) {                                             \
        const type_##short *from = a;                                                              \
        type_##short *kept = best;                                                                 \
        INDEPENDENT                                                                                \
        for (long i = 0; i < columns; i++) {                                                       \
            const int better = scalar_##name##_##short(kept[i], from[i]);                          \
            kept[i] = better ? from[i] : kept[i];                                                  \
            where[i] = better ? (int32_t)position : where[i];                                      \
        }                                                                                          \
    }

#define POSITION_OF(id, short, name, extreme)                                                      \
    ALONG_POSITION(short, name, extreme)                                                           \
    DOWN_POSITION(short, name)                                                                     \
    static const struct position name##_##short = {sizeof(type_##short),                           \
                                                   &identity_##extreme##_##short,                  \
                                                   along_##name##_##short, down_##name##_##short};
#define POSITION(name, extreme)                                                                    \
    FOR_FLOAT_DTYPES(POSITION_OF, name, extreme)                                                   \
    FOR_INTEGER_DTYPES(POSITION_OF, name, extreme)                                                 \
    static const struct position name##_b8 = {sizeof(type_b8), &identity_##extreme##_b8,           \
                                              along_##name##_u8, down_##name##_u8};
POSITION(argmax, reduce_max)
POSITION(argmin, reduce_min)

static void begin_positions(const struct position *position, long results, void *best,
                            int32_t *where) {
    static const int32_t zero = 0;
    fill_neighbours(results, best, position->identity, position->bytes);
    fill_neighbours(results, where, &zero, sizeof zero);
}

/* ---- Any steps ---- */

static void position_along(const struct position *position, long rows, long columns, char *best,
                           int32_t *where, long first, const struct operand *a) {
    _Alignas(64) char stage[STAGE * 8];
    const struct operand staged = {stage, 0, 1, a->bytes};
    const long most = a->step == 1 ? columns : STAGE;
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c += most) {
            const long count = least(most, columns - c);
            const struct operand part = part_of(a, r, c);
            if (a->step != 1)
                copy(1, count, &staged, &part);
            position->along(count, best + r * a->bytes, where + r, first + c,
                            a->step == 1 ? part.data : stage);
        }
}

static void position_down(const struct position *position, long rows, long columns, char *best,
                          int32_t *where, long first, const struct operand *a) {
    _Alignas(64) char stage[STAGE * 8];
    const struct operand staged = {stage, 0, 1, a->bytes};
    const long most = a->step == 1 ? columns : STAGE;
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c += most) {
            const long count = least(most, columns - c);
            const struct operand part = part_of(a, r, c);
            if (a->step != 1)
                copy(1, count, &staged, &part);
            position->down(count, best + c * a->bytes, where + c, first + r,
                           a->step == 1 ? part.data : stage);
        }
}

static void find_positions(const struct position *position, long rows, long columns,
                           const struct operand *result, const struct operand *a) {
    enum { RESULTS = 512 };
    _Alignas(64) char best[RESULTS * 8];
    int32_t where[RESULTS];
    const bool down = a->step != 1 && a->row == 1;
    for (long r = 0; r < rows; r += RESULTS) {
        const long count = least(RESULTS, rows - r);
        const struct operand from = part_of(a, r, 0), to = part_of(result, 0, r);
        const struct operand turned = {from.data, from.step, from.row, from.bytes};
        begin_positions(position, count, best, where);
        if (down)
            position_down(position, columns, count, best, where, 0, &turned);
        else
            position_along(position, count, columns, best, where, 0, &from);
        copy(1, count, &to, &(struct operand){(char *)where, 0, 1, sizeof *where});
    }
}

/* The kinds of rows.def. */
#define DEFINE_POSITION(row, short, name)                                                          \
    static void row(long rows, long columns, int32_t *result, long result_step,                    \
                    const type_##short *a, long a_row, long a_step) {                              \
        find_positions(&name##_##short, rows, columns, RESULT_OPERAND, ROW_OPERAND(a));            \
    }
#define DEFINE_POSITION_BEGIN(row, short, name)                                                    \
    static void row(long results, type_##short *best, int32_t *where) {                            \
        begin_positions(&name##_##short, results, best, where);                                    \
    }
#define DEFINE_POSITION_ALONG(row, short, name)                                                    \
    static void row(long rows, long columns, type_##short *best, int32_t *where, long first,       \
                    const type_##short *a, long a_row, long a_step) {                              \
        position_along(&name##_##short, rows, columns, (char *)best, where, first,                 \
                       ROW_OPERAND(a));                                                            \
    }
#define DEFINE_POSITION_DOWN(row, short, name)                                                     \
    static void row(long rows, long columns, type_##short *best, int32_t *where, long first,       \
                    const type_##short *a, long a_row, long a_step) {                              \
        position_down(&name##_##short, rows, columns, (char *)best, where, first, ROW_OPERAND(a)); \
    }
