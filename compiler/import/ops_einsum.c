/* Einsum: an equation of labels, a letter an axis, as contractions of two operands each. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

#include <ctype.h>
#include <string.h>

/* Labels are letters; the axes of an ellipsis are numbered from the last on, behind all letters. */
enum { FIRST_OF_ELLIPSIS = 128, MOST_LABELS = FIRST_OF_ELLIPSIS + MAX_RANK };

/* A list of labels, each an axis of x. */
struct term {
    struct tensor x;
    int rank;
    int labels[MAX_RANK];
};

static int place_of(const struct term *term, int label) {
    for (int i = 0; i < term->rank; i++)
        if (term->labels[i] == label)
            return i;
    return -1;
}

/* ---- Reading ---- */

static bool add_label(const struct call *call, struct term *term, int label) {
    if (term->rank < MAX_RANK) {
        term->labels[term->rank++] = label;
        return true;
    }
    call_refuse(call, "more than %d labels in one term", MAX_RANK);
    return false;
}

/* Reads "ab...c" up to a comma, an arrow or the end. The ellipsis stands for as many axes as
 * `rank` leaves; *ellipsis is set to that. */
static const char *read_term(const struct call *call, const char *text, int rank, struct term *term,
                             int *ellipsis) {
    int letters = 0;
    for (const char *c = text; *c && *c != ',' && *c != '-'; c++)
        letters += isalpha((unsigned char)*c) != 0;
    *ellipsis = -1;
    for (; *text && *text != ',' && *text != '-'; text++) {
        if (*text == ' ')
            continue;
        if (*ellipsis < 0 && strncmp(text, "...", 3) == 0) {
            *ellipsis = rank - letters;
            for (int i = *ellipsis; i-- > 0;)
                if (!add_label(call, term, FIRST_OF_ELLIPSIS + i))
                    return NULL;
            text += 2;
        } else if (!isalpha((unsigned char)*text)) {
            call_refuse(call, "equation: what is \"%.8s\"?", text);
            return NULL;
        } else if (!add_label(call, term, *text)) {
            return NULL;
        }
    }
    return text;
}

static const char *read_operand(const struct call *call, const char *text, struct tensor x,
                                struct term *term, int *longest) {
    int ellipsis;
    *term = (struct term){.x = x};
    text = read_term(call, text, tensor_rank(x), term, &ellipsis);
    if (text && term->rank != tensor_rank(x)) {
        call_refuse(call, "equation: %d labels for %s", term->rank, tensor_text(x).text);
        return NULL;
    }
    *longest = ellipsis > *longest ? ellipsis : *longest;
    return text;
}

/* Without an arrow: the ellipsis, then what is there once, in the order of the alphabet. */
static bool implied_result(const struct call *call, int count, const struct term *terms,
                           int longest, struct term *result) {
    int times[MOST_LABELS] = {0};
    for (int i = 0; i < count; i++)
        for (int k = 0; k < terms[i].rank; k++)
            times[terms[i].labels[k]]++;
    for (int i = longest; i-- > 0;)
        if (!add_label(call, result, FIRST_OF_ELLIPSIS + i))
            return false;
    for (int i = 0; i < FIRST_OF_ELLIPSIS; i++)
        if (times[i] == 1 && !add_label(call, result, i))
            return false;
    return true;
}

static bool check_result(const struct call *call, int count, const struct term *terms,
                         const struct term *result) {
    for (int i = 0; i < result->rank; i++) {
        bool found = false;
        for (int k = 0; k < count; k++)
            found |= place_of(&terms[k], result->labels[i]) >= 0;
        if (!found || place_of(result, result->labels[i]) != i) {
            call_refuse(call, "equation: label %d of the result is %s", i + 1,
                        found ? "there twice" : "in no operand");
            return false;
        }
    }
    return true;
}

static bool read_equation(struct call *call, int count, struct term *terms, struct term *result) {
    const char *text = call_text(call, "equation", "");
    int longest = 0, ellipsis;
    for (int i = 0; i < count; i++) {
        text = read_operand(call, text, call_input(call, i), &terms[i], &longest);
        if (!text)
            return false;
        if ((*text == ',') != (i + 1 < count)) {
            call_refuse(call, "equation: expected %d operands", count);
            return false;
        }
        text += *text == ',';
    }
    *result = (struct term){0};
    if (*text == 0)
        return implied_result(call, count, terms, longest, result);
    if (strncmp(text, "->", 2) != 0) {
        call_refuse(call, "equation: what is \"%.8s\"?", text);
        return false;
    }
    int letters = 0;
    for (const char *c = text; *c; c++)
        letters += isalpha((unsigned char)*c) != 0;
    text = read_term(call, text + 2, letters + longest, result, &ellipsis);
    if (text && *text)
        call_refuse(call, "equation: what is \"%.8s\"?", text);
    return text && !*text && check_result(call, count, terms, result);
}

