#include "runtime/backend/cuda_launch.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

/* Runs of the same number of images on the same addresses: from the second on they are launched as
 * one CUDA graph. */
struct cuda_graph {
    int64_t batch; /* 0: none */
    uint64_t *addresses;
    void *graph;   /* ready to run; NULL: there was one run */
    uint64_t used; /* when, as runs are counted */
};
enum { MOST_GRAPHS = 8 };

struct cuda_code {
    const struct cuda_driver *driver;
    const struct cuda_plan *plan;
    void *context, *stream, *done; /* `done`: an event */
    void *modules[MOST_CUDA_MODULES];
    int module_count, device;
    bool overlaps;    /* kernels wait for those before by themselves */
    void **functions; /* by kernel of the plan; NULL: it is part of another */
    void **arguments; /* of the kernel that has most, which point to: */
    uint64_t *values;
    uint64_t weights, arena;
    pthread_mutex_t lock; /* of a run, and of all below */
    struct cuda_graph graphs[MOST_GRAPHS];
    uint64_t runs;
    bool elsewhere;      /* the last run is in a stream of a caller's, `done` behind it */
    int64_t room_batch;  /* images that there is room for, for tensors that lie elsewhere */
    uint64_t room;       /* that memory */
    uint64_t *addresses; /* of inputs and outputs in it */
};

static bool enter(const struct cuda_code *code, struct et_error *error) {
    return cuda_check(code->driver, code->driver->push_context(code->context), "the GPU", error);
}

static void leave(const struct cuda_code *code) {
    void *context;
    code->driver->pop_context(&context);
}

static int tensor_count(const struct cuda_plan *plan) {
    return plan->input_count + plan->output_count;
}

static const struct cuda_tensor *tensor_at(const struct cuda_plan *plan, int i) {
    return i < plan->input_count ? &plan->inputs[i] : &plan->outputs[i - plan->input_count];
}

static size_t bytes_of(const struct cuda_tensor *tensor, int64_t batch) {
    return tensor->bytes * (size_t)(tensor->batched ? batch : 1);
}

/* ---- Launches ---- */

enum {
    FIRST_VERSION = 12030, /* of the driver, whose graphs know of kernels that overlap; */
    FIRST_COMPUTE = 90,    /* of code whose kernels wait by themselves */
};

struct launching {
    struct cuda_code *code;
    const uint64_t *addresses; /* of inputs, then of outputs */
    int64_t batch, first;      /* image of the block at hand */
    bool launched;             /* a kernel, which others follow */
    void *stream;
    struct et_error *error;
};

static size_t bytes_before(const struct cuda_tensor *tensor, const struct launching *launching) {
    return tensor->batched ? tensor->bytes * (size_t)launching->first : 0;
}

static uint64_t address_of(const struct launching *launching,
                           const struct launch_argument *argument) {
    const struct cuda_code *code = launching->code;
    const int behind = argument->place == LAUNCH_OUTPUT ? code->plan->input_count : 0;
    const int tensor = behind + (int)argument->at;
    switch (argument->place) {
    case LAUNCH_INPUT:
    case LAUNCH_OUTPUT:
        return launching->addresses[tensor] +
               bytes_before(tensor_at(code->plan, tensor), launching);
    case LAUNCH_WEIGHTS:
        return code->weights + argument->at;
    case LAUNCH_ARENA:
        return code->arena + argument->at;
    }
    unreachable();
}

/* A kernel behind another may begin before that has ended, up to where it waits for it
 * (wait_for_kernels in templates/cuda/cuda.h). */
static bool launch(struct launching *launching, int at) {
    const struct cuda_code *code = launching->code;
    const struct cuda_kernel *kernel = &code->plan->kernels[at];
    const struct launch *launch = &kernel->launch;
    for (int i = 0; i < launch->count; i++)
        code->values[i] = address_of(launching, &launch->arguments[i]);
    const struct cuda_launch_attribute overlaps = {.which = PROGRAMMATIC_SERIALIZATION,
                                                   .allowed = 1};
    const struct cuda_launch config = {
        .blocks = {(unsigned)launch->blocks, 1, 1},
        .threads = {(unsigned)launch->threads, 1, 1},
        .stream = launching->stream,
        .attributes = &overlaps,
        .attribute_count = code->overlaps && launching->launched,
    };
    launching->launched = true;
    return cuda_check(code->driver,
                      code->driver->launch(&config, code->functions[at], code->arguments, NULL),
                      kernel->name, launching->error);
}

