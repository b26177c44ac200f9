/* What every pass must keep: each buffer is written once, or in parts, before it is read, and again
 * only by statements that replace each element by one made of it; with its own dtype; loads and
 * stores stay within their buffers; every axis that an expression uses is a loop or bound around
 * it, and is bound once. */
#include "compiler/ir/verify.h"

#include "compiler/ir/uses.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SET_WORDS = 4, MOST_AXES = SET_WORDS * 64 };

/* Some of the axes of a statement. */
struct axis_set {
    uint64_t words[SET_WORDS];
};

struct checking {
    struct ir *ir;
    const struct statement *statement;
    const struct statement *const *writers; /* by buffer id: the last one before; NULL: none yet */
    struct uses uses;
    struct axis_set *free; /* of each listed expression: axes that must be bound around it */
    int axis_count;
    const struct axis *axes[MOST_AXES]; /* of the statement, in the order in which they are found */
    struct et_error *error;
};

/* ---- Sets of axes ---- */

/* MOST_AXES: there are too many, and the rest is not checked. */
static int number_of_axis(struct checking *checking, const struct axis *axis) {
    int number = 0;
    while (number < checking->axis_count && checking->axes[number] != axis)
        number++;
    if (number == checking->axis_count && number < MOST_AXES)
        checking->axes[checking->axis_count++] = axis;
    return number;
}

static void include(struct checking *checking, struct axis_set *set, const struct axis *axis) {
    int number = number_of_axis(checking, axis);
    if (number < MOST_AXES)
        set->words[number / 64] |= (uint64_t)1 << number % 64;
}

static void exclude(struct checking *checking, struct axis_set *set, const struct axis *axis) {
    int number = number_of_axis(checking, axis);
    if (number < MOST_AXES)
        set->words[number / 64] &= ~((uint64_t)1 << number % 64);
}

static void include_all(struct axis_set *set, const struct axis_set *others) {
    for (int i = 0; i < SET_WORDS; i++)
        set->words[i] |= others->words[i];
}

static bool check_empty(const struct checking *checking, const struct axis_set *set,
                        const char *what) {
    for (int i = 0; i < checking->axis_count; i++)
        if (set->words[i / 64] >> i % 64 & 1)
            return et_fail(checking->error, "kernel %d: its %s uses axis a%d, which is not bound",
                           checking->statement->id, what, checking->axes[i]->id);
    return true;
}

/* ---- Axes are bound ---- */

static int by_id(const void *a, const void *b) {
    const struct expression *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static const struct axis_set *free_in(const struct checking *checking, const struct expression *e) {
    const struct expression **found = bsearch(&e, checking->uses.expressions,
                                              (size_t)checking->uses.count, sizeof(void *), by_id);
    return &checking->free[found - checking->uses.expressions];
}

static void include_index(struct checking *checking, struct axis_set *set,
                          const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_AXIS)
            include(checking, set, atom->axis);
        else if (atom->kind == ATOM_VALUE)
            include_all(set, free_in(checking, atom->value));
        else
            include_index(checking, set, atom->operand);
    }
}

static void exclude_loops(struct checking *checking, struct axis_set *set) {
    const struct statement *statement = checking->statement;
    for (int i = 0; i < statement->axis_count; i++)
        exclude(checking, set, statement->axes[i]);
    for (int i = 0; i < statement->loop_count; i++)
        exclude(checking, set, statement->loops[i]);
    for (int i = 0; i < statement->shared_count; i++)
        exclude(checking, set, statement->shared[i]);
}

static bool is_loop(const struct statement *statement, const struct axis *axis) {
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] == axis)
            return true;
    for (int i = 0; i < statement->shared_count; i++)
        if (statement->shared[i] == axis)
            return true;
    return false;
}

/* What is free in an expression; its sources come before it in the uses. */
static bool find_free(struct checking *checking, const struct expression *e, struct axis_set *set) {
    for (int i = 0; i < e->source_count; i++)
        include_all(set, free_in(checking, e->sources[i]));
    for (int i = 0; i < e->axis_count; i++) {
        exclude(checking, set, e->axes[i]);
        for (int k = 0; k < i; k++)
            if (e->axes[i] == e->axes[k])
                return et_fail(checking->error, "kernel %d: axis a%d is bound twice",
                               checking->statement->id, e->axes[i]->id);
        if (is_loop(checking->statement, e->axes[i]))
            return et_fail(checking->error, "kernel %d: axis a%d is a loop and bound by %s",
                           checking->statement->id, e->axes[i]->id, op_facts[e->op].name);
    }
    if (e->index)
        include_index(checking, set, e->index);
    for (int i = 0; i < e->index_count; i++)
        include_index(checking, set, e->indices[i]);
    for (int i = 0; i < e->predicate_count; i++)
        include_index(checking, set, e->predicates[i].index);
    return true;
}

