/* A safetensors file: 8 bytes of header length (little-endian), the header (a JSON object: tensor
 * name -> dtype, shape, data_offsets; and __metadata__), then the tensors' bytes. */
#include "compiler/store/safetensors.h"
#include "compiler/base/json_read.h"
#include "compiler/base/most_bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The format is little-endian, and elements are used as they lie in the file. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian machine");

#define LENGTH_BYTES ((size_t)8)
#define MOST_FILE_BYTES MOST_BYTES(37)
#define METADATA "__metadata__"

/* A tensor of the header, with its range of the data: [begin, end). */
struct entry {
    struct weight weight;
    int64_t begin, end;
};

struct shape_text weight_shape_text(const struct weight *weight) {
    struct shape_text text;
    if (weight->unusable) {
        snprintf(text.text, sizeof text.text, "%s", weight->unusable);
        return text;
    }
    struct node tensor = {.dtype = weight->dtype, .rank = weight->rank};
    memcpy(tensor.shape, weight->shape, sizeof tensor.shape);
    return shape_text(&tensor);
}

/* How many bits an element takes that is of no dtype of ours, but one of the format's. */
static const struct {
    const char *name;
    int bits;
} other_dtypes[] = {{"F8_E4M3", 8},     {"F8_E5M2", 8},     {"F8_E8M0", 8},
                    {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
                    {"F6_E3M2", 6},     {"F4", 4},          {"C64", 64}};

/* What an element takes, in bits; *dtype is set if it is one of ours, and else DTYPE_COUNT. */
static bool read_dtype(const char *name, enum dtype *dtype, int *bits, struct et_error *error) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(dtype_facts[i].safetensors, name) == 0) {
            *dtype = (enum dtype)i;
            *bits = 8 * (int)dtype_facts[i].bytes;
            return true;
        }
    *dtype = DTYPE_COUNT;
    for (size_t i = 0; i < sizeof other_dtypes / sizeof *other_dtypes; i++)
        if (strcmp(other_dtypes[i].name, name) == 0) {
            *bits = other_dtypes[i].bits;
            return true;
        }
    struct text known = {0};
    for (int i = 0; i < DTYPE_COUNT; i++)
        text_add(&known, "%s%s", i ? ", " : "", dtype_facts[i].safetensors);
    const char *list = text_read(&known, error);
    if (list)
        et_fail(error, "dtype %s is not supported, expected one of %s", quoted(name).text, list);
    text_free(&known);
    return false;
}

/* "C64[2,3]", the shape as far as messages need it. */
static bool name_kind(struct arena *arena, const char *dtype, const int64_t *shape, int rank,
                      const char **kind, struct et_error *error) {
    enum { SHOWN = MAX_RANK + 1 };
    struct text text = {0};
    text_add(&text, "%s[", dtype);
    for (int i = 0; i < rank && i < SHOWN; i++)
        text_add(&text, "%s%" PRId64, i ? "," : "", shape[i]);
    text_add(&text, rank > SHOWN ? ",...]" : "]");
    const char *whole = text_read(&text, error);
    *kind = whole ? arena_copy_text(arena, whole) : NULL;
    text_free(&text);
    return *kind || et_fail(error, "out of memory");
}

static bool read_offsets(const json_t *object, struct entry *entry, struct et_error *error) {
    int64_t offsets[2];
    int count;
    if (!json_read_integers(object, "data_offsets", 0, INT64_MAX, 2, offsets, &count, error))
        return false;
    if (count != 2)
        return et_fail(error, "\"data_offsets\" has %d items, expected 2", count);
    entry->begin = offsets[0];
    entry->end = offsets[1];
    return entry->begin <= entry->end ||
           et_fail(error, "data_offsets [%" PRId64 ", %" PRId64 "] run backwards", entry->begin,
                   entry->end);
}

