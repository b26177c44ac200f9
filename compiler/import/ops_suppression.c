/* NonMaxSuppression: the boxes of every batch and class go side by side, in the order of their
 * scores, through a scan whose state is the boxes that were selected so far. It ends once no score
 * passes, or as many are selected as may be: so a box that cannot be selected costs nothing but its
 * place in the order. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/movement.h"
#include "compiler/import/positions.h"

enum { MOST_BOXES = 1 << 24 }; /* float32 counts no further */

enum plane { X_LEAST, Y_LEAST, X_MOST, Y_MOST, POSITION, PLANES }; /* POSITION -1: there is none */

struct suppression {
    struct call *call;
    int64_t batches, classes, boxes;
    int64_t rows;                 /* batches * classes */
    int64_t most;                 /* selected in one row */
    struct tensor limit;          /* the same where a run brings it, int32; else NO_TENSOR */
    struct tensor count;          /* of true boxes, int32; NO_TENSOR: all are */
    struct tensor corners;        /* [batches * boxes, 4] */
    struct tensor scores;         /* [rows * boxes] */
    struct tensor overlap, score; /* thresholds; score: NO_TENSOR, every score passes */
};

/* ---- What is given ---- */

/* Least and greatest coordinates: x, y, x, y. */
static struct tensor corners_of(struct call *call, struct tensor boxes) {
    struct tensor v[4], least[2], most[2];
    for (int i = 0; i < 4; i++)
        v[i] = cut_axis(boxes, 2, i, i + 1);
    for (int i = 0; i < 2; i++) {
        struct tensor center = v[i], half = tensor_mul(v[2 + i], scalar_like(v[2 + i], 0.5));
        struct tensor one = v[1 - i], other = v[3 - i]; /* y comes first */
        bool centered = call_int(call, "center_point_box", 0) != 0;
        least[i] = centered ? tensor_sub(center, half) : tensor_min(one, other);
        most[i] = centered ? tensor_add(center, half) : tensor_max(one, other);
    }
    int64_t rows = tensor_extent(boxes, 0) * tensor_extent(boxes, 1);
    return tensor_reshape(tensor_concat(TENSORS(least[0], least[1], most[0], most[1]), 2),
                          SHAPE(rows, 4));
}

static struct tensor scalar_input(const struct call *call, int index) {
    struct tensor x = call_optional(call, index);
    return is_given(x) ? tensor_reshape(x, SCALAR_SHAPE) : NO_TENSOR;
}

/* How many may be selected. */
static void read_limit(struct suppression *s) {
    struct call *call = s->call;
    struct tensor limit = scalar_input(call, 2);
    s->most = is_given(limit) ? s->boxes : 0;
    if (is_given(limit) && call_is_known(call, limit)) {
        struct integers known = call_known(call, limit, "how many boxes may be selected");
        int64_t most = known.count == 1 && known.values[0] > 0 ? known.values[0] : 0;
        s->most = most < s->boxes ? most : s->boxes;
    } else if (is_given(limit)) {
        struct tensor most = position(call->context, DTYPE_INT64, s->boxes);
        s->limit = tensor_cast(tensor_min(limit, most), DTYPE_INT32);
    }
}

/* Those of boxes that are not true come last. */
static struct tensor true_scores(struct suppression *s, struct tensor scores) {
    struct counted c = call_counted(s->call, 1);
    if (!is_counted(c))
        c = (struct counted){call_counted(s->call, 0).count, 2};
    if (!is_counted(c))
        return scores;
    s->count = tensor_cast(c.count, DTYPE_INT32);
    return filled_behind(scores, c, FILL_LAST);
}

static bool read_inputs(struct suppression *s) {
    struct call *call = s->call;
    struct tensor boxes = call_input(call, 0), scores = call_input(call, 1);
    if (tensor_rank(boxes) != 3 || tensor_rank(scores) != 3 || tensor_extent(boxes, 2) != 4 ||
        tensor_extent(boxes, 0) != tensor_extent(scores, 0) ||
        tensor_extent(boxes, 1) != tensor_extent(scores, 2)) {
        call_refuse(call, "boxes %s with scores %s", tensor_text(boxes).text,
                    tensor_text(scores).text);
        return false;
    }
    s->batches = tensor_extent(scores, 0);
    s->classes = tensor_extent(scores, 1);
    s->boxes = tensor_extent(scores, 2);
    s->rows = s->batches * s->classes;
    if (s->boxes > MOST_BOXES || elements_of(scores) > INT32_MAX) {
        call_refuse(call, "more than %d boxes, or %d scores", MOST_BOXES, INT32_MAX);
        return false;
    }
    s->corners = corners_of(call, boxes);
    s->scores = in_a_row(true_scores(s, scores));
    s->overlap = scalar_input(call, 3);
    s->overlap = is_given(s->overlap) ? s->overlap : scalar(call->context, 0);
    s->score = scalar_input(call, 4);
    read_limit(s);
    return true;
}

