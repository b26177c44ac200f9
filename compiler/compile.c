#include "compiler/compile.h"

#include "compiler/emit/emit.h"
#include "compiler/graph/batch.h"
#include "compiler/ir/ir.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"
#include "compiler/plan/plan.h"
#include "compiler/schedule/schedule.h"
#include "compiler/size_set.h"

#include <string.h>

/* What is compiled, and for dumps the text after the last pass. */
struct compilation {
    struct parts *parts;
    struct compilation *next; /* of the bodies of scans */
    const char *label;        /* of what size it is; NULL: there is one only */
    struct ir *ir;
    struct graph *fixed;          /* made for this: of a block of images, or of a body */
    struct graph *graph, *folded; /* simplify's */
    const struct compile_options *options;
    struct et_error *error;
    struct arena shown[2]; /* of the last text shown, and of the one before */
    const char *last;
};

static const struct target *target_of(const struct compile_options *options) {
    if (options->target) /* the runtime has tiles for vectors alone */
        return options->backend == &emit_calls && target_is_small(options->target)
                   ? &targets[TARGET_BASELINE]
                   : options->target;
    return options->backend == &emit_cuda ? &gpu_targets[GPU_SM_90] : &targets[TARGET_AVX512];
}

/* Hands the state after a pass to the caller's dump. */
static void dump(struct compilation *compilation, const char *pass, double took) {
    if (!compilation->options->dump)
        return;
    struct arena *shown = compilation->shown;
    arena_free(&shown[1]);
    shown[1] = shown[0];
    shown[0] = (struct arena){.escape = compilation->ir->arena->escape};
    struct text text = text_in(&shown[0]);
    if (compilation->label)
        text_add(&text, "# %s\n", compilation->label);
    if (compilation->ir->scan)
        text_add(&text, "# the body of node %d\n", compilation->ir->scan->origin);
    if (compilation->ir->stage < IR_LOWERED)
        print_graph(compilation->graph, &text);
    else
        print_ir(compilation->ir, &text);
    const char *now = text_keep(&text);
    bool changed = strcmp(compilation->last ? compilation->last : "", now) != 0;
    compilation->options->dump(compilation->options->dump_context, pass, now, changed, took);
    compilation->last = now;
}

/* After each pass over statements. */
static bool verify_after(const struct compilation *compilation, const char *pass) {
    return !compilation->options->verify || verify_ir(compilation->ir, compilation->error) ||
           et_fail_within(compilation->error, "after %s", pass);
}

/* What there was to choose from; kernels have their names now. */
static void tell_costs(struct compilation *compilation, struct compiled *compiled) {
    const struct compile_options *options = compilation->options;
    compiled->contraction_count =
        tell_contractions(compilation->ir, &compiled->arena, &compiled->contractions);
    if (!options->dump)
        return;
    struct text text = text_in(compilation->ir->arena);
    print_costs(compiled->contraction_count, compiled->contractions, compiled->kernels, &text);
    options->dump(options->dump_context, output_names[OUTPUT_COST], text_keep(&text), true, 0);
}

/* What is compiled, variant by variant: a graph, or a batched one in blocks, each of which is a
 * graph of its own; and the bodies of all scans in them. */
struct parts {
    struct budget budget;
    int count;
    struct compilation *items;
    struct ir *irs, **in_order;
    struct compilation *bodies;
    int kernel_count, ir_count; /* so far */
};

static int threads_used(const struct ir *ir) {
    for (int i = 0; i < ir->kernel_count; i++)
        if (ir->kernels[i]->parallel)
            return (int)ir->threads;
    return 1;
}

/* Ends the compile if it took too much so far. */
static void begin_stage(const struct ir *ir, const char *name) {
    struct budget *budget = ir->budget;
    if (!budget_look(budget))
        arena_exhausted(ir->arena);
    budget->at = name;
}

static bool run_pass(struct compilation *compilation, const struct pass *pass) {
    struct ir *ir = compilation->ir;
    double began = now_milliseconds();
    if (ir->stage != pass->requires)
        unreachable();
    begin_stage(ir, pass->name);
    if (pass->of_graph) {
        compilation->graph =
            pass->of_graph(ir->graph, ir->target, &compilation->folded, compilation->error);
        ir->graph = compilation->graph;
    } else {
        pass->of_ir(ir);
    }
    if (!ir->graph)
        return false;
    ir->stage = pass->provides;
    double took = now_milliseconds() - began;
    if (!verify_after(compilation, pass->name))
        return false;
    dump(compilation, pass->name, took);
    return true;
}

