/* NumPy's .npy files: a magic number, a header that is a Python dict literal, the elements. */
#include "runtime/formats/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define MAX_HEADER_BYTES 10000 /* NumPy's own limit */
#define MAX_DESCR_BYTES 40

/* What remains of the header while it is parsed. */
struct header {
    const char *name;
    struct et_error *error;
    const char *start, *next, *end;
};

/* What the header says, before it is checked against the file. */
struct description {
    char descr[MAX_DESCR_BYTES + 1];
    bool fortran_order;
    int rank;
    int64_t shape[NPY_MAX_RANK];
};

/* "" where NumPy has no such type. */
static const char *const known_descrs[] = {
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, ...) npy,
#include "compiler/graph/dtypes.def"
#undef DTYPE
};
enum { KNOWN = sizeof known_descrs / sizeof *known_descrs };

static size_t element_bytes(const char *descr) {
    return (size_t)(descr[2] - '0');
}

static bool expected(const struct header *header, const char *what) {
    size_t place = (size_t)(header->next - header->start);
    if (header->next == header->end)
        return et_fail(header->error, "%s: npy header, byte %zu: expected %s, found its end",
                       header->name, place, what);
    unsigned char found = (unsigned char)*header->next;
    return et_fail(header->error,
                   found > ' ' && found < 0x7f
                       ? "%s: npy header, byte %zu: expected %s, found '%c'"
                       : "%s: npy header, byte %zu: expected %s, found byte 0x%02x",
                   header->name, place, what, found);
}

static void skip_spaces(struct header *header) {
    while (header->next < header->end && *header->next == ' ')
        header->next++;
}

/* Skips spaces, then takes this character if it is there. */
static bool take(struct header *header, char character) {
    skip_spaces(header);
    if (header->next == header->end || *header->next != character)
        return false;
    header->next++;
    return true;
}

static bool take_word(struct header *header, const char *word) {
    size_t length = strlen(word);
    skip_spaces(header);
    if ((size_t)(header->end - header->next) < length || memcmp(header->next, word, length) != 0)
        return false;
    header->next += length;
    return true;
}

/* A string literal of printable ASCII without escapes, of at most MAX_DESCR_BYTES. */
static bool parse_string(struct header *header, const char *what, char *string) {
    skip_spaces(header);
    char quote = header->next < header->end ? *header->next : 0;
    if (quote != '\'' && quote != '"')
        return expected(header, what);
    header->next++;
    for (size_t length = 0; length <= MAX_DESCR_BYTES; length++, header->next++) {
        unsigned char found = header->next < header->end ? (unsigned char)*header->next : 0;
        if (found == (unsigned char)quote) {
            header->next++;
            string[length] = 0;
            return true;
        }
        if (found < ' ' || found > '~' || found == '\\' || length == MAX_DESCR_BYTES)
            break;
        string[length] = (char)found;
    }
    return expected(header, "the end of a short string");
}

static bool parse_size(struct header *header, int64_t *size) {
    skip_spaces(header);
    const char *first = header->next;
    *size = 0;
    while (header->next < header->end && *header->next >= '0' && *header->next <= '9') {
        if (!checked_multiply(*size, 10, size) || !checked_add(*size, *header->next - '0', size))
            return et_fail(header->error, "%s: npy header, byte %zu: the size does not fit 64 bits",
                           header->name, (size_t)(first - header->start));
        header->next++;
    }
    if (header->next == first)
        return expected(header, "a size");
    if (header->next < header->end && *header->next == 'L') /* a long of Python 2 */
        header->next++;
    return true;
}

/* A tuple of sizes: () (3,) (3, 4) */
static bool parse_shape(struct header *header, struct description *description) {
    if (!take(header, '('))
        return expected(header, "the tuple of 'shape'");
    bool comma = true;
    while (!take(header, ')')) {
        if (!comma)
            return expected(header, "',' or ')'");
        if (description->rank == NPY_MAX_RANK)
            return et_fail(header->error, "%s: npy shape of more than %d axes", header->name,
                           NPY_MAX_RANK);
        if (!parse_size(header, &description->shape[description->rank++]))
            return false;
        comma = take(header, ',');
    }
    if (description->rank == 1 && !comma)
        return et_fail(header->error, "%s: npy header, byte %zu: expected ',' before ')'",
                       header->name, (size_t)(header->next - 1 - header->start));
    return true;
}

static bool parse_value(struct header *header, const char *key, struct description *description) {
    if (strcmp(key, "shape") == 0)
        return parse_shape(header, description);
    if (strcmp(key, "fortran_order") == 0) {
        description->fortran_order = take_word(header, "True");
        return description->fortran_order || take_word(header, "False") ||
               expected(header, "True or False");
    }
    if (take_word(header, "["))
        return et_fail(header->error, "%s: npy arrays of structures are not supported",
                       header->name);
    return parse_string(header, "the string of 'descr'", description->descr);
}

