/* Memory: where each temporary lies in the one arena.
 *
 * A temporary lives from the first kernel that writes it to the last that reads it. Several plans
 * are made, until one needs no more than what lives at once at some time, and the smallest is kept:
 *
 *   - in order of execution, at the two ends of the arena alternately, which is best possible where
 *     each kernel feeds only the next;
 *   - the largest first, or those of the fullest time first, each at the lowest offset that is free
 *     during its life, or in the narrowest gap there (as in Pisarchyk and Lee, "Efficient Memory
 *     Management for Deep Neural Net Inference", 2020);
 *   - the best of these anew, with one of them placed earlier, again and again. */
#include "compiler/ir/describe.h"
#include "compiler/plan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct life {
    struct buffer *buffer;
    int first, last; /* kernels */
    size_t bytes;    /* rounded up */
    size_t offset;
    size_t crowd; /* the most bytes that live at some time of this life */
};

size_t aligned_bytes(const struct buffer *buffer) {
    return whole_lines((size_t)buffer->elements * dtype_facts[buffer->dtype].bytes);
}

size_t planned_bytes(const struct ir *ir, const struct buffer *buffer) {
    return aligned_bytes(buffer) * (buffer->per_thread ? (size_t)ir->threads : 1);
}

/* Lives by buffer id; first is -1 where a buffer is not a written temporary. */
static struct life *find_lives(struct ir *ir) {
    struct life *lives = arena_array(ir->arena, struct life, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->buffer_count; i++)
        lives[i] = (struct life){.buffer = ir->buffers[i], .first = -1};
    for (int g = 0; g < ir->kernel_count; g++)
        for (int i = 0; i < ir->kernels[g]->buffer_count; i++) {
            const struct buffer *buffer = ir->kernels[g]->buffers[i].buffer;
            struct life *life = &lives[buffer->id];
            if (buffer->kind != BUFFER_TEMPORARY)
                continue;
            if (life->first < 0)
                life->first = g;
            life->last = g;
            life->bytes = planned_bytes(ir, buffer);
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
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->buffer->id > y->buffer->id) - (x->buffer->id < y->buffer->id);
}

/* Those that live when most do, and of these the larger. */
static int crowded_first(const void *a, const void *b) {
    const struct life *x = a, *y = b;
    if (x->crowd != y->crowd)
        return x->crowd < y->crowd ? 1 : -1;
    return larger_first(a, b);
}

/* The same, but of these the longer lives: they are in the way of more others. */
static int crowded_and_long_first(const void *a, const void *b) {
    const struct life *x = a, *y = b;
    int x_length = x->last - x->first, y_length = y->last - y->first;
    if (x->crowd == y->crowd && x_length != y_length)
        return x_length < y_length ? 1 : -1;
    return crowded_first(a, b);
}

/* Bytes that are taken while a buffer lives. */
struct span {
    size_t begin, end;
};

