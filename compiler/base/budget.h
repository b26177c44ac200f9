/* Budgets: what a piece of work may take before it is ended. */
#ifndef EIGENTENSOR_BUDGET_H
#define EIGENTENSOR_BUDGET_H

#include "compiler/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct et_error;

enum limit_id {
#define LIMIT(id, ...) LIMIT_##id,
#include "compiler/base/limits.def"
#undef LIMIT
    LIMIT_COUNT
};

struct limit_facts {
    const char *name, *unit;
    double usual;
};
#define MOST_LIMIT 1000000000000000ll /* that options may set */
extern const struct limit_facts limit_facts[LIMIT_COUNT];

/* By limit_id; 0: the usual. */
struct compile_limits {
    double most[LIMIT_COUNT];
};

/* Arenas whose limit it is take bytes from it; what makes nodes counts them. */
struct budget {
    struct arena_limit limit;
    double most[LIMIT_COUNT], used[LIMIT_COUNT];
    double began;     /* in seconds of now_seconds */
    double next_look; /* the nodes at which limits are looked at again */
    int over;         /* the limit_id that was passed; -1: none */
    const char *at;   /* the pass that runs */
};

struct budget budget_begin(const struct compile_limits *limits);
/* Another piece of the same work begins, with the time and the nodes of a whole one: memory is
 * counted on. */
void budget_again(struct budget *budget);
/* False once a limit was passed. */
bool budget_look(struct budget *budget);
/* Counts a node of what is made in the arena, which escapes once a limit was passed. A budget of
 * NULL has none. */
static inline void budget_count_node(struct budget *budget, struct arena *arena) {
    if (budget && ++budget->used[LIMIT_NODES] >= budget->next_look && !budget_look(budget))
        arena_exhausted(arena);
}
/* False, and an error that says which limit `name` passed where, and which option raises it. */
bool budget_fail(const struct budget *budget, const char *name, struct et_error *error);

#endif
