/* Sizes that depend on open axes: read, written, worth what they say, and found from values. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/graph/graph.h"
#include "compiler/graph/size_fit.h"

TestSuite(size, .timeout = 60);

static const struct open_axis three[] = {
    {"seq_len", 1, 512, 1}, {"past + 1", 0, 64, 1}, {"N", 1, 8, 1}};
static const struct open_axes axes = {3, three};

static struct arena arena;

static void clean(void) {
    arena_free(&arena);
    arena = (struct arena){0};
}

/* What is read of `written`, said again, or the error's message. */
static void reads(const char *written, const char *expected) {
    struct et_error error = {0};
    struct text text = {0};
    const struct size *size = size_read(written, &axes, &arena, &error);
    if (size)
        size_add_text(&text, size, &axes);
    else
        text_add(&text, "%s", error.message);
    cr_expect_str_eq(text_read(&text, NULL), expected, "%s: %s", written, text_read(&text, NULL));
    text_free(&text);
}

Test(size, is_written_as_it_is_read, .fini = clean) {
    reads("7", "7");
    reads("seq_len", "seq_len");
    reads("`seq_len`", "seq_len");
    reads("`past + 1`", "`past + 1`");
    reads("`N`", "`N`");
    reads("N", "`N`");
    reads(" 2 * seq_len + 1 ", "2*seq_len+1");
    reads("(seq_len+3)//4", "(seq_len+3)//4");
    reads("2*seq_len//3", "2*seq_len//3");
    reads("2*(seq_len//3)", "2*(seq_len//3)");
    reads("((2*seq_len))//3", "2*seq_len//3");
    reads("seq_len-(`N`-1)-2", "seq_len-(`N`-1)-2");
    reads("min(seq_len, max(`N`,3)+1)*2", "min(seq_len,max(`N`,3)+1)*2");
    reads("0-seq_len", "0-seq_len");
}

Test(size, says_what_is_wrong, .fini = clean) {
    reads("", "character 1: expected a number, an axis or (");
    reads("seq", "character 1: no such axis");
    reads("2*width", "character 3: no such axis");
    reads("2 2", "character 3: expected an operator");
    reads("2/seq_len", "character 2: expected an operator");
    reads("-1", "character 1: expected a number, an axis or (");
    reads("(1", "character 3: expected )");
    reads("min(1)", "character 6: expected ,");
    reads("min 1,2", "character 5: expected (");
    reads("max(1,2", "character 8: expected )");
    reads("`N", "character 2: the name does not end");
    reads("9223372036854775808", "character 19: the number is too large");
    reads("1+\t2", "character 3: expected a number, an axis or (");
}

Test(size, is_bounded, .fini = clean) {
    char text[2048];
    memset(text, '(', sizeof text);
    text[200] = 0;
    reads(text, "character 33: too many parentheses");
    for (int i = 0; i < 1500; i++)
        text[i] = i % 2 ? '+' : '1';
    text[1500] = 0;
    reads(text, "more than 1024 characters, besides names");
    strcpy(text, "seq_len");
    while (strlen(text) < 1900)
        strcat(text, "+seq_len");
    cr_expect_not_null(size_read(text, &axes, &arena, NULL), "names do not count");
    strcpy(text, "1");
    for (int i = 0; i < 500; i++)
        strcat(text, "+1");
    const struct size *size = size_read(text, &axes, &arena, NULL);
    int64_t value = 0;
    cr_assert_not_null(size);
    cr_expect(size_value(size, NULL, &value, NULL));
    cr_expect_eq(value, 501);
}

static void is_worth(const char *written, const char *expected) {
    static const int64_t sizes[] = {100, 7, 3};
    struct et_error error = {0};
    const struct size *size = size_read(written, &axes, &arena, &error);
    cr_assert_not_null(size, "%s", error.message);
    int64_t value;
    char found[ET_ERROR_BYTES];
    if (size_value(size, sizes, &value, &error))
        snprintf(found, sizeof found, "%" PRId64, value);
    else
        strcpy(found, error.message);
    cr_expect_str_eq(found, expected, "%s: %s", written, found);
}

Test(size, has_a_value, .fini = clean) {
    is_worth("2*seq_len+`past + 1`-N", "204");
    is_worth("(seq_len+3)//4", "25");
    is_worth("(1-seq_len)//4", "-25"); /* down */
    is_worth("(0-seq_len)//4", "-25");
    is_worth("min(seq_len,N)+max(seq_len,N)", "103");
    is_worth("7//(seq_len-100)", "a division by 0");
    is_worth("7//(1-N)", "a division by -2");
    is_worth("9223372036854775807+1", "a number does not fit 64 bits");
    is_worth("9223372036854775807*2", "a number does not fit 64 bits");
    is_worth("0-9223372036854775807-2", "a number does not fit 64 bits");
    is_worth("(0-9223372036854775807-1)//1", "-9223372036854775808");
}

