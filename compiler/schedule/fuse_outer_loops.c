/* Fusion of outer loops: statements that follow one another run inside the same outer loops.
 *
 * Where each statement of a chain reads, of what the ones before it computed, only what belongs to
 * the same place along some axes, the loops over these axes go around the whole chain. Softmax so
 * runs row by row, attention head by head, a network image by image, and what lies between the
 * statements is as large as one row, head or image: it stays in the cache, and takes so much less
 * of the arena.
 *
 * A contraction shares only loops that both operands have, which are no rows of its tiles, or loops
 * that leave it rows enough while its constant operand stays in the cache.
 *
 * On a GPU a warp or a block of threads runs each iteration of these loops, and slices lie in
 * shared memory; contractions have kernels of their own. */
#include "compiler/schedule/contraction.h"
#include "compiler/schedule/layout.h"
#include "compiler/schedule/schedule.h"

#include <string.h>

enum {
    MAX_CHAIN = 256,    /* statements */
    FEWEST_VECTORS = 4, /* that a slice has */
    FEWEST_TILES = 2,   /* for whose rows a contraction keeps enough */
    FEWEST_COLUMNS = 8,
    ALIGNED = 16, /* bytes, to which a GPU's slices are rounded up at most */
};

/* A statement in the chain: which of its loops goes along each of the chain's axes. */
struct outer_link {
    struct statement *statement;
    const struct axis *axes[MAX_SHARED]; /* NULL where the axis is no longer shared */
};

/* The first and last statements that read or write a buffer; `last` is -1 where none does. */
struct use_span {
    int first, last;
};

struct outer_chain {
    struct ir *ir;
    const struct use_span *uses; /* by buffer id */
    int axis_count;
    bool shared[MAX_SHARED];
    bool reads; /* some link reads what another wrote */
    int count;
    struct outer_link links[MAX_CHAIN];
};

/* ---- Which loops of a statement can be shared ---- */

struct operands {
    const struct expression *sum;
};

static void note_operands(void *context, const struct expression *e) {
    struct operands *operands = context;
    if (is_contraction(e))
        operands->sum = e;
}

/* How many points a contraction has along the loops that only one operand has, but for some. */
static int64_t points_without(const struct statement *statement, const struct expression *operand,
                              const struct expression *other, int count,
                              const struct axis *const *without) {
    int64_t points = 1;
    for (int i = 0; i < statement->loop_count; i++) {
        bool left_out = false;
        for (int k = 0; k < count; k++)
            left_out |= without[k] == statement->loops[i];
        if (!left_out && load_uses(operand, statement->loops[i]) &&
            !load_uses(other, statement->loops[i]))
            points *= statement->loops[i]->extent;
    }
    return points;
}

static int64_t buffer_bytes(const struct buffer *buffer) {
    return buffer->elements * dtype_bytes(buffer->dtype);
}

static bool leaves_rows(const struct ir *ir, const struct statement *statement,
                        const struct expression *stream, const struct expression *panel,
                        const struct axis *axis) {
    return panel->buffer->kind == BUFFER_CONSTANT && !load_uses(panel, axis) &&
           2 * buffer_bytes(panel->buffer) <= ir->target->l2 &&
           points_without(statement, stream, panel, 1, &axis) >=
               FEWEST_TILES * ir->target->accumulators;
}

/* Of a contraction: a loop that both operands have, if each has others for itself, which become
 * rows and columns, or neither has, so that there are no tiles; or one that leaves rows enough. */
static bool contraction_may_share(const struct ir *ir, const struct statement *statement,
                                  const struct expression *sum, const struct axis *axis) {
    const struct expression *a = sum->sources[0], *b = sum->sources[1];
    if (a->kind != EXPRESSION_LOAD || b->kind != EXPRESSION_LOAD)
        return false;
    int64_t one = points_without(statement, a, b, 1, &axis);
    int64_t two = points_without(statement, b, a, 1, &axis);
    if (load_uses(a, axis) && load_uses(b, axis))
        return (one >= FEWEST_COLUMNS && two >= FEWEST_COLUMNS) || (one == 1 && two == 1);
    return leaves_rows(ir, statement, a, b, axis) || leaves_rows(ir, statement, b, a, axis);
}

