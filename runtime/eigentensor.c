#include "runtime/et_program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "compiler/base/rows.h"
#include "compiler/emit/backend.h"
#include "compiler/graph/batch.h"
#include "runtime/backend/limit.h"
#include "runtime/backend/parallel_run.h"
#include "runtime/compiled_cache.h"
#include "runtime/digest_notes.h"
#include "runtime/eager.h"
#include "runtime/kernels/cpu.h"
#include "runtime/tuning_cache.h"
#include "templates/pool.h"

/* A mode of the program, once it is prepared. All but `lock` and `ready` is written once, under the
 * lock, before `ready` is set. */
struct prepared {
    pthread_mutex_t lock;
    atomic_bool ready;
    struct build build;
};

struct et_program {
    struct graph *graph;
    struct weights *weights;
    pthread_mutex_t identifying;
    bool identified; /* under the lock; until then there is `identity` */
    struct graph_identity identity;
    struct digest_hex digest;
    struct digest_uuid uuid;
    struct arena arena;          /* of `compiler`'s texts and of `shapes` */
    int64_t (*shapes)[MAX_RANK]; /* of inputs, then outputs, of a batched graph: ET_BATCH first */
    struct build_options compiler;
    int threads;
    bool kept; /* for later processes: what is compiled, and digests */
    bool tuning_set;
    struct tuning *tuning; /* that was set; NULL: none */
    struct compile_limits limits;
    struct prepared modes[ET_ALL_MODES];
};

struct et_workspace {
    void *memory;
    size_t bytes;
    struct pool *pool; /* NULL: none was needed yet */
    struct run_limit limit;
    enum et_stop stopped; /* what ended the last run early */
};

/* Opening. */

static void set_digest(struct et_program *program, const struct digest *digest) {
    program->digest = digest_hex(digest);
    program->uuid = digest_uuid(digest);
    program->identified = true;
}

/* Its digest, or all that it takes to find it. */
static bool identify(struct et_program *program, struct et_error *error) {
    struct digest digest;
    if (!program->kept)
        return graph_identity_begin(program->graph, &program->identity, error);
    if (!graph_digest_noted(program->graph, &cached_notes, &digest, error))
        return false;
    set_digest(program, &digest);
    return true;
}

/* Reads all weights, the first time: which a program that only runs need not do. */
static void find_digest(const struct et_program *program) {
    struct et_program *own = (struct et_program *)program;
    pthread_mutex_lock(&own->identifying);
    if (!own->identified) {
        struct digest digest = graph_identity_end(&own->identity);
        set_digest(own, &digest);
        weights_rest(own->weights);
    }
    pthread_mutex_unlock(&own->identifying);
}

static void set_shape(int64_t *shape, const struct node *node) {
    memcpy(shape, node->shape, sizeof node->shape);
    if (node->batched)
        shape[0] = ET_BATCH;
}

static bool set_shapes(struct et_program *program, struct et_error *error) {
    const struct graph *graph = program->graph;
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count;
    program->shapes = arena_allocate(&program->arena, count + 1, sizeof *program->shapes);
    if (!program->shapes)
        return et_fail(error, "out of memory");
    for (int i = 0; i < graph->input_count; i++)
        set_shape(program->shapes[i], graph->inputs[i]);
    for (int i = 0; i < graph->output_count; i++)
        set_shape(program->shapes[graph->input_count + i], graph->outputs[i].node);
    return true;
}

static struct et_program *from_graph(struct graph *graph, struct weights *weights, bool kept,
                                     struct et_error *error) {
    struct et_program *program = et_allocate(1, sizeof *program);
    if (!program) {
        et_fail(error, "%s: out of memory", graph->name);
        graph_free(graph);
        weights_free(weights);
        return NULL;
    }
    program->graph = graph;
    program->weights = weights;
    program->kept = kept;
    program->threads = 1;
    pthread_mutex_init(&program->identifying, NULL);
    for (int mode = 0; mode < ET_ALL_MODES; mode++)
        pthread_mutex_init(&program->modes[mode].lock, NULL);
    if (!set_shapes(program, error) || !identify(program, error)) {
        et_program_free(program);
        return NULL;
    }
    weights_rest(weights);
    return program;
}

