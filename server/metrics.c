#include "server/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/kernels/cpu.h"
#include "server/server.h"
#include "server/sizes.h"

static const double bounds[BUCKETS] = {25,  50,    100, 250, 500,   1000, 2500, 5000,
                                       1e4, 2.5e4, 5e4, 1e5, 2.5e5, 1e6,  1e7}; /* us */

static const int statuses[] = {
#define STATUS_ROW(status, reason) status,
    STATUSES(STATUS_ROW)
#undef STATUS_ROW
};
enum { KNOWN_STATUSES = sizeof statuses / sizeof *statuses };
_Static_assert((int)KNOWN_STATUSES < (int)STATUS_KINDS, "one place is for all other statuses");

const char *const stage_names[STAGE_COUNT] = {
#define STAGE_NAME(name) #name,
    STAGES(STAGE_NAME)
#undef STAGE_NAME
};

void histogram_add(struct histogram *histogram, double microseconds) {
    int bucket = 0;
    while (bucket < BUCKETS && microseconds > bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->nanoseconds, (unsigned long)(microseconds * 1000),
                              memory_order_relaxed);
}

void metrics_request(struct metrics *metrics, int route, int status, double microseconds) {
    int row = route < 0 || route >= route_count ? route_count : route, kind = 0;
    while (kind < KNOWN_STATUSES && statuses[kind] != status)
        kind++;
    atomic_fetch_add_explicit(&metrics->requests[row][kind], 1, memory_order_relaxed);
    histogram_add(&metrics->durations[row], microseconds);
}

void metrics_stage(struct server *server, const struct model *model, enum et_mode mode,
                   enum request_stage stage, double microseconds) {
    histogram_add(&server->metrics.stages[model->index][mode][stage], microseconds);
}

void metrics_stages(struct server *server, const struct model *model, enum et_mode mode,
                    const double stages[STAGE_COUNT]) {
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        if (stages[stage] > 0)
            metrics_stage(server, model, mode, (enum request_stage)stage, stages[stage]);
}

void metrics_inference(struct server *server, const struct model *model, enum et_mode mode,
                       bool good) {
    int which = model->index;
    if (!good) {
        atomic_fetch_add(&server->metrics.failures[which], 1);
        return;
    }
    atomic_fetch_add(&server->metrics.inferences[which][mode], 1);
    atomic_store(&server->metrics.last_inference[which],
                 clock_nanoseconds(CLOCK_REALTIME) / 1000000);
}

/* Bucket i counts runs on at most 2^i images. */
void metrics_run(struct server *server, const struct model *model, int64_t images) {
    int bucket = 0;
    while (bucket < IMAGE_BUCKETS && images > (int64_t)1 << bucket)
        bucket++;
    atomic_fetch_add(&server->metrics.runs[model->index][bucket], 1);
    atomic_fetch_add(&server->metrics.images[model->index], (unsigned long)images);
}

unsigned long metrics_runs(const struct metrics *metrics, int model) {
    unsigned long count = 0;
    for (int i = 0; i <= IMAGE_BUCKETS; i++)
        count += atomic_load(&metrics->runs[model][i]);
    return count;
}

void metrics_forget(struct metrics *metrics, int model) {
    memset(metrics->stages[model], 0, sizeof metrics->stages[model]);
    memset(metrics->inferences[model], 0, sizeof metrics->inferences[model]);
    memset(metrics->runs[model], 0, sizeof metrics->runs[model]);
    atomic_store(&metrics->failures[model], 0);
    atomic_store(&metrics->images[model], 0);
    atomic_store(&metrics->last_inference[model], 0);
}

/* Printing. Label values are names of models (checked to have no control characters), routes. */

static void head(struct text *text, const char *name, const char *type, const char *help) {
    text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_label(struct text *text, const char *value) {
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            text_add_bytes(text, "\\", 1);
        text_add_bytes(text, value, 1);
    }
}

static unsigned long histogram_count(struct histogram *histogram) {
    unsigned long count = 0;
    for (int i = 0; i <= BUCKETS; i++)
        count += atomic_load(&histogram->buckets[i]);
    return count;
}

/* `labels` without braces; a histogram that counted nothing is left out. */
static void add_histogram(struct text *text, const char *name, const char *labels,
                          struct histogram *histogram) {
    unsigned long count = 0;
    if (!histogram_count(histogram))
        return;
    for (int i = 0; i < BUCKETS; i++) {
        count += atomic_load(&histogram->buckets[i]);
        text_add(text, "%s_bucket{%s,le=\"%g\"} %lu\n", name, labels, bounds[i] * 1e-6, count);
    }
    count += atomic_load(&histogram->buckets[BUCKETS]);
    text_add(text, "%s_bucket{%s,le=\"+Inf\"} %lu\n", name, labels, count);
    text_add(text, "%s_sum{%s} %.9f\n", name, labels,
             (double)atomic_load(&histogram->nanoseconds) * 1e-9);
    text_add(text, "%s_count{%s} %lu\n", name, labels, count);
}

