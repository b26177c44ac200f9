// Contractions of 8-bit integers by tensor cores: their sums are of 32 bits and wrap, so the order
// in which they are made changes no bit.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_CUDA_CONTRACT_BYTES_H
#define ET_TEMPLATES_CUDA_CONTRACT_BYTES_H

//: section contract_bytes needs copy_async_16 tile_offsets
//: names byte_side byte_signed byte_multiply byte_rows byte_columns byte_transpose
template <class ELEMENT> struct byte_signed { static const bool value = (ELEMENT)-1 < 0; };

#ifndef CUDA_ON_CPU
// What a tensor core multiplies, each thread of the warp having its part: 16 rows of 32 steps in
// four words, 2 x 8 columns of 32 steps in two words each. Steps are bytes of LENGTH words a line.
static inline void byte_rows(uint32_t (&a)[4], const uint32_t *line, int length) {
    const int lane = (int)threadIdx.x % 32;
    const uint32_t *from = line + length * (lane % 16) + lane / 16 * 4;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
                 : "r"(copy_address((void *)from))
                 : "memory");
}
static inline void byte_columns(uint32_t (&b)[2][2], const uint32_t *line, int length) {
    const int lane = (int)threadIdx.x % 32;
    const uint32_t *from = line + length * (lane % 8 + lane / 16 * 8) + lane / 8 % 2 * 4;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(b[0][0]), "=r"(b[0][1]), "=r"(b[1][0]), "=r"(b[1][1])
                 : "r"(copy_address((void *)from))
                 : "memory");
}
// Adds the products of 16 rows and 8 columns: sums of rows lane / 4 and 8 more, of two columns.
#define BYTE_MULTIPLY(a_type, b_type)                                                              \
    asm("mma.sync.aligned.m16n8k32.row.col.s32." a_type "." b_type ".s32 "                         \
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                          \
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])                               \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
template <bool A_SIGNED, bool B_SIGNED>
static inline void byte_multiply(int32_t (&sums)[4], const uint32_t (&a)[4],
                                 const uint32_t (&b)[2]) {
    if (A_SIGNED && B_SIGNED)
        BYTE_MULTIPLY("s8", "s8");
    else if (A_SIGNED)
        BYTE_MULTIPLY("s8", "u8");
    else if (B_SIGNED)
        BYTE_MULTIPLY("u8", "s8");
    else
        BYTE_MULTIPLY("u8", "u8");
}
#endif

// Of four words, each of one step for four neighbours, the word of each neighbour's four steps.
static inline void byte_transpose(uint32_t (&words)[4]) {
    const uint32_t a = __byte_perm(words[0], words[1], 0x5140);
    const uint32_t b = __byte_perm(words[2], words[3], 0x5140);
    const uint32_t c = __byte_perm(words[0], words[1], 0x7362);
    const uint32_t d = __byte_perm(words[2], words[3], 0x7362);
    words[0] = __byte_perm(a, b, 0x5410);
    words[1] = __byte_perm(a, b, 0x7632);
    words[2] = __byte_perm(c, d, 0x5410);
    words[3] = __byte_perm(c, d, 0x7632);
}

