#include "compiler/store/safetensors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file in memory: the header's length as it is or as given, the header, zeros as data. */
struct file {
    char bytes[24 << 10];
    size_t count;
};

static struct file make_file(uint64_t header_length, const char *header, size_t header_bytes,
                             size_t data_bytes) {
    struct file file = {.count = 8 + header_bytes + data_bytes};
    memcpy(file.bytes, &header_length, 8);
    memcpy(file.bytes + 8, header, header_bytes);
    return file;
}

static struct file simple_file(const char *header, size_t data_bytes) {
    return make_file(strlen(header), header, strlen(header), data_bytes);
}

static void expect_refusal(const struct file *file, const char *expected) {
    struct et_error error = {""};
    struct weights *weights = weights_decode(file->bytes, file->count, "f", &error);
    cr_assert_null(weights, "accepted, expected: %s", expected);
    cr_expect(strcmp(error.message, expected) == 0, "\n   found: %s\nexpected: %s", error.message,
              expected);
    cr_assert_null(weights_decode(file->bytes, file->count, "f", NULL));
}

#define A "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define B(offsets) ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}}"
#define ONE(dtype, shape, offsets)                                                                 \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define ONES "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
#define TYPES "expected one of F32, F64, F16, BF16, I32, I64, U8, I8, I16, U16, U32, U64, BOOL"

static const struct {
    const char *header;
    size_t data_bytes;
    const char *message;
} refused[] = {
#include "tests/store/malformed_safetensors.def"
};

Test(safetensors, malformed_headers) {
    cr_assert_geq(sizeof refused / sizeof *refused, 40);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct file file = simple_file(refused[i].header, refused[i].data_bytes);
        expect_refusal(&file, refused[i].message);
    }
}

Test(safetensors, malformed_lengths) {
    struct file empty = {.count = 0}, seven = {.count = 7};
    expect_refusal(&empty, "f: 0 bytes, expected at least 8");
    expect_refusal(&seven, "f: 7 bytes, expected at least 8");
    struct file no_header = make_file(0, "", 0, 0);
    expect_refusal(&no_header, "f: header: line 1, column 0: '[' or '{' expected near end of file");
    struct file huge = make_file(UINT64_MAX, "{}", 2, 0);
    expect_refusal(&huge, "f: a header of 18446744073709551615 bytes, expected at most 100000000");
    struct file over = make_file(100000001, "{}", 2, 0);
    expect_refusal(&over, "f: a header of 100000001 bytes, expected at most 100000000");
    struct file beyond = make_file(3, "{}", 2, 0);
    expect_refusal(&beyond, "f: a header of 3 bytes, but 2 follow");
    struct file big_endian = make_file(0x0200000000000000, "{}", 2, 0);
    expect_refusal(&big_endian,
                   "f: a header of 144115188075855872 bytes, expected at most 100000000");
    struct file nul = make_file(4, "{}\0 ", 4, 0);
    expect_refusal(&nul, "f: header: line 1, column 3: end of file expected near end of file");
    /* A second header behind the first one's length: a file that two readers read differently. */
    struct file polyglot = make_file(2, "{}{\"a\":{}}", 10, 0);
    expect_refusal(&polyglot, "f: 8 bytes of data, but the tensors take 0");
}

/* Every byte of a header replaced, and every length cut off: refused or read, never more. */
Test(safetensors, damaged_headers) {
    static const char header[] = A B("[8,16]");
    struct file file = simple_file(header, 16);
    for (size_t i = 0; i < sizeof header - 1 + 8; i++) {
        char right = file.bytes[i];
        for (const char *wrong = "\"0-9[{,\xff"; *wrong; wrong++) {
            file.bytes[i] = *wrong;
            weights_free(weights_decode(file.bytes, file.count, "f", NULL));
        }
        file.bytes[i] = right;
    }
    for (size_t kept = 0; kept < file.count; kept++)
        cr_assert_null(weights_decode(file.bytes, kept, "f", NULL));
}

