/* The cost model: estimated cycles of tiles and of the memory traffic around them.
 *
 * A step of a tile multiplies and adds one element of every sum. It takes as long as the slowest of
 * three: the multiplies that the core can begin, the loads that it can do, and, where too few sums
 * are under way, the latency of one. Numbers are rough; what counts is their order. */
#include "compiler/graph/batch.h"
#include "compiler/schedule/schedule.h"
#include "templates/tile_shape.h"

#include <math.h>

/* Cycles for a line of a panel that the first cache could not keep: from the second, and beyond. */
static const double NEAR_LINE_CYCLES = 0.5, FAR_LINE_CYCLES = 4;
static const double HALVES_FACTOR = 1.05, HITCH_FACTOR = 1.15, REMAINDER_FACTOR = 1.005,
                    TWICE_FACTOR = 1.02, FETCH_FACTOR = 0.7, STREAM_FACTOR = 0.15;
enum {
    TILE_OVERHEAD = 12,  /* cycles: call, addresses */
    EPILOGUE_CYCLES = 5, /* for each vector of sums: stored, loaded, finished, stored */
    SCATTER_CYCLES = 2,  /* more for each element that is stored away from its neighbours */
    PACK_CYCLES = 2,     /* for each element that a statement packs */
    CONFLICT_CYCLES = 4, /* a line of the stream that the first cache could not keep */
    KERNEL_CYCLES = 60,  /* to begin one */
    VECTOR_CYCLES = 2,   /* of elementwise work */
    MOST_ROWS = 16,      /* of a tile, beyond which more make no step cheaper */
};

/* ---- Tiles ---- */

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* A step of a block of height x width vectors. Four lines of the panel a step are more than caches
 * deliver without a hitch. */
static double register_cycles(const struct target *target, bool lanes, int height, int width) {
    double multiplies = (double)(height * width) / target->multiplies;
    double loads = (double)(width + height * (lanes ? width : 1)) / target->loads;
    double cycles = larger(larger(multiplies, loads), target->latency);
    return height > 1 && width * target->lanes * 4 > 3 * target->line ? cycles * HITCH_FACTOR
                                                                      : cycles;
}

/* A step of a tile, over all its blocks. A tile that passes through its panel once for these
 * columns and once for those reads it from memory by halves, which no cache prefetches well. */
static double step_cycles(const struct target *target, bool lanes, int rows, int columns) {
    struct tile_shape shape =
        tile_shape(rows, columns, target->lanes, target->registers, target->accumulators);
    double cycles = shape.high_blocks * register_cycles(target, lanes, shape.height, shape.width);
    if (shape.height > 1)
        cycles += (shape.blocks - shape.high_blocks) *
                  register_cycles(target, lanes, shape.height - 1, shape.width);
    return cycles * shape.vectors / shape.width * (shape.width < shape.vectors ? HALVES_FACTOR : 1);
}

double tile_cycles(const struct target *target, bool lanes, int rows, int columns, int64_t depth) {
    double vectors = (double)rows * columns / target->lanes;
    return (double)depth * step_cycles(target, lanes, rows, columns) + TILE_OVERHEAD +
           EPILOGUE_CYCLES * vectors;
}

/* ---- Choices ---- */

/* The tiles of a choice: how many blocks of rows of either height, panels of either width, and how
 * often all of them. */
struct counts {
    int64_t times, blocks, panels;
    int last_rows;
};

static bool is_row_loop(const struct choice *choice, const struct axis *axis) {
    for (int i = 0; i < choice->row_count; i++)
        if (choice->row_axes[i].loop == axis)
            return true;
    return false;
}

static struct counts count_tiles(const struct contraction *contraction,
                                 const struct choice *choice) {
    const struct statement *statement = contraction->statement;
    struct counts counts = {.times = 1, .blocks = 1};
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] != choice->column && !is_row_loop(choice, statement->loops[i]))
            counts.times *= statement->loops[i]->extent;
    for (int i = 1; i < choice->row_count; i++)
        counts.times *= choice->row_axes[i].loop->extent / choice->row_axes[i].block;
    if (choice->row_count) {
        const struct row_choice *first = &choice->row_axes[0];
        counts.blocks = first->loop->extent / first->block;
        counts.last_rows =
            (int)(choice->rows / first->block * (first->loop->extent % first->block));
    }
    counts.panels = choice->last_columns ? choice->column->extent / choice->columns
                                         : divide_up(choice->column->extent, choice->columns);
    return counts;
}

