/* Tensors that the file holds, or files beside it: small ones become consts, others weights. */
#include "compiler/base/most_bytes.h"
#include "compiler/import/low_types.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LISTED = 16 }; /* elements of what becomes a const */
#define MOST_DATA_BYTES MOST_BYTES(37)

/* ---- Elements in the file's fields ---- */

/* A list of numbers as narrower elements, a number each. */
static const void *narrowed(struct importer *importer, const void *numbers, size_t wide,
                            size_t count, size_t width) {
    char *elements = arena_allocate(&importer->weights->arena, count + 1, width);
    for (size_t i = 0; i < count; i++) /* little-endian: the low bytes */
        memcpy(elements + i * width, (const char *)numbers + i * wide, width);
    return elements;
}

/* Which of the lists holds elements of the dtype, and how many there are. */
static const void *listed(struct importer *importer, const Onnx__Tensor *tensor, enum dtype dtype,
                          size_t *count) {
    switch (dtype) {
    case DTYPE_FLOAT32:
        *count = onnx_float_data(tensor).count / sizeof(float);
        return onnx_float_data(tensor).bytes;
    case DTYPE_FLOAT64:
        *count = tensor->n_double_data;
        return tensor->double_data;
    case DTYPE_INT64:
        *count = tensor->n_int64_data;
        return tensor->int64_data;
    case DTYPE_UINT64:
        *count = tensor->n_uint64_data;
        return tensor->uint64_data;
    case DTYPE_UINT32:
        *count = tensor->n_uint64_data;
        return narrowed(importer, tensor->uint64_data, sizeof *tensor->uint64_data,
                        tensor->n_uint64_data, dtype_facts[dtype].bytes);
    case DTYPE_INT32:
        *count = tensor->n_int32_data;
        return tensor->int32_data;
    default:
        *count = tensor->n_int32_data;
        return narrowed(importer, tensor->int32_data, sizeof *tensor->int32_data,
                        tensor->n_int32_data, dtype_facts[dtype].bytes);
    }
}

/* Codes in the list of numbers: of 6 bits one in each, else so many as a byte of raw data has. */
static const void *listed_codes(struct importer *importer, const Onnx__Tensor *tensor,
                                const struct low_type *low, int64_t elements,
                                struct et_error *error) {
    bool each = low->bits == 6;
    size_t count = tensor->n_int32_data;
    size_t expected = each ? (size_t)elements : packed_bytes(low, elements);
    if (count != expected) {
        et_fail(error, "%zu numbers, expected %zu", count, expected);
        return NULL;
    }
    uint8_t *bytes = arena_allocate(&importer->weights->arena, count + 1, 1);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(tensor->int32_data[i] & (each ? 0x3f : 0xff));
    return each ? bytes : unpacked_codes(&importer->weights->arena, low, bytes, elements);
}

/* ---- Elements in other files ---- */

static const char *entry_of(const Onnx__Tensor *tensor, const char *key) {
    for (size_t i = 0; i < tensor->n_external_data; i++)
        if (strcmp(tensor->external_data[i]->key, key) == 0)
            return tensor->external_data[i]->value;
    return NULL;
}

static bool number_of(const Onnx__Tensor *tensor, const char *key, size_t otherwise, size_t *number,
                      struct et_error *error) {
    const char *text = entry_of(tensor, key);
    *number = otherwise;
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits])
        return et_fail(error, "external data: \"%s\" is \"%s\", expected a number of bytes", key,
                       quoted(text).text);
    *number = (size_t)strtoull(text, NULL, 10);
    return true;
}

/* Names of files below the model's folder, so that a model cannot read others. */
static bool is_inside(const char *location) {
    if (!location[0] || location[0] == '/' || strchr(location, '\\'))
        return false;
    for (const char *part = location; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.')
            return false;
    }
    return true;
}

/* The file of that name beside the model, mapped once. */
static const struct mapped_file *external_file(struct importer *importer, const char *location,
                                               struct et_error *error) {
    if (!is_inside(location)) {
        et_fail(error, "external data: \"%s\", expected a file in the model's folder",
                quoted(location).text);
        return NULL;
    }
    struct elements *elements = importer->weights->elements;
    const char *slash = strrchr(importer->path, '/');
    int folder = slash ? (int)(slash + 1 - importer->path) : 0;
    const char *path = arena_format(&importer->arena, "%.*s%s", folder, importer->path, location);
    const struct mapped_file *file = elements_map(elements, path, MOST_DATA_BYTES, error);
    if (!file)
        et_fail_within(error, "weights are in a file beside the model");
    return file;
}

