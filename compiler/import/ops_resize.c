/* Resize and Upsample: axes of other lengths, one after the other. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/lengths.h"
#include "compiler/import/movement.h"
#include "compiler/import/resample.h"
#include "compiler/import/resizing.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- Coordinates: where a new element stands among the old ones ---- */

/* i / scale, without the error of a scale that is a quotient of lengths. */
static double unscaled(const struct axis_change *axis, double i) {
    return axis->length == (double)axis->to ? i * (double)axis->from / axis->length
                                            : i / axis->scale;
}

static double half_pixel(const struct axis_change *axis, double i) {
    return unscaled(axis, i + 0.5) - 0.5;
}

static double half_pixel_symmetric(const struct axis_change *axis, double i) {
    double adjustment = (double)axis->to / axis->length;
    return (double)axis->from / 2 * (1 - adjustment) + (i + 0.5) / axis->scale - 0.5;
}

static double pytorch_half_pixel(const struct axis_change *axis, double i) {
    return axis->to > 1 ? half_pixel(axis, i) : 0;
}

static double align_corners(const struct axis_change *axis, double i) {
    return axis->length == 1 ? 0 : i * (double)(axis->from - 1) / (axis->length - 1);
}

static double asymmetric(const struct axis_change *axis, double i) {
    return unscaled(axis, i);
}

static double crop_and_resize(const struct axis_change *axis, double i) {
    double last = (double)(axis->from - 1);
    if (axis->to == 1)
        return (axis->start + axis->end) / 2 * last;
    return axis->start * last + i * (axis->end - axis->start) * last / (axis->length - 1);
}

static const struct {
    const char *name;
    int since;
    coordinate *function;
    coordinate_at_run *at_run; /* NULL: it is not known there */
} coordinates[] = {
    {"half_pixel", 11, half_pixel, run_half_pixel},
    {"half_pixel_symmetric", 19, half_pixel_symmetric, run_half_pixel_symmetric},
    {"pytorch_half_pixel", 11, pytorch_half_pixel, run_pytorch_half_pixel},
    {"align_corners", 11, align_corners, run_align_corners},
    {"asymmetric", 11, asymmetric, run_asymmetric},
    {"tf_crop_and_resize", 11, crop_and_resize, NULL},
    {"tf_half_pixel_for_nn", 11, half_pixel,
     run_half_pixel}, /* with "nearest" only; until opset 12 */
};

/* ---- Nearest ---- */

static double round_prefer_floor(const struct axis_change *axis, double x) {
    (void)axis;
    return ceil(x - 0.5);
}

static double round_prefer_ceil(const struct axis_change *axis, double x) {
    (void)axis;
    return floor(x + 0.5);
}

static double nearest_floor(const struct axis_change *axis, double x) {
    (void)axis;
    return floor(x);
}

static double nearest_ceil(const struct axis_change *axis, double x) {
    (void)axis;
    return ceil(x);
}

/* Before opset 11, as ONNX Runtime does. */
static double nearest_simple(const struct axis_change *axis, double x) {
    return axis->scale < 1 ? ceil(x) : floor(x);
}

static const struct {
    const char *name;
    nearest *function;
    nearest_at_run *at_run;
} nearest_modes[] = {
    {"round_prefer_floor", round_prefer_floor, run_round_prefer_floor},
    {"round_prefer_ceil", round_prefer_ceil, run_round_prefer_ceil},
    {"floor", nearest_floor, run_nearest_floor},
    {"ceil", nearest_ceil, run_nearest_ceil},
};

/* ---- What the node asks for ---- */

static bool read_kind(struct resize *resize) {
    static const struct {
        const char *name;
        enum resize_kind kind;
    } kinds[] = {{"nearest", NEAREST}, {"linear", LINEAR}, {"bilinear", LINEAR}, {"cubic", CUBIC}};
    const char *name = call_text(resize->call, "mode", "nearest");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            resize->kind = kinds[i].kind;
            return true;
        }
    call_refuse(resize->call, "mode \"%s\"", quoted(name).text);
    return false;
}

