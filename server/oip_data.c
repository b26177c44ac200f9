#include "server/oip_data.h"

#include <string.h>

#include "compiler/base/json_read.h"
#include "compiler/store/element.h"

/* ---- Finding ---- */

/* How deep the request itself lies, its inputs, and one of them. */
enum { REQUEST = 1, INPUTS, INPUT };

struct data_search {
    const char *at, *end;
    const char *key; /* the last string, without its quotes, as it stands: one with "\" is left to
                        the parser */
    size_t key_bytes;
    int depth;
    char within[JSON_MOST_NESTED]; /* "{" or "[" at each depth */
    bool in_inputs;                /* the list that is the request's member "inputs" */
};

static bool key_is(const struct data_search *search, const char *key) {
    return search->key_bytes == strlen(key) && memcmp(search->key, key, search->key_bytes) == 0;
}

static bool skip_string(struct data_search *search) {
    search->key = ++search->at;
    for (; search->at < search->end && *search->at != '"'; search->at++)
        if (*search->at == '\\')
            return false;
    search->key_bytes = (size_t)(search->at - search->key);
    return search->at++ < search->end;
}

static bool enter(struct data_search *search) {
    if (search->depth == JSON_MOST_NESTED)
        return false;
    search->within[search->depth++] = *search->at;
    if (search->depth == INPUTS)
        search->in_inputs =
            search->within[0] == '{' && *search->at == '[' && key_is(search, "inputs");
    search->at++;
    return true;
}

static bool leave(struct data_search *search) {
    search->at++;
    return search->depth-- > 0;
}

static bool is_data(const struct data_search *search) {
    return *search->at == '[' && search->depth == INPUT && search->in_inputs &&
           search->within[INPUT - 1] == '{' && key_is(search, "data");
}

/* Past a list of numbers, true and false, whatever their order; false: there is more in it. */
static bool skip_list(struct data_search *search) {
    static const bool allowed[256] = {
        ['0' ... '9'] = true, ['+'] = true,  ['-'] = true,  ['.'] = true, ['e'] = true,
        ['E'] = true,         ['['] = true,  [']'] = true,  [','] = true, [' '] = true,
        ['\t'] = true,        ['\r'] = true, ['\n'] = true, ['t'] = true, ['r'] = true,
        ['u'] = true,         ['f'] = true,  ['a'] = true,  ['l'] = true, ['s'] = true};
    int depth = 0;
    do {
        depth += (*search->at == '[') - (*search->at == ']');
        search->at++;
    } while (depth && search->at < search->end && allowed[(unsigned char)*search->at]);
    return depth == 0;
}

/* Takes the list out of the text, of which `*copied` tells how far it is in the rest. */
static bool take_list(struct oip_data *data, struct data_search *search, const char **copied,
                      int most) {
    const char *first = search->at;
    if (data->count == most || !skip_list(search))
        return false;
    data->lists[data->count++] = (struct oip_list){first, search->at};
    text_add_bytes(&data->rest, *copied, (size_t)(first - *copied));
    text_add_bytes(&data->rest, "[]", 2);
    *copied = search->at;
    return true;
}

static bool find(struct oip_data *data, const char *text, size_t count, int most) {
    struct data_search search = {.at = text, .end = text + count};
    const char *copied = text;
    bool good = true;
    while (good && search.at < search.end) {
        const char byte = *search.at;
        if (byte == '"')
            good = skip_string(&search);
        else if (is_data(&search))
            good = take_list(data, &search, &copied, most);
        else if (byte == '[' || byte == '{')
            good = enter(&search);
        else if (byte == ']' || byte == '}')
            good = leave(&search);
        else
            search.at++;
    }
    text_add_bytes(&data->rest, copied, (size_t)(search.end - copied));
    return good && data->count && text_check(&data->rest, NULL);
}

bool oip_data_find(struct oip_data *data, const char *text, size_t count, int most) {
    data->lists = et_allocate((size_t)most, sizeof *data->lists);
    if (data->lists && find(data, text, count, most))
        return true;
    oip_data_free(data);
    return false;
}

void oip_data_free(struct oip_data *data) {
    et_release(data->lists);
    text_free(&data->rest);
    *data = (struct oip_data){0};
}

/* ---- Reading ---- */

static const char *skip_space(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
        at++;
    return at;
}

bool oip_list_read(const struct oip_list *list, enum dtype dtype, size_t count, void *elements) {
    enum { BEGINNING, BEFORE_VALUE, BEHIND_VALUE } place = BEFORE_VALUE; /* of a list; of a value */
    const size_t bytes = dtype_facts[dtype].bytes;
    char *to = elements, *end = to + count * bytes;
    int depth = 0;
    for (const char *at = skip_space(list->first); at && at < list->end; at = skip_space(at)) {
        if (*at == '[' && place != BEHIND_VALUE && depth < JSON_MOST_NESTED - INPUT) {
            depth++;
            place = BEGINNING;
            at++;
        } else if (*at == ']' && place != BEFORE_VALUE) {
            depth--;
            place = BEHIND_VALUE;
            at++;
        } else if (*at == ',' && place == BEHIND_VALUE) {
            place = BEFORE_VALUE;
            at++;
        } else {
            at = place == BEHIND_VALUE || to == end ? NULL : element_from_text(at, dtype, to);
            if (!at)
                return false;
            place = BEHIND_VALUE;
            to += bytes;
        }
    }
    return depth == 0 && to == end;
}
