#include "compiler/ir/coded.h"

#include <math.h>

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

/* Codes of 8 bits, or of 4. */
static bool find_codes(const struct expression *e, struct codes *codes) {
    if (!is_op(e, OP_CAST) || e->dtype != DTYPE_FLOAT32)
        return false;
    const struct expression *code = e->sources[0];
    *codes = (struct codes){.bytes = code};
    if (is_constant_load(code, DTYPE_UINT8))
        return true;
    if (!is_op(code, OP_AND))
        return false;
    int masked = is_mask(code->sources[0]);
    const struct expression *shifted = code->sources[masked];
    *codes = (struct codes){shifted->sources[0], shifted->sources[1]};
    return is_mask(code->sources[1 - masked]) && is_op(shifted, OP_SHR) &&
           is_constant_load(codes->bytes, DTYPE_UINT8) && is_shift(codes->shift);
}

static bool find_zero(const struct expression *e, struct coded_weight *weight) {
    if (find_codes(e, &weight->zero_codes))
        return true;
    weight->zero_codes = (struct codes){0};
    if (e->kind == EXPRESSION_CONSTANT && e->dtype == DTYPE_FLOAT32) {
        weight->zero_number = (float)constant_value(e);
        return isfinite(weight->zero_number);
    }
    weight->zero = e;
    return is_constant_load(e, DTYPE_FLOAT32);
}

/* A zero of 0 need not be there. */
bool find_code_differences(const struct expression *e, struct coded_weight *weight) {
    *weight = (struct coded_weight){0};
    return is_op(e, OP_SUB)
               ? find_codes(e->sources[0], &weight->codes) && find_zero(e->sources[1], weight)
               : find_codes(e, &weight->codes);
}

/* A scale, or an offset. */
bool find_scale(const struct expression *e, const struct expression **scale) {
    if (e->dtype == DTYPE_FLOAT32 && is_widening(e))
        e = e->sources[0];
    *scale = e;
    return is_constant_load(e, DTYPE_FLOAT32) || is_constant_load(e, DTYPE_FLOAT16) ||
           is_constant_load(e, DTYPE_BFLOAT16);
}

static bool find_product(const struct expression *e, struct coded_weight *weight) {
    for (int i = 0; i < 2 && is_op(e, OP_MUL) && e->dtype == DTYPE_FLOAT32; i++) {
        if (find_code_differences(e->sources[i], weight) &&
            find_scale(e->sources[1 - i], &weight->scale))
            return true;
    }
    return false;
}

static bool has_zero(const struct coded_weight *weight) {
    return weight->zero || weight->zero_codes.bytes || weight->zero_number != 0;
}

bool find_coded_weight(const struct expression *e, struct coded_weight *weight) {
    if (find_product(e, weight))
        return true;
    bool subtracted = is_op(e, OP_SUB);
    for (int i = 0; i < 2 && (subtracted ? i == 0 : is_op(e, OP_ADD)); i++)
        if (find_product(e->sources[i], weight) && !has_zero(weight) &&
            find_scale(e->sources[1 - i], &weight->offset)) {
            weight->subtracted = subtracted;
            return true;
        }
    return false;
}

bool find_block_sums(const struct expression *e, struct block_sums *found) {
    for (int i = 0; i < 2 && is_contraction(e) && e->dtype == DTYPE_FLOAT32; i++) {
        const struct expression *sum = e->sources[i], *scale;
        if (!is_contraction(sum) || !find_scale(e->sources[1 - i], &scale))
            continue;
        for (int side = 0; side < 2; side++)
            if (find_code_differences(sum->sources[side], &found->weight)) {
                found->sum = sum;
                found->side = side;
                found->weight.scale = scale;
                found->weight.by_blocks = true;
                return true;
            }
    }
    return false;
}

static void add_load(const struct expression *load, const struct expression *loads[], int *count) {
    if (load)
        loads[(*count)++] = load;
}

int list_block_loads(const struct coded_weight *weight, const struct expression *loads[]) {
    int count = 0;
    add_load(weight->scale, loads, &count);
    add_load(weight->zero, loads, &count);
    add_load(weight->offset, loads, &count);
    add_load(weight->zero_codes.bytes, loads, &count);
    add_load(weight->zero_codes.shift, loads, &count);
    return count;
}

int list_coded_loads(const struct coded_weight *weight, const struct expression *loads[]) {
    int count = 0;
    add_load(weight->codes.bytes, loads, &count);
    add_load(weight->codes.shift, loads, &count);
    return count + list_block_loads(weight, loads + count);
}
