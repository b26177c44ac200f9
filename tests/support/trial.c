#include "tests/support/trial.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "compiler/emit/backend.h"
#include "compiler/graph/batch.h"
#include "compiler/store/element.h"
#include "runtime/eager.h"
#include "templates/pool.h"
#include "tests/support/on_cpu.h"
#include "tests/support/random_graph.h"
#include "tests/support/sanitized.h"

/* For kernels of a GPU. */
#define CUDA_FLAGS ON_CPU_FLAGS, "-march=native", "-O1"

/* Later options win, so these are what the name says whatever CPU is compiled for. */
const struct mode modes[MODE_COUNT] = {
    {.name = "jit"},
    {.name = "jit-threads", .threads = true},
    {.name = "jit-tuned", .tuned = true},
    {.name = "gcc-O0", .cc = "gcc", .flags = {"-march=native", "-O0"}},
    {.name = "gcc-O3", .cc = "gcc", .flags = {"-march=native", "-O3"}},
    {.name = "gcc-threads", .cc = "gcc", .threads = true, .flags = {"-march=native", "-O2"}},
    {.name = "gcc-tuned", .cc = "gcc", .flags = {"-march=native", "-O2"}, .tuned = true},
    {.name = "gcc-avx2", .cc = "gcc", .flags = {"-march=x86-64", "-mavx2", "-mfma", "-O2"}},
    {.name = "gcc-x86-64", .cc = "gcc", .flags = {"-march=x86-64", "-O2"}},
    {.name = "clang-O3", .cc = "clang", .flags = {"-march=native", "-O3"}},
    {.name = "jit-batch", .batched = true},
    {.name = "gcc-O0-batch", .cc = "gcc", .flags = {"-march=native", "-O0"}, .batched = true},
    {.name = "gcc-O3-batch", .cc = "gcc", .flags = {"-march=native", "-O3"}, .batched = true},
    {.name = "cuda-gcc", .cc = "g++ -x c++", .flags = {CUDA_FLAGS}, .cuda = true},
    {.name = "cuda-clang", .cc = "clang++ -x c++", .flags = {CUDA_FLAGS}, .cuda = true},
    {.name = "cuda-batch",
     .cc = "g++ -x c++",
     .flags = {CUDA_FLAGS},
     .batched = true,
     .cuda = true},
};

const struct mode *mode_find(const char *name) {
    for (int i = 0; i < MODE_COUNT; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

static const struct backend *backend_of(const struct mode *mode) {
    return &backends[mode->cc ? BACKEND_AOT : BACKEND_JIT];
}

/* Guarded calls. */

enum { MOST_SECONDS = 20 };
static const int caught_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
enum { CAUGHT = sizeof caught_signals / sizeof *caught_signals };
static sigjmp_buf escape;

/* So that what grows without end meets the end of memory here. (Sanitizers need the address space
 * for themselves.) */
static void limit_memory(bool limited) {
    struct rlimit limit;
    if (IS_SANITIZED)
        return;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = limited ? (rlim_t)4 << 30 : limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
}

/* Only the thread that called can go back there. */
static void leave(int signal_number) {
    if (gettid() != getpid())
        _exit(128 + signal_number);
    siglongjmp(escape, signal_number);
}

bool call_guarded(fallible *function, void *context, struct et_error *error) {
    struct sigaction action = {.sa_handler = leave}, before[CAUGHT];
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught_signals[i], &action, &before[i]);
    limit_memory(true);
    int caught = sigsetjmp(escape, 1);
    bool good = false;
    if (caught == 0) {
        alarm(MOST_SECONDS);
        good = function(context, error);
    } else {
        et_fail(error, "%s", caught == SIGALRM ? "does not end" : strsignal(caught));
    }
    alarm(0);
    limit_memory(false);
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught_signals[i], &before[i], NULL);
    return good;
}

/* Memory between two pages that cannot be touched. It ends at the second; what lies before it in
 * its first page is filled and checked. */
struct guarded {
    unsigned char *pages, *data;
    size_t mapped, bytes;
};

