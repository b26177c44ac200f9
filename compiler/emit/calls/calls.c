/* The backend for libtcc, which keeps nothing in registers: its text calls the runtime for whatever
 * goes over many elements. */
#include "compiler/emit/calls/rows.h"

#include <inttypes.h>

/* In the graph, or in bodies of its scans. */
static bool has_dtype(const struct graph *graph, enum dtype dtype) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->dtype == dtype || (node->op == OP_SCAN && has_dtype(node->body, dtype)))
            return true;
    }
    return false;
}

static void add_prelude(struct emitter *emitter, struct text *text) {
    (void)text;
    sections_want(&emitter->sections, "calls");
    if (has_dtype(emitter->ir->graph, DTYPE_INT16))
        sections_want(&emitter->sections, "calls_int16");
    if (has_dtype(emitter->ir->graph, DTYPE_FLOAT64))
        sections_want(&emitter->sections, "calls_float64");
}

static void declare_tile(struct emitter *emitter, struct text *text,
                         const struct wanted_tile *tile) {
    text_add(text, "%s\n",
             emit_runtime_function(emitter, emit_tile_name(emitter, tile),
                                   emit_tile_parameters(emitter, tile)));
}

/* libtcc ignores the alignment of locals. */
void emit_aligned_array(struct emitter *emitter, const char *type, const char *name,
                        const char *count) {
    emit_line(emitter, "ALIGNED_ARRAY(%s, %s, %s);", type, name, count);
}

/* One row of the runtime's operation for that. */
static void copy_row(struct emitter *emitter, const struct buffer *from, const struct buffer *to) {
    const struct dtype_facts *facts = &dtype_facts[to->dtype];
    struct arena *arena = emitter->ir->arena;
    const char *name = arena_format(arena, "row_%s_canonical", facts->short_name);
    emit_runtime_function(
        emitter, name,
        arena_format(arena,
                     "long rows, long columns, %s *result, long result_row, long result_step,\n"
                     "        const %s *a, long a_row, long a_step",
                     facts->c_type, facts->c_type));
    emit_line(emitter, "%s(1, %" PRId64 ", %s, 0, 1, %s, 0, 1);", name, to->elements, to->name,
              from->name);
}

static const char *const templates[] = {template_calls, template_chain, NULL};

const struct emit_backend emit_calls = {
    .name = "calls",
    .ending = "c",
    .gathers_sums = true,
    .encloses_nests = true,
    .outlined = "",
    .templates = templates,
    .prelude = add_prelude,
    .declare_tile = declare_tile,
    .declare_array = emit_aligned_array,
    .whole_kernel = emit_kernel_in_phases,
    .statements = emit_statement_blocks,
    .epilogue = emit_epilogue_blocks,
    .line = emit_line_blocks,
    .copy_out = copy_row,
    .reduction = emit_reduction,
};
