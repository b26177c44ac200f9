#include "compiler/emit/templates.h"

#include <string.h>

/* The assembler reads the files: no generated sources, no limit on string literals. */
#define EMBED(name, path)                                                                          \
    __asm__(".section .rodata\n.globl " #name "\n" #name ":\n.incbin \"" path                      \
            "\"\n.byte 0\n.previous\n")
EMBED(template_byte_order, "templates/byte_order.h");
EMBED(template_exact, "templates/exact.h");
EMBED(template_bits, "templates/bits.h");
EMBED(template_zero, "templates/zero.h");
EMBED(template_fma, "templates/fma.h");
EMBED(template_round, "templates/round.h");
EMBED(template_math, "templates/math.h");
EMBED(template_math64, "templates/math64.h");
EMBED(template_convert, "templates/convert.h");
EMBED(template_tile, "templates/tile.h");
EMBED(template_tile_small, "templates/tile_small.h");
EMBED(template_tile_shape, "templates/tile_shape.h");
EMBED(template_tile_dot, "templates/tile_dot.h");
EMBED(template_tile_dot_quads, "templates/tile_dot_quads.h");
EMBED(template_tile_dot_lanes, "templates/tile_dot_lanes.h");
EMBED(template_tile_codes, "templates/tile_codes.h");
EMBED(template_transpose, "templates/transpose.h");
EMBED(template_calls, "templates/calls.h");
EMBED(template_pool, "templates/pool.h");
EMBED(template_chain, "templates/chain.h");
EMBED(template_lanes, "templates/lanes.h");
EMBED(template_lanes_rows, "templates/lanes_rows.h");
EMBED(template_strip, "templates/strip.h");
EMBED(template_narrow, "templates/narrow.h");
EMBED(template_sort, "templates/sort.h");
EMBED(template_branch, "templates/branch.h");
EMBED(template_unordered, "templates/unordered.h");
EMBED(template_vector, "templates/vector.h");
EMBED(template_versions, "templates/versions.h");
EMBED(template_cuda, "templates/cuda/cuda.h");
EMBED(template_cuda_contract, "templates/cuda/contract.h");
EMBED(template_cuda_contract_bytes, "templates/cuda/contract_bytes.h");
EMBED(template_cuda_contract_line, "templates/cuda/contract_line.h");
EMBED(template_cuda_contract_window, "templates/cuda/contract_window.h");

static const char section_mark[] = "//: section ";
static const char end_mark[] = "//: end";
static const char more_mark[] = "//: "; /* where a section has begun, and before its body */

static const char *line_end(const char *text) {
    const char *end = strchr(text, '\n');
    return end ? end : text + strlen(text);
}

static const char *next_line(const char *line) {
    const char *end = line_end(line);
    return end + (*end == '\n');
}

/* The next line that begins or ends a section, or NULL. */
static const char *next_mark(const char *text) {
    for (const char *line = text; *line; line = next_line(line))
        if (strncmp(line, section_mark, sizeof section_mark - 1) == 0 ||
            strncmp(line, end_mark, sizeof end_mark - 1) == 0)
            return line;
    return NULL;
}

static struct section parse_section(const char *mark) {
    struct section section = {.name = mark + strlen(section_mark)};
    section.name_length = strcspn(section.name, " \n");
    const char *end = line_end(mark), *after = section.name + section.name_length;
    if (strncmp(after, " needs ", 7) == 0) {
        section.needs = after + 7;
        section.needs_length = (size_t)(end - section.needs);
    }
    section.more = section.body = next_line(mark);
    while (strncmp(section.body, more_mark, sizeof more_mark - 1) == 0)
        section.body = next_line(section.body);
    const char *next = next_mark(section.body);
    section.body_length = next ? (size_t)(next - section.body) : strlen(section.body);
    return section;
}

void sections_add_file(struct sections *sections, const char *text) {
    for (const char *mark = next_mark(text); mark; mark = next_mark(line_end(mark))) {
        if (strncmp(mark, end_mark, sizeof end_mark - 1) == 0)
            return;
        if (sections->count == MAX_SECTIONS)
            unreachable();
        sections->items[sections->count++] = parse_section(mark);
    }
}

static int find_section(const struct sections *sections, const char *name, size_t length) {
    for (int i = 0; i < sections->count; i++)
        if (sections->items[i].name_length == length &&
            memcmp(sections->items[i].name, name, length) == 0)
            return i;
    return -1;
}

bool sections_have(const struct sections *sections, const char *name) {
    return find_section(sections, name, strlen(name)) >= 0;
}

void sections_want(struct sections *sections, const char *name) {
    int found = find_section(sections, name, strlen(name));
    if (found < 0)
        unreachable();
    sections->wanted[found] = true;
}

void sections_provide(struct sections *sections, const char *name) {
    int found = find_section(sections, name, strlen(name));
    if (found >= 0)
        sections->printed[found] = true;
}

bool sections_printed(const struct sections *sections, const char *name) {
    int found = find_section(sections, name, strlen(name));
    return found >= 0 && sections->printed[found];
}

static void print_section(struct sections *sections, int which, struct text *text) {
    if (sections->printed[which])
        return;
    sections->printed[which] = true;
    const struct section *section = &sections->items[which];
    for (size_t at = 0; at < section->needs_length;) {
        size_t length = strcspn(section->needs + at, " \n");
        if (at + length > section->needs_length)
            length = section->needs_length - at;
        int needed = find_section(sections, section->needs + at, length);
        if (needed < 0)
            unreachable();
        print_section(sections, needed, text);
        at += length + 1;
    }
    text_add_bytes(text, section->body, section->body_length);
}

void sections_print_one(struct sections *sections, const char *name, struct text *text) {
    print_section(sections, find_section(sections, name, strlen(name)), text);
}

void sections_print(struct sections *sections, struct text *text) {
    for (int i = 0; i < sections->count; i++)
        if (sections->wanted[i])
            print_section(sections, i, text);
}

/* The words of a line from there on. */
static void each_word(const char *line, section_name *each, void *context) {
    const char *end = line_end(line);
    for (const char *at = line; at < end;) {
        const size_t length = strcspn(at, " \n");
        each(context, at, length);
        at += length + (at[length] == ' ');
    }
}

void sections_each_name(const struct sections *sections, const char *kind, section_name *each,
                        void *context) {
    const size_t length = strlen(kind);
    for (int i = 0; i < sections->count; i++) {
        const struct section *section = &sections->items[i];
        if (!sections->printed[i])
            continue;
        if (strcmp(kind, "names") == 0)
            each(context, section->name, section->name_length);
        for (const char *line = section->more; line < section->body; line = next_line(line)) {
            const char *word = line + sizeof more_mark - 1;
            if (strncmp(word, kind, length) == 0 && word[length] == ' ')
                each_word(word + length + 1, each, context);
        }
    }
}
