/* Tiles of 8-bit integers in 16 registers of 8 lanes, widened to 16 bits. */
#if defined __x86_64__
#if !defined __AVX2__ || defined __AVXVNNI__ || defined __AVX512F__
#error "compile with the options that the Makefile gives this file"
#endif
#define SET avx2
#define DOTS avx2
#include "runtime/kernels/dots_body.h"
#else
typedef int not_for_this_architecture;
#endif
