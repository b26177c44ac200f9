#include "runtime/backend/cuda.h"

/* A compiled graph's plan, in memory of its own, and what runs it. */
struct cuda_graph_code {
    struct arena arena;
    struct cuda_plan plan;
    struct cuda_code *code;
};

bool cuda_allowed(struct et_error *error) {
    return cuda_device(error) && cuda_compiler(error);
}

/* ---- Running ---- */

static bool cuda_run(void *of, const struct device_run *run, struct et_error *error) {
    const struct cuda_graph_code *code = of;
    return run->there ? cuda_code_run_there(code->code, run->batch, run->inputs, run->outputs,
                                            run->stream, error)
                      : cuda_code_run(code->code, run->batch, run->inputs, run->outputs, error);
}

bool cuda_measure(const struct executable *executable, int64_t times, double *seconds,
                  struct et_error *error) {
    const struct cuda_graph_code *code = executable->code;
    return cuda_code_measure(code->code, times, seconds, error);
}

/* ---- The plan ---- */

static struct cuda_tensor tensor_of(struct arena *arena, const char *name,
                                    const struct node *node) {
    const char *copy = arena_copy_text(arena, name);
    return (struct cuda_tensor){copy ? copy : "", (size_t)image_bytes(node), node->batched};
}

static const struct cuda_tensor *plan_inputs(struct arena *arena, const struct graph *graph) {
    struct cuda_tensor *tensors =
        arena_array(arena, struct cuda_tensor, (size_t)graph->input_count + 1);
    for (int i = 0; tensors && i < graph->input_count; i++)
        tensors[i] = tensor_of(arena, graph->inputs[i]->name, graph->inputs[i]);
    return tensors;
}

static const struct cuda_tensor *plan_outputs(struct arena *arena, const struct graph *graph) {
    struct cuda_tensor *tensors =
        arena_array(arena, struct cuda_tensor, (size_t)graph->output_count + 1);
    for (int i = 0; tensors && i < graph->output_count; i++)
        tensors[i] = tensor_of(arena, graph->outputs[i].name, graph->outputs[i].node);
    return tensors;
}

static bool copy_kernel(struct arena *arena, const struct kernel_facts *facts,
                        struct cuda_kernel *kernel) {
    const size_t count = (size_t)facts->launch.count;
    struct launch_argument *arguments = arena_array(arena, struct launch_argument, count + 1);
    *kernel =
        (struct cuda_kernel){arena_copy_text(arena, facts->name), facts->images, facts->launch};
    for (size_t i = 0; arguments && i < count; i++)
        arguments[i] = facts->launch.arguments[i];
    kernel->launch.arguments = arguments;
    return kernel->name && arguments;
}

bool cuda_plan_of(const struct compiled *compiled, const struct graph *graph, struct arena *arena,
                  struct cuda_plan *plan) {
    struct cuda_kernel *kernels =
        arena_array(arena, struct cuda_kernel, (size_t)compiled->kernel_count + 1);
    int64_t *images = arena_array(arena, int64_t, MAX_BLOCKS);
    *plan = (struct cuda_plan){.input_count = graph->input_count,
                               .output_count = graph->output_count,
                               .kernel_count = compiled->kernel_count,
                               .block_count = compiled->block_count,
                               .inputs = plan_inputs(arena, graph),
                               .outputs = plan_outputs(arena, graph),
                               .kernels = kernels,
                               .block_images = images,
                               .arena_bytes = compiled->arena_bytes,
                               .weights_bytes = compiled->weights_bytes,
                               .weights = compiled->weights};
    bool good = kernels && images && plan->inputs && plan->outputs;
    for (int i = 0; good && i < compiled->block_count; i++)
        images[i] = compiled->blocks[i].images;
    for (int i = 0; good && i < compiled->kernel_count; i++)
        good = copy_kernel(arena, &compiled->kernels[i], &kernels[i]);
    return good;
}

/* ---- Building ---- */

bool cuda_build(const struct compiled *compiled, const struct build_options *options,
                struct executable *executable, struct et_error *error) {
    const struct cuda_device *device = cuda_device(error);
    struct cuda_modules modules;
    if (!device || !cuda_compile(compiled, device, options->keep_for, &modules,
                                 &executable->from_cache, error))
        return false;
    struct cuda_graph_code *code = et_allocate(1, sizeof *code);
    const bool planned = code && cuda_plan_of(compiled, options->graph, &code->arena, &code->plan);
    if (planned)
        code->code = cuda_code_new(device, &code->plan, &modules, error);
    else
        et_fail(error, "out of memory");
    executable->code_bytes = 0;
    for (int i = 0; i < modules.count; i++)
        executable->code_bytes += modules.bytes[i];
    cuda_modules_free(&modules);
    executable->code = code;
    executable->run = cuda_run;
    if (planned && code->code)
        return true;
    if (code)
        cuda_release(code);
    return false;
}

void cuda_release(void *of) {
    struct cuda_graph_code *code = of;
    cuda_code_free(code->code);
    arena_free(&code->arena);
    et_release(code);
}
