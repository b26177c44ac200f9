/* Copies that turn rows into columns: C compilers move their elements one by one. */
#include "compiler/emit/loops/loops.h"

#include <inttypes.h>

enum { LEAST_SIDE = 8 }; /* elements for which it is worthwhile */

/* Two axes, and how far apart neighbours along them lie in what is stored and what is read. */
struct turn {
    const struct axis *row, *column; /* neighbours of what is read; of what is stored */
    int64_t to_row, from_column;
};

static bool find_turn(const struct axis *row, const struct axis *column, const struct store *store,
                      struct turn *turn) {
    bool plain = true;
    const struct index *to = store->address, *from = store->value->index;
    *turn = (struct turn){row, column, index_coefficient(to, row, &plain),
                          index_coefficient(from, column, &plain)};
    return index_coefficient(to, column, &plain) == 1 &&
           index_coefficient(from, row, &plain) == 1 && plain && turn->to_row > 1 &&
           turn->from_column > 1;
}

static const char *address_of(struct emitter *emitter, const struct buffer *buffer,
                              const struct index *index, const struct turn *turn) {
    const struct index *zero = index_constant(emitter->ir, 0);
    const struct axis *axes[] = {turn->row, turn->column};
    const struct index *zeros[] = {zero, zero};
    const struct substitution none = {.count = 2, .axes = axes, .values = zeros};
    const struct index *base = index_substitute(emitter->ir, index, &none);
    return index_is_constant(base, 0) ? buffer->name
                                      : arena_format(emitter->ir->arena, "%s + %s", buffer->name,
                                                     emit_index(emitter, base));
}

bool emit_transposed(struct emitter *emitter, const struct statement *statement,
                     const struct store *store) {
    const int outer = statement->loop_count - 2;
    struct turn turn;
    if (outer < 0 || store->value->kind != EXPRESSION_LOAD ||
        store->value->dtype != DTYPE_FLOAT32 || store->value->buffer->splat ||
        store->output->kind == BUFFER_OUTPUT)
        return false;
    const struct axis *a = statement->loops[outer], *b = statement->loops[outer + 1];
    if (a->extent < LEAST_SIDE || b->extent < LEAST_SIDE || a == emitter->parallel_loop ||
        b == emitter->parallel_loop ||
        (!find_turn(a, b, store, &turn) && !find_turn(b, a, store, &turn)))
        return false;
    sections_want(&emitter->sections, "f32_transpose");
    emit_open_loops(emitter, statement, outer);
    emit_line(emitter, "f32_transpose(%s, %" PRId64 ",",
              address_of(emitter, store->output, store->address, &turn), turn.to_row);
    emit_line(emitter, "        %s, %" PRId64 ", %" PRId64 ", %" PRId64 ");",
              address_of(emitter, store->value->buffer, store->value->index, &turn),
              turn.from_column, turn.row->extent, turn.column->extent);
    emit_close_loops(emitter, outer);
    return true;
}