struct et_program *program_from_graph(struct graph *graph, struct weights *weights,
                                      struct et_error *error) {
    return from_graph(graph, weights, false, error);
}

struct et_program *program_from_graph_kept(struct graph *graph, struct weights *weights,
                                           struct et_error *error) {
    struct et_program *program = from_graph(graph, weights, true, error);
    if (program)
        program_keep_builds(program);
    return program;
}

struct et_program *et_program_open(const char *path, const char *weights_path,
                                   struct et_error *error) {
    return et_program_open_sized(path, weights_path, NULL, 0, error);
}

void program_forget(struct et_program *program) {
    for (int mode = 0; mode < ET_ALL_MODES; mode++) {
        build_free(&program->modes[mode].build);
        atomic_store(&program->modes[mode].ready, false);
    }
}

void et_program_free(struct et_program *program) {
    if (!program)
        return;
    program_forget(program);
    for (int mode = 0; mode < ET_ALL_MODES; mode++)
        pthread_mutex_destroy(&program->modes[mode].lock);
    pthread_mutex_destroy(&program->identifying);
    graph_identity_free(&program->identity);
    tuning_free(program->tuning);
    arena_free(&program->arena);
    graph_free(program->graph);
    weights_free(program->weights);
    et_release(program);
}

/* Facts. */

const struct graph *program_graph(const struct et_program *program) {
    return program->graph;
}

const struct weights *program_weights(const struct et_program *program) {
    return program->weights;
}

const char *et_program_name(const struct et_program *program) {
    return program->graph->name;
}

const char *et_program_digest(const struct et_program *program) {
    find_digest(program);
    return program->digest.text;
}

const char *et_program_uuid(const struct et_program *program) {
    find_digest(program);
    return program->uuid.text;
}

static struct et_tensor tensor_facts(const char *name, const struct node *node,
                                     const int64_t *shape) {
    return (struct et_tensor){.name = name,
                              .dtype = dtype_facts[node->dtype].name,
                              .rank = node->rank,
                              .shape = shape,
                              .bytes = (size_t)image_bytes(node)};
}

bool et_program_is_batched(const struct et_program *program) {
    return program->graph->batched;
}

int et_program_input_count(const struct et_program *program) {
    return program->graph->input_count;
}

struct et_tensor et_program_input(const struct et_program *program, int index) {
    const struct node *node = program->graph->inputs[index];
    return tensor_facts(node->name, node, program->shapes[index]);
}

int et_program_output_count(const struct et_program *program) {
    return program->graph->output_count;
}

struct et_tensor et_program_output(const struct et_program *program, int index) {
    const struct output *output = &program->graph->outputs[index];
    return tensor_facts(output->name, output->node,
                        program->shapes[program->graph->input_count + index]);
}

static bool tell_scaling(const struct scaling *scaling, float *scale, int64_t *zero) {
    *scale = scaling->scale;
    *zero = scaling->zero;
    return scaling->scale != 0;
}

bool et_program_input_scale(const struct et_program *program, int index, float *scale,
                            int64_t *zero) {
    return tell_scaling(&program->graph->inputs[index]->scaling, scale, zero);
}

bool et_program_output_scale(const struct et_program *program, int index, float *scale,
                             int64_t *zero) {
    return tell_scaling(&program->graph->outputs[index].scaling, scale, zero);
}

bool et_program_output_count_of(const struct et_program *program, int index, int *axis,
                                int *count) {
    const struct output *output = &program->graph->outputs[index];
    *axis = output->counted_axis;
    *count = output->count - 1;
    return output->count > 0;
}

bool et_program_output_counts(const struct et_program *program, int index) {
    return graph_output_counts(program->graph, index);
}

void et_program_true_shape(const struct et_program *program, int index, const void *const *outputs,
                           int64_t *shape) {
    const struct output *output = &program->graph->outputs[index];
    const struct node *node = output->node;
    memcpy(shape, node->shape, (size_t)node->rank * sizeof *shape);
    if (!output->count)
        return;
    int64_t count = *(const int64_t *)outputs[output->count - 1];
    int64_t *extent = &shape[output->counted_axis];
    *extent = count < 0 ? 0 : count < *extent ? count : *extent;
}

