/* The Open Inference Protocol: metadata, health and inference of any stored graph. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/base/json_read.h"
#include "runtime/receipt.h"
#include "server/finite.h"
#include "server/oip_tensors.h"

void handle_oip_server(struct worker *worker, const struct request *request, struct reply *reply) {
    (void)worker, (void)request;
    reply_json(reply, 200,
               json_pack("{sssss[sss]}", "name", "eigentensor", "version", ET_VERSION, "extensions",
                         "binary_tensor_data", "model_configuration", "statistics"));
}

void handle_oip_live(struct worker *worker, const struct request *request, struct reply *reply) {
    (void)worker, (void)request;
    reply_json(reply, 200, json_pack("{sb}", "live", 1));
}

/* The mode that must be ready, too: `mode` of the query; ET_EAGER, which always is, without one.
 * False with a finished 400. */
static bool read_ready_mode(const struct request *request, enum et_mode *mode,
                            struct reply *reply) {
    const char *name = request_query(request, "mode");
    *mode = ET_EAGER;
    if (!name || et_mode_from_name(name, mode))
        return true;
    reply_error(reply, STYLE_OIP, 400, "mode: expected eager, jit, aot or cuda");
    return false;
}

/* By mode whether it can run; of ET_CUDA is told where the server has it. */
static json_t *ready_modes(const struct worker *worker, const bool modes[ET_ALL_MODES]) {
    json_t *object = json_object();
    for (int i = 0; i < ET_ALL_MODES; i++)
        if (i < ET_MODE_COUNT || worker->server->models.on_gpu)
            object_set_json(&object, et_mode_name((enum et_mode)i), json_boolean(modes[i]));
    return object;
}

/* Models can run before the server listens, so only an end makes it unready, unless it is asked for
 * a mode. */
void handle_oip_ready(struct worker *worker, const struct request *request, struct reply *reply) {
    bool modes[ET_ALL_MODES];
    enum et_mode mode;
    if (!read_ready_mode(request, &mode, reply))
        return;
    struct model_list list = models_take_all(&worker->server->models);
    for (int i = 0; i < ET_ALL_MODES; i++) {
        modes[i] = true;
        for (int model = 0; model < list.count; model++)
            modes[i] &= model_is_ready(list.items[model], (enum et_mode)i);
    }
    models_give_back_all(&worker->server->models, &list);
    bool ready = !atomic_load(&worker->server->stopping) && modes[mode];
    reply_json(reply, ready ? 200 : 503,
               json_pack("{sbso}", "ready", ready, "modes", ready_modes(worker, modes)));
}

struct model *model_of_path(struct worker *worker, const struct request *request,
                            struct reply *reply) {
    struct model *model = worker_hold(worker, request->values[0]);
    const char *version = request->values[1];
    if (!model) {
        reply_error(reply, STYLE_OIP, 404, "there is no model \"%s\"",
                    quoted(request->values[0]).text);
        return NULL;
    }
    if (*version && strcmp(version, MODEL_VERSION) != 0) {
        reply_error(reply, STYLE_OIP, 404, "model \"%s\" has no version \"%s\", only %s",
                    request->values[0], quoted(version).text, MODEL_VERSION);
        return NULL;
    }
    reply_of_model(reply, model->name);
    return model;
}

/* A digest is of one size: replies have it. What each open axis may be is told here. */
static void write_axes(struct text *body, const struct sizes *sizes) {
    text_add(body, ",\"parameters\":{\"axes\":{");
    for (int i = 0; i < sizes->axis_count; i++) {
        text_add(body, "%s", i ? "," : "");
        text_add_json(body, sizes->axes[i].name);
        text_add(body, ":\"");
        describe_served_axis(&sizes->axes[i], body);
        text_add(body, "\"");
    }
    text_add(body, "}}}");
}