/* The kernels of the block of so many images; 0: of all, where there is no batch axis. */
static bool launch_kernels(struct launching *launching, int64_t images) {
    const struct cuda_plan *plan = launching->code->plan;
    bool good = true;
    for (int i = 0; good && i < plan->kernel_count; i++)
        if (plan->kernels[i].images == images && plan->kernels[i].launch.blocks)
            good = launch(launching, i);
    return good;
}

/* As PREFIX_run does: the largest blocks first. */
static bool launch_all(struct launching *launching) {
    const struct cuda_plan *plan = launching->code->plan;
    if (!plan->block_count)
        return launch_kernels(launching, 0);
    bool good = true;
    for (int block = 0; good && block < plan->block_count; block++) {
        const int64_t images = plan->block_images[block];
        for (; good && launching->batch - launching->first >= images; launching->first += images)
            good = launch_kernels(launching, images);
    }
    return good;
}

/* ---- Graphs ---- */

static void graph_free(const struct cuda_code *code, struct cuda_graph *graph) {
    if (graph->graph)
        code->driver->destroy_instance(graph->graph);
    et_release(graph->addresses);
    *graph = (struct cuda_graph){0};
}

static struct cuda_graph *find_graph(struct cuda_code *code, const struct launching *run) {
    const size_t bytes = (size_t)tensor_count(code->plan) * sizeof *run->addresses;
    for (int i = 0; i < MOST_GRAPHS; i++) {
        struct cuda_graph *graph = &code->graphs[i];
        if (graph->batch == run->batch && graph->addresses &&
            memcmp(graph->addresses, run->addresses, bytes) == 0)
            return graph;
    }
    return NULL;
}

/* Notes the addresses in the place of those that were used longest ago. */
static bool note_graph(struct cuda_code *code, const struct launching *run) {
    const size_t count = (size_t)tensor_count(code->plan);
    struct cuda_graph *oldest = &code->graphs[0];
    for (int i = 1; i < MOST_GRAPHS; i++)
        if (code->graphs[i].used < oldest->used)
            oldest = &code->graphs[i];
    graph_free(code, oldest);
    oldest->addresses = et_allocate(count + 1, sizeof *oldest->addresses);
    if (!oldest->addresses)
        return et_fail(run->error, "out of memory");
    memcpy(oldest->addresses, run->addresses, count * sizeof *oldest->addresses);
    oldest->batch = run->batch;
    oldest->used = code->runs;
    return true;
}

static bool make_graph(struct cuda_code *code, const struct launching *run,
                       struct cuda_graph *graph) {
    const struct cuda_driver *driver = code->driver;
    struct launching launching = *run;
    enum { RELAXED = 2 };
    void *captured = NULL;
    launching.stream = code->stream;
    if (!cuda_check(driver, driver->begin_capture(code->stream, RELAXED), "a CUDA graph",
                    run->error))
        return false;
    bool good = launch_all(&launching);
    const int ended = driver->end_capture(code->stream, &captured);
    good = good && cuda_check(driver, ended, "a CUDA graph", run->error) &&
           cuda_check(driver, driver->instantiate(&graph->graph, captured, 0), "a CUDA graph",
                      run->error);
    if (captured)
        driver->destroy_graph(captured);
    return good;
}

/* Lets the stream wait for the run before, which in our own stream it does anyway. A caller's
 * stream may be gone when the next run comes: so events are put there at once. */
static bool follow(struct cuda_code *code, void *stream, struct et_error *error) {
    const struct cuda_driver *driver = code->driver;
    if (!code->runs || (!code->elsewhere && stream == code->stream))
        return true;
    if (!code->elsewhere && !cuda_check(driver, driver->record_event(code->done, code->stream),
                                        "the run before", error))
        return false;
    return cuda_check(driver, driver->wait_event(stream, code->done, 0), "the run before", error);
}

static bool note_run(struct cuda_code *code, void *stream, struct et_error *error) {
    code->elsewhere = stream != code->stream;
    return !code->elsewhere ||
           cuda_check(code->driver, code->driver->record_event(code->done, stream), "the run",
                      error);
}

