#include "compiler/base/budget.h"

#include "compiler/base/clock.h"
#include "compiler/base/error.h"

#include <unistd.h>

enum { NODES_BETWEEN_LOOKS = 4096 };

const struct limit_facts limit_facts[LIMIT_COUNT] = {
#define LIMIT(id, name, argument, usual, unit, what) {#name, unit, usual},
#include "compiler/base/limits.def"
#undef LIMIT
};

static double usual_limit(int limit) {
    double half = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 2;
    double usual = limit_facts[limit].usual;
    return limit == LIMIT_BYTES && half > 0 && half < usual ? half : usual;
}

static bool take_bytes(struct arena_limit *limit, double bytes) {
    struct budget *budget = (struct budget *)limit; /* of which it is the first member */
    budget->used[LIMIT_BYTES] += bytes;
    return bytes < 0 || budget_look(budget);
}

struct budget budget_begin(const struct compile_limits *limits) {
    struct budget budget = {.limit = {take_bytes}, .began = now_seconds(), .over = -1, .at = ""};
    for (int i = 0; i < LIMIT_COUNT; i++)
        budget.most[i] = limits->most[i] > 0 ? limits->most[i] : usual_limit(i);
    budget_look(&budget);
    return budget;
}

void budget_again(struct budget *budget) {
    budget->began = now_seconds();
    budget->used[LIMIT_NODES] = 0;
    budget_look(budget);
}

bool budget_look(struct budget *budget) {
    budget->used[LIMIT_SECONDS] = now_seconds() - budget->began;
    for (int i = 0; i < LIMIT_COUNT && budget->over < 0; i++)
        if (budget->used[i] > budget->most[i])
            budget->over = i;
    double most = budget->most[LIMIT_NODES];
    budget->next_look = budget->used[LIMIT_NODES] + NODES_BETWEEN_LOOKS;
    if (budget->next_look > most && budget->used[LIMIT_NODES] <= most)
        budget->next_look = most + 1;
    return budget->over < 0;
}

bool budget_fail(const struct budget *budget, const char *name, struct et_error *error) {
    const struct limit_facts *facts = &limit_facts[budget->over];
    return et_fail(error,
                   "compiling \"%s\": the pass %s has come to %.15g %s, of at most %.15g: "
                   "--compile-limit-%s raises the limit",
                   name, budget->at, budget->used[budget->over], facts->unit,
                   budget->most[budget->over], facts->name);
}
