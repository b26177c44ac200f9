/* Each pass alone. tests/passes/PASS/CASE.before.ir is read, the pass runs, and what comes out must
 * be PASS/CASE.after.ir (golden.h says how to rewrite it); lowering starts from graphs. */
#include "compiler/builder/layers.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"
#include "compiler/plan/plan.h"
#include "compiler/schedule/schedule.h"
#include "tests/support/random_graph.h"

#include "tests/support/golden.h"
#include "tests/support/graph_text.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- From text to text ---- */

static void expect_ir(struct ir *ir, const char *path) {
    struct et_error error = {0};
    struct text text = {0};
    cr_expect(verify_ir(ir, &error), "%s: %s", path, error.message);
    print_ir(ir, &text);
    expect_golden(path, text.bytes);
    text_free(&text);
}

static int is_before(const struct dirent *entry) {
    return strstr(entry->d_name, ".before.ir") != NULL;
}

/* Runs a case, FOLDER/NAME.before.ir: what comes out must be FOLDER/NAME.after.ir. */
static void run_case(const char *folder, const char *file, struct ir ir, enum ir_stage stage,
                     void (*run)(struct ir *ir, enum pass_id pass), enum pass_id pass) {
    struct arena arena = {0};
    struct et_error error = {0};
    char path[384];
    snprintf(path, sizeof path, "tests/passes/%s/%s", folder, file);
    char *before = read_golden(path);
    ir.arena = &arena;
    cr_assert(parse_ir(&ir, before, &error), "%s: %s", path, error.message);
    cr_assert_leq(ir.stage, stage, "%s is of a later stage", path);
    ir.stage = stage;
    cr_assert(verify_ir(&ir, &error), "%s: %s", path, error.message);
    run(&ir, pass);
    snprintf(path, sizeof path, "tests/passes/%s/%.*s.after.ir", folder, (int)strcspn(file, "."),
             file);
    expect_ir(&ir, path);
    et_release(before);
    arena_free(&arena);
}

