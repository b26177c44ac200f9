/* From a path to its handler. */
#include "server/server.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "server/http_head.h"
#include "server/inflate.h"

enum {
    LARGE_BODY_BYTES = 1 << 20,
    JSON_MEMORY_OF_A_BYTE =
        24, /* what a long list of one-digit numbers takes for each of its bytes */
};

const struct route routes[] = {
#define ROUTE(method, pattern, when, style, handle, summary)                                       \
    {method, pattern, when, style, handle, summary},
#include "server/routes.def"
#undef ROUTE
};
const int route_count = sizeof routes / sizeof *routes;

/* Decodes one byte of the path; *literal: it is not an encoded slash. */
static char next_byte(const char **path, bool *literal) {
    *literal = **path != '%';
    if (*literal)
        return *(*path)++;
    char piece[4] = {0};
    memcpy(piece, *path, 3); /* it is well-formed */
    *path += 3;
    percent_decode(piece);
    *literal = *piece != '/';
    return *piece;
}

/* The value of a placeholder: a whole segment, which is not empty. */
static bool read_value(const char **path, char value[ROUTE_VALUE_BYTES]) {
    size_t length = strcspn(*path, "/");
    if (length == 0 || length >= ROUTE_VALUE_BYTES)
        return false;
    memcpy(value, *path, length);
    value[length] = 0;
    *path += length;
    return percent_decode(value);
}

/* Reads the path along the pattern. Slashes that are encoded belong to values. */
static bool matches(const char *pattern, const char *path,
                    char values[ROUTE_MOST_VALUES][ROUTE_VALUE_BYTES]) {
    int found = 0;
    bool literal;
    while (*pattern) {
        if (*pattern != '{') {
            if (!*path || next_byte(&path, &literal) != *pattern++ || !literal)
                return false;
            continue;
        }
        if (found == ROUTE_MOST_VALUES || !read_value(&path, values[found++]))
            return false;
        pattern = strchr(pattern, '}') + 1;
    }
    return *path == 0;
}

static void allow(struct reply *reply, const char *method) {
    size_t length = strlen(reply->allow);
    snprintf(reply->allow + length, sizeof reply->allow - length, "%s%s", length ? ", " : "",
             method);
    if (strcmp(method, "GET") == 0)
        allow(reply, "HEAD");
}

/* The reply of a path that has routes, or none, for other methods. */
static void answer_without_route(const struct request *request, struct reply *reply,
                                 enum error_style style) {
    if (!*reply->allow) {
        reply_error(reply, style, 404, "there is nothing at %.200s", request->path);
        return;
    }
    allow(reply, "OPTIONS");
    if (strcmp(request->method, "OPTIONS") == 0)
        reply->status = 204;
    else
        reply_error(reply, style, 405, "%.20s is not allowed here, only %s", request->method,
                    reply->allow);
}

enum error_style error_style_of(const char *path) {
    return strncmp(path, "/v2", 3) == 0 ? STYLE_OIP : STYLE_DETAIL;
}

void reply_stopped(struct reply *reply, enum error_style style, enum et_stop stop, long seconds) {
    if (stop == ET_TOO_LATE)
        reply_error(reply, style, 504, "the request took longer than %ld s (--run-timeout)",
                    seconds);
    else
        reply_error(reply, style, 503, "the server is stopping");
}

void reply_failed_run(struct reply *reply, enum error_style style, const struct model_run *run,
                      const struct options *options, const struct et_error *error) {
    if (run->stop == ET_NOT_STOPPED)
        reply_error(reply, style, 503, "%s", error->message);
    else
        reply_stopped(reply, style, run->stop, options->run_timeout);
}

