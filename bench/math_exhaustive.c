// Every float32 there is through every unary function of templates/math.h, measured against the
// float64 functions of the C library, which are good to 2^-28 ulp of float32 here.
//
//   cc -std=c11 -O3 -march=native -ffp-contract=off bench/math_exhaustive.c -lm -lpthread -o check
//   ./check [threads [function ...]]
//
// Prints, per function: the largest error in ulp of the result and where, and how many results are
// not the correctly rounded ones. Exits with 1 if an error exceeds 1 ulp or a NaN, zero or infinity
// is misplaced. That every build has the same bits is for tests/templates/math_digests.c.

#include "templates/math.h"
#include "templates/strip.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1 << 16, BLOCKS = 1 << 16, MAX_THREADS = 256 };

struct function {
    const char *name;
    void (*run)(float *y, const float *x);
    double (*reference)(double x);
};

struct job {
    const struct function *function;
    unsigned first_block, step;
    double worst;      // largest error in ulp; HUGE_VAL: a special value is wrong
    uint32_t worst_at; // bits of its input
    uint64_t misrounded;
};

#define RUN(name)                                                                                  \
    static void run_##name(float *restrict y, const float *restrict x) {                           \
        for (int i = 0; i < BLOCK; i++)                                                            \
            y[i] = f32_##name(x[i]);                                                               \
    }
RUN(exp)
RUN(log)
RUN(sin)
RUN(cos)
RUN(tanh)
RUN(erf)

static void run_exp_strip(float *restrict y, const float *restrict x) {
    f32_exp_strip(y, x, 0, BLOCK);
}

static const struct function functions[] = {
    {"exp", run_exp, exp}, {"exp_strip", run_exp_strip, exp},
    {"log", run_log, log}, {"sin", run_sin, sin},
    {"cos", run_cos, cos}, {"tanh", run_tanh, tanh},
    {"erf", run_erf, erf},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

// The error of y in ulp of float32 at the exact value; HUGE_VAL where no finite error will do.
static double error_in_ulp(float y, double exact) {
    float rounded = (float)exact;
    if (exact != exact || y != y) {
        return exact != exact && y != y ? 0 : HUGE_VAL;
    }
    if (isinf(rounded) || isinf(y)) {
        return rounded == y ? 0 : HUGE_VAL;
    }
    if (rounded == 0) {
        return f32_bits(rounded) == f32_bits(y) ? 0 : fabs(y) / 0x1p-149 + 1;
    }
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)y - exact) * ldexp(1, 24 - (exponent < -125 ? -125 : exponent));
}

static void *check_blocks(void *argument) {
    struct job *job = argument;
    float *x = malloc(BLOCK * sizeof *x), *y = malloc(BLOCK * sizeof *y);
    if (!x || !y) {
        fprintf(stderr, "math_exhaustive: out of memory\n");
        exit(2);
    }
    for (unsigned block = job->first_block; block < BLOCKS; block += job->step) {
        for (uint32_t i = 0; i < BLOCK; i++) {
            x[i] = f32_from_bits(block * (uint32_t)BLOCK + i);
        }
        job->function->run(y, x);
        for (uint32_t i = 0; i < BLOCK; i++) {
            double exact = job->function->reference(x[i]);
            double error = error_in_ulp(y[i], exact);
            float rounded = (float)exact;
            job->misrounded += rounded == rounded && f32_bits(rounded) != f32_bits(y[i]);
            if (error > job->worst) {
                job->worst = error;
                job->worst_at = f32_bits(x[i]);
            }
        }
    }
    free(x);
    free(y);
    return NULL;
}

// Returns whether every result is within 1 ulp.
static int check_function(const struct function *function, unsigned threads) {
    struct job jobs[MAX_THREADS], total = {.function = function};
    pthread_t handles[MAX_THREADS];
    for (unsigned i = 0; i < threads; i++) {
        jobs[i] = (struct job){.function = function, .first_block = i, .step = threads};
        if (pthread_create(&handles[i], NULL, check_blocks, &jobs[i]) != 0) {
            fprintf(stderr, "math_exhaustive: cannot start a thread\n");
            exit(2);
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        total.misrounded += jobs[i].misrounded;
        if (jobs[i].worst > total.worst) {
            total.worst = jobs[i].worst;
            total.worst_at = jobs[i].worst_at;
        }
    }
    printf("%-9s  %.4f ulp at %a (0x%08x)  misrounded %.3f %%\n", function->name, total.worst,
           (double)f32_from_bits(total.worst_at), (unsigned)total.worst_at,
           100.0 * (double)total.misrounded / 0x1p+32);
    fflush(stdout);
    return total.worst <= 1;
}

int main(int count, char **arguments) {
    long threads = count > 1 ? strtol(arguments[1], NULL, 10) : 1;
    int good = 1;
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: %s [threads 1..%d [function ...]]\n", arguments[0], MAX_THREADS);
        return 2;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        int wanted = count <= 2;
        for (int k = 2; k < count; k++) {
            wanted |= strcmp(arguments[k], functions[i].name) == 0;
        }
        good &= !wanted || check_function(&functions[i], (unsigned)threads);
    }
    return good ? 0 : 1;
}
