#include "compiler/schedule/pack_codes.h"

#include <string.h>

enum { SCALE_BYTES = 4, ZERO_BYTES = 4, CODES_OF_BYTE = 2 };

int64_t coded_bytes(const struct contraction *contraction) {
    return SCALE_BYTES + ZERO_BYTES + contraction->block / CODES_OF_BYTE;
}

/* ---- Where the elements are ---- */

static struct coded_source source_of(const struct packing_plan *plan, int other_count,
                                     const struct axis *const *others,
                                     const struct expression *load) {
    struct ir *ir = plan->contraction->ir;
    const struct expression *sum = plan->contraction->sum;
    if (!load)
        return (struct coded_source){0};
    struct coded_source source = {.elements = load->buffer->value,
                                  .base = linear_address(ir, load->buffer, load->indices)->constant,
                                  .column_step = stride_of(ir, load, plan->column)};
    int count = 0;
    for (int i = 0; i < other_count; i++)
        source.steps[count++] = stride_of(ir, load, others[i]);
    for (int i = 0; i < sum->axis_count; i++)
        source.steps[count++] = stride_of(ir, load, sum->axes[i]);
    return source;
}

struct coded_packing *coded_packing(const struct packing_plan *plan, int other_count,
                                    const struct axis *const *others) {
    const struct contraction *contraction = plan->contraction;
    const struct coded_weight *coded = contraction->coded;
    struct coded_packing *packing = arena_new(contraction->ir->arena, struct coded_packing);
    bool listed = coded->zero && coded->zero->kind == EXPRESSION_LOAD;
    packing->codes = source_of(plan, other_count, others, coded->codes.bytes);
    packing->shift = source_of(plan, other_count, others, coded->codes.shift);
    packing->scale = source_of(plan, other_count, others, coded->scale);
    packing->zero = source_of(plan, other_count, others, listed ? coded->zero : NULL);
    packing->zero_codes = source_of(plan, other_count, others, coded->zero_codes.bytes);
    packing->zero_shift = source_of(plan, other_count, others, coded->zero_codes.shift);
    packing->zero_number = coded->zero && !listed ? (float)constant_value(coded->zero) : 0;
    packing->within = other_count + contraction->within;
    packing->block = contraction->block;
    return packing;
}

/* ---- Reading them ---- */

/* A place of the packing's axes; the columns go on from `column`. */
struct packing_place {
    const struct packing *packing;
    int64_t digits[MAX_LOOPS], column;
};

static int64_t address_of(const struct coded_source *source, const struct packing_place *place) {
    int64_t address = source->base + source->column_step * place->column;
    for (int i = 0; i < place->packing->count; i++)
        address += source->steps[i] * place->digits[i];
    return address;
}

/* The next place among axes first .. end - 1, the last fastest; false after the last one. */
static bool next_of(struct packing_place *place, int first, int end) {
    for (int i = end - 1; i >= first; i--) {
        if (++place->digits[i] < place->packing->extents[i])
            return true;
        place->digits[i] = 0;
    }
    return false;
}

static float float_at(const struct coded_source *source, const struct packing_place *place,
                      int64_t more) {
    float number;
    memcpy(&number,
           (const char *)source->elements +
               (address_of(source, place) + more * source->column_step) * (int64_t)sizeof number,
           sizeof number);
    return number;
}

static int code_at(const struct coded_source *codes, const struct coded_source *shift,
                   const struct packing_place *place, int64_t more) {
    int64_t address = address_of(codes, place) + more * codes->column_step;
    int64_t which = address_of(shift, place) + more * shift->column_step;
    return ((const uint8_t *)codes->elements)[address] >>
               ((const uint8_t *)shift->elements)[which] &
           15;
}

static float zero_at(const struct coded_packing *coded, const struct packing_place *place,
                     int64_t more) {
    return coded->zero.elements ? float_at(&coded->zero, place, more)
           : coded->zero_codes.elements
               ? (float)code_at(&coded->zero_codes, &coded->zero_shift, place, more)
               : coded->zero_number;
}

/* ---- Packing ---- */

/* Scales and zeros of a block, of `columns` columns of a panel of `width`. */
static char *pack_block_head(const struct coded_packing *coded, const struct packing_place *place,
                             int64_t width, int64_t columns, char *to) {
    memset(to, 0, (size_t)(width * (SCALE_BYTES + ZERO_BYTES)));
    for (int64_t c = 0; c < columns; c++) {
        float scale = float_at(&coded->scale, place, c), zero = zero_at(coded, place, c);
        memcpy(to + c * SCALE_BYTES, &scale, sizeof scale);
        memcpy(to + width * SCALE_BYTES + c * ZERO_BYTES, &zero, sizeof zero);
    }
    return to + width * (SCALE_BYTES + ZERO_BYTES);
}

/* A row of codes, into the lower or the upper halves of its bytes. A shift is the same for all. */
static void add_codes(const struct coded_packing *coded, const struct packing_place *place,
                      int64_t columns, int upwards, uint8_t *to) {
    const uint8_t *bytes =
        (const uint8_t *)coded->codes.elements + address_of(&coded->codes, place);
    int shift = ((const uint8_t *)coded->shift.elements)[address_of(&coded->shift, place)];
    for (int64_t c = 0; c < columns; c++)
        to[c] |= (uint8_t)((bytes[c * coded->codes.column_step] >> shift & 15) << upwards);
}

/* Its codes, two rows at a time: the last axis, of two, stands for them. */
static char *pack_block_codes(const struct coded_packing *coded, struct packing_place *place,
                              int64_t width, int64_t columns, char *to) {
    const int last = place->packing->count - 1;
    do {
        memset(to, 0, (size_t)width);
        add_codes(coded, place, columns, 0, (uint8_t *)to);
        place->digits[last] = 1;
        add_codes(coded, place, columns, 4, (uint8_t *)to);
        place->digits[last] = 0;
        to += width;
    } while (next_of(place, coded->within, last));
    return to;
}

void pack_codes(const struct packing *packing, void *packed) {
    const struct coded_packing *coded = packing->coded;
    struct packing_place place = {.packing = packing};
    char *to = packed;
    do
        for (place.column = 0; place.column < packing->columns; place.column += packing->block) {
            int64_t left = packing->columns - place.column;
            int64_t width = left < packing->block && packing->last ? packing->last : packing->block;
            int64_t columns = left < width ? left : width;
            do {
                to = pack_block_head(coded, &place, width, columns, to);
                to = pack_block_codes(coded, &place, width, columns, to);
            } while (next_of(&place, packing->outer_count, coded->within));
        }
    while (next_of(&place, 0, packing->outer_count));
}

static bool same_source(const struct coded_source *a, const struct coded_source *b) {
    return a->elements == b->elements && a->base == b->base && a->column_step == b->column_step &&
           memcmp(a->steps, b->steps, sizeof a->steps) == 0;
}

bool same_coded_packing(const struct coded_packing *a, const struct coded_packing *b) {
    if (!a || !b)
        return a == b;
    return same_source(&a->codes, &b->codes) && same_source(&a->shift, &b->shift) &&
           same_source(&a->scale, &b->scale) && same_source(&a->zero, &b->zero) &&
           same_source(&a->zero_codes, &b->zero_codes) &&
           same_source(&a->zero_shift, &b->zero_shift) &&
           memcmp(&a->zero_number, &b->zero_number, sizeof a->zero_number) == 0 &&
           a->within == b->within && a->block == b->block;
}
