/* The cost model: estimated cycles of tiles and of how they reach their operands.
 *
 * A step of a tile multiplies and adds one element of every sum. Four things go on meanwhile: the
 * multiplies that the core can begin, the loads that it can do, the latency of one multiply-add,
 * which too few sums have to wait for, and lines of the panel that come from L2. They overlap; each
 * line of the panel takes a little beside them. Numbers are rough; what counts is their order.
 * bench/costs.c compares it with what is measured. */
#include "compiler/schedule/cost.h"

#include "compiler/schedule/blocking.h"
#include "templates/tile_shape.h"

#include <math.h>

/* Cycles for a line of the panel: wherever it is, beside what overlaps; from one to the next where
 * it is packed and comes from L2; and where its lines drive one another out of L1, from L2 and from
 * beyond. */
static const double PANEL_LINE_CYCLES = 0.2, NEXT_LINE_CYCLES = 1.5, NEAR_LINE_CYCLES = 0.5,
                    FAR_LINE_CYCLES = 4;
/* Loads for the offset of a row: none in a tile that is inlined, one in one that is called. */
static const double OFFSET_LOADS = 0.5;
/* Cycles for a byte of weights that are read in order, once in a run, and come from memory. */
static const double WEIGHT_BYTE_CYCLES = 0.1;
static const double HALVES_FACTOR = 1.05, REMAINDER_FACTOR = 1.005, TWICE_FACTOR = 1.02,
                    COPIED_FACTOR = 1.1;
enum {
    LOOP_CYCLES = 4,     /* of a step where nothing overlaps */
    OFFSETS_HELD = 8,    /* offsets of rows that a tile keeps in registers */
    TILE_OVERHEAD = 20,  /* cycles: call, addresses */
    EPILOGUE_CYCLES = 3, /* for each vector of sums: stored, loaded, finished, stored */
    SCATTER_CYCLES = 2,  /* more for each element that is stored away from its neighbours, .. */
    NAN_CYCLES = 4,      /* .. and where its NaN is made the one that outputs have, alone, .. */
    EVICTED_CYCLES = 14, /* .. and instead where their lines drive one another out of L1 */
    PACK_CYCLES = 2,     /* for each element that a statement packs */
    COPY_CYCLES = 4,     /* for each that it copies, mostly against the order of the operand */
    CONFLICT_CYCLES = 4, /* a line of the stream that L1 could not keep */
    WIDEN_CYCLES = 1,  /* for each vector of a 16-bit panel, before tiles can multiply by it, .. */
    DECODE_CYCLES = 2, /* .. and of one of codes */
};

/* ---- Tiles ---- */

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* What overlaps takes about as long as the longest of it, and somewhat longer where others are not
 * much shorter: the norm of exponent 8. */
static double overlapped(int count, const double *cycles) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        double square = cycles[i] * cycles[i], fourth = square * square;
        sum += fourth * fourth;
    }
    return sqrt(sqrt(sqrt(sum)));
}

/* How often a tile of the contraction steps. */
static double step_count(const struct contraction *contraction, const struct tile_kind *kind) {
    return (double)contraction->depth / kind->group;
}

/* A step of a block of height x width vectors, of a panel in L1 or (`far`) in L2. Beside what it
 * multiplies it loads the offsets of rows that registers do not hold, and with several rows it
 * prefetches what the panel has further on. */
