/* integers: contractions of dequantised integers become contractions of the integers.
 *
 * Quantised files say integers that stand for real numbers as float32(integer - zero point) *
 * scale, and what is done to them in float32. Going through the graph, this follows which float32
 * node is an integer times a scale: a product of constants and casts, what movements, maxima and
 * cuts at 0 make of such, and sums of products of two, whose scale is the product of their scales.
 * The integers of sums are summed as such, in int32, where they cannot wrap around.
 *
 * Codes that are rounded to the same codes again, past movements and maxima, go there as they are,
 * and of a sum of two that is rounded to codes each is multiplied by one number.
 *
 * That is what the numbers mean, but float32 rounds at every addition, and integers do not. The
 * bits are the same where all scales are powers of two and no partial sum is beyond 2^24: then
 * every number on the way is an integer times a power of two that float32 holds, whatever the order
 * of summing, and no sum is -0, since sums begin with +0. */
#include "compiler/rewrite/integers.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct plan {
    struct scaled *scaled; /* by node */
};

/* ---- What stands for a node ---- */

static struct tensor scale_tensor(struct rewriting *rewriting, const struct scaled *scaled,
                                  const char *suffix) {
    const struct view *scale = &scaled->scale;
    if (scale_is_uniform(scale))
        return scalar(rewriting->context, *(const float *)scale->data);
    int64_t shape[MAX_RANK], count = dependent_shape(scale, shape);
    float *elements = rewriting_elements(rewriting, DTYPE_FLOAT32, count);
    struct view result = row_major(scale->rank, shape, DTYPE_FLOAT32, elements);
    struct view part = with_shape(scale, shape);
    view_copy(&result, &part);
    return rewriting_weight(rewriting, scaled->name, suffix, DTYPE_FLOAT32, scale->rank, shape,
                            elements);
}

static struct tensor emit_scaled(struct rewriting *rewriting, const struct scaled *scaled,
                                 const char *suffix) {
    return tensor_mul(tensor_cast(scaled->integer, DTYPE_FLOAT32),
                      scale_tensor(rewriting, scaled, suffix));
}

/* ---- Which nodes are scaled ---- */

/* An integer as float32: its scale is 1. */
static void scale_cast(struct rewriting *rewriting, const struct node *node,
                       struct scaled *scaled) {
    static const float one = 1;
    const struct node *source = node->sources[0];
    if (!dtype_is_integer(source->dtype) || node_elements(node) == 0)
        return;
    integer_bounds(rewriting, source, &scaled->low, &scaled->high);
    if (scaled->low < INT32_MIN || scaled->high > INT32_MAX)
        return;
    scaled->scale = (struct view){.data = (void *)&one, .dtype = DTYPE_FLOAT32, .rank = node->rank};
    memcpy(scaled->scale.shape, node->shape, sizeof node->shape);
    scaled->powers = true;
    scaled->exact = scaled->low >= -MOST_FLOAT_INTEGER && scaled->high <= MOST_FLOAT_INTEGER;
    scaled->name = "";
    scaled->integer = tensor_cast(rewriting->made[source->id], DTYPE_INT32);
    scaled->found = true;
}

static bool is_one(const struct view *scale) {
    return scale_is_uniform(scale) && *(const float *)scale->data == 1;
}

/* By one multiplication, or division, from the integer to the node, or by several that are exact.
 */
static void scale_product(struct rewriting *rewriting, const struct plan *plan,
                          const struct node *node, struct scaled *scaled) {
    int operand = analysis_constant_operand(rewriting->analysis, node);
    struct view constant;
    if (operand < 0) /* of two constants, one is an integer times a scale */
        operand = plan->scaled[node->sources[0]->id].found ? 1 : 0;
    if (node->op == OP_DIV && operand == 0)
        return;
    const struct scaled *source = &plan->scaled[node->sources[1 - operand]->id];
    if (!source->found || !analysis_constant(rewriting, node->sources[operand], &constant))
        return;
    bool alone = node->op == OP_MUL && is_one(&source->scale), powers = source->powers;
    *scaled = *source;
    scaled->found =
        scale_by(rewriting, scaled, &constant, node->op == OP_MUL ? SCALE_TIMES : SCALE_OVER);
    scaled->exact = source->exact && (alone || (powers && scaled->powers));
}

