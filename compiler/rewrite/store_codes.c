/* store-weights as int8 or int4: neighbours along the axis that contractions sum over share a scale
 * and, if wanted, a zero. An element is (code - zero) * scale; codes of 4 bits share a byte with
 * their neighbour, the first in the lower bits. That is what tiles decode (ir/coded.h). */
#include "compiler/builder/layers.h"
#include "compiler/ir/coded.h"
#include "compiler/rewrite/store_weights.h"
#include "templates/convert.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BYTE_BITS = 8 };

static int bits_of(const struct storing *storing) {
    return stored_types[storing->type].bits;
}

/* Of all codes, where blocks have none of their own. */
static int middle_of(const struct storing *storing) {
    return 1 << (bits_of(storing) - 1);
}

/* ---- Along which axis ---- */

/* The axis of a weight with that stride and extent. */
static int axis_of(const struct node *weight, int64_t stride, int64_t extent) {
    int64_t strides[MAX_RANK];
    row_major_strides(weight->rank, weight->shape, strides);
    for (int i = 0; i < weight->rank; i++)
        if (weight->shape[i] == extent && strides[i] == stride)
            return i;
    return SEVERAL_SUM_AXES;
}

/* The one axis of a weight over which a contraction sums, as it reads the weight. */
static int summed_axis(const struct node *contract, const struct view *read,
                       const struct node *weight) {
    int found = SEVERAL_SUM_AXES, count = 0;
    for (int i = 0; i < contract->axis_count; i++) {
        int axis = contract->axes[i];
        if (read->stride[axis] == 0 || read->shape[axis] == 1)
            continue;
        found = axis_of(weight, read->stride[axis], read->shape[axis]);
        count++;
    }
    return count == 1 ? found : SEVERAL_SUM_AXES;
}

/* The weight that a node is a movement of; NULL: of something else. `view` is how it is read; false
 * where no strides say so. */
static const struct node *moved_weight(const struct analysis *analysis, const struct node *node,
                                       struct view *view, bool *is_view) {
    int count = 0;
    for (; op_facts[node->op].class == CLASS_MOVEMENT; node = node->sources[0])
        analysis->path[count++] = node;
    if (node->op != OP_WEIGHT)
        return NULL;
    *view = view_contiguous(node, NULL);
    for (*is_view = true; *is_view && count > 0; count--) {
        const struct view source = *view;
        *is_view = view_move(analysis->path[count - 1], &source, view);
    }
    return node;
}

void find_sum_axes(struct rewriting *rewriting, const struct storing *storing) {
    const struct graph *graph = rewriting->graph;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        struct view read;
        bool is_view;
        if (node->op != OP_CONTRACT || node->dtype != DTYPE_FLOAT32)
            continue;
        int operand = analysis_constant_operand(rewriting->analysis, node);
        const struct node *weight = NULL;
        if (operand >= 0)
            weight = moved_weight(rewriting->analysis, node->sources[operand], &read, &is_view);
        struct stored_weight *stored = weight ? storing->at[weight->id] : NULL;
        if (!stored)
            continue;
        int axis = is_view ? summed_axis(node, &read, weight) : SEVERAL_SUM_AXES;
        bool agrees = stored->sum_axis == NO_SUM_AXIS || stored->sum_axis == axis;
        stored->sum_axis = agrees ? axis : SEVERAL_SUM_AXES;
    }
}

/* ---- Blocks ---- */

/* A weight as [before][blocks][block][after]. */
struct blocks {
    int64_t before, count, length, after;
};

static struct blocks blocks_of(const struct storing *storing, const struct stored_weight *weight) {
    struct blocks blocks = {1, 1, storing->block, 1};
    const struct node *node = weight->node;
    for (int i = 0; i < node->rank; i++) {
        int64_t *part = i < weight->sum_axis   ? &blocks.before
                        : i > weight->sum_axis ? &blocks.after
                                               : &blocks.count;
        *part *= node->shape[i];
    }
    blocks.count /= blocks.length;
    return blocks;
}

/* A block of numbers as codes. */
struct encoding {
    enum dtype type; /* of the scale */
    float scale;
    bool scale_fits; /* that type has it, or one near enough */
    int zero;
    double error; /* the sum of its squares; not finite where some number cannot be had */
    uint8_t codes[MOST_STORED_BLOCK];
};

/* As the graph computes it. */
static float decoded(const struct encoding *fit, int64_t i) {
    return ((float)fit->codes[i] - (float)fit->zero) * fit->scale;
}

