/* Single elements of tensors of the graphs that are being built: which other element one is, and
 * between which bounds it is in every run.
 *
 * Shapes that a run computes need a greatest extent. Where they are made of elements that operators
 * clip, as the sizes of boxes within a picture are, that is found here. A position that a run
 * brings is the same unknown one wherever it comes from the same element, so that what is computed
 * of two columns of one row is seen together (spans.c). */
#ifndef EIGENTENSOR_IMPORT_ELEMENTS_H
#define EIGENTENSOR_IMPORT_ELEMENTS_H

#include "compiler/import/importer.h"

/* Along each axis a position; or one that a run brings: negative, its place among elements_seen. */
struct tensor_element {
    const struct built_graph *graph; /* the node is of that */
    const struct node *node;
    int64_t at[MAX_RANK];
};
/* A position of which nothing is known, not even whether another is the same. */
#define ANYWHERE INT64_MIN

/* What is kept while elements are looked at. */
enum { MOST_DEPTH = 128 };
struct elements_seen {
    struct importer *importer;
    int count, capacity;
    struct tensor_element *positions; /* that a run brings; -1 - i stands for i */
    int left, depth; /* steps until the search is given up; calls within each other */
};

struct elements_seen elements_begin(struct importer *importer);
/* Counts a step of the search. False: it is given up. */
bool elements_step(struct elements_seen *seen);
/* Element `index`, row-major, of a tensor of the graph at hand. */
struct tensor_element element_in(struct importer *importer, struct tensor x, int64_t index);
bool is_same_element(const struct tensor_element *a, const struct tensor_element *b);
/* Makes it the element of a source that it is. False: it is no other one. */
bool element_moves(struct elements_seen *seen, struct tensor_element *e);
/* Makes it the first that it comes from: one that is computed, or brought. */
void element_settles(struct elements_seen *seen, struct tensor_element *e);
/* Source i of an elementwise node, where the element is. */
struct tensor_element element_operand(const struct tensor_element *e, int i);
/* Whether it is a number that is known. */
bool element_is_known(const struct tensor_element *e, double *value);

/* spans.c */

/* Between these it is; infinite: that is not known. NaN, and positions that are outside of their
 * axis, are left out: ONNX does not say what they are as integers, or refuses such runs. */
struct number_span {
    double least, most;
};
struct number_span span_of_element(struct importer *importer, struct tensor x, int64_t index);

#endif
