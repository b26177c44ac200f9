/* Equalisation, before codes are chosen: a channel between two contractions, of which the first
 * writes it past ReLU and the second reads it alone, may be c times as large where its weights in
 * the second are 1 / c of what they were,
 *
 *   contract(relu(y), W)  =  contract(relu(y * c) * (1 / c), W)             for c > 0
 *
 * and both factors become part of the weights beside them (fold-batchnorm). All channels of a
 * tensor share their codes' scale, and so do all weights of an output: c is chosen so that each
 * channel reaches as far among its neighbours in the tensor as in the weights (SmoothQuant, Xiao et
 * al. 2022, with its exponent of 1/2). It is a power of two: but for what gets too small or too
 * large for a float, no bit of the graph's results changes by that. */
#include "compiler/rewrite/quantize.h"

#include <limits.h>
#include <math.h>

/* A tensor between two contractions. */
struct equalised_tensor {
    const struct node *before, *activation; /* what ReLU reads, and what it makes of it */
    struct scale_chain channels; /* an empty one at `activation`, of whose elements `places` says
                                    the channel, as a number from 0 */
    double *reach;               /* [channels] the greatest element on the data */
    double *weight;              /* [channels] the greatest weight, without its sign */
    int *exponents;              /* [channels] c = 2^exponent */
};

struct equalising {
    struct rewriting *rewriting;
    int count, capacity;
    struct equalised_tensor **tensors;
    struct equalised_tensor **at; /* by node: of `before`, and of `activation` */
};

/* ---- What is there ---- */

/* What reads a node as relu(node), and nothing else does; or NULL. */
static const struct node *relu_behind(struct rewriting *rewriting, const struct node *node) {
    const struct analysis *analysis = rewriting->analysis;
    const struct node *reader = analysis->readers[node->id];
    struct cut cut;
    if (!reader || !find_cut(rewriting, reader, &cut) || cut.x != node || cut.op != OP_MAX ||
        cut.number != 0)
        return NULL;
    const bool is_choice = reader->op == OP_WHERE;
    if (is_choice && analysis->uses[reader->sources[0]->id] != 1)
        return NULL;
    return analysis->uses[node->id] == (is_choice ? 2 : 1) ? reader : NULL;
}

/* The channels of a contraction, over what its bias makes of it. */
static bool channels_behind(struct rewriting *rewriting, const struct quantized_site *site,
                            struct scale_chain *channels) {
    const struct scale_chain *chain = &site->chain;
    if (!chain->link_count || chain->channels < 2)
        return false;
    struct arena *arena = &rewriting->analysis->arena;
    channels->channels = chain->channels;
    channels->shift = arena_array(arena, double, (size_t)chain->channels);
    channels->scale = arena_array(arena, double, (size_t)chain->channels);
    for (int64_t i = 0; i < chain->channels; i++)
        channels->scale[i] = (double)i;
    channels->places = chain->places;
    channels->places.data = channels->scale;
    for (int i = 0; i < chain->move_count; i++)
        if (!passage_move(rewriting, chain->moves[i], &channels->places))
            return false;
    return true;
}

/* The greatest number of each channel, without its sign. `places` tells the channels. */
static void see_greatest(const struct view *numbers, const struct view *places, double *greatest) {
    struct rows rows = rows_of(2, (const struct view *const[]){numbers, places});
    do
        for (int64_t i = 0; i < rows.length; i++) {
            const float number = ((const float *)rows.data[0])[i * rows.stride[0]];
            const double channel = ((const double *)rows.data[1])[i * rows.stride[1]];
            double *most = &greatest[(int64_t)channel];
            *most = fmax(*most, fabs((double)number));
        }
    while (rows_next(&rows));
}

/* Whether a contraction reads the channels by weights of its own; their greatest. */
static bool reach_of_weights(struct rewriting *rewriting, struct equalised_tensor *tensor) {
    struct passage passage = passage_from(&tensor->channels, true);
    struct view weight;
    int64_t shape[MAX_RANK];
    if (passage_to_contraction(rewriting, &passage, &tensor->channels))
        return false;
    analysis_weight(rewriting, passage.node, &weight);
    if (!dependent_shape(&weight, shape))
        return false;
    for (int i = 0; i < weight.rank; i++)
        if (passage.scale.shape[i] > 1 && passage.scale.stride[i] != 0 && weight.stride[i] == 0)
            return false;
    const struct view numbers = with_shape(&weight, shape);
    const struct view places = with_shape(&passage.scale, shape);
    see_greatest(&numbers, &places, tensor->weight);
    return true;
}

