#include "runtime/receipt.h"

#include "compiler/base/allocate.h"
#include "compiler/base/json_read.h"
#include "runtime/kernels/cpu.h"

#include <nettle/base16.h>
#include <stdlib.h>
#include <string.h>

struct receipt {
    json_t *document;      /* of the form that receipt.h shows */
    char *signed_text;     /* what its signature is of, jansson's; NULL: it has none */
    const void **of_image; /* room for its outputs, so that comparing needs no memory */
};

/* A document of a million images is well below these. */
#define MOST_MEMORY ((size_t)1 << 30)
enum { VERSION = 1, MOST_TENSORS = 1 << 16, MOST_IMAGES = 1 << 22 };

/* ---- Digests ---- */

static struct digest_hex tensor_digest(const struct et_tensor *facts, int64_t batch,
                                       const void *elements, struct shape_text *shown) {
    struct node node = {.rank = facts->rank};
    dtype_from_name(facts->dtype, &node.dtype);
    memcpy(node.shape, facts->shape, (size_t)facts->rank * sizeof *node.shape);
    if (tensor_is_batched(facts))
        node.shape[0] = batch;
    *shown = shape_text(&node);
    struct digest digest = digest_tensor(node.dtype, node.rank, node.shape, elements);
    return digest_hex(&digest);
}

/* The outputs of one image, of the batch's. */
static struct et_digest image_digest(const struct et_program *program, int64_t index,
                                     const void *const *outputs, const void **of_image) {
    for (int i = 0; i < et_program_output_count(program); i++) {
        struct et_tensor facts = et_program_output(program, i);
        of_image[i] = tensor_image(&facts, outputs[i], index);
    }
    return et_program_output_digest(program, of_image);
}

/* ---- Writing ---- */

static json_t *tensor_entry(const struct et_tensor *facts, int64_t batch, const void *elements) {
    struct shape_text shown;
    struct digest_hex digest = tensor_digest(facts, batch, elements, &shown);
    return json_pack("{ssssss}", "name", facts->name, "tensor", shown.text, "digest", digest.text);
}

static json_t *tensor_list(const struct et_program *program, bool outputs, int64_t batch,
                           const void *const *elements) {
    int count = outputs ? et_program_output_count(program) : et_program_input_count(program);
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        struct et_tensor facts =
            outputs ? et_program_output(program, i) : et_program_input(program, i);
        json_array_append_new(list, tensor_entry(&facts, batch, elements[i]));
    }
    return list;
}

static json_t *image_list(const struct et_program *program, int64_t batch,
                          const void *const *outputs) {
    json_t *list = json_array();
    const void **of_image =
        et_allocate((size_t)et_program_output_count(program) + 1, sizeof *of_image);
    for (int64_t i = 0; of_image && i < batch; i++) {
        struct et_digest digest = image_digest(program, i, outputs, of_image);
        json_array_append_new(list, json_string(digest.text));
    }
    et_release(of_image);
    return list;
}

static json_t *where_it_ran(enum et_mode mode) {
    const struct target *target = mode == ET_JIT || mode == ET_AOT ? cpu_target(NULL) : NULL;
    return json_pack("{ssssss}", "eigentensor", et_version(), "mode", et_mode_name(mode), "target",
                     target ? target->name : "any");
}

/* What is signed; NULL: memory ran out. */
static char *signed_text(json_t *document) {
    json_t *copy = json_copy(document);
    json_object_del(copy, "signature");
    char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(copy);
    return text;
}

static struct receipt *receipt_new(json_t *document, struct et_error *error) {
    struct receipt *receipt = et_allocate(1, sizeof *receipt);
    if (!receipt) {
        json_decref(document);
        et_fail(error, "out of memory");
        return NULL;
    }
    bool is_signed = json_object_get(document, "signature");
    size_t outputs = json_array_size(json_object_get(document, "outputs"));
    *receipt = (struct receipt){.document = document,
                                .signed_text = is_signed ? signed_text(document) : NULL,
                                .of_image = et_allocate(outputs + 1, sizeof *receipt->of_image)};
    if (receipt->of_image && (receipt->signed_text || !is_signed))
        return receipt;
    receipt_free(receipt);
    et_fail(error, "out of memory");
    return NULL;
}

