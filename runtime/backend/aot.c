/* Compiled graphs at full speed, by the machine's C compiler: in a temporary directory (below
 * $TMPDIR, else /tmp), which is gone when the library is loaded. An error has the compiler's first
 * messages. */
#include "runtime/backend/aot.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/backend/aot_cache.h"
#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "runtime/kernels/cpu.h"

/* One build: its directory, its command line, what the compiler said. The arena escapes to where
 * the build began when memory runs out. */
struct job {
    const struct compiled *compiled;
    enum aot_kind kind;
    const struct build_options *options;
    const char *cc;
    struct arena arena;
    struct scratch scratch;
    struct text said;
    const char **arguments; /* ends with NULL */
    int argument_count, argument_capacity;
    struct et_error *error;
};

static void add(struct job *job, const char *argument) {
    if (job->argument_count + 1 >= job->argument_capacity) {
        int capacity = job->argument_capacity ? 2 * job->argument_capacity : 32;
        const char **grown = arena_array(&job->arena, const char *, (size_t)capacity);
        if (job->argument_count)
            memcpy(grown, job->arguments, (size_t)job->argument_count * sizeof *grown);
        job->arguments = grown;
        job->argument_capacity = capacity;
    }
    job->arguments[job->argument_count++] = argument;
    job->arguments[job->argument_count] = NULL;
}

static bool write_part(struct job *job, const char *name, const void *bytes, size_t count) {
    return scratch_write(&job->scratch, name, bytes, count, job->error);
}

/* What the compiler said, without the temporary directory's name, cut after a whole line. */
static const char *first_messages(struct job *job) {
    enum { ROOM = 700 };
    char *messages = arena_array(&job->arena, char, ROOM + 1);
    size_t length = 0, line_end = 0, skipped = strlen(job->scratch.path);
    const char *from = text_read(&job->said, NULL); /* run() has looked */
    while (*from && length < ROOM) {
        if (strncmp(from, job->scratch.path, skipped) == 0 && from[skipped] == '/') {
            from += skipped + 1;
            continue;
        }
        if (*from == '\n')
            line_end = length;
        messages[length++] = *from++;
    }
    messages[*from && line_end ? line_end : length] = 0;
    return messages;
}

/* What is for other machines is built by the target's own. */
static const char *usual_compiler(enum aot_kind kind, const struct build_options *options) {
    const char *cross = kind >= AOT_MODULE && options->target ? options->target->compiler : "";
    return *cross ? cross : "gcc";
}

static bool run(struct job *job) {
    int status = 0;
    text_free(&job->said);
    if (!process_run_until(job->options->cancelled, job->arguments, &job->said, &status,
                           job->error))
        return false;
    if (!text_check(&job->said, job->error))
        return false;
    if (status == 127)
        return et_fail(job->error, "%s: not found; install %s or name another compiler", job->cc,
                       usual_compiler(job->kind, job->options));
    if (status > 128)
        return et_fail(job->error, "%s: killed by signal %d", job->cc, status - 128);
    return status == 0 ||
           et_fail(job->error, "%s: exit status %d:\n%s", job->cc, status, first_messages(job));
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n';
}

/* Adds words, "ccache gcc": split at blanks as a shell does it, with quotes and backslashes undone.
 * Nothing else has a meaning, and no shell is run. False: a quote does not end. */
static bool add_words(struct job *job, const char *words) {
    char *word = arena_copy_text(&job->arena, words), *to = word, quote = 0;
    bool within = false;
    for (const char *at = words; *at; at++) {
        if (!quote && is_blank(*at)) {
            *to++ = 0; /* where the blank was, or before */
            if (within)
                add(job, word);
            word = to;
            within = false;
            continue;
        }
        within = true;
        if (quote && *at == quote)
            quote = 0;
        else if (!quote && (*at == '"' || *at == '\''))
            quote = *at;
        else if (*at == '\\' && at[1] && (!quote || (quote == '"' && strchr("\"\\", at[1]))))
            *to++ = *++at;
        else
            *to++ = *at;
    }
    *to = 0;
    if (within)
        add(job, word);
    return !quote;
}

