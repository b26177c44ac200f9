/* Running another program and hearing what it says. */
#ifndef EIGENTENSOR_PROCESS_H
#define EIGENTENSOR_PROCESS_H

#include "compiler/base/base.h"

/* Runs arguments[0], looked for in PATH, without a shell; `arguments` ends with NULL. Adds what it
 * writes to standard output and standard error to `said`, at most 64 KiB. True when it could be
 * run: *status is its exit status, 128 + the signal that killed it, or 127 when it was not found.
 */
bool process_run(const char *const *arguments, struct text *said, int *status,
                 struct et_error *error);

/* The same until *cancelled is not 0, which any thread may set, atomically: then the program is
 * ended with all that it started, and it is an error. NULL: never. */
bool process_run_until(const int *cancelled, const char *const *arguments, struct text *said,
                       int *status, struct et_error *error);

#endif
