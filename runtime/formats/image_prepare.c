/* A drawn digit, made ready as MNIST's own were.
 *
 * The recipe, in integers throughout, so that every machine makes the same bytes:
 *   1. Colours are multiplied by their alpha, so a transparent pixel is (0, 0, 0, 0) whatever
 *      colour it carries.
 *   2. The background is the median colour of the outermost ring of pixels. Ink is what differs
 *      from it, in any of the four channels: dark on light, light on dark, any colour on a
 *      transparent canvas.
 *   3. Differences up to an eighth of the strongest are noise and count as none.
 *   4. The ink's bounding box is scaled until its longer side is 20, every new pixel taking the
 *      exact average of the area it covers; then the strongest pixel becomes 255.
 *   5. The result moves by whole pixels until its centre of mass lies in pixel (14, 14), counted
 *      from 0, of a black 28x28 picture: there, within half a pixel, lie all of MNIST's. It never
 *      leaves the picture.
 * A photograph in uneven light is evened out first (image_paper.c); no other picture is touched.
 * A picture that is MNIST's already (28x28, opaque, grey, light ink on a dark border) passes
 * unchanged, byte for byte.
 */
#include "runtime/formats/image.h"

#include <math.h>
#include <string.h>

#define GLYPH_SIDE 20      /* the longer side of a digit's box in MNIST */
#define CENTRE 14          /* the pixel that holds a digit's centre of mass */
#define WEAKEST_INK 32     /* of 255; nothing that differs as much: a blank picture */
#define DARK_BACKGROUND 64 /* of 255; darker ones can be MNIST's */

struct colour {
    int channels[4]; /* red, green and blue multiplied by alpha, and alpha; 0..255 */
};

/* Pixels left <= x < right, top <= y < bottom. */
struct box {
    int left, top, right, bottom;
};

struct ink {
    const struct image *image;
    struct colour background;
    int strongest;  /* the greatest difference from the background */
    struct box box; /* the smallest around all that is no noise; empty on a blank picture */
};

static const unsigned char *pixel_at(const struct image *image, int x, int y) {
    return image->rgba + ((size_t)y * (size_t)image->width + (size_t)x) * 4;
}

static struct colour colour_at(const struct image *image, int x, int y) {
    const unsigned char *pixel = pixel_at(image, x, y);
    int alpha = pixel[3];
    struct colour colour;
    for (int channel = 0; channel < 3; channel++)
        colour.channels[channel] = (pixel[channel] * alpha + 127) / 255;
    colour.channels[3] = alpha;
    return colour;
}

static int median(const int histogram[256], int count) {
    int value = 0;
    for (int seen = histogram[0]; seen * 2 < count; seen += histogram[value])
        value++;
    return value;
}

/* The median colour of the outermost ring, channel by channel. */
static struct colour find_background(const struct image *image) {
    int histogram[4][256] = {{0}}, count = 0;
    int last_x = image->width - 1, last_y = image->height - 1;
    for (int y = 0; y <= last_y; y++) {
        int step = y == 0 || y == last_y || last_x == 0 ? 1 : last_x;
        for (int x = 0; x <= last_x; x += step, count++) {
            struct colour colour = colour_at(image, x, y);
            for (int channel = 0; channel < 4; channel++)
                histogram[channel][colour.channels[channel]]++;
        }
    }
    struct colour background;
    for (int channel = 0; channel < 4; channel++)
        background.channels[channel] = median(histogram[channel], count);
    return background;
}

static int difference_at(const struct ink *ink, int x, int y) {
    struct colour colour = colour_at(ink->image, x, y);
    int greatest = 0;
    for (int channel = 0; channel < 4; channel++) {
        int difference = colour.channels[channel] - ink->background.channels[channel];
        difference = difference < 0 ? -difference : difference;
        greatest = difference > greatest ? difference : greatest;
    }
    return greatest;
}

/* Where the run of equal pixels ends that begins at x, at `right` at most. Drawings are runs of few
 * colours, so whatever is done with pixels is done with whole runs. */
