/* What convolutions and pools say about the spatial axes of (batch, channels, d1, .., dn). */
#ifndef EIGENTENSOR_IMPORT_SPATIAL_H
#define EIGENTENSOR_IMPORT_SPATIAL_H

#include "compiler/import/importer.h"

struct spatial {
    int axes;
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    struct range padding[MAX_SPATIAL]; /* what is declared, or follows from auto_pad */
    int64_t beyond[MAX_SPATIAL];       /* ceil_mode: what the last window needs behind that */
};

/* One number an axis, from `least` on; `otherwise` where the attribute is not there. False: it was
 * refused. */
bool call_per_axis(struct call *call, const char *name, int axes, int64_t least, int64_t otherwise,
                   int64_t *values);

/* The attribute "pads": what is before and after each axis, zeros where it is not there. */
bool call_pads(struct call *call, int axes, struct range *padding);

/* Reads kernel_shape, strides, dilations, pads, auto_pad and ceil_mode. `kernel` has the extents of
 * the weight's spatial axes, which kernel_shape must repeat; NULL: it must be there. False: it was
 * refused. */
bool call_spatial(struct call *call, struct tensor x, const int64_t *kernel,
                  struct spatial *spatial);

/* From the first to behind the last element that a window sees along an axis. */
int64_t window_span(const struct spatial *spatial, int axis);
/* How much padding keeps ceil(extent / stride) windows along an axis; before it and after it. */
struct range same_padding(int64_t extent, int64_t span, int64_t stride, bool more_before);

/* (batch, channels, d1, .., dn) padded with `value`, as (batch, channels, o1, .., on, k1, .., kn).
 */
struct tensor pooled_windows(struct tensor x, const struct spatial *spatial, double value);
/* The axes k1 .. kn of such windows, or those of all spatial axes of x. */
struct axes {
    int count, list[MAX_RANK];
};
struct axes last_axes(struct tensor x, int count);

/* AveragePool of x, by the attributes of the node (ops_pooling.c). */
struct tensor average_pooled(struct call *call, struct tensor x);

#endif
