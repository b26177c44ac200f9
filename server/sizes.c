#include "server/sizes.h"

#include <inttypes.h>
#include <string.h>

#include "compiler/base/json_read.h"

/* A model at some sizes. */
struct served_size {
    struct sizes_asked asked;
    enum { SIZE_IN_MAKING, SIZE_READY, SIZE_FAILED } state;
    struct model model;
    struct et_error error; /* why it failed */
    int status;            /* of the requests for it, then */
    int holders;           /* who use it or wait for it */
    uint64_t used;         /* when last, as the sizes count */
    struct served_size *next;
};

/* ---- Which axes ---- */

static const struct axis_sizes *sizes_named(const struct models *models, const char *name) {
    for (int i = 0; i < models->axis_count; i++)
        if (strcmp(models->axes[i].name, name) == 0)
            return &models->axes[i];
    return NULL;
}

static bool is_open_axis(const struct model_file *file, const char *name) {
    struct open_axes axes = model_file_axes(file);
    return open_axis_find(&axes, name) >= 0;
}

/* Sizes that are given once for all: of open axes, of axes by their place, values of inputs. */
static bool fix_axes(struct sizes *sizes, struct et_error *error) {
    const struct models *models = sizes->models;
    sizes->fixed = arena_array(&sizes->arena, struct et_axis, (size_t)models->axis_count);
    if (!sizes->fixed)
        return et_fail(error, "out of memory");
    for (int i = 0; i < models->axis_count; i++) {
        const struct axis_sizes *axis = &models->axes[i];
        if (!model_file_has_axis(sizes->file, axis->name))
            continue;
        if (axis_size_count(axis) == 1)
            sizes->fixed[sizes->fixed_count++] =
                (struct et_axis){axis->name, axis->ranges[0].first};
        else if (!is_open_axis(sizes->file, axis->name))
            return et_fail(error, "axis \"%s\": expected one size; its name in the file takes more",
                           quoted(axis->name).text);
    }
    return true;
}

static bool is_fixed(const struct sizes *sizes, const char *name) {
    for (int i = 0; i < sizes->fixed_count; i++)
        if (strcmp(sizes->fixed[i].name, name) == 0)
            return true;
    return false;
}

static bool is_place_fixed(const struct sizes *sizes, const struct declared_input *input,
                           int axis) {
    for (int i = 0; i < sizes->fixed_count; i++)
        if (names_place(input, axis, sizes->fixed[i].name))
            return true;
    return false;
}

/* Whether each place where inputs have the axis got a size of its own, as "x.2". */
static bool is_fixed_by_place(const struct sizes *sizes, const char *name) {
    struct declared_inputs inputs = model_file_inputs(sizes->file);
    for (int i = 0; i < inputs.count; i++)
        for (int axis = 0; axis < inputs.inputs[i].rank; axis++) {
            const char *own = inputs.inputs[i].axis[axis];
            if (own && strcmp(own, name) == 0 && !is_place_fixed(sizes, &inputs.inputs[i], axis))
                return false;
        }
    return true;
}

/* The sizes that were given within the bounds of the file, or those. */
static bool add_open_axis(struct sizes *sizes, const struct open_axis *bounds,
                          struct et_error *error) {
    if (sizes->axis_count == SIZES_MOST_AXES)
        return et_fail(error, "more than %d open axes; give some of them one size (--axis)",
                       SIZES_MOST_AXES);
    const struct axis_sizes *given = sizes_named(sizes->models, bounds->name);
    struct served_axis *axis = &sizes->axes[sizes->axis_count++];
    *axis = (struct served_axis){.name = bounds->name, .bounds = *bounds};
    if (given)
        axis->allowed = *given;
    else
        axis->allowed =
            (struct axis_sizes){.name = bounds->name,
                                .range_count = 1,
                                .ranges = {{bounds->least, bounds->most, bounds->step}}};
    axis->first = axis_size_at(&axis->allowed, 0);
    return open_axis_allows(bounds, axis->first, error);
}

static bool list_axes(struct sizes *sizes, struct et_error *error) {
    struct open_axes open = model_file_axes(sizes->file);
    for (int i = 0; i < open.count; i++)
        if (!is_fixed(sizes, open.axes[i].name) && !is_fixed_by_place(sizes, open.axes[i].name) &&
            !add_open_axis(sizes, &open.axes[i], error))
            return false;
    return true;
}

