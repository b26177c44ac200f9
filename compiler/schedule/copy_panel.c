/* Copies of panels: what windows share lies there once, with columns side by side.
 *
 * Tiles read a panel by vectors of columns. Where columns do not lie side by side in the operand,
 * since it has another layout or since the window moves by a stride, packing it would store every
 * element as often as windows have it. A copy stores it once: in the operand's order, but for the
 * dimension of the columns, which becomes the innermost. A stride s leaves s phases, each in order:
 * the window's axis k is split into k / s, which moves along the columns, and k % s, the phase.
 * Where s does not divide the window, the whole of its axis moves apart from the columns. */
#include "compiler/schedule/copy_panel.h"

#include "compiler/base/arithmetic.h"

#include <stdlib.h>
#include <string.h>

/* A copy pays where packing would store an element at least so often. */
enum { LEAST_SHARING = 2 };
/* Rows whose length is a multiple of this part of a page lie in few sets of L1. */
enum { CROWDED_PARTS = 4 };

static bool is_shared(const struct statement *statement, const struct axis *axis) {
    for (int i = 0; i < statement->shared_count; i++)
        if (statement->shared[i] == axis)
            return true;
    return false;
}

static bool is_summed(const struct contraction *contraction, const struct axis *axis) {
    for (int i = 0; i < contraction->sum->axis_count; i++)
        if (contraction->sum->axes[i] == axis)
            return true;
    return false;
}

/* The terms of an index that move the panel within the loops around its kernel. */
static const struct index_term *own_terms(const struct contraction *contraction,
                                          const struct index *index, int *place) {
    while (*place < index->count) {
        const struct index_term *term = &index->terms[(*place)++];
        if (!is_shared(contraction->statement, term->atom->axis))
            return term;
    }
    return NULL;
}

/* ---- How it lies ---- */

static void cover(struct copied_dimension *dimension, const struct index_term *term) {
    int64_t reach = term->coefficient * (term->atom->axis->extent - 1);
    dimension->lowest += reach < 0 ? reach : 0;
    dimension->extent += llabs(reach);
    dimension->step = greatest_common_divisor(dimension->step, term->coefficient);
}

/* A dimension that the columns do not run along. */
static struct copied_dimension plan_other(const struct contraction *contraction,
                                          const struct index *index) {
    struct copied_dimension dimension = {.lowest = index->constant};
    const struct index_term *term;
    for (int place = 0; (term = own_terms(contraction, index, &place));)
        cover(&dimension, term);
    if (dimension.step == 0)
        dimension.step = 1;
    dimension.extent = dimension.extent / dimension.step + 1;
    return dimension;
}

/* A term that does not move by whole steps of the columns: how much of it moves apart. */
static bool plan_apart(struct panel_copy *copy, const struct index_term *term, int64_t step) {
    int64_t phases = step / greatest_common_divisor(step, term->coefficient);
    const struct axis *axis = term->atom->axis;
    bool splits = is_summed(copy->contraction, axis) && axis->extent % phases == 0;
    if (copy->apart_count == MAX_RANK)
        return false;
    copy->apart[copy->apart_count++] =
        (struct copied_apart){axis, term->coefficient, splits ? phases : axis->extent};
    return true;
}

/* The dimension that the columns run along, by `step`. */
static bool plan_along(struct panel_copy *copy, const struct index *index, int64_t step) {
    struct copied_dimension *dimension = &copy->dimensions[copy->along];
    *dimension = (struct copied_dimension){.lowest = index->constant, .step = step};
    const struct index_term *term;
    for (int place = 0; (term = own_terms(copy->contraction, index, &place));) {
        int64_t reach = term->coefficient * (term->atom->axis->extent - 1);
        if (term->coefficient % step != 0) {
            if (!plan_apart(copy, term, step))
                return false;
            const struct copied_apart *apart = &copy->apart[copy->apart_count - 1];
            reach = term->coefficient * (apart->axis->extent - apart->extent);
        }
        dimension->lowest += reach < 0 ? reach : 0;
        dimension->extent += llabs(reach) / step;
    }
    dimension->extent++;
    return true;
}

/* The only dimension that the columns run along, forwards; -1: there is none. */
static int find_along(const struct expression *load, const struct axis *column, int64_t *step) {
    int along = -1;
    bool plain = true;
    for (int i = 0; i < load->index_count; i++) {
        int64_t coefficient = index_coefficient(load->indices[i], column, &plain);
        if (coefficient == 0)
            continue;
        if (along >= 0 || coefficient < 0)
            return -1;
        along = i;
        *step = coefficient;
    }
    return along;
}

