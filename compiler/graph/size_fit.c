#include "compiler/graph/size_fit.h"

#include "compiler/base/arithmetic.h"
#include "compiler/base/wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A size without a part that is added to it. `size` NULL: there is no other part. */
struct fitted {
    const struct size *size;
    int64_t constant;
};

struct fitting {
    const struct size_samples *samples;
    struct arena *arena;
    bool exhausted;
};

/* The combination in which only one axis has a size other than that of reference. */
static int combination_of(int axis, int mark) {
    int at = mark;
    for (int i = 0; i < axis; i++)
        at *= MARKED_SIZES;
    return at;
}

int combination_count(const struct size_samples *samples) {
    return combination_of(samples->axis_count, 1);
}

/* Which of its marked sizes an axis has. */
static int mark_in(int combination, int axis) {
    return combination / combination_of(axis, 1) % MARKED_SIZES;
}

int64_t size_in_combination(const struct size_samples *samples, int combination, int axis) {
    const struct axis_samples *along = &samples->axes[axis];
    return along->sizes[along->marked[mark_in(combination, axis)]];
}

int size_value_count(const struct size_samples *samples) {
    int count = combination_count(samples);
    for (int i = 0; i < samples->axis_count; i++)
        count += samples->axes[i].count;
    return count;
}

/* ---- Building ---- */

static const struct size *number(struct fitting *fitting, int64_t value) {
    const struct size *size = size_number(fitting->arena, value);
    fitting->exhausted |= !size;
    return size;
}

static const struct size *of_two(struct fitting *fitting, enum size_kind kind,
                                 const struct size *left, const struct size *right) {
    const struct size *size = size_of_two(fitting->arena, kind, left, right);
    fitting->exhausted |= !size;
    return size;
}

/* left + right, where either may be NULL for nothing. */
static const struct size *sum_of(struct fitting *fitting, const struct size *left,
                                 const struct size *right) {
    if (!left || !right)
        return left ? left : right;
    return of_two(fitting, SIZE_SUM, left, right);
}

static const struct size *plus(struct fitting *fitting, const struct size *size, int64_t constant) {
    if (constant == 0)
        return size ? size : number(fitting, 0);
    if (!size)
        return number(fitting, constant);
    return of_two(fitting, constant < 0 ? SIZE_DIFFERENCE : SIZE_SUM, size,
                  number(fitting, constant < 0 ? -constant : constant));
}

/* size * factor, NULL for 0. */
static const struct size *times(struct fitting *fitting, const struct size *size, int64_t factor) {
    if (factor == 0 || !size)
        return NULL;
    if (factor == 1)
        return size;
    return of_two(fitting, SIZE_PRODUCT, number(fitting, factor), size);
}

/* left + factor * right, where the factor may be negative. */
static const struct size *plus_times(struct fitting *fitting, const struct size *left,
                                     int64_t factor, const struct size *right) {
    if (factor >= 0)
        return sum_of(fitting, left, times(fitting, right, factor));
    if (!left) /* sizes have no sign: 0 - x */
        left = number(fitting, 0);
    return of_two(fitting, SIZE_DIFFERENCE, left, times(fitting, right, -factor));
}

static const struct size *axis_of(struct fitting *fitting, int axis) {
    const struct size *size = size_axis(fitting->arena, axis);
    fitting->exhausted |= !size;
    return size;
}

/* ---- One axis ---- */

/* The values along one axis. */
struct row {
    int axis, count;
    const int64_t *n, *v;
    int64_t step; /* of n, where there is no gap */
};

/* The line through two points, if its slope is an integer. */
static bool line_through(const struct row *row, int i, int k, int64_t *slope, int64_t *constant) {
    int64_t rise = row->v[k] - row->v[i], distance = row->n[k] - row->n[i], product;
    if (rise % distance)
        return false;
    *slope = rise / distance;
    return checked_multiply(*slope, row->n[i], &product) &&
           !__builtin_sub_overflow(row->v[i], product, constant);
}

