/* Index expressions: what each simplifies to, and that no simplification changes a value. */
#include "compiler/ir/print.h"
#include "tests/support/random_graph.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- What they become ---- */

/* Axes, an index over them, and what must be left of it with its bounds. */
static const struct simplification {
    const char *axes, *index, *expected;
} simplifications[] = {
    /* sums */
    {"a0:3", "7", "7 in 7..7"},
    {"a0:3", "a0", "a0 in 0..2"},
    {"a0:1", "a0 + 4", "4 in 4..4"}, /* an axis of extent 1 is 0 */
    {"a0:3 a1:4", "a1 + a0 + 5 - 2*a1", "a0 - a1 + 5 in 2..7"},
    {"a0:3", "2*a0 - a0 - a0 + 1", "1 in 1..1"},
    {"a0:3", "-3*(a0 - 4)", "-3*a0 + 12 in 6..12"},

    /* reshaping apart what reshaping put together */
    {"a0:2 a1:3 a2:4", "(12*a0 + 4*a1 + a2)/12", "a0 in 0..1"},
    {"a0:2 a1:3 a2:4", "(12*a0 + 4*a1 + a2)/4", "3*a0 + a1 in 0..5"},
    {"a0:2 a1:3 a2:4", "(12*a0 + 4*a1 + a2)/4%3", "a1 in 0..2"},
    {"a0:2 a1:3 a2:4", "(12*a0 + 4*a1 + a2)%4", "a2 in 0..3"},
    {"a0:2 a1:3 a2:5", "(12*a0 + 4*a1 + a2)%4", "(a2)%4 in 0..3"}, /* a2 carries */
    {"a0:24", "12*(a0/12) + 4*(a0/4%3) + a0%4", "a0 in 0..23"},
    {"a0:24", "24*(a0/12) + 8*(a0/4%3) + 2*(a0%4) + 1", "2*a0 + 1 in 1..47"},
    {"a0:24", "5*(a0/4) + a0%4", "5*(a0)/4 + (a0)%4 in 0..28"}, /* not the same row length */

    /* bounds decide */
    {"a0:3", "(a0 + 1)/4", "0 in 0..0"},
    {"a0:4", "(a0 + 1)/4", "(a0 + 1)/4 in 0..1"},
    {"a0:3", "(a0 + 8)/4", "2 in 2..2"},
    {"a0:3", "(a0 + 1)%4", "a0 + 1 in 1..3"},
    {"a0:3", "(a0 + 9)%4", "a0 + 1 in 1..3"},
    {"a0:10", "(9 - a0)/10", "0 in 0..0"},
    {"a0:10", "(9 - a0)%10", "-a0 + 9 in 0..9"},
    {"a0:3", "(a0 - 3)/3", "-1 in -1..-1"}, /* down, not towards zero */
    {"a0:3", "(a0 - 3)%3", "a0 in 0..2"},
    {"a0:4", "(a0 - 1)/4", "(a0 + 3)/4 - 1 in -1..0"}, /* C's division serves: no operand below 0 */
    {"a0:4", "(a0 - 1)%4", "(a0 + 3)%4 in 0..3"},

    /* flips keep their bounds; what exceeds the divisor is taken out */
    {"a0:20", "(19 - a0)/10", "(-a0 + 19)/10 in 0..1"},
    {"a0:20", "(19 - a0)%10", "(-a0 + 19)%10 in 0..9"},
    {"a0:20", "10*((19 - a0)/10) + (19 - a0)%10", "-a0 + 19 in 0..19"},
    {"a0:4 a1:31", "(31*a0 - a1 + 30)/31", "a0 in 0..3"},
    {"a0:4 a1:31 a2:3", "(93*a0 - 3*a1 - a2 + 92)/12",
     "7*a0 + (9*a0 - 3*a1 - a2 + 92)/12 in 0..30"},
    {"a0:3 a1:24", "(29*a0 + a1)/28", "a0 in 0..2"}, /* a repeated row, as TinyGrad's windows */
    {"a0:3 a1:24", "(29*a0 + a1)%28", "a0 + a1 in 0..25"},
    {"a0:5 a1:25", "(29*a0 + a1)%28", "(a0 + a1)%28 in 0..27"},

    /* common factors; what is left over cannot carry */
    {"a0:5", "(2*a0 + 1)/2", "a0 in 0..4"},
    {"a0:5", "(2*a0 + 1)%2", "1 in 1..1"},
    {"a0:5 a1:5", "(6*a0 + 4*a1 + 3)/2", "3*a0 + 2*a1 + 1 in 1..21"},
    {"a0:9", "(2*a0 + 1)/6", "(a0)/3 in 0..2"},
    {"a0:9", "(2*a0 + 1)%6", "2*(a0)%3 + 1 in 1..5"},

    /* divisions within divisions */
    {"a0:60", "a0/3/4", "(a0)/12 in 0..4"},
    {"a0:60", "a0%12/4", "((a0)/4)%3 in 0..2"},
    {"a0:60", "a0%12%4", "(a0)%4 in 0..3"},
    {"a0:60", "a0%5%4", "((a0)%5)%4 in 0..3"}, /* 4 does not divide 5 */
    {"a0:60", "a0%5/2", "((a0)%5)/2 in 0..2"},
    {"a0:60", "(a0/3)%60", "(a0)/3 in 0..19"},
};

