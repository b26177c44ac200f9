/* Random programs with open axes: stored with them, read, and opened at sizes, they are the graphs
 * that are made for these sizes, and give their bits in every mode. */
#include "compiler/store/open_fit.h"
#include "tests/support/open_program.h"
#include "tests/support/trial.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

TestSuite(open, .timeout = 600);

enum { LOOKS = 4 }; /* at how many sizes each program is run */

static struct graph *make(void *context, const int64_t *sizes, struct weights **weights,
                          struct et_error *error) {
    *weights = NULL;
    return open_program_graph(context, sizes, true, error);
}

/* Stored and read. NULL: its form is another one at some sizes, which the error tells. */
static struct open_graph *stored(struct open_program *program, struct et_error *error) {
    const struct open_axes axes = {OPEN_PROGRAM_AXES, program->axes};
    const struct graph_source source = {make, NULL, program};
    struct weights *weights;
    struct open_graph *open = open_graph_fit(&axes, &source, &weights, error);
    if (!open)
        return NULL;
    struct text text = {0};
    cr_assert(open_graph_encode(open, NULL, NULL, NULL, &text, error), "%s", error->message);
    struct open_graph *read =
        open_graph_decode(text_read(&text, NULL), text.length, "g", ".", NULL, &weights, error);
    cr_assert_not_null(read, "seed %" PRIu64 ": %s", program->seed, error->message);
    text_free(&text);
    open_graph_free(open);
    return read;
}

static void expect_equal(const struct open_program *program, const int64_t *sizes,
                         const struct graph *graph, const struct graph *expected) {
    struct digest found, wanted;
    cr_assert(graph_digest(graph, &found, NULL));
    cr_assert(graph_digest(expected, &wanted, NULL));
    cr_expect(digest_equal(&found, &wanted),
              "seed %" PRIu64 " at %" PRId64 ", %" PRId64 ": another graph", program->seed,
              sizes[0], sizes[1]);
}

/* The opened graph beside the one for the size, whose bits the interpreter gives. */
static void check_size(const struct open_program *program, const struct open_graph *open,
                       const int64_t *sizes, const struct mode *mode) {
    struct et_error error = {0};
    struct graph *graph = open_graph_at(open, sizes, &error);
    cr_assert_not_null(graph, "seed %" PRIu64 ": %s", program->seed, error.message);
    struct graph *expected = open_program_graph(program, sizes, false, &error);
    cr_assert_not_null(expected, "%s", error.message);
    cr_assert(graph_canonicalize(expected, &error));
    expect_equal(program, sizes, graph, expected);
    struct trial trial, other;
    cr_assert(trial_begin(&trial, graph, program->seed, &error), "%s", error.message);
    cr_assert(trial_begin(&other, expected, program->seed, &error), "%s", error.message);
    for (int i = 0; i < graph->output_count; i++)
        cr_expect_eq(memcmp(trial.expected[i], other.expected[i],
                            (size_t)node_bytes(graph->outputs[i].node)),
                     0, "seed %" PRIu64 " at %" PRId64 ", %" PRId64, program->seed, sizes[0],
                     sizes[1]);
    cr_expect(trial_check(&trial, mode, &error), "seed %" PRIu64 " at %" PRId64 ", %" PRId64 ": %s",
              program->seed, sizes[0], sizes[1], error.message);
    trial_end(&trial);
    trial_end(&other);
    graph_free(graph);
    graph_free(expected);
}

/* ---- One text for several sizes ---- */

typedef int sized_run(const void *const *inputs, void *const *outputs, const void *weights,
                      void *arena, long n, long m);

struct text_sizes {
    int count;
    int64_t sizes[LOOKS][OPEN_PROGRAM_AXES];
    struct graph *graphs[LOOKS];
    struct set_size items[LOOKS];
};

static bool is_known(const struct text_sizes *all, const int64_t *sizes) {
    for (int i = 0; i < all->count; i++)
        if (memcmp(all->sizes[i], sizes, sizeof all->sizes[i]) == 0)
            return true;
    return false;
}

static void open_sizes(const struct open_graph *open, struct text_sizes *all) {
    struct et_error error = {0};
    for (int look = 0; look < LOOKS; look++) {
        int64_t *sizes = all->sizes[all->count];
        open_axes_spread(&open->axes, look, 1, sizes);
        if (is_known(all, sizes))
            continue;
        struct graph *graph = open_graph_at(open, sizes, &error);
        cr_assert_not_null(graph, "%s", error.message);
        all->graphs[all->count] = graph;
        all->items[all->count++] = (struct set_size){.graph = graph, .sizes = sizes};
    }
}

