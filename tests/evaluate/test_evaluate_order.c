/* The order in which reductions and contractions add up, pinned by values that show it, against
 * models of the rules in ops.def written here in the plainest way. */
#include "compiler/evaluate/evaluate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Values of very different sizes: nearly every other order gives other bits. */
static float awkward(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    float value = (float)(*state >> 8) * 0x1p-23f - 1.0f;
    return ldexpf(value, (int)(*state >> 5 & 31) - 16);
}

static void fill(float *values, int count, unsigned seed) {
    for (int i = 0; i < count; i++)
        values[i] = awkward(&seed);
}

static struct node node_of(enum op op, int rank, const int64_t *shape) {
    struct node node = {.op = op, .dtype = DTYPE_FLOAT32, .rank = rank};
    memcpy(node.shape, shape, (size_t)rank * sizeof *shape);
    return node;
}

/* Evaluates and releases; the result has at most `limit` elements. */
static void evaluate_into(const struct node *node, const struct view *sources, float *values,
                          int limit) {
    struct et_error error = {0};
    struct view result;
    void *buffer;
    cr_assert(evaluate(node, sources, NULL, &result, &buffer, &error), "%s", error.message);
    cr_assert_leq(node_elements(node), limit);
    memcpy(values, buffer, (size_t)node_bytes(node));
    et_release(buffer);
}

/* The rule of ops.def, element by element: lane l as it stands when the tree has `lanes` left. */
static float tree(const float *elements, int count, int lane, int lanes, bool product) {
    if (lanes == 16) {
        float sum = product ? 1.0f : 0.0f;
        for (int i = lane; i < count; i += 16)
            sum = product ? sum * elements[i] : sum + elements[i];
        return sum;
    }
    float low = tree(elements, count, lane, 2 * lanes, product);
    float high = tree(elements, count, lane + lanes, 2 * lanes, product);
    return product ? low * high : low + high;
}

static float reduced(enum op op, const float *elements, int64_t stride, int count) {
    struct node source = node_of(OP_INPUT, 1, (int64_t[]){count}), *sources[1] = {&source};
    struct node node = {.op = op, .source_count = 1, .sources = sources, .axis_count = 1};
    struct view view = view_contiguous(&source, elements);
    view.stride[0] = stride;
    cr_assert(infer(&node, NULL));
    float result;
    evaluate_into(&node, &view, &result, 1);
    return result;
}

Test(order, reductions_of_1_to_100_elements) {
    static float elements[100], spread[300];
    int in_another_order = 0;
    for (int count = 1; count <= 100; count++) {
        fill(elements, count, (unsigned)count);
        float plain = 0;
        for (int i = 0; i < count; i++) {
            spread[3 * (count - 1 - i)] = elements[i];
            plain += elements[i];
        }
        float sum = tree(elements, count, 0, 1, false), product = tree(elements, count, 0, 1, true);
        float actual = reduced(OP_REDUCE_SUM, elements, 1, count);
        cr_assert(memcmp(&actual, &sum, sizeof sum) == 0, "sum of %d", count);
        in_another_order += plain != sum;
        actual = reduced(OP_REDUCE_SUM, spread + 3 * (count - 1), -3, count);
        cr_assert(memcmp(&actual, &sum, sizeof sum) == 0, "backwards sum of %d", count);
        actual = reduced(OP_REDUCE_PROD, elements, 1, count);
        cr_assert(memcmp(&actual, &product, sizeof product) == 0, "product of %d", count);
    }
    cr_assert_gt(in_another_order, 50);
}

/* By hand: 2^24 in lane 0; 1 in lanes 1 and 9, which meet first: 2^24 + 2. In any order that adds
 * them to 2^24 one by one, both are lost. */
Test(order, lanes_meet_eight_apart_first) {
    float elements[16] = {[0] = 0x1p24f, [1] = 1, [9] = 1};
    cr_assert_eq(reduced(OP_REDUCE_SUM, elements, 1, 16), 0x1p24f + 2);
    /* Lanes 0 and 8 meet before 8 and 9 do. */
    float others[16] = {[0] = 0x1p24f, [8] = 1, [9] = 1};
    cr_assert_eq(reduced(OP_REDUCE_SUM, others, 1, 16), 0x1p24f);
    /* Elements 1 and 17 share a lane. */
    float longer[18] = {[0] = 0x1p24f, [1] = 1, [17] = 1};
    cr_assert_eq(reduced(OP_REDUCE_SUM, longer, 1, 18), 0x1p24f + 2);
}

