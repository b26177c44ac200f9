/* Reductions and contractions as row operations: a result for each element of a block.
 *
 * What is reduced lies in memory, or is itself computed by row operations, strip after strip, into
 * a small array. Where neighbours in memory belong to one result, a strip goes along that result's
 * elements; where they belong to neighbouring results, it goes down, all results side by side. */
#include "compiler/emit/calls/rows.h"

#include <inttypes.h>
#include <string.h>

enum {
    STRIP_ELEMENTS = 1024, /* of a strip: it stays in L1 */
};

/* One reduction over a block, whose results lie along its columns. */
struct reducing {
    struct row_emitter *rows;
    const struct expression *e;
    const struct axis *axis; /* the innermost of those that are reduced */
    bool down;
    int64_t results;  /* the greatest number */
    const char *stem; /* "row_f32_reduce_sum" */
    const char *type;
};

/* ---- What is possible ---- */

/* The block over which the elements of a reduction are computed: results by elements. */
static struct row_block element_block(const struct expression *e, const struct row_block *block,
                                      bool down) {
    const struct axis *inner = e->axes[e->axis_count - 1];
    struct row_block elements = {.row = down ? inner : block->column,
                                 .column = down ? block->column : inner};
    return elements;
}

static bool is_contract(const struct expression *e) {
    return e->op == OP_CONTRACT;
}

/* Both operands lie in memory and step evenly along everything. */
static bool can_contract(const struct expression *e, const struct row_block *block) {
    for (int i = 0; i < 2; i++) {
        const struct expression *operand = e->sources[i];
        bool plain = true;
        if (operand->kind != EXPRESSION_LOAD || !rows_are_even(operand->index, block))
            return false;
        for (int k = 0; k < e->axis_count; k++)
            index_coefficient(operand->index, e->axes[k], &plain);
        if (!plain)
            return false;
    }
    return true;
}

bool rows_can_reduce(struct ir *ir, const struct expression *e, const struct row_block *block) {
    if (is_contract(e))
        return can_contract(e, block);
    if (block->row || e->axis_count == 0 || dtype_facts[e->sources[0]->dtype].letter == 'S')
        return false;
    struct row_block elements = element_block(e, block, emit_reduces_down(ir, e, block->column));
    return rows_can(ir, e->sources[0], &elements);
}

/* ---- Contractions ---- */

/* The axes that are loops around the call, where it would take too long between two looks at
 * whether the run has to end: outermost first, the last of them in steps. */
struct contract_loops {
    int count, whole;    /* opened; of those, the ones that the call does not see */
    const char *partial; /* C text: how much of the next axis one call takes; NULL: all */
    const char *resume;  /* C text: whether there are sums to go on with */
};

static struct contract_loops open_contract_loops(struct emitter *emitter,
                                                 const struct expression *e) {
    struct arena *arena = emitter->ir->arena;
    struct contract_loops loops = {.resume = "0"};
    while (emit_is_long(emitter) && loops.whole < e->axis_count) {
        const struct axis *axis = e->axes[loops.whole];
        const char *at = emit_local_name(emitter, "r");
        int64_t step = emit_steps_between_looks(emitter, axis->extent);
        emit_name_axis(emitter, axis, at);
        if (step > 1)
            loops.partial =
                emit_open_steps(emitter, at, emit_local_name(emitter, "count"), axis, step);
        else
            emit_open_loop(emitter, axis, at, axis->extent, 1);
        loops.resume = loops.count++ ? arena_format(arena, "%s || %s > 0", loops.resume, at)
                                     : arena_format(arena, "%s > 0", at);
        if (step > 1)
            break;
        loops.whole++;
    }
    return loops;
}

