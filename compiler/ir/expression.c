/* Expressions of the statement IR: immutable and interned, so that equal ones are the same pointer
 * and common subexpressions are shared without a pass of their own. */
#include "compiler/ir/ir.h"

#include <string.h>

struct interned {
    struct interned *next;
    uint64_t hash;
    struct expression expression;
    const struct expression *sources[]; /* the expression's */
};

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    return hash * 0xff51afd7ed558ccdu;
}

static uint64_t hash_index(const struct index *index) {
    uint64_t hash = (uint64_t)index->constant;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        hash = mix(hash, (uint64_t)index->terms[i].coefficient);
        hash = mix(hash, (uint64_t)atom->kind);
        if (atom->kind == ATOM_AXIS)
            hash = mix(hash, (uint64_t)atom->axis->id);
        else if (atom->kind == ATOM_VALUE)
            hash = mix(hash, (uint64_t)atom->value->id);
        else
            hash = mix(mix(hash, (uint64_t)atom->divisor), hash_index(atom->operand));
    }
    return hash;
}

static uint64_t hash_expression(const struct expression *e) {
    uint64_t hash = mix((uint64_t)e->kind * 64 + (uint64_t)e->dtype, (uint64_t)e->op);
    hash = mix(hash, e->bits);
    if (e->index)
        hash = mix(hash, hash_index(e->index));
    if (e->buffer)
        hash = mix(hash, (uint64_t)e->buffer->id);
    for (int i = 0; i < e->index_count; i++)
        hash = mix(hash, hash_index(e->indices[i]));
    for (int i = 0; i < e->source_count; i++)
        hash = mix(hash, (uint64_t)e->sources[i]->id);
    for (int i = 0; i < e->predicate_count; i++)
        hash = mix(hash, hash_index(e->predicates[i].index) ^ (uint64_t)e->predicates[i].upper);
    for (int i = 0; i < e->axis_count; i++)
        hash = mix(hash, (uint64_t)e->axes[i]->id);
    for (int i = 0; i < e->size_count; i++)
        hash = mix(hash, (uint64_t)e->sizes[i]);
    return hash;
}

static bool equal_indices(const struct expression *a, const struct expression *b) {
    if ((a->index == NULL) != (b->index == NULL) || a->index_count != b->index_count)
        return false;
    if (a->index && index_compare(a->index, b->index) != 0)
        return false;
    for (int i = 0; i < a->index_count; i++)
        if (index_compare(a->indices[i], b->indices[i]) != 0)
            return false;
    return true;
}

static bool equal_predicates(const struct expression *a, const struct expression *b) {
    if (a->predicate_count != b->predicate_count)
        return false;
    for (int i = 0; i < a->predicate_count; i++)
        if (a->predicates[i].lower != b->predicates[i].lower ||
            a->predicates[i].upper != b->predicates[i].upper ||
            index_compare(a->predicates[i].index, b->predicates[i].index) != 0)
            return false;
    return true;
}

static bool equal(const struct expression *a, const struct expression *b) {
    if (a->kind != b->kind || a->op != b->op || a->dtype != b->dtype || a->bits != b->bits ||
        a->buffer != b->buffer || a->source_count != b->source_count ||
        a->axis_count != b->axis_count || a->size_count != b->size_count)
        return false;
    for (int i = 0; i < a->size_count; i++)
        if (a->sizes[i] != b->sizes[i])
            return false;
    for (int i = 0; i < a->source_count; i++)
        if (a->sources[i] != b->sources[i])
            return false;
    for (int i = 0; i < a->axis_count; i++)
        if (a->axes[i] != b->axes[i])
            return false;
    return equal_indices(a, b) && equal_predicates(a, b);
}

