/* One kernel as a C function: its loops, and in the innermost block what is computed and stored. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <string.h>

/* ---- Parameters ---- */

static void emit_signature(struct emitter *emitter, const struct kernel *kernel) {
    struct text line = {0};
    text_add(&line, "static void %s(", kernel->name);
    size_t begin = 0;
    for (int i = 0; i < kernel->buffer_count; i++) {
        const struct buffer *buffer = kernel->buffers[i].buffer;
        bool last = i + 1 == kernel->buffer_count;
        const char *parameter = arena_format(emitter->ir->arena, "%s%s *restrict %s%s",
                                             kernel->buffers[i].written ? "" : "const ",
                                             dtype_facts[buffer->dtype].c_type, buffer->name,
                                             !last              ? ","
                                             : kernel->parallel ? ", long part, long parts) {"
                                                                : ") {");
        if (i > 0 && line.length - begin + strlen(parameter) + 1 > 98) {
            text_add(&line, "\n        ");
            begin = line.length - 8;
        }
        text_add(&line, "%s%s", i && line.bytes[line.length - 1] != ' ' ? " " : "", parameter);
    }
    emit_open(emitter, "%s", line.bytes ? line.bytes : "");
    text_free(&line);
}

/* ---- Loops ---- */

void emit_store(struct emitter *emitter, const struct store *store) {
    const struct buffer *output = store->output;
    const char *address = emit_index(emitter, store->address);
    size_t taken = strlen(output->name) + strlen(address) + sizeof "[] = f32_canonical();";
    const char *text = emit_expression_within(emitter, store->value, taken < 90 ? 100 - taken : 10);
    if (output->kind == BUFFER_OUTPUT && !store->unfinished)
        text = emit_canonical(emitter, output->dtype, text);
    size_t length = strlen(output->name) + strlen(address) + strlen(text) + sizeof "[] = ;";
    bool breaks = length + 4 * (size_t)emitter->indent > 100; /* what only moves has no parts */
    if (!breaks) {
        emit_line(emitter, "%s[%s] = %s;", output->name, address, text);
        return;
    }
    emit_line(emitter, "%s[%s] =", output->name, address);
    emit_line(emitter, "    %s;", text);
}

void emit_open_loop(struct emitter *emitter, const struct axis *axis, const char *name, int64_t end,
                    int64_t step) {
    emit_name_axis(emitter, axis, name);
    bool parted = axis == emitter->parted;
    const char *first = parted ? "begin" : "0";
    const char *limit = parted ? "end" : arena_format(emitter->ir->arena, "%" PRId64, end);
    if (step == 1)
        emit_open(emitter, "for (long %s = %s; %s < %s; %s++) {", name, first, name, limit, name);
    else
        emit_open(emitter, "for (long %s = %s; %s < %s; %s += %" PRId64 ") {", name, first, name,
                  limit, name, step);
}

/* Where a part begins: the parts of all threads differ by one unit at most. */
static const char *part_begin(struct emitter *emitter, int64_t units, int64_t step,
                              const char *part) {
    struct arena *arena = emitter->ir->arena;
    return step == 1
               ? arena_format(arena, "%" PRId64 " * %s / parts", units, part)
               : arena_format(arena, "%" PRId64 " * %s / parts * %" PRId64, units, part, step);
}

void emit_part(struct emitter *emitter, const struct statement *statement, int64_t limit) {
    int64_t extent = statement->parted->extent, step = statement->part_step;
    int64_t units = (extent + step - 1) / step;
    const char *end = part_begin(emitter, units, step, "(part + 1)");
    emitter->parted = statement->parted;
    emit_line(emitter, "const long begin = %s;", part_begin(emitter, units, step, "part"));
    if (extent % step == 0)
        emit_line(emitter, "const long end = %s;", end);
    else
        emit_line(emitter, "const long end = part + 1 < parts ? %s : %" PRId64 ";", end, limit);
}

static void open_loops(struct emitter *emitter, const struct statement *statement, int count) {
    for (int i = 0; i < count; i++)
        emit_open_loop(emitter, statement->loops[i], arena_format(emitter->ir->arena, "i%d", i),
                       statement->loops[i]->extent, 1);
}

void emit_close_loops(struct emitter *emitter, int count) {
    for (int i = 0; i < count; i++)
        emit_close(emitter);
}

enum {
    STRIP = 1024,      /* elements of a block of row operations: it stays in the first cache */
    LEAST_STRIP = 256, /* for which a call is worth its while */
    MOST_RESULTS = 64, /* of reductions side by side, which have sixteen lanes each */
};

