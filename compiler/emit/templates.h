/* The C text of templates/, embedded in the binary and cut into sections.
 *
 * A section begins with a line  //: section NAME needs NAME...  and ends at the next such line or
 * at  //: end.  Emitted C carries the sections it needs, each once, what they need before them.
 *
 * A section declares its own name at file scope; lines  //: names NAME...  below its first say what
 * else, and  //: macros NAME...  which macros it may define in another way in another version of
 * the text (versions.h). */
#ifndef EIGENTENSOR_TEMPLATES_H
#define EIGENTENSOR_TEMPLATES_H

#include "compiler/base/base.h"

/* Whole files, terminated. */
extern const char template_byte_order[], template_exact[], template_bits[], template_zero[],
    template_fma[], template_round[], template_math[], template_math64[], template_convert[],
    template_tile[], template_tile_shape[], template_tile_dot[], template_tile_dot_quads[],
    template_tile_dot_lanes[], template_tile_codes[], template_transpose[], template_calls[],
    template_chain[], template_pool[], template_lanes[], template_lanes_rows[], template_strip[],
    template_narrow[], template_branch[], template_sort[], template_unordered[], template_vector[],
    template_versions[];
extern const char template_tile_small[];
extern const char template_cuda[], template_cuda_contract[], template_cuda_contract_bytes[],
    template_cuda_contract_line[], template_cuda_contract_window[];

enum { MAX_SECTIONS = 512 };

struct section {
    const char *name, *needs, *more, *body; /* more: the lines of names and macros, to the body */
    size_t name_length, needs_length, body_length;
};

/* The sections of several files, and which of them are wanted. */
struct sections {
    int count;
    struct section items[MAX_SECTIONS];
    bool wanted[MAX_SECTIONS], printed[MAX_SECTIONS];
};
void sections_add_file(struct sections *sections, const char *text);
bool sections_have(const struct sections *sections, const char *name);
void sections_want(struct sections *sections, const char *name);
/* A section that stands already: neither it nor what it needs is printed. */
void sections_provide(struct sections *sections, const char *name);
bool sections_printed(const struct sections *sections, const char *name);
/* One section that is wanted, and what it needs. */
void sections_print_one(struct sections *sections, const char *name, struct text *text);
/* All wanted sections that are not printed yet, in the order of the files, what they need first. */
void sections_print(struct sections *sections, struct text *text);
/* Called with each name that sections printed by now declare, of the kind "names" or "macros". */
typedef void section_name(void *context, const char *name, size_t length);
void sections_each_name(const struct sections *sections, const char *kind, section_name *each,
                        void *context);

#endif
