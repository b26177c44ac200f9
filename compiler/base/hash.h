/* Hashes for tables: FNV-1a. Whoever may choose what is hashed can make them equal. */
#ifndef EIGENTENSOR_HASH_H
#define EIGENTENSOR_HASH_H

#include <stddef.h>
#include <stdint.h>

/* What a hash begins with. */
#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/* The hash of what was hashed before, and these bytes behind it. */
static inline uint64_t hash_more(uint64_t hash, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
