/* What callers see of the file: the header, and the functions that call the kernels. */
#include "compiler/emit/emit.h"
#include "compiler/plan/plan.h"

#include <inttypes.h>
#include <string.h>

/* ---- Header ---- */

/* Behind the description of an output that is counted: by which. */
static const char *count_text(struct emitter *emitter, const struct buffer *buffer) {
    const struct graph *graph = emitter->ir->graph;
    const struct output *output = &graph->outputs[buffer->position];
    if (buffer->kind != BUFFER_OUTPUT || !output->count)
        return "";
    return arena_format(emitter->ir->arena, "; of axis %d the first *%s are true",
                        output->counted_axis, emitter->fields[BUFFER_OUTPUT][output->count - 1]);
}

static const struct scaling *scaling_of(const struct graph *graph, enum buffer_kind kind,
                                        int position) {
    return kind == BUFFER_INPUT ? &graph->inputs[position]->scaling
                                : &graph->outputs[position].scaling;
}

/* Behind the description of a tensor: what its integers stand for. */
static const char *scaling_text(struct emitter *emitter, const struct buffer *buffer) {
    const struct scaling *scaling = scaling_of(emitter->ir->graph, buffer->kind, buffer->position);
    if (scaling->scale == 0)
        return "";
    return arena_format(emitter->ir->arena, ", scale %.9g, zero %" PRId64, (double)scaling->scale,
                        scaling->zero);
}

static void add_tensor_fields(struct emitter *emitter, struct text *text, enum buffer_kind kind,
                              const char *constant) {
    const struct ir *ir = emitter->ir;
    int count = 0;
    text_add(text, "struct %s_%s {\n", emitter->prefix,
             kind == BUFFER_INPUT ? "inputs" : "outputs");
    for (int i = 0; i < ir->buffer_count; i++) {
        const struct buffer *buffer = ir->buffers[i];
        if (buffer->kind != kind)
            continue;
        count++;
        const char *description = tensor_description(emitter, buffer);
        text_add(text, "    %s%s *%s; /* %s%s%s */\n", constant, dtype_facts[buffer->dtype].c_type,
                 buffer->name, strchr(description, ' ') + 1, scaling_text(emitter, buffer),
                 count_text(emitter, buffer));
    }
    if (!count)
        text_add(text, "    char none; /* the graph has none */\n");
    if (emitter->profile && kind == BUFFER_INPUT)
        text_add(text, "    void (*lap)(int kernel);\n");
    if (emitter->stop_every && kind == BUFFER_INPUT)
        text_add(text, "    %s *stop;\n", emit_stop_type(emitter));
    if (emitter->backend->threads && kind == BUFFER_INPUT)
        text_add(text, "    struct CUstream_st *cuda_stream; /* a cudaStream_t; 0: the usual */\n");
    text_add(text, "};\n\n");
}

/* For those that go by position: which output says how many elements of an axis are true. */
static void add_counts(struct text *text, const struct graph *graph, const char *upper) {
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i].count)
            text_add(text,
                     "/* Of output %d as many elements along an axis are true, the first ones, as "
                     "the int64_t that\n * is output %d says: */\n"
                     "#define %s_OUTPUT_%d_AXIS %d\n#define %s_OUTPUT_%d_COUNT %d\n",
                     i, graph->outputs[i].count - 1, upper, i, graph->outputs[i].counted_axis,
                     upper, i, graph->outputs[i].count - 1);
}

/* Scale and zero of what has them, by position. */
static void add_scaling(struct text *text, const struct graph *graph, enum buffer_kind kind,
                        const char *upper) {
    const char *what = kind == BUFFER_INPUT ? "INPUT" : "OUTPUT";
    int count = kind == BUFFER_INPUT ? graph->input_count : graph->output_count;
    for (int i = 0; i < count; i++) {
        const struct scaling *scaling = scaling_of(graph, kind, i);
        if (scaling->scale != 0)
            text_add(text,
                     "/* The integers of %s %d stand for (integer - zero) * scale: */\n"
                     "#define %s_%s_%d_SCALE %af /* %.9g */\n#define %s_%s_%d_ZERO %" PRId64 "\n",
                     kind == BUFFER_INPUT ? "input" : "output", i, upper, what, i,
                     (double)scaling->scale, (double)scaling->scale, upper, what, i, scaling->zero);
    }
}

