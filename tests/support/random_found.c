#include "tests/support/random_found.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/random_graph.h"

enum { FLOAT = 1, INT32 = 6, INT64 = 7, BOOL = 9 }; /* onnx_types.def */
enum { MOST_EXTENT = 120, MOST_WIDTH = 6, OPSET = 19 };

/* A tensor of one or two axes, of which one is counted. */
struct found {
    const char *name;
    int type, rank, axis;
    int64_t shape[2]; /* the greatest there can be */
};

struct maker {
    struct onnx_model *model;
    struct random random;
    int names; /* so far */
    struct found at_hand;
    bool ended;   /* nothing is counted any more */
    bool is_none; /* it may be known to have no elements, of which there is no border and no k */
};

static int64_t between(struct maker *maker, int64_t low, int64_t high) {
    return random_between(&maker->random, low, high);
}
static bool chance(struct maker *maker, int percent) {
    return random_chance(&maker->random, percent);
}
#define PICK(maker, array)                                                                         \
    ((array)[between((maker), 0, (int64_t)(sizeof(array) / sizeof *(array)) - 1)])

/* ---- Parts of models ---- */

static const char *new_name(struct maker *maker, const char *prefix) {
    return arena_format(&maker->model->arena, "%s%d", prefix, maker->names++);
}

static const char *new_input(struct maker *maker, const char *prefix, int type, int rank,
                             const int64_t *shape) {
    const char *name = new_name(maker, prefix), *text = "";
    for (int i = 0; i < rank; i++)
        text = arena_format(&maker->model->arena, "%s%s%d", text, i ? "," : "", (int)shape[i]);
    onnx_add_input(maker->model, name, type, text);
    return name;
}

/* A list of integers, or where `rank` is 0 one. */
static const char *integers(struct maker *maker, int rank, int count, const int64_t *values) {
    const char *name = new_name(maker, "k");
    Onnx__Tensor *tensor = onnx_add_initializer(maker->model, name, INT64, count);
    tensor->n_dims = (size_t)rank;
    tensor->n_int64_data = (size_t)count;
    tensor->int64_data = arena_array(&maker->model->arena, int64_t, (size_t)count + 1);
    memcpy(tensor->int64_data, values, (size_t)count * sizeof *values);
    return name;
}

static const char *number(struct maker *maker, float value) {
    const char *name = new_name(maker, "k");
    Onnx__Tensor *tensor = onnx_add_initializer(maker->model, name, FLOAT, 1);
    tensor->n_dims = 0;
    tensor->n_float_data = 1;
    tensor->float_data = arena_array(&maker->model->arena, float, 1);
    tensor->float_data[0] = value;
    return name;
}

struct made {
    const char *name;
    Onnx__Node *node;
};

/* A node of inputs that are joined by commas. */
static struct made add(struct maker *maker, const char *op, const char *inputs) {
    const char *name = new_name(maker, "t");
    return (struct made){name, onnx_add_node(maker->model, op, inputs, name)};
}

static void set_integer(struct maker *maker, struct made made, const char *name, int64_t value) {
    Onnx__Attribute *attribute = onnx_add_attribute(maker->model, made.node, name);
    attribute->has_type = attribute->has_i = true;
    attribute->type = 2;
    attribute->i = value;
}

static void set_text(struct maker *maker, struct made made, const char *name, const char *value) {
    Onnx__Attribute *attribute = onnx_add_attribute(maker->model, made.node, name);
    attribute->has_type = attribute->has_s = true;
    attribute->type = 3;
    attribute->s.data = (uint8_t *)arena_copy_text(&maker->model->arena, value);
    attribute->s.len = strlen(value);
}

#define JOINED(maker, ...) arena_format(&(maker)->model->arena, __VA_ARGS__)

static int64_t *own_extent(struct found *found) {
    return &found->shape[found->axis];
}
static int64_t other_extent(const struct found *found) {
    return found->rank == 2 ? found->shape[1 - found->axis] : 1;
}

/* ---- What finds ---- */

