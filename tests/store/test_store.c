#include "compiler/base/json_read.h"
#include "compiler/store/element.h"
#include "compiler/store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN "tests/store/golden_store.json"
#define FROM(...)                                                                                  \
    .source_count = sizeof((struct node *[]){__VA_ARGS__}) / sizeof(struct node *),                \
    .sources = (struct node *[]) {                                                                 \
        __VA_ARGS__                                                                                \
    }

static char folder[64], json_path[96], weights_path[96];

static void prepare(void) {
    strcpy(folder, "/tmp/test_store.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(json_path, sizeof json_path, "%s/g.json", folder);
    snprintf(weights_path, sizeof weights_path, "%s/g.safetensors", folder);
}

static void clean(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(store, .init = prepare, .fini = clean);
TestSuite(canonical, .init = prepare, .fini = clean);

/* Says with the sanitizers that nothing was leaked so far; without them nothing. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
static void expect_no_leak(void) {
    if (__lsan_do_recoverable_leak_check)
        cr_expect_eq(__lsan_do_recoverable_leak_check(), 0, "leaked");
}

static struct node *append(struct graph *graph, struct node node) {
    struct et_error error = {""};
    struct node *appended = graph_append(graph, &node, &error);
    cr_assert_not_null(appended, "%s: %s", op_facts[node.op].name, error.message);
    return appended;
}

static void add_output(struct graph *graph, const char *name, struct node *node) {
    struct et_error error = {""};
    cr_assert(graph_add_output(graph, name, node, &error), "%s", error.message);
}

/* Twelve elements of any dtype: finite, of many signs and sizes. */
static const void *some_elements(enum dtype dtype) {
    static uint8_t bytes[DTYPE_COUNT][12 * 8];
    for (size_t i = 0; i < sizeof *bytes; i++) {
        bool top = (i + 1) % dtype_facts[dtype].bytes == 0;
        uint8_t byte = (uint8_t)(i * 37 + 11);
        bytes[dtype][i] = dtype == DTYPE_BOOL ? byte & 1 : top ? byte & 0xbb : byte;
    }
    return bytes[dtype];
}

static const struct weight *weights_for_all(struct weight *list) {
    for (int d = 0; d < DTYPE_COUNT; d++)
        list[d] = (struct weight){.name = dtype_facts[d].name,
                                  .dtype = (enum dtype)d,
                                  .rank = 2,
                                  .shape = {3, 4},
                                  .data = some_elements((enum dtype)d)};
    return list;
}

static void add_leaf(struct graph *graph, enum op op, enum dtype dtype) {
    struct node leaf = {.op = op, .dtype = dtype, .rank = 2, .shape = {3, 4}};
    char name[40];
    snprintf(name, sizeof name, "in \"%s\"", dtype_facts[dtype].name);
    leaf.name = op == OP_WEIGHT ? dtype_facts[dtype].name : op == OP_INPUT ? name : NULL;
    if (op == OP_IOTA && dtype != DTYPE_INT32 && dtype != DTYPE_INT64)
        return;
    if (op == OP_IOTA)
        leaf.rank = 1;
    if (op == OP_CONST) {
        leaf.value = some_elements(dtype);
        leaf.value_count = 1;
        append(graph, leaf);
        leaf.value_count = 12;
    }
    append(graph, leaf);
}

static void add_movement(struct graph *graph, enum op op, struct node *x) {
    struct node *source = x;
    struct node node = {.op = op, .source_count = 1, .sources = &source};
    switch (op) {
    case OP_RESHAPE:
        node.rank = 3;
        memcpy(node.shape, (int64_t[]){2, 1, 6}, 3 * sizeof(int64_t));
        source = append(graph, node);
        node.op = OP_EXPAND;
        node.shape[1] = 5;
        break;
    case OP_EXPAND: /* to its own shape */
        node.rank = 2;
        memcpy(node.shape, x->shape, sizeof node.shape);
        break;
    case OP_PERMUTE:
    case OP_FLIP:
        node.axis_count = 2;
        node.axes[0] = 1;
        break;
    case OP_PAD:
        node.before[0] = 2;
        node.after[1] = 7;
        append(graph, node);
        node.value = some_elements(x->dtype); /* the first is not 0 */
        node.value_count = 1;
        break;
    case OP_SHRINK:
        memcpy(node.before, (int64_t[]){1, 0}, 2 * sizeof(int64_t));
        memcpy(node.after, (int64_t[]){3, 2}, 2 * sizeof(int64_t));
        break;
    case OP_WINDOW:
        node.axis = 1;
        node.size = node.stride = 2;
        node.dilation = 1;
        break;
    default:
        cr_assert_fail("add_movement lacks %s", op_facts[op].name);
    }
    append(graph, node);
}

static void add_conversions(struct graph *graph, enum op op, struct node *x) {
    for (int d = 0; d < DTYPE_COUNT; d++) {
        bool same_width = dtype_facts[d].bytes == dtype_facts[x->dtype].bytes;
        if (op_accepts(op, (enum dtype)d) && (op == OP_CAST || same_width))
            append(graph, (struct node){.op = op, .dtype = (enum dtype)d, FROM(x)});
    }
}

static void add_scatter(struct graph *graph, enum op op, struct node *x) {
    int32_t values[] = {2, 0, 2};
    struct node *positions = append(graph, (struct node){.op = OP_CONST,
                                                         .dtype = DTYPE_INT32,
                                                         .rank = 2,
                                                         .shape = {3, 1},
                                                         .value = values,
                                                         .value_count = 3});
    append(graph, (struct node){.op = op, .axis = 0, FROM(x, positions, x)});
}

/* The first row is the state, rows are slices; the body takes the slice where the mask says so. */
static void add_scan(struct graph *graph, struct node *x) {
    struct node *row = append(graph, (struct node){.op = OP_SHRINK, .after = {1, 4}, FROM(x)});
    struct node *state =
        append(graph, (struct node){.op = OP_RESHAPE, .rank = 1, .shape = {4}, FROM(row)});
    struct graph *body = graph_new("body");
    struct node input = {.op = OP_INPUT, .dtype = x->dtype, .rank = 1, .shape = {4}};
    struct node *inputs[2];
    for (int i = 0; i < 2; i++) {
        input.name = i ? "slice" : "state";
        inputs[i] = append(body, input);
    }
    uint8_t values[] = {1, 0, 0, 1};
    struct node *mask = append(body, (struct node){.op = OP_CONST,
                                                   .dtype = DTYPE_BOOL,
                                                   .rank = 1,
                                                   .shape = {4},
                                                   .value = values,
                                                   .value_count = 4});
    struct node *next =
        append(body, (struct node){.op = OP_WHERE, FROM(mask, inputs[1], inputs[0])});
    cr_assert(graph_add_output(body, "state", next, NULL));
    append(graph, (struct node){.op = OP_SCAN, .scanned = 1, .body = body, FROM(state, x)});
    graph_free(body);
}

static void add_of_class(struct graph *graph, enum op op, struct node *x, struct node *mask,
                         struct node *positions) {
    switch (op_facts[op].class) {
    case CLASS_LEAF:
        add_leaf(graph, op, x->dtype);
        break;
    case CLASS_MOVEMENT:
        add_movement(graph, op, x);
        break;
    case CLASS_JOIN:
        if (op == OP_CONCAT)
            append(graph, (struct node){.op = op, .axis = 1, FROM(x, x, x)});
        else
            append(graph, (struct node){.op = op, .axis = 1, FROM(x, positions)});
        break;
    case CLASS_UNARY:
        append(graph, (struct node){.op = op, FROM(x)});
        break;
    case CLASS_CONVERT:
        add_conversions(graph, op, x);
        break;
    case CLASS_BINARY:
        append(graph, (struct node){.op = op, FROM(x, x)});
        break;
    case CLASS_TERNARY:
        append(graph, (struct node){.op = op, FROM(mask, x, x)});
        break;
    case CLASS_REDUCE:
        append(graph, (struct node){.op = op, .axis_count = 2, .axes = {0, 1}, FROM(x)});
        append(graph, (struct node){.op = op, .axis_count = 0, FROM(x)});
        break;
    case CLASS_CONTRACT:
        append(graph, (struct node){.op = op, .axis_count = 2, .axes = {1, 0}, FROM(x, x)});
        break;
    case CLASS_SORT:
        append(graph, (struct node){.op = op, .axis = 1, FROM(x)});
        break;
    case CLASS_SCATTER:
        add_scatter(graph, op, x);
        break;
    case CLASS_SCAN:
        add_scan(graph, x);
        break;
    }
}

/* Every operation for every dtype that it accepts. */
static struct graph *everything(void) {
    struct graph *graph = graph_new("every \\ \"operation\" \xc3\xa9");
    struct node *mask = append(
        graph,
        (struct node){
            .op = OP_INPUT, .name = "mask", .dtype = DTYPE_BOOL, .rank = 2, .shape = {3, 4}});
    struct node *positions =
        append(graph, (struct node){.op = OP_IOTA, .dtype = DTYPE_INT64, .rank = 1, .shape = {2}});
    for (int d = 0; d < DTYPE_COUNT; d++) {
        struct node *x = append(graph, (struct node){.op = OP_INPUT,
                                                     .name = dtype_facts[d].name,
                                                     .dtype = (enum dtype)d,
                                                     .rank = 2,
                                                     .shape = {3, 4}});
        for (int op = 0; op < OP_STORED_COUNT; op++)
            if (op_accepts((enum op)op, (enum dtype)d))
                add_of_class(graph, (enum op)op, x, mask, positions);
    }
    for (int i = 0; i < 3; i++) {
        char name[20];
        snprintf(name, sizeof name, "output %d", i);
        add_output(graph, name, graph->nodes[graph->node_count - 1 - 7 * i]);
    }
    return graph;
}

Test(store, everything_has_every_operation_and_dtype) {
    struct graph *graph = everything();
    bool seen[OP_STORED_COUNT][DTYPE_COUNT] = {{false}};
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        const struct node *source = node->source_count ? node->sources[node->op == OP_WHERE] : node;
        seen[node->op][source->dtype] = true;
    }
    for (int op = 0; op < OP_STORED_COUNT; op++)
        for (int d = 0; d < DTYPE_COUNT; d++)
            if (op != OP_IOTA || d == DTYPE_INT32 || d == DTYPE_INT64)
                cr_expect(seen[op][d] == op_accepts((enum op)op, (enum dtype)d), "%s of %s",
                          op_facts[op].name, dtype_facts[d].name);
    graph_free(graph);
}

static struct weights *bind_new_weights(struct graph *graph) {
    struct et_error error = {""};
    struct weight list[DTYPE_COUNT];
    cr_assert(weights_save(weights_path, weights_for_all(list), DTYPE_COUNT, NULL, &error), "%s",
              error.message);
    struct weights *weights = weights_load(weights_path, &error);
    cr_assert_not_null(weights, "%s", error.message);
    cr_assert(graph_bind(graph, weights, &error), "%s", error.message);
    return weights;
}

static struct digest digest_of(const struct graph *graph) {
    struct et_error error = {""};
    struct digest digest;
    cr_assert(graph_digest(graph, &digest, &error), "%s", error.message);
    return digest;
}

static void expect_digest(const struct graph *graph, struct digest expected) {
    struct digest found = digest_of(graph);
    cr_expect_str_eq(digest_hex(&found).text, digest_hex(&expected).text);
}

static struct text json_of(const struct graph *graph, const struct weights *weights) {
    struct et_error error = {""};
    struct text text = {0};
    cr_assert(graph_to_json(graph, weights ? "g.safetensors" : NULL,
                            weights ? &weights->sha256 : NULL, &text, &error),
              "%s", error.message);
    return text;
}

static void expect_same_node(const struct node *a, const struct node *b) {
    struct node left = *a, right = *b;
    cr_expect_eq(left.source_count, right.source_count);
    for (int i = 0; i < left.source_count; i++)
        cr_expect_eq(left.sources[i]->id, right.sources[i]->id);
    cr_expect_eq(left.name != NULL, right.name != NULL);
    if (left.name)
        cr_expect_str_eq(left.name, right.name);
    cr_expect_eq(left.value != NULL, right.value != NULL);
    cr_expect_eq(left.value_count, right.value_count);
    size_t width = dtype_facts[left.dtype].bytes;
    if (left.value)
        cr_expect_eq(memcmp(left.value, right.value, (size_t)left.value_count * width), 0);
    cr_expect_eq(left.body != NULL, right.body != NULL);
    for (int i = 0; left.body && i < left.body->node_count; i++)
        expect_same_node(left.body->nodes[i], right.body->nodes[i]);
    left.body = right.body = NULL;
    left.sources = right.sources = NULL;
    left.name = right.name = NULL;
    left.value = right.value = NULL;
    for (int i = left.rank; i < MAX_RANK; i++)
        left.shape[i] = right.shape[i] = 0;
    cr_expect_eq(memcmp(&left, &right, sizeof left), 0, "node %d (%s)", a->id,
                 op_facts[a->op].name);
}

/* Store, load, store: the same nodes to the bit, the same text, the same digest. */
Test(store, round_trip_of_everything) {
    struct et_error error = {""};
    struct graph *graph = everything();
    struct weights *weights = bind_new_weights(graph), *loaded_weights;
    cr_assert(graph_store(graph, "g.safetensors", weights, json_path, &error), "%s", error.message);
    struct graph *loaded = graph_load(json_path, &loaded_weights, &error);
    cr_assert_not_null(loaded, "%s", error.message);
    cr_assert_eq(loaded->node_count, graph->node_count);
    for (int i = 0; i < graph->node_count; i++)
        expect_same_node(graph->nodes[i], loaded->nodes[i]);
    cr_assert_str_eq(loaded->name, graph->name);
    cr_assert_eq(loaded->output_count, 3);
    for (int i = 0; i < 3; i++) {
        cr_expect_str_eq(loaded->outputs[i].name, graph->outputs[i].name);
        cr_expect_eq(loaded->outputs[i].node->id, graph->outputs[i].node->id);
    }
    struct text before = json_of(graph, weights), after = json_of(loaded, loaded_weights);
    cr_expect(before.length == after.length && !memcmp(before.bytes, after.bytes, after.length));
    expect_digest(loaded, digest_of(graph));
    text_free(&before);
    text_free(&after);
    graph_free(loaded);
    weights_free(loaded_weights);
    graph_free(graph);
    weights_free(weights);
}

static struct weights *golden_weights(const char *name, const char *extra, const float *values) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct weight list[2] = {{.name = "w", .rank = 1, .shape = {3}, .data = values},
                             {.name = extra, .rank = 1, .shape = {1}, .data = values}};
    cr_assert(weights_save(path, list, extra ? 2 : 1, NULL, NULL));
    return weights_load(path, NULL);
}

