#include "compiler/ir/coded.h"

static bool is_constant_load(const struct expression *e, enum dtype dtype) {
    return e->kind == EXPRESSION_LOAD && e->dtype == dtype && e->buffer->kind == BUFFER_CONSTANT &&
           !e->buffer->splat;
}

static bool is_op(const struct expression *e, enum op op) {
    return e->kind == EXPRESSION_OP && e->op == op;
}

/* A load of the list 0, 4. */
static bool is_shift(const struct expression *e) {
    const uint8_t *shifts = is_constant_load(e, DTYPE_UINT8) ? e->buffer->value : NULL;
    return shifts && e->buffer->elements == 2 && shifts[0] == 0 && shifts[1] == 4;
}

static bool is_mask(const struct expression *e) {
    return e->kind == EXPRESSION_CONSTANT && e->dtype == DTYPE_UINT8 && e->bits == 15;
}

static bool find_nibbles(const struct expression *e, struct nibbles *nibbles) {
    if (!is_op(e, OP_CAST) || e->dtype != DTYPE_FLOAT32 || !is_op(e->sources[0], OP_AND))
        return false;
    const struct expression *masked = e->sources[0];
    const struct expression *shifted = masked->sources[is_mask(masked->sources[0])];
    if (!is_mask(masked->sources[shifted == masked->sources[0]]) || !is_op(shifted, OP_SHR) ||
        !is_constant_load(shifted->sources[0], DTYPE_UINT8) || !is_shift(shifted->sources[1]))
        return false;
    *nibbles = (struct nibbles){shifted->sources[0], shifted->sources[1]};
    return true;
}

bool find_coded_weight(const struct expression *e, struct coded_weight *weight) {
    *weight = (struct coded_weight){0};
    if (!is_op(e, OP_MUL))
        return false;
    const struct expression *difference = e->sources[is_op(e->sources[1], OP_SUB)];
    weight->scale = e->sources[difference == e->sources[0]];
    if (!is_op(difference, OP_SUB) || !is_constant_load(weight->scale, DTYPE_FLOAT32) ||
        !find_nibbles(difference->sources[0], &weight->codes))
        return false;
    const struct expression *zero = difference->sources[1];
    if (find_nibbles(zero, &weight->zero_codes))
        return true;
    weight->zero = zero;
    return zero->dtype == DTYPE_FLOAT32 &&
           (zero->kind == EXPRESSION_CONSTANT || is_constant_load(zero, DTYPE_FLOAT32));
}

int list_coded_loads(const struct coded_weight *weight, const struct expression *loads[]) {
    const struct expression *all[CODED_LOADS] = {weight->codes.bytes, weight->codes.shift,
                                                 weight->scale, weight->zero_codes.bytes,
                                                 weight->zero_codes.shift};
    int count = 0;
    if (weight->zero && weight->zero->kind == EXPRESSION_LOAD)
        all[3] = weight->zero;
    for (int i = 0; i < CODED_LOADS; i++)
        if (all[i])
            loads[count++] = all[i];
    return count;
}
