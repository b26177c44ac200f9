// Elementary functions of float64 whose bits are the same on every machine.
//
// These bodies are the meaning of exp, log, sin, cos, tanh, erf and pow of float64, as those of
// templates/math.h are of float32. They use nothing but IEEE-754 + - * /, each rounded by itself,
// and integer operations; no fused multiply-add, which machines without one emulate slowly: where a
// product or a sum has to be exact, it is kept as the sum of two float64. Nothing but the reduction
// of sines branches: a plain loop over the others vectorises. A result that is NaN is always the
// quiet NaN 0x7ff8000000000000.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// function, and "needs" names the sections that must stand before it.
//
// Errors are in ulp of the result against the exact value, the largest among 12 million
// arguments (tests/templates/test_math64.c fails where one is beyond its bound). 0.5 would be
// correct rounding. Polynomials interpolate at Chebyshev's points, for the error that is stated.

#ifndef ET_TEMPLATES_MATH64_H
#define ET_TEMPLATES_MATH64_H

#include "templates/math.h"

//: section f64_product
// a * b as the sum of two float64: the rounded product, and in *low what that lacks. Exact for
// |a|, |b| < 2^996 unless *low underflows. (Dekker's product of Veltkamp's halves, 1971.)
static inline double f64_product(double a, double b, double *low) {
    const double splitter = 0x1.0000002p+27; // 2^27 + 1
    double a_high = a * splitter - (a * splitter - a), a_low = a - a_high;
    double b_high = b * splitter - (b * splitter - b), b_low = b - b_high;
    double product = a * b;
    *low = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return product;
}

//: section f64_exp_reduced
// e^(high + low) for |high| <= 0.3467 and |low| a few ulp of it.
//
// 1 + h + h^2 / 2 + h^3 * q(h), q of degree 9: 2^-60. What 1 + h loses by rounding is added back.
static inline double f64_exp_reduced(double high, double low) {
    double q = 0x1.1f66eff4fc984p-29;     // 2.0911254902088771e-09
    q = q * high + 0x1.af38c67fbb53ep-26; // 2.51004110820149e-08
    q = q * high + 0x1.27e4e1ed9933ep-22; // 2.7557282931125736e-07
    q = q * high + 0x1.71de0da24602dp-19; // 2.7557268406190795e-06
    q = q * high + 0x1.a01a01a47ccd9p-16; // 2.4801587317169235e-05
    q = q * high + 0x1.a01a01a7c73c0p-13; // 0.00019841269863088255
    q = q * high + 0x1.6c16c16c167dfp-10; // 0.0013888888888886548
    q = q * high + 0x1.11111111109afp-7;  // 0.0083333333333300546
    q = q * high + 0x1.5555555555555p-5;  // 0.041666666666666664
    q = q * high + 0x1.5555555555556p-3;  // 0.16666666666666669
    double tail = high * high * (0.5 + high * q) + (low + low * high);
    double sum = 1.0 + high;
    return sum + (((1.0 - sum) + high) + tail);
}

//: section f64_scale needs f64_bits f64_from_bits
// y * 2^n for |n| <= 1100, with n given as n + 1.5 * 2^52. The power is applied as two factors, so
// that results below 2^-1022 underflow gradually and those from 2^1024 on overflow to infinity.
static inline double f64_scale(double y, double shifted) {
    double halved = (shifted - 0x1.8p+52) * 0.5 + 0x1.8p+52;
    uint64_t whole = f64_bits(shifted) << 52, half = f64_bits(halved) << 52;
    return f64_from_bits(f64_bits(y) + half) * f64_from_bits(whole - half + 0x3ff0000000000000u);
}

