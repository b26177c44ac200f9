/* Operators with graphs within them: what is known to be taken is written in their place. */
#include "compiler/import/counted.h"
#include "compiler/import/movement.h"
#include "compiler/import/scanned.h"
#include "compiler/import/unrolled.h"

#include <inttypes.h>

/* A dead tensor: the reason has been said where it arose. */
static struct tensor dead(const struct call *call) {
    return (struct tensor){call->context, NULL};
}

/* All outputs are dead. */
static struct tensor refused(struct call *call) {
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, dead(call));
    return dead(call);
}

/* ---- If ---- */

/* Imports a branch as if it stood here. NULL: refused. */
static struct tensor *import_branch(struct call *call, const Onnx__Graph *graph) {
    struct tensor *outputs;
    if (!graph || graph->n_input || graph->n_output != (size_t)call->output_count) {
        call_refuse(call, "a branch that does not give %d outputs of no inputs",
                    call->output_count);
        return NULL;
    }
    outputs = arena_array(&call->importer->arena, struct tensor, graph->n_output + 1);
    return import_graph(call->importer, graph, call->scope, NULL, outputs) ? outputs : NULL;
}

/* The branch that is known to be taken. */
static struct tensor import_taken(struct call *call, const Onnx__Graph *graph) {
    struct tensor *outputs = import_branch(call, graph);
    if (!outputs)
        return refused(call);
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, outputs[i].node ? outputs[i] : dead(call));
    return call->outputs[0];
}

/* `a` where the scalar condition holds, else `b`, of the same kind; refuses others. */
static struct tensor select_one(struct call *call, struct tensor condition, struct tensor a,
                                struct tensor b) {
    int64_t a_shape[MAX_RANK], b_shape[MAX_RANK];
    if (!a.node || !b.node)
        return dead(call);
    int rank = shape_of(a, a_shape);
    bool same = tensor_dtype(a) == tensor_dtype(b) && shape_of(b, b_shape) == rank;
    struct counted c = counted_of(call->importer, a);
    same = same && same_counted(c, counted_of(call->importer, b));
    for (int i = 0; i < rank && same; i++)
        same = a_shape[i] == b_shape[i];
    if (!same)
        return call_refuse(call,
                           "the condition depends on the model's inputs and decides between %s "
                           "and %s: what depends on it must be known before",
                           tensor_text(a).text, tensor_text(b).text);
    return a.node == b.node ? a : counted(call->importer, tensor_where(condition, a, b), c);
}

struct tensor import_if(struct call *call) {
    struct tensor condition = tensor_reshape(call_input(call, 0), SCALAR_SHAPE);
    const Onnx__Graph *then_branch = call_graph(call, "then_branch");
    const Onnx__Graph *else_branch = call_graph(call, "else_branch");
    if (call_is_known(call, condition)) {
        bool holds = call_known_number(call, condition, "the condition") != 0;
        return import_taken(call, holds ? then_branch : else_branch);
    }
    struct tensor *taken = import_branch(call, then_branch);
    struct tensor *other = taken ? import_branch(call, else_branch) : NULL;
    if (!other)
        return refused(call);
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, select_one(call, condition, taken[i], other[i]));
    return call->outputs[0];
}

/* ---- Loop ---- */

struct loop {
    struct unrolled unrolled;
    int64_t trips;           /* at most */
    struct tensor condition; /* whether there is another step */
    struct tensor active;    /* whether the run is still going on; NO_TENSOR: it is */
};

/* Whether another step may be taken. It is known, or from now on steps count only while the run's
 * conditions hold. */
static bool another_step(struct loop *loop) {
    struct call *call = loop->unrolled.call;
    if (loop->unrolled.steps >= loop->trips)
        return false;
    if (call_is_known(call, loop->condition))
        return call_known_number(call, loop->condition, "the condition") != 0;
    loop->active =
        is_given(loop->active) ? tensor_and(loop->active, loop->condition) : loop->condition;
    return true;
}

