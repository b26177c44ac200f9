/* Expressions of the loop IR as C.
 *
 * Small expressions nest; what is used twice or grows long gets a local of its own, so that lines
 * stay short and nothing is computed twice. Locals belong to the block in which they are declared:
 * what stands under a guard is computed under it, since its loads may be out of range elsewhere. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    LONG_TEXT = 48, /* beyond this, an expression becomes a local */
    LINE = 100,
    LONG_LOAD = 64, /* loads may be longer: their names and indices tell what is read */
};

static const char *make_local(struct emitter *emitter, const struct expression *e,
                              const char *text) {
    const char *name = emit_local_name(emitter, "v");
    emit_line(emitter, "const %s %s = %s;", dtype_facts[e->dtype].c_type, name, text);
    emit_name_expression(emitter, e, name);
    return name;
}

const char *emit_local(struct emitter *emitter, const struct expression *e) {
    const char *text = emit_expression(emitter, e);
    return emit_named(emitter, e) || e->kind == EXPRESSION_CONSTANT ? text
                                                                    : make_local(emitter, e, text);
}

/* ---- Indices ---- */

static const char *emit_atom(struct emitter *emitter, const struct atom *atom) {
    struct arena *arena = emitter->ir->arena;
    switch (atom->kind) {
    case ATOM_AXIS:
        return axis_text(emitter, atom->axis);
    case ATOM_VALUE:
        return arena_format(arena, "(long)%s", emit_local(emitter, atom->value));
    case ATOM_DIV:
    case ATOM_MOD: {
        const char *operand = emit_index(emitter, atom->operand);
        bool simple = atom->operand->count == 1 && !atom->operand->constant &&
                      atom->operand->terms[0].coefficient == 1;
        return arena_format(arena, "%s%s%s %c %" PRId64, simple ? "" : "(", operand,
                            simple ? "" : ")", atom->kind == ATOM_DIV ? '/' : '%', atom->divisor);
    }
    }
    unreachable();
}

static void add_term(struct emitter *emitter, struct text *text, const struct index_term *term) {
    int64_t factor = term->coefficient;
    if (text->length)
        text_add(text, factor < 0 ? " - " : " + ");
    else if (factor < 0)
        text_add(text, "-");
    if (factor < 0)
        factor = -factor;
    const char *atom = emit_atom(emitter, term->atom);
    bool division = term->atom->kind == ATOM_DIV || term->atom->kind == ATOM_MOD;
    if (factor != 1)
        text_add(text, "%" PRId64 " * ", factor);
    text_add(text, factor != 1 && division ? "(%s)" : "%s", atom);
}

const char *emit_index(struct emitter *emitter, const struct index *index) {
    struct text text = text_in(emitter->ir->arena);
    for (int pass = 0; pass < 2; pass++) /* positive terms first: no leading minus */
        for (int i = 0; i < index->count; i++)
            if ((index->terms[i].coefficient < 0) == (pass == 1))
                add_term(emitter, &text, &index->terms[i]);
    if (!text.length)
        text_add(&text, "%" PRId64, index->constant);
    else if (index->constant)
        text_add(&text, index->constant < 0 ? " - %" PRId64 : " + %" PRId64,
                 index->constant < 0 ? -index->constant : index->constant);
    return text_keep(&text);
}

/* ---- Constants ---- */

static const char *emit_float(struct emitter *emitter, uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    struct arena *arena = emitter->ir->arena;
    if (isnan(value)) {
        sections_want(&emitter->sections, "f32_from_bits");
        return arena_format(arena, "f32_from_bits(0x%08xu)", bits);
    }
    if (isinf(value))
        return value < 0 ? "-INFINITY" : "INFINITY";
    if (fabsf(value) < 1000.0f && value * 4.0f == rintf(value * 4.0f)) {
        const char *text = arena_format(arena, "%.2f", (double)value);
        size_t length = strlen(text); /* 0.50 is 0.5, 2.00 is 2.0 */
        return arena_format(arena, "%.*sf", (int)(text[length - 1] == '0' ? length - 1 : length),
                            text);
    }
    return arena_format(arena, "%af /* %.9g */", (double)value, (double)value);
}