/* ---- Programs ---- */

static struct et_program *make_program(const struct sizes *sizes, const struct sizes_asked *asked,
                                       struct et_error *error) {
    struct et_axis *axes =
        et_allocate((size_t)(sizes->fixed_count + sizes->axis_count) + 1, sizeof *axes);
    struct import_options options = {.axes = axes};
    struct weights *weights = NULL;
    if (!axes) {
        et_fail(error, "out of memory");
        return NULL;
    }
    for (int i = 0; i < sizes->fixed_count; i++)
        axes[options.axis_count++] = sizes->fixed[i];
    for (int i = 0; i < sizes->axis_count; i++)
        axes[options.axis_count++] = (struct et_axis){sizes->axes[i].name, asked->at[i]};
    struct graph *graph = model_file_graph(sizes->file, &options, &weights, error);
    et_release(axes);
    return graph ? program_from_graph(graph, weights, error) : NULL;
}

struct sizes_asked sizes_first(const struct sizes *sizes) {
    struct sizes_asked asked = {{0}};
    for (int i = 0; i < sizes->axis_count; i++)
        asked.at[i] = sizes->axes[i].first;
    return asked;
}

static bool is_first_axis(const struct model_file *file, const char *name) {
    struct declared_inputs inputs = model_file_inputs(file);
    for (int i = 0; i < inputs.count; i++)
        if (inputs.inputs[i].rank > 0 && inputs.inputs[i].axis[0] &&
            strcmp(inputs.inputs[i].axis[0], name) == 0)
            return true;
    return false;
}

/* Gives axes of which nothing is known that size; whether there are any. */
static bool try_size(struct sizes *sizes, int64_t size) {
    bool any = false;
    for (int i = 0; i < sizes->axis_count; i++) {
        struct served_axis *axis = &sizes->axes[i];
        if (axis->bounds.most < MAX_ELEMENTS || sizes_named(sizes->models, axis->name) ||
            is_first_axis(sizes->file, axis->name))
            continue;
        axis->first = size;
        any = true;
    }
    return any;
}

/* A model need not take every size of an axis that its file does not bound. */
static struct et_program *make_first(struct sizes *sizes, struct et_error *error) {
    static const int64_t candidates[] = {1, 16, 64, 224, 256, 320, 512, 640};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        bool any = try_size(sizes, candidates[i]);
        struct sizes_asked asked = sizes_first(sizes);
        struct et_program *program = make_program(sizes, &asked, error);
        if (program || !any)
            return program;
    }
    et_fail_within(error, "--axis gives open axes sizes; 1 to 640 were tried");
    return NULL;
}

/* ---- Opening ---- */

static const struct declared_input *find_declared(struct declared_inputs declared,
                                                  const char *name) {
    for (int i = 0; i < declared.count; i++)
        if (strcmp(declared.inputs[i].name, name) == 0)
            return &declared.inputs[i];
    return NULL;
}

int axes_before(const struct et_tensor *tensor, const struct declared_input *declared) {
    bool added = tensor->rank == declared->rank + 1 && tensor->shape[0] == ET_BATCH;
    return tensor->rank == declared->rank ? 0 : added ? 1 : -1;
}

/* What a tensor may have: -1 for an extent that is not the same at all sizes, or not known to be.
 */
static void open_shape(const struct sizes *sizes, const struct et_tensor *tensor,
                       const struct declared_input *declared, int64_t *shape) {
    int before = declared ? axes_before(tensor, declared) : -1;
    for (int axis = 0; axis < tensor->rank; axis++) {
        int own = before < 0 ? -1 : axis - before;
        const char *name = own < 0 ? NULL : declared->axis[own];
        bool same = own >= 0 && declared->shape[own] == tensor->shape[axis];
        bool fixed = name && (is_fixed(sizes, name) || is_place_fixed(sizes, declared, own));
        shape[axis] = same || fixed ? tensor->shape[axis] : -1;
    }
}

static int64_t (*open_shapes(struct sizes *sizes, struct declared_inputs declared,
                             const struct et_program *program, int count,
                             struct et_tensor (*facts)(const struct et_program *, int)))[MAX_RANK] {
    int64_t(*shapes)[MAX_RANK] = arena_allocate(&sizes->arena, (size_t)count + 1, sizeof *shapes);
    for (int i = 0; shapes && i < count; i++) {
        struct et_tensor tensor = facts(program, i);
        open_shape(sizes, &tensor, find_declared(declared, tensor.name), shapes[i]);
    }
    return shapes;
}

