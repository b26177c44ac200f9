/* Loops of C around what is stored. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <string.h>

/* ---- One loop ---- */

void emit_open_loop(struct emitter *emitter, const struct axis *axis, const char *name, int64_t end,
                    int64_t step) {
    emit_name_axis(emitter, axis, name);
    bool parallel = axis == emitter->parallel_loop;
    const char *first = parallel ? "begin" : "0";
    const char *limit = parallel ? "end" : arena_format(emitter->ir->arena, "%" PRId64, end);
    emit_open_for(emitter, name, first, limit, end, step);
}

void emit_open_turning(struct emitter *emitter, const struct axis *axis, const char *name,
                       int64_t end, int64_t step) {
    const char *turn = emit_local_name(emitter, "turn");
    const int64_t last = (end - 1) / step * step;
    emit_open_loop(emitter, axis, turn, end, step);
    emit_line(emitter, "const long %s = step %% 2 ? %" PRId64 " - %s : %s;", name, last, turn,
              turn);
    emit_name_axis(emitter, axis, name);
}

const char *emit_open_steps(struct emitter *emitter, const char *name, const char *count,
                            const struct axis *axis, int64_t step) {
    bool parallel = axis == emitter->parallel_loop;
    const char *end = parallel ? "end" : arena_format(emitter->ir->arena, "%" PRId64, axis->extent);
    emit_open_for(emitter, name, parallel ? "begin" : "0", end, axis->extent, step);
    if (axis->extent % step == 0 && !parallel)
        return arena_format(emitter->ir->arena, "%" PRId64, step);
    emit_line(emitter, "long %s = %s - %s < %" PRId64 " ? %s - %s : %" PRId64 ";", count, end, name,
              step, end, name, step);
    return count;
}

void emit_open_loops(struct emitter *emitter, const struct statement *statement, int count) {
    for (int i = 0; i < count; i++)
        emit_open_loop(emitter, statement->loops[i], arena_format(emitter->ir->arena, "i%d", i),
                       statement->loops[i]->extent, 1);
}

void emit_close_loops(struct emitter *emitter, int count) {
    for (int i = 0; i < count; i++)
        emit_close(emitter);
}

/* ---- The part of a thread ---- */

/* Where a part begins: the parts of all threads differ by one unit at most. */
static const char *part_begin(struct emitter *emitter, int64_t units, int64_t step,
                              const char *part) {
    struct arena *arena = emitter->ir->arena;
    return step == 1
               ? arena_format(arena, "%" PRId64 " * %s / parts", units, part)
               : arena_format(arena, "%" PRId64 " * %s / parts * %" PRId64, units, part, step);
}

void emit_part(struct emitter *emitter, const struct statement *statement, int64_t limit) {
    int64_t extent = statement->parallel_loop->extent, step = statement->parallel_step;
    int64_t units = (extent + step - 1) / step;
    const char *end = part_begin(emitter, units, step, "(part + 1)");
    emitter->parallel_loop = statement->parallel_loop;
    emit_line(emitter, "const long begin = %s;", part_begin(emitter, units, step, "part"));
    if (extent % step == 0)
        emit_line(emitter, "const long end = %s;", end);
    else
        emit_line(emitter, "const long end = part + 1 < parts ? %s : %" PRId64 ";", end, limit);
}

/* ---- Stores ---- */

bool emit_is_canonical(const struct store *store) {
    return store->output->kind == BUFFER_OUTPUT && !store->unfinished;
}

static void store_text(struct emitter *emitter, const char *output, const char *address,
                       const char *text) {
    size_t length = strlen(output) + strlen(address) + strlen(text) + sizeof "[] = ;";
    bool breaks = length + 4 * (size_t)emitter->indent > 100; /* what only moves has no parts */
    if (!breaks) {
        emit_line(emitter, "%s[%s] = %s;", output, address, text);
        return;
    }
    emit_line(emitter, "%s[%s] =", output, address);
    emit_line(emitter, "    %s;", text);
}

void emit_store(struct emitter *emitter, const struct store *store) {
    const struct buffer *output = store->output;
    const char *address = emit_element(emitter, output, store->address);
    size_t taken = strlen(output->name) + strlen(address) + sizeof "[] = f32_canonical();";
    const char *text = emit_expression_within(emitter, store->value, taken < 90 ? 100 - taken : 10);
    if (emit_is_canonical(store))
        text = emit_canonical(emitter, output->dtype, text);
    store_text(emitter, output->name, address, text);
}

