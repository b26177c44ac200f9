/* Bytes in the other order. */
#ifndef EIGENTENSOR_BYTE_ORDER_H
#define EIGENTENSOR_BYTE_ORDER_H

#include <stddef.h>

/* Turns each of the elements, of so many bytes, round. */
static inline void reverse_bytes(void *elements, size_t count, size_t bytes) {
    char *at = elements;
    for (size_t i = 0; bytes > 1 && i < count; i++, at += bytes)
        for (size_t k = 0; k < bytes / 2; k++) {
            char first = at[k];
            at[k] = at[bytes - 1 - k];
            at[bytes - 1 - k] = first;
        }
}

#endif