static int run_end(const struct image *image, int x, int y, int right) {
    const unsigned char *row = pixel_at(image, 0, y);
    uint32_t first, pixel;
    memcpy(&first, row + (size_t)x * 4, sizeof first);
    while (++x < right) {
        memcpy(&pixel, row + (size_t)x * 4, sizeof pixel);
        if (pixel != first)
            break;
    }
    return x;
}

/* What differs by that much or less is noise. */
static int noise(const struct ink *ink) {
    return ink->strongest / 8;
}

/* The first and the last position whose greatest difference is no noise. */
static void find_extent(const struct ink *ink, const unsigned char *greatest, int count, int *first,
                        int *end) {
    *first = *end = 0;
    for (int position = count - 1; position >= 0; position--) {
        if (greatest[position] <= noise(ink))
            continue;
        *first = position;
        *end = *end ? *end : position + 1;
    }
}

/* One look at every pixel: the greatest difference of all, of each row and of each column, which is
 * enough to know the box once the noise is known. */
static struct ink find_ink(const struct image *image) {
    struct ink ink = {.image = image, .background = find_background(image)};
    unsigned char rows[IMAGE_MAX_SIDE] = {0}, columns[IMAGE_MAX_SIDE] = {0};
    for (int y = 0; y < image->height; y++) {
        for (int x = 0, end; x < image->width; x = end) {
            end = run_end(image, x, y, image->width);
            unsigned char difference = (unsigned char)difference_at(&ink, x, y);
            for (int column = x; difference && column < end; column++)
                columns[column] = difference > columns[column] ? difference : columns[column];
            rows[y] = difference > rows[y] ? difference : rows[y];
        }
        ink.strongest = rows[y] > ink.strongest ? rows[y] : ink.strongest;
    }
    find_extent(&ink, rows, image->height, &ink.box.top, &ink.box.bottom);
    find_extent(&ink, columns, image->width, &ink.box.left, &ink.box.right);
    return ink;
}

/* How much of [start, end) lies within cell `index` of cells `cell` long. */
static int overlap(int start, int end, int index, int cell) {
    int from = index * cell, to = from + cell;
    return (end < to ? end : to) - (start > from ? start : from);
}

/* Adds a row's ink to the cells, weighted by how much of them it covers. The unit is 1/20 of a
 * drawn pixel: drawn pixels are 20 units long, cells as many units as the box's longer side has
 * pixels. */
static void spread_row(uint64_t cells[GLYPH_SIDE], const struct ink *ink, int y, int cell) {
    for (int x = ink->box.left, next; x < ink->box.right; x = next) {
        next = run_end(ink->image, x, y, ink->box.right);
        int amount = difference_at(ink, x, y) - noise(ink);
        int start = (x - ink->box.left) * GLYPH_SIDE, end = (next - ink->box.left) * GLYPH_SIDE;
        for (int column = start / cell; amount > 0 && column * cell < end; column++)
            cells[column] += (uint64_t)overlap(start, end, column, cell) * (uint64_t)amount;
    }
}

/* requires: some ink
 * provides: glyph[20][20], the box scaled into the upper left corner, its strongest pixel 255
 * Sums stay below 255 * 4096 * 4096, so 255 times one of them fits. */
static void scale(const struct ink *ink, unsigned char glyph[GLYPH_SIDE][GLYPH_SIDE]) {
    uint64_t sums[GLYPH_SIDE][GLYPH_SIDE] = {{0}}, greatest = 0;
    struct box box = ink->box;
    int width = box.right - box.left, height = box.bottom - box.top;
    int cell = width > height ? width : height;
    for (int y = 0; y < height; y++) {
        uint64_t cells[GLYPH_SIDE] = {0};
        int start = y * GLYPH_SIDE, end = start + GLYPH_SIDE;
        spread_row(cells, ink, box.top + y, cell);
        for (int row = start / cell; row * cell < end; row++)
            for (int column = 0; column < GLYPH_SIDE; column++)
                sums[row][column] += (uint64_t)overlap(start, end, row, cell) * cells[column];
    }
    for (int row = 0; row < GLYPH_SIDE; row++)
        for (int column = 0; column < GLYPH_SIDE; column++)
            greatest = sums[row][column] > greatest ? sums[row][column] : greatest;
    for (int row = 0; row < GLYPH_SIDE; row++)
        for (int column = 0; column < GLYPH_SIDE; column++)
            glyph[row][column] =
                (unsigned char)((sums[row][column] * 255 + greatest / 2) / greatest);
}

