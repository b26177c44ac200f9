/* What the rest of the house may know of a program, beyond eigentensor.h. */
#ifndef EIGENTENSOR_ET_PROGRAM_H
#define EIGENTENSOR_ET_PROGRAM_H

#include "compiler/compile.h"
#include "compiler/store/store.h"

#include "runtime/eigentensor.h" /* after base.h, which has struct et_error too */

/* A program of a graph that was not read from a file. Takes `graph` and `weights` (which may be
 * NULL), also when it fails. */
struct et_program *program_from_graph(struct graph *graph, struct weights *weights,
                                      struct et_error *error);

const struct graph *program_graph(const struct et_program *program);
const struct weights *program_weights(const struct et_program *program); /* NULL: it has none */

/* compile() with the tuning that was set, or else, where the options are for this CPU, the one that
 * is kept for it and the mode; one that is kept and does not fit is done without. */
struct compiled *program_compile(const struct et_program *program, enum et_mode mode,
                                 const struct compile_options *options, struct et_error *error);

/* What compile() made for a mode; NULL before it was prepared, and for ET_EAGER. */
const struct compiled *program_compiled(const struct et_program *program, enum et_mode mode);

#endif