/* All launches, behind those of the run before. */
static bool put(struct cuda_code *code, struct launching *run) {
    const struct cuda_driver *driver = code->driver;
    struct cuda_graph *graph = find_graph(code, run);
    bool good = follow(code, run->stream, run->error);
    code->runs++;
    if (good && !graph) {
        good = note_graph(code, run) && launch_all(run);
    } else if (good) {
        graph->used = code->runs;
        good = (graph->graph || make_graph(code, run, graph)) &&
               cuda_check(driver, driver->launch_graph(graph->graph, run->stream), "the run",
                          run->error);
    }
    return note_run(code, run->stream, good ? run->error : NULL) && good;
}

/* ---- Tensors in this process's memory ---- */

static void room_free(struct cuda_code *code) {
    for (int i = 0; i < MOST_GRAPHS; i++)
        graph_free(code, &code->graphs[i]);
    if (code->room)
        code->driver->release(code->room);
    code->room = 0;
    code->room_batch = 0;
}

enum { ALIGNED = 256 }; /* bytes: each tensor begins so, and so does what is allocated */

static bool add_bytes(size_t *sum, size_t bytes) {
    const size_t whole = bytes / ALIGNED * ALIGNED + (bytes % ALIGNED ? ALIGNED : 0);
    return whole >= bytes && !__builtin_add_overflow(*sum, whole, sum);
}

static bool make_room(struct cuda_code *code, int64_t batch, struct et_error *error) {
    const struct cuda_plan *plan = code->plan;
    size_t bytes = 0;
    bool good = true;
    if (code->room_batch == batch)
        return true;
    room_free(code);
    for (int i = 0; i < tensor_count(plan); i++) {
        code->addresses[i] = bytes;
        good = good && add_bytes(&bytes, bytes_of(tensor_at(plan, i), batch));
    }
    if (!good || !add_bytes(&bytes, 1))
        return et_fail(error, "the tensors are larger than any memory");
    if (!cuda_check(code->driver, code->driver->allocate(&code->room, bytes), "the GPU's memory",
                    error))
        return false;
    for (int i = 0; i < tensor_count(plan); i++)
        code->addresses[i] += code->room;
    code->room_batch = batch;
    return true;
}

static bool copy_in(const struct cuda_code *code, int64_t batch, const void *const *inputs,
                    struct et_error *error) {
    bool good = true;
    for (int i = 0; good && i < code->plan->input_count; i++) {
        const size_t bytes = bytes_of(&code->plan->inputs[i], batch);
        good = !bytes ||
               cuda_check(code->driver,
                          code->driver->copy_in(code->addresses[i], inputs[i], bytes, code->stream),
                          "an input", error);
    }
    return good;
}

static bool copy_out(const struct cuda_code *code, int64_t batch, void *const *outputs,
                     struct et_error *error) {
    const uint64_t *addresses = code->addresses + code->plan->input_count;
    bool good = true;
    for (int i = 0; good && i < code->plan->output_count; i++) {
        const size_t bytes = bytes_of(&code->plan->outputs[i], batch);
        good = !bytes ||
               cuda_check(code->driver,
                          code->driver->copy_out(outputs[i], addresses[i], bytes, code->stream),
                          "an output", error);
    }
    return good;
}

static struct launching run_in_room(struct cuda_code *code, struct et_error *error) {
    return (struct launching){.code = code,
                              .addresses = code->addresses,
                              .batch = code->room_batch,
                              .stream = code->stream,
                              .error = error};
}

bool cuda_code_run(struct cuda_code *code, int64_t batch, const void *const *inputs,
                   void *const *outputs, struct et_error *error) {
    pthread_mutex_lock(&code->lock);
    bool good = enter(code, error);
    if (good) {
        good = make_room(code, batch, error) && copy_in(code, batch, inputs, error);
        struct launching run = run_in_room(code, error);
        good = good && put(code, &run) && copy_out(code, batch, outputs, error);
        /* Also after a failure: nothing is under way then. */
        const int ended = code->driver->wait(code->stream);
        good = good && cuda_check(code->driver, ended, "the run", error);
        leave(code);
    }
    pthread_mutex_unlock(&code->lock);
    return good;
}

