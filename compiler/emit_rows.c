/* Row operations: how the dialect for libtcc computes elementwise work.
 *
 * libtcc keeps nothing in registers, so its text does no arithmetic on elements: one call of the
 * runtime does one operation on a whole block of rows x columns, and intermediate blocks go through
 * small local arrays. This is possible where every access steps evenly along rows and columns;
 * where it is not (guards, divisions in an index, reductions), the caller prints plain loops. */
#include "emit.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_TEMPORARIES = 64 };

/* One operand of a row operation: text of a pointer, and its strides in elements. */
struct row_operand {
    const char *pointer;
    int64_t row, step;
};

struct row_value {
    const struct expression *expression;
    struct row_operand operand;
    int temporary; /* -1: none */
    int uses_left;
};

struct row_emitter {
    struct emitter *emitter;
    const struct row_block *block;
    int count;
    struct row_value *values; /* in order: sources first */
    int temporary_count;
    bool temporary_free[MAX_TEMPORARIES];
    enum dtype temporary_dtype[MAX_TEMPORARIES];
    int constant_count;
};

/* ---- What is possible ---- */

static bool has_row_operations(enum dtype dtype) {
    return dtype_facts[dtype].letter != 'S';
}

static bool is_even(const struct index *index, const struct row_block *block) {
    bool plain = true;
    if (block->row)
        index_coefficient(index, block->row, &plain);
    index_coefficient(index, block->column, &plain);
    return plain;
}

struct survey {
    const struct row_block *block;
    bool possible;
    int count;
};

static void survey_expression(void *context, const struct expression *e) {
    struct survey *survey = context;
    survey->count++;
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        break;
    case EXPRESSION_LOAD:
        survey->possible &= is_even(e->index, survey->block);
        break;
    case EXPRESSION_OP:
        survey->possible &= e->op != OP_BITCAST;
        if (e->op != OP_CAST)
            survey->possible &=
                has_row_operations(e->dtype) && has_row_operations(e->sources[0]->dtype);
        break;
    case EXPRESSION_INDEX:
    case EXPRESSION_GUARD:
    case EXPRESSION_REDUCE:
        survey->possible = false;
        break;
    }
}

/* ---- Operands ---- */

static struct row_value *find_value(struct row_emitter *rows, const struct expression *e) {
    for (int i = 0; i < rows->count; i++)
        if (rows->values[i].expression == e)
            return &rows->values[i];
    unreachable();
}

static const struct index *block_begin(struct row_emitter *rows, const struct index *index) {
    struct ir *ir = rows->emitter->ir;
    const struct axis *axes[2];
    const struct index *zeros[2];
    int count = 0;
    axes[count] = rows->block->column;
    zeros[count++] = index_constant(ir, 0);
    if (rows->block->row) {
        axes[count] = rows->block->row;
        zeros[count++] = index_constant(ir, 0);
    }
    struct substitution substitution = {.count = count, .axes = axes, .values = zeros};
    return index_substitute(ir, index, &substitution);
}

static struct row_operand memory_operand(struct row_emitter *rows, const char *name,
                                         const struct index *address) {
    bool plain = true;
    const char *begin = emit_index(rows->emitter, block_begin(rows, address));
    struct row_operand operand = {
        .pointer = strcmp(begin, "0") == 0
                       ? name
                       : arena_format(rows->emitter->ir->arena, "%s + %s", name, begin),
        .row = rows->block->row ? index_coefficient(address, rows->block->row, &plain) : 0,
        .step = index_coefficient(address, rows->block->column, &plain)};
    if (rows->block->strip) /* the columns of a strip begin further on */
        operand.pointer = operand.step == 1 ? arena_format(rows->emitter->ir->arena, "%s + %s",
                                                           operand.pointer, rows->block->strip)
                          : operand.step == 0
                              ? operand.pointer
                              : arena_format(rows->emitter->ir->arena, "%s + %" PRId64 " * %s",
                                             operand.pointer, operand.step, rows->block->strip);
    return operand;
}

