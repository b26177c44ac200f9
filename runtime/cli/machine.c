/* eigentensor machine: what the machine can do at most, to hold measured times against. */
#include "runtime/cli/cli.h"

#include "runtime/kernels/cpu.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST_THREADS = 256, DEFAULT_BYTES = 256 << 20 };

struct machine_arguments {
    struct common common; /* none of it */
    int64_t threads, bytes, milliseconds;
    bool json;
};

static const struct argp_option options[] = {
    {"threads", 't', "N", 0, "Measure on N threads at the same time (default: 1)", 0},
    {"bytes", 'b', "BYTES", 0, "Memory that is read and copied, of all threads (default: 256 MiB)",
     0},
    {"time", 'm', "MILLISECONDS", 0, "For so long, each of the three (default: 200)", 0},
    {"json", 'j', NULL, 0, "Print one object of JSON", 0},
    {0}};

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct machine_arguments *arguments = input;
    switch (key) {
    case 't':
        arguments->threads = parse_number(state, argument, 1, MOST_THREADS);
        return 0;
    case 'b':
        arguments->bytes = parse_number(state, argument, 1, (int64_t)1 << 40);
        return 0;
    case 'm':
        arguments->milliseconds = parse_number(state, argument, 1, 60000);
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .parse = parse,
    .takes = TAKES_NOTHING,
    .about =
        "Measures what this machine can do at most: fused multiply-adds of float32 in registers, "
        "and bandwidth of memory. A copy moves every byte twice, and is counted so.",
};

/* What one thread measures, all at the same time. */
struct part {
    pthread_t thread;
    pthread_barrier_t *together;
    size_t bytes;
    double seconds, gflops;
    struct bandwidth bandwidth;
    struct et_error error;
    bool good;
};

static void *measure(void *argument) {
    struct part *part = argument;
    pthread_barrier_wait(part->together);
    part->gflops = peak_gflops(part->seconds);
    pthread_barrier_wait(part->together);
    part->good = bandwidth_measure(part->bytes, part->seconds, &part->bandwidth, &part->error);
    return NULL;
}

/* Measures on every part's thread; all of it in parts[0] then, as sums. */
static bool measure_all(struct part *parts, int count, struct et_error *error) {
    int started = 0;
    while (started < count &&
           pthread_create(&parts[started].thread, NULL, measure, &parts[started]) == 0)
        started++;
    if (started < count) { /* those that wait for it end with the process */
        return et_fail(error, "cannot start thread %d of %d", started + 1, count);
    }
    for (int i = 0; i < count; i++)
        pthread_join(parts[i].thread, NULL);
    for (int i = 0; i < count; i++)
        if (!parts[i].good)
            return et_fail(error, "%s", parts[i].error.message);
    for (int i = 1; i < count; i++) {
        parts[0].gflops += parts[i].gflops;
        parts[0].bandwidth.read += parts[i].bandwidth.read;
        parts[0].bandwidth.copy += parts[i].bandwidth.copy;
    }
    return true;
}

static void print(const struct machine_arguments *arguments, const struct part *all) {
    const char *level = cpu_best_target()->name;
    if (arguments->json)
        printf("{\"level\": \"%s\", \"threads\": %d, \"bytes\": %lld, \"gflops\": %.3f, "
               "\"read_gbs\": %.3f, \"copy_gbs\": %.3f}\n",
               level, (int)arguments->threads, (long long)arguments->bytes, all->gflops,
               all->bandwidth.read, all->bandwidth.copy);
    else
        printf("multiply-adds  %8.1f GFLOP/s (%s)\nreading        %8.1f GB/s\n"
               "copying        %8.1f GB/s, both ways counted\n",
               all->gflops, level, all->bandwidth.read, all->bandwidth.copy);
}

int machine_command(int count, char **values) {
    struct machine_arguments arguments = {
        .threads = 1, .bytes = DEFAULT_BYTES, .milliseconds = 200};
    command_parse(&line, count, values, &arguments.common);
    int threads = (int)arguments.threads;
    struct et_error error = {0};
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, (unsigned)threads);
    struct part *parts = calloc((size_t)threads, sizeof *parts);
    for (int i = 0; parts && i < threads; i++)
        parts[i] = (struct part){.together = &together,
                                 .bytes = (size_t)(arguments.bytes / threads),
                                 .seconds = 1e-3 * (double)arguments.milliseconds};
    bool good = parts ? measure_all(parts, threads, &error) : et_fail(&error, "out of memory");
    if (good)
        print(&arguments, parts);
    free(parts);
    return command_end(&arguments.common, good, &error);
}
