/* Errors are values: a function that may fail takes a place for a message and returns false. */
#ifndef EIGENTENSOR_ERROR_H
#define EIGENTENSOR_ERROR_H

#include <stdbool.h>

#ifndef ET_ERROR_BYTES /* eigentensor.h, the public header, has the same lines */
#define ET_ERROR_BYTES 1024

/* What went wrong, for people: names the file, the place, what was expected and what was found. */
struct et_error {
    char message[ET_ERROR_BYTES]; /* empty: no error */
};
#endif

/* Writes the message (unless `error` is NULL) and returns false, so that callers can return it. */
bool et_fail(struct et_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message that is already there; returns false. */
bool et_fail_within(struct et_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A bug of ours, never a user's mistake: says where and aborts. */
#define unreachable() et_unreachable(__FILE__, __LINE__)
_Noreturn void et_unreachable(const char *file, int line);

#endif
