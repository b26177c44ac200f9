/* Open graphs of what makes graphs of sizes: of an importer, of a program in C.
 *
 * Graphs are made at some sizes. Where these are the same nodes, each integer in which they differ
 * becomes the size that has these values. What comes of that is compared with graphs that are made
 * at all sizes of each axis, the others at their least and at their most, and at combinations of
 * sizes drawn at random: so it is never a guess along an axis. */
#ifndef EIGENTENSOR_OPEN_FIT_H
#define EIGENTENSOR_OPEN_FIT_H

#include "compiler/store/open_graph.h"

enum {
    MOST_OPEN_SIZES = 1 << 14, /* of one axis */
    MIXED_SIZES = 64,          /* combinations that are compared beyond those of one axis */
};

/* What makes graphs. */
struct graph_source {
    /* The graph at these sizes, and its weights, which are the caller's. It may have movement that
     * moves nothing, equal nodes, and sums of products that are to be contractions: so graphs of
     * more sizes have the same nodes. */
    struct graph *(*make)(void *context, const int64_t *sizes, struct weights **weights,
                          struct et_error *error);
    /* Told now and then how much is done; NULL: nobody is. */
    void (*progress)(void *context, int64_t done, int64_t all);
    void *context;
};

/* The open graph with these axes, and its weights, which are the caller's. NULL and an error when
 * there is none: it tells at which sizes the graph is another one, in which node, and which part of
 * an axis would do. */
struct open_graph *open_graph_fit(const struct open_axes *axes, const struct graph_source *source,
                                  struct weights **weights, struct et_error *error);

/* Some sizes of the axes, others at each look (from 0), not like each other: as few things as may
 * be coincide there. Multiples of `multiple`, which many models ask for, where that is allowed. */
void open_axes_spread(const struct open_axes *axes, int look, int64_t multiple, int64_t *sizes);

/* open_tidy.c */

/* Sets graph and nodes of an open graph, whose axes are set: those that are given, without movement
 * that moves nothing at any size, and one node for those that say the same. */
bool open_graph_tidy(struct open_graph *open, const struct graph *graph,
                     const struct open_node *nodes, struct et_error *error);

/* alike.c: graphs beside each other */

/* Whether two graphs have the same nodes but for integers that open axes can stand for. The error
 * tells the first difference. */
bool graphs_alike(const struct graph *a, const struct graph *b, struct et_error *error);
/* The same of two nodes but for their bodies and elements. */
bool node_alike(const struct node *a, const struct node *b);
/* Whether these integers agree as well; requires that the graphs are alike. */
bool graphs_equal(const struct graph *a, const struct graph *b, struct et_error *error);
/* Whether the weights that both graphs read are the same. */
bool weights_equal(const struct graph *a, const struct graph *b, struct et_error *error);

/* How many places of a node may hold a size, where graphs of different sizes are compared. */
int open_place_count(const struct node *node, enum size_place place);
/* The integers in all places of a graph: of each node by place and index, behind them those of its
 * body. How many there are; NULL: only that. */
int note_places(const struct graph *graph, int64_t *integers);

#endif
