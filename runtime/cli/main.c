#include "runtime/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct command {
    const char *name, *summary;
    int (*entry)(int count, char **values);
};
static const struct command commands[] = {
#define COMMAND_ROW(name, summary) {#name, summary, name##_command},
    COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

/* The rest of the command line, once the subcommand is known. */
struct chosen {
    const struct command *command;
    int count;
    char **values;
};

static error_t parse_argument(int key, char *argument, struct argp_state *state) {
    struct chosen *chosen = state->input;
    if (key == ARGP_KEY_NO_ARGS)
        argp_usage(state);
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, argument) == 0)
            chosen->command = &commands[i];
    if (!chosen->command)
        argp_error(state, "%s: no such command; see --help", argument);
    chosen->count = state->argc - state->next + 1;
    chosen->values = state->argv + state->next - 1;
    state->next = state->argc;
    return 0;
}

/* The list of commands in --help; argp frees it. */
static char *help_text(int key, const char *text, void *input) {
    (void)input;
    if (key != ARGP_KEY_HELP_PRE_DOC)
        return (char *)text;
    struct text list = {0};
    text_add(&list, "%s\n\n", text);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        text_add(&list, "  %-9s %s\n", commands[i].name, commands[i].summary);
    text_add(&list, "\n`eigentensor COMMAND --help` tells the options of a command.");
    return help_of(&list);
}

static const struct argp parser = {
    .parser = parse_argument,
    .args_doc = "COMMAND [ARGUMENT...]",
    .doc = "Compiles stored tensor graphs and runs them, with the same output bits everywhere.\v"
           "Exit status: 0 done, 1 something went wrong, 2 wrong usage.",
    .help_filter = help_text,
};

const char *argp_program_version = "eigentensor " ET_VERSION;

static int close_output(int status) {
    bool flushed = fflush(stdout) == 0;
    if (flushed && !ferror(stdout))
        return status;
    fprintf(stderr, "eigentensor: standard output: %s\n",
            flushed ? "cannot write all of it" : strerror(errno)); /* the reason came earlier */
    return EXIT_FAILURE;
}

int main(int count, char **values) {
    argp_err_exit_status = EXIT_USAGE;
    struct chosen chosen = {0};
    if (argp_parse(&parser, count, values, ARGP_IN_ORDER, NULL, &chosen) != 0) {
        fprintf(stderr, "eigentensor: out of memory\n");
        return EXIT_FAILURE;
    }
    char name[64];
    snprintf(name, sizeof name, "eigentensor %s", chosen.command->name);
    chosen.values[0] = name;
    return close_output(chosen.command->entry(chosen.count, chosen.values));
}