/* The states of a step that may not have been taken. */
static void keep_states(struct loop *loop, const struct tensor *before) {
    struct tensor *states = loop->unrolled.inputs + 2;
    for (int i = 0; i < loop->unrolled.states && is_given(loop->active); i++)
        states[i] = select_one(loop->unrolled.call, loop->active, states[i], before[i]);
}

/* What the body is told about the next step. */
static void set_step(struct loop *loop) {
    struct unrolled *u = &loop->unrolled;
    int64_t step = u->steps;
    u->inputs[0] = tensor_const(u->call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &step);
    u->inputs[1] = loop->condition;
}

static bool take_steps(struct loop *loop) {
    struct unrolled *u = &loop->unrolled;
    struct call *call = u->call;
    struct tensor *before =
        arena_array(&call->importer->arena, struct tensor, (size_t)u->states + 1);
    set_step(loop);
    while (another_step(loop)) {
        if (is_given(loop->active) && (u->collected || loop->trips > MOST_UNROLLED)) {
            call_refuse(call, "how often it runs depends on the model's inputs; here it must be "
                              "known before");
            return false;
        }
        for (int i = 0; i < u->states; i++)
            before[i] = u->inputs[2 + i];
        if (!unrolled_step(u))
            return false;
        keep_states(loop, before);
        loop->condition = tensor_reshape(u->outputs[0], SCALAR_SHAPE);
        set_step(loop);
    }
    return true;
}

/* Whether it runs so often for all that is known now, unless its body ends it. */
static bool runs_long(struct loop *loop) {
    struct call *call = loop->unrolled.call;
    bool many = !call_number_agrees(call, loop->trips) || loop->trips > MOST_UNROLLED;
    return many && loop->trips > 0 && loop->trips <= INT32_MAX &&
           call_is_known(call, loop->condition) &&
           call_known_number(call, loop->condition, "the condition") != 0;
}

/* All steps as a scan; `*ends`: the body may end it before, and they must be written out. */
static bool scan_steps_of(struct loop *loop, struct tensor *results, bool *ends) {
    struct call *call = loop->unrolled.call;
    int states = loop->unrolled.states;
    struct scanned scanned = {.call = call,
                              .body = loop->unrolled.body,
                              .steps = loop->trips,
                              .states = states,
                              .first_state_in = 2,
                              .first_state_out = 1,
                              .slices = 1,
                              .input_count = states + 2};
    scanned.inputs = arena_array(&call->importer->arena, struct tensor, (size_t)states + 2);
    scanned.inputs[0] = tensor_iota(call->context, DTYPE_INT64, loop->trips);
    scanned.inputs[1] = loop->condition;
    for (int i = 0; i < states; i++)
        scanned.inputs[2 + i] = call->inputs[2 + i];
    if (!scanned_begin(&scanned))
        return false;
    *ends = !call_is_known(call, scanned.outputs[0]) ||
            call_known_number(call, scanned.outputs[0], "the condition") == 0;
    if (!*ends)
        return scanned_end(&scanned, results);
    scanned_drop(&scanned);
    return true;
}

static bool write_out(struct loop *loop, struct tensor *results) {
    struct unrolled *u = &loop->unrolled;
    struct call *call = u->call;
    if (!unrolled_begin(u, u->states + 2))
        return false;
    for (int i = 0; i < u->states; i++)
        u->inputs[2 + i] = call->inputs[2 + i];
    if (!take_steps(loop))
        return false;
    for (int i = 0; i < call->output_count; i++)
        if (call_wants_output(call, i) && i < u->states + u->collected)
            results[i] =
                i < u->states ? u->inputs[2 + i] : unrolled_stack(u, i - u->states, 0, false);
    return true;
}