/* The dict literal: the three keys in any order, each once, then spaces and a line feed. */
static bool parse_header(struct header *header, struct description *description) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    bool seen[3] = {false}, comma = true;
    char key[MAX_DESCR_BYTES + 1];
    if (!take(header, '{'))
        return expected(header, "'{'");
    while (!take(header, '}')) {
        if (!comma)
            return expected(header, "',' or '}'");
        if (!parse_string(header, "a key", key))
            return false;
        int which = 0;
        while (which < 3 && strcmp(key, keys[which]) != 0)
            which++;
        if (which == 3 || seen[which])
            return et_fail(header->error, "%s: npy header: %s key '%s'", header->name,
                           which == 3 ? "unknown" : "repeated", key);
        seen[which] = true;
        if (!take(header, ':'))
            return expected(header, "':'");
        if (!parse_value(header, key, description))
            return false;
        comma = take(header, ',');
    }
    for (int which = 0; which < 3; which++)
        if (!seen[which])
            return et_fail(header->error, "%s: npy header: key '%s' is missing", header->name,
                           keys[which]);
    if (!take(header, '\n'))
        return expected(header, "spaces and a line feed");
    return header->next == header->end || expected(header, "nothing after the line feed");
}

/* requires: bytes of a whole file
 * provides: the header's text, and in *elements where the elements start */
static bool find_header(struct header *header, const unsigned char *bytes, size_t count,
                        size_t *elements) {
    if (count < MAGIC_BYTES + 2 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return et_fail(header->error, "%s: expected an npy file, its magic number is missing",
                       header->name);
    int major = bytes[MAGIC_BYTES], minor = bytes[MAGIC_BYTES + 1];
    if (major < 1 || major > 3 || minor)
        return et_fail(header->error, "%s: npy version %d.%d, expected 1.0, 2.0 or 3.0",
                       header->name, major, minor);
    size_t length_bytes = major == 1 ? 2 : 4, start = MAGIC_BYTES + 2 + length_bytes, length = 0;
    if (count < start)
        return et_fail(header->error, "%s: the npy file ends within its header", header->name);
    for (size_t place = 0; place < length_bytes; place++)
        length |= (size_t)bytes[MAGIC_BYTES + 2 + place] << (8 * place);
    if (length > MAX_HEADER_BYTES)
        return et_fail(header->error, "%s: npy header of %zu bytes, expected at most %d",
                       header->name, length, MAX_HEADER_BYTES);
    if (count - start < length)
        return et_fail(header->error, "%s: the npy file ends within its header", header->name);
    header->start = header->next = (const char *)bytes + start;
    header->end = header->start + length;
    *elements = start + length;
    return true;
}

/* provides: npy->descr; true in *big_endian when the file's elements are to be turned round */
static bool check_descr(const struct header *header, const char *descr, struct npy *npy,
                        bool *big_endian) {
    for (size_t which = 0; which < KNOWN; which++) {
        const char *known = known_descrs[which];
        bool byte_order_fits = descr[0] == known[0] || (descr[0] == '>' && known[0] == '<');
        if (!known[0] || !byte_order_fits || strcmp(descr + 1, known + 1) != 0)
            continue;
        *big_endian = descr[0] == '>';
        memcpy(npy->descr, known, sizeof npy->descr);
        return true;
    }
    char known[8 * KNOWN] = "";
    for (size_t which = 0, used = 0; which < KNOWN; which++)
        if (known_descrs[which][0])
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                     known_descrs[which] + 1);
    return et_fail(header->error, "%s: npy element type '%s' is not supported, expected one of %s",
                   header->name, descr, known);
}

/* Bytes of all elements; false when they do not fit. */
static bool count_bytes(const struct npy *npy, size_t *bytes) {
    int64_t product = (int64_t)element_bytes(npy->descr);
    for (int axis = 0; axis < npy->rank; axis++)
        if (npy->shape[axis] < 0 || !checked_multiply(product, npy->shape[axis], &product))
            return false;
    *bytes = (size_t)product;
    return true;
}

static void copy_element(char *to, const char *from, size_t size, bool turned) {
    for (size_t byte = 0; byte < size; byte++)
        to[byte] = from[turned ? size - 1 - byte : byte];
}

/* Row-major elements from column-major ones: an odometer over the row-major places. */
static void copy_transposed(const struct npy *npy, const char *from, bool turned) {
    size_t size = element_bytes(npy->descr), source = 0;
    size_t stride[NPY_MAX_RANK], index[NPY_MAX_RANK] = {0}, step = size;
    for (int axis = 0; axis < npy->rank; axis++) {
        stride[axis] = step;
        step *= (size_t)npy->shape[axis];
    }
    for (size_t place = 0; place < npy->byte_count; place += size) {
        copy_element((char *)npy->bytes + place, from + source, size, turned);
        for (int axis = npy->rank - 1; axis >= 0; axis--) {
            source += stride[axis];
            if (++index[axis] < (size_t)npy->shape[axis])
                break;
            source -= stride[axis] * index[axis];
            index[axis] = 0;
        }
    }
}

