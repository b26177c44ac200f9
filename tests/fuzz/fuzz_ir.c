/* The loop IR as text: what is read prints, and, where verify_ir takes it, reads back as the same.
 */
#include "tests/fuzz/fuzz.h"

#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"

static void print_and_read(const char *text, struct text *printed) {
    struct et_error error = {0};
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    must(parse_ir(&ir, text, &error), "%s\n%s", error.message, text);
    print_ir(&ir, printed);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct arena arena = {0};
    struct ir ir = {.arena = &arena};
    struct text once = {0}, twice = {0};
    char *text = fuzz_text(data, size);
    bool good = parse_ir(&ir, text, &error);
    must(good || error.message[0], "no message");
    if (good)
        print_ir(&ir, &once);
    if (good && once.bytes && verify_ir(&ir, &error)) {
        print_and_read(once.bytes, &twice);
        must(strcmp(once.bytes, twice.bytes) == 0, "%s\n%s", once.bytes, twice.bytes);
    }
    text_free(&once);
    text_free(&twice);
    arena_free(&arena);
    free(text);
    return 0;
}
