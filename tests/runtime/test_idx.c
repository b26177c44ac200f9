/* IDX files: files built here byte by byte, gzipped by zlib, damaged in every way. */
#include "runtime/formats/idx.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define LIMIT ((size_t)1 << 20)

/* A file that the test wrote and removes. */
struct file {
    char path[64];
};

static struct file idx_file(const void *bytes, size_t count) {
    struct file file = {"/tmp/test_idx_XXXXXX"};
    int handle = mkstemp(file.path);
    cr_assert(handle >= 0);
    cr_assert(write(handle, bytes, count) == (ssize_t)count);
    close(handle);
    return file;
}

/* The bytes as one gzip member; returns its length. */
static size_t pack(const void *bytes, size_t count, unsigned char *packed, size_t room) {
    z_stream stream = {0};
    cr_assert(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)count;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    cr_assert(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

/* Reads, removes the file, and takes the path from the front of the message. */
static bool read_idx(const void *bytes, size_t count, size_t limit, struct idx *idx,
                     struct et_error *error) {
    struct file file = idx_file(bytes, count);
    bool good = idx_read(file.path, limit, idx, error);
    remove(file.path);
    size_t length = strlen(file.path);
    if (!good) {
        cr_assert(strncmp(error->message, file.path, length) == 0, "%s", error->message);
        memmove(error->message, error->message + length, strlen(error->message + length) + 1);
    }
    return good;
}

static void check_refused(const void *bytes, size_t count, size_t limit, const char *message) {
    struct idx idx;
    struct et_error error = {""};
    cr_assert_not(read_idx(bytes, count, limit, &idx, &error), "expected %s", message);
    cr_assert_str_eq(error.message, message);
    cr_assert_null(idx.bytes);
}

/* The bytes as they are and gzipped: the elements must be these. */
static void check_elements(const void *bytes, size_t count, enum idx_type type, int rank,
                           const int64_t *shape, const void *elements, size_t element_bytes) {
    unsigned char packed[1024];
    size_t packed_count = pack(bytes, count, packed, sizeof packed);
    for (int gzipped = 0; gzipped < 2; gzipped++) {
        struct idx idx;
        struct et_error error = {""};
        bool good = gzipped ? read_idx(packed, packed_count, LIMIT, &idx, &error)
                            : read_idx(bytes, count, LIMIT, &idx, &error);
        cr_assert(good, "%s", error.message);
        cr_assert(idx.type == type && idx.rank == rank && idx.element_bytes == element_bytes);
        cr_assert(memcmp(idx.shape, shape, (size_t)rank * sizeof *shape) == 0);
        size_t total = element_bytes;
        for (int axis = 0; axis < rank; axis++)
            total *= (size_t)shape[axis];
        cr_assert(idx.byte_count == total);
        cr_assert(memcmp(idx.bytes, elements, total) == 0);
        idx_free(&idx);
        cr_assert_null(idx.bytes);
    }
}

#define BYTES(...)                                                                                 \
    ((const unsigned char[]){__VA_ARGS__}), sizeof((const unsigned char[]){__VA_ARGS__})
#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

Test(idx, reads_every_element_type) {
    check_elements(BYTES(0, 0, 8, 1, 0, 0, 0, 3, 1, 128, 255), IDX_UINT8, 1, SHAPE(3),
                   (const uint8_t[]){1, 128, 255}, 1);
    check_elements(BYTES(0, 0, 9, 1, 0, 0, 0, 2, 0x80, 0xff), IDX_INT8, 1, SHAPE(2),
                   (const int8_t[]){-128, -1}, 1);
    check_elements(BYTES(0, 0, 11, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe), IDX_INT16, 1, SHAPE(2),
                   (const int16_t[]){258, -2}, 2);
    check_elements(BYTES(0, 0, 12, 1, 0, 0, 0, 2, 1, 2, 3, 4, 255, 255, 255, 253), IDX_INT32, 1,
                   SHAPE(2), (const int32_t[]){16909060, -3}, 4);
    check_elements(BYTES(0, 0, 13, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0), IDX_FLOAT32,
                   1, SHAPE(2), (const float[]){1.0f, -2.5f}, 4);
    check_elements(BYTES(0, 0, 14, 1, 0, 0, 0, 1, 0x40, 9, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18),
                   IDX_FLOAT64, 1, SHAPE(1), (const double[]){3.141592653589793}, 8);
}

Test(idx, reads_ranks_1_to_8_and_empty_axes) {
    unsigned char file[4 + 4 * 8 + 6] = {0, 0, 8};
    int64_t shape[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int rank = 1; rank <= 8; rank++) {
        memset(file + 4, 0, sizeof file - 4);
        shape[rank - 1] = 2;
        shape[0] = rank == 1 ? 6 : 3; /* 6, 3x2, 3x1x2, ... */
        file[3] = (unsigned char)rank;
        for (int axis = 0; axis < rank; axis++)
            file[7 + 4 * axis] = (unsigned char)(rank == 1 ? 6 : shape[axis]);
        memcpy(file + 4 + 4 * rank, "abcdef", 6);
        check_elements(file, 4 + 4 * (size_t)rank + 6, IDX_UINT8, rank, shape, "abcdef", 1);
        shape[rank - 1] = 1;
    }
    check_elements(BYTES(0, 0, 14, 2, 0, 0, 0, 0, 0, 0, 0, 9), IDX_FLOAT64, 2, SHAPE(0, 9), "", 8);
}

Test(idx, refuses_damaged_files_and_says_why) {
    static const struct {
        const char *bytes;
        size_t count, limit;
        const char *message;
    } cases[] = {
        {"", 0, LIMIT, ": expected an IDX file, found 0 bytes"},
        {"\0\0\x08", 3, LIMIT, ": expected an IDX file, found 3 bytes"},
        {"\0\1\x08\1\0\0\0\1a", 9, LIMIT,
         ": expected an IDX file, which starts with 00 00, found 00 01"},
        {"\x89PNG", 4, LIMIT, ": expected an IDX file, which starts with 00 00, found 89 50"},
        {"\0\0\x0a\1\0\0\0\1a", 9, LIMIT,
         ": unknown IDX element type 0x0a, expected 08, 09, 0b, 0c, 0d or 0e"},
        {"\0\0\x08\0", 4, LIMIT, ": IDX rank 0, expected 1 to 8"},
        {"\0\0\x08\x09", 4, LIMIT, ": IDX rank 9, expected 1 to 8"},
        {"\0\0\x08\2\0\0\0\1\0\0", 10, LIMIT, ": an IDX shape of 2 sizes ends after 6 bytes"},
        {"\0\0\x08\1\0\0\0\3ab", 10, LIMIT, ": expected 3 bytes of elements, found 2"},
        {"\0\0\x08\1\0\0\0\3abcd", 12, LIMIT, ": more bytes after the last element"},
        {"\0\0\x0d\1\0\0\0\2abcdefg", 15, LIMIT, ": expected 8 bytes of elements, found 7"},
        {"\0\0\x08\1\0\0\1\0a", 9, 255, ": 256 bytes of elements, expected at most 255"},
        {"\0\0\x08\1\0\0\1\0a", 9, 256, ": expected 256 bytes of elements, found 1"},
        {"\0\0\x08\1\0\0\0\3abc", 11, 10, ": 11 bytes, expected at most 10"},
        {"\0\0\x0e\2\xff\xff\xff\xff\xff\xff\xff\xff", 12, LIMIT,
         ": the IDX shape is too large: axis 1 of 2 overflows"},
        {"\0\0\x08\1\xff\xff\xff\xff", 8, LIMIT,
         ": 4294967295 bytes of elements, expected at most 1048576"},
    };
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++)
        check_refused(cases[which].bytes, cases[which].count, cases[which].limit,
                      cases[which].message);
    struct idx idx;
    struct et_error error = {""};
    cr_assert_not(idx_read("/nowhere/a.idx", LIMIT, &idx, &error));
    cr_assert_str_eq(error.message, "/nowhere/a.idx: No such file or directory");
}

static const unsigned char small[] = {0, 0, 8, 1, 0, 0, 0, 3, 'a', 'b', 'c'};

Test(idx, refuses_damaged_gzip_and_says_why) {
    unsigned char packed[256];
    size_t count = pack(small, sizeof small, packed, sizeof packed);
    for (size_t cut = 2; cut < count; cut++)
        check_refused(packed, cut, LIMIT, ": damaged gzip: the file ends too early");
    packed[count] = 'x';
    check_refused(packed, count + 1, LIMIT, ": bytes that are not gzip's after the last element");
    packed[count - 5] ^= 1;
    check_refused(packed, count, LIMIT, ": damaged gzip: incorrect data check");
    packed[2] = 7;
    check_refused(packed, count, LIMIT, ": damaged gzip: unknown compression method");
    count = pack(small, sizeof small - 1, packed, sizeof packed);
    check_refused(packed, count, LIMIT, ": expected 3 bytes of elements, found 2");
    count = pack("\0\0\x08\1\0\0\0\2abc", 11, packed, sizeof packed);
    check_refused(packed, count, LIMIT, ": more bytes after the last element");
}

/* RFC 1952, 2.2: a file is a series of members; what wrote to tapes padded it with zeros. */
Test(idx, reads_gzip_of_several_members) {
    static const unsigned char plain[] = {0, 0, 8, 1, 0, 0, 0, 5, 10, 20, 30, 40, 50};
    static const size_t cuts[] = {0, 1, 4, 8, 10, 13};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        for (size_t zeros = 0; zeros < 4; zeros++) {
            unsigned char packed[400] = {0};
            size_t cut = cuts[i], count = pack(plain, cut, packed, 200) + zeros;
            count += pack(plain + cut, sizeof plain - cut, packed + count, 190);
            struct idx idx;
            struct et_error error = {""};
            cr_assert(read_idx(packed, count + zeros, LIMIT, &idx, &error), "%s", error.message);
            cr_assert_arr_eq(idx.bytes, plain + 8, 5);
            idx_free(&idx);
            packed[count] = 0x1f;
            check_refused(packed, count + 1, LIMIT,
                          ": bytes that are not gzip's after the last element");
        }
}

Test(idx, refuses_bombs_before_taking_memory) {
    static unsigned char zeros[900000] = {0, 0, 8, 1, 0, 0x0d, 0xbb, 0x98}; /* 899992 elements */
    static unsigned char packed[10000];
    size_t count = pack(zeros, sizeof zeros, packed, sizeof packed);
    cr_assert_lt(count, 2000);
    check_refused(packed, count, 100000, ": 899992 bytes of elements, expected at most 100000");
    check_refused(BYTES(0, 0, 8, 1, 0x7f, 0xff, 0xff, 0xff), (size_t)1 << 31,
                  ": expected 2147483647 bytes of elements, found 0");
    count = pack("\0\0\x08\1\x7f\xff\xff\xff", 8, packed, sizeof packed);
    struct idx idx;
    struct et_error error = {""};
    cr_assert_not(read_idx(packed, count, (size_t)1 << 31, &idx, &error));
    cr_assert(strncmp(error.message, ": expected 2147483647 bytes of elements in ", 43) == 0, "%s",
              error.message);
}

Test(idx, survives_every_failing_allocation) {
    unsigned char packed[256];
    size_t count = pack(small, sizeof small, packed, sizeof packed);
    struct file file = idx_file(packed, count);
    struct idx idx;
    unsigned long nth = 0;
    for (bool good = false; !good;) {
        struct et_error error = {""};
        et_fail_allocation(++nth);
        good = idx_read(file.path, LIMIT, &idx, &error);
        et_fail_allocation(0);
        cr_assert(good || (strstr(error.message, ": out of memory") && !idx.bytes), "%s",
                  error.message);
    }
    cr_assert_gt(nth, 3);
    cr_assert(memcmp(idx.bytes, "abc", 3) == 0);
    idx_free(&idx);
    remove(file.path);
}

/* The files themselves, where they are: their shape, and what is known of their first image. */
Test(idx, reads_mnist) {
    const char *folder = getenv("MNIST_DIR");
    char path[512];
    struct idx images, labels;
    struct et_error error = {""};
    folder = folder ? folder : "../shared/mnist";
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte.gz", folder);
    if (access(path, R_OK) != 0)
        cr_skip_test("no MNIST in %s (set MNIST_DIR)", folder);
    cr_assert(idx_read(path, (size_t)64 << 20, &images, &error), "%s", error.message);
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte.gz", folder);
    cr_assert(idx_read(path, (size_t)64 << 20, &labels, &error), "%s", error.message);
    cr_assert(images.type == IDX_UINT8 && images.rank == 3 && images.shape[0] == 10000 &&
              images.shape[1] == 28 && images.shape[2] == 28);
    cr_assert(labels.rank == 1 && labels.shape[0] == 10000);
    int counts[10] = {0};
    for (int place = 0; place < 10000; place++)
        counts[labels.bytes[place]]++;
    static const int expected[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    cr_assert(memcmp(counts, expected, sizeof counts) == 0);
    idx_free(&images);
    idx_free(&labels);
}
