/* Stands in for CUDA's driver and NVRTC where there is no GPU, as one library with the functions of
 * cuda_calls.def: device memory is this process's, a text becomes a library by g++, and kernels run
 * by on_cpu.h, all at once in each stream. What a driver would refuse is refused: launches with the
 * wrong context, addresses that nothing was allocated at, graphs that were never begun. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/backend/cuda_library.h"
#include "tests/support/on_cpu.h"

enum { GOOD = 0, INVALID = 1, NO_MEMORY = 2, NO_DEVICE = 100, NOT_FOUND = 500, FAILED = 719 };
enum { VERSION = 13000, MAJOR = 75, COMPUTE = 9, ALIGNED = 256, MOST_NAME = 200 };
enum { MEMORY_TYPE = 2, DEVICE_MEMORY = 2 };

#define EXPORT __attribute__((visibility("default")))

/* ---- NVRTC ---- */

struct program {
    char *source, *log, *code;
    size_t bytes;
};

EXPORT int nvrtcVersion(int *major, int *minor) {
    *major = VERSION / 1000;
    *minor = 0;
    return GOOD;
}

EXPORT int nvrtcCreateProgram(void **program, const char *source, const char *name, int headers,
                              const char *const *contents, const char *const *names) {
    struct program *made = calloc(1, sizeof *made);
    (void)name, (void)contents, (void)names;
    if (!made || headers || !(made->source = strdup(source)))
        return INVALID;
    *program = made;
    return GOOD;
}

EXPORT int nvrtcDestroyProgram(void **program) {
    struct program *made = *program;
    free(made->source);
    free(made->log);
    free(made->code);
    free(made);
    *program = NULL;
    return GOOD;
}

static bool has_option(int count, const char *const *options, const char *wanted) {
    for (int i = 0; i < count; i++)
        if (strcmp(options[i], wanted) == 0)
            return true;
    return false;
}

/* For each kernel a function that launches it, and one that says how many arguments it has. */
static void add_launches(FILE *file, const char *source) {
    static const char begin[] = "\nKERNEL ";
    fputs("\n#include <utility>\n"
          "template <class... P, size_t... I>\n"
          "static void stand_in_call(void (*kernel)(P...), void **a, std::index_sequence<I...>) {\n"
          "    kernel(*(P *)a[I]...);\n}\n"
          "template <class... P> static int stand_in_call(void (*kernel)(P...), void **a) {\n"
          "    if (a)\n"
          "        stand_in_call(kernel, a, std::index_sequence_for<P...>());\n"
          "    return (int)sizeof...(P);\n}\n",
          file);
    for (const char *at = source; (at = strstr(at, begin)); at++) {
        char name[MOST_NAME + 1];
        const char *line = strchr(at + 1, '\n');
        if (line && sscanf(line + 1, "%200[A-Za-z0-9_]", name) == 1)
            fprintf(file,
                    "extern \"C\" int count_%s(void) { return stand_in_call(%s, nullptr); }\n"
                    "extern \"C\" void launch_%s(long blocks, long threads, void **a) {\n"
                    "    on_cpu_launch_call(\"%s\", blocks, threads, [=]() { stand_in_call(%s, a); "
                    "});\n}\n",
                    name, name, name, name, name);
    }
}

static char *read_whole(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    char *all = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        const long length = ftell(file);
        rewind(file);
        all = malloc((size_t)length + 1);
        *bytes = all ? fread(all, 1, (size_t)length, file) : 0;
        if (all)
            all[*bytes] = 0;
    }
    if (file)
        fclose(file);
    return all;
}

