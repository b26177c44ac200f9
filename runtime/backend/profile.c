#include "runtime/backend/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Copies the text up to the next line that begins so, and returns where that begins; NULL when
 * there is none. */
static const char *copy_until(struct text *text, const char *from, const char *beginning) {
    for (const char *line = from; *line; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, beginning, strlen(beginning)) == 0) {
            text_add_bytes(text, from, (size_t)(line - from));
            return line;
        }
        if (!line[strcspn(line, "\n")])
            break;
    }
    return NULL;
}

bool laps_add(const struct compiled *compiled, lap *function, int inputs, struct text *text) {
    char line[300], call[80] = "lap";
    const char *from = compiled->source;
    if (function)
        snprintf(call, sizeof call, "((void (*)(int))%#" PRIxPTR ")", (uintptr_t)function);
    else
        text_add(text, "static void (*lap)(int);\n");
    for (int i = 0; i < compiled->kernel_count && from; i++) {
        snprintf(line, sizeof line, "    %s(", compiled->kernels[i].name);
        from = copy_until(text, from, line);
        text_add(text, "    %s(%d);\n", call, i);
    }
    snprintf(line, sizeof line, "    %s_run(&named_inputs", compiled->prefix);
    from = from ? copy_until(text, from, line) : NULL;
    if (!from)
        return false;
    size_t length = strcspn(from, "\n");
    if (!function)
        text_add(text, "    lap = (void (*)(int))inputs[%d];\n", inputs);
    text_add_bytes(text, from, length);
    text_add(text, "\n    %s(%d);\n%s", call, compiled->kernel_count, from + length);
    return !text->failed;
}
