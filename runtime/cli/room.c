/* --budget: whether a model fits into a machine's flash and RAM, and what would make it fit. */
#include "runtime/cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More than any machine has; so many MiB are still an int64_t of bytes. */
#define MOST_ROOM (INT64_MAX >> 24)

/* "64K" or "1M" or bytes; false: it is none of these. */
static bool read_bytes(const char *text, size_t length, int64_t *bytes) {
    int64_t value = 0;
    size_t i = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9' && value < MOST_ROOM; i++)
        value = 10 * value + (text[i] - '0');
    const char *unit = i + 1 == length ? strchr("KM", text[i]) : NULL;
    if (i == 0 || (i < length && !unit))
        return false;
    *bytes = !unit ? value : *unit == 'K' ? value << 10 : value << 20;
    return *bytes > 0;
}

bool room_parse(const char *text, struct room *room) {
    *room = (struct room){0};
    for (const char *at = text; *at; at += strcspn(at, ",")) {
        at += *at == ',';
        const size_t end = strcspn(at, ","), name = strcspn(at, "=,");
        int64_t *bytes = name == 3 && strncmp(at, "ram", 3) == 0     ? &room->ram
                         : name == 5 && strncmp(at, "flash", 5) == 0 ? &room->flash
                                                                     : NULL;
        if (!bytes || name == end || !read_bytes(at + name + 1, end - name - 1, bytes))
            return false;
    }
    return room->ram || room->flash;
}

/* What a model takes. */
struct need {
    int64_t weights, code, arena, stack, tensors;
};

static int64_t flash_of(const struct need *need) {
    return need->weights + need->code;
}

static int64_t ram_of(const struct need *need) {
    return need->arena + need->stack + need->tensors;
}

static bool fits(const struct room *room, const struct need *need) {
    return (!room->flash || flash_of(need) <= room->flash) &&
           (!room->ram || ram_of(need) <= room->ram);
}

static struct need need_of(const struct et_program *program, const struct compiled *compiled) {
    struct need need = {.weights = (int64_t)compiled->weights_bytes,
                        .code = (int64_t)compiled->code_bytes,
                        .arena = (int64_t)compiled->arena_bytes,
                        .stack = (int64_t)compiled->stack_bytes};
    for (int i = 0; i < et_program_input_count(program); i++)
        need.tensors += (int64_t)et_program_input(program, i).bytes;
    for (int i = 0; i < et_program_output_count(program); i++)
        need.tensors += (int64_t)et_program_output(program, i).bytes;
    return need;
}

/* Rewrites that make a model smaller: what is left of weights, and of the arena, one in so many. */
static const struct smaller {
    const char *command;
    int weights, arena;
} rewrites[] = {
    {"rewrite store-weights --type=float16", 2, 1},
    {"rewrite quantize", 4, 4},
};

/* Whether it multiplies integers already. */
static bool is_quantised(const struct et_program *program) {
    const struct graph *graph = program_graph(program);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_CONTRACT && dtype_is_integer(graph->nodes[i]->dtype))
            return true;
    return false;
}

static void add_advice(struct text *text, const struct room *room, const struct need *need,
                       const struct et_program *program) {
    for (size_t i = 0; i < sizeof rewrites / sizeof *rewrites && !is_quantised(program); i++) {
        struct need less = *need;
        less.weights /= rewrites[i].weights;
        less.arena /= rewrites[i].arena;
        if (!fits(room, &less))
            continue;
        text_add(text,
                 "; `eigentensor %s` would make it fit: about %" PRId64
                 " bytes of flash and %" PRId64 " of RAM",
                 rewrites[i].command, flash_of(&less), ram_of(&less));
        return;
    }
    text_add(text, "; no rewrite that there is would make it fit");
}

bool room_check(const struct room *room, const struct et_program *program,
                const struct compiled *compiled, struct et_error *error) {
    const struct need need = need_of(program, compiled);
    struct text text = {0};
    if (!compiled->stack_bytes)
        return et_fail(error, "--budget: expected a --target without vectors, as cortex-m4, of "
                              "which is known what a run takes");
    if (fits(room, &need))
        return true;
    text_add(&text, "%s: does not fit:", et_program_name(program));
    if (room->flash && flash_of(&need) > room->flash)
        text_add(&text,
                 " flash: %" PRId64 " bytes given, %" PRId64 " needed: %" PRId64
                 " of weights and about %" PRId64 " of code",
                 room->flash, flash_of(&need), need.weights, need.code);
    if (room->ram && ram_of(&need) > room->ram)
        text_add(&text,
                 "%s RAM: %" PRId64 " bytes given, %" PRId64 " needed: %" PRId64
                 " of arena, %" PRId64 " of stack and %" PRId64 " of inputs and outputs",
                 room->flash && flash_of(&need) > room->flash ? ";" : "", room->ram, ram_of(&need),
                 need.arena, need.stack, need.tensors);
    add_advice(&text, room, &need, program);
    const char *said = text_read(&text, error);
    if (said)
        et_fail(error, "%s", said);
    text_free(&text);
    return false;
}
