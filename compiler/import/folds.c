/* What is known at import and differs from size to size. A graph of all sizes computes it itself.
 */
#include "compiler/import/importer.h"

#include "compiler/base/hash.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* What stood under a name. */
struct kept_fold {
    const char *name;
    uint64_t elements; /* a hash of them */
    bool differs;      /* from what stood there at another size, or in the same import */
};

struct folds {
    struct arena arena;
    void *by_name; /* tsearch's */
    bool settled;
};

struct folds *folds_new(void) {
    return et_allocate(1, sizeof(struct folds));
}

static void keep_fold(void *fold) {
    (void)fold; /* the arena's */
}

void folds_free(struct folds *folds) {
    if (!folds)
        return;
    tdestroy(folds->by_name, keep_fold);
    arena_free(&folds->arena);
    et_release(folds);
}

void folds_settle(struct folds *folds) {
    folds->settled = true;
}

static int compare_folds(const void *a, const void *b) {
    return strcmp(((const struct kept_fold *)a)->name, ((const struct kept_fold *)b)->name);
}

/* A shape, or a number: what a const of an open graph can say for all sizes. */
static bool holds_sizes(const struct view *view, size_t count) {
    bool whole = count <= MAX_RANK && view->dtype != DTYPE_BOOL;
    for (size_t i = 0; whole && i < count; i++) {
        double number = number_at(view, (int64_t)i);
        whole = number == floor(number) && fabs(number) <= 0x1p24;
    }
    return whole;
}

static uint64_t hash_kind(const struct view *view) {
    uint64_t hash = hash_more(HASH_BEGIN, &view->dtype, sizeof view->dtype);
    return hash_more(hash, &view->rank, sizeof view->rank);
}

static uint64_t hash_all(const struct view *view) {
    uint64_t hash =
        hash_more(hash_kind(view), view->shape, (size_t)view->rank * sizeof *view->shape);
    return hash_more(hash, view->data,
                     (size_t)view_elements(view) * dtype_facts[view->dtype].bytes);
}

/* Of what a const of an open graph could not say for all sizes. */
static uint64_t hash_elements(const struct view *view) {
    size_t count = view_is_uniform(view) ? 1 : (size_t)view_elements(view);
    if (!holds_sizes(view, count) && count > 1)
        return hash_all(view);
    if (holds_sizes(view, count))
        return count > 1 ? hash_more(hash_kind(view), view->shape,
                                     (size_t)view->rank * sizeof *view->shape)
                         : hash_kind(view);
    return hash_more(hash_kind(view), view->data, count * dtype_facts[view->dtype].bytes);
}

/* Whether it is what stood under the name at all other sizes; while sizes are looked at, yes. */
static bool agree(struct folds *folds, const char *name, uint64_t elements) {
    const struct kept_fold key = {.name = name};
    struct kept_fold *const *found = tfind(&key, &folds->by_name, compare_folds);
    if (folds->settled)
        return found && !(*found)->differs && (*found)->elements == elements;
    if (found) {
        (*found)->differs |= (*found)->elements != elements;
        return true;
    }
    struct kept_fold *fold = arena_new(&folds->arena, struct kept_fold);
    const char *kept = arena_copy_text(&folds->arena, name);
    if (fold && kept) { /* else it counts as differing */
        *fold = (struct kept_fold){kept, elements, false};
        tsearch(fold, &folds->by_name, compare_folds);
    }
    return true;
}

bool folds_agree(struct folds *folds, const char *name, const struct view *view) {
    return agree(folds, name, view ? hash_elements(view) : 0);
}

/* What the builder of a node makes of sizes has no name: its first output's, and a number. */
static const char *name_in(struct call *call) {
    return arena_format(&call->importer->arena, "%s %d", call->node->output[0], call->choices++);
}

bool call_number_agrees(struct call *call, int64_t number) {
    struct folds *folds = call->importer->options->folds;
    return !folds || agree(folds, name_in(call), hash_more(HASH_BEGIN, &number, sizeof number));
}

bool call_table_agrees(struct call *call, enum dtype dtype, int rank, const int64_t *shape,
                       const void *elements) {
    struct folds *folds = call->importer->options->folds;
    if (!folds)
        return true;
    struct node node = {.dtype = dtype, .rank = rank};
    memcpy(node.shape, shape, (size_t)rank * sizeof *shape);
    const struct view view = view_contiguous(&node, (void *)elements);
    if (agree(folds, name_in(call), hash_all(&view)))
        return true;
    call_refuse(call, DEPENDS_ON_SIZE);
    return false;
}
