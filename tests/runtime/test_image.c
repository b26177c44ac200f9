/* PNG files in and out, and drawn digits made ready: against values worked out by hand. */
#include "runtime/formats/image.h"

#include <criterion/criterion.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WIDE 11 /* not a multiple of 8, so that interlacing's passes have odd sizes */
#define HIGH 9

/* ---- pictures written through libpng, to be read back ---- */

struct format {
    int type, depth, channels;
    bool keyed; /* with a tRNS chunk: one transparent colour, or alpha for the palette */
    bool interlaced;
};

static void append(png_structp png, png_bytep bytes, size_t count) {
    text_add_bytes(png_get_io_ptr(png), (const char *)bytes, count);
}

/* A sample that takes every value in turn and differs between neighbours and channels. */
static unsigned sample(const struct format *format, int x, int y, int channel) {
    unsigned value = (unsigned)(x * 7 + y * 13 + channel * 29 + x * y);
    if (format->depth == 16)
        value *= 1117;
    return value & ((1u << format->depth) - 1);
}

static void set_colours(png_structp png, png_infop info, const struct format *format) {
    png_color palette[256];
    png_byte alphas[256];
    for (int index = 0; index < 256; index++) {
        palette[index] =
            (png_color){(png_byte)(index * 3), (png_byte)(255 - index), (png_byte)(index * index)};
        alphas[index] = (png_byte)(index * 11);
    }
    int count = 1 << (format->depth > 8 ? 8 : format->depth);
    if (format->type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, count);
    png_color_16 key = {.red = (png_uint_16)sample(format, 3, 2, 0),
                        .green = (png_uint_16)sample(format, 3, 2, 1),
                        .blue = (png_uint_16)sample(format, 3, 2, 2),
                        .gray = (png_uint_16)sample(format, 3, 2, 0)};
    if (format->keyed)
        png_set_tRNS(png, info, alphas, count, &key);
}

static struct text write_format(const struct format *format) {
    struct text file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, append, NULL);
    png_set_IHDR(png, info, WIDE, HIGH, format->depth, format->type,
                 format->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    set_colours(png, info, format);
    png_write_info(png, info);
    png_set_packing(png);
    png_byte rows[HIGH][WIDE * 4 * 2], *starts[HIGH];
    for (int y = 0; y < HIGH; y++) {
        png_byte *next = starts[y] = rows[y];
        for (int x = 0; x < WIDE; x++)
            for (int channel = 0; channel < format->channels; channel++) {
                unsigned value = sample(format, x, y, channel);
                if (format->depth == 16)
                    *next++ = (png_byte)(value >> 8);
                *next++ = (png_byte)value;
            }
    }
    png_write_image(png, starts);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return file;
}

static unsigned to_8_bits(const struct format *format, unsigned value) {
    unsigned greatest = (1u << format->depth) - 1;
    return (value * 255 + greatest / 2) / greatest;
}

static void expected_pixel(const struct format *format, int x, int y, unsigned char rgba[4]) {
    bool colour = format->type & PNG_COLOR_MASK_COLOR, is_key = format->keyed;
    if (format->type == PNG_COLOR_TYPE_PALETTE) {
        unsigned index = sample(format, x, y, 0);
        rgba[0] = (unsigned char)(index * 3);
        rgba[1] = (unsigned char)(255 - index);
        rgba[2] = (unsigned char)(index * index);
        rgba[3] = format->keyed ? (unsigned char)(index * 11) : 255;
        return;
    }
    for (int channel = 0; channel < 3; channel++) {
        int which = colour ? channel : 0;
        unsigned value = sample(format, x, y, which);
        rgba[channel] = (unsigned char)to_8_bits(format, value);
        is_key = is_key && value == sample(format, 3, 2, which);
    }
    rgba[3] = is_key ? 0 : 255;
    if (format->type & PNG_COLOR_MASK_ALPHA)
        rgba[3] = (unsigned char)to_8_bits(format, sample(format, x, y, format->channels - 1));
}

