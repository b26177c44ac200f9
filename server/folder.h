/* A folder of models that is watched (--models). In it are
 *
 *     NAME.json with its weights, or NAME.onnx      perhaps beside NAME.conf
 *     NAME/ with one such file                      perhaps beside model.conf
 *
 * each served as NAME. What comes, changes or goes is served, replaced or removed once it has been
 * still for a moment; requests that have begun end with what they began with. A file that cannot be
 * served is told of once, and what was served before stays. A .conf has lines "limit = number"
 * (MODEL_LIMITS of model.h). */
#ifndef EIGENTENSOR_SERVER_FOLDER_H
#define EIGENTENSOR_SERVER_FOLDER_H

#include "server/models.h"

struct folder;

/* Serves what there is. NULL and an error only where the folder cannot be read. */
struct folder *folder_open(struct models *models, const char *path, struct et_error *error);
/* Begins to watch it. */
bool folder_watch(struct folder *folder, struct et_error *error);
/* Ends that, within so many seconds; false: a model is still being compiled. NULL is fine. */
bool folder_stop(struct folder *folder, int seconds);
void folder_free(struct folder *folder); /* once it was stopped; NULL is fine */

/* Serves the model as its file is now; or no longer, until it is loaded or its file is another. 0,
 * or the status of a refusal with an error. */
int folder_load(struct folder *folder, const char *name, struct et_error *error);
int folder_unload(struct folder *folder, const char *name, struct et_error *error);

/* What there is in the folder, in order of names. `reason`: why a file is not served, or "". */
typedef void folder_visitor(void *context, const char *name, bool served, const char *reason);
void folder_visit(struct folder *folder, folder_visitor *visit, void *context);

/* Whether a model may be called so. */
bool model_name_check(const char *name, struct et_error *error);
/* Where *path is a folder, it becomes that of the one model in it, which `text` holds. */
bool model_path_within(const char **path, struct text *text, struct et_error *error);

#endif
