/* Each kernel's output for one drawing, as a sheet of small grey pictures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eager.h"
#include "server/picture.h"

enum { MOST_TILES = 256, GAP = 1, MOST_SIDE = 64 };

/* How a value of some shape is laid out: its last two axes are a tile, all axes before count them;
 * a value with fewer than three axes longer than 1 is tiles of 1x1. */
struct sheet {
    struct view value; /* of numbers that number_at() knows */
    int64_t tiles;
    int shown, width, height, columns;
    float minimum, maximum;
};

static bool is_shown(enum dtype dtype) {
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_UINT8 || dtype == DTYPE_INT8 ||
           dtype == DTYPE_INT32;
}

static float number_at(const struct view *value, int64_t index) {
    switch (value->dtype) {
    case DTYPE_UINT8:
        return ((const uint8_t *)value->data)[index];
    case DTYPE_INT8:
        return ((const int8_t *)value->data)[index];
    case DTYPE_INT32:
        return (float)((const int32_t *)value->data)[index];
    default:
        return ((const float *)value->data)[index];
    }
}

static float element(const struct view *value, int64_t position) {
    int64_t index = 0;
    for (int axis = value->rank - 1; axis >= 0; axis--) {
        index += position % value->shape[axis] * value->stride[axis];
        position /= value->shape[axis];
    }
    return number_at(value, index);
}

/* False when the value is no picture. */
static bool sheet_of(struct sheet *sheet, const struct view *value) {
    int64_t elements = 1;
    int rank = value->rank, long_axes = 0;
    for (int axis = 0; axis < rank; axis++) {
        elements *= value->shape[axis];
        long_axes += value->shape[axis] > 1;
    }
    bool flat = long_axes < 2 || rank < 2;
    int64_t width = flat ? 1 : value->shape[rank - 1], height = flat ? 1 : value->shape[rank - 2];
    if (!is_shown(value->dtype) || elements == 0 || width > MOST_SIDE || height > MOST_SIDE)
        return false;
    *sheet = (struct sheet){.value = *value,
                            .tiles = elements / (width * height),
                            .width = (int)width,
                            .height = (int)height,
                            .minimum = INFINITY,
                            .maximum = -INFINITY};
    sheet->shown = (int)(sheet->tiles < MOST_TILES ? sheet->tiles : MOST_TILES);
    sheet->columns = sheet->shown < 16 ? sheet->shown : 16;
    if (sheet->shown % 8 == 0 && sheet->shown <= 64 && sheet->shown >= 16)
        sheet->columns = 8;
    return true;
}

static void find_range(struct sheet *sheet) {
    int64_t shown = (int64_t)sheet->shown * sheet->width * sheet->height;
    for (int64_t i = 0; i < shown; i++) {
        float value = element(&sheet->value, i);
        if (!isfinite(value))
            continue;
        sheet->minimum = value < sheet->minimum ? value : sheet->minimum;
        sheet->maximum = value > sheet->maximum ? value : sheet->maximum;
    }
    if (sheet->minimum > sheet->maximum)
        sheet->minimum = sheet->maximum = 0;
}

static unsigned char grey_of(const struct sheet *sheet, float value) {
    double range = (double)sheet->maximum - sheet->minimum;
    if (isnan(value) || range <= 0)
        return 0;
    double share = ((double)value - sheet->minimum) / range;
    return (unsigned char)(fmin(fmax(share, 0), 1) * 255 + 0.5);
}

/* The sheet as PNG, base64; NULL when it cannot be made. */
static json_t *draw_sheet(struct sheet *sheet, struct et_error *error) {
    int rows = (sheet->shown + sheet->columns - 1) / sheet->columns;
    int width = sheet->columns * (sheet->width + GAP) - GAP;
    int height = rows * (sheet->height + GAP) - GAP;
    unsigned char *grey = et_allocate((size_t)width * (size_t)height, 1);
    struct text png = {0}, text = {0};
    json_t *string = NULL;
    if (!grey) {
        et_fail(error, "out of memory");
        return NULL;
    }
    int64_t position = 0;
    for (int tile = 0; tile < sheet->shown; tile++)
        for (int y = 0; y < sheet->height; y++)
            for (int x = 0; x < sheet->width; x++) {
                int left = tile % sheet->columns * (sheet->width + GAP) + x;
                int top = tile / sheet->columns * (sheet->height + GAP) + y;
                grey[top * width + left] = grey_of(sheet, element(&sheet->value, position++));
            }
    if (image_encode_png(grey, width, height, &png, error)) {
        base64_encode(text_read(&png, NULL), png.length, &text);
        const char *encoded = text_read(&text, error);
        string = encoded ? json_string(encoded) : NULL;
    }
    text_free(&text);
    text_free(&png);
    et_release(grey);
    return string;
}

/* The node whose value the kernel stores: the last of those it computes. */
static int stored_node(const char *nodes) {
    long last = -1;
    for (char *end; *nodes; nodes = end) {
        long id = strtol(nodes, &end, 10);
        if (end == nodes)
            break;
        last = id > last ? id : last;
    }
    return (int)last;
}

static json_t *shape_of(const struct view *value) {
    json_t *shape = json_array();
    for (int axis = 0; axis < value->rank; axis++)
        list_add_json(&shape, json_integer(value->shape[axis]));
    return shape;
}

/* Appends the kernel's sheet; a kernel that has none is left out. */
static bool add_kernel(json_t **list, const struct kernel_facts *kernel,
                       const struct eager_trace *trace, struct et_error *error) {
    struct sheet sheet;
    int node = stored_node(kernel->nodes);
    if (node < 0 || node >= trace->node_count || !sheet_of(&sheet, &trace->values[node]))
        return true;
    find_range(&sheet);
    json_t *png = draw_sheet(&sheet, error);
    if (!png)
        return false;
    json_t *object = json_pack("{sssisosIsisisisisisfsfso}", "name", kernel->name, "node", node,
                               "shape", shape_of(&sheet.value), "tiles", (json_int_t)sheet.tiles,
                               "shown", sheet.shown, "width", sheet.width, "height", sheet.height,
                               "columns", sheet.columns, "gap", GAP, "minimum",
                               (double)sheet.minimum, "maximum", (double)sheet.maximum, "png", png);
    list_add_json(list, object);
    return *list || et_fail(error, "out of memory");
}

void handle_activations(struct worker *worker, const struct request *request, struct reply *reply) {
    struct drawing drawing;
    struct model_memory *memory;
    struct eager_trace trace = {0};
    struct et_error error = {0};
    if (!drawing_read(&drawing, request, reply))
        return;
    struct model *model = drawing_model(worker, request, reply, &memory);
    if (!model)
        return;
    drawing_to_input(&drawing, memory);
    struct run_stop stop = run_stop_begin(request->limit);
    bool good = eager_trace_run(model_graph(model), (const void *const *)memory->inputs,
                                &stop.asked, &trace, &error);
    const struct compiled *compiled = model_compiled(model);
    json_t *list = json_array();
    for (int i = 0; good && i < compiled->kernel_count; i++)
        good = compiled->kernels[i].images > 1 || compiled->kernels[i].steps ||
               add_kernel(&list, &compiled->kernels[i], &trace, &error);
    eager_trace_free(&trace);
    if (good) {
        reply_json(reply, 200, json_pack("{ssso}", "model", model->name, "kernels", list));
        return;
    }
    struct model_run run = {.stop = (enum et_stop)stop.stopped};
    json_decref(list);
    reply_failed_run(reply, STYLE_DETAIL, &run, &worker->server->options, &error);
}
