/* The server: what its parts share.
 *
 *     options -> models, files, log -> HTTP (http.c, connection.c) -> router.c -> a handler
 *     a folder (folder.c) -> models.c, which handlers hold models of
 *     a handler -> batcher.c, where requests wait for each other -> the handler's second half
 *
 * Handlers see a struct request and fill a struct reply; they know nothing of HTTP's library. */
#ifndef EIGENTENSOR_SERVER_H
#define EIGENTENSOR_SERVER_H

#include "server/batcher.h"
#include "server/folder.h"
#include "server/kept_json.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/models.h"
#include "server/options.h"
#include "server/request.h"
#include "server/tokens.h"

#define MODEL_VERSION "1"

/* Everything that lives as long as the process. */
struct server {
    struct options options;
    struct models models;
    struct folder *folder; /* whose models are served, too; NULL: none */
    struct metrics metrics;
    struct log *log;
    struct tokens *tokens;   /* NULL: everybody may ask */
    struct batcher *batcher; /* NULL: requests do not wait for each other */
    atomic_bool stopping;    /* SIGTERM came: no new requests, please */
};

/* What one thread works with, and no other at the same time. */
struct worker {
    struct server *server;
    struct model *held;                      /* by the request, until it is answered; or NULL */
    unsigned long removed;                   /* models, when it last looked whether any was */
    struct kept_json json;                   /* the last that said which tensors there are */
    struct model_memory memory[MODELS_MOST]; /* by a model's index: filled when it is first run */
};
struct worker *worker_new(struct server *server);
void worker_free(struct worker *worker);
/* Holds a model for the request; without a name the first. NULL: there is none. */
struct model *worker_hold(struct worker *worker, const char *name);
/* Gives back what it holds. */
void worker_let_go(struct worker *worker);

/* The routes: routes.def in rows. */
typedef void handler(struct worker *worker, const struct request *request, struct reply *reply);
struct route {
    const char *method, *pattern;
    enum route_when { AT_ONCE, IN_TURN } when; /* by the thread that reads requests, by a worker */
    enum error_style style;
    handler *handle;
    const char *summary;
};
extern const struct route routes[];
extern const int route_count;

#define ROUTE(method, pattern, when, style, handle, summary) handler handle;
#include "server/routes.def"
#undef ROUTE

/* Where a request leads: the position of its route, or of none (-1) with a finished reply: 404,
 * 405 with what is allowed, or the answer to OPTIONS. Fills request->values. */
int route_find(struct request *request, struct reply *reply);
/* Whether anybody may ask for the path: it tells how the process is, and no more. */
bool route_is_open(const char *path);
/* Finds the route and lets it answer; its position or -1. */
int server_answer(struct worker *worker, struct request *request, struct reply *reply);
/* The rest of an answer whose reply was waiting: after its run. */
void server_finish(struct worker *worker, struct waiting *waiting);
/* The same where nothing has to be waited for: errors, files and the routes AT_ONCE. False: it is a
 * request IN_TURN, and the reply is as it was. */
bool server_answer_at_once(struct worker *worker, struct request *request, struct reply *reply,
                           int *route);

/* How errors about that path look. */
enum error_style error_style_of(const char *path);
/* The reply to a request whose run was ended early: 504 when its time was over, 503 when the server
 * stops. */
void reply_stopped(struct reply *reply, enum error_style style, enum et_stop stop, long seconds);
/* The same for a run that failed, early or not. */
void reply_failed_run(struct reply *reply, enum error_style style, const struct model_run *run,
                      const struct options *options, const struct et_error *error);

/* To be called before any other use of Jansson, so that its memory comes from et_allocate(), too,
 * and what it drops without a word is seen: server_answer() then answers 503. */
void watch_json_memory(void);

/* The model that ?model= names, or the first; NULL with a finished 404. */
struct model *asked_model(struct worker *worker, const struct request *request,
                          struct reply *reply);

/* files.c: the files compiled into the server. */
struct embedded_file {
    const char *path; /* of the URL: "/index.html" */
    const char *type;
    const unsigned char *bytes;
    size_t count;
    char etag[36];    /* quoted */
    struct text gzip; /* the same, compressed; empty where that saves nothing */
    char gzip_etag[40];
};
/* Makes what is not compiled in; to be called once, before all else. */
void files_begin(void);
void files_end(void);
int files_count(void);
const struct embedded_file *files_at(int index);
const struct embedded_file *files_find(const char *path);
/* The reply is the file: compressed if the client takes that, empty if it has it. */
void file_answer(const struct embedded_file *file, const struct request *request,
                 struct reply *reply);

#endif