static void note_reduction(void *context, const struct expression *e) {
    bool *found = context;
    *found |= e->kind == EXPRESSION_REDUCE && e->op != OP_CONTRACT;
}

static bool has_reduction(struct ir *ir, const struct expression *value) {
    bool found = false;
    expression_walk(ir, value, note_reduction, &found);
    return found;
}

const char *emit_open_steps(struct emitter *emitter, const char *name, const char *count,
                            const struct axis *axis, int64_t step) {
    bool parted = axis == emitter->parted;
    const char *end = parted ? "end" : arena_format(emitter->ir->arena, "%" PRId64, axis->extent);
    emit_open(emitter, "for (long %s = %s; %s < %s; %s += %" PRId64 ") {", name,
              parted ? "begin" : "0", name, end, name, step);
    if (axis->extent % step == 0 && !parted)
        return arena_format(emitter->ir->arena, "%" PRId64, step);
    emit_line(emitter, "long %s = %s - %s < %" PRId64 " ? %s - %s : %" PRId64 ";", count, end, name,
              step, end, name, step);
    return count;
}

/* How much of the two innermost loops one block takes. */
struct block_size {
    int64_t columns, rows;
};

/* Of several statements in a nest, each has blocks of its own in the cache. */
static struct block_size size_of_block(struct ir *ir, const struct statement *statement,
                                       int count) {
    int64_t columns = statement->loops[statement->loop_count - 1]->extent;
    int64_t strip = STRIP / count > LEAST_STRIP ? STRIP / count : LEAST_STRIP;
    if (has_reduction(ir, statement->value))
        return (struct block_size){columns < MOST_RESULTS ? columns : MOST_RESULTS, 1};
    if (columns > strip)
        return (struct block_size){strip, 1};
    int64_t rows =
        statement->loop_count > 1 ? statement->loops[statement->loop_count - 2]->extent : 1;
    return (struct block_size){columns, rows < strip / columns ? rows : strip / columns};
}

/* The stores of a nest's statements. */
static struct store *stores_of(struct emitter *emitter, struct statement *const *statements,
                               int count) {
    struct store *stores = arena_array(emitter->ir->arena, struct store, (size_t)count);
    for (int i = 0; i < count; i++)
        stores[i] = (struct store){.output = statements[i]->output,
                                   .address = statements[i]->address,
                                   .value = statements[i]->value};
    return stores;
}

/* The innermost loops of a nest as row operations, in blocks. False where that is not possible. */
static bool emit_plain_rows(struct emitter *emitter, struct statement *const *statements,
                            int count) {
    struct arena *arena = emitter->ir->arena;
    static const struct axis alone = {.id = -1, .extent = 1};
    struct statement copy = *statements[0];
    if (copy.loop_count == 0) /* a loop of one turn */
        copy.loops[copy.loop_count++] = &alone;
    struct block_size size = size_of_block(emitter->ir, &copy, count);
    const struct axis *column = copy.loops[copy.loop_count - 1];
    const struct axis *row = size.rows > 1 ? copy.loops[copy.loop_count - 2] : NULL;
    struct row_block block = {.row = row,
                              .column = column,
                              .row_count = arena_format(arena, "%" PRId64, size.rows),
                              .column_count = arena_format(arena, "%" PRId64, size.columns),
                              .column_limit = size.columns,
                              .elements = size.rows * size.columns};
    struct store *stores = stores_of(emitter, statements, count);
    for (int i = 0; i < count; i++)
        if (!emit_rows_possible(emitter, &stores[i], &block))
            return false;
    int outer = copy.loop_count - (row ? 2 : 1), opened = outer;
    open_loops(emitter, statements[0], outer);
    if (row && (size.rows < row->extent || row == emitter->parted)) {
        block.row_count = emit_open_steps(emitter, "row", "rows", row, size.rows);
        block.row_strip = "row";
        opened++;
    }
    if (size.columns < column->extent || column == emitter->parted) {
        block.column_count = emit_open_steps(emitter, "strip", "columns", column, size.columns);
        block.strip = "strip";
        opened++;
    }
    emit_rows(emitter, count, stores, &block);
    emit_close_loops(emitter, opened);
    return true;
}

static void begin_nest(struct emitter *emitter, struct statement *const *statements, int count) {
    const struct expression **values =
        arena_array(emitter->ir->arena, const struct expression *, (size_t)count);
    for (int i = 0; i < count; i++)
        values[i] = statements[i]->value;
    emit_begin_values(emitter, count, values);
}

