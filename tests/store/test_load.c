/* Stored graphs that must be refused, each with its whole message. Every case is the good document
 * tests/store/golden_store.json with one piece of text replaced. */
#include "compiler/graph/batch.h"
#include "compiler/store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOLDEN "tests/store/golden_store.json"

static char folder[64], weights_path[96];
static char *golden;

static void make_path(char *path, size_t size, const char *name) {
    snprintf(path, size, "%s/%s", folder, name);
}

static void save_weights(const char *name, const char *tensor, enum dtype dtype, int64_t extent) {
    static const double zeros[8];
    static const float values[3] = {0.5f, -1, 2};
    char path[96];
    make_path(path, sizeof path, name);
    struct weight weight = {.name = tensor, .dtype = dtype, .rank = 1, .shape = {extent}};
    weight.data = dtype == DTYPE_FLOAT32 && extent == 3 ? (const void *)values : zeros;
    cr_assert(weights_save(path, &weight, 1, NULL, NULL));
}

static void prepare(void) {
    struct et_error error = {""};
    size_t count;
    strcpy(folder, "/tmp/test_load.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    make_path(weights_path, sizeof weights_path, "m.safetensors");
    save_weights("m.safetensors", "w", DTYPE_FLOAT32, 3);
    cr_assert(read_file(GOLDEN, 1 << 20, &golden, &count, &error),
              "%s (run tests in the repository's root)", error.message);
}

static void clean(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
    et_release(golden);
}

TestSuite(load, .init = prepare, .fini = clean);

/* The golden document with `find` replaced, once. The caller frees it. */
static char *edited(const char *find, const char *replace) {
    const char *at = strstr(golden, find);
    cr_assert_not_null(at, "the golden document has no %s", find);
    char *document = calloc(strlen(golden) + strlen(replace) + 1, 1);
    memcpy(document, golden, (size_t)(at - golden));
    strcat(strcat(document, replace), at + strlen(find));
    return document;
}

static void expect_refusal(const char *document, const struct graph_load_options *options,
                           const char *expected) {
    struct et_error error = {""};
    struct weights *weights = (struct weights *)1;
    struct graph *graph =
        graph_decode(document, strlen(document), "g", folder, options, &weights, &error);
    cr_assert_null(graph, "accepted, expected: %s", expected);
    cr_assert_null(weights);
    cr_expect(strcmp(error.message, expected) == 0, "\n   found: %s\nexpected: %s", error.message,
              expected);
}

static const struct {
    const char *find, *replace, *message;
} refused[] = {
#include "tests/store/malformed_graphs.def"
};

Test(load, malformed_graphs) {
    cr_assert_geq(sizeof refused / sizeof *refused, 60);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *document = edited(refused[i].find, refused[i].replace);
        expect_refusal(document, NULL, refused[i].message);
        free(document);
    }
}

Test(load, malformed_documents) {
    expect_refusal("", NULL, "g: line 1, column 0: '[' or '{' expected near end of file");
    expect_refusal("[]", NULL, "g: the document is an array, expected an object");
    expect_refusal("{}", NULL, "g: \"format\" is missing");
    expect_refusal("{\"format\": \"eigentensor\"", NULL,
                   "g: line 1, column 24: '}' expected near end of file");
    expect_refusal("{\n\"format\": \"eigentensor\", \"version\": 3, \"layers\": 3}", NULL,
                   "g: \"version\" is 3, expected 1 to 2");
}

/* Every byte of the document cut off, and every byte replaced: refused or loaded, never more. */
Test(load, cut_and_damaged_documents) {
    struct weights *weights;
    size_t length = strlen(golden);
    for (size_t kept = 0; kept + 2 < length; kept++)
        cr_assert_null(graph_decode(golden, kept, "g", folder, NULL, &weights, NULL));
    for (size_t i = 0; i < length; i++) {
        char right = golden[i];
        for (const char *wrong = "\"0-9[{,\xff"; *wrong; wrong++) {
            golden[i] = *wrong;
            struct graph *graph = graph_decode(golden, length, "g", folder, NULL, &weights, NULL);
            graph_free(graph);
            weights_free(weights);
        }
        golden[i] = right;
    }
}

