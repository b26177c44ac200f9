/* The backend for machines without vectors: plain loops, and tiles written out, each sum a
 * variable, which compilers keep in a register at -O2 and at -Os. No more of the templates than is
 * used. */
#include "compiler/emit/emit.h"

#include "compiler/schedule/tile_kind.h"

#include <string.h>

static void add_prelude(struct emitter *emitter, struct text *text) {
    text_add(text,
             "%s#include \"%s.h\"\n\n#include <math.h>\n#include <stddef.h>\n"
             "#include <stdint.h>\n#include <string.h>\n\n",
             emitter->pool ? "#define _POSIX_C_SOURCE 200809L\n\n" : "", emitter->prefix);
    sections_want(&emitter->sections, emit_byte_order(emitter));
    sections_want(&emitter->sections, "exact_floats");
}

/* ---- Tiles ---- */

/* A tile of rows x columns has sums s0_0, s0_1, ..; takes y0, y1, .. from the panel, float32 as
 * they are into ys[0], ys[1], .., and for each of its rows x from the stream, or, lane by lane, an
 * x of each sum. */
struct small_tile {
    struct emitter *emitter;
    const struct wanted_tile *tile;
    struct text *text;
    int indent;
};

static void add_line(const struct small_tile *small, const char *line) {
    text_add(small->text, "%*s%s\n", 4 * small->indent, "", line);
}

static void open_line(struct small_tile *small, const char *line) {
    add_line(small, line);
    small->indent++;
}

static void close_lines(struct small_tile *small, int count) {
    while (count--) {
        small->indent--;
        add_line(small, "}");
    }
}

/* Declarations or statements behind `begin`, on as few lines as possible; those of a declaration,
 * with commas between them, go on further right. */
static void add_items(const struct small_tile *small, const char *begin, int count,
                      const char *const *items, const char *between) {
    const size_t indent = 4 * (size_t)small->indent, more = *between == ',' ? 4 : 0;
    size_t column = indent + strlen(begin);
    text_add(small->text, "%*s%s", (int)indent, "", begin);
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(items[i]) + 1;
        const bool breaks = i > 0 && column + length + 1 > 99;
        if (breaks)
            text_add(small->text, "\n%*s", (int)(indent + more), "");
        else if (i > 0)
            text_add(small->text, " ");
        column = breaks ? indent + more + length : column + length + 1;
        text_add(small->text, "%s%s", items[i], i + 1 < count ? between : ";");
    }
    text_add(small->text, "\n");
}

static bool adds_floats(const struct small_tile *small) {
    return small->tile->kind->accumulator == DTYPE_FLOAT32;
}

typedef const char *item_of(const struct small_tile *small, int row, int column);

static const char *no_sum(const struct small_tile *small, int row, int column) {
    return arena_format(small->emitter->ir->arena, "s%d_%d = %s", row, column,
                        adds_floats(small) ? "0.0f" : "0");
}

static const char *place_of_sum(const struct small_tile *small, int row, int column) {
    struct arena *arena = small->emitter->ir->arena;
    const char *base = row == 0   ? ""
                       : row == 1 ? "walk->sums"
                                  : arena_format(arena, "%d * walk->sums", row);
    return row == 0  ? arena_format(arena, "sums[%d]", column)
           : !column ? arena_format(arena, "sums[%s]", base)
                     : arena_format(arena, "sums[%s + %d]", base, column);
}

static const char *loaded_sum(const struct small_tile *small, int row, int column) {
    return arena_format(small->emitter->ir->arena, "s%d_%d = %s", row, column,
                        place_of_sum(small, row, column));
}

static const char *stored_sum(const struct small_tile *small, int row, int column) {
    return arena_format(small->emitter->ir->arena, "%s = s%d_%d", place_of_sum(small, row, column),
                        row, column);
}

static const char *element_of_stream(const struct small_tile *small, int row, int column) {
    struct arena *arena = small->emitter->ir->arena;
    return column ? arena_format(arena, "x[walk->rows[%d] + %d]", row, column)
                  : arena_format(arena, "x[walk->rows[%d]]", row);
}

/* Whether the panel's elements need no conversion, so that they are loaded together. */
static bool loads_panel(const struct small_tile *small) {
    return small->tile->kind->panel == DTYPE_FLOAT32;
}

/* Integers wrap around. */
static const char *product(const struct small_tile *small, int row, int column) {
    struct arena *arena = small->emitter->ir->arena;
    const char *x = small->tile->lanes ? element_of_stream(small, row, column) : "x0";
    if (adds_floats(small))
        return arena_format(arena, "s%d_%d = small_fma(%s, %s, s%d_%d)", row, column, x,
                            arena_format(arena, loads_panel(small) ? "ys[%d]" : "y%d", column), row,
                            column);
    return small->tile->lanes
               ? arena_format(arena, "s%d_%d += (uint32_t)(%s * y%d)", row, column, x, column)
               : arena_format(arena, "s%d_%d = dot_add(s%d_%d, x0, y%d)", row, column, row, column,
                              column);
}

