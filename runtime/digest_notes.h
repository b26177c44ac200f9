/* Digests kept from one process to the next in the folder of backend/cache.h: the latest few
 * thousand, of 64 bytes each. */
#ifndef EIGENTENSOR_DIGEST_NOTES_H
#define EIGENTENSOR_DIGEST_NOTES_H

#include "compiler/store/notes.h"

/* A note is used only if its file is this user's and ends with its own SHA-256. A cache that cannot
 * be read or written is done without. */
extern const struct digest_notes cached_notes;

#endif