static void contract(struct row_emitter *rows, const struct expression *e,
                     struct row_operand result) {
    struct emitter *emitter = rows->emitter;
    struct arena *arena = emitter->ir->arena;
    const struct contract_loops loops = open_contract_loops(emitter, e);
    const char *type = dtype_facts[e->dtype].c_type;
    struct text axes = text_in(arena);
    const char *operands[2];
    for (int i = 0; i < 2; i++) {
        const struct expression *load = e->sources[i];
        const struct index *base = load->index, *zeros[MAX_LOOPS];
        for (int k = 0; k < e->axis_count; k++)
            zeros[k] = k < loops.count ? index_axis(emitter->ir, e->axes[k])
                                       : index_constant(emitter->ir, 0);
        struct substitution substitution = {
            .count = e->axis_count, .axes = e->axes, .values = zeros};
        base = index_substitute(emitter->ir, base, &substitution);
        operands[i] = rows_operand_text(rows, rows_memory(rows, load->buffer->name, base));
    }
    for (int k = loops.whole; k < e->axis_count; k++) {
        bool plain = true;
        const char *extent =
            k < loops.count ? loops.partial : arena_format(arena, "%" PRId64, e->axes[k]->extent);
        text_add(&axes, "%s%s, %" PRId64 ", %" PRId64, axes.length ? ", " : "", extent,
                 index_coefficient(e->sources[0]->index, e->axes[k], &plain),
                 index_coefficient(e->sources[1]->index, e->axes[k], &plain));
    }
    const char *name = arena_format(arena, "sums%d", emitter->value_count++);
    emit_line(emitter, "%sconst long %s[] = {%s};", loops.partial ? "" : "static ", name,
              axes.length ? text_keep(&axes) : "0");
    rows_call(rows, arena_format(arena, "row_%s_contract", dtype_facts[e->dtype].short_name),
              arena_format(arena,
                           "long rows, long columns, %s *result, long result_row,\n"
                           "        long result_step, const %s *a, long a_row, long a_step, "
                           "const %s *b,\n        long b_row, long b_step, long resume, "
                           "long axes, const long *axis",
                           type, type, type),
              arena_format(arena, "%s, %s, %s, %s, %s, %s, %d, %s", rows->block->row_count,
                           rows->block->column_count, rows_operand_text(rows, result), operands[0],
                           operands[1], loops.resume, e->axis_count - loops.whole, name));
    emit_close_loops(emitter, loops.count);
}

/* ---- Reductions ---- */

static bool finds_position(const struct expression *e) {
    return e->op == OP_ARGMAX || e->op == OP_ARGMIN;
}

/* All elements in memory, along one axis: one call does it. */
static void reduce_at_once(const struct reducing *reducing, struct row_operand elements,
                           struct row_operand result) {
    struct arena *arena = reducing->rows->emitter->ir->arena;
    const struct row_block *block = reducing->rows->block;
    const char *into = finds_position(reducing->e) ? "int32_t" : reducing->type;
    /* a row is a result, whose elements are the columns */
    struct row_operand a = {elements.pointer, reducing->down ? elements.step : elements.row,
                            reducing->down ? elements.row : elements.step};
    rows_call(reducing->rows, reducing->stem,
              arena_format(arena,
                           "long rows, long columns, %s *result, long result_step,\n"
                           "        const %s *a, long a_row, long a_step",
                           into, reducing->type),
              arena_format(arena, "%s, %" PRId64 ", %s, %" PRId64 ", %s", block->column_count,
                           reducing->axis->extent, result.pointer, result.step,
                           rows_operand_text(reducing->rows, a)));
}

/* What a strip is added to: lanes, or the best so far and where it was. */
struct accumulator {
    const char *names;      /* "lanes0", "best0, where0": arguments */
    const char *parameters; /* their declaration */
    const char *result;     /* what holds the results in the end, without a call; NULL: lanes */
};

static struct accumulator begin_accumulator(const struct reducing *reducing) {
    struct emitter *emitter = reducing->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    struct accumulator accumulator = {0};
    int number = emitter->value_count++;
    if (finds_position(reducing->e)) {
        emit_line(emitter, "%s best%d[%" PRId64 "];", reducing->type, number, reducing->results);
        emit_line(emitter, "int32_t where%d[%" PRId64 "];", number, reducing->results);
        accumulator.names = arena_format(arena, "best%d, where%d", number, number);
        accumulator.parameters = arena_format(arena, "%s *best, int32_t *where", reducing->type);
        accumulator.result = arena_format(arena, "where%d", number);
    } else {
        accumulator.names = arena_format(arena, "lanes%d", number);
        emit_aligned_array(emitter, reducing->type, accumulator.names,
                           arena_format(arena, "%" PRId64, reducing->results * REDUCTION_LANES));
        accumulator.parameters = arena_format(arena, "%s *lanes", reducing->type);
    }
    rows_call(
        reducing->rows, arena_format(arena, "%s_begin", reducing->stem),
        arena_format(arena, "long results, %s", accumulator.parameters),
        arena_format(arena, "%s, %s", reducing->rows->block->column_count, accumulator.names));
    return accumulator;
}

