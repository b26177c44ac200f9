#include "compiler/schedule/pack_codes.h"

#include "compiler/base/byte_order.h"
#include "templates/convert.h"

#include <math.h>
#include <string.h>

enum { BYTE_BITS = 8 };

/* Whether all elements of a constant are finite numbers that float16 has. */
static bool fits_half(const struct buffer *constant) {
    if (constant->dtype == DTYPE_FLOAT16)
        return true;
    if (constant->dtype != DTYPE_FLOAT32 || !constant->value)
        return false;
    for (int64_t i = 0; i < constant->elements; i++) {
        float number;
        memcpy(&number, (const float *)constant->value + i, sizeof number); /* aligned or not */
        if (!isfinite(number) || f16_to_f32(f32_to_f16(number)) != number)
            return false;
    }
    return true;
}

struct tile_codes codes_of(const struct coded_weight *weight) {
    bool zeros = weight->zero || weight->zero_codes.bytes;
    return (struct tile_codes){.bits = weight->codes.shift ? 4 : 8,
                               .listed = weight->offset ? LISTS_OFFSETS
                                         : zeros        ? LISTS_ZEROS
                                                        : LISTS_NOTHING,
                               .half = fits_half(weight->scale->buffer) &&
                                       (!weight->zero || fits_half(weight->zero->buffer)) &&
                                       (!weight->offset || fits_half(weight->offset->buffer)),
                               .by_blocks = weight->by_blocks,
                               .zero = weight->zero_number};
}

/* Of a scale, and of a zero or offset. */
static int64_t number_bytes(const struct tile_codes *format) {
    return format->half ? sizeof(uint16_t) : sizeof(float);
}

static int64_t head_bytes(const struct tile_codes *format) {
    return (format->listed ? 2 : 1) * number_bytes(format);
}

int64_t coded_bytes(const struct tile_codes *format, int64_t block) {
    return head_bytes(format) + block * format->bits / BYTE_BITS;
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
                                  .dtype = load->dtype,
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
    packing->codes = source_of(plan, other_count, others, coded->codes.bytes);
    packing->shift = source_of(plan, other_count, others, coded->codes.shift);
    packing->scale = source_of(plan, other_count, others, coded->scale);
    packing->zero = source_of(plan, other_count, others, coded->zero);
    packing->zero_codes = source_of(plan, other_count, others, coded->zero_codes.bytes);
    packing->zero_shift = source_of(plan, other_count, others, coded->zero_codes.shift);
    packing->offset = source_of(plan, other_count, others, coded->offset);
    packing->subtracted = coded->subtracted;
    packing->format = *plan->codes;
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
    int64_t address = address_of(source, place) + more * source->column_step;
    uint16_t bits;
    float number;
    if (source->dtype == DTYPE_FLOAT32) {
        memcpy(&number, (const float *)source->elements + address, sizeof number);
        return number;
    }
    memcpy(&bits, (const uint16_t *)source->elements + address, sizeof bits);
    return source->dtype == DTYPE_FLOAT16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}

static int code_at(const struct coded_source *codes, const struct coded_source *shift,
                   const struct packing_place *place, int64_t more) {
    int64_t address = address_of(codes, place) + more * codes->column_step;
    int byte = ((const uint8_t *)codes->elements)[address];
    if (!shift->elements)
        return byte;
    int64_t which = address_of(shift, place) + more * shift->column_step;
    return byte >> ((const uint8_t *)shift->elements)[which] & 15;
}

/* What is listed beside the scale. */
static float listed_at(const struct coded_packing *coded, const struct packing_place *place,
                       int64_t more) {
    if (coded->offset.elements) {
        float offset = float_at(&coded->offset, place, more);
        return coded->subtracted ? -offset : offset;
    }
    return coded->zero.elements
               ? float_at(&coded->zero, place, more)
               : (float)code_at(&coded->zero_codes, &coded->zero_shift, place, more);
}

/* ---- Packing ---- */

/* One of them, in the type that the panel has for them. */
static void write_number(const struct tile_codes *format, float number, char *to) {
    if (format->half) {
        uint16_t half = f32_to_f16(number);
        memcpy(to, &half, sizeof half);
    } else {
        memcpy(to, &number, sizeof number);
    }
}