static void grow_table(struct ir *ir) {
    int larger = ir->bucket_count ? ir->bucket_count * 4 : 256;
    struct interned **buckets = arena_array(ir->arena, struct interned *, (size_t)larger);
    for (int i = 0; i < ir->bucket_count; i++) {
        for (struct interned *entry = ir->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            struct interned **bucket = &buckets[entry->hash % (uint64_t)larger];
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    ir->buckets = buckets;
    ir->bucket_count = larger;
}

static const struct expression *intern(struct ir *ir, const struct expression *expression) {
    if (ir->expression_count >= ir->bucket_count)
        grow_table(ir);
    uint64_t hash = hash_expression(expression);
    struct interned **bucket = &ir->buckets[hash % (uint64_t)ir->bucket_count];
    for (struct interned *entry = *bucket; entry; entry = entry->next)
        if (entry->hash == hash && equal(&entry->expression, expression))
            return &entry->expression;
    budget_count_node(ir->budget, ir->arena);
    size_t sources = (size_t)expression->source_count * sizeof *expression->sources;
    struct interned *entry = arena_allocate(ir->arena, 1, sizeof *entry + sources);
    *entry = (struct interned){.next = *bucket, .hash = hash, .expression = *expression};
    if (sources)
        memcpy(entry->sources, expression->sources, sources);
    entry->expression.sources = entry->sources;
    entry->expression.id = ir->expression_count++;
    *bucket = entry;
    return &entry->expression;
}

static void *copy(struct ir *ir, const void *items, int count, size_t size) {
    void *memory = arena_allocate(ir->arena, (size_t)count, size);
    return count ? memcpy(memory, items, (size_t)count * size) : memory;
}

const struct expression *expression_constant(struct ir *ir, enum dtype dtype, uint64_t bits) {
    return intern(ir,
                  &(struct expression){.kind = EXPRESSION_CONSTANT, .dtype = dtype, .bits = bits});
}

const struct expression *expression_zero(struct ir *ir, enum dtype dtype) {
    return expression_constant(ir, dtype, 0); /* all bits 0 is 0 in every dtype */
}

const struct expression *expression_index(struct ir *ir, enum dtype dtype,
                                          const struct index *index) {
    return intern(ir,
                  &(struct expression){.kind = EXPRESSION_INDEX, .dtype = dtype, .index = index});
}

const struct expression *expression_load(struct ir *ir, struct buffer *buffer,
                                         const struct index *const *indices) {
    return intern(
        ir, &(struct expression){.kind = EXPRESSION_LOAD,
                                 .dtype = buffer->dtype,
                                 .buffer = buffer,
                                 .index_count = buffer->rank,
                                 .indices = copy(ir, indices, buffer->rank, sizeof *indices)});
}

const struct expression *expression_load_linear(struct ir *ir, struct buffer *buffer,
                                                const struct index *address) {
    return intern(ir, &(struct expression){.kind = EXPRESSION_LOAD,
                                           .dtype = buffer->dtype,
                                           .buffer = buffer,
                                           .index = address});
}

const struct expression *expression_op(struct ir *ir, enum op op, enum dtype dtype, int count,
                                       const struct expression *const *sources) {
    struct float_choice choice;
    if (find_choice(op, dtype, sources, &choice)) {
        op = choice.op;
        count = 2;
        sources = choice.sources;
    }
    return intern(ir, &(struct expression){.kind = EXPRESSION_OP,
                                           .op = op,
                                           .dtype = dtype,
                                           .source_count = count,
                                           .sources = sources});
}

static int compare_predicates(const struct predicate *a, const struct predicate *b) {
    int order = index_compare(a->index, b->index);
    if (!order)
        order = (a->lower > b->lower) - (a->lower < b->lower);
    return order ? order : (a->upper > b->upper) - (a->upper < b->upper);
}

/* Inserts a predicate in order, unless it is already there. */
static int insert_predicate(struct predicate *list, int count, struct predicate predicate) {
    int place = 0;
    while (place < count && compare_predicates(&list[place], &predicate) < 0)
        place++;
    if (place < count && compare_predicates(&list[place], &predicate) == 0)
        return count;
    memmove(&list[place + 1], &list[place], (size_t)(count - place) * sizeof *list);
    list[place] = predicate;
    return count + 1;
}

static bool computes_at_run_time(const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE || (atom->operand && computes_at_run_time(atom->operand)))
            return true;
    }
    return false;
}

/* Whether the predicates of a guard may be tested where only those around it hold so far: not when
 * they load from places which those make sure of. */
static bool tests_nothing_loaded(const struct expression *guard) {
    for (int i = 0; i < guard->predicate_count; i++)
        if (computes_at_run_time(guard->predicates[i].index))
            return false;
    return true;
}

