/* Bounds of an element in every run. By intervals alone the width of a box that was made larger
 * around its middle would be thrice that of its picture: its sides are far apart and the middle is
 * anywhere. So sums are looked at as sums of the elements that they come from, in which the middle
 * cancels; of the greater of two elements each is tried in its place. */
#include "compiler/import/elements.h"

#include <math.h>
#include <string.h>

enum { MOST_TERMS = 6, MOST_SPLITS = 14, MOST_TRIED = 8, MOST_SCANNED = 4096 };

/* ---- Intervals ---- */

static const struct number_span unknown = {-INFINITY, INFINITY};

static struct number_span span_made(double least, double most) {
    return isnan(least) || isnan(most) ? unknown : (struct number_span){least, most};
}

static struct number_span hull(struct number_span a, struct number_span b) {
    return (struct number_span){fmin(a.least, b.least), fmax(a.most, b.most)};
}

static struct number_span common(struct number_span a, struct number_span b) {
    return (struct number_span){fmax(a.least, b.least), fmin(a.most, b.most)};
}

static struct number_span span_add(struct number_span a, struct number_span b) {
    return span_made(a.least + b.least, a.most + b.most);
}

static struct number_span span_negate(struct number_span a) {
    return (struct number_span){-a.most, -a.least};
}

/* 0 times infinity is 0: infinite stands for some number that is not known. */
static double product(double a, double b) {
    return a == 0 || b == 0 ? 0 : a * b;
}

static struct number_span span_multiply(struct number_span a, struct number_span b) {
    double p = product(a.least, b.least), q = product(a.least, b.most);
    double r = product(a.most, b.least), s = product(a.most, b.most);
    return span_made(fmin(fmin(p, q), fmin(r, s)), fmax(fmax(p, q), fmax(r, s)));
}

static struct number_span span_reciprocal(struct number_span a) {
    return a.least > 0 || a.most < 0 ? span_made(1 / a.most, 1 / a.least) : unknown;
}

static struct number_span span_greater(struct number_span a, struct number_span b) {
    return (struct number_span){fmax(a.least, b.least), fmax(a.most, b.most)};
}

static struct number_span span_lesser(struct number_span a, struct number_span b) {
    return (struct number_span){fmin(a.least, b.least), fmin(a.most, b.most)};
}

/* What rounding may add. */
static struct number_span rounded(struct number_span a, enum dtype dtype) {
    if (dtype_facts[dtype].letter != 'F' && dtype_facts[dtype].letter != 'S')
        return a;
    double part = dtype_bytes(dtype) > 2 ? 0x1p-22 : 0x1p-6;
    return span_made(a.least - fabs(a.least) * part, a.most + fabs(a.most) * part);
}

static struct number_span span_of_dtype(enum dtype dtype) {
    const struct dtype_facts *facts = &dtype_facts[dtype];
    if (facts->letter == 'B')
        return (struct number_span){0, 1};
    if (facts->letter != 'I')
        return unknown;
    return (struct number_span){(double)facts->least, (double)facts->greatest};
}

/* ---- By what makes the element ---- */

/* What has been found of elements. */
struct known_span {
    struct tensor_element element;
    struct number_span span;
};
struct span_search {
    struct elements_seen seen;
    int count, capacity;
    struct known_span *found;
};

static struct number_span span_of(struct span_search *search, struct tensor_element e);

static struct number_span operand_span(struct span_search *search, const struct tensor_element *e,
                                       int i) {
    return span_of(search, element_operand(e, i));
}

static struct number_span span_of_cast(struct span_search *search, const struct tensor_element *e) {
    enum dtype from = e->node->sources[0]->dtype, to = e->node->dtype;
    struct number_span a = operand_span(search, e, 0), all = span_of_dtype(to);
    if (to == DTYPE_BOOL)
        return all;
    if (dtype_facts[to].letter != 'I')
        return rounded(a, to);
    if (dtype_facts[from].letter == 'I') /* which wraps around */
        return a.least >= all.least && a.most <= all.most ? a : all;
    return common((struct number_span){trunc(a.least), trunc(a.most)}, all);
}

static struct number_span span_of_quotient(struct span_search *search,
                                           const struct tensor_element *e) {
    struct number_span a = operand_span(search, e, 0), b = operand_span(search, e, 1);
    struct number_span y = span_multiply(a, span_reciprocal(b));
    if (dtype_facts[e->node->dtype].letter != 'I')
        return rounded(y, e->node->dtype);
    return b.least > 0 ? (struct number_span){trunc(y.least), trunc(y.most)} : unknown;
}