static bool read_coordinate(struct resize *resize) {
    const char *name = call_text(resize->call, "coordinate_transformation_mode", "half_pixel");
    for (size_t i = 0; i < sizeof coordinates / sizeof coordinates[0]; i++)
        if (strcmp(coordinates[i].name, name) == 0 && coordinates[i].since <= resize->call->opset) {
            resize->coordinate = coordinates[i].function;
            resize->coordinate_at_run = coordinates[i].at_run;
            return true;
        }
    call_refuse(resize->call, "coordinate_transformation_mode \"%s\"", quoted(name).text);
    return false;
}

static bool read_nearest(struct resize *resize) {
    const char *name = call_text(resize->call, "nearest_mode", "round_prefer_floor");
    for (size_t i = 0; i < sizeof nearest_modes / sizeof nearest_modes[0]; i++)
        if (strcmp(nearest_modes[i].name, name) == 0) {
            resize->nearest = nearest_modes[i].function;
            resize->nearest_at_run = nearest_modes[i].at_run;
            return true;
        }
    call_refuse(resize->call, "nearest_mode \"%s\"", quoted(name).text);
    return false;
}

/* Numbers of an input, float32 or float64; NULL values where it is left out or empty. */
struct numbers {
    int count;
    double *values;
};

static struct numbers known_numbers(struct call *call, int index, const char *what) {
    struct tensor x = call_optional(call, index);
    if (!is_given(x) || elements_of(x) == 0)
        return (struct numbers){0};
    const struct view *view = call_known_elements(call, tensor_cast(x, DTYPE_FLOAT32), what);
    if (!view || elements_of(x) > 2 * MAX_RANK)
        return (struct numbers){0};
    struct numbers numbers = {(int)elements_of(x),
                              arena_array(&call->importer->arena, double, 2 * MAX_RANK)};
    for (int i = 0; i < numbers.count; i++)
        numbers.values[i] = (double)((const float *)view->data)[i];
    return numbers;
}

/* Which axes the lists are of, by the list's order. -1: refused. */
static int read_axes(struct resize *resize, int rank, int axes[MAX_RANK]) {
    struct integers list = call_ints(resize->call, "axes");
    int count = list.values ? list.count : rank;
    if (count > rank) {
        call_refuse(resize->call, "%d axes of a tensor of rank %d", count, rank);
        return -1;
    }
    for (int i = 0; i < count; i++)
        axes[i] = list.values ? call_axis(resize->call, list.values[i], rank) : i;
    return count;
}

