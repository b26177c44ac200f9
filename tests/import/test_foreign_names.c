/* Models whose names are of any bytes: an input, a weight, a node, an output and an axis. Imported,
 * stored, read again with the axis open and at a size, run in all modes, and emitted. */
#include "compiler/base/name.h"
#include "compiler/compile.h"
#include "compiler/import/model_file.h"
#include "compiler/store/open_graph.h"
#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "runtime/et_program.h"
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { EXTENT = 3 };
static const float weight[EXTENT] = {1, -2, 0.5f};
static const float x[EXTENT] = {3, 4, 5};

static struct onnx_model model;
static struct scratch scratch;
static struct text said;

static void begin(void) {
    struct et_error error = {0};
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
}

static void end(void) {
    text_free(&said);
    scratch_remove(&scratch);
    arena_free(&model.arena);
}

TestSuite(foreign_names, .init = begin, .fini = end, .timeout = 120);

static const char *in_scratch(const char *name) {
    return arena_format(&model.arena, "%s/%s", scratch.path, name);
}

/* What the last model was made of. */
static void release(void) {
    arena_free(&model.arena);
    model.arena = (struct arena){0};
}

static const char *ended(const char *name, const char *end) {
    return arena_format(&model.arena, "%s%s", name, end);
}

/* Until the next call. */
static const char *written(const char *name) {
    static char text[NAME_ESCAPE_BYTES * 4096 + 1];
    text[name_write(name, strlen(name), text)] = 0;
    return text;
}

/* y = -(x + w), whose tensors have names that begin with this one and end with their own letters.
 * In the file "\1" becomes a zero byte in them. */
static void make_model(const char *name) {
    size_t count;
    struct et_error error = {0};
    release();
    onnx_model_begin(&model, 20);
    const char *w = ended(name, "w"), *y = ended(name, "y"), *sum = ended(name, "s");
    onnx_add_input(&model, name, 1, name[0] ? name : "axis");
    Onnx__Tensor *tensor = onnx_add_initializer(&model, w, 1, EXTENT);
    tensor->float_data = (float *)weight;
    tensor->n_float_data = EXTENT;
    onnx_add_node(&model, "Add", ended(name, ended(",", w)), sum)->name = (char *)name;
    onnx_add_node(&model, "Neg", sum, y)->name = (char *)ended(name, "n");
    onnx_add_output(&model, y);
    char *bytes = (char *)onnx_pack(&model, &count);
    for (char *at = bytes; (at = memmem(at, count - (size_t)(at - bytes), "nul\1", 4)); at++)
        at[3] = 0;
    cr_assert(scratch_write(&scratch, "m.onnx", bytes, count, &error), "%s", error.message);
}

static void write_part(const char *name, const char *text) {
    struct et_error error = {0};
    cr_assert(scratch_write(&scratch, name, text, strlen(text), &error), "%s", error.message);
}

