/* Dynamic batching: requests to a model with a batch axis wait for each other, at most --max-delay,
 * and run as one batch of at most --max-batch images. Each image has the bits that it has alone.
 *
 *     a worker parses a request -> batcher_add -> full, or due -> a worker runs the batch and
 * writes the reply of each */
#ifndef EIGENTENSOR_SERVER_BATCHER_H
#define EIGENTENSOR_SERVER_BATCHER_H

#include "server/models.h"

struct batcher;
struct reply;
struct server;
struct worker;
struct workers;

/* A request that waits, with its inputs. Whoever makes it embeds it, and frees it in `finish`. */
struct waiting {
    struct model *model;
    enum et_mode mode; /* not ET_EAGER */
    struct model_memory tensors;
    const struct run_limit *limit; /* NULL: none */
    double since;                  /* microseconds: when it began to wait */
    struct reply *reply;
    /* What came of it: */
    bool good;
    struct model_run run;
    struct et_error error;
    int64_t images; /* that ran together */
    /* Writes its reply, and frees it. */
    void (*finish)(struct waiting *waiting, struct worker *worker);
    /* Called then, when it is there no more. */
    void (*done)(void *context);
    void *context;
    struct waiting *next;
};

/* NULL and an error: no memory, or no thread. */
struct batcher *batcher_open(struct server *server, struct workers *workers,
                             struct et_error *error);
/* Whether a request of so many images for the model in that mode should wait for others; never
 * where batcher is NULL. */
bool batcher_takes(const struct batcher *batcher, const struct model *model, enum et_mode mode,
                   int64_t images);
/* Lets it wait; where that cannot be, this worker runs it now. */
void batcher_add(struct batcher *batcher, struct waiting *waiting, struct worker *worker);
/* Ends the batches that run, and lets none begin. NULL is fine. */
void batcher_cancel(struct batcher *batcher);
/* Hands what waits to the workers; from now on nothing waits. Before the workers are stopped. NULL
 * is fine. */
void batcher_stop(struct batcher *batcher);
/* After the workers have ended. NULL is fine. */
void batcher_free(struct batcher *batcher);

#endif
