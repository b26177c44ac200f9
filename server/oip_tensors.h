/* Tensors of the Open Inference Protocol: as JSON, and as bytes behind it. */
#ifndef EIGENTENSOR_SERVER_OIP_TENSORS_H
#define EIGENTENSOR_SERVER_OIP_TENSORS_H

#include "server/oip_data.h"
#include "server/server.h"
#include "server/sizes.h"

/* The model that the path names; NULL with a finished 404. */
struct model *model_of_path(struct worker *worker, const struct request *request,
                            struct reply *reply);

/* A member that need not be there, and is not there where it is null. */
const json_t *oip_optional(const json_t *object, const char *key);

/* An object's parameters, or NULL in *parameters where it has none; false when they are something
 * else than an object. */
bool oip_parameters(const json_t *object, const json_t **parameters, struct et_error *error);

/* "FP32" of "float32" and so on. */
const char *oip_datatype(const char *dtype);

/* {"name": .., "datatype": .., "shape": [..]} of tensors, as a JSON list; a batch axis is -1, and
 * so is an open one, and one whose extent depends on the data. */
void oip_write_tensors(struct text *text, const struct model *model, int count,
                       model_tensor *facts);

/* The bytes behind the JSON of a request, and how many of them were used. */
struct oip_bytes {
    const char *bytes;
    size_t count, used;
};

/* oip_sizes.c: the sizes of open axes that "inputs" of a request have, of a body of so many bytes;
 * those of the first size where they say nothing. False, and an error, for sizes that are not
 * allowed. What else is wrong with the inputs is for oip_read_inputs. */
bool oip_read_sizes(const json_t *document, size_t body_bytes, const struct sizes *sizes,
                    struct sizes_asked *asked, struct et_error *error);

/* Reads "inputs" of a request into memory->inputs, which it makes fit for the images in them, at
 * most `max_batch`; lists of the document that have been taken out of it, from `data`. */
bool oip_read_inputs(const json_t *document, const struct oip_data *data, struct oip_bytes *behind,
                     const struct model *model, int64_t max_batch, struct model_memory *memory,
                     struct et_error *error);

/* Which outputs a request wants, in its order, and in which form. */
struct oip_output {
    int index;
    bool binary;
};
struct oip_outputs {
    int count;
    struct oip_output *items; /* owned */
};
bool oip_read_outputs(const json_t *document, const struct model *model,
                      struct oip_outputs *outputs, struct et_error *error);

/* After a run, once: leaves what is true of outputs whose extent depends on the data. A digest is
 * made before. */
void oip_cut_outputs(const struct model *model, const struct model_memory *memory);
/* Writes "outputs": [..], as they were cut. */
void oip_write_outputs(struct text *text, const struct model *model,
                       const struct model_memory *memory, const struct oip_outputs *outputs);
/* Appends the elements of those outputs that are binary. */
void oip_write_bytes(struct text *text, const struct model *model,
                     const struct model_memory *memory, const struct oip_outputs *outputs);

#endif
