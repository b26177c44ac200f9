/* Operators of ai.onnx.ml that look numbers up. */
#include "compiler/import/meaning.h"
#include "compiler/import/ml_scores.h"
#include "compiler/import/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- One-hot ---- */

static int compare_integers(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static bool are_different(struct call *call, struct integers list) {
    int64_t *sorted = arena_array(&call->importer->arena, int64_t, (size_t)list.count + 1);
    for (int i = 0; i < list.count; i++)
        sorted[i] = list.values[i];
    qsort(sorted, (size_t)list.count, sizeof *sorted, compare_integers);
    for (int i = 1; i < list.count; i++)
        if (sorted[i] == sorted[i - 1])
            return false;
    return true;
}

struct tensor import_one_hot_encoder(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers categories = call_ints(call, "cats_int64s");
    call_ignore(call, "zeros"); /* whether others are wrong */
    if (call_has(call, "cats_strings") && !categories.count)
        return call_refuse(call, "categories that are texts");
    call_ignore(call, "cats_strings");
    if (categories.count < 1 || !are_different(call, categories))
        return call_refuse(call, "expected categories, each once");
    int64_t count = categories.count;
    struct tensor list =
        import_table(call, "categories", DTYPE_INT64, 1, &count, categories.values);
    x = unsqueeze(tensor_cast(x, DTYPE_INT64), -1);
    return tensor_cast(tensor_eq(x, list), DTYPE_FLOAT32);
}

/* ---- Keys and their values ---- */

/* Keys or values, as the attributes list them. */
struct column {
    enum dtype dtype;
    int64_t count;
    struct view view;
};

static struct column listed_column(enum dtype dtype, int64_t count, const void *elements) {
    struct node node = {.dtype = dtype, .rank = 1, .shape = {count}};
    return (struct column){dtype, count, view_contiguous(&node, elements)};
}

static struct column tensor_column(struct call *call, const char *name) {
    const Onnx__Tensor *tensor = call_tensor(call, name);
    struct tensor x = tensor ? import_tensor(call->importer, tensor, name) : NO_TENSOR;
    const struct view *view = call_known_elements(call, x, name);
    if (!view)
        return (struct column){0};
    return (struct column){tensor_dtype(x), elements_of(x), *view};
}

/* What "keys_..." or "values_..." says. Texts are refused. */
static struct column column_of(struct call *call, const char *side) {
    struct arena *arena = &call->importer->arena;
    const char *of_tensor = arena_format(arena, "%s_tensor", side);
    struct integers integers = call_ints(call, arena_format(arena, "%s_int64s", side));
    struct floats floats = call_floats(call, arena_format(arena, "%s_floats", side));
    bool tensor = call_has(call, of_tensor);
    if (call_has(call, arena_format(arena, "%s_strings", side)))
        call_refuse(call, "%s that are texts", side);
    else if ((integers.count > 0) + (floats.count > 0) + tensor != 1)
        call_refuse(call, "expected one kind of %s", side);
    else if (tensor)
        return tensor_column(call, of_tensor);
    else if (floats.count)
        return listed_column(DTYPE_FLOAT32, floats.count, floats.values);
    else
        return listed_column(DTYPE_INT64, integers.count, integers.values);
    return (struct column){0};
}

/* A key, as a number of its kind, and its place among the keys of the file. */
struct key {
    int64_t integer;
    double number;
    int64_t at;
};

static int compare_keys(const void *a, const void *b) {
    const struct key *one = a, *other = b;
    if (one->number != other->number)
        return one->number < other->number ? -1 : 1;
    if (one->integer != other->integer)
        return one->integer < other->integer ? -1 : 1;
    return (one->at > other->at) - (one->at < other->at);
}

/* The keys in their order; of equal ones the last in the file. */
struct keys {
    enum dtype dtype;    /* int64, float32 or float64 */
    int64_t count, room; /* a power of two, no less than the count */
    struct key *list;
    int64_t nan_at; /* the place of a key that is NaN; -1: there is none */
};

static bool are_equal(const struct key *a, const struct key *b) {
    return a->number == b->number && a->integer == b->integer;
}

static struct key key_at(const struct column *column, bool integers, int64_t i) {
    struct key key = {.at = i};
    if (column->dtype == DTYPE_INT64)
        key.integer = ((const int64_t *)column->view.data)[i];
    else if (integers)
        key.integer = (int64_t)number_at(&column->view, i);
    else
        key.number = number_at(&column->view, i);
    return key;
}

/* For elements of `floats` where they are no integers. */
static struct keys sorted_keys(struct call *call, const struct column *column, enum dtype floats) {
    bool integers = dtype_facts[column->dtype].letter == 'I';
    struct keys keys = {.dtype = integers ? DTYPE_INT64 : floats, .room = 1, .nan_at = -1};
    keys.list = arena_array(&call->importer->arena, struct key, (size_t)column->count + 1);
    int64_t found = 0;
    for (int64_t i = 0; i < column->count; i++) {
        struct key key = key_at(column, integers, i);
        if (isnan(key.number))
            keys.nan_at = i;
        else if (floats == DTYPE_FLOAT64 || key.number == (double)(float)key.number)
            keys.list[found++] = key;
    }
    qsort(keys.list, (size_t)found, sizeof *keys.list, compare_keys);
    for (int64_t i = 0; i < found; i++) {
        bool again = keys.count && are_equal(&keys.list[keys.count - 1], &keys.list[i]);
        keys.count -= again;
        keys.list[keys.count++] = keys.list[i];
    }
    while (keys.room < keys.count)
        keys.room *= 2;
    return keys;
}

/* The keys, of which the last is repeated until there is no room. */
static struct tensor keys_table(struct call *call, const struct keys *keys) {
    int64_t *integers = arena_array(&call->importer->arena, int64_t, (size_t)keys->room);
    double *numbers = arena_array(&call->importer->arena, double, (size_t)keys->room);
    for (int64_t i = 0; i < keys->room; i++) {
        const struct key *key = &keys->list[i < keys->count ? i : keys->count - 1];
        integers[i] = key->integer;
        numbers[i] = key->number;
    }
    return keys->dtype == DTYPE_INT64
               ? import_table(call, "keys", DTYPE_INT64, 1, &keys->room, integers)
               : number_table(call, "keys", keys->dtype, 1, &keys->room, numbers);
}

/* The values of those, the one for what no key equals, and that of NaN. */
static struct tensor values_table(struct call *call, const struct keys *keys,
                                  const struct column *values, const void *otherwise) {
    size_t width = dtype_facts[values->dtype].bytes;
    int64_t count = keys->room + 2;
    char *table = arena_allocate(&call->importer->arena, (size_t)count, width);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i < keys->room    ? keys->list[i < keys->count ? i : keys->count - 1].at
                     : i == keys->room ? -1
                                       : keys->nan_at;
        const char *value =
            at < 0 ? otherwise : (const char *)values->view.data + (size_t)at * width;
        memcpy(table + (size_t)i * width, value, width);
    }
    return import_table(call, "values", values->dtype, 1, &count, table);
}

