#include "server/kept_json.h"

#include <string.h>

json_t *kept_json_read(struct kept_json *kept, const char *bytes, size_t count, size_t most_memory,
                       struct et_error *error) {
    if (kept->document && kept->bytes == count && memcmp(kept->text, bytes, count) == 0)
        return json_incref(kept->document);
    json_t *document = json_read_within(bytes, count, most_memory, error);
    if (!document || count > KEPT_JSON_BYTES)
        return document;
    json_decref(kept->document);
    memcpy(kept->text, bytes, count);
    kept->bytes = count;
    kept->document = json_incref(document);
    return document;
}

void kept_json_free(struct kept_json *kept) {
    json_decref(kept->document);
    kept->document = NULL;
}
