/* Fusion: a producer's expression moves into its consumer where no work is done twice.
 *
 *   - Elementwise work moves into its only consumer, or, where it is cheap, into all of them.
 *   - A reduction or contraction moves into the only kernel that reads it, if that reads each
 * element once: so bias, activation and normalisation come to stand on the accumulator, and pooling
 *     over windows that do not overlap reduces accumulators before anything is stored.
 *   - Padding that is read at several places stays a buffer, into which its source is stored.
 *   - Operands of float32 contractions stay in buffers, since each element is read many times. */
#include "ir.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHEAP_OPERATIONS = 3, /* recomputing so many is cheaper than a trip through memory */
    LARGEST_KERNEL = 160, /* operations in one kernel: keeps registers and readers happy */
    LARGEST_POOL = 16,    /* accumulators that one pooled element may need */
};

/* What is known of one kernel's expression. */
struct facts {
    int operations;
    bool has_reduction, has_contraction, has_costly;
};

static bool is_costly(const struct expression *e) {
    return e->kind == EXPRESSION_OP &&
           (e->op == OP_EXP || e->op == OP_LOG || e->op == OP_SIN || e->op == OP_COS ||
            e->op == OP_TANH || e->op == OP_ERF || e->op == OP_POW || e->op == OP_DIV ||
            e->op == OP_MOD || e->op == OP_SQRT || e->op == OP_RECIP);
}

static void note_fact(void *context, const struct expression *e) {
    struct facts *facts = context;
    facts->operations += e->kind == EXPRESSION_OP || e->kind == EXPRESSION_GUARD;
    facts->has_reduction |= e->kind == EXPRESSION_REDUCE;
    facts->has_contraction |= is_contraction(e);
    facts->has_costly |= is_costly(e);
}

static struct facts facts_of(struct ir *ir, const struct kernel *kernel) {
    struct facts facts = {0};
    expression_walk(ir, kernel->value, note_fact, &facts);
    return facts;
}

struct fusion {
    struct ir *ir;
    struct kernel **producer; /* by buffer id; NULL: an input or constant */
    int *consumers;           /* by buffer id: how many kernels read it */
    struct facts *facts;      /* by kernel id */
};

/* How a kernel reads one buffer. */
struct reading {
    const struct expression *load; /* one of the loads */
    bool several;                  /* there are others, at other places */
    bool guarded, in_contraction, in_pool;
    double evaluations; /* of all loads, over all axes in scope */
    int64_t pool;       /* elements of the reduction around it */
};

static struct reading reading_of(const struct listing *listing, const struct buffer *buffer) {
    struct reading reading = {0};
    for (int i = 0; i < listing->count; i++) {
        const struct expression *e = listing->expressions[i];
        const struct scope *scope = &listing->scopes[i];
        if (e->kind != EXPRESSION_LOAD || e->buffer != buffer)
            continue;
        reading.several = reading.load != NULL;
        reading.load = e;
        reading.evaluations += scope->points;
        reading.guarded |= scope->guarded;
        reading.in_contraction |= scope->in_contraction;
        reading.in_pool |= scope->pool > 1;
        reading.pool = scope->pool;
    }
    return reading;
}

/* A reduction may stand once in a kernel; around a contraction, one small pool may stand. */
static bool reduction_fits(const struct fusion *fusion, const struct kernel *consumer,
                           const struct facts *producer, const struct reading *reading) {
    if (reading->several || reading->guarded ||
        reading->evaluations > (double)reading->load->buffer->elements)
        return false;
    if (!fusion->facts[consumer->id].has_reduction)
        return true;
    return reading->in_pool && reading->pool <= LARGEST_POOL && producer->has_contraction &&
           !fusion->facts[consumer->id].has_contraction;
}

/* Something with constants around it: guards at every load of it cost more than a border that is
 * stored once. */
static bool is_padding(const struct kernel *kernel) {
    return kernel->value->kind == EXPRESSION_GUARD &&
           kernel->value->sources[1]->kind == EXPRESSION_CONSTANT;
}

static bool can_inline(const struct fusion *fusion, const struct kernel *producer,
                       const struct kernel *consumer, const struct listing *listing) {
    const struct facts *facts = &fusion->facts[producer->id];
    struct reading reading = reading_of(listing, producer->output);
    if (facts->operations == 0 && !facts->has_reduction)
        return true; /* a copy */
    if (reading.in_contraction ||
        facts->operations + fusion->facts[consumer->id].operations > LARGEST_KERNEL)
        return false;
    bool only = fusion->consumers[producer->output->id] == 1;
    if (is_padding(producer) && (!only || reading.several))
        return false;
    if (facts->has_reduction)
        return only && reduction_fits(fusion, consumer, facts, &reading);
    if (facts->operations <= CHEAP_OPERATIONS && !facts->has_costly)
        return true;
    return only &&
           reading.evaluations <= (double)producer->output->elements * (reading.guarded ? 2 : 1);
}

