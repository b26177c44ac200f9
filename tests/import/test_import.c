/* ONNX files that are wrong, each with its message, and what is no error. */
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct onnx_model model;

static void begin(void) {
    onnx_model_begin(&model, 20);
}

static void end(void) {
    arena_free(&model.arena);
}

TestSuite(import_onnx, .init = begin, .fini = end);

/* y = -x, of that shape. */
static void make_negation(const char *shape) {
    onnx_add_input(&model, "x", 1, shape);
    onnx_add_node(&model, "Neg", "x", "y");
    onnx_add_output(&model, "y");
}

static void takes(const struct import_options *options, const char *output) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = onnx_import(&model, options, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert(verify_graph(graph, &error), "%s", error.message);
    cr_expect_str_eq(shape_text(graph->outputs[0].node).text, output);
    graph_free(graph);
    weights_free(weights);
}

static void refuses(const struct import_options *options, const char *message) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    cr_assert_null(onnx_import(&model, options, &weights, &error));
    cr_assert_null(weights);
    cr_assert_str_eq(error.message, message);
}

/* ---- Open axes ---- */

Test(import_onnx, first_axis_is_one_unless_it_is_given) {
    make_negation("batch,3");
    takes(NULL, "float32[1,3]");
    takes(&(struct import_options){.axis_count = 1, .axes = &(struct et_axis){"batch", 7}},
          "float32[7,3]");
}

Test(import_onnx, axes_have_names_by_place_too) {
    make_negation("1,?");
    takes(&(struct import_options){.axis_count = 1, .axes = &(struct et_axis){"x.1", 0}},
          "float32[1,0]");
}

Test(import_onnx, says_which_axes_have_no_size) {
    make_negation("N,3,height,-1");
    refuses(NULL, "m.onnx: open axes without a size: height (axis 2 of \"x\"), x.3 (axis 3 of "
                  "\"x\"); give each one, as --axis NAME=SIZE");
}

Test(import_onnx, says_which_size_is_of_no_axis) {
    make_negation("2,3");
    refuses(&(struct import_options){.axis_count = 1, .axes = &(struct et_axis){"width", 7}},
            "m.onnx: no input has an open axis \"width\"; it has none");
}

Test(import_onnx, refuses_more_inputs_than_a_graph_has) {
    make_negation("2");
    for (int i = 0; i < 1024; i++)
        onnx_add_input(&model, arena_format(&model.arena, "x%d", i), 1, "2");
    refuses(NULL, "m.onnx: 1025 inputs and 1 outputs, expected at most 1024 of each");
}

Test(import_onnx, says_which_axes_there_are) {
    make_negation("N,3,height");
    refuses(&(struct import_options){.axis_count = 2,
                                     .axes = (struct et_axis[]){{"height", 2}, {"H", 7}}},
            "m.onnx: no input has an open axis \"H\"; there are N, height");
}

/* ---- Nodes ---- */

Test(import_onnx, names_all_that_it_cannot_do) {
    make_negation("2");
    onnx_add_node(&model, "Foo", "x", "a");
    onnx_add_node(&model, "Foo", "a", "b");
    onnx_add_node(&model, "Neg", "b", "c");
    onnx_add_attribute(&model, onnx_add_node(&model, "Abs", "x", "d"), "alpha");
    onnx_add_output(&model, "c");
    onnx_add_output(&model, "d");
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  Foo \"a\" (opset 20): there is no such operator here; and 1 more\n"
                  "  Abs \"d\" (opset 20): attribute \"alpha\" is not known here");
}

Test(import_onnx, leaves_what_no_output_needs) {
    make_negation("2");
    onnx_add_node(&model, "Foo", "x", "unused");
    takes(NULL, "float32[2]");
}

Test(import_onnx, refuses_cycles) {
    onnx_add_input(&model, "x", 1, "2");
    onnx_add_node(&model, "Neg", "b", "a");
    onnx_add_node(&model, "Neg", "a", "b");
    onnx_add_output(&model, "b");
    refuses(NULL, "m.onnx: node \"\" (Neg) reads \"b\" before it is made: expected nodes in the "
                  "order of their use, without cycles");
}

