/* Compiled graphs within milliseconds, by libtcc: into pages of their own (code_pages.h), which are
 * never writable and executable at once. The text may use no header and no function but those of
 * jit_symbols.def and the precompiled kernels. Builds take turns. An error quotes the line of C
 * that does not compile.
 *
 * libtcc's own memory is beyond the allocator's door: where that runs out, libtcc ends the process.
 */
#include "runtime/backend/backend.h"

#include <libtcc.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/backend/code_pages.h"
#include "runtime/backend/jit.h"
#include "runtime/backend/math_symbols.h"
#include "runtime/kernels/kernels.h"

/* libtcc of Debian 12 places the code where it is told; later versions keep their own read+execute
 * pages, which live as long as their state. */
enum {
    PLACES_WHERE_TOLD =
        __builtin_types_compatible_p(__typeof__(tcc_relocate), int(TCCState *, void *))
};
typedef void any_function(void);
typedef int relocate_where_told(TCCState *, void *);
typedef int relocate_by_itself(TCCState *);

struct jit {
    struct code_pages pages; /* none: the code is in `state` */
    TCCState *state;
};

/* libtcc compiles through globals. */
static pthread_mutex_t one_compile = PTHREAD_MUTEX_INITIALIZER;

static float float_from_unsigned(unsigned long long a) {
    return (float)a;
}

static double double_from_unsigned(unsigned long long a) {
    return (double)a;
}

static unsigned long long unsigned_from_float(float a) {
    return (unsigned long long)a;
}

static unsigned long long unsigned_from_double(double a) {
    return (unsigned long long)a;
}

/* The first message of a compile; the others are its consequences. */
struct complaint {
    const char *source;
    struct et_error *error;
    bool made;
};

/* Line `number` (from 1) of the text without its indentation: where it begins, how long it is. */
static const char *find_line(const char *text, long number, int *length) {
    while (number > 1 && (text = strchr(text, '\n'))) {
        text++;
        number--;
    }
    if (!text)
        return NULL;
    text += strspn(text, " \t");
    size_t bytes = strcspn(text, "\n");
    *length = bytes > 160 ? 160 : (int)bytes;
    return text;
}

/* libtcc says "<string>:12: error: what" or "tcc: error: what". */
static void hear_complaint(void *context, const char *message) {
    struct complaint *complaint = context;
    if (complaint->made)
        return;
    complaint->made = true;
    const char *place = strstr(message, "<string>:");
    const char *what = strstr(message, "error: ");
    what = what ? what + strlen("error: ") : message;
    char *end = NULL;
    long number = place ? strtol(place + strlen("<string>:"), &end, 10) : 0;
    int length = 0;
    const char *line = number > 0 ? find_line(complaint->source, number, &length) : NULL;
    if (line)
        et_fail(complaint->error, "libtcc: line %ld: %s: %.*s", number, what, length, line);
    else
        et_fail(complaint->error, "libtcc: %s", what);
}

/* A state that knows the runtime's symbols and nothing of the machine: no headers, no libraries. */
static TCCState *new_state(struct complaint *complaint) {
    TCCState *state = tcc_new();
    if (!state) {
        et_fail(complaint->error, "libtcc: out of memory");
        return NULL;
    }
    tcc_set_error_func(state, complaint, hear_complaint);
    tcc_set_options(state, "-nostdinc -nostdlib -Wall -Wunsupported -Werror");
    tcc_set_output_type(state, TCC_OUTPUT_MEMORY);
#define JIT_SYMBOL(name) JIT_SYMBOL_AS(name, name)
#define JIT_SYMBOL_AS(name, function) tcc_add_symbol(state, #name, (const void *)(function));
#include "runtime/backend/jit_symbols.def"
#undef JIT_SYMBOL_AS
#undef JIT_SYMBOL
    return state;
}

/* There are too many kernels to bind them all for every text. */
static bool bind_kernels(TCCState *state, const struct compiled *compiled,
                         const struct kernel_set *set, struct et_error *error) {
    for (int i = 0; i < compiled->runtime_function_count; i++) {
        const char *name = compiled->runtime_functions[i];
        const void *function = kernel_find(set, name);
        if (!function)
            return et_fail(error, "the runtime has no function %s", name);
        tcc_add_symbol(state, name, function);
    }
    return true;
}