static void expect_file_refusal(const char *expected) {
    char message[512];
    snprintf(message, sizeof message, expected, folder);
    expect_refusal(golden, NULL, message);
}

Test(load, weights_file_is_missing) {
    unlink(weights_path);
    expect_file_refusal("g: %s/m.safetensors: No such file or directory");
}

static void expect_loads(const char *document, const struct graph_load_options *options) {
    struct weights *weights;
    struct et_error error = {0};
    struct graph *graph =
        graph_decode(document, strlen(document), "g", folder, options, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    graph_free(graph);
    weights_free(weights);
}

/* As in the caches of model hubs: the digest tells that it is the right file. */
Test(load, weights_file_is_a_link) {
    save_weights("blob", "w", DTYPE_FLOAT32, 3);
    unlink(weights_path);
    cr_assert_eq(symlink("blob", weights_path), 0);
    expect_loads(golden, NULL);
    save_weights("blob", "v", DTYPE_FLOAT32, 3);
    struct weights *weights;
    cr_assert_null(graph_decode(golden, strlen(golden), "g", folder, NULL, &weights, NULL));
    unlink(weights_path);
    cr_assert_eq(symlink("/dev/zero", weights_path), 0);
    expect_file_refusal("g: %s/m.safetensors: expected a regular file");
    unlink(weights_path);
    cr_assert_eq(symlink("nothing", weights_path), 0);
    expect_file_refusal("g: %s/m.safetensors: No such file or directory");
}

/* Nothing waits for somebody to write into it. */
Test(load, weights_file_is_a_pipe, .timeout = 10) {
    unlink(weights_path);
    cr_assert_eq(mkfifo(weights_path, 0600), 0);
    expect_file_refusal("g: %s/m.safetensors: expected a regular file");
    struct weights *weights;
    struct et_error error = {0};
    cr_assert_null(graph_load(weights_path, &weights, &error));
    cr_assert_not_null(strstr(error.message, "expected a regular file"), "%s", error.message);
}

/* Some editors put a mark before UTF-8. */
Test(load, byte_order_mark) {
    char *marked = calloc(strlen(golden) + 4, 1);
    strcat(strcpy(marked, "\xef\xbb\xbf"), golden);
    expect_loads(marked, NULL);
    free(marked);
}

Test(load, weights_file_is_malformed) {
    cr_assert(write_file(weights_path, "short", 5, NULL));
    expect_file_refusal("g: %s/m.safetensors: 5 bytes, expected at least 8");
}

Test(load, weights_file_is_another) {
    save_weights("m.safetensors", "v", DTYPE_FLOAT32, 3);
    expect_refusal(golden, NULL,
                   "g: weights: the sha256 of \"m.safetensors\" is "
                   "1c4966eaa5b212f05b81bb698bf909b5245d3f094282d5985cd8d789ffd4d02f, expected "
                   "cb007b1e50243ae4a05c40ec1305355a05c4aa758dc5e18022107ef1dd28b04b");
}

/* Other weights in place of the named ones: of the same names, dtypes and shapes. */
Test(load, weights_in_place_of_the_named) {
    char path[96], message[512];
    make_path(path, sizeof path, "other");
    struct graph_load_options options = {.weights_path = path};
    unlink(weights_path);
    save_weights("other", "v", DTYPE_FLOAT32, 3);
    snprintf(message, sizeof message, "g: %s: node 1 (weight): there is no weight \"w\"", path);
    expect_refusal(golden, &options, message);
    save_weights("other", "w", DTYPE_FLOAT32, 4);
    snprintf(message, sizeof message,
             "g: %s: node 1 (weight): weight \"w\" is float32[4], expected float32[3]", path);
    expect_refusal(golden, &options, message);
    save_weights("other", "w", DTYPE_INT32, 3);
    snprintf(message, sizeof message,
             "g: %s: node 1 (weight): weight \"w\" is int32[3], expected float32[3]", path);
    expect_refusal(golden, &options, message);
    options.weights_path = "/nowhere/other";
    expect_refusal(golden, &options, "g: /nowhere/other: No such file or directory");
}

static void expect_loaded(const char *document, const struct graph_load_options *options) {
    struct et_error error = {""};
    struct weights *weights;
    struct graph *graph =
        graph_decode(document, strlen(document), "g", folder, options, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert_eq(graph->nodes[1]->value, weights_find(weights, "w")->data);
    cr_assert_eq(graph->nodes[1]->value_count, 3);
    graph_free(graph);
    weights_free(weights);
}

Test(load, sha256_of_other_weights) {
    char path[96];
    make_path(path, sizeof path, "other");
    struct graph_load_options options = {.weights_path = path};
    static const float ones[3] = {1, 1, 1};
    struct weight weight = {.name = "w", .rank = 1, .shape = {3}, .data = ones};
    cr_assert(weights_save(path, &weight, 1, NULL, NULL));
    expect_loaded(golden, NULL);
    expect_loaded(golden, &options);
    options.require_sha256 = true;
    struct weights *weights = weights_load(path, NULL);
    char message[512];
    snprintf(message, sizeof message, "g: weights: the sha256 of \"%s\" is %s, expected %s", path,
             digest_hex(&weights->sha256).text,
             "cb007b1e50243ae4a05c40ec1305355a05c4aa758dc5e18022107ef1dd28b04b");
    weights_free(weights);
    expect_refusal(golden, &options, message);
    options.weights_path = weights_path; /* the named file by its path */
    expect_loaded(golden, &options);
}

/* The canonical text names no file: it loads with weights from elsewhere only. */
Test(load, canonical_text) {
    char *half = edited("    \"file\": \"m.safetensors\",\n", "");
    expect_refusal(half, NULL, "g: weights: \"file\" is missing");
    char *line = strstr(half, "    \"sha256\"");
    memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1) + 1);
    expect_refusal(half, NULL, "g: weights: \"file\" is missing");
    expect_loaded(half, &(struct graph_load_options){.weights_path = weights_path});
    free(half);
}