/* All cases of a folder, if it is there. */
static void run_cases(const char *folder, struct ir start, enum ir_stage stage,
                      void (*run)(struct ir *ir, enum pass_id pass), enum pass_id pass) {
    struct dirent **entries;
    char path[128];
    snprintf(path, sizeof path, "tests/passes/%s", folder);
    int count = scandir(path, &entries, is_before, alphasort);
    for (int i = 0; i < count; i++) {
        run_case(folder, entries[i]->d_name, start, stage, run, pass);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void run_from_to(struct ir *ir, enum pass_id first, enum pass_id last) {
    for (enum pass_id i = first; i <= last; i++) {
        struct et_error error = {0};
        cr_assert_eq(ir->stage, passes[i].requires, "%s: wrong stage", passes[i].name);
        passes[i].of_ir(ir);
        ir->stage = passes[i].provides;
        cr_assert(verify_ir(ir, &error), "after %s: %s", passes[i].name, error.message);
    }
}

/* Tiles have no text to begin from: what comes after them begins with scheduling. */
static bool has_text(enum pass_id pass) {
    return passes[pass].requires <= IR_SCHEDULED;
}

static void run_alone(struct ir *ir, enum pass_id pass) {
    run_from_to(ir, has_text(pass) ? pass : PASS_SCHEDULE, pass);
}

static void run_to_barriers(struct ir *ir, enum pass_id pass) {
    (void)pass;
    run_from_to(ir, PASS_SCHEDULE, PASS_BARRIERS);
}

/* How cases are run where it is not the pass alone, for one thread. */
static const struct special {
    int64_t threads, least_cycles;
    void (*run)(struct ir *ir, enum pass_id pass);
} specials[PASS_COUNT] = {[PASS_PARALLELIZE] = {3, 1, run_to_barriers}};

static void test_pass(enum pass_id pass) {
    const struct special *special = &specials[pass];
    struct ir start = {.target = &targets[TARGET_AVX512],
                       .threads = special->threads,
                       .least_cycles = special->least_cycles};
    run_cases(passes[pass].name, start, has_text(pass) ? passes[pass].requires : IR_SHARED,
              special->run ? special->run : run_alone, pass);
}

#define GRAPH_PASS(...)
#define OUTPUT(...)
#define PASS(id, name, ...)                                                                        \
    Test(passes, name) {                                                                           \
        test_pass(PASS_##id);                                                                      \
    }
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef OUTPUT
#undef PASS

/* A part of passes, and no pass by itself. */
static void unroll_all(struct ir *ir, enum pass_id pass) {
    (void)pass;
    for (int i = 0; i < ir->statement_count; i++)
        ir->statements[i]->value = unroll_small_reductions(ir, ir->statements[i]->value);
}

Test(passes, unroll) {
    run_cases("unroll", (struct ir){0}, IR_SPLIT, unroll_all, PASS_COUNT);
}

static bool is_known(const char *folder) {
    bool known = folder[0] == '.' || strcmp(folder, "unroll") == 0;
    for (int i = 0; i < PASS_COUNT; i++)
        known |= strcmp(folder, passes[i].name) == 0;
    return known;
}

/* So that no case is left out because its folder is named otherwise. */
Test(passes, every_folder_is_that_of_a_pass) {
    struct dirent **entries;
    int count = scandir("tests/passes", &entries, NULL, alphasort);
    cr_assert_gt(count, 2);
    for (int i = 0; i < count; i++) {
        cr_expect(entries[i]->d_type != DT_DIR || is_known(entries[i]->d_name),
                  "tests/passes/%s: there is no such pass", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

Test(passes, each_begins_where_the_one_before_ends) {
    cr_expect_eq(passes[0].requires, IR_GRAPH);
    for (int i = 1; i < PASS_COUNT; i++)
        cr_expect_eq(passes[i].requires, passes[i - 1].provides, "%s", passes[i].name);
    cr_expect_eq(passes[PASS_COUNT - 1].provides, IR_STAGE_COUNT - 1);
}

/* ---- Lowering ---- */

static struct tensor input(struct tensor_context *context, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

static struct tensor lower_movement(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(4, 6));
    x = tensor_flip(tensor_permute(x, AXES(1, 0)), AXES(0)); /* (6, 4) */
    x = tensor_shrink(tensor_reshape(x, SHAPE(2, 3, 4)), RANGES({0, 2}, {1, 3}, {0, 4}));
    return tensor_exp(tensor_expand(unsqueeze(x, 0), SHAPE(5, 2, 2, 4)));
}

static struct tensor lower_padding(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(4, 6));
    x = tensor_pad(x, RANGES({1, 0}, {0, 2}), -2.5);
    return tensor_neg(tensor_pad(x, RANGES({1, 1}, {0, 0}), 7));
}

static struct tensor lower_padded_contraction(struct tensor_context *c) {
    return conv2d(input(c, "x", SHAPE(1, 2, 5, 5)), input(c, "w", SHAPE(3, 2, 3, 3)), NO_TENSOR,
                  (struct conv2d_options){.padding = {1, 1}});
}

static struct tensor lower_windows(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(9, 9));
    return tensor_reduce_max(
        windows_by_movement(x, (int64_t[]){3, 2}, (int64_t[]){2, 3}, (int64_t[]){1, 2}),
        AXES(-2, -1));
}

static struct tensor lower_concat(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(2, 3)), y = input(c, "y", SHAPE(2, 1));
    return tensor_concat(TENSORS(x, y, tensor_pad(x, RANGES({0, 0}, {1, 0}), 0)), 1);
}

static struct tensor lower_gather(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(2, 30, 3));
    return tensor_gather(x, 1, add_graph_input(c, "positions", DTYPE_INT32, SHAPE(4, 5)));
}

static struct tensor lower_leaves(struct tensor_context *c) {
    struct tensor numbers = tensor_const(c, DTYPE_INT32, SHAPE(3), 3, (int32_t[]){5, -1, 2});
    struct tensor one = scalar_like(numbers, 1);
    return tensor_add(tensor_mul(tensor_iota(c, DTYPE_INT32, 3), numbers), one);
}

static struct tensor lower_softmax(struct tensor_context *c) {
    return softmax(input(c, "x", SHAPE(2, 7)), -1);
}

static const struct lowered {
    const char *name;
    struct tensor (*build)(struct tensor_context *context);
} lowered[] = {
#define LOWERED(name)                                                                              \
    { #name, lower_##name }
    LOWERED(movement), LOWERED(padding), LOWERED(padded_contraction),
    LOWERED(windows),  LOWERED(concat),  LOWERED(gather),
    LOWERED(leaves),   LOWERED(softmax),
};

static struct graph *graph_of(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    for (int i = 0; i < graph->node_count; i++)
        graph->nodes[i]->origin = i; /* as simplify would */
    return graph;
}

Test(passes, graphs_are_lowered) {
    for (size_t i = 0; i < sizeof lowered / sizeof *lowered; i++) {
        struct graph *graph = graph_of(lowered[i].build(tensor_context_new("t")));
        struct arena arena = {0};
        struct ir ir = {.arena = &arena, .graph = graph};
        char path[128];
        lower(&ir);
        ir.stage = IR_LOWERED;
        snprintf(path, sizeof path, "tests/passes/lower/%s.ir", lowered[i].name);
        expect_ir(&ir, path);
        arena_free(&arena);
        graph_free(graph);
    }
}

/* ---- Simplification ---- */

static struct tensor filled(struct tensor_context *c, float value, int rank, const int64_t *shape) {
    return tensor_const(c, DTYPE_FLOAT32, rank, shape, 1, &value);
}

static struct tensor x_of(struct tensor_context *c) {
    return input(c, "x", SHAPE(2, 3));
}

/* x times the sum of so many ones. */
static struct tensor times_sum(struct tensor_context *c, struct tensor x, int64_t count) {
    struct tensor sum = tensor_reduce_sum(filled(c, 1, SHAPE(count)), ALL_AXES);
    return tensor_mul(x, tensor_expand(sum, SHAPE(2, 3)));
}

#define NUMBER(value) filled(c, value, SHAPE(2, 3))
#define SIMPLIFIED(name, expression, expected)                                                     \
    static struct tensor simplify_##name(struct tensor_context *c) {                               \
        struct tensor x = x_of(c);                                                                 \
        (void)x;                                                                                   \
        return expression;                                                                         \
    }
#include "tests/passes/simplify_cases.def"
#undef SIMPLIFIED

static const struct simplified {
    const char *name;
    struct tensor (*build)(struct tensor_context *context);
    const char *expected; /* graph_text */
} simplified[] = {
#define SIMPLIFIED(name, expression, expected) {#name, simplify_##name, expected},
#include "tests/passes/simplify_cases.def"
#undef SIMPLIFIED
};

Test(passes, graphs_are_simplified) {
    for (size_t i = 0; i < sizeof simplified / sizeof *simplified; i++) {
        struct graph *graph = graph_of(simplified[i].build(tensor_context_new("t"))), *folded;
        struct et_error error = {0};
        struct graph *simple = simplify(graph, &targets[TARGET_AVX2], &folded, &error);
        cr_assert_not_null(simple, "%s: %s", simplified[i].name, error.message);
        cr_expect(verify_graph(simple, &error), "%s: %s", simplified[i].name, error.message);
        struct text text = graph_text(simple);
        cr_expect_str_eq(text.bytes, simplified[i].expected, "%s: expected\n%s, found\n%s",
                         simplified[i].name, simplified[i].expected, text.bytes);
        text_free(&text);
        graph_free(simple);
        graph_free(folded);
        graph_free(graph);
    }
}

/* ---- The plan ---- */

enum { MOST_KERNELS = 40 };

/* A program of statements of random sizes: each reads some of those before it and writes a buffer.
 */
struct program {
    struct ir ir;
    int count;
    int last[MOST_KERNELS]; /* the last statement that reads what each one writes */
};

static void add_program_statement(struct program *program, struct random *random, int64_t elements,
                                  bool chain) {
    struct ir *ir = &program->ir;
    int id = program->count++;
    struct buffer *buffer = ir_buffer(ir, BUFFER_TEMPORARY, DTYPE_FLOAT32, 1, &elements,
                                      arena_format(ir->arena, "t%d", id));
    struct statement *statement = ir_statement(ir, buffer);
    const struct index *zero = index_constant(ir, 0);
    const struct expression *pair[2] = {expression_zero(ir, DTYPE_FLOAT32)};
    for (int64_t reads = chain ? 1 : random_between(random, 0, 3); id && reads > 0; reads--) {
        int source = chain ? id - 1 : (int)random_between(random, 0, id - 1);
        pair[1] = expression_load_linear(ir, ir->statements[source]->output, zero);
        pair[0] = expression_op(ir, OP_ADD, DTYPE_FLOAT32, 2, pair);
        program->last[source] = id;
    }
    statement->address = zero;
    statement->value = pair[0];
    program->last[id] = id;
    ir_add_statement(ir, statement);
}

static size_t bytes_of(const struct program *program, int statement) {
    return whole_lines((size_t)program->ir.statements[statement]->output->elements * sizeof(float));
}

/* The largest sum of what lives at once. */
static size_t lower_bound(const struct program *program) {
    size_t bound = 0;
    for (int now = 0; now < program->count; now++) {
        size_t live = 0;
        for (int i = 0; i <= now; i++)
            live += program->last[i] >= now ? bytes_of(program, i) : 0;
        bound = live > bound ? live : bound;
    }
    return bound;
}

static void check_overlaps(const struct program *program, const struct memory_plan *planned,
                           uint64_t seed) {
    for (int i = 0; i < program->count; i++) {
        size_t begin = program->ir.statements[i]->output->offset,
               end = begin + bytes_of(program, i);
        cr_assert_eq(begin % 64, 0);
        cr_assert_leq(end, planned->arena_bytes);
        for (int k = i + 1; k <= program->last[i]; k++) {
            size_t other = program->ir.statements[k]->output->offset;
            cr_assert(other >= end || other + bytes_of(program, k) <= begin,
                      "seed %" PRIu64 ": t%d and t%d share bytes", seed, i, k);
        }
    }
}

Test(passes, living_temporaries_share_no_bytes) {
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct random random = {.state = seed};
        struct arena arena = {0};
        struct program program = {.ir = {.arena = &arena, .target = &targets[TARGET_AVX2]}};
        int count = (int)random_between(&random, 1, MOST_KERNELS);
        while (program.count < count)
            add_program_statement(&program, &random, random_between(&random, 1, 2000), false);
        form_kernels(&program.ir);
        memory(&program.ir);
        struct memory_plan planned = program.ir.memory;
        cr_assert_eq(planned.lower_bound, lower_bound(&program), "seed %" PRIu64, seed);
        cr_assert_geq(planned.arena_bytes, planned.lower_bound);
        cr_assert_leq(planned.arena_bytes, planned.lower_bound * 105 / 100, "seed %" PRIu64, seed);
        check_overlaps(&program, &planned, seed);
        arena_free(&arena);
    }
}

/* In a chain only neighbours live together: the plan needs no more than the largest two. */
Test(passes, a_chain_needs_its_lower_bound) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct random random = {.state = seed};
        struct arena arena = {0};
        struct program program = {.ir = {.arena = &arena, .target = &targets[TARGET_AVX2]}};
        size_t largest = 0;
        for (int i = 0; i < MOST_KERNELS; i++) {
            add_program_statement(&program, &random, random_between(&random, 1, 2000), true);
            size_t pair = bytes_of(&program, i) + (i ? bytes_of(&program, i - 1) : 0);
            largest = pair > largest ? pair : largest;
        }
        form_kernels(&program.ir);
        memory(&program.ir);
        struct memory_plan planned = program.ir.memory;
        cr_assert_eq(planned.lower_bound, largest);
        cr_assert_eq(planned.arena_bytes, largest, "seed %" PRIu64, seed);
        check_overlaps(&program, &planned, seed);
        arena_free(&arena);
    }
}