/* Tiles have replaced loops of their value by local axes: function.c binds these. */
static bool check_axes(struct checking *checking) {
    const struct statement *statement = checking->statement;
    struct axis_set stored = {0};
    if (statement->tile)
        return true;
    checking->free =
        arena_array(checking->ir->arena, struct axis_set, (size_t)checking->uses.count);
    for (int i = 0; i < checking->uses.count; i++)
        if (!find_free(checking, checking->uses.expressions[i], &checking->free[i]))
            return false;
    struct axis_set value = *free_in(checking, statement->value);
    exclude_loops(checking, &value);
    for (int i = 0; !statement->address && i < statement->output->rank && statement->store[i]; i++)
        include_index(checking, &stored, statement->store[i]);
    if (statement->address)
        include_index(checking, &stored, statement->address);
    exclude_loops(checking, &stored);
    return check_empty(checking, &value, "value") && check_empty(checking, &stored, "store");
}

/* ---- Loads and stores ---- */

static bool check_range(const struct checking *checking, const char *what,
                        const struct buffer *buffer, const struct index *index, int64_t extent) {
    if (index->minimum >= 0 && index->maximum < extent)
        return true;
    return et_fail(
        checking->error, "kernel %d %s %" PRId64 " .. %" PRId64 " of %s, which has %" PRId64,
        checking->statement->id, what, index->minimum, index->maximum, buffer->name, extent);
}

/* What stands in a guard is within by its predicates, of which bounds know nothing. */
static bool check_load(const struct checking *checking, const struct expression *e,
                       const struct use *use) {
    const struct buffer *buffer = e->buffer;
    if (buffer->kind == BUFFER_OUTPUT)
        return et_fail(checking->error, "kernel %d reads the output %s", checking->statement->id,
                       buffer->name);
    if (buffer->kind == BUFFER_TEMPORARY && !checking->writers[buffer->id])
        return et_fail(checking->error, "kernel %d reads %s before it is written",
                       checking->statement->id, buffer->name);
    if (!e->index && e->index_count != buffer->rank)
        return et_fail(checking->error, "kernel %d: load of %s has %d indices, not %d",
                       checking->statement->id, buffer->name, e->index_count, buffer->rank);
    if (use->guarded)
        return true;
    for (int i = 0; i < e->index_count; i++)
        if (!check_range(checking, "loads", buffer, e->indices[i], buffer->shape[i]))
            return false;
    return !e->index || check_range(checking, "loads", buffer, e->index, buffer->elements);
}

static bool check_store(const struct checking *checking) {
    const struct statement *statement = checking->statement;
    const struct buffer *output = statement->output;
    const bool slice = output->kind == BUFFER_LOCAL && statement->shared_count > 0;
    if (output->kind != BUFFER_OUTPUT && output->kind != BUFFER_TEMPORARY && !slice)
        return et_fail(checking->error, "kernel %d writes %s, which is no output or temporary",
                       statement->id, output->name);
    const struct statement *before = checking->writers[output->id];
    if (before && !(before->partial && statement->partial) &&
        !stores_over(checking->ir, statement, output))
        return et_fail(checking->error, "kernel %d writes %s again", statement->id, output->name);
    if (statement->value->dtype != output->dtype)
        return et_fail(checking->error, "kernel %d stores %s into %s", statement->id,
                       dtype_facts[statement->value->dtype].name, output->name);
    if (statement->address)
        return statement->tile ||
               check_range(checking, "stores", output, statement->address, output->elements);
    for (int i = 0; i < output->rank && statement->store[i]; i++)
        if (!check_range(checking, "stores", output, statement->store[i], output->shape[i]))
            return false;
    return true;
}

/* ---- The whole ---- */

