/* Candidates: how somebody looks on while the scheduler compares the ways to run a contraction.
 *
 * The scheduler takes the cheapest way and knows nothing of tunings. It shows every candidate to a
 * visitor, in the order in which it thinks of them, and takes another one where the visitor insists
 * on it. tuning.c is one. */
#ifndef EIGENTENSOR_CANDIDATES_H
#define EIGENTENSOR_CANDIDATES_H

#include "compiler/schedule/blocking.h"
#include "compiler/schedule/tiling.h"

struct candidate_visitor {
    void *context;
    /* Before the candidates of a contraction: whether it wants to see them. If not, or if there are
     * none since tiles cannot run it, nothing else is called for this contraction. */
    bool (*begin)(void *context, const struct contraction *contraction);
    /* All tilings, then the blockings of the one that was taken: whether this one must be. */
    bool (*tiling)(void *context, const struct loop_tiling *candidate);
    bool (*blocking)(void *context, const struct blocking *candidate);
    /* What was taken. */
    void (*end)(void *context, const struct loop_tiling *tiling, const struct blocking *blocking);
};

#endif
