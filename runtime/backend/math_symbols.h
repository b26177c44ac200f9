/* The functions of templates/math.h and sort.h, compiled once, for callers that cannot inline them.
 */
#ifndef EIGENTENSOR_MATH_SYMBOLS_H
#define EIGENTENSOR_MATH_SYMBOLS_H

#include <stdint.h>

float et_f32_exp(float a);
float et_f32_log(float a);
float et_f32_sin(float a);
float et_f32_cos(float a);
float et_f32_tanh(float a);
float et_f32_erf(float a);
float et_f32_pow(float a, float b);
void et_f32_sort_keys(uint64_t *keys, const float *elements, long count);
void et_f64_sort_keys(uint64_t *keys, const double *elements, long count);
void et_sort_keys(int32_t *positions, uint64_t *keys, long count);

#endif
