#include "runtime/backend/cuda_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_VERSION = 12000, /* of CUDA, whose functions are called as they are since then */
    COMPUTE_MAJOR = 75,    /* what the driver calls these attributes of a device */
    COMPUTE_MINOR = 76,
    LEAST_COMPUTE = 80,
};

struct library_symbol {
    void **to;
    const char *name;
};

/* ---- Opening ---- */

static bool find_symbols(void *library, const char *path, const struct library_symbol *symbols,
                         int count, struct et_error *error) {
    for (int i = 0; i < count; i++)
        if (!(*symbols[i].to = dlsym(library, symbols[i].name)))
            return et_fail(error, "%s has no %s: it is too old", path, symbols[i].name);
    return true;
}

static struct cuda_driver driver;

static bool open_driver(struct et_error *error) {
    static const char name[] = "libcuda.so.1";
    const struct library_symbol symbols[] = {
#define DRIVER(name, symbol, parameters) {(void **)&driver.name, #symbol},
#define COMPILER(name, parameters)
#include "runtime/backend/cuda_calls.def"
#undef DRIVER
#undef COMPILER
    };
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return et_fail(error, "there is no %s: the driver of an NVIDIA GPU brings it", name);
    return find_symbols(library, name, symbols, (int)(sizeof symbols / sizeof *symbols), error);
}

/* Where NVRTC is looked for: what the user says, then what the linker knows. */
static void *open_nvrtc(const char **path) {
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
    const char *chosen = getenv("EIGENTENSOR_NVRTC");
    *path = chosen && *chosen ? chosen : names[0];
    if (chosen && *chosen)
        return dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        if ((library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL)))
            *path = names[i];
    return library;
}

/* ---- The device ---- */

bool cuda_check(const struct cuda_driver *of, int status, const char *what,
                struct et_error *error) {
    const char *text = NULL;
    if (!status)
        return true;
    if (of->error_text(status, &text) || !text)
        text = "unknown error";
    return et_fail(error, "%s: %s (%d)", what, text, status);
}

static bool find_device(struct cuda_device *found, struct et_error *error) {
    int count = 0, major = 0, minor = 0;
    if (!open_driver(error) || !cuda_check(&driver, driver.init(0), "the CUDA driver", error) ||
        !cuda_check(&driver, driver.version(&found->version), "its version", error) ||
        !cuda_check(&driver, driver.device_count(&count), "its GPUs", error))
        return false;
    if (found->version < LEAST_VERSION)
        return et_fail(error, "the driver is of CUDA %d.%d: expected %d.0 or later",
                       found->version / 1000, found->version % 1000 / 10, LEAST_VERSION / 1000);
    if (!count)
        return et_fail(error, "there is no GPU that CUDA can use");
    found->driver = &driver;
    if (!cuda_check(&driver, driver.device(&found->device, 0), "the GPU", error) ||
        !cuda_check(&driver, driver.device_name(found->name, sizeof found->name, found->device),
                    "its name", error) ||
        !cuda_check(&driver, driver.device_attribute(&major, COMPUTE_MAJOR, found->device),
                    "its compute capability", error) ||
        !cuda_check(&driver, driver.device_attribute(&minor, COMPUTE_MINOR, found->device),
                    "its compute capability", error))
        return false;
    found->compute = 10 * major + minor;
    if (found->compute < LEAST_COMPUTE)
        return et_fail(error, "%s has compute capability %d.%d: expected %d.0 or later",
                       found->name, major, minor, LEAST_COMPUTE / 10);
    return cuda_check(&driver, driver.retain_context(&found->context, found->device), "the GPU",
                      error);
}

static pthread_once_t device_once = PTHREAD_ONCE_INIT, compiler_once = PTHREAD_ONCE_INIT;
static struct cuda_device device;
static struct et_error device_error, compiler_error;
static bool has_device, has_compiler;

static void find_device_once(void) {
    has_device = find_device(&device, &device_error);
}

const struct cuda_device *cuda_device(struct et_error *error) {
    pthread_once(&device_once, find_device_once);
    if (has_device)
        return &device;
    et_fail(error, "%s", device_error.message);
    return NULL;
}

/* ---- The compiler ---- */

static struct cuda_compiler compiler;

static bool open_compiler(struct et_error *error) {
    const struct library_symbol symbols[] = {
#define DRIVER(name, symbol, parameters)
#define COMPILER(name, parameters) {(void **)&compiler.name, #name},
#include "runtime/backend/cuda_calls.def"
#undef DRIVER
#undef COMPILER
    };
    const char *path;
    void *library = open_nvrtc(&path);
    if (!library)
        return et_fail(error,
                       "there is no %s: CUDA's toolkit brings it, or the Python package "
                       "nvidia-cuda-nvrtc; EIGENTENSOR_NVRTC can say where it is",
                       path);
    return find_symbols(library, path, symbols, (int)(sizeof symbols / sizeof *symbols), error);
}

static void open_compiler_once(void) {
    has_compiler = open_compiler(&compiler_error);
}

const struct cuda_compiler *cuda_compiler(struct et_error *error) {
    pthread_once(&compiler_once, open_compiler_once);
    if (has_compiler)
        return &compiler;
    et_fail(error, "%s", compiler_error.message);
    return NULL;
}