/* The innermost loop in strips. False where there is nothing to gain. */
static bool emit_in_strips(struct emitter *emitter, const struct statement *statement,
                           const struct store *store) {
    const int outer = statement->loop_count - 1;
    if (outer < 0 || !emit_wants_strips(emitter, statement->loops[outer], store->value))
        return false;
    const struct axis *axis = statement->loops[outer];
    const struct expression *reduction = emit_following_reduction(emitter, statement);
    if (reduction)
        emit_begin_taking(emitter, reduction);
    open_loops(emitter, statement, outer);
    struct strip strip = emit_open_strip(emitter, axis, "lane");
    const char *to = NULL;
    bool canonical = store->output->kind == BUFFER_OUTPUT && !store->unfinished;
    if (!canonical && emit_is_strip_function(store->value))
        to = emit_strip_address(emitter, &strip, store->output, store->address);
    emit_strip_functions(emitter, &strip, store->value, to);
    if (statement->shared_count > 0)
        emit_strip_fetches(emitter, &strip, statement->shared[statement->shared_count - 1],
                           store->value);
    if (!to) {
        emit_open_lanes(emitter, &strip);
        emit_store(emitter, store);
        emit_close(emitter);
    }
    if (reduction)
        emit_take(emitter, &strip,
                  emit_strip_address(emitter, &strip, store->output, store->address));
    emit_close_loops(emitter, statement->loop_count);
    return true;
}

static void emit_plain_loops(struct emitter *emitter, struct statement *const *statements,
                             int count) {
    const struct store *stores = stores_of(emitter, statements, count);
    if (count == 1 && emit_in_strips(emitter, statements[0], &stores[0]))
        return;
    open_loops(emitter, statements[0], statements[0]->loop_count);
    for (int i = 0; i < count; i++)
        emit_store(emitter, &stores[i]);
    emit_close_loops(emitter, statements[0]->loop_count);
}

/* The statements of a nest. Where one keeps it from being row operations, each goes alone. */
static void emit_plain(struct emitter *emitter, struct statement *const *statements, int count) {
    bool calls = emitter->backend == &emit_calls;
    begin_nest(emitter, statements, count);
    if (calls && emit_plain_rows(emitter, statements, count))
        return;
    if (!calls || count == 1) {
        emit_plain_loops(emitter, statements, count);
        return;
    }
    for (int i = 0; i < count; i++) {
        emit_open(emitter, "{");
        emit_plain(emitter, &statements[i], 1);
        emit_close(emitter);
    }
}

/* The loops around all statements of a kernel. */
static void open_shared(struct emitter *emitter, const struct statement *first) {
    for (int i = 0; i < first->shared_count; i++)
        emit_open_loop(emitter, first->shared[i], arena_format(emitter->ir->arena, "g%d", i),
                       first->shared[i]->extent, 1);
}

/* In braces if it has names of its own; by the first thread if no other has a part of it. */
static void emit_nest(struct emitter *emitter, const struct kernel *kernel,
                      struct statement *const *nest, int size) {
    const struct statement *first = nest[0];
    const bool last = nest + size == kernel->statements + kernel->statement_count;
    bool alone = kernel->parallel && !first->parted;
    bool parted = first->parted && !first->shared_count;
    bool apart = size < kernel->statement_count && (first->tile || first->loop_count == 0 ||
                                                    parted || emitter->backend == &emit_calls);
    if (apart || alone)
        emit_open(emitter, alone ? "if (part == 0) {" : "{");
    if (parted && !first->tile)
        emit_part(emitter, first, first->parted->extent);
    emitter->following = last || apart || alone ? NULL : nest[size];
    if (first->tile)
        emit_tiled(emitter, first);
    else
        emit_plain(emitter, nest, size);
    if (apart || alone)
        emit_close(emitter);
    if (parted)
        emitter->parted = NULL;
}

void emit_kernel(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    emit_signature(emitter, kernel);
    if (first->parted && first->shared_count)
        emit_part(emitter, first, first->parted->extent);
    open_shared(emitter, first);
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        struct statement *const *nest = &kernel->statements[i];
        const struct expression *taken = emitter->taken;
        size = nest_size(nest, kernel->statement_count - i);
        emit_nest(emitter, kernel, nest, size);
        if (emitter->taken == taken)
            emitter->taken = NULL;
    }
    emit_close_loops(emitter, first->shared_count);
    emit_close(emitter);
    emitter->parted = NULL;
}