struct receipt *receipt_of_run(const struct et_program *program, enum et_mode mode, int64_t batch,
                               const void *const *inputs, const void *const *outputs,
                               struct et_error *error) {
    unsigned long failed = json_failed_allocations();
    json_t *document = json_pack(
        "{sssis{ssss}sosossso}", "format", "eigentensor-receipt", "version", VERSION, "graph",
        "name", et_program_name(program), "digest", et_program_digest(program), "inputs",
        tensor_list(program, false, batch, inputs), "outputs",
        tensor_list(program, true, batch, outputs), "result",
        et_program_output_digest_batch(program, batch, outputs).text, "ran", where_it_ran(mode));
    if (document && et_program_is_batched(program)) {
        json_object_set_new(document, "batch", json_integer(batch));
        json_object_set_new(document, "images", image_list(program, batch, outputs));
    }
    if (document && json_failed_allocations() == failed)
        return receipt_new(document, error);
    json_decref(document);
    et_fail(error, "out of memory");
    return NULL;
}

bool receipt_to_json(const struct receipt *receipt, struct text *json, struct et_error *error) {
    char *text = json_dumps(receipt->document, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (!text)
        return et_fail(error, "out of memory");
    text_add(json, "%s\n", text);
    free(text);
    return text_check(json, error);
}

/* ---- Reading ---- */

static bool is_hex(const char *text, size_t digits) {
    return text && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* The member is a text of so many hexadecimal digits. */
static bool check_hex(const json_t *object, const char *key, size_t digits,
                      struct et_error *error) {
    return is_hex(json_string_value(json_object_get(object, key)), digits) ||
           et_fail(error, "\"%s\": expected %zu hexadecimal digits", key, digits);
}

static bool check_tensors(const json_t *document, const char *key, struct et_error *error) {
    int count;
    const json_t *list = json_read_array(document, key, MOST_TENSORS, &count, error);
    static const char *const keys[] = {"name", "tensor", "digest", NULL};
    for (int i = 0; list && i < count; i++) {
        const json_t *entry = json_array_get(list, (size_t)i);
        if (!json_is_object(entry))
            return et_fail(error, "\"%s\"[%d]: expected an object, found %s", key, i,
                           json_kind(entry));
        if (!json_check_keys(entry, keys, error) || !json_read_name(entry, "name", error) ||
            !json_read_name(entry, "tensor", error) || !check_hex(entry, "digest", 64, error))
            return et_fail_within(error, "\"%s\"[%d]", key, i);
    }
    return list;
}

/* "batch" and "images" come together: a digest for each. */
static bool check_images(const json_t *document, struct et_error *error) {
    if (!json_object_get(document, "batch") && !json_object_get(document, "images"))
        return true; /* no batch axis */
    int64_t batch;
    int count;
    const json_t *list = json_read_array(document, "images", MOST_IMAGES, &count, error);
    if (!list || !json_read_integer(document, "batch", 1, MOST_IMAGES, &batch, error))
        return false;
    if (count != batch)
        return et_fail(error, "\"images\": expected %lld, as \"batch\" says, found %d",
                       (long long)batch, count);
    for (int i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, (size_t)i));
        if (!is_hex(text, 64))
            return et_fail(error, "\"images\"[%d]: expected 64 hexadecimal digits", i);
    }
    return true;
}

static bool check_signed(const json_t *document, struct et_error *error) {
    if (!json_object_get(document, "public_key") && !json_object_get(document, "signature"))
        return true;
    return check_hex(document, "public_key", 64, error) &&
           check_hex(document, "signature", 128, error);
}

static bool check_header(const json_t *document, struct et_error *error) {
    static const char *const keys[] = {"format", "version",    "graph",     "batch",
                                       "inputs", "outputs",    "result",    "images",
                                       "ran",    "public_key", "signature", NULL};
    if (!json_is_object(document))
        return et_fail(error, "expected an object, found %s", json_kind(document));
    const char *format = json_string_value(json_object_get(document, "format"));
    if (!format || strcmp(format, "eigentensor-receipt") != 0)
        return et_fail(error, "\"format\": expected \"eigentensor-receipt\"");
    int64_t version;
    return json_read_integer(document, "version", VERSION, VERSION, &version, error) &&
           json_check_keys(document, keys, error);
}

