/* NumPy's .npy files: read as NumPy wrote them, written as NumPy would, damaged in every way. */
#include "runtime/formats/npy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files that NumPy 2.4.6 wrote ---- */

static const char floats_2x3[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  "
    "                                                        \n"
    "\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00\xc0\x00\x00@@\x00\x00\x00?\xca\xf2Iq";

static const char big_endian_ints[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '>i4', 'fortran_order': False, 'shape': (3,), }    "
    "                                                        \n"
    "\x00\x00\x00\x01\xff\xff\xff\xfe\x01\x02\x03\x04";

static const char fortran_longs_2x3[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': True, 'shape': (2, 3), }   "
    "                                                        \n"
    "\x01\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00"
    "\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00"
    "\xfa\xff\xff\xff\xff\xff\xff\xff";

static const char fortran_big_halves_2x3x2[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '>f2', 'fortran_order': True, 'shape': (2, 3, 2), }"
    "                                                        \n"
    "\x00\x00"
    "F\x00@\x00H\x00"
    "D\x00I\x00<\x00G\x00"
    "B\x00H\x80"
    "E\x00I\x80";

static const char number[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (), }      "
    "                                                        \n"
    "\x00\x00\x00\x00\x00\x00\x0c@";

static const char truths[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }    "
    "                                                        \n"
    "\x01\x00";

static const char empty[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (0, 5), }  "
    "                                                        \n";

static const char halves_2_0[] =
    "\x93NUMPY\x02\x00t\x00\x00\x00{'descr': '<f2', 'fortran_order': False, 'shape': (3,"
    "), }                                                          \n"
    "\x00\x00\x00<\x00@";

static const char bytes_3_0[] =
    "\x93NUMPY\x03\x00t\x00\x00\x00{'descr': '|i1', 'fortran_order': False, 'shape': (2,"
    "), }                                                          \n"
    "\xff\x05";

#define DECODE(file, npy) decode(file, sizeof file - 1, npy)

static void decode(const char *file, size_t count, struct npy *npy) {
    struct et_error error = {""};
    cr_assert(npy_decode(file, count, "a.npy", npy, &error), "%s", error.message);
}

/* The array is what it should be; it is freed. */
static void check(struct npy *npy, const char *descr, int rank, const int64_t *shape,
                  const void *elements, size_t bytes) {
    cr_assert_str_eq(npy->descr, descr);
    cr_assert(npy->rank == rank);
    cr_assert(memcmp(npy->shape, shape, (size_t)rank * sizeof *shape) == 0);
    cr_assert(npy->byte_count == bytes, "%zu bytes", npy->byte_count);
    cr_assert(memcmp(npy->bytes, elements, bytes) == 0);
    npy_free(npy);
    cr_assert_null(npy->bytes);
}

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

Test(npy, reads_what_numpy_writes) {
    struct npy npy;
    DECODE(floats_2x3, &npy);
    check(&npy, "<f4", 2, SHAPE(2, 3), (const float[]){0, 1, -2, 3, 0.5f, 1e30f}, 24);
    DECODE(big_endian_ints, &npy);
    check(&npy, "<i4", 1, SHAPE(3), (const int32_t[]){1, -2, 0x01020304}, 12);
    DECODE(fortran_longs_2x3, &npy);
    check(&npy, "<i8", 2, SHAPE(2, 3), (const int64_t[]){1, 2, 3, 4, 5, -6}, 48);
    DECODE(number, &npy);
    check(&npy, "<f8", 0, SHAPE(0), (const double[]){3.5}, 8);
    DECODE(truths, &npy);
    check(&npy, "|b1", 1, SHAPE(2), "\1\0", 2);
    DECODE(empty, &npy);
    check(&npy, "|u1", 2, SHAPE(0, 5), "", 0);
    DECODE(halves_2_0, &npy);
    check(&npy, "<f2", 1, SHAPE(3), (const uint16_t[]){0, 0x3c00, 0x4000}, 6);
    DECODE(bytes_3_0, &npy);
    check(&npy, "|i1", 1, SHAPE(2), "\xff\5", 2);
    DECODE(fortran_big_halves_2x3x2, &npy);
    static const uint16_t counted[12] = {0,      0x3c00, 0x4000, 0x4200, 0x4400, 0x4500,
                                         0x4600, 0x4700, 0x4800, 0x4880, 0x4900, 0x4980};
    check(&npy, "<f2", 3, SHAPE(2, 3, 2), counted, 24);
}

/* Files that NumPy wrote in version 1.0, C order and little-endian come out as they went in. */
Test(npy, writes_what_numpy_writes) {
    static const struct {
        const char *file;
        size_t count;
    } cases[] = {{floats_2x3, sizeof floats_2x3 - 1},
                 {number, sizeof number - 1},
                 {truths, sizeof truths - 1},
                 {empty, sizeof empty - 1}};
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        struct npy npy;
        struct text file = {0};
        struct et_error error = {""};
        decode(cases[which].file, cases[which].count, &npy);
        cr_assert(npy_encode(&npy, &file, &error), "%s", error.message);
        cr_assert(file.length == cases[which].count, "%zu bytes", file.length);
        cr_assert(memcmp(file.bytes, cases[which].file, file.length) == 0);
        npy_free(&npy);
        text_free(&file);
    }
}

Test(npy, round_trips_through_files) {
    static const char *const descrs[] = {
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, ...) npy,
#include "compiler/graph/dtypes.def"
#undef DTYPE
    };
    char path[] = "/tmp/test_npy_XXXXXX";
    unsigned char bytes[64];
    int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
    for (size_t which = 0; which < sizeof descrs / sizeof *descrs; which++)
        for (int rank = 0; descrs[which][0] && rank <= NPY_MAX_RANK; rank++) {
            struct npy npy = {.rank = rank, .bytes = bytes}, again;
            struct et_error error = {""};
            memcpy(npy.descr, descrs[which], 4);
            npy.byte_count = (size_t)(npy.descr[2] - '0');
            for (int axis = 0; axis < rank; axis++)
                npy.shape[axis] = axis < 3 ? 2 : 1;
            npy.byte_count <<= rank < 3 ? rank : 3;
            for (size_t place = 0; place < sizeof bytes; place++)
                bytes[place] =
                    (unsigned char)(descrs[which][1] == 'b' ? place % 3 == 0 : place * 37 + which);
            cr_assert(npy_write(path, &npy, &error), "%s", error.message);
            cr_assert(npy_read(path, 1 << 16, &again, &error), "%s", error.message);
            check(&again, npy.descr, rank, npy.shape, bytes, npy.byte_count);
        }
    struct npy npy;
    struct et_error error = {""};
    cr_assert_not(npy_read(path, 100, &npy, &error));
    cr_assert(strstr(error.message, " bytes, expected at most 100"));
    remove(path);
    cr_assert_not(npy_read("/nowhere/a.npy", 100, &npy, &error));
    cr_assert_str_eq(error.message, "/nowhere/a.npy: No such file or directory");
}

