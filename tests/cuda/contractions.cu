// Contractions by blocks, for test_contract.c: y[rows, columns] = x @ w, with operands that lie
// along the sum or across it, in tiles of several shapes and types.
#include "templates/cuda/contract.h"
#include "templates/cuda/contract_bytes.h"
#include "templates/cuda/contract_window.h"

// ROWS and COLUMNS are the tile's, by so many SUMS a thread, of which STREAM_WIDTH and PANEL_WIDTH
// are copied together; what lies ALONG the sum has its steps side by side. The sizes come as
// arguments, so that tiles end anywhere; where more than one is copied, there are as many of all.
#define CONTRACTION(name, ROWS, COLUMNS, DEPTH, STAGES, ROW_SUMS, COLUMN_SUMS, STREAM_ALONG,       \
                    STREAM_WIDTH, STREAM_BY, PANEL_ALONG, PANEL_WIDTH, PANEL_BY, SUM, STREAM,      \
                    PANEL)                                                                         \
    extern "C" __global__ void name##_kernel(const STREAM *restrict x, const PANEL *restrict w,    \
                                             SUM *restrict y, int rows, int columns, int depth) {  \
        contract_tile<ROWS, COLUMNS, DEPTH, STAGES, ROW_SUMS, COLUMN_SUMS, STREAM_ALONG,           \
                      STREAM_WIDTH, STREAM_BY, PANEL_ALONG, PANEL_WIDTH, PANEL_BY, SUM>(           \
            blockIdx.x, rows, columns, depth, x, w,                                                \
            [=](int row) { return row * (STREAM_ALONG ? depth : 1); },                             \
            [=](int k) { return k * (STREAM_ALONG ? 1 : rows); },                                  \
            [=](int column) { return column * (PANEL_ALONG ? depth : 1); },                        \
            [=](int k) { return k * (PANEL_ALONG ? 1 : columns); },                                \
            [=](int row, int column, SUM sum) { y[(long)row * columns + column] = sum; });         \
    }                                                                                              \
    extern "C" void name(const void *x, const void *w, void *y, int rows, int columns,             \
                         int depth) {                                                              \
        LAUNCH(name##_kernel, (rows + ROWS - 1L) / ROWS * ((columns + COLUMNS - 1L) / COLUMNS),    \
               (ROWS / ROW_SUMS) * (COLUMNS / COLUMN_SUMS), 0, (const STREAM *)x,                  \
               (const PANEL *)w, (SUM *)y, rows, columns, depth);                                  \
    }

CONTRACTION(f32_128x128, 128, 128, 8, 4, 8, 8, true, 1, false, false, 1, false, float, float, float)
CONTRACTION(f32_128x128_wide, 128, 128, 8, 4, 8, 8, true, 4, true, false, 4, false, float, float,
            float)
CONTRACTION(f32_64x128, 64, 128, 16, 3, 8, 8, false, 4, false, false, 4, false, float, float, float)
CONTRACTION(f32_64x64, 64, 64, 32, 2, 4, 4, true, 4, true, true, 4, true, float, float, float)
CONTRACTION(f32_32x32, 32, 32, 32, 3, 2, 2, false, 1, true, true, 1, true, float, float, float)
CONTRACTION(f32_32x256, 32, 256, 16, 2, 4, 8, true, 1, false, false, 4, false, float, float, float)
CONTRACTION(f32_256x32, 256, 32, 16, 2, 8, 4, false, 1, false, true, 1, false, float, float, float)
CONTRACTION(f32_16x16, 16, 16, 64, 3, 1, 1, true, 1, true, true, 4, true, float, float, float)
CONTRACTION(f32_16x16_few, 16, 16, 32, 4, 2, 2, true, 4, true, false, 1, true, float, float, float)
CONTRACTION(f32_4x32, 4, 32, 64, 5, 1, 1, true, 4, true, false, 1, true, float, float, float)
CONTRACTION(f32_4x128, 4, 128, 32, 3, 1, 4, true, 1, true, false, 4, false, float, float, float)
CONTRACTION(f64_64x64, 64, 64, 16, 2, 4, 4, true, 2, true, false, 2, false, double, double, double)
CONTRACTION(f64_8x16, 8, 16, 16, 3, 2, 1, false, 2, false, true, 1, true, double, double, double)
CONTRACTION(i32_32x64, 32, 64, 16, 2, 2, 4, true, 1, true, true, 1, false, int32_t, uint8_t, int8_t)
CONTRACTION(i32_16x32, 16, 32, 32, 4, 2, 4, false, 1, true, true, 4, true, int32_t, int32_t,
            int32_t)

