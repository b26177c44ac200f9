#include "compiler/store/open_fit.h"

#include "compiler/base/json_read.h"
#include "compiler/base/random.h"
#include "compiler/graph/size_fit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEIGHBOURS = 160, /* sizes next to each other at which graphs are made */
    APART = 32,       /* and sizes far from each other */
    MOST_NOTED = 1 << 26,
};

struct fit {
    const struct open_axes *axes;
    const struct graph_source *source;
    struct arena arena; /* with an escape */
    struct graph *base; /* at the reference sizes */
    struct weights *weights;
    int64_t reference[MOST_OPEN_AXES];
    struct size_samples samples;
    int place_count;
    int64_t **noted; /* [sample]: the integers of all places, in the order of size_samples */
    struct open_graph *open;
    int64_t done, all; /* graphs, for those who wait */
    struct et_error *error;
};

static int64_t size_count(const struct open_axis *axis) {
    return (axis->most - axis->least) / axis->step + 1;
}

static int64_t size_at(const struct open_axis *axis, int64_t position) {
    return axis->least + position * axis->step;
}

/* ---- Graphs of sizes ---- */

static struct graph *make(struct fit *fit, const int64_t *sizes, struct weights **weights,
                          struct et_error *error) {
    if (fit->source->progress)
        fit->source->progress(fit->source->context, fit->done++, fit->all);
    return fit->source->make(fit->source->context, sizes, weights, error);
}

/* The integers at these sizes; NULL where the graph is not of the same nodes as the base. */
static int64_t *note(struct fit *fit, const int64_t *sizes) {
    struct weights *weights = NULL;
    int64_t *integers = arena_array(&fit->arena, int64_t, (size_t)fit->place_count + 1);
    struct graph *graph = make(fit, sizes, &weights, NULL);
    bool alike = graph && graphs_alike(fit->base, graph, NULL);
    if (alike)
        note_places(graph, integers);
    graph_free(graph);
    weights_free(weights);
    return alike ? integers : NULL;
}

/* ---- The base ---- */

void open_axes_spread(const struct open_axes *axes, int look, int64_t multiple, int64_t *sizes) {
    static const int percents[] = {61, 43, 83, 27, 100, 0};
    for (int i = 0; i < axes->count; i++) {
        const struct open_axis *axis = &axes->axes[i];
        int64_t last = size_count(axis) - 1;
        sizes[i] = size_at(axis, last * percents[(look + i) % 6] / 100);
        int64_t rounded = (sizes[i] + multiple - 1) / multiple * multiple;
        if (open_axis_allows(axis, rounded, NULL))
            sizes[i] = rounded;
    }
}

static void keep_base(struct fit *fit, struct graph *graph, struct weights *weights,
                      const int64_t *sizes) {
    graph_free(fit->base);
    weights_free(fit->weights);
    fit->base = graph;
    fit->weights = weights;
    memcpy(fit->reference, sizes, sizeof fit->reference);
}

/* Of a few graphs the one of most nodes: none of those fell away by chance. */
static bool find_base(struct fit *fit) {
    struct et_error first = {0};
    for (int attempt = 0; attempt < 8; attempt++) {
        int64_t sizes[MOST_OPEN_AXES] = {0};
        struct weights *weights = NULL;
        struct et_error error = {0};
        if (attempt > 3 && fit->base)
            break;
        open_axes_spread(fit->axes, attempt % 4, attempt > 3 ? 64 : 1, sizes);
        struct graph *graph = make(fit, sizes, &weights, &error);
        if (!graph && !first.message[0])
            first = error;
        if (graph && (!fit->base || graph->node_count > fit->base->node_count)) {
            keep_base(fit, graph, weights, sizes);
        } else {
            graph_free(graph);
            weights_free(weights);
        }
    }
    return fit->base || et_fail(fit->error, "%s", first.message);
}

/* ---- Samples ---- */

