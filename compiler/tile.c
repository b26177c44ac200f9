/* Tiles: finds in a kernel the contraction that register tiles can run, chooses which axes are
 * rows, columns and sums, and packs the panel operand in the order in which the tile reads it.
 *
 * An axis that only one operand has can be the columns, of which a vector holds consecutive ones;
 * that operand is the panel. Axes that only the other has can be rows. Constant panels are packed
 * now, [panel][sum...][columns]; others are used as they lie if their columns are contiguous, and
 * are otherwise packed at run time by a kernel of their own. */
#include "ir.h"
#include "schedule.h"

#include <string.h>

enum {
    MAX_ROWS = 12, /* with 32 columns, 24 accumulators of 512 bits: no more fit registers */
    WIDE = 32,
    NARROW = 16,
};

struct candidate {
    struct ir *ir;
    struct kernel *kernel;
    const struct expression *contraction, *pool; /* pool: the reduction around it, or NULL */
    int contractions, reductions;
};

static void find_contraction(void *context, const struct expression *e) {
    struct candidate *candidate = context;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    candidate->reductions++;
    if (e->op == OP_CONTRACT) {
        candidate->contractions++;
        candidate->contraction = e;
    } else {
        candidate->pool = e;
    }
}

/* A load whose every index is a sum of axes. */
static bool is_affine_load(const struct expression *e) {
    if (e->kind != EXPRESSION_LOAD || e->buffer->splat)
        return false;
    for (int i = 0; i < e->index_count; i++)
        for (int k = 0; k < e->indices[i]->count; k++)
            if (e->indices[i]->terms[k].atom->kind != ATOM_AXIS)
                return false;
    return true;
}

static bool load_uses(const struct expression *load, const struct axis *axis) {
    for (int i = 0; i < load->index_count; i++)
        if (index_uses(load->indices[i], axis))
            return true;
    return false;
}

static int64_t stride_of(struct ir *ir, const struct expression *load, const struct axis *axis) {
    bool plain = true;
    return index_coefficient(linear_address(ir, load->buffer, load->indices), axis, &plain);
}

/* ---- Columns ---- */

struct choice {
    const struct expression *stream, *panel;
    const struct axis *column;
    int64_t score;
};

static void consider_columns(struct ir *ir, const struct kernel *kernel,
                             const struct expression *stream, const struct expression *panel,
                             struct choice *best) {
    for (int i = 0; i < kernel->loop_count; i++) {
        const struct axis *axis = kernel->loops[i];
        if (!load_uses(panel, axis) || load_uses(stream, axis))
            continue;
        /* A constant panel costs nothing to pack; a contiguous one needs no packing. */
        int64_t score = axis->extent < NARROW ? axis->extent : NARROW;
        if (panel->buffer->kind == BUFFER_CONSTANT)
            score += 4 * NARROW;
        else if (stride_of(ir, panel, axis) == 1)
            score += 2 * NARROW;
        if (score > best->score ||
            (score == best->score && best->column && axis->extent > best->column->extent))
            *best =
                (struct choice){.stream = stream, .panel = panel, .column = axis, .score = score};
    }
}

/* With padding, the fewest columns computed; then the wider panel. */
static int choose_columns(int64_t extent) {
    int64_t wide = (extent + WIDE - 1) / WIDE * WIDE;
    int64_t narrow = (extent + NARROW - 1) / NARROW * NARROW;
    return wide <= narrow ? WIDE : NARROW;
}

/* ---- Rows ---- */

/* A block that divides the extent if that is not much smaller, else even blocks and a shorter last.
 */
static int64_t choose_block(int64_t extent, int64_t limit, bool must_divide) {
    if (limit < 1)
        return 1;
    int64_t count = (extent + limit - 1) / limit;
    int64_t even = (extent + count - 1) / count;
    for (int64_t divisor = even; divisor >= 1; divisor--)
        if (extent % divisor == 0)
            return must_divide || divisor * 10 >= even * 6 ? divisor : even;
    unreachable();
}

static bool add_pool_axes(struct tile *tile, struct ir *ir, const struct candidate *candidate,
                          const struct choice *choice, int64_t *rows) {
    for (int i = 0; candidate->pool && i < candidate->pool->axis_count; i++) {
        const struct axis *axis = candidate->pool->axes[i];
        if (axis->extent == 1)
            continue;
        if (load_uses(choice->panel, axis) || !load_uses(choice->stream, axis))
            return false;
        *rows *= axis->extent;
        tile->row_axes[tile->row_axis_count++] = (struct tile_row_axis){
            .local = axis, .block = axis->extent, .stride = stride_of(ir, choice->stream, axis)};
    }
    return *rows <= MAX_ROWS;
}

