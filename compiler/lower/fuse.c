/* Fusion: a producer's expression moves into its consumer where no work is done twice.
 *
 *   - Elementwise work moves into its only consumer, or, where it is cheap, into all of them.
 *   - A reduction or contraction moves into the only statement that reads it, if that reads each
 * element once: so bias, activation and normalisation come to stand on the accumulator, and pooling
 *     over windows that do not overlap reduces accumulators before anything is stored (but not on a
 *     GPU, whose tiles are whole rows and columns).
 *   - Padding that is read at several places stays a buffer, into which its source is stored.
 *   - Operands of float32 contractions stay in buffers, since each element is read many times. But
 * a constant of 16-bit floats is widened where a tile reads it, or where it is packed, and tiles
 * decode weights of codes, whose blocks are then cut out of the axis that is summed.
 *   - What was joined for a contraction of few rows, as keys of many tokens and of one more, is
 * read where it lies: partition_loops.c makes a contraction for each part. */
#include "compiler/ir/coded.h"
#include "compiler/ir/uses.h"
#include "compiler/lower/lower.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHEAP_OPERATIONS = 3, /* recomputing so many is cheaper than a trip through memory */
    LARGEST_KERNEL = 160, /* operations in one statement: keeps registers and readers happy */
    LARGEST_POOL = 12,  /* accumulators that one pooled element may need: a tile has no more rows */
    FEWEST_COLUMNS = 8, /* of a contraction whose tiles widen their panel */
    MOST_JOINED = 4,    /* parts that a contraction reads where they lie, .. */
    MOST_READS = 4,     /* .. each element so often: a copy costs less than more, .. */
    FEWEST_SUMS = 64,   /* .. and has such results: partition_loops.c cuts no fewer */
    LARGEST_INDEX = 48, /* terms: larger ones would double with each statement that moves in */
};

/* What is known of one statement's expression. */
struct facts {
    int operations;
    struct extent extent;
    int largest_index; /* in terms */
    bool has_reduction, has_contraction, has_guard, has_costly, alone;
};

static bool is_costly(const struct expression *e) {
    return e->kind == EXPRESSION_OP && op_facts[e->op].cost == COST_COSTLY;
}

static void note_index(struct facts *facts, const struct index *index, bool of_load) {
    facts->extent.size += index->size;
    if (index->size > facts->largest_index)
        facts->largest_index = index->size;
    if (of_load && index->size > facts->extent.largest_index)
        facts->extent.largest_index = index->size;
}

static void note_fact(void *context, const struct expression *e) {
    struct facts *facts = context;
    bool is_load = e->kind == EXPRESSION_LOAD;
    facts->extent.size++;
    facts->extent.loads += is_load;
    if (e->index)
        note_index(facts, e->index, false);
    for (int i = 0; i < e->index_count; i++)
        note_index(facts, e->indices[i], is_load);
    for (int i = 0; i < e->predicate_count; i++)
        note_index(facts, e->predicates[i].index, false);
    facts->operations += e->kind == EXPRESSION_OP || e->kind == EXPRESSION_GUARD;
    facts->has_reduction |= e->kind == EXPRESSION_REDUCE;
    facts->has_contraction |= is_contraction(e);
    facts->alone |= stands_alone(e);
    facts->has_guard |= e->kind == EXPRESSION_GUARD;
    facts->has_costly |= is_costly(e);
}

/* Without guards everything is written once, as it is walked. */
static struct facts facts_of(struct ir *ir, const struct statement *statement) {
    struct facts facts = {0};
    expression_walk(ir, statement->value, note_fact, &facts);
    if (facts.has_guard)
        facts.extent = expression_extent(ir, statement->value, NULL, LARGEST_VALUE);
    return facts;
}

struct fusion {
    struct ir *ir;
    struct statement **producer; /* by buffer id; NULL: an input or constant */
    int *consumers;              /* by buffer id: how many statements read it */
    struct facts *facts;         /* by statement id */
};

/* How a statement reads one buffer. */
struct reading {
    const struct expression *load; /* one of the loads */
    bool several;                  /* there are others, at other places */
    bool guarded, in_contraction, in_pool;
    double evaluations; /* of all loads, over all axes in scope */
    int64_t pool;       /* elements of the reduction around it */
};

