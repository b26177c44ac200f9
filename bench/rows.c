// Row operations on blocks as emitted C has them: nanoseconds a call, and an element, with operands
// as they are common. What the least block takes is the cost of a call.
//
//   make library && cc -std=gnu11 -O2 -I. bench/rows.c build/libeigentensor.a
//       -lm -lpthread -o rows && ./rows

#include "compiler/base/clock.h"
#include "runtime/kernels/kernels.h"

#include <stdio.h>

enum { ROOM = 1 << 16, REPEATS = 300 };
static _Alignas(64) float room[4][ROOM];
static const struct target *target;

typedef void unary_row(long rows, long columns, float *result, long result_row, long result_step,
                       const float *a, long a_row, long a_step);
typedef void binary_row(long rows, long columns, float *result, long result_row, long result_step,
                        const float *a, long a_row, long a_step, const float *b, long b_row,
                        long b_step);
typedef void reduce_row(long rows, long columns, float *result, long result_step, const float *a,
                        long a_row, long a_step);
typedef void contract_row(long rows, long columns, float *result, long result_row, long result_step,
                          const float *a, long a_row, long a_step, const float *b, long b_row,
                          long b_step, long resume, long axes, const long *axis);

static row_function *find(const char *name) {
    return kernels_for(target)->rows[row_find(name)];
}

// Prints the least of many samples of the call.
#define MEASURE(elements, call)                                                                    \
    do {                                                                                           \
        const int calls = 1 + 100000 / (elements);                                                 \
        double best = 1e30;                                                                        \
        for (int repeat = 0; repeat < REPEATS; repeat++) {                                         \
            double begin = (double)now_nanoseconds();                                              \
            for (int i = 0; i < calls; i++)                                                        \
                call;                                                                              \
            double taken = ((double)now_nanoseconds() - begin) / calls;                            \
            best = taken < best ? taken : best;                                                    \
        }                                                                                          \
        printf("  %8.1f %6.3f", best, best / (elements));                                          \
    } while (0)

static const struct shape {
    long rows, columns;
} shapes[] = {{1, 1}, {1, 8}, {1, 64}, {12, 32}, {8, 100}, {4, 1024}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void elementwise(void) {
    static const struct pattern {
        const char *operation, *what;
        int b_row, b_step; // 2: as many as columns
    } patterns[] = {
        {"row_f32_add", "a block", 2, 1},      {"row_f32_add", "a bias", 0, 1},
        {"row_f32_add", "a constant", 0, 0},   {"row_f32_add", "one a row", 1, 0},
        {"row_f32_add", "a transposed", 1, 2}, {"row_f32_max", "a constant", 0, 0},
    };
    for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
        const struct pattern *p = &patterns[k];
        binary_row *function = (binary_row *)find(p->operation);
        printf("%-12s %-13s", p->operation + 8, p->what);
        for (int s = 0; s < SHAPES; s++) {
            const long rows = shapes[s].rows, columns = shapes[s].columns;
            const long row = p->b_row == 2 ? columns : p->b_row;
            const long step = p->b_step == 2 ? rows : p->b_step;
            MEASURE(rows * columns, function(rows, columns, room[0], columns, 1, room[1], columns,
                                             1, room[2], row, step));
        }
        printf("\n");
    }
}

static void unary(void) {
    static const char *const names[] = {"row_f32_copy", "row_f32_abs", "row_f32_exp",
                                        "row_f32_canonical"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (long spread = 1; spread <= 2; spread++) {
            unary_row *function = (unary_row *)find(names[k]);
            printf("%-12s %-13s", names[k] + 8, spread == 1 ? "a block" : "rows apart");
            for (int s = 0; s < SHAPES; s++) {
                const long rows = shapes[s].rows, columns = shapes[s].columns;
                MEASURE(rows * columns,
                        function(rows, columns, room[0], columns, 1, room[1], columns * spread, 1));
            }
            printf("\n");
        }
}

static void reductions(void) {
    static const char *const names[] = {"row_f32_reduce_sum", "row_f32_reduce_max",
                                        "row_f32_argmax"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int down = 0; down < 2; down++) {
            reduce_row *function = (reduce_row *)find(names[k]);
            printf("%-12s %-13s", names[k] + 8, down ? "down columns" : "along rows");
            for (int s = 0; s < SHAPES; s++) {
                const long rows = shapes[s].rows, columns = shapes[s].columns;
                if (down)
                    MEASURE(rows * columns,
                            function(columns, rows, room[0], 1, room[1], 1, columns));
                else
                    MEASURE(rows * columns,
                            function(rows, columns, room[0], 1, room[1], columns, 1));
            }
            printf("\n");
        }
}

// Nanoseconds are an operation's and a multiply-add's.
static void contractions(void) {
    contract_row *function = (contract_row *)find("row_f32_contract");
    const long product[] = {64, 1, 32};
    const long taps[] = {3, 320, 96, 3, 32, 32};
    printf("contract, 12 x 32 x 64:      ");
    MEASURE(12 * 32 * 64,
            function(12, 32, room[0], 32, 1, room[1], 64, 0, room[2], 0, 1, 0, 1, product));
    printf("\ndepthwise 3 x 3, 8 x 32:     ");
    MEASURE(8 * 32 * 9, function(8, 32, room[0], 32, 1, room[1], 32, 1, room[2], 0, 1, 0, 2, taps));
    const long dots[] = {64, 1, 1};
    printf("\nrows of b along, 1 x 32 x 64:");
    MEASURE(32 * 64, function(1, 32, room[0], 32, 1, room[1], 0, 0, room[2], 0, 64, 0, 1, dots));
    printf("\n");
}

int main(void) {
    target = cpu_best_target();
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < ROOM; k++)
            room[i][k] = (float)(k % 17 - 8) * 0.25f;
    printf("%s: ns a call, and an element\n%-26s", target->name, "");
    for (int s = 0; s < SHAPES; s++)
        printf("  %8ld x %-4ld", shapes[s].rows, shapes[s].columns);
    printf("\n");
    unary();
    elementwise();
    reductions();
    contractions();
    return 0;
}