/* A statement that joins another has its loops and its kernel. */
static bool check_nest(const struct checking *checking) {
    const struct statement *statement = checking->statement;
    if (!statement->joins)
        return true;
    const struct statement *before =
        statement->id ? checking->ir->statements[statement->id - 1] : NULL;
    bool same = before && !before->tile && before->kernel == statement->kernel &&
                before->loop_count == statement->loop_count;
    for (int i = 0; same && i < statement->loop_count; i++)
        same = before->loops[i] == statement->loops[i];
    return same || et_fail(checking->error, "kernel %d joins one with other loops", statement->id);
}

/* What stands alone is all that its statement does. */
static bool check_alone(const struct checking *checking, const struct expression *e) {
    bool loads = e == checking->statement->value && !checking->statement->joins;
    for (int i = 0; i < e->source_count; i++)
        loads &= e->sources[i]->kind == EXPRESSION_LOAD;
    return loads || et_fail(checking->error, "kernel %d has a %s that is not a statement of loads",
                            checking->statement->id, op_facts[e->op].name);
}

/* The elements of a buffer that its axes say, of those of enum whole_size. */
static bool check_elements(const struct checking *checking, const struct expression *whole,
                           const struct buffer *buffer, int64_t a, int64_t b, int64_t c) {
    int64_t shape[] = {a, b, c};
    return (elements_fit(3, shape) && a * b * c == buffer->elements) ||
           et_fail(checking->error, "kernel %d: %s does not have the sizes of its %s",
                   checking->statement->id, buffer->name, op_facts[whole->op].name);
}

static bool check_whole(const struct checking *checking, const struct expression *whole) {
    const int64_t *sizes = whole->sizes;
    const struct buffer *output = checking->statement->output;
    bool sorts = whole->size_count == SORT_SIZES;
    int64_t inner = sorts ? 1 : sizes[WHOLE_INNER];
    if (!check_alone(checking, whole) ||
        !check_elements(checking, whole, output, sizes[WHOLE_OUTER], sizes[WHOLE_EXTENT], inner) ||
        !check_elements(checking, whole, whole->sources[0]->buffer, sizes[WHOLE_OUTER],
                        sizes[WHOLE_EXTENT], inner))
        return false;
    return sorts ||
           (check_elements(checking, whole, whole->sources[1]->buffer, sizes[WHOLE_POSITIONS_OUTER],
                           sizes[WHOLE_COUNT], sizes[WHOLE_POSITIONS_INNER]) &&
            check_elements(checking, whole, whole->sources[2]->buffer, sizes[WHOLE_OUTER],
                           sizes[WHOLE_COUNT], inner));
}

/* From scheduling on every load has one linear index, and none before. */
static bool check_indices(const struct checking *checking) {
    bool linear = checking->ir->stage >= IR_SCHEDULED;
    for (int i = 0; i < checking->uses.count; i++) {
        const struct expression *e = checking->uses.expressions[i];
        if (e->kind == EXPRESSION_LOAD && linear != (e->index != NULL))
            return et_fail(checking->error, "kernel %d: load of %s is%s linear",
                           checking->statement->id, e->buffer->name, e->index ? "" : " not");
    }
    return true;
}

static bool check_statement(struct checking *checking) {
    checking->uses = list_uses(checking->ir, checking->statement);
    for (int i = 0; i < checking->uses.count; i++) {
        const struct expression *e = checking->uses.expressions[i];
        if (e->kind == EXPRESSION_LOAD && !check_load(checking, e, &checking->uses.items[i]))
            return false;
        if (e->kind == EXPRESSION_SCAN && !check_alone(checking, e))
            return false;
        if (e->kind == EXPRESSION_WHOLE && !check_whole(checking, e))
            return false;
    }
    return check_store(checking) && check_axes(checking) && check_nest(checking) &&
           check_indices(checking);
}

bool verify_ir(struct ir *ir, struct et_error *error) {
    const struct statement **writers =
        arena_array(ir->arena, const struct statement *, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->statement_count; i++) {
        const struct statement *statement = ir->statements[i];
        struct checking checking = {
            .ir = ir, .statement = statement, .writers = writers, .error = error};
        if (statement->id != i)
            return et_fail(error, "kernel %d carries the id %d", i, statement->id);
        if (!check_statement(&checking))
            return false;
        writers[statement->output->id] = statement;
    }
    return verify_stage(ir, error);
}
