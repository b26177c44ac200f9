/* eigentensor inspect: what is in a model, and what the compiler makes of it. */
#include "runtime/cli/cli.h"

#include "compiler/emit/backend.h"
#include "compiler/store/open_graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum inspect_section {
    SECTION_SUMMARY = 1 << 0,
    SECTION_KERNELS = 1 << 1,
    SECTION_PLAN = 1 << 2,
    SECTION_COST = 1 << 3,
    SECTION_ALL = SECTION_SUMMARY | SECTION_KERNELS | SECTION_PLAN,
};

struct inspect_arguments {
    struct common common;
    struct cli_sizes sizes;
    unsigned sections;
    const char *dot;
    bool operations;
};

enum { KEY_SUMMARY = 256, KEY_KERNELS, KEY_PLAN, KEY_COST };
static const struct argp_option options[] = {
    {"summary", KEY_SUMMARY, 0, 0, "Only the summary", 0},
    {"kernels", KEY_KERNELS, 0, 0, "Only the table of kernels", 0},
    {"plan", KEY_PLAN, 0, 0, "Only the memory plan", 0},
    {"cost", KEY_COST, 0, 0,
     "Only what each contraction could choose from, by the cost model, and the choice", 0},
    {"dot", 'd', "graph|kernels", 0,
     "Write the nodes of the graph, or the kernels they became, for Graphviz", 0},
    THREADS_OPTION("Show what it becomes for N threads that share a run"),
    {"operations", 'o', 0, 0, "Write what each operation of a graph means; needs no model", 0},
    TUNED_OPTION("Take the choices in FILE, which `eigentensor tune -o` wrote"),
    WEIGHTS_OPTION,
    AXES_OPTION,
    {0}};

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct inspect_arguments *arguments = input;
    switch (key) {
    case KEY_SUMMARY:
        arguments->sections |= SECTION_SUMMARY;
        return 0;
    case KEY_KERNELS:
        arguments->sections |= SECTION_KERNELS;
        return 0;
    case KEY_PLAN:
        arguments->sections |= SECTION_PLAN;
        return 0;
    case KEY_COST:
        arguments->sections |= SECTION_COST;
        return 0;
    case 'd':
        if (strcmp(argument, "graph") != 0 && strcmp(argument, "kernels") != 0)
            argp_error(state, "%s: expected graph or kernels", argument);
        arguments->dot = argument;
        return 0;
    case 'o':
        arguments->operations = true;
        arguments->common.model.optional = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .takes_sets = true,
    .parse = parse,
    .arguments = "MODEL.json\n--operations",
    .about =
        "Shows a model's identity, inputs and outputs, the kernels it compiles to, and how much "
        "memory they work in.\v"
        "  eigentensor inspect mnist.json\n"
        "  eigentensor inspect mnist.json --dot=kernels | dot -Tsvg -o kernels.svg\n"
        "  eigentensor inspect encoder.onnx --axis batch=N --axis seq_len=1,16,128\n\n"
        "Of several sizes it shows the text that `eigentensor emit` writes for all of them, and "
        "what each would take alone.",
};

/* ---- Summary ---- */

static void print_tensors(const char *kind, int count, const struct et_program *program,
                          struct et_tensor (*at)(const struct et_program *, int),
                          bool (*scale_of)(const struct et_program *, int, float *, int64_t *)) {
    for (int i = 0; i < count; i++) {
        struct et_tensor tensor = at(program, i);
        float scale;
        int64_t zero;
        printf("%-12s%s %s", kind, tensor.name, facts_text(&tensor).text);
        if (scale_of(program, i, &scale, &zero))
            printf(", scale %.9g, zero %" PRId64, (double)scale, zero);
        printf("\n");
    }
}

/* Which outputs are cut to what a run finds. */
static void print_counts(const struct graph *graph) {
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i].count)
            printf("%-12s%s: along axis %d as many as %s says\n", "count", graph->outputs[i].name,
                   graph->outputs[i].counted_axis,
                   graph->outputs[graph->outputs[i].count - 1].name);
}