/* Bytes of so many elements against the range. */
static bool check_bytes(const struct entry *entry, const int64_t *shape, int rank, int bits,
                        const char *kind, struct et_error *error) {
    int64_t product = bits;
    bool fits = true;
    for (int i = 0; fits && i < rank; i++)
        fits = checked_multiply(product, shape[i], &product);
    if (!fits)
        return et_fail(error, "the size of %s overflows", kind);
    if (product % 8)
        return et_fail(error, "%s has %" PRId64 " bits, which are not whole bytes", kind, product);
    return entry->end - entry->begin == product / 8 ||
           et_fail(error, "%s has %" PRId64 " bytes, but data_offsets span %" PRId64, kind,
                   product / 8, entry->end - entry->begin);
}

static bool read_entry(struct weights *weights, const json_t *object, struct entry *entry,
                       struct et_error *error) {
    static const char *const keys[] = {"dtype", "shape", "data_offsets", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    struct weight *weight = &entry->weight;
    int64_t shape[SAFETENSORS_MOST_RANK];
    int rank, bits;
    if (!json_check_keys(object, keys, error))
        return false;
    const char *dtype = json_read_name(object, "dtype", error);
    if (!dtype || !read_dtype(dtype, &weight->dtype, &bits, error) ||
        !json_read_integers(object, "shape", 0, INT64_MAX, SAFETENSORS_MOST_RANK, shape, &rank,
                            error) ||
        !read_offsets(object, entry, error))
        return false;
    if (weight->dtype == DTYPE_COUNT || rank > MAX_RANK) {
        weight->dtype = DTYPE_UINT8;
        if (!name_kind(&weights->arena, dtype, shape, rank, &weight->unusable, error))
            return false;
    } else {
        weight->rank = rank;
        memcpy(weight->shape, shape, (size_t)rank * sizeof *shape);
    }
    weight->bytes = (size_t)(entry->end - entry->begin);
    return check_bytes(entry, shape, rank, bits, weight_shape_text(weight).text, error);
}

static bool check_metadata(const json_t *object, struct et_error *error) {
    if (!json_is_object(object))
        return et_fail(error, METADATA " is %s, expected an object", json_kind(object));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (!json_is_string(value))
            return et_fail(error, METADATA ": \"%s\" is %s, expected a string", quoted(key).text,
                           json_kind(value));
    }
    return true;
}

static bool read_entries(struct weights *weights, const json_t *header, struct entry *entries,
                         struct et_error *error) {
    const char *name;
    json_t *object;
    json_object_foreach((json_t *)header, name, object) {
        if (strcmp(name, METADATA) == 0) {
            if (!check_metadata(object, error))
                return false;
            continue;
        }
        struct entry *entry = &entries[weights->count];
        if (!json_check_name("the name of a tensor", name, error))
            return false;
        if (!read_entry(weights, object, entry, error))
            return et_fail_within(error, "tensor \"%s\"", quoted(name).text);
        entry->weight.name = arena_copy_text(&weights->arena, name);
        if (!entry->weight.name)
            return et_fail(error, "out of memory");
        weights->count++;
    }
    return true;
}

static int by_offset(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Requires entries sorted by offset: they follow each other from 0 to the end of the data. */
static bool check_ranges(const struct entry *entries, int count, size_t data_bytes,
                         struct et_error *error) {
    int64_t end = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i].begin != end)
            return et_fail(error,
                           "tensor \"%s\": its data begin at %" PRId64 ", expected %" PRId64
                           " (no hole, no overlap)",
                           quoted(entries[i].weight.name).text, entries[i].begin, end);
        end = entries[i].end;
    }
    if ((uint64_t)end != data_bytes)
        return et_fail(error, "%zu bytes of data, but the tensors take %" PRId64, data_bytes, end);
    return true;
}

