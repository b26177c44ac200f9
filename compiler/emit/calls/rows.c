/* Row operations: how text for libtcc computes.
 *
 * libtcc keeps nothing in registers, so its text does no arithmetic on elements: one call of the
 * runtime does one operation on a whole block of rows x columns, and intermediate blocks go through
 * small local arrays. runtime/kernels/rows.h tells what can be called. This is possible where
 * every access steps evenly along rows and columns, and guards choose for a whole row; where it is
 * not (other guards, divisions in an index), the caller prints plain loops. */
#include "compiler/emit/calls/rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- What is possible ---- */

static bool has_row_operations(enum dtype dtype) {
    return dtype_facts[dtype].letter != 'S';
}

bool rows_are_even(const struct index *index, const struct row_block *block) {
    bool plain = true;
    if (block->row)
        index_coefficient(index, block->row, &plain);
    index_coefficient(index, block->column, &plain);
    return plain;
}

/* where(p < 0, p + extent, p), as positions are that may count from the end: p. */
static void unwrap(struct row_lookup *lookup) {
    const struct expression *e = lookup->position;
    if (e->kind != EXPRESSION_OP || e->op != OP_WHERE)
        return;
    const struct expression *test = e->sources[0], *moved = e->sources[1], *p = e->sources[2];
    if (test->kind != EXPRESSION_OP || test->op != OP_LT || test->sources[0] != p ||
        test->sources[1]->kind != EXPRESSION_CONSTANT || test->sources[1]->bits ||
        moved->kind != EXPRESSION_OP || moved->op != OP_ADD || moved->sources[0] != p ||
        moved->sources[1]->kind != EXPRESSION_CONSTANT ||
        moved->sources[1]->bits != (uint64_t)lookup->extent)
        return;
    lookup->position = p;
    lookup->wrap = lookup->extent;
}

bool rows_lookup(struct ir *ir, const struct expression *e, struct row_lookup *lookup) {
    const struct expression *load = e->sources[0], *none = e->sources[1];
    if (e->predicate_count != 1 || load->kind != EXPRESSION_LOAD ||
        none->kind != EXPRESSION_CONSTANT || none->bits)
        return false;
    const struct predicate *predicate = &e->predicates[0];
    if (predicate->index->count != 1 || predicate->index->constant || predicate->lower ||
        predicate->index->terms[0].coefficient != 1 ||
        predicate->index->terms[0].atom->kind != ATOM_VALUE)
        return false;
    *lookup = (struct row_lookup){.load = load,
                                  .position = predicate->index->terms[0].atom->value,
                                  .extent = predicate->upper,
                                  .rest = index_constant(ir, load->index->constant)};
    for (int i = 0; i < load->index->count; i++) {
        const struct index_term *term = &load->index->terms[i];
        if (term->atom->kind == ATOM_VALUE && term->atom->value == lookup->position)
            lookup->stride = term->coefficient;
        else if (term->atom->kind == ATOM_AXIS)
            lookup->rest =
                index_add(ir, lookup->rest,
                          index_scale(ir, index_axis(ir, term->atom->axis), term->coefficient));
        else
            return false;
    }
    unwrap(lookup);
    return lookup->stride != 0 &&
           (lookup->position->dtype == DTYPE_INT32 || lookup->position->dtype == DTYPE_INT64);
}

/* Whether a guard chooses for a whole row of the block between memory and a constant. */
static bool guards_row(const struct expression *e, const struct row_block *block) {
    const struct expression *load = e->sources[0];
    if (block->row || load->kind != EXPRESSION_LOAD || !rows_are_even(load->index, block) ||
        e->sources[1]->kind != EXPRESSION_CONSTANT)
        return false;
    for (int i = 0; i < e->predicate_count; i++)
        if (index_uses(e->predicates[i].index, block->column))
            return false;
    return true;
}

struct survey {
    struct ir *ir;
    const struct row_block *block;
    int count;
    const struct expression *seen[MAX_ROW_VALUES];
};

static bool survey(struct survey *found, const struct expression *e);

static bool survey_sources(struct survey *found, const struct expression *e) {
    for (int i = 0; i < e->source_count; i++)
        if (!survey(found, e->sources[i]))
            return false;
    return true;
}

static bool survey_op(struct survey *found, const struct expression *e) {
    bool stored_only = !has_row_operations(e->dtype) ||
                       !has_row_operations(e->sources[e->source_count - 1]->dtype);
    if (e->op == OP_BITCAST || (stored_only && e->op != OP_CAST))
        return false;
    return survey_sources(found, e);
}

