/* Chains whose iterations are rows, as a norm, where nothing is kept between statements but several
 * read the same row: a block brings the rows of its threads into shared memory, and with them what
 * all rows are multiplied by or added to. From there a load takes so little time that it need not
 * be begun long before, which the branches of divisions would not allow. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

enum {
    LEAST_THREADS = 64,  /* of a block, for which all lines fit */
    COPIED_TOGETHER = 4, /* elements */
    ELEMENT_BYTES = 4,   /* of each */
    BANK_LINE = 32,      /* elements that lie in banks of their own */
    OTHER_BYTES = 1024,  /* of shared memory */
};

/* ---- What is staged ---- */

struct line_search {
    const struct emitter *emitter;
    struct staged_lines *staged;
    const struct axis *axis; /* along which the statement at hand reads lines */
};

/* Whether an index is a multiple of what is copied together, and known before anything is loaded.
 */
static bool is_multiple(const struct index *index) {
    for (int i = 0; i < index->count; i++)
        if (index->terms[i].atom->kind != ATOM_AXIS ||
            index->terms[i].coefficient % COPIED_TOGETHER != 0)
            return false;
    return index->constant % COPIED_TOGETHER == 0;
}

/* Whether the load goes along a line that can be copied; all of the line, also where a guard keeps
 * the load from some of it. */
static bool find_line(const struct line_search *search, const struct expression *load,
                      struct staged_line *line) {
    bool plain = true;
    if (load->kind != EXPRESSION_LOAD || load->buffer->kind == BUFFER_LOCAL || !search->axis ||
        dtype_bytes(load->dtype) != ELEMENT_BYTES ||
        index_coefficient(load->index, search->axis, &plain) != 1 || !plain)
        return false;
    *line = (struct staged_line){
        .buffer = load->buffer,
        .base = without_axes(search->emitter->ir, load->index, 1, &search->axis),
        .extent = search->axis->extent};
    line->own = line->base->count > 0;
    return is_multiple(line->base) && line->base->minimum >= 0 &&
           line->base->maximum + line->extent <= line->buffer->elements &&
           emit_begins_aligned(search->emitter, line->buffer);
}

static struct staged_line *find_staged(struct staged_lines *staged,
                                       const struct staged_line *line) {
    for (int i = 0; i < staged->count; i++)
        if (staged->lines[i].buffer == line->buffer && staged->lines[i].extent == line->extent &&
            index_compare(staged->lines[i].base, line->base) == 0)
            return &staged->lines[i];
    return NULL;
}

static void note_line(void *context, const struct expression *e) {
    struct line_search *search = context;
    struct staged_line line;
    if (!find_line(search, e, &line))
        return;
    struct staged_line *known = find_staged(search->staged, &line);
    if (!known && search->staged->count < MOST_STAGED) {
        known = &search->staged->lines[search->staged->count++];
        *known = line;
    }
    if (known)
        known->statements++;
}

static void note_reduced(void *context, const struct expression *e) {
    if (e->kind == EXPRESSION_REDUCE)
        *(const struct axis **)context = e->axes[0];
}

/* A row's beginning lies in other banks than that of the one before, which is read at once. */
static int64_t line_length(const struct staged_line *line) {
    return line->extent + (line->own && line->extent % BANK_LINE == 0 ? REDUCTION_LANES : 0);
}

static bool choose_threads(const struct emitter *emitter, struct staged_lines *staged) {
    const int64_t room = emitter->ir->target->gpu->shared - OTHER_BYTES;
    for (int threads = BLOCK_THREADS; threads >= LEAST_THREADS; threads /= 2) {
        int64_t elements = 0;
        for (int i = 0; i < staged->count; i++)
            elements += line_length(&staged->lines[i]) *
                        (staged->lines[i].own ? threads / REDUCTION_LANES : 1);
        staged->threads = threads;
        if (ELEMENT_BYTES * elements <= room)
            return true;
    }
    return false;
}