/* Scales of a block, and what is listed beside them, of `columns` columns of a panel of `width`. */
static char *pack_block_head(const struct coded_packing *coded, const struct packing_place *place,
                             int64_t width, int64_t columns, char *to) {
    const struct tile_codes *format = &coded->format;
    const int64_t bytes = number_bytes(format);
    memset(to, 0, (size_t)(width * head_bytes(format)));
    for (int64_t c = 0; c < columns; c++)
        write_number(format, float_at(&coded->scale, place, c), to + c * bytes);
    for (int64_t c = 0; c < columns && format->listed; c++)
        write_number(format, listed_at(coded, place, c), to + (width + c) * bytes);
    return to + width * head_bytes(format);
}

/* A row of codes, into bytes from that bit on, those of columns `apart`. A shift is the same for
 * all. */
static void add_codes(const struct coded_packing *coded, const struct packing_place *place,
                      int64_t columns, int upwards, int64_t apart, uint8_t *to) {
    const uint8_t *bytes =
        (const uint8_t *)coded->codes.elements + address_of(&coded->codes, place);
    const uint8_t *shifts = coded->shift.elements;
    int shift = shifts ? shifts[address_of(&coded->shift, place)] : 0, mask = shifts ? 15 : 255;
    for (int64_t c = 0; c < columns; c++)
        to[c * apart] |=
            (uint8_t)((bytes[c * coded->codes.column_step] >> shift & mask) << upwards);
}

/* Bytes of a column that lie side by side. */
static int64_t bytes_together(const struct tile_codes *format) {
    return format->by_blocks && format->bits == 4 ? CODED_BLOCK_STEP / 2 : 1;
}

/* Its codes, those of 4 bits in bytes of two rows. */
static char *pack_block_codes(const struct coded_packing *coded, struct packing_place *place,
                              int64_t width, int64_t columns, char *to) {
    const int64_t together = bytes_together(&coded->format);
    int64_t byte = 0;
    int bit = 0;
    do {
        if (byte == 0 && bit == 0)
            memset(to, 0, (size_t)(width * together));
        add_codes(coded, place, columns, bit, together, (uint8_t *)to + byte);
        bit = (bit + coded->format.bits) % BYTE_BITS;
        byte = (byte + (bit == 0)) % together;
        to += bit == 0 && byte == 0 ? width * together : 0;
    } while (next_of(place, coded->within, place->packing->count));
    return to;
}

void pack_codes(const struct packing *packing, bool reversed, void *packed) {
    const struct coded_packing *coded = packing->coded;
    const int64_t number = number_bytes(&coded->format);
    struct packing_place place = {.packing = packing};
    char *to = packed;
    do
        for (place.column = 0; place.column < packing->columns; place.column += packing->block) {
            int64_t left = packing->columns - place.column;
            int64_t width = left < packing->block && packing->last ? packing->last : packing->block;
            int64_t columns = left < width ? left : width;
            do {
                char *head = to;
                to = pack_block_head(coded, &place, width, columns, to);
                if (reversed)
                    reverse_bytes(head, (size_t)((to - head) / number), (size_t)number);
                to = pack_block_codes(coded, &place, width, columns, to);
            } while (next_of(&place, packing->outer_count, coded->within));
        }
    while (next_of(&place, 0, packing->outer_count));
}

static bool same_source(const struct coded_source *a, const struct coded_source *b) {
    return a->elements == b->elements && a->dtype == b->dtype && a->base == b->base &&
           a->column_step == b->column_step && memcmp(a->steps, b->steps, sizeof a->steps) == 0;
}

bool same_coded_packing(const struct coded_packing *a, const struct coded_packing *b) {
    if (!a || !b)
        return a == b;
    return same_source(&a->codes, &b->codes) && same_source(&a->shift, &b->shift) &&
           same_source(&a->scale, &b->scale) && same_source(&a->zero, &b->zero) &&
           same_source(&a->zero_codes, &b->zero_codes) &&
           same_source(&a->zero_shift, &b->zero_shift) && same_source(&a->offset, &b->offset) &&
           a->subtracted == b->subtracted && a->format.bits == b->format.bits &&
           a->format.listed == b->format.listed && a->format.half == b->format.half &&
           a->format.by_blocks == b->format.by_blocks && a->within == b->within &&
           a->block == b->block;
}
