/* Names of models, inputs, outputs and weights that mean something else to a compiler: the
 * compilers are asked which those are, and must then take the C that is emitted of graphs that have
 * them. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/builder/builder.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "tests/support/golden.h"
#include "tests/support/random_graph.h"

/* ---- Words ---- */

/* Each once, in the order in which they came. */
struct words {
    struct arena arena;
    int count, capacity;
    const char **words;
    int place_count; /* a power of two */
    int *places;     /* by hash: positions from 1; 0: free */
};

static size_t hash_of(const char *word, size_t length) {
    size_t hash = 0;
    for (size_t i = 0; i < length; i++)
        hash = hash * 31 + (unsigned char)word[i];
    return hash;
}

static int *word_place(struct words *words, const char *word, size_t length) {
    size_t at = hash_of(word, length);
    for (;; at++) {
        int *place = &words->places[at & (size_t)(words->place_count - 1)];
        const char *there = *place ? words->words[*place - 1] : NULL;
        if (!there || (strncmp(there, word, length) == 0 && !there[length]))
            return place;
    }
}

static void grow_places(struct words *words) {
    if (2 * words->count < words->place_count)
        return;
    words->place_count = words->place_count ? 2 * words->place_count : 1024;
    words->places = arena_array(&words->arena, int, (size_t)words->place_count);
    for (int i = 0; i < words->count; i++)
        *word_place(words, words->words[i], strlen(words->words[i])) = i + 1;
}

static void add_word(struct words *words, const char *word, size_t length) {
    grow_places(words);
    int *place = word_place(words, word, length);
    if (*place)
        return;
    words->words = arena_extend(&words->arena, words->words, words->count, &words->capacity,
                                sizeof *words->words);
    words->words[words->count++] = arena_format(&words->arena, "%.*s", (int)length, word);
    *place = words->count;
}

static size_t word_length(const char *text) {
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_')
        length++;
    return isdigit((unsigned char)text[0]) ? 0 : length;
}

/* Every identifier in a text. */
static void add_identifiers(struct words *words, const char *text) {
    for (size_t length; *text; text += length ? length : 1) {
        length = word_length(text);
        if (length > 0)
            add_word(words, text, length);
        else
            while (isdigit((unsigned char)*text) && isalnum((unsigned char)text[1]))
                text++; /* 0x1p, 12u */
    }
}

static void words_free(struct words *words) {
    arena_free(&words->arena);
}

/* ---- Compilers ---- */

/* In a folder of the test's own; with what comes of it in `said`. */
static int run(struct text *said, const char *command) {
    struct et_error error = {0};
    int status = 0;
    cr_assert(process_run((const char *[]){"sh", "-c", command, NULL}, said, &status, &error), "%s",
              error.message);
    return status;
}

static void write_part(const struct scratch *scratch, const char *name, const char *text) {
    struct et_error error = {0};
    cr_assert(scratch_write(scratch, name, text, strlen(text), &error), "%s", error.message);
}

static void must_run(const char *command) {
    struct text said = {0};
    cr_expect_eq(run(&said, command), 0, "%s\n%.2000s", command, said.bytes ? said.bytes : "");
    text_free(&said);
}

static char *read_part(const struct scratch *scratch, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch->path, name);
    return read_golden(path);
}

/* Everything that emitted text includes, and what a caller's is likely to. */
static const char probe[] = "#include <errno.h>\n#include <limits.h>\n#include <math.h>\n"
                            "#include <pthread.h>\n#include <signal.h>\n#include <stddef.h>\n"
                            "#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
                            "#include <string.h>\n#include <sys/stat.h>\n#include <time.h>\n"
                            "#include <unistd.h>\n"
                            "#ifndef __cplusplus\n#include <complex.h>\n#include <stdatomic.h>\n"
                            "#include <stdalign.h>\n#include <stdbool.h>\n#endif\n"
                            "#ifdef __SSE__\n#include <immintrin.h>\n#endif\n"
                            "#ifdef __ARM_NEON\n#include <arm_neon.h>\n#endif\n";