/* The positions of the elements of a row that are over a threshold: int64, of one axis. */
static const char *positions_over(struct maker *maker, const char *row) {
    static const float thresholds[] = {-1e30f, -0.5f, 0, 0.5f, 2, 1e30f};
    struct made mask =
        add(maker, "Greater", JOINED(maker, "%s,%s", row, number(maker, PICK(maker, thresholds))));
    const char *places = add(maker, "NonZero", mask.name).name;
    if (chance(maker, 50))
        return add(maker, "Squeeze",
                   JOINED(maker, "%s,%s", places, integers(maker, 1, 1, (int64_t[]){0})))
            .name;
    return add(maker, "Reshape",
               JOINED(maker, "%s,%s", places, integers(maker, 1, 1, (int64_t[]){-1})))
        .name;
}

static struct made gather(struct maker *maker, const char *data, const char *positions, int axis) {
    struct made made = add(maker, "Gather", JOINED(maker, "%s,%s", data, positions));
    set_integer(maker, made, "axis", axis);
    return made;
}

/* Rows of a table where scores beside it are high; also, those scores put back where they were. */
static void find_by_scores(struct maker *maker) {
    int64_t shape[2] = {between(maker, 1, 24), between(maker, 1, MOST_WIDTH)};
    const char *scores = new_input(maker, "scores", FLOAT, 1, shape);
    const char *rows = new_input(maker, "rows", FLOAT, 2, shape);
    const char *positions = positions_over(maker, scores);
    maker->at_hand =
        (struct found){gather(maker, rows, positions, 0).name, FLOAT, 2, 0, {shape[0], shape[1]}};
    if (!chance(maker, 30))
        return;
    const char *some = gather(maker, scores, positions, 0).name;
    const char *zeros = new_input(maker, "base", FLOAT, 1, shape);
    onnx_add_output(
        maker->model,
        add(maker, "ScatterElements", JOINED(maker, "%s,%s,%s", zeros, positions, some)).name);
}

static void find_by_conditions(struct maker *maker) {
    int64_t shape[2] = {between(maker, 1, 24), between(maker, 1, MOST_WIDTH)};
    int axis = (int)between(maker, 0, 1);
    const char *rows = new_input(maker, "rows", FLOAT, 2, shape);
    const char *mask = new_input(maker, "kept", BOOL, 1, &shape[axis]);
    struct made made = add(maker, "Compress", JOINED(maker, "%s,%s", rows, mask));
    set_integer(maker, made, "axis", axis);
    maker->at_hand = (struct found){made.name, FLOAT, 2, axis, {shape[0], shape[1]}};
}

/* Where a table is not 0, by tuples of positions. */
static void find_in_table(struct maker *maker) {
    int64_t shape[2] = {between(maker, 1, 9), between(maker, 1, 9)};
    const char *table = new_input(maker, "positions", INT32, 2, shape);
    const char *values = new_input(maker, "table", FLOAT, 2, shape);
    const char *tuples =
        add(maker, "Transpose", add(maker, "NonZero", table).name).name; /* the axes turned */
    const char *found = add(maker, "GatherND", JOINED(maker, "%s,%s", values, tuples)).name;
    maker->at_hand = (struct found){found, FLOAT, 1, 0, {shape[0] * shape[1], 1}};
    if (chance(maker, 50))
        onnx_add_output(maker->model, tuples);
}

/* Each different number of a row once, with its first place, or how often it is there. */
static void find_unique(struct maker *maker) {
    int64_t extent = between(maker, 1, 24);
    bool floats = chance(maker, 50);
    const char *row =
        new_input(maker, floats ? "x" : "positions", floats ? FLOAT : INT64, 1, &extent);
    const char *outputs[4];
    for (int i = 0; i < 4; i++)
        outputs[i] = new_name(maker, "u");
    Onnx__Node *node =
        onnx_add_node(maker->model, "Unique", row,
                      JOINED(maker, "%s,%s,%s,%s", outputs[0], outputs[1], outputs[2], outputs[3]));
    set_integer(maker, (struct made){outputs[0], node}, "sorted", between(maker, 0, 1));
    for (int i = 1; i < 4; i++)
        if (chance(maker, 40))
            onnx_add_output(maker->model, outputs[i]);
    maker->at_hand = (struct found){outputs[0], floats ? FLOAT : INT64, 1, 0, {extent, 1}};
}