static bool describe_shapes(struct sizes *sizes, const struct et_program *program,
                            struct et_error *error) {
    sizes->inputs = open_shapes(sizes, model_file_inputs(sizes->file), program,
                                et_program_input_count(program), et_program_input);
    sizes->outputs = open_shapes(sizes, model_file_outputs(sizes->file), program,
                                 et_program_output_count(program), et_program_output);
    return (sizes->inputs && sizes->outputs) || et_fail(error, "out of memory");
}

bool sizes_open(const struct models *models, struct model_file *file, struct sizes **opened,
                struct et_program **program, struct et_error *error) {
    struct sizes *sizes = et_allocate(1, sizeof *sizes);
    *opened = NULL;
    *program = NULL;
    if (!sizes) {
        model_file_close(file);
        return et_fail(error, "out of memory");
    }
    sizes->file = file;
    sizes->models = models;
    sizes->kept = models->most_sizes > 0 ? models->most_sizes - 1 : 0;
    pthread_mutex_init(&sizes->lock, NULL);
    pthread_cond_init(&sizes->changed, NULL);
    if (fix_axes(sizes, error) && list_axes(sizes, error))
        *program = make_first(sizes, error);
    bool good = *program && (!sizes->axis_count || describe_shapes(sizes, *program, error));
    if (good && sizes->axis_count) {
        *opened = sizes;
        return true;
    }
    sizes_free(sizes);
    if (!good)
        et_program_free(*program);
    return good;
}

static void served_size_free(struct served_size *size) {
    model_end(&size->model);
    et_release(size);
}

void sizes_free(struct sizes *sizes) {
    if (!sizes)
        return;
    while (sizes->list) {
        struct served_size *first = sizes->list;
        sizes->list = first->next;
        served_size_free(first);
    }
    model_file_close(sizes->file);
    arena_free(&sizes->arena);
    pthread_cond_destroy(&sizes->changed);
    pthread_mutex_destroy(&sizes->lock);
    et_release(sizes);
}

/* ---- Taking: all of it under the lock, but making ---- */

static bool same_asked(const struct sizes *sizes, const struct sizes_asked *a,
                       const struct sizes_asked *b) {
    return memcmp(a->at, b->at, (size_t)sizes->axis_count * sizeof *a->at) == 0;
}

static void remove_size(struct sizes *sizes, struct served_size *size) {
    struct served_size **at = &sizes->list;
    while (*at != size)
        at = &(*at)->next;
    *at = size->next;
    served_size_free(size);
}

/* Forgets those used longest ago that nobody holds, until there are no more than `most`. */
static void forget(struct sizes *sizes, int most) {
    for (;;) {
        struct served_size *oldest = NULL;
        int count = 0;
        for (struct served_size *size = sizes->list; size; size = size->next, count++)
            if (size->holders == 0 && (!oldest || size->used < oldest->used))
                oldest = size;
        if (count <= most || !oldest)
            return;
        remove_size(sizes, oldest);
        atomic_fetch_add(&sizes->forgotten, 1);
    }
}

/* One that is held, in making; NULL: out of memory. */
static struct served_size *add_size(struct sizes *sizes, const struct sizes_asked *asked) {
    forget(sizes, sizes->kept - 1);
    struct served_size *size = et_allocate(1, sizeof *size);
    if (!size)
        return NULL;
    size->asked = *asked;
    size->holders = 1;
    size->next = sizes->list;
    size->model.serial = ++sizes->uses;
    size->model.index = sizes->model->index;
    size->model.name = sizes->model->name;
    return sizes->list = size;
}

static void let_go(struct sizes *sizes, struct served_size *size) {
    size->holders--;
    size->used = ++sizes->uses;
    if (size->holders == 0 && size->state == SIZE_FAILED)
        remove_size(sizes, size);
    else
        forget(sizes, sizes->kept);
}

/* A compile may take no longer than the request that it is for. */
static struct compile_limits limits_within(const struct models *models,
                                           const struct run_limit *limit) {
    struct compile_limits limits = models->limits;
    double usual = limits.most[LIMIT_SECONDS] > 0 ? limits.most[LIMIT_SECONDS]
                                                  : limit_facts[LIMIT_SECONDS].usual;
    double left =
        limit && limit->deadline ? (double)(limit->deadline - now_nanoseconds()) * 1e-9 : usual;
    left = left < 0.001 ? 0.001 : left;
    limits.most[LIMIT_SECONDS] = left < usual ? left : usual;
    return limits;
}

