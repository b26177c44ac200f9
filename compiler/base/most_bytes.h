/* Bounds on files that are larger than what 32 bits count. */
#ifndef EIGENTENSOR_MOST_BYTES_H
#define EIGENTENSOR_MOST_BYTES_H

#include <stddef.h>

/* 2^bits bytes; where addresses have 32 bits, half of what they reach. */
#define MOST_BYTES(bits) ((size_t)1 << (sizeof(size_t) > 4 ? (bits) : 31))

#endif
