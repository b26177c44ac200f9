#include "runtime/backend/math_symbols.h"

#include "templates/math.h"
#include "templates/sort.h"

float et_f32_exp(float a) {
    return f32_exp(a);
}

float et_f32_log(float a) {
    return f32_log(a);
}

float et_f32_sin(float a) {
    return f32_sin(a);
}

float et_f32_cos(float a) {
    return f32_cos(a);
}

float et_f32_tanh(float a) {
    return f32_tanh(a);
}

float et_f32_erf(float a) {
    return f32_erf(a);
}

float et_f32_pow(float a, float b) {
    return f32_pow(a, b);
}

void et_f32_sort_keys(uint64_t *keys, const float *elements, long count) {
    f32_sort_keys(keys, elements, count);
}

void et_f64_sort_keys(uint64_t *keys, const double *elements, long count) {
    f64_sort_keys(keys, elements, count);
}

void et_sort_keys(int32_t *positions, uint64_t *keys, long count) {
    sort_keys(positions, keys, count);
}
