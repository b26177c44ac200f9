/* Chains: a whole elementwise expression in one call, a few vectors of the block at a time in
 * registers, of float32 or of int32, as which integers of eight bits go through. Included by
 * chains_NAME.c, which defines SET as that name; runtime/kernels/rows.h tells what can be called.
 */
#include "runtime/kernels/rows_vector.h"
#include "templates/chain.h"

#include <string.h>

enum { CHAIN_LANES = VECTOR_ELEMENTS(f32) };
enum { CHAIN_PARTS = REDUCTION_LANES / CHAIN_LANES };
/* Of the largest blocks: so many vectors that each step hides behind the one before, and that what
 * it needs beside them has registers, too. */
enum { CHAIN_VECTORS = 8 };

/* ---- Vectors ---- */

static inline vector_f32 repeated(float x) {
    return x - (vector_f32){0};
}

/* Of any 32 bits, which arithmetic of floats could change. */
static inline vector_f32 repeated_bits(const void *from) {
    return (vector_f32)(*(const bytes_4 *)from - (unsigned_i32){0});
}

static inline vector_f32 vector_magnitude(vector_f32 x) {
    return (vector_f32)((unsigned_i32)x & 0x7fffffffu);
}

static inline vector_f32 canonical(vector_f32 x) {
    return SELECT(x == x, x, repeated(f32_from_bits(0x7fc00000u)));
}

static inline vector_f32 vector_round(vector_f32 x) {
#if defined __AVX512F__
    return (vector_f32)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT);
#elif defined __AVX2__
    return (vector_f32)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined __aarch64__ && defined __ARM_NEON
    return (vector_f32)vrndnq_f32((float32x4_t)x);
#else
    for (int i = 0; i < CHAIN_LANES; i++)
        x[i] = f32_rint(x[i]);
    return x;
#endif
}

/* Casts, by the rules of templates/convert.h. */
static inline vector_i32 vector_f32_to_i32(vector_f32 x) {
    const vector_i32 large = x >= repeated(0x1p31f), small = x < repeated(-0x1p31f);
    const vector_i32 whole =
        __builtin_convertvector(SELECT((x == x) & ~large & ~small, x, repeated(0)), vector_i32);
    return SELECT(large, (vector_i32){0} + INT32_MAX,
                  SELECT(small, (vector_i32){0} + INT32_MIN, whole));
}

static inline vector_i32 vector_f32_to_u8(vector_f32 x) {
    const vector_f32 most = repeated(255), above = SELECT(x > repeated(0), x, repeated(0));
    return __builtin_convertvector(SELECT(above < most, above, most), vector_i32);
}

static inline vector_i32 vector_f32_to_i8(vector_f32 x) {
    const vector_f32 least = repeated(-128), most = repeated(127);
    const vector_f32 number = SELECT(x == x, x, repeated(0));
    const vector_f32 above = SELECT(number > least, number, least);
    return __builtin_convertvector(SELECT(above < most, above, most), vector_i32);
}

#if defined __AVX512F__
#define CHAIN_PART_INLINE inline
#else /* no instruction does it */
#define CHAIN_PART_INLINE __attribute__((noinline))
#endif
/* The first `width` lanes. */
static CHAIN_PART_INLINE vector_f32 load_part(const float *from, long width) {
#if defined __AVX512F__
    return (vector_f32)_mm512_maskz_loadu_ps((__mmask16)((1u << width) - 1), from);
#else
    float lanes[CHAIN_LANES] = {0};
    for (long i = 0; i < width; i++)
        lanes[i] = from[i];
    return LOAD(f32, lanes);
#endif
}

static CHAIN_PART_INLINE void store_part(float *to, vector_f32 x, long width) {
#if defined __AVX512F__
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << width) - 1), (__m512)x);
#else
    float lanes[CHAIN_LANES];
    STORE(f32, lanes, x);
    for (long i = 0; i < width; i++)
        to[i] = lanes[i];
#endif
}

/* Elements of eight bits as int32, and the lowest bits of those. */
typedef uint8_t vector_bytes __attribute__((vector_size(CHAIN_LANES), aligned(1), may_alias));

