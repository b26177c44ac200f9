/* The backend for gcc, clang and their cross compilers. */
#include "compiler/emit/loops/loops.h"

#include "compiler/schedule/tile_kind.h"

static void add_prelude(struct emitter *emitter, struct text *text) {
    text_add(text,
             "%s#include \"%s.h\"\n\n#include <math.h>\n#include <stddef.h>\n"
             "#include <stdint.h>\n#include <string.h>\n\n",
             emitter->pool ? "#define _POSIX_C_SOURCE 200809L\n\n" : "", emitter->prefix);
    sections_want(&emitter->sections, emit_byte_order(emitter));
    sections_want(&emitter->sections, "exact_floats");
}

/* How the template begins that makes tiles of a kind out of those of float32. */
static void add_decoding_call(struct text *text, const struct wanted_tile *tile) {
    if (tile->kind == &tile_kinds[TILE_KIND_CODES])
        text_add(text, "tile_codes(");
    else
        text_add(text, "tile_16(%s, %d, ",
                 tile->kind == &tile_kinds[TILE_KIND_FLOAT16] ? "TILE_F16" : "TILE_BF16",
                 tile->lanes);
}

/* A tile that makes float32 of its panel is built on that of float32, which stands before it. */
static void define_tile(struct emitter *emitter, struct text *text,
                        const struct wanted_tile *tile) {
    text_add(text, "TILE_INLINE %s(%s) {\n", emit_tile_name(emitter, tile),
             emit_tile_parameters(emitter, tile));
    if (tile->kind == &tile_kinds[TILE_KIND_FLOAT32])
        text_add(text, "    tile(%d, %d, %d, sums, stream, panel, walk, resume, ahead);\n}\n\n",
                 tile->lanes, tile->rows, tile->columns);
    else if (tile->kind == &tile_kinds[TILE_KIND_DOT])
        text_add(text, "    tile_dot(%d, %d, sums, stream, panel, walk, resume, ahead);\n}\n\n",
                 tile->rows, tile->columns);
    else if (tile->kind == &tile_kinds[TILE_KIND_LANE_DOT])
        text_add(text,
                 "    tile_dot_lanes(%d, %d, sums, stream, panel, walk, resume, ahead);\n}\n\n",
                 tile->rows, tile->columns);
    else {
        const struct wanted_tile part = {&tile_kinds[TILE_KIND_FLOAT32], tile->lanes, tile->rows,
                                         tile->columns};
        text_add(text, "    ");
        add_decoding_call(text, tile);
        text_add(text, "%d, %d, %s,\n            sums, stream, panel, walk, resume, ahead);\n}\n\n",
                 tile->rows, tile->columns, emit_tile_name(emitter, &part));
    }
}

static void declare_array(struct emitter *emitter, const char *type, const char *name,
                          const char *count) {
    emit_line(emitter, "_Alignas(64) %s %s[%s];", type, name, count);
}

static const char *const templates[] = {NULL};

const struct emit_backend emit_loops = {
    .name = "loops",
    .ending = "c",
    .inlines_tiles = true,
    .has_pool = true,
    .has_metadata = true,
    .has_system_headers = true,
    .keeps_branches = true,
    .computes_ahead = true,
    .hides_zeros = true,
    .outlined = "__attribute__((noinline)) ",
    .templates = templates,
    .prelude = add_prelude,
    .declare_tile = define_tile,
    .declare_array = declare_array,
    .statements = emit_statements,
    .epilogue = emit_strip_epilogue,
    .copy_out = emit_copy_loop,
    .reduction = emit_vector_reduction,
    .extreme = emit_extreme,
};
