#include "runtime/cli/samples.h"

#include "compiler/graph/graph.h"
#include "runtime/cli/cli.h"
#include "runtime/formats/idx.h"
#include "runtime/formats/npy.h"

#include <inttypes.h>
#include <string.h>

#define MOST_SAMPLE_BYTES ((size_t)1 << 32)

/* One of the two is read. */
struct sample_file {
    const char *path;
    struct idx idx;
    struct npy npy;
};

static const char *npy_name(const char *descr) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(dtype_facts[i].npy, descr) == 0)
            return dtype_facts[i].name;
    return descr;
}

/* Of one sample; 0: there is none, or a part of one. */
static size_t entry_bytes(const struct npy *npy) {
    size_t entries = npy->rank > 0 ? (size_t)npy->shape[0] : 0;
    return entries && npy->byte_count % entries == 0 ? npy->byte_count / entries : 0;
}

static bool check_npy(const struct sample_file *file, const struct et_tensor *facts,
                      struct et_error *error) {
    const struct npy *npy = &file->npy;
    if (strcmp(npy_name(npy->descr), facts->dtype) == 0 && entry_bytes(npy) == facts->bytes)
        return true;
    return et_fail(error,
                   "%s: input %s: expected %s along a first axis of samples, found an array of %s "
                   "with %zu bytes for each entry of its first axis",
                   file->path, facts->name, facts_text(facts).text, npy_name(npy->descr),
                   entry_bytes(npy));
}

/* A bool is an index in compiled code: no other byte may come in. */
static bool check_bools(const struct sample_file *file, const struct et_tensor *facts,
                        struct et_error *error) {
    const unsigned char *bytes = file->npy.bytes;
    for (size_t i = 0; strcmp(facts->dtype, "bool") == 0 && i < file->npy.byte_count; i++)
        if (bytes[i] > 1)
            return et_fail(error, "%s: input %s: element %zu: expected 0 or 1, found %d",
                           file->path, facts->name, i, bytes[i]);
    return true;
}

static bool is_npy(const char *path, bool *is, struct et_error *error) {
    char first[6] = {0};
    size_t got;
    if (!read_beginning(path, first, sizeof first, &got, error))
        return false;
    *is = memcmp(first, "\x93NUMPY", 6) == 0;
    return true;
}

static bool open_file(struct sample_file *file, const struct et_tensor *facts, int64_t *entries,
                      struct et_error *error) {
    bool numpy;
    if (!is_npy(file->path, &numpy, error))
        return false;
    if (!numpy) {
        if (!idx_read(file->path, MOST_SAMPLE_BYTES, &file->idx, error))
            return false;
        *entries = file->idx.shape[0];
        return true;
    }
    if (!npy_read(file->path, MOST_SAMPLE_BYTES, &file->npy, error))
        return false;
    *entries = file->npy.rank > 0 ? file->npy.shape[0] : 0;
    return check_npy(file, facts, error) && check_bools(file, facts, error);
}

static bool open_files(struct sample_files *files, struct et_error *error) {
    for (int i = 0; i < files->inputs.count; i++) {
        int64_t entries;
        if (!open_file(&files->files[i], &files->inputs.facts[i], &entries, error))
            return false;
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
        else if (!tensor_from_idx(&file->idx, facts, file->path, entry, inputs[i], error))
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
    const struct idx *idx = &file->idx;
    const struct npy *npy = &file->npy;
    bool numpy = npy->bytes != NULL;
    const char *descr = numpy ? npy->descr : idx->type == IDX_UINT8 ? "|u1" : "";
    int rank = numpy ? npy->rank : idx->rank;
    int64_t count = rank == 1 ? (numpy ? npy->shape : idx->shape)[0] : -1;
    const void *elements = numpy ? npy->bytes : idx->bytes;
    if (count != files->entries)
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
    bool numpy, good = is_npy(path, &numpy, error);
    if (good && numpy)
        good = npy_read(path, MOST_SAMPLE_BYTES, &file.npy, error);
    else if (good)
        good = idx_read(path, MOST_SAMPLE_BYTES, &file.idx, error);
    good = good && take_labels(files, &file, error);
    idx_free(&file.idx);
    npy_free(&file.npy);
    return good;
}

void samples_close(struct sample_files *files) {
    for (int i = 0; files->files && i < files->inputs.count; i++) {
        idx_free(&files->files[i].idx);
        npy_free(&files->files[i].npy);
    }
    et_release(files->files);
    et_release(files->labels);
    tensors_free(&files->inputs);
}