/* Positions of the boxes of each row, the highest score first, equal ones as they stand. */
static struct tensor order_of(const struct suppression *s) {
    struct tensor rows = tensor_reshape(s->scores, SHAPE(s->rows, s->boxes));
    struct tensor zero = scalar_like(rows, 0);
    return tensor_argsort(tensor_sub(zero, rows), 1); /* both zeros are equal */
}

/* ---- One step: the next box of each row ---- */

/* Inputs of the body. */
struct step {
    struct tensor state;    /* [PLANES, rows, most] */
    struct tensor position; /* of the box among those of its row: [rows] */
    struct tensor corners, scores, overlap, score, limit, count;
};

static struct tensor body_input(struct tensor_context *body, const char *name, struct tensor x) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    return is_given(x) ? add_graph_input(body, name, tensor_dtype(x), rank, shape) : NO_TENSOR;
}

/* Where the rows of the body's tables begin that the rows look into: [rows]. */
static struct tensor beginnings(const struct suppression *s, struct tensor like, int64_t share) {
    struct tensor row = tensor_iota(like.context, DTYPE_INT32, s->rows);
    if (share > 1)
        row = tensor_div(row, position(like.context, DTYPE_INT32, share));
    return tensor_mul(row, position(like.context, DTYPE_INT32, s->boxes));
}

static struct tensor extent_of(struct tensor least, struct tensor most) {
    return tensor_sub(most, least);
}

/* Whether a box overlaps one that is selected too much: [rows, most]. Where there is none yet, the
 * area is 0. */
static struct tensor overlaps(const struct step *step, const struct tensor *box,
                              const struct tensor *selected) {
    struct tensor x0 = tensor_max(box[X_LEAST], selected[X_LEAST]);
    struct tensor y0 = tensor_max(box[Y_LEAST], selected[Y_LEAST]);
    struct tensor width = extent_of(x0, tensor_min(box[X_MOST], selected[X_MOST]));
    struct tensor height = extent_of(y0, tensor_min(box[Y_MOST], selected[Y_MOST]));
    struct tensor common = tensor_mul(width, height), zero = scalar_like(common, 0), areas[2];
    struct tensor meets = tensor_and(tensor_lt(zero, width), tensor_lt(zero, height));
    meets = tensor_and(meets, tensor_lt(zero, common));
    for (int i = 0; i < 2; i++) {
        const struct tensor *of = i ? selected : box;
        areas[i] =
            tensor_mul(extent_of(of[X_LEAST], of[X_MOST]), extent_of(of[Y_LEAST], of[Y_MOST]));
        meets = tensor_and(meets, tensor_lt(zero, areas[i]));
    }
    struct tensor together = tensor_sub(tensor_add(areas[0], areas[1]), common);
    meets = tensor_and(meets, tensor_lt(zero, together));
    return tensor_and(meets, tensor_lt(step->overlap, tensor_div(common, together)));
}

/* The state with the box in the first free place of each row that selects it. */
static struct tensor put(const struct suppression *s, const struct tensor *box,
                         const struct tensor *selected, struct tensor free,
                         struct tensor accepted) {
    struct tensor place = positions_along(free.context, DTYPE_INT32, s->most, 1, 2), planes[PLANES];
    struct tensor here = tensor_and(tensor_eq(place, unsqueeze(free, 1)), unsqueeze(accepted, 1));
    for (int i = 0; i < PLANES; i++)
        planes[i] = tensor_where(here, box[i], selected[i]);
    return stack(PLANES, planes, 0);
}