static inline vector_f32 widened(vector_bytes bytes, bool has_sign) {
#if defined __AVX512F__
    return has_sign ? (vector_f32)_mm512_cvtepi8_epi32((__m128i)bytes)
                    : (vector_f32)_mm512_cvtepu8_epi32((__m128i)bytes);
#else
    typedef int8_t vector_signed __attribute__((vector_size(CHAIN_LANES)));
    return has_sign ? (vector_f32) __builtin_convertvector((vector_signed)bytes, vector_i32)
                    : (vector_f32) __builtin_convertvector(bytes, vector_i32);
#endif
}

static inline vector_bytes narrowed(vector_f32 x) {
#if defined __AVX512F__
    return (vector_bytes)_mm512_cvtepi32_epi8((__m512i)x);
#else
    return __builtin_convertvector((unsigned_i32)x, vector_bytes);
#endif
}

static __attribute__((noinline)) vector_bytes load_part_of_bytes(const void *from, long width) {
    vector_bytes bytes = {0};
    memcpy(&bytes, from, (size_t)width);
    return bytes;
}

static __attribute__((noinline)) void store_part_of_bytes(void *to, vector_bytes bytes,
                                                          long width) {
    memcpy(to, &bytes, (size_t)width);
}

/* ---- A block through all steps ---- */

/* What a block needs in memory. */
struct chain_room {
    _Alignas(64) float lanes[CHAIN_RESULTS][CHAIN_VECTORS * REDUCTION_LANES]; /* of its rows */
    _Alignas(64) float scratch[CHAIN_VECTORS * CHAIN_LANES];
    float slots[CHAIN_SLOTS * CHAIN_VECTORS * CHAIN_LANES];
};

struct chain {
    const struct row_step *end;
    const void *const *operands;
    void *const *results;
    long columns, width; /* width: of vectors that are not whole, in lanes */
    int reduction_count;
    const struct row_step *reductions[CHAIN_RESULTS]; /* the steps that reduce */
    bool only_reduces;                                /* what lies in memory, by one such step */
    const struct row_step *first; /* behind what blocks begin with: elements of memory, or NULL */
    const float *taken;
    long taken_row, taken_from; /* from one row to the next; the row that is first there */
    struct chain_room *room;
    int joined;       /* CHAIN_OF all its steps */
    long row, column; /* of the block at hand */
};

/* Steps whose operation is a loop of its own. */
#define CHAIN_LOOP(name, op, function)                                                             \
    static void loop_##function(float *result, const float *a, long columns) {                     \
        STRIP_OR(STRIP_##function##_f32, LOOP_1(float, scalar_##function##_f32(a[i])))             \
    }
#include "templates/chain.def"

static __attribute__((noinline)) void take_scratch(float *scratch, int op, long columns) {
    static void (*const loops[])(float *, const float *, long) = {
#define CHAIN_LOOP(name, op, function) [STEP_##name] = loop_##function,
#include "templates/chain.def"
    };
    loops[op](scratch, scratch, columns);
}

#if defined __clang__
#define CHAIN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CHAIN_UNROLL _Pragma("GCC unroll 8")
#endif
/* Vector i of the block lies in row i / across and column i % across. */
#define EACH                                                                                       \
    CHAIN_UNROLL                                                                                   \
    for (int i = 0; i < rows * across; i++)
#define CHAIN_LOAD(from) (part ? load_part(from, chain->width) : LOAD(f32, from))
#define CHAIN_OFFSET (i / across * step->row + i % across * CHAIN_LANES)
#define CHAIN_SLOT(number) (chain->room->slots + ((number)-1) * (rows * across * CHAIN_LANES))
#define CHAIN_LOAD_BYTES(from)                                                                     \
    (part ? load_part_of_bytes(from, chain->width) : *(const vector_bytes *)(from))
/* What the lanes of each row take of its vectors, one after another; or, where neighbours may be
 * joined first, as many at once as there are. */
