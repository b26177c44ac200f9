/* Programs of rewritten graphs, and room to run them. */
#include "runtime/rewritten.h"

struct et_program *program_from_rewritten(struct rewritten *rewritten, struct et_error *error) {
    struct graph *graph = rewritten->graph;
    struct weights *weights = rewritten->weights;
    rewritten->graph = NULL;
    rewritten->weights = NULL;
    return program_from_graph(graph, weights, error);
}

bool program_rewrite(const struct et_program *program, const struct rewrite_options *options,
                     int count, const enum rewrite_kind *rewrites, struct et_program **made,
                     struct et_error *error) {
    struct rewritten rewritten;
    *made = NULL;
    if (!rewrite_graph(program_graph(program), options, count, rewrites, &rewritten, error))
        return false;
    bool changed = false;
    for (int i = 0; i < count; i++)
        changed = changed || rewritten_count(&rewritten, rewrites[i]) > 0;
    if (changed)
        *made = program_from_rewritten(&rewritten, error);
    rewritten_free(&rewritten);
    return *made || !changed;
}

void blocks_free(void **blocks, int count) {
    for (int i = 0; blocks && i < count; i++)
        et_release(blocks[i]);
    et_release(blocks);
}

void **program_blocks(const struct et_program *program, int count,
                      struct et_tensor (*facts)(const struct et_program *, int)) {
    void **blocks = et_allocate((size_t)count + 1, sizeof *blocks);
    for (int i = 0; blocks && i < count; i++) {
        blocks[i] = et_allocate_aligned(facts(program, i).bytes);
        if (blocks[i])
            continue;
        blocks_free(blocks, i);
        return NULL;
    }
    return blocks;
}