static bool add_compiler(struct job *job) {
    return (add_words(job, job->cc) && job->argument_count) ||
           et_fail(job->error, "\"%s\": expected a compiler, quoted as a shell has it", job->cc);
}

/* Asks the compiler which one it is, since each refuses some options of the other. */
static bool is_clang(struct job *job, bool *clang) {
    if (!add_compiler(job))
        return false;
    add(job, "--version");
    if (!run(job))
        return false;
    *clang = strstr(text_read(&job->said, NULL), "clang");
    job->argument_count = 0;
    return true;
}

static void add_all(struct job *job, const char *const *options) {
    while (*options)
        add(job, *options++);
}

static const char *const all_options[] = {"-std=c11",        "-O3", "-ffp-contract=off",
                                          "-fno-math-errno", "-w",  NULL};

static const char *const native_options[] = {"-fstack-protector-strong",
                                             "-U_FORTIFY_SOURCE",
                                             "-D_FORTIFY_SOURCE=2",
                                             "-Wl,-z,relro",
                                             "-Wl,-z,now",
                                             NULL};

/* The stack lies first, so that one which is too large is an error, not other results. */
static const char *const module_options[] = {"-nostdlib",
                                             "-nostdlibinc",
                                             "-Wl,--no-entry",
                                             "-Wl,--export=__heap_base",
                                             "-Wl,--stack-first",
                                             "-Wl,-z,stack-size=1048576",
                                             NULL};

/* So that a linker can leave out functions that nobody calls. */
static const char *const object_options[] = {"-O2", "-ffunction-sections", "-fdata-sections", "-c",
                                             NULL};

/* What gcc has and clang has not; with the last it would leave accumulators in memory. */
static const char *const gcc_options[] = {"-fno-trapping-math", "-fno-loop-unroll-and-jam", NULL};

/* The command up to the files. None of the options changes a bit of any result. */
static bool begin_command(struct job *job) {
    bool clang = false;
    const bool module = job->kind == AOT_MODULE;
    const char *cpu = cpu_compiler_option(job->options->target, job->error);
    if (!cpu || !is_clang(job, &clang))
        return false;
    if (module && !clang)
        return et_fail(job->error, "%s: expected clang, which compiles for WebAssembly", job->cc);
    if (!add_compiler(job))
        return false;
    add_all(job, all_options);
    add_all(job, module                    ? module_options
                 : job->kind == AOT_OBJECT ? object_options
                                           : native_options);
    add_words(job, cpu);
    if (!clang)
        add_all(job, gcc_options);
    return true;
}

static void add_file(struct job *job, const char *name) {
    add(job, arena_format(&job->arena, "%s/%s", job->scratch.path, name));
}

/* Requires the command begun: writes PREFIX.c and PREFIX.h, and adds the C file. */
static bool add_compiled(struct job *job) {
    const struct compiled *compiled = job->compiled;
    const char *source = arena_format(&job->arena, "%s.c", compiled->prefix);
    const char *header = arena_format(&job->arena, "%s.h", compiled->prefix);
    if (!write_part(job, source, compiled->source, compiled->source_bytes) ||
        !write_part(job, header, compiled->header, compiled->header_bytes))
        return false;
    add_file(job, source);
    return true;
}

static void end_command(struct job *job, const char *result) {
    if (job->options->flags)
        add_all(job, job->options->flags);
    if (job->kind < AOT_MODULE)
        add(job, "-lm"); /* fmod */
    add(job, "-o");
    add(job, result);
}

/* What is linked; a program may be loaded anywhere, too. */
static void add_kind(struct job *job) {
    static const char *const options[][3] = {[AOT_PROGRAM] = {"-fPIE", "-pie"},
                                             [AOT_STATIC] = {"-fPIE", "-static-pie"},
                                             [AOT_SHARED] = {"-fPIC", "-shared"},
                                             [AOT_MODULE] = {NULL},
                                             [AOT_OBJECT] = {NULL}};
    add_all(job, options[job->kind]);
}

typedef bool build_steps(struct job *job, void *context);

