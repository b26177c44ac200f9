/* Lists of numbers read where they lie in a request: as the parser has them, which reads any text
 * that has a "\" in it. */
#include "tests/support/server_support.h"

#include "server/oip_data.h"

#include <stdio.h>

TestSuite(server_data, .init = begin_server, .fini = end_server, .timeout = 120);

static const char infer_path[] = "/v2/models/mnist/infer";

/* 784 pixels, the last as text says, perhaps with more behind it. */
static char *request_with(const char *last, const char *id) {
    struct text body = {0};
    text_add(&body, "{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
                    "\"shape\": [1, 1, 28, 28],\n\"data\": [");
    for (int i = 0; i < DIGIT_PIXELS - 1; i++)
        text_add(&body, "%d.%03d, ", i % 3 - 1, i);
    text_add(&body, "%s]}], \"id\": \"%s\"}", last, id);
    return text_take(&body);
}

static struct reply post(const char *body) {
    return answer_of(&(struct asked){.method = "POST",
                                     .path = infer_path,
                                     .headers = {"Content-Type", "application/json"},
                                     .body = body,
                                     .body_bytes = strlen(body)});
}

/* What a client is told but for times: digest and numbers, or what is wrong. */
static char *told(const struct reply *reply) {
    json_t *json = json_loadb(reply->body.bytes, reply->body.length, 0, NULL);
    cr_assert_not_null(json);
    json_t *parameters = json_object_get(json, "parameters");
    json_object_del(parameters, "queue_us");
    json_object_del(parameters, "parse_us");
    json_object_del(parameters, "compute_us");
    char *text = json_dumps(json, JSON_SORT_KEYS);
    json_decref(json);
    return text;
}

static void compare(const char *last, int status) {
    char *bodies[2] = {request_with(last, "a"), request_with(last, "\\u0061")}, *texts[2];
    for (int i = 0; i < 2; i++) {
        struct reply reply = post(bodies[i]);
        cr_expect_eq(reply.status, status, "%s: %s", last, reply.body.bytes);
        texts[i] = told(&reply);
        reply_free(&reply);
        free(bodies[i]);
    }
    cr_expect_str_eq(texts[0], texts[1], "%s: %s, the parser %s", last, texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

Test(server_data, numbers_of_any_form_are_the_parsers) {
    static const char *const numbers[] = {
        "0",     "-0",     "1",       "7 ",    "\t0.1\r\n", "1e-3",         "1E+2",
        "-1e-0", "[0.25]", "[[[1]]]", "[], 2", "[3, []]",   "\"nan\"",      "\"-inf\"",
        "1e-99", "3e38",   "5e-324",  "1e5",   "16777217",  "0.1000000001", "9007199254740993"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        compare(numbers[i], 200);
}

Test(server_data, what_is_wrong_is_said_by_the_parser) {
    static const char *const lists[] = {"",
                                        "1,",
                                        ", 1",
                                        "1 2",
                                        "01",
                                        "1.",
                                        ".5",
                                        "+1",
                                        "1e",
                                        "[1",
                                        "1]",
                                        "[1]2",
                                        "1[2]",
                                        "[1,]",
                                        "--1",
                                        "0x10",
                                        "nan",
                                        "true",
                                        "1, true",
                                        "false",
                                        "null",
                                        "\"x\"",
                                        "{}",
                                        "1e39",
                                        "1e400",
                                        "1, 2",
                                        "[1, 2]",
                                        "tru",
                                        "1,,2",
                                        "\x01",
                                        "1\f",
                                        "\"0.5\"",
                                        "99999999999999999999",
                                        "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        compare(lists[i], 400);
}

/* A text is split again after what was kept for another. */
Test(server_data, requests_in_turn_have_their_own_answers) {
    for (int i = 0; i < 3; i++) {
        compare("0.5", 200);
        compare("1, 2, 3", 400);
        compare("0.75", 200);
    }
}

static void expect_rest(const char *text, int most, const char *rest, int count) {
    struct oip_data data = {0};
    bool found = oip_data_find(&data, text, strlen(text), most);
    cr_assert_eq(found, rest != NULL, "%s", text);
    if (found) {
        cr_expect_str_eq(data.rest.bytes, rest);
        cr_expect_eq(data.count, count);
    }
    oip_data_free(&data);
    cr_assert_null(data.lists);
}

Test(server_data, only_data_of_inputs_is_found) {
    static const char two[] = "{\"inputs\":[{\"data\":[1,[2]],\"name\":\"a\"},"
                              "{\"name\":\"data\",\"shape\":[1],\"data\" : [ ]}]}";
    expect_rest(two, 2,
                "{\"inputs\":[{\"data\":[],\"name\":\"a\"},"
                "{\"name\":\"data\",\"shape\":[1],\"data\" : []}]}",
                2);
    expect_rest(two, 1, NULL, 0);
    static const char *const none[] = {"",
                                       "[",
                                       "{\"inputs\":[{\"data\":",
                                       "{\"inputs\":[{\"data\":[",
                                       "]]]]",
                                       "{\"inputs\":[[1]]}",
                                       "{\"data\":[1]}",
                                       "{\"outputs\":[{\"data\":[1]}]}",
                                       "{\"inputs\":{\"a\":{\"data\":[1]}}}",
                                       "[{\"inputs\":[{\"data\":[1]}]}]",
                                       "[\"inputs\",[{\"data\":[1]}]]",
                                       "{\"x\":{\"inputs\":[{\"data\":[1]}]}}",
                                       "{\"inputs\":[{\"parameters\":{\"data\":[1]}}]}",
                                       "{\"inputs\":[[\"data\",[1]]]}",
                                       "{\"inputs\":[{\"data\":[\"a\"]}]}",
                                       "{\"inputs\":[{\"data\":[1]}],\"id\":\"\\n\"}",
                                       "{\"inputs\":[{\"data\":[1]}],\"id\":\"a",
                                       "{\"in\\u0070uts\":[{\"data\":[1]}]}",
                                       "[[[[[[[[[[[[[[[[[[[[{\"inputs\":[{\"data\":[1]}]}"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        expect_rest(none[i], 4, NULL, 0);
}

/* ---- What replies are written with ---- */

Test(server_data, strings_are_as_the_parser_reads_them) {
    static const char *const strings[] = {"", "plain ~ text", "a\"b\\c", "\n", "\xc3\xa9", "\x7f"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct text text = {0};
        text_add_json(&text, strings[i]);
        json_t *json = json_loads(text_read(&text, NULL), JSON_DECODE_ANY, NULL);
        cr_expect_str_eq(json_string_value(json), strings[i]);
        json_decref(json);
        text_free(&text);
    }
}
