/* RNN, GRU and LSTM, the last of integers, too: a cell that is given one step of the input and its
 * own state.
 *
 * The products with the input are taken for all steps at once, as one contraction. Few steps are
 * written one after another, more are a scan, of the same bits. A direction runs over flipped steps
 * where it is reversed; a sequence that has ended keeps its state and gives zeros. (The
 * specification of ONNX says what a cell computes; sequences that are shorter are treated as ONNX
 * Runtime does.) */
#include "compiler/import/activation.h"
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"
#include "compiler/import/quantised.h"

#include <string.h>

enum {
    MOST_ACTIVATIONS = 3,
    MOST_WRITTEN_OUT = 6, /* steps; more are a scan */
};

/* ---- Activations ---- */

enum activation_kind {
    RELU,
    TANH,
    SIGMOID,
    AFFINE,
    LEAKY_RELU,
    THRESHOLDED_RELU,
    SCALED_TANH,
    HARD_SIGMOID,
    ELU,
    SOFTSIGN,
    SOFTPLUS,
};

static const struct activation_facts {
    const char *name;
    bool has_alpha, has_beta;
    double alpha, beta; /* unless they are given */
} activation_facts[] = {
    [RELU] = {"Relu", false, false, 0, 0},
    [TANH] = {"Tanh", false, false, 0, 0},
    [SIGMOID] = {"Sigmoid", false, false, 0, 0},
    [AFFINE] = {"Affine", true, true, 1, 0},
    [LEAKY_RELU] = {"LeakyRelu", true, false, 0.01, 0},
    [THRESHOLDED_RELU] = {"ThresholdedRelu", true, false, 1, 0},
    [SCALED_TANH] = {"ScaledTanh", true, true, 1, 1},
    [HARD_SIGMOID] = {"HardSigmoid", true, true, 0.2, 0.5},
    [ELU] = {"Elu", true, false, 1, 0},
    [SOFTSIGN] = {"Softsign", false, false, 0, 0},
    [SOFTPLUS] = {"Softplus", false, false, 0, 0},
};

struct activation {
    enum activation_kind kind;
    double alpha, beta;
};

static struct tensor activate(struct activation f, struct tensor x) {
    switch (f.kind) {
    case RELU:
        return tensor_max(x, scalar_like(x, 0));
    case TANH:
        return tensor_tanh(x);
    case SIGMOID:
        return sigmoid(x);
    case AFFINE:
        return add_number(multiply_by(x, f.alpha), f.beta);
    case LEAKY_RELU:
        return leaky_relu(x, f.alpha);
    case THRESHOLDED_RELU:
        return thresholded_relu(x, f.alpha);
    case SCALED_TANH:
        return multiply_by(tensor_tanh(multiply_by(x, f.beta)), f.alpha);
    case HARD_SIGMOID:
        return hard_sigmoid(x, f.alpha, f.beta);
    case ELU:
        return elu(x, f.alpha);
    case SOFTSIGN:
        return softsign(x);
    case SOFTPLUS:
        return softplus(x);
    }
    unreachable();
}

/* ---- What a node says ---- */

struct recurrence;
/* The next state of one direction: of `x`, the products of one step with the input, [B, gates * H],
 * and the state before, [B, H], or for LSTM both of them. */
typedef void cell(const struct recurrence *recurrence, int direction, struct tensor x,
                  struct tensor state[2]);

struct recurrence {
    struct call *call;
    cell *step;
    int gates, states; /* states: 2 for LSTM */
    int directions;
    bool reverse; /* the first direction */
    int64_t steps, batch, hidden;
    enum dtype dtype; /* of all but the lengths */
    double clip;      /* 0: none */
    bool flag;        /* linear_before_reset, input_forget */
    bool quantised;   /* the weights: integers, turned, with scales and zero points */
    struct activation activations[2][MOST_ACTIVATIONS];
    struct tensor recurrent[2], recurrent_bias[2]; /* [gates * H, H]; [gates * H] */
    struct tensor scale[2], zero[2]; /* of quantised recurrent weights: one, or [gates * H] */
    struct tensor peepholes[2];      /* [3 * H] or none */
    struct tensor lengths;           /* [B, 1] or none */
};

