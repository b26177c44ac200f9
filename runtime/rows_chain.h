/* Chains: a whole elementwise expression of float32 in one call, a few vectors of the block at a
 * time in registers. A part of rows_body.h. */
#include "templates/chain.h"

/* As many vectors as go through a chain together: the rows of a tile, so many that one step hides
 * behind the next. */
#if defined __AVX512F__ || defined __aarch64__
enum { CHAIN_VECTORS = 12 };
#else
enum { CHAIN_VECTORS = 8 };
#endif
enum { CHAIN_LANES = VECTOR_ELEMENTS(f32), CHAIN_ELEMENTS = CHAIN_VECTORS * CHAIN_LANES };

/* ---- Vectors ---- */

static inline vector_f32 repeated(float x) {
    return x - (vector_f32){0};
}

static inline vector_f32 vector_magnitude(vector_f32 x) {
    return (vector_f32)((unsigned_i32)x & 0x7fffffffu);
}

#if defined __SSE__
#include <immintrin.h>
#if defined __AVX512F__
#define X86_VECTOR(name) (vector_f32) _mm512_##name
typedef __m512 chain_register;
#elif defined __AVX2__
#define X86_VECTOR(name) (vector_f32) _mm256_##name
typedef __m256 chain_register;
#else
#define X86_VECTOR(name) (vector_f32) _mm_##name
typedef __m128 chain_register;
#endif
/* These instructions give the second operand where the two are equal or not ordered. */
static inline vector_f32 vector_max(vector_f32 a, vector_f32 b) {
    return X86_VECTOR(max_ps)((chain_register)b, (chain_register)a);
}
static inline vector_f32 vector_min(vector_f32 a, vector_f32 b) {
    return X86_VECTOR(min_ps)((chain_register)b, (chain_register)a);
}
#else
static inline vector_f32 vector_max(vector_f32 a, vector_f32 b) {
    return VECTOR_reduce_max(f32, a, b);
}
static inline vector_f32 vector_min(vector_f32 a, vector_f32 b) {
    return VECTOR_reduce_min(f32, a, b);
}
#endif

/* The first `width` lanes. */
static inline vector_f32 load_part(const float *from, long width) {
#if defined __AVX512F__
    return (vector_f32)_mm512_maskz_loadu_ps((__mmask16)((1u << width) - 1), from);
#else
    float lanes[CHAIN_LANES] = {0};
    for (long i = 0; i < width; i++)
        lanes[i] = from[i];
    return LOAD(f32, lanes);
#endif
}

static inline void store_part(float *to, vector_f32 x, long width) {
#if defined __AVX512F__
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << width) - 1), (__m512)x);
#else
    float lanes[CHAIN_LANES];
    STORE(f32, lanes, x);
    for (long i = 0; i < width; i++)
        to[i] = lanes[i];
#endif
}

/* ---- Steps, prepared ---- */

/* How the vectors that go together get their operand: one for all; neighbours, `jump` bytes apart;
 * or anything else, which is staged first. */
enum chain_form { FORM_SAME, FORM_APART, FORM_STAGED, FORMS };

/* A step whose pointer is known, and its strides in bytes: of rows, of columns, between vectors. */
struct chain_step {
    int code; /* FORMS * op + form */
    bool repeats;
    const char *from;
    long row, column, jump;
};

struct chain {
    long count;
    const struct chain_step *steps;
    long width; /* of vectors, in lanes */
    _Alignas(64) float slots[CHAIN_SLOTS][CHAIN_ELEMENTS], scratch[CHAIN_ELEMENTS];
};

/* `down`: the vectors that go together lie in rows below one another, else side by side. */
static inline void prepare_step(struct chain *chain, const struct row_step *step,
                                const float *const *operands, float *const *results, bool down,
                                struct chain_step *to) {
    enum { BYTES = sizeof(float), VECTOR = CHAIN_LANES * BYTES };
    to->code = FORMS * step->op + FORM_APART;
    to->repeats = false;
    if (step->from < 0 || step->op > STEP_PUT) {
        to->from = (const char *)chain->slots[step->from < 0 ? -1 - step->from : 0];
        to->row = to->column = 0;
        to->jump = VECTOR;
        return;
    }
    to->from = step->op == STEP_PUT ? (const char *)results[step->from]
                                    : (const char *)operands[step->from];
    to->row = step->row * BYTES;
    to->column = step->step * BYTES;
    to->jump = down ? to->row : step->step * VECTOR;
    to->repeats = step->step == 0;
    const bool whole = to->repeats ? to->jump == 0 : chain->width == CHAIN_LANES;
    to->code += !whole ? FORM_STAGED - FORM_APART : to->jump == 0 ? FORM_SAME - FORM_APART : 0;
}

