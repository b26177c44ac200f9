/* What the page asks for: one drawing in every mode, the model, its graph, kernels and samples. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/kernels/cpu.h"
#include "server/finite.h"
#include "server/picture.h"

void handle_health(struct worker *worker, const struct request *request, struct reply *reply) {
    (void)request;
    bool stopping = atomic_load(&worker->server->stopping);
    reply_json(reply, stopping ? 503 : 200,
               json_pack("{ssss}", "status", stopping ? "stopping" : "ok", "version", ET_VERSION));
}

/* ---- /api/draw ---- */

/* Is the name in the comma-separated list? NULL lists everything. */
static bool is_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
            return true;
    return !list;
}

/* Every name of the list is a mode. */
static bool check_modes(const char *list, struct reply *reply) {
    for (const char *at = list; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        enum et_mode mode;
        char name[16] = {0};
        size_t length = strcspn(at, ",");
        if (length < sizeof name)
            memcpy(name, at, length);
        if (!et_mode_from_name(name, &mode)) {
            reply_error(reply, STYLE_DETAIL, 422,
                        "modes: expected a list of eager, jit, aot, cuda");
            return false;
        }
    }
    return true;
}

/* Scores to probabilities; for the eye, so double will do. */
static json_t *softmax(const float *scores, size_t count) {
    json_t *list = json_array();
    double greatest = scores[0], sum = 0;
    for (size_t i = 1; i < count; i++)
        greatest = fmax(greatest, scores[i]);
    for (size_t i = 0; i < count; i++)
        sum += exp(scores[i] - greatest);
    for (size_t i = 0; i < count; i++) {
        double probability = exp(scores[i] - greatest) / sum;
        list_add_json(&list, isfinite(probability) ? json_real(probability) : json_null());
    }
    return list;
}

static json_t *floats(const float *values, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        list_add_json(&list, isfinite(values[i]) ? json_real(values[i]) : json_null());
    return list;
}

static json_t *base64_string(const void *bytes, size_t count) {
    struct text text = {0};
    base64_encode(bytes, count, &text);
    const char *encoded = text_read(&text, NULL);
    json_t *string = encoded ? json_string(encoded) : NULL;
    text_free(&text);
    return string;
}

/* A mode that cannot run says why. */
static json_t *idle_mode(const struct model *model, enum et_mode mode) {
    json_t *object = json_pack("{ss}", "state", model_state(model, mode));
    if (mode == ET_AOT && atomic_load(&model->aot_state) == AOT_FAILED)
        object_set_json(&object, "message", json_string(model->aot_error.message));
    if (mode == ET_JIT && !model_is_ready(model, ET_JIT))
        object_set_json(&object, "message", json_string(model->jit_error.message));
    return object;
}

/* One drawing in the modes that were asked for: what each gave, and whether all gave the same. */
struct comparison {
    json_t *modes;
    char digest[65];
    bool agree;
    int runs;
    double microseconds; /* of all runs */
    const struct run_limit *limit;
    struct model_run run; /* the last one */
};

static bool compare_mode(struct worker *worker, struct model *model, struct model_memory *memory,
                         enum et_mode mode, struct comparison *comparison, struct et_error *error) {
    if (!model_run(model, memory, mode, comparison->limit, &comparison->run, error))
        return false;
    double microseconds = comparison->run.microseconds;
    metrics_inference(worker->server, model, mode, true);
    metrics_run(worker->server, model, 1);
    metrics_stage(worker->server, model, mode, STAGE_compute, microseconds);
    comparison->microseconds += microseconds;
    struct et_digest digest = model_digest(model, memory);
    if (comparison->runs++ == 0)
        memcpy(comparison->digest, digest.text, sizeof digest.text);
    comparison->agree &= strcmp(comparison->digest, digest.text) == 0;
    object_set_json(&comparison->modes, et_mode_name(mode),
                    json_pack("{sssfsssi}", "state", "ready", "microseconds", microseconds,
                              "digest", digest.text, "prediction", predicted(model, memory)));
    return true;
}

static bool compare_modes(struct worker *worker, struct model *model, struct model_memory *memory,
                          const char *asked, struct comparison *comparison,
                          struct et_error *error) {
    for (int i = 0; i < ET_ALL_MODES; i++) {
        enum et_mode mode = (enum et_mode)i;
        if (!is_listed(asked, et_mode_name(mode)) || !model_has(model, mode))
            continue;
        if (!model_is_ready(model, mode))
            object_set_json(&comparison->modes, et_mode_name(mode), idle_mode(model, mode));
        else if (!compare_mode(worker, model, memory, mode, comparison, error))
            return false;
    }
    /* Else only what is not ready was asked for. */
    return comparison->runs ||
           model_run(model, memory, ET_JIT, comparison->limit, &comparison->run, error);
}