static int step_count(const struct ir *ir) {
    return ir->kernel_count ? ir->kernels[ir->kernel_count - 1]->step + 1 : 0;
}

static bool run_passes(struct compilation *compilation, const struct graph *graph);

static int64_t steps_within(const struct ir *outer, const struct node *scan) {
    int64_t steps;
    bool fits = checked_multiply(outer->steps ? outer->steps : 1, scan_step_count(scan), &steps);
    return fits ? steps : INT64_MAX;
}

/* The body of a scan: a program of its own, which the kernel of the scan runs. */
static struct compilation *add_body(struct compilation *compilation, const struct node *scan) {
    const struct ir *outer = compilation->ir;
    struct compilation *body = arena_new(outer->arena, struct compilation);
    *body = (struct compilation){.parts = compilation->parts,
                                 .next = compilation->parts->bodies,
                                 .label = compilation->label,
                                 .ir = arena_new(outer->arena, struct ir),
                                 .options = compilation->options,
                                 .error = compilation->error};
    *body->ir = (struct ir){.arena = outer->arena,
                            .budget = outer->budget,
                            .target = outer->target,
                            .scan = scan,
                            .outermost = outer->scan ? outer->outermost : scan,
                            .steps = steps_within(outer, scan),
                            .may_end = outer->may_end || scan_may_end(scan)};
    compilation->parts->bodies = body;
    return body;
}

static bool run_bodies(struct compilation *compilation) {
    struct ir *ir = compilation->ir;
    ir->bodies = arena_array(ir->arena, struct ir *, (size_t)ir->graph->body_count + 1);
    for (int i = 0; i < ir->graph->node_count; i++) {
        const struct node *node = ir->graph->nodes[i];
        if (node->op != OP_SCAN)
            continue;
        struct compilation *body = add_body(compilation, node);
        if (ir->largest && ir->body_count < ir->largest->body_count)
            body->ir->largest = ir->largest->bodies[ir->body_count];
        ir->bodies[ir->body_count++] = body->ir;
        body->fixed = scan_body(node, compilation->error);
        if (!body->fixed || !run_passes(body, body->fixed))
            return et_fail_within(compilation->error, "body of node %d", node->origin);
    }
    return true;
}

/* All passes, up to the text; bodies of scans come before what runs them. */
static bool run_passes(struct compilation *compilation, const struct graph *graph) {
    struct ir *ir = compilation->ir;
    struct parts *parts = compilation->parts;
    ir->graph = graph;
    for (int i = 0; i < PASS_COUNT; i++) {
        if (ir->stage == IR_SIMPLIFIED && !run_bodies(compilation))
            return false;
        ir->first_number = parts->kernel_count;
        if (!run_pass(compilation, &passes[i]))
            return false;
    }
    parts->kernel_count += ir->kernel_count;
    parts->ir_count++;
    return true;
}

static bool run_root(struct compilation *compilation, const struct graph *graph,
                     struct sized_variant *variant) {
    const struct compile_options *options = compilation->options;
    struct ir *ir = compilation->ir;
    inquire(ir, variant->tuning, options->list_candidates || options->dump);
    if (!run_passes(compilation, graph) || !check_tuning(ir, compilation->error))
        return false;
    variant->threads = threads_used(ir);
    variant->steps = step_count(ir);
    return true;
}

static int part_count(const struct sized_variant *variant) {
    return variant->block_count ? variant->block_count : 1;
}

/* "seq_len=16"; NULL where there is one variant only. */
static const char *label_of(const struct compiled *compiled, const struct sized_variant *variant,
                            struct arena *arena) {
    return compiled->axis_count ? emit_size_text(compiled, variant, arena) : NULL;
}

