/* Models whose axes stay open: a program for each of the sizes that were asked for, of which those
 * used last are kept. */
#include "runtime/et_program.h"

#include "compiler/import/model_file.h"
#include "runtime/digest_notes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { USUALLY_KEPT = 8 };

/* A program at some sizes. */
struct sized {
    struct et_axis *axes; /* by name; the names behind them */
    int axis_count;
    struct et_program *program;
    int holders;   /* who have it and have not given it back */
    uint64_t used; /* when last, as the model counts */
    struct sized *next;
};

struct et_model {
    struct model_file *file;
    struct declared_inputs inputs;
    bool keeps; /* its programs, for later processes */
    pthread_mutex_t lock;
    struct sized *sized;
    int kept;
    uint64_t uses;
};

static struct et_model *open_model(const char *path, const struct graph_load_options *load,
                                   struct et_error *error) {
    struct et_model *model = et_allocate(1, sizeof *model);
    if (!model) {
        et_fail(error, "%s: out of memory", path);
        return NULL;
    }
    pthread_mutex_init(&model->lock, NULL);
    model->kept = USUALLY_KEPT;
    model->file = model_file_open(path, load, error);
    if (model->file) {
        model->inputs = model_file_inputs(model->file);
        return model;
    }
    et_model_free(model);
    return NULL;
}

struct et_model *et_model_open(const char *path, const char *weights_path, struct et_error *error) {
    return open_model(path, &(struct graph_load_options){.weights_path = weights_path}, error);
}

struct et_model *model_open_kept(const char *path, const char *weights_path,
                                 struct et_error *error) {
    const struct graph_load_options load = {.weights_path = weights_path, .notes = &cached_notes};
    struct et_model *model = open_model(path, &load, error);
    if (model)
        model->keeps = true;
    return model;
}

static void sized_free(struct sized *sized) {
    et_program_free(sized->program);
    et_release(sized->axes);
    et_release(sized);
}

void et_model_free(struct et_model *model) {
    if (!model)
        return;
    while (model->sized) {
        struct sized *first = model->sized;
        model->sized = first->next;
        sized_free(first);
    }
    model_file_close(model->file);
    pthread_mutex_destroy(&model->lock);
    et_release(model);
}

void et_model_keep(struct et_model *model, int programs) {
    pthread_mutex_lock(&model->lock);
    model->kept = programs < 0 ? 0 : programs;
    pthread_mutex_unlock(&model->lock);
}

/* ---- What is open ---- */

const struct open_graph *model_stored(const struct et_model *model) {
    return model_file_stored(model->file);
}

int et_model_input_count(const struct et_model *model) {
    return model->inputs.count;
}

const char *et_model_input_name(const struct et_model *model, int input) {
    return model->inputs.inputs[input].name;
}

int et_model_input_rank(const struct et_model *model, int input) {
    return model->inputs.inputs[input].rank;
}

const char *et_model_axis(const struct et_model *model, int input, int axis) {
    const struct declared_input *declared = &model->inputs.inputs[input];
    return axis >= 0 && axis < declared->rank ? declared->axis[axis] : NULL;
}

/* ---- Programs ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct et_axis *)a)->name, ((const struct et_axis *)b)->name);
}

/* A copy by name, with the names in the same piece of memory; NULL when there is none. */
static struct et_axis *copied(const struct et_axis *axes, int count) {
    size_t bytes = (size_t)(count + 1) * sizeof *axes;
    for (int i = 0; i < count; i++)
        bytes += strlen(axes[i].name) + 1;
    struct et_axis *copy = et_allocate(1, bytes);
    if (!copy)
        return NULL;
    char *names = (char *)(copy + count + 1);
    for (int i = 0; i < count; i++) {
        copy[i] = (struct et_axis){strcpy(names, axes[i].name), axes[i].size};
        names += strlen(names) + 1;
    }
    qsort(copy, (size_t)count, sizeof *copy, by_name);
    return copy;
}

static bool same_sizes(const struct sized *sized, const struct et_axis *axes, int count) {
    bool same = sized->axis_count == count;
    for (int i = 0; same && i < count; i++)
        same =
            strcmp(sized->axes[i].name, axes[i].name) == 0 && sized->axes[i].size == axes[i].size;
    return same;
}

/* Frees those used longest ago that nobody holds, until no more than `kept` are there. */
static void forget(struct et_model *model) {
    for (;;) {
        struct sized **oldest = NULL;
        int count = 0;
        for (struct sized **at = &model->sized; *at; at = &(*at)->next, count++)
            if ((*at)->holders == 0 && (!oldest || (*at)->used < (*oldest)->used))
                oldest = at;
        if (count <= model->kept || !oldest)
            return;
        struct sized *gone = *oldest;
        *oldest = gone->next;
        sized_free(gone);
    }
}

static struct et_program *make_program(const struct et_model *model, const struct et_axis *axes,
                                       int count, struct et_error *error) {
    const struct import_options options = {.axis_count = count, .axes = axes};
    struct weights *weights = NULL;
    struct graph *graph = model_file_graph(model->file, &options, &weights, error);
    if (!graph)
        return NULL;
    struct et_program *program = model->keeps ? program_from_graph_kept(graph, weights, error)
                                              : program_from_graph(graph, weights, error);
    if (program)
        program_keep_builds(program); /* it may be made again and again */
    return program;
}

/* Takes `axes`, also when it fails. */
static struct sized *add_sized(struct et_model *model, struct et_axis *axes, int count,
                               struct et_error *error) {
    struct sized *sized = et_allocate(1, sizeof *sized);
    if (!sized) {
        et_fail(error, "out of memory");
        et_release(axes);
        return NULL;
    }
    *sized = (struct sized){.axes = axes, .axis_count = count};
    sized->program = make_program(model, axes, count, error);
    if (!sized->program) {
        sized_free(sized);
        return NULL;
    }
    sized->next = model->sized;
    model->sized = sized;
    return sized;
}

struct et_program *et_model_program(struct et_model *model, const struct et_axis *axes,
                                    int axis_count, struct et_error *error) {
    struct et_axis *sorted = copied(axes, axis_count);
    if (!sorted) {
        et_fail(error, "out of memory");
        return NULL;
    }
    pthread_mutex_lock(&model->lock);
    struct sized *sized = model->sized;
    while (sized && !same_sizes(sized, sorted, axis_count))
        sized = sized->next;
    if (sized)
        et_release(sorted);
    else
        sized = add_sized(model, sorted, axis_count, error);
    if (sized) {
        sized->holders++;
        sized->used = ++model->uses;
        forget(model);
    }
    pthread_mutex_unlock(&model->lock);
    return sized ? sized->program : NULL;
}

void et_model_give_back(struct et_model *model, struct et_program *program) {
    pthread_mutex_lock(&model->lock);
    for (struct sized *sized = model->sized; sized; sized = sized->next)
        if (sized->program == program)
            sized->holders--;
    forget(model);
    pthread_mutex_unlock(&model->lock);
}
