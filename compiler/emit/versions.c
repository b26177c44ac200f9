/* A text with a version of its kernels for each kind of vectors that x86-64 CPUs have, as
 * templates/versions.h has it: the text includes itself, and macros give names an ending.
 *
 *   title
 *   once: headers, options, pool; names; the inclusions
 *   what each version has: sections, kernels, functions that call them
 *   once: the choice of a version, entries */
#include "compiler/emit/emit.h"

#include <string.h>

static void define_name(void *text, const char *name, size_t length) {
    const int count = (int)length;
    text_add(text, "#define %.*s %sOF_VERSION(%.*s)\n", count, name, length > 35 ? "\\\n    " : "",
             count, name);
}

static void undefine_name(void *text, const char *name, size_t length) {
    text_add(text, "#undef %.*s\n", (int)length, name);
}

void emit_own_name(struct emitter *emitter, const char *name) {
    if (emitter->versions)
        define_name(&emitter->own_names, name, strlen(name));
}

const char *emit_for_this_cpu(struct emitter *emitter, const char *name) {
    return emitter->versions ? arena_format(emitter->ir->arena, "FOR_THIS_CPU(%s)", name) : name;
}

/* Macros that a version defines in its own way. */
static void end_version(const struct emitter *emitter, struct text *text) {
    struct text macros = text_in(emitter->ir->arena);
    sections_each_name(&emitter->sections, "macros", undefine_name, &macros);
    if (macros.length)
        text_add(text, "#ifdef VERSIONS\n%s#endif\n", text_keep(&macros));
    text_add(text, "#endif // what each version has\n\n");
}

void emit_versions(struct emitter *emitter, struct text *file, const char *each) {
    struct sections *sections = &emitter->sections;
    struct text names = text_in(emitter->ir->arena);
    struct text end = text_in(emitter->ir->arena);
    const bool dots = sections_printed(sections, "dot_products");
    sections_each_name(sections, "names", define_name, &names);
    end_version(emitter, &end);
    text_add(file, "#ifndef VERSION_ENDING\n");
    emit_prelude(emitter, file);
    sections_print(sections, file);
    text_add(file, "#define TEXT_NAME \"%s.c\"\n", emitter->prefix);
    sections_print_one(sections, "versions", file);
    text_add(file, "%s%s", text_keep(&names), text_keep(&emitter->own_names));
    if (dots)
        sections_print_one(sections, "versions_dot", file);
    sections_print_one(sections, "versions_each", file);
    text_add(file, "#endif // once\n\n#if !defined VERSIONS || defined VERSION_ENDING\n\n%s%s",
             each, text_keep(&end));
    text_add(file, "#ifndef VERSION_ENDING\n");
    sections_print_one(sections, "versions_cpu", file);
    sections_print_one(sections, dots ? "versions_choice_dot" : "versions_choice", file);
    sections_print_one(sections, "versions_choice_end", file);
}