bool emit_find_staged(const struct emitter *emitter, const struct kernel *kernel,
                      struct staged_lines *staged) {
    struct line_search search = {.emitter = emitter, .staged = staged};
    bool again = false; /* a row is read, that was read before */
    staged->count = 0;
    for (int i = 0; i < kernel->statement_count; i++) {
        const struct statement *statement = kernel->statements[i];
        search.axis = NULL;
        expression_walk(emitter->ir, statement->value, note_reduced, &search.axis);
        if (statement->loop_count)
            search.axis = statement->loops[0];
        expression_walk(emitter->ir, statement->value, note_line, &search);
    }
    for (int i = 0; i < staged->count; i++)
        again |= staged->lines[i].own && staged->lines[i].statements > 1;
    return again && choose_threads(emitter, staged);
}

/* ---- What a block does ---- */

void emit_declare_staged(struct emitter *emitter, struct staged_lines *staged) {
    for (int i = 0; i < staged->count; i++) {
        struct staged_line *line = &staged->lines[i];
        const char *type = dtype_facts[line->buffer->dtype].c_type;
        if (!line->own) {
            line->name = emit_local_name(emitter, "line");
            emit_line(emitter, "__shared__ __align__(16) %s %s[%" PRId64 "];", type, line->name,
                      line->extent);
            continue;
        }
        const char *all = emit_local_name(emitter, "rows");
        line->name = emit_local_name(emitter, "row");
        emit_line(emitter, "__shared__ __align__(16) %s %s[%d][%" PRId64 "];", type, all,
                  staged->threads / REDUCTION_LANES, line_length(line));
        emit_line(emitter, "%s *const %s = %s[threadIdx.x / %d];", type, line->name, all,
                  REDUCTION_LANES);
    }
}

void emit_copy_staged(struct emitter *emitter, const struct staged_lines *staged, bool own) {
    sections_want(&emitter->sections, "copy_async_16");
    for (int i = 0; i < staged->count; i++) {
        const struct staged_line *line = &staged->lines[i];
        if (line->own != own)
            continue;
        const char *at = emit_local_name(emitter, "at");
        const char *base =
            index_is_constant(line->base, 0)
                ? ""
                : arena_format(emitter->ir->arena, "%s + ", emit_index(emitter, line->base));
        emit_open(emitter, "for (int %s = %d * %s; %s < %" PRId64 "; %s += %d) {", at,
                  COPIED_TOGETHER, own ? "thread0" : "(int)threadIdx.x", at, line->extent, at,
                  COPIED_TOGETHER * (own ? REDUCTION_LANES : staged->threads));
        emit_line(emitter, "copy_async_16(&%s[%s], &%s[%s%s]);", line->name, at, line->buffer->name,
                  base, at);
        emit_close(emitter);
    }
}

void emit_wait_for_staged(struct emitter *emitter) {
    emit_line(emitter, "copy_commit();");
    emit_line(emitter, "copy_wait<0>();");
    emit_line(emitter, "__syncthreads();");
}

/* ---- What is read of it ---- */

struct line_naming {
    struct line_search search;
    struct emitter *emitter;
    const char *place;
};

static void name_load(void *context, const struct expression *e) {
    const struct line_naming *naming = context;
    struct staged_line line;
    if (!find_line(&naming->search, e, &line))
        return;
    const struct staged_line *staged = find_staged(naming->search.staged, &line);
    if (staged)
        emit_name_expression(
            naming->emitter, e,
            arena_format(naming->emitter->ir->arena, "%s[%s]", staged->name, naming->place));
}

void emit_name_staged(struct emitter *emitter, const struct expression *value,
                      const struct axis *axis, const char *place) {
    struct line_naming naming = {
        .search = {.emitter = emitter, .staged = emitter->staged, .axis = axis},
        .emitter = emitter,
        .place = place};
    if (emitter->staged)
        expression_walk(emitter->ir, value, name_load, &naming);
}
