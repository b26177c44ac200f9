/* An LSTM as a scan, and step after step: the same cell, so the same bits. */
#ifndef EIGENTENSOR_BENCH_LSTM_H
#define EIGENTENSOR_BENCH_LSTM_H

#include "compiler/builder/layers.h"

/* (4 * hidden, inputs), (4 * hidden, hidden), (4 * hidden). */
struct lstm_parameters {
    struct tensor of_input, of_hidden, bias;
};

static inline struct lstm_parameters lstm_weights(struct tensor_context *context, int64_t inputs,
                                                  int64_t hidden) {
    return (struct lstm_parameters){
        add_weight(context, "weight_ih", DTYPE_FLOAT32, SHAPE(4 * hidden, inputs)),
        add_weight(context, "weight_hh", DTYPE_FLOAT32, SHAPE(4 * hidden, hidden)),
        add_weight(context, "bias", DTYPE_FLOAT32, SHAPE(4 * hidden))};
}

/* Entry `place` of axis `axis`, which vanishes. */
static inline struct tensor lstm_pick(struct tensor x, int axis, int64_t place) {
    struct range ranges[MAX_RANK];
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(x), kept = 0;
    for (int i = 0; i < rank; i++) {
        ranges[i] = (struct range){0, tensor_extent(x, i)};
        if (i != axis)
            shape[kept++] = tensor_extent(x, i);
    }
    ranges[axis] = (struct range){place, place + 1};
    return tensor_reshape(tensor_shrink(x, rank, ranges), kept, shape);
}

/* The next state, (rows, 2, hidden): what is given on, and the cell. */
static inline struct tensor lstm_cell(struct tensor state, struct tensor x,
                                      struct lstm_parameters parameters) {
    int64_t hidden = tensor_extent(state, 2), sizes[4] = {hidden, hidden, hidden, hidden};
    struct tensor gates[4], cell = lstm_pick(state, 1, 1);
    struct tensor sum = tensor_add(linear(x, parameters.of_input, parameters.bias),
                                   linear(lstm_pick(state, 1, 0), parameters.of_hidden, NO_TENSOR));
    if (!split(sum, 1, 4, sizes, gates))
        return sum;
    cell = tensor_add(tensor_mul(sigmoid(gates[1]), cell),
                      tensor_mul(sigmoid(gates[0]), tensor_tanh(gates[2])));
    return stack(2, (struct tensor[]){tensor_mul(sigmoid(gates[3]), tensor_tanh(cell)), cell}, 1);
}

/* The cell as the body of a scan. */
static inline struct tensor lstm_body(int64_t rows, int64_t inputs, int64_t hidden) {
    struct tensor_context *body = tensor_context_new("cell");
    struct tensor state = add_graph_input(body, "state", DTYPE_FLOAT32, SHAPE(rows, 2, hidden));
    struct tensor x = add_graph_input(body, "x", DTYPE_FLOAT32, SHAPE(rows, inputs));
    struct lstm_parameters parameters = {
        add_graph_input(body, "weight_ih", DTYPE_FLOAT32, SHAPE(4 * hidden, inputs)),
        add_graph_input(body, "weight_hh", DTYPE_FLOAT32, SHAPE(4 * hidden, hidden)),
        add_graph_input(body, "bias", DTYPE_FLOAT32, SHAPE(4 * hidden))};
    return lstm_cell(state, x, parameters);
}

/* All states, (steps, rows, 2, hidden), of inputs (steps, rows, inputs), beginning with zeros. */
static inline struct tensor lstm_looped(struct tensor xs, struct lstm_parameters parameters) {
    int64_t rows = tensor_extent(xs, 1), inputs = tensor_extent(xs, 2);
    int64_t hidden = tensor_extent(parameters.of_hidden, 1);
    return tensor_scan(&(struct scan_options){
        .initial = tensor_expand(scalar(xs.context, 0), SHAPE(rows, 2, hidden)),
        .scanned_count = 1,
        .scanned = &xs,
        .captured_count = 3,
        .captured = (struct tensor[]){parameters.of_input, parameters.of_hidden, parameters.bias},
        .next = lstm_body(rows, inputs, hidden)});
}

enum { LSTM_MOST_STEPS = 256 }; /* of those that stand one after another */
static inline struct tensor lstm_unrolled(struct tensor xs, struct lstm_parameters parameters) {
    int64_t steps = tensor_extent(xs, 0), hidden = tensor_extent(parameters.of_hidden, 1);
    struct tensor states[LSTM_MOST_STEPS], state;
    if (steps > LSTM_MOST_STEPS)
        return tensor_fail(xs.context, "more than %d steps", LSTM_MOST_STEPS);
    state = tensor_expand(scalar(xs.context, 0), SHAPE(tensor_extent(xs, 1), 2, hidden));
    for (int i = 0; i < steps; i++)
        states[i] = state = lstm_cell(state, lstm_pick(xs, 0, i), parameters);
    return stack((int)steps, states, 0);
}

#endif
