/* Photographs of the sample digits on paper, made here: in even light and in light that falls off
 * strongly, with paper's texture and the camera's noise. And pictures that are no such photographs,
 * which nothing may change. */
#include "tests/support/mnist_data.h"

#include <math.h>

#define PHOTOGRAPHS 40 /* of each kind of light */
#define FEWEST_RIGHT 36
#define SIDE 360
#define TEXTURE 9 /* pixels: how coarse paper is */

/* Numbers that look random and are the same on every run. */
static uint64_t state;
static double random_number(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 40) / (double)(1 << 24);
}

static double between(double low, double high) {
    return low + (high - low) * random_number();
}

/* Nearly normal, of deviation 1. */
static double noise(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += random_number();
    return sum - 6;
}

/* ---- Light: 1 where it is brightest ---- */

enum light { EVEN, SLOPE, VIGNETTE, LAMP, SPOT, LIGHT_COUNT };

struct lighting {
    enum light kind;
    double x, y;    /* SLOPE: its direction; else the brightest point; the photograph is 1 wide */
    double darkest; /* what is left of the light at the darkest place */
};

static struct lighting light_of(enum light kind) {
    struct lighting light = {.kind = kind, .x = 0.5, .y = 0.5, .darkest = between(0.3, 0.45)};
    double angle = between(0, 6.28);
    if (kind == SLOPE)
        light.x = cos(angle), light.y = sin(angle);
    else if (kind == LAMP)
        light.x = 0.5 + 0.8 * cos(angle), light.y = 0.5 + 0.8 * sin(angle);
    else if (kind != EVEN)
        light.x = between(0.35, 0.65), light.y = between(0.35, 0.65);
    return light;
}

/* At a point of the photograph, 0..1 in both directions. */
static double brightness(const struct lighting *light, double x, double y) {
    double away = hypot(x - light->x, y - light->y), fall = 1 / light->darkest - 1;
    switch (light->kind) {
    case SLOPE: {
        double along = ((x - 0.5) * light->x + (y - 0.5) * light->y) / 1.4 + 0.5;
        return light->darkest + (1 - light->darkest) * along;
    }
    case VIGNETTE:
        return 1 - (1 - light->darkest) * away * away / 0.5;
    case LAMP:
        return 1 / (1 + fall * pow(fmax(away - 0.1, 0) / 1.4, 2));
    case SPOT:
        return light->darkest + (1 - light->darkest) * exp(-away * away / 0.2);
    default:
        return 1;
    }
}

/* ---- The photograph ---- */

/* How dark a sample is at a point, 0..1, between its pixels; none beyond its edges. */
static double ink_at(const struct image *sample, double x, double y) {
    double sum = 0;
    int left = (int)floor(x), top = (int)floor(y);
    for (int row = top; row <= top + 1; row++)
        for (int column = left; column <= left + 1; column++) {
            if (row < 0 || column < 0 || row >= sample->height || column >= sample->width)
                continue;
            const unsigned char *pixel = sample->rgba + (row * sample->width + column) * 4;
            double dark = pixel[3] / 255.0 * (255 - pixel[1]) / 255.0;
            sum += dark * (1 - fabs(x - column)) * (1 - fabs(y - row));
        }
    return sum;
}

/* A value that changes slowly from place to place, -1..1. */
static double texture_at(const double *knots, int x, int y) {
    enum { ACROSS = SIDE / TEXTURE + 2 };
    double right = (double)(x % TEXTURE) / TEXTURE, low = (double)(y % TEXTURE) / TEXTURE;
    const double *at = knots + y / TEXTURE * ACROSS + x / TEXTURE;
    return (at[0] * (1 - right) + at[1] * right) * (1 - low) +
           (at[ACROSS] * (1 - right) + at[ACROSS + 1] * right) * low;
}

/* Paints the sample, somewhat smaller and turned, as a camera sees it. */
static void photograph(const struct image *sample, const struct lighting *light,
                       struct image *picture) {
    enum { KNOTS = (SIDE / TEXTURE + 2) * (SIDE / TEXTURE + 2) };
    static double knots[KNOTS];
    double paper = between(205, 240), ink = between(0.15, 0.4), grain = between(2, 4);
    double size = between(0.65, 0.95) * SIDE / sample->width, turn = between(-0.12, 0.12);
    double colour[3] = {1, between(0.95, 1), between(0.85, 1)};
    for (int i = 0; i < KNOTS; i++)
        knots[i] = between(-1, 1);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double right = (x - SIDE / 2.0) / size, down = (y - SIDE / 2.0) / size;
            double dark = ink_at(sample, right * cos(turn) + down * sin(turn) + sample->width / 2.0,
                                 down * cos(turn) - right * sin(turn) + sample->height / 2.0);
            double value = paper * brightness(light, (double)x / SIDE, (double)y / SIDE) *
                           (1 - dark * (1 - ink)) * (1 + 0.02 * texture_at(knots, x, y));
            unsigned char *pixel = picture->rgba + (y * SIDE + x) * 4;
            for (int channel = 0; channel < 3; channel++)
                pixel[channel] =
                    (unsigned char)fmin(fmax(value * colour[channel] + grain * noise(), 0), 255);
            pixel[3] = 255;
        }
}

static unsigned char photographed[SIDE * SIDE * 4];

static struct image read_sample(int which) {
    struct image sample;
    struct et_error error = {0};
    char path[64];
    sample_path(which, path);
    cr_assert(image_read_png(path, &sample, &error), "%s", error.message);
    return sample;
}