void emit_store_of_row(struct emitter *emitter, const struct store *store, const char *most) {
    const char *address = emit_element(emitter, store->output, store->address);
    const char *value = emit_local(emitter, store->value);
    store_text(emitter, store->output->name, address, value);
    emit_line(emitter, "%s = f32_greater_magnitude(%s, %s);", most, most, value);
}

struct store *emit_stores_of(struct emitter *emitter, struct statement *const *statements,
                             int count) {
    struct store *stores = arena_array(emitter->ir->arena, struct store, (size_t)count);
    for (int i = 0; i < count; i++)
        stores[i] = (struct store){.output = statements[i]->output,
                                   .address = statements[i]->address,
                                   .value = statements[i]->value};
    return stores;
}

void emit_begin_statements(struct emitter *emitter, struct statement *const *statements,
                           int count) {
    const struct expression **values =
        arena_array(emitter->ir->arena, const struct expression *, (size_t)count);
    for (int i = 0; i < count; i++)
        values[i] = statements[i]->value;
    emit_begin_values(emitter, count, values);
}

void emit_statement_loops(struct emitter *emitter, struct statement *const *statements, int count) {
    const struct store *stores = emit_stores_of(emitter, statements, count);
    emit_open_loops(emitter, statements[0], statements[0]->loop_count);
    for (int i = 0; i < count; i++)
        emit_store(emitter, &stores[i]);
    emit_close_loops(emitter, statements[0]->loop_count);
}

const char *emit_epilogue_axis(struct emitter *emitter, const struct epilogue *epilogue, int i) {
    return arena_format(emitter->ir->arena, "%s%d", epilogue->stem, i);
}

static void open_epilogue_axis(struct emitter *emitter, const struct epilogue *epilogue, int i) {
    if (epilogue->before)
        emit_line(emitter, "%s", epilogue->before);
    emit_open_loop(emitter, epilogue->axes[i], emit_epilogue_axis(emitter, epilogue, i),
                   epilogue->axes[i]->extent, 1);
}

/* The axis that fills what lies between columns; -1: there is none. */
static int interleaved_axis(const struct store *store, const struct epilogue *epilogue) {
    bool plain = true;
    int64_t step = index_coefficient(store->address, epilogue->column, &plain);
    for (int i = 0; i < epilogue->axis_count; i++) {
        const struct axis *axis = epilogue->axes[i];
        int64_t stride = index_coefficient(store->address, axis, &plain);
        if (plain && is_interleaved(step, axis->extent, stride))
            return i;
    }
    return -1;
}

bool emit_interleaves(const struct store *store, const struct epilogue *epilogue) {
    return interleaved_axis(store, epilogue) >= 0;
}

void emit_open_epilogue(struct emitter *emitter, const struct epilogue *epilogue) {
    if (epilogue->axis_count == 0)
        emit_open(emitter, "{");
    for (int i = 0; i < epilogue->axis_count; i++)
        open_epilogue_axis(emitter, epilogue, i);
}

void emit_close_epilogue(struct emitter *emitter, const struct epilogue *epilogue) {
    emit_close_loops(emitter, epilogue->axis_count ? epilogue->axis_count : 1);
}

/* What lies between columns is stored together with them: C compilers make whole vectors of that.
 */
void emit_epilogue_loops(struct emitter *emitter, const struct store *store,
                         const struct epilogue *epilogue) {
    const int innermost = interleaved_axis(store, epilogue);
    for (int i = 0; i < epilogue->axis_count; i++)
        if (i != innermost)
            open_epilogue_axis(emitter, epilogue, i);
    emit_name_axis(emitter, epilogue->column, "c");
    if (epilogue->before)
        emit_line(emitter, "%s", epilogue->before);
    emit_open(emitter, "for (long c = 0; c < %s; c++) {", epilogue->columns);
    if (innermost >= 0)
        open_epilogue_axis(emitter, epilogue, innermost);
    emit_store(emitter, store);
    emit_close_loops(emitter, epilogue->axis_count + 1);
}
