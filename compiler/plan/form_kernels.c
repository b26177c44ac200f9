/* Groups: which kernels become one C function, and what that reads and writes. */
#include "compiler/ir/ir.h"

#include <string.h>

/* ---- What a group reads and writes ---- */

static void add_buffer(struct ir *ir, struct group *group, struct buffer *buffer, bool written) {
    for (int i = 0; i < group->buffer_count; i++)
        if (group->buffers[i].buffer == buffer) {
            group->buffers[i].written |= written;
            group->buffers[i].read |= !written;
            return;
        }
    group->buffers = arena_extend(ir->arena, group->buffers, group->buffer_count,
                                  &group->buffer_capacity, sizeof *group->buffers);
    group->buffers[group->buffer_count++] =
        (struct group_buffer){.buffer = buffer, .read = !written, .written = written};
}

/* Those only read first, in the order of first use; then those that are written. */
static void list_buffers(struct ir *ir, struct group *group) {
    for (int i = 0; i < group->kernel_count; i++) {
        struct buffer **reads;
        int count = kernel_reads(ir, group->kernels[i], &reads);
        for (int k = 0; k < count; k++)
            add_buffer(ir, group, reads[k], false);
        add_buffer(ir, group, group->kernels[i]->output, true);
    }
    struct group_buffer *ordered =
        arena_array(ir->arena, struct group_buffer, (size_t)group->buffer_count);
    int count = 0;
    for (int written = 0; written < 2; written++)
        for (int i = 0; i < group->buffer_count; i++)
            if (group->buffers[i].written == written)
                ordered[count++] = group->buffers[i];
    group->buffers = ordered;
}

/* Kernels of one group between which others stand become several. */
static struct group *begin_group(struct ir *ir, struct kernel **first) {
    struct group *group = (*first)->group;
    if (group->kernel_count > 0)
        group = arena_new(ir->arena, struct group);
    group->id = ir->group_count;
    group->kernels = first;
    ir->groups[ir->group_count++] = group;
    return group;
}

void group_kernels(struct ir *ir) {
    struct group *group = NULL;
    ir->groups = arena_array(ir->arena, struct group *, (size_t)ir->kernel_count + 1);
    for (int i = 0; i < ir->kernel_count; i++) {
        if (i == 0 || ir->kernels[i]->group != ir->kernels[i - 1]->group)
            group = begin_group(ir, &ir->kernels[i]);
        group->kernel_count++;
    }
    for (int i = 0; i < ir->group_count; i++)
        list_buffers(ir, ir->groups[i]);
}