/* Codes are chosen for the scale that is stored, so that one which is off by less than half a step
 * of 128 costs nothing: it has 8 bits or more. */
static void set_scale(struct encoding *fit, float scale) {
    const float least = 0x1p-17f; /* float16 counts in steps of 2^-24 there */
    fit->scale = scale;
    fit->scale_fits = true;
    if (fit->type == DTYPE_FLOAT32)
        return;
    fit->scale = f16_to_f32(f32_to_f16(scale));
    fit->scale_fits = isfinite(fit->scale) && (scale == 0 || fabsf(scale) >= least);
}

static void measure(struct encoding *fit, const float *numbers, int64_t count) {
    fit->error = 0;
    for (int64_t i = 0; i < count; i++) {
        double off = (double)decoded(fit, i) - (double)numbers[i];
        fit->error += off * off;
    }
}

static void round_block(struct encoding *fit, const float *numbers, int64_t count, int most) {
    double inverse = fit->scale != 0 ? 1 / (double)fit->scale : 0;
    for (int64_t i = 0; i < count; i++) {
        double code = nearbyint((double)numbers[i] * inverse) + fit->zero;
        fit->codes[i] = (uint8_t)fmin(fmax(code, 0), most);
    }
    measure(fit, numbers, count);
}

/* The scale that is best for the codes there are. */
static void improve_scale(struct encoding *fit, const float *numbers, int64_t count) {
    struct encoding better = *fit;
    double products = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        double code = fit->codes[i] - fit->zero;
        products += code * (double)numbers[i];
        squares += code * code;
    }
    if (squares == 0)
        return;
    set_scale(&better, (float)(products / squares));
    measure(&better, numbers, count);
    if (better.error < fit->error)
        *fit = better;
}

/* One code lies farther on one side of the middle than on the other: the number of the greatest
 * size may have either end. */
static struct encoding fit_around_middle(const float *numbers, int64_t count, int middle,
                                         enum dtype type) {
    struct encoding best = {.error = INFINITY};
    float extreme = 0;
    for (int64_t i = 0; i < count; i++)
        extreme = fabsf(numbers[i]) > fabsf(extreme) ? numbers[i] : extreme;
    for (int end = 0; end < 2; end++) {
        struct encoding fit = {.type = type, .zero = middle};
        set_scale(&fit, extreme / (float)(end ? middle - 1 : -middle));
        round_block(&fit, numbers, count, 2 * middle - 1);
        improve_scale(&fit, numbers, count);
        if (end == 0 || fit.error < best.error)
            best = fit;
    }
    return best;
}

/* From the least to the greatest number, and 0. */
static struct encoding fit_with_zero(const float *numbers, int64_t count, int most,
                                     enum dtype type) {
    double least = 0, greatest = 0;
    for (int64_t i = 0; i < count; i++) {
        least = fmin(least, (double)numbers[i]);
        greatest = fmax(greatest, (double)numbers[i]);
    }
    struct encoding fit = {.type = type};
    set_scale(&fit, (float)((greatest - least) / most));
    if (fit.scale > 0)
        fit.zero = (int)fmin(nearbyint(-least / (double)fit.scale), most);
    round_block(&fit, numbers, count, most);
    improve_scale(&fit, numbers, count);
    return fit;
}

static bool read_block(const struct node *weight, int64_t first, int64_t step, int64_t count,
                       float *numbers) {
    bool finite = true;
    for (int64_t i = 0; i < count; i++) {
        memcpy(&numbers[i], (const char *)weight->value + (first + i * step) * 4,
               sizeof *numbers); /* aligned or not */
        finite &= isfinite(numbers[i]) != 0;
    }
    return finite;
}

/* Codes of a block among bytes in which neighbours are `step` apart. */
static void write_block(const struct encoding *fit, int64_t count, int bits, int64_t step,
                        uint8_t *bytes) {
    for (int64_t i = 0; i < count; i++)
        if (bits == BYTE_BITS)
            bytes[i * step] = fit->codes[i];
        else if (i % 2 == 0)
            bytes[i / 2 * step] = (uint8_t)(fit->codes[i] | fit->codes[i + 1] << bits);
}

static void write_scale(const struct stored_weight *weight, int64_t which, float scale) {
    if (weight->scale == DTYPE_FLOAT16)
        ((uint16_t *)weight->scales)[which] = f32_to_f16(scale);
    else
        ((float *)weight->scales)[which] = scale;
}

enum encoded { ENCODED, NOT_FINITE, SCALE_UNFIT };

