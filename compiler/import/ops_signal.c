/* Windows and Fourier transforms: products with tables that are computed here. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/turns.h"

#include <inttypes.h>

/* ---- Windows ---- */

/* a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N) */
static struct tensor cosine_window(struct call *call, const double a[3]) {
    struct integers size = call_known(call, call_input(call, 0), "size");
    bool periodic = call_int(call, "periodic", 1) != 0;
    int64_t type = call_int(call, "output_datatype", 1);
    enum dtype dtype;
    if (size.count != 1 || size.values[0] < 0 || size.values[0] > MOST_COMPUTED)
        return call_refuse(call, "size: expected one number from 0 to %d", MOST_COMPUTED);
    if (!onnx_dtype((int32_t)type, &dtype))
        return call_refuse(call, "output_datatype %" PRId64, type);
    int64_t count = size.values[0], whole = periodic ? count : count - 1;
    enum dtype computing = computing_dtype(dtype);
    void *window = computed_elements(call->importer, computing, SHAPE(count));
    for (int64_t n = 0; n < count; n++) /* one alone stands at its beginning */
        set_computed(window, computing, n,
                     a[0] - a[1] * cosine_of_turn(n, whole > 0 ? whole : 1) +
                         a[2] * cosine_of_turn(2 * n, whole > 0 ? whole : 1));
    return tensor_cast(computed_tensor(call, "window", computing, SHAPE(count), window), dtype);
}

struct tensor import_hann_window(struct call *call) {
    return cosine_window(call, (const double[]){0.5, 0.5, 0});
}

struct tensor import_hamming_window(struct call *call) {
    return cosine_window(call, (const double[]){25.0 / 46, 21.0 / 46, 0});
}

struct tensor import_blackman_window(struct call *call) {
    return cosine_window(call, (const double[]){0.42, 0.5, 0.08});
}

/* ---- Fourier transforms ---- */

/* From `inputs` numbers, real (1 part) or complex (2), to `outputs`. */
struct fourier {
    int64_t length; /* of the signal */
    int64_t inputs, outputs;
    int64_t input_parts, output_parts;
    bool inverse, half; /* half: of a spectrum, only the first half is there */
};

/* What one part of an input counts for one part of an output. */
static double factor(const struct fourier *t, int64_t output, int64_t output_part, int64_t input,
                     int64_t input_part) {
    bool twice = t->inverse && t->half && input > 0 && 2 * input != t->length;
    double times = twice ? 2 : 1;              /* also for the conjugate, which is not there */
    int64_t part = output * input % t->length; /* a table has both, so this is no overflow */
    if (output_part == input_part)
        return times * cosine_of_turn(part, t->length);
    double sine = times * sine_of_turn(part, t->length);
    return (output_part == 0) == t->inverse ? -sine : sine;
}

/* (outputs, their parts, inputs, their parts) */
static struct tensor transform_table(struct call *call, const struct fourier *t, enum dtype dtype) {
    int64_t shape[] = {t->outputs, t->output_parts, t->inputs, t->input_parts};
    void *table = computed_elements(call->importer, dtype, 4, shape);
    int64_t at = 0;
    if (!table)
        return call_refuse(call,
                           "a transform of %" PRId64 " numbers is a product with a table of more "
                           "than %d numbers",
                           t->length, MOST_COMPUTED);
    for (int64_t output = 0; output < t->outputs; output++)
        for (int64_t part = 0; part < t->output_parts; part++)
            for (int64_t input = 0; input < t->inputs; input++)
                for (int64_t from = 0; from < t->input_parts; from++)
                    set_computed(table, dtype, at++, factor(t, output, part, input, from));
    return computed_tensor(call, "transform", dtype, 4, shape, table);
}

/* (.., inputs, their parts) as (.., outputs, their parts) */
static struct tensor transformed(struct call *call, struct tensor x, const struct fourier *t) {
    struct tensor table = transform_table(call, t, tensor_dtype(x));
    int rank = tensor_rank(x);
    x = unsqueeze(unsqueeze(x, rank - 2), rank - 2);
    x = tensor_contract(x, table, AXES(-2, -1));
    return t->inverse ? divide_exactly(x, (double)t->length) : x;
}

/* An axis cut or filled with zeros to the extent. */
static struct tensor fitted(struct tensor x, int axis, int64_t extent) {
    int64_t own = tensor_extent(x, axis);
    struct range padding[MAX_RANK] = {0};
    if (own > extent)
        return cut_axis(x, axis, 0, extent);
    padding[axis].end = extent - own;
    return tensor_pad(x, tensor_rank(x), padding, 0);
}

/* One number that must be known, if it is given. */
static int64_t known_number(struct call *call, int index, const char *what, int64_t otherwise) {
    if (!call_has_input(call, index))
        return otherwise;
    struct integers given = call_known(call, call_input(call, index), what);
    if (given.count == 1)
        return given.values[0];
    call_refuse(call, "%s: expected one number", what);
    return otherwise;
}

static bool check_signal(struct call *call, struct tensor x, int64_t length) {
    int64_t parts = tensor_extent(x, -1);
    if (!dtype_is_real(tensor_dtype(x))) {
        call_refuse(call, "a transform of %s, expected floats", tensor_text(x).text);
        return false;
    }
    if (tensor_rank(x) >= 2 && (parts == 1 || parts == 2) && length >= 1 && length <= INT32_MAX)
        return true;
    call_refuse(call,
                "a transform of length %" PRId64
                " of %s: expected (.., 1) or (.., 2), the parts of "
                "numbers",
                length, tensor_text(x).text);
    return false;
}

