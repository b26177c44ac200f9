/* The transforms of F(m, r) as straight-line arithmetic.
 *
 * The algorithm for convolutions is Lavin and Gray's (Fast Algorithms for Convolutional Neural
 * Networks, 2015, arXiv:1509.09308). How much it loses to rounding depends on the points
 * (Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
 * Neural Networks, 2018, arXiv:1803.10986; Alam et al., Winograd Convolution for Deep Neural
 * Networks: Efficient Point Selection, 2022, arXiv:2201.10369). Ours, beside 0 and infinity:
 *
 *   t = 4   1, -1
 *   t = 6   3/4, -3/4, 3/2, -3/2        a half of the error of the usual 1, -1, 2, -2
 *   t = 8   1, -1, 2, -2, 1/2, -1/2     as in NNPACK
 *
 * For 6 and 8 they had (nearly) the least error of all pairs that are multiples of 1/8, and all
 * constants are exact in float32. */
#include "compiler/rewrite/rewriting.h"

#include <math.h>
#include <string.h>

/* The finite points for tiles of 4, 6 and 8: 0, then pairs. */
static const double *points_of(int tile) {
    static const double points_4[] = {0, 1, -1};
    static const double points_6[] = {0, 0.75, -0.75, 1.5, -1.5};
    static const double points_8[] = {0, 1, -1, 2, -2, 0.5, -0.5};
    return tile == 4 ? points_4 : tile == 6 ? points_6 : points_8;
}

/* ---- Inputs: for each pair of points, the even part plus and minus the odd part ---- */

/* clang-format off */
static const struct transform input_4 = {
    .input_count = 4, .output_count = 4, .step_count = 4,
    .steps = {
        {2, -1, 0}, /* 4: d2 - d0       at 0 */
        {2, +1, 1}, /* 5: d2 + d1       at 1 */
        {2, -1, 1}, /* 6: d2 - d1       at -1 */
        {3, -1, 1}, /* 7: d3 - d1       at infinity */
    },
    .outputs = {4, 5, 6, 7},
};

static const struct transform input_6 = {
    .input_count = 6, .output_count = 6, .step_count = 15,
    .steps = {
        {-1, 2.25f, 2},      /*  6: 9/4 d2 */
        {4, -1, 6},          /*  7: d4 - 9/4 d2                           even at 3/4 */
        {3, -2.25f, 1},      /*  8: d3 - 9/4 d1 */
        {-1, 0.75f, 8},      /*  9: 3/4 (d3 - 9/4 d1)                     odd */
        {7, +1, 9},          /* 10:                                       at 3/4 */
        {7, -1, 9},          /* 11:                                       at -3/4 */
        {4, -0.5625f, 2},    /* 12: d4 - 9/16 d2                          even at 3/2 */
        {3, -0.5625f, 1},    /* 13: d3 - 9/16 d1 */
        {-1, 1.5f, 13},      /* 14: 3/2 (d3 - 9/16 d1)                    odd */
        {12, +1, 14},        /* 15:                                       at 3/2 */
        {12, -1, 14},        /* 16:                                       at -3/2 */
        {12, -1, 6},         /* 17: d4 - 45/16 d2 */
        {17, 1.265625f, 0},  /* 18: d4 - 45/16 d2 + 81/64 d0              at 0 */
        {5, -2.25f, 3},      /* 19: d5 - 9/4 d3 */
        {19, -0.5625f, 8},   /* 20: (d5 - 9/4 d3) - 9/16 (d3 - 9/4 d1)    at infinity */
    },
    .outputs = {18, 10, 11, 15, 16, 20},
};

