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

const struct tile_kind tile_kinds[TILE_KIND_COUNT] = {
#define TILE_KIND(id, name_, stream_, panel_, accumulator_, output_, group_, shapes, section_,     \
                  walk_)                                                                           \
    {.name = #name_,                                                                               \
     .stream = DTYPE_##stream_,                                                                    \
     .panel = DTYPE_##panel_,                                                                      \
     .accumulator = DTYPE_##accumulator_,                                                          \
     .output = DTYPE_##output_,                                                                    \
     .group = (group_),                                                                            \
     .section = (section_),                                                                        \
     .walk = (walk_),                                                                              \
     .width_count = sizeof(shapes) / sizeof *(shapes),                                             \
     .widths = (shapes)},
#include "compiler/schedule/tile_kinds.def"
#undef TILE_KIND
};

const struct tile_kind *tile_kind_find(enum dtype stream, enum dtype panel, enum dtype output) {
    for (int i = 0; i < TILE_KIND_COUNT; i++)
        if (tile_kinds[i].stream == stream && tile_kinds[i].panel == panel &&
            tile_kinds[i].output == output)
            return &tile_kinds[i];
    return NULL;
}

const struct tile_kind *tile_kind_of(enum dtype a, enum dtype b, enum dtype output) {
    const struct tile_kind *kind = tile_kind_find(a, b, output);
    return kind ? kind : tile_kind_find(b, a, output);
}

const struct tile_width *tile_width_find(const struct tile_kind *kind, bool lanes, int columns) {
    for (int i = 0; i < kind->width_count; i++)
        if (kind->widths[i].lanes == lanes && kind->widths[i].columns == columns)
            return &kind->widths[i];
    return NULL;
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
