/* Sorting: positions are merged in ever longer runs, by comparisons of what they stand for. */
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/scalar.h"

#include <string.h>

/* Whether the element at `a` comes before that at `b`, wherever they stand. */
typedef bool precedes(const void *elements, int64_t a, int64_t b);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtautological-compare" /* x == x of what has no NaN */
#define PRECEDES(id, short, name)                                                                  \
    static bool name##_##short(const void *elements, int64_t a, int64_t b) {                       \
        const type_##short x = ((const type_##short *)elements)[a];                                \
        const type_##short y = ((const type_##short *)elements)[b];                                \
        return x < y || (x == x && y != y);                                                        \
    }
FOR_DTYPES(PRECEDES, precedes)
#undef PRECEDES
#pragma GCC diagnostic pop

static precedes *const precedes_of[DTYPE_COUNT] = {
#define PRECEDES(id, short, name) [DTYPE_##id] = name##_##short,
    FOR_DTYPES(PRECEDES, precedes)
#undef PRECEDES
};

struct sort {
    precedes *precedes;
    const void *elements;
    int64_t stride, count;
};

/* Positions [begin, middle) and [middle, end) of `from`, each in order, together into `to`. */
static void merge(const struct sort *sort, const int32_t *from, int32_t *to, int64_t begin,
                  int64_t middle, int64_t end) {
    int64_t left = begin, right = middle;
    for (int64_t i = begin; i < end; i++) {
        bool takes_right =
            left == middle ||
            (right < end &&
             sort->precedes(sort->elements, from[right] * sort->stride, from[left] * sort->stride));
        to[i] = takes_right ? from[right++] : from[left++];
    }
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Gives that one of the two which holds the positions in order. */
static const int32_t *sort_row(const struct sort *sort, struct stop *stop, int32_t *from,
                               int32_t *to) {
    for (int64_t i = 0; i < sort->count; i++)
        from[i] = (int32_t)i;
    for (int64_t run = 1; run < sort->count && !stop_passed(stop); run *= 2) {
        for (int64_t i = 0; i < sort->count; i += 2 * run)
            merge(sort, from, to, i, least(i + run, sort->count), least(i + 2 * run, sort->count));
        int32_t *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

/* The view without an axis. */
static struct view without(const struct view *view, int axis) {
    struct view others = *view;
    size_t after = (size_t)(view->rank - axis - 1);
    others.rank--;
    memmove(others.shape + axis, view->shape + axis + 1, after * sizeof *others.shape);
    memmove(others.stride + axis, view->stride + axis + 1, after * sizeof *others.stride);
    return others;
}

static void sort_rows(const struct node *node, struct sort *sort, int32_t *room, struct stop *stop,
                      const struct view *source, const struct view *result) {
    const struct view from = without(source, node->axis), to = without(result, node->axis);
    struct rows rows = rows_until(stop, 2, (const struct view *const[]){&from, &to});
    do {
        for (int64_t i = 0; i < rows.length; i++) {
            sort->elements =
                (const char *)rows.data[0] + i * rows.stride[0] * dtype_bytes(source->dtype);
            const int32_t *sorted = sort_row(sort, stop, room, room + sort->count);
            int32_t *positions = (int32_t *)rows.data[1] + i * rows.stride[1];
            for (int64_t k = 0; k < sort->count; k++)
                positions[k * result->stride[node->axis]] = sorted[k];
        }
    } while (rows_next(&rows));
}

bool evaluate_argsort(const struct node *node, const struct view *source, struct stop *stop,
                      const struct view *result, struct et_error *error) {
    struct sort sort = {.precedes = precedes_of[source->dtype],
                        .stride = source->stride[node->axis],
                        .count = source->shape[node->axis]};
    int32_t *room = et_allocate((size_t)sort.count, 2 * sizeof *room);
    if (!room)
        return et_fail(error, "out of memory");
    sort_rows(node, &sort, room, stop, source, result);
    et_release(room);
    return true;
}
