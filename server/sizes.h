/* A model with open axes: a program for each of the sizes that requests come with. For sizes that
 * are asked for first one is made, once for all requests that wait for it; those used last are
 * kept. */
#ifndef EIGENTENSOR_SERVER_SIZES_H
#define EIGENTENSOR_SERVER_SIZES_H

#include "compiler/import/model_file.h"
#include "server/models.h"

enum { SIZES_MOST_AXES = 16 };

/* An axis that stays open. */
struct served_axis {
    const char *name;
    struct axis_sizes allowed;
    struct open_axis bounds; /* of the file, within which `allowed` is */
    int64_t first;           /* the size that the model itself is of */
};

/* One size of each axis. */
struct sizes_asked {
    int64_t at[SIZES_MOST_AXES];
};

struct sizes {
    struct model_file *file;
    const struct models *models; /* whose limits are those of each program */
    int fixed_count;
    struct et_axis *fixed; /* sizes of other axes, and N */
    int axis_count;
    struct served_axis axes[SIZES_MOST_AXES];
    struct model *model;         /* of the first size */
    int64_t (*inputs)[MAX_RANK]; /* shapes, open extents -1 */
    int64_t (*outputs)[MAX_RANK];
    struct arena arena;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct served_size *list;
    int kept; /* programs, beside the first */
    uint64_t uses;
    atomic_ulong made, failed, forgotten;
};

/* What there is to serve of a file, which it takes: `*sizes` is NULL where it has no open axis;
 * `*program` is the program of the first size, or of the only one. False and an error. */
bool sizes_open(const struct models *models, struct model_file *file, struct sizes **sizes,
                struct et_program **program, struct et_error *error);
/* Those of the first size. */
struct sizes_asked sizes_first(const struct sizes *sizes);
/* Once the model of the first size is there: `model` does not move any more. If all sizes have been
 * named and can be kept, makes them. */
bool sizes_begin(struct sizes *sizes, struct model *model, struct et_error *error);
void sizes_free(struct sizes *sizes); /* NULL is fine; nothing is taken */

/* The model at these sizes, which are allowed, until it is given back: of the first size the model
 * itself. Waits for whoever makes it. NULL and an error with the status of the reply: 400, 503, or
 * 504, and then *stop tells how `limit` passed. */
struct model *sizes_take(struct sizes *sizes, const struct sizes_asked *asked,
                         const struct run_limit *limit, enum et_stop *stop, int *status,
                         struct et_error *error);
void sizes_give_back(struct sizes *sizes, struct model *model);

/* Builds with gcc what was made at the beginning. */
void sizes_build(struct sizes *sizes);
/* How many programs there are, the first included. */
int sizes_ready(struct sizes *sizes);

/* How many axes the tensor has before those that the file declares: 1 where a batch axis was added,
 * else 0; -1: it has others. */
int axes_before(const struct et_tensor *tensor, const struct declared_input *declared);
/* Appends what the axis may be: "1..512", "1,16", "1 or more". */
void describe_served_axis(const struct served_axis *axis, struct text *text);
/* An input or output of the model; of open axes, and where a run finds how many elements there are,
 * the extents are -1, and `bytes` those of the first size, and the most. The extents are in
 * `shape`. */
typedef struct et_tensor model_tensor(const struct model *model, int index,
                                      int64_t shape[MAX_RANK]);
model_tensor model_input;
model_tensor model_output;
/* Whether a client is told of an output that it has not asked for: not if it only counts another.
 */
bool model_shows_output(const struct model *model, int index);

#endif
