/* The lists of numbers that tensors are sent as: most of such a request's text, and read where they
 * lie there, without a tree of values. */
#ifndef EIGENTENSOR_SERVER_OIP_DATA_H
#define EIGENTENSOR_SERVER_OIP_DATA_H

#include "compiler/base/base.h"
#include "compiler/graph/graph.h"

/* Begin with all zero. */
struct oip_data {
    struct oip_list {
        const char *first, *end; /* "[", and behind the last "]" */
    } * lists;                   /* owned: "data" of each of "inputs", in their order */
    int count;
    struct text rest; /* owned: the text with [] in place of each */
};

/* Finds the lists of at most `most` inputs in the text of a request, which ends with a zero byte or
 * with what is no part of a number. False where there are none, where one holds anything but
 * numbers, true and false, or where it would take a parser to tell: then nothing is found. Whether
 * the text is JSON can be asked of the rest. */
bool oip_data_find(struct oip_data *data, const char *text, size_t count, int most);
void oip_data_free(struct oip_data *data);

/* Reads exactly so many elements, as element_from_json() would, however the lists are nested.
 * False where it could not, for whatever reason: a parser of the whole has to say it. */
bool oip_list_read(const struct oip_list *list, enum dtype dtype, size_t count, void *elements);

#endif
