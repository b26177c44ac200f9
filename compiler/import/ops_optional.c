/* Optionals, of which a graph has those that are a tensor or nothing; and what it cannot have. */
#include "compiler/import/importer.h"

struct tensor import_optional(struct call *call) {
    call_ignore(call, "type");
    if (!call_has_input(call, 0))
        return call_refuse(call, "an optional of nothing");
    return call_input(call, 0);
}

struct tensor import_optional_get(struct call *call) {
    return call_input(call, 0);
}

struct tensor import_optional_has(struct call *call) {
    const uint8_t has = call_has_input(call, 0);
    return tensor_const(call->context, DTYPE_BOOL, SCALAR_SHAPE, 1, &has);
}

struct tensor import_refused(struct call *call) {
    return call_refuse(call, "%s", call->op->notes);
}
