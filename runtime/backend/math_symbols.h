/* The functions of templates/math.h, compiled once, for callers that cannot inline them. */
#ifndef EIGENTENSOR_MATH_SYMBOLS_H
#define EIGENTENSOR_MATH_SYMBOLS_H

float et_f32_exp(float a);
float et_f32_log(float a);
float et_f32_sin(float a);
float et_f32_cos(float a);
float et_f32_tanh(float a);
float et_f32_erf(float a);
float et_f32_pow(float a, float b);

#endif
