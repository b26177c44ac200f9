/* NonMaxSuppression: the boxes of every batch and class go side by side, in the order of their
 * scores, through a scan whose state says which boxes were selected so far. A step takes a block of
 * boxes: it drops those that overlap one that is selected, looking at as many places as are filled,
 * and then selects among the others. It ends once no score passes, or as many are selected as may
 * be: so a box that cannot be selected costs nothing but its place in the order. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/movement.h"
#include "compiler/import/positions.h"

#include <math.h>

enum {
    BLOCK = 64,   /* boxes that a step takes */
    STRETCH = 64, /* places that it looks at at once */
};

enum plane { X_LEAST, Y_LEAST, X_MOST, Y_MOST, AREA, PLANES };

struct suppression {
    struct call *call;
    bool centered; /* boxes are given by their centers and sides */
    int64_t batches, classes, boxes;
    int64_t rows;           /* batches * classes */
    int64_t most;           /* selected in one row */
    int64_t block, stretch; /* BLOCK and STRETCH, or fewer */
    int64_t stretches;      /* of places for what is selected */
    struct tensor limit;    /* `most` where a run brings it, int32; else the same as a constant */
    struct tensor table;    /* of boxes as they are given: [batches * boxes, 4] */
    struct tensor scores;   /* [rows, boxes] */
    struct tensor overlap;  /* the threshold, 0 at least */
    struct tensor passing;  /* how many boxes of each row may be selected, int32: [rows] */
};

/* ---- What is given ---- */

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
    }
    s->limit = position(call->context, DTYPE_INT32, s->most);
    if (is_given(limit) && !call_is_known(call, limit)) {
        struct tensor least = position(call->context, DTYPE_INT64, 0);
        struct tensor most = position(call->context, DTYPE_INT64, s->boxes);
        s->limit = tensor_cast(tensor_max(tensor_min(limit, most), least), DTYPE_INT32);
    }
}

/* Scores that pass, and how many do. NaN stands for others: it comes last in the order. */
static void read_scores(struct suppression *s, struct tensor scores) {
    struct tensor_context *context = s->call->context;
    struct counted c = call_counted(s->call, 1);
    struct tensor least = scalar_input(s->call, 4);
    int64_t rows = s->rows;
    if (!is_counted(c))
        c = (struct counted){call_counted(s->call, 0).count, 2};
    scores = filled_behind(scores, c, FILL_LAST);
    s->scores = tensor_reshape(scores, SHAPE(rows, s->boxes));
    s->passing = is_counted(c) ? tensor_cast(c.count, DTYPE_INT32)
                               : position(context, DTYPE_INT32, s->boxes);
    s->passing = tensor_expand(tensor_reshape(s->passing, SHAPE(1)), SHAPE(rows));
    if (is_given(least)) {
        struct tensor passes = tensor_lt(least, s->scores);
        s->scores = tensor_where(passes, s->scores, scalar_like(s->scores, (double)NAN));
        s->passing = tensor_reduce_sum(tensor_cast(passes, DTYPE_INT32), AXES(1));
    }
}

/* How blocks and places are laid out; false: int32 cannot count them. */
static bool lay_out(struct suppression *s) {
    s->block = s->boxes < BLOCK ? s->boxes : BLOCK;
    s->stretch = s->most < STRETCH ? s->most : STRETCH;
    s->stretches = s->most ? divide_up(s->most, s->stretch) : 0;
    return s->rows == 0 || (s->boxes + 2 * STRETCH) <= INT32_MAX / s->rows;
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
    s->centered = call_int(call, "center_point_box", 0) != 0;
    s->batches = tensor_extent(scores, 0);
    s->classes = tensor_extent(scores, 1);
    s->boxes = tensor_extent(scores, 2);
    s->rows = s->batches * s->classes;
    s->overlap = scalar_input(call, 3);
    s->overlap = is_given(s->overlap) ? s->overlap : scalar(call->context, 0);
    s->overlap = tensor_max(s->overlap, scalar(call->context, 0));
    read_limit(s);
    if (!lay_out(s)) {
        call_refuse(call, "more than %d boxes for all classes", INT32_MAX);
        return false;
    }
    s->table = tensor_reshape(boxes, SHAPE(s->batches * s->boxes, 4));
    read_scores(s, scores);
    return true;
}

