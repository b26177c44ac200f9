// Contractions of few rows by blocks of threads: most of the time goes into bringing the panel, so
// all threads do that, and few of them add.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_CUDA_CONTRACT_LINE_H
#define ET_TEMPLATES_CUDA_CONTRACT_LINE_H

//: section contract_line needs contract_tile wait_for_kernels
//: names line_load line_add
// The operands of so many steps of a sum, which lie in shared memory: one's side by side, the
// other's so far APART.
template <int STEPS, int APART, class SUM>
static inline void line_load(SUM (&as)[STEPS], SUM (&bs)[STEPS], const SUM *a, const SUM *b) {
    typedef tile_group<SUM> group;
#pragma unroll
    for (int i = 0; i < STEPS; i += group::WIDTH) {
        const group a_group = *(const group *)&a[i];
        const group b_group = APART == 1 ? *(const group *)&b[i] : a_group;
#pragma unroll
        for (int g = 0; g < group::WIDTH; g++) {
            as[i + g] = a_group.element[g];
            bs[i + g] = APART == 1 ? b_group.element[g] : b[APART * (i + g)];
        }
    }
}
template <int STEPS, class SUM>
static inline SUM line_add(SUM sum, const SUM (&as)[STEPS], const SUM (&bs)[STEPS]) {
#pragma unroll
    for (int i = 0; i < STEPS; i++)
        sum = tile_add(sum, as[i], bs[i]);
    return sum;
}

// The same sums as contract_tile's, tiles of ROWS x COLUMNS. THREADS threads bring the operands,
// and those of a warp more, which stands before them, add: a sum each. If that has too few for the
// sums there is none, and the others add. Shared memory has room for STAGES times DEPTH steps. Rows
// lie there by steps, so that one load brings several: threads can wait for few of them apart. So
// do columns where that warp adds, or where they do in memory (PANEL_ALONG). Where the panel is
// there BEFORE the kernels that this one follows have ended, its first stages are on their way
// while they are waited for.
template <int ROWS, int COLUMNS, int DEPTH, int STAGES, int THREADS, bool STREAM_ALONG,
          int STREAM_WIDTH, bool PANEL_ALONG, int PANEL_WIDTH, bool BEFORE, class SUM, class STREAM,
          class PANEL, class ROW_OF, class STREAM_STEP, class COLUMN_OF, class PANEL_STEP,
          class STORE>
static inline void contract_line(int block, int rows, int columns, int depth,
                                 const STREAM *restrict stream, const PANEL *restrict panel,
                                 ROW_OF row_of, STREAM_STEP stream_step, COLUMN_OF column_of,
                                 PANEL_STEP panel_step, STORE store) {
    enum { ADDING = ROWS * COLUMNS <= 32 ? 32 : 0, BY_STEPS = PANEL_ALONG || ADDING };
    const bool brings = (int)threadIdx.x >= ADDING;
    typedef tile_side<SUM, STREAM, THREADS, ROWS, ROWS, DEPTH, STREAM_ALONG, STREAM_WIDTH, true,
                      ADDING>
        stream_side;
    typedef tile_side<SUM, PANEL, THREADS, COLUMNS, COLUMNS / tile_group<SUM>::WIDTH, DEPTH,
                      PANEL_ALONG, PANEL_WIDTH, BY_STEPS, ADDING>
        panel_side;
    enum { APART = BY_STEPS ? 1 : panel_side::LENGTH };
    static_assert(tile_same<SUM, STREAM>::value && tile_same<SUM, PANEL>::value,
                  "nothing goes through registers");
    __shared__ __align__(16) typename stream_side::lines streams[STAGES];
    __shared__ __align__(16) typename panel_side::lines panels[STAGES];
    const int across = (columns + COLUMNS - 1) / COLUMNS;
    const int first_row = block / across * ROWS, first_column = block % across * COLUMNS;
    const int row_count = tile_count<ROWS>(rows, first_row);
    const int column_count = tile_count<COLUMNS>(columns, first_column);
    decltype(row_of(0)) row_offsets[stream_side::PLACES];
    decltype(column_of(0)) column_offsets[panel_side::PLACES];
    tile_offsets<stream_side>(row_offsets, row_of, first_row, row_count);
    tile_offsets<panel_side>(column_offsets, column_of, first_column, column_count);
    typename stream_side::share stream_none = {};
    typename panel_side::share panel_none = {};
    const auto bring_stream = [&](int stage, int first) {
        stream_side::begin(stream_none, streams[stage], stream, row_offsets, row_count, first,
                           depth, stream_step);
    };
    const auto bring_panel = [&](int stage, int first) {
        panel_side::begin(panel_none, panels[stage], panel, column_offsets, column_count, first,
                          depth, panel_step);
    };
    // What is brought before goes with the first stage.
#pragma unroll 1
    for (int s = 0; BEFORE && brings && s < STAGES - 1; s++)
        bring_panel(s, DEPTH * s);
    if (BEFORE)
        wait_for_kernels();
#pragma unroll 1
    for (int s = 0; brings && s < STAGES - 1; s++) {
        bring_stream(s, DEPTH * s);
        if (!BEFORE)
            bring_panel(s, DEPTH * s);
        copy_commit();
    }
    static_assert(ROWS * COLUMNS <= (ADDING ? ADDING : THREADS), "a sum has a thread");
    const int row = (int)threadIdx.x / COLUMNS, column = (int)threadIdx.x % COLUMNS;
    const bool adds = row < row_count && column < column_count, runs = !ADDING || !brings;
    const int own_row = adds ? row : 0, own_column = adds ? column : 0;
    // What is added next is loaded before, at the end of a stage from the next one.
    enum { AT_ONCE = DEPTH < 64 ? DEPTH / 2 : 32 };
    static_assert(DEPTH % (2 * AT_ONCE) == 0, "registers take turns");
    SUM sum = 0, as[2][AT_ONCE], bs[2][AT_ONCE];
    int stage = 0, last = STAGES - 1, done = 0;
    copy_wait<STAGES - 2>();
    __syncthreads();
    const auto load = [&](int turn, int from, int step) {
        line_load<AT_ONCE, APART>(as[turn], bs[turn], streams[from][own_row] + step,
                                  panel_side::at(panels[from], own_column, step));
    };
    if (runs)
        load(0, 0, 0);
#pragma unroll 1
    for (; done + DEPTH <= depth; done += DEPTH) {
        if (brings) {
            bring_stream(last, done + (STAGES - 1) * DEPTH);
            bring_panel(last, done + (STAGES - 1) * DEPTH);
            copy_commit();
        }
        const int next_stage = stage + 1 < STAGES ? stage + 1 : 0;
#pragma unroll
        for (int k = 0; k < DEPTH; k += AT_ONCE) {
            const int next = k + AT_ONCE, turn = k / AT_ONCE % 2;
            if (next == DEPTH) {
                copy_wait<STAGES - 2>();
                __syncthreads();
            }
            if (!runs)
                continue;
            load(1 - turn, next == DEPTH ? next_stage : stage, next % DEPTH);
            sum = line_add(sum, as[turn], bs[turn]);
        }
        last = stage;
        stage = next_stage;
    }
    // A step more would not keep all bits, not even one of zeros.
#pragma unroll 1
    for (int k = 0; depth % DEPTH && adds && k < depth - done; k++)
        sum = tile_add(sum, streams[stage][row][k], *panel_side::at(panels[stage], column, k));
    if (adds)
        store(first_row + row, first_column + column, sum);
}
//: end

#endif