static bool survey(struct survey *found, const struct expression *e) {
    struct row_lookup lookup;
    for (int i = 0; i < found->count; i++)
        if (found->seen[i] == e)
            return true;
    if (found->count == MAX_ROW_VALUES)
        return false;
    found->seen[found->count++] = e;
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        return true;
    case EXPRESSION_INDEX:
        return rows_are_even(e->index, found->block) &&
               (e->dtype == DTYPE_INT32 || e->dtype == DTYPE_INT64);
    case EXPRESSION_LOAD:
        return rows_are_even(e->index, found->block);
    case EXPRESSION_OP:
        return survey_op(found, e);
    case EXPRESSION_GUARD:
        if (!rows_lookup(found->ir, e, &lookup))
            return guards_row(e, found->block);
        return rows_are_even(lookup.rest, found->block) && survey(found, lookup.position);
    case EXPRESSION_REDUCE:
        return rows_can_reduce(found->ir, e, found->block);
    case EXPRESSION_SCAN:
    case EXPRESSION_WHOLE:
        break;
    }
    unreachable();
}

bool rows_can(struct ir *ir, const struct expression *e, const struct row_block *block) {
    struct survey found = {.ir = ir, .block = block};
    return survey(&found, e);
}

/* ---- Calls ---- */

/* Breaks the arguments into lines at commas. */
void rows_call(struct row_emitter *rows, const char *name, const char *parameters,
               const char *arguments) {
    struct emitter *emitter = rows->emitter;
    struct text text = text_in(emitter->ir->arena);
    emit_runtime_function(emitter, name, parameters);
    text_add(&text, "%s(", name);
    size_t column = text.length + 4 * (size_t)emitter->indent;
    while (*arguments) {
        size_t length = strcspn(arguments, ",");
        length += arguments[length] == ',';
        if (column + length > 98) {
            text_add(&text, "\n%*s", 4 * (emitter->indent + 2), "");
            column = 4 * (size_t)emitter->indent + 8;
            length -= *arguments == ' ';
            arguments += *arguments == ' ';
        }
        text_add(&text, "%.*s", (int)length, arguments);
        column += length;
        arguments += length;
    }
    emit_line(emitter, "%s);", text_keep(&text));
}

const char *rows_operand_text(struct row_emitter *rows, struct row_operand operand) {
    return arena_format(rows->emitter->ir->arena, "%s, %" PRId64 ", %" PRId64, operand.pointer,
                        operand.row, operand.step);
}

/* What goes into an elementwise call, beside the result. */
struct row_arguments {
    int count;
    bool turned; /* the block's first column, as a row */
    struct row_operand operands[3];
    enum dtype dtypes[3];
};

/* name(rows, columns, result, operands..., more). */
static void call_elementwise(struct row_emitter *rows, const char *name, enum dtype result_dtype,
                             struct row_operand result, const struct row_arguments *arguments,
                             const char *more_parameters, const char *more) {
    static const char *const names[] = {"a", "b", "c"};
    struct arena *arena = rows->emitter->ir->arena;
    const char *parameters = arena_format(
        arena, "long rows, long columns, %s *result, long result_row, long result_step",
        dtype_facts[result_dtype].c_type);
    const char *text =
        arena_format(arena, "%s, %s, %s", arguments->turned ? "1" : rows->block->row_count,
                     arguments->turned ? rows->block->row_count : rows->block->column_count,
                     rows_operand_text(rows, result));
    for (int i = 0; i < arguments->count; i++) {
        parameters =
            arena_format(arena, "%s,\n        const %s *%s, long %s_row, long %s_step", parameters,
                         dtype_facts[arguments->dtypes[i]].c_type, names[i], names[i], names[i]);
        text = arena_format(arena, "%s, %s", text, rows_operand_text(rows, arguments->operands[i]));
    }
    rows_call(rows, name, arena_format(arena, "%s%s", parameters, more_parameters),
              arena_format(arena, "%s%s", text, more));
}

/* ---- Operands ---- */

static struct row_value *find_value(struct row_emitter *rows, const struct expression *e) {
    for (int i = 0; i < rows->count; i++)
        if (rows->values[i].expression == e)
            return &rows->values[i];
    return NULL;
}

