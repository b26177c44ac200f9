/* One model: compiled at once by libtcc, then by gcc behind the scenes. */
#include "server/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compiler/emit/backend.h"
#include "compiler/graph/batch.h"
#include "runtime/backend/parallel_run.h"
#include "runtime/eager.h"
#include "runtime/formats/image.h"
#include "runtime/kernels/cpu.h"
#include "server/kernel_times.h"
#include "server/server.h"
#include "server/sizes.h"

static bool takes_pictures(const struct et_program *program) {
    if (et_program_input_count(program) != 1 || et_program_output_count(program) < 1)
        return false;
    struct et_tensor input = et_program_input(program, 0), output = et_program_output(program, 0);
    int axis, count;
    return !et_program_output_count_of(program, 0, &axis, &count) && input.rank >= 2 &&
           strcmp(input.dtype, "float32") == 0 && input.shape[input.rank - 1] == DIGIT_SIDE &&
           input.shape[input.rank - 2] == DIGIT_SIDE &&
           input.bytes == DIGIT_PIXELS * sizeof(float) && strcmp(output.dtype, "float32") == 0 &&
           output.bytes >= 2 * sizeof(float) && output.bytes <= 1000 * sizeof(float);
}

/* Whether images of several requests are rows of all tensors, and of nothing else. */
static bool gathers(const struct et_program *program) {
    int inputs = et_program_input_count(program), axis, count;
    bool all = inputs > 0;
    for (int i = 0; i < inputs; i++) {
        struct et_tensor input = et_program_input(program, i);
        all &= tensor_is_batched(&input);
    }
    for (int i = 0; i < et_program_output_count(program); i++) {
        struct et_tensor output = et_program_output(program, i);
        all &= tensor_is_batched(&output) && !et_program_output_count_of(program, i, &axis, &count);
    }
    return all;
}

static void gather_facts(struct model *model) {
    const struct graph *graph = program_graph(model->program);
    for (int i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i]->op != OP_WEIGHT)
            continue;
        model->parameters += node_elements(graph->nodes[i]);
        model->weights_bytes += node_bytes(graph->nodes[i]);
    }
    const struct compiled *compiled = model->compiled;
    for (int i = 0; i < compiled->kernel_count; i++)
        if (compiled->kernels[i].images <= 1)
            model->flops = add_flops_of_run(model->flops, &compiled->kernels[i]);
    model->gathers = gathers(model->program);
    model->takes_pictures = takes_pictures(model->program);
}

const struct graph *model_graph(const struct model *model) {
    return model->one ? model->one : program_graph(model->program);
}

static double tensors_bytes(const struct et_program *program, int count, int64_t batch,
                            struct et_tensor (*facts)(const struct et_program *, int)) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        struct et_tensor tensor = facts(program, i);
        bool batched = tensor_is_batched(&tensor);
        sum += (double)tensor.bytes * (double)(batched ? batch : 1);
    }
    return sum;
}

double model_tensors_bytes(const struct model *model, int64_t batch) {
    const struct et_program *program = model->program;
    return tensors_bytes(program, et_program_input_count(program), batch, et_program_input) +
           tensors_bytes(program, et_program_output_count(program), batch, et_program_output);
}

/* Inputs, outputs, and what a run in that mode works in. */
static bool check_memory(const struct model *model, int64_t batch, enum et_mode mode,
                         struct et_error *error) {
    const struct et_program *program = model->program;
    double work = mode == ET_EAGER ? eager_peak_bytes(program_graph(program), batch)
                                   : (double)model_compiled(model)->arena_bytes;
    double bytes = model_tensors_bytes(model, batch);
    if (work < 0)
        return et_fail(error, "out of memory");
    return !model->most_memory || bytes + work <= model->most_memory ||
           et_fail(error,
                   "%s: a batch of %" PRId64 " takes %.0f bytes in mode %s, more than %.0f "
                   "(--max-memory)",
                   model->name, batch, bytes + work, et_mode_name(mode), model->most_memory);
}

void model_end(struct model *model) {
    build_free(&model->aot);
    et_release(atomic_load(&model->kernel_microseconds));
    compiled_free(model->unused);
    graph_free(model->one);
    et_program_free(model->program);
}

/* Only compiles where the system refuses what comes after. */
static bool prepare(struct model *model, struct et_error *error) {
    struct et_program *program = model->program;
    model->first = et_mode_allowed(ET_JIT, &model->jit_error) ? ET_JIT : ET_EAGER;
    if (model->first == ET_JIT) {
        bool good = et_program_prepare(program, ET_JIT, error) &&
                    (!model->on_gpu || et_program_prepare(program, ET_CUDA, error));
        model->compiled = program_compiled(program, ET_JIT);
        return good;
    }
    const struct compile_options options = {.target = cpu_target(error),
                                            .digest = et_program_digest(program)};
    if (options.target)
        model->unused = program_compile(program, mode_backend(ET_JIT), &options, error);
    model->compiled = model->unused;
    return model->compiled && (!model->on_gpu || et_program_prepare(program, ET_CUDA, error));
}

