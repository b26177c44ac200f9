/* Operators with graphs within them: what is known to be taken is written in their place. */
#include "compiler/import/counted.h"
#include "compiler/import/growing.h"
#include "compiler/import/lengths.h"
#include "compiler/import/movement.h"
#include "compiler/import/scanned.h"
#include "compiler/import/unrolled.h"

#include <inttypes.h>
#include <string.h>

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
    if (!a.node || !b.node)
        return dead(call);
    struct tensor chosen = select_counted(call->importer, condition, a, b);
    if (!is_given(chosen))
        return call_refuse(call,
                           "the condition depends on the model's inputs and decides between %s "
                           "and %s: what depends on it must be known before",
                           tensor_text(a).text, tensor_text(b).text);
    return chosen;
}

struct tensor import_if(struct call *call) {
    struct tensor condition = tensor_reshape(call_input(call, 0), SCALAR_SHAPE);
    const Onnx__Graph *then_branch = call_graph(call, "then_branch");
    const Onnx__Graph *else_branch = call_graph(call, "else_branch");
    if (call_is_known(call, condition)) {
        bool holds = call_known_number(call, condition, "the condition") != 0;
        return import_taken(call, holds ? then_branch : else_branch);
    }
    struct importer *importer = call->importer;
    struct tensor cuts = cuts_begin(importer);
    struct tensor *taken = import_branch(call, then_branch);
    struct tensor cut_taken = cuts_end(importer, NO_TENSOR);
    struct tensor *other = taken ? import_branch(call, else_branch) : NULL;
    struct tensor cut_other = cuts_end(importer, cuts);
    if (!other)
        return refused(call);
    note_cut(importer, cut_taken, condition);
    note_cut(importer, cut_other, is_given(cut_other) ? tensor_not(condition) : NO_TENSOR);
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, select_one(call, condition, taken[i], other[i]));
    return call->outputs[0];
}

/* ---- Loop ---- */

static struct tensor truth(const struct call *call) {
    static const uint8_t yes = 1;
    return tensor_const(call->context, DTYPE_BOOL, SCALAR_SHAPE, 1, &yes);
}

struct loop {
    struct unrolled unrolled;
    int64_t trips;           /* at most; INT64_MAX: as often as the condition says */
    struct tensor limit;     /* the same where it is not known; else NO_TENSOR */
    struct tensor condition; /* whether there is another step */
    struct tensor active;    /* whether the run is still going on; NO_TENSOR: it is */
    bool many;               /* too many to be written out, or not as many at all sizes */
    int *growing;            /* of each state, as a scan: the axis along which it grows */
    bool undecided;          /* written out, it turned out to collect as much as a run decides */
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

static bool grows(const struct loop *loop, int state) {
    return loop->growing && loop->growing[state] != DOES_NOT_GROW;
}

/* Whether an output is asked for that collects a part of each step. */
static bool collects(const struct loop *loop) {
    const struct call *call = loop->unrolled.call;
    bool any = false;
    for (int i = 0; i < loop->unrolled.states; i++)
        any |= grows(loop, i);
    for (int i = loop->unrolled.states; i < call->output_count; i++)
        any |= call_wants_output(call, i);
    return any;
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
        loop->undecided = is_given(loop->active) && collects(loop);
        if (loop->undecided)
            return false;
        for (int i = 0; i < u->states; i++)
            before[i] = u->inputs[2 + i];
        struct tensor cuts = cuts_begin(call->importer);
        bool good = unrolled_step(u);
        note_cut(call->importer, cuts_end(call->importer, cuts), loop->active);
        if (!good)
            return false;
        keep_states(loop, before);
        loop->condition = tensor_reshape(u->outputs[0], SCALAR_SHAPE);
        set_step(loop);
    }
    return true;
}