static double register_cycles(const struct target *target, const struct tile_kind *kind, bool lanes,
                              int height, int width, bool far) {
    if (target_is_small(target)) { /* one instruction after the other; four bytes are widened */
        const bool pairs = kind == &tile_kinds[TILE_KIND_DOT];
        const int add = pairs ? 2 : 1, load = pairs ? 3 : 1;
        return (double)(add * height * width) + load * (width + height * (lanes ? width : 1)) +
               LOOP_CYCLES;
    }
    int offsets = height > OFFSETS_HELD ? height - OFFSETS_HELD : 0;
    int fetches = !lanes && height > 1 ? width : 0;
    double loads = width + fetches + height * (lanes ? width : 1) + OFFSET_LOADS * offsets;
    double lines =
        (double)(width * tile_kind_lanes(kind, target) * kind->group * dtype_bytes(kind->panel)) /
        target->line;
    const double cycles[] = {(double)(height * width) / target->multiplies, loads / target->loads,
                             target->latency, far ? lines * NEXT_LINE_CYCLES : 0};
    return overlapped(sizeof cycles / sizeof *cycles, cycles) + lines * PANEL_LINE_CYCLES;
}

static int decoding_cycles(const struct tile_kind *kind) {
    return tile_kind_widens(kind) ? WIDEN_CYCLES : tile_kind_decodes(kind) ? DECODE_CYCLES : 0;
}

/* Of all its blocks. A tile that passes through its panel once for these columns and once for those
 * reads it from memory by halves, which no cache prefetches well. */
double step_cycles(const struct target *target, const struct tile_kind *kind, bool lanes, int rows,
                   int columns, bool far) {
    struct tile_shape shape = tile_shape(rows, columns, tile_kind_lanes(kind, target),
                                         target->registers, target->accumulators);
    double cycles =
        shape.high_blocks * register_cycles(target, kind, lanes, shape.height, shape.width, far);
    if (shape.height > 1)
        cycles += (shape.blocks - shape.high_blocks) *
                  register_cycles(target, kind, lanes, shape.height - 1, shape.width, far);
    cycles =
        cycles * shape.vectors / shape.width * (shape.width < shape.vectors ? HALVES_FACTOR : 1);
    return cycles + (decoding_cycles(kind) * shape.vectors);
}

/* Whether a packed panel is larger than L1, so that it comes from L2 for each tile, in order. */
static bool is_far(const struct contraction *contraction, const struct loop_tiling *tiling) {
    bool packed = tiling->place == PANEL_PACKED || tiling->panel->buffer->kind == BUFFER_CONSTANT;
    return packed &&
           (double)contraction->depth * tiling->columns * (double)dtype_bytes(tiling->kind->panel) >
               (double)contraction->ir->target->l1;
}

/* One tile of so many rows and columns. */
static double tile_cycles(const struct contraction *contraction, const struct loop_tiling *tiling,
                          int rows, int columns) {
    const struct target *target = contraction->ir->target;
    double vectors = (double)rows * columns / tile_kind_lanes(tiling->kind, target);
    return step_count(contraction, tiling->kind) * step_cycles(target, tiling->kind, tiling->lanes,
                                                               rows, columns,
                                                               is_far(contraction, tiling)) +
           TILE_OVERHEAD + EPILOGUE_CYCLES * vectors;
}

/* ---- Tilings ---- */

/* The tiles of a tiling: how many blocks of rows of either height, panels of either width, and how
 * often all of them. */
struct counts {
    int64_t times, blocks, panels;
    int last_rows;
};

static bool is_row_loop(const struct loop_tiling *tiling, const struct axis *axis) {
    for (int i = 0; i < tiling->row_count; i++)
        if (tiling->row_loops[i].loop == axis)
            return true;
    return false;
}

static struct counts count_tiles(const struct contraction *contraction,
                                 const struct loop_tiling *tiling) {
    const struct statement *statement = contraction->statement;
    struct counts counts = {.times = 1, .blocks = 1};
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] != tiling->column && !is_row_loop(tiling, statement->loops[i]))
            counts.times *= statement->loops[i]->extent;
    for (int i = 1; i < tiling->row_count; i++)
        counts.times *= tiling->row_loops[i].loop->extent / tiling->row_loops[i].block;
    if (tiling->row_count) {
        const struct row_loop *first = &tiling->row_loops[0];
        counts.blocks = first->loop->extent / first->block;
        counts.last_rows =
            (int)(tiling->rows / first->block * (first->loop->extent % first->block));
    }
    counts.panels = tiling->last_columns ? tiling->column->extent / tiling->columns
                                         : divide_up(tiling->column->extent, tiling->columns);
    return counts;
}

