/* Pictures: decoded, flattened as photographs are, prepared as digits, and those written and read.
 */
#include "tests/fuzz/fuzz.h"

#include "runtime/formats/image.h"

#include <zlib.h>

/* Signature; then each chunk: length, type, data, checksum of type and data. */
enum { SIGNATURE = 8, FRAME = 12, AROUND = 8, MOST_SIDE = 256, SIDES = SIGNATURE + AROUND };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static uint32_t read_big(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What was changed gets right checksums mostly: else nothing would come beyond them. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, most);
    for (size_t at = SIGNATURE; seed % 16 && at + FRAME <= size;) {
        size_t count = read_big(data + at);
        if (count > size - at - FRAME)
            break;
        uint32_t sum = (uint32_t)crc32(0, data + at + 4, (uInt)count + 4);
        for (int i = 0; i < 4; i++)
            data[at + AROUND + count + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += FRAME + count;
    }
    return size;
}

static void write_and_read(const unsigned char digit[DIGIT_PIXELS]) {
    struct et_error error = {0};
    struct text png = {0};
    struct image again;
    must(image_encode_png(digit, DIGIT_SIDE, DIGIT_SIDE, &png, &error), "%s", error.message);
    must(image_decode_png(png.bytes, png.length, "again", &again, &error), "%s", error.message);
    for (int i = 0; i < DIGIT_PIXELS; i++)
        must(again.rgba[4 * i] == digit[i] && again.rgba[4 * i + 3] == 255, "pixel %d", i);
    image_free(&again);
    text_free(&png);
}

static void prepare(const struct image *image) {
    static unsigned char paper[PAPER_BYTES];
    unsigned char digit[DIGIT_PIXELS];
    struct et_error error = {0};
    struct image flat;
    if (image_flatten(image, paper, &flat))
        must(flat.width <= PAPER_SIDE && flat.height <= PAPER_SIDE, "%d", flat.width);
    bool good = image_prepare_digit(image, digit, &error);
    must(good || error.message[0], "no message");
    if (good)
        write_and_read(digit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct image image;
    if (size >= SIDES + 8) { /* large pictures would only take time; too large ones are refused */
        uint32_t width = read_big(data + SIDES), height = read_big(data + SIDES + 4);
        if (width <= IMAGE_MAX_SIDE && height <= IMAGE_MAX_SIDE &&
            (width > MOST_SIDE || height > MOST_SIDE))
            return -1;
    }
    bool good = image_decode_png(data, size, "fuzz", &image, &error);
    must(good || error.message[0], "no message");
    if (good) {
        prepare(&image);
        image_free(&image);
    }
    return 0;
}