static bool check_bool(const struct weight *weight, struct et_error *error) {
    const uint8_t *elements = weight->data;
    for (size_t i = 0; i < weight->bytes; i++)
        if (elements[i] > 1)
            return et_fail(error, "tensor \"%s\": element %zu is %u, expected 0 or 1 for bool",
                           quoted(weight->name).text, i, elements[i]);
    return true;
}

/* Whether elements can be used where the file has them, or not at all. Bools are indices in
 * compiled code: what was checked is kept apart from the file. */
static bool stays_in_file(const struct weights *weights, const struct weight *weight,
                          const uint8_t *data) {
    if (weight->unusable)
        return true;
    return (weights->file.bytes || weights->read) && weight->dtype != DTYPE_BOOL &&
           (uintptr_t)data % dtype_facts[weight->dtype].bytes == 0;
}

/* Copies what does not stay in the file into one block, each tensor on a 64-byte boundary. */
static bool place_data(struct weights *weights, struct entry *entries, const uint8_t *data,
                       struct et_error *error) {
    size_t total = 0; /* at most the file's bytes and 63 a tensor: no overflow */
    for (int i = 0; i < weights->count; i++)
        if (!stays_in_file(weights, &entries[i].weight, data + entries[i].begin))
            total += whole_lines(entries[i].weight.bytes);
    uint8_t *at = weights->block = et_allocate_aligned(total);
    weights->tensors = arena_array(&weights->arena, struct weight, (size_t)weights->count);
    if (!at || !weights->tensors)
        return et_fail(error, "out of memory for %zu bytes", total);
    for (int i = 0; i < weights->count; i++) {
        struct weight *weight = &weights->tensors[i];
        *weight = entries[i].weight;
        weight->data = data + entries[i].begin;
        if (weight->unusable)
            weight->data = NULL;
        if (stays_in_file(weights, weight, weight->data))
            continue;
        weight->data = memcpy(at, weight->data, weight->bytes);
        at += whole_lines(weight->bytes);
        if (weight->dtype == DTYPE_BOOL && !check_bool(weight, error))
            return false;
    }
    return true;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct weight *)left)->name, ((const struct weight *)right)->name);
}

/* The part of decoding for which the header is parsed. */
static bool decode_header(struct weights *weights, const json_t *header, const uint8_t *data,
                          size_t data_bytes, struct et_error *error) {
    if (!json_is_object(header))
        return et_fail(error, "the header is %s, expected an object", json_kind(header));
    size_t count = json_object_size(header);
    if (count > SAFETENSORS_MOST_TENSORS)
        return et_fail(error, "%zu tensors, expected at most %d", count, SAFETENSORS_MOST_TENSORS);
    struct entry *entries = et_allocate(count, sizeof *entries);
    if (!entries)
        return et_fail(error, "out of memory");
    bool good = read_entries(weights, header, entries, error);
    if (good) {
        qsort(entries, (size_t)weights->count, sizeof *entries, by_offset);
        good = check_ranges(entries, weights->count, data_bytes, error) &&
               place_data(weights, entries, data, error);
    }
    et_release(entries);
    if (good)
        qsort(weights->tensors, (size_t)weights->count, sizeof *weights->tensors, by_name);
    return good;
}

static bool decode(struct weights *weights, const uint8_t *bytes, size_t count,
                   struct et_error *error) {
    if (count < LENGTH_BYTES)
        return et_fail(error, "%zu bytes, expected at least %zu", count, LENGTH_BYTES);
    uint64_t length;
    memcpy(&length, bytes, sizeof length);
    if (length > SAFETENSORS_MOST_HEADER)
        return et_fail(error, "a header of %" PRIu64 " bytes, expected at most %d", length,
                       SAFETENSORS_MOST_HEADER);
    if (length > count - LENGTH_BYTES)
        return et_fail(error, "a header of %" PRIu64 " bytes, but %zu follow", length,
                       count - LENGTH_BYTES);
    const uint8_t *data = bytes + LENGTH_BYTES + length;
    if (json_has_mark((const char *)bytes + LENGTH_BYTES, (size_t)length))
        return et_fail(error, "the header begins with a byte order mark, expected '{'");
    json_t *header = json_read_document((const char *)bytes + LENGTH_BYTES, (size_t)length, error);
    if (!header)
        return et_fail_within(error, "header");
    bool good = decode_header(weights, header, data, count - LENGTH_BYTES - (size_t)length, error);
    json_decref(header);
    return good;
}

