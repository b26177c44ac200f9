/* Command lines, where the C library has no <argp.h> of its own, as musl. As much of glibc's
 * interface as programs here use, with the same help, messages and exit statuses; glibc's
 * manual describes it. Of options that are no table's: --help (-?), --usage, --version (-V).
 *
 * Found behind the system's headers (-idirafter templates/libc). */
#ifndef EIGENTENSOR_TEMPLATES_ARGP_H
#define EIGENTENSOR_TEMPLATES_ARGP_H

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int error_t;
struct argp_state;
typedef error_t argp_parser_t(int key, char *argument, struct argp_state *state);

struct argp_option {
    const char *name; /* NULL in the row that ends a table */
    int key;          /* a character: the short option, too */
    const char *arg;  /* NULL: it takes none */
    int flags;
    const char *doc;
    int group; /* ignored */
};
#define OPTION_ARG_OPTIONAL 1

struct argp;
struct argp_child {
    const struct argp *argp; /* NULL ends the array */
    int flags;
    const char *header;
    int group;
};
struct argp {
    const struct argp_option *options;
    argp_parser_t *parser;
    const char *args_doc, *doc; /* doc: before the options, behind \v after them */
    const struct argp_child *children;
    char *(*help_filter)(int key, const char *text, void *input); /* its texts are freed */
    const char *argp_domain;
};

enum { ARGP_MOST_CHILDREN = 4, ARGP_MOST_OPTIONS = 128 };
struct argp_state {
    const struct argp *root_argp;
    int argc;
    char **argv;
    int next; /* which of argv comes next */
    void *input, *child_inputs[ARGP_MOST_CHILDREN];
    char *name;
};

#define ARGP_ERR_UNKNOWN E2BIG
#define ARGP_IN_ORDER 8
#define ARGP_KEY_ARG 0
#define ARGP_KEY_END 0x1000001
#define ARGP_KEY_NO_ARGS 0x1000002
#define ARGP_KEY_INIT 0x1000003
#define ARGP_KEY_HELP_PRE_DOC 0x2000001
#define ARGP_KEY_HELP_POST_DOC 0x2000002
enum { ARGP_KEY_USAGE = 0x3000002 };

/* What the program may define, and set. */
extern const char *argp_program_version __attribute__((weak));
extern void (*argp_program_version_hook)(FILE *stream, struct argp_state *state)
    __attribute__((weak));
__attribute__((weak)) int argp_err_exit_status = 64;

/* ---- Text of at most 79 columns ---- */

enum { ARGP_COLUMNS = 79, ARGP_TEXT_COLUMN = 29, ARGP_USAGE_COLUMN = 12 };

struct argp_page {
    FILE *stream;
    int column;
};

static inline void argp_put(struct argp_page *page, const char *text, size_t count) {
    fwrite(text, 1, count, page->stream);
    page->column += (int)count;
}

static inline void argp_end_line(struct argp_page *page, int indent) {
    fputc('\n', page->stream);
    fprintf(page->stream, "%*s", indent, "");
    page->column = indent;
}

/* Words, and lines as they are broken; what a line has no room for continues below `indent`. A word
 * with which a line ends must leave a column. */
static inline void argp_put_text(struct argp_page *page, const char *text, int indent) {
    while (*text) {
        const size_t blanks = strspn(text, " "), word = strcspn(text + blanks, " \n");
        const int last = page->column + (int)(blanks + word);
        const bool ends = !text[blanks + word] || text[blanks + word] == '\n';
        if (word && page->column > indent && last + ends > ARGP_COLUMNS)
            argp_end_line(page, indent);
        else
            argp_put(page, text, blanks);
        argp_put(page, text + blanks, word);
        text += blanks + word;
        if (*text == '\n')
            argp_end_line(page, *++text && *text != '\n' ? indent : 0);
    }
}

/* A word with its blank, on a new line if this one has no room. */
static inline void argp_put_word(struct argp_page *page, const char *word, int indent) {
    const bool fits = page->column + (int)strlen(word) < ARGP_COLUMNS;
    if (!fits)
        argp_end_line(page, indent);
    argp_put(page, word + !fits, strlen(word) - !fits);
}

/* ---- The options of all tables ---- */

struct argp_found {
    const struct argp_option *option;
    const struct argp *owner; /* NULL: the usual ones */
    void **input;
};
struct argp_options {
    int count;
    struct argp_found found[ARGP_MOST_OPTIONS];
};

