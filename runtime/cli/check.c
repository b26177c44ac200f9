/* eigentensor check: every way of running a model, on the same inputs, must give the same bits. */
#include "runtime/cli/cli.h"

#include "compiler/emit/backend.h"
#include "runtime/backend/jit.h"
#include "runtime/backend/parallel_run.h"
#include "runtime/backend/process.h"
#include "runtime/kernels/cpu.h"
#include "templates/pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct check_arguments {
    struct common common;      /* batch 0: not given */
    int64_t seeds, first_seed; /* seeds -1: not given */
};

static const struct argp_option options[] = {
    {"seeds", 'n', "N", 0,
     "How many sets of random inputs to make (default: 3, with a batch axis 5)", 0},
    BATCH_OPTION("Images in each set, of a model with a batch axis (default: 1, those of a block, "
                 "one more, and others by turns)"),
    {"seed", 's', "S", 0, "The first one's seed (default: 1); the others follow", 0},
    INDEX_OPTION,
    {"cc", 'c', "COMPILER", 0, "Also check code made by this C compiler", 0},
    {"cflags", 'f', "FLAGS", 0, "Also check code made with these flags", 0},
    TUNED_OPTION("Check the code with the choices in FILE, which `eigentensor tune -o` wrote"),
    FAST_OPTION,
    WEIGHTS_OPTION,
    AXES_OPTION,
    {0}};

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct check_arguments *arguments = input;
    switch (key) {
    case 'n':
        arguments->seeds = parse_number(state, argument, 0, 1000);
        return 0;
    case 's':
        arguments->first_seed = parse_number(state, argument, 0, INT64_MAX / 2);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .takes_sets = true,
    .parse = parse,
    .arguments = "MODEL.json [[NAME=]FILE...]",
    .takes = TAKES_MODEL_AND_FILES,
    .about =
        "Runs a model in every way this machine has, on random inputs and on files, and compares "
        "the outputs bit by bit.\v"
        "The ways are the interpreter, the JIT compiler on each set of precompiled kernels, and C "
        "compilers at several levels of optimisation and vector widths; up to eight threads share "
        "a run; and an NVIDIA GPU, if there is one. Exit status: 0 when all agree, 1 when any "
        "output differs in a bit.\n\n"
        "A FILE for every input makes one more set of inputs; so do as many again.\n\n"
        "Of several sizes (--axis seq_len=1,16) each is checked, on random inputs, and one text "
        "of all of them.",
};

/* ---- The ways ---- */

struct way {
    const char *name;
    enum et_mode mode;
    int threads;
    enum target_id needs; /* what the CPU must run */
    const char *cc;
    const char *flags[4];
};

