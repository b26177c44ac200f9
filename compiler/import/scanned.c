#include "compiler/import/scanned.h"

#include "compiler/base/arithmetic.h"
#include "compiler/import/counted.h"
#include "compiler/import/growing.h"
#include "compiler/import/low_types.h"
#include "compiler/import/movement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- The body, by itself ---- */

static bool is_slice(const struct scanned *s, int input) {
    return input >= s->first_slice_in && input < s->first_slice_in + s->slices;
}

static bool is_state(const struct scanned *s, int input) {
    return input >= s->first_state_in && input < s->first_state_in + s->states;
}

/* Whether that input is a state that grows, and the axis. */
static bool grows(const struct scanned *s, int input, int *axis) {
    *axis =
        s->growing && is_state(s, input) ? s->growing[input - s->first_state_in] : DOES_NOT_GROW;
    return *axis != DOES_NOT_GROW;
}

/* Nothing, for a state that grows. */
static struct tensor nothing_like(struct tensor_context *context, struct tensor x, int axis) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    shape[axis] = 0;
    return zeros(context, tensor_dtype(x), rank, shape);
}

/* An input of a body for x: for a step's part of it, or for all of it. */
static struct tensor add_input(struct tensor_context *context, int number, struct tensor x,
                               bool slice) {
    int64_t shape[MAX_RANK + 1] = {0};
    int rank = shape_of(x, shape), dropped = slice && rank ? 1 : 0;
    char name[32];
    snprintf(name, sizeof name, "input%d", number);
    return add_graph_input(context, name, tensor_dtype(x), rank - dropped, shape + dropped);
}

static bool import_body(struct scanned *s) {
    struct importer *importer = s->call->importer;
    s->own = arena_array(&importer->arena, struct tensor, (size_t)s->input_count + 1);
    for (int i = 0; i < s->input_count; i++) {
        bool own = is_state(s, i) || is_slice(s, i);
        int axis;
        if (!s->inputs[i].node)
            return false;
        if (grows(s, i, &axis))
            s->own[i] = nothing_like(s->graph->context, s->inputs[i], axis);
        else
            s->own[i] = own ? add_input(s->graph->context, i, s->inputs[i], is_slice(s, i))
                            : captured(importer, s->inputs[i]);
    }
    return import_graph(importer, s->body, s->call->scope, s->own, s->outputs);
}

/* Whether all of its outputs are there, and are numbers. */
static bool check_outputs(struct scanned *s) {
    for (size_t i = 0; i < s->body->n_output; i++) {
        if (!s->outputs[i].node) {
            call_refuse(s->call, "%" PRId64 " steps, whose body cannot be imported by itself",
                        s->steps);
            return false;
        }
        if (counts_of(s->call->importer, s->outputs[i]).count) {
            call_refuse(s->call,
                        "%" PRId64 " steps, of which one gives a tensor whose extent "
                        "depends on the data",
                        s->steps);
            return false;
        }
        if (is_made_of_codes(s->call->importer, s->outputs[i])) {
            call_refuse(s->call,
                        "%" PRId64 " steps, whose body gives elements that graphs do not "
                        "have",
                        s->steps);
            return false;
        }
    }
    return true;
}

bool scanned_begin(struct scanned *s) {
    struct importer *importer = s->call->importer;
    int fixed = s->first_state_out + s->states;
    if (!s->body || s->body->n_input != (size_t)s->input_count ||
        s->body->n_output < (size_t)fixed || s->body->n_output > MAX_SOURCES) {
        call_refuse(s->call, "the body does not take %d inputs and give at least %d outputs",
                    s->input_count, fixed);
        return false;
    }
    s->outputs = arena_array(&importer->arena, struct tensor, s->body->n_output + 1);
    s->graph = body_begin(importer, s->call->op->name);
    if (import_body(s) && check_outputs(s))
        return true;
    body_end(importer);
    return false;
}

void scanned_drop(struct scanned *s) {
    body_end(s->call->importer);
}

/* ---- One state of several ---- */

/* A state of the body, or what it collects or counts: a part of the scan's state. */
struct state_part {
    int result;            /* its place among the outputs of the node; or one of those below */
    struct tensor initial; /* NO_TENSOR: it is collected */
    struct tensor next;    /* of the body, until that is compiled */
    enum dtype dtype;
    int rank;
    int64_t shape[MAX_RANK];
    int64_t begin, end; /* in the joined state */
};

enum {
    COUNTS_STEPS = -1,
    RUNS_ON = -2, /* whether there is another step */
    WAS_CUT = -3, /* whether a loop within any step so far was cut */
    OWN_PARTS = 3 /* that are of no output, at most: one of each */
};