static const void *external(struct importer *importer, const Onnx__Tensor *tensor, size_t wanted,
                            struct et_error *error) {
    const char *location = entry_of(tensor, "location");
    size_t offset, length;
    if (!location) {
        et_fail(error, "external data: without the name of a file");
        return NULL;
    }
    if (!number_of(tensor, "offset", 0, &offset, error) ||
        !number_of(tensor, "length", wanted, &length, error))
        return NULL;
    if (length != wanted) {
        et_fail(error, "external data: %zu bytes, expected %zu", length, wanted);
        return NULL;
    }
    if (wanted == 0)
        return "";
    const struct mapped_file *file = external_file(importer, location, error);
    if (!file)
        return NULL;
    if (offset > file->count || length > file->count - offset) {
        et_fail(error, "external data: bytes %zu to %zu of %s, which has %zu", offset,
                offset + length, quoted(location).text, file->count);
        return NULL;
    }
    return file->bytes + offset;
}

/* ---- As nodes ---- */

/* So many bytes that the tensor has as a whole. */
static const void *raw_bytes(struct importer *importer, const Onnx__Tensor *tensor, size_t bytes,
                             struct et_error *error) {
    struct onnx_raw raw = onnx_raw_data(tensor);
    if (tensor->data_location == 1)
        return external(importer, tensor, bytes, error);
    if (raw.count == bytes)
        return bytes ? (const void *)raw.bytes : "";
    et_fail(error, "%zu bytes, expected %zu", raw.count, bytes);
    return NULL;
}

/* Elements of any alignment that evaluating and compiling may meet: those of large tensors stay
 * where they are in a file. */
#define LEAST_LEFT ((size_t)1 << 16)

static const void *aligned(struct arena *arena, const void *data, size_t count, size_t width) {
    if ((uintptr_t)data % width == 0)
        return data;
    return memcpy(arena_allocate(arena, count, width), data, count * width);
}

static const void *left(struct importer *importer, const void *data, int64_t count, size_t width) {
    if ((size_t)count * width >= LEAST_LEFT)
        return data;
    return aligned(&importer->weights->arena, data, (size_t)count, width);
}

static const void *elements_of(struct importer *importer, const Onnx__Tensor *tensor,
                               enum dtype dtype, int64_t elements, struct et_error *error) {
    const struct low_type *low = low_type(tensor->data_type);
    size_t width = dtype_facts[dtype].bytes, count;
    bool is_raw = tensor->data_location == 1 || tensor->has_raw_data;
    if (is_raw) {
        size_t bytes = low ? packed_bytes(low, elements) : (size_t)elements * width;
        const void *data = raw_bytes(importer, tensor, bytes, error);
        if (low && data)
            return unpacked_codes(&importer->weights->arena, low, data, elements);
        return data ? left(importer, data, elements, width) : NULL;
    }
    if (low)
        return listed_codes(importer, tensor, low, elements, error);
    const void *list = listed(importer, tensor, dtype, &count);
    if (count == (size_t)elements)
        return elements ? left(importer, list, elements, width) : "";
    et_fail(error, "%zu elements, expected %" PRId64, count, elements);
    return NULL;
}

/* Bools are indices in compiled code. */
static bool are_bools(const uint8_t *elements, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (elements[i] > 1)
            return false;
    return true;
}