/* The emitted text is one that compilers take without a warning. */
static void compiles(const struct et_program *program) {
    const struct compile_options options = {.command = "eigentensor emit"};
    struct et_error error = {0};
    int status = 0;
    struct compiled *compiled = compile(program_graph(program), &options, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    write_part(arena_format(&model.arena, "%s.h", compiled->prefix), compiled->header);
    write_part("text.c", compiled->source);
    const char *const command[] = {
        "gcc",           "-std=c11",           "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
        "-fsyntax-only", in_scratch("text.c"), NULL};
    cr_assert(process_run(command, &said, &status, &error), "%s", error.message);
    cr_expect_eq(status, 0, "%s", text_read(&said, NULL));
    compiled_free(compiled);
}

static void gives_what_it_should(struct et_program *program, const char *name) {
    struct et_error error = {0};
    cr_expect_str_eq(et_program_input(program, 0).name, name);
    cr_expect_eq(et_program_find_output(program, ended(name, "y")), 0);
    for (int mode = ET_EAGER; mode < ET_MODE_COUNT; mode++) {
        float y[EXTENT] = {0};
        cr_assert(et_program_run(program, (enum et_mode)mode, (const void *const[]){x},
                                 (void *const[]){y}, NULL, &error),
                  "%s", error.message);
        for (int i = 0; i < EXTENT; i++)
            cr_expect_eq(y[i], -(x[i] + weight[i]));
    }
    compiles(program);
}

static struct et_program *opened(const char *file, const char *axis) {
    struct et_error error = {0};
    const struct et_axis size = {axis, EXTENT};
    struct et_program *program =
        et_program_open_sized(in_scratch(file), NULL, &size, axis != NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

/* Stored with a size of its axis, or with the axis open. */
static void store_open(const char *axis) {
    struct et_error error = {0};
    const struct open_axes axes = {1, &(struct open_axis){axis, EXTENT, EXTENT, 1}};
    struct weights *weights = NULL;
    bool plain;
    struct model_file *file = model_file_open(in_scratch("m.onnx"), NULL, &error);
    cr_assert_not_null(file, "%s", error.message);
    const struct import_options none = {0};
    struct open_graph *open =
        model_file_open_graph(file, &axes, 0, NULL, &none, NULL, NULL, &weights, &plain, &error);
    cr_assert_not_null(open, "%s", error.message);
    cr_assert(open_graph_save(open, weights, in_scratch("open.json"), &error), "%s", error.message);
    open_graph_free(open);
    weights_free(weights);
    model_file_close(file);
}

/* A name in the file, and as it is in the graph. */
static void works(const char *name, const char *expected) {
    struct et_error error = {0};
    make_model(name);
    struct et_program *imported = opened("m.onnx", expected);
    gives_what_it_should(imported, expected);
    cr_assert(et_program_save(imported, in_scratch("sized.json"), &error), "%s", error.message);
    struct et_program *sized = opened("sized.json", NULL);
    cr_expect_str_eq(et_program_digest(sized), et_program_digest(imported));
    store_open(expected);
    struct et_program *open = opened("open.json", expected);
    gives_what_it_should(open, expected);
    et_program_free(open);
    et_program_free(sized);
    et_program_free(imported);
}

Test(foreign_names, of_any_kind) {
    static const char *const names[] = {
        "a\nb",  "*/ /* x",     "\"q\" %s %n", "what?\?/",     "\xff\xfe",    "back`quote", "end\\",
        "\\x0a", "\\\\x0a\\\\", "größe 数",    "\xe2\x80\xae", "\x1b[31mred", " ",          "int",
        "//",    "a=b@c.0",     "//\\\n",      "\xc2\x85",     "../../x",     "@",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        works(names[i], written(names[i]));
    works("nul\1nul", "nul\\x00nul");
}

/* 4,096 bytes, the letters behind the longest of them included. */
Test(foreign_names, as_long_as_can_be) {
    static const char *const pieces[] = {"n", "é", "\xff", "\n", "\\x0a"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char name[4096] = "";
        while (strlen(name) + strlen(pieces[i]) < sizeof name)
            strcat(name, pieces[i]);
        works(name, written(name));
    }
}

/* Weights of names that are longer get shorter ones, others are refused. */
Test(foreign_names, longer_ones) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    static char name[30001];
    for (int i = 0; i < 15000; i++)
        memcpy(name + 2 * i, "é", 2);
    make_model("x");
    model.graph.initializer[0]->name = model.graph.node[0]->input[1] = name;
    struct graph *graph = onnx_import(
        &model, &(struct import_options){.axis_count = 1, .axes = &(struct et_axis){"x", EXTENT}},
        &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    graph_free(graph);
    weights_free(weights);
    make_model(name);
    cr_assert_null(onnx_import(&model, NULL, &weights, &error));
    cr_assert_str_eq(error.message, "m.onnx: input: expected a name of 1 to 20480 bytes");
}

/* Two names that would be the same if one of them were taken for an escape. */
Test(foreign_names, do_not_collide) {
    release();
    onnx_model_begin(&model, 20);
    onnx_add_input(&model, "a\nb", 1, "3");
    onnx_add_input(&model, "a\\x0ab", 1, "3");
    onnx_add_node(&model, "Sub", "a\nb,a\\x0ab", "y");
    onnx_add_output(&model, "y");
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_str_eq(graph->inputs[0]->name, "a\\x0ab");
    cr_expect_str_eq(graph->inputs[1]->name, "a\\x5cx0ab");
    graph_free(graph);
    weights_free(weights);
}