Test(load, file_beside_the_graph) {
    char path[96], cwd[256];
    struct et_error error = {""};
    struct weights *weights;
    make_path(path, sizeof path, "m.json");
    cr_assert(write_file(path, golden, strlen(golden), NULL));
    struct graph *graph = graph_load(path, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    graph_free(graph);
    weights_free(weights);
    cr_assert_not_null(getcwd(cwd, sizeof cwd));
    cr_assert_eq(chdir(folder), 0);
    graph = graph_load("m.json", &weights, &error); /* a path without a folder */
    cr_assert_not_null(graph, "%s", error.message);
    graph_free(graph);
    weights_free(weights);
    cr_assert_eq(chdir(cwd), 0);
}

Test(load, file_too_large) {
    char path[96], message[256];
    struct et_error error = {""};
    struct weights *weights;
    make_path(path, sizeof path, "large.json");
    cr_assert(write_file(path, "{", 1, NULL));
    cr_assert_eq(truncate(path, ((off_t)64 << 20) + 1), 0);
    cr_assert_null(graph_load(path, &weights, &error));
    snprintf(message, sizeof message, "%s: 67108865 bytes, expected at most 67108864", path);
    cr_assert_str_eq(error.message, message);
    cr_assert_null(weights);
}

/* What would make the parser or the graph take far more memory than the file has bytes. */
Test(load, bounds) {
    struct text text = {0};
    text_add(&text, "{\"format\": [");
    for (int i = 0; i < (1 << 22); i++)
        text_add_bytes(&text, "0,", 2);
    expect_refusal(text.bytes, NULL, "g: line 1, column 8388618: more than 4194304 values");
    text_free(&text);
    text_add(&text, "[0,\n\"\\\"[[[[[[[[[[[[[[[[[[[\",\n [[[[[[[[[[[[[[[[");
    expect_refusal(text.bytes, NULL, "g: line 3, column 17: nested deeper than 16");
    text_free(&text);
    text_add(&text, "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"n\", \"nodes\": [");
    for (int i = 0; i < 1025; i++)
        text_add(&text,
                 "%s{\"id\": %d, \"op\": \"input\", \"src\": [], \"name\": \"x%d\", "
                 "\"dtype\": \"bool\", \"shape\": []}",
                 i ? "," : "", i, i);
    text_add(&text, "]}");
    expect_refusal(text.bytes, NULL, "g: node 1024 (input): more than 1024 inputs");
    text_free(&text);
}

/* ---- What integers stand for ---- */

/* Inputs of two types and their outputs; what is said of x and of its output, u. The caller frees
 * it. */
static char *coded(const char *of_x, const char *of_u) {
    char *document;
    cr_assert_gt(
        asprintf(&document,
                 "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"c\", \"inputs\": [\n"
                 "  {\"name\": \"x\", \"dtype\": \"uint8\", \"shape\": [3]%s},\n"
                 "  {\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [3]}\n], \"nodes\": [\n"
                 "{\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"x\", \"dtype\": "
                 "\"uint8\", \"shape\": [3]},\n"
                 "{\"id\": 1, \"op\": \"input\", \"src\": [], \"name\": \"y\", \"dtype\": "
                 "\"float32\", \"shape\": [3]}\n], \"outputs\": [\n"
                 "  {\"name\": \"u\", \"node\": 0%s}, {\"name\": \"v\", \"node\": 1}]}",
                 of_x, of_u),
        0);
    return document;
}

Test(load, scales_of_integers_are_checked) {
    static const struct {
        const char *more, *message;
    } cases[] = {
        {", \"scale\": 0.5", "\"zero\" is missing"},
        {", \"zero\": 0", "\"scale\" is missing"},
        {", \"scale\": 0, \"zero\": 0", "\"scale\" is 0"},
        {", \"scale\": 1e-60, \"zero\": 0", "\"scale\" is 0"},
        {", \"scale\": -0.5, \"zero\": 0", "the scale is -0.5, expected a positive number"},
        {", \"scale\": \"nan\", \"zero\": 0", "the scale is nan, expected a positive number"},
        {", \"scale\": \"inf\", \"zero\": 0", "the scale is inf, expected a positive number"},
        {", \"scale\": 1e39, \"zero\": 0", "\"scale\": 1e+39 does not fit float32"},
        {", \"scale\": \"half\", \"zero\": 0", "\"scale\": "},
        {", \"scale\": true, \"zero\": 0", "\"scale\": "},
        {", \"scale\": 0.5, \"zero\": 256", "zero is 256, which is no uint8"},
        {", \"scale\": 0.5, \"zero\": -1", "zero is -1, which is no uint8"},
        {", \"scale\": 0.5, \"zero\": 1.5", "\"zero\" is a real number, expected an integer"},
        {", \"scale\": 0.5, \"zero\": null", "\"zero\" is null, expected an integer"},
        {", \"scale\": 0.5, \"zero\": 0, \"zero_point\": 0", "unknown key \"zero_point\""},
    };
    struct weights *weights;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int output = 0; output < 2; output++) {
            struct et_error error = {""};
            char *document = coded(output ? "" : cases[i].more, output ? cases[i].more : "");
            cr_expect_null(
                graph_decode(document, strlen(document), "g", NULL, NULL, &weights, &error), "%s",
                document);
            cr_expect_not_null(strstr(error.message, cases[i].message), "%s: %s", cases[i].more,
                               error.message);
            free(document);
        }
}

