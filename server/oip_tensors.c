#include "server/oip_tensors.h"

#include <inttypes.h>
#include <string.h>

#include "compiler/base/json_read.h"
#include "compiler/store/element.h"

const char *oip_datatype(const char *dtype) {
    enum dtype found = DTYPE_FLOAT32;
    dtype_from_name(dtype, &found);
    return dtype_facts[found].protocol;
}

const json_t *oip_optional(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

bool oip_parameters(const json_t *object, const json_t **parameters, struct et_error *error) {
    *parameters = oip_optional(object, "parameters");
    return !*parameters || json_is_object(*parameters) ||
           et_fail(error, "\"parameters\" is %s, expected an object", json_kind(*parameters));
}

static void write_shape(struct text *text, const struct et_tensor *tensor) {
    text_add_string(text, "\"datatype\":\"");
    text_add_string(text, oip_datatype(tensor->dtype));
    text_add_string(text, "\",\"shape\":[");
    for (int axis = 0; axis < tensor->rank; axis++) {
        text_add_string(text, axis ? "," : "");
        text_add_integer(text, tensor->shape[axis]);
    }
    text_add_string(text, "]");
}

/* What integers stand for, where that is said. */
static void write_scale(struct text *text, const struct model *model, int index, bool is_input) {
    float scale;
    int64_t zero;
    if ((is_input ? et_program_input_scale : et_program_output_scale)(model->program, index, &scale,
                                                                      &zero))
        text_add(text, ",\"parameters\":{\"scale\":%.9g,\"zero\":%" PRId64 "}", (double)scale,
                 zero);
}

void oip_write_tensors(struct text *text, const struct model *model, int count,
                       model_tensor *facts) {
    int written = 0;
    text_add(text, "[");
    for (int i = 0; i < count; i++) {
        int64_t shape[MAX_RANK];
        struct et_tensor tensor = facts(model, i, shape);
        if (facts == model_output && !model_shows_output(model, i))
            continue;
        text_add(text, "%s{\"name\":", written++ ? "," : "");
        text_add_json(text, tensor.name);
        text_add(text, ",");
        write_shape(text, &tensor);
        write_scale(text, model, i, facts == model_input);
        text_add(text, "}");
    }
    text_add(text, "]");
}

/* A tensor of so many images; `shape` has room for its extents. */
static struct et_tensor at_batch(struct et_tensor tensor, int64_t batch, int64_t *shape) {
    if (!tensor.rank || tensor.shape[0] != ET_BATCH)
        return tensor;
    memcpy(shape, tensor.shape, (size_t)tensor.rank * sizeof *shape);
    shape[0] = batch;
    tensor.shape = shape;
    tensor.bytes *= (size_t)batch;
    return tensor;
}

/* ---- Inputs ---- */

/* How many images there are, by the first input that has a batch axis; 1: there is none. */
static bool read_batch(const json_t *inputs, const struct model *model, int64_t max_batch,
                       int64_t *batch, struct et_error *error) {
    *batch = 1;
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *object = json_array_get(inputs, i);
        const char *name = json_string_value(json_object_get(object, "name"));
        int index = name ? et_program_find_input(model->program, name) : -1;
        const json_t *extent = json_array_get(json_object_get(object, "shape"), 0);
        if (index < 0 || !json_is_integer(extent))
            continue; /* what is wrong is said later */
        struct et_tensor tensor = et_program_input(model->program, index);
        if (!tensor.rank || tensor.shape[0] != ET_BATCH)
            continue;
        *batch = json_integer_value(extent);
        return (*batch >= 1 && *batch <= max_batch) ||
               et_fail(error, "input \"%s\": a batch of %" PRId64 ", expected 1 to %" PRId64, name,
                       *batch, max_batch);
    }
    return true;
}

static bool check_kind(const json_t *object, const struct et_tensor *tensor,
                       struct et_error *error) {
    const char *datatype = json_string_value(json_object_get(object, "datatype"));
    if (!datatype || strcmp(datatype, oip_datatype(tensor->dtype)) != 0)
        return et_fail(error, "datatype %s, expected %s", datatype ? quoted(datatype).text : "none",
                       oip_datatype(tensor->dtype));
    const json_t *shape = json_object_get(object, "shape");
    bool same = json_is_array(shape) && json_array_size(shape) == (size_t)tensor->rank;
    for (int axis = 0; same && axis < tensor->rank; axis++) {
        const json_t *extent = json_array_get(shape, (size_t)axis);
        same = json_is_integer(extent) && json_integer_value(extent) == tensor->shape[axis];
    }
    if (same)
        return true;
    struct text expected = {0};
    for (int axis = 0; axis < tensor->rank; axis++)
        text_add(&expected, "%s%" PRId64, axis ? ", " : "", tensor->shape[axis]);
    const char *extents = text_read(&expected, error);
    if (extents)
        et_fail(error, "another shape than [%s]", extents);
    text_free(&expected);
    return false;
}

/* Where the next element goes, and where the last one ends. */
struct filling {
    enum dtype dtype;
    size_t element_bytes;
    char *at, *end;
};

