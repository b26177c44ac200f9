#include "server/finite.h"

#include <string.h>

/* An exponent of all ones is a NaN's or an infinity's. */
#define ALL_FINITE(name, type, exponent)                                                           \
    static bool name(const char *elements, size_t bytes) {                                         \
        bool finite = true;                                                                        \
        for (size_t at = 0; at < bytes; at += sizeof(type)) {                                      \
            type bits;                                                                             \
            memcpy(&bits, elements + at, sizeof bits);                                             \
            finite &= (bits & (type)(exponent)) != (type)(exponent);                               \
        }                                                                                          \
        return finite;                                                                             \
    }
ALL_FINITE(finite_float32, uint32_t, 0x7f800000u)
ALL_FINITE(finite_float64, uint64_t, 0x7ff0000000000000u)
ALL_FINITE(finite_float16, uint16_t, 0x7c00u)
ALL_FINITE(finite_bfloat16, uint16_t, 0x7f80u)

bool all_finite(const char *dtype, const void *elements, size_t bytes) {
    static const struct {
        const char *dtype;
        bool (*check)(const char *elements, size_t bytes);
    } kinds[] = {{"float32", finite_float32},
                 {"float64", finite_float64},
                 {"float16", finite_float16},
                 {"bfloat16", finite_bfloat16}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(dtype, kinds[i].dtype) == 0)
            return kinds[i].check(elements, bytes);
    return true;
}

static json_t *not_finite(const struct et_program *program, int count, int64_t batch,
                          void *const *elements,
                          struct et_tensor (*facts)(const struct et_program *, int)) {
    json_t *list = NULL;
    for (int i = 0; i < count; i++) {
        struct et_tensor tensor = facts(program, i);
        bool batched = tensor_is_batched(&tensor);
        if (all_finite(tensor.dtype, elements[i], tensor.bytes * (size_t)(batched ? batch : 1)))
            continue;
        if (!list)
            list = json_array();
        list_add_json(&list, json_string(tensor.name));
    }
    return list;
}

json_t *inputs_not_finite(const struct model *model, const struct model_memory *memory) {
    return not_finite(model->program, memory->input_count, memory->batch, memory->inputs,
                      et_program_input);
}

json_t *outputs_not_finite(const struct model *model, const struct model_memory *memory) {
    return not_finite(model->program, memory->output_count, memory->batch, memory->outputs,
                      et_program_output);
}
