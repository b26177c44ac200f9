/* What NVRTC makes of a text by several threads: each kernel is in one of the modules, as ELF. It
 * takes no GPU; where NVRTC is not, there is nothing to test (test_nvrtc.sh brings it). */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "compiler/compile.h"
#include "compiler/graph/batch.h"
#include "compiler/store/store.h"
#include "runtime/backend/cuda.h"
#include "runtime/backend/cuda_library.h"
#include "tests/support/random_graph.h"

static struct compiled *compiled_of(struct graph *graph) {
    struct et_error error = {0};
    const struct compile_options options = {.backend = &emit_cuda, .verify = true};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert(compiled, "%s", error.message);
    return compiled;
}

/* The section of a kernel's code has its name. */
static int modules_with(const struct cuda_modules *modules, const char *name) {
    char section[256];
    int count = 0;
    snprintf(section, sizeof section, ".text.%s", name);
    for (int i = 0; i < modules->count; i++)
        count += memmem(modules->codes[i], modules->bytes[i], section, strlen(section) + 1) != NULL;
    return count;
}

static void check_modules(const char *what, const struct compiled *compiled) {
    struct et_error error = {0};
    struct cuda_modules modules;
    cr_assert(cuda_nvrtc(compiled, 90, false, &modules, &error), "%s: %s", what, error.message);
    for (int i = 0; i < modules.count; i++)
        cr_expect(modules.bytes[i] > 4 && memcmp(modules.codes[i],
                                                 "\x7f"
                                                 "ELF",
                                                 4) == 0,
                  "%s: module %d", what, i);
    for (int i = 0; i < compiled->kernel_count; i++) {
        const struct kernel_facts *facts = &compiled->kernels[i];
        const int expected = facts->launch.blocks ? 1 : 0;
        const int found = modules_with(&modules, facts->name);
        cr_expect_eq(found, expected, "%s: %s is in %d of %d modules", what, facts->name, found,
                     modules.count);
    }
    cuda_modules_free(&modules);
}

static void check_path(const char *path) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = graph_load(path, &weights, &error);
    cr_assert(graph, "%s", error.message);
    struct compiled *compiled = compiled_of(graph);
    check_modules(path, compiled);
    compiled_free(compiled);
    graph_free(graph);
    weights_free(weights);
}

Test(cuda_modules, kernels_have_one_each, .timeout = 300) {
    if (!cuda_compiler(NULL))
        cr_skip_test("there is no NVRTC");
    check_path("models/mnist/mnist.json");
    check_path("models/mnist/mnist-int8.json");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct et_error error = {0};
        char name[32];
        struct graph *graph = random_graph(seed, &error);
        cr_assert(graph, "%s", error.message);
        struct compiled *compiled = compiled_of(graph);
        snprintf(name, sizeof name, "seed %d", (int)seed);
        check_modules(name, compiled);
        compiled_free(compiled);
        graph_free(graph);
    }
}

/* Errors name what NVRTC says, also where other threads succeed. */
Test(cuda_modules, errors_are_told, .timeout = 300) {
    if (!cuda_compiler(NULL))
        cr_skip_test("there is no NVRTC");
    struct et_error error = {0};
    struct kernel_facts kernels[12];
    char sources[12][64], names[12][8];
    struct text text = {0};
    for (int i = 0; i < 12; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        snprintf(sources[i], sizeof sources[i], "extern \"C\" __global__ void k%d() { %s }\n", i,
                 i == 7 ? "wrong();" : "");
        text_add(&text, "%s", sources[i]);
        kernels[i] = (struct kernel_facts){
            .name = names[i], .source = sources[i], .launch = {.blocks = 1, .tile = true}};
    }
    struct compiled compiled = {.prefix = "wrong", .kernels = kernels, .kernel_count = 12};
    compiled.source_bytes = text.length;
    compiled.source = text_take(&text);
    struct cuda_modules modules;
    cr_expect(!cuda_nvrtc(&compiled, 90, false, &modules, &error));
    cr_expect(strstr(error.message, "\"wrong\" is undefined"), "%s", error.message);
    cr_expect_eq(modules.count, 0);
    et_release((void *)compiled.source);
}
