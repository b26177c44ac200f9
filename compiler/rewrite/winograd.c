/* winograd: a convolution by tiles, in primitive operations.
 *
 *   tiles     windows of t = m + r - 1 over the padded input, with stride m, in both directions
 *   B d B'    sums and differences of slices of the window axes, one axis after the other, put
 *             together again by concat
 *   products  contract: [position.., tile.., channel] x [position.., channel, output]
 *   A x A'    sums and differences along the position axes
 *   result    tiles side by side, and what reaches over the end cut off
 *
 * The weights G g G' are worked out here, in float64 with + - * / alone, and rounded once. */
#include "compiler/rewrite/rewriting.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A tile must be this much cheaper than the convolution as it stands: costs are estimates. */
#define LEAST_GAIN 1.1

struct winograd_site {
    struct convolution convolution;
    struct winograd_tiles tiles;
    int64_t counts[2]; /* of tiles, along height and width */
    int sides[2];      /* of a tile: t */
    float *weight;     /* [t, t, channels, outputs] */
};

/* ---- Arithmetic along one axis ---- */

static struct tensor slice(struct tensor x, int axis, int at) {
    struct range ranges[MAX_RANK];
    for (int i = 0; i < tensor_rank(x); i++)
        ranges[i] = (struct range){0, tensor_extent(x, i)};
    ranges[axis] = (struct range){at, at + 1};
    return tensor_shrink(x, tensor_rank(x), ranges);
}

static struct tensor do_step(const struct transform_step *step, const struct tensor *values) {
    struct tensor right = values[step->right];
    float size = fabsf(step->factor);
    if (size != 1)
        right = tensor_mul(right, scalar(right.context, step->left < 0 ? step->factor : size));
    if (step->left < 0)
        return right;
    return step->factor < 0 ? tensor_sub(values[step->left], right)
                            : tensor_add(values[step->left], right);
}

static struct tensor apply_transform(const struct transform *transform, struct tensor x, int axis) {
    struct tensor values[MOST_TILE + MOST_STEPS], outputs[MOST_TILE];
    for (int i = 0; i < transform->input_count; i++)
        values[i] = slice(x, axis, i);
    for (int i = 0; i < transform->step_count; i++)
        values[transform->input_count + i] = do_step(&transform->steps[i], values);
    for (int i = 0; i < transform->output_count; i++)
        outputs[i] = values[transform->outputs[i]];
    return tensor_concat(transform->output_count, outputs, axis);
}

/* ---- The input: [batch, channels, height, width], padded to whole tiles ---- */

static int64_t tiled_extent(const struct winograd_site *site, int i) {
    return site->counts[i] * site->tiles.outputs[i] + site->convolution.windows[i].size - 1;
}

static bool is_zero_padding(const struct node *node) {
    static const uint8_t zero[8];
    return node->op == OP_PAD &&
           (!node->value || memcmp(node->value, zero, dtype_facts[node->dtype].bytes) == 0);
}

/* The input, with zeros up to whole tiles. Where it is padded already, that padding grows. */
static struct tensor pad_to_tiles(struct rewriting *rewriting, const struct winograd_site *site,
                                  int64_t *end) {
    const struct convolution *convolution = &site->convolution;
    const struct node *input = convolution->input;
    struct range ranges[MAX_RANK] = {0}, cut[MAX_RANK];
    struct tensor x = rewriting->made[input->id];
    bool whole = true;
    for (int i = 0; i < input->rank; i++) {
        cut[i] = (struct range){0, convolution->end[i]};
        whole &= convolution->end[i] == input->shape[i];
    }
    if (!whole)
        x = tensor_shrink(x, input->rank, cut);
    else if (is_zero_padding(input)) {
        x = rewriting->made[input->sources[0]->id];
        for (int i = 0; i < input->rank; i++)
            ranges[i] = (struct range){input->before[i], input->after[i]};
    }
    for (int i = 0; i < 2; i++) {
        int axis = convolution->windows[i].input_axis;
        int64_t more = convolution->begin[axis] + tiled_extent(site, i) - end[axis];
        ranges[axis].end += more;
        end[axis] += more;
    }
    return tensor_pad(x, input->rank, ranges, 0);
}

