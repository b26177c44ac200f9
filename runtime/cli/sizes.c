/* A model at each of several sizes: all that its axes can have together. */
#include "runtime/cli/cli.h"

#include "compiler/compile.h"

#include <inttypes.h>
#include <string.h>

static bool count_sizes(const struct cli_model *model, int *count, struct et_error *error) {
    int64_t all = 1;
    for (int i = 0; i < model->set_count; i++)
        if (!checked_multiply(all, axis_size_count(&model->sets[i]), &all) || all > MOST_SET_SIZES)
            return et_fail(error, "%s: more than %d sizes, of all axes together",
                           model->sets[i].name, MOST_SET_SIZES);
    if (model->set_count > MOST_SET_AXES)
        return et_fail(error, "%d axes of several sizes, expected at most %d", model->set_count,
                       MOST_SET_AXES);
    *count = (int)all;
    return true;
}

/* Sizes by their position, counted from the largest, the last axis the fastest. */
static const int64_t *sizes_at(struct cli_sizes *sizes, const struct cli_model *model,
                               int position) {
    int64_t *at = arena_array(&sizes->arena, int64_t, (size_t)model->set_count);
    for (int i = model->set_count - 1; at && i >= 0; i--) {
        int count = (int)axis_size_count(&model->sets[i]);
        at[i] = axis_size_at(&model->sets[i], count - 1 - position % count);
        position /= count;
    }
    return at;
}

static const char *name_sizes(struct cli_sizes *sizes, const int64_t *at) {
    const char *name = "";
    for (int i = 0; name && i < sizes->axis_count; i++)
        name = arena_format(&sizes->arena, "%s%s%s=%" PRId64, name, i ? ", " : "", sizes->axes[i],
                            at[i]);
    return name;
}

/* `axes` has room for those of the model and of the set. */
static bool open_size(struct cli_sizes *sizes, struct cli_model *model, struct et_axis *axes,
                      struct cli_size *size, struct et_error *error) {
    size->name = size->sizes ? name_sizes(sizes, size->sizes) : NULL;
    if (!size->name)
        return et_fail(error, "out of memory");
    for (int i = 0; i < sizes->axis_count; i++)
        axes[model->axis_count + i] = (struct et_axis){sizes->axes[i], size->sizes[i]};
    size->program =
        et_model_program(model->open, axes, model->axis_count + sizes->axis_count, error);
    return model_set_up(model, size->program);
}

static bool open_all(struct cli_sizes *sizes, struct cli_model *model, struct et_error *error) {
    size_t axes_count = (size_t)model->axis_count + (size_t)model->set_count;
    struct et_axis *axes = arena_array(&sizes->arena, struct et_axis, axes_count);
    sizes->axes = arena_array(&sizes->arena, const char *, (size_t)model->set_count);
    sizes->items = arena_array(&sizes->arena, struct cli_size, (size_t)sizes->count);
    if (!axes || !sizes->axes || !sizes->items)
        return et_fail(error, "out of memory");
    if (model->axis_count)
        memcpy(axes, model->axes, (size_t)model->axis_count * sizeof *axes);
    sizes->axis_count = model->set_count;
    for (int i = 0; i < model->set_count; i++)
        sizes->axes[i] = model->sets[i].name;
    for (int i = 0; i < sizes->count; i++) {
        sizes->items[i].sizes = sizes_at(sizes, model, i);
        if (!open_size(sizes, model, axes, &sizes->items[i], error))
            return false;
    }
    model->program = sizes->items[0].program;
    return true;
}

/* All programs are open. */
static bool take_tunings(struct cli_sizes *sizes, const struct cli_model *model,
                         struct et_error *error) {
    struct et_program **programs =
        arena_array(&sizes->arena, struct et_program *, (size_t)sizes->count);
    if (!programs)
        return et_fail(error, "out of memory");
    for (int i = 0; i < sizes->count; i++)
        programs[i] = sizes->items[i].program;
    return model_take_tunings(model, sizes->count, programs, error);
}