static __attribute__((noinline)) void
stage_operand(struct chain *chain, int vectors, const struct chain_step *step, const char *from) {
    for (int i = 0; i < vectors; i++, from += step->jump)
        STORE(f32, chain->scratch + i * CHAIN_LANES,
              step->repeats ? repeated(*(const float *)from)
                            : load_part((const float *)from, chain->width));
}

/* Steps whose operation is a loop of its own. */
static __attribute__((noinline)) void take_scratch(struct chain *chain, int op, long columns) {
    static block_function *const loops[] = {
        [STEP_SQRT] = block_row_f32_sqrt, [STEP_EXP] = block_row_f32_exp,
        [STEP_LOG] = block_row_f32_log,   [STEP_TANH] = block_row_f32_tanh,
        [STEP_ERF] = block_row_f32_erf,
    };
    const struct operand operands[] = {{(char *)chain->scratch, 0, 1, sizeof(float)},
                                       {(char *)chain->scratch, 0, 1, sizeof(float)}};
    loops[op](1, columns, operands);
}

/* ---- Some vectors through all steps ---- */

#if defined __clang__
#define CHAIN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CHAIN_UNROLL _Pragma("GCC unroll 12")
#endif
#define EACH                                                                                       \
    CHAIN_UNROLL                                                                                   \
    for (int i = 0; i < vectors; i++)

/* a: what went through the chain until here; b: the operand. */
#define CHAIN_CASE(op, expression)                                                                 \
    case FORMS *op + FORM_SAME: {                                                                  \
        const vector_f32 b =                                                                       \
            step->repeats ? repeated(*(const float *)from) : LOAD(f32, (const float *)from);       \
        EACH {                                                                                     \
            const vector_f32 a __attribute__((unused)) = v[i];                                     \
            v[i] = expression;                                                                     \
        }                                                                                          \
        break;                                                                                     \
    }                                                                                              \
    case FORMS *op + FORM_STAGED:                                                                  \
        stage_operand(chain, vectors, step, from);                                                 \
        from = (const char *)chain->scratch;                                                       \
        jump = CHAIN_LANES * sizeof(float); /* fall through */                                     \
    case FORMS *op + FORM_APART:                                                                   \
        EACH {                                                                                     \
            const vector_f32 a __attribute__((unused)) = v[i];                                     \
            const vector_f32 b = LOAD(f32, (const float *)(from + i * jump));                      \
            v[i] = expression;                                                                     \
        }                                                                                          \
        break;
#define CHAIN_CASE_ALONE(op, expression)                                                           \
    case FORMS *op + FORM_APART:                                                                   \
        EACH v[i] = expression;                                                                    \
        break;

