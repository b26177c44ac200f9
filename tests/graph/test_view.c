/* Strided views: which movements are views, and that walks and copies read what they should. */
#include "compiler/graph/view.h"

#include <criterion/criterion.h>
#include <string.h>

static const int32_t counting[24] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                     12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};

static struct view counting_view(int rank, const int64_t *shape) {
    struct node node = {.dtype = DTYPE_INT32, .rank = rank};
    memcpy(node.shape, shape, (size_t)rank * sizeof *shape);
    return view_contiguous(&node, counting);
}

static struct view moved(const struct node *node, const struct view *source) {
    struct view result;
    cr_assert(view_move(node, source, &result));
    return result;
}

static struct view reshaped(const struct view *source, int rank, const int64_t *shape,
                            bool *is_view) {
    struct node node = {.op = OP_RESHAPE, .dtype = source->dtype, .rank = rank};
    struct view result;
    memcpy(node.shape, shape, (size_t)rank * sizeof *shape);
    *is_view = view_move(&node, source, &result);
    return result;
}

static void check(const struct view *view, int count, const int32_t *expected) {
    int32_t copy[64];
    struct node node = {.dtype = DTYPE_INT32, .rank = view->rank};
    memcpy(node.shape, view->shape, sizeof node.shape);
    cr_assert_eq(node_elements(&node), count);
    struct view result = view_contiguous(&node, copy);
    view_copy(&result, view);
    cr_assert(memcmp(copy, expected, (size_t)count * sizeof *expected) == 0);
}

#define CHECK(view, ...)                                                                           \
    check(&(view), sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t), (int32_t[]){__VA_ARGS__})

Test(view, permute_flip_shrink_expand) {
    struct view source = counting_view(2, (int64_t[]){2, 3});
    struct node permute = {.op = OP_PERMUTE, .rank = 2, .shape = {3, 2}, .axes = {1, 0}};
    struct view turned = moved(&permute, &source);
    CHECK(turned, 0, 3, 1, 4, 2, 5);
    struct node flip = {.op = OP_FLIP, .rank = 2, .shape = {3, 2}, .axis_count = 1, .axes = {0}};
    struct view flipped = moved(&flip, &turned);
    CHECK(flipped, 2, 5, 1, 4, 0, 3);
    cr_assert_eq(flipped.stride[0], -1);
    struct node shrink = {
        .op = OP_SHRINK, .rank = 2, .shape = {2, 1}, .before = {1, 1}, .after = {3, 2}};
    struct view cut = moved(&shrink, &flipped);
    CHECK(cut, 4, 3);
    struct node expand = {.op = OP_EXPAND, .rank = 2, .shape = {2, 3}};
    struct view wide = moved(&expand, &cut);
    CHECK(wide, 4, 4, 4, 3, 3, 3);
    cr_assert_eq(wide.stride[1], 0);
}

Test(view, windows_overlap_and_may_be_flipped) {
    struct view source = counting_view(1, (int64_t[]){8});
    struct node window = {.op = OP_WINDOW,
                          .rank = 2,
                          .shape = {2, 3},
                          .axis = 0,
                          .size = 3,
                          .stride = 2,
                          .dilation = 2};
    struct view windows = moved(&window, &source);
    CHECK(windows, 0, 2, 4, 2, 4, 6);
    struct node flip = {.op = OP_FLIP, .rank = 1, .shape = {8}, .axis_count = 1, .axes = {0}};
    struct view flipped = moved(&flip, &source);
    windows = moved(&window, &flipped);
    CHECK(windows, 7, 5, 3, 5, 3, 1);
}

Test(view, reshape_is_a_view_where_strides_allow) {
    bool is_view;
    struct view source = counting_view(3, (int64_t[]){2, 3, 4});
    struct view flat = reshaped(&source, 4, (int64_t[]){6, 1, 2, 2}, &is_view);
    cr_assert(is_view);
    check(&flat, 24, counting);
    struct node permute = {.op = OP_PERMUTE, .rank = 3, .shape = {4, 2, 3}, .axes = {2, 0, 1}};
    struct view turned = moved(&permute, &source);
    /* The last two axes still lie in one run; the first does not join them. */
    struct view merged = reshaped(&turned, 3, (int64_t[]){2, 2, 6}, &is_view);
    cr_assert(is_view);
    CHECK(merged, 0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19,
          23);
    reshaped(&turned, 2, (int64_t[]){8, 3}, &is_view);
    cr_assert(!is_view);
    reshaped(&turned, 1, (int64_t[]){24}, &is_view);
    cr_assert(!is_view);
    reshaped(&turned, 2, (int64_t[]){3, 8}, &is_view);
    cr_assert(!is_view);
}