static struct tensor arrange_input(struct rewriting *rewriting, const struct winograd_site *site) {
    const struct convolution *convolution = &site->convolution;
    int rank = convolution->input->rank, order[MAX_RANK], count = 0;
    bool placed[MAX_RANK] = {false};
    int64_t end[MAX_RANK];
    memcpy(end, convolution->end, sizeof end);
    struct tensor x = pad_to_tiles(rewriting, site, end);
    struct range ranges[MAX_RANK];
    for (int i = 0; i < rank; i++)
        ranges[i] = (struct range){convolution->begin[i], end[i]};
    x = tensor_shrink(x, rank, ranges);
    int tail[3] = {convolution->channel_input_axis, convolution->windows[0].input_axis,
                   convolution->windows[1].input_axis};
    for (int i = 0; i < 3; i++)
        if (tail[i] >= 0)
            placed[tail[i]] = true;
    for (int i = 0; i < rank; i++) /* those of the batch, and those of one element */
        if (!placed[i])
            order[count++] = i;
    for (int i = 0; i < 3; i++)
        if (tail[i] >= 0)
            order[count++] = tail[i];
    x = tensor_permute(x, count, order);
    return tensor_reshape(x, SHAPE(convolution->batch, convolution->channels, tiled_extent(site, 0),
                                   tiled_extent(site, 1)));
}

/* ---- The result, as the contraction had it ---- */

static struct tensor arrange_result(const struct winograd_site *site, struct tensor y) {
    const struct convolution *convolution = &site->convolution;
    const struct node *contract = convolution->contract;
    int axes[MAX_RANK], order[MAX_RANK], count = 0;
    int64_t extents[MAX_RANK];
    for (int i = 0; i < convolution->batch_count; i++)
        axes[count++] = convolution->batch_axes[i];
    if (convolution->output_axis >= 0)
        axes[count++] = convolution->output_axis;
    for (int i = 0; i < 2; i++)
        axes[count++] = convolution->windows[i].output_axis;
    for (int i = 0; i < count; i++) {
        extents[i] = contract->sources[0]->shape[axes[i]];
        int before = 0;
        for (int k = 0; k < count; k++)
            before += axes[k] < axes[i];
        order[before] = i;
    }
    y = tensor_permute(tensor_reshape(y, count, extents), count, order);
    return tensor_reshape(y, contract->rank, contract->shape);
}

/* ---- One convolution ---- */

static struct tensor emit_site(struct rewriting *rewriting, const struct winograd_site *site) {
    const struct convolution *convolution = &site->convolution;
    const struct convolution_window *windows = convolution->windows;
    int64_t batch = convolution->batch, channels = convolution->channels,
            outputs = convolution->outputs;
    int64_t nh = site->counts[0], nw = site->counts[1];
    int th = site->sides[0], tw = site->sides[1];
    int mh = site->tiles.outputs[0], mw = site->tiles.outputs[1];
    struct transform in_h = input_transform(th), in_w = input_transform(tw);
    struct transform out_h = output_transform(mh, th), out_w = output_transform(mw, tw);

    struct tensor x = arrange_input(rewriting, site);
    x = tensor_window(x, 2, th, mh, 1); /* (batch, channels, nh, w, th) */
    x = tensor_window(x, 3, tw, mw, 1); /* (batch, channels, nh, nw, th, tw) */
    x = apply_transform(&in_h, x, 4);
    x = apply_transform(&in_w, x, 5);
    x = tensor_permute(x, AXES(4, 5, 0, 2, 3, 1)); /* (th, tw, batch, nh, nw, channels) */
    x = tensor_reshape(x, SHAPE(th, tw, batch, nh, nw, channels, 1));

    int operand = analysis_constant_operand(rewriting->analysis, convolution->contract);
    struct tensor weight = rewriting_weight(
        rewriting, analysis_weight_name(convolution->contract->sources[operand]), "winograd",
        DTYPE_FLOAT32, SHAPE(th, tw, 1, 1, 1, channels, outputs), site->weight);
    struct tensor y = tensor_contract(x, weight, AXES(5)); /* (th, tw, batch, nh, nw, outputs) */