static bool write_out(struct loop *loop, struct tensor *results) {
    struct unrolled *u = &loop->unrolled;
    struct call *call = u->call;
    if (!unrolled_begin(u, u->states + 2))
        return false;
    for (int i = 0; i < u->states; i++)
        u->inputs[2 + i] = call_inputs(call, 2)[i];
    if (!take_steps(loop))
        return false;
    for (int i = 0; i < call->output_count; i++)
        if (call_wants_output(call, i) && i < u->states + u->collected)
            results[i] =
                i < u->states ? u->inputs[2 + i] : unrolled_stack(u, i - u->states, 0, false);
    return true;
}

/* What decides whether there is another step. */
enum decision {
    GOES_ON,  /* nothing: there is one after each */
    BY_COUNT, /* how many there have been */
    AT_RUN_TIME,
};

/* Whether x depends on no input of its body but `step`. */
static bool depends_on_step_only(struct importer *importer, struct tensor x, struct tensor step) {
    int64_t room = (int64_t)x.node->id + 1, waiting = 1;
    bool *seen = arena_array(&importer->arena, bool, (size_t)room);
    const struct node **stack = arena_array(&importer->arena, const struct node *, (size_t)room);
    stack[0] = x.node;
    while (waiting > 0) {
        const struct node *node = stack[--waiting];
        if (node->op == OP_INPUT && node != step.node)
            return false;
        for (int i = 0; i < node->source_count; i++) {
            const struct node *source = node->sources[i];
            if (!seen[source->id])
                stack[waiting++] = source;
            seen[source->id] = true;
        }
    }
    return true;
}

/* Requires that the body is the graph at hand; `begins`: there is a first step for certain. */
static enum decision decision_of(const struct loop *loop, const struct scanned *scanned,
                                 bool begins) {
    struct call *call = loop->unrolled.call;
    struct tensor goes_on = scanned->outputs[0];
    if (is_given(loop->limit) || !begins)
        return AT_RUN_TIME;
    if (call_is_known(call, goes_on))
        return call_known_number(call, goes_on, "the condition") != 0 ? GOES_ON : BY_COUNT;
    return depends_on_step_only(call->importer, goes_on, scanned->own[0]) ? BY_COUNT : AT_RUN_TIME;
}

/* Whether its body has to be imported by itself: it runs often for all that is known now, or how
 * often is not known. Else its steps are written out, unless that shows that they end as a run
 * decides while something is collected. */
static bool runs_long(struct loop *loop, bool begins) {
    struct call *call = loop->unrolled.call;
    bool agrees = call_number_agrees(call, loop->trips);
    loop->many = loop->trips > MOST_UNROLLED || (begins && !agrees);
    if (is_given(loop->limit) || loop->trips <= 0)
        return loop->trips > 0;
    return loop->many;
}

/* How many steps there are room for. 0: refused. */
static int64_t most_steps(const struct loop *loop) {
    struct importer *importer = loop->unrolled.call->importer;
    int64_t bound = import_loop_bound(importer);
    if (bound)
        return bound < loop->trips ? bound : loop->trips;
    if (loop->trips <= INT32_MAX)
        return loop->trips;
    call_refuse(loop->unrolled.call,
                "how often it runs depends on the model's inputs; it must be known before, or has "
                "to get a bound, as --axis " LOOP_AXIS "=100");
    return 0;
}

/* Whether there is a first step, where that is not known; else NO_TENSOR. */
static struct tensor first_step(const struct loop *loop, bool begins) {
    if (!is_given(loop->limit))
        return begins ? NO_TENSOR : loop->condition;
    return tensor_and(loop->condition, tensor_lt(scalar_like(loop->limit, 0), loop->limit));
}

