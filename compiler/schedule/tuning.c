/* Between the scheduler and callers that ask what it could do, or tell it what to do: candidates in
 * words (tuning.h has the grammar), and the choices of a tuning among them. */
#include "compiler/schedule/tuning.h"

#include "compiler/base/json_read.h"
#include "compiler/ir/describe.h"
#include "compiler/schedule/candidates.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Candidates in words, in the order in which they were thought of. */
struct answers {
    int count, capacity; /* items, where lists are wanted */
    struct candidate *items;
    const char *taken;
};

/* About one contraction: which candidates there are, which one a tuning tells to take. */
struct question {
    const struct contraction *contraction;
    const char *name;
    int first_statement;             /* of its own: the first that packs an operand, or itself */
    const struct tuned_choice *told; /* NULL: the cost model chooses */
    bool tile_found, blocking_found; /* what was told is among the candidates */
    struct answers tiles, blockings;
};

/* A contraction that was scheduled. */
struct inquired {
    const struct statement *statement;
    const char *contraction;
    int first_statement;
    struct answers tiles, blockings;
};

struct inquiry {
    struct candidate_visitor visitor;
    struct ir *ir;
    const struct tuning *tuning; /* NULL: the cost model chooses */
    bool *used;                  /* its choices that some contraction took */
    bool lists;                  /* candidates are wanted */
    const char *refusal;         /* why the tuning does not fit; NULL: it does */
    struct question question;    /* about the contraction that is being scheduled */
    int count, capacity;
    struct inquired *contractions;
};

/* ---- In words ---- */

static void add_extents(struct text *text, const char *what, int count,
                        const struct axis *const *axes) {
    for (int i = 0; i < count; i++)
        text_add(text, "%s%" PRId64, i ? "x" : what, axes[i]->extent);
}

static void add_strides(struct text *text, const struct contraction *contraction,
                        const struct expression *load, int count, const struct axis *const *axes) {
    for (int i = 0; i < count; i++)
        text_add(text, "%s%" PRId64, i ? "," : "", stride_of(contraction->ir, load, axes[i]));
}

static void add_operand(struct text *text, const struct contraction *contraction, int side) {
    static const char *const kinds[] = {"input", "output", "constant", "temporary", "local"};
    const struct expression *sum = contraction->sum, *pool = contraction->pool;
    const struct expression *load = sum->sources[side];
    const struct statement *statement = contraction->statement;
    text_add(text, "%s%s(", side ? " and " : " of ", kinds[load->buffer->kind]);
    add_strides(text, contraction, load, statement->loop_count, statement->loops);
    if (pool) {
        text_add(text, "; ");
        add_strides(text, contraction, load, pool->axis_count, pool->axes);
    }
    text_add(text, "; ");
    add_strides(text, contraction, load, sum->axis_count, sum->axes);
    text_add(text, ")");
}

static const char *contraction_text(const struct contraction *contraction) {
    const struct expression *sum = contraction->sum, *pool = contraction->pool;
    const struct statement *statement = contraction->statement;
    struct text text = text_in(contraction->ir->arena);
    text_add(&text, "loops");
    add_extents(&text, " ", statement->loop_count, statement->loops);
    if (pool)
        add_extents(&text, " pool ", pool->axis_count, pool->axes);
    add_extents(&text, " sum ", sum->axis_count, sum->axes);
    for (int side = 0; side < 2; side++)
        add_operand(&text, contraction, side);
    text_add(&text, " into (");
    for (int i = 0; i < statement->loop_count; i++)
        text_add(&text, "%s%" PRId64, i ? "," : "", output_stride(statement, statement->loops[i]));
    text_add(&text, ")");
    return text_keep(&text);
}

static int loop_number(const struct contraction *contraction, const struct axis *axis) {
    int number = 0;
    while (contraction->statement->loops[number] != axis)
        number++;
    return number;
}

static const char *const place_texts[] = {
    [PANEL_IN_PLACE] = "in place", [PANEL_PACKED] = "packed", [PANEL_COPIED] = "copied"};

static const char *tile_text(const struct contraction *contraction,
                             const struct loop_tiling *tiling) {
    struct text text = text_in(contraction->ir->arena);
    text_add(&text, "%s%dx%d", tiling->lanes ? "lanes " : "", tiling->rows, tiling->columns);
    if (tiling->last_columns)
        text_add(&text, "+%d", tiling->last_columns);
    text_add(&text, " stream %c", tiling->stream == contraction->sum->sources[0] ? 'a' : 'b');
    for (int i = 0; i < tiling->row_count; i++)
        text_add(&text, "%si%d:%" PRId64, i ? "," : " rows ",
                 loop_number(contraction, tiling->row_loops[i].loop), tiling->row_loops[i].block);
    text_add(&text, " columns i%d %s%s", loop_number(contraction, tiling->column),
             place_texts[tiling->place],
             tiling->kind->panel == tiling->panel->dtype ? "" : " as float32");
    return text_keep(&text);
}

