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

static bool is_signed(const struct small_tile *small) {
    return small->tile->kind == &tile_kinds[TILE_KIND_SIGNED_DOT];
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

/* ---- Tiles of vectors of int8 ---- */

/* Sums are in even registers, which the instruction asks for; the rest of them in odd ones: where
 * each row of the stream goes on, r9 where the panel does, r11 what is counted. */
static const char *const sum_registers[] = {"r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr"};
static const char *const row_registers[] = {"r1", "r3", "r5", "r7"};

static const char *sum_register(const struct small_tile *small, int row, int column) {
    return sum_registers[row * small->tile->columns + column];
}

/* Registers of rows that may do without: rows 128 bytes or less behind the first, or the fourth
 * behind the second, are read from where these are. */
static const char *row_words(const struct small_tile *small, int row) {
    return arena_format(small->emitter->ir->arena, "\"%s\", \"row%d\", \"row%d\"",
                        row_registers[row], row, row == 3 ? 1 : 0);
}

/* A macro of the instructions of one step: its vectors are q0, q1, .. of the panel, and behind them
 * one of the stream. */
static void define_step(const struct small_tile *small, const char *name) {
    struct text *text = small->text;
    const int columns = small->tile->columns;
    text_add(text, "#ifdef DOT_VECTORS\n#define %s", name);
    for (int column = 0; column < columns; column++)
        text_add(text, " \\\n    DOT_LOAD(\"q%d\", \"r9\")", column);
    for (int row = 0; row < small->tile->rows; row++) {
        if (row)
            text_add(text, " \\\n    DOT_LOAD_ROW(\"q%d\", %s)", columns, row_words(small, row));
        else
            text_add(text, " \\\n    DOT_LOAD(\"q%d\", \"r1\")", columns);
        for (int column = 0; column < columns; column++)
            text_add(text, " DOT_ADD(\"%s\", \"q%d\", \"q%d\")", sum_register(small, row, column),
                     columns, column);
    }
    text_add(text, "\n#endif\n");
}

static void add_moves(const struct small_tile *small, const char *stream, const char *panel) {
    struct arena *arena = small->emitter->ir->arena;
    add_line(small, arena_format(arena, "    DOT_MOVE(\"r1\", \"r1\", \"%s\")", stream));
    for (int row = 1; row < small->tile->rows; row++)
        add_line(small, arena_format(arena, "    DOT_MOVE_ROW(%s, \"%s\")", row_words(small, row),
                                     stream));
    add_line(small, arena_format(arena, "    DOT_MOVE(\"r9\", \"r9\", \"%s\")", panel));
}

/* All of the tile at once, where the compiler knows its walk. */
static void add_assembler(struct small_tile *small, const char *step) {
    struct arena *arena = small->emitter->ir->arena;
    const int rows = small->tile->rows, columns = small->tile->columns;
    text_add(small->text, "#ifdef DOT_VECTORS\n");
    add_line(small,
             arena_format(arena, "const struct dot_steps take = dot_steps_of(walk, %d);", columns));
    const char *rows_known = "";
    for (int row = 1; row < rows; row++)
        rows_known = arena_format(arena, "%s && DOT_KNOWN(walk->rows[%d])", rows_known, row);
    open_line(small, arena_format(arena, "if (resume == 0 && DOT_FITS(take, %d)%s) {", columns,
                                  rows_known));
    add_line(small, "register int32_t *to __asm__(\"r0\") = sums;");
    add_line(small,
             "register const int8_t *x __asm__(\"r1\") = stream, *y __asm__(\"r2\") = panel;");
    add_line(small, "__asm__ volatile(");
    add_line(small, "    DOT_BEGIN");
    for (int row = 1; row < rows; row++)
        add_line(small, arena_format(arena, "    DOT_BEGIN_ROW(%s)", row_words(small, row)));
    for (int sum = 0; sum < rows * columns; sum++)
        add_line(small, arena_format(arena, "    DOT_CLEAR(\"%s\")", sum_registers[sum]));
    add_line(small, arena_format(arena, "    DOT_OUTER DOT_LINE DOT_STEPS(%s)", step));
    add_moves(small, "next", "next_panel");
    add_line(small, "    DOT_NEXT_LINE DOT_BEGIN_NEXT");
    add_moves(small, "outer_next", "outer_panel");
    add_line(small, "    DOT_END_NEXT DOT_STORE");
    for (int sum = 0; sum + 1 < rows * columns; sum += 2)
        add_line(small, arena_format(arena, "    DOT_TWO_SUMS(\"%s\", \"%s\", \"%d\")",
                                     sum_registers[sum], sum_registers[sum + 1], 4 * sum));
    if (rows * columns % 2)
        add_line(small, arena_format(arena, "    DOT_SUM(\"%s\", \"%d\")",
                                     sum_registers[rows * columns - 1], 4 * rows * columns - 4));
    add_line(small, "    DOT_END");
    add_line(small, "    : \"+r\"(to), \"+r\"(x), \"+r\"(y)");
    const char *offsets = ", [row0] \"i\"(0)";
    for (int row = 1; row < rows; row++)
        offsets = arena_format(arena, "%s, [row%d] \"i\"(walk->rows[%d])", offsets, row, row);
    add_line(small, arena_format(arena, "    : DOT_CONSTANTS(take)%s", offsets));
    add_line(small, "    : DOT_CLOBBERS);");
    add_line(small, "return;");
    close_lines(small, 1);
    text_add(small->text, "#endif\n");
}

static const char *signed_product(const struct small_tile *small, int row, int column) {
    return arena_format(small->emitter->ir->arena,
                        "s%d_%d = dot_add_sixteen(s%d_%d, x + walk->rows[%d], y + %d)", row, column,
                        row, column, row, 16 * column);
}

/* ---- Any tile ---- */

static void add_step(const struct small_tile *small) {
    if (is_signed(small)) {
        add_rows(small, "", signed_product, ";");
        return;
    }
    add_panel(small);
    for (int row = 0; row < small->tile->rows; row++) {
        if (!small->tile->lanes)
            add_stream(small, row);
        add_row(small, "", row, product, ";");
    }
}

/* A loop over a level of the walk, from the pointers of the one around it. */
static void open_level(struct small_tile *small, const char *outer, const char *inner,
                       const char *counter, const char *first) {
    struct arena *arena = small->emitter->ir->arena;
    const char *panel = dtype_facts[small->tile->kind->panel].c_type;
    if (!inner)
        add_line(small, adds_floats(small) ? "SMALL_UNROLL" : "SMALL_KEEP_LOOP");
    open_line(small, arena_format(arena, "for (ptrdiff_t %s = %s; %s %s 0; %s--) {", counter, first,
                                  counter, *counter == 'h' ? ">=" : ">", counter));
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
    open_level(small, "_h", "_i", "h", "walk->again");
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
    const char *step =
        arena_format(emitter->ir->arena, "SIGNED_DOT_%dX%d", tile->rows, tile->columns);
    if (is_signed(&small))
        define_step(&small, step);
    open_line(&small,
              arena_format(emitter->ir->arena, "SMALL_TILE %s(%s) {", emit_tile_name(emitter, tile),
                           emit_tile_parameters(emitter, tile)));
    add_line(&small, "(void)ahead;");
    if (is_signed(&small))
        add_assembler(&small, step);
    add_rows(&small, adds_floats(&small) ? "float " : "uint32_t ", no_sum, ",");
    open_line(&small, "if (resume != 0) {");
    add_rows(&small, "", loaded_sum, ";");
    close_lines(&small, 1);
    add_line(&small, arena_format(emitter->ir->arena, "const %s *x_h = stream;",
                                  dtype_facts[tile->kind->stream].c_type));
    add_line(&small, arena_format(emitter->ir->arena, "const %s *y_h = panel;",
                                  dtype_facts[tile->kind->panel].c_type));
    add_walk(&small);
    add_rows(&small, "", stored_sum, ";");
    close_lines(&small, 1);
    text_add(text, "\n");
}

/* ---- All else ---- */

static void declare_array(struct emitter *emitter, const char *type, const char *name,
                          const char *count) {
    emit_line(emitter, "%s %s[%s];", type, name, count);
}

/* Few sums, of which loops would be longer than what they do. */
static void add_epilogue(struct emitter *emitter, const struct store *store,
                         const struct epilogue *epilogue) {
    struct epilogue unrolled = *epilogue;
    if (epilogue->kind == &tile_kinds[TILE_KIND_SIGNED_DOT])
        unrolled.before = "DOT_UNROLL";
    emit_epilogue_loops(emitter, store, &unrolled);
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
    .epilogue = add_epilogue,
    .copy_out = emit_copy_loop,
    .reduction = emit_reduction,
};