/* Of integers: it has the sign of the dividend. */
static struct number_span span_of_rest(struct span_search *search, const struct tensor_element *e) {
    struct number_span a = operand_span(search, e, 0), b = operand_span(search, e, 1);
    if (dtype_facts[e->node->dtype].letter != 'I' || b.least < 1)
        return unknown;
    return common((struct number_span){a.least < 0 ? 1 - b.most : 0, b.most - 1},
                  hull(a, (struct number_span){0}));
}

/* How many elements the axes have over which it reduces. */
static int64_t reduced_elements(const struct node *node) {
    int64_t count = 1;
    for (int i = 0; i < node->axis_count; i++)
        count *= node->sources[0]->shape[node->axes[i]];
    return count;
}

/* Element `index` of those that are reduced to e; ANYWHERE: any of them. */
static struct tensor_element reduced_element(const struct tensor_element *e, int64_t index) {
    const struct node *source = e->node->sources[0];
    struct tensor_element x = {.graph = e->graph, .node = source};
    bool reduced[MAX_RANK] = {false};
    for (int i = 0; i < e->node->axis_count; i++)
        reduced[e->node->axes[i]] = true;
    int own = e->node->rank;
    for (int i = source->rank; i-- > 0;) {
        if (!reduced[i])
            x.at[i] = e->at[--own];
        else if (index == ANYWHERE)
            x.at[i] = ANYWHERE;
        else {
            x.at[i] = index % source->shape[i];
            index /= source->shape[i];
        }
    }
    return x;
}

/* The greatest or the least of several. */
static struct number_span span_of_extreme(struct span_search *search,
                                          const struct tensor_element *e) {
    int64_t count = reduced_elements(e->node);
    bool greatest = e->node->op == OP_REDUCE_MAX;
    if (count < 1 || count > MOST_TRIED)
        return count < 1 ? span_of_dtype(e->node->dtype)
                         : span_of(search, reduced_element(e, ANYWHERE));
    struct number_span all = span_of(search, reduced_element(e, 0));
    for (int64_t i = 1; i < count; i++) {
        struct number_span one = span_of(search, reduced_element(e, i));
        all = greatest ? span_greater(all, one) : span_lesser(all, one);
    }
    return all;
}

static struct number_span span_of_sum(struct span_search *search, const struct tensor_element *e) {
    double count = (double)reduced_elements(e->node);
    struct number_span one = span_of(search, reduced_element(e, ANYWHERE));
    return rounded(span_multiply(one, (struct number_span){count, count}), e->node->dtype);
}

/* Of an element of some part, at a position that is not known. */
static struct number_span span_of_joined(struct span_search *search,
                                         const struct tensor_element *e) {
    struct number_span all = {INFINITY, -INFINITY};
    for (int i = 0; i < e->node->source_count; i++) {
        struct tensor_element part = *e;
        part.node = e->node->sources[i];
        part.at[e->node->axis] = ANYWHERE;
        if (part.node->shape[e->node->axis] > 0)
            all = hull(all, span_of(search, part));
    }
    return all.least > all.most ? unknown : all;
}

/* Of any element of what it moves: for what is said of positions is not enough. */
static struct number_span span_of_moved(struct span_search *search,
                                        const struct tensor_element *e) {
    struct tensor_element any = {.graph = e->graph, .node = e->node->sources[0]};
    struct number_span none = {0};
    double value = 0;
    for (int i = 0; i < any.node->rank; i++) {
        if (any.node->shape[i] < 1)
            return unknown;
        any.at[i] = ANYWHERE;
    }
    if (e->node->op == OP_PAD && e->node->value) {
        const struct node pad = {
            .op = OP_CONST, .dtype = e->node->dtype, .value = e->node->value, .value_count = 1};
        element_is_known(&(struct tensor_element){.node = &pad}, &value);
        none = (struct number_span){value, value};
    }
    struct number_span all = span_of(search, any);
    return e->node->op == OP_PAD || e->node->op == OP_GATHER ? hull(all, none) : all;
}

