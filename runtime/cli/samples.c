#include "runtime/cli/samples.h"
#include "compiler/base/most_bytes.h"

#include "runtime/cli/cli.h"
#include "runtime/formats/idx.h"
#include "runtime/formats/npy.h"

#include <inttypes.h>
#include <string.h>

#define MOST_SAMPLE_BYTES MOST_BYTES(32)

/* One of the two is read. */
struct sample_file {
    const char *path;
    struct idx idx;
    struct npy npy;
};

static bool read_array(struct sample_file *file, struct et_error *error) {
    bool numpy;
    if (!tensor_file_is_npy(file->path, &numpy, error))
        return false;
    return numpy ? npy_read(file->path, MOST_SAMPLE_BYTES, &file->npy, error)
                 : idx_read(file->path, MOST_SAMPLE_BYTES, &file->idx, error);
}

static void free_array(struct sample_file *file) {
    idx_free(&file->idx);
    npy_free(&file->npy);
}

/* Extents of the array, of which the first is that of the samples. */
static const int64_t *shape_of(const struct sample_file *file, int *rank) {
    *rank = file->npy.bytes ? file->npy.rank : file->idx.rank;
    return file->npy.bytes ? file->npy.shape : file->idx.shape;
}

static int64_t entries_of(const struct sample_file *file) {
    int rank;
    const int64_t *shape = shape_of(file, &rank);
    return rank > 0 ? shape[0] : 0;
}

/* That each entry is an input; of IDX files tensor_from_idx sees to that. */
static bool check_npy(const struct sample_file *file, const struct et_tensor *facts,
                      struct et_error *error) {
    const struct npy *npy = &file->npy;
    const struct et_tensor found = {
        .dtype = tensor_npy_dtype(npy->descr), .rank = npy->rank, .shape = npy->shape};
    size_t entries = (size_t)entries_of(file);
    if (strcmp(found.dtype, facts->dtype) != 0 || entries == 0 || npy->byte_count % entries != 0 ||
        npy->byte_count / entries != facts->bytes)
        return et_fail(error, "%s: input %s: expected %s along a first axis of samples, found %s",
                       file->path, facts->name, facts_text(facts).text, facts_text(&found).text);
    return tensor_check_bools(facts, file->path, npy->bytes, npy->byte_count, error);
}

static bool open_file(struct sample_file *file, const struct et_tensor *facts,
                      struct et_error *error) {
    return read_array(file, error) && (!file->npy.bytes || check_npy(file, facts, error));
}

static bool open_files(struct sample_files *files, struct et_error *error) {
    for (int i = 0; i < files->inputs.count; i++) {
        if (!open_file(&files->files[i], &files->inputs.facts[i], error))
            return false;
        int64_t entries = entries_of(&files->files[i]);
        if (i > 0 && entries != files->entries)
            return et_fail(error, "%s: %" PRId64 " samples, but there are %" PRId64 " in %s",
                           files->files[i].path, entries, files->entries, files->files[0].path);
        files->entries = entries;
    }
    return files->entries > 0 ||
           et_fail(error, "expected at least one sample of the inputs, found none");
}

static bool fill(void *context, int64_t index, void *const *inputs, struct et_error *error) {
    const struct sample_files *files = context;
    int64_t entry = spread_evenly(index, files->samples.count, files->entries);
    for (int i = 0; i < files->inputs.count; i++) {
        const struct sample_file *file = &files->files[i];
        const struct et_tensor *facts = &files->inputs.facts[i];
        if (file->npy.bytes)
            memcpy(inputs[i], (const char *)file->npy.bytes + (size_t)entry * facts->bytes,
                   facts->bytes);
        else if (!tensor_from_idx(&file->idx, facts, NULL, file->path, entry, inputs[i], error))
            return false;
    }
    return true;
}

bool samples_open(const struct et_program *program, char *const *arguments, int count, int64_t most,
                  struct sample_files *files, struct et_error *error) {
    *files = (struct sample_files){0};
    if (!model_inputs(program, 1, &files->inputs, error))
        return false;
    size_t inputs = (size_t)files->inputs.count;
    files->files = et_allocate(inputs + 1, sizeof *files->files);
    const char **paths = et_allocate(inputs + 1, sizeof *paths);
    bool good = (files->files && paths) || et_fail(error, "out of memory");
    good = good && tensors_files(&files->inputs, arguments, count, paths, error);
    for (size_t i = 0; good && i < inputs; i++)
        files->files[i].path = paths[i];
    et_release(paths);
    good = good && open_files(files, error);
    files->samples = (struct program_samples){
        .count = files->entries < most ? files->entries : most, .context = files, .fill = fill};
    return good;
}

/* ---- Labels ---- */

static bool take_label(const char *descr, const void *elements, int64_t index, int64_t *label) {
    if (strcmp(descr, "|u1") == 0)
        *label = ((const uint8_t *)elements)[index];
    else if (strcmp(descr, "<i4") == 0)
        *label = ((const int32_t *)elements)[index];
    else if (strcmp(descr, "<i8") == 0)
        *label = ((const int64_t *)elements)[index];
    else
        return false;
    return true;
}

static bool take_labels(struct sample_files *files, const struct sample_file *file,
                        struct et_error *error) {
    bool numpy = file->npy.bytes != NULL;
    const char *descr = numpy ? file->npy.descr : file->idx.type == IDX_UINT8 ? "|u1" : "";
    const void *elements = numpy ? file->npy.bytes : file->idx.bytes;
    int rank;
    int64_t count = shape_of(file, &rank)[0];
    if (rank != 1 || count != files->entries)
        return et_fail(error, "%s: expected %" PRId64 " labels along one axis, one for each sample",
                       file->path, files->entries);
    files->labels = et_allocate((size_t)files->samples.count, sizeof *files->labels);
    if (!files->labels)
        return et_fail(error, "out of memory");
    for (int64_t i = 0; i < files->samples.count; i++)
        if (!take_label(descr, elements, spread_evenly(i, files->samples.count, count),
                        &files->labels[i]))
            return et_fail(error, "%s: expected labels of uint8, int32 or int64", file->path);
    files->samples.labels = files->labels;
    return true;
}

bool samples_open_labels(struct sample_files *files, const char *path, struct et_error *error) {
    struct sample_file file = {.path = path};
    bool good = read_array(&file, error) && take_labels(files, &file, error);
    free_array(&file);
    return good;
}

void samples_close(struct sample_files *files) {
    for (int i = 0; files->files && i < files->inputs.count; i++)
        free_array(&files->files[i]);
    et_release(files->files);
    et_release(files->labels);
    tensors_free(&files->inputs);
}