/* Block `which` of all. What is not finite are its numbers, or what would become of them. */
static enum encoded encode_block(const struct storing *storing, struct stored_weight *weight,
                                 const struct blocks *blocks, int64_t which, double *error,
                                 double *size) {
    float numbers[MOST_STORED_BLOCK];
    int64_t row = which / blocks->after, column = which % blocks->after, count = blocks->length;
    int64_t first = row * count * blocks->after + column;
    int bits = bits_of(storing);
    if (!read_block(weight->node, first, blocks->after, count, numbers))
        return NOT_FINITE;
    int middle = middle_of(storing);
    struct encoding fit = storing->zeros
                              ? fit_with_zero(numbers, count, 2 * middle - 1, weight->scale)
                              : fit_around_middle(numbers, count, middle, weight->scale);
    if (!fit.scale_fits)
        return SCALE_UNFIT;
    write_block(&fit, count, bits, blocks->after,
                (uint8_t *)weight->elements + row * (count * bits / BYTE_BITS) * blocks->after +
                    column);
    write_scale(weight, which, fit.scale);
    if (weight->zeros)
        weight->zeros[which] = (uint8_t)fit.zero;
    *error += fit.error;
    for (int64_t i = 0; i < count; i++)
        *size += (double)numbers[i] * (double)numbers[i];
    return isfinite(fit.error) ? ENCODED : NOT_FINITE;
}

/* All blocks, up to one with which that ends. */
static enum encoded encode(struct rewriting *rewriting, const struct storing *storing,
                           struct stored_weight *weight, enum dtype scale) {
    struct blocks blocks = blocks_of(storing, weight);
    int64_t count = blocks.before * blocks.count * blocks.after;
    double error = 0, size = 0;
    enum encoded encoded = ENCODED;
    weight->scale = scale;
    weight->scales = rewriting_elements(rewriting, scale, count);
    for (int64_t i = 0; i < count && encoded == ENCODED; i++)
        encoded = encode_block(storing, weight, &blocks, i, &error, &size);
    weight->error = size > 0 ? sqrt(error / size) : 0;
    return encoded;
}

static const char *why_no_codes(struct rewriting *rewriting, const struct storing *storing,
                                const struct stored_weight *weight) {
    if (weight->sum_axis < 0)
        return "nothing sums over one axis of it alone";
    int64_t extent = weight->node->shape[weight->sum_axis];
    if (extent % storing->block)
        return arena_format(&rewriting->result->arena,
                            "its sums have %" PRId64 " elements, which are no blocks of %" PRId64,
                            extent, storing->block);
    return NULL;
}

void make_codes(struct rewriting *rewriting, const struct storing *storing,
                struct stored_weight *weight) {
    weight->why_not = why_no_codes(rewriting, storing, weight);
    if (weight->why_not)
        return;
    struct blocks blocks = blocks_of(storing, weight);
    weight->elements = rewriting_elements(
        rewriting, DTYPE_UINT8, node_elements(weight->node) * bits_of(storing) / BYTE_BITS);
    if (storing->zeros)
        weight->zeros =
            rewriting_elements(rewriting, DTYPE_UINT8, blocks.before * blocks.count * blocks.after);
    enum encoded encoded = encode(rewriting, storing, weight, DTYPE_FLOAT16);
    if (encoded == SCALE_UNFIT)
        encoded = encode(rewriting, storing, weight, DTYPE_FLOAT32);
    if (encoded != ENCODED)
        weight->why_not = "it has numbers that are not finite, or too large";
}

/* ---- The graph ---- */

/* Bytes as their codes in float32, [before][blocks][block][after]. */
static struct tensor emit_unpacked(struct rewriting *rewriting, const struct storing *storing,
                                   const struct stored_weight *weight, struct blocks blocks) {
    const uint8_t shifts[] = {0, 4};
    int each = BYTE_BITS / bits_of(storing);
    const int64_t packed[] = {blocks.before, blocks.count, blocks.length / each, 1, blocks.after};
    struct tensor bytes =
        rewriting_weight(rewriting, weight->node->name, stored_types[storing->type].name,
                         DTYPE_UINT8, 5, packed, weight->elements);
    if (each == 2) {
        struct tensor shift = tensor_const(rewriting->context, DTYPE_UINT8, SHAPE(2, 1), 2, shifts);
        bytes = tensor_and(tensor_shr(bytes, shift), scalar_like(bytes, 15));
    }
    return tensor_reshape(tensor_cast(bytes, DTYPE_FLOAT32),
                          SHAPE(blocks.before, blocks.count, blocks.length, blocks.after));
}