Test(import_onnx, refuses_names_of_nothing_and_of_two) {
    make_negation("2");
    onnx_add_output(&model, "z");
    refuses(NULL, "m.onnx: output \"z\", which nothing makes");
    model.graph.n_output--;
    onnx_add_node(&model, "Abs", "x", "y");
    refuses(NULL, "m.onnx: \"y\" is the name of two values");
}

Test(import_onnx, refuses_opsets_of_the_future) {
    make_negation("2");
    model.opset.version = 99;
    refuses(NULL, "m.onnx: opset 99, expected 1 to 28");
}

Test(import_onnx, refuses_hundreds_of_opsets) {
    Onnx__OperatorSet *opsets[257];
    Onnx__Function function = ONNX__FUNCTION__INIT, *functions[] = {&function};
    make_negation("2");
    for (int i = 0; i < 257; i++)
        opsets[i] = &model.opset;
    function.name = (char *)"unused";
    function.opset_import = opsets;
    function.n_opset_import = 256;
    model.message.functions = functions;
    model.message.n_functions = 1;
    takes(NULL, "float32[2]");
    function.n_opset_import = 257;
    refuses(NULL, "m.onnx: expected at most 256 opsets, of the model and of each function");
}

Test(import_onnx, counts_refusals_only_as_far_as_they_may_be_said) {
    make_negation("2");
    for (int i = 0; i < 300; i++) {
        onnx_add_node(&model, arena_format(&model.arena, "Foo%d", i), "x",
                      arena_format(&model.arena, "a%d", i));
        onnx_add_output(&model, arena_format(&model.arena, "a%d", i));
    }
    struct et_error error = {0};
    struct weights *weights = NULL;
    cr_assert_null(onnx_import(&model, NULL, &weights, &error));
    cr_assert_not_null(strstr(error.message, " or more kinds"), "%s", error.message);
}

Test(import_onnx, an_input_may_be_an_output) {
    make_negation("2");
    onnx_add_output(&model, "x");
    takes(NULL, "float32[2]");
}

/* 2^20 zeros, added to themselves so many times, as the shape of y. */
static void make_long_computation(int additions) {
    static int64_t extent = 1 << 20;
    onnx_add_input(&model, "x", 1, "1");
    Onnx__Tensor *shape = onnx_add_initializer(&model, "shape", 7, 1);
    shape->has_raw_data = true;
    shape->raw_data = (ProtobufCBinaryData){sizeof extent, (uint8_t *)&extent};
    onnx_add_node(&model, "ConstantOfShape", "shape", "sum0");
    for (int i = 0; i < additions; i++)
        onnx_add_node(&model, "Add", arena_format(&model.arena, "sum%d,sum0", i),
                      arena_format(&model.arena, "sum%d", i + 1));
    onnx_add_node(&model, "ReduceSum", arena_format(&model.arena, "sum%d", additions), "zero");
    onnx_add_node(&model, "Expand", "x,zero", "y");
    onnx_add_output(&model, "y");
}

Test(import_onnx, computes_what_is_known) {
    make_long_computation(10);
    takes(NULL, "float32[0]");
}

Test(import_onnx, does_not_compute_for_ever) {
    make_long_computation(100);
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  Expand \"y\" (opset 20): the shape depends on the model's inputs, or takes "
                  "too long to compute; here it must be known before");
}

/* ---- Convolutions ---- */

static void add_integers(Onnx__Node *node, const char *name, size_t count, int64_t *values) {
    Onnx__Attribute *attribute = onnx_add_attribute(&model, node, name);
    attribute->has_type = true;
    attribute->type = 7;
    attribute->n_ints = count;
    attribute->ints = values;
}

