/* Elementwise operators of one tensor. */
#include "compiler/import/importer.h"

struct tensor import_unary(struct call *call) {
    struct node node = {.op = (enum op)call->op->detail};
    struct tensor x = call_input(call, 0);
    call_ignore(call, "consumed_inputs");
    return tensor_of_node(call->context, &node, 1, &x);
}
