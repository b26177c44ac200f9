/* Kernels that take row after row through several nests, as a softmax does, in one call: each nest,
 * and each reduction within, is a chain over the row, and what lies between them stays in L1. */
#include "compiler/emit/calls/rows.h"
#include "templates/chain.h"

#include <inttypes.h>

/* One chain over a row. */
struct phase {
    struct row_block block;
    struct row_emitter rows;
    int result_count;
    struct chain_result *results;
    const struct store *stores; /* of the results; NULL: it only reduces, into `number` */
    const char *number;         /* of what it reduces, if no store takes that as it is */
    const struct store *reduced;
    struct row_chain *chain;
};

struct phased_kernel {
    struct emitter *emitter;
    const struct axis *row;
    int count;
    struct phase list[CHAIN_PHASES];
    int reduced_count, capacity;
    struct reduced_value *reduced; /* by all phases so far */
    bool impossible;
};

static const struct axis one_column = {.id = -1, .extent = 1};

static struct phase *add_phase(struct phased_kernel *phases, const struct axis *column, int count) {
    struct arena *arena = phases->emitter->ir->arena;
    if (phases->count == CHAIN_PHASES) {
        phases->impossible = true;
        return NULL;
    }
    struct phase *phase = &phases->list[phases->count++];
    *phase =
        (struct phase){.block = {.row = phases->row,
                                 .column = column,
                                 .column_count = arena_format(arena, "%" PRId64, column->extent),
                                 .column_limit = column->extent},
                       .result_count = count,
                       .results = arena_array(arena, struct chain_result, (size_t)count)};
    return phase;
}

/* ---- What there is to do ---- */

/* The result of the last phase that stores what is reduced, element for element; NULL: none. */
static struct chain_result *stored_just_now(struct phased_kernel *phases,
                                            const struct expression *e) {
    struct phase *last = phases->count ? &phases->list[phases->count - 1] : NULL;
    const struct expression *element = e->sources[0];
    struct ir *ir = phases->emitter->ir;
    if (!last || !last->stores || element->kind != EXPRESSION_LOAD ||
        e->axes[0]->extent != last->block.column_limit || last->block.column == &one_column)
        return NULL;
    const struct index *column = index_axis(ir, last->block.column);
    const struct substitution same = {.count = 1, .axes = e->axes, .values = &column};
    const struct index *address = index_substitute(ir, element->index, &same);
    for (int i = 0; i < last->result_count; i++)
        if (last->stores[i].output == element->buffer && !last->results[i].reduction &&
            index_compare(address, last->stores[i].address) == 0)
            return &last->results[i];
    return NULL;
}

/* A reduction within a value, which is all of `store` or goes into a number. */
static void add_reduction(struct phased_kernel *phases, const struct expression *e,
                          const struct store *store) {
    struct arena *arena = phases->emitter->ir->arena;
    struct chain_result *result = stored_just_now(phases, e);
    struct phase *phase;
    if (result) {
        phase = &phases->list[phases->count - 1];
    } else {
        phase = add_phase(phases, e->axes[0], 1);
        if (!phase)
            return;
        result = phase->results;
        *result = (struct chain_result){.value = e->sources[0], .only_reduced = true};
    }
    phases->impossible |= phase->reduced || phase->number;
    result->reduction = e;
    if (store->value == e && !rows_are_canonical(store)) {
        phase->reduced = store;
        return;
    }
    phase->number = emit_local_name(phases->emitter, "reduced");
    result->reduced.pointer = arena_format(arena, "&%s", phase->number);
    phases->reduced = arena_extend(arena, phases->reduced, phases->reduced_count, &phases->capacity,
                                   sizeof *phases->reduced);
    phases->reduced[phases->reduced_count++] =
        (struct reduced_value){e, {.pointer = result->reduced.pointer}};
}

struct reductions {
    struct phased_kernel *phases;
    const struct store *store;
};

static void note_reduction(void *context, const struct expression *e) {
    const struct reductions *reductions = context;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    if (chain_can_reduce(e))
        add_reduction(reductions->phases, e, reductions->store);
    else
        reductions->phases->impossible = true;
}

/* One nest: what is reduced in it, and what it stores. */
static void add_nest(struct phased_kernel *phases, struct statement *const *nest, int size) {
    struct emitter *emitter = phases->emitter;
    const struct statement *first = nest[0];
    const struct axis *column = first->loop_count ? first->loops[0] : &one_column;
    const struct store *stores = emit_stores_of(emitter, nest, size);
    for (int i = 0; i < size; i++) {
        struct reductions reductions = {phases, &stores[i]};
        const int before = phases->count, numbers = phases->reduced_count;
        expression_walk(emitter->ir, nest[i]->value, note_reduction, &reductions);
        const bool reduces = phases->count > before || phases->reduced_count > numbers;
        phases->impossible |= reduces && (first->loop_count > 0 || size > 1);
    }
    struct phase *last = phases->count ? &phases->list[phases->count - 1] : NULL;
    if (last && last->reduced && last->reduced->value == nest[0]->value && size == 1)
        return; /* that was all */
    struct phase *phase = phases->impossible ? NULL : add_phase(phases, column, size);
    if (!phase)
        return;
    phase->stores = stores;
    for (int i = 0; i < size; i++) {
        bool plain = true;
        const int64_t step = index_coefficient(stores[i].address, column, &plain);
        phase->results[i] = (struct chain_result){.value = stores[i].value,
                                                  .canonical = rows_are_canonical(&stores[i])};
        phases->impossible |= !rows_are_even(stores[i].address, &phase->block) ||
                              (step != 1 && column != &one_column);
    }
}