/* Constants that some statement reads lie one after another in the weights block; others do not. */
Test(passes, constants_have_places) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena, .target = &targets[TARGET_AVX2]};
    struct et_error error = {0};
    cr_assert(parse_ir(&ir,
                       "buffer a constant float32[17]\n"
                       "buffer unread constant float32[1000]\n"
                       "buffer b constant int8[3]\n"
                       "buffer c constant int64[2] splat\n"
                       "kernel 0 nodes -> y output 0 float32[17]\n loops a0:17\n value a[@a0]\n"
                       " store [@a0]\n"
                       "kernel 1 nodes -> z output 1 int64[3]\n loops a1:3\n"
                       " value add(cast:int64(b[@a1]), c[@0])\n store [@a1]\n",
                       &error),
              "%s", error.message);
    static const float numbers[17] = {1, 2, 3};
    static const int8_t small[3] = {4, 5, 6};
    static const int64_t large[2] = {7, 7};
    ir.buffers[0]->value = numbers;
    ir.buffers[2]->value = small;
    ir.buffers[3]->value = large;
    form_kernels(&ir);
    void *weights;
    size_t bytes;
    cr_assert(place_constants((struct ir *[]){&ir}, 1, &(struct mapped_file){0}, false, &weights,
                              &bytes, &error));
    cr_expect_eq(ir.buffers[0]->offset, 0);
    cr_expect_eq(ir.buffers[2]->offset, 128); /* 17 floats are 68 bytes, rounded up to 64 */
    cr_expect_eq(ir.buffers[3]->offset, 192);
    cr_expect_eq(bytes, 256);
    cr_expect_eq(memcmp(weights, numbers, sizeof numbers), 0);
    cr_expect_eq(memcmp((char *)weights + 128, small, sizeof small), 0);
    cr_expect_eq(memcmp((char *)weights + 192, large, sizeof large), 0);
    memory(&ir);
    cr_expect_eq(ir.memory.arena_bytes, 0);
    et_release(weights);
    arena_free(&arena);
}