/* Threads share the kernels of a graph; of a batch each takes images of its own. */
static struct parts *parts_new(const struct compile_options *options, struct arena *work,
                               const struct compiled *compiled, struct et_error *error) {
    int count = 0;
    for (int i = 0; i < compiled->variant_count; i++)
        count += part_count(&compiled->variants[i]);
    struct parts *parts = et_allocate(1, sizeof *parts);
    if (!parts || !(parts->irs = arena_array(work, struct ir, (size_t)count)) ||
        !(parts->in_order = arena_array(work, struct ir *, (size_t)count)) ||
        !(parts->items = arena_array(work, struct compilation, (size_t)count))) {
        et_release(parts);
        return NULL;
    }
    parts->budget = budget_begin(&options->limits);
    parts->count = count;
    for (int i = 0; i < parts->count; i++) {
        parts->irs[i] = (struct ir){
            .arena = work,
            .budget = &parts->budget,
            .target = target_of(options),
            .threads = compiled->block_count || target_of(options)->gpu ? 1 : options->threads,
            .least_cycles = options->least_cycles};
        parts->in_order[i] = &parts->irs[i];
        parts->items[i] = (struct compilation){
            .parts = parts, .ir = &parts->irs[i], .options = options, .error = error};
    }
    return parts;
}

static void compilation_end(struct compilation *compilation) {
    arena_free(&compilation->shown[0]);
    arena_free(&compilation->shown[1]);
    graph_free(compilation->graph);
    graph_free(compilation->folded);
    graph_free(compilation->fixed);
}

static void parts_free(struct parts *parts) {
    for (struct compilation *body = parts ? parts->bodies : NULL; body; body = body->next)
        compilation_end(body);
    for (int i = 0; parts && i < parts->count; i++)
        compilation_end(&parts->items[i]);
    et_release(parts);
}

/* `part` of all, `block` of the variant's. */
static bool run_part(struct parts *parts, int part, struct sized_variant *variant, int block,
                     struct et_error *error) {
    struct compilation *item = &parts->items[part];
    parts->irs[part].largest = part ? &parts->irs[0] : NULL;
    if (!variant->block_count)
        return run_root(item, variant->graph, variant);
    item->fixed = graph_at_batch(variant->graph, variant->blocks[block].images, error);
    return item->fixed && run_root(item, item->fixed, variant);
}

/* The arena serves one block at a time. */
static void join_plans(struct arena *arena, const struct ir *irs, struct sized_variant *variant) {
    for (int i = 0; i < part_count(variant); i++) {
        const struct memory_plan *memory = &irs[i].memory;
        if (memory->arena_bytes > variant->arena_bytes)
            variant->arena_bytes = memory->arena_bytes;
        if (memory->lower_bound > variant->arena_lower_bound)
            variant->arena_lower_bound = memory->lower_bound;
    }
    variant->plan = irs[0].memory.table;
    for (int i = 0; i < variant->block_count; i++)
        variant->plan =
            arena_format(arena, "%s%sblock of %lld:\n%s", i ? variant->plan : "", i ? "\n" : "",
                         (long long)variant->blocks[i].images, irs[i].memory.table);
}

static bool run_variant(struct parts *parts, int first, struct sized_variant *variant,
                        struct compiled *compiled, struct et_error *error) {
    compiled->nodes += parts->budget.used[LIMIT_NODES];
    budget_again(&parts->budget);
    variant->first_kernel = parts->kernel_count;
    for (int i = 0; i < part_count(variant); i++)
        parts->items[first + i].label = label_of(compiled, variant, parts->irs[first].arena);
    for (int i = 0; i < part_count(variant); i++)
        if (!run_part(parts, first + i, variant, i, error))
            return parts->items[first].label
                       ? et_fail_within(error, "%s", parts->items[first].label)
                       : false;
    variant->kernel_count = parts->kernel_count - variant->first_kernel;
    join_plans(&compiled->arena, &parts->irs[first], variant);
    return true;
}

static bool run_variants(struct parts *parts, struct compiled *compiled, struct et_error *error) {
    int first = 0;
    for (int i = 0; i < compiled->variant_count; i++) {
        struct sized_variant *variant = &compiled->variants[i];
        if (!run_variant(parts, first, variant, compiled, error))
            return false;
        first += part_count(variant);
        if (variant->arena_lower_bound > compiled->arena_lower_bound)
            compiled->arena_lower_bound = variant->arena_lower_bound;
        if (variant->threads > compiled->threads)
            compiled->threads = variant->threads;
        if (variant->steps > compiled->steps)
            compiled->steps = variant->steps;
        compiled->tuned |= variant->tuning != NULL;
    }
    return true;
}

