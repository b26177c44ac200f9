/* Stored scans: what is written is read, and what is no scan is refused with a message that says
 * why. */
#include "compiler/store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char stored[] =
    "{\n"
    "  \"format\": \"eigentensor\",\n"
    "  \"version\": 2,\n"
    "  \"name\": \"steps\",\n"
    "  \"inputs\": [\n"
    "    {\"name\": \"start\", \"dtype\": \"float32\", \"shape\": [2]},\n"
    "    {\"name\": \"xs\", \"dtype\": \"float32\", \"shape\": [3, 2]},\n"
    "    {\"name\": \"ms\", \"dtype\": \"float32\", \"shape\": [3, 2, 2]}\n"
    "  ],\n"
    "  \"nodes\": [\n"
    "    {\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"start\", "
    "\"dtype\": \"float32\", \"shape\": [2]},\n"
    "    {\"id\": 1, \"op\": \"input\", \"src\": [], \"name\": \"xs\", "
    "\"dtype\": \"float32\", \"shape\": [3, 2]},\n"
    "    {\"id\": 2, \"op\": \"input\", \"src\": [], \"name\": \"ms\", "
    "\"dtype\": \"float32\", \"shape\": [3, 2, 2]},\n"
    "    {\"id\": 3, \"op\": \"scan\", \"src\": [0, 1, 2], \"axis\": 0, \"scanned\": 2, \"body\": "
    "{\n"
    "      \"nodes\": [\n"
    "        {\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"state\", "
    "\"dtype\": \"float32\", \"shape\": [2]},\n"
    "        {\"id\": 1, \"op\": \"input\", \"src\": [], \"name\": \"slice\", "
    "\"dtype\": \"float32\", \"shape\": [2]},\n"
    "        {\"id\": 2, \"op\": \"input\", \"src\": [], \"name\": \"matrix\", "
    "\"dtype\": \"float32\", \"shape\": [2, 2]},\n"
    "        {\"id\": 3, \"op\": \"add\", \"src\": [0, 1], "
    "\"dtype\": \"float32\", \"shape\": [2]},\n"
    "        {\"id\": 4, \"op\": \"neg\", \"src\": [2], "
    "\"dtype\": \"float32\", \"shape\": [2, 2]},\n"
    "        {\"id\": 5, \"op\": \"reduce_sum\", \"src\": [4], \"axes\": [0], "
    "\"dtype\": \"float32\", \"shape\": [2]}\n"
    "      ],\n"
    "      \"output\": 5\n"
    "    }, \"dtype\": \"float32\", \"shape\": [3, 2]}\n"
    "  ],\n"
    "  \"outputs\": [\n"
    "    {\"name\": \"y\", \"node\": 3}\n"
    "  ]\n"
    "}\n";

static struct graph *decode(const char *json, struct et_error *error) {
    struct weights *weights;
    return graph_decode(json, strlen(json), "g", ".", NULL, &weights, error);
}

Test(load_scan, a_scan_is_written_as_it_was_read) {
    struct et_error error = {0};
    struct graph *graph = decode(stored, &error);
    struct text text = {0};
    cr_assert(graph, "%s", error.message);
    const struct node *scan = graph->nodes[3];
    cr_expect(scan->scanned == 2 && scan->axis == 0 && scan->body->node_count == 6);
    cr_expect_eq(graph->scan_depth, 1);
    cr_assert(graph_to_json(graph, NULL, NULL, &text, &error), "%s", error.message);
    cr_expect_str_eq(text.bytes, stored);
    text_free(&text);
    graph_free(graph);
}

static char *replaced(const char *json, const char *found, const char *instead) {
    struct text text = {0};
    const char *at = strstr(json, found);
    cr_assert(at, "\"%s\" is not there", found);
    text_add_bytes(&text, json, (size_t)(at - json));
    text_add(&text, "%s%s", instead, at + strlen(found));
    char *copy = strdup(text.bytes);
    text_free(&text);
    return copy;
}

/* The body's last node says by a bool whether there is another step. */
static char *stored_ending(int goes_on) {
    char ending[512];
    snprintf(ending, sizeof ending,
             "\"shape\": [2]},\n"
             "        {\"id\": 6, \"op\": \"lt\", \"src\": [3, 5], \"dtype\": \"bool\", "
             "\"shape\": [2]},\n"
             "        {\"id\": 7, \"op\": \"reduce_max\", \"src\": [6], \"axes\": [0], "
             "\"dtype\": \"bool\", \"shape\": []},\n"
             "        {\"id\": 8, \"op\": \"not\", \"src\": [7], \"dtype\": \"bool\", "
             "\"shape\": []}\n"
             "      ],\n"
             "      \"output\": 5, \"goes_on\": %d\n",
             goes_on);
    return replaced(stored, "\"shape\": [2]}\n      ],\n      \"output\": 5\n", ending);
}

static char *stored_last(void) {
    char *state = replaced(stored, "\"shape\": [3, 2]}\n  ]", "\"shape\": [2]}\n  ]");
    char *json = replaced(state, "\"scanned\": 2", "\"scanned\": 2, \"last\": true");
    free(state);
    return json;
}