/* Two irs share what has the same bytes, wherever these come from. */
Test(passes, equal_constants_of_blocks_are_there_once) {
    static const char *const texts[] = {
        "buffer a constant float32[2]\nbuffer b constant float32[2]\n"
        "kernel 0 nodes -> y output 0 float32[2]\n loops a0:2\n value add(a[@a0], b[@a0])\n"
        " store [@a0]\n",
        "buffer b constant float32[2]\nbuffer c constant float32[2]\n"
        "kernel 0 nodes -> y output 0 float32[2]\n loops a0:2\n value add(b[@a0], c[@a0])\n"
        " store [@a0]\n"};
    static const float a[2] = {1, 2}, b[2] = {3, 4}, equal_to_a[2] = {1, 2};
    struct arena arena = {0};
    const struct target *target = &targets[TARGET_AVX2];
    struct ir irs[2] = {{.arena = &arena, .target = target}, {.arena = &arena, .target = target}};
    struct et_error error = {0};
    for (int i = 0; i < 2; i++) {
        cr_assert(parse_ir(&irs[i], texts[i], &error), "%s", error.message);
        form_kernels(&irs[i]);
    }
    irs[0].buffers[0]->value = a;
    irs[0].buffers[1]->value = irs[1].buffers[0]->value = b;
    irs[1].buffers[1]->value = equal_to_a;
    void *weights;
    size_t bytes;
    cr_assert(place_constants((struct ir *[]){&irs[0], &irs[1]}, 2, &(struct mapped_file){0}, false,
                              &weights, &bytes, &error));
    cr_expect_eq(bytes, 128);
    cr_expect_eq(irs[0].buffers[0]->offset, 0);
    cr_expect_eq(irs[0].buffers[1]->offset, 64);
    cr_expect_eq(irs[1].buffers[0]->offset, 64);
    cr_expect_eq(irs[1].buffers[1]->offset, 0);
    et_release(weights);
    arena_free(&arena);
}