// One operand's side of a tile: SIDE rows, or columns, of DEPTH steps, which are neighbours in
// shared memory. In global memory neighbours are those of neighbouring steps (ALONG), which are
// then copied WIDTH at a time, 4 or 16; or neighbouring rows, of which 4 begin at a multiple of 4
// if WIDTH is not 1. What does not come by itself goes through registers: words of four steps.
template <class ELEMENT, int THREADS, int SIDE, int DEPTH, bool ALONG, int WIDTH> struct byte_side {
    static const bool ASYNC = ALONG && WIDTH == 16;
    static const int LENGTH = DEPTH / 4 + 4; // words of a line, so that lines begin in other banks
    static const int EACH = ALONG || WIDTH == 1 ? 1 : 4;      // rows that a thread brings together
    static const int PIECES = ASYNC ? DEPTH / 16 : DEPTH / 4; // of a row
    static const int ROW_LANES = ALONG ? THREADS / PIECES : SIDE / EACH < 32 ? SIDE / EACH : 32;
    static const int STEP_LANES = THREADS / ROW_LANES;
    static const int PLACES = (SIDE / EACH + ROW_LANES - 1) / ROW_LANES; // of a thread
    static const int STEPS = (PIECES + STEP_LANES - 1) / STEP_LANES;
    static const bool EVEN = ROW_LANES * STEP_LANES == THREADS && EACH * ROW_LANES * PLACES == SIDE;
    static const bool ALL = EVEN && STEP_LANES * STEPS == PIECES;
    typedef uint32_t share[PLACES][STEPS][EACH];
    static inline int place(int i) {
        const int thread = (int)threadIdx.x;
        return EACH * ((ALONG ? thread / PIECES : thread % ROW_LANES) + ROW_LANES * i);
    }
    static inline int piece(int i) {
        const int thread = (int)threadIdx.x;
        return (ALONG ? thread % PIECES : thread / ROW_LANES) + STEP_LANES * i;
    }
    static inline bool has_place(int place, int count) {
        return (EVEN && count == SIDE) || place < count;
    }
    static inline bool has(int p, int s) {
        return ALL || (place(p) < SIDE && piece(s) < PIECES);
    }
    // Whether that step, of a stage which has some, is one of `depth`.
    static inline bool has_step(int step, int depth) {
        return depth % DEPTH == 0 || step < depth;
    }

    // Begins to bring the steps from `first` on; those beyond `depth` are zero. Loads ask nothing
    // before, so that many are under way: what has no use comes from where there is something.
    template <class OFFSET, class STEP_OFFSET>
    static inline void begin(share &taken, uint32_t *lines, const ELEMENT *from,
                             const OFFSET (&offsets)[PLACES], int count, int first, int depth,
                             STEP_OFFSET step_offset) {
        if (first >= depth)
            return; // no step of that stage is used
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
            const int k = first + (ASYNC ? 16 : 4) * piece(s);
            decltype(step_offset(0)) steps[4];
#pragma unroll
            for (int i = 0; i < (ALONG ? 1 : 4); i++)
                steps[i] = step_offset(has_step(k + i, depth) ? k + i : 0);
#pragma unroll
            for (int p = 0; p < PLACES; p++) {
                if (ASYNC) {
                    uint32_t *to = &lines[LENGTH * place(p) + 4 * piece(s)];
                    if (has(p, s) && has_place(place(p), count) && has_step(k, depth))
                        copy_async_16(to, from + (offsets[p] + steps[0]));
                    else if (has(p, s))
                        to[0] = to[1] = to[2] = to[3] = 0;
                } else if (ALONG) {
                    const uint32_t word = *(const uint32_t *)(from + (offsets[p] + steps[0]));
                    taken[p][s][0] = has_step(k, depth) ? word : 0;
                } else {
                    uint32_t words[4];
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const ELEMENT *element = from + (offsets[p] + steps[i]);
                        const uint32_t word =
                            EACH == 1 ? (uint8_t)*element : *(const uint32_t *)element;
                        words[i] = has_step(k + i, depth) ? word : 0;
                    }
                    if constexpr (EACH == 1)
                        taken[p][s][0] = words[0] | words[1] << 8 | words[2] << 16 | words[3] << 24;
                    else
#pragma unroll
                        for (int i = 0; i < 4; i++)
                            taken[p][s][i] = words[i];
                }
            }
        }
    }
    // Puts what came through registers where it belongs.
    static inline void end(share &taken, uint32_t *lines) {
#pragma unroll
        for (int s = 0; !ASYNC && s < STEPS; s++)
#pragma unroll
            for (int p = 0; p < PLACES; p++) {
                if (!has(p, s))
                    continue;
                if constexpr (EACH == 4)
                    byte_transpose(taken[p][s]);
#pragma unroll
                for (int e = 0; e < EACH; e++)
                    lines[LENGTH * (place(p) + e) + piece(s)] = taken[p][s][e];
            }
    }
};

// Tile `block` of the sums over `depth` steps, as contract_tile has it, of ROWS x COLUMNS sums by
// 32 * ROW_WARPS * COLUMN_WARPS * DEPTH_WARPS threads. A warp has 16 rows or a multiple of that,
// and 16 columns; DEPTH_WARPS of them share the steps of the same sums, which are added up at the
// end. Shared memory has room for STAGES times DEPTH steps, 32 * DEPTH_WARPS of them or a multiple.
template <int ROWS, int COLUMNS, int DEPTH, int STAGES, int ROW_WARPS, int COLUMN_WARPS,
          int DEPTH_WARPS, bool STREAM_ALONG, int STREAM_WIDTH, bool PANEL_ALONG, int PANEL_WIDTH,
          class STREAM, class PANEL, class ROW_OF, class STREAM_STEP, class COLUMN_OF,
          class PANEL_STEP, class STORE>
