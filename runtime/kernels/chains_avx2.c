/* The chains in vectors of 8 float32. */
#if defined __x86_64__
#if !defined __AVX2__ || !defined __FMA__ || defined __AVX512F__
#error "compile with the options that the Makefile gives this file"
#endif
#define SET avx2
#include "runtime/kernels/chains_body.h"
#else
typedef int not_for_this_architecture;
#endif
