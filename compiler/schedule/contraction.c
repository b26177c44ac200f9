/* Contractions that tiles can run: one sum of products of plain loads. */
#include "compiler/schedule/contraction.h"

#include "compiler/lower/lower.h"
#include "compiler/schedule/tile_kind.h"

#include <string.h>

struct finding {
    const struct expression *sum, *pool;
    const struct expression *of_blocks; /* a contraction whose sums `sum` scales */
    int sums, reductions;
};

static void note_reduction(void *context, const struct expression *e) {
    struct finding *finding = context;
    struct block_sums blocks;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    finding->reductions++;
    if (e->op == OP_CONTRACT) {
        finding->sums++;
        if (find_block_sums(e, &blocks))
            finding->of_blocks = blocks.sum;
        if (e != finding->of_blocks)
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

static bool has_tiles(const struct target *target, const struct expression *sum) {
    return tile_kind_of(target, sum->sources[0]->dtype, sum->sources[1]->dtype, sum->dtype) != NULL;
}

/* What a tile reads that makes float32 of its panel by itself. */
static const struct expression *read_by_tiles(const struct expression *operand) {
    struct coded_weight weight;
    if (find_coded_weight(operand, &weight))
        return weight.codes.bytes;
    return is_widening(operand) ? operand->sources[0] : operand;
}

/* A sum of sums over blocks as one over the axes of both, of what tiles read. */
static const struct expression *sum_of_block_sums(struct ir *ir, const struct expression *sum,
                                                  const struct block_sums *blocks) {
    const struct axis *axes[MAX_LOOPS];
    const struct expression *sources[2];
    int count = sum->axis_count + blocks->sum->axis_count;
    if (count > MAX_LOOPS)
        return sum;
    memcpy(axes, sum->axes, (size_t)sum->axis_count * sizeof *axes);
    memcpy(axes + sum->axis_count, blocks->sum->axes,
           (size_t)blocks->sum->axis_count * sizeof *axes);
    sources[blocks->side] = blocks->weight.codes.bytes;
    sources[1 - blocks->side] = blocks->sum->sources[1 - blocks->side];
    return expression_reduce(ir, OP_CONTRACT, sum->dtype, count, axes, 2, sources);
}

/* The same sum of what tiles read. */
static const struct expression *sum_of_loads(struct ir *ir, const struct expression *sum) {
    struct block_sums blocks;
    if (find_block_sums(sum, &blocks))
        return sum_of_block_sums(ir, sum, &blocks);
    const struct expression *sources[] = {read_by_tiles(sum->sources[0]),
                                          read_by_tiles(sum->sources[1])};
    if (sources[0] == sum->sources[0] && sources[1] == sum->sources[1])
        return sum;
    return expression_reduce(ir, OP_CONTRACT, sum->dtype, sum->axis_count, sum->axes, 2, sources);
}

/* ---- Weights of codes ---- */

static bool uses_any(int count, const struct expression *const *loads, const struct axis *axis) {
    for (int i = 0; i < count; i++)
        if (load_uses(loads[i], axis))
            return true;
    return false;
}

/* Whether the axes of a block lie in the stream as one. */
static bool runs_as_one(const struct contraction *contraction, const struct expression *stream) {
    const struct expression *sum = contraction->sum;
    for (int i = contraction->within; i + 1 < sum->axis_count; i++)
        if (stride_of(contraction->ir, stream, sum->axes[i]) !=
            stride_of(contraction->ir, stream, sum->axes[i + 1]) * sum->axes[i + 1]->extent)
            return false;
    return true;
}

/* Whether tiles can decode the weight: blocks are long enough, whole bytes of codes, and along the
 * innermost axes of the sum; all that it loads moves with the bytes, and shifts are those of a row
 * of codes. */
static bool find_blocks(struct contraction *contraction, int side) {
    const struct coded_weight *coded = contraction->coded;
    const struct expression *sum = contraction->sum, *loads[CODED_LOADS], *shared[BLOCK_LOADS];
    const struct statement *statement = contraction->statement;
    int count = list_coded_loads(coded, loads), shared_count = list_block_loads(coded, shared);
    int first = sum->axis_count;
    for (int i = 0; i < count; i++)
        if (!is_affine_load(loads[i]))
            return false;
    for (contraction->block = 1; first > 0; first--) {
        if (uses_any(shared_count, shared, sum->axes[first - 1]))
            break;
        contraction->block *= sum->axes[first - 1]->extent;
    }
    contraction->within = first;
    for (int i = 0; i < statement->loop_count; i++)
        if ((uses_any(count, loads, statement->loops[i]) &&
             !load_uses(loads[0], statement->loops[i])) ||
            (coded->codes.shift && load_uses(coded->codes.shift, statement->loops[i])))
            return false;
    for (int i = 0; i < statement->shared_count; i++)
        if (uses_any(count, loads, statement->shared[i]))
            return false;
    return first < sum->axis_count && contraction->block >= SHORTEST_CODED_BLOCK &&
           (!coded->codes.shift || contraction->block % 2 == 0) &&
           runs_as_one(contraction, sum->sources[1 - side]);
}

static void set_coded(struct contraction *contraction, const struct coded_weight *weight) {
    struct coded_weight *coded = arena_new(contraction->ir->arena, struct coded_weight);
    *coded = *weight;
    contraction->coded = coded;
}

/* Blocks are those of the sums that are scaled. */
static bool find_summed_blocks(struct contraction *contraction, const struct expression *sum,
                               const struct block_sums *blocks) {
    set_coded(contraction, &blocks->weight);
    return find_blocks(contraction, blocks->side) && contraction->within == sum->axis_count &&
           (!blocks->weight.codes.shift || contraction->block % CODED_BLOCK_STEP == 0);
}

/* Sets what is coded; false where an operand is, and tiles cannot decode it. */
static bool find_coded(struct contraction *contraction, const struct expression *sum) {
    struct block_sums blocks;
    if (find_block_sums(sum, &blocks))
        return find_summed_blocks(contraction, sum, &blocks);
    for (int side = 0; side < 2; side++) {
        struct coded_weight weight;
        if (!find_coded_weight(sum->sources[side], &weight))
            continue;
        set_coded(contraction, &weight);
        return find_blocks(contraction, side);
    }
    return true;
}

bool find_contraction(struct ir *ir, struct statement *statement, struct contraction *contraction) {
    struct finding finding = {0};
    expression_walk(ir, statement->value, note_reduction, &finding);
    const struct expression *sum = finding.sum ? sum_of_loads(ir, finding.sum) : NULL;
    int one = finding.of_blocks ? 2 : 1;
    if (finding.sums != one || finding.reductions > one + 1 || !has_tiles(ir->target, sum) ||
        statement->loop_count + sum->axis_count + 2 > MAX_LOOPS ||
        (finding.pool && !unrolls(finding.pool)) || !is_affine_load(sum->sources[0]) ||
        !is_affine_load(sum->sources[1]))
        return false;
    *contraction = (struct contraction){
        .ir = ir, .statement = statement, .sum = sum, .pool = finding.pool, .depth = 1};
    for (int i = 0; i < sum->axis_count; i++)
        contraction->depth *= sum->axes[i]->extent;
    return find_coded(contraction, finding.sum);
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