Test(load_scan, what_ends_it_and_what_it_gives_is_written_and_counts) {
    struct et_error error = {0};
    struct digest digests[4];
    for (int i = 0; i < 4; i++) {
        char *json = i == 3 ? stored_last() : i ? stored_ending(6 + i) : strdup(stored);
        struct graph *graph = decode(json, &error);
        struct text text = {0};
        cr_assert(graph, "%s", error.message);
        cr_expect_eq(scan_may_end(graph->nodes[3]), i == 1 || i == 2);
        cr_expect_eq(graph->nodes[3]->last, i == 3);
        cr_assert(graph_to_json(graph, NULL, NULL, &text, &error), "%s", error.message);
        cr_expect(i == 1 || strcmp(text.bytes, json) == 0, "%s", text.bytes);
        cr_assert(graph_digest(graph, &digests[i], &error));
        for (int k = 0; k < i; k++)
            cr_expect(!digest_equal(&digests[i], &digests[k]));
        text_free(&text);
        graph_free(graph);
        free(json);
    }
}

/* A body is part of the identity. */
Test(load_scan, each_node_of_a_body_counts_in_the_digest) {
    struct et_error error = {0};
    struct graph *graph = decode(stored, &error);
    char *other_text = strdup(stored);
    memcpy(strstr(other_text, "\"neg\""), "\"abs\"", 5);
    struct graph *other = decode(other_text, &error);
    struct digest digest, other_digest;
    cr_assert(graph && other, "%s", error.message);
    cr_assert(graph_digest(graph, &digest, &error) && graph_digest(other, &other_digest, &error));
    cr_expect(!digest_equal(&digest, &other_digest));
    free(other_text);
    graph_free(graph);
    graph_free(other);
}

static const struct malformed {
    const char *found, *instead, *message;
} malformed[] = {
#include "tests/store/malformed_scans.def"
};

Test(load_scan, malformed_scans_are_refused) {
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        char *json = replaced(stored, malformed[i].found, malformed[i].instead);
        struct et_error error = {0};
        cr_expect_null(decode(json, &error), "row %zu", i);
        cr_expect_str_eq(error.message, malformed[i].message, "row %zu: %s", i, error.message);
        free(json);
    }
}

/* ---- Depth ---- */

/* A scan whose body is a scan, and so on; the innermost adds. */
static void add_nested(struct text *text, int depth) {
    static const char input[] =
        "{\"id\": %d, \"op\": \"input\", \"src\": [], \"name\": \"%s\", \"dtype\": \"int32\", "
        "\"shape\": []}, ";
    text_add(text, input, 0, "state");
    text_add(text, input, 1, "x");
    if (depth == 0) {
        text_add(text, "{\"id\": 2, \"op\": \"add\", \"src\": [0, 1], \"dtype\": \"int32\", "
                       "\"shape\": []}");
        return;
    }
    text_add(text, "{\"id\": 2, \"op\": \"reshape\", \"src\": [1], \"dtype\": \"int32\", "
                   "\"shape\": [1]}, {\"id\": 3, \"op\": \"scan\", \"src\": [0, 2], \"axis\": 0, "
                   "\"scanned\": 1, \"body\": {\"nodes\": [");
    add_nested(text, depth - 1);
    text_add(text,
             "], \"output\": %d}, \"dtype\": \"int32\", \"shape\": [1]}, {\"id\": 4, "
             "\"op\": \"reshape\", \"src\": [3], \"dtype\": \"int32\", \"shape\": []}",
             depth == 1 ? 2 : 4);
}

static struct graph *decode_nested(int depth, struct et_error *error) {
    struct text text = {0};
    text_add(&text, "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"nested\", "
                    "\"inputs\": [{\"name\": \"state\", \"dtype\": \"int32\", \"shape\": []}, "
                    "{\"name\": \"x\", \"dtype\": \"int32\", \"shape\": []}], \"nodes\": [");
    add_nested(&text, depth);
    text_add(&text, "], \"outputs\": [{\"name\": \"y\", \"node\": %d}]}", depth ? 4 : 2);
    struct graph *graph = decode(text.bytes, error);
    text_free(&text);
    return graph;
}

Test(load_scan, depth_is_bounded) {
    struct et_error error = {0};
    for (int depth = 0; depth <= MAX_SCAN_DEPTH; depth++) {
        struct graph *graph = decode_nested(depth, &error);
        cr_assert(graph, "%d: %s", depth, error.message);
        cr_expect_eq(graph->scan_depth, depth);
        graph_free(graph);
    }
    cr_expect_null(decode_nested(MAX_SCAN_DEPTH + 1, &error));
    cr_expect_str_eq(error.message, "g: node 3 (scan): more than 3 scans within one another");
    error.message[0] = 0;
    cr_expect_null(decode_nested(1000, &error));
    cr_expect(strstr(error.message, "nested"), "%s", error.message);
}

Test(load_scan, every_failed_allocation_is_survived) {
    for (unsigned long nth = 1;; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        struct graph *graph = decode(stored, &error);
        et_fail_allocation(0);
        graph_free(graph);
        if (graph)
            return;
        cr_assert(strstr(error.message, "out of memory"), "%s", error.message);
    }
}
