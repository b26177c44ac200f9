/* What the files of this backend share. */
#ifndef EIGENTENSOR_EMIT_LOOPS_H
#define EIGENTENSOR_EMIT_LOOPS_H

#include "compiler/emit/emit.h"

/* ---- plain.c ---- */

/* A nest of statements as loops. Requires emit_begin_statements(). */
void emit_statements(struct emitter *emitter, struct statement *const *statements, int count);

/* What is stored of a tile's sums, its columns a strip. */
void emit_strip_epilogue(struct emitter *emitter, const struct store *store,
                         const struct epilogue *epilogue);

/* ---- strip.c: the innermost loop in strips, for functions that are best computed for many
 * neighbours at once ---- */

struct strip {
    const struct axis *axis;
    const char *lane;  /* C text: the position within the strip */
    int64_t length;    /* at most */
    const char *first; /* C text: where in the axis the strip begins; NULL: it is all of it */
    const char *count; /* C text: how many elements this one has */
};
/* Whether a value contains such functions. */
bool emit_wants_strips(struct emitter *emitter, const struct axis *axis,
                       const struct expression *value);
bool emit_is_strip_function(const struct expression *e);
enum {
    LEAST_STRIP = 16, /* elements for which it is worthwhile */
    MOST_STRIP = 256, /* several arrays of so many stay in L1 */
};
/* Opens the loop over strips of at most so many elements. */
struct strip emit_open_strip(struct emitter *emitter, const struct axis *axis, const char *lane,
                             int64_t most);
/* The loop over the elements of one. */
void emit_open_lanes(struct emitter *emitter, const struct strip *strip);
/* Computes the functions into arrays, which the value then reads lane by lane. If the value is a
 * function itself and `to`, the C text of an address, is not NULL, it goes there. */
void emit_strip_functions(struct emitter *emitter, const struct strip *strip,
                          const struct expression *value, const char *to);
/* The address of a strip's first element in a buffer, where the others are its neighbours; else
 * NULL. */
const char *emit_strip_address(struct emitter *emitter, const struct strip *strip,
                               const struct buffer *buffer, const struct index *index);
/* Prefetches what the next iteration of the axis reads where this one reads strips. */
void emit_strip_fetches(struct emitter *emitter, const struct strip *strip,
                        const struct axis *around, const struct expression *value);

/* ---- narrow.c: floats that are stored as 8-bit integers ---- */

/* Whether that is what is stored, as neighbours along an axis. */
bool emit_narrows(const struct axis *axis, const struct store *store);
/* A strip of it. */
void emit_narrowed(struct emitter *emitter, const struct strip *strip, const struct store *store);

/* ---- columns.c ---- */

/* A statement whose only reduction goes down columns, all results of a strip side by side. False
 * where it is none. */
bool emit_in_columns(struct emitter *emitter, const struct statement *statement,
                     const struct store *store);

/* ---- transpose.c ---- */

/* A statement that only copies, from neighbours along one axis to neighbours along another. False
 * where it is none. */
bool emit_transposed(struct emitter *emitter, const struct statement *statement,
                     const struct store *store);

/* ---- extreme.c ---- */

/* The greatest or least of three floats or more, one max or min within the other: gives the name of
 * the result; or NULL for all else. */
const char *emit_extreme(struct emitter *emitter, const struct expression *e);

/* ---- reduce.c ---- */

/* What templates/lanes.h calls a reduction. */
const char *emit_lanes_op(enum op op);

/* A reduction, in vectors where that is possible; gives the name of the result. */
const char *emit_vector_reduction(struct emitter *emitter, const struct expression *reduction);
/* The reduction by which the following statement begins, if it goes over just what the statement
 * stores along its only loop, and vectors can do it; or NULL. */
const struct expression *emit_following_reduction(struct emitter *emitter,
                                                  const struct statement *statement);
/* Its lanes, and strip after strip what they take. */
void emit_begin_taking(struct emitter *emitter, const struct expression *reduction);
void emit_take(struct emitter *emitter, const struct strip *strip, const char *from);

#endif