/* Whether a convolution of two elements by three, three apart, pads the two. */
static bool pads_for_kernel(const float *kernel) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    int64_t shape[] = {1, 1, 3}, pads[] = {3, 3}, dilations[] = {3};
    end();
    begin();
    onnx_add_input(&model, "x", 1, "1,1,2");
    Onnx__Tensor *weight = onnx_add_initializer(&model, "w", 1, 3);
    weight->n_dims = 3;
    weight->dims = shape;
    weight->has_raw_data = true;
    weight->raw_data = (ProtobufCBinaryData){3 * sizeof *kernel, (uint8_t *)(uintptr_t)kernel};
    Onnx__Node *node = onnx_add_node(&model, "Conv", "x,w", "y");
    add_integers(node, "pads", 2, pads);
    add_integers(node, "dilations", 1, dilations);
    onnx_add_output(&model, "y");
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_str_eq(shape_text(graph->outputs[0].node).text, "float32[1,1,2]");
    bool pads_it = false;
    for (int i = 0; i < graph->node_count; i++)
        pads_it |= graph->nodes[i]->op == OP_PAD;
    graph_free(graph);
    weights_free(weights);
    return pads_it;
}

Test(import_onnx, kernels_lose_ends_that_see_nothing_but_padding) {
    cr_expect_not(pads_for_kernel((float[]){5, 6, 7}));
    cr_expect(pads_for_kernel((float[]){5, 6, (float)INFINITY}));
}

/* ---- Elements ---- */

static float hundred[100];

static Onnx__Tensor *add_weights(int64_t extent, size_t bytes) {
    make_negation("100");
    Onnx__Tensor *tensor = onnx_add_initializer(&model, "w", 1, extent);
    tensor->has_raw_data = bytes != 0;
    tensor->raw_data = (ProtobufCBinaryData){bytes, (uint8_t *)hundred};
    onnx_add_output(&model, "w");
    return tensor;
}

Test(import_onnx, weights_keep_their_names) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    for (int i = 0; i < 100; i++)
        hundred[i] = (float)i;
    add_weights(100, sizeof hundred);
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert_eq(weights->count, 1);
    cr_assert_str_eq(weights->tensors[0].name, "w");
    cr_assert_arr_eq(weights->tensors[0].data, hundred, sizeof hundred);
    graph_free(graph);
    weights_free(weights);
}

/* Of raw data up to 32 bytes lie in the outline, more stay where they are. */
Test(import_onnx, weights_of_any_length_are_whole) {
    for (int64_t count = 1; count <= 40; count++) {
        struct et_error error = {0};
        struct weights *weights = NULL;
        begin();
        Onnx__Tensor *tensor = add_weights(count, (size_t)count);
        tensor->data_type = 2;
        tensor->dims[0] = count;
        tensor->raw_data.data = (uint8_t *)"0123456789abcdefghijklmnopqrstuvwxyzABCD";
        struct graph *graph = onnx_import(&model, NULL, &weights, &error);
        cr_assert_not_null(graph, "%s", error.message);
        const struct node *node = graph->outputs[1].node;
        cr_assert_eq(node_elements(node), count);
        cr_assert(memcmp(node->value, tensor->raw_data.data, (size_t)count) == 0, "%d", (int)count);
        graph_free(graph);
        weights_free(weights);
        end();
    }
    begin();
}

/* The same of lists, which may come in pieces. */
Test(import_onnx, lists_of_any_length_are_whole) {
    for (int i = 0; i < 100; i++)
        hundred[i] = (float)i;
    for (int64_t count = 1; count <= 100; count++) {
        struct et_error error = {0};
        struct weights *weights = NULL;
        begin();
        Onnx__Tensor *tensor = add_weights(count, 0);
        tensor->dims[0] = count;
        tensor->n_float_data = (size_t)count;
        tensor->float_data = hundred;
        struct graph *graph = onnx_import(&model, NULL, &weights, &error);
        cr_assert_not_null(graph, "%s", error.message);
        const struct node *node = graph->outputs[1].node;
        cr_assert_eq(node_elements(node), count);
        cr_assert(memcmp(node->value, hundred, (size_t)count * sizeof *hundred) == 0);
        graph_free(graph);
        weights_free(weights);
        end();
    }
    begin();
}