/* Of any element of a const. */
static struct number_span span_of_const(const struct tensor_element *e) {
    struct number_span all = {INFINITY, -INFINITY};
    int64_t count = e->node->value_count;
    struct node flat = *e->node;
    flat.rank = 1;
    flat.shape[0] = count;
    for (int64_t i = 0; i < count && count <= MOST_SCANNED; i++) {
        double value = 0;
        element_is_known(&(struct tensor_element){.node = &flat, .at = {i}}, &value);
        all = isnan(value) ? unknown : hull(all, (struct number_span){value, value});
    }
    return all.least > all.most ? unknown : all;
}

static struct number_span span_by_op(struct span_search *search, const struct tensor_element *e) {
    const struct node *node = e->node;
    static const struct number_span turning = {-1, 1};
    struct number_span a;
    switch (node->op) {
    case OP_CONST:
        return span_of_const(e);
    case OP_IOTA:
        return (struct number_span){0, (double)node->shape[0] - 1};
    case OP_RESHAPE:
    case OP_PERMUTE:
    case OP_EXPAND:
    case OP_PAD:
    case OP_SHRINK:
    case OP_FLIP:
    case OP_WINDOW:
    case OP_GATHER:
        return span_of_moved(search, e);
    case OP_CONCAT:
        return span_of_joined(search, e);
    case OP_NEG:
        return span_negate(operand_span(search, e, 0));
    case OP_ABS:
        a = operand_span(search, e, 0);
        return span_greater(span_greater(a, span_negate(a)), (struct number_span){0, 0});
    case OP_SQRT:
        a = operand_span(search, e, 0);
        return rounded(span_made(sqrt(fmax(a.least, 0)), sqrt(fmax(a.most, 0))), node->dtype);
    case OP_RECIP:
        return rounded(span_reciprocal(operand_span(search, e, 0)), node->dtype);
    case OP_EXP:
        return (struct number_span){0, INFINITY};
    case OP_SIN:
    case OP_COS:
    case OP_TANH:
    case OP_ERF:
        return turning;
    case OP_FLOOR:
        a = operand_span(search, e, 0);
        return (struct number_span){floor(a.least), floor(a.most)};
    case OP_CEIL:
        a = operand_span(search, e, 0);
        return (struct number_span){ceil(a.least), ceil(a.most)};
    case OP_ROUND:
        a = operand_span(search, e, 0);
        return (struct number_span){rint(a.least), rint(a.most)};
    case OP_CAST:
        return span_of_cast(search, e);
    case OP_ADD:
        return rounded(span_add(operand_span(search, e, 0), operand_span(search, e, 1)),
                       node->dtype);
    case OP_SUB:
        return rounded(
            span_add(operand_span(search, e, 0), span_negate(operand_span(search, e, 1))),
            node->dtype);
    case OP_MUL:
        return rounded(span_multiply(operand_span(search, e, 0), operand_span(search, e, 1)),
                       node->dtype);
    case OP_DIV:
        return span_of_quotient(search, e);
    case OP_MOD:
        return span_of_rest(search, e);
    case OP_MIN:
        return span_lesser(operand_span(search, e, 0), operand_span(search, e, 1));
    case OP_MAX:
        return span_greater(operand_span(search, e, 0), operand_span(search, e, 1));
    case OP_WHERE:
        return hull(operand_span(search, e, 1), operand_span(search, e, 2));
    case OP_REDUCE_SUM:
        return span_of_sum(search, e);
    case OP_REDUCE_MAX:
    case OP_REDUCE_MIN:
        return span_of_extreme(search, e);
    case OP_ARGMAX:
    case OP_ARGMIN:
        return (struct number_span){0, fmax((double)reduced_elements(node) - 1, 0)};
    case OP_ARGSORT:
        return (struct number_span){0, (double)node->shape[node->axis] - 1};
    default:
        return unknown;
    }
}

/* As is_same_element, but any one is as good as any other. */
static bool is_same_place(const struct tensor_element *a, const struct tensor_element *b) {
    return a->node == b->node && memcmp(a->at, b->at, (size_t)a->node->rank * sizeof *a->at) == 0;
}

static struct number_span span_of(struct span_search *search, struct tensor_element e) {
    double value;
    element_settles(&search->seen, &e);
    if (element_is_known(&e, &value))
        return span_made(value, value);
    for (int i = 0; i < search->count; i++)
        if (is_same_place(&search->found[i].element, &e))
            return search->found[i].span;
    if (!elements_step(&search->seen))
        return span_of_dtype(e.node->dtype);
    search->seen.depth++;
    struct number_span span = span_by_op(search, &e), all = span_of_dtype(e.node->dtype);
    search->seen.depth--;
    if (span.least < all.least || span.most > all.most) /* integers wrap around */
        span = all;
    search->found = arena_extend(&search->seen.importer->arena, search->found, search->count,
                                 &search->capacity, sizeof *search->found);
    search->found[search->count++] = (struct known_span){e, span};
    return span;
}