struct joined {
    int count;
    struct state_part *pieces;
    enum dtype dtype; /* of all; pieces of other ones are there as integers of that */
    int64_t extent;
    bool collects; /* some piece is collected */
};

static bool same_shape(struct tensor a, const struct state_part *piece) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(a, shape);
    return rank == piece->rank && memcmp(shape, piece->shape, (size_t)rank * sizeof *shape) == 0;
}

static bool add_piece(const struct scanned *s, struct joined *joined, struct state_part piece) {
    piece.rank = shape_of(piece.next, piece.shape);
    piece.dtype = tensor_dtype(piece.next);
    piece.begin = joined->extent;
    if (is_given(piece.initial) &&
        (!same_shape(piece.initial, &piece) || tensor_dtype(piece.initial) != piece.dtype)) {
        call_refuse(s->call, "%" PRId64 " steps, of which one makes %s of a state %s", s->steps,
                    tensor_text(piece.next).text, tensor_text(piece.initial).text);
        return false;
    }
    if (!checked_add(joined->extent, elements_of(piece.next), &piece.end) ||
        piece.end > MAX_ELEMENTS) {
        call_refuse(s->call, "its states are too large");
        return false;
    }
    joined->extent = piece.end;
    joined->collects |= piece.result >= 0 && !is_given(piece.initial);
    joined->pieces[joined->count++] = piece;
    return true;
}

/* The one dtype of all pieces; or else an integer as wide as the widest. */
static enum dtype common_dtype(const struct joined *joined) {
    int64_t width = 4;
    bool same = true;
    for (int i = 0; i < joined->count; i++) {
        enum dtype dtype = joined->pieces[i].dtype;
        same = same && dtype == joined->pieces[0].dtype;
        width = dtype_bytes(dtype) > width ? dtype_bytes(dtype) : width;
    }
    return same && joined->count ? joined->pieces[0].dtype : width == 4 ? DTYPE_INT32 : DTYPE_INT64;
}

/* Whether elements of the type can be any number of steps. */
static bool can_count(enum dtype dtype, int64_t steps) {
    return dtype == DTYPE_INT32 || dtype == DTYPE_INT64 || dtype == DTYPE_FLOAT64 ||
           (dtype == DTYPE_FLOAT32 && steps <= 1 << 24);
}

/* Bools that are of no output, as elements of the type that the others have, which all can be 0 and
 * 1. */
static bool add_truths(struct scanned *s, struct joined *joined) {
    enum dtype own = common_dtype(joined);
    struct tensor cut = s->graph->cut;
    if (s->is_bound &&
        !add_piece(s, joined,
                   (struct state_part){.result = RUNS_ON, .next = tensor_cast(s->goes_on, own)}))
        return false;
    return !is_given(cut) ||
           add_piece(s, joined,
                     (struct state_part){.result = WAS_CUT,
                                         .initial = zeros(s->call->context, own, SCALAR_SHAPE),
                                         .next = tensor_cast(cut, own)});
}

static bool join_states(struct scanned *s, struct joined *joined) {
    int outputs = (int)s->body->n_output - s->first_state_out;
    joined->pieces =
        arena_array(&s->call->importer->arena, struct state_part, (size_t)outputs + OWN_PARTS);
    for (int i = 0; i < outputs; i++) {
        struct state_part piece = {.result = i, .next = s->outputs[s->first_state_out + i]};
        int input = s->first_state_in + i, axis;
        if (i < s->states && !grows(s, input, &axis))
            piece.initial = s->inputs[input];
        else if (i >= s->states && (i >= s->call->output_count || !call_wants_output(s->call, i)))
            continue;
        if (!add_piece(s, joined, piece))
            return false;
    }
    enum dtype dtype = common_dtype(joined);
    if (is_given(s->taken)) {
        enum dtype own = can_count(dtype, s->steps) ? dtype : DTYPE_INT32;
        if (!add_piece(
                s, joined,
                (struct state_part){.result = COUNTS_STEPS, .next = tensor_cast(s->taken, own)}))
            return false;
    }
    if (!add_truths(s, joined))
        return false;
    joined->dtype = common_dtype(joined);
    return true;
}

static struct tensor flat(struct tensor x) {
    return tensor_reshape(x, SHAPE(elements_of(x)));
}

/* The integer of so many bytes. */
static enum dtype integer_of(enum dtype dtype) {
    switch (dtype_bytes(dtype)) {
    case 8:
        return DTYPE_INT64;
    case 4:
        return DTYPE_INT32;
    default:
        return DTYPE_INT16;
    }
}

/* Whether casts to the carrier and back keep every element. */
static bool is_narrow_integer(enum dtype dtype, enum dtype carrier) {
    return dtype_is_integer(dtype) && dtype_bytes(dtype) < dtype_bytes(carrier);
}

