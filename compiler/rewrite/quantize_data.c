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

static void see_range(void *seer, const struct graph *graph, const void *const *outputs) {
    const struct quantizing *quantizing = seer;
    for (int i = 0; i < graph->output_count; i++)
        see_tensor(quantizing->tensors[i], outputs[i]);
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

void quantize_observe(struct quantizing *quantizing) {
    struct rewriting *rewriting = quantizing->rewriting;
    const struct rewrite_data *data = rewriting->options.data;
    const struct node **nodes = arena_array(&rewriting->analysis->arena, const struct node *,
                                            (size_t)quantizing->tensor_count);
    for (int i = 0; i < quantizing->tensor_count; i++) {
        struct quantized_tensor *tensor = quantizing->tensors[i];
        nodes[i] = tensor->node;
        tensor->low = tensor->high = 0;
        tensor->finite = true;
    }
    struct graph *probe = rewriting_probe(rewriting, quantizing->tensor_count, nodes);
    if (!data->run(data->context, probe, see_range, quantizing, rewriting->error))
        rewriting_fail(rewriting);
    for (int i = 0; i < quantizing->tensor_count; i++) {
        struct quantized_tensor *tensor = quantizing->tensors[i];
        tensor->quantization = quantization_of(tensor->low, tensor->high);
    }
}