EXPORT int nvrtcCompileProgram(void *of, int count, const char *const *options) {
    static const char *const needed[] = {"-std=c++17", "-fmad=false", "-ftz=false",
                                         "-prec-div=true", "-prec-sqrt=true"};
    struct program *program = of;
    char folder[] = "/tmp/stand_in_XXXXXX", path[64], command[512];
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!has_option(count, options, needed[i]))
            return INVALID;
    if (count < 1 || strncmp(options[0], "-arch=", 6) != 0 || !mkdtemp(folder))
        return INVALID;
    snprintf(path, sizeof path, "%s/text.cc", folder);
    FILE *file = fopen(path, "w");
    if (!file)
        return INVALID;
    fprintf(file, "#define __CUDACC_RTC__\n%s", program->source);
    add_launches(file, program->source);
    fclose(file);
    snprintf(command, sizeof command,
             "g++ -x c++ -std=gnu++17 -I. -include tests/support/on_cpu.h -w -O1 -shared -fPIC "
             "-ffp-contract=off -march=native -o %s/code %s >%s/log 2>&1",
             folder, path, folder);
    const int status = system(command);
    size_t length;
    snprintf(path, sizeof path, "%s/log", folder);
    program->log = read_whole(path, &length);
    snprintf(path, sizeof path, "%s/code", folder);
    program->code = status == 0 ? read_whole(path, &program->bytes) : NULL;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && program->code ? GOOD : INVALID;
}

EXPORT int nvrtcGetProgramLogSize(void *program, size_t *bytes) {
    const char *log = ((struct program *)program)->log;
    *bytes = log ? strlen(log) + 1 : 1;
    return GOOD;
}

EXPORT int nvrtcGetProgramLog(void *program, char *log) {
    const char *said = ((struct program *)program)->log;
    strcpy(log, said ? said : "");
    return GOOD;
}

/* The code says how long it is: loading it is told only where it is. */
EXPORT int nvrtcGetCUBINSize(void *program, size_t *bytes) {
    *bytes = sizeof(size_t) + ((struct program *)program)->bytes;
    return GOOD;
}

EXPORT int nvrtcGetCUBIN(void *of, char *code) {
    const struct program *program = of;
    memcpy(code, &program->bytes, sizeof program->bytes);
    memcpy(code + sizeof program->bytes, program->code, program->bytes);
    return GOOD;
}

/* PTX is that, too. */
EXPORT int nvrtcGetPTXSize(void *program, size_t *bytes) {
    return nvrtcGetCUBINSize(program, bytes);
}
EXPORT int nvrtcGetPTX(void *program, char *text) {
    return nvrtcGetCUBIN(program, text);
}

/* ---- The device ---- */

static int context;
static _Thread_local int depth; /* of contexts, that were pushed */

EXPORT int cuInit(unsigned flags) {
    const char *path = getenv("STAND_IN");
    /* What kernels call is in here. */
    return !flags && path && dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) ? GOOD : NO_DEVICE;
}
EXPORT int cuDriverGetVersion(int *version) {
    *version = VERSION;
    return GOOD;
}
EXPORT int cuDeviceGetCount(int *count) {
    *count = 1;
    return GOOD;
}
EXPORT int cuDeviceGet(int *device, int index) {
    *device = index;
    return index ? INVALID : GOOD;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == MAJOR ? COMPUTE : 0;
    return device ? INVALID : GOOD;
}
EXPORT int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, (size_t)length, "a stand-in");
    return device ? INVALID : GOOD;
}
EXPORT int cuDevicePrimaryCtxRetain(void **of, int device) {
    *of = &context;
    return device ? INVALID : GOOD;
}
EXPORT int cuCtxPushCurrent_v2(void *of) {
    depth++;
    return of == &context ? GOOD : INVALID;
}
EXPORT int cuCtxPopCurrent_v2(void **of) {
    *of = &context;
    return depth-- > 0 ? GOOD : INVALID;
}
EXPORT int cuGetErrorString(int error, const char **text) {
    *text = error == FAILED ? on_cpu_error() : error == NO_MEMORY ? "out of memory" : "invalid";
    return GOOD;
}

/* ---- Memory ---- */

struct piece {
    uint64_t address;
    size_t bytes;
    struct piece *next;
};
static struct piece *pieces; /* of device memory */
static pthread_mutex_t piece_lock = PTHREAD_MUTEX_INITIALIZER;