static bool on_line(const struct row *row, int i, int64_t slope, int64_t constant) {
    return row->v[i] == slope * row->n[i] + constant;
}

static bool fit_line(struct fitting *fitting, const struct row *row, struct fitted *fitted) {
    int64_t slope, constant;
    if (!line_through(row, 0, row->count - 1, &slope, &constant))
        return false;
    for (int i = 0; i < row->count; i++)
        if (!on_line(row, i, slope, constant))
            return false;
    const struct size *n = axis_of(fitting, row->axis);
    if (slope < 0 && constant > 0) /* 5-n reads better than 0-n+5 */
        *fitted = (struct fitted){plus_times(fitting, number(fitting, constant), slope, n), 0};
    else
        *fitted = (struct fitted){plus_times(fitting, NULL, slope, n), constant};
    return true;
}

/* Whether all values that are `distance` apart differ by the same number, and there are such. */
static bool repeats(const struct row *row, int64_t distance, int64_t *rise) {
    bool found = false;
    for (int i = 0, k = 0; i < row->count; i++) {
        while (k < row->count && row->n[k] < row->n[i] + distance)
            k++;
        if (k == row->count || row->n[k] != row->n[i] + distance)
            continue;
        if (found && row->v[k] - row->v[i] != *rise)
            return false;
        *rise = row->v[k] - row->v[i];
        found = true;
    }
    return found;
}

/* v = (p*n + c) // d: whether some c does for all. Of these, the one nearest to 0. */
static bool find_offset(const struct row *row, int64_t p, int64_t d, int64_t *c) {
    int64_t least = INT64_MIN, most = INT64_MAX;
    for (int i = 0; i < row->count; i++) {
        int64_t whole, part, from;
        if (!checked_multiply(row->v[i], d, &whole) || !checked_multiply(row->n[i], p, &part) ||
            __builtin_sub_overflow(whole, part, &from) || from > INT64_MAX - d)
            return false;
        least = from > least ? from : least;
        most = from + d - 1 < most ? from + d - 1 : most;
    }
    *c = least > 0 ? least : most < 0 ? most : 0;
    return least <= most;
}

/* (p*n + c) // d + e, where 0 <= c < d */
static bool fit_quotient(struct fitting *fitting, const struct row *row, struct fitted *fitted) {
    int64_t rise = 0, c = 0, p = 0, d = 0;
    bool found = false;
    for (int i = 1; i < row->count && !found; i++) {
        int64_t distance = i * row->step;
        if (!repeats(row, distance, &rise) || rise < 0)
            continue;
        int64_t common = greatest_common_divisor(rise, distance);
        p = rise / common;
        d = distance / common;
        found = find_offset(row, p, d, &c);
    }
    if (!found)
        return false;
    const struct size *n = times(fitting, axis_of(fitting, row->axis), p);
    int64_t part = (c % d + d) % d;
    *fitted = (struct fitted){
        of_two(fitting, SIZE_QUOTIENT, plus(fitting, n, part), number(fitting, d)), (c - part) / d};
    return true;
}

/* The row less b*n, by a and less what is left. False: it does not divide. */
static bool reduce_row(const struct row *row, int64_t b, int64_t a, int64_t *v, int64_t *rest) {
    *rest = (row->v[0] - b * row->n[0]) % a;
    if (*rest < 0)
        *rest += a;
    for (int i = 0; i < row->count; i++) {
        v[i] = row->v[i] - b * row->n[i] - *rest;
        if (v[i] % a)
            return false;
        v[i] /= a;
    }
    return true;
}