/* The names of all macros. */
static void add_macros(struct words *words, const struct scratch *scratch) {
    static const char *const compilers[] = {
        "gcc -std=c11", "gcc -D_GNU_SOURCE", "clang -std=c11",    "clang -D_GNU_SOURCE",
        "g++ -x c++",   "clang++ -x c++",    "gcc -march=native", "clang -march=native",
    };
    write_part(scratch, "probe.c", probe);
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
        char command[512];
        snprintf(command, sizeof command, "%s -dM -E %s/probe.c >%s/macros", compilers[i],
                 scratch->path, scratch->path);
        must_run(command);
        char *macros = read_part(scratch, "macros");
        for (const char *at = macros; (at = strstr(at, "#define ")); at += 8)
            add_word(words, at + 8, word_length(at + 8));
        et_release(macros);
    }
}

/* Words in the compilers themselves, among which must be those that they know as keywords. */
static void add_candidates(struct words *words, const struct scratch *scratch) {
    static const char *const programs[] = {"cc1", "cc1plus"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char command[512];
        snprintf(command, sizeof command,
                 "LC_ALL=C tr -c 'a-zA-Z0-9_' '\\n' <\"$(gcc -print-prog-name=%s)\" | "
                 "LC_ALL=C grep -xE '[a-z][a-z0-9_]{1,24}' | LC_ALL=C sort -u >%s/words",
                 programs[i], scratch->path);
        must_run(command);
        char *text = read_part(scratch, "words");
        add_identifiers(words, text);
        et_release(text);
    }
}

/* Those of the candidates that a compiler does not take as the name of a field. */
static void add_refused(struct words *words, const struct words *candidates,
                        const struct scratch *scratch, const char *compiler) {
    struct text source = {0}, said = {0};
    for (int i = 0; i < candidates->count; i++)
        text_add(&source, "struct s%d_ { int %s; };\n", i, candidates->words[i]);
    write_part(scratch, "fields.c", source.bytes);
    text_free(&source);
    char command[512];
    snprintf(command, sizeof command,
             "%s -w -fsyntax-only %s/fields.c 2>&1 | sed -n 's/.*fields.c:\\([0-9]*\\):.*error.*/"
             "\\1/p' | sort -un",
             compiler, scratch->path);
    run(&said, command);
    for (const char *at = said.bytes; at && *at; at += strcspn(at, "\n") + 1) {
        const char *word = candidates->words[atoi(at) - 1];
        add_word(words, word, strlen(word));
    }
    text_free(&said);
}

static void add_keywords(struct words *words, const struct scratch *scratch) {
    static const char *const compilers[] = {
        "gcc -std=gnu11 -fmax-errors=0",
        "gcc -std=gnu2x -fmax-errors=0",
        "clang -std=gnu2x -ferror-limit=0",
        "g++ -x c++ -std=gnu++20 -fmax-errors=0",
        "clang++ -x c++ -std=gnu++20 -ferror-limit=0",
    };
    struct words candidates = {0};
    int before = words->count;
    add_candidates(&candidates, scratch);
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++)
        add_refused(words, &candidates, scratch, compilers[i]);
    printf("%d keywords among %d words\n", words->count - before, candidates.count);
    words_free(&candidates);
}

/* ---- Graphs with such names ---- */

enum role { INPUTS, OUTPUTS, WEIGHTS, ROLES };

static struct graph *graph_with(const struct words *words, enum role role) {
    struct et_error error = {0};
    struct graph *graph = graph_new("names");
    cr_assert(graph);
    for (int i = 0; i < words->count; i++) {
        static const float element = 1;
        char other[32];
        snprintf(other, sizeof other, "other.%d", i);
        struct node leaf = {.op = role == WEIGHTS ? OP_WEIGHT : OP_INPUT,
                            .name = role == OUTPUTS ? other : words->words[i],
                            .dtype = DTYPE_FLOAT32,
                            .rank = 1,
                            .shape = {1}};
        struct node *x = graph_append(graph, &leaf, &error);
        cr_assert(x, "%s", error.message);
        if (role == WEIGHTS)
            x->value = &element;
        struct node twice = {.op = OP_ADD, .sources = (struct node *[]){x, x}, .source_count = 2};
        struct node *y = graph_append(graph, &twice, &error);
        cr_assert(y &&
                      graph_add_output(graph, role == OUTPUTS ? words->words[i] : other, y, &error),
                  "%s", error.message);
    }
    return graph;
}

