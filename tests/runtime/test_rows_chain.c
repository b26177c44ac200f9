/* Chains for every target: random steps over blocks of every shape, against one element at a
 * time. */
#include <criterion/criterion.h>
#include <string.h>

#include "compiler/evaluate/cast.h"
#include "runtime/kernels/kernels.h"
#include "templates/chain.h"
#include "tests/support/random_rows.h"

typedef void chain_function(long rows, long columns, long count, const struct row_step *steps,
                            const void *const *operands, void *const *results);

typedef void phases_function(long rows, long count, const struct row_phase *phases);

typedef void tiled_function(long columns, long count, const struct row_step *steps,
                            const void *const *operands, void *const *results, long kinds,
                            const struct row_tiles *tiles, const float *stream, const float *panel);

enum {
    ROOM = 1 << 14,
    OPERANDS = 5,
    BLOCKS = 2,  /* results that are put */
    REDUCED = 2, /* and those behind them, that are reduced */
    RESULTS = BLOCKS + REDUCED,
    MOST_ROWS = 27,
    MOST_COLUMNS = 150,
    MOST_JOINED_COLUMNS = 400,
    MAX_STEPS = 300,
};

static float rooms[OPERANDS][ROOM], expected[RESULTS][ROOM], found[RESULTS][ROOM];
static float lanes[RESULTS][REDUCTION_LANES];

struct trial {
    long rows, columns, result_row[BLOCKS];
    bool reduces;
    long count;
    struct row_step steps[MAX_STEPS];
    int joined; /* the name of all steps but the first; 0: none */
    const float *operands[OPERANDS];
};

/* What goes through a chain: integers of eight bits as int32. */
union word {
    float f32;
    int32_t i32;
};

static union word word_f32(float x) {
    return (union word){.f32 = x};
}

static union word word_i32(int32_t x) {
    return (union word){.i32 = x};
}
#define word_u8 word_i32
#define word_i8 word_i32

/* ---- Which steps there are, by chain.def ---- */

enum kind { TAKES, TAKES_BYTES, OF_TWO, OF_ONE, PUTS, SEVERAL, REDUCES, FETCHES, KEEPS };

static const struct facts {
    enum kind kind;
    enum dtype from, to; /* FLOAT32 or INT32: what went through the chain, and what does then */
} facts[] = {
#define WORD_FLOAT32 DTYPE_FLOAT32
#define WORD_INT32 DTYPE_INT32
#define WORD_UINT8 DTYPE_INT32
#define WORD_INT8 DTYPE_INT32
#define FACTS(name, kind, from, to) [STEP_##name] = {kind, WORD_##from, WORD_##to},
#define CHAIN_TAKE(name, value) FACTS(name, TAKES, FLOAT32, FLOAT32)
#define CHAIN_TAKE_BYTES(name, dtype, short) FACTS(name, TAKES_BYTES, dtype, dtype)
#define CHAIN_BINARY(name, op, function, dtype, short, value) FACTS(name, OF_TWO, dtype, dtype)
#define CHAIN_REVERSED(name, op, function, dtype, short, value) FACTS(name, OF_TWO, dtype, dtype)
#define CHAIN_UNARY(name, op, function, dtype, short, value) FACTS(name, OF_ONE, dtype, dtype)
#define CHAIN_LOOP(name, op, function) FACTS(name, OF_ONE, FLOAT32, FLOAT32)
#define CHAIN_CAST(name, from, from_short, to, to_short, value) FACTS(name, OF_ONE, from, to)
#define CHAIN_WIDEN(name, from, from_short, to, to_short) FACTS(name, OF_ONE, from, to)
#define CHAIN_CANONICAL(name, value) FACTS(name, OF_ONE, FLOAT32, FLOAT32)
#define CHAIN_PUT(name) FACTS(name, PUTS, FLOAT32, FLOAT32)
#define CHAIN_PUT_BYTES(name) FACTS(name, PUTS, INT32, INT32)
#define CHAIN_NUMBER(name, value) FACTS(name, OF_TWO, FLOAT32, FLOAT32)
#define CHAIN_SEVERAL(name) FACTS(name, SEVERAL, FLOAT32, FLOAT32)
#define CHAIN_REDUCE(name, op, function, tree) FACTS(name, REDUCES, FLOAT32, FLOAT32)
#define CHAIN_FETCH(name) FACTS(name, FETCHES, FLOAT32, FLOAT32)
#define CHAIN_KEEP(name) FACTS(name, KEEPS, FLOAT32, FLOAT32)
#include "templates/chain.def"
};
enum { STEPS = sizeof facts / sizeof *facts };

