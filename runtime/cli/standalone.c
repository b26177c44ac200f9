/* Standalone programs: the compiled model, a main of templates/, and the files of ours that it
 * stands on, all embedded in the tool. */
#include "runtime/cli/cli.h"

#include "compiler/emit/backend.h"
#include "runtime/backend/aot.h"
#include "runtime/formats/image.h"
#include "runtime/kernels/cpu.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* TEXT(symbol, path): the files, as the C compiler will find them below one directory. The line
 * that goes before each keeps the name of that directory out of the program. */
#define TEXTS(TEXT)                                                                                \
    TEXT(standalone_base_h, "compiler/base/base.h")                                                \
    TEXT(standalone_allocate_h, "compiler/base/allocate.h")                                        \
    TEXT(standalone_allocate, "compiler/base/allocate.c")                                          \
    TEXT(standalone_arena_h, "compiler/base/arena.h")                                              \
    TEXT(standalone_arena, "compiler/base/arena.c")                                                \
    TEXT(standalone_arithmetic_h, "compiler/base/arithmetic.h")                                    \
    TEXT(standalone_clock_h, "compiler/base/clock.h")                                              \
    TEXT(standalone_error_h, "compiler/base/error.h")                                              \
    TEXT(standalone_error, "compiler/base/error.c")                                                \
    TEXT(standalone_file_h, "compiler/base/file.h")                                                \
    TEXT(standalone_file, "compiler/base/file.c")                                                  \
    TEXT(standalone_file_write, "compiler/base/file_write.c")                                      \
    TEXT(standalone_rows_h, "compiler/base/rows.h")                                                \
    TEXT(standalone_text_h, "compiler/base/text.h")                                                \
    TEXT(standalone_text, "compiler/base/text.c")                                                  \
    TEXT(standalone_dtypes, "compiler/graph/dtypes.def")                                           \
    TEXT(standalone_eigentensor_h, "runtime/eigentensor.h")                                        \
    TEXT(standalone_image_h, "runtime/formats/image.h")                                            \
    TEXT(standalone_image_paper, "runtime/formats/image_paper.c")                                  \
    TEXT(standalone_image_png, "runtime/formats/image_png.c")                                      \
    TEXT(standalone_image_prepare, "runtime/formats/image_prepare.c")                              \
    TEXT(standalone_idx_h, "runtime/formats/idx.h")                                                \
    TEXT(standalone_idx, "runtime/formats/idx.c")                                                  \
    TEXT(standalone_npy_h, "runtime/formats/npy.h")                                                \
    TEXT(standalone_npy, "runtime/formats/npy.c")                                                  \
    TEXT(standalone_terminal_h, "runtime/cli/terminal.h")                                          \
    TEXT(standalone_terminal, "runtime/cli/terminal.c")                                            \
    TEXT(standalone_tensors_h, "runtime/cli/tensors.h")                                            \
    TEXT(standalone_tensors, "runtime/cli/tensors.c")                                              \
    TEXT(standalone_argp_h, "templates/libc/argp.h")
/* What programs for GPUs have beside these. */
#define CUDA_TEXTS(TEXT)                                                                           \
    TEXT(standalone_launch_h, "compiler/ir/launch.h")                                              \
    TEXT(standalone_cuda_calls, "runtime/backend/cuda_calls.def")                                  \
    TEXT(standalone_cuda_launch_h, "runtime/backend/cuda_launch.h")                                \
    TEXT(standalone_cuda_launch, "runtime/backend/cuda_launch.c")                                  \
    TEXT(standalone_cuda_library_h, "runtime/backend/cuda_library.h")                              \
    TEXT(standalone_cuda_library, "runtime/backend/cuda_library.c")                                \
    TEXT(standalone_cuda_program_h, "runtime/backend/cuda_program.h")                              \
    TEXT(standalone_cuda_program, "runtime/backend/cuda_program.c")
#define MAINS(TEXT)                                                                                \
    TEXT(template_classifier, "templates/programs/classifier.c")                                   \
    TEXT(template_runner, "templates/programs/runner.c")

/* The assembler reads the files. */
#define EMBED(symbol, path)                                                                        \
    __asm__(".section .rodata\n" #symbol ":\n.ascii \"#line 1 \\\"" path "\\\"\\n\"\n"             \
            ".incbin \"" path "\"\n.byte 0\n.previous\n");                                         \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses) */                                               \
    extern const char symbol[] __attribute__((visibility("hidden")));