/* How many of the photographs are read right. */
static int count_right(bool is_even) {
    struct image picture = {.width = SIDE, .height = SIDE, .rgba = photographed};
    struct digits digits = digits_new(PHOTOGRAPHS);
    struct et_program *program = mnist_open(NULL);
    struct et_error error = {0};
    int right = 0;
    state = is_even;
    for (int i = 0; i < PHOTOGRAPHS; i++) {
        unsigned char digit[DIGIT_PIXELS];
        struct image sample = read_sample(i % SAMPLES);
        struct lighting light =
            light_of(is_even ? EVEN : (enum light)(SLOPE + (i + i / SAMPLES) % (LIGHT_COUNT - 1)));
        photograph(&sample, &light, &picture);
        cr_assert(image_prepare_digit(&picture, digit, &error), "%s", error.message);
        image_digit_to_floats(digit, digits.pixels[i]);
        digits.labels[i] = (unsigned char)(i % SAMPLES / 2);
        image_free(&sample);
    }
    struct logits *logits = digits_run(program, ET_EAGER, &digits);
    for (int i = 0; i < PHOTOGRAPHS; i++)
        right += most_likely(&logits[i]) == digits.labels[i];
    et_release(logits);
    et_program_free(program);
    digits_free(&digits);
    return right;
}

Test(photograph, is_read_in_even_light, .timeout = 60) {
    int right = count_right(true);
    cr_log_info("%d of %d right in even light", right, PHOTOGRAPHS);
    cr_expect_geq(right, FEWEST_RIGHT, "%d of %d right", right, PHOTOGRAPHS);
}

Test(photograph, is_read_in_light_that_falls_off, .timeout = 60) {
    int right = count_right(false);
    cr_log_info("%d of %d right in light that falls off", right, PHOTOGRAPHS);
    cr_expect_geq(right, FEWEST_RIGHT, "%d of %d right", right, PHOTOGRAPHS);
}

/* ---- What stays as it is ---- */

Test(photograph, no_other_picture_is_touched, .timeout = 60) {
    struct image picture = {.width = SIDE, .height = SIDE, .rgba = photographed}, flat;
    unsigned char rgba[PAPER_BYTES];
    state = 2;
    for (int i = 0; i < SAMPLES; i++) {
        struct image sample = read_sample(i);
        struct lighting even = light_of(EVEN);
        cr_expect_not(image_flatten(&sample, rgba, &flat), "sample %d", i);
        photograph(&sample, &even, &picture);
        cr_expect_not(image_flatten(&picture, rgba, &flat), "sample %d in even light", i);
        image_free(&sample);
    }
}

/* One picture in light that falls off; `change` is what else is done to its pixels, if anything. */
static void photograph_slope(void (*change)(unsigned char *pixel)) {
    struct image sample = read_sample(7), picture = {SIDE, SIDE, photographed};
    struct lighting light = {.kind = SLOPE, .x = 1, .darkest = 0.35};
    state = 3;
    photograph(&sample, &light, &picture);
    for (int i = 0; change && i < SIDE * SIDE; i++)
        change(photographed + 4 * i);
    image_free(&sample);
}

static void invert(unsigned char *pixel) {
    for (int channel = 0; channel < 3; channel++)
        pixel[channel] = (unsigned char)(255 - pixel[channel]);
}

static void make_transparent(unsigned char *pixel) {
    pixel[3] = 254;
}

Test(photograph, light_ink_on_dark_is_ink_too) {
    struct image picture = {SIDE, SIDE, photographed};
    unsigned char dark[DIGIT_PIXELS], light[DIGIT_PIXELS];
    struct et_error error = {0};
    photograph_slope(NULL);
    cr_assert(image_prepare_digit(&picture, dark, &error), "%s", error.message);
    photograph_slope(invert);
    cr_assert(image_prepare_digit(&picture, light, &error), "%s", error.message);
    int differing = 0;
    for (int i = 0; i < DIGIT_PIXELS; i++)
        differing += abs(dark[i] - light[i]) > 32;
    cr_expect_lt(differing, 8, "%d pixels differ", differing);
}

Test(photograph, a_transparent_picture_is_none) {
    struct image picture = {SIDE, SIDE, photographed}, flat;
    unsigned char rgba[PAPER_BYTES];
    photograph_slope(NULL);
    cr_expect(image_flatten(&picture, rgba, &flat));
    photograph_slope(make_transparent);
    cr_expect_not(image_flatten(&picture, rgba, &flat));
}

Test(photograph, an_empty_sheet_in_uneven_light_is_blank) {
    struct lighting light = {.kind = LAMP, .x = 0, .y = 1.2, .darkest = 0.4};
    unsigned char nothing[4] = {255, 255, 255, 255}, digit[DIGIT_PIXELS];
    struct image sample = {1, 1, nothing}, picture = {SIDE, SIDE, photographed};
    struct et_error error = {0};
    state = 4;
    photograph(&sample, &light, &picture);
    cr_expect_not(image_prepare_digit(&picture, digit, &error));
    cr_expect(strstr(error.message, "blank"), "%s", error.message);
}

Test(photograph, every_shape_of_picture_is_looked_at_safely) {
    unsigned char rgba[PAPER_BYTES], digit[DIGIT_PIXELS];
    for (int height = 60; height <= SIDE; height += 25) {
        struct image picture = {SIDE, height, photographed}, flat;
        photograph_slope(NULL);
        image_prepare_digit(&picture, digit, NULL);
        if (image_flatten(&picture, rgba, &flat))
            cr_expect(flat.width <= PAPER_SIDE && flat.height <= PAPER_SIDE);
        picture = (struct image){height, SIDE, photographed};
        image_prepare_digit(&picture, digit, NULL);
    }
}