struct tensor import_loop(struct call *call) {
    static const uint8_t yes = 1;
    struct loop loop = {.unrolled = {.call = call,
                                     .body = call_graph(call, "body"),
                                     .states = call->input_count > 2 ? call->input_count - 2 : 0,
                                     .first_state_in = 2,
                                     .first_state_out = 1},
                        .trips = INT64_MAX,
                        .condition =
                            tensor_const(call->context, DTYPE_BOOL, SCALAR_SHAPE, 1, &yes)};
    if (call_has_input(call, 0)) {
        struct integers trips = call_known(call, call_input(call, 0), "how often it runs");
        loop.trips = trips.count == 1 ? trips.values[0] : 0;
    }
    if (call_has_input(call, 1))
        loop.condition = tensor_reshape(call_input(call, 1), SCALAR_SHAPE);
    size_t room = (size_t)(call->output_count + loop.unrolled.states) + 1;
    struct tensor *results = arena_array(&call->importer->arena, struct tensor, room);
    bool ends = true;
    if (runs_long(&loop) && !scan_steps_of(&loop, results, &ends))
        return refused(call);
    if (ends && !write_out(&loop, results))
        return refused(call);
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, results[i]);
    return call->outputs[0];
}

/* ---- Scan ---- */

struct scan {
    struct call *call;
    const Onnx__Graph *body;
    int states, inputs;                          /* how many */
    struct integers input_axes, reversed_inputs; /* of each input; NULL values: 0 */
    struct integers output_axes, reversed_outputs;
};

/* How many steps there are: as long as the axes of all inputs are. -1: refused. */
static int64_t scan_steps(const struct scan *scan, const struct tensor *inputs, int *axes) {
    int64_t steps = -1;
    for (int i = 0; i < scan->inputs; i++) {
        axes[i] = call_axis(scan->call, integer_or(scan->input_axes, i, 0), tensor_rank(inputs[i]));
        int64_t extent = tensor_extent(inputs[i], axes[i]);
        if (tensor_rank(inputs[i]) == 0 || (steps >= 0 && steps != extent)) {
            call_refuse(scan->call, "inputs of different lengths");
            return -1;
        }
        steps = extent;
    }
    return steps;
}

/* One element of an axis, which vanishes. Of an axis without elements its shape is all that
 * matters. */
static struct tensor element_of(struct tensor x, int axis, int64_t position) {
    struct range one[MAX_RANK] = {0};
    one[axis].end = 1;
    if (tensor_extent(x, axis) == 0)
        return squeeze(tensor_pad(x, tensor_rank(x), one, 0), axis);
    return squeeze(cut_axis(x, axis, position, position + 1), axis);
}

/* What the steps see of the inputs, and what they collect, is along axis 0 of the core's scan. */
static bool run_as_scan(const struct scan *scan, const struct tensor *given, const int *axes,
                        int64_t steps, struct tensor *results) {
    struct call *call = scan->call;
    int states = scan->states, count = states + scan->inputs;
    struct scanned scanned = {.call = call,
                              .body = scan->body,
                              .steps = steps,
                              .states = states,
                              .first_slice_in = states,
                              .slices = scan->inputs,
                              .input_count = count};
    scanned.inputs = arena_array(&call->importer->arena, struct tensor, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        struct tensor x = i < states ? given[i] : move_axis(given[i], axes[i - states], 0);
        bool reversed = i >= states && integer_or(scan->reversed_inputs, i - states, 0) != 0;
        scanned.inputs[i] = reversed ? tensor_flip(x, AXES(0)) : x;
    }
    if (!scanned_begin(&scanned) || !scanned_end(&scanned, results))
        return false;
    for (int i = states; i < call->output_count; i++) {
        struct tensor x = results[i];
        if (!x.node)
            continue;
        x = integer_or(scan->reversed_outputs, i - states, 0) ? tensor_flip(x, AXES(0)) : x;
        int axis = call_axis(call, integer_or(scan->output_axes, i - states, 0), tensor_rank(x));
        results[i] = move_axis(x, 0, axis);
    }
    return true;
}