/* Takes the graph. */
static struct compiled *compile_names(struct graph *graph, const struct compile_options *options) {
    struct et_error error = {0};
    struct compiled *compiled = compile(graph, options, &error);
    cr_assert(compiled, "%s", error.message);
    graph_free(graph);
    return compiled;
}

/* The text for C compilers, and a caller in C++ that includes what it likes. */
static void expect_compiles(const struct compiled *compiled, const struct scratch *scratch) {
    static const char *const compilers[] = {
        "gcc -std=c11 -Wall -Werror -fsyntax-only -U__SSE__ names.c",
        "clang -std=c11 -Wall -Werror -D_GNU_SOURCE -fsyntax-only -U__SSE__ names.c",
        "g++ -x c++ -std=c++20 -fsyntax-only -U__SSE__ names.c",
        "g++ -x c++ -fsyntax-only -include probe.c names.h",
        "clang++ -x c++ -fsyntax-only -include probe.c names.h",
        "gcc -fsyntax-only -D_GNU_SOURCE -include probe.c -x c names.h",
    };
    write_part(scratch, "probe.c", probe);
    write_part(scratch, "names.c", compiled->source);
    write_part(scratch, "names.h", compiled->header);
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
        char command[512];
        snprintf(command, sizeof command, "cd %s && %s", scratch->path, compilers[i]);
        must_run(command);
    }
}

static void expect_builds(const struct compiled *compiled) {
    struct et_error error = {0};
    struct executable executable = {0};
    cr_expect(backend_build(&backends[BACKEND_JIT], compiled, NULL, &executable, &error), "%s",
              error.message);
    executable_free(&executable);
}

static void with_words(enum role role) {
    struct et_error error = {0};
    struct scratch scratch;
    struct words words = {0};
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    add_macros(&words, &scratch);
    add_keywords(&words, &scratch);
    cr_expect_gt(words.count, 1000);
    struct compile_options options = {0};
    struct compiled *compiled = compile_names(graph_with(&words, role), &options);
    expect_compiles(compiled, &scratch);
    compiled_free(compiled);
    options.backend = &emit_calls;
    compiled = compile_names(graph_with(&words, role), &options);
    expect_builds(compiled);
    compiled_free(compiled);
    words_free(&words);
    scratch_remove(&scratch);
}

Test(names, inputs_may_be_called_as_compilers_say, .timeout = 300) {
    with_words(INPUTS);
}

Test(names, outputs_may_be_called_as_compilers_say, .timeout = 300) {
    with_words(OUTPUTS);
}

Test(names, weights_may_be_called_as_compilers_say, .timeout = 300) {
    with_words(WEIGHTS);
}

/* ---- The text's own names ---- */

/* What of a graph has a name. */
static int named_count(const struct graph *graph) {
    int count = graph->output_count;
    for (int i = 0; i < graph->node_count; i++)
        count += graph->nodes[i]->op == OP_INPUT || graph->nodes[i]->op == OP_WEIGHT;
    return count;
}

/* The word of that position; beyond the last, a name that no text has. */
static const char *word_or_other(struct graph *graph, const struct words *words, int position) {
    return position < words->count ? arena_copy_text(&graph->arena, words->words[position])
                                   : arena_format(&graph->arena, "other.%d", position);
}

/* Gives the words, from the first on, to all that has a name. */
static void rename_graph(struct graph *graph, const struct words *words, int first) {
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_INPUT || graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->name = word_or_other(graph, words, first++);
    for (int i = 0; i < graph->output_count; i++)
        graph->outputs[i].name = word_or_other(graph, words, first++);
}

