/* templates/narrow.h for one kind of vectors, its names with an ending: included once for each,
 * with LEVEL(name) and VECTOR_BITS defined. */
#define narrow_words LEVEL(narrow_words)
#define narrow_u8 LEVEL(narrow_u8)
#define narrow_i8 LEVEL(narrow_i8)
#define f32_to_u8_strip LEVEL(f32_to_u8_strip)
#define f32_to_i8_strip LEVEL(f32_to_i8_strip)
#define f32_round_to_u8_strip LEVEL(f32_round_to_u8_strip)
#define f32_round_to_i8_strip LEVEL(f32_round_to_i8_strip)
#undef ET_TEMPLATES_NARROW_H
#include "templates/narrow.h"
#undef NARROW_LOOP
#undef NARROW_X86
#undef NARROW_NEON
#undef narrow_words
#undef narrow_u8
#undef narrow_i8
#undef f32_to_u8_strip
#undef f32_to_i8_strip
#undef f32_round_to_u8_strip
#undef f32_round_to_i8_strip