#define CHAIN_LANES_TAKE(function, neighbours_first)                                               \
    float *lanes = chain->room->lanes[step->from];                                                 \
    const int first = (int)(chain->column / CHAIN_LANES % CHAIN_PARTS);                            \
    CHAIN_UNROLL                                                                                   \
    for (int r = 0; r < rows; r++, lanes += REDUCTION_LANES) {                                     \
        vector_f32 taken[CHAIN_PARTS], next[CHAIN_VECTORS];                                        \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < CHAIN_PARTS; k++)                                                      \
            taken[k] = LOAD(f32, lanes + (first + k) % CHAIN_PARTS * CHAIN_LANES);                 \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < across; k++)                                                           \
            next[k] = v[r * across + k];                                                           \
        if (neighbours_first && CHAIN_PARTS == 1) {                                                \
            CHAIN_JOIN_NEIGHBOURS(function, 1)                                                     \
            CHAIN_JOIN_NEIGHBOURS(function, 2)                                                     \
            CHAIN_JOIN_NEIGHBOURS(function, 4)                                                     \
            taken[0] = VECTOR_##function(f32, taken[0], next[0]);                                  \
        } else {                                                                                   \
            CHAIN_UNROLL                                                                           \
            for (int k = 0; k < across; k++)                                                       \
                taken[k % CHAIN_PARTS] = VECTOR_##function(f32, taken[k % CHAIN_PARTS], next[k]);  \
        }                                                                                          \
        if (part) {                                                                                \
            store_part(lanes + first * CHAIN_LANES, taken[0], chain->width);                       \
            continue;                                                                              \
        }                                                                                          \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < CHAIN_PARTS; k++)                                                      \
            STORE(f32, lanes + (first + k) % CHAIN_PARTS * CHAIN_LANES, taken[k]);                 \
    }
#define CHAIN_JOIN_NEIGHBOURS(function, apart)                                                     \
    CHAIN_UNROLL                                                                                   \
    for (int k = 0; k + apart < across; k += 2 * apart)                                            \
        next[k] = VECTOR_##function(f32, next[k], next[k + apart]);

/* A function of templates/strip.h, of as many vectors at once as it is for. */
#define CHAIN_IN_REGISTERS(function)                                                               \
    CHAIN_UNROLL                                                                                   \
    for (int first = 0; first < rows * across; first += 4) {                                       \
        const int some = rows * across - first < 4 ? rows * across - first : 4;                    \
        __m512 x[4];                                                                               \
        CHAIN_UNROLL                                                                               \
        for (int i = 0; i < some; i++)                                                             \
            x[i] = (__m512)v[first + i];                                                           \
        function(some, x);                                                                         \
        CHAIN_UNROLL                                                                               \
        for (int i = 0; i < some; i++)                                                             \
            v[first + i] = (vector_f32)x[i];                                                       \
    }
#define CHAIN_IN_SCRATCH(op)                                                                       \
    EACH STORE(f32, chain->room->scratch + i * CHAIN_LANES, v[i]);                                 \
    take_scratch(chain->room->scratch, op, rows *across *CHAIN_LANES);                             \
    EACH v[i] = LOAD(f32, chain->room->scratch + i * CHAIN_LANES);
/* An operation that is a loop of its own. */
#if defined __AVX512F__
#define CHAIN_COMPUTE(op)                                                                          \
    if ((op) == STEP_EXP) {                                                                        \
        CHAIN_IN_REGISTERS(f32_exp_registers)                                                      \
    } else if ((op) == STEP_ERF) {                                                                 \
        CHAIN_IN_REGISTERS(f32_erf_registers)                                                      \
    } else {                                                                                       \
        CHAIN_IN_SCRATCH(op)                                                                       \
    }
#else
#define CHAIN_COMPUTE(op) CHAIN_IN_SCRATCH(op)
#endif

/* ---- Steps: a function each, in blocks of every size ---- */

enum { CHAIN_CODES = STEP_FORMS * STEP_COUNT };
#define CHAIN_CODE(op, form) (STEP_FORMS * (op) + (form))

/* A step with the block in its arguments, which registers hold; it ends in a jump to the next. */
#define CHAIN_STATE                                                                                \
    struct chain *chain, const struct row_step *step, const struct chain_steps *steps,             \
        vector_f32 v0, vector_f32 v1, vector_f32 v2, vector_f32 v3, vector_f32 v4, vector_f32 v5,  \
        vector_f32 v6, vector_f32 v7
