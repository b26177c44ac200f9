/* What Triton's clients ask for beside the Open Inference Protocol: the repository's index, models'
 * configurations and statistics, in the form that its documents describe. */
#include <string.h>

#include "server/oip_tensors.h"

/* "TYPE_FP32" and so on. */
static json_t *type_name(const char *dtype) {
    char name[16] = "TYPE_";
    strncat(name, oip_datatype(dtype), sizeof name - 6);
    return json_string(name);
}

/* ---- The repository ---- */

static void list_model(json_t **list, const char *name, bool served, const char *reason) {
    list_add_json(list, json_pack("{ssssssss}", "name", name, "version", MODEL_VERSION, "state",
                                  served ? "READY" : "UNAVAILABLE", "reason", reason));
}

/* One of the folder: those that are served are listed already, unless there is more to say. */
static void list_found(void *context, const char *name, bool served, const char *reason) {
    json_t **list = context;
    json_t *entry;
    size_t i;
    if (!served) {
        list_model(list, name, false, reason);
        return;
    }
    json_array_foreach(
        *list, i, entry) if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0)
        object_set_json(&entry, "reason", json_string(reason));
}

void handle_oip_index(struct worker *worker, const struct request *request, struct reply *reply) {
    struct server *server = worker->server;
    json_t *list = json_array();
    (void)request; /* {"ready": true} would leave out what is not ready */
    struct model_list models = models_take_all(&server->models);
    for (int i = 0; i < models.count; i++)
        list_model(&list, models.items[i]->name, true, "");
    models_give_back_all(&server->models, &models);
    if (server->folder)
        folder_visit(server->folder, list_found, &list);
    reply_json(reply, 200, list);
}

/* Loads or unloads the model that the path names. Browsers send such a request for any page,
 * without asking beforehand, and name the page's origin. */
static void change(struct worker *worker, const struct request *request, struct reply *reply,
                   int (*how)(struct folder *, const char *, struct et_error *)) {
    struct folder *folder = worker->server->folder;
    struct et_error error = {0};
    if (!worker->server->tokens && request_header(request, "Origin")) {
        reply_error(reply, STYLE_OIP, 403,
                    "pages load and unload models with a token only (--tokens)");
        return;
    }
    if (!folder) {
        reply_error(reply, STYLE_OIP, 400, "the server has no folder of models (--models)");
        return;
    }
    int status = how(folder, request->values[0], &error);
    if (status)
        reply_error(reply, STYLE_OIP, status, "%s", error.message);
    else
        reply_json(reply, 200, json_object());
}

void handle_oip_load(struct worker *worker, const struct request *request, struct reply *reply) {
    change(worker, request, reply, folder_load);
}

void handle_oip_unload(struct worker *worker, const struct request *request, struct reply *reply) {
    change(worker, request, reply, folder_unload);
}

/* ---- Configuration ---- */

/* Triton's batches are those of all inputs and outputs. */
static bool all_batched(const struct et_program *program, int count,
                        struct et_tensor (*facts)(const struct et_program *, int)) {
    for (int i = 0; i < count; i++) {
        struct et_tensor tensor = facts(program, i);
        if (!tensor.rank || tensor.shape[0] != ET_BATCH)
            return false;
    }
    return true;
}

static json_t *configured(const struct model *model, int count, int first_axis, bool are_inputs,
                          model_tensor *facts) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        int64_t shape[MAX_RANK];
        struct et_tensor tensor = facts(model, i, shape);
        if (!are_inputs && !model_shows_output(model, i))
            continue;
        json_t *dims = json_array();
        for (int axis = first_axis; axis < tensor.rank; axis++)
            list_add_json(&dims, json_integer(tensor.shape[axis]));
        json_t *object = json_pack("{sssoso}", "name", tensor.name, "data_type",
                                   type_name(tensor.dtype), "dims", dims);
        if (are_inputs)
            object_set_json(&object, "format", json_string("FORMAT_NONE"));
        list_add_json(&list, object);
    }
    return list;
}

