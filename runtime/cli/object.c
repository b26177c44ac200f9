/* Objects for other machines: the compiled model with its weights and memory, for a linker, and the
 * header that says how to run it. */
#include "runtime/cli/cli.h"

#include "compiler/emit/backend.h"
#include "runtime/backend/aot.h"

#include <string.h>
#include <unistd.h>

struct compiled *object_compile(const struct cli_sizes *sizes, const struct cli_model *model,
                                const struct standalone_options *options, struct et_error *error) {
    const struct compile_options compiling = {.target = options->target,
                                              .digest = et_program_digest(model->program),
                                              .portable = true,
                                              .weights_form = WEIGHTS_ASSEMBLER,
                                              .static_arena = true};
    return sizes_compile(sizes, model, &backends[BACKEND_AOT], &compiling, error);
}

bool object_files(const struct compiled *compiled, const char *folder, struct arena *arena,
                  struct object_files *files, struct et_error *error) {
    files->folder = folder ? folder : compiled->prefix;
    files->object = arena_format(arena, "%s/%s.o", files->folder, compiled->prefix);
    files->header = arena_format(arena, "%s/%s.h", files->folder, compiled->prefix);
    return (files->object && files->header) || et_fail(error, "out of memory");
}

/* Leaves neither an object without its header nor a new folder behind. */
bool object_build(const struct compiled *compiled, const struct standalone_options *options,
                  const struct object_files *files, struct et_error *error) {
    const struct build_options building = {
        .target = options->target, .cc = options->cc, .flags = options->flags};
    const struct new_file header = {files->header, compiled->header, compiled->header_bytes};
    int made;
    const bool good = make_folders(files->object, &made, error) &&
                      aot_build_object(compiled, files->object, &building, error) &&
                      (write_files(&header, 1, error) || (unlink(files->object), false));
    if (!good)
        remove_folders(files->object, made);
    return good;
}