struct tensor import_dft(struct call *call) {
    struct tensor x = call_input(call, 0);
    int64_t asked =
        call->opset < 20 ? call_int(call, "axis", 1) : known_number(call, 2, "axis", -2);
    struct fourier t = {.inverse = call_int(call, "inverse", 0) != 0,
                        .half = call_int(call, "onesided", 0) != 0};
    int axis = call_axis(call, asked, tensor_rank(x)), last = tensor_rank(x) - 1;
    bool to_real = t.inverse && t.half;
    int64_t own = tensor_extent(x, axis);
    t.length = known_number(call, 1, "dft_length", to_real ? 2 * (own - 1) : own);
    if (!check_signal(call, x, t.length))
        return NO_TENSOR;
    if (axis == last)
        return call_refuse(call, "axis %d has the parts of numbers", axis);
    int64_t half = t.length / 2 + 1;
    t.inputs = to_real ? half : t.length;
    t.outputs = t.half && !t.inverse ? half : t.length;
    t.input_parts = tensor_extent(x, -1);
    t.output_parts = to_real ? 1 : 2;
    x = move_axis(fitted(x, axis, t.inputs), axis, last - 1);
    return move_axis(transformed(call, x, &t), last - 1, axis);
}

struct tensor import_stft(struct call *call) {
    struct tensor x = call_input(call, 0), window = call_optional(call, 2);
    bool half = call_int(call, "onesided", 1) != 0;
    x = tensor_rank(x) == 2 ? unsqueeze(x, 2) : x;
    int64_t step = known_number(call, 1, "frame_step", 0);
    int64_t length = known_number(
        call, 3, "frame_length", is_given(window) ? tensor_extent(window, 0) : tensor_extent(x, 1));
    if (!check_signal(call, x, length))
        return NO_TENSOR;
    if (tensor_rank(x) != 3 || step < 1 || (is_given(window) && tensor_extent(window, 0) != length))
        return call_refuse(call, "frames of %" PRId64 " with steps of %" PRId64 " of %s", length,
                           step, tensor_text(x).text);
    struct fourier t = {.length = length,
                        .inputs = length,
                        .outputs = half ? length / 2 + 1 : length,
                        .input_parts = tensor_extent(x, 2),
                        .output_parts = 2,
                        .half = half};
    x = tensor_permute(tensor_window(x, 1, length, step, 1), AXES(0, 1, 3, 2));
    if (is_given(window))
        x = tensor_mul(x, tensor_reshape(window, SHAPE(length, 1)));
    return transformed(call, x, &t);
}

/* ---- MelWeightMatrix ---- */

/* The edges of `count` bands, as bins of a spectrum: floats of integral values, (count). */
static struct tensor mel_edges(struct call *call, int64_t count, int64_t length) {
    const double ten = 2.302585092994045684; /* its natural logarithm */
    struct tensor edges[2];
    for (int i = 0; i < 2; i++) {
        struct tensor hertz = tensor_cast(call_input(call, 3 + i), DTYPE_FLOAT32);
        struct tensor ratio = add_number(divide_exactly(hertz, 700), 1);
        edges[i] = tensor_div(multiply_by(tensor_log(ratio), 2595), scalar_like(ratio, ten));
    }
    struct tensor step = divide_exactly(tensor_sub(edges[1], edges[0]), (double)count);
    struct tensor number =
        tensor_cast(tensor_iota(call->context, DTYPE_INT32, count), DTYPE_FLOAT32);
    struct tensor mel = tensor_add(tensor_mul(number, step), edges[0]);
    struct tensor power = tensor_exp(multiply_by(divide_exactly(mel, 2595), ten));
    struct tensor hertz = multiply_by(add_number(power, -1), 700);
    struct tensor rate = tensor_cast(call_input(call, 2), DTYPE_FLOAT32);
    return tensor_floor(tensor_div(multiply_by(hertz, (double)length + 1), rate));
}

/* Triangles from one edge up to the next and down to the one behind it. */
struct tensor import_mel_weight_matrix(struct call *call) {
    int64_t bands = known_number(call, 0, "num_mel_bins", 0);
    int64_t length = known_number(call, 1, "dft_length", 0);
    int64_t type = call_int(call, "output_datatype", 1);
    enum dtype dtype;
    if (bands < 1 || bands > MAX_CONSTANT || length < 1 || length > MOST_COMPUTED ||
        !onnx_dtype((int32_t)type, &dtype))
        return call_refuse(call, "%" PRId64 " bands of a spectrum of length %" PRId64, bands,
                           length);
    struct tensor edges = mel_edges(call, bands + 2, length);
    struct tensor lower = cut_axis(edges, 0, 0, bands), centre = cut_axis(edges, 0, 1, bands + 1);
    struct tensor higher = cut_axis(edges, 0, 2, bands + 2);
    struct tensor bin = unsqueeze(
        tensor_cast(tensor_iota(call->context, DTYPE_INT32, length / 2 + 1), DTYPE_FLOAT32), 1);
    struct tensor none = scalar_like(bin, 0);
    struct tensor rising = tensor_div(tensor_sub(bin, lower), tensor_sub(centre, lower));
    struct tensor falling = tensor_div(tensor_sub(higher, bin), tensor_sub(higher, centre));
    rising = tensor_where(tensor_eq(lower, centre), scalar_like(bin, 1), rising);
    rising = tensor_where(tensor_and(tensor_le(lower, bin), tensor_le(bin, centre)), rising, none);
    struct tensor falls = tensor_and(tensor_le(centre, bin), tensor_lt(bin, higher));
    return tensor_cast(tensor_where(falls, falling, rising), dtype);
}
