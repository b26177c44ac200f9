/* PNG files through libpng: any PNG becomes 8-bit RGBA, grey pictures become PNG. */
#include "runtime/formats/image.h"

#include <png.h>
#include <string.h>

/* Where libpng reads, writes and reports. */
struct channel {
    const char *name;
    struct et_error *error;
    const unsigned char *bytes; /* reading: what is left */
    size_t count;
    struct text *written; /* writing */
    bool out_of_memory;
};

static void *channel_allocate(png_structp png, png_alloc_size_t bytes) {
    struct channel *channel = png_get_mem_ptr(png);
    void *memory = et_allocate(1, bytes);
    if (!memory)
        channel->out_of_memory = true;
    return memory;
}

static void channel_release(png_structp png, png_voidp memory) {
    (void)png;
    et_release(memory);
}

/* libpng must not return from this one: it jumps back to the setjmp of the function at work. */
static void channel_failed(png_structp png, png_const_charp message) {
    struct channel *channel = png_get_error_ptr(png);
    et_fail(channel->error, "%s: damaged PNG: %s", channel->name, message);
    png_longjmp(png, 1);
}

static void channel_warned(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void channel_read(png_structp png, png_bytep bytes, size_t count) {
    struct channel *channel = png_get_io_ptr(png);
    if (count > channel->count)
        png_error(png, "the file ends too early");
    memcpy(bytes, channel->bytes, count);
    channel->bytes += count;
    channel->count -= count;
}

static void channel_write(png_structp png, png_bytep bytes, size_t count) {
    struct channel *channel = png_get_io_ptr(png);
    text_add_bytes(channel->written, (const char *)bytes, count);
    if (!text_check(channel->written, NULL)) {
        channel->out_of_memory = true;
        png_error(png, "out of memory");
    }
}

static void channel_flush(png_structp png) {
    (void)png;
}

static bool no_memory(const struct channel *channel) {
    return et_fail(channel->error, "%s: out of memory for a PNG", channel->name);
}

static uint32_t big_endian(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* requires: nothing
 * provides: the signature, an IHDR chunk and a size within our limits are there */
static bool check_start(const struct channel *channel) {
    const unsigned char *bytes = channel->bytes;
    if (channel->count < 8 || png_sig_cmp(bytes, 0, 8) != 0)
        return et_fail(channel->error, "%s: expected a PNG, its signature is missing",
                       channel->name);
    if (channel->count < 8 + 4 + 4 + 13 + 4)
        return et_fail(channel->error, "%s: damaged PNG: %zu bytes end within the header",
                       channel->name, channel->count);
    if (memcmp(bytes + 8, "\0\0\0\15IHDR", 8) != 0)
        return et_fail(channel->error, "%s: damaged PNG: the first chunk is not IHDR",
                       channel->name);
    uint32_t width = big_endian(bytes + 16), height = big_endian(bytes + 20);
    if (width < 1 || height < 1 || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE)
        return et_fail(channel->error, "%s: %ux%u pixels, expected 1x1 to %dx%d", channel->name,
                       width, height, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    return true;
}

static void set_limits(png_structp png) {
    png_set_user_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    png_set_chunk_cache_max(png, 16);
    png_set_chunk_malloc_max(png, 1024 * 1024);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    /* Texts, profiles and the like are skipped unread; transparency is not among them. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* Deflate shrinks at most 1032 times: a shorter file is refused before its pixels take memory. */
static bool file_can_hold_pixels(png_structp png, png_infop info, const struct channel *channel) {
    size_t pixels = png_get_rowbytes(png, info) * png_get_image_height(png, info);
    return pixels / 1032 <= channel->count;
}

/* Whatever the file holds, rows arrive as 8-bit RGBA. Returns the number of interlacing passes. */
static int ask_for_rgba(png_structp png, png_infop info) {
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return passes;
}

static bool read_pixels(png_structp png, png_infop info, struct channel *channel,
                        struct image *image) {
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_read_fn(png, channel, channel_read);
    set_limits(png);
    png_read_info(png, info);
    if (!file_can_hold_pixels(png, info, channel))
        png_error(png, "the file is too short for its pixels");
    image->width = (int)png_get_image_width(png, info);
    image->height = (int)png_get_image_height(png, info);
    int passes = ask_for_rgba(png, info);
    size_t row_bytes = (size_t)image->width * 4;
    if (png_get_rowbytes(png, info) != row_bytes)
        unreachable();
    image->rgba = et_allocate((size_t)image->height, row_bytes);
    if (!image->rgba)
        return no_memory(channel);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < image->height; y++)
            png_read_row(png, image->rgba + (size_t)y * row_bytes, NULL);
    png_read_end(png, info);
    return true;
}

bool image_decode_png(const void *bytes, size_t count, const char *name, struct image *image,
                      struct et_error *error) {
    struct channel channel = {.name = name, .error = error, .bytes = bytes, .count = count};
    *image = (struct image){0};
    if (!check_start(&channel))
        return false;
    png_structp png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &channel, channel_failed, channel_warned,
                                 &channel, channel_allocate, channel_release);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool good = false;
    if (info)
        good = read_pixels(png, info, &channel, image);
    if (!info || channel.out_of_memory)
        good = no_memory(&channel);
    png_destroy_read_struct(&png, &info, NULL);
    if (!good)
        image_free(image);
    return good;
}

bool image_read_png(const char *path, struct image *image, struct et_error *error) {
    char *bytes;
    size_t count;
    *image = (struct image){0};
    if (!read_file(path, IMAGE_MAX_FILE_BYTES, &bytes, &count, error))
        return false;
    bool good = image_decode_png(bytes, count, path, image, error);
    et_release(bytes);
    return good;
}

void image_free(struct image *image) {
    et_release(image->rgba);
    *image = (struct image){0};
}

static bool write_pixels(png_structp png, png_infop info, struct channel *channel,
                         const unsigned char *grey, int width, int height) {
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_write_fn(png, channel, channel_write, channel_flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(png, info);
    for (int y = 0; y < height; y++)
        png_write_row(png, grey + (size_t)y * (size_t)width);
    png_write_end(png, info);
    return true;
}

static bool encode(const char *name, const unsigned char *grey, int width, int height,
                   struct text *text, struct et_error *error) {
    struct channel channel = {.name = name, .error = error, .written = text};
    if (width < 1 || height < 1 || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE)
        return et_fail(error, "%s: %dx%d pixels, expected 1x1 to %dx%d", name, width, height,
                       IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    png_structp png =
        png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &channel, channel_failed, channel_warned,
                                  &channel, channel_allocate, channel_release);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool good = false;
    if (info)
        good = write_pixels(png, info, &channel, grey, width, height);
    if (!info || channel.out_of_memory)
        good = no_memory(&channel);
    png_destroy_write_struct(&png, &info);
    return good;
}

bool image_encode_png(const unsigned char *grey, int width, int height, struct text *png,
                      struct et_error *error) {
    return encode("picture", grey, width, height, png, error);
}

bool image_write_png(const char *path, const unsigned char *grey, int width, int height,
                     struct et_error *error) {
    struct text png = {0};
    bool good = encode(path, grey, width, height, &png, error);
    const char *bytes = good ? text_read(&png, error) : NULL;
    good = bytes && write_file(path, bytes, png.length, error);
    text_free(&png);
    return good;
}