static double panel_cycles(const struct contraction *contraction, const struct choice *choice,
                           const struct counts *counts, int columns) {
    const struct target *target = contraction->ir->target;
    double cycles = (double)counts->blocks *
                    tile_cycles(target, choice->lanes, choice->rows, columns, contraction->depth);
    if (counts->last_rows) /* a second kind of block is worth avoiding */
        cycles = REMAINDER_FACTOR * (cycles + tile_cycles(target, choice->lanes, counts->last_rows,
                                                          columns, contraction->depth));
    return cycles;
}

/* How many of `count` lines, `stride` bytes apart, fall on one set of the first cache. */
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
static double stream_cycles(const struct contraction *contraction, const struct choice *choice,
                            double tiles) {
    const struct target *target = contraction->ir->target;
    if (choice->row_count == 0 || choice->lanes)
        return 0;
    int64_t stride = stride_of(contraction->ir, choice->stream, choice->row_axes[0].loop) * 4;
    if (lines_on_one_set(target, choice->rows, stride) <= target->ways)
        return 0;
    return tiles * (double)contraction->depth * choice->rows * CONFLICT_CYCLES;
}

/* A panel that lies where it is, its rows far apart, does not stay in the first cache. */
static double panel_traffic_cycles(const struct contraction *contraction,
                                   const struct choice *choice, double tiles) {
    const struct target *target = contraction->ir->target;
    if (choice->panel->buffer->kind == BUFFER_CONSTANT)
        return 0;
    if (choice->pack_panel)
        return PACK_CYCLES * operand_elements(contraction, choice->panel);
    int64_t stride = innermost_stride(contraction, choice->panel) * 4;
    if (lines_on_one_set(target, contraction->depth, stride) <= target->ways)
        return 0;
    double bytes = (double)contraction->depth * (double)choice->column->extent * 4;
    bool near = bytes <= (double)target->l2;
    return tiles * (double)contraction->depth * choice->columns * 4 / target->line *
           (near ? NEAR_LINE_CYCLES : FAR_LINE_CYCLES);
}

/* Whether columns do not come to lie side by side, since the output's layout is decided. */
static bool scatters(const struct contraction *contraction, const struct choice *choice) {
    const struct buffer *output = contraction->statement->output;
    if (output->kind == BUFFER_TEMPORARY && !output->laid_out)
        return false;
    return output_stride(contraction->statement, choice->column) != 1;
}

double choice_cycles(const struct contraction *contraction, const struct choice *choice) {
    struct counts counts = count_tiles(contraction, choice);
    double once =
        (double)counts.panels * panel_cycles(contraction, choice, &counts, choice->columns);
    if (choice->last_columns)
        once += panel_cycles(contraction, choice, &counts, choice->last_columns);
    double tiles = (double)counts.times * (double)counts.panels * (double)counts.blocks;
    if (scatters(contraction, choice))
        once += SCATTER_CYCLES * (double)(counts.blocks * choice->rows + counts.last_rows) *
                (double)choice->column->extent;
    return (double)counts.times * once + stream_cycles(contraction, choice, tiles) +
           panel_traffic_cycles(contraction, choice, tiles);
}

/* ---- Blocking for the caches ---- */

/* Steps of a sum; shorter parts cost more than they save. */
static int64_t shortest_part(const struct target *target) {
    return 1 + target->l1 / 256;
}

/* Cycles for a byte that was last used so many bytes ago. Tiles need few, and what is read in order
 * is fetched ahead: nearer caches cost next to nothing. */
static double byte_cycles(const struct target *target, double distance) {
    if (distance <= 0.75 * (double)target->l1)
        return 0;
    if (distance <= 0.75 * (double)target->l2)
        return 1.0 / 400;
    return distance <= 8.0 * (double)target->l2 ? 1.0 / 22 : 1.0 / 5;
}

