/* Random graphs as emitted C with data beside them, and a program of them all that compares their
 * outputs with the interpreter's: for compilers whose code may not run in this process. Mistakes
 * fail the test. */
#ifndef EIGENTENSOR_COLLECTION_H
#define EIGENTENSOR_COLLECTION_H

#include "compiler/emit/compiled.h"
#include "compiler/store/store.h"
#include "compiler/target/target.h"

enum { MOST_COLLECTED = 1000, STORED_COUNT = 3, UNITS = 2, MOST_BUILD_WORDS = 32 };

/* Graphs in a folder, and what the program has to say of them. */
struct collection {
    const char *folder;             /* the caller's */
    const struct target *target;    /* compiled for; NULL: each graph takes the next */
    const char *main;               /* NULL: tests/emit/collection/main.c, with the C library */
    const char *start;              /* a file that goes with it; NULL: none */
    bool in_units;                  /* random graphs are compiled together: unit_of says how */
    enum weights_form weights_form; /* of all graphs */
    bool static_arena;
    bool big_endian; /* the machines it is compiled for */
    int count;
    char *sources[2 * MOST_COLLECTED]; /* paths, of which these are so many: */
    int source_count;
    struct text includes, table; /* includes: and functions */
    struct text units[UNITS];    /* C that includes random graphs */
    struct weights *weights[STORED_COUNT];
    struct arena arena; /* of other weights */
};

/* The stored networks, of float32 and of 8-bit integers, and an LSTM of PyTorch; products of 8-bit
 * integers of any extents; the random graph of a seed. */
void collect_stored(struct collection *collection);
void collect_narrow(struct collection *collection);
void collect_random(struct collection *collection, uint64_t seed);
/* So many random graphs, or as many as the environment variable of that name says: of the seeds
 * from `first` on, or from EIGENTENSOR_SEED. */
void collect_randoms(struct collection *collection, uint64_t first, const char *count,
                     uint64_t usual);
/* Builds the program: `command` is the compiler and its options, ends with NULL and knows nothing
 * of files; `said` gets its messages. Gives the exit status. */
int collection_build(const struct collection *collection, const char *const *command,
                     const char *program, struct text *said);
void collection_end(struct collection *collection);
/* Prints a line for the table of docs/targets.md: on that machine so many graphs, the stored ones
 * among them, had the interpreter's bits. */
void report_machine(const char *machine, int graphs);

/* Runs a command, which must succeed. */
void expect_success(const char *const *arguments);
/* The same of a program that was built of a collection. A failure tells how it is run again with
 * one random graph: with their count in that environment variable, by the tests of the filter. */
void expect_same_bits(const char *const *arguments, const char *count, const char *filter);
/* Whether a program that does nothing can be built and run by these, the second NULL: by itself. */
bool can_build_for(const char *folder, const char *const *compiler, const char *emulator);

#endif