/* ---- One element ---- */

static union word take_step(int op, union word v, union word x) {
    switch (op) {
#define CHAIN_TAKE(name, value)                                                                    \
    case STEP_##name:                                                                              \
        return x;
#define CHAIN_TAKE_BYTES(name, dtype, short) CHAIN_TAKE(name, )
#define CHAIN_BINARY(name, op, function, dtype, short, value)                                      \
    case STEP_##name:                                                                              \
        return word_##short(scalar_##function##_##short(v.short, x.short));
#define CHAIN_REVERSED(name, op, function, dtype, short, value)                                    \
    case STEP_##name:                                                                              \
        return word_##short(scalar_##function##_##short(x.short, v.short));
#define CHAIN_UNARY(name, op, function, dtype, short, value)                                       \
    case STEP_##name:                                                                              \
        return word_##short(scalar_##function##_##short(v.short));
#define CHAIN_LOOP(name, op, function) CHAIN_UNARY(name, op, function, FLOAT32, f32, )
#define CHAIN_CAST(name, from, from_short, to, to_short, value)                                    \
    case STEP_##name:                                                                              \
        return word_##to_short(cast_##from_short##_##to_short(v.from_short));
#define CHAIN_CANONICAL(name, value)                                                               \
    case STEP_##name:                                                                              \
        return word_f32(f32_canonical(v.f32));
#define CHAIN_NUMBER(name, value)                                                                  \
    case STEP_##name:                                                                              \
        return v.f32 == v.f32 ? v : x;
#include "templates/chain.def"
    default:
        return v;
    }
}

static float take_several(const struct trial *trial, const struct row_step *step, float v,
                          long column) {
    const float *const *operands = trial->operands + step->from;
    const long first = step->form == FORM_SAME ? 0 : column;
    switch (step->op) {
    case STEP_RAMP:
        return scalar_greater_of_f32(*operands[0], v) -
               scalar_greater_of_f32(*operands[0], v + *operands[1]);
    case STEP_CUBIC:
        return v + *operands[0] * (v * v * v);
    case STEP_SIGMOID:
        return 1.0f / (scalar_exp_f32(-v) + 1.0f);
    case STEP_SQUARE:
        return v * v;
    default:
        return (v - operands[0][first]) * operands[1][first] * operands[2][column] +
               operands[3][column];
    }
}

static union word operand_at(const struct trial *trial, const struct row_step *step, long place) {
    const float *from = trial->operands[step->from];
    union word x;
    if (facts[step->op].kind != TAKES_BYTES)
        memcpy(&x, from + place, sizeof x);
    else
        x.i32 = step->op == STEP_TAKE_I8 ? ((const int8_t *)from)[place]
                                         : ((const uint8_t *)from)[place];
    return x;
}

static float join(int op, float a, float b) {
    switch (op) {
#define CHAIN_REDUCE(name, op, function, tree)                                                     \
    case STEP_##name:                                                                              \
        return scalar_##function##_f32(a, b);
#include "templates/chain.def"
    default:
        return a;
    }
}

static float identity(int op) {
    switch (op) {
#define CHAIN_REDUCE(name, op, function, tree)                                                     \
    case STEP_##name:                                                                              \
        return (float)IDENTITY_##function(f32);
#include "templates/chain.def"
    default:
        return 0;
    }
}