/* What is not the caller's any more. */
static void keep_variants(struct compiled *compiled) {
    struct arena *arena = &compiled->arena;
    size_t axes = (size_t)compiled->axis_count;
    const char **names = arena_array(arena, const char *, axes + 1);
    for (size_t i = 0; i < axes; i++)
        names[i] = arena_copy_text(arena, compiled->axes[i]);
    compiled->axes = names;
    compiled->parameters = NULL;
    for (int i = 0; i < compiled->variant_count; i++) {
        struct sized_variant *variant = &compiled->variants[i];
        int64_t *sizes = arena_array(arena, int64_t, axes + 1);
        if (axes)
            memcpy(sizes, variant->sizes, axes * sizeof *sizes);
        variant->graph = NULL;
        variant->digest = NULL;
        variant->tuning = NULL;
        variant->sizes = sizes;
        variant->suffix = arena_copy_text(arena, variant->suffix);
        variant->plan = arena_copy_text(arena, variant->plan);
    }
    compiled->plan = compiled->variants[0].plan;
}

static struct launch_argument *keep_arguments(struct arena *arena, const struct launch *launch) {
    struct launch_argument *arguments =
        arena_array(arena, struct launch_argument, (size_t)launch->count + 1);
    if (launch->count)
        memcpy(arguments, launch->arguments, (size_t)launch->count * sizeof *arguments);
    return arguments;
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
        kernels[i].launch.arguments = keep_arguments(arena, &made[i].launch);
    }
    compiled->kernels = kernels;
    const char **functions =
        arena_array(arena, const char *, (size_t)compiled->runtime_function_count + 1);
    for (int i = 0; i < compiled->runtime_function_count; i++)
        functions[i] = arena_copy_text(arena, compiled->runtime_functions[i]);
    compiled->runtime_functions = functions;
    compiled->prefix = arena_copy_text(arena, compiled->prefix);
    compiled->source = arena_copy_text(arena, compiled->source);
    compiled->header = arena_copy_text(arena, compiled->header);
    compiled->kernel_dot = arena_copy_text(arena, compiled->kernel_dot);
    if (compiled->assembly)
        compiled->assembly = arena_copy_text(arena, compiled->assembly);
    keep_variants(compiled);
}

/* Appends an ir behind those of its bodies. */
static void list_irs(struct ir *ir, struct ir **list, int *count) {
    for (int i = 0; i < ir->body_count; i++)
        list_irs(ir->bodies[i], list, count);
    list[(*count)++] = ir;
}

static bool place_all_constants(struct parts *parts, struct compiled *compiled,
                                struct et_error *error) {
    struct ir **all = arena_array(parts->irs[0].arena, struct ir *, (size_t)parts->ir_count);
    int count = 0;
    for (int i = 0; i < parts->count; i++)
        list_irs(&parts->irs[i], all, &count);
    void *weights;
    bool good = place_constants(all, count, &compiled->variants[0].graph->stored,
                                parts->items[0].options->big_endian, &weights,
                                &compiled->weights_bytes, error);
    compiled->weights = good ? weights : NULL;
    return good;
}

static bool run_parts(struct parts *parts, struct compiled *compiled, struct et_error *error) {
    const struct compile_options *options = parts->items[0].options;
    if (!run_variants(parts, compiled, error) || !place_all_constants(parts, compiled, error))
        return false;
    if (compiled->block_count && options->pool && options->threads > 1)
        compiled->threads = options->threads;
    double began = now_milliseconds();
    begin_stage(parts->in_order[0], output_names[OUTPUT_EMIT]);
    emit(parts->in_order, options, compiled);
    tell_costs(&parts->items[0], compiled);
    if (!verify_after(&parts->items[0], output_names[OUTPUT_EMIT]))
        return false;
    dump(&parts->items[0], output_names[OUTPUT_EMIT], now_milliseconds() - began);
    keep_texts(compiled);
    compiled->nodes += parts->budget.used[LIMIT_NODES];
    compiled->bytes = parts->budget.used[LIMIT_BYTES];
    return true;
}