static void scale_sum(const struct plan *plan, const struct node *node, struct scaled *scaled) {
    const struct scaled *a = &plan->scaled[node->sources[0]->id];
    const struct scaled *b = &plan->scaled[node->sources[1]->id];
    if (!a->found || !b->found || !(a->summed || b->summed) ||
        !scales_agree(&a->scale, &b->scale, false))
        return;
    *scaled = a->summed ? *a : *b;
    scaled->low = a->low + b->low;
    scaled->high = a->high + b->high;
    scaled->exact = a->exact && b->exact && a->powers && b->powers &&
                    scales_agree(&a->scale, &b->scale, true) &&
                    scaled->low >= -MOST_FLOAT_INTEGER && scaled->high <= MOST_FLOAT_INTEGER;
    scaled->found = scaled->low >= INT32_MIN && scaled->high <= INT32_MAX;
    if (scaled->found)
        scaled->integer = tensor_add(a->integer, b->integer);
}

/* Zeros that a padding adds are integers, too. */
static bool pads_with_zeros(const struct node *pad) {
    static const uint8_t zero[sizeof(float)];
    return !pad->value || memcmp(pad->value, zero, sizeof zero) == 0;
}

static bool move_scale(struct rewriting *rewriting, const struct node *move, struct view *scale) {
    if (scale_is_uniform(scale)) {
        memset(scale->stride, 0, sizeof scale->stride);
        memcpy(scale->shape, move->shape, sizeof move->shape);
        scale->rank = move->rank;
        return true;
    }
    if (move->op != OP_PAD)
        return passage_move(rewriting, move, scale);
    for (int i = 0; i < move->rank; i++)
        if ((move->before[i] || move->after[i]) && scale->stride[i] != 0)
            return false;
    memcpy(scale->shape, move->shape, sizeof move->shape);
    return true;
}

static void scale_movement(struct rewriting *rewriting, const struct plan *plan,
                           const struct node *node, struct scaled *scaled) {
    const struct scaled *source = &plan->scaled[node->sources[0]->id];
    if (!source->found || (node->op == OP_PAD && !pads_with_zeros(node)))
        return;
    *scaled = *source;
    scaled->found = move_scale(rewriting, node, &scaled->scale);
    if (!scaled->found)
        return;
    if (node->op == OP_PAD) {
        scaled->low = scaled->low > 0 ? 0 : scaled->low;
        scaled->high = scaled->high < 0 ? 0 : scaled->high;
    }
    for (int i = 0; i < node->rank; i++)
        if (node->shape[i] == 1)
            scaled->scale.stride[i] = 0;
    scaled->integer = tensor_of_node(rewriting->context, node, 1, &source->integer);
}

/* max(x, 0) and min(x, 0); not of -0, which they could give. */
static void scale_cut(struct rewriting *rewriting, const struct plan *plan, const struct node *node,
                      struct scaled *scaled) {
    struct cut cut;
    if (!find_cut(rewriting, node, &cut) || cut.number != 0 || signbit(cut.number))
        return;
    const struct scaled *source = &plan->scaled[cut.x->id];
    if (!source->found || !source->summed)
        return;
    *scaled = *source;
    bool least = cut.op == OP_MIN;
    struct tensor zero = scalar_like(source->integer, 0);
    scaled->low = least == (source->low < 0) ? source->low : 0;
    scaled->high = least == (source->high < 0) ? source->high : 0;
    scaled->integer = least ? tensor_min(source->integer, zero) : tensor_max(source->integer, zero);
}

static const char *scale_contraction(struct rewriting *rewriting, const struct node *node,
                                     const struct scaled *sources, struct scaled *scaled) {
    int64_t bound = sum_bound(rewriting, node, sources);
    *scaled = sources[0];
    for (int i = 0; i < node->axis_count; i++)
        if (sources[0].scale.stride[node->axes[i]] || sources[1].scale.stride[node->axes[i]])
            return "products that are summed have several scales";
    if (bound > INT32_MAX)
        return "sums of so many products may not fit 32 bits";
    scaled->low = -bound;
    scaled->high = bound;
    if (!scale_by(rewriting, scaled, &sources[1].scale, SCALE_TIMES))
        return "the scale of the sums is not an ordinary number";
    scaled->exact = sources[0].exact && sources[1].exact && sources[0].powers &&
                    sources[1].powers && bound <= MOST_FLOAT_INTEGER;
    return NULL;
}

/* ---- Contractions ---- */

/* The axes that are summed vanish, along which the scale repeats. */
static void drop_summed(const struct node *contract, struct view *scale) {
    int kept[MAX_RANK];
    scale->rank = kept_axes(contract, kept);
    for (int i = 0; i < scale->rank; i++) {
        scale->shape[i] = scale->shape[kept[i]];
        scale->stride[i] = scale->stride[kept[i]];
    }
}

