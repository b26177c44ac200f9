/* Sizes of an axis, as people write them. */
#include "compiler/import/model_file.h"

#include "compiler/base/json_read.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number at *at, which moves behind it. */
static bool read_size(const char **at, int64_t *size, struct et_error *error) {
    char *end;
    errno = 0;
    long long number = strtoll(*at, &end, 10);
    if (end == *at || errno || number < 0 || number > MAX_ELEMENTS)
        return et_fail(error, "%s: expected a number from 0 to %" PRId64 ", or " BATCH_SYMBOL,
                       quoted(*at).text, MAX_ELEMENTS);
    *at = end;
    *size = number;
    return true;
}

/* Behind a range: ":32", how far apart its sizes are. */
static bool read_step(const char **at, struct size_range *range, struct et_error *error) {
    if (**at != ':')
        return true;
    const char *begin = ++*at;
    if (!read_size(at, &range->step, error))
        return false;
    return (range->step > 0 && (range->last - range->first) % range->step == 0) ||
           et_fail(error, "%s: steps that do not lead from %" PRId64 " to %" PRId64,
                   quoted(begin).text, range->first, range->last);
}

/* "16", "1..8" or "32..1024:32". */
static bool read_range(const char **at, struct size_range *range, struct et_error *error) {
    const char *begin = *at;
    if (!read_size(at, &range->first, error))
        return false;
    range->last = range->first;
    range->step = 1;
    if (strncmp(*at, "..", 2) != 0)
        return true;
    *at += 2;
    if (!read_size(at, &range->last, error))
        return false;
    if (range->first > range->last)
        return et_fail(error, "%s: expected a range from the smaller size to the larger",
                       quoted(begin).text);
    return read_step(at, range, error);
}

static int by_first(const void *a, const void *b) {
    const struct size_range *one = a, *other = b;
    return one->first < other->first ? -1 : one->first > other->first;
}

/* Sorts ranges, and joins those that touch. */
static bool put_in_order(struct axis_sizes *sizes, struct et_error *error) {
    struct size_range *ranges = sizes->ranges;
    int kept = 0;
    qsort(ranges, (size_t)sizes->range_count, sizeof *ranges, by_first);
    for (int i = 1; i < sizes->range_count; i++) {
        bool steps = ranges[i].step != 1 || ranges[kept].step != 1;
        if (steps && ranges[i].first <= ranges[kept].last)
            return et_fail(error, "%s: ranges with steps must be apart from others", sizes->name);
        if (steps || ranges[i].first > ranges[kept].last + 1)
            ranges[++kept] = ranges[i];
        else if (ranges[i].last > ranges[kept].last)
            ranges[kept].last = ranges[i].last;
    }
    sizes->range_count = kept + 1;
    return true;
}

static bool read_ranges(const char *at, struct axis_sizes *sizes, struct et_error *error) {
    for (bool more = true; more; at += more) {
        if (sizes->range_count == MOST_SIZE_RANGES)
            return et_fail(error, "%s: expected at most %d sizes and ranges", sizes->name,
                           MOST_SIZE_RANGES);
        if (!read_range(&at, &sizes->ranges[sizes->range_count++], error))
            return false;
        more = *at == ',';
        if (*at && !more)
            return et_fail(error, "%s: expected sizes, as 16 or 1,16 or 1..8", quoted(at).text);
    }
    return put_in_order(sizes, error);
}

/* Whether a piece of text is "X.0". */
static bool is_place(const char *text, size_t length) {
    size_t digits = 0;
    while (digits < length && isdigit((unsigned char)text[length - 1 - digits]))
        digits++;
    return digits > 0 && digits + 1 < length && text[length - 1 - digits] == '.';
}

/* "NAME@X.0,Y.1"; what has another form is a name as it is. */
static bool read_places(char *text, struct axis_sizes *sizes, struct et_error *error) {
    char *at = strchr(text, '@');
    if (!at || at == text)
        return true;
    for (const char *piece = at + 1, *end; piece; piece = *end ? end + 1 : NULL) {
        end = piece + strcspn(piece, ",");
        if (!is_place(piece, (size_t)(end - piece)))
            return true;
    }
    *at = '\0';
    char *rest = NULL;
    for (char *piece = strtok_r(at + 1, ",", &rest); piece; piece = strtok_r(NULL, ",", &rest)) {
        if (sizes->place_count == MOST_TIED_PLACES)
            return et_fail(error, "%s: expected at most %d places", quoted(text).text,
                           MOST_TIED_PLACES);
        sizes->places[sizes->place_count++] = piece;
    }
    return true;
}

bool read_axis_sizes(char *text, struct axis_sizes *sizes, struct et_error *error) {
    char *equals = strrchr(text, '=');
    if (!equals || equals == text)
        return et_fail(error, "%s: expected NAME=SIZE", quoted(text).text);
    *equals = '\0';
    *sizes = (struct axis_sizes){.name = text};
    if (!read_places(text, sizes, error))
        return false;
    if (strcmp(equals + 1, BATCH_SYMBOL) != 0)
        return read_ranges(equals + 1, sizes, error);
    sizes->ranges[sizes->range_count++] = (struct size_range){ET_BATCH, ET_BATCH, 1};
    return true;
}

bool axis_allows(const struct axis_sizes *sizes, int64_t size) {
    for (int i = 0; i < sizes->range_count; i++) {
        const struct size_range *range = &sizes->ranges[i];
        if (size >= range->first && size <= range->last && (size - range->first) % range->step == 0)
            return true;
    }
    return false;
}

/* From the first to the last. */
static int64_t steps_of(const struct size_range *range) {
    return (range->last - range->first) / range->step;
}

int64_t axis_size_count(const struct axis_sizes *sizes) {
    int64_t count = 0;
    for (int i = 0; i < sizes->range_count; i++)
        count += steps_of(&sizes->ranges[i]) + 1;
    return count;
}

int64_t axis_size_at(const struct axis_sizes *sizes, int64_t position) {
    const struct size_range *range = sizes->ranges;
    for (; position > steps_of(range); range++)
        position -= steps_of(range) + 1;
    return range->first + position * range->step;
}

void describe_axis_sizes(const struct axis_sizes *sizes, struct text *text) {
    for (int i = 0; i < sizes->range_count; i++) {
        const struct size_range *range = &sizes->ranges[i];
        text_add(text, "%s", i ? "," : "");
        if (range->first == ET_BATCH)
            text_add(text, BATCH_SYMBOL);
        else
            text_add(text, range->last > range->first ? "%" PRId64 "..%" PRId64 : "%" PRId64,
                     range->first, range->last);
        if (range->step != 1)
            text_add(text, ":%" PRId64, range->step);
    }
}
