/* Texts and the arenas they may lie in, also when memory runs out. */
#include "compiler/base/base.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

Test(text, grows_on_the_heap) {
    struct text text = {0};
    cr_assert_str_eq(text_read(&text, NULL), "");
    for (int i = 0; i < 1000; i++)
        text_add(&text, "%d,", i);
    const char *bytes = text_read(&text, NULL);
    cr_assert_eq(strlen(bytes), text.length);
    cr_assert_eq(strncmp(bytes, "0,1,2,3,", 8), 0);
    cr_assert_str_eq(bytes + text.length - 4, "999,");
    text_shorten(&text, 4);
    cr_assert_str_eq(text_read(&text, NULL), "0,1,");
    char *taken = text_take(&text);
    cr_assert_str_eq(taken, "0,1,");
    cr_assert_eq(text.length, 0);
    et_release(taken);
    text_free(&text);
}

Test(text, says_when_memory_ran_out) {
    struct text text = {0};
    struct et_error error = {0};
    text_add(&text, "whole");
    et_fail_allocation(1);
    text_add(&text, "%*s", 5000, "cut");
    text_add(&text, "more");
    cr_assert_null(text_read(&text, &error));
    cr_assert_str_eq(error.message, "out of memory");
    cr_assert_not(text_check(&text, NULL));
    cr_assert_null(text_take(&text));
    cr_assert(text_check(&text, NULL), "a text that was taken is a new one");

    text_add(&text, "%s", "again");
    text_fail(&text);
    cr_assert_null(text_read(&text, NULL));
    text_free(&text);
}

Test(text, of_an_arena_is_kept) {
    struct arena arena = {0};
    struct text first = text_in(&arena), second = text_in(&arena);
    for (int i = 0; i < 20000; i++) { /* past the size of a block, and never the last piece */
        text_add(&first, "%d ", i);
        text_add(&second, "%d ", -i);
    }
    const char *a = text_keep(&first), *b = text_keep(&second);
    cr_assert_eq(strlen(a), first.length);
    cr_assert_eq(strlen(b), second.length);
    cr_assert_str_eq(a + first.length - 6, "19999 ");
    cr_assert_str_eq(b + second.length - 7, "-19999 ");
    struct text empty = text_in(&arena);
    cr_assert_str_eq(text_keep(&empty), "");
    arena_free(&arena);
}

/* The room that a text gives back is zeroed for the next piece. */
Test(text, gives_back_what_it_does_not_need) {
    struct arena arena = {0};
    struct text text = text_in(&arena);
    text_add(&text, "%200s", "");
    text_shorten(&text, 3);
    const char *kept = text_keep(&text);
    const char *next = arena_allocate(&arena, 100, 1);
    cr_assert_eq(next - kept, 16);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(next[i], 0, "byte %d", i);
    arena_free(&arena);
}

static bool add_much(struct arena *arena, unsigned long nth) {
    jmp_buf escape;
    arena->escape = &escape;
    et_fail_allocation(nth);
    if (setjmp(escape) != 0)
        return false;
    struct text text = text_in(arena);
    for (int i = 0; i < 100000; i++)
        text_add(&text, "%d\n", i);
    cr_assert_eq(strlen(text_keep(&text)), 588890);
    return true;
}

Test(text, of_an_arena_escapes) {
    unsigned long nth = 1;
    for (bool good = false; !good; nth++) {
        struct arena arena = {0};
        good = add_much(&arena, nth);
        et_fail_allocation(0);
        arena_free(&arena);
    }
    cr_assert_gt(nth, 3);
}

Test(arena, resizes_pieces) {
    struct arena arena = {0};
    char *piece = arena_resize(&arena, NULL, 0, 10);
    memset(piece, 1, 10);
    char *longer = arena_resize(&arena, piece, 10, 1000);
    cr_assert_eq(longer, piece, "the last piece grows where it is");
    cr_assert_eq(longer[10], 0);
    char *after = arena_allocate(&arena, 1, 1);
    char *moved = arena_resize(&arena, longer, 1000, 2000);
    cr_assert_neq(moved, longer);
    cr_assert_eq(moved[9], 1);
    cr_assert_eq(arena_resize(&arena, after, 1, 1), after);
    char *large = arena_allocate(&arena, 100000, 1);
    large[99999] = 7;
    char *larger = arena_resize(&arena, large, 100000, 300000);
    cr_assert_eq(larger[99999], 7);
    cr_assert_eq(larger[299999], 0);
    cr_assert_null(arena_resize(&arena, larger, 300000, SIZE_MAX));
    arena_free(&arena);
}

Test(text, numbers_are_as_printf_has_them) {
    static const long long integers[] = {0, 7, -7, 10, -100, 1234567890123, LLONG_MAX, LLONG_MIN};
    static const double values[] = {0,    -0.0,   0.04,   0.06,     -0.06, 9.96, 123.456, -99.951,
                                    1e15, 1.1e16, -1e300, INFINITY, NAN,   0.75, 1e-9};
    struct text text = {0};
    char expected[400];
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        text_shorten(&text, 0);
        text_add_integer(&text, integers[i]);
        snprintf(expected, sizeof expected, "%lld", integers[i]);
        cr_expect_str_eq(text_read(&text, NULL), expected);
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int places = 0; places < 4; places++) {
            text_shorten(&text, 0);
            text_add_fixed(&text, values[i], places);
            snprintf(expected, sizeof expected, "%.*f", places, values[i]);
            cr_expect_str_eq(text_read(&text, NULL), expected);
        }
    text_shorten(&text, 0);
    text_add_fixed(&text, 0.5, 0); /* away from zero, where printf gives 0 */
    text_add_string(&text, " ");
    text_add_fixed(&text, -2.5, 0);
    cr_expect_str_eq(text_read(&text, NULL), "1 -3");
    text_free(&text);
}