static const char *blocking_text(struct ir *ir, const struct blocking *blocking) {
    struct text text = text_in(ir->arena);
    text_add(&text, "sums %" PRId64 " rows %" PRId64, blocking->sum_step, blocking->row_step);
    return text_keep(&text);
}

/* ---- Questions and answers ---- */

/* The tuning's choice for a contraction; NULL: it has none. */
static const struct tuned_choice *find_told(struct inquiry *inquiry, const char *contraction) {
    const struct tuning *tuning = inquiry->tuning;
    for (int i = 0; tuning && i < tuning->count; i++)
        if (strcmp(tuning->choices[i].contraction, contraction) == 0) {
            inquiry->used[i] = true;
            return &tuning->choices[i];
        }
    return NULL;
}

static bool begin_question(void *context, const struct contraction *contraction) {
    struct inquiry *inquiry = context;
    struct question *question = &inquiry->question;
    *question = (struct question){.contraction = contraction,
                                  .name = contraction_text(contraction),
                                  .first_statement = inquiry->ir->statement_count};
    question->told = find_told(inquiry, question->name);
    return question->told || inquiry->lists;
}

/* Notes a candidate; whether it is the one that was told. */
static bool note(const struct inquiry *inquiry, struct answers *answers, const char *told,
                 const char *text, double cost) {
    if (inquiry->lists) {
        answers->items = arena_extend(inquiry->ir->arena, answers->items, answers->count,
                                      &answers->capacity, sizeof *answers->items);
        answers->items[answers->count] = (struct candidate){text, cost};
    }
    answers->count++;
    return told && strcmp(told, text) == 0;
}

static bool note_tiling(void *context, const struct loop_tiling *candidate) {
    struct inquiry *inquiry = context;
    struct question *question = &inquiry->question;
    const char *told = question->told ? question->told->tile : NULL;
    const char *text = tile_text(question->contraction, candidate);
    bool found = note(inquiry, &question->tiles, told, text, candidate->cycles);
    question->tile_found |= found;
    return found;
}

static bool note_blocking(void *context, const struct blocking *candidate) {
    struct inquiry *inquiry = context;
    struct question *question = &inquiry->question;
    const char *told = question->told ? question->told->blocking : NULL;
    const char *text = blocking_text(inquiry->ir, candidate);
    bool found = note(inquiry, &question->blockings, told, text, candidate->bytes);
    question->blocking_found |= found;
    return found;
}

/* What was told is none of the candidates: of several such the first is reported. */
static void refuse(struct inquiry *inquiry, const char *what, const char *told, int count) {
    const struct question *question = &inquiry->question;
    if (!inquiry->refusal)
        inquiry->refusal = arena_format(
            inquiry->ir->arena, "choices[%td]: \"%s\" is none of the %d candidates of %s: \"%s\"",
            question->told - inquiry->tuning->choices, what, count, question->name,
            quoted(told).text);
}

static void end_question(void *context, const struct loop_tiling *tiling,
                         const struct blocking *blocking) {
    struct inquiry *inquiry = context;
    struct question *question = &inquiry->question;
    struct ir *ir = inquiry->ir;
    if (question->told && !question->tile_found)
        refuse(inquiry, "tile", question->told->tile, question->tiles.count);
    if (question->told && question->told->blocking && !question->blocking_found)
        refuse(inquiry, "blocking", question->told->blocking, question->blockings.count);
    if (!inquiry->lists)
        return;
    question->tiles.taken = tile_text(question->contraction, tiling);
    question->blockings.taken = blocking_text(ir, blocking);
    inquiry->contractions = arena_extend(ir->arena, inquiry->contractions, inquiry->count,
                                         &inquiry->capacity, sizeof *inquiry->contractions);
    inquiry->contractions[inquiry->count++] =
        (struct inquired){.statement = question->contraction->statement,
                          .contraction = question->name,
                          .first_statement = question->first_statement,
                          .tiles = question->tiles,
                          .blockings = question->blockings};
}

void inquire(struct ir *ir, const struct tuning *tuning, bool lists) {
    if (!tuning && !lists)
        return;
    struct inquiry *inquiry = arena_new(ir->arena, struct inquiry);
    *inquiry = (struct inquiry){
        .visitor = {inquiry, begin_question, note_tiling, note_blocking, end_question},
        .ir = ir,
        .tuning = tuning,
        .lists = lists};
    if (tuning)
        inquiry->used = arena_array(ir->arena, bool, (size_t)tuning->count + 1);
    ir->visitor = &inquiry->visitor;
}

