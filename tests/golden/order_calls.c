/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_elementwise
 *     t3 float32[40]  40 flop  160 + 160 bytes
 *   k02_argsort
 *     t4 int32[40]  0 flop  160 + 160 bytes
 *   k03_copy
 *     t8_2 float32[40,5]  0 flop  320 + 800 bytes
 *   k04_scatter_add
 *     y float32[8,5]  200 flop  1280 + 160 bytes
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

void f32_sort_keys(uint64_t *keys, const float *elements, long count);

void sort_keys(int32_t *positions, uint64_t *keys, long count);

// The bit pattern of a float32.
static inline uint32_t f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The float32 of a bit pattern.
static inline float f32_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
static inline float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
}


static inline float f32_scatter_add(float a, float b) {
    return a + b;
}

void row_f32_neg(long rows, long columns, float *result, long result_row, long result_step,
        const float *a, long a_row, long a_step);
void row_f32_gather_i32(long rows, long columns, float *result, long result_row, long result_step,
        const float *a, long a_row, long a_step,
        const int32_t *b, long b_row, long b_step, long extent, long stride, long wrap);
void row_f32_canonical(long rows, long columns, float *result, long result_row, long result_step,
        const float *a, long a_row, long a_step);
#define GOLDEN_WEIGHTS_BYTES 0
#define GOLDEN_ARENA_BYTES 1824
#define GOLDEN_INPUT_COUNT 3
#define GOLDEN_OUTPUT_COUNT 1

struct golden_inputs {
    const float *x; /* float32[40] */
    const float *table; /* float32[8,5] */
    const int64_t *p; /* int64[40,1] */
};

struct golden_outputs {
    float *y; /* float32[8,5] */
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
/* t3 float32[40] = neg(x)
 * nodes 3 */
static void k01_elementwise(const float *restrict x, float *restrict t3) {
    row_f32_neg(1, 40, t3, 0, 1, x, 0, 1);
}

/* t4 int32[40] = argsort(t3)
 * nodes 4 */
static void k02_argsort(const float *restrict t3, int32_t *restrict t4, uint64_t *arena) {
    f32_sort_keys(arena, t3, 40);
    sort_keys(t4, arena, 40);
}

/* t8_2 float32[40,5] = within(x else 0)
 * nodes 5 7 */
static void k03_copy(const int32_t *restrict t4, const float *restrict x, float *restrict t8_2) {
    row_f32_gather_i32(40, 5, t8_2, 5, 1, x, 0, 0, t4, 1, 0, 40, 1, 0);
}

/* y float32[8,5] = scatter_add(table, p, t8_2)
 * nodes 8 */
static void k04_scatter_add(const float *restrict table, const int64_t *restrict p,
        const float *restrict t8_2, float *restrict y) {
    row_f32_canonical(1, 40, y, 0, 1, table, 0, 1);
    for (long k = 0; k < 40; k++) {
        const int64_t at0 = p[k];
        if (at0 < 0 || at0 >= 8)
            continue;
        for (long c = 0; c < 5; c++) {
            const long to1 = 5 * at0 + c;
            y[to1] = f32_canonical(f32_scatter_add(y[to1], t8_2[5 * k + c]));
        }
    }
}

/* Temporaries, in bytes from the beginning of the arena. */
enum {
    AT_t3 = 0, /* float32[40], alive from k01 to k02 */
    AT_t4 = 832, /* int32[40], alive from k02 to k03 */
    AT_t8_2 = 0, /* float32[40,5], alive from k03 to k04 */
};

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    (void)weights;
    char *scratch = (char *)arena;
    k01_elementwise(inputs->x, (float *)(scratch + AT_t3));
    k02_argsort((const float *)(scratch + AT_t3), (int32_t *)(scratch + AT_t4),
            (uint64_t *)(void *)((char *)arena + 1024));
    k03_copy((const int32_t *)(scratch + AT_t4), inputs->x, (float *)(scratch + AT_t8_2));
    k04_scatter_add(inputs->table, inputs->p, (const float *)(scratch + AT_t8_2), outputs->y);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    named_inputs.table = (const float *)inputs[1];
    named_inputs.p = (const int64_t *)inputs[2];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}