/* Positions of the boxes of each row, the highest score first, equal ones as they stand. */
static struct tensor order_of(const struct suppression *s) {
    struct tensor zero = scalar_like(s->scores, 0);
    return tensor_argsort(tensor_sub(zero, s->scores), 1); /* both zeros are equal */
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

/* Boxes [rows, many] by the rows of the table that they stand in; all 0 where that is none. */
static void boxes_at(const struct suppression *s, struct tensor table, struct tensor at,
                     struct tensor planes[PLANES]) {
    struct tensor v[4], given = tensor_gather(table, 0, at);
    for (int i = 0; i < 4; i++)
        v[i] = pick_axis(given, 2, i);
    for (int i = 0; i < 2; i++) {
        struct tensor center = v[i], half = tensor_mul(v[2 + i], scalar_like(v[2 + i], 0.5));
        struct tensor one = v[1 - i], other = v[3 - i]; /* y comes first */
        planes[X_LEAST + i] = s->centered ? tensor_sub(center, half) : tensor_min(one, other);
        planes[X_MOST + i] = s->centered ? tensor_add(center, half) : tensor_max(one, other);
    }
    planes[AREA] = tensor_mul(extent_of(planes[X_LEAST], planes[X_MOST]),
                              extent_of(planes[Y_LEAST], planes[Y_MOST]));
}

/* The same as one tensor, [PLANES, rows, many]. */
static struct tensor stacked_boxes_at(const struct suppression *s, struct tensor table,
                                      struct tensor at) {
    struct tensor planes[PLANES];
    boxes_at(s, table, at, planes);
    for (int i = 0; i < PLANES; i++)
        planes[i] = unsqueeze(planes[i], 0);
    return tensor_concat(PLANES, planes, 0);
}

static void unstack(struct tensor boxes, struct tensor planes[PLANES]) {
    for (int i = 0; i < PLANES; i++)
        planes[i] = pick_axis(boxes, 0, i);
}

/* Whether a box overlaps one that is selected too much, of planes that broadcast. Where they have
 * nothing in common the share is 0, or NaN where they have no area: above no limit. */
static struct tensor overlaps(struct tensor limit, const struct tensor *box,
                              const struct tensor *selected) {
    struct tensor x0 = tensor_max(box[X_LEAST], selected[X_LEAST]);
    struct tensor y0 = tensor_max(box[Y_LEAST], selected[Y_LEAST]);
    struct tensor width = extent_of(x0, tensor_min(box[X_MOST], selected[X_MOST]));
    struct tensor height = extent_of(y0, tensor_min(box[Y_MOST], selected[Y_MOST]));
    struct tensor zero = scalar_like(width, 0);
    struct tensor common = tensor_mul(tensor_max(width, zero), tensor_max(height, zero));
    struct tensor together = tensor_sub(tensor_add(box[AREA], selected[AREA]), common);
    return tensor_lt(limit, tensor_div(common, together));
}

/* Whether boxes [rows, many] overlap others [rows, more] too much: [rows, many, more]. */
static struct tensor overlaps_of(struct tensor limit, const struct tensor boxes[PLANES],
                                 const struct tensor others[PLANES]) {
    struct tensor box[PLANES], other[PLANES];
    for (int i = 0; i < PLANES; i++) {
        box[i] = unsqueeze(boxes[i], 2);
        other[i] = unsqueeze(others[i], 1);
    }
    return overlaps(limit, box, other);
}

/* ---- One step: the next boxes of each row ---- */

/* Inputs of the body. */
struct step {
    /* Which box stands at a place, as its row of the table: [stretches + 1, rows, stretch]. In the
     * last stretch the first element of each row says how many places are filled. */
    struct tensor state;
    struct tensor index; /* of the step */
    struct tensor order, passing, table, overlap, limit;
};

static struct tensor number(struct tensor like, int64_t value) {
    return position(like.context, DTYPE_INT32, value);
}

/* Each row's number times that, divided before: [rows, 1]. */
static struct tensor beginnings(const struct suppression *s, struct tensor like, int64_t share,
                                int64_t times) {
    struct tensor row = tensor_iota(like.context, DTYPE_INT32, s->rows);
    return unsqueeze(tensor_mul(tensor_div(row, number(like, share)), number(like, times)), 1);
}

/* How many places of each row are filled: [rows]. */
static struct tensor filled_of(const struct suppression *s, struct tensor state) {
    return pick_axis(pick_axis(state, 0, s->stretches), 1, 0);
}

/* Whether boxes overlap one of those that are selected: [rows, block]. These are looked at by
 * stretches, as far as places are filled. */
static struct tensor near_selected(const struct suppression *s, const struct step *step,
                                   struct tensor boxes, struct tensor filled) {
    struct tensor_context *context = boxes.context, *body = tensor_context_new("stretch");
    struct tensor scanned[] = {step->state, tensor_iota(context, DTYPE_INT32, s->stretches + 1)};
    struct tensor captured[] = {boxes, step->table, step->overlap,
                                tensor_reduce_max(filled, ALL_AXES)};
    struct tensor none = zeros(context, DTYPE_BOOL, SHAPE(s->rows, s->block));
    struct tensor found = body_input(body, "found", none);
    struct tensor selected = body_slice(body, "selected", scanned[0]);
    struct tensor stretch = body_slice(body, "index", scanned[1]);
    struct tensor own = body_input(body, "boxes", boxes);
    struct tensor table = body_input(body, "table", step->table);
    struct tensor overlap = body_input(body, "overlap", step->overlap);
    struct tensor end = body_input(body, "filled", captured[3]);
    struct tensor planes[PLANES], others[PLANES];
    unstack(own, planes);
    boxes_at(s, table, selected, others);
    struct tensor near = overlaps_of(overlap, planes, others);
    struct tensor next = tensor_add(stretch, number(found, 1));
    return tensor_scan(&(struct scan_options){
        .initial = none,
        .scanned_count = 2,
        .scanned = scanned,
        .captured_count = 4,
        .captured = captured,
        .next = tensor_or(found, any_along(near, 2)),
        .goes_on = tensor_lt(tensor_mul(next, number(found, s->stretch)), end),
        .last = true});
}

/* Whether a row stands before its column, of a square: [1, block, block]. */
static struct tensor stands_before(const struct suppression *s, struct tensor like) {
    return tensor_lt(positions_along(like.context, DTYPE_INT32, s->block, 1, 3),
                     positions_along(like.context, DTYPE_INT32, s->block, 2, 3));
}

/* Which of the boxes that are open are selected, each beside those of the block that are before it:
 * [rows, block]. At first all are; then those that overlap none that is, which is right for one box
 * more each time, and for all once nothing changes. */
static struct tensor accept(const struct suppression *s, const struct step *step,
                            struct tensor boxes, struct tensor open) {
    struct tensor_context *context = boxes.context, *body = tensor_context_new("accept");
    struct tensor planes[PLANES];
    unstack(boxes, planes);
    struct tensor near = overlaps_of(step->overlap, planes, planes);
    struct tensor times = tensor_iota(context, DTYPE_INT32, s->block);
    struct tensor captured[] = {tensor_and(near, stands_before(s, near)), open};
    struct tensor taken = body_input(body, "taken", open);
    body_slice(body, "index", times);
    struct tensor own_near = body_input(body, "near", captured[0]);
    struct tensor may = body_input(body, "open", open);
    struct tensor drops = any_along(tensor_and(own_near, unsqueeze(taken, 2)), 1);
    struct tensor next = tensor_and(may, tensor_not(drops));
    return tensor_scan(
        &(struct scan_options){.initial = open,
                               .scanned_count = 1,
                               .scanned = &times,
                               .captured_count = 2,
                               .captured = captured,
                               .next = next,
                               .goes_on = tensor_reduce_max(tensor_xor(next, taken), ALL_AXES),
                               .last = true});
}

/* Where boxes that are accepted go in the state, in a row: the first places that are free. */
static struct tensor places_for(const struct suppression *s, const struct step *step,
                                struct tensor accepted, struct tensor filled) {
    struct tensor zero = number(accepted, 0);
    struct tensor before = tensor_and(stands_before(s, accepted), unsqueeze(accepted, 2));
    before = tensor_reduce_sum(tensor_where(before, number(accepted, 1), zero), AXES(1));
    struct tensor place = tensor_add(before, unsqueeze(filled, 1));
    struct tensor goes = tensor_and(accepted, tensor_lt(place, step->limit));
    struct tensor stretch = tensor_div(place, number(accepted, s->stretch));
    struct tensor at = tensor_mul(stretch, number(accepted, (s->rows - 1) * s->stretch));
    at = tensor_add(tensor_add(at, place), beginnings(s, accepted, 1, s->stretch));
    return tensor_where(goes, at, number(accepted, elements_of(step->state)));
}

/* The state with the boxes that are accepted. */
static struct tensor put(const struct suppression *s, const struct step *step, struct tensor at,
                         struct tensor accepted, struct tensor filled) {
    struct tensor count = tensor_reduce_sum(tensor_cast(accepted, DTYPE_INT32), AXES(1));
    count = tensor_min(tensor_add(filled, count), step->limit);
    struct tensor place = places_for(s, step, accepted, filled);
    struct tensor count_place = tensor_add(beginnings(s, accepted, 1, s->stretch),
                                           number(accepted, s->stretches * s->rows * s->stretch));
    place = in_a_row(tensor_concat(TENSORS(place, count_place), 1));
    at = in_a_row(tensor_concat(TENSORS(at, unsqueeze(count, 1)), 1));
    return tensor_reshape(tensor_scatter(in_a_row(step->state), 0, place, at),
                          SHAPE(s->stretches + 1, s->rows, s->stretch));
}

static void take_step(const struct suppression *s, const struct step *step,
                      struct scan_options *options) {
    struct tensor_context *context = step->index.context;
    struct tensor begin = tensor_mul(step->index, number(step->index, s->block));
    struct tensor end = tensor_add(begin, number(begin, s->block));
    struct tensor ranks = tensor_add(tensor_iota(context, DTYPE_INT32, s->block), begin);
    struct tensor passing = unsqueeze(step->passing, 1);
    struct tensor own =
        tensor_gather(step->order, 1, tensor_min(ranks, number(begin, s->boxes - 1)));
    struct tensor at = tensor_add(own, beginnings(s, own, s->classes, s->boxes));
    struct tensor boxes = stacked_boxes_at(s, step->table, at), filled = filled_of(s, step->state);
    struct tensor near = near_selected(s, step, boxes, filled);
    struct tensor open = tensor_lt(unsqueeze(ranks, 0), passing);
    struct tensor accepted = accept(s, step, boxes, tensor_and(open, tensor_not(near)));
    options->next = put(s, step, at, accepted, filled);
    struct tensor left = tensor_lt(filled_of(s, options->next), step->limit);
    options->goes_on = tensor_reduce_max(tensor_and(left, tensor_lt(end, step->passing)), ALL_AXES);
}

/* No box anywhere, and no place is filled. */
static struct tensor nothing_selected(const struct suppression *s) {
    struct tensor_context *context = s->call->context;
    struct tensor none = position(context, DTYPE_INT32, s->batches * s->boxes);
    none = tensor_reshape(none, SHAPE(1, 1, 1));
    return tensor_concat(TENSORS(tensor_expand(none, SHAPE(s->stretches, s->rows, s->stretch)),
                                 zeros(context, DTYPE_INT32, SHAPE(1, s->rows, s->stretch))),
                         0);
}

/* The state behind the last step. */
static struct tensor select_boxes(const struct suppression *s) {
    struct tensor_context *context = s->call->context, *body = tensor_context_new("boxes");
    struct tensor steps = tensor_iota(context, DTYPE_INT32, divide_up(s->boxes, s->block));
    struct tensor state = nothing_selected(s);
    struct tensor captured[] = {order_of(s), s->passing, s->table, s->overlap, s->limit};
    struct step step = {.state = body_input(body, "state", state),
                        .index = body_slice(body, "index", steps),
                        .order = body_input(body, "order", captured[0]),
                        .passing = body_input(body, "passing", s->passing),
                        .table = body_input(body, "table", s->table),
                        .overlap = body_input(body, "overlap", s->overlap),
                        .limit = body_input(body, "limit", s->limit)};
    struct scan_options options = {.initial = state,
                                   .scanned_count = 1,
                                   .scanned = &steps,
                                   .captured_count = 5,
                                   .captured = captured,
                                   .last = true};
    take_step(s, &step, &options);
    return tensor_scan(&options);
}

/* ---- All of it ---- */

/* What is selected, as positions within each row, and behind it whatever: [rows, most]. */
static struct tensor positions_of(const struct suppression *s, struct tensor state) {
    struct tensor at = tensor_permute(cut_axis(state, 0, 0, s->stretches), AXES(1, 0, 2));
    at = tensor_reshape(at, SHAPE(s->rows, s->stretches * s->stretch));
    return tensor_sub(cut_axis(at, 1, 0, s->most), beginnings(s, at, s->classes, s->boxes));
}

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
    struct tensor state = select_boxes(&s);
    struct tensor place = positions_along(call->context, DTYPE_INT32, s.most, 1, 2);
    struct tensor selected = in_a_row(tensor_lt(place, unsqueeze(filled_of(&s, state), 1)));
    struct tensor places = places_of(selected);
    struct tensor positions = tensor_gather(in_a_row(positions_of(&s, state)), 0, places);
    struct tensor row = tensor_div(places, position(call->context, DTYPE_INT32, s.most));
    struct tensor classes = position(call->context, DTYPE_INT32, s.classes);
    call_counts_output(call, 0, 0, count_of(selected));
    return tensor_concat(TENSORS(column(tensor_div(row, classes)), column(tensor_mod(row, classes)),
                                 column(positions)),
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