Test(safetensors, long_name) {
    char header[20700], name[20500];
    memset(name, 'n', 20481);
    name[20481] = 0;
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", name);
    struct file file = simple_file(header, 1);
    expect_refusal(&file, "f: the name of a tensor has 20481 bytes, expected 1 to 20480");
    memmove(header + 2, header + 3, strlen(header + 2));
    file = simple_file(header, 1);
    struct weights *weights = weights_decode(file.bytes, file.count, "f", NULL);
    cr_assert_not_null(weights);
    cr_assert_not_null(weights_find(weights, name + 1));
    weights_free(weights);
}

/* Of dtypes and ranks that no graph has: their layout is checked, they cannot be had, and saving
 * the rest leaves them out. */
Test(safetensors, tensors_that_no_graph_can_use) {
    static const struct {
        const char *dtype, *shape, *found;
        int bytes;
    } others[] = {
        {"F8_E4M3", "[5,1]", "F8_E4M3[5,1]", 5},
        {"F8_E5M2", "[]", "F8_E5M2[]", 1},
        {"F4", "[0,5]", "F4[0,5]", 0},
        {"F8_E8M0", "[1]", "F8_E8M0[1]", 1},
        {"F6_E2M3", "[4]", "F6_E2M3[4]", 3},
        {"F6_E3M2", "[8]", "F6_E3M2[8]", 6},
        {"F4", "[2]", "F4[2]", 1},
        {"C64", "[2]", "C64[2]", 16},
        {"F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]",
         "F32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,...]", 8},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char header[300];
        int bytes = others[i].bytes;
        snprintf(header, sizeof header,
                 "{\"q\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%d]},"
                 "\"w\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[%d,%d]}}",
                 others[i].dtype, others[i].shape, bytes, bytes, bytes + 1);
        struct file file = simple_file(header, (size_t)bytes + 1);
        struct et_error error = {0};
        struct weights *weights = weights_decode(file.bytes, file.count, "f", &error);
        cr_assert_not_null(weights, "%s", error.message);
        const struct weight *other = weights_find(weights, "q");
        cr_assert(other && other->unusable && !other->data);
        cr_assert_str_eq(weight_shape_text(other).text, others[i].found);
        const struct weight *usable = weights_find(weights, "w");
        cr_assert(usable && !usable->unusable && usable->data);
        void *encoded;
        size_t count;
        cr_assert(
            weights_encode(weights->tensors, weights->count, NULL, NULL, &encoded, &count, NULL));
        cr_assert_null(memmem(encoded, count, "\"q\"", 3));
        et_release(encoded);
        weights_free(weights);
    }
}

Test(safetensors, bool_is_0_or_1) {
    struct file file = simple_file(ONE("\"BOOL\"", "[3]", "[0,3]"), 3);
    file.bytes[file.count - 1] = 2;
    expect_refusal(&file, "f: tensor \"a\": element 2 is 2, expected 0 or 1 for bool");
    file.bytes[file.count - 1] = 1;
    struct weights *weights = weights_decode(file.bytes, file.count, "f", NULL);
    cr_assert_not_null(weights);
    weights_free(weights);
}

/* What the format allows: leading and trailing space, no tensors, tensors of no elements, scalars,
 * any order of names, metadata. */
