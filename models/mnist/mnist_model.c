#include "models/mnist/mnist_model.h"

#include "compiler/builder/layers.h"

#include <stdio.h>

static struct tensor parameter(struct tensor x, const char *layer, const char *name, int rank,
                               const int64_t *shape) {
    char full_name[64];
    snprintf(full_name, sizeof full_name, "%s.%s", layer, name);
    return add_weight(x.context, full_name, DTYPE_FLOAT32, rank, shape);
}

static struct tensor convolution(struct tensor x, const char *layer, int outputs, int size) {
    int64_t inputs = tensor_extent(x, 1);
    return conv2d(x, parameter(x, layer, "weight", SHAPE(outputs, inputs, size, size)),
                  parameter(x, layer, "bias", SHAPE(outputs)), (struct conv2d_options){0});
}

static struct tensor normalisation(struct tensor x, const char *layer) {
    int64_t channels = tensor_extent(x, 1);
    return batch_norm(x,
                      (struct batch_norm_parameters){
                          .weight = parameter(x, layer, "weight", SHAPE(channels)),
                          .bias = parameter(x, layer, "bias", SHAPE(channels)),
                          .running_mean = parameter(x, layer, "running_mean", SHAPE(channels)),
                          .running_var = parameter(x, layer, "running_var", SHAPE(channels)),
                      },
                      1e-5);
}

static struct tensor pooling(struct tensor x) {
    return max_pool2d(x, (struct pool2d_options){.kernel = {2, 2}});
}

static struct tensor fully_connected(struct tensor x, const char *layer, int outputs) {
    int64_t inputs = tensor_extent(x, 1);
    return linear(x, parameter(x, layer, "weight", SHAPE(outputs, inputs)),
                  parameter(x, layer, "bias", SHAPE(outputs)));
}

struct graph *mnist_graph(struct et_error *error) {
    struct tensor_context *context = tensor_context_new("mnist");
    struct tensor x = add_graph_input(context, "input_image", DTYPE_FLOAT32, SHAPE(1, 1, 28, 28));

    x = relu(convolution(x, "layers.0", 32, 5));         /* (1, 32, 24, 24) */
    x = relu(convolution(x, "layers.2", 32, 5));         /* (1, 32, 20, 20) */
    x = pooling(normalisation(x, "layers.4"));           /* (1, 32, 10, 10) */
    x = relu(convolution(x, "layers.6", 64, 3));         /* (1, 64, 8, 8) */
    x = relu(convolution(x, "layers.8", 64, 3));         /* (1, 64, 6, 6) */
    x = pooling(normalisation(x, "layers.10"));          /* (1, 64, 3, 3) */
    x = fully_connected(flatten(x, 1), "layers.13", 10); /* (1, 10) */

    return compile_to_graph(context, OUTPUTS({"logits", x}), error);
}
