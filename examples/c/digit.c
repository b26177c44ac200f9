/* Classifies the digit in digit.h with the library: opens a stored graph, compiles it in this
 * process, runs it, and says which bits came out. Also takes other models of 28x28 pixels. */
#include "digit.h"
#include <eigentensor.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const struct et_error *error) {
    fprintf(stderr, "%s\n", error->message);
    return EXIT_FAILURE;
}

/* The model is a file of the user's: that it reads one picture and gives ten numbers is not known
 * before it was asked. */
static bool takes_digits(const struct et_program *program) {
    if (et_program_input_count(program) != 1 || et_program_output_count(program) != 1)
        return false;
    const struct et_tensor image = et_program_input(program, 0);
    const struct et_tensor logits = et_program_output(program, 0);
    return strcmp(image.dtype, "float32") == 0 && image.bytes == DIGIT_PIXELS * sizeof(float) &&
           strcmp(logits.dtype, "float32") == 0 && logits.bytes == DIGIT_CLASSES * sizeof(float);
}

int main(int count, char **values) {
    if (count != 2)
        return fprintf(stderr, "usage: %s MODEL.json\n", values[0]), 2;

    struct et_error error;
    struct et_program *program = et_program_open(values[1], NULL, &error);
    if (!program)
        return fail(&error);
    if (!takes_digits(program)) {
        fprintf(stderr, "%s: expected a model of one 28x28 picture and ten classes\n", values[1]);
        et_program_free(program);
        return EXIT_FAILURE;
    }

    /* The memory that runs work in. Each thread has its own and keeps it for all of its runs. */
    struct et_workspace *workspace = et_workspace_new(program);

    float image[DIGIT_PIXELS], logits[DIGIT_CLASSES];
    const void *const inputs[] = {image};
    void *const outputs[] = {logits};
    digit_draw(image);
    const bool good = et_program_run(program, ET_JIT, inputs, outputs, workspace, &error);
    if (good)
        printf("This is a %d. Its digest is %s.\n", digit_class(logits),
               et_program_output_digest(program, (const void *const *)outputs).text);

    et_workspace_free(workspace);
    et_program_free(program);
    return good ? EXIT_SUCCESS : fail(&error);
}
