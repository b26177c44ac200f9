/* Emitted C in WebAssembly: built by clang and run by Node, it must give the bits that the
 * interpreter gives here. EIGENTENSOR_SEED and EIGENTENSOR_WASM_COUNT change the seeds and the
 * number of random graphs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

#define RUNNER "tests/emit/collection/module.mjs"
#define MODULE_OPTIONS                                                                             \
    "--target=wasm32", "-std=c11", "-mbulk-memory", "-nostdlib", "-nostdlibinc",                   \
        "-Itemplates/wasm", "-Wl,--no-entry", "-Wl,--export=__heap_base", "-Wl,--stack-first",     \
        "-Wl,-z,stack-size=1048576"

#define COUNT "EIGENTENSOR_WASM_COUNT"

enum { USUAL_COUNT = 200, USUAL_SEED = 1, PATH_ROOM = 512 };

/* Whether clang makes modules here, and node runs them. */
static bool has_tools(const struct scratch *scratch) {
    char source[PATH_ROOM], module[PATH_ROOM], command[3 * PATH_ROOM];
    snprintf(source, sizeof source, "%s/nothing.c", scratch->path);
    snprintf(module, sizeof module, "%s/nothing.wasm", scratch->path);
    FILE *file = fopen(source, "w");
    cr_assert(file && fputs("int nothing;\n", file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command,
             "{ clang --target=wasm32 -nostdlib -Wl,--no-entry %s -o %s && "
             "node -e \"WebAssembly.compile(require('fs').readFileSync('%s'))\"; } 2>&1",
             source, module, module);
    return system(command) == 0;
}

static void check(const struct target *target, const char *const *command, uint64_t first,
                  const char *filter) {
    struct et_error error = {0};
    struct scratch scratch;
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    if (!has_tools(&scratch)) {
        scratch_remove(&scratch);
        cr_skip("clang, wasm-ld or node is missing");
    }
    struct collection collection = {.folder = scratch.path,
                                    .target = target,
                                    .main = "tests/emit/collection/module.c",
                                    .in_units = true};
    collect_stored(&collection);
    collect_randoms(&collection, first, COUNT, USUAL_COUNT);
    struct text said = {0};
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/all.wasm", scratch.path);
    const int status = collection_build(&collection, command, path, &said);
    cr_assert_eq(status, 0, "exit status %d\n%s", status, said.bytes ? said.bytes : "");
    text_free(&said);
    expect_same_bits((const char *[]){"node", RUNNER, path, NULL}, COUNT, filter);
    report_machine(target->name, collection.count);
    collection_end(&collection);
    scratch_remove(&scratch);
}

Test(wasm, the_same_bits_with_vectors, .timeout = 900) {
    static const char *const command[] = {"clang", MODULE_OPTIONS, "-O2", "-msimd128", NULL};
    check(&targets[TARGET_WASM32_SIMD], command, USUAL_SEED, "wasm/the_same_bits_with_vectors");
}

Test(wasm, the_same_bits_without, .timeout = 900) {
    static const char *const command[] = {"clang", MODULE_OPTIONS, "-O1", NULL};
    check(&targets[TARGET_WASM32], command, USUAL_SEED + USUAL_COUNT, "wasm/the_same_bits_without");
}