static struct piece **piece_at(uint64_t address) {
    struct piece **at = &pieces;
    while (*at && (address < (*at)->address || address - (*at)->address >= (*at)->bytes))
        at = &(*at)->next;
    return at;
}

EXPORT int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
    const size_t whole = (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
    void *memory = depth && bytes ? aligned_alloc(ALIGNED, whole) : NULL;
    struct piece *piece = calloc(1, sizeof *piece);
    if (!memory || !piece)
        return NO_MEMORY;
    memset(memory, 0xa5, bytes);
    *address = (uint64_t)(uintptr_t)memory;
    pthread_mutex_lock(&piece_lock);
    *piece = (struct piece){*address, bytes, pieces};
    pieces = piece;
    pthread_mutex_unlock(&piece_lock);
    return GOOD;
}
EXPORT int cuMemFree_v2(uint64_t address) {
    pthread_mutex_lock(&piece_lock);
    struct piece **at = piece_at(address), *piece = *at;
    const bool good = depth && piece && piece->address == address;
    if (good)
        *at = piece->next;
    pthread_mutex_unlock(&piece_lock);
    if (!good)
        return INVALID;
    free((void *)(uintptr_t)address);
    free(piece);
    return GOOD;
}
EXPORT int cuPointerGetAttribute(void *value, int attribute, uint64_t address) {
    pthread_mutex_lock(&piece_lock);
    const bool there = *piece_at(address) != NULL;
    pthread_mutex_unlock(&piece_lock);
    *(int *)value = attribute == MEMORY_TYPE ? DEVICE_MEMORY : 0;
    return depth && there ? GOOD : INVALID;
}
EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    (void)stream;
    memcpy((void *)(uintptr_t)to, from, bytes);
    return depth ? GOOD : INVALID;
}
EXPORT int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    (void)stream;
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return depth ? GOOD : INVALID;
}

/* ---- Modules ---- */

EXPORT int cuModuleLoadData(void **module, const void *image) {
    char path[] = "/tmp/stand_in_XXXXXX";
    size_t bytes;
    memcpy(&bytes, image, sizeof bytes);
    const int file = mkstemp(path);
    const bool whole =
        file >= 0 && write(file, (const char *)image + sizeof bytes, bytes) == (ssize_t)bytes;
    if (file >= 0)
        close(file);
    *module = whole ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    unlink(path);
    return depth && *module ? GOOD : INVALID;
}
EXPORT int cuModuleUnload(void *module) {
    return depth && dlclose(module) == 0 ? GOOD : INVALID;
}

struct function {
    void (*launch)(long blocks, long threads, void **arguments);
    int (*count)(void);
    struct function *next; /* of all that were asked for, which stay */
};
static struct function *functions;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these, and of launches */

EXPORT int cuModuleGetFunction(void **function, void *module, const char *name) {
    char launch[MOST_NAME + 16], count[MOST_NAME + 16];
    struct function *made = calloc(1, sizeof *made);
    snprintf(launch, sizeof launch, "launch_%s", name);
    snprintf(count, sizeof count, "count_%s", name);
    if (!made)
        return NO_MEMORY;
    *(void **)&made->launch = dlsym(module, launch);
    *(void **)&made->count = dlsym(module, count);
    pthread_mutex_lock(&lock);
    made->next = functions;
    functions = made;
    pthread_mutex_unlock(&lock);
    *function = made;
    return made->launch && made->count ? GOOD : NOT_FOUND;
}

/* ---- Streams, and graphs of launches ---- */

struct node {
    const struct function *function;
    long blocks, threads;
    uint64_t values[64];
    struct node *next;
};
struct graph {
    struct node *first, **last;
};
struct stream {
    struct graph *captured; /* NULL: launches run at once */
};

EXPORT int cuStreamCreate(void **stream, unsigned flags) {
    (void)flags;
    *stream = calloc(1, sizeof(struct stream));
    return depth && *stream ? GOOD : INVALID;
}
EXPORT int cuStreamDestroy_v2(void *stream) {
    free(stream);
    return depth ? GOOD : INVALID;
}
EXPORT int cuStreamSynchronize(void *stream) {
    (void)stream;
    return on_cpu_error() ? FAILED : depth ? GOOD : INVALID;
}

