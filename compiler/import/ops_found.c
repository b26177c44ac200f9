/* Operators whose results are as large as what they find, in elements that a run brings: as many
 * places as there can be, and a count (counted.h). ops_known.c has the rest. */
#include "compiler/import/found.h"

#include "compiler/import/counted.h"
#include "compiler/import/meaning.h"
#include "compiler/import/positions.h"

#include <inttypes.h>

/* ---- NonZero, Compress ---- */

/* Where along axis `axis` of a tensor of that shape the places are: a row. */
static struct tensor row_of_places(struct tensor places, int axis, const int64_t *shape,
                                   const int64_t *strides) {
    if (strides[axis] != 1)
        places = tensor_div(places, position(places.context, DTYPE_INT32, strides[axis]));
    if (axis > 0)
        places = tensor_mod(places, position(places.context, DTYPE_INT32, shape[axis]));
    return unsqueeze(tensor_cast(places, DTYPE_INT64), 0);
}

struct tensor found_non_zero(struct call *call, struct tensor x) {
    int64_t shape[MAX_RANK], strides[MAX_RANK];
    int rank = shape_of(x, shape);
    struct axis_counts counts = call_counts(call, 0);
    x = filled_behind_all(x, &counts, FILL_ZERO);
    struct tensor truths = in_a_row(tensor_cast(x, DTYPE_BOOL));
    struct tensor places = places_of(truths), rows[MAX_RANK];
    row_major_strides(rank, shape, strides);
    for (int i = 0; i < rank; i++)
        rows[i] = row_of_places(places, i, shape, strides);
    call_counts_output(call, 0, 1, count_of(truths));
    if (rank == 0) /* no rows, of as many columns */
        return cut_axis(unsqueeze(tensor_cast(places, DTYPE_INT64), 0), 0, 0, 0);
    return tensor_concat(rank, rows, 0);
}

struct tensor found_compress(struct call *call, struct tensor x, int axis) {
    struct tensor kept = tensor_cast(call_input(call, 1), DTYPE_BOOL);
    if (tensor_rank(kept) != 1 || tensor_extent(kept, 0) > tensor_extent(x, axis))
        return call_refuse(call, "conditions %s for axis %d of %s", tensor_text(kept).text, axis,
                           tensor_text(x).text);
    kept = filled_behind(kept, call_counted(call, 1), FILL_ZERO);
    call_counts_output(call, 0, axis, count_of(kept));
    return tensor_gather(x, axis, places_of(kept));
}

/* ---- Running counts ---- */

enum { BLOCK = 256 }; /* elements that are added up one after another */

static struct tensor running_sum(struct tensor x) {
    int64_t rows = tensor_extent(x, 0);
    struct tensor_context *body = tensor_context_new("running");
    struct tensor sum = add_graph_input(body, "sum", DTYPE_INT32, SHAPE(rows));
    struct tensor element = add_graph_input(body, "element", DTYPE_INT32, SHAPE(rows));
    return tensor_scan(&(struct scan_options){.initial = zeros(x.context, DTYPE_INT32, SHAPE(rows)),
                                              .axis = 1,
                                              .scanned_count = 1,
                                              .scanned = &x,
                                              .next = tensor_add(sum, element)});
}

/* How many of the bools are true up to each, itself among them: int32. Blocks of them go side by
 * side, and then the counts of whole blocks. */
static struct tensor running_count(struct tensor truths) {
    int64_t extent = tensor_extent(truths, 0), blocks = divide_up(extent, BLOCK);
    struct tensor x = tensor_cast(truths, DTYPE_INT32);
    x = tensor_pad(x, RANGES({0, blocks * BLOCK - extent}), 0);
    x = running_sum(tensor_reshape(x, SHAPE(blocks, BLOCK)));
    struct tensor totals = tensor_reshape(pick_axis(x, 1, BLOCK - 1), SHAPE(1, blocks));
    struct tensor before =
        tensor_reshape(tensor_sub(running_sum(totals), totals), SHAPE(blocks, 1));
    return cut_axis(in_a_row(tensor_add(x, before)), 0, 0, extent);
}

/* ---- Unique ---- */

enum { MOST_COLUMNS = 256 }; /* of rows that are sorted: each is sorted by itself */

/* The columns of x, each in an order of its own, as argsort has it. */
struct key_columns {
    int count;
    struct tensor *list;
};

static struct key_columns columns_of(struct call *call, struct tensor x, int axis) {
    int64_t rows = tensor_extent(x, axis), width = elements_of(x) / rows;
    struct key_columns columns = {0};
    x = tensor_reshape(move_axis(x, axis, 0), SHAPE(rows, width));
    if (dtype_bytes(tensor_dtype(x)) == 2 && holds_floats(x))
        x = tensor_cast(x, DTYPE_FLOAT32);
    if (width > MOST_COLUMNS) {
        call_refuse(call,
                    "rows of %" PRId64 " elements, of which the run brings the values, "
                    "expected at most %d",
                    width, MOST_COLUMNS);
        return columns;
    }
    columns.list = arena_array(&call->importer->arena, struct tensor, (size_t)width + 1);
    for (; columns.count < width; columns.count++)
        columns.list[columns.count] = pick_axis(x, 1, columns.count);
    return columns;
}