/* Boxes that suppression selects. */
static void find_boxes(struct maker *maker) {
    int64_t boxes = between(maker, 1, 16), classes = between(maker, 1, 3);
    int64_t most = between(maker, 1, 8);
    const char *corners = new_input(maker, "boxes", FLOAT, 3, (int64_t[]){1, boxes, 4});
    const char *scores = new_input(maker, "scores", FLOAT, 3, (int64_t[]){1, classes, boxes});
    const char *selected =
        add(maker, "NonMaxSuppression",
            JOINED(maker, "%s,%s,%s,%s,%s", corners, scores, integers(maker, 0, 1, &most),
                   number(maker, 0.5f), number(maker, chance(maker, 50) ? -1e30f : 0)))
            .name;
    const char *column =
        gather(maker, selected, integers(maker, 0, 1, (int64_t[]){2}), 1).name; /* the boxes */
    onnx_add_output(maker->model, selected);
    const char *flat =
        add(maker, "Reshape",
            JOINED(maker, "%s,%s", corners, integers(maker, 1, 2, (int64_t[]){boxes, 4})))
            .name;
    int64_t each = most < boxes ? most : boxes;
    maker->at_hand =
        (struct found){gather(maker, flat, column, 0).name, FLOAT, 2, 0, {each * classes, 4}};
}

/* ---- What is done with it: false where it does not fit what is at hand ---- */

static void becomes(struct maker *maker, struct made made) {
    maker->at_hand.name = made.name;
}

static bool step_unary(struct maker *maker) {
    static const char *const floats[] = {"Neg",   "Abs",     "Relu",    "Exp",
                                         "Floor", "Sigmoid", "Softsign"};
    static const char *const ints[] = {"Neg", "Abs", "Sign", "Identity"};
    bool is_float = maker->at_hand.type == FLOAT;
    becomes(maker,
            add(maker, is_float ? PICK(maker, floats) : PICK(maker, ints), maker->at_hand.name));
    return true;
}

/* With itself, or with what is the same for all elements of the axis. */
static bool step_binary(struct maker *maker) {
    static const char *const ops[] = {"Add", "Sub", "Mul", "Max", "Min"};
    struct found found = maker->at_hand;
    const char *other = found.name;
    *own_extent(&found) = 1;
    if (chance(maker, 60))
        other = new_input(maker, "positions", found.type, found.rank, found.shape);
    becomes(maker,
            add(maker, PICK(maker, ops), JOINED(maker, "%s,%s", maker->at_hand.name, other)));
    return true;
}

static bool step_cast(struct maker *maker) {
    int to = maker->at_hand.type == FLOAT ? (chance(maker, 50) ? INT32 : INT64) : FLOAT;
    struct made made = add(maker, "Cast", maker->at_hand.name);
    set_integer(maker, made, "to", to);
    maker->at_hand.type = to;
    becomes(maker, made);
    return true;
}

static bool step_transpose(struct maker *maker) {
    struct found *found = &maker->at_hand;
    if (found->rank != 2)
        return false;
    becomes(maker, add(maker, "Transpose", found->name));
    int64_t first = found->shape[0];
    found->shape[0] = found->shape[1];
    found->shape[1] = first;
    found->axis = 1 - found->axis;
    return true;
}

/* A slice of the counted axis, from either end, either way. */
static bool step_slice(struct maker *maker) {
    static const int64_t steps[] = {1, 1, 2, 3, -1, -1, -2};
    struct found *found = &maker->at_hand;
    int64_t extent = *own_extent(found), step = PICK(maker, steps);
    int64_t start = between(maker, -extent - 2, extent + 2);
    int64_t end = between(maker, -extent - 2, extent + 2);
    if (chance(maker, 30))
        end = step > 0 ? INT64_MAX : INT64_MIN;
    becomes(maker,
            add(maker, "Slice",
                JOINED(maker, "%s,%s,%s,%s,%s", found->name, integers(maker, 1, 1, &start),
                       integers(maker, 1, 1, &end), integers(maker, 1, 1, (int64_t[]){found->axis}),
                       integers(maker, 1, 1, &step))));
    return true;
}

