#include "compiler/import/low_types.h"

#include <inttypes.h>
#include <string.h>

/* ---- Types ---- */

enum { FIRST_LOW = 17 };

static const struct low_type low_types[] = {
    {8, true, true, 3, 7, 0x7e, 0x7f, 0x7f},    /* FLOAT8E4M3FN */
    {8, true, true, 3, 8, 0x7f, 0x80, 0x80},    /* FLOAT8E4M3FNUZ, whose NaN is where -0 were */
    {8, true, true, 2, 15, 0x7b, 0x7c, 0x7e},   /* FLOAT8E5M2 */
    {8, true, true, 2, 16, 0x7f, 0x80, 0x80},   /* FLOAT8E5M2FNUZ */
    {.bits = 4},                                /* UINT4 */
    {.bits = 4, .is_signed = true},             /* INT4 */
    {4, true, true, 1, 1, 0x7, 0x7, 0x8},       /* FLOAT4E2M1 */
    {8, true, false, 0, 127, 0xfe, 0xff, 0xff}, /* FLOAT8E8M0: powers of two, without zero */
    {.bits = 2},                                /* UINT2 */
    {.bits = 2, .is_signed = true},             /* INT2 */
    {6, true, true, 3, 1, 0x1f, 0x1f, 0x20},    /* FLOAT6E2M3 */
    {6, true, true, 2, 3, 0x1f, 0x1f, 0x20},    /* FLOAT6E3M2 */
};

const struct low_type *low_type(int type) {
    int count = (int)(sizeof low_types / sizeof low_types[0]);
    return type >= FIRST_LOW && type < FIRST_LOW + count ? &low_types[type - FIRST_LOW] : NULL;
}

bool held_dtype(int type, enum dtype *dtype) {
    const struct low_type *low = low_type(type);
    if (!low)
        return onnx_dtype(type, dtype);
    *dtype = low->is_signed && !low->is_float ? DTYPE_INT8 : DTYPE_UINT8;
    return true;
}

/* ---- Which tensors hold codes ---- */

/* What is known of a node, where it is not a type's number. */
enum {
    NO_CODES = 0,  /* its elements are what its dtype says */
    MISUSED = 255, /* something was computed of codes */
};

/* How many of a node's sources, of which the first is given, have the elements that it moves. */
static int moved_sources(const struct node *node, int *first) {
    *first = node->op == OP_WHERE;
    if (node->op == OP_CONCAT)
        return node->source_count;
    if (node->op == OP_WHERE)
        return 2;
    return op_facts[node->op].class == CLASS_MOVEMENT || node->op == OP_GATHER;
}

/* The type of a node by those of its sources. */
static uint8_t derived_type(const uint8_t *types, const struct node *node) {
    int first, count = moved_sources(node, &first);
    uint8_t moved = count ? types[node->sources[first]->id] : NO_CODES;
    for (int i = 0; i < node->source_count; i++)
        if (types[node->sources[i]->id] != (i >= first && i < first + count ? moved : NO_CODES))
            return MISUSED;
    return moved;
}

/* The types of all nodes so far, by their ids: those that are new are derived now. */
static uint8_t *types_of_nodes(struct importer *importer) {
    struct low_nodes *nodes = &importer->graph->low_nodes;
    int count;
    const struct node *const *all = tensor_nodes(importer->graph->context, &count);
    for (; nodes->count < count; nodes->count++) {
        nodes->types = arena_extend(&importer->arena, nodes->types, nodes->count, &nodes->capacity,
                                    sizeof *nodes->types);
        nodes->types[nodes->count] = derived_type(nodes->types, all[nodes->count]);
    }
    return nodes->types;
}

static int type_of_node(struct importer *importer, const struct node *node) {
    return node && importer->graph->low_nodes.any ? types_of_nodes(importer)[node->id] : NO_CODES;
}

int element_type(struct importer *importer, struct tensor x) {
    int type = type_of_node(importer, x.node);
    return low_type(type) ? type : x.node ? onnx_type_of(x.node->dtype) : 0;
}

bool is_made_of_codes(struct importer *importer, struct tensor x) {
    return type_of_node(importer, x.node) != NO_CODES;
}

struct tensor typed(struct importer *importer, struct tensor x, int type) {
    struct low_nodes *nodes = &importer->graph->low_nodes;
    nodes->any |= low_type(type) != NULL;
    if (x.node && nodes->any)
        types_of_nodes(importer)[x.node->id] = low_type(type) ? (uint8_t)type : NO_CODES;
    return x;
}

/* The type of the first input that holds codes; 0: none does. */
static int given_type(const struct call *call) {
    for (int i = 0; i < call->input_count; i++) {
        int type = element_type(call->importer, call->inputs[i]);
        if (low_type(type))
            return type;
    }
    return 0;
}

void check_low_types(const struct call *call) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i].node && type_of_node(call->importer, call->outputs[i].node) == MISUSED)
            call_refuse(call, "they can be moved and cast, but not be computed with");
}

const char *with_low_type(const struct call *call, const char *why) {
    int type = given_type(call);
    return type ? arena_format(&call->importer->arena, "of elements of type %s: %s",
                               onnx_type_name(type), why)
                : why;
}

/* ---- Codes in files ---- */

size_t packed_bytes(const struct low_type *low, int64_t count) {
    size_t elements = (size_t)count, bits = (size_t)low->bits;
    return elements / 8 * bits + (elements % 8 * bits + 7) / 8;
}

/* The code that begins at a bit of the bytes. */
static unsigned code_at(const uint8_t *bytes, size_t bit, int bits) {
    size_t byte = bit / 8, used = bit % 8;
    unsigned code = bytes[byte] >> used;
    if (used + (size_t)bits > 8)
        code |= (unsigned)bytes[byte + 1] << (8 - used);
    return code & ((1U << bits) - 1);
}

const void *unpacked_codes(struct arena *arena, const struct low_type *low, const uint8_t *bytes,
                           int64_t count) {
    if (low->bits == 8)
        return bytes;
    uint8_t *codes = arena_allocate(arena, (size_t)count + 1, 1);
    unsigned sign = low->is_signed && !low->is_float ? 1U << (low->bits - 1) : 0;
    for (int64_t i = 0; i < count; i++) {
        unsigned code = code_at(bytes, (size_t)i * (size_t)low->bits, low->bits);
        codes[i] = (uint8_t)((code ^ sign) - sign);
    }
    return codes;
}
