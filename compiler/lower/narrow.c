/* Contractions of 8-bit integers, said as such.
 *
 * Quantised models multiply integers of 8 bits less their zero points, in int32. Of a, b and their
 * zero points,
 *
 *   sum (a - za) (b - zb)  =  sum a b  -  za sum b  -  zb sum a  +  count za zb
 *
 * exactly, since int32 wraps around: only the first sum needs both, and it is one of 8-bit integers
 * as they are. Where b is constant, its sum is. Padding, which is 0 less the zero point, becomes
 * the zero point.
 *
 * Tiles multiply uint8 by int8; those of a target whose vectors take integers of one kind, int8 by
 * constant int8. Constants become int8, less their zero point if that fits. Other integers change
 * their sign bit where need be, which adds 128 or takes it away, to them and to their zero point.
 */
#include "compiler/lower/narrow.h"

#include <string.h>

enum {
    MOST_MOVES = 24,   /* between the integers and the contraction */
    FEWEST_COLUMNS = 8 /* fewer make no tile */
};

/* One operand: moves, outermost last, of 8-bit integers `raw` less a zero point. */
struct narrow_operand {
    const struct node *source; /* of the contraction */
    const struct node *moves[MOST_MOVES];
    int move_count;
    const struct node *core, *raw; /* what is moved, in int32; its integers, or NULL */
    const struct node *offset; /* the zero point where it is not known, of one element; or NULL */
    int32_t zero;              /* else */
    bool zero_varies;          /* it is known, but not the same everywhere */
    bool constant;             /* all elements of core are known */
    struct node *narrow;       /* what the contraction takes, in 8 bits */
    int64_t stride[MAX_RANK];  /* 0 along an axis that it does not have */
};

/* ---- What an operand is ---- */

/* The one integer that all elements are, of what is known; repeated ones are looked at once. */
static bool all_equal(const struct view *view, int32_t *value) {
    struct view part = *view;
    const int32_t *first = view->data;
    if (view_is_empty(view))
        return false;
    for (int i = 0; i < part.rank; i++)
        if (part.stride[i] == 0)
            part.shape[i] = 1;
    struct rows rows = rows_of(1, (const struct view *const[]){&part});
    do
        for (int64_t i = 0; i < rows.length; i++)
            if (((const int32_t *)rows.data[0])[i * rows.stride[0]] != *first)
                return false;
    while (rows_next(&rows));
    *value = *first;
    return true;
}

/* The node of which `node` shows a single element everywhere; NULL: there is none. */
static const struct node *single(const struct node *node) {
    while ((node->op == OP_EXPAND || node->op == OP_RESHAPE) && node_elements(node) > 1)
        node = node->sources[0];
    return node_elements(node) == 1 ? node : NULL;
}

/* The zero point that `core` takes away. */
static bool read_zero(const struct simplifying *simplifying, const struct node *zero,
                      struct narrow_operand *operand) {
    const struct view *known = simplifying->known[zero->id];
    if (known) {
        operand->zero_varies = !view_is_aligned(known) || !all_equal(known, &operand->zero);
        return !operand->zero_varies || operand->constant;
    }
    operand->offset = single(zero);
    return operand->offset != NULL;
}

static bool read_core(const struct simplifying *simplifying, struct narrow_operand *operand) {
    const struct node *core = operand->core;
    bool less = core->op == OP_SUB && core->dtype == DTYPE_INT32 && node_widens(core->sources[0]);
    if (less || node_widens(core))
        operand->raw = (less ? core->sources[0] : core)->sources[0];
    operand->constant = operand->raw
                            ? simplifying->known[operand->raw->id] != NULL &&
                                  (!less || simplifying->known[core->sources[1]->id] != NULL)
                            : core->dtype == DTYPE_INT32 && simplifying->known[core->id] != NULL;
    return operand->raw ? !less || read_zero(simplifying, core->sources[1], operand)
                        : operand->constant;
}

/* Which axes it has, and whether padding can become something else. */
static bool read_moves(struct narrow_operand *operand) {
    int first = 0;
    for (int i = 0; i < operand->move_count; i++)
        if (operand->moves[i]->op == OP_PAD)
            first = i + 1;
    if (first > 0 && (operand->offset || operand->constant))
        return false;
    const struct node *below = first ? operand->moves[first - 1] : operand->core;
    struct view view = view_contiguous(below, NULL);
    for (int i = first; i < operand->move_count; i++) {
        const struct view source = view;
        if (!view_move(operand->moves[i], &source, &view))
            return false;
    }
    memcpy(operand->stride, view.stride, sizeof operand->stride);
    return true;
}

