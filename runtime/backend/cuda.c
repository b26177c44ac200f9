#include "runtime/backend/cuda.h"

#include "compiler/base/allocate.h"
#include "runtime/backend/cuda_library.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

/* What runs of one number of images work in. All zero: none. */
struct cuda_room {
    int64_t batch;
    uint64_t memory; /* inputs, outputs and the arena; 0: none */
    uint64_t *inputs, *outputs, arena;
    void *graph; /* of all launches, ready to run */
};

struct cuda_code {
    const struct cuda_driver *driver;
    void *context, *stream;
    void *modules[MOST_CUDA_MODULES];
    int module_count;
    void **functions; /* by kernel of the compiled graph; NULL: it is part of another */
    uint64_t weights;
    pthread_mutex_t lock; /* of a run, and of the room */
    struct cuda_room room;
};

bool cuda_allowed(struct et_error *error) {
    return cuda_device(error) && cuda_compiler(error);
}

/* ---- The context ---- */

static bool enter(const struct cuda_code *code, struct et_error *error) {
    return cuda_check(code->driver, code->driver->push_context(code->context), "the GPU", error);
}

static void leave(const struct cuda_code *code) {
    void *context;
    code->driver->pop_context(&context);
}

/* ---- Room ---- */

static void room_free(struct cuda_code *code) {
    struct cuda_room *room = &code->room;
    if (room->graph)
        code->driver->destroy_instance(room->graph);
    if (room->memory)
        code->driver->release(room->memory);
    et_release(room->inputs);
    *room = (struct cuda_room){0};
}

enum { ALIGNED = 256 }; /* bytes: each tensor begins so, and so does what is allocated */

static bool add_bytes(size_t *sum, size_t bytes) {
    size_t whole = bytes / ALIGNED * ALIGNED + (bytes % ALIGNED ? ALIGNED : 0);
    return whole >= bytes && !__builtin_add_overflow(*sum, whole, sum);
}

static size_t tensor_bytes(const struct node *node, int64_t batch) {
    return (size_t)image_bytes(node) * (size_t)(node->batched ? batch : 1);
}

/* Sets the addresses of inputs and outputs from 0 on, and then of the arena; the bytes of all. */
static bool place_tensors(const struct device_run *run, struct cuda_room *room, size_t *bytes) {
    const struct graph *graph = run->graph;
    bool good = true;
    *bytes = 0;
    for (int i = 0; i < graph->input_count; i++) {
        room->inputs[i] = *bytes;
        good = good && add_bytes(bytes, tensor_bytes(graph->inputs[i], run->batch));
    }
    for (int i = 0; i < graph->output_count; i++) {
        room->outputs[i] = *bytes;
        good = good && add_bytes(bytes, tensor_bytes(graph->outputs[i].node, run->batch));
    }
    room->arena = *bytes;
    return good && add_bytes(bytes, run->compiled->arena_bytes) && add_bytes(bytes, 1);
}

static bool allocate_room(struct cuda_code *code, const struct device_run *run,
                          struct et_error *error) {
    struct cuda_room *room = &code->room;
    const struct graph *graph = run->graph;
    size_t bytes, count = (size_t)graph->input_count + (size_t)graph->output_count;
    room->batch = run->batch;
    room->inputs = et_allocate(count + 1, sizeof *room->inputs);
    if (!room->inputs)
        return et_fail(error, "out of memory");
    room->outputs = room->inputs + graph->input_count;
    if (!place_tensors(run, room, &bytes))
        return et_fail(error, "the tensors are larger than any memory");
    if (!cuda_check(code->driver, code->driver->allocate(&room->memory, bytes), "the GPU's memory",
                    error))
        return false;
    for (size_t i = 0; i < count; i++)
        room->inputs[i] += room->memory;
    room->arena += room->memory;
    return true;
}

/* ---- Launches ---- */

struct launching {
    struct cuda_code *code;
    const struct device_run *run;
    int64_t first; /* image of the block at hand */
    struct et_error *error;
};

static uint64_t address_of(const struct launching *launching,
                           const struct launch_argument *argument) {
    const struct graph *graph = launching->run->graph;
    const struct cuda_room *room = &launching->code->room;
    const struct node *node = argument->place == LAUNCH_INPUT    ? graph->inputs[argument->at]
                              : argument->place == LAUNCH_OUTPUT ? graph->outputs[argument->at].node
                                                                 : NULL;
    const size_t before =
        node && node->batched ? (size_t)image_bytes(node) * (size_t)launching->first : 0;
    switch (argument->place) {
    case LAUNCH_INPUT:
        return room->inputs[argument->at] + before;
    case LAUNCH_OUTPUT:
        return room->outputs[argument->at] + before;
    case LAUNCH_WEIGHTS:
        return launching->code->weights + argument->at;
    case LAUNCH_ARENA:
        return room->arena + argument->at;
    }
    unreachable();
}

