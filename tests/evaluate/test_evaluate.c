/* Every operation over every dtype that it accepts, against tables worked out by hand, each case in
 * several layouts of its sources: row-major, backwards with gaps, tiled, and repeated. */
#include "compiler/evaluate/evaluate.h"
#include "tests/support/tensor_text.h"

#include <stdio.h>

struct test_case {
    const char *op, *attributes, *expected, *sources[3];
};
static const struct test_case cases[] = {
#define CASE(op, attributes, expected, ...) {op, attributes, expected, {__VA_ARGS__}},
#include "tests/evaluate/evaluate_cases.def"
#include "tests/evaluate/float64_cases.def"
#include "tests/evaluate/integer_cases_16.def"
#include "tests/evaluate/integer_cases_unsigned.def"
#undef CASE
};
enum { CASES = sizeof cases / sizeof *cases };

struct casts {
    const char *source, *expected[DTYPE_COUNT];
};
static const struct casts casts[] = {
#define CASTS(source, ...) {source, {__VA_ARGS__}},
#include "tests/support/cast_cases.def"
#undef CASTS
};

/* Layouts of the sources. */
enum layout { ROW_MAJOR, BACKWARDS, TILED, REPEATED, LAYOUTS };
enum { TILES = 37, GAP = 3 };

/* A case made ready: the node with its sources, and what it should give. */
struct prepared {
    struct tensor expected, value, sources[3];
    struct node node, *source_pointers[3];
    int ulp;
};

static int read_list(const char *attributes, const char *name, int64_t *list) {
    char key[32];
    snprintf(key, sizeof key, "%s=", name);
    const char *found = strstr(attributes, key);
    if (!found)
        return 0;
    char *text = (char *)found + strlen(key);
    int count = 0;
    while (*text && *text != ' ') {
        list[count++] = strtoll(text, &text, 10);
        text += *text == ',';
    }
    return count;
}

static int64_t read_number(const char *attributes, const char *name) {
    int64_t numbers[MAX_RANK] = {0};
    read_list(attributes, name, numbers);
    return numbers[0];
}

static void read_attributes(struct prepared *p, const char *attributes, enum dtype any) {
    struct node *node = &p->node;
    int64_t axes[MAX_RANK];
    node->axis_count = read_list(attributes, "axes", axes);
    for (int i = 0; i < node->axis_count; i++)
        node->axes[i] = (int)axes[i];
    node->axis = (int)read_number(attributes, "axis");
    node->size = read_number(attributes, "size");
    node->stride = read_number(attributes, "stride");
    node->dilation = read_number(attributes, "dilation");
    p->ulp = (int)read_number(attributes, "ulp");
    read_list(attributes, "before", node->before);
    read_list(attributes, "after", node->after);
    const char *value = strstr(attributes, "value=");
    if (value) {
        parse_tensor(value + strlen("value="), any, &p->value);
        node->value = p->value.data;
        node->value_count = node_elements(&p->value.node);
    }
}

static void prepare(struct prepared *p, const struct test_case *test_case, enum dtype any) {
    memset(p, 0, sizeof *p);
    cr_assert(op_from_name(test_case->op, &p->node.op), "%s", test_case->op);
    parse_tensor(test_case->expected, any, &p->expected);
    for (int i = 0; i < 3 && test_case->sources[i]; i++) {
        parse_tensor(test_case->sources[i], any, &p->sources[i]);
        p->source_pointers[i] = &p->sources[i].node;
        p->node.source_count++;
    }
    p->node.sources = p->source_pointers;
    p->node.name = "w";
    p->node.dtype = p->expected.node.dtype;
    p->node.rank = p->expected.node.rank;
    memcpy(p->node.shape, p->expected.node.shape, sizeof p->node.shape);
    read_attributes(p, test_case->attributes, any);
    struct et_error error = {0};
    cr_assert(infer(&p->node, &error), "%s", error.message);
    struct shape_text inferred = shape_text(&p->node), stated = shape_text(&p->expected.node);
    cr_assert_str_eq(inferred.text, stated.text);
}