const struct expression *expression_guard(struct ir *ir, int count,
                                          const struct predicate *predicates,
                                          const struct expression *inside,
                                          const struct expression *otherwise) {
    if (inside == otherwise)
        return inside;
    bool merge = inside->kind == EXPRESSION_GUARD && inside->sources[1] == otherwise &&
                 tests_nothing_loaded(inside);
    int inner = merge ? inside->predicate_count : 0;
    struct predicate *list = arena_array(ir->arena, struct predicate, (size_t)(count + inner));
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const struct index *index = predicates[i].index;
        if (index->maximum < predicates[i].lower || index->minimum >= predicates[i].upper)
            return otherwise;
        if (index->minimum < predicates[i].lower || index->maximum >= predicates[i].upper)
            kept = insert_predicate(list, kept, predicates[i]);
    }
    for (int i = 0; i < inner; i++)
        kept = insert_predicate(list, kept, inside->predicates[i]);
    if (merge)
        inside = inside->sources[0];
    if (kept == 0)
        return inside;
    const struct expression *sources[] = {inside, otherwise};
    return intern(ir, &(struct expression){.kind = EXPRESSION_GUARD,
                                           .dtype = inside->dtype,
                                           .source_count = 2,
                                           .sources = sources,
                                           .predicate_count = kept,
                                           .predicates = list});
}

const struct expression *expression_reduce(struct ir *ir, enum op op, enum dtype dtype,
                                           int axis_count, const struct axis *const *axes,
                                           int count, const struct expression *const *sources) {
    return intern(ir, &(struct expression){.kind = EXPRESSION_REDUCE,
                                           .op = op,
                                           .dtype = dtype,
                                           .source_count = count,
                                           .sources = sources,
                                           .axis_count = axis_count,
                                           .axes = copy(ir, axes, axis_count, sizeof *axes)});
}

const struct expression *expression_scan(struct ir *ir, enum dtype dtype, int body, int count,
                                         const struct expression *const *sources) {
    return intern(ir, &(struct expression){.kind = EXPRESSION_SCAN,
                                           .op = OP_SCAN,
                                           .dtype = dtype,
                                           .bits = (uint64_t)body,
                                           .source_count = count,
                                           .sources = sources});
}

int whole_size_count(enum op op) {
    enum op_class class = op_facts[op].class;
    return class == CLASS_SORT ? SORT_SIZES : class == CLASS_SCATTER ? SCATTER_SIZES : 0;
}

const struct expression *expression_whole(struct ir *ir, enum op op, enum dtype dtype,
                                          const int64_t *sizes, int count,
                                          const struct expression *const *sources) {
    int size_count = whole_size_count(op);
    return intern(ir, &(struct expression){.kind = EXPRESSION_WHOLE,
                                           .op = op,
                                           .dtype = dtype,
                                           .source_count = count,
                                           .sources = sources,
                                           .size_count = size_count,
                                           .sizes = copy(ir, sizes, size_count, sizeof *sizes)});
}

double constant_value(const struct expression *e) {
    double wide;
    float narrow;
    uint32_t bits = (uint32_t)e->bits;
    memcpy(&wide, &e->bits, sizeof wide);
    memcpy(&narrow, &bits, sizeof narrow);
    return e->dtype == DTYPE_FLOAT32 ? (double)narrow : wide;
}

bool stands_alone(const struct expression *expression) {
    return expression->kind == EXPRESSION_SCAN || expression->kind == EXPRESSION_WHOLE;
}

/* ---- Rewriting ---- */

/* What was already reached, by id: an open hash table that grows with what is reached, not with the
 * whole program. One that is given back is used again, and emptied by a new generation: most walks
 * so take no memory. */
struct memo_entry {
    int64_t generation; /* of an entry in use, the memo's */
    const struct expression *from, *to;
};

struct memo {
    struct memo *next; /* of those not in use */
    int64_t generation;
    int count, capacity; /* a power of two */
    struct memo_entry *entries;
};

enum { FIRST_MEMO = 64 };

static struct memo *memo_take(struct ir *ir) {
    struct memo *memo = ir->memos;
    if (memo) {
        ir->memos = memo->next;
    } else {
        memo = arena_new(ir->arena, struct memo);
        memo->capacity = FIRST_MEMO;
        memo->entries = arena_array(ir->arena, struct memo_entry, FIRST_MEMO);
    }
    memo->generation++;
    memo->count = 0;
    return memo;
}