const char *emit_constant(struct emitter *emitter, enum dtype dtype, uint64_t bits) {
    struct arena *arena = emitter->ir->arena;
    double real;
    switch (dtype) {
    case DTYPE_FLOAT32:
        return emit_float(emitter, (uint32_t)bits);
    case DTYPE_FLOAT64:
        memcpy(&real, &bits, sizeof real);
        if (isfinite(real))
            return arena_format(arena, "%a /* %.17g */", real, real);
        sections_want(&emitter->sections, "f64_from_bits");
        return arena_format(arena, "f64_from_bits(0x%016" PRIx64 "u)", bits);
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        return arena_format(arena, "0x%04xu", (unsigned)bits);
    case DTYPE_INT32:
        return (int32_t)bits == INT32_MIN ? "(-2147483647 - 1)"
                                          : arena_format(arena, "%" PRId32, (int32_t)bits);
    case DTYPE_INT64:
        return (int64_t)bits == INT64_MIN ? "(-9223372036854775807 - 1)"
                                          : arena_format(arena, "%" PRId64, (int64_t)bits);
    case DTYPE_INT8:
    case DTYPE_UINT8:
    case DTYPE_INT16:
    case DTYPE_UINT16:
    case DTYPE_BOOL:
        return arena_format(arena, "%s", integer_text(dtype, bits).text);
    case DTYPE_UINT32:
    case DTYPE_UINT64:
        return arena_format(arena, "%su", integer_text(dtype, bits).text);
    case DTYPE_COUNT:
        break;
    }
    unreachable();
}

/* ---- Operations ---- */

/* Whether text needs no parentheses beside an operator. The comment after a constant says its
 * decimal, and is passed over. */
static bool is_atomic(const char *text) {
    int nesting = 0;
    for (const char *at = text; *at; at++) {
        const char *comment_end = strncmp(at, " /*", 3) == 0 ? strstr(at, "*/") : NULL;
        if (comment_end) {
            at = comment_end + 1;
            continue;
        }
        nesting += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
        if (nesting == 0 && (*at == ' ' || *at == '?'))
            return false;
    }
    return text[0] != '-';
}

static const char *in_parentheses(struct emitter *emitter, const char *text) {
    return is_atomic(text) ? text : arena_format(emitter->ir->arena, "(%s)", text);
}

/* How tightly C binds what emit_op prints for an expression; locals, calls and loads bind most. */
enum { BIND_CHOICE, BIND_COMPARISON, BIND_SUM, BIND_PRODUCT, BIND_ATOM };

static bool prints_infix(const struct expression *e) {
    return e->kind == EXPRESSION_OP && op_facts[e->op].infix[0] &&
           (dtype_is_real(e->sources[0]->dtype) || e->dtype == DTYPE_BOOL);
}

static int binding(const struct expression *e) {
    if (e->kind == EXPRESSION_GUARD || (e->kind == EXPRESSION_OP && e->op == OP_WHERE))
        return BIND_CHOICE;
    if (e->kind == EXPRESSION_OP && e->op == OP_RECIP)
        return BIND_PRODUCT;
    if (!prints_infix(e))
        return BIND_ATOM;
    switch (op_facts[e->op].infix[0]) {
    case '*':
    case '/':
        return BIND_PRODUCT;
    case '+':
    case '-':
        return BIND_SUM;
    default:
        return BIND_COMPARISON;
    }
}

/* An operand of something that binds as tightly as `around`. */
static const char *operand(struct emitter *emitter, const struct expression *e, int around) {
    const char *text = emit_expression(emitter, e);
    bool bare = is_atomic(text) || (binding(e) >= around && text[0] != '-');
    return bare ? text : in_parentheses(emitter, text);
}

static const char *plain_cast(struct emitter *emitter, const char *type, const char *text) {
    return arena_format(emitter->ir->arena, is_atomic(text) ? "(%s)%s" : "(%s)(%s)", type, text);
}

/* A cast, or NaN made canonical for a bitcast; by name if templates/convert.h has it. */
static const char *conversion(struct emitter *emitter, const char *name, const char *type,
                              const char *text) {
    struct arena *arena = emitter->ir->arena;
    if (sections_have(&emitter->sections, name)) {
        sections_want(&emitter->sections, name);
        return arena_format(arena, "%s(%s)", name, text);
    }
    return type ? plain_cast(emitter, type, text) : text;
}