/* ---- Inlining ---- */

struct inlining {
    const struct kernel *producer;
};

static const struct expression *inline_load(struct ir *ir, void *context,
                                            const struct expression *load) {
    const struct inlining *inlining = context;
    const struct kernel *producer = inlining->producer;
    if (load->kind != EXPRESSION_LOAD || load->buffer != producer->output)
        return load;
    struct substitution substitution = {
        .count = producer->axis_count, .axes = producer->axes, .values = load->indices};
    struct rewrite rewrite = {.substitution = &substitution};
    return expression_rewrite(ir, producer->value, &rewrite);
}

static void merge_nodes(struct ir *ir, struct kernel *consumer, const struct kernel *producer) {
    const struct node **nodes = arena_array(ir->arena, const struct node *,
                                            (size_t)(consumer->node_count + producer->node_count));
    int a = 0, b = 0, count = 0;
    while (a < producer->node_count || b < consumer->node_count) {
        bool from_producer =
            b == consumer->node_count ||
            (a < producer->node_count && producer->nodes[a]->id <= consumer->nodes[b]->id);
        const struct node *node = from_producer ? producer->nodes[a++] : consumer->nodes[b++];
        if (!count || nodes[count - 1] != node)
            nodes[count++] = node;
    }
    consumer->nodes = nodes;
    consumer->node_count = count;
}

static void count_reads(struct fusion *fusion, const struct kernel *kernel, int step) {
    struct buffer **reads;
    int count = kernel_reads(fusion->ir, kernel, &reads);
    for (int i = 0; i < count; i++)
        fusion->consumers[reads[i]->id] += step;
}

static void drop(struct fusion *fusion, const struct kernel *kernel) {
    count_reads(fusion, kernel, -1);
    fusion->producer[kernel->output->id] = NULL;
    fusion->ir->kernels[kernel->id] = NULL;
}

static void inline_into(struct fusion *fusion, struct kernel *consumer,
                        const struct kernel *producer) {
    struct inlining inlining = {.producer = producer};
    struct rewrite rewrite = {.replace = inline_load, .context = &inlining};
    count_reads(fusion, consumer, -1);
    consumer->value = expression_rewrite(fusion->ir, consumer->value, &rewrite);
    count_reads(fusion, consumer, 1);
    merge_nodes(fusion->ir, consumer, producer);
    fusion->facts[consumer->id] = facts_of(fusion->ir, consumer);
    if (fusion->consumers[producer->output->id] == 0)
        drop(fusion, producer);
}

/* Inlines one producer after another, the latest first: it stands nearest to the consumer. */
static void fuse_kernel(struct fusion *fusion, struct kernel *consumer) {
    bool progress = true;
    while (progress) {
        progress = false;
        struct buffer **reads;
        int count = kernel_reads(fusion->ir, consumer, &reads);
        struct listing listing = list_scopes(fusion->ir, consumer);
        struct kernel *best = NULL;
        for (int i = 0; i < count; i++) {
            struct kernel *producer = fusion->producer[reads[i]->id];
            if (producer && (!best || producer->id > best->id) &&
                can_inline(fusion, producer, consumer, &listing))
                best = producer;
        }
        if (best) {
            inline_into(fusion, consumer, best);
            progress = true;
        }
    }
}

/* Dead nodes of the graph leave kernels that nobody reads. */
static void drop_unread(struct fusion *fusion) {
    struct ir *ir = fusion->ir;
    for (int i = ir->kernel_count - 1; i >= 0; i--) {
        const struct kernel *kernel = ir->kernels[i];
        if (kernel && kernel->output->kind != BUFFER_OUTPUT &&
            fusion->consumers[kernel->output->id] == 0)
            drop(fusion, kernel);
    }
    int kept = 0;
    for (int i = 0; i < ir->kernel_count; i++) {
        if (!ir->kernels[i])
            continue;
        ir->kernels[i]->id = kept;
        ir->kernels[kept++] = ir->kernels[i];
    }
    ir->kernel_count = kept;
}

void fuse(struct ir *ir) {
    struct fusion fusion = {
        .ir = ir,
        .producer = arena_array(ir->arena, struct kernel *, (size_t)ir->buffer_count),
        .consumers = arena_array(ir->arena, int, (size_t)ir->buffer_count),
        .facts = arena_array(ir->arena, struct facts, (size_t)ir->kernel_count)};
    for (int i = 0; i < ir->kernel_count; i++) {
        fusion.producer[ir->kernels[i]->output->id] = ir->kernels[i];
        fusion.facts[i] = facts_of(ir, ir->kernels[i]);
        count_reads(&fusion, ir->kernels[i], 1);
    }
    for (int i = 0; i < ir->kernel_count; i++)
        if (ir->kernels[i])
            fuse_kernel(&fusion, ir->kernels[i]);
    drop_unread(&fusion);
}
