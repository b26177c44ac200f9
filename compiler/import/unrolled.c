#include "compiler/import/unrolled.h"

#include "compiler/import/counted.h"
#include "compiler/import/low_types.h"
#include "compiler/import/movement.h"

#include <string.h>

bool unrolled_begin(struct unrolled *u, int input_count) {
    int fixed = u->first_state_out + u->states;
    if (!u->body || u->body->n_input != (size_t)input_count || u->body->n_output < (size_t)fixed ||
        u->body->n_output > MAX_SOURCES) {
        call_refuse(u->call, "the body does not take %d inputs and give at least %d outputs",
                    input_count, fixed);
        return false;
    }
    struct arena *arena = &u->call->importer->arena;
    u->collected = (int)u->body->n_output - fixed;
    u->inputs = arena_array(arena, struct tensor, (size_t)input_count + 1);
    u->outputs = arena_array(arena, struct tensor, u->body->n_output + 1);
    u->parts = arena_array(arena, struct tensor, (size_t)MOST_UNROLLED * u->body->n_output + 1);
    return true;
}

/* Imports the body; false: something in it was refused. */
static bool import_body(struct unrolled *u) {
    if (!import_graph(u->call->importer, u->body, u->call->scope, u->inputs, u->outputs))
        return false;
    for (size_t i = 0; i < u->body->n_output; i++)
        if (!u->outputs[i].node)
            return false;
    return true;
}

bool unrolled_step(struct unrolled *u) {
    if (u->steps == MOST_UNROLLED) {
        call_refuse(u->call, "more than %d steps", MOST_UNROLLED);
        return false;
    }
    if (!import_body(u))
        return false;
    memcpy(u->inputs + u->first_state_in, u->outputs + u->first_state_out,
           (size_t)u->states * sizeof *u->inputs);
    memcpy(u->parts + (ptrdiff_t)u->steps * u->collected,
           u->outputs + u->first_state_out + u->states, (size_t)u->collected * sizeof *u->parts);
    u->steps++;
    return true;
}

/* Without a step nothing has been collected: of what shape, the body says. */
static struct tensor stack_of_none(struct unrolled *u, int k, int64_t axis) {
    if (!import_body(u))
        return (struct tensor){u->call->context, NULL};
    struct tensor part = unsqueeze(u->outputs[u->first_state_out + u->states + k], (int)axis);
    if (!part.node)
        return part;
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(part);
    for (int i = 0; i < rank; i++)
        shape[i] = i == (axis < 0 ? axis + rank : axis) ? 0 : tensor_extent(part, i);
    struct importer *importer = u->call->importer;
    struct tensor none = zeros(u->call->context, tensor_dtype(part), rank, shape);
    return typed(importer, none, element_type(importer, part));
}

struct tensor unrolled_stack(struct unrolled *u, int k, int64_t axis, bool reversed) {
    struct tensor parts[MOST_UNROLLED];
    if (axis < -MAX_RANK || axis >= MAX_RANK)
        return call_refuse(u->call, "an axis of an output is out of its rank");
    if (u->steps == 0)
        return stack_of_none(u, k, axis);
    for (int i = 0; i < u->steps; i++) {
        int step = reversed ? u->steps - 1 - i : i;
        parts[i] = u->parts[(ptrdiff_t)step * u->collected + k];
        if (counts_of(u->call->importer, parts[i]).count)
            return call_refuse(u->call, "collects tensors whose extent depends on the data");
    }
    return stack(u->steps, parts, (int)axis);
}
