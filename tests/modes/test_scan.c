/* Scans in every mode: what models do with them, against the interpreter and against the same steps
 * one after another; and what is emitted for many steps. */
#include "bench/lstm.h"
#include "runtime/eager.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tensor input(struct tensor_context *context, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

/* ---- Graphs ---- */

static struct tensor build_lstm(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(7, 3, 20));
    return lstm_looped(xs, lstm_weights(context, 20, 24));
}

/* One sequence, whose product is a matrix times a vector; the last state alone is given out. */
static struct tensor build_lstm_row(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(9, 1, 33));
    return lstm_pick(lstm_looped(xs, lstm_weights(context, 33, 40)), 0, 8);
}

/* The same of weights that are too large for caches, with columns that fill no tile. */
static struct tensor build_lstm_wide(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(5, 1, 8));
    return lstm_looped(xs, lstm_weights(context, 8, 190));
}

/* h = tanh(W h + x) along the second axis, of weights that are moved first, and both ways. */
static struct tensor along(struct tensor xs, struct tensor initial, struct tensor matrix) {
    int64_t rows = tensor_extent(xs, 0), width = tensor_extent(xs, 2);
    struct tensor_context *body = tensor_context_new("cell");
    struct tensor h = input(body, "h", SHAPE(rows, width)),
                  x = input(body, "x", SHAPE(rows, width));
    struct tensor w = input(body, "w", SHAPE(width, width));
    return tensor_scan(
        &(struct scan_options){.initial = initial,
                               .axis = 1,
                               .scanned_count = 1,
                               .scanned = &xs,
                               .captured_count = 1,
                               .captured = &matrix,
                               .next = tensor_tanh(tensor_add(linear(h, w, NO_TENSOR), x))});
}

static struct tensor build_both_ways(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(4, 6, 16)), h = input(context, "h", SHAPE(4, 16));
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(32, 16));
    struct tensor forth = tensor_shrink(w, RANGES({0, 16}, {0, 16}));
    struct tensor back = transpose(tensor_shrink(w, RANGES({16, 32}, {0, 16})), 0, 1);
    struct tensor y = along(tensor_exp(xs), h, forth);
    struct tensor z = tensor_flip(along(tensor_flip(xs, AXES(1)), h, back), AXES(1));
    return tensor_concat(TENSORS(y, z), 2);
}

/* What goes in and comes out lies within other tensors: padded, joined, in parts. */
static struct tensor build_within_others(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(2, 5, 16)), h = input(context, "h", SHAPE(2, 16));
    struct tensor w = input(context, "w", SHAPE(16, 16));
    struct tensor padded = tensor_pad(xs, RANGES({0, 0}, {1, 2}, {0, 0}), 0.5);
    struct tensor y = along(padded, tensor_neg(h), tensor_mul(w, w));
    struct tensor joined = tensor_concat(TENSORS(xs, tensor_neg(y), y), 1);
    return tensor_add(joined, along(joined, tensor_shrink(h, RANGES({0, 2}, {0, 16})), w));
}

/* So small that compilers unroll it all: they must not think that what a step reads is not what the
 * step before it stored. */
static struct tensor build_small(struct tensor_context *context) {
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(3, 3));
    struct tensor xs = add_graph_input(context, "xs", DTYPE_INT32, SHAPE(7, 5));
    struct tensor_context *body = tensor_context_new("body");
    struct tensor h = input(body, "h", SHAPE(3, 3));
    add_graph_input(body, "x", DTYPE_INT32, SHAPE(7));
    struct tensor of_body = input(body, "w", SHAPE(3, 3));
    struct tensor product = tensor_contract(unsqueeze(h, 2), unsqueeze(of_body, 0), AXES(1));
    return tensor_scan(
        &(struct scan_options){.initial = tensor_expand(scalar(context, 0), SHAPE(3, 3)),
                               .axis = 1,
                               .scanned_count = 1,
                               .scanned = &xs,
                               .captured_count = 1,
                               .captured = &w,
                               .next = tensor_add(product, of_body)});
}