struct parameters {
    int tensors;
    int64_t elements, bytes;
};

static struct parameters count_parameters(const struct graph *graph) {
    struct parameters parameters = {0};
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        parameters.tensors++;
        parameters.elements += node_elements(node);
        parameters.bytes += node_bytes(node);
    }
    return parameters;
}

static void print_contents(const struct graph *graph) {
    struct parameters parameters = count_parameters(graph);
    printf("%-12s%d\n", "nodes", graph->node_count);
    printf("%-12s%" PRId64 " in %d tensors, %" PRId64 " bytes\n", "parameters", parameters.elements,
           parameters.tensors, parameters.bytes);
}

/* What became of each axis that was named. */
static void print_axes(const struct cli_model *model) {
    for (int i = 0; i < model->axis_count; i++) {
        const struct et_axis *axis = &model->axes[i];
        if (axis->size == ET_BATCH)
            printf("%-12s%s: one text serves every size\n", "axis", axis->name);
        else
            printf("%-12s%s: %" PRId64 "\n", "axis", axis->name, axis->size);
    }
    for (int i = 0; i < model->set_count; i++)
        printf("%-12s%s: a text for each of %" PRId64 " sizes\n", "axis", model->sets[i].name,
               axis_size_count(&model->sets[i]));
}

static void print_summary(const struct cli_model *model) {
    const struct et_program *program = model->program;
    printf("%-12s%s\n", "model", et_program_name(program));
    printf("%-12s%s\n", "digest", et_program_digest(program));
    printf("%-12s%s\n", "uuid", et_program_uuid(program));
    print_axes(model);
    print_tensors("input", et_program_input_count(program), program, et_program_input,
                  et_program_input_scale);
    print_tensors("output", et_program_output_count(program), program, et_program_output,
                  et_program_output_scale);
    print_counts(program_graph(program));
    print_contents(program_graph(program));
}

/* ---- The summary of a graph whose axes are open ---- */

static void add_open_tensor(struct text *text, const char *kind, const char *name,
                            const struct open_graph *open, const struct node *node) {
    text_add(text, "%-12s%s %s[", kind, name, dtype_facts[node->dtype].name);
    for (int i = 0; i < node->rank; i++) {
        const struct size *size = open_integer_find(&open->nodes[node->id], PLACE_SHAPE, i);
        text_add(text, "%s", i ? "," : "");
        if (size)
            size_add_text(text, size, &open->axes);
        else if (node->batched && i == 0)
            text_add(text, BATCH_SYMBOL);
        else
            text_add(text, "%" PRId64, node->shape[i]);
    }
    text_add(text, "]\n");
}

static bool print_open(const struct open_graph *open, struct et_error *error) {
    const struct graph *graph = open->graph;
    struct digest digest;
    struct text text = {0};
    if (!open_graph_digest(open, &digest, error))
        return false;
    text_add(&text, "%-12s%s\n", "model", graph->name);
    text_add(&text, "%-12s%s\n", "digest", digest_hex(&digest).text);
    for (int i = 0; i < open->axes.count; i++) {
        text_add(&text, "%-12s%s ", "axis", open->axes.axes[i].name);
        open_axis_add_bounds(&text, &open->axes.axes[i]);
        text_add(&text, "\n");
    }
    for (int i = 0; i < graph->input_count; i++)
        add_open_tensor(&text, "input", graph->inputs[i]->name, open, graph->inputs[i]);
    for (int i = 0; i < graph->output_count; i++)
        add_open_tensor(&text, "output", graph->outputs[i].name, open, graph->outputs[i].node);
    const char *bytes = text_read(&text, error);
    if (bytes) {
        fputs(bytes, stdout);
        print_counts(graph);
        print_contents(graph);
        printf("\nGive each axis a size, as --axis %s=%" PRId64
               ", to see what it is compiled to there.\n",
               open->axes.axes[0].name, open->axes.axes[0].most);
    }
    text_free(&text);
    return bytes != NULL;
}