/* Whether it is one of a tile's integer sums, by itself or with something added or taken away: no
 * compiler can take that for a float that was cast to an integer, from which functions that make
 * floats of integers have to keep gcc (templates/convert.h). */
static bool is_integer_sum(const struct expression *e) {
    const bool adds = e->kind == EXPRESSION_OP && (e->op == OP_ADD || e->op == OP_SUB);
    if (dtype_is_real(e->dtype))
        return false;
    if (adds && e->sources[0]->kind == EXPRESSION_OP && e->sources[1]->kind == EXPRESSION_OP)
        return false; /* rather than look at all of what they are made of */
    return adds ? is_integer_sum(e->sources[0]) != is_integer_sum(e->sources[1])
                : e->kind == EXPRESSION_LOAD && e->buffer->kind == BUFFER_LOCAL;
}

static const char *emit_cast(struct emitter *emitter, const struct expression *e) {
    const struct dtype_facts *from = &dtype_facts[e->sources[0]->dtype],
                             *to = &dtype_facts[e->dtype];
    const char *text = emit_expression(emitter, e->sources[0]);
    if (e->sources[0]->dtype == e->dtype)
        return text;
    if ((e->dtype == DTYPE_FLOAT32 || e->dtype == DTYPE_FLOAT64) && is_integer_sum(e->sources[0]))
        return plain_cast(emitter, to->c_type, text);
    const char *name =
        arena_format(emitter->ir->arena, "%s_to_%s", from->short_name, to->short_name);
    return conversion(emitter, name, to->c_type, text);
}

const char *emit_canonical(struct emitter *emitter, enum dtype dtype, const char *text) {
    const char *name =
        arena_format(emitter->ir->arena, "%s_canonical", dtype_facts[dtype].short_name);
    return conversion(emitter, name, NULL, text);
}

/* Only floats have bit helpers; other pairs of equal width convert as integers do. */
static const char *emit_bitcast(struct emitter *emitter, const struct expression *e) {
    struct arena *arena = emitter->ir->arena;
    enum dtype from = e->sources[0]->dtype, to = e->dtype;
    const char *text = emit_canonical(emitter, from, emit_expression(emitter, e->sources[0]));
    bool from_real = dtype_is_real(from), to_real = dtype_is_real(to);
    if (from_real == to_real)
        return to_real ? text : arena_format(arena, "(%s)(%s)", dtype_facts[to].c_type, text);
    const char *name = arena_format(arena, from_real ? "%s_bits" : "%s_from_bits",
                                    dtype_facts[from_real ? from : to].short_name);
    sections_want(&emitter->sections, name);
    const char *bits = arena_format(arena, "%s(%s)", name, text);
    return from_real ? arena_format(arena, "(%s)%s", dtype_facts[to].c_type, bits) : bits;
}

const char *emit_hidden_zero(struct emitter *emitter, enum dtype dtype, uint64_t bits) {
    const bool narrow = dtype == DTYPE_FLOAT32;
    const uint64_t sign = narrow ? UINT64_C(1) << 31 : UINT64_C(1) << 63;
    if ((!narrow && dtype != DTYPE_FLOAT64) || (bits & ~sign) != 0)
        return NULL;
    const char *name = narrow ? "f32_zero" : "f64_zero";
    sections_want(&emitter->sections, name);
    return arena_format(emitter->ir->arena, "%s%s()", bits ? "-" : "", name);
}

const char *emit_compared_zero(struct emitter *emitter, const struct expression *e) {
    return emitter->backend->hides_zeros && e->kind == EXPRESSION_CONSTANT
               ? emit_hidden_zero(emitter, e->dtype, e->bits)
               : NULL;
}

/* What the greater or lesser of two is made of. */
static const char *emit_compared(struct emitter *emitter, const struct expression *e) {
    const char *zero = emit_compared_zero(emitter, e);
    return zero ? zero : emit_expression(emitter, e);
}