static void end_accumulator(const struct reducing *reducing, const struct accumulator *accumulator,
                            struct row_operand result) {
    struct arena *arena = reducing->rows->emitter->ir->arena;
    const char *count = reducing->rows->block->column_count;
    if (accumulator->result) {
        rows_call(reducing->rows, "row_i32_copy",
                  "long rows, long columns, int32_t *result, long result_row, long result_step,\n"
                  "        const int32_t *a, long a_row, long a_step",
                  arena_format(arena, "1, %s, %s, 0, %" PRId64 ", %s, 0, 1", count, result.pointer,
                               result.step, accumulator->result));
        return;
    }
    rows_call(reducing->rows,
              arena_format(arena, "%s_%s_end", reducing->stem, reducing->down ? "down" : "along"),
              arena_format(arena, "long results, %s *result, long result_step, const %s *lanes",
                           reducing->type, reducing->type),
              arena_format(arena, "%s, %s, %" PRId64 ", %s", count, result.pointer, result.step,
                           accumulator->names));
}

/* The position, among all that a result has, of where the innermost axis begins. */
static const char *first_position(const struct reducing *reducing) {
    struct ir *ir = reducing->rows->emitter->ir;
    const struct expression *e = reducing->e;
    const struct index *first = index_constant(ir, 0);
    for (int i = 0; i < e->axis_count; i++) {
        first = index_scale(ir, first, e->axes[i]->extent);
        if (i + 1 < e->axis_count)
            first = index_add(ir, first, index_axis(ir, e->axes[i]));
    }
    return emit_index(reducing->rows->emitter, first);
}

/* One strip: its elements, and the call that takes them in. */
static void reduce_strip(const struct reducing *reducing, const struct accumulator *accumulator,
                         const struct row_block *strip, const char *first) {
    struct emitter *emitter = reducing->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    struct row_emitter *rows = arena_new(arena, struct row_emitter);
    *rows = (struct row_emitter){.emitter = emitter, .block = strip};
    struct row_operand a = rows_evaluate(rows, reducing->e->sources[0]);
    rows_call(rows, arena_format(arena, "%s_%s", reducing->stem, reducing->down ? "down" : "along"),
              arena_format(arena,
                           "long rows, long columns, %s, long first,\n"
                           "        const %s *a, long a_row, long a_step",
                           accumulator->parameters, reducing->type),
              arena_format(arena, "%s, %s, %s, %s, %s", strip->row_count, strip->column_count,
                           accumulator->names, first, rows_operand_text(rows, a)));
}

/* Whether a value changes along the columns of a block. */
struct column_use {
    const struct axis *column;
    bool found;
};

static void note_column(void *context, const struct expression *e) {
    struct column_use *use = context;
    if (e->kind == EXPRESSION_LOAD || e->kind == EXPRESSION_INDEX)
        use->found |= index_uses(e->index, use->column);
}

/* Whether elements are rows looked up in a buffer, each at one position. */
static bool is_gathered(const struct reducing *reducing, struct row_lookup *lookup) {
    struct ir *ir = reducing->rows->emitter->ir;
    const struct expression *element = reducing->e->sources[0];
    struct column_use use = {.column = reducing->rows->block->column};
    if (!reducing->down || finds_position(reducing->e) || element->kind != EXPRESSION_GUARD ||
        !rows_lookup(ir, element, lookup))
        return false;
    expression_walk(ir, lookup->position, note_column, &use);
    return !use.found;
}