static struct row_operand constant_operand(struct row_emitter *rows, const struct expression *e) {
    const char *name = arena_format(rows->emitter->ir->arena, "constant%d", rows->constant_count++);
    emit_line(rows->emitter, "const %s %s = %s;", dtype_facts[e->dtype].c_type, name,
              emit_constant(rows->emitter, e->dtype, e->bits));
    return (struct row_operand){.pointer = arena_format(rows->emitter->ir->arena, "&%s", name)};
}

static int take_temporary(struct row_emitter *rows, enum dtype dtype) {
    for (int i = 0; i < rows->temporary_count; i++)
        if (rows->temporary_free[i] && rows->temporary_dtype[i] == dtype) {
            rows->temporary_free[i] = false;
            return i;
        }
    if (rows->temporary_count == MAX_TEMPORARIES)
        return -1;
    int taken = rows->temporary_count++;
    rows->temporary_dtype[taken] = dtype;
    rows->temporary_free[taken] = false;
    emit_line(rows->emitter, "%s block%d[%" PRId64 "];", dtype_facts[dtype].c_type, taken,
              rows->block->elements);
    return taken;
}

static struct row_operand use(struct row_emitter *rows, const struct expression *e) {
    struct row_value *value = find_value(rows, e);
    if (e->kind == EXPRESSION_CONSTANT && !value->operand.pointer)
        value->operand = constant_operand(rows, e);
    if (e->kind == EXPRESSION_LOAD && !value->operand.pointer)
        value->operand = memory_operand(rows, e->buffer->name, e->index);
    return value->operand;
}

static void end_use(struct row_emitter *rows, const struct expression *e) {
    struct row_value *value = find_value(rows, e);
    if (--value->uses_left == 0 && value->temporary >= 0)
        rows->temporary_free[value->temporary] = true;
}

/* ---- Calls ---- */

/* Remembers a row function, to be declared once. */
static void declare(struct emitter *emitter, const char *name, enum dtype result, int count,
                    const enum dtype *dtypes) {
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < emitter->row_function_count; i++)
        if (strcmp(emitter->row_functions[i].name, name) == 0)
            return;
    struct text text = {0};
    text_add(&text,
             "void %s(long rows, long columns, %s *result, long result_row, long result_step", name,
             dtype_facts[result].c_type);
    for (int i = 0; i < count; i++)
        text_add(&text, ",\n        const %s *%s, long %s_row, long %s_step",
                 dtype_facts[dtypes[i]].c_type, names[i], names[i], names[i]);
    text_add(&text, ");\n");
    if (emitter->row_function_count == MAX_ROW_FUNCTIONS)
        unreachable();
    emitter->row_functions[emitter->row_function_count++] = (struct row_function){
        .name = name, .declaration = arena_copy_text(emitter->ir->arena, text.bytes)};
    text_free(&text);
}

static void add_operand(struct text *text, size_t *column, struct row_operand operand) {
    struct text argument = {0};
    text_add(&argument, "%s, %" PRId64 ", %" PRId64, operand.pointer, operand.row, operand.step);
    bool breaks = *column + argument.length + 2 > 98;
    text_add(text, breaks ? ",\n        %s" : ", %s", argument.bytes ? argument.bytes : "");
    *column = breaks ? 8 + argument.length : *column + 2 + argument.length;
    text_free(&argument);
}

static void emit_row_call(struct row_emitter *rows, const char *name, enum dtype result_dtype,
                          struct row_operand result, int count, const struct row_operand *operands,
                          const enum dtype *dtypes) {
    struct text text = {0};
    declare(rows->emitter, name, result_dtype, count, dtypes);
    text_add(&text, "%s(%s, %s", name, rows->block->row_count, rows->block->column_count);
    size_t column = text.length + 4 * (size_t)rows->emitter->indent;
    add_operand(&text, &column, result);
    for (int i = 0; i < count; i++)
        add_operand(&text, &column, operands[i]);
    emit_line(rows->emitter, "%s);", text.bytes ? text.bytes : "");
    text_free(&text);
}