/* b*n + a*((p*n + c) // d) + e, where neighbours differ by b*n or by that and a. */
static bool fit_steps(struct fitting *fitting, const struct row *row, int64_t slow, int64_t quick,
                      struct fitted *fitted) {
    int64_t a = quick > slow ? quick - slow : slow - quick, sign = quick > slow ? 1 : -1, rest;
    struct fitted quotient;
    int64_t b = slow / row->step;
    if (slow % row->step || a == 0 || (b < 0 && sign < 0))
        return false;
    int64_t *v = arena_array(fitting->arena, int64_t, (size_t)row->count);
    int64_t *turned = arena_array(fitting->arena, int64_t, (size_t)row->count);
    if (!v || !turned) {
        fitting->exhausted = true;
        return false;
    }
    /* With a minus in front the quotient must fall: b*n - a*q is fitted as -(a*q - b*n). */
    struct row positive = *row;
    for (int i = 0; i < row->count; i++)
        turned[i] = sign * row->v[i];
    positive.v = turned;
    if (!reduce_row(&positive, sign * b, a, v, &rest))
        return false;
    positive.v = v;
    if (!fit_quotient(fitting, &positive, &quotient))
        return false;
    const struct size *line = b ? plus_times(fitting, NULL, b, axis_of(fitting, row->axis)) : NULL;
    *fitted = (struct fitted){b < 0 ? plus_times(fitting, times(fitting, quotient.size, a), b,
                                                 axis_of(fitting, row->axis))
                                    : plus_times(fitting, line, sign * a, quotient.size),
                              sign * (rest + a * quotient.constant)};
    return true;
}

/* The numbers by which neighbours differ; how many there are, or more than 2. */
static int neighbour_steps(const struct row *row, int64_t steps[2]) {
    int found = 0;
    for (int i = 0; i + 1 < row->count && found <= 2; i++) {
        int64_t step = row->v[i + 1] - row->v[i];
        if (row->n[i + 1] - row->n[i] != row->step || (found > 0 && step == steps[0]) ||
            (found > 1 && step == steps[1]))
            continue;
        if (found < 2)
            steps[found] = step;
        found++;
    }
    return found;
}

/* Where values jump now and then: between neighbours, or where those are left out that would. */
static bool fit_jumps(struct fitting *fitting, const struct row *row, struct fitted *fitted) {
    int64_t steps[2], rise = 0;
    int count = neighbour_steps(row, steps);
    if (count == 2)
        return fit_steps(fitting, row, steps[0], steps[1], fitted) ||
               fit_steps(fitting, row, steps[1], steps[0], fitted);
    for (int i = 1; count == 1 && i < row->count; i++)
        if (repeats(row, i * row->step, &rise) && rise != i * steps[0])
            return fit_steps(fitting, row, steps[0], rise - (i - 1) * steps[0], fitted);
    return false;
}

/* The lesser or the greater of two lines. */
static bool fit_bend(struct fitting *fitting, const struct row *row, struct fitted *fitted) {
    int64_t slopes[2], constants[2];
    int last = row->count - 1;
    if (row->count < 4 || !line_through(row, 0, 1, &slopes[0], &constants[0]) ||
        !line_through(row, last - 1, last, &slopes[1], &constants[1]))
        return false;
    bool least = slopes[1] < slopes[0];
    for (int i = 0; i <= last; i++) {
        int64_t a = slopes[0] * row->n[i] + constants[0], b = slopes[1] * row->n[i] + constants[1];
        if (row->v[i] != (least == (a < b) ? a : b))
            return false;
    }
    const struct size *lines[2];
    for (int i = 0; i < 2; i++)
        lines[i] = plus(fitting, plus_times(fitting, NULL, slopes[i], axis_of(fitting, row->axis)),
                        constants[i]);
    *fitted =
        (struct fitted){of_two(fitting, least ? SIZE_LEAST : SIZE_GREATEST, lines[0], lines[1]), 0};
    return true;
}

static bool fit_row(struct fitting *fitting, const struct row *row, struct fitted *fitted) {
    *fitted = (struct fitted){NULL, row->v[0]};
    return row->count < 2 || fit_line(fitting, row, fitted) || fit_quotient(fitting, row, fitted) ||
           fit_jumps(fitting, row, fitted) || fit_bend(fitting, row, fitted);
}

/* ---- Several axes ---- */

/* An integer as it depends on some of the axes, the others at their reference sizes. */
struct surface {
    unsigned axes; /* a bit for each */
    int64_t *values;
};