struct chain_steps {
    void (*of[CHAIN_CODES])(CHAIN_STATE);
};

/* ---- Blocks of all sizes ---- */

/* Rows by vectors across: there is one for every row that is left over, and for every vector. */
#define CHAIN_BLOCKS(BLOCK)                                                                        \
    BLOCK(1, 1, part)                                                                              \
    BLOCK(2, 1, part)                                                                              \
    BLOCK(4, 1, part)                                                                              \
    BLOCK(1, 1, whole)                                                                             \
    BLOCK(2, 1, whole)                                                                             \
    BLOCK(4, 1, whole)                                                                             \
    BLOCK(8, 1, whole)                                                                             \
    BLOCK(1, 2, whole)                                                                             \
    BLOCK(2, 2, whole)                                                                             \
    BLOCK(4, 2, whole)                                                                             \
    BLOCK(1, 4, whole)                                                                             \
    BLOCK(1, 8, whole)

enum { CHAIN_whole, CHAIN_part };
struct chain_span {
    long row, row_end, column, column_end;
};
/* How blocks of one size go through a chain: by its steps; or, if they are all joined, at once. */
#define CHAIN_OF(op) ((op) < STEP_FIRST_JOINED ? 0 : (op)-STEP_FIRST_JOINED + 1)
struct chain_block {
    void (*of[CHAIN_OF(STEP_COUNT)])(struct chain *chain, const struct chain_span *span);
};
#define CHAIN_ROWS 1
#define CHAIN_ACROSS 1
#define CHAIN_KIND part
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 2
#define CHAIN_ACROSS 1
#define CHAIN_KIND part
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 4
#define CHAIN_ACROSS 1
#define CHAIN_KIND part
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 1
#define CHAIN_ACROSS 1
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 2
#define CHAIN_ACROSS 1
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 4
#define CHAIN_ACROSS 1
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 8
#define CHAIN_ACROSS 1
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 1
#define CHAIN_ACROSS 2
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 2
#define CHAIN_ACROSS 2
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 4
#define CHAIN_ACROSS 2
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 1
#define CHAIN_ACROSS 4
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"
#define CHAIN_ROWS 1
#define CHAIN_ACROSS 8
#define CHAIN_KIND whole
#include "runtime/kernels/chain_steps.h"

