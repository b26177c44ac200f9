/* Kernels: which statements become one C function, and what that reads and writes. */
#include "compiler/plan/plan.h"

#include <string.h>

/* ---- What a kernel reads and writes ---- */

static void add_buffer(struct ir *ir, struct kernel *kernel, struct buffer *buffer, bool written) {
    for (int i = 0; i < kernel->buffer_count; i++)
        if (kernel->buffers[i].buffer == buffer) {
            kernel->buffers[i].written |= written;
            kernel->buffers[i].read |= !written;
            return;
        }
    kernel->buffers = arena_extend(ir->arena, kernel->buffers, kernel->buffer_count,
                                   &kernel->buffer_capacity, sizeof *kernel->buffers);
    kernel->buffers[kernel->buffer_count++] =
        (struct kernel_buffer){.buffer = buffer, .read = !written, .written = written};
}

/* Those only read first, in the order of first use; then those that are written. */
static void list_buffers(struct ir *ir, struct kernel *kernel) {
    for (int i = 0; i < kernel->statement_count; i++) {
        struct buffer **reads;
        int count = statement_reads(ir, kernel->statements[i], &reads);
        for (int k = 0; k < count; k++)
            add_buffer(ir, kernel, reads[k], false);
        if (kernel->statements[i]->output->kind != BUFFER_LOCAL)
            add_buffer(ir, kernel, kernel->statements[i]->output, true);
    }
    struct kernel_buffer *ordered =
        arena_array(ir->arena, struct kernel_buffer, (size_t)kernel->buffer_count);
    int count = 0;
    for (int written = 0; written < 2; written++)
        for (int i = 0; i < kernel->buffer_count; i++)
            if (kernel->buffers[i].written == written)
                ordered[count++] = kernel->buffers[i];
    kernel->buffers = ordered;
}

/* Statements of one kernel between which others stand, or which must wait for others, become
 * several kernels. */
static struct kernel *begin_kernel(struct ir *ir, struct statement **first) {
    struct kernel *kernel = (*first)->kernel;
    if (kernel->statement_count > 0)
        kernel = arena_new(ir->arena, struct kernel);
    kernel->id = ir->kernel_count;
    kernel->statements = first;
    ir->kernels[ir->kernel_count++] = kernel;
    return kernel;
}

/* Whether one of the statements reads what the other stores. */
static bool depend(struct ir *ir, const struct statement *a, const struct statement *b) {
    return expression_find_load(ir, a->value, b->output) ||
           expression_find_load(ir, b->value, a->output);
}

static void note_contraction(void *context, const struct expression *e) {
    *(bool *)context |= is_contraction(e);
}

static bool has_contraction(struct ir *ir, const struct statement *statement) {
    bool found = false;
    expression_walk(ir, statement->value, note_contraction, &found);
    return found;
}

/* Whether nests of a kernel so far must be done before the next: on a GPU they run at once. A
 * contraction has all of a kernel's shared memory. */
static bool must_wait(struct ir *ir, const struct kernel *kernel, struct statement *const *nest,
                      int size) {
    if (!ir->target->gpu || nest[0]->shared_count)
        return false; /* of such threads wait for each other */
    for (int i = 0; i < kernel->statement_count; i++)
        for (int k = 0; k < size; k++)
            if (depend(ir, kernel->statements[i], nest[k]) || has_contraction(ir, nest[k]) ||
                has_contraction(ir, kernel->statements[i]))
                return true;
    return false;
}

/* ---- What one block of a GPU's threads does ---- */

enum { FEW_ELEMENTS = 4096 }; /* that a statement computes or reduces */

static void note_reduced(void *context, const struct expression *e) {
    int64_t *elements = context;
    for (int i = 0; e->kind == EXPRESSION_REDUCE && i < e->axis_count; i++)
        *elements = *elements > FEW_ELEMENTS ? *elements : *elements * e->axes[i]->extent;
}

/* So little that to begin a kernel for it takes longer than the work. */
static bool are_few(struct ir *ir, struct statement *const *statements, int count) {
    for (int k = 0; k < count; k++) {
        const struct statement *statement = statements[k];
        int64_t elements = 1;
        expression_walk(ir, statement->value, note_reduced, &elements);
        for (int i = 0; i < statement->loop_count && elements <= FEW_ELEMENTS; i++)
            elements *= statement->loops[i]->extent;
        if (elements > FEW_ELEMENTS || statement->shared_count || runs_alone(statement) ||
            has_contraction(ir, statement))
            return false;
    }
    return true;
}

