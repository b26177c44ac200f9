/* Chains: a whole elementwise expression in one call, a few vectors of the block at a time in
 * registers, of float32 or of int32, as which integers of eight bits go through. Included by
 * chains_NAME.c, which defines SET as that name; runtime/kernels/rows.h tells what can be called.
 */
#include "runtime/kernels/rows_vector.h"
#include "templates/chain.h"

#include <string.h>

enum { CHAIN_LANES = VECTOR_ELEMENTS(f32), CHAIN_VECTORS = 24 };
enum { CHAIN_PARTS = REDUCTION_LANES / CHAIN_LANES };
/* The largest blocks: rows, and vectors across. */
#if defined __AVX512F__ || defined __aarch64__
#define CHAIN_ROWS 12
#define CHAIN_ACROSS 16
#else
#define CHAIN_ROWS 6
#define CHAIN_ACROSS 8
#endif

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

struct chain {
    long count;
    const struct row_step *steps;
    const void *const *operands;
    void *const *results;
    long width;   /* of vectors that are not whole, in lanes */
    bool reduces; /* some step does */
    _Alignas(64) float lanes[CHAIN_RESULTS][CHAIN_ROWS * REDUCTION_LANES]; /* of the rows at hand */
    _Alignas(64) float scratch[CHAIN_VECTORS * CHAIN_LANES];
    float slots[CHAIN_SLOTS * CHAIN_VECTORS * CHAIN_LANES];
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
    loops[op](chain->scratch, chain->scratch, columns);
}

#if defined __clang__
#define CHAIN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CHAIN_UNROLL _Pragma("GCC unroll 24")
#endif
/* Vector i of the block lies in row i / across and column i % across. */
#define EACH                                                                                       \
    CHAIN_UNROLL                                                                                   \
    for (int i = 0; i < rows * across; i++)
#define CHAIN_LOAD(from) (part ? load_part(from, chain->width) : LOAD(f32, from))
#define CHAIN_OFFSET (i / across * step->row + i % across * CHAIN_LANES)
#define CHAIN_SLOT(number) (chain->slots + ((number)-1) * (rows * across * CHAIN_LANES))
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
    float *lanes = chain->lanes[step->from];                                                       \
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
            CHAIN_JOIN_NEIGHBOURS(function, 8)                                                     \
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
        case CHAIN_CODE(STEP_NORMALIZE, FORM_COLUMNS): {
            const float *const *from = (const float *const *)chain->operands + step->from;
            CHAIN_UNROLL
            for (int k = 0; k < across; k++) {
                const long at = column + k * CHAIN_LANES;
                const vector_f32 mean = CHAIN_LOAD(from[0] + at), scale = CHAIN_LOAD(from[1] + at);
                const vector_f32 factor = CHAIN_LOAD(from[2] + at);
                const vector_f32 bias = CHAIN_LOAD(from[3] + at);
                CHAIN_UNROLL
                for (int i = k; i < rows * across; i += across)
                    v[i] = (v[i] - mean) * scale * factor + bias;
            }
            break;
        }
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
#if defined __AVX512F__
        case CHAIN_CODE(STEP_EXP, 0):
            CHAIN_IN_REGISTERS(f32_exp_registers)
            break;
        case CHAIN_CODE(STEP_ERF, 0):
            CHAIN_IN_REGISTERS(f32_erf_registers)
            break;
#endif
        default:
            EACH STORE(f32, chain->scratch + i * CHAIN_LANES, v[i]);
            take_scratch(chain, step->op, rows * across * CHAIN_LANES);
            EACH v[i] = LOAD(f32, chain->scratch + i * CHAIN_LANES);
        }
        if (step->keep) {
            float *const slot = CHAIN_SLOT(step->keep);
            EACH STORE(f32, slot + i * CHAIN_LANES, v[i]);
        }
    }
}

/* ---- Blocks of all sizes ---- */

/* Rows by vectors across: the rows of tiles, so many that one step hides behind the next. */
#if CHAIN_ROWS == 12
#define CHAIN_MORE_ROWS(BLOCK, across, kind)                                                       \
    BLOCK(7, across, kind)                                                                         \
    BLOCK(8, across, kind)                                                                         \
    BLOCK(12, across, kind)
#define CHAIN_MORE_ACROSS(BLOCK)                                                                   \
    BLOCK(1, 12, whole)                                                                            \
    BLOCK(1, 16, whole)