static void memo_give_back(struct ir *ir, struct memo *memo) {
    memo->next = ir->memos;
    ir->memos = memo;
}

/* Where an expression is or belongs. */
static struct memo_entry *memo_place(const struct memo *memo, const struct expression *expression) {
    unsigned at = (unsigned)expression->id, mask = (unsigned)memo->capacity - 1;
    struct memo_entry *entry = &memo->entries[at & mask];
    while (entry->generation == memo->generation && entry->from != expression)
        entry = &memo->entries[++at & mask];
    return entry;
}

static void memo_put(struct ir *ir, struct memo *memo, const struct expression *from,
                     const struct expression *to) {
    if (2 * memo->count >= memo->capacity) {
        const struct memo smaller = *memo;
        memo->capacity *= 4;
        memo->entries = arena_array(ir->arena, struct memo_entry, (size_t)memo->capacity);
        for (int i = 0; i < smaller.capacity; i++)
            if (smaller.entries[i].generation == memo->generation)
                *memo_place(memo, smaller.entries[i].from) = smaller.entries[i];
    }
    struct memo_entry *entry = memo_place(memo, from);
    memo->count += entry->generation != memo->generation;
    *entry = (struct memo_entry){memo->generation, from, to};
}

static const struct expression *memo_find(const struct memo *memo,
                                          const struct expression *expression) {
    const struct memo_entry *entry = memo_place(memo, expression);
    return entry->generation == memo->generation ? entry->to : NULL;
}

static const struct expression *rewrite_load(struct ir *ir, const struct expression *load,
                                             const struct rewrite *rewrite) {
    const struct index *indices[MAX_RANK];
    if (load->index)
        return expression_load_linear(ir, load->buffer, index_rewrite(ir, load->index, rewrite));
    for (int i = 0; i < load->index_count; i++)
        indices[i] = index_rewrite(ir, load->indices[i], rewrite);
    return expression_load(ir, load->buffer, indices);
}

static const struct expression *rewrite_memoised(struct ir *ir, const struct expression *e,
                                                 const struct rewrite *rewrite);

static const struct expression *rewrite_guard(struct ir *ir, const struct expression *guard,
                                              const struct expression *const *sources,
                                              const struct rewrite *rewrite) {
    struct predicate *predicates =
        arena_array(ir->arena, struct predicate, (size_t)guard->predicate_count);
    for (int i = 0; i < guard->predicate_count; i++) {
        predicates[i] = guard->predicates[i];
        predicates[i].index = index_rewrite(ir, guard->predicates[i].index, rewrite);
    }
    return expression_guard(ir, guard->predicate_count, predicates, sources[0], sources[1]);
}

/* Appends what a bound axis becomes. */
static int rewrite_axis(const struct axis *axis, const struct rewrite *rewrite,
                        const struct axis **axes, int count) {
    const struct substitution *substitution = rewrite->substitution;
    const struct index *value = NULL;
    for (int i = 0; substitution && i < substitution->count; i++)
        if (substitution->axes[i] == axis)
            value = substitution->values[i];
    if (!value) {
        axes[count++] = axis;
        return count;
    }
    int64_t below = INT64_MAX; /* coefficients differ: each is the extent of what lies inside */
    for (int taken = 0; taken < value->count; taken++) {
        const struct index_term *largest = NULL;
        for (int i = 0; i < value->count; i++)
            if (value->terms[i].coefficient < below &&
                (!largest || value->terms[i].coefficient > largest->coefficient))
                largest = &value->terms[i];
        axes[count++] = largest->atom->axis;
        below = largest->coefficient;
    }
    return count;
}

static const struct expression *rebuild_reduce(struct ir *ir, const struct expression *e,
                                               const struct expression *const *sources,
                                               const struct rewrite *rewrite) {
    const struct axis *axes[MAX_LOOPS];
    int count = 0;
    for (int i = 0; i < e->axis_count; i++)
        count = rewrite_axis(e->axes[i], rewrite, axes, count);
    return expression_reduce(ir, e->op, e->dtype, count, axes, e->source_count, sources);
}

