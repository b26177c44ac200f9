/* demo GRAPH.json PNG...: drawn digits as the model sees them, classified in every mode. */
#include "runtime/formats/image.h"

#include "runtime/eigentensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLASSES = 10, BESIDE = 2, CELL = 40, LINES = 7, RUNS = 5 };

/* What became of one picture. */
struct digit {
    const char *name; /* of the file, without its folder */
    unsigned char pixels[DIGIT_PIXELS];
    float logits[ET_MODE_COUNT][CLASSES];
    double milliseconds[ET_MODE_COUNT];
    struct et_digest digests[ET_MODE_COUNT];
};

/* ---- Computing ---- */

static bool fits(const struct et_program *program, struct et_error *error) {
    if (et_program_input_count(program) == 1 && et_program_output_count(program) == 1) {
        struct et_tensor input = et_program_input(program, 0);
        struct et_tensor output = et_program_output(program, 0);
        if (strcmp(input.dtype, "float32") == 0 && strcmp(output.dtype, "float32") == 0 &&
            input.bytes == sizeof(float[DIGIT_PIXELS]) && output.bytes == sizeof(float[CLASSES]))
            return true;
    }
    return et_fail(error, "%s: expected one input of 28x28 float32 and one output of 10",
                   et_program_name(program));
}

static bool prepare_modes(struct et_program *program, struct et_error *error) {
    for (int mode = 0; mode < ET_MODE_COUNT; mode++) {
        double start = now_milliseconds();
        if (!et_program_prepare(program, (enum et_mode)mode, error))
            return false;
        if (mode != ET_EAGER)
            printf("%s compiled in %.1f ms\n", et_mode_name((enum et_mode)mode),
                   now_milliseconds() - start);
    }
    return true;
}

/* The shortest of a few runs: what remains when nothing else disturbs them. */
static bool run(struct et_program *program, enum et_mode mode, struct et_workspace *workspace,
                const float *pixels, struct digit *digit, struct et_error *error) {
    const void *inputs[] = {pixels};
    void *outputs[] = {digit->logits[mode]};
    for (int i = 0; i < RUNS; i++) {
        double start = now_milliseconds();
        if (!et_program_run(program, mode, inputs, outputs, workspace, error))
            return false;
        double taken = now_milliseconds() - start;
        if (i == 0 || taken < digit->milliseconds[mode])
            digit->milliseconds[mode] = taken;
    }
    digit->digests[mode] = et_program_output_digest(program, (const void *const *)outputs);
    return true;
}

static bool classify(struct et_program *program, struct et_workspace *workspace, const char *path,
                     struct digit *digit, struct et_error *error) {
    const char *slash = strrchr(path, '/');
    digit->name = slash ? slash + 1 : path;
    struct image image;
    if (!image_read_png(path, &image, error))
        return false;
    bool good =
        image_prepare_digit(&image, digit->pixels, error) || et_fail_within(error, "%s", path);
    image_free(&image);
    float pixels[DIGIT_PIXELS];
    image_digit_to_floats(digit->pixels, pixels);
    for (int mode = 0; good && mode < ET_MODE_COUNT; mode++)
        good = run(program, (enum et_mode)mode, workspace, pixels, digit, error);
    return good;
}

/* The likeliest digit. */
static int prediction(const float *logits, double *probability) {
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    double sum = 0;
    for (int i = 0; i < CLASSES; i++)
        sum += exp((double)logits[i] - (double)logits[best]);
    *probability = 1 / sum;
    return best;
}

static bool same_bits(const struct digit *digit) {
    for (int mode = 1; mode < ET_MODE_COUNT; mode++)
        if (strcmp(digit->digests[mode].text, digit->digests[0].text) != 0)
            return false;
    return true;
}

/* ---- Showing ---- */

/* The mean of 2x2 pixels. */
static int ink(const struct digit *digit, int row, int column) {
    const unsigned char *pixel = &digit->pixels[2 * row * DIGIT_SIDE + 2 * column];
    return (pixel[0] + pixel[1] + pixel[DIGIT_SIDE] + pixel[DIGIT_SIDE + 1]) / 4;
}