static void check_format(const struct format *format) {
    struct text file = write_format(format);
    struct image image;
    struct et_error error = {""};
    cr_assert(image_decode_png(file.bytes, file.length, "a.png", &image, &error), "%s",
              error.message);
    cr_assert(image.width == WIDE && image.height == HIGH);
    for (int y = 0; y < HIGH; y++)
        for (int x = 0; x < WIDE; x++) {
            unsigned char expected[4], *found = image.rgba + (y * WIDE + x) * 4;
            expected_pixel(format, x, y, expected);
            cr_assert(memcmp(found, expected, 4) == 0,
                      "type %d depth %d keyed %d interlaced %d, pixel %d,%d: %d %d %d %d, "
                      "expected %d %d %d %d",
                      format->type, format->depth, format->keyed, format->interlaced, x, y,
                      found[0], found[1], found[2], found[3], expected[0], expected[1], expected[2],
                      expected[3]);
        }
    image_free(&image);
    text_free(&file);
}

Test(image, reads_every_type_depth_and_interlacing) {
    static const struct {
        int type, channels, depths[6];
        bool can_be_keyed;
    } types[] = {{PNG_COLOR_TYPE_GRAY, 1, {1, 2, 4, 8, 16}, true},
                 {PNG_COLOR_TYPE_RGB, 3, {8, 16}, true},
                 {PNG_COLOR_TYPE_PALETTE, 1, {1, 2, 4, 8}, true},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, 2, {8, 16}, false},
                 {PNG_COLOR_TYPE_RGB_ALPHA, 4, {8, 16}, false}};
    int checked = 0;
    for (size_t which = 0; which < sizeof types / sizeof *types; which++)
        for (const int *depth = types[which].depths; *depth; depth++)
            for (int variant = 0; variant < (types[which].can_be_keyed ? 4 : 2); variant++) {
                struct format format = {types[which].type, *depth, types[which].channels,
                                        variant & 2, variant & 1};
                check_format(&format);
                checked++;
            }
    cr_assert(checked == 11 * 4 + 4 * 2);
}

/* ---- damaged files ---- */

static void put_number(unsigned char *bytes, uint32_t number) {
    for (int place = 0; place < 4; place++)
        bytes[place] = (unsigned char)(number >> (24 - 8 * place));
}

/* Makes the checksum of the IHDR chunk right again after a change. */
static void sign_header(char *bytes) {
    unsigned char *checksum = (unsigned char *)bytes + 29;
    put_number(checksum, (uint32_t)crc32(0, (unsigned char *)bytes + 12, 17));
}

/* A grey picture, 3x2. Its chunks: IHDR at 8, IDAT at 33 (8 + data + 4 long), IEND in the last 12.
 */
static struct text small_file(void) {
    static const unsigned char grey[6] = {0, 50, 100, 150, 200, 250};
    struct text file = {0};
    cr_assert(image_encode_png(grey, 3, 2, &file, NULL));
    return file;
}

static void check_refused(const void *bytes, size_t count, const char *message) {
    struct image image;
    struct et_error error = {""};
    cr_assert_not(image_decode_png(bytes, count, "a.png", &image, &error));
    cr_assert_str_eq(error.message, message);
    cr_assert_null(image.rgba);
}

