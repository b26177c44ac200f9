/* The tiles of 8-bit integers, templates/tile_dot.h and tile_dot_lanes.h, compiled for each kind of
 * vectors, for callers that cannot inline them. */
#ifndef EIGENTENSOR_DOTS_H
#define EIGENTENSOR_DOTS_H

#include "compiler/target/target.h"
#include "templates/tile_dot_lanes.h"

enum {
#define DOT(name, lanes, rows, columns) DOT_OF_##name,
#include "templates/dots.def"
#undef DOT
    DOT_COUNT
};

/* Position of the tile that emitted C calls "dot_8x32"; -1: there is none. */
int dot_find(const char *name);

/* The sets, dots_baseline and so on, by DOT_OF_name. */
#define KERNEL_SET(name, target) extern dot_function *const dots_##name[DOT_COUNT];
#include "runtime/kernels/sets.def"
#undef KERNEL_SET

/* The sets of faster_dots.def. */
struct faster_dots {
    const char *name;
    const struct target *target;
    bool (*runs)(void); /* whether the CPU at hand does */
    dot_function *const *dots;
};
enum {
#define FASTER_DOTS(name, target) FASTER_##name,
#include "runtime/kernels/faster_dots.def"
#undef FASTER_DOTS
    FASTER_DOTS_COUNT
};
extern const struct faster_dots faster_dots[FASTER_DOTS_COUNT + 1];

#endif