/* ---- Sums of elements ---- */

/* rest + factor * element + .. */
struct sum {
    struct number_span rest;
    int count;
    struct sum_term {
        double factor;
        struct tensor_element element;
        bool is_last; /* it is looked at as it is */
    } terms[MOST_TERMS];
};

/* False: there is no room for it. */
static bool add_term(struct span_search *search, struct sum *sum, double factor,
                     struct tensor_element e) {
    double value;
    element_settles(&search->seen, &e);
    if (element_is_known(&e, &value)) {
        sum->rest = span_add(sum->rest, (struct number_span){factor * value, factor * value});
        return true;
    }
    for (int i = 0; i < sum->count; i++) {
        struct sum_term *term = &sum->terms[i];
        if (!is_same_element(&term->element, &e))
            continue;
        term->factor += factor;
        if (term->factor == 0)
            *term = sum->terms[--sum->count];
        return true;
    }
    if (sum->count == MOST_TERMS)
        return false;
    sum->terms[sum->count++] = (struct sum_term){factor, e, false};
    return true;
}

static struct number_span scaled(struct number_span a, double factor) {
    return span_multiply(a, (struct number_span){factor, factor});
}

/* By intervals alone. */
static struct number_span span_of_terms(struct span_search *search, const struct sum *sum) {
    struct number_span all = sum->rest;
    for (int i = 0; i < sum->count; i++)
        all = span_add(all, scaled(span_of(search, sum->terms[i].element), sum->terms[i].factor));
    return all;
}

/* What of a factor is known. */
static bool known_operand(struct span_search *search, const struct tensor_element *e, int i,
                          double *value) {
    struct tensor_element operand = element_operand(e, i);
    element_settles(&search->seen, &operand);
    return element_is_known(&operand, value) && isfinite(*value);
}

/* What rounding or a cut adds to a linear operation whose results are between those. */
static struct number_span added_by(const struct node *node, struct number_span span) {
    bool cuts = node->op == OP_CAST && dtype_facts[node->dtype].letter == 'I' &&
                dtype_facts[node->sources[0]->dtype].letter != 'I';
    struct number_span most = {-fmax(fabs(span.least), fabs(span.most)),
                               fmax(fabs(span.least), fabs(span.most))};
    struct number_span own = rounded(most, node->dtype);
    double error = own.most - most.most + (cuts ? 1 : 0);
    return (struct number_span){-error, error};
}

/* Puts what a term is made of in its place. False: it is nothing linear, or too much. */
static bool expand_term(struct span_search *search, struct sum *sum, int which) {
    struct sum_term term = sum->terms[which];
    const struct tensor_element *e = &term.element;
    struct number_span span = span_of(search, *e);
    double factor = term.factor, value = 1;
    if (!isfinite(span.least) || !isfinite(span.most))
        return false;
    sum->terms[which] = sum->terms[--sum->count];
    sum->rest = span_add(sum->rest, scaled(added_by(e->node, span), fabs(factor)));
    switch (e->node->op) {
    case OP_ADD:
        return add_term(search, sum, factor, element_operand(e, 0)) &&
               add_term(search, sum, factor, element_operand(e, 1));
    case OP_SUB:
        return add_term(search, sum, factor, element_operand(e, 0)) &&
               add_term(search, sum, -factor, element_operand(e, 1));
    case OP_NEG:
        return add_term(search, sum, -factor, element_operand(e, 0));
    case OP_CAST:
        return e->node->dtype != DTYPE_BOOL && add_term(search, sum, factor, element_operand(e, 0));
    case OP_MUL:
        for (int i = 0; i < 2; i++)
            if (known_operand(search, e, i, &value))
                return add_term(search, sum, factor * value, element_operand(e, 1 - i));
        return false;
    case OP_DIV:
        return dtype_facts[e->node->dtype].letter == 'F' && known_operand(search, e, 1, &value) &&
               value != 0 && add_term(search, sum, factor / value, element_operand(e, 0));
    default:
        return false;
    }
}