void handle_oip_model(struct worker *worker, const struct request *request, struct reply *reply) {
    struct model *model = model_of_path(worker, request, reply);
    if (!model)
        return;
    const struct et_program *program = model->program;
    struct text *body = &reply->body;
    text_add(body, "{\"name\":");
    text_add_json(body, model->name);
    text_add(body,
             ",\"versions\":[\"" MODEL_VERSION "\"],\"platform\":\"eigentensor\",\"inputs\":");
    oip_write_tensors(body, model, et_program_input_count(program), model_input);
    text_add(body, ",\"outputs\":");
    oip_write_tensors(body, model, et_program_output_count(program), model_output);
    if (model->sizes)
        write_axes(body, model->sizes);
    else
        text_add(body, ",\"parameters\":{\"digest\":\"%s\",\"uuid\":\"%s\"}}",
                 et_program_digest(program), et_program_uuid(program));
    reply_finish_json(reply, 200);
}

void handle_oip_model_ready(struct worker *worker, const struct request *request,
                            struct reply *reply) {
    struct model *model = model_of_path(worker, request, reply);
    bool modes[ET_ALL_MODES];
    enum et_mode mode;
    if (!model || !read_ready_mode(request, &mode, reply))
        return;
    for (int i = 0; i < ET_ALL_MODES; i++)
        modes[i] = model_is_ready(model, (enum et_mode)i);
    bool ready = !atomic_load(&worker->server->stopping) && modes[mode];
    reply_json(reply, ready ? 200 : 503,
               json_pack("{sssbso}", "name", model->name, "ready", ready, "modes",
                         ready_modes(worker, modes)));
}

/* ---- Inference ---- */

/* One request being served. */
struct inference {
    struct model *served; /* that it named */
    struct model *model;  /* at the sizes of its tensors; NULL: not found yet */
    struct model_memory *memory;
    json_t *document; /* without the lists that `data` has */
    struct oip_data data;
    struct oip_bytes behind;
    struct oip_outputs outputs;
    enum et_mode mode;       /* that was asked for */
    bool is_running;         /* one of those that its model is at work on */
    bool wants_receipt;      /* in the reply */
    struct receipt *receipt; /* owned: to verify */
    int status;              /* while it is read: of the reply if that fails */
    struct run_limit limit;  /* of its run: the request's, or the model's own */
    int64_t together;        /* images that ran with it, its own included; 0: none could */
    struct model_run run;
};

/* Splits the body into JSON and what lies behind it. */
static bool split_body(const struct request *request, struct oip_bytes *behind, size_t *json_bytes,
                       struct et_error *error) {
    const char *text = request_header(request, "Inference-Header-Content-Length");
    *json_bytes = request->body_bytes;
    if (text) {
        char *end;
        errno = 0;
        unsigned long long length = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || length > request->body_bytes)
            return et_fail(error,
                           "Inference-Header-Content-Length: expected a number up to %zu, the "
                           "body's length, found %s",
                           request->body_bytes, quoted(text).text);
        *json_bytes = (size_t)length;
    }
    behind->bytes = request->body + *json_bytes;
    behind->count = request->body_bytes - *json_bytes;
    return true;
}

static bool read_parameters(struct inference *inference, struct et_error *error) {
    const json_t *parameters;
    enum et_mode *mode = &inference->mode;
    *mode = model_usual(inference->served); /* or the fastest that is ready */
    if (!oip_parameters(inference->document, &parameters, error))
        return false;
    const json_t *receipt = oip_optional(parameters, "receipt");
    if (receipt && !json_is_boolean(receipt))
        return et_fail(error, "parameter \"receipt\": expected true or false");
    inference->wants_receipt = json_is_true(receipt);
    const json_t *value = oip_optional(parameters, "mode");
    if (!value || (json_is_string(value) && et_mode_from_name(json_string_value(value), mode) &&
                   model_has(inference->served, *mode)))
        return true;
    return et_fail(error, "parameter \"mode\": expected \"eager\", \"jit\" or \"aot\", or where "
                          "the server was started with --cuda \"cuda\"");
}

