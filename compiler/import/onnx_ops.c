/* The table of operators. */
#include "compiler/import/importer.h"

#include <string.h>

enum { OP_NONE };

#define ONNX_OP(domain, name, since, builder, ...) onnx_builder import_##builder;
#include "compiler/import/onnx_ops.def"
#undef ONNX_OP

static const struct onnx_op onnx_ops[] = {
#define ONNX_OP(domain, name, since, builder, detail, arithmetic, notes)                           \
    {domain, #name, since, import_##builder, OP_##detail, arithmetic, notes},
#include "compiler/import/onnx_ops.def"
#undef ONNX_OP
};

const struct onnx_op *onnx_op_find(const char *domain, const char *name) {
    if (!domain || strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t i = 0; i < sizeof onnx_ops / sizeof onnx_ops[0]; i++)
        if (strcmp(onnx_ops[i].name, name) == 0 && strcmp(onnx_ops[i].domain, domain) == 0)
            return &onnx_ops[i];
    return NULL;
}
