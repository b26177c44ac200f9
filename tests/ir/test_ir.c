/* The loop IR as text: what is written reads back, and what strangers write cannot crash it. */
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"

#include "models/mnist/mnist_model.c"
#include "tests/support/random_graph.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* print(parse(text)) into `again`. */
static bool parse_and_print(const struct graph *graph, const char *text, struct text *again,
                            struct et_error *error) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena, .graph = graph, .target = &targets[TARGET_AVX2]};
    bool good = parse_ir(&ir, text, error);
    if (good)
        print_ir(&ir, again);
    arena_free(&arena);
    return good;
}

static const char every_construct[] =
    "buffer x input 0 float32[3,8]\n"
    "buffer \"y z\\x22\" input 1 int64[4]\n"
    "buffer layers.0.bias constant float32[4] splat\n"
    "buffer x'2 constant float64[1]\n"
    "kernel 0 nodes 1 2 13 -> t3 temporary float32[4,8]\n"
    "  axes a0:4 a4:8\n"
    "  bound a9:3\n"
    "  v1 = \"y z\\x22\"[a0]\n"
    "  v2 = mul(x[<v1 0..2>, a4], layers.0.bias[a0])\n"
    "  v3 = where(lt(v2, -0.0), 1.5, v2)\n"
    "  value when(1<=a0 - a4<4 & 0<=a0 + <v1 0..2><3, "
    "add(v3, reduce_sum{a9}(x[a9, (a4 + 3)/4])), greater_of(v3, -inf))\n"
    "kernel 1 nodes -> t4 temporary int32[2,3] strides[1,2]\n"
    "  loops a5:2 a6:3\n"
    "  v1 = cast:int32(x'2[0])\n"
    "  value shl(sub(int32:-7, index(int32, -a5 + 3*(a6)%2 + 1)), mod(v1, v1))\n"
    "  store [-a5 + 1, a6]\n"
    "kernel 2 nodes 30 -> \"0\" output 0 bool[4,8] elements 40\n"
    "  loops a7:32\n"
    "  value or(not(bool:1), eq(t3[@a7], float32:0x7fc00001))\n"
    "  store [@a7]\n"
    "kernel 3 nodes -> t6 temporary bool[]\n"
    "  axes\n"
    "  value xor(lt(uint64:18446744073709551615, uint64:9223372036854775808), "
    "ne(uint32:4294967295, cast:uint32(mul(uint16:65535, cast:uint16(int16:-32768)))))\n";

Test(ir, every_construct_reads_back) {
    struct et_error error = {0};
    struct text again = {0};
    cr_assert(parse_and_print(NULL, every_construct, &again, &error), "%s", error.message);
    cr_expect_str_eq(again.bytes, every_construct, "found:\n%s", again.bytes);
    text_free(&again);
}

Test(ir, comments_and_white_space_are_skipped) {
    struct et_error error = {0};
    struct text again = {0};
    cr_assert(parse_and_print(NULL,
                              "# one element\nkernel 0 nodes->t temporary float32[]axes # none\n"
                              "value\n0.5",
                              &again, &error),
              "%s", error.message);
    cr_expect_str_eq(again.bytes, "kernel 0 nodes -> t temporary float32[]\n  axes\n  value 0.5\n");
    text_free(&again);
}

/* ---- Every stage of many graphs ---- */

static void expect_same(const struct ir *ir, const char *stage, unsigned long seed) {
    struct et_error error = {0};
    struct text text = {0}, again = {0};
    print_ir(ir, &text);
    if (!text.bytes || strstr(text.bytes, "\n  tile")) { /* tiles do not read back */
        text_free(&text);
        return;
    }
    cr_assert(parse_and_print(ir->graph, text.bytes, &again, &error), "seed %lu, %s: %s", seed,
              stage, error.message);
    cr_assert_str_eq(again.bytes, text.bytes, "seed %lu, %s", seed, stage);
    text_free(&text);
    text_free(&again);
}

static void expect_same_at_every_stage(const struct graph *graph, unsigned long seed) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena, .graph = graph, .target = &targets[TARGET_AVX2]};
    for (enum pass_id i = PASS_LOWER; i <= PASS_SCHEDULE; i++) {
        if (i == PASS_SCHEDULE && !seed)
            break; /* the model's weights are not bound: they cannot be packed */
        passes[i].of_ir(&ir);
        ir.stage = passes[i].provides;
        expect_same(&ir, passes[i].name, seed);
    }
    arena_free(&arena);
}

Test(ir, every_stage_of_random_graphs_reads_back, .timeout = 120) {
    for (unsigned long seed = 1; seed <= 400; seed++) {
        struct et_error error = {0};
        struct graph *graph = random_graph(seed, &error), *folded = NULL;
        cr_assert_not_null(graph, "%s", error.message);
        struct graph *simple = simplify(graph, &targets[TARGET_AVX2], &folded, &error);
        cr_assert_not_null(simple, "seed %lu: %s", seed, error.message);
        expect_same_at_every_stage(simple, seed);
        graph_free(simple);
        graph_free(folded);
        graph_free(graph);
    }
}

