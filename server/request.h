/* One request and its reply, free of any HTTP library: what handlers see, and tests build. */
#ifndef EIGENTENSOR_REQUEST_H
#define EIGENTENSOR_REQUEST_H

#include "compiler/base/base.h"
#include "compiler/base/json_read.h"
#include "compiler/graph/graph.h"

#include <jansson.h>

struct waiting;

/* What a reply's time is spent on. queue: waiting for a thread; parse: the request, to a picture's
 * bytes or to tensors; decode: PNG to pixels; prepare: pixels to a digit; compute: the model. */
#define STAGES(STAGE) STAGE(queue) STAGE(parse) STAGE(decode) STAGE(prepare) STAGE(compute)
enum request_stage {
#define STAGE_ID(name) STAGE_##name,
    STAGES(STAGE_ID)
#undef STAGE_ID
        STAGE_COUNT
};
extern const char *const stage_names[STAGE_COUNT];

enum request_part { PART_HEADER, PART_QUERY };

/* A graph's name as long as can be, each byte of it percent-encoded. */
enum { ROUTE_MOST_VALUES = 2, ROUTE_VALUE_BYTES = 3 * MAX_GRAPH_NAME + 1 };

/* A request, wholly received. Strings live as long as the handler runs. */
struct request {
    const char *method; /* HEAD comes in as GET */
    const char *path; /* without the query, still percent-encoded: %XX is well-formed, never %00 */
    const char *body; /* ends with a zero byte that is not counted */
    size_t body_bytes;
    double waited;                 /* microseconds, for a thread */
    const struct run_limit *limit; /* when its run is to end early; NULL: never */
    size_t most_json_memory;       /* bytes that the body may take as JSON values; 0: any */
    /* The value of a header or of a query parameter, or NULL; names of headers in any case. */
    const char *(*lookup)(void *context, enum request_part part, const char *name);
    void *lookup_context;
    char values[ROUTE_MOST_VALUES][ROUTE_VALUE_BYTES]; /* of the route's {placeholders}, decoded */
};

const char *request_header(const struct request *request, const char *name);
const char *request_query(const struct request *request, const char *name);
/* True when the Content-Type is `type`, whatever parameters and case it has. */
bool request_has_type(const struct request *request, const char *type);
/* True when the Content-Type may announce JSON: application/json, any +json, or none at all. */
bool request_may_be_json(const struct request *request);

/* The JSON that so many of the body's bytes are, the caller's; NULL with what is wrong. What it
 * takes in memory is bounded. */
json_t *request_json(const struct request *request, size_t bytes, struct et_error *error);

/* How a route reports errors: {"detail": ..}, the demo's, or the Open Inference Protocol's. */
enum error_style { STYLE_DETAIL, STYLE_DEMO, STYLE_OIP };

/* What goes back. Begin with all zero. */
struct reply {
    int status;
    const char *type;           /* Content-Type */
    struct text body;           /* owned, unless `file` is there */
    const void *file;           /* bytes that live as long as the server */
    size_t file_bytes;          /* of `file` */
    const char *etag;           /* with its quotes; NULL: none, and the reply must not be stored */
    bool gzip;                  /* Content-Encoding */
    char allow[64];             /* of a 405 and of OPTIONS */
    int retry_after;            /* seconds; 0: none */
    size_t header_length;       /* Inference-Header-Content-Length; 0: none */
    double stages[STAGE_COUNT]; /* microseconds; 0: there was no such stage */
    char model[256];            /* for the access log, perhaps cut; empty: none */
    const char *mode;
    struct waiting *waiting; /* it is to be written later: by batcher.h; NULL: it is finished */
};

void reply_free(struct reply *reply);
/* Whose reply it is. */
void reply_of_model(struct reply *reply, const char *name);
/* Empties the body and makes the reply an error of that style. */
void reply_error(struct reply *reply, enum error_style style, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Ends a reply whose body is JSON text; turns it into a 500 when memory ran out. */
void reply_finish_json(struct reply *reply, int status);
/* Appends the text, which is UTF-8, as a JSON string. */
void text_add_json(struct text *text, const char *string);
/* Adds the value, which they take, to the list or the object; where memory runs out, *list or
 * *object is given back and becomes NULL, and stays so. */
void list_add_json(json_t **list, json_t *value);
void object_set_json(json_t **object, const char *key, json_t *value);
/* The reply is this JSON value, which it takes; NULL stands for: out of memory. */
void reply_json(struct reply *reply, int status, json_t *value);

#endif