Test(image, refuses_damaged_files_and_says_why) {
    static const struct {
        size_t cut; /* bytes to drop at the end */
        size_t at;  /* the byte to change, if not 0 */
        unsigned char value;
        bool sign; /* make the header's checksum right */
        const char *message;
    } cases[] = {
        {1, 0, 0, false, "a.png: damaged PNG: the file ends too early"},
        {12, 0, 0, false, "a.png: damaged PNG: the file ends too early"},
        {20, 0, 0, false, "a.png: damaged PNG: the file ends too early"},
        {0, 1, 'p', false, "a.png: expected a PNG, its signature is missing"},
        {0, 12, 'X', false, "a.png: damaged PNG: the first chunk is not IHDR"},
        {0, 11, 14, false, "a.png: damaged PNG: the first chunk is not IHDR"},
        {0, 19, 4, false, "a.png: damaged PNG: IHDR: CRC error"},
        {0, 19, 0, true, "a.png: 0x2 pixels, expected 1x1 to 4096x4096"},
        {0, 23, 0, true, "a.png: 3x0 pixels, expected 1x1 to 4096x4096"},
        {0, 18, 0x10, true, "a.png: 4099x2 pixels, expected 1x1 to 4096x4096"},
        {0, 20, 0xff, true, "a.png: 3x4278190082 pixels, expected 1x1 to 4096x4096"},
        {0, 22, 0x0f, true, "a.png: damaged PNG: Not enough image data"},
        {0, 24, 3, true, "a.png: damaged PNG: Invalid IHDR data"},
        {0, 25, 5, true, "a.png: damaged PNG: Invalid IHDR data"},
        {0, 26, 1, true, "a.png: damaged PNG: Invalid IHDR data"},
        {0, 28, 2, true, "a.png: damaged PNG: Invalid IHDR data"},
        {0, 25, 3, true, "a.png: damaged PNG: IDAT: Missing PLTE before IDAT"},
        {0, 25, 6, true, "a.png: damaged PNG: Not enough image data"},
        {0, 33, 0xff, false, "a.png: damaged PNG: PNG unsigned integer out of range"},
        {0, 37, 0x80, false, "a.png: damaged PNG: [80]DAT: invalid chunk type"},
        {0, 37, 'J', false, "a.png: damaged PNG: JDAT: CRC error"},
        {0, 41, 0x55, false, "a.png: damaged PNG: IDAT: incorrect header check"},
    };
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        struct text file = small_file();
        if (cases[which].at)
            file.bytes[cases[which].at] = (char)cases[which].value;
        if (cases[which].sign)
            sign_header(file.bytes);
        check_refused(file.bytes, file.length - cases[which].cut, cases[which].message);
        text_free(&file);
    }
    check_refused("", 0, "a.png: expected a PNG, its signature is missing");
    check_refused("GIF89a, I am not one", 20, "a.png: expected a PNG, its signature is missing");
}

Test(image, refuses_every_truncation) {
    struct text file = small_file();
    for (size_t count = 0; count < file.length; count++) {
        struct image image;
        struct et_error error = {""};
        cr_assert_not(image_decode_png(file.bytes, count, "a.png", &image, &error));
        cr_assert(strncmp(error.message, "a.png: ", 7) == 0 && !image.rgba);
    }
    check_refused(file.bytes, 30, "a.png: damaged PNG: 30 bytes end within the header");
    text_free(&file);
}

Test(image, survives_every_changed_byte) {
    struct text file = small_file();
    for (size_t at = 0; at < file.length; at++)
        for (int bit = 0; bit < 8; bit++) {
            file.bytes[at] ^= (char)(1 << bit);
            struct image image;
            if (image_decode_png(file.bytes, file.length, "a.png", &image, NULL))
                cr_assert(image.width == 3 && image.height == 2);
            image_free(&image);
            file.bytes[at] ^= (char)(1 << bit);
        }
    text_free(&file);
}

Test(image, refuses_bombs_before_taking_memory) {
    struct text file = small_file();
    put_number((unsigned char *)file.bytes + 16, 65535);
    put_number((unsigned char *)file.bytes + 20, 65535);
    sign_header(file.bytes);
    check_refused(file.bytes, file.length, "a.png: 65535x65535 pixels, expected 1x1 to 4096x4096");
    put_number((unsigned char *)file.bytes + 16, 4096);
    put_number((unsigned char *)file.bytes + 20, 4096);
    sign_header(file.bytes);
    check_refused(file.bytes, file.length,
                  "a.png: damaged PNG: the file is too short for its pixels");
    text_free(&file);
}