static const unsigned char FILLED = 0xa7;

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static bool guarded_new(struct guarded *guarded, size_t bytes, struct et_error *error) {
    size_t page = page_size(), middle = (bytes + page - 1) / page * page;
    guarded->mapped = middle + 2 * page;
    guarded->bytes = bytes;
    guarded->pages = mmap(NULL, guarded->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded->pages == MAP_FAILED) {
        guarded->pages = NULL;
        return et_fail(error, "out of memory");
    }
    if (middle && mprotect(guarded->pages + page, middle, PROT_READ | PROT_WRITE) != 0)
        return et_fail(error, "out of memory");
    guarded->data = guarded->pages + page + middle - bytes;
    memset(guarded->pages + page, FILLED, middle);
    return true;
}

static bool guarded_intact(const struct guarded *guarded) {
    for (const unsigned char *at = guarded->pages + page_size(); at < guarded->data; at++)
        if (*at != FILLED)
            return false;
    return true;
}

static void guarded_free(struct guarded *guarded) {
    if (guarded->pages)
        munmap(guarded->pages, guarded->mapped);
}

/* Trials. */

void trial_end(struct trial *trial) {
    for (int i = 0; trial->inputs && i < trial->graph->input_count; i++)
        et_release(trial->inputs[i]);
    for (int i = 0; trial->expected && i < trial->graph->output_count; i++)
        et_release(trial->expected[i]);
    et_release(trial->inputs);
    et_release(trial->expected);
    graph_free(trial->batched);
    graph_free(trial->fixed);
    *trial = (struct trial){0};
}

static bool make_buffers(struct trial *trial, uint64_t seed) {
    const struct graph *graph = trial->graph;
    trial->inputs = et_allocate((size_t)graph->input_count + 1, sizeof(void *));
    trial->expected = et_allocate((size_t)graph->output_count, sizeof(void *));
    if (!trial->inputs || !trial->expected)
        return false;
    for (int i = 0; i < graph->input_count; i++) {
        const struct node *node = graph->inputs[i];
        if (!(trial->inputs[i] = et_allocate_aligned((size_t)node_bytes(node))))
            return false;
        random_elements(seed, node->name, node->dtype, node_elements(node), trial->inputs[i]);
    }
    for (int i = 0; i < graph->output_count; i++)
        if (!(trial->expected[i] = et_allocate_aligned((size_t)node_bytes(graph->outputs[i].node))))
            return false;
    return true;
}

static bool run_eager(void *context, struct et_error *error) {
    const struct trial *trial = context;
    return eager_run(trial->graph, (const void *const *)trial->inputs, trial->expected, error);
}

/* Those that there are, and others whose caches are so small that random graphs do not fit. */
static const struct target *pick_target(uint64_t seed) {
    static const struct target tiny[] = {
        {"tiny4", "", 4, 16, 4, 1, 1, 4, 256, 1024, 64, 4096, 8, "", NULL},
        {"tiny8", "", 8, 16, 12, 2, 2, 5, 512, 2048, 64, 4096, 8, "", NULL},
        {"tiny16", "", 16, 32, 24, 1, 2, 4, 256, 2048, 64, 4096, 8, "", NULL},
    };
    enum { TINY_COUNT = sizeof tiny / sizeof *tiny };
    uint64_t choice = seed % (TARGET_COUNT + TINY_COUNT);
    return choice < TARGET_COUNT ? &targets[choice] : &tiny[choice - TARGET_COUNT];
}

static bool begin(struct trial *trial, uint64_t seed, struct et_error *error) {
    enum { MOST_THREADS = 8 };
    trial->target = pick_target(seed);
    trial->seed = seed;
    trial->stop_every = (const int64_t[]){0, 20, 700}[seed % 3];
    trial->threads = 2 + (int)(seed / 7 % (MOST_THREADS - 1));
    bool good = make_buffers(trial, seed) || et_fail(error, "out of memory");
    if (good && call_guarded(run_eager, trial, error))
        return true;
    trial_end(trial);
    return et_fail_within(error, "eager");
}

bool trial_begin(struct trial *trial, const struct graph *graph, uint64_t seed,
                 struct et_error *error) {
    *trial = (struct trial){.graph = graph};
    return begin(trial, seed, error);
}

/* What graph_add_batch says of graphs that can have no batch axis. */
static bool is_refusal(const struct et_error *error) {
    return strstr(error->message, "has no form with a batch axis") ||
           strstr(error->message, "rank") || strstr(error->message, "the graph has none");
}

