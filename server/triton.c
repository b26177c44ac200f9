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

void handle_oip_index(struct worker *worker, const struct request *request, struct reply *reply) {
    const struct models *models = &worker->server->models;
    json_t *list = json_array();
    (void)request; /* {"ready": true} would leave out what is not ready: all is */
    for (int i = 0; i < models->count; i++)
        list_add_json(&list,
                      json_pack("{ssssssss}", "name", et_program_name(models->items[i].program),
                                "version", MODEL_VERSION, "state", "READY", "reason", ""));
    reply_json(reply, 200, list);
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
               json_pack("{sssssss{s{si}}sIsoso}", "name", reply->model, "platform", "eigentensor",
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

static json_t *statistics_of(const struct server *server, int which) {
    const struct metrics *metrics = &server->metrics;
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
    return json_pack("{sssssIsIsIsos[]}", "name",
                     et_program_name(server->models.items[which].program), "version", MODEL_VERSION,
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
    int which = model->index;
    reply_json(reply, 200,
               json_pack("{s[o]}", "model_stats", statistics_of(worker->server, which)));
}

void handle_oip_statistics(struct worker *worker, const struct request *request,
                           struct reply *reply) {
    (void)request;
    json_t *list = json_array();
    for (int i = 0; i < worker->server->models.count; i++)
        list_add_json(&list, statistics_of(worker->server, i));
    reply_json(reply, 200, json_pack("{so}", "model_stats", list));
}