//: section f64_exp needs f64_from_bits f64_select f64_exp_reduced f64_scale
// e^x: Cody-Waite reduction x = n * ln(2) + r, with ln(2) as the sum of two float64 of which the
// first has 42 bits, so that its product is exact, and r as the sum of two. exp(710) overflows,
// exp(-746) rounds to 0.
// Largest error: 0.750 ulp.
static inline double f64_exp(double x) {
    double bounded = f64_select(x > 710.0, 710.0, x);
    bounded = f64_select(bounded < -746.0, -746.0, bounded);
    double shifted = bounded * 0x1.71547652b82fep+0 /* 1/ln(2) */ + 0x1.8p+52;
    double n = shifted - 0x1.8p+52;
    double high = bounded - n * 0x1.62e42fefa3800p-1, low = n * 0x1.ef35793c76730p-45;
    double rest = high - low;
    double y = f64_scale(f64_exp_reduced(rest, (high - rest) - low), shifted);
    return f64_select(x != x, f64_from_bits(0x7ff8000000000000u), y);
}

//: section f64_log needs f64_bits f64_from_bits f64_select
// Natural logarithm.
//
// x = 2^e * m with m in [sqrt(1/2), sqrt(2)); f = m - 1 and s = f / (2 + f) give
// log(1 + f) = 2 * atanh(s) = f - (f^2 / 2 - s * (f^2 / 2 + s^2 * p(s^2))), the arrangement of
// FDLIBM (K. C. Ng), in which only small terms are rounded; p of degree 7: 2^-60. e * ln(2) is
// split in two, its first part exact; what the rounding of that part plus f loses is added back.
// Largest error: 0.883 ulp.
static inline double f64_log(double x) {
    const double infinity = f64_from_bits(0x7ff0000000000000u);
    const uint64_t root_half = 0x3fe6a09e667f3bcdu, one = 0x3ff0000000000000u;
    int tiny = x < 0x1p-1022;
    uint64_t bits = f64_bits(f64_select(tiny, x * 0x1p+54, x)) + (one - root_half);
    double e = f64_from_bits((uint64_t)0x433 << 52 | bits >> 52) -
               f64_select(tiny, 0x1p+52 + 1077.0, 0x1p+52 + 1023.0);
    double f = f64_from_bits((bits & 0x000fffffffffffffu) + root_half) - 1.0;
    double s = f / (2.0 + f), square = s * s;
    double p = 0x1.0c04595972ab8p-3;       // 0.13086767009948175
    p = p * square + 0x1.0fbe83c2cbcf3p-3; // 0.13268759668560612
    p = p * square + 0x1.3b1c360763b8ap-3; // 0.15386240205813478
    p = p * square + 0x1.745cf901605f7p-3; // 0.18181795630884753
    p = p * square + 0x1.c71c720160b47p-3; // 0.2222222239180047
    p = p * square + 0x1.2492492476c87p-2; // 0.28571428570803231
    p = p * square + 0x1.9999999999a38p-2; // 0.40000000000000879
    p = p * square + 0x1.5555555555555p-1; // 0.66666666666666663
    double half = 0.5 * f * f, whole = e * 0x1.62e42fefa3800p-1;
    double head = whole + f;
    double tail = ((whole - head) + f) + e * 0x1.ef35793c76730p-45;
    double y = head + (tail - (half - s * (half + square * p)));
    y = f64_select(x < infinity, y, x);
    y = f64_select(x == 0.0, -infinity, y);
    return f64_select(x >= 0.0, y, f64_from_bits(0x7ff8000000000000u));
}

//: section u64_product_high
// The upper half of a * b.
static inline uint64_t u64_product_high(uint64_t a, uint64_t b) {
    uint64_t a_low = a & 0xffffffffu, a_high = a >> 32, b_low = b & 0xffffffffu, b_high = b >> 32;
    uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
    uint64_t other = a_low * b_high + (middle & 0xffffffffu);
    return a_high * b_high + (middle >> 32) + (other >> 32);
}

