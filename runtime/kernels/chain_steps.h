/* The steps of chains in blocks of one size: CHAIN_ROWS x CHAIN_ACROSS vectors, CHAIN_KIND `whole`
 * or `part`. A part of chains_body.h, once for each size. Every step is a function that has the
 * block in its arguments, which are registers, and ends in a jump to the next. */
#define OF_BLOCK(name) OF_BLOCK_OF(name, CHAIN_ROWS, CHAIN_ACROSS, CHAIN_KIND)
#define OF_BLOCK_OF(name, rows, across, kind) OF_BLOCK_NAMED(name, rows, across, kind)
#define OF_BLOCK_NAMED(name, rows, across, kind) name##_##rows##x##across##_##kind
#define OF_KIND(kind) OF_KIND_NAMED(kind)
#define OF_KIND_NAMED(kind) CHAIN_##kind

#define CHAIN_GO_ON                                                                                \
    steps->of[CHAIN_CODE(step->op, step->form)](chain, step, steps, v[0], v[1], v[2], v[3], v[4],  \
                                                v[5], v[6], v[7]);
/* take_NAME does it to v; NAME also goes on. */
#define CHAIN_FUNCTION(name, ...)                                                                  \
    static inline __attribute__((always_inline)) void OF_BLOCK(take_##name)(                       \
        struct chain * chain __attribute__((unused)),                                              \
        const struct row_step *step __attribute__((unused)),                                       \
        vector_f32 *v __attribute__((unused))) {                                                   \
        enum { rows = CHAIN_ROWS, across = CHAIN_ACROSS, part = OF_KIND(CHAIN_KIND) };             \
        __VA_ARGS__                                                                                \
    }                                                                                              \
    static void OF_BLOCK(name)(CHAIN_STATE) {                                                      \
        vector_f32 v[CHAIN_VECTORS] = {v0, v1, v2, v3, v4, v5, v6, v7};                            \
        OF_BLOCK(take_##name)(chain, step, v);                                                     \
        if (++step < chain->end)                                                                   \
            CHAIN_GO_ON                                                                            \
    }

/* a: what went through the chain until here; b: the operand. */
#define CHAIN_EACH(short, operand, expression)                                                     \
    EACH {                                                                                         \
        const vector_##short a __attribute__((unused)) = (vector_##short)v[i];                     \
        const vector_##short b = (vector_##short)(operand);                                        \
        v[i] = (vector_f32)(expression);                                                           \
    }
#define CHAIN_OF_TWO(name, short, expression)                                                      \
    CHAIN_FUNCTION(name##_SAME, {                                                                  \
        const vector_f32 same = repeated_bits(chain->operands[step->from]);                        \
        CHAIN_EACH(short, same, expression)                                                        \
    })                                                                                             \
    CHAIN_FUNCTION(name##_ROWS, {                                                                  \
        const float *from = (const float *)chain->operands[step->from] + chain->row * step->row;   \
        CHAIN_EACH(short, repeated_bits(from + i / across * step->row), expression)                \
    })                                                                                             \
    CHAIN_FUNCTION(name##_COLUMNS, {                                                               \
        const float *from = (const float *)chain->operands[step->from] + chain->column;            \
        vector_f32 shared[CHAIN_VECTORS];                                                          \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < across; k++)                                                           \
            shared[k] = CHAIN_LOAD(from + k * CHAIN_LANES);                                        \
        CHAIN_EACH(short, shared[i % across], expression)                                          \
    })                                                                                             \
    CHAIN_FUNCTION(name##_BLOCK, {                                                                 \
        const float *from =                                                                        \
            (const float *)chain->operands[step->from] + chain->row * step->row + chain->column;   \
        CHAIN_EACH(short, CHAIN_LOAD(from + CHAIN_OFFSET), expression)                             \
    })                                                                                             \
    CHAIN_FUNCTION(                                                                                \
        name##_SLOT,                                                                               \
        {CHAIN_EACH(short, LOAD(f32, CHAIN_SLOT(step->from) + i * CHAIN_LANES), expression)})
#define CHAIN_OF_ONE(name, short, expression)                                                      \
    CHAIN_FUNCTION(                                                                                \
        name##_SAME, EACH {                                                                        \
            const vector_##short a = (vector_##short)v[i];                                         \
            v[i] = (vector_f32)(expression);                                                       \
        })