/* One strip of rows that stay where they are: their positions, and the call that takes them in. */
static void reduce_gathered_strip(const struct reducing *reducing,
                                  const struct accumulator *accumulator,
                                  const struct row_block *strip, const char *first,
                                  const struct row_lookup *lookup) {
    struct emitter *emitter = reducing->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    const struct dtype_facts *index = &dtype_facts[lookup->position->dtype];
    int64_t length = strip->elements / reducing->results;
    struct row_block places = {.column = strip->row,
                               .row_count = "1",
                               .column_count = strip->row_count,
                               .column_limit = length,
                               .elements = length,
                               .strip = strip->row_strip};
    struct row_emitter *positions = arena_new(arena, struct row_emitter);
    struct row_emitter *elements = arena_new(arena, struct row_emitter);
    *positions = (struct row_emitter){.emitter = emitter, .block = &places};
    *elements = (struct row_emitter){.emitter = emitter, .block = strip};
    struct row_operand position = rows_evaluate(positions, lookup->position);
    struct row_operand a = rows_memory(elements, lookup->load->buffer->name, lookup->rest);
    rows_call(elements, arena_format(arena, "%s_down_at_%s", reducing->stem, index->short_name),
              arena_format(arena,
                           "long rows, long columns, %s, long first,\n"
                           "        const %s *a, long a_row, long a_step, const %s *position,\n"
                           "        long position_row, long extent, long stride, long wrap",
                           accumulator->parameters, reducing->type, index->c_type),
              arena_format(
                  arena, "%s, %s, %s, %s, %s, %s, %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64,
                  strip->row_count, strip->column_count, accumulator->names, first,
                  rows_operand_text(elements, a), position.pointer, position.step, lookup->extent,
                  lookup->stride, lookup->wrap));
}

/* Elements that steps compute, of one axis: a chain reduces them. False: nothing is printed. */
static bool reduce_in_chain(const struct reducing *reducing, struct row_operand result) {
    struct emitter *emitter = reducing->rows->emitter;
    const struct row_block *block = reducing->rows->block;
    if (reducing->down || !chain_can_reduce(reducing->e) || emit_is_long(emitter))
        return false;
    const int64_t extent = reducing->axis->extent;
    struct row_block *elements = arena_new(emitter->ir->arena, struct row_block);
    *elements = element_block(reducing->e, block, false);
    elements->row_count = block->column_count;
    elements->column_count = arena_format(emitter->ir->arena, "%" PRId64, extent);
    elements->column_limit = extent;
    elements->row_strip = block->strip;
    struct row_emitter *rows = arena_new(emitter->ir->arena, struct row_emitter);
    *rows = (struct row_emitter){.emitter = emitter, .block = elements};
    const struct chain_result reduced = {.value = reducing->e->sources[0],
                                         .reduction = reducing->e,
                                         .reduced = {result.pointer, result.step, 0},
                                         .only_reduced = true};
    struct row_chain *chain = chain_plan(rows, 1, &reduced);
    if (!chain)
        return false;
    chain_print(chain);
    return true;
}

/* Rows looked up in a buffer, all of them in one call. */
static bool reduce_gathered(const struct reducing *reducing, struct row_operand result) {
    struct emitter *emitter = reducing->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    const struct row_block *block = reducing->rows->block;
    const int64_t extent = reducing->axis->extent;
    struct row_lookup lookup;
    if (reducing->e->dtype != DTYPE_FLOAT32 || reducing->e->axis_count != 1 ||
        extent > STRIP_ELEMENTS || emit_is_long(emitter) || !is_gathered(reducing, &lookup))
        return false;
    struct row_block rows = element_block(reducing->e, block, true);
    rows.row_count = arena_format(arena, "%" PRId64, extent);
    rows.column_count = block->column_count;
    rows.strip = block->strip;
    const struct row_block places = {.column = reducing->axis,
                                     .row_count = "1",
                                     .column_count = rows.row_count,
                                     .column_limit = extent,
                                     .elements = extent};
    struct row_emitter positions = {
        .emitter = emitter, .block = &places, .first_temporary = reducing->rows->temporary_count};
    struct row_emitter elements = {.emitter = emitter, .block = &rows};
    emit_open(emitter, "{");
    struct row_operand position = rows_evaluate(&positions, lookup.position);
    struct row_operand a = rows_memory(&elements, lookup.load->buffer->name, lookup.rest);
    const struct dtype_facts *index = &dtype_facts[lookup.position->dtype];
    rows_call(&elements, arena_format(arena, "%s_at_%s", reducing->stem, index->short_name),
              arena_format(arena,
                           "long rows, long columns, float *result, long result_step,\n"
                           "        const float *a, long a_row, long a_step, const %s *position,\n"
                           "        long position_row, long extent, long stride, long wrap",
                           index->c_type),
              arena_format(arena,
                           "%s, %s, %s, %" PRId64 ", %s, %s, %" PRId64 ", %" PRId64 ", %" PRId64
                           ", %" PRId64,
                           rows.row_count, rows.column_count, result.pointer, result.step,
                           rows_operand_text(&elements, a), position.pointer, position.step,
                           lookup.extent, lookup.stride, lookup.wrap));
    emit_close(emitter);
    return true;
}

