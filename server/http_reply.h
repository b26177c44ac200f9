/* Replies as text: the status line and the headers, ours for every reply. */
#ifndef EIGENTENSOR_SERVER_HTTP_REPLY_H
#define EIGENTENSOR_SERVER_HTTP_REPLY_H

#include "server/exchange.h"

/* What stands before the reply's body. `text->failed` when there is no memory for it. */
void http_reply_head(struct text *text, const struct exchange *exchange, bool closes);
/* The body: `*count` bytes, none for HEAD and where the status has none. */
const char *http_reply_body(const struct reply *reply, bool is_head, size_t *count);

#endif
