#include "runtime/cli/tensors.h"

#include "compiler/base/rows.h"
#include "runtime/cli/terminal.h"
#include "runtime/formats/idx.h"
#include "runtime/formats/npy.h"

#include <inttypes.h>
#include <string.h>

#define MOST_FILE_BYTES ((size_t)1 << (sizeof(size_t) > 4 ? 36 : 31))

/* How elements lie in files and look as text. */
struct format {
    const char *name, *npy; /* npy is "" where NumPy has no such dtype */
    size_t bytes;
};
static const struct format formats[] = {
#define DTYPE(id, name, c_type, arithmetic, ones, safetensors, npy, ...)                           \
    {#name, npy, sizeof(c_type)},
#include "compiler/graph/dtypes.def"
#undef DTYPE
};

static const struct format *format_of(const char *dtype) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, dtype) == 0)
            return &formats[i];
    unreachable();
}

size_t tensor_element_bytes(const char *dtype) {
    return format_of(dtype)->bytes;
}

int64_t tensor_elements(const struct et_tensor *facts) {
    return (int64_t)(facts->bytes / format_of(facts->dtype)->bytes);
}

/* Appends "float32[1,28,28]" or as much of it as has room. */
static struct facts_text shape_as_text(const char *dtype, int rank, const int64_t *shape) {
    struct facts_text text;
    size_t room = sizeof text.text;
    size_t used = (size_t)snprintf(text.text, room, "%s[", dtype);
    for (int i = 0; i < rank && used < room; i++)
        used += shape[i] == ET_BATCH ? (size_t)snprintf(text.text + used, room - used, "N")
                                     : (size_t)snprintf(text.text + used, room - used, "%s%" PRId64,
                                                        i ? "," : "", shape[i]);
    if (used < room)
        snprintf(text.text + used, room - used, "]");
    return text;
}

struct facts_text facts_text(const struct et_tensor *facts) {
    return shape_as_text(facts->dtype, facts->rank, facts->shape);
}

/* Requires that the facts are there. */
static bool set_batch(struct tensors *tensors, int64_t batch, struct et_error *error) {
    for (int i = 0; i < tensors->count; i++) {
        struct et_tensor *facts = &tensors->facts[i];
        if (facts->rank < 1 || facts->shape[0] != ET_BATCH)
            continue;
        if (batch < 1 || facts->bytes > MOST_FILE_BYTES / (size_t)batch)
            return et_fail(error, "%" PRId64 " images of %s %s: too many", batch, facts->name,
                           facts_text(facts).text);
        memcpy(tensors->shapes[i], facts->shape, (size_t)facts->rank * sizeof *facts->shape);
        tensors->shapes[i][0] = batch;
        facts->shape = tensors->shapes[i];
        facts->bytes *= (size_t)batch;
    }
    return true;
}

bool tensors_make(struct tensors *tensors, const char *kind, int count,
                  const struct et_tensor *facts, int64_t batch, struct et_error *error) {
    *tensors = (struct tensors){.kind = kind, .count = count};
    tensors->facts = et_allocate((size_t)count, sizeof *tensors->facts);
    tensors->elements = et_allocate((size_t)count, sizeof *tensors->elements);
    tensors->shapes = et_allocate((size_t)count, sizeof *tensors->shapes);
    tensors->counts = et_allocate((size_t)count, sizeof *tensors->counts);
    tensors->scales = et_allocate((size_t)count, sizeof *tensors->scales);
    bool good = tensors->facts && tensors->elements && tensors->shapes && tensors->counts &&
                tensors->scales;
    for (int i = 0; good && i < count; i++) {
        tensors->facts[i] = facts[i];
        tensors->counts[i].count = -1;
    }
    if (good && !set_batch(tensors, batch, error))
        return false;
    for (int i = 0; good && i < count; i++)
        good = (tensors->elements[i] = et_allocate_aligned(tensors->facts[i].bytes));
    return good || et_fail(error, "out of memory for the %ss", kind);
}