Test(image, shows_pixels_beyond_the_palette_as_black) {
    struct format format = {PNG_COLOR_TYPE_PALETTE, 8, 1, false, false};
    struct text file = write_format(&format);
    /* Two of the 256 colours stay: PLTE, at 33, is made 6 bytes long and signed again. */
    unsigned char *chunk = (unsigned char *)file.bytes + 33;
    cr_assert(memcmp(chunk + 4, "PLTE", 4) == 0);
    size_t rest = 33 + 12 + 768;
    put_number(chunk, 6);
    put_number(chunk + 14, (uint32_t)crc32(0, chunk + 4, 10));
    memmove(chunk + 18, file.bytes + rest, file.length - rest);
    struct image image;
    struct et_error error = {""};
    cr_assert(image_decode_png(file.bytes, file.length - 762, "a.png", &image, &error), "%s",
              error.message);
    for (int position = 0; position < WIDE * HIGH; position++) {
        unsigned index = sample(&format, position % WIDE, position / WIDE, 0);
        unsigned char expected[4] = {0, 0, 0, 255};
        if (index < 2)
            expected_pixel(&format, position % WIDE, position / WIDE, expected);
        cr_assert(memcmp(image.rgba + position * 4, expected, 4) == 0);
    }
    image_free(&image);
    text_free(&file);
}

Test(image, takes_4096_pixels_and_refuses_4097) {
    static unsigned char grey[4097];
    grey[4095] = 77;
    struct text file = {0};
    struct et_error error = {""};
    struct image image;
    cr_assert(image_encode_png(grey, 4096, 1, &file, NULL));
    cr_assert(image_decode_png(file.bytes, file.length, "a.png", &image, &error), "%s",
              error.message);
    cr_assert(image.width == 4096 && image.height == 1 && image.rgba[4095 * 4 + 1] == 77);
    image_free(&image);
    put_number((unsigned char *)file.bytes + 16, 4097);
    sign_header(file.bytes);
    check_refused(file.bytes, file.length, "a.png: 4097x1 pixels, expected 1x1 to 4096x4096");
    text_free(&file);
    cr_assert_not(image_encode_png(grey, 4097, 1, &file, &error));
    cr_assert_str_eq(error.message, "picture: 4097x1 pixels, expected 1x1 to 4096x4096");
}

Test(image, writes_files_that_read_back) {
    unsigned char grey[6] = {0, 1, 2, 253, 254, 255};
    char path[] = "/tmp/test_image_XXXXXX";
    struct image image;
    struct et_error error = {""};
    int file = mkstemp(path);
    cr_assert(file >= 0);
    cr_assert(image_write_png(path, grey, 2, 3, &error), "%s", error.message);
    cr_assert(image_read_png(path, &image, &error), "%s", error.message);
    cr_assert(image.width == 2 && image.height == 3);
    for (int position = 0; position < 6; position++) {
        unsigned char expected[4] = {grey[position], grey[position], grey[position], 255};
        cr_assert(memcmp(image.rgba + position * 4, expected, 4) == 0);
    }
    image_free(&image);
    remove(path);
    cr_assert_not(image_read_png("/nowhere/a.png", &image, &error));
    cr_assert_str_eq(error.message, "/nowhere/a.png: No such file or directory");
}

Test(image, survives_every_failing_allocation) {
    struct format format = {PNG_COLOR_TYPE_PALETTE, 4, 1, true, true};
    struct text file = write_format(&format), again = {0};
    unsigned char grey[64] = {1, 2, 3};
    struct et_error error;
    struct image image;
    unsigned long nth = 0;
    for (bool good = false; !good;) {
        et_fail_allocation(++nth);
        good = image_decode_png(file.bytes, file.length, "a.png", &image, &error);
        et_fail_allocation(0);
        cr_assert(good || strcmp(error.message, "a.png: out of memory for a PNG") == 0, "%s",
                  error.message);
        cr_assert(good || !image.rgba);
    }
    cr_assert_gt(nth, 5);
    image_free(&image);
    nth = 0;
    for (bool good = false; !good;) {
        et_fail_allocation(++nth);
        good = image_encode_png(grey, 8, 8, &again, &error);
        et_fail_allocation(0);
        cr_assert(good || strcmp(error.message, "picture: out of memory for a PNG") == 0, "%s",
                  error.message);
        text_free(&again);
    }
    cr_assert_gt(nth, 5);
    text_free(&file);
}

