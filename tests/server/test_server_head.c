/* Heads and chunks, without sockets: what a head says does not depend on how its bytes arrive, and
 * no bytes do harm. What is refused, and how, stands in server_protocol.py. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http_head.h"

TestSuite(head, .timeout = 60);

static const char whole[] = "POST /v2/models/a%2Fb/infer?x=1+2&y=%41%26&z HTTP/1.1\r\n"
                            "Host: [::1]:8989\r\n"
                            "content-LENGTH: \t 12 \r\n"
                            "A:\r\n"
                            "Connection: Upgrade, close\r\n"
                            "Expect: 100-Continue\r\n"
                            "\r\n";

Test(head, says_what_the_bytes_say) {
    struct http_head head;
    struct http_problem problem;
    char *bytes = strdup(whole);
    cr_assert(http_head_read(bytes, strlen(whole), &head, &problem), "%s", problem.message);
    cr_assert_str_eq(head.method, "POST");
    cr_assert_str_eq(head.path, "/v2/models/a%2Fb/infer");
    cr_assert_str_eq(http_head_query(&head, "x"), "1 2");
    cr_assert_str_eq(http_head_query(&head, "y"), "A&");
    cr_assert_str_eq(http_head_query(&head, "z"), "");
    cr_assert_null(http_head_query(&head, "w"));
    cr_assert_str_eq(http_head_header(&head, "HOST"), "[::1]:8989");
    cr_assert_str_eq(http_head_header(&head, "a"), "");
    cr_assert_null(http_head_header(&head, "B"));
    cr_assert_eq(head.body_bytes, 12);
    cr_assert_eq(head.minor, 1);
    cr_assert(head.expects_continue && !head.keeps_open && !head.is_chunked);
    free(bytes);
}

Test(head, ends_where_it_ends_however_it_arrives) {
    size_t count = strlen(whole), scanned = 0;
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(http_head_length(whole, i, &scanned), 0, "after %zu bytes", i);
    cr_assert_eq(http_head_length(whole, count, &scanned), (long)count);
    scanned = 0;
    char more[sizeof whole + 10];
    snprintf(more, sizeof more, "%s\nbody", whole); /* a body may have any bytes */
    cr_assert_eq(http_head_length(more, strlen(more), &scanned), (long)count);
}

Test(head, a_line_must_end_with_both) {
    static const char *const wrong[] = {"GET / HTTP/1.1\n", "GET / HTTP/1.1\rH", "a\r\r\n", "\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t scanned = 0;
        cr_assert_eq(http_head_length(wrong[i], strlen(wrong[i]), &scanned), -1, "%zu", i);
    }
    size_t scanned = 0;
    cr_assert_eq(http_head_length("a\0b", 3, &scanned), -1);
}

Test(head, percents) {
    char text[] = "%41%2f%2F%7e%ff";
    cr_assert(percent_decode(text));
    cr_assert_str_eq(text, "A//~\xff");
    static const char *const wrong[] = {"%", "%4", "%4g", "%g4", "%00", "a%"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char copy[8];
        strcpy(copy, wrong[i]);
        cr_assert_not(percent_decode(copy), "%s", wrong[i]);
    }
}

/* ---- Chunks ---- */

static const char chunked[] =
    "3;a=\"b\"\r\nabc\r\n00a\r\ndefghijklm\r\n0\r\nA: b\r\nC: d\r\n\r\nNEXT";

/* Takes the bytes in pieces of that size; what is left behind the end, or -1. */
static long take(const char *bytes, size_t count, size_t piece, char *body, size_t *length) {
    struct http_chunks chunks = {0};
    *length = 0;
    for (size_t at = 0; at < count; at += piece) {
        const char *from = bytes + at, *data;
        size_t left = count - at < piece ? count - at : piece, data_bytes;
        enum http_chunk found;
        while ((found = http_chunks_next(&chunks, &from, &left, &data, &data_bytes)) ==
               CHUNK_DATA) {
            memcpy(body + *length, data, data_bytes);
            *length += data_bytes;
        }
        if (found != CHUNK_MORE)
            return found == CHUNK_END ? (long)(bytes + count - from) : -1;
    }
    return -1;
}

Test(head, chunks_are_the_same_however_they_arrive) {
    char body[64];
    size_t length, count = strlen(chunked);
    for (size_t piece = 1; piece <= count; piece++) {
        cr_assert_eq(take(chunked, count, piece, body, &length), 4, "pieces of %zu", piece);
        cr_assert_eq(length, 13);
        cr_assert_eq(memcmp(body, "abcdefghijklm", 13), 0);
    }
    for (size_t cut = 0; cut < count - 4; cut++)
        cr_assert_eq(take(chunked, cut, cut + 1, body, &length), -1, "cut at %zu", cut);
}

Test(head, chunks_have_bounded_extras) {
    enum { BYTES = HTTP_CHUNK_EXTRA_BYTES };
    char *text = malloc(BYTES + 100), body[8];
    size_t length;
    for (int more = 0; more < 2; more++) {
        int count = sprintf(text, "1;%0*d\r\nx\r\n0\r\n\r\n", BYTES + more, 1);
        cr_assert_eq(take(text, (size_t)count, 100, body, &length), more ? -1 : 0);
    }
    free(text);
}

/* ---- Any bytes ---- */

static unsigned state = 1;
static unsigned below(unsigned limit) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % limit;
}

/* Whatever is accepted has strings that end inside of the bytes. */
static void check_inside(const struct http_head *head, const char *bytes, size_t count) {
    for (int i = 0; i < head->header_count; i++) {
        const char *value = head->headers[i].value;
        cr_assert(value >= bytes && value + strlen(value) < bytes + count);
    }
}

Test(head, survives_random_changes) {
    static const char pieces[] = " \t\r\n:%&=?/*,;0aA\x7f\x80\xff\x01";
    size_t count = strlen(whole), length;
    char body[sizeof chunked];
    for (int i = 0; i < 200000; i++) {
        char *bytes = malloc(count); /* no byte more: the sanitizer looks */
        memcpy(bytes, whole, count);
        for (unsigned changes = 1 + below(4); changes; changes--)
            bytes[below((unsigned)count)] = pieces[below(sizeof pieces)];
        size_t scanned = 0;
        long end = http_head_length(bytes, count, &scanned);
        struct http_head head;
        struct http_problem problem = {0};
        if (end > 4 && http_head_read(bytes, (size_t)end, &head, &problem))
            check_inside(&head, bytes, (size_t)end);
        else
            cr_assert(end <= 4 || (problem.status >= 400 && problem.message));
        free(bytes);
        char copy[sizeof chunked];
        memcpy(copy, chunked, sizeof chunked);
        copy[below(sizeof chunked - 5)] = pieces[below(sizeof pieces)];
        take(copy, strlen(copy), 1 + below(9), body, &length);
        cr_assert_lt(length, sizeof chunked);
    }
}