void tensors_free(struct tensors *tensors) {
    for (int i = 0; tensors->elements && i < tensors->count; i++)
        et_release(tensors->elements[i]);
    et_release(tensors->elements);
    et_release(tensors->facts);
    et_release(tensors->shapes);
    et_release(tensors->counts);
    et_release(tensors->scales);
    *tensors = (struct tensors){0};
}

/* ---- Counts ---- */

static void cut(struct tensors *outputs, int index) {
    struct et_tensor *facts = &outputs->facts[index];
    const struct tensor_count *count = &outputs->counts[index];
    int64_t *shape = outputs->shapes[index], most = facts->shape[count->axis], found;
    size_t rows = 1, bytes = format_of(facts->dtype)->bytes;
    memcpy(&found, outputs->elements[count->count], sizeof found);
    found = found < 0 ? 0 : found > most ? most : found;
    memcpy(shape, facts->shape, (size_t)facts->rank * sizeof *shape);
    for (int i = 0; i < facts->rank; i++)
        if (i != count->axis)
            *(i < count->axis ? &rows : &bytes) *= (size_t)shape[i];
    narrow_rows(outputs->elements[index], rows, bytes * (size_t)most, bytes * (size_t)found);
    shape[count->axis] = found;
    facts->shape = shape;
    facts->bytes = rows * bytes * (size_t)found;
}

void tensors_cut(struct tensors *outputs) {
    for (int i = 0; i < outputs->count; i++)
        if (outputs->counts[i].count >= 0)
            cut(outputs, i);
}

bool tensors_shows(const struct tensors *tensors, int index) {
    for (int i = 0; i < tensors->count; i++)
        if (tensors->counts[i].count == index)
            return false;
    return true;
}

/* ---- Reading ---- */

/* The same shape but for axes of extent 1. */
static bool shapes_agree(int rank, const int64_t *shape, const struct et_tensor *facts) {
    int a = 0, b = 0;
    for (;;) {
        while (a < rank && shape[a] == 1)
            a++;
        while (b < facts->rank && facts->shape[b] == 1)
            b++;
        if (a == rank || b == facts->rank)
            return a == rank && b == facts->rank;
        if (shape[a++] != facts->shape[b++])
            return false;
    }
}

const char *tensor_npy_dtype(const char *descr) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].npy, descr) == 0)
            return formats[i].name;
    return descr;
}

/* A bool is an index in compiled code: no other byte may come in. */
bool tensor_check_bools(const struct et_tensor *facts, const char *path, const void *elements,
                        size_t bytes, struct et_error *error) {
    const unsigned char *bools = elements;
    for (size_t i = 0; strcmp(facts->dtype, "bool") == 0 && i < bytes; i++)
        if (bools[i] > 1)
            return et_fail(error, "%s: input %s: element %zu: expected 0 or 1, found %d", path,
                           facts->name, i, bools[i]);
    return true;
}

static bool read_npy(const struct et_tensor *facts, const char *path, void *elements,
                     struct et_error *error) {
    struct npy npy;
    if (!npy_read(path, MOST_FILE_BYTES, &npy, error))
        return false;
    bool good = strcmp(npy.descr, format_of(facts->dtype)->npy) == 0 &&
                shapes_agree(npy.rank, npy.shape, facts) && npy.byte_count == facts->bytes;
    if (good)
        good = tensor_check_bools(facts, path, memcpy(elements, npy.bytes, facts->bytes),
                                  facts->bytes, error);
    else
        et_fail(error, "%s: input %s: expected %s, found %s", path, facts->name,
                facts_text(facts).text,
                shape_as_text(tensor_npy_dtype(npy.descr), npy.rank, npy.shape).text);
    npy_free(&npy);
    return good;
}

enum { PIXELS = DIGIT_PIXELS };

static bool is_scaled_byte(const struct et_tensor *facts, const struct integer_scale *scale) {
    return scale && scale->scale > 0 &&
           (strcmp(facts->dtype, "int8") == 0 || strcmp(facts->dtype, "uint8") == 0);
}