static void add_sizes(struct emitter *emitter, struct text *text, const struct compiled *compiled) {
    const char *upper = emit_upper_case(emitter->ir, emitter->prefix);
    emit_needs_table(emitter, text, compiled);
    text_add(text, "#define %s_WEIGHTS_BYTES %zu%s\n", upper, compiled->weights_bytes,
             emitter->big_endian ? " /* in big-endian order */" : "");
    text_add(text, "#define %s_ARENA_BYTES %zu%s\n", upper, compiled->arena_bytes,
             compiled->axis_count ? " /* enough for every size */" : "");
    text_add(text, "#define %s_INPUT_COUNT %d\n", upper, emitter->ir->graph->input_count);
    text_add(text, "#define %s_OUTPUT_COUNT %d\n", upper, emitter->ir->graph->output_count);
    add_counts(text, emitter->ir->graph, upper);
    add_scaling(text, emitter->ir->graph, BUFFER_INPUT, upper);
    add_scaling(text, emitter->ir->graph, BUFFER_OUTPUT, upper);
    if (compiled->block_count && !compiled->axis_count)
        text_add(text, "#define %s_BLOCK_IMAGES %" PRId64 " /* fastest are multiples of it */\n",
                 upper, compiled->blocks[0].images);
    text_add(text, "\n");
    if (compiled->axis_count)
        emit_size_interface(emitter, text, upper);
}

/* What callers must know of weights and arena. */
static const char *memory_comment(const struct emitter *emitter) {
    static const char *const comments[2][2] = {
        {" * `weights` is the block that was written beside this file, `arena` is scratch\n"
         " * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an\n"
         " * arena each.",
         " * `weights` is the block that was written beside this file, 64-byte aligned. Scratch\n"
         " * memory is static: one run at a time."},
        {" * `arena` is scratch memory, 64-byte aligned. Touches nothing else: threads may run at\n"
         " * once, an arena each.",
         " * Scratch memory is static: one run at a time."}};
    return comments[emitter->weights_form != WEIGHTS_FILE][emitter->static_arena];
}

static const char *array_parameters(const struct emitter *emitter) {
    static const char tensors[] = "const void *const *inputs, void *const *outputs";
    return emit_embeds(emitter)
               ? arena_format(emitter->ir->arena, "%s%s", tensors, emit_memory_parameters(emitter))
               : arena_format(emitter->ir->arena, "%s, const void *weights,\n        void *arena",
                              tensors);
}

void emit_interface(struct emitter *emitter, struct text *text, const struct compiled *compiled) {
    const char *prefix = emitter->prefix;
    add_sizes(emitter, text, compiled);
    if (emitter->stop_every)
        text_add(text,
                 "/* Asked whether the run has to end. */\n%s {\n    int (*passed)(void *stop);\n"
                 "};\n\n",
                 emit_stop_type(emitter));
    add_tensor_fields(emitter, text, BUFFER_INPUT, "const ");
    add_tensor_fields(emitter, text, BUFFER_OUTPUT, "");
    const char *batch = compiled->block_count ? ", long batch" : "";
    const char *sizes = emit_size_parameters(emitter);
    const char *type = compiled->axis_count ? "int" : "void";
    text_add(
        text,
        *batch
            ? "/* Computes all outputs of `batch` images, the N of the tensors; an image has the "
              "same bits\n * in every batch. Tensors are contiguous and row-major; outputs "
              "overlap nothing else.\n"
            : "/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap "
              "nothing else.\n");
    if (emitter->backend->threads)
        text_add(text, " * All of them lie in the GPU's memory and begin at multiples of 16 bytes. "
                       "The run is put\n"
                       " * into a stream: wait for it before the outputs are read.\n");
    text_add(text, "%s%s */\n", memory_comment(emitter),
             *sizes ? " Returns 0, or -1 and has touched nothing for sizes not listed above." : "");
    text_add(text, "%s %s_run(%s%s%s);\n\n", type, prefix, emit_entry_parameters(emitter), batch,
             sizes);
    text_add(text, "/* The same by position. */\n%s %s_run_array(%s%s%s);\n", type, prefix,
             array_parameters(emitter), batch, sizes);
    if (emitter->threads)
        emit_step_interface(emitter, text, emit_upper_case(emitter->ir, prefix));
    if (emitter->pool)
        emit_pool_interface(emitter, text, emit_upper_case(emitter->ir, prefix));
}