/* Rows begin at lines of memory, and not all in the same sets of L1. */
static int64_t row_length(const struct target *target, int64_t columns, int64_t bytes) {
    int64_t line = target->line / bytes, row = divide_up(columns, line) * line;
    return row * bytes % (target->page / CROWDED_PARTS) == 0 ? row + line : row;
}

static bool count_elements(struct panel_copy *copy, int64_t beyond) {
    const struct copied_dimension *along = &copy->dimensions[copy->along];
    copy->row = row_length(copy->contraction->ir->target, along->extent + beyond,
                           dtype_bytes(copy->load->dtype));
    copy->elements = copy->row;
    bool fits = true;
    for (int i = 0; i < copy->load->index_count; i++)
        if (i != copy->along)
            fits &= checked_multiply(copy->elements, copy->dimensions[i].extent, &copy->elements);
    for (int i = 0; i < copy->apart_count; i++)
        fits &= checked_multiply(copy->elements, copy->apart[i].extent, &copy->elements);
    return fits;
}

/* Elements of a packed panel. */
static double packed_elements(const struct panel_copy *copy) {
    const struct statement *statement = copy->contraction->statement;
    double elements = (double)copy->contraction->depth;
    for (int i = 0; i < statement->loop_count; i++)
        if (load_uses(copy->load, statement->loops[i]))
            elements *= (double)statement->loops[i]->extent;
    return elements;
}

/* Whether the copy has few enough dimensions, and the contraction few enough axes once split. */
static bool has_room(const struct panel_copy *copy) {
    const struct contraction *contraction = copy->contraction;
    int axes = contraction->statement->loop_count + contraction->sum->axis_count + 2;
    return copy->load->index_count + copy->apart_count <= MAX_RANK &&
           axes + copy->apart_count <= MAX_LOOPS;
}

bool plan_panel_copy(const struct contraction *contraction, const struct expression *load,
                     const struct axis *column, int64_t beyond, struct panel_copy *copy) {
    int64_t step = 1;
    *copy = (struct panel_copy){.contraction = contraction,
                                .load = load,
                                .column = column,
                                .along = find_along(load, column, &step)};
    if (copy->along < 0 || !plan_along(copy, load->indices[copy->along], step))
        return false;
    for (int i = 0; i < load->index_count; i++)
        if (i != copy->along)
            copy->dimensions[i] = plan_other(contraction, load->indices[i]);
    return has_room(copy) && count_elements(copy, beyond) &&
           (double)copy->elements * LEAST_SHARING <= packed_elements(copy);
}

/* ---- The sum, split ---- */

/* k becomes phases * k1 + k0, so that sums add up in the same order. */
static void split_sums(struct contraction *contraction, const struct panel_copy *copy) {
    struct ir *ir = contraction->ir;
    struct statement *statement = contraction->statement;
    const struct axis *axes[MAX_RANK];
    const struct index *values[MAX_RANK];
    struct substitution substitution = {.axes = axes, .values = values};
    for (int i = 0; i < copy->apart_count; i++) {
        const struct copied_apart *apart = &copy->apart[i];
        if (apart->extent == apart->axis->extent)
            continue;
        const struct axis *outer = ir_axis(ir, apart->axis->extent / apart->extent);
        axes[substitution.count] = apart->axis;
        values[substitution.count++] =
            index_add(ir, index_scale(ir, index_axis(ir, outer), apart->extent),
                      index_axis(ir, ir_axis(ir, apart->extent)));
    }
    struct rewrite rewrite = {.substitution = &substitution};
    statement->value = expression_rewrite(ir, statement->value, &rewrite);
    if (!find_contraction(ir, statement, contraction))
        unreachable();
}

/* ---- The copy ---- */

static struct buffer *copy_buffer(const struct panel_copy *copy) {
    struct ir *ir = copy->contraction->ir;
    const struct buffer *source = copy->load->buffer;
    int64_t shape[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < source->rank; i++)
        if (i != copy->along)
            shape[rank++] = copy->dimensions[i].extent;
    for (int i = 0; i < copy->apart_count; i++)
        shape[rank++] = copy->apart[i].extent;
    shape[rank++] = copy->row;
    struct buffer *buffer = ir_buffer(ir, BUFFER_TEMPORARY, source->dtype, rank, shape,
                                      arena_format(ir->arena, "%s_copied", source->name));
    buffer->node = source->node;
    buffer->laid_out = true;
    return buffer;
}

static const struct index *plus(struct ir *ir, const struct index *sum, const struct axis *axis,
                                int64_t coefficient) {
    return index_add(ir, sum, index_scale(ir, index_axis(ir, axis), coefficient));
}

