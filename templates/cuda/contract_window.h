// Convolutions by blocks of threads whose window stays in registers: of an input row each thread
// loads the elements that its neighbouring columns need for all taps of the window's last axis at
// once, where contract_tile brings each of them anew for each tap.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_CUDA_CONTRACT_WINDOW_H
#define ET_TEMPLATES_CUDA_CONTRACT_WINDOW_H

//: section contract_window needs copy_async_16 tile_offsets
//: names window_four
struct alignas(16) window_four {
    float element[4];
};

// Tile `block` of the sums over `depth` steps k, and within each over TAPS taps t, of
// stream[row_of(row) + stream_step(k) + t] * panel[column_of(column) + panel_step(k) + t], in that
// order, from 0. Four columns are neighbours, STRIDE elements apart in the panel: there are `fours`
// of them, of which the last of a line may have columns that are none. A block has ROWS x FOURS, a
// thread 8 rows and 2 fours; so ROWS / 8 threads share the rows, a multiple of 4, and FOURS / 2 the
// columns, a multiple of 8. store(row, column, sum) is called for each sum, also for what is no
// column. Of the panel, WIDTH elements are copied together, which begin at a multiple of that; it
// has `elements`, a multiple, too. Shared memory has room for STAGES times STEPS steps.
template <int ROWS, int FOURS, int STEPS, int STAGES, int TAPS, int STRIDE, int WIDTH, class ROW_OF,
          class STREAM_STEP, class COLUMN_OF, class PANEL_STEP, class STORE>
static inline void contract_window(int block, int rows, int fours, int depth,
                                   const float *restrict stream, const float *restrict panel,
                                   int elements, ROW_OF row_of, STREAM_STEP stream_step,
                                   COLUMN_OF column_of, PANEL_STEP panel_step, STORE store) {
    enum { THREAD_ROWS = ROWS / 8, THREAD_FOURS = FOURS / 2 };
    enum { THREADS = THREAD_ROWS * THREAD_FOURS, LANES = THREADS / FOURS };
    enum { SPAN = 3 * STRIDE + TAPS, PIECES = (SPAN + 3) / 4, COPIES = (SPAN + WIDTH - 1) / WIDTH };
    enum { WEIGHTS = STEPS * TAPS, LINE = ROWS + 4, ROW_LANES = THREADS / WEIGHTS };
    enum { STEP_TURNS = (STEPS + LANES - 1) / LANES };
    enum { ROW_TURNS = (ROWS + ROW_LANES - 1) / ROW_LANES };
    static_assert(ROW_LANES > 0, "each weight of a stage has a thread");
    static_assert(THREAD_ROWS % 4 == 0 && THREAD_FOURS % 8 == 0, "warps of 4 x 8 threads");
    __shared__ window_four panels[STAGES][STEPS][PIECES][FOURS];
    __shared__ __align__(16) float streams[STAGES][WEIGHTS][LINE];
    const int across = (fours + FOURS - 1) / FOURS, thread = (int)threadIdx.x;
    const int first_row = block / across * ROWS, first_four = block % across * FOURS;
    const int row_count = tile_count<ROWS>(rows, first_row);
    const int four_count = tile_count<FOURS>(fours, first_four);
    // The threads of a warp are 4 x 8, so that they read few elements of either side.
    const int lane = thread % 32, warp = thread / 32, across_warps = THREAD_FOURS / 8;
    const int row_thread = lane / 8 + warp / across_warps * 4;
    const int four_thread = lane % 8 + warp % across_warps * 8;
    // What a thread brings: of one four all copies of every LANES-th step; one weight of some rows.
    const int brought = thread % FOURS, weight = thread % WEIGHTS;
    const auto offset = column_of(4 * (first_four + (brought < four_count ? brought : 0)));
    const auto is_beyond = [&](int step) { return depth % STEPS != 0 && step >= depth; };
    const auto bring = [&](int stage, int first) {
        if (first >= depth)
            return;
#pragma unroll
        for (int s = 0; s < STEP_TURNS; s++) {
            const int step = thread / FOURS + LANES * s;
            if ((STEPS % LANES != 0 && step >= STEPS) || is_beyond(first + step))
                continue;
            const auto line = offset + panel_step(first + step);
#pragma unroll
            for (int i = 0; i < COPIES; i++) {
                const int place = i * WIDTH;
                if (line + place + WIDTH > elements)
                    continue;
                float *to = &panels[stage][step][place / 4][brought].element[place % 4];
                if (WIDTH == 4)
                    copy_async_16(to, panel + (line + place));
                else if (WIDTH == 2)
                    copy_async_8(to, panel + (line + place));
                else
                    copy_async_4(to, panel + (line + place));
            }
        }
        const int step = first + weight / TAPS;
        if (thread >= ROW_LANES * WEIGHTS || is_beyond(step))
            return;
        const float *from = stream + (stream_step(step) + weight % TAPS);
#pragma unroll
        for (int r = 0; r < ROW_TURNS; r++) {
            const int row = thread / WEIGHTS + ROW_LANES * r;
            if ((ROW_LANES * (r + 1) <= ROWS && row_count == ROWS) || row < row_count)
                copy_async_4(&streams[stage][weight][row], from + row_of(first_row + row));
        }
    };
    __syncthreads(); // what a tile before left in shared memory is not read any more
#pragma unroll 1
    for (int s = 0; s < STAGES - 1; s++) {
        bring(s, STEPS * s);
        copy_commit();
    }
    float sums[8][2][4] = {};
    int stage = 0, last = STAGES - 1;
#pragma unroll 1
    for (int done = 0; done < depth; done += STEPS) {
        copy_wait<STAGES - 2>();
        __syncthreads();
        bring(last, done + (STAGES - 1) * STEPS);
        copy_commit();
        const int steps = tile_count<STEPS>(depth, done);
#pragma unroll 2
        for (int step = 0; step < steps; step++) {
            float window[2][4 * PIECES];
#pragma unroll
            for (int f = 0; f < 2; f++)
#pragma unroll
                for (int p = 0; p < PIECES; p++) {
                    const window_four four = panels[stage][step][p][four_thread + THREAD_FOURS * f];
#pragma unroll
                    for (int i = 0; i < 4; i++)
                        window[f][4 * p + i] = four.element[i];
                }
#pragma unroll
            for (int t = 0; t < TAPS; t++) {
                window_four weights[2];
#pragma unroll
                for (int h = 0; h < 2; h++)
                    weights[h] = *(const window_four *)&streams[stage][TAPS * step + t]
                                                               [4 * (row_thread + THREAD_ROWS * h)];
#pragma unroll
                for (int r = 0; r < 8; r++)
#pragma unroll
                    for (int f = 0; f < 2; f++)
#pragma unroll
                        for (int c = 0; c < 4; c++)
                            sums[r][f][c] = fmaf(weights[r / 4].element[r % 4],
                                                 window[f][STRIDE * c + t], sums[r][f][c]);
            }
        }
        last = stage;
        stage = stage + 1 < STAGES ? stage + 1 : 0;
    }
#pragma unroll
    for (int r = 0; r < 8; r++) {
        const int row = 4 * (row_thread + THREAD_ROWS * (r / 4)) + r % 4;
#pragma unroll
        for (int f = 0; f < 2; f++) {
            const int four = four_thread + THREAD_FOURS * f;
#pragma unroll
            for (int c = 0; c < 4; c++)
                if (row < row_count && four < four_count)
                    store(first_row + row, 4 * (first_four + four) + c, sums[r][f][c]);
        }
    }
}
//: end

#endif
