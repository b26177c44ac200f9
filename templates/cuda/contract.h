// Contractions by blocks of 256 threads: tiles of sums in registers, fed from shared memory.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_CUDA_CONTRACT_H
#define ET_TEMPLATES_CUDA_CONTRACT_H

//: section contract_tile
//: names TILE_THREADS TILE_PAD tile_share tile_take tile_put tile_add tile_group tile_place
//: tile_load tile_step
enum { TILE_THREADS = 256, TILE_PAD = 4 };

// What a thread brings of the SIDE rows or columns of an operand for DEPTH steps of the sum: PLACES
// of these in STEPS steps each. Neighbouring threads bring neighbours in memory, which are those of
// neighbouring steps (ALONG_STEPS), or of neighbouring rows or columns in the same step.
template <int SIDE, int DEPTH, bool ALONG_STEPS> struct tile_share {
    static const int LANES = ALONG_STEPS ? DEPTH : SIDE < 32 ? SIDE : 32;
    static const int APART = TILE_THREADS / LANES;
    static const int PLACES = ALONG_STEPS ? SIDE / APART : SIDE / LANES;
    static const int STEPS = ALONG_STEPS ? 1 : DEPTH / APART;
    static inline int place(int i) {
        const int thread = (int)threadIdx.x;
        return ALONG_STEPS ? thread / LANES + APART * i : thread % LANES + LANES * i;
    }
    static inline int step(int i) {
        const int thread = (int)threadIdx.x;
        return ALONG_STEPS ? thread % LANES : thread / LANES + APART * i;
    }
};

// Loads a thread's share for the steps from `first` on: what lies beyond `depth` or `count` is not
// read, and not used.
template <class SHARE, class SUM, class ELEMENT, class OFFSET, class STEP_OFFSET>
static inline void tile_take(SUM (&taken)[SHARE::PLACES][SHARE::STEPS], const ELEMENT *from,
                             const OFFSET (&offsets)[SHARE::PLACES], long count, long first,
                             long depth, STEP_OFFSET step_offset) {
#pragma unroll
    for (int s = 0; s < SHARE::STEPS; s++) {
        const long step = first + SHARE::step(s);
        const auto offset = step < depth ? step_offset(step) : 0;
#pragma unroll
        for (int p = 0; p < SHARE::PLACES; p++)
            if (step < depth && SHARE::place(p) < count)
                taken[p][s] = (SUM)from[offsets[p] + offset];
    }
}

// Puts it into shared memory, step by step, where neighbouring rows or columns are neighbours.
template <class SHARE, class SUM, int DEPTH, int WIDTH>
static inline void tile_put(SUM (&tile)[DEPTH][WIDTH],
                            const SUM (&taken)[SHARE::PLACES][SHARE::STEPS]) {
#pragma unroll
    for (int s = 0; s < SHARE::STEPS; s++)
#pragma unroll
        for (int p = 0; p < SHARE::PLACES; p++)
            tile[SHARE::step(s)][SHARE::place(p)] = taken[p][s];
}

// sum + a * b: rounded once, or of integers that wrap.
static inline float tile_add(float sum, float a, float b) {
    return fmaf(a, b, sum);
}
static inline double tile_add(double sum, double a, double b) {
    return fma(a, b, sum);
}
static inline int32_t tile_add(int32_t sum, int32_t a, int32_t b) {
    return (int32_t)((uint32_t)sum + (uint32_t)a * (uint32_t)b);
}

// Neighbours in shared memory that one instruction loads: 16 bytes, or all SUMS of a thread.
template <class SUM, int SUMS> struct tile_group {
    static const int MOST = 16 / (int)sizeof(SUM), WIDTH = SUMS < MOST ? SUMS : MOST;
    alignas(WIDTH * sizeof(SUM)) SUM element[WIDTH];
};

// The row or column that a thread's sum i belongs to, where so many THREADS share the side: a group
// of neighbours, then the next of all threads.
template <class SUM, int SUMS, int THREADS> static inline int tile_place(int thread, int i) {
    const int width = tile_group<SUM, SUMS>::WIDTH;
    return width * thread + THREADS * width * (i / width) + i % width;
}

// What a thread needs of a side for one step of the sum.
template <int THREADS, class SUM, int SUMS>
static inline void tile_load(SUM (&elements)[SUMS], const SUM *side, int thread) {
    typedef tile_group<SUM, SUMS> group;
#pragma unroll
    for (int i = 0; i < SUMS; i += group::WIDTH) {
        const group loaded = *(const group *)(side + tile_place<SUM, SUMS, THREADS>(thread, i));
#pragma unroll
        for (int j = 0; j < group::WIDTH; j++)
            elements[i + j] = loaded.element[j];
    }
}

// One step of the sum for all of a thread's sums.
template <int THREAD_ROWS, int THREAD_COLUMNS, int ROW_SUMS, int COLUMN_SUMS, class SUM>
static inline void tile_step(SUM (&sums)[ROW_SUMS][COLUMN_SUMS], const SUM *stream,
                             const SUM *panel, int row_thread, int column_thread) {
    SUM a[ROW_SUMS], b[COLUMN_SUMS];
    tile_load<THREAD_ROWS>(a, stream, row_thread);
    tile_load<THREAD_COLUMNS>(b, panel, column_thread);
#pragma unroll
    for (int r = 0; r < ROW_SUMS; r++)
#pragma unroll
        for (int c = 0; c < COLUMN_SUMS; c++)
            sums[r][c] = tile_add(sums[r][c], a[r], b[c]);
}