/* A flat list or a nested one: both are row-major. Nesting is bounded by the parser. */
static bool fill(struct filling *filling, const json_t *value, struct et_error *error) {
    if (!json_is_array(value)) {
        if (filling->at == filling->end)
            return et_fail(error, "data has more elements than the shape");
        if (!element_from_json(value, filling->dtype, filling->at, error))
            return false;
        filling->at += filling->element_bytes;
        return true;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!fill(filling, json_array_get(value, i), error))
            return false;
    return true;
}

static bool read_data(const json_t *data, const struct et_tensor *tensor, void *elements,
                      struct et_error *error) {
    struct filling filling = {.at = elements, .end = (char *)elements + tensor->bytes};
    if (!json_is_array(data))
        return et_fail(error, "\"data\" is %s, expected an array", json_kind(data));
    dtype_from_name(tensor->dtype, &filling.dtype);
    filling.element_bytes = dtype_facts[filling.dtype].bytes;
    if (!fill(&filling, data, error))
        return false;
    size_t missing = (size_t)(filling.end - filling.at) / filling.element_bytes;
    return missing == 0 || et_fail(error, "data has %zu elements fewer than the shape", missing);
}

static bool read_bytes(const json_t *size, struct oip_bytes *behind, const struct et_tensor *tensor,
                       void *elements, struct et_error *error) {
    if (!json_is_integer(size) || json_integer_value(size) != (json_int_t)tensor->bytes)
        return et_fail(error, "\"binary_data_size\": expected %zu", tensor->bytes);
    size_t left = behind->count - behind->used;
    if (left < tensor->bytes)
        return et_fail(error, "expected %zu bytes behind the JSON, found %zu", tensor->bytes, left);
    const char *bytes = behind->bytes + behind->used;
    for (size_t i = 0; strcmp(tensor->dtype, "bool") == 0 && i < tensor->bytes; i++)
        if ((unsigned char)bytes[i] > 1)
            return et_fail(error, "element %zu: expected 0 or 1, found %d", i,
                           (unsigned char)bytes[i]);
    memcpy(elements, bytes, tensor->bytes);
    behind->used += tensor->bytes;
    return true;
}

static bool read_list(const struct oip_list *list, const struct et_tensor *tensor, void *elements,
                      struct et_error *error) {
    enum dtype dtype = DTYPE_FLOAT32;
    dtype_from_name(tensor->dtype, &dtype);
    size_t count = tensor->bytes / dtype_facts[dtype].bytes;
    return oip_list_read(list, dtype, count, elements) || et_fail(error, "another list of numbers");
}

/* `list`: what stands for an empty list of the document; or NULL. */
static bool read_input(const json_t *object, const struct oip_list *list, struct oip_bytes *behind,
                       const struct et_tensor *tensor, void *elements, struct et_error *error) {
    const json_t *parameters, *data = oip_optional(object, "data");
    if (!check_kind(object, tensor, error) || !oip_parameters(object, &parameters, error))
        return false;
    const json_t *size = oip_optional(parameters, "binary_data_size");
    if (!data == !size)
        return et_fail(error, "expected \"data\" or \"binary_data_size\"");
    return size   ? read_bytes(size, behind, tensor, elements, error)
           : list ? read_list(list, tensor, elements, error)
                  : read_data(data, tensor, elements, error);
}

