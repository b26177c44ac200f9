#include "compiler/schedule/tile_kind.h"

static const struct tile_width shapes_of_tiles[] = {
#define TILE_WIDTH(stem, lanes, columns, most_rows) {lanes, columns, most_rows},
#include "templates/tiles.def"
#undef TILE_WIDTH
};

static const struct tile_width shapes_of_dots[] = {
#define DOT_WIDTH(columns, most_rows) {false, columns, most_rows},
#include "templates/dots.def"
#undef DOT_WIDTH
};

static const struct tile_width shapes_of_lane_dots[] = {
#define DOT_LANES_WIDTH(columns, most_rows) {true, columns, most_rows},
#include "templates/dots.def"
#undef DOT_LANES_WIDTH
};

/* Few columns, so that the sums of several rows fit into registers, of which there are as many as a
 * target's row says; pooling begins with four. */
static const struct tile_width small_tiles[] = {
    {false, 4, 6}, {false, 8, 3}, {true, 4, 6}, {true, 8, 3}};
/* Sums of integers share their registers with addresses. */
static const struct tile_width small_dots[] = {{false, 1, 4}};
/* Eight sums take every other register, as the instruction that adds to them wants. */
static const struct tile_width small_signed_dots[] = {{false, 1, 4}, {false, 2, 4}};
static const struct tile_width small_lane_dots[] = {{true, 4, 1}};
/* Of kinds that run as plain loops there. */
static const struct tile_width no_tiles[] = {{false, 0, 0}};

const struct tile_kind tile_kinds[TILE_KIND_COUNT] = {
#define TILE_KIND(id, name_, stream_, panel_, accumulator_, output_, group_, shapes, small,        \
                  section_, walk_)                                                                 \
    {.name = #name_,                                                                               \
     .stream = DTYPE_##stream_,                                                                    \
     .panel = DTYPE_##panel_,                                                                      \
     .accumulator = DTYPE_##accumulator_,                                                          \
     .output = DTYPE_##output_,                                                                    \
     .group = (group_),                                                                            \
     .section = (section_),                                                                        \
     .walk = (walk_),                                                                              \
     .width_count = sizeof(shapes) / sizeof *(shapes),                                             \
     .widths = (shapes),                                                                           \
     .small_count = sizeof(small) / sizeof *(small),                                               \
     .small_widths = (small)},
#include "compiler/schedule/tile_kinds.def"
#undef TILE_KIND
};

const struct tile_kind *tile_kind_find(const struct target *target, enum dtype stream,
                                       enum dtype panel, enum dtype output) {
    for (int i = 0; i < TILE_KIND_COUNT; i++)
        if (tile_kinds[i].stream == stream && tile_kinds[i].panel == panel &&
            tile_kinds[i].output == output && tile_kind_widths(&tile_kinds[i], target).count > 0)
            return &tile_kinds[i];
    return NULL;
}

const struct tile_kind *tile_kind_of(const struct target *target, enum dtype a, enum dtype b,
                                     enum dtype output) {
    const struct tile_kind *kind = tile_kind_find(target, a, b, output);
    return kind ? kind : tile_kind_find(target, b, a, output);
}

struct tile_widths tile_kind_widths(const struct tile_kind *kind, const struct target *target) {
    const bool small = target_is_small(target);
    const struct tile_width *widths = small ? kind->small_widths : kind->widths;
    if (widths == no_tiles ||
        (kind == &tile_kinds[TILE_KIND_SIGNED_DOT] && !target_vector_bytes(target)))
        return (struct tile_widths){0};
    return (struct tile_widths){small ? kind->small_count : kind->width_count, widths};
}

int tile_most_rows(const struct tile_kind *kind, const struct target *target, bool lanes,
                   int columns) {
    const struct tile_widths widths = tile_kind_widths(kind, target);
    for (int i = 0; i < widths.count; i++) {
        const struct tile_width *width = &widths.items[i];
        if (width->lanes != lanes || width->columns != columns)
            continue;
        const int fit = target->accumulators / columns;
        const bool floats = kind->accumulator == DTYPE_FLOAT32;
        return floats && target_is_small(target) && fit < width->most_rows ? fit : width->most_rows;
    }
    return 0;
}

int tile_kind_lanes(const struct tile_kind *kind, const struct target *target) {
    return (int)(target->lanes * dtype_bytes(DTYPE_FLOAT32) / dtype_bytes(kind->accumulator));
}

bool tile_kind_widens(const struct tile_kind *kind) {
    return kind->panel == DTYPE_FLOAT16 || kind->panel == DTYPE_BFLOAT16;
}

bool tile_kind_decodes(const struct tile_kind *kind) {
    return tile_kind_widens(kind) || kind == &tile_kinds[TILE_KIND_CODES];
}
