/* Tunings as JSON: written for people to read, read back as untrusted input. */
#include "compiler/base/json_read.h"
#include "compiler/schedule/tuning.h"
#include "compiler/store/digest.h"
#include "compiler/target/target.h"

#include <string.h>

enum {
    MOST_BYTES = 16 << 20,
    MOST_CHOICES = 1 << 14,
    MOST_TEXT = 1 << 13, /* bytes of a contraction or a choice */
};

/* ---- Reading ---- */

static const char *read_text(struct tuning *tuning, const json_t *object, const char *key,
                             struct et_error *error) {
    const json_t *member = json_read_member(object, key, JSON_STRING, error);
    if (!member)
        return NULL;
    if (json_string_length(member) < 1 || json_string_length(member) > MOST_TEXT) {
        et_fail(error, "\"%s\" has %zu bytes, expected 1 to %d", key, json_string_length(member),
                MOST_TEXT);
        return NULL;
    }
    const char *copy = arena_copy_text(&tuning->arena, json_string_value(member));
    if (!copy)
        et_fail(error, "out of memory");
    return copy;
}

static bool read_time(const json_t *object, const char *key, double *time, struct et_error *error) {
    const json_t *member = json_object_get(object, key);
    if (!member)
        return true;
    *time = json_number_value(member); /* 0 for what is no number */
    return (json_is_number(member) && *time >= 0 && *time <= 1e12) ||
           et_fail(error, "\"%s\" is %s, expected microseconds, 0 to 1e12", key,
                   json_is_number(member) ? "out of range" : json_kind(member));
}

static bool read_choice(struct tuning *tuning, const json_t *object, struct tuned_choice *choice,
                        struct et_error *error) {
    static const char *const keys[] = {"contraction", "tile", "blocking", "before", "after", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    if (!json_check_keys(object, keys, error) ||
        !(choice->contraction = read_text(tuning, object, "contraction", error)) ||
        !(choice->tile = read_text(tuning, object, "tile", error)))
        return false;
    if (json_object_get(object, "blocking") &&
        !(choice->blocking = read_text(tuning, object, "blocking", error)))
        return false;
    return read_time(object, "before", &choice->before, error) &&
           read_time(object, "after", &choice->after, error);
}

static bool check_once(const struct tuned_choice *choices, size_t count, struct et_error *error) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(choices[i].contraction, choices[count].contraction) == 0)
            return et_fail(error, "the same contraction as in choices[%zu]", i);
    return true;
}

static bool read_choices(struct tuning *tuning, const json_t *document, struct et_error *error) {
    const json_t *array = json_read_member(document, "choices", JSON_ARRAY, error);
    if (!array)
        return false;
    size_t count = json_array_size(array);
    if (count > MOST_CHOICES)
        return et_fail(error, "%zu choices, expected at most %d", count, MOST_CHOICES);
    struct tuned_choice *choices = arena_array(&tuning->arena, struct tuned_choice, count + 1);
    if (!choices)
        return et_fail(error, "out of memory");
    tuning->choices = choices;
    tuning->count = (int)count;
    for (size_t i = 0; i < count; i++)
        if (!read_choice(tuning, json_array_get(array, i), &choices[i], error) ||
            !check_once(choices, i, error))
            return et_fail_within(error, "choices[%zu]", i);
    return true;
}

static bool read_facts(struct tuning *tuning, const json_t *document, struct et_error *error) {
    if (!(tuning->digest = read_text(tuning, document, "graph", error)) ||
        !(tuning->target = read_text(tuning, document, "target", error)) ||
        !(tuning->cpu = read_text(tuning, document, "cpu", error)) ||
        !(tuning->mode = read_text(tuning, document, "mode", error)))
        return false;
    struct digest digest;
    if (!digest_from_hex(tuning->digest, &digest))
        return et_fail(error, "\"graph\" is \"%s\", expected 64 digits of 0-9, a-f",
                       quoted(tuning->digest).text);
    return target_find(tuning->target) ||
           et_fail(error, "\"target\" is \"%s\", which is none", quoted(tuning->target).text);
}

static bool read_document(struct tuning *tuning, const json_t *document, struct et_error *error) {
    static const char *const keys[] = {"format", "version", "graph",   "target",
                                       "cpu",    "mode",    "choices", NULL};
    if (!json_is_object(document))
        return et_fail(error, "the document is %s, expected an object", json_kind(document));
    const char *format = json_read_name(document, "format", error);
    if (!format)
        return false;
    if (strcmp(format, "eigentensor tuning") != 0)
        return et_fail(error, "\"format\" is \"%s\", expected \"eigentensor tuning\"",
                       quoted(format).text);
    int64_t version;
    return json_read_integer(document, "version", 1, 1, &version, error) &&
           json_check_keys(document, keys, error) && read_facts(tuning, document, error) &&
           read_choices(tuning, document, error);
}

struct tuning *tuning_load(const char *path, struct et_error *error) {
    char *bytes;
    size_t count;
    if (!read_file(path, MOST_BYTES, &bytes, &count, error))
        return NULL;
    struct tuning *tuning = et_allocate(1, sizeof *tuning);
    bool good = tuning || et_fail(error, "out of memory");
    json_t *document = good ? json_read_document(bytes, count, error) : NULL;
    good = document && ((tuning->name = arena_copy_text(&tuning->arena, path)) ||
                        et_fail(error, "out of memory"));
    good = good && read_document(tuning, document, error);
    json_decref(document); /* NULL is fine */
    et_release(bytes);
    if (good)
        return tuning;
    et_fail_within(error, "%s", path);
    tuning_free(tuning);
    return NULL;
}

void tuning_free(struct tuning *tuning) {
    if (!tuning)
        return;
    arena_free(&tuning->arena);
    et_release(tuning);
}

/* ---- Writing ---- */

static void add_member(struct text *text, const char *before, const char *key, const char *value) {
    text_add(text, "%s\"%s\": ", before, key);
    if (!json_write_string(text, value))
        text_fail(text);
}

static void add_choice(struct text *text, const struct tuned_choice *choice) {
    add_member(text, "\n    {", "contraction", choice->contraction);
    add_member(text, ",\n     ", "tile", choice->tile);
    if (choice->blocking)
        add_member(text, ",\n     ", "blocking", choice->blocking);
    text_add(text, ",\n     \"before\": %.3f, \"after\": %.3f}", choice->before, choice->after);
}

bool tuning_save(const struct tuning *tuning, const char *path, struct et_error *error) {
    struct text text = {0};
    if (tuning->count > MOST_CHOICES)
        return et_fail(error, "%s: %d choices, expected at most %d", path, tuning->count,
                       MOST_CHOICES);
    text_add(&text, "{\n  \"format\": \"eigentensor tuning\",\n  \"version\": 1");
    add_member(&text, ",\n  ", "graph", tuning->digest);
    add_member(&text, ",\n  ", "target", tuning->target);
    add_member(&text, ",\n  ", "cpu", tuning->cpu);
    add_member(&text, ",\n  ", "mode", tuning->mode);
    text_add(&text, ",\n  \"choices\": [");
    for (int i = 0; i < tuning->count; i++) {
        text_add(&text, "%s", i ? "," : "");
        add_choice(&text, &tuning->choices[i]);
    }
    text_add(&text, "%s]\n}\n", tuning->count ? "\n  " : "");
    const char *bytes = text_read(&text, error);
    bool good =
        bytes ? write_file(path, bytes, text.length, error) : et_fail_within(error, "%s", path);
    text_free(&text);
    return good;
}