// Tile `block` of the sums over `depth` steps k of stream[row_of(row) + stream_step(k)] *
// panel[column_of(column) + panel_step(k)], in the order of k, from 0: ROWS x COLUMNS of them,
// ROW_SUMS x COLUMN_SUMS in the registers of each thread, so that ROWS / ROW_SUMS threads share the
// rows, a multiple of 4, and others the columns, a multiple of 8. Tiles are numbered along the
// columns first; at the end of `rows` and `columns` a part of one is enough. store(row, column,
// sum) is called for each sum. STREAM_ALONG_STEPS, PANEL_ALONG_STEPS: what lies side by side in
// memory (tile_share). All threads of the block call it.
//
// While shared memory feeds DEPTH steps, the elements for the next come from global memory into
// registers; they go to the other half of the shared memory, so that one barrier is enough.
template <int ROWS, int COLUMNS, int DEPTH, int ROW_SUMS, int COLUMN_SUMS, bool STREAM_ALONG_STEPS,
          bool PANEL_ALONG_STEPS, class SUM, class STREAM, class PANEL, class ROW_OF,
          class STREAM_STEP, class COLUMN_OF, class PANEL_STEP, class STORE>
static inline void contract_tile(long block, long rows, long columns, long depth,
                                 const STREAM *restrict stream, const PANEL *restrict panel,
                                 ROW_OF row_of, STREAM_STEP stream_step, COLUMN_OF column_of,
                                 PANEL_STEP panel_step, STORE store) {
    enum { THREAD_ROWS = ROWS / ROW_SUMS, THREAD_COLUMNS = COLUMNS / COLUMN_SUMS };
    static_assert(THREAD_ROWS * THREAD_COLUMNS == TILE_THREADS, "all threads have sums");
    static_assert(THREAD_ROWS % 4 == 0 && THREAD_COLUMNS % 8 == 0, "warps of 4 x 8 threads");
    typedef tile_share<ROWS, DEPTH, STREAM_ALONG_STEPS> stream_share;
    typedef tile_share<COLUMNS, DEPTH, PANEL_ALONG_STEPS> panel_share;
    __shared__ __align__(16) SUM streams[2][DEPTH][ROWS + TILE_PAD];
    __shared__ __align__(16) SUM panels[2][DEPTH][COLUMNS + TILE_PAD];
    const long across = (columns + COLUMNS - 1) / COLUMNS;
    const long first_row = block / across * ROWS, first_column = block % across * COLUMNS;
    // The threads of a warp are 4 x 8, so that they read few elements of either side.
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int across_warps = THREAD_COLUMNS / 8;
    const int row_thread = lane / 8 + warp / across_warps * 4;
    const int column_thread = lane % 8 + warp % across_warps * 8;
    decltype(row_of(0L)) row_offsets[stream_share::PLACES];
    decltype(column_of(0L)) column_offsets[panel_share::PLACES];
#pragma unroll
    for (int p = 0; p < stream_share::PLACES; p++) {
        const long row = first_row + stream_share::place(p);
        row_offsets[p] = row_of(row < rows ? row : first_row);
    }
#pragma unroll
    for (int p = 0; p < panel_share::PLACES; p++) {
        const long column = first_column + panel_share::place(p);
        column_offsets[p] = column_of(column < columns ? column : first_column);
    }
    SUM stream_taken[stream_share::PLACES][stream_share::STEPS] = {};
    SUM panel_taken[panel_share::PLACES][panel_share::STEPS] = {};
    SUM sums[ROW_SUMS][COLUMN_SUMS] = {};
    tile_take<stream_share>(stream_taken, stream, row_offsets, rows - first_row, 0, depth,
                            stream_step);
    tile_take<panel_share>(panel_taken, panel, column_offsets, columns - first_column, 0, depth,
                           panel_step);
    __syncthreads(); // what a tile before left in shared memory is not read any more
    tile_put<stream_share>(streams[0], stream_taken);
    tile_put<panel_share>(panels[0], panel_taken);
    __syncthreads();
    int half = 0;
    for (long done = 0; done < depth; done += DEPTH) {
        const long next = done + DEPTH;
        if (next < depth) {
            tile_take<stream_share>(stream_taken, stream, row_offsets, rows - first_row, next,
                                    depth, stream_step);
            tile_take<panel_share>(panel_taken, panel, column_offsets, columns - first_column, next,
                                   depth, panel_step);
        }
        if (next <= depth) {
#pragma unroll
            for (int k = 0; k < DEPTH; k++)
                tile_step<THREAD_ROWS, THREAD_COLUMNS>(sums, streams[half][k], panels[half][k],
                                                       row_thread, column_thread);
        } else { // a step more would not keep all bits, not even one of zeros
            for (int k = 0; k < depth - done; k++)
                tile_step<THREAD_ROWS, THREAD_COLUMNS>(sums, streams[half][k], panels[half][k],
                                                       row_thread, column_thread);
        }
        half = 1 - half;
        if (next < depth) {
            tile_put<stream_share>(streams[half], stream_taken);
            tile_put<panel_share>(panels[half], panel_taken);
            __syncthreads();
        }
    }
#pragma unroll
    for (int r = 0; r < ROW_SUMS; r++) {
        const long row = first_row + tile_place<SUM, ROW_SUMS, THREAD_ROWS>(row_thread, r);
#pragma unroll
        for (int c = 0; c < COLUMN_SUMS; c++) {
            const long column =
                first_column + tile_place<SUM, COLUMN_SUMS, THREAD_COLUMNS>(column_thread, c);
            if (row < rows && column < columns)
                store(row, column, sums[r][c]);
        }
    }
}
//: end

#endif