struct weights *weights_decode(const void *bytes, size_t count, const char *name,
                               struct et_error *error) {
    struct weights *weights = et_allocate(1, sizeof *weights);
    if (!weights)
        et_fail(error, "out of memory");
    else if (decode(weights, bytes, count, error)) {
        weights->sha256 = digest_bytes(bytes, count);
        return weights;
    }
    et_fail_within(error, "%s", name);
    weights_free(weights);
    return NULL;
}

/* A file is digested in pieces that need not be in memory together. */
#define WINDOW ((size_t)8 << 20)

static struct digest digest_file(const struct mapped_file *file) {
    struct digest_stream stream;
    digest_begin(&stream);
    for (size_t at = 0; at < file->count; at += WINDOW) {
        size_t count = file->count - at < WINDOW ? file->count - at : WINDOW;
        digest_add(&stream, file->bytes + at, count);
        if (file->count > WINDOW)
            forget_pages(file, file->bytes + at, count);
    }
    return digest_end(&stream);
}

/* The digest of the file, noted before or from now on. */
static struct digest digest_noted(const struct mapped_file *file,
                                  const struct digest_notes *notes) {
    static const char what[] = "eigentensor sha256 of file 1";
    struct digest_stream stream;
    struct digest key, digest;
    digest_begin(&stream);
    digest_add(&stream, what, sizeof what);
    if (!notes || !notes_add_file(&stream, file))
        return digest_file(file);
    key = digest_end(&stream);
    if (!notes->find(&key, &digest)) {
        digest = digest_file(file);
        notes->note(&key, &digest);
    }
    return digest;
}

struct weights *weights_load(const char *path, struct et_error *error) {
    return weights_load_noted(path, NULL, error);
}

struct weights *weights_load_noted(const char *path, const struct digest_notes *notes,
                                   struct et_error *error) {
    struct weights *weights = et_allocate(1, sizeof *weights);
    if (!weights) {
        et_fail(error, "%s: out of memory", path);
        return NULL;
    }
    struct mapped_file *file = &weights->file;
    if (map_file(path, MOST_FILE_BYTES, file, error)) {
        if (decode(weights, (const uint8_t *)file->bytes, file->count, error)) {
            weights->sha256 = digest_noted(file, notes);
            return weights;
        }
        et_fail_within(error, "%s", path);
    }
    weights_free(weights);
    return NULL;
}

struct weights *weights_read(const char *path, struct et_error *error) {
    struct weights *weights = et_allocate(1, sizeof *weights);
    size_t count;
    if (!weights) {
        et_fail(error, "%s: out of memory", path);
        return NULL;
    }
    if (read_file(path, MOST_FILE_BYTES, &weights->read, &count, error)) {
        if (decode(weights, (const uint8_t *)weights->read, count, error)) {
            weights->sha256 = digest_bytes(weights->read, count);
            return weights;
        }
        et_fail_within(error, "%s", path);
    }
    weights_free(weights);
    return NULL;
}

void weights_hold(struct weights *weights) {
    atomic_fetch_add(&weights->more_holders, 1);
}

void weights_free(struct weights *weights) {
    if (!weights || atomic_fetch_sub(&weights->more_holders, 1) > 0)
        return;
    unmap_file(&weights->file);
    elements_release(weights->elements);
    et_release(weights->read);
    et_release(weights->block);
    arena_free(&weights->arena);
    et_release(weights);
}