/* One more element of a row to its lane; behind the last one, the tree. */
static void expect_reduced(const struct trial *trial, const struct row_step *step, long row,
                           long column, float v) {
    float *lane = lanes[step->from];
    for (int i = 0; i < REDUCTION_LANES && column == 0; i++)
        lane[i] = identity(step->op);
    lane[column % REDUCTION_LANES] = join(step->op, lane[column % REDUCTION_LANES], v);
    if (column + 1 < trial->columns)
        return;
    for (int half = REDUCTION_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] = join(step->op, lane[i], lane[i + half]);
    expected[step->from][row * step->row] = lane[0];
}

static void expect_element(const struct trial *trial, long row, long column) {
    union word v = {0}, slots[CHAIN_SLOTS + 1] = {{0}};
    for (long i = 0; i < trial->count; i++) {
        const struct row_step *step = &trial->steps[i];
        const bool by_column = step->form == FORM_COLUMNS || step->form == FORM_BLOCK;
        const long place = row * step->row + (by_column ? column : 0);
        if (step->op == STEP_PUT)
            memcpy(&expected[step->from][place], &v, sizeof v);
        else if (step->op == STEP_PUT_CANONICAL)
            expected[step->from][place] = f32_canonical(v.f32);
        else if (step->op == STEP_PUT_BYTES)
            ((uint8_t *)expected[step->from])[place] = (uint8_t)v.i32;
        else if (facts[step->op].kind == REDUCES)
            expect_reduced(trial, step, row, column, v.f32);
        else if (facts[step->op].kind == FETCHES)
            continue;
        else if (step->op == STEP_KEEP)
            slots[step->from] = v;
        else if (facts[step->op].kind == SEVERAL)
            v.f32 = take_several(trial, step, v.f32, column);
        else if (step->form == FORM_SLOT)
            v = take_step(step->op, v, slots[step->from]);
        else
            v = take_step(step->op, v, operand_at(trial, step, place));
    }
}

/* ---- Random chains ---- */

/* A chain as it is made: what goes through it, and what slots hold. */
struct making {
    struct trial *trial;
    enum dtype dtype;
    enum dtype slots[CHAIN_SLOTS + 1];
    bool kept;
    int reduced;
};

static void add_step(struct making *making, struct row_step step) {
    struct trial *trial = making->trial;
    if (step.op == STEP_KEEP)
        making->slots[step.from] = making->dtype;
    trial->steps[trial->count++] = step;
}

static void add_keep(struct making *making, int slot) {
    add_step(making, (struct row_step){.op = STEP_KEEP, .form = FORM_SLOT, .from = slot});
}

static void make_dtype(struct making *making, enum dtype dtype) {
    if (making->dtype == dtype)
        return;
    making->dtype = dtype;
    add_step(making,
             (struct row_step){.op = dtype == DTYPE_INT32 ? STEP_F32_TO_I32 : STEP_I32_TO_F32});
}

static int random_slot(void) {
    return 1 + (int)random_below(CHAIN_SLOTS);
}

static struct row_step random_operand_step(const struct making *making, int op) {
    const struct trial *trial = making->trial;
    const int slot = random_slot();
    const bool fits =
        making->kept && facts[op].kind != TAKES_BYTES && making->slots[slot] == making->dtype;
    const int form = (int)random_below(fits ? STEP_FORMS : FORM_SLOT);
    if (form == FORM_SLOT)
        return (struct row_step){.op = op, .form = form, .from = slot};
    const long row = form == FORM_ROWS    ? 1 + random_below(5)
                     : form == FORM_BLOCK ? trial->columns + random_below(5)
                                          : 0;
    return (struct row_step){op, form, (int)random_below(OPERANDS), row};
}

static void put(struct making *making, int result) {
    int op = STEP_PUT;
    if (making->dtype == DTYPE_FLOAT32 && random_below(2))
        op = STEP_PUT_CANONICAL;
    else if (making->dtype == DTYPE_FLOAT32)
        add_step(making, (struct row_step){.op = STEP_CANONICAL});
    else if (random_below(2))
        op = STEP_PUT_BYTES;
    add_step(making, (struct row_step){op, FORM_BLOCK, result, making->trial->result_row[result]});
}

