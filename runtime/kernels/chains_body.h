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
    long count;
    const struct row_step *steps;
    const void *const *operands;
    void *const *results;
    long columns, width; /* width: of vectors that are not whole, in lanes */
    bool reduces;        /* some step does */
    struct chain_room *room;
};

/* Steps whose operation is a loop of its own. */
#define CHAIN_LOOP(name, op, function)                                                             \
    static void loop_##function(float *result, const float *a, long columns) {                     \
        STRIP_OR(STRIP_##function##_f32, LOOP_1(float, scalar_##function##_f32(a[i])))             \
    }
#include "templates/chain.def"

static __attribute__((noinline)) void take_scratch(struct chain *chain, int op, long columns) {
    static void (*const loops[])(float *, const float *, long) = {
#define CHAIN_LOOP(name, op, function) [STEP_##name] = loop_##function,
#include "templates/chain.def"
    };
    loops[op](chain->room->scratch, chain->room->scratch, columns);
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
#define CHAIN_CODE(op, form) (STEP_FORMS * (op) + (form))

/* a: what went through the chain until here; b: the operand. */
#define CHAIN_EACH(short, operand, expression)                                                     \
    EACH {                                                                                         \
        const vector_##short a __attribute__((unused)) = (vector_##short)v[i];                     \
        const vector_##short b = (vector_##short)(operand);                                        \
        v[i] = (vector_f32)(expression);                                                           \
    }
#define CHAIN_CASE(op, short, expression)                                                          \
    case CHAIN_CODE(op, FORM_SAME): {                                                              \
        const vector_f32 same = repeated_bits(chain->operands[step->from]);                        \
        CHAIN_EACH(short, same, expression)                                                        \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_ROWS): {                                                              \
        const float *from = (const float *)chain->operands[step->from] + row * step->row;          \
        CHAIN_EACH(short, repeated_bits(from + i / across * step->row), expression)                \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_COLUMNS): {                                                           \
        const float *from = (const float *)chain->operands[step->from] + column;                   \
        vector_f32 shared[CHAIN_VECTORS];                                                          \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < across; k++)                                                           \
            shared[k] = CHAIN_LOAD(from + k * CHAIN_LANES);                                        \
        CHAIN_EACH(short, shared[i % across], expression)                                          \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_BLOCK): {                                                             \
        const float *from = (const float *)chain->operands[step->from] + row * step->row + column; \
        CHAIN_EACH(short, CHAIN_LOAD(from + CHAIN_OFFSET), expression)                             \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_SLOT):                                                                \
        CHAIN_EACH(short, LOAD(f32, CHAIN_SLOT(step->from) + i * CHAIN_LANES), expression)         \
        break;
#define CHAIN_CASE_ALONE(op, short, expression)                                                    \
    case CHAIN_CODE(op, 0):                                                                        \
        EACH {                                                                                     \
            const vector_##short a = (vector_##short)v[i];                                         \
            v[i] = (vector_f32)(expression);                                                       \
        }                                                                                          \
        break;
#define CHAIN_LOAD_BYTES(from)                                                                     \
    (part ? load_part_of_bytes(from, chain->width) : *(const vector_bytes *)(from))
#define CHAIN_CASE_BYTES(op, short, form, offset, load)                                            \
    case CHAIN_CODE(op, form): {                                                                   \
        const type_##short *from = (const type_##short *)chain->operands[step->from] + (offset);   \
        EACH v[i] = load;                                                                          \
        break;                                                                                     \
    }