/* Says in the body whether there is another step, and how many there have been. */
static bool end_at_run_time(const struct loop *loop, struct scanned *scanned) {
    struct importer *importer = loop->unrolled.call->importer;
    struct tensor taken = tensor_add(scanned->own[0], scalar_like(scanned->own[0], 1));
    scanned->steps = most_steps(loop);
    scanned->goes_on = tensor_reshape(scanned->outputs[0], SCALAR_SHAPE);
    if (is_given(loop->limit))
        scanned->goes_on =
            tensor_and(scanned->goes_on, tensor_lt(taken, captured(importer, loop->limit)));
    scanned->taken = collects(loop) ? taken : NO_TENSOR;
    scanned->is_bound = scanned->steps < loop->trips;
    return scanned->steps;
}

/* States that grow, of the parts that so many steps have made (NO_TENSOR: all of them). */
static void grow_states(const struct loop *loop, struct tensor count, struct tensor *results) {
    struct call *call = loop->unrolled.call;
    for (int i = 0; i < loop->unrolled.states; i++) {
        struct tensor initial = call_inputs(call, 2)[i], parts = results[i];
        if (!grows(loop, i) || !parts.node)
            continue;
        int axis = loop->growing[i];
        int64_t width = tensor_extent(parts, axis + 1), before = tensor_extent(initial, axis);
        results[i] = grown_state(initial, axis, parts);
        if (is_given(count))
            call_counts_output(call, i, axis,
                               tensor_add(tensor_mul(count, number64(call->context, width)),
                                          number64(call->context, before)));
    }
}

/* Where there is no step, states are what they were and nothing is collected. */
static void unless_none(const struct loop *loop, const struct scanned *scanned, struct tensor first,
                        struct tensor *results) {
    struct call *call = loop->unrolled.call;
    int states = loop->unrolled.states;
    struct tensor count = scanned->count;
    if (is_given(first)) {
        for (int i = 0; i < states; i++)
            if (!grows(loop, i))
                results[i] = tensor_where(first, results[i], call_inputs(call, 2)[i]);
        count = is_given(count) ? tensor_where(first, count, scalar_like(count, 0)) : count;
    }
    grow_states(loop, count, results);
    for (int i = states; i < call->output_count; i++)
        if (call_wants_output(call, i))
            call_counts_output(call, i, 0, count);
}

static bool end_scan(struct loop *loop, struct scanned *scanned, bool begins,
                     struct tensor *results) {
    struct call *call = loop->unrolled.call;
    if (!end_at_run_time(loop, scanned)) {
        scanned_drop(scanned);
        return false;
    }
    scanned->inputs[0] = tensor_iota(call->context, DTYPE_INT64, scanned->steps);
    if (!scanned_end(scanned, results))
        return false;
    struct tensor first = first_step(loop, begins);
    unless_none(loop, scanned, first, results);
    note_cut(call->importer, scanned->cut, first);
    return true;
}

/* The axes along which states grow; NULL: none does. */
static int *growing_states(const struct loop *loop) {
    struct call *call = loop->unrolled.call;
    int states = loop->unrolled.states;
    int *axes = arena_array(&call->importer->arena, int, (size_t)states + 1);
    bool any = false;
    for (int i = 0; i < states; i++) {
        struct tensor initial = call_inputs(call, 2)[i];
        bool may = initial.node && counts_of(call->importer, initial).count == 0;
        axes[i] = may ? growing_axis(loop->unrolled.body, (size_t)i + 2, (size_t)i + 1, initial)
                      : DOES_NOT_GROW;
        any |= axes[i] != DOES_NOT_GROW;
    }
    return any ? axes : NULL;
}

/* The same where each step is taken. */
static bool end_all_steps(struct scanned *scanned, struct tensor *results) {
    bool good = scanned_end(scanned, results);
    note_cut(scanned->call->importer, scanned->cut, NO_TENSOR);
    return good;
}