static const char *why_not_exact(const struct scaled *scaled) {
    return scaled->high > MOST_FLOAT_INTEGER
               ? "float32 may round the sums, which may be beyond 2^24"
               : "float32 rounds the products: some scale is no power of two";
}

static void report(struct rewriting *rewriting, const struct node *node,
                   const struct scaled *scaled, const char *why_not) {
    struct rewrite_site *told = rewriting_site(rewriting, node);
    struct arena *arena = &rewriting->result->arena;
    told->applied = !why_not;
    told->name = arena_copy_text(arena, scaled->name);
    told->shape = arena_copy_text(arena, shape_text(node).text);
    told->what = why_not ? arena_copy_text(arena, why_not)
                         : arena_format(arena, "sums up to %" PRId64 ": %s", scaled->high,
                                        scaled->exact ? "the bits are the same"
                                                      : "float32 rounds on the way");
}

/* One number for all elements, as averages are sums of products by: 1 times a scale. */
static struct scaled scaled_constant(struct rewriting *rewriting, const struct node *node) {
    static const int32_t one = 1;
    struct view view;
    int exponent;
    if (!analysis_constant(rewriting, node, &view) || !scale_is_uniform(&view))
        return (struct scaled){.found = false};
    float *number = arena_new(&rewriting->analysis->arena, float);
    memcpy(number, view.data, sizeof *number);
    if (!(*number > 0) || !isnormal(*number))
        return (struct scaled){.found = false};
    view.data = number;
    return (struct scaled){
        .found = true,
        .low = 1,
        .high = 1,
        .scale = view,
        .powers = frexpf(*number, &exponent) == 0.5F,
        .exact = true,
        .name = "",
        .integer = tensor_const(rewriting->context, DTYPE_INT32, node->rank, node->shape, 1, &one),
    };
}

static const char *name_of_constants(const struct rewriting *rewriting, const struct node *node) {
    int operand = analysis_constant_operand(rewriting->analysis, node);
    return operand < 0 ? "" : analysis_weight_name(node->sources[operand]);
}

static void scale_sums(struct rewriting *rewriting, const struct plan *plan,
                       const struct node *node, struct scaled *scaled) {
    struct scaled sources[2] = {plan->scaled[node->sources[0]->id],
                                plan->scaled[node->sources[1]->id]};
    const char *why_not = "one of its operands is no integer times a scale";
    if (rewriting->analysis->constant[node->id] || (!sources[0].found && !sources[1].found))
        return;
    for (int i = 0; i < 2; i++)
        if (!sources[i].found)
            sources[i] = scaled_constant(rewriting, node->sources[i]);
    if (sources[0].found && sources[1].found)
        why_not = scale_contraction(rewriting, node, sources, scaled);
    scaled->name = name_of_constants(rewriting, node);
    if (!why_not && rewriting->options.exact && !scaled->exact)
        why_not = why_not_exact(scaled);
    report(rewriting, node, scaled, why_not);
    scaled->found = scaled->summed = !why_not;
    if (why_not)
        return;
    drop_summed(node, &scaled->scale);
    scaled->integer =
        tensor_of_node(rewriting->context, node, 2,
                       (const struct tensor[]){sources[0].integer, sources[1].integer});
}

/* ---- The new graph ---- */

static void find_scaled(struct rewriting *rewriting, const struct plan *plan,
                        const struct node *node, struct scaled *scaled) {
    if (node->dtype != DTYPE_FLOAT32)
        return;
    switch (node->op) {
    case OP_CAST:
        scale_cast(rewriting, node, scaled);
        break;
    case OP_MUL:
    case OP_DIV:
        scale_product(rewriting, plan, node, scaled);
        break;
    case OP_ADD:
        scale_sum(plan, node, scaled);
        break;
    case OP_CONTRACT:
        scale_sums(rewriting, plan, node, scaled);
        break;
    default:
        if (op_facts[node->op].class == CLASS_MOVEMENT)
            scale_movement(rewriting, plan, node, scaled);
        else
            scale_cut(rewriting, plan, node, scaled);
    }
}

static void report_node(struct rewriting *rewriting, const struct node *node, const char *what) {
    struct rewrite_site *site = rewriting_site(rewriting, node);
    site->applied = true;
    site->shape = arena_copy_text(&rewriting->result->arena, shape_text(node).text);
    site->what = what;
}