/* An item for each column of a row. */
static void add_row(const struct small_tile *small, const char *begin, int row, item_of *item,
                    const char *between) {
    const int count = small->tile->columns;
    const char **items = arena_array(small->emitter->ir->arena, const char *, (size_t)count);
    for (int i = 0; i < count; i++)
        items[i] = item(small, row, i);
    add_items(small, begin, count, items, between);
}

static void add_rows(const struct small_tile *small, const char *begin, item_of *item,
                     const char *between) {
    for (int row = 0; row < small->tile->rows; row++)
        add_row(small, begin, row, item, between);
}

/* How a kind says that y0 is taken from the panel; and x0 from the stream, where all columns of a
 * row share it. */
static const char *panel_form(const struct small_tile *small) {
    const struct tile_kind *kind = small->tile->kind;
    return kind == &tile_kinds[TILE_KIND_FLOAT16]    ? "y%d = f16_to_f32(y[%d])"
           : kind == &tile_kinds[TILE_KIND_BFLOAT16] ? "y%d = bf16_to_f32(y[%d])"
           : kind == &tile_kinds[TILE_KIND_DOT]      ? "y%d = dot_four_of_panel(y + 4 * %d)"
                                                     : "y%d = y[%d]";
}

static const char *panel_type(const struct small_tile *small) {
    return adds_floats(small)   ? "const float "
           : small->tile->lanes ? "const int8_t "
                                : "const dot_panel ";
}

/* Its elements, which all rows share. */
static void add_panel(const struct small_tile *small) {
    struct arena *arena = small->emitter->ir->arena;
    if (loads_panel(small)) {
        add_line(small, arena_format(arena, "float ys[%d];", small->tile->columns));
        add_line(small, arena_format(arena, "y = small_load_%d(y, ys);", small->tile->columns));
        return;
    }
    const char **items = arena_array(arena, const char *, (size_t)small->tile->columns);
    for (int i = 0; i < small->tile->columns; i++)
        items[i] = arena_format(arena, panel_form(small), i, i);
    add_items(small, panel_type(small), small->tile->columns, items, ",");
}

static void add_stream(const struct small_tile *small, int row) {
    const char *type = row ? "" : adds_floats(small) ? "float " : "dot_stream ";
    const char *form = adds_floats(small) ? "%sx0 = x[walk->rows[%d]];"
                                          : "%sx0 = dot_four_of_stream(x + walk->rows[%d]);";
    add_line(small, arena_format(small->emitter->ir->arena, form, type, row));
}

static void add_step(const struct small_tile *small) {
    add_panel(small);
    for (int row = 0; row < small->tile->rows; row++) {
        if (!small->tile->lanes)
            add_stream(small, row);
        add_row(small, "", row, product, ";");
    }
}

/* Whether the tile has vectors for its innermost loop, where panel and stream lie alike. */
static bool has_vectors(const struct small_tile *small) {
    return small->tile->columns == 1 &&
           tile_kind_vector(small->tile->kind, small->emitter->ir->target) > 0;
}

/* As many steps as vectors take at once; the loop behind it takes those that are left. */
static void add_vectors(struct small_tile *small) {
    struct arena *arena = small->emitter->ir->arena;
    const int bytes = tile_kind_vector(small->tile->kind, small->emitter->ir->target);
    const int steps = bytes / small->tile->kind->group;
    text_add(small->text, "#ifdef DOT_VECTORS\n");
    open_line(small, "if (walk->stream[2] == 4 && walk->panel[2] == 4) {");
    add_line(small, "SMALL_KEEP_LOOP");
    open_line(small, arena_format(arena, "for (; k >= %d; k -= %d) {", steps, steps));
    add_line(small, "const dot_vector y0 = dot_vector_of_panel(y);");
    add_line(small, "excess = dot_vector_sum(excess, y0);");
    for (int row = 0; row < small->tile->rows; row++)
        add_line(small, arena_format(arena,
                                     "s%d_0 = dot_vector_add(s%d_0, "
                                     "dot_vector_of_stream(x + walk->rows[%d]), y0);",
                                     row, row, row));
    add_line(small, arena_format(arena, "x += %d;", bytes));
    add_line(small, arena_format(arena, "y += %d;", bytes));
    close_lines(small, 2);
    text_add(small->text, "#endif\n");
}

/* Where steps are less than vectors, these gather; no walk is left then. */
static void add_gathers(struct small_tile *small) {
    struct arena *arena = small->emitter->ir->arena;
    const int bytes = tile_kind_vector(small->tile->kind, small->emitter->ir->target);
    add_line(small, "ptrdiff_t again = walk->again;");
    text_add(small->text, "#ifdef DOT_VECTORS\n");
    open_line(small, "if (dot_is_short(walk)) {");
    add_line(small, "const ptrdiff_t depth = dot_depth(walk);");
    add_line(small, "again = -1;");
    add_line(small, "DOT_UNROLL");
    open_line(small, arena_format(arena, "for (ptrdiff_t at = 0; at < depth; at += %d) {", bytes));
    add_line(small, "const uint8x16_t places = dot_places(walk, at);");
    add_line(small, "const dot_vector y0 = dot_vector_of_rest(panel + at, depth - at);");
    add_line(small, "excess = dot_vector_sum(excess, y0);");
    for (int row = 0; row < small->tile->rows; row++)
        add_line(small, arena_format(arena,
                                     "s%d_0 = dot_vector_add(s%d_0, "
                                     "dot_vector_at(stream + walk->rows[%d], places), y0);",
                                     row, row, row));
    close_lines(small, 2);
    text_add(small->text, "#endif\n");
}