/* Whether it runs as the first size does: where that has machine code, no size does without. */
static bool runs_alike(const struct sizes *sizes, struct served_size *size) {
    const struct model *model = &size->model;
    return model->first == sizes->model->first || model->first == ET_JIT ||
           et_fail(&size->error, "%s", model->jit_error.message);
}

/* Without the lock. A graph that there is not at these sizes, or is too large, is the request's
 * fault. */
static bool make_size(struct sizes *sizes, struct served_size *size,
                      const struct run_limit *limit) {
    struct et_program *program = make_program(sizes, &size->asked, &size->error);
    struct compile_limits limits = limits_within(sizes->models, limit);
    size->status = program ? 503 : 400;
    size->model.on_gpu = sizes->models->on_gpu;
    size->model.cancelled = &sizes->models->cancelled;
    if (!program ||
        !model_make(&size->model, program, &limits, sizes->model->most_memory, &size->error) ||
        !runs_alike(sizes, size))
        return false;
    size->status = 400;
    return model_fits(&size->model, &size->error);
}

static void wait_for(struct sizes *sizes, struct served_size *size, const struct run_limit *limit,
                     enum et_stop *stop) {
    enum { LOOK_MILLISECONDS = 50 };
    while (size->state == SIZE_IN_MAKING && *stop == ET_NOT_STOPPED) {
        struct timespec until = deadline_in(LOOK_MILLISECONDS);
        pthread_cond_timedwait(&sizes->changed, &sizes->lock, &until);
        *stop = run_limit_passed(limit);
    }
}

static void finish_size(struct sizes *sizes, struct served_size *size, bool good) {
    size->state = good ? SIZE_READY : SIZE_FAILED;
    atomic_fetch_add(good ? &sizes->made : &sizes->failed, 1);
    pthread_cond_broadcast(&sizes->changed);
}

static struct served_size *find_size(struct sizes *sizes, const struct sizes_asked *asked) {
    struct served_size *size = sizes->list;
    while (size && !same_asked(sizes, &size->asked, asked))
        size = size->next;
    return size;
}

/* Held, and ready unless it failed or `limit` passed; NULL: out of memory. */
static struct served_size *hold_size(struct sizes *sizes, const struct sizes_asked *asked,
                                     const struct run_limit *limit, enum et_stop *stop) {
    struct served_size *size = find_size(sizes, asked);
    if (size) {
        size->holders++;
        wait_for(sizes, size, limit, stop);
        return size;
    }
    size = add_size(sizes, asked);
    if (!size)
        return NULL;
    pthread_mutex_unlock(&sizes->lock);
    bool good = make_size(sizes, size, limit);
    pthread_mutex_lock(&sizes->lock);
    finish_size(sizes, size, good);
    *stop = good ? ET_NOT_STOPPED : run_limit_passed(limit);
    return size;
}

struct model *sizes_take(struct sizes *sizes, const struct sizes_asked *asked,
                         const struct run_limit *limit, enum et_stop *stop, int *status,
                         struct et_error *error) {
    const struct sizes_asked first = sizes_first(sizes);
    *stop = ET_NOT_STOPPED;
    *status = 503;
    if (same_asked(sizes, asked, &first))
        return sizes->model;
    pthread_mutex_lock(&sizes->lock);
    struct served_size *size = hold_size(sizes, asked, limit, stop);
    struct model *model = NULL;
    if (!size) {
        et_fail(error, "out of memory");
    } else if (size->state == SIZE_READY) {
        model = &size->model;
    } else if (*stop != ET_NOT_STOPPED) {
        *status = 504;
        run_limit_fail(*stop, error);
    } else {
        *status = size->status;
        et_fail(error, "%s", size->error.message);
    }
    if (size && !model)
        let_go(sizes, size);
    pthread_mutex_unlock(&sizes->lock);
    return model;
}

void sizes_give_back(struct sizes *sizes, struct model *model) {
    if (model == sizes->model)
        return;
    pthread_mutex_lock(&sizes->lock);
    for (struct served_size *size = sizes->list; size; size = size->next)
        if (&size->model == model) {
            let_go(sizes, size);
            break;
        }
    pthread_mutex_unlock(&sizes->lock);
}

