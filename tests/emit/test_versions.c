/* Texts with several versions of their kernels: whatever a section of the templates declares has a
 * name of its own in each version. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "compiler/emit/emit.h"
#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"

/* What stands once, and what no text has. */
static bool is_of_versions(const struct section *section) {
    static const char *const others[] = {"exact_floats", "little_endian", "big_endian",
                                         "pool",         "gcc_optimize",  "tile_assertion"};
    if (strncmp(section->name, "versions", strlen("versions")) == 0)
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == section->name_length &&
            memcmp(others[i], section->name, section->name_length) == 0)
            return false;
    return true;
}

/* A text that has every section, and no kernel. */
static void add_everything(struct emitter *emitter, struct text *text) {
    static const char *const files[] = {
        template_byte_order,     template_exact,      template_bits,
        template_zero,           template_fma,        template_round,
        template_math,           template_math64,     template_strip,
        template_convert,        template_narrow,     template_unordered,
        template_lanes,          template_lanes_rows, template_branch,
        template_sort,           template_tile,       template_tile_shape,
        template_tile_dot,       template_vector,     template_tile_dot_quads,
        template_tile_dot_lanes, template_versions};
    struct sections *sections = &emitter->sections;
    struct text each = text_in(emitter->ir->arena);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        sections_add_file(sections, files[i]);
    for (int i = 0; i < sections->count; i++)
        sections->wanted[i] = is_of_versions(&sections->items[i]);
    sections_print(sections, &each);
    emit_versions(emitter, text, text_keep(&each));
    text_add(text, "unsigned all(float x);\n"
                   "unsigned all(float x) {\n    return FOR_THIS_CPU(f32_bits)(x);\n}\n#endif\n");
}

static void write_everything(const struct scratch *scratch) {
    struct et_error error = {0};
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    struct emitter *emitter = arena_new(&arena, struct emitter);
    struct text text = text_in(&arena);
    cr_assert_not_null(emitter);
    *emitter = (struct emitter){.backend = &emit_loops, .ir = &ir, .prefix = "all"};
    emitter->own_names = text_in(&arena);
    add_everything(emitter, &text);
    const char *bytes = text_keep(&text);
    cr_assert(scratch_write(scratch, "all.c", bytes, strlen(bytes), &error), "%s", error.message);
    cr_assert(scratch_write(scratch, "all.h", "\n", 1, &error), "%s", error.message);
    arena_free(&arena);
}

Test(versions, names_of_sections_are_told, .timeout = 120) {
    struct et_error error = {0};
    struct scratch scratch;
    char source[512];
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    write_everything(&scratch);
    snprintf(source, sizeof source, "%s/all.c", scratch.path);
    static const char *const compilers[] = {"gcc", "clang"};
    static const char *const levels[] = {"-O0", "-O2"};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++)
            expect_success((const char *[]){compilers[i], "-std=c11", levels[k], "-Wall", "-Wextra",
                                            "-Werror", "-fsyntax-only", source, NULL});
    scratch_remove(&scratch);
}