Test(ir, every_stage_of_the_model_reads_back) {
    struct et_error error = {0};
    struct graph *graph = mnist_graph(&error);
    cr_assert_not_null(graph, "%s", error.message);
    expect_same_at_every_stage(graph, 0);
    graph_free(graph);
}

/* A tree of 2^40 additions, of which 40 differ. */
Test(ir, shared_expressions_are_written_once) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    struct text text = {0};
    const struct expression *value = expression_constant(&ir, DTYPE_FLOAT32, 0x3f800000);
    for (int i = 0; i < 40; i++)
        value = expression_op(&ir, OP_ADD, DTYPE_FLOAT32, 2,
                              (const struct expression *[]){value, value});
    struct statement *statement =
        ir_statement(&ir, ir_buffer(&ir, BUFFER_OUTPUT, DTYPE_FLOAT32, 0, (int64_t[]){1}, "y"));
    statement->value = value;
    ir_add_statement(&ir, statement);
    print_ir(&ir, &text);
    cr_expect_lt(text.length, 40 * sizeof "  v39 = add(v38, v38)\n" + 100);
    expect_same(&ir, "built", 0);
    text_free(&text);
    print_expression(value, &text); /* for people: cut at a length that can be read */
    cr_expect_lt(text.length, 10000);
    text_free(&text);
    arena_free(&arena);
}

/* ---- Errors ---- */

#define SCALAR "kernel 0 nodes -> t temporary float32[]\naxes\nvalue "
#define VECTOR "kernel 0 nodes -> t temporary int64[4]\nloops a0:4\nvalue index(int64, "

static const struct {
    const char *text, *message;
} errors[] = {
    {"  kernle", "line 1, column 3: expected buffer or kernel, found \"kernle\""},
    {"buffer x", "line 1, column 9: expected input, output, constant, temporary or local, found "
                 "the end"},
    {"buffer x input 0 float31[2]", "line 1, column 18: expected a dtype, found \"float31[2]\""},
    {"buffer x input 0 float32[2,-1]", "line 1, column 28: expected 0 to 1099511627776, found -1"},
    {"buffer x input 0 float32[1099511627776,2]",
     "line 1, column 42: x: more than 1099511627776 elements"},
    {"buffer x input 0 int8[1]\nbuffer x input 1 int8[1]",
     "line 2, column 9: x: declared before, or 1 is not the next of its name"},
    {"buffer \"x\n\" input 0 int8[1]",
     "line 1, column 9: expected a name that ends in a quotation mark, found \"x\""},
    {"buffer x constant float32[1000000000]",
     "line 1, column 38: more than 67108864 bytes of constants without a weight"},
    {"kernel 1 nodes", "line 1, column 9: expected kernel 0"},
    {"kernel 0 nodes -> t temporary int8[2] axes a0:3 value int8:1",
     "line 1, column 49: the axes are not those of t"},
    {"kernel 0 nodes -> t temporary int8[2] loops a0:2 a0:3",
     "line 1, column 54: axis a0 has extent 2 elsewhere"},
    {"kernel 0 nodes -> t temporary int8[2] loops a0:2 tile",
     "line 1, column 54: tiles are written for people only and cannot be read"},
    {SCALAR "x[0]", "line 3, column 7: expected a buffer that was declared, found \"x[0]\""},
    {SCALAR "frob(1.0)", "line 3, column 7: expected an expression, found \"frob(1.0)\""},
    {SCALAR "reshape(1.0)", "line 3, column 14: reshape is no operation of expressions"},
    {SCALAR "add(1.0, int32:1)", "line 3, column 23: add does not take int32 as source 2"},
    {SCALAR "sqrt(int32:1)", "line 3, column 19: sqrt does not take int32 as source 1"},
    {SCALAR "where(1.0, 1.0, 1.0)", "line 3, column 16: where does not take float32 as source 1"},
    {SCALAR "add(1.0)", "line 3, column 14: expected \",\", found \")\""},
    {SCALAR "v1", "line 3, column 9: v1 is not known here"},
    {SCALAR "reduce_sum{a3}(1.0)", "line 3, column 20: axis a3 is not listed"},
    {SCALAR "when(0<=4<5, 1.0, int8:1)", "line 3, column 32: when: float32 and int8"},
    {SCALAR "cast:int8(int8:128)", "line 3, column 22: expected -128 to 127, found 128"},
    {SCALAR "cast:int8(bool:0x1ff)",
     "line 3, column 22: expected bits that fit the dtype, found \"0x1ff)\""},
    {SCALAR "cast:int8(uint16:65536)", "line 3, column 24: expected 0 to 65535, found 65536"},
    {SCALAR "cast:int8(uint32:-1)", "line 3, column 24: expected 0 to 4294967295, found -1"},
    {SCALAR "cast:int8(uint64:-1)",
     "line 3, column 24: expected an integer of uint64, found \"-1)\""},
    {SCALAR "cast:int8(uint64:18446744073709551616)",
     "line 3, column 24: expected an integer of uint64, found \"18446744073709551616)\""},
    {SCALAR "1.0.0", "line 3, column 7: expected a number, found \"1.0.0\""},
    {VECTOR "a0/0)", "line 3, column 23: expected 1 to 1099511627776, found 0"},
    {VECTOR "a1)", "line 3, column 22: axis a1 is not listed"},
    {VECTOR "1099511627776*(1099511627776*a0))", "line 3, column 52: the index grows beyond 2^60"},
    {VECTOR "a0) store [a0, a0]", "line 3, column 38: t has 1 axes, found 2 indices"},
    {VECTOR "a0)", "line 3, column 23: expected store, found the end"},
};

