/* Checks of the IR between passes. */
#ifndef EIGENTENSOR_IR_VERIFY_H
#define EIGENTENSOR_IR_VERIFY_H

#include "compiler/ir/ir.h"

/* Checks what every pass must keep; false and what is wrong. */
bool verify_ir(struct ir *ir, struct et_error *error);

/* verify_stage.c: whether every field is set or not as ir->stage says; verify_ir asks it. */
bool verify_stage(const struct ir *ir, struct et_error *error);

#endif