static double panel_cycles(const struct contraction *contraction, const struct loop_tiling *tiling,
                           const struct counts *counts, int columns) {
    double cycles =
        (double)counts->blocks * tile_cycles(contraction, tiling, tiling->rows, columns);
    if (counts->last_rows) /* a second kind of block is worth avoiding */
        cycles = REMAINDER_FACTOR *
                 (cycles + tile_cycles(contraction, tiling, counts->last_rows, columns));
    return cycles;
}

/* How many of `count` lines, `stride` bytes apart, fall on one set of L1. */
static int64_t lines_on_one_set(const struct target *target, int64_t count, int64_t stride) {
    int64_t apart = stride < 0 ? -stride : stride, common = target->page;
    if (apart < target->line)
        return 1;
    while (apart % common)
        common /= 2;
    return divide_up(count, target->page / (common < target->line ? target->line : common));
}

/* Elements of an operand that is packed, each once. */
static double operand_elements(const struct contraction *contraction,
                               const struct expression *load) {
    double elements = 1;
    for (int i = 0; i < contraction->statement->loop_count; i++)
        if (load_uses(load, contraction->statement->loops[i]))
            elements *= (double)contraction->statement->loops[i]->extent;
    return elements * (double)contraction->depth;
}

static int64_t innermost_stride(const struct contraction *contraction,
                                const struct expression *load) {
    const struct expression *sum = contraction->sum;
    for (int i = sum->axis_count - 1; i >= 0; i--)
        if (sum->axes[i]->extent > 1)
            return stride_of(contraction->ir, load, sum->axes[i]);
    return 0;
}

/* Rows of the stream whose lines drive one another out before the next step needs them. */
static double stream_cycles(const struct contraction *contraction, const struct loop_tiling *tiling,
                            double tiles) {
    const struct target *target = contraction->ir->target;
    if (tiling->row_count == 0 || tiling->lanes)
        return 0;
    int64_t stride = stride_of(contraction->ir, tiling->stream, tiling->row_loops[0].loop) *
                     dtype_bytes(tiling->kind->stream);
    if (lines_on_one_set(target, tiling->rows, stride) <= target->ways)
        return 0;
    return tiles * step_count(contraction, tiling->kind) * tiling->rows * CONFLICT_CYCLES;
}

/* A panel that lies where it is, its rows far apart, does not stay in L1. */
static double panel_traffic_cycles(const struct contraction *contraction,
                                   const struct loop_tiling *tiling, double tiles) {
    const struct target *target = contraction->ir->target;
    if (tiling->panel->buffer->kind == BUFFER_CONSTANT) /* packed when the weights are */
        return 0;
    if (tiling->place == PANEL_PACKED && target_is_small(target)) /* memory is dearer than time */
        return tiles * (double)contraction->depth * tiling->columns;
    if (tiling->place == PANEL_PACKED)
        return PACK_CYCLES * operand_elements(contraction, tiling->panel);
    if (tiling->place == PANEL_COPIED)
        return COPY_CYCLES * (double)tiling->copied_elements;
    int64_t element = dtype_bytes(tiling->kind->panel);
    int64_t stride = innermost_stride(contraction, tiling->panel) * element;
    if (lines_on_one_set(target, contraction->depth, stride) <= target->ways)
        return 0;
    double bytes = (double)contraction->depth * (double)tiling->column->extent * (double)element;
    bool near = bytes <= (double)target->l2;
    return tiles * (double)contraction->depth * tiling->columns * (double)element / target->line *
           (near ? NEAR_LINE_CYCLES : FAR_LINE_CYCLES);
}