struct elements *elements_new(void) {
    struct elements *elements = et_allocate(1, sizeof *elements);
    if (elements)
        atomic_init(&elements->holders, 1);
    return elements;
}

void elements_hold(struct elements *elements) {
    atomic_fetch_add(&elements->holders, 1);
}

void elements_release(struct elements *elements) {
    if (!elements || atomic_fetch_sub(&elements->holders, 1) != 1)
        return;
    for (struct elements_file *each = elements->files; each; each = each->next)
        unmap_file(&each->file);
    arena_free(&elements->arena);
    et_release(elements);
}

struct mapped_file *elements_map(struct elements *elements, const char *path, size_t limit,
                                 struct et_error *error) {
    for (struct elements_file *each = elements->files; each; each = each->next)
        if (strcmp(each->path, path) == 0)
            return &each->file;
    struct elements_file *each = arena_new(&elements->arena, struct elements_file);
    char *own = each ? arena_copy_text(&elements->arena, path) : NULL;
    if (!own) {
        et_fail(error, "%s: out of memory", path);
        return NULL;
    }
    each->path = own;
    if (!map_file(path, limit, &each->file, error))
        return NULL;
    each->next = elements->files;
    elements->files = each;
    return &each->file;
}

/* Of a small file nothing is worth being read again. */
static void rest(const struct mapped_file *file) {
    if (file->count > WINDOW)
        forget_pages(file, file->bytes, file->count);
}

void elements_rest(const struct elements *elements) {
    for (struct elements_file *each = elements->files; each; each = each->next)
        rest(&each->file);
}

void weights_rest(const struct weights *weights) {
    if (!weights)
        return;
    rest(&weights->file);
    if (weights->elements)
        elements_rest(weights->elements);
}

const struct weight *weights_find(const struct weights *weights, const char *name) {
    const struct weight key = {.name = name};
    if (!weights->count)
        return NULL;
    return bsearch(&key, weights->tensors, (size_t)weights->count, sizeof key, by_name);
}

/* Writing */

static int by_width_then_name(const void *left, const void *right) {
    const struct weight *a = left, *b = right;
    size_t a_width = dtype_facts[a->dtype].bytes, b_width = dtype_facts[b->dtype].bytes;
    return a_width != b_width ? (a_width > b_width ? -1 : 1) : strcmp(a->name, b->name);
}

/* Sets the bytes of a tensor to write; names are unique once sorted ones differ. */
static bool check_tensor(struct weight *weight, struct et_error *error) {
    if (!json_check_name("the name of a tensor", weight->name, error))
        return false;
    if (strcmp(weight->name, METADATA) == 0)
        return et_fail(error, "a tensor cannot be named " METADATA);
    int64_t bytes = (int64_t)dtype_facts[weight->dtype].bytes;
    for (int i = 0; i < weight->rank; i++)
        if (weight->shape[i] < 0 || !checked_multiply(bytes, weight->shape[i], &bytes) ||
            bytes > (int64_t)MOST_FILE_BYTES)
            return et_fail(error, "tensor \"%s\": %s is too large", weight->name,
                           weight_shape_text(weight).text);
    weight->bytes = (size_t)bytes;
    return true;
}

static bool add_metadata(struct text *header, const char *const *metadata, struct et_error *error) {
    text_add(header, "\"" METADATA "\":{");
    for (int i = 0; metadata[i]; i += 2) {
        text_add(header, "%s", i ? "," : "");
        bool good = json_write_string(header, metadata[i]);
        text_add(header, ":");
        if (!good || !json_write_string(header, metadata[i + 1]))
            return et_fail(error, METADATA ": item %d is not valid UTF-8", i / 2);
    }
    text_add(header, "}");
    return true;
}

