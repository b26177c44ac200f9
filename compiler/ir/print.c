/* The loop IR as text; parse.c reads it back in. In the text, and in messages about it, the word
 * for a statement is "kernel"; statements of one struct kernel are linked by "with" and "joins".
 *
 *   buffer x input 0 float32[32,20,20]
 *   buffer layers.0.bias constant float32[32]
 *   kernel 0 nodes 12 13 -> t13 temporary float32[32,10,10]
 *     axes a5:32 a6:10 a7:10
 *     bound a8:2 a9:2
 *     v1 = add(x[a5, 2*a6 + a8, 2*a7 + a9], layers.0.bias[a5])
 *     value reduce_max{a8 a9}(where(lt(0.0, v1), v1, 0.0))
 *
 * After the nodes stands "with 3" where a statement becomes one function with statement 3, the one
 * before, "joins 3" where it also runs in that one's innermost loop, and "part" where it stores
 * only some elements of its buffer. The first statement that stores into a buffer declares it.
 *
 * Axes are aN:EXTENT where they are listed: `axes` up to fuse.c; from split_axes.c on `loops`, from
 * fuse_outer_loops.c on also `shared`, and `store` says where they store. What reductions bind is
 * listed under `bound`. Expressions that are used more than once, or as an index, get a line of
 * their own, vN. An expression is an operation name(source, ...), a load t9[index, ...], a guard
 * when(0<=index<28 & ..., inside, otherwise), a reduction name{axes}(sources), an integer
 * index(dtype, index) or a constant: 1.5 is a float32, int32:7 an integer,
 * float64:0x8000000000000000 the bits of any other.
 *
 * An index is a sum such as 3*a5 + (a6)/9 + (a7)%3 - 1, where <vN 0..9> is an
 * integer known at run time only, and its bounds.
 * Once scheduled, loads and stores have one linear index, [@index].
 *
 * Names that are not words are quoted; where buffers share a name, the second is name'2. The
 * elements of constants are not written. Tiles are, but cannot be read back. */
#include "compiler/ir/print.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_FOR_PEOPLE = 4000
}; /* print_expression's text; shared parts would grow it forever */

struct printing {
    struct text *text;
    size_t end;     /* where text for people is cut; 0: nowhere */
    int *ordinals;  /* by buffer id: 2 for the second of its name; NULL: names are enough */
    bool *declared; /* by buffer id: those that a statement printed so far stores */
    int *uses;      /* by expression id, of the statement at hand; NULL: no lines of their own */
    int *labels;    /* by expression id: N of vN, 0: none */
    int line_count; /* expressions with lines of their own, by id */
    const struct expression **lines;
    int bound_count;
    const struct axis *bound[MAX_LOOPS];
};

/* ---- Names and numbers ---- */

static bool is_word(const char *name) {
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return false;
    for (; *name; name++)
        if ((unsigned char)*name > 127 || (!isalnum((unsigned char)*name) && !strchr("_.", *name)))
            return false;
    return true;
}

static void print_name(const struct printing *printing, const struct buffer *buffer) {
    struct text *text = printing->text;
    if (is_word(buffer->name)) {
        text_add(text, "%s", buffer->name);
    } else {
        text_add(text, "\"");
        for (const char *at = buffer->name; *at; at++)
            if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
                text_add(text, "\\x%02x", (unsigned char)*at);
            else
                text_add(text, "%c", *at);
        text_add(text, "\"");
    }
    if (printing->ordinals && printing->ordinals[buffer->id] > 1)
        text_add(text, "'%d", printing->ordinals[buffer->id]);
}

/* The shortest decimal that reads back as the same float. */
static void print_float(float value, struct text *text) {
    char digits[32];
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    text_add(text, "%s%s", digits, strpbrk(digits, ".ein") ? "" : ".0");
}

static void print_constant(const struct expression *e, struct text *text) {
    if (e->dtype == DTYPE_FLOAT32 && !isnan(constant_value(e)))
        print_float((float)constant_value(e), text);
    else if (dtype_is_integer(e->dtype))
        text_add(text, "%s:%s", dtype_facts[e->dtype].name, integer_text(e->dtype, e->bits).text);
    else
        text_add(text, "%s:0x%" PRIx64, dtype_facts[e->dtype].name, e->bits);
}

