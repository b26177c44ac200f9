/* Operators whose results are as large as what they find: in elements that are known when the model
 * is imported. What runs bring is ops_found.c's. */
#include "compiler/import/found.h"
#include "compiler/import/movement.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Compress ---- */

struct tensor import_compress(struct call *call) {
    struct tensor x = call_input(call, 0), condition = call_input(call, 1);
    int axis = 0, count = 0;
    if (call_has(call, "axis"))
        axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(x));
    else
        x = tensor_reshape(x, SHAPE(elements_of(x)));
    if (!call_is_known(call, condition))
        return found_compress(call, x, axis);
    struct integers kept = call_known(call, condition, "the condition");
    if (kept.count > tensor_extent(x, axis))
        return call_refuse(call, "%d conditions for axis %d of %s", kept.count, axis,
                           tensor_text(x).text);
    int64_t *positions = arena_array(&call->importer->arena, int64_t, (size_t)kept.count + 1);
    for (int i = 0; i < kept.count; i++)
        if (kept.values[i])
            positions[count++] = i;
    return take_positions(x, axis, count, positions);
}

/* ---- NonZero ---- */

/* The elements of x as bools: whether they are not 0. */
static const struct view *known_truths(struct call *call, struct tensor x) {
    const struct view *view = call_known_elements(call, tensor_cast(x, DTYPE_BOOL), "the tensor");
    if (!view || elements_of(x) <= MAX_CONSTANT)
        return view;
    call_refuse(call, "%" PRId64 " elements, expected at most %d", elements_of(x), MAX_CONSTANT);
    return NULL;
}

struct tensor import_non_zero(struct call *call) {
    struct tensor x = call_input(call, 0);
    if (!call_is_known(call, x))
        return found_non_zero(call, x);
    const struct view *view = known_truths(call, x);
    if (!view)
        return NO_TENSOR;
    const uint8_t *truths = view->data;
    int64_t shape[MAX_RANK], strides[MAX_RANK], count = 0, found = 0;
    int rank = shape_of(x, shape);
    row_major_strides(rank, shape, strides);
    for (int64_t i = 0; i < elements_of(x); i++)
        count += truths[i];
    if (rank * count > MAX_CONSTANT)
        return call_refuse(call, "finds more than %d positions", MAX_CONSTANT);
    int64_t *positions = arena_array(&call->importer->arena, int64_t, (size_t)(rank * count) + 1);
    for (int64_t i = 0; i < elements_of(x); i++) {
        if (!truths[i])
            continue;
        for (int axis = 0; axis < rank; axis++)
            positions[axis * count + found] = i / strides[axis] % shape[axis];
        found++;
    }
    return tensor_reshape(int64_list(call->context, (int)(rank * count), positions), 2,
                          (const int64_t[]){rank, count});
}

/* ---- Unique ---- */

/* Rows of equal length, as keys: int64, float32 or float64. */
struct rows_of_keys {
    const struct view *keys;
    int64_t length;
};

