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

/* Of several kernels in a nest, each has blocks of its own in the cache. */
static struct block_size size_of_block(struct ir *ir, const struct kernel *kernel, int count) {
    int64_t columns = kernel->loops[kernel->loop_count - 1]->extent;
    int64_t strip = STRIP / count > LEAST_STRIP ? STRIP / count : LEAST_STRIP;
    if (has_reduction(ir, kernel->value))
        return (struct block_size){columns < MOST_RESULTS ? columns : MOST_RESULTS, 1};
    if (columns > strip)
        return (struct block_size){strip, 1};
    int64_t rows = kernel->loop_count > 1 ? kernel->loops[kernel->loop_count - 2]->extent : 1;
    return (struct block_size){columns, rows < strip / columns ? rows : strip / columns};
}

/* The stores of a nest's kernels. */
static struct store *stores_of(struct emitter *emitter, struct kernel *const *kernels, int count) {
    struct store *stores = arena_array(emitter->ir->arena, struct store, (size_t)count);
    for (int i = 0; i < count; i++)
        stores[i] = (struct store){.output = kernels[i]->output,
                                   .address = kernels[i]->address,
                                   .value = kernels[i]->value};
    return stores;
}

/* The innermost loops of a nest as row operations, in blocks. False where that is not possible. */
static bool emit_plain_rows(struct emitter *emitter, struct kernel *const *kernels, int count) {
    struct arena *arena = emitter->ir->arena;
    static const struct axis alone = {.id = -1, .extent = 1};
    struct kernel copy = *kernels[0];
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
    struct store *stores = stores_of(emitter, kernels, count);
    for (int i = 0; i < count; i++)
        if (!emit_rows_possible(emitter, &stores[i], &block))
            return false;
    int outer = copy.loop_count - (row ? 2 : 1), opened = outer;
    open_loops(emitter, kernels[0], outer);
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
    emit_rows(emitter, count, stores, &block);
    emit_close_loops(emitter, opened);
    return true;
}

static void begin_nest(struct emitter *emitter, struct kernel *const *kernels, int count) {
    const struct expression **values =
        arena_array(emitter->ir->arena, const struct expression *, (size_t)count);
    for (int i = 0; i < count; i++)
        values[i] = kernels[i]->value;
    emit_begin_values(emitter, count, values);
}

static void emit_plain_loops(struct emitter *emitter, struct kernel *const *kernels, int count) {
    const struct store *stores = stores_of(emitter, kernels, count);
    open_loops(emitter, kernels[0], kernels[0]->loop_count);
    for (int i = 0; i < count; i++)
        emit_store(emitter, &stores[i]);
    emit_close_loops(emitter, kernels[0]->loop_count);
}

/* The kernels of a nest. Where one keeps it from being row operations, each goes alone. */
static void emit_plain(struct emitter *emitter, struct kernel *const *kernels, int count) {
    bool calls = emitter->dialect == DIALECT_CALLS;
    begin_nest(emitter, kernels, count);
    if (calls && emit_plain_rows(emitter, kernels, count))
        return;
    if (!calls || count == 1) {
        emit_plain_loops(emitter, kernels, count);
        return;
    }
    for (int i = 0; i < count; i++) {
        emit_open(emitter, "{");
        emit_plain(emitter, &kernels[i], 1);
        emit_close(emitter);
    }
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
    for (int i = 0, size; i < group->kernel_count; i += size) {
        struct kernel *const *nest = &group->kernels[i];
        size = nest_size(nest, group->kernel_count - i);
        bool apart = size < group->kernel_count && (nest[0]->tile || nest[0]->loop_count == 0 ||
                                                    emitter->dialect == DIALECT_CALLS);
        if (apart)
            emit_open(emitter, "{");
        if (nest[0]->tile)
            emit_tiled(emitter, nest[0]);
        else
            emit_plain(emitter, nest, size);
        if (apart)
            emit_close(emitter);
    }
    emit_close_loops(emitter, shared);
    emit_close(emitter);
}