/* A sum over sums, and of no tensor that the body reads but the count of steps. */
static struct tensor build_nested(struct tensor_context *context) {
    struct tensor rows = input(context, "rows", SHAPE(5, 3, 8)),
                  start = input(context, "s", SHAPE(8));
    struct tensor_context *outer = tensor_context_new("outer"),
                          *inner = tensor_context_new("inner");
    struct tensor next = tensor_add(input(inner, "sum", SHAPE(8)), input(inner, "x", SHAPE(8)));
    struct tensor state = input(outer, "state", SHAPE(8)), row = input(outer, "row", SHAPE(3, 8));
    struct tensor within = tensor_scan(&(struct scan_options){
        .initial = state, .scanned_count = 1, .scanned = &row, .next = tensor_tanh(next)});
    struct tensor states = tensor_scan(&(struct scan_options){
        .initial = start, .scanned_count = 1, .scanned = &rows, .next = lstm_pick(within, 0, 2)});
    struct tensor_context *counting = tensor_context_new("counting");
    struct tensor doubled = input(counting, "value", SHAPE(8));
    input(counting, "x", SHAPE(3, 8));
    return tensor_add(states,
                      tensor_scan(&(struct scan_options){.initial = start,
                                                         .scanned_count = 1,
                                                         .scanned = &rows,
                                                         .next = tensor_add(doubled, doubled)}));
}

/* The state is never read, or only handed on. */
static struct tensor build_without_state(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(5, 8)), start = input(context, "start", SHAPE(8));
    struct tensor y[2];
    for (int i = 0; i < 2; i++) {
        struct tensor_context *body = tensor_context_new("body");
        struct tensor state = input(body, "state", SHAPE(8)), x = input(body, "x", SHAPE(8));
        y[i] = tensor_scan(&(struct scan_options){.initial = start,
                                                  .scanned_count = 1,
                                                  .scanned = &xs,
                                                  .next = i ? tensor_neg(x) : state});
    }
    return tensor_sub(y[0], y[1]);
}

static struct tensor build_integers(struct tensor_context *context) {
    struct tensor xs = add_graph_input(context, "xs", DTYPE_INT8, SHAPE(3, 50));
    struct tensor start = add_graph_input(context, "start", DTYPE_INT8, SHAPE(3));
    struct tensor_context *body = tensor_context_new("body");
    struct tensor state = add_graph_input(body, "state", DTYPE_INT8, SHAPE(3));
    struct tensor x = add_graph_input(body, "x", DTYPE_INT8, SHAPE(3));
    return tensor_scan(&(struct scan_options){.initial = start,
                                              .axis = 1,
                                              .scanned_count = 1,
                                              .scanned = &xs,
                                              .next = tensor_max(tensor_add(state, x), x)});
}

/* Of a type that no node around the body has. */
static struct tensor build_other_type(struct tensor_context *context) {
    struct tensor xs = add_graph_input(context, "xs", DTYPE_UINT32, SHAPE(5, 20));
    struct tensor start = add_graph_input(context, "start", DTYPE_UINT32, SHAPE(20));
    struct tensor_context *body = tensor_context_new("body");
    struct tensor state = add_graph_input(body, "state", DTYPE_UINT32, SHAPE(20));
    struct tensor x = add_graph_input(body, "x", DTYPE_UINT32, SHAPE(20));
    struct tensor narrow = tensor_cast(tensor_add(state, x), DTYPE_INT16);
    return tensor_scan(&(struct scan_options){.initial = start,
                                              .scanned_count = 1,
                                              .scanned = &xs,
                                              .next = tensor_cast(narrow, DTYPE_UINT32)});
}

/* What the next state is of one number and another, and of a third. */
typedef struct tensor of_numbers(struct tensor state, struct tensor x, struct tensor captured);

static struct tensor chosen(struct tensor state, struct tensor x, struct tensor captured) {
    return tensor_where(tensor_lt(state, x), tensor_sub(state, tensor_mul(x, captured)),
                        tensor_max(tensor_neg(state), x));
}
static struct tensor of_bits(struct tensor state, struct tensor x, struct tensor captured) {
    struct tensor bits = tensor_bitcast(state, DTYPE_INT32);
    struct tensor ends = tensor_and(bits, scalar_like(bits, -0x7fffffff));
    return tensor_add(tensor_div(x, state), tensor_where(tensor_eq(ends, scalar_like(ends, 0)),
                                                         captured, tensor_abs(state)));
}
static struct tensor mixed(struct tensor state, struct tensor x, struct tensor captured) {
    return tensor_xor(tensor_mul(state, scalar_like(state, 3)), tensor_add(x, captured));
}
static struct tensor summed(struct tensor state, struct tensor x, struct tensor captured) {
    return tensor_add(tensor_mul(state, captured), x);
}

