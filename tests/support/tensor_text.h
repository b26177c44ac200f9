/* Tensors as text, for tables of expected values: "f32[2,3] 1 -0 0x1p-149 nan inf 2.5", the dtype
 * by its short name, one element for all or all of them, 16-bit floats as their bits. A dtype * is
 * replaced by the one that is asked for. */
#ifndef TEST_TENSOR_TEXT_H
#define TEST_TENSOR_TEXT_H

#include "compiler/graph/view.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tensor {
    struct node node;            /* its dtype, rank and shape */
    _Alignas(64) char data[512]; /* row-major */
};

static enum dtype dtype_from_short_name(const char *name, enum dtype any) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(dtype_facts[i].short_name, name) == 0)
            return (enum dtype)i;
    cr_assert_str_eq(name, "*");
    return any;
}

static char *parse_element(char *text, enum dtype dtype, void *element) {
    char *end;
    float f32 = strtof(text, &end);
    double f64 = strtod(text, &end);
    if (dtype == DTYPE_FLOAT32) {
        memcpy(element, &f32, sizeof f32);
    } else if (dtype == DTYPE_FLOAT64) {
        memcpy(element, &f64, sizeof f64);
    } else {
        uint64_t integer = strtoull(text, &end, 0);          /* of "-1" all bits */
        memcpy(element, &integer, dtype_facts[dtype].bytes); /* little-endian */
    }
    cr_assert(end != text && (*end == ' ' || *end == 0), "not a number: %s", text);
    return end;
}

static void parse_tensor(const char *text, enum dtype any, struct tensor *tensor) {
    char copy[1024], *rest = copy;
    cr_assert_lt(strlen(text), sizeof copy);
    strcpy(copy, text);
    *tensor = (struct tensor){.node.dtype = dtype_from_short_name(strsep(&rest, "["), any)};
    while (*rest != ']') {
        tensor->node.shape[tensor->node.rank++] = strtoll(rest, &rest, 10);
        rest += *rest == ',';
    }
    rest++;
    size_t bytes = dtype_facts[tensor->node.dtype].bytes;
    int64_t count = node_elements(&tensor->node), given = 0;
    cr_assert_leq((size_t)count * bytes, sizeof tensor->data);
    for (; *rest; given++) {
        cr_assert_lt(given, count, "too many elements: %s", text);
        rest = parse_element(rest + 1, tensor->node.dtype, tensor->data + (size_t)given * bytes);
    }
    cr_assert(given == count || given == 1, "too few elements: %s", text);
    for (; given < count; given++)
        memcpy(tensor->data + (size_t)given * bytes, tensor->data, bytes);
}

static bool is_nan(enum dtype dtype, const void *element) {
    if (dtype == DTYPE_FLOAT32)
        return isnan(*(const float *)element);
    return dtype == DTYPE_FLOAT64 && isnan(*(const double *)element);
}

/* The same bits, or within `ulp` last places; for NaN, any NaN. */
static bool same_element(enum dtype dtype, const void *actual, const void *expected, int ulp) {
    if (is_nan(dtype, expected))
        return is_nan(dtype, actual);
    if (ulp > 0 && dtype == DTYPE_FLOAT32) {
        int32_t a, e;
        memcpy(&a, actual, sizeof a);
        memcpy(&e, expected, sizeof e);
        return llabs((int64_t)a - e) <= ulp;
    }
    if (ulp > 0 && dtype == DTYPE_FLOAT64) {
        int64_t a, e;
        memcpy(&a, actual, sizeof a);
        memcpy(&e, expected, sizeof e);
        return (a < 0) == (e < 0) && llabs(a - e) <= ulp;
    }
    return memcmp(actual, expected, dtype_facts[dtype].bytes) == 0;
}

#endif
