/* The chains in vectors of 16 float32. */
#if defined __x86_64__
#if !defined __AVX512F__
#error "compile with the options that the Makefile gives this file"
#endif
#define SET avx512
#include "runtime/kernels/chains_body.h"
#else
typedef int not_for_this_architecture;
#endif
