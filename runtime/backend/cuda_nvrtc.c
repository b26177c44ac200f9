/* Kernels in CUDA C++ become machine code, by NVRTC, in this process. It compiles a text in one
 * thread: so the kernels are dealt to as many texts as there are cores, with a module each. */
#include "runtime/backend/cuda.h"

#include "runtime/backend/cuda_library.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_BYTES = 1 << 28, /* of a module */
    TILE_WORK = 5,        /* to compile, where a plain kernel is 1 */
    FEWEST_WORK = 4,      /* for which a thread, which reads all functions again, is worth it */
};

/* What is compiled, and for what. */
struct dealing {
    const struct compiled *compiled;
    int compute, part_count;
    bool ptx;
    int *part_of; /* by kernel; -1: it stands in all parts, as what a scan does in a step */
};

/* ---- One text ---- */

/* What the compiler says, up to the first lines of it. */
static bool fail_to_compile(const struct cuda_compiler *compiler, void *program,
                            struct et_error *error) {
    size_t bytes = 0;
    char *log = NULL;
    bool told = !compiler->nvrtcGetProgramLogSize(program, &bytes) && bytes > 1 &&
                bytes <= MOST_BYTES && (log = et_allocate(bytes + 1, 1)) &&
                !compiler->nvrtcGetProgramLog(program, log);
    et_fail(error, "NVRTC: %.700s", told ? log : "it does not say what is wrong");
    et_release(log);
    return false;
}

static char *code_of(const struct cuda_compiler *compiler, void *program, bool ptx, size_t *bytes,
                     struct et_error *error) {
    const int failed = ptx ? compiler->nvrtcGetPTXSize(program, bytes)
                           : compiler->nvrtcGetCUBINSize(program, bytes);
    const bool sized = !failed && *bytes > 0 && *bytes <= MOST_BYTES;
    char *code = sized ? et_allocate_unset(*bytes) : NULL;
    if (code && !(ptx ? compiler->nvrtcGetPTX : compiler->nvrtcGetCUBIN)(program, code))
        return code;
    et_fail(error, sized && !code ? "out of memory" : "NVRTC gave no code");
    et_release(code);
    return NULL;
}

/* None of the options changes a bit of any result: they keep the compiler from what would. */
static char *compile_text(const char *source, const struct dealing *dealing, size_t *bytes,
                          struct et_error *error) {
    const struct cuda_compiler *compiler = cuda_compiler(error);
    const char *name = dealing->compiled->prefix;
    char architecture[32];
    snprintf(architecture, sizeof architecture, dealing->ptx ? "-arch=compute_%d" : "-arch=sm_%d",
             dealing->compute);
    const char *const options[] = {architecture, "-std=c++17",     "-fmad=false",
                                   "-ftz=false", "-prec-div=true", "-prec-sqrt=true"};
    void *program = NULL;
    if (!compiler)
        return NULL;
    if (compiler->nvrtcCreateProgram(&program, source, name, 0, NULL, NULL)) {
        et_fail(error, "NVRTC: out of memory");
        return NULL;
    }
    char *code = NULL;
    if (!compiler->nvrtcCompileProgram(program, (int)(sizeof options / sizeof *options), options))
        code = code_of(compiler, program, dealing->ptx, bytes, error);
    else
        fail_to_compile(compiler, program, error);
    compiler->nvrtcDestroyProgram(&program);
    return code;
}

/* ---- Parts ---- */

struct text_part {
    const struct dealing *dealing;
    int number;
    bool started;
    pthread_t thread;
    char *code;
    size_t bytes;
    struct et_error error;
};

static bool is_dealt(const struct kernel_facts *facts) {
    return facts->launch.blocks && facts->source[0];
}

static int work_of(const struct kernel_facts *facts) {
    return facts->launch.tile ? TILE_WORK : 1;
}

/* The kernels that take longest first, each to the part that has least to do. */
static void deal(struct dealing *dealing) {
    const struct compiled *compiled = dealing->compiled;
    int work[MOST_CUDA_MODULES] = {0};
    for (int tile = 1; tile >= 0; tile--) {
        for (int i = 0; i < compiled->kernel_count; i++) {
            const struct kernel_facts *facts = &compiled->kernels[i];
            if (!is_dealt(facts) || facts->launch.tile != (tile == 1))
                continue;
            int least = 0;
            for (int part = 1; part < dealing->part_count; part++)
                least = work[part] < work[least] ? part : least;
            dealing->part_of[i] = least;
            work[least] += work_of(facts);
        }
    }
}

