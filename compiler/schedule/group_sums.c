/* Groups of sums: tiles of 8-bit integers add up four products of neighbours at a time.
 *
 * Integer sums wrap around and have no order, so that the summed axes may be taken in any. The last
 * group may be filled up: with zeros in a panel that is packed when the weights are, and in the
 * stream with whatever lies there. */
#include "compiler/schedule/group_sums.h"

/* Whether a last group may be filled up: behind its last buffer the arena has room. */
static bool may_fill(const struct expression *stream, const struct expression *panel) {
    return stream->buffer->kind == BUFFER_TEMPORARY && panel->buffer->kind == BUFFER_CONSTANT;
}

static int64_t filled(int64_t extent, int group) {
    return divide_up(extent, group) * group;
}

/* Of several, that which is filled up by the smallest part; the first of equal ones. */
const struct axis *find_grouped_sum(const struct contraction *contraction,
                                    const struct expression *stream, const struct expression *panel,
                                    int group) {
    const struct expression *sum = contraction->sum;
    const struct axis *best = NULL;
    if (contraction->statement->loop_count + sum->axis_count + 3 > MAX_LOOPS)
        return NULL; /* there is no room for one more axis */
    for (int i = 0; i < sum->axis_count; i++) {
        const struct axis *axis = sum->axes[i];
        if (stride_of(contraction->ir, stream, axis) != 1 ||
            (axis->extent % group && !may_fill(stream, panel)))
            continue;
        if (!best ||
            filled(axis->extent, group) * best->extent < filled(best->extent, group) * axis->extent)
            best = axis;
    }
    return best;
}

/* The summed axes by how far the stream goes along them, the longest way first, and `last`. */
static const struct expression *in_order(struct ir *ir, const struct expression *sum, int side,
                                         const struct axis *last) {
    const struct axis *axes[MAX_LOOPS];
    int64_t ways[MAX_LOOPS];
    for (int i = 0; i < sum->axis_count; i++) {
        int64_t stride = stride_of(ir, sum->sources[side], sum->axes[i]);
        int64_t way = sum->axes[i] == last ? -1 : stride < 0 ? -stride : stride;
        int place = i;
        for (; place > 0 && ways[place - 1] < way; place--) {
            axes[place] = axes[place - 1];
            ways[place] = ways[place - 1];
        }
        axes[place] = sum->axes[i];
        ways[place] = way;
    }
    return expression_reduce(ir, sum->op, sum->dtype, sum->axis_count, axes, sum->source_count,
                             sum->sources);
}

void group_sums(struct contraction *contraction, struct loop_tiling *tiling) {
    struct ir *ir = contraction->ir;
    int group = tiling->kind->group, side = tiling->stream == contraction->sum->sources[0] ? 0 : 1;
    const struct axis *axis = find_grouped_sum(contraction, tiling->stream, tiling->panel, group);
    const struct axis *groups = ir_axis(ir, divide_up(axis->extent, group));
    const struct axis *within = ir_axis(ir, group);
    const struct index *value =
        index_add(ir, index_scale(ir, index_axis(ir, groups), group), index_axis(ir, within));
    struct substitution substitution = {.count = 1, .axes = &axis, .values = &value};
    struct rewrite split = {.substitution = &substitution};
    const struct expression *sum = expression_rewrite(ir, contraction->sum, &split);
    contraction->sum = in_order(ir, sum, side, within);
    contraction->depth = contraction->depth / axis->extent * filled(axis->extent, group);
    tiling->stream = contraction->sum->sources[side];
    tiling->panel = contraction->sum->sources[1 - side];
    tiling->groups = groups;
    tiling->grouped_extent = axis->extent;
    size_t beyond = whole_lines((size_t)(filled(axis->extent, group) - axis->extent));
    if (beyond > ir->overread)
        ir->overread = beyond;
}
