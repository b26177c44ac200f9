/* The ranges of tensors on given data, and the codes that they ask for. */
#include "compiler/rewrite/quantize.h"

#include <math.h>

/* ---- Ranges ---- */

static void see_tensor(struct quantized_tensor *tensor, const float *elements) {
    int64_t count = node_elements(tensor->node);
    float low = 0, high = 0;
    bool finite = true;
    for (int64_t i = 0; i < count; i++) {
        low = elements[i] < low ? elements[i] : low;
        high = elements[i] > high ? elements[i] : high;
        finite &= isfinite(elements[i]) != 0;
    }
    tensor->low = fmin(tensor->low, (double)low);
    tensor->high = fmax(tensor->high, (double)high);
    tensor->finite &= finite;
}

static void see_range(void *seer, const struct graph *graph, int64_t sample,
                      const void *const *outputs) {
    const struct quantizing *quantizing = seer;
    (void)sample;
    for (int i = 0; i < graph->output_count; i++)
        see_tensor(quantizing->tensors[i], outputs[i]);
}

/* Requires the range, and that all is finite. */
static void count_elements(struct quantized_tensor *tensor, const float *elements) {
    int64_t count = node_elements(tensor->node);
    double per_unit = RANGE_BINS / (tensor->high - tensor->low);
    for (int64_t i = 0; i < count; i++) {
        if (elements[i] != 0)
            tensor->bins[range_bin(((double)elements[i] - tensor->low) * per_unit)]++;
    }
}

static void see_elements(void *seer, const struct graph *graph, int64_t sample,
                         const void *const *outputs) {
    const struct quantizing *quantizing = seer;
    (void)sample;
    for (int i = 0; i < graph->output_count; i++)
        if (quantizing->tensors[i]->finite)
            count_elements(quantizing->tensors[i], outputs[i]);
}

/* ---- Codes ---- */

/* 256 codes from the least to the greatest. 0 has one of its own, so that padding and what an
 * activation cuts off are exact. */
static struct quantization quantization_of(double low, double high) {
    struct quantization made = {.scale = (float)((high - low) / 255)};
    made.inverse = (float)(1 / (double)made.scale);
    if (!(made.scale > 0) || !isfinite(made.inverse))
        made.scale = made.inverse = 1;
    made.zero = (int)fmin(fmax(nearbyint(-low / (double)made.scale), 0), 255);
    return made;
}

int quantize_number(const struct quantization *quantization, float number) {
    float code = nearbyintf(number * quantization->inverse) + (float)quantization->zero;
    return code > 255 ? 255 : code > 0 ? (int)code : 0;
}

static void run_on_data(struct quantizing *quantizing, see_outputs *see) {
    struct rewriting *rewriting = quantizing->rewriting;
    const struct rewrite_data *data = rewriting->options.data;
    const struct node **nodes = arena_array(&rewriting->analysis->arena, const struct node *,
                                            (size_t)quantizing->tensor_count);
    for (int i = 0; i < quantizing->tensor_count; i++)
        nodes[i] = quantizing->tensors[i]->node;
    struct graph *probe = rewriting_probe(rewriting, quantizing->tensor_count, nodes);
    if (!data->run(data->context, probe, 0, see, quantizing, rewriting->error))
        rewriting_fail(rewriting);
}

/* Once more over the data, to see how the elements are spread over the range. */
static void narrow_ranges(struct quantizing *quantizing, enum quantize_range range) {
    struct arena *arena = &quantizing->rewriting->analysis->arena;
    for (int i = 0; i < quantizing->tensor_count; i++)
        quantizing->tensors[i]->bins = arena_array(arena, int64_t, RANGE_BINS);
    run_on_data(quantizing, see_elements);
    for (int i = 0; i < quantizing->tensor_count; i++)
        quantize_narrow(quantizing->tensors[i], range);
}

void quantize_observe(struct quantizing *quantizing) {
    enum quantize_range range = quantizing->rewriting->options.quantize_range;
    run_on_data(quantizing, see_range);
    if (range != RANGE_extremes)
        narrow_ranges(quantizing, range);
    for (int i = 0; i < quantizing->tensor_count; i++) {
        struct quantized_tensor *tensor = quantizing->tensors[i];
        tensor->quantization = quantization_of(tensor->low, tensor->high);
    }
}