/* ---- The verifier ---- */

#define KERNEL "kernel 0 nodes -> t0 temporary float32[4]\nloops a0:4\nbound a1:3 a2:2\nvalue "
#define X "buffer x input 0 float32[4]\n"

static const struct broken {
    const char *text, *message; /* NULL: it is not broken */
} broken[] = {
    {X KERNEL "x[a0] store [a0]", NULL},
    {X KERNEL "x[3 - a0] store [3 - a0]", NULL},
    {X KERNEL "when(0<=a0 - 1<4, x[a0 - 1], 0.0) store [a0]", NULL},
    {X KERNEL "reduce_sum{a1}(x[a1]) store [a0]", NULL},
    {X KERNEL "x[@a0] store [@a0] kernel 1 nodes -> y output 0 float32[4] loops a3:4 value t0[@a3] "
              "store [@a3]",
     NULL},
    {X KERNEL "x[a0 + 1] store [a0]", "kernel 0 loads 1 .. 4 of x, which has 4"},
    {X KERNEL "x[a0 - 1] store [a0]", "kernel 0 loads -1 .. 2 of x, which has 4"},
    {X KERNEL "x[@2*a0] store [a0]", "kernel 0 loads 0 .. 6 of x, which has 4"},
    {X KERNEL "x[a0] store [a0 + 1]", "kernel 0 stores 1 .. 4 of t0, which has 4"},
    {X KERNEL "x[a0] store [@a0 - 1]", "kernel 0 stores -1 .. 2 of t0, which has 4"},
    {X KERNEL "x[a1] store [a0]", "kernel 0: its value uses axis a1, which is not bound"},
    {X KERNEL "add(x[a0], mul(reduce_sum{a1}(x[a1]), x[a1])) store [a0]",
     "kernel 0: its value uses axis a1, which is not bound"},
    {X KERNEL "reduce_sum{a1}(x[a2/1]) store [a0]",
     "kernel 0: its value uses axis a2, which is not bound"},
    {X KERNEL "x[a0] store [a1]", "kernel 0: its store uses axis a1, which is not bound"},
    {X KERNEL "when(0<=a1<2, x[a0], 0.0) store [a0]",
     "kernel 0: its value uses axis a1, which is not bound"},
    {X KERNEL "reduce_sum{a1 a1}(x[a1]) store [a0]", "kernel 0: axis a1 is bound twice"},
    {X KERNEL "reduce_sum{a0}(x[a0]) store [a0]",
     "kernel 0: axis a0 is a loop and bound by reduce_sum"},
    {X KERNEL "cast:int32(x[a0]) store [a0]", "kernel 0 stores int32 into t0"},
    {X "kernel 0 nodes -> t0 temporary float32[4] loops a0:4 value x[a0] store [a0]\n"
       "kernel 1 nodes -> y output 0 float32[4] loops a1:4 value x[a1] store [a1]\n"
       "kernel 2 nodes -> t2 temporary float32[4] loops a2:4 value y[a2] store [a2]",
     "kernel 2 reads the output y"},
    {"kernel 0 nodes -> x input 0 float32[4] loops a0:4 value 0.0 store [a0]",
     "kernel 0 writes x, which is no output or temporary"},
    {"buffer t1 temporary float32[4]\n" KERNEL "t1[a0] store [a0]",
     "kernel 0 reads t1 before it is written"},
};

