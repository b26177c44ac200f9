#include "compiler/ir/ir.h"

const struct axis *local_axis(const struct tile *tile, const struct tile_block *block,
                              int row_axis) {
    return row_axis == 0 && block->local ? block->local : tile->row_axes[row_axis].local;
}

const struct expression *within_block(struct ir *ir, const struct tile *tile,
                                      const struct tile_block *block,
                                      const struct expression *value,
                                      const struct index **address) {
    const struct axis *axes[MAX_RANK + 1];
    const struct index *values[MAX_RANK + 1];
    int count = 0;
    for (int i = 0; i < tile->loop_row_count; i++) {
        const struct tile_row_axis *row = &tile->row_axes[i];
        axes[count] = row->loop;
        bool whole = row->block == row->loop->extent;
        const struct index *local = index_axis(ir, local_axis(tile, block, i));
        values[count++] = whole ? local : index_add(ir, index_axis(ir, row->loop), local);
    }
    const struct index *local = index_axis(ir, block->column);
    axes[count] = tile->column_loop;
    values[count++] = tile->column_loop->extent <= tile->columns
                          ? local
                          : index_add(ir, index_axis(ir, tile->column_loop), local);
    struct substitution substitution = {.count = count, .axes = axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    *address = index_substitute(ir, *address, &substitution);
    return expression_rewrite(ir, value, &rewrite);
}