bool route_is_open(const char *path) {
    static const char *const open[] = {"/healthz", "/v2/health/live", "/v2/health/ready"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (strcmp(path, open[i]) == 0)
            return true;
    return false;
}

int route_find(struct request *request, struct reply *reply) {
    enum error_style style = error_style_of(request->path);
    if (strcmp(request->path, "/docs/") == 0) /* as browsers may have learned it elsewhere */
        request->path = "/docs";
    for (int i = 0; i < route_count; i++) {
        if (!matches(routes[i].pattern, request->path, request->values))
            continue;
        if (strcmp(routes[i].method, request->method) == 0)
            return i;
        allow(reply, routes[i].method);
    }
    char path[ROUTE_VALUE_BYTES];
    snprintf(path, sizeof path, "%s", request->path);
    const struct embedded_file *file = percent_decode(path) ? files_find(path) : NULL;
    if (strcmp(request->path, "*") == 0)
        allow(reply, "GET"), allow(reply, "POST");
    if (file)
        allow(reply, "GET");
    if (!file || strcmp(request->method, "GET") != 0) {
        answer_without_route(request, reply, style);
        return -1;
    }
    *reply->allow = 0;
    file_answer(file, request, reply);
    return -1;
}

static void *json_allocate(size_t bytes) {
    return et_allocate(bytes, 1);
}

void watch_json_memory(void) {
    json_set_alloc_funcs(json_allocate, et_release);
    json_failed_allocations();
}

/* How many allocations had failed before a handler began. */
struct failures {
    unsigned long json, all;
};

static struct failures failures_so_far(void) {
    return (struct failures){json_failed_allocations(), et_failed_allocations()};
}

/* What ran out of memory says so, and does not blame the client. */
static void check_failures(struct failures before, struct reply *reply, enum error_style style) {
    struct failures now = failures_so_far();
    bool refused = reply->status >= 400 && reply->status < 500;
    if (now.json != before.json || (refused && now.all != before.all))
        reply_error(reply, style, 503, "out of memory");
}

/* Frees what it has to run models in that are not served any more. */
static void forget_removed(struct worker *worker) {
    struct models *models = &worker->server->models;
    unsigned long removed = atomic_load(&models->removed);
    for (int i = 0; i < MODELS_MOST && removed != worker->removed; i++)
        if (worker->memory[i].workspace && !models_has(models, i))
            model_memory_free(&worker->memory[i]);
    worker->removed = removed;
}

static void handle(struct worker *worker, struct request *request, struct reply *reply,
                   const struct route *route) {
    struct text inflated = {0};
    *reply->allow = 0;
    reply->stages[STAGE_queue] = request->waited;
    struct failures before = failures_so_far();
    request->most_json_memory = JSON_MEMORY_OF_A_BYTE * (size_t)worker->server->options.max_body;
    if (request_inflate(request, &inflated, &worker->server->options, route->style, reply))
        route->handle(worker, request, reply);
    if (!reply->waiting)
        check_failures(before, reply, route->style);
    text_free(&inflated);
    worker_let_go(worker);
    forget_removed(worker);
#ifdef __GLIBC__
    if (request->body_bytes > LARGE_BODY_BYTES)
        malloc_trim(0); /* many small values: the allocator would keep them */
#endif
}

void server_finish(struct worker *worker, struct waiting *waiting) {
    struct reply *reply = waiting->reply;
    struct failures before = failures_so_far();
    reply->waiting = NULL;
    waiting->finish(waiting, worker);
    check_failures(before, reply, STYLE_OIP);
}

int server_answer(struct worker *worker, struct request *request, struct reply *reply) {
    int route = route_find(request, reply);
    if (route >= 0)
        handle(worker, request, reply, &routes[route]);
    return route;
}

bool server_answer_at_once(struct worker *worker, struct request *request, struct reply *reply,
                           int *route) {
    *route = route_find(request, reply);
    if (*route >= 0 && routes[*route].when == IN_TURN) {
        *reply = (struct reply){0};
        return false;
    }
    if (*route >= 0)
        handle(worker, request, reply, &routes[*route]);
    return true;
}

struct worker *worker_new(struct server *server) {
    struct worker *worker = et_allocate(1, sizeof *worker);
    if (worker)
        worker->server = server;
    return worker;
}

struct model *worker_hold(struct worker *worker, const char *name) {
    worker_let_go(worker);
    return worker->held = models_take(&worker->server->models, name);
}

void worker_let_go(struct worker *worker) {
    if (worker->held)
        models_give_back(&worker->server->models, worker->held);
    worker->held = NULL;
}

void worker_free(struct worker *worker) {
    if (!worker)
        return;
    for (int i = 0; i < MODELS_MOST; i++)
        model_memory_free(&worker->memory[i]);
    kept_json_free(&worker->json);
    et_release(worker);
}
