/* Reads an ONNX file, which anybody may have written.
 *
 * protobuf-c unpacks by recursion without a bound and takes what lengths it finds, so the bytes are
 * walked first, with the descriptors that it made of onnx.proto: lengths, nesting, texts. What is
 * unpacked then takes memory from an arena with a limit. */
#include "compiler/import/onnx_file.h"

#include <inttypes.h>
#include <string.h>

enum {
    MOST_DEPTH = 64, /* of messages: a graph within a graph is three deeper */
    UNPACKED_LEAST = 256 << 20,
};

const char *onnx_domain(const char *name) {
    return name && strcmp(name, "ai.onnx") != 0 ? name : "";
}

/* ---- Types ---- */

enum { DTYPE_NONE = -1 };
struct onnx_type {
    const char *name;
    int dtype;
};
static const struct onnx_type onnx_types[] = {
#define ONNX_TYPE(number, name, dtype) [number] = {#name, DTYPE_##dtype},
#include "compiler/import/onnx_types.def"
#undef ONNX_TYPE
};
enum { TYPES = sizeof onnx_types / sizeof onnx_types[0] };

const char *onnx_type_name(int type) {
    return type > 0 && type < TYPES ? onnx_types[type].name : NULL;
}

bool onnx_dtype(int type, enum dtype *dtype) {
    if (type <= 0 || type >= TYPES || onnx_types[type].dtype == DTYPE_NONE)
        return false;
    *dtype = (enum dtype)onnx_types[type].dtype;
    return true;
}

int onnx_type_of(enum dtype dtype) {
    for (int type = 1; type < TYPES; type++)
        if (onnx_types[type].dtype == (int)dtype)
            return type;
    return 0;
}

/* ---- The walk over the bytes ---- */

struct wire {
    const uint8_t *start, *at, *end;
    struct et_error *error;
};

static bool broken(const struct wire *wire, const char *what) {
    return et_fail(wire->error, "not an ONNX model: byte %td: %s", wire->at - wire->start, what);
}

static bool read_varint(struct wire *wire, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (wire->at == wire->end)
            return broken(wire, "the file ends within a number");
        uint8_t byte = *wire->at++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return broken(wire, "a number of more than 64 bits");
}

/* Whether the bytes are UTF-8 (RFC 3629) without zeros: shortest forms, no surrogates. */
static bool is_text(const uint8_t *at, const uint8_t *end) {
    while (at < end) {
        uint8_t first = *at++;
        int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if (first == 0 || (first >= 0x80 && first < 0xc2) || first > 0xf4 || end - at < more)
            return false;
        uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (int i = 0; i < more; i++, least = 0x80, most = 0xbf)
            if (at[i] < least || at[i] > most)
                return false;
        at += more;
    }
    return true;
}

enum wire_type { VARINT = 0, FIXED_64 = 1, DELIMITED = 2, FIXED_32 = 5 };

static enum wire_type wire_type_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED_32;
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return DELIMITED;
    default:
        return VARINT;
    }
}

static bool check_message(struct wire *wire, const ProtobufCMessageDescriptor *type, int depth);

/* Numbers one behind another. */
static bool check_packed(struct wire *wire, enum wire_type type) {
    uint64_t ignored;
    if (type == VARINT) {
        while (wire->at < wire->end)
            if (!read_varint(wire, &ignored))
                return false;
        return true;
    }
    size_t width = type == FIXED_32 ? 4 : 8;
    return (size_t)(wire->end - wire->at) % width == 0 || broken(wire, "half a number at the end");
}

/* The `inner` bytes of a field that says its length; `field` is NULL for one that is skipped. */
static bool check_delimited(struct wire *inner, const ProtobufCFieldDescriptor *field, int depth) {
    if (!field)
        return true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return check_message(inner, field->descriptor, depth + 1);
    case PROTOBUF_C_TYPE_STRING:
        return is_text(inner->at, inner->end) || broken(inner, "a name that is not UTF-8");
    case PROTOBUF_C_TYPE_BYTES:
        return true;
    default:
        return check_packed(inner, wire_type_of(field));
    }
}