/* ---- Indices and expressions ---- */

static void print_in(struct printing *printing, const struct expression *e);
static void print_index_in(struct printing *printing, const struct index *index);

static void print_atom(struct printing *printing, const struct atom *atom) {
    switch (atom->kind) {
    case ATOM_AXIS:
        text_add(printing->text, "a%d", atom->axis->id);
        return;
    case ATOM_VALUE:
        text_add(printing->text, "<");
        print_in(printing, atom->value);
        text_add(printing->text, " %" PRId64 "..%" PRId64 ">", atom->minimum, atom->maximum);
        return;
    case ATOM_DIV:
    case ATOM_MOD:
        text_add(printing->text, "(");
        print_index_in(printing, atom->operand);
        text_add(printing->text, ")%c%" PRId64, atom->kind == ATOM_DIV ? '/' : '%', atom->divisor);
        return;
    }
    unreachable();
}

static void print_index_in(struct printing *printing, const struct index *index) {
    struct text *text = printing->text;
    for (int i = 0; i < index->count; i++) {
        int64_t factor = index->terms[i].coefficient;
        text_add(text, "%s", i ? factor < 0 ? " - " : " + " : factor < 0 ? "-" : "");
        if (factor != 1 && factor != -1)
            text_add(text, "%" PRId64 "*", factor < 0 ? -factor : factor);
        print_atom(printing, index->terms[i].atom);
    }
    if (!index->count)
        text_add(text, "%" PRId64, index->constant);
    else if (index->constant)
        text_add(text, " %c %" PRId64, index->constant < 0 ? '-' : '+',
                 index->constant < 0 ? -index->constant : index->constant);
}

static void print_load(struct printing *printing, const struct expression *e) {
    print_name(printing, e->buffer);
    text_add(printing->text, e->index ? "[@" : "[");
    if (e->index)
        print_index_in(printing, e->index);
    for (int i = 0; i < e->index_count; i++) {
        text_add(printing->text, "%s", i ? ", " : "");
        print_index_in(printing, e->indices[i]);
    }
    text_add(printing->text, "]");
}

static void print_predicates(struct printing *printing, const struct expression *e) {
    for (int i = 0; i < e->predicate_count; i++) {
        text_add(printing->text, "%s%" PRId64 "<=", i ? " & " : "", e->predicates[i].lower);
        print_index_in(printing, e->predicates[i].index);
        text_add(printing->text, "<%" PRId64, e->predicates[i].upper);
    }
}

/* What stands before the sources. */
static void print_head(struct printing *printing, const struct expression *e) {
    struct text *text = printing->text;
    if (e->kind == EXPRESSION_GUARD) {
        text_add(text, "when(");
        print_predicates(printing, e);
        text_add(text, ", ");
        return;
    }
    text_add(text, "%s", op_facts[e->op].name);
    if (e->kind == EXPRESSION_OP && op_facts[e->op].class == CLASS_CONVERT)
        text_add(text, ":%s", dtype_facts[e->dtype].name);
    if (e->kind == EXPRESSION_REDUCE) {
        for (int i = 0; i < e->axis_count; i++)
            text_add(text, "%sa%d", i ? " " : "{", e->axes[i]->id);
        text_add(text, e->axis_count ? "}" : "{}");
    }
    if (e->kind == EXPRESSION_SCAN)
        text_add(text, ":%s{%d}", dtype_facts[e->dtype].name, (int)e->bits);
    for (int i = 0; i < e->size_count; i++)
        text_add(text, "%s%" PRId64 "%s", i ? "," : "{", e->sizes[i],
                 i + 1 < e->size_count ? "" : "}");
    text_add(text, "(");
}

/* Without looking whether the expression has a line of its own. */
static void print_whole(struct printing *printing, const struct expression *e) {
    struct text *text = printing->text;
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        print_constant(e, text);
        return;
    case EXPRESSION_INDEX:
        text_add(text, "index(%s, ", dtype_facts[e->dtype].name);
        print_index_in(printing, e->index);
        text_add(text, ")");
        return;
    case EXPRESSION_LOAD:
        print_load(printing, e);
        return;
    case EXPRESSION_OP:
    case EXPRESSION_GUARD:
    case EXPRESSION_REDUCE:
    case EXPRESSION_SCAN:
    case EXPRESSION_WHOLE:
        print_head(printing, e);
        for (int i = 0; i < e->source_count; i++) {
            text_add(text, "%s", i ? ", " : "");
            print_in(printing, e->sources[i]);
        }
        text_add(text, ")");
        return;
    }
    unreachable();
}

