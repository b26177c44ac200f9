/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_max
 *     t1 float32[5]  500 flop  2000 + 20 bytes
 *   k02_exp
 *     t5 float32[5,100]  1000 flop  2020 + 2000 bytes
 *   k03_sum
 *     t8 float32[5,1]  505 flop  2000 + 20 bytes
 *   k04_elementwise
 *     y float32[5,100]  500 flop  2020 + 2000 bytes
 */
typedef signed char int8_t;
typedef int int32_t;
typedef long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef long ptrdiff_t;
#define INT32_MIN (-2147483647 - 1)
#define INT32_MAX 2147483647
#define INT64_MIN (-9223372036854775807 - 1)
#define INT64_MAX 9223372036854775807
#define INFINITY (0x1p127f * 2.0f)
void *memcpy(void *to, const void *from, unsigned long bytes);
float sqrtf(float a);
float fabsf(float a);
// libtcc ignores the alignment of locals, and vectors that lie across cache lines are slow.
#define ALIGNED_ARRAY(type, name, count)                                                           \
    type name##_room[(count) + 64 / sizeof(type)];                                                 \
    type *const name = (type *)(((unsigned long)name##_room + 63) & ~63ul)

// A step of a chain, which takes a block of elements through registers. Its operand is
// operands[from] in one of these forms, with rows so many elements apart. REVERSED: the operand
// comes first.
struct row_step {
    int op, form, from;
    long row;
};
enum row_step_form {
    FORM_SAME,    // one element for all
    FORM_ROWS,    // one for each row
    FORM_COLUMNS, // one for each column
    FORM_BLOCK,   // one for each element
    FORM_SLOT,    // what slot `from` has
    STEP_FORMS
};
enum row_step_op {
    STEP_TAKE, // the chain goes on from the operand
    STEP_ADD,
    STEP_SUB,
    STEP_SUB_REVERSED,
    STEP_MUL,
    STEP_DIV,
    STEP_DIV_REVERSED,
    STEP_MIN,
    STEP_MIN_REVERSED,
    STEP_MAX,
    STEP_MAX_REVERSED,
    STEP_LESSER_OF,
    STEP_LESSER_OF_REVERSED,
    STEP_GREATER_OF,
    STEP_GREATER_OF_REVERSED,
    STEP_PUT,           // into results[from], a block
    STEP_PUT_CANONICAL, // the same, with every NaN the one that may leave a graph
    STEP_CANONICAL,     // every NaN is the one that may leave a graph
    STEP_NEG,
    STEP_ABS,
    STEP_RECIP,
    STEP_ROUND,
    STEP_FLOOR,
    STEP_CEIL,
    STEP_SQRT,
    STEP_EXP,
    STEP_LOG,
    STEP_TANH,
    STEP_ERF,
    STEP_NUMBER_OR, // the operand where what went through the chain, a, is NaN
    // several operations at once, with operands[from], operands[from + 1], ... as b, c, ...
    STEP_RAMP,      // greater_of(b, a) - greater_of(b, a + c), FORM_SAME
    STEP_NORMALIZE, // (a - b) * c * d + e, FORM_COLUMNS; or FORM_SAME, which b and c have
    STEP_CUBIC,     // a + b * (a * a * a), FORM_SAME
    STEP_SIGMOID,   // 1 / (exp(-a) + 1)
    STEP_SQUARE,    // a * a
    // of each row over its columns, into results[from], FORM_ROWS; the chain goes on as it was
    STEP_REDUCE_SUM,
    STEP_REDUCE_PROD,
    STEP_REDUCE_MAX,
    STEP_REDUCE_MIN,
    STEP_FETCH, // asks the caches for the operand one row further on, FORM_BLOCK
    STEP_KEEP,  // slot `from` then has what went through the chain, FORM_SLOT
    // integers, those of eight bits as int32
    STEP_TAKE_U8,
    STEP_TAKE_I8,
    STEP_PUT_BYTES, // the lowest eight bits
    STEP_I32_ADD,
    STEP_I32_SUB,
    STEP_I32_SUB_REVERSED,
    STEP_I32_MUL,
    STEP_I32_MIN,
    STEP_I32_MAX,
    STEP_I32_TO_F32,
    STEP_I32_TO_U8,
    STEP_I32_TO_I8,
    STEP_U8_TO_I32,
    STEP_F32_TO_I32,
    STEP_F32_TO_U8,
    STEP_F32_TO_I8,
    // behind one that takes elements: this one and all that follow, as its name lists them
    STEP_SUB_EXP_PUT_SUM_FETCH,
    STEP_SUB_SQUARE_SUM,
    STEP_MUL_PUT_CANONICAL,
    STEP_DIV_PUT_CANONICAL,
    STEP_NORMALIZE_GELU_PUT_FETCH,
    STEP_ADD_GREATER_OF_PUT,
    STEP_ADD_ROWS_GREATER_OF_PUT,
    STEP_ADD_SILU_PUT,
    STEP_ADD_GELU_PUT,
    STEP_NORMALIZE_PUT,
    STEP_NORMALIZE_ADD_PUT,
    STEP_NORMALIZE_RAMP_PUT,
    STEP_NORMALIZE_SILU_PUT,
    STEP_SUB_EXP_PUT,
    STEP_COUNT,
    STEP_FIRST_JOINED = STEP_SUB_EXP_PUT_SUM_FETCH
};
enum {
    CHAIN_SLOTS = 64,  /* from 1 */
    CHAIN_RESULTS = 8, /* where some are reduced */
    CHAIN_PHASES = 32, /* of a kernel that takes rows through several chains */
};
// One of several chains that each row goes through before the next row begins, so that a chain may
// take what the one before has put or reduced.
struct row_phase {
    long columns, count;
    const struct row_step *steps;
    const void *const *operands;
    void *const *results;
};


void row_f32_reduce_max(long rows, long columns, float *result, long result_step,
        const float *a, long a_row, long a_step);
void row_chain(long rows, long columns, long count, const struct row_step *steps,
        const void *const *operands, void *const *results);
void row_f32_reduce_sum(long rows, long columns, float *result, long result_step,
        const float *a, long a_row, long a_step);
void row_f32_recip(long rows, long columns, float *result, long result_row, long result_step,
        const float *a, long a_row, long a_step);
#define GOLDEN_WEIGHTS_BYTES 0
#define GOLDEN_ARENA_BYTES 2112
#define GOLDEN_INPUT_COUNT 1
#define GOLDEN_OUTPUT_COUNT 1

struct golden_inputs {
    const float *x; /* float32[5,100] */
};

struct golden_outputs {
    float *y; /* float32[5,100] */
};

/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. */
void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena);

/* The same by position. */
void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena);

