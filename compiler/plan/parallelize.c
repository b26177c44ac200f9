/* Parallel loops: which loop of each statement threads share.
 *
 * One loop of every statement is cut into parts, one for each thread. Whatever a statement loops
 * over tells its elements apart, so any loop will do; the outermost that gives all about as much is
 * taken. Where statements stand inside the same loops it is one of these, and what they hand on
 * within an iteration each thread has for itself. Kernels that are too short stay with one thread.
 */
#include "compiler/ir/describe.h"
#include "compiler/plan/plan.h"

#include <string.h>

enum {
    LEAST_CYCLES = 4000, /* of a kernel, to be worth waiting for others before and after */
};
static const double GOOD_BALANCE = 0.94;

/* A loop that may be shared, in units that stay together. */
struct division {
    const struct axis *axis;
    int64_t step;
};

/* The share of the time that threads are busy. */
static double balance(const struct ir *ir, const struct division *candidate) {
    int64_t units = (candidate->axis->extent + candidate->step - 1) / candidate->step;
    int64_t most = (units + ir->threads - 1) / ir->threads;
    return (double)units / (double)(most * ir->threads);
}

/* The first that is good, else the best; NULL: none gives two threads work. */
static const struct division *choose(const struct ir *ir, int count,
                                     const struct division *candidates) {
    const struct division *best = NULL;
    for (int i = 0; i < count; i++) {
        const struct division *candidate = &candidates[i];
        if (candidate->axis->extent <= candidate->step)
            continue;
        if (balance(ir, candidate) >= GOOD_BALANCE)
            return candidate;
        if (!best || balance(ir, candidate) > balance(ir, best))
            best = candidate;
    }
    return best;
}

static void divide_along(struct statement *const *statements, int count,
                         const struct division *candidate) {
    for (int i = 0; i < count; i++) {
        statements[i]->parallel_loop = candidate->axis;
        statements[i]->parallel_step = candidate->step;
    }
}

/* About how long statements in one nest take in all; what is not a tile moves memory or computes,
 * at an easy pace. */
static double cycles_of_nest(struct ir *ir, struct statement *const *statements, int count) {
    double iterations = 1, points = 0;
    for (int i = 0; i < statements[0]->shared_count; i++)
        iterations *= (double)statements[0]->shared[i]->extent;
    if (statements[0]->tile)
        return statements[0]->tile->cycles * iterations;
    for (int i = 0; i < count; i++)
        points += (double)statements[i]->points;
    return (nest_flops(ir, statements, count) + 4 * points) / ir->target->lanes;
}

/* ---- Nests by themselves ---- */

/* Where a loop stands twice, the inner one's steps count. */
static int list_tile_loops(const struct tile *tile, struct division *candidates) {
    int count = 0;
    for (int i = 0; i < tile->loop_count; i++) {
        const struct tile_loop *loop = &tile->loops[i];
        int known = 0;
        while (known < count && candidates[known].axis != loop->axis)
            known++;
        if (loop->axis)
            candidates[known] = (struct division){loop->axis, loop->step};
        count += loop->axis && known == count;
    }
    return count;
}

/* Neighbours on a line of memory stay with one thread. */
static int list_plain_loops(const struct ir *ir, const struct statement *statement,
                            struct division *candidates) {
    const int line = line_elements(ir->target);
    for (int i = 0; i < statement->loop_count; i++) {
        const struct axis *axis = statement->loops[i];
        bool lines = i + 1 == statement->loop_count && axis->extent >= 4 * line * ir->threads;
        candidates[i] = (struct division){axis, lines ? line : 1};
    }
    return statement->loop_count;
}

static bool divide_alone(struct ir *ir, struct statement *const *statements, int size) {
    struct division candidates[MAX_LOOPS];
    const struct statement *first = statements[0];
    int count = first->tile ? list_tile_loops(first->tile, candidates)
                            : list_plain_loops(ir, first, candidates);
    const struct division *chosen = choose(ir, count, candidates);
    if (!chosen || cycles_of_nest(ir, statements, size) < (double)ir->least_cycles)
        return false;
    divide_along(statements, size, chosen);
    return true;
}

/* ---- Statements inside the same loops ---- */

/* What does not depend on the iteration is written anew in each. */
static bool same_in_every_iteration(const struct statement *statement, const struct axis *axis) {
    return !index_uses(statement->address, axis);
}

static bool may_divide(const struct kernel *kernel, const struct axis *axis) {
    for (int i = 0; i < kernel->statement_count; i++)
        if (same_in_every_iteration(kernel->statements[i], axis) &&
            kernel->statements[i]->output->kind != BUFFER_TEMPORARY)
            return false;
    return true;
}

static double cycles_of(struct ir *ir, const struct kernel *kernel) {
    double cycles = 0;
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        cycles += cycles_of_nest(ir, &kernel->statements[i], size);
    }
    return cycles;
}

static bool divide_together(struct ir *ir, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    struct division candidates[MAX_SHARED];
    int count = 0;
    for (int i = 0; i < first->shared_count; i++)
        if (may_divide(kernel, first->shared[i]))
            candidates[count++] = (struct division){first->shared[i], 1};
    const struct division *chosen = choose(ir, count, candidates);
    if (!chosen || cycles_of(ir, kernel) < (double)ir->least_cycles)
        return false;
    divide_along(kernel->statements, kernel->statement_count, chosen);
    for (int i = 0; i < kernel->statement_count; i++)
        kernel->statements[i]->output->per_thread |=
            same_in_every_iteration(kernel->statements[i], chosen->axis);
    return true;
}

/* ---- All ---- */

/* Statements of a kernel without common loops store beside each other; if one reads what another
 * wrote, they stay with one thread. A statement alone may store over what it reads in the same
 * place.
 */
static bool are_independent(struct ir *ir, const struct kernel *kernel) {
    for (int i = 0; i < kernel->buffer_count; i++) {
        const struct kernel_buffer *used = &kernel->buffers[i];
        bool over = used->read && used->written;
        if (over &&
            (kernel->statement_count > 1 || !stores_over(ir, kernel->statements[0], used->buffer)))
            return false;
    }
    return true;
}

static bool divide_nests(struct ir *ir, const struct kernel *kernel) {
    bool any = false;
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        any |= divide_alone(ir, &kernel->statements[i], size);
    }
    return any;
}

void parallelize(struct ir *ir) {
    if (ir->threads < 2)
        return;
    if (!ir->least_cycles)
        ir->least_cycles = LEAST_CYCLES;
    for (int g = 0; g < ir->kernel_count; g++) {
        struct kernel *kernel = ir->kernels[g];
        if (runs_alone(kernel->statements[0]))
            continue; /* by one thread */
        kernel->parallel = kernel->statements[0]->shared_count
                               ? divide_together(ir, kernel)
                               : are_independent(ir, kernel) && divide_nests(ir, kernel);
    }
}