/* Of numbers whose NaNs are one: which of several a sum keeps is not said. */
static void add_reduction(struct making *making, int op) {
    if (making->reduced == REDUCED)
        return;
    making->trial->reduces = true;
    make_dtype(making, DTYPE_FLOAT32);
    add_step(making, (struct row_step){.op = STEP_CANONICAL});
    add_step(making,
             (struct row_step){op, FORM_ROWS, BLOCKS + making->reduced++, 1 + random_below(3)});
}

/* A step of any kind but those that put, with what must be before it. */
static void add_random_step(struct making *making) {
    const int op = (int)random_below(STEPS);
    const struct facts *step_facts = &facts[op];
    struct row_step step = {.op = op};
    int keep = 0;
    if (step_facts->kind == REDUCES)
        add_reduction(making, op);
    if (step_facts->kind == FETCHES)
        add_step(making, (struct row_step){op, FORM_BLOCK, (int)random_below(OPERANDS),
                                           random_below(ROOM)});
    if (step_facts->kind == PUTS || step_facts->kind == REDUCES || step_facts->kind == FETCHES ||
        step_facts->kind == KEEPS)
        return;
    if (step_facts->kind == TAKES_BYTES)
        making->dtype = DTYPE_INT32;
    else if (step_facts->kind != TAKES)
        make_dtype(making, step_facts->from);
    if (op == STEP_RAMP || op == STEP_CUBIC)
        step = (struct row_step){.op = op, .form = FORM_SAME, .from = (int)random_below(4)};
    else if (op == STEP_NORMALIZE)
        step = (struct row_step){.op = op,
                                 .form = random_below(2) ? FORM_COLUMNS : FORM_SAME,
                                 .from = (int)random_below(2)};
    else if (step_facts->kind != OF_ONE && op != STEP_SIGMOID && op != STEP_SQUARE)
        step = random_operand_step(making, op);
    if (step_facts->kind == OF_ONE)
        making->dtype = step_facts->to;
    if (making->kept && random_below(3) == 0)
        keep = random_slot();
    add_step(making, step);
    if (keep)
        add_keep(making, keep);
}

/* What is in memory, reduced and nothing else. */
static void only_reducing_steps(struct trial *trial) {
    const bool block = random_below(2);
    trial->reduces = true;
    trial->count = 2;
    trial->steps[0] = (struct row_step){STEP_TAKE, block ? FORM_BLOCK : FORM_COLUMNS,
                                        (int)random_below(OPERANDS), block ? trial->columns : 0};
    trial->steps[1] = (struct row_step){STEP_REDUCE_SUM + (int)random_below(4), FORM_ROWS, BLOCKS,
                                        1 + random_below(3)};
}

/* Whole chains that have a name. */
static const struct joined {
    int name;
    struct row_step steps[20]; /* the last takes one element for all, which none of them does */
} joined[] = {
#define CHAIN_JOIN(step, form) {STEP_##step, FORM_##form, 0, 0},
#define CHAIN_JOINED(name, step, form, others) {STEP_##name, {CHAIN_JOIN(step, form) others}},
#include "templates/chain.def"
};

