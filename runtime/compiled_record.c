#include "runtime/compiled_record.h"

#include "compiler/base/allocate.h"

#include <string.h>

/* Goes over fields in one order, to write or to read them. */
struct record {
    struct text *text;    /* that they are written to; NULL: they are read */
    const char *at, *end; /* what is left to read */
    struct arena *arena;  /* of what is read */
    bool failed;
};

static void bytes_of(struct record *record, void *value, size_t count) {
    if (record->text) {
        text_add_bytes(record->text, value, count);
        return;
    }
    if (record->failed || (size_t)(record->end - record->at) < count) {
        record->failed = true;
        memset(value, 0, count);
        return;
    }
    memcpy(value, record->at, count);
    record->at += count;
}

/* Every field is written as it lies in memory. */
#define FIELD(record, field) bytes_of((record), &(field), sizeof(field))

static void text_of(struct record *record, const char **text) {
    uint64_t count = record->text && *text ? strlen(*text) + 1 : 0; /* 0: NULL */
    FIELD(record, count);
    if (record->text) {
        text_add_bytes(record->text, *text ? *text : "", count);
        return;
    }
    *text = NULL;
    if (record->failed || count == 0)
        return;
    if ((size_t)(record->end - record->at) < count || record->at[count - 1] != 0 ||
        !(*text = arena_copy_text(record->arena, record->at)))
        record->failed = true;
    else
        record->at += count;
}

/* The elements, of which each takes a byte of the record or more. */
static void *array_of(struct record *record, const void *elements, int *count, size_t size) {
    FIELD(record, *count);
    if (record->text)
        return (void *)elements;
    if (record->failed || *count < 0 || *count > record->end - record->at) {
        record->failed = true;
        *count = 0;
    }
    void *array = arena_allocate(record->arena, (size_t)*count + 1, size);
    record->failed = record->failed || !array;
    *count = array ? *count : 0;
    return array;
}

/* What is added to one of these is to be added below, and to the test. */
_Static_assert(sizeof(void *) != 8 ||
                   (sizeof(struct kernel_facts) == 120 && sizeof(struct sized_variant) == 184 &&
                    sizeof(struct compiled) == 432),
               "a field that records do not have");

static void launch_of(struct record *record, struct launch *launch) {
    FIELD(record, launch->blocks);
    FIELD(record, launch->threads);
    FIELD(record, launch->tile);
    launch->arguments =
        array_of(record, launch->arguments, &launch->count, sizeof *launch->arguments);
    for (int i = 0; i < launch->count; i++) {
        FIELD(record, launch->arguments[i].place);
        FIELD(record, launch->arguments[i].at);
    }
}

static void kernel_of(struct record *record, struct kernel_facts *facts) {
    text_of(record, &facts->name);
    text_of(record, &facts->formula);
    text_of(record, &facts->nodes);
    text_of(record, &facts->source);
    text_of(record, &facts->output);
    FIELD(record, facts->images);
    FIELD(record, facts->steps);
    FIELD(record, facts->may_end);
    FIELD(record, facts->flops);
    FIELD(record, facts->bytes_read);
    FIELD(record, facts->bytes_written);
    launch_of(record, &facts->launch);
}

static void variant_of(struct record *record, struct sized_variant *variant) {
    text_of(record, &variant->suffix);
    text_of(record, &variant->plan);
    FIELD(record, variant->block_count);
    FIELD(record, variant->blocks);
    FIELD(record, variant->arena_bytes);
    FIELD(record, variant->arena_lower_bound);
    FIELD(record, variant->threads);
    FIELD(record, variant->steps);
    FIELD(record, variant->first_kernel);
    FIELD(record, variant->kernel_count);
}

static void lists_of(struct record *record, struct compiled *compiled) {
    compiled->kernels =
        array_of(record, compiled->kernels, &compiled->kernel_count, sizeof *compiled->kernels);
    for (int i = 0; i < compiled->kernel_count; i++)
        kernel_of(record, &compiled->kernels[i]);
    const char **functions = array_of(record, compiled->runtime_functions,
                                      &compiled->runtime_function_count, sizeof *functions);
    for (int i = 0; i < compiled->runtime_function_count; i++)
        text_of(record, &functions[i]);
    compiled->runtime_functions = functions;
    compiled->variants =
        array_of(record, compiled->variants, &compiled->variant_count, sizeof *compiled->variants);
    for (int i = 0; i < compiled->variant_count; i++)
        variant_of(record, &compiled->variants[i]);
}

static void compiled_of(struct record *record, struct compiled *compiled) {
    text_of(record, &compiled->prefix);
    text_of(record, &compiled->source);
    FIELD(record, compiled->source_bytes);
    text_of(record, &compiled->header);
    FIELD(record, compiled->header_bytes);
    text_of(record, &compiled->assembly);
    FIELD(record, compiled->stack_bytes);
    FIELD(record, compiled->code_bytes);
    FIELD(record, compiled->multiply_adds);
    FIELD(record, compiled->weights_bytes);
    FIELD(record, compiled->block_count);
    FIELD(record, compiled->blocks);
    FIELD(record, compiled->arena_bytes);
    FIELD(record, compiled->arena_lower_bound);
    FIELD(record, compiled->threads);
    FIELD(record, compiled->steps);
    FIELD(record, compiled->tuned);
    FIELD(record, compiled->nodes);
    FIELD(record, compiled->bytes);
    text_of(record, &compiled->kernel_dot);
    lists_of(record, compiled);
}

void compiled_record_write(const struct compiled *compiled, struct text *record) {
    struct compiled copy = *compiled;
    compiled_of(&(struct record){.text = record}, &copy);
}

/* What runs and prints take for granted. */
static bool is_complete(const struct compiled *compiled) {
    bool good = compiled->variant_count == 1 && compiled->prefix && compiled->source &&
                compiled->header && strlen(compiled->source) == compiled->source_bytes &&
                strlen(compiled->header) == compiled->header_bytes;
    for (int i = 0; good && i < compiled->kernel_count; i++) {
        const struct kernel_facts *facts = &compiled->kernels[i];
        good = facts->name && facts->formula && facts->nodes && facts->source && facts->output;
    }
    for (int i = 0; good && i < compiled->runtime_function_count; i++)
        good = compiled->runtime_functions[i] != NULL;
    return good && compiled->variants[0].suffix && compiled->block_count >= 0 &&
           compiled->block_count <= MAX_BLOCKS;
}

struct compiled *compiled_record_read(const char *bytes, size_t count) {
    struct compiled *compiled = et_allocate(1, sizeof *compiled);
    if (!compiled)
        return NULL;
    struct record record = {.at = bytes, .end = bytes + count, .arena = &compiled->arena};
    compiled_of(&record, compiled);
    if (!record.failed && record.at == record.end && is_complete(compiled)) {
        compiled->plan = compiled->variants[0].plan;
        return compiled;
    }
    compiled_free(compiled);
    return NULL;
}