/* An index at the block's first element. */
static const struct index *block_begin(struct row_emitter *rows, const struct index *index) {
    struct ir *ir = rows->emitter->ir;
    const struct axis *axes[] = {rows->block->column, rows->block->row};
    const struct index *zeros[] = {index_constant(ir, 0), index_constant(ir, 0)};
    struct substitution substitution = {
        .count = rows->block->row ? 2 : 1, .axes = axes, .values = zeros};
    return index_substitute(ir, index, &substitution);
}

static const char *plus(struct row_emitter *rows, const char *pointer, const char *strip,
                        int64_t step) {
    struct arena *arena = rows->emitter->ir->arena;
    if (!strip || step == 0)
        return pointer;
    return step == 1 ? arena_format(arena, "%s + %s", pointer, strip)
                     : arena_format(arena, "%s + %" PRId64 " * %s", pointer, step, strip);
}

struct row_operand rows_memory(struct row_emitter *rows, const char *name,
                               const struct index *address) {
    const struct row_block *block = rows->block;
    bool plain = true;
    const char *begin = emit_index(rows->emitter, block_begin(rows, address));
    struct row_operand operand = {
        .pointer = strcmp(begin, "0") == 0
                       ? name
                       : arena_format(rows->emitter->ir->arena, "%s + %s", name, begin),
        .row = block->row ? index_coefficient(address, block->row, &plain) : 0,
        .step = index_coefficient(address, block->column, &plain)};
    operand.pointer = plus(rows, operand.pointer, block->row_strip, operand.row);
    operand.pointer = plus(rows, operand.pointer, block->strip, operand.step);
    return operand;
}

static struct row_operand constant_operand(struct row_emitter *rows, const struct expression *e) {
    struct emitter *emitter = rows->emitter;
    const char *name = arena_format(emitter->ir->arena, "constant%d", emitter->value_count++);
    emit_line(emitter, "const %s %s = %s;", dtype_facts[e->dtype].c_type, name,
              emit_constant(emitter, e->dtype, e->bits));
    return (struct row_operand){.pointer = arena_format(emitter->ir->arena, "&%s", name)};
}

static const char *block_name(struct row_emitter *rows, int temporary) {
    return arena_format(rows->emitter->ir->arena, "block%d", rows->first_temporary + temporary);
}

static int take_temporary(struct row_emitter *rows, enum dtype dtype) {
    struct arena *arena = rows->emitter->ir->arena;
    int taken = 0;
    while (taken < rows->temporary_count &&
           !(rows->temporaries[taken].free && rows->temporaries[taken].dtype == dtype))
        taken++;
    if (taken == rows->temporary_count) {
        rows->temporaries = arena_extend(arena, rows->temporaries, rows->temporary_count++,
                                         &rows->temporary_capacity, sizeof *rows->temporaries);
        emit_aligned_array(rows->emitter, dtype_facts[dtype].c_type, block_name(rows, taken),
                           arena_format(arena, "%" PRId64, rows->block->elements));
    }
    rows->temporaries[taken] = (struct row_temporary){.dtype = dtype};
    return taken;
}

static struct row_operand temporary_operand(struct row_emitter *rows, int temporary) {
    return (struct row_operand){
        .pointer = block_name(rows, temporary), .row = rows->block->column_limit, .step = 1};
}

struct row_operand rows_place(struct row_emitter *rows, enum dtype dtype) {
    return temporary_operand(rows, take_temporary(rows, dtype));
}

static void fill(struct row_emitter *rows, struct row_operand place, const struct expression *e) {
    struct arena *arena = rows->emitter->ir->arena;
    struct row_operand value = constant_operand(rows, e);
    struct row_arguments none = {0};
    call_elementwise(rows, arena_format(arena, "row_%s_fill", dtype_facts[e->dtype].short_name),
                     e->dtype, place, &none,
                     arena_format(arena, ", const %s *value", dtype_facts[e->dtype].c_type),
                     arena_format(arena, ", %s", value.pointer));
}

/* A constant in all columns: guards have the same one, as a rule. */
static struct row_operand filled_operand(struct row_emitter *rows, const struct expression *e) {
    const struct expression *known = rows->filled;
    if (!known || known->dtype != e->dtype || known->bits != e->bits) {
        rows->filled = e;
        rows->filled_place = rows_place(rows, e->dtype);
        fill(rows, rows->filled_place, e);
    }
    return rows->filled_place;
}

static void copy_load(struct row_emitter *rows, const struct expression *load,
                      struct row_operand place) {
    struct row_arguments arguments = {
        .count = 1,
        .operands = {rows_memory(rows, load->buffer->name, load->index)},
        .dtypes = {load->dtype}};
    call_elementwise(
        rows,
        arena_format(rows->emitter->ir->arena, "row_%s_copy", dtype_facts[load->dtype].short_name),
        load->dtype, place, &arguments, "", "");
}

