/* Models whose axes stay open in the graph that is made of them. */
#include "compiler/import/model_file.h"
#include "compiler/store/open_fit.h"

#include <string.h>

/* What graphs of sizes are made of. */
struct open_importing {
    struct model_file *file;
    const struct open_axes *axes;
    struct import_options
        options; /* its sizes: those of the open axes first, then the fixed ones */
    struct et_axis *sizes;
    int size_count; /* of open axes, by their places */
    int *axis_of;   /* each of those */
    void (*progress)(void *context, int64_t done, int64_t all);
    void *context;
};

static struct graph *import_at(void *context, const int64_t *sizes, struct weights **weights,
                               struct et_error *error) {
    struct open_importing *importing = context;
    for (int i = 0; i < importing->size_count; i++)
        importing->sizes[i].size = sizes[importing->axis_of[i]];
    return model_file_graph(importing->file, &importing->options, weights, error);
}

enum { LOOKS = 12 };

/* Several sizes of each axis, also multiples of 32. */
static void choose_sizes(const struct open_axes *axes, int look, int64_t *sizes) {
    open_axes_spread(axes, look, look < LOOKS / 2 ? 1 : 32, sizes);
}

/* Imports at a few sizes, to see what differs. What cannot be imported tells nothing. */
static void see_folds(struct open_importing *importing) {
    for (int look = 0; look < LOOKS; look++) {
        int64_t sizes[MOST_OPEN_AXES];
        struct weights *weights = NULL;
        choose_sizes(importing->axes, look, sizes);
        graph_free(import_at(importing, sizes, &weights, NULL));
        weights_free(weights);
    }
    folds_settle(importing->options.folds);
}

/* Whether the graph of these sizes is the one that is imported where no axis stays open. */
static bool is_plain_at(struct open_importing *importing, const struct open_graph *open,
                        const int64_t *sizes) {
    struct weights *weights = NULL;
    importing->options.open = false;
    struct graph *plain = import_at(importing, sizes, &weights, NULL);
    importing->options.open = true;
    struct graph *found = plain ? open_graph_at(open, sizes, NULL) : NULL;
    bool same = found && graphs_alike(plain, found, NULL) && graphs_equal(plain, found, NULL);
    graph_free(plain);
    graph_free(found);
    weights_free(weights);
    return same;
}

static bool is_plain(struct open_importing *importing, const struct open_graph *open) {
    bool same = true;
    for (int look = 0; look < LOOKS && same; look++) {
        int64_t sizes[MOST_OPEN_AXES];
        choose_sizes(importing->axes, look, sizes);
        same = is_plain_at(importing, open, sizes);
    }
    return same;
}

static void tell(void *context, int64_t done, int64_t all) {
    const struct open_importing *importing = context;
    if (importing->progress)
        importing->progress(importing->context, done, all);
}

/* A size for each place of an axis, or one by its name. */
static void list_places(struct open_importing *importing, int place_count,
                        const struct axis_place *places) {
    for (int axis = 0; axis < importing->axes->count; axis++) {
        int before = importing->size_count;
        for (int i = 0; i < place_count; i++)
            if (places[i].axis == axis) {
                importing->axis_of[importing->size_count] = axis;
                importing->sizes[importing->size_count++].name = places[i].place;
            }
        if (importing->size_count > before)
            continue;
        importing->axis_of[importing->size_count] = axis;
        importing->sizes[importing->size_count++].name = importing->axes->axes[axis].name;
    }
}

struct open_graph *model_file_open_graph(struct model_file *file, const struct open_axes *axes,
                                         int place_count, const struct axis_place *places,
                                         const struct import_options *fixed,
                                         void (*progress)(void *context, int64_t done, int64_t all),
                                         void *context, struct weights **weights, bool *plain,
                                         struct et_error *error) {
    struct open_importing importing = {
        .file = file, .axes = axes, .options = *fixed, .progress = progress, .context = context};
    *weights = NULL;
    size_t most = (size_t)fixed->axis_count + (size_t)axes->count + (size_t)place_count;
    importing.options.open = true;
    importing.sizes = et_allocate(most + 1, sizeof *importing.sizes);
    importing.axis_of = et_allocate(most + 1, sizeof *importing.axis_of);
    importing.options.folds = folds_new();
    if (!importing.sizes || !importing.axis_of || !importing.options.folds) {
        et_release(importing.sizes);
        et_release(importing.axis_of);
        folds_free(importing.options.folds);
        et_fail(error, "out of memory");
        return NULL;
    }
    list_places(&importing, place_count, places);
    if (fixed->axis_count)
        memcpy(importing.sizes + importing.size_count, fixed->axes,
               (size_t)fixed->axis_count * sizeof *fixed->axes);
    importing.options.axes = importing.sizes;
    importing.options.axis_count += importing.size_count;
    see_folds(&importing);
    const struct graph_source source = {import_at, tell, &importing};
    struct open_graph *open = open_graph_fit(axes, &source, weights, error);
    struct folds *folds = importing.options.folds;
    importing.options.folds = NULL;
    *plain = open && is_plain(&importing, open);
    et_release(importing.sizes);
    et_release(importing.axis_of);
    folds_free(folds);
    return open;
}
