/* What emitted texts need of <string.h> where there is no C library: WebAssembly has instructions
 * for it. */
#ifndef ET_WASM_STRING_H
#define ET_WASM_STRING_H

#include <stddef.h>

#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset

#endif
