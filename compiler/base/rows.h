/* Rows of bytes. */
#ifndef EIGENTENSOR_BASE_ROWS_H
#define EIGENTENSOR_BASE_ROWS_H

#include <stddef.h>
#include <string.h>

/* Moves the first `width` bytes of each row together, in place; a row is `pitch` bytes, which are
 * at least as many. */
static inline void narrow_rows(void *bytes, size_t rows, size_t pitch, size_t width) {
    char *begin = (char *)bytes;
    for (size_t i = 1; i < rows && width > 0; i++)
        memmove(begin + i * width, begin + i * pitch, width);
}

#endif
