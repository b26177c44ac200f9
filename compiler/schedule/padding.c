#include "compiler/schedule/padding.h"

#include <math.h>

/* A tile of fewer steps is not worth the look at its sums afterwards. */
enum { LEAST_STEPS = 32 };

/* ---- Where temporaries are zero ---- */

static bool stores_zero(const struct statement *statement) {
    const struct expression *value = statement->value;
    return value->kind == EXPRESSION_CONSTANT &&
           (value->dtype == DTYPE_FLOAT32 ? constant_value(value) == 0 : value->bits == 0);
}

static void widen_inner(struct inner_box *inner, const struct statement *statement) {
    for (int i = 0; i < statement->output->rank; i++) {
        const struct index *store = statement->store[i];
        if (store->minimum < inner->first[i])
            inner->first[i] = store->minimum;
        if (store->maximum >= inner->end[i])
            inner->end[i] = store->maximum + 1;
    }
}

void find_padding(struct arena *arena, int count, struct statement *const *statements) {
    for (int i = 0; i < count; i++) {
        struct buffer *output = statements[i]->output;
        if (output->inner || output->kind != BUFFER_TEMPORARY || !stores_zero(statements[i]))
            continue;
        output->inner = arena_new(arena, struct inner_box);
        for (int k = 0; k < output->rank; k++)
            output->inner->first[k] = output->shape[k];
    }
    for (int i = 0; i < count; i++)
        if (statements[i]->output->inner && !stores_zero(statements[i]))
            widen_inner(statements[i]->output->inner, statements[i]);
}

/* ---- Steps that multiply padding ---- */

/* Whether a loop stands still within a tile. */
static bool stands_still(const struct contraction *contraction, const struct loop_tiling *tiling,
                         const struct axis *axis) {
    const struct statement *statement = contraction->statement;
    for (int i = 0; i < tiling->row_count; i++)
        if (tiling->row_loops[i].loop == axis)
            return false;
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] == axis)
            return axis != tiling->column;
    for (int i = 0; i < statement->shared_count; i++)
        if (statement->shared[i] == axis)
            return true;
    return false;
}

/* Takes one index of a load apart: what stands still in a tile, the sum's axis, and the rest, which
 * may move within bounds. */
static bool find_cut(const struct contraction *contraction, const struct loop_tiling *tiling,
                     const struct expression *load, int dimension, const struct axis *axis,
                     struct tile_cut *cut) {
    struct ir *ir = contraction->ir;
    const struct index *index = load->indices[dimension];
    int64_t minimum = index->constant, maximum = index->constant;
    *cut = (struct tile_cut){.place = index_constant(ir, 0)};
    for (int i = 0; i < index->count; i++) {
        const struct axis *moved = index->terms[i].atom->axis;
        int64_t factor = index->terms[i].coefficient, reach = factor * (moved->extent - 1);
        if (moved == axis)
            cut->step = factor;
        else if (stands_still(contraction, tiling, moved))
            cut->place = index_add(ir, cut->place, index_scale(ir, index_axis(ir, moved), factor));
        else if (reach < 0)
            minimum += reach;
        else
            maximum += reach;
    }
    const struct inner_box *inner = load->buffer->inner;
    cut->first = inner->first[dimension] - maximum;
    cut->end = inner->end[dimension] - minimum;
    return cut->step > 0;
}

/* Whether some places need fewer steps than all; none may need none. */
static bool is_useful(const struct tile_cut *cut, int64_t extent) {
    const struct index *place = cut->place;
    int64_t reach = cut->step * (extent - 1);
    return (place->minimum < cut->first || place->maximum + reach >= cut->end) &&
           cut->first - place->minimum <= reach && place->maximum < cut->end;
}

/* Whether zeros times that are zeros, as far as can be seen. */
static bool is_finite(const struct expression *load) {
    const struct buffer *buffer = load->buffer;
    const float *elements = buffer->value;
    if (dtype_facts[buffer->dtype].letter == 'I')
        return true;
    if (buffer->kind != BUFFER_CONSTANT || buffer->dtype != DTYPE_FLOAT32 || !elements)
        return false; /* those of 16 bits are not looked through */
    for (int64_t i = 0; i < buffer->elements; i++)
        if (!isfinite(elements[i]))
            return false;
    return true;
}

static void cut_sums(struct tile *tile, const struct contraction *contraction,
                     const struct loop_tiling *tiling, const struct expression *load) {
    int first = tile->sum_axis_count > WALK_LEVELS ? tile->sum_axis_count - WALK_LEVELS : 0;
    for (int i = first + (first == 0 && tile->sum_step); i < tile->sum_axis_count; i++) {
        const struct tile_sum_axis *sum = &tile->sum_axes[i];
        bool found = false;
        for (int k = 0; sum->axis && k < load->index_count && !found; k++) {
            struct tile_cut *cut = &tile->cuts[tile->cut_count];
            found = index_uses(load->indices[k], sum->axis) &&
                    find_cut(contraction, tiling, load, k, sum->axis, cut) &&
                    is_useful(cut, sum->extent);
            cut->sum = i;
        }
        tile->cut_count += found;
    }
}

static int64_t steps_of_walk(const struct tile *tile) {
    int64_t steps = 1;
    int first = tile->sum_axis_count > WALK_LEVELS ? tile->sum_axis_count - WALK_LEVELS - 1 : 0;
    for (int i = first; i < tile->sum_axis_count; i++)
        steps *= i == 0 && tile->sum_step ? tile->sum_step : tile->sum_axes[i].extent;
    return steps;
}

static bool may_cut(const struct contraction *contraction, const struct loop_tiling *tiling) {
    const bool dots = tiling->kind == &tile_kinds[TILE_KIND_DOT];
    return tiling->kind == &tile_kinds[TILE_KIND_FLOAT32] ||
           (dots && !target_is_small(contraction->ir->target));
}

void find_cuts(struct tile *tile, const struct contraction *contraction,
               const struct loop_tiling *tiling) {
    const struct expression *operands[] = {tiling->stream, tiling->panel};
    if (!may_cut(contraction, tiling) || tile->sum_axis_count < 2 ||
        steps_of_walk(tile) < LEAST_STEPS)
        return;
    for (int side = 0; side < 2; side++) {
        if (!operands[side]->buffer->inner)
            continue;
        cut_sums(tile, contraction, tiling, operands[side]);
        if (tile->cut_count && !is_finite(operands[1 - side]))
            tile->cut_count = 0;
    }
}
