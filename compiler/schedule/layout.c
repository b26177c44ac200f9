/* Layout: in which order the elements of each temporary lie.
 *
 * Statements are taken in order of execution, so that what a statement reads has its layout
 * already. A tiled contraction stores its columns side by side (for a convolution: channels
 * innermost). What tiles read groups of lies so that these are neighbours. Other statements follow
 * the layout of what they read. For a GPU everything is row-major: neighbouring threads store
 * neighbouring elements whatever the order is. */
#include "compiler/schedule/layout.h"

#include "compiler/schedule/schedule.h"
#include "compiler/schedule/tiling.h"

#include <string.h>

/* Rows whose length is a multiple of this part of a page lie in few sets of L1. */
enum { CROWDED_PARTS = 4 };

/* Strides for the buffer's axes in a given order, outermost first. Where a target is given, rows
 * whose lines would drive one another out of its L1 lie a line further apart. */
static void lay_out(struct buffer *buffer, const int *order, const struct target *target) {
    int64_t stride = 1, bytes = dtype_bytes(buffer->dtype);
    for (int i = buffer->rank - 1; i >= 0; i--) {
        int64_t extent = buffer->sliced[order[i]] ? 1 : buffer->shape[order[i]];
        buffer->stride[order[i]] = buffer->sliced[order[i]] ? 0 : stride;
        stride *= extent;
        if (target && i == buffer->rank - 1 && stride < buffer->elements &&
            stride * bytes % (target->page / CROWDED_PARTS) == 0)
            stride += target->line / bytes;
    }
    buffer->elements = stride;
}