static int64_t *corners_of(const struct fitting *fitting, const struct surface *surface) {
    return surface->values + size_value_count(fitting->samples) -
           combination_count(fitting->samples);
}

static const int64_t *values_along(const struct fitting *fitting, const struct surface *surface,
                                   int axis) {
    const int64_t *values = surface->values;
    for (int i = 0; i < axis; i++)
        values += fitting->samples->axes[i].count;
    return values;
}

static bool varies_along(const struct fitting *fitting, const struct surface *surface, int axis) {
    const int64_t *values = values_along(fitting, surface, axis);
    for (int i = 1; i < fitting->samples->axes[axis].count; i++)
        if (values[i] != values[0])
            return true;
    return false;
}

/* Whether a part of a sum, or a factor of a product, must have both axes. */
static bool are_linked_at(const int64_t *corners, int one, int other, bool by_product) {
    int64_t none = corners[0], a = corners[one], b = corners[other], both = corners[one + other];
    if (by_product)
        return !wide_equal(wide_product(both, none), wide_product(a, b));
    return !wide_equal(wide_sum(wide_of(both), wide_of(none)), wide_sum(wide_of(a), wide_of(b)));
}

static bool are_linked(const int64_t *corners, int one, int other, bool by_product) {
    for (int i = 1; i < MARKED_SIZES; i++)
        for (int k = 1; k < MARKED_SIZES; k++)
            if (are_linked_at(corners, combination_of(one, i), combination_of(other, k),
                              by_product))
                return true;
    return false;
}

/* Those axes of the set that must stay with the first of them. */
static unsigned first_part(const int64_t *corners, unsigned axes, bool by_product) {
    unsigned part = axes & -axes, before = 0;
    while (part != before) {
        before = part;
        for (int i = 0; i < MOST_OPEN_AXES; i++)
            for (int k = 0; k < MOST_OPEN_AXES; k++)
                if (part >> i & 1 && (axes & ~part) >> k & 1 &&
                    are_linked(corners, i, k, by_product))
                    part |= 1u << k;
    }
    return part;
}

static bool fit_surface(struct fitting *fitting, const struct surface *surface,
                        struct fitted *fitted);

static bool fit_sum(struct fitting *fitting, const struct surface *surface, struct fitted *fitted) {
    const int64_t *corners = corners_of(fitting, surface);
    *fitted = (struct fitted){NULL, corners[0]};
    for (unsigned left = surface->axes, part; left; left &= ~part) {
        struct fitted own;
        part = first_part(corners, left, false);
        if (!fit_surface(fitting, &(struct surface){part, surface->values}, &own))
            return false;
        fitted->size = sum_of(fitting, fitted->size, own.size);
        fitted->constant += own.constant - corners[0];
    }
    return true;
}

/* Whether all axes but those of a part have their reference sizes. */
static bool is_within(const struct size_samples *samples, int combination, unsigned part) {
    for (int i = 0; i < samples->axis_count; i++)
        if (mark_in(combination, i) && !(part >> i & 1))
            return false;
    return true;
}

/* The greatest common divisor of those values that belong to some axes. */
static int64_t common_divisor(const struct fitting *fitting, const struct surface *surface,
                              unsigned part) {
    int64_t common = 0;
    const int64_t *corners = corners_of(fitting, surface);
    for (int i = 0; i < fitting->samples->axis_count; i++) {
        const int64_t *values = values_along(fitting, surface, i);
        for (int k = 0; part >> i & 1 && k < fitting->samples->axes[i].count; k++)
            common = greatest_common_divisor(common, values[k]);
    }
    for (int i = 0; i < combination_count(fitting->samples); i++)
        if (is_within(fitting->samples, i, part))
            common = greatest_common_divisor(common, corners[i]);
    return common;
}

/* Of the values, less `shift` and by `divisor` where that goes; where not, of other axes, 0. */
static int64_t *moved_values(struct fitting *fitting, const struct surface *surface, int64_t shift,
                             int64_t divisor) {
    int count = size_value_count(fitting->samples);
    int64_t *values = arena_array(fitting->arena, int64_t, (size_t)count);
    fitting->exhausted |= !values;
    for (int i = 0; values && i < count; i++) {
        int64_t value = surface->values[i] - shift;
        values[i] = value % divisor ? 0 : value / divisor;
    }
    return values;
}