static void copy_elements(const struct npy *npy, const char *from, bool turned, bool transposed) {
    size_t size = element_bytes(npy->descr);
    if (transposed && npy->rank > 1)
        copy_transposed(npy, from, turned);
    else if (turned)
        for (size_t place = 0; place < npy->byte_count; place += size)
            copy_element((char *)npy->bytes + place, from + place, size, true);
    else
        memcpy(npy->bytes, from, npy->byte_count);
}

static bool check_truths(const struct npy *npy, const char *name, struct et_error *error) {
    const unsigned char *bytes = npy->bytes;
    for (size_t place = 0; npy->descr[1] == 'b' && place < npy->byte_count; place++)
        if (bytes[place] > 1)
            return et_fail(error, "%s: npy element %zu: expected a bool, 0 or 1, found %d", name,
                           place, bytes[place]);
    return true;
}

bool npy_decode(const void *bytes, size_t count, const char *name, struct npy *npy,
                struct et_error *error) {
    struct header header = {.name = name, .error = error};
    struct description description = {0};
    size_t start = 0;
    bool turned = false;
    *npy = (struct npy){0};
    if (!find_header(&header, bytes, count, &start) || !parse_header(&header, &description) ||
        !check_descr(&header, description.descr, npy, &turned))
        return false;
    npy->rank = description.rank;
    memcpy(npy->shape, description.shape, sizeof npy->shape);
    if (!count_bytes(npy, &npy->byte_count))
        return et_fail(error, "%s: the npy shape is too large, its bytes overflow", name);
    if (count - start != npy->byte_count)
        return et_fail(error, "%s: expected %zu bytes of npy elements, found %zu", name,
                       npy->byte_count, count - start);
    npy->bytes = et_allocate_aligned(npy->byte_count);
    if (!npy->bytes)
        return et_fail(error, "%s: out of memory for %zu bytes", name, npy->byte_count);
    copy_elements(npy, (const char *)bytes + start, turned, description.fortran_order);
    if (check_truths(npy, name, error))
        return true;
    npy_free(npy);
    return false;
}

bool npy_read(const char *path, size_t limit, struct npy *npy, struct et_error *error) {
    char *bytes;
    size_t count;
    *npy = (struct npy){0};
    if (!read_file(path, limit, &bytes, &count, error))
        return false;
    bool good = npy_decode(bytes, count, path, npy, error);
    et_release(bytes);
    return good;
}

void npy_free(struct npy *npy) {
    et_release(npy->bytes);
    *npy = (struct npy){0};
}

static bool can_write(const struct npy *npy) {
    bool known = false;
    size_t bytes;
    for (size_t which = 0; npy->descr[0] && which < KNOWN; which++)
        known = known || strncmp(npy->descr, known_descrs[which], sizeof npy->descr) == 0;
    return known && npy->rank >= 0 && npy->rank <= NPY_MAX_RANK && count_bytes(npy, &bytes) &&
           bytes == npy->byte_count;
}

/* Spaces that NumPy leaves so that the first size can grow to 21 digits in place. */
static int growth_spaces(const struct npy *npy) {
    return npy->rank ? 21 - snprintf(NULL, 0, "%" PRId64, npy->shape[0]) : 0;
}

static bool encode(const char *name, const struct npy *npy, struct text *file,
                   struct et_error *error) {
    struct text header = {0};
    if (!can_write(npy))
        return et_fail(error, "%s: not an npy array: descr, shape and byte count disagree", name);
    text_add(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", npy->descr);
    for (int axis = 0; axis < npy->rank; axis++)
        text_add(&header, "%s%" PRId64, axis ? ", " : "", npy->shape[axis]);
    text_add(&header, npy->rank == 1 ? ",), }" : "), }");
    text_add(&header, "%*s", growth_spaces(npy), "");
    size_t length = MAGIC_BYTES + 4 + header.length + 1; /* with the line feed */
    text_add(&header, "%*s\n", (int)(64 - length % 64), "");
    text_add_bytes(file, MAGIC "\1", MAGIC_BYTES + 2);
    char size[2] = {(char)(header.length & 0xff), (char)(header.length >> 8)};
    text_add_bytes(file, size, 2);
    const char *head = text_read(&header, NULL);
    if (head)
        text_add_bytes(file, head, header.length);
    text_add_bytes(file, npy->bytes, npy->byte_count);
    bool good = head && text_check(file, NULL);
    text_free(&header);
    return good || et_fail(error, "%s: out of memory for %zu bytes", name, npy->byte_count);
}

bool npy_encode(const struct npy *npy, struct text *file, struct et_error *error) {
    return encode("array", npy, file, error);
}

bool npy_write(const char *path, const struct npy *npy, struct et_error *error) {
    struct text file = {0};
    bool good = encode(path, npy, &file, error) &&
                write_file(path, text_read(&file, NULL), file.length, error);
    text_free(&file);
    return good;
}