/* Apart from rebuild(), which goes deep and has room for few sources. */
static __attribute__((noinline)) const struct expression *
rebuild_scan(struct ir *ir, const struct expression *e, const struct rewrite *rewrite) {
    const struct expression *sources[MAX_SOURCES];
    for (int i = 0; i < e->source_count; i++)
        sources[i] = rewrite_memoised(ir, e->sources[i], rewrite);
    return expression_scan(ir, e->dtype, (int)e->bits, e->source_count, sources);
}

static const struct expression *rebuild(struct ir *ir, const struct expression *e,
                                        const struct rewrite *rewrite) {
    const struct expression *sources[3];
    if (e->kind == EXPRESSION_SCAN)
        return rebuild_scan(ir, e, rewrite);
    for (int i = 0; i < e->source_count; i++)
        sources[i] = rewrite_memoised(ir, e->sources[i], rewrite);
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        return e;
    case EXPRESSION_INDEX:
        return expression_index(ir, e->dtype, index_rewrite(ir, e->index, rewrite));
    case EXPRESSION_LOAD:
        return rewrite_load(ir, e, rewrite);
    case EXPRESSION_OP:
        return expression_op(ir, e->op, e->dtype, e->source_count, sources);
    case EXPRESSION_GUARD:
        return rewrite_guard(ir, e, sources, rewrite);
    case EXPRESSION_REDUCE:
        return rebuild_reduce(ir, e, sources, rewrite);
    case EXPRESSION_WHOLE:
        return expression_whole(ir, e->op, e->dtype, e->sizes, e->source_count, sources);
    case EXPRESSION_SCAN:
        break;
    }
    unreachable();
}

static const struct expression *rewrite_memoised(struct ir *ir, const struct expression *e,
                                                 const struct rewrite *rewrite) {
    const struct expression *known = memo_find(rewrite->memo, e);
    if (known)
        return known;
    known = rebuild(ir, e, rewrite);
    if (rewrite->replace)
        known = rewrite->replace(ir, rewrite->context, known);
    memo_put(ir, rewrite->memo, e, known);
    return known;
}

const struct expression *expression_rewrite(struct ir *ir, const struct expression *expression,
                                            const struct rewrite *rewrite) {
    if (rewrite->memo)
        return rewrite_memoised(ir, expression, rewrite);
    struct rewrite running = *rewrite;
    running.memo = memo_take(ir);
    const struct expression *rewritten = rewrite_memoised(ir, expression, &running);
    memo_give_back(ir, running.memo);
    return rewritten;
}

/* ---- Walking ---- */

struct expression_walker {
    struct memo *seen;
    void (*visit)(void *context, const struct expression *expression);
    void *context;
};

static void walk_index(struct ir *ir, const struct index *index, struct expression_walker *walk);

static void walk_expression(struct ir *ir, const struct expression *e,
                            struct expression_walker *walk) {
    if (memo_find(walk->seen, e))
        return;
    memo_put(ir, walk->seen, e, e);
    for (int i = 0; i < e->source_count; i++)
        walk_expression(ir, e->sources[i], walk);
    if (e->index)
        walk_index(ir, e->index, walk);
    for (int i = 0; i < e->index_count; i++)
        walk_index(ir, e->indices[i], walk);
    for (int i = 0; i < e->predicate_count; i++)
        walk_index(ir, e->predicates[i].index, walk);
    walk->visit(walk->context, e);
}

static void walk_index(struct ir *ir, const struct index *index, struct expression_walker *walk) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE)
            walk_expression(ir, atom->value, walk);
        else if (atom->kind != ATOM_AXIS)
            walk_index(ir, atom->operand, walk);
    }
}

void expression_walk_all(struct ir *ir, int count, const struct expression *const *expressions,
                         void (*visit)(void *context, const struct expression *expression),
                         void *context) {
    struct expression_walker walk = {.seen = memo_take(ir), .visit = visit, .context = context};
    for (int i = 0; i < count; i++)
        walk_expression(ir, expressions[i], &walk);
    memo_give_back(ir, walk.seen);
}

void expression_walk(struct ir *ir, const struct expression *expression,
                     void (*visit)(void *context, const struct expression *expression),
                     void *context) {
    expression_walk_all(ir, 1, &expression, visit, context);
}

