/* Memory: where each temporary lies in the one arena, and each constant in the weights block.
 *
 * A temporary lives from the kernel that writes it to the last that reads it. The largest are
 * placed first, each at the lowest offset that is free during its life (greedy by size, as in
 * Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020). */
#include "emit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

struct life {
    struct buffer *buffer;
    int first, last; /* kernels */
    size_t bytes;    /* rounded up */
};

static size_t rounded_bytes(const struct buffer *buffer) {
    size_t bytes = (size_t)buffer->elements * dtype_facts[buffer->dtype].bytes;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Lives by buffer id; first is -1 where a buffer is not a written temporary. */
static struct life *find_lives(struct ir *ir) {
    struct life *lives = arena_array(ir->arena, struct life, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->buffer_count; i++)
        lives[i] = (struct life){.buffer = ir->buffers[i], .first = -1};
    for (int k = 0; k < ir->kernel_count; k++) {
        const struct kernel *kernel = ir->kernels[k];
        struct buffer **reads;
        int count = kernel_reads(ir, kernel, &reads);
        if (kernel->output->kind == BUFFER_TEMPORARY) {
            struct life *life = &lives[kernel->output->id];
            life->first = life->last = k;
            life->bytes = rounded_bytes(kernel->output);
        }
        for (int i = 0; i < count; i++)
            lives[reads[i]->id].last = k;
    }
    return lives;
}

static int larger_first(const void *a, const void *b) {
    const struct life *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

static int lower_first(const void *a, const void *b) {
    const struct life *const *x = a, *const *y = b;
    return ((*x)->buffer->offset > (*y)->buffer->offset) -
           ((*x)->buffer->offset < (*y)->buffer->offset);
}

static bool lives_meet(const struct life *a, const struct life *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest gap between those placed before that live at the same time. */
static size_t find_gap(const struct life *lives, int placed, const struct life *life,
                       const struct life **neighbours) {
    int count = 0;
    for (int i = 0; i < placed; i++)
        if (lives_meet(&lives[i], life))
            neighbours[count++] = &lives[i];
    if (count)
        qsort(neighbours, (size_t)count, sizeof(struct life *), lower_first);
    size_t offset = 0;
    for (int i = 0; i < count; i++) {
        if (neighbours[i]->buffer->offset >= offset + life->bytes)
            break;
        size_t end = neighbours[i]->buffer->offset + neighbours[i]->bytes;
        if (end > offset)
            offset = end;
    }
    return offset;
}

static size_t place_temporaries(struct ir *ir, struct life *lives, int count) {
    const struct life **neighbours = arena_array(ir->arena, const struct life *, (size_t)count + 1);
    size_t peak = 0;
    if (count)
        qsort(lives, (size_t)count, sizeof *lives, larger_first);
    for (int i = 0; i < count; i++) {
        size_t offset = find_gap(lives, i, &lives[i], neighbours);
        lives[i].buffer->offset = offset;
        lives[i].buffer->first_kernel = lives[i].first;
        lives[i].buffer->last_kernel = lives[i].last;
        if (offset + lives[i].bytes > peak)
            peak = offset + lives[i].bytes;
    }
    return peak;
}

/* The largest sum of lives at one time: no plan can need less. */
static size_t find_lower_bound(struct ir *ir, const struct life *lives, int count) {
    size_t *born = arena_array(ir->arena, size_t, (size_t)ir->kernel_count + 1);
    size_t *died = arena_array(ir->arena, size_t, (size_t)ir->kernel_count + 1);
    for (int i = 0; i < count; i++) {
        born[lives[i].first] += lives[i].bytes;
        died[lives[i].last] += lives[i].bytes;
    }
    size_t live = 0, bound = 0;
    for (int k = 0; k < ir->kernel_count; k++) {
        live += born[k];
        if (live > bound)
            bound = live;
        live -= died[k];
    }
    return bound;
}

static size_t place_constants(struct ir *ir) {
    bool *placed = arena_array(ir->arena, bool, (size_t)ir->buffer_count);
    size_t end = 0;
    for (int k = 0; k < ir->kernel_count; k++) {
        struct buffer **reads;
        int count = kernel_reads(ir, ir->kernels[k], &reads);
        for (int i = 0; i < count; i++) {
            if (reads[i]->kind != BUFFER_CONSTANT || placed[reads[i]->id])
                continue;
            placed[reads[i]->id] = true;
            reads[i]->offset = end;
            end += rounded_bytes(reads[i]);
        }
    }
    return end;
}

static const char *plan_table(struct ir *ir, const struct life *lives, int count) {
    struct text text = {0};
    text_add(&text, "%12s %12s  %-9s  %s\n", "offset", "bytes", "kernels", "temporary");
    for (int i = 0; i < count; i++)
        text_add(&text, "%12zu %12zu  k%02d - k%02d  %s\n", lives[i].buffer->offset, lives[i].bytes,
                 lives[i].first + 1, lives[i].last + 1, buffer_description(ir, lives[i].buffer));
    const char *copy = arena_copy_text(ir->arena, text.bytes ? text.bytes : "");
    text_free(&text);
    return copy;
}

struct plan plan(struct ir *ir) {
    struct life *lives = find_lives(ir);
    int count = 0;
    for (int i = 0; i < ir->buffer_count; i++)
        if (lives[i].first >= 0)
            lives[count++] = lives[i];
    struct plan plan = {.lower_bound = find_lower_bound(ir, lives, count),
                        .arena_bytes = place_temporaries(ir, lives, count),
                        .weights_bytes = place_constants(ir)};
    plan.table = plan_table(ir, lives, count);
    return plan;
}