static bool read_operand(const struct simplifying *simplifying, const struct node *source,
                         struct narrow_operand *operand) {
    const struct node *node = source;
    *operand = (struct narrow_operand){.source = source};
    while (op_facts[node->op].class == CLASS_MOVEMENT) {
        if (operand->move_count == MOST_MOVES)
            return false;
        operand->moves[operand->move_count++] = node;
        node = node->sources[0];
    }
    for (int i = 0; i < operand->move_count / 2; i++) {
        const struct node *move = operand->moves[i];
        operand->moves[i] = operand->moves[operand->move_count - 1 - i];
        operand->moves[operand->move_count - 1 - i] = move;
    }
    operand->core = node;
    return read_core(simplifying, operand) && read_moves(operand);
}

static bool has_axis(const struct narrow_operand *operand, int axis) {
    return operand->stride[axis] != 0 && operand->source->shape[axis] > 1;
}

static bool is_contracted(const struct node *contraction, int axis) {
    for (int i = 0; i < contraction->axis_count; i++)
        if (contraction->axes[i] == axis)
            return true;
    return false;
}

/* Whether what is multiplied, as integers of that kind, will be in a buffer of its own, behind
 * which tiles may read. */
static bool is_stored(const struct narrow_operand *operand, enum dtype dtype) {
    if (operand->raw->dtype != dtype)
        return true; /* with another sign */
    for (int i = 0; i < operand->move_count; i++)
        if (operand->moves[i]->op == OP_PAD)
            return true;
    const struct node *raw = operand->raw;
    while (op_facts[raw->op].class == CLASS_MOVEMENT && raw->op != OP_PAD)
        raw = raw->sources[0];
    return op_facts[raw->op].class != CLASS_LEAF;
}

/* Tiles of uint8 by int8 take groups of 4 along a sum; those of int8 by int8, vectors. */
struct dot_form {
    enum dtype stream;
    int group;
};

/* Whether such tiles would run it: there are columns, which the panel alone has, and groups along a
 * sum; or, without such columns, there are lanes, which both have, as in a convolution of each
 * channel by itself, of uint8 alone. */
static bool suits_tiles(const struct node *contraction, struct dot_form form,
                        const struct narrow_operand *stream, const struct narrow_operand *panel) {
    bool columns = false, groups = false, lanes = false;
    for (int i = 0; i < contraction->sources[0]->rank; i++) {
        int64_t extent = contraction->sources[0]->shape[i];
        bool many = has_axis(panel, i) && extent >= FEWEST_COLUMNS;
        if (is_contracted(contraction, i)) {
            groups |=
                has_axis(stream, i) && (extent % form.group == 0 || is_stored(stream, form.stream));
        } else {
            columns |= many && !has_axis(stream, i);
            lanes |= many && has_axis(stream, i) && panel->constant;
        }
    }
    return columns ? groups : lanes && form.stream == DTYPE_UINT8;
}

/* ---- Other integers ---- */

static struct node *make(struct simplifying *simplifying, enum op op, enum dtype dtype,
                         struct node *a, struct node *b, int origin) {
    struct node *sources[] = {a, b};
    const struct node node = {
        .op = op, .dtype = dtype, .source_count = b ? 2 : 1, .sources = sources, .origin = origin};
    return a ? simplify_make(simplifying, &node) : NULL;
}

/* By OP_EXPAND or OP_RESHAPE. */
static struct node *shaped(struct simplifying *simplifying, enum op op, struct node *source,
                           int rank, const int64_t *shape, int origin) {
    struct node node = {
        .op = op, .source_count = 1, .sources = &source, .rank = rank, .origin = origin};
    memcpy(node.shape, shape, (size_t)rank * sizeof *shape);
    return source ? simplify_make(simplifying, &node) : NULL;
}

/* One integer everywhere, with the shape of `like`. */
static struct node *uniform(struct simplifying *simplifying, enum dtype dtype, int32_t value,
                            const struct node *like) {
    struct node node = {.op = OP_CONST,
                        .dtype = dtype,
                        .rank = like->rank,
                        .origin = like->origin,
                        .value = &value,
                        .value_count = 1};
    memcpy(node.shape, like->shape, sizeof node.shape);
    return simplify_make(simplifying, &node);
}