static struct reading reading_of(const struct uses *uses, const struct buffer *buffer) {
    struct reading reading = {0};
    for (int i = 0; i < uses->count; i++) {
        const struct expression *e = uses->expressions[i];
        const struct use *use = &uses->items[i];
        if (e->kind != EXPRESSION_LOAD || e->buffer != buffer)
            continue;
        reading.several = reading.load != NULL;
        reading.load = e;
        reading.evaluations += use->points;
        reading.guarded |= use->guarded;
        reading.in_contraction |= use->in_contraction;
        reading.in_pool |= use->pool > 1;
        reading.pool = use->pool;
    }
    return reading;
}

/* Whether split_axes could take a division or remainder apart: along each axis in it, a period is
 * so many elements, and the extent so many periods or less than one. */
static bool splits(const struct atom *atom) {
    for (int i = 0; i < atom->operand->count; i++) {
        const struct index_term *term = &atom->operand->terms[i];
        int64_t stride = term->coefficient < 0 ? -term->coefficient : term->coefficient;
        if (term->atom->operand && !splits(term->atom))
            return false;
        if (term->atom->kind != ATOM_AXIS || stride % atom->divisor == 0)
            continue;
        int64_t period = atom->divisor / stride, extent = term->atom->axis->extent;
        if (atom->divisor % stride || (extent > period && extent % period))
            return false;
    }
    return true;
}

/* Tiles take a contraction where each operand is read along plain axes, so a consumer must read it
 * along such, or along what becomes such. */
static bool keeps_tiles(const struct expression *load) {
    for (int i = 0; i < load->index_count; i++)
        for (int k = 0; k < load->indices[i]->count; k++) {
            const struct atom *atom = load->indices[i]->terms[k].atom;
            if (atom->operand && !splits(atom))
                return false;
        }
    return true;
}

/* Whether tiles neither pool their sums nor scale them by blocks, nor take an operand in parts. */
static bool has_plain_tiles(const struct fusion *fusion) {
    return fusion->ir->target->gpu != NULL;
}

/* A reduction may stand once in a statement; around a contraction, one small pool may stand, but no
 * guard: partition_loops.c can cut a statement at its guards only where there is no contraction. */
static bool reduction_fits(const struct fusion *fusion, const struct statement *consumer,
                           const struct facts *producer, const struct reading *reading) {
    if (reading->several || reading->guarded ||
        reading->evaluations > (double)reading->load->buffer->elements ||
        (producer->has_contraction &&
         (fusion->facts[consumer->id].has_guard || !keeps_tiles(reading->load))))
        return false;
    if (!fusion->facts[consumer->id].has_reduction)
        return true;
    return reading->in_pool && reading->pool <= LARGEST_POOL && producer->has_contraction &&
           !fusion->facts[consumer->id].has_contraction && !has_plain_tiles(fusion);
}

/* Something with constants around it: guards at every load of it cost more than a border that is
 * stored once. */
static bool is_padding(const struct statement *statement) {
    return statement->value->kind == EXPRESSION_GUARD &&
           statement->value->sources[1]->kind == EXPRESSION_CONSTANT;
}

/* Whether what would stand in the consumer stays within bounds. In each load of the producer the
 * indices take the place of its axes, so that sizes multiply. */
static bool stays_within(const struct facts *producer, const struct facts *consumer,
                         const struct extent *read) {
    int64_t largest = read->largest_index > 1 ? read->largest_index : 1;
    int64_t size = largest * producer->extent.size * read->loads + read->size;
    return largest * producer->largest_index <= LARGEST_INDEX && size < LARGEST_VALUE &&
           producer->extent.depth + consumer->extent.depth <= DEEPEST_GUARDS;
}

/* Looks first whether it would if all that the consumer loads were of the producer. */
static bool stays_small(const struct fusion *fusion, const struct statement *producer,
                        const struct statement *consumer) {
    const struct facts *inner = &fusion->facts[producer->id], *outer = &fusion->facts[consumer->id];
    if (stays_within(inner, outer, &outer->extent))
        return true;
    const struct extent read =
        expression_extent(fusion->ir, consumer->value, producer->output, LARGEST_VALUE);
    return stays_within(inner, outer, &read);
}

