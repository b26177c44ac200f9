#include "runtime/signature.h"

#include "compiler/base/allocate.h"
#include "compiler/base/file.h"

#include <nettle/base64.h>
#include <nettle/eddsa.h>
#include <stdio.h>
#include <string.h>

/* A key file has one DER value of fixed length: these bytes, then 32 of the key. */
enum { KEY_BYTES = 32, MOST_FILE = 4096 };
struct key_form {
    const char *label;
    size_t prefix_bytes;
    uint8_t prefix[16];
};
static const struct key_form PRIVATE_FORM = {
    "PRIVATE KEY", 16, {0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}};
static const struct key_form PUBLIC_FORM = {
    "PUBLIC KEY", 12, {0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0}};

/* The base64 text between the two lines of the label; NULL: it is not there. */
static const char *find_body(const char *text, const char *label, size_t *count) {
    char begin[64], end[64];
    snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
    snprintf(end, sizeof end, "-----END %s-----", label);
    const char *from = strstr(text, begin);
    const char *to = from ? strstr(from, end) : NULL;
    if (!to)
        return NULL;
    from += strlen(begin);
    *count = (size_t)(to - from);
    return from;
}

static bool decode(const char *text, const struct key_form *form, uint8_t *key) {
    size_t count, found = 0;
    const char *body = find_body(text, form->label, &count);
    uint8_t der[BASE64_DECODE_LENGTH(MOST_FILE)];
    struct base64_decode_ctx state;
    base64_decode_init(&state);
    bool good = body && base64_decode_update(&state, &found, der, count, body) &&
                base64_decode_final(&state) && found == form->prefix_bytes + KEY_BYTES &&
                memcmp(der, form->prefix, form->prefix_bytes) == 0;
    if (good)
        memcpy(key, der + form->prefix_bytes, KEY_BYTES);
    explicit_bzero(der, sizeof der);
    return good;
}

static bool read_key(const char *path, const struct key_form *form, uint8_t *key,
                     struct et_error *error) {
    char *text;
    size_t count;
    if (!read_file(path, MOST_FILE, &text, &count, error))
        return false;
    bool good = decode(text, form, key);
    explicit_bzero(text, count);
    et_release(text);
    return good || et_fail(error, "%s: expected an Ed25519 key in PEM, \"BEGIN %s\", found none",
                           path, form->label);
}

bool signing_key_read(const char *path, struct signing_key *key, struct et_error *error) {
    if (!read_key(path, &PRIVATE_FORM, key->secret, error))
        return false;
    ed25519_sha512_public_key(key->public.bytes, key->secret);
    return true;
}

bool public_key_read(const char *path, struct public_key *key, struct et_error *error) {
    return read_key(path, &PUBLIC_FORM, key->bytes, error);
}

struct signature sign(const struct signing_key *key, const void *message, size_t count) {
    struct signature signature;
    ed25519_sha512_sign(key->public.bytes, key->secret, count, message, signature.bytes);
    return signature;
}

bool signature_is_right(const struct signature *signature, const struct public_key *key,
                        const void *message, size_t count) {
    return ed25519_sha512_verify(key->bytes, count, message, signature->bytes) == 1;
}
