/* Operators that change the type of elements. */
#include "compiler/import/importer.h"

#include <string.h>

/* The dtype of a type of ONNX, by its number; refuses those that graphs do not have. */
static bool dtype_of(struct call *call, int64_t type, enum dtype *dtype) {
    int number = type > 0 && type <= INT32_MAX ? (int)type : 0;
    if (onnx_dtype(number, dtype))
        return true;
    const char *name = onnx_type_name(number);
    call_refuse(call, "to element type %s, which graphs do not have",
                name ? name : "of an unknown number");
    return false;
}

/* Before opset 6 the type is named: "FLOAT". */
static int64_t type_named(const char *name) {
    for (int type = 1; onnx_type_name(type); type++)
        if (strcmp(onnx_type_name(type), name) == 0)
            return type;
    return 0;
}

struct tensor import_cast(struct call *call) {
    enum dtype dtype;
    int64_t type =
        call->opset < 6 ? type_named(call_text(call, "to", "")) : call_int(call, "to", 0);
    call_ignore(call, "saturate"); /* these are about the types that graphs do not have */
    call_ignore(call, "round_mode");
    if (!dtype_of(call, type, &dtype))
        return call_input(call, 0);
    return tensor_cast(call_input(call, 0), dtype);
}

struct tensor import_cast_like(struct call *call) {
    call_ignore(call, "saturate");
    call_ignore(call, "round_mode");
    return tensor_cast(call_input(call, 0), tensor_dtype(call_input(call, 1)));
}

/* The bits of a bool are 0 or 1 here, so those of an integer mean true when they are not 0. */
struct tensor import_bit_cast(struct call *call) {
    struct tensor x = call_input(call, 0);
    enum dtype dtype, from = tensor_dtype(x);
    if (!dtype_of(call, call_int(call, "to", 0), &dtype))
        return x;
    bool is_byte = dtype_bytes(dtype) == 1 && dtype_bytes(from) == 1;
    if (is_byte && (dtype == DTYPE_BOOL || from == DTYPE_BOOL))
        return tensor_cast(x, dtype);
    return tensor_bitcast(x, dtype);
}