/* A tensor's fields by hand: 20 and 30 floats, and a field of the number that outlines use. */
Test(import_onnx, lists_in_pieces_are_whole) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    size_t count;
    for (int i = 0; i < 100; i++)
        hundred[i] = (float)i;
    Onnx__Tensor *tensor = add_weights(50, 0);
    tensor->n_float_data = 20;
    tensor->float_data = hundred;
    uint8_t *more = arena_allocate(&model.arena, 1, 200);
    memcpy(more, (uint8_t[]){0x22, 120}, 2); /* float_data, 120 bytes */
    memcpy(more + 2, hundred + 20, 120);
    memcpy(more + 122, (uint8_t[]){0xfa, 0xff, 0xff, 0xff, 0x0f, 40}, 6);
    ProtobufCMessageUnknownField fields[] = {
        {4, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 121, more + 1},
        {536870911, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 41, more + 127}};
    tensor->base.n_unknown_fields = 2;
    tensor->base.unknown_fields = fields;
    const void *bytes = onnx_pack(&model, &count);
    struct graph *graph = onnx_import_bytes(bytes, count, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert(memcmp(graph->outputs[1].node->value, hundred, 50 * sizeof *hundred) == 0);
    graph_free(graph);
    weights_free(weights);
}

Test(import_onnx, says_when_memory_runs_out) {
    add_weights(100, sizeof hundred);
    size_t count;
    const void *bytes = onnx_pack(&model, &count);
    unsigned long nth = 1;
    for (bool done = false; !done; nth++) {
        struct et_error error = {0};
        struct weights *weights = NULL;
        et_fail_allocation(nth);
        struct graph *graph = onnx_import_bytes(bytes, count, NULL, &weights, &error);
        et_fail_allocation(0);
        done = graph != NULL;
        cr_assert(done || strstr(error.message, "out of memory"), "%s", error.message);
        cr_assert(done || !weights);
        graph_free(graph);
        weights_free(weights);
    }
    cr_assert_gt(nth, 10);
}

Test(import_onnx, refuses_wrong_numbers_of_elements) {
    Onnx__Tensor *tensor = add_weights(100, 396);
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  initializer \"w\" (opset 20): tensor \"w\": 396 bytes, expected 400");
    tensor->dims[0] = INT64_MAX;
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  initializer \"w\" (opset 20): tensor \"w\": float32[9223372036854775807] is "
                  "too large");
    tensor->data_type = 8;
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  initializer \"w\" (opset 20): tensor \"w\": elements of type STRING, which "
                  "graphs do not have");
}

/* Their tables hold floats of the input's type. */
Test(import_onnx, refuses_transforms_and_grids_of_integers) {
    static const int types[] = {3, 7}; /* int8, int64 */
    static const char *const names[] = {"int8", "int64"};
    for (int i = 0; i < 2; i++) {
        char message[256];
        begin();
        onnx_add_input(&model, "x", types[i], "1,400,1");
        onnx_add_node(&model, "DFT", "x", "y");
        onnx_add_output(&model, "y");
        snprintf(message, sizeof message,
                 "m.onnx: cannot be imported:\n"
                 "  DFT \"y\" (opset 20): a transform of \"x\" %s[1,400,1], expected floats",
                 names[i]);
        refuses(NULL, message);
        end();
        begin();
        int64_t extents[] = {1, 1, 500, 700};
        Onnx__Tensor *size = onnx_add_initializer(&model, "size", 7, 4);
        size->n_int64_data = 4;
        size->int64_data = extents;
        onnx_add_input(&model, "x", types[i], "1,2,3");
        onnx_add_node(&model, "AffineGrid", "x,size", "y");
        onnx_add_output(&model, "y");
        snprintf(message, sizeof message,
                 "m.onnx: cannot be imported:\n"
                 "  AffineGrid \"y\" (opset 20): \"x\" %s[1,2,3], expected floats",
                 names[i]);
        refuses(NULL, message);
        end();
    }
    begin();
}