/* The largest of the buffers that a statement reads or writes. */
struct largest {
    const struct buffer *buffer;
    int64_t stride; /* along the axis */
    const struct axis *axis;
    struct ir *ir;
};

static void note_largest(void *context, const struct expression *e) {
    struct largest *largest = context;
    if (e->kind != EXPRESSION_LOAD || e->buffer->elements <= largest->buffer->elements)
        return;
    largest->buffer = e->buffer;
    largest->stride = stride_of(largest->ir, e, largest->axis);
}

/* Elements that lie side by side belong into one vector, not into one iteration each. */
static bool runs_side_by_side(struct ir *ir, const struct statement *statement,
                              const struct axis *axis) {
    struct largest largest = {.buffer = statement->output, .axis = axis, .ir = ir};
    bool plain = true;
    largest.stride =
        index_coefficient(linear_address(ir, statement->output, statement->store), axis, &plain);
    expression_walk(ir, statement->value, note_largest, &largest);
    return largest.stride == 1;
}

static bool may_share(struct ir *ir, const struct statement *statement, const struct axis *axis) {
    struct operands operands = {0};
    bool is_loop = false;
    for (int i = 0; i < statement->loop_count; i++)
        is_loop |= statement->loops[i] == axis;
    if (!is_loop || runs_side_by_side(ir, statement, axis))
        return false;
    expression_walk(ir, statement->value, note_operands, &operands);
    return !operands.sum ||
           (!ir->target->gpu && contraction_may_share(ir, statement, operands.sum, axis));
}

/* ---- Links ---- */

static const struct outer_link *writer_of(const struct outer_chain *chain,
                                          const struct buffer *buffer) {
    for (int i = chain->count - 1; i >= 0; i--)
        if (chain->links[i].statement->output == buffer)
            return &chain->links[i];
    return NULL;
}

/* A statement that may become the next link. */
struct trying {
    struct outer_chain *chain;
    struct outer_link link;
    bool shared[MAX_SHARED]; /* what would remain */
    bool reads;              /* something that the chain wrote */
};

/* The statement is at `indices` of a buffer that `writer` stored: along each axis of the chain it
 * must be at one loop of its own. */
static void match(struct trying *trying, const struct outer_link *writer,
                  const struct index *const *indices) {
    const struct statement *statement = trying->link.statement;
    for (int j = 0; j < trying->chain->axis_count; j++) {
        const struct axis *own = NULL;
        bool one = true;
        for (int d = 0; d < writer->statement->output->rank; d++)
            if (writer->axes[j] &&
                index_only_axis(writer->statement->store[d]) == writer->axes[j]) {
                one &= !own;
                own = index_only_axis(indices[d]);
            }
        bool same = own && one && own->extent == writer->axes[j]->extent &&
                    (!trying->link.axes[j] || trying->link.axes[j] == own) &&
                    may_share(trying->chain->ir, statement, own);
        trying->link.axes[j] = own;
        trying->shared[j] &= same;
    }
}

static void match_load(void *context, const struct expression *e) {
    struct trying *trying = context;
    if (e->kind != EXPRESSION_LOAD)
        return;
    const struct outer_link *writer = writer_of(trying->chain, e->buffer);
    if (!writer)
        return;
    trying->reads = true;
    match(trying, writer, e->indices);
}

/* Bytes of a link's output that one iteration of the shared loops writes. */
static int64_t slice_bytes(const struct outer_link *link, const bool *shared, int axis_count) {
    int64_t bytes = buffer_bytes(link->statement->output);
    for (int j = 0; j < axis_count; j++)
        if (shared[j] && link->axes[j])
            bytes /= link->axes[j]->extent;
    return bytes;
}