static const char *emit_call(struct emitter *emitter, const struct expression *e,
                             const char *function) {
    struct arena *arena = emitter->ir->arena;
    const bool compares =
        e->op == OP_MAX || e->op == OP_MIN || e->op == OP_GREATER_OF || e->op == OP_LESSER_OF;
    const char *(*emit)(struct emitter *, const struct expression *) =
        compares ? emit_compared : emit_expression;
    const char *first = emit(emitter, e->sources[0]);
    if (e->source_count == 1)
        return arena_format(arena, "%s(%s)", function, first);
    return arena_format(arena, "%s(%s, %s)", function, first, emit(emitter, e->sources[1]));
}

/* A float form that is one call of its operand, like "(f32_exp(a))": the function's name. */
static const char *direct_function(struct emitter *emitter, enum op op, enum dtype dtype) {
    const char *form = op_form(op, dtype);
    size_t name = strcspn(form + 1, "(");
    const char *rest = form + 1 + name;
    if (form[0] != '(' || name == 0 || (strcmp(rest, "(a))") != 0 && strcmp(rest, "(a, b))") != 0))
        return NULL;
    return arena_format(emitter->ir->arena, "%.*s", (int)name, form + 1);
}

static bool find_load(struct emitter *emitter, const struct expression *e) {
    if (!emit_mark(emitter, e) || emit_named(emitter, e))
        return false;
    bool found = e->kind == EXPRESSION_LOAD;
    for (int i = 0; i < e->source_count && !found; i++)
        found = find_load(emitter, e->sources[i]);
    return found;
}

/* Whether its text reads memory. */
static bool has_load(struct emitter *emitter, const struct expression *e) {
    emitter->mark++;
    return find_load(emitter, e);
}

/* gcc 12 makes loads under a condition masked loads and gets some of the masks wrong, so what a
 * choice reads it reads before. */
static const char *emit_choice(struct emitter *emitter, const struct expression *e) {
    for (int i = 1; i < e->source_count; i++)
        if (has_load(emitter, e->sources[i]))
            emit_local(emitter, e->sources[i]);
    const char *condition = operand(emitter, e->sources[0], BIND_COMPARISON);
    const char *yes = operand(emitter, e->sources[1], BIND_COMPARISON);
    return arena_format(emitter->ir->arena, "%s ? %s : %s", condition, yes,
                        operand(emitter, e->sources[2], BIND_COMPARISON));
}

static const char *emit_op(struct emitter *emitter, const struct expression *e) {
    enum dtype dtype = e->sources[0]->dtype;
    if (e->op == OP_CAST)
        return emit_cast(emitter, e);
    if (e->op == OP_BITCAST)
        return emit_bitcast(emitter, e);
    if (e->op == OP_WHERE)
        return emit_choice(emitter, e);
    if (emitter->backend->extreme) {
        const char *extreme = emitter->backend->extreme(emitter, e);
        if (extreme)
            return extreme;
    }
    if (prints_infix(e)) {
        int own = binding(e); /* from the left, as C groups; a comparison of comparisons in full */
        const char *left = operand(emitter, e->sources[0], own == BIND_COMPARISON ? own + 1 : own);
        return arena_format(emitter->ir->arena, "%s %s %s", left, op_facts[e->op].infix,
                            operand(emitter, e->sources[1], own + 1));
    }
    if (dtype_is_real(dtype) && e->op == OP_NEG)
        return arena_format(emitter->ir->arena, "-%s", operand(emitter, e->sources[0], BIND_ATOM));
    if (dtype_is_real(dtype) && e->op == OP_RECIP)
        return arena_format(emitter->ir->arena, "%s / %s", dtype == DTYPE_FLOAT32 ? "1.0f" : "1.0",
                            operand(emitter, e->sources[0], BIND_ATOM));
    const char *direct = dtype_is_real(dtype) ? direct_function(emitter, e->op, dtype) : NULL;
    if (direct && sections_have(&emitter->sections, direct))
        sections_want(&emitter->sections, direct);
    return emit_call(emitter, e, direct ? direct : emit_scalar_call(emitter, e->op, dtype));
}

/* ---- Guards ---- */

/* One bound of a predicate, with the index's constant on the right. */
static void add_bound(struct emitter *emitter, struct text *text, size_t *column,
                      const char *variable, const char *comparison, int64_t bound) {
    const char *test =
        arena_format(emitter->ir->arena, "%s %s %" PRId64, variable, comparison, bound);
    bool breaks = *column + strlen(test) + 4 > LINE - 12;
    if (text->length)
        text_add(text, breaks ? " &&\n%*s" : " && ", 4 * (emitter->indent + 2), "");
    *column = (breaks ? 4 * (size_t)emitter->indent : *column) + strlen(test) + 4;
    text_add(text, "%s", test);
}

