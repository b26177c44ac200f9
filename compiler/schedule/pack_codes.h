/* Packing weights of codes: scales, zeros and bytes in the order in which tiles read them. */
#ifndef EIGENTENSOR_PACK_CODES_H
#define EIGENTENSOR_PACK_CODES_H

#include "compiler/ir/tile.h"
#include "compiler/schedule/pack.h"

/* Where the elements of a constant lie: an address for each place of the packing's axes. */
struct coded_source {
    const void *elements; /* NULL: there is none */
    enum dtype dtype;
    int64_t base, column_step, steps[MAX_LOOPS];
};

/* Of a weight (ir/coded.h), into panels as templates/tile_codes.h says. */
struct coded_packing {
    struct coded_source codes, shift, scale, zero, zero_codes, zero_shift, offset;
    struct tile_codes format;
    bool subtracted; /* the offset */
    int within;      /* of the packing's axes, the first that runs within blocks */
    int64_t block;   /* codes */
};

/* Scales and zeros are float16 where nothing is lost by that. Reads all of them. */
struct tile_codes codes_of(const struct coded_weight *weight);
/* Bytes that a block of so many codes takes of a panel for each column. */
int64_t coded_bytes(const struct tile_codes *format, int64_t block);
/* What a packing has beside its codes; `others` are its outer axes. */
struct coded_packing *coded_packing(const struct packing_plan *plan, int other_count,
                                    const struct axis *const *others);
void pack_codes(const struct packing *packing, bool reversed, void *packed);
/* Whether both make the same; either may be NULL. */
bool same_coded_packing(const struct coded_packing *a, const struct coded_packing *b);

#endif