/* The libtcc of Debian 12 ends tcc_relocate by opening the pages of code for writing and executing
 * at once, and the process where that is refused. In what is linked with --wrap=mprotect its call
 * comes here, and nothing is done: code_pages_close() comes after. */
extern int __real_mprotect(void *start, size_t bytes, int access) __attribute__((weak));
int __wrap_mprotect(void *start, size_t bytes, int access);
static _Thread_local bool relocates;

int __wrap_mprotect(void *start, size_t bytes, int access) {
    return relocates ? 0 : __real_mprotect(start, bytes, access);
}

/* Of a program that is linked without that option the system must let libtcc do it. */
static bool may_relocate(const struct code_pages *pages, struct et_error *error) {
    return __real_mprotect ||
           mprotect(pages->start, pages->bytes, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 ||
           et_fail(error, "the system refuses memory for machine code, unless the program is "
                          "linked with -Wl,--wrap=mprotect");
}

/* Asks how much room the code takes, and puts it into pages that are then closed for writing. */
static bool place_code(struct code_pages *pages, TCCState *state, struct et_error *error) {
    relocate_where_told *relocate = (relocate_where_told *)(any_function *)tcc_relocate;
    int wanted = relocate(state, NULL);
    if (wanted <= 0 || !code_pages_open(pages, (size_t)wanted, error) ||
        !may_relocate(pages, error))
        return false;
    relocates = true;
    bool good = relocate(state, pages->start) == 0;
    relocates = false;
    return good && code_pages_close(pages, error);
}

static bool place_by_itself(TCCState *state) {
    relocate_by_itself *relocate = (relocate_by_itself *)(any_function *)tcc_relocate;
    return relocate(state) == 0;
}

/* The function of that prefix and name; NULL: there is none. */
static bool find(TCCState *state, const char *prefix, const char *name, void **function,
                 struct et_error *error) {
    struct text text = {0};
    text_add(&text, "%s%s", prefix, name);
    const char *symbol = text_read(&text, error);
    *function = symbol ? tcc_get_symbol(state, symbol) : NULL;
    text_free(&text);
    return symbol != NULL;
}

static bool find_entries(struct executable *executable, TCCState *state, const char *prefix,
                         struct et_error *error) {
    return find(state, prefix, "_run_array", (void **)&executable->entry, error) &&
           find(state, prefix, "_run_step_array", (void **)&executable->step_entry, error) &&
           (executable->entry ||
            et_fail(error, "libtcc: the C text has no function %s_run_array", prefix));
}

/* Requires the mutex. */
static bool build(struct jit *jit, const struct compiled *compiled, const struct target *target,
                  struct executable *executable, struct complaint *complaint) {
    target = target ? target : cpu_target(complaint->error);
    if (!target)
        return false;
    TCCState *state = new_state(complaint);
    if (!state)
        return false;
    bool good = bind_kernels(state, compiled, kernels_for(target), complaint->error) &&
                tcc_compile_string(state, compiled->source) == 0;
    if (PLACES_WHERE_TOLD)
        good = good && place_code(&jit->pages, state, complaint->error);
    else
        good = good && place_by_itself(state);
    good = good && find_entries(executable, state, compiled->prefix, complaint->error);
    if (PLACES_WHERE_TOLD || !good)
        tcc_delete(state);
    else
        jit->state = state;
    return good;
}

bool jit_build(const struct compiled *compiled, const struct build_options *options,
               struct executable *executable, struct et_error *error) {
    struct jit *jit = et_allocate(1, sizeof *jit);
    if (!jit)
        return et_fail(error, "out of memory");
    struct complaint complaint = {.source = compiled->source, .error = error};
    et_fail(error, "libtcc failed without a message");
    pthread_mutex_lock(&one_compile);
    bool good = build(jit, compiled, options->target, executable, &complaint);
    pthread_mutex_unlock(&one_compile);
    if (!good) {
        jit_release(jit);
        return false;
    }
    executable->code = jit;
    executable->code_bytes = jit->pages.bytes;
    if (error)
        error->message[0] = 0;
    return true;
}

bool jit_is_built(void) {
    return true;
}

bool jit_allowed(struct et_error *error) {
    return code_pages_allowed(error);
}

void jit_release(void *code) {
    struct jit *jit = code;
    code_pages_free(&jit->pages);
    if (jit->state) {
        pthread_mutex_lock(&one_compile);
        tcc_delete(jit->state);
        pthread_mutex_unlock(&one_compile);
    }
    et_release(jit);
}
