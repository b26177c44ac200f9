/* Threads: which loop of each kernel they share.
 *
 * One loop of every kernel is cut into parts, one for each thread. Whatever a kernel loops over
 * tells its elements apart, so any loop will do; the outermost that gives all about as much is
 * taken. Where kernels stand inside the same loops it is one of these, and what they hand on within
 * a turn each part has for itself. Kernels that are too short are one part. */
#include "compiler/emit/emit.h"

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

static void divide_along(struct kernel *const *kernels, int count,
                         const struct division *candidate) {
    for (int i = 0; i < count; i++) {
        kernels[i]->parted = candidate->axis;
        kernels[i]->part_step = candidate->step;
    }
}

/* About how long kernels in one nest take in all; what is not a tile moves memory or computes, at
 * an easy pace. */
static double cycles_of_nest(struct ir *ir, struct kernel *const *kernels, int count) {
    double turns = 1, points = 0;
    for (int i = 0; i < kernels[0]->shared_count; i++)
        turns *= (double)kernels[0]->shared[i]->extent;
    if (kernels[0]->tile)
        return kernels[0]->tile->cycles * turns;
    for (int i = 0; i < count; i++)
        points += (double)kernels[i]->points;
    return (nest_flops(ir, kernels, count) + 4 * points) / ir->target->lanes;
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
static int list_plain_loops(const struct ir *ir, const struct kernel *kernel,
                            struct division *candidates) {
    for (int i = 0; i < kernel->loop_count; i++) {
        const struct axis *axis = kernel->loops[i];
        bool lines = i + 1 == kernel->loop_count && axis->extent >= 4 * LINE_ELEMENTS * ir->threads;
        candidates[i] = (struct division){axis, lines ? LINE_ELEMENTS : 1};
    }
    return kernel->loop_count;
}

static bool divide_alone(struct ir *ir, struct kernel *const *kernels, int size) {
    struct division candidates[MAX_LOOPS];
    const struct kernel *first = kernels[0];
    int count = first->tile ? list_tile_loops(first->tile, candidates)
                            : list_plain_loops(ir, first, candidates);
    const struct division *chosen = choose(ir, count, candidates);
    if (!chosen || cycles_of_nest(ir, kernels, size) < (double)ir->least_cycles)
        return false;
    divide_along(kernels, size, chosen);
    return true;
}

/* ---- Kernels inside the same loops ---- */

/* What does not depend on the turn is written anew in each. */
static bool same_in_every_turn(const struct kernel *kernel, const struct axis *axis) {
    return !index_uses(kernel->address, axis);
}

static bool may_divide(const struct group *group, const struct axis *axis) {
    for (int i = 0; i < group->kernel_count; i++)
        if (same_in_every_turn(group->kernels[i], axis) &&
            group->kernels[i]->output->kind != BUFFER_TEMPORARY)
            return false;
    return true;
}

static double cycles_of(struct ir *ir, const struct group *group) {
    double cycles = 0;
    for (int i = 0, size; i < group->kernel_count; i += size) {
        size = nest_size(&group->kernels[i], group->kernel_count - i);
        cycles += cycles_of_nest(ir, &group->kernels[i], size);
    }
    return cycles;
}

static bool divide_together(struct ir *ir, const struct group *group) {
    const struct kernel *first = group->kernels[0];
    struct division candidates[MAX_SHARED];
    int count = 0;
    for (int i = 0; i < first->shared_count; i++)
        if (may_divide(group, first->shared[i]))
            candidates[count++] = (struct division){first->shared[i], 1};
    const struct division *chosen = choose(ir, count, candidates);
    if (!chosen || cycles_of(ir, group) < (double)ir->least_cycles)
        return false;
    divide_along(group->kernels, group->kernel_count, chosen);
    for (int i = 0; i < group->kernel_count; i++)
        group->kernels[i]->output->apart |= same_in_every_turn(group->kernels[i], chosen->axis);
    return true;
}

/* ---- All ---- */

/* Kernels of a group without common loops store beside each other; should one read what another
 * wrote, they stay with one thread. A kernel alone may store over what it reads in the same place.
 */
static bool are_independent(struct ir *ir, const struct group *group) {
    for (int i = 0; i < group->buffer_count; i++) {
        const struct group_buffer *used = &group->buffers[i];
        bool over = used->read && used->written;
        if (over && (group->kernel_count > 1 || !stores_over(ir, group->kernels[0], used->buffer)))
            return false;
    }
    return true;
}

static bool divide_nests(struct ir *ir, const struct group *group) {
    bool any = false;
    for (int i = 0, size; i < group->kernel_count; i += size) {
        size = nest_size(&group->kernels[i], group->kernel_count - i);
        any |= divide_alone(ir, &group->kernels[i], size);
    }
    return any;
}

void divide_work(struct ir *ir) {
    if (ir->threads < 2)
        return;
    if (!ir->least_cycles)
        ir->least_cycles = LEAST_CYCLES;
    for (int g = 0; g < ir->group_count; g++) {
        struct group *group = ir->groups[g];
        group->parallel = group->kernels[0]->shared_count
                              ? divide_together(ir, group)
                              : are_independent(ir, group) && divide_nests(ir, group);
    }
}
