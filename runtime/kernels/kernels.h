/* The precompiled kernels, tiles and row operations, by the names that emitted C calls them. */
#ifndef EIGENTENSOR_KERNELS_H
#define EIGENTENSOR_KERNELS_H

#include "runtime/kernels/cpu.h"

/* Hears of one kernel. */
typedef void kernel_listener(void *context, const char *name, const void *function);

/* Tells the listener of every kernel that the C text names, some more than once: "tile_8x32",
 * "row_f32_add", ... There are too many to bind them all for every text. The CPU must have that
 * level. */
void kernels_named_in(const char *text, enum cpu_level level, kernel_listener *listener,
                      void *context);

#endif
