/* Who may ask: a file of tokens' digests, one a line,
 *
 *     sha256:HEX NAME
 *
 * of which a request names one by "Authorization: Bearer TOKEN". Tokens are long random texts
 * (`openssl rand -hex 32`), so that a plain digest keeps them. */
#ifndef EIGENTENSOR_SERVER_TOKENS_H
#define EIGENTENSOR_SERVER_TOKENS_H

#include "compiler/base/base.h"

enum { TOKENS_MOST = 4096, TOKEN_NAME_BYTES = 64 };

struct tokens;

/* NULL and an error that names the line. */
struct tokens *tokens_open(const char *path, struct et_error *error);
void tokens_free(struct tokens *tokens); /* NULL is fine */
/* Reads the file again. False and an error: what was read before stays. */
bool tokens_reload(struct tokens *tokens, struct et_error *error);
/* Whether a header's value names one of them, whose name is given. Takes the same time for each. */
bool tokens_know(struct tokens *tokens, const char *authorization, char name[TOKEN_NAME_BYTES]);

#endif