/* There is no first of its numbers then. */
Test(import_onnx, refuses_n_grams_of_an_empty_pool) {
    int64_t starts[] = {0};
    onnx_add_input(&model, "x", 7, "4");
    add_integers(onnx_add_node(&model, "TfIdfVectorizer", "x", "y"), "ngram_counts", 1, starts);
    onnx_add_output(&model, "y");
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  TfIdfVectorizer \"y\" (opset 20): a pool without numbers");
}

/* The weight w as the graph has it, and its bytes. */
static void holds(const char *kind, const void *bytes, size_t count) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_str_eq(shape_text(graph->outputs[1].node).text, kind);
    cr_assert_eq(weights->count, 1);
    cr_assert_eq(weights->tensors[0].bytes, count);
    cr_expect_arr_eq(weights->tensors[0].data, bytes, count);
    graph_free(graph);
    weights_free(weights);
}

Test(import_onnx, elements_in_lists_are_kept) {
    int32_t list[100];
    int8_t wanted[100];
    for (int i = 0; i < 100; i++) {
        list[i] = i - 50;
        wanted[i] = (int8_t)(i - 50);
    }
    Onnx__Tensor *tensor = add_weights(100, 0);
    tensor->data_type = 3;
    tensor->n_int32_data = 100;
    tensor->int32_data = list;
    holds("int8[100]", wanted, sizeof wanted);
}

/* ---- Elements that graphs have as codes ---- */

enum { UINT4 = 21, INT4 = 22, UINT2 = 25, FLOAT6E2M3 = 27, CODES = 101 };

/* Packs codes, the first in the lowest bits; gives how many bytes they take. */
static size_t pack_codes(const uint8_t *codes, int bits, uint8_t *bytes) {
    memset(bytes, 0, CODES);
    for (int i = 0; i < CODES * bits; i++)
        bytes[i / 8] |= (uint8_t)((codes[i / bits] >> i % bits & 1) << i % 8);
    return ((size_t)CODES * (size_t)bits + 7) / 8;
}

Test(import_onnx, codes_are_a_byte_each) {
    static const struct {
        int type, bits;
        const char *kind;
    } kinds[] = {{UINT4, 4, "uint8[101]"},
                 {INT4, 4, "int8[101]"},
                 {UINT2, 2, "uint8[101]"},
                 {FLOAT6E2M3, 6, "uint8[101]"}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        uint8_t codes[CODES], wanted[CODES], bytes[CODES];
        for (int i = 0; i < CODES; i++) {
            codes[i] = (uint8_t)(i * 37 % (1 << kinds[k].bits));
            wanted[i] = kinds[k].type == INT4 && codes[i] > 7 ? (uint8_t)(codes[i] - 16) : codes[i];
        }
        Onnx__Tensor *tensor = add_weights(CODES, 1);
        tensor->data_type = kinds[k].type;
        tensor->raw_data.data = bytes;
        tensor->raw_data.len = pack_codes(codes, kinds[k].bits, bytes);
        holds(kinds[k].kind, wanted, sizeof wanted);
        tensor->raw_data.len--;
        char message[128];
        snprintf(message, sizeof message,
                 "m.onnx: cannot be imported:\n  initializer \"w\" (opset 20): tensor \"w\": %zu "
                 "bytes, expected %zu",
                 tensor->raw_data.len, tensor->raw_data.len + 1);
        refuses(NULL, message);
        end();
        begin();
    }
}

Test(import_onnx, computes_nothing_of_codes) {
    onnx_add_input(&model, "x", 17, "2,3");
    onnx_add_node(&model, "Transpose", "x", "t");
    onnx_add_output(&model, "t");
    takes(NULL, "uint8[3,2]");
    onnx_add_node(&model, "Add", "t,t", "y");
    onnx_add_output(&model, "y");
    refuses(NULL, "m.onnx: cannot be imported:\n"
                  "  Add \"y\" (opset 20): of elements of type FLOAT8E4M3FN: they can be moved and "
                  "cast, but not be computed with");
}

/* ---- Elements in other files ---- */

