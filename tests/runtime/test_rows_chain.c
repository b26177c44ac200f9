/* Chains for every target: random steps over blocks of every shape, against one element at a
 * time. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/kernels/kernels.h"
#include "templates/chain.h"
#include "tests/support/random_rows.h"

typedef void chain_function(long rows, long columns, long count, const struct row_step *steps,
                            const float *const *operands, float *const *results);

enum {
    ROOM = 1 << 14,
    OPERANDS = 5,
    RESULTS = 2,
    MOST_ROWS = 27,
    MOST_COLUMNS = 150,
    MAX_STEPS = 160
};

static float rooms[OPERANDS][ROOM], expected[RESULTS][ROOM], found[RESULTS][ROOM];

struct trial {
    long rows, columns, result_row[RESULTS];
    long count;
    struct row_step steps[MAX_STEPS];
    const float *operands[OPERANDS];
};

/* ---- One element ---- */

static float take_step(int op, float v, float x) {
    switch (op) {
    case STEP_TAKE:
        return x;
    case STEP_ADD:
        return v + x;
    case STEP_SUB:
        return v - x;
    case STEP_SUB_REVERSED:
        return x - v;
    case STEP_MUL:
        return v * x;
    case STEP_DIV:
        return v / x;
    case STEP_DIV_REVERSED:
        return x / v;
    case STEP_MIN:
        return scalar_min_f32(v, x);
    case STEP_MIN_REVERSED:
        return scalar_min_f32(x, v);
    case STEP_MAX:
        return scalar_max_f32(v, x);
    case STEP_MAX_REVERSED:
        return scalar_max_f32(x, v);
    case STEP_LESSER_OF:
        return scalar_lesser_of_f32(v, x);
    case STEP_LESSER_OF_REVERSED:
        return scalar_lesser_of_f32(x, v);
    case STEP_GREATER_OF:
        return scalar_greater_of_f32(v, x);
    case STEP_GREATER_OF_REVERSED:
        return scalar_greater_of_f32(x, v);
    case STEP_NUMBER_OR:
        return v == v ? v : x;
    case STEP_CANONICAL:
        return f32_canonical(v);
    case STEP_NEG:
        return scalar_neg_f32(v);
    case STEP_ABS:
        return scalar_abs_f32(v);
    case STEP_RECIP:
        return scalar_recip_f32(v);
    case STEP_SQRT:
        return scalar_sqrt_f32(v);
    case STEP_EXP:
        return scalar_exp_f32(v);
    case STEP_LOG:
        return scalar_log_f32(v);
    case STEP_TANH:
        return scalar_tanh_f32(v);
    case STEP_ERF:
        return scalar_erf_f32(v);
    default:
        return v;
    }
}

static float take_several(const struct trial *trial, const struct row_step *step, float v,
                          long column) {
    const float *const *operands = trial->operands + step->from;
    if (step->op == STEP_RAMP)
        return scalar_greater_of_f32(*operands[0], v) -
               scalar_greater_of_f32(*operands[0], v + *operands[1]);
    return (v - operands[0][column]) * operands[1][column] * operands[2][column] +
           operands[3][column];
}

static void expect_element(const struct trial *trial, long row, long column) {
    float v = 0, slots[CHAIN_SLOTS + 1] = {0};
    for (long i = 0; i < trial->count; i++) {
        const struct row_step *step = &trial->steps[i];
        const bool by_column = step->form == FORM_COLUMNS || step->form == FORM_BLOCK;
        const long place = row * step->row + (by_column ? column : 0);
        if (step->op == STEP_PUT)
            expected[step->from][place] = v;
        else if (step->op == STEP_RAMP || step->op == STEP_NORMALIZE)
            v = take_several(trial, step, v, column);
        else if (step->form == FORM_SLOT)
            v = take_step(step->op, v, slots[step->from]);
        else
            v = take_step(step->op, v, trial->operands[step->from][place]);
        slots[step->keep] = v;
    }
}

/* ---- Random chains ---- */

static int random_slot(void) {
    return 1 + (int)random_below(CHAIN_SLOTS);
}

static struct row_step random_operand_step(const struct trial *trial, int op, bool kept) {
    int form = (int)random_below(kept ? STEP_FORMS : FORM_SLOT);
    if (form == FORM_SLOT)
        return (struct row_step){.op = op, .form = form, .from = random_slot()};
    long row = form == FORM_ROWS    ? 1 + random_below(5)
               : form == FORM_BLOCK ? trial->columns + random_below(5)
                                    : 0;
    return (struct row_step){op, form, (int)random_below(OPERANDS), row, 0};
}

static void put(struct trial *trial, int result) {
    trial->steps[trial->count++] = (struct row_step){.op = STEP_CANONICAL};
    trial->steps[trial->count++] =
        (struct row_step){STEP_PUT, FORM_BLOCK, result, trial->result_row[result], 0};
}

static void random_steps(struct trial *trial) {
    const bool kept = random_below(2); /* slots that nothing was kept in hold nothing */
    trial->count = 0;
    trial->steps[trial->count++] = random_operand_step(trial, STEP_TAKE, false);
    for (int i = 1; i <= CHAIN_SLOTS && kept; i++)
        trial->steps[trial->count++] = (struct row_step){.op = STEP_NEG, .keep = i};
    for (long more = random_below(20); more > 0; more--) {
        int op = (int)random_below(STEP_NORMALIZE + 1);
        struct row_step step = {.op = op};
        if (op == STEP_PUT)
            continue;
        if (op < STEP_PUT || op == STEP_NUMBER_OR)
            step = random_operand_step(trial, op, kept);
        if (op == STEP_RAMP)
            step = (struct row_step){.op = op, .form = FORM_SAME, .from = (int)random_below(4)};
        if (op == STEP_NORMALIZE)
            step = (struct row_step){.op = op, .form = FORM_COLUMNS, .from = (int)random_below(2)};
        if (kept && random_below(3) == 0)
            step.keep = random_slot();
        trial->steps[trial->count++] = step;
        if (more == 5)
            put(trial, 0);
    }
    put(trial, 1);
}

static struct trial random_trial(void) {
    struct trial trial = {.rows = 1 + random_below(MOST_ROWS),
                          .columns = 1 + random_below(MOST_COLUMNS)};
    for (int i = 0; i < RESULTS; i++)
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
    chain_function *chain = (chain_function *)kernels_for(target)->rows[ROW_row_f32_chain];
    memset(expected, 0xee, sizeof expected);
    memset(found, 0xee, sizeof found);
    for (long r = 0; r < trial->rows; r++)
        for (long c = 0; c < trial->columns; c++)
            expect_element(trial, r, c);
    float *const results[] = {found[0], found[1]};
    chain(trial->rows, trial->columns, trial->count, trial->steps, trial->operands, results);
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
            (chain_function *)kernels_for(&targets[target])->rows[ROW_row_f32_chain];
        float x[7 * 40], bias[40];
        for (int i = 0; i < 7 * 40; i++)
            x[i] = (float)(i % 13) - 6;
        for (int i = 0; i < 40; i++)
            bias[i] = (float)i;
        const float *const operands[] = {x, bias};
        float *const results[] = {x};
        chain(7, 39, 4, steps, operands, results);
        for (int i = 0; i < 7 * 40; i++) {
            float was = (float)(i % 13) - 6;
            cr_assert_eq(x[i], i % 40 == 39 ? was : was * was + bias[i % 40]);
        }
    }
}