static const char *route_name(int route) {
    return route < route_count ? routes[route].pattern : "other";
}

static const char *route_method(int route) {
    return route < route_count ? routes[route].method : "any";
}

static void add_requests(struct text *text, struct metrics *metrics) {
    static const char name[] = "eigentensor_http_requests_total";
    head(text, name, "counter", "Requests answered, by route and status.");
    for (int route = 0; route <= route_count; route++)
        for (int kind = 0; kind <= KNOWN_STATUSES; kind++) {
            unsigned long count = atomic_load(&metrics->requests[route][kind]);
            if (!count)
                continue;
            text_add(text, "%s{route=\"%s\",method=\"%s\",status=\"", name, route_name(route),
                     route_method(route));
            text_add(text, kind < KNOWN_STATUSES ? "%d" : "other", statuses[kind % KNOWN_STATUSES]);
            text_add(text, "\"} %lu\n", count);
        }
    static const char durations[] = "eigentensor_http_request_duration_seconds";
    head(text, durations, "histogram", "From the first byte of the body to the finished reply.");
    for (int route = 0; route <= route_count; route++) {
        char labels[160];
        snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\"", route_name(route),
                 route_method(route));
        add_histogram(text, durations, labels, &metrics->durations[route]);
    }
}

/* The modes that the model has. */
static int mode_count(const struct model *model) {
    return model_has(model, ET_CUDA) ? ET_ALL_MODES : ET_MODE_COUNT;
}

static void add_stages(struct text *text, struct server *server, const struct model_list *list) {
    static const char name[] = "eigentensor_stage_duration_seconds";
    head(text, name, "histogram", "Time in one stage of an inference, by model and mode.");
    for (int i = 0; i < list->count; i++)
        for (int mode = 0; mode < mode_count(list->items[i]); mode++)
            for (int stage = 0; stage < STAGE_COUNT; stage++) {
                const struct model *model = list->items[i];
                struct text labels = {0};
                text_add(&labels, "model=\"");
                add_label(&labels, model->name);
                text_add(&labels, "\",mode=\"%s\",stage=\"%s\"", et_mode_name((enum et_mode)mode),
                         stage_names[stage]);
                const char *pairs = text_read(&labels, NULL);
                if (pairs)
                    add_histogram(text, name, pairs,
                                  &server->metrics.stages[model->index][mode][stage]);
                else
                    text_fail(text);
                text_free(&labels);
            }
}

static void add_model_mode(struct text *text, const char *name, const struct model *model,
                           const char *mode, unsigned long value) {
    text_add(text, "%s{model=\"", name);
    add_label(text, model->name);
    text_add(text, mode ? "\",mode=\"%s\"} %lu\n" : "\"%s} %lu\n", mode ? mode : "", value);
}

static void add_models(struct text *text, struct server *server, const struct model_list *list) {
    struct metrics *metrics = &server->metrics;
    head(text, "eigentensor_inference_success_total", "counter", "Inferences, by model and mode.");
    for (int i = 0; i < list->count; i++)
        for (int mode = 0; mode < mode_count(list->items[i]); mode++)
            add_model_mode(text, "eigentensor_inference_success_total", list->items[i],
                           et_mode_name((enum et_mode)mode),
                           atomic_load(&metrics->inferences[list->items[i]->index][mode]));
    head(text, "eigentensor_inference_failure_total", "counter",
         "Inference requests that were refused or failed, by model.");
    for (int i = 0; i < list->count; i++)
        add_model_mode(text, "eigentensor_inference_failure_total", list->items[i], NULL,
                       atomic_load(&metrics->failures[list->items[i]->index]));
    head(text, "eigentensor_mode_ready", "gauge", "1 when the mode can run.");
    for (int i = 0; i < list->count; i++)
        for (int mode = 0; mode < mode_count(list->items[i]); mode++)
            add_model_mode(text, "eigentensor_mode_ready", list->items[i],
                           et_mode_name((enum et_mode)mode),
                           model_is_ready(list->items[i], (enum et_mode)mode));
}

static void add_run_images(struct text *text, const struct metrics *metrics,
                           const struct model *model) {
    static const char name[] = "eigentensor_run_images";
    unsigned long count = 0;
    for (int i = 0; i <= IMAGE_BUCKETS; i++) {
        count += atomic_load(&metrics->runs[model->index][i]);
        text_add(text, "%s_bucket{model=\"", name);
        add_label(text, model->name);
        if (i < IMAGE_BUCKETS)
            text_add(text, "\",le=\"%d\"} %lu\n", 1 << i, count);
        else
            text_add(text, "\",le=\"+Inf\"} %lu\n", count);
    }
    add_model_mode(text, "eigentensor_run_images_sum", model, NULL,
                   atomic_load(&metrics->images[model->index]));
    add_model_mode(text, "eigentensor_run_images_count", model, NULL, count);
}