static const struct way ways[] = {
    {"eager", ET_EAGER, 1, TARGET_BASELINE, NULL, {0}},
    {"jit, baseline kernels", ET_JIT, 1, TARGET_BASELINE, NULL, {0}},
    {"jit, AVX2 kernels", ET_JIT, 1, TARGET_AVX2, NULL, {0}},
    {"jit, AVX-512 kernels", ET_JIT, 1, TARGET_AVX512, NULL, {0}},
    {"jit, best kernels", ET_JIT, 2, TARGET_BASELINE, NULL, {0}},
    {"jit, best kernels", ET_JIT, 3, TARGET_BASELINE, NULL, {0}},
    {"jit, best kernels", ET_JIT, 8, TARGET_BASELINE, NULL, {0}},
    {"gcc -O0", ET_AOT, 1, TARGET_BASELINE, "gcc", {"-O0"}},
    {"gcc -O2", ET_AOT, 1, TARGET_BASELINE, "gcc", {"-O2"}},
    {"gcc -O3 -march=native", ET_AOT, 1, TARGET_BASELINE, "gcc", {"-O3", "-march=native"}},
    {"gcc -O3 -march=native", ET_AOT, 2, TARGET_BASELINE, "gcc", {"-O3", "-march=native"}},
    {"gcc -O3 -march=native", ET_AOT, 8, TARGET_BASELINE, "gcc", {"-O3", "-march=native"}},
#ifdef __x86_64__
    {"gcc -O3 AVX2", ET_AOT, 1, TARGET_AVX2, "gcc", {"-O3", "-march=x86-64", "-mavx2", "-mfma"}},
    {"gcc -O3 SSE2", ET_AOT, 1, TARGET_BASELINE, "gcc", {"-O3", "-march=x86-64"}},
#endif
    {"clang -O3", ET_AOT, 1, TARGET_BASELINE, "clang", {"-O3", "-march=native"}},
    {"cuda", ET_CUDA, 1, TARGET_BASELINE, NULL, {0}},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* One way, ready to run. */
struct machine {
    enum et_mode mode;
    struct et_program *program;
    struct build build;
    struct pool *pool; /* NULL: one thread */
};

static void machine_close(struct machine *machine) {
    pool_free(machine->pool);
    build_free(&machine->build);
    *machine = (struct machine){0};
}

/* Threads share every kernel that can be shared, worth it or not. Precompiled kernels are the ones
 * that the way is about, or the best; C compilers are told by their flags. */
static bool machine_open(struct machine *machine, const struct way *way, const char *const *flags,
                         struct et_error *error) {
    const struct compile_options compiling = {
        .threads = way->threads, .least_cycles = 1, .stop_every = STOP_EVERY};
    struct build_options building = {.cc = way->cc, .flags = flags};
    if (way->mode == ET_EAGER)
        return true;
    if (way->mode == ET_JIT)
        building.target = way->threads > 1 ? cpu_best_target() : &targets[way->needs];
    if (!program_build(machine->program, mode_backend(way->mode), &compiling, &building,
                       &machine->build, error))
        return false;
    machine->pool = way->threads > 1 ? pool_new(way->threads) : NULL;
    return machine->pool || way->threads == 1 ||
           et_fail(error, "no threads, or no memory for them");
}

static bool machine_run(const struct machine *machine, int64_t batch, const struct tensors *inputs,
                        const struct tensors *outputs, struct et_error *error) {
    const void *const *elements = (const void *const *)inputs->elements;
    if (machine->mode == ET_EAGER)
        return et_program_run_batch(machine->program, ET_EAGER, batch, elements, outputs->elements,
                                    NULL, error);
    const struct compiled *compiled = machine->build.compiled;
    const struct executable *executable = &machine->build.executable;
    const struct graph *graph = program_graph(machine->program);
    if (executable->run)
        return executable->run(
            executable->code,
            &(struct device_run){.batch = batch, .inputs = elements, .outputs = outputs->elements},
            error);
    struct run_stop stop = run_stop_begin(NULL);
    struct shared_run run = {graph, compiled, elements, outputs->elements, NULL, &stop};
    run.memory = et_allocate_aligned(run_bytes(graph, compiled, 1));
    if (!run.memory)
        return et_fail(error, "out of memory");
    if (machine->pool && executable->step_entry)
        share_steps(&run, machine->pool, executable->step_entry);
    else if (compiled->block_count)
        share_images(&run, NULL, executable->entry, batch);
    else
        run_alone(&run, executable->entry);
    et_release(run.memory);
    return true;
}

/* ---- The sets of inputs, and what they gave ---- */

struct input_set {
    char name[48];
    int64_t batch;
    struct tensors inputs, expected, found; /* expected: the interpreter's */
};

struct check {
    const struct check_arguments *arguments;
    struct et_program *program;
    int64_t block; /* of images; 0: the model has no batch axis */
    int set_count;
    struct input_set *sets;
    int ran, differed;
    struct text differences, skipped;
};

static bool set_make(struct check *check, struct input_set *set, struct et_error *error) {
    return model_check_batch(check->program, set->batch, error) &&
           model_inputs(check->program, set->batch, &set->inputs, error) &&
           model_outputs(check->program, set->batch, &set->expected, error) &&
           model_outputs(check->program, set->batch, &set->found, error);
}

/* Images of the largest block; 0: there is no batch axis. */
static int64_t block_of(const struct et_program *program) {
    struct block blocks[MAX_BLOCKS] = {0};
    if (et_program_is_batched(program))
        choose_blocks(program_graph(program), cpu_best_target(), blocks);
    return blocks[0].images;
}

/* One image, a block, one more, less than a block, several blocks and a rest. */
static int64_t batch_of_set(const struct check *check, int64_t i) {
    int64_t block = check->block;
    if (check->arguments->common.batch || !block)
        return check->arguments->common.batch ? check->arguments->common.batch : 1;
    const int64_t batches[] = {1, block, block + 1, block / 2 + 1, 2 * block + 3};
    return batches[i % (int64_t)(sizeof batches / sizeof *batches)];
}

/* A set of random inputs, or (group >= 0) of the files of a group. */
static bool fill_set(struct check *check, struct input_set *set, int64_t i, int group,
                     struct et_error *error) {
    const struct check_arguments *arguments = check->arguments;
    int inputs = et_program_input_count(check->program);
    char **files = arguments->common.files.items + (ptrdiff_t)(group < 0 ? 0 : group) * inputs;
    if (group < 0)
        set->batch = batch_of_set(check, i);
    else if (!model_batch(check->program, files, inputs, &set->batch, error))
        return false;
    if (!set_make(check, set, error))
        return false;
    int length = group < 0 ? snprintf(set->name, sizeof set->name, "seed %" PRId64,
                                      arguments->first_seed + i)
                           : snprintf(set->name, sizeof set->name, "files %d", group + 1);
    if (check->block)
        snprintf(set->name + length, sizeof set->name - (size_t)length, ", N=%" PRId64, set->batch);
    if (group >= 0)
        return tensors_read(&set->inputs, files, inputs, arguments->common.index, error);
    model_randomise((uint64_t)(arguments->first_seed + i), &set->inputs);
    return true;
}

static bool make_sets(struct check *check, struct et_error *error) {
    const struct check_arguments *arguments = check->arguments;
    int inputs = et_program_input_count(check->program), files = arguments->common.files.count;
    if (inputs ? files % inputs : files)
        return et_fail(error,
                       "%d files for %d inputs: expected a file for every input, or as many "
                       "again for more sets",
                       files, inputs);
    int file_sets = inputs ? files / inputs : 0;
    int64_t usual = et_program_is_batched(check->program) && !arguments->common.batch ? 5 : 3;
    int64_t seeds = arguments->seeds < 0 ? usual : arguments->seeds;
    if (seeds + file_sets == 0)
        return et_fail(error, "no inputs to check: neither seeds nor files");
    check->sets = et_allocate((size_t)(seeds + file_sets), sizeof *check->sets);
    if (!check->sets)
        return et_fail(error, "out of memory");
    for (int i = 0; i < seeds + file_sets; i++)
        if (!fill_set(check, &check->sets[check->set_count++], i, i - (int)seeds, error))
            return false;
    return true;
}

static void check_close(struct check *check) {
    for (int i = 0; i < check->set_count; i++) {
        tensors_free(&check->sets[i].inputs);
        tensors_free(&check->sets[i].expected);
        tensors_free(&check->sets[i].found);
    }
    et_release(check->sets);
    text_free(&check->differences);
    text_free(&check->skipped);
}

/* ---- Comparing ---- */

static void add_bits(struct text *text, const char *dtype, const void *element) {
    unsigned char bytes[8] = {0};
    size_t count = tensor_element_bytes(dtype);
    memcpy(bytes, element, count);
    text_add(text, "%s (0x", tensor_element_text(dtype, element));
    for (size_t i = count; i-- > 0;)
        text_add(text, "%02x", bytes[i]);
    text_add(text, ")");
}

/* The first element of an output that differs, and how many do. */
static void note_difference(struct check *check, const struct way *way, const struct input_set *set,
                            int output) {
    const struct et_tensor *facts = &set->found.facts[output];
    const char *expected = set->expected.elements[output], *found = set->found.elements[output];
    size_t bytes = tensor_element_bytes(facts->dtype);
    int64_t count = tensor_elements(facts), first = -1, different = 0;
    for (int64_t i = 0; i < count; i++)
        if (memcmp(expected + (size_t)i * bytes, found + (size_t)i * bytes, bytes) != 0) {
            first = first < 0 ? i : first;
            different++;
        }
    if (first < 0)
        return;
    struct text *text = &check->differences;
    text_add(text, "%s, %d threads, %s: output %s, element %" PRId64 ": expected ", way->name,
             way->threads, set->name, facts->name, first);
    add_bits(text, facts->dtype, expected + (size_t)first * bytes);
    text_add(text, ", found ");
    add_bits(text, facts->dtype, found + (size_t)first * bytes);
    text_add(text, "; %" PRId64 " of %" PRId64 " elements differ\n", different, count);
}

/* One row of the table. */
static bool run_way(struct check *check, const struct way *way, struct machine *machine,
                    struct et_error *error) {
    bool differs = false;
    printf("%-24s %7d", way->name, way->threads);
    for (int i = 0; i < check->set_count; i++) {
        struct input_set *set = &check->sets[i];
        const struct tensors *outputs = way->mode == ET_EAGER ? &set->expected : &set->found;
        if (!machine_run(machine, set->batch, &set->inputs, outputs, error))
            return false;
        struct et_digest digest = et_program_output_digest_batch(
            check->program, set->batch, (const void *const *)outputs->elements);
        bool same = true;
        for (int k = 0; k < outputs->count; k++)
            same &= memcmp(set->expected.elements[k], outputs->elements[k],
                           outputs->facts[k].bytes) == 0;
        for (int k = 0; !same && k < outputs->count; k++)
            note_difference(check, way, set, k);
        differs |= !same;
        printf(" %c%.16s", same ? ' ' : '!', digest.text);
    }
    printf("\n");
    fflush(stdout);
    check->ran++;
    check->differed += differs;
    return true;
}

static bool find_compiler(const char *cc, bool *installed, struct et_error *error) {
    struct text said = {0};
    int status = 127;
    bool good = process_run((const char *const[]){cc, "--version", NULL}, &said, &status, error);
    text_free(&said);
    *installed = status != 127;
    return good;
}

/* A CPU that cannot run the code, a compiler or a mode that is not there: not a failure. */
static bool find_skipped(struct check *check, const struct way *way, bool *skipped,
                         struct et_error *error) {
    bool installed = true, able = cpu_runs(&targets[way->needs]);
    if (able && way->mode == ET_AOT && !find_compiler(way->cc, &installed, error))
        return false;
    struct et_error lacks = {0};
    /* Where libtcc is there but gets no memory for its code, that is a failure. */
    const bool absent = way->mode != ET_JIT || !jit_is_built();
    const bool allowed = !absent || et_mode_allowed(way->mode, &lacks);
    if (!allowed)
        text_add(&check->skipped, "skipped %s: %s\n", way->name, lacks.message);
    else if (!able)
        text_add(&check->skipped, "skipped %s: this CPU lacks %s\n", way->name,
                 targets[way->needs].name);
    else if (!installed)
        text_add(&check->skipped, "skipped %s: %s is not installed\n", way->name, way->cc);
    *skipped = !able || !installed || !allowed;
    return true;
}

static bool try_way(struct check *check, const struct way *way, const char *const *flags,
                    struct et_error *error) {
    struct machine machine = {.mode = way->mode, .program = check->program};
    bool good = machine_open(&machine, way, flags, error) && run_way(check, way, &machine, error);
    machine_close(&machine);
    return good || et_fail_within(error, "%s", way->name);
}

/* The way of --cc and --cflags. */
static bool try_users_way(struct check *check, struct et_error *error) {
    const struct check_arguments *arguments = check->arguments;
    if (!arguments->common.cc && !arguments->common.flags.count)
        return true;
    struct text name = {0};
    text_add(&name, "%s", arguments->common.cc ? arguments->common.cc : "gcc");
    for (int i = 0; i < arguments->common.flags.count; i++)
        text_add(&name, " %s", arguments->common.flags.items[i]);
    struct way way = {.name = text_read(&name, error),
                      .mode = ET_AOT,
                      .threads = 1,
                      .needs = TARGET_BASELINE,
                      .cc = arguments->common.cc ? arguments->common.cc : "gcc"};
    bool good =
        way.name && try_way(check, &way, (const char *const *)arguments->common.flags.items, error);
    text_free(&name);
    return good;
}

static bool try_all(struct check *check, struct et_error *error) {
    printf("%-24s threads", "");
    for (int i = 0; i < check->set_count; i++)
        printf("  %-*s", i + 1 < check->set_count ? 16 : 0, check->sets[i].name);
    printf("\n");
    for (int i = 0; i < WAYS; i++) {
        const char *flags[5] = {0};
        bool skipped;
        memcpy(flags, ways[i].flags, sizeof ways[i].flags);
        if (!find_skipped(check, &ways[i], &skipped, error) ||
            (!skipped && !try_way(check, &ways[i], flags, error)))
            return false;
    }
    return try_users_way(check, error);
}

static bool conclude(const struct check *check, struct et_error *error) {
    const char *skipped = text_read(&check->skipped, error);
    const char *differences = text_read(&check->differences, error);
    if (!skipped || !differences)
        return false;
    fputs(skipped, stdout);
    if (check->differed)
        printf("%d of %d ways differ from the interpreter\n", check->differed, check->ran);
    else
        printf("%d ways, the same bits in every output\n", check->ran);
    fputs(differences, stdout);
    return true;
}

/* All ways of one program; prints what came of it. */
static bool check_program(const struct check_arguments *arguments, struct et_program *program,
                          bool *differed, struct et_error *error) {
    struct check check = {.arguments = arguments, .program = program, .block = block_of(program)};
    bool good = make_sets(&check, error) && try_all(&check, error) && conclude(&check, error);
    *differed |= check.differed > 0;
    check_close(&check);
    return good;
}

/* ---- One text for several sizes ---- */

static const struct way combined_ways[] = {
    {"jit, best kernels", ET_JIT, 1, TARGET_BASELINE, NULL, {0}},
    {"gcc -O2", ET_AOT, 1, TARGET_BASELINE, "gcc", {"-O2"}},
};
enum { COMBINED_WAYS = sizeof combined_ways / sizeof *combined_ways };

/* A text of all sizes in one way of running it. */
struct combined {
    const struct check_arguments *arguments;
    const struct cli_sizes *sizes;
    const struct way *way;
    struct build build;
    struct text differences;
};

/* Takes the images, where there is a batch axis, and the size of each axis behind them. */
static int call_combined(const struct build *build, const struct tensors *inputs,
                         const struct tensors *outputs, void *arena, int count, const long *n) {
#define COMBINED(...)                                                                              \
    ((int (*)(const void *const *, void *const *, const void *, void *, __VA_ARGS__))(             \
         void (*)(void))build->executable.entry)
#define BEFORE (const void *const *)inputs->elements, outputs->elements, weights, arena
    const void *weights = build->compiled->weights;
    switch (count) {
    case 1:
        return COMBINED(long)(BEFORE, n[0]);
    case 2:
        return COMBINED(long, long)(BEFORE, n[0], n[1]);
    case 3:
        return COMBINED(long, long, long)(BEFORE, n[0], n[1], n[2]);
    case 4:
        return COMBINED(long, long, long, long)(BEFORE, n[0], n[1], n[2], n[3]);
    default:
        return COMBINED(long, long, long, long, long)(BEFORE, n[0], n[1], n[2], n[3], n[4]);
    }
#undef BEFORE
#undef COMBINED
}
enum { MOST_COMBINED = 5 };

static int combined_numbers(const struct combined *combined, const struct cli_size *size,
                            int64_t batch, long *n) {
    int count = 0;
    if (et_program_is_batched(size->program))
        n[count++] = (long)batch;
    for (int i = 0; i < combined->sizes->axis_count; i++)
        n[count++] = (long)size->sizes[i];
    return count;
}

static bool compare_combined(struct combined *combined, const struct cli_size *size,
                             struct input_set *set, void *arena, struct et_error *error) {
    long n[MOST_COMBINED];
    int count = combined_numbers(combined, size, set->batch, n);
    if (!et_program_run_batch(size->program, ET_EAGER, set->batch,
                              (const void *const *)set->inputs.elements, set->expected.elements,
                              NULL, error))
        return false;
    bool same = call_combined(&combined->build, &set->inputs, &set->found, arena, count, n) == 0;
    for (int i = 0; same && i < set->found.count; i++)
        same = memcmp(set->expected.elements[i], set->found.elements[i],
                      set->found.facts[i].bytes) == 0;
    if (!same)
        text_add(&combined->differences, "%s, one text, %s: other bits at %s\n",
                 combined->way->name, set->name, size->name);
    return true;
}

static bool run_combined_size(struct combined *combined, const struct cli_size *size,
                              struct et_error *error) {
    struct check check = {.arguments = combined->arguments,
                          .program = size->program,
                          .block = block_of(size->program)};
    const struct compiled *compiled = combined->build.compiled;
    void *arena = et_allocate_aligned(whole_lines(compiled->arena_bytes) + 64);
    bool good = (arena || et_fail(error, "out of memory")) && make_sets(&check, error);
    for (int i = 0; good && i < check.set_count; i++)
        good = compare_combined(combined, size, &check.sets[i], arena, error);
    et_release(arena);
    check_close(&check);
    return good;
}

static bool build_combined(struct combined *combined, const struct cli_model *model,
                           struct et_error *error) {
    const struct backend *backend = mode_backend(combined->way->mode);
    const struct compile_options compiling = {.threads = 1};
    const struct build_options building = {.cc = combined->way->cc, .flags = combined->way->flags};
    struct build *build = &combined->build;
    build->compiled = sizes_compile(combined->sizes, model, backend, &compiling, error);
    return build->compiled &&
           backend_build(backend, build->compiled, &building, &build->executable, error);
}

static bool run_combined(struct combined *combined, const struct cli_model *model, bool *differed,
                         struct et_error *error) {
    bool good = build_combined(combined, model, error);
    for (int i = 0; good && i < combined->sizes->count; i++)
        good = run_combined_size(combined, &combined->sizes->items[i], error);
    const char *differences = good ? text_read(&combined->differences, error) : NULL;
    if (differences) {
        printf("%-24s %7d  %s", combined->way->name, 1,
               differences[0] ? differences : "the same bits at every size\n");
        *differed |= differences[0] != '\0';
    }
    build_free(&combined->build);
    text_free(&combined->differences);
    return differences != NULL;
}

/* One text of several sizes. */
static bool check_combined(const struct check_arguments *arguments, const struct cli_sizes *sizes,
                           bool *differed, struct et_error *error) {
    if (sizes->axis_count + et_program_is_batched(sizes->items[0].program) > MOST_COMBINED)
        return true;
    printf("\n%s, one text for %d sizes\n", et_program_name(sizes->items[0].program), sizes->count);
    for (int i = 0; i < COMBINED_WAYS; i++) {
        struct check skipped = {0};
        bool skip;
        struct combined combined = {arguments, sizes, &combined_ways[i], {0}, {0}};
        bool good = find_skipped(&skipped, combined.way, &skip, error) &&
                    (skip || run_combined(&combined, &arguments->common.model, differed, error));
        check_close(&skipped);
        if (!good)
            return false;
    }
    return true;
}

static bool check_sizes(const struct check_arguments *arguments, const struct cli_sizes *sizes,
                        bool *differed, struct et_error *error) {
    if (arguments->common.files.count)
        return et_fail(error, "files have one size: leave them out, or the other sizes");
    for (int i = sizes->count - 1; i >= 0; i--) {
        struct et_program *program = sizes->items[i].program;
        printf("%s%s at %s  graph %s\n", i < sizes->count - 1 ? "\n" : "", et_program_name(program),
               sizes->items[i].name, et_program_digest(program));
        if (!check_program(arguments, program, differed, error))
            return false;
    }
    return check_combined(arguments, sizes, differed, error);
}

int check_command(int count, char **values) {
    struct check_arguments arguments = {.seeds = -1, .first_seed = 1};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    struct cli_model *model = &arguments.common.model;
    struct cli_sizes sizes = {0};
    bool differed = false, good;
    if (model->set_count) {
        good =
            sizes_open(&sizes, model, &error) && check_sizes(&arguments, &sizes, &differed, &error);
        sizes_close(&sizes, model);
    } else {
        good = model_open_for(model, &arguments.common.files, &error);
        if (good)
            printf("%s  graph %s\n", et_program_name(model->program),
                   et_program_digest(model->program));
        good = good && check_program(&arguments, model->program, &differed, &error);
    }
    int status = command_end(&arguments.common, good, &error);
    return differed ? EXIT_FAILURE : status;
}