static bool add_entry(struct text *header, const struct weight *weight, size_t begin,
                      struct et_error *error) {
    if (!json_write_string(header, weight->name))
        return et_fail(error, "the name of a tensor is not valid UTF-8");
    text_add(header, ":{\"dtype\":\"%s\",\"shape\":[", dtype_facts[weight->dtype].safetensors);
    for (int i = 0; i < weight->rank; i++)
        text_add(header, "%s%" PRId64, i ? "," : "", weight->shape[i]);
    text_add(header, "],\"data_offsets\":[%zu,%zu]}", begin, begin + weight->bytes);
    return true;
}

/* Requires sorted tensors with their bytes set. */
static bool add_header(struct text *header, const struct weight *tensors, int count,
                       const char *const *metadata, struct et_error *error) {
    text_add(header, "{");
    if (metadata && !add_metadata(header, metadata, error))
        return false;
    size_t begin = 0;
    for (int i = 0; i < count; i++) {
        text_add(header, "%s", i || metadata ? "," : "");
        if (!add_entry(header, &tensors[i], begin, error))
            return false;
        begin += tensors[i].bytes;
    }
    text_add(header, "}");
    text_add(header, "%*s", (int)((8 - header->length % 8) % 8), "");
    return text_check(header, error);
}

static bool join(const struct text *header, const struct weight *tensors, int count,
                 const struct weights *owner, void **joined, size_t *total,
                 struct et_error *error) {
    const char *head = text_read(header, error);
    if (!head)
        return false;
    *total = LENGTH_BYTES + header->length;
    for (int i = 0; i < count; i++)
        *total += tensors[i].bytes;
    uint8_t *bytes = et_allocate(*total, 1), *at = bytes;
    if (!bytes)
        return et_fail(error, "out of memory for %zu bytes", *total);
    uint64_t length = header->length;
    memcpy(at, &length, sizeof length);
    memcpy(at += sizeof length, head, header->length);
    at += header->length;
    const uint8_t *rested = at;
    for (int i = 0; i < count; i++) {
        if (tensors[i].bytes)
            memcpy(at, tensors[i].data, tensors[i].bytes);
        at += tensors[i].bytes;
        if ((size_t)(at - rested) < WINDOW)
            continue;
        weights_rest(owner);
        rested = at;
    }
    *joined = bytes;
    return true;
}

static bool check_tensors(struct weight *sorted, int count, struct et_error *error) {
    for (int i = 0; i < count; i++)
        if (!check_tensor(&sorted[i], error))
            return false;
    qsort(sorted, (size_t)count, sizeof *sorted, by_name);
    for (int i = 1; i < count; i++)
        if (strcmp(sorted[i].name, sorted[i - 1].name) == 0)
            return et_fail(error, "two tensors are named \"%s\"", sorted[i].name);
    qsort(sorted, (size_t)count, sizeof *sorted, by_width_then_name);
    return true;
}

bool weights_encode(const struct weight *tensors, int count, const struct weights *owner,
                    const char *const *metadata, void **bytes, size_t *byte_count,
                    struct et_error *error) {
    struct weight *sorted = et_allocate((size_t)count, sizeof *sorted);
    if (!sorted)
        return et_fail(error, "out of memory");
    int usable = 0;
    for (int i = 0; i < count; i++)
        if (!tensors[i].unusable)
            sorted[usable++] = tensors[i];
    struct text header = {0};
    bool good = check_tensors(sorted, usable, error) &&
                add_header(&header, sorted, usable, metadata, error) &&
                join(&header, sorted, usable, owner, bytes, byte_count, error);
    text_free(&header);
    et_release(sorted);
    return good;
}

bool weights_save(const char *path, const struct weight *tensors, int count,
                  const char *const *metadata, struct et_error *error) {
    void *bytes = NULL;
    size_t byte_count;
    bool good = weights_encode(tensors, count, NULL, metadata, &bytes, &byte_count, error)
                    ? write_file(path, bytes, byte_count, error)
                    : et_fail_within(error, "%s", path);
    et_release(bytes);
    return good;
}