/* What a guard chooses for the row: a pointer to memory where it holds, else to the constant. What
 * does not lie side by side is copied over the constant. */
static struct row_operand guarded_operand(struct row_emitter *rows, const struct expression *e) {
    struct emitter *emitter = rows->emitter;
    const struct expression *load = e->sources[0], *constant = e->sources[1];
    struct row_operand inside = rows_memory(rows, load->buffer->name, load->index), chosen;
    if (inside.step == 0 || inside.step == 1) {
        chosen = inside.step ? filled_operand(rows, constant) : constant_operand(rows, constant);
        const char *name = arena_format(emitter->ir->arena, "guarded%d", emitter->value_count++);
        emit_line(emitter, "const %s *%s = %s;", dtype_facts[e->dtype].c_type, name,
                  chosen.pointer);
        emit_open(emitter, "if (%s) {", emit_predicates(emitter, e));
        emit_line(emitter, "%s = %s;", name, inside.pointer);
        chosen.pointer = name;
    } else {
        chosen = rows_place(rows, e->dtype);
        fill(rows, chosen, constant);
        emit_open(emitter, "if (%s) {", emit_predicates(emitter, e));
        copy_load(rows, load, chosen);
    }
    emit_close(emitter);
    chosen.row = 0;
    return chosen;
}

static struct row_operand use(struct row_emitter *rows, const struct expression *e) {
    struct row_value *value = find_value(rows, e);
    if (e->kind == EXPRESSION_CONSTANT && !value->operand.pointer)
        value->operand = constant_operand(rows, e);
    if (e->kind == EXPRESSION_LOAD && !value->operand.pointer)
        value->operand = rows_memory(rows, e->buffer->name, e->index);
    if (e->kind == EXPRESSION_GUARD && !value->operand.pointer)
        value->operand = guarded_operand(rows, e);
    return value->operand;
}

static void end_use(struct row_emitter *rows, const struct expression *e) {
    struct row_value *value = find_value(rows, e);
    if (--value->uses_left == 0 && value->temporary >= 0)
        rows->temporaries[value->temporary].free = true;
}

/* ---- One value ---- */

static const char *function_name(struct row_emitter *rows, const struct expression *e) {
    struct arena *arena = rows->emitter->ir->arena;
    const char *from = dtype_facts[e->sources[0]->dtype].short_name;
    if (e->op == OP_CAST)
        return arena_format(arena, "row_convert_%s_%s", from, dtype_facts[e->dtype].short_name);
    return arena_format(arena, "row_%s_%s",
                        e->op == OP_WHERE ? dtype_facts[e->dtype].short_name : from,
                        op_facts[e->op].name);
}

/* The first column of an operand, as a row. */
static struct row_operand turned(struct row_operand operand) {
    return (struct row_operand){.pointer = operand.pointer, .step = operand.row};
}

static void compute_op(struct row_emitter *rows, const struct expression *e,
                       struct row_operand result) {
    bool one_column = result.step == 0 && rows->block->column_limit != 1;
    struct row_arguments arguments = {.count = e->source_count, .turned = one_column};
    if (arguments.turned)
        result = turned(result);
    for (int i = 0; i < e->source_count; i++) {
        struct row_operand operand = use(rows, e->sources[i]);
        arguments.operands[i] = arguments.turned ? turned(operand) : operand;
        arguments.dtypes[i] = e->sources[i]->dtype;
    }
    call_elementwise(rows, function_name(rows, e), e->dtype, result, &arguments, "", "");
    for (int i = 0; i < e->source_count; i++)
        end_use(rows, e->sources[i]);
}

static void compute_index(struct row_emitter *rows, const struct expression *e,
                          struct row_operand result) {
    struct arena *arena = rows->emitter->ir->arena;
    struct row_operand first = rows_memory(rows, "0", e->index);
    struct row_arguments none = {0};
    call_elementwise(rows, arena_format(arena, "row_%s_iota", dtype_facts[e->dtype].short_name),
                     e->dtype, result, &none, ", long first, long by_row, long by_column",
                     arena_format(arena, ", %s", rows_operand_text(rows, first)));
}