/* How many elements there are of which it is the greatest or the least, and which; 0: it is not. */
static int extremes(const struct tensor_element *e, struct tensor_element *of) {
    enum op op = e->node->op;
    if (op == OP_MAX || op == OP_MIN) {
        of[0] = element_operand(e, 0);
        of[1] = element_operand(e, 1);
        return 2;
    }
    int64_t count = op == OP_REDUCE_MAX || op == OP_REDUCE_MIN ? reduced_elements(e->node) : 0;
    if (count < 1 || count > MOST_TRIED)
        return 0;
    for (int64_t i = 0; i < count; i++)
        of[i] = reduced_element(e, i);
    return (int)count;
}

static int graph_depth(const struct built_graph *graph) {
    int depth = 0;
    for (; graph->around; graph = graph->around)
        depth++;
    return depth;
}

/* The term that was made last, so that those which are the same meet; -1: all are last ones. */
static int latest_term(const struct sum *sum) {
    int latest = -1, depth = 0;
    for (int i = 0; i < sum->count; i++) {
        const struct tensor_element *e = &sum->terms[i].element;
        int own = graph_depth(e->graph);
        if (sum->terms[i].is_last)
            continue;
        if (latest < 0 || own > depth ||
            (own == depth && e->node->id > sum->terms[latest].element.node->id)) {
            latest = i;
            depth = own;
        }
    }
    return latest;
}

static struct number_span span_of_sum_of(struct span_search *search, const struct sum *sum,
                                         int splits);

/* Each of those of which a term is the greatest, or the least, in its place. */
static struct number_span span_of_split(struct span_search *search, const struct sum *sum,
                                        int which, int count, const struct tensor_element *of,
                                        int splits) {
    enum op op = sum->terms[which].element.node->op;
    double factor = sum->terms[which].factor;
    bool greater = (op == OP_MAX || op == OP_REDUCE_MAX) == (factor > 0);
    struct number_span all = unknown;
    for (int i = 0; i < count; i++) {
        struct sum one = *sum;
        one.terms[which] = one.terms[--one.count];
        if (!add_term(search, &one, factor, of[i]))
            return unknown;
        struct number_span span = span_of_sum_of(search, &one, splits - 1);
        all = i == 0 ? span : greater ? span_greater(all, span) : span_lesser(all, span);
    }
    return all;
}

/* A float that becomes an integer, alone: it is not more than the float. */
static bool is_cut_alone(const struct sum *sum) {
    const struct node *node = sum->terms[0].element.node;
    return sum->count == 1 && sum->terms[0].factor == 1 && sum->rest.least == 0 &&
           sum->rest.most == 0 && !sum->terms[0].is_last && node->op == OP_CAST &&
           dtype_facts[node->dtype].letter == 'I' &&
           dtype_facts[node->sources[0]->dtype].letter != 'I';
}

static struct number_span span_of_cut(struct span_search *search, const struct sum *sum,
                                      int splits) {
    struct sum own = {.rest = {0, 0}};
    add_term(search, &own, 1, element_operand(&sum->terms[0].element, 0));
    struct number_span span = span_of_sum_of(search, &own, splits);
    return (struct number_span){trunc(span.least), trunc(span.most)};
}

static struct number_span span_of_sum_of(struct span_search *search, const struct sum *sum,
                                         int splits) {
    struct tensor_element of[MOST_TRIED];
    struct sum left = *sum;
    struct number_span span = span_of_terms(search, &left);
    for (int which; (which = latest_term(&left)) >= 0;) {
        if (splits == 0 || !elements_step(&search->seen))
            return span;
        if (is_cut_alone(&left))
            return common(span, span_of_cut(search, &left, splits));
        struct sum before = left;
        int count = extremes(&left.terms[which].element, of);
        if (count)
            return common(span, span_of_split(search, &left, which, count, of, splits));
        if (!expand_term(search, &left, which)) {
            left = before;
            left.terms[which].is_last = true;
            continue;
        }
        span = common(span, span_of_terms(search, &left));
    }
    return span;
}

struct number_span span_of_element(struct importer *importer, struct tensor x, int64_t index) {
    if (!x.node) /* of what was refused */
        return unknown;
    struct span_search search = {.seen = elements_begin(importer)};
    struct sum sum = {.rest = {0, 0}};
    struct tensor_element e = element_in(importer, x, index);
    add_term(&search, &sum, 1, e);
    return common(span_of_sum_of(&search, &sum, MOST_SPLITS), span_of_dtype(tensor_dtype(x)));
}