Test(view, reshape_of_repeated_and_single_elements) {
    bool is_view;
    struct view one = counting_view(2, (int64_t[]){1, 1});
    one.shape[0] = 6;
    one.stride[0] = 0;
    struct view repeated = reshaped(&one, 2, (int64_t[]){2, 3}, &is_view);
    cr_assert(is_view);
    CHECK(repeated, 0, 0, 0, 0, 0, 0);
    struct view scalar = counting_view(0, (int64_t[]){1});
    struct view still_one = reshaped(&scalar, 2, (int64_t[]){1, 1}, &is_view);
    cr_assert(is_view);
    CHECK(still_one, 0);
}

Test(view, strides_alone_have_no_elements_to_point_to) {
    struct node node = {.dtype = DTYPE_INT32, .rank = 1, .shape = {4}};
    struct view source = view_contiguous(&node, NULL);
    struct node shrink = {.op = OP_SHRINK, .rank = 1, .shape = {2}, .before = {1}};
    struct node flip = {.op = OP_FLIP, .rank = 1, .shape = {2}, .axis_count = 1, .axes = {0}};
    struct view part = moved(&shrink, &source);
    struct view flipped = moved(&flip, &part);
    cr_assert_null(part.data);
    cr_assert_null(flipped.data);
    cr_assert_eq(flipped.stride[0], -1);
}

Test(view, pad_is_no_view) {
    struct view source = counting_view(1, (int64_t[]){2}), result;
    struct node pad = {.op = OP_PAD, .rank = 1, .shape = {4}, .before = {1}, .after = {1}};
    cr_assert(!view_move(&pad, &source, &result));
}

Test(view, rows_merge_only_what_all_operands_agree_on) {
    struct view plain = counting_view(3, (int64_t[]){2, 3, 4});
    struct rows rows = rows_of(1, (const struct view *const[]){&plain});
    cr_assert_eq(rows.length, 24);
    cr_assert(!rows_next(&rows));
    struct view column = plain; /* one element for each of the first two axes */
    memcpy(column.stride, (int64_t[]){3, 1, 0}, 3 * sizeof(int64_t));
    rows = rows_of(2, (const struct view *const[]){&plain, &column});
    cr_assert_eq(rows.length, 4);
    cr_assert(rows.stride[0] == 1 && rows.stride[1] == 0);
    int64_t row = 0;
    do {
        cr_assert_eq(*(const int32_t *)rows.data[0], row * 4);
        cr_assert_eq(*(const int32_t *)rows.data[1], row);
        row++;
    } while (rows_next(&rows));
    cr_assert_eq(row, 6);
    cr_assert(rows.data[0] == plain.data && rows.data[1] == column.data);
    /* Strides that would continue the first operand's axes, but not their own. */
    memcpy(column.stride, (int64_t[]){12, 4, 0}, 3 * sizeof(int64_t));
    rows = rows_of(2, (const struct view *const[]){&plain, &column});
    cr_assert_eq(rows.length, 4);
}

Test(view, without_elements) {
    struct view source = counting_view(3, (int64_t[]){2, 0, 3});
    bool is_view;
    struct view other = reshaped(&source, 2, (int64_t[]){0, 7}, &is_view);
    cr_assert(is_view && view_is_empty(&source) && view_is_empty(&other));
    struct node flip = {
        .op = OP_FLIP, .rank = 3, .shape = {2, 0, 3}, .axis_count = 2, .axes = {0, 1}};
    struct view flipped = moved(&flip, &source);
    struct rows rows = rows_of(2, (const struct view *const[]){&source, &flipped});
    cr_assert_eq(rows.length, 0);
    cr_assert(!rows_next(&rows));
    int32_t untouched = 7;
    struct view result = {.data = &untouched, .dtype = DTYPE_INT32, .rank = 3, .shape = {2, 0, 3}};
    view_copy(&result, &flipped);
    cr_assert_eq(untouched, 7);
}