bool trial_begin_batch(struct trial *trial, const struct graph *graph, uint64_t seed,
                       struct et_error *error) {
    static const int sizes[] = {1, 2, 3, 5, 8, 9, 17, 33, 64, 71};
    struct et_error refusal = {0};
    *trial = (struct trial){.batch = sizes[seed / 7 % (sizeof sizes / sizeof *sizes)]};
    trial->batched = graph_add_batch(graph, &refusal);
    if (!trial->batched && is_refusal(&refusal))
        return trial_begin(trial, graph, seed, error);
    if (!trial->batched)
        return et_fail(error, "%s", refusal.message);
    trial->graph = trial->fixed = graph_at_batch(trial->batched, trial->batch, error);
    if (trial->fixed)
        return begin(trial, seed, error);
    trial_end(trial);
    return false;
}

struct compile_job {
    const struct graph *graph;
    struct compile_options options;
    struct compiled *compiled;
};

static bool run_compile(void *context, struct et_error *error) {
    struct compile_job *job = context;
    job->compiled = compile(job->graph, &job->options, error);
    return job->compiled;
}

/* A choice for every contraction that is among those of `compiled`. */
static bool choose(const struct compiled *compiled, bool blockings, struct random *random,
                   struct tuning *tuning, struct et_error *error) {
    size_t most = (size_t)compiled->contraction_count;
    struct tuned_choice *choices = arena_array(&tuning->arena, struct tuned_choice, most + 1);
    if (!choices)
        return et_fail(error, "out of memory");
    tuning->choices = choices;
    for (int i = 0; i < compiled->contraction_count; i++) {
        const struct contraction_facts *facts = &compiled->contractions[i];
        const struct candidates *candidates = blockings ? &facts->blockings : &facts->tiles;
        int tile =
            blockings ? facts->tiles.taken : (int)random_between(random, 0, candidates->count - 1);
        int64_t blocking = random_between(random, 0, facts->blockings.count - 1);
        bool known = false;
        for (int k = 0; !known && k < i; k++)
            known = strcmp(compiled->contractions[k].contraction, facts->contraction) == 0;
        if (known)
            continue;
        choices[tuning->count++] = (struct tuned_choice){
            .contraction = arena_copy_text(&tuning->arena, facts->contraction),
            .tile = arena_copy_text(&tuning->arena, facts->tiles.items[tile].text),
            .blocking = blockings
                            ? arena_copy_text(&tuning->arena, facts->blockings.items[blocking].text)
                            : NULL};
    }
    return true;
}

/* Random tiles, then random blocks around those. */
static bool tune_job(struct compile_job *job, uint64_t seed, struct tuning *tunings,
                     struct et_error *error) {
    struct random random = {.state = seed};
    for (int blockings = 0; blockings < 2; blockings++) {
        job->options.list_candidates = true;
        if (!call_guarded(run_compile, job, error) ||
            !choose(job->compiled, blockings, &random, &tunings[blockings], error))
            return false;
        compiled_free(job->compiled);
        job->compiled = NULL;
        job->options.tuning = &tunings[blockings];
    }
    return true;
}

struct compiled *trial_compile(const struct trial *trial, const struct mode *mode,
                               const char *prefix, struct et_error *error) {
    struct compile_job job = {.graph = trial->batched ? trial->batched : trial->graph};
    struct tuning tunings[2] = {0};
    job.options.backend = mode->cuda ? &emit_cuda : backend_of(mode)->emits;
    job.options.prefix = prefix;
    job.options.threads = mode->threads ? trial->threads : 1;
    job.options.least_cycles = 1;
    job.options.target = mode->cuda ? &gpu_targets[trial->seed % GPU_COUNT] : trial->target;
    job.options.big_endian = trial->big_endian;
    job.options.portable = job.options.versions = trial->portable;
    job.options.weights_form = trial->weights_form;
    job.options.static_arena = trial->static_arena;
    job.options.verify = true;
    job.options.stop_every = mode->cuda ? 0 : trial->stop_every;
    bool good = (!mode->tuned || tune_job(&job, trial->seed, tunings, error)) &&
                call_guarded(run_compile, &job, error);
    arena_free(&tunings[0].arena);
    arena_free(&tunings[1].arena);
    if (good)
        return job.compiled;
    compiled_free(job.compiled);
    et_fail_within(error, "compile");
    return NULL;
}

/* One run of compiled code: its inputs, outputs, weights and arena, in this order. */
struct run {
    const struct trial *trial;
    const struct compiled *compiled;
    run_array *entry;
    run_step_array *step_entry; /* instead, by several threads */
    int count;
    struct guarded *buffers;
    void **pointers;
    const void **inputs; /* as the entry takes them: those, and `stop` */
    struct stop stop;
    long answers;     /* that go on, before the others */
    uint64_t shuffle; /* of CUDA's threads */
};