void handle_draw(struct worker *worker, const struct request *request, struct reply *reply) {
    double began = now_microseconds();
    struct drawing drawing;
    struct model_memory *memory;
    struct et_error error = {0};
    const char *asked = request_query(request, "modes");
    if (!check_modes(asked, reply) || !drawing_read(&drawing, request, reply))
        return;
    struct model *model = drawing_model(worker, request, reply, &memory);
    if (!model)
        return;
    drawing_to_input(&drawing, memory);
    struct comparison comparison = {.modes = json_object(), .agree = true, .limit = request->limit};
    if (!compare_modes(worker, model, memory, asked, &comparison, &error)) {
        json_decref(comparison.modes);
        metrics_inference(worker->server, model, ET_EAGER, false);
        reply_failed_run(reply, STYLE_DETAIL, &comparison.run, &worker->server->options, &error);
        return;
    }
    const double *stages = reply->stages;
    const float *scores = memory->outputs[0];
    size_t count = et_program_output(model->program, 0).bytes / sizeof *scores;
    reply->stages[STAGE_compute] = comparison.microseconds;
    json_t *facts =
        json_pack("{sssisosos{sisiso}sosbs{sfsfsf}}", "model", model->name, "prediction",
                  predicted(model, memory), "probabilities", softmax(scores, count), "outputs",
                  floats(scores, count), "prepared", "width", DIGIT_SIDE, "height", DIGIT_SIDE,
                  "pixels", base64_string(drawing.digit, DIGIT_PIXELS), "modes", comparison.modes,
                  "agree", comparison.agree, "microseconds", "decode", stages[STAGE_decode],
                  "prepare", stages[STAGE_prepare], "total", now_microseconds() - began);
    json_t *wrong = outputs_not_finite(model, memory);
    if (wrong)
        object_set_json(&facts, "outputs_not_finite", wrong);
    reply_json(reply, 200, facts);
}

/* ---- /api/model, /api/graph ---- */

static json_t *tensors(const struct et_program *program, int count,
                       struct et_tensor (*facts)(const struct et_program *, int)) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        struct et_tensor tensor = facts(program, i);
        json_t *shape = json_array();
        for (int axis = 0; axis < tensor.rank; axis++)
            list_add_json(&shape, json_integer(tensor.shape[axis]));
        list_add_json(&list,
                      json_pack("{sssssoso}", "name", tensor.name, "dtype", tensor.dtype, "shape",
                                shape, "bytes", json_integer((json_int_t)tensor.bytes)));
    }
    return list;
}

static json_t *mode_facts(const struct model *model) {
    json_t *aot = idle_mode(model, ET_AOT), *jit = idle_mode(model, ET_JIT);
    if (model_is_ready(model, ET_JIT))
        object_set_json(&jit, "prepare_milliseconds", json_real(model->jit_milliseconds));
    if (atomic_load(&model->aot_state) == AOT_READY) {
        object_set_json(&aot, "prepare_milliseconds", json_real(model->aot_milliseconds));
        object_set_json(&aot, "from_cache", json_boolean(model->aot.executable.from_cache));
    }
    json_t *facts = json_pack("{s{ss}soso}", "eager", "state", "ready", "jit", jit, "aot", aot);
    if (model_has(model, ET_CUDA))
        object_set_json(&facts, et_mode_name(ET_CUDA), idle_mode(model, ET_CUDA));
    return facts;
}

static json_t *model_names(struct models *models) {
    json_t *list = json_array();
    struct model_list all = models_take_all(models);
    for (int i = 0; i < all.count; i++)
        list_add_json(&list, json_string(all.items[i]->name));
    models_give_back_all(models, &all);
    return list;
}