Test(passes, the_verifier_sees_what_is_broken) {
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct arena arena = {0};
        struct ir ir = {.arena = &arena};
        struct et_error error = {0};
        cr_assert(parse_ir(&ir, broken[i].text, &error), "%s: %s", broken[i].text, error.message);
        bool good = verify_ir(&ir, &error);
        cr_expect_eq(good, broken[i].message == NULL, "%s: %s", broken[i].text, error.message);
        cr_expect_str_eq(error.message, broken[i].message ? broken[i].message : "", "%s",
                         broken[i].text);
        arena_free(&arena);
    }
}

/* What text cannot say: wrong ids, the same buffer written twice, loads of another rank. */
Test(passes, the_verifier_sees_what_text_cannot_say) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    struct et_error error = {0};
    cr_assert(parse_ir(&ir, X KERNEL "x[a0] store [a0]", &error), "%s", error.message);
    struct statement *statement = ir.statements[0], again = *statement;
    statement->id = 3;
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0 carries the id 3");
    statement->id = 0;
    ir_add_statement(&ir, &again);
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 1 writes t0 again");
    ir.statement_count = 1;
    ((struct expression *)statement->value)->index_count = 0;
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0: load of x has 0 indices, not 1");
    arena_free(&arena);
}

/* ---- Stages ---- */