static bool set_scales(struct resize *resize, int count, const int *axes, struct numbers scales) {
    if (scales.count != count) {
        call_refuse(resize->call, "%d scales for %d axes", scales.count, count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        struct axis_change *axis = &resize->axes[axes[i]];
        double scale = scales.values[i], length = scale * (double)axis->from;
        if (!(scale > 0) || !(length < (double)MAX_ELEMENTS)) {
            call_refuse(resize->call, "a scale of %g", scale);
            return false;
        }
        axis->scale = scale;
        axis->length = length;
        axis->to = (int64_t)floorf((float)scale * (float)axis->from);
    }
    return true;
}

/* The one scale of all axes that keeps their ratio; 0: each its own. */
static double common_scale(struct resize *resize, int count, const int *axes,
                           struct integers sizes) {
    const char *policy = call_text(resize->call, "keep_aspect_ratio_policy", "stretch");
    bool smaller = strcmp(policy, "not_larger") == 0, larger = strcmp(policy, "not_smaller") == 0;
    double scale = 0;
    if (!smaller && !larger) {
        if (strcmp(policy, "stretch") != 0)
            call_refuse(resize->call, "keep_aspect_ratio_policy \"%s\"", quoted(policy).text);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        double own = (double)sizes.values[i] / (double)resize->axes[axes[i]].from;
        scale = i == 0 || (smaller ? own < scale : own > scale) ? own : scale;
    }
    return scale;
}

static bool set_sizes(struct resize *resize, int count, const int *axes, struct integers sizes) {
    if (sizes.count != count) {
        call_refuse(resize->call, "%d sizes for %d axes", sizes.count, count);
        return false;
    }
    double scale = common_scale(resize, count, axes, sizes);
    for (int i = 0; i < count; i++) {
        struct axis_change *axis = &resize->axes[axes[i]];
        double size = scale > 0 ? floor(scale * (double)axis->from + 0.5) : (double)sizes.values[i];
        if (axis->from < 1 || !(size >= 0) || !(size < (double)MAX_ELEMENTS)) {
            call_refuse(resize->call, "a size of %g for an axis of %" PRId64, size, axis->from);
            return false;
        }
        axis->to = (int64_t)size;
        axis->scale = scale > 0 ? scale : size / (double)axis->from;
        axis->length = scale > 0 ? scale * (double)axis->from : size;
    }
    return true;
}

static bool set_roi(struct resize *resize, int count, const int *axes) {
    call_ignore_input(resize->call, 1); /* where nothing is cropped */
    if (resize->coordinate != crop_and_resize)
        return true;
    struct numbers roi = known_numbers(resize->call, 1, "the region");
    if (roi.count != 2 * count) {
        call_refuse(resize->call, "%d bounds of a region for %d axes", roi.count, count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        resize->axes[axes[i]].start = roi.values[i];
        resize->axes[axes[i]].end = roi.values[count + i];
    }
    return true;
}

static void keep_lengths(struct resize *resize, struct tensor x) {
    for (int i = 0; i < tensor_rank(x); i++) {
        int64_t extent = tensor_extent(x, i);
        resize->axes[i] = (struct axis_change){
            .from = extent, .to = extent, .scale = 1, .length = (double)extent, .end = 1};
    }
}

/* ---- One axis ---- */

static bool stays(const struct axis_change *axis) {
    return axis->to == axis->from && fabs(axis->scale - 1) < 1e-9 && axis->start == 0 &&
           axis->end == 1;
}

static double kernel(const struct resize *resize, double x) {
    double a = resize->cubic_a;
    x = fabs(x);
    if (resize->kind == LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static void weigh(const struct resize *resize, const struct axis_change *axis, double x,
                  double stretch, struct resampling *r, int64_t i) {
    double *weights = r->weights + i * r->taps, sum = 0;
    double left = ceil(x) - 1; /* the last position before x */
    r->first[i] = (int64_t)left + 1 - r->taps / 2;
    for (int64_t k = 0; k < r->taps; k++) {
        int64_t at = r->first[i] + k;
        bool counts = !resize->exclude_outside || (at >= 0 && at < axis->from);
        weights[k] = counts ? kernel(resize, ((double)at - x) * stretch) : 0;
        sum += weights[k];
    }
    for (int64_t k = 0; k < r->taps && sum != 0 && (resize->antialias || resize->exclude_outside);
         k++)
        weights[k] /= sum;
}

static struct tensor interpolate(const struct resize *resize, struct tensor x, int axis) {
    const struct axis_change *change = &resize->axes[axis];
    double stretch = resize->antialias && change->scale < 1 ? change->scale : 1;
    double half = ceil((resize->kind == CUBIC ? 2 : 1) / stretch);
    if (!(half < 1 << 20))
        return call_refuse(resize->call, "a scale of %g", change->scale);
    struct resampling r = resampling_new(resize->call, change->to, 2 * (int64_t)half);
    for (int64_t i = 0; r.first && i < change->to; i++) {
        double at = resize->coordinate(change, (double)i);
        double limit = (double)MAX_ELEMENTS;
        weigh(resize, change, fmin(fmax(at, -limit), limit), stretch, &r, i);
    }
    return resample(resize->call, x, axis, &r);
}

static struct tensor pick_nearest(const struct resize *resize, struct tensor x, int axis) {
    const struct axis_change *change = &resize->axes[axis];
    double last = (double)(change->from - 1);
    if (change->to > 1 << 20 || change->from < 1)
        return call_refuse(resize->call, "an axis of %" PRId64 " as one of %" PRId64, change->from,
                           change->to);
    int64_t *positions =
        arena_array(&resize->call->importer->arena, int64_t, (size_t)change->to + 1);
    for (int64_t i = 0; i < change->to; i++) {
        double at = resize->nearest(change, resize->coordinate(change, (double)i));
        positions[i] = (int64_t)fmin(fmax(at, 0), last);
    }
    return take_positions(x, axis, change->to, positions);
}

/* Puts the extrapolation's value where the axis was left. */
static struct tensor extrapolate(const struct resize *resize, struct tensor x, int axis) {
    const struct axis_change *change = &resize->axes[axis];
    if (change->to > MAX_CONSTANT)
        return call_refuse(resize->call, "an axis of %" PRId64 " elements", change->to);
    uint8_t *outside = arena_array(&resize->call->importer->arena, uint8_t, (size_t)change->to + 1);
    bool any = false;
    for (int64_t i = 0; i < change->to; i++) {
        double at = resize->coordinate(change, (double)i);
        outside[i] = !(at >= 0 && at <= (double)(change->from - 1));
        any |= outside[i];
    }
    if (!any)
        return x;
    struct tensor mask =
        tensor_const(x.context, DTYPE_BOOL, SHAPE(change->to), change->to, outside);
    struct tensor value =
        tensor_cast(scalar(x.context, (float)resize->extrapolation), tensor_dtype(x));
    return tensor_where(along_axis(mask, axis, tensor_rank(x)), value, x);
}

static struct tensor resize_axes(const struct resize *resize, struct tensor x) {
    enum dtype dtype = tensor_dtype(x);
    char letter = dtype_facts[dtype].letter;
    int rank = tensor_rank(x);
    if (resize->kind != NEAREST && dtype != DTYPE_FLOAT64)
        x = tensor_cast(x, DTYPE_FLOAT32);
    for (int i = 0; i < rank; i++)
        if (is_given(resize->axes[i].from_now))
            x = resize_at_run(resize, x, i);
        else if (!stays(&resize->axes[i]))
            x = (resize->kind == NEAREST ? pick_nearest : interpolate)(resize, x, i);
    if (tensor_dtype(x) != dtype && (letter == 'I' || letter == 'B'))
        x = tensor_round(x);
    x = tensor_cast(x, dtype);
    for (int i = 0; i < rank && resize->coordinate == crop_and_resize; i++)
        x = extrapolate(resize, x, i);
    return x;
}

/* ---- Operators ---- */

/* Before opset 11: nearest and linear, from the left edges of pixels. */
static bool read_scales(struct resize *resize, struct tensor x, struct numbers scales) {
    int axes[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++)
        axes[i] = i;
    resize->coordinate = asymmetric;
    resize->nearest = nearest_simple;
    keep_lengths(resize, x);
    return read_kind(resize) && set_scales(resize, tensor_rank(x), axes, scales);
}

static struct tensor scale_by(struct call *call, struct tensor x, struct numbers scales) {
    struct resize resize = {.call = call};
    return read_scales(&resize, x, scales) ? resize_axes(&resize, x) : NO_TENSOR;
}

struct tensor import_upsample(struct call *call) {
    struct tensor x = call_input(call, 0);
    double values[MAX_RANK] = {1, 1, 1, 1};
    struct numbers scales = {4, values};
    struct floats list = call_floats(call, "scales");
    if (call->opset >= 9)
        return scale_by(call, x, known_numbers(call, 1, "the scales"));
    if (call->opset < 7) {
        values[2] = call_float(call, "height_scale", 1);
        values[3] = call_float(call, "width_scale", 1);
        return scale_by(call, x, scales);
    }
    scales.count = list.count < MAX_RANK ? list.count : MAX_RANK;
    for (int i = 0; i < scales.count; i++)
        values[i] = (double)list.values[i];
    return scale_by(call, x, scales);
}

/* False: refused. */
static bool read_resize(struct call *call, struct tensor x, struct resize *resize) {
    *resize = (struct resize){.call = call};
    if (call->opset < 11)
        return read_scales(resize, x, known_numbers(call, 1, "the scales"));
    resize->antialias = call_int(call, "antialias", 0) != 0;
    resize->exclude_outside = call_int(call, "exclude_outside", 0) != 0;
    resize->cubic_a = call_float(call, "cubic_coeff_a", -0.75);
    resize->extrapolation = call_float(call, "extrapolation_value", 0);
    int axes[MAX_RANK], count = read_axes(resize, tensor_rank(x), axes);
    call_ignore(call, "keep_aspect_ratio_policy");
    keep_lengths(resize, x);
    if (count < 0 || !read_kind(resize) || !read_coordinate(resize) || !read_nearest(resize))
        return false;
    struct numbers scales = known_numbers(call, 2, "the scales");
    bool sized = call_has_input(call, 3) && elements_of(call_input(call, 3)) > 0;
    bool good =
        sized ? set_sizes(resize, count, axes, call_known(call, call_input(call, 3), "the sizes"))
              : set_scales(resize, count, axes, scales);
    return good && set_roi(resize, count, axes);
}

struct tensor import_resize(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct resize resize;
    return read_resize(call, x, &resize) ? resize_axes(&resize, x) : NO_TENSOR;
}

/* ---- Of axes that are counted ---- */

/* Where the sizes are lengths (not NULL): that of an axis, if it varies. */
static const struct length *length_of_axis(struct call *call, int rank, int count,
                                           const struct length *lengths, int axis) {
    struct integers axes = call_ints(call, "axes");
    for (int i = 0; i < count; i++)
        if (call_axis(call, integer_or(axes, i, i), rank) == axis && length_varies(&lengths[i]))
            return &lengths[i];
    return NULL;
}

/* Makes the change of an axis one that a run computes, unless the axis stays as long as it is. */
static bool change_at_run(struct resize *resize, struct tensor x, struct counted c,
                          const struct length *length) {
    struct call *call = resize->call;
    struct axis_change *axis = &resize->axes[c.axis];
    bool sized = call_has_input(call, 3) && elements_of(call_input(call, 3)) > 0;
    const char *policy = call_text(call, "keep_aspect_ratio_policy", "stretch");
    if (length ? is_counted(c) && is_times(length, c.count, 1) : !is_counted(c) || stays(axis)) {
        call_counts_output(call, 0, c.axis, c.count);
        axis->to = axis->from; /* to the last element */
        axis->scale = 1;
        return true;
    }
    if (!sized || strcmp(policy, "stretch") != 0 || resize->antialias ||
        !resize->coordinate_at_run || (resize->kind == NEAREST && !resize->nearest_at_run)) {
        refuse_counted(call, "another extent by scales, by one ratio, antialiased or cropped");
        return false;
    }
    struct tensor to = length ? length_now(length) : number64(call->context, axis->to);
    axis->from_now = is_counted(c) ? c.count : number64(call->context, tensor_extent(x, c.axis));
    axis->to_now = to;
    if (length)
        call_counts_output(call, 0, c.axis, to);
    return true;
}

/* Each element of a counted axis by itself, or at a place among those there are. */
struct tensor resize_to_lengths(struct call *call, int count, const struct length *lengths) {
    struct axis_counts counts = call_counts(call, 0);
    struct tensor x = call_input(call, 0);
    struct resize resize;
    int rank = tensor_rank(x);
    if (!only_counted_below(call, 1) || !read_resize(call, x, &resize))
        return NO_TENSOR;
    for (int i = 0; i < rank; i++) {
        struct counted c = counted_along(&counts, i);
        const struct length *length = length_of_axis(call, rank, count, lengths, i);
        if ((is_counted(c) || length) && !change_at_run(&resize, x, c, length))
            return NO_TENSOR;
    }
    return resize_axes(&resize, x);
}

struct tensor count_resize(struct call *call) {
    return resize_to_lengths(call, 0, NULL);
}
