/* eigentensor emit: a model as C. */
#include "runtime/cli/cli.h"

#include "compiler/base/name.h"
#include "compiler/emit/backend.h"
#include "runtime/kernels/cpu.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct emit_arguments {
    struct common common;
    struct cli_sizes sizes;
    const char *folder, *prefix, *print, *dump;
    const struct dialect *dialect; /* NULL: what the target asks for */
    const struct target *target;   /* NULL: the default */
    enum weights_form weights_form;
    bool static_arena;
    const char *section;
    struct room room; /* {0}: nothing was said of it */
    bool big_endian;
};

enum { KEY_WEIGHTS_AS = 0x1000, KEY_SECTION, KEY_ARENA, KEY_BUDGET };

static const struct argp_option options[] = {
    {"output", 'o', "DIRECTORY", 0, "Where to write (default: here); made if it is not there", 0},
    {"print", 'p', "c|h|weights", 0,
     "Write one of the three to standard output, and no file (c: the text, also that for GPUs)", 0},
    {"prefix", 'x', "NAME", 0, "Of files and exported names (default: made from the model's name)",
     0},
    {"dialect", 't', "vector|calls|cuda", 0,
     "vector: self-contained, for gcc and clang (the default); calls: for libtcc, on the runtime's "
     "precompiled kernels; cuda: CUDA C++ for GPUs, a file PREFIX.cu",
     0},
    {"target", 'T', "CPU", 0,
     "Plan for avx512 (the default), avx2, neon, baseline or native, or for a machine without "
     "vectors, where few sums at a time stay in registers: cortex-m0, -m3, -m4, -m7, -m33, -m55, "
     "armv7, riscv32, riscv64 or generic; aarch64 and x86-64, -v2, -v3, -v4 are known by these "
     "names, too. The text runs on all, with the same bits. Where this is given, the text has one "
     "version, for the vectors that the compiler's options promise. For a GPU: cuda, or sm_80, "
     "sm_90 (the default) or sm_100, which say --dialect=cuda too",
     0},
    {"weights-as", KEY_WEIGHTS_AS, "file|array|assembler", 0,
     "file: the caller loads PREFIX.weights (the default); array: they stand in PREFIX.c, as an "
     "array; assembler: PREFIX.S takes them from PREFIX.weights when it is assembled",
     0},
    {"section", KEY_SECTION, "NAME", 0, "Put weights of array or assembler into this section", 0},
    {"budget", KEY_BUDGET, "ram=BYTES,flash=BYTES", 0,
     "Write nothing if the model takes more of either (64K, 1M), and say which rewrite would make "
     "it fit; for a --target without vectors",
     0},
    {"arena", KEY_ARENA, "pointer|static", 0,
     "pointer: the caller brings scratch memory (the default); static: PREFIX.c has it, for one "
     "run at a time",
     0},
    {"byte-order", 'B', "little|big", 0,
     "Of the machines that the text is for, and of the weights (default: little); it is refused by "
     "compilers for others",
     0},
    THREADS_OPTION(
        "Let up to N threads share a run (0: one for each core; default: 1); the text for "
        "gcc and clang then has a pool of threads, and needs -pthread"),
    {"dump", 'd', "PASS[,PASS...]", 0,
     "Show on standard error what the compiler has after these passes, or after \"all\", and the "
     "time that each took; the passes are listed below",
     0},
    TUNED_OPTION("Take the choices in FILE, which `eigentensor tune -o` wrote, and its target"),
    FAST_OPTION,
    WEIGHTS_OPTION,
    AXES_OPTION,
    {0}};

/* What --dialect can say; the default first. */
static const struct dialect {
    const char *name;
    enum backend_id backend;
} dialects[] = {{"vector", BACKEND_AOT}, {"calls", BACKEND_JIT}, {"cuda", BACKEND_CUDA}};

enum { CUDA_DIALECT = 2 };

/* What --weights-as can say; the default first. */
static const char *const weights_forms[] = {
    [WEIGHTS_FILE] = "file", [WEIGHTS_ARRAY] = "array", [WEIGHTS_ASSEMBLER] = "assembler"};

static void choose_weights(struct emit_arguments *arguments, const char *name,
                           struct argp_state *state) {
    for (size_t i = 0; i < sizeof weights_forms / sizeof *weights_forms; i++)
        if (strcmp(name, weights_forms[i]) == 0) {
            arguments->weights_form = (enum weights_form)i;
            return;
        }
    argp_error(state, "%s: expected file, array or assembler", name);
}