/* Of the elements with others behind them, or before. */
static bool step_concat(struct maker *maker) {
    struct found *found = &maker->at_hand;
    struct found more = *found;
    int64_t extent = *own_extent(found);
    *own_extent(&more) = between(maker, 1, 3);
    const char *table = new_input(maker, "positions", more.type, more.rank, more.shape);
    const char *negated = add(maker, "Neg", found->name).name;
    const char *forms[] = {JOINED(maker, "%s,%s", found->name, table),
                           JOINED(maker, "%s,%s", table, found->name),
                           JOINED(maker, "%s,%s,%s", found->name, negated, table)};
    int form = (int)between(maker, 0, 2);
    if (2 * extent + 3 > MOST_EXTENT)
        return false;
    struct made made = add(maker, "Concat", forms[form]);
    set_integer(maker, made, "axis", found->axis);
    *own_extent(found) = extent * (form == 2 ? 2 : 1) + *own_extent(&more);
    becomes(maker, made);
    return true;
}

static bool step_pad(struct maker *maker) {
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    struct found *found = &maker->at_hand;
    int64_t pads[4] = {0}, before = between(maker, 0, 4), after = between(maker, 0, 4);
    pads[found->axis] = before;
    pads[found->rank + found->axis] = after;
    if (*own_extent(found) + 8 > MOST_EXTENT)
        return false;
    struct made made =
        add(maker, "Pad",
            JOINED(maker, "%s,%s", found->name, integers(maker, 1, 2 * found->rank, pads)));
    set_text(maker, made, "mode", maker->is_none ? modes[0] : PICK(maker, modes));
    *own_extent(found) += before + after;
    becomes(maker, made);
    return true;
}

static bool step_tile(struct maker *maker) {
    struct found *found = &maker->at_hand;
    int64_t times[2] = {1, 1};
    times[found->axis] = between(maker, 1, 3);
    if (3 * *own_extent(found) > MOST_EXTENT)
        return false;
    becomes(maker,
            add(maker, "Tile",
                JOINED(maker, "%s,%s", found->name, integers(maker, 1, found->rank, times))));
    *own_extent(found) *= times[found->axis];
    return true;
}

/* The k first ones in order; k may be more than a run finds. */
static bool step_top(struct maker *maker) {
    struct found *found = &maker->at_hand;
    int64_t k = between(maker, 1, *own_extent(found));
    if (*own_extent(found) < 1 || maker->is_none)
        return false;
    const char *values = new_name(maker, "t"), *places = new_name(maker, "t");
    Onnx__Node *node = onnx_add_node(maker->model, "TopK",
                                     JOINED(maker, "%s,%s", found->name, integers(maker, 1, 1, &k)),
                                     JOINED(maker, "%s,%s", values, places));
    struct made made = {values, node};
    set_integer(maker, made, "axis", found->axis);
    set_integer(maker, made, "largest", between(maker, 0, 1));
    *own_extent(found) = k;
    if (chance(maker, 40))
        onnx_add_output(maker->model, places);
    becomes(maker, made);
    return true;
}

static bool step_running_sum(struct maker *maker) {
    struct found *found = &maker->at_hand;
    int64_t axis = between(maker, 0, found->rank - 1);
    struct made made =
        add(maker, "CumSum", JOINED(maker, "%s,%s", found->name, integers(maker, 0, 1, &axis)));
    set_integer(maker, made, "reverse", between(maker, 0, 1));
    becomes(maker, made);
    return true;
}

static bool step_softmax(struct maker *maker) {
    struct found *found = &maker->at_hand;
    if (found->type != FLOAT)
        return false;
    struct made made = add(maker, "Softmax", found->name);
    set_integer(maker, made, "axis", between(maker, 0, found->rank - 1));
    becomes(maker, made);
    return true;
}

/* Those whose greatest element is over a threshold: one filter behind another. */
static bool step_filter(struct maker *maker) {
    struct found *found = &maker->at_hand;
    const char *row = found->name;
    if (found->type != FLOAT)
        return false;
    if (found->rank == 2) {
        struct made most =
            add(maker, "ReduceMax",
                JOINED(maker, "%s,%s", row, integers(maker, 1, 1, (int64_t[]){1 - found->axis})));
        set_integer(maker, most, "keepdims", 0);
        row = most.name;
    }
    if (chance(maker, 50)) {
        becomes(maker, gather(maker, found->name, positions_over(maker, row), found->axis));
        return true;
    }
    const char *mask =
        add(maker, "Less", JOINED(maker, "%s,%s", row, number(maker, chance(maker, 50)))).name;
    struct made made = add(maker, "Compress", JOINED(maker, "%s,%s", found->name, mask));
    set_integer(maker, made, "axis", found->axis);
    becomes(maker, made);
    return true;
}

