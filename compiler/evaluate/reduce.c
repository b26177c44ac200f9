/* Reductions: 16 interleaved lanes and a fixed tree; argmax and argmin: one pass in order. */
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/scalar.h"

struct state {
    union {
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, short, ...)              \
    type_##short short[REDUCTION_LANES];
#include "compiler/graph/dtypes.def"
#undef DTYPE
    } lanes;          /* for argmax and argmin the first holds the best so far, */
    int32_t position; /* and this is where it was */
};

/* One reduction over one dtype: begin, take `count` elements of which the first has the row-major
 * position `first`, and write the result. */
struct reduction {
    void (*begin)(struct state *state);
    void (*take)(struct state *state, int64_t first, const struct rows *row);
    void (*finish)(struct state *state, void *result);
};

#define BEGIN(short, name)                                                                         \
    static void begin_##name##_##short(struct state * state) {                                     \
        for (int lane = 0; lane < REDUCTION_LANES; lane++)                                         \
            state->lanes.short[lane] = IDENTITY_##name(short);                                     \
        state->position = 0;                                                                       \
    }

#define TAKE_SAME(short, name)                                                                     \
    static void take_##name##_##short(struct state * state, int64_t first,                         \
                                      const struct rows *row) {                                    \
        const type_##short *elements = row->data[0];                                               \
        for (int64_t i = 0; i < row->length; i++) {                                                \
            type_##short *lane = &state->lanes.short[(first + i) % REDUCTION_LANES];               \
            *lane = scalar_##name##_##short(*lane, elements[i * row->stride[0]]);                  \
        }                                                                                          \
    }

#define FINISH_SAME(short, name)                                                                   \
    static void finish_##name##_##short(struct state * state, void *result) {                      \
        type_##short *lanes = state->lanes.short;                                                  \
        for (int half = REDUCTION_LANES / 2; half > 0; half /= 2)                                  \
            for (int lane = 0; lane < half; lane++)                                                \
                lanes[lane] = scalar_##name##_##short(lanes[lane], lanes[lane + half]);            \
        *(type_##short *)result = lanes[0];                                                        \
    }

#define TAKE_INDEX(short, name)                                                                    \
    static void take_##name##_##short(struct state * state, int64_t first,                         \
                                      const struct rows *row) {                                    \
        const type_##short *elements = row->data[0];                                               \
        for (int64_t i = 0; i < row->length; i++) {                                                \
            type_##short element = elements[i * row->stride[0]];                                   \
            if (!scalar_##name##_##short(state->lanes.short[0], element))                          \
                continue;                                                                          \
            state->lanes.short[0] = element;                                                       \
            state->position = (int32_t)(first + i);                                                \
        }                                                                                          \
    }

#define FINISH_INDEX(short, name)                                                                  \
    static void finish_##name##_##short(struct state * state, void *result) {                      \
        *(int32_t *)result = state->position;                                                      \
    }

#define REDUCTION(id, short, name, gives)                                                          \
    BEGIN(short, name)                                                                             \
    TAKE_##gives(short, name) FINISH_##gives(short, name)

#define FUNCTIONS_LEAF(...)
#define FUNCTIONS_MOVEMENT(...)
#define FUNCTIONS_JOIN(...)
#define FUNCTIONS_SORT(...)
#define FUNCTIONS_SCATTER(...)
#define FUNCTIONS_SCAN(...)
#define FUNCTIONS_UNARY(...)
#define FUNCTIONS_CONVERT(...)
#define FUNCTIONS_BINARY(...)
#define FUNCTIONS_TERNARY(...)
#define FUNCTIONS_CONTRACT(...)
#define FUNCTIONS_REDUCE(name, gives) FOR_COMPUTING_DTYPES(REDUCTION, name, gives)
#define OP(id, name, class, sources, accepts, gives, ...) FUNCTIONS_##class(name, gives)
#include "compiler/graph/ops.def"
#undef OP
#undef FUNCTIONS_REDUCE

#define TABLE_ENTRY(id, short, name)                                                               \
    [DTYPE_##id] = {begin_##name##_##short, take_##name##_##short, finish_##name##_##short},
#define FUNCTIONS_REDUCE(name) FOR_COMPUTING_DTYPES(TABLE_ENTRY, name)
#define OP(id, name, class, ...) [OP_##id] = {FUNCTIONS_##class(name)},
static const struct reduction reductions[OP_COUNT][DTYPE_COUNT] = {
#include "compiler/graph/ops.def"
};
#undef OP

static void reduce_one(const struct reduction *reduction, struct rows *elements, void *result) {
    struct state state;
    int64_t first = 0;
    reduction->begin(&state);
    do {
        reduction->take(&state, first, elements);
        first += elements->length;
    } while (rows_next(elements));
    reduction->finish(&state, result);
}

void evaluate_reduce(const struct node *node, const struct view *source, struct stop *stop,
                     const struct view *result) {
    struct view reduced, kept;
    separate_axes(node, source, &reduced, &kept);
    struct rows elements = rows_until(stop, 1, (const struct view *const[]){&reduced});
    struct rows rows = rows_until(stop, 2, (const struct view *const[]){result, &kept});
    int64_t result_step = rows.stride[0] * (int64_t)dtype_facts[result->dtype].bytes;
    int64_t source_step = rows.stride[1] * (int64_t)dtype_facts[source->dtype].bytes;
    do {
        for (int64_t i = 0; i < rows.length; i++) {
            elements.data[0] = (char *)rows.data[1] + i * source_step;
            reduce_one(&reductions[node->op][source->dtype], &elements,
                       (char *)rows.data[0] + i * result_step);
            if (elements.stopped)
                return;
        }
    } while (rows_next(&rows));
}