/* Of a request that has one to verify. */
static bool read_receipt(struct inference *inference, struct et_error *error) {
    json_t *value = json_object_get(inference->document, "receipt");
    if (!json_is_object(value))
        return et_fail(error, "\"receipt\": expected an object, found %s",
                       value ? json_kind(value) : "none");
    inference->receipt = receipt_from_value(value, error);
    return inference->receipt || et_fail_within(error, "\"receipt\"");
}

/* The model at the sizes that the tensors have, and memory for it. */
static bool choose_size(struct inference *inference, const struct request *request,
                        struct et_error *error) {
    struct sizes *sizes = inference->served->sizes;
    struct sizes_asked asked;
    if (!sizes) {
        inference->model = inference->served;
        return true;
    }
    if (!oip_read_sizes(inference->document, request->body_bytes, sizes, &asked, error))
        return false;
    inference->model = sizes_take(sizes, &asked, &inference->limit, &inference->run.stop,
                                  &inference->status, error);
    if (!inference->model || !model_memory_fill(inference->memory, inference->model, error))
        return false;
    inference->status = 400;
    return true;
}

/* The worker's kept document, where it ends all requests that it has begun: Jansson counts what
 * several threads hold only nearly as C allows. */
static json_t *read_json(struct worker *worker, const char *bytes, size_t count, size_t most,
                         struct et_error *error) {
    return worker->server->batcher ? json_read_within(bytes, count, most, error)
                                   : kept_json_read(&worker->json, bytes, count, most, error);
}

/* The request without lists of numbers, or if that is no JSON with them. */
static bool read_document(struct inference *inference, struct oip_data *data, struct worker *worker,
                          const struct request *request, size_t bytes, struct et_error *error) {
    const size_t most = request->most_json_memory;
    const int inputs = et_program_input_count(inference->served->program);
    if (oip_data_find(data, request->body, bytes, inputs)) {
        const char *rest = text_read(&data->rest, NULL);
        inference->document = read_json(worker, rest, data->rest.length, most, error);
        if (inference->document)
            return true;
        oip_data_free(data);
    }
    inference->document = read_json(worker, request->body, bytes, most, error);
    return inference->document != NULL;
}

/* Where lists could not be read, a parser of the whole has to say why, or can: "nan" is a string.
 */
static bool read_inputs(struct inference *inference, struct oip_data *data,
                        const struct request *request, size_t bytes, int64_t max_batch,
                        struct et_error *error) {
    const struct oip_data none = {0};
    if (oip_read_inputs(inference->document, data, &inference->behind, inference->model, max_batch,
                        inference->memory, error))
        return true;
    if (!data->count)
        return false;
    inference->behind.used = 0;
    json_decref(inference->document);
    inference->document = request_json(request, bytes, error);
    return inference->document &&
           oip_read_inputs(inference->document, &none, &inference->behind, inference->model,
                           max_batch, inference->memory, error);
}

static bool read_members(struct inference *inference, struct oip_data *data, struct worker *worker,
                         const struct request *request, size_t bytes, struct et_error *error) {
    const json_t *document = inference->document;
    if (!json_is_object(document))
        return et_fail(error, "the body is %s, expected an object", json_kind(document));
    const json_t *id = oip_optional(document, "id");
    if (id && !json_is_string(id))
        return et_fail(error, "\"id\" is %s, expected a string", json_kind(id));
    return read_parameters(inference, error) && choose_size(inference, request, error) &&
           oip_read_outputs(document, inference->model, &inference->outputs, error) &&
           read_inputs(inference, data, request, bytes, worker->server->options.max_batch, error);
}

