/* Chains: a whole elementwise expression in one call, a few vectors of the block at a time in
 * registers, of float32 or of int32, as which integers of eight bits go through. A part of
 * rows_body.h. */
#include "templates/chain.h"

enum { CHAIN_LANES = VECTOR_ELEMENTS(f32), CHAIN_VECTORS = 24 };

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
    long width; /* of vectors that are not whole, in lanes */
    _Alignas(64) float scratch[CHAIN_VECTORS * CHAIN_LANES];
    float slots[CHAIN_SLOTS * CHAIN_VECTORS * CHAIN_LANES];
};

/* Steps whose operation is a loop of its own. */
static __attribute__((noinline)) void take_scratch(struct chain *chain, int op, long columns) {
    static block_function *const loops[] = {
#define CHAIN_LOOP(name, op, function, row) [STEP_##name] = block_##row,
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

static void row_chain(long rows, long columns, long count, const struct row_step *steps,
                      const void *const *operands, void *const *results) {
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