static void take_step(const struct suppression *s, const struct step *step,
                      struct scan_options *options) {
    struct tensor box[PLANES], selected[PLANES];
    struct tensor at = tensor_add(step->position, beginnings(s, step->position, s->classes));
    struct tensor corners = tensor_gather(step->corners, 0, at);
    for (int i = 0; i < PLANES; i++) {
        selected[i] = pick_axis(step->state, 0, i);
        box[i] = i == POSITION ? unsqueeze(tensor_cast(step->position, DTYPE_FLOAT32), 1)
                               : cut_axis(corners, 1, i, i + 1);
    }
    struct tensor there = tensor_le(scalar_like(step->state, 0), selected[POSITION]);
    struct tensor free = tensor_reduce_sum(tensor_cast(there, DTYPE_INT32), AXES(1));
    struct tensor limit =
        is_given(step->limit) ? step->limit : position(free.context, DTYPE_INT32, s->most);
    struct tensor open = tensor_lt(free, limit);
    if (is_given(step->score)) {
        at = tensor_add(step->position, beginnings(s, step->position, 1));
        open = tensor_and(open, tensor_lt(step->score, tensor_gather(step->scores, 0, at)));
    }
    if (is_given(step->count))
        open = tensor_and(open, tensor_lt(step->position, step->count));
    struct tensor too_near = tensor_reduce_max(overlaps(step, box, selected), AXES(1));
    options->next = put(s, box, selected, free, tensor_and(open, tensor_not(too_near)));
    options->goes_on = tensor_reduce_max(open, ALL_AXES);
}

/* The positions of what is selected, in order, as float32, and behind them -1: [rows, most]. */
static struct tensor select_boxes(const struct suppression *s) {
    struct tensor_context *context = s->call->context, *body = tensor_context_new("box");
    struct tensor none = scalar(context, -1), order = order_of(s);
    struct tensor state = zeros(context, DTYPE_FLOAT32, SHAPE(POSITION, s->rows, s->most));
    none = tensor_expand(tensor_reshape(none, SHAPE(1, 1, 1)), SHAPE(1, s->rows, s->most));
    state = tensor_concat(TENSORS(state, none), 0);
    struct tensor captured[6] = {s->corners, s->overlap};
    struct step step = {body_input(body, "state", state),
                        add_graph_input(body, "position", DTYPE_INT32, SHAPE(s->rows)),
                        body_input(body, "corners", s->corners),
                        .overlap = body_input(body, "overlap", s->overlap)};
    int count = 2;
    if (is_given(s->score)) {
        step.scores = body_input(body, "scores", captured[count++] = s->scores);
        step.score = body_input(body, "score", captured[count++] = s->score);
    }
    if (is_given(s->limit))
        step.limit = body_input(body, "limit", captured[count++] = s->limit);
    if (is_given(s->count))
        step.count = body_input(body, "count", captured[count++] = s->count);
    struct scan_options options = {.initial = state,
                                   .axis = 1,
                                   .scanned_count = 1,
                                   .scanned = &order,
                                   .captured_count = count,
                                   .captured = captured,
                                   .last = true};
    take_step(s, &step, &options);
    return pick_axis(tensor_scan(&options), 0, POSITION);
}

/* ---- All of it ---- */

/* Batch, class and box of each place, which counts along all rows: a column. */
static struct tensor column(struct tensor x) {
    return unsqueeze(tensor_cast(x, DTYPE_INT64), 1);
}

struct tensor import_non_max_suppression(struct call *call) {
    struct suppression s = {.call = call};
    if (!read_inputs(&s))
        return NO_TENSOR;
    if (s.most == 0 || s.rows == 0)
        return zeros(call->context, DTYPE_INT64, SHAPE(0, 3));
    struct tensor positions = in_a_row(select_boxes(&s));
    struct tensor selected = tensor_le(scalar_like(positions, 0), positions);
    struct tensor places = places_of(selected);
    struct tensor row = tensor_div(places, position(call->context, DTYPE_INT32, s.most));
    struct tensor classes = position(call->context, DTYPE_INT32, s.classes);
    call_counts_output(call, 0, 0, count_of(selected));
    return tensor_concat(TENSORS(column(tensor_div(row, classes)), column(tensor_mod(row, classes)),
                                 column(tensor_gather(positions, 0, places))),
                         1);
}

/* Boxes along their axis, and their scores. */
struct tensor count_non_max_suppression(struct call *call) {
    struct counted boxes = call_counted(call, 0), scores = call_counted(call, 1);
    if ((is_counted(boxes) && boxes.axis != 1) || (is_counted(scores) && scores.axis != 2))
        return refuse_counted(call, "along another axis than that of the boxes");
    if (!only_counted_below(call, 2))
        return NO_TENSOR;
    return build_plain(call);
}