static struct graph *random_of(uint64_t seed) {
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error);
    cr_assert(graph, "%s", error.message);
    return graph;
}

typedef void try_compiled(const struct compiled *compiled, const struct scratch *scratch);

/* A graph whose tensors have, one after the other, every name that its text has. */
static void with_own_words(uint64_t seed, const struct emit_backend *backend, try_compiled *try,
                           const struct scratch *scratch) {
    struct words words = {0};
    const struct compile_options options = {.backend = backend, .prefix = "names"};
    struct graph *graph = random_of(seed);
    const int step = named_count(graph);
    rename_graph(graph, &words, 0);
    struct compiled *compiled = compile_names(graph, &options);
    for (int i = 0; i < compiled->kernel_count; i++)
        add_identifiers(&words, compiled->kernels[i].source);
    compiled_free(compiled);
    for (int first = 0; first < words.count; first += step) {
        graph = random_of(seed);
        rename_graph(graph, &words, first);
        compiled = compile_names(graph, &options);
        try(compiled, scratch);
        compiled_free(compiled);
    }
    words_free(&words);
}

static void try_loops(const struct compiled *compiled, const struct scratch *scratch) {
    char command[512];
    write_part(scratch, "names.c", compiled->source);
    write_part(scratch, "names.h", compiled->header);
    snprintf(command, sizeof command, "gcc -fsyntax-only -Werror -U__SSE__ %s/names.c",
             scratch->path);
    must_run(command);
}

static void try_calls(const struct compiled *compiled, const struct scratch *scratch) {
    (void)scratch;
    expect_builds(compiled);
}

Test(names, tensors_may_be_called_as_the_text_calls_its_own, .timeout = 300) {
    struct et_error error = {0};
    struct scratch scratch;
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    for (uint64_t seed = 1; seed <= 8; seed++)
        with_own_words(seed, &emit_loops, try_loops, &scratch);
    for (uint64_t seed = 1; seed <= 60; seed++)
        with_own_words(seed, &emit_calls, try_calls, &scratch);
    scratch_remove(&scratch);
}

/* ---- Names of models ---- */

static struct graph *small_graph(const char *name) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new(name);
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(BATCH, 64));
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(64));
    struct graph *graph =
        compile_to_graph(context, OUTPUTS({"y", tensor_exp(tensor_mul(x, w))}), &error);
    cr_assert(graph, "%s", error.message);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = arena_allocate(&graph->arena, 64 * sizeof(float), 1);
    return graph;
}

/* Models whose functions would have the text's own names, if it had any that end as theirs do. */
static void add_stems(struct words *words, const char *source) {
    static const char *const ends[] = {"_run",    "_run_array", "_run_on",      "_run_on_array",
                                       "_inputs", "_outputs",   "_run_step",    "_run_step_array",
                                       "_pool",   "_pool_new",  "_pool_free",   "_metadata",
                                       "_STEPS",  "_H",         "_ARENA_BYTES", "_WEIGHTS_BYTES"};
    struct words all = {0};
    add_identifiers(&all, source);
    for (int i = 0; i < all.count; i++)
        for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
            size_t length = strlen(all.words[i]), end = strlen(ends[e]);
            if (length > end && strcmp(all.words[i] + length - end, ends[e]) == 0)
                add_word(words, all.words[i], length - end);
        }
    words_free(&all);
}

static void try_model(const char *name, const struct scratch *scratch) {
    static const struct compile_options options = {.threads = 2, .pool = true};
    struct compiled *compiled = compile_names(small_graph(name), &options);
    char file[160], command[1024];
    snprintf(file, sizeof file, "%s.h", compiled->prefix);
    write_part(scratch, file, compiled->header);
    snprintf(file, sizeof file, "%s.c", compiled->prefix);
    write_part(scratch, file, compiled->source);
    snprintf(command, sizeof command,
             "cd %s && gcc -std=c11 -I. -Wall -Werror -fsyntax-only -U__SSE__ %s.c && "
             "printf '#include \"%s.h\"\\nint main() {}\\n' >main.cc && "
             "g++ -I. -D_GNU_SOURCE -include probe.c -fsyntax-only main.cc && rm -f %s.?",
             scratch->path, compiled->prefix, compiled->prefix, compiled->prefix);
    must_run(command);
    compiled_free(compiled);
}

