/* Chains of multiplications and additions of constants: one scale and one shift for each channel,
 * worked out in float64 with + - * / alone, so that their bits are the same everywhere. */
#include "compiler/rewrite/rewriting.h"

#include <math.h>
#include <string.h>

/* ---- Links ---- */

bool is_link(const struct analysis *analysis, const struct node *node) {
    if (node->dtype != DTYPE_FLOAT32 || analysis->constant[node->id])
        return false;
    switch (node->op) {
    case OP_NEG:
        return true;
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
        return analysis_constant_operand(analysis, node) >= 0;
    case OP_DIV:
        return analysis_constant_operand(analysis, node) == 1;
    default:
        return false;
    }
}

const struct node *link_source(const struct analysis *analysis, const struct node *link) {
    return link->sources[analysis->constant[link->sources[0]->id] ? 1 : 0];
}

static void apply_link(const struct node *node, int constant_operand, double constant,
                       double *scale, double *shift) {
    switch (node->op) {
    case OP_NEG:
        *scale = -*scale;
        *shift = -*shift;
        return;
    case OP_ADD:
        *shift += constant;
        return;
    case OP_SUB:
        if (constant_operand == 0) {
            *scale = -*scale;
            *shift = constant - *shift;
        } else {
            *shift -= constant;
        }
        return;
    case OP_MUL:
        *scale *= constant;
        *shift *= constant;
        return;
    case OP_DIV:
        *scale /= constant;
        *shift /= constant;
        return;
    default:
        unreachable();
    }
}

/* ---- Movements between links: those that lose and repeat nothing ---- */

static bool is_turnable(const struct node *node) {
    return node->op == OP_RESHAPE || node->op == OP_PERMUTE;
}

/* What the movement made of the result, back to where it came from. */
static bool move_back(const struct node *move, const struct view *view, struct view *result) {
    struct node back = {.op = move->op, .rank = move->sources[0]->rank};
    memcpy(back.shape, move->sources[0]->shape, sizeof back.shape);
    if (move->op == OP_PERMUTE)
        for (int i = 0; i < move->rank; i++)
            back.axes[move->axes[i]] = i;
    return view_move(&back, view, result);
}

/* ---- Chains ---- */

struct building {
    struct rewriting *rewriting;
    struct scale_chain *chain;
    bool allowed[MAX_RANK]; /* axes of the root along which constants may differ */
    bool any_axis;          /* one more may be allowed */
};

/* Room for a scale and a shift for each place along the allowed axes. */
static bool make_channels(struct building *building) {
    struct scale_chain *chain = building->chain;
    struct arena *arena = &building->rewriting->analysis->arena;
    struct view *places = &chain->places;
    double scale = chain->scale ? *chain->scale : 1, shift = chain->shift ? *chain->shift : 0;
    *places = view_contiguous(chain->root, NULL);
    places->dtype = DTYPE_FLOAT64;
    chain->channels = 1;
    for (int i = places->rank - 1; i >= 0; i--) {
        places->stride[i] = building->allowed[i] ? chain->channels : 0;
        if (building->allowed[i])
            chain->channels *= places->shape[i];
    }
    if (chain->channels > MOST_CONSTANT_ELEMENTS)
        return false;
    chain->scale = arena_array(arena, double, (size_t)chain->channels);
    chain->shift = arena_array(arena, double, (size_t)chain->channels);
    for (int64_t i = 0; i < chain->channels; i++) {
        chain->scale[i] = scale;
        chain->shift[i] = shift;
    }
    places->data = chain->scale;
    return true;
}

/* Whether the constant, seen over the root, differs along allowed axes only. Where any one axis
 * will do, the first constant that differs along one allows it. */
static bool agree_on_axes(struct building *building, const struct view *constant) {
    bool wanted[MAX_RANK] = {false};
    int more = 0;
    for (int i = 0; i < constant->rank; i++) {
        wanted[i] = constant->shape[i] > 1 && constant->stride[i] != 0 && !building->allowed[i];
        more += wanted[i];
    }
    if (more == 0)
        return true;
    if (more > 1 || !building->any_axis)
        return false;
    memcpy(building->allowed, wanted, sizeof wanted);
    building->any_axis = false;
    return make_channels(building);
}

/* The constant of a link, seen over the root. */
static bool constant_over_root(struct building *building, const struct node *link,
                               struct view *constant) {
    int operand = analysis_constant_operand(building->rewriting->analysis, link);
    if (!analysis_constant(building->rewriting, link->sources[operand], constant))
        return false;
    for (int i = building->chain->move_count - 1; i >= 0; i--) {
        struct view moved;
        if (!move_back(building->chain->moves[i], constant, &moved))
            return false;
        *constant = moved;
    }
    for (int i = 0; i < constant->rank; i++)
        if (constant->shape[i] == 1)
            constant->stride[i] = 0;
    return true;
}

