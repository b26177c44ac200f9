/* Names: every buffer of a graph gets an identifier of C, as near to the graph's name as can be.
 *
 * A name that might mean something else to C, to C++, to a header or to the emitted text gets "_"
 * appended: none of those has names that end so. Most are known by their form, since platforms
 * define more of them than a list could hold; tests/emit/test_names.c asks the compilers. */
#include "compiler/emit/emit.h"

#include <ctype.h>
#include <string.h>

/* Each word of a list stands between spaces. */

/* Keywords of C and C++, and words for which <iso646.h> and its like have macros. */
static const char keywords[] =
    " alignas alignof and and_eq asm auto bitand bitor bool break case catch char class "
    "co_await co_return co_yield complex compl concept const const_cast consteval constexpr "
    "constinit continue contract_assert contract_bytes contract_line contract_tile "
    "contract_window cuda_stream "
    "blockDim blockIdx decltype default delete do double dynamic_cast else "
    "enum explicit export extern false float for friend goto gridDim if imaginary import inline "
    "int "
    "long module mutable namespace new noexcept noreturn not not_eq nullptr operator or or_eq "
    "private protected public register reinterpret_cast requires restrict return short signed "
    "sizeof static static_assert static_cast struct switch template this threadIdx thread_local "
    "throw "
    "true try typedef typeid typename typeof typeof_unqual union unsigned using virtual void "
    "volatile wait_for_kernels warpSize while xor xor_eq ";

/* Macros of headers, and of compilers for some system or machine. */
static const char macros[] =
    " L_ctermid L_cuserid L_tmpnam P_tmpdir aix arm cdecl environ errno far h_addr hpux huge "
    "interface linux m68k math_errhandling mips near pascal pixel s_addr sgi small sparc stderr "
    "stdin stdout sun unix vax wasm ";

/* What the text calls and declares where it also speaks of buffers. */
static const char own_words[] =
    " another arena begin c carried ceil ceilf columns end fabs fabsf floor floorf fma fmaf fmod "
    "fmodf inputs insert_keys k m memcpy n outputs part parts rint rintf row rows sqrt sqrtf "
    "states step strip sums taken tile vector walk weights ";

/* How names begin that headers may have as macros, then those of the text, among which are its
 * scalar functions: f32_exp. */
static const char *const reserved_beginnings[] = {
    "M_",    "atomic_", "memory_order_", "sa_",   "sched_", "si_",  "sigev_",  "st_",   "sv_",
    "ahead", "fetch_",  "lanes",         "pool_", "row_",   "run_", "vector_", "walk_",
#define TILE_KIND(id, name, ...) #name "_",
#include "compiler/schedule/tile_kinds.def"
#undef TILE_KIND
#define DTYPE(id, name, c_type, unsigned_type, ones, safetensors, numpy, letter, short_name, ...)  \
#short_name "_",
#include "compiler/graph/dtypes.def"
#undef DTYPE
};

/* Headers of C, POSIX and compilers: a file of that name beside others would stand in for them. */
static const char header_names[] =
    " aio alloca arm_acle arm_neon arm_sve assert complex cpio cpuid ctype dirent dlfcn endian "
    "err errno error fcntl features fenv float fmtmsg fnmatch ftw getopt glob grp iconv "
    "inttypes iso646 langinfo libgen libintl limits locale malloc math memory mm_malloc "
    "monetary mqueue ndbm netdb new nl_types poll process pthread pwd regex sched search "
    "semaphore setjmp signal spawn stdalign stdarg stdatomic stdbit stdbool stdckdint stddef "
    "stdint stdio stdlib stdnoreturn string strings syslimits syslog tar termios tgmath threads "
    "time uchar ulimit unistd unwind utime utmpx varargs wchar wctype windows wordexp ";

static bool has_word(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at++)
        if (at[-1] == ' ' && at[length] == ' ')
            return true;
    return false;
}

