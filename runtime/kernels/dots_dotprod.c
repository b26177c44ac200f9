/* Tiles of 8-bit integers in 32 registers of 4 lanes, by dot products of bytes of one kind. */
#if defined __aarch64__
#if !defined __ARM_FEATURE_DOTPROD || defined __ARM_FEATURE_MATMUL_INT8
#error "compile with the options that the Makefile gives this file"
#endif
#define SET baseline
#define DOTS dotprod
#include "runtime/kernels/dots_body.h"
#else
typedef int not_for_this_architecture;
#endif