static bool describe_tensor(const Onnx__Tensor *tensor, struct node *node, struct et_error *error) {
    const char *type = onnx_type_name(tensor->data_type);
    if (!type)
        return et_fail(error, "element type %d, which there is not", tensor->data_type);
    if (!held_dtype(tensor->data_type, &node->dtype))
        return et_fail(error, "elements of type %s, which graphs do not have", type);
    if (tensor->n_dims > MAX_RANK)
        return et_fail(error, "rank %zu, expected at most %d", tensor->n_dims, MAX_RANK);
    node->rank = (int)tensor->n_dims;
    for (int i = 0; i < node->rank; i++) {
        node->shape[i] = tensor->dims[i];
        if (tensor->dims[i] < 0)
            return et_fail(error, "an extent of %" PRId64, tensor->dims[i]);
    }
    if (!elements_fit(node->rank, node->shape) || node_bytes(node) > MAX_TENSOR_BYTES)
        return et_fail(error, "%s is too large", shape_text(node).text);
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

/* One name a weight: functions that are inlined twice bring theirs twice. */
static const char *weight_name(struct importer *importer, const char *name) {
    struct arena *arena = &importer->weights->arena;
    char *base = arena_format(arena, "%s", name[0] ? name : "constant");
    if (strlen(base) > MAX_NAME - 12)
        cut_name(base);
    const char *unique = base;
    for (int again = 2; tfind(unique, &importer->weight_names, compare_names); again++)
        unique = arena_format(arena, "%s.%d", base, again);
    if (!tsearch(unique, &importer->weight_names, compare_names))
        arena_exhausted(arena);
    return unique;
}

/* A node of the model's graph. */
static struct tensor as_weight(struct importer *importer, struct node *node, const char *name,
                               const void *data) {
    struct weights *weights = importer->weights;
    node->op = OP_WEIGHT;
    node->name = weight_name(importer, name);
    node->value = data;
    node->value_count = node_elements(node);
    weights->tensors = arena_extend(&weights->arena, weights->tensors, weights->count,
                                    &importer->weight_capacity, sizeof *weights->tensors);
    struct weight *weight = &weights->tensors[weights->count++];
    *weight = (struct weight){.name = node->name,
                              .dtype = node->dtype,
                              .rank = node->rank,
                              .data = data,
                              .bytes = (size_t)node_bytes(node)};
    memcpy(weight->shape, node->shape, sizeof weight->shape);
    return tensor_of_node(importer->model_graph->context, node, 0, NULL);
}

/* A tensor of the file, and the weight that it became: one that stands in a body is met at each
 * step. */
struct weight_tensor {
    const Onnx__Tensor *tensor;
    struct tensor weight;
};

static int compare_tensors(const void *a, const void *b) {
    const Onnx__Tensor *first = ((const struct weight_tensor *)a)->tensor;
    const Onnx__Tensor *second = ((const struct weight_tensor *)b)->tensor;
    return ((uintptr_t)first > (uintptr_t)second) - ((uintptr_t)first < (uintptr_t)second);
}

static struct tensor as_weight_once(struct importer *importer, const Onnx__Tensor *tensor,
                                    struct node *node, const char *name, const void *data) {
    struct weight_tensor *entry = arena_new(&importer->arena, struct weight_tensor);
    entry->tensor = tensor;
    struct weight_tensor **found = tsearch(entry, &importer->weight_tensors, compare_tensors);
    if (!found)
        arena_exhausted(&importer->arena);
    if (*found == entry)
        entry->weight = as_weight(importer, node, name, data);
    return captured(importer, (*found)->weight);
}

/* What the tensor is, and its elements; NULL and an error. */
static const void *read_tensor(struct importer *importer, const Onnx__Tensor *tensor,
                               struct node *node, struct et_error *error) {
    if (!describe_tensor(tensor, node, error))
        return NULL;
    int64_t count = node_elements(node);
    const void *data = elements_of(importer, tensor, node->dtype, count, error);
    if (data && node->dtype == DTYPE_BOOL && !are_bools(data, count)) {
        et_fail(error, "a bool that is neither 0 nor 1");
        return NULL;
    }
    return data;
}

struct tensor import_tensor(struct importer *importer, const Onnx__Tensor *tensor,
                            const char *name) {
    struct node node = {0};
    struct et_error error = {0};
    const void *data = read_tensor(importer, tensor, &node, &error);
    if (!data)
        return tensor_fail(importer->graph->context, "tensor \"%s\": %s", quoted(name).text,
                           error.message);
    int64_t count = node_elements(&node);
    struct tensor x = count <= MOST_LISTED ? tensor_const(importer->graph->context, node.dtype,
                                                          node.rank, node.shape, count, data)
                                           : as_weight_once(importer, tensor, &node, name, data);
    return typed(importer, x, tensor->data_type);
}

/* ---- Tables that builders compute ---- */

void *computed_elements(struct importer *importer, enum dtype dtype, int rank,
                        const int64_t *shape) {
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (shape[i] < 0 || !checked_multiply(count, shape[i], &count) || count > MOST_COMPUTED)
            return NULL;
    return arena_allocate(&importer->weights->arena, (size_t)count + 1, dtype_facts[dtype].bytes);
}

void set_computed(void *elements, enum dtype dtype, int64_t at, double value) {
    if (dtype == DTYPE_FLOAT64)
        ((double *)elements)[at] = value;
    else
        ((float *)elements)[at] = (float)value;
}

/* `elements` outlive the import when they are more than a const has. */
static struct tensor as_table(struct call *call, const char *name, struct node *node,
                              const void *elements) {
    int64_t count = node_elements(node);
    if (!call_table_agrees(call, node->dtype, node->rank, node->shape, elements))
        return NO_TENSOR;
    if (count <= MOST_LISTED)
        return tensor_const(call->context, node->dtype, node->rank, node->shape, count, elements);
    const char *own = call->node->output[0];
    return captured(call->importer,
                    as_weight(call->importer, node,
                              arena_format(&call->importer->arena, "%s.%s", own, name), elements));
}

struct tensor computed_tensor(struct call *call, const char *name, enum dtype dtype, int rank,
                              const int64_t *shape, const void *elements) {
    struct node node = {.dtype = dtype, .rank = rank};
    memcpy(node.shape, shape, (size_t)rank * sizeof *shape);
    return as_table(call, name, &node, elements);
}

struct tensor import_table(struct call *call, const char *name, enum dtype dtype, int rank,
                           const int64_t *shape, const void *elements) {
    struct node node = {.dtype = dtype, .rank = rank};
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        node.shape[i] = shape[i];
        if (!checked_multiply(count, shape[i], &count))
            count = INT64_MAX;
    }
    if (!call_affords(call, count))
        return (struct tensor){call->context, NULL};
    if (count > MOST_LISTED) {
        size_t width = dtype_facts[dtype].bytes;
        void *kept = arena_allocate(&call->importer->weights->arena, (size_t)count, width);
        elements = memcpy(kept, elements, (size_t)count * width);
    }
    return as_table(call, name, &node, elements);
}