/* NULL: there is none. */
static const struct inquiry *inquiry_of(const struct ir *ir) {
    return ir->visitor ? ir->visitor->context : NULL;
}

bool check_tuning(const struct ir *ir, struct et_error *error) {
    const struct inquiry *inquiry = inquiry_of(ir);
    if (!inquiry || !inquiry->tuning)
        return true;
    const struct tuning *tuning = inquiry->tuning;
    const char *name = tuning->name ? tuning->name : "the tuning";
    if (tuning->target && strcmp(tuning->target, ir->target->name) != 0)
        return et_fail(error, "%s: made for %s, not for %s", name, tuning->target,
                       ir->target->name);
    if (inquiry->refusal)
        return et_fail(error, "%s: %s", name, inquiry->refusal);
    for (int i = 0; i < tuning->count; i++)
        if (!inquiry->used[i])
            return et_fail(error, "%s: choices[%d]: the graph has no such contraction: \"%s\"",
                           name, i, quoted(tuning->choices[i].contraction).text);
    return true;
}

/* ---- What is told to people and tuners ---- */

struct ordered {
    struct candidate candidate;
    int place;
};

/* The cheapest first; of equals the one that was thought of first. */
static int by_cost(const void *a, const void *b) {
    const struct ordered *x = a, *y = b;
    if (x->candidate.cost != y->candidate.cost)
        return x->candidate.cost < y->candidate.cost ? -1 : 1;
    return x->place - y->place;
}

static struct candidates ordered(struct arena *arena, const struct answers *answers) {
    struct ordered *order = arena_array(arena, struct ordered, (size_t)answers->count + 1);
    struct candidate *items = arena_array(arena, struct candidate, (size_t)answers->count + 1);
    struct candidates candidates = {.count = answers->count, .items = items};
    for (int i = 0; i < answers->count; i++)
        order[i] = (struct ordered){answers->items[i], i};
    qsort(order, (size_t)answers->count, sizeof *order, by_cost);
    for (int i = 0; i < answers->count; i++) {
        items[i].cost = order[i].candidate.cost;
        items[i].text = arena_copy_text(arena, order[i].candidate.text);
        if (strcmp(items[i].text, answers->taken) == 0)
            candidates.taken = i;
    }
    return candidates;
}

int tell_contractions(const struct ir *ir, struct arena *arena,
                      const struct contraction_facts **contractions) {
    const struct inquiry *inquiry = inquiry_of(ir);
    int count = inquiry ? inquiry->count : 0;
    struct contraction_facts *facts =
        arena_array(arena, struct contraction_facts, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        const struct inquired *inquired = &inquiry->contractions[i];
        facts[i] = (struct contraction_facts){
            .contraction = arena_copy_text(arena, inquired->contraction),
            .first_kernel =
                ir->first_number + ir->statements[inquired->first_statement]->kernel->id,
            .kernel = ir->first_number + inquired->statement->kernel->id,
            .tiles = ordered(arena, &inquired->tiles),
            .blockings = ordered(arena, &inquired->blockings)};
    }
    *contractions = facts;
    return count;
}

enum { SHOWN = 8 }; /* candidates of each kind, and the one that was taken */

static void add_candidates(struct text *text, const struct candidates *candidates, const char *unit,
                           const char *what) {
    double best = candidates->count ? candidates->items[0].cost : 0;
    text_add(text, "  %14s  %8s  %s (of %d)\n", unit, "of least", what, candidates->count);
    for (int i = 0; i < candidates->count; i++) {
        const struct candidate *candidate = &candidates->items[i];
        if (i >= SHOWN && i != candidates->taken)
            continue;
        text_add(text, "%c %14.0f  ", i == candidates->taken ? '>' : ' ', candidate->cost);
        if (best > 0)
            text_add(text, "%8.3f", candidate->cost / best);
        else
            text_add(text, "%8s", "");
        text_add(text, "  %s\n", candidate->text);
    }
}

void print_costs(int count, const struct contraction_facts *contractions,
                 const struct kernel_facts *kernels, struct text *text) {
    for (int i = 0; i < count; i++) {
        const struct contraction_facts *facts = &contractions[i];
        text_add(text, "%s%s\n%s\n", i ? "\n" : "", kernels[facts->kernel].name,
                 facts->contraction);
        add_candidates(text, &facts->tiles, "cycles", "tiles");
        add_candidates(text, &facts->blockings, "traffic", "blocks around them");
    }
}