bool oip_read_inputs(const json_t *document, const struct oip_data *data, struct oip_bytes *behind,
                     const struct model *model, int64_t max_batch, struct model_memory *memory,
                     struct et_error *error) {
    int64_t batch, shape[MAX_RANK];
    int taken = 0;
    const json_t *inputs = json_object_get(document, "inputs");
    size_t count = json_array_size(inputs);
    if (!json_is_array(inputs) || count != (size_t)memory->input_count)
        return et_fail(error, "\"inputs\": expected an array of %d", memory->input_count);
    if (!read_batch(inputs, model, max_batch, &batch, error) ||
        !model_memory_fit(memory, model, batch, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_array_get(inputs, i);
        const char *name = json_string_value(json_object_get(object, "name"));
        int index = name ? et_program_find_input(model->program, name) : -1;
        if (index < 0)
            return et_fail(error, "inputs[%zu]: the model has no input \"%s\"", i,
                           name ? quoted(name).text : "");
        for (size_t before = 0; before < i; before++)
            if (json_equal(json_object_get(json_array_get(inputs, before), "name"),
                           json_object_get(object, "name")))
                return et_fail(error, "inputs[%zu]: \"%s\" is there twice", i, name);
        struct et_tensor tensor = at_batch(et_program_input(model->program, index), batch, shape);
        const bool is_taken = taken < data->count && json_is_array(json_object_get(object, "data"));
        const struct oip_list *list = is_taken ? &data->lists[taken++] : NULL;
        if (!read_input(object, list, behind, &tensor, memory->inputs[index], error))
            return et_fail_within(error, "input \"%s\"", name);
    }
    return behind->used == behind->count ||
           et_fail(error, "%zu bytes behind the JSON belong to no input",
                   behind->count - behind->used);
}

/* ---- Outputs ---- */

static bool read_flag(const json_t *object, const char *key, bool *flag, struct et_error *error) {
    const json_t *parameters;
    if (!oip_parameters(object, &parameters, error))
        return false;
    const json_t *value = oip_optional(parameters, key);
    if (value && !json_is_boolean(value))
        return et_fail(error, "parameter \"%s\" is %s, expected true or false", key,
                       json_kind(value));
    if (value)
        *flag = json_is_true(value);
    return true;
}

static bool read_output(const json_t *object, size_t position, const struct model *model,
                        struct oip_output *output, struct et_error *error) {
    const char *name = json_string_value(json_object_get(object, "name"));
    output->index = name ? et_program_find_output(model->program, name) : -1;
    if (output->index < 0)
        return et_fail(error, "outputs[%zu]: the model has no output \"%s\"", position,
                       name ? quoted(name).text : "");
    return read_flag(object, "binary_data", &output->binary, error);
}

bool oip_read_outputs(const json_t *document, const struct model *model,
                      struct oip_outputs *outputs, struct et_error *error) {
    bool binary = false;
    int all = et_program_output_count(model->program);
    const json_t *wanted = oip_optional(document, "outputs");
    size_t count = wanted ? json_array_size(wanted) : 0;
    if (!read_flag(document, "binary_data_output", &binary, error))
        return false;
    if (wanted && (!json_is_array(wanted) || count > (size_t)all))
        return et_fail(error, "\"outputs\": expected an array of at most %d", all);
    outputs->items = et_allocate((size_t)all + 1, sizeof *outputs->items);
    if (!outputs->items)
        return et_fail(error, "out of memory");
    for (int i = 0; !wanted && i < all; i++)
        if (model_shows_output(model, i))
            outputs->items[outputs->count++] = (struct oip_output){i, binary};
    for (size_t i = 0; i < count; i++) {
        struct oip_output *output = &outputs->items[outputs->count++];
        output->binary = binary;
        if (!read_output(json_array_get(wanted, i), i, model, output, error))
            return false;
    }
    return true;
}

void oip_cut_outputs(const struct model *model, const struct model_memory *memory) {
    for (int i = 0; i < memory->output_count; i++)
        et_program_cut_output(model->program, i, memory->outputs);
}

/* An output of the run, as it was cut; `shape` has room for its extents. */
static struct et_tensor output_of_run(const struct model *model, const struct model_memory *memory,
                                      int index, int64_t *shape) {
    int axis, count;
    struct et_tensor tensor = et_program_output(model->program, index);
    if (!et_program_output_count_of(model->program, index, &axis, &count))
        return at_batch(tensor, memory->batch, shape);
    et_program_true_shape(model->program, index, (const void *const *)memory->outputs, shape);
    if (tensor.shape[axis])
        tensor.bytes = tensor.bytes / (size_t)tensor.shape[axis] * (size_t)shape[axis];
    tensor.shape = shape;
    return tensor;
}

/* Plain numbers, also where the stored form has a string. */
static void write_element(struct text *text, enum dtype dtype, const void *element) {
    struct element_text stored = element_text(dtype, element);
    size_t length = strlen(stored.text);
    bool plain = dtype == DTYPE_UINT64 && stored.text[0] == '"';
    text_add_bytes(text, stored.text + plain, length - 2 * plain);
}

static void write_data(struct text *text, const struct et_tensor *tensor, const char *elements) {
    enum dtype dtype = DTYPE_FLOAT32;
    dtype_from_name(tensor->dtype, &dtype);
    text_add(text, ",\"data\":[");
    for (size_t at = 0; at < tensor->bytes; at += dtype_facts[dtype].bytes) {
        if (at)
            text_add_bytes(text, ",", 1);
        write_element(text, dtype, elements + at);
    }
    text_add(text, "]");
}

void oip_write_outputs(struct text *text, const struct model *model,
                       const struct model_memory *memory, const struct oip_outputs *outputs) {
    text_add_string(text, "\"outputs\":[");
    for (int i = 0; i < outputs->count; i++) {
        const struct oip_output *output = &outputs->items[i];
        int64_t shape[MAX_RANK];
        struct et_tensor tensor = output_of_run(model, memory, output->index, shape);
        text_add_string(text, i ? ",{\"name\":" : "{\"name\":");
        text_add_json(text, tensor.name);
        text_add_string(text, ",");
        write_shape(text, &tensor);
        if (output->binary)
            text_add(text, ",\"parameters\":{\"binary_data_size\":%zu}", tensor.bytes);
        else
            write_data(text, &tensor, memory->outputs[output->index]);
        text_add_string(text, "}");
    }
    text_add_string(text, "]");
}

void oip_write_bytes(struct text *text, const struct model *model,
                     const struct model_memory *memory, const struct oip_outputs *outputs) {
    for (int i = 0; i < outputs->count; i++) {
        int index = outputs->items[i].index;
        int64_t shape[MAX_RANK];
        struct et_tensor tensor = output_of_run(model, memory, index, shape);
        if (outputs->items[i].binary)
            text_add_bytes(text, memory->outputs[index], tensor.bytes);
    }
}