static inline void contract_bytes(int block, int rows, int columns, int depth,
                                  const STREAM *restrict stream, const PANEL *restrict panel,
                                  ROW_OF row_of, STREAM_STEP stream_step, COLUMN_OF column_of,
                                  PANEL_STEP panel_step, STORE store) {
    enum { THREADS = 32 * ROW_WARPS * COLUMN_WARPS * DEPTH_WARPS };
    enum { WARP_ROWS = ROWS / ROW_WARPS, WARP_COLUMNS = COLUMNS / COLUMN_WARPS };
    static_assert(WARP_ROWS % 16 == 0 && WARP_COLUMNS % 16 == 0, "as tensor cores have it");
    static_assert(DEPTH % (32 * DEPTH_WARPS) == 0, "each warp has a part of a stage");
    typedef byte_side<STREAM, THREADS, ROWS, DEPTH, STREAM_ALONG, STREAM_WIDTH> stream_side;
    typedef byte_side<PANEL, THREADS, COLUMNS, DEPTH, PANEL_ALONG, PANEL_WIDTH> panel_side;
    enum { LENGTH = stream_side::LENGTH, STAGE = (ROWS + COLUMNS) * LENGTH };
    enum { PARTS = DEPTH_WARPS > 1 ? DEPTH_WARPS * ROWS * COLUMNS : 0 };
    __shared__ __align__(16) uint32_t shared[STAGES * STAGE > PARTS ? STAGES * STAGE : PARTS];
    const int across = (columns + COLUMNS - 1) / COLUMNS;
    const int first_row = block / across * ROWS, first_column = block % across * COLUMNS;
    const int row_count = tile_count<ROWS>(rows, first_row);
    const int column_count = tile_count<COLUMNS>(columns, first_column);
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int part = warp % DEPTH_WARPS;
    const int warp_row = warp / DEPTH_WARPS / COLUMN_WARPS * WARP_ROWS;
    const int warp_column = warp / DEPTH_WARPS % COLUMN_WARPS * WARP_COLUMNS;
    decltype(row_of(0)) row_offsets[stream_side::PLACES];
    decltype(column_of(0)) column_offsets[panel_side::PLACES];
    tile_offsets<stream_side>(row_offsets, row_of, first_row, row_count);
    tile_offsets<panel_side>(column_offsets, column_of, first_column, column_count);
    typename stream_side::share stream_taken = {};
    typename panel_side::share panel_taken = {};
    __syncthreads(); // what a tile before left in shared memory is not read any more
#pragma unroll 1
    for (int s = 0; s < STAGES - 1; s++) {
        uint32_t *const lines = shared + STAGE * s;
        stream_side::begin(stream_taken, lines, stream, row_offsets, row_count, DEPTH * s, depth,
                           stream_step);
        panel_side::begin(panel_taken, lines + LENGTH * ROWS, panel, column_offsets, column_count,
                          DEPTH * s, depth, panel_step);
        copy_commit();
        stream_side::end(stream_taken, lines);
        panel_side::end(panel_taken, lines + LENGTH * ROWS);
    }
    copy_wait<STAGES - 2>();
    __syncthreads();
    int32_t sums[WARP_ROWS / 16][WARP_COLUMNS / 8][4] = {};
    int stage = 0, last = STAGES - 1;
#pragma unroll 1
    for (int done = 0; done < depth; done += DEPTH) {
        uint32_t *const next = shared + STAGE * last;
        const int first = done + (STAGES - 1) * DEPTH;
        stream_side::begin(stream_taken, next, stream, row_offsets, row_count, first, depth,
                           stream_step);
        panel_side::begin(panel_taken, next + LENGTH * ROWS, panel, column_offsets, column_count,
                          first, depth, panel_step);
        copy_commit();
        const uint32_t *const lines = shared + STAGE * stage + 8 * part;
#pragma unroll
        for (int k = 0; k < DEPTH / 4; k += 8 * DEPTH_WARPS) {
            uint32_t a[WARP_ROWS / 16][4], b[WARP_COLUMNS / 16][2][2];
#pragma unroll
            for (int r = 0; r < WARP_ROWS / 16; r++)
                byte_rows(a[r], lines + LENGTH * (warp_row + 16 * r) + k, LENGTH);
#pragma unroll
            for (int c = 0; c < WARP_COLUMNS / 16; c++)
                byte_columns(b[c], lines + LENGTH * (ROWS + warp_column + 16 * c) + k, LENGTH);
#pragma unroll
            for (int r = 0; r < WARP_ROWS / 16; r++)
#pragma unroll
                for (int c = 0; c < WARP_COLUMNS / 8; c++)
                    byte_multiply<byte_signed<STREAM>::value, byte_signed<PANEL>::value>(
                        sums[r][c], a[r], b[c / 2][c % 2]);
        }
        stream_side::end(stream_taken, next);
        panel_side::end(panel_taken, next + LENGTH * ROWS);
        copy_wait<STAGES - 2>();
        __syncthreads();
        last = stage;
        stage = stage + 1 < STAGES ? stage + 1 : 0;
    }
    copy_wait<0>();
    if (DEPTH_WARPS > 1)
        __syncthreads(); // shared memory takes the sums of the parts
#pragma unroll
    for (int r = 0; r < WARP_ROWS / 16; r++)
#pragma unroll
        for (int c = 0; c < WARP_COLUMNS / 8; c++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int row = warp_row + 16 * r + lane / 4 + i / 2 * 8;
                const int column = warp_column + 8 * c + lane % 4 * 2 + i % 2;
                if (DEPTH_WARPS > 1)
                    shared[(ROWS * part + row) * COLUMNS + column] = (uint32_t)sums[r][c][i];
                else if (row < row_count && column < column_count)
                    store(first_row + row, first_column + column, sums[r][c][i]);
            }
    if (DEPTH_WARPS == 1)
        return;
    __syncthreads();
#pragma unroll 1
    for (int at = (int)threadIdx.x; at < ROWS * COLUMNS; at += THREADS) {
        const int row = at / COLUMNS, column = at % COLUMNS;
        uint32_t sum = 0;
#pragma unroll
        for (int i = 0; i < DEPTH_WARPS; i++)
            sum += shared[ROWS * COLUMNS * i + at];
        if (row < row_count && column < column_count)
            store(first_row + row, first_column + column, (int32_t)sum);
    }
}
//: end

#endif
