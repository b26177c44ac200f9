/* What standalone programs for GPUs hold of their model: tables of kernels and tensors as C, and
 * machine code, which NVRTC makes here for each kind of GPU. */
#include "runtime/cli/cli.h"

#include "runtime/backend/cuda.h"
#include "runtime/backend/cuda_program.h"

#include <inttypes.h>

/* Of the names that programs know. */
#define PREFIX "stored_model"

enum { CODE_ALIGNMENT = 64 };

/* ---- Machine code ---- */

static void add_aligned(struct text *codes, const char *bytes, size_t count) {
    static const char zeros[CODE_ALIGNMENT];
    text_add_bytes(codes, bytes, count);
    text_add_bytes(codes, zeros, -codes->length % CODE_ALIGNMENT);
}

/* Adds a row of cuda_program_code, and the code itself behind what there is. */
static void add_modules(const struct cuda_modules *modules, int compute, bool ptx, int number,
                        struct cuda_program_text *text) {
    text_add(&text->tables, "static const int32_t module_of_%d[] = {", number);
    for (int i = 0; i < modules->kernel_count; i++)
        text_add(&text->tables, "%s%d", i ? ", " : "", modules->module_of[i]);
    text_add(&text->tables, "};\n");
    text_add(&text->rows, "    {%d, %s, {.count = %d, .kernel_count = %d, .module_of = ", compute,
             ptx ? "true" : "false", modules->count, modules->kernel_count);
    text_add(&text->rows, "module_of_%d,\n     .codes = {", number);
    for (int i = 0; i < modules->count; i++) {
        text_add(&text->rows, "%s" PREFIX "_codes + %zu", i ? ", " : "", text->codes.length);
        add_aligned(&text->codes, modules->codes[i], modules->bytes[i]);
    }
    text_add(&text->rows, "}}},\n");
}

static bool add_code(const struct compiled *compiled, int compute, bool ptx, int number,
                     struct cuda_program_text *text, struct et_error *error) {
    struct cuda_modules modules;
    if (!cuda_nvrtc(compiled, compute, ptx, &modules, error))
        return false;
    add_modules(&modules, compute, ptx, number, text);
    cuda_modules_free(&modules);
    return true;
}

/* For one architecture, or for each, and of the last what drivers compile for those to come. */
static bool add_codes(const struct compiled *compiled, const struct target *target,
                      struct cuda_program_text *text, struct et_error *error) {
    bool good = true;
    text_add(&text->rows, "static const struct cuda_program_code codes[] = {\n");
    for (int i = 0; good && i < GPU_COUNT; i++)
        if (!target || target == &gpu_targets[i])
            good = add_code(compiled, gpu_targets[i].gpu->compute, false, text->code_count++, text,
                            error);
    if (good && !target)
        good = add_code(compiled, gpu_targets[GPU_COUNT - 1].gpu->compute, true, text->code_count++,
                        text, error);
    text_add(&text->rows, "};\n");
    return good;
}

/* ---- Tables ---- */

static void add_launches(const struct compiled *compiled, struct text *text) {
    static const char *const places[] = {[LAUNCH_INPUT] = "LAUNCH_INPUT",
                                         [LAUNCH_OUTPUT] = "LAUNCH_OUTPUT",
                                         [LAUNCH_WEIGHTS] = "LAUNCH_WEIGHTS",
                                         [LAUNCH_ARENA] = "LAUNCH_ARENA"};
    text_add(text, "static struct launch_argument arguments[] = {\n");
    for (int i = 0; i < compiled->kernel_count; i++) {
        const struct launch *launch = &compiled->kernels[i].launch;
        for (int k = 0; k < launch->count; k++)
            text_add(text, "    {%s, %zu},\n", places[launch->arguments[k].place],
                     launch->arguments[k].at);
    }
    text_add(text, "    {0}};\nstatic const struct cuda_kernel kernels[] = {\n");
    for (int i = 0, first = 0; i < compiled->kernel_count; i++) {
        const struct kernel_facts *facts = &compiled->kernels[i];
        text_add(text, "    {\"%s\", %" PRId64 ", {%" PRId64 ", %d, false, %d, arguments + %d}},\n",
                 facts->name, facts->images, facts->launch.blocks, facts->launch.threads,
                 facts->launch.count, first);
        first += facts->launch.count;
    }
    text_add(text, "    {0}};\n");
}