void et_program_cut_output(const struct et_program *program, int index, void *const *outputs) {
    const struct output *output = &program->graph->outputs[index];
    const struct node *node = output->node;
    int64_t shape[MAX_RANK];
    size_t outer = 1, inner = dtype_facts[node->dtype].bytes;
    if (!output->count)
        return;
    et_program_true_shape(program, index, (const void *const *)outputs, shape);
    for (int i = 0; i < node->rank; i++)
        *(i < output->counted_axis ? &outer : &inner) *=
            i == output->counted_axis ? 1 : (size_t)shape[i];
    narrow_rows(outputs[index], outer, inner * (size_t)node->shape[output->counted_axis],
                inner * (size_t)shape[output->counted_axis]);
}

int et_program_find_input(const struct et_program *program, const char *name) {
    for (int i = 0; i < program->graph->input_count; i++)
        if (strcmp(program->graph->inputs[i]->name, name) == 0)
            return i;
    return -1;
}

int et_program_find_output(const struct et_program *program, const char *name) {
    for (int i = 0; i < program->graph->output_count; i++)
        if (strcmp(program->graph->outputs[i].name, name) == 0)
            return i;
    return -1;
}

/* Compiling. */

bool et_program_set_compiler(struct et_program *program, const char *cc, const char *const *flags,
                             struct et_error *error) {
    size_t count = 0;
    while (flags && flags[count])
        count++;
    const char **copy = arena_array(&program->arena, const char *, count + 1);
    const char *cc_copy = cc ? arena_copy_text(&program->arena, cc) : NULL;
    bool good = copy && (!cc || cc_copy);
    for (size_t i = 0; good && i < count; i++)
        good = (copy[i] = arena_copy_text(&program->arena, flags[i]));
    if (!good)
        return et_fail(error, "out of memory");
    program->compiler.cc = cc_copy;
    program->compiler.flags = copy;
    return true;
}

bool et_program_set_threads(struct et_program *program, int threads, struct et_error *error) {
    if (threads < 1 || threads > ET_MOST_THREADS)
        return et_fail(error, "%d threads: expected 1 to %d", threads, ET_MOST_THREADS);
    program->threads = threads;
    return true;
}

const char *et_version(void) {
    return ET_VERSION;
}

int et_core_count(void) {
    int count = cpu_allowed_count();
    return count > ET_MOST_THREADS ? ET_MOST_THREADS : count;
}

/* Instead of any before; the program frees it. */
static void take_tuning(struct et_program *program, struct tuning *tuning) {
    tuning_free(program->tuning);
    program->tuning = tuning;
    program->tuning_set = true;
}

bool programs_set_tuning(int count, struct et_program *const *programs, const char *path,
                         struct et_error *error) {
    struct tuning *tuning = tuning_load(path, error);
    if (!tuning)
        return false;
    for (int i = 0; i < count; i++)
        if (strcmp(tuning->digest, et_program_digest(programs[i])) == 0) {
            take_tuning(programs[i], tuning);
            return true;
        }
    et_fail(error, "%s: made for the graph %s, not for %s, %s%s", path, tuning->digest,
            et_program_name(programs[0]), et_program_digest(programs[0]),
            count > 1 ? ", nor for its other sizes" : "");
    tuning_free(tuning);
    return false;
}

bool et_program_set_tuning(struct et_program *program, const char *path, struct et_error *error) {
    if (path)
        return programs_set_tuning(1, &program, path, error);
    take_tuning(program, NULL);
    return true;
}

const struct tuning *program_tuning(const struct et_program *program, const struct backend *backend,
                                    const struct target *target, struct tuning **kept) {
    *kept = NULL;
    if (backend == mode_backend(ET_CUDA))
        return NULL; /* tunings are of CPUs */
    if (!program->tuning_set && target && target == cpu_target(NULL) && tuning_cache_has_any())
        *kept = tuning_cache_load(et_program_digest(program), target, backend->name);
    return *kept ? *kept : program->tuning;
}

void program_set_limits(struct et_program *program, const struct compile_limits *limits) {
    program->limits = *limits;
}

void program_keep_builds(struct et_program *program) {
    program->compiler.keep_for = program->digest.text;
}

