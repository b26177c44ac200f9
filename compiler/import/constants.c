/* What of a model is known before it runs: shapes of tensors, and what is computed of them.
 *
 * Whatever depends on no input and is small is evaluated by the interpreter itself, so it has the
 * bits that it would have in a run. */
#include "compiler/import/low_types.h"

#include "compiler/evaluate/cast.h"
#include "compiler/evaluate/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    MOST_EVALUATED = 1 << 20, /* elements of what is computed on the way */
    MOST_STEPS = 1 << 26,     /* of evaluation, all nodes together: also bounds what it keeps */
    MOST_FOLDED = 4096,       /* of what takes the place of nodes */
    MOST_SOURCES_DEPTH = 512, /* of nodes that are not known yet */
    MOST_MOVES = 16,          /* of what is dequantised */
};

static struct known *constant_of(struct importer *importer, const struct node *node) {
    struct built_graph *graph = importer->graph;
    graph->constants = arena_reach(&importer->arena, graph->constants, &graph->constant_count,
                                   node->id, sizeof *graph->constants);
    return &graph->constants[node->id];
}

/* Evaluates a node whose sources are known; false: it cannot be, or takes too long. */
static bool evaluate_known(struct importer *importer, const struct node *node,
                           const struct view *sources, struct view *view) {
    struct et_error error = {0};
    struct view result;
    void *buffer = NULL;
    unsigned long failed = et_failed_allocations();
    size_t bytes = (size_t)node_bytes(node);
    double steps = evaluation_steps(node);
    if (steps > MOST_STEPS - importer->evaluated) {
        importer->left_out = true;
        return false;
    }
    importer->evaluated += steps;
    *view = view_contiguous(node, arena_allocate(&importer->arena, bytes + 1, 1));
    bool good = evaluate(node, sources, NULL, &result, &buffer, &error);
    if (good && buffer && bytes)
        memcpy(view->data, buffer, bytes);
    else if (good && bytes)
        view_copy(view, &result);
    et_release(buffer);
    if (!good && failed != et_failed_allocations())
        arena_exhausted(&importer->arena);
    return good;
}

/* The elements of a node from now on; NULL: they are not known. */
static const struct view *keep_known(struct importer *importer, const struct node *node,
                                     const struct view *view) {
    struct view *kept = view ? arena_new(&importer->arena, struct view) : NULL;
    if (view)
        *kept = *view;
    *constant_of(importer, node) = (struct known){true, kept};
    return kept;
}

static const struct view *known(struct importer *importer, const struct node *node, int depth) {
    struct known *constant = constant_of(importer, node);
    if (constant->tried)
        return constant->view;
    if (depth > MOST_SOURCES_DEPTH)
        return NULL;
    struct view view = {0};
    bool is_known = node->op != OP_INPUT && node_elements(node) <= MOST_EVALUATED;
    if (is_known && node->op == OP_WEIGHT) {
        view = view_contiguous(node, node->value);
        if (!view_is_aligned(&view))
            is_known = evaluate_known(importer, node, NULL, &view);
    } else if (is_known) {
        struct view *sources =
            arena_array(&importer->arena, struct view, (size_t)node->source_count + 1);
        for (int i = 0; is_known && i < node->source_count; i++) {
            const struct view *source = known(importer, node->sources[i], depth + 1);
            is_known = source != NULL;
            if (source)
                sources[i] = *source;
        }
        is_known = is_known && evaluate_known(importer, node, sources, &view);
    }
    return keep_known(importer, node, is_known ? &view : NULL);
}

const struct view *known_elements(struct importer *importer, struct tensor x) {
    return x.node ? known(importer, x.node, 0) : NULL;
}

void set_known_elements(struct importer *importer, struct tensor x, const struct view *view) {
    if (x.node)
        keep_known(importer, x.node, view);
}

/* ---- As numbers ---- */

/* One element as a number, and as an integer. */
double number_at(const struct view *view, int64_t i) {
    switch (view->dtype) {
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, short, ...)              \
    case DTYPE_##id:                                                                               \
        return cast_##short##_f64(((const type *)view->data)[i]);
#include "compiler/graph/dtypes.def"
#undef DTYPE
    default:
        unreachable();
    }
}

static int64_t integer_at(const struct view *view, int64_t i) {
    switch (view->dtype) {
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, short, ...)              \
    case DTYPE_##id:                                                                               \
        return cast_##short##_i64(((const type *)view->data)[i]);
#include "compiler/graph/dtypes.def"
#undef DTYPE
    default:
        unreachable();
    }
}

int64_t view_elements(const struct view *view) {
    int64_t count = 1;
    for (int i = 0; i < view->rank; i++)
        count *= view->shape[i];
    return count;
}

bool call_is_known(struct call *call, struct tensor x) {
    return known_elements(call->importer, x) != NULL;
}