typedef struct et_tensor tensor_at(const struct et_program *program, int index);

static void add_tensors(struct text *text, const char *name, int size,
                        const struct et_program *program, int count, tensor_at *at) {
    text_add(text, "static const struct cuda_tensor %s_%d[] = {\n", name, size);
    for (int i = 0; i < count; i++) {
        const struct et_tensor facts = at(program, i);
        text_add(text, "    {");
        standalone_add_string(text, facts.name);
        text_add(text, ", %zu, %s},\n", facts.bytes, tensor_is_batched(&facts) ? "true" : "false");
    }
    text_add(text, "    {0}};\n");
}

static void add_plan(const struct compiled *compiled, int size, const struct et_program *program,
                     struct text *text) {
    const struct sized_variant *variant = &compiled->variants[size];
    text_add(text,
             "    {%d,\n     {.input_count = %d, .output_count = %d, .kernel_count = %d, "
             ".block_count = %d,\n      .inputs = inputs_%d, .outputs = outputs_%d,\n"
             "      .kernels = kernels + %d, .block_images = blocks_%d,\n      .arena_bytes = %zu, "
             ".weights_bytes = %zu, .weights = " PREFIX "_weights}},\n",
             variant->first_kernel, et_program_input_count(program),
             et_program_output_count(program), variant->kernel_count, variant->block_count, size,
             size, variant->first_kernel, size, variant->arena_bytes, compiled->weights_bytes);
}

static void add_sizes(const struct cli_sizes *sizes, const struct cli_model *model,
                      const struct compiled *compiled, struct text *text) {
    for (int i = 0; i < sizes_count(sizes); i++) {
        const struct et_program *program = sizes_program(sizes, model, i);
        const struct sized_variant *variant = &compiled->variants[i];
        add_tensors(text, "inputs", i, program, et_program_input_count(program), et_program_input);
        add_tensors(text, "outputs", i, program, et_program_output_count(program),
                    et_program_output);
        text_add(text, "static const int64_t blocks_%d[] = {", i);
        for (int k = 0; k < variant->block_count; k++)
            text_add(text, "%" PRId64 ", ", variant->blocks[k].images);
        text_add(text, "0};\n");
    }
    text_add(text, "static const struct cuda_program_size sizes[] = {\n");
    for (int i = 0; i < sizes_count(sizes); i++)
        add_plan(compiled, i, sizes_program(sizes, model, i), text);
    text_add(text, "};\n");
}

/* ---- The file ---- */

static const char beginning[] =
    "#include \"" PREFIX ".h\"\n\n"
    "__asm__(\".section .rodata\\n.p2align 6\\n.globl " PREFIX "_codes\\n\"\n"
    "        \"" PREFIX "_codes:\\n.incbin \\\"" CUDA_PROGRAM_CODES "\\\"\\n.previous\\n\");\n"
    "extern const char " PREFIX "_codes[];\nextern const unsigned char " PREFIX "_weights[];\n\n";

bool standalone_cuda(const struct cli_sizes *sizes, const struct cli_model *model,
                     const struct compiled *compiled, const struct target *target,
                     struct cuda_program_text *text, struct et_error *error) {
    *text = (struct cuda_program_text){0};
    if (!add_codes(compiled, target, text, error))
        return false;
    const char *tables = text_read(&text->tables, error), *rows = text_read(&text->rows, error);
    if (!tables || !rows)
        return false;
    text_add(&text->source, "%s%s%s", beginning, tables, rows);
    add_launches(compiled, &text->source);
    add_sizes(sizes, model, compiled, &text->source);
    text_add(&text->source,
             "\nconst struct cuda_program " PREFIX "_program = {%d, %d, codes, sizes};\n",
             text->code_count, sizes_count(sizes));
    return text_check(&text->codes, error) && text_check(&text->source, error);
}

void cuda_program_text_free(struct cuda_program_text *text) {
    text_free(&text->tables);
    text_free(&text->rows);
    text_free(&text->codes);
    text_free(&text->source);
}