static bool launch(const struct launching *launching, int kernel) {
    const struct cuda_code *code = launching->code;
    const struct kernel_facts *facts = &launching->run->compiled->kernels[kernel];
    const struct launch *launch = &facts->launch;
    uint64_t *addresses = et_allocate((size_t)launch->count + 1, sizeof *addresses);
    void **arguments = et_allocate((size_t)launch->count + 1, sizeof *arguments);
    bool good = addresses && arguments;
    if (!good)
        et_fail(launching->error, "out of memory");
    for (int i = 0; good && i < launch->count; i++) {
        addresses[i] = address_of(launching, &launch->arguments[i]);
        arguments[i] = &addresses[i];
    }
    good =
        good && cuda_check(code->driver,
                           code->driver->launch(code->functions[kernel], (unsigned)launch->blocks,
                                                1, 1, (unsigned)launch->threads, 1, 1, 0,
                                                code->stream, arguments, NULL),
                           facts->name, launching->error);
    et_release(addresses);
    et_release(arguments);
    return good;
}

/* The kernels of the block of so many images; 0: of all, where there is no batch axis. */
static bool launch_kernels(const struct launching *launching, int64_t images) {
    const struct compiled *compiled = launching->run->compiled;
    bool good = true;
    for (int i = 0; good && i < compiled->kernel_count; i++)
        if (compiled->kernels[i].images == images && compiled->kernels[i].launch.blocks)
            good = launch(launching, i);
    return good;
}

/* As PREFIX_run does: the largest blocks first. */
static bool launch_all(struct launching *launching) {
    const struct compiled *compiled = launching->run->compiled;
    const int64_t batch = launching->run->batch;
    if (!compiled->block_count)
        return launch_kernels(launching, 0);
    bool good = true;
    for (int block = 0; good && block < compiled->block_count; block++) {
        const int64_t images = compiled->blocks[block].images;
        for (; good && batch - launching->first >= images; launching->first += images)
            good = launch_kernels(launching, images);
    }
    return good;
}

static bool make_graph(struct cuda_code *code, const struct device_run *run,
                       struct et_error *error) {
    const struct cuda_driver *driver = code->driver;
    struct launching launching = {.code = code, .run = run, .error = error};
    enum { OF_THIS_THREAD = 2 };
    void *graph = NULL;
    if (!cuda_check(driver, driver->begin_capture(code->stream, OF_THIS_THREAD), "a CUDA graph",
                    error))
        return false;
    bool good = launch_all(&launching);
    int ended = driver->end_capture(code->stream, &graph);
    good =
        good && cuda_check(driver, ended, "a CUDA graph", error) &&
        cuda_check(driver, driver->instantiate(&code->room.graph, graph, 0), "a CUDA graph", error);
    if (graph)
        driver->destroy_graph(graph);
    return good;
}

static bool prepare_room(struct cuda_code *code, const struct device_run *run,
                         struct et_error *error) {
    if (code->room.graph && code->room.batch == run->batch)
        return true;
    room_free(code);
    if (allocate_room(code, run, error) && make_graph(code, run, error))
        return true;
    room_free(code);
    return false;
}

/* ---- Running ---- */

static bool copy_in(const struct cuda_code *code, const struct device_run *run,
                    struct et_error *error) {
    bool good = true;
    for (int i = 0; good && i < run->graph->input_count; i++) {
        const size_t bytes = tensor_bytes(run->graph->inputs[i], run->batch);
        good = !bytes || cuda_check(code->driver,
                                    code->driver->copy_in(code->room.inputs[i], run->inputs[i],
                                                          bytes, code->stream),
                                    "an input", error);
    }
    return good;
}

static bool copy_out(const struct cuda_code *code, const struct device_run *run,
                     struct et_error *error) {
    bool good = true;
    for (int i = 0; good && i < run->graph->output_count; i++) {
        const size_t bytes = tensor_bytes(run->graph->outputs[i].node, run->batch);
        good = !bytes || cuda_check(code->driver,
                                    code->driver->copy_out(run->outputs[i], code->room.outputs[i],
                                                           bytes, code->stream),
                                    "an output", error);
    }
    return good;
}

static bool cuda_run(void *of, const struct device_run *run, struct et_error *error) {
    struct cuda_code *code = of;
    const struct cuda_driver *driver = code->driver;
    pthread_mutex_lock(&code->lock);
    bool good = enter(code, error);
    if (good) {
        good = prepare_room(code, run, error) && copy_in(code, run, error) &&
               cuda_check(driver, driver->launch_graph(code->room.graph, code->stream), "the run",
                          error) &&
               copy_out(code, run, error);
        int ended =
            driver->wait(code->stream); /* also after a failure: nothing is under way then */
        good = good && cuda_check(driver, ended, "the run", error);
        leave(code);
    }
    pthread_mutex_unlock(&code->lock);
    return good;
}