static void add_digest(struct emitter *emitter, struct text *text,
                       const struct sized_variant *variant) {
    if (!variant->digest)
        return;
    text_add(text, "\n * Graph %s", variant->digest);
    if (emitter->compiled->axis_count)
        text_add(text, "\n *   at %s",
                 emit_size_text(emitter->compiled, variant, emitter->ir->arena));
}

void emit_header(struct emitter *emitter, struct text *text, const struct compiled *compiled) {
    const char *guard =
        arena_format(emitter->ir->arena, "%s_H", emit_upper_case(emitter->ir, emitter->prefix));
    text_add(text, "/* %s.h: how to run the graph \"%s\", compiled to C by Eigentensor.",
             emitter->prefix, emit_identifier(emitter->ir, emitter->ir->graph->name));
    for (int i = 0; i < compiled->variant_count; i++)
        add_digest(emitter, text, &compiled->variants[i]);
    text_add(text,
             " */\n#ifndef %s\n#define %s\n\n#include <stdint.h>\n\n"
             "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             guard, guard);
    emit_interface(emitter, text, compiled);
    text_add(
        text,
        "\n/* What was compiled: \"eigentensor 1; graph DIGEST; inputs ...; outputs ...\". */\n"
        "const char *%s_metadata(void);\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
        emitter->prefix);
}

/* ---- The calls of kernels ---- */

static bool has_offset(const struct emitter *emitter, const struct buffer *buffer,
                       enum buffer_kind kind) {
    return buffer->kind == kind && emitter->offset_wanted[buffer->id];
}

/* Where the constants or temporaries lie, in bytes; false if there are none. Beyond what an enum
 * can hold, macros. */
static bool add_offsets(struct emitter *emitter, struct text *text, enum buffer_kind kind,
                        const char *comment, const char *indent) {
    const char *large_form = *indent ? "static const long AT_%s = %zu;" : "#define AT_%s %zu";
    const struct ir *ir = emitter->ir;
    int count = 0;
    bool large = false;
    for (int i = 0; i < ir->buffer_count; i++)
        large |= has_offset(emitter, ir->buffers[i], kind) && ir->buffers[i]->offset > INT32_MAX;
    for (int i = 0; i < ir->buffer_count; i++) {
        const struct buffer *buffer = ir->buffers[i];
        if (!has_offset(emitter, buffer, kind))
            continue;
        if (!count++)
            text_add(text, "%s/* %s */\n%s%s", indent, comment, large ? "" : indent,
                     large ? "" : "enum {\n");
        text_add(text, "%s", indent);
        text_add(text, large ? large_form : "    AT_%s = %zu,", buffer->name, buffer->offset);
        text_add(text, " /* %s", strchr(buffer_description(emitter->ir, buffer), ' ') + 1);
        if (kind == BUFFER_TEMPORARY)
            text_add(text, ", alive from k%02d to k%02d",
                     ir->first_number + buffer->first_kernel + 1,
                     ir->first_number + buffer->last_kernel + 1);
        text_add(text, " */\n");
    }
    if (count)
        text_add(text, "%s%s\n", large ? "" : indent, large ? "" : "};\n");
    return count > 0;
}

/* Of the body of a scan inputs and output are parameters, and so is where all else lies. */
static const char *argument(struct emitter *emitter, const struct buffer *buffer, bool written) {
    struct arena *arena = emitter->ir->arena;
    const char *type = dtype_facts[buffer->dtype].c_type;
    const bool body = emitter->ir->scan != NULL;
    if (body && buffer->kind <= BUFFER_OUTPUT)
        return buffer->name;
    switch (buffer->kind) {
    case BUFFER_INPUT:
        return arena_format(arena, "inputs->%s", emitter->fields[BUFFER_INPUT][buffer->position]);
    case BUFFER_OUTPUT:
        return arena_format(arena, "outputs->%s", emitter->fields[BUFFER_OUTPUT][buffer->position]);
    case BUFFER_CONSTANT:
        emitter->offset_wanted[buffer->id] = true;
        return arena_format(arena, "(const %s *)(%s + AT_%s)", type, body ? "weights" : "constants",
                            buffer->name);
    case BUFFER_TEMPORARY:
        emitter->offset_wanted[buffer->id] = true;
        if (buffer->per_thread)
            return arena_format(arena, "(%s%s *)(scratch + AT_%s + %zu * part)",
                                written ? "" : "const ", type, buffer->name, aligned_bytes(buffer));
        return arena_format(arena, "(%s%s *)(%s + AT_%s)", written ? "" : "const ", type,
                            body ? "arena" : "scratch", buffer->name);
    case BUFFER_LOCAL:
        break;
    }
    unreachable();
}

void emit_arguments(struct text *text, int indent, size_t length, int count,
                    const char *const *arguments) {
    size_t column = (size_t)indent + length + 1;
    for (int i = 0; i < count; i++) {
        if (i > 0) {
            bool breaks = column + strlen(arguments[i]) + 4 > 100;
            if (breaks)
                text_add(text, ",\n%*s", indent + 8, "");
            else
                text_add(text, ", ");
            column = breaks ? (size_t)indent + 8 : column + 2;
        }
        text_add(text, "%s", arguments[i]);
        column += strlen(arguments[i]);
    }
    text_add(text, ");\n");
}

/* Where a kernel that is launched finds its arguments. */
static struct launch_argument launch_argument(const struct buffer *buffer) {
    switch (buffer->kind) {
    case BUFFER_INPUT:
        return (struct launch_argument){LAUNCH_INPUT, (size_t)buffer->position};
    case BUFFER_OUTPUT:
        return (struct launch_argument){LAUNCH_OUTPUT, (size_t)buffer->position};
    case BUFFER_CONSTANT:
        return (struct launch_argument){LAUNCH_WEIGHTS, buffer->offset};
    case BUFFER_TEMPORARY:
        return (struct launch_argument){LAUNCH_ARENA, buffer->offset};
    case BUFFER_LOCAL:
        break;
    }
    unreachable();
}

/* What stands before the arguments of a launch, which is noted among the facts of the kernel. */
static const char *begin_launch(struct emitter *emitter, const struct kernel *kernel, int position,
                                int indent) {
    const struct ir *ir = emitter->ir;
    struct launch *launch = &emitter->compiled->kernels[ir->first_number + position].launch;
    const int most = kernel->buffer_count + 2;
    *launch =
        (struct launch){.arguments = arena_array(ir->arena, struct launch_argument, (size_t)most)};
    for (; launch->count < kernel->buffer_count; launch->count++)
        launch->arguments[launch->count] = launch_argument(kernel->buffers[launch->count].buffer);
    if (runs_scan(kernel->statements[0]))
        emit_scan_launch(emitter, kernel, launch);
    return arena_format(ir->arena, "%s\n%*s",
                        emitter->backend->threads->launch(emitter, kernel, launch), indent + 8, "");
}

/* The call of a kernel by its position in the ir at hand; `since` is of emit_looks_before(). */
static void add_call(struct emitter *emitter, struct text *text, int position, int indent,
                     double *since) {
    const struct kernel *kernel = emitter->ir->kernels[position];
    const bool body = emitter->ir->scan != NULL;
    const char *stop = body ? "stop" : "inputs->stop";
    if (emit_looks_before(emitter, kernel, since))
        text_add(text, "%*sif (%s->passed(%s))\n%*sreturn;\n", indent, "", stop, stop, indent + 4,
                 "");
    if (emitter->profile && !body)
        text_add(text, "%*sinputs->lap(%d);\n", indent, "", emitter->ir->first_number + position);
    const bool launches = emitter->backend->threads && !body;
    const char *callee = launches ? begin_launch(emitter, kernel, position, indent)
                                  : arena_format(emitter->ir->arena, "%s(", kernel->name);
    text_add(text, "%*s%s", indent, "", callee);
    const char **arguments =
        arena_array(emitter->ir->arena, const char *, (size_t)kernel->buffer_count + 4);
    int count = 0;
    for (; count < kernel->buffer_count; count++)
        arguments[count] =
            argument(emitter, kernel->buffers[count].buffer, kernel->buffers[count].written);
    if (kernel->parallel)
        arguments[count++] = "part, parts";
    if (runs_scan(kernel->statements[0]))
        count += emit_scan_arguments(emitter, kernel, arguments + count);
    else if (runs_alone(kernel->statements[0]) && !emitter->backend->threads)
        count += emit_whole_arguments(emitter, kernel, arguments + count);
    if (emit_turns(emitter, kernel))
        arguments[count++] = "step";
    if (emit_takes_long(emitter, kernel))
        arguments[count++] = stop;
    emit_arguments(text, indent, launches ? 7 : strlen(kernel->name), count, arguments);
}

/* A case for each step; kernels that threads do not share stand in blocks for the first part. */
static void add_steps(struct emitter *emitter, struct text *text) {
    const struct ir *ir = emitter->ir;
    bool alone = false;
    double since = 0;
    text_add(text, "    switch (step) {\n");
    for (int i = 0; i < ir->kernel_count; i++) {
        const struct kernel *kernel = ir->kernels[i];
        bool first = i == 0 || kernel->step > ir->kernels[i - 1]->step;
        bool last = i + 1 == ir->kernel_count || kernel->step < ir->kernels[i + 1]->step;
        since = first ? 0 : since; /* there is a look before each step */
        if (first)
            text_add(text, "    case %d:\n", kernel->step);
        if (!kernel->parallel && !alone)
            text_add(text, "        if (part == 0) {\n");
        alone = !kernel->parallel;
        add_call(emitter, text, i, alone ? 12 : 8, &since);
        if (alone && (last || ir->kernels[i + 1]->parallel)) {
            text_add(text, "        }\n");
            alone = false;
        }
        if (last)
            text_add(text, "        break;\n");
    }
    text_add(text, "    }\n");
}

static void add_calls(struct emitter *emitter, struct text *text) {
    if (emitter->threads && !emitter->ir->scan) {
        add_steps(emitter, text);
        return;
    }
    double since = 0;
    for (int i = 0; i < emitter->ir->kernel_count; i++)
        add_call(emitter, text, i, 4, &since);
}

/* Whether kernels read any input. */
static bool reads_inputs(const struct ir *ir) {
    for (int g = 0; g < ir->kernel_count; g++)
        for (int i = 0; i < ir->kernels[g]->buffer_count; i++)
            if (ir->kernels[g]->buffers[i].buffer->kind == BUFFER_INPUT)
                return true;
    return false;
}

struct run_text emit_run_text(struct emitter *emitter, const char *indent) {
    struct arena *arena = emitter->ir->arena;
    struct run_text run = {.offsets = text_in(arena), .calls = text_in(arena)};
    add_calls(emitter, &run.calls);
    run.constants =
        add_offsets(emitter, &run.offsets, BUFFER_CONSTANT,
                    "Constants, in bytes from the beginning of the weights block.", indent);
    run.scratch = add_offsets(emitter, &run.offsets, BUFFER_TEMPORARY,
                              "Temporaries, in bytes from the beginning of the arena.", indent);
    return run;
}

void emit_run_body(struct emitter *emitter, struct text *text, struct run_text *run) {
    text_add(text, run->constants ? "    const char *constants = (const char *)weights;\n"
                                  : "    (void)weights;\n");
    text_add(text, run->scratch ? "    char *scratch = (char *)arena;\n" : "    (void)arena;\n");
    if (!reads_inputs(emitter->ir))
        text_add(text, "    (void)inputs;\n");
    if (!emitter->ir->kernel_count) /* no output has elements */
        text_add(text, emitter->threads ? "    (void)outputs;\n    (void)part;\n"
                                        : "    (void)outputs;\n");
    text_add(text, "%s}\n\n", text_keep(&run->calls));
}

/* ---- Entry points ---- */

static const char run_of_version[] = "run_kernels";

/* Whether what calls the kernels is no entry, but called by one: of each version, or with weights
 * and arena that the text has itself. */
static bool runs_within(const struct emitter *emitter) {
    return emitter->versions || emit_embeds(emitter);
}

/* The line that opens PREFIX_run or a step of it, or what these call. */
static void open_run(struct emitter *emitter, struct text *text, bool within) {
    if (within)
        text_add(text, "static void %s(%s", run_of_version, emit_run_parameters(emitter));
    else
        text_add(text, "void %s_run%s(%s", emitter->prefix, emitter->threads ? "_step" : "",
                 emit_entry_parameters(emitter));
    text_add(text, "%s) {\n", emitter->threads ? STEP_PARAMETERS : "");
}

/* PREFIX_run, or a step of it. */
static void add_run(struct emitter *emitter, struct text *text) {
    const bool within = runs_within(emitter);
    struct run_text run = emit_run_text(emitter, within ? "    " : "");
    const char *offsets = text_keep(&run.offsets);
    text_add(text, "%s", within ? "" : offsets);
    open_run(emitter, text, within);
    text_add(text, "%s", within ? offsets : "");
    if (emitter->threads && emitter->compiled->threads == 1)
        text_add(text, "    (void)parts;\n");
    emit_run_body(emitter, text, &run);
    emit_own_name(emitter, run_of_version);
}

/* The entry that calls it. */
static void add_choice(struct emitter *emitter, struct text *text) {
    open_run(emitter, text, false);
    text_add(text, "    %s(inputs, outputs, %s%s);\n}\n\n",
             emit_for_this_cpu(emitter, run_of_version), emit_own_memory(emitter),
             emitter->threads ? ", step, part, parts" : "");
}

/* PREFIX_run`what`_array; `more` parameters and `values` for them follow. */
static void add_run_array(struct emitter *emitter, struct text *text, const char *what,
                          const char *more, const char *values) {
    const char *prefix = emitter->prefix;
    const struct ir *ir = emitter->ir;
    const bool sizes = emitter->compiled->axis_count > 0;
    text_add(text, "%s %s_run%s_array(%s%s%s) {\n", sizes ? "int" : "void", prefix, what,
             array_parameters(emitter), more, emit_size_parameters(emitter));
    for (int kind = BUFFER_INPUT; kind <= BUFFER_OUTPUT; kind++) {
        const char *plural = kind == BUFFER_INPUT ? "inputs" : "outputs";
        text_add(text, "    struct %s_%s named_%s;\n", prefix, plural, plural);
        for (int i = 0; i < ir->buffer_count; i++)
            if (ir->buffers[i]->kind == (enum buffer_kind)kind)
                text_add(text, "    named_%s.%s = (%s%s *)%s[%d];\n", plural,
                         emitter->fields[kind][ir->buffers[i]->position],
                         kind == BUFFER_INPUT ? "const " : "",
                         dtype_facts[ir->buffers[i]->dtype].c_type, plural,
                         ir->buffers[i]->position);
    }
    if (!ir->graph->input_count)
        text_add(text, "    (void)inputs;\n    named_inputs.none = 0;\n");
    if (emitter->profile)
        text_add(text, "    named_inputs.lap = (void (*)(int))inputs[%d];\n",
                 emitter->graph->input_count);
    if (emitter->backend->threads)
        text_add(text, "    named_inputs.cuda_stream = 0;\n");
    if (emitter->stop_every)
        text_add(text, "    named_inputs.stop = (%s *)inputs[%d];\n", emit_stop_type(emitter),
                 emitter->graph->input_count);
    text_add(text, "    %s%s_run%s(&named_inputs, &named_outputs%s%s%s);\n", sizes ? "return " : "",
             prefix, what, emit_memory_arguments(emitter), values, emit_size_arguments(emitter));
    if (emitter->profile)
        text_add(text, "    named_inputs.lap(%d);\n", emitter->compiled->kernel_count);
    text_add(text, "}\n");
}

/* The entries of a text whose runs can be shared. */
static void add_step_entries(struct emitter *emitter, struct text *text) {
    emit_run_alone(emitter, text);
    text_add(text, "\n");
    add_run_array(emitter, text, "_step", STEP_PARAMETERS, ", step, part, parts");
    text_add(text, "\n");
}

static void add_pool(struct emitter *emitter, struct text *text) {
    const bool batched = emitter->graph->batched;
    const char *more = arena_format(emitter->ir->arena, "%s, struct %s_pool *pool",
                                    batched ? ", long batch" : "", emitter->prefix);
    emit_pool(emitter, text, emit_upper_case(emitter->ir, emitter->prefix));
    text_add(text, "\n");
    add_run_array(emitter, text, "_on", more, batched ? ", batch, pool" : ", pool");
}

/* What the variant at hand has behind the functions that call its kernels. */
static void add_variant_entry(struct emitter *emitter, struct text *text) {
    const bool sized = emitter->compiled->axis_count > 0;
    if (emitter->variant->block_count && !(sized && emitter->pool))
        emit_run_batch(emitter, text);
    else if (runs_within(emitter) && !emitter->variant->block_count && !sized)
        add_choice(emitter, text);
}

/* The functions that call kernels, of the variant at hand, whose irs these are; how many. */
static int add_runs(struct emitter *emitter, struct text *text, struct ir *const *irs) {
    const struct sized_variant *variant = emitter->variant;
    for (int i = 0; i < variant->block_count; i++) {
        emit_begin_ir(emitter, irs[i]);
        emit_run_block(emitter, text, &variant->blocks[i]);
    }
    emit_begin_ir(emitter, irs[0]);
    if (variant->block_count)
        emit_run_images(emitter, text);
    else if (emitter->compiled->axis_count)
        emit_run_size(emitter, text);
    else
        add_run(emitter, text);
    if (!runs_within(emitter))
        add_variant_entry(emitter, text);
    return variant->block_count ? variant->block_count : 1;
}

void emit_runs(struct emitter *emitter, struct text *text, struct ir *const *irs) {
    const struct compiled *compiled = emitter->compiled;
    for (int i = 0, first = 0; i < compiled->variant_count; i++) {
        emit_begin_variant(emitter, &compiled->variants[i]);
        first += add_runs(emitter, text, irs + first);
    }
    emit_begin_variant(emitter, compiled->variants);
    emit_begin_ir(emitter, irs[0]);
}

/* What stands once behind all that calls kernels, for each variant. */
static void add_variant_entries(struct emitter *emitter, struct text *text) {
    const struct compiled *compiled = emitter->compiled;
    for (int i = 0; i < compiled->variant_count; i++) {
        emit_begin_variant(emitter, &compiled->variants[i]);
        add_variant_entry(emitter, text);
    }
    emit_begin_variant(emitter, compiled->variants);
}

static void add_metadata(struct emitter *emitter, struct text *text) {
    const struct ir *ir = emitter->ir;
    const struct compiled *compiled = emitter->compiled;
    text_add(text, "\nconst char *%s_metadata(void) {\n    return \"eigentensor 1",
             emitter->prefix);
    for (int i = 0; i < compiled->variant_count; i++) {
        const struct sized_variant *variant = &compiled->variants[i];
        text_add(text, "%s; graph %s", i ? "\"\n           \"" : "",
                 variant->digest ? variant->digest : "unknown");
        if (compiled->axis_count)
            text_add(text, "\"\n           \" at %s", emit_size_text(compiled, variant, ir->arena));
    }
    text_add(text, "\"");
    for (int i = 0; i < ir->buffer_count; i++)
        if (ir->buffers[i]->kind <= BUFFER_OUTPUT)
            text_add(text, "\n           \"; %s %s\"",
                     ir->buffers[i]->kind == BUFFER_INPUT ? "input" : "output",
                     tensor_description(emitter, ir->buffers[i]));
    text_add(text, ";\n}\n");
}

void emit_entries(struct emitter *emitter, struct text *text) {
    const bool batched = emitter->graph->batched;
    if (runs_within(emitter))
        add_variant_entries(emitter, text);
    if (emitter->compiled->axis_count)
        emit_run_sizes(emitter, text);
    if (emitter->threads)
        add_step_entries(emitter, text);
    add_run_array(emitter, text, "", batched ? ", long batch" : "", batched ? ", batch" : "");
    if (emitter->pool)
        add_pool(emitter, text);
    if (emitter->backend->has_metadata)
        add_metadata(emitter, text);
}
