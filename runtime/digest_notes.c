#include "runtime/digest_notes.h"

#include <string.h>

#include "compiler/base/allocate.h"
#include "runtime/backend/cache.h"

enum { MOST_NOTED_BYTES = 1 << 17 };
static const char ending[] = ".digest";

static bool find_path(const struct digest *key, struct text *folder, struct text *path) {
    if (!cache_folder(folder, true))
        return false;
    const char *place = text_read(folder, NULL);
    if (place)
        text_add(path, "%s/%s%s", place, digest_hex(key).text, ending);
    return place && text_check(path, NULL);
}

static bool find(const struct digest *key, struct digest *noted) {
    struct text folder = {0}, path = {0};
    char *bytes;
    size_t count;
    bool found = find_path(key, &folder, &path) &&
                 cache_read(text_read(&path, NULL), 2 * sizeof *noted, &bytes, &count);
    if (found) {
        bool whole = count == sizeof noted->bytes;
        if (whole)
            memcpy(noted->bytes, bytes, sizeof noted->bytes);
        et_release(bytes);
        found = whole;
    }
    if (found)
        cache_touch(text_read(&path, NULL));
    text_free(&path);
    text_free(&folder);
    return found;
}

static void note(const struct digest *key, const struct digest *digest) {
    struct text folder = {0}, path = {0};
    if (find_path(key, &folder, &path) &&
        cache_write(text_read(&path, NULL), digest->bytes, sizeof digest->bytes))
        cache_trim(text_read(&folder, NULL), ending, NULL, MOST_NOTED_BYTES);
    text_free(&path);
    text_free(&folder);
}

const struct digest_notes cached_notes = {find, note};