/* The zero point of a constant, element by element. */
static struct view zeros_of(const struct simplifying *simplifying,
                            const struct narrow_operand *operand) {
    static int32_t none = 0;
    const struct node *core = operand->core;
    if (operand->raw && core->op == OP_SUB)
        return *simplifying->known[core->sources[1]->id];
    struct view zeros = {.data = &none, .dtype = DTYPE_INT32, .rank = core->rank};
    memcpy(zeros.shape, core->shape, sizeof zeros.shape);
    return zeros;
}

static int64_t integer_at(enum dtype dtype, const void *data, int64_t at) {
    return dtype == DTYPE_UINT8  ? ((const uint8_t *)data)[at]
           : dtype == DTYPE_INT8 ? ((const int8_t *)data)[at]
                                 : ((const int32_t *)data)[at];
}

/* Constants less their zero point; whether int8 holds them all. */
static bool fill_int8(const struct view *values, const struct view *zeros, int8_t *to) {
    struct rows rows = rows_of(2, (const struct view *const[]){values, zeros});
    bool fits = true;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            int64_t value = integer_at(values->dtype, rows.data[0], i * rows.stride[0]) -
                            ((const int32_t *)rows.data[1])[i * rows.stride[1]];
            fits &= value >= INT8_MIN && value <= INT8_MAX;
            *to++ = (int8_t)value;
        }
    while (rows_next(&rows));
    return fits;
}

static bool is_int8(const struct narrow_operand *operand) {
    return operand->raw && operand->raw->dtype == DTYPE_INT8 && !operand->offset &&
           !operand->zero_varies && operand->zero == 0;
}

/* Constants become int8 without a zero point, if they can; false where memory is exhausted. */
static bool make_int8(struct simplifying *simplifying, struct narrow_operand *operand) {
    double steps = (double)node_elements(operand->core);
    if (is_int8(operand) || steps > simplifying->steps_left)
        return true;
    simplifying->steps_left -= steps;
    const struct node *holder = operand->raw ? operand->raw : operand->core;
    const struct view values = *simplifying->known[holder->id];
    const struct view zeros = zeros_of(simplifying, operand);
    if (!view_is_aligned(&values) || !view_is_aligned(&zeros))
        return true;
    int8_t *elements = et_allocate((size_t)node_elements(operand->core), 1);
    if (!elements)
        return et_fail(simplifying->error, "out of memory");
    struct node like = *operand->core;
    like.dtype = DTYPE_INT8;
    bool fits = fill_int8(&values, &zeros, elements);
    if (fits) {
        operand->raw = simplify_constant(simplifying, &like, "int8", elements);
        operand->zero = 0;
        operand->zero_varies = false;
    }
    et_release(elements);
    return operand->raw || !fits;
}

/* The same integers with 128 added to them, as uint8, or taken away, as int8. */
static bool change_sign(struct simplifying *simplifying, struct narrow_operand *operand) {
    struct node *raw = (struct node *)operand->raw;
    enum dtype other = raw->dtype == DTYPE_UINT8 ? DTYPE_INT8 : DTYPE_UINT8;
    struct node *bit = uniform(simplifying, raw->dtype, 128, raw);
    struct node *changed =
        bit ? make(simplifying, OP_XOR, raw->dtype, raw, bit, raw->origin) : NULL;
    operand->raw = make(simplifying, OP_BITCAST, other, changed, NULL, raw->origin);
    int32_t more = other == DTYPE_UINT8 ? 128 : -128;
    if (operand->raw && operand->offset) {
        struct node *offset = (struct node *)operand->offset;
        struct node *by = uniform(simplifying, DTYPE_INT32, more, offset);
        operand->offset =
            by ? make(simplifying, OP_ADD, DTYPE_INT32, offset, by, offset->origin) : NULL;
        return operand->offset != NULL;
    }
    operand->zero = (int32_t)((uint32_t)operand->zero + (uint32_t)more);
    return operand->raw != NULL;
}

/* ---- The operand in 8 bits ---- */