/* ---- preparation ---- */

struct rgba {
    unsigned char red, green, blue, alpha;
};

static const struct rgba white = {255, 255, 255, 255}, black = {0, 0, 0, 255}, clear = {0, 0, 0, 0};

static void fill(struct image *image, int left, int top, int width, int height, struct rgba ink) {
    for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++)
            memcpy(image->rgba + ((size_t)y * (size_t)image->width + (size_t)x) * 4, &ink, 4);
}

static struct image canvas(int width, int height, struct rgba paper) {
    struct image image = {width, height, et_allocate((size_t)width * (size_t)height, 4)};
    cr_assert(image.rgba);
    fill(&image, 0, 0, width, height, paper);
    return image;
}

/* Prepares and frees the picture. */
static void prepare(struct image *image, unsigned char digit[DIGIT_PIXELS]) {
    struct et_error error = {""};
    cr_assert(image_prepare_digit(image, digit, &error), "%s", error.message);
    image_free(image);
}

static void set(unsigned char *digit, int left, int top, int width, int height, int value) {
    for (int y = top; y < top + height; y++)
        memset(digit + y * DIGIT_SIDE + left, value, (size_t)width);
}

static void check_digit(const unsigned char *found, const unsigned char *expected) {
    for (int position = 0; position < DIGIT_PIXELS; position++)
        cr_assert(found[position] == expected[position], "row %d column %d: %d, expected %d",
                  position / DIGIT_SIDE, position % DIGIT_SIDE, found[position],
                  expected[position]);
}

/* 40x80 becomes 10x20; its centre, 4.5 and 9.5, rounds to 5 and 10 and goes to 14. */
Test(prepare, places_a_rectangle) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(200, 100, white);
    fill(&image, 130, 11, 40, 80, black);
    prepare(&image, digit);
    set(expected, 9, 4, 10, 20, 255);
    check_digit(digit, expected);
}

/* 13x40 becomes 6.5x20: six full columns, then one half covered, 127.5 rounded up. The centre is
 * (255 * 15 + 128 * 6) / (255 * 6 + 128) = 2.77, so column 0 goes to 11. */
Test(prepare, averages_partly_covered_pixels) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(60, 60, white);
    fill(&image, 2, 5, 13, 40, black);
    prepare(&image, digit);
    set(expected, 11, 4, 6, 20, 255);
    set(expected, 17, 4, 1, 20, 128);
    check_digit(digit, expected);
}

/* 3x2 becomes 20x13.33: the last row is a third covered, 85. The centre of the rows is
 * (255 * 78 + 85 * 13) / (255 * 13 + 85) = 6.175, so row 0 goes to 8. */
Test(prepare, enlarges_small_drawings) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(9, 7, white);
    fill(&image, 4, 3, 3, 2, black);
    prepare(&image, digit);
    set(expected, 4, 8, 20, 13, 255);
    set(expected, 4, 21, 20, 1, 85);
    check_digit(digit, expected);
}

/* One pixel becomes the whole 20x20 box. */
Test(prepare, enlarges_a_single_pixel) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(50, 50, clear);
    fill(&image, 49, 0, 1, 1, black);
    prepare(&image, digit);
    set(expected, 4, 4, 20, 20, 255);
    check_digit(digit, expected);
}

/* Half the square is black (255 from white), half grey (127 from white). An eighth, 31, is taken
 * off both: 224 and 96, which becomes 255 * 96 / 224 = 109. The centre of the columns is
 * (255 * 45 + 109 * 145) / (10 * 364) = 7.49, so column 0 goes to 7. */
Test(prepare, keeps_shades_and_finds_the_centre_of_mass) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(100, 100, white);
    fill(&image, 30, 30, 20, 40, black);
    fill(&image, 50, 30, 20, 40, (struct rgba){128, 128, 128, 255});
    prepare(&image, digit);
    set(expected, 7, 4, 10, 20, 255);
    set(expected, 17, 4, 10, 20, 109);
    check_digit(digit, expected);
}