const char *emit_predicates(struct emitter *emitter, const struct expression *guard) {
    struct text text = text_in(emitter->ir->arena);
    size_t column = 4 * (size_t)emitter->indent;
    for (int i = 0; i < guard->predicate_count; i++) {
        const struct predicate *predicate = &guard->predicates[i];
        const struct index *index = predicate->index;
        const char *variable = emit_index(
            emitter, index_add(emitter->ir, index, index_constant(emitter->ir, -index->constant)));
        if (index->minimum < predicate->lower)
            add_bound(emitter, &text, &column, variable, ">=", predicate->lower - index->constant);
        if (index->maximum >= predicate->upper)
            add_bound(emitter, &text, &column, variable, "<", predicate->upper - index->constant);
    }
    return text.length ? text_keep(&text) : "1";
}

/* One side of a guard, with its statements set apart. */
static const char *emit_side(struct emitter *emitter, const struct expression *e,
                             struct text *statements) {
    struct text *outside = emitter->text;
    emitter->text = statements;
    emit_begin_scope(emitter);
    const char *text = emit_expression(emitter, e);
    emit_end_scope(emitter);
    emitter->text = outside;
    return text;
}

/* A choice where both sides are plain expressions, else a local that an if sets. What lies behind
 * the guard can only be read there, so where it is read the branch stays one. */
static const char *emit_guard(struct emitter *emitter, const struct expression *e) {
    struct arena *arena = emitter->ir->arena;
    struct text inside = text_in(arena), otherwise = text_in(arena);
    const char *condition = emit_predicates(emitter, e);
    const char *yes = emit_side(emitter, e->sources[0], &inside);
    const char *no = emit_side(emitter, e->sources[1], &otherwise);
    const char *result;
    size_t width = strlen(condition) + strlen(yes) + strlen(no) + 4 * (size_t)emitter->indent;
    bool reads = has_load(emitter, e->sources[0]) || has_load(emitter, e->sources[1]);
    if (!inside.length && !otherwise.length && !reads && width < LINE - 32) {
        result = arena_format(arena, "%s ? %s : %s", condition, in_parentheses(emitter, yes),
                              in_parentheses(emitter, no));
    } else {
        bool simple = e->sources[1]->kind == EXPRESSION_CONSTANT; /* safe to begin with */
        result = emit_local_name(emitter, "v");
        emit_line(emitter, simple ? "%s %s = %s;" : "%s %s;", dtype_facts[e->dtype].c_type, result,
                  no);
        emit_open(emitter, "if (%s) {", condition);
        if (reads && emitter->backend->keeps_branches) {
            emit_line(emitter, "KEEP_BRANCH;");
            sections_want(&emitter->sections, "keep_branch");
        }
        text_add(emitter->text, "%s", text_keep(&inside));
        emit_line(emitter, "%s = %s;", result, yes);
        if (!simple) {
            emit_else(emitter);
            text_add(emitter->text, "%s", text_keep(&otherwise));
            emit_line(emitter, "%s = %s;", result, no);
        }
        emit_close(emitter);
        emit_name_expression(emitter, e, result);
    }
    return result;
}

/* ---- All together ---- */

const char *emit_element(struct emitter *emitter, const struct buffer *buffer,
                         const struct index *address) {
    const char *text = emit_index(emitter, address);
    const bool dealt = emitter->group == REDUCTION_LANES && buffer->kind == BUFFER_LOCAL;
    return dealt && address->count > 0
               ? arena_format(emitter->ir->arena, "%s / %d", text, REDUCTION_LANES)
               : text;
}

static const char *emit_load(struct emitter *emitter, const struct expression *e) {
    return arena_format(emitter->ir->arena, "%s[%s]", e->buffer->name,
                        emit_element(emitter, e->buffer, e->index));
}