static int64_t working_set(const struct outer_chain *chain, const bool *shared) {
    int64_t bytes = 0;
    for (int i = 0; i < chain->count; i++)
        bytes += slice_bytes(&chain->links[i], shared, chain->axis_count);
    return bytes;
}

static bool any(const bool *shared, int count) {
    for (int j = 0; j < count; j++)
        if (shared[j])
            return true;
    return false;
}

static bool stores_along(const struct statement *statement, const struct axis *axis) {
    for (int d = 0; d < statement->output->rank; d++)
        if (index_only_axis(statement->store[d]) == axis)
            return true;
    return false;
}

/* Statements of a nest have one set of loops, and so the first one's link. */
static bool add_joined(struct outer_chain *chain, struct statement *const *statements, int count) {
    const struct outer_link first = chain->links[chain->count - 1];
    if (chain->count + count > MAX_CHAIN)
        return false;
    for (int i = 0; i < count; i++) {
        struct trying trying = {.chain = chain, .link = first};
        trying.link.statement = statements[i];
        memcpy(trying.shared, chain->shared, sizeof trying.shared);
        expression_walk(chain->ir, statements[i]->value, match_load, &trying);
        for (int j = 0; j < chain->axis_count; j++)
            chain->shared[j] &= trying.shared[j] && trying.link.axes[j] == first.axes[j] &&
                                may_share(chain->ir, statements[i], first.axes[j]);
        chain->links[chain->count] = first;
        chain->links[chain->count++].statement = statements[i];
    }
    return any(chain->shared, chain->axis_count);
}

static void begin_chain(struct outer_chain *chain, struct statement *statement) {
    struct outer_link *link = &chain->links[0];
    *link = (struct outer_link){.statement = statement};
    chain->axis_count = 0;
    chain->reads = false;
    chain->count = 1;
    for (int i = 0; i < statement->loop_count && chain->axis_count < MAX_SHARED; i++)
        if (stores_along(statement, statement->loops[i]) &&
            may_share(chain->ir, statement, statement->loops[i])) {
            chain->shared[chain->axis_count] = true;
            link->axes[chain->axis_count++] = statement->loops[i];
        }
}

/* A statement joins if it reads what the chain wrote, or completes it with constants. It must not
 * cost the chain so many axes that its slices no longer fit the cache. */
static bool add_link(struct outer_chain *chain, struct statement *statement) {
    struct trying trying = {.chain = chain, .link = {.statement = statement}};
    int count = chain->axis_count;
    if (chain->count == 0 || chain->count == MAX_CHAIN || runs_alone(statement))
        return false;
    memcpy(trying.shared, chain->shared, sizeof trying.shared);
    expression_walk(chain->ir, statement->value, match_load, &trying);
    const struct outer_link *writer = writer_of(chain, statement->output);
    if (writer)
        match(&trying, writer, statement->store);
    bool completes = writer && statement->value->kind == EXPRESSION_CONSTANT;
    if (!(trying.reads || completes) || !any(trying.shared, count))
        return false;
    bool less = memcmp(trying.shared, chain->shared, (size_t)count * sizeof(bool)) != 0;
    chain->links[chain->count++] = trying.link;
    if (less && (completes || 2 * working_set(chain, trying.shared) > chain->ir->target->l2)) {
        chain->count--;
        return false;
    }
    memcpy(chain->shared, trying.shared, sizeof trying.shared);
    chain->reads |= trying.reads;
    return true;
}

/* A whole nest or nothing. */
static bool add_nest(struct outer_chain *chain, struct statement *const *statements, int count) {
    bool shared[MAX_SHARED], reads = chain->reads;
    int before = chain->count;
    memcpy(shared, chain->shared, sizeof shared);
    if (add_link(chain, statements[0]) && add_joined(chain, statements + 1, count - 1))
        return true;
    memcpy(chain->shared, shared, sizeof shared);
    chain->reads = reads;
    chain->count = before;
    return false;
}

/* ---- What is shared in the end ---- */