static void joined_steps(struct trial *trial) {
    const struct joined *chosen = &joined[random_below(sizeof joined / sizeof *joined)];
    int kept = 0;
    trial->joined = chosen->name;
    trial->rows = 1 + random_below(random_below(2) ? 3 : MOST_ROWS);
    trial->columns = 1 + random_below(MOST_JOINED_COLUMNS);
    trial->steps[0] = (struct row_step){STEP_TAKE, random_below(2) ? FORM_BLOCK : FORM_COLUMNS,
                                        (int)random_below(OPERANDS), 0};
    for (trial->count = 1;; trial->count++) {
        struct row_step step = chosen->steps[trial->count - 1];
        if (step.op == STEP_TAKE && step.form == FORM_SAME)
            break;
        step.from = step.op == STEP_KEEP             ? ++kept
                    : step.form == FORM_SLOT         ? 1 + (int)random_below(kept)
                    : facts[step.op].kind == PUTS    ? 0
                    : facts[step.op].kind == REDUCES ? BLOCKS
                    : facts[step.op].kind == SEVERAL ? (int)random_below(2)
                                                     : (int)random_below(OPERANDS);
        trial->steps[trial->count] = step;
    }
    for (int i = 0; i < trial->count; i++) {
        struct row_step *step = &trial->steps[i];
        trial->reduces |= facts[step->op].kind == REDUCES;
        if (step->form == FORM_ROWS || step->form == FORM_BLOCK)
            step->row =
                step->form == FORM_ROWS ? 1 + random_below(3) : trial->columns + random_below(4);
    }
}

static void random_steps(struct trial *trial) {
    struct making making = {.trial = trial, .kept = random_below(2)};
    trial->count = 0;
    if (random_below(20) == 0) {
        only_reducing_steps(trial);
        return;
    }
    if (random_below(3) == 0) {
        joined_steps(trial);
        return;
    }
    add_step(&making,
             (struct row_step){STEP_TAKE, FORM_BLOCK, (int)random_below(OPERANDS), trial->columns});
    for (int i = 1; i <= CHAIN_SLOTS && making.kept; i++) {
        make_dtype(&making, random_below(2) ? DTYPE_FLOAT32 : DTYPE_INT32);
        add_step(&making, (struct row_step){.op = STEP_TAKE, .form = FORM_COLUMNS});
        add_keep(&making, i);
    }
    for (long more = random_below(20); more > 0; more--) {
        add_random_step(&making);
        if (more == 5)
            put(&making, 0);
    }
    put(&making, 1);
}

static struct trial random_trial(void) {
    struct trial trial = {.rows = 1 + random_below(MOST_ROWS),
                          .columns = 1 + random_below(MOST_COLUMNS)};
    for (int i = 0; i < BLOCKS; i++)
        trial.result_row[i] = trial.columns + random_below(4);
    for (int i = 0; i < OPERANDS; i++)
        trial.operands[i] = rooms[i] + random_below(20);
    random_steps(&trial);
    return trial;
}

static void fill_rooms(void) {
    for (int i = 0; i < OPERANDS; i++)
        for (int k = 0; k < ROOM; k++)
            random_element(DTYPE_FLOAT32, &rooms[i][k]);
}

static void check_trial(const struct target *target, const struct trial *trial) {
    const int function = trial->reduces ? ROW_row_reducing_chain : ROW_row_chain;
    chain_function *chain = (chain_function *)kernels_for(target)->rows[function];
    memset(expected, 0xee, sizeof expected);
    memset(found, 0xee, sizeof found);
    for (long r = 0; r < trial->rows; r++)
        for (long c = 0; c < trial->columns; c++)
            expect_element(trial, r, c);
    void *const results[RESULTS] = {found[0], found[1], found[2], found[3]};
    struct row_step steps[MAX_STEPS];
    memcpy(steps, trial->steps, sizeof steps);
    if (trial->joined)
        steps[1].op = trial->joined;
    chain(trial->rows, trial->columns, trial->count, steps, (const void *const *)trial->operands,
          results);
    for (int i = trial->joined ? 0 : BLOCKS; i < RESULTS; i++)
        for (int k = 0; k < ROOM; k++) {
            expected[i][k] = f32_canonical(expected[i][k]);
            found[i][k] = f32_canonical(found[i][k]);
        }
    for (int i = 0; i < RESULTS * ROOM; i++)
        cr_assert_eq(memcmp(expected[0] + i, found[0] + i, sizeof(float)), 0,
                     "%s: %ld x %ld, %ld steps: element %d is %a, expected %a", target->name,
                     trial->rows, trial->columns, trial->count, i, (double)found[0][i],
                     (double)expected[0][i]);
}