void lay_out_again(struct buffer *buffer) {
    int order[MAX_RANK];
    for (int i = 0; i < buffer->rank; i++) {
        int place = i;
        for (; place > 0 && buffer->stride[order[place - 1]] < buffer->stride[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
    lay_out(buffer, order, NULL);
}

static void lay_out_in_order(struct buffer *buffer) {
    int order[MAX_RANK];
    for (int i = 0; i < buffer->rank; i++)
        order[i] = i;
    lay_out(buffer, order, NULL);
}

/* With one dimension moved to the end. */
static void lay_out_with(const struct target *target, struct buffer *buffer, int innermost) {
    int order[MAX_RANK], count = 0;
    for (int i = 0; i < buffer->rank; i++)
        if (i != innermost)
            order[count++] = i;
    order[count] = innermost;
    lay_out(buffer, order, target);
}

/* Moves the axis of the buffer that `axis` runs along, step 1, to the end. */
static void lay_out_innermost(const struct target *target, const struct statement *statement,
                              const struct axis *axis) {
    const struct buffer *buffer = statement->output;
    int innermost = -1;
    for (int i = 0; i < buffer->rank; i++) {
        bool plain = true;
        if (index_coefficient(statement->store[i], axis, &plain) == 1 && plain)
            innermost = i;
    }
    if (innermost < 0)
        lay_out_in_order(statement->output);
    else
        lay_out_with(target, statement->output, innermost);
}

struct follow {
    const struct statement *statement;
    const struct expression *load;
};

/* The stride with which a load steps along an output axis, 0 where it does not. Where several loops
 * run along the axis, each says as much as the others. What is stored at one place of the axis is a
 * part that lies apart from others. */
static int64_t step_along(const struct expression *load, const struct index *place) {
    int64_t longest = 0;
    if (place->count == 0)
        return INT64_MAX;
    for (int i = 0; i < place->count; i++) {
        int64_t step = 0;
        bool plain = place->terms[i].atom->kind == ATOM_AXIS;
        for (int d = 0; plain && d < load->index_count; d++)
            step += index_coefficient(load->indices[d], place->terms[i].atom->axis, &plain) *
                    load->buffer->stride[d];
        step /= place->terms[i].coefficient;
        longest = step > longest ? step : longest;
    }
    return longest;
}

static void find_followed(void *context, const struct expression *e) {
    struct follow *follow = context;
    if (e->kind == EXPRESSION_LOAD && e->buffer->kind == BUFFER_TEMPORARY &&
        (!follow->load || e->buffer->elements > follow->load->buffer->elements))
        follow->load = e;
}

/* Lays the output out as the largest temporary that the statement reads. */
static void lay_out_following(struct ir *ir, const struct statement *statement) {
    struct follow follow = {.statement = statement};
    expression_walk(ir, statement->value, find_followed, &follow);
    if (!follow.load) {
        lay_out_in_order(statement->output);
        return;
    }
    int order[MAX_RANK];
    int64_t steps[MAX_RANK];
    for (int i = 0; i < statement->output->rank; i++) {
        int64_t step = step_along(follow.load, statement->store[i]);
        int place = i;
        for (; place > 0 && steps[place - 1] < step; place--) {
            steps[place] = steps[place - 1];
            order[place] = order[place - 1];
        }
        steps[place] = step;
        order[place] = i;
    }
    lay_out(statement->output, order, NULL);
}

/* ---- What tiles of groups read ---- */

struct layouts {
    struct ir *ir;
    int count;
    struct contraction *grouped; /* whose tiles take groups of neighbours from the stream */
};

static const struct tile_kind *kind_of(const struct contraction *contraction) {
    const struct expression *sum = contraction->sum;
    return tile_kind_of(contraction->ir->target, sum->sources[0]->dtype, sum->sources[1]->dtype,
                        sum->dtype);
}

static struct layouts find_grouped(struct ir *ir) {
    struct layouts layouts = {
        .ir = ir,
        .grouped = arena_array(ir->arena, struct contraction, (size_t)ir->statement_count)};
    for (int i = 0; i < ir->statement_count; i++) {
        struct contraction *contraction = &layouts.grouped[layouts.count];
        layouts.count +=
            find_contraction(ir, ir->statements[i], contraction) && kind_of(contraction)->group > 1;
    }
    return layouts;
}

static bool runs_along(const struct index *index, const struct axis *axis) {
    bool plain = true;
    return index->count == 1 && index_coefficient(index, axis, &plain) == 1 && plain;
}

/* The innermost dimension of a buffer along which such tiles could take groups; -1: none do. */
static int find_grouped_dimension(const struct layouts *layouts, const struct buffer *buffer) {
    int found = -1;
    for (int i = 0; i < layouts->count; i++) {
        const struct contraction *contraction = &layouts->grouped[i];
        const struct tile_kind *kind = kind_of(contraction);
        const struct expression *sum = contraction->sum;
        for (int side = 0; side < 2; side++) {
            const struct expression *load = sum->sources[side];
            for (int k = 0; k < sum->axis_count && load->buffer == buffer; k++)
                for (int d = found + 1; d < buffer->rank && load->dtype == kind->stream; d++)
                    if (2 * sum->axes[k]->extent > kind->group &&
                        runs_along(load->indices[d], sum->axes[k]))
                        found = d;
        }
    }
    return found;
}

/* ---- Which ---- */

/* The axis that the tiles of a contraction would have as columns. */
static const struct axis *find_columns(struct ir *ir, struct statement *statement) {
    struct contraction contraction;
    struct loop_tiling tiling;
    bool tiles =
        find_contraction(ir, statement, &contraction) && find_tiling(&contraction, NULL, &tiling);
    return tiles ? tiling.column : NULL;
}

/* Of several statements that store into a buffer the first decides, or the largest of its kernel.
 */
static void choose_layout(const struct layouts *layouts, struct statement *statement) {
    struct ir *ir = layouts->ir;
    struct buffer *output = statement->output;
    if (output->kind != BUFFER_TEMPORARY || output->laid_out)
        return;
    if (ir->target->gpu) {
        lay_out_in_order(output);
        output->laid_out = true;
        return;
    }
    const struct axis *column = find_columns(ir, statement);
    int grouped = column ? -1 : find_grouped_dimension(layouts, output);
    if (column)
        lay_out_innermost(ir->target, statement, column);
    else if (grouped >= 0)
        lay_out_with(ir->target, output, grouped);
    else
        lay_out_following(ir, statement);
    output->laid_out = true;
}

/* Of the statements from `first` on that store into the same buffer in the same kernel, none of
 * which reads what another computes. */
static struct statement *largest_part(struct statement *const *statements, int first, int count) {
    struct statement *largest = statements[first];
    for (int i = first + 1; i < count && statements[i]->kernel == largest->kernel &&
                            statements[i]->output == largest->output;
         i++)
        if (statements[i]->points > largest->points &&
            statements[i]->value->kind != EXPRESSION_CONSTANT)
            largest = statements[i];
    return largest;
}

/* What statements that run alone read and store is row-major. */
static void lay_out_whole(struct ir *ir, const struct statement *statement) {
    struct buffer **reads;
    int count = statement_reads(ir, statement, &reads);
    for (int i = 0; i <= count; i++) {
        struct buffer *buffer = i < count ? reads[i] : statement->output;
        if (buffer->kind != BUFFER_TEMPORARY)
            continue;
        lay_out_in_order(buffer);
        buffer->laid_out = true;
    }
}

void layout(struct ir *ir) {
    for (int i = 0; i < ir->statement_count; i++)
        if (runs_alone(ir->statements[i]))
            lay_out_whole(ir, ir->statements[i]);
    const struct layouts layouts = find_grouped(ir);
    for (int i = 0; i < ir->statement_count; i++)
        choose_layout(&layouts, largest_part(ir->statements, i, ir->statement_count));
}