static const char *emit_text(struct emitter *emitter, const struct expression *e) {
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        return (emitter->backend->threads ? emitter->backend->threads->constant
                                          : emit_constant)(emitter, e->dtype, e->bits);
    case EXPRESSION_INDEX:
        return arena_format(emitter->ir->arena, "(%s)(%s)", dtype_facts[e->dtype].c_type,
                            emit_index(emitter, e->index));
    case EXPRESSION_LOAD:
        return emit_load(emitter, e);
    case EXPRESSION_OP:
        return emit_op(emitter, e);
    case EXPRESSION_GUARD:
        return emit_guard(emitter, e);
    case EXPRESSION_REDUCE: {
        const char *name = emitter->backend->reduction(emitter, e);
        emit_name_expression(emitter, e, name);
        return name;
    }
    case EXPRESSION_SCAN:
    case EXPRESSION_WHOLE:
        break; /* a kernel of its own */
    }
    unreachable();
}

static bool wants_local(const struct emitter *emitter, const struct expression *e,
                        const char *text) {
    if (e->kind == EXPRESSION_CONSTANT)
        return false;
    if (e->kind == EXPRESSION_LOAD)
        return strlen(text) > LONG_LOAD;
    return strlen(text) > LONG_TEXT || emitter->uses[e->id] > 1;
}

/* Whether a line with the text has no room for so many columns more. */
static bool is_wide(const struct emitter *emitter, const char *text, size_t more) {
    return strlen(text) + 4 * (size_t)emitter->indent + more > LINE;
}

static const char *name_sources(struct emitter *emitter, const struct expression *e,
                                enum expression_kind kind) {
    for (int i = 0; i < e->source_count; i++) {
        const struct expression *source = e->sources[i];
        if (source->kind == kind && !emit_named(emitter, source))
            make_local(emitter, source, emit_expression(emitter, source));
    }
    return emit_text(emitter, e);
}

/* Gives locals to the operands of an operation whose text is too wide for a line: to operations,
 * and to loads where it would not even fit a line of its own. */
static const char *narrow(struct emitter *emitter, const struct expression *e, const char *text) {
    if (is_wide(emitter, text, 24))
        text = name_sources(emitter, e, EXPRESSION_OP);
    if (is_wide(emitter, text, sizeof "const float v99 = ;"))
        text = name_sources(emitter, e, EXPRESSION_LOAD);
    return text;
}

const char *emit_expression(struct emitter *emitter, const struct expression *e) {
    const char *known = emit_named(emitter, e);
    if (known)
        return known;
    const char *text = emit_text(emitter, e);
    if (e->kind == EXPRESSION_OP)
        text = narrow(emitter, e, text);
    known = emit_named(emitter, e); /* guards and reductions may have named themselves */
    if (known)
        return known;
    return wants_local(emitter, e, text) ? make_local(emitter, e, text) : text;
}

const char *emit_expression_within(struct emitter *emitter, const struct expression *e,
                                   size_t width) {
    const char *text = emit_expression(emitter, e);
    bool wide = strlen(text) + 4 * (size_t)emitter->indent > width;
    return wide && e->kind == EXPRESSION_OP ? make_local(emitter, e, text) : text;
}

static void count_uses_in_index(const struct index *index, int *uses) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE)
            uses[atom->value->id]++;
        else if (atom->kind != ATOM_AXIS)
            count_uses_in_index(atom->operand, uses);
    }
}

/* Sources are visited before users, so that an expression's count begins at 0 in time. */
static void count_uses(void *context, const struct expression *e) {
    int *uses = context;
    uses[e->id] = 0;
    for (int i = 0; i < e->source_count; i++)
        uses[e->sources[i]->id]++;
    if (e->index)
        count_uses_in_index(e->index, uses);
    for (int i = 0; i < e->predicate_count; i++)
        count_uses_in_index(e->predicates[i].index, uses);
}

void emit_begin_values(struct emitter *emitter, int count, const struct expression *const *values) {
    expression_walk_all(emitter->ir, count, values, count_uses, emitter->uses);
    for (int i = 0; count > 1 && i < count; i++)
        emitter->uses[values[i]->id]++; /* what is stored, and used by another */
    emitter->named_count = 0;
    emitter->value_count = 0;
    emitter->depth = 0;
}

void emit_begin_value(struct emitter *emitter, const struct expression *value) {
    emit_begin_values(emitter, 1, &value);
}