static double traffic(const struct target *target, const struct blocking_sizes *sizes,
                      int64_t parts, int64_t row_step) {
    double depth = (double)sizes->depth / (double)parts;
    double share = (double)row_step / (double)sizes->outer_rows;
    double rows = (double)sizes->rows * (share < 1 ? share : 1), supers = share < 1 ? 1 / share : 1;
    double piece = depth * (double)sizes->columns * 4, pieces = piece * (double)sizes->panels;
    double slab = (double)sizes->stream_elements * 4 / (double)parts / supers;
    double slice = (double)sizes->tile_rows * depth * 4;
    double again = larger(rows / (double)sizes->tile_rows - 1, 0);
    /* Panels pass once for each step of rows; within, each piece serves tile after tile. That all
     * has to come once from afar is the same for all. */
    double bytes = (supers - 1) * pieces * byte_cycles(target, pieces + slab) +
                   supers * pieces * again * byte_cycles(target, piece + 2 * slice);
    /* Few rows take few lines of the stream for many of the panel, and wait for none of them; those
     * lie in order, so that caches fetch most of them ahead. */
    double waits = 4.0 * (double)sizes->tile_rows / (double)sizes->columns;
    bytes += (waits < 1 ? waits : 1) * STREAM_FACTOR * supers * slab * (double)(sizes->panels - 1) *
             byte_cycles(target, slab + piece);
    bytes *= (double)parts;
    double sums = (double)sizes->rows * (double)(sizes->panels * sizes->columns) * 4;
    return bytes + (double)(parts - 1) * 2 * sums * (1.0 / 6 + byte_cycles(target, sums / supers));
}

struct blocking choose_blocking(const struct target *target, const struct blocking_sizes *sizes,
                                struct question *question) {
    struct blocking best = {.sum_step = sizes->sums, .row_step = sizes->outer_rows};
    best.bytes = traffic(target, sizes, 1, sizes->outer_rows);
    int64_t most_parts = sizes->may_split_sums ? sizes->depth / shortest_part(target) : 1;
    for (int64_t parts = 1; parts <= most_parts || parts == 1; parts++) {
        if (sizes->sums % parts)
            continue;
        for (int64_t step = sizes->outer_block;; step *= 2) {
            int64_t row_step = step < sizes->outer_rows ? step : sizes->outer_rows;
            struct blocking blocking = {sizes->sums / parts, row_step,
                                        traffic(target, sizes, parts, row_step)};
            if (question)
                note_blocking(question, &blocking);
            if (blocking.bytes < 0.97 * best.bytes)
                best = blocking;
            if (step >= sizes->outer_rows)
                break;
        }
    }
    if (question)
        take_blocking(question, &best);
    return best;
}

/* ---- Blocks of images ---- */

double sharing_cycles(const struct contraction *contraction, const struct choice *choice) {
    double bytes = 4 * operand_elements(contraction, choice->panel);
    double coming = bytes * byte_cycles(contraction->ir->target, bytes);
    return TWICE_FACTOR * larger(choice->cycles, coming);
}

/* Cycles for a multiply-add when tiles can have so many rows: few rows leave loads and latency. */
static double best_step_cycles(const struct target *target, int rows) {
    double best = INFINITY;
    for (int height = 1; height <= rows; height++)
        for (int vectors = 1; vectors <= 4; vectors *= 2) {
            int columns = vectors * target->lanes;
            double cycles = step_cycles(target, false, height, columns) / (height * columns);
            best = cycles < best ? cycles : best;
        }
    return best;
}

/* Of one reduction or contraction. Weights were last used a whole block ago; they come in order,
 * and little of that is hidden behind the first tiles that use them. */
static double part_cycles(const struct target *target, const struct block_work *work,
                          const struct block_part *part, double images) {
    double rows = part->reuse * images, result = 2 * part->result_bytes * images;
    int most = part->reuse > 0 && rows < MOST_ROWS ? (int)larger(rows, 1) : MOST_ROWS;
    double fetching = part->weight_bytes * byte_cycles(target, work->weight_bytes);
    return images * part->steps * best_step_cycles(target, most) + FETCH_FACTOR * fetching +
           result * byte_cycles(target, result) + KERNEL_CYCLES;
}

double block_cycles(const struct target *target, const struct block_work *work, int64_t images) {
    double cycles = VECTOR_CYCLES * work->elements / target->lanes * (double)images;
    for (int i = 0; i < work->part_count; i++)
        cycles += part_cycles(target, work, &work->parts[i], (double)images);
    return cycles;
}