/* The numbers of activations come in the order of those that have some. */
static void read_activations(struct recurrence *r, int count, const char *const *usual) {
    struct call *call = r->call;
    struct texts names = call_texts(call, "activations");
    struct floats alphas = call_floats(call, "activation_alpha");
    struct floats betas = call_floats(call, "activation_beta");
    int alpha = 0, beta = 0;
    if (names.values && names.count != count * r->directions)
        call_refuse(call, "%d activations, expected %d", names.count, count * r->directions);
    for (int i = 0; i < count * r->directions; i++) {
        struct activation *f = &r->activations[i / count][i % count];
        const char *name = names.values && i < names.count ? names.values[i] : usual[i % count];
        int kind = 0, kinds = sizeof activation_facts / sizeof *activation_facts;
        while (kind < kinds && strcasecmp(activation_facts[kind].name, name) != 0)
            kind++;
        if (kind == kinds) {
            call_refuse(call, "activation \"%s\" is not known here", name);
            return;
        }
        const struct activation_facts *facts = &activation_facts[kind];
        *f = (struct activation){(enum activation_kind)kind, facts->alpha, facts->beta};
        if (facts->has_alpha && alpha < alphas.count)
            f->alpha = (double)alphas.values[alpha++];
        if (facts->has_beta && beta < betas.count)
            f->beta = (double)betas.values[beta++];
    }
}

static void read_direction(struct recurrence *r) {
    const char *direction = call_text(r->call, "direction", "forward");
    r->directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1;
    r->reverse = strcmp(direction, "reverse") == 0;
    if (r->directions == 1 && !r->reverse && strcmp(direction, "forward") != 0)
        call_refuse(r->call, "direction \"%s\" is not known here", direction);
}

/* Part `index` of the last axis in parts of `size`. */
static struct tensor part(struct tensor x, int index, int64_t size) {
    return cut_axis(x, tensor_rank(x) - 1, index * size, (index + 1) * size);
}

static struct tensor transposed(struct tensor x) {
    return transpose(x, 0, 1);
}

static bool has_extents(struct recurrence *r, int input, int rank, const int64_t *extents) {
    struct tensor x = call_input(r->call, input);
    bool same = tensor_rank(x) == rank;
    for (int i = 0; same && i < rank; i++)
        same = tensor_extent(x, i) == extents[i];
    if (!same && x.node)
        call_refuse(r->call, "input %d is %s, which does not fit the others", input,
                    tensor_text(x).text);
    return same;
}

/* Sizes from the weights; the rest must fit. `x` is [T, B, I]. */
static bool read_sizes(struct recurrence *r, struct tensor x) {
    struct tensor weight = call_input(r->call, 1), recurrent = call_input(r->call, 2);
    if (!x.node || !weight.node || !recurrent.node || tensor_rank(x) != 3 ||
        tensor_rank(recurrent) != 3) {
        call_refuse(r->call, "X and R must have three axes");
        return false;
    }
    r->steps = tensor_extent(x, 0);
    r->batch = tensor_extent(x, 1);
    r->hidden = tensor_extent(recurrent, r->quantised ? 1 : 2);
    int64_t d = r->directions, h = r->hidden, rows = r->gates * h, width = tensor_extent(x, 2);
    int64_t own[] = {d, rows, width}, between[] = {d, rows, h};
    int64_t turned_own[] = {d, width, rows}, turned_between[] = {d, h, rows};
    bool good = has_extents(r, 1, 3, r->quantised ? turned_own : own) &&
                has_extents(r, 2, 3, r->quantised ? turned_between : between);
    good = good && (!call_has_input(r->call, 3) || has_extents(r, 3, 2, (int64_t[]){d, 2 * rows}));
    good = good && (!call_has_input(r->call, 4) || has_extents(r, 4, 1, (int64_t[]){r->batch}));
    return good;
}

/* ---- Cells ---- */

static struct tensor clipped(const struct recurrence *r, struct tensor x) {
    return r->clip > 0 ? clamped(x, -r->clip, r->clip) : x;
}

static struct tensor apply(const struct recurrence *r, int direction, int index, struct tensor x) {
    return activate(r->activations[direction][index], clipped(r, x));
}