/* What ran together: images of one request, or of several (--max-delay). */
static void add_batches(struct text *text, struct server *server, const struct model_list *list) {
    head(text, "eigentensor_run_images", "histogram", "Images in one run, by model.");
    for (int i = 0; i < list->count; i++)
        if (metrics_runs(&server->metrics, list->items[i]->index))
            add_run_images(text, &server->metrics, list->items[i]);
}

/* Of models with open axes. */
static void add_sizes(struct text *text, const struct model_list *list, const char *name,
                      const char *type, const char *help,
                      unsigned long (*value)(struct sizes *sizes)) {
    head(text, name, type, help);
    for (int i = 0; i < list->count; i++)
        if (list->items[i]->sizes)
            add_model_mode(text, name, list->items[i], NULL, value(list->items[i]->sizes));
}

static unsigned long ready_sizes(struct sizes *sizes) {
    return (unsigned long)sizes_ready(sizes);
}

static unsigned long made_sizes(struct sizes *sizes) {
    return atomic_load(&sizes->made);
}

static unsigned long failed_sizes(struct sizes *sizes) {
    return atomic_load(&sizes->failed);
}

static unsigned long forgotten_sizes(struct sizes *sizes) {
    return atomic_load(&sizes->forgotten);
}

static void add_all_sizes(struct text *text, const struct model_list *list) {
    add_sizes(text, list, "eigentensor_sizes_ready", "gauge",
              "Sizes of a model with open axes for which a program is ready.", ready_sizes);
    add_sizes(text, list, "eigentensor_sizes_made_total", "counter",
              "Programs made for sizes that requests came with.", made_sizes);
    add_sizes(text, list, "eigentensor_sizes_failed_total", "counter",
              "Programs that could not be made for such sizes.", failed_sizes);
    add_sizes(text, list, "eigentensor_sizes_forgotten_total", "counter",
              "Programs of sizes that made room for others (--max-sizes).", forgotten_sizes);
}

static void add_value(struct text *text, const char *name, const char *type, const char *help,
                      double value) {
    head(text, name, type, help);
    text_add(text, "%s %.17g\n", name, value);
}

static double resident_bytes(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static int open_files(void) {
    int count = -3; /* ".", ".." and the folder itself */
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void add_process(struct text *text, struct server *server) {
    struct metrics *metrics = &server->metrics;
    const struct target *target = cpu_target(NULL);
    head(text, "eigentensor_build_info", "gauge", "Always 1; the labels tell the build.");
    text_add(text, "eigentensor_build_info{version=\"%s\",compiler=\"%s\",cpu=\"%s\"} 1\n",
             ET_VERSION, __VERSION__, target ? target->name : cpu_best_target()->name);
    add_value(text, "eigentensor_connections", "gauge", "Open connections.",
              (double)atomic_load(&metrics->connections));
    add_value(text, "eigentensor_requests_in_flight", "gauge", "Requests begun and not answered.",
              (double)atomic_load(&metrics->in_flight));
    add_value(text, "eigentensor_slow_clients_total", "counter", "Connections cut for slowness.",
              (double)atomic_load(&metrics->slow_clients));
    add_value(text, "eigentensor_refused_connections_total", "counter",
              "Requests refused because there were too many connections.",
              (double)atomic_load(&metrics->refused_connections));
    add_value(text, "eigentensor_received_bytes_total", "counter", "Bytes of request bodies.",
              (double)atomic_load(&metrics->bytes_in));
    add_value(text, "eigentensor_sent_bytes_total", "counter", "Bytes of reply bodies.",
              (double)atomic_load(&metrics->bytes_out));
    add_value(text, "eigentensor_log_dropped_total", "counter",
              "Log lines dropped because the log was too slow.", (double)log_dropped(server->log));
    add_value(text, "eigentensor_uptime_seconds", "gauge", "Since the server began.",
              (now_microseconds() - metrics->began) * 1e-6);
    add_value(text, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    add_value(text, "process_open_fds", "gauge", "Open file descriptors.", open_files());
}

void handle_metrics(struct worker *worker, const struct request *request, struct reply *reply) {
    (void)request;
    struct server *server = worker->server;
    add_requests(&reply->body, &server->metrics);
    struct model_list list = models_take_all(&server->models);
    add_models(&reply->body, server, &list);
    add_batches(&reply->body, server, &list);
    add_all_sizes(&reply->body, &list);
    add_stages(&reply->body, server, &list);
    models_give_back_all(&server->models, &list);
    add_process(&reply->body, server);
    reply_finish_json(reply, 200);
    if (reply->status == 200)
        reply->type = "text/plain; version=0.0.4; charset=utf-8";
}