void handle_model(struct worker *worker, const struct request *request, struct reply *reply) {
    struct model *model = asked_model(worker, request, reply);
    if (!model)
        return;
    const struct et_program *program = model->program;
    const struct compiled *compiled = model_compiled(model);
    const struct target *target = cpu_target(NULL);
    json_t *facts = json_pack(
        "{ssssssss soso sIsIsisisI sIsbso ssso}", "name", model->name, "version", MODEL_VERSION,
        "digest", et_program_digest(program), "uuid", et_program_uuid(program), "inputs",
        tensors(program, et_program_input_count(program), et_program_input), "outputs",
        tensors(program, et_program_output_count(program), et_program_output), "parameters",
        (json_int_t)model->parameters, "weights_bytes", (json_int_t)model->weights_bytes, "nodes",
        program_graph(program)->node_count, "kernels", compiled->kernel_count, "flops",
        (json_int_t)model->flops, "arena_bytes", (json_int_t)compiled->arena_bytes,
        "takes_pictures", model->takes_pictures, "modes", mode_facts(model), "cpu",
        target ? target->name : cpu_best_target()->name, "models",
        model_names(&worker->server->models));
    reply_json(reply, 200, facts);
}

void handle_graph(struct worker *worker, const struct request *request, struct reply *reply) {
    struct model *model = asked_model(worker, request, reply);
    struct et_error error = {0};
    if (!model)
        return;
    if (graph_to_json(program_graph(model->program), NULL, NULL, &reply->body, &error))
        reply_finish_json(reply, 200);
    else
        reply_error(reply, STYLE_DETAIL, 500, "%s", error.message);
}

/* ---- /api/kernels, /api/source ---- */

static json_t *node_ids(const char *text) {
    json_t *list = json_array();
    for (char *end; *text; text = end) {
        long id = strtol(text, &end, 10);
        if (end == text)
            break;
        list_add_json(&list, json_integer(id));
    }
    return list;
}

void handle_kernels(struct worker *worker, const struct request *request, struct reply *reply) {
    struct model *model = asked_model(worker, request, reply);
    if (!model)
        return;
    enum et_mode mode = model_compiled_mode(model);
    const struct compiled *compiled = model_compiled(model);
    json_t *list = json_array();
    for (int i = 0; i < compiled->kernel_count; i++) {
        const struct kernel_facts *kernel = &compiled->kernels[i];
        if (kernel->images > 1) /* pictures come one by one */
            continue;
        double microseconds = model_kernel_microseconds(model, i);
        list_add_json(&list, json_pack("{sssssosssIsIsIsIssso}", "name", kernel->name, "formula",
                                       kernel->formula, "nodes", node_ids(kernel->nodes), "output",
                                       kernel->output, "steps", (json_int_t)kernel->steps, "flops",
                                       (json_int_t)kernel->flops, "bytes_read",
                                       (json_int_t)kernel->bytes_read, "bytes_written",
                                       (json_int_t)kernel->bytes_written, "source", kernel->source,
                                       "microseconds",
                                       microseconds > 0 ? json_real(microseconds) : json_null()));
    }
    reply_json(
        reply, 200,
        json_pack("{ssssso}", "model", model->name, "mode", et_mode_name(mode), "kernels", list));
}

void handle_source(struct worker *worker, const struct request *request, struct reply *reply) {
    struct model *model = asked_model(worker, request, reply);
    if (!model)
        return;
    const char *name = request_query(request, "mode");
    enum et_mode mode = model_compiled_mode(model);
    if (name && (!et_mode_from_name(name, &mode) || mode == ET_EAGER || mode >= ET_MODE_COUNT)) {
        reply_error(reply, STYLE_DETAIL, 422, "mode: expected jit or aot");
        return;
    }
    if (mode == ET_AOT && !model_is_ready(model, ET_AOT)) {
        reply_error(reply, STYLE_DETAIL, 404, "there is no AOT text: its state is %s",
                    model_state(model, ET_AOT));
        return;
    }
    const struct compiled *compiled = mode == ET_AOT ? model->aot.compiled : model->compiled;
    text_add_bytes(&reply->body, compiled->source, compiled->source_bytes);
    reply_finish_json(reply, 200);
    if (reply->status == 200)
        reply->type = "text/plain; charset=utf-8";
    reply->mode = et_mode_name(mode);
}

/* ---- /api/samples ---- */

void handle_samples(struct worker *worker, const struct request *request, struct reply *reply) {
    static const char folder[] = "/samples/";
    (void)worker, (void)request;
    json_t *list = json_array();
    for (int i = 0; i < files_count(); i++) {
        const char *path = files_at(i)->path, *name = path + sizeof folder - 1;
        if (strncmp(path, folder, sizeof folder - 1) != 0)
            continue;
        json_t *label = isdigit((unsigned char)*name) ? json_integer(*name - '0') : json_null();
        list_add_json(&list, json_pack("{ssssso}", "name", name, "url", path, "label", label));
    }
    reply_json(reply, 200, json_pack("{so}", "samples", list));
}
