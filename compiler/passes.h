/* The passes as a table: passes.def. */
#ifndef EIGENTENSOR_PASSES_H
#define EIGENTENSOR_PASSES_H

#include "compiler/ir/ir.h"

enum pass_id {
#define GRAPH_PASS(id, ...) PASS_##id,
#define PASS(id, ...) PASS_##id,
#define OUTPUT(id, ...)
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef PASS
#undef OUTPUT
    PASS_COUNT
};

struct pass {
    const char *name;
    enum ir_stage requires, provides;
    /* One of the two. The first gives a new graph, NULL and an error if it fails; that and *folded,
     * on failure too, are the caller's to free. */
    struct graph *(*of_graph)(const struct graph *graph, const struct target *target,
                              struct graph **folded, struct et_error *error);
    void (*of_ir)(struct ir *ir);
};
extern const struct pass passes[PASS_COUNT];

/* What options.dump is called with that is no pass. */
enum output_id {
#define GRAPH_PASS(id, ...)
#define PASS(id, ...)
#define OUTPUT(id, ...) OUTPUT_##id,
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef PASS
#undef OUTPUT
    OUTPUT_COUNT
};
extern const char *const output_names[OUTPUT_COUNT];

#endif