Test(rows_chain, random_chains, .timeout = 120) {
    for (int target = 0; target < TARGET_COUNT; target++)
        for (int i = 0; i < 1500 && cpu_runs(&targets[target]); i++) {
            if (i % 50 == 0)
                fill_rooms();
            struct trial trial = random_trial();
            check_trial(&targets[target], &trial);
        }
}

/* The result may be an operand, with the same strides. */
Test(rows_chain, in_place, .timeout = 60) {
    static const struct row_step steps[] = {
        {.op = STEP_TAKE, .form = FORM_BLOCK, .from = 0, .row = 40},
        {.op = STEP_MUL, .form = FORM_BLOCK, .from = 0, .row = 40},
        {.op = STEP_ADD, .form = FORM_COLUMNS, .from = 1},
        {.op = STEP_PUT, .form = FORM_BLOCK, .from = 0, .row = 40}};
    for (int target = 0; target < TARGET_COUNT; target++) {
        if (!cpu_runs(&targets[target]))
            continue;
        chain_function *chain =
            (chain_function *)kernels_for(&targets[target])->rows[ROW_row_chain];
        float x[7 * 40], bias[40];
        for (int i = 0; i < 7 * 40; i++)
            x[i] = (float)(i % 13) - 6;
        for (int i = 0; i < 40; i++)
            bias[i] = (float)i;
        const void *const operands[] = {x, bias};
        void *const results[] = {x};
        chain(7, 39, 4, steps, operands, results);
        for (int i = 0; i < 7 * 40; i++) {
            float was = (float)(i % 13) - 6;
            cr_assert_eq(x[i], i % 40 == 39 ? was : was * was + bias[i % 40]);
        }
    }
}

