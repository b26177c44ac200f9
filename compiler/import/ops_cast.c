/* Operators that change the type of elements. */
#include "compiler/import/low_types.h"

#include <string.h>

/* Before opset 6 the type is named: "FLOAT". */
static int type_named(const char *name) {
    for (int type = 1; onnx_type_name(type); type++)
        if (strcmp(onnx_type_name(type), name) == 0)
            return type;
    return 0;
}

/* As a number of onnx_types.def; of others 0. */
static int type_numbered(int64_t type) {
    return type > 0 && type <= INT32_MAX ? (int)type : 0;
}

/* The type, and what becomes of numbers that it does not hold. */
static struct cast_target target_of(struct call *call, int type) {
    return (struct cast_target){.type = type,
                                .overflows = call_int(call, "saturate", 1) == 0,
                                .mode = call_text(call, "round_mode", NULL)};
}

struct tensor import_cast(struct call *call) {
    int type = call->opset < 6 ? type_named(call_text(call, "to", ""))
                               : type_numbered(call_int(call, "to", 0));
    return cast_to_type(call, call_input(call, 0), target_of(call, type));
}

struct tensor import_cast_like(struct call *call) {
    int type = element_type(call->importer, call_input(call, 1));
    return cast_to_type(call, call_input(call, 0), target_of(call, type));
}

struct tensor import_bit_cast(struct call *call) {
    return bits_as_type(call, call_input(call, 0), type_numbered(call_int(call, "to", 0)));
}