/* The order of the rows: the last column is sorted first, and equal ones stay as they are. */
static struct tensor order_of_rows(const struct key_columns *columns) {
    struct tensor order = NO_TENSOR;
    for (int i = columns->count; i-- > 0;) {
        struct tensor column = columns->list[i];
        if (!is_given(order)) {
            order = tensor_argsort(column, 0);
            continue;
        }
        struct tensor sorted = tensor_argsort(tensor_gather(column, 0, order), 0);
        order = tensor_gather(order, 0, sorted);
    }
    return order;
}

/* Of rows in order: whether each differs from the one before it. NaN equals itself. */
static struct tensor begins_run(const struct key_columns *columns, struct tensor order) {
    int64_t rows = tensor_extent(order, 0);
    struct tensor differs = NO_TENSOR;
    for (int i = 0; i < columns->count; i++) {
        struct tensor sorted = tensor_gather(columns->list[i], 0, order);
        struct tensor a = cut_axis(sorted, 0, 0, rows - 1), b = cut_axis(sorted, 0, 1, rows);
        struct tensor one = tensor_ne(a, b);
        if (holds_floats(a))
            one = tensor_and(one, tensor_or(tensor_eq(a, a), tensor_eq(b, b)));
        differs = is_given(differs) ? tensor_or(differs, one) : one;
    }
    return tensor_pad(differs, RANGES({1, 0}), 1);
}

/* Runs of equal rows, as many as there are rows, of which `count` are true. */
struct runs {
    struct tensor count;
    struct tensor first;   /* of each run: the place of the row that comes first; int32 */
    struct tensor counts;  /* how many rows it has; int32 */
    struct tensor inverse; /* of each row: its run; int32 */
};

static struct runs find_runs(const struct key_columns *columns, int64_t rows) {
    struct tensor order = order_of_rows(columns), begins = begins_run(columns, order);
    struct tensor_context *context = order.context;
    struct runs runs = {.count = count_of(begins)};
    struct tensor starts = places_of(begins); /* in the order */
    struct tensor run = tensor_sub(running_count(begins), position(context, DTYPE_INT32, 1));
    runs.inverse = tensor_scatter(zeros(context, DTYPE_INT32, SHAPE(rows)), 0, order, run);
    runs.first = tensor_gather(order, 0, starts);
    struct tensor end = position(context, DTYPE_INT32, rows);
    struct tensor bounds = filled_behind(starts, (struct counted){runs.count, 0}, FILL_LAST);
    bounds = tensor_min(bounds, end);
    struct tensor next =
        tensor_concat(TENSORS(cut_axis(bounds, 0, 1, rows), tensor_reshape(end, SHAPE(1))), 0);
    runs.counts = tensor_sub(next, bounds);
    return runs;
}

/* The runs in the order in which their first rows stand. */
static struct runs in_order_of_places(struct runs sorted, int64_t rows) {
    struct counted c = {sorted.count, 0};
    struct tensor order = tensor_argsort(filled_behind(sorted.first, c, FILL_LAST), 0);
    struct tensor iota = tensor_iota(order.context, DTYPE_INT32, rows);
    struct tensor place =
        tensor_scatter(zeros(order.context, DTYPE_INT32, SHAPE(rows)), 0, order, iota);
    return (struct runs){sorted.count, tensor_gather(sorted.first, 0, order),
                         tensor_gather(sorted.counts, 0, order),
                         tensor_gather(place, 0, sorted.inverse)};
}

static struct tensor unique_of_nothing(struct call *call, struct tensor x) {
    for (int i = 1; i < 4; i++)
        call_output(call, i, int64_list(call->context, 0, NULL));
    return x;
}

struct tensor found_unique(struct call *call, struct tensor x, int axis, bool sorted) {
    int64_t rows = tensor_extent(x, axis);
    if (is_counted(call_counted(call, 0)))
        return call_refuse(call, "of a tensor whose extent depends on the data");
    if (rows == 0)
        return unique_of_nothing(call, x);
    if (elements_of(x) == 0)
        return call_refuse(call, "rows of no elements");
    struct key_columns columns = columns_of(call, x, axis);
    if (!columns.count)
        return NO_TENSOR;
    struct runs runs = find_runs(&columns, rows);
    if (!sorted)
        runs = in_order_of_places(runs, rows);
    call_counts_output(call, 0, axis, runs.count);
    call_counts_output(call, 1, 0, runs.count);
    call_counts_output(call, 3, 0, runs.count);
    call_output(call, 1, tensor_cast(runs.first, DTYPE_INT64));
    call_output(call, 2, tensor_cast(runs.inverse, DTYPE_INT64));
    call_output(call, 3, tensor_cast(runs.counts, DTYPE_INT64));
    return tensor_gather(x, axis, runs.first);
}