Test(size, axes_have_bounds) {
    static const struct open_axis height = {"height", 32, 96, 32};
    struct et_error error = {0};
    struct text text = {0};
    open_axis_add_bounds(&text, &height);
    cr_expect_str_eq(text_read(&text, NULL), "32..96:32");
    text_free(&text);
    cr_expect(open_axis_allows(&height, 64, &error));
    cr_expect_not(open_axis_allows(&height, 128, &error));
    cr_expect_str_eq(error.message, "axis \"height\" has size 128, expected 32 to 96");
    cr_expect_not(open_axis_allows(&height, 65, &error));
    cr_expect_str_eq(error.message, "axis \"height\" has size 65, expected one of 32, 64, ... 96");
    cr_expect(open_axis_check(&height, &error));
    cr_expect_not(open_axis_check(&(struct open_axis){"x", 3, 2, 1}, &error));
    cr_expect_not(open_axis_check(&(struct open_axis){"x", 1, 4, 2}, &error));
    cr_expect_not(open_axis_check(&(struct open_axis){"x", 1, 4, 0}, &error));
    cr_expect_not(open_axis_check(&(struct open_axis){"`", 1, 4, 1}, &error));
    cr_expect_not(open_axis_check(&(struct open_axis){"", 1, 4, 1}, &error));
}

/* ---- Found from values ---- */

enum { SIZES = 120 };

/* Samples of two axes, `step` apart, from `least` on. */
static struct size_samples samples_of(int count, int64_t least, int64_t step) {
    static int64_t sizes[2][SIZES];
    struct size_samples samples = {.axis_count = 2};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < count; i++)
            sizes[k][i] = least + i * step;
        samples.axes[k] =
            (struct axis_samples){count, sizes[k], step, {count / (2 + k), 0, count - 1}};
    }
    return samples;
}

/* Fits the values that a size has, and expects one which has the same everywhere. */
static void fits(const char *written, int count, int64_t least, int64_t step) {
    static const struct open_axis two[] = {{"a", 0, 1000, 1}, {"b", 0, 1000, 1}};
    static const struct open_axes of_two = {2, two};
    struct size_samples samples = samples_of(count, least, step);
    struct et_error error = {0};
    const struct size *size = size_read(written, &of_two, &arena, &error);
    cr_assert_not_null(size, "%s", error.message);
    int64_t values[2 * SIZES + 9], *at = values;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < count; i++) {
            int64_t where[] = {size_in_combination(&samples, 0, 0),
                               size_in_combination(&samples, 0, 1)};
            where[k] = samples.axes[k].sizes[i];
            cr_assert(size_value(size, where, at++, NULL));
        }
    for (int i = 0; i < combination_count(&samples); i++) {
        int64_t where[] = {size_in_combination(&samples, i, 0),
                           size_in_combination(&samples, i, 1)};
        cr_assert(size_value(size, where, at++, NULL));
    }
    cr_assert_eq(at - values, size_value_count(&samples));
    bool none;
    const struct size *found = size_fit(&samples, values, &arena, &none);
    cr_assert_not_null(found, "%s: nothing found", written);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++) {
            int64_t where[] = {samples.axes[0].sizes[i], samples.axes[1].sizes[k]};
            int64_t expected = 0, value = 0;
            cr_assert(size_value(size, where, &expected, NULL));
            cr_assert(size_value(found, where, &value, NULL));
            cr_assert_eq(value, expected, "%s at %" PRId64 ",%" PRId64, written, where[0],
                         where[1]);
        }
}

Test(size, is_found, .fini = clean) {
    static const char *const written[] = {
        "5",
        "a",
        "b",
        "3*a+7",
        "1000-2*a",
        "a//2",
        "(a+3)//4",
        "3*a//2",
        "7*a//5+1",
        "2*(a//2)",
        "a-2*(a//2)",
        "64*((a+63)//64)",
        "64*((a+63)//64)-a",
        "a-a//3",
        "(a//2+1)//2",
        "((a+1)//2+1)//2*4",
        "min(a,40)",
        "max(a-30,0)",
        "min(2*a,a+20)",
        "a*b",
        "12*a*b",
        "a+b",
        "a*(b+1)",
        "a*b+1",
        "a+b+5",
        "(a//2)*(b//3)",
        "2*a-3*b+1000",
        "(a+b)*3",
        "4*(a//2)+(b+1)//2",
        "(2*a+1)*(b+3)",
        "5*a*(64*((b+63)//64))",
    };
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        fits(written[i], SIZES, 1, 1);
        fits(written[i], SIZES, 9, 1);
    }
}

Test(size, is_found_of_multiples, .fini = clean) {
    fits("a//8", 20, 32, 32);
    fits("3*a//8", 20, 32, 32);
    fits("(a//32)*(b//16)", 20, 32, 32);
    fits("64*((a+63)//64)", 20, 32, 32);
    fits("(a-1)//2+1", 20, 32, 32);
    fits("a+b", 3, 4, 2);
    fits("a*b", 2, 4, 2);
}

Test(size, may_not_be_found, .fini = clean) {
    struct size_samples samples = samples_of(SIZES, 1, 1);
    samples.axis_count = 1;
    int64_t values[SIZES + 3];
    for (int i = 0; i < SIZES; i++)
        values[i] = samples.axes[0].sizes[i] * samples.axes[0].sizes[i];
    for (int i = 0; i < combination_count(&samples); i++)
        values[SIZES + i] = values[samples.axes[0].marked[i]];
    bool none = false;
    cr_expect_null(size_fit(&samples, values, &arena, &none));
    cr_expect(none);
}