/* ---- What is asked for ---- */

/* A graph without open axes is a set of one. */
static struct compiled *compiled_new(const struct size_set *set,
                                     const struct compile_options *options) {
    struct compiled *compiled = et_allocate(1, sizeof *compiled);
    if (!compiled)
        return NULL;
    compiled->variants = arena_array(&compiled->arena, struct sized_variant, (size_t)set->count);
    bool good = compiled->variants != NULL;
    for (int i = 0; good && i < set->count; i++) {
        const struct set_size *item = &set->items[i];
        struct sized_variant *variant = &compiled->variants[compiled->variant_count++];
        *variant = (struct sized_variant){.graph = item->graph,
                                          .sizes = item->sizes,
                                          .digest = item->digest,
                                          .tuning = item->tuning,
                                          .suffix = ""};
        if (item->graph->batched)
            variant->block_count = choose_blocks(item->graph, target_of(options), variant->blocks);
        good = variant->block_count || !item->graph->batched;
    }
    if (!good) {
        compiled_free(compiled);
        return NULL;
    }
    compiled->axis_count = set->axis_count;
    compiled->axes = set->axes;
    compiled->block_count = compiled->variants[0].block_count;
    memcpy(compiled->blocks, compiled->variants[0].blocks, sizeof compiled->blocks);
    return compiled;
}

/* Within an escape, which both arenas have meanwhile. */
static bool run_escaping(struct parts *parts, struct arena *work, struct compiled *compiled,
                         struct et_error *error) {
    const char *name = compiled->variants[0].graph->name;
    bool good;
    jmp_buf escape;
    work->escape = compiled->arena.escape = &escape;
    work->limit = compiled->arena.limit = &parts->budget.limit;
    if (setjmp(escape) == 0)
        good = run_parts(parts, compiled, error);
    else if (parts->budget.over >= 0)
        good = budget_fail(&parts->budget, name, error);
    else
        good = et_fail(error, "out of memory while compiling \"%s\"", name);
    compiled->arena.escape = NULL;
    compiled->arena.limit = NULL;
    return good;
}

/* Of a set that can be compiled. */
static struct compiled *compile_variants(const struct size_set *set,
                                         const struct compile_options *options,
                                         struct et_error *error) {
    for (int i = 0; i < set->count; i++)
        if (set->items[i].tuning && set->items[i].graph->batched) {
            et_fail(error, "a graph with a batch axis takes no tuning");
            return NULL;
        }
    if (!check_embedding(options, set->axis_count > 0, error))
        return NULL;
    struct arena work = {0};
    struct compiled *compiled = compiled_new(set, options);
    struct parts *parts = compiled ? parts_new(options, &work, compiled, error) : NULL;
    bool good =
        parts ? run_escaping(parts, &work, compiled, error) : et_fail(error, "out of memory");
    parts_free(parts);
    arena_free(&work);
    if (good)
        return compiled;
    compiled_free(compiled);
    return NULL;
}

struct compiled *compile(const struct graph *graph, const struct compile_options *options,
                         struct et_error *error) {
    const struct set_size only = {
        .graph = graph, .digest = options->digest, .tuning = options->tuning};
    const struct size_set set = {.count = 1, .items = &only};
    return compile_variants(&set, options, error);
}

struct compiled *compile_set(const struct size_set *set, const struct compile_options *options,
                             struct et_error *error) {
    if (!check_size_set(set, options, error))
        return NULL;
    return compile_variants(set, options, error);
}

static void release_weights(struct compiled *compiled) {
    if (!compiled->shares_weights && !compiled->mapped.count)
        et_release((void *)compiled->weights);
    unmap_file(&compiled->mapped);
}

void compiled_free(struct compiled *compiled) {
    if (!compiled)
        return;
    release_weights(compiled);
    arena_free(&compiled->arena);
    et_release(compiled);
}

void compiled_share_weights(struct compiled *compiled, const struct compiled *other) {
    if (compiled->shares_weights || compiled->weights_bytes != other->weights_bytes ||
        memcmp(compiled->weights, other->weights, other->weights_bytes) != 0)
        return;
    release_weights(compiled);
    compiled->weights = other->weights;
    compiled->shares_weights = true;
}
