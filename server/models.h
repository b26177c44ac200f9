/* The models that are served, by name. They come and go while requests run: who works with one
 * holds it, and it is freed when the last one gives it back. */
#ifndef EIGENTENSOR_SERVER_MODELS_H
#define EIGENTENSOR_SERVER_MODELS_H

#include "server/model.h"

enum { MODELS_MOST = 64 };

struct metrics;

struct models {
    pthread_mutex_t lock;
    pthread_cond_t more;              /* to build */
    struct model *items[MODELS_MOST]; /* by index; NULL: none */
    int users[MODELS_MOST];           /* models with that index, also those not served any more */
    uint64_t opened;
    atomic_ulong removed; /* how many were, so far */
    atomic_ulong freed;   /* places that models left, so far */
    pthread_t builder;
    bool builds;   /* with gcc what is served */
    bool building; /* there is a thread for it */
    int cancelled; /* set, atomically, once nothing is to be built; all above: under the lock */

    /* Set before models are opened: */
    bool may_be_empty;  /* no path does not stand for the shipped models */
    double most_memory; /* bytes that one request may take; 0: any */
    struct metrics *metrics;
    struct compile_limits limits;  /* of compiling each */
    const struct axis_sizes *axes; /* sizes of open axes, of whichever model has one of that name */
    int axis_count;
    bool on_gpu;    /* what each model that is opened is made for */
    int most_sizes; /* programs of one model with open axes; 0: one */
};

/* Opens and serves the graphs, or the shipped models when there are none, and compiles each with
 * libtcc, unless the system refuses memory for machine code: the interpreter runs until gcc is
 * done. A path may be NAME=PATH, and a folder with one model in it. */
bool models_open(struct models *models, char *const *paths, int count, struct et_error *error);
/* Begins to build all of them with gcc, in a thread of its own: they are used when they are ready.
 */
void models_build(struct models *models);
/* Ends the builder and the compiler that it runs, and waits for it, at most so long; false when it
 * is still at work: it reads the models until the process ends. Called once. */
bool models_stop(struct models *models, int seconds);
void models_free(struct models *models); /* requires that no builder is at work, and no holder */

struct model_source {
    const char *path;
    const char *name; /* NULL: the graph's */
    bool replaces;    /* the one of that name, if there is one; else that is an error */
    struct model_limits limits;
};
/* Opens and compiles a model that is not served yet. NULL and an error. */
struct model *models_make(struct models *models, const struct model_source *source,
                          struct et_error *error);
/* Serves it, instead of the one whose place it has. */
void models_serve(struct models *models, struct model *model);
/* Whether one of the name could be served: instead of one that is, or at a free place. */
bool models_have_place(struct models *models, const char *name);
/* False: there is none of that name. */
bool models_remove(struct models *models, const char *name);

/* Whether there is one with that index. */
bool models_has(struct models *models, int index);
/* Holds one; without a name the first. NULL: there is none. */
struct model *models_take(struct models *models, const char *name);
void models_give_back(struct models *models, struct model *model);

/* All of them, held. */
struct model_list {
    int count;
    struct model *items[MODELS_MOST];
};
struct model_list models_take_all(struct models *models);
void models_give_back_all(struct models *models, const struct model_list *list);

#endif
