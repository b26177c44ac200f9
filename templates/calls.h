// What emitted C declares for itself when libtcc compiles it: no system header is read, and all
// arithmetic that needs care is a call into the runtime, which gcc compiled for this machine.
// Sections stand for those of the same names that other files have.

//: section calls
typedef signed char int8_t;
typedef int int32_t;
typedef long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef long ptrdiff_t;
#define INT32_MIN (-2147483647 - 1)
#define INT32_MAX 2147483647
#define INT64_MIN (-9223372036854775807 - 1)
#define INT64_MAX 9223372036854775807
#define INFINITY (0x1p127f * 2.0f)
void *memcpy(void *to, const void *from, unsigned long bytes);
float sqrtf(float a);
float fabsf(float a);
// libtcc ignores the alignment of locals, and vectors that lie across cache lines are slow.
#define ALIGNED_ARRAY(type, name, count)                                                           \
    type name##_room[(count) + 64 / sizeof(type)];                                                 \
    type *const name = (type *)(((unsigned long)name##_room + 63) & ~63ul)

//: section calls_int16
typedef short int16_t;

//: section calls_float64
double sqrt(double a);
double fabs(double a);

//: section f32_exp
float f32_exp(float a);

//: section f32_log
float f32_log(float a);

//: section f32_sin
float f32_sin(float a);

//: section f32_cos
float f32_cos(float a);

//: section f32_tanh
float f32_tanh(float a);

//: section f32_erf
float f32_erf(float a);

//: section f32_pow
float f32_pow(float a, float b);

//: section f32_rint
float f32_rint(float a);

//: section f32_floor
float f32_floor(float a);

//: section f32_ceil
float f32_ceil(float a);

//: section f32_fmod
float f32_fmod(float a, float b);

//: section f64_rint
double f64_rint(double a);

//: section f64_floor
double f64_floor(double a);

//: section f64_ceil
double f64_ceil(double a);

//: section f64_fmod
double f64_fmod(double a, double b);

//: section f32_fma
float f32_fma(float a, float b, float c);

//: section f64_fma
double f64_fma(double a, double b, double c);

//: section f32_sort_keys
void f32_sort_keys(uint64_t *keys, const float *elements, long count);

//: section f64_sort_keys
void f64_sort_keys(uint64_t *keys, const double *elements, long count);

//: section sort_keys
void sort_keys(int32_t *positions, uint64_t *keys, long count);

//: end