static bool read_inference(struct inference *inference, struct worker *worker,
                           const struct request *request, struct et_error *error) {
    struct oip_data data = {0};
    size_t bytes;
    bool good = split_body(request, &inference->behind, &bytes, error) &&
                read_document(inference, &data, worker, request, bytes, error) &&
                read_members(inference, &data, worker, request, bytes, error);
    oip_data_free(&data);
    return good;
}

static int add_piece(const char *bytes, size_t count, void *text) {
    text_add_bytes(text, bytes, count);
    return 0;
}

/* Adds a member of the parameters; takes the list, and leaves it out where it is NULL. */
static void add_names(struct text *body, const char *key, json_t *names) {
    if (!names)
        return;
    text_add(body, ",\"%s\":", key);
    if (json_dump_callback(names, add_piece, body, JSON_COMPACT) != 0)
        text_fail(body);
    json_decref(names);
}

static void add_receipt(struct text *body, const struct inference *inference) {
    const struct model_memory *memory = inference->memory;
    struct receipt *receipt = receipt_of_run(inference->model->program, inference->run.mode,
                                             memory->batch, (const void *const *)memory->inputs,
                                             (const void *const *)memory->outputs, NULL);
    text_add(body, ",\"receipt\":");
    if (!receipt || !receipt_to_json(receipt, body, NULL))
        text_fail(body);
    receipt_free(receipt);
}

/* The beginning of a reply, up to its parameters, which are left open. */
static void write_head(const struct inference *inference, struct reply *reply) {
    const struct model *model = inference->model;
    struct text *body = &reply->body;
    text_add_string(body, "{\"model_name\":");
    text_add_json(body, model->name);
    text_add_string(body, ",\"model_version\":\"" MODEL_VERSION "\"");
    const char *id = json_string_value(json_object_get(inference->document, "id"));
    if (id) {
        text_add_string(body, ",\"id\":");
        text_add_json(body, id);
    }
    text_add_string(body, ",\"parameters\":{\"mode\":\"");
    text_add_string(body, et_mode_name(inference->run.mode));
    text_add_string(body, "\",\"digest\":\"");
    text_add_string(body, model_digest(model, inference->memory).text);
    text_add_string(body, "\",\"queue_us\":");
    text_add_fixed(body, reply->stages[STAGE_queue], 1);
    text_add_string(body, ",\"parse_us\":");
    text_add_fixed(body, reply->stages[STAGE_parse], 1);
    text_add_string(body, ",\"compute_us\":");
    text_add_fixed(body, reply->stages[STAGE_compute], 1);
    if (inference->together)
        text_add(body, ",\"batch_images\":%lld", (long long)inference->together);
}

/* What a receipt says of the run, held against it. */
static void write_verdict(struct inference *inference, struct reply *reply) {
    const struct et_program *program = inference->model->program;
    const struct model_memory *memory = inference->memory;
    const struct receipt *receipt = inference->receipt;
    struct et_error error = {0};
    bool same = receipt_batch(receipt) == memory->batch ||
                et_fail(&error, "the receipt is of %lld images, the inputs hold %lld",
                        (long long)receipt_batch(receipt), (long long)memory->batch);
    same = same &&
           (!receipt_is_signed(receipt) || receipt_check_signature(receipt, NULL, &error)) &&
           receipt_check_graph(receipt, program, &error) &&
           receipt_check_inputs(receipt, program, (const void *const *)memory->inputs, &error) &&
           receipt_check_outputs(receipt, program, (const void *const *)memory->outputs, &error);
    write_head(inference, reply);
    text_add(&reply->body, "},\"same\":%s", same ? "true" : "false");
    if (!same) {
        text_add(&reply->body, ",\"difference\":");
        text_add_json(&reply->body, error.message);
    }
    text_add(&reply->body, "}");
    reply_finish_json(reply, 200);
}

