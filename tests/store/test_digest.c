#include "compiler/store/digest.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_text(const char *found, const char *expected) {
    cr_assert(strcmp(found, expected) == 0, "found %s, expected %s", found, expected);
}

/* The examples of FIPS 180-2. */
Test(digest, known_answers) {
    struct digest abc = digest_bytes("abc", 3), nothing = digest_bytes(NULL, 0);
    expect_text(digest_hex(&abc).text,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_text(digest_hex(&nothing).text,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(digest, pieces_are_one_text) {
    struct digest_stream stream;
    digest_begin(&stream);
    digest_add(&stream, "a", 1);
    digest_add(&stream, NULL, 0);
    digest_add(&stream, "bc", 2);
    struct digest pieces = digest_end(&stream), whole = digest_bytes("abc", 3);
    cr_assert(digest_equal(&pieces, &whole));
}

Test(digest, hex_reads_back) {
    struct digest abc = digest_bytes("abc", 3), back;
    cr_assert(digest_from_hex(digest_hex(&abc).text, &back));
    cr_assert(memcmp(&abc, &back, sizeof abc) == 0);
}

Test(digest, hex_refuses_other_text) {
    struct digest digest;
    char text[66];
    cr_assert(!digest_from_hex("", &digest));
    memset(text, '0', 65);
    text[65] = 0;
    cr_assert(!digest_from_hex(text, &digest), "one digit too many");
    text[64] = 0;
    cr_assert(digest_from_hex(text, &digest));
    text[10] = 'A';
    cr_assert(!digest_from_hex(text, &digest), "upper case");
    text[10] = '0';
    text[63] = 0;
    cr_assert(!digest_from_hex(text, &digest), "one digit too few");
}

/* ba7816bf 8f01 cfea 4141 40de5dae2223 with cfea -> 8fea (version) and 4141 -> 8141 (variant). */
Test(digest, uuid_is_version_8) {
    struct digest abc = digest_bytes("abc", 3);
    expect_text(digest_uuid(&abc).text, "ba7816bf-8f01-8fea-8141-40de5dae2223");
}

Test(digest, tensor_is_label_newline_elements) {
    const int32_t elements[6] = {1, -1, 256, 0, 7, 65536};
    const int64_t shape[2] = {2, 3};
    static const char bytes[] = "int32[2,3]\n"
                                "\x01\0\0\0\xff\xff\xff\xff\0\x01\0\0\0\0\0\0\x07\0\0\0\0\0\x01";
    struct digest tensor = digest_tensor(DTYPE_INT32, 2, shape, elements);
    struct digest expected = digest_bytes(bytes, sizeof bytes); /* its last byte ends the text */
    cr_assert(digest_equal(&tensor, &expected));
}

Test(digest, tensor_tells_shape_and_dtype_apart) {
    const uint8_t zeros[16] = {0};
    const int64_t two_three[2] = {2, 3}, three_two[2] = {3, 2}, six[1] = {6};
    struct digest all[5] = {
        digest_tensor(DTYPE_UINT8, 2, two_three, zeros),
        digest_tensor(DTYPE_UINT8, 2, three_two, zeros),
        digest_tensor(DTYPE_UINT8, 1, six, zeros),
        digest_tensor(DTYPE_INT8, 1, six, zeros),
        digest_tensor(DTYPE_UINT8, 0, NULL, zeros),
    };
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            cr_assert(!digest_equal(&all[i], &all[k]), "%d and %d", i, k);
}