static void set_external(Onnx__Tensor *tensor, const char *location, const char *offset) {
    static Onnx__Entry entries[2];
    static Onnx__Entry *list[] = {&entries[0], &entries[1]};
    entries[0] = entries[1] = (Onnx__Entry)ONNX__ENTRY__INIT;
    entries[0].key = (char *)"location";
    entries[0].value = (char *)location;
    entries[1].key = (char *)"offset";
    entries[1].value = (char *)offset;
    tensor->has_data_location = true;
    tensor->data_location = 1;
    tensor->external_data = list;
    tensor->n_external_data = 2;
}

#define EXTERNAL "m.onnx: cannot be imported:\n  initializer \"w\" (opset 20): tensor \"w\": "

Test(import_onnx, says_which_file_is_missing_or_short) {
    char name[] = "test_import.XXXXXX";
    Onnx__Tensor *tensor = add_weights(100, 0);
    set_external(tensor, "no_such_file.data", "0");
    refuses(NULL, EXTERNAL "weights are in a file beside the model: no_such_file.data: "
                           "No such file or directory");
    int file = mkstemp(name);
    cr_assert_eq(ftruncate(file, 402), 0);
    set_external(tensor, name, "0");
    takes(NULL, "float32[100]");
    set_external(tensor, name, "2"); /* not where a float may lie: copied */
    takes(NULL, "float32[100]");
    char message[256];
    set_external(tensor, name, "3");
    snprintf(message, sizeof message, EXTERNAL "external data: bytes 3 to 403 of %s, which has 402",
             name);
    refuses(NULL, message);
    set_external(tensor, name, "-1");
    refuses(NULL, EXTERNAL "external data: \"offset\" is \"-1\", expected a number of bytes");
    close(file);
    unlink(name);
}

Test(import_onnx, reads_no_file_outside_of_the_models_folder) {
    Onnx__Tensor *tensor = add_weights(100, 0);
    static const char *const outside[] = {"/etc/passwd", "../m.data", "a/../../m.data", "a\\m", ""};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        char message[256];
        set_external(tensor, outside[i], "0");
        snprintf(message, sizeof message,
                 EXTERNAL "external data: \"%s\", expected a file in the model's folder",
                 outside[i]);
        refuses(NULL, message);
    }
}

/* ---- Bytes ---- */

Test(import_onnx, every_beginning_is_refused) {
    size_t count;
    add_weights(100, sizeof hundred);
    const char *bytes = onnx_pack(&model, &count);
    for (size_t cut = 1; cut < count; cut++) {
        struct et_error error = {0};
        struct weights *weights = NULL;
        struct graph *graph = onnx_import_bytes(bytes, cut, NULL, &weights, &error);
        /* Where only the opset is cut off, it is a model of the oldest. */
        cr_assert(graph || error.message[0], "%zu bytes", cut);
        graph_free(graph);
        weights_free(weights);
    }
}

/* A graph within a node's attribute within a graph ..., deeper than any stack would bear. */
Test(import_onnx, depth_is_bounded) {
    enum { DEPTH = 20000 };
    uint8_t *bytes = malloc(DEPTH * 16), *at = bytes + DEPTH * 16;
    static const uint8_t tags[] = {0x0a, 0x2a, 0x32}; /* graph.node, .attribute, .g */
    size_t length = 0;
    for (int i = 0; i <= DEPTH; i++) {
        uint8_t tag = i == DEPTH ? 0x3a : tags[(DEPTH - i - 1) % 3], head[12];
        size_t n = 0, rest = length;
        head[n++] = tag;
        for (; rest >= 128; rest >>= 7)
            head[n++] = (uint8_t)(rest | 128);
        head[n++] = (uint8_t)rest;
        at -= n;
        memcpy(at, head, n);
        length += n;
    }
    struct et_error error = {0};
    struct weights *weights = NULL;
    cr_assert_null(onnx_import_bytes(at, length, NULL, &weights, &error));
    cr_assert_not_null(strstr(error.message, "graphs within graphs, too deep"), "%s",
                       error.message);
    free(bytes);
}
