/* What a run needs of a machine without vectors, at most: for the table in PREFIX.h. */
#include "compiler/emit/emit.h"
#include "compiler/ir/uses.h"
#include "compiler/schedule/tile_kind.h"

#include <inttypes.h>

/* Bytes of a function beside its arrays: registers that it saves, what it calls others with, and
 * what finds no register. Optimised code on cores of 32 bits has less; tests measure it. */
enum {
    FRAME = 320,
    ENTRY_FRAMES = 3 * FRAME,           /* PREFIX_run_array, PREFIX_run, run_kernels */
    LANES_BYTES = 16 * 8,               /* that floats are summed up in */
    SORT_BYTES = 257 * 8 + FRAME,       /* templates/sort.h */
    INSIDE_BYTES = 12 * 32 * 4 + FRAME, /* tile_inside */
};

static size_t tile_bytes(const struct statement *statement) {
    const struct tile *tile = statement->tile;
    size_t most = 0;
    for (int i = 0; tile && i < tile->block_count; i++) {
        const struct tile_block *block = &tile->blocks[i];
        size_t bytes =
            (size_t)block->rows * (size_t)block->columns * dtype_bytes(tile->kind->accumulator);
        if (!block->in_place && bytes > most)
            most = bytes;
    }
    return most;
}

/* Of a statement: its arrays, and what its expressions multiply and add. */
struct statement_needs {
    size_t bytes;
    double multiply_adds;
};

static struct statement_needs needs_of(struct ir *ir, const struct statement *statement) {
    struct statement_needs needs = {.bytes = tile_bytes(statement)};
    const struct uses uses = list_uses(ir, statement);
    for (int i = 0; i < uses.count; i++) {
        const struct expression *e = uses.expressions[i];
        double points = uses.items[i].points;
        if (e->kind != EXPRESSION_REDUCE)
            continue;
        if (e->op != OP_CONTRACT) {
            needs.bytes += LANES_BYTES;
            continue;
        }
        for (int k = 0; k < e->axis_count; k++)
            points *= (double)e->axes[k]->extent;
        needs.multiply_adds += points;
    }
    return needs;
}

/* The most that a kernel of the ir takes, and adds what all of them multiply and add. */
static size_t kernels_need(struct ir *ir, double *multiply_adds) {
    size_t most = 0;
    for (int k = 0; k < ir->kernel_count; k++) {
        const struct kernel *kernel = ir->kernels[k];
        size_t bytes = 2 * FRAME; /* the kernel, and a tile or another function */
        for (int i = 0; i < kernel->statement_count; i++) {
            const struct statement *statement = kernel->statements[i];
            const struct statement_needs needs = needs_of(ir, statement);
            bytes += needs.bytes;
            bytes += runs_sort(statement) ? SORT_BYTES : 0;
            bytes += statement->tile && statement->tile->cut_count ? INSIDE_BYTES : 0;
            *multiply_adds += needs.multiply_adds * (double)(ir->steps ? ir->steps : 1);
        }
        if (bytes > most)
            most = bytes;
    }
    for (int i = 0; i < ir->body_count; i++) { /* within a kernel of this one: the scan's */
        size_t bytes = 2 * FRAME + kernels_need(ir->bodies[i], multiply_adds);
        if (bytes > most)
            most = bytes;
    }
    return most;
}

void emit_needs(struct ir *const *irs, int count, struct compiled *compiled) {
    double least = 0;
    if (!target_is_small(irs[0]->target))
        return;
    for (int i = 0; i < count; i++) {
        double multiply_adds = 0;
        size_t bytes = ENTRY_FRAMES + kernels_need(irs[i], &multiply_adds);
        if (bytes > compiled->stack_bytes)
            compiled->stack_bytes = bytes;
        if (i == 0 || multiply_adds < least) /* of one image, where there is a block of one */
            least = multiply_adds;
    }
    const struct graph *graph = compiled->variants[0].graph;
    compiled->stack_bytes += sizeof(void *) * (size_t)(graph->input_count + graph->output_count);
    compiled->multiply_adds = least < (double)INT64_MAX / 2 ? (int64_t)least : INT64_MAX;
}

void emit_needs_table(struct emitter *emitter, struct text *text, const struct compiled *compiled) {
    const char *upper = emit_upper_case(emitter->ir, emitter->prefix);
    if (!target_is_small(emitter->ir->target))
        return;
    text_add(text,
             "/* What a run takes, beside its inputs and outputs:\n"
             " *   flash  %10zu bytes of weights\n"
             " *          %10zu bytes of code, at most about\n"
             " *   RAM    %10zu bytes of arena\n"
             " *          %10zu bytes of stack, at most, from a compiler that optimises\n"
             " *   work   %10" PRId64 " multiply-adds%s */\n"
             "#define %s_STACK_BYTES %zu\n",
             compiled->weights_bytes, compiled->code_bytes, compiled->arena_bytes,
             compiled->stack_bytes, compiled->multiply_adds,
             compiled->block_count ? " of the smallest block of images" : "", upper,
             compiled->stack_bytes);
}