bool cuda_measure(const struct executable *executable, int64_t times, double *seconds,
                  struct et_error *error) {
    struct cuda_code *code = executable->code;
    const struct cuda_driver *driver = code->driver;
    pthread_mutex_lock(&code->lock);
    bool good = enter(code, error);
    if (good) {
        const double began = now_seconds();
        for (int64_t i = 0; good && i < times; i++)
            good = cuda_check(driver, driver->launch_graph(code->room.graph, code->stream),
                              "the run", error);
        const int ended = driver->wait(code->stream);
        good = good && cuda_check(driver, ended, "the run", error);
        *seconds = (now_seconds() - began) / (double)times;
        leave(code);
    }
    pthread_mutex_unlock(&code->lock);
    return good;
}

/* ---- Building ---- */

static bool find_function(const struct cuda_code *code, const char *name, void **function,
                          struct et_error *error) {
    int status = 0;
    for (int i = 0; i < code->module_count; i++)
        if (!(status = code->driver->get_function(function, code->modules[i], name)))
            return true;
    return cuda_check(code->driver, status, name, error);
}

static bool get_functions(struct cuda_code *code, const struct compiled *compiled,
                          struct et_error *error) {
    code->functions = et_allocate((size_t)compiled->kernel_count + 1, sizeof *code->functions);
    if (!code->functions)
        return et_fail(error, "out of memory");
    for (int i = 0; i < compiled->kernel_count; i++) {
        const struct kernel_facts *facts = &compiled->kernels[i];
        if (facts->launch.blocks > INT_MAX)
            return et_fail(error, "%s: more blocks of threads than a GPU can run", facts->name);
        if (facts->launch.blocks && !find_function(code, facts->name, &code->functions[i], error))
            return false;
    }
    return true;
}

static bool load_weights(struct cuda_code *code, const struct compiled *compiled,
                         struct et_error *error) {
    const struct cuda_driver *driver = code->driver;
    if (!compiled->weights_bytes)
        return true;
    return cuda_check(driver, driver->allocate(&code->weights, compiled->weights_bytes),
                      "the GPU's memory", error) &&
           cuda_check(driver,
                      driver->copy_in(code->weights, compiled->weights, compiled->weights_bytes,
                                      code->stream),
                      "the weights", error) &&
           cuda_check(driver, driver->wait(code->stream), "the weights", error);
}

static bool load_modules(struct cuda_code *code, const struct cuda_modules *modules,
                         struct et_error *error) {
    for (int i = 0; i < modules->count; i++) {
        void **module = &code->modules[code->module_count];
        if (!cuda_check(code->driver, code->driver->load_module(module, modules->codes[i]),
                        "the kernels", error))
            return false;
        code->module_count++;
    }
    return true;
}

static bool load(struct cuda_code *code, const struct compiled *compiled,
                 const struct cuda_modules *modules, struct et_error *error) {
    const struct cuda_driver *driver = code->driver;
    enum { NON_BLOCKING = 1 };
    return load_modules(code, modules, error) &&
           cuda_check(driver, driver->create_stream(&code->stream, NON_BLOCKING), "a stream",
                      error) &&
           get_functions(code, compiled, error) && load_weights(code, compiled, error);
}

bool cuda_build(const struct compiled *compiled, const struct build_options *options,
                struct executable *executable, struct et_error *error) {
    const struct cuda_device *device = cuda_device(error);
    if (!device)
        return false;
    struct cuda_modules modules;
    if (!cuda_compile(compiled, device, options->keep_for, &modules, &executable->from_cache,
                      error))
        return false;
    struct cuda_code *code = et_allocate(1, sizeof *code);
    if (!code) {
        cuda_modules_free(&modules);
        return et_fail(error, "out of memory");
    }
    *code = (struct cuda_code){.driver = device->driver, .context = device->context};
    pthread_mutex_init(&code->lock, NULL);
    bool good = enter(code, error);
    if (good) {
        good = load(code, compiled, &modules, error);
        leave(code);
    }
    executable->code_bytes = 0;
    for (int i = 0; i < modules.count; i++)
        executable->code_bytes += modules.bytes[i];
    cuda_modules_free(&modules);
    executable->code = code;
    executable->run = cuda_run;
    if (!good)
        cuda_release(code);
    return good;
}

void cuda_release(void *of) {
    struct cuda_code *code = of;
    const struct cuda_driver *driver = code->driver;
    if (enter(code, NULL)) {
        room_free(code);
        if (code->weights)
            driver->release(code->weights);
        if (code->stream)
            driver->destroy_stream(code->stream);
        for (int i = 0; i < code->module_count; i++)
            driver->unload_module(code->modules[i]);
        leave(code);
    }
    et_release(code->functions);
    pthread_mutex_destroy(&code->lock);
    et_release(code);
}