struct contraction_search {
    const struct buffer *weight;
    const struct expression *contraction, *weight_load, *other; /* operands; NULL: not found */
    const struct expression *scaled; /* a contraction that is an operand of another one */
};

static void note_operands(void *context, const struct expression *e) {
    struct contraction_search *search = context;
    for (int i = 0; is_contraction(e) && i < 2; i++) {
        const struct expression *source = e->sources[i];
        if (is_contraction(source))
            search->scaled = source;
        if (source->kind != EXPRESSION_LOAD || source->buffer != search->weight)
            continue;
        search->contraction = e;
        search->weight_load = source;
        search->other = e->sources[1 - i];
    }
}

static bool reads_along(const struct expression *load, const struct axis *axis) {
    for (int i = 0; i < load->index_count; i++)
        if (index_uses(load->indices[i], axis))
            return true;
    return false;
}

/* Whether it is a weight of which tiles make float32: of 16-bit floats, or of codes. */
static bool is_narrow(const struct statement *producer) {
    const struct expression *value = producer->value, *loads[CODED_LOADS];
    struct coded_weight weight;
    if (is_widening(value))
        return value->sources[0]->kind == EXPRESSION_LOAD &&
               value->sources[0]->buffer->kind == BUFFER_CONSTANT &&
               !value->sources[0]->buffer->splat && keeps_tiles(value->sources[0]);
    if (!find_coded_weight(value, &weight) && !find_code_differences(value, &weight))
        return false;
    int count = list_coded_loads(&weight, loads);
    for (int i = 0; i < count; i++)
        if (!keeps_tiles(loads[i]))
            return false;
    int64_t block = 1; /* codes that share what is loaded beside the codes and their shifts */
    count = list_block_loads(&weight, loads);
    for (int i = 0; i < producer->axis_count; i++) {
        bool shared = true;
        for (int k = 0; k < count; k++)
            shared &= !reads_along(loads[k], producer->axes[i]);
        block *= shared ? producer->axes[i]->extent : 1;
    }
    return block >= SHORTEST_CODED_BLOCK;
}

/* Whether a contraction of what was found will run as tiles along columns that only the weight has:
 * they widen. */
static bool has_columns(const struct contraction_search *search, const struct statement *producer,
                        const struct statement *consumer) {
    if (!search->contraction || !keeps_tiles(search->weight_load) ||
        (!is_widening(producer->value) && search->contraction->axis_count > 1) ||
        search->other->kind != EXPRESSION_LOAD || search->other->buffer->splat ||
        search->other->buffer == search->weight || !keeps_tiles(search->other))
        return false;
    for (int i = 0; i < consumer->axis_count; i++)
        if (consumer->axes[i]->extent >= FEWEST_COLUMNS &&
            reads_along(search->weight_load, consumer->axes[i]) &&
            !reads_along(search->other, consumer->axes[i]))
            return true;
    return false;
}

/* Where blocks are summed up before they are scaled, a tile widens the scales too. */
static bool widens_in_tiles(const struct fusion *fusion, const struct statement *producer,
                            const struct statement *consumer, const struct reading *reading) {
    struct contraction_search search = {.weight = producer->output};
    struct coded_weight weight;
    if (reading->several || reading->guarded || !is_narrow(producer))
        return false;
    expression_walk(fusion->ir, consumer->value, note_operands, &search);
    if (is_widening(producer->value) && search.contraction && search.scaled == search.other)
        return true;
    if (find_code_differences(producer->value, &weight) && search.scaled != search.contraction &&
        !has_plain_tiles(fusion)) /* which take the sums by themselves */
        return false;
    return has_columns(&search, producer, consumer);
}

/* What a load reads: of a producer, its value; else the load itself. */
static const struct expression *value_of(const struct fusion *fusion, const struct expression *e) {
    const struct statement *producer =
        e->kind == EXPRESSION_LOAD ? fusion->producer[e->buffer->id] : NULL;
    return producer ? producer->value : e;
}

