/* contender [--threads N] GRAPH.json MODE INPUT...: one way of running a graph, measured on
 * demand. Each line on standard input asks, and one line on standard output answers:
 *
 *     (at the start)  ready NAME VERSION
 *     open            opened LOAD COMPILE COLD     seconds; COLD: from files to first result
 *     run N           ran SECONDS...               of each of N calls
 *     write FILE      wrote                        the outputs' elements, as of the last call
 *     expect FILE     wrote                        the same in float64; of ours only, without open
 *     facts           facts NAME=NUMBER...         what there is to know
 *     (anything)      error MESSAGE                when it fails
 *
 * The peers speak the same (peers/worker.py), so that none is measured by another's means. */
#include "compiler/evaluate/float64.h"
#include "runtime/backend/backend.h"
#include "runtime/et_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct contender {
    const char *path;
    enum et_mode mode;
    int threads;
    char **input_paths;
    int input_count;
    struct et_program *program;
    struct et_workspace *workspace;
    void **inputs, **outputs;
};

/* ---- Opening ---- */

static void *elements(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static bool read_input(const char *path, size_t bytes, void **input, struct et_error *error) {
    *input = elements(bytes);
    if (!*input)
        return et_fail(error, "out of memory");
    FILE *file = fopen(path, "rb");
    if (!file)
        return et_fail(error, "%s: %s", path, strerror(errno));
    bool good = fread(*input, 1, bytes, file) == bytes && fgetc(file) == EOF;
    fclose(file);
    return good || et_fail(error, "%s: expected %zu bytes", path, bytes);
}

/* `scale` times as many bytes as each output has; what was allocated is freed at the end. */
static bool make_outputs(struct contender *contender, size_t scale, struct et_error *error) {
    int count = et_program_output_count(contender->program);
    contender->outputs = calloc((size_t)count + 1, sizeof *contender->outputs);
    for (int i = 0; contender->outputs && i < count; i++) {
        struct et_tensor facts = et_program_output(contender->program, i);
        if (strcmp(facts.dtype, "float32") != 0)
            return et_fail(error, "output %s: expected float32", facts.name);
        contender->outputs[i] = elements(scale * facts.bytes);
        if (!contender->outputs[i])
            return et_fail(error, "out of memory");
    }
    return contender->outputs || et_fail(error, "out of memory");
}

static bool read_inputs(struct contender *contender, struct et_error *error) {
    const struct et_program *program = contender->program;
    if (et_program_input_count(program) != contender->input_count)
        return et_fail(error, "expected %d inputs", et_program_input_count(program));
    contender->inputs = calloc((size_t)contender->input_count + 1, sizeof *contender->inputs);
    if (!contender->inputs)
        return et_fail(error, "out of memory");
    for (int i = 0; i < contender->input_count; i++)
        if (!read_input(contender->input_paths[i], et_program_input(program, i).bytes,
                        &contender->inputs[i], error))
            return false;
    return true;
}

static bool run_once(struct contender *contender, struct et_error *error) {
    return et_program_run(contender->program, contender->mode,
                          (const void *const *)contender->inputs, contender->outputs,
                          contender->workspace, error);
}

static bool open_all(struct contender *contender, struct et_error *error) {
    double begin = now_seconds();
    contender->program = et_program_open(contender->path, NULL, error);
    double loaded = now_seconds();
    if (!contender->program ||
        !et_program_set_threads(contender->program, contender->threads, error) ||
        !et_program_set_tuning(contender->program, NULL, error) || /* nothing that is not seen */
        !et_program_prepare(contender->program, contender->mode, error))
        return false;
    double compiled = now_seconds();
    contender->workspace = et_workspace_new(contender->program);
    if (!contender->workspace)
        return et_fail(error, "out of memory");
    if (!read_inputs(contender, error) || !make_outputs(contender, 1, error) ||
        !run_once(contender, error))
        return false;
    printf("opened %.9f %.9f %.9f\n", loaded - begin, compiled - loaded, now_seconds() - begin);
    return true;
}

/* ---- Measuring ---- */

static bool run_many(struct contender *contender, long count, struct et_error *error) {
    double *seconds = malloc((size_t)count * sizeof *seconds);
    bool good = seconds || et_fail(error, "out of memory");
    for (long i = 0; good && i < count; i++) {
        double begin = now_seconds();
        good = run_once(contender, error);
        seconds[i] = now_seconds() - begin;
    }
    printf(good ? "ran" : "");
    for (long i = 0; good && i < count; i++)
        printf(" %.9f", seconds[i]);
    printf(good ? "\n" : "");
    free(seconds);
    return good;
}

/* All outputs one after another, `scale` times as many bytes as each has. */
static bool write_outputs(const struct contender *contender, size_t scale, const char *path,
                          struct et_error *error) {
    FILE *file = fopen(path, "wb");
    if (!file)
        return et_fail(error, "%s: %s", path, strerror(errno));
    bool good = true;
    for (int i = 0; good && i < et_program_output_count(contender->program); i++) {
        size_t bytes = scale * et_program_output(contender->program, i).bytes;
        good = fwrite(contender->outputs[i], 1, bytes, file) == bytes;
    }
    good = fclose(file) == 0 && good;
    if (good)
        puts("wrote");
    return good || et_fail(error, "%s: cannot be written", path);
}

/* What the graph is without rounding to float32. */
static bool expect(struct contender *contender, const char *path, struct et_error *error) {
    contender->program = et_program_open(contender->path, NULL, error);
    return contender->program && read_inputs(contender, error) &&
           make_outputs(contender, 2, error) &&
           wide_run(program_graph(contender->program), (const void *const *)contender->inputs,
                    contender->outputs, error) &&
           write_outputs(contender, 2, path, error);
}

/* Not what is measured, so the public interface need not do. */
static bool print_facts(const struct contender *contender, struct et_error *error) {
    const struct compiled *compiled = program_compiled(contender->program, contender->mode);
    printf("facts");
    if (compiled)
        printf(" arena=%zu arena_least=%zu source=%zu kernels=%d", compiled->arena_bytes,
               compiled->arena_lower_bound, compiled->source_bytes, compiled->kernel_count);
    if (contender->mode == ET_JIT) {
        struct executable jit;
        if (!backend_build(&backends[BACKEND_JIT], compiled, NULL, &jit, error))
            return false;
        printf(" code=%zu", jit.code_bytes);
        executable_free(&jit);
    }
    puts("");
    return true;
}

/* ---- Asking and answering ---- */

static bool answer(struct contender *contender, char *line, struct et_error *error) {
    char *argument = strchr(line, ' ');
    if (argument)
        *argument++ = '\0';
    if (strcmp(line, "open") == 0 && !contender->program)
        return open_all(contender, error);
    if (strcmp(line, "expect") == 0 && argument && !contender->program)
        return expect(contender, argument, error);
    if (!contender->workspace)
        return et_fail(error, "expected \"open\" first");
    if (strcmp(line, "run") == 0 && argument && strtol(argument, NULL, 10) > 0)
        return run_many(contender, strtol(argument, NULL, 10), error);
    if (strcmp(line, "write") == 0 && argument)
        return write_outputs(contender, 1, argument, error);
    if (strcmp(line, "facts") == 0)
        return print_facts(contender, error);
    return et_fail(error, "%s: expected open, run N, write FILE or facts", line);
}

static void print_error(const struct et_error *error) {
    printf("error ");
    for (const char *c = error->message; *c; c++)
        putchar(*c == '\n' ? ' ' : *c);
    puts("");
}

static void answer_all(struct contender *contender) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
        struct et_error error = {0};
        line[strcspn(line, "\n")] = '\0';
        if (!answer(contender, line, &error))
            print_error(&error);
        fflush(stdout);
    }
    free(line);
}

static void close_all(struct contender *contender) {
    for (int i = 0; contender->outputs && contender->outputs[i]; i++)
        free(contender->outputs[i]);
    et_workspace_free(contender->workspace);
    et_program_free(contender->program);
    for (int i = 0; contender->inputs && i < contender->input_count; i++)
        free(contender->inputs[i]);
    free(contender->inputs);
    free(contender->outputs);
}

int main(int count, char **values) {
    struct contender contender = {.threads = 1};
    if (count > 2 && strcmp(values[1], "--threads") == 0) {
        contender.threads = (int)strtol(values[2], NULL, 10);
        count -= 2;
        values += 2;
    }
    if (count < 3 || contender.threads < 1 || !et_mode_from_name(values[2], &contender.mode)) {
        fprintf(stderr, "usage: contender [--threads N] GRAPH.json MODE INPUT...\n");
        return 2;
    }
    contender.path = values[1];
    contender.input_paths = values + 3;
    contender.input_count = count - 3;
    puts("ready eigentensor 1");
    fflush(stdout);
    answer_all(&contender);
    close_all(&contender);
    return EXIT_SUCCESS;
}