static inline const struct argp_option *argp_usual_options(void) {
    static const struct argp_option usual[] = {
        {"help", '?', NULL, 0, "Give this help list", 0},
        {"usage", ARGP_KEY_USAGE, NULL, 0, "Give a short usage message", 0},
        {"version", 'V', NULL, 0, "Print program version", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    return usual;
}

static inline void argp_add_options(struct argp_options *all, const struct argp_option *options,
                                    const struct argp *owner, void **input) {
    for (; options && options->name && all->count < ARGP_MOST_OPTIONS; options++)
        all->found[all->count++] = (struct argp_found){options, owner, input};
}

static inline int argp_short(const struct argp_option *option) {
    return option->key > 0 && option->key <= UCHAR_MAX && isprint(option->key) ? option->key : 0;
}

/* By the first letter, small ones first, and those without a short one before the others; if
 * neither has one, by the whole names. */
static inline int argp_compare(const void *left, const void *right) {
    const struct argp_found *const a = left, *const b = right;
    const int first = argp_short(a->option), second = argp_short(b->option);
    if (!a->owner || !b->owner)
        return !a->owner - !b->owner;
    if (!first && !second)
        return strcmp(a->option->name, b->option->name);
    const int x = first ? first : a->option->name[0], y = second ? second : b->option->name[0];
    return tolower(x) != tolower(y) ? tolower(x) - tolower(y) : x != y ? y - x : !second - !first;
}

static inline void argp_sort(struct argp_options *all) {
    for (int i = 1; i < all->count; i++) /* stable, and there are few */
        for (int k = i; k > 0 && argp_compare(&all->found[k - 1], &all->found[k]) > 0; k--) {
            const struct argp_found later = all->found[k];
            all->found[k] = all->found[k - 1];
            all->found[k - 1] = later;
        }
}

static inline void argp_list(struct argp_state *state, struct argp_options *all) {
    const struct argp *argp = state->root_argp;
    all->count = 0;
    argp_add_options(all, argp->options, argp, &state->input);
    for (int i = 0; argp->children && argp->children[i].argp && i < ARGP_MOST_CHILDREN; i++)
        argp_add_options(all, argp->children[i].argp->options, argp->children[i].argp,
                         &state->child_inputs[i]);
    argp_add_options(all, argp_usual_options(), NULL, NULL);
}

/* ---- Help ---- */

static inline void argp_put_argument(struct argp_page *page, const struct argp_option *option) {
    char text[256] = "";
    if (option->arg && option->flags & OPTION_ARG_OPTIONAL)
        snprintf(text, sizeof text, "[=%s]", option->arg);
    else if (option->arg)
        snprintf(text, sizeof text, "=%s", option->arg);
    argp_put(page, text, strlen(text));
}

static inline void argp_put_option(struct argp_page *page, const struct argp_option *option) {
    char start[16] = "      --";
    if (argp_short(option))
        snprintf(start, sizeof start, "  -%c, --", option->key);
    page->column = 0;
    argp_put(page, start, strlen(start));
    argp_put(page, option->name, strlen(option->name));
    argp_put_argument(page, option);
    if (page->column > ARGP_TEXT_COLUMN + 3)
        argp_end_line(page, ARGP_TEXT_COLUMN);
    else
        argp_put(page, "                             ",
                 page->column >= ARGP_TEXT_COLUMN ? 3 : (size_t)(ARGP_TEXT_COLUMN - page->column));
    argp_put_text(page, option->doc, ARGP_TEXT_COLUMN);
    argp_end_line(page, 0);
}

/* The part of the text before \v, or behind it, as the filter has it. */
static inline void argp_put_doc(const struct argp_state *state, struct argp_page *page, int key) {
    const struct argp *argp = state->root_argp;
    const char *const doc = argp->doc ? argp->doc : "", *const cut = strchr(doc, '\v');
    const bool before = key == ARGP_KEY_HELP_PRE_DOC;
    const size_t count = before && cut ? (size_t)(cut - doc) : strlen(doc);
    char *const own = before ? strndup(doc, count) : strdup(cut ? cut + 1 : "");
    char *shown = own && argp->help_filter && (before || cut)
                      ? argp->help_filter(key, own, state->input)
                      : own;
    if (shown && *shown) {
        if (!before)
            argp_end_line(page, 0);
        argp_put_text(page, shown, 0);
        if (page->column)
            argp_end_line(page, 0);
        if (before)
            argp_end_line(page, 0);
    }
    if (shown != own)
        free(shown);
    free(own);
}

/* " [--name=ARGUMENT]", or by the short name; nothing where there is no such form. */
static inline void argp_usage_of(const struct argp_option *option, bool by_short, char *text,
                                 size_t room) {
    const bool optional = option->flags & OPTION_ARG_OPTIONAL;
    text[0] = 0;
    if (by_short && argp_short(option) && option->arg)
        snprintf(text, room, optional ? " [-%c[%s]]" : " [-%c %s]", option->key, option->arg);
    else if (!by_short && option->arg)
        snprintf(text, room, optional ? " [--%s[=%s]]" : " [--%s=%s]", option->name, option->arg);
    else if (!by_short)
        snprintf(text, room, " [--%s]", option->name);
}

static inline void argp_put_all_usage(struct argp_page *page, const struct argp_options *options) {
    char text[512], shorts[ARGP_MOST_OPTIONS + 4] = " [-";
    size_t count = 3;
    for (int i = 0; i < options->count; i++)
        if (argp_short(options->found[i].option) && !options->found[i].option->arg)
            shorts[count++] = (char)options->found[i].option->key;
    memcpy(shorts + count, "]", 2);
    argp_put_word(page, shorts, ARGP_USAGE_COLUMN);
    for (int i = 0; i < 2 * options->count; i++) {
        const bool by_short = i < options->count;
        argp_usage_of(options->found[i % options->count].option, by_short, text, sizeof text);
        if (*text)
            argp_put_word(page, text, ARGP_USAGE_COLUMN);
    }
}

/* A line for each line of args_doc. */
static inline void argp_put_usage(struct argp_state *state, struct argp_page *page, bool all) {
    struct argp_options options;
    const char *words = state->root_argp->args_doc ? state->root_argp->args_doc : "";
    argp_list(state, &options);
    argp_sort(&options);
    for (const char *start = "Usage:"; words; start = "  or: ") {
        const size_t length = strcspn(words, "\n");
        char text[512];
        snprintf(text, sizeof text, "%s %s", start, state->name);
        argp_put(page, text, strlen(text));
        if (all && start[0] == 'U')
            argp_put_all_usage(page, &options);
        else
            argp_put_text(page, " [OPTION...]", ARGP_USAGE_COLUMN);
        snprintf(text, sizeof text, "%s%.*s", length ? " " : "", (int)length, words);
        if (*text)
            argp_put_word(page, text, ARGP_USAGE_COLUMN);
        argp_end_line(page, 0);
        words = words[length] ? words + length + 1 : NULL;
    }
}

static inline void argp_put_help(struct argp_state *state) {
    struct argp_page page = {stdout, 0};
    struct argp_options options;
    bool both = false;
    argp_put_usage(state, &page, false);
    argp_put_doc(state, &page, ARGP_KEY_HELP_PRE_DOC);
    argp_list(state, &options);
    argp_sort(&options);
    for (int i = 0; i < options.count; i++) {
        argp_put_option(&page, options.found[i].option);
        both |= argp_short(options.found[i].option) && options.found[i].option->arg;
    }
    if (both)
        fputs("\nMandatory or optional arguments to long options are also mandatory or optional\n"
              "for any corresponding short options.\n",
              stdout);
    argp_put_doc(state, &page, ARGP_KEY_HELP_POST_DOC);
}

/* ---- Messages ---- */

static inline void argp_try_help(const struct argp_state *state) {
    struct argp_page page = {stderr, 0};
    char text[512];
    snprintf(text, sizeof text, "Try `%s --help' or `%s --usage' for more information.\n",
             state->name, state->name);
    argp_put_text(&page, text, 0);
    exit(argp_err_exit_status);
}

__attribute__((format(printf, 2, 3))) static inline void argp_error(const struct argp_state *state,
                                                                    const char *format, ...) {
    va_list values;
    fprintf(stderr, "%s: ", state->name);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    argp_try_help(state);
}

__attribute__((format(printf, 4, 5))) static inline void
argp_failure(const struct argp_state *state, int status, int number, const char *format, ...) {
    va_list values;
    fprintf(stderr, "%s: ", state->name);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fprintf(stderr, number ? ": %s\n" : "\n", strerror(number));
    if (status)
        exit(status);
}

static inline void argp_usage(struct argp_state *state) {
    struct argp_page page = {stderr, 0};
    argp_put_usage(state, &page, false);
    argp_try_help(state);
}

/* ---- Parsing ---- */

static inline void argp_take_usual(struct argp_state *state, int key) {
    struct argp_page page = {stdout, 0};
    if (key == '?')
        argp_put_help(state);
    else if (key == ARGP_KEY_USAGE)
        argp_put_usage(state, &page, true);
    else if (&argp_program_version_hook && argp_program_version_hook)
        argp_program_version_hook(stdout, state);
    else if (&argp_program_version && argp_program_version)
        puts(argp_program_version);
    exit(0);
}

static inline error_t argp_call(struct argp_state *state, const struct argp *argp, void *input,
                                int key, char *argument) {
    void *const own = state->input;
    state->input = input;
    const error_t status = argp->parser ? argp->parser(key, argument, state) : ARGP_ERR_UNKNOWN;
    state->input = own;
    return status;
}

static inline error_t argp_take(struct argp_state *state, const struct argp_found *found,
                                char *argument) {
    if (!found->owner)
        argp_take_usual(state, found->option->key);
    return argp_call(state, found->owner, *found->input, found->option->key, argument);
}

/* The option of that name, or the only one whose name begins so. */
static inline const struct argp_found *
argp_find_long(const struct argp_state *state, const struct argp_options *all, const char *word) {
    const size_t length = strcspn(word, "=");
    const struct argp_found *found = NULL;
    char others[512] = "";
    int count = 0;
    for (int i = 0; i < all->count; i++) {
        const char *const name = all->found[i].option->name;
        if (strncmp(name, word, length) != 0)
            continue;
        found = &all->found[i];
        if (!name[length])
            return found;
        const size_t used = strlen(others);
        snprintf(others + used, sizeof others - used, " '--%s'", name);
        count++;
    }
    if (count == 0)
        argp_error(state, "unrecognized option '--%s'", word);
    if (count > 1)
        argp_error(state, "option '--%s' is ambiguous; possibilities:%s", word, others);
    return found;
}

/* "name" or "name=argument". */
static inline error_t argp_take_long(struct argp_state *state, const struct argp_options *all,
                                     char *word) {
    const struct argp_found *const found = argp_find_long(state, all, word);
    const struct argp_option *const option = found->option;
    char *argument = strchr(word, '=');
    if (argument)
        argument++;
    if (argument && !option->arg)
        argp_error(state, "option '--%s' doesn't allow an argument", option->name);
    if (!argument && option->arg && !(option->flags & OPTION_ARG_OPTIONAL)) {
        if (state->next == state->argc)
            argp_error(state, "option '--%s' requires an argument", option->name);
        argument = state->argv[state->next++];
    }
    return argp_take(state, found, argument);
}

/* "abc": three options, or one or two and what follows as an argument. */
static inline error_t argp_take_short(struct argp_state *state, const struct argp_options *all,
                                      char *word) {
    error_t status = 0;
    while (*word && status == 0) {
        const struct argp_found *found = NULL;
        char *argument = NULL;
        for (int i = 0; i < all->count && !found; i++)
            if (argp_short(all->found[i].option) == *word)
                found = &all->found[i];
        if (!found)
            argp_error(state, "invalid option -- '%c'", *word);
        word++;
        if (found->option->arg && *word) {
            argument = word;
            word += strlen(word);
        } else if (found->option->arg && !(found->option->flags & OPTION_ARG_OPTIONAL)) {
            if (state->next == state->argc)
                argp_error(state, "option requires an argument -- '%c'", word[-1]);
            argument = state->argv[state->next++];
        }
        status = argp_take(state, found, argument);
    }
    return status;
}

/* Options, and in order what is none, too. All that is none is in kept[0..kept_count]. */
static inline error_t argp_take_words(struct argp_state *state, unsigned flags, char **kept,
                                      int *kept_count) {
    struct argp_options all;
    error_t status = 0;
    bool words = false;
    int taken = 0;
    argp_list(state, &all);
    while (state->next < state->argc && status == 0) {
        char *const word = state->argv[state->next++];
        if (!words && strcmp(word, "--") == 0)
            words = true;
        else if (!words && word[0] == '-' && word[1] == '-')
            status = argp_take_long(state, &all, word + 2);
        else if (!words && word[0] == '-' && word[1])
            status = argp_take_short(state, &all, word + 1);
        else
            kept[(*kept_count)++] = word;
        if (flags & ARGP_IN_ORDER && *kept_count > taken)
            status = argp_call(state, state->root_argp, state->input, ARGP_KEY_ARG, kept[taken++]);
    }
    return status;
}

static inline error_t argp_parse(const struct argp *argp, int count, char **values, unsigned flags,
                                 int *index, void *input) {
    struct argp_state state = {
        .root_argp = argp, .argc = count, .argv = values, .next = 1, .input = input};
    char **const kept = calloc((size_t)count + 1, sizeof *kept);
    char *const slash = count > 0 ? strrchr(values[0], '/') : NULL;
    int kept_count = 0;
    state.name = slash ? slash + 1 : count > 0 ? values[0] : (char *)"";
    if (!kept)
        return ENOMEM;
    argp_call(&state, argp, input, ARGP_KEY_INIT, NULL);
    error_t status = argp_take_words(&state, flags, kept, &kept_count);
    for (int i = 0; i < kept_count && status == 0 && !(flags & ARGP_IN_ORDER); i++)
        status = argp_call(&state, argp, input, ARGP_KEY_ARG, kept[i]);
    free(kept);
    if (status == 0 && kept_count == 0)
        argp_call(&state, argp, input, ARGP_KEY_NO_ARGS, NULL);
    if (status == 0)
        argp_call(&state, argp, input, ARGP_KEY_END, NULL);
    if (status == ARGP_ERR_UNKNOWN)
        argp_error(&state, "Too many arguments");
    if (index)
        *index = state.next;
    return status;
}

#endif
