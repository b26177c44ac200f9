/* Contractions as row operations: each result is one chain of multiply-adds in the order of the
 * graph, and vectors run across neighbouring results. A part of rows_body.h. */

/* Blocks of vectors of results: TALL rows x 2 where rows share an operand, else one row x FLAT. */
enum { MAX_WALK = 32, TALL = 4, FLAT = 4 };

/* The contracted axes, outermost first: how far, and what a step moves in a and in b. */
struct walk {
    int count;
    long extent[MAX_WALK], a[MAX_WALK], b[MAX_WALK];
};

/* The axes in as few as possible, a and b exchanged if so. Always leaves an innermost axis. */
static void read_walk(struct walk *walk, long axes, const long *axis, bool exchange) {
    walk->count = 0;
    for (; axes > 0; axes--, axis += 3) {
        const long extent = axis[0], a = axis[1 + exchange], b = axis[2 - exchange];
        const int last = walk->count - 1;
        if (extent == 1)
            continue;
        if (last >= 0 && walk->a[last] == a * extent && walk->b[last] == b * extent) {
            walk->extent[last] *= extent;
            walk->a[last] = a;
            walk->b[last] = b;
            continue;
        }
        if (walk->count == MAX_WALK)
            unreachable();
        walk->extent[walk->count] = extent;
        walk->a[walk->count] = a;
        walk->b[walk->count++] = b;
    }
    if (walk->count > 0)
        return;
    walk->count = 1;
    walk->extent[0] = 1;
    walk->a[0] = walk->b[0] = 0;
}

/* Whether an axis has no extent, so that there is nothing to add. */
static bool is_empty(long axes, const long *axis) {
    for (; axes > 0; axes--, axis += 3)
        if (axis[0] <= 0)
            return true;
    return false;
}

/* A place on the way along all axes but the innermost. */
struct walk_place {
    long index[MAX_WALK], a, b;
};

static inline void walk_begin(const struct walk *walk, struct walk_place *place) {
    for (int i = 0; i < walk->count - 1; i++)
        place->index[i] = 0;
    place->a = place->b = 0;
}

/* To the next place; false: that was the last. */
static inline bool walk_on(const struct walk *walk, struct walk_place *place) {
    for (int i = walk->count - 2; i >= 0; i--) {
        place->a += walk->a[i];
        place->b += walk->b[i];
        if (++place->index[i] < walk->extent[i])
            return true;
        place->index[i] = 0;
        place->a -= walk->a[i] * walk->extent[i];
        place->b -= walk->b[i] * walk->extent[i];
    }
    return false;
}

static void exchange_longs(long *a, long *b) {
    const long was = *a;
    *a = *b;
    *b = was;
}

/* The dtypes that contract. Sums and products of a width have the same bits, signed or not. */
#define SHORT f32
#include "runtime/kernels/rows_contract_of.h"
#define SHORT f64
#include "runtime/kernels/rows_contract_of.h"
#define SHORT i32
#include "runtime/kernels/rows_contract_of.h"
#define SHORT i64
#include "runtime/kernels/rows_contract_of.h"
#define SHORT u8
#include "runtime/kernels/rows_contract_of.h"
#define SHORT u16
#include "runtime/kernels/rows_contract_of.h"

#define DEFINE_CONTRACT_b8(name) enum { name }; /* 0: there is none */
#define DEFINE_CONTRACT_f32(name) DEFINE_CONTRACT_AS(name, f32, f32)
#define DEFINE_CONTRACT_f64(name) DEFINE_CONTRACT_AS(name, f64, f64)
#define DEFINE_CONTRACT_i32(name) DEFINE_CONTRACT_AS(name, i32, i32)
#define DEFINE_CONTRACT_i64(name) DEFINE_CONTRACT_AS(name, i64, i64)
#define DEFINE_CONTRACT_u8(name) DEFINE_CONTRACT_AS(name, u8, u8)
#define DEFINE_CONTRACT_i8(name) DEFINE_CONTRACT_AS(name, i8, u8)
#define DEFINE_CONTRACT_i16(name) DEFINE_CONTRACT_AS(name, i16, u16)
#define DEFINE_CONTRACT_u16(name) DEFINE_CONTRACT_AS(name, u16, u16)
#define DEFINE_CONTRACT_u32(name) DEFINE_CONTRACT_AS(name, u32, i32)
#define DEFINE_CONTRACT_u64(name) DEFINE_CONTRACT_AS(name, u64, i64)
#define DEFINE_CONTRACT(name, short) DEFINE_CONTRACT_##short(name)
#define DEFINE_CONTRACT_AS(name, short, as)                                                        \
    static void name(long rows, long columns, type_##short *result, long result_row,               \
                     long result_step, const type_##short *a, long a_row, long a_step,             \
                     const type_##short *b, long b_row, long b_step, long resume, long axes,       \
                     const long *axis) {                                                           \
        struct steps_##as s;                                                                       \
        s.result_row = result_row, s.result_step = result_step;                                    \
        s.a_row = a_row, s.a_step = a_step, s.b_row = b_row, s.b_step = b_step;                    \
        s.resume = resume != 0;                                                                    \
        contract_##as(                                                                             \
            rows, columns, axes, axis,                                                             \
            (struct spot_##as){(type_##as *)result, (const type_##as *)a, (const type_##as *)b},   \
            &s);                                                                                   \
    }
