#include "server/models.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/folder.h"
#include "server/metrics.h"
#include "server/sizes.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U /* of Linux 6.3; there vm.memfd_noexec may insist on it */
#endif

#define EMBED(name, path)                                                                          \
    __asm__(".section .rodata\n.globl " #name "\n" #name ":\n.incbin \"" path "\"\n.globl " #name  \
            "_end\n" #name "_end:\n.byte 0\n.previous\n");                                         \
    extern const char name[], name##_end[]
EMBED(mnist_graph, "models/mnist/mnist.json");
EMBED(mnist_weights, "models/mnist/mnist.safetensors");
EMBED(mnist_int8_graph, "models/mnist/mnist-int8.json");
EMBED(mnist_int8_weights, "models/mnist/mnist-int8.safetensors");

static const struct shipped {
    const char *name, *graph, *graph_end, *weights, *weights_end;
} shipped_models[] = {
    {"mnist", mnist_graph, mnist_graph_end, mnist_weights, mnist_weights_end},
    {"mnist-int8", mnist_int8_graph, mnist_int8_graph_end, mnist_int8_weights,
     mnist_int8_weights_end},
};

/* The weights are read like any file, from one in memory. */
static struct et_program *open_shipped(const struct shipped *shipped, struct et_error *error) {
    size_t count = (size_t)(shipped->weights_end - shipped->weights);
    int file = memfd_create(shipped->name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (file < 0 && errno == EINVAL)
        file = memfd_create(shipped->name, MFD_CLOEXEC);
    if (file < 0 || write(file, shipped->weights, count) != (ssize_t)count) {
        et_fail(error, "%s: no memory for the shipped weights", shipped->name);
        if (file >= 0)
            close(file);
        return NULL;
    }
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct graph_load_options options = {
        .weights_path = path, .require_sha256 = true, .in_memory = true};
    struct weights *weights = NULL;
    struct graph *graph =
        graph_decode(shipped->graph, (size_t)(shipped->graph_end - shipped->graph), shipped->name,
                     ".", &options, &weights, error);
    close(file);
    return graph ? program_from_graph(graph, weights, error) : NULL;
}

/* Weights stay in memory: a server goes on whatever becomes of its files. */
static struct et_program *open_file(const struct models *models, const char *path,
                                    struct sizes **sizes, struct et_error *error) {
    const struct graph_load_options load = {.in_memory = true};
    struct model_file *file = model_file_open(path, &load, error);
    struct et_program *program;
    return file && sizes_open(models, file, sizes, &program, error) ? program : NULL;
}

/* ---- Places ---- */

static int place_of(const struct models *models, const char *name) {
    for (int i = 0; i < MODELS_MOST; i++)
        if (models->items[i] && strcmp(models->items[i]->name, name) == 0)
            return i;
    return -1;
}

static int free_place(const struct models *models) {
    for (int i = 0; i < MODELS_MOST; i++)
        if (!models->items[i] && !models->users[i])
            return i;
    return -1;
}

/* The place that a model of the name will have: that of the one which it replaces, or a free one.
 */
static bool take_place(struct models *models, const char *name, bool replaces, int *place,
                       struct et_error *error) {
    pthread_mutex_lock(&models->lock);
    *place = place_of(models, name);
    bool taken = *place >= 0 && !replaces;
    if (*place < 0)
        *place = free_place(models);
    if (*place >= 0 && !taken)
        models->users[*place]++;
    pthread_mutex_unlock(&models->lock);
    if (taken)
        return et_fail(error, "there is already a model \"%s\"", name);
    return *place >= 0 || et_fail(error, "more than %d models", MODELS_MOST);
}

/* Whether the place is free now. Who comes next begins to count anew. */
static bool leave_place(struct models *models, int place) {
    pthread_mutex_lock(&models->lock);
    bool is_free = --models->users[place] == 0;
    if (is_free && models->metrics)
        metrics_forget(models->metrics, place);
    pthread_mutex_unlock(&models->lock);
    return is_free;
}

bool models_have_place(struct models *models, const char *name) {
    pthread_mutex_lock(&models->lock);
    bool found = place_of(models, name) >= 0 || free_place(models) >= 0;
    pthread_mutex_unlock(&models->lock);
    return found;
}

/* ---- Opening ---- */

/* Of a model that nobody holds; whether its place is free now. */
static bool free_model(struct models *models, struct model *model) {
    int place = model->index;
    sizes_free(model->sizes);
    model_end(model);
    et_release(model->name);
    et_release(model);
    return leave_place(models, place);
}

/* Takes the program and the sizes. */
static struct model *new_model(struct models *models, const char *name, bool replaces,
                               struct et_program *program, struct sizes *sizes,
                               struct et_error *error) {
    struct model *model = et_allocate(1, sizeof *model);
    char *copy = model ? et_allocate(strlen(name) + 1, 1) : NULL;
    int place;
    bool good = copy || et_fail(error, "out of memory");
    if (good && take_place(models, strcpy(copy, name), replaces, &place, error)) {
        pthread_mutex_lock(&models->lock);
        uint64_t serial = ++models->opened << 32; /* below it are those of other sizes */
        pthread_mutex_unlock(&models->lock);
        *model = (struct model){.name = copy,
                                .index = place,
                                .serial = serial,
                                .sizes = sizes,
                                .on_gpu = models->on_gpu,
                                .cancelled = &models->cancelled,
                                .holders = 1};
        return model;
    }
    et_program_free(program);
    sizes_free(sizes);
    et_release(copy);
    et_release(model);
    return NULL;
}

/* Bytes that a request to the model may take: its own limit within the server's; 0: any. */
static double lesser_memory(const struct models *models, const struct model_limits *limits) {
    double own = (double)limits->max_memory, all = models->most_memory;
    return own > 0 && (all <= 0 || own < all) ? own : all;
}

/* Takes the program, which is NULL where it could not be opened, and the sizes. */
static struct model *make_model(struct models *models, const struct model_source *source,
                                struct et_program *program, struct sizes *sizes,
                                struct et_error *error) {
    if (!program)
        return NULL;
    const char *name = source->name ? source->name : et_program_name(program);
    struct model *model = new_model(models, name, source->replaces, program, sizes, error);
    if (!model) {
        et_fail_within(error, "%s", source->path);
        return NULL;
    }
    const struct model_limits *limits = &source->limits;
    model->limits = *limits;
    if (!model_make(model, program, &models->limits, lesser_memory(models, limits), error)) {
        sizes_free(sizes);
        et_release(model->name);
        leave_place(models, model->index);
        et_release(model);
        return NULL;
    }
    if (model_fits(model, error) && (!sizes || sizes_begin(sizes, model, error)))
        return model;
    free_model(models, model);
    return NULL;
}

struct model *models_make(struct models *models, const struct model_source *source,
                          struct et_error *error) {
    struct sizes *sizes = NULL;
    struct et_program *program = open_file(models, source->path, &sizes, error);
    return make_model(models, source, program, sizes, error);
}

static bool open_all_shipped(struct models *models, struct et_error *error) {
    for (size_t i = 0; i < sizeof shipped_models / sizeof *shipped_models; i++) {
        const struct model_source source = {.path = shipped_models[i].name};
        struct et_program *program = open_shipped(&shipped_models[i], error);
        struct model *model = make_model(models, &source, program, NULL, error);
        if (!model)
            return false;
        models_serve(models, model);
    }
    return true;
}

/* "NAME=PATH" is a model of that name; of a path that there is, all is the path. */
static bool open_named(struct models *models, const char *argument, struct et_error *error) {
    const char *equals = access(argument, F_OK) != 0 ? strchr(argument, '=') : NULL;
    struct model_source source = {.path = equals ? equals + 1 : argument};
    struct text name = {0}, path = {0};
    if (equals)
        text_add_bytes(&name, argument, (size_t)(equals - argument));
    source.name = equals ? text_read(&name, error) : NULL;
    bool good = (!equals || (source.name && model_name_check(source.name, error))) &&
                model_path_within(&source.path, &path, error);
    struct model *model = good ? models_make(models, &source, error) : NULL;
    text_free(&name);
    text_free(&path);
    if (model)
        models_serve(models, model);
    return model;
}

bool models_open(struct models *models, char *const *paths, int count, struct et_error *error) {
    pthread_mutex_init(&models->lock, NULL);
    pthread_cond_init(&models->more, NULL);
    if (models->on_gpu && !et_mode_allowed(ET_CUDA, error))
        return et_fail_within(error, "--cuda");
    if (count > MODELS_MOST)
        return et_fail(error, "%d graphs, expected at most %d", count, MODELS_MOST);
    for (int i = 0; i < count; i++)
        if (!open_named(models, paths[i], error))
            return false;
    return count > 0 || models->may_be_empty || open_all_shipped(models, error);
}

/* ---- Serving ---- */

void models_serve(struct models *models, struct model *model) {
    pthread_mutex_lock(&models->lock);
    struct model *before = models->items[model->index];
    if (models->builds) {
        atomic_store(&model->aot_state, AOT_BUILDING);
        pthread_cond_signal(&models->more);
    }
    models->items[model->index] = model;
    pthread_mutex_unlock(&models->lock);
    if (before)
        models_give_back(models, before);
}

bool models_remove(struct models *models, const char *name) {
    pthread_mutex_lock(&models->lock);
    int place = place_of(models, name);
    struct model *model = place < 0 ? NULL : models->items[place];
    if (model)
        models->items[place] = NULL;
    pthread_mutex_unlock(&models->lock);
    atomic_fetch_add(&models->removed, model != NULL);
    if (model)
        models_give_back(models, model);
    return model;
}

bool models_has(struct models *models, int index) {
    pthread_mutex_lock(&models->lock);
    bool found = models->items[index];
    pthread_mutex_unlock(&models->lock);
    return found;
}

struct model *models_take(struct models *models, const char *name) {
    pthread_mutex_lock(&models->lock);
    int place = name ? place_of(models, name) : 0;
    while (!name && place < MODELS_MOST - 1 && !models->items[place])
        place++;
    struct model *model = place < 0 ? NULL : models->items[place];
    if (model)
        model->holders++;
    pthread_mutex_unlock(&models->lock);
    return model;
}

void models_give_back(struct models *models, struct model *model) {
    pthread_mutex_lock(&models->lock);
    bool last = --model->holders == 0;
    pthread_mutex_unlock(&models->lock);
    if (last && free_model(models, model))
        atomic_fetch_add(&models->freed, 1);
}

struct model_list models_take_all(struct models *models) {
    struct model_list list = {.count = 0};
    pthread_mutex_lock(&models->lock);
    for (int i = 0; i < MODELS_MOST; i++)
        if (models->items[i]) {
            models->items[i]->holders++;
            list.items[list.count++] = models->items[i];
        }
    pthread_mutex_unlock(&models->lock);
    return list;
}

void models_give_back_all(struct models *models, const struct model_list *list) {
    for (int i = 0; i < list->count; i++)
        models_give_back(models, list->items[i]);
}

/* ---- Building by gcc ---- */

/* What is done of a model, one after another; of several models first what comes first. */
static void (*const build_steps[])(struct model *model) = {
    model_build,
    model_build_sizes,
    model_measure_kernels,
};
enum { BUILD_STEPS = sizeof build_steps / sizeof *build_steps };

/* Under the lock: the model that is to be built next, held; NULL: there is none. */
static struct model *next_to_build(struct models *models) {
    struct model *next = NULL;
    for (int i = 0; i < MODELS_MOST; i++) {
        struct model *model = models->items[i];
        if (model && model->built < BUILD_STEPS && (!next || model->built < next->built))
            next = model;
    }
    if (next)
        next->holders++;
    return next;
}

static void *build_models(void *context) {
    struct models *models = context;
    setpriority(PRIO_PROCESS, (id_t)gettid(), 10); /* requests come first; gcc inherits it */
    pthread_mutex_lock(&models->lock);
    while (!is_cancelled(&models->cancelled)) {
        struct model *model = next_to_build(models);
        if (!model) {
            pthread_cond_wait(&models->more, &models->lock);
            continue;
        }
        int step = model->built++;
        pthread_mutex_unlock(&models->lock);
        build_steps[step](model);
        models_give_back(models, model);
        pthread_mutex_lock(&models->lock);
    }
    pthread_mutex_unlock(&models->lock);
    return NULL;
}

void models_build(struct models *models) {
    pthread_mutex_lock(&models->lock);
    models->builds = pthread_create(&models->builder, NULL, build_models, models) == 0;
    models->building = models->builds;
    for (int i = 0; i < MODELS_MOST; i++) {
        struct model *model = models->items[i];
        if (model && !models->builds)
            et_fail(&model->aot_error, "no thread for the build");
        if (model)
            atomic_store(&model->aot_state, models->builds ? AOT_BUILDING : AOT_FAILED);
    }
    pthread_mutex_unlock(&models->lock);
}

bool models_stop(struct models *models, int seconds) {
    if (!models->building)
        return true;
    pthread_mutex_lock(&models->lock);
    __atomic_store_n(&models->cancelled, 1, __ATOMIC_RELAXED);
    pthread_cond_signal(&models->more);
    pthread_mutex_unlock(&models->lock);
    struct timespec until = deadline_in((int64_t)seconds * 1000);
    bool done = pthread_timedjoin_np(models->builder, NULL, &until) == 0;
    if (!done)
        pthread_detach(models->builder); /* nobody waits for it again */
    models->building = false;
    return done;
}

void models_free(struct models *models) {
    models->metrics = NULL;
    for (int i = 0; i < MODELS_MOST; i++)
        if (models->items[i])
            models_give_back(models, models->items[i]);
    pthread_cond_destroy(&models->more);
    pthread_mutex_destroy(&models->lock);
    *models = (struct models){0};
}
