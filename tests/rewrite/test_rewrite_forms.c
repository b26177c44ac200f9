/* winograd on convolutions however they are written: all tiles, near, and the same bits in all
 * modes. */
#include "tests/support/rewrite_convolutions.h"

#include "compiler/rewrite/rewriting.h"

#include <inttypes.h>
#include <stdio.h>

TestSuite(winograd_forms, .timeout = 300);

static const char *const form_names[] = {"windows",      "movement", "channels last",
                                         "weight first", "cut",      "computed weight"};

static struct problem random_problem(uint64_t seed) {
    struct random random = {.state = seed};
    struct problem p = {.form = (enum form)(seed % FORMS)};
    for (int i = 0; i < 2; i++) {
        p.kernel[i] = random_chance(&random, 50) ? 3 : 5;
        p.padding[i] = random_between(&random, 0, 2);
    }
    if (p.form == CUT)
        p.padding[0] = p.padding[1] = 0; /* so that the part is of a picture, not of padding */
    p.batch = random_between(&random, 1, 3);
    p.channels = random_between(&random, 1, 7);
    p.outputs = random_between(&random, 1, 7);
    p.height = random_between(&random, p.kernel[0] + 1, 15);
    p.width = random_between(&random, p.kernel[1] + 1, 15);
    p.bias = random_chance(&random, 50);
    p.relu = random_chance(&random, 50);
    return p;
}

struct problem_text {
    char text[160];
};
static struct problem_text problem_text(const struct problem *p, const int tile[2]) {
    struct problem_text text;
    snprintf(text.text, sizeof text.text,
             "%s, %" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64 " * %" PRId64 "x%" PRId64
             "x%" PRId64 ", padding %" PRId64 "x%" PRId64 ", tile %dx%d",
             form_names[p->form], p->batch, p->channels, p->height, p->width, p->outputs,
             p->kernel[0], p->kernel[1], p->padding[0], p->padding[1], tile[0], tile[1]);
    return text;
}

static void check_problem(const struct problem *p, const int tile[2], const char *mode) {
    struct rewrite_options options = {.winograd_tile = {tile[0], tile[1]}};
    struct problem_text what = problem_text(p, tile);
    struct graph *graph = problem_graph(p);
    struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
    cr_assert_eq(rewritten.site_count, 1, "%s", what.text);
    cr_assert(rewritten.sites[0].applied, "%s: %s", what.text, rewritten.sites[0].what);
    cr_expect_str_eq(rewritten.sites[0].name, "w");
    cr_expect_eq(count_op(rewritten.graph, OP_CONTRACT), 1);
    expect_near(graph, rewritten.graph, winograd_tolerance, what.text);
    expect_done(&rewritten, REWRITE_winograd, &options);
    if (mode)
        expect_same_bits(rewritten.graph, mode, what.text);
    graph_free(graph);
    rewritten_free(&rewritten);
}

Test(winograd_forms, all_forms_and_tiles_are_near) {
    for (uint64_t seed = 0; seed < 180; seed++) {
        struct problem p = random_problem(seed);
        const int *h = winograd_outputs(p.kernel[0]), *w = winograd_outputs(p.kernel[1]);
        struct random random = {.state = seed + 1000};
        int tile[2] = {h[random_between(&random, 0, p.kernel[0] == 3 ? 2 : 1)],
                       w[random_between(&random, 0, p.kernel[1] == 3 ? 2 : 1)]};
        check_problem(&p, tile, seed % 5 == 0 ? "jit" : NULL);
    }
}

Test(winograd_forms, the_same_bits_in_all_modes) {
    static const struct {
        struct problem problem;
        int tile[2];
    } cases[] = {
        {{BY_WINDOWS, 2, 3, 5, 9, 8, {3, 3}, {1, 1}, true, true}, {4, 4}},
        {{BY_MOVEMENT, 1, 2, 3, 10, 11, {5, 3}, {0, 2}, true, false}, {4, 6}},
        {{CHANNELS_LAST, 3, 4, 2, 7, 9, {3, 5}, {1, 0}, false, true}, {2, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (strcmp(modes[mode].name, "gcc-O3") != 0) /* tests/cli/test_rewrite.sh has it */
                check_problem(&cases[i].problem, cases[i].tile, modes[mode].name);
}