/* The position of x among the keys, int32; behind them if it is none. */
static struct tensor looked_up(struct call *call, const struct keys *keys, struct tensor x) {
    struct tensor table = keys_table(call, keys), at = filled_like(x, DTYPE_INT32, 0);
    for (int64_t step = keys->room / 2; step > 0; step /= 2) {
        struct tensor probe = tensor_add(at, scalar_like(at, (double)step));
        at = tensor_where(tensor_le(tensor_gather(table, 0, probe), x), probe, at);
    }
    struct tensor found = tensor_eq(tensor_gather(table, 0, at), x);
    at = tensor_where(found, at, scalar_like(at, (double)keys->room));
    if (keys->nan_at < 0)
        return at;
    return tensor_where(tensor_ne(x, x), scalar_like(at, (double)keys->room + 1), at);
}

/* What stands for keys that are not there: one element of the values' dtype. */
static const void *default_value(struct call *call, const struct column *values) {
    static const char *const others[] = {"default_string", "default_int64", "default_float",
                                         "default_tensor"};
    int64_t *integer = arena_new(&call->importer->arena, int64_t);
    float *number = arena_new(&call->importer->arena, float);
    *integer = call_int(call, "default_int64", -1);
    *number = (float)call_float(call, "default_float", -0.0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        call_ignore(call, others[i]);
    if (!call_has(call, "default_tensor"))
        return values->dtype == DTYPE_INT64     ? (const void *)integer
               : values->dtype == DTYPE_FLOAT32 ? (const void *)number
                                                : NULL;
    struct column column = tensor_column(call, "default_tensor");
    return column.count == 1 && column.dtype == values->dtype ? column.view.data : NULL;
}

struct tensor import_label_encoder(struct call *call) {
    struct tensor x = call_input(call, 0);
    if (call_has(call, "classes_strings"))
        return call_refuse(call, "classes that are texts");
    struct column keys = column_of(call, "keys"), values = column_of(call, "values");
    const void *otherwise = default_value(call, &values);
    if (keys.count != values.count || !otherwise)
        return call_refuse(call, "%lld keys, %lld values and %s", (long long)keys.count,
                           (long long)values.count,
                           otherwise ? "a default" : "no default of their type");
    bool integers = holds_integers(x);
    x = integers ? tensor_cast(x, DTYPE_INT64) : as_features(x);
    struct keys sorted = sorted_keys(call, &keys, tensor_dtype(x));
    if ((sorted.dtype == DTYPE_INT64) != integers || keys.dtype == DTYPE_BOOL)
        return call_refuse(call, "%s keys for %s", dtype_facts[keys.dtype].name,
                           tensor_text(x).text);
    if (sorted.count == 0)
        return call_refuse(call, "no key that an element could be");
    return tensor_gather(values_table(call, &sorted, &values, otherwise), 0,
                         looked_up(call, &sorted, x));
}
