/* Convolutions, each written in one of many ways. */
#ifndef TEST_REWRITE_CONVOLUTIONS_H
#define TEST_REWRITE_CONVOLUTIONS_H

#include "tests/support/rewrite_support.h"

/* Tiles of the eight positions lose three to ten bits on single sums; these are few. */
static const double winograd_tolerance = 2e-5;

/* How a convolution is written. */
enum form {
    BY_WINDOWS,      /* conv2d */
    BY_MOVEMENT,     /* as TinyGrad does, without the window operation */
    CHANNELS_LAST,   /* the input is (batch, height, width, channels), the weight (kh, kw, c, o) */
    WEIGHT_FIRST,    /* the operands of contract the other way round, other axes, other sums */
    CUT,             /* a part of the channels and of the picture is read */
    COMPUTED_WEIGHT, /* the weight is a product of constants */
    FORMS
};
struct problem {
    enum form form;
    int64_t batch, channels, outputs, height, width, kernel[2], padding[2];
    bool bias, relu;
};

static inline struct tensor pad_image(struct tensor x, const int64_t padding[2]) {
    return tensor_pad(
        x, 4, (struct range[]){{0, 0}, {0, 0}, {padding[0], padding[0]}, {padding[1], padding[1]}},
        0);
}

static const int64_t ones[2] = {1, 1};

static inline struct tensor by_movement(struct tensor x, struct tensor weight,
                                        const int64_t *padding) {
    int64_t batch = tensor_extent(x, 0), c = tensor_extent(x, 1), o = tensor_extent(weight, 0);
    int64_t kernel[2] = {tensor_extent(weight, 2), tensor_extent(weight, 3)};
    x = windows_by_movement(pad_image(x, padding), kernel, ones, ones);
    int64_t h = tensor_extent(x, 2), w = tensor_extent(x, 3);
    x = tensor_reshape(x, SHAPE(batch, 1, c, 1, h, w, kernel[0], kernel[1]));
    x = tensor_expand(x, SHAPE(batch, 1, c, o, h, w, kernel[0], kernel[1]));
    x = tensor_permute(x, AXES(0, 1, 3, 4, 5, 2, 6, 7));
    weight = tensor_reshape(weight, SHAPE(1, 1, o, 1, 1, c, kernel[0], kernel[1]));
    x = tensor_contract(x, weight, AXES(5, 6, 7));
    return tensor_reshape(x, SHAPE(batch, o, h, w));
}

/* (kw, kh, o, c) x (h, w, batch, ..): sums over kernel and channels in another order. */
static inline struct tensor weight_first(struct tensor x, struct tensor weight,
                                         const int64_t *padding) {
    int64_t batch = tensor_extent(x, 0), c = tensor_extent(x, 1), o = tensor_extent(weight, 0);
    int64_t kh = tensor_extent(weight, 2), kw = tensor_extent(weight, 3);
    x = windows(pad_image(x, padding), (int64_t[]){kh, kw}, ones, ones);
    int64_t h = tensor_extent(x, 2), w = tensor_extent(x, 3);
    x = tensor_permute(x, AXES(5, 4, 1, 2, 3, 0)); /* (kw, kh, c, h, w, batch) */
    x = tensor_reshape(x, SHAPE(kw, kh, 1, c, h, w, batch));
    weight = tensor_reshape(tensor_permute(weight, AXES(3, 2, 0, 1)), SHAPE(kw, kh, o, c, 1, 1, 1));
    x = tensor_contract(weight, x, AXES(3, 0, 1)); /* (o, h, w, batch) */
    return tensor_permute(x, AXES(3, 0, 1, 2));
}

static inline struct tensor convolve(const struct problem *p, struct tensor_context *context) {
    struct tensor x, weight;
    struct conv2d_options options = {.padding = {p->padding[0], p->padding[1]}};
    if (p->form == CHANNELS_LAST) {
        x = test_input(context, SHAPE(p->batch, p->height, p->width, p->channels));
        weight =
            test_weight(context, "w", SHAPE(p->kernel[0], p->kernel[1], p->channels, p->outputs));
        return conv2d(tensor_permute(x, AXES(0, 3, 1, 2)), tensor_permute(weight, AXES(3, 2, 0, 1)),
                      NO_TENSOR, options);
    }
    if (p->form == CUT) {
        x = test_input(context, SHAPE(p->batch, p->channels + 3, p->height + 4, p->width + 1));
        x = tensor_shrink(
            x, RANGES({0, p->batch}, {2, p->channels + 2}, {3, p->height + 3}, {0, p->width}));
    } else {
        x = test_input(context, SHAPE(p->batch, p->channels, p->height, p->width));
    }
    weight = test_weight(context, "w", SHAPE(p->outputs, p->channels, p->kernel[0], p->kernel[1]));
    if (p->form == COMPUTED_WEIGHT)
        weight = tensor_mul(weight, test_weight(context, "scale", SHAPE(p->outputs, 1, 1, 1)));
    if (p->form == BY_MOVEMENT)
        return by_movement(x, weight, p->padding);
    if (p->form == WEIGHT_FIRST)
        return weight_first(x, weight, p->padding);
    return conv2d(x, weight, NO_TENSOR, options);
}

static inline struct graph *problem_graph(const struct problem *p) {
    struct tensor_context *context = tensor_context_new("convolution");
    struct tensor y = convolve(p, context);
    if (p->bias)
        y = tensor_add(y, test_weight(context, "bias", SHAPE(p->outputs, 1, 1)));
    return test_graph(p->relu ? relu(y) : y);
}

#endif
