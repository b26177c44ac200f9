/* Chains: a whole elementwise expression of float32 in one call, a few vectors of the block at a
 * time in registers. A part of rows_body.h. */
#include "templates/chain.h"

enum { CHAIN_LANES = VECTOR_ELEMENTS(f32), CHAIN_VECTORS = 24 };

/* ---- Vectors ---- */

static inline vector_f32 repeated(float x) {
    return x - (vector_f32){0};
}

static inline vector_f32 vector_magnitude(vector_f32 x) {
    return (vector_f32)((unsigned_i32)x & 0x7fffffffu);
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

/* ---- A block through all steps ---- */

struct chain {
    long count;
    const struct row_step *steps;
    const float *const *operands;
    float *const *results;
    long width; /* of vectors that are not whole, in lanes */
    _Alignas(64) float scratch[CHAIN_VECTORS * CHAIN_LANES];
    float slots[CHAIN_SLOTS * CHAIN_VECTORS * CHAIN_LANES];
};

/* Steps whose operation is a loop of its own. */
static __attribute__((noinline)) void take_scratch(struct chain *chain, int op, long columns) {
    static block_function *const loops[] = {
#define CHAIN_LOOP(name, op, row) [STEP_##name] = block_##row,
#include "templates/chain.def"
    };
    const struct operand operands[] = {{(char *)chain->scratch, 0, 1, sizeof(float)},
                                       {(char *)chain->scratch, 0, 1, sizeof(float)}};
    loops[op](1, columns, operands);
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
#define CHAIN_EACH(operand, expression)                                                            \
    EACH {                                                                                         \
        const vector_f32 a __attribute__((unused)) = v[i], b = operand;                            \
        v[i] = expression;                                                                         \
    }
#define CHAIN_CASE(op, expression)                                                                 \
    case CHAIN_CODE(op, FORM_SAME): {                                                              \
        const vector_f32 same = repeated(*chain->operands[step->from]);                            \
        CHAIN_EACH(same, expression)                                                               \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_ROWS): {                                                              \
        const float *from = chain->operands[step->from] + row * step->row;                         \
        CHAIN_EACH(repeated(from[i / across * step->row]), expression)                             \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_COLUMNS): {                                                           \
        const float *from = chain->operands[step->from] + column;                                  \
        vector_f32 shared[CHAIN_VECTORS];                                                          \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < across; k++)                                                           \
            shared[k] = CHAIN_LOAD(from + k * CHAIN_LANES);                                        \
        CHAIN_EACH(shared[i % across], expression)                                                 \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_BLOCK): {                                                             \
        const float *from = chain->operands[step->from] + row * step->row + column;                \
        CHAIN_EACH(CHAIN_LOAD(from + CHAIN_OFFSET), expression)                                    \
        break;                                                                                     \
    }                                                                                              \
    case CHAIN_CODE(op, FORM_SLOT):                                                                \
        CHAIN_EACH(LOAD(f32, CHAIN_SLOT(step->from) + i * CHAIN_LANES), expression)                \
        break;
#define CHAIN_CASE_ALONE(op, expression)                                                           \
    case CHAIN_CODE(op, 0):                                                                        \
        EACH {                                                                                     \
            const vector_f32 a = v[i];                                                             \
            v[i] = expression;                                                                     \
        }                                                                                          \
        break;

/* `rows` x `across` vectors from one place; `part`: not whole ones. All three are constants. */
static inline __attribute__((always_inline)) void chain_block(const int rows, const int across,
                                                              const bool part, struct chain *chain,
                                                              long row, long column) {
    vector_f32 v[CHAIN_VECTORS];
    EACH v[i] = (vector_f32){0};
    for (const struct row_step *step = chain->steps, *end = step + chain->count; step < end;
         step++) {
        switch (CHAIN_CODE(step->op, step->form)) {
#define CHAIN_TAKE(name, value) CHAIN_CASE(STEP_##name, value)
#define CHAIN_BINARY(name, op, value) CHAIN_CASE(STEP_##name, value)
#define CHAIN_REVERSED(name, op, value) CHAIN_CASE(STEP_##name, value)
#define CHAIN_UNARY(name, op, value) CHAIN_CASE_ALONE(STEP_##name, value)
#define CHAIN_CANONICAL(name, value) CHAIN_CASE_ALONE(STEP_##name, value)
#define CHAIN_NUMBER(name, value) CHAIN_CASE(STEP_##name, value)
#include "templates/chain.def"
        case CHAIN_CODE(STEP_RAMP, FORM_SAME): {
            const vector_f32 bound = repeated(*chain->operands[step->from]);
            const vector_f32 shift = repeated(*chain->operands[step->from + 1]);
            EACH v[i] = greater_of_vectors(bound, v[i]) - greater_of_vectors(bound, v[i] + shift);
            break;
        }
        case CHAIN_CODE(STEP_NORMALIZE, FORM_COLUMNS): {
            const float *const *from = chain->operands + step->from;
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
        case CHAIN_CODE(STEP_PUT, FORM_BLOCK): {
            const long apart = step->row; /* stores keep the compiler from knowing it still */
            float *const to = chain->results[step->from] + row * apart + column;
            EACH {
                float *const place = to + i / across * apart + i % across * CHAIN_LANES;
                if (part)
                    store_part(place, v[i], chain->width);
                else
                    STORE(f32, place, v[i]);
            }
            break;
        }
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
#if defined __AVX512F__ || defined __aarch64__
enum { CHAIN_ROWS = 12, CHAIN_ACROSS = 16 };
#define CHAIN_MORE_ROWS(BLOCK, across, kind)                                                       \
    BLOCK(7, across, kind)                                                                         \
    BLOCK(8, across, kind)                                                                         \
    BLOCK(12, across, kind)
#define CHAIN_MORE_ACROSS(BLOCK)                                                                   \
    BLOCK(1, 12, whole)                                                                            \
    BLOCK(1, 16, whole)
#else
enum { CHAIN_ROWS = 6, CHAIN_ACROSS = 8 };
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
#define CHAIN_BLOCK(rows, across, kind)                                                            \
    static void chain_##rows##x##across##_##kind(struct chain *chain, long row, long column) {     \
        chain_block(rows, across, CHAIN_##kind, chain, row, column);                               \
    }
CHAIN_BLOCKS(CHAIN_BLOCK)
#undef CHAIN_BLOCK

/* By kind, vectors across and rows; NULL: there is none of that size. */
typedef void chain_block_function(struct chain *chain, long row, long column);
static chain_block_function *const chain_blocks[2][CHAIN_ACROSS + 1][CHAIN_ROWS + 1] = {
#define CHAIN_BLOCK(rows, across, kind)                                                            \
    [CHAIN_##kind][across][rows] = chain_##rows##x##across##_##kind,
    CHAIN_BLOCKS(CHAIN_BLOCK)
#undef CHAIN_BLOCK
};

/* As many rows at a time as there are blocks for. */
static inline void run_blocks(struct chain *chain, chain_block_function *const *blocks, long rows,
                              long column) {
    for (long row = 0, taken; row < rows; row += taken) {
        taken = least(rows - row, CHAIN_ROWS);
        while (!blocks[taken])
            taken--;
        blocks[taken](chain, row, column);
    }
}

static void row_f32_chain(long rows, long columns, long count, const struct row_step *steps,
                          const float *const *operands, float *const *results) {
    const long vectors = columns / CHAIN_LANES, rest = columns % CHAIN_LANES;
    const bool wide = least(vectors, CHAIN_ACROSS) > 2 * least(rows, CHAIN_ROWS);
    struct chain chain;
    chain.count = count, chain.steps = steps;
    chain.operands = operands, chain.results = results;
    chain.width = rest;
    for (long i = 0, across; i < vectors; i += across) {
        across = least(vectors - i, wide ? CHAIN_ACROSS : 2);
        while (!chain_blocks[CHAIN_whole][across][1])
            across--;
        run_blocks(&chain, chain_blocks[CHAIN_whole][across], rows, i * CHAIN_LANES);
    }
    if (rest)
        run_blocks(&chain, chain_blocks[CHAIN_part][1], rows, vectors * CHAIN_LANES);
}