static int by_size(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* Positions to look at along an axis, ascending, each once. */
static int choose_positions(const struct open_axis *axis, int64_t reference, int64_t *positions) {
    int64_t all = size_count(axis), at = (reference - axis->least) / axis->step;
    int64_t first = at - NEIGHBOURS / 2;
    int count = 0, kept = 0;
    if (first > all - NEIGHBOURS)
        first = all - NEIGHBOURS;
    if (first < 0)
        first = 0;
    for (int64_t i = first; i < all && i < first + NEIGHBOURS; i++)
        positions[count++] = i;
    for (int i = 0; i < APART; i++)
        positions[count++] = (all - 1) * i / (APART - 1);
    qsort(positions, (size_t)count, sizeof *positions, by_size);
    for (int i = 0; i < count; i++)
        if (i == 0 || positions[i] != positions[kept - 1])
            positions[kept++] = positions[i];
    return kept;
}

/* Along one axis; noted from `at` on. */
static void sample_axis(struct fit *fit, int k, int at) {
    const struct open_axis *axis = &fit->axes->axes[k];
    struct axis_samples *samples = &fit->samples.axes[k];
    int64_t positions[NEIGHBOURS + APART];
    int64_t *kept = arena_array(&fit->arena, int64_t, NEIGHBOURS + APART);
    int count = choose_positions(axis, fit->reference[k], positions);
    samples->sizes = kept;
    for (int i = 0; i < count; i++) {
        int64_t sizes[MOST_OPEN_AXES];
        memcpy(sizes, fit->reference, sizeof sizes);
        sizes[k] = size_at(axis, positions[i]);
        int64_t *integers = note(fit, sizes);
        if (!integers)
            continue;
        if (sizes[k] == fit->reference[k])
            samples->marked[0] = samples->count;
        fit->noted[at + samples->count] = integers;
        kept[samples->count++] = sizes[k];
    }
    samples->step = axis->step;
    /* Of each axis others, as what has the same size may become one node. */
    samples->marked[1] = k < samples->count ? k : 0;
    samples->marked[2] = samples->count - 1 - (k < samples->count ? k : 0);
}

static bool fail_mixed(struct fit *fit, const int64_t *sizes, const struct et_error *error) {
    struct text at = text_in(&fit->arena);
    for (int i = 0; i < fit->axes->count; i++)
        text_add(&at, " %s=%" PRId64, quoted(fit->axes->axes[i].name).text, sizes[i]);
    return et_fail(fit->error, "at%s it is another graph: %s", text_keep(&at), error->message);
}

/* Says where the graph is not of the same nodes, and why. */
static bool fail_combination(struct fit *fit, const int64_t *sizes) {
    struct weights *weights = NULL;
    struct et_error error = {0};
    struct graph *graph = make(fit, sizes, &weights, &error);
    if (graph)
        graphs_alike(fit->base, graph, &error);
    graph_free(graph);
    weights_free(weights);
    return fail_mixed(fit, sizes, &error);
}

static bool sample_combinations(struct fit *fit, int at) {
    for (int i = 0; i < combination_count(&fit->samples); i++) {
        int64_t sizes[MOST_OPEN_AXES];
        for (int k = 0; k < fit->axes->count; k++)
            sizes[k] = size_in_combination(&fit->samples, i, k);
        if (!(fit->noted[at + i] = note(fit, sizes)))
            return fail_combination(fit, sizes);
    }
    return true;
}

static bool sample(struct fit *fit) {
    int axes = fit->axes->count, at = 0;
    fit->place_count = note_places(fit->base, NULL);
    fit->samples.axis_count = axes;
    int64_t most = (int64_t)axes * (NEIGHBOURS + APART) + combination_count(&fit->samples);
    if (most * fit->place_count > MOST_NOTED)
        return et_fail(fit->error, "too many numbers to compare: %d in a graph", fit->place_count);
    fit->noted = arena_array(&fit->arena, int64_t *, (size_t)most);
    for (int k = 0; k < axes; at += fit->samples.axes[k++].count)
        sample_axis(fit, k, at);
    return sample_combinations(fit, at);
}

/* ---- Fitting ---- */

/* A size that some place has, and the values by which it was found. */
struct found_size {
    const int64_t *values;
    const struct size *size;
    struct found_size *next;
};

/* A walk over the places of the base, with what it makes of them. */
struct naming {
    struct fit *fit;
    int at;
    struct found_size *found; /* the sizes so far */
    int64_t *values;          /* of the place at hand */
};

/* Integers that no size can be. */
static bool are_moderate(const int64_t *values, int count) {
    for (int i = 0; i < count; i++)
        if (values[i] > MOST_FITTED_VALUE || values[i] < -MOST_FITTED_VALUE)
            return false;
    return true;
}

static bool all_same(const int64_t *values, int count) {
    for (int i = 1; i < count; i++)
        if (values[i] != values[0])
            return false;
    return true;
}

/* The size with these values, found or remembered; NULL: there is none. */
static const struct size *size_of_values(struct naming *naming, const int64_t *values, int count) {
    struct fit *fit = naming->fit;
    size_t bytes = (size_t)count * sizeof *values;
    for (const struct found_size *found = naming->found; found; found = found->next)
        if (memcmp(found->values, values, bytes) == 0)
            return found->size;
    bool none;
    const struct size *size = size_fit(&fit->samples, values, &fit->open->arena, &none);
    if (!size && !none)
        arena_exhausted(&fit->arena);
    struct found_size *found = arena_new(&fit->arena, struct found_size);
    int64_t *kept = arena_array(&fit->arena, int64_t, (size_t)count);
    memcpy(kept, values, bytes);
    *found = (struct found_size){kept, size, naming->found};
    naming->found = found;
    return size;
}

/* "5 at height=30, 6 at height=31, 7 at height=33" */
static const char *some_values(struct naming *naming, const int64_t *values) {
    const struct fit *fit = naming->fit;
    struct text text = text_in(&naming->fit->arena);
    for (int k = 0, at = 0; k < fit->samples.axis_count; at += fit->samples.axes[k++].count) {
        const struct axis_samples *samples = &fit->samples.axes[k];
        for (int i = 0; i < samples->count && i < 4; i++)
            text_add(&text, "%s%" PRId64 " at %s=%" PRId64, text.length ? ", " : "", values[at + i],
                     quoted(fit->axes->axes[k].name).text, samples->sizes[i]);
    }
    return text_keep(&text);
}

static bool name_place(struct naming *naming, const struct node *node, struct open_node *open,
                       int *capacity, struct open_integer integer) {
    struct fit *fit = naming->fit;
    int count = size_value_count(&fit->samples), at = naming->at++;
    int64_t *values = naming->values;
    for (int i = 0; i < count; i++)
        values[i] = fit->noted[i][at];
    if (all_same(values, count))
        return true;
    if (node->op == OP_WEIGHT)
        return et_fail(fit->error, "node %d (weight): the shape of \"%s\" depends on the size",
                       node->id, quoted(node->name).text);
    integer.size = are_moderate(values, count) ? size_of_values(naming, values, count) : NULL;
    if (!integer.size)
        return et_fail(fit->error, "node %d (%s): a number is no size that is known here: %s",
                       node->id, op_facts[node->op].name, some_values(naming, values));
    open->integers = arena_extend(&fit->open->arena, open->integers, open->count, capacity,
                                  sizeof *open->integers);
    open->integers[open->count++] = integer;
    return true;
}

static struct open_node *name_graph(struct naming *naming, const struct graph *graph);

static bool name_node(struct naming *naming, const struct node *node, struct open_node *open) {
    int capacity = 0;
    for (int place = 0; place < SIZE_PLACE_COUNT; place++) {
        int count = open_place_count(node, (enum size_place)place);
        for (int k = 0; k < count; k++)
            if (!name_place(naming, node, open, &capacity,
                            (struct open_integer){(enum size_place)place, k, NULL}))
                return false;
    }
    return !node->body || (open->body = name_graph(naming, node->body)) != NULL;
}

/* NULL: some integer is no size. */
static struct open_node *name_graph(struct naming *naming, const struct graph *graph) {
    struct open_node *nodes =
        arena_array(&naming->fit->open->arena, struct open_node, (size_t)graph->node_count + 1);
    for (int i = 0; i < graph->node_count; i++)
        if (!name_node(naming, graph->nodes[i], &nodes[i]))
            return NULL;
    return nodes;
}

/* The axes with their names in the arena of the open graph. */
static struct open_axes own_axes(struct arena *arena, const struct open_axes *axes) {
    struct open_axis *own = arena_array(arena, struct open_axis, (size_t)axes->count);
    for (int i = 0; i < axes->count; i++) {
        own[i] = axes->axes[i];
        own[i].name = arena_copy_text(arena, own[i].name);
    }
    return (struct open_axes){axes->count, own};
}

static bool name_sizes(struct fit *fit) {
    struct naming naming = {.fit = fit};
    naming.values = arena_array(&fit->arena, int64_t, (size_t)size_value_count(&fit->samples));
    fit->open->axes = own_axes(&fit->open->arena, fit->axes);
    const struct open_node *nodes = name_graph(&naming, fit->base);
    return nodes && open_graph_tidy(fit->open, fit->base, nodes, fit->error);
}

/* ---- Comparing ---- */

/* Whether the open graph is the one that is made at these sizes. */
static bool compare_at(struct fit *fit, const int64_t *sizes, struct et_error *error) {
    struct weights *weights = NULL;
    struct graph *made = make(fit, sizes, &weights, error);
    struct graph *wanted = made ? graph_settled(made, error) : NULL;
    struct graph *found = wanted ? open_graph_at(fit->open, sizes, error) : NULL;
    bool same = found && graphs_alike(wanted, found, error) && graphs_equal(wanted, found, error) &&
                weights_equal(wanted, found, error);
    if (!same && made)
        graphs_alike(fit->base, made, error); /* says more, where they are not */
    graph_free(made);
    graph_free(wanted);
    graph_free(found);
    weights_free(weights);
    return same;
}

/* Which sizes of an axis do, by position, the others at their reference sizes. */
struct trial {
    const struct open_axis *axis;
    int64_t count, good_count;
    bool *good;
    int64_t bad;           /* the position next to the reference that does not */
    struct et_error error; /* of it */
};

static bool try_axis(struct fit *fit, int k, struct trial *trial) {
    int64_t sizes[MOST_OPEN_AXES];
    memcpy(sizes, fit->reference, sizeof sizes);
    trial->axis = &fit->axes->axes[k];
    trial->count = size_count(trial->axis);
    trial->good = arena_array(&fit->arena, bool, (size_t)trial->count);
    for (int64_t i = 0; i < trial->count; i++) {
        struct et_error error = {0};
        sizes[k] = size_at(trial->axis, i);
        trial->good[i] = compare_at(fit, sizes, &error);
        trial->good_count += trial->good[i];
        if (!trial->good[i] && (!trial->error.message[0] || sizes[k] <= fit->reference[k])) {
            trial->bad = i;
            trial->error = error;
        }
    }
    return trial->good_count == trial->count;
}

/* Some of the good positions, equally far apart. */
struct stride {
    int64_t first, step, count;
};

/* The longest row of neighbours. */
static struct stride good_neighbours(const struct trial *trial) {
    struct stride best = {0, 1, 0};
    for (int64_t i = 0, begin = 0; i < trial->count; i++) {
        if (!trial->good[i])
            begin = i + 1;
        else if (i + 1 - begin > best.count)
            best = (struct stride){begin, 1, i + 1 - begin};
    }
    return best;
}

/* All good ones, if they are equally far apart. */
static struct stride good_multiples(const struct trial *trial) {
    struct stride all = {-1, 0, 0};
    int64_t last = 0;
    for (int64_t i = 0; i < trial->count; i++) {
        if (!trial->good[i])
            continue;
        if (all.count == 1)
            all.step = i - last;
        if (all.count > 1 && i - last != all.step)
            return (struct stride){0};
        if (all.count++ == 0)
            all.first = i;
        last = i;
    }
    return all;
}

/* Says where the graph is another one, why, and which sizes would do. */
static bool fail_trial(struct fit *fit, const struct trial *trial) {
    const struct open_axis *axis = trial->axis;
    struct stride some = good_neighbours(trial), multiples = good_multiples(trial);
    if (multiples.count > some.count)
        some = multiples;
    et_fail(fit->error, "at %s=%" PRId64 " it is another graph: %s", quoted(axis->name).text,
            size_at(axis, trial->bad), trial->error.message);
    if (some.count < 2)
        return false;
    const struct open_axis less = {axis->name, size_at(axis, some.first),
                                   size_at(axis, some.first + (some.count - 1) * some.step),
                                   axis->step * some.step};
    struct text bounds = text_in(&fit->arena);
    open_axis_add_bounds(&bounds, &less);
    et_fail_within(fit->error,
                   "%" PRId64 " of %" PRId64 " sizes of \"%s\" do not go together, --axis %s=%s "
                   "would do",
                   trial->count - trial->good_count, trial->count, quoted(axis->name).text,
                   quoted(axis->name).text, text_keep(&bounds));
    return false;
}

static bool compare_mixed(struct fit *fit, const int64_t *sizes) {
    struct et_error error = {0};
    return compare_at(fit, sizes, &error) || fail_mixed(fit, sizes, &error);
}

/* All sizes of an axis, the others at one end of theirs. */
static bool compare_at_end(struct fit *fit, int k, bool at_most) {
    int64_t sizes[MOST_OPEN_AXES];
    for (int i = 0; i < fit->axes->count; i++)
        sizes[i] = at_most ? fit->axes->axes[i].most : fit->axes->axes[i].least;
    for (int64_t i = 0; i < size_count(&fit->axes->axes[k]); i++) {
        sizes[k] = size_at(&fit->axes->axes[k], i);
        if (!compare_mixed(fit, sizes))
            return false;
    }
    return true;
}

static bool compare_drawn(struct fit *fit) {
    uint64_t state = 1;
    for (int i = 0; i < MIXED_SIZES; i++) {
        int64_t sizes[MOST_OPEN_AXES];
        for (int k = 0; k < fit->axes->count; k++) {
            uint64_t count = (uint64_t)size_count(&fit->axes->axes[k]);
            sizes[k] = size_at(&fit->axes->axes[k], (int64_t)(next_random(&state) % count));
        }
        if (!compare_mixed(fit, sizes))
            return false;
    }
    return true;
}

static bool compare(struct fit *fit) {
    for (int k = 0; k < fit->axes->count; k++) {
        struct trial trial = {0};
        if (!try_axis(fit, k, &trial))
            return fail_trial(fit, &trial);
    }
    if (fit->axes->count == 1)
        return true;
    for (int k = 0; k < fit->axes->count; k++)
        if (!compare_at_end(fit, k, false) || !compare_at_end(fit, k, true))
            return false;
    return compare_drawn(fit);
}

/* ---- All of it ---- */

static bool check_axes(const struct fit *fit) {
    if (fit->axes->count < 1 || fit->axes->count > MOST_OPEN_AXES)
        return et_fail(fit->error, "%d open axes, expected 1 to %d", fit->axes->count,
                       MOST_OPEN_AXES);
    for (int i = 0; i < fit->axes->count; i++) {
        const struct open_axis *axis = &fit->axes->axes[i];
        if (!open_axis_check(axis, fit->error))
            return et_fail_within(fit->error, "axis \"%s\"", quoted(axis->name).text);
        if (axis->most > MOST_FITTED_SIZE || size_count(axis) > MOST_OPEN_SIZES)
            return et_fail(fit->error,
                           "axis \"%s\": %" PRId64 " sizes up to %" PRId64
                           ", expected at most %d up to %" PRId64,
                           quoted(axis->name).text, size_count(axis), axis->most, MOST_OPEN_SIZES,
                           MOST_FITTED_SIZE);
    }
    return true;
}

/* How many graphs will be made, about. */
static int64_t work_of(const struct open_axes *axes) {
    const struct size_samples samples = {.axis_count = axes->count};
    int64_t all = combination_count(&samples), passes = axes->count == 1 ? 1 : 3;
    for (int i = 0; i < axes->count; i++) {
        int64_t sizes = size_count(&axes->axes[i]);
        all += passes * sizes + (sizes < NEIGHBOURS + APART ? sizes : NEIGHBOURS + APART);
    }
    return all + (axes->count == 1 ? 0 : MIXED_SIZES) + 4;
}

static bool fit_escaping(struct fit *fit) {
    jmp_buf escape;
    fit->arena.escape = &escape;
    fit->open->arena.escape = &escape;
    if (setjmp(escape) != 0)
        return et_fail(fit->error, "out of memory");
    fit->all = work_of(fit->axes);
    return find_base(fit) && sample(fit) && name_sizes(fit) && compare(fit);
}

struct open_graph *open_graph_fit(const struct open_axes *axes, const struct graph_source *source,
                                  struct weights **weights, struct et_error *error) {
    struct fit fit = {.axes = axes, .source = source, .error = error, .open = open_graph_new()};
    *weights = NULL;
    bool good = fit.open != NULL || et_fail(error, "out of memory");
    good = good && check_axes(&fit) && fit_escaping(&fit);
    arena_free(&fit.arena);
    graph_free(fit.base);
    if (good) {
        fit.open->arena.escape = NULL;
        *weights = fit.weights;
        return fit.open;
    }
    weights_free(fit.weights);
    open_graph_free(fit.open);
    return NULL;
}