static bool ends_with(const char *name, const char *end) {
    size_t length = strlen(name), end_length = strlen(end);
    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* Letters and then digits, as our locals are: v0, i1, lanes2, t12. */
static bool looks_local(const char *name) {
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    size_t digits = strspn(name + letters, "0123456789");
    return digits > 0 && name[letters + digits] == 0;
}

/* As kernels are called: k01_contract. */
static bool looks_like_kernel(const char *name) {
    size_t digits = name[0] == 'k' ? strspn(name + 1, "0123456789") : 0;
    return digits > 0 && name[1 + digits] == '_';
}

/* As macros and enumerators are: INT32_MAX. One letter is an ordinary name, but for the unit of
 * <complex.h>. */
static bool looks_constant(const char *name) {
    bool one = !name[1] && name[0] != 'I';
    return !one && !strpbrk(name, "abcdefghijklmnopqrstuvwxyz");
}

/* What might mean something else to a compiler or a header, or begins as names of the text do. */
static bool is_taken(const char *name) {
    if (ends_with(name, "_"))
        return false;
    if (has_word(keywords, name) || has_word(macros, name))
        return true;
    for (size_t i = 0; i < sizeof reserved_beginnings / sizeof *reserved_beginnings; i++)
        if (strncmp(name, reserved_beginnings[i], strlen(reserved_beginnings[i])) == 0)
            return true;
    return looks_local(name) || looks_like_kernel(name) || looks_constant(name) ||
           ends_with(name, "_t");
}

static bool is_reserved(const char *name) {
    return is_taken(name) || has_word(own_words, name);
}

char *emit_identifier(struct ir *ir, const char *name) {
    char *text = arena_format(ir->arena, "%s%s", isdigit((unsigned char)name[0]) ? "_" : "", name);
    for (char *at = text; *at; at++)
        if (!(isalnum((unsigned char)*at) && (unsigned char)*at < 128) && *at != '_')
            *at = '_';
    while (text[0] == '_') /* names of the implementation begin so */
        text++;
    if (!text[0] || isdigit((unsigned char)text[0]))
        text = arena_format(ir->arena, "tensor_%s", text);
    cut_name(text);
    return text;
}

const char *emit_prefix_of(struct ir *ir, const char *name) {
    const char *prefix = emit_identifier(ir, name);
    bool header = has_word(header_names, prefix) || ends_with(prefix, "intrin");
    return header ? arena_format(ir->arena, "graph_%s", prefix) : prefix;
}

/* The names of buffers so far, by hash, open addressing. */
struct names {
    size_t capacity; /* a power of two, at least twice the buffers */
    const char **names;
};

/* Where a name is or belongs. */
static const char **name_place(const struct names *names, const char *name) {
    size_t hash = 0;
    for (const char *at = name; *at; at++)
        hash = hash * 31 + (unsigned char)*at;
    const char **place = &names->names[hash & (names->capacity - 1)];
    while (*place && strcmp(*place, name) != 0)
        place = &names->names[++hash & (names->capacity - 1)];
    return place;
}

static const char *safe_name(const struct emitter *emitter, const char *name) {
    bool taken = is_reserved(name) || sections_have(&emitter->sections, name) ||
                 (emitter->profile && strcmp(name, "lap") == 0) ||
                 (emitter->stop_every && strcmp(name, "stop") == 0);
    return taken ? arena_format(emitter->ir->arena, "%s_", name) : name;
}

/* What the functions speak of that take sizes. */
static const char size_words[] =
    " arena bytes elements find_size i in input inputs left out output outputs size sizes weights ";
/* And those that let threads share a run. */
static const char thread_words[] =
    " at context end part parts pool run step steps take_part threads ";

const char *emit_parameter_name(struct emitter *emitter, const char *name) {
    struct ir *ir = emitter->ir;
    const char *first = emit_identifier(ir, name), *prefix = emitter->prefix;
    const bool of_file = strncmp(first, "run_", 4) == 0 ||
                         strncmp(first, prefix, strlen(prefix)) == 0 ||
                         (emitter->graph->batched && strcmp(first, "batch") == 0) ||
                         ((emitter->threads || emitter->pool) && has_word(thread_words, first));
    const bool taken = of_file || is_taken(first) || has_word(size_words, first);
    return taken ? arena_format(ir->arena, "%s_", first) : first;
}

static const char *free_name(const struct emitter *emitter, const struct names *names,
                             const char *original) {
    struct ir *ir = emitter->ir;
    const char *first = emit_identifier(ir, original), *name = safe_name(emitter, first);
    for (int k = 2; *name_place(names, name); k++)
        name = safe_name(emitter, arena_format(ir->arena, "%s_%d", first, k));
    return name;
}

/* Every buffer gets a C identifier of its own, as near to the graph's name as can be. */
void emit_name_buffers(struct emitter *emitter) {
    struct ir *ir = emitter->ir;
    struct names names = {.capacity = 16};
    while (names.capacity < 2 * (size_t)ir->buffer_count)
        names.capacity *= 2;
    names.names = arena_array(ir->arena, const char *, names.capacity);
    for (int i = 0; i < ir->buffer_count; i++) {
        struct buffer *buffer = ir->buffers[i];
        if ((buffer->kind != BUFFER_LOCAL || is_slice(buffer)) &&
            !(buffer->kind >= BUFFER_TEMPORARY && looks_local(buffer->name))) /* t12 */
            buffer->name = free_name(emitter, &names, buffer->name);
        *name_place(&names, buffer->name) = buffer->name;
    }
}

const char *emit_upper_case(struct ir *ir, const char *name) {
    char *text = arena_copy_text(ir->arena, name);
    for (char *at = text; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return text;
}

/* Inputs and outputs are fields of structs, which all blocks share. */
void emit_name_fields(struct emitter *emitter) {
    struct ir *ir = emitter->ir;
    for (int kind = BUFFER_INPUT; kind <= BUFFER_OUTPUT; kind++)
        emitter->fields[kind] = arena_array(ir->arena, const char *, (size_t)ir->buffer_count + 1);
    for (int i = 0; i < ir->buffer_count; i++)
        if (ir->buffers[i]->kind <= BUFFER_OUTPUT)
            emitter->fields[ir->buffers[i]->kind][ir->buffers[i]->position] = ir->buffers[i]->name;
}
