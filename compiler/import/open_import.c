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
    void (*progress)(void *context, int64_t done, int64_t all);
    void *context;
};

static struct graph *import_at(void *context, const int64_t *sizes, struct weights **weights,
                               struct et_error *error) {
    struct open_importing *importing = context;
    for (int i = 0; i < importing->axes->count; i++)
        importing->sizes[i].size = sizes[i];
    return model_file_graph(importing->file, &importing->options, weights, error);
}

static void tell(void *context, int64_t done, int64_t all) {
    const struct open_importing *importing = context;
    if (importing->progress)
        importing->progress(importing->context, done, all);
}

struct open_graph *model_file_open_graph(struct model_file *file, const struct open_axes *axes,
                                         const struct import_options *fixed,
                                         void (*progress)(void *context, int64_t done, int64_t all),
                                         void *context, struct weights **weights,
                                         struct et_error *error) {
    struct open_importing importing = {
        .file = file, .axes = axes, .options = *fixed, .progress = progress, .context = context};
    *weights = NULL;
    importing.options.axis_count += axes->count;
    importing.sizes = et_allocate((size_t)importing.options.axis_count + 1, sizeof(struct et_axis));
    if (!importing.sizes) {
        et_fail(error, "out of memory");
        return NULL;
    }
    for (int i = 0; i < axes->count; i++)
        importing.sizes[i].name = axes->axes[i].name;
    if (fixed->axis_count)
        memcpy(importing.sizes + axes->count, fixed->axes,
               (size_t)fixed->axis_count * sizeof *fixed->axes);
    importing.options.axes = importing.sizes;
    const struct graph_source source = {import_at, tell, &importing};
    struct open_graph *open = open_graph_fit(axes, &source, weights, error);
    et_release(importing.sizes);
    return open;
}