static void choose_arena(struct emit_arguments *arguments, const char *name,
                         struct argp_state *state) {
    arguments->static_arena = strcmp(name, "static") == 0;
    if (!arguments->static_arena && strcmp(name, "pointer") != 0)
        argp_error(state, "%s: expected pointer or static", name);
}

static void choose_dialect(struct emit_arguments *arguments, const char *name,
                           struct argp_state *state) {
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
        if (strcmp(name, dialects[i].name) == 0) {
            arguments->dialect = &dialects[i];
            return;
        }
    argp_error(state, "%s: expected vector, calls or cuda", name);
}

static void choose_target(struct emit_arguments *arguments, const char *name,
                          struct argp_state *state) {
    const bool native = strcmp(name, "native") == 0, cuda = strcmp(name, "cuda") == 0;
    const struct target *gpu = cuda ? &gpu_targets[GPU_SM_90] : gpu_target_find(name);
    arguments->target = gpu ? gpu : native ? cpu_best_target() : target_find(name);
    if (!arguments->target)
        refuse_target(state, name, "native, ");
}

/* A GPU's target and its dialect go together. */
static void fit_dialect(struct emit_arguments *arguments, struct argp_state *state) {
    const bool gpu = arguments->target && arguments->target->gpu;
    if (!arguments->dialect)
        arguments->dialect = gpu ? &dialects[CUDA_DIALECT] : dialects;
    if (arguments->target && gpu != (arguments->dialect == &dialects[CUDA_DIALECT]))
        argp_error(state, "--dialect=%s is not for --target=%s", arguments->dialect->name,
                   arguments->target->name);
    if (arguments->target && target_is_small(arguments->target) && arguments->dialect != dialects)
        argp_error(state, "--dialect=%s is not for --target=%s, which has no vectors",
                   arguments->dialect->name, arguments->target->name);
    if (arguments->big_endian && arguments->dialect != dialects)
        argp_error(state, "--byte-order=big is not for --dialect=%s", arguments->dialect->name);
}

static bool is_identifier(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return strchr(letters, name[0]) && name[0] && name[strspn(name, all)] == 0;
}

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct emit_arguments *arguments = input;
    switch (key) {
    case 'o':
        if (!*argument)
            argp_error(state, "--output: expected the name of a folder");
        arguments->folder = argument;
        return 0;
    case 'p':
        if (strcmp(argument, "c") != 0 && strcmp(argument, "h") != 0 &&
            strcmp(argument, "weights") != 0)
            argp_error(state, "%s: expected c, h or weights", argument);
        arguments->print = argument;
        return 0;
    case 'x':
        if (!is_identifier(argument))
            argp_error(state, "%s: expected a C identifier", argument);
        arguments->prefix = argument;
        return 0;
    case 't':
        choose_dialect(arguments, argument, state);
        return 0;
    case 'T':
        choose_target(arguments, argument, state);
        return 0;
    case 'B':
        arguments->big_endian = strcmp(argument, "big") == 0;
        if (!arguments->big_endian && strcmp(argument, "little") != 0)
            argp_error(state, "%s: expected little or big", argument);
        return 0;
    case 'd':
        arguments->dump = argument;
        return 0;
    case KEY_WEIGHTS_AS:
        choose_weights(arguments, argument, state);
        return 0;
    case KEY_SECTION:
        arguments->section = argument;
        return 0;
    case KEY_BUDGET:
        if (!room_parse(argument, &arguments->room))
            argp_error(state, "%s: expected ram=BYTES, flash=BYTES or both, as ram=64K,flash=1M",
                       argument);
        return 0;
    case KEY_ARENA:
        choose_arena(arguments, argument, state);
        return 0;
    case ARGP_KEY_END:
        fit_dialect(arguments, state);
        return ARGP_ERR_UNKNOWN; /* others look at the end too */
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .takes_sets = true,
    .parse = parse,
    .arguments = "MODEL.json",
    .about =
        "Writes PREFIX.c, PREFIX.h and PREFIX.weights.\v"
        "PREFIX.c needs PREFIX.h and a compiler of C11 or, without --threads, of C++20. "
        "Results have the same bits from gcc and clang at every level of optimisation; options "
        "that would change them, such as -ffast-math, are refused, but for clang's "
        "-ffp-contract=fast, which a text cannot see. "
        "gcc -O2 and clang -O2 are enough, also for speed: on x86-64 the kernels are compiled for "
        "AVX-512, for AVX2 and for neither, those that multiply 8-bit integers for AVX512-VNNI and "
        "AVX-VNNI, too, by a text that includes itself, and each run asks the CPU; with "
        "-DONE_VERSION, or where an option promises AVX2, there is one version. "
        "PREFIX.weights is the block that PREFIX_run takes as its `weights`; load it 64-byte "
        "aligned. With --weights-as=array and --arena=static, PREFIX_run takes inputs and outputs "
        "alone.\n\n"
        "  eigentensor emit mnist.json -o generated\n"
        "  eigentensor emit mnist.json --print=c --dump=fuse,schedule\n"
        "  eigentensor emit mnist.json --print=h --dump=cost\n"
        "  eigentensor emit encoder.onnx --axis seq_len=1,16,128\n"
        "  eigentensor emit mnist.json -T cortex-m4 --weights-as=array --arena=static\n\n"
        "For several sizes there is one text with one block of weights, whose functions take the "
        "size behind their other arguments: PREFIX_run(inputs, outputs, weights, arena, seq_len) "
        "returns 0, or -1 for a size that is not among them. PREFIX.h lists the sizes, and has "
        "PREFIX_arena_bytes, PREFIX_input_elements and PREFIX_output_elements of each. Each "
        "--tuned is of one size.\n\n"
        "What --dump can show:\n\n"
#define GRAPH_PASS(id, name, function, requires, provides, what) "  " #name ": " what "\n"
#define PASS(id, name, function, requires, provides, what) "  " #name ": " what "\n"
#define OUTPUT(id, name, what) "  " #name ": " what "\n"
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef PASS
#undef OUTPUT
};