Test(load, scales_are_of_narrow_integers) {
    static const char *const refused_types[] = {"float32", "bool", "int64", "uint64", "float16"};
    static const char *const types[] = {"int8", "uint8", "int16", "uint16", "int32", "uint32"};
    for (size_t i = 0; i < sizeof types / sizeof *types + 5; i++) {
        bool refused = i < 5;
        const char *type = refused ? refused_types[i] : types[i - 5];
        struct weights *weights;
        struct et_error error = {""};
        char document[512];
        snprintf(document, sizeof document,
                 "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"c\", \"inputs\": [\n"
                 "{\"name\": \"x\", \"dtype\": \"%s\", \"shape\": [3], \"scale\": 0.25, \"zero\": "
                 "127}], \"nodes\": [{\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"x\", "
                 "\"dtype\": \"%s\", \"shape\": [3]}], \"outputs\": [{\"name\": \"y\", \"node\": "
                 "0}]}",
                 type, type);
        struct graph *graph =
            graph_decode(document, strlen(document), "g", NULL, NULL, &weights, &error);
        cr_expect_eq(graph == NULL, refused, "%s: %s", type, error.message);
        cr_expect(!refused || strstr(error.message, "a scale, which is for integers of 8 to 32"),
                  "%s", error.message);
        graph_free(graph);
    }
}