Test(safetensors, allowed_headers) {
    static const struct {
        const char *header;
        size_t data_bytes;
        int tensors;
    } allowed[] = {
        {"{}", 0, 0},
        {" \n\t{}   ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"__metadata__\":{\"format\":\"pt\",\"\":\"\"}}", 0, 0},
        {ONE("\"F32\"", "[]", "[0,4]"), 4, 1},
        {ONE("\"F32\"", "[0,9223372036854775807]", "[0,0]"), 0, 1},
        {A B("[8,16]"), 16, 2},
        {"{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]},"
         "\"a\":{\"data_offsets\":[0,8],\"shape\":[1],\"dtype\":\"I64\"},"
         "\"z\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[8,8]}}",
         11, 3},
    };
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        struct et_error error = {""};
        struct file file = simple_file(allowed[i].header, allowed[i].data_bytes);
        struct weights *weights = weights_decode(file.bytes, file.count, "f", &error);
        cr_assert_not_null(weights, "%s", error.message);
        cr_assert_eq(weights->count, allowed[i].tensors);
        struct digest whole = digest_bytes(file.bytes, file.count);
        cr_assert(digest_equal(&whole, &weights->sha256));
        weights_free(weights);
    }
}

/* Data behind an odd offset are still aligned, and are the file's bytes. */
Test(safetensors, data_are_aligned) {
    static const char header[] =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[3,11]}}";
    struct file file = simple_file(header, 11);
    const float values[2] = {1.5f, -2.25f};
    memcpy(file.bytes + file.count - 11, "\x01\x02\x03", 3);
    memcpy(file.bytes + file.count - 8, values, 8);
    struct weights *weights = weights_decode(file.bytes, file.count, "f", NULL);
    memset(&file, 0xff, sizeof file); /* decoding keeps nothing of it */
    const struct weight *a = weights_find(weights, "a"), *b = weights_find(weights, "b");
    cr_assert_null(weights_find(weights, "c"));
    cr_assert_eq((uintptr_t)a->data % 64, 0);
    cr_assert_eq((uintptr_t)b->data % 64, 0);
    cr_assert_eq(memcmp(a->data, "\x01\x02\x03", 3), 0);
    cr_assert_eq(memcmp(b->data, values, 8), 0);
    cr_assert(b->dtype == DTYPE_FLOAT32 && b->rank == 2 && b->shape[0] == 1 && b->shape[1] == 2);
    cr_assert_eq(b->bytes, 8);
    cr_assert_str_eq(weight_shape_text(b).text, "float32[1,2]");
    weights_free(weights);
}

/* Writing */

static char path[64];

static void make_path(void) {
    snprintf(path, sizeof path, "/tmp/test_safetensors.%ld", (long)getpid());
}

static void remove_file(void) {
    unlink(path);
}

TestSuite(save, .init = make_path, .fini = remove_file);

static const uint8_t three_bytes[3] = {1, 2, 3};
static const float two_floats[2] = {0.5f, -1};
static const int64_t one_long = -2;
static const struct weight tensors[] = {
    {.name = "flags", .dtype = DTYPE_UINT8, .rank = 1, .shape = {3}, .data = three_bytes},
    {.name = "w.b", .dtype = DTYPE_FLOAT32, .rank = 1, .shape = {2}, .data = two_floats},
    {.name = "w.a", .dtype = DTYPE_FLOAT32, .rank = 2, .shape = {2, 0}, .data = NULL},
    {.name = "long", .dtype = DTYPE_INT64, .rank = 0, .data = &one_long},
};

/* Widest first, then by name; the header is padded to 8 bytes. */
Test(save, golden_bytes) {
    static const char *const metadata[] = {"made by", "a \"test\"\n", NULL};
    static const char header[] =
        "{\"__metadata__\":{\"made by\":\"a \\\"test\\\"\\u000a\"},"
        "\"long\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"w.a\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[8,8]},"
        "\"w.b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
        "\"flags\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}";
    static const char data[] = "\xfe\xff\xff\xff\xff\xff\xff\xff\0\0\0\x3f\0\0\x80\xbf\x01\x02\x03";
    struct et_error error = {""};
    cr_assert(weights_save(path, tensors, 4, metadata, &error), "%s", error.message);
    char *bytes;
    size_t count, padded = (sizeof header - 1 + 7) / 8 * 8;
    cr_assert(read_file(path, 4096, &bytes, &count, &error), "%s", error.message);
    cr_assert_eq(count, 8 + padded + 19);
    uint64_t length;
    memcpy(&length, bytes, 8);
    cr_assert_eq(length, padded);
    cr_assert_eq(memcmp(bytes + 8, header, sizeof header - 1), 0);
    for (size_t i = sizeof header - 1; i < padded; i++)
        cr_assert_eq(bytes[8 + i], ' ');
    cr_assert_eq(memcmp(bytes + 8 + padded, data, 19), 0);
    et_release(bytes);
}