/* ---- Kernels ---- */

static void print_shortened(const char *text, int width) {
    int length = (int)strlen(text);
    if (length > width)
        printf("%.*s...", width - 3, text);
    else
        printf("%s", text);
}

static void print_kernel(const struct kernel_facts *facts) {
    printf("%-34s %12" PRId64 " %11" PRId64 " %11" PRId64 "  %s\n    ", facts->name, facts->flops,
           facts->bytes_read, facts->bytes_written, facts->nodes);
    if (facts->source[0])
        print_shortened(facts->formula, 94);
    else
        printf("as above");
    printf("\n");
    if (facts->steps)
        printf("    in each of %s%" PRId64 " steps\n", facts->may_end ? "at most " : "",
               facts->steps);
}

static void print_kernels_of(const struct kernel_facts *kernels, int count, bool batched) {
    int64_t flops = 0;
    for (int i = 0; i < count; i++) {
        const struct kernel_facts *facts = &kernels[i];
        if (i ? facts->images != facts[-1].images : facts->images > 0)
            printf("block of %" PRId64 ":\n", facts->images);
        print_kernel(facts);
        if (facts->images <= 1)
            flops = add_flops_of_run(flops, facts);
    }
    printf("%-34s %12" PRId64 "\n", batched ? "an image" : "all", flops);
}

static void print_kernels(const struct cli_sizes *sizes, const struct compiled *compiled) {
    printf("%-34s %12s %11s %11s  nodes\n", "kernel", "flop", "bytes in", "bytes out");
    for (int i = 0; i < compiled->variant_count; i++) {
        const struct sized_variant *variant = &compiled->variants[i];
        if (compiled->axis_count)
            printf("at %s:\n", sizes->items[i].name);
        print_kernels_of(compiled->kernels + variant->first_kernel, variant->kernel_count,
                         variant->block_count > 0);
    }
}

/* ---- Memory ---- */

/* From how many images on each block takes over. */
static void print_blocks(const struct compiled *compiled) {
    printf("%-12s", "blocks");
    for (int i = 0; i < compiled->block_count; i++) {
        const struct block *block = &compiled->blocks[i];
        printf("%s%" PRId64, i ? ", " : "", block->images);
        if (block->least < block->images)
            printf(" (from %" PRId64 " on)", block->least);
    }
    printf(" image%s\n", compiled->blocks[0].images == 1 ? "" : "s");
}

static size_t tensor_bytes(const struct et_program *program) {
    size_t bytes = 0;
    for (int i = 0; i < et_program_input_count(program); i++)
        bytes += et_program_input(program, i).bytes;
    for (int i = 0; i < et_program_output_count(program); i++)
        bytes += et_program_output(program, i).bytes;
    return bytes;
}

/* The peak is that of a running program: the stored weights are not needed then. */
static void print_plan(const struct et_program *program, const struct compiled *compiled) {
    if (compiled->block_count)
        print_blocks(compiled);
    size_t arena = compiled->arena_bytes, bound = compiled->arena_lower_bound;
    size_t tensors = tensor_bytes(program);
    printf("%-12s%zu bytes; no plan can do with less than %zu", "arena", arena, bound);
    if (bound)
        printf(" (%+.2f %%)", 100 * ((double)arena / (double)bound - 1));
    printf("\n%-12s%" PRId64 " bytes as stored, %zu as compiled\n", "weights",
           count_parameters(program_graph(program)).bytes, compiled->weights_bytes);
    printf("%-12s%zu bytes: arena, weights as compiled, %zu of inputs and outputs\n", "peak",
           arena + compiled->weights_bytes + tensors, tensors);
    if (compiled->plan)
        printf("\n%s", compiled->plan);
}

/* ---- Several sizes ---- */