/* Two numbers, of which NaN is the greatest and equal to itself. */
static int compare_numbers(double a, double b) {
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int compare_keys(const struct view *keys, int64_t i, int64_t j) {
    if (keys->dtype == DTYPE_INT64) {
        const int64_t *values = keys->data;
        return (values[i] > values[j]) - (values[i] < values[j]);
    }
    if (keys->dtype == DTYPE_FLOAT64) {
        const double *values = keys->data;
        return compare_numbers(values[i], values[j]);
    }
    const float *values = keys->data;
    return compare_numbers((double)values[i], (double)values[j]);
}

static int compare_rows(const struct rows_of_keys *rows, int64_t a, int64_t b) {
    for (int64_t i = 0; i < rows->length; i++) {
        int order = compare_keys(rows->keys, a * rows->length + i, b * rows->length + i);
        if (order)
            return order;
    }
    return 0;
}

/* For qsort_r: equal rows by their places. */
static int by_rows(const void *a, const void *b, void *rows) {
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    int order = compare_rows(rows, first, second);
    return order ? order : (first > second) - (first < second);
}

/* Runs of equal rows among sorted ones. */
struct unique {
    int64_t count;
    int64_t *first;   /* of each run: the place of the row that comes first */
    int64_t *counts;  /* how many rows it has */
    int64_t *inverse; /* of each row: its run */
};

static struct unique find_unique(struct arena *arena, struct rows_of_keys *rows, int64_t count) {
    size_t room = (size_t)count + 1;
    int64_t *order = arena_array(arena, int64_t, room);
    struct unique unique = {0, arena_array(arena, int64_t, room), arena_array(arena, int64_t, room),
                            arena_array(arena, int64_t, room)};
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, (size_t)count, sizeof *order, by_rows, rows);
    for (int64_t i = 0; i < count; i++) {
        if (i == 0 || compare_rows(rows, order[i - 1], order[i]) != 0)
            unique.first[unique.count++] = order[i];
        unique.counts[unique.count - 1]++;
        unique.inverse[order[i]] = unique.count - 1;
    }
    return unique;
}

static int by_place(const void *a, const void *b, void *first) {
    int64_t i = ((int64_t *)first)[*(const int64_t *)a];
    int64_t j = ((int64_t *)first)[*(const int64_t *)b];
    return (i > j) - (i < j);
}

/* The runs in the order in which their first rows stand. */
static struct unique in_order_of_places(struct arena *arena, struct unique sorted, int64_t rows) {
    size_t room = (size_t)rows + 1;
    struct unique unique = {sorted.count, arena_array(arena, int64_t, room),
                            arena_array(arena, int64_t, room), arena_array(arena, int64_t, room)};
    int64_t *order = arena_array(arena, int64_t, room), *place = arena_array(arena, int64_t, room);
    for (int64_t i = 0; i < sorted.count; i++)
        order[i] = i;
    qsort_r(order, (size_t)sorted.count, sizeof *order, by_place, sorted.first);
    for (int64_t i = 0; i < sorted.count; i++) {
        unique.first[i] = sorted.first[order[i]];
        unique.counts[i] = sorted.counts[order[i]];
        place[order[i]] = i;
    }
    for (int64_t i = 0; i < rows; i++)
        unique.inverse[i] = place[sorted.inverse[i]];
    return unique;
}

/* Elements that can be compared: integers as int64, narrow floats as float32. */
static struct tensor as_keys(struct tensor x) {
    enum dtype dtype = tensor_dtype(x);
    char letter = dtype_facts[dtype].letter;
    if (letter == 'I' || letter == 'B')
        return tensor_cast(x, DTYPE_INT64);
    return dtype == DTYPE_FLOAT64 ? x : tensor_cast(x, DTYPE_FLOAT32);
}

struct tensor import_unique(struct call *call) {
    struct tensor x = call_input(call, 0);
    bool sorted = call_int(call, "sorted", 1) != 0;
    int axis = 0;
    if (call_has(call, "axis"))
        axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(x));
    else
        x = tensor_reshape(x, SHAPE(elements_of(x)));
    int64_t count = tensor_extent(x, axis);
    if (!call_is_known(call, x))
        return found_unique(call, x, axis, sorted);
    struct rows_of_keys rows = {
        call_known_elements(call, as_keys(move_axis(x, axis, 0)), "the tensor"),
        count ? elements_of(x) / count : 0};
    if (!rows.keys || count > MAX_CONSTANT)
        return call_refuse(call, "%" PRId64 " rows, expected at most %d", count, MAX_CONSTANT);
    struct unique unique = find_unique(&call->importer->arena, &rows, count);
    if (!sorted)
        unique = in_order_of_places(&call->importer->arena, unique, count);
    call_output(call, 1, int64_list(call->context, (int)unique.count, unique.first));
    call_output(call, 2, int64_list(call->context, (int)count, unique.inverse));
    call_output(call, 3, int64_list(call->context, (int)unique.count, unique.counts));
    return take_positions(x, axis, unique.count, unique.first);
}
