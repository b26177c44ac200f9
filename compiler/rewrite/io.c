/* Inputs and outputs as integers. An input of which nothing is read but the codes that it is
 * rounded to,
 *
 *   codes = cast(round(round(x / scale) + zero))
 *
 * is replaced by these codes, and an output that is made of codes, (int32(codes) - zero) * scale,
 * by those. Movements may stand between. No bit of what is between the two changes. */
#include "compiler/builder/layers.h"
#include "compiler/rewrite/rewriting.h"

/* An input or an output. */
struct end {
    const struct node *node;
    const char *name;
    const struct node *codes; /* what it is rounded to, or made of; NULL: see why_not */
    struct scaling meaning;   /* of these in the type that was asked for */
    int move_count;           /* between the two */
    const struct node *moves[MOST_CHAIN_MOVES];
    const char *why_not;
    struct tensor made; /* in the new graph: an input's integers */
};

struct ends {
    struct end *inputs, *outputs;
    struct end **at; /* by node: inputs, what they are rounded to, and outputs */
};

/* ---- Which can be integers ---- */

static bool is_move(const struct node *node) {
    return node && op_facts[node->op].class == CLASS_MOVEMENT && node->op != OP_PAD;
}

/* What codes of 8 bits stand for in the type that was asked for: 128 lies between those of int8 and
 * uint8. */
static bool take_form(const struct rewriting *rewriting, struct end *end,
                      const struct code_form *form) {
    const struct dtype_facts *facts = &dtype_facts[form->codes->dtype];
    if (facts->bytes != 1)
        return false;
    int64_t more = dtype_facts[rewriting->options.io].least - facts->least;
    end->meaning = (struct scaling){(float)form->scale, (int64_t)form->zero + more};
    end->codes = form->codes;
    return true;
}

enum { MOST_STEPS_TO_CODES = 6 };

/* From an input to what it is rounded to. */
static bool follow_input(struct rewriting *rewriting, struct end *end) {
    const struct analysis *analysis = rewriting->analysis;
    struct code_form form;
    const struct node *numbers = end->node, *node = analysis_only_reader(analysis, numbers);
    for (; is_move(node) && end->move_count < MOST_CHAIN_MOVES;
         node = analysis_only_reader(analysis, node))
        end->moves[end->move_count++] = numbers = node;
    for (int i = 0; node && node->op != OP_CAST && i < MOST_STEPS_TO_CODES; i++)
        node = analysis_only_reader(analysis, node);
    return node && find_rounded(rewriting, node, &form) && form.numbers == numbers &&
           take_form(rewriting, end, &form);
}

/* From an output up to what it is made of. */
static bool follow_output(struct rewriting *rewriting, struct end *end) {
    struct code_form form;
    const struct node *node = end->node;
    if (rewriting->analysis->uses[node->id] != 1)
        return false;
    for (; is_move(node) && end->move_count < MOST_CHAIN_MOVES; node = node->sources[0])
        end->moves[end->move_count++] = node;
    return find_numbers(rewriting, node, &form) && take_form(rewriting, end, &form);
}

static void report(struct rewriting *rewriting, const struct end *end) {
    struct arena *arena = &rewriting->result->arena;
    struct rewrite_site *site = rewriting_site(rewriting, end->node);
    site->applied = !end->why_not;
    site->name = arena_copy_text(arena, end->name);
    site->shape = arena_copy_text(arena, shape_text(end->node).text);
    if (end->why_not) {
        site->what = end->why_not;
        return;
    }
    site->what =
        arena_format(arena, "%s, scale %.9g, zero %d", dtype_facts[rewriting->options.io].name,
                     (double)end->meaning.scale, (int)end->meaning.zero);
}

/* Whether it becomes integers; says why not, but of what is none of float32. */
static bool find_end(struct rewriting *rewriting, const struct ends *ends, struct end *end,
                     const struct node *node, const char *name) {
    bool is_input = node->op == OP_INPUT;
    *end = (struct end){.node = node, .name = name};
    if (node->dtype != DTYPE_FLOAT32)
        return false;
    if (!(is_input ? follow_input : follow_output)(rewriting, end))
        end->why_not = is_input ? "it is not rounded to 8-bit integers before all else"
                                : "it is not made of 8-bit integers alone";
    report(rewriting, end);
    if (end->why_not)
        return false;
    ends->at[node->id] = end;
    if (is_input)
        ends->at[end->codes->id] = end;
    return true;
}

/* ---- What becomes of them ---- */

static struct tensor in_type(struct tensor x, enum dtype dtype) {
    if (tensor_dtype(x) == dtype)
        return x;
    x = tensor_bitcast(x, DTYPE_UINT8);
    return tensor_bitcast(tensor_xor(x, scalar_like(x, 128)), dtype);
}

/* An input; its old node, which its codes are not made from any more, is not read. */
static struct tensor emit_input(struct rewriting *rewriting, struct end *end) {
    struct node input = *end->node;
    input.dtype = rewriting->options.io;
    input.scaling = end->meaning;
    end->made = tensor_of_node(rewriting->context, &input, 0, NULL);
    return tensor_cast(end->made, DTYPE_FLOAT32);
}

static struct tensor emit(struct rewriting *rewriting, const struct node *node, void *plan) {
    const struct ends *ends = plan;
    struct end *end = ends->at[node->id];
    if (!end)
        return NO_TENSOR;
    if (node->op == OP_INPUT)
        return emit_input(rewriting, end);
    bool is_input = end->node->op == OP_INPUT;
    struct tensor x = is_input ? in_type(end->made, node->dtype)
                               : in_type(rewriting->made[end->codes->id], rewriting->options.io);
    for (int i = 0; i < end->move_count; i++) {
        const struct node *move = end->moves[is_input ? i : end->move_count - 1 - i];
        x = tensor_of_node(rewriting->context, move, 1, &x);
    }
    return x;
}

/* All of them; how many become integers. */
static int find_ends(struct rewriting *rewriting, struct ends *ends) {
    const struct graph *graph = rewriting->graph;
    struct arena *arena = &rewriting->analysis->arena;
    int found = 0;
    ends->inputs = arena_array(arena, struct end, (size_t)graph->input_count);
    ends->outputs = arena_array(arena, struct end, (size_t)graph->output_count);
    ends->at = arena_array(arena, struct end *, (size_t)graph->node_count);
    for (int i = 0; i < graph->input_count; i++)
        found +=
            find_end(rewriting, ends, &ends->inputs[i], graph->inputs[i], graph->inputs[i]->name);
    for (int i = 0; i < graph->output_count; i++)
        found += find_end(rewriting, ends, &ends->outputs[i], graph->outputs[i].node,
                          graph->outputs[i].name);
    return found;
}

void rewrite_io(struct rewriting *rewriting) {
    struct ends ends;
    if (!rewrites_io(&rewriting->options))
        return;
    analysis_begin(rewriting);
    if (find_ends(rewriting, &ends)) {
        rewriting_remake(rewriting, emit, &ends);
        for (int i = 0; i < rewriting->owned->output_count; i++)
            if (ends.outputs[i].codes)
                rewriting->owned->outputs[i].scaling = ends.outputs[i].meaning;
    }
    analysis_end(rewriting);
}