static const float golden_values[3] = {0.5f, -1, 2};

static struct graph *load_golden(const struct graph_load_options *options,
                                 struct weights **weights) {
    struct et_error error = {""};
    char *json;
    size_t count;
    cr_assert(read_file(GOLDEN, 1 << 20, &json, &count, &error), "%s", error.message);
    struct graph *graph = graph_decode(json, count, GOLDEN, folder, options, weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    et_release(json);
    return graph;
}

/* The golden document, its weights' digest and its digest were made by another program. */
Test(store, golden_text_and_digest) {
    struct et_error error = {""};
    struct weights *weights, *saved = golden_weights("m.safetensors", NULL, golden_values);
    struct graph *graph = load_golden(NULL, &weights);
    struct text text = {0};
    char *json;
    size_t count;
    cr_assert(graph_to_json(graph, "m.safetensors", &weights->sha256, &text, &error));
    cr_assert(read_file(GOLDEN, 1 << 20, &json, &count, &error));
    cr_expect_str_eq(text.bytes, json);
    struct digest digest = digest_of(graph);
    cr_expect_str_eq(digest_hex(&digest).text,
                     "2f7a2569bb180355ab0aa27b9b16a37c4470cf9979dedc8dd872a1b37b531218");
    et_release(json);
    text_free(&text);
    graph_free(graph);
    weights_free(weights);
    weights_free(saved);
}

/* Neither the name nor the layout of the weights file makes a difference; each bit in it does. */
Test(store, digest_is_of_the_weights_values) {
    struct weights *weights, *saved = golden_weights("m.safetensors", NULL, golden_values);
    struct graph *graph = load_golden(NULL, &weights);
    struct digest digest = digest_of(graph), other;
    struct weights *larger = golden_weights("other", "a", golden_values);
    cr_assert(!digest_equal(&larger->sha256, &weights->sha256));
    cr_assert(graph_bind(graph, larger, NULL));
    expect_digest(graph, digest);
    struct weights *changed = golden_weights("other", NULL, (float[]){0.5f, -1, nextafterf(2, 3)});
    cr_assert(graph_bind(graph, changed, NULL));
    other = digest_of(graph);
    cr_expect(!digest_equal(&digest, &other));
    graph_free(graph);
    weights_free(weights);
    weights_free(saved);
    weights_free(larger);
    weights_free(changed);
}

Test(store, graph_without_weights) {
    struct et_error error = {""};
    struct weights *weights = (struct weights *)1;
    struct graph *graph = graph_new("one");
    add_output(
        graph, "y",
        append(graph, (struct node){.op = OP_CONST, .value = (float[]){-0.0f}, .value_count = 1}));
    cr_assert(graph_store(graph, NULL, NULL, json_path, &error), "%s", error.message);
    char *json;
    size_t count;
    cr_assert(read_file(json_path, 4096, &json, &count, &error));
    cr_expect_str_eq(json, "{\n"
                           "  \"format\": \"eigentensor\",\n"
                           "  \"version\": 2,\n"
                           "  \"name\": \"one\",\n"
                           "  \"inputs\": [],\n"
                           "  \"nodes\": [\n"
                           "    {\"id\": 0, \"op\": \"const\", \"src\": [], \"value\": -0.0, "
                           "\"dtype\": \"float32\", \"shape\": []}\n"
                           "  ],\n"
                           "  \"outputs\": [\n"
                           "    {\"name\": \"y\", \"node\": 0}\n"
                           "  ]\n"
                           "}\n");
    struct graph *loaded = graph_load(json_path, &weights, &error);
    cr_assert_not_null(loaded, "%s", error.message);
    cr_assert_null(weights);
    expect_digest(loaded, digest_of(graph));
    et_release(json);
    graph_free(loaded);
    graph_free(graph);
}

static void expect_unstored(const struct graph *graph, const char *file,
                            const struct weights *weights, const char *expected) {
    struct et_error error = {""};
    cr_expect(!graph_store(graph, file, weights, "/nowhere/g", &error));
    cr_expect_str_eq(error.message, expected);
}

Test(store, refuses_what_would_not_read_back) {
    struct weights *weights = golden_weights("m.safetensors", NULL, golden_values);
    struct graph *graph = graph_new("g");
    struct node w = {.op = OP_WEIGHT, .name = "w", .rank = 1, .shape = {3}};
    expect_unstored(graph, NULL, NULL, "/nowhere/g: the graph has no outputs");
    struct node *first = append(graph, w);
    add_output(graph, "y", first);
    expect_unstored(graph, NULL, NULL,
                    "/nowhere/g: node 0 (weight): the graph is stored without weights");
    expect_unstored(graph, "a\nb", weights,
                    "/nowhere/g: the weights' file name has the control character 0x0a at byte 1");
    struct et_error error = {""};
    struct digest digest;
    cr_expect(!graph_digest(graph, &digest, &error));
    cr_expect_str_eq(error.message, "node 0 (weight): \"w\" is not bound to its elements");
    w.dtype = DTYPE_INT32;
    append(graph, w);
    expect_unstored(graph, "m", weights,
                    "/nowhere/g: weight \"w\" is float32[3], expected int32[3]");
    cr_expect(!graph_to_json(graph, NULL, NULL, &(struct text){0}, &error));
    cr_expect_str_eq(error.message, "weight \"w\" is float32[3] in node 0, but int32[3] in node 1");
    graph_free(graph);
    graph = graph_new("g\xff");
    add_output(graph, "y", append(graph, (struct node){.op = OP_INPUT, .name = "x"}));
    expect_unstored(graph, NULL, NULL, "/nowhere/g: the graph's name is not valid UTF-8");
    graph->name = "g";
    cr_expect(!graph_store(graph, NULL, NULL, "/dev/null/g", &error));
    cr_expect(strstr(error.message, "expected a folder, found a file"), "%s", error.message);
    graph_free(graph);
    weights_free(weights);
}

/* Jansson's memory too, so that it runs out inside the parser as well. */
static void *jansson_allocate(size_t size) {
    return et_allocate(size, 1);
}

Test(store, every_allocation_fails_once) {
    json_set_alloc_funcs(jansson_allocate, et_release);
    struct weights *weights, *saved = golden_weights("m.safetensors", NULL, golden_values);
    struct graph *graph = load_golden(NULL, &weights);
    bool done = false;
    unsigned long nth = 1;
    for (; !done; nth++) {
        struct et_error error = {""};
        struct graph *loaded = NULL;
        struct weights *loaded_weights = NULL;
        struct digest digest;
        et_fail_allocation(nth);
        if (graph_store(graph, "m.safetensors", weights, json_path, &error) &&
            graph_digest(graph, &digest, &error))
            loaded = graph_load(json_path, &loaded_weights, &error);
        et_fail_allocation(0);
        done = loaded != NULL;
        cr_assert(done || strstr(error.message, "memory"), "allocation %lu: %s", nth,
                  error.message);
        cr_assert(loaded || !loaded_weights);
        graph_free(loaded);
        weights_free(loaded_weights);
    }
    cr_assert_gt(nth, 100);
    graph_free(graph);
    weights_free(weights);
    weights_free(saved);
    expect_no_leak();
}

/* canonicalize.c */

static struct node *input(struct graph *graph, const char *name, enum dtype dtype) {
    return append(
        graph,
        (struct node){.op = OP_INPUT, .name = name, .dtype = dtype, .rank = 2, .shape = {3, 4}});
}

/* One row, repeated: which a sum over columns makes a matrix product of. */
static struct node *repeated(struct graph *graph, const char *name, enum dtype dtype) {
    struct node *row = append(
        graph,
        (struct node){.op = OP_INPUT, .name = name, .dtype = dtype, .rank = 2, .shape = {1, 4}});
    return append(graph, (struct node){.op = OP_EXPAND, .rank = 2, .shape = {3, 4}, FROM(row)});
}

static struct node *product_of(struct graph *graph, struct node *a, struct node *b) {
    return append(graph, (struct node){.op = OP_MUL, FROM(a, b)});
}

static struct node *sum_of(struct graph *graph, struct node *a, int axis) {
    return append(graph,
                  (struct node){.op = OP_REDUCE_SUM, .axis_count = 1, .axes = {axis}, FROM(a)});
}

static void expect_canonical(struct graph *graph, const char *const *operations) {
    cr_assert(graph_canonicalize(graph, NULL));
    int count = 0;
    for (; operations[count]; count++)
        if (count < graph->node_count)
            cr_expect_str_eq(op_facts[graph->nodes[count]->op].name, operations[count]);
    cr_expect_eq(graph->node_count, count);
    struct et_error error = {""};
    cr_expect(verify_graph(graph, &error), "%s", error.message);
}

#define EXPECT_CANONICAL(graph, ...)                                                               \
    expect_canonical(graph, (const char *const[]){__VA_ARGS__, NULL})

Test(canonical, multiply_then_sum_is_contract) {
    for (int d = 0; d < DTYPE_COUNT; d++) {
        if (!op_accepts(OP_CONTRACT, (enum dtype)d))
            continue;
        struct graph *graph = graph_new("g");
        struct node *a = repeated(graph, "a", (enum dtype)d), *b = input(graph, "b", (enum dtype)d);
        struct node *sum = sum_of(graph, product_of(graph, b, a), 1);
        add_output(graph, "y", append(graph, (struct node){.op = OP_ABS, FROM(sum)}));
        EXPECT_CANONICAL(graph, "input", "expand", "input", "contract", "abs");
        const struct node *contract = graph->nodes[3];
        cr_expect(contract->sources[0] == b && contract->sources[1] == a, "the sources' order");
        cr_expect(contract->axis_count == 1 && contract->axes[0] == 1);
        EXPECT_CANONICAL(graph, "input", "expand", "input", "contract", "abs"); /* no change */
        graph_free(graph);
    }
}

/* Where each result has elements of its own from both operands, sums of lanes are as exact and
 * faster. */
Test(canonical, sums_of_squares_stay) {
    struct graph *graph = graph_new("g");
    struct node *a = input(graph, "a", DTYPE_FLOAT32), *b = repeated(graph, "b", DTYPE_FLOAT32);
    add_output(graph, "squares", sum_of(graph, product_of(graph, a, a), 1));
    add_output(graph, "weighted", sum_of(graph, product_of(graph, a, b), 0));
    EXPECT_CANONICAL(graph, "input", "input", "expand", "mul", "reduce_sum", "mul", "reduce_sum");
    graph_free(graph);
}

Test(canonical, products_read_elsewhere_stay) {
    struct graph *graph = graph_new("two sums");
    struct node *a = repeated(graph, "a", DTYPE_FLOAT32), *p = product_of(graph, a, a);
    add_output(graph, "y", sum_of(graph, p, 0));
    add_output(graph, "z", sum_of(graph, p, 1));
    EXPECT_CANONICAL(graph, "input", "expand", "mul", "reduce_sum", "reduce_sum");
    graph_free(graph);
    graph = graph_new("an output");
    a = repeated(graph, "a", DTYPE_FLOAT32);
    p = product_of(graph, a, a);
    add_output(graph, "y", sum_of(graph, p, 1));
    add_output(graph, "z", p);
    EXPECT_CANONICAL(graph, "input", "expand", "mul", "reduce_sum");
    graph_free(graph);
}

Test(canonical, others_stay) {
    struct graph *graph = graph_new("g");
    struct node *a = repeated(graph, "a", DTYPE_FLOAT32);
    add_output(graph, "sum", sum_of(graph, a, 1));
    struct node *added = append(graph, (struct node){.op = OP_ADD, FROM(a, a)});
    add_output(graph, "added", sum_of(graph, added, 1));
    add_output(
        graph, "greatest",
        append(graph,
               (struct node){.op = OP_REDUCE_MAX, .axis_count = 1, FROM(product_of(graph, a, a))}));
    product_of(graph, a, a); /* dead, and stays so */
    EXPECT_CANONICAL(graph, "input", "expand", "reduce_sum", "add", "reduce_sum", "mul",
                     "reduce_max", "mul");
    graph_free(graph);
}

/* A product of products, summed twice: the inner sum stays an operand of the outer product. */
Test(canonical, nested) {
    struct graph *graph = graph_new("g");
    struct node *a = repeated(graph, "a", DTYPE_FLOAT32), *b = input(graph, "b", DTYPE_FLOAT32);
    struct node *inner = sum_of(graph, product_of(graph, a, b), 1);
    struct node *outer =
        append(graph, (struct node){.op = OP_RESHAPE, .rank = 2, .shape = {3, 1}, FROM(inner)});
    outer = append(graph, (struct node){.op = OP_EXPAND, .rank = 2, .shape = {3, 4}, FROM(outer)});
    add_output(graph, "y", sum_of(graph, product_of(graph, outer, b), 0));
    EXPECT_CANONICAL(graph, "input", "expand", "input", "contract", "reshape", "expand",
                     "contract");
    cr_expect_eq(graph->nodes[6]->sources[0], graph->nodes[5]);
    graph_free(graph);
}

/* Loading does it, unless told not to; what was loaded stores and loads without change. */
Test(canonical, made_by_loading) {
    struct et_error error = {""};
    struct weights *weights;
    struct graph *graph = graph_new("g");
    struct node *a = repeated(graph, "a", DTYPE_FLOAT32);
    add_output(graph, "y", sum_of(graph, product_of(graph, a, a), 1));
    cr_assert(graph_store(graph, NULL, NULL, json_path, &error), "%s", error.message);
    struct graph *same = graph_load_with(
        json_path, &(struct graph_load_options){.as_written = true}, &weights, NULL);
    expect_digest(same, digest_of(graph));
    struct graph *loaded = graph_load(json_path, &weights, NULL);
    EXPECT_CANONICAL(loaded, "input", "expand", "contract");
    cr_assert(graph_store(loaded, NULL, NULL, json_path, &error), "%s", error.message);
    struct graph *again = graph_load(json_path, &weights, NULL);
    expect_digest(again, digest_of(loaded));
    graph_free(again);
    graph_free(loaded);
    graph_free(same);
    graph_free(graph);
}

Test(canonical, every_allocation_fails_once) {
    struct graph *graph = graph_new("g");
    struct node *a = input(graph, "a", DTYPE_FLOAT32);
    add_output(graph, "y", sum_of(graph, product_of(graph, a, a), 1));
    bool done = false;
    unsigned long nth = 1;
    for (; !done; nth++) {
        struct et_error error = {""};
        et_fail_allocation(nth);
        done = graph_canonicalize(graph, &error);
        et_fail_allocation(0);
        cr_expect(done || strcmp(error.message, "out of memory") == 0);
        cr_expect_eq(graph->node_count, 3);
    }
    cr_expect_gt(nth, 2);
    graph_free(graph);
    expect_no_leak();
}