/* x, float32, by integers (rows, columns) that stand for real numbers: x is quantised, too. */
static struct tensor integer_products(struct tensor x, struct tensor weight, struct tensor scale,
                                      struct tensor zero) {
    struct dynamic a = quantised_dynamically(x);
    struct tensor sums = matmul(without_zero_point(a.x, a.zero, DTYPE_INT32),
                                without_zero_point(weight, zero, DTYPE_INT32));
    return scaled_sums(sums, tensor_mul(a.scale, scale), NO_TENSOR);
}

/* The products of a state with the recurrent weights of `count` gates from `first` on, and their
 * bias. */
static struct tensor recurrent_products(const struct recurrence *r, int direction, int first,
                                        int count, struct tensor state) {
    struct range rows = {first * r->hidden, (first + count) * r->hidden};
    if (r->quantised) /* an LSTM, which asks for all */
        return integer_products(state, r->recurrent[direction], r->scale[direction],
                                r->zero[direction]);
    struct tensor weight = tensor_shrink(r->recurrent[direction], RANGES(rows, {0, r->hidden}));
    struct tensor y = matmul(state, transposed(weight));
    if (!is_given(r->recurrent_bias[direction]))
        return y;
    return tensor_add(y, tensor_shrink(r->recurrent_bias[direction], RANGES(rows)));
}

static void rnn_step(const struct recurrence *r, int direction, struct tensor x,
                     struct tensor state[2]) {
    state[0] =
        apply(r, direction, 0, tensor_add(x, recurrent_products(r, direction, 0, 1, state[0])));
}

/* The gates z, r, h. */
static void gru_step(const struct recurrence *r, int direction, struct tensor x,
                     struct tensor state[2]) {
    int64_t h = r->hidden;
    struct tensor before = state[0];
    struct tensor sum = tensor_add(tensor_shrink(x, RANGES({0, r->batch}, {0, 2 * h})),
                                   recurrent_products(r, direction, 0, 2, before));
    struct tensor update = apply(r, direction, 0, part(sum, 0, h));
    struct tensor reset = apply(r, direction, 0, part(sum, 1, h));
    struct tensor hidden = r->flag /* linear_before_reset */
                               ? tensor_mul(reset, recurrent_products(r, direction, 2, 1, before))
                               : recurrent_products(r, direction, 2, 1, tensor_mul(reset, before));
    hidden = apply(r, direction, 1, tensor_add(part(x, 2, h), hidden));
    struct tensor rest = tensor_sub(scalar_like(update, 1), update);
    state[0] = tensor_add(tensor_mul(rest, hidden), tensor_mul(update, before));
}

/* x, and the memory where there are peepholes. */
static struct tensor peeped(const struct recurrence *r, int direction, int index, struct tensor x,
                            struct tensor memory) {
    if (!is_given(r->peepholes[direction]))
        return x;
    return tensor_add(x, tensor_mul(part(r->peepholes[direction], index, r->hidden), memory));
}

/* The gates i, o, f, c; the peepholes i, o, f. */
static void lstm_step(const struct recurrence *r, int direction, struct tensor x,
                      struct tensor state[2]) {
    int64_t h = r->hidden;
    struct tensor memory = state[1];
    struct tensor sum = tensor_add(x, recurrent_products(r, direction, 0, 4, state[0]));
    struct tensor input = apply(r, direction, 0, peeped(r, direction, 0, part(sum, 0, h), memory));
    struct tensor forget =
        r->flag ? tensor_sub(scalar_like(input, 1), input) /* input_forget */
                : apply(r, direction, 0, peeped(r, direction, 2, part(sum, 2, h), memory));
    struct tensor candidate = apply(r, direction, 1, part(sum, 3, h));
    state[1] = tensor_add(tensor_mul(forget, memory), tensor_mul(input, candidate));
    struct tensor output =
        apply(r, direction, 0, peeped(r, direction, 1, part(sum, 1, h), state[1]));
    state[0] = tensor_mul(output, activate(r->activations[direction][2], state[1]));
}

/* ---- Steps ---- */

