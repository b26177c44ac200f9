#include "compiler/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool et_fail(struct et_error *error, const char *format, ...) {
    if (!error)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return false;
}

bool et_fail_within(struct et_error *error, const char *format, ...) {
    if (!error)
        return false;
    struct et_error inner = *error;
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof error->message)
        snprintf(error->message + used, sizeof error->message - (size_t)used, ": %s",
                 inner.message);
    return false;
}

_Noreturn void et_unreachable(const char *file, int line) {
    fprintf(stderr, "eigentensor: internal error at %s:%d; please report it\n", file, line);
    abort();
}