static void compute_lookup(struct row_emitter *rows, const struct expression *e,
                           struct row_operand result) {
    struct arena *arena = rows->emitter->ir->arena;
    struct row_lookup lookup;
    rows_lookup(rows->emitter->ir, e, &lookup);
    struct row_arguments arguments = {
        .count = 2,
        .operands = {rows_memory(rows, lookup.load->buffer->name, lookup.rest),
                     use(rows, lookup.position)},
        .dtypes = {e->dtype, lookup.position->dtype}};
    call_elementwise(rows,
                     arena_format(arena, "row_%s_gather_%s", dtype_facts[e->dtype].short_name,
                                  dtype_facts[lookup.position->dtype].short_name),
                     e->dtype, result, &arguments, ", long extent, long stride, long wrap",
                     arena_format(arena, ", %" PRId64 ", %" PRId64 ", %" PRId64, lookup.extent,
                                  lookup.stride, lookup.wrap));
    end_use(rows, lookup.position);
}

/* Whether a value is computed, and not just read. */
static bool is_computed(struct row_emitter *rows, const struct expression *e) {
    struct row_lookup lookup;
    if (e->kind == EXPRESSION_GUARD)
        return rows_lookup(rows->emitter->ir, e, &lookup);
    return e->kind != EXPRESSION_CONSTANT && e->kind != EXPRESSION_LOAD;
}

static void compute(struct row_emitter *rows, const struct expression *e,
                    struct row_operand result) {
    switch (e->kind) {
    case EXPRESSION_OP:
        compute_op(rows, e, result);
        return;
    case EXPRESSION_INDEX:
        compute_index(rows, e, result);
        return;
    case EXPRESSION_GUARD:
        compute_lookup(rows, e, result);
        return;
    case EXPRESSION_REDUCE:
        rows_reduce(rows, e, result);
        return;
    case EXPRESSION_CONSTANT:
    case EXPRESSION_LOAD:
    case EXPRESSION_SCAN:
    case EXPRESSION_WHOLE:
        break;
    }
    unreachable();
}

/* ---- All together ---- */

/* Lists a value after those that it is made of, and counts its users. */
static void list_value(struct row_emitter *rows, const struct expression *e) {
    struct row_lookup lookup;
    struct row_value *known = find_value(rows, e);
    if (known) {
        known->uses_left++;
        return;
    }
    if (e->kind == EXPRESSION_OP)
        for (int i = 0; i < e->source_count; i++)
            list_value(rows, e->sources[i]);
    if (e->kind == EXPRESSION_GUARD && rows_lookup(rows->emitter->ir, e, &lookup))
        list_value(rows, lookup.position);
    rows->values = arena_extend(rows->emitter->ir->arena, rows->values, rows->count,
                                &rows->capacity, sizeof *rows->values);
    rows->values[rows->count++] =
        (struct row_value){.expression = e, .temporary = -1, .uses_left = 1};
}

struct row_operand rows_target(struct row_emitter *rows, const struct store *store) {
    return rows_memory(rows, store->output->name, store->address);
}

bool rows_are_canonical(const struct store *store) {
    return store->output->kind == BUFFER_OUTPUT && dtype_is_real(store->output->dtype) &&
           !store->unfinished;
}

/* The first store that takes a value as it is computed; NULL where none does. */
static const struct store *storing(int count, const struct store *stores,
                                   const struct expression *value) {
    for (int i = 0; i < count; i++)
        if (stores[i].value == value && !rows_are_canonical(&stores[i]))
            return &stores[i];
    return NULL;
}

/* Whether an operation has one result for all columns of a row. */
static bool is_same_along_rows(struct row_emitter *rows, const struct expression *e) {
    bool plain = true;
    if (e->kind != EXPRESSION_OP || rows->block->column_limit == 1)
        return false;
    for (int i = 0; i < e->source_count; i++) {
        const struct expression *source = e->sources[i];
        int64_t step = source->kind == EXPRESSION_CONSTANT ? 0
                       : source->kind == EXPRESSION_LOAD
                           ? index_coefficient(source->index, rows->block->column, &plain)
                           : use(rows, source).step;
        if (step != 0)
            return false;
    }
    return true;
}

/* Computes all listed values, those that are stored in their places. */
static void compute_listed(struct row_emitter *rows, int count, const struct store *stores) {
    for (int i = 0; i < rows->count; i++) {
        const struct expression *e = rows->values[i].expression;
        if (!is_computed(rows, e))
            continue;
        const struct store *store = storing(count, stores, e);
        int temporary = store ? -1 : take_temporary(rows, e->dtype);
        struct row_operand place =
            store ? rows_target(rows, store) : temporary_operand(rows, temporary);
        if (!store && is_same_along_rows(rows, e))
            place = (struct row_operand){.pointer = place.pointer, .row = 1};
        rows->values[i].temporary = temporary;
        rows->values[i].operand = place;
        compute(rows, e, place);
    }
}