struct compile_limits program_limits(const struct et_program *program) {
    return program->limits;
}

static struct compiled *compile_for(const struct et_program *program,
                                    const struct compile_options *options, bool keep,
                                    struct et_error *error) {
    return keep ? compiled_cache_compile(program->graph, options, error)
                : compile(program->graph, options, error);
}

/* program_compile(); `keep`: what is compiled is kept for later processes. */
static struct compiled *compile_tuned(const struct et_program *program,
                                      const struct backend *backend,
                                      const struct compile_options *options, bool keep,
                                      struct et_error *error) {
    struct compile_options plain = *options;
    plain.backend = backend->emits;
    plain.limits = program->limits;
    struct compile_options tuned = plain;
    struct tuning *kept;
    tuned.tuning = program_tuning(program, backend, options->target, &kept);
    if (!options->target && tuned.tuning)
        tuned.target = target_find(tuned.tuning->target);
    struct compiled *compiled = compile_for(program, &tuned, keep, error);
    if (!compiled && kept) /* by another version of the compiler, say */
        compiled = compile_for(program, &plain, keep, error);
    tuning_free(kept);
    return compiled;
}

struct compiled *program_compile(const struct et_program *program, const struct backend *backend,
                                 const struct compile_options *options, struct et_error *error) {
    return compile_tuned(program, backend, options, false, error);
}

/* All backends expect the same weights, mostly. */
static void share_weights(const struct et_program *program, struct compiled *compiled) {
    for (int mode = 0; mode < ET_ALL_MODES; mode++) {
        const struct prepared *prepared = &program->modes[mode];
        if (atomic_load(&prepared->ready) && prepared->build.compiled)
            compiled_share_weights(compiled, prepared->build.compiled);
    }
}

bool program_build(const struct et_program *program, const struct backend *backend,
                   const struct compile_options *compiling, const struct build_options *building,
                   struct build *build, struct et_error *error) {
    *build = (struct build){.compiled =
                                compile_tuned(program, backend, compiling, program->kept, error)};
    weights_rest(program->weights); /* of its own it has what it needs */
    if (!build->compiled)
        return false;
    share_weights(program, build->compiled);
    struct build_options options = building ? *building : (struct build_options){0};
    options.graph = program->graph;
    if (backend_build(backend, build->compiled, &options, &build->executable, error))
        return true;
    build_free(build);
    return false;
}

void build_free(struct build *build) {
    executable_free(&build->executable);
    compiled_free(build->compiled);
    *build = (struct build){0};
}

/* Requires the mode's lock. */
static bool open_mode(struct et_program *program, enum et_mode mode, struct et_error *error) {
    const struct target *target = mode == ET_CUDA ? NULL : cpu_target(error);
    if (!target && mode != ET_CUDA)
        return false;
    /* Nobody keeps the text of ET_JIT: that alone is no reason to read all weights. */
    const char *digest = mode == ET_JIT && !program->kept ? NULL : et_program_digest(program);
    const struct compile_options options = {
        .target = target, .digest = digest, .threads = program->threads, .stop_every = STOP_EVERY};
    return program_build(program, mode_backend(mode), &options, &program->compiler,
                         &program->modes[mode].build, error);
}

bool et_program_prepare(struct et_program *program, enum et_mode mode, struct et_error *error) {
    if (!et_mode_name(mode))
        return et_fail(error, "mode %d: expected eager, jit, aot or cuda", (int)mode);
    if (et_program_is_prepared(program, mode))
        return true;
    struct prepared *prepared = &program->modes[mode];
    pthread_mutex_lock(&prepared->lock);
    bool good = atomic_load(&prepared->ready) || open_mode(program, mode, error);
    if (good)
        atomic_store(&prepared->ready, true);
    pthread_mutex_unlock(&prepared->lock);
    return good || et_fail_within(error, "%s: %s", program->graph->name, et_mode_name(mode));
}

bool et_program_is_prepared(const struct et_program *program, enum et_mode mode) {
    return et_mode_name(mode) && (mode == ET_EAGER || atomic_load(&program->modes[mode].ready));
}

const struct compiled *program_compiled(const struct et_program *program, enum et_mode mode) {
    return et_program_is_prepared(program, mode) ? program->modes[mode].build.compiled : NULL;
}