/* The steps, left early when memory runs out. */
static bool take_steps(struct job *job, build_steps *steps, void *context) {
    jmp_buf out_of_memory;
    if (setjmp(out_of_memory))
        return et_fail(job->error, "out of memory");
    job->arena.escape = &out_of_memory;
    return scratch_make(&job->scratch, job->error) && begin_command(job) && add_compiled(job) &&
           steps(job, context);
}

/* Runs the steps in a job of their own, which leaves nothing behind. */
static bool run_job(const struct compiled *compiled, enum aot_kind kind,
                    const struct build_options *options, build_steps *steps, void *context,
                    struct et_error *error) {
    static const struct build_options defaults = {0};
    options = options ? options : &defaults;
    struct job job = {.compiled = compiled,
                      .kind = kind,
                      .options = options,
                      .cc = options->cc ? options->cc : usual_compiler(kind, options),
                      .error = error};
    bool good = take_steps(&job, steps, context);
    scratch_remove(&job.scratch);
    text_free(&job.said);
    arena_free(&job.arena);
    return good;
}

/* Loading. */

/* The library's function of that prefix and name; NULL: there is none. */
static bool find(void *library, const char *prefix, const char *name, void **function,
                 struct et_error *error) {
    struct text text = {0};
    text_add(&text, "%s%s", prefix, name);
    const char *symbol = text_read(&text, error);
    *function = symbol ? dlsym(library, symbol) : NULL;
    text_free(&text);
    return symbol != NULL;
}

/* Reads a byte of each page of constants of the library whose link map `wanted` is. */
static int read_constants(struct dl_phdr_info *info, size_t size, void *wanted) {
    const struct link_map *map = wanted;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)size;
    if (info->dlpi_addr != map->l_addr)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const volatile char *bytes = (const volatile char *)(info->dlpi_addr + segment->p_vaddr);
        if (segment->p_type == PT_LOAD && segment->p_flags == PF_R)
            for (size_t at = 0; at < segment->p_memsz; at += page)
                (void)bytes[at];
    }
    return 1;
}

/* Vector code reads constants under masks, as that of NaN for the elements that are NaN. A mask
 * that selects none suppresses the fault that would bring the page into memory, at the cost of
 * hundreds of cycles each time, and forever: so the pages are brought in beforehand. */
static void bring_in_constants(void *library) {
    struct link_map *map;
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0)
        dl_iterate_phdr(read_constants, map);
}

/* musl's dlopen in a static program opens nothing, not even that. */
bool aot_allowed(struct et_error *error) {
    void *this_program = dlopen(NULL, RTLD_LAZY);
    if (!this_program)
        return et_fail(error, "this program has its C library inside, and loads no other");
    dlclose(this_program);
    return true;
}

bool aot_load(const char *path, const char *prefix, struct executable *executable,
              struct et_error *error) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return et_fail(error, "cannot load the compiled library: %s", dlerror());
    bring_in_constants(library);
    executable->code = library;
    if (find(library, prefix, "_run_array", (void **)&executable->entry, error) &&
        find(library, prefix, "_run_step_array", (void **)&executable->step_entry, error) &&
        (executable->entry || et_fail(error, "the C text has no function %s_run_array", prefix)))
        return true;
    dlclose(library);
    return false;
}

static bool build_library(struct job *job, void *context) {
    const char *path = arena_format(&job->arena, "%s/library.so", job->scratch.path);
    add_kind(job);
    end_command(job, path);
    return run(job) && aot_load(path, job->compiled->prefix, context, job->error);
}

bool aot_build(const struct compiled *compiled, const struct build_options *options,
               struct executable *executable, struct et_error *error) {
    if (!aot_allowed(error))
        return false;
    return options->keep_for
               ? aot_cache_build(compiled, options, executable, error)
               : run_job(compiled, AOT_SHARED, options, build_library, executable, error);
}

void aot_release(void *code) {
    dlclose(code);
}

/* Executables. */