static bool read_png(const struct et_tensor *facts, const struct integer_scale *scale,
                     const char *path, void *elements, struct et_error *error) {
    const bool is_float = strcmp(facts->dtype, "float32") == 0;
    if (!(is_float || is_scaled_byte(facts, scale)) || tensor_elements(facts) != PIXELS)
        return et_fail(error,
                       "%s: input %s is %s; a PNG can be an input of %d float32, or int8 or uint8 "
                       "with a scale, a %dx%d digit",
                       path, facts->name, facts_text(facts).text, DIGIT_PIXELS, DIGIT_SIDE,
                       DIGIT_SIDE);
    struct image image;
    if (!image_read_png(path, &image, error))
        return false;
    unsigned char digit[DIGIT_PIXELS];
    bool good = image_prepare_digit(&image, digit, error) || et_fail_within(error, "%s", path);
    if (good && is_float)
        image_digit_to_floats(digit, elements);
    else if (good)
        image_pixels_to_integers(digit, PIXELS, scale, facts->dtype[0] == 'i', elements);
    image_free(&image);
    return good;
}

static const char *name_of_idx_type(enum idx_type type) {
    switch (type) {
    case IDX_UINT8:
        return "uint8";
    case IDX_INT8:
        return "int8";
    case IDX_INT16:
        return "int16";
    case IDX_INT32:
        return "int32";
    case IDX_FLOAT32:
        return "float32";
    case IDX_FLOAT64:
        return "float64";
    }
    return "unknown";
}

bool tensor_from_idx(const struct idx *idx, const struct et_tensor *facts,
                     const struct integer_scale *scale, const char *path, int64_t index,
                     void *elements, struct et_error *error) {
    const char *found = name_of_idx_type(idx->type);
    int64_t count = idx->shape[0];
    if (index < 0 || index >= count)
        return et_fail(error, "%s: entry %" PRId64 ": there are %" PRId64 ", counted from 0", path,
                       index, count);
    size_t bytes = idx->byte_count / (size_t)count;
    int64_t entry_elements = (int64_t)(bytes / idx->element_bytes);
    const unsigned char *entry = idx->bytes + (size_t)index * bytes;
    const bool pixels = idx->type == IDX_UINT8;
    const bool to_floats = pixels && strcmp(facts->dtype, "float32") == 0;
    const bool to_int8 = pixels && facts->dtype[0] == 'i' && is_scaled_byte(facts, scale);
    if (entry_elements != tensor_elements(facts) ||
        (!to_floats && !to_int8 && strcmp(found, facts->dtype) != 0))
        return et_fail(error, "%s: input %s: expected %s, found entries %s", path, facts->name,
                       facts_text(facts).text,
                       shape_as_text(found, idx->rank - 1, idx->shape + 1).text);
    for (int64_t i = 0; to_floats && i < entry_elements; i++)
        ((float *)elements)[i] = (float)entry[i] / 255.0f;
    if (to_int8)
        image_pixels_to_integers(entry, entry_elements, scale, true, elements);
    else if (!to_floats)
        memcpy(elements, entry, bytes);
    return true;
}

static bool read_idx(const struct et_tensor *facts, const struct integer_scale *scale,
                     const char *path, int64_t index, void *elements, struct et_error *error) {
    struct idx idx;
    if (!idx_read(path, MOST_FILE_BYTES, &idx, error))
        return false;
    bool good = tensor_from_idx(&idx, facts, scale, path, index, elements, error);
    idx_free(&idx);
    return good;
}

static bool tensor_read(const struct et_tensor *facts, const struct integer_scale *scale,
                        const char *path, int64_t index, void *elements, struct et_error *error) {
    unsigned char first[8] = {0};
    size_t got;
    if (!read_beginning(path, first, sizeof first, &got, error))
        return false;
    if (got == 0 || memcmp(first, "\x93NUMPY", 6) == 0)
        return read_npy(facts, path, elements, error);
    if (memcmp(first, "\x89PNG", 4) == 0)
        return read_png(facts, scale, path, elements, error);
    if (memcmp(first, "\x1f\x8b", 2) == 0 || (got > 3 && memcmp(first, "\0\0", 2) == 0))
        return read_idx(facts, scale, path, index, elements, error);
    return et_fail(error, "%s: expected an .npy, PNG or IDX file, found one that begins %02x %02x",
                   path, first[0], first[1]);
}