/* One line of the picture, 14 characters wide: each shows two pixels, in greys if there are. */
static void print_picture(const struct digit *digit, int line, bool colours) {
    static const char *const halves[] = {" ", "▄", "▀", "█"};
    for (int column = 0; column < DIGIT_SIDE / 2; column++) {
        int upper = ink(digit, 2 * line, column), lower = ink(digit, 2 * line + 1, column);
        if (colours) /* 232 to 255: the 24 greys of terminals with 256 colours */
            printf("\x1b[38;5;%d;48;5;%dm▀", 232 + upper * 23 / 255, 232 + lower * 23 / 255);
        else
            fputs(halves[2 * (upper >= 96) + (lower >= 96)], stdout);
    }
    if (colours)
        fputs("\x1b[0m", stdout);
}

/* One line of what is said beside it; returns its length. */
static int print_words(const struct digit *digit, int line) {
    double probability;
    int best = prediction(digit->logits[ET_EAGER], &probability);
    switch (line) {
    case 0:
        return printf("%s", digit->name);
    case 1:
        return printf("%d  with %.2f %%", best, 100 * probability);
    case 5:
        return printf("%.14s", digit->digests[ET_EAGER].text);
    case 6:
        return printf("%s", same_bits(digit) ? "the same in all modes" : "MODES DISAGREE");
    default:
        return printf("%-5s %9.3f ms", et_mode_name((enum et_mode)(line - 2)),
                      digit->milliseconds[line - 2]);
    }
}

static void print_row(const struct digit *digits, int count, bool colours) {
    putchar('\n');
    for (int line = 0; line < LINES; line++) {
        for (int i = 0; i < count; i++) {
            print_picture(&digits[i], line, colours);
            printf("  ");
            int used = DIGIT_SIDE / 2 + 2 + print_words(&digits[i], line);
            if (i + 1 < count)
                printf("%*s", used < CELL ? CELL - used : 1, "");
        }
        putchar('\n');
    }
}

static double median(const struct digit *digits, int count, enum et_mode mode) {
    for (int i = 0; i < count; i++) {
        double value = digits[i].milliseconds[mode];
        int before = 0; /* in order, equal ones as they come */
        for (int k = 0; k < count; k++) {
            double other = digits[k].milliseconds[mode];
            before += other < value || (other == value && k < i);
        }
        if (before == count / 2)
            return value;
    }
    return NAN;
}

/* Returns whether every digit had the same bits in all modes. */
static bool print_summary(const struct digit *digits, int count) {
    int right = 0, same = 0;
    for (int i = 0; i < count; i++) {
        double probability;
        right += digits[i].name[0] - '0' == prediction(digits[i].logits[ET_EAGER], &probability);
        same += same_bits(&digits[i]);
    }
    printf("\n%d of %d digits are what their file names begin with.\n", right, count);
    printf("%d of %d results have the same bits in all modes.\n", same, count);
    printf("A digit takes");
    for (int mode = 0; mode < ET_MODE_COUNT; mode++)
        printf("%s %.3f ms %s", mode ? "," : "", median(digits, count, (enum et_mode)mode),
               et_mode_name((enum et_mode)mode));
    printf(" (medians).\n");
    return same == count;
}

static bool demonstrate(struct et_program *program, struct et_workspace *workspace, int count,
                        char **paths, struct et_error *error) {
    struct digit *digits = et_allocate((size_t)count, sizeof *digits);
    if (!digits || !workspace)
        return et_fail(error, "out of memory");
    printf("%s, digest %.16s…\n", et_program_name(program), et_program_digest(program));
    bool colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    bool good = fits(program, error) && prepare_modes(program, error);
    for (int i = 0; good && i < count; i++)
        good = classify(program, workspace, paths[i], &digits[i], error);
    for (int i = 0; good && i < count; i += BESIDE)
        print_row(&digits[i], i + BESIDE < count ? BESIDE : count - i, colours);
    good = good && (print_summary(digits, count) || et_fail(error, "the modes disagree"));
    et_release(digits);
    return good;
}

int main(int count, char **values) {
    if (count < 3) {
        fprintf(stderr, "usage: demo GRAPH.json PNG...\n");
        return 2;
    }
    struct et_error error = {0};
    struct et_program *program = et_program_open(values[1], NULL, &error);
    struct et_workspace *workspace = program ? et_workspace_new(program) : NULL;
    bool good = program && demonstrate(program, workspace, count - 2, values + 2, &error);
    et_workspace_free(workspace);
    et_program_free(program);
    if (!good)
        fprintf(stderr, "demo: %s\n", error.message);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
