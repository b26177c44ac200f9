/* Pictures in requests, and models that look at them. */
#ifndef EIGENTENSOR_SERVER_PICTURE_H
#define EIGENTENSOR_SERVER_PICTURE_H

#include "runtime/formats/image.h"
#include "server/server.h"

/* Decodes base64 (white space and a "data:...;base64," prefix are fine) to the end of `bytes`. */
bool base64_decode(const char *text, struct text *bytes, struct et_error *error);
/* Appends the base64 of the bytes. */
void base64_encode(const void *bytes, size_t count, struct text *text);

/* A drawing on its way into a model: what the model sees. */
struct drawing {
    unsigned char digit[DIGIT_PIXELS];
};

/* A PNG file's bytes to a prepared digit, in two of the stages. */
bool drawing_decode(struct drawing *drawing, const void *png, size_t count,
                    double stages[STAGE_COUNT], bool *blank, struct et_error *error);
/* Parsing is what took time since then, beside decoding and preparing. */
void finish_parse(double stages[STAGE_COUNT], double began);
/* The picture of a request, PNG or JSON; false with a finished reply. */
bool drawing_read(struct drawing *drawing, const struct request *request, struct reply *reply);

/* The model of the request, which must take pictures, with this worker's memory for it and the
 * digit as its input; NULL with a finished reply. */
struct model *drawing_model(struct worker *worker, const struct request *request,
                            struct reply *reply, struct model_memory **memory);
void drawing_to_input(const struct drawing *drawing, struct model_memory *memory);

/* Position of the greatest of the first output's elements; the first of equals. */
int predicted(const struct model *model, const struct model_memory *memory);

#endif
