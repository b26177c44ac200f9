/* Which sizes of open axes the tensors of a request have. */
#include "server/oip_tensors.h"

#include <inttypes.h>
#include <string.h>

#include "compiler/base/json_read.h"

/* Sizes so far, and which input was the first to have each. */
struct sizes_reading {
    const struct sizes *sizes;
    size_t body_bytes;
    struct sizes_asked *asked;
    const char *by[SIZES_MOST_AXES]; /* NULL: no input has said */
};

static const json_t *find_input(const json_t *inputs, const char *name) {
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *object = json_array_get(inputs, i);
        const char *own = json_string_value(json_object_get(object, "name"));
        if (own && strcmp(own, name) == 0)
            return object;
    }
    return NULL;
}

static bool refuse(const struct served_axis *axis, const char *input, int64_t size,
                   struct et_error *error) {
    struct text allowed = {0};
    describe_served_axis(axis, &allowed);
    const char *expected = text_read(&allowed, error);
    if (expected)
        et_fail(error, "axis \"%s\": input \"%s\" has size %" PRId64 ", expected %s",
                quoted(axis->name).text, quoted(input).text, size, expected);
    text_free(&allowed);
    return false;
}

/* An extent of an axis that is open. */
static bool take_size(struct sizes_reading *reading, int axis, const char *input, int64_t size,
                      struct et_error *error) {
    const struct served_axis *served = &reading->sizes->axes[axis];
    int64_t *at = &reading->asked->at[axis];
    if (!axis_allows(&served->allowed, size))
        return refuse(served, input, size, error);
    if (!open_axis_allows(&served->bounds, size, error))
        return et_fail_within(error, "input \"%s\"", quoted(input).text);
    if (reading->by[axis] && *at != size)
        return et_fail(error,
                       "axis \"%s\": input \"%s\" has size %" PRId64 ", input \"%s\" %" PRId64,
                       quoted(served->name).text, quoted(input).text, size,
                       quoted(reading->by[axis]).text, *at);
    reading->by[axis] = input;
    *at = size;
    return true;
}

/* Its elements are in the request, so there are no more of them than it has bytes. No extent of a
 * tensor without elements is more, either: a program is made for each. */
static bool check_elements(const struct sizes_reading *reading, const char *input,
                           const json_t *shape, struct et_error *error) {
    int64_t elements = 1;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        int64_t extent = json_integer_value(json_array_get(shape, i));
        if (extent > 0 && (!checked_multiply(elements, extent, &elements) ||
                           (size_t)elements > reading->body_bytes))
            return et_fail(error, "input \"%s\": a shape of more elements than the body has bytes",
                           quoted(input).text);
    }
    return true;
}

static int find_axis(const struct sizes *sizes, const char *name) {
    for (int i = 0; name && i < sizes->axis_count; i++)
        if (strcmp(sizes->axes[i].name, name) == 0)
            return i;
    return -1;
}

static bool read_input(struct sizes_reading *reading, const struct declared_input *declared,
                       const json_t *shape, struct et_error *error) {
    const struct et_program *program = reading->sizes->model->program;
    int index = et_program_find_input(program, declared->name);
    if (index < 0)
        return true;
    struct et_tensor tensor = et_program_input(program, index);
    int before = axes_before(&tensor, declared);
    if (before < 0 || json_array_size(shape) != (size_t)tensor.rank)
        return true; /* what is wrong is said later */
    for (int i = 0; i < declared->rank; i++) {
        const json_t *extent = json_array_get(shape, (size_t)before + (size_t)i);
        int axis = find_axis(reading->sizes, declared->axis[i]);
        if (axis >= 0 && json_is_integer(extent) &&
            !take_size(reading, axis, declared->name, json_integer_value(extent), error))
            return false;
    }
    return check_elements(reading, declared->name, shape, error);
}

bool oip_read_sizes(const json_t *document, size_t body_bytes, const struct sizes *sizes,
                    struct sizes_asked *asked, struct et_error *error) {
    struct sizes_reading reading = {.sizes = sizes, .body_bytes = body_bytes, .asked = asked};
    struct declared_inputs declared = model_file_inputs(sizes->file);
    const json_t *inputs = json_object_get(document, "inputs");
    *asked = sizes_first(sizes);
    if (json_array_size(inputs) > (size_t)declared.count)
        return true; /* the same */
    for (int i = 0; i < declared.count; i++) {
        const json_t *object = find_input(inputs, declared.inputs[i].name);
        if (object &&
            !read_input(&reading, &declared.inputs[i], json_object_get(object, "shape"), error))
            return false;
    }
    return true;
}
