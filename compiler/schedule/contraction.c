/* Contractions that tiles can run: one sum of products of plain loads. */
#include "compiler/schedule/contraction.h"

#include "compiler/lower/lower.h"
#include "compiler/schedule/tile_kind.h"

#include <string.h>

struct finding {
    const struct expression *sum, *pool;
    int sums, reductions;
};

static void note_reduction(void *context, const struct expression *e) {
    struct finding *finding = context;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    finding->reductions++;
    if (e->op == OP_CONTRACT) {
        finding->sums++;
        finding->sum = e;
    } else {
        finding->pool = e;
    }
}

/* A load whose every index is a sum of axes. */
static bool is_affine_load(const struct expression *e) {
    if (e->kind != EXPRESSION_LOAD || e->buffer->splat)
        return false;
    for (int i = 0; i < e->index_count; i++)
        for (int k = 0; k < e->indices[i]->count; k++)
            if (e->indices[i]->terms[k].atom->kind != ATOM_AXIS)
                return false;
    return true;
}

static bool has_tiles(const struct expression *sum) {
    return tile_kind_of(sum->sources[0]->dtype, sum->sources[1]->dtype, sum->dtype) != NULL;
}

/* What a tile reads that widens its panel by itself. */
static const struct expression *without_cast(const struct expression *operand) {
    return is_widening(operand) ? operand->sources[0] : operand;
}

/* The same sum of what tiles read. */
static const struct expression *sum_of_loads(struct ir *ir, const struct expression *sum) {
    const struct expression *sources[] = {without_cast(sum->sources[0]),
                                          without_cast(sum->sources[1])};
    if (sources[0] == sum->sources[0] && sources[1] == sum->sources[1])
        return sum;
    return expression_reduce(ir, OP_CONTRACT, sum->dtype, sum->axis_count, sum->axes, 2, sources);
}

bool find_contraction(struct ir *ir, struct statement *statement, struct contraction *contraction) {
    struct finding finding = {0};
    expression_walk(ir, statement->value, note_reduction, &finding);
    const struct expression *sum = finding.sum ? sum_of_loads(ir, finding.sum) : NULL;
    if (finding.sums != 1 || finding.reductions > 2 || !has_tiles(sum) ||
        statement->loop_count + sum->axis_count + 2 > MAX_LOOPS ||
        (finding.pool && !unrolls(finding.pool)) || !is_affine_load(sum->sources[0]) ||
        !is_affine_load(sum->sources[1]))
        return false;
    *contraction = (struct contraction){
        .ir = ir, .statement = statement, .sum = sum, .pool = finding.pool, .depth = 1};
    for (int i = 0; i < sum->axis_count; i++)
        contraction->depth *= sum->axes[i]->extent;
    return true;
}

bool load_uses(const struct expression *load, const struct axis *axis) {
    for (int i = 0; i < load->index_count; i++)
        if (index_uses(load->indices[i], axis))
            return true;
    return false;
}

int64_t stride_of(struct ir *ir, const struct expression *load, const struct axis *axis) {
    bool plain = true;
    return index_coefficient(linear_address(ir, load->buffer, load->indices), axis, &plain);
}

int64_t output_stride(const struct statement *statement, const struct axis *axis) {
    const struct buffer *output = statement->output;
    int64_t stride = 0;
    bool plain = true;
    for (int i = 0; i < output->rank; i++)
        stride += output->stride[i] * index_coefficient(statement->store[i], axis, &plain);
    return stride;
}
