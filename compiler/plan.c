/* Memory: where each temporary lies in the one arena.
 *
 * A temporary lives from the kernel that writes it to the last that reads it. Two plans are made
 * and the smaller is kept. By size: the largest first, each at the lowest offset that is free
 * during its life (as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", 2020). If that is above the lower bound, in order of execution, at the two ends of
 * the arena by turns, which is best possible where each kernel feeds only the next. */
#include "emit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

struct life {
    struct buffer *buffer;
    int first, last; /* groups */
    size_t bytes;    /* rounded up */
    size_t offset;   /* in the plan by size */
};

size_t rounded_bytes(const struct buffer *buffer) {
    size_t bytes = (size_t)buffer->elements * dtype_facts[buffer->dtype].bytes;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Lives by buffer id; first is -1 where a buffer is not a written temporary. */
static struct life *find_lives(struct ir *ir) {
    struct life *lives = arena_array(ir->arena, struct life, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->buffer_count; i++)
        lives[i] = (struct life){.buffer = ir->buffers[i], .first = -1};
    for (int g = 0; g < ir->group_count; g++)
        for (int i = 0; i < ir->groups[g]->buffer_count; i++) {
            const struct buffer *buffer = ir->groups[g]->buffers[i].buffer;
            struct life *life = &lives[buffer->id];
            if (buffer->kind != BUFFER_TEMPORARY)
                continue;
            if (life->first < 0)
                life->first = g;
            life->last = g;
            life->bytes = rounded_bytes(buffer);
        }
    return lives;
}

static int larger_first(const void *a, const void *b) {
    const struct life *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

static int earlier_first(const void *a, const void *b) {
    const struct life *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Bytes that are taken while a buffer lives. */
struct span {
    size_t begin, end;
};

static int lower_first(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static bool lives_meet(const struct life *a, const struct life *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* What those placed before take during a life. */
static int find_taken(const struct life *lives, int placed, const struct life *life,
                      struct span *taken) {
    int count = 0;
    for (int i = 0; i < placed; i++)
        if (lives_meet(&lives[i], life))
            taken[count++] =
                (struct span){lives[i].buffer->offset, lives[i].buffer->offset + lives[i].bytes};
    return count;
}

static size_t lowest_gap(struct span *taken, int count, size_t bytes) {
    size_t offset = 0;
    if (count)
        qsort(taken, (size_t)count, sizeof *taken, lower_first);
    for (int i = 0; i < count && taken[i].begin < offset + bytes; i++)
        if (taken[i].end > offset)
            offset = taken[i].end;
    return offset;
}

/* The bottom if it is free; else as high as possible below the top; else the lowest gap. */
static size_t gap_at_an_end(struct span *taken, int count, size_t bytes, size_t top) {
    size_t lowest = lowest_gap(taken, count, bytes);
    if (lowest == 0)
        return 0;
    for (int i = 0; i < count; i++) { /* upside down */
        size_t begin = taken[i].end < top ? top - taken[i].end : 0;
        taken[i].end = taken[i].begin < top ? top - taken[i].begin : 0;
        taken[i].begin = begin;
    }
    size_t from_top = lowest_gap(taken, count, bytes);
    return from_top + bytes <= top ? top - from_top - bytes : lowest;
}

/* Places the lives in their order, with `top` at both ends, else (0) at the lowest gaps; returns
 * the bytes needed. */
static size_t place_in_order(struct ir *ir, struct life *lives, int count, size_t top) {
    struct span *taken = arena_array(ir->arena, struct span, (size_t)count + 1);
    size_t peak = 0;
    for (int i = 0; i < count; i++) {
        int met = find_taken(lives, i, &lives[i], taken);
        size_t offset = top ? gap_at_an_end(taken, met, lives[i].bytes, top)
                            : lowest_gap(taken, met, lives[i].bytes);
        lives[i].buffer->offset = offset;
        if (offset + lives[i].bytes > peak)
            peak = offset + lives[i].bytes;
    }
    return peak;
}

static size_t place_temporaries(struct ir *ir, struct life *lives, int count, size_t bound) {
    if (!count)
        return 0;
    qsort(lives, (size_t)count, sizeof *lives, larger_first);
    size_t peak = place_in_order(ir, lives, count, 0);
    for (int i = 0; i < count; i++) {
        lives[i].offset = lives[i].buffer->offset;
        lives[i].buffer->first_group = lives[i].first;
        lives[i].buffer->last_group = lives[i].last;
    }
    if (peak == bound)
        return peak;
    qsort(lives, (size_t)count, sizeof *lives, earlier_first);
    size_t in_turn = place_in_order(ir, lives, count, bound);
    for (int i = 0; in_turn > peak && i < count; i++)
        lives[i].buffer->offset = lives[i].offset;
    return in_turn < peak ? in_turn : peak;
}

/* The largest sum of lives at one time: no plan can need less. */
static size_t find_lower_bound(struct ir *ir, const struct life *lives, int count) {
    size_t *born = arena_array(ir->arena, size_t, (size_t)ir->group_count + 1);
    size_t *died = arena_array(ir->arena, size_t, (size_t)ir->group_count + 1);
    for (int i = 0; i < count; i++) {
        born[lives[i].first] += lives[i].bytes;
        died[lives[i].last] += lives[i].bytes;
    }
    size_t live = 0, bound = 0;
    for (int k = 0; k < ir->group_count; k++) {
        live += born[k];
        if (live > bound)
            bound = live;
        live -= died[k];
    }
    return bound;
}

static const char *plan_table(struct ir *ir, const struct life *lives, int count) {
    struct text text = {0};
    text_add(&text, "%12s %12s  %-9s  %s\n", "offset", "bytes", "kernels", "temporary");
    for (int i = 0; i < count; i++)
        text_add(&text, "%12zu %12zu  k%02d - k%02d  %s\n", lives[i].buffer->offset, lives[i].bytes,
                 ir->first_number + lives[i].first + 1, ir->first_number + lives[i].last + 1,
                 buffer_description(ir, lives[i].buffer));
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
    size_t bound = find_lower_bound(ir, lives, count);
    struct plan plan = {.lower_bound = bound,
                        .arena_bytes = place_temporaries(ir, lives, count, bound) + ir->overread};
    plan.table = plan_table(ir, lives, count);
    return plan;
}