/* Of [4,5,6], axes 0 and 2: 24 elements each, counted across rows. */
Test(order, lanes_count_on_across_rows) {
    static float elements[4 * 5 * 6];
    fill(elements, 4 * 5 * 6, 7);
    struct node source = node_of(OP_INPUT, 3, (int64_t[]){4, 5, 6}), *sources[1] = {&source};
    struct node node = {.op = OP_REDUCE_SUM,
                        .source_count = 1,
                        .sources = sources,
                        .axis_count = 2,
                        .axes = {0, 2}};
    struct view view = view_contiguous(&source, elements);
    cr_assert(infer(&node, NULL));
    float actual[5];
    evaluate_into(&node, &view, actual, 5);
    for (int j = 0; j < 5; j++) {
        float column[24];
        for (int r = 0; r < 24; r++)
            column[r] = elements[(r / 6 * 5 + j) * 6 + r % 6];
        float expected = tree(column, 24, 0, 1, false);
        cr_assert(memcmp(&actual[j], &expected, sizeof expected) == 0, "column %d", j);
    }
}

/* A matrix product: [m, n, k] over the last axis, a broadcast along n and b along m. */
enum { LARGEST = 4096 };
static float a[LARGEST * 3], b[LARGEST * 4], product[64];

static void check_product(int m, int n, int k, bool transposed) {
    struct node source = node_of(OP_INPUT, 3, (int64_t[]){m, n, k});
    struct node *sources[2] = {&source, &source};
    struct node node = {
        .op = OP_CONTRACT, .source_count = 2, .sources = sources, .axis_count = 1, .axes = {2}};
    struct view views[2] = {view_contiguous(&source, a), view_contiguous(&source, b)};
    cr_assert(infer(&node, NULL));
    memcpy(views[0].stride, (int64_t[]){k, 0, 1}, 3 * sizeof(int64_t));
    memcpy(views[1].stride, transposed ? (int64_t[]){0, k, 1} : (int64_t[]){0, 1, n},
           3 * sizeof(int64_t));
    fill(a, m * k, 1);
    fill(b, n * k, 2);
    for (int swapped = 0; swapped < 2; swapped++) {
        struct view in_order[2] = {views[swapped], views[1 - swapped]};
        evaluate_into(&node, in_order, product, 64);
        for (int i = 0; i < m * n; i++) {
            float expected = 0;
            for (int p = 0; p < k; p++)
                expected =
                    fmaf(a[i / n * k + p], b[transposed ? i % n * k + p : p * n + i % n], expected);
            cr_assert(memcmp(&product[i], &expected, sizeof expected) == 0,
                      "[%d,%d,%d], element %d", m, n, k, i);
        }
    }
}

Test(order, contractions_of_every_width) {
    for (int n = 1; n <= 41; n++)
        for (int k = 1; k <= 70; k += 23)
            for (int transposed = 0; transposed < 2; transposed++)
                check_product(1, n, k, transposed);
    check_product(3, 20, 9, false);
}

Test(order, contractions_over_many_positions) {
    check_product(1, 3, 1024, false);
    check_product(2, 3, 1025, true);
    check_product(3, 4, 4095, false);
}

/* A convolution as the graph has it: windows of a padded image, all expanded, over c, kh and kw. */
Test(order, a_convolution_over_windows) {
    enum { C = 3, H = 9, W = 25, O = 2, K = 3, OH = H - K + 1, OW = W - K + 1 };
    static float image[C * H * W], weight[O * C * K * K], result[O * OH * OW];
    fill(image, C * H * W, 3);
    fill(weight, O * C * K * K, 4);
    struct node source = node_of(OP_INPUT, 6, (int64_t[]){O, OH, OW, C, K, K});
    struct node *sources[2] = {&source, &source};
    struct node node = {.op = OP_CONTRACT,
                        .source_count = 2,
                        .sources = sources,
                        .axis_count = 3,
                        .axes = {3, 4, 5}};
    struct view views[2] = {view_contiguous(&source, image), view_contiguous(&source, weight)};
    memcpy(views[0].stride, (int64_t[]){0, W, 1, H * W, W, 1}, 6 * sizeof(int64_t));
    memcpy(views[1].stride, (int64_t[]){C * K * K, 0, 0, K * K, K, 1}, 6 * sizeof(int64_t));
    cr_assert(infer(&node, NULL));
    evaluate_into(&node, views, result, O * OH * OW);
    for (int i = 0; i < O * OH * OW; i++) {
        int o = i / (OH * OW), y = i / OW % OH, x = i % OW;
        float expected = 0;
        for (int p = 0; p < C * K * K; p++) {
            int c = p / (K * K), ky = p / K % K, kx = p % K;
            expected =
                fmaf(image[(c * H + y + ky) * W + x + kx], weight[o * C * K * K + p], expected);
        }
        cr_assert(memcmp(&result[i], &expected, sizeof expected) == 0, "element %d", i);
    }
}