void handle_oip_config(struct worker *worker, const struct request *request, struct reply *reply) {
    const struct model *model = model_of_path(worker, request, reply);
    if (!model)
        return;
    const struct et_program *program = model->program;
    int inputs = et_program_input_count(program), outputs = et_program_output_count(program);
    bool batched = inputs > 0 && all_batched(program, inputs, et_program_input) &&
                   all_batched(program, outputs, et_program_output);
    json_t *input = configured(model, inputs, batched, true, model_input);
    json_t *output = configured(model, outputs, batched, false, model_output);
    reply_json(reply, 200,
               json_pack("{sssssss{s{si}}sIsoso}", "name", model->name, "platform", "eigentensor",
                         "backend", "eigentensor", "version_policy", "latest", "num_versions", 1,
                         "max_batch_size",
                         (json_int_t)(batched ? worker->server->options.max_batch : 0), "input",
                         input, "output", output));
}

/* ---- Statistics ---- */

static json_t *duration(unsigned long count, unsigned long nanoseconds) {
    return json_pack("{sIsI}", "count", (json_int_t)count, "ns", (json_int_t)nanoseconds);
}

/* How often the model passed that stage, in any mode, and how long that took. */
static json_t *stage_sum(const struct metrics *metrics, int model, enum request_stage stage) {
    unsigned long count = 0, nanoseconds = 0;
    for (int mode = 0; mode < ET_ALL_MODES; mode++) {
        const struct histogram *histogram = &metrics->stages[model][mode][stage];
        nanoseconds += atomic_load(&histogram->nanoseconds);
        for (int i = 0; i <= BUCKETS; i++)
            count += atomic_load(&histogram->buckets[i]);
    }
    return duration(count, nanoseconds);
}

static json_t *statistics_of(const struct server *server, const struct model *model) {
    const struct metrics *metrics = &server->metrics;
    const int which = model->index;
    unsigned long runs = 0, nanoseconds = 0;
    for (int mode = 0; mode < ET_ALL_MODES; mode++) {
        runs += atomic_load(&metrics->inferences[which][mode]);
        for (int stage = 0; stage < STAGE_COUNT; stage++)
            nanoseconds += atomic_load(&metrics->stages[which][mode][stage].nanoseconds);
    }
    json_t *stages =
        json_pack("{sosososososososo}", "success", duration(runs, nanoseconds), "fail",
                  duration(atomic_load(&metrics->failures[which]), 0), "queue",
                  stage_sum(metrics, which, STAGE_queue), "compute_input",
                  stage_sum(metrics, which, STAGE_parse), "compute_infer",
                  stage_sum(metrics, which, STAGE_compute), "compute_output", duration(0, 0),
                  "cache_hit", duration(0, 0), "cache_miss", duration(0, 0));
    return json_pack("{sssssIsIsIsos[]}", "name", model->name, "version", MODEL_VERSION,
                     "last_inference", (json_int_t)atomic_load(&metrics->last_inference[which]),
                     "inference_count", (json_int_t)atomic_load(&metrics->images[which]),
                     "execution_count", (json_int_t)metrics_runs(metrics, which), "inference_stats",
                     stages, "batch_stats");
}

void handle_oip_model_statistics(struct worker *worker, const struct request *request,
                                 struct reply *reply) {
    const struct model *model = model_of_path(worker, request, reply);
    if (!model)
        return;
    reply_json(reply, 200,
               json_pack("{s[o]}", "model_stats", statistics_of(worker->server, model)));
}

void handle_oip_statistics(struct worker *worker, const struct request *request,
                           struct reply *reply) {
    (void)request;
    json_t *list = json_array();
    struct model_list models = models_take_all(&worker->server->models);
    for (int i = 0; i < models.count; i++)
        list_add_json(&list, statistics_of(worker->server, models.items[i]));
    models_give_back_all(&worker->server->models, &models);
    reply_json(reply, 200, json_pack("{so}", "model_stats", list));
}