static void check_refused(const void *bytes, size_t count, const char *message) {
    struct npy npy;
    struct et_error error = {""};
    cr_assert_not(npy_decode(bytes, count, "a.npy", &npy, &error), "expected %s", message);
    cr_assert_str_eq(error.message, message);
    cr_assert_null(npy.bytes);
}

Test(npy, refuses_damaged_files_and_says_why) {
    static const struct {
        const char *bytes;
        size_t count;
        const char *message;
    } cases[] = {
        {"", 0, "a.npy: expected an npy file, its magic number is missing"},
        {"\x93NUMPY\1", 7, "a.npy: expected an npy file, its magic number is missing"},
        {"\x93NUMPX\1\0\2\0{}", 12, "a.npy: expected an npy file, its magic number is missing"},
        {"\x93NUMPY\4\0\2\0{}", 12, "a.npy: npy version 4.0, expected 1.0, 2.0 or 3.0"},
        {"\x93NUMPY\1\1\2\0{}", 12, "a.npy: npy version 1.1, expected 1.0, 2.0 or 3.0"},
        {"\x93NUMPY\1\0\2", 9, "a.npy: the npy file ends within its header"},
        {"\x93NUMPY\2\0\2\0\0", 11, "a.npy: the npy file ends within its header"},
        {"\x93NUMPY\1\0\3\0{}", 12, "a.npy: the npy file ends within its header"},
        {"\x93NUMPY\1\0\x11\x27{}", 12, "a.npy: npy header of 10001 bytes, expected at most 10000"},
        {"\x93NUMPY\2\0\xff\xff\xff\xff{}", 14,
         "a.npy: npy header of 4294967295 bytes, expected at most 10000"},
    };
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++)
        check_refused(cases[which].bytes, cases[which].count, cases[which].message);
}

/* A version 1.0 file with this header and this many zero bytes of elements. */
static struct text with_header(const char *header, size_t elements) {
    static const char zeros[64];
    struct text file = {0};
    size_t length = strlen(header);
    char size[2] = {(char)(length & 0xff), (char)(length >> 8)};
    text_add_bytes(&file, "\x93NUMPY\1", 8);
    text_add_bytes(&file, size, 2);
    text_add_bytes(&file, header, length);
    text_add_bytes(&file, zeros, elements);
    return file;
}

