/* The weights block: every constant that statements read, in the order in which they are read
 * first. What several nodes read packed in the same way, or what is equal to the last byte, is
 * there once; the blocks of a batched graph share it, and so do all sizes of a set. */
#include "compiler/base/byte_order.h"
#include "compiler/base/hash.h"
#include "compiler/plan/plan.h"
#include "compiler/schedule/pack_codes.h"

#include <string.h>

enum { MOST_COMPARED = 8 }; /* with a constant whose bytes are hashed alike */

/* A constant in a table, behind others whose hashes end alike. */
struct constant_entry {
    const struct buffer *buffer;
    uint64_t hash;
    struct constant_entry *next;
};

/* A power of two of lists. */
struct constant_table {
    struct arena *arena;
    size_t lists;
    struct constant_entry **first;
};

struct weight_placing {
    const struct mapped_file *file; /* where values may lie */
    bool reversed;                  /* for machines of the other byte order */
    char *block;
    size_t end, rested;           /* up to there what was read of the file has been given back */
    struct constant_table placed; /* by their bytes */
};

static struct constant_table table_new(struct arena *arena, size_t count) {
    struct constant_table table = {.arena = arena, .lists = 16};
    while (table.lists < count)
        table.lists *= 2;
    table.first = arena_array(arena, struct constant_entry *, table.lists);
    return table;
}

static struct constant_entry **list_of(const struct constant_table *table, uint64_t hash) {
    return &table->first[(hash ^ hash >> 32) & (table->lists - 1)];
}

static void table_add(struct constant_table *table, const struct buffer *buffer, uint64_t hash) {
    struct constant_entry **list = list_of(table, hash),
                          *entry = arena_new(table->arena, struct constant_entry);
    *entry = (struct constant_entry){buffer, hash, *list};
    *list = entry;
}

/* ---- Made in the same way ---- */

static bool same_packing(const struct packing *a, const struct packing *b) {
    size_t count = (size_t)a->count;
    return a->elements == b->elements && a->base == b->base && a->columns == b->columns &&
           a->column_step == b->column_step && a->block == b->block && a->last == b->last &&
           a->widened == b->widened && a->group == b->group && a->group_step == b->group_step &&
           a->group_axis == b->group_axis && a->group_extent == b->group_extent &&
           a->count == b->count && a->outer_count == b->outer_count &&
           memcmp(a->extents, b->extents, count * sizeof *a->extents) == 0 &&
           memcmp(a->steps, b->steps, count * sizeof *a->steps) == 0 &&
           same_coded_packing(a->coded, b->coded);
}

/* Made in the same way from the same elements. */
static bool same_making(const struct buffer *a, const struct buffer *b) {
    if (a->elements != b->elements || a->dtype != b->dtype || !a->packing != !b->packing)
        return false;
    return a->packing ? same_packing(a->packing, b->packing) : a->value == b->value;
}

static uint64_t hash_of_making(const struct buffer *buffer) {
    const struct packing *packing = buffer->packing;
    const void *from = packing ? packing->elements : buffer->value;
    uint64_t hash = hash_more(HASH_BEGIN, &from, sizeof from);
    if (!packing)
        return hash;
    hash = hash_more(hash, &packing->base, sizeof packing->base);
    hash = hash_more(hash, &packing->block, sizeof packing->block);
    return hash_more(hash, packing->steps, (size_t)packing->count * sizeof *packing->steps);
}

static const struct buffer *find_same_making(const struct constant_table *table,
                                             const struct buffer *buffer, uint64_t hash) {
    for (const struct constant_entry *entry = *list_of(table, hash); entry; entry = entry->next)
        if (entry->hash == hash && same_making(entry->buffer, buffer))
            return entry->buffer;
    return NULL;
}

/* ---- The same bytes ---- */

/* Of the size, and of lines here and there: those that are equal are compared. */
static uint64_t hash_of_bytes(const char *bytes, size_t count) {
    enum { LINE = 64, MOST_LINES = 32 };
    size_t lines = count / LINE, step = lines > MOST_LINES ? lines / MOST_LINES : 1;
    uint64_t hash = hash_more(HASH_BEGIN, &count, sizeof count);
    for (size_t i = 0; i < lines; i += step)
        hash = hash_more(hash, bytes + i * LINE, LINE);
    return hash;
}

/* The one that has the bytes that were just put at the end. Not many are compared, whatever the
 * elements are. */