struct row_operand rows_evaluate(struct row_emitter *rows, const struct expression *e) {
    if (is_chain(rows, e)) {
        struct chain_result result = {.value = e, .place = rows_place(rows, e->dtype)};
        emit_chain(rows, 1, &result);
        return result.place;
    }
    list_value(rows, e);
    compute_listed(rows, 0, NULL);
    return use(rows, e);
}

/* A load with other steps, side by side. */
static struct row_operand copied(struct row_emitter *rows, const struct expression *load) {
    struct row_operand place = rows_place(rows, load->dtype);
    copy_load(rows, load, place);
    return place;
}

const struct row_operand *rows_reduced(const struct row_emitter *rows, const struct expression *e) {
    for (int i = 0; i < rows->reduced_count; i++)
        if (rows->reduced[i].reduction == e)
            return &rows->reduced[i].place;
    return NULL;
}

struct row_operand rows_operand(struct row_emitter *rows, const struct expression *e) {
    const struct row_operand *reduced = rows_reduced(rows, e);
    if (reduced)
        return *reduced;
    if (e->kind == EXPRESSION_CONSTANT)
        return constant_operand(rows, e);
    if (e->kind != EXPRESSION_LOAD) {
        rows->count = 0;
        return rows_evaluate(rows, e);
    }
    struct row_operand operand = rows_memory(rows, e->buffer->name, e->index);
    if (rows->block->column_limit == 1)
        operand.step = 0;
    return operand.step == 0 || operand.step == 1 ? operand : copied(rows, e);
}

bool emit_rows_possible(struct emitter *emitter, const struct store *store,
                        const struct row_block *block) {
    const struct expression *value = store->value;
    bool stored_only = !has_row_operations(store->output->dtype) &&
                       !(value->kind == EXPRESSION_OP && value->op == OP_CAST &&
                         store->output->kind != BUFFER_OUTPUT);
    return !stored_only && rows_are_even(store->address, block) &&
           rows_can(emitter->ir, value, block);
}

/* Stores a value that is somewhere already. */
static void copy_value(struct row_emitter *rows, const struct store *store) {
    const struct buffer *output = store->output;
    struct arena *arena = rows->emitter->ir->arena;
    bool fill = store->value->kind == EXPRESSION_CONSTANT && !rows_are_canonical(store);
    struct row_operand value = use(rows, store->value);
    struct row_arguments arguments = {
        .count = fill ? 0 : 1, .operands = {value}, .dtypes = {output->dtype}};
    const char *parameters =
        arena_format(arena, ", const %s *value", dtype_facts[output->dtype].c_type);
    call_elementwise(rows,
                     arena_format(arena, "row_%s_%s", dtype_facts[output->dtype].short_name,
                                  rows_are_canonical(store) ? "canonical"
                                  : fill                    ? "fill"
                                                            : "copy"),
                     output->dtype, rows_target(rows, store), &arguments, fill ? parameters : "",
                     fill ? arena_format(arena, ", %s", value.pointer) : "");
}

static bool emit_stores_as_chain(struct row_emitter *rows, int count, const struct store *stores) {
    struct chain_result *results =
        arena_array(rows->emitter->ir->arena, struct chain_result, (size_t)count);
    for (int i = 0; i < count; i++)
        results[i] = (struct chain_result){.value = stores[i].value,
                                           .place = rows_target(rows, &stores[i]),
                                           .canonical = rows_are_canonical(&stores[i])};
    return emit_chain(rows, count, results);
}

void emit_rows(struct emitter *emitter, int count, const struct store *stores,
               const struct row_block *block) {
    struct row_emitter rows = {.emitter = emitter, .block = block};
    if (emit_stores_as_chain(&rows, count, stores))
        return;
    for (int i = 0; i < count; i++)
        list_value(&rows, stores[i].value);
    compute_listed(&rows, count, stores);
    for (int i = 0; i < count; i++) {
        bool computed = is_computed(&rows, stores[i].value) &&
                        storing(count, stores, stores[i].value) == &stores[i];
        if (!computed)
            copy_value(&rows, &stores[i]);
        end_use(&rows, stores[i].value);
    }
}
