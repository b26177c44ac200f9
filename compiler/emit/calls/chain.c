/* Chains: whole elementwise expressions of float32, int32 and integers of eight bits as one call of
 * the runtime.
 *
 * What is computed goes through one accumulator, step by step; what is needed again, or while
 * another operand is computed, is kept in a slot. What steps cannot do (other types, reductions,
 * uneven strides) is computed before, into a block, and is an operand like any other. */
#include "templates/chain.h"
#include "compiler/emit/calls/rows.h"

#include <inttypes.h>
#include <string.h>

enum {
    WORTHWHILE = 2, /* operations: fewer are row operations as well */
    MAX_LINKS = 512,
    MAX_STEPS = 640,
};

/* ---- Which steps there are ---- */

struct step_name {
    const char *name, *reversed; /* NULL: order does not matter, or there is one source */
};

/* By the dtype of the sources. */
static const struct step_name step_names[DTYPE_COUNT][OP_COUNT] = {
#define CHAIN_BINARY(step, op, function, dtype, short, value)                                      \
    [DTYPE_##dtype][OP_##op].name = "STEP_" #step,
#define CHAIN_REVERSED(step, op, function, dtype, short, value)                                    \
    [DTYPE_##dtype][OP_##op].reversed = "STEP_" #step,
#define CHAIN_UNARY(step, op, function, dtype, short, value)                                       \
    [DTYPE_##dtype][OP_##op].name = "STEP_" #step,
#define CHAIN_LOOP(step, op, function) [DTYPE_FLOAT32][OP_##op].name = "STEP_" #step,
#define CHAIN_ALSO(step, op, dtype) [DTYPE_##dtype][OP_##op].name = "STEP_" #step,
#include "templates/chain.def"
};

/* By the dtypes from and to. */
static const char *const cast_names[DTYPE_COUNT][DTYPE_COUNT] = {
#define CHAIN_CAST(step, from, from_short, to, to_short, value)                                    \
    [DTYPE_##from][DTYPE_##to] = "STEP_" #step,
#define CHAIN_WIDEN(step, from, from_short, to, to_short)                                          \
    [DTYPE_##from][DTYPE_##to] = "STEP_" #step,
#define CHAIN_CAST_ALSO(step, from, to) [DTYPE_##from][DTYPE_##to] = "STEP_" #step,
#include "templates/chain.def"
};

/* By operation, of float32. */
static const char *const reduction_names[OP_COUNT] = {
#define CHAIN_REDUCE(step, op, function, lanes) [OP_##op] = "STEP_" #step,
#include "templates/chain.def"
};

/* How values come into a chain and leave it; NULL: that dtype does neither. */
static const struct crossing {
    const char *take, *put;
} crossings[DTYPE_COUNT] = {
    [DTYPE_FLOAT32] = {"STEP_TAKE", "STEP_PUT"},
    [DTYPE_INT32] = {"STEP_TAKE", "STEP_PUT"},
#define CHAIN_TAKE_BYTES(step, dtype, short) [DTYPE_##dtype] = {"STEP_" #step, "STEP_PUT_BYTES"},
#include "templates/chain.def"
};

/* The text that is emitted lists all steps in words: the same ones. */
enum {
#define CHAIN_STEP(step) NUMBER_##step,
#include "templates/chain.def"
    STEP_COUNT
};
#define CHAIN_STEP(step)                                                                           \
    _Static_assert((int)STEP_##step == (int)NUMBER_##step, "STEP_" #step " has its number");
#include "templates/chain.def"
_Static_assert(STEP_COUNT == STEP_F32_TO_I8 + 1, "chain.def has every step");

enum { MOST_OPERANDS = 4 };

/* What one step does to one value or two. */
struct operation {
    struct step_name step;
    int work; /* operations of the graph */
    int count;
    const struct expression *sources[2];
    int operand_count; /* of a step of several operations: read where they lie */
    const struct expression *operands[MOST_OPERANDS];
};

static bool is_op(const struct expression *e, enum op op) {
    return e->kind == EXPRESSION_OP && e->op == op && e->dtype == DTYPE_FLOAT32;
}

/* where(x != x, constant, x) */
static bool is_number_or(const struct expression *e, struct operation *operation) {
    if (!is_op(e, OP_WHERE))
        return false;
    const struct expression *test = e->sources[0], *constant = e->sources[1], *x = e->sources[2];
    if (test->kind != EXPRESSION_OP || test->op != OP_NE || test->sources[0] != x ||
        test->sources[1] != x || constant->kind != EXPRESSION_CONSTANT)
        return false;
    *operation = (struct operation){
        .step = {.name = "STEP_NUMBER_OR"}, .work = 2, .count = 2, .sources = {x, constant}};
    return true;
}

/* greater_of(least, x) - greater_of(least, x + shift), with constants: a ReLU6 by two ReLUs. */
static bool is_ramp(const struct expression *e, struct operation *operation) {
    if (!is_op(e, OP_SUB) || !is_op(e->sources[0], OP_GREATER_OF) ||
        !is_op(e->sources[1], OP_GREATER_OF) || !is_op(e->sources[1]->sources[1], OP_ADD))
        return false;
    const struct expression *least = e->sources[0]->sources[0], *x = e->sources[0]->sources[1];
    const struct expression *moved = e->sources[1]->sources[1], *shift = moved->sources[1];
    if (e->sources[1]->sources[0] != least || moved->sources[0] != x ||
        least->kind != EXPRESSION_CONSTANT || shift->kind != EXPRESSION_CONSTANT)
        return false;
    *operation = (struct operation){.step = {.name = "STEP_RAMP, FORM_SAME"},
                                    .work = 4,
                                    .count = 1,
                                    .sources = {x},
                                    .operand_count = 2,
                                    .operands = {least, shift}};
    return true;
}

/* Whether a value is in memory, side by side for the columns and the same in all rows. */
static bool is_of_columns(const struct row_block *block, const struct expression *e) {
    bool plain = true;
    return e->kind == EXPRESSION_LOAD && block->column_limit > 1 &&
           index_coefficient(e->index, block->column, &plain) == 1 &&
           (!block->row || index_coefficient(e->index, block->row, &plain) == 0);
}

/* The same element for all rows and columns. */
static bool is_same(const struct row_block *block, const struct expression *e) {
    bool plain = true;
    return e->kind == EXPRESSION_LOAD && block->column_limit > 1 &&
           index_coefficient(e->index, block->column, &plain) == 0 &&
           (!block->row || index_coefficient(e->index, block->row, &plain) == 0);
}

/* (x - mean) * scale * factor + bias, each of the columns, or mean and scale of all of them: a
 * batch norm, a layer norm. */
static bool is_normalization(const struct row_block *block, const struct expression *e,
                             struct operation *operation) {
    static const enum op ops[] = {OP_ADD, OP_MUL, OP_MUL, OP_SUB};
    const struct expression *operands[MOST_OPERANDS];
    const struct expression *x = e;
    for (int i = 0; i < MOST_OPERANDS; i++) {
        if (!is_op(x, ops[i]))
            return false;
        operands[MOST_OPERANDS - 1 - i] = x->sources[1];
        x = x->sources[0];
    }
    const bool same = is_same(block, operands[0]);
    for (int i = 0; i < MOST_OPERANDS; i++)
        if (same && i < 2 ? !is_same(block, operands[i]) : !is_of_columns(block, operands[i]))
            return false;
    *operation = (struct operation){
        .step = {.name = same ? "STEP_NORMALIZE, FORM_SAME" : "STEP_NORMALIZE, FORM_COLUMNS"},
        .work = MOST_OPERANDS,
        .count = 1,
        .sources = {x},
        .operand_count = MOST_OPERANDS};
    memcpy(operation->operands, operands, sizeof operands);
    return true;
}

/* An operation whose order does not matter, of a constant and another: that; else NULL. */
static const struct expression *beside_constant(const struct expression *e, enum op op,
                                                const struct expression **constant) {
    for (int i = 0; i < 2 && is_op(e, op); i++)
        if (e->sources[i]->kind == EXPRESSION_CONSTANT) {
            *constant = e->sources[i];
            return e->sources[1 - i];
        }
    return NULL;
}

static bool is_square(const struct expression *e, struct operation *operation) {
    if (!is_op(e, OP_MUL) || e->sources[0] != e->sources[1])
        return false;
    *operation = (struct operation){
        .step = {.name = "STEP_SQUARE"}, .work = 1, .count = 1, .sources = {e->sources[0]}};
    return true;
}

/* 1 / (exp(-x) + 1) */
static bool is_sigmoid(const struct expression *e, struct operation *operation) {
    const uint32_t one = 0x3f800000;
    const struct expression *constant;
    const struct expression *x =
        is_op(e, OP_RECIP) ? beside_constant(e->sources[0], OP_ADD, &constant) : NULL;
    if (!x || constant->bits != one || !is_op(x, OP_EXP) || !is_op(x->sources[0], OP_NEG))
        return false;
    *operation = (struct operation){.step = {.name = "STEP_SIGMOID"},
                                    .work = 4,
                                    .count = 1,
                                    .sources = {x->sources[0]->sources[0]}};
    return true;
}

static bool is_cube(const struct expression *e, const struct expression *x) {
    for (int i = 0; i < 2 && is_op(e, OP_MUL); i++)
        if (e->sources[i] == x && is_op(e->sources[1 - i], OP_MUL) &&
            e->sources[1 - i]->sources[0] == x && e->sources[1 - i]->sources[1] == x)
            return true;
    return false;
}

/* x + factor * (x * x * x), with a constant: a GELU by tanh. */
static bool is_cubic(const struct expression *e, struct operation *operation) {
    const struct expression *factor;
    for (int i = 0; i < 2 && is_op(e, OP_ADD); i++) {
        const struct expression *x = e->sources[i];
        const struct expression *cube = beside_constant(e->sources[1 - i], OP_MUL, &factor);
        if (!cube || !is_cube(cube, x))
            continue;
        *operation = (struct operation){.step = {.name = "STEP_CUBIC, FORM_SAME"},
                                        .work = 4,
                                        .count = 1,
                                        .sources = {x},
                                        .operand_count = 1,
                                        .operands = {factor}};
        return true;
    }
    return false;
}

static bool is_operation(const struct row_block *block, const struct expression *e,
                         struct operation *operation) {
    if (is_number_or(e, operation) || is_ramp(e, operation) || is_square(e, operation) ||
        is_sigmoid(e, operation) || is_cubic(e, operation) || is_normalization(block, e, operation))
        return true;
    if (e->kind != EXPRESSION_OP)
        return false;
    enum dtype from = e->sources[0]->dtype;
    struct step_name step = e->op == OP_CAST
                                ? (struct step_name){.name = cast_names[from][e->dtype]}
                                : step_names[from][e->op];
    if (!step.name)
        return false;
    *operation = (struct operation){.step = step, .work = 1, .count = e->source_count};
    for (int i = 0; i < e->source_count; i++) /* step_names has operations of one and two */
        operation->sources[i] = e->sources[i];
    return true;
}

/* ---- Which steps, in which order ---- */

struct row_link {
    const struct expression *e;
    int uses_left;
    int slot;                 /* 0: none */
    int operand;              /* what no step computes: its number, -1: none yet */
    struct row_operand place; /* and where it lies */
};

struct chain_step {
    const char *name;
    int slot;                         /* the operand, or 0: none */
    struct row_link *link;            /* the operand, or NULL */
    const struct row_operand *result; /* where it puts or reduces, or NULL */
    bool reduces;                     /* one element a row */
    bool keeps;                       /* what it is given, in the slot */
    int operand_count;                /* of a step of several operations, one behind another */
    struct row_link *operands[MOST_OPERANDS];
};

struct row_chain {
    struct row_emitter *rows;
    int count, capacity, operations;
    struct row_link *links; /* sources first; all are there before the first step */
    int step_count, step_capacity;
    struct chain_step *steps;
    bool taken[CHAIN_SLOTS + 1];
    bool too_large;
};

static struct row_link *find_link(struct row_chain *chain, const struct expression *e) {
    for (int i = 0; i < chain->count; i++)
        if (chain->links[i].e == e)
            return &chain->links[i];
    return NULL;
}

static void add_links(struct row_chain *chain, const struct expression *e) {
    struct operation operation;
    struct row_link *known = chain->too_large ? NULL : find_link(chain, e);
    if (known)
        known->uses_left++;
    if (known || chain->too_large)
        return;
    if (is_operation(chain->rows->block, e, &operation)) {
        chain->operations += operation.work;
        for (int i = 0; i < operation.count; i++)
            add_links(chain, operation.sources[i]);
        for (int i = 0; i < operation.operand_count; i++)
            add_links(chain, operation.operands[i]);
    }
    chain->too_large |= chain->count == MAX_LINKS;
    if (chain->too_large)
        return;
    chain->links = arena_extend(chain->rows->emitter->ir->arena, chain->links, chain->count,
                                &chain->capacity, sizeof *chain->links);
    chain->links[chain->count++] = (struct row_link){.e = e, .uses_left = 1, .operand = -1};
}

static void add_step(struct row_chain *chain, const char *name, int slot, struct row_link *link) {
    chain->too_large |= chain->step_count == MAX_STEPS;
    if (chain->too_large)
        return;
    chain->steps = arena_extend(chain->rows->emitter->ir->arena, chain->steps, chain->step_count,
                                &chain->step_capacity, sizeof *chain->steps);
    chain->steps[chain->step_count++] =
        (struct chain_step){.name = name, .slot = slot, .link = link};
}

/* Whether no step computes a value. */
static bool is_read(const struct row_chain *chain, const struct row_link *link) {
    struct operation operation;
    return !is_operation(chain->rows->block, link->e, &operation);
}

/* Whether a value can be an operand as it is: what is in a slot, or 32 bits in memory. */
static bool is_ready(const struct row_chain *chain, const struct row_link *link) {
    return link->slot > 0 ||
           (is_read(chain, link) && dtype_facts[link->e->dtype].bytes == sizeof(int32_t));
}

static void end_use(struct row_chain *chain, struct row_link *link) {
    if (--link->uses_left == 0 && link->slot)
        chain->taken[link->slot] = false;
}

static void use_ready(struct row_chain *chain, const char *name, struct row_link *link) {
    add_step(chain, name, link->slot, link->slot ? NULL : link);
    end_use(chain, link);
}

/* Whether it was computed just now. */
static bool is_accumulated(const struct row_chain *chain, const struct row_link *link) {
    const struct chain_step *last = chain->step_count ? &chain->steps[chain->step_count - 1] : NULL;
    return last && last->keeps && last->slot == link->slot;
}

static void keep(struct row_chain *chain, struct row_link *link) {
    int slot = 1;
    while (slot <= CHAIN_SLOTS && chain->taken[slot])
        slot++;
    chain->too_large |= slot > CHAIN_SLOTS;
    if (chain->too_large)
        return;
    chain->taken[slot] = true;
    link->slot = slot;
    add_step(chain, "STEP_KEEP", slot, NULL);
    if (!chain->too_large)
        chain->steps[chain->step_count - 1].keeps = true;
}

static void accumulate(struct row_chain *chain, struct row_link *link);

static void accumulate_two(struct row_chain *chain, const struct operation *operation) {
    struct row_link *a = find_link(chain, operation->sources[0]);
    struct row_link *b = find_link(chain, operation->sources[1]);
    const struct step_name *names = &operation->step;
    if (is_ready(chain, a) && !is_ready(chain, b)) {
        accumulate(chain, b);
        use_ready(chain, names->reversed ? names->reversed : names->name, a);
        return;
    }
    accumulate(chain, a);
    if (is_ready(chain, b)) { /* perhaps since just now */
        use_ready(chain, names->name, b);
        return;
    }
    a->uses_left++; /* it has to wait */
    if (!a->slot)
        keep(chain, a);
    if (chain->too_large)
        return;
    accumulate(chain, b);
    use_ready(chain, names->reversed ? names->reversed : names->name, a);
}

static void add_step_of_one(struct row_chain *chain, const struct operation *operation) {
    add_step(chain, operation->step.name, 0, NULL);
    if (chain->too_large)
        return;
    struct chain_step *step = &chain->steps[chain->step_count - 1];
    step->operand_count = operation->operand_count;
    for (int i = 0; i < operation->operand_count; i++)
        step->operands[i] = find_link(chain, operation->operands[i]);
}

/* Steps after which the accumulator is the value. */
static void accumulate(struct row_chain *chain, struct row_link *link) {
    struct operation operation;
    if (chain->too_large)
        return;
    if (is_accumulated(chain, link)) {
        end_use(chain, link);
        return;
    }
    if (is_ready(chain, link)) {
        use_ready(chain, "STEP_TAKE", link);
        return;
    }
    if (!is_operation(chain->rows->block, link->e, &operation)) {
        add_step(chain, crossings[link->e->dtype].take, 0, link);
    } else if (operation.count == 2) {
        accumulate_two(chain, &operation);
    } else {
        accumulate(chain, find_link(chain, operation.sources[0]));
        add_step_of_one(chain, &operation);
    }
    if (--link->uses_left > 0)
        keep(chain, link);
}

/* ---- Printing ---- */

/* Where values lie that no step computes. */
static void place_operands(struct row_chain *chain) {
    for (int i = 0; i < chain->count; i++)
        if (is_read(chain, &chain->links[i]))
            chain->links[i].place = rows_operand(chain->rows, chain->links[i].e);
}

/* A list that goes on: no line is longer than allowed. */
static const char *and_item(struct emitter *emitter, const char *list, const char *item) {
    const char *line = strrchr(list, '\n');
    size_t length = strlen(line ? line + 1 : list) + strlen(item) + 4 * (size_t)emitter->indent;
    const char *between = !*list ? "" : length > 88 ? ",\n" : ", ";
    return arena_format(emitter->ir->arena, "%s%s%s", list, between, item);
}

/* An array: on one line, or the lines of its list, indented. */
static void print_array(struct emitter *emitter, const char *begin, const char *list) {
    if (!strchr(list, '\n') && strlen(begin) + strlen(list) + 4 * (size_t)emitter->indent < 97) {
        emit_line(emitter, "%s%s};", begin, list);
        return;
    }
    emit_line(emitter, "%s", begin);
    for (size_t length; *list; list += length + (list[length] == '\n')) {
        length = strcspn(list, "\n");
        emit_line(emitter, "    %.*s%s", (int)length, list, list[length] ? "" : "};");
    }
}

/* The arrays of a chain as they are put together. */
struct chain_text {
    const char *steps, *operands, *results;
    int operand_count, result_count;
};

/* What follows the operation. */
static const char *operand_text(struct arena *arena, int number, struct row_operand place) {
    static const char *const forms[2][2] = {{"FORM_SAME", "FORM_COLUMNS"},
                                            {"FORM_ROWS", "FORM_BLOCK"}};
    const char *form = forms[place.row != 0][place.step != 0];
    if (place.row == 0)
        return arena_format(arena, ", %s, %d", form, number);
    return arena_format(arena, ", %s, %d, %" PRId64, form, number, place.row);
}

/* Operands behind one another, though one may stand there already. */
static const char *several_text(struct emitter *emitter, const struct chain_step *step,
                                struct chain_text *text) {
    int first = text->operand_count;
    for (int i = 0; i < step->operand_count; i++)
        text->operands = and_item(emitter, text->operands, step->operands[i]->place.pointer);
    text->operand_count += step->operand_count;
    return arena_format(emitter->ir->arena, ", %d", first);
}

static const char *place_text(struct emitter *emitter, const struct chain_step *step,
                              struct chain_text *text) {
    struct arena *arena = emitter->ir->arena;
    struct row_link *link = step->link;
    if (step->result) {
        text->results = and_item(emitter, text->results, step->result->pointer);
        return arena_format(arena, ", %s, %d, %" PRId64, step->reduces ? "FORM_ROWS" : "FORM_BLOCK",
                            text->result_count++, step->result->row);
    }
    if (step->slot)
        return arena_format(arena, ", FORM_SLOT, %d", step->slot);
    if (step->operand_count)
        return several_text(emitter, step, text);
    if (!link)
        return "";
    if (link->operand < 0) {
        link->operand = text->operand_count++;
        text->operands = and_item(emitter, text->operands, link->place.pointer);
    }
    return operand_text(arena, link->operand, link->place);
}

static void add_step_text(struct emitter *emitter, const struct chain_step *step,
                          struct chain_text *text) {
    struct arena *arena = emitter->ir->arena;
    const char *item = arena_format(arena, "{%s%s}", step->name, place_text(emitter, step, text));
    text->steps = and_item(emitter, text->steps, item);
}

/* Whether rows lie behind one another everywhere, so that all of them are one row. */
static bool is_one_row(const struct row_chain *chain) {
    const struct row_block *block = chain->rows->block;
    const char *columns =
        arena_format(chain->rows->emitter->ir->arena, "%" PRId64, block->column_limit);
    bool one = strcmp(block->column_count, columns) == 0;
    for (int i = 0; i < chain->step_count && one; i++) {
        const struct chain_step *step = &chain->steps[i];
        if (step->result)
            one = !step->reduces && step->result->row == block->column_limit;
        else if (step->link)
            one = step->link->place.row == block->column_limit * step->link->place.step;
        for (int k = 0; k < step->operand_count && one; k++)
            one = step->operands[k]->place.step == 0;
    }
    return one;
}

/* Its rows and columns, as arguments. */
static const char *size_text(const struct row_chain *chain) {
    const struct row_block *block = chain->rows->block;
    struct arena *arena = chain->rows->emitter->ir->arena;
    if (strcmp(block->row_count, "1") != 0 && is_one_row(chain))
        return arena_format(arena, "1, %s * %s", block->row_count, block->column_count);
    return arena_format(arena, "%s, %s", block->row_count, block->column_count);
}

int chain_arrays(struct row_chain *chain) {
    struct emitter *emitter = chain->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    struct chain_text text = {"", "", "", 0, 0};
    place_operands(chain);
    int number = emitter->value_count++;
    for (int i = 0; i < chain->step_count; i++)
        add_step_text(emitter, &chain->steps[i], &text);
    print_array(emitter, arena_format(arena, "static const struct row_step steps%d[] = {", number),
                text.steps);
    print_array(emitter, arena_format(arena, "const void *const operands%d[] = {", number),
                text.operands);
    print_array(emitter, arena_format(arena, "void *const results%d[] = {", number), text.results);
    sections_want(&emitter->sections, "row_step");
    return number;
}

void chain_print(struct row_chain *chain) {
    int number = chain_arrays(chain);
    bool reduces = false;
    for (int i = 0; i < chain->step_count; i++)
        reduces |= chain->steps[i].reduces;
    rows_call(chain->rows, reduces ? "row_reducing_chain" : "row_chain",
              "long rows, long columns, long count, const struct row_step *steps,\n"
              "        const void *const *operands, void *const *results",
              arena_format(chain->rows->emitter->ir->arena,
                           "%s, %d, steps%d, operands%d, results%d", size_text(chain),
                           chain->step_count, number, number, number));
}

static void add_result_step(struct row_chain *chain, const char *name,
                            const struct row_operand *place, bool reduces) {
    add_step(chain, name, 0, NULL);
    if (chain->too_large)
        return;
    chain->steps[chain->step_count - 1].result = place;
    chain->steps[chain->step_count - 1].reduces = reduces;
}

static void add_result(struct row_chain *chain, const struct chain_result *result) {
    accumulate(chain, find_link(chain, result->value));
    const bool put = !result->only_reduced,
               at_once = put && result->canonical && !result->reduction;
    if (result->canonical && !at_once)
        add_step(chain, "STEP_CANONICAL", 0, NULL);
    if (put)
        add_result_step(chain, at_once ? "STEP_PUT_CANONICAL" : crossings[result->value->dtype].put,
                        &result->place, false);
    if (result->reduction)
        add_result_step(chain, reduction_names[result->reduction->op], &result->reduced, true);
}

/* NULL where this is nothing for a chain. */
static struct row_chain *plan(struct row_emitter *rows, int count,
                              const struct chain_result *results, int worthwhile) {
    struct row_chain *chain = arena_new(rows->emitter->ir->arena, struct row_chain);
    chain->rows = rows;
    for (int i = 0; i < count; i++) {
        add_links(chain, results[i].value);
        chain->operations += results[i].canonical;
    }
    if (chain->too_large || chain->operations < worthwhile)
        return NULL;
    for (int i = 0; i < count && !chain->too_large; i++)
        add_result(chain, &results[i]);
    return chain->too_large ? NULL : chain;
}

/* Whether a step can read a value where it lies. */
static bool is_in_place(const struct row_emitter *rows, const struct expression *e) {
    const struct row_block *block = rows->block;
    bool plain = true;
    if (e->kind == EXPRESSION_CONSTANT || rows_reduced(rows, e))
        return true;
    if (e->kind != EXPRESSION_LOAD || !rows_are_even(e->index, block))
        return false;
    const int64_t step = index_coefficient(e->index, block->column, &plain);
    return step == 0 || step == 1 || block->column_limit == 1;
}

struct row_chain *chain_plan(struct row_emitter *rows, int count,
                             const struct chain_result *results) {
    bool reduces = false;
    for (int i = 0; i < count; i++) {
        reduces |= results[i].reduction != NULL;
        if (!crossings[results[i].value->dtype].put)
            return NULL;
    }
    if (reduces && count >= CHAIN_RESULTS) /* what is reduced comes behind what is put */
        return NULL;
    struct row_chain *chain = plan(rows, count, results, 0);
    for (int i = 0; chain && i < chain->count; i++)
        if (is_read(chain, &chain->links[i]) && !is_in_place(rows, chain->links[i].e))
            return NULL;
    return chain;
}

bool chain_can_reduce(const struct expression *e) {
    return e->kind == EXPRESSION_REDUCE && e->dtype == DTYPE_FLOAT32 && e->axis_count == 1 &&
           reduction_names[e->op];
}

int chain_step_count(const struct row_chain *chain) {
    return chain->step_count;
}

void chain_fetch(struct row_chain *chain) {
    const struct row_block *block = chain->rows->block;
    for (int i = 0, count = chain->count; i < count; i++) {
        struct row_link *link = &chain->links[i];
        bool plain = true;
        if (block->column_limit > 1 && link->e->kind == EXPRESSION_LOAD &&
            dtype_facts[link->e->dtype].bytes == 4 &&
            index_coefficient(link->e->index, block->column, &plain) == 1 &&
            index_coefficient(link->e->index, block->row, &plain) != 0)
            add_step(chain, "STEP_FETCH", 0, link);
    }
}

bool is_chain(struct row_emitter *rows, const struct expression *e) {
    struct chain_result result = {.value = e};
    return crossings[e->dtype].put && plan(rows, 1, &result, WORTHWHILE);
}

static bool can_put(const struct row_emitter *rows, const struct chain_result *result) {
    return crossings[result->value->dtype].put &&
           (result->place.step == 1 || rows->block->column_limit == 1);
}

bool emit_chain(struct row_emitter *rows, int count, const struct chain_result *results) {
    for (int i = 0; i < count; i++)
        if (!can_put(rows, &results[i]))
            return false;
    struct row_chain *chain = plan(rows, count, results, WORTHWHILE);
    if (!chain)
        return false;
    chain_print(chain);
    return true;
}
