/* Says which options and arguments it was given: for test_argp.sh, which holds
 * templates/libc/argp.h against the C library's. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LONG = 300, KEY_MAYBE, KEY_CHILD };

static const struct argp_option options[] = {
    {"count", 'n', "N", 0, "How many there are", 0},
    {"alpha", 'A', NULL, 0, "A capital letter, which comes behind the small one", 0},
    {"angle", 'a', "DEGREES", 0, "An angle", 0},
    {"a-long-name-that-leaves-no-room", KEY_LONG, "ARGUMENT", 0, "What it does is said below it",
     0},
    {"exactly-29-columns", 'e', "X", 0, "Three blanks stand before this", 0},
    {"maybe", KEY_MAYBE, "VALUE", OPTION_ARG_OPTIONAL,
     "A value may be given, in one word with the option; what is said of it is so long that it "
     "takes "
     "several lines, each of which is broken where a word ends",
     0},
    {"quiet", 'q', NULL, 0, "Nothing", 0},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_NO_ARGS:
        printf("no arguments\n");
        return 0;
    case ARGP_KEY_END:
        printf("the end of %s\n", (const char *)state->input);
        return 0;
    case ARGP_KEY_ARG:
        if (argument[0] == '?')
            argp_usage(state);
        if (argument[0] == '!')
            argp_failure(state, 3, 0, "%s is a failure", argument);
        if (argument[0] == '#')
            argp_error(state, "%s is wrong", argument);
        if (argument[0] == '/')
            return ARGP_ERR_UNKNOWN;
        printf("argument %s\n", argument);
        return 0;
    case 'n':
    case 'A':
    case 'a':
    case 'e':
    case 'q':
    case KEY_LONG:
    case KEY_MAYBE:
        printf("option %d: %s\n", key, argument ? argument : "nothing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option child_options[] = {
    {"beside", KEY_CHILD, "N", 0, "Of another parser", 0}, {0}};

static error_t parse_child(int key, char *argument, struct argp_state *state) {
    if (key != KEY_CHILD)
        return ARGP_ERR_UNKNOWN;
    printf("beside %s: %s\n", (const char *)state->input, argument);
    return 0;
}

static char *filter(int key, const char *text, void *input) {
    (void)input;
    if (key != ARGP_KEY_HELP_PRE_DOC)
        return (char *)text;
    char *longer = malloc(strlen(text) + 32);
    if (longer)
        sprintf(longer, "%s\n\n  a line    as it is\n", text);
    return longer;
}

const char *argp_program_version = "words 1";

int main(int count, char **words) {
    static const struct argp child = {.options = child_options, .parser = parse_child};
    static const struct argp_child children[] = {{&child, 0, NULL, 0}, {0}};
    static const struct argp parser = {.options = options,
                                       .parser = parse,
                                       .args_doc = "WORD...\n--quiet",
                                       .doc =
                                           "Says which words it was given, in a sentence that is "
                                           "longer than a line.\vAnd more of it.\n\n  words a b",
                                       .children = children,
                                       .help_filter = filter};
    static char input[] = "input";
    argp_err_exit_status = 2;
    const int status = argp_parse(&parser, count, words,
                                  count > 1 && words[1][0] == '.' ? ARGP_IN_ORDER : 0, NULL, input);
    printf("status %d\n", status);
    return 0;
}
