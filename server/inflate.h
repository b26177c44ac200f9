/* Bodies that come compressed. */
#ifndef EIGENTENSOR_SERVER_INFLATE_H
#define EIGENTENSOR_SERVER_INFLATE_H

#include "server/server.h"

/* Undoes the request's Content-Encoding, gzip or deflate, into `inflated`, which is the caller's
 * and then is the request's body. True also where there is nothing to undo. False with a finished
 * reply: 415 for another coding, 400 for bytes that are not of that coding, 413 for a body that
 * would be larger than one may be. */
bool request_inflate(struct request *request, struct text *inflated, const struct options *options,
                     enum error_style style, struct reply *reply);

#endif