/* All in one row, or a row as a column. */
static bool step_reshape(struct maker *maker) {
    struct found *found = &maker->at_hand;
    int64_t extent = *own_extent(found) * other_extent(found);
    if (found->axis != 0 || extent > MOST_EXTENT)
        return false;
    const int64_t row[] = {-1}, column[] = {-1, 1};
    int rank = found->rank == 2 ? 1 : 2;
    becomes(maker, add(maker, "Reshape",
                       JOINED(maker, "%s,%s", found->name,
                              integers(maker, 1, rank, rank == 1 ? row : column))));
    *found = (struct found){found->name, found->type, rank, 0, {extent, 1}};
    return true;
}

static bool step_product(struct maker *maker) {
    struct found *found = &maker->at_hand;
    if (found->type != FLOAT || found->rank != 2 || found->axis != 0)
        return false;
    int64_t shape[2] = {found->shape[1], between(maker, 1, MOST_WIDTH)};
    const char *weights = new_input(maker, "w", FLOAT, 2, shape);
    becomes(maker, add(maker, "MatMul", JOINED(maker, "%s,%s", found->name, weights)));
    found->shape[1] = shape[1];
    return true;
}

/* Over either axis; over the counted one that is the end. */
static bool step_reduce(struct maker *maker) {
    static const char *const ops[] = {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd",
                                      "ReduceMean"};
    struct found *found = &maker->at_hand;
    int64_t axis = between(maker, 0, found->rank - 1);
    if (found->type != FLOAT)
        return false;
    becomes(maker, add(maker, PICK(maker, ops),
                       JOINED(maker, "%s,%s", found->name, integers(maker, 1, 1, &axis))));
    maker->ended = axis == found->axis;
    found->shape[axis] = axis == found->axis ? found->shape[axis] : 1;
    return true;
}

/* The element at places that may be counted from the end. */
static bool step_pick(struct maker *maker) {
    struct found *found = &maker->at_hand;
    int64_t places[2] = {0, -1};
    becomes(maker, gather(maker, found->name, integers(maker, 1, 2, places), found->axis));
    maker->ended = true;
    return true;
}

/* Of the elements with themselves behind them. */
static bool step_double(struct maker *maker) {
    struct found *found = &maker->at_hand;
    if (2 * *own_extent(found) > MOST_EXTENT)
        return false;
    const char *negated = add(maker, "Neg", found->name).name;
    struct made made = add(maker, "Concat", JOINED(maker, "%s,%s", found->name, negated));
    set_integer(maker, made, "axis", found->axis);
    *own_extent(found) *= 2;
    becomes(maker, made);
    return true;
}

/* Both axes are counted from here on, for two operators, and then one of them is no axis any more.
 */
static bool close_second(struct maker *maker) {
    static const char *const ops[] = {"ReduceSum", "ReduceMax", "ReduceMin"};
    struct found *found = &maker->at_hand;
    int64_t all = found->shape[0] * found->shape[1], other = 1 - found->axis;
    maker->is_none = true;
    if (all <= MOST_EXTENT && chance(maker, 60)) {
        becomes(maker,
                add(maker, "Reshape",
                    JOINED(maker, "%s,%s", found->name, integers(maker, 1, 1, (int64_t[]){-1}))));
        *found = (struct found){found->name, found->type, 1, 0, {all, 1}};
        return true;
    }
    becomes(maker, add(maker, PICK(maker, ops),
                       JOINED(maker, "%s,%s", found->name, integers(maker, 1, 1, &other))));
    found->shape[other] = 1;
    return true;
}

/* The other axis is filtered, too. */
static bool step_second(struct maker *maker) {
    struct found *found = &maker->at_hand;
    if (found->rank != 2 || found->type != FLOAT || other_extent(found) == 0)
        return false;
    int64_t other = other_extent(found);
    const char *scores = new_input(maker, "scores", FLOAT, 1, &other);
    becomes(maker, gather(maker, found->name, positions_over(maker, scores), 1 - found->axis));
    for (int64_t i = between(maker, 0, 2); i > 0; i--) {
        static bool (*const steps[])(struct maker *) = {step_unary,      step_transpose, step_slice,
                                                        step_double,     step_pad,       step_tile,
                                                        step_running_sum};
        found->axis = chance(maker, 50) ? found->axis : 1 - found->axis;
        PICK(maker, steps)(maker);
    }
    return close_second(maker);
}