static void print_in(struct printing *printing, const struct expression *e) {
    if (printing->end && printing->text->length > printing->end)
        text_add(printing->text, "...");
    else if (printing->labels && printing->labels[e->id])
        text_add(printing->text, "v%d", printing->labels[e->id]);
    else
        print_whole(printing, e);
}

void print_index(const struct index *index, struct text *text) {
    struct printing printing = {.text = text, .end = text->length + LONGEST_FOR_PEOPLE};
    print_index_in(&printing, index);
}

void print_expression(const struct expression *expression, struct text *text) {
    struct printing printing = {.text = text, .end = text->length + LONGEST_FOR_PEOPLE};
    print_in(&printing, expression);
}

/* ---- Lines of their own ---- */

enum { AS_INDEX = 1 << 30 }; /* set in the uses of what serves as an index */

static void count_uses(struct printing *printing, const struct expression *e, bool as_index);

static void count_in_index(struct printing *printing, const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE)
            count_uses(printing, atom->value, true);
        else if (atom->kind != ATOM_AXIS)
            count_in_index(printing, atom->operand);
    }
}

static void note_bound(struct printing *printing, const struct expression *e) {
    for (int i = 0; i < e->axis_count; i++) {
        bool known = false;
        for (int k = 0; k < printing->bound_count; k++)
            known |= printing->bound[k] == e->axes[i];
        if (!known && printing->bound_count < MAX_LOOPS)
            printing->bound[printing->bound_count++] = e->axes[i];
    }
}

/* Counts the uses of everything below, each below it once; lists what is used. */
static void count_uses(struct printing *printing, const struct expression *e, bool as_index) {
    bool known = printing->uses[e->id] > 0;
    printing->uses[e->id] = as_index ? printing->uses[e->id] | AS_INDEX : printing->uses[e->id] + 1;
    if (known)
        return;
    note_bound(printing, e);
    for (int i = 0; i < e->source_count; i++)
        count_uses(printing, e->sources[i], false);
    if (e->index)
        count_in_index(printing, e->index);
    for (int i = 0; i < e->index_count; i++)
        count_in_index(printing, e->indices[i]);
    for (int i = 0; i < e->predicate_count; i++)
        count_in_index(printing, e->predicates[i].index);
    printing->lines[printing->line_count++] = e;
}