static const char *with_excess(const struct small_tile *small, int row, int column) {
    return arena_format(small->emitter->ir->arena, "s%d_%d += 128 * excess", row, column);
}

/* A loop over a level of the walk, from the pointers of the one around it. */
static void open_level(struct small_tile *small, const char *outer, const char *inner,
                       const char *counter, const char *first) {
    struct arena *arena = small->emitter->ir->arena;
    const char *panel = dtype_facts[small->tile->kind->panel].c_type;
    if (!inner && has_vectors(small)) {
        add_line(small, arena_format(arena, "ptrdiff_t %s = %s;", counter, first));
        add_vectors(small);
    }
    if (!inner)
        add_line(small, adds_floats(small) ? "SMALL_UNROLL" : "SMALL_KEEP_LOOP");
    const char *begin = !inner && has_vectors(small)
                            ? ""
                            : arena_format(arena, "ptrdiff_t %s = %s", counter, first);
    open_line(small, arena_format(arena, "for (%s; %s %s 0; %s--) {", begin, counter,
                                  *counter == 'h' ? ">=" : ">", counter));
    if (!inner)
        return;
    const char *stream = dtype_facts[small->tile->kind->stream].c_type;
    add_line(small, arena_format(arena, "const %s *x%s = x%s;", stream, inner, outer));
    add_line(small, arena_format(arena, "const %s *y%s = y%s;", panel, inner, outer));
}

static void close_level(struct small_tile *small, const char *pointers, const char *stream,
                        const char *panel) {
    struct arena *arena = small->emitter->ir->arena;
    add_line(small, arena_format(arena, "x%s += walk->%s;", pointers, stream));
    add_line(small, arena_format(arena, "y%s += walk->%s;", pointers, panel));
    close_lines(small, 1);
}

static void add_walk(struct small_tile *small) {
    if (has_vectors(small))
        add_gathers(small);
    open_level(small, "_h", "_i", "h", has_vectors(small) ? "again" : "walk->again");
    open_level(small, "_i", "_j", "i", "walk->extent[0]");
    open_level(small, "_j", "", "j", "walk->extent[1]");
    open_level(small, "", NULL, "k", "walk->extent[2]");
    add_step(small);
    close_level(small, "", "stream[2]",
                loads_panel(small)
                    ? arena_format(small->emitter->ir->arena, "panel[2] - %d", small->tile->columns)
                    : "panel[2]");
    close_level(small, "_j", "stream[1]", "panel[1]");
    close_level(small, "_i", "stream[0]", "panel[0]");
    close_level(small, "_h", "again_stream", "again_panel");
}

static void define_tile(struct emitter *emitter, struct text *text,
                        const struct wanted_tile *tile) {
    struct small_tile small = {emitter, tile, text, 0};
    const char *panel = dtype_facts[tile->kind->panel].c_type;
    open_line(&small,
              arena_format(emitter->ir->arena, "SMALL_TILE %s(%s) {", emit_tile_name(emitter, tile),
                           emit_tile_parameters(emitter, tile)));
    add_rows(&small, adds_floats(&small) ? "float " : "uint32_t ", no_sum, ",");
    if (has_vectors(&small))
        add_line(&small, "uint32_t excess = 0;");
    add_line(&small, arena_format(emitter->ir->arena, "const %s *x_h = stream;",
                                  dtype_facts[tile->kind->stream].c_type));
    add_line(&small, arena_format(emitter->ir->arena, "const %s *y_h = panel;", panel));
    add_line(&small, "(void)ahead;");
    open_line(&small, "if (resume != 0) {");
    add_rows(&small, "", loaded_sum, ";");
    close_lines(&small, 1);
    add_walk(&small);
    if (has_vectors(&small))
        add_rows(&small, "", with_excess, ";");
    add_rows(&small, "", stored_sum, ";");
    close_lines(&small, 1);
    text_add(text, "\n");
}

/* ---- All else ---- */

static void declare_array(struct emitter *emitter, const char *type, const char *name,
                          const char *count) {
    emit_line(emitter, "%s %s[%s];", type, name, count);
}

static const char *const templates[] = {template_tile_small, NULL};

const struct emit_backend emit_small = {
    .name = "small",
    .ending = "c",
    .inlines_tiles = true,
    .writes_tiles = true,
    .has_pool = true,
    .has_metadata = true,
    .has_system_headers = true,
    .keeps_branches = true,
    .hides_zeros = true,
    .outlined = "__attribute__((noinline)) ",
    .templates = templates,
    .prelude = add_prelude,
    .declare_tile = define_tile,
    .declare_array = declare_array,
    .statements = emit_statement_loops,
    .epilogue = emit_epilogue_loops,
    .copy_out = emit_copy_loop,
    .reduction = emit_reduction,
};
