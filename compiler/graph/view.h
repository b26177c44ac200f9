/* Strided views: tensors that look at elements which someone else holds. */
#ifndef EIGENTENSOR_VIEW_H
#define EIGENTENSOR_VIEW_H

#include "compiler/base/stop.h"
#include "compiler/graph/graph.h"

/* Element [i, j, ..] is at data + (i * stride[0] + j * stride[1] + ..) elements. Strides may be 0
 * or negative. A view owns nothing; `data` is only written where a function says so, and NULL where
 * it is a matter of strides only. */
struct view {
    void *data;
    enum dtype dtype;
    int rank;
    int64_t shape[MAX_RANK];
    int64_t stride[MAX_RANK];
};

/* Whether it has no elements: some extent is 0. */
bool view_is_empty(const struct view *view);

/* The row-major view of a node's elements at `data`. */
struct view view_contiguous(const struct node *node, const void *data);

/* What a movement node makes of its source without copying an element: true for permute, expand,
 * shrink, flip and window, for reshape when strides allow it, never for pad. */
bool view_move(const struct node *node, const struct view *source, struct view *result);

/* The part of `view` from `begin` with the extents of `shape`. */
struct view view_part(const struct view *view, const int64_t *begin, const int64_t *shape);

/* Whether its elements may be computed with. Those of weights may have any alignment. */
bool view_is_aligned(const struct view *view);
/* Makes it look at a row-major copy of its elements, for et_release; NULL where memory ran out. */
void *view_align(struct view *view);

/* Elements that are moved, not computed with: only their width matters. */
typedef uint8_t bytes_1 __attribute__((may_alias));
typedef uint16_t bytes_2 __attribute__((may_alias, aligned(1)));
typedef uint32_t bytes_4 __attribute__((may_alias, aligned(1)));
typedef uint64_t bytes_8 __attribute__((may_alias, aligned(1)));

/* Copies the elements of `source` to those of `result`; same dtype, same shape. */
void view_copy(const struct view *result, const struct view *source);

/* A walk over the elements of up to four views of one shape, in row-major order and row by row:
 * axes are merged where all strides agree, and the last of what remains is the row. */
enum { MAX_OPERANDS = 4 };
struct rows {
    int64_t length;               /* elements of one row, or of the piece of it at hand */
    void *data[MAX_OPERANDS];     /* each operand's first element of the current row */
    int64_t stride[MAX_OPERANDS]; /* each operand's step along the row, in elements */

    int operands, outer; /* outer: how many axes are left above the row */
    int64_t extent[MAX_RANK], index[MAX_RANK];
    int64_t step[MAX_OPERANDS][MAX_RANK]; /* bytes */

    struct stop *stop;   /* asked now and then; NULL: rows have one piece */
    bool stopped;        /* the walk was ended: it does not stand anywhere */
    int64_t whole, done; /* elements of a row, and before the piece at hand */
    int64_t since;       /* elements since `stop` was asked */
};

/* Stands at the first row. Where there are no elements, that is the only one, of length 0. */
struct rows rows_of(int operands, const struct view *const *views);
/* The same, ended early when `stop` (which may be NULL) says so; long rows come in pieces. */
struct rows rows_until(struct stop *stop, int operands, const struct view *const *views);
/* Goes to the next row; false after the last one, when it stands at the first row again, and once
 * the walk is ended. */
bool rows_next(struct rows *rows);

#endif