static bool read_index(struct ir *ir, const struct simplification *row) {
    char text[512];
    struct et_error error = {0};
    snprintf(text, sizeof text,
             "kernel 0 nodes -> t0 temporary int64[] loops %s value index(int64, %s) store []",
             row->axes, row->index);
    bool good = parse_ir(ir, text, &error);
    cr_expect(good, "%s: %s", row->index, error.message);
    return good;
}

Test(index, simplifies) {
    for (size_t i = 0; i < sizeof simplifications / sizeof *simplifications; i++) {
        const struct simplification *row = &simplifications[i];
        struct arena arena = {0};
        struct ir ir = {.arena = &arena};
        struct text text = {0};
        if (read_index(&ir, row)) {
            const struct index *index = ir.statements[0]->value->index;
            print_index(index, &text);
            text_add(&text, " in %" PRId64 "..%" PRId64, index->minimum, index->maximum);
            cr_expect_str_eq(text.bytes, row->expected, "%s over %s: expected %s, found %s",
                             row->index, row->axes, row->expected, text.bytes);
        }
        text_free(&text);
        arena_free(&arena);
    }
}

/* ---- Against plain arithmetic ---- */

enum { AXES = 3, MOST_EXTENT = 6, MOST_POINTS = MOST_EXTENT * MOST_EXTENT * MOST_EXTENT };

static int64_t floor_quotient(int64_t a, int64_t b) {
    int64_t quotient = a / b;
    return quotient * b > a ? quotient - 1 : quotient;
}

/* Run-time values: what the buffer `table` holds, from -3 to 5. */
static int64_t table_at(int64_t position) {
    return (position * position * 7 + position * 3) % 9 - 3;
}

struct point {
    const struct axis *axes[AXES];
    int64_t at[AXES];
};

static int64_t value_at(const struct index *index, const struct point *point);

static int64_t atom_at(const struct atom *atom, const struct point *point) {
    switch (atom->kind) {
    case ATOM_AXIS:
        for (int i = 0; i < AXES; i++)
            if (point->axes[i] == atom->axis)
                return point->at[i];
        cr_assert(false, "an axis that was not there");
        return 0;
    case ATOM_DIV:
        return floor_quotient(value_at(atom->operand, point), atom->divisor);
    case ATOM_MOD: {
        int64_t value = value_at(atom->operand, point);
        return value - atom->divisor * floor_quotient(value, atom->divisor);
    }
    case ATOM_VALUE:
        return table_at(value_at(atom->value->indices[0], point));
    }
    return 0;
}

/* Checks the bounds of everything on the way. */
static int64_t value_at(const struct index *index, const struct point *point) {
    int64_t sum = index->constant;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        int64_t value = atom_at(atom, point);
        cr_assert(atom->minimum <= value && value <= atom->maximum, "an atom out of its bounds");
        cr_assert(index->terms[i].coefficient != 0, "a coefficient of 0");
        sum += index->terms[i].coefficient * value;
    }
    cr_assert(index->minimum <= sum && sum <= index->maximum, "an index out of its bounds");
    return sum;
}