TEXTS(EMBED)
CUDA_TEXTS(EMBED)
MAINS(EMBED)
#undef EMBED

/* ---- What a model is good for ---- */

enum { PIXELS = DIGIT_PIXELS };

typedef bool scale_at(const struct et_program *program, int index, float *scale, int64_t *zero);

/* Of float32, or of 8-bit integers that stand for such. */
static bool is_real(const struct et_program *program, const char *dtype, scale_at *at) {
    struct integer_scale scale;
    return strcmp(dtype, "float32") == 0 ||
           ((strcmp(dtype, "int8") == 0 || strcmp(dtype, "uint8") == 0) &&
            at(program, 0, &scale.scale, &scale.zero));
}

static bool is_digit_input(const struct et_program *program) {
    if (et_program_input_count(program) != 1)
        return false;
    struct et_tensor input = et_program_input(program, 0);
    return is_real(program, input.dtype, et_program_input_scale) &&
           tensor_elements(&input) == PIXELS && input.rank >= 2 &&
           input.shape[input.rank - 1] == DIGIT_SIDE && input.shape[input.rank - 2] == DIGIT_SIDE;
}

static bool is_class_output(const struct et_program *program) {
    if (et_program_output_count(program) != 1)
        return false;
    struct et_tensor output = et_program_output(program, 0);
    int64_t classes = tensor_elements(&output);
    return is_real(program, output.dtype, et_program_output_scale) && classes >= 2 &&
           classes <= 256 && output.rank >= 1 && output.shape[output.rank - 1] == classes;
}

typedef struct et_tensor tensor_at(const struct et_program *program, int index);

/* "float32[2], int64[3]"; the first few, for a message. */
static void add_kinds(struct text *text, int count, const struct et_program *program,
                      tensor_at *at) {
    for (int i = 0; i < count && i < 4; i++) {
        struct et_tensor tensor = at(program, i);
        text_add(text, "%s%s", i ? ", " : "", facts_text(&tensor).text);
    }
    text_add(text, "%s", count > 4 ? ", ..." : count ? "" : "none");
}

/* requires: nothing
 * provides: a kind that suits the model, or an error that says why the wanted one does not */
static bool choose_kind(const struct et_program *program, bool sized, enum standalone_kind *kind,
                        struct et_error *error) {
    bool classifier = !sized && is_digit_input(program) && is_class_output(program);
    if (*kind == STANDALONE_AUTO)
        *kind = classifier ? STANDALONE_CLASSIFIER : STANDALONE_RUNNER;
    if (*kind == STANDALONE_RUNNER || classifier)
        return true;
    if (sized)
        return et_fail(error, "%s: a classifier has one size; --main=runner suits any model",
                       et_program_name(program));
    struct text found = {0};
    add_kinds(&found, et_program_input_count(program), program, et_program_input);
    text_add(&found, " to ");
    add_kinds(&found, et_program_output_count(program), program, et_program_output);
    const char *kinds = text_read(&found, error);
    if (kinds)
        et_fail(error,
                "%s: a classifier needs one input, float32[..,%d,%d], and one output, a vector of "
                "2 to 256 float32, or 8-bit integers with a scale; found %s; --main=runner suits "
                "any model",
                et_program_name(program), DIGIT_SIDE, DIGIT_SIDE, kinds);
    text_free(&found);
    return false;
}

/* Of the emitted file and its names. A model's own name could be that of another file in here, such
 * as "image", "main" or "model". */
#define PREFIX "stored_model"

/* ---- model.h: what the main needs to know of the model ---- */

void standalone_add_string(struct text *text, const char *string) {
    text_add(text, "\"");
    for (const unsigned char *at = (const unsigned char *)string; *at; at++) {
        bool plain = isalnum(*at) || strchr(" _-.,:;/+()[]", *at);
        text_add(text, plain ? "%c" : "\\%03o", *at);
    }
    text_add(text, "\"");
}