bool sizes_open(struct cli_sizes *sizes, struct cli_model *model, struct et_error *error) {
    *sizes = (struct cli_sizes){0};
    if (!model->set_count)
        return model_open(model, error);
    if (model->fast)
        return et_fail(error, "--fast: expected one size of each axis");
    if (!count_sizes(model, &sizes->count, error))
        return false;
    model->open = et_model_open(model->path, model->weights, error);
    return model->open && open_all(sizes, model, error) && take_tunings(sizes, model, error);
}

void sizes_close(struct cli_sizes *sizes, struct cli_model *model) {
    for (int i = 0; sizes->items && i < sizes->count; i++)
        if (sizes->items[i].program && sizes->items[i].program != model->program)
            et_model_give_back(model->open, sizes->items[i].program);
    arena_free(&sizes->arena);
    *sizes = (struct cli_sizes){0};
}

/* What is compiled at each size; kept[] are tunings that are kept for this CPU, to be freed. */
static void list_items(const struct cli_sizes *sizes, const struct backend *backend,
                       const struct target *target, struct set_size *items, struct tuning **kept) {
    for (int i = 0; i < sizes->count; i++) {
        const struct et_program *program = sizes->items[i].program;
        items[i] = (struct set_size){.graph = program_graph(program),
                                     .sizes = sizes->items[i].sizes,
                                     .digest = et_program_digest(program),
                                     .tuning = program_tuning(program, backend, target, &kept[i])};
    }
}

/* Lets go of them; false: there are none. */
static bool drop_kept(int count, struct set_size *items, struct tuning **kept) {
    bool any = false;
    for (int i = 0; i < count; i++) {
        if (!kept[i])
            continue;
        any = true;
        items[i].tuning = NULL;
        tuning_free(kept[i]);
        kept[i] = NULL;
    }
    return any;
}

int sizes_count(const struct cli_sizes *sizes) {
    return sizes->axis_count ? sizes->count : 1;
}

const struct et_program *sizes_program(const struct cli_sizes *sizes, const struct cli_model *model,
                                       int size) {
    return sizes->axis_count ? sizes->items[size].program : model->program;
}

/* That of the options, or else what a tuning was made for. */
static const struct target *target_of(const struct compile_options *options, int count,
                                      const struct set_size *items) {
    const struct target *target = options->target;
    for (int i = 0; !target && i < count; i++)
        if (items[i].tuning)
            target = target_find(items[i].tuning->target);
    return target;
}

/* The options have a backend, and lack a target where none was asked for. */
static struct compiled *compile_items(const struct cli_sizes *sizes, struct set_size *items,
                                      struct tuning **kept, const struct backend *backend,
                                      struct compile_options *whole, struct et_error *error) {
    const struct size_set set = {sizes->axis_count, sizes->axes, sizes->count, items};
    list_items(sizes, backend, whole->target, items, kept);
    whole->target = target_of(whole, sizes->count, items);
    struct compiled *compiled = compile_set(&set, whole, error);
    if (drop_kept(sizes->count, items, kept) && !compiled) /* by another version, say */
        compiled = compile_set(&set, whole, error);
    return compiled;
}

struct compiled *sizes_compile(const struct cli_sizes *sizes, const struct cli_model *model,
                               const struct backend *backend, const struct compile_options *options,
                               struct et_error *error) {
    if (!sizes->axis_count)
        return program_compile(model->program, backend, options, error);
    struct compiled *compiled = NULL;
    struct set_size *items = et_allocate((size_t)sizes->count, sizeof *items);
    struct tuning **kept = et_allocate((size_t)sizes->count, sizeof(struct tuning *));
    struct compile_options whole = *options;
    whole.backend = backend->emits;
    whole.limits = model->limits;
    if (items && kept)
        compiled = compile_items(sizes, items, kept, backend, &whole, error);
    else
        et_fail(error, "out of memory");
    et_release(items);
    et_release(kept);
    return compiled;
}