/* Whether the consumer scales sums over blocks of codes, which the producer is: tiles take both
 * contractions as one, with the differences that are the weight. */
static bool scales_in_tiles(const struct fusion *fusion, const struct statement *producer,
                            const struct statement *consumer, const struct reading *reading) {
    const struct expression *sum = producer->value, *outer = consumer->value, *scale;
    struct coded_weight weight;
    if (reading->several || reading->guarded || has_plain_tiles(fusion) || !is_contraction(sum) ||
        !is_contraction(outer) || !keeps_tiles(reading->load) ||
        reading->evaluations > (double)producer->output->elements)
        return false;
    int side = outer->sources[1] == reading->load;
    if (!find_scale(value_of(fusion, outer->sources[1 - side]), &scale))
        return false;
    for (int i = 0; i < 2; i++) {
        const struct statement *differences = sum->sources[i]->kind == EXPRESSION_LOAD
                                                  ? fusion->producer[sum->sources[i]->buffer->id]
                                                  : NULL;
        if (!differences || !find_code_differences(differences->value, &weight) ||
            !is_narrow(differences))
            continue;
        struct contraction_search search = {.weight = differences->output};
        expression_walk(fusion->ir, sum, note_operands, &search);
        return has_columns(&search, differences, producer);
    }
    return false;
}

/* The one axis that an index moves along, by any stride and from anywhere; NULL: there is none. */
static const struct axis *moving_axis(const struct index *index) {
    return index->count == 1 && index->terms[0].atom->kind == ATOM_AXIS ? index->terms[0].atom->axis
                                                                        : NULL;
}

static bool is_part(const struct expression *e) {
    return e->kind == EXPRESSION_LOAD && !e->buffer->splat && keeps_tiles(e);
}

/* The one axis along which a statement joins parts of other buffers, as they are; NULL: it does
 * something else. */
static const struct axis *joined_axis(const struct statement *statement) {
    const struct expression *value = statement->value;
    const struct axis *joined = NULL;
    int parts = 1;
    for (; value->kind == EXPRESSION_GUARD; value = value->sources[1], parts++) {
        const struct axis *axis = moving_axis(value->predicates[0].index);
        if (!axis || (joined && axis != joined) || value->predicate_count != 1 ||
            !is_part(value->sources[0]))
            return NULL;
        joined = axis;
    }
    return is_part(value) && parts <= MOST_JOINED ? joined : NULL;
}

/* Whether it is joined along an axis that the contraction keeps. */
static bool is_cut_at_parts(const struct fusion *fusion, const struct statement *producer,
                            const struct statement *consumer, const struct reading *reading) {
    struct contraction_search search = {.weight = producer->output};
    const struct axis *joined = joined_axis(producer), *kept;
    if (!joined || reading->several || reading->guarded || has_plain_tiles(fusion) ||
        fusion->consumers[producer->output->id] != 1 || fusion->facts[consumer->id].has_guard ||
        consumer->output->elements < FEWEST_SUMS ||
        reading->evaluations > MOST_READS * (double)producer->output->elements)
        return false;
    expression_walk(fusion->ir, consumer->value, note_operands, &search);
    if (!search.contraction || !keeps_tiles(search.weight_load))
        return false;
    int position = 0;
    while (producer->axes[position] != joined)
        position++;
    kept = moving_axis(search.weight_load->indices[position]);
    for (int i = 0; i < consumer->axis_count; i++)
        if (kept == consumer->axes[i])
            return true;
    return false;
}

/* Whether loads of `buffer` are all at the statement's own place. */
struct place_check {
    const struct statement *statement;
    const struct buffer *buffer;
    bool same;
};

static void check_place(void *context, const struct expression *e) {
    struct place_check *check = context;
    if (e->kind != EXPRESSION_LOAD || e->buffer != check->buffer)
        return;
    for (int i = 0; i < e->index_count; i++) {
        const struct index *index = e->indices[i];
        bool plain = true;
        check->same &= index->constant == 0 &&
                       (check->statement->axes[i]->extent == 1
                            ? index->count == 0
                            : index->count == 1 &&
                                  index_coefficient(index, check->statement->axes[i], &plain) == 1);
    }
}