/* NAME_SIZE[], with its shapes. */
static void add_tensors(struct text *text, const char *name, int size,
                        const struct et_program *program, int count, tensor_at *at) {
    for (int i = 0; i < count; i++) {
        struct et_tensor facts = at(program, i);
        text_add(text, "static const int64_t %s_%d_shape_%d[] = {", name, size, i);
        for (int axis = 0; axis < facts.rank; axis++)
            text_add(text, "%" PRId64 ", ", facts.shape[axis]);
        text_add(text, "0};\n");
    }
    text_add(text, "static const struct et_tensor %s_%d[] = {\n", name, size);
    for (int i = 0; i < count; i++) {
        struct et_tensor facts = at(program, i);
        text_add(text, "    {");
        standalone_add_string(text, facts.name);
        text_add(text, ", \"%s\", %d, %s_%d_shape_%d, %zu},\n", facts.dtype, facts.rank, name, size,
                 i, facts.bytes);
    }
    text_add(text, "    {0}};\n");
}

/* The digests of all sizes, as lines that begin with "graph". */
static void add_digests(struct text *text, const struct cli_sizes *sizes,
                        const struct cli_model *model) {
    text_add(text, "\n#define MODEL_DIGEST");
    for (int i = 0; i < sizes_count(sizes); i++) {
        text_add(text, " \"%s%s\"", i ? "\\ngraph " : "",
                 et_program_digest(sizes_program(sizes, model, i)));
        if (!sizes->axis_count)
            continue;
        text_add(text, " \" at \" \\\n    ");
        standalone_add_string(text, sizes->items[i].name);
    }
    text_add(text, "\n");
}

/* model_sizes[]: the largest first. */
static void add_sizes(struct text *text, const struct cli_sizes *sizes,
                      const struct cli_model *model) {
    const struct et_program *program = model->program;
    int inputs = et_program_input_count(program), outputs = et_program_output_count(program);
    for (int i = 0; i < sizes_count(sizes); i++) {
        const struct et_program *at = sizes_program(sizes, model, i);
        add_tensors(text, "model_inputs", i, at, inputs, et_program_input);
        add_tensors(text, "model_outputs", i, at, outputs, et_program_output);
    }
    text_add(text,
             "static const struct model_size {\n    const struct et_tensor *inputs, *outputs;\n"
             "    const char *name;\n    long sizes[%d];\n} model_sizes[] = {\n",
             sizes->axis_count ? sizes->axis_count : 1);
    for (int i = 0; i < sizes_count(sizes); i++) {
        text_add(text, "    {model_inputs_%d, model_outputs_%d, ", i, i);
        standalone_add_string(text, sizes->axis_count ? sizes->items[i].name : "");
        for (int k = 0; k < sizes->axis_count; k++)
            text_add(text, "%s%" PRId64, k ? ", " : ", {", sizes->items[i].sizes[k]);
        text_add(text, sizes->axis_count ? "}},\n" : ", {0}},\n");
    }
    text_add(text, "};\n");
}

/* What counts each output: the axis, and the position of the output that says how many; or -1. */
static void add_counts(struct text *text, const struct et_program *program) {
    text_add(text, "#define MODEL_COUNTS {");
    for (int i = 0; i < et_program_output_count(program); i++) {
        int axis, count;
        if (!et_program_output_count_of(program, i, &axis, &count))
            axis = 0, count = -1;
        text_add(text, "%s{%d, %d}", i ? ", " : "", axis, count);
    }
    text_add(text, "}\n");
}

/* What integers stand for, as struct integer_scale; a scale of 0 where nothing says it. */
static void add_scales(struct text *text, const char *name, int count,
                       const struct et_program *program, scale_at *at) {
    text_add(text, "#define MODEL_%s_SCALES {", name);
    for (int i = 0; i < count; i++) {
        struct integer_scale scale;
        if (!at(program, i, &scale.scale, &scale.zero))
            scale = (struct integer_scale){0};
        text_add(text, "{%af, %" PRId64 "}, ", (double)scale.scale, scale.zero);
    }
    text_add(text, "{0, 0}}\n");
}

/* What PREFIX.h is for a GPU. */
static const char cuda_program_h[] = "#include \"runtime/backend/cuda_program.h\"\n"
                                     "extern const struct cuda_program " PREFIX "_program;\n";

/* The model goes to the GPU at the size of the run. */
static void add_cuda_run(struct text *text) {
    text_add(text, "static struct cuda_code *model_code;\n"
                   "#define MODEL_BEGIN(size, error) \\\n"
                   "    ((model_code = cuda_program_open(&" PREFIX "_program, (int)((size) - "
                   "model_sizes), error)) != NULL)\n"
                   "#define MODEL_END() cuda_code_free(model_code)\n"
                   "#define MODEL_RUN(size, inputs, outputs, weights, arena, batch, error) \\\n"
                   "    cuda_code_run(model_code, batch, inputs, outputs, error)\n");
}