/* ---- Computing ---- */

/* The diagonal of two axes with one label, in the place of the first. */
static void take_diagonals(struct term *term) {
    for (int i = 0; i < term->rank; i++)
        for (int k = term->rank; --k > i;) {
            if (term->labels[k] != term->labels[i])
                continue;
            int64_t extent = tensor_extent(term->x, i), merged;
            if (tensor_extent(term->x, k) != extent || !checked_multiply(extent, extent, &merged)) {
                term->x =
                    tensor_fail(term->x.context, "equation: one label for axes %d and %d of %s", i,
                                k, tensor_text(term->x).text);
                return;
            }
            term->x = reshape_axes(move_axis(term->x, k, i + 1), i, 2, 1, &merged);
            term->x = slice_axis(term->x, i, 0, extent, extent + 1);
            memmove(&term->labels[k], &term->labels[k + 1],
                    (size_t)(--term->rank - k) * sizeof term->labels[0]);
        }
}

/* Sums over labels that nothing else has. */
static void sum_alone(struct term *term, const struct term *kept) {
    int axes[MAX_RANK], count = 0, rank = 0;
    for (int i = 0; i < term->rank; i++) {
        if (place_of(kept, term->labels[i]) < 0)
            axes[count++] = i;
        else
            term->labels[rank++] = term->labels[i];
    }
    term->rank = rank;
    if (count)
        term->x = tensor_reduce_sum(term->x, count, axes);
}

/* x with an axis for each of the labels, of extent 1 where it has none. */
static struct tensor aligned(const struct term *term, int count, const int *labels) {
    int axes[MAX_RANK], rank = 0;
    int64_t shape[MAX_RANK];
    for (int i = 0; i < count; i++) {
        int place = place_of(term, labels[i]);
        shape[i] = place < 0 ? 1 : tensor_extent(term->x, place);
        if (place >= 0)
            axes[rank++] = place;
    }
    return tensor_reshape(tensor_permute(term->x, rank, axes), count, shape);
}

/* The product of two, summed over what is not kept; its labels are those kept of `kept`, in their
 * order. */
static struct term multiply(const struct call *call, const struct term *a, const struct term *b,
                            const struct term *kept) {
    struct term all = {0}, result = {0};
    for (int i = 0; i < kept->rank; i++)
        if (place_of(a, kept->labels[i]) >= 0 || place_of(b, kept->labels[i]) >= 0)
            add_label(call, &result, kept->labels[i]);
    all = result;
    for (int i = 0; i < a->rank; i++)
        if (place_of(&result, a->labels[i]) < 0 && !add_label(call, &all, a->labels[i]))
            return result;
    struct tensor x = aligned(a, all.rank, all.labels), y = aligned(b, all.rank, all.labels);
    int summed[MAX_RANK], count = 0;
    for (int i = result.rank; i < all.rank; i++)
        summed[count++] = i;
    result.x = count ? tensor_contract(x, y, count, summed) : tensor_mul(x, y);
    return result;
}

/* The labels that the result or one of the terms has: those of the result first. */
static bool labels_needed(const struct call *call, const struct term *result, int count,
                          const struct term *terms, struct term *needed) {
    *needed = *result;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < terms[i].rank; k++)
            if (place_of(needed, terms[i].labels[k]) < 0 &&
                !add_label(call, needed, terms[i].labels[k]))
                return false;
    return true;
}

struct tensor import_einsum(struct call *call) {
    int count = call->input_count;
    struct term *terms = arena_array(&call->importer->arena, struct term, (size_t)count + 1);
    struct term result, needed;
    if (count < 1 || !read_equation(call, count, terms, &result))
        return call_refuse(call, "no operands");
    for (int i = 0; i < count; i++)
        take_diagonals(&terms[i]);
    for (int i = 0; i < count; i++) {
        struct term own = terms[i];
        terms[i].rank = 0; /* of the others */
        if (!labels_needed(call, &result, count, terms, &needed))
            return NO_TENSOR;
        terms[i] = own;
        sum_alone(&terms[i], &needed);
    }
    struct term product = terms[0];
    for (int i = 1; i < count; i++) {
        if (!labels_needed(call, &result, count - i - 1, terms + i + 1, &needed))
            return NO_TENSOR;
        product = multiply(call, &product, &terms[i], &needed);
    }
    return aligned(&product, result.rank, result.labels);
}
