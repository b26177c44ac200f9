/* NonMaxSuppression: the boxes of every batch and class go side by side, in the order of their
 * scores, through a scan whose state is the boxes that were selected so far. A step takes a block
 * of boxes: it drops those that overlap one that is selected, looking at as many places as are
 * filled, and then selects among the others, one after another. It ends once no score passes, or as
 * many are selected as may be: so a box that cannot be selected costs nothing but its place in the
 * order. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/movement.h"
#include "compiler/import/positions.h"

enum {
    MOST_BOXES = 1 << 24, /* float32 counts no further */
    BLOCK = 64,           /* boxes that a step takes */
    STRETCH = 256,        /* places that it looks at at once */
};

enum plane { X_LEAST, Y_LEAST, X_MOST, Y_MOST, POSITION, PLANES }; /* POSITION -1: there is none */

struct suppression {
    struct call *call;
    int64_t batches, classes, boxes;
    int64_t rows;                 /* batches * classes */
    int64_t most;                 /* selected in one row */
    int64_t places;               /* for them, a multiple of what is looked at at once */
    int64_t block, stretch;       /* BLOCK and STRETCH, or fewer */
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

/* ---- Bodies ---- */

static struct tensor body_input(struct tensor_context *body, const char *name, struct tensor x) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    return is_given(x) ? add_graph_input(body, name, tensor_dtype(x), rank, shape) : NO_TENSOR;
}

/* What a step sees of a tensor that is scanned along its first axis. */
static struct tensor body_slice(struct tensor_context *body, const char *name, struct tensor x) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    return add_graph_input(body, name, tensor_dtype(x), rank - 1, shape + 1);
}

static struct tensor any_along(struct tensor truths, int axis) {
    return tensor_reduce_max(truths, AXES(axis));
}

/* ---- Overlaps ---- */

static struct tensor extent_of(struct tensor least, struct tensor most) {
    return tensor_sub(most, least);
}

/* Whether a box overlaps one that is selected too much, of corners that broadcast. Where there is
 * none yet, the area is 0. */
static struct tensor overlaps(struct tensor limit, const struct tensor *box,
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
    return tensor_and(meets, tensor_lt(limit, tensor_div(common, together)));
}

/* Whether boxes [4, rows, many] overlap others [4, rows, more] too much: [rows, many, more]. */
static struct tensor overlaps_of(struct tensor limit, struct tensor boxes, struct tensor others) {
    struct tensor box[POSITION], other[POSITION];
    for (int i = 0; i < POSITION; i++) {
        box[i] = unsqueeze(pick_axis(boxes, 0, i), 2);
        other[i] = unsqueeze(pick_axis(others, 0, i), 1);
    }
    return overlaps(limit, box, other);
}

/* ---- One step: the next boxes of each row ---- */

/* Inputs of the body. */
struct step {
    struct tensor state;    /* [PLANES, rows, places] */
    struct tensor position; /* of the boxes among those of their row: [rows, block] */
    struct tensor corners, scores, overlap, score, limit, count;
};

/* Where the rows of the body's tables begin that the rows look into: [rows, 1]. */
static struct tensor beginnings(const struct suppression *s, struct tensor like, int64_t share) {
    struct tensor row = tensor_iota(like.context, DTYPE_INT32, s->rows);
    if (share > 1)
        row = tensor_div(row, position(like.context, DTYPE_INT32, share));
    return unsqueeze(tensor_mul(row, position(like.context, DTYPE_INT32, s->boxes)), 1);
}

/* Whether boxes of the block overlap one of those that are selected: [rows, block], 1 or 0. These
 * are looked at by stretches, as far as places are filled. */