/* How the main runs the model, with threads of its own or without; on so many images, which are 1
 * where the model has no batch axis. */
static void add_run(struct text *text, const struct cli_sizes *sizes,
                    const struct compiled *compiled) {
    int threads = compiled->threads;
    const char *batch = compiled->block_count ? ", batch" : "";
    if (threads > 1)
        text_add(text,
                 "static struct " PREFIX "_pool *model_pool;\n"
                 "#define MODEL_BEGIN(size, error) \\\n"
                 "    ((model_pool = " PREFIX "_pool_new(%d)) || et_fail(error, \"no threads\"))\n"
                 "#define MODEL_END() " PREFIX "_pool_free(model_pool)\n"
                 "#define MODEL_RUN(size, inputs, outputs, weights, arena, batch, error) \\\n"
                 "    (" PREFIX "_run_on_array(inputs, outputs, weights, arena%s, model_pool",
                 threads, batch);
    else
        text_add(text,
                 "#define MODEL_BEGIN(size, error) true\n#define MODEL_END() ((void)0)\n"
                 "#define MODEL_RUN(size, inputs, outputs, weights, arena, batch, error) \\\n"
                 "    (" PREFIX "_run_array(inputs, outputs, weights, arena%s",
                 batch);
    for (int i = 0; i < sizes->axis_count; i++)
        text_add(text, ", (size)->sizes[%d]", i);
    text_add(text, "), true)\n");
}

static bool describe_model(const struct cli_sizes *sizes, const struct cli_model *model,
                           const struct compiled *compiled, bool cuda, struct text *text,
                           struct et_error *error) {
    const struct et_program *program = model->program;
    int inputs = et_program_input_count(program), outputs = et_program_output_count(program);
    struct et_tensor first = et_program_output(program, 0);
    const int64_t parts = compiled->block_count ? compiled->threads : 1; /* each in an arena */
    text_add(
        text,
        "#include \"compiler/base/base.h\"\n#include \"runtime/eigentensor.h\"\n#include \"" PREFIX
        ".h\"\n\n"
        "extern const unsigned char " PREFIX "_weights[];\n"
        "#define MODEL_WEIGHTS " PREFIX "_weights\n"
        "#define MODEL_BLOCK %" PRId64 "\n"
        "#define MODEL_ARENA_BYTES ((size_t)%" PRId64 " * %zu)\n#define MODEL_NAME ",
        compiled->block_count ? compiled->blocks[0].images * parts : 1, parts,
        cuda ? 0 : compiled->arena_bytes); /* a GPU's is its own */
    standalone_add_string(text, et_program_name(program));
    add_digests(text, sizes, model);
    if (cuda)
        add_cuda_run(text);
    else
        add_run(text, sizes, compiled);
    text_add(text,
             "enum { MODEL_INPUTS = %d, MODEL_OUTPUTS = %d, MODEL_CLASSES = %" PRId64
             ", MODEL_SIZES = %d };\n",
             inputs, outputs, is_class_output(program) ? tensor_elements(&first) : 0,
             sizes_count(sizes));
    add_counts(text, program);
    add_scales(text, "INPUT", inputs, program, et_program_input_scale);
    add_scales(text, "OUTPUT", outputs, program, et_program_output_scale);
    add_sizes(text, sizes, model);
    return text_check(text, error);
}

/* ---- Building ---- */

static bool build_texts(const struct compiled *compiled, enum standalone_kind kind,
                        const char *model_h, const struct build_options *options, const char *path,
                        bool link_static, struct et_error *error) {
#define TEXT_ROW(symbol, path) {path, symbol, 0},
    const struct aot_text texts[] = {
        {"model.h", model_h, 0},
        {"main.c", kind == STANDALONE_CLASSIFIER ? template_classifier : template_runner, 0},
        TEXTS(TEXT_ROW)};
    const struct aot_program program = {.path = path,
                                        .texts = texts,
                                        .count = sizeof texts / sizeof *texts,
                                        .kind = link_static ? AOT_STATIC : AOT_PROGRAM};
    return aot_build_program(compiled, &program, options, error);
}

