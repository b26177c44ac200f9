#include "runtime/backend/cuda_program.h"

enum { GENERATION = 10 }; /* of compute capabilities that machine code is shared by: 80 to 89 */

static bool runs_on(const struct cuda_program_code *code, const struct cuda_device *device) {
    return code->compute <= device->compute &&
           (code->ptx || code->compute / GENERATION == device->compute / GENERATION);
}

/* NULL, and an error that says what there is. */
static const struct cuda_program_code *choose_code(const struct cuda_program *program,
                                                   const struct cuda_device *device,
                                                   struct et_error *error) {
    struct text has = {0};
    for (int i = program->code_count - 1; i >= 0; i--)
        if (runs_on(&program->codes[i], device))
            return &program->codes[i];
    for (int i = 0; i < program->code_count; i++)
        text_add(&has, "%s%d.%d%s", i ? ", " : "", program->codes[i].compute / GENERATION,
                 program->codes[i].compute % GENERATION, program->codes[i].ptx ? " and later" : "");
    const char *all = text_read(&has, error);
    if (all)
        et_fail(error, "%s has compute capability %d.%d: this program was built for %s",
                device->name, device->compute / GENERATION, device->compute % GENERATION, all);
    text_free(&has);
    return NULL;
}

struct cuda_code *cuda_program_open(const struct cuda_program *program, int size,
                                    struct et_error *error) {
    const struct cuda_device *device = cuda_device(error);
    const struct cuda_program_code *code = device ? choose_code(program, device, error) : NULL;
    if (!code)
        return NULL;
    const struct cuda_program_size *at = &program->sizes[size];
    struct cuda_modules modules = code->modules;
    modules.compute = code->compute;
    modules.module_of += at->first_kernel;
    modules.kernel_count -= at->first_kernel;
    return cuda_code_new(device, &at->plan, &modules, error);
}
