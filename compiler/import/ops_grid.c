/* Sampling at places that are computed: GridSample, and the places of an affine transform. */
#include "compiler/import/positions.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

/* ---- AffineGrid ---- */

/* `count` places from -1 to 1: those of the first and last pixel, or of the edges around all. */
static struct tensor places(struct call *call, enum dtype dtype, int64_t count,
                            bool align_corners) {
    double *values = arena_array(&call->importer->arena, double, (size_t)count + 1); /* or floats */
    for (int64_t i = 0; i < count; i++) {
        double at = (double)i;
        set_computed(values, dtype, i,
                     align_corners ? (count > 1 ? 2 * at / (double)(count - 1) - 1 : 0)
                                   : (2 * at + 1) / (double)count - 1);
    }
    return tensor_const(call->context, dtype, SHAPE(count), count, values);
}

/* Of every element of an image of these extents its place, width first, and a 1. */
static struct tensor place_vectors(struct call *call, enum dtype dtype, int axes,
                                   const int64_t *extents, bool align_corners) {
    struct tensor parts[4];
    int64_t shape[MAX_RANK];
    for (int i = 0; i < axes; i++)
        shape[i] = extents[i];
    shape[axes] = 1;
    for (int i = 0; i < axes; i++)
        parts[axes - 1 - i] =
            tensor_expand(along_axis(places(call, dtype, extents[i], align_corners), i, axes + 1),
                          axes + 1, shape);
    parts[axes] = tensor_expand(tensor_cast(scalar(call->context, 1), dtype), axes + 1, shape);
    return tensor_concat(axes + 1, parts, axes);
}

struct tensor import_affine_grid(struct call *call) {
    struct tensor theta = call_input(call, 0);
    struct integers size = call_known_shape(call, call_input(call, 1), 1);
    bool align_corners = call_int(call, "align_corners", 0) != 0;
    int axes = size.count - 2;
    if (!dtype_is_real(tensor_dtype(theta)))
        return call_refuse(call, "%s, expected floats", tensor_text(theta).text);
    if ((axes != 2 && axes != 3) || tensor_rank(theta) != 3 || tensor_extent(theta, 1) != axes ||
        tensor_extent(theta, 2) != axes + 1)
        return call_refuse(call, "%s for %d extents", tensor_text(theta).text, size.count);
    int64_t apart[MAX_RANK] = {tensor_extent(theta, 0)}, among[MAX_RANK] = {1};
    for (int i = 0; i < axes; i++) {
        apart[1 + i] = 1;
        among[1 + i] = size.values[2 + i];
        if (size.values[2 + i] > MAX_CONSTANT)
            return call_refuse(call, "an extent of %" PRId64, size.values[2 + i]);
    }
    apart[axes + 1] = axes;
    among[axes + 1] = 1;
    apart[axes + 2] = among[axes + 2] = axes + 1;
    struct tensor vectors =
        place_vectors(call, tensor_dtype(theta), axes, size.values + 2, align_corners);
    return tensor_contract(tensor_reshape(theta, axes + 3, apart),
                           tensor_reshape(vectors, axes + 3, among), AXES(-1));
}

/* ---- GridSample ---- */

enum grid_kind { GRID_NEAREST, GRID_LINEAR, GRID_CUBIC };
enum grid_padding { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION };

struct sampling {
    struct call *call;
    enum grid_kind kind;
    enum grid_padding padding;
    bool align_corners;
    int axes; /* of the image, without batch and channels */
};

struct grid_choice {
    const char *name;
    int value;
};

static const struct grid_choice grid_kinds[] = {
    {"nearest", GRID_NEAREST}, {"linear", GRID_LINEAR}, {"bilinear", GRID_LINEAR},
    {"cubic", GRID_CUBIC},     {"bicubic", GRID_CUBIC},
};
static const struct grid_choice grid_paddings[] = {
    {"zeros", GRID_ZEROS}, {"border", GRID_BORDER}, {"reflection", GRID_REFLECTION}};