#define CHAIN_CASES_OF_BYTES(op, short)                                                            \
    CHAIN_CASE_BYTES(op, short, FORM_SAME, 0, (vector_f32)((vector_i32){0} + *from))               \
    CHAIN_CASE_BYTES(op, short, FORM_ROWS, row * step->row,                                        \
                     (vector_f32)((vector_i32){0} + from[i / across * step->row]))                 \
    CHAIN_CASE_BYTES(                                                                              \
        op, short, FORM_COLUMNS, column,                                                           \
        widened(CHAIN_LOAD_BYTES(from + i % across * CHAIN_LANES), (type_##short)-1 < 0))          \
    CHAIN_CASE_BYTES(op, short, FORM_BLOCK, row * step->row + column,                              \
                     widened(CHAIN_LOAD_BYTES(from + CHAIN_OFFSET), (type_##short)-1 < 0))

/* What the lanes of each row take of its vectors, one after another; or, where neighbours may be
 * joined first, as many at once as there are. */
#define CHAIN_LANES_TAKE(function, neighbours_first)                                               \
    float *lanes = chain->room->lanes[step->from];                                                 \
    const int first = (int)(column / CHAIN_LANES % CHAIN_PARTS);                                   \
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
    take_scratch(chain, op, rows *across *CHAIN_LANES);                                            \
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

/* `rows` x `across` vectors from one place; `part`: not whole ones. All three are constants. */
static inline __attribute__((always_inline)) void chain_block(const int rows, const int across,
                                                              const bool part, struct chain *chain,
                                                              long row, long column) {
    vector_f32 v[CHAIN_VECTORS];
    EACH v[i] = (vector_f32){0};
    for (const struct row_step *step = chain->steps, *end = step + chain->count; step < end;
         step++) {
        switch (CHAIN_CODE(step->op, step->form)) {
#define CHAIN_TAKE(name, value) CHAIN_CASE(STEP_##name, f32, value)
#define CHAIN_TAKE_BYTES(name, dtype, short) CHAIN_CASES_OF_BYTES(STEP_##name, short)
#define CHAIN_BINARY(name, op, function, dtype, short, value) CHAIN_CASE(STEP_##name, short, value)
#define CHAIN_REVERSED(name, op, function, dtype, short, value)                                    \
    CHAIN_CASE(STEP_##name, short, value)
#define CHAIN_UNARY(name, op, function, dtype, short, value)                                       \
    CHAIN_CASE_ALONE(STEP_##name, short, value)
#define CHAIN_CAST(name, from, from_short, to, to_short, value)                                    \
    CHAIN_CASE_ALONE(STEP_##name, from_short, value)
#define CHAIN_WIDEN(name, from, from_short, to, to_short) CHAIN_CASE_ALONE(STEP_##name, i32, a)
#define CHAIN_CANONICAL(name, value) CHAIN_CASE_ALONE(STEP_##name, f32, value)
#define CHAIN_NUMBER(name, value) CHAIN_CASE(STEP_##name, f32, value)
#include "templates/chain.def"
        case CHAIN_CODE(STEP_RAMP, FORM_SAME): {
            const vector_f32 bound = repeated_bits(chain->operands[step->from]);
            const vector_f32 shift = repeated_bits(chain->operands[step->from + 1]);
            EACH v[i] = greater_of_vectors(bound, v[i]) - greater_of_vectors(bound, v[i] + shift);
            break;
        }
        case CHAIN_CODE(STEP_NORMALIZE, FORM_COLUMNS):
        case CHAIN_CODE(STEP_NORMALIZE, FORM_SAME): {
            const bool same = step->form == FORM_SAME;
            const float *const *from = (const float *const *)chain->operands + step->from;
            CHAIN_UNROLL
            for (int k = 0; k < across; k++) {
                const long at = column + k * CHAIN_LANES;
                const vector_f32 mean = same ? repeated_bits(from[0]) : CHAIN_LOAD(from[0] + at);
                const vector_f32 scale = same ? repeated_bits(from[1]) : CHAIN_LOAD(from[1] + at);
                const vector_f32 factor = CHAIN_LOAD(from[2] + at);
                const vector_f32 bias = CHAIN_LOAD(from[3] + at);
                CHAIN_UNROLL
                for (int i = k; i < rows * across; i += across)
                    v[i] = (v[i] - mean) * scale * factor + bias;
            }
            break;
        }
        case CHAIN_CODE(STEP_CUBIC, FORM_SAME): {
            const vector_f32 factor = repeated_bits(chain->operands[step->from]);
            EACH v[i] = v[i] + factor * (v[i] * v[i] * v[i]);
            break;
        }
        case CHAIN_CODE(STEP_SQUARE, 0):
            EACH v[i] = v[i] * v[i];
            break;
        case CHAIN_CODE(STEP_SIGMOID, 0):
            EACH v[i] = -v[i];
            CHAIN_COMPUTE(STEP_EXP)
            EACH v[i] = 1.0f / (v[i] + 1.0f);
            break;
#define CHAIN_REDUCE(name, op, function, tree)                                                     \
    case CHAIN_CODE(STEP_##name, FORM_ROWS): {                                                     \
        CHAIN_LANES_TAKE(function, LANES_##tree != LANES_SUM && LANES_##tree != LANES_PROD)        \
        break;                                                                                     \
    }
#include "templates/chain.def"
        case CHAIN_CODE(STEP_FETCH, FORM_BLOCK): {
            const float *from = chain->operands[step->from];
            from += (row + rows) * step->row + column;
            EACH __builtin_prefetch(from + CHAIN_OFFSET);
            break;
        }
        case CHAIN_CODE(STEP_PUT, FORM_BLOCK): {
            const long apart = step->row; /* stores keep the compiler from knowing it still */
            float *const to = (float *)chain->results[step->from] + row * apart + column;
            EACH {
                float *const place = to + i / across * apart + i % across * CHAIN_LANES;
                if (part)
                    store_part(place, v[i], chain->width);
                else
                    STORE(f32, place, v[i]);
            }
            break;
        }
        case CHAIN_CODE(STEP_PUT_BYTES, FORM_BLOCK): {
            const long apart = step->row;
            uint8_t *const to = (uint8_t *)chain->results[step->from] + row * apart + column;
            EACH {
                uint8_t *const place = to + i / across * apart + i % across * CHAIN_LANES;
                if (part)
                    store_part_of_bytes(place, narrowed(v[i]), chain->width);
                else
                    *(vector_bytes *)place = narrowed(v[i]);
            }
            break;
        }
#define CHAIN_LOOP(name, op, function) case CHAIN_CODE(STEP_##name, 0):
#include "templates/chain.def"
            CHAIN_COMPUTE(step->op)
            break;
        default:
            unreachable();
        }
        if (step->keep) {
            float *const slot = CHAIN_SLOT(step->keep);
            EACH STORE(f32, slot + i * CHAIN_LANES, v[i]);
        }
    }
}

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
/* Blocks one after another, of some rows and columns, as many as are multiples of a block's. */
struct chain_span {
    long row, row_end, column, column_end;
};
#define CHAIN_BLOCK(rows, across, kind)                                                            \
    static void chain_##rows##x##across##_##kind(struct chain *chain,                              \
                                                 const struct chain_span *span) {                  \
        for (long row = span->row; row < span->row_end; row += rows)                               \
            for (long at = span->column; at < span->column_end; at += across * CHAIN_LANES) {      \
                long first = row, column = at; /* of which no addresses are kept for all steps */  \
                __asm__("" : "+r"(first), "+r"(column));                                           \
                chain_block(rows, across, CHAIN_##kind, chain, first, column);                     \
            }                                                                                      \
    }
CHAIN_BLOCKS(CHAIN_BLOCK)
#undef CHAIN_BLOCK

/* By kind, vectors across and rows; NULL: there is none of that size. */
typedef void chain_block_function(struct chain *chain, const struct chain_span *span);
static chain_block_function *const chain_blocks[2][CHAIN_VECTORS + 1][CHAIN_VECTORS + 1] = {
#define CHAIN_BLOCK(rows, across, kind)                                                            \
    [CHAIN_##kind][across][rows] = chain_##rows##x##across##_##kind,
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

static bool chain_reduces(const struct chain *chain) {
    for (long i = 0; i < chain->count; i++)
        if (chain_reduction(&chain->steps[i]))
            return true;
    return false;
}

static void begin_chain_lanes(struct chain *chain, long rows) {
    for (long i = 0; i < chain->count; i++) {
        const struct chain_reduction *reduction = chain_reduction(&chain->steps[i]);
        for (long k = 0; reduction && k < rows * REDUCTION_LANES; k++)
            chain->room->lanes[chain->steps[i].from][k] = reduction->identity;
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
    for (long i = 0; i < chain->count; i++) {
        const struct row_step *step = &chain->steps[i];
        const struct chain_reduction *reduction = chain_reduction(step);
        if (!reduction)
            continue;
        float *const result = (float *)chain->results[step->from] + row * step->row;
        for (long r = 0; r < rows; r++)
            result[r * step->row] = join_chain_lanes(reduction->op, chain->room->lanes[step->from] +
                                                                        r * REDUCTION_LANES);
    }
}

/* ---- All of them ---- */

/* All columns of the span's rows, by blocks of so many rows and at most so many vectors: powers of
 * two. */
static inline void run_rows(struct chain *chain, struct chain_span span, long rows, long across) {
    const long whole = chain->columns - chain->width;
    if (chain->reduces)
        begin_chain_lanes(chain, rows);
    for (; span.column < whole; span.column = span.column_end) {
        const long vectors = (whole - span.column) / CHAIN_LANES;
        while (across > vectors)
            across /= 2;
        span.column_end = span.column + (vectors & -across) * CHAIN_LANES;
        chain_blocks[CHAIN_whole][across][rows](chain, &span);
    }
    span.column_end = chain->columns;
    if (chain->width)
        chain_blocks[CHAIN_part][1][rows](chain, &span);
    if (chain->reduces)
        end_chain_lanes(chain, span.row, rows);
}

/* Rows that are long one after another, else as many at a time as there are blocks for. */
static inline void run_chain(struct chain *chain, long row, long end) {
    const long vectors = chain->columns / CHAIN_LANES;
    const bool wide = least(vectors, CHAIN_VECTORS) > 2 * least(end - row, CHAIN_VECTORS);
    const long across = wide ? CHAIN_VECTORS : vectors > 1 ? 2 : 1;
    long rows = wide ? 1 : vectors == 1 && !chain->width ? CHAIN_VECTORS : CHAIN_VECTORS / 2;
    for (long taken; row < end; row += taken) {
        while (rows > end - row)
            rows /= 2;
        taken = chain->reduces ? rows : (end - row) & -rows; /* lanes are those of one block */
        run_rows(chain, (struct chain_span){row, row + taken, 0, 0}, rows, across);
    }
}

static inline __attribute__((always_inline)) void
run_one_chain(bool reduces, long rows, long columns, long count, const struct row_step *steps,
              const void *const *operands, void *const *results) {
    struct chain_room room;
    struct chain chain = {.count = count,
                          .steps = steps,
                          .operands = operands,
                          .results = results,
                          .columns = columns,
                          .width = columns % CHAIN_LANES,
                          .reduces = reduces,
                          .room = &room};
    run_chain(&chain, 0, rows);
}

void OF_SET(row_chain_, )(long rows, long columns, long count, const struct row_step *steps,
                          const void *const *operands, void *const *results) {
    run_one_chain(false, rows, columns, count, steps, operands, results);
}

void OF_SET(row_reducing_chain_, )(long rows, long columns, long count,
                                   const struct row_step *steps, const void *const *operands,
                                   void *const *results) {
    run_one_chain(true, rows, columns, count, steps, operands, results);
}

void OF_SET(row_phases_, )(long rows, long count, const struct row_phase *phases) {
    struct chain_room room;
    struct chain chains[CHAIN_PHASES];
    for (long i = 0; i < count; i++) {
        const struct row_phase *phase = &phases[i];
        chains[i] = (struct chain){.count = phase->count,
                                   .steps = phase->steps,
                                   .operands = phase->operands,
                                   .results = phase->results,
                                   .columns = phase->columns,
                                   .width = phase->columns % CHAIN_LANES,
                                   .room = &room};
        chains[i].reduces = chain_reduces(&chains[i]);
    }
    for (long row = 0; row < rows; row++)
        for (long i = 0; i < count; i++)
            run_chain(&chains[i], row, row + 1);
}