/* The same for GPUs: what the CPU does has no need of a particular one. */
static bool build_cuda_texts(const struct compiled *compiled, const struct cuda_program_text *text,
                             enum standalone_kind kind, const char *model_h,
                             const struct build_options *options, const char *path,
                             struct et_error *error) {
    const struct aot_text texts[] = {
        {"model.h", model_h, 0},
        {"main.c", kind == STANDALONE_CLASSIFIER ? template_classifier : template_runner, 0},
        {CUDA_PROGRAM_CODES, text_read(&text->codes, NULL), text->codes.length},
        TEXTS(TEXT_ROW) CUDA_TEXTS(TEXT_ROW)};
#undef TEXT_ROW
    const struct aot_program program = {
        .path = path, .texts = texts, .count = sizeof texts / sizeof *texts, .kind = AOT_PROGRAM};
    const struct compiled tables = {.prefix = PREFIX,
                                    .source = text_read(&text->source, NULL),
                                    .source_bytes = text->source.length,
                                    .header = cuda_program_h,
                                    .header_bytes = sizeof cuda_program_h - 1,
                                    .weights = compiled->weights,
                                    .weights_bytes = compiled->weights_bytes};
    return aot_build_program(&tables, &program, options, error);
}

/* What the program must have, then the user's flags, then libraries. */
static bool join_flags(const char *const *users, struct arena *arena, const char *const **joined) {
    static const char *const before[] = {"-D_GNU_SOURCE", "-pthread", "-ffunction-sections",
                                         "-fdata-sections", "-Wl,--gc-sections"};
    static const char *const after[] = {"-lpng", "-lz"};
    enum { BEFORE = sizeof before / sizeof *before, AFTER = sizeof after / sizeof *after };
    size_t count = 0;
    while (users && users[count])
        count++;
    const char **flags = arena_array(arena, const char *, BEFORE + count + AFTER + 1);
    if (!flags)
        return false;
    memcpy(flags, before, sizeof before);
    if (count)
        memcpy(flags + BEFORE, users, count * sizeof *flags);
    memcpy(flags + BEFORE + count, after, sizeof after);
    *joined = flags;
    return true;
}

const char *standalone_path(const struct et_program *program, struct arena *arena) {
    char *path = arena_copy_text(arena, et_program_name(program));
    for (char *at = path; at && *at; at++)
        *at = isalnum((unsigned char)*at) ? *at : '_';
    if (path)
        cut_name(path);
    return path;
}

/* Builds what was compiled, with its model.h. */
static bool build_compiled(const struct cli_sizes *sizes, const struct cli_model *model,
                           const struct standalone_options *options,
                           const struct compiled *compiled, enum standalone_kind kind,
                           const char *path, struct et_error *error) {
    struct arena arena = {0};
    struct text model_h = {0};
    struct cuda_program_text cuda = {0};
    struct build_options building = {
        .cc = options->cc, .target = options->cuda ? &targets[TARGET_BASELINE] : options->target};
    bool good = join_flags(options->flags, &arena, &building.flags)
                    ? describe_model(sizes, model, compiled, options->cuda, &model_h, error)
                    : et_fail(error, "out of memory");
    const char *header = good ? text_read(&model_h, error) : NULL;
    if (header && options->cuda)
        good = standalone_cuda(sizes, model, compiled, options->target, &cuda, error) &&
               build_cuda_texts(compiled, &cuda, kind, header, &building, path, error);
    else if (header)
        good = build_texts(compiled, kind, header, &building, path, options->link_static, error);
    cuda_program_text_free(&cuda);
    text_free(&model_h);
    arena_free(&arena);
    return good;
}

bool standalone_build(const struct cli_sizes *sizes, const struct cli_model *model,
                      const struct standalone_options *options, const char *path,
                      struct et_error *error) {
    const struct et_program *program = model->program;
    enum standalone_kind kind = options->kind;
    if (!choose_kind(program, sizes->axis_count > 0, &kind, error))
        return false;
    const bool own = !options->target && !options->cuda; /* this CPU */
    const struct target *target = own ? cpu_target(error) : options->target;
    if (own && !target)
        return false;
    const struct backend *backend = &backends[options->cuda ? BACKEND_CUDA : BACKEND_AOT];
    struct compile_options compiling = {.target = target,
                                        .prefix = PREFIX,
                                        .digest = et_program_digest(program),
                                        .threads = options->threads,
                                        .pool = !options->cuda};
    struct compiled *compiled = sizes_compile(sizes, model, backend, &compiling, error);
    const bool good =
        compiled && build_compiled(sizes, model, options, compiled, kind, path, error);
    compiled_free(compiled);
    return good;
}