/* Zeros behind the longest sequence, which are no part of what x is quantised by. */
static struct tensor until_last(const struct recurrence *r, struct tensor x) {
    if (!is_given(r->lengths))
        return x;
    struct tensor t = tensor_iota(r->call->context, tensor_dtype(r->lengths), r->steps);
    struct tensor last = tensor_reduce_max(r->lengths, ALL_AXES);
    struct tensor goes_on = tensor_lt(tensor_reshape(t, SHAPE(r->steps, 1, 1)), last);
    return tensor_where(goes_on, x, scalar_like(x, 0));
}

/* What a direction has of an input. */
static struct tensor direction_of(const struct recurrence *r, int input, int direction) {
    return pick_axis(call_input(r->call, input), 0, direction);
}

/* The products of x with the input's weights. */
static struct tensor own_products(const struct recurrence *r, int direction, struct tensor x) {
    struct tensor weight = direction_of(r, 1, direction);
    if (!r->quantised)
        return matmul(x, transposed(weight));
    return integer_products(until_last(r, x), weight, direction_of(r, 8, direction),
                            direction_of(r, 9, direction));
}

/* The products of all steps with the input's weights, and both biases: [T, B, gates * H]. The bias
 * of the recurrent products goes with them where a gate multiplies those. */
static struct tensor input_products(struct recurrence *r, int direction, struct tensor x) {
    struct call *call = r->call;
    struct tensor y = own_products(r, direction, x);
    r->recurrent[direction] = direction_of(r, 2, direction);
    if (r->quantised) {
        r->scale[direction] = direction_of(r, 10, direction);
        r->zero[direction] = direction_of(r, 11, direction);
    }
    if (!call_has_input(call, 3))
        return y;
    struct tensor bias = pick_axis(call_input(call, 3), 0, direction);
    int64_t rows = r->gates * r->hidden;
    struct tensor own = part(bias, 0, rows), recurrent = part(bias, 1, rows);
    if (r->step == gru_step)
        r->recurrent_bias[direction] = recurrent;
    else
        own = tensor_add(own, recurrent);
    return tensor_add(y, own);
}

/* Step t of one direction; sequences that have ended keep their state. Returns what they give. */
static struct tensor run_step(const struct recurrence *r, int direction, struct tensor x, int64_t t,
                              struct tensor state[2]) {
    struct tensor before[2] = {state[0], state[1]};
    r->step(r, direction, x, state);
    if (!is_given(r->lengths))
        return state[0];
    struct tensor goes_on = tensor_lt(scalar_like(r->lengths, (double)t), r->lengths);
    for (int i = 0; i < r->states; i++)
        state[i] = tensor_where(goes_on, state[i], before[i]);
    return tensor_where(goes_on, state[0], scalar_like(state[0], 0));
}

/* Step by step, each written out. */
static struct tensor unroll_direction(const struct recurrence *r, int direction, bool reverse,
                                      struct tensor products, struct tensor state[2]) {
    struct tensor rows[MOST_WRITTEN_OUT];
    for (int64_t i = 0; i < r->steps; i++) {
        int64_t t = reverse ? r->steps - 1 - i : i;
        rows[t] = run_step(r, direction, pick_axis(products, 0, t), t, state);
    }
    return stack((int)r->steps, rows, 0);
}

/* ---- Steps of a scan ---- */

/* A cell in a context of its own, the body of a scan that carries all states, [states, B, H]. */
struct scanned_cell {
    struct tensor_context *body;
    struct recurrence recurrence; /* whose weights are inputs of the body */
    int scanned_count, captured_count;
    struct tensor scanned[2], captured[5];
};

/* What the body sees of x; NO_TENSOR of an operand that is not there. */
static struct tensor seen_whole(struct scanned_cell *cell, const char *name, struct tensor x) {
    int64_t shape[MAX_RANK];
    if (!is_given(x))
        return NO_TENSOR;
    cell->captured[cell->captured_count++] = x;
    int rank = shape_of(x, shape);
    return add_graph_input(cell->body, name, tensor_dtype(x), rank, shape);
}

static struct tensor seen_by_step(struct scanned_cell *cell, const char *name, struct tensor x) {
    int64_t shape[MAX_RANK] = {0};
    cell->scanned[cell->scanned_count++] = x;
    int rank = shape_of(x, shape);
    return add_graph_input(cell->body, name, tensor_dtype(x), rank ? rank - 1 : 0, shape + 1);
}