static int choose(struct call *call, const char *attribute, const char *otherwise, int count,
                  const struct grid_choice *choices) {
    const char *name = call_text(call, attribute, otherwise);
    for (int i = 0; i < count; i++)
        if (strcmp(choices[i].name, name) == 0)
            return choices[i].value;
    call_refuse(call, "%s \"%s\"", attribute, quoted(name).text);
    return choices[0].value;
}

static struct tensor times(struct tensor x, double factor) {
    return tensor_mul(x, scalar_like(x, factor));
}

static struct tensor plus(struct tensor x, double term) {
    return tensor_add(x, scalar_like(x, term));
}

static struct tensor bounded(struct tensor x, double low, double high) {
    return tensor_max(tensor_min(x, scalar_like(x, high)), scalar_like(x, low));
}

/* Mirrors x at both bounds until it is between them. */
static struct tensor reflected(struct tensor x, double low, double high) {
    double range = high - low;
    if (range <= 0)
        return times(x, 0);
    struct tensor way = tensor_abs(plus(x, -low));
    struct tensor rest = tensor_mod(way, scalar_like(x, 2 * range));
    struct tensor back = tensor_sub(scalar_like(x, 2 * range), rest);
    return plus(tensor_where(tensor_lt(scalar_like(x, range), rest), back, rest), low);
}

/* x where it is outside of what the padding mode takes as the image: inside of it. */
static struct tensor padded(const struct sampling *s, struct tensor x, int64_t extent) {
    double low = s->align_corners ? 0 : -0.5;
    double high = s->align_corners ? (double)extent - 1 : (double)extent - 0.5;
    struct tensor inside =
        tensor_and(tensor_le(scalar_like(x, low), x), tensor_le(x, scalar_like(x, high)));
    if (s->padding == GRID_BORDER && s->kind != GRID_CUBIC) /* whose neighbours are bounded */
        return tensor_where(inside, x, bounded(x, 0, (double)extent - 1));
    return s->padding == GRID_REFLECTION ? tensor_where(inside, x, reflected(x, low, high)) : x;
}

/* Coordinates along one axis, in elements, from the grid's, -1 to 1. */
static struct tensor coordinate_along(const struct sampling *s, struct tensor grid, int axis,
                                      int64_t extent) {
    int rank = tensor_rank(grid), at = s->axes - 1 - axis; /* the grid has the width first */
    int64_t shape[MAX_RANK];
    shape_of(grid, shape);
    struct tensor x = tensor_reshape(cut_axis(grid, rank - 1, at, at + 1), rank - 1, shape);
    x = s->align_corners ? times(times(plus(x, 1), 0.5), (double)extent - 1)
                         : times(plus(times(plus(x, 1), (double)extent), -1), 0.5);
    if (s->kind == GRID_NEAREST)
        x = tensor_round(x);
    return padded(s, x, extent);
}

/* The weight of a neighbour by its distance. */
static struct tensor grid_weight(const struct sampling *s, struct tensor distance) {
    const double a = -0.75;
    struct tensor x = tensor_abs(distance);
    if (s->kind == GRID_LINEAR)
        return tensor_sub(scalar_like(x, 1), x);
    struct tensor near = tensor_mul(plus(times(x, a + 2), -(a + 3)), tensor_mul(x, x));
    struct tensor far =
        plus(tensor_mul(plus(tensor_mul(plus(times(x, a), -5 * a), x), 8 * a), x), -4 * a);
    return tensor_where(tensor_le(x, scalar_like(x, 1)), plus(near, 1), far);
}

/* What is read along one axis, of every place (batch, places.., taps along the axes..). */
struct neighbours {
    struct tensor position; /* int64, within the axis */
    struct tensor inside;   /* bool: whether it was; NO_TENSOR: always */
    struct tensor weight;   /* NO_TENSOR: 1 */
};

