/* Schedules found by measurement, in place of the cost model's choices.
 *
 * A contraction is named by all that its candidates depend on, so that equal ones share an entry:
 *
 *     loops 32x10x10 pool 2x2 sum 32x5x5 of temporary(0,1536,64; 768,32; 1,768,32)
 *     and constant(800,0,0; 0,0; 25,5,1) into (1,320,32)
 *
 * The loops are i0, i1, i2; the numbers in brackets are the strides of each operand along loops,
 * pool and sum, and those of the output along the loops. A way to cut it into tiles:
 *
 *     [lanes ]ROWSxCOLUMNS[+LAST] stream a|b [rows i2:BLOCK[,i1:BLOCK]] columns i0 packed|copied|in
 * place
 *
 * Rows of a tile are pooled elements times the blocks of its loops, the columns are those of one
 * loop, the last panel has LAST where they do not divide; the panel is the other operand. And a way
 * to block the loops around the tiles for the caches:
 *
 *     sums STEP rows STEP
 *
 * steps of the outermost sum, whose partial results wait in the output, and of the outermost loop
 * over rows; the whole extent where there is only one. */
#ifndef EIGENTENSOR_TUNING_H
#define EIGENTENSOR_TUNING_H

#include "compiler/base/base.h"

struct ir;
struct kernel_facts;

/* One contraction's. */
struct tuned_choice {
    const char *contraction;
    const char *tile;     /* one of the scheduler's candidates, word for word */
    const char *blocking; /* the same, given that tile; NULL: the cost model's choice */
    double before, after; /* microseconds a run, as measured; 0: not */
};

struct tuning {
    struct arena arena;     /* all texts, when it was loaded */
    const char *name;       /* for errors: the file; NULL: there is none */
    const char *digest;     /* of the graph, 64 hexadecimal digits */
    const char *target;     /* target.def's name of what it was planned for */
    const char *cpu, *mode; /* for people: where and how it was measured */
    int count;
    const struct tuned_choice *choices;
};

/* tuning_store.c: JSON. What is loaded has the right form; whether it fits, compile() finds out.
 * NULL and an error that names the file and the place. */
struct tuning *tuning_load(const char *path, struct et_error *error);
bool tuning_save(const struct tuning *tuning, const char *path, struct et_error *error);
void tuning_free(struct tuning *tuning); /* what tuning_load gave; NULL is fine */

/* One way of several, in the words above, and what the cost model thinks of it. */
struct candidate {
    const char *text;
    double cost;
};
struct candidates {
    int count, taken;
    const struct candidate *items; /* the cheapest first */
};

/* A contraction that runs as tiles. */
struct contraction_facts {
    const char *contraction;  /* tuning.h's name of it */
    int first_kernel, kernel; /* where it runs, and where its operands are packed before that:
                                 positions among compiled->kernels */
    struct candidates tiles, blockings;
};

/* tuning.c: a visitor (candidates.h) of the scheduler */

/* From now on choices are those of the tuning (NULL: the cost model's); `lists`: all candidates are
 * noted. */
void inquire(struct ir *ir, const struct tuning *tuning, bool lists);
/* After schedule: false and an error when the tuning does not fit the graph. */
bool check_tuning(const struct ir *ir, struct et_error *error);
/* After form_kernels: what there was to choose from, in the arena; returns how many contractions.
 */
int tell_contractions(const struct ir *ir, struct arena *arena,
                      const struct contraction_facts **contractions);

/* The candidates of contractions as a table, for people. */
void print_costs(int count, const struct contraction_facts *contractions,
                 const struct kernel_facts *kernels, struct text *text);

#endif
