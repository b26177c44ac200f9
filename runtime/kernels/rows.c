#include "runtime/kernels/rows.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/graph/graph.h"

static const struct known_row {
    const char *name;
    enum op op;
    enum dtype dtype;
} all[ROW_COUNT] = {
#define ROW(kind, name, op, dtype, ...) {#name, OP_##op, DTYPE_##dtype},
#include "runtime/kernels/rows.def"
#undef ROW
};

/* The rows in the order of their names. */
static const struct known_row *sorted[ROW_COUNT];
static pthread_once_t sorted_once = PTHREAD_ONCE_INIT;

static int compare_rows(const void *a, const void *b) {
    return strcmp((*(const struct known_row *const *)a)->name,
                  (*(const struct known_row *const *)b)->name);
}

static void sort_rows(void) {
    for (int i = 0; i < ROW_COUNT; i++)
        sorted[i] = &all[i];
    qsort(sorted, ROW_COUNT, sizeof *sorted, compare_rows);
}

int row_find(const char *name) {
    pthread_once(&sorted_once, sort_rows);
    const struct known_row key = {.name = name}, *wanted = &key;
    const struct known_row *const *found =
        bsearch(&wanted, sorted, ROW_COUNT, sizeof *sorted, compare_rows);
    return found && op_accepts((*found)->op, (*found)->dtype) ? (int)(*found - all) : -1;
}