/* Whether a nest that is not part of the kernel so far may be done behind it by the same block. */
static bool may_follow(struct ir *ir, const struct kernel *kernel, struct statement *const *nest,
                       int size) {
    return ir->target->gpu && !ir->scan && are_few(ir, nest, size) &&
           are_few(ir, kernel->statements, kernel->statement_count);
}

/* ---- What several blocks of a GPU's threads do beside each other ---- */

enum {
    MANY_ELEMENTS = 1 << 20, /* that take longer than to begin a kernel */
    MOST_TOGETHER = 8,       /* statements of a kernel */
    MOST_CROSSED = 32,       /* statements, before which one is moved */
};

/* How many statements from the first one on belong to its kernel. */
static int part_size(struct statement *const *part, int count) {
    int size = 1;
    while (size < count && part[size]->kernel == part[0]->kernel)
        size++;
    return size;
}

/* Whether they are elementwise work that does not keep a GPU busy, but is too much for a block. */
static bool may_run_beside(struct ir *ir, struct statement *const *part, int size) {
    int64_t points = 0;
    for (int k = 0; k < size; k++) {
        points += part[k]->points;
        if (points > MANY_ELEMENTS || part[k]->shared_count || runs_alone(part[k]) ||
            has_contraction(ir, part[k]))
            return false;
    }
    return !are_few(ir, part, size);
}

/* Whether one of the first must stay on its side of one of the others. */
static bool any_order(struct ir *ir, struct statement *const *a, int a_count,
                      struct statement *const *b, int b_count) {
    for (int i = 0; i < a_count; i++)
        for (int k = 0; k < b_count; k++)
            if (a[i]->output == b[k]->output || depend(ir, a[i], b[k]))
                return true;
    return false;
}

/* Where the part before ends beside which the one at `first` can run; there it can be, too. 0: no
 * such part. */
static int find_beside(struct ir *ir, int first, int size) {
    struct statement *const *part = &ir->statements[first];
    for (int end = first; end > 0 && first - end <= MOST_CROSSED;) {
        int before = end - 1;
        while (before > 0 && ir->statements[before - 1]->kernel == ir->statements[before]->kernel)
            before--;
        struct statement *const *other = &ir->statements[before];
        if (any_order(ir, other, end - before, part, size))
            return 0;
        if (end - before + size <= MOST_TOGETHER && may_run_beside(ir, other, end - before))
            return end;
        end = before;
    }
    return 0;
}

/* Moves statements of the GPU's that do little to others of the kind, whose kernel they join: to
 * begin one takes longer. */
static void join_beside(struct ir *ir) {
    for (int first = 0, size; first < ir->statement_count; first += size) {
        struct statement **part = &ir->statements[first];
        size = part_size(part, ir->statement_count - first);
        const int end = may_run_beside(ir, part, size) ? find_beside(ir, first, size) : 0;
        if (end == 0)
            continue;
        struct statement *moved[MOST_TOGETHER];
        memcpy(moved, part, (size_t)size * sizeof(struct statement *));
        memmove(&ir->statements[end + size], &ir->statements[end],
                (size_t)(first - end) * sizeof(struct statement *));
        memcpy(&ir->statements[end], moved, (size_t)size * sizeof(struct statement *));
        for (int k = 0; k < size; k++)
            moved[k]->kernel = ir->statements[end - 1]->kernel;
    }
    for (int i = 0; i < ir->statement_count; i++)
        ir->statements[i]->id = i;
}

void form_kernels(struct ir *ir) {
    struct kernel *kernel = NULL;
    const struct kernel *before = NULL; /* of the statement before, as it was until now */
    ir->kernels = arena_array(ir->arena, struct kernel *, (size_t)ir->statement_count + 1);
    if (ir->target->gpu && !ir->scan)
        join_beside(ir);
    for (int i = 0, size; i < ir->statement_count; i += size) {
        struct statement **nest = &ir->statements[i];
        size = nest_size(nest, ir->statement_count - i);
        const bool apart =
            nest[0]->kernel != before || kernel->in_turn || must_wait(ir, kernel, nest, size);
        if (apart && !(kernel && may_follow(ir, kernel, nest, size)))
            kernel = begin_kernel(ir, nest);
        else
            kernel->in_turn = apart;
        before = nest[0]->kernel;
        kernel->statement_count += size;
        for (int k = 0; k < size; k++)
            nest[k]->kernel = kernel;
    }
    for (int i = 0; i < ir->kernel_count; i++)
        list_buffers(ir, ir->kernels[i]);
}