static bool check_document(const json_t *document, struct et_error *error) {
    const json_t *graph, *ran;
    return check_header(document, error) &&
           (graph = json_read_member(document, "graph", JSON_OBJECT, error)) &&
           json_read_name(graph, "name", error) && check_hex(graph, "digest", 64, error) &&
           check_tensors(document, "inputs", error) && check_tensors(document, "outputs", error) &&
           check_hex(document, "result", 64, error) &&
           (ran = json_read_member(document, "ran", JSON_OBJECT, error)) &&
           json_read_name(ran, "eigentensor", error) && json_read_name(ran, "mode", error) &&
           json_read_name(ran, "target", error) && check_images(document, error) &&
           check_signed(document, error);
}

struct receipt *receipt_from_value(json_t *value, struct et_error *error) {
    return check_document(value, error) ? receipt_new(json_incref(value), error) : NULL;
}

struct receipt *receipt_from_json(const char *bytes, size_t count, struct et_error *error) {
    json_t *document = json_read_within(bytes, count, MOST_MEMORY, error);
    struct receipt *receipt = document ? receipt_from_value(document, error) : NULL;
    json_decref(document);
    return receipt;
}

void receipt_free(struct receipt *receipt) {
    if (!receipt)
        return;
    json_decref(receipt->document);
    free(receipt->signed_text);
    et_release(receipt->of_image);
    et_release(receipt);
}

/* ---- Signatures ---- */

static bool set_hex(json_t *document, const char *key, const uint8_t *bytes, size_t count) {
    char text[2 * sizeof(struct signature) + 1] = "";
    base16_encode_update(text, count, bytes);
    return json_object_set_new(document, key, json_string(text)) == 0;
}

static void get_hex(const json_t *document, const char *key, uint8_t *bytes, size_t count) {
    const char *text = json_string_value(json_object_get(document, key));
    struct base16_decode_ctx state;
    base16_decode_init(&state);
    base16_decode_update(&state, &count, bytes, 2 * count, text);
}

bool receipt_sign(struct receipt *receipt, const struct signing_key *key, struct et_error *error) {
    json_t *document = receipt->document;
    free(receipt->signed_text);
    bool good = set_hex(document, "public_key", key->public.bytes, sizeof key->public.bytes);
    receipt->signed_text = good ? signed_text(document) : NULL;
    if (!receipt->signed_text)
        return et_fail(error, "out of memory");
    struct signature signature = sign(key, receipt->signed_text, strlen(receipt->signed_text));
    return set_hex(document, "signature", signature.bytes, sizeof signature.bytes) ||
           et_fail(error, "out of memory");
}

bool receipt_is_signed(const struct receipt *receipt) {
    return json_object_get(receipt->document, "signature");
}

bool receipt_check_signature(const struct receipt *receipt, const struct public_key *key,
                             struct et_error *error) {
    const json_t *document = receipt->document;
    if (!receipt_is_signed(receipt))
        return et_fail(error, "it is not signed");
    struct public_key signer;
    struct signature signature;
    get_hex(document, "public_key", signer.bytes, sizeof signer.bytes);
    get_hex(document, "signature", signature.bytes, sizeof signature.bytes);
    if (key && memcmp(key->bytes, signer.bytes, sizeof signer.bytes) != 0)
        return et_fail(error, "it is signed with another key, %s",
                       json_string_value(json_object_get(document, "public_key")));
    return signature_is_right(&signature, &signer, receipt->signed_text,
                              strlen(receipt->signed_text)) ||
           et_fail(error, "its signature is not of what it says: it was changed");
}

/* ---- Comparing ---- */