const char *et_program_source(const struct et_program *program, enum et_mode mode) {
    const struct compiled *compiled = program_compiled(program, mode);
    return compiled ? compiled->source : NULL;
}

/* Running. */

struct et_workspace *et_workspace_new(const struct et_program *program) {
    (void)program;
    return et_allocate(1, sizeof(struct et_workspace));
}

void et_workspace_free(struct et_workspace *workspace) {
    if (!workspace)
        return;
    pool_free(workspace->pool);
    et_release(workspace->memory);
    et_release(workspace);
}

void et_workspace_set_limit(struct et_workspace *workspace, int64_t deadline,
                            const int *cancelled) {
    workspace->limit = (struct run_limit){deadline, cancelled};
}

enum et_stop et_workspace_stopped(const struct et_workspace *workspace) {
    return workspace->stopped;
}

static bool workspace_grow(struct et_workspace *workspace, size_t bytes, struct et_error *error) {
    if (workspace->bytes >= bytes)
        return true;
    void *memory = et_allocate_aligned(bytes);
    if (!memory)
        return et_fail(error, "out of memory: %zu bytes of workspace", bytes);
    et_release(workspace->memory);
    workspace->memory = memory;
    workspace->bytes = bytes;
    return true;
}

/* A bool is an index and an operand in compiled code: no other byte may come in. */
static bool check_bools(const struct node *node, int64_t batch, const void *elements,
                        struct et_error *error) {
    const unsigned char *bytes = elements;
    int64_t count = image_elements(node) * (node->batched ? batch : 1);
    for (int64_t i = 0; i < count; i++)
        if (bytes[i] > 1)
            return et_fail(error, "input %s: element %lld: expected 0 or 1, found %d", node->name,
                           (long long)i, bytes[i]);
    return true;
}

static bool check_buffers(const struct graph *graph, int64_t batch, const void *const *inputs,
                          void *const *outputs, struct et_error *error) {
    for (int i = 0; i < graph->input_count; i++) {
        const struct node *input = graph->inputs[i];
        if (!inputs[i])
            return et_fail(error, "input %s: expected %s, found NULL", input->name,
                           shape_text(input).text);
        if (input->dtype == DTYPE_BOOL && !check_bools(input, batch, inputs[i], error))
            return false;
    }
    for (int i = 0; i < graph->output_count; i++)
        if (!outputs[i])
            return et_fail(error, "output %s: expected room for %s, found NULL",
                           graph->outputs[i].name, shape_text(graph->outputs[i].node).text);
    return true;
}

static bool workspace_begin_threads(struct et_workspace *workspace, int threads,
                                    struct et_error *error) {
    if (workspace->pool && workspace->pool->parts == threads)
        return true;
    pool_free(workspace->pool);
    workspace->pool = pool_new(threads);
    return workspace->pool || et_fail(error, "%d threads: there are not so many", threads);
}

/* Threads share the steps of a run, or the images of a batch. */
static bool run_compiled(const struct et_program *program, const struct prepared *prepared,
                         int64_t batch, const void *const *inputs, void *const *outputs,
                         struct et_workspace *workspace, struct run_stop *stop,
                         struct et_error *error) {
    const struct compiled *compiled = prepared->build.compiled;
    const struct executable *executable = &prepared->build.executable;
    if (executable->run)
        return executable->run(
            executable->code,
            &(struct device_run){.batch = batch, .inputs = inputs, .outputs = outputs}, error);
    bool steps = compiled->threads > 1 && executable->step_entry;
    bool images = batch > 1, shared = images && program->threads > 1;
    int threads = images ? program->threads : compiled->threads;
    size_t bytes = run_bytes(program->graph, compiled, images ? threads : 1);
    if (!workspace_grow(workspace, bytes, error) ||
        ((shared || steps) && !workspace_begin_threads(workspace, threads, error)))
        return false;
    const struct shared_run run = {program->graph, compiled,          inputs,
                                   outputs,        workspace->memory, stop};
    if (images)
        share_images(&run, shared ? workspace->pool : NULL, executable->entry, batch);
    else if (steps)
        share_steps(&run, workspace->pool, executable->step_entry);
    else
        run_alone(&run, executable->entry);
    return true;
}