static struct neighbours neighbours_along(const struct sampling *s, struct tensor grid, int axis,
                                          int64_t extent) {
    static const int64_t taps[] = {[GRID_NEAREST] = 1, [GRID_LINEAR] = 2, [GRID_CUBIC] = 4};
    struct tensor x = coordinate_along(s, grid, axis, extent);
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    for (int i = 0; i < s->axes; i++)
        shape[rank + i] = 1;
    x = tensor_reshape(x, rank + s->axes, shape);
    struct tensor first = tensor_floor(x);
    struct tensor tap =
        positions_along(s->call->context, DTYPE_INT64, taps[s->kind], rank + axis, rank + s->axes);
    struct tensor at = tensor_add(first, tensor_cast(tap, tensor_dtype(x)));
    struct neighbours result = {0};
    if (s->kind == GRID_CUBIC)
        at = plus(at, -1);
    if (s->kind != GRID_NEAREST)
        result.weight = grid_weight(s, tensor_sub(at, x));
    if (s->padding == GRID_ZEROS)
        result.inside = tensor_and(tensor_le(scalar_like(at, 0), at),
                                   tensor_le(at, scalar_like(at, (double)extent - 1)));
    if (s->padding == GRID_REFLECTION)
        at = padded(s, at, extent);
    result.position = tensor_cast(bounded(at, 0, (double)extent - 1), DTYPE_INT64);
    return result;
}

/* a and b combined, where there are both. */
static struct tensor both(struct tensor (*combine)(struct tensor, struct tensor), struct tensor a,
                          struct tensor b) {
    return !is_given(a) ? b : !is_given(b) ? a : combine(a, b);
}

/* Neighbours along all axes as one: positions in rows of (batch, image). */
static struct neighbours all_neighbours(const struct sampling *s, struct tensor x,
                                        struct tensor grid) {
    int rank = tensor_rank(grid) - 1 + s->axes;
    struct neighbours all = {
        .position = positions_along(s->call->context, DTYPE_INT64, tensor_extent(x, 0), 0, rank)};
    for (int i = 0; i < s->axes; i++) {
        int64_t extent = tensor_extent(x, 2 + i);
        struct neighbours one = neighbours_along(s, grid, i, extent);
        struct tensor rows =
            tensor_mul(all.position, position(s->call->context, DTYPE_INT64, extent));
        all.position = tensor_add(rows, one.position);
        all.inside = both(tensor_and, all.inside, one.inside);
        all.weight = both(tensor_mul, all.weight, one.weight);
    }
    if (is_given(all.inside)) /* elsewhere is nothing, which is taken as 0 */
        all.position =
            tensor_where(all.inside, all.position, position(s->call->context, DTYPE_INT64, -1));
    return all;
}

/* x (batch, channels, image..) as rows (batch and image, channels). */
static struct tensor pixel_rows(struct tensor x) {
    int64_t rows = tensor_extent(x, 1) ? elements_of(x) / tensor_extent(x, 1) : 0;
    int rank = tensor_rank(x);
    return reshape_axes(move_axis(x, 1, rank - 1), 0, rank - 1, 1, &rows);
}

struct tensor import_grid_sample(struct call *call) {
    struct tensor x = call_input(call, 0), grid = call_input(call, 1);
    int rank = tensor_rank(x), axes = rank - 2;
    struct sampling s = {call, (enum grid_kind)choose(call, "mode", "linear", 5, grid_kinds),
                         (enum grid_padding)choose(call, "padding_mode", "zeros", 3, grid_paddings),
                         call_int(call, "align_corners", 0) != 0, axes};
    if (axes < 1 || 2 * axes + 2 > MAX_RANK || tensor_rank(grid) != rank ||
        tensor_extent(grid, rank - 1) != axes || tensor_extent(grid, 0) != tensor_extent(x, 0) ||
        elements_of(x) == 0)
        return call_refuse(call, "grid %s for %s", tensor_text(grid).text, tensor_text(x).text);
    struct neighbours all = all_neighbours(&s, x, grid);
    struct tensor y = tensor_gather(pixel_rows(x), 0, all.position);
    int taps[MAX_RANK];
    int64_t shape[MAX_RANK];
    shape_of(y, shape);
    for (int i = 0; i < axes; i++)
        taps[i] = axes + 1 + i;
    if (is_given(all.weight)) {
        struct tensor weight = tensor_cast(all.weight, tensor_dtype(x));
        y = tensor_contract(y, unsqueeze(weight, -1), axes, taps);
    } else {
        shape[axes + 1] = tensor_extent(x, 1);
        y = tensor_reshape(y, axes + 2, shape);
    }
    return move_axis(y, axes + 1, 1);
}
