/* The range that codes are given, where it is not all that was seen. Narrower ranges have smaller
 * steps; what is beyond them is cut off. */
#include "compiler/rewrite/quantize.h"

#include <math.h>
#include <string.h>

#include "templates/convert.h"
#include "templates/math64.h"

static const char *const range_names[RANGE_COUNT] = {
#define RANGE_NAME(id, name, summary) name,
    QUANTIZE_RANGES(RANGE_NAME)
#undef RANGE_NAME
};

bool quantize_range_from_name(const char *name, enum quantize_range *range) {
    for (int i = 0; i < RANGE_COUNT; i++)
        if (strcmp(name, range_names[i]) == 0) {
            *range = (enum quantize_range)i;
            return true;
        }
    return false;
}

/* Each end of a range is one of so many parts of what was seen, from 0 on. */
enum { END_STEPS = 40, CODES = 256 };

/* A histogram of tensor->low to tensor->high, and a range within it. */
struct range_seen {
    const int64_t *bins;
    double low, width; /* of the first bin; of each */
    double from, to;
};

static double middle_of(const struct range_seen *seen, int bin) {
    return seen->low + (bin + 0.5) * seen->width;
}

/* ---- What a range costs: the less the better ---- */

/* Errors of rounding are spread evenly over a step: a twelfth of its square in the mean. */
static double cost_squares(const struct range_seen *seen) {
    double step = (seen->to - seen->from) / (CODES - 1), cost = 0;
    for (int i = 0; i < RANGE_BINS; i++) {
        double x = middle_of(seen, i);
        double beyond = x < seen->from ? seen->from - x : x > seen->to ? x - seen->to : 0;
        cost += (double)seen->bins[i] * (beyond > 0 ? beyond * beyond : step * step / 12);
    }
    return cost;
}

static int bin_at(const struct range_seen *seen, double x) {
    return range_bin((x - seen->low) / seen->width);
}

static double sum_bins(const struct range_seen *seen, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++)
        sum += (double)seen->bins[i];
    return sum;
}

/* Of the bins `from` to `to`, which have one code: the elements among them are dealt evenly to the
 * bins that have any. Adds to the divergence of that from what was seen, in which the elements
 * beyond the range are at its ends. */
static double divergence(const struct range_seen *seen, int from, int to, double below,
                         double above, double all, double inside) {
    double sum = sum_bins(seen, from, to), cost = 0;
    int used = 0;
    for (int i = from; i < to; i++)
        used += seen->bins[i] > 0;
    for (int i = from; i < to; i++) {
        double share = (double)seen->bins[i] + (i == from ? below : 0) + (i == to - 1 ? above : 0);
        double code = seen->bins[i] > 0 ? sum / used : 0.5; /* where only what is cut off is */
        if (share > 0)
            cost += share / all * f64_log(share / all / (code / inside));
    }
    return cost;
}

/* Kullback and Leibler's divergence of the distribution of codes from that of elements. */
static double cost_entropy(const struct range_seen *seen) {
    int first = bin_at(seen, seen->from), end = bin_at(seen, seen->to) + 1;
    if (end - first < CODES)
        return INFINITY;
    double all = sum_bins(seen, 0, RANGE_BINS), inside = sum_bins(seen, first, end), cost = 0;
    if (inside == 0)
        return INFINITY;
    double below = sum_bins(seen, 0, first), above = sum_bins(seen, end, RANGE_BINS);
    for (int code = 0; code < CODES; code++) {
        int from = first + (end - first) * code / CODES;
        int to = first + (end - first) * (code + 1) / CODES;
        cost += divergence(seen, from, to, code == 0 ? below : 0, code == CODES - 1 ? above : 0,
                           all, inside);
    }
    return cost;
}

typedef double range_cost(const struct range_seen *seen);

static void find_least(struct quantized_tensor *tensor, struct range_seen *seen,
                       range_cost *cost_of) {
    double low = tensor->low, high = tensor->high, least = INFINITY;
    for (int below = low < 0 ? 1 : END_STEPS; below <= END_STEPS; below++)
        for (int above = high > 0 ? 1 : END_STEPS; above <= END_STEPS; above++) {
            seen->from = low * below / END_STEPS;
            seen->to = high * above / END_STEPS;
            double cost = cost_of(seen);
            if (cost >= least)
                continue;
            least = cost;
            tensor->low = seen->from;
            tensor->high = seen->to;
        }
}

/* ---- Percentiles ---- */

/* Leaves out as many bins at each end as hold less than one element of 20,000. */
static void cut_ends(struct quantized_tensor *tensor, struct range_seen *seen) {
    double most = sum_bins(seen, 0, RANGE_BINS) / 20000, below = 0, above = 0;
    int first = 0, end = RANGE_BINS;
    while (first < end && below + (double)seen->bins[first] <= most)
        below += (double)seen->bins[first++];
    while (first < end && above + (double)seen->bins[end - 1] <= most)
        above += (double)seen->bins[--end];
    tensor->low = fmin(fmax(tensor->low, seen->low + first * seen->width), 0);
    tensor->high = fmax(fmin(tensor->high, seen->low + end * seen->width), 0);
}

void quantize_narrow(struct quantized_tensor *tensor, enum quantize_range range) {
    struct range_seen seen = {.bins = tensor->bins,
                              .low = tensor->low,
                              .width = (tensor->high - tensor->low) / RANGE_BINS};
    if (!tensor->finite || !(seen.width > 0))
        return;
    switch (range) {
    case RANGE_percentile:
        cut_ends(tensor, &seen);
        return;
    case RANGE_squares:
        find_least(tensor, &seen, cost_squares);
        return;
    case RANGE_entropy:
        find_least(tensor, &seen, cost_entropy);
        return;
    case RANGE_extremes:
    case RANGE_COUNT:
        return;
    }
}