/* By kind, vectors across and rows; NULL: there is none of that size. */
static const struct chain_block *const chain_blocks[2][CHAIN_VECTORS + 1][CHAIN_VECTORS + 1] = {
#define CHAIN_BLOCK(rows, across, kind)                                                            \
    [CHAIN_##kind][across][rows] = &block_##rows##x##across##_##kind,
    CHAIN_BLOCKS(CHAIN_BLOCK)
#undef CHAIN_BLOCK
};

/* ---- Reductions: lanes for the rows at hand ---- */

static const struct chain_reduction {
    float identity;
    enum lanes_op op;
} chain_reductions[] = {
#define CHAIN_REDUCE(name, op, function, tree)                                                     \
    [STEP_##name] = {IDENTITY_##function(f32), LANES_##tree},
#include "templates/chain.def"
};

/* NULL: the step is none. */
static inline const struct chain_reduction *chain_reduction(const struct row_step *step) {
    return step->op >= STEP_REDUCE_SUM && step->op <= STEP_REDUCE_MIN ? &chain_reductions[step->op]
                                                                      : NULL;
}

/* A chain as it runs: what is the same for all rows is found once. Calls are short: nothing is
 * written that is not read. */
static inline void prepare_chain(struct chain *chain, long columns, const struct row_step *steps,
                                 long count, const void *const *operands, void *const *results,
                                 bool reduces) {
    const struct row_step *first = steps;
    chain->end = steps + count;
    chain->operands = operands;
    chain->results = results;
    chain->columns = columns;
    chain->reduction_count = 0;
    const bool takes = first->op == STEP_TAKE && chain->end - first > 1 &&
                       (first->form == FORM_BLOCK || first->form == FORM_COLUMNS);
    chain->width = chain->columns % CHAIN_LANES;
    for (const struct row_step *step = first; reduces && step < chain->end; step++)
        if (chain_reduction(step))
            chain->reductions[chain->reduction_count++] = step;
    chain->only_reduces = takes && chain->end - first == 2 && chain->reduction_count == 1;
    chain->first = first + takes;
    chain->joined = CHAIN_OF(chain->first->op);
    chain->taken = takes ? chain->operands[first->from] : NULL;
    chain->taken_row = first->form == FORM_BLOCK ? first->row : 0;
    chain->taken_from = 0;
}

static void begin_chain_lanes(struct chain *chain, long rows) {
    for (int i = 0; i < chain->reduction_count; i++) {
        const struct row_step *step = chain->reductions[i];
        const vector_f32 identity = repeated(chain_reduction(step)->identity);
        float *const lanes = chain->room->lanes[step->from];
        for (long k = 0; k < rows * REDUCTION_LANES; k += CHAIN_LANES)
            STORE(f32, lanes + k, identity);
    }
}

/* The tree. */
static float join_chain_lanes(enum lanes_op op, const float *from) {
    struct lanes lanes;
    for (int i = 0; i < LANES_PARTS; i++)
        lanes.part[i] = lanes_load(from + i * LANES_WIDTH);
    switch (op) {
    case LANES_SUM:
        return lanes_end(LANES_SUM, lanes);
    case LANES_PROD:
        return lanes_end(LANES_PROD, lanes);
    case LANES_MAX:
        return lanes_end(LANES_MAX, lanes);
    case LANES_MIN:
        return lanes_end(LANES_MIN, lanes);
    }
    unreachable();
}

static void end_chain_lanes(struct chain *chain, long row, long rows) {
    for (int i = 0; i < chain->reduction_count; i++) {
        const struct row_step *step = chain->reductions[i];
        const enum lanes_op op = chain_reduction(step)->op;
        const float *const lanes = chain->room->lanes[step->from];
        float *const result = (float *)chain->results[step->from] + row * step->row;
        for (long r = 0; r < rows; r++)
            result[r * step->row] = join_chain_lanes(op, lanes + r * REDUCTION_LANES);
    }
}

/* A row of memory, with its lanes in registers. */
static float reduce_row(const struct chain *chain, long row) {
    const struct chain_reduction *reduction = chain_reduction(chain->reductions[0]);
    const float *const from = chain->taken + row * chain->taken_row;
    const struct lanes lanes = lanes_begin(reduction->identity);
    switch (reduction->op) {
    case LANES_SUM:
        return lanes_end(LANES_SUM, lanes_take(LANES_SUM, lanes, from, chain->columns));
    case LANES_PROD:
        return lanes_end(LANES_PROD, lanes_take(LANES_PROD, lanes, from, chain->columns));
    case LANES_MAX:
        return lanes_end(LANES_MAX, lanes_take(LANES_MAX, lanes, from, chain->columns));
    case LANES_MIN:
        return lanes_end(LANES_MIN, lanes_take(LANES_MIN, lanes, from, chain->columns));
    }
    unreachable();
}

static void reduce_rows(const struct chain *chain, long row, long end) {
    const struct row_step *step = chain->reductions[0];
    float *const result = chain->results[step->from];
    for (; row < end; row++)
        result[row * step->row] = reduce_row(chain, row);
}

/* ---- All of them ---- */

/* All columns of the span's rows, by blocks of so many rows and at most so many vectors: powers of
 * two. */
static inline void run_rows(struct chain *chain, struct chain_span span, long rows, long across) {
    const long whole = chain->columns - chain->width;
    begin_chain_lanes(chain, rows);
    for (; span.column < whole; span.column = span.column_end) {
        const long vectors = (whole - span.column) / CHAIN_LANES;
        while (across > vectors)
            across /= 2;
        span.column_end = span.column + (vectors & -across) * CHAIN_LANES;
        chain_blocks[CHAIN_whole][across][rows]->of[chain->joined](chain, &span);
    }
    span.column_end = chain->columns;
    if (chain->width)
        chain_blocks[CHAIN_part][1][rows]->of[chain->joined](chain, &span);
    end_chain_lanes(chain, span.row, rows);
}

/* Whether rows are so long that they are taken one after another. */
static bool is_wide(long rows, long columns) {
    return least(columns / CHAIN_LANES, CHAIN_VECTORS) > 2 * least(rows, CHAIN_VECTORS);
}

/* Else as many at a time as there are blocks for. */
static long rows_at_once(const struct chain *chain) {
    return chain->columns == CHAIN_LANES ? CHAIN_VECTORS : CHAIN_VECTORS / 2;
}

static inline void run_chain(struct chain *chain, long begin, long end) {
    const bool wide = is_wide(end - begin, chain->columns);
    const long across = wide ? CHAIN_VECTORS : chain->columns / CHAIN_LANES > 1 ? 2 : 1;
    long rows = wide ? 1 : rows_at_once(chain);
    if (chain->only_reduces) {
        reduce_rows(chain, begin, end);
        return;
    }
    for (long row = begin, taken; row < end; row += taken) {
        while (rows > end - row)
            rows /= 2;
        taken = chain->reduction_count > 0 ? rows : (end - row) & -rows; /* lanes of one block */
        run_rows(chain, (struct chain_span){row, row + taken, 0, 0}, rows, across);
    }
}

#define CHAIN_CALLED(name, reduces)                                                                \
    void OF_SET(name, )(long rows, long columns, long count, const struct row_step *steps,         \
                        const void *const *operands, void *const *results) {                       \
        struct chain_room room;                                                                    \
        struct chain chain;                                                                        \
        chain.room = &room;                                                                        \
        prepare_chain(&chain, columns, steps, count, operands, results, reduces);                  \
        run_chain(&chain, 0, rows);                                                                \
    }
CHAIN_CALLED(row_chain_, false)
CHAIN_CALLED(row_reducing_chain_, true)

/* ---- Tiles ---- */

/* The sums of so many rows that no block is smaller than it must be, if there is room for them. */
enum { TILED_SUMS = 2048 };
static inline bool are_enough(const struct chain *chain, const struct row_tiles *tiles,
                              long waiting) {
    return waiting % rows_at_once(chain) == 0 ||
           (waiting + tiles->rows) * tiles->walk->sums > TILED_SUMS;
}

void OF_SET(row_tiled_chain_, )(long columns, long count, const struct row_step *steps,
                                const void *const *operands, void *const *results, long kinds,
                                const struct row_tiles *tiles, const float *stream,
                                const float *panel) {
    _Alignas(64) float sums[TILED_SUMS];
    struct chain_room room;
    struct chain chain;
    long waiting = 0;
    chain.room = &room;
    prepare_chain(&chain, columns, steps, count, operands, results, false);
    chain.taken = sums;
    for (const struct row_tiles *end = tiles + kinds; tiles < end; tiles++) {
        for (long left = tiles->count; left > 0; left--, stream += tiles->step) {
            tiles->tile(sums + waiting * tiles->walk->sums, stream, panel, tiles->walk, 0, NULL);
            waiting += tiles->rows;
            if (!are_enough(&chain, tiles, waiting) && (left > 1 || tiles + 1 < end))
                continue;
            run_chain(&chain, chain.taken_from, chain.taken_from + waiting);
            chain.taken_from += waiting;
            waiting = 0;
        }
    }
}

/* ---- Phases ---- */

static void run_phase(struct chain *chain, long row) {
    if (chain->only_reduces)
        reduce_rows(chain, row, row + 1);
    else
        run_rows(chain, (struct chain_span){row, row + 1, 0, 0}, 1,
                 is_wide(1, chain->columns) ? CHAIN_VECTORS : 2);
}

void OF_SET(row_phases_, )(long rows, long count, const struct row_phase *phases) {
    struct chain_room room;
    struct chain chains[CHAIN_PHASES];
    for (long i = 0; i < count; i++) {
        const struct row_phase *phase = &phases[i];
        chains[i].room = &room;
        prepare_chain(&chains[i], phase->columns, phase->steps, phase->count, phase->operands,
                      phase->results, true);
    }
    for (long row = 0; row < rows; row++)
        for (long i = 0; i < count; i++)
            run_phase(&chains[i], row);
}