/* `vectors`, a constant, from one place in the block. */
static inline __attribute__((always_inline)) void chain_part(const int vectors, struct chain *chain,
                                                             long row, long column) {
    vector_f32 v[CHAIN_VECTORS];
    EACH v[i] = (vector_f32){0};
    for (const struct chain_step *step = chain->steps, *end = step + chain->count; step < end;
         step++) {
        const char *from = step->from + row * step->row + column * step->column;
        long jump = step->jump;
        switch (step->code) {
            CHAIN_CASE(STEP_TAKE, b)
            CHAIN_CASE(STEP_ADD, a + b)
            CHAIN_CASE(STEP_SUB, a - b)
            CHAIN_CASE(STEP_SUB_REVERSED, b - a)
            CHAIN_CASE(STEP_MUL, a * b)
            CHAIN_CASE(STEP_DIV, a / b)
            CHAIN_CASE(STEP_DIV_REVERSED, b / a)
            CHAIN_CASE(STEP_MIN, vector_min(a, b))
            CHAIN_CASE(STEP_MIN_REVERSED, vector_min(b, a))
            CHAIN_CASE(STEP_MAX, vector_max(a, b))
            CHAIN_CASE(STEP_MAX_REVERSED, vector_max(b, a))
            CHAIN_CASE_ALONE(STEP_CANONICAL,
                             SELECT(v[i] == v[i], v[i], repeated(f32_from_bits(0x7fc00000u))))
            CHAIN_CASE_ALONE(STEP_NEG, -v[i])
            CHAIN_CASE_ALONE(STEP_ABS, vector_magnitude(v[i]))
            CHAIN_CASE_ALONE(STEP_RECIP, 1.0f / v[i])
        case FORMS *STEP_PUT + FORM_STAGED:
            EACH store_part((float *)(from + i * jump), v[i], chain->width);
            break;
        case FORMS *STEP_PUT + FORM_APART:
            EACH STORE(f32, (float *)(from + i * jump), v[i]);
            break;
        case FORMS *STEP_KEEP + FORM_APART:
            EACH STORE(f32, (float *)from + i * CHAIN_LANES, v[i]);
            break;
        default:
            EACH STORE(f32, chain->scratch + i * CHAIN_LANES, v[i]);
            take_scratch(chain, step->code / FORMS, vectors * CHAIN_LANES);
            EACH v[i] = LOAD(f32, chain->scratch + i * CHAIN_LANES);
        }
    }
}

#define CHAIN_PARTS(PART) PART(1) PART(2) PART(3) PART(4) PART(5) PART(6) PART(7) PART(8)
#define CHAIN_PART(vectors)                                                                        \
    static void chain_part_##vectors(struct chain *chain, long row, long column) {                 \
        chain_part(vectors, chain, row, column);                                                   \
    }
#define CHAIN_PART_NAME(vectors) chain_part_##vectors,
CHAIN_PARTS(CHAIN_PART)
#if defined __AVX512F__ || defined __aarch64__
CHAIN_PART(12)
#define CHAIN_MOST chain_part_12
#else
#define CHAIN_MOST chain_part_8
#endif

/* ---- All together ---- */

/* `count` vectors from one place, as many at a time as possible. */
static void run_chain(struct chain *chain, bool down, long row, long column, long count) {
    static void (*const parts[])(struct chain *, long, long) = {CHAIN_PARTS(CHAIN_PART_NAME)};
    for (long taken; count > 0; count -= taken) {
        taken = count >= CHAIN_VECTORS ? CHAIN_VECTORS : least(count, 8);
        if (taken == CHAIN_VECTORS)
            CHAIN_MOST(chain, row, column);
        else
            parts[taken - 1](chain, row, column);
        row += down ? taken : 0;
        column += down ? 0 : taken * CHAIN_LANES;
    }
}

/* Whether rows lie behind one another everywhere, so that all of them are one row. */
static bool is_one_row(long columns, long count, const struct row_step *steps) {
    bool one = true;
    for (long i = 0; i < count && one; i++)
        one =
            steps[i].op > STEP_PUT || steps[i].from < 0 || steps[i].row == columns * steps[i].step;
    return one;
}

static void row_f32_chain(long rows, long columns, long count, const struct row_step *steps,
                          const float *const *operands, float *const *results) {
    if (rows > 1 && is_one_row(columns, count, steps)) {
        columns *= rows;
        rows = 1;
    }
    const long whole = columns / CHAIN_LANES, rest = columns % CHAIN_LANES;
    const bool down = rows > whole + (rest > 0);
    struct chain_step prepared[CHAIN_STEPS];
    struct chain chain;
    chain.count = count, chain.steps = prepared;
    for (int part = 0; part < 2; part++) { /* whole vectors; what is left */
        const long first = part ? whole : 0, last = part ? whole + (rest > 0) : whole;
        if (first == last)
            continue;
        chain.width = part ? rest : CHAIN_LANES;
        for (long i = 0; i < count; i++)
            prepare_step(&chain, &steps[i], operands, results, down, &prepared[i]);
        for (long i = first; i < last && down; i++)
            run_chain(&chain, down, 0, i * CHAIN_LANES, rows);
        for (long row = 0; row < rows && !down; row++)
            run_chain(&chain, down, row, first * CHAIN_LANES, last - first);
    }
}