static bool fit_product(struct fitting *fitting, const struct surface *surface,
                        struct fitted *fitted) {
    const int64_t *corners = corners_of(fitting, surface);
    const struct size *product = NULL;
    int64_t factor = corners[0];
    for (unsigned left = surface->axes, part; left; left &= ~part) {
        part = first_part(corners, left, true);
        int64_t common = common_divisor(fitting, surface, part);
        struct fitted own;
        struct surface reduced = {part, NULL};
        if (part == surface->axes || corners[0] == 0 ||
            !(reduced.values = moved_values(fitting, surface, 0, common)) ||
            !fit_surface(fitting, &reduced, &own))
            return false;
        int64_t at_reference = corners[0] / common;
        if (factor % at_reference)
            return false;
        factor /= at_reference;
        const struct size *size = plus(fitting, own.size, own.constant);
        product = product ? of_two(fitting, SIZE_PRODUCT, product, size) : size;
    }
    *fitted = (struct fitted){times(fitting, product, factor), 0};
    return true;
}

/* A product and a number, as it follows from four combinations. */
static bool fit_moved_product(struct fitting *fitting, const struct surface *surface,
                              struct fitted *fitted) {
    const int64_t *corners = corners_of(fitting, surface);
    int one = combination_of(__builtin_ctz(surface->axes), 1);
    int other = combination_of(31 - __builtin_clz(surface->axes), 1);
    int64_t none = corners[0], a = corners[one], b = corners[other], both = corners[one + other];
    int64_t by = both + none - a - b;
    struct wide difference = wide_difference(wide_product(both, none), wide_product(a, b));
    double about = by == 0 ? 0 : wide_about(difference) / (double)by;
    if (by == 0 || !(about >= INT32_MIN && about <= INT32_MAX))
        return false;
    int64_t shift = llround(about);
    if (!wide_equal(wide_product(shift, by), difference))
        return false;
    struct surface moved = {surface->axes, NULL};
    if (shift == 0 || shift == none || !(moved.values = moved_values(fitting, surface, shift, 1)) ||
        !fit_product(fitting, &moved, fitted))
        return false;
    fitted->constant += shift;
    return true;
}

static bool fit_surface(struct fitting *fitting, const struct surface *surface,
                        struct fitted *fitted) {
    struct surface varying = {0, surface->values};
    for (int i = 0; i < fitting->samples->axis_count; i++)
        if (surface->axes >> i & 1 && varies_along(fitting, surface, i))
            varying.axes |= 1u << i;
    const int64_t *corners = corners_of(fitting, surface);
    *fitted = (struct fitted){NULL, corners[0]};
    if (varying.axes == 0)
        return true;
    if ((varying.axes & (varying.axes - 1)) == 0) {
        int axis = __builtin_ctz(varying.axes);
        const struct axis_samples *samples = &fitting->samples->axes[axis];
        const struct row row = {axis, samples->count, samples->sizes,
                                values_along(fitting, surface, axis), samples->step};
        return fit_row(fitting, &row, fitted);
    }
    if (first_part(corners, varying.axes, false) != varying.axes)
        return fit_sum(fitting, &varying, fitted);
    return fit_product(fitting, &varying, fitted) || fit_moved_product(fitting, &varying, fitted);
}

const struct size *size_fit(const struct size_samples *samples, const int64_t *values,
                            struct arena *arena, bool *none) {
    struct fitting fitting = {samples, arena, false};
    struct surface surface = {(1u << samples->axis_count) - 1, (int64_t *)values};
    struct fitted fitted;
    bool good = fit_surface(&fitting, &surface, &fitted);
    const struct size *size = good ? plus(&fitting, fitted.size, fitted.constant) : NULL;
    *none = !fitting.exhausted && !good;
    return fitting.exhausted ? NULL : size;
}
