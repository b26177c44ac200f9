#include "compiler/passes.h"

#include "compiler/lower/lower.h"
#include "compiler/plan/plan.h"
#include "compiler/schedule/schedule.h"

const struct pass passes[PASS_COUNT] = {
#define GRAPH_PASS(id, name, function, requires, provides, what)                                   \
    {#name, IR_##requires, IR_##provides, .of_graph = function},
#define PASS(id, name, function, requires, provides, what)                                         \
    {#name, IR_##requires, IR_##provides, .of_ir = function},
#define OUTPUT(id, name, what)
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef PASS
#undef OUTPUT
};

const char *const output_names[OUTPUT_COUNT] = {
#define GRAPH_PASS(id, ...)
#define PASS(id, ...)
#define OUTPUT(id, name, what) #name,
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef PASS
#undef OUTPUT
};
