/* Random graphs over the whole operation set, and random elements for them: what every way of
 * running a graph is compared on. The same seed gives the same graph and elements everywhere. */
#ifndef EIGENTENSOR_RANDOM_GRAPH_H
#define EIGENTENSOR_RANDOM_GRAPH_H

#include "compiler/graph/graph.h"

/* random_elements.c */

/* A seed or a count, as the environment variable says, or the usual one. */
uint64_t number_from_environment(const char *name, uint64_t usual);

struct random {
    uint64_t state;               /* any seed */
    const unsigned char *choices; /* taken first, a byte a number; NULL: there are none */
    size_t choice_count;
};
uint64_t random_next(struct random *random);
/* From `low` to `high`, both included. */
int64_t random_between(struct random *random, int64_t low, int64_t high);
bool random_chance(struct random *random, int percent);

/* Fills an input or weight. Element i depends on seed, name, dtype and i alone, so a tensor cut to
 * fewer elements keeps the first ones. Most tensors of most seeds hold ordinary numbers; others
 * small integers (ties, positions), NaNs of all kinds, infinities, both zeros, subnormals, numbers
 * around the limits of the integers, or any bits. Names that begin with "positions" always get
 * small integers. */
void random_elements(uint64_t seed, const char *name, enum dtype dtype, int64_t count,
                     void *elements);

/* random_graph.c */

/* A graph that verify_graph accepts, its weights bound to elements that it owns. NULL and an error
 * when the generator itself broke a rule or memory is exhausted. */
struct graph *random_graph(uint64_t seed, struct et_error *error);
/* The same, but the first choices are these bytes, so that a byte that changes changes one of them;
 * the seed makes the others, and the elements. */
struct graph *random_graph_of(const unsigned char *choices, size_t count, uint64_t seed,
                              struct et_error *error);

/* What follows is shared by random_graph.c and the files that make parts of graphs. */

#include <setjmp.h>

/* What a graph is made with. Functions that cannot go on jump to `escape`, `error` set. */
struct generator {
    struct graph *graph;
    struct random random;
    uint64_t seed;
    int64_t most_elements; /* of one tensor */
    bool empties;          /* some tensors have no elements */
    int depth;             /* of scans around the graph: in a body leaves are constants */
    struct node *only;     /* what find_node finds; NULL: any */
    struct et_error *error;
    jmp_buf escape;
};

static inline int64_t generator_between(struct generator *generator, int64_t low, int64_t high) {
    return random_between(&generator->random, low, high);
}
static inline bool generator_chance(struct generator *generator, int percent) {
    return random_chance(&generator->random, percent);
}
#define generator_pick(generator, array)                                                           \
    ((array)[generator_between((generator), 0, (int64_t)(sizeof(array) / sizeof *(array)) - 1)])

/* random_nodes.c: one node each. Arrays of axes, shapes and paddings have an entry an axis. */

struct node *append(struct generator *generator, const struct node *prototype);
struct node *append_reshape(struct generator *generator, struct node *node, int rank,
                            const int64_t *shape);
struct node *append_permute(struct generator *generator, struct node *node, const int *axes);
struct node *append_expand(struct generator *generator, struct node *node, const int64_t *shape);
/* `value` NULL: 0. */
struct node *append_pad(struct generator *generator, struct node *node, const int64_t *before,
                        const int64_t *after, const void *value);
struct node *append_shrink(struct generator *generator, struct node *node, const int64_t *begin,
                           const int64_t *end);
struct node *append_window(struct generator *generator, struct node *node, int axis, int64_t size,
                           int64_t stride, int64_t dilation);
struct node *append_cast(struct generator *generator, struct node *node, enum dtype dtype);
struct node *append_unary(struct generator *generator, enum op op, struct node *a);
struct node *append_binary(struct generator *generator, enum op op, struct node *a, struct node *b);
struct node *append_reduce(struct generator *generator, enum op op, struct node *node,
                           int axis_count, const int *axes);
struct node *append_contract(struct generator *generator, struct node *a, struct node *b,
                             int axis_count, const int *axes);

/* An input, weight or constant. */
struct node *append_leaf(struct generator *generator, enum dtype dtype, int rank,
                         const int64_t *shape);
struct node *append_weight(struct generator *generator, enum dtype dtype, int rank,
                           const int64_t *shape);
/* The same as int32 or int64 positions along an axis of `extent`: some of them outside of it. */
struct node *append_positions(struct generator *generator, int64_t extent, int rank,
                              const int64_t *shape);
/* One float32 for every element of the shape of `like`. */
struct node *append_number(struct generator *generator, float value, const struct node *like);
/* A node of that dtype and shape: a new leaf that may be repeated along axes. */
struct node *append_broadcast(struct generator *generator, enum dtype dtype, int rank,
                              const int64_t *shape);
/* A node of the dtype and shape of `like`: an earlier one, or one made of it, or a new leaf. */
struct node *find_operand(struct generator *generator, const struct node *like);
/* The one that is set, cast where it has to be; or else an earlier node whose dtype is among the
 * letters (of ops.def), or a new leaf. */
struct node *find_node(struct generator *generator, const char *letters);
enum dtype pick_dtype(struct generator *generator, const char *letters);
/* A random value of the dtype, for pads and constants; static memory until the next call. */
const void *pick_value(struct generator *generator, enum dtype dtype);
/* A shape of at most `most_elements`; returns the rank. Extents are at least 1. */
int pick_shape(struct generator *generator, int least_rank, int most_rank, int64_t most_elements,
               int64_t *shape);

/* Makes some extents 0, in graphs that may have them. */
void empty_some_axes(struct generator *generator, int rank, int64_t *shape);

/* random_steps.c: one operation of the table, applied to what is there; does nothing when it would
 * make too many elements. */
void append_step(struct generator *generator, enum op op);

/* random_scan.c: a scan with a random body, within the bounds of append_step. */
void step_scan(struct generator *generator);

/* random_codes.c: numbers (rows, n) times a weight of codes of 4 or 8 bits by blocks, or of float32
 * that could be stored so. */
struct node *append_coded_product(struct generator *generator);

/* random_templates.c: a shape of computation that models have. */
void append_template(struct generator *generator);

#endif
