/* open_library LIBRARY MODEL MODE...: opens the shared library as ctypes of Python does, and prints
 * a line a mode: the digest of what the model gives for inputs that are counted up. */
#include "runtime/eigentensor.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define FIND(name) __typeof__(name) *const name##_ = (__typeof__(name) *)find(library, #name)

static void *find(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    return found;
}

/* Elements of float32 from 0 on, below 1. */
static float *counted_up(size_t bytes) {
    float *elements = malloc(bytes);
    for (size_t i = 0; elements && i < bytes / sizeof(float); i++)
        elements[i] = (float)(i % 256) / 256;
    return elements;
}

static int run(void *library, const char *path, char **modes) {
    FIND(et_program_open);
    FIND(et_program_input);
    FIND(et_program_output);
    FIND(et_mode_from_name);
    FIND(et_program_run);
    FIND(et_program_output_digest);
    FIND(et_program_free);

    struct et_error error;
    struct et_program *program = et_program_open_(path, NULL, &error);
    if (!program)
        return fprintf(stderr, "%s\n", error.message), EXIT_FAILURE;
    const void *inputs[] = {counted_up(et_program_input_(program, 0).bytes)};
    void *outputs[] = {malloc(et_program_output_(program, 0).bytes)};
    bool good = inputs[0] && outputs[0];
    for (; good && *modes; modes++) {
        enum et_mode mode;
        good = et_mode_from_name_(*modes, &mode) &&
               et_program_run_(program, mode, inputs, outputs, NULL, &error);
        if (good)
            puts(et_program_output_digest_(program, (const void *const *)outputs).text);
        else
            fprintf(stderr, "%s does not run\n", *modes);
    }
    free((void *)inputs[0]);
    free(outputs[0]);
    et_program_free_(program);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **values) {
    if (count < 4)
        return fprintf(stderr, "usage: open_library LIBRARY MODEL MODE...\n"), 2;
    void *library = dlopen(values[1], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return fprintf(stderr, "%s\n", dlerror()), EXIT_FAILURE;
    return run(library, values[2], values + 3);
}
