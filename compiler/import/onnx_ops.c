/* The table of operators, and the page that is made of it. */
#include "compiler/import/counted.h"

#include <stdlib.h>
#include <string.h>

enum { OP_NONE }; /* the detail of builders that need none */

#define ONNX_OP(domain, name, since, builder, ...) onnx_builder import_##builder;
#include "compiler/import/onnx_ops.def"
#undef ONNX_OP

static const struct onnx_op onnx_ops[] = {
#define ONNX_OP(domain, name, since, builder, detail, arithmetic, notes)                           \
    {domain, #name, since, import_##builder, OP_##detail, arithmetic, notes},
#include "compiler/import/onnx_ops.def"
#undef ONNX_OP
};

enum { COUNT = sizeof onnx_ops / sizeof onnx_ops[0] };

const struct onnx_op *onnx_op_find(const char *domain, const char *name) {
    domain = onnx_domain(domain);
    for (int i = 0; i < COUNT; i++)
        if (strcmp(onnx_ops[i].name, name) == 0 && strcmp(onnx_ops[i].domain, domain) == 0)
            return &onnx_ops[i];
    return NULL;
}

static int compare_ops(const void *a, const void *b) {
    const struct onnx_op *one = a, *other = b;
    int order = strcmp(one->domain, other->domain);
    return order ? order : strcmp(one->name, other->name);
}

static bool is_refused(const struct onnx_op *op) {
    return op->build == import_refused;
}

void onnx_describe(struct text *text) {
    struct onnx_op sorted[COUNT];
    int refused = 0;
    memcpy(sorted, onnx_ops, sizeof sorted);
    for (int i = 0; i < COUNT; i++)
        refused += is_refused(&onnx_ops[i]);
    qsort(sorted, COUNT, sizeof sorted[0], compare_ops);
    text_add(text,
             "# ONNX operators\n\n"
             "`eigentensor import --operators` writes this page, from "
             "[onnx_ops.def](../compiler/import/onnx_ops.def).\n\n"
             "%d operators are imported, each in all of its versions from the opset named "
             "here up to 28 (5 of ai.onnx.ml). Of 16-bit floats, operators that compute do so in "
             "float32 and round "
             "each result once; the others move the bits.\n\n"
             "What NonZero, Compress and Unique find in the data of a run has no extent that is "
             "known before: it has the greatest that there can be, and a count beside it, by which "
             "results are cut. These operators take it on: ",
             COUNT - refused);
    counted_describe(text);
    text_add(text, "\n| operator | from opset | 16-bit floats | notes |\n|---|---|---|---|\n");
    for (int i = 0; i < COUNT; i++)
        if (!is_refused(&sorted[i]))
            text_add(text, "| %s%s%s | %d | %s | %s |\n", sorted[i].domain,
                     sorted[i].domain[0] ? "." : "", sorted[i].name, sorted[i].since,
                     sorted[i].arithmetic == WIDENED ? "in float32" : "as they are",
                     sorted[i].notes);
    text_add(text, "\nRefused:\n\n| operator | why |\n|---|---|\n");
    for (int i = 0; i < COUNT; i++)
        if (is_refused(&sorted[i]))
            text_add(text, "| %s%s%s | %s |\n", sorted[i].domain, sorted[i].domain[0] ? "." : "",
                     sorted[i].name, sorted[i].notes);
}
