/* What the text calls beside its own kernels: tiles, and functions of the runtime. */
#include "compiler/emit/emit.h"
#include "compiler/schedule/tile_kind.h"

#include <string.h>

static int compare_tiles(const struct wanted_tile *a, const struct wanted_tile *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->lanes != b->lanes)
        return a->lanes - b->lanes;
    return a->columns != b->columns ? a->columns - b->columns : a->rows - b->rows;
}

void emit_want_tile(struct emitter *emitter, struct wanted_tile wanted) {
    struct wanted_tile *tiles = emitter->tiles;
    if (emitter->backend->inlines_tiles && !emitter->backend->writes_tiles &&
        tile_kind_decodes(wanted.kind))
        emit_want_tile(emitter, (struct wanted_tile){&tile_kinds[TILE_KIND_FLOAT32], wanted.lanes,
                                                     wanted.rows, wanted.columns});
    int place = 0;
    while (place < emitter->tile_count && compare_tiles(&tiles[place], &wanted) < 0)
        place++;
    if (place < emitter->tile_count && compare_tiles(&tiles[place], &wanted) == 0)
        return;
    if (emitter->tile_count == MAX_TILES)
        unreachable();
    memmove(&tiles[place + 1], &tiles[place],
            (size_t)(emitter->tile_count - place) * sizeof *tiles);
    tiles[place] = wanted;
    emitter->tile_count++;
}

const char *emit_tile_name(struct emitter *emitter, const struct wanted_tile *tile) {
    return arena_format(emitter->ir->arena, "%s_%s%dx%d", tile->kind->name,
                        tile->lanes ? "lanes_" : "", tile->rows, tile->columns);
}

const char *emit_tile_parameters(struct emitter *emitter, const struct wanted_tile *tile) {
    const char *panel = dtype_facts[tile->kind->panel].c_type;
    return arena_format(emitter->ir->arena,
                        "%s *restrict sums, const %s *stream, const %s *panel,\n"
                        "        const struct %s *walk, int resume, const %s *ahead",
                        dtype_facts[tile->kind->accumulator].c_type,
                        dtype_facts[tile->kind->stream].c_type, panel, tile->kind->walk, panel);
}

const char *emit_runtime_function(struct emitter *emitter, const char *name,
                                  const char *parameters) {
    for (int i = 0; i < emitter->function_count; i++)
        if (strcmp(emitter->functions[i].name, name) == 0)
            return emitter->functions[i].declaration;
    const char *declaration = arena_format(emitter->ir->arena, "void %s(%s);\n", name, parameters);
    emitter->functions =
        arena_extend(emitter->ir->arena, emitter->functions, emitter->function_count,
                     &emitter->function_capacity, sizeof *emitter->functions);
    emitter->functions[emitter->function_count++] = (struct runtime_function){name, declaration};
    return declaration;
}