/* Strokes of 4 pixels in a box of 200: no new pixel is fully covered (40 %), all are made full. */
Test(prepare, strengthens_thin_strokes) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(256, 256, white);
    fill(&image, 20, 20, 4, 200, black);
    fill(&image, 213, 20, 4, 200, black);
    prepare(&image, digit);
    set(expected, 4, 4, 1, 20, 255);
    set(expected, 23, 4, 1, 20, 255);
    check_digit(digit, expected);
}

/* A post on a heavy base, 20x20. Rows: (18 * 8.5 + 40 * 18.5) / 58 = 15.4 would put row 0 at -1;
 * columns: (40 * 9.5 + 18 * 9) / 58 = 9.3 put column 0 at 5. Upside down, row 0 would be at 10. */
Test(prepare, never_leaves_the_picture) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(220, 220, white);
    fill(&image, 100, 10, 10, 180, black);
    fill(&image, 10, 190, 200, 20, black);
    prepare(&image, digit);
    set(expected, 14, 0, 1, 18, 255);
    set(expected, 5, 18, 20, 2, 255);
    check_digit(digit, expected);
    image = canvas(220, 220, white);
    fill(&image, 100, 30, 10, 180, black);
    fill(&image, 10, 10, 200, 20, black);
    prepare(&image, digit);
    memset(expected, 0, sizeof expected);
    set(expected, 14, 10, 1, 18, 255);
    set(expected, 5, 8, 20, 2, 255);
    check_digit(digit, expected);
}

Test(prepare, finds_ink_of_any_colour_on_any_paper) {
    static const struct {
        struct rgba paper, ink;
    } cases[] = {
        {{255, 255, 255, 255}, {0, 0, 0, 255}},    {{0, 0, 0, 255}, {255, 255, 255, 255}},
        {{90, 90, 90, 255}, {190, 190, 190, 255}}, {{255, 255, 255, 255}, {255, 255, 0, 255}},
        {{20, 200, 30, 255}, {200, 40, 30, 255}},  {{0, 0, 0, 0}, {0, 0, 0, 255}},
        {{255, 255, 255, 0}, {0, 0, 0, 255}},      {{0, 0, 0, 0}, {255, 255, 255, 255}},
        {{0, 0, 0, 0}, {30, 60, 90, 255}},         {{9, 99, 3, 0}, {0, 0, 0, 128}},
        {{255, 255, 255, 255}, {0, 0, 0, 0}},
    };
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    set(expected, 9, 4, 10, 20, 255);
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        struct image image = canvas(64, 64, cases[which].paper);
        fill(&image, 40, 20, 20, 40, cases[which].ink);
        prepare(&image, digit);
        check_digit(digit, expected);
    }
}

Test(prepare, ignores_faint_noise_and_marks_on_the_border) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(64, 64, white);
    for (int place = 0; place < 64 * 64; place += 5) {
        unsigned char grey = (unsigned char)(255 - place % 31);
        fill(&image, place % 64, place / 64, 1, 1, (struct rgba){grey, grey, grey, 255});
    }
    fill(&image, 40, 24, 20, 40, black); /* down to the lower edge */
    prepare(&image, digit);
    set(expected, 9, 4, 10, 20, 255);
    check_digit(digit, expected);
}

static struct image mnist_like(void) {
    struct image image = canvas(28, 28, black);
    for (int y = 2; y < 27; y++) /* deliberately not where preparation would put it */
        for (int x = 1; x < 9; x++) {
            unsigned char grey = (unsigned char)(x * y);
            fill(&image, x, y, 1, 1, (struct rgba){grey, grey, grey, 255});
        }
    return image;
}