/* Elements at the far end of `memory` first, GAP apart. */
static struct view backwards(const struct tensor *tensor, char *memory) {
    size_t bytes = dtype_facts[tensor->node.dtype].bytes;
    struct view view = view_contiguous(&tensor->node, tensor->data);
    int64_t count = node_elements(&tensor->node);
    for (int64_t i = 0; i < count; i++)
        memcpy(memory + (size_t)((count - 1 - i) * GAP) * bytes, tensor->data + (size_t)i * bytes,
               bytes);
    view.data = memory + (size_t)((count - 1) * GAP) * bytes;
    for (int i = 0; i < view.rank; i++)
        view.stride[i] *= -GAP;
    return view;
}

/* TILES copies, along a new first axis. */
static struct view tiled(const struct tensor *tensor, char *memory) {
    struct node node = tensor->node;
    size_t bytes = (size_t)node_bytes(&node);
    for (int i = 0; i < TILES; i++)
        memcpy(memory + (size_t)i * bytes, tensor->data, bytes);
    memmove(node.shape + 1, node.shape, (size_t)node.rank++ * sizeof *node.shape);
    node.shape[0] = TILES;
    return view_contiguous(&node, memory);
}

/* Each element seen TILES times, along a new last axis of stride 0. */
static struct view repeated(const struct tensor *tensor) {
    struct view view = view_contiguous(&tensor->node, tensor->data);
    view.shape[view.rank] = TILES;
    view.stride[view.rank++] = 0;
    return view;
}

static struct view lay_out(const struct tensor *tensor, enum layout layout, char *memory) {
    switch (layout) {
    case BACKWARDS:
        return backwards(tensor, memory);
    case TILED:
        return tiled(tensor, memory);
    case REPEATED:
        return repeated(tensor);
    default:
        return view_contiguous(&tensor->node, tensor->data);
    }
}

/* The position in the expected elements of element `i` of the result in that layout. */
static int64_t expected_position(const struct prepared *p, enum layout layout, int64_t i) {
    if (layout == TILED)
        return i % node_elements(&p->expected.node);
    return layout == REPEATED ? i / TILES : i;
}

static const void *element_of(const struct view *view, int64_t position) {
    int64_t offset = 0;
    for (int i = view->rank - 1; i >= 0; i--) {
        offset += position % view->shape[i] * view->stride[i];
        position /= view->shape[i];
    }
    return (const char *)view->data + offset * (int64_t)dtype_facts[view->dtype].bytes;
}

static void check_layout(const struct prepared *p, const char *label, enum layout layout) {
    static _Alignas(64) char memory[3][TILES * 512];
    struct view sources[3], result;
    struct node node = p->node;
    for (int i = 0; i < node.source_count; i++)
        sources[i] = lay_out(&p->sources[i], layout, memory[i]);
    if (layout == TILED || layout == REPEATED) { /* elementwise: the shape is the sources' */
        node.rank = sources[0].rank;
        memcpy(node.shape, sources[0].shape, sizeof node.shape);
    }
    struct et_error error = {0};
    void *buffer;
    cr_assert(evaluate(&node, sources, NULL, &result, &buffer, &error), "%s", error.message);
    cr_assert(result.dtype == node.dtype && result.rank == node.rank);
    for (int64_t i = 0; i < node_elements(&node); i++) {
        const char *expected = p->expected.data + (size_t)expected_position(p, layout, i) *
                                                      dtype_facts[node.dtype].bytes;
        cr_expect(same_element(node.dtype, element_of(&result, i), expected, p->ulp),
                  "%s, %s, layout %d: element %d differs", label, shape_text(&node).text, layout,
                  (int)i);
    }
    et_release(buffer);
}