/* code - zero, and scales that go on through their blocks, both [before][blocks][block][after]. */
struct decoding {
    struct tensor differences, scales;
};

static struct decoding emit_decoding(struct rewriting *rewriting, const struct storing *storing,
                                     struct stored_weight *weight) {
    struct blocks blocks = blocks_of(storing, weight);
    const int64_t shared[] = {blocks.before, blocks.count, 1, blocks.after};
    if (is_given(weight->differences))
        return (struct decoding){weight->differences, weight->scale_tensor};
    struct tensor codes = emit_unpacked(rewriting, storing, weight, blocks);
    struct tensor zero = scalar(rewriting->context, (float)middle_of(storing));
    weight->scale_tensor = tensor_cast(rewriting_weight(rewriting, weight->node->name, "scale",
                                                        weight->scale, 4, shared, weight->scales),
                                       DTYPE_FLOAT32);
    if (weight->zeros)
        zero = tensor_cast(rewriting_weight(rewriting, weight->node->name, "zero", DTYPE_UINT8, 4,
                                            shared, weight->zeros),
                           DTYPE_FLOAT32);
    weight->differences = tensor_sub(codes, zero);
    return (struct decoding){weight->differences, weight->scale_tensor};
}

struct tensor emit_codes(struct rewriting *rewriting, const struct storing *storing,
                         struct stored_weight *weight) {
    struct decoding decoding = emit_decoding(rewriting, storing, weight);
    return tensor_reshape(tensor_mul(decoding.differences, decoding.scales), weight->node->rank,
                          weight->node->shape);
}

/* ---- Sums by blocks ---- */

/* What becomes of a tensor of the weight's shape on its way to the contraction: what became of the
 * weight, a node that `moved` is a movement of. */
static struct tensor moved_alike(struct rewriting *rewriting, const struct node *moved,
                                 struct tensor weight) {
    const struct node **path = rewriting->analysis->path;
    int count = 0;
    for (; op_facts[moved->op].class == CLASS_MOVEMENT; moved = moved->sources[0])
        path[count++] = moved;
    while (count > 0)
        weight = tensor_of_node(rewriting->context, path[--count], 1, &weight);
    return weight;
}

/* An axis as one of blocks and one within them. */
static struct tensor cut_into_blocks(struct tensor x, int axis, int64_t block) {
    return reshape_axes(x, axis, 1, 2, (int64_t[]){tensor_extent(x, axis) / block, block});
}

/* The first of each block. */
static struct tensor first_of_blocks(struct tensor x, int axis, int64_t block) {
    return reshape_axes(cut_axis(cut_into_blocks(x, axis, block), axis + 1, 0, 1), axis + 1, 1, 0,
                        NULL);
}

struct tensor emit_block_sums(struct rewriting *rewriting, const struct storing *storing,
                              const struct node *contract) {
    struct view read;
    bool is_view;
    int operand = contract->op == OP_CONTRACT && contract->dtype == DTYPE_FLOAT32
                      ? analysis_constant_operand(rewriting->analysis, contract)
                      : -1;
    if (operand < 0 || contract->axis_count != 1 || contract->sources[0]->rank == MAX_RANK)
        return NO_TENSOR;
    const struct node *moved = contract->sources[operand];
    const struct node *node = moved_weight(rewriting->analysis, moved, &read, &is_view);
    struct stored_weight *weight = node ? storing->at[node->id] : NULL;
    if (!weight || weight->why_not || blocks_of(storing, weight).count < 2 ||
        storing->block % CODED_BLOCK_STEP)
        return NO_TENSOR;
    const int axis = contract->axes[0];
    struct blocks blocks = blocks_of(storing, weight);
    struct decoding decoding = emit_decoding(rewriting, storing, weight);
    struct tensor scales = tensor_expand(
        decoding.scales, SHAPE(blocks.before, blocks.count, blocks.length, blocks.after));
    scales = moved_alike(rewriting, moved, tensor_reshape(scales, node->rank, node->shape));
    struct tensor differences = moved_alike(
        rewriting, moved, tensor_reshape(decoding.differences, node->rank, node->shape));
    struct tensor x = rewriting->made[contract->sources[1 - operand]->id];
    struct tensor sums =
        tensor_contract(cut_into_blocks(x, axis, blocks.length),
                        cut_into_blocks(differences, axis, blocks.length), AXES(axis + 1));
    return tensor_contract(sums, first_of_blocks(scales, axis, blocks.length), AXES(axis));
}