/* Where a glyph starts along one axis, mass[] being its ink at each position: the centre of mass
 * goes into pixel CENTRE, unless that pushed ink off the edge. */
static int start_of(const int mass[GLYPH_SIDE]) {
    int total = 0, moment = 0, extent = 0;
    for (int position = 0; position < GLYPH_SIDE; position++) {
        total += mass[position];
        moment += mass[position] * position;
        extent = mass[position] ? position + 1 : extent;
    }
    int start = CENTRE - (2 * moment + total) / (2 * total); /* halves round up */
    int last = DIGIT_SIDE - extent;
    return start < 0 ? 0 : start > last ? last : start;
}

static void place(unsigned char glyph[GLYPH_SIDE][GLYPH_SIDE], unsigned char *digit) {
    int columns[GLYPH_SIDE] = {0}, rows[GLYPH_SIDE] = {0};
    for (int row = 0; row < GLYPH_SIDE; row++)
        for (int column = 0; column < GLYPH_SIDE; column++) {
            rows[row] += glyph[row][column];
            columns[column] += glyph[row][column];
        }
    int left = start_of(columns), top = start_of(rows);
    memset(digit, 0, DIGIT_PIXELS);
    for (int row = 0; row < GLYPH_SIDE; row++)
        for (int column = 0; column < GLYPH_SIDE; column++)
            if (glyph[row][column])
                digit[(top + row) * DIGIT_SIDE + left + column] = glyph[row][column];
}

/* 28x28, opaque, grey, light ink on a dark border. */
static bool is_prepared(const struct ink *ink) {
    const struct image *image = ink->image;
    if (image->width != DIGIT_SIDE || image->height != DIGIT_SIDE ||
        ink->background.channels[0] >= DARK_BACKGROUND)
        return false;
    int lightest = 0;
    for (int y = 0; y < DIGIT_SIDE; y++)
        for (int x = 0; x < DIGIT_SIDE; x++) {
            const unsigned char *pixel = pixel_at(image, x, y);
            if (pixel[3] != 255 || pixel[0] != pixel[1] || pixel[0] != pixel[2])
                return false;
            lightest = pixel[0] > lightest ? pixel[0] : lightest;
        }
    return lightest - ink->background.channels[0] == ink->strongest;
}

bool image_prepare_digit(const struct image *image, unsigned char digit[DIGIT_PIXELS],
                         struct et_error *error) {
    unsigned char rgba[PAPER_BYTES];
    struct image flat;
    struct ink ink = find_ink(image_flatten(image, rgba, &flat) ? &flat : image);
    if (ink.strongest < WEAKEST_INK)
        return et_fail(error,
                       "the picture is blank: no pixel differs from the background by %d of 255",
                       WEAKEST_INK);
    if (is_prepared(&ink)) {
        for (int position = 0; position < DIGIT_PIXELS; position++)
            digit[position] = image->rgba[position * 4];
        return true;
    }
    unsigned char glyph[GLYPH_SIDE][GLYPH_SIDE];
    scale(&ink, glyph);
    place(glyph, digit);
    return true;
}

void image_digit_to_floats(const unsigned char digit[DIGIT_PIXELS], float pixels[DIGIT_PIXELS]) {
    for (int position = 0; position < DIGIT_PIXELS; position++)
        pixels[position] = (float)digit[position] / 255.0f;
}

void image_pixels_to_integers(const unsigned char *pixels, int64_t count,
                              const struct integer_scale *scale, bool is_signed, void *integers) {
    const float least = is_signed ? INT8_MIN : 0, greatest = is_signed ? INT8_MAX : UINT8_MAX;
    for (int64_t i = 0; i < count; i++) {
        const float value = rintf((float)pixels[i] / 255.0f / scale->scale) + (float)scale->zero;
        const int integer = (int)(value < least ? least : value > greatest ? greatest : value);
        ((unsigned char *)integers)[i] = (unsigned char)integer;
    }
}
