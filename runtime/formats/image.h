/* Pictures: PNG files to pixels and back, and a drawn digit made ready as MNIST's own were.
 * Stands on compiler/base/base.h, libpng and zlib alone: standalone classifiers carry these files
 * too.
 */
#ifndef EIGENTENSOR_IMAGE_H
#define EIGENTENSOR_IMAGE_H

#include "compiler/base/base.h"

#define IMAGE_MAX_SIDE 4096                             /* pixels */
#define IMAGE_MAX_FILE_BYTES ((size_t)64 * 1024 * 1024) /* of a PNG as stored */

#define DIGIT_SIDE 28
#define DIGIT_PIXELS (DIGIT_SIDE * DIGIT_SIDE)

/* A picture of 1x1 to IMAGE_MAX_SIDE x IMAGE_MAX_SIDE pixels. */
struct image {
    int width, height;
    unsigned char *rgba; /* [height][width][4]: red, green, blue, alpha (255: opaque); owned */
};

/* Reads any PNG: every colour type, depth and interlacing; 16-bit samples are rounded to 8. Size
 * limits are checked before memory is taken for pixels; whatever is truncated or corrupt is an
 * error that begins with the path (or `name`) and carries libpng's reason. Bytes after the end of
 * the PNG are ignored; a pixel beyond the palette is black. The caller frees the picture with
 * image_free; after an error there is nothing to free. */
bool image_read_png(const char *path, struct image *image, struct et_error *error);
bool image_decode_png(const void *bytes, size_t count, const char *name, struct image *image,
                      struct et_error *error);
void image_free(struct image *image);

/* Writes an 8-bit grey picture, grey[height][width], as PNG: to the end of a text, or to a file. */
bool image_encode_png(const unsigned char *grey, int width, int height, struct text *png,
                      struct et_error *error);
bool image_write_png(const char *path, const unsigned char *grey, int width, int height,
                     struct et_error *error);

/* Turns a picture of one drawn digit into white ink on black, digit[28][28], as MNIST's were made;
 * image_prepare.c tells the recipe. A blank picture is an error (which cannot name the file). */
bool image_prepare_digit(const struct image *image, unsigned char digit[DIGIT_PIXELS],
                         struct et_error *error);

/* A photograph in uneven light becomes black ink on evenly white paper, of PAPER_SIDE pixels to a
 * side at most; image_paper.c tells the recipe. False where the light is even or the picture is no
 * photograph: it is to be taken as it is. The pixels of `flat` are `rgba`. */
#define PAPER_SIDE 160
#define PAPER_BYTES (PAPER_SIDE * PAPER_SIDE * 4)
bool image_flatten(const struct image *image, unsigned char rgba[PAPER_BYTES], struct image *flat);

/* The network's input: each byte / 255. */
void image_digit_to_floats(const unsigned char digit[DIGIT_PIXELS], float pixels[DIGIT_PIXELS]);

/* The same for inputs of integers that stand for (integer - zero) * scale: the nearest, halves to
 * even, of int8 where they are signed, else of uint8. The scale is positive. */
struct integer_scale {
    float scale;
    int64_t zero;
};
void image_pixels_to_integers(const unsigned char *pixels, int64_t count,
                              const struct integer_scale *scale, bool is_signed, void *integers);

#endif
