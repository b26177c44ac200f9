/* Graphs with open axes: one stored graph for every size that they allow.
 *
 * An open graph is a graph at some sizes of its axes, and for each integer that depends on
 * them how it does. At other sizes it is a graph like any other, which nothing tells from one that
 * was stored for that size: movements that move nothing there are gone, nodes that say the same are
 * one, and the order is that of copy_graph. */
#ifndef EIGENTENSOR_OPEN_GRAPH_H
#define EIGENTENSOR_OPEN_GRAPH_H

#include "compiler/graph/size.h"
#include "compiler/store/store.h"
#include "runtime/eigentensor.h"

/* Where in a node a size may stand. */
enum size_place {
    PLACE_SHAPE,
    PLACE_BEFORE, /* padding and ranges */
    PLACE_AFTER,
    PLACE_SIZE, /* of windows */
    PLACE_STRIDE,
    PLACE_DILATION,
    PLACE_VALUE, /* an element of a const: a number of any dtype but bool, rounded to it */
    SIZE_PLACE_COUNT
};

struct open_integer {
    enum size_place place;
    int index; /* the axis, or the element */
    const struct size *size;
};

/* What depends on open axes in one node. */
struct open_node {
    int count;
    struct open_integer *integers; /* by place and index */
    struct open_node *body;        /* of a scan: its nodes, by id */
};

struct open_graph {
    struct arena arena;
    struct open_axes axes;   /* none: a graph of one size */
    struct graph *graph;     /* at some sizes, which its nodes have */
    struct open_node *nodes; /* of the graph, by id; NULL without axes */
};

/* An open graph without axes, of which graph and axes are for the caller to set; NULL when memory
 * is exhausted. */
struct open_graph *open_graph_new(void);
void open_graph_free(struct open_graph *open); /* with the graph; NULL is fine */
/* Its graph, which is the caller's now. */
struct graph *open_graph_take(struct open_graph *open);

/* What the places of a node hold, as far as its operation has them. */
int open_integer_count(const struct node *node, enum size_place place);
int64_t open_integer_value(const struct node *node, enum size_place place, int index);
/* The size that stands there; NULL: an integer does. `node` may be NULL. */
const struct size *open_integer_find(const struct open_node *node, enum size_place place,
                                     int index);

/* Puts them in their order. */
void open_integers_sort(struct open_node *node);
/* Whether the same sizes stand in the same places of two nodes, of which bodies are not heeded. */
bool open_integers_equal(const struct open_node *a, const struct open_node *b);

/* The graph at these sizes of the axes, in their order. NULL and an error when one is not allowed,
 * or when the graph breaks a rule there. The caller frees it; weights are bound as in open->graph.
 */
struct graph *open_graph_at(const struct open_graph *open, const int64_t *sizes,
                            struct et_error *error);
/* The same of a graph that has the integers of its sizes already. */
struct graph *graph_settled(const struct graph *graph, struct et_error *error);
/* Sizes for the axes of an open graph, by their names: each once, and no other. False and an error
 * that lists what is open where one is missing. */
bool open_graph_sizes(const struct open_graph *open, int count, const struct et_axis *given,
                      int64_t *sizes, struct et_error *error);

/* load.c, store.c: as graph_load_with, graph_decode, graph_digest, graph_to_json, graph_encode and
 * graph_store, with axes or without. What options say of axes is not heeded. */
struct open_graph *open_graph_load(const char *path, const struct graph_load_options *options,
                                   struct weights **weights, struct et_error *error);
struct open_graph *open_graph_decode(const char *json, size_t count, const char *name,
                                     const char *folder, const struct graph_load_options *options,
                                     struct weights **weights, struct et_error *error);
bool open_graph_digest(const struct open_graph *open, struct digest *digest,
                       struct et_error *error);
bool open_graph_to_json(const struct open_graph *open, const char *weights_file,
                        const struct digest *sha256, struct text *text, struct et_error *error);
bool open_graph_encode(const struct open_graph *open, const char *weights_file,
                       const struct weights *weights, const struct digest *sha256,
                       struct text *text, struct et_error *error);
bool open_graph_store(const struct open_graph *open, const char *weights_file,
                      const struct weights *weights, const char *path, struct et_error *error);

#endif