static struct tensor along_numbers(struct tensor xs, struct tensor start, struct tensor captured,
                                   enum dtype dtype, int rank, of_numbers *next) {
    static const int64_t one[] = {1};
    struct tensor_context *body = tensor_context_new("body");
    struct tensor state = add_graph_input(body, "state", dtype, rank, one);
    struct tensor x = add_graph_input(body, "x", dtype, rank, one);
    struct tensor other = add_graph_input(body, "captured", dtype, rank, one);
    captured = tensor_reshape(tensor_cast(captured, dtype), rank, one);
    xs = tensor_cast(rank ? unsqueeze(xs, 1) : xs, dtype);
    struct tensor y = tensor_scan(
        &(struct scan_options){.initial = tensor_reshape(tensor_cast(start, dtype), rank, one),
                               .scanned_count = 1,
                               .scanned = &xs,
                               .captured_count = 1,
                               .captured = &captured,
                               .next = next(state, x, other)});
    return tensor_cast(tensor_reshape(y, SHAPE(70)), DTYPE_FLOAT32);
}

/* States of one number, which a register holds. */
static struct tensor build_numbers(struct tensor_context *context) {
    static const struct {
        enum dtype dtype;
        int rank;
        of_numbers *next;
    } kinds[] = {{DTYPE_FLOAT32, 0, chosen}, {DTYPE_FLOAT32, 1, of_bits},
                 {DTYPE_FLOAT64, 0, summed}, {DTYPE_FLOAT64, 1, chosen},
                 {DTYPE_INT32, 1, mixed},    {DTYPE_INT64, 0, mixed},
                 {DTYPE_INT64, 0, chosen},   {DTYPE_FLOAT32, 0, summed}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    struct tensor xs = input(context, "xs", SHAPE(70)), start = input(context, "start", SHAPE(1));
    struct tensor captured = input(context, "carried", SHAPE(1)), y[KINDS];
    for (int i = 0; i < KINDS; i++)
        y[i] = along_numbers(xs, start, captured, kinds[i].dtype, kinds[i].rank, kinds[i].next);
    return tensor_concat(KINDS, y, 0);
}

/* Ends once the elements of a state lie far apart: with most seeds before the last step. */
static struct tensor spreading(struct tensor_context *context, int64_t steps, bool last) {
    struct tensor xs = input(context, "xs", SHAPE(steps, 4, 16)),
                  h = input(context, "h", SHAPE(4, 16));
    struct tensor w = input(context, "w", SHAPE(16, 16));
    struct tensor_context *body = tensor_context_new("cell");
    struct tensor state = input(body, "state", SHAPE(4, 16)), x = input(body, "x", SHAPE(4, 16));
    struct tensor next = tensor_add(linear(state, input(body, "w", SHAPE(16, 16)), NO_TENSOR), x);
    struct tensor spread =
        tensor_sub(tensor_reduce_max(next, ALL_AXES), tensor_reduce_min(next, ALL_AXES));
    return tensor_scan(&(struct scan_options){.initial = h,
                                              .scanned_count = 1,
                                              .scanned = &xs,
                                              .captured_count = 1,
                                              .captured = &w,
                                              .next = next,
                                              .goes_on = tensor_lt(spread, scalar(body, 1000)),
                                              .last = last});
}

static struct tensor build_ending(struct tensor_context *context) {
    return spreading(context, 40, false);
}

static struct tensor build_last_of_ending(struct tensor_context *context) {
    return spreading(context, 40, true);
}

/* The last state alone, of an even and an odd number of steps; each is the one before, reversed. */
static struct tensor build_last(struct tensor_context *context) {
    struct tensor xs = input(context, "xs", SHAPE(4, 6, 16)), h = input(context, "h", SHAPE(4, 16));
    struct tensor last = h;
    for (int i = 0; i < 2; i++) {
        struct tensor part = tensor_shrink(xs, RANGES({0, 4}, {i, 6}, {0, 16}));
        struct tensor_context *body = tensor_context_new("body");
        struct tensor state = input(body, "state", SHAPE(4, 16)),
                      x = input(body, "x", SHAPE(4, 16));
        last = tensor_scan(
            &(struct scan_options){.initial = last,
                                   .axis = 1,
                                   .scanned_count = 1,
                                   .scanned = &part,
                                   .next = tensor_sub(x, tensor_flip(state, AXES(0, 1))),
                                   .last = true});
    }
    return last;
}

/* Another within it, whose state says by itself whether it goes on. */
static struct tensor build_ending_within(struct tensor_context *context) {
    struct tensor rows = add_graph_input(context, "rows", DTYPE_INT8, SHAPE(9, 7));
    struct tensor_context *outer = tensor_context_new("outer"),
                          *inner = tensor_context_new("inner");
    struct tensor state = add_graph_input(inner, "state", DTYPE_BOOL, SCALAR_SHAPE);
    struct tensor x = add_graph_input(inner, "x", DTYPE_INT8, SCALAR_SHAPE);
    struct tensor count = add_graph_input(outer, "count", DTYPE_INT8, SHAPE(7));
    struct tensor row = add_graph_input(outer, "row", DTYPE_INT8, SHAPE(7));
    struct tensor small = tensor_and(state, tensor_le(x, scalar_like(x, 90)));
    struct tensor first = lstm_pick(row, 0, 0);
    struct tensor seen = tensor_scan(&(struct scan_options){.initial = tensor_eq(first, first),
                                                            .scanned_count = 1,
                                                            .scanned = &row,
                                                            .next = small,
                                                            .goes_on = small});
    return tensor_scan(&(struct scan_options){
        .initial = tensor_expand(tensor_reshape(scalar_like(rows, 0), SHAPE(1)), SHAPE(7)),
        .scanned_count = 1,
        .scanned = &rows,
        .next = tensor_add(count, tensor_cast(seen, DTYPE_INT8)),
        .goes_on = lstm_pick(seen, 0, 2)});
}

static struct tensor (*const builders[])(struct tensor_context *context) = {
    build_lstm,          build_lstm_row, build_both_ways,     build_within_others,  build_nested,
    build_without_state, build_integers, build_other_type,    build_small,          build_last,
    build_numbers,       build_ending,   build_ending_within, build_last_of_ending, build_lstm_wide,
};
enum { BUILDERS = sizeof builders / sizeof *builders, SMALL = 8, ENDING = 11 };

/* ---- Every mode ---- */

static void bind(struct graph *graph, float *elements, size_t count) {
    random_elements(1, "weights", DTYPE_FLOAT32, (int64_t)count, elements);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = elements;
}

static float weights[4 * 190 * 190];

static struct graph *graph_of(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert(graph, "%s", error.message);
    bind(graph, weights, sizeof weights / sizeof *weights);
    return graph;
}

static void check(int builder, const struct mode *mode, uint64_t seed) {
    if (mode->batched && builder >= ENDING)
        return; /* images would end at different steps */
    struct graph *graph = graph_of(builders[builder](tensor_context_new("scan")));
    struct et_error error = {0};
    struct trial trial;
    cr_assert((mode->batched ? trial_begin_batch : trial_begin)(&trial, graph, seed, &error), "%s",
              error.message);
    cr_expect(!mode->batched || trial.batched, "%d has no batch", builder);
    cr_expect(trial_check(&trial, mode, &error), "%d, %s, seed %d: %s", builder, mode->name,
              (int)seed, error.message);
    trial_end(&trial);
    graph_free(graph);
}

Test(scan, the_jit_equals_the_interpreter, .timeout = 120) {
    enum { SEEDS = 12 }; /* each another target, number of threads, how often a run asks to stop */
    for (int i = 0; i < BUILDERS; i++)
        for (int k = 0; k < MODE_COUNT; k++)
            for (uint64_t seed = 1; seed <= SEEDS && !modes[k].cc; seed++)
                check(i, &modes[k], seed);
}

/* Each has every second graph, and each graph half of them. */
Test(scan, compilers_equal_the_interpreter, .timeout = 300) {
    for (int k = 0; k < MODE_COUNT; k++)
        for (int i = k % 2; i < BUILDERS && modes[k].cc; i += 2)
            check(i, &modes[k], (uint64_t)i + (uint64_t)k);
    for (uint64_t seed = 1; seed <= TARGET_GENERIC; seed++) /* text for each kind */
        check(SMALL, mode_find("clang-O3"), seed);
}

/* ---- Against the same steps one after another ---- */

enum { STEPS = 6, ROWS = 2, INPUTS = 12, HIDDEN = 20 };

static struct graph *lstm_graph(bool loop, int64_t steps) {
    struct tensor_context *context = tensor_context_new("lstm");
    struct tensor xs = input(context, "xs", SHAPE(steps, ROWS, INPUTS));
    return graph_of(
        (loop ? lstm_looped : lstm_unrolled)(xs, lstm_weights(context, INPUTS, HIDDEN)));
}

Test(scan, an_lstm_has_the_bits_of_its_steps) {
    struct graph *loop = lstm_graph(true, STEPS), *unrolled = lstm_graph(false, STEPS);
    float xs[STEPS * ROWS * INPUTS], states[2][STEPS * ROWS * 2 * HIDDEN];
    struct et_error error = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        random_elements(seed, "xs", DTYPE_FLOAT32, sizeof xs / sizeof *xs, xs);
        for (int i = 0; i < 2; i++)
            cr_assert(
                eager_run(i ? unrolled : loop, (const void *[]){xs}, (void *[]){states[i]}, &error),
                "%s", error.message);
        cr_expect(memcmp(states[0], states[1], sizeof states[0]) == 0, "seed %d", (int)seed);
    }
    graph_free(loop);
    graph_free(unrolled);
}