static const struct misplaced {
    enum ir_stage stage;
    const char *text, *message; /* NULL: it may be at that stage */
} misplaced[] = {
    {IR_LOWERED, X "kernel 0 nodes -> t0 temporary float32[4] axes a0:4 value x[a0]", NULL},
    {IR_SPLIT, X KERNEL "x[a0] store [a0]", NULL},
    {IR_SCHEDULED, X KERNEL "x[@a0] store [@a0]", NULL},
    {IR_SIMPLIFIED, X KERNEL "x[a0] store [a0]",
     "kernel 0: statement is set before the stage lowered"},
    {IR_LOWERED, X KERNEL "x[a0] store [a0]", "kernel 0: axes is wrong at the stage lowered"},
    {IR_SPLIT, X "kernel 0 nodes -> t0 temporary float32[4] axes a0:4 value x[a0]",
     "kernel 0: loops is wrong at the stage split"},
    {IR_SPLIT, X "kernel 0 nodes -> t0 temporary float32[4] loops a0:2 value x[a0] store [a0]",
     NULL}, /* a part */
    {IR_SPLIT,
     X KERNEL "x[a0] store [a0] kernel 1 nodes joins 0 -> t1 temporary float32[4] loops a0 "
              "value x[a0] store [a0]",
     "kernel 1: joins is set before the stage nested"},
    {IR_NESTED,
     X "kernel 0 nodes -> t0 temporary float32[4,4] strides[1,4] loops a0:4 a1:4 value x[a0] "
       "store [a0, a1]",
     "t0: stride is set before the stage laid_out"},
    {IR_LAID_OUT,
     X "kernel 0 nodes -> t0 temporary float32[4,4] strides[1,5] loops a0:4 a1:4 value x[a0] "
       "store [a0, a1]",
     "t0: stride is wrong at the stage laid_out"},
    {IR_LAID_OUT,
     X "kernel 0 nodes -> t0 temporary float32[4] loops shared a0:4 value x[a0] store [a0]",
     "kernel 0: shared is set before the stage shared"},
    {IR_SHARED, X KERNEL "x[a0] store [@a0]", "kernel 0: store is wrong at the stage shared"},
    {IR_SHARED, X KERNEL "x[@a0] store [a0]", "kernel 0: load of x is linear"},
    {IR_SCHEDULED, X KERNEL "x[a0] store [@a0]", "kernel 0: load of x is not linear"},
    {IR_SCHEDULED, X KERNEL "x[@a0] store [a0]",
     "kernel 0: address is wrong at the stage scheduled"},
    {IR_KERNELS, X KERNEL "x[@a0] store [@a0]", "kernel 0: kernel is wrong at the stage kernels"},
};

Test(passes, the_verifier_sees_fields_of_another_stage) {
    for (size_t i = 0; i < sizeof misplaced / sizeof *misplaced; i++) {
        struct arena arena = {0};
        struct ir ir = {.arena = &arena};
        struct et_error error = {0};
        cr_assert(parse_ir(&ir, misplaced[i].text, &error), "%s", error.message);
        ir.stage = misplaced[i].stage;
        bool good = verify_ir(&ir, &error);
        cr_expect_eq(good, misplaced[i].message == NULL, "%s", misplaced[i].text);
        cr_expect_str_eq(error.message, misplaced[i].message ? misplaced[i].message : "", "%s",
                         misplaced[i].text);
        arena_free(&arena);
    }
}

/* What is chosen after scheduling, by hand. */
Test(passes, the_verifier_sees_what_is_set_too_early_or_wrongly) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena, .target = &targets[TARGET_AVX2]};
    struct et_error error = {0};
    cr_assert(parse_ir(&ir, X KERNEL "x[@a0] store [@a0]", &error), "%s", error.message);
    form_kernels(&ir);
    struct statement *statement = ir.statements[0];
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0: kernel is set before the stage kernels");
    ir.stage = IR_KERNELS;
    cr_expect(verify_ir(&ir, &error), "%s", error.message);
    statement->parallel_loop = ir_axis(&ir, 4);
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0: parallel_loop is set before the stage parallel");
    ir.stage = IR_PARALLEL;
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0: parallel_loop is wrong at the stage parallel");
    statement->parallel_loop = NULL;
    statement->kernel->step = 1;
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0: step is set before the stage ordered");
    statement->kernel->step = 0;
    statement->output->per_thread = true;
    ir.stage = IR_KERNELS;
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "t0: per_thread is set before the stage parallel");
    statement->output->per_thread = false;
    ir.stage = IR_PLACED;
    cr_expect_not(verify_ir(&ir, &error));
    cr_expect_str_eq(error.message, "kernel 0: offset is wrong at the stage placed");
    memory(&ir);
    cr_expect(verify_ir(&ir, &error), "%s", error.message);
    arena_free(&arena);
}