static void add_row_axis(struct tile *tile, struct ir *ir, const struct choice *choice,
                         const struct axis *axis, int64_t block) {
    memmove(&tile->row_axes[tile->loop_row_count + 1], &tile->row_axes[tile->loop_row_count],
            (size_t)(tile->row_axis_count - tile->loop_row_count) * sizeof tile->row_axes[0]);
    tile->row_axes[tile->loop_row_count++] =
        (struct tile_row_axis){.loop = axis,
                               .local = ir_axis(ir, block),
                               .block = block,
                               .stride = stride_of(ir, choice->stream, axis)};
    tile->row_axis_count++;
}

/* Rows from the innermost loops outwards, while whole axes fit. */
static void choose_rows(struct tile *tile, struct ir *ir, const struct kernel *kernel,
                        const struct choice *choice, int64_t rows) {
    for (int i = kernel->loop_count - 1; i >= 0; i--) {
        const struct axis *axis = kernel->loops[i];
        if (!load_uses(choice->stream, axis) || load_uses(choice->panel, axis))
            continue;
        int64_t block = choose_block(axis->extent, MAX_ROWS / rows, tile->loop_row_count > 0);
        if (block > 1)
            add_row_axis(tile, ir, choice, axis, block);
        rows *= block;
        if (block < axis->extent)
            return;
    }
}

/* ---- The panel ---- */

/* The axes of a packed panel, outermost first: those shared with the stream, panels, sums, columns.
 */
struct packing {
    int count;
    const struct axis *axes[MAX_LOOPS]; /* of the kernel; columns appear last */
    int64_t extents[MAX_LOOPS];         /* packed: panels and columns stand for the column axis */
    int64_t strides[MAX_LOOPS];
    int panels; /* position of the panels among the axes */
    int64_t elements;
};

static void add_packed_axis(struct packing *packing, const struct axis *axis, int64_t extent) {
    packing->axes[packing->count] = axis;
    packing->extents[packing->count++] = extent;
}

static struct packing plan_packing(const struct kernel *kernel, const struct candidate *candidate,
                                   const struct choice *choice, int columns) {
    struct packing packing = {.elements = 1};
    for (int i = 0; i < kernel->loop_count; i++)
        if (kernel->loops[i] != choice->column && load_uses(choice->panel, kernel->loops[i]))
            add_packed_axis(&packing, kernel->loops[i], kernel->loops[i]->extent);
    packing.panels = packing.count;
    add_packed_axis(&packing, choice->column, (choice->column->extent + columns - 1) / columns);
    for (int i = 0; i < candidate->contraction->axis_count; i++)
        add_packed_axis(&packing, candidate->contraction->axes[i],
                        candidate->contraction->axes[i]->extent);
    add_packed_axis(&packing, choice->column, columns);
    for (int i = packing.count - 1; i >= 0; i--) {
        packing.strides[i] = packing.elements;
        packing.elements *= packing.extents[i];
    }
    return packing;
}

/* The panel's element for each place of the packed block; 0 in columns beyond the extent. */
static const void *pack_constant(struct ir *ir, const struct choice *choice,
                                 const struct packing *packing, int columns) {
    const float *elements = choice->panel->buffer->value;
    float *packed = arena_array(ir->arena, float, (size_t)packing->elements);
    int last = packing->count - 1;
    int64_t steps[MAX_LOOPS], digits[MAX_LOOPS] = {0};
    for (int i = 0; i <= last; i++)
        steps[i] = stride_of(ir, choice->panel, packing->axes[i]);
    int64_t base = linear_address(ir, choice->panel->buffer, choice->panel->indices)->constant;
    for (int64_t place = 0; place < packing->elements; place += columns) {
        int64_t column = digits[packing->panels] * columns, from = base;
        for (int i = 0; i < last; i++)
            from += steps[i] * (i == packing->panels ? column : digits[i]);
        for (int i = 0; i < columns && column + i < choice->column->extent; i++)
            packed[place + i] = elements[from + i * steps[last]];
        for (int i = last - 1; i >= 0 && ++digits[i] == packing->extents[i]; i--)
            digits[i] = 0;
    }
    return packed;
}