static int run(const struct node *node) {
    void *arguments[64];
    for (int i = 0; i < node->function->count(); i++)
        arguments[i] = (void *)&node->values[i];
    pthread_mutex_lock(&lock);
    node->function->launch(node->blocks, node->threads, arguments);
    pthread_mutex_unlock(&lock);
    return on_cpu_error() ? FAILED : GOOD;
}

/* Kernels may overlap as far as they wait for each other: here none does. */
static bool is_good(const struct cuda_launch *launch) {
    const struct cuda_launch_attribute *attributes = launch->attributes;
    return launch->blocks[1] == 1 && launch->blocks[2] == 1 && launch->threads[1] == 1 &&
           launch->threads[2] == 1 && !launch->shared && launch->attribute_count <= 1 &&
           (!launch->attribute_count ||
            (attributes->which == PROGRAMMATIC_SERIALIZATION && attributes->allowed == 1));
}

EXPORT int cuLaunchKernelEx(const struct cuda_launch *launch, void *function, void **arguments,
                            void **extra) {
    struct stream *stream = launch->stream;
    struct node *node = calloc(1, sizeof *node);
    if (!node || !depth || !function || !is_good(launch) || extra)
        return INVALID;
    *node = (struct node){
        .function = function, .blocks = launch->blocks[0], .threads = launch->threads[0]};
    for (int i = 0; i < node->function->count(); i++)
        memcpy(&node->values[i], arguments[i], sizeof node->values[i]);
    if (stream && stream->captured) {
        *stream->captured->last = node;
        stream->captured->last = &node->next;
        return GOOD;
    }
    const int status = run(node);
    free(node);
    return status;
}

EXPORT int cuStreamBeginCapture_v2(void *of, int mode) {
    struct stream *stream = of;
    (void)mode;
    if (!depth || !stream || stream->captured)
        return INVALID;
    stream->captured = calloc(1, sizeof *stream->captured);
    stream->captured->last = &stream->captured->first;
    return GOOD;
}
EXPORT int cuStreamEndCapture(void *of, void **graph) {
    struct stream *stream = of;
    *graph = stream->captured;
    stream->captured = NULL;
    return *graph ? GOOD : INVALID;
}
/* The graph that is ready to run takes its launches over. */
EXPORT int cuGraphInstantiateWithFlags(void **executable, void *of, unsigned long long flags) {
    struct graph *graph = of, *made = calloc(1, sizeof *made);
    (void)flags;
    made->first = graph->first;
    graph->first = NULL;
    *executable = made;
    return depth ? GOOD : INVALID;
}
EXPORT int cuGraphDestroy(void *graph) {
    free(graph);
    return GOOD;
}
EXPORT int cuGraphExecDestroy(void *of) {
    struct graph *graph = of;
    for (struct node *node = graph->first, *next; node; node = next) {
        next = node->next;
        free(node);
    }
    free(graph);
    return GOOD;
}
EXPORT int cuGraphLaunch(void *of, void *stream) {
    const struct graph *graph = of;
    int status = depth ? GOOD : INVALID;
    (void)stream;
    for (const struct node *node = graph->first; !status && node; node = node->next)
        status = run(node);
    return status;
}

/* ---- Events: what came before is done ---- */

EXPORT int cuEventCreate(void **event, unsigned flags) {
    (void)flags;
    *event = calloc(1, 1);
    return depth && *event ? GOOD : INVALID;
}
EXPORT int cuEventDestroy_v2(void *event) {
    free(event);
    return GOOD;
}
EXPORT int cuEventRecord(void *event, void *stream) {
    (void)stream;
    return depth && event ? GOOD : INVALID;
}
EXPORT int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    (void)stream, (void)flags;
    return depth && event ? GOOD : INVALID;
}
EXPORT int cuEventSynchronize(void *event) {
    return event ? GOOD : INVALID;
}