static const struct buffer *find_same_bytes(const struct weight_placing *placing, uint64_t hash,
                                            size_t bytes) {
    int compared = 0;
    for (const struct constant_entry *entry = *list_of(&placing->placed, hash); entry;
         entry = entry->next) {
        const struct buffer *other = entry->buffer;
        if (entry->hash != hash || aligned_bytes(other) != bytes)
            continue;
        if (memcmp(placing->block + other->offset, placing->block + placing->end, bytes) == 0)
            return other;
        if (++compared == MOST_COMPARED)
            break;
    }
    return NULL;
}

/* ---- Filling ---- */

/* Copies pieces, and gives the pages back that they came from. */
static void copy_constant(const struct mapped_file *file, const char *from, size_t bytes,
                          char *place) {
    const size_t most = FORGETTING_BYTES;
    for (size_t at = 0; at < bytes; at += most) {
        size_t count = bytes - at < most ? bytes - at : most;
        memcpy(place + at, from + at, count);
        if (count == most)
            forget_pages(file, from + at, count);
    }
}

/* Places follow one another in whole lines, so that every byte of the block is set. */
static void fill_constant(const struct weight_placing *placing, const struct buffer *buffer,
                          char *place) {
    size_t bytes = (size_t)buffer->elements * dtype_facts[buffer->dtype].bytes;
    if (buffer->packing)
        pack_constant(buffer->packing, placing->file, placing->reversed, place);
    else
        copy_constant(placing->file, buffer->value, bytes, place);
    if (placing->reversed)
        reverse_bytes(place, (size_t)buffer->elements, dtype_facts[buffer->dtype].bytes);
    memset(place + bytes, 0, whole_lines(bytes) - bytes);
}

/* Of one of those that are made in the same way. */
static void place(struct weight_placing *placing, struct buffer *buffer) {
    size_t bytes = aligned_bytes(buffer);
    fill_constant(placing, buffer, placing->block + placing->end);
    uint64_t hash = hash_of_bytes(placing->block + placing->end, bytes);
    const struct buffer *same = find_same_bytes(placing, hash, bytes);
    buffer->offset = same ? same->offset : placing->end;
    if (same)
        return;
    table_add(&placing->placed, buffer, hash);
    placing->end += bytes;
    if (placing->end - placing->rested < FORGETTING_BYTES)
        return;
    forget_pages(placing->file, placing->file->bytes, placing->file->count);
    placing->rested = placing->end;
}

/* The constants of an ir in the order of their first use, each once. */
static int list_constants(struct ir *ir, struct buffer **constants) {
    bool *listed = arena_array(ir->arena, bool, (size_t)ir->buffer_count + 1);
    int count = 0;
    for (int g = 0; g < ir->kernel_count; g++)
        for (int i = 0; i < ir->kernels[g]->buffer_count; i++) {
            struct buffer *buffer = ir->kernels[g]->buffers[i].buffer;
            if (buffer->kind != BUFFER_CONSTANT || listed[buffer->id])
                continue;
            listed[buffer->id] = true;
            constants[count++] = buffer;
        }
    return count;
}

/* Those that are made in the same way are one: gives, for each, the first of them, and what these
 * take together. */
static size_t find_firsts(struct arena *arena, struct buffer *const *constants, int count,
                          const struct buffer **firsts) {
    struct constant_table made = table_new(arena, (size_t)count);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        uint64_t hash = hash_of_making(constants[i]);
        firsts[i] = find_same_making(&made, constants[i], hash);
        if (firsts[i])
            continue;
        firsts[i] = constants[i];
        table_add(&made, constants[i], hash);
        bytes += aligned_bytes(constants[i]);
    }
    return bytes;
}

bool place_constants(struct ir *const *irs, int count, const struct mapped_file *file,
                     bool reversed, void **weights, size_t *bytes, struct et_error *error) {
    struct arena *arena = irs[0]->arena;
    size_t capacity = 1;
    int constant_count = 0;
    for (int i = 0; i < count; i++)
        capacity += (size_t)irs[i]->buffer_count;
    struct buffer **constants = arena_array(arena, struct buffer *, capacity);
    for (int i = 0; i < count; i++)
        constant_count += list_constants(irs[i], constants + constant_count);
    const struct buffer **firsts = arena_array(arena, const struct buffer *, capacity);
    struct weight_placing placing = {
        .file = file, .reversed = reversed, .placed = table_new(arena, (size_t)constant_count)};
    size_t most = find_firsts(arena, constants, constant_count, firsts);
    *weights = et_allocate_unset(most);
    if (!*weights)
        return et_fail(error, "out of memory: %zu bytes of weights", most);
    placing.block = *weights;
    for (int i = 0; i < constant_count; i++)
        if (firsts[i] == constants[i])
            place(&placing, constants[i]);
        else
            constants[i]->offset = firsts[i]->offset;
    *bytes = placing.end;
    return true;
}