/* ---- What is emitted ---- */

static struct compiled *compiled_with(struct graph *graph, const struct emit_backend *backend) {
    struct compile_options options = {.backend = backend, .verify = true};
    struct et_error error = {0};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert(compiled, "%s", error.message);
    graph_free(graph);
    return compiled;
}

static struct compiled *compiled_lstm(int64_t steps, const struct emit_backend *backend) {
    return compiled_with(lstm_graph(true, steps), backend);
}

static const struct emit_backend *const dialects[] = {&emit_loops, &emit_calls};

/* Every other step begins with the weights that the one before has ended with, which caches still
 * have of those that are too large for them. */
Test(scan, large_weights_are_gone_through_forth_and_back) {
    for (int i = 0; i < 2; i++) {
        struct compiled *small = compiled_lstm(STEPS, dialects[i]);
        struct compiled *wide =
            compiled_with(graph_of(build_lstm_wide(tensor_context_new("wide"))), dialects[i]);
        cr_expect(!strstr(small->source, "step % 2"));
        cr_expect(strstr(wide->source, "step % 2 ? "));
        compiled_free(small);
        compiled_free(wide);
    }
}

/* A thousand steps are the loop that ten are, over the same packed weights. */
Test(scan, many_steps_are_a_loop) {
    for (int i = 0; i < 2; i++) {
        struct compiled *few = compiled_lstm(10, dialects[i]);
        struct compiled *many = compiled_lstm(1000, dialects[i]);
        cr_expect_eq(few->kernel_count, many->kernel_count);
        cr_expect_lt(many->source_bytes, few->source_bytes + 200);
        cr_expect_eq(few->weights_bytes, many->weights_bytes);
        cr_expect_lt(few->weights_bytes, sizeof(float) * 4 * HIDDEN * (INPUTS + HIDDEN + 16) * 2);
        for (int k = 0; k < few->kernel_count; k++)
            cr_expect_eq(few->kernels[k].steps * 100, many->kernels[k].steps);
        compiled_free(few);
        compiled_free(many);
    }
}

/* Where memory runs out, nothing of a body is left behind. */
Test(scan, compiling_survives_failing_allocations, .timeout = 120) {
    struct graph *graph = graph_of(build_nested(tensor_context_new("nested")));
    int failures = 0;
    for (unsigned long nth = 1;; nth++, failures++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        struct compiled *compiled = compile(graph, &(struct compile_options){0}, &error);
        et_fail_allocation(0);
        compiled_free(compiled);
        if (compiled)
            break;
        cr_assert(strstr(error.message, "out of memory"), "%s", error.message);
    }
    cr_expect_gt(failures, 50);
    graph_free(graph);
}
