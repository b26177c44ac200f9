/* The weights block: every constant that statements read, in the order in which they are read
 * first. The blocks of a batched graph share it; what is equal, to the last byte, is there once. */
#include "compiler/plan/plan.h"
#include "compiler/schedule/pack.h"

#include <string.h>

/* A constant that has its place. */
struct placed {
    const struct buffer *buffer;
    size_t bytes;
    uint64_t hash;
};

struct weight_placing {
    const struct mapped_file *file; /* where values may lie */
    char *block;
    size_t end, rested; /* up to there what was read of the file has been given back */
    int count;
    struct placed *placed;
    bool share; /* look for equal ones */
};

static bool same_packing(const struct packing *a, const struct packing *b) {
    size_t count = (size_t)a->count;
    return a->elements == b->elements && a->base == b->base && a->columns == b->columns &&
           a->column_step == b->column_step && a->block == b->block && a->last == b->last &&
           a->count == b->count && a->outer_count == b->outer_count &&
           memcmp(a->extents, b->extents, count * sizeof *a->extents) == 0 &&
           memcmp(a->steps, b->steps, count * sizeof *a->steps) == 0;
}

/* Made in the same way from the same elements. */
static bool same_making(const struct buffer *a, const struct buffer *b) {
    if (a->elements != b->elements || a->dtype != b->dtype || !a->packing != !b->packing)
        return false;
    return a->packing ? same_packing(a->packing, b->packing) : a->value == b->value;
}

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
static void fill_constant(const struct mapped_file *file, const struct buffer *buffer,
                          char *place) {
    size_t bytes = (size_t)buffer->elements * dtype_facts[buffer->dtype].bytes;
    if (buffer->packing)
        pack_constant(buffer->packing, file, place);
    else
        copy_constant(file, buffer->value, bytes, place);
    memset(place + bytes, 0, whole_lines(bytes) - bytes);
}

static uint64_t hash_of(const char *bytes, size_t count) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i += sizeof hash) { /* sizes are multiples of 64 */
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    return hash;
}

static const struct buffer *find_same_making(const struct weight_placing *placing,
                                             const struct buffer *buffer) {
    for (int i = 0; placing->share && i < placing->count; i++)
        if (same_making(placing->placed[i].buffer, buffer))
            return placing->placed[i].buffer;
    return NULL;
}

/* The one that has the bytes that were just put at the end. */
static const struct buffer *find_same_bytes(const struct weight_placing *placing, uint64_t hash,
                                            size_t bytes) {
    for (int i = 0; i < placing->count; i++) {
        const struct placed *placed = &placing->placed[i];
        if (placed->hash == hash && placed->bytes == bytes &&
            memcmp(placing->block + placed->buffer->offset, placing->block + placing->end, bytes) ==
                0)
            return placed->buffer;
    }
    return NULL;
}

static void place(struct weight_placing *placing, struct buffer *buffer) {
    size_t bytes = aligned_bytes(buffer);
    const struct buffer *same = find_same_making(placing, buffer);
    if (same) {
        buffer->offset = same->offset;
        return;
    }
    fill_constant(placing->file, buffer, placing->block + placing->end);
    uint64_t hash = placing->share ? hash_of(placing->block + placing->end, bytes) : 0;
    same = placing->share ? find_same_bytes(placing, hash, bytes) : NULL;
    if (same) {
        buffer->offset = same->offset;
        return;
    }
    buffer->offset = placing->end;
    placing->placed[placing->count++] = (struct placed){buffer, bytes, hash};
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

/* What the block can need at most: of folded constants some may turn out to be equal. */
static size_t most_bytes(struct buffer *const *constants, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bool again = false;
        for (int k = 0; k < i && !again; k++)
            again = same_making(constants[k], constants[i]);
        bytes += again ? 0 : aligned_bytes(constants[i]);
    }
    return bytes;
}

bool place_constants(struct ir *const *irs, int count, const struct mapped_file *file,
                     void **weights, size_t *bytes, struct et_error *error) {
    int capacity = 1, constant_count = 0;
    for (int i = 0; i < count; i++)
        capacity += irs[i]->buffer_count;
    struct buffer **constants = arena_array(irs[0]->arena, struct buffer *, (size_t)capacity);
    struct weight_placing placing = {
        .file = file,
        .placed = arena_array(irs[0]->arena, struct placed, (size_t)capacity),
        .share = count > 1};
    for (int i = 0; i < count; i++)
        constant_count += list_constants(irs[i], constants + constant_count);
    size_t most = 0;
    if (placing.share)
        most = most_bytes(constants, constant_count);
    for (int i = 0; !placing.share && i < constant_count; i++)
        most += aligned_bytes(constants[i]);
    *weights = et_allocate_unset(most);
    if (!*weights)
        return et_fail(error, "out of memory: %zu bytes of weights", most);
    placing.block = *weights;
    for (int i = 0; i < constant_count; i++)
        place(&placing, constants[i]);
    *bytes = placing.end;
    return true;
}