/* From and to positions that a run brings. */
static bool step_slice_at_run(struct maker *maker) {
    static const int64_t steps[] = {1, 1, 2, -1, -2};
    struct found *found = &maker->at_hand;
    int64_t one = 1;
    const char *start = new_input(maker, "positions", INT64, 1, &one);
    const char *end = new_input(maker, "positions", INT64, 1, &one);
    becomes(maker, add(maker, "Slice",
                       JOINED(maker, "%s,%s,%s,%s,%s", found->name, start, end,
                              integers(maker, 1, 1, (int64_t[]){found->axis}),
                              integers(maker, 1, 1, &PICK(maker, steps)))));
    return true;
}

/* To sizes that a run brings, between bounds. */
static bool step_resize(struct maker *maker) {
    static const char *const modes[] = {"linear", "nearest"};
    enum { MOST_SIZE = 8 };
    struct found *found = &maker->at_hand;
    int64_t two = 2, most = MOST_SIZE, least = 1;
    if (found->type != FLOAT || found->rank != 2 || other_extent(found) < 1)
        return false;
    int64_t border[4] = {0}; /* of nothing there is no picture */
    border[found->axis] = 1;
    const char *some =
        add(maker, "Pad", JOINED(maker, "%s,%s", found->name, integers(maker, 1, 4, border))).name;
    const char *sizes = new_input(maker, "positions", INT64, 1, &two);
    sizes = add(maker, "Clip",
                JOINED(maker, "%s,%s,%s", sizes, integers(maker, 0, 1, &least),
                       integers(maker, 0, 1, &most)))
                .name;
    int mode = (int)between(maker, 0, 1);
    struct made made = add(maker, "Resize", JOINED(maker, "%s,,,%s", some, sizes));
    set_text(maker, made, "mode", modes[mode]);
    set_text(maker, made, "coordinate_transformation_mode", mode ? "asymmetric" : "half_pixel");
    set_text(maker, made, "nearest_mode", "floor");
    found->shape[0] = found->shape[1] = MOST_SIZE;
    becomes(maker, made);
    return close_second(maker);
}

static bool step_shape(struct maker *maker) {
    onnx_add_output(maker->model, add(maker, "Shape", maker->at_hand.name).name);
    return true;
}

static bool step_output(struct maker *maker) {
    onnx_add_output(maker->model, add(maker, "Identity", maker->at_hand.name).name);
    return true;
}

static void add_step(struct maker *maker) {
    static bool (*const steps[])(struct maker *) = {
        step_unary,   step_binary,      step_binary,      step_cast,   step_transpose, step_slice,
        step_slice,   step_concat,      step_concat,      step_pad,    step_tile,      step_top,
        step_top,     step_running_sum, step_softmax,     step_filter, step_filter,    step_reshape,
        step_product, step_reduce,      step_pick,        step_shape,  step_output,    step_second,
        step_second,  step_resize,      step_slice_at_run};
    while (!PICK(maker, steps)(maker))
        ;
}

void random_found_model(uint64_t seed, struct onnx_model *model) {
    static void (*const finders[])(struct maker *) = {find_by_scores, find_by_conditions,
                                                      find_in_table, find_unique, find_boxes};
    struct maker maker = {.model = model, .random = {.state = seed}};
    onnx_model_begin(model, OPSET);
    PICK(&maker, finders)(&maker);
    int64_t steps = between(&maker, 0, 7);
    for (int64_t i = 0; i < steps && !maker.ended; i++)
        add_step(&maker);
    onnx_add_output(model, add(&maker, "Identity", maker.at_hand.name).name);
}

struct graph *random_found_graph(uint64_t seed, struct et_error *error) {
    struct onnx_model model;
    struct weights *weights = NULL;
    random_found_model(seed, &model);
    struct graph *graph = onnx_import(&model, NULL, &weights, error);
    weights_free(weights); /* it has none */
    arena_free(&model.arena);
    if (!graph)
        et_fail_within(error, "found %llu", (unsigned long long)seed);
    return graph;
}