/* Takes the states and inputs; gives the states and what was collected. False: refused. */
static bool run_scan(const struct scan *scan, const struct tensor *given, struct tensor *results) {
    struct unrolled u = {.call = scan->call, .body = scan->body, .states = scan->states};
    const struct tensor *inputs = given + scan->states;
    int *axes = arena_array(&scan->call->importer->arena, int, (size_t)scan->inputs + 1);
    int64_t steps = scan_steps(scan, inputs, axes);
    bool agrees = call_number_agrees(scan->call, steps);
    if (steps > MOST_UNROLLED || (steps > 0 && !agrees))
        return run_as_scan(scan, given, axes, steps, results);
    if (steps < 0 || !unrolled_begin(&u, scan->states + scan->inputs))
        return false;
    for (int i = 0; i < scan->states; i++)
        u.inputs[i] = given[i];
    for (int64_t step = 0; step < (steps ? steps : 1); step++) {
        for (int i = 0; i < scan->inputs; i++) {
            int64_t at = integer_or(scan->reversed_inputs, i, 0) ? steps - 1 - step : step;
            u.inputs[scan->states + i] = element_of(inputs[i], axes[i], at);
        }
        if (steps && !unrolled_step(&u))
            return false;
    }
    for (int i = 0; i < scan->states; i++)
        results[i] = u.inputs[i];
    for (int i = 0; i < u.collected && scan->states + i < scan->call->output_count; i++)
        results[scan->states + i] = unrolled_stack(&u, i, integer_or(scan->output_axes, i, 0),
                                                   integer_or(scan->reversed_outputs, i, 0) != 0);
    return true;
}

/* Opset 8 has a batch axis before all others, and runs the body of each batch by itself. */
static bool run_scan_8(const struct scan *scan, const struct tensor *given,
                       struct tensor *results) {
    struct call *call = scan->call;
    int count = scan->states + scan->inputs, outputs = call->output_count;
    int64_t room = scan->states + outputs; /* of the results of one batch */
    int64_t batches = tensor_extent(given[0], 0);
    struct arena *arena = &call->importer->arena;
    if (call_has_input(call, 0) || batches < 1 || batches > MOST_UNROLLED) {
        call_refuse(call, "lengths of sequences, or a batch outside 1 to %d", MOST_UNROLLED);
        return false;
    }
    struct tensor *one = arena_array(arena, struct tensor, (size_t)count + 1);
    struct tensor *parts = arena_array(arena, struct tensor, (size_t)(batches * room) + 1);
    for (int64_t batch = 0; batch < batches; batch++) {
        for (int i = 0; i < count; i++)
            one[i] = tensor_extent(given[i], 0) == batches ? element_of(given[i], 0, batch)
                                                           : call_refuse(call, "different batches");
        if (!run_scan(scan, one, parts + batch * room))
            return false;
    }
    for (int k = 0; k < outputs; k++) {
        struct tensor of_one[MOST_UNROLLED];
        for (int64_t batch = 0; batch < batches; batch++)
            of_one[batch] = parts[batch * room + k];
        results[k] = stack((int)batches, of_one, 0);
    }
    return true;
}

struct tensor import_scan(struct call *call) {
    int first = call->opset < 9; /* the lengths come first */
    int count = call->input_count - first;
    int64_t inputs = call_int(call, "num_scan_inputs", 0);
    if (inputs < 1 || inputs > count)
        return call_refuse(call, "%" PRId64 " of %d inputs are to be scanned", inputs, count);
    struct scan scan = {call,
                        call_graph(call, "body"),
                        count - (int)inputs,
                        (int)inputs,
                        call_ints(call, "scan_input_axes"),
                        call_ints(call, first ? "directions" : "scan_input_directions"),
                        call_ints(call, "scan_output_axes"),
                        call_ints(call, "scan_output_directions")};
    size_t room = (size_t)(call->output_count + scan.states) + 1;
    struct tensor *results = arena_array(&call->importer->arena, struct tensor, room);
    if (!(first ? run_scan_8 : run_scan)(&scan, call->inputs + first, results))
        return refused(call);
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, results[i]);
    return call->outputs[0];
}
