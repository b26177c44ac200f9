/* Golden files: UPDATE_GOLDEN=1 writes what was found over what was expected, to be reviewed with
 * git diff. Paths are relative to the repository, where tests run. */
#ifndef EIGENTENSOR_GOLDEN_H
#define EIGENTENSOR_GOLDEN_H

#include "compiler/base/base.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A whole file; the caller releases it. */
static inline char *read_golden(const char *path) {
    struct et_error error = {0};
    char *bytes = NULL;
    size_t count;
    cr_assert(read_file(path, (size_t)1 << 24, &bytes, &count, &error), "%s", error.message);
    return bytes;
}

static inline void expect_golden(const char *path, const char *found) {
    struct et_error error = {0};
    if (getenv("UPDATE_GOLDEN")) {
        cr_assert(write_file(path, found, strlen(found), &error), "%s", error.message);
        return;
    }
    char *expected = read_golden(path);
    int line = 1;
    size_t same = 0;
    for (; found[same] && found[same] == expected[same]; same++)
        line += found[same] == '\n';
    bool equal = strcmp(found, expected) == 0;
    cr_expect(equal,
              "%s differs from line %d on (UPDATE_GOLDEN=1 rewrites it); "
              "expected:\n%.400s\nfound:\n%.400s",
              path, line, expected + same, found + same);
    et_release(expected);
}

#endif