Test(save, reads_back) {
    struct et_error error = {""};
    cr_assert(weights_save(path, tensors, 4, NULL, &error), "%s", error.message);
    struct weights *weights = weights_load(path, &error);
    cr_assert_not_null(weights, "%s", error.message);
    cr_assert_eq(weights->count, 4);
    for (int i = 0; i < 4; i++) {
        const struct weight *found = weights_find(weights, tensors[i].name);
        cr_assert_not_null(found);
        cr_assert_str_eq(weight_shape_text(found).text, weight_shape_text(&tensors[i]).text);
        cr_assert(found->bytes == 0 || memcmp(found->data, tensors[i].data, found->bytes) == 0);
    }
    weights_free(weights);
}

Test(save, no_tensors) {
    cr_assert(weights_save(path, NULL, 0, NULL, NULL));
    struct weights *weights = weights_load(path, NULL);
    cr_assert_not_null(weights);
    cr_assert_eq(weights->count, 0);
    weights_free(weights);
}

static void expect_unsaved(const struct weight *wrong, int count, const char *const *metadata,
                           const char *expected) {
    struct et_error error = {""};
    cr_assert(!weights_save("f", wrong, count, metadata, &error));
    cr_assert_str_eq(error.message, expected);
    cr_assert(access("f", F_OK) != 0);
}

Test(save, refuses_what_would_not_read_back) {
    struct weight twice[2] = {tensors[0], tensors[0]};
    expect_unsaved(twice, 2, NULL, "f: two tensors are named \"flags\"");
    struct weight one = tensors[0];
    one.name = "";
    expect_unsaved(&one, 1, NULL, "f: the name of a tensor has 0 bytes, expected 1 to 20480");
    one.name = "__metadata__";
    expect_unsaved(&one, 1, NULL, "f: a tensor cannot be named __metadata__");
    one.name = "\xff";
    expect_unsaved(&one, 1, NULL, "f: the name of a tensor is not valid UTF-8");
    one.name = "a\n";
    expect_unsaved(&one, 1, NULL,
                   "f: the name of a tensor has the control character 0x0a at byte 1");
    one.name = "large";
    one.shape[0] = (int64_t)1 << 62;
    expect_unsaved(&one, 1, NULL, "f: tensor \"large\": uint8[4611686018427387904] is too large");
    expect_unsaved(tensors, 1, (const char *const[]){"k", "\xc0", NULL},
                   "f: __metadata__: item 0 is not valid UTF-8");
}

Test(save, where_no_folder_can_be) {
    struct et_error error = {""};
    cr_assert(!weights_save("/dev/null/f", tensors, 4, NULL, &error));
    cr_assert(strstr(error.message, "/dev/null"), "%s", error.message);
    cr_assert_null(weights_load("/nowhere/f", &error));
    cr_assert_str_eq(error.message, "/nowhere/f: No such file or directory");
}

/* Memory that runs out at any point is an error and nothing else. */
Test(save, every_allocation_fails_once) {
    bool done = false;
    unsigned long nth = 1;
    for (; !done; nth++) {
        struct et_error error = {""};
        et_fail_allocation(nth);
        bool saved = weights_save(path, tensors, 4, NULL, &error);
        struct weights *weights = saved ? weights_load(path, &error) : NULL;
        et_fail_allocation(0);
        done = weights != NULL;
        cr_assert(done || strstr(error.message, "out of memory"), "%s", error.message);
        weights_free(weights);
    }
    cr_assert_gt(nth, 8);
}
