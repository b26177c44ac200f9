#include "server/http_head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- Characters ---- */

static bool is_token_byte(char byte) {
    return isalnum((unsigned char)byte) || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool is_token(const char *text) {
    const char *at = text;
    while (is_token_byte(*at))
        at++;
    return at > text && !*at;
}

static int hex_digit(char byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The byte that the %XX at `at` stands for; -1: it is none that may be there. */
static int percent_byte(const char *at) {
    int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
    return low < 0 || high * 16 + low == 0 ? -1 : high * 16 + low;
}

bool percent_decode(char *text) {
    char *to = text;
    for (const char *at = text; *at; at++) {
        int byte = *at == '%' ? percent_byte(at) : (unsigned char)*at;
        if (byte < 0)
            return false;
        at += *at == '%' ? 2 : 0;
        *to++ = (char)byte;
    }
    *to = 0;
    return true;
}

static bool is_encoded_well(const char *text) {
    for (; *text; text++)
        if (*text == '%' && percent_byte(text) < 0)
            return false;
    return true;
}

/* ---- The end of a head ---- */

long http_head_length(const char *bytes, size_t count, size_t *scanned) {
    for (size_t i = *scanned; i < count; i++) {
        bool after_return = i > 0 && bytes[i - 1] == '\r';
        if (!bytes[i] || (bytes[i] == '\n') != after_return)
            return -1;
        if (bytes[i] == '\n' && i >= 3 && bytes[i - 2] == '\n')
            return (long)i + 1;
    }
    *scanned = count;
    return 0;
}

/* ---- The request line ---- */

static bool refuse(struct http_problem *problem, int status, const char *message) {
    *problem = (struct http_problem){status, message};
    return false;
}

/* The host of a Host header or of an absolute target: a name or an address, and perhaps a port. */
static bool is_authority(const char *text, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-._~%!$&'()*+;=:[]", text[i]))
            return false;
    return true;
}

/* What follows the authority of "http://authority/path"; NULL: that is not what it is. */
static char *skip_authority(char *target) {
    char *authority = strncasecmp(target, "http://", 7) == 0    ? target + 7
                      : strncasecmp(target, "https://", 8) == 0 ? target + 8
                                                                : NULL;
    size_t length = authority ? strcspn(authority, "/?") : 0;
    return length && is_authority(authority, length) ? authority + length : NULL;
}

static bool read_queries(struct http_head *head, char *query, struct http_problem *problem) {
    char *rest = NULL;
    for (char *at = strtok_r(query, "&", &rest); at; at = strtok_r(NULL, "&", &rest)) {
        if (head->query_count == HTTP_MOST_QUERIES)
            return refuse(problem, 400, "the query has too many parameters");
        struct http_pair *pair = &head->queries[head->query_count++];
        char *value = strchr(at, '=');
        if (value)
            *value++ = 0;
        else
            value = at + strlen(at);
        for (char *plus = at; plus < value + strlen(value); plus++)
            if (*plus == '+')
                *plus = ' ';
        *pair = (struct http_pair){at, value};
        if (!percent_decode(at) || (value != at && !percent_decode(value)))
            return refuse(problem, 400, "the query has a % without two hexadecimal digits, or %00");
    }
    return true;
}

/* "/path?query", the same behind "http://host", or "*" of OPTIONS. */
static bool read_target(struct http_head *head, char *target, struct http_problem *problem) {
    static const char wrong[] = "the target is neither a path nor a http URL";
    for (const char *at = target; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '#')
            return refuse(problem, 400, "the target has a character that must be encoded");
    char *path = *target == '/' || strcmp(target, "*") == 0 ? target : skip_authority(target);
    if (!path || (*target == '*' && strcmp(head->method, "OPTIONS") != 0))
        return refuse(problem, 400, wrong);
    char *query = strchr(path, '?');
    if (query)
        *query++ = 0;
    head->path = *path ? path : "/";
    if (!is_encoded_well(head->path))
        return refuse(problem, 400, "the path has a % without two hexadecimal digits, or %00");
    return !query || read_queries(head, query, problem);
}

static bool read_version(struct http_head *head, const char *version,
                         struct http_problem *problem) {
    bool known = strncmp(version, "HTTP/", 5) == 0 && isdigit((unsigned char)version[5]) &&
                 version[6] == '.' && isdigit((unsigned char)version[7]) && !version[8];
    if (!known)
        return refuse(problem, 400, "the request line does not end with HTTP/1.1");
    if (version[5] != '1')
        return refuse(problem, 505, "the server speaks HTTP/1.1 only");
    head->minor = version[7] != '0';
    return true;
}

static bool read_request_line(struct http_head *head, char *line, struct http_problem *problem) {
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return refuse(problem, 400, "the request line is not METHOD TARGET HTTP/1.1");
    *target++ = 0;
    *version++ = 0;
    if (!is_token(line))
        return refuse(problem, 400, "the method is not a name");
    head->method = line;
    return read_version(head, version, problem) && read_target(head, target, problem);
}

/* ---- Headers ---- */

static bool read_header(struct http_head *head, char *line, struct http_problem *problem) {
    char *value = strchr(line, ':');
    if (!value)
        return refuse(problem, 400, "a header line has no colon");
    *value++ = 0;
    if (!is_token(line)) /* also: it begins with white space, or has some before the colon */
        return refuse(problem, 400, "a header's name has a character that no name may have");
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        value[--length] = 0;
    for (const char *at = value; *at; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return refuse(problem, 400, "a header's value has a control character");
    if (head->header_count == HTTP_MOST_HEADERS)
        return refuse(problem, 431, "there are too many headers");
    head->headers[head->header_count++] = (struct http_pair){line, value};
    return true;
}

const char *http_head_header(const struct http_head *head, const char *name) {
    for (int i = 0; i < head->header_count; i++)
        if (strcasecmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    return NULL;
}

const char *http_head_query(const struct http_head *head, const char *name) {
    for (int i = 0; i < head->query_count; i++)
        if (strcmp(head->queries[i].name, name) == 0)
            return head->queries[i].value;
    return NULL;
}

static int count_headers(const struct http_head *head, const char *name) {
    int count = 0;
    for (int i = 0; i < head->header_count; i++)
        count += strcasecmp(head->headers[i].name, name) == 0;
    return count;
}

/* Whether any header of that name lists the word. */
static bool lists(const struct http_head *head, const char *name, const char *word) {
    for (int i = 0; i < head->header_count; i++) {
        const char *at = head->headers[i].value;
        while (strcasecmp(head->headers[i].name, name) == 0 && *at) {
            at += strspn(at, ", \t");
            size_t length = strcspn(at, ", \t");
            if (length == strlen(word) && strncasecmp(at, word, length) == 0)
                return true;
            at += length;
        }
    }
    return false;
}

static bool check_host(const struct http_head *head, struct http_problem *problem) {
    const char *host = http_head_header(head, "Host");
    int count = count_headers(head, "Host");
    if (count > 1)
        return refuse(problem, 400, "there are two Host headers");
    if (count == 0 && head->minor > 0)
        return refuse(problem, 400, "there is no Host header");
    if (host && !is_authority(host, strlen(host)))
        return refuse(problem, 400, "the Host header is not a host");
    return true;
}

/* ---- How long the body is ---- */

static bool read_length(struct http_head *head, struct http_problem *problem) {
    const char *text = http_head_header(head, "Content-Length");
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    if (count_headers(head, "Content-Length") > 1 || !digits || text[digits])
        return refuse(problem, 400, "Content-Length: expected one decimal number");
    if (digits > 18)
        return refuse(problem, 413, "Content-Length: the number is too large");
    for (; *text; text++)
        head->body_bytes = head->body_bytes * 10 + (uint64_t)(*text - '0');
    return true;
}

/* Only "chunked" is known, which must be the last coding, and there once. */
static bool read_coding(struct http_head *head, struct http_problem *problem) {
    const char *coding = http_head_header(head, "Transfer-Encoding");
    bool has_chunked = lists(head, "Transfer-Encoding", "chunked");
    if (http_head_header(head, "Content-Length"))
        return refuse(problem, 400, "the body's length is given by two headers");
    if (head->minor == 0)
        return refuse(problem, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (count_headers(head, "Transfer-Encoding") > 1 || !*coding)
        return refuse(problem, 400, "Transfer-Encoding: expected one header");
    head->is_chunked = strcasecmp(coding, "chunked") == 0;
    if (head->is_chunked)
        return true;
    size_t length = strlen(coding);
    bool is_last = length > 7 && strcasecmp(coding + length - 7, "chunked") == 0 &&
                   strchr(", \t", coding[length - 8]);
    bool again = is_last && strcasestr(coding, "chunked") < coding + length - 7;
    if (has_chunked && (!is_last || again))
        return refuse(problem, 400, "Transfer-Encoding: chunked is not the last coding alone");
    return refuse(problem, 501, "Transfer-Encoding: only chunked is known");
}

static bool read_expectations(struct http_head *head, struct http_problem *problem) {
    bool closes = lists(head, "Connection", "close");
    head->keeps_open = !closes && (head->minor > 0 || lists(head, "Connection", "keep-alive"));
    const char *expects = http_head_header(head, "Expect");
    head->expects_continue = expects && head->minor > 0;
    if (expects && strcasecmp(expects, "100-continue") != 0)
        return refuse(problem, 417, "Expect: only 100-continue is known");
    return true;
}

bool http_head_read(char *bytes, size_t count, struct http_head *head,
                    struct http_problem *problem) {
    *head = (struct http_head){.method = "", .path = ""};
    char *end = bytes + count - 2; /* the empty line */
    bool good = true;
    for (char *line = bytes, *next; good && line < end; line = next) {
        char *stop = memchr(line, '\r', (size_t)(end - line));
        next = stop + 2;
        *stop = 0;
        good = line == bytes ? read_request_line(head, line, problem)
                             : read_header(head, line, problem);
    }
    if (!good)
        return false;
    bool coded = http_head_header(head, "Transfer-Encoding") != NULL;
    return check_host(head, problem) &&
           (coded ? read_coding(head, problem) : read_length(head, problem)) &&
           read_expectations(head, problem);
}

/* ---- Chunks ---- */

enum {
    AT_SIZE,
    AT_EXTENSION,
    AT_SIZE_END, /* its line feed */
    AT_DATA,
    AT_DATA_RETURN,
    AT_DATA_END,
    AT_TRAILER, /* the beginning of a line */
    AT_TRAILER_LINE,
    AT_TRAILER_END,
    AT_END, /* the last line feed */
    AT_WRONG,
};

static int after_size(struct http_chunks *chunks, char byte) {
    int digit = hex_digit(byte);
    if (digit >= 0 && chunks->digits < 15) {
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        chunks->digits++;
        return AT_SIZE;
    }
    if (digit >= 0 || !chunks->digits)
        return AT_WRONG;
    return byte == '\r' ? AT_SIZE_END : byte == ';' ? AT_EXTENSION : AT_WRONG;
}

static int after_extra(struct http_chunks *chunks, char byte, int same, int end) {
    if (byte == '\r')
        return end;
    bool control = ((unsigned char)byte < ' ' && byte != '\t') || byte == 0x7f;
    return control || ++chunks->extra > HTTP_CHUNK_EXTRA_BYTES ? AT_WRONG : same;
}

/* The state after that byte, which is none of a chunk's data. */
static int after_byte(struct http_chunks *chunks, char byte) {
    bool feed = byte == '\n';
    switch (chunks->state) {
    case AT_SIZE:
        return after_size(chunks, byte);
    case AT_EXTENSION:
        return after_extra(chunks, byte, AT_EXTENSION, AT_SIZE_END);
    case AT_SIZE_END:
        chunks->digits = 0;
        return !feed ? AT_WRONG : chunks->left ? AT_DATA : AT_TRAILER;
    case AT_DATA_RETURN:
        return byte == '\r' ? AT_DATA_END : AT_WRONG;
    case AT_DATA_END:
        return feed ? AT_SIZE : AT_WRONG;
    case AT_TRAILER:
        return after_extra(chunks, byte, AT_TRAILER_LINE, AT_END);
    case AT_TRAILER_LINE:
        return after_extra(chunks, byte, AT_TRAILER_LINE, AT_TRAILER_END);
    case AT_TRAILER_END:
        return feed ? AT_TRAILER : AT_WRONG;
    default:
        return AT_WRONG;
    }
}

static enum http_chunk take_data(struct http_chunks *chunks, const char **bytes, size_t *count,
                                 const char **data, size_t *data_bytes) {
    *data = *bytes;
    *data_bytes = *count < chunks->left ? *count : (size_t)chunks->left;
    *bytes += *data_bytes;
    *count -= *data_bytes;
    chunks->left -= *data_bytes;
    if (!chunks->left)
        chunks->state = AT_DATA_RETURN;
    return CHUNK_DATA;
}

enum http_chunk http_chunks_next(struct http_chunks *chunks, const char **bytes, size_t *count,
                                 const char **data, size_t *data_bytes) {
    while (*count) {
        if (chunks->state == AT_DATA)
            return take_data(chunks, bytes, count, data, data_bytes);
        char byte = *(*bytes)++;
        --*count;
        if (chunks->state == AT_END)
            return byte == '\n' ? CHUNK_END : CHUNK_BAD;
        chunks->state = after_byte(chunks, byte);
        if (chunks->state == AT_WRONG)
            return CHUNK_BAD;
    }
    return CHUNK_MORE;
}
