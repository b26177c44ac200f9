// Chains: how the text for libtcc says to row_chain what to compute.

#ifndef ET_TEMPLATES_CHAIN_H
#define ET_TEMPLATES_CHAIN_H

#include "templates/tile.h"

//: section row_step
// A step of a chain, which takes a block of elements through registers. Its operand is
// operands[from] in one of these forms, with rows so many elements apart. REVERSED: the operand
// comes first.
struct row_step {
    int op, form, from;
    long row;
};
enum row_step_form {
    FORM_SAME,    // one element for all
    FORM_ROWS,    // one for each row
    FORM_COLUMNS, // one for each column
    FORM_BLOCK,   // one for each element
    FORM_SLOT,    // what slot `from` has
    STEP_FORMS
};
enum row_step_op {
    STEP_TAKE, // the chain goes on from the operand
    STEP_ADD,
    STEP_SUB,
    STEP_SUB_REVERSED,
    STEP_MUL,
    STEP_DIV,
    STEP_DIV_REVERSED,
    STEP_MIN,
    STEP_MIN_REVERSED,
    STEP_MAX,
    STEP_MAX_REVERSED,
    STEP_LESSER_OF,
    STEP_LESSER_OF_REVERSED,
    STEP_GREATER_OF,
    STEP_GREATER_OF_REVERSED,
    STEP_PUT,           // into results[from], a block
    STEP_PUT_CANONICAL, // the same, with every NaN the one that may leave a graph
    STEP_CANONICAL,     // every NaN is the one that may leave a graph
    STEP_NEG,
    STEP_ABS,
    STEP_RECIP,
    STEP_ROUND,
    STEP_FLOOR,
    STEP_CEIL,
    STEP_SQRT,
    STEP_EXP,
    STEP_LOG,
    STEP_TANH,
    STEP_ERF,
    STEP_NUMBER_OR, // the operand where what went through the chain, a, is NaN
    // several operations at once, with operands[from], operands[from + 1], ... as b, c, ...
    STEP_RAMP,      // greater_of(b, a) - greater_of(b, a + c), FORM_SAME
    STEP_NORMALIZE, // (a - b) * c * d + e, FORM_COLUMNS; or FORM_SAME, which b and c have
    STEP_CUBIC,     // a + b * (a * a * a), FORM_SAME
    STEP_SIGMOID,   // 1 / (exp(-a) + 1)
    STEP_SQUARE,    // a * a
    // of each row over its columns, into results[from], FORM_ROWS; the chain goes on as it was
    STEP_REDUCE_SUM,
    STEP_REDUCE_PROD,
    STEP_REDUCE_MAX,
    STEP_REDUCE_MIN,
    STEP_FETCH, // asks the caches for the operand one row further on, FORM_BLOCK
    STEP_KEEP,  // slot `from` then has what went through the chain, FORM_SLOT
    // integers, those of eight bits as int32
    STEP_TAKE_U8,
    STEP_TAKE_I8,
    STEP_PUT_BYTES, // the lowest eight bits
    STEP_I32_ADD,
    STEP_I32_SUB,
    STEP_I32_SUB_REVERSED,
    STEP_I32_MUL,
    STEP_I32_MIN,
    STEP_I32_MAX,
    STEP_I32_TO_F32,
    STEP_I32_TO_U8,
    STEP_I32_TO_I8,
    STEP_U8_TO_I32,
    STEP_F32_TO_I32,
    STEP_F32_TO_U8,
    STEP_F32_TO_I8,
    // behind one that takes elements: this one and all that follow, as its name lists them
    STEP_SUB_EXP_PUT_SUM_FETCH,
    STEP_SUB_SQUARE_SUM,
    STEP_MUL_PUT_CANONICAL,
    STEP_DIV_PUT_CANONICAL,
    STEP_NORMALIZE_GELU_PUT_FETCH,
    STEP_ADD_GREATER_OF_PUT,
    STEP_ADD_ROWS_GREATER_OF_PUT,
    STEP_ADD_SILU_PUT,
    STEP_ADD_GELU_PUT,
    STEP_NORMALIZE_PUT,
    STEP_NORMALIZE_ADD_PUT,
    STEP_NORMALIZE_RAMP_PUT,
    STEP_NORMALIZE_SILU_PUT,
    STEP_SUB_EXP_PUT,
    STEP_COUNT,
    STEP_FIRST_JOINED = STEP_SUB_EXP_PUT_SUM_FETCH
};
enum {
    CHAIN_SLOTS = 64,  /* from 1 */
    CHAIN_RESULTS = 8, /* where some are reduced */
    CHAIN_PHASES = 32, /* of a kernel that takes rows through several chains */
};
// One of several chains that each row goes through before the next row begins, so that a chain may
// take what the one before has put or reduced.
struct row_phase {
    long columns, count;
    const struct row_step *steps;
    const void *const *operands;
    void *const *results;
};

//: section row_tiles needs row_step tile_steps
// Tiles of one shape, one behind another: how many, the rows of each, and how far on in the stream
// the next one begins.
struct row_tiles {
    tile_function *tile;
    const struct tile_walk *walk;
    long count, rows, step;
};

//: end

#endif