    y = apply_transform(&out_h, y, 0);
    y = apply_transform(&out_w, y, 1);             /* (mh, mw, batch, nh, nw, outputs) */
    y = tensor_permute(y, AXES(2, 5, 3, 0, 4, 1)); /* (batch, outputs, nh, mh, nw, mw) */
    y = tensor_reshape(y, SHAPE(batch, outputs, nh * mh, nw * mw));
    y = tensor_shrink(
        y, RANGES({0, batch}, {0, outputs}, {0, windows[0].outputs}, {0, windows[1].outputs}));
    return arrange_result(site, y);
}

static struct tensor emit(struct rewriting *rewriting, const struct node *node, void *plan) {
    struct winograd_site *const *sites = plan;
    return sites[node->id] ? emit_site(rewriting, sites[node->id]) : NO_TENSOR;
}

/* ---- Weights ---- */

static int64_t stride_along(const struct view *view, int axis) {
    return axis < 0 ? 0 : view->stride[axis];
}

/* G g G' of one filter, into elements `step` apart. */
static bool transform_filter(const struct winograd_site *site, const double *g[2],
                             const float *filter, float *result, int64_t step) {
    const struct convolution *convolution = &site->convolution;
    int64_t along_h = stride_along(&convolution->weight, convolution->windows[0].kernel_axis);
    int64_t along_w = stride_along(&convolution->weight, convolution->windows[1].kernel_axis);
    int rh = (int)convolution->windows[0].size, rw = (int)convolution->windows[1].size;
    double half[MOST_TILE][MOST_TILE]; /* g G' */
    bool finite = true;
    for (int i = 0; i < rh; i++)
        for (int v = 0; v < site->sides[1]; v++) {
            half[i][v] = 0;
            for (int j = 0; j < rw; j++)
                half[i][v] += (double)filter[i * along_h + j * along_w] * g[1][v * MOST_TILE + j];
        }
    for (int u = 0; u < site->sides[0]; u++)
        for (int v = 0; v < site->sides[1]; v++) {
            double sum = 0;
            for (int i = 0; i < rh; i++)
                sum += g[0][u * MOST_TILE + i] * half[i][v];
            float *element = result + (u * site->sides[1] + v) * step;
            *element = (float)sum;
            finite &= isfinite(*element) != 0;
        }
    return finite;
}

/* False: some element is not finite. */
static bool transform_weights(struct rewriting *rewriting, struct winograd_site *site) {
    const struct convolution *convolution = &site->convolution;
    const struct view *weight = &convolution->weight;
    int64_t channels = convolution->channels, outputs = convolution->outputs;
    int64_t along_channel = stride_along(weight, convolution->channel_axis);
    int64_t along_output = stride_along(weight, convolution->output_axis);
    double g[2][MOST_TILE][MOST_TILE];
    const double *rows[] = {g[0][0], g[1][0]};
    bool finite = true;
    for (int i = 0; i < 2; i++)
        weight_transform(site->sides[i], (int)convolution->windows[i].size, g[i]);
    site->weight = rewriting_elements(rewriting, DTYPE_FLOAT32,
                                      site->sides[0] * site->sides[1] * channels * outputs);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t o = 0; o < outputs; o++)
            finite &= transform_filter(
                site, rows, (const float *)weight->data + c * along_channel + o * along_output,
                site->weight + c * outputs + o, channels * outputs);
    return finite;
}

/* ---- The plan ---- */

static const char *dimensions(struct arena *arena, const char *before, int64_t a, int64_t b,
                              const struct convolution_window *windows, bool kernel) {
    return arena_format(arena, "%s%" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64, before, a, b,
                        kernel ? windows[0].size : windows[0].outputs,
                        kernel ? windows[1].size : windows[1].outputs);
}

/* Why the form does not fit; NULL: it does. */
static const char *misfit(struct arena *arena, const struct convolution *convolution) {
    const struct convolution_window *h = &convolution->windows[0], *w = &convolution->windows[1];
    if (convolution->grouped)
        return "it has groups";
    if (h->stride != 1 || w->stride != 1)
        return arena_format(arena, "its stride is %" PRId64 "x%" PRId64, h->stride, w->stride);
    if (h->dilation != 1 || w->dilation != 1)
        return arena_format(arena, "its dilation is %" PRId64 "x%" PRId64, h->dilation,
                            w->dilation);
    if (!winograd_outputs(h->size) || !winograd_outputs(w->size))
        return arena_format(arena, "its kernel is %" PRId64 "x%" PRId64, h->size, w->size);
    return NULL;
}

