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

static size_t whole_lines(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* Copies pieces, and gives the pages back that they came from. */
static void copy_constant(const struct mapped_file *file, const char *from, size_t bytes,
                          char *place) {
    const size_t most = (size_t)16 << 20;
    for (size_t at = 0; at < bytes; at += most) {
        size_t count = bytes - at < most ? bytes - at : most;
        memcpy(place + at, from + at, count);
        if (count == most)
            forget_pages(file, from + at, count);
    }
}

/* Places follow one another in whole lines, so that every byte of the block is set. */
static void fill_constant(const struct mapped_file *file, const struct buffer *buffer,
                          char *place) {
    size_t bytes = (size_t)buffer->elements * dtype_facts[buffer->dtype].bytes;
    if (buffer->packing)
        pack_constant(buffer->packing, file, place);
    else
        copy_constant(file, buffer->value, bytes, place);
    memset(place + bytes, 0, whole_lines(bytes) - bytes);
}

static bool fill_weights(const struct ir *ir, const struct mapped_file *file,
                         struct compiled *compiled, struct et_error *error) {
    bool *filled = arena_array(ir->arena, bool, (size_t)ir->buffer_count);
    compiled->weights = et_allocate_unset(compiled->weights_bytes);
    if (!compiled->weights)
        return et_fail(error, "out of memory: %zu bytes of weights", compiled->weights_bytes);
    for (int g = 0; g < ir->group_count; g++)
        for (int i = 0; i < ir->groups[g]->buffer_count; i++) {
            const struct buffer *buffer = ir->groups[g]->buffers[i].buffer;
            if (buffer->kind == BUFFER_CONSTANT && !filled[buffer->id])
                fill_constant(file, buffer, (char *)compiled->weights + buffer->offset);
            filled[buffer->id] = true;
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
    reuse_operands(ir);
    if (!after(compiling, "reuse"))
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
    return fill_weights(ir, &graph->stored, compiled, compiling->error) && after(compiling, "emit");
}

/* Copies the texts that the passes made, whose memory ends with the compile. */
static void keep_texts(struct compiled *compiled) {
    struct arena *arena = &compiled->arena;
    const struct kernel_facts *made = compiled->kernels;
    struct kernel_facts *kernels =
        arena_array(arena, struct kernel_facts, (size_t)compiled->kernel_count);
    for (int i = 0; i < compiled->kernel_count; i++) {
        kernels[i] = made[i];
        kernels[i].name = arena_copy_text(arena, made[i].name);
        kernels[i].formula = arena_copy_text(arena, made[i].formula);
        kernels[i].nodes = arena_copy_text(arena, made[i].nodes);
        kernels[i].source = arena_copy_text(arena, made[i].source);
        kernels[i].output = arena_copy_text(arena, made[i].output);
    }
    compiled->kernels = kernels;
    compiled->prefix = arena_copy_text(arena, compiled->prefix);
    compiled->source = arena_copy_text(arena, compiled->source);
    compiled->header = arena_copy_text(arena, compiled->header);
    compiled->plan = arena_copy_text(arena, compiled->plan);
    compiled->kernel_dot = arena_copy_text(arena, compiled->kernel_dot);
}

struct compiled *compile(const struct graph *graph, const struct compile_options *options,
                         struct et_error *error) {
    struct compiled *compiled = et_allocate(1, sizeof *compiled);
    if (!compiled) {
        et_fail(error, "out of memory");
        return NULL;
    }
    jmp_buf escape;
    struct arena work = {.escape = &escape};
    struct ir ir = {.arena = &work,
                    .target = options->target ? options->target : &targets[TARGET_AVX512],
                    .threads = options->threads,
                    .least_cycles = options->least_cycles};
    struct compiling compiling = {.ir = &ir, .options = options, .error = error};
    compiled->arena.escape = &escape;
    bool good;
    if (setjmp(escape) == 0) {
        good = run_passes(&compiling, graph, compiled);
        if (good)
            keep_texts(compiled);
    } else {
        good = et_fail(error, "out of memory while compiling \"%s\"", graph->name);
    }
    text_free(&compiling.last);
    graph_free(compiling.graph);
    graph_free(compiling.folded);
    arena_free(&work);
    compiled->arena.escape = NULL;
    if (good)
        return compiled;
    compiled_free(compiled);
    return NULL;
}

void compiled_free(struct compiled *compiled) {
    if (!compiled)
        return;
    if (!compiled->shares_weights)
        et_release(compiled->weights);
    arena_free(&compiled->arena);
    et_release(compiled);
}

void compiled_share_weights(struct compiled *compiled, const struct compiled *other) {
    if (compiled->shares_weights || compiled->weights_bytes != other->weights_bytes ||
        memcmp(compiled->weights, other->weights, other->weights_bytes) != 0)
        return;
    et_release(compiled->weights);
    compiled->weights = other->weights;
    compiled->shares_weights = true;
}