#define REST "'fortran_order': False, 'shape': (2,), }\n"
#define START "{'descr': '|u1', 'fortran_order': False, 'shape': "

Test(npy, refuses_damaged_headers_and_says_why) {
    static const struct {
        const char *header;
        size_t elements;
        const char *message; /* after "a.npy: " */
    } cases[] = {
        {"", 0, "npy header, byte 0: expected '{', found its end"},
        {"[1]\n", 0, "npy header, byte 0: expected '{', found '['"},
        {"{}\n", 0, "npy header: key 'descr' is missing"},
        {"{'shape': (), 'descr': '<f4', }\n", 4, "npy header: key 'fortran_order' is missing"},
        {"{'descr': '<f4', 'fortran_order': True}\n", 4, "npy header: key 'shape' is missing"},
        {"{'descr': '<f4', 'descr': '<f4', " REST, 8, "npy header: repeated key 'descr'"},
        {"{'colour': '<f4', " REST, 8, "npy header: unknown key 'colour'"},
        {"{descr: '<f4', " REST, 8, "npy header, byte 1: expected a key, found 'd'"},
        {"{'descr' '<f4', " REST, 8, "npy header, byte 9: expected ':', found '''"},
        {"{'descr': 4, " REST, 8, "npy header, byte 10: expected the string of 'descr', found '4'"},
        {"{'descr': '<f4 " REST, 8, "npy header, byte 16: expected ',' or '}', found 'f'"},
        {"{'descr': '<f4' " REST, 8, "npy header, byte 16: expected ',' or '}', found '''"},
        {"{'descr': '<\\x664', " REST, 8,
         "npy header, byte 12: expected the end of a short string, found '\\'"},
        {"{'descr': '<f4\n', " REST, 8,
         "npy header, byte 14: expected the end of a short string, found byte 0x0a"},
        {"{'descr': '0123456789012345678901234567890123456789x', " REST, 8,
         "npy header, byte 51: expected the end of a short string, found 'x'"},
        {"{'descr': [('x', '<f4')], " REST, 8, "npy arrays of structures are not supported"},
#define TYPES " is not supported, expected one of f4, f8, f2, i4, i8, u1, i1, i2, u2, u4, u8, b1"
        {"{'descr': '<c8', " REST, 16, "npy element type '<c8'" TYPES},
        {"{'descr': '|i2', " REST, 4, "npy element type '|i2'" TYPES},
        {"{'descr': '|f4', " REST, 8, "npy element type '|f4'" TYPES},
        {"{'descr': '<i1', " REST, 2, "npy element type '<i1'" TYPES},
        {"{'descr': '|O', " REST, 16, "npy element type '|O'" TYPES},
        {"{'descr': '', " REST, 8, "npy element type ''" TYPES},
        {"{'descr': '<f44', " REST, 8, "npy element type '<f44'" TYPES},
        {"{'descr': '|u1', 'fortran_order': None, 'shape': (), }\n", 1,
         "npy header, byte 34: expected True or False, found 'N'"},
        {START "[2], }\n", 2, "npy header, byte 50: expected the tuple of 'shape', found '['"},
        {START "2, }\n", 2, "npy header, byte 50: expected the tuple of 'shape', found '2'"},
        {START "(2), }\n", 2, "npy header, byte 52: expected ',' before ')'"},
        {START "(-2,), }\n", 2, "npy header, byte 51: expected a size, found '-'"},
        {START "(2l,), }\n", 2, "npy header, byte 52: expected ',' or ')', found 'l'"},
        {START "(2LL,), }\n", 2, "npy header, byte 53: expected ',' or ')', found 'L'"},
        {START "(L,), }\n", 2, "npy header, byte 51: expected a size, found 'L'"},
        {START "(,), }\n", 1, "npy header, byte 51: expected a size, found ','"},
        {START "(2,", 2, "npy header, byte 53: expected a size, found its end"},
        {START "(9223372036854775808,), }\n", 2,
         "npy header, byte 51: the size does not fit 64 bits"},
        {START "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1), }\n", 1,
         "npy shape of more than 32 axes"},
        {START "(4294967296, 4294967296), }\n", 2,
         "the npy shape is too large, its bytes overflow"},
        {START "(9223372036854775807,), }\n", 2,
         "expected 9223372036854775807 bytes of npy elements, found 2"},
        {START "(2,), }", 2, "npy header, byte 57: expected spaces and a line feed, found its end"},
        {START "(2,), } x\n", 2, "npy header, byte 58: expected spaces and a line feed, found 'x'"},
        {START "(2,), }\n ", 2,
         "npy header, byte 58: expected nothing after the line feed, found "
         "byte 0x20"},
        {START "(2,), }\n", 1, "expected 2 bytes of npy elements, found 1"},
        {START "(2,), }\n", 3, "expected 2 bytes of npy elements, found 3"},
        {START "(), }\n", 0, "expected 1 bytes of npy elements, found 0"},
    };
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        struct text file = with_header(cases[which].header, cases[which].elements);
        char message[256];
        snprintf(message, sizeof message, "a.npy: %s", cases[which].message);
        check_refused(file.bytes, file.length, message);
        text_free(&file);
    }
}

