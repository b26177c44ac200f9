#include "server/tokens.h"

#include <nettle/base16.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LINE_BYTES = 512 };

struct token {
    uint8_t digest[SHA256_DIGEST_SIZE];
    char name[TOKEN_NAME_BYTES];
};

struct token_list {
    int count;
    struct token items[TOKENS_MOST];
};

struct tokens {
    char *path;
    pthread_mutex_t lock;
    struct token_list *list; /* under the lock */
};

static bool read_name(const char *text, char name[TOKEN_NAME_BYTES]) {
    size_t length = strlen(text);
    if (!length || length >= TOKEN_NAME_BYTES)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    memcpy(name, text, length + 1);
    return true;
}

static bool read_digest(const char *hex, size_t length, uint8_t digest[SHA256_DIGEST_SIZE]) {
    struct base16_decode_ctx state;
    size_t count = SHA256_DIGEST_SIZE;
    base16_decode_init(&state);
    return length == (size_t)2 * SHA256_DIGEST_SIZE &&
           base16_decode_update(&state, &count, digest, length, hex) &&
           base16_decode_final(&state) && count == SHA256_DIGEST_SIZE;
}

/* "sha256:HEX NAME", without white space at its ends. */
static bool read_token(char *line, struct token *token) {
    static const char prefix[] = "sha256:";
    if (strncmp(line, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *hex = line + sizeof prefix - 1;
    size_t length = strcspn(hex, " \t");
    const char *name = hex + length + strspn(hex + length, " \t");
    return read_digest(hex, length, token->digest) && read_name(name, token->name);
}

static char *trimmed(char *line) {
    size_t length = strlen(line);
    while (length && strchr(" \t\r\n", line[length - 1]))
        line[--length] = 0;
    return line + strspn(line, " \t");
}

static bool read_lines(FILE *file, const char *path, struct token_list *list,
                       struct et_error *error) {
    char line[LINE_BYTES];
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        if (!strchr(line, '\n') && !feof(file))
            return et_fail(error, "%s:%d: the line is longer than %d bytes", path, number,
                           LINE_BYTES - 2);
        char *text = trimmed(line);
        if (!*text || *text == '#')
            continue;
        if (list->count == TOKENS_MOST)
            return et_fail(error, "%s:%d: more than %d tokens", path, number, TOKENS_MOST);
        if (!read_token(text, &list->items[list->count++]))
            return et_fail(error,
                           "%s:%d: expected \"sha256:HEX NAME\", 64 hexadecimal digits and a name "
                           "of at most %d characters",
                           path, number, TOKEN_NAME_BYTES - 1);
    }
    if (ferror(file))
        return et_fail(error, "%s: cannot be read", path);
    return list->count > 0 || et_fail(error, "%s: there is no token in it", path);
}

static struct token_list *read_list(const char *path, struct et_error *error) {
    struct token_list *list = et_allocate(1, sizeof *list);
    FILE *file = list ? fopen(path, "re") : NULL;
    if (!list)
        et_fail(error, "out of memory");
    else if (!file)
        et_fail(error, "%s: %m", path);
    bool good = file && read_lines(file, path, list, error);
    if (file)
        fclose(file);
    if (good)
        return list;
    et_release(list);
    return NULL;
}

struct tokens *tokens_open(const char *path, struct et_error *error) {
    struct tokens *tokens = et_allocate(1, sizeof *tokens);
    char *copy = tokens ? et_allocate(strlen(path) + 1, 1) : NULL;
    if (!copy) {
        et_release(tokens);
        et_fail(error, "out of memory");
        return NULL;
    }
    tokens->path = strcpy(copy, path);
    pthread_mutex_init(&tokens->lock, NULL);
    if ((tokens->list = read_list(path, error)))
        return tokens;
    tokens_free(tokens);
    return NULL;
}

void tokens_free(struct tokens *tokens) {
    if (!tokens)
        return;
    pthread_mutex_destroy(&tokens->lock);
    et_release(tokens->list);
    et_release(tokens->path);
    et_release(tokens);
}

bool tokens_reload(struct tokens *tokens, struct et_error *error) {
    struct token_list *list = read_list(tokens->path, error);
    if (!list)
        return false;
    pthread_mutex_lock(&tokens->lock);
    struct token_list *before = tokens->list;
    tokens->list = list;
    pthread_mutex_unlock(&tokens->lock);
    et_release(before);
    return true;
}

bool tokens_know(struct tokens *tokens, const char *authorization, char name[TOKEN_NAME_BYTES]) {
    static const char scheme[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    struct sha256_ctx state;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&state);
    sha256_update(&state, strlen(token), (const uint8_t *)token);
    sha256_digest(&state, sizeof digest, digest);
    bool known = false;
    pthread_mutex_lock(&tokens->lock);
    for (int i = 0; i < tokens->list->count; i++)
        if (memeql_sec(digest, tokens->list->items[i].digest, sizeof digest)) {
            memcpy(name, tokens->list->items[i].name, TOKEN_NAME_BYTES);
            known = true;
        }
    pthread_mutex_unlock(&tokens->lock);
    return known;
}