bool cuda_code_measure(struct cuda_code *code, int64_t times, double *seconds,
                       struct et_error *error) {
    pthread_mutex_lock(&code->lock);
    bool good = enter(code, error);
    if (good) {
        struct launching run = run_in_room(code, error);
        good = put(code, &run) &&
               cuda_check(code->driver, code->driver->wait(code->stream), "the run", error);
        const double began = now_seconds();
        for (int64_t i = 0; good && i < times; i++) {
            run = run_in_room(code, error);
            good = put(code, &run);
        }
        const int ended = code->driver->wait(code->stream);
        good = good && cuda_check(code->driver, ended, "the run", error);
        *seconds = (now_seconds() - began) / (double)times;
        leave(code);
    }
    pthread_mutex_unlock(&code->lock);
    return good;
}

/* ---- Tensors in the device's memory ---- */

/* What the driver knows of an address: that it is memory of this device. */
static bool check_place(const struct cuda_code *code, const char *what, const char *name,
                        uint64_t address, struct et_error *error) {
    enum { MEMORY_TYPE = 2, ORDINAL = 9, DEVICE_MEMORY = 2 }; /* as the driver calls them */
    int type = 0, device = 0;
    if (code->driver->pointer_attribute(&type, MEMORY_TYPE, address) ||
        code->driver->pointer_attribute(&device, ORDINAL, address) || type != DEVICE_MEMORY)
        return et_fail(error, "%s %s: expected memory of the GPU, found 0x%llx, which is none",
                       what, name, (unsigned long long)address);
    if (device != code->device)
        return et_fail(error, "%s %s: expected memory of GPU %d, found that of GPU %d", what, name,
                       code->device, device);
    return true;
}

/* Where each tensor is; no more is asked of those that there was a run on. A tensor of no elements
 * may be anywhere. */
static bool check_addresses(struct cuda_code *code, const struct launching *run) {
    const struct cuda_plan *plan = code->plan;
    const bool known = find_graph(code, run) != NULL;
    for (int i = 0; !known && i < tensor_count(plan); i++) {
        const struct cuda_tensor *tensor = tensor_at(plan, i);
        const char *what = i < plan->input_count ? "input" : "output";
        if (!tensor->bytes)
            continue;
        if (run->addresses[i] % CUDA_ALIGNMENT != 0)
            return et_fail(run->error, "%s %s: expected a multiple of %d bytes, found 0x%llx", what,
                           tensor->name, CUDA_ALIGNMENT, (unsigned long long)run->addresses[i]);
        if (!check_place(code, what, tensor->name, run->addresses[i], run->error))
            return false;
    }
    return true;
}

bool cuda_code_run_there(struct cuda_code *code, int64_t batch, const void *const *inputs,
                         void *const *outputs, void *stream, struct et_error *error) {
    uint64_t *addresses = et_allocate((size_t)tensor_count(code->plan) + 1, sizeof *addresses);
    if (!addresses)
        return et_fail(error, "out of memory");
    const struct cuda_plan *plan = code->plan;
    for (int i = 0; i < tensor_count(plan); i++)
        addresses[i] =
            (uint64_t)(uintptr_t)(i < plan->input_count ? inputs[i]
                                                        : outputs[i - plan->input_count]);
    struct launching run = {
        .code = code, .addresses = addresses, .batch = batch, .stream = stream, .error = error};
    pthread_mutex_lock(&code->lock);
    bool good = enter(code, error);
    if (good) {
        good = check_addresses(code, &run) && put(code, &run);
        leave(code);
    }
    pthread_mutex_unlock(&code->lock);
    et_release(addresses);
    return good;
}

/* ---- Loading ---- */

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

static bool get_functions(struct cuda_code *code, const struct cuda_modules *modules,
                          struct et_error *error) {
    const struct cuda_plan *plan = code->plan;
    for (int i = 0; i < plan->kernel_count; i++) {
        const struct cuda_kernel *kernel = &plan->kernels[i];
        const int module = i < modules->kernel_count ? modules->module_of[i] : -1;
        if (!kernel->launch.blocks)
            continue;
        if (kernel->launch.blocks > INT_MAX)
            return et_fail(error, "%s: more blocks of threads than a GPU can run", kernel->name);
        if (module < 0 || module >= code->module_count)
            return et_fail(error, "%s: there is no code of it", kernel->name);
        if (!cuda_check(code->driver,
                        code->driver->get_function(&code->functions[i], code->modules[module],
                                                   kernel->name),
                        kernel->name, error))
            return false;
    }
    return true;
}