Test(names, models_may_be_called_anything, .timeout = 300) {
    static const char *const models[] = {"pool", "unix",   "linux",   "operator",  "int",
                                         "math", "string", "pthread", "immintrin", "run",
                                         "NULL", "M",      "tile",    "7",         "..."};
    struct et_error error = {0};
    struct scratch scratch;
    struct words words = {0};
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    write_part(&scratch, "probe.c", probe);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        add_word(&words, models[i], strlen(models[i]));
    const struct compile_options options = {.threads = 2, .pool = true};
    struct compiled *compiled = compile_names(small_graph("stem"), &options);
    add_stems(&words, compiled->source);
    compiled_free(compiled);
    for (int i = 0; i < words.count; i++)
        try_model(words.words[i], &scratch);
    words_free(&words);
    scratch_remove(&scratch);
}

/* No header that compilers find without a folder is one that a model's would stand in for. */
Test(names, models_are_not_called_as_headers) {
    struct et_error error = {0};
    struct scratch scratch;
    struct text said = {0};
    char command[512];
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    write_part(&scratch, "probe.c", probe);
    snprintf(command, sizeof command,
             "gcc -M %s/probe.c | tr ' ' '\\n' | sed -n 's|.*include/\\([a-z0-9_]*\\)\\.h$|\\1|p'",
             scratch.path);
    cr_assert_eq(run(&said, command), 0);
    struct words words = {0};
    add_identifiers(&words, said.bytes ? said.bytes : "");
    cr_expect_gt(words.count, 20);
    for (int i = 0; i < words.count; i++) {
        struct compile_options options = {0};
        struct compiled *compiled = compile_names(small_graph(words.words[i]), &options);
        cr_expect_neq(strcmp(compiled->prefix, words.words[i]), 0, "%s", words.words[i]);
        compiled_free(compiled);
    }
    words_free(&words);
    text_free(&said);
    scratch_remove(&scratch);
}

/* ---- What stays ---- */

/* Whether an input of that name has this field. */
static bool is_field(const char *name, const char *field) {
    struct words words = {0};
    add_word(&words, name, strlen(name));
    const struct compile_options options = {0};
    struct compiled *compiled = compile_names(graph_with(&words, INPUTS), &options);
    char line[512];
    snprintf(line, sizeof line, "*%s;", field);
    bool found = strstr(compiled->header, line) != NULL;
    compiled_free(compiled);
    words_free(&words);
    return found;
}

Test(names, ordinary_names_stay) {
    static const char *const names[] = {"x",      "input_image", "logits",      "X",
                                        "W",      "Input3",      "bias",        "data",
                                        "output", "weight",      "W_q",         "hidden_state",
                                        "ids",    "index",       "logits2d_out"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(is_field(names[i], names[i]), "%s", names[i]);
    cr_expect(is_field("layers.0.weight", "layers_0_weight"));
    cr_expect(is_field("NULL", "NULL_"));
    cr_expect(is_field("delete", "delete_"));
}

Test(names, long_names_are_cut) {
    char first[251], second[251];
    memset(first, 'x', 250);
    first[250] = 0;
    memcpy(second, first, sizeof first);
    second[249] = 'y';
    const struct compile_options options = {0};
    struct compiled *one = compile_names(small_graph(first), &options);
    struct compiled *other = compile_names(small_graph(second), &options);
    cr_expect_leq(strlen(one->prefix), MOST_NAME_KEPT);
    cr_expect_leq(strlen(other->prefix), MOST_NAME_KEPT);
    cr_expect_str_neq(one->prefix, other->prefix);
    compiled_free(one);
    compiled_free(other);
}