static void check_case(const struct test_case *test_case, enum dtype any) {
    struct prepared p;
    char label[1024];
    snprintf(label, sizeof label, "%s %s of %s", test_case->op, test_case->attributes,
             test_case->sources[0] ? test_case->sources[0] : "nothing");
    prepare(&p, test_case, any);
    enum op_class class = op_facts[p.node.op].class;
    bool elementwise = class == CLASS_UNARY || class == CLASS_BINARY || class == CLASS_TERNARY ||
                       class == CLASS_CONVERT;
    for (int layout = 0; layout < (elementwise ? LAYOUTS : TILED); layout++)
        check_layout(&p, label, (enum layout)layout);
}

/* The dtype that decides what a case covers: the elements', not a mask's or a position's. */
static const char *deciding_text(const struct test_case *test_case) {
    if (!test_case->sources[0])
        return test_case->expected;
    return test_case->sources[strcmp(test_case->op, "where") == 0 ? 1 : 0];
}

static bool covers(const struct test_case *test_case, enum op op, enum dtype dtype) {
    struct tensor tensor;
    if (strcmp(test_case->op, op_facts[op].name) != 0 || !op_accepts(op, dtype))
        return false;
    parse_tensor(deciding_text(test_case), dtype, &tensor);
    return tensor.node.dtype == dtype;
}

Test(eval, every_case_of_the_table) {
    for (int i = 0; i < CASES; i++) {
        enum op op;
        cr_assert(op_from_name(cases[i].op, &op), "%s", cases[i].op);
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
            if (covers(&cases[i], op, (enum dtype)dtype))
                check_case(&cases[i], (enum dtype)dtype);
    }
}

Test(eval, every_cast) {
    bool seen[DTYPE_COUNT][DTYPE_COUNT] = {{false}};
    for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) {
        for (int to = 0; to < DTYPE_COUNT; to++) {
            struct test_case cast = {"cast", "", casts[i].expected[to], {casts[i].source}};
            struct prepared p;
            prepare(&p, &cast, DTYPE_BOOL);
            seen[p.sources[0].node.dtype][p.node.dtype] = true;
            check_case(&cast, DTYPE_BOOL);
        }
    }
    for (int from = 0; from < DTYPE_COUNT; from++)
        for (int to = 0; to < DTYPE_COUNT; to++)
            cr_expect(seen[from][to], "%s to %s", dtype_facts[from].name, dtype_facts[to].name);
}

Test(eval, the_tables_cover_every_operation_and_dtype) {
    for (int op = 0; op < OP_STORED_COUNT; op++) {
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
            bool covered = op == OP_INPUT || op == OP_CAST || !op_accepts(op, (enum dtype)dtype) ||
                           op == OP_SCAN; /* test_scan.c */
            for (int i = 0; i < CASES && !covered; i++)
                covered = covers(&cases[i], (enum op)op, (enum dtype)dtype);
            bool refused = op == OP_IOTA && dtype != DTYPE_INT32 && dtype != DTYPE_INT64;
            cr_expect(covered || refused, "%s of %s", op_facts[op].name, dtype_facts[dtype].name);
        }
    }
}

Test(eval, a_weight_without_elements_is_refused) {
    struct node node = {.op = OP_WEIGHT, .name = "layers.0.weight", .rank = 1, .shape = {3}};
    struct et_error error = {0};
    struct view result;
    void *buffer;
    cr_assert(!evaluate(&node, NULL, NULL, &result, &buffer, &error));
    cr_assert_str_eq(error.message, "weight \"layers.0.weight\": no elements were loaded");
}

Test(eval, a_result_that_is_too_large_is_refused) {
    struct tensor one;
    parse_tensor("f32[1] 1", DTYPE_BOOL, &one);
    struct view source = view_contiguous(&one.node, one.data), result;
    struct node *sources[1] = {&one.node};
    struct node node = {.op = OP_NEG, .rank = 1, .source_count = 1, .sources = sources};
    node.shape[0] = source.shape[0] = MAX_RESULT_BYTES / 4 + 1;
    source.stride[0] = 0;
    struct et_error error = {0};
    void *buffer;
    cr_assert(!evaluate(&node, &source, NULL, &result, &buffer, &error));
    cr_assert_str_eq(error.message, "neg: 4294967300 bytes for float32[1073741825], expected at "
                                    "most 4294967296");
}