/* The interpreter runs the graph of that many images, as a whole. */
static bool run_eager(const struct graph *graph, int64_t batch, const void *const *inputs,
                      void *const *outputs, struct stop *stop, struct et_error *error) {
    if (!graph->batched)
        return eager_run_within(graph, inputs, outputs, stop, error);
    struct graph *fixed = graph_at_batch(graph, batch, error);
    bool good = fixed && eager_run_within(fixed, inputs, outputs, stop, error);
    graph_free(fixed);
    return good;
}

static bool run_mode(struct et_program *program, enum et_mode mode, int64_t batch,
                     const void *const *inputs, void *const *outputs,
                     struct et_workspace *workspace, struct et_error *error) {
    struct run_stop stop = run_stop_begin(&workspace->limit);
    workspace->stopped = run_stop_passed(&stop);
    if (workspace->stopped != ET_NOT_STOPPED)
        return run_limit_fail(workspace->stopped, error);
    bool good = mode == ET_EAGER
                    ? run_eager(program->graph, batch, inputs, outputs, &stop.asked, error)
                    : run_compiled(program, &program->modes[mode], batch, inputs, outputs,
                                   workspace, &stop, error);
    workspace->stopped = (enum et_stop)stop.stopped;
    return workspace->stopped == ET_NOT_STOPPED ? good : run_limit_fail(workspace->stopped, error);
}

bool et_program_run_batch(struct et_program *program, enum et_mode mode, int64_t batch,
                          const void *const *inputs, void *const *outputs,
                          struct et_workspace *workspace, struct et_error *error) {
    struct et_workspace own = {0};
    workspace = workspace ? workspace : &own;
    workspace->stopped = ET_NOT_STOPPED;
    if (!et_program_prepare(program, mode, error))
        return false;
    if (!graph_check_batch(program->graph, batch, error) ||
        !check_buffers(program->graph, batch, inputs, outputs, error))
        return et_fail_within(error, "%s", program->graph->name);
    bool good = run_mode(program, mode, batch, inputs, outputs, workspace, error);
    pool_free(own.pool);
    et_release(own.memory);
    return good;
}

bool et_program_run_on_gpu(struct et_program *program, int64_t batch, const void *const *inputs,
                           void *const *outputs, void *stream, struct et_error *error) {
    if (!et_program_prepare(program, ET_CUDA, error))
        return false;
    const struct executable *executable = &program->modes[ET_CUDA].build.executable;
    const struct device_run run = {
        .batch = batch, .inputs = inputs, .outputs = outputs, .there = true, .stream = stream};
    return (graph_check_batch(program->graph, batch, error) &&
            executable->run(executable->code, &run, error)) ||
           et_fail_within(error, "%s", program->graph->name);
}

bool et_program_run(struct et_program *program, enum et_mode mode, const void *const *inputs,
                    void *const *outputs, struct et_workspace *workspace, struct et_error *error) {
    return et_program_run_batch(program, mode, 1, inputs, outputs, workspace, error);
}

struct et_digest et_program_output_digest(const struct et_program *program,
                                          const void *const *outputs) {
    return et_program_output_digest_batch(program, 1, outputs);
}

struct et_digest et_program_output_digest_batch(const struct et_program *program, int64_t batch,
                                                const void *const *outputs) {
    struct digest_stream stream;
    digest_begin(&stream);
    for (int i = 0; i < program->graph->output_count; i++) {
        const struct output *output = &program->graph->outputs[i];
        const struct node *node = output->node;
        int64_t shape[MAX_RANK];
        memcpy(shape, node->shape, sizeof shape);
        if (node->batched)
            shape[0] = batch;
        struct digest tensor = digest_tensor(node->dtype, node->rank, shape, outputs[i]);
        digest_add(&stream, output->name, strlen(output->name) + 1);
        digest_add(&stream, tensor.bytes, sizeof tensor.bytes);
    }
    struct digest digest = digest_end(&stream);
    struct digest_hex hex = digest_hex(&digest);
    struct et_digest result;
    memcpy(result.text, hex.text, sizeof result.text);
    return result;
}