static bool reads_same_place(const struct fusion *fusion, const struct statement *consumer,
                             const struct statement *producer) {
    struct place_check check = {.statement = consumer, .buffer = producer->output, .same = true};
    if (consumer->axis_count != producer->axis_count)
        return false;
    for (int i = 0; i < consumer->axis_count; i++)
        if (consumer->axes[i]->extent != producer->axes[i]->extent)
            return false;
    expression_walk(fusion->ir, consumer->value, check_place, &check);
    return check.same;
}

/* Looks first at what is known, then at how the consumer reads: its uses are listed when the first
 * producer needs it. */
static bool is_worth_inlining(const struct fusion *fusion, const struct statement *producer,
                              const struct statement *consumer, struct uses *uses) {
    const struct facts *facts = &fusion->facts[producer->id];
    bool only = fusion->consumers[producer->output->id] == 1;
    bool cheap = (facts->operations <= CHEAP_OPERATIONS && !facts->has_costly) ||
                 is_narrow(producer); /* what it reads is less than what it would store */
    if (facts->alone || fusion->facts[consumer->id].alone)
        return false; /* it reads and stores whole buffers */
    if (facts->operations == 0 && !facts->has_reduction)
        return true; /* a copy */
    if (facts->operations + fusion->facts[consumer->id].operations > LARGEST_KERNEL ||
        (!only && (facts->has_reduction || !cheap)))
        return false;
    if (!uses->ir)
        *uses = list_uses(fusion->ir, consumer);
    struct reading reading = reading_of(uses, producer->output);
    if (reading.in_contraction)
        return widens_in_tiles(fusion, producer, consumer, &reading) ||
               scales_in_tiles(fusion, producer, consumer, &reading) ||
               is_cut_at_parts(fusion, producer, consumer, &reading);
    if (facts->has_contraction && facts->has_guard && !reads_same_place(fusion, consumer, producer))
        return false; /* the guard has to stay along a plain axis */
    if (is_padding(producer) && (!only || reading.several))
        return false;
    if (facts->has_reduction)
        return reduction_fits(fusion, consumer, facts, &reading);
    return cheap ||
           reading.evaluations <= (double)producer->output->elements * (reading.guarded ? 2 : 1);
}

static bool can_inline(const struct fusion *fusion, const struct statement *producer,
                       const struct statement *consumer, struct uses *uses) {
    return is_worth_inlining(fusion, producer, consumer, uses) &&
           stays_small(fusion, producer, consumer);
}

/* ---- Inlining ---- */

struct inlining {
    const struct statement *producer;
    bool same_axes; /* as the consumer, which reads it at its own place */
};

static const struct expression *inline_load(struct ir *ir, void *context,
                                            const struct expression *load) {
    const struct inlining *inlining = context;
    const struct statement *producer = inlining->producer;
    if (load->kind != EXPRESSION_LOAD || load->buffer != producer->output)
        return load;
    if (inlining->same_axes)
        return producer->value;
    struct substitution substitution = {
        .count = producer->axis_count, .axes = producer->axes, .values = load->indices};
    struct rewrite rewrite = {.substitution = &substitution};
    return expression_rewrite(ir, producer->value, &rewrite);
}

/* What a statement reads. */
struct listed_reads {
    int count;
    struct buffer **buffers;
};

static struct listed_reads reads_of(const struct fusion *fusion,
                                    const struct statement *statement) {
    struct listed_reads reads;
    reads.count = statement_reads(fusion->ir, statement, &reads.buffers);
    return reads;
}

static void count_reads(struct fusion *fusion, const struct listed_reads *reads, int step) {
    for (int i = 0; i < reads->count; i++)
        fusion->consumers[reads->buffers[i]->id] += step;
}

static void drop(struct fusion *fusion, const struct statement *statement) {
    struct listed_reads reads = reads_of(fusion, statement);
    count_reads(fusion, &reads, -1);
    fusion->producer[statement->output->id] = NULL;
    fusion->ir->statements[statement->id] = NULL;
}

/* Inlining rebuilds the producer in terms of the consumer's axes. Where a chain of elementwise
 * statements grows, that would rebuild the whole chain for each link: the consumer, which is
 * smaller, takes over the axes of the producer instead, which nothing else reads. */