bool model_make(struct model *model, struct et_program *program,
                const struct compile_limits *limits, double most_memory, struct et_error *error) {
    double began = now_microseconds();
    model->program = program;
    model->most_memory = most_memory;
    program_set_limits(program, limits);
    bool good =
        prepare(model, error) && (!et_program_is_batched(program) ||
                                  (model->one = graph_at_batch(program_graph(program), 1, error)));
    if (!good) {
        model_end(model);
        *model = (struct model){.name = model->name,
                                .index = model->index,
                                .serial = model->serial,
                                .on_gpu = model->on_gpu,
                                .cancelled = model->cancelled};
        return false;
    }
    model->jit_milliseconds = (now_microseconds() - began) / 1000;
    gather_facts(model);
    return true;
}

bool model_fits(const struct model *model, struct et_error *error) {
    return check_memory(model, 1, ET_JIT, error);
}

bool model_takes_batch(const struct model *model, int64_t batch) {
    return graph_check_batch(program_graph(model->program), batch, NULL) &&
           check_memory(model, batch, ET_JIT, NULL);
}

bool model_build_aot(const struct et_program *program, bool profile, const int *cancelled,
                     struct build *build, struct et_error *error) {
    const char *digest = et_program_digest(program);
    const struct target *target = cpu_target(error);
    if (!target)
        return false;
    const struct compile_options compiling = {.target = target,
                                              .digest = digest,
                                              .profile = profile,
                                              .stop_every = profile ? 0 : STOP_EVERY};
    const struct build_options building = {.keep_for = digest, .cancelled = cancelled};
    return program_build(program, mode_backend(ET_AOT), &compiling, &building, build, error);
}

void model_build_sizes(struct model *model) {
    if (model->sizes)
        sizes_build(model->sizes);
}

void model_measure_kernels(struct model *model) {
    if (atomic_load(&model->aot_state) == AOT_READY)
        atomic_store(&model->kernel_microseconds,
                     kernel_times(model->aot.compiled, model->program, model->cancelled));
}

void model_build(struct model *model) {
    double began = now_microseconds();
    bool good =
        model_build_aot(model->program, false, model->cancelled, &model->aot, &model->aot_error);
    model->aot_milliseconds = (now_microseconds() - began) / 1000;
    atomic_store(&model->aot_state, good ? AOT_READY : AOT_FAILED);
}

bool model_has(const struct model *model, enum et_mode mode) {
    return mode < ET_MODE_COUNT || (mode == ET_CUDA && model->on_gpu);
}

const char *model_state(const struct model *model, enum et_mode mode) {
    static const char *const names[] = {"absent", "building", "ready", "failed"};
    if (mode == ET_AOT)
        return names[atomic_load(&model->aot_state)];
    return names[mode == ET_JIT && model->first != ET_JIT ? AOT_FAILED : AOT_READY];
}

bool model_is_ready(const struct model *model, enum et_mode mode) {
    return mode == ET_AOT   ? atomic_load(&model->aot_state) == AOT_READY
           : mode == ET_JIT ? model->first == ET_JIT
                            : mode == ET_EAGER || model_has(model, mode);
}

enum et_mode model_fastest(const struct model *model) {
    return model->on_gpu ? ET_CUDA : model_is_ready(model, ET_AOT) ? ET_AOT : model->first;
}

enum et_mode model_usual(const struct model *model) {
    return model->on_gpu ? ET_CUDA : ET_AOT;
}

enum et_mode model_compiled_mode(const struct model *model) {
    return model_is_ready(model, ET_AOT) ? ET_AOT : ET_JIT;
}

const struct compiled *model_compiled(const struct model *model) {
    return model_is_ready(model, ET_AOT) ? model->aot.compiled : model->compiled;
}

double model_kernel_microseconds(const struct model *model, int kernel) {
    const double *times = atomic_load(&model->kernel_microseconds);
    return times ? times[kernel] : 0;
}

static bool fill_buffers(void ***buffers, int *filled, int count, int64_t batch,
                         struct et_tensor (*facts)(const struct et_program *, int),
                         const struct et_program *program) {
    *buffers = et_allocate((size_t)count + 1, sizeof **buffers);
    if (!*buffers)
        return false;
    for (*filled = 0; *filled < count; ++*filled) {
        struct et_tensor tensor = facts(program, *filled);
        bool batched = tensor_is_batched(&tensor);
        size_t bytes = tensor.bytes * (size_t)(batched ? batch : 1);
        (*buffers)[*filled] = et_allocate_aligned(bytes ? bytes : 1);
        if (!(*buffers)[*filled])
            return false;
    }
    return true;
}

