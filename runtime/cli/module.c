/* WebAssembly modules: the compiled model, its weights and its memory as a .wasm file, beside it an
 * ES module that loads and runs it, what TypeScript knows of that, and a package.json. */
#include "runtime/cli/cli.h"

#include "compiler/emit/backend.h"
#include "runtime/backend/aot.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* TEXT(symbol, path): what the C text includes, and how the written texts end. */
#define TEXTS(TEXT)                                                                                \
    TEXT(module_math_h, "templates/wasm/math.h")                                                   \
    TEXT(module_string_h, "templates/wasm/string.h")                                               \
    TEXT(module_js, "templates/programs/module.js")                                                \
    TEXT(module_types, "templates/programs/module.d.ts")

/* The assembler reads the files. */
#define EMBED(symbol, path)                                                                        \
    __asm__(".section .rodata\n" #symbol ":\n.incbin \"" path "\"\n.byte 0\n.previous\n");         \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses) */                                               \
    extern const char symbol[] __attribute__((visibility("hidden")));
TEXTS(EMBED)
#undef EMBED

/* Of the emitted file and its names. */
#define PREFIX "stored_model"

/* Memory has addresses of 32 bits, of which inputs, outputs and the stack want some. */
enum { MOST_MODULE_BYTES = INT32_MAX };

struct module {
    const struct cli_sizes *sizes;
    const struct cli_model *model;
    const struct compiled *compiled;
    const struct target *target;
    const char *name; /* of the files */
};

/* ---- The C text that makes an entry of the model ---- */

static void add_entry(const struct module *module, struct text *text) {
    const int axes = module->sizes->axis_count;
    const size_t arena = module->compiled->arena_bytes;
    text_add(text,
             "#include \"" PREFIX ".h\"\n\n"
             "extern const unsigned char " PREFIX "_weights[];\n"
             "static _Alignas(64) unsigned char arena[%zu];\n\n"
             "__attribute__((export_name(\"run\")))\n"
             "void run(const void *const *inputs, void *const *outputs, long images",
             arena ? arena : 1);
    for (int i = 0; i < axes; i++)
        text_add(text, ", long size%d", i);
    text_add(text, ") {\n    " PREFIX "_run_array(inputs, outputs, " PREFIX "_weights, arena%s",
             module->compiled->block_count ? ", images" : "");
    for (int i = 0; i < axes; i++)
        text_add(text, ", size%d", i);
    text_add(text, ");\n}\n");
}

/* ---- What the ES module and its types begin with ---- */

/* A string of JavaScript; names are UTF-8 without control characters. */
static void add_string(struct text *text, const char *string) {
    text_add(text, "'");
    for (const char *at = string; *at; at++)
        text_add(text, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
    text_add(text, "'");
}

static void add_title(const struct module *module, const char *ending, struct text *text) {
    text_add(text,
             "/* %s%s: a graph as a WebAssembly module, compiled by Eigentensor. Do not edit.\n"
             " *\n"
             " * graph  %s\n"
             " */\n\n",
             module->name, ending, et_program_digest(module->model->program));
}

typedef struct et_tensor tensor_at(const struct et_program *program, int index);

static void add_shape(const struct et_tensor *tensor, struct text *text) {
    text_add(text, "[");
    for (int axis = 0; axis < tensor->rank; axis++)
        text_add(text, "%s%" PRId64, axis ? ", " : "", tensor->shape[axis]);
    text_add(text, "]");
}

static void add_facts(const struct et_program *program, int count, tensor_at *at, const char *name,
                      struct text *text) {
    text_add(text, "export const %s = [\n", name);
    for (int i = 0; i < count; i++) {
        const struct et_tensor tensor = at(program, i);
        text_add(text, "    { name: ");
        add_string(text, tensor.name);
        text_add(text, ", dtype: '%s', shape: ", tensor.dtype);
        add_shape(&tensor, text);
        text_add(text, " },\n");
    }
    text_add(text, "];\n");
}

static void add_shapes(const struct et_program *program, int count, tensor_at *at, const char *name,
                       struct text *text) {
    text_add(text, "        %s: [", name);
    for (int i = 0; i < count; i++) {
        const struct et_tensor tensor = at(program, i);
        text_add(text, "%s", i ? ", " : "");
        add_shape(&tensor, text);
    }
    text_add(text, "],\n");
}

static void add_size(const struct module *module, int size, struct text *text) {
    const struct et_program *program = sizes_program(module->sizes, module->model, size);
    const struct cli_sizes *sizes = module->sizes;
    text_add(text, "    {\n        name: ");
    add_string(text, sizes->axis_count ? sizes->items[size].name : "");
    text_add(text, ",\n        sizes: [");
    for (int i = 0; i < sizes->axis_count; i++)
        text_add(text, "%s%" PRId64, i ? ", " : "", sizes->items[size].sizes[i]);
    text_add(text, "],\n        digest: '%s',\n", et_program_digest(program));
    add_shapes(program, et_program_input_count(program), et_program_input, "inputs", text);
    add_shapes(program, et_program_output_count(program), et_program_output, "outputs", text);
    text_add(text, "    },\n");
}

/* What counts each output: an axis, and the position of the output that says how many. */
static void add_counts(const struct et_program *program, struct text *text) {
    text_add(text, "const COUNTED = [");
    for (int i = 0; i < et_program_output_count(program); i++) {
        int axis, count;
        text_add(text, "%s", i ? ", " : "");
        if (et_program_output_count_of(program, i, &axis, &count))
            text_add(text, "{ axis: %d, output: %d }", axis, count);
        else
            text_add(text, "null");
    }
    text_add(text, "];\n");
}

/* Where runs are, as receipts say it. */
static void add_origin(const struct module *module, struct text *text) {
    text_add(text, "const RAN = { eigentensor: '%s', mode: 'wasm', target: '%s' };\n", et_version(),
             module->target->name);
}

static void add_javascript(const struct module *module, struct text *text) {
    const struct et_program *program = module->model->program;
    add_title(module, ".js", text);
    text_add(text, "/** The graph's. */\nexport const name = ");
    add_string(text, et_program_name(program));
    text_add(text,
             ";\n\n/** SHA-256 of the graph and its weights, at the first of the sizes. */\n"
             "export const digest =\n    '%s';\n\n"
             "/** In the graph's order; an extent of -1 is the number of images. */\n",
             et_program_digest(program));
    add_facts(program, et_program_input_count(program), et_program_input, "inputs", text);
    add_facts(program, et_program_output_count(program), et_program_output, "outputs", text);
    text_add(text, "\n/** Those that there is code for. */\nexport const sizes = [\n");
    for (int i = 0; i < sizes_count(module->sizes); i++)
        add_size(module, i, text);
    text_add(text, "];\n\n/* Outputs that have as many elements as another output says. */\n");
    add_counts(program, text);
    add_origin(module, text);
    text_add(text, "const FILE = './%s.wasm';\n%s", module->name, module_js);
}

/* The array of JavaScript that holds each type. */
static const char *array_of(const char *dtype) {
    static const struct {
        const char *dtype, *array;
    } arrays[] = {
        {"float32", "Float32Array"},  {"float64", "Float64Array"}, {"int8", "Int8Array"},
        {"int16", "Int16Array"},      {"int32", "Int32Array"},     {"int64", "BigInt64Array"},
        {"uint8", "Uint8Array"},      {"uint16", "Uint16Array"},   {"uint32", "Uint32Array"},
        {"uint64", "BigUint64Array"}, {"float16", "Uint16Array"},  {"bfloat16", "Uint16Array"}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (strcmp(arrays[i].dtype, dtype) == 0)
            return arrays[i].array;
    return "Uint8Array"; /* a bool */
}

static void add_types(const struct module *module, struct text *text) {
    const struct et_program *program = module->model->program;
    add_title(module, ".d.ts", text);
    text_add(text, "export interface Inputs {\n");
    for (int i = 0; i < et_program_input_count(program); i++) {
        const struct et_tensor tensor = et_program_input(program, i);
        const char *array = array_of(tensor.dtype);
        text_add(text, "    ");
        add_string(text, tensor.name);
        text_add(text, ": %s | Tensor<%s>;\n", array, array);
    }
    text_add(text, "}\n\nexport interface Outputs {\n");
    for (int i = 0; i < et_program_output_count(program); i++) {
        const struct et_tensor tensor = et_program_output(program, i);
        text_add(text, "    ");
        add_string(text, tensor.name);
        text_add(text, ": Output<%s>;\n", array_of(tensor.dtype));
    }
    text_add(text, "}\n%s", module_types);
}

static void add_package(const struct module *module, struct text *text) {
    text_add(text, "{\n  \"name\": \"model-");
    for (const char *at = module->name; *at; at++)
        text_add(text, "%c", tolower((unsigned char)*at));
    text_add(text,
             "\",\n  \"version\": \"1.0.0\",\n  \"private\": true,\n  \"type\": \"module\",\n"
             "  \"main\": \"./%s.js\",\n  \"types\": \"./%s.d.ts\"\n}\n",
             module->name, module->name);
}

/* ---- Building ---- */

static bool build_wasm(const struct module *module, const struct build_options *options,
                       const char *path, struct et_error *error) {
    struct text entry = {0};
    add_entry(module, &entry);
    const char *c = text_read(&entry, error);
    const struct aot_text texts[] = {
        {"math.h", module_math_h, 0}, {"string.h", module_string_h, 0}, {"entry.c", c, 0}};
    const struct aot_program program = {
        .path = path, .texts = texts, .count = sizeof texts / sizeof *texts, .kind = AOT_MODULE};
    bool good = c && aot_build_program(module->compiled, &program, options, error);
    text_free(&entry);
    return good;
}

/* The texts, all or none. */
static bool write_texts(const struct module *module, const struct module_files *files,
                        struct et_error *error) {
    struct text texts[3] = {{0}};
    add_javascript(module, &texts[0]);
    add_types(module, &texts[1]);
    add_package(module, &texts[2]);
    struct new_file news[3] = {{files->paths[MODULE_JS], NULL, texts[0].length},
                               {files->paths[MODULE_TYPES], NULL, texts[1].length},
                               {files->paths[MODULE_PACKAGE], NULL, texts[2].length}};
    bool good = true;
    for (int i = 0; good && i < 3; i++)
        good = (news[i].bytes = text_read(&texts[i], error)) != NULL;
    good = good && write_files(news, 3, error);
    for (int i = 0; i < 3; i++)
        text_free(&texts[i]);
    return good;
}

bool module_files(const struct et_program *program, const char *folder, struct arena *arena,
                  struct module_files *files, struct et_error *error) {
    files->name = standalone_path(program, arena);
    files->folder = folder ? folder : files->name;
    if (!files->name)
        return et_fail(error, "out of memory");
    static const char *const endings[MODULE_FILES] = {".wasm", ".js", ".d.ts", NULL};
    for (int i = 0; i < MODULE_FILES; i++) {
        files->paths[i] =
            endings[i] ? arena_format(arena, "%s/%s%s", files->folder, files->name, endings[i])
                       : arena_format(arena, "%s/package.json", files->folder);
        if (!files->paths[i])
            return et_fail(error, "out of memory");
    }
    return true;
}

static bool check_size(const struct compiled *compiled, struct et_error *error) {
    const double bytes = (double)compiled->weights_bytes + (double)compiled->arena_bytes;
    return bytes <= MOST_MODULE_BYTES ||
           et_fail(error,
                   "weights and memory for a run take %.0f bytes, expected at most %d in a "
                   "WebAssembly module",
                   bytes, MOST_MODULE_BYTES);
}

/* Leaves neither a module without its texts nor a new folder behind. */
static bool write_module(const struct module *module, const struct build_options *options,
                         const struct module_files *files, struct et_error *error) {
    const char *wasm = files->paths[MODULE_WASM];
    int made;
    const bool good = make_folders(wasm, &made, error) &&
                      build_wasm(module, options, wasm, error) &&
                      (write_texts(module, files, error) || (unlink(wasm), false));
    if (!good)
        remove_folders(wasm, made);
    return good;
}

bool module_build(const struct cli_sizes *sizes, const struct cli_model *model,
                  const struct standalone_options *options, const struct module_files *files,
                  struct et_error *error) {
    struct compile_options compiling = {.target = options->target,
                                        .prefix = PREFIX,
                                        .digest = et_program_digest(model->program),
                                        .portable = true};
    struct compiled *compiled =
        sizes_compile(sizes, model, &backends[BACKEND_AOT], &compiling, error);
    if (!compiled)
        return false;
    const struct module module = {sizes, model, compiled, options->target, files->name};
    const struct build_options building = {
        .target = options->target, .cc = options->cc, .flags = options->flags};
    const bool good = check_size(compiled, error) && write_module(&module, &building, files, error);
    compiled_free(compiled);
    return good;
}
