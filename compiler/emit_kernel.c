/* One kernel as a C function: its loops, and in the innermost block what is computed and stored. */
#include "emit.h"

#include <inttypes.h>
#include <string.h>

/* ---- Parameters ---- */

static void emit_signature(struct emitter *emitter, const struct group *group) {
    struct text line = {0};
    text_add(&line, "static void %s(", group->name);
    size_t begin = 0;
    for (int i = 0; i < group->buffer_count; i++) {
        const struct buffer *buffer = group->buffers[i].buffer;
        const char *parameter = arena_format(emitter->ir->arena, "%s%s *restrict %s%s",
                                             group->buffers[i].written ? "" : "const ",
                                             dtype_facts[buffer->dtype].c_type, buffer->name,
                                             i + 1 < group->buffer_count ? "," : ") {");
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
    emit_line(emitter, "%s[%s] = %s;", output->name, address, text);
}

void emit_open_loop(struct emitter *emitter, const struct axis *axis, const char *name, int64_t end,
                    int64_t step) {
    emit_name_axis(emitter, axis, name);
    if (step == 1)
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", name, name, end, name);
    else
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s += %" PRId64 ") {", name, name,
                  end, name, step);
}

static void open_loops(struct emitter *emitter, const struct kernel *kernel, int count) {
    for (int i = 0; i < count; i++)
        emit_open_loop(emitter, kernel->loops[i], arena_format(emitter->ir->arena, "i%d", i),
                       kernel->loops[i]->extent, 1);
}

void emit_close_loops(struct emitter *emitter, int count) {
    for (int i = 0; i < count; i++)
        emit_close(emitter);
}

static struct store store_of(const struct kernel *kernel) {
    return (struct store){
        .output = kernel->output, .address = kernel->address, .value = kernel->value};
}

enum {
    STRIP = 1024,      /* elements of a block of row operations: it stays in the first cache */
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

/* A loop in steps of `step`, with a count of what is left for the last; gives the count's text. */
static const char *open_strips(struct emitter *emitter, const char *name, const char *count,
                               int64_t extent, int64_t step) {
    emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s += %" PRId64 ") {", name, name,
              extent, name, step);
    if (extent % step == 0)
        return arena_format(emitter->ir->arena, "%" PRId64, step);
    emit_line(emitter, "long %s = %" PRId64 " - %s < %" PRId64 " ? %" PRId64 " - %s : %" PRId64 ";",
              count, extent, name, step, extent, name, step);
    return count;
}

/* How much of the two innermost loops one block takes. */
struct block_size {
    int64_t columns, rows;
};

static struct block_size size_of_block(struct ir *ir, const struct kernel *kernel) {
    int64_t columns = kernel->loops[kernel->loop_count - 1]->extent;
    if (has_reduction(ir, kernel->value))
        return (struct block_size){columns < MOST_RESULTS ? columns : MOST_RESULTS, 1};
    if (columns > STRIP)
        return (struct block_size){STRIP, 1};
    int64_t rows = kernel->loop_count > 1 ? kernel->loops[kernel->loop_count - 2]->extent : 1;
    return (struct block_size){columns, rows < STRIP / columns ? rows : STRIP / columns};
}

/* The innermost loops as row operations, in blocks. False where that is not possible. */
static bool emit_plain_rows(struct emitter *emitter, const struct kernel *kernel) {
    struct arena *arena = emitter->ir->arena;
    static const struct axis alone = {.id = -1, .extent = 1};
    struct kernel copy = *kernel;
    if (copy.loop_count == 0) /* a loop of one turn */
        copy.loops[copy.loop_count++] = &alone;
    struct block_size size = size_of_block(emitter->ir, &copy);
    const struct axis *column = copy.loops[copy.loop_count - 1];
    const struct axis *row = size.rows > 1 ? copy.loops[copy.loop_count - 2] : NULL;
    struct row_block block = {.row = row,
                              .column = column,
                              .row_count = arena_format(arena, "%" PRId64, size.rows),
                              .column_count = arena_format(arena, "%" PRId64, size.columns),
                              .column_limit = size.columns,
                              .elements = size.rows * size.columns};
    struct store store = store_of(kernel);
    if (!emit_rows_possible(emitter, &store, &block))
        return false;
    int outer = copy.loop_count - (row ? 2 : 1), opened = outer;
    open_loops(emitter, kernel, outer);
    if (row && size.rows < row->extent) {
        block.row_count = open_strips(emitter, "row", "rows", row->extent, size.rows);
        block.row_strip = "row";
        opened++;
    }
    if (size.columns < column->extent) {
        block.column_count = open_strips(emitter, "strip", "columns", column->extent, size.columns);
        block.strip = "strip";
        opened++;
    }
    emit_rows(emitter, &store, &block);
    emit_close_loops(emitter, opened);
    return true;
}

static void emit_plain(struct emitter *emitter, const struct kernel *kernel) {
    emit_begin_value(emitter, kernel->value);
    if (emitter->dialect == DIALECT_CALLS && emit_plain_rows(emitter, kernel))
        return;
    struct store store = store_of(kernel);
    open_loops(emitter, kernel, kernel->loop_count);
    emit_store(emitter, &store);
    emit_close_loops(emitter, kernel->loop_count);
}

/* The loops around all kernels of a group. */
static void open_shared(struct emitter *emitter, const struct kernel *first) {
    for (int i = 0; i < first->shared_count; i++)
        emit_open_loop(emitter, first->shared[i], arena_format(emitter->ir->arena, "g%d", i),
                       first->shared[i]->extent, 1);
}

void emit_group(struct emitter *emitter, const struct group *group) {
    int shared = group->kernels[0]->shared_count;
    emit_signature(emitter, group);
    open_shared(emitter, group->kernels[0]);
    for (int i = 0; i < group->kernel_count; i++) {
        bool apart = group->kernel_count > 1 &&
                     (group->kernels[i]->tile || group->kernels[i]->loop_count == 0 ||
                      emitter->dialect == DIALECT_CALLS);
        if (apart)
            emit_open(emitter, "{");
        if (group->kernels[i]->tile)
            emit_tiled(emitter, group->kernels[i]);
        else
            emit_plain(emitter, group->kernels[i]);
        if (apart)
            emit_close(emitter);
    }
    emit_close_loops(emitter, shared);
    emit_close(emitter);
}