static int count_parts(const struct compiled *compiled) {
    int64_t work = 0, kernels = 0;
    cpu_set_t cores;
    for (int i = 0; i < compiled->kernel_count; i++) {
        if (!is_dealt(&compiled->kernels[i]))
            continue;
        work += work_of(&compiled->kernels[i]);
        kernels++;
    }
    int64_t parts = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    parts = parts > MOST_CUDA_MODULES ? MOST_CUDA_MODULES : parts;
    parts = parts > kernels ? kernels : parts;
    parts = parts > work / FEWEST_WORK ? work / FEWEST_WORK : parts;
    return parts < 1 ? 1 : (int)parts;
}

/* The text without the kernels of other parts. */
static char *text_of(const struct text_part *part) {
    const struct dealing *dealing = part->dealing;
    const struct compiled *compiled = dealing->compiled;
    const char *from = compiled->source;
    struct text text = {0};
    for (int i = 0; i < compiled->kernel_count; i++) {
        const char *source = compiled->kernels[i].source;
        const int owner = dealing->part_of[i];
        const char *at = owner < 0 || owner == part->number ? NULL : strstr(from, source);
        if (!at)
            continue;
        text_add_bytes(&text, from, (size_t)(at - from));
        from = at + strlen(source);
    }
    text_add_string(&text, from);
    return text_take(&text);
}

static void *compile_part(void *of) {
    struct text_part *part = of;
    char *text = text_of(part);
    if (text)
        part->code = compile_text(text, part->dealing, &part->bytes, &part->error);
    else
        et_fail(&part->error, "out of memory");
    et_release(text);
    return NULL;
}

/* A kernel without a text of its own has that of another kernel of its name. */
static int module_of(const struct dealing *dealing, int kernel) {
    const struct kernel_facts *kernels = dealing->compiled->kernels;
    for (int i = 0; dealing->part_of[kernel] < 0 && i < dealing->compiled->kernel_count; i++)
        if (dealing->part_of[i] >= 0 && strcmp(kernels[i].name, kernels[kernel].name) == 0)
            return dealing->part_of[i];
    return dealing->part_of[kernel];
}

static bool name_modules(const struct dealing *dealing, struct cuda_modules *modules,
                         struct et_error *error) {
    const int count = dealing->compiled->kernel_count;
    int32_t *numbers = et_allocate((size_t)count + 1, sizeof *numbers);
    if (!numbers)
        return et_fail(error, "out of memory");
    for (int i = 0; i < count; i++)
        numbers[i] = dealing->compiled->kernels[i].launch.blocks ? module_of(dealing, i) : -1;
    modules->module_of = numbers;
    modules->kernel_count = count;
    return true;
}

static bool compile_parts(const struct dealing *dealing, struct text_part *parts,
                          struct cuda_modules *modules, struct et_error *error) {
    bool good = true;
    for (int i = 0; i < dealing->part_count; i++)
        parts[i] = (struct text_part){.dealing = dealing, .number = i};
    for (int i = 1; i < dealing->part_count; i++)
        parts[i].started = pthread_create(&parts[i].thread, NULL, compile_part, &parts[i]) == 0;
    for (int i = 0; i < dealing->part_count; i++) {
        if (parts[i].started)
            pthread_join(parts[i].thread, NULL);
        else
            compile_part(&parts[i]);
        modules->codes[i] = parts[i].code;
        modules->bytes[i] = parts[i].bytes;
        if (good && !parts[i].code)
            good = et_fail(error, "%s", parts[i].error.message);
    }
    modules->count = dealing->part_count;
    return good && name_modules(dealing, modules, error);
}

bool cuda_nvrtc(const struct compiled *compiled, int compute, bool ptx,
                struct cuda_modules *modules, struct et_error *error) {
    *modules = (struct cuda_modules){0};
    if (!cuda_compiler(error))
        return false;
    struct dealing dealing = {
        .compiled = compiled, .compute = compute, .ptx = ptx, .part_count = count_parts(compiled)};
    struct text_part *parts = et_allocate((size_t)dealing.part_count, sizeof *parts);
    dealing.part_of = et_allocate((size_t)compiled->kernel_count + 1, sizeof *dealing.part_of);
    bool good = parts && dealing.part_of;
    for (int i = 0; good && i < compiled->kernel_count; i++)
        dealing.part_of[i] = -1;
    if (good) {
        deal(&dealing);
        good = compile_parts(&dealing, parts, modules, error);
    } else {
        et_fail(error, "out of memory");
    }
    et_release(dealing.part_of);
    et_release(parts);
    if (!good)
        cuda_modules_free(modules);
    return good;
}

void cuda_modules_free(struct cuda_modules *modules) {
    for (int i = 0; i < modules->count; i++)
        et_release((void *)modules->codes[i]);
    et_release((void *)modules->module_of);
    *modules = (struct cuda_modules){0};
}