/* "x, y"; as many names as fit. */
static const char *all_names(const struct tensors *tensors, char *room, size_t bytes) {
    size_t used = 0;
    room[0] = 0;
    for (int i = 0; i < tensors->count && used < bytes; i++)
        used += (size_t)snprintf(room + used, bytes - used, "%s%s", i ? ", " : "",
                                 tensors->facts[i].name);
    return room;
}

/* The position of the tensor that "NAME=FILE" names, and its file; -1: the argument is a file. A
 * name may have any characters, "=" and "/" among them. */
static bool parse_argument(const struct tensors *tensors, const char *argument, int *position,
                           const char **file, struct et_error *error) {
    *position = -1;
    *file = argument;
    for (int i = 0; i < tensors->count; i++) {
        size_t length = strlen(tensors->facts[i].name);
        if (strncmp(argument, tensors->facts[i].name, length) == 0 && argument[length] == '=' &&
            argument + length >= *file) { /* the longest: one may go on behind another's "=" */
            *position = i;
            *file = argument + length + 1;
        }
    }
    const char *equals = strchr(argument, '=');
    if (*position >= 0 || !equals || memchr(argument, '/', (size_t)(equals - argument)))
        return true;
    char names[400];
    return et_fail(error, "%s: there is no %s \"%.*s\"; the %ss are: %s", argument, tensors->kind,
                   (int)(equals - argument), argument, tensors->kind,
                   all_names(tensors, names, sizeof names));
}

/* Named files first, then the others in order into the inputs that are left. */
static bool assign_files(const struct tensors *inputs, char *const *arguments, int count,
                         const char **files, struct et_error *error) {
    for (int named = 1; named >= 0; named--)
        for (int i = 0; i < count; i++) {
            int position;
            const char *file;
            if (!parse_argument(inputs, arguments[i], &position, &file, error))
                return false;
            if ((position >= 0) != named)
                continue;
            for (int k = 0; position < 0 && k < inputs->count; k++)
                if (!files[k])
                    position = k;
            if (position < 0 || files[position])
                return et_fail(error, "%s: input %s has a file already", arguments[i],
                               inputs->facts[position < 0 ? 0 : position].name);
            files[position] = file;
        }
    return true;
}

bool tensors_files(const struct tensors *inputs, char *const *arguments, int count,
                   const char **files, struct et_error *error) {
    char names[400];
    if (count != inputs->count)
        return et_fail(error, "expected a file for each of %d input%s (%s), found %d",
                       inputs->count, inputs->count == 1 ? "" : "s",
                       all_names(inputs, names, sizeof names), count);
    return assign_files(inputs, arguments, count, files, error);
}

bool tensors_read(struct tensors *inputs, char *const *arguments, int count, int64_t index,
                  struct et_error *error) {
    const char **files = et_allocate((size_t)inputs->count + 1, sizeof *files);
    if (!files)
        return et_fail(error, "out of memory");
    bool good = tensors_files(inputs, arguments, count, files, error);
    for (int i = 0; good && i < count; i++)
        good = tensor_read(&inputs->facts[i], &inputs->scales[i], files[i], index,
                           inputs->elements[i], error);
    et_release(files);
    return good;
}

bool tensor_file_is_npy(const char *path, bool *is, struct et_error *error) {
    unsigned char first[6] = {0};
    size_t got;
    bool good = read_beginning(path, first, sizeof first, &got, error);
    *is = good && got == sizeof first && memcmp(first, "\x93NUMPY", 6) == 0;
    return good;
}