static int answer(void *stop) {
    struct run *run = (struct run *)((char *)stop - offsetof(struct run, stop));
    return __atomic_sub_fetch(&run->answers, 1, __ATOMIC_RELAXED) < 0;
}

static void answer_from(struct run *run, bool early) {
    __atomic_store_n(&run->answers, early ? (long)(run->trial->seed / 3 % 7) : LONG_MAX,
                     __ATOMIC_RELAXED);
}

static bool run_begin(struct run *run, struct et_error *error) {
    const struct graph *graph = run->trial->graph;
    run->count = graph->input_count + graph->output_count + 2;
    run->buffers = et_allocate((size_t)run->count, sizeof *run->buffers);
    run->pointers = et_allocate((size_t)run->count, sizeof *run->pointers);
    run->inputs = et_allocate((size_t)graph->input_count + 1, sizeof *run->inputs);
    if (!run->buffers || !run->pointers || !run->inputs)
        return et_fail(error, "out of memory");
    run->stop.passed = answer;
    run->inputs[graph->input_count] = &run->stop;
    for (int i = 0; i < run->count; i++) {
        int output = i - graph->input_count;
        size_t bytes = output < 0 ? (size_t)node_bytes(graph->inputs[i])
                       : output < graph->output_count
                           ? (size_t)node_bytes(graph->outputs[output].node)
                           : whole_lines(i == run->count - 2 ? run->compiled->weights_bytes
                                                             : run->compiled->arena_bytes);
        if (!guarded_new(&run->buffers[i], bytes, error))
            return false;
        run->pointers[i] = run->buffers[i].data;
        if (output < 0)
            run->inputs[i] = memcpy(run->pointers[i], run->trial->inputs[i], bytes);
    }
    if (run->compiled->weights_bytes)
        memcpy(run->pointers[run->count - 2], run->compiled->weights, run->compiled->weights_bytes);
    return true;
}

static void run_end(struct run *run) {
    for (int i = 0; run->buffers && i < run->count; i++)
        guarded_free(&run->buffers[i]);
    et_release(run->buffers);
    et_release(run->pointers);
    et_release(run->inputs);
}

static bool call_entry(void *context, struct et_error *error) {
    struct run *run = context;
    (void)error;
    for (int early = run->trial->stop_every > 0; early >= 0; early--) {
        answer_from(run, early);
        run_entry(run->entry, run->trial->batched, run->trial->batch, run->inputs,
                  run->pointers + run->trial->graph->input_count, run->pointers[run->count - 2],
                  run->pointers[run->count - 1]);
    }
    return true;
}

static bool call_cuda(void *context, struct et_error *error) {
    struct run *run = context;
    on_cpu_begin(run->shuffle);
    run_entry(run->entry, run->trial->batched, run->trial->batch, run->inputs,
              run->pointers + run->trial->graph->input_count, run->pointers[run->count - 2],
              run->pointers[run->count - 1]);
    return !on_cpu_error() || et_fail(error, "%s", on_cpu_error());
}

static void take_part(void *context, long step, long part) {
    const struct run *run = context;
    if (__atomic_load_n(&run->answers, __ATOMIC_RELAXED) >= 0)
        run->step_entry(run->inputs, run->pointers + run->trial->graph->input_count,
                        run->pointers[run->count - 2], run->pointers[run->count - 1], step, part,
                        run->trial->threads);
}

static bool run_steps(void *context, struct et_error *error) {
    struct run *run = context;
    struct pool *pool = pool_new(run->trial->threads);
    if (!pool)
        return et_fail(error, "no threads");
    for (int early = run->trial->stop_every > 0; early >= 0; early--) {
        answer_from(run, early);
        pool_share(pool, take_part, run, run->compiled->steps);
    }
    pool_free(pool);
    return true;
}

static uint64_t element_bits(const void *element, size_t bytes) {
    uint64_t bits = 0;
    memcpy(&bits, element, bytes);
    return bits;
}