/* A piece as the joined state has it: the elements, or integers with their bits. */
static struct tensor carried(struct tensor x, enum dtype carrier) {
    enum dtype dtype = tensor_dtype(x);
    if (dtype == carrier)
        return flat(x);
    if (!is_narrow_integer(dtype, carrier))
        x = tensor_bitcast(x, integer_of(dtype));
    return flat(tensor_cast(x, carrier));
}

static struct tensor uncarried(struct tensor x, enum dtype dtype) {
    enum dtype carrier = tensor_dtype(x);
    if (dtype == carrier)
        return x;
    if (is_narrow_integer(dtype, carrier))
        return tensor_cast(x, dtype);
    return tensor_bitcast(tensor_cast(x, integer_of(dtype)), dtype);
}

/* Zeros stand for what has not been collected yet. */
static struct tensor initial_state(const struct scanned *s, const struct joined *joined) {
    struct tensor *parts =
        arena_array(&s->call->importer->arena, struct tensor, (size_t)joined->count + 1);
    for (int i = 0; i < joined->count; i++) {
        const struct state_part *piece = &joined->pieces[i];
        parts[i] = is_given(piece->initial)
                       ? carried(piece->initial, joined->dtype)
                       : zeros(s->call->context, joined->dtype, SHAPE(piece->end - piece->begin));
    }
    return tensor_concat(joined->count, parts, 0);
}

/* Part of the last axis, as the piece was. */
static struct tensor piece_of(struct tensor states, const struct state_part *piece) {
    int64_t shape[MAX_RANK + 1] = {tensor_extent(states, 0)};
    int before = tensor_rank(states) - 1;
    if (!states.node)
        return states;
    if (before + piece->rank > MAX_RANK)
        return tensor_fail(states.context, "collected: a rank over %d", MAX_RANK);
    memcpy(shape + before, piece->shape, (size_t)piece->rank * sizeof *shape);
    struct tensor part = cut_axis(states, before, piece->begin, piece->end);
    return tensor_reshape(uncarried(part, piece->dtype), before + piece->rank, shape);
}

/* ---- Loops that their bound ends ---- */

static struct tensor either(struct tensor a, struct tensor b) {
    if (!is_given(a) || !is_given(b))
        return is_given(a) ? a : b;
    return tensor_or(a, b);
}

void note_cut(struct importer *importer, struct tensor cut, struct tensor active) {
    struct built_graph *graph = importer->graph;
    if (is_given(cut))
        graph->cut = either(graph->cut, is_given(active) ? tensor_and(active, cut) : cut);
}

struct tensor cuts_begin(struct importer *importer) {
    struct tensor before = importer->graph->cut;
    importer->graph->cut = NO_TENSOR;
    return before;
}

struct tensor cuts_end(struct importer *importer, struct tensor before) {
    struct tensor since = importer->graph->cut;
    importer->graph->cut = before;
    return since;
}

/* ---- The scan ---- */

/* The body's graph again, over inputs that the scan has. */
struct body_copy {
    struct tensor_context *context;
    struct scan_options options;
    struct tensor state;
    struct tensor *made; /* by id of the body's nodes */
};

/* Which nodes something reads. */
static bool *read_nodes(struct scanned *s, const struct graph *body) {
    bool *read = arena_array(&s->call->importer->arena, bool, (size_t)body->node_count + 1);
    for (int i = 0; i < body->node_count; i++)
        for (int k = 0; k < body->nodes[i]->source_count; k++)
            read[body->nodes[i]->sources[k]->id] = true;
    for (int i = 0; i < body->output_count; i++)
        read[body->outputs[i].node->id] = true;
    return read;
}

/* The inputs of the body are the states and slices in their order, then what it captured. */
static void make_inputs(struct scanned *s, const struct joined *joined, const struct graph *body,
                        struct body_copy *copy) {
    struct arena *arena = &s->call->importer->arena;
    const bool *read = read_nodes(s, body);
    struct tensor *scanned = arena_array(arena, struct tensor, (size_t)s->slices + 1);
    struct tensor *outer = arena_array(arena, struct tensor, (size_t)body->input_count + 1);
    int captures = 0, input = 0, axis;
    copy->state = add_graph_input(copy->context, "state", tensor_dtype(copy->options.initial),
                                  SHAPE(joined->extent));
    for (int i = 0; i < s->input_count; i++) {
        if (grows(s, i, &axis)) {
            continue; /* it is no input of the body */
        } else if (is_state(s, i)) {
            const struct state_part *piece = &joined->pieces[i - s->first_state_in];
            copy->made[body->inputs[input++]->id] = piece_of(copy->state, piece);
        } else if (is_slice(s, i)) {
            scanned[i - s->first_slice_in] = s->inputs[i];
            copy->made[body->inputs[input++]->id] = add_input(copy->context, i, s->inputs[i], true);
        }
    }
    for (int i = 0; i < s->graph->captured_count; i++) {
        const struct captured *each = &s->graph->captured[i];
        if (each->is_const)
            continue;
        const struct node *node = body->inputs[input++];
        if (!read[node->id])
            continue;
        outer[captures++] = each->outer;
        copy->made[node->id] = add_input(copy->context, s->input_count + i, each->outer, false);
    }
    copy->options.scanned_count = s->slices;
    copy->options.scanned = scanned;
    copy->options.captured_count = captures;
    copy->options.captured = outer;
}

