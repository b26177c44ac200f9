/* GET /docs: openapi.json as a page for people, made once a request from the file itself. */
#include <string.h>

#include "server/server.h"

static void add_escaped(struct text *page, const char *text) {
    for (; text && *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            text_add(page, "%s", entity);
        else
            text_add_bytes(page, text, 1);
    }
}

static void add_element(struct text *page, const char *name, const char *text) {
    text_add(page, "<%s>", name);
    add_escaped(page, text);
    text_add(page, "</%s>\n", name);
}

static const char *string_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void add_parameters(struct text *page, const json_t *parameters) {
    size_t i;
    json_t *parameter;
    if (json_array_size(parameters) == 0)
        return;
    text_add(page, "<table>");
    json_array_foreach(parameters, i, parameter) {
        text_add(page, "<tr>");
        add_element(page, "th", string_of(parameter, "name"));
        add_element(page, "td", string_of(parameter, "in"));
        add_element(page, "td", string_of(parameter, "description"));
        text_add(page, "</tr>");
    }
    text_add(page, "</table>\n");
}

static void add_responses(struct text *page, json_t *responses) {
    const char *status;
    json_t *response;
    text_add(page, "<table>");
    json_object_foreach(responses, status, response) {
        text_add(page, "<tr>");
        add_element(page, "th", status);
        add_element(page, "td", string_of(response, "description"));
        text_add(page, "</tr>");
    }
    text_add(page, "</table>\n");
}

static void add_operation(struct text *page, const char *path, const char *method,
                          const json_t *operation) {
    text_add(page, "<h2><b>");
    for (const char *letter = method; *letter; letter++)
        text_add(page, "%c", *letter - 'a' + 'A');
    text_add(page, "</b> ");
    add_escaped(page, path);
    text_add(page, "</h2>\n");
    add_element(page, "p", string_of(operation, "summary"));
    if (string_of(operation, "description"))
        add_element(page, "p", string_of(operation, "description"));
    add_parameters(page, json_object_get(operation, "parameters"));
    const char *example = string_of(operation, "x-curl");
    if (example)
        add_element(page, "pre", example);
    add_responses(page, json_object_get(operation, "responses"));
}

void handle_docs(struct worker *worker, const struct request *request, struct reply *reply) {
    (void)worker, (void)request;
    const struct embedded_file *file = files_find("/openapi.json");
    json_t *document = file ? json_loadb((const char *)file->bytes, file->count, 0, NULL) : NULL;
    if (!document) {
        reply_error(reply, STYLE_DETAIL, 500, "openapi.json cannot be read");
        return;
    }
    struct text *page = &reply->body;
    const json_t *info = json_object_get(document, "info");
    const char *path, *method;
    json_t *item, *operation;
    text_add(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<link rel=\"stylesheet\" href=\"/docs.css\">\n");
    add_element(page, "title", string_of(info, "title"));
    text_add(page, "</head><body><main>\n");
    add_element(page, "h1", string_of(info, "title"));
    add_element(page, "p", string_of(info, "description"));
    text_add(page, "<p><a href=\"/\">Draw a digit</a> · <a href=\"/openapi.json\">openapi.json</a>"
                   "</p>\n");
    json_object_foreach(json_object_get(document, "paths"), path, item) {
        json_object_foreach(item, method, operation) {
            add_operation(page, path, method, operation);
        }
    }
    text_add(page, "</main></body></html>\n");
    json_decref(document);
    reply_finish_json(reply, 200);
    if (reply->status == 200)
        reply->type = "text/html; charset=utf-8";
}