/* How assemblers are told of constants of so many bytes. */
static const char *weights_section(struct job *job) {
    return job->kind == AOT_MODULE ? ".section .rodata.weights,\\\"\\\",@"
           : job->kind == AOT_OBJECT
               ? arena_format(&job->arena, ".section .rodata.%s_weights,\\\"a\\\"",
                              job->compiled->prefix)
               : ".section .rodata";
}
static const char *weights_size(struct job *job) {
    return job->kind == AOT_MODULE
               ? arena_format(&job->arena, "        \".size %s_weights, %zu\\n\"\n",
                              job->compiled->prefix, job->compiled->weights_bytes)
               : "";
}

/* A C file that is nothing but the bytes of the weights file. The assembler of Arm takes what
 * follows an @ for a comment. */
static bool write_weights(struct job *job, const char *source) {
    const struct compiled *compiled = job->compiled;
    const char *prefix = compiled->prefix;
    const char *bytes = arena_format(&job->arena, "%s.weights", prefix);
    const char *text =
        arena_format(&job->arena,
                     "__asm__(\"%s\\n\"\n"
                     "        \".p2align 6\\n\"\n"
                     "        \".globl %s_weights\\n\"\n"
                     "        \".type %s_weights, %cobject\\n\"\n"
                     "        \"%s_weights:\\n\"\n"
                     "        \".incbin \\\"%s/%s\\\"\\n\"\n%s"
                     "        \".text\\n\");\n",
                     weights_section(job), prefix, prefix, job->kind == AOT_OBJECT ? '%' : '@',
                     prefix, job->scratch.path, bytes, weights_size(job));
    return write_part(job, bytes, compiled->weights, compiled->weights_bytes) &&
           write_part(job, source, text, strlen(text));
}

static const char *weights_source(struct job *job) {
    return arena_format(&job->arena, "%s_weights.c", job->compiled->prefix);
}

static bool add_text(struct job *job, const struct aot_text *text) {
    size_t length = strlen(text->name);
    if (length < 3 || text->name[0] == '/' || strstr(text->name, ".."))
        return et_fail(job->error, "%s: expected the plain name of a file", text->name);
    if (strcmp(text->name + length - 2, ".c") == 0)
        add_file(job, text->name);
    return write_part(job, text->name, text->text, text->bytes ? text->bytes : strlen(text->text));
}

/* Ends the command and runs it; the file gets its name when it is finished. */
static bool link_as(struct job *job, const char *unfinished, const char *path) {
    end_command(job, unfinished);
    bool good = run(job);
    if (good && rename(unfinished, path) != 0)
        good = et_fail(job->error, "%s: %s", path, strerror(errno));
    if (!good)
        unlink(unfinished);
    return good;
}

static bool link_program(struct job *job, const char *path) {
    struct text part = text_in(&job->arena);
    int made;
    bool good = make_folders(path, &made, job->error) && begin_part(path, &part, job->error) &&
                link_as(job, text_keep(&part), path);
    if (!good)
        remove_folders(path, made);
    return good;
}

static bool build_program(struct job *job, void *context) {
    const struct aot_program *program = context;
    const char *weights = weights_source(job);
    if (!write_weights(job, weights))
        return false;
    add_file(job, weights);
    for (int i = 0; i < program->count; i++)
        if (!add_text(job, &program->texts[i]))
            return false;
    add(job, "-s");
    add(job, arena_format(&job->arena, "-I%s", job->scratch.path));
    add(job, arena_format(&job->arena, "-idirafter%s/templates/libc", job->scratch.path));
    add_kind(job);
    return link_program(job, program->path);
}

bool aot_build_program(const struct compiled *compiled, const struct aot_program *program,
                       const struct build_options *options, struct et_error *error) {
    struct aot_program copy = *program;
    return run_job(compiled, program->kind, options, build_program, &copy, error);
}

/* Objects. */

/* One text, of which the weights are the beginning. */
static bool build_object(struct job *job, void *context) {
    const char *weights = weights_source(job);
    add(job, "-include");
    add_file(job, weights);
    return write_weights(job, weights) && link_program(job, context);
}

bool aot_build_object(const struct compiled *compiled, const char *path,
                      const struct build_options *options, struct et_error *error) {
    char *copy = strdup(path);
    bool good = copy ? run_job(compiled, AOT_OBJECT, options, build_object, copy, error)
                     : et_fail(error, "out of memory");
    free(copy);
    return good;
}