static struct tensor near_selected(const struct suppression *s, const struct step *step,
                                   struct tensor boxes, struct tensor filled) {
    int64_t stretches = s->places / s->stretch;
    struct tensor_context *context = boxes.context, *body = tensor_context_new("stretch");
    struct tensor planes = tensor_shrink(
        step->state, 3, (struct range[]){{0, POSITION}, {0, s->rows}, {0, s->places}});
    planes = tensor_reshape(planes, SHAPE(POSITION, s->rows, stretches, s->stretch));
    struct tensor scanned[] = {tensor_permute(planes, AXES(2, 0, 1, 3)),
                               tensor_iota(context, DTYPE_INT32, stretches)};
    struct tensor captured[] = {boxes, step->overlap, filled};
    struct tensor none = zeros(context, DTYPE_INT32, SHAPE(s->rows, s->block));
    struct tensor found = body_input(body, "found", none);
    struct tensor selected = body_slice(body, "selected", scanned[0]);
    struct tensor stretch = body_slice(body, "index", scanned[1]);
    struct tensor own = body_input(body, "boxes", boxes);
    struct tensor overlap = body_input(body, "overlap", step->overlap);
    struct tensor end = body_input(body, "filled", filled);
    struct tensor near = any_along(overlaps_of(overlap, own, selected), 2);
    struct tensor next = tensor_add(stretch, position(body, DTYPE_INT32, 1));
    next = tensor_mul(next, position(body, DTYPE_INT32, s->stretch));
    return tensor_scan(
        &(struct scan_options){.initial = none,
                               .scanned_count = 2,
                               .scanned = scanned,
                               .captured_count = 3,
                               .captured = captured,
                               .next = tensor_max(found, tensor_cast(near, DTYPE_INT32)),
                               .goes_on = tensor_lt(next, end),
                               .last = true});
}

/* Which of the boxes are selected, one after another, each beside those of the block before it:
 * [rows, block], 1 or 0. */
static struct tensor accept(const struct suppression *s, const struct step *step,
                            struct tensor boxes, struct tensor open, struct tensor free) {
    struct tensor_context *context = boxes.context, *body = tensor_context_new("accept");
    struct tensor near = overlaps_of(step->overlap, boxes, boxes);
    struct tensor limit =
        is_given(step->limit) ? step->limit : position(context, DTYPE_INT32, s->most);
    struct tensor scanned[] = {tensor_permute(near, AXES(1, 0, 2)),
                               tensor_permute(open, AXES(1, 0)),
                               tensor_iota(context, DTYPE_INT32, s->block)};
    struct tensor captured[] = {tensor_sub(limit, free)};
    struct tensor none = zeros(context, DTYPE_INT32, SHAPE(s->rows, s->block));
    struct tensor taken = body_input(body, "taken", none);
    struct tensor own_near = body_slice(body, "near", scanned[0]);
    struct tensor may = body_slice(body, "open", scanned[1]);
    struct tensor index = body_slice(body, "index", scanned[2]);
    struct tensor left = body_input(body, "left", captured[0]);
    struct tensor is_taken = tensor_lt(position(body, DTYPE_INT32, 0), taken);
    may = tensor_and(may, tensor_not(any_along(tensor_and(own_near, is_taken), 1)));
    may = tensor_and(may, tensor_lt(tensor_reduce_sum(taken, AXES(1)), left));
    struct tensor here = tensor_eq(positions_along(body, DTYPE_INT32, s->block, 1, 2), index);
    here = tensor_and(here, unsqueeze(may, 1));
    return tensor_scan(
        &(struct scan_options){.initial = none,
                               .scanned_count = 3,
                               .scanned = scanned,
                               .captured_count = 1,
                               .captured = captured,
                               .next = tensor_where(here, position(body, DTYPE_INT32, 1), taken),
                               .last = true});
}

/* The state with the boxes that are accepted in the first free places of each row. */
static struct tensor put(const struct suppression *s, const struct step *step, struct tensor boxes,
                         struct tensor accepted, struct tensor free) {
    struct tensor_context *context = boxes.context;
    struct tensor row = positions_along(context, DTYPE_INT32, s->block, 1, 3);
    struct tensor column = positions_along(context, DTYPE_INT32, s->block, 2, 3);
    struct tensor before = tensor_where(tensor_lt(column, row), unsqueeze(accepted, 1),
                                        position(context, DTYPE_INT32, 0));
    struct tensor place = tensor_add(tensor_reduce_sum(before, AXES(2)), unsqueeze(free, 1));
    place = tensor_where(tensor_lt(position(context, DTYPE_INT32, 0), accepted), place,
                         position(context, DTYPE_INT32, s->places));
    struct tensor own = unsqueeze(tensor_cast(step->position, DTYPE_FLOAT32), 0);
    return tensor_scatter(step->state, 2, unsqueeze(place, 0),
                          tensor_concat(TENSORS(boxes, own), 0));
}