int sizes_ready(struct sizes *sizes) {
    int count = 1;
    pthread_mutex_lock(&sizes->lock);
    for (const struct served_size *size = sizes->list; size; size = size->next)
        count += size->state == SIZE_READY;
    pthread_mutex_unlock(&sizes->lock);
    return count;
}

/* ---- Sizes that are known from the beginning ---- */

/* How many there are, with the first; 0: more than can be kept. */
static int count_sizes(const struct sizes *sizes) {
    int64_t all = 1;
    for (int i = 0; i < sizes->axis_count; i++)
        if (!sizes_named(sizes->models, sizes->axes[i].name) ||
            !checked_multiply(all, axis_size_count(&sizes->axes[i].allowed), &all) ||
            all > sizes->kept + 1)
            return 0;
    return (int)all;
}

static struct sizes_asked sizes_at(const struct sizes *sizes, int position) {
    struct sizes_asked asked = {{0}};
    for (int i = sizes->axis_count - 1; i >= 0; i--) {
        int count = (int)axis_size_count(&sizes->axes[i].allowed);
        asked.at[i] = axis_size_at(&sizes->axes[i].allowed, position % count);
        position /= count;
    }
    return asked;
}

bool sizes_begin(struct sizes *sizes, struct model *model, struct et_error *error) {
    const int count = count_sizes(sizes);
    sizes->model = model;
    sizes->uses = model->serial;
    for (int i = 0; i < count; i++) {
        const struct sizes_asked asked = sizes_at(sizes, i);
        enum et_stop stop;
        int status;
        struct model *taken = sizes_take(sizes, &asked, NULL, &stop, &status, error);
        if (!taken)
            return et_fail_within(error, "%s", et_program_name(model->program));
        sizes_give_back(sizes, taken);
    }
    return true;
}

/* The next that has no code of gcc yet, held; NULL: there is none. */
static struct served_size *next_to_build(struct sizes *sizes) {
    pthread_mutex_lock(&sizes->lock);
    struct served_size *size = sizes->list;
    while (size && (size->state != SIZE_READY || atomic_load(&size->model.aot_state) != AOT_ABSENT))
        size = size->next;
    if (size) {
        size->holders++;
        atomic_store(&size->model.aot_state, AOT_BUILDING);
    }
    pthread_mutex_unlock(&sizes->lock);
    return size;
}

void sizes_build(struct sizes *sizes) {
    const int *cancelled = &sizes->models->cancelled;
    struct served_size *size;
    while (!is_cancelled(cancelled) && count_sizes(sizes) && (size = next_to_build(sizes))) {
        model_build(&size->model);
        pthread_mutex_lock(&sizes->lock);
        let_go(sizes, size);
        pthread_mutex_unlock(&sizes->lock);
    }
}

/* ---- Facts ---- */

void describe_served_axis(const struct served_axis *axis, struct text *text) {
    const struct size_range *range = axis->allowed.ranges;
    if (axis->allowed.range_count == 1 && range->last == MAX_ELEMENTS && range->step == 1)
        text_add(text, "%" PRId64 " or more", range->first);
    else
        describe_axis_sizes(&axis->allowed, text);
}

static struct et_tensor with_shape(struct et_tensor tensor, const int64_t *extents,
                                   int64_t *shape) {
    memcpy(shape, extents, (size_t)tensor.rank * sizeof *shape);
    tensor.shape = shape;
    return tensor;
}

struct et_tensor model_input(const struct model *model, int index, int64_t shape[MAX_RANK]) {
    struct et_tensor tensor = et_program_input(model->program, index);
    return with_shape(tensor, model->sizes ? model->sizes->inputs[index] : tensor.shape, shape);
}

struct et_tensor model_output(const struct model *model, int index, int64_t shape[MAX_RANK]) {
    int axis, count;
    struct et_tensor tensor = et_program_output(model->program, index);
    tensor = with_shape(tensor, model->sizes ? model->sizes->outputs[index] : tensor.shape, shape);
    if (et_program_output_count_of(model->program, index, &axis, &count))
        shape[axis] = -1;
    return tensor;
}

bool model_shows_output(const struct model *model, int index) {
    return !et_program_output_counts(model->program, index);
}