static bool compare_output(const struct run *run, int output, struct et_error *error) {
    const struct node *node = run->trial->graph->outputs[output].node;
    const char *expected = run->trial->expected[output];
    const char *found = run->pointers[run->trial->graph->input_count + output];
    size_t bytes = dtype_facts[node->dtype].bytes;
    int64_t elements = node_elements(node), wrong = 0, first = -1;
    if (memcmp(expected, found, (size_t)node_bytes(node)) == 0)
        return true;
    for (int64_t i = elements - 1; i >= 0; i--)
        if (memcmp(expected + (size_t)i * bytes, found + (size_t)i * bytes, bytes) != 0) {
            first = i;
            wrong++;
        }
    const char *right_element = expected + (size_t)first * bytes;
    const char *wrong_element = found + (size_t)first * bytes;
    return et_fail(error,
                   "output %d \"%s\" %s: element %" PRId64 " is 0x%0*" PRIx64
                   " (%s), expected 0x%0*" PRIx64 " (%s); %" PRId64 " of %" PRId64 " differ",
                   output, run->trial->graph->outputs[output].name, shape_text(node).text, first,
                   (int)(2 * bytes), element_bits(wrong_element, bytes),
                   element_text(node->dtype, wrong_element).text, (int)(2 * bytes),
                   element_bits(right_element, bytes),
                   element_text(node->dtype, right_element).text, wrong, elements);
}

static bool check_run(const struct run *run, struct et_error *error) {
    const struct graph *graph = run->trial->graph;
    for (int i = 0; i < run->count; i++)
        if (!guarded_intact(&run->buffers[i]))
            return et_fail(error, "writes before buffer %d (inputs, outputs, weights, arena)", i);
    for (int i = 0; i < graph->input_count; i++)
        if (memcmp(run->pointers[i], run->trial->inputs[i], run->buffers[i].bytes) != 0)
            return et_fail(error, "changes input %d", i);
    if (run->compiled->weights_bytes &&
        memcmp(run->pointers[run->count - 2], run->compiled->weights,
               run->compiled->weights_bytes) != 0)
        return et_fail(error, "changes its weights");
    for (int i = 0; i < graph->output_count; i++)
        if (!compare_output(run, i, error))
            return false;
    return true;
}

static bool run_and_check(struct run *run, fallible *function, struct et_error *error) {
    bool good =
        run_begin(run, error) && call_guarded(function, run, error) && check_run(run, error);
    run_end(run);
    return good;
}

bool trial_run(const struct trial *trial, run_array *entry, const struct compiled *compiled,
               struct et_error *error) {
    struct run run = {.trial = trial, .compiled = compiled, .entry = entry};
    return run_and_check(&run, call_entry, error);
}

static bool run_cuda(const struct trial *trial, run_array *entry, const struct compiled *compiled,
                     struct et_error *error) {
    enum { SHUFFLES = 3 };
    struct run run = {.trial = trial, .compiled = compiled, .entry = entry};
    for (uint64_t i = 0; i < SHUFFLES; i++) {
        run.shuffle = trial->seed * SHUFFLES + i;
        if (!run_and_check(&run, call_cuda, error))
            return et_fail_within(error, "shuffle %" PRIu64, i);
    }
    return true;
}

bool trial_run_steps(const struct trial *trial, run_step_array *entry,
                     const struct compiled *compiled, struct et_error *error) {
    struct run run = {.trial = trial, .compiled = compiled, .step_entry = entry};
    return !entry || run_and_check(&run, run_steps, error) ||
           et_fail_within(error, "%d threads", trial->threads);
}

bool trial_run_mode(const struct trial *trial, const struct mode *mode, run_array *entry,
                    run_step_array *step_entry, const struct compiled *compiled,
                    struct et_error *error) {
    return mode->cuda ? run_cuda(trial, entry, compiled, error)
                      : trial_run(trial, entry, compiled, error) &&
                            trial_run_steps(trial, step_entry, compiled, error);
}

bool mode_is_built(const struct mode *mode) {
    return !IS_SANITIZED || !mode->cc;
}

bool trial_check(const struct trial *trial, const struct mode *mode, struct et_error *error) {
    const struct build_options options = {.cc = mode->cc, .flags = mode->flags};
    struct executable executable = {0};
    struct compiled *compiled = trial_compile(trial, mode, NULL, error);
    bool good = compiled;
    if (good && mode_is_built(mode))
        good =
            backend_build(backend_of(mode), compiled, &options, &executable, error) &&
            trial_run_mode(trial, mode, executable.entry, executable.step_entry, compiled, error);
    executable_free(&executable);
    compiled_free(compiled);
    return good || et_fail_within(error, "%s", mode->name);
}