static void write_inference(struct inference *inference, struct reply *reply) {
    const struct model *model = inference->model;
    struct text *body = &reply->body;
    bool binary = false;
    write_head(inference, reply);
    add_names(body, "inputs_not_finite", inputs_not_finite(model, inference->memory));
    add_names(body, "outputs_not_finite", outputs_not_finite(model, inference->memory));
    if (inference->wants_receipt)
        add_receipt(body, inference);
    text_add_string(body, "},");
    oip_cut_outputs(model, inference->memory);
    oip_write_outputs(body, model, inference->memory, &inference->outputs);
    text_add_string(body, "}");
    size_t json_bytes = body->length;
    for (int i = 0; i < inference->outputs.count; i++)
        binary |= inference->outputs.items[i].binary;
    oip_write_bytes(body, model, inference->memory, &inference->outputs);
    if (binary)
        reply->header_length = json_bytes;
    reply_finish_json(reply, 200);
    if (binary && reply->status == 200)
        reply->type = "application/octet-stream";
}

/* After the run: the status. 200, and the reply is the result; otherwise the error says what was
 * wrong. */
static int conclude(struct inference *inference, bool good, struct worker *worker,
                    struct reply *reply) {
    const struct model_run *run = &inference->run;
    if (!good)
        return run->stop == ET_NOT_STOPPED ? 400 : 504;
    reply->stages[STAGE_compute] = run->microseconds;
    reply->mode = et_mode_name(run->mode);
    metrics_inference(worker->server, inference->model, run->mode, true);
    metrics_stages(worker->server, inference->model, run->mode, reply->stages);
    (inference->receipt ? write_verdict : write_inference)(inference, reply);
    return 200;
}

static int run_alone(struct inference *inference, struct worker *worker, struct reply *reply,
                     struct et_error *error) {
    bool good = model_run(inference->model, inference->memory, inference->mode, &inference->limit,
                          &inference->run, error);
    if (good)
        metrics_run(worker->server, inference->model, inference->memory->batch);
    if (worker->server->batcher && inference->model->gathers)
        inference->together = inference->memory->batch;
    return conclude(inference, good, worker, reply);
}

/* That its run may take. */
static long seconds_of(const struct inference *inference, const struct worker *worker) {
    long server = worker->server->options.run_timeout;
    long own = inference->served->limits.run_timeout;
    return own && own < server ? own : server;
}

/* The request's limit, or the model's own where that is over before. */
static struct run_limit limit_within(const struct inference *inference,
                                     const struct request *request) {
    struct run_limit limit = request->limit ? *request->limit : (struct run_limit){0};
    int64_t seconds = inference->served->limits.run_timeout;
    int64_t own = now_nanoseconds() + seconds * 1000000000;
    if (seconds && (!limit.deadline || own < limit.deadline))
        limit.deadline = own;
    return limit;
}

/* Whether this request may be one more of those that the model is at work on; if so it is. */
static bool begin_running(struct inference *inference, struct et_error *error) {
    struct model *model = inference->served;
    long most = model->limits.threads;
    int running = atomic_fetch_add(&model->running, 1) + 1;
    inference->is_running = !most || running <= most;
    if (inference->is_running)
        return true;
    atomic_fetch_sub(&model->running, 1);
    return et_fail(error, "model \"%s\" is at work on %ld requests, as many as it may", model->name,
                   most);
}

static void end_running(struct inference *inference) {
    if (inference->is_running)
        atomic_fetch_sub(&inference->served->running, 1);
    inference->is_running = false;
}

/* Says what was wrong, and frees what the inference has. */
static void end_inference(struct inference *inference, int status, struct worker *worker,
                          struct reply *reply, const struct et_error *error) {
    if (status == 400 || status == 503)
        reply_error(reply, STYLE_OIP, status, "%s", error->message);
    else if (status == 504)
        reply_stopped(reply, STYLE_OIP, inference->run.stop, seconds_of(inference, worker));
    if (status != 200)
        metrics_inference(worker->server, inference->served, inference->mode, false);
    end_running(inference);
    if (inference->served->sizes && inference->model)
        sizes_give_back(inference->served->sizes, inference->model);
    receipt_free(inference->receipt);
    json_decref(inference->document);
    et_release(inference->outputs.items);
}