static bool leaves_enough(const struct outer_chain *chain, const bool *shared) {
    int64_t largest = 0;
    for (int i = 0; i < chain->count; i++) {
        const struct outer_link *link = &chain->links[i];
        int64_t elements = slice_bytes(link, shared, chain->axis_count) /
                           dtype_bytes(link->statement->output->dtype);
        largest = elements > largest ? elements : largest;
    }
    return largest >= FEWEST_VECTORS * chain->ir->target->lanes;
}

/* Points along loops that both operands have, not chosen: lane by lane they can be columns. */
static int64_t lanes_without(const struct statement *statement, const struct expression *sum,
                             int count, const struct axis *const *without) {
    int64_t points = 1;
    for (int i = 0; i < statement->loop_count; i++) {
        bool left_out = false;
        for (int k = 0; k < count; k++)
            left_out |= without[k] == statement->loops[i];
        if (!left_out && load_uses(sum->sources[0], statement->loops[i]) &&
            load_uses(sum->sources[1], statement->loops[i]))
            points *= statement->loops[i]->extent;
    }
    return points;
}

/* Whether each contraction keeps rows and columns without all the chosen axes together. */
static bool leaves_tiles(const struct outer_chain *chain, const bool *chosen) {
    for (int i = 0; i < chain->count; i++) {
        const struct outer_link *link = &chain->links[i];
        const struct axis *without[MAX_SHARED];
        struct operands operands = {0};
        int count = 0;
        for (int j = 0; j < chain->axis_count; j++)
            if (chosen[j])
                without[count++] = link->axes[j];
        expression_walk(chain->ir, link->statement->value, note_operands, &operands);
        if (!operands.sum)
            continue;
        const struct expression *a = operands.sum->sources[0], *b = operands.sum->sources[1];
        int64_t one = points_without(link->statement, a, b, count, without);
        int64_t two = points_without(link->statement, b, a, count, without);
        int64_t lanes = lanes_without(link->statement, operands.sum, count, without);
        int64_t rows = one > two ? one : two, columns = one > two ? two : one;
        int64_t fewest = FEWEST_TILES * chain->ir->target->accumulators;
        if (rows > 1 && (rows < fewest || (columns < FEWEST_COLUMNS && lanes < FEWEST_COLUMNS)))
            return false;
    }
    return true;
}

/* Whether a buffer is neither used before nor after the chain. */
static bool is_within(const struct outer_chain *chain, const struct buffer *buffer, int last) {
    const struct use_span *use = &chain->uses[buffer->id];
    return buffer->kind == BUFFER_TEMPORARY && use->first >= chain->links[0].statement->id &&
           use->last <= last;
}

/* All axes, if what is left lies in the shared memory of a block of a GPU's threads. */
static bool choose_gpu_axes(const struct outer_chain *chain, int last) {
    int64_t bytes = 0;
    for (int i = 0; i < chain->count; i++)
        if (is_within(chain, chain->links[i].statement->output, last))
            bytes += ALIGNED + slice_bytes(&chain->links[i], chain->shared, chain->axis_count);
    return chain->reads && any(chain->shared, chain->axis_count) &&
           bytes <= chain->ir->target->gpu->shared;
}

/* Axes from the outermost inwards, until what an iteration touches stays in L1. */
static bool choose_axes(struct outer_chain *chain) {
    bool chosen[MAX_SHARED] = {0};
    if (!chain->reads || 2 * working_set(chain, chosen) < chain->ir->target->l1)
        return false; /* nothing to gain */
    for (int j = 0; j < chain->axis_count; j++) {
        if (!chain->shared[j])
            continue;
        chosen[j] = true;
        if (!leaves_enough(chain, chosen) || !leaves_tiles(chain, chosen))
            chosen[j] = false;
        if (2 * working_set(chain, chosen) <= chain->ir->target->l1)
            break;
    }
    memcpy(chain->shared, chosen, sizeof chosen);
    return any(chosen, chain->axis_count) && working_set(chain, chosen) <= chain->ir->target->l2;
}

