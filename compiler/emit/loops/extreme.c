/* The greatest or least of several floats, for compilers that make vectors of it.
 *
 * A maximum that passes NaN on takes four instructions, a choice that does not takes one. So the
 * choices find the greatest of all in the order of the maxima, and whether any of them is NaN is
 * asked apart from that, of two at a time: without NaN the choices have the bits of the maxima. */
#include "compiler/emit/loops/loops.h"

#include <string.h>

enum {
    FEWEST = 3,  /* floats, that are worth it */
    WIDEST = 62, /* columns of two operands and what they are indented by */
};

struct extreme {
    struct emitter *emitter;
    enum op op, choice;
    enum dtype dtype;
    const char *nan;    /* the local with all bits where one is NaN; NULL: nothing asked yet */
    const char *single; /* a float that has no second one yet, or NULL */
};

/* Whether its operands can stand in its place in a max: it is one too, and nothing else uses it. */
static bool takes_in(const struct extreme *extreme, const struct expression *e) {
    return e->kind == EXPRESSION_OP && extreme->emitter->uses[e->id] == 1 &&
           !emit_named(extreme->emitter, e) &&
           (e->op == extreme->op ||
            (e->op == extreme->choice && expression_is_number(e->sources[1])));
}

static int count_tests(const struct extreme *extreme, const struct expression *e) {
    int tests = 0;
    for (int i = 0; i < e->source_count; i++) {
        const struct expression *source = e->sources[i];
        tests += takes_in(extreme, source) ? count_tests(extreme, source)
                                           : !expression_is_number(source);
    }
    return tests;
}

static void test(struct extreme *extreme, const char *a, const char *b) {
    const char *function = arena_format(extreme->emitter->ir->arena, "%s_unordered",
                                        dtype_facts[extreme->dtype].short_name);
    sections_want(&extreme->emitter->sections, function);
    bool first = !extreme->nan;
    if (first)
        extreme->nan = emit_local_name(extreme->emitter, "nan");
    emit_line(extreme->emitter, "%s%s %s %s(%s, %s);",
              !first                            ? ""
              : extreme->dtype == DTYPE_FLOAT32 ? "uint32_t "
                                                : "uint64_t ",
              extreme->nan, first ? "=" : "|=", function, a, b);
}

static const char *choose(struct extreme *extreme, const struct expression *e);

static const char *operand_of(struct extreme *extreme, const struct expression *e) {
    if (takes_in(extreme, e))
        return choose(extreme, e);
    const char *zero = emit_compared_zero(extreme->emitter, e);
    if (zero)
        return zero;
    const char *name = emit_local(extreme->emitter, e);
    if (expression_is_number(e))
        return name;
    if (extreme->single)
        test(extreme, extreme->single, name);
    extreme->single = extreme->single ? NULL : name;
    return name;
}

static const char *make_local(struct extreme *extreme, const char *text) {
    const char *name = emit_local_name(extreme->emitter, "v");
    emit_line(extreme->emitter, "const %s %s = %s;", dtype_facts[extreme->dtype].c_type, name,
              text);
    return name;
}

/* The choice in place of a maximum. */
static const char *choose(struct extreme *extreme, const struct expression *e) {
    struct emitter *emitter = extreme->emitter;
    const char *a = operand_of(extreme, e->sources[0]), *b = operand_of(extreme, e->sources[1]);
    const char *text =
        arena_format(emitter->ir->arena, "%s(%s, %s)",
                     emit_scalar_call(emitter, extreme->choice, extreme->dtype), a, b);
    size_t width = 2 * strlen(text) + 4 * (size_t)emitter->indent;
    return width > WIDEST ? make_local(extreme, text) : text;
}

const char *emit_extreme(struct emitter *emitter, const struct expression *e) {
    if ((e->op != OP_MAX && e->op != OP_MIN) || !dtype_is_real(e->dtype))
        return NULL;
    struct extreme extreme = {.emitter = emitter,
                              .op = e->op,
                              .choice = e->op == OP_MAX ? OP_GREATER_OF : OP_LESSER_OF,
                              .dtype = e->dtype};
    if (count_tests(&extreme, e) < FEWEST)
        return NULL;
    const char *chosen = choose(&extreme, e);
    if (extreme.single)
        test(&extreme, extreme.single, extreme.single);
    const char *function =
        arena_format(emitter->ir->arena, "%s_nan_or", dtype_facts[e->dtype].short_name);
    sections_want(&emitter->sections, function);
    const char *name = make_local(
        &extreme, arena_format(emitter->ir->arena, "%s(%s, %s)", function, extreme.nan, chosen));
    emit_name_expression(emitter, e, name);
    return name;
}