static bool load_weights(struct cuda_code *code, struct et_error *error) {
    const struct cuda_driver *driver = code->driver;
    const struct cuda_plan *plan = code->plan;
    if (plan->arena_bytes && !cuda_check(driver, driver->allocate(&code->arena, plan->arena_bytes),
                                         "the GPU's memory", error))
        return false;
    if (!plan->weights_bytes)
        return true;
    return cuda_check(driver, driver->allocate(&code->weights, plan->weights_bytes),
                      "the GPU's memory", error) &&
           cuda_check(
               driver,
               driver->copy_in(code->weights, plan->weights, plan->weights_bytes, code->stream),
               "the weights", error) &&
           cuda_check(driver, driver->wait(code->stream), "the weights", error);
}

static bool load(struct cuda_code *code, const struct cuda_modules *modules,
                 struct et_error *error) {
    const struct cuda_driver *driver = code->driver;
    enum { NON_BLOCKING = 1, WITHOUT_TIME = 2 };
    return load_modules(code, modules, error) &&
           cuda_check(driver, driver->create_stream(&code->stream, NON_BLOCKING), "a stream",
                      error) &&
           cuda_check(driver, driver->create_event(&code->done, WITHOUT_TIME), "an event", error) &&
           get_functions(code, modules, error) && load_weights(code, error);
}

static bool make_tables(struct cuda_code *code) {
    const struct cuda_plan *plan = code->plan;
    int most = 0;
    for (int i = 0; i < plan->kernel_count; i++)
        most = plan->kernels[i].launch.count > most ? plan->kernels[i].launch.count : most;
    code->functions = et_allocate((size_t)plan->kernel_count + 1, sizeof *code->functions);
    code->addresses = et_allocate((size_t)tensor_count(plan) + 1, sizeof *code->addresses);
    code->values = et_allocate((size_t)most + 1, sizeof *code->values);
    code->arguments = et_allocate((size_t)most + 1, sizeof *code->arguments);
    if (!code->functions || !code->addresses || !code->values || !code->arguments)
        return false;
    for (int i = 0; i < most; i++)
        code->arguments[i] = &code->values[i];
    return true;
}

struct cuda_code *cuda_code_new(const struct cuda_device *device, const struct cuda_plan *plan,
                                const struct cuda_modules *modules, struct et_error *error) {
    struct cuda_code *code = et_allocate(1, sizeof *code);
    if (!code) {
        et_fail(error, "out of memory");
        return NULL;
    }
    *code = (struct cuda_code){.driver = device->driver,
                               .context = device->context,
                               .device = device->device,
                               .overlaps = device->version >= FIRST_VERSION &&
                                           modules->compute >= FIRST_COMPUTE,
                               .plan = plan};
    pthread_mutex_init(&code->lock, NULL);
    bool good = make_tables(code) || et_fail(error, "out of memory");
    if (good && (good = enter(code, error))) {
        good = load(code, modules, error);
        leave(code);
    }
    if (good)
        return code;
    cuda_code_free(code);
    return NULL;
}

void cuda_code_free(struct cuda_code *code) {
    if (!code)
        return;
    const struct cuda_driver *driver = code->driver;
    if (enter(code, NULL)) {
        if (code->elsewhere)
            driver->wait_for_event(code->done);
        else if (code->runs)
            driver->wait(code->stream);
        room_free(code);
        if (code->weights)
            driver->release(code->weights);
        if (code->arena)
            driver->release(code->arena);
        if (code->done)
            driver->destroy_event(code->done);
        if (code->stream)
            driver->destroy_stream(code->stream);
        for (int i = 0; i < code->module_count; i++)
            driver->unload_module(code->modules[i]);
        leave(code);
    }
    et_release(code->functions);
    et_release(code->addresses);
    et_release(code->values);
    et_release(code->arguments);
    pthread_mutex_destroy(&code->lock);
    et_release(code);
}
