/* Sizes of axes, as people write them. */
#include "compiler/import/model_file.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* What is read of `written`, said again; an error's message. */
static void reads(const char *written, const char *expected) {
    char copy[512];
    struct axis_sizes sizes;
    struct et_error error = {0};
    struct text text = {0};
    snprintf(copy, sizeof copy, "%s", written);
    if (read_axis_sizes(copy, &sizes, &error)) {
        text_add(&text, "%s: ", sizes.name);
        describe_axis_sizes(&sizes, &text);
    } else {
        text_add(&text, "%s", error.message);
    }
    cr_expect_str_eq(text_read(&text, NULL), expected);
    text_free(&text);
}

Test(axis_sizes, may_be_one_or_many) {
    reads("x=16", "x: 16");
    reads("a=b=0", "a=b: 0");
    reads("batch=N", "batch: N");
    reads("x=128,1,16", "x: 1,16,128");
    reads("x=1..8", "x: 1..8");
    reads("x=5,1..3,4,9", "x: 1..5,9");
    reads("x=1..1099511627776,7", "x: 1..1099511627776");
    reads("x=32..96:32", "x: 32..96:32");
    reads("x=0..8:4,9,2..3:1", "x: ranges with steps must be apart from others");
    reads("x=20,4..12:4,1..3", "x: 1..3,4..12:4,20");
}

static void ties(const char *given, const char *name, int count, const char *last) {
    char text[256];
    struct axis_sizes sizes;
    snprintf(text, sizeof text, "%s", given);
    cr_assert(read_axis_sizes(text, &sizes, NULL));
    cr_expect_str_eq(sizes.name, name);
    cr_expect_eq(sizes.place_count, count);
    cr_expect(count == 0 || strcmp(sizes.places[count - 1], last) == 0);
}

Test(axis_sizes, may_be_of_several_places) {
    ties("batch@input.0,state.1=1..8", "batch", 2, "state.1");
    ties("n@a@b.c.12=3", "n", 1, "a@b.c.12");
    ties("a@b=3", "a@b", 0, NULL); /* no places: the file's names may have any characters */
    ties("a@b.0,c=3", "a@b.0,c", 0, NULL);
    ties("a@.0=3", "a@.0", 0, NULL);
    ties("@a.0=3", "@a.0", 0, NULL);
    reads("b@a.0,a.1,a.2,a.3,a.4,a.5,a.6,a.7,a.8=1", "b: expected at most 8 places");
}

Test(axis_sizes, say_what_is_wrong) {
    reads("x", "x: expected NAME=SIZE");
    reads("=3", "=3: expected NAME=SIZE");
    reads("x=", ": expected a number from 0 to 1099511627776, or N");
    reads("x=-1", "-1: expected a number from 0 to 1099511627776, or N");
    reads("x=1..", ": expected a number from 0 to 1099511627776, or N");
    reads("x=1,N", "N: expected a number from 0 to 1099511627776, or N");
    reads("x=99999999999999999999",
          "99999999999999999999: expected a number from 0 to 1099511627776, or N");
    reads("x=8..1", "8..1: expected a range from the smaller size to the larger");
    reads("x=3;4", ";4: expected sizes, as 16 or 1,16 or 1..8");
    reads("x=1..8:2", "2: steps that do not lead from 1 to 8");
    reads("x=1..8:0", "0: steps that do not lead from 1 to 8");
    reads("x=8:2", ":2: expected sizes, as 16 or 1,16 or 1..8");
    reads("x=0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32",
          "x: expected at most 16 sizes and ranges");
}

Test(axis_sizes, are_counted_in_order) {
    char text[] = "x=7,1..3,20..21";
    struct axis_sizes sizes;
    static const int64_t expected[] = {1, 2, 3, 7, 20, 21};
    cr_assert(read_axis_sizes(text, &sizes, NULL));
    cr_assert_eq(axis_size_count(&sizes), 6);
    for (int i = 0; i < 6; i++) {
        cr_expect_eq(axis_size_at(&sizes, i), expected[i]);
        cr_expect(axis_allows(&sizes, expected[i]));
    }
    cr_expect_not(axis_allows(&sizes, 0));
    cr_expect_not(axis_allows(&sizes, 4));
    cr_expect_not(axis_allows(&sizes, 22));
}

Test(axis_sizes, may_be_in_steps) {
    char text[] = "x=8..24:8,1";
    struct axis_sizes sizes;
    static const int64_t expected[] = {1, 8, 16, 24};
    cr_assert(read_axis_sizes(text, &sizes, NULL));
    cr_assert_eq(axis_size_count(&sizes), 4);
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(axis_size_at(&sizes, i), expected[i]);
        cr_expect(axis_allows(&sizes, expected[i]));
    }
    cr_expect_not(axis_allows(&sizes, 12));
}