/* ---- Attributes as numbers ---- */

static struct doubles listed_numbers(struct call *call, struct floats list) {
    if (!call_affords(call, list.count))
        return (struct doubles){0};
    double *values = arena_array(&call->importer->arena, double, (size_t)list.count + 1);
    for (int i = 0; i < list.count; i++)
        values[i] = (double)list.values[i];
    return (struct doubles){list.count, values};
}

static struct doubles tensor_numbers(struct call *call, const Onnx__Tensor *tensor,
                                     const char *name) {
    struct node node = {0};
    struct et_error error = {0};
    const void *data = read_tensor(call->importer, tensor, &node, &error);
    int64_t count = node_elements(&node);
    if (data && count > INT32_MAX)
        et_fail(&error, "%s is too large", shape_text(&node).text);
    if (error.message[0]) {
        call_refuse(call, "attribute \"%s\": %s", name, error.message);
        return (struct doubles){0};
    }
    if (!call_affords(call, count))
        return (struct doubles){0};
    struct arena *arena = &call->importer->arena;
    double *values = arena_array(arena, double, (size_t)count + 1);
    data = aligned(arena, data, (size_t)count, dtype_facts[node.dtype].bytes);
    const struct view view = view_contiguous(&node, data);
    for (int64_t i = 0; i < count; i++)
        values[i] = number_at(&view, i);
    return (struct doubles){(int)count, values};
}

struct doubles call_numbers(struct call *call, const char *name, const char *tensor_name) {
    struct floats list = name ? call_floats(call, name) : (struct floats){0};
    const Onnx__Tensor *tensor = tensor_name ? call_tensor(call, tensor_name) : NULL;
    if (list.count && tensor)
        call_refuse(call, "both \"%s\" and \"%s\"", name, tensor_name);
    if (tensor)
        return tensor_numbers(call, tensor, tensor_name);
    return list.values ? listed_numbers(call, list) : (struct doubles){0};
}