bool tensors_shapes(int input_count, const struct et_tensor *facts, char *const *arguments,
                    int count, struct array_shape *shapes, struct et_error *error) {
    struct tensors inputs = {
        .kind = "input", .count = input_count, .facts = (struct et_tensor *)facts};
    const char **files = et_allocate((size_t)input_count + 1, sizeof *files);
    if (!files)
        return et_fail(error, "out of memory");
    bool good = count != input_count || /* for tensors_read to refuse */
                assign_files(&inputs, arguments, count, files, error);
    for (int i = 0; i < input_count; i++) {
        struct npy npy;
        bool is_array = false;
        shapes[i].rank = -1;
        good = good && (!files[i] || tensor_file_is_npy(files[i], &is_array, error));
        good = good && (!is_array || npy_read(files[i], MOST_FILE_BYTES, &npy, error));
        if (!good || !is_array)
            continue;
        if (npy.rank <= 16) {
            shapes[i].rank = npy.rank;
            memcpy(shapes[i].shape, npy.shape, (size_t)npy.rank * sizeof *npy.shape);
        }
        npy_free(&npy);
    }
    et_release(files);
    return good;
}

bool tensors_batch(int input_count, const struct et_tensor *facts, char *const *arguments,
                   int count, int64_t *batch, struct et_error *error) {
    *batch = 1;
    struct array_shape *shapes = et_allocate((size_t)input_count + 1, sizeof *shapes);
    bool good = shapes ? tensors_shapes(input_count, facts, arguments, count, shapes, error)
                       : et_fail(error, "out of memory");
    for (int i = 0; good && i < input_count; i++) {
        bool batched = facts[i].rank > 0 && facts[i].shape[0] == ET_BATCH;
        if (!batched || shapes[i].rank != facts[i].rank || shapes[i].shape[0] <= 0)
            continue;
        *batch = shapes[i].shape[0];
        break;
    }
    et_release(shapes);
    return good;
}

/* ---- Writing ---- */

const char *next_tensor_file(const char *file) {
    const char *equals = strchr(file, '=');
    return equals ? equals + 1 : NULL;
}

bool tensors_check_apart(const char *output, char *const *inputs, int count,
                         struct et_error *error) {
    for (int i = 0; i < count; i++)
        for (const char *file = output; file; file = next_tensor_file(file))
            for (const char *other = inputs[i]; other; other = next_tensor_file(other))
                if (is_same_file(file, other))
                    return et_fail(error, INPUT_AND_OUTPUT, file);
    return true;
}

static bool write_npy(const struct et_tensor *facts, const void *elements, const char *path,
                      struct et_error *error) {
    const struct format *format = format_of(facts->dtype);
    if (!format->npy[0])
        return et_fail(error, "%s: output %s is %s, which NumPy's format has not", path,
                       facts->name, facts->dtype);
    struct npy npy = {.rank = facts->rank, .bytes = (void *)elements, .byte_count = facts->bytes};
    memcpy(npy.descr, format->npy, sizeof npy.descr);
    for (int i = 0; i < facts->rank; i++)
        npy.shape[i] = facts->shape[i];
    return npy_write(path, &npy, error);
}

bool tensors_write(const struct tensors *outputs, char *const *arguments, int count, bool *written,
                   struct et_error *error) {
    int shown = 0, only = 0;
    for (int i = 0; i < outputs->count; i++)
        if (tensors_shows(outputs, i) && shown++ == 0)
            only = i;
    for (int i = 0; i < count; i++) {
        int position;
        const char *file;
        if (!parse_argument(outputs, arguments[i], &position, &file, error))
            return false;
        if (position < 0 && shown > 1)
            return et_fail(error, "%s: say which of the %d outputs, as NAME=FILE", arguments[i],
                           shown);
        position = position < 0 ? only : position;
        if (!write_npy(&outputs->facts[position], outputs->elements[position], file, error))
            return false;
        written[position] = true;
    }
    return true;
}

/* ---- Printing ---- */

