/* A drawing made ready for the model in the browser, by the same C as on the server: a module of
 * WebAssembly, which scripts/page_modules.sh builds. The page writes to `ink`, calls prepare() and
 * reads `digit`. */
#include "server/browser/prepare.h"

#include "runtime/formats/image.h"

enum { MOST_SIDE = 256 }; /* SENT_SIDE of server/page/raster.js */

#define EXPORT(name) __attribute__((export_name(name)))

static unsigned char ink[MOST_SIDE * MOST_SIDE]; /* [height][width]: 255 black, 0 paper */
static unsigned char rgba[sizeof ink * 4];
static unsigned char digit[DIGIT_PIXELS];

/* The page knows of one reason: the drawing is blank. */
bool et_fail(struct et_error *error, const char *format, ...) {
    (void)error;
    (void)format;
    return false;
}

EXPORT("ink") unsigned char *address_of_ink(void) {
    return ink;
}

EXPORT("digit") unsigned char *address_of_digit(void) {
    return digit;
}

/* Of a drawing of that size; false: it is blank, or none. */
EXPORT("prepare") bool prepare(int width, int height) {
    if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE)
        return false;
    for (int i = 0; i < width * height; i++) {
        const unsigned char grey = (unsigned char)(255 - ink[i]);
        rgba[4 * i] = rgba[4 * i + 1] = rgba[4 * i + 2] = grey;
        rgba[4 * i + 3] = 255;
    }
    const struct image image = {width, height, rgba};
    return image_prepare_digit(&image, digit, NULL);
}
