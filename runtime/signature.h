/* Signatures: Ed25519 (RFC 8032), by nettle; keys in the files that `openssl genpkey -algorithm
 * ed25519` and `openssl pkey -pubout` write (RFC 8410, in PEM). */
#ifndef EIGENTENSOR_SIGNATURE_H
#define EIGENTENSOR_SIGNATURE_H

#include "compiler/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct public_key {
    uint8_t bytes[32];
};
struct signing_key {
    uint8_t secret[32];
    struct public_key public;
};
struct signature {
    uint8_t bytes[64];
};

/* Reads a key from its file; an error that names the file where it holds no such key. */
bool signing_key_read(const char *path, struct signing_key *key, struct et_error *error);
bool public_key_read(const char *path, struct public_key *key, struct et_error *error);

struct signature sign(const struct signing_key *key, const void *message, size_t count);
bool signature_is_right(const struct signature *signature, const struct public_key *key,
                        const void *message, size_t count);

#endif