#else
#define CHAIN_MORE_ROWS(BLOCK, across, kind)
#define CHAIN_MORE_ACROSS(BLOCK)
#endif
#define CHAIN_OF_ROWS(BLOCK, across, kind)                                                         \
    BLOCK(1, across, kind)                                                                         \
    BLOCK(2, across, kind)                                                                         \
    BLOCK(3, across, kind)                                                                         \
    BLOCK(4, across, kind)                                                                         \
    BLOCK(5, across, kind)                                                                         \
    BLOCK(6, across, kind)                                                                         \
    CHAIN_MORE_ROWS(BLOCK, across, kind)
#define CHAIN_BLOCKS(BLOCK)                                                                        \
    CHAIN_OF_ROWS(BLOCK, 1, part)                                                                  \
    CHAIN_OF_ROWS(BLOCK, 1, whole)                                                                 \
    CHAIN_OF_ROWS(BLOCK, 2, whole)                                                                 \
    BLOCK(1, 3, whole)                                                                             \
    BLOCK(1, 4, whole)                                                                             \
    BLOCK(1, 6, whole)                                                                             \
    BLOCK(1, 8, whole)                                                                             \
    CHAIN_MORE_ACROSS(BLOCK)

enum { CHAIN_whole, CHAIN_part };
/* Blocks one after another, from `column` to before `end`. */
#define CHAIN_BLOCK(rows, across, kind)                                                            \
    static void chain_##rows##x##across##_##kind(struct chain *chain, long row, long column,       \
                                                 long end) {                                       \
        for (; column < end; column += across * CHAIN_LANES)                                       \
            chain_block(rows, across, CHAIN_##kind, chain, row, column);                           \
    }
CHAIN_BLOCKS(CHAIN_BLOCK)
#undef CHAIN_BLOCK

/* By kind, vectors across and rows; NULL: there is none of that size. */
typedef void chain_block_function(struct chain *chain, long row, long column, long end);
static chain_block_function *const chain_blocks[2][CHAIN_ACROSS + 1][CHAIN_ROWS + 1] = {
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
            chain->lanes[chain->steps[i].from][k] = reduction->identity;
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
            result[r * step->row] =
                join_chain_lanes(reduction->op, chain->lanes[step->from] + r * REDUCTION_LANES);
    }
}

/* ---- All of them ---- */

/* So many rows, for which there are blocks, over all columns. */
static inline void run_rows(struct chain *chain, long row, long rows, long columns, long across) {
    const long whole = columns - chain->width;
    if (chain->reduces)
        begin_chain_lanes(chain, rows);
    for (long column = 0, end; column < whole; column = end) {
        const long vectors = (whole - column) / CHAIN_LANES;
        long taken = least(vectors, across);
        while (!chain_blocks[CHAIN_whole][taken][rows])
            taken--;
        const long all = vectors < 2 * taken ? taken : vectors / taken * taken;
        end = column + all * CHAIN_LANES;
        chain_blocks[CHAIN_whole][taken][rows](chain, row, column, end);
    }
    if (chain->width)
        chain_blocks[CHAIN_part][1][rows](chain, row, whole, columns);
    if (chain->reduces)
        end_chain_lanes(chain, row, rows);
}

/* As many rows at a time as there are blocks for, or one if it is long. */
static inline void run_chain(struct chain *chain, long first, long rows, long columns) {
    const long vectors = columns / CHAIN_LANES;
    const bool wide = least(vectors, CHAIN_ACROSS) > 2 * least(rows, CHAIN_ROWS);
    for (long row = 0, taken; row < rows; row += taken) {
        taken = wide ? 1 : least(rows - row, CHAIN_ROWS);
        while (!chain_blocks[CHAIN_part][1][taken])
            taken--;
        run_rows(chain, first + row, taken, columns, wide ? CHAIN_ACROSS : 2);
    }
}

static inline __attribute__((always_inline)) void
run_one_chain(bool reduces, long rows, long columns, long count, const struct row_step *steps,
              const void *const *operands, void *const *results) {
    struct chain chain;
    chain.count = count, chain.steps = steps;
    chain.operands = operands, chain.results = results;
    chain.width = columns % CHAIN_LANES;
    chain.reduces = reduces;
    run_chain(&chain, 0, rows, columns);
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
    struct chain chain;
    bool reduces[CHAIN_PHASES];
    for (long i = 0; i < count; i++) {
        chain.count = phases[i].count, chain.steps = phases[i].steps;
        reduces[i] = chain_reduces(&chain);
    }
    for (long row = 0; row < rows; row++)
        for (long i = 0; i < count; i++) {
            chain.count = phases[i].count, chain.steps = phases[i].steps;
            chain.operands = phases[i].operands, chain.results = phases[i].results;
            chain.width = phases[i].columns % CHAIN_LANES;
            chain.reduces = reduces[i];
            run_chain(&chain, row, 1, phases[i].columns);
        }
}