static int lower_first(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static bool lives_overlap(const struct life *a, const struct life *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* What those placed before take during a life, the lowest first. */
static int find_taken(const struct life *lives, int placed, const struct life *life,
                      struct span *taken) {
    int count = 0;
    for (int i = 0; i < placed; i++)
        if (lives_overlap(&lives[i], life))
            taken[count++] = (struct span){lives[i].offset, lives[i].offset + lives[i].bytes};
    if (count)
        qsort(taken, (size_t)count, sizeof *taken, lower_first);
    return count;
}

/* ---- Gaps ---- */

/* An offset that is free, given what is taken and the bytes that the arena should not exceed. */
typedef size_t find_gap(struct span *taken, int count, size_t bytes, size_t top);

static size_t lowest_gap(struct span *taken, int count, size_t bytes, size_t top) {
    size_t offset = 0;
    (void)top;
    for (int i = 0; i < count && taken[i].begin < offset + bytes; i++)
        if (taken[i].end > offset)
            offset = taken[i].end;
    return offset;
}

/* The gap below the top that is left with least room; above everything if there is none. */
static size_t narrowest_gap(struct span *taken, int count, size_t bytes, size_t top) {
    size_t best = SIZE_MAX, room = SIZE_MAX, offset = 0;
    for (int i = 0; i <= count; i++) {
        size_t end = i < count ? taken[i].begin : top;
        if (end >= offset + bytes && end - offset < room) {
            best = offset;
            room = end - offset;
        }
        if (i < count && taken[i].end > offset)
            offset = taken[i].end;
    }
    return best == SIZE_MAX ? offset : best;
}

/* The bottom if it is free; else as high as possible below the top; else the lowest gap. */
static size_t gap_at_an_end(struct span *taken, int count, size_t bytes, size_t top) {
    size_t lowest = lowest_gap(taken, count, bytes, top);
    if (lowest == 0)
        return 0;
    for (int i = 0; i < count; i++) { /* upside down */
        size_t begin = taken[i].end < top ? top - taken[i].end : 0;
        taken[i].end = taken[i].begin < top ? top - taken[i].begin : 0;
        taken[i].begin = begin;
    }
    qsort(taken, (size_t)count, sizeof *taken, lower_first);
    size_t from_top = lowest_gap(taken, count, bytes, top);
    return from_top + bytes <= top ? top - from_top - bytes : lowest;
}

/* ---- Plans ---- */

struct planning {
    struct life *lives;
    int count;
    size_t bound;
    struct span *taken;
    struct life *best; /* the lives in the order of the best plan, with its offsets */
    size_t peak;       /* of the best plan */
};

/* Places the lives in their order, and keeps the plan if it is the best so far. */
static void place_in_order(struct planning *planning, find_gap *find) {
    size_t peak = 0;
    for (int i = 0; i < planning->count; i++) {
        struct life *life = &planning->lives[i];
        int count = find_taken(planning->lives, i, life, planning->taken);
        life->offset = find(planning->taken, count, life->bytes, planning->bound);
        if (life->offset + life->bytes > peak)
            peak = life->offset + life->bytes;
    }
    if (peak > planning->peak)
        return;
    planning->peak = peak; /* an equal plan too: from there it may go on */
    memcpy(planning->best, planning->lives, (size_t)planning->count * sizeof *planning->best);
}

/* A number below `end`; the same ones in each run. */
static int random_below(uint64_t *state, int end) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return end ? (int)((*state >> 33) % (uint64_t)end) : 0;
}

static int find_top(const struct life *lives, int count) {
    int top = 0;
    for (int i = 1; i < count; i++)
        if (lives[i].offset + lives[i].bytes > lives[top].offset + lives[top].bytes)
            top = i;
    return top;
}

/* Takes the order of the best plan, but one life goes somewhere before its place: every other time
 * one that reaches the top of the arena. */
static void vary_order(struct planning *planning, uint64_t *state) {
    struct life *lives = planning->lives;
    memcpy(lives, planning->best, (size_t)planning->count * sizeof *lives);
    int place = random_below(state, 2) ? find_top(lives, planning->count)
                                       : random_below(state, planning->count);
    int to = random_below(state, place);
    struct life moved = lives[place];
    memmove(&lives[to + 1], &lives[to], (size_t)(place - to) * sizeof *lives);
    lives[to] = moved;
}

enum {
    MOST_TEMPORARIES = 2000, /* for which other plans than the first two are made */
    MOST_TRIES = 2000,       /* at a better plan */
    MOST_PAIRS = 4000000,    /* of lives that all tries together compare: a few milliseconds */
};

static void improve(struct planning *planning, find_gap *find) {
    int64_t pairs = (int64_t)planning->count * planning->count;
    int64_t tries = MOST_PAIRS / pairs < MOST_TRIES ? MOST_PAIRS / pairs : MOST_TRIES;
    uint64_t state = 1;
    for (; tries > 0 && planning->peak > planning->bound; tries--) {
        vary_order(planning, &state);
        place_in_order(planning, find);
    }
}

static void place_sorted(struct planning *planning, int (*order)(const void *, const void *),
                         find_gap *find) {
    bool enough = planning->count > MOST_TEMPORARIES && find != gap_at_an_end;
    if (planning->peak <= planning->bound || (enough && planning->peak < SIZE_MAX))
        return;
    qsort(planning->lives, (size_t)planning->count, sizeof *planning->lives, order);
    place_in_order(planning, find);
}

static size_t place_temporaries(struct ir *ir, struct life *lives, int count, size_t bound) {
    struct planning planning = {.lives = lives,
                                .count = count,
                                .bound = bound,
                                .taken = arena_array(ir->arena, struct span, (size_t)count + 1),
                                .best = arena_array(ir->arena, struct life, (size_t)count + 1),
                                .peak = SIZE_MAX};
    if (!count)
        return 0;
    place_sorted(&planning, larger_first, lowest_gap);
    place_sorted(&planning, earlier_first, gap_at_an_end);
    place_sorted(&planning, crowded_and_long_first, lowest_gap);
    place_sorted(&planning, crowded_first, lowest_gap);
    place_sorted(&planning, crowded_first, narrowest_gap);
    place_sorted(&planning, larger_first, narrowest_gap);
    improve(&planning, lowest_gap);
    improve(&planning, narrowest_gap);
    memcpy(lives, planning.best, (size_t)count * sizeof *lives);
    qsort(lives, (size_t)count, sizeof *lives, earlier_first);
    for (int i = 0; i < count; i++) {
        lives[i].buffer->offset = lives[i].offset;
        lives[i].buffer->first_kernel = lives[i].first;
        lives[i].buffer->last_kernel = lives[i].last;
    }
    return planning.peak;
}

/* The largest sum of lives at one time: no plan can need less. */
static size_t find_lower_bound(struct ir *ir, struct life *lives, int count) {
    size_t *live = arena_array(ir->arena, size_t, (size_t)ir->kernel_count + 1);
    size_t bound = 0, sum = 0;
    for (int i = 0; i < count; i++) {
        live[lives[i].first] += lives[i].bytes;
        live[lives[i].last + 1] -= lives[i].bytes; /* the sum comes out right */
    }
    for (int k = 0; k < ir->kernel_count; k++) {
        live[k] = sum += live[k];
        bound = sum > bound ? sum : bound;
    }
    for (int i = 0; i < count; i++)
        for (int k = lives[i].first; k <= lives[i].last; k++)
            if (live[k] > lives[i].crowd)
                lives[i].crowd = live[k];
    return bound;
}

static const char *memory_table(struct ir *ir, const struct life *lives, int count) {
    struct text text = text_in(ir->arena);
    text_add(&text, "%12s %12s  %-9s  %s\n", "offset", "bytes", "kernels", "temporary");
    for (int i = 0; i < count; i++)
        text_add(&text, "%12zu %12zu  k%02d - k%02d  %s\n", lives[i].buffer->offset, lives[i].bytes,
                 ir->first_number + lives[i].first + 1, ir->first_number + lives[i].last + 1,
                 buffer_description(ir, lives[i].buffer));
    return text_keep(&text);
}

static size_t sort_room(const struct expression *sort) {
    /* Keys twice, and positions; threads of a GPU need none. */
    return (size_t)sort->sizes[WHOLE_EXTENT] * (2 * sizeof(uint64_t) + sizeof(int32_t));
}

/* Bodies of scans, and sorts, work behind all temporaries. */
static void add_room(struct ir *ir) {
    size_t bytes = 0, bound = 0;
    for (int g = 0; g < ir->kernel_count; g++) {
        const struct statement *statement = ir->kernels[g]->statements[0];
        size_t room = runs_sort(statement) && !ir->target->gpu ? sort_room(statement->value) : 0;
        bound = room > bound ? room : bound;
    }
    bytes = bound;
    for (int i = 0; i < ir->body_count; i++) {
        const struct memory_plan *body = &ir->bodies[i]->memory;
        bytes = body->arena_bytes > bytes ? body->arena_bytes : bytes;
        bound = body->lower_bound > bound ? body->lower_bound : bound;
    }
    if (!bytes)
        return;
    ir->memory.room_offset = whole_lines(ir->memory.arena_bytes);
    ir->memory.arena_bytes = ir->memory.room_offset + bytes;
    ir->memory.lower_bound += bound;
    ir->memory.table =
        arena_format(ir->arena, "%s%12zu %12zu             bodies of scans, and sorts\n",
                     ir->memory.table, ir->memory.room_offset, bytes);
}

/* Behind what a body needs: its kernel reads one state while it writes the next. */
static void add_state(struct ir *ir) {
    size_t bytes = (size_t)node_bytes(ir->scan);
    ir->memory.state_offset = whole_lines(ir->memory.arena_bytes);
    ir->memory.arena_bytes = ir->memory.state_offset + bytes;
    ir->memory.lower_bound += bytes;
}

void memory(struct ir *ir) {
    struct life *lives = find_lives(ir);
    int count = 0;
    for (int i = 0; i < ir->buffer_count; i++)
        if (lives[i].first >= 0)
            lives[count++] = lives[i];
    size_t bound = find_lower_bound(ir, lives, count);
    ir->memory.lower_bound = bound;
    ir->memory.arena_bytes = place_temporaries(ir, lives, count, bound) + ir->overread;
    ir->memory.table = memory_table(ir, lives, count);
    add_room(ir);
    if (ir->scan && ir->scan->last)
        add_state(ir);
}
