#include "compile.h"

#include "emit.h"
#include "ir.h"

#include <string.h>
#include <time.h>

static double now_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* The pass list's state: what is compiled, and for dumps the text after the last pass. */
struct compiling {
    struct ir *ir;
    struct graph *graph, *folded; /* simplify's */
    const struct compile_options *options;
    struct et_error *error;
    double began;
    struct text last;
};

/* Hands the state after a pass to those who asked for it. */
static void dump(struct compiling *compiling, const char *pass, double took,
                 void (*print)(const struct compiling *compiling, struct text *text)) {
    struct text text = {0};
    if (!compiling->options->dump)
        return;
    print(compiling, &text);
    const char *now = text.bytes ? text.bytes : "";
    bool changed = strcmp(compiling->last.bytes ? compiling->last.bytes : "", now) != 0;
    compiling->options->dump(compiling->options->dump_context, pass, now, changed, took);
    text_free(&compiling->last);
    compiling->last = text;
}

static void print_nodes(const struct compiling *compiling, struct text *text) {
    print_graph(compiling->graph, text);
}

static void print_kernels(const struct compiling *compiling, struct text *text) {
    print_ir(compiling->ir, text);
}

/* After each pass over kernels: the verifier, and the dump. */
static bool after(struct compiling *compiling, const char *pass) {
    double took = now_milliseconds() - compiling->began;
    if (compiling->options->verify && !verify_ir(compiling->ir, compiling->error))
        return et_fail_within(compiling->error, "after %s", pass);
    dump(compiling, pass, took, print_kernels);
    compiling->began = now_milliseconds();
    return true;
}

/* What there was to choose from; kernels have their names now. */
static void tell_costs(struct compiling *compiling, struct compiled *compiled) {
    const struct compile_options *options = compiling->options;
    struct text text = {0};
    tell_contractions(compiling->ir, compiled);
    compiled->tuned = options->tuning != NULL;
    if (!options->dump)
        return;
    print_costs(compiled, &text);
    options->dump(options->dump_context, "cost", text.bytes ? text.bytes : "", true, 0);
    text_free(&text);
}

static bool fill_weights(const struct ir *ir, struct compiled *compiled, struct et_error *error) {
    compiled->weights = et_allocate_aligned(compiled->weights_bytes);
    if (!compiled->weights)
        return et_fail(error, "out of memory: %zu bytes of weights", compiled->weights_bytes);
    for (int g = 0; g < ir->group_count; g++)
        for (int i = 0; i < ir->groups[g]->buffer_count; i++) {
            const struct buffer *buffer = ir->groups[g]->buffers[i].buffer;
            char *place = (char *)compiled->weights + buffer->offset;
            if (buffer->kind == BUFFER_CONSTANT && buffer->packing)
                pack_constant(buffer->packing, place);
            else if (buffer->kind == BUFFER_CONSTANT)
                memcpy(place, buffer->value,
                       (size_t)buffer->elements * dtype_facts[buffer->dtype].bytes);
        }
    return true;
}

static int threads_used(const struct ir *ir) {
    for (int i = 0; i < ir->group_count; i++)
        if (ir->groups[i]->parallel)
            return (int)ir->threads;
    return 1;
}

/* The passes, in order. */
static bool run_passes(struct compiling *compiling, const struct graph *graph,
                       struct compiled *compiled) {
    struct ir *ir = compiling->ir;
    compiling->began = now_milliseconds();
    compiling->graph = simplify(graph, &compiling->folded, compiling->error);
    if (!compiling->graph)
        return false;
    ir->graph = compiling->graph;
    dump(compiling, "simplify", now_milliseconds() - compiling->began, print_nodes);
    compiling->began = now_milliseconds();
    lower(ir);
    if (!after(compiling, "lower"))
        return false;
    fuse(ir);
    if (!after(compiling, "fuse"))
        return false;
    split_axes(ir);
    if (!after(compiling, "axes"))
        return false;
    split_guards(ir);
    if (!after(compiling, "split"))
        return false;
    place_copies(ir);
    if (!after(compiling, "place"))
        return false;
    join_loops(ir);
    if (!after(compiling, "join"))
        return false;
    lay_out_buffers(ir);
    if (!after(compiling, "layout"))
        return false;
    share_loops(ir);
    if (!after(compiling, "share"))
        return false;
    inquire(ir, compiling->options->tuning,
            compiling->options->list_candidates || compiling->options->dump);
    schedule(ir);
    if (!check_tuning(ir, compiling->error) || !after(compiling, "schedule"))
        return false;
    group_kernels(ir);
    if (!after(compiling, "group"))
        return false;
    divide_work(ir);
    compiled->threads = threads_used(ir);
    if (!after(compiling, "divide"))
        return false;
    struct plan planned = plan(ir);
    compiled->arena_bytes = planned.arena_bytes;
    compiled->arena_lower_bound = planned.lower_bound;
    compiled->weights_bytes = planned.weights_bytes;
    compiled->plan = planned.table;
    if (!after(compiling, "plan"))
        return false;
    part_steps(ir);
    compiled->steps = ir->group_count ? ir->groups[ir->group_count - 1]->step + 1 : 0;
    if (!after(compiling, "meet"))
        return false;
    emit(ir, compiling->options, compiled);
    tell_costs(compiling, compiled);
    return fill_weights(ir, compiled, compiling->error) && after(compiling, "emit");
}

struct compiled *compile(const struct graph *graph, const struct compile_options *options,
                         struct et_error *error) {
    struct compiled *compiled = et_allocate(1, sizeof *compiled);
    if (!compiled) {
        et_fail(error, "out of memory");
        return NULL;
    }
    jmp_buf escape;
    struct ir ir = {.arena = &compiled->arena,
                    .target = options->target ? options->target : &targets[TARGET_AVX512],
                    .threads = options->threads,
                    .least_cycles = options->least_cycles};
    struct compiling compiling = {.ir = &ir, .options = options, .error = error};
    compiled->arena.escape = &escape;
    bool good;
    if (setjmp(escape) == 0)
        good = run_passes(&compiling, graph, compiled);
    else
        good = et_fail(error, "out of memory while compiling \"%s\"", graph->name);
    text_free(&compiling.last);
    graph_free(compiling.graph);
    graph_free(compiling.folded);
    compiled->arena.escape = NULL;
    if (good)
        return compiled;
    compiled_free(compiled);
    return NULL;
}

void compiled_free(struct compiled *compiled) {
    if (!compiled)
        return;
    et_release(compiled->weights);
    arena_free(&compiled->arena);
    et_release(compiled);
}