static int by_id(const void *a, const void *b) {
    const struct expression *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static bool deserves_line(const struct printing *printing, const struct expression *e) {
    int uses = printing->uses[e->id];
    bool small = e->kind == EXPRESSION_CONSTANT || e->kind == EXPRESSION_LOAD;
    return uses >= AS_INDEX || (uses > 1 && !small);
}

static void print_lines(struct printing *printing) {
    qsort(printing->lines, (size_t)printing->line_count, sizeof(void *), by_id);
    int count = 0;
    for (int i = 0; i < printing->line_count; i++) {
        const struct expression *e = printing->lines[i];
        if (!deserves_line(printing, e))
            continue;
        text_add(printing->text, "  v%d = ", ++count);
        print_whole(printing, e);
        text_add(printing->text, "\n");
        printing->labels[e->id] = count;
    }
}

static void forget_lines(struct printing *printing) {
    for (int i = 0; i < printing->line_count; i++)
        printing->uses[printing->lines[i]->id] = printing->labels[printing->lines[i]->id] = 0;
    printing->line_count = printing->bound_count = 0;
}

/* ---- Buffers and statements ---- */

static void print_extents(const char *before, int count, const int64_t *extents,
                          struct text *text) {
    text_add(text, "%s[", before);
    for (int i = 0; i < count; i++)
        text_add(text, "%s%" PRId64, i ? "," : "", extents[i]);
    text_add(text, "]");
}

static void print_buffer(const struct printing *printing, const struct buffer *buffer) {
    static const char *const kinds[] = {"input", "output", "constant", "temporary", "local"};
    struct text *text = printing->text;
    int64_t stride[MAX_RANK], product = 1;
    print_name(printing, buffer);
    text_add(text, " %s ", kinds[buffer->kind]);
    if (buffer->kind == BUFFER_INPUT || buffer->kind == BUFFER_OUTPUT)
        text_add(text, "%d ", buffer->position);
    print_extents(dtype_facts[buffer->dtype].name, buffer->rank, buffer->shape, text);
    row_major_strides(buffer->rank, buffer->shape, stride);
    if (memcmp(stride, buffer->stride, (size_t)buffer->rank * sizeof *stride) != 0)
        print_extents(" strides", buffer->rank, buffer->stride, text);
    for (int i = 0; i < buffer->rank; i++)
        product *= buffer->shape[i];
    if (product != buffer->elements)
        text_add(text, " elements %" PRId64, buffer->elements);
    if (buffer->splat)
        text_add(text, " splat");
    int64_t sliced[MAX_RANK], any = 0;
    for (int i = 0; i < buffer->rank; i++)
        any |= sliced[i] = buffer->sliced[i];
    if (any)
        print_extents(" sliced", buffer->rank, sliced, text);
    if (buffer->per_thread)
        text_add(text, " apart");
}

static void print_axes(const char *what, int count, const struct axis *const *axes,
                       struct text *text) {
    text_add(text, "  %s", what);
    for (int i = 0; i < count; i++)
        text_add(text, " a%d:%" PRId64, axes[i]->id, axes[i]->extent);
    text_add(text, "\n");
}

static void print_store(struct printing *printing, const struct statement *statement) {
    text_add(printing->text, statement->address ? "  store [@" : "  store [");
    if (statement->address)
        print_index_in(printing, statement->address);
    for (int i = 0; !statement->address && i < statement->output->rank; i++) {
        text_add(printing->text, "%s", i ? ", " : "");
        print_index_in(printing, statement->store[i]);
    }
    text_add(printing->text, "]\n");
}

static void print_pointer(struct printing *printing, const char *what, const struct buffer *buffer,
                          const struct index *base) {
    text_add(printing->text, " %s ", what);
    print_name(printing, buffer);
    text_add(printing->text, "[@");
    print_index_in(printing, base);
    text_add(printing->text, "]");
}

static void print_block(struct printing *printing, const struct tile *tile,
                        const struct tile_block *block) {
    struct text *text = printing->text;
    text_add(text, "    block of %d x %d, columns a%d:%" PRId64, block->rows, block->columns,
             block->column->id, block->column->extent);
    if (tile->loop_row_count)
        text_add(text, ", rows a%d:%" PRId64, block->local->id, block->local->extent);
    text_add(text, "\n");
    if (block->stage) {
        text_add(text, "      stage ");
        print_expression(block->stage, text);
        text_add(text, "\n      in place [@");
        print_index(block->stage_address, text);
        text_add(text, "]\n");
    }
    text_add(text, "      value ");
    print_expression(block->value, text);
    text_add(text, "\n      store [@");
    print_index(block->address, text);
    text_add(text, "]\n");
}

static void print_tile_loops(const struct tile *tile, struct text *text) {
    text_add(text, "    loops");
    for (int i = 0; i < tile->loop_count; i++) {
        const struct tile_loop *loop = &tile->loops[i];
        if (loop->axis)
            text_add(text, " a%d:%" PRId64, loop->axis->id, loop->axis->extent);
        else
            text_add(text, " sum:%" PRId64, tile->sum_axes[0].extent);
        if (loop->step > 1)
            text_add(text, "/%" PRId64, loop->step);
    }
    text_add(text, "\n");
}

static void print_cuts(const struct tile *tile, struct text *text) {
    for (int i = 0; i < tile->cut_count; i++) {
        const struct tile_cut *cut = &tile->cuts[i];
        text_add(text, "    steps k of sum %" PRId64 " with %" PRId64 "<=",
                 tile->sum_axes[cut->sum].extent, cut->first);
        print_index(cut->place, text);
        text_add(text, " + %" PRId64 "*k<%" PRId64 "\n", cut->step, cut->end);
    }
}

static void print_tile(struct printing *printing, const struct tile *tile) {
    struct text *text = printing->text;
    text_add(text, "  tile%s, columns a%d in steps of %d, about %.0f cycles\n",
             tile->lanes ? " lane by lane" : "", tile->column_loop->id, tile->columns,
             tile->cycles);
    for (int i = 0; i < tile->row_axis_count; i++) {
        const struct tile_row_axis *row = &tile->row_axes[i];
        text_add(text, "    rows");
        if (row->loop)
            text_add(text, " a%d in steps of %" PRId64, row->loop->id, row->block);
        else
            text_add(text, " pooled");
        if (!row->loop || i > 0)
            text_add(text, " a%d:%" PRId64, row->local->id, row->local->extent);
        text_add(text, " stride %" PRId64 "\n", row->stride);
    }
    for (int i = 0; i < tile->sum_axis_count; i++)
        text_add(text, "    sum %" PRId64 " strides %" PRId64 " %" PRId64 "%s\n",
                 tile->sum_axes[i].extent, tile->sum_axes[i].stream_stride,
                 tile->sum_axes[i].panel_stride, tile->packed ? " rows" : "");
    print_cuts(tile, text);
    print_tile_loops(tile, text);
    if (tile->prefetch.buffer)
        text_add(text, "    fetches %" PRId64 " bytes of %s, lines %" PRId64 "\n",
                 tile->prefetch.count, tile->prefetch.buffer->name, tile->prefetch.lines);
    else if (tile->prefetch.count)
        text_add(text,
                 "    fetches %" PRId64 " elements from %" PRId64 " on, lines %" PRId64
                 " in turns of %" PRId64 "\n",
                 tile->prefetch.count, tile->prefetch.next, tile->prefetch.lines,
                 tile->prefetch.iteration);
    text_add(text, "   ");
    print_pointer(printing, "stream", tile->stream, tile->stream_base);
    print_pointer(printing, "panel", tile->panel, tile->panel_base);
    text_add(text, "\n");
    for (int i = 0; i < tile->block_count; i++)
        print_block(printing, tile, &tile->blocks[i]);
}

/* Axes that a statement before has listed. */
static void print_known_axes(const char *what, int count, const struct axis *const *axes,
                             struct text *text) {
    text_add(text, "  %s", what);
    for (int i = 0; i < count; i++)
        text_add(text, " a%d", axes[i]->id);
    text_add(text, "\n");
}

static void print_loops(const struct statement *statement, struct text *text) {
    if (statement->joins)
        print_known_axes("loops", statement->loop_count, statement->loops, text);
    else
        print_axes("loops", statement->loop_count, statement->loops, text);
}

/* Listed by the first statement of a kernel. */
static void print_shared(const struct ir *ir, const struct statement *statement,
                         struct text *text) {
    bool first =
        statement->id == 0 || ir->statements[statement->id - 1]->kernel != statement->kernel;
    if (statement->shared_count && first)
        print_axes("shared", statement->shared_count, statement->shared, text);
    else if (statement->shared_count)
        print_known_axes("shared", statement->shared_count, statement->shared, text);
}

/* What threads do with it. */
static void print_threads(const struct statement *statement, struct text *text) {
    if (!statement->parallel_loop)
        return;
    text_add(text, "  parts of a%d", statement->parallel_loop->id);
    if (statement->parallel_step > 1)
        text_add(text, " in steps of %" PRId64, statement->parallel_step);
    text_add(text, "\n");
}

static void print_statement(struct printing *printing, const struct ir *ir,
                            const struct statement *statement) {
    struct text *text = printing->text;
    if (statement->id > 0 &&
        statement->kernel->step > ir->statements[statement->id - 1]->kernel->step)
        text_add(text, "all threads meet\n");
    text_add(text, "kernel %d nodes", statement->id);
    for (int i = 0; i < statement->node_count; i++)
        text_add(text, " %d", statement->nodes[i]->origin);
    if (statement->id > 0 && ir->statements[statement->id - 1]->kernel == statement->kernel)
        text_add(text, statement->joins ? " joins %d" : " with %d", statement->id - 1);
    text_add(text, statement->partial ? " part -> " : " -> ");
    if (printing->declared[statement->output->id])
        print_name(printing, statement->output);
    else
        print_buffer(printing, statement->output);
    printing->declared[statement->output->id] = true;
    text_add(text, "\n");
    bool split = statement->loop_count || statement->store[0] || statement->address;
    if (split)
        print_loops(statement, text);
    else
        print_axes("axes", statement->axis_count, statement->axes, text);
    print_shared(ir, statement, text);
    print_threads(statement, text);
    if (statement->tile)
        print_tile(printing, statement->tile);
    count_uses(printing, statement->value, false);
    if (printing->bound_count)
        print_axes("bound", printing->bound_count, printing->bound, text);
    print_lines(printing);
    text_add(text, "  value ");
    print_in(printing, statement->value);
    text_add(text, "\n");
    if (split)
        print_store(printing, statement);
    forget_lines(printing);
}

/* ---- The whole ---- */

struct declared {
    const struct buffer *buffer;
    int place;
};

static int by_name(const void *a, const void *b) {
    const struct declared *x = a, *y = b;
    int order = strcmp(x->buffer->name, y->buffer->name);
    return order ? order : x->place - y->place;
}

static bool is_leaf(const struct buffer *buffer) {
    return buffer->kind == BUFFER_INPUT || buffer->kind == BUFFER_CONSTANT;
}

/* Numbers the buffers of each name, in the order in which they are declared: inputs and constants
 * first, then what statements compute. */
static void number_names(const struct ir *ir, struct declared *list, int *ordinals) {
    int count = 0;
    for (int i = 0; i < ir->buffer_count; i++)
        if (is_leaf(ir->buffers[i]))
            list[count] = (struct declared){ir->buffers[i], count}, count++;
    for (int i = 0; i < ir->statement_count; i++)
        if (!ordinals[ir->statements[i]->output->id]++)
            list[count] = (struct declared){ir->statements[i]->output, count}, count++;
    if (count)
        qsort(list, (size_t)count, sizeof *list, by_name);
    for (int i = 0; i < count; i++) {
        bool again = i && strcmp(list[i].buffer->name, list[i - 1].buffer->name) == 0;
        ordinals[list[i].buffer->id] = again ? ordinals[list[i - 1].buffer->id] + 1 : 1;
    }
}

static void print_all(const struct ir *ir, struct printing *printing, struct text *text) {
    for (int i = 0; i < ir->buffer_count; i++) {
        if (!is_leaf(ir->buffers[i]))
            continue;
        text_add(text, "buffer ");
        print_buffer(printing, ir->buffers[i]);
        text_add(text, "\n");
    }
    for (int i = 0; i < ir->statement_count; i++)
        print_statement(printing, ir, ir->statements[i]);
}

void print_ir(const struct ir *ir, struct text *text) {
    size_t expressions = (size_t)ir->expression_count + 1, buffers = (size_t)ir->buffer_count + 1;
    struct arena own = {0}, *arena = text->arena ? text->arena : &own;
    struct declared *list =
        arena_array(arena, struct declared, buffers + (size_t)ir->statement_count);
    struct printing printing = {.text = text,
                                .ordinals = arena_array(arena, int, buffers),
                                .declared = arena_array(arena, bool, buffers),
                                .uses = arena_array(arena, int, expressions),
                                .labels = arena_array(arena, int, expressions),
                                .lines =
                                    arena_array(arena, const struct expression *, expressions)};
    if (list && printing.ordinals && printing.declared && printing.uses && printing.labels &&
        printing.lines) {
        number_names(ir, list, printing.ordinals);
        print_all(ir, &printing, text);
    } else {
        text_fail(text);
    }
    arena_free(&own);
}

void print_graph(const struct graph *graph, struct text *text) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        text_add(text, "node %d from %d %s", node->id, node->origin, op_facts[node->op].name);
        if (node->name)
            text_add(text, " \"%s\"", node->name);
        for (int k = 0; k < node->source_count; k++)
            text_add(text, " %d", node->sources[k]->id);
        text_add(text, " -> %s\n", shape_text(node).text);
    }
    for (int i = 0; i < graph->output_count; i++)
        text_add(text, "output \"%s\" %d\n", graph->outputs[i].name, graph->outputs[i].node->id);
}