/* Kernels that stand at no size before. */
static int own_kernels(const struct compiled *compiled, const struct sized_variant *variant) {
    int count = 0;
    for (int i = 0; i < variant->kernel_count; i++)
        count += compiled->kernels[variant->first_kernel + i].source[0] != '\0';
    return count;
}

/* A line a size: what it adds to the text, and its weights if it were compiled by itself. */
static bool print_size(const struct inspect_arguments *arguments, const struct compiled *compiled,
                       int item, struct et_error *error) {
    const struct sized_variant *variant = &compiled->variants[item];
    const struct et_program *program = arguments->sizes.items[item].program;
    struct compiled *alone =
        program_compile(program, &backends[BACKEND_AOT], &(struct compile_options){0}, error);
    if (!alone)
        return false;
    printf("%8d %8d %12zu %14zu  ", variant->kernel_count, own_kernels(compiled, variant),
           variant->arena_bytes, alone->weights_bytes);
    printf("at %s  %s\n", arguments->sizes.items[item].name, et_program_digest(program));
    compiled_free(alone);
    return true;
}

static bool print_sizes(const struct inspect_arguments *arguments, const struct compiled *compiled,
                        struct et_error *error) {
    printf("%-12s%zu bytes for all sizes, %" PRId64 " as stored\n", "weights",
           compiled->weights_bytes,
           count_parameters(program_graph(arguments->common.model.program)).bytes);
    printf("%-12s%zu bytes are enough for every size\n\n", "arena", compiled->arena_bytes);
    printf("%8s %8s %12s %14s\n", "kernels", "own", "arena", "weights alone");
    for (int i = compiled->variant_count - 1; i >= 0; i--)
        if (!print_size(arguments, compiled, i, error))
            return false;
    return true;
}

static void print_plans(const struct cli_sizes *sizes, const struct compiled *compiled) {
    for (int i = 0; i < compiled->variant_count; i++) {
        printf("at %s:\n", sizes->items[i].name);
        fputs(compiled->variants[i].plan, stdout);
    }
}

/* ---- Sections ---- */

static bool print_sections(const struct inspect_arguments *arguments,
                           const struct compiled *compiled, unsigned sections,
                           struct et_error *error) {
    const bool sized = compiled->axis_count > 0;
    const char *between = "";
    if (sections & SECTION_SUMMARY) {
        print_summary(&arguments->common.model);
        if (sized && !print_sizes(arguments, compiled, error))
            return false;
        between = "\n";
    }
    if (sections & SECTION_KERNELS) {
        fputs(between, stdout);
        print_kernels(&arguments->sizes, compiled);
        between = "\n";
    }
    if (sections & SECTION_PLAN) {
        fputs(between, stdout);
        if (sized)
            print_plans(&arguments->sizes, compiled);
        else
            print_plan(arguments->common.model.program, compiled);
        between = "\n";
    }
    if (!(sections & SECTION_COST))
        return true;
    struct text text = {0};
    print_costs(compiled->contraction_count, compiled->contractions, compiled->kernels, &text);
    const char *costs = text_read(&text, error);
    if (costs)
        printf("%s%s", between, *costs ? costs : "there is nothing to choose\n");
    text_free(&text);
    return costs != NULL;
}

/* ---- The reference manual of the operations ---- */

static const struct {
    enum op_class class;
    const char *title;
} classes[] = {
    {CLASS_LEAF, "Leaves"},     {CLASS_MOVEMENT, "Movement"}, {CLASS_JOIN, "Join"},
    {CLASS_UNARY, "Unary"},     {CLASS_CONVERT, "Convert"},   {CLASS_BINARY, "Binary"},
    {CLASS_TERNARY, "Ternary"}, {CLASS_REDUCE, "Reduction"},  {CLASS_CONTRACT, "Contraction"},
    {CLASS_SORT, "Sort"},       {CLASS_SCATTER, "Scatter"},   {CLASS_SCAN, "Scan"}};

