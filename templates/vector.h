// Which vectors a text is compiled for.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section.

#ifndef ET_TEMPLATES_VECTOR_H
#define ET_TEMPLATES_VECTOR_H

//: section vector_bits
// The bits of the vectors that tiles and reductions are written in, with fused multiply-add; 0: the
// text has none of its own for this machine.
#if defined VECTOR_BITS // of one version of several
#elif defined __AVX512F__
#define VECTOR_BITS 512
#elif defined __AVX2__ && defined __FMA__
#define VECTOR_BITS 256
#elif defined __aarch64__ && defined __ARM_NEON
#define VECTOR_BITS 128
#elif defined __riscv_v // at least
#define VECTOR_BITS 128
#else
#define VECTOR_BITS 0
#endif

//: end

#endif