static void find_tensor(struct equalising *plan, const struct quantized_site *site) {
    struct rewriting *rewriting = plan->rewriting;
    struct arena *arena = &rewriting->analysis->arena;
    const struct node *before = site->chain.last;
    const struct node *activation = relu_behind(rewriting, before);
    struct equalised_tensor *tensor = arena_new(arena, struct equalised_tensor);
    *tensor = (struct equalised_tensor){.before = before, .activation = activation};
    if (!activation || !channels_behind(rewriting, site, &tensor->channels))
        return;
    const size_t count = (size_t)tensor->channels.channels;
    tensor->channels.root = tensor->channels.last = activation;
    tensor->reach = arena_array(arena, double, count);
    tensor->weight = arena_array(arena, double, count);
    tensor->exponents = arena_array(arena, int, count);
    if (!reach_of_weights(rewriting, tensor))
        return;
    plan->tensors = arena_extend(arena, (void *)plan->tensors, plan->count, &plan->capacity,
                                 sizeof *plan->tensors);
    plan->tensors[plan->count++] = tensor;
    plan->at[before->id] = plan->at[activation->id] = tensor;
}

/* ---- The data ---- */

static void see_tensors(void *seer, const struct graph *graph, int64_t sample,
                        const void *const *outputs) {
    const struct equalising *plan = seer;
    (void)sample;
    for (int i = 0; i < graph->output_count; i++) {
        struct equalised_tensor *tensor = plan->tensors[i];
        const struct view elements = view_contiguous(tensor->activation, (void *)outputs[i]);
        see_greatest(&elements, &tensor->channels.places, tensor->reach);
    }
}

/* The power of two below sqrt(number), or next to it, of a positive, finite number. */
static int half_exponent(double number) {
    int exponent;
    frexp(number, &exponent);
    return (exponent - (exponent < 0)) / 2;
}

/* Of which channels anything is known, c = sqrt(weight / reach), up to a factor of all of them, in
 * which the mean exponent is 0; c = 1 of the others. */
static void choose_factors(struct equalised_tensor *tensor) {
    enum { FURTHEST = 16 }; /* more would only be for what is all but 0 */
    const int64_t count = tensor->channels.channels;
    int64_t sum = 0, known = 0;
    for (int64_t i = 0; i < count; i++) {
        const double ratio = tensor->weight[i] / tensor->reach[i];
        const bool is_known = ratio > 0 && isfinite(ratio);
        tensor->exponents[i] = is_known ? half_exponent(ratio) : INT_MIN;
        sum += is_known ? tensor->exponents[i] : 0;
        known += is_known;
    }
    const int mean = known ? (int)(sum / known) : 0;
    for (int64_t i = 0; i < count; i++) {
        const int exponent = tensor->exponents[i] == INT_MIN ? 0 : tensor->exponents[i] - mean;
        tensor->exponents[i] = exponent < -FURTHEST  ? -FURTHEST
                               : exponent > FURTHEST ? FURTHEST
                                                     : exponent;
    }
}

static void observe(struct equalising *plan) {
    struct rewriting *rewriting = plan->rewriting;
    const struct rewrite_data *data = rewriting->options.data;
    const struct node **nodes =
        arena_array(&rewriting->analysis->arena, const struct node *, (size_t)plan->count);
    for (int i = 0; i < plan->count; i++)
        nodes[i] = plan->tensors[i]->activation;
    struct graph *probe = rewriting_probe(rewriting, plan->count, nodes);
    if (!data->run(data->context, probe, 0, see_tensors, plan, rewriting->error))
        rewriting_fail(rewriting);
    for (int i = 0; i < plan->count; i++)
        choose_factors(plan->tensors[i]);
}

/* ---- The new graph ---- */

/* A node times c, or times 1 / c. */
static struct tensor emit(struct rewriting *rewriting, const struct node *node, void *given) {
    const struct equalising *plan = given;
    const struct equalised_tensor *tensor = plan->at[node->id];
    if (!tensor)
        return NO_TENSOR;
    const struct view *places = &tensor->channels.places;
    const int sign = node == tensor->before ? 1 : -1;
    int64_t shape[MAX_RANK];
    const int64_t count = dependent_shape(places, shape);
    float *factors = rewriting_elements(rewriting, DTYPE_FLOAT32, count);
    struct view result = row_major(places->rank, shape, DTYPE_FLOAT32, factors);
    const struct view channels = with_shape(places, shape);
    struct rows rows = rows_of(2, (const struct view *const[]){&result, &channels});
    do
        for (int64_t i = 0; i < rows.length; i++) {
            const double channel = ((const double *)rows.data[1])[i * rows.stride[1]];
            ((float *)rows.data[0])[i * rows.stride[0]] =
                ldexpf(1, sign * tensor->exponents[(int64_t)channel]);
        }
    while (rows_next(&rows));
    return tensor_mul(rewriting_again(rewriting, node),
                      rewriting_weight(rewriting, "equalised", "factor", DTYPE_FLOAT32, node->rank,
                                       shape, factors));
}

bool quantize_equalise(struct quantizing *quantizing) {
    struct rewriting *rewriting = quantizing->rewriting;
    struct equalising plan = {.rewriting = rewriting};
    plan.at = arena_array(&rewriting->analysis->arena, struct equalised_tensor *,
                          (size_t)rewriting->graph->node_count);
    for (int i = 0; i < quantizing->site_count; i++)
        find_tensor(&plan, quantizing->sites[i]);
    if (plan.count) {
        observe(&plan);
        rewriting_remake(rewriting, emit, &plan);
    }
    return plan.count > 0;
}