/* Whether anything that is only known at run time occurs. */
static bool has_value(const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE || (atom->kind != ATOM_AXIS && has_value(atom->operand)))
            return true;
    }
    return false;
}

/* Operands of divisions are not negative: then C's division rounds down. */
static void check_operands(const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind != ATOM_DIV && atom->kind != ATOM_MOD)
            continue;
        cr_assert(atom->operand->minimum >= 0, "an operand may be negative");
        check_operands(atom->operand);
    }
}

/* An index with the values that plain arithmetic gives it at each point. */
struct traced {
    const struct index *index;
    int64_t values[MOST_POINTS];
};

struct trace {
    struct ir ir;
    struct random random;
    struct buffer *table;
    struct point point;
    int64_t points;
    int count;
    struct traced traced[24];
};

static void next_point(struct point *point) {
    for (int i = AXES - 1; i >= 0 && ++point->at[i] == point->axes[i]->extent; i--)
        point->at[i] = 0;
}

static void begin(struct trace *trace, struct arena *arena, uint64_t seed) {
    *trace = (struct trace){.ir = {.arena = arena}, .random = {.state = seed}, .points = 1};
    trace->table =
        ir_buffer(&trace->ir, BUFFER_INPUT, DTYPE_INT64, 1, (const int64_t[]){1}, "table");
    for (int i = 0; i < AXES; i++) {
        trace->point.axes[i] = ir_axis(&trace->ir, random_between(&trace->random, 1, MOST_EXTENT));
        trace->points *= trace->point.axes[i]->extent;
    }
    for (int i = 0; i < AXES; i++) {
        struct traced *traced = &trace->traced[trace->count++];
        traced->index = index_axis(&trace->ir, trace->point.axes[i]);
        for (int64_t k = 0; k < trace->points; k++, next_point(&trace->point))
            traced->values[k] = trace->point.at[i];
    }
}

static const struct index *table_value(struct trace *trace, const struct index *position) {
    return index_value(&trace->ir, expression_load(&trace->ir, trace->table, &position), -3, 5);
}

enum step { STEP_ADD, STEP_SCALE, STEP_SHIFT, STEP_DIVIDE, STEP_MODULO, STEP_TABLE, STEP_COUNT };

/* One more index, made of earlier ones, and its values by plain arithmetic. */
static void add_step(struct trace *trace) {
    struct ir *ir = &trace->ir;
    struct traced *made = &trace->traced[trace->count];
    const struct traced *a = &trace->traced[random_between(&trace->random, 0, trace->count - 1)];
    const struct traced *b = &trace->traced[random_between(&trace->random, 0, trace->count - 1)];
    enum step step = (enum step)random_between(&trace->random, 0, STEP_COUNT - 1);
    int64_t factor = random_between(&trace->random, -4, 12);
    int64_t divisor = random_between(&trace->random, 1, 12);
    if (step == STEP_TABLE && random_chance(&trace->random, 80))
        step = STEP_DIVIDE;
    made->index = step == STEP_ADD      ? index_add(ir, a->index, b->index)
                  : step == STEP_SCALE  ? index_scale(ir, a->index, factor)
                  : step == STEP_SHIFT  ? index_add(ir, a->index, index_constant(ir, factor))
                  : step == STEP_DIVIDE ? index_divide(ir, a->index, divisor)
                  : step == STEP_MODULO ? index_modulo(ir, a->index, divisor)
                                        : table_value(trace, a->index);
    for (int64_t k = 0; k < trace->points; k++) {
        int64_t x = a->values[k], quotient = floor_quotient(x, divisor);
        made->values[k] = step == STEP_ADD      ? x + b->values[k]
                          : step == STEP_SCALE  ? x * factor
                          : step == STEP_SHIFT  ? x + factor
                          : step == STEP_DIVIDE ? quotient
                          : step == STEP_MODULO ? x - divisor * quotient
                                                : table_at(x);
    }
    trace->count++;
}