Test(prepare, passes_mnist_pictures_unchanged) {
    unsigned char digit[DIGIT_PIXELS];
    struct image image = mnist_like();
    cr_assert(image_prepare_digit(&image, digit, NULL));
    for (int position = 0; position < DIGIT_PIXELS; position++)
        cr_assert(digit[position] == image.rgba[position * 4]);
    image.rgba[(5 * 28 + 5) * 4] ^= 64; /* one coloured pixel: not MNIST's any more */
    prepare(&image, digit);
    cr_assert(digit[5 * 28 + 5] != 25);
    image = mnist_like();
    for (int place = 0; place < DIGIT_PIXELS * 4; place++) /* dark on light */
        image.rgba[place] = place % 4 == 3 ? 255 : 255 - image.rgba[place];
    unsigned char turned[DIGIT_PIXELS];
    prepare(&image, turned);
    cr_assert(memcmp(turned, digit, 28) == 0 && turned[14 * 28 + 14] > 0);
}

Test(prepare, says_when_the_picture_is_blank) {
    static const char message[] =
        "the picture is blank: no pixel differs from the background by 32 of 255";
    static const struct {
        int width, height;
        struct rgba paper, ink;
    } cases[] = {
        {512, 512, {0, 0, 0, 0}, {200, 9, 9, 0}},
        {512, 512, {255, 255, 255, 255}, {255, 255, 255, 255}},
        {28, 28, {0, 0, 0, 255}, {31, 31, 31, 255}},
        {30, 30, {255, 255, 255, 255}, {224, 224, 224, 255}},
        {1, 1, {0, 0, 0, 255}, {0, 0, 0, 255}},
        {1, 40, {7, 8, 9, 255}, {7, 8, 9, 255}},
    };
    unsigned char digit[DIGIT_PIXELS];
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        struct et_error error = {""};
        struct image image = canvas(cases[which].width, cases[which].height, cases[which].paper);
        fill(&image, 0, cases[which].height / 2, 1, 1, cases[which].ink);
        cr_assert_not(image_prepare_digit(&image, digit, &error));
        cr_assert_str_eq(error.message, message);
        image_free(&image);
    }
    struct image image = canvas(28, 28, black); /* one step more is ink */
    fill(&image, 3, 3, 1, 1, (struct rgba){32, 32, 32, 255});
    prepare(&image, digit);
    cr_assert(digit[3 * 28 + 3] == 32);
}

Test(prepare, largest_picture_keeps_its_sums) {
    unsigned char digit[DIGIT_PIXELS], expected[DIGIT_PIXELS] = {0};
    struct image image = canvas(4096, 4096, clear);
    fill(&image, 1, 1, 4094, 4094, black);
    prepare(&image, digit);
    set(expected, 4, 4, 20, 20, 255);
    check_digit(digit, expected);
}

Test(prepare, floats_are_bytes_over_255) {
    unsigned char digit[DIGIT_PIXELS] = {0, 255, 51, 1};
    float pixels[DIGIT_PIXELS], expected[4] = {0.0f, 1.0f, 0x1.99999ap-3f, 0x1.010102p-8f};
    image_digit_to_floats(digit, pixels);
    cr_assert(memcmp(pixels, expected, sizeof expected) == 0);
}

/* The samples that come with the model: each fills the box and sits where MNIST's digits sit. */
Test(prepare, shipped_samples) {
    static const char *const kinds[] = {"canvas", "pen"};
    for (int which = 0; which < 20; which++) {
        char path[64];
        unsigned char digit[DIGIT_PIXELS];
        struct image image;
        struct et_error error = {""};
        int mass = 0, moment = 0, first = 28, last = 0, lightest = 0;
        snprintf(path, sizeof path, "models/mnist/samples/%d-%s.png", which / 2, kinds[which % 2]);
        cr_assert(image_read_png(path, &image, &error), "%s", error.message);
        prepare(&image, digit);
        for (int position = 0; position < DIGIT_PIXELS; position++) {
            int row = position / DIGIT_SIDE, value = digit[position];
            mass += value;
            moment += value * row;
            lightest = value > lightest ? value : lightest;
            first = value && row < first ? row : first;
            last = value ? row : last;
        }
        cr_assert(lightest == 255 && last - first + 1 == 20, "%s: rows %d to %d", path, first,
                  last);
        cr_assert(2 * moment >= 27 * mass && 2 * moment < 29 * mass, "%s", path);
    }
}