/* What pads it holds the zero point; false where that is no integer of its type. */
static bool can_pad(const struct narrow_operand *operand) {
    int64_t least = operand->raw->dtype == DTYPE_UINT8 ? 0 : INT8_MIN;
    for (int i = 0; i < operand->move_count; i++) {
        const struct node *pad = operand->moves[i];
        int32_t value = 0;
        if (pad->op != OP_PAD)
            continue;
        if (pad->value)
            memcpy(&value, pad->value, sizeof value);
        int64_t padding = (int64_t)value + operand->zero;
        if (padding < least || padding > least + UINT8_MAX)
            return false;
    }
    return true;
}

static bool move_narrow(struct simplifying *simplifying, struct narrow_operand *operand) {
    struct node *node = (struct node *)operand->raw;
    for (int i = 0; node && i < operand->move_count; i++) {
        struct node move = *operand->moves[i];
        int32_t value = 0;
        if (move.op == OP_PAD && move.value)
            memcpy(&value, move.value, sizeof value);
        uint8_t padding = (uint8_t)(value + operand->zero);
        if (move.op == OP_PAD) {
            move.value = &padding;
            move.value_count = 1;
        }
        move.dtype = node->dtype;
        move.sources = &node;
        node = simplify_make(simplifying, &move);
    }
    operand->narrow = node;
    return node != NULL;
}

/* ---- The sums ---- */

/* The shape of a sum over the contracted axes, 1 along those that the operand does not have. */
static int sum_shape(const struct node *contraction, const struct narrow_operand *operand,
                     int64_t *shape) {
    int rank = 0;
    for (int i = 0; i < operand->source->rank; i++)
        if (!is_contracted(contraction, i))
            shape[rank++] = has_axis(operand, i) ? operand->source->shape[i] : 1;
    return rank;
}

/* Sums of a constant, each one a row of steps through its view; what is repeated along a contracted
 * axis is added up once. */
static struct node *constant_sum(struct simplifying *simplifying, const struct node *contraction,
                                 const struct narrow_operand *operand) {
    const struct view *all = simplifying->known[operand->narrow->id];
    struct view kept = *all, summed = *all;
    int64_t shape[MAX_RANK], kept_rank = 0, rank = 0;
    uint32_t repeats = 1;
    struct node like = {.dtype = DTYPE_INT32, .origin = contraction->origin};
    like.rank = sum_shape(contraction, operand, shape);
    memcpy(like.shape, shape, sizeof like.shape);
    for (int i = 0; i < operand->source->rank; i++) {
        bool sums = is_contracted(contraction, i);
        struct view *view = sums ? &summed : &kept;
        int64_t *at = sums ? &rank : &kept_rank;
        view->shape[*at] = !sums                 ? shape[kept_rank]
                           : all->stride[i] == 0 ? 1
                                                 : operand->source->shape[i];
        if (sums && all->stride[i] == 0)
            repeats *= (uint32_t)operand->source->shape[i];
        view->stride[(*at)++] = all->stride[i];
    }
    kept.rank = (int)kept_rank;
    summed.rank = (int)rank;
    uint32_t *sums = et_allocate((size_t)node_elements(&like), sizeof *sums), *to = sums;
    if (!sums) {
        et_fail(simplifying->error, "out of memory");
        return NULL;
    }
    struct rows results = rows_of(1, (const struct view *const[]){&kept});
    do
        for (int64_t i = 0; i < results.length; i++, to++) {
            summed.data = (int8_t *)results.data[0] + i * results.stride[0];
            struct rows rows = rows_of(1, (const struct view *const[]){&summed});
            *to = 0;
            do
                for (int64_t k = 0; k < rows.length; k++)
                    *to += (uint32_t)integer_at(all->dtype, rows.data[0], k * rows.stride[0]);
            while (rows_next(&rows));
            *to *= repeats;
        }
    while (rows_next(&results));
    struct node *made = simplify_constant(simplifying, &like, "sums", sums);
    et_release(sums);
    return made;
}

/* Of an operand that has all contracted axes, moves that only repeat it left out. */
static struct node *computed_sum(struct simplifying *simplifying, const struct node *contraction,
                                 const struct narrow_operand *operand) {
    struct node *node = operand->narrow;
    int64_t begin[MAX_RANK] = {0}, end[MAX_RANK];
    for (int i = 0; i < node->rank; i++)
        end[i] = has_axis(operand, i) || is_contracted(contraction, i) ? node->shape[i] : 1;
    struct node part = {
        .op = OP_SHRINK, .source_count = 1, .sources = &node, .origin = contraction->origin};
    memcpy(part.before, begin, sizeof begin);
    memcpy(part.after, end, sizeof end);
    struct node *wide = make(simplifying, OP_CAST, DTYPE_INT32, simplify_make(simplifying, &part),
                             NULL, contraction->origin);
    struct node sum = {
        .op = OP_REDUCE_SUM, .source_count = 1, .sources = &wide, .origin = contraction->origin};
    for (int i = 0; i < node->rank; i++)
        if (is_contracted(contraction, i))
            sum.axes[sum.axis_count++] = i;
    return wide ? simplify_make(simplifying, &sum) : NULL;
}

