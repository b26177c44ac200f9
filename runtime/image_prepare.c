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
 * A picture that is MNIST's already (28x28, opaque, grey, light ink on a dark border) passes
 * unchanged, byte for byte.
 */
#include "image.h"

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
    int strongest; /* the greatest difference from the background */
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

static struct ink find_ink(const struct image *image) {
    struct ink ink = {.image = image, .background = find_background(image)};
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            int difference = difference_at(&ink, x, y);
            ink.strongest = difference > ink.strongest ? difference : ink.strongest;
        }
    return ink;
}

/* The ink of a pixel: 0 where there is none or only noise. */
static int ink_at(const struct ink *ink, int x, int y) {
    int amount = difference_at(ink, x, y) - ink->strongest / 8;
    return amount > 0 ? amount : 0;
}

/* requires: some ink
 * provides: the smallest box around all of it */
static struct box find_box(const struct ink *ink) {
    struct box box = {.left = ink->image->width, .top = ink->image->height};
    for (int y = 0; y < ink->image->height; y++)
        for (int x = 0; x < ink->image->width; x++) {
            if (!ink_at(ink, x, y))
                continue;
            box.left = x < box.left ? x : box.left;
            box.right = x + 1 > box.right ? x + 1 : box.right;
            box.top = y < box.top ? y : box.top;
            box.bottom = y + 1 > box.bottom ? y + 1 : box.bottom;
        }
    return box;
}

/* How much of [start, start + length) lies within cell `index` of cells `cell` long. */
static int overlap(int start, int length, int index, int cell) {
    int low = index * cell > start ? index * cell : start;
    int high = (index + 1) * cell < start + length ? (index + 1) * cell : start + length;
    return high - low;
}

/* Adds one pixel's ink to every cell that it covers. The unit is 1/20 of a drawn pixel: drawn
 * pixels are 20 units long, cells as many units as the box's longer side has pixels. */
static void spread(uint64_t sums[GLYPH_SIDE][GLYPH_SIDE], int x, int y, int amount, int cell) {
    const int length = GLYPH_SIDE;
    int start_x = x * length, start_y = y * length;
    for (int row = start_y / cell; row * cell < start_y + length; row++)
        for (int column = start_x / cell; column * cell < start_x + length; column++) {
            int64_t area = (int64_t)overlap(start_y, length, row, cell) *
                           overlap(start_x, length, column, cell);
            sums[row][column] += (uint64_t)(area * amount);
        }
}

/* requires: some ink within the box
 * provides: glyph[20][20], the box scaled into the upper left corner, its strongest pixel 255
 * Sums stay below 255 * 4096 * 4096, so 255 times one of them fits. */
static void scale(const struct ink *ink, struct box box,
                  unsigned char glyph[GLYPH_SIDE][GLYPH_SIDE]) {
    uint64_t sums[GLYPH_SIDE][GLYPH_SIDE] = {{0}}, greatest = 0;
    int width = box.right - box.left, height = box.bottom - box.top;
    int cell = width > height ? width : height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int amount = ink_at(ink, box.left + x, box.top + y);
            if (amount)
                spread(sums, x, y, amount, cell);
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
    struct ink ink = find_ink(image);
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
    scale(&ink, find_box(&ink), glyph);
    place(glyph, digit);
    return true;
}

void image_digit_to_floats(const unsigned char digit[DIGIT_PIXELS], float pixels[DIGIT_PIXELS]) {
    for (int position = 0; position < DIGIT_PIXELS; position++)
        pixels[position] = (float)digit[position] / 255.0f;
}