/* One place for each channel: the allowed axes alone. */
static struct view along_channels(const struct building *building, const struct view *view) {
    struct view along = *view;
    for (int i = 0; i < view->rank; i++)
        if (!building->allowed[i])
            along.shape[i] = 1;
    return along;
}

static bool add_link(struct building *building, const struct node *link) {
    struct scale_chain *chain = building->chain;
    struct view constant = {0};
    float one = 1;
    int operand = -1;
    if (link->op == OP_NEG) {
        constant = chain->places;
        constant.dtype = DTYPE_FLOAT32;
        constant.data = &one;
        memset(constant.stride, 0, sizeof constant.stride);
    } else {
        if (!constant_over_root(building, link, &constant) || !agree_on_axes(building, &constant))
            return false;
        operand = analysis_constant_operand(building->rewriting->analysis, link);
    }
    struct view places = along_channels(building, &chain->places);
    struct view values = along_channels(building, &constant);
    struct rows rows = rows_of(2, (const struct view *const[]){&places, &values});
    do
        for (int64_t i = 0; i < rows.length; i++) {
            double *scale = (double *)rows.data[0] + i * rows.stride[0];
            const float *value = (const float *)rows.data[1] + i * rows.stride[1];
            apply_link(link, operand, (double)*value, scale, chain->shift + (scale - chain->scale));
        }
    while (rows_next(&rows));
    for (int i = 0; i < constant.rank; i++)
        chain->per_channel |= constant.stride[i] != 0;
    bool adds = link->op == OP_ADD || link->op == OP_SUB;
    chain->additions += adds;
    chain->scalings += !adds || operand == 0;
    return true;
}

static void remember_link(struct building *building, const struct node *link) {
    struct scale_chain *chain = building->chain;
    chain->links = arena_extend(&building->rewriting->analysis->arena, (void *)chain->links,
                                chain->link_count, &chain->link_capacity, sizeof *chain->links);
    chain->links[chain->link_count++] = link;
    chain->last = link;
}

/* The movements from the root up to a node that reads it. */
static bool find_moves(struct scale_chain *chain, const struct analysis *analysis,
                       const struct node *first) {
    const struct node *below = link_source(analysis, first);
    int count = 0;
    for (const struct node *node = below; node != chain->root; node = node->sources[0])
        if (!is_turnable(node) || count++ == MOST_CHAIN_MOVES)
            return false;
    chain->move_count = count;
    for (const struct node *node = below; node != chain->root; node = node->sources[0])
        chain->moves[--count] = node;
    return true;
}

struct scale_chain find_chain(struct rewriting *rewriting, const struct node *root,
                              const struct node *first, const bool *allowed) {
    struct scale_chain chain = {.root = root, .last = root};
    struct building building = {
        .rewriting = rewriting, .chain = &chain, .any_axis = allowed == NULL};
    const struct analysis *analysis = rewriting->analysis;
    if (allowed)
        memcpy(building.allowed, allowed, sizeof building.allowed);
    if (!make_channels(&building) || !find_moves(&chain, analysis, first))
        return chain;
    int moves = chain.move_count; /* those before the last link */
    for (const struct node *node = first; node; node = analysis_only_reader(analysis, node)) {
        if (is_turnable(node) && chain.move_count < MOST_CHAIN_MOVES) {
            chain.moves[chain.move_count++] = node;
            continue;
        }
        if (!is_link(analysis, node) || !add_link(&building, node))
            break;
        remember_link(&building, node);
        moves = chain.move_count;
    }
    chain.move_count = moves;
    return chain;
}

bool chain_is_scaled(const struct scale_chain *chain) {
    for (int64_t i = 0; i < chain->channels; i++)
        if (chain->scale[i] != 1)
            return true;
    return false;
}

bool chain_is_shifted(const struct scale_chain *chain) {
    for (int64_t i = 0; i < chain->channels; i++)
        if (chain->shift[i] != 0)
            return true;
    return false;
}

bool chain_is_worthwhile(const struct scale_chain *chain) {
    for (int64_t i = 0; i < chain->channels; i++)
        if (!isfinite((float)chain->scale[i]) || !isfinite((float)chain->shift[i]))
            return false;
    return chain->scalings > 0 || chain->additions > 1;
}
