/* Scalar functions of the emitted C, made from the forms of ops.def: the row that gives an
 * operation its meaning in the interpreter is the text that gives it its meaning here. */
#include "compiler/emit/emit.h"

#include <ctype.h>
#include <string.h>

const char *emit_scalar_call(struct emitter *emitter, enum op op, enum dtype dtype) {
    emitter->scalar_wanted[op][dtype] = true;
    return arena_format(emitter->ir->arena, "%s_%s", dtype_facts[dtype].short_name,
                        op_facts[op].name);
}

/* T, U, ONES and MINUS_1 of a form, for one dtype. */
static void add_word(struct text *text, const char *word, size_t length, enum dtype dtype) {
    static const char *const arithmetic[DTYPE_COUNT] = {
#define DTYPE(id, name, c, u, ...) [DTYPE_##id] = #u,
#include "compiler/graph/dtypes.def"
#undef DTYPE
    };
    static const char *const ones[DTYPE_COUNT] = {
#define DTYPE(id, name, c, u, all, ...) [DTYPE_##id] = #all,
#include "compiler/graph/dtypes.def"
#undef DTYPE
    };
    static const char *const minus_1[DTYPE_COUNT] = {
#define DTYPE(id, name, c, ...) [DTYPE_##id] = DTYPE_READS_MINUS_1(c) ? "0" : "-1",
#include "compiler/graph/dtypes.def"
#undef DTYPE
    };
    if (length == 1 && word[0] == 'T')
        text_add(text, "%s", dtype_facts[dtype].c_type);
    else if (length == 1 && word[0] == 'U')
        text_add(text, "%s", arithmetic[dtype]);
    else if (length == 4 && memcmp(word, "ONES", 4) == 0)
        text_add(text, "%s", ones[dtype]);
    else if (length == 7 && memcmp(word, "MINUS_1", 7) == 0)
        text_add(text, "%s", minus_1[dtype]);
    else
        text_add_bytes(text, word, length);
}

static void add_form(struct text *text, const char *form, enum dtype dtype) {
    size_t length = strlen(form);
    if (form[0] == '(' && form[length - 1] == ')') { /* the row's own parentheses */
        form++;
        length -= 2;
    }
    for (size_t at = 0; at < length;) {
        size_t word = 0;
        while (at + word < length &&
               (isalnum((unsigned char)form[at + word]) || form[at + word] == '_'))
            word++;
        if (word == 0) {
            text_add_bytes(text, form + at, 1);
            at++;
        } else {
            add_word(text, form + at, word, dtype);
            at += word;
        }
    }
}

static int form_operands(enum op op) {
    return op == OP_CONTRACT ? 3 : op_facts[op].class == CLASS_UNARY ? 1 : 2;
}

static void print_function(enum op op, enum dtype dtype, struct text *text) {
    static const char *const names[] = {"a", "b", "c"};
    const char *type = dtype_facts[dtype].c_type;
    bool truth = op_facts[op].gives != GIVES_SAME;
    text_add(text, "static inline %s %s_%s(", truth ? "uint8_t" : type,
             dtype_facts[dtype].short_name, op_facts[op].name);
    for (int i = 0; i < form_operands(op); i++)
        text_add(text, "%s%s %s", i ? ", " : "", type, names[i]);
    text_add(text, ") {\n    return ");
    add_form(text, op_form(op, dtype), dtype);
    text_add(text, ";\n}\n\n");
}

void emit_scalar_functions(struct emitter *emitter, struct text *text) {
    for (int op = 0; op < OP_COUNT; op++)
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
            if (emitter->scalar_wanted[op][dtype]) {
                emit_own_name(emitter, emit_scalar_call(emitter, (enum op)op, (enum dtype)dtype));
                print_function((enum op)op, (enum dtype)dtype, text);
            }
}
