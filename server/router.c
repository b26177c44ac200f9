/* From a path to its handler. */
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct route routes[] = {
#define ROUTE(method, pattern, style, handle, summary) {method, pattern, style, handle, summary},
#include "server/routes.def"
#undef ROUTE
};
const int route_count = sizeof routes / sizeof *routes;

/* Reads the path along the pattern; placeholders are never empty. */
static bool matches(const char *pattern, const char *path,
                    char values[ROUTE_MOST_VALUES][ROUTE_VALUE_BYTES]) {
    int found = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t length = strcspn(path, "/");
        if (length == 0 || length >= ROUTE_VALUE_BYTES || found == ROUTE_MOST_VALUES)
            return false;
        memcpy(values[found], path, length);
        values[found++][length] = 0;
        path += length;
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

int route_find(struct request *request, struct reply *reply) {
    enum error_style style = strncmp(request->path, "/v2", 3) == 0 ? STYLE_OIP : STYLE_DETAIL;
    for (int i = 0; i < route_count; i++) {
        if (!matches(routes[i].pattern, request->path, request->values))
            continue;
        if (strcmp(routes[i].method, request->method) == 0)
            return i;
        allow(reply, routes[i].method);
    }
    const struct embedded_file *file = files_find(request->path);
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

static _Thread_local bool json_ran_out;

static void *json_allocate(size_t bytes) {
    void *memory = et_allocate(bytes, 1);
    json_ran_out |= !memory;
    return memory;
}

void watch_json_memory(void) {
    json_set_alloc_funcs(json_allocate, et_release);
}

int server_answer(struct worker *worker, struct request *request, struct reply *reply) {
    int route = route_find(request, reply);
    if (route < 0)
        return route;
    *reply->allow = 0;
    reply->stages[STAGE_queue] = request->waited;
    json_ran_out = false;
    const char *encoding = request_header(request, "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0)
        reply_error(reply, routes[route].style, 415, "Content-Encoding: expected none, found %.40s",
                    encoding);
    else
        routes[route].handle(worker, request, reply);
    if (json_ran_out)
        reply_error(reply, routes[route].style, 503, "out of memory");
    return route;
}

struct worker *worker_new(struct server *server) {
    struct worker *worker = et_allocate(1, sizeof *worker);
    if (worker)
        worker->server = server;
    return worker;
}

void worker_free(struct worker *worker) {
    if (!worker)
        return;
    for (int i = 0; i < MODELS_MOST; i++)
        model_memory_free(&worker->memory[i]);
    et_release(worker);
}
