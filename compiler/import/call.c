/* What a builder asks of its node. */
#include "compiler/import/importer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TABLED = 1 << 28 }; /* members of a list, and elements of all tables together */

bool call_affords(struct call *call, int64_t elements) {
    struct importer *importer = call->importer;
    if (elements <= MOST_TABLED - importer->tabled) {
        importer->tabled += elements;
        return true;
    }
    call_refuse(call, "tables of more than %d elements, all together", MOST_TABLED);
    return false;
}

/* ---- Inputs and outputs ---- */

void call_ignore_input(const struct call *call, int index) {
    if (index < call->input_count)
        call->taken[index] = true;
}

bool call_has_input(const struct call *call, int index) {
    call_ignore_input(call, index);
    return index < call->input_count && is_given(call->inputs[index]);
}

struct tensor call_optional(const struct call *call, int index) {
    return call_has_input(call, index) ? call->inputs[index] : NO_TENSOR;
}

struct tensor call_input(const struct call *call, int index) {
    if (!call_has_input(call, index) && *call->absent < 0)
        *call->absent = index;
    return call_optional(call, index);
}

const struct tensor *call_inputs(const struct call *call, int first) {
    for (int i = first; i < call->input_count; i++)
        call_ignore_input(call, i);
    return call->inputs + first;
}

bool call_wants_output(const struct call *call, int index) {
    if ((size_t)index >= call->node->n_output)
        return false;
    const struct value *value = value_find(call->scope, call->node->output[index]);
    return value && value->wanted;
}

void call_output(struct call *call, int index, struct tensor x) {
    if (index < call->output_count)
        call->outputs[index] = x;
}

struct tensor call_refuse(const struct call *call, const char *format, ...) {
    char message[ET_ERROR_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return tensor_fail(call->context, "%s", message);
}

int call_axis(const struct call *call, int64_t axis, int rank) {
    if (axis >= -rank && axis < rank)
        return (int)(axis < 0 ? axis + rank : axis);
    call_refuse(call, "axis %" PRId64 " of a tensor of rank %d", axis, rank);
    return 0;
}

/* ---- Attributes ---- */

static const Onnx__Attribute *attribute_named(size_t count, Onnx__Attribute *const *list,
                                              const char *name, size_t *position) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i]->name, name) == 0) {
            *position = i;
            return list[i];
        }
    return NULL;
}

/* The attribute itself, or the one of the function's caller that it names. */
static const Onnx__Attribute *attribute_of(const struct call *call, const char *name) {
    size_t position;
    const Onnx__Node *node = call->node;
    const Onnx__Attribute *attribute =
        attribute_named(node->n_attribute, node->attribute, name, &position);
    if (!attribute)
        return NULL;
    if (call->asked)
        call->asked[position] = true;
    const char *outer = attribute->ref_attr_name;
    const struct scope *scope = call->scope;
    if (!outer[0])
        return attribute;
    const Onnx__Attribute *given = scope->caller ? attribute_of(scope->caller, outer) : NULL;
    if (given || !scope->function)
        return given;
    return attribute_named(scope->function->n_attribute_proto, scope->function->attribute_proto,
                           outer, &position);
}

bool call_has(struct call *call, const char *name) {
    return attribute_of(call, name) != NULL;
}

void call_ignore(struct call *call, const char *name) {
    (void)attribute_of(call, name);
}

/* Numbers of the attributes' `type`. */
enum { ONE_FLOAT = 1, ONE_INT, ONE_TEXT, ONE_TENSOR, ONE_GRAPH, FLOATS, INTS, TEXTS };

/* The attribute, if it is there; refuses one of another type. The oldest files say none. */
static const Onnx__Attribute *attribute_as(struct call *call, const char *name, int type) {
    const Onnx__Attribute *attribute = attribute_of(call, name);
    if (!attribute || !attribute->has_type || attribute->type == type)
        return attribute;
    call_refuse(call, "attribute \"%s\" is of type %d, expected %d", name, attribute->type, type);
    return NULL;
}

int64_t call_int(struct call *call, const char *name, int64_t otherwise) {
    const Onnx__Attribute *attribute = attribute_as(call, name, ONE_INT);
    return attribute ? attribute->i : otherwise;
}