static void report(struct rewriting *rewriting, const struct winograd_site *site,
                   const char *why_not) {
    const struct convolution *convolution = &site->convolution;
    struct arena *arena = &rewriting->result->arena;
    struct rewrite_site *line = rewriting_site(rewriting, convolution->contract);
    int operand = analysis_constant_operand(rewriting->analysis, convolution->contract);
    const char *input = dimensions(arena, "", convolution->batch, convolution->channels,
                                   convolution->windows, false);
    line->applied = !why_not;
    line->name =
        arena_copy_text(arena, analysis_weight_name(convolution->contract->sources[operand]));
    line->shape = convolution->grouped
                      ? arena_copy_text(arena, shape_text(convolution->contract).text)
                      : dimensions(arena, arena_format(arena, "%s * ", input), convolution->outputs,
                                   convolution->channels, convolution->windows, true);
    line->what = why_not ? why_not
                         : arena_format(arena, "F(%dx%d, %" PRId64 "x%" PRId64 ")",
                                        site->tiles.outputs[0], site->tiles.outputs[1],
                                        convolution->windows[0].size, convolution->windows[1].size);
    if (site->tiles.cost > 0) {
        line->multiplications_before = site->tiles.multiplications_before;
        line->multiplications_after =
            why_not ? line->multiplications_before : site->tiles.multiplications_after;
        line->gain = site->tiles.direct / site->tiles.cost;
    }
}

/* Whether the weights of all positions are few enough, and their number no overflow. */
static bool fits(const struct winograd_site *site) {
    int64_t count = (int64_t)site->sides[0] * site->sides[1];
    return checked_multiply(count, site->convolution.channels, &count) &&
           checked_multiply(count, site->convolution.outputs, &count) &&
           count <= 8 * MOST_CONSTANT_ELEMENTS;
}

/* Chooses tiles and transforms the weights; NULL when the convolution is to be done so. */
static const char *plan_site(struct rewriting *rewriting, struct winograd_site *site) {
    const char *why_not = misfit(&rewriting->result->arena, &site->convolution);
    if (why_not)
        return why_not;
    const int *outputs = rewriting->options.winograd_tile;
    if (!choose_winograd_tiles(&site->convolution, &rewriting->options, &site->tiles))
        return !outputs[0] ? "it has no tiles that small"
                           : arena_format(&rewriting->result->arena, "it has no tiles of %dx%d",
                                          outputs[0], outputs[1]);
    if (!outputs[0] && site->tiles.direct < LEAST_GAIN * site->tiles.cost)
        return "it would not be faster";
    for (int i = 0; i < 2; i++) {
        const struct convolution_window *window = &site->convolution.windows[i];
        site->sides[i] = site->tiles.outputs[i] + (int)window->size - 1;
        site->counts[i] = (window->outputs - 1) / site->tiles.outputs[i] + 1;
    }
    if (!fits(site))
        return "its weights would be too large";
    return transform_weights(rewriting, site) ? NULL : "its weights are not finite";
}

void rewrite_winograd(struct rewriting *rewriting) {
    analysis_begin(rewriting);
    const struct graph *graph = rewriting->graph;
    struct arena *arena = &rewriting->analysis->arena;
    struct winograd_site **sites =
        arena_array(arena, struct winograd_site *, (size_t)graph->node_count);
    bool any = false;
    for (int i = 0; i < graph->node_count; i++) {
        struct convolution convolution;
        if (!find_convolution(rewriting, graph->nodes[i], &convolution))
            continue;
        struct winograd_site *site = arena_new(arena, struct winograd_site);
        site->convolution = convolution;
        const char *why_not = plan_site(rewriting, site);
        report(rewriting, site, why_not);
        if (why_not)
            continue;
        sites[i] = site;
        any = true;
    }
    if (any)
        rewriting_remake(rewriting, emit, sites);
    analysis_end(rewriting);
}