/* NumPy for Python 2 could write its long integers so, and NumPy of today reads it. */
Test(npy, takes_long_sizes_of_python_2) {
    static const char *const shapes[] = {"(2L, 3L)", "(2L,3)", "(6L,)"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct npy npy;
        struct et_error error = {""};
        char bytes[200], header[120];
        int length =
            snprintf(header, sizeof header,
                     "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n", shapes[i]);
        memcpy(bytes, "\x93NUMPY\1\0", 8);
        bytes[8] = (char)length;
        bytes[9] = 0;
        memcpy(bytes + 10, header, (size_t)length);
        memcpy(bytes + 10 + length, "\1\2\3\4\5\6", 6);
        cr_assert(npy_decode(bytes, 16 + (size_t)length, "f", &npy, &error), "%s", error.message);
        cr_assert_eq(npy.byte_count, 6);
        npy_free(&npy);
    }
}

Test(npy, takes_keys_in_any_order_and_either_quote) {
    struct npy npy;
    struct text file =
        with_header("{\"shape\":(1,2,),'fortran_order':True,\"descr\":\">f4\"}   \n", 8);
    file.bytes[file.length - 8] = 0x3f;
    decode(file.bytes, file.length, &npy);
    check(&npy, "<f4", 2, SHAPE(1, 2), "\0\0\0\x3f\0\0\0\0", 8);
    text_free(&file);
}

Test(npy, refuses_bools_that_are_neither) {
    char file[sizeof truths];
    memcpy(file, truths, sizeof file);
    file[sizeof truths - 2] = 2;
    check_refused(file, sizeof truths - 1,
                  "a.npy: npy element 1: expected a bool, 0 or 1, found 2");
}

Test(npy, refuses_every_truncation_and_survives_every_changed_byte) {
    char file[sizeof fortran_longs_2x3];
    struct npy npy;
    struct et_error error;
    memcpy(file, fortran_longs_2x3, sizeof file);
    for (size_t count = 0; count < sizeof file - 1; count++)
        cr_assert_not(npy_decode(file, count, "a.npy", &npy, &error));
    for (size_t at = 0; at < sizeof file - 1; at++)
        for (int bit = 0; bit < 8; bit++) {
            file[at] ^= (char)(1 << bit);
            if (npy_decode(file, sizeof file - 1, "a.npy", &npy, NULL))
                cr_assert(npy.byte_count == 48);
            npy_free(&npy);
            file[at] ^= (char)(1 << bit);
        }
}

Test(npy, refuses_to_write_arrays_that_disagree) {
    static float numbers[2];
    const struct npy good = {"<f4", 1, {2}, numbers, 8};
    struct npy cases[] = {good, good, good, good, good};
    memcpy(cases[0].descr, "<c8", 4);
    cases[1].rank = NPY_MAX_RANK + 1;
    cases[2].shape[0] = 3;
    cases[3].shape[0] = -2;
    cases[4].byte_count = 4;
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        struct text file = {0};
        struct et_error error = {""};
        cr_assert_not(npy_encode(&cases[which], &file, &error));
        cr_assert_str_eq(error.message,
                         "array: not an npy array: descr, shape and byte count disagree");
        cr_assert_null(file.bytes);
    }
}

Test(npy, survives_every_failing_allocation) {
    struct npy npy;
    struct et_error error;
    struct text file = {0};
    et_fail_allocation(1);
    cr_assert_not(npy_decode(floats_2x3, sizeof floats_2x3 - 1, "a.npy", &npy, &error));
    cr_assert_str_eq(error.message, "a.npy: out of memory for 24 bytes");
    et_fail_allocation(0);
    DECODE(floats_2x3, &npy);
    unsigned long nth = 0;
    for (bool good = false; !good;) {
        text_free(&file);
        et_fail_allocation(++nth);
        good = npy_encode(&npy, &file, &error);
        et_fail_allocation(0);
        cr_assert(good || strcmp(error.message, "array: out of memory for 24 bytes") == 0);
    }
    cr_assert_gt(nth, 2);
    cr_assert(file.length == sizeof floats_2x3 - 1);
    text_free(&file);
    npy_free(&npy);
}
