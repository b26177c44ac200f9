/* The last short document that a worker read, since clients that send tensors as bytes, or as lists
 * that are read apart, say the same JSON around them each time. All of one thread. */
#ifndef EIGENTENSOR_SERVER_KEPT_JSON_H
#define EIGENTENSOR_SERVER_KEPT_JSON_H

#include "compiler/base/json_read.h"

enum { KEPT_JSON_BYTES = 1024 };

/* Begin with all zero. */
struct kept_json {
    char text[KEPT_JSON_BYTES];
    size_t bytes;
    json_t *document; /* NULL: none yet */
};

/* json_read_within(), or what it gave for the same text before. The caller's, who does not change
 * it. */
json_t *kept_json_read(struct kept_json *kept, const char *bytes, size_t count, size_t most_memory,
                       struct et_error *error);
void kept_json_free(struct kept_json *kept);

#endif