/* The sum over the contracted axes, 1 along those that the operand does not have. */
static struct node *sum_of(struct simplifying *simplifying, const struct node *contraction,
                           const struct narrow_operand *operand) {
    return simplifying->known[operand->narrow->id]
               ? constant_sum(simplifying, contraction, operand)
               : computed_sum(simplifying, contraction, operand);
}

/* The zero point with the shape of `like`. */
static struct node *zero_of(struct simplifying *simplifying, const struct node *like,
                            const struct narrow_operand *operand) {
    int64_t ones[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++)
        ones[i] = 1;
    if (!operand->offset)
        return uniform(simplifying, DTYPE_INT32, operand->zero, like);
    struct node *one = shaped(simplifying, OP_RESHAPE, (struct node *)operand->offset, like->rank,
                              ones, like->origin);
    return shaped(simplifying, OP_EXPAND, one, like->rank, like->shape, like->origin);
}

static bool has_zero(const struct narrow_operand *operand) {
    return operand->offset || operand->zero != 0;
}

/* sum - zero of a times sum of b. */
static struct node *less_zero(struct simplifying *simplifying, const struct node *contraction,
                              struct node *sum, const struct narrow_operand *a,
                              const struct narrow_operand *b) {
    if (!sum || !has_zero(a))
        return sum;
    struct node *other = sum_of(simplifying, contraction, b);
    struct node *zero = other ? zero_of(simplifying, other, a) : NULL;
    struct node *product =
        zero ? make(simplifying, OP_MUL, DTYPE_INT32, other, zero, contraction->origin) : NULL;
    product = shaped(simplifying, OP_EXPAND, product, sum->rank, sum->shape, contraction->origin);
    return product ? make(simplifying, OP_SUB, DTYPE_INT32, sum, product, contraction->origin)
                   : NULL;
}

/* The contraction of the 8-bit integers. */
static struct node *narrow_sum(struct simplifying *simplifying, const struct node *contraction,
                               const struct narrow_operand *operands) {
    struct node *sources[2], node = *contraction;
    for (int i = 0; i < 2; i++)
        if (!(sources[i] = make(simplifying, OP_CAST, DTYPE_INT32, operands[i].narrow, NULL,
                                operands[i].source->origin)))
            return NULL;
    node.sources = sources;
    return simplify_make(simplifying, &node);
}

/* sum + count of products * zero of a * zero of b. */
static struct node *with_zeros(struct simplifying *simplifying, const struct node *contraction,
                               struct node *sum, const struct narrow_operand *operands) {
    uint32_t count = 1;
    if (!sum || !has_zero(&operands[0]) || !has_zero(&operands[1]))
        return sum;
    for (int i = 0; i < contraction->axis_count; i++)
        count *= (uint32_t)contraction->sources[0]->shape[contraction->axes[i]];
    struct node *product = uniform(simplifying, DTYPE_INT32, (int32_t)count, sum);
    for (int i = 0; i < 2 && product; i++) {
        struct node *zero = zero_of(simplifying, sum, &operands[i]);
        product = zero ? make(simplifying, OP_MUL, DTYPE_INT32, product, zero, contraction->origin)
                       : NULL;
    }
    return product ? make(simplifying, OP_ADD, DTYPE_INT32, sum, product, contraction->origin)
                   : NULL;
}

/* Which operand becomes the panel, a constant if there is one; -1: tiles would not run it. */
static int choose_panel(const struct node *contraction, struct dot_form form,
                        const struct narrow_operand *operands) {
    for (int i = 1; i >= 0; i--)
        if (!operands[1 - i].constant &&
            suits_tiles(contraction, form, &operands[1 - i], &operands[i]))
            return i;
    return -1;
}

/* By vectors of int8, if the target has them, where the panel is constant: its sums are known then,
 * of which the sign that the stream changes takes 128 times. */