/* A buffer that is not used before or after the chain is as large as one iteration. */
static void slice(const struct outer_chain *chain, const struct outer_link *link, int last) {
    struct buffer *buffer = link->statement->output;
    if (!is_within(chain, buffer, last))
        return;
    for (int d = 0; d < buffer->rank; d++)
        for (int j = 0; j < chain->axis_count; j++)
            buffer->sliced[d] |=
                chain->shared[j] && index_only_axis(link->statement->store[d]) == link->axes[j];
    lay_out_again(buffer);
}

/* Of a GPU, where it lies beside the threads of a block. */
static void slice_locally(const struct outer_chain *chain) {
    for (int i = 0; chain->ir->target->gpu && i < chain->count; i++)
        if (is_slice(chain->links[i].statement->output))
            chain->links[i].statement->output->kind = BUFFER_LOCAL;
}

static void remove_loop(struct statement *statement, const struct axis *axis) {
    int kept = 0;
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] != axis)
            statement->loops[kept++] = statement->loops[i];
    statement->loop_count = kept;
}

/* Puts the chain's axes in the place of the statement's own. */
static void share_loops_of(const struct outer_chain *chain, const struct outer_link *link,
                           struct kernel *kernel) {
    struct statement *statement = link->statement;
    const struct axis *own[MAX_SHARED];
    const struct index *values[MAX_SHARED];
    statement->kernel = kernel;
    for (int j = 0; j < chain->axis_count; j++) {
        if (!chain->shared[j])
            continue;
        const struct axis *axis = chain->links[0].axes[j];
        remove_loop(statement, link->axes[j]);
        own[statement->shared_count] = link->axes[j];
        values[statement->shared_count] = index_axis(chain->ir, axis);
        statement->shared[statement->shared_count++] = axis;
    }
    struct substitution substitution = {
        .count = statement->shared_count, .axes = own, .values = values};
    statement_substitute(chain->ir, statement, &substitution);
}

static void end_chain(struct outer_chain *chain, int last) {
    if (chain->ir->target->gpu ? choose_gpu_axes(chain, last) : choose_axes(chain)) {
        for (int i = 0; i < chain->count; i++)
            slice(chain, &chain->links[i], last);
        slice_locally(chain);
        struct kernel *kernel = arena_new(chain->ir->arena, struct kernel);
        for (int i = chain->count - 1; i >= 0; i--)
            share_loops_of(chain, &chain->links[i], kernel);
    }
    chain->count = 0;
}

static void note_use(struct use_span *uses, const struct buffer *buffer, int statement) {
    struct use_span *use = &uses[buffer->id];
    if (use->last < 0)
        use->first = statement;
    use->last = statement;
}

static const struct use_span *find_uses(struct ir *ir) {
    struct use_span *uses = arena_array(ir->arena, struct use_span, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->buffer_count; i++)
        uses[i].last = -1;
    for (int i = 0; i < ir->statement_count; i++) {
        struct buffer **reads;
        int count = statement_reads(ir, ir->statements[i], &reads);
        for (int k = 0; k < count; k++)
            note_use(uses, reads[k], i);
        note_use(uses, ir->statements[i]->output, i);
    }
    return uses;
}

void fuse_outer_loops(struct ir *ir) {
    if (ir->target->gpu && ir->scan)
        return; /* one block of threads runs all of it anyway */
    struct outer_chain *chain = arena_new(ir->arena, struct outer_chain);
    chain->ir = ir;
    chain->uses = find_uses(ir);
    for (int i = 0, size; i < ir->statement_count; i += size) {
        struct statement *const *nest = &ir->statements[i];
        size = nest_size(nest, ir->statement_count - i);
        if (add_nest(chain, nest, size))
            continue;
        end_chain(chain, i - 1);
        if (nest[0]->value->kind == EXPRESSION_CONSTANT || runs_alone(nest[0]))
            continue;
        begin_chain(chain, nest[0]);
        if (!add_joined(chain, nest + 1, size - 1))
            chain->count = 0;
    }
    end_chain(chain, ir->statement_count - 1);
}