static bool is_softmax(long columns, const float *x, const float *y) {
    float most[REDUCTION_LANES], sum[REDUCTION_LANES];
    for (int i = 0; i < REDUCTION_LANES; i++)
        most[i] = -INFINITY, sum[i] = 0;
    for (long i = 0; i < columns; i++)
        most[i % REDUCTION_LANES] = scalar_reduce_max_f32(most[i % REDUCTION_LANES], x[i]);
    for (int half = REDUCTION_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            most[i] = scalar_reduce_max_f32(most[i], most[i + half]);
    for (long i = 0; i < columns; i++)
        sum[i % REDUCTION_LANES] += scalar_exp_f32(x[i] - most[0]);
    for (int half = REDUCTION_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sum[i] += sum[i + half];
    for (long i = 0; i < columns; i++)
        if (y[i] != scalar_exp_f32(x[i] - most[0]) * (1 / sum[0]))
            return false;
    return true;
}

static void fill_with_numbers(float *to, long count) {
    for (long i = 0; i < count; i++)
        to[i] = (float)(random_below(2000) - 1000) * 0.01f;
}

/* A softmax: what a phase reduces and puts, the next one takes. */
Test(rows_chain, phases, .timeout = 60) {
    enum { ROWS = 5, MOST = 700 };
    static float x[ROWS * MOST], y[ROWS * MOST], e[MOST];
    float most, sum, scale;
    static const struct row_step steps[][5] = {
        {{.op = STEP_TAKE, .form = FORM_BLOCK, .row = MOST},
         {.op = STEP_REDUCE_MAX, .form = FORM_ROWS}},
        {{.op = STEP_TAKE, .form = FORM_BLOCK, .row = MOST},
         {.op = STEP_SUB, .form = FORM_SAME, .from = 1},
         {.op = STEP_EXP},
         {.op = STEP_PUT, .form = FORM_BLOCK},
         {.op = STEP_REDUCE_SUM, .form = FORM_ROWS, .from = 1}},
        {{.op = STEP_TAKE, .form = FORM_SAME},
         {.op = STEP_RECIP},
         {.op = STEP_PUT, .form = FORM_BLOCK}},
        {{.op = STEP_TAKE, .form = FORM_COLUMNS},
         {.op = STEP_MUL, .form = FORM_SAME, .from = 1},
         {.op = STEP_PUT, .form = FORM_BLOCK, .row = MOST}}};
    const void *const operands[][2] = {{x}, {x, &most}, {&sum}, {e, &scale}};
    void *const results[][2] = {{&most}, {e, &sum}, {&scale}, {y}};
    fill_with_numbers(x, ROWS * MOST);
    for (long columns = 1; columns <= MOST; columns += 1 + columns / 7) {
        struct row_phase phases[4];
        static const long counts[] = {2, 5, 3, 3};
        for (int i = 0; i < 4; i++)
            phases[i] = (struct row_phase){i == 2 ? 1 : columns, counts[i], steps[i], operands[i],
                                           results[i]};
        for (int target = 0; target < TARGET_COUNT; target++) {
            if (!cpu_runs(&targets[target]))
                continue;
            memset(y, 0, sizeof y);
            ((phases_function *)kernels_for(&targets[target])->rows[ROW_row_phases])(ROWS, 4,
                                                                                     phases);
            for (long r = 0; r < ROWS; r++)
                cr_assert(is_softmax(columns, x + r * MOST, y + r * MOST), "%s, %ld columns",
                          targets[target].name, columns);
        }
    }
}

/* A line of tiles, whose sums go through a chain: the rows of a matrix product, with what it is
 * added to. */
Test(rows_chain, tiled, .timeout = 60) {
    enum { STEPS = 3, WIDTH = 32, MOST_TILES = 9, ROWS = 5 * MOST_TILES + 3 };
    static float stream[ROWS * STEPS], panel[STEPS * WIDTH], added[ROWS * WIDTH], y[ROWS * WIDTH];
    static const struct tile_walk walk = {.rows = {0, STEPS, 2 * STEPS, 3 * STEPS, 4 * STEPS},
                                          .extent = {1, 1, STEPS},
                                          .stream = {0, 0, 1},
                                          .panel = {0, 0, WIDTH},
                                          .sums = WIDTH};
    static const struct row_step steps[] = {
        {.op = STEP_TAKE, .form = FORM_BLOCK, .row = WIDTH},
        {.op = STEP_ADD, .form = FORM_BLOCK, .from = 1, .row = WIDTH},
        {.op = STEP_PUT, .form = FORM_BLOCK, .row = WIDTH}};
    const void *const operands[] = {NULL, added};
    void *const results[] = {y};
    fill_with_numbers(stream, ROWS * STEPS);
    fill_with_numbers(panel, STEPS * WIDTH);
    fill_with_numbers(added, ROWS * WIDTH);
    for (int trial = 0; trial < 200; trial++) {
        const struct kernel_set *set = kernels_for(&targets[random_below(TARGET_COUNT)]);
        const long whole = 1 + random_below(MOST_TILES), kinds = 1 + random_below(2);
        const long rows = 5 * whole + (kinds > 1 ? 3 : 0), columns = 1 + random_below(WIDTH);
        if (!cpu_runs(set->target))
            continue;
        const struct row_tiles tiles[] = {
            {set->tiles[TILE_OF_tile_5x32], &walk, whole, 5, 5 * STEPS},
            {set->tiles[TILE_OF_tile_3x32], &walk, 1, 3, 0}};
        memset(y, 0, sizeof y);
        ((tiled_function *)set->rows[ROW_row_tiled_chain])(columns, 3, steps, operands, results,
                                                           kinds, tiles, stream, panel);
        for (long i = 0; i < ROWS * WIDTH; i++) {
            float sum = 0;
            for (long k = 0; k < STEPS; k++)
                sum = fmaf(stream[i / WIDTH * STEPS + k], panel[k * WIDTH + i % WIDTH], sum);
            const bool stored = i / WIDTH < rows && i % WIDTH < columns;
            cr_assert(y[i] == (stored ? sum + added[i] : 0), "%s: %ld of %ld rows, %ld columns",
                      set->target->name, i / WIDTH, rows, columns);
        }
    }
}
