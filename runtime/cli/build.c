/* eigentensor build: a model as a program of its own. */
#include "runtime/cli/cli.h"

#include <stdlib.h>
#include <string.h>

struct build_arguments {
    struct common common;
    enum standalone_kind kind;
    bool link_static;
    const char *output;
    const struct target *target; /* NULL: this machine, or all GPUs */
    enum product { PRODUCT_PROGRAM, PRODUCT_CUDA, PRODUCT_MODULE, PRODUCT_OBJECT } product;
};

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0,
     "The program to write, or the folder of a module or an object (default: the model's name, its "
     "letters and digits)",
     0},
    {"target", 'T', "MACHINE", 0,
     "x86-64, -v2, -v3 or -v4: a program for such CPUs, instead of this one. wasm32 or "
     "wasm32-simd: a WebAssembly module for browsers, Node and Deno, with an ES module that runs "
     "it; wasm32-simd is faster, and what all of them have had since 2023. Any other that `emit "
     "--target` knows, as cortex-m4, riscv32 or aarch64: an object file with the model, its "
     "weights and its memory, and a header. cuda: a program that runs the model on an NVIDIA GPU; "
     "sm_80, sm_90 or sm_100: on those of one generation",
     0},
    {"static", 's', 0, 0, "Link everything in: needs nothing at run time, not even a C library", 0},
    {"cc", 'c', "COMPILER", 0,
     "The C compiler: gcc (the default), clang, or a path; \"ccache gcc\" works too. With "
     "--target the default is the machine's: clang and lld for wasm32, arm-none-eabi-gcc for "
     "Cortex-M, riscv64-unknown-elf-gcc for riscv32, arm-linux-gnueabihf-gcc for armv7, "
     "riscv64-linux-gnu-gcc, aarch64-linux-gnu-gcc, clang for riscv64-v",
     0},
    {"cflags", 'f', "FLAGS", 0,
     "Flags for it, after ours; -march=x86-64-v3 instead of -march=native makes a program for "
     "other machines",
     0},
    {"main", 'm', "classifier|runner", 0,
     "classifier: pictures of digits and IDX files in, classes out (the default for models that "
     "read 28x28 float32 and give a vector of float32); runner: files of tensors in and out (the "
     "default for all other models)",
     0},
    THREADS_OPTION(
        "The program shares each run among N threads (0: one for each core; default: 1)"),
    TUNED_OPTIONS,
    FAST_OPTION,
    WEIGHTS_OPTION,
    AXES_OPTION,
    {0}};

static void choose_main(enum standalone_kind *kind, const char *name, struct argp_state *state) {
    if (strcmp(name, "classifier") == 0)
        *kind = STANDALONE_CLASSIFIER;
    else if (strcmp(name, "runner") == 0)
        *kind = STANDALONE_RUNNER;
    else
        argp_error(state, "%s: expected classifier or runner", name);
}

static void choose_target(struct build_arguments *arguments, const char *name,
                          struct argp_state *state) {
    const struct target *gpu = gpu_target_find(name), *target = target_find(name);
    const bool cuda = gpu || strcmp(name, "cuda") == 0;
    if (!target && !cuda)
        refuse_target(state, name, "");
    arguments->target = cuda ? gpu : target;
    arguments->product =
        cuda ? PRODUCT_CUDA
        : target == &targets[TARGET_WASM32] || target == &targets[TARGET_WASM32_SIMD]
            ? PRODUCT_MODULE
        : target == &targets[TARGET_BASELINE] || target == &targets[TARGET_AVX2] ||
                target == &targets[TARGET_AVX512]
            ? PRODUCT_PROGRAM
            : PRODUCT_OBJECT;
}

/* Modules and objects have no main, nothing to link and no threads; a program for GPUs opens the
 * driver. */