//: section f64_quadrant_huge needs u64_product_high f64_product
// As f64_quadrant, for 2^20 <= |x| < infinity: Payne and Hanek's reduction (1983) in integers.
//
// |x| = mantissa * 2^(exponent - 1075), so |x| * 2/pi modulo 4 needs only the 192 bits of 2/pi that
// begin exponent - 1013 bits into its words (which open with 64 zeros): their product, modulo
// 2^192, is in units of 2^-190 quadrants. No float64 comes closer to a multiple of pi/2 than 2^-60,
// which leaves more bits than two float64 hold.
static inline uint64_t f64_quadrant_huge(uint64_t magnitude, double *high, double *low) {
    static const uint64_t two_over_pi[] = {
        0x0000000000000000u, 0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u,
        0xfe5163abdebbc561u, 0xb7246e3a424dd2e0u, 0x06492eea09d1921cu, 0xfe1deb1cb129a73eu,
        0xe88235f52ebb4484u, 0xe99c7026b45f7e41u, 0x3991d639835339f4u, 0x9c845f8bbdf9283bu,
        0x1ff897ffde05980fu, 0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du,
        0x7527bac7ebe5f17bu, 0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b6babu};
    uint64_t start = (magnitude >> 52) - 1013u, shift = start & 63u, back = 63u - shift;
    const uint64_t *word = two_over_pi + (start >> 6);
    uint64_t first = word[0] << shift | word[1] >> 1 >> back;
    uint64_t second = word[1] << shift | word[2] >> 1 >> back;
    uint64_t third = word[2] << shift | word[3] >> 1 >> back;
    uint64_t mantissa = (magnitude & 0x000fffffffffffffu) | 0x0010000000000000u;
    uint64_t carried = u64_product_high(mantissa, third), middle = mantissa * second + carried;
    uint64_t turn = mantissa * first + u64_product_high(mantissa, second) + (middle < carried);

    uint64_t upper = turn << 2 | middle >> 62, lower = middle << 2 | mantissa * third >> 62;
    uint64_t negative = 0u - (upper >> 63); // more than half a quadrant: count from the next one
    lower ^= negative;
    upper ^= negative;
    double a = (double)(uint32_t)(upper >> 32) * 0x1p-32, b = (double)(uint32_t)upper * 0x1p-64;
    double c = (double)(uint32_t)(lower >> 32) * 0x1p-96, d = (double)(uint32_t)lower * 0x1p-128;
    double head = a + b, tail = ((a - head) + b) + (c + d);
    double fraction = head + tail, error;
    double whole = f64_product(fraction, 0x1.921fb54442d18p+0 /* pi/2 */, &error);
    error += fraction * 0x1.1a62633145c07p-54 + ((head - fraction) + tail) * 0x1.921fb54442d18p+0;
    double sign = negative ? -1.0 : 1.0;
    *high = sign * (whole + error);
    *low = sign * ((whole - (whole + error)) + error);
    return (turn + ((uint64_t)1 << 61)) >> 62;
}

//: section f64_quadrant needs f64_bits f64_from_bits f64_quadrant_huge
// |x| = quadrant * pi/2 + high + low with |high| <= pi/4 (and a little); x by its bits without the
// sign.
//
// Below 2^20, Cody and Waite's reduction with pi/2 as three numbers of 33 bits, whose products with
// the quadrant are exact, and a fourth; what differences lose is kept (Knuth's sum of two).
static inline uint64_t f64_quadrant(uint64_t magnitude, double *high, double *low) {
    if (magnitude >= 0x4130000000000000u) // 2^20
        return f64_quadrant_huge(magnitude, high, low);
    double x = f64_from_bits(magnitude);
    double shifted = x * 0x1.45f306dc9c883p-1 /* 2/pi */ + 0x1.8p+52, n = shifted - 0x1.8p+52;
    double first = x - n * 0x1.921fb54400000p+0; // exact
    double part = n * 0x1.0b4611a600000p-34, second = first - part, taken = first - second;
    double lost = (first - (second + taken)) + (taken - part);
    part = n * 0x1.3198a2e000000p-69;
    double third = second - part;
    taken = second - third;
    lost += (second - (third + taken)) + (taken - part);
    lost -= n * 0x1.b839a252049c1p-104;
    *high = third + lost;
    *low = (third - *high) + lost;
    return f64_bits(shifted) & 3u;
}