/* All steps as a scan; `*written`: they are to be written out. */
static bool scan_steps_of(struct loop *loop, bool begins, struct tensor *results, bool *written) {
    struct call *call = loop->unrolled.call;
    int states = loop->unrolled.states;
    bool bounded = loop->trips <= INT32_MAX;
    struct scanned scanned = {.call = call,
                              .body = loop->unrolled.body,
                              .steps = bounded ? loop->trips : 1,
                              .states = states,
                              .first_state_in = 2,
                              .first_state_out = 1,
                              .slices = 1,
                              .input_count = states + 2};
    scanned.growing = loop->growing = growing_states(loop);
    scanned.inputs = arena_array(&call->importer->arena, struct tensor, (size_t)states + 2);
    scanned.inputs[0] = tensor_iota(call->context, DTYPE_INT64, scanned.steps);
    scanned.inputs[1] = truth(call); /* else there is no step */
    for (int i = 0; i < states; i++)
        scanned.inputs[2 + i] = call_inputs(call, 2)[i];
    if (!scanned_begin(&scanned))
        return false;
    enum decision decision = decision_of(loop, &scanned, begins);
    *written = decision == BY_COUNT || (decision == GOES_ON && !(bounded && loop->many));
    if (decision == AT_RUN_TIME)
        return end_scan(loop, &scanned, begins, results);
    if (*written) {
        scanned_drop(&scanned);
        return true;
    }
    if (!end_all_steps(&scanned, results))
        return false;
    grow_states(loop, NO_TENSOR, results);
    return true;
}

/* Steps that could not be written out, for a run decides how many there are, as a scan. */
static bool end_by_run(struct loop *loop, bool begins, struct tensor *results) {
    bool written = false;
    if (!loop->undecided || !scan_steps_of(loop, begins, results, &written))
        return false;
    if (written)
        call_refuse(loop->unrolled.call, "how often it runs depends on the model's inputs; here it "
                                         "must be known before");
    return !written;
}

/* How often it runs at most, as far as that is known. */
static void read_trips(struct loop *loop) {
    struct call *call = loop->unrolled.call;
    struct tensor trips = call_optional(call, 0);
    if (is_given(trips) && !call_is_known(call, trips)) {
        int64_t bound = integer_bound(call, trips);
        loop->limit = tensor_reshape(trips, SCALAR_SHAPE);
        loop->trips = bound >= 0 ? bound : loop->trips;
    } else if (is_given(trips)) {
        struct integers known = call_known(call, trips, "how often it runs");
        loop->trips = known.count == 1 ? known.values[0] : 0;
    }
}

struct tensor import_loop(struct call *call) {
    struct loop loop = {.unrolled = {.call = call,
                                     .body = call_graph(call, "body"),
                                     .states = call->input_count > 2 ? call->input_count - 2 : 0,
                                     .first_state_in = 2,
                                     .first_state_out = 1},
                        .trips = INT64_MAX,
                        .condition = truth(call)};
    read_trips(&loop);
    if (call_has_input(call, 1))
        loop.condition = tensor_reshape(call_input(call, 1), SCALAR_SHAPE);
    size_t room = (size_t)(call->output_count + loop.unrolled.states) + 1;
    struct tensor *results = arena_array(&call->importer->arena, struct tensor, room);
    bool begins = call_is_known(call, loop.condition) &&
                  call_known_number(call, loop.condition, "the condition") != 0;
    bool written = true;
    if (call_is_known(call, loop.condition) && !begins)
        loop.trips = 0;
    if (runs_long(&loop, begins) && !scan_steps_of(&loop, begins, results, &written))
        return refused(call);
    struct tensor cuts = call->importer->graph->cut;
    if (written && !write_out(&loop, results)) {
        call->importer->graph->cut = cuts; /* of steps that are not written out after all */
        if (!end_by_run(&loop, begins, results))
            return refused(call);
    }
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
    if (!scanned_begin(&scanned) || !end_all_steps(&scanned, results))
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
    if (!(first ? run_scan_8 : run_scan)(&scan, call_inputs(call, first), results))
        return refused(call);
    for (int i = 0; i < call->output_count; i++)
        call_output(call, i, results[i]);
    return call->outputs[0];
}
