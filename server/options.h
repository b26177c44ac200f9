/* The server's settings: from the command line, else from the environment, else the defaults. */
#ifndef EIGENTENSOR_SERVER_OPTIONS_H
#define EIGENTENSOR_SERVER_OPTIONS_H

#include <stdbool.h>

struct axis_sizes;

struct options {
#define NUMBER(field, option, environment, argument, value, least, most, help) long field;
#define TEXT(field, option, environment, argument, value, help) const char *field;
#include "server/options.def"
#undef NUMBER
#undef TEXT
    bool aot;   /* build with the machine's C compiler in the background */
    bool cuda;  /* run on an NVIDIA GPU */
    bool quiet; /* no access log */
    int graph_count;
    char **graphs; /* paths; none: the shipped models */
    int axis_count;
    struct axis_sizes *axes; /* sizes of open axes, of whichever model has one of that name */
};

/* The defaults, and what the environment says of them. False with a message for a bad value. */
bool options_from_environment(struct options *options, char message[256]);
/* Reads the command line over that. Ends the process for --help, --version and wrong usage. */
void options_parse(struct options *options, int count, char **values);

#endif