/* ---- Waiting for others ---- */

struct waiting_inference {
    struct waiting waiting; /* first, so that it leads back here */
    struct inference inference;
};

static void finish_waiting(struct waiting *waiting, struct worker *worker) {
    struct waiting_inference *own = (struct waiting_inference *)waiting;
    struct inference *inference = &own->inference;
    inference->memory = &waiting->tensors;
    inference->run = waiting->run;
    inference->together = waiting->images;
    int status = conclude(inference, waiting->good, worker, waiting->reply);
    if (status == 400)
        status = 503; /* it was read well: what failed is no fault of its client */
    struct model *served = inference->served;
    end_inference(inference, status, worker, waiting->reply, &waiting->error);
    models_give_back(&worker->server->models, served);
    model_memory_free(&waiting->tensors);
    et_release(own);
}

/* Lets the inference, which has been read, wait for others; false: it is to run now. */
static bool let_wait(struct inference *inference, struct worker *worker, struct reply *reply) {
    const struct model *model = inference->model;
    const struct model_memory *memory = inference->memory;
    enum et_mode mode =
        model_is_ready(model, inference->mode) ? inference->mode : model_fastest(model);
    if (inference->served->limits.threads || /* of which a batch would be one more */
        !batcher_takes(worker->server->batcher, model, mode, memory->batch))
        return false;
    struct waiting_inference *own = et_allocate(1, sizeof *own);
    if (!own || !model_memory_hold(&own->waiting.tensors, model, memory->batch, NULL)) {
        et_release(own);
        return false;
    }
    for (int i = 0; i < memory->input_count; i++)
        memcpy(own->waiting.tensors.inputs[i], memory->inputs[i],
               et_program_input(model->program, i).bytes * (size_t)memory->batch);
    end_running(inference); /* what runs then is one batch of many */
    own->inference = *inference;
    worker->held = NULL; /* but by the inference */
    own->waiting.model = inference->model;
    own->waiting.mode = mode;
    own->waiting.limit = &own->inference.limit;
    own->waiting.reply = reply;
    own->waiting.finish = finish_waiting;
    reply->waiting = &own->waiting;
    return true;
}

/* ---- The handlers ---- */

static void serve_tensors(bool verifies, struct worker *worker, const struct request *request,
                          struct reply *reply) {
    double began = now_microseconds();
    struct et_error error = {0};
    struct inference inference = {0};
    inference.served = model_of_path(worker, request, reply);
    if (!inference.served)
        return;
    if (!request_may_be_json(request) && !request_has_type(request, "application/octet-stream")) {
        reply_error(reply, STYLE_OIP, 415,
                    "expected Content-Type application/json or application/octet-stream, found "
                    "%.100s",
                    request_header(request, "Content-Type"));
        return;
    }
    inference.memory = &worker->memory[inference.served->index];
    inference.limit = limit_within(&inference, request);
    bool good =
        begin_running(&inference, &error) &&
        (inference.served->sizes || model_memory_fill(inference.memory, inference.served, &error));
    inference.status = good ? 400 : 503;
    good = good && read_inference(&inference, worker, request, &error) &&
           (!verifies || read_receipt(&inference, &error));
    if (good) {
        reply->stages[STAGE_parse] = now_microseconds() - began;
        if (!verifies && let_wait(&inference, worker, reply))
            return;
        inference.status = run_alone(&inference, worker, reply, &error);
    }
    end_inference(&inference, inference.status, worker, reply, &error);
}

void handle_oip_infer(struct worker *worker, const struct request *request, struct reply *reply) {
    serve_tensors(false, worker, request, reply);
}

void handle_oip_verify(struct worker *worker, const struct request *request, struct reply *reply) {
    serve_tensors(true, worker, request, reply);
}
