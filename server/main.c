/* eigentensor-server: opens the models, listens, waits for SIGTERM. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/http.h"
#include "server/server.h"

enum { SECONDS_TO_BUILD = 5, LARGE_BYTES = 1 << 20 };

static int fail(const char *message) {
    fprintf(stderr, "eigentensor-server: %s\n", message);
    return EXIT_FAILURE;
}

/* Every connection is a file descriptor. */
static void allow_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* SIGTERM, SIGINT and SIGHUP are waited for by the main thread alone; no thread dies of a closed
 * socket. The first two end the process. */
static sigset_t block_signals(void) {
    sigset_t awaited, hangup;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    pthread_sigmask(SIG_BLOCK, &awaited, NULL);
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &hangup, NULL);
    signal(SIGPIPE, SIG_IGN);
    return awaited;
}

/* The system is the same for all models. */
static void warn_of_first(struct server *server) {
    struct model *model = models_take(&server->models, NULL);
    if (model && model->first != ET_JIT)
        fprintf(stderr, "eigentensor-server: warning: no jit: %s; eager runs%s\n",
                model->jit_error.message, server->options.aot ? " until aot is ready" : "");
    if (model)
        models_give_back(&server->models, model);
}

/* Waits for one of the signals; where there are tokens, SIGHUP only has them read again. */
static void wait_for_end(struct server *server, const sigset_t *awaited) {
    sigset_t signals = *awaited;
    int signal_number;
    sigaddset(&signals, SIGHUP);
    while (sigwait(&signals, &signal_number) == 0 && signal_number == SIGHUP && server->tokens) {
        struct et_error error = {0};
        if (!tokens_reload(server->tokens, &error))
            fprintf(stderr, "eigentensor-server: %s; the tokens before stay\n", error.message);
    }
}

static int serve(struct server *server, const sigset_t *awaited, double began) {
    struct et_error error = {0};
    struct http *http = http_open(server, &error);
    if (!http)
        return fail(error.message);
    if (server->options.aot)
        models_build(&server->models);
    const char *host = server->options.host;
    bool colons = strchr(host, ':') != NULL;
    fprintf(stderr, "eigentensor-server: http://%s%s%s:%d, ready after %.0f ms\n",
            colons ? "[" : "", host, colons ? "]" : "", http_port(http),
            (now_microseconds() - began) / 1000);
    warn_of_first(server);
    if (server->folder && !folder_watch(server->folder, &error))
        return fail(error.message);
    wait_for_end(server, awaited);
    atomic_store(&server->stopping, true);
    if (http_drain(http, server->options.drain_seconds, awaited) && http_close(http)) {
        pthread_sigmask(SIG_UNBLOCK, awaited, NULL); /* nothing is left that one more would harm */
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "eigentensor-server: requests that did not end were given up\n");
    _exit(EXIT_FAILURE); /* what they work with cannot be freed */
}

static struct compile_limits limits_of(const struct options *options) {
    return (struct compile_limits){{
#define LIMIT(id, name, ...) [LIMIT_##id] = (double)options->compile_limit_##name,
#include "compiler/base/limits.def"
#undef LIMIT
    }};
}

static int open_and_serve(struct server *server, double began) {
    struct et_error error = {0};
    sigset_t awaited = block_signals(); /* before there is any other thread */
    allow_files();
    files_begin();
    server->models.most_memory = (double)server->options.max_memory;
    server->models.limits = limits_of(&server->options);
    server->models.axes = server->options.axes;
    server->models.axis_count = server->options.axis_count;
    server->models.on_gpu = server->options.cuda;
    server->models.most_sizes = (int)server->options.max_sizes;
    server->models.metrics = &server->metrics;
    server->models.may_be_empty = *server->options.models;
    if (!models_open(&server->models, server->options.graphs, server->options.graph_count, &error))
        return fail(error.message);
    if (*server->options.models &&
        !(server->folder = folder_open(&server->models, server->options.models, &error)))
        return fail(error.message);
    if (*server->options.tokens && !(server->tokens = tokens_open(server->options.tokens, &error)))
        return fail(error.message);
    if (!server->options.quiet && !(server->log = log_open(STDOUT_FILENO)))
        return fail("no thread for the log, or no memory");
    return serve(server, &awaited, began);
}

int main(int count, char **values) {
    static struct server server;
    char message[256];
    double began = now_microseconds();
    server.metrics.began = began;
    watch_json_memory();
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* what is larger goes back to the system once freed */
#endif
    if (!options_from_environment(&server.options, message))
        return fail(message);
    options_parse(&server.options, count, values);
    int status = open_and_serve(&server, began);
    log_close(server.log);
    if (!folder_stop(server.folder, SECONDS_TO_BUILD) ||
        !models_stop(&server.models, SECONDS_TO_BUILD))
        _exit(status); /* libtcc or a measurement still runs, and its result is not needed */
    folder_free(server.folder);
    models_free(&server.models);
    files_end();
    tokens_free(server.tokens);
    free(server.options.graphs);
    free(server.options.axes);
    return status;
}