static struct buffer *new_packed_buffer(struct ir *ir, const struct choice *choice,
                                        const struct packing *packing, enum buffer_kind kind) {
    struct buffer *source = choice->panel->buffer;
    struct buffer *packed = ir_buffer(ir, kind, source->dtype, 1, &packing->elements,
                                      arena_format(ir->arena, "%s_packed", source->name));
    packed->node = source->node;
    return packed;
}

/* A kernel that packs at run time. */
static struct kernel *packing_kernel(struct ir *ir, const struct choice *choice,
                                     const struct packing *packing, int columns,
                                     struct buffer *packed) {
    struct kernel *kernel = arena_new(ir->arena, struct kernel);
    const struct index *values[MAX_LOOPS], *address = index_constant(ir, 0);
    kernel->group = arena_new(ir->arena, struct group);
    kernel->output = packed;
    kernel->points = packed->elements;
    for (int i = 0; i < packing->count; i++) {
        const struct axis *axis = ir_axis(ir, packing->extents[i]);
        values[i] = index_axis(ir, axis);
        address = index_add(ir, address, index_scale(ir, values[i], packing->strides[i]));
        if (axis->extent > 1)
            kernel->loops[kernel->loop_count++] = axis;
    }
    kernel->store[0] = address;
    int last = packing->count - 1;
    values[packing->panels] =
        index_add(ir, index_scale(ir, values[packing->panels], columns), values[last]);
    struct substitution substitution = {.count = last, .axes = packing->axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    struct predicate within = {
        .index = values[packing->panels], .lower = 0, .upper = choice->column->extent};
    kernel->value =
        expression_guard(ir, 1, &within, expression_rewrite(ir, choice->panel, &rewrite),
                         expression_zero(ir, packed->dtype));
    return kernel;
}

/* A panel whose columns lie side by side in memory is read where it is. */
static bool lies_ready(struct ir *ir, const struct choice *choice, int columns) {
    return choice->panel->buffer->kind != BUFFER_CONSTANT &&
           stride_of(ir, choice->panel, choice->column) == 1 &&
           choice->column->extent % columns == 0;
}

static void point_at_panel(struct tile *tile, struct ir *ir, const struct candidate *candidate,
                           const struct choice *choice, const struct packing *packing) {
    const struct index *base = index_constant(ir, 0);
    for (int i = 0; i < packing->panels; i++)
        base = index_add(ir, base,
                         index_scale(ir, index_axis(ir, packing->axes[i]), packing->strides[i]));
    /* The column loop runs in steps of a panel: column / columns panels have passed. */
    int64_t per_column = packing->strides[packing->panels] / tile->columns;
    if (choice->column->extent > tile->columns)
        base = index_add(ir, base, index_scale(ir, index_axis(ir, choice->column), per_column));
    tile->panel_base = base;
    for (int i = 0; i < candidate->contraction->axis_count; i++)
        tile->sum_axes[i].panel_stride = packing->strides[packing->panels + 1 + i];
}

/* Makes the panel ready; gives the kernel that packs it, if one must run first. */
static struct kernel *prepare_panel(struct tile *tile, struct ir *ir,
                                    const struct candidate *candidate,
                                    const struct choice *choice) {
    const struct expression *contraction = candidate->contraction;
    if (lies_ready(ir, choice, tile->columns)) {
        tile->panel = choice->panel->buffer;
        tile->panel_base = linear_address(ir, tile->panel, choice->panel->indices);
        for (int i = 0; i < contraction->axis_count; i++)
            tile->sum_axes[i].panel_stride = stride_of(ir, choice->panel, contraction->axes[i]);
        return NULL;
    }
    struct packing packing = plan_packing(candidate->kernel, candidate, choice, tile->columns);
    bool constant = choice->panel->buffer->kind == BUFFER_CONSTANT;
    tile->panel =
        new_packed_buffer(ir, choice, &packing, constant ? BUFFER_CONSTANT : BUFFER_TEMPORARY);
    point_at_panel(tile, ir, candidate, choice, &packing);
    if (!constant)
        return packing_kernel(ir, choice, &packing, tile->columns, tile->panel);
    tile->panel->value = pack_constant(ir, choice, &packing, tile->columns);
    return NULL;
}

/* ---- What stands on the accumulators ---- */

struct replacement {
    const struct expression *accumulator;
    bool staged; /* the accumulators hold what the pool takes */
};

static const struct expression *replace_contraction(struct ir *ir, void *context,
                                                    const struct expression *e) {
    const struct replacement *replacement = context;
    if (e->kind != EXPRESSION_REDUCE)
        return e;
    if (e->op == OP_CONTRACT)
        return replacement->accumulator;
    return replacement->staged ? combine_lanes(ir, e, replacement->accumulator) : e;
}

/* The work between contraction and pool, which every accumulator goes through once; NULL: none. */
static const struct expression *find_stage(struct ir *ir, const struct candidate *candidate,
                                           const struct expression *accumulator) {
    const struct expression *pool = candidate->pool;
    if (!pool || pool->dtype != DTYPE_FLOAT32 || pool->sources[0] == candidate->contraction)
        return NULL;
    struct replacement replacement = {.accumulator = accumulator};
    struct rewrite rewrite = {.replace = replace_contraction, .context = &replacement};
    return begin_lane(ir, pool, expression_rewrite(ir, pool->sources[0], &rewrite));
}

static const struct index *without(struct ir *ir, const struct index *index, int count,
                                   const struct axis *const *axes) {
    const struct index *zeros[MAX_LOOPS];
    for (int i = 0; i < count; i++)
        zeros[i] = index_constant(ir, 0);
    struct substitution substitution = {.count = count, .axes = axes, .values = zeros};
    return index_substitute(ir, index, &substitution);
}

const struct axis *local_axis(const struct tile *tile, const struct tile_block *block,
                              int row_axis) {
    return row_axis == 0 && block->local ? block->local : tile->row_axes[row_axis].local;
}

/* The place of an accumulator: rows in the order of the row axes, the first fastest. */
static const struct index *place_in_block(struct ir *ir, const struct tile *tile,
                                          struct tile_block *block) {
    const struct index *place = index_axis(ir, tile->column_local);
    block->rows = 1;
    for (int i = 0; i < tile->row_axis_count; i++) {
        const struct axis *local = local_axis(tile, block, i);
        int64_t stride = (int64_t)block->rows * tile->columns;
        place = index_add(ir, place, index_scale(ir, index_axis(ir, local), stride));
        block->rows *= (int)local->extent;
    }
    return place;
}

/* The kernel's value with the contraction replaced by its accumulator, for blocks of a given size
 * of the first row axis. Loops then stand for where the block begins, local axes run within. */
static struct tile_block make_block(struct ir *ir, const struct candidate *candidate,
                                    const struct tile *tile, int64_t size) {
    struct tile_block block = {.block = size,
                               .local = tile->loop_row_count ? ir_axis(ir, size) : NULL};
    const struct index *place = place_in_block(ir, tile, &block);
    int64_t elements = (int64_t)block.rows * tile->columns;
    block.accumulators = ir_buffer(ir, BUFFER_LOCAL, DTYPE_FLOAT32, 1, &elements, "sums");
    struct replacement replacement = {.accumulator =
                                          expression_load(ir, block.accumulators, &place)};
    struct rewrite rewrite = {.replace = replace_contraction, .context = &replacement};
    block.stage = find_stage(ir, candidate, replacement.accumulator);
    block.stage_address = place;
    replacement.staged = block.stage != NULL;
    block.value = expression_rewrite(ir, candidate->kernel->value, &rewrite);
    block.value = unroll_small_reductions(ir, block.value);
    return block;
}

/* Within a block, each tiled loop is where the block begins plus the local axis. */
const struct expression *within_block(struct ir *ir, const struct tile *tile,
                                      const struct tile_block *block,
                                      const struct expression *value,
                                      const struct index **address) {
    const struct axis *axes[MAX_RANK + 1];
    const struct index *values[MAX_RANK + 1];
    int count = 0;
    for (int i = 0; i < tile->loop_row_count; i++) {
        const struct tile_row_axis *row = &tile->row_axes[i];
        axes[count] = row->loop;
        bool whole = row->block == row->loop->extent;
        const struct index *local = index_axis(ir, local_axis(tile, block, i));
        values[count++] = whole ? local : index_add(ir, index_axis(ir, row->loop), local);
    }
    const struct index *local = index_axis(ir, tile->column_local);
    axes[count] = tile->column_loop;
    values[count++] = tile->column_loop->extent <= tile->columns
                          ? local
                          : index_add(ir, index_axis(ir, tile->column_loop), local);
    struct substitution substitution = {.count = count, .axes = axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    *address = index_substitute(ir, *address, &substitution);
    return expression_rewrite(ir, value, &rewrite);
}

static void describe_sums(struct tile *tile, struct ir *ir, const struct candidate *candidate,
                          const struct choice *choice) {
    const struct expression *contraction = candidate->contraction;
    tile->sum_axis_count = contraction->axis_count;
    for (int i = 0; i < contraction->axis_count; i++)
        tile->sum_axes[i] = (struct tile_sum_axis){
            .extent = contraction->axes[i]->extent,
            .stream_stride = stride_of(ir, choice->stream, contraction->axes[i])};
}

/* Neighbouring sums that both operands step through evenly are one. */
static void merge_sums(struct tile *tile) {
    int kept = 0;
    for (int i = 0; i < tile->sum_axis_count; i++) {
        struct tile_sum_axis inner = tile->sum_axes[i];
        if (inner.extent == 1)
            continue;
        struct tile_sum_axis *outer = kept ? &tile->sum_axes[kept - 1] : NULL;
        if (outer && outer->stream_stride == inner.stream_stride * inner.extent &&
            outer->panel_stride == inner.panel_stride * inner.extent) {
            inner.extent *= outer->extent;
            *outer = inner;
        } else {
            tile->sum_axes[kept++] = inner;
        }
    }
    tile->sum_axis_count = kept;
}

static void make_blocks(struct tile *tile, struct ir *ir, const struct candidate *candidate) {
    bool blocked = tile->loop_row_count > 0;
    int64_t size = blocked ? tile->row_axes[0].block : 1;
    tile->blocks[tile->block_count++] = make_block(ir, candidate, tile, size);
    if (blocked && tile->row_axes[0].loop->extent % size)
        tile->blocks[tile->block_count++] =
            make_block(ir, candidate, tile, tile->row_axes[0].loop->extent % size);
}

/* A loop of which one block is the whole extent is no loop: it begins at 0. */
static const struct index *at_block(struct ir *ir, const struct tile *tile,
                                    const struct index *base) {
    for (int i = 0; i < tile->loop_row_count; i++)
        if (tile->row_axes[i].block == tile->row_axes[i].loop->extent)
            base = without(ir, base, 1, &tile->row_axes[i].loop);
    return tile->column_loop->extent <= tile->columns ? without(ir, base, 1, &tile->column_loop)
                                                      : base;
}

/* The stream's address where a block and the sums begin. */
static const struct index *stream_base(struct ir *ir, const struct candidate *candidate,
                                       const struct choice *choice) {
    const struct index *base = linear_address(ir, choice->stream->buffer, choice->stream->indices);
    base = without(ir, base, candidate->contraction->axis_count, candidate->contraction->axes);
    if (candidate->pool)
        base = without(ir, base, candidate->pool->axis_count, candidate->pool->axes);
    return base;
}

bool tile_contraction(struct ir *ir, struct kernel *kernel) {
    struct candidate candidate = {.ir = ir, .kernel = kernel};
    expression_walk(ir, kernel->value, find_contraction, &candidate);
    const struct expression *contraction = candidate.contraction;
    if (candidate.contractions != 1 ||
        kernel->loop_count + contraction->axis_count + 2 > MAX_LOOPS || candidate.reductions > 2 ||
        contraction->dtype != DTYPE_FLOAT32 || (candidate.pool && !unrolls(candidate.pool)) ||
        !is_affine_load(contraction->sources[0]) || !is_affine_load(contraction->sources[1]))
        return false;
    struct choice choice = {0};
    consider_columns(ir, kernel, contraction->sources[0], contraction->sources[1], &choice);
    consider_columns(ir, kernel, contraction->sources[1], contraction->sources[0], &choice);
    if (!choice.column)
        return false;
    struct tile *tile = arena_new(ir->arena, struct tile);
    int64_t rows = 1;
    if (!add_pool_axes(tile, ir, &candidate, &choice, &rows))
        return false;
    tile->columns = choose_columns(choice.column->extent);
    tile->column_loop = choice.column;
    tile->column_local =
        ir_axis(ir, choice.column->extent < tile->columns ? choice.column->extent : tile->columns);
    choose_rows(tile, ir, kernel, &choice, rows);
    describe_sums(tile, ir, &candidate, &choice);
    struct kernel *packer = prepare_panel(tile, ir, &candidate, &choice);
    if (packer)
        schedule_kernel(ir, packer);
    merge_sums(tile);
    tile->stream = choice.stream->buffer;
    tile->stream_base = at_block(ir, tile, stream_base(ir, &candidate, &choice));
    tile->panel_base = at_block(
        ir, tile, without(ir, tile->panel_base, contraction->axis_count, contraction->axes));
    make_blocks(tile, ir, &candidate);
    kernel->tile = tile;
    return true;
}
