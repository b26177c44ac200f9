/* Compiled graphs in this process within milliseconds, by libtcc. */
#ifndef EIGENTENSOR_JIT_H
#define EIGENTENSOR_JIT_H

#include "compiler/compile.h"
#include "runtime/backend/entry.h"

struct jit;

/* Compiles `compiled->source` (of emit_calls) into pages of its own, which end up readable and
 * executable, not writable. (Some libtccs open them for both themselves, an instant before.) The
 * text may use no header and no function but those of jit_symbols.def. The precompiled kernels that
 * it calls are those for `target` (NULL: cpu_target()), which this CPU must run. Needs nothing of
 * `compiled` afterwards. Any number of threads may build at the same time: they take turns. NULL
 * and an error that quotes the line of C when the text does not compile.
 *
 * libtcc's own memory is beyond the allocator's door: where that runs out, libtcc ends the process.
 */
struct jit *jit_build(const struct compiled *compiled, const struct target *target,
                      struct et_error *error);

/* PREFIX_run_array; lives as long as `jit`. */
run_array *jit_entry(const struct jit *jit);
/* PREFIX_run_step_array; NULL where the text has none. */
run_step_array *jit_step_entry(const struct jit *jit);

/* Bytes of machine code and constants. */
size_t jit_bytes(const struct jit *jit);

void jit_free(struct jit *jit);

#endif
