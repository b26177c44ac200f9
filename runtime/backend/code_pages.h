/* Memory for machine code that is written first and executed then, never both at once, and in which
 * no page that was writable becomes executable: hardened systems (MemoryDenyWriteExecute of
 * systemd, SELinux) refuse that. The code lies in a file in memory: it is mapped for writing, then
 * sealed, and mapped anew at the same address for executing. */
#ifndef EIGENTENSOR_CODE_PAGES_H
#define EIGENTENSOR_CODE_PAGES_H

#include "compiler/base/base.h"

/* All zero: none. */
struct code_pages {
    void *start;
    size_t bytes; /* whole pages */
    int file;     /* -1 once they are closed */
};

/* Makes room, readable and writable. False and an error when the system has or gives none. */
bool code_pages_open(struct code_pages *pages, size_t bytes, struct et_error *error);

/* From now on it is readable and executable, at the same address, and never writable again. False
 * and an error when the system refuses that; there is only code_pages_free left to do then. */
bool code_pages_close(struct code_pages *pages, struct et_error *error);

/* Fine for pages that are all zero, which they are afterwards. */
void code_pages_free(struct code_pages *pages);

/* Whether this system lets the process have such memory: tries it with one page. */
bool code_pages_allowed(struct et_error *error);

#endif