/* 16-bit floats by way of float32: their bits at the top, exponent and all. */
static float float_of_bfloat16(const void *element) {
    uint16_t half;
    memcpy(&half, element, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_float16(const void *element) {
    uint16_t half;
    memcpy(&half, element, sizeof half);
    uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
    float magnitude;
    if (exponent == 0) {
        magnitude = (float)fraction * 0x1p-24f;
    } else {
        uint32_t bits = (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
        memcpy(&magnitude, &bits, sizeof magnitude);
    }
    return half >> 15 ? -magnitude : magnitude;
}

static const char *integer_text(const void *element, size_t bytes, bool is_signed) {
    static char text[40];
    uint64_t value = 0;
    memcpy(&value, element, bytes); /* little-endian, as all machines we build on */
    unsigned unused = 64 - 8 * (unsigned)bytes;
    if (is_signed)
        snprintf(text, sizeof text, "%" PRId64, (int64_t)(value << unused) >> unused);
    else
        snprintf(text, sizeof text, "%" PRIu64, value);
    return text;
}

const char *tensor_element_text(const char *dtype, const void *element) {
    static char text[40];
    double value = 0;
    if (strcmp(dtype, "float64") == 0) {
        memcpy(&value, element, sizeof value);
    } else if (strcmp(dtype, "float32") == 0) {
        float single;
        memcpy(&single, element, sizeof single);
        value = (double)single;
    } else if (strcmp(dtype, "float16") == 0) {
        value = (double)float_of_float16(element);
    } else if (strcmp(dtype, "bfloat16") == 0) {
        value = (double)float_of_bfloat16(element);
    } else {
        bool is_signed = dtype[0] == 'i';
        return integer_text(element, format_of(dtype)->bytes, is_signed);
    }
    snprintf(text, sizeof text, "%.*g", strcmp(dtype, "float64") == 0 ? 17 : 9, value);
    return text;
}

/* Few enough float32 along one axis to be the scores of classes. */
static bool is_class_like(const struct et_tensor *facts) {
    int64_t count = tensor_elements(facts);
    bool vector = false;
    for (int i = 0; i < facts->rank; i++)
        vector |= facts->shape[i] == count;
    return strcmp(facts->dtype, "float32") == 0 && vector && count >= 2 && count <= 32;
}

static void print_scores(FILE *file, const float *scores, int count) {
    struct style style = terminal_style(file);
    int best = greatest_of(scores, count);
    double probabilities[32];
    probabilities_of(scores, count, probabilities);
    fprintf(file, "%s      %15s  softmax%s\n", style.faint, "value", style.normal);
    for (int i = 0; i < count; i++) {
        fprintf(file, "%s%4d  %15.9g  ", i == best ? style.strong : "", i, (double)scores[i]);
        print_bar(file, probabilities[i], 40);
        fprintf(file, "%7.2f %%%s\n", 100 * probabilities[i], i == best ? style.normal : "");
    }
}

static void print_elements(FILE *file, const struct et_tensor *facts, const void *elements) {
    enum { MOST = 64, ACROSS = 4 };
    int64_t count = tensor_elements(facts), shown = count < MOST ? count : MOST;
    size_t bytes = format_of(facts->dtype)->bytes;
    for (int64_t i = 0; i < shown; i++) {
        const char *text =
            tensor_element_text(facts->dtype, (const char *)elements + (size_t)i * bytes);
        if (i % ACROSS == 0)
            fprintf(file, "%6" PRId64, i);
        fprintf(file, " %17s%s", text, i % ACROSS == ACROSS - 1 || i + 1 == shown ? "\n" : "");
    }
    if (shown < count)
        fprintf(file, "       ... %" PRId64 " more; --output writes them all\n", count - shown);
}

void tensor_print(FILE *file, const struct et_tensor *facts, const void *elements) {
    struct style style = terminal_style(file);
    fprintf(file, "%s%s%s %s\n", style.strong, facts->name, style.normal, facts_text(facts).text);
    if (is_class_like(facts))
        print_scores(file, elements, (int)tensor_elements(facts));
    else
        print_elements(file, facts, elements);
}
