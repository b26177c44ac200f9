/* Chains: whole elementwise expressions of float32, int32 and integers of eight bits as one call of
 * the runtime.
 *
 * What is computed goes through one accumulator, step by step; what is needed again, or while
 * another operand is computed, is kept in a slot. What steps cannot do (other types, reductions,
 * uneven strides) is computed before, into a block, and is an operand like any other. */
#include "templates/chain.h"
#include "compiler/emit/calls/chain_operation.h"

#include <inttypes.h>
#include <string.h>

enum {
    WORTHWHILE = 2, /* operations: fewer are row operations as well */
    MAX_LINKS = 512,
    MAX_STEPS = 640,
};

/* ---- Which steps there are ---- */

/* By operation, of float32. */
static const char *const reduction_names[OP_COUNT] = {
#define CHAIN_REDUCE(step, op, function, lanes) [OP_##op] = "STEP_" #step,
#include "templates/chain.def"
};

/* How values come into a chain and leave it; NULL: that dtype does neither. */
static const struct crossing {
    const char *take, *put;
} crossings[DTYPE_COUNT] = {
    [DTYPE_FLOAT32] = {"STEP_TAKE", "STEP_PUT"},
    [DTYPE_INT32] = {"STEP_TAKE", "STEP_PUT"},
#define CHAIN_TAKE_BYTES(step, dtype, short) [DTYPE_##dtype] = {"STEP_" #step, "STEP_PUT_BYTES"},
#include "templates/chain.def"
};