static int choose_form(const struct simplifying *simplifying, const struct node *contraction,
                       const struct narrow_operand *operands, struct dot_form *form) {
    *form = (struct dot_form){DTYPE_INT8, target_vector_bytes(simplifying->target)};
    int chosen = form->group ? choose_panel(contraction, *form, operands) : -1;
    if (chosen >= 0 && operands[chosen].constant)
        return chosen;
    *form = (struct dot_form){DTYPE_UINT8, 4};
    return choose_panel(contraction, *form, operands);
}

/* As the tiles want it. */
static bool choose_sign(struct simplifying *simplifying, struct narrow_operand *operand,
                        enum dtype dtype) {
    return operand->raw->dtype == dtype || change_sign(simplifying, operand);
}

bool narrow_contraction(struct simplifying *simplifying, const struct node *contraction,
                        struct node **made) {
    struct narrow_operand operands[2];
    if (contraction->op != OP_CONTRACT || contraction->sources[0]->dtype != DTYPE_INT32)
        return true;
    for (int i = 0; i < 2; i++)
        if (!read_operand(simplifying, contraction->sources[i], &operands[i]))
            return true;
    struct dot_form form;
    int chosen = choose_form(simplifying, contraction, operands, &form);
    if (chosen < 0)
        return true;
    struct narrow_operand *b = &operands[chosen], *a = &operands[1 - chosen];
    if (b->constant && !make_int8(simplifying, b))
        return false;
    if (!b->raw || b->zero_varies)
        return true;
    if (!choose_sign(simplifying, a, form.stream) || !choose_sign(simplifying, b, DTYPE_INT8))
        return false;
    if (!can_pad(a) || !can_pad(b))
        return true;
    if (!move_narrow(simplifying, a) || !move_narrow(simplifying, b))
        return false;
    struct node *sum = narrow_sum(simplifying, contraction, operands);
    sum = less_zero(simplifying, contraction, sum, a, b);
    sum = less_zero(simplifying, contraction, sum, b, a);
    *made = with_zeros(simplifying, contraction, sum, operands);
    return *made != NULL;
}

/* ---- What is added to the sums ---- */

/* more - less, element by element of two constants; axes along which both are the same everywhere
 * have one element. */
static struct node *constant_difference(struct simplifying *simplifying, const struct node *like,
                                        const struct view *more, const struct view *less) {
    struct node shape = *like;
    struct view a = *more, b = *less;
    for (int i = 0; i < like->rank; i++)
        if (a.stride[i] == 0 && b.stride[i] == 0)
            shape.shape[i] = a.shape[i] = b.shape[i] = 1;
    uint32_t *elements = et_allocate((size_t)node_elements(&shape), sizeof *elements);
    uint32_t *to = elements;
    if (!elements) {
        et_fail(simplifying->error, "out of memory");
        return NULL;
    }
    struct rows rows = rows_of(2, (const struct view *const[]){&a, &b});
    do
        for (int64_t i = 0; i < rows.length; i++)
            *to++ = ((const uint32_t *)rows.data[0])[i * rows.stride[0]] -
                    ((const uint32_t *)rows.data[1])[i * rows.stride[1]];
    while (rows_next(&rows));
    struct node *made = simplify_constant(simplifying, &shape, "difference", elements);
    et_release(elements);
    return shaped(simplifying, OP_EXPAND, made, like->rank, like->shape, like->origin);
}

bool narrow_addition(struct simplifying *simplifying, const struct node *addition,
                     struct node **made) {
    if (addition->op != OP_ADD || addition->sources[0]->dtype != DTYPE_INT32 ||
        !target_vector_bytes(simplifying->target))
        return true;
    for (int side = 0; side < 2 && !*made; side++) {
        struct node *rest = addition->sources[side];
        const struct view *more = simplifying->known[addition->sources[1 - side]->id];
        const struct view *less =
            rest->op == OP_SUB ? simplifying->known[rest->sources[1]->id] : NULL;
        if (!more || !less || !view_is_aligned(more) || !view_is_aligned(less) ||
            (double)node_elements(rest) > simplifying->steps_left)
            continue;
        simplifying->steps_left -= (double)node_elements(rest);
        struct node *by = constant_difference(simplifying, rest, more, less);
        *made =
            by ? make(simplifying, OP_ADD, DTYPE_INT32, rest->sources[0], by, rest->origin) : NULL;
        if (!*made)
            return false;
    }
    return true;
}
