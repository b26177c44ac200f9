/* The program `sweep`: imports and runs ONNX models that sweep.py writes, one after another, from
 * standard input: four bytes of length, the least first, then the model. For each a line, at once:
 *
 *     same | large | refused: WHY | wrong: WHAT
 *
 * A model that breaks the process, or takes too long, has none. The argument is a seed for the
 * inputs (1). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/import_trial.h"

static const struct trial_limits limits = {.nodes = 2000, .elements = 100000, .steps = 200};

/* NULL at the end. */
static unsigned char *read_model(size_t *count) {
    unsigned char length[4];
    if (fread(length, 1, sizeof length, stdin) != sizeof length)
        return NULL;
    *count = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    unsigned char *bytes = malloc(*count ? *count : 1);
    if (bytes && fread(bytes, 1, *count, stdin) == *count)
        return bytes;
    free(bytes);
    return NULL;
}

static void say(enum import_outcome outcome, const char *message) {
    static const char *const names[] = {[IMPORT_REFUSED] = "refused: ",
                                        [IMPORT_LARGE] = "large",
                                        [IMPORT_SAME] = "same",
                                        [IMPORT_MISTAKEN] = "wrong: "};
    printf("%s", names[outcome]);
    for (const char *at = message; *at; at++)
        putchar(*at == '\n' ? '|' : *at);
    putchar('\n');
    fflush(stdout);
}

int main(int count, char **words) {
    enum { MOST_SECONDS = 30 }; /* then the alarm ends the process */
    uint64_t seed = count > 1 ? strtoull(words[1], NULL, 10) : 1;
    unsigned char *bytes;
    size_t length;
    while ((bytes = read_model(&length))) {
        struct et_error error = {0};
        alarm(MOST_SECONDS);
        enum import_outcome outcome = import_trial(bytes, length, seed, &limits, &error);
        say(outcome, error.message);
        free(bytes);
    }
    return 0;
}