bool model_memory_fill(struct model_memory *memory, const struct model *model,
                       struct et_error *error) {
    return model_memory_fit(memory, model, 1, error);
}

bool model_memory_fit(struct model_memory *memory, const struct model *model, int64_t batch,
                      struct et_error *error) {
    const struct et_program *program = model->program;
    if (memory->workspace && memory->serial == model->serial && memory->capacity >= batch) {
        memory->batch = batch;
        return true;
    }
    if (!graph_check_batch(program_graph(program), batch, error))
        return et_fail_within(error, "%s", et_program_name(program));
    if (!check_memory(model, batch, ET_JIT, error))
        return false;
    model_memory_free(memory);
    if (!model_memory_hold(memory, model, batch, error))
        return false;
    memory->workspace = et_workspace_new(program);
    memory->serial = model->serial;
    if (memory->workspace)
        return true;
    model_memory_free(memory);
    return et_fail(error, "%s: out of memory", et_program_name(program));
}

bool model_memory_hold(struct model_memory *memory, const struct model *model, int64_t batch,
                       struct et_error *error) {
    const struct et_program *program = model->program;
    memory->batch = memory->capacity = batch;
    if (fill_buffers(&memory->inputs, &memory->input_count, et_program_input_count(program), batch,
                     et_program_input, program) &&
        fill_buffers(&memory->outputs, &memory->output_count, et_program_output_count(program),
                     batch, et_program_output, program))
        return true;
    model_memory_free(memory);
    return et_fail(error, "%s: out of memory", et_program_name(program));
}

void model_memory_free(struct model_memory *memory) {
    for (int i = 0; i < memory->input_count; i++)
        et_release(memory->inputs[i]);
    for (int i = 0; i < memory->output_count; i++)
        et_release(memory->outputs[i]);
    et_release(memory->inputs);
    et_release(memory->outputs);
    et_release(memory->arena);
    et_workspace_free(memory->workspace);
    *memory = (struct model_memory){0};
}

static bool run_aot(struct model *model, struct model_memory *memory, const struct run_limit *limit,
                    enum et_stop *stop, struct et_error *error) {
    const struct compiled *compiled = model->aot.compiled;
    const struct graph *graph = program_graph(model->program);
    size_t bytes = run_bytes(graph, compiled, 1);
    if (memory->arena_bytes < bytes) {
        et_release(memory->arena);
        memory->arena = et_allocate_aligned(bytes);
        memory->arena_bytes = memory->arena ? bytes : 0;
        if (!memory->arena)
            return et_fail(error, "out of memory: %zu bytes of workspace", bytes);
    }
    run_array *entry = model->aot.executable.entry;
    struct run_stop asked = run_stop_begin(limit);
    const struct shared_run run = {
        .graph = graph,
        .compiled = compiled,
        .inputs = (const void *const *)memory->inputs,
        .outputs = memory->outputs,
        .memory = memory->arena,
        .stop = &asked,
    };
    if (run_stop_passed(&asked) != ET_NOT_STOPPED)
        ; /* before it began */
    else if (compiled->block_count)
        share_images(&run, NULL, entry, memory->batch);
    else
        run_alone(&run, entry);
    *stop = (enum et_stop)asked.stopped;
    return *stop == ET_NOT_STOPPED || run_limit_fail(*stop, error);
}

static bool run_mode(struct model *model, struct model_memory *memory, enum et_mode mode,
                     const struct run_limit *limit, enum et_stop *stop, struct et_error *error) {
    if (mode == ET_AOT)
        return run_aot(model, memory, limit, stop, error);
    if (mode == ET_EAGER && !check_memory(model, memory->batch, ET_EAGER, error))
        return false;
    et_workspace_set_limit(memory->workspace, limit ? limit->deadline : 0,
                           limit ? limit->cancelled : NULL);
    bool good = et_program_run_batch(model->program, mode, memory->batch,
                                     (const void *const *)memory->inputs, memory->outputs,
                                     memory->workspace, error);
    *stop = et_workspace_stopped(memory->workspace);
    return good;
}

bool model_run(struct model *model, struct model_memory *memory, enum et_mode mode,
               const struct run_limit *limit, struct model_run *run, struct et_error *error) {
    double began = now_microseconds();
    run->mode = model_is_ready(model, mode) ? mode : model_fastest(model);
    run->stop = ET_NOT_STOPPED;
    bool good = run_mode(model, memory, run->mode, limit, &run->stop, error);
    run->microseconds = now_microseconds() - began;
    return good;
}

struct et_digest model_digest(const struct model *model, const struct model_memory *memory) {
    return et_program_output_digest_batch(model->program, memory->batch,
                                          (const void *const *)memory->outputs);
}