/* Which boxes of the block may be selected: those that are true and whose scores pass, which come
 * first in the order. */
static struct tensor open_boxes(const struct suppression *s, const struct step *step) {
    struct tensor_context *context = step->position.context;
    struct tensor count =
        is_given(step->count) ? step->count : position(context, DTYPE_INT32, s->boxes);
    struct tensor open = tensor_lt(step->position, count);
    if (!is_given(step->score))
        return open;
    struct tensor last = position(context, DTYPE_INT32, s->boxes - 1);
    struct tensor at =
        tensor_add(tensor_min(step->position, last), beginnings(s, step->position, 1));
    return tensor_and(open, tensor_lt(step->score, tensor_gather(step->scores, 0, at)));
}

static void take_step(const struct suppression *s, const struct step *step,
                      struct scan_options *options) {
    struct tensor_context *context = step->position.context;
    struct tensor last = position(context, DTYPE_INT32, s->boxes - 1);
    struct tensor at =
        tensor_add(tensor_min(step->position, last), beginnings(s, step->position, s->classes));
    struct tensor boxes = tensor_permute(tensor_gather(step->corners, 0, at), AXES(2, 0, 1));
    struct tensor there =
        tensor_le(scalar_like(step->state, 0), pick_axis(step->state, 0, POSITION));
    struct tensor free = tensor_reduce_sum(tensor_cast(there, DTYPE_INT32), AXES(1));
    struct tensor open = open_boxes(s, step);
    struct tensor near = near_selected(s, step, boxes, tensor_reduce_max(free, ALL_AXES));
    struct tensor zero = position(context, DTYPE_INT32, 0);
    struct tensor accepted = accept(s, step, boxes, tensor_and(open, tensor_eq(near, zero)), free);
    struct tensor limit =
        is_given(step->limit) ? step->limit : position(context, DTYPE_INT32, s->most);
    struct tensor left = tensor_lt(tensor_add(free, tensor_reduce_sum(accepted, AXES(1))), limit);
    options->next = put(s, step, boxes, accepted, free);
    options->goes_on =
        tensor_reduce_max(tensor_and(left, pick_axis(open, 1, s->block - 1)), ALL_AXES);
}

/* The order in blocks, behind the boxes their number: [blocks, rows, block]. */
static struct tensor blocks_of(const struct suppression *s, struct tensor order) {
    int64_t blocks = divide_up(s->boxes, s->block), more = blocks * s->block - s->boxes;
    int32_t none = (int32_t)s->boxes;
    if (more)
        order = tensor_concat(TENSORS(order, tensor_const(order.context, DTYPE_INT32,
                                                          SHAPE(s->rows, more), 1, &none)),
                              1);
    return tensor_permute(tensor_reshape(order, SHAPE(s->rows, blocks, s->block)), AXES(1, 0, 2));
}

/* The positions of what is selected, in order, as float32, and behind them -1: [rows, most]. */
static struct tensor select_boxes(const struct suppression *s) {
    struct tensor_context *context = s->call->context, *body = tensor_context_new("boxes");
    struct tensor none = scalar(context, -1), order = blocks_of(s, order_of(s));
    struct tensor state = zeros(context, DTYPE_FLOAT32, SHAPE(POSITION, s->rows, s->places));
    none = tensor_expand(tensor_reshape(none, SHAPE(1, 1, 1)), SHAPE(1, s->rows, s->places));
    state = tensor_concat(TENSORS(state, none), 0);
    struct tensor captured[6] = {s->corners, s->overlap};
    struct step step = {body_input(body, "state", state), body_slice(body, "position", order),
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
                                   .scanned_count = 1,
                                   .scanned = &order,
                                   .captured_count = count,
                                   .captured = captured,
                                   .last = true};
    take_step(s, &step, &options);
    return cut_axis(pick_axis(tensor_scan(&options), 0, POSITION), 1, 0, s->most);
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
    s.block = s.boxes < BLOCK ? s.boxes : BLOCK;
    s.stretch = s.most < STRETCH ? s.most : STRETCH;
    s.places = divide_up(s.most, s.stretch) * s.stretch;
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
