/* Which operations the steps of chains do: those of chain.def, and several at once where the
 * expression has the shape of a batch norm, a ReLU6, a sigmoid and the like. */
#include "compiler/emit/calls/chain_operation.h"
#include "templates/chain.h"

#include <string.h>

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
    *operation = (struct operation){.step = {.name = "STEP_RAMP"},
                                    .form = "FORM_SAME",
                                    .work = 4,
                                    .count = 1,
                                    .sources = {x},
                                    .operand_count = 2,
                                    .operands = {least, shift}};
    return true;
}

/* Whether a value is in memory, the same in all rows: side by side for the columns if `step` is 1,
 * the same for all of them if it is 0. */
static bool is_of_columns(const struct row_block *block, const struct expression *e, int64_t step) {
    bool plain = true;
    return e->kind == EXPRESSION_LOAD && block->column_limit > 1 &&
           index_coefficient(e->index, block->column, &plain) == step &&
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
    const bool same = is_of_columns(block, operands[0], 0);
    for (int i = 0; i < MOST_OPERANDS; i++)
        if (!is_of_columns(block, operands[i], same && i < 2 ? 0 : 1))
            return false;
    *operation = (struct operation){.step = {.name = "STEP_NORMALIZE"},
                                    .form = same ? "FORM_SAME" : "FORM_COLUMNS",
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
        *operation = (struct operation){.step = {.name = "STEP_CUBIC"},
                                        .form = "FORM_SAME",
                                        .work = 4,
                                        .count = 1,
                                        .sources = {x},
                                        .operand_count = 1,
                                        .operands = {factor}};
        return true;
    }
    return false;
}

bool chain_operation(const struct row_block *block, const struct expression *e,
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
