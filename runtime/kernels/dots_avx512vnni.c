/* Tiles of 8-bit integers in 32 registers of 16 lanes, by dot products. */
#if defined __x86_64__
#if !defined __AVX512VNNI__
#error "compile with the options that the Makefile gives this file"
#endif
#define SET avx512
#define DOTS avx512vnni
#include "runtime/kernels/dots_body.h"
#else
typedef int not_for_this_architecture;
#endif
