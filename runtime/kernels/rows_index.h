/* Row operations that make elements out of nothing or fetch them by position: fill, iota, gather. A
 * part of rows_body.h. */

#define DEFINE_FILL(name, short)                                                                   \
    static void name(long rows, long columns, type_##short *result, long result_row,               \
                     long result_step, const type_##short *value) {                                \
        const struct operand same = {(char *)value, 0, 0, sizeof *value};                          \
        copy(rows, columns, &(struct operand)OPERAND(result), &same);                              \
    }

/* In unsigned arithmetic, which wraps around as the cast of an index does. */
#define DEFINE_IOTA(name, short)                                                                   \
    static void name(long rows, long columns, type_##short *result, long result_row,               \
                     long result_step, long first, long by_row, long by_column) {                  \
        for (long row = 0; row < rows; row++) {                                                    \
            type_##short *to = result + row * result_row;                                          \
            const bits_##short begin = (bits_##short)(first + row * by_row);                       \
            const bits_##short by = (bits_##short)by_column;                                       \
            if (result_step == 1)                                                                  \
                for (long i = 0; i < columns; i++)                                                 \
                    to[i] = (type_##short)(begin + (bits_##short)i * by);                          \
            else                                                                                   \
                for (long i = 0; i < columns; i++)                                                 \
                    to[i * result_step] = (type_##short)(begin + (bits_##short)i * by);            \
        }                                                                                          \
    }

/* Positions that count from the end are below 0. */
static inline long wrapped(long position, long wrap) {
    return position < 0 ? position + wrap : position;
}

/* Where positions do not change along rows, rows are copied whole. */
#define GATHER(type, short)                                                                        \
    static void gather_##type##_##short(long rows, long columns, const struct operand *operands,   \
                                        long extent, long stride, long wrap) {                     \
        const struct operand *to = operands, *from = to + 1, *position = to + 2;                   \
        static const type zero = 0;                                                                \
        for (long row = 0; row < rows; row++) {                                                    \
            type *result = (type *)to->data + row * to->row;                                       \
            const type *a = (const type *)from->data + row * from->row;                            \
            const type_##short *at = (const type_##short *)position->data + row * position->row;   \
            if (position->step == 0) {                                                             \
                const long place = wrapped(*at, wrap);                                             \
                const bool inside = place >= 0 && place < extent;                                  \
                const struct operand source = {(char *)(inside ? a + place * stride : &zero), 0,   \
                                               inside ? from->step : 0, sizeof zero};              \
                copy_##type(1, columns, &(struct operand){(char *)result, 0, to->step, 0},         \
                            &source);                                                              \
                continue;                                                                          \
            }                                                                                      \
            for (long i = 0; i < columns; i++) {                                                   \
                const long place = wrapped(at[i * position->step], wrap);                          \
                result[i * to->step] =                                                             \
                    place >= 0 && place < extent ? a[i * from->step + place * stride] : 0;         \
            }                                                                                      \
        }                                                                                          \
    }
#define GATHERS(short)                                                                             \
    GATHER(bytes_1, short)                                                                         \
    GATHER(bytes_2, short)                                                                         \
    GATHER(bytes_4, short)                                                                         \
    GATHER(bytes_8, short)
GATHERS(i32)
GATHERS(i64)

#define DEFINE_GATHER(name, short, index)                                                          \
    static void name(long rows, long columns, type_##short *result, long result_row,               \
                     long result_step, const type_##short *a, long a_row, long a_step,             \
                     const type_##index *position, long position_row, long position_step,          \
                     long extent, long stride, long wrap) {                                        \
        struct operand operands[] = {OPERAND(result), OPERAND(a), OPERAND(position)};              \
        if (columns <= 0)                                                                          \
            return;                                                                                \
        if (sizeof *result == 1)                                                                   \
            gather_bytes_1_##index(rows, columns, operands, extent, stride, wrap);                 \
        else if (sizeof *result == 2)                                                              \
            gather_bytes_2_##index(rows, columns, operands, extent, stride, wrap);                 \
        else if (sizeof *result == 4)                                                              \
            gather_bytes_4_##index(rows, columns, operands, extent, stride, wrap);                 \
        else                                                                                       \
            gather_bytes_8_##index(rows, columns, operands, extent, stride, wrap);                 \
    }
