/* NaN and infinity among a request's tensors, which replies tell of. */
#ifndef EIGENTENSOR_SERVER_FINITE_H
#define EIGENTENSOR_SERVER_FINITE_H

#include "server/server.h"

/* Whether all elements are numbers; those of integers and bools are. */
bool all_finite(const char *dtype, const void *elements, size_t bytes);

/* The names of those inputs, or outputs, in this memory that hold a NaN or an infinity, as a JSON
 * list, the caller's; NULL: there are none, or no memory for it, as Jansson remembers. */
json_t *inputs_not_finite(const struct model *model, const struct model_memory *memory);
json_t *outputs_not_finite(const struct model *model, const struct model_memory *memory);

#endif