Test(eval, a_failed_allocation_is_reported) {
    struct tensor two;
    parse_tensor("f32[2] 1 2", DTYPE_BOOL, &two);
    struct view source = view_contiguous(&two.node, two.data), result;
    struct node *sources[1] = {&two.node};
    struct node node = {
        .op = OP_NEG, .rank = 1, .shape = {2}, .source_count = 1, .sources = sources};
    struct et_error error = {0};
    void *buffer;
    et_fail_allocation(1);
    cr_assert(!evaluate(&node, &source, NULL, &result, &buffer, &error));
    cr_assert_str_eq(error.message, "neg: out of memory for 8 bytes");
}

/* Elements of a weight that lie in a file may begin anywhere. */
Test(eval, a_weight_that_is_not_aligned_is_copied) {
    static const float three[3] = {1, 2, 3};
    _Alignas(8) char bytes[sizeof three + 1];
    struct node node = {.op = OP_WEIGHT, .dtype = DTYPE_FLOAT32, .rank = 1, .shape = {3}};
    struct et_error error = {0};
    struct view result;
    void *buffer;
    for (int at = 0; at < 2; at++) {
        node.value = memcpy(bytes + at, three, sizeof three);
        cr_assert(evaluate(&node, NULL, NULL, &result, &buffer, &error));
        cr_assert_eq(at == 0, result.data == node.value);
        cr_assert_eq(at == 0, buffer == NULL);
        cr_assert(view_is_aligned(&result));
        cr_assert(memcmp(result.data, three, sizeof three) == 0);
        et_release(buffer);
    }
    et_fail_allocation(1);
    cr_assert(!evaluate(&node, NULL, NULL, &result, &buffer, &error));
    cr_assert_str_eq(error.message, "weight: out of memory");
}

Test(eval, quiet_nans_leaves_only_the_quiet_nan) {
    struct tensor t;
    parse_tensor("i32[4] 0x7f800001 -1 0x7f800000 1", DTYPE_BOOL, &t);
    quiet_nans(DTYPE_FLOAT32, t.data, 4);
    const uint32_t singles[4] = {0x7fc00000, 0x7fc00000, 0x7f800000, 1};
    cr_assert(memcmp(t.data, singles, sizeof singles) == 0);
    parse_tensor("i64[3] 0x7ff0000000000001 -1 0x7ff0000000000000", DTYPE_BOOL, &t);
    quiet_nans(DTYPE_FLOAT64, t.data, 3);
    const uint64_t doubles[3] = {0x7ff8000000000000, 0x7ff8000000000000, 0x7ff0000000000000};
    cr_assert(memcmp(t.data, doubles, sizeof doubles) == 0);
    parse_tensor("f16[3] 0x7c01 0xffff 0xfc00", DTYPE_BOOL, &t);
    quiet_nans(DTYPE_FLOAT16, t.data, 3);
    const uint16_t halves[3] = {0x7e00, 0x7e00, 0xfc00};
    cr_assert(memcmp(t.data, halves, sizeof halves) == 0);
    parse_tensor("bf16[3] 0x7f81 0xffff 0xff80", DTYPE_BOOL, &t);
    quiet_nans(DTYPE_BFLOAT16, t.data, 3);
    const uint16_t brains[3] = {0x7fc0, 0x7fc0, 0xff80};
    cr_assert(memcmp(t.data, brains, sizeof brains) == 0);
    parse_tensor("i32[1] -1", DTYPE_BOOL, &t);
    quiet_nans(DTYPE_INT32, t.data, 1);
    cr_assert(memcmp(t.data, "\xff\xff\xff\xff", 4) == 0);
}