Test(ir, errors_name_the_place) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct et_error error = {0};
        struct text again = {0};
        cr_expect_not(parse_and_print(NULL, errors[i].text, &again, &error), "%s", errors[i].text);
        cr_expect_str_eq(error.message, errors[i].message, "%s\nfound:    %s\nexpected: %s",
                         errors[i].text, error.message, errors[i].message);
        text_free(&again);
    }
}

Test(ir, nesting_has_a_limit) {
    struct et_error error = {0};
    struct text text = {0}, again = {0};
    text_add(&text, SCALAR);
    for (int i = 0; i < 100000; i++)
        text_add(&text, "neg(");
    cr_expect_not(parse_and_print(NULL, text.bytes, &again, &error));
    cr_expect_str_eq(error.message, "line 3, column 1607: nested more than 400 deep");
    text_free(&text);
}

/* Texts of random graphs, and of every construct, with bytes changed, cut out and repeated. */
static void damage(struct random *random, char *text) {
    static const char bytes[] = "0123456789a<>[](){}:,@+-*/%&='\"\\# \nvt.";
    for (int64_t i = random_between(random, 1, 2); i > 0; i--) {
        size_t length = strlen(text);
        if (length < 32)
            return;
        char *at = text + random_between(random, 0, (int64_t)length - 16);
        size_t size = (size_t)random_between(random, 1, 15);
        char *from = text + random_between(random, 0, (int64_t)length - 16);
        switch (random_between(random, 0, 2)) {
        case 0:
            *at = bytes[random_between(random, 0, (int64_t)sizeof bytes - 2)];
            break;
        case 1:
            memmove(at, at + size, strlen(at + size) + 1);
            break;
        default:
            memmove(at, from, size);
        }
    }
}

/* What still reads must also print; and read back as the same, unless verify_ir refuses it. */
static bool survives(const char *text) {
    struct et_error error = {0};
    struct text once = {0}, twice = {0};
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    bool good = parse_ir(&ir, text, &error);
    if (good)
        print_ir(&ir, &once);
    if (good && once.bytes && verify_ir(&ir, &error)) {
        cr_assert(parse_and_print(NULL, once.bytes, &twice, &error), "%s\n%s\n%s", text, once.bytes,
                  error.message);
        cr_assert_str_eq(once.bytes, twice.bytes, "%s", text);
    }
    arena_free(&arena);
    cr_assert(good || error.message[0]);
    text_free(&once);
    text_free(&twice);
    return good;
}

static struct text lowered_text(uint64_t seed) {
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error), *folded = NULL;
    cr_assert_not_null(graph, "%s", error.message);
    struct graph *simple = simplify(graph, &targets[TARGET_AVX2], &folded, &error);
    cr_assert_not_null(simple, "%s", error.message);
    struct arena arena = {0};
    struct ir ir = {.arena = &arena, .graph = simple, .target = &targets[TARGET_AVX2]};
    struct text text = {0};
    lower(&ir);
    fuse(&ir);
    print_ir(&ir, &text);
    arena_free(&arena);
    graph_free(simple);
    graph_free(folded);
    graph_free(graph);
    return text;
}

Test(ir, damaged_text_is_refused_or_read, .timeout = 120) {
    struct random random = {.state = 2026};
    int refused = 0, read = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct text text = seed % 3 ? lowered_text(seed) : (struct text){0};
        if (!text.bytes)
            text_add(&text, "%s", every_construct);
        for (int i = 0; i < 100; i++) {
            char *copy = strdup(text.bytes);
            damage(&random, copy);
            *(survives(copy) ? &read : &refused) += 1;
            free(copy);
        }
        text_free(&text);
    }
    cr_expect_gt(refused, 100);
    cr_expect_gt(read, 100);
}

Test(ir, parsing_survives_failing_allocations) {
    for (unsigned long nth = 1;; nth++) {
        struct arena arena = {0};
        struct ir ir = {.arena = &arena};
        struct et_error error = {0};
        et_fail_allocation(nth);
        bool good = parse_ir(&ir, every_construct, &error);
        et_fail_allocation(0);
        arena_free(&arena);
        if (good) {
            cr_expect_gt(nth, 1);
            return;
        }
        cr_assert_str_eq(error.message, "out of memory");
    }
}