static const struct transform input_8 = {
    .input_count = 8, .output_count = 8, .step_count = 28,
    .steps = {
        {6, -1, 0},       /*  8: d6 - d0 */
        {2, -1, 4},       /*  9: d2 - d4 */
        {8, 5.25f, 9},    /* 10: d6 - 21/4 d4 + 21/4 d2 - d0              at 0 */
        {6, +1, 2},       /* 11: d6 + d2 */
        {11, -4.25f, 4},  /* 12: d6 - 17/4 d4 + d2                        even at 1 */
        {5, +1, 1},       /* 13: d5 + d1 */
        {13, -4.25f, 3},  /* 14: d5 - 17/4 d3 + d1                        odd */
        {12, +1, 14},     /* 15:                                          at 1 */
        {12, -1, 14},     /* 16:                                          at -1 */
        {-1, 1.25f, 4},   /* 17: 5/4 d4 */
        {6, -1, 17},      /* 18: d6 - 5/4 d4 */
        {18, 0.25f, 2},   /* 19: d6 - 5/4 d4 + 1/4 d2                     even at 2 */
        {-1, 1.25f, 3},   /* 20: 5/4 d3 */
        {5, -1, 20},      /* 21: d5 - 5/4 d3 */
        {21, 0.25f, 1},   /* 22: d5 - 5/4 d3 + 1/4 d1 */
        {-1, 2, 22},      /* 23: 2 d5 - 5/2 d3 + 1/2 d1                   odd */
        {19, +1, 23},     /* 24:                                          at 2 */
        {19, -1, 23},     /* 25:                                          at -2 */
        {2, -1, 17},      /* 26: d2 - 5/4 d4 */
        {6, 4, 26},       /* 27: d6 - 5 d4 + 4 d2                         even at 1/2 */
        {1, -1, 20},      /* 28: d1 - 5/4 d3 */
        {-1, 2, 28},      /* 29: 2 d1 - 5/2 d3 */
        {29, 0.5f, 5},    /* 30: 1/2 d5 - 5/2 d3 + 2 d1                   odd */
        {27, +1, 30},     /* 31:                                          at 1/2 */
        {27, -1, 30},     /* 32:                                          at -1/2 */
        {7, -1, 1},       /* 33: d7 - d1 */
        {3, -1, 5},       /* 34: d3 - d5 */
        {33, 5.25f, 34},  /* 35: d7 - 21/4 d5 + 21/4 d3 - d1              at infinity */
    },
    .outputs = {10, 15, 16, 24, 25, 31, 32, 35},
};
/* clang-format on */

struct transform input_transform(int tile) {
    return tile == 4 ? input_4 : tile == 6 ? input_6 : input_8;
}

/* ---- Outputs: y_i = the sum over points of a^i m, of a pair's sum or difference times p^i ---- */

static int add_step(struct transform *transform, int left, double factor, int right) {
    transform->steps[transform->step_count] =
        (struct transform_step){(signed char)left, (float)factor, (signed char)right};
    return transform->input_count + transform->step_count++;
}

struct transform output_transform(int outputs, int tile) {
    struct transform transform = {.input_count = tile, .output_count = outputs};
    const double *points = points_of(tile);
    int pairs = (tile - 2) / 2, parts[2][MOST_TILE / 2]; /* sums, differences */
    double power[MOST_TILE / 2];
    for (int k = 0; k < pairs; k++) {
        parts[0][k] = add_step(&transform, 1 + 2 * k, 1, 2 + 2 * k);
        parts[1][k] = add_step(&transform, 1 + 2 * k, -1, 2 + 2 * k);
        power[k] = 1;
    }
    for (int i = 0; i < outputs; i++) {
        int sum = i == 0 ? 0 : -1;
        for (int k = 0; k < pairs; k++) {
            int part = parts[i % 2][k];
            sum = sum < 0 && power[k] == 1 ? part : add_step(&transform, sum, power[k], part);
            power[k] *= points[1 + 2 * k];
        }
        if (i == outputs - 1)
            sum = add_step(&transform, sum, 1, tile - 1);
        transform.outputs[i] = (signed char)sum;
    }
    return transform;
}

/* ---- Weights ---- */

void weight_transform(int tile, int taps, double rows[MOST_TILE][MOST_TILE]) {
    const double *points = points_of(tile);
    memset(rows, 0, sizeof(double) * MOST_TILE * MOST_TILE);
    for (int j = 0; j < tile - 1; j++) {
        double divisor = 1, power = 1;
        for (int l = 0; l < tile - 1; l++)
            if (l != j)
                divisor *= points[j] - points[l];
        for (int k = 0; k < taps; k++) {
            rows[j][k] = power / divisor;
            power *= points[j];
        }
    }
    rows[tile - 1][taps - 1] = 1;
}

/* ---- Counting ---- */

static bool multiplies(const struct transform_step *step) {
    return step->left < 0 || fabsf(step->factor) != 1;
}

int transform_multiplications(const struct transform *transform) {
    int count = 0;
    for (int i = 0; i < transform->step_count; i++)
        count += multiplies(&transform->steps[i]);
    return count;
}

int transform_operations(const struct transform *transform) {
    int count = transform_multiplications(transform);
    for (int i = 0; i < transform->step_count; i++)
        count += transform->steps[i].left >= 0;
    return count;
}