/* The text that is emitted lists all steps in words: the same ones. */
enum {
#define CHAIN_STEP(step) NUMBER_##step,
#include "templates/chain.def"
    NUMBER_COUNT
};
#define CHAIN_STEP(step)                                                                           \
    _Static_assert((int)STEP_##step == (int)NUMBER_##step, "STEP_" #step " has its number");
#include "templates/chain.def"
_Static_assert((int)STEP_COUNT == (int)NUMBER_COUNT, "chain.def has every step");

/* Steps that one can take. */
enum { MOST_JOINED = 16 };
static const struct joined_steps {
    const char *name;
    struct {
        const char *name, *form;
    } steps[MOST_JOINED]; /* the last has no name */
} joined_steps[] = {
#define CHAIN_JOIN(step, form) {"STEP_" #step, "FORM_" #form},
#define CHAIN_JOINED(name, step, form, others) {"STEP_" #name, {CHAIN_JOIN(step, form) others}},
#include "templates/chain.def"
};
enum { JOINED_COUNT = sizeof joined_steps / sizeof *joined_steps };

/* ---- Which steps, in which order ---- */

struct row_link {
    const struct expression *e;
    int uses_left;
    int slot;                 /* 0: none */
    int operand;              /* what no step computes: its number, -1: none yet */
    struct row_operand place; /* and where it lies */
};

struct chain_step {
    const char *name;
    const char *form;                 /* of several operands; else NULL */
    int slot;                         /* the operand, or 0: none */
    struct row_link *link;            /* the operand, or NULL */
    const struct row_operand *result; /* where it puts or reduces, or NULL */
    bool reduces;                     /* one element a row */
    bool keeps;                       /* what it is given, in the slot */
    int operand_count;                /* of a step of several operations, one behind another */
    struct row_link *operands[MOST_OPERANDS];
};

struct row_chain {
    struct row_emitter *rows;
    int count, capacity, operations;
    struct row_link *links; /* sources first; all are there before the first step */
    int step_count, step_capacity;
    struct chain_step *steps;
    bool taken[CHAIN_SLOTS + 1];
    struct row_link *tiled; /* what tiles give; NULL: nothing */
    bool too_large;
};

static struct row_link *find_link(struct row_chain *chain, const struct expression *e) {
    for (int i = 0; i < chain->count; i++)
        if (chain->links[i].e == e)
            return &chain->links[i];
    return NULL;
}

static void add_links(struct row_chain *chain, const struct expression *e) {
    struct operation operation;
    struct row_link *known = chain->too_large ? NULL : find_link(chain, e);
    if (known)
        known->uses_left++;
    if (known || chain->too_large)
        return;
    if (chain_operation(chain->rows->block, e, &operation)) {
        chain->operations += operation.work;
        for (int i = 0; i < operation.count; i++)
            add_links(chain, operation.sources[i]);
        for (int i = 0; i < operation.operand_count; i++)
            add_links(chain, operation.operands[i]);
    }
    chain->too_large |= chain->count == MAX_LINKS;
    if (chain->too_large)
        return;
    chain->links = arena_extend(chain->rows->emitter->ir->arena, chain->links, chain->count,
                                &chain->capacity, sizeof *chain->links);
    chain->links[chain->count++] = (struct row_link){.e = e, .uses_left = 1, .operand = -1};
}

static void add_step(struct row_chain *chain, const char *name, int slot, struct row_link *link) {
    chain->too_large |= chain->step_count == MAX_STEPS;
    if (chain->too_large)
        return;
    chain->steps = arena_extend(chain->rows->emitter->ir->arena, chain->steps, chain->step_count,
                                &chain->step_capacity, sizeof *chain->steps);
    chain->steps[chain->step_count++] =
        (struct chain_step){.name = name, .slot = slot, .link = link};
}

/* Whether no step computes a value. */
static bool is_read(const struct row_chain *chain, const struct row_link *link) {
    struct operation operation;
    return !chain_operation(chain->rows->block, link->e, &operation);
}

/* Whether a value can be an operand as it is: what is in a slot, or 32 bits in memory. */
static bool is_ready(const struct row_chain *chain, const struct row_link *link) {
    return link->slot > 0 ||
           (is_read(chain, link) && dtype_facts[link->e->dtype].bytes == sizeof(int32_t));
}

static void end_use(struct row_chain *chain, struct row_link *link) {
    if (--link->uses_left == 0 && link->slot)
        chain->taken[link->slot] = false;
}

static void use_ready(struct row_chain *chain, const char *name, struct row_link *link) {
    add_step(chain, name, link->slot, link->slot ? NULL : link);
    end_use(chain, link);
}

/* Whether it was computed just now. */
static bool is_accumulated(const struct row_chain *chain, const struct row_link *link) {
    const struct chain_step *last = chain->step_count ? &chain->steps[chain->step_count - 1] : NULL;
    return last && last->keeps && last->slot == link->slot;
}

static void keep(struct row_chain *chain, struct row_link *link) {
    int slot = 1;
    while (slot <= CHAIN_SLOTS && chain->taken[slot])
        slot++;
    chain->too_large |= slot > CHAIN_SLOTS;
    if (chain->too_large)
        return;
    chain->taken[slot] = true;
    link->slot = slot;
    add_step(chain, "STEP_KEEP", slot, NULL);
    if (!chain->too_large)
        chain->steps[chain->step_count - 1].keeps = true;
}

static void accumulate(struct row_chain *chain, struct row_link *link);

static void accumulate_two(struct row_chain *chain, const struct operation *operation) {
    struct row_link *a = find_link(chain, operation->sources[0]);
    struct row_link *b = find_link(chain, operation->sources[1]);
    const struct step_name *names = &operation->step;
    if (is_ready(chain, a) && !is_ready(chain, b)) {
        accumulate(chain, b);
        use_ready(chain, names->reversed ? names->reversed : names->name, a);
        return;
    }
    accumulate(chain, a);
    if (is_ready(chain, b)) { /* perhaps since just now */
        use_ready(chain, names->name, b);
        return;
    }
    a->uses_left++; /* it has to wait */
    if (!a->slot)
        keep(chain, a);
    if (chain->too_large)
        return;
    accumulate(chain, b);
    use_ready(chain, names->reversed ? names->reversed : names->name, a);
}

static void add_step_of_one(struct row_chain *chain, const struct operation *operation) {
    add_step(chain, operation->step.name, 0, NULL);
    if (chain->too_large)
        return;
    struct chain_step *step = &chain->steps[chain->step_count - 1];
    step->form = operation->form;
    step->operand_count = operation->operand_count;
    for (int i = 0; i < operation->operand_count; i++)
        step->operands[i] = find_link(chain, operation->operands[i]);
}

/* Steps after which the accumulator is the value. */
static void accumulate(struct row_chain *chain, struct row_link *link) {
    struct operation operation;
    if (chain->too_large)
        return;
    if (is_accumulated(chain, link)) {
        end_use(chain, link);
        return;
    }
    if (is_ready(chain, link)) {
        use_ready(chain, "STEP_TAKE", link);
        return;
    }
    if (!chain_operation(chain->rows->block, link->e, &operation)) {
        add_step(chain, crossings[link->e->dtype].take, 0, link);
    } else if (operation.count == 2) {
        accumulate_two(chain, &operation);
    } else {
        accumulate(chain, find_link(chain, operation.sources[0]));
        add_step_of_one(chain, &operation);
    }
    if (--link->uses_left > 0)
        keep(chain, link);
}

/* ---- Printing ---- */

/* Where values lie that no step computes. */
static void place_operands(struct row_chain *chain) {
    for (int i = 0; i < chain->count; i++)
        if (is_read(chain, &chain->links[i]))
            chain->links[i].place = rows_operand(chain->rows, chain->links[i].e);
    if (chain->tiled)
        chain->tiled->place.pointer = "0";
}

/* A list that goes on: no line is longer than allowed. */
static const char *and_item(struct emitter *emitter, const char *list, const char *item) {
    const char *line = strrchr(list, '\n');
    size_t length = strlen(line ? line + 1 : list) + strlen(item) + 4 * (size_t)emitter->indent;
    const char *between = !*list ? "" : length > 88 ? ",\n" : ", ";
    return arena_format(emitter->ir->arena, "%s%s%s", list, between, item);
}

/* An array: on one line, or the lines of its list, indented. */
static void print_array(struct emitter *emitter, const char *begin, const char *list) {
    if (!strchr(list, '\n') && strlen(begin) + strlen(list) + 4 * (size_t)emitter->indent < 97) {
        emit_line(emitter, "%s%s};", begin, list);
        return;
    }
    emit_line(emitter, "%s", begin);
    for (size_t length; *list; list += length + (list[length] == '\n')) {
        length = strcspn(list, "\n");
        emit_line(emitter, "    %.*s%s", (int)length, list, list[length] ? "" : "};");
    }
}

/* A step in words: {name, form, place}, of which the last, or the last two, may be left out. */
struct step_text {
    const char *name, *form, *place;
};

/* The arrays of a chain as they are put together. */
struct chain_text {
    struct step_text *steps;
    const char *operands, *results;
    int operand_count, result_count;
};

static const char *form_of(struct row_operand place) {
    static const char *const forms[2][2] = {{"FORM_SAME", "FORM_COLUMNS"},
                                            {"FORM_ROWS", "FORM_BLOCK"}};
    return forms[place.row != 0][place.step != 0];
}

/* Operands behind one another, though one may stand there already: the first. */
static int add_operands(struct emitter *emitter, const struct chain_step *step,
                        struct chain_text *text) {
    int first = text->operand_count;
    for (int i = 0; i < step->operand_count; i++)
        text->operands = and_item(emitter, text->operands, step->operands[i]->place.pointer);
    text->operand_count += step->operand_count;
    return first;
}

static struct step_text step_text(struct emitter *emitter, const struct chain_step *step,
                                  struct chain_text *text) {
    struct arena *arena = emitter->ir->arena;
    struct row_link *link = step->link;
    if (step->result) {
        text->results = and_item(emitter, text->results, step->result->pointer);
        return (struct step_text){
            step->name, step->reduces ? "FORM_ROWS" : "FORM_BLOCK",
            arena_format(arena, "%d, %" PRId64, text->result_count++, step->result->row)};
    }
    if (step->slot)
        return (struct step_text){step->name, "FORM_SLOT", arena_format(arena, "%d", step->slot)};
    if (step->operand_count)
        return (struct step_text){step->name, step->form,
                                  arena_format(arena, "%d", add_operands(emitter, step, text))};
    if (!link)
        return (struct step_text){step->name, NULL, NULL};
    if (link->operand < 0) {
        link->operand = text->operand_count++;
        text->operands = and_item(emitter, text->operands, link->place.pointer);
    }
    return (struct step_text){
        step->name, form_of(link->place),
        link->place.row ? arena_format(arena, "%d, %" PRId64, link->operand, link->place.row)
                        : arena_format(arena, "%d", link->operand)};
}

/* Whether all of some steps are those of one name. */
static bool are_joined(const struct joined_steps *joined, const struct step_text *steps,
                       int count) {
    for (int i = 0; i < count; i++)
        if (!joined->steps[i].name || strcmp(joined->steps[i].name, steps[i].name) != 0 ||
            strcmp(joined->steps[i].form, steps[i].form ? steps[i].form : "FORM_SAME") != 0)
            return false;
    return !joined->steps[count].name;
}

/* The first of those steps has their name. */
static void join_steps(struct step_text *steps, int count) {
    for (int i = 0; i < JOINED_COUNT; i++)
        if (are_joined(&joined_steps[i], steps, count))
            steps->name = joined_steps[i].name;
}

static const char *steps_text(struct emitter *emitter, const struct step_text *steps, int count) {
    struct arena *arena = emitter->ir->arena;
    const char *list = "";
    for (int i = 0; i < count; i++) {
        const struct step_text *step = &steps[i];
        list = and_item(
            emitter, list,
            step->form ? arena_format(arena, "{%s, %s, %s}", step->name, step->form, step->place)
                       : arena_format(arena, "{%s}", step->name));
    }
    return list;
}

/* Whether rows lie behind one another everywhere, so that all of them are one row. */
static bool is_one_row(const struct row_chain *chain) {
    const struct row_block *block = chain->rows->block;
    const char *columns =
        arena_format(chain->rows->emitter->ir->arena, "%" PRId64, block->column_limit);
    bool one = strcmp(block->column_count, columns) == 0;
    for (int i = 0; i < chain->step_count && one; i++) {
        const struct chain_step *step = &chain->steps[i];
        if (step->result)
            one = !step->reduces && step->result->row == block->column_limit;
        else if (step->link)
            one = step->link->place.row == block->column_limit * step->link->place.step;
        for (int k = 0; k < step->operand_count && one; k++)
            one = step->operands[k]->place.step == 0;
    }
    return one;
}

/* Its rows and columns, as arguments. */
static const char *size_text(const struct row_chain *chain) {
    const struct row_block *block = chain->rows->block;
    struct arena *arena = chain->rows->emitter->ir->arena;
    if (strcmp(block->row_count, "1") != 0 && is_one_row(chain))
        return arena_format(arena, "1, %s * %s", block->row_count, block->column_count);
    return arena_format(arena, "%s, %s", block->row_count, block->column_count);
}

int chain_arrays(struct row_chain *chain) {
    struct emitter *emitter = chain->rows->emitter;
    struct arena *arena = emitter->ir->arena;
    struct chain_text text = {arena_array(arena, struct step_text, (size_t)chain->step_count), "",
                              "", 0, 0};
    place_operands(chain);
    int number = emitter->value_count++;
    for (int i = 0; i < chain->step_count; i++)
        text.steps[i] = step_text(emitter, &chain->steps[i], &text);
    if (chain->step_count > 1)
        join_steps(text.steps + 1, chain->step_count - 1);
    print_array(emitter, arena_format(arena, "static const struct row_step steps%d[] = {", number),
                steps_text(emitter, text.steps, chain->step_count));
    print_array(emitter, arena_format(arena, "const void *const operands%d[] = {", number),
                text.operands);
    print_array(emitter, arena_format(arena, "void *const results%d[] = {", number), text.results);
    sections_want(&emitter->sections, "row_step");
    return number;
}

void chain_print(struct row_chain *chain) {
    int number = chain_arrays(chain);
    bool reduces = false;
    for (int i = 0; i < chain->step_count; i++)
        reduces |= chain->steps[i].reduces;
    rows_call(chain->rows, reduces ? "row_reducing_chain" : "row_chain",
              "long rows, long columns, long count, const struct row_step *steps,\n"
              "        const void *const *operands, void *const *results",
              arena_format(chain->rows->emitter->ir->arena,
                           "%s, %d, steps%d, operands%d, results%d", size_text(chain),
                           chain->step_count, number, number, number));
}

/* What is taken of tiles' sums by the first step, which no other step and no other value does: NULL
 * where it is something else. */
static struct row_link *find_tiled(const struct row_chain *chain) {
    const struct chain_step *first = &chain->steps[0];
    struct row_link *sums = first->link;
    bool plain = true;
    if (!sums || strcmp(first->name, "STEP_TAKE") != 0 || chain->step_count < 2 ||
        sums->e->kind != EXPRESSION_LOAD || sums->e->buffer->kind != BUFFER_LOCAL ||
        index_coefficient(sums->e->index, chain->rows->block->column, &plain) != 1)
        return NULL;
    for (int i = 1; i < chain->step_count; i++)
        if (chain->steps[i].link == sums)
            return NULL;
    for (int i = 0; i < chain->count; i++)
        if (&chain->links[i] != sums && chain->links[i].e->kind == EXPRESSION_LOAD &&
            chain->links[i].e->buffer == sums->e->buffer)
            return NULL;
    return sums;
}

bool chain_print_tiled(struct row_chain *chain, const struct tile_line *line) {
    struct emitter *emitter = chain->rows->emitter;
    chain->tiled = find_tiled(chain);
    if (!chain->tiled)
        return false;
    emit_open(emitter, "{");
    if (line->columns)
        emit_line(emitter, "%s", line->columns);
    const int number = chain_arrays(chain);
    const char *list = "";
    for (int i = 0; i < line->kind_count; i++) {
        const struct tiles_of_line *kind = &line->kinds[i];
        list = and_item(emitter, list,
                        arena_format(emitter->ir->arena,
                                     "{%s, &%s, %" PRId64 ", %" PRId64 ", %" PRId64 "}", kind->tile,
                                     kind->walk, kind->count, kind->rows, kind->step));
    }
    print_array(
        emitter,
        arena_format(emitter->ir->arena, "static const struct row_tiles tiles%d[] = {", number),
        list);
    sections_want(&emitter->sections, "row_tiles");
    rows_call(chain->rows, "row_tiled_chain",
              "long columns, long count, const struct row_step *steps,\n"
              "        const void *const *operands, void *const *results, long kinds,\n"
              "        const struct row_tiles *tiles, const float *stream, const float *panel",
              arena_format(emitter->ir->arena,
                           "%s, %d, steps%d, operands%d, results%d, %d, tiles%d, %s, %s",
                           chain->rows->block->column_count, chain->step_count, number, number,
                           number, line->kind_count, number, line->stream, line->panel));
    emit_close(emitter);
    return true;
}

static void add_result_step(struct row_chain *chain, const char *name,
                            const struct row_operand *place, bool reduces) {
    add_step(chain, name, 0, NULL);
    if (chain->too_large)
        return;
    chain->steps[chain->step_count - 1].result = place;
    chain->steps[chain->step_count - 1].reduces = reduces;
}

static void add_result(struct row_chain *chain, const struct chain_result *result) {
    accumulate(chain, find_link(chain, result->value));
    const bool put = !result->only_reduced,
               at_once = put && result->canonical && !result->reduction;
    if (result->canonical && !at_once)
        add_step(chain, "STEP_CANONICAL", 0, NULL);
    if (put)
        add_result_step(chain, at_once ? "STEP_PUT_CANONICAL" : crossings[result->value->dtype].put,
                        &result->place, false);
    if (result->reduction)
        add_result_step(chain, reduction_names[result->reduction->op], &result->reduced, true);
}

/* NULL where this is nothing for a chain. */
static struct row_chain *plan(struct row_emitter *rows, int count,
                              const struct chain_result *results, int worthwhile) {
    struct row_chain *chain = arena_new(rows->emitter->ir->arena, struct row_chain);
    chain->rows = rows;
    for (int i = 0; i < count; i++) {
        add_links(chain, results[i].value);
        chain->operations += results[i].canonical;
    }
    if (chain->too_large || chain->operations < worthwhile)
        return NULL;
    for (int i = 0; i < count && !chain->too_large; i++)
        add_result(chain, &results[i]);
    return chain->too_large ? NULL : chain;
}

/* Whether a step can read a value where it lies. */
static bool is_in_place(const struct row_emitter *rows, const struct expression *e) {
    const struct row_block *block = rows->block;
    bool plain = true;
    if (e->kind == EXPRESSION_CONSTANT || rows_reduced(rows, e))
        return true;
    if (e->kind != EXPRESSION_LOAD || !rows_are_even(e->index, block))
        return false;
    const int64_t step = index_coefficient(e->index, block->column, &plain);
    return step == 0 || step == 1 || block->column_limit == 1;
}

struct row_chain *chain_plan(struct row_emitter *rows, int count,
                             const struct chain_result *results) {
    bool reduces = false;
    for (int i = 0; i < count; i++) {
        reduces |= results[i].reduction != NULL;
        if (!crossings[results[i].value->dtype].put)
            return NULL;
    }
    if (reduces && count >= CHAIN_RESULTS) /* what is reduced comes behind what is put */
        return NULL;
    struct row_chain *chain = plan(rows, count, results, 0);
    for (int i = 0; chain && i < chain->count; i++)
        if (is_read(chain, &chain->links[i]) && !is_in_place(rows, chain->links[i].e))
            return NULL;
    return chain;
}

bool chain_can_reduce(const struct expression *e) {
    return e->kind == EXPRESSION_REDUCE && e->dtype == DTYPE_FLOAT32 && e->axis_count == 1 &&
           reduction_names[e->op];
}

int chain_step_count(const struct row_chain *chain) {
    return chain->step_count;
}

void chain_fetch(struct row_chain *chain) {
    const struct row_block *block = chain->rows->block;
    for (int i = 0, count = chain->count; i < count; i++) {
        struct row_link *link = &chain->links[i];
        bool plain = true;
        if (block->column_limit > 1 && link->e->kind == EXPRESSION_LOAD &&
            dtype_facts[link->e->dtype].bytes == 4 &&
            index_coefficient(link->e->index, block->column, &plain) == 1 &&
            index_coefficient(link->e->index, block->row, &plain) != 0)
            add_step(chain, "STEP_FETCH", 0, link);
    }
}

bool is_chain(struct row_emitter *rows, const struct expression *e) {
    struct chain_result result = {.value = e};
    return crossings[e->dtype].put && plan(rows, 1, &result, WORTHWHILE);
}

static bool can_put(const struct row_emitter *rows, const struct chain_result *result) {
    return crossings[result->value->dtype].put &&
           (result->place.step == 1 || rows->block->column_limit == 1);
}

bool emit_chain(struct row_emitter *rows, int count, const struct chain_result *results) {
    for (int i = 0; i < count; i++)
        if (!can_put(rows, &results[i]))
            return false;
    struct row_chain *chain = plan(rows, count, results, WORTHWHILE);
    if (!chain)
        return false;
    chain_print(chain);
    return true;
}