static const char *function_name(struct row_emitter *rows, const struct expression *e) {
    struct arena *arena = rows->emitter->ir->arena;
    const char *from = dtype_facts[e->sources[0]->dtype].short_name;
    if (e->op == OP_CAST)
        return arena_format(arena, "row_convert_%s_%s", from, dtype_facts[e->dtype].short_name);
    return arena_format(arena, "row_%s_%s",
                        e->op == OP_WHERE ? dtype_facts[e->dtype].short_name : from,
                        op_facts[e->op].name);
}

static void emit_row_op(struct row_emitter *rows, const struct expression *e,
                        struct row_operand result) {
    struct row_operand operands[3];
    enum dtype dtypes[3];
    for (int i = 0; i < e->source_count; i++) {
        operands[i] = use(rows, e->sources[i]);
        dtypes[i] = e->sources[i]->dtype;
    }
    emit_row_call(rows, function_name(rows, e), e->dtype, result, e->source_count, operands,
                  dtypes);
    for (int i = 0; i < e->source_count; i++)
        end_use(rows, e->sources[i]);
}

static struct row_operand temporary_operand(struct row_emitter *rows, int temporary) {
    return (struct row_operand){.pointer =
                                    arena_format(rows->emitter->ir->arena, "block%d", temporary),
                                .row = rows->block->column_limit,
                                .step = 1};
}

/* The last operation writes where the kernel stores; floats that leave the graph lose odd NaNs. */
static void emit_row_store(struct row_emitter *rows, const struct store *store) {
    struct arena *arena = rows->emitter->ir->arena;
    const struct buffer *output = store->output;
    const struct expression *value = store->value;
    struct row_operand target = memory_operand(rows, output->name, store->address);
    bool canonical = output->kind == BUFFER_OUTPUT && output->dtype == DTYPE_FLOAT32;
    if (value->kind == EXPRESSION_OP && !canonical) {
        emit_row_op(rows, value, target);
        return;
    }
    struct row_operand operand;
    if (value->kind == EXPRESSION_OP) {
        int temporary = take_temporary(rows, value->dtype);
        operand = temporary_operand(rows, temporary);
        emit_row_op(rows, value, operand);
    } else {
        operand = use(rows, value);
    }
    const char *name = arena_format(arena, "row_%s_%s", dtype_facts[output->dtype].short_name,
                                    canonical ? "canonical" : "copy");
    emit_row_call(rows, name, output->dtype, target, 1, &operand, &output->dtype);
}

/* ---- All together ---- */

static void list_value(void *context, const struct expression *e) {
    struct row_emitter *rows = context;
    rows->values[rows->count++] = (struct row_value){.expression = e, .temporary = -1};
    for (int i = 0; i < e->source_count; i++)
        find_value(rows, e->sources[i])->uses_left++;
}

bool emit_rows_possible(struct emitter *emitter, const struct store *store,
                        const struct row_block *block) {
    struct survey survey = {.block = block, .possible = true};
    const struct expression *value = store->value;
    expression_walk(emitter->ir, value, survey_expression, &survey);
    bool stored_only = !has_row_operations(store->output->dtype) &&
                       !(value->kind == EXPRESSION_OP && value->op == OP_CAST &&
                         store->output->kind != BUFFER_OUTPUT);
    return survey.possible && !stored_only && is_even(store->address, block) &&
           survey.count < MAX_TEMPORARIES;
}

void emit_rows(struct emitter *emitter, const struct store *store, const struct row_block *block) {
    const struct expression *value = store->value;
    struct row_emitter rows = {.emitter = emitter, .block = block};
    rows.values = arena_array(emitter->ir->arena, struct row_value, MAX_TEMPORARIES);
    expression_walk(emitter->ir, value, list_value, &rows);
    for (int i = 0; i < rows.count; i++) {
        struct row_value *row_value = &rows.values[i];
        const struct expression *e = row_value->expression;
        if (e->kind != EXPRESSION_OP || e == value)
            continue;
        row_value->temporary = take_temporary(&rows, e->dtype);
        row_value->operand = temporary_operand(&rows, row_value->temporary);
        emit_row_op(&rows, e, row_value->operand);
    }
    emit_row_store(&rows, store);
}