static void expect_values(struct trace *trace, const struct traced *traced, uint64_t seed) {
    for (int64_t k = 0; k < trace->points; k++, next_point(&trace->point)) {
        int64_t found = value_at(traced->index, &trace->point);
        if (found == traced->values[k])
            continue;
        struct text text = {0};
        print_index(traced->index, &text);
        cr_assert(false,
                  "seed %" PRIu64 ", point %" PRId64 ": %s is %" PRId64 ", expected %" PRId64, seed,
                  k, text.bytes, found, traced->values[k]);
    }
    if (!has_value(traced->index))
        check_operands(traced->index);
}

Test(index, keeps_every_value, .timeout = 120) {
    static struct trace trace;
    for (uint64_t seed = 0; seed < 6000; seed++) {
        struct arena arena = {0};
        begin(&trace, &arena, seed);
        while (trace.count < (int)(sizeof trace.traced / sizeof *trace.traced)) {
            add_step(&trace);
            expect_values(&trace, &trace.traced[trace.count - 1], seed);
        }
        arena_free(&arena);
    }
}

/* An axis of extent e as an index over other axes that runs through 0 .. e - 1, or a constant. */
static const struct index *random_replacement(struct trace *trace, int64_t extent, int axis) {
    struct ir *ir = &trace->ir;
    const struct axis *own = trace->point.axes[axis];
    if (extent % own->extent == 0 && random_chance(&trace->random, 50))
        return index_scale(ir, index_axis(ir, own), extent / own->extent);
    if (own->extent <= extent && random_chance(&trace->random, 70))
        return index_add(ir, index_axis(ir, own), index_constant(ir, extent - own->extent));
    return index_constant(ir, random_between(&trace->random, 0, extent - 1));
}

/* Replacing axes gives, at each point, the value at the point that it is replaced by. */
Test(index, substitution_keeps_every_value, .timeout = 120) {
    static struct trace trace;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct arena arena = {0};
        begin(&trace, &arena, seed);
        while (trace.count < 12)
            add_step(&trace);
        struct point before = trace.point;
        const struct index *values[AXES];
        for (int i = 0; i < AXES; i++) {
            trace.point.axes[i] = ir_axis(&trace.ir, random_between(&trace.random, 1, MOST_EXTENT));
            values[i] = random_replacement(&trace, before.axes[i]->extent, i);
        }
        struct substitution substitution = {.count = AXES, .axes = before.axes, .values = values};
        trace.points = 1;
        for (int i = 0; i < AXES; i++)
            trace.points *= trace.point.axes[i]->extent;
        for (int k = 0; k < trace.count; k++) {
            struct traced replaced = {
                index_substitute(&trace.ir, trace.traced[k].index, &substitution), {0}};
            for (int64_t p = 0; p < trace.points; p++, next_point(&trace.point)) {
                for (int i = 0; i < AXES; i++)
                    before.at[i] = value_at(values[i], &trace.point);
                replaced.values[p] = value_at(trace.traced[k].index, &before);
            }
            expect_values(&trace, &replaced, seed);
        }
        arena_free(&arena);
    }
}

/* ---- Coefficients ---- */

Test(index, coefficients_of_axes) {
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    struct simplification row = {"a0:8 a1:8 a2:8", "3*a0 - 2*a1 + a1/4 + 5", NULL};
    cr_assert(read_index(&ir, &row));
    const struct index *index = ir.statements[0]->value->index;
    static const struct {
        int64_t coefficient;
        bool plain, used;
    } expected[] = {{3, true, true}, {-2, false, true}, {0, true, false}};
    for (int i = 0; i < 3; i++) {
        bool plain = true;
        const struct axis *axis = ir.statements[0]->loops[i];
        cr_expect_eq(index_coefficient(index, axis, &plain), expected[i].coefficient, "a%d", i);
        cr_expect_eq(plain, expected[i].plain, "a%d", i);
        cr_expect_eq(index_uses(index, axis), expected[i].used, "a%d", i);
    }
    arena_free(&arena);
}
