/* Reads an ONNX file, which anybody may have written.
 *
 * protobuf-c unpacks by recursion without a bound and takes what lengths it finds, so the bytes are
 * walked first, with the descriptors that it made of onnx.proto: lengths, nesting, texts. It copies
 * all that it unpacks, so what it gets is an outline: in place of the raw data, or the list of
 * float32, of a large tensor stands where that is, and unknown fields are left out. What is
 * unpacked then takes memory from an arena with a limit. */
#include "compiler/import/onnx_file.h"

#include "compiler/base/allocate.h"
#include "compiler/base/name.h"

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

/* Whether the bytes are UTF-8 without zeros. */
static bool is_text(const uint8_t *at, const uint8_t *end) {
    for (size_t length; at < end; at += length) {
        length = utf8_length((const char *)at, (size_t)(end - at));
        if (length == 0 || *at == 0)
            return false;
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
    case PROTOBUF_C_TYPE_BYTES:
        return true;
    default:
        return check_packed(inner, wire_type_of(field));
    }
}

/* The one that only outlines have, float_bytes. */
enum { OUTLINE_FIELD = 536870911 };

/* A field as it stands: a tag, perhaps a length, and what follows. */
struct field {
    const ProtobufCFieldDescriptor *facts; /* NULL: the format does not have it, here at least */
    enum wire_type type;
    const uint8_t *start, *data, *end;
};

/* How long what follows the tag is, behind the length where there is one. */
static bool read_length(struct wire *wire, enum wire_type type, uint64_t *length) {
    switch (type) {
    case VARINT:
    case DELIMITED:
        return read_varint(wire, length);
    case FIXED_32:
    case FIXED_64:
        *length = type == FIXED_32 ? 4 : 8;
        return true;
    default:
        return broken(wire, "a field of no kind");
    }
}

static bool read_field(struct wire *wire, const ProtobufCMessageDescriptor *message,
                       struct field *field) {
    uint64_t tag, length = 0;
    field->start = wire->at;
    if (!read_varint(wire, &tag))
        return false;
    uint64_t number = tag >> 3;
    if (number == 0 || number > (1 << 29) - 1)
        return broken(wire, "a field of no number");
    field->type = (enum wire_type)(tag & 7);
    field->facts = number == OUTLINE_FIELD
                       ? NULL
                       : protobuf_c_message_descriptor_get_field(message, (unsigned)number);
    bool packs = field->facts && field->facts->label == PROTOBUF_C_LABEL_REPEATED &&
                 field->type == DELIMITED;
    if (field->facts && field->type != wire_type_of(field->facts) && !packs)
        return broken(wire, "a field of another kind than the format says");
    if (!read_length(wire, field->type, &length))
        return false;
    field->data = wire->at;
    if (field->type == VARINT)
        length = 0;
    if (length > (uint64_t)(wire->end - wire->at))
        return broken(wire, "a field that is longer than what holds it (is the file whole?)");
    wire->at += length;
    field->end = wire->at;
    return true;
}

static bool check_field(struct wire *wire, const ProtobufCMessageDescriptor *message, int depth) {
    struct field field;
    if (!read_field(wire, message, &field))
        return false;
    struct wire inner = {wire->start, field.data, field.end, wire->error};
    if (message == &onnx__entry__descriptor && field.facts && !is_text(field.data, field.end))
        return broken(&inner, "a file's name or place that is not UTF-8");
    return field.type != DELIMITED || check_delimited(&inner, field.facts, depth);
}

static bool check_message(struct wire *wire, const ProtobufCMessageDescriptor *type, int depth) {
    if (depth > MOST_DEPTH)
        return broken(wire, "graphs within graphs, too deep");
    while (wire->at < wire->end)
        if (!check_field(wire, type, depth))
            return false;
    return true;
}

/* ---- The outline ---- */

/* Raw data of up to so many bytes stays in it. Of more, the field says where it is, as a struct
 * onnx_raw, and is one byte longer than this. */
enum { MOST_INLINE = 32 };
static_assert(sizeof(struct onnx_raw) <= MOST_INLINE, "it would be taken for data");

/* The lengths of messages are written once these are there: as numbers with leading zeros. */
enum { LENGTH_BYTES = 5 };

static void put(struct onnx_outline *outline, const void *bytes, size_t count) {
    if (outline->bytes)
        memcpy(outline->bytes + outline->count, bytes, count);
    outline->count += count;
}

static void put_length(const struct onnx_outline *outline, size_t at) {
    size_t length = outline->count - at - LENGTH_BYTES;
    for (int i = 0; outline->bytes && i < LENGTH_BYTES; i++, length >>= 7)
        outline->bytes[at + i] = (uint8_t)((length & 127) | (i + 1 < LENGTH_BYTES ? 128 : 0));
}

static void put_place(struct onnx_outline *outline, const struct field *field) {
    static const uint8_t length = MOST_INLINE + 1;
    struct onnx_raw raw = {field->data, (size_t)(field->end - field->data)};
    uint8_t place[MOST_INLINE + 1] = {0};
    memcpy(place, &raw, sizeof raw);
    put(outline, &length, 1);
    put(outline, place, sizeof place);
}