#define CHAIN_OF_BYTES(name, short, offset, load)                                                  \
    CHAIN_FUNCTION(name, {                                                                         \
        const type_##short *from = (const type_##short *)chain->operands[step->from] + (offset);   \
        EACH v[i] = load;                                                                          \
    })

/* ---- By chain.def ---- */

#define CHAIN_TAKE(name, value) CHAIN_OF_TWO(name, f32, value)
#define CHAIN_TAKE_BYTES(name, dtype, short)                                                       \
    CHAIN_OF_BYTES(name##_SAME, short, 0, (vector_f32)((vector_i32){0} + *from))                   \
    CHAIN_OF_BYTES(name##_ROWS, short, chain->row * step->row,                                     \
                   (vector_f32)((vector_i32){0} + from[i / across * step->row]))                   \
    CHAIN_OF_BYTES(                                                                                \
        name##_COLUMNS, short, chain->column,                                                      \
        widened(CHAIN_LOAD_BYTES(from + i % across * CHAIN_LANES), (type_##short)-1 < 0))          \
    CHAIN_OF_BYTES(name##_BLOCK, short, chain->row * step->row + chain->column,                    \
                   widened(CHAIN_LOAD_BYTES(from + CHAIN_OFFSET), (type_##short)-1 < 0))
#define CHAIN_BINARY(name, op, function, dtype, short, value) CHAIN_OF_TWO(name, short, value)
#define CHAIN_REVERSED(name, op, function, dtype, short, value) CHAIN_OF_TWO(name, short, value)
#define CHAIN_UNARY(name, op, function, dtype, short, value) CHAIN_OF_ONE(name, short, value)
#define CHAIN_LOOP(name, op, function) CHAIN_FUNCTION(name##_SAME, CHAIN_COMPUTE(STEP_##name))
#define CHAIN_CAST(name, from, from_short, to, to_short, value)                                    \
    CHAIN_OF_ONE(name, from_short, value)
#define CHAIN_WIDEN(name, from, from_short, to, to_short) CHAIN_OF_ONE(name, i32, a)
#define CHAIN_CANONICAL(name, value) CHAIN_OF_ONE(name, f32, value)
#define CHAIN_NUMBER(name, value) CHAIN_OF_TWO(name, f32, value)
#define CHAIN_REDUCE(name, op, function, tree)                                                     \
    CHAIN_FUNCTION(name##_ROWS, CHAIN_LANES_TAKE(function, LANES_##tree != LANES_SUM &&            \
                                                               LANES_##tree != LANES_PROD))
#include "templates/chain.def"

/* ---- Those of their own ---- */

CHAIN_FUNCTION(RAMP_SAME, {
    const vector_f32 bound = repeated_bits(chain->operands[step->from]);
    const vector_f32 shift = repeated_bits(chain->operands[step->from + 1]);
    EACH v[i] = greater_of_vectors(bound, v[i]) - greater_of_vectors(bound, v[i] + shift);
})
#define CHAIN_NORMALIZE(name, first)                                                               \
    CHAIN_FUNCTION(name, {                                                                         \
        const float *const *from = (const float *const *)chain->operands + step->from;             \
        CHAIN_UNROLL                                                                               \
        for (int k = 0; k < across; k++) {                                                         \
            const long at = chain->column + k * CHAIN_LANES;                                       \
            const vector_f32 mean = first(0), scale = first(1);                                    \
            const vector_f32 factor = CHAIN_LOAD(from[2] + at), bias = CHAIN_LOAD(from[3] + at);   \
            CHAIN_UNROLL                                                                           \
            for (int i = k; i < rows * across; i += across)                                        \
                v[i] = (v[i] - mean) * scale * factor + bias;                                      \
        }                                                                                          \
    })
#define CHAIN_OF_COLUMN(number) CHAIN_LOAD(from[number] + at)
#define CHAIN_OF_ALL(number) repeated_bits(from[number])
CHAIN_NORMALIZE(NORMALIZE_COLUMNS, CHAIN_OF_COLUMN)
CHAIN_NORMALIZE(NORMALIZE_SAME, CHAIN_OF_ALL)
CHAIN_FUNCTION(CUBIC_SAME, {
    const vector_f32 factor = repeated_bits(chain->operands[step->from]);
    EACH v[i] = v[i] + factor * (v[i] * v[i] * v[i]);
})
CHAIN_FUNCTION(SQUARE_SAME, EACH v[i] = v[i] * v[i];)
CHAIN_FUNCTION(SIGMOID_SAME, {
    EACH v[i] = -v[i];
    CHAIN_COMPUTE(STEP_EXP)
    EACH v[i] = 1.0f / (v[i] + 1.0f);
})
CHAIN_FUNCTION(FETCH_BLOCK, {
    const float *from = chain->operands[step->from];
    from += (chain->row + rows) * step->row + chain->column;
    EACH __builtin_prefetch(from + CHAIN_OFFSET);
})
CHAIN_FUNCTION(KEEP_SLOT, {
    float *const slot = CHAIN_SLOT(step->from);
    EACH STORE(f32, slot + i * CHAIN_LANES, v[i]);
})
#define CHAIN_PUTS(name, type, value, put_part, put)                                               \
    CHAIN_FUNCTION(name##_BLOCK, {                                                                 \
        const long apart = step->row; /* stores keep the compiler from knowing it still */         \
        type *const to = (type *)chain->results[step->from] + chain->row * apart + chain->column;  \
        EACH {                                                                                     \
            type *const place = to + i / across * apart + i % across * CHAIN_LANES;                \
            if (part)                                                                              \
                put_part(place, value, chain->width);                                              \
            else                                                                                   \
                put(place, value);                                                                 \
        }                                                                                          \
    })
#define CHAIN_STORE(to, value) STORE(f32, to, value)
#define CHAIN_STORE_BYTES(to, value) (*(vector_bytes *)(to) = (value))
CHAIN_PUTS(PUT, float, v[i], store_part, CHAIN_STORE)
CHAIN_PUTS(PUT_CANONICAL, float, canonical(v[i]), store_part, CHAIN_STORE)
CHAIN_PUTS(PUT_BYTES, uint8_t, narrowed(v[i]), store_part_of_bytes, CHAIN_STORE_BYTES)

/* ---- The block ---- */

#define CHAIN_HAS(name, form) [CHAIN_CODE(STEP_##name, FORM_##form)] = OF_BLOCK(name##_##form),
#define CHAIN_FORMS(name)                                                                          \
    CHAIN_HAS(name, SAME) CHAIN_HAS(name, ROWS) CHAIN_HAS(name, COLUMNS) CHAIN_HAS(name, BLOCK)
#define CHAIN_ALL_FORMS(name) CHAIN_FORMS(name) CHAIN_HAS(name, SLOT)
static const struct chain_steps OF_BLOCK(steps) = {{
#define CHAIN_TAKE(name, value) CHAIN_ALL_FORMS(name)
#define CHAIN_TAKE_BYTES(name, dtype, short) CHAIN_FORMS(name)
#define CHAIN_BINARY(name, op, function, dtype, short, value) CHAIN_ALL_FORMS(name)
#define CHAIN_REVERSED(name, op, function, dtype, short, value) CHAIN_ALL_FORMS(name)
#define CHAIN_UNARY(name, op, function, dtype, short, value) CHAIN_HAS(name, SAME)
#define CHAIN_LOOP(name, op, function) CHAIN_HAS(name, SAME)
#define CHAIN_CAST(name, from, from_short, to, to_short, value) CHAIN_HAS(name, SAME)
#define CHAIN_WIDEN(name, from, from_short, to, to_short) CHAIN_HAS(name, SAME)
#define CHAIN_CANONICAL(name, value) CHAIN_HAS(name, SAME)
#define CHAIN_NUMBER(name, value) CHAIN_ALL_FORMS(name)
#define CHAIN_REDUCE(name, op, function, tree) CHAIN_HAS(name, ROWS)
#define CHAIN_JOINED(name, op, form, others)                                                       \
    [CHAIN_CODE(STEP_##name, FORM_##form)] = OF_BLOCK(op##_##form),
#include "templates/chain.def"
    CHAIN_HAS(RAMP, SAME) CHAIN_HAS(NORMALIZE, COLUMNS) CHAIN_HAS(NORMALIZE, SAME)
        CHAIN_HAS(CUBIC, SAME) CHAIN_HAS(SQUARE, SAME) CHAIN_HAS(SIGMOID, SAME)
            CHAIN_HAS(FETCH, BLOCK) CHAIN_HAS(KEEP, SLOT) CHAIN_HAS(PUT, BLOCK)
                CHAIN_HAS(PUT_CANONICAL, BLOCK) CHAIN_HAS(PUT_BYTES, BLOCK)}};

/* Blocks one after another, of some rows and columns, as many as are multiples of a block's; `...`
 * takes one, v. */
#define CHAIN_EACH_BLOCK(chain, ...)                                                               \
    const long apart = (chain)->taken_row;                                                         \
    const long taken_from = (chain)->taken_from;                                                   \
    const float *const taken = (chain)->taken;                                                     \
    const long row_end = span->row_end, column_end = span->column_end;                             \
    for (long row = span->row; row < row_end; row += rows)                                         \
        for (long column = span->column; column < column_end; column += across * CHAIN_LANES) {    \
            vector_f32 v[CHAIN_VECTORS] = {0};                                                     \
            (chain)->row = row;                                                                    \
            (chain)->column = column;                                                              \
            if (taken) {                                                                           \
                const float *const from = taken + (row - taken_from) * apart + column;             \
                EACH v[i] = CHAIN_LOAD(from + (i / across * apart + i % across * CHAIN_LANES));    \
            }                                                                                      \
            __VA_ARGS__                                                                            \
        }
static void OF_BLOCK(chain_by_steps)(struct chain *chain, const struct chain_span *span) {
    enum { rows = CHAIN_ROWS, across = CHAIN_ACROSS, part = OF_KIND(CHAIN_KIND) };
    const struct chain_steps *const steps = &OF_BLOCK(steps);
    const struct row_step *const step = chain->first;
    CHAIN_EACH_BLOCK(chain, CHAIN_GO_ON)
}

/* Chains whose steps are joined, without a jump, in the largest blocks of their kind. */
#define CHAIN_JOIN(op, form) OF_BLOCK(take_##op##_##form)(&here, ++step, v);
#define CHAIN_WITHOUT_JUMPS(name, op, form, others)                                                \
    static void OF_BLOCK(chain_##name)(struct chain * chain, const struct chain_span *span) {      \
        enum { rows = CHAIN_ROWS, across = CHAIN_ACROSS, part = OF_KIND(CHAIN_KIND) };             \
        struct chain here = *chain; /* which no store through a pointer can change */              \
        CHAIN_EACH_BLOCK(&here, const struct row_step *step = here.first;                          \
                         OF_BLOCK(take_##op##_##form)(&here, step, v); others)                     \
    }
#define CHAIN_BLOCK_OF(name) [CHAIN_OF(STEP_##name)] = OF_BLOCK(chain_##name),
#define CHAIN_BLOCK_BY_STEPS(name) [CHAIN_OF(STEP_##name)] = OF_BLOCK(chain_by_steps),

#define CHAIN_JOINED(name, op, form, others)
#if CHAIN_ROWS * CHAIN_ACROSS == 8 && CHAIN_ROWS == 1
#define CHAIN_JOINED_WIDE(name, op, form, others) CHAIN_WITHOUT_JUMPS(name, op, form, others)
#elif CHAIN_ROWS * CHAIN_ACROSS == 8
#define CHAIN_JOINED_TILE(name, op, form, others) CHAIN_WITHOUT_JUMPS(name, op, form, others)
#endif
#include "templates/chain.def"

static const struct chain_block OF_BLOCK(block) = {{
    OF_BLOCK(chain_by_steps),
#define CHAIN_JOINED(name, op, form, others) CHAIN_BLOCK_BY_STEPS(name)
#if CHAIN_ROWS * CHAIN_ACROSS == 8 && CHAIN_ROWS == 1
#define CHAIN_JOINED_WIDE(name, op, form, others) CHAIN_BLOCK_OF(name)
#elif CHAIN_ROWS * CHAIN_ACROSS == 8
#define CHAIN_JOINED_TILE(name, op, form, others) CHAIN_BLOCK_OF(name)
#endif
#include "templates/chain.def"
}};

#undef CHAIN_WITHOUT_JUMPS
#undef CHAIN_BLOCK_OF
#undef CHAIN_BLOCK_BY_STEPS
#undef CHAIN_ROWS
#undef CHAIN_ACROSS
#undef CHAIN_KIND