/* Which sequences go on at each step, [T, B, 1]; NO_TENSOR: all of them. */
static struct tensor steps_that_go_on(const struct recurrence *r) {
    if (!is_given(r->lengths))
        return NO_TENSOR;
    struct tensor t = tensor_iota(r->call->context, tensor_dtype(r->lengths), r->steps);
    return tensor_lt(tensor_reshape(t, SHAPE(r->steps, 1, 1)), r->lengths);
}

/* The states after a step. `goes_on` is [T, B, 1] in the order of the scan, or NO_TENSOR. */
static struct tensor next_states(struct scanned_cell *cell, int direction, struct tensor products,
                                 struct tensor goes_on) {
    struct recurrence *r = &cell->recurrence;
    struct tensor before =
        add_graph_input(cell->body, "states", r->dtype, SHAPE(r->states, r->batch, r->hidden));
    struct tensor x = seen_by_step(cell, "x", products), state[2] = {pick_axis(before, 0, 0)};
    struct tensor holds = is_given(goes_on) ? seen_by_step(cell, "goes_on", goes_on) : NO_TENSOR;
    r->recurrent[direction] = seen_whole(cell, "recurrent", r->recurrent[direction]);
    r->recurrent_bias[direction] = seen_whole(cell, "bias", r->recurrent_bias[direction]);
    r->scale[direction] = seen_whole(cell, "scale", r->scale[direction]);
    r->zero[direction] = seen_whole(cell, "zero", r->zero[direction]);
    r->peepholes[direction] = seen_whole(cell, "peepholes", r->peepholes[direction]);
    if (r->states == 2)
        state[1] = pick_axis(before, 0, 1);
    r->step(r, direction, x, state);
    struct tensor after = stack(r->states, state, 0);
    return is_given(holds) ? tensor_where(holds, after, before) : after;
}

static struct tensor flipped(bool flip, struct tensor x) {
    return flip && is_given(x) ? tensor_flip(x, AXES(0)) : x;
}

static struct tensor scan_direction(const struct recurrence *r, int direction, bool reverse,
                                    struct tensor products, struct tensor state[2]) {
    struct scanned_cell cell = {.body = tensor_context_new(r->call->op->name), .recurrence = *r};
    if (r->call->importer->options->open)
        tensor_keep_all(cell.body);
    struct tensor goes_on = steps_that_go_on(r);
    struct tensor next =
        next_states(&cell, direction, flipped(reverse, products), flipped(reverse, goes_on));
    struct tensor states = tensor_scan(&(struct scan_options){.initial = stack(r->states, state, 0),
                                                              .scanned_count = cell.scanned_count,
                                                              .scanned = cell.scanned,
                                                              .captured_count = cell.captured_count,
                                                              .captured = cell.captured,
                                                              .next = next});
    struct tensor last = pick_axis(states, 0, r->steps - 1);
    for (int i = 0; i < r->states; i++)
        state[i] = pick_axis(last, 0, i);
    struct tensor rows = flipped(reverse, pick_axis(states, 1, 0));
    return is_given(goes_on) ? tensor_where(goes_on, rows, scalar_like(rows, 0)) : rows;
}

/* ---- Directions ---- */

/* All steps of one direction: [T, B, H], and the last states. */
static struct tensor run_direction(struct recurrence *r, int direction, struct tensor x,
                                   struct tensor state[2]) {
    if (r->steps == 0)
        return zeros(r->call->context, r->dtype, SHAPE(0, r->batch, r->hidden));
    bool reverse = r->reverse || direction == 1;
    struct tensor products = input_products(r, direction, x);
    if (call_number_agrees(r->call, r->steps) && r->steps <= MOST_WRITTEN_OUT)
        return unroll_direction(r, direction, reverse, products, state);
    return scan_direction(r, direction, reverse, products, state);
}

/* The state that a direction begins with, [B, H]: input `index`, or zeros. */
static struct tensor first_state(const struct recurrence *r, int index, int direction,
                                 bool batch_first) {
    struct tensor given = call_optional(r->call, index);
    if (!is_given(given))
        return zeros(r->call->context, r->dtype, SHAPE(r->batch, r->hidden));
    return pick_axis(batch_first ? transposed(given) : given, 0, direction);
}

