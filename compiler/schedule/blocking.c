/* Blocking for the caches: what passes between tiles and memory, and which steps of the outermost
 * sum and of the outermost row loop keep that least. */
#include "compiler/schedule/blocking.h"

#include "compiler/schedule/candidates.h"

static const double STREAM_FACTOR = 0.15, WORTH_FACTOR = 0.97;

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* Steps of a sum; shorter parts cost more than they save. */
static int64_t shortest_part(const struct target *target) {
    return 1 + target->l1 / 256;
}

/* Tiles need few bytes, and what is read in order is prefetched: nearer caches cost next to
 * nothing.
 */
double byte_cycles(const struct target *target, double distance) {
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
    double piece = depth * (double)sizes->columns * (double)sizes->panel_bytes;
    double pieces = piece * (double)sizes->panels;
    double slab =
        (double)sizes->stream_elements * (double)sizes->stream_bytes / (double)parts / supers;
    double slice = (double)sizes->tile_rows * depth * (double)sizes->stream_bytes;
    double again = larger(rows / (double)sizes->tile_rows - 1, 0);
    /* Panels pass once for each step of rows; within, each piece serves tile after tile. That all
     * has to come once from afar is the same for all. */
    double bytes = (supers - 1) * pieces * byte_cycles(target, pieces + slab) +
                   supers * pieces * again * byte_cycles(target, piece + 2 * slice);
    /* Few rows take few lines of the stream for many of the panel, and wait for none of them; those
     * lie in order, so that caches prefetch most of them. */
    double waits = 4.0 * (double)sizes->tile_rows / (double)sizes->columns;
    bytes += (waits < 1 ? waits : 1) * STREAM_FACTOR * supers * slab * (double)(sizes->panels - 1) *
             byte_cycles(target, slab + piece);
    bytes *= (double)parts;
    double sums =
        (double)sizes->rows * (double)(sizes->panels * sizes->columns) * (double)sizes->sum_bytes;
    return bytes + (double)(parts - 1) * 2 * sums * (1.0 / 6 + byte_cycles(target, sums / supers));
}

struct blocking find_blocking(const struct target *target, const struct blocking_sizes *sizes,
                              const struct candidate_visitor *visitor) {
    struct blocking best = {.sum_step = sizes->sums, .row_step = sizes->outer_rows};
    best.bytes = traffic(target, sizes, 1, sizes->outer_rows);
    bool insists = false;
    int64_t most_parts = sizes->may_split_sums ? sizes->depth / shortest_part(target) : 1;
    for (int64_t parts = 1; parts <= most_parts || parts == 1; parts++) {
        if (sizes->sums % parts)
            continue;
        for (int64_t step = sizes->outer_block;; step *= 2) {
            int64_t row_step = step < sizes->outer_rows ? step : sizes->outer_rows;
            struct blocking blocking = {sizes->sums / parts, row_step,
                                        traffic(target, sizes, parts, row_step)};
            bool wanted = visitor && visitor->blocking(visitor->context, &blocking);
            if (wanted || (!insists && blocking.bytes < WORTH_FACTOR * best.bytes))
                best = blocking;
            insists |= wanted;
            if (step >= sizes->outer_rows)
                break;
        }
    }
    return best;
}