static void check_product(const struct build_arguments *arguments, struct argp_state *state) {
    if (arguments->product == PRODUCT_PROGRAM)
        return;
    const bool has_main = arguments->product == PRODUCT_CUDA;
    const char *option = arguments->link_static                            ? "static"
                         : arguments->common.threads > 1                   ? "threads"
                         : arguments->kind != STANDALONE_AUTO && !has_main ? "main"
                                                                           : NULL;
    if (option)
        argp_error(state, "--%s is not for --target=%s", option,
                   arguments->target ? arguments->target->name : "cuda");
}

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct build_arguments *arguments = input;
    switch (key) {
    case 'T':
        choose_target(arguments, argument, state);
        return 0;
    case ARGP_KEY_END:
        check_product(arguments, state);
        return ARGP_ERR_UNKNOWN; /* others look at the end too */
    case 'o':
        if (!*argument)
            argp_error(state, "--output: expected the name of a file or a folder");
        arguments->output = argument;
        return 0;
    case 's':
        arguments->link_static = true;
        return 0;
    case 'm':
        choose_main(&arguments->kind, argument, state);
        return 0;
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
        "Builds a program with the model and its weights inside.\v"
        "It needs libc, libm, libpng and zlib at run time (nothing with --static), no file "
        "beside it, and runs on CPUs like this one. Building needs a C compiler and the "
        "development files of libpng and zlib. A program for GPUs needs the driver's "
        "libcuda.so.1 at run time, nothing else of CUDA: machine code for each generation is "
        "inside. Building that needs NVRTC.\n\n"
        "  eigentensor build mnist.json -o mnist-classify\n"
        "  ./mnist-classify seven.png\n"
        "  ./mnist-classify --idx t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz\n"
        "  eigentensor build encoder.onnx --axis seq_len=1,16,128\n"
        "  eigentensor build mnist.json --target=wasm32-simd -o web/mnist\n"
        "  eigentensor build mnist.json --target=cuda -o mnist-on-gpu\n\n"
        "Built for several sizes, the program takes the one that the arrays given to it have; "
        "each --tuned is of one size.\n\n"
        "A WebAssembly module is a folder: NAME.wasm, NAME.js, NAME.d.ts and package.json. "
        "NAME.js exports load(), whose result runs the model and tells the digest.\n\n"
        "An object for another machine is a folder, too: NAME.o and NAME.h, with which a "
        "program is linked that calls NAME_run(&inputs, &outputs). It allocates nothing, needs "
        "no file, and serves one run at a time; options for the compiler, as -Os, go into "
        "--cflags. `emit --target` writes the same as C.\n\n"
        "  eigentensor build mnist.json --target=cortex-m4 -o firmware/mnist",
};

static bool build_program(struct build_arguments *arguments, const struct cli_sizes *sizes,
                          const struct standalone_options *options, struct et_error *error) {
    const struct cli_model *model = &arguments->common.model;
    struct arena arena = {0};
    const char *path =
        arguments->output ? arguments->output : standalone_path(model->program, &arena);
    bool good = path ? command_check_output(&arguments->common, path, error) &&
                           standalone_build(sizes, model, options, path, error)
                     : et_fail(error, "out of memory");
    arena_free(&arena);
    return good;
}

static bool build_module(struct build_arguments *arguments, const struct cli_sizes *sizes,
                         const struct standalone_options *options, struct et_error *error) {
    const struct cli_model *model = &arguments->common.model;
    struct arena arena = {0};
    struct module_files files;
    bool good = module_files(model->program, arguments->output, &arena, &files, error);
    for (int i = 0; good && i < MODULE_FILES; i++)
        good = command_check_output(&arguments->common, files.paths[i], error);
    good = good && module_build(sizes, model, options, &files, error);
    arena_free(&arena);
    return good;
}

static bool build_object(struct build_arguments *arguments, const struct cli_sizes *sizes,
                         const struct standalone_options *options, struct et_error *error) {
    struct arena arena = {0};
    struct object_files files;
    struct compiled *compiled = object_compile(sizes, &arguments->common.model, options, error);
    const bool good = compiled &&
                      object_files(compiled, arguments->output, &arena, &files, error) &&
                      command_check_output(&arguments->common, files.object, error) &&
                      command_check_output(&arguments->common, files.header, error) &&
                      object_build(compiled, options, &files, error);
    arena_free(&arena);
    compiled_free(compiled);
    return good;
}

int build_command(int count, char **values) {
    struct build_arguments arguments = {0};
    command_parse(&line, count, values, &arguments.common);
    const struct standalone_options building = {
        .kind = arguments.kind,
        .cc = arguments.common.cc,
        .flags = (const char *const *)arguments.common.flags.items,
        .link_static = arguments.link_static,
        .threads = arguments.common.threads,
        .target = arguments.target,
        .cuda = arguments.product == PRODUCT_CUDA};
    struct cli_sizes sizes;
    struct et_error error = {0};
    /* Those kept are for this CPU. */
    arguments.common.model.untuned |= arguments.target != NULL || building.cuda;
    arguments.common.model.on_gpu = building.cuda;
    static bool (*const builds[])(struct build_arguments *, const struct cli_sizes *,
                                  const struct standalone_options *,
                                  struct et_error *) = {[PRODUCT_PROGRAM] = build_program,
                                                        [PRODUCT_CUDA] = build_program,
                                                        [PRODUCT_MODULE] = build_module,
                                                        [PRODUCT_OBJECT] = build_object};
    const bool good = sizes_open(&sizes, &arguments.common.model, &error) &&
                      builds[arguments.product](&arguments, &sizes, &building, &error);
    sizes_close(&sizes, &arguments.common.model);
    return command_end(&arguments.common, good, &error);
}