static struct tensor import_recurrence(struct recurrence *r) {
    struct call *call = r->call;
    bool batch_first = call_int(call, "layout", 0) == 1;
    struct tensor x = call_input(call, 0);
    x = batch_first ? transposed(x) : x;
    r->dtype = tensor_dtype(x);
    r->clip = call_float(call, "clip", 0);
    call_ignore(call, "hidden_size"); /* R has it */
    call_ignore(call, "output_sequence");
    if (!read_sizes(r, x))
        return NO_TENSOR;
    if (call_has_input(call, 4))
        r->lengths = unsqueeze(call_input(call, 4), 1);
    struct tensor y[2], last[2][2]; /* last: by state, by direction */
    for (int d = 0; d < r->directions; d++) {
        struct tensor state[2] = {first_state(r, 5, d, batch_first), NO_TENSOR};
        if (r->states == 2) {
            state[1] = first_state(r, 6, d, batch_first);
            if (call_has_input(call, 7))
                r->peepholes[d] = pick_axis(call_input(call, 7), 0, d);
        }
        y[d] = run_direction(r, d, x, state);
        last[0][d] = state[0];
        last[1][d] = state[1];
    }
    for (int i = 0; i < r->states; i++) {
        struct tensor stacked = stack(r->directions, last[i], batch_first ? 1 : 0);
        call_output(call, 1 + i, stacked);
    }
    struct tensor all = stack(r->directions, y, 1); /* [T, D, B, H] */
    return batch_first ? tensor_permute(all, AXES(2, 0, 1, 3)) : all;
}

/* Weights and their zero points are integers of 8 bits; those, and the scales, one for each
 * direction or one for each of its columns. */
static bool check_quantised(struct recurrence *r) {
    static const int weights[] = {1, 2, 9, 11}, numbers[] = {8, 9, 10, 11};
    int64_t columns = tensor_extent(call_input(r->call, 2), -1);
    for (int i = 0; i < 4; i++) {
        struct tensor x = call_input(r->call, weights[i]);
        enum dtype dtype = tensor_dtype(x);
        if (x.node && dtype != DTYPE_UINT8 && dtype != DTYPE_INT8)
            call_refuse(r->call, "input %d is %s, expected integers of 8 bits", weights[i],
                        tensor_text(x).text);
        int rank = tensor_rank(call_input(r->call, numbers[i])) == 1 ? 1 : 2;
        if (!has_extents(r, numbers[i], rank, (int64_t[]){r->directions, columns}))
            return false;
    }
    struct tensor x = call_input(r->call, 0);
    if (x.node && tensor_dtype(x) != DTYPE_FLOAT32)
        call_refuse(r->call, "the input is %s, expected float32", tensor_text(x).text);
    return true;
}

struct tensor import_rnn(struct call *call) {
    static const char *const usual[] = {"Tanh"};
    struct recurrence r = {.call = call, .step = rnn_step, .gates = 1, .states = 1};
    read_direction(&r);
    read_activations(&r, 1, usual);
    return import_recurrence(&r);
}

struct tensor import_gru(struct call *call) {
    static const char *const usual[] = {"Sigmoid", "Tanh"};
    struct recurrence r = {.call = call, .step = gru_step, .gates = 3, .states = 1};
    r.flag = call_int(call, "linear_before_reset", 0) != 0;
    read_direction(&r);
    read_activations(&r, 2, usual);
    return import_recurrence(&r);
}

static struct tensor import_any_lstm(struct call *call, bool quantised) {
    static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
    struct recurrence r = {
        .call = call, .step = lstm_step, .gates = 4, .states = 2, .quantised = quantised};
    r.flag = call_int(call, "input_forget", 0) != 0;
    read_direction(&r);
    read_activations(&r, 3, usual);
    return quantised && !check_quantised(&r) ? NO_TENSOR : import_recurrence(&r);
}

struct tensor import_lstm(struct call *call) {
    return import_any_lstm(call, false);
}

struct tensor import_dynamic_quantize_lstm(struct call *call) {
    return import_any_lstm(call, true);
}