static bool check_field(struct wire *wire, const ProtobufCMessageDescriptor *message, int depth) {
    uint64_t tag, length = 0;
    if (!read_varint(wire, &tag))
        return false;
    uint64_t number = tag >> 3;
    if (number == 0 || number > (1 << 29) - 1)
        return broken(wire, "a field of no number");
    enum wire_type type = (enum wire_type)(tag & 7);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(message, (unsigned)number);
    bool packs = field && field->label == PROTOBUF_C_LABEL_REPEATED && type == DELIMITED;
    if (field && type != wire_type_of(field) && !packs)
        return broken(wire, "a field of another kind than the format says");
    switch (type) {
    case VARINT:
        return read_varint(wire, &length);
    case FIXED_32:
    case FIXED_64:
        length = type == FIXED_32 ? 4 : 8;
        break;
    case DELIMITED:
        if (!read_varint(wire, &length))
            return false;
        break;
    default:
        return broken(wire, "a field of no kind");
    }
    if (length > (uint64_t)(wire->end - wire->at))
        return broken(wire, "a field that is longer than what holds it (is the file whole?)");
    struct wire inner = {wire->start, wire->at, wire->at + length, wire->error};
    wire->at += length;
    return type != DELIMITED || check_delimited(&inner, field, depth);
}

static bool check_message(struct wire *wire, const ProtobufCMessageDescriptor *type, int depth) {
    if (depth > MOST_DEPTH)
        return broken(wire, "graphs within graphs, too deep");
    while (wire->at < wire->end)
        if (!check_field(wire, type, depth))
            return false;
    return true;
}

/* ---- Unpacking ---- */

/* What small messages and numbers take is several times what they take in the file. */
#define UNPACKED_TIMES 4.0

/* Of each number of a list protobuf-c takes notes that are several times as large, in pieces whose
 * sizes are powers of two, and gives them back with the list's end: for the next one. */
enum { SIZES = 64 };
struct piece {
    size_t bytes;
    struct piece *next; /* of the same size, given back */
};
struct unpacking {
    struct arena_limit limit;
    double left;
    struct arena *arena;
    struct piece *given_back[SIZES];
};

static bool take(struct arena_limit *limit, double bytes) {
    struct unpacking *unpacking = (struct unpacking *)limit;
    unpacking->left -= bytes;
    return unpacking->left >= 0;
}

/* Where pieces of that size wait; NULL for one that is no power of two. */
static struct piece **waiting(struct unpacking *unpacking, size_t bytes) {
    bool is_power = bytes != 0 && (bytes & (bytes - 1)) == 0;
    return is_power ? &unpacking->given_back[__builtin_ctzll(bytes)] : NULL;
}

static void *allocate(void *data, size_t bytes) {
    struct unpacking *unpacking = data;
    struct piece **list = waiting(unpacking, bytes), *piece = list ? *list : NULL;
    if (piece)
        *list = piece->next;
    else
        piece = arena_allocate(unpacking->arena, 1, sizeof *piece + bytes);
    piece->bytes = bytes;
    return piece + 1;
}

static void release(void *data, void *memory) {
    if (!memory)
        return;
    struct piece *piece = (struct piece *)memory - 1;
    struct piece **list = waiting(data, piece->bytes);
    if (!list)
        return; /* the arena's end is its own */
    piece->next = *list;
    *list = piece;
}

const Onnx__Model *onnx_decode(const void *bytes, size_t count, struct arena *arena,
                               struct et_error *error) {
    struct wire wire = {bytes, bytes, (const uint8_t *)bytes + count, error};
    if (!check_message(&wire, &onnx__model__descriptor, 0))
        return NULL;
    struct unpacking unpacking = {
        .limit = {take}, .left = UNPACKED_TIMES * (double)count + UNPACKED_LEAST, .arena = arena};
    struct arena_limit *outer = arena->limit;
    ProtobufCAllocator allocator = {allocate, release, &unpacking};
    arena->limit = &unpacking.limit;
    const Onnx__Model *model = onnx__model__unpack(&allocator, count, bytes);
    arena->limit = outer;
    if (!model || !model->graph) {
        et_fail(error, model ? "not an ONNX model: there is no graph in it"
                             : "not an ONNX model: protobuf-c cannot read it");
        return NULL;
    }
    return model;
}