/* Constants, as biases are, times or over a number. */
static struct tensor constant_term(struct rewriting *rewriting, const struct node *source,
                                   float number, enum scale_form form) {
    struct view view;
    int64_t shape[MAX_RANK], count;
    if (!analysis_constant(rewriting, source, &view) || !(count = dependent_shape(&view, shape)))
        return NO_TENSOR;
    float *elements = rewriting_elements(rewriting, DTYPE_FLOAT32, count);
    struct view result = row_major(view.rank, shape, DTYPE_FLOAT32, elements);
    struct view part = with_shape(&view, shape);
    view_copy(&result, &part);
    for (int64_t i = 0; i < count; i++)
        elements[i] = form == SCALE_TIMES ? elements[i] * number : elements[i] / number;
    return rewriting_weight(rewriting, analysis_weight_name(source), "rescale", DTYPE_FLOAT32,
                            view.rank, shape, elements);
}

/* One of two that are added, times or over a number. */
static struct tensor emit_term(struct rewriting *rewriting, const struct plan *plan,
                               const struct node *source, const struct view *number,
                               enum scale_form form) {
    struct scaled scaled = plan->scaled[source->id];
    bool exact = scaled.exact && scaled.powers;
    if (rewriting->analysis->constant[source->id])
        return rewriting->options.exact
                   ? NO_TENSOR
                   : constant_term(rewriting, source, *(const float *)number->data, form);
    if (!scaled.found || !scale_by(rewriting, &scaled, number, form) ||
        (rewriting->options.exact && !(exact && scaled.powers)))
        return NO_TENSOR;
    return emit_scaled(rewriting, &scaled, "rescale");
}

/* A sum of two, times or over a number, as one is rounded to codes: each integer is multiplied by
 * its scale times or over that. Powers of two keep every bit. */
static struct tensor emit_rescaled_sum(struct rewriting *rewriting, const struct plan *plan,
                                       const struct node *node) {
    struct view number;
    struct tensor terms[2];
    enum scale_form form = node->op == OP_MUL ? SCALE_TIMES : SCALE_OVER;
    if (node->op != OP_MUL && node->op != OP_DIV)
        return NO_TENSOR;
    int operand = analysis_constant_operand(rewriting->analysis, node);
    if (operand < 0 || (node->op == OP_DIV && operand == 0))
        return NO_TENSOR;
    const struct node *sum = node->sources[1 - operand];
    if (sum->op != OP_ADD || rewriting->analysis->constant[sum->id] ||
        analysis_only_reader(rewriting->analysis, sum) != node ||
        !analysis_constant(rewriting, node->sources[operand], &number) ||
        !scale_is_uniform(&number))
        return NO_TENSOR;
    for (int i = 0; i < 2; i++) {
        terms[i] = emit_term(rewriting, plan, sum->sources[i], &number, form);
        if (!is_given(terms[i]))
            return NO_TENSOR;
    }
    report_node(rewriting, node,
                rewriting->options.exact
                    ? "the sum of two is one of integers times scales: the bits are the same"
                    : "the sum of two is one of integers times scales: float32 rounds elsewhere");
    return tensor_add(terms[0], terms[1]);
}

/* Codes that go through maxima and movements. */
static struct tensor emit_codes(struct rewriting *rewriting, const struct node *node) {
    struct tensor codes = codes_again(rewriting, node);
    if (is_given(codes))
        report_node(rewriting, node,
                    "was rounded to the integers that it was: the bits are the same");
    return codes;
}

/* Sums, and what multiplications and additions make of them, are made of the integers at once;
 * everything else reads that. */
static struct tensor emit(struct rewriting *rewriting, const struct node *node, void *context) {
    const struct plan *plan = context;
    struct scaled *scaled = &plan->scaled[node->id];
    if (node->op == OP_CAST && dtype_is_integer(node->dtype))
        return emit_codes(rewriting, node);
    find_scaled(rewriting, plan, node, scaled);
    if (rewriting->options.exact)
        scaled->found &= scaled->exact;
    if (node->dtype == DTYPE_FLOAT32 && !scaled->found)
        return emit_rescaled_sum(rewriting, plan, node);
    if (!scaled->found || !scaled->summed ||
        (node->op != OP_CONTRACT && node->op != OP_ADD && node->op != OP_MUL && node->op != OP_DIV))
        return NO_TENSOR;
    return emit_scaled(rewriting, scaled, node->op == OP_CONTRACT ? "scale" : "rescale");
}

void rewrite_integers(struct rewriting *rewriting) {
    struct plan plan;
    analysis_begin(rewriting);
    plan.scaled = arena_array(&rewriting->analysis->arena, struct scaled,
                              (size_t)rewriting->graph->node_count);
    rewriting_remake(rewriting, emit, &plan);
    analysis_end(rewriting);
    rewrite_io(rewriting);
}