/* The text in lines of at most 76 columns, indented. */
static void print_wrapped(const char *text) {
    enum { WIDTH = 76 };
    while (*text) {
        size_t length = strlen(text);
        if (length > WIDTH) {
            length = WIDTH;
            while (length > 1 && text[length] != ' ')
                length--;
        }
        printf("      %.*s\n", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void print_dtypes(const char *letters) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strchr(letters, dtype_facts[i].letter))
            printf(" %s", dtype_facts[i].name);
}

static void print_operation(const struct op_facts *facts) {
    static const char *const gives[] = {"as the sources", "bool", "int32", "as stated"};
    printf("  %s", facts->name);
    if (facts->sources == SOURCES_MANY)
        printf("  one or more sources");
    else if (facts->sources)
        printf("  %d source%s", facts->sources, facts->sources == 1 ? "" : "s");
    printf("  gives %s\n     ", gives[facts->gives]);
    print_dtypes(facts->accepts);
    printf("\n");
    print_wrapped(facts->meaning);
    if (strcmp(facts->float_form, "NONE") != 0)
        printf("      float    %s\n", facts->float_form);
    if (strcmp(facts->integer_form, "NONE") != 0)
        printf("      integer  %s\n", facts->integer_form);
}

static int print_operations(void) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        printf("%s%s\n\n", i ? "\n" : "", classes[i].title);
        for (int op = 0; op < OP_STORED_COUNT; op++)
            if (op_facts[op].class == classes[i].class)
                print_operation(&op_facts[op]);
    }
    return EXIT_SUCCESS;
}

/* ---- All of it ---- */

static bool print_dot(const struct graph *graph, const struct compiled *compiled, const char *which,
                      struct et_error *error) {
    struct text text = {0};
    if (strcmp(which, "graph") == 0)
        graph_dot(graph, &text);
    else
        text_add(&text, "%s", compiled->kernel_dot);
    const char *bytes = text_read(&text, error);
    if (bytes)
        fputs(bytes, stdout);
    text_free(&text);
    return bytes != NULL;
}

static bool inspect_sized(struct inspect_arguments *arguments, struct et_error *error) {
    struct cli_model *model = &arguments->common.model;
    struct compile_options compiling = {.threads = arguments->common.threads,
                                        .list_candidates = arguments->sections & SECTION_COST};
    bool good = sizes_open(&arguments->sizes, model, error);
    if (good && arguments->sizes.axis_count &&
        (arguments->dot || arguments->sections & SECTION_COST))
        good = et_fail(error, "--dot and --cost show one size");
    struct compiled *compiled =
        good ? sizes_compile(&arguments->sizes, model, &backends[BACKEND_AOT], &compiling, error)
             : NULL;
    good = compiled != NULL;
    if (good && arguments->dot)
        good = print_dot(program_graph(model->program), compiled, arguments->dot, error);
    else if (good)
        good = print_sections(arguments, compiled,
                              arguments->sections ? arguments->sections : SECTION_ALL, error);
    compiled_free(compiled);
    sizes_close(&arguments->sizes, model);
    return good;
}

/* Of a stored graph whose axes got no sizes, what it says itself. */
static bool inspect(struct inspect_arguments *arguments, struct et_error *error) {
    struct cli_model *model = &arguments->common.model;
    if (model->axis_count || model->set_count)
        return inspect_sized(arguments, error);
    model->open = et_model_open(model->path, model->weights, error);
    if (!model->open)
        return false;
    const struct open_graph *stored = model_stored(model->open);
    bool is_open = stored && stored->axes.count;
    return is_open ? print_open(stored, error) : inspect_sized(arguments, error);
}

int inspect_command(int count, char **values) {
    struct inspect_arguments arguments = {0};
    command_parse(&line, count, values, &arguments.common);
    if (arguments.operations)
        return print_operations();
    struct et_error error = {0};
    arguments.common.model.untuned = true;
    bool good = inspect(&arguments, &error);
    return command_end(&arguments.common, good, &error);
}