/* True when `name` stands in a list "a,b,c". */
static bool is_listed(const char *list, const char *name, size_t length) {
    for (const char *at = list; *at; at += strcspn(at, ",")) {
        at += *at == ',';
        if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
            return true;
    }
    return false;
}

static void dump_pass(void *context, const char *pass, const char *text, bool changed,
                      double milliseconds) {
    struct emit_arguments *arguments = context;
    if (!is_listed(arguments->dump, "all", 3) && !is_listed(arguments->dump, pass, strlen(pass)))
        return;
    fprintf(stderr, "== %s  %.2f ms%s\n", pass, milliseconds, changed ? "" : "  (unchanged)");
    if (changed)
        fprintf(stderr, "%s\n", text);
}

/* What --dump can show, each name after a comma. */
static const char dump_names[] =
#define GRAPH_PASS(id, name, ...) "," #name
#define PASS(id, name, ...) "," #name
#define OUTPUT(id, name, ...) "," #name
#include "compiler/passes.def"
#undef GRAPH_PASS
#undef PASS
#undef OUTPUT
    ;

static bool check_passes(const struct emit_arguments *arguments, struct et_error *error) {
    for (const char *at = arguments->dump; at && *at; at += strcspn(at, ",")) {
        at += *at == ',';
        int length = (int)strcspn(at, ",");
        if (!is_listed(dump_names, at, (size_t)length) && !is_listed("all", at, (size_t)length))
            return et_fail(error, "--dump: there is no pass \"%.*s\"; the passes are: %s", length,
                           at, dump_names + 1);
    }
    return true;
}

/* A name of any bytes, within a comment. */
static void add_plain(struct text *text, const char *name) {
    for (; *name; name++)
        text_add(text, "%c", isalnum((unsigned char)*name) || strchr("_.-", *name) ? *name : '_');
}

static void add_axes(const struct cli_model *model, struct text *command) {
    for (int i = 0; i < model->axis_count; i++) {
        text_add(command, " --axis=");
        add_plain(command, model->axes[i].name);
        if (model->axes[i].size == ET_BATCH)
            text_add(command, "=N");
        else
            text_add(command, "=%lld", (long long)model->axes[i].size);
    }
    for (int i = 0; i < model->set_count; i++) {
        text_add(command, " --axis=");
        add_plain(command, model->sets[i].name);
        text_add(command, "=");
        describe_axis_sizes(&model->sets[i], command);
    }
}

/* The command in the header comment: the same wherever the files lie. */
static void canonical_command(const struct emit_arguments *arguments, struct text *command) {
    const char *slash = strrchr(arguments->common.model.path, '/');
    text_add(command, "eigentensor emit ");
    text_add_name(command, slash ? slash + 1 : arguments->common.model.path);
    if (arguments->dialect != dialects)
        text_add(command, " --dialect=%s", arguments->dialect->name);
    if (arguments->target)
        text_add(command, " --target=%s", arguments->target->name);
    if (arguments->weights_form != WEIGHTS_FILE)
        text_add(command, " --weights-as=%s", weights_forms[arguments->weights_form]);
    if (arguments->section)
        text_add(command, " --section=%s", arguments->section);
    if (arguments->static_arena)
        text_add(command, " --arena=static");
    if (arguments->big_endian)
        text_add(command, " --byte-order=big");
    if (arguments->prefix)
        text_add(command, " --prefix=%s", arguments->prefix);
    if (arguments->common.threads > 1)
        text_add(command, " --threads=%d", arguments->common.threads);
    add_axes(&arguments->common.model, command);
    const struct list *tuned = &arguments->common.model.tuned;
    for (int i = 0; i < tuned->count; i++) {
        const char *name = strrchr(tuned->items[i], '/');
        text_add(command, " --tuned=");
        text_add_name(command, name ? name + 1 : tuned->items[i]);
    }
}

