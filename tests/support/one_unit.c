#include "tests/support/one_unit.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A word or a mark of the text. */
struct token {
    const char *at;
    int length;
};

struct scanner {
    const char *at;
    struct text *macros; /* gets " NAME " of each that is defined */
};

static bool is(struct token token, const char *word) {
    return token.length == (int)strlen(word) && strncmp(token.at, word, strlen(word)) == 0;
}

static bool is_word(struct token token) {
    return token.length && (isalpha((unsigned char)*token.at) || *token.at == '_');
}

static int word_length(const char *at) {
    int length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    return length;
}

/* ---- Tokens ---- */

/* Where the text has versions of what it defines, there is but one. */
static bool is_of_version(const char *value) {
    static const char name[] = "OF_VERSION(";
    return strncmp(value + strspn(value, " \\\n"), name, sizeof name - 1) == 0;
}

static void skip_directive(struct scanner *scanner) {
    const char *at = scanner->at + 1 + strspn(scanner->at + 1, " ");
    static const char define[] = "define ";
    if (strncmp(at, define, sizeof define - 1) == 0) {
        at += sizeof define - 1;
        if (!is_of_version(at + word_length(at)))
            text_add(scanner->macros, " %.*s ", word_length(at), at);
    }
    for (; *at && *at != '\n'; at++)
        if (*at == '\\' && at[1])
            at++;
    scanner->at = at;
}

static void skip_quoted(struct scanner *scanner) {
    const char quote = *scanner->at++;
    while (*scanner->at && *scanner->at != quote)
        scanner->at += *scanner->at == '\\' && scanner->at[1] ? 2 : 1;
    scanner->at += *scanner->at != 0;
}

/* Whether something that is no token was skipped. */
static bool skip(struct scanner *scanner) {
    const char *at = scanner->at;
    if (isspace((unsigned char)*at)) {
        scanner->at++;
    } else if (strncmp(at, "//", 2) == 0) {
        scanner->at += strcspn(at, "\n");
    } else if (strncmp(at, "/*", 2) == 0) {
        const char *end = strstr(at + 2, "*/");
        scanner->at = end ? end + 2 : at + strlen(at);
    } else if (*at == '#') {
        skip_directive(scanner);
    } else if (*at == '"' || *at == '\'') {
        skip_quoted(scanner);
    } else {
        return false;
    }
    return true;
}

/* Of no characters at the end. */
static struct token next_token(struct scanner *scanner) {
    while (skip(scanner)) {
    }
    struct token token = {scanner->at, word_length(scanner->at)};
    if (!token.length && *token.at)
        token.length = 1;
    scanner->at += token.length;
    return token;
}

/* What stands between parentheses, of which the first was read. */
static void skip_parentheses(struct scanner *scanner) {
    int depth = 1;
    for (struct token token; depth && (token = next_token(scanner)).length;)
        depth += is(token, "(") ? 1 : is(token, ")") ? -1 : 0;
}

/* ---- Declarations ---- */

struct names {
    const char *prefix;
    const char *macros;
    struct text before, after; /* the text is included */
};

/* Names of the whole program, and reserved ones, stay. */
static void add_name(struct names *names, struct token name) {
    const size_t prefix = strlen(names->prefix);
    struct text spaced = {0};
    if (!is_word(name) || *name.at == '_' || strncmp(name.at, names->prefix, prefix) == 0)
        return;
    text_add(&spaced, " %.*s ", name.length, name.at);
    if (!strstr(names->macros, spaced.bytes)) {
        text_add(&names->before, "#define %.*s %s_%.*s\n", name.length, name.at, names->prefix,
                 name.length, name.at);
        text_add(&names->after, "#undef %.*s\n", name.length, name.at);
    }
    text_free(&spaced);
}

/* Within the braces of an enum: a name at the beginning and after each comma. */
static void add_constants(struct names *names, struct scanner *scanner) {
    bool begins = true;
    for (struct token token; (token = next_token(scanner)).length && !is(token, "}");) {
        if (begins)
            add_name(names, token);
        begins = is(token, ",");
        if (is(token, "("))
            skip_parentheses(scanner);
    }
}

static void skip_braces(struct scanner *scanner) {
    int depth = 1;
    for (struct token token; depth && (token = next_token(scanner)).length;)
        depth += is(token, "{") ? 1 : is(token, "}") ? -1 : 0;
}

/* One declaration: a function, a type, constants, an object. False at the end of the text. */
static bool add_declaration(struct names *names, struct scanner *scanner) {
    struct token last = {0}; /* the word read last: a name where something follows that ends it */
    bool named = false, is_function = false, is_enum = false;
    for (struct token token; (token = next_token(scanner)).length; last = token) {
        if (is(token, "__attribute__") || is(token, "_Alignas")) {
            next_token(scanner);
            skip_parentheses(scanner);
            token = last;
        } else if (is(token, "(")) {
            if (!named)
                add_name(names, last);
            is_function |= !named;
            named = true;
            skip_parentheses(scanner);
        } else if (is(token, "{")) {
            if (!named)
                add_name(names, last); /* a tag */
            if (is_enum && !is_function)
                add_constants(names, scanner);
            else
                skip_braces(scanner);
            if (is_function)
                return true;
        } else if (is(token, ";") || is(token, "=") || is(token, "[")) {
            if (!named)
                add_name(names, last);
            named = true;
            if (is(token, ";"))
                return true;
        }
        is_enum |= is(token, "enum");
    }
    return false;
}

void one_unit_add(struct text *unit, const char *name, const char *source) {
    struct text macros = {0}, none = {0};
    struct scanner first = {source, &macros}, second = {source, &none};
    text_add(&macros, " struct  enum ");
    while (next_token(&first).length) {
    }
    struct names names = {.prefix = name, .macros = macros.bytes};
    while (add_declaration(&names, &second)) {
    }
    text_add(unit, "%s#include \"%s.c\"\n%s", names.before.bytes ? names.before.bytes : "", name,
             names.after.bytes ? names.after.bytes : "");
    for (const char *at = macros.bytes + strlen(" struct  enum "); *at;) {
        at += strspn(at, " ");
        const int length = word_length(at);
        if (length)
            text_add(unit, "#undef %.*s\n", length, at);
        at += length;
    }
    text_free(&names.before);
    text_free(&names.after);
    text_free(&macros);
    text_free(&none);
}
