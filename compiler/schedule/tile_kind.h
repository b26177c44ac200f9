/* The kinds of tiles: which element types they multiply and add up, and which shapes they have. */
#ifndef EIGENTENSOR_TILE_KIND_H
#define EIGENTENSOR_TILE_KIND_H

#include "compiler/graph/graph.h"
#include "compiler/target/target.h"

/* Tiles of so many columns, with 1 to `most_rows` rows. */
struct tile_width {
    bool lanes; /* the stream goes lane by lane */
    int columns, most_rows;
};

/* tile_kinds.def says what the fields mean. */
struct tile_kind {
    const char *name;
    enum dtype stream, panel, accumulator, output;
    int group;
    int width_count;
    const struct tile_width *widths; /* the narrower first */
    int small_count;
    const struct tile_width *small_widths;
    const char *section, *walk;
};

enum tile_kind_id {
#define TILE_KIND(id, ...) TILE_KIND_##id,
#include "compiler/schedule/tile_kinds.def"
#undef TILE_KIND
    TILE_KIND_COUNT
};
extern const struct tile_kind tile_kinds[TILE_KIND_COUNT];

/* The kind that multiplies such a stream by such a panel and gives such sums; NULL: the target has
 * none. */
const struct tile_kind *tile_kind_find(const struct target *target, enum dtype stream,
                                       enum dtype panel, enum dtype output);
/* The same where either operand may be the stream. */
const struct tile_kind *tile_kind_of(const struct target *target, enum dtype a, enum dtype b,
                                     enum dtype output);

/* The widths of a kind that there are for a target, the narrower first. */
struct tile_widths {
    int count;
    const struct tile_width *items;
};
struct tile_widths tile_kind_widths(const struct tile_kind *kind, const struct target *target);
/* How many rows tiles of so many columns have at most; 0: there are none. */
int tile_most_rows(const struct tile_kind *kind, const struct target *target, bool lanes,
                   int columns);

/* Whether its tiles make float32 of a panel of 16-bit floats. */
bool tile_kind_widens(const struct tile_kind *kind);

/* Whether they make float32 of their panel in any way: of 16-bit floats, or of codes. */
bool tile_kind_decodes(const struct tile_kind *kind);

/* Accumulators in one vector. */
int tile_kind_lanes(const struct tile_kind *kind, const struct target *target);

#endif