/* Whether columns do not come to lie side by side, since the output's layout is decided. */
static bool scatters(const struct contraction *contraction, const struct loop_tiling *tiling) {
    const struct buffer *output = contraction->statement->output;
    if (output->kind == BUFFER_TEMPORARY && !output->laid_out)
        return false;
    return output_stride(contraction->statement, tiling->column) != 1;
}

/* Whether rows of the same tile lie between its columns. */
static bool interleaves(const struct contraction *contraction, const struct loop_tiling *tiling) {
    const struct statement *statement = contraction->statement;
    int64_t step = output_stride(statement, tiling->column);
    for (int i = 0; i < tiling->row_count; i++) {
        const struct axis *loop = tiling->row_loops[i].loop;
        if (tiling->row_loops[i].block == loop->extent &&
            is_interleaved(step, loop->extent, output_stride(statement, loop)))
            return true;
    }
    return false;
}

/* Whether elements of an output of floats come to lie side by side neither by columns nor by rows:
 * gcc makes their NaN one by one then. */
static bool has_no_neighbours(const struct contraction *contraction,
                              const struct loop_tiling *tiling) {
    const struct statement *statement = contraction->statement;
    const struct buffer *output = statement->output;
    if (output->kind != BUFFER_OUTPUT || !dtype_is_real(output->dtype))
        return false;
    for (int i = 0; i < tiling->row_count; i++)
        if (output_stride(statement, tiling->row_loops[i].loop) == 1)
            return false;
    return true;
}

/* More for each element that is stored away from its neighbours. */
static double scatter_cycles(const struct contraction *contraction,
                             const struct loop_tiling *tiling) {
    const struct statement *statement = contraction->statement;
    const struct target *target = contraction->ir->target;
    int64_t stride =
        output_stride(statement, tiling->column) * dtype_bytes(statement->output->dtype);
    bool conflicts = lines_on_one_set(target, tiling->columns, stride) > target->ways;
    int cycles = conflicts ? EVICTED_CYCLES : SCATTER_CYCLES;
    return has_no_neighbours(contraction, tiling) ? cycles + NAN_CYCLES : cycles;
}

double tiling_cycles(const struct contraction *contraction, const struct loop_tiling *tiling) {
    struct counts counts = count_tiles(contraction, tiling);
    double once =
        (double)counts.panels * panel_cycles(contraction, tiling, &counts, tiling->columns);
    if (tiling->last_columns)
        once += panel_cycles(contraction, tiling, &counts, tiling->last_columns);
    double tiles = (double)counts.times * (double)counts.panels * (double)counts.blocks;
    if (scatters(contraction, tiling) && !interleaves(contraction, tiling))
        once += scatter_cycles(contraction, tiling) *
                (double)(counts.blocks * tiling->rows + counts.last_rows) *
                (double)tiling->column->extent;
    double cycles = (double)counts.times * once + stream_cycles(contraction, tiling, tiles) +
                    panel_traffic_cycles(contraction, tiling, tiles);
    return tiling->place == PANEL_COPIED ? COPIED_FACTOR * cycles : cycles;
}

double fetching_cycles(const struct contraction *contraction, const struct loop_tiling *tiling,
                       double distance) {
    double bytes =
        (double)dtype_bytes(tiling->kind->panel) * operand_elements(contraction, tiling->panel);
    double byte = byte_cycles(contraction->ir->target, distance);
    const double cycles[] = {tiling->cycles,
                             bytes * (byte < WEIGHT_BYTE_CYCLES ? byte : WEIGHT_BYTE_CYCLES)};
    return overlapped(sizeof cycles / sizeof *cycles, cycles);
}

double sharing_cycles(const struct contraction *contraction, const struct loop_tiling *tiling) {
    double bytes =
        (double)dtype_bytes(tiling->kind->panel) * operand_elements(contraction, tiling->panel);
    double coming = bytes * byte_cycles(contraction->ir->target, bytes);
    return TWICE_FACTOR * larger(tiling->cycles, coming);
}