/* They are written as they were read, and a part of the digest. */
Test(load, scales_are_kept) {
    static const char *const said[] = {
        "",
        ", \"scale\": 0.003921569, \"zero\": 12",
        ", \"scale\": 0.003921569, \"zero\": 13",
        ", \"scale\": 0.00392157, \"zero\": 12",
        ", \"scale\": 1e-45, \"zero\": 255",
    };
    struct digest digests[10];
    struct weights *weights;
    int count = 0;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        for (int output = 0; output < (i ? 2 : 1); output++, count++) {
            struct text text = {0};
            char *document = coded(output ? "" : said[i], output ? said[i] : "");
            struct graph *graph =
                graph_decode(document, strlen(document), "g", NULL, NULL, &weights, NULL);
            cr_assert_not_null(graph, "%s", document);
            cr_assert(graph_digest(graph, &digests[count], NULL));
            cr_assert(graph_to_json(graph, NULL, NULL, &text, NULL));
            const char *written = text_read(&text, NULL);
            cr_expect_eq(strstr(written, "scale") != NULL, i > 0);
            cr_expect_not_null(strstr(written, said[i]), "%s", written);
            struct graph *again =
                graph_decode(written, strlen(written), "g", NULL, NULL, &weights, NULL);
            cr_assert_not_null(again);
            const struct scaling *x = &again->inputs[0]->scaling, *u = &again->outputs[0].scaling;
            cr_expect_eq(x->scale, graph->inputs[0]->scaling.scale);
            cr_expect_eq(x->zero, graph->inputs[0]->scaling.zero);
            cr_expect_eq(u->scale, graph->outputs[0].scaling.scale);
            cr_expect_eq(u->zero, graph->outputs[0].scaling.zero);
            cr_expect_eq((output ? x : u)->scale, 0);
            graph_free(again);
            graph_free(graph);
            text_free(&text);
            free(document);
        }
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            cr_expect_not(digest_equal(&digests[i], &digests[k]), "%d and %d", k, i);
}

Test(load, scales_go_along_with_a_batch_axis) {
    char *document = coded(", \"scale\": 0.5, \"zero\": 3", ", \"scale\": 0.25, \"zero\": 4");
    struct weights *weights;
    struct graph *graph = graph_decode(document, strlen(document), "g", NULL, NULL, &weights, NULL);
    cr_assert_not_null(graph);
    struct graph *images = graph_add_batch(graph, NULL);
    cr_assert_not_null(images);
    cr_expect_eq(images->inputs[0]->scaling.scale, 0.5F);
    cr_expect_eq(images->inputs[0]->scaling.zero, 3);
    cr_expect_eq(images->outputs[0].scaling.scale, 0.25F);
    cr_expect_eq(images->outputs[0].scaling.zero, 4);
    graph_free(images);
    graph_free(graph);
    free(document);
}