static void reduce_in_strips(const struct reducing *reducing, struct row_operand result) {
    struct emitter *emitter = reducing->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    const struct row_block *block = reducing->rows->block;
    const struct expression *e = reducing->e;
    struct row_lookup lookup;
    bool gathers = is_gathered(reducing, &lookup);
    int64_t extent = reducing->axis->extent;
    int64_t most = gathers ? STRIP_ELEMENTS : STRIP_ELEMENTS / reducing->results;
    int64_t length = extent < most ? extent : most;
    struct accumulator accumulator = begin_accumulator(reducing);
    struct row_block strip = element_block(e, block, reducing->down);
    for (int i = 0; i + 1 < e->axis_count; i++)
        emit_open_loop(emitter, e->axes[i], arena_format(arena, "r%d", emitter->value_count++),
                       e->axes[i]->extent, 1);
    const char *first = first_position(reducing), *count = arena_format(arena, "%" PRId64, extent);
    bool several = length < extent;
    if (several) {
        const char *at = arena_format(arena, "at%d", emitter->value_count++);
        emit_open_for(emitter, at, "0", count, extent, length);
        if (extent % length) {
            count = arena_format(arena, "count%d", emitter->value_count++);
            emit_line(emitter,
                      "long %s = %" PRId64 " - %s < %" PRId64 " ? %" PRId64 " - %s : %" PRId64 ";",
                      count, extent, at, length, extent, at, length);
        } else {
            count = arena_format(arena, "%" PRId64, length);
        }
        first = arena_format(arena, "%s + %s", first, at);
        *(reducing->down ? &strip.row_strip : &strip.strip) = at;
    } else {
        emit_open(emitter, "{");
    }
    strip.row_count = reducing->down ? count : block->column_count;
    strip.column_count = reducing->down ? block->column_count : count;
    strip.column_limit = reducing->down ? reducing->results : length;
    strip.elements = length * reducing->results;
    *(reducing->down ? &strip.strip : &strip.row_strip) = block->strip;
    if (gathers)
        reduce_gathered_strip(reducing, &accumulator, &strip, first, &lookup);
    else
        reduce_strip(reducing, &accumulator, &strip, first);
    emit_close_loops(emitter, e->axis_count);
    end_accumulator(reducing, &accumulator, result);
}

void rows_reduce(struct row_emitter *rows, const struct expression *e, struct row_operand result) {
    struct ir *ir = rows->emitter->ir;
    if (is_contract(e)) {
        contract(rows, e, result);
        return;
    }
    const struct expression *element = e->sources[0];
    enum dtype dtype = element->dtype;
    struct reducing reducing = {.rows = rows,
                                .e = e,
                                .axis = e->axes[e->axis_count - 1],
                                .down = emit_reduces_down(ir, e, rows->block->column),
                                .results = rows->block->column_limit,
                                .stem = arena_format(ir->arena, "row_%s_%s",
                                                     dtype_facts[dtype].short_name,
                                                     op_facts[e->op].name),
                                .type = dtype_facts[dtype].c_type};
    if (element->kind == EXPRESSION_LOAD && e->axis_count == 1 && !emit_is_long(rows->emitter)) {
        struct row_block elements = element_block(e, rows->block, reducing.down);
        *(reducing.down ? &elements.strip : &elements.row_strip) = rows->block->strip;
        struct row_emitter *reader = arena_new(ir->arena, struct row_emitter);
        *reader = (struct row_emitter){.emitter = rows->emitter, .block = &elements};
        reduce_at_once(&reducing, rows_memory(reader, element->buffer->name, element->index),
                       result);
    } else if (!reduce_in_chain(&reducing, result) && !reduce_gathered(&reducing, result)) {
        reduce_in_strips(&reducing, result);
    }
}
