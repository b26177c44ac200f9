/* The textual IR: print.c writes it and says its grammar, parse.c reads it. */
#ifndef EIGENTENSOR_IR_PRINT_H
#define EIGENTENSOR_IR_PRINT_H

#include "compiler/ir/ir.h"

void print_ir(const struct ir *ir, struct text *text);
/* The simplified graph, for dumps: a line a node. */
void print_graph(const struct graph *graph, struct text *text);
void print_expression(const struct expression *expression, struct text *text);
void print_index(const struct index *index, struct text *text);

/* Reads what print_ir writes, except tiles and threads, into an empty `ir` with an arena. False and
 * an error that names line and column, what was expected and what was found; the ir is unusable
 * then. */
bool parse_ir(struct ir *ir, const char *text, struct et_error *error);

#endif