bool call_dtype(struct call *call, const char *name, enum dtype otherwise, enum dtype *dtype) {
    *dtype = otherwise;
    int64_t type = call_int(call, name, 0);
    if (type == 0 && !call_has(call, name))
        return true;
    if (type > 0 && type <= INT32_MAX && onnx_dtype((int32_t)type, dtype))
        return true;
    call_refuse(call, "elements of type %" PRId64 ", which graphs do not have", type);
    return false;
}

double call_float(struct call *call, const char *name, double otherwise) {
    const Onnx__Attribute *attribute = attribute_as(call, name, ONE_FLOAT);
    return attribute ? (double)attribute->f : otherwise;
}

/* Ended by a zero byte. */
static const char *copied_text(struct call *call, ProtobufCBinaryData bytes) {
    char *text = arena_allocate(&call->importer->arena, bytes.len + 1, 1);
    if (bytes.len)
        memcpy(text, bytes.data, bytes.len);
    return text;
}

const char *call_text(struct call *call, const char *name, const char *otherwise) {
    const Onnx__Attribute *attribute = attribute_as(call, name, ONE_TEXT);
    return attribute ? copied_text(call, attribute->s) : otherwise;
}

struct texts call_texts(struct call *call, const char *name) {
    const Onnx__Attribute *attribute = attribute_as(call, name, TEXTS);
    if (!attribute)
        return (struct texts){0};
    if (attribute->n_strings > MAX_CONSTANT) {
        call_refuse(call, "attribute \"%s\" has %zu texts", name, attribute->n_strings);
        return (struct texts){0};
    }
    const char **texts =
        arena_array(&call->importer->arena, const char *, attribute->n_strings + 1);
    for (size_t i = 0; i < attribute->n_strings; i++)
        texts[i] = copied_text(call, attribute->strings[i]);
    return (struct texts){(int)attribute->n_strings, texts};
}

static struct integers ints_of(struct call *call, const char *name, size_t most) {
    static const int64_t none[1];
    const Onnx__Attribute *attribute = attribute_as(call, name, INTS);
    if (!attribute)
        return (struct integers){0};
    if (attribute->n_ints > most) {
        call_refuse(call, "attribute \"%s\" has %zu numbers, expected at most %zu", name,
                    attribute->n_ints, most);
        return (struct integers){0};
    }
    return (struct integers){(int)attribute->n_ints, attribute->n_ints ? attribute->ints : none};
}

struct integers call_ints(struct call *call, const char *name) {
    return ints_of(call, name, MAX_CONSTANT);
}

struct integers call_table(struct call *call, const char *name) {
    return ints_of(call, name, MOST_TABLED);
}

struct spellings call_spellings(struct call *call, const char *name) {
    const Onnx__Attribute *attribute = attribute_as(call, name, TEXTS);
    if (!attribute)
        return (struct spellings){0};
    if (attribute->n_strings > MOST_TABLED) {
        call_refuse(call, "attribute \"%s\" has %zu texts, expected at most %d", name,
                    attribute->n_strings, MOST_TABLED);
        return (struct spellings){0};
    }
    return (struct spellings){(int)attribute->n_strings, attribute->strings};
}

struct floats call_floats(struct call *call, const char *name) {
    static const float none[1];
    const Onnx__Attribute *attribute = attribute_as(call, name, FLOATS);
    if (!attribute)
        return (struct floats){0};
    if (attribute->n_floats > INT32_MAX) {
        call_refuse(call, "attribute \"%s\" has %zu numbers", name, attribute->n_floats);
        return (struct floats){0};
    }
    return (struct floats){(int)attribute->n_floats,
                           attribute->n_floats ? attribute->floats : none};
}

const Onnx__Tensor *call_tensor(struct call *call, const char *name) {
    const Onnx__Attribute *attribute = attribute_as(call, name, ONE_TENSOR);
    return attribute ? attribute->t : NULL;
}

const Onnx__Graph *call_graph(struct call *call, const char *name) {
    const Onnx__Attribute *attribute = attribute_as(call, name, ONE_GRAPH);
    return attribute ? attribute->g : NULL;
}

struct integers call_ints_or_input(struct call *call, const char *name, int index) {
    struct integers attribute = call_ints(call, name);
    if (attribute.values || !call_has_input(call, index))
        return attribute;
    return call_known(call, call_input(call, index), name);
}
