// Chains: how the text for libtcc says to row_f32_chain what to compute.

#ifndef ET_TEMPLATES_CHAIN_H
#define ET_TEMPLATES_CHAIN_H

//: section row_step
// A step of a chain, which goes through a block of elements in registers. An operand is
// operands[from], of these strides (a step of 1, or of 0: one element a row), or what was kept in
// slot -1 - from. REVERSED: the operand comes first. What is put goes to results[from].
struct row_step {
    int op, from;
    long row, step;
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
    STEP_PUT,       // into a result
    STEP_KEEP,      // into a slot
    STEP_CANONICAL, // every NaN is the one that may leave a graph
    STEP_NEG,
    STEP_ABS,
    STEP_RECIP,
    STEP_SQRT,
    STEP_EXP,
    STEP_LOG,
    STEP_TANH,
    STEP_ERF
};
enum { CHAIN_SLOTS = 16, CHAIN_STEPS = 160 }; // at most

//: end

#endif