/* What of an index the loops around the kernel make. */
static const struct index *shared_part(const struct panel_copy *copy, const struct index *index) {
    struct ir *ir = copy->contraction->ir;
    const struct index *part = index_constant(ir, 0);
    for (int i = 0; i < index->count; i++)
        if (is_shared(copy->contraction->statement, index->terms[i].atom->axis))
            part = plus(ir, part, index->terms[i].atom->axis, index->terms[i].coefficient);
    return part;
}

/* A loop of the statement that copies, which stores along it. */
static const struct axis *add_loop(struct ir *ir, struct statement *statement, int64_t extent,
                                   int *rank) {
    const struct axis *axis = ir_axis(ir, extent);
    statement->loops[statement->loop_count++] = axis;
    statement->points *= extent;
    statement->store[(*rank)++] = index_axis(ir, axis);
    return axis;
}

static struct statement *copying_statement(const struct panel_copy *copy, struct buffer *buffer,
                                           struct kernel *kernel) {
    const struct contraction *contraction = copy->contraction;
    struct ir *ir = contraction->ir;
    const struct expression *load = copy->load;
    struct statement *statement = arena_new(ir->arena, struct statement);
    *statement = (struct statement){.kernel = kernel,
                                    .output = buffer,
                                    .partial = copy->row > copy->dimensions[copy->along].extent,
                                    .points = 1,
                                    .shared_count = contraction->statement->shared_count};
    memcpy(statement->shared, contraction->statement->shared, sizeof statement->shared);
    const struct index *from[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < load->index_count; i++) {
        from[i] = index_add(ir, shared_part(copy, load->indices[i]),
                            index_constant(ir, copy->dimensions[i].lowest));
        if (i != copy->along)
            from[i] = plus(ir, from[i], add_loop(ir, statement, copy->dimensions[i].extent, &rank),
                           copy->dimensions[i].step);
    }
    const struct index **along = &from[copy->along];
    for (int i = 0; i < copy->apart_count; i++)
        *along = plus(ir, *along, add_loop(ir, statement, copy->apart[i].extent, &rank),
                      copy->apart[i].coefficient);
    const struct copied_dimension *columns = &copy->dimensions[copy->along];
    *along = plus(ir, *along, add_loop(ir, statement, columns->extent, &rank), columns->step);
    statement->value = expression_load(ir, load->buffer, from);
    ir_drop_unit_loops(statement);
    return statement;
}

/* ---- What the tile reads ---- */

static const struct copied_apart *find_apart(const struct panel_copy *copy,
                                             const struct axis *axis) {
    for (int i = 0; i < copy->apart_count; i++)
        if (copy->apart[i].axis == axis)
            return &copy->apart[i];
    return NULL;
}

/* The place along a dimension of the copy: its own terms of the index, the lowest at 0. */
static const struct index *place_in_copy(const struct panel_copy *copy, int dimension) {
    struct ir *ir = copy->contraction->ir;
    const struct index *index = copy->load->indices[dimension];
    const struct copied_dimension *copied = &copy->dimensions[dimension];
    const struct index *place =
        index_constant(ir, (index->constant - copied->lowest) / copied->step);
    const struct index_term *term;
    for (int i = 0; (term = own_terms(copy->contraction, index, &i));)
        if (dimension != copy->along || !find_apart(copy, term->atom->axis))
            place = plus(ir, place, term->atom->axis, term->coefficient / copied->step);
    return place;
}

static const struct expression *load_of_copy(const struct panel_copy *copy, struct buffer *buffer) {
    struct ir *ir = copy->contraction->ir;
    const struct index *indices[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < copy->load->index_count; i++)
        if (i != copy->along)
            indices[rank++] = place_in_copy(copy, i);
    for (int i = 0; i < copy->apart_count; i++)
        indices[rank++] = index_axis(ir, copy->apart[i].axis);
    indices[rank] = place_in_copy(copy, copy->along);
    return expression_load(ir, buffer, indices);
}

struct statement *copy_panel(struct contraction *contraction, struct loop_tiling *tiling,
                             struct kernel *kernel) {
    int side = tiling->stream == contraction->sum->sources[0] ? 0 : 1;
    int64_t beyond = columns_beyond(tiling);
    struct panel_copy copy;
    if (!plan_panel_copy(contraction, tiling->panel, tiling->column, beyond, &copy))
        unreachable();
    split_sums(contraction, &copy);
    tiling->stream = contraction->sum->sources[side];
    tiling->panel = contraction->sum->sources[1 - side];
    if (!plan_panel_copy(contraction, tiling->panel, tiling->column, beyond, &copy))
        unreachable();
    struct buffer *buffer = copy_buffer(&copy);
    tiling->panel = load_of_copy(&copy, buffer);
    return copying_statement(&copy, buffer, kernel);
}