//: section f64_quarter_wave needs f64_bits f64_from_bits
// sin(quadrant * pi/2 + high + low) for |high| <= pi/4 (and a little).
//
// sin(r) = r + r^3 * s(r^2), cos(r) = 1 - r^2 / 2 + r^4 * c(r^2), s and c of degree 5: 2^-55.6 and
// 2^-60; what 1 - r^2 / 2 loses is added back.
static inline double f64_quarter_wave(uint64_t quadrant, double high, double low) {
    double square = high * high, half = 0.5 * square;
    double s = 0x1.5e0af186af739p-33;       // 1.591810123027412e-10
    s = s * square - 0x1.ae600a926c89ap-26; // 2.5051131455427946e-08
    s = s * square + 0x1.71de37961e4c6p-19; // 2.7557316100683029e-06
    s = s * square - 0x1.a01a019e8357dp-13; // 0.00019841269836754971
    s = s * square + 0x1.1111111110bb1p-7;  // 0.0083333333333309462
    s = s * square - 0x1.5555555555555p-3;  // 0.16666666666666666
    double c = -0x1.907d7aebd5e3dp-37;      // -1.1382614868556325e-11
    c = c * square + 0x1.1eeb68b109173p-29; // 2.0876146024689747e-09
    c = c * square - 0x1.27e4fa17a41b4p-22; // 2.7557317270560326e-07
    c = c * square + 0x1.a01a019f4e867p-16; // 2.4801587298763433e-05
    c = c * square - 0x1.6c16c16c16966p-10; // 0.0013888888888887395
    c = c * square + 0x1.5555555555555p-5;  // 0.041666666666666664
    double sine = high + (square * high * s + (low - half * low));
    double sum = 1.0 - half;
    double cosine = sum + (((1.0 - sum) - half) + (square * square * c - high * low));
    uint64_t odd = 0u - (quadrant & 1u);
    uint64_t bits = (f64_bits(cosine) & odd) | (f64_bits(sine) & ~odd);
    return f64_from_bits(bits ^ (quadrant & 2u) << 62);
}

//: section f64_sin needs f64_bits f64_from_bits f64_quadrant f64_quarter_wave
// Sine, over the whole range: reduction at f64_quadrant, polynomials at f64_quarter_wave.
// Largest error: 0.842 ulp.
static inline double f64_sin(double x) {
    uint64_t sign = f64_bits(x) & 0x8000000000000000u, magnitude = f64_bits(x) ^ sign;
    double high, low;
    if (magnitude >= 0x7ff0000000000000u)
        return f64_from_bits(0x7ff8000000000000u);
    uint64_t quadrant = f64_quadrant(magnitude, &high, &low);
    return f64_from_bits(f64_bits(f64_quarter_wave(quadrant, high, low)) ^ sign);
}

//: section f64_cos needs f64_bits f64_from_bits f64_quadrant f64_quarter_wave
// Cosine, over the whole range: the sine of |x|, one quadrant on. Largest error: 0.867 ulp.
static inline double f64_cos(double x) {
    uint64_t magnitude = f64_bits(x) & 0x7fffffffffffffffu;
    double high, low;
    if (magnitude >= 0x7ff0000000000000u)
        return f64_from_bits(0x7ff8000000000000u);
    uint64_t quadrant = f64_quadrant(magnitude, &high, &low);
    return f64_quarter_wave(quadrant + 1u, high, low);
}