/* What a piece of the state becomes: what the body makes of it. */
static struct tensor next_piece(const struct state_part *piece, struct tensor state,
                                struct tensor made) {
    if (piece->result != WAS_CUT)
        return made;
    struct tensor before = tensor_cast(piece_of(state, piece), DTYPE_BOOL);
    return tensor_cast(tensor_or(before, tensor_cast(made, DTYPE_BOOL)), piece->dtype);
}

static struct tensor next_state(struct scanned *s, const struct joined *joined,
                                const struct graph *body, struct body_copy *copy) {
    struct arena *arena = &s->call->importer->arena;
    struct tensor *parts = arena_array(arena, struct tensor, (size_t)joined->count + 1);
    struct tensor *sources = arena_array(arena, struct tensor, MAX_SOURCES);
    for (int i = 0; i < body->node_count; i++) {
        const struct node *node = body->nodes[i];
        for (int k = 0; k < node->source_count; k++)
            sources[k] = copy->made[node->sources[k]->id];
        if (node->op != OP_INPUT)
            copy->made[i] = tensor_of_node(copy->context, node, node->source_count, sources);
    }
    for (int i = 0; i < joined->count; i++)
        parts[i] = carried(
            next_piece(&joined->pieces[i], copy->state, copy->made[body->outputs[i].node->id]),
            joined->dtype);
    if (is_given(s->goes_on))
        copy->options.goes_on = copy->made[body->outputs[joined->count].node->id];
    return tensor_concat(joined->count, parts, 0);
}

/* All states, [steps, elements]; or the last one where nothing is collected. */
static struct tensor scan_states(struct scanned *s, const struct joined *joined,
                                 const struct graph *body) {
    struct importer *importer = s->call->importer;
    struct body_copy copy = {.options = {.initial = initial_state(s, joined)}};
    copy.context = body_begin(importer, s->call->op->name)->context;
    copy.made = arena_array(&importer->arena, struct tensor, (size_t)body->node_count + 1);
    make_inputs(s, joined, body, &copy);
    copy.options.next = next_state(s, joined, body, &copy);
    copy.options.last = !joined->collects;
    importer->innermost->context = NULL; /* the scan frees it */
    body_end(importer);
    return tensor_scan(&copy.options);
}

/* What the body has come to, without what nothing needs. False: refused. */
static bool compile_body(struct scanned *s, const struct joined *joined) {
    struct arena *arena = &s->call->importer->arena;
    struct named_tensor *outputs =
        arena_array(arena, struct named_tensor, (size_t)joined->count + 1);
    int count = joined->count;
    struct et_error error = {0};
    for (int i = 0; i < count; i++)
        outputs[i] =
            (struct named_tensor){arena_format(arena, "output%d", i), joined->pieces[i].next};
    if (is_given(s->goes_on))
        outputs[count++] = (struct named_tensor){"goes_on", s->goes_on};
    struct tensor_context *context = s->graph->context;
    s->graph->context = NULL; /* compile_to_graph frees it */
    s->graph->program = compile_to_graph(context, count, outputs, &error);
    if (!s->graph->program)
        call_refuse(s->call, "its body: %s", error.message);
    return s->graph->program;
}

bool scanned_end(struct scanned *s, struct tensor *results) {
    struct joined joined = {0};
    bool good = join_states(s, &joined) && compile_body(s, &joined);
    struct tensor states = good ? scan_states(s, &joined, s->graph->program) : NO_TENSOR;
    body_end(s->call->importer);
    if (!good)
        return false;
    struct tensor last =
        joined.collects ? squeeze(cut_axis(states, 0, s->steps - 1, s->steps), 0) : states;
    for (int i = 0; i < joined.count; i++) {
        const struct state_part *piece = &joined.pieces[i];
        struct tensor own = piece->result < 0 ? piece_of(last, piece) : NO_TENSOR;
        if (piece->result == COUNTS_STEPS)
            s->count = tensor_cast(own, DTYPE_INT64);
        else if (piece->result < 0)
            s->cut = either(s->cut, tensor_cast(own, DTYPE_BOOL));
        else
            results[piece->result] = piece_of(is_given(piece->initial) ? last : states, piece);
    }
    return true;
}
