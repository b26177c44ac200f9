/* Which tiles a convolution gets: a count of what a core has to do, in units of one multiply-add
 * of a contraction at full speed. The weights of the count are those of a core with vector
 * multiply-adds; with them the choices for the shipped model are those found best by hand. */
#include "compiler/rewrite/rewriting.h"

static const struct {
    double operation; /* an addition or multiplication of a transform */
    double move;      /* an element written between transform and product, and read again */
    /* A weight read from the nearest cache that holds all of them: by their number. */
    double near, middle, far;
    double near_most, middle_most;
    double rounding; /* what an output more in a tile must save at least, as a share */
} prices = {.operation = 1,
            .move = 1,
            .near = 2,
            .middle = 4,
            .far = 12,
            .near_most = 128 << 10,
            .middle_most = 4 << 20,
            .rounding = 0.01};

/* Tiles of more outputs need fewer multiplications and lose more to rounding; 10 points and more
 * lose too much. */
const int *winograd_outputs(int64_t taps) {
    static const int of_3[] = {2, 4, 6, 0}, of_5[] = {2, 4, 0};
    return taps == 3 ? of_3 : taps == 5 ? of_5 : NULL;
}

static double weights_cost(double count) {
    return count * (count <= prices.near_most     ? prices.near
                    : count <= prices.middle_most ? prices.middle
                                                  : prices.far);
}

static double direct_cost(const struct convolution *convolution) {
    const struct convolution_window *h = &convolution->windows[0], *w = &convolution->windows[1];
    double weights = (double)(convolution->channels * convolution->outputs * h->size * w->size);
    return weights * (double)(convolution->batch * h->outputs * w->outputs) + weights_cost(weights);
}

/* What one transform of one channel of one tile takes: columns first, then rows. */
struct transform_work {
    int operations, multiplications;
};

static struct transform_work work_of(const struct transform transforms[2], int columns, int rows) {
    return (struct transform_work){transform_operations(&transforms[0]) * columns +
                                       transform_operations(&transforms[1]) * rows,
                                   transform_multiplications(&transforms[0]) * columns +
                                       transform_multiplications(&transforms[1]) * rows};
}

/* Sets `cost` and `multiplications_after` for the numbers of outputs. */
static void measure(const struct convolution *convolution, struct winograd_tiles *tiles) {
    struct transform in[2], out[2];
    int tile[2];
    int64_t count = convolution->batch;
    for (int i = 0; i < 2; i++) {
        const struct convolution_window *window = &convolution->windows[i];
        tile[i] = tiles->outputs[i] + (int)window->size - 1;
        in[i] = input_transform(tile[i]);
        out[i] = output_transform(tiles->outputs[i], tile[i]);
        count *= (window->outputs - 1) / tiles->outputs[i] + 1;
    }
    struct transform_work input = work_of(in, tile[1], tile[0]);
    struct transform_work output = work_of(out, tile[1], tiles->outputs[0]);
    int64_t channels = convolution->channels, outputs = convolution->outputs;
    int64_t positions = (int64_t)tile[0] * tile[1];
    int64_t products = count * positions * channels * outputs;
    tiles->cost =
        (double)products +
        prices.operation *
            (double)(count * (input.operations * channels + output.operations * outputs)) +
        prices.move * (double)(2 * count * positions * (channels + outputs)) +
        weights_cost((double)(positions * channels * outputs));
    tiles->multiplications_after =
        products + count * (input.multiplications * channels + output.multiplications * outputs);
}

/* What is compared: tiles of more outputs round worse, so they have to be worth it. */
static double price_of(const struct winograd_tiles *tiles) {
    return tiles->cost * (1 + prices.rounding * (tiles->outputs[0] + tiles->outputs[1]));
}

static bool allowed(const struct rewrite_options *options, int height, int width) {
    const int *tile = options->winograd_tile, most = options->winograd_most;
    return (!tile[0] || (tile[0] == height && tile[1] == width)) &&
           (!most || (height <= most && width <= most));
}

bool choose_winograd_tiles(const struct convolution *convolution,
                           const struct rewrite_options *options, struct winograd_tiles *best) {
    const struct convolution_window *h = &convolution->windows[0], *w = &convolution->windows[1];
    *best = (struct winograd_tiles){.cost = 0};
    for (const int *m = winograd_outputs(h->size); *m; m++)
        for (const int *n = winograd_outputs(w->size); *n; n++) {
            struct winograd_tiles tiles = {.outputs = {*m, *n}};
            if (!allowed(options, *m, *n))
                continue;
            measure(convolution, &tiles);
            if (best->cost == 0 || price_of(&tiles) < price_of(best))
                *best = tiles;
        }
    best->direct = direct_cost(convolution);
    best->multiplications_before = convolution->batch * h->outputs * w->outputs *
                                   convolution->channels * convolution->outputs * h->size * w->size;
    return best->cost > 0;
}