//: section f64_tanh needs f64_bits f64_from_bits f64_select f64_product f64_exp
// Hyperbolic tangent.
//
// |x| < 0.75: x + x * x^2 * p(x^2), p of degree 12: 2^-56.6. Otherwise 1 - 2 / d, d = exp(2|x|) +
// 1, with d and the quotient as sums of two; tanh(20) rounds to 1. Largest error: 0.853 ulp.
static inline double f64_tanh(double x) {
    uint64_t sign = f64_bits(x) & 0x8000000000000000u;
    double a = f64_from_bits(f64_bits(x) ^ sign), square = a * a;
    double p = -0x1.b850e580233d9p-20;      // -1.6403049301367063e-06
    p = p * square + 0x1.5118ab4389a68p-17; // 1.0046254494145218e-05
    p = p * square - 0x1.215762ad5e48ep-15; // 3.449217670498896e-05
    p = p * square + 0x1.8b4b6688bf2cep-14; // 9.4245560955340274e-05
    p = p * square - 0x1.f351359d24bddp-13; // 0.00023809300629248814
    p = p * square + 0x1.353274356313ap-11; // 0.00058974663868264295
    p = p * square - 0x1.7d9fdbed016cbp-10; // 0.0014557817441995132
    p = p * square + 0x1.d6d397abb20b3p-9;  // 0.0035921213765029657
    p = p * square - 0x1.226e3433954a3p-7;  // 0.0088632349863167533
    p = p * square + 0x1.664f487b77e03p-6;  // 0.021869488509649326
    p = p * square - 0x1.ba1ba1ba03ee2p-5;  // 0.053968253967580329
    p = p * square + 0x1.111111111101ep-3;  // 0.13333333333332659
    p = p * square - 0x1.5555555555555p-2;  // 0.33333333333333331
    double small = a + a * (square * p);
    double power = f64_exp(2.0 * f64_select(a < 20.0, a, 20.0));
    double d = power + 1.0, d_low = (power - d) + 1.0, quotient = 2.0 / d, product_low;
    double product = f64_product(quotient, d, &product_low);
    double lacks = (((2.0 - product) - product_low) - quotient * d_low) / d;
    double rest = 1.0 - quotient;
    double large = rest + (((1.0 - rest) - quotient) - lacks);
    double y = f64_from_bits(f64_bits(f64_select(a < 0.75, small, large)) | sign);
    return f64_select(x != x, f64_from_bits(0x7ff8000000000000u), y);
}