int64_t receipt_batch(const struct receipt *receipt) {
    const json_t *batch = json_object_get(receipt->document, "batch");
    return batch ? json_integer_value(batch) : 1;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

const char *receipt_result(const struct receipt *receipt) {
    return text_of(receipt->document, "result");
}

struct receipt_where receipt_where(const struct receipt *receipt) {
    const json_t *ran = json_object_get(receipt->document, "ran");
    struct receipt_where where;
    snprintf(where.text, sizeof where.text, "%s for %s, eigentensor %s",
             quoted(text_of(ran, "mode")).text, quoted(text_of(ran, "target")).text,
             quoted(text_of(ran, "eigentensor")).text);
    return where;
}

bool receipt_check_graph(const struct receipt *receipt, const struct et_program *program,
                         struct et_error *error) {
    const char *expected = text_of(json_object_get(receipt->document, "graph"), "digest");
    const char *found = et_program_digest(program);
    return strcmp(expected, found) == 0 ||
           et_fail(error, "the receipt is of the graph %s, this is %s", expected, found);
}

static bool check_tensor(const json_t *entry, const char *kind, const struct et_tensor *facts,
                         int64_t batch, const void *elements, struct et_error *error) {
    struct shape_text shown;
    struct digest_hex digest = tensor_digest(facts, batch, elements, &shown);
    const char *name = text_of(entry, "name"), *tensor = text_of(entry, "tensor");
    if (strcmp(name, facts->name) != 0 || strcmp(tensor, shown.text) != 0)
        return et_fail(error, "%s \"%s\": the receipt has \"%s\", %s, here it is %s", kind,
                       quoted(facts->name).text, quoted(name).text, quoted(tensor).text,
                       shown.text);
    return strcmp(text_of(entry, "digest"), digest.text) == 0 ||
           et_fail(error, "%s \"%s\" differs: the receipt has %s, here it is %s", kind,
                   quoted(name).text, text_of(entry, "digest"), digest.text);
}

static bool check_all(const struct receipt *receipt, const struct et_program *program, bool outputs,
                      const void *const *elements, struct et_error *error) {
    const char *kind = outputs ? "output" : "input";
    const json_t *list = json_object_get(receipt->document, outputs ? "outputs" : "inputs");
    int count = outputs ? et_program_output_count(program) : et_program_input_count(program);
    if (json_array_size(list) != (size_t)count)
        return et_fail(error, "the receipt has %zu %ss, the model %d", json_array_size(list), kind,
                       count);
    for (int i = 0; i < count; i++) {
        struct et_tensor facts =
            outputs ? et_program_output(program, i) : et_program_input(program, i);
        if (!check_tensor(json_array_get(list, (size_t)i), kind, &facts, receipt_batch(receipt),
                          elements[i], error))
            return false;
    }
    return true;
}

bool receipt_check_inputs(const struct receipt *receipt, const struct et_program *program,
                          const void *const *inputs, struct et_error *error) {
    return check_all(receipt, program, false, inputs, error);
}

/* Every image's own digest. */
static bool check_image_list(const struct receipt *receipt, const struct et_program *program,
                             const void *const *outputs, struct et_error *error) {
    const json_t *images = json_object_get(receipt->document, "images");
    for (size_t i = 0; i < json_array_size(images); i++) {
        const char *given = json_string_value(json_array_get(images, i));
        struct et_digest found = image_digest(program, (int64_t)i, outputs, receipt->of_image);
        if (strcmp(given, found.text) != 0)
            return et_fail(error, "\"images\"[%zu]: expected %s, found %s", i, found.text, given);
    }
    return true;
}

bool receipt_check_outputs(const struct receipt *receipt, const struct et_program *program,
                           const void *const *outputs, struct et_error *error) {
    struct et_digest found =
        et_program_output_digest_batch(program, receipt_batch(receipt), outputs);
    return check_all(receipt, program, true, outputs, error) &&
           (strcmp(receipt_result(receipt), found.text) == 0 ||
            et_fail(error, "\"result\": expected %s, as the outputs say, found %s", found.text,
                    receipt_result(receipt))) &&
           check_image_list(receipt, program, outputs, error);
}

bool receipt_check_image(const struct receipt *receipt, const struct et_program *program,
                         int64_t index, const void *const *outputs, struct et_error *error) {
    const json_t *images = json_object_get(receipt->document, "images");
    const char *expected = json_string_value(json_array_get(images, (size_t)index));
    struct et_digest found = et_program_output_digest(program, outputs);
    return (expected && strcmp(expected, found.text) == 0) ||
           et_fail(error, "the result of image %lld differs: the receipt has %s, here it is %s",
                   (long long)index, expected ? expected : "none", found.text);
}
