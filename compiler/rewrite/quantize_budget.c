/* How much quantising changes the outputs, and which contractions stay float32 within a budget. */
#include "compiler/rewrite/quantize.h"

#include <math.h>
#include <stdlib.h>

/* Samples for each contraction by itself. */
enum { ALONE_SAMPLES = 32 };

/* ---- Measuring ---- */

struct quantize_score {
    const int64_t *labels; /* NULL: not known */
    double errors, sizes;  /* sums of squares, of the outputs of float32 */
    int64_t samples, right_before, right_after;
};

static int64_t greatest_of(const float *elements, int64_t count) {
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (elements[i] > elements[best])
            best = i;
    return best;
}

/* What is NaN in both is the same. */
static double squared_difference(float before, float after) {
    double difference = (double)after - (double)before;
    if (before == after || (isnan(before) && isnan(after)))
        return 0;
    return isfinite(difference) ? difference * difference : INFINITY;
}

static void add_errors(struct quantize_score *score, const float *before, const float *after,
                       int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        score->errors += squared_difference(before[i], after[i]);
        score->sizes += isfinite(before[i]) ? (double)before[i] * (double)before[i] : 0;
    }
}

/* The outputs of the graph, then those of the quantised one. */
static void see_score(void *seer, const struct graph *graph, int64_t sample,
                      const void *const *outputs) {
    struct quantize_score *score = seer;
    int count = graph->output_count / 2;
    const struct node *first = graph->outputs[0].node;
    for (int i = 0; i < count; i++)
        if (graph->outputs[i].node->dtype == DTYPE_FLOAT32)
            add_errors(score, outputs[i], outputs[count + i],
                       node_elements(graph->outputs[i].node));
    score->samples++;
    if (!score->labels || first->dtype != DTYPE_FLOAT32 || node_elements(first) == 0)
        return;
    int64_t label = score->labels[sample], elements = node_elements(first);
    score->right_before += greatest_of(outputs[0], elements) == label;
    score->right_after += greatest_of(outputs[count], elements) == label;
}

static struct quantize_score score_of(struct quantizing *plan, int64_t most) {
    struct rewriting *rewriting = plan->rewriting;
    const struct rewrite_data *data = rewriting->options.data;
    struct quantize_score score = {.labels = data->labels};
    struct graph *both = rewriting_both(rewriting, quantize_emit, plan);
    for (int i = 0; i < plan->tensor_count; i++)
        plan->tensors[i]->codes = NO_TENSOR; /* the next graph has others */
    if (!data->run(data->context, both, most, see_score, &score, rewriting->error))
        rewriting_fail(rewriting);
    return score;
}

static double error_of(const struct quantize_score *score) {
    return score->errors == 0 ? 0 : sqrt(score->errors / score->sizes);
}

static bool within(const struct quantize_budget *budget, const struct quantize_score *score) {
    double lost = (double)(score->right_before - score->right_after) / (double)score->samples;
    return (budget->error == 0 || error_of(score) <= budget->error) &&
           (budget->accuracy == 0 || lost <= budget->accuracy);
}

/* ---- Choosing ---- */

static int by_error(const void *left, const void *right) {
    const struct quantized_site *a = *(struct quantized_site *const *)left;
    const struct quantized_site *b = *(struct quantized_site *const *)right;
    if (a->error != b->error)
        return a->error > b->error ? -1 : 1;
    return a->contract->id - b->contract->id;
}

/* The contractions that can be quantised, the most sensitive ones first. */
static struct quantized_site **sort_sites(struct quantizing *plan, int *count) {
    struct quantized_site **sorted = arena_array(&plan->rewriting->analysis->arena,
                                                 struct quantized_site *, (size_t)plan->site_count);
    *count = 0;
    for (int i = 0; i < plan->site_count; i++)
        if (!plan->sites[i]->why_not)
            sorted[(*count)++] = plan->sites[i];
    for (int i = 0; i < *count; i++)
        sorted[i]->stays = true;
    for (int i = 0; i < *count; i++) {
        sorted[i]->stays = false;
        struct quantize_score score = score_of(plan, ALONE_SAMPLES);
        sorted[i]->error = error_of(&score);
        sorted[i]->measured = true;
        sorted[i]->stays = true;
    }
    qsort(sorted, (size_t)*count, sizeof(struct quantized_site *), by_error);
    return sorted;
}

static void keep_first(struct quantized_site **sorted, int count, int kept) {
    for (int i = 0; i < count; i++)
        sorted[i]->stays = i < kept;
}

/* By halving: the fewest of the most sensitive ones that have to stay. */
void quantize_within(struct quantizing *plan, const struct quantize_budget *budget) {
    int count, least = 0;
    struct quantized_site **sorted = sort_sites(plan, &count);
    for (int most = count; least < most;) {
        int kept = least + (most - least) / 2;
        keep_first(sorted, count, kept);
        struct quantize_score score = score_of(plan, 0);
        if (within(budget, &score))
            most = kept;
        else
            least = kept + 1;
    }
    keep_first(sorted, count, least);
    for (int i = 0; i < least; i++)
        sorted[i]->why_not = "it is too sensitive for the budget";
}