//: section f64_erf needs f64_bits f64_from_bits f64_select f64_exp
// Error function.
//
// |x| < 0.75: x + x * p(x^2), p of degree 11: 2^-56. Up to 1.25, with w = |x| - 1, erf(1) + w *
// r(w), r of degree 12: 2^-55. Beyond, 1 - erfc(|x|) with erfc(x) = exp(-x^2) / (1 + 2x) * q(t), t
// = (x - 3) / (x + 3), the form of Shepherd and Laframboise (1981); q of degree 14, for an error of
// erfc below 2^-56 up to x = 6, where erf rounds to 1. Largest error: 0.961 ulp.
static inline double f64_erf(double x) {
    uint64_t sign = f64_bits(x) & 0x8000000000000000u;
    double a = f64_from_bits(f64_bits(x) ^ sign), square = a * a, w = a - 1.0;
    double p = -0x1.0531bcd3b9e68p-30;      // -9.5021928253920889e-10
    p = p * square + 0x1.ef40237a858abp-27; // 1.441368778936089e-08
    p = p * square - 0x1.5ec0be6e9fbdfp-23; // 1.6333204962482006e-07
    p = p * square + 0x1.b9dae14cfb1c8p-20; // 1.6460381460039261e-06
    p = p * square - 0x1.f4d1d5fca1158p-17; // 1.4925589306054893e-05
    p = p * square + 0x1.f9a3230551d99p-14; // 0.00012055331543080749
    p = p * square - 0x1.c02db3ec96c56p-11; // 0.0008548327001095628
    p = p * square + 0x1.565bcd0e2c46bp-8;  // 0.0052239776252217358
    p = p * square - 0x1.b82ce31287cddp-6;  // 0.026866170645118415
    p = p * square + 0x1.ce2f21a042bc6p-4;  // 0.11283791670955087
    p = p * square - 0x1.812746b0379e7p-2;  // 0.37612638903183754
    p = p * square + 0x1.06eba8214db69p-3;  // 0.12837916709551259
    double small = a + a * p;
    double r = 0x1.27afe98d91b78p-16;  // 1.762432798660003e-05
    r = r * w - 0x1.998ca9a211377p-13; // 0.00019528840226903561
    r = r * w + 0x1.6711cf6e6a979p-14; // 8.5608857011953534e-05
    r = r * w + 0x1.415dd82e9f96ep-10; // 0.001225916213712343
    r = r * w - 0x1.ee311023aff26p-10; // 0.0018851915455541739
    r = r * w - 0x1.39110af94fec2p-8;  // 0.0047770168105782402
    r = r * w + 0x1.f096fd8ffafa1p-7;  // 0.015154718217637088
    r = r * w + 0x1.2e45a44ed5f00p-8;  // 0.0046123052732907066
    r = r * w - 0x1.1b614b0f5a746p-4;  // 0.069184582903884267
    r = r * w + 0x1.1b614b0f755f4p-4;  // 0.069184582905414349
    r = r * w + 0x1.1b614b0f5283ep-3;  // 0.13836916580686592
    r = r * w - 0x1.a911f096fbc75p-2;  // 0.4151074974205991
    r = r * w + 0x1.a911f096fbc26p-2;  // 0.41510749742059472
    double middle = 0x1.af767a741088bp-1 + (w * r - 0x1.c97f778122797p-56); // erf(1) = 0.8427
    double bounded = f64_select(a < 6.0, a, 6.0), t = (bounded - 3.0) / (bounded + 3.0);
    double q = -0x1.3a78e54d6e039p-19; // -2.3430008357604412e-06
    q = q * t - 0x1.3ce553f24f2f3p-16; // 1.8888462315336034e-05
    q = q * t + 0x1.79fbd997027c8p-18; // 5.6323973671809855e-06
    q = q * t + 0x1.0600d114b9be2p-13; // 0.00012493285671341588
    q = q * t - 0x1.b9893d5295b7fp-14; // 0.00010527040766681975
    q = q * t - 0x1.98d9d7530c7e8p-11; // 0.00077982128494213671
    q = q * t + 0x1.ef1c75c9301ddp-10; // 0.0018886992350389744
    q = q * t + 0x1.4b884b41fe845p-9;  // 0.0025293914668483041
    q = q * t - 0x1.8574c470c523dp-6;  // 0.023770515285905559
    q = q * t + 0x1.17ca287842e86p-4;  // 0.068308027348559092
    q = q * t - 0x1.e88b8039c916cp-4;  // 0.11927366340802842
    q = q * t + 0x1.098366a5b44b7p-3;  // 0.12964515870274848
    q = q * t - 0x1.85a15c58ac47cp-5;  // 0.047562294353505202
    q = q * t - 0x1.15c084bb9e8f4p-3;  // 0.13562110612458123
    q = q * t + 0x1.40c522d7e4988p+0;  // 1.2530080582697298
    double large = 1.0 - f64_exp(-(bounded * bounded)) * q / (1.0 + 2.0 * bounded);
    double y = f64_select(a < 0.75, small, f64_select(a < 1.25, middle, large));
    y = f64_from_bits(f64_bits(y) | sign);
    return f64_select(x != x, f64_from_bits(0x7ff8000000000000u), y);
}

