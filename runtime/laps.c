#include "laps.h"

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

bool laps_add(const struct compiled *compiled, int inputs, struct text *text) {
    char line[300];
    const char *from = compiled->source;
    text_add(text, "static void (*lap)(int);\n");
    for (int i = 0; i < compiled->kernel_count && from; i++) {
        snprintf(line, sizeof line, "    %s(", compiled->kernels[i].name);
        from = copy_until(text, from, line);
        text_add(text, "    lap(%d);\n", i);
    }
    snprintf(line, sizeof line, "    %s_run(&named_inputs", compiled->prefix);
    from = from ? copy_until(text, from, line) : NULL;
    if (!from)
        return false;
    size_t call = strcspn(from, "\n");
    text_add(text, "    lap = (void (*)(int))inputs[%d];\n", inputs);
    text_add_bytes(text, from, call);
    text_add(text, "\n    lap(%d);\n%s", compiled->kernel_count, from + call);
    return !text->failed;
}
