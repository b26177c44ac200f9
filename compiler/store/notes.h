/* Digests that were taken before, of files that have not changed since. */
#ifndef EIGENTENSOR_NOTES_H
#define EIGENTENSOR_NOTES_H

#include "compiler/store/digest.h"

/* Where digests are noted, from one process to the next: under the digest of all that tells what
 * they are of. */
struct digest_notes {
    bool (*find)(const struct digest *key, struct digest *noted);
    void (*note)(const struct digest *key, const struct digest *digest);
};

/* Adds what tells a file as it was when it was mapped: which one it is, how long, and when it was
 * changed, to the nanosecond. False: it was changed so lately that the clock of its file system may
 * not tell what is written into it now from what was there. */
bool notes_add_file(struct digest_stream *stream, const struct mapped_file *file);

#endif
