/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *  in blocks of 16:
 *   k01_contract_relu
 *     y float32[16,48]  99840 flop  16576 + 3072 bytes
 *  in blocks of 4:
 *   k02_contract_relu
 *     y float32[4,48]  24960 flop  13504 + 768 bytes
 *  in blocks of 2:
 *   k03_contract_relu
 *     y float32[2,48]  12480 flop  12992 + 384 bytes
 *  in blocks of 1:
 *   k04_contract_relu
 *     y float32[1,48]  6240 flop  12736 + 192 bytes
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

// Where a tile reads and writes, in elements: the stream's offset of each row, how many steps of
// what length the contracted axes take, outermost first (absent axes: one step), how far apart
// rows of sums lie, and how many lines of memory to fetch ahead after each turn of the outermost
// axis. A tile of float32 takes all these steps `again` so many times, from so much farther on.
struct tile_walk {
    ptrdiff_t rows[12];
    ptrdiff_t extent[3], stream[3], panel[3];
    ptrdiff_t sums, ahead, again, again_stream, again_panel;
};

// Of the contracted axes: the steps to take, from the first to before the end.
struct tile_steps {
    ptrdiff_t first[3], end[3];
};
typedef void tile_function(float *restrict acc, const float *stream, const float *panel,
                           const struct tile_walk *walk, int resume, const float *ahead);

// Tiles of one shape, one behind another: how many, the rows of each, and how far on in the stream
// the next one begins.
struct row_tiles {
    tile_function *tile;
    const struct tile_walk *walk;
    long count, rows, step;
};


void row_tiled_chain(long columns, long count, const struct row_step *steps,
        const void *const *operands, void *const *results, long kinds,
        const struct row_tiles *tiles, const float *stream, const float *panel);
void row_chain(long rows, long columns, long count, const struct row_step *steps,
        const void *const *operands, void *const *results);
void tile_1x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead);

void tile_2x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead);

void tile_4x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead);

void tile_6x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead);

#define GOLDEN_WEIGHTS_BYTES 12480
#define GOLDEN_ARENA_BYTES 7168
#define GOLDEN_INPUT_COUNT 1
#define GOLDEN_OUTPUT_COUNT 1
#define GOLDEN_BLOCK_IMAGES 16 /* fastest are multiples of it */

struct golden_inputs {
    const float *x; /* float32[N,64] */
};

struct golden_outputs {
    float *y; /* float32[N,48] */
};

/* Computes all outputs of `batch` images, the N of the tensors; an image has the same bits
 * in every batch. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. */
void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long batch);

/* The same by position. */
void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long batch);
/* y float32[16,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k01_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192, 256, 320},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    static const struct tile_walk walk_2 = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    {
        const float constant0 = 0.0f;
        static const struct row_step steps1[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 48}, {STEP_ADD, FORM_COLUMNS, 1},
            {STEP_GREATER_OF_REVERSED, FORM_SAME, 2}, {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 48}};
        const void *const operands1[] = {0, bias, &constant0};
        void *const results1[] = {y};
        static const struct row_tiles tiles1[] = {
            {tile_6x48, &walk, 2, 6, 384}, {tile_4x48, &walk_2, 1, 4, 256}};
        row_tiled_chain(48, 4, steps1, operands1, results1, 2, tiles1, x, weight_packed);
    }
}

/* y float32[4,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k02_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    ALIGNED_ARRAY(float, sums, 4 * 48);
    tile_4x48(sums, x, weight_packed, &walk, 0, 0);
    {
        const float constant0 = 0.0f;
        static const struct row_step steps1[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 48}, {STEP_ADD, FORM_COLUMNS, 1},
            {STEP_GREATER_OF_REVERSED, FORM_SAME, 2}, {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 48}};
        const void *const operands1[] = {sums, bias, &constant0};
        void *const results1[] = {y};
        row_chain(4, 48, 4, steps1, operands1, results1);
    }
}

/* y float32[2,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k03_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    ALIGNED_ARRAY(float, sums, 2 * 48);
    tile_2x48(sums, x, weight_packed, &walk, 0, 0);
    {
        const float constant0 = 0.0f;
        static const struct row_step steps1[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 48}, {STEP_ADD, FORM_COLUMNS, 1},
            {STEP_GREATER_OF_REVERSED, FORM_SAME, 2}, {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 48}};
        const void *const operands1[] = {sums, bias, &constant0};
        void *const results1[] = {y};
        row_chain(2, 48, 4, steps1, operands1, results1);
    }
}

/* y float32[1,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k04_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    ALIGNED_ARRAY(float, sums, 1 * 48);
    tile_1x48(sums, x, weight_packed, &walk, 0, 0);
    {
        const float constant0 = 0.0f;
        static const struct row_step steps1[] = {
            {STEP_TAKE, FORM_COLUMNS, 0}, {STEP_ADD, FORM_COLUMNS, 1},
            {STEP_GREATER_OF_REVERSED, FORM_SAME, 2}, {STEP_PUT_CANONICAL, FORM_BLOCK, 0, 0}};
        const void *const operands1[] = {sums, bias, &constant0};
        void *const results1[] = {y};
        row_chain(1, 48, 4, steps1, operands1, results1);
    }
}

/* A block of 16. */
static void run_block_16(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

/* A block of 4. */
static void run_block_4(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k02_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

/* A block of 2. */
static void run_block_2(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k03_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

/* A block of 1. */
static void run_block_1(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k04_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

void *memset(void *to, int byte, unsigned long bytes);

typedef void run_block(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena);

/* Runs a block of `images`, of which only `count` are there. */
static void run_few(run_block *run, long images, long count,
        const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    char *staged = (char *)arena + 0; /* behind the block's own */
    struct golden_inputs in = *inputs;
    struct golden_outputs out = *outputs;
    in.x = (const float *)memcpy(staged + 0, inputs->x, count * 256);
    memset(staged + 0 + count * 256, 0, (images - count) * 256);
    out.y = (float *)(staged + 4096);
    run(&in, &out, weights, arena);
    memcpy(outputs->y, out.y, count * 192);
}

/* Runs the first of the `left` images that are left; returns how many. */
static long run_next(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long left) {
    if (left >= 16) {
        run_block_16(inputs, outputs, weights, arena);
        return 16;
    }
    if (left >= 13) {
        run_few(run_block_16, 16, left, inputs, outputs, weights, arena);
        return left;
    }
    if (left >= 4) {
        run_block_4(inputs, outputs, weights, arena);
        return 4;
    }
    if (left >= 3) {
        run_few(run_block_4, 4, left, inputs, outputs, weights, arena);
        return left;
    }
    if (left >= 2) {
        run_block_2(inputs, outputs, weights, arena);
        return 2;
    }
    run_block_1(inputs, outputs, weights, arena);
    return 1;
}

/* Images `at` to `end`, the last not included. */
static void run_images(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long at, long end) {
    while (at < end) {
        struct golden_inputs in = *inputs;
        struct golden_outputs out = *outputs;
        in.x += at * 64;
        out.y += at * 48;
        at += run_next(&in, &out, weights, arena, end - at);
    }
}

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long batch) {
    run_images(inputs, outputs, weights, arena, 0, batch);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long batch) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena, batch);
}