/* A name as name.h writes it. */
static void put_name(struct onnx_outline *outline, const struct field *field, size_t tag_bytes) {
    const char *bytes = (const char *)field->data;
    size_t count = (size_t)(field->end - field->data);
    put(outline, field->start, tag_bytes);
    size_t length = outline->count;
    outline->count += LENGTH_BYTES;
    outline->count +=
        name_write(bytes, count, outline->bytes ? (char *)outline->bytes + outline->count : NULL);
    put_length(outline, length);
}

/* Of an entry the texts are no names: where data lies. */
static bool is_name(const struct field *field, const ProtobufCMessageDescriptor *type) {
    return field->facts->type == PROTOBUF_C_TYPE_STRING && type != &onnx__entry__descriptor;
}

/* A tensor's field of that name and so many bytes that only their place is put down. */
static bool is_long(const struct field *field, const ProtobufCMessageDescriptor *type,
                    const char *name) {
    return type == &onnx__tensor__descriptor && field->type == DELIMITED &&
           field->end - field->data > MOST_INLINE && strcmp(field->facts->name, name) == 0;
}

/* A list of a message may come in pieces: whether no other field is of the same. */
static bool is_whole(const struct field *field, const uint8_t *at, const uint8_t *end,
                     const ProtobufCMessageDescriptor *type) {
    struct wire wire = {at, at, end, NULL};
    struct field other;
    int count = 0;
    while (count < 2 && wire.at < wire.end && read_field(&wire, type, &other))
        count += other.facts == field->facts;
    return count == 1;
}

/* Requires that the message was checked. Without bytes yet, what it takes is only counted. */
static void put_message(struct onnx_outline *outline, const uint8_t *at, const uint8_t *end,
                        const ProtobufCMessageDescriptor *type) {
    struct wire wire = {at, at, end, NULL};
    struct field field;
    bool in_pieces = false;
    while (wire.at < wire.end && read_field(&wire, type, &field)) {
        if (!field.facts)
            continue;
        bool is_list = !in_pieces && is_long(&field, type, "float_data");
        in_pieces |= is_list && !is_whole(&field, at, end, type); /* asked once in a message */
        struct wire behind_tag = {field.start, field.start, field.end, NULL};
        uint64_t tag;
        read_varint(&behind_tag, &tag);
        size_t tag_bytes = (size_t)(behind_tag.at - field.start);
        if (is_name(&field, type)) {
            put_name(outline, &field, tag_bytes);
        } else if (is_long(&field, type, "raw_data")) {
            put(outline, field.start, tag_bytes);
            put_place(outline, &field);
        } else if (is_list && !in_pieces) {
            static const uint8_t float_bytes[] = {0xfa, 0xff, 0xff, 0xff, 0x0f};
            put(outline, float_bytes, sizeof float_bytes);
            put_place(outline, &field);
        } else if (field.facts->type == PROTOBUF_C_TYPE_MESSAGE) {
            put(outline, field.start, tag_bytes);
            size_t length = outline->count;
            outline->count += LENGTH_BYTES;
            put_message(outline, field.data, field.end, field.facts->descriptor);
            put_length(outline, length);
        } else {
            put(outline, field.start, (size_t)(field.end - field.start));
        }
    }
}

bool onnx_outline(const void *bytes, size_t count, struct onnx_outline *outline,
                  struct et_error *error) {
    const uint8_t *at = bytes, *end = at + count;
    struct wire wire = {at, at, end, error};
    *outline = (struct onnx_outline){.whole = count};
    if (!check_message(&wire, &onnx__model__descriptor, 0))
        return false;
    put_message(outline, at, end, &onnx__model__descriptor);
    if (outline->count > count + UNPACKED_LEAST)
        return et_fail(error, "not an ONNX model: %zu bytes, with names that are written in %zu",
                       count, outline->count);
    outline->bytes = et_allocate_unset(outline->count);
    if (!outline->bytes)
        return et_fail(error, "out of memory");
    outline->count = 0;
    put_message(outline, at, end, &onnx__model__descriptor);
    return true;
}

static struct onnx_raw place_of(const ProtobufCBinaryData *field) {
    struct onnx_raw raw = {field->data, field->len};
    if (raw.count > MOST_INLINE)
        memcpy(&raw, field->data, sizeof raw);
    return raw;
}

struct onnx_raw onnx_raw_data(const Onnx__Tensor *tensor) {
    return place_of(&tensor->raw_data);
}

struct onnx_raw onnx_float_data(const Onnx__Tensor *tensor) {
    if (tensor->has_float_bytes)
        return place_of(&tensor->float_bytes);
    return (struct onnx_raw){(const uint8_t *)tensor->float_data,
                             tensor->n_float_data * sizeof *tensor->float_data};
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

const Onnx__Model *onnx_unpack(const struct onnx_outline *outline, struct arena *arena,
                               struct et_error *error) {
    struct unpacking unpacking = {.limit = {take},
                                  .left = UNPACKED_TIMES * (double)outline->whole + UNPACKED_LEAST,
                                  .arena = arena};
    struct arena_limit *outer = arena->limit;
    ProtobufCAllocator allocator = {allocate, release, &unpacking};
    arena->limit = &unpacking.limit;
    const Onnx__Model *model = onnx__model__unpack(&allocator, outline->count, outline->bytes);
    arena->limit = outer;
    if (!model || !model->graph) {
        et_fail(error, model ? "not an ONNX model: there is no graph in it"
                             : "not an ONNX model: protobuf-c cannot read it");
        return NULL;
    }
    return model;
}
