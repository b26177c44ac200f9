/* Weights as int8, with a scale for each output, and biases as int32, in the steps of the sums. */
#include "compiler/rewrite/quantize.h"

#include <math.h>
#include <stdlib.h>

/* Codes go from -127 to 127, so that every one has its negative. */
enum { MOST_CODE = 127 };

/* A list with one element for each channel, seen over the axes of the contraction's sources. */
static struct view over_channels(const struct quantized_site *site, double *elements) {
    int64_t shape[MAX_RANK];
    int kept[MAX_RANK], count = kept_axes(site->contract, kept);
    int rank = site->contract->sources[0]->rank;
    for (int i = 0; i < rank; i++)
        shape[i] = 1;
    for (int i = 0; i < count; i++)
        shape[kept[i]] = site->channel_shape[i];
    struct view view = row_major(rank, shape, DTYPE_FLOAT64, elements);
    for (int i = 0; i < rank; i++)
        if (shape[i] == 1)
            view.stride[i] = 0;
    return with_shape(&view, site->weight_shape);
}

static void find_channels(struct quantized_site *site) {
    int kept[MAX_RANK], count = kept_axes(site->contract, kept);
    site->channels = 1;
    for (int i = 0; i < count; i++) {
        site->channel_shape[i] = site->weight_shape[kept[i]];
        site->channels *= site->channel_shape[i];
    }
}

/* The greatest weight of each channel, by the greatest code; false where one, or the scale of the
 * sums, is not finite. */
static bool find_scales(struct quantized_site *site, const struct view *weight) {
    struct view scale = over_channels(site, site->weight_scale);
    struct rows rows = rows_of(2, (const struct view *const[]){&scale, weight});
    bool finite = true;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            double *greatest = (double *)rows.data[0] + i * rows.stride[0];
            double size = fabs((double)((const float *)rows.data[1])[i * rows.stride[1]]);
            *greatest = fmax(*greatest, size);
            finite &= isfinite(size) != 0;
        }
    while (rows_next(&rows));
    for (int64_t i = 0; i < site->channels; i++) {
        double *step = &site->weight_scale[i];
        *step = *step > 0 ? *step / MOST_CODE : 1;
        finite &= isfinite((float)(*step * (double)site->tensor->quantization.scale)) != 0;
    }
    return finite;
}

static void round_weights(struct quantized_site *site, const struct view *weight, int8_t *codes) {
    struct view scale = over_channels(site, site->weight_scale);
    struct view result = row_major(weight->rank, site->weight_shape, DTYPE_INT8, codes);
    struct rows rows = rows_of(3, (const struct view *const[]){&result, weight, &scale});
    double errors = 0, sizes = 0;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            double real = (double)((const float *)rows.data[1])[i * rows.stride[1]];
            double step = ((const double *)rows.data[2])[i * rows.stride[2]];
            double code = fmin(fmax(nearbyint(real / step), -MOST_CODE), MOST_CODE);
            ((int8_t *)rows.data[0])[i * rows.stride[0]] = (int8_t)code;
            errors += (real - code * step) * (real - code * step);
            sizes += real * real;
        }
    while (rows_next(&rows));
    site->weight = codes;
    site->weight_error = sizes > 0 ? sqrt(errors / sizes) : 0;
}

/* ---- The sums ---- */

/* Whether sums of so many products have a bound below that of int32, with as much room again for
 * the bias. */
static bool sums_fit(const struct node *contract) {
    int64_t count = 1;
    for (int i = 0; i < contract->axis_count; i++)
        if (!checked_multiply(count, contract->sources[0]->shape[contract->axes[i]], &count) ||
            count > INT32_MAX)
            return false;
    return count <= (INT32_MAX / 2) / (255 * MOST_CODE);
}

/* The shift behind the contraction; false where it does not fit. */
static bool round_bias(struct rewriting *rewriting, struct quantized_site *site) {
    if (!chain_is_shifted(&site->chain))
        return true;
    int32_t *bias = rewriting_elements(rewriting, DTYPE_INT32, site->channels);
    for (int64_t i = 0; i < site->channels; i++) {
        double step = (double)site->tensor->quantization.scale * site->weight_scale[i];
        double code = nearbyint(site->chain.shift[i] / step);
        if (!(fabs(code) <= INT32_MAX / 2)) /* NaN, too */
            return false;
        bias[i] = (int32_t)code;
    }
    site->bias = bias;
    return true;
}

void quantize_weights(struct rewriting *rewriting, struct quantized_site *site) {
    struct view weight;
    analysis_weight(rewriting, site->contract, &weight);
    int64_t count = dependent_shape(&weight, site->weight_shape);
    if (!count)
        site->why_not = "the weights are too many";
    else if (!sums_fit(site->contract))
        site->why_not = "sums of so many products may not fit 32 bits";
    else if (!site->tensor->finite)
        site->why_not = "on the data, what it reads is not finite";
    if (site->why_not)
        return;
    weight = with_shape(&weight, site->weight_shape);
    find_channels(site);
    site->weight_scale = arena_array(&rewriting->analysis->arena, double, (size_t)site->channels);
    if (!find_scales(site, &weight)) {
        site->why_not = "the weights are not finite";
        return;
    }
    round_weights(site, &weight, rewriting_elements(rewriting, DTYPE_INT8, count));
    if (!round_bias(rewriting, site))
        site->why_not = "the bias does not fit 32 bits in steps of the sums";
}