static bool take_axes(const struct fusion *fusion, struct statement *consumer,
                      const struct statement *producer) {
    const struct facts *facts = fusion->facts;
    const struct index *values[MAX_RANK];
    if (facts[consumer->id].operations >= facts[producer->id].operations ||
        facts[consumer->id].has_reduction || facts[producer->id].has_reduction ||
        fusion->consumers[producer->output->id] != 1 ||
        !reads_same_place(fusion, consumer, producer))
        return false;
    for (int i = 0; i < consumer->axis_count; i++)
        values[i] = index_axis(fusion->ir, producer->axes[i]);
    struct substitution substitution = {
        .count = consumer->axis_count, .axes = consumer->axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    consumer->value = expression_rewrite(fusion->ir, consumer->value, &rewrite);
    memcpy(consumer->axes, producer->axes, sizeof consumer->axes);
    return true;
}

static void inline_into(struct fusion *fusion, struct statement *consumer,
                        const struct statement *producer, struct listed_reads *reads) {
    struct inlining inlining = {.producer = producer,
                                .same_axes = take_axes(fusion, consumer, producer)};
    struct rewrite rewrite = {.replace = inline_load, .context = &inlining};
    count_reads(fusion, reads, -1);
    consumer->value = expression_rewrite(fusion->ir, consumer->value, &rewrite);
    *reads = reads_of(fusion, consumer);
    count_reads(fusion, reads, 1);
    statement_take_nodes(fusion->ir, consumer, producer);
    fusion->facts[consumer->id] = facts_of(fusion->ir, consumer);
    if (fusion->consumers[producer->output->id] == 0)
        drop(fusion, producer);
}

/* Inlines one producer after another, the latest first: it stands nearest to the consumer. */
static void fuse_statement(struct fusion *fusion, struct statement *consumer) {
    struct listed_reads reads = reads_of(fusion, consumer);
    bool progress = true;
    while (progress) {
        struct uses uses = {0};
        struct statement *best = NULL;
        for (int i = 0; i < reads.count; i++) {
            struct statement *producer = fusion->producer[reads.buffers[i]->id];
            if (producer && (!best || producer->id > best->id) &&
                can_inline(fusion, producer, consumer, &uses))
                best = producer;
        }
        progress = best != NULL;
        if (best)
            inline_into(fusion, consumer, best, &reads);
    }
}

/* Dead nodes of the graph leave statements that nothing reads. */
static void drop_unread(struct fusion *fusion) {
    struct ir *ir = fusion->ir;
    for (int i = ir->statement_count - 1; i >= 0; i--) {
        const struct statement *statement = ir->statements[i];
        if (statement && statement->output->kind != BUFFER_OUTPUT &&
            fusion->consumers[statement->output->id] == 0)
            drop(fusion, statement);
    }
    int kept = 0;
    for (int i = 0; i < ir->statement_count; i++) {
        if (!ir->statements[i])
            continue;
        ir->statements[i]->id = kept;
        ir->statements[kept++] = ir->statements[i];
    }
    ir->statement_count = kept;
}

void fuse(struct ir *ir) {
    struct fusion fusion = {
        .ir = ir,
        .producer = arena_array(ir->arena, struct statement *, (size_t)ir->buffer_count),
        .consumers = arena_array(ir->arena, int, (size_t)ir->buffer_count),
        .facts = arena_array(ir->arena, struct facts, (size_t)ir->statement_count)};
    for (int i = 0; i < ir->statement_count; i++) {
        fusion.producer[ir->statements[i]->output->id] = ir->statements[i];
        fusion.facts[i] = facts_of(ir, ir->statements[i]);
        struct listed_reads reads = reads_of(&fusion, ir->statements[i]);
        count_reads(&fusion, &reads, 1);
    }
    for (int i = 0; i < ir->statement_count; i++)
        if (ir->statements[i])
            fuse_statement(&fusion, ir->statements[i]);
    drop_unread(&fusion);
    for (int i = 0; i < ir->statement_count; i++)
        pool_sums(ir, ir->statements[i]);
}