/* A run in pieces, for threads that share it. Each of its steps has `parts` parts,
 * which any threads may do in any order; all of them must be done before a part of the
 * next step begins. */
#define GOLDEN_STEPS 4
#define GOLDEN_MOST_PARTS 2
void golden_run_step(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long step, long part, long parts);
void golden_run_step_array(const void *const *inputs, void *const *outputs,
        const void *weights, void *arena, long step, long part, long parts);
/* t1 float32[5] = max over 100(x)
 * nodes 1 */
static void k01_max(const float *restrict x, float *restrict t1, long part, long parts) {
    const long begin = 5 * part / parts;
    const long end = 5 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 5) {
        long columns = end - strip < 5 ? end - strip : 5;
        row_f32_reduce_max(columns, 100, t1 + strip, 1, x + 100 * strip, 100, 1);
    }
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
static void k02_exp(const float *restrict x, const float *restrict t1,
        float *restrict t5, long part, long parts) {
    const long begin = 100 * part / parts;
    const long end = 100 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 100) {
        long columns = end - strip < 100 ? end - strip : 100;
        static const struct row_step steps0[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_SUB_EXP_PUT, FORM_ROWS, 1, 1}, {STEP_EXP},
            {STEP_PUT, FORM_BLOCK, 0, 100}};
        const void *const operands0[] = {x + strip, t1};
        void *const results0[] = {t5 + strip};
        row_chain(5, columns, 4, steps0, operands0, results0);
    }
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
static void k03_sum(const float *restrict t5, float *restrict t8, long part, long parts) {
    const long begin = 5 * part / parts;
    const long end = 5 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 5) {
        long columns = end - strip < 5 ? end - strip : 5;
        ALIGNED_ARRAY(float, block0, 5);
        row_f32_reduce_sum(columns, 100, block0, 1, t5 + 100 * strip, 100, 1);
        row_f32_recip(1, columns, t8 + strip, 0, 1, block0, 5, 1);
    }
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
static void k04_elementwise(const float *restrict t5, const float *restrict t8,
        float *restrict y, long part, long parts) {
    const long begin = 100 * part / parts;
    const long end = 100 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 100) {
        long columns = end - strip < 100 ? end - strip : 100;
        static const struct row_step steps0[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_MUL, FORM_ROWS, 1, 1},
            {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 100}};
        const void *const operands0[] = {t5 + strip, t8};
        void *const results0[] = {y + strip};
        row_chain(5, columns, 3, steps0, operands0, results0);
    }
}

/* Temporaries, in bytes from the beginning of the arena. */
enum {
    AT_t1 = 2048, /* float32[5], alive from k01 to k02 */
    AT_t5 = 0, /* float32[5,100], alive from k02 to k04 */
    AT_t8 = 2048, /* float32[5,1], alive from k03 to k04 */
};

void golden_run_step(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long step, long part, long parts) {
    (void)weights;
    char *scratch = (char *)arena;
    switch (step) {
    case 0:
        k01_max(inputs->x, (float *)(scratch + AT_t1), part, parts);
        break;
    case 1:
        k02_exp(inputs->x, (const float *)(scratch + AT_t1), (float *)(scratch + AT_t5),
                part, parts);
        break;
    case 2:
        k03_sum((const float *)(scratch + AT_t5), (float *)(scratch + AT_t8), part, parts);
        break;
    case 3:
        k04_elementwise((const float *)(scratch + AT_t5), (const float *)(scratch + AT_t8),
                outputs->y, part, parts);
        break;
    }
}

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    for (long step = 0; step < 4; step++)
        golden_run_step(inputs, outputs, weights, arena, step, 0, 1);
}

void golden_run_step_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long step, long part, long parts) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run_step(&named_inputs, &named_outputs, weights, arena, step, part, parts);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}