static void note_reduction(void *context, const struct expression *e) {
    bool *found = context;
    *found |= e->kind == EXPRESSION_REDUCE || stands_alone(e);
}

bool expression_reduces(struct ir *ir, const struct expression *expression) {
    bool reduces = false;
    expression_walk(ir, expression, note_reduction, &reduces);
    return reduces;
}

struct load_search {
    const struct buffer *buffer;
    const struct expression *load;
};

static void note_load(void *context, const struct expression *e) {
    struct load_search *search = context;
    if (!search->load && e->kind == EXPRESSION_LOAD && e->buffer == search->buffer)
        search->load = e;
}

const struct expression *expression_find_load(struct ir *ir, const struct expression *expression,
                                              const struct buffer *buffer) {
    struct load_search search = {.buffer = buffer};
    expression_walk(ir, expression, note_load, &search);
    return search.load;
}

bool is_contraction(const struct expression *e) {
    return e->kind == EXPRESSION_REDUCE && e->op == OP_CONTRACT;
}

bool is_widening(const struct expression *e) {
    return e->kind == EXPRESSION_OP && e->op == OP_CAST &&
           dtype_widens(e->sources[0]->dtype, e->dtype);
}

/* ---- Extents ---- */

struct measuring {
    struct ir *ir;
    struct memo *written; /* in the scopes around */
    const struct buffer *buffer;
    int most, depth, count, capacity;
    const struct expression **order; /* in which they were written under guards */
    struct extent extent;
};

static void measure(struct measuring *measuring, const struct expression *e);

static void measure_index(struct measuring *measuring, const struct index *index) {
    measuring->extent.size += index->count;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE)
            measure(measuring, atom->value);
        else if (atom->kind != ATOM_AXIS)
            measure_index(measuring, atom->operand);
    }
}

/* What was written within is unknown again afterwards. */
static void measure_side(struct measuring *measuring, const struct expression *e) {
    int outside = measuring->count;
    if (++measuring->depth > measuring->extent.depth)
        measuring->extent.depth = measuring->depth;
    measure(measuring, e);
    measuring->depth--;
    while (measuring->count > outside)
        memo_put(measuring->ir, measuring->written, measuring->order[--measuring->count], NULL);
}

static void note_written(struct measuring *measuring, const struct expression *e) {
    memo_put(measuring->ir, measuring->written, e, e);
    if (measuring->depth == 0)
        return;
    measuring->order = arena_extend(measuring->ir->arena, measuring->order, measuring->count,
                                    &measuring->capacity, sizeof *measuring->order);
    measuring->order[measuring->count++] = e;
}

static void measure_load(struct measuring *measuring, const struct expression *load) {
    struct extent *extent = &measuring->extent;
    if (measuring->buffer && load->buffer != measuring->buffer)
        return;
    extent->loads++;
    for (int i = 0; i < load->index_count; i++)
        if (load->indices[i]->size > extent->largest_index)
            extent->largest_index = load->indices[i]->size;
}

static void measure(struct measuring *measuring, const struct expression *e) {
    if (measuring->extent.size >= measuring->most || memo_find(measuring->written, e))
        return;
    note_written(measuring, e);
    measuring->extent.size++;
    if (e->kind == EXPRESSION_LOAD)
        measure_load(measuring, e);
    if (e->index)
        measure_index(measuring, e->index);
    for (int i = 0; i < e->index_count; i++)
        measure_index(measuring, e->indices[i]);
    for (int i = 0; i < e->predicate_count; i++)
        measure_index(measuring, e->predicates[i].index);
    bool choice = e->kind == EXPRESSION_OP && e->op == OP_WHERE; /* the condition is written last */
    for (int i = choice; i < e->source_count; i++)
        (e->kind == EXPRESSION_GUARD ? measure_side : measure)(measuring, e->sources[i]);
    if (choice)
        measure(measuring, e->sources[0]);
}

struct extent expression_extent(struct ir *ir, const struct expression *expression,
                                const struct buffer *buffer, int most) {
    struct measuring measuring = {
        .ir = ir, .written = memo_take(ir), .buffer = buffer, .most = most};
    measure(&measuring, expression);
    memo_give_back(ir, measuring.written);
    return measuring.extent;
}
