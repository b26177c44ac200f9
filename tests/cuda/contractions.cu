// Contractions by blocks, for test_contract.c: y[rows, columns] = x @ w, with operands that lie
// along the sum or across it, in tiles of several shapes and types.
#include "templates/cuda/contract.h"

// ROWS and COLUMNS are the tile's, by so many SUMS a thread; what lies ALONG the sum has its steps
// side by side. The sizes come as arguments, so that tiles end anywhere.
#define CONTRACTION(name, ROWS, COLUMNS, DEPTH, ROW_SUMS, COLUMN_SUMS, STREAM_ALONG, PANEL_ALONG,  \
                    SUM, STREAM, PANEL)                                                            \
    extern "C" __global__ void name##_kernel(const STREAM *restrict x, const PANEL *restrict w,    \
                                             SUM *restrict y, int rows, int columns, int depth) {  \
        contract_tile<ROWS, COLUMNS, DEPTH, ROW_SUMS, COLUMN_SUMS, STREAM_ALONG, PANEL_ALONG,      \
                      SUM>(                                                                        \
            blockIdx.x, rows, columns, depth, x, w,                                                \
            [=](long row) { return (int)row * (STREAM_ALONG ? depth : 1); },                       \
            [=](long k) { return (int)k * (STREAM_ALONG ? 1 : rows); },                            \
            [=](long column) { return (int)column * (PANEL_ALONG ? depth : 1); },                  \
            [=](long k) { return (int)k * (PANEL_ALONG ? 1 : columns); },                          \
            [=](long row, long column, SUM sum) { y[row * columns + column] = sum; });             \
    }                                                                                              \
    extern "C" void name(const void *x, const void *w, void *y, int rows, int columns,             \
                         int depth) {                                                              \
        LAUNCH(name##_kernel, (rows + ROWS - 1L) / ROWS * ((columns + COLUMNS - 1L) / COLUMNS),    \
               256, 0, (const STREAM *)x, (const PANEL *)w, (SUM *)y, rows, columns, depth);       \
    }

CONTRACTION(f32_128x128, 128, 128, 16, 8, 8, true, false, float, float, float)
CONTRACTION(f32_64x128, 64, 128, 16, 4, 8, false, false, float, float, float)
CONTRACTION(f32_64x64, 64, 64, 32, 4, 4, true, true, float, float, float)
CONTRACTION(f32_32x32, 32, 32, 64, 2, 2, false, true, float, float, float)
CONTRACTION(f32_32x256, 32, 256, 16, 4, 8, true, false, float, float, float)
CONTRACTION(f32_256x32, 256, 32, 16, 8, 4, false, true, float, float, float)
CONTRACTION(f32_16x16, 16, 16, 64, 1, 1, true, true, float, float, float)
CONTRACTION(f64_64x64, 64, 64, 16, 4, 4, true, false, double, double, double)
CONTRACTION(i32_32x64, 32, 64, 16, 2, 4, true, true, int32_t, uint8_t, int8_t)

extern "C" void contractions_run_array(const void *const *, void *const *, const void *, void *) {
}