static void run_text_at(const struct compiled *compiled, const struct executable *executable,
                        const struct graph *graph, const int64_t *sizes, uint64_t seed) {
    struct trial trial;
    struct et_error error = {0};
    cr_assert(trial_begin(&trial, graph, seed, &error), "%s", error.message);
    void *outputs[2], *arena = et_allocate_aligned(compiled->arena_bytes + 64);
    for (int i = 0; i < 2; i++)
        outputs[i] = et_allocate_aligned((size_t)node_bytes(graph->outputs[i].node));
    sized_run *run = (sized_run *)(void (*)(void))executable->entry;
    cr_expect_eq(run((const void *const *)trial.inputs, outputs, compiled->weights, arena,
                     (long)sizes[0], (long)sizes[1]),
                 0);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(
            memcmp(outputs[i], trial.expected[i], (size_t)node_bytes(graph->outputs[i].node)), 0,
            "seed %" PRIu64 " at %" PRId64 ", %" PRId64 ", output %d", seed, sizes[0], sizes[1], i);
        et_release(outputs[i]);
    }
    et_release(arena);
    trial_end(&trial);
}

static void check_text(const struct open_graph *open, uint64_t seed, enum backend_id id) {
    const char *const names[] = {open->axes.axes[0].name, open->axes.axes[1].name};
    const struct compile_options options = {
        .backend = backends[id].emits, .verify = true, .target = &targets[seed % TARGET_COUNT]};
    const char *const flags[] = {"-O1", NULL};
    const struct build_options building = {.cc = "gcc", .flags = flags};
    struct text_sizes all = {0};
    struct executable executable = {0};
    struct et_error error = {0};
    open_sizes(open, &all);
    const struct size_set set = {OPEN_PROGRAM_AXES, names, all.count, all.items};
    struct compiled *compiled = compile_set(&set, &options, &error);
    cr_assert_not_null(compiled, "seed %" PRIu64 ": %s", seed, error.message);
    cr_assert(backend_build(&backends[id], compiled, &building, &executable, &error), "%s",
              error.message);
    for (int i = 0; i < all.count; i++) {
        run_text_at(compiled, &executable, all.graphs[i], all.sizes[i], seed);
        graph_free(all.graphs[i]);
    }
    executable_free(&executable);
    compiled_free(compiled);
}

static void check_texts(uint64_t first, uint64_t count, enum backend_id id) {
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct open_program program;
        struct et_error error = {0};
        open_program_random(seed, &program);
        struct open_graph *open = stored(&program, &error);
        if (open)
            check_text(open, seed, id);
        open_graph_free(open);
    }
}

Test(open, one_text_for_sizes_by_jit) {
    check_texts(1, 60, BACKEND_JIT);
}

Test(open, one_text_for_sizes_by_gcc) {
    check_texts(4001, 6, BACKEND_AOT);
}

/* ---- Programs ---- */

/* Forms that differ, and formulas of formulas that no size says. */
static bool is_refusal(const struct et_error *error) {
    return strstr(error->message, "another graph") ||
           strstr(error->message, "a number is no size that is known here");
}

static void check_programs(uint64_t first, uint64_t count, const struct mode *mode) {
    int fitted = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct open_program program;
        struct et_error error = {0};
        open_program_random(seed, &program);
        struct open_graph *open = stored(&program, &error);
        fitted += open != NULL;
        if (!open)
            cr_expect(is_refusal(&error), "seed %" PRIu64 ": %s", seed, error.message);
        for (int look = 0; open && look < LOOKS; look++) {
            int64_t sizes[OPEN_PROGRAM_AXES];
            open_axes_spread(&open->axes, look, 1, sizes);
            check_size(&program, open, sizes, mode);
        }
        open_graph_free(open);
    }
    cr_expect(count < 30 || fitted * 4 >= (int)count * 3, "only %d of %d have an open form", fitted,
              (int)count);
}

Test(open, programs_at_sizes_by_jit) {
    check_programs(1, number_from_environment("EIGENTENSOR_RANDOM_COUNT", 120), &modes[MODE_JIT]);
}

Test(open, programs_at_sizes_by_threads) {
    check_programs(1001, 30, mode_find("jit-threads"));
}

Test(open, programs_at_sizes_by_gcc) {
    check_programs(2001, 6, mode_find("gcc-O0"));
    check_programs(3001, 4, mode_find("gcc-O3"));
}
