/* Tuning: what the scheduler could do otherwise, measured on this machine.
 *
 * Every contraction's candidates that the cost model finds cheapest, and the cheapest of each other
 * kind, are compiled into the whole program and run there, each taking turns with the best found so
 * far; what counts is the lower quartile of the time of the kernels in question. Contractions of
 * different kernels are tried in the same run. What seems faster has to show it once more in a
 * longer run before it is taken. First tiles are chosen so, then the blocks around them. */
#ifndef EIGENTENSOR_TUNE_H
#define EIGENTENSOR_TUNE_H

#include "compiler/schedule/tuning.h"
#include "runtime/et_program.h"

struct tune_options {
    const struct backend *backend; /* that runs it */
    struct build_options building;
    int tries;                 /* candidates of a contraction, tiles and blocks each */
    double seconds;            /* to measure one round of candidates for */
    const void *const *inputs; /* of the program: what it is run on */
    /* Called after each round with the candidates tried so far, of how many; NULL: not. */
    void (*progress)(void *context, int done, int total);
    void *context;
};

/* One contraction, or several of the same shape. Times are of all its kernels, in microseconds. */
struct tuned_row {
    const char *kernels; /* "k02 k05" */
    const char *contraction;
    const char *tile_before, *blocking_before, *tile, *blocking;
    bool changed;
    double before, after;
};

struct tuned {
    struct arena arena; /* of all texts */
    struct tuning tuning;
    int count;
    struct tuned_row *rows;
    double before, after; /* microseconds of all kernels */
};

/* NULL and an error when something fails, or when a candidate gives other bits. */
struct tuned *tune(const struct et_program *program, const struct tune_options *options,
                   struct et_error *error);
void tuned_free(struct tuned *tuned); /* NULL is fine */

/* What a contraction takes, of what each kernel of the program takes: all of its kernels, and those
 * that pack for them, each once. */
double contraction_time(const struct compiled *compiled, const char *contraction,
                        const double *times);

#endif
