/* Random pictures, prepared by image_prepare.c and by its recipe taken word for word: one pixel and
 * one cell at a time, with nothing remembered. */
#include "runtime/formats/image.h"

#include <criterion/criterion.h>
#include <string.h>

#define GLYPH 20
#define MOST_SIDE 70

/* Numbers that look random and are the same on every run. */
static uint64_t state;
static int below(int end) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)end);
}

/* ---- the recipe ---- */

static int premultiplied(const struct image *image, int x, int y, int channel) {
    const unsigned char *pixel = image->rgba + (y * image->width + x) * 4;
    return channel == 3 ? pixel[3] : (pixel[channel] * pixel[3] + 127) / 255;
}

static int compare(const void *left, const void *right) {
    return *(const int *)left - *(const int *)right;
}

/* The lower median of the outermost ring. */
static int background(const struct image *image, int channel) {
    int ring[4 * MOST_SIDE], count = 0;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            if (x == 0 || y == 0 || x == image->width - 1 || y == image->height - 1)
                ring[count++] = premultiplied(image, x, y, channel);
    qsort(ring, (size_t)count, sizeof *ring, compare);
    return ring[(count - 1) / 2];
}

/* Fills ink[][] and returns the strongest difference. */
static int find_ink(const struct image *image, int ink[MOST_SIDE][MOST_SIDE]) {
    int strongest = 0;
    memset(ink, 0, MOST_SIDE * sizeof *ink);
    for (int channel = 0; channel < 4; channel++) {
        int paper = background(image, channel);
        for (int y = 0; y < image->height; y++)
            for (int x = 0; x < image->width; x++) {
                int difference = abs(premultiplied(image, x, y, channel) - paper);
                ink[y][x] = difference > ink[y][x] ? difference : ink[y][x];
                strongest = ink[y][x] > strongest ? ink[y][x] : strongest;
            }
    }
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            ink[y][x] = ink[y][x] > strongest / 8 ? ink[y][x] - strongest / 8 : 0;
    return strongest;
}

/* How much of [a, a + 20) lies within [b, b + cell). */
static int64_t common(int a, int b, int cell) {
    int begin = a > b ? a : b, end = a + GLYPH < b + cell ? a + GLYPH : b + cell;
    return end > begin ? end - begin : 0;
}

static void scale(int ink[MOST_SIDE][MOST_SIDE], int glyph[GLYPH][GLYPH]) {
    int left = MOST_SIDE, top = MOST_SIDE, right = 0, bottom = 0;
    for (int y = 0; y < MOST_SIDE; y++)
        for (int x = 0; x < MOST_SIDE; x++)
            if (ink[y][x]) {
                left = x < left ? x : left;
                right = x >= right ? x + 1 : right;
                top = y < top ? y : top;
                bottom = y + 1;
            }
    int cell = right - left > bottom - top ? right - left : bottom - top;
    int64_t sums[GLYPH][GLYPH] = {{0}}, greatest = 0;
    for (int row = 0; row < GLYPH; row++)
        for (int column = 0; column < GLYPH; column++) {
            for (int y = top; y < bottom; y++)
                for (int x = left; x < right; x++)
                    sums[row][column] += common((y - top) * GLYPH, row * cell, cell) *
                                         common((x - left) * GLYPH, column * cell, cell) *
                                         ink[y][x];
            greatest = sums[row][column] > greatest ? sums[row][column] : greatest;
        }
    for (int row = 0; row < GLYPH; row++)
        for (int column = 0; column < GLYPH; column++)
            glyph[row][column] = (int)((sums[row][column] * 255 + greatest / 2) / greatest);
}

/* Where the glyph goes along an axis: rows when `down`, else columns. */
static int start_of(int glyph[GLYPH][GLYPH], bool down) {
    int total = 0, moment = 0, extent = 0;
    for (int row = 0; row < GLYPH; row++)
        for (int column = 0; column < GLYPH; column++) {
            int position = down ? row : column, mass = glyph[row][column];
            total += mass;
            moment += mass * position;
            extent = mass && position >= extent ? position + 1 : extent;
        }
    int start = 14 - (2 * moment + total) / (2 * total);
    return start < 0 ? 0 : start + extent > DIGIT_SIDE ? DIGIT_SIDE - extent : start;
}

/* False: blank. */
static bool prepare_by_recipe(const struct image *image, unsigned char digit[DIGIT_PIXELS]) {
    int ink[MOST_SIDE][MOST_SIDE], glyph[GLYPH][GLYPH];
    if (find_ink(image, ink) < 32)
        return false;
    scale(ink, glyph);
    int left = start_of(glyph, false), top = start_of(glyph, true);
    memset(digit, 0, DIGIT_PIXELS);
    for (int row = 0; row < GLYPH; row++)
        for (int column = 0; column < GLYPH; column++)
            if (glyph[row][column])
                digit[(top + row) * DIGIT_SIDE + left + column] = (unsigned char)glyph[row][column];
    return true;
}

/* ---- the pictures ---- */

static void random_colour(unsigned char *rgba) {
    for (int channel = 0; channel < 4; channel++)
        rgba[channel] = (unsigned char)below(256);
    if (below(3) == 0)
        rgba[3] = below(2) ? 255 : 0;
}

/* Paper with some rectangles and, in every other picture, some noise on it. */
static void draw(struct image *image) {
    unsigned char paper[4], colour[4];
    image->width = 1 + below(MOST_SIDE);
    image->height = 1 + below(below(4) ? MOST_SIDE : 3);
    image->width += image->width == DIGIT_SIDE; /* those may pass unchanged */
    random_colour(paper);
    for (int place = 0; place < image->width * image->height; place++)
        memcpy(image->rgba + place * 4, paper, 4);
    for (int count = below(4); count > 0; count--) {
        int left = below(image->width), top = below(image->height);
        int right = left + 1 + below(image->width - left);
        int bottom = top + 1 + below(image->height - top);
        random_colour(colour);
        for (int y = top; y < bottom; y++)
            for (int x = left; x < right; x++)
                memcpy(image->rgba + (y * image->width + x) * 4, colour, 4);
    }
    if (below(2))
        for (int count = below(200); count > 0; count--)
            random_colour(image->rgba + below(image->width * image->height) * 4);
}

Test(prepare, follows_its_recipe_on_random_pictures) {
    unsigned char found[DIGIT_PIXELS], expected[DIGIT_PIXELS], rgba[MOST_SIDE * MOST_SIDE * 4];
    struct image image = {.rgba = rgba};
    int blank = 0;
    for (int which = 0; which < 500; which++) {
        struct et_error error = {""};
        state = (uint64_t)which;
        draw(&image);
        bool good = prepare_by_recipe(&image, expected);
        cr_assert_eq(image_prepare_digit(&image, found, &error), good, "picture %d: %s", which,
                     error.message);
        blank += !good;
        cr_assert(!good || memcmp(found, expected, sizeof found) == 0, "picture %d of %dx%d", which,
                  image.width, image.height);
    }
    cr_assert(blank > 20 && blank < 250, "%d of the pictures were blank", blank);
}