//: section f64_log2_parts needs f64_bits f64_from_bits f64_select f64_product
// log2 of a positive, finite float64 as the sum of two, with relative error 2^-65.
//
// x = 2^e * m with m in [sqrt(1/2), sqrt(2)); s = (m - 1) / (m + 1) is kept as the sum of two, as
// is all that is computed from it but the last term of log(m) = 2s * (1 + s^2 / 3 + s^4 * p(s^2));
// p of degree 7: 2^-66.
static inline double f64_log2_parts(double x, double *low) {
    const uint64_t root_half = 0x3fe6a09e667f3bcdu, one = 0x3ff0000000000000u;
    int tiny = x < 0x1p-1022;
    uint64_t bits = f64_bits(f64_select(tiny, x * 0x1p+54, x)) + (one - root_half);
    double e = f64_from_bits((uint64_t)0x433 << 52 | bits >> 52) -
               f64_select(tiny, 0x1p+52 + 1077.0, 0x1p+52 + 1023.0);
    double m = f64_from_bits((bits & 0x000fffffffffffffu) + root_half);
    double sum = 1.0 + m, sum_low = (1.0 - sum) + m;
    double s = (m - 1.0) / sum, error, product = f64_product(s, sum, &error);
    double s_low = ((((m - 1.0) - product) - error) - s * sum_low) / sum;

    double square_low, square = f64_product(s, s, &square_low);
    square_low += 2.0 * s * s_low;
    double p = 0x1.e02e6fff27908p-5;       // 0.058615893119382589
    p = p * square + 0x1.df7cc8e5fa539p-5; // 0.058531181697456032
    p = p * square + 0x1.1118c7e4b0917p-4; // 0.066674023469236551
    p = p * square + 0x1.3b1395d2190c1p-4; // 0.076922974812592151
    p = p * square + 0x1.745d177a96056p-4; // 0.09090909167696401
    p = p * square + 0x1.c71c71c6eaa10p-4; // 0.11111111110827943
    p = p * square + 0x1.2492492492521p-3; // 0.14285714285714682
    p = p * square + 0x1.999999999999ap-3; // 0.20000000000000001
    double third_low, third = f64_product(square, 0x1.5555555555555p-2 /* 1/3 */, &third_low);
    third_low += square * 0x1.5555555555555p-56 + square_low * 0x1.5555555555555p-2;
    third_low += square * (square + 2.0 * square_low) * p;
    double cube_low, cube = f64_product(s, third, &cube_low);
    cube_low += s * third_low + s_low * third;
    double head = s + cube, tail = ((s - head) + cube) + (s_low + cube_low);

    double y_low, y = f64_product(head, 0x1.71547652b82fep+1 /* 2/ln(2) */, &y_low);
    y_low += head * 0x1.777d0ffda0d24p-55 + tail * 0x1.71547652b82fep+1;
    double total = e + y, rest = ((e - total) + y) + y_low, result = total + rest;
    *low = (total - result) + rest;
    return result;
}

//: section f64_pow needs f64_rint f64_log2_parts f64_exp_reduced f64_scale
// x^y = 2^(y * log2(|x|)), with log2 and the product as sums of two float64, and the special cases
// of C99 Annex F. Exponents beyond 2^65 are taken as that: their results overflow or vanish just
// the same.
// Largest error: 0.965 ulp.
static inline double f64_pow(double x, double y) {
    const double infinity = f64_from_bits(0x7ff0000000000000u);
    const double not_a_number = f64_from_bits(0x7ff8000000000000u);
    uint64_t sign = f64_bits(x) & 0x8000000000000000u;
    double a = f64_from_bits(f64_bits(x) ^ sign);
    double exponent = f64_select(y > 0x1p+65, 0x1p+65, y);
    exponent = f64_select(exponent < -0x1p+65, -0x1p+65, exponent);
    double log_low, logarithm = f64_log2_parts(a, &log_low);
    double low, high = f64_product(exponent, logarithm, &low);
    low += exponent * log_low;
    double bounded = f64_select(high > 1100.0, 1100.0, high);
    bounded = f64_select(bounded < -1100.0, -1100.0, bounded);
    low = f64_select(bounded == high, low, 0.0);
    double shifted = bounded + 0x1.8p+52, f = bounded - (shifted - 0x1.8p+52);
    double rest_low, rest = f64_product(f, 0x1.62e42fefa39efp-1 /* ln(2) */, &rest_low);
    rest_low += f * 0x1.abc9e3b39803fp-56 + low * 0x1.62e42fefa39efp-1;
    double reduced = rest + rest_low;
    double z = f64_scale(f64_exp_reduced(reduced, (rest - reduced) + rest_low), shifted);
    z = f64_select((a == 0.0) | (a == infinity), (a == 0.0) == (y > 0.0) ? 0.0 : infinity, z);
    z = f64_select(a == 1.0, 1.0, z); // even for an infinite y

    double half = 0.5 * y;
    int integer = f64_rint(y) == y; // infinities count as even integers
    int odd = integer & (f64_rint(half) != half);
    z = f64_from_bits(f64_bits(z) ^ (sign & (0u - (uint64_t)odd)));
    z = f64_select((x < 0.0) & (a < infinity) & !integer, not_a_number, z);
    z = f64_select((x != x) | (y != y), not_a_number, z);
    return f64_select((x == 1.0) | (y == 0.0), 1.0, z);
}
//: end

#endif