const struct view *call_known_elements(struct call *call, struct tensor x, const char *what) {
    const struct view *view = known_elements(call->importer, x);
    if (is_made_of_codes(call->importer, x))
        view = NULL;
    if (!is_given(x))
        call_refuse(call, "%s is missing", what);
    else if (is_made_of_codes(call->importer, x))
        call_refuse(call, "%s must be numbers", what);
    else if (!view)
        call_refuse(call, "%s depends on the model's inputs%s; here it must be known before", what,
                    call->importer->left_out ? ", or takes too long to compute" : "");
    return view;
}

struct integers call_known(struct call *call, struct tensor x, const char *what) {
    const struct view *view = call_known_elements(call, x, what);
    if (!view)
        return (struct integers){0};
    int64_t count = view_elements(view);
    if (count > MAX_CONSTANT) {
        call_refuse(call, "%s: %" PRId64 " numbers, expected at most %d", what, count,
                    MAX_CONSTANT);
        return (struct integers){0};
    }
    int64_t *values = arena_array(&call->importer->arena, int64_t, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) {
        double number = number_at(view, i);
        values[i] = integer_at(view, i);
        if (number != floor(number) || fabs(number) > 0x1p63)
            call_refuse(call, "%s holds %g, expected an integer", what, number);
    }
    return (struct integers){(int)count, values};
}

struct integers call_known_shape(struct call *call, struct tensor x, int64_t least) {
    struct integers shape = call_known(call, x, "the shape");
    if (shape.count > MAX_RANK) {
        call_refuse(call, "a shape of %d extents, expected at most %d", shape.count, MAX_RANK);
        shape.count = MAX_RANK;
    }
    for (int i = 0; i < shape.count; i++)
        if (shape.values[i] < least) {
            call_refuse(call, "an extent of %" PRId64, shape.values[i]);
            return (struct integers){0};
        }
    return shape;
}

double call_known_number(struct call *call, struct tensor x, const char *what) {
    const struct view *view = call_known_elements(call, x, what);
    if (view && view_elements(view) == 1)
        return number_at(view, 0);
    if (view)
        call_refuse(call, "%s is not one number", what);
    return 0;
}

/* ---- As tensors ---- */

/* The elements of x as a const. */
static struct tensor const_of(struct tensor x, const struct view *view) {
    return tensor_const(x.context, view->dtype, view->rank, view->shape,
                        view_is_uniform(view) ? 1 : view_elements(view), view->data);
}

bool view_is_uniform(const struct view *view) {
    int64_t count = view_elements(view);
    size_t width = dtype_facts[view->dtype].bytes;
    const char *elements = view->data;
    return count && memcmp(elements, elements + width, (size_t)(count - 1) * width) == 0;
}

/* `view` is NULL where that is not known. */
static struct tensor folded_to(struct importer *importer, struct tensor x,
                               const struct view *view) {
    return view ? typed(importer, const_of(x, view), element_type(importer, x)) : x;
}

/* Several integers times scales, moved or not: they stay apart, which takes less room, and products
 * can be made of the integers. */
static bool is_dequantised(const struct node *node) {
    if (node_elements(node) == 1)
        return false;
    for (int i = 0; i < MOST_MOVES && op_facts[node->op].class == CLASS_MOVEMENT; i++)
        node = node->sources[0];
    const struct node *number = node->op == OP_MUL ? node->sources[0] : NULL;
    return number && number->op == OP_CAST && number->dtype == DTYPE_FLOAT32 &&
           dtype_is_integer(number->sources[0]->dtype) &&
           dtype_bytes(number->sources[0]->dtype) <= dtype_bytes(DTYPE_INT32);
}

static bool may_fold(struct tensor x) {
    return x.node && x.node->op != OP_CONST && x.node->op != OP_WEIGHT && x.node->op != OP_INPUT &&
           !is_dequantised(x.node);
}

struct tensor folded(struct importer *importer, struct tensor x) {
    if (!may_fold(x) || node_elements(x.node) > MOST_FOLDED)
        return x;
    return folded_to(importer, x, known_elements(importer, x));
}

/* However many they are, if one says all: so it does not depend on the size. */
struct tensor folded_output(struct importer *importer, struct tensor x, const char *name) {
    struct folds *folds = importer->options->folds;
    if (!folds || !may_fold(x))
        return folded(importer, x);
    const struct view *view = known_elements(importer, x);
    if (view && view_elements(view) > MOST_FOLDED && !view_is_uniform(view))
        view = NULL;
    return folds_agree(folds, name, view) ? folded_to(importer, x, view) : x;
}

struct tensor int64_list(struct tensor_context *context, int count, const int64_t *values) {
    return tensor_const(context, DTYPE_INT64, SHAPE(count), count, values);
}