// The same of 8-bit integers by tensor cores: so many WARPS along rows, columns and steps.
#define BYTES(name, ROWS, COLUMNS, DEPTH, STAGES, ROW_WARPS, COLUMN_WARPS, DEPTH_WARPS,            \
              STREAM_ALONG, STREAM_WIDTH, PANEL_ALONG, PANEL_WIDTH, STREAM, PANEL)                 \
    extern "C" __global__ void name##_kernel(const STREAM *restrict x, const PANEL *restrict w,    \
                                             int32_t *restrict y, int rows, int columns,           \
                                             int depth) {                                          \
        contract_bytes<ROWS, COLUMNS, DEPTH, STAGES, ROW_WARPS, COLUMN_WARPS, DEPTH_WARPS,         \
                       STREAM_ALONG, STREAM_WIDTH, PANEL_ALONG, PANEL_WIDTH>(                      \
            blockIdx.x, rows, columns, depth, x, w,                                                \
            [=](int row) { return row * (STREAM_ALONG ? depth : 1); },                             \
            [=](int k) { return k * (STREAM_ALONG ? 1 : rows); },                                  \
            [=](int column) { return column * (PANEL_ALONG ? depth : 1); },                        \
            [=](int k) { return k * (PANEL_ALONG ? 1 : columns); },                                \
            [=](int row, int column, int32_t sum) { y[(long)row * columns + column] = sum; });     \
    }                                                                                              \
    extern "C" void name(const void *x, const void *w, void *y, int rows, int columns,             \
                         int depth) {                                                              \
        LAUNCH(name##_kernel, (rows + ROWS - 1L) / ROWS * ((columns + COLUMNS - 1L) / COLUMNS),    \
               32 * ROW_WARPS * COLUMN_WARPS * DEPTH_WARPS, 0, (const STREAM *)x,                  \
               (const PANEL *)w, (int32_t *)y, rows, columns, depth);                              \
    }

BYTES(s8_u8_64x128, 64, 128, 64, 2, 2, 4, 1, true, 16, false, 4, int8_t, uint8_t)
BYTES(u8_s8_32x32, 32, 32, 64, 2, 2, 2, 2, false, 1, true, 16, uint8_t, int8_t)
BYTES(s8_s8_16x32, 16, 32, 256, 2, 1, 1, 8, true, 4, false, 1, int8_t, int8_t)
BYTES(u8_u8_64x32, 64, 32, 128, 3, 2, 1, 4, true, 16, true, 16, uint8_t, uint8_t)

// A window of TAPS that goes along a line: y[rows, columns] of weights x[rows, depth, TAPS] and
// w[depth, line], whose lines are as long as the columns need, and a multiple of 4.
#define WINDOW(name, ROWS, FOURS, STEPS, STAGES, TAPS, STRIDE, WIDTH)                              \
    extern "C" __global__ void name##_kernel(const float *restrict x, const float *restrict w,     \
                                             float *restrict y, int rows, int columns,             \
                                             int depth) {                                          \
        const int line = (STRIDE * (columns - 1) + TAPS + 3) / 4 * 4;                              \
        contract_window<ROWS, FOURS, STEPS, STAGES, TAPS, STRIDE, WIDTH>(                          \
            blockIdx.x, rows, (columns + 3) / 4, depth, x, w, depth * line,                        \
            [=](int row) { return row * depth * TAPS; }, [=](int k) { return k * TAPS; },          \
            [=](int column) { return STRIDE * column; }, [=](int k) { return k * line; },          \
            [=](int row, int column, float sum) {                                                  \
                if (column < columns)                                                              \
                    y[(long)row * columns + column] = sum;                                         \
            });                                                                                    \
    }                                                                                              \
    extern "C" void name(const void *x, const void *w, void *y, int rows, int columns,             \
                         int depth) {                                                              \
        LAUNCH(name##_kernel,                                                                      \
               (rows + ROWS - 1L) / ROWS * (((columns + 3) / 4 + FOURS - 1L) / FOURS),             \
               (ROWS / 8) * (FOURS / 2), 0, (const float *)x, (const float *)w, (float *)y, rows,  \
               columns, depth);                                                                    \
    }

WINDOW(window_5, 32, 128, 4, 2, 5, 1, 4)
WINDOW(window_3, 64, 32, 4, 3, 3, 1, 2)
WINDOW(window_7_by_2, 32, 64, 2, 2, 7, 2, 1)
WINDOW(window_2, 128, 32, 8, 2, 2, 1, 1)

extern "C" void contractions_run_array(const void *const *, void *const *, const void *, void *) {
}