static struct compiled *compile_model(struct emit_arguments *arguments, struct et_error *error) {
    struct text text = {0};
    canonical_command(arguments, &text);
    const char *command = text_read(&text, error);
    const struct et_program *program = arguments->common.model.program;
    const struct backend *backend = &backends[arguments->dialect->backend];
    struct compile_options compiling = {.target = arguments->target,
                                        .prefix = arguments->prefix,
                                        .digest = et_program_digest(program),
                                        .command = command,
                                        .threads = arguments->common.threads,
                                        .pool = true,
                                        .big_endian = arguments->big_endian,
                                        .portable = true,
                                        .versions = !arguments->target,
                                        .weights_form = arguments->weights_form,
                                        .static_arena = arguments->static_arena,
                                        .section = arguments->section,
                                        .dump = arguments->dump ? dump_pass : NULL,
                                        .dump_context = arguments};
    struct compiled *compiled = command ? sizes_compile(&arguments->sizes, &arguments->common.model,
                                                        backend, &compiling, error)
                                        : NULL;
    text_free(&text);
    return compiled;
}

/* All files or none. */
static bool write_all(const struct emit_arguments *arguments, const struct compiled *compiled,
                      struct et_error *error) {
    const char *folder = arguments->folder;
    const char *assembly = compiled->assembly;
    const struct {
        const char *ending; /* NULL: there is no such file */
        const void *bytes;
        size_t count;
    } contents[] = {{backends[arguments->dialect->backend].emits->ending, compiled->source,
                     compiled->source_bytes},
                    {"h", compiled->header, compiled->header_bytes},
                    {assembly ? "S" : NULL, assembly, assembly ? strlen(assembly) : 0},
                    {arguments->weights_form == WEIGHTS_ARRAY ? NULL : "weights", compiled->weights,
                     compiled->weights_bytes}};
    enum { FILES = sizeof contents / sizeof *contents };
    struct new_file files[FILES];
    struct arena arena = {0};
    bool good = true;
    int count = 0;
    for (int i = 0; good && i < FILES; i++) {
        if (!contents[i].ending)
            continue;
        const char *path =
            arena_format(&arena, "%s/%s.%s", folder, compiled->prefix, contents[i].ending);
        files[count++] = (struct new_file){path, contents[i].bytes, contents[i].count};
        good = path ? command_check_output(&arguments->common, path, error)
                    : et_fail(error, "out of memory");
    }
    good = good && write_files(files, count, error);
    arena_free(&arena);
    return good;
}

static void print_one(const struct compiled *compiled, char which) {
    const void *bytes = which == 'c'   ? compiled->source
                        : which == 'h' ? (const void *)compiled->header
                                       : compiled->weights;
    size_t count = which == 'c'   ? compiled->source_bytes
                   : which == 'h' ? compiled->header_bytes
                                  : compiled->weights_bytes;
    fwrite(bytes, 1, count, stdout);
}

int emit_command(int count, char **values) {
    struct emit_arguments arguments = {.folder = ".", .dialect = NULL};
    command_parse(&line, count, values, &arguments.common);
    arguments.common.model.untuned = true; /* nothing hidden decides what is written */
    arguments.common.model.on_gpu = arguments.dialect && arguments.dialect->backend == BACKEND_CUDA;
    struct et_error error = {0};
    if (!check_passes(&arguments, &error)) {
        command_end(&arguments.common, false, &error);
        return EXIT_USAGE;
    }
    struct compiled *compiled = sizes_open(&arguments.sizes, &arguments.common.model, &error)
                                    ? compile_model(&arguments, &error)
                                    : NULL;
    const bool limited = arguments.room.ram || arguments.room.flash;
    bool good = compiled && (!limited || room_check(&arguments.room, arguments.common.model.program,
                                                    compiled, &error));
    if (good && arguments.print)
        print_one(compiled, arguments.print[0]);
    else if (good)
        good = write_all(&arguments, compiled, &error);
    compiled_free(compiled);
    sizes_close(&arguments.sizes, &arguments.common.model);
    return command_end(&arguments.common, good, &error);
}