static bool is_row_by_row(const struct kernel *kernel) {
    if (kernel->statements[0]->shared_count == 0)
        return false;
    for (int i = 0; i < kernel->statement_count; i++) {
        const struct statement *statement = kernel->statements[i];
        if (statement->tile || statement->loop_count > 1 || runs_alone(statement))
            return false;
    }
    return true;
}

/* All phases, with chains of which only the places are unknown yet. */
static bool plan_phases(struct phased_kernel *phases, const struct kernel *kernel) {
    for (int i = 0, size; i < kernel->statement_count && !phases->impossible; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        add_nest(phases, &kernel->statements[i], size);
    }
    for (int i = 0; i < phases->count && !phases->impossible; i++) {
        struct phase *phase = &phases->list[i];
        phase->rows = (struct row_emitter){.emitter = phases->emitter,
                                           .block = &phase->block,
                                           .reduced_count = phases->reduced_count,
                                           .reduced = phases->reduced};
        phase->chain = chain_plan(&phase->rows, phase->result_count, phase->results);
        phases->impossible |= !phase->chain;
    }
    return !phases->impossible;
}

/* ---- Printing ---- */

/* While the longest chain computes, the next row comes. */
static void fetch_next_row(struct phased_kernel *phases) {
    struct phase *longest = &phases->list[0];
    for (int i = 1; i < phases->count; i++)
        if (chain_step_count(phases->list[i].chain) > chain_step_count(longest->chain))
            longest = &phases->list[i];
    chain_fetch(longest->chain);
}

static void place_results(struct phase *phase) {
    struct emitter *emitter = phase->rows.emitter;
    for (int i = 0; i < phase->result_count && phase->stores; i++)
        phase->results[i].place = rows_target(&phase->rows, &phase->stores[i]);
    for (int i = 0; i < phase->result_count && phase->reduced; i++)
        if (phase->results[i].reduction)
            phase->results[i].reduced = rows_target(&phase->rows, phase->reduced);
    if (phase->number)
        emit_line(emitter, "float %s;", phase->number);
}

static void print_phases(struct phased_kernel *phases, const char *row_count) {
    struct emitter *emitter = phases->emitter;
    struct arena *arena = emitter->ir->arena;
    int numbers[CHAIN_PHASES];
    for (int i = 0; i < phases->count; i++) {
        place_results(&phases->list[i]);
        numbers[i] = chain_arrays(phases->list[i].chain);
    }
    const char *name = arena_format(arena, "phases%d", emitter->value_count++);
    emit_line(emitter, "const struct row_phase %s[] = {", name);
    for (int i = 0; i < phases->count; i++)
        emit_line(emitter, "    {%s, %d, steps%d, operands%d, results%d}%s",
                  phases->list[i].block.column_count, chain_step_count(phases->list[i].chain),
                  numbers[i], numbers[i], numbers[i], i + 1 < phases->count ? "," : "};");
    rows_call(&phases->list[0].rows, "row_phases",
              "long rows, long count, const struct row_phase *phases",
              arena_format(arena, "%s, %d, %s", row_count, phases->count, name));
}

bool emit_kernel_in_phases(struct emitter *emitter, const struct kernel *kernel) {
    if (!is_row_by_row(kernel))
        return false;
    const struct statement *first = kernel->statements[0];
    const int outer = first->shared_count - 1;
    struct phased_kernel *phases = arena_new(emitter->ir->arena, struct phased_kernel);
    phases->emitter = emitter;
    phases->row = first->shared[outer];
    if (!plan_phases(phases, kernel))
        return false;
    fetch_next_row(phases);
    emit_begin_statements(emitter, kernel->statements, kernel->statement_count);
    emit_open_shared(emitter, first, outer);
    const int64_t extent = phases->row->extent;
    const bool looks = emit_is_long(emitter), part = phases->row == emitter->parallel_loop;
    const char *rows = part ? "end - begin" : arena_format(emitter->ir->arena, "%" PRId64, extent);
    if (looks)
        rows = emit_open_steps(emitter, "row", "rows", phases->row,
                               emit_steps_between_looks(emitter, extent));
    for (int i = 0; i < phases->count; i++)
        phases->list[i].block.row_strip = looks ? "row" : part ? "begin" : NULL;
    print_phases(phases, rows);
    emit_close_loops(emitter, outer + looks);
    return true;
}
