/* Scans: the body's nodes one after another, step after step. */
#include "compiler/evaluate/evaluate.h"

#include <string.h>

struct step_run {
    const struct graph *body;
    evaluate_node *evaluate;
    struct stop *stop;
    struct view *values; /* by the body's nodes */
    void **buffers;      /* by the body's nodes, of the step at hand */
    struct view arguments[MAX_SOURCES];
};

static void step_run_free(struct step_run *run) {
    if (run) {
        et_release(run->values);
        et_release(run->buffers);
    }
    et_release(run);
}

static struct step_run *step_run_new(const struct graph *body, struct et_error *error) {
    struct step_run *run = et_allocate(1, sizeof *run);
    bool good = run;
    if (good) {
        run->body = body;
        run->values = et_allocate((size_t)body->node_count, sizeof *run->values);
        run->buffers = et_allocate((size_t)body->node_count, sizeof *run->buffers);
        good = run->values && run->buffers;
    }
    if (good)
        return run;
    step_run_free(run);
    et_fail(error, "out of memory");
    return NULL;
}

/* The part of a view at one place along an axis, which it has not then. */
static struct view slice(const struct view *view, int axis, int64_t place) {
    struct view part = *view;
    size_t after = (size_t)(view->rank - axis - 1);
    part.data = (char *)view->data + place * view->stride[axis] * dtype_bytes(view->dtype);
    part.rank--;
    memmove(part.shape + axis, view->shape + axis + 1, after * sizeof *part.shape);
    memmove(part.stride + axis, view->stride + axis + 1, after * sizeof *part.stride);
    return part;
}

static bool run_nodes(struct step_run *run, struct et_error *error) {
    for (int i = 0; i < run->body->node_count; i++) {
        const struct node *node = run->body->nodes[i];
        if (node->op == OP_INPUT)
            continue;
        for (int k = 0; k < node->source_count; k++)
            run->arguments[k] = run->values[node->sources[k]->id];
        if (!run->evaluate(node, run->arguments, run->stop, &run->values[i], &run->buffers[i],
                           error))
            return et_fail_within(error, "body: node %d", i);
    }
    return true;
}

static const struct view *output_of(const struct step_run *run, int output) {
    return &run->values[run->body->outputs[output].node->id];
}

/* The next state goes into `next`; *goes_on: whether there is another step. */
static bool run_step(struct step_run *run, const struct view *next, bool *goes_on,
                     struct et_error *error) {
    bool good = run_nodes(run, error);
    if (good)
        view_copy(next, output_of(run, 0));
    if (good && run->body->output_count == 2)
        *goes_on = *(const uint8_t *)output_of(run, 1)->data;
    for (int i = 0; i < run->body->node_count; i++) {
        et_release(run->buffers[i]);
        run->buffers[i] = NULL;
    }
    return good;
}

/* What the inputs of the body are in a step. */
static void set_inputs(struct step_run *run, const struct node *node, const struct view *sources,
                       const struct view *state, int64_t step) {
    for (int i = 0; i < node->source_count; i++) {
        bool scanned = i >= 1 && i <= node->scanned;
        run->values[node->body->inputs[i]->id] = i == 0    ? *state
                                                 : scanned ? slice(&sources[i], node->axis, step)
                                                           : sources[i];
    }
}

/* Where the state after a step goes: to its place in the result; or of the last state alone in turn
 * to the result and to `spare`, so that the last one is in the result if all steps are taken. */
static struct view place_of(const struct node *node, const struct view *result, void *spare,
                            int64_t step) {
    struct view place = *result;
    if (!node->last)
        return slice(result, node->axis, step);
    if ((scan_step_count(node) - 1 - step) % 2)
        place.data = spare;
    return place;
}

bool evaluate_scan(evaluate_node *evaluate, const struct node *node, const struct view *sources,
                   struct stop *stop, const struct view *result, struct et_error *error) {
    struct step_run *run = step_run_new(node->body, error);
    size_t spared = node->last ? (size_t)node_elements(node) : 0;
    void *spare = et_allocate(spared + 1, (size_t)dtype_bytes(result->dtype));
    struct view state = sources[0];
    bool good = run && (spare || et_fail(error, "out of memory")), goes_on = true;
    for (int64_t step = 0; good && step < scan_step_count(node); step++) {
        struct view next = place_of(node, result, spare, step);
        run->evaluate = evaluate;
        run->stop = stop;
        if (goes_on) {
            set_inputs(run, node, sources, &state, step);
            good = (!stop_passed(stop) ||
                    et_fail(error, "ended early, before step %lld", (long long)step)) &&
                   run_step(run, &next, &goes_on, error);
        } else {
            view_copy(&next, &state);
        }
        state = next;
    }
    step_run_free(run);
    et_release(spare);
    return good;
}
