/* A standalone program that classifies pictures with the one model it was built from. model.h,
 * which the tool writes, tells about the model; everything else is as in the tool itself. */
#include "model.h"

#include "runtime/cli/terminal.h"
#include "runtime/formats/idx.h"
#include "runtime/formats/image.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = MODEL_CLASSES, EXIT_USAGE = 2 };
#define MOST_FILE_BYTES ((size_t)1 << (sizeof(size_t) > 4 ? 32 : 31))

struct classifier_arguments {
    bool idx, json, show;
    int count;
    char **files;
};

static const struct argp_option options[] = {
    {"idx", 'i', 0, 0,
     "Classify all pictures of an IDX file and compare with the labels of another", 0},
    {"json", 'j', 0, 0, "Write JSON: a line for each picture, or one for the set", 0},
    {"show", 's', 0, 0, "Also draw what the model sees of each picture", 0},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct classifier_arguments *arguments = state->input;
    switch (key) {
    case 'i':
        arguments->idx = true;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case 's':
        arguments->show = true;
        return 0;
    case ARGP_KEY_ARG:
        arguments->files[arguments->count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->idx && arguments->count != 2)
            argp_error(state, "--idx: expected two files, IMAGES and LABELS");
        if (!arguments->count)
            argp_error(state, "expected pictures to classify");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const char *argp_program_version =
    "model " MODEL_NAME "\ngraph " MODEL_DIGEST "\neigentensor " ET_VERSION;

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "PICTURE.png...\n--idx IMAGES LABELS",
    .doc =
        "Recognises a drawn digit in each picture: dark on light, light on dark, or any colour on "
        "a transparent ground.\v"
        "Exit status: 0 done, 1 some file was bad, 2 wrong usage.\n"
        "Model " MODEL_NAME ", graph " MODEL_DIGEST,
};

static int complain(const struct et_error *error) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, error->message);
    return EXIT_FAILURE;
}

/* ---- The model ---- */

/* As many pictures as the model takes at once. */
enum { AT_ONCE = MODEL_BLOCK };
struct classifier {
    bool begun; /* the model's threads, if it has any */
    void *arena;
    void *pixels;  /* the input, float or bytes: [AT_ONCE][DIGIT_PIXELS] */
    void *scores;  /* the output, as the model writes it: [AT_ONCE][CLASSES] */
    float *logits; /* and what it stands for, of the same size */
};

/* What 8-bit integers stand for, if the model takes or gives such. */
static const struct integer_scale input_scale[] = MODEL_INPUT_SCALES;
static const struct integer_scale output_scale[] = MODEL_OUTPUT_SCALES;

static bool classifier_open(struct classifier *classifier, struct et_error *error) {
    classifier->arena = et_allocate_aligned(MODEL_ARENA_BYTES);
    classifier->pixels = et_allocate_aligned(sizeof(float) * DIGIT_PIXELS * AT_ONCE);
    classifier->scores = et_allocate_aligned(sizeof(float) * CLASSES * AT_ONCE);
    classifier->logits = et_allocate_aligned(sizeof(float) * CLASSES * AT_ONCE);
    if (!classifier->arena || !classifier->pixels || !classifier->scores || !classifier->logits)
        return et_fail(error, "out of memory");
    classifier->begun = MODEL_BEGIN(model_sizes, error);
    return classifier->begun;
}

static void classifier_close(struct classifier *classifier) {
    if (classifier->begun)
        MODEL_END();
    et_release(classifier->arena);
    et_release(classifier->pixels);
    et_release(classifier->scores);
    et_release(classifier->logits);
}

static void give_pixels(struct classifier *classifier, const unsigned char *digits, int64_t count) {
    if (input_scale->scale > 0)
        image_pixels_to_integers(digits, count * DIGIT_PIXELS, input_scale,
                                 model_sizes->inputs->dtype[0] == 'i', classifier->pixels);
    else
        for (int64_t i = 0; i < count; i++)
            image_digit_to_floats(digits + i * DIGIT_PIXELS,
                                  (float *)classifier->pixels + i * DIGIT_PIXELS);
}

static void take_logits(struct classifier *classifier, int64_t count) {
    const bool is_signed = model_sizes->outputs->dtype[0] == 'i';
    for (int64_t i = 0; i < count * CLASSES; i++)
        if (output_scale->scale > 0) {
            const int64_t integer = is_signed ? ((const int8_t *)classifier->scores)[i]
                                              : ((const uint8_t *)classifier->scores)[i];
            classifier->logits[i] = (float)(integer - output_scale->zero) * output_scale->scale;
        } else {
            classifier->logits[i] = ((const float *)classifier->scores)[i];
        }
}

/* Runs the model on so many pictures, at most AT_ONCE, white on black. */
static bool run_model(struct classifier *classifier, const unsigned char *digits, int64_t count,
                      struct et_error *error) {
    give_pixels(classifier, digits, count);
    const void *inputs[] = {classifier->pixels};
    void *outputs[] = {classifier->scores};
    const bool good = MODEL_RUN(model_sizes, inputs, outputs, MODEL_WEIGHTS, classifier->arena,
                                (long)count, error);
    if (good)
        take_logits(classifier, count);
    return good;
}

/* ---- Pictures ---- */

/* Length of the UTF-8 character at `text`, 0 when it is none. */
static int character_length(const unsigned char *text) {
    int length = *text < 0x80 ? 1 : *text >= 0xc2 && *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
    if (length > 1 && (*text < 0xc2 || *text > 0xf4))
        return 0;
    for (int i = 1; i < length; i++)
        if (text[i] >> 6 != 2)
            return 0;
    bool overlong = (*text == 0xe0 && text[1] < 0xa0) || (*text == 0xf0 && text[1] < 0x90);
    bool outside = (*text == 0xed && text[1] > 0x9f) || (*text == 0xf4 && text[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

/* A file's name may hold any bytes: those that are not UTF-8 become U+FFFD. */
static void print_json_string(const char *string) {
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)string; *at;) {
        int length = character_length(at);
        if (!length)
            fputs("\\ufffd", stdout);
        else if (*at < 0x20 || *at == '"' || *at == '\\')
            printf("\\u%04x", *at);
        else
            fwrite(at, 1, (size_t)length, stdout);
        at += length ? length : 1;
    }
    putchar('"');
}

static void print_json_numbers(const char *name, const double *numbers) {
    printf(", \"%s\": [", name);
    for (int i = 0; i < CLASSES; i++)
        if (isfinite(numbers[i]))
            printf("%s%.9g", i ? ", " : "", numbers[i]);
        else
            printf("%snull", i ? ", " : "");
    printf("]");
}

static void print_json(const char *path, int class, const float *logits) {
    double probabilities[CLASSES], scores[CLASSES];
    probabilities_of(logits, CLASSES, probabilities);
    for (int i = 0; i < CLASSES; i++)
        scores[i] = (double)logits[i];
    printf("{\"file\": ");
    print_json_string(path);
    printf(", \"digit\": %d", class);
    print_json_numbers("probabilities", probabilities);
    print_json_numbers("logits", scores);
    printf("}\n");
}

static void print_result(const char *path, int class, const struct classifier *classifier) {
    struct style style = terminal_style(stdout);
    printf("%s: %s%d%s\n", path, style.strong, class, style.normal);
    print_probabilities(stdout, classifier->logits, CLASSES);
}

static bool classify_picture(const struct classifier_arguments *arguments, const char *path,
                             struct classifier *classifier, struct et_error *error) {
    struct image image;
    unsigned char digit[DIGIT_PIXELS];
    if (!image_read_png(path, &image, error))
        return false;
    bool good = image_prepare_digit(&image, digit, error) || et_fail_within(error, "%s", path);
    image_free(&image);
    if (!good)
        return false;
    if (!run_model(classifier, digit, 1, error))
        return false;
    int class = greatest_of(classifier->logits, CLASSES);
    if (arguments->json)
        print_json(path, class, classifier->logits);
    else
        print_result(path, class, classifier);
    if (arguments->show && !arguments->json)
        print_picture(stdout, digit, DIGIT_SIDE, DIGIT_SIDE);
    return true;
}

static int classify_pictures(const struct classifier_arguments *arguments,
                             struct classifier *classifier) {
    int status = EXIT_SUCCESS;
    for (int i = 0; i < arguments->count; i++) {
        struct et_error error;
        if (!classify_picture(arguments, arguments->files[i], classifier, &error))
            status = complain(&error);
    }
    return status;
}

/* ---- Sets ---- */

struct set {
    struct idx images, labels;
    int64_t count;
};

static bool check_set(const struct set *set, char *const *paths, struct et_error *error) {
    const struct idx *images = &set->images, *labels = &set->labels;
    if (images->type != IDX_UINT8 || images->rank != 3 || images->shape[1] != DIGIT_SIDE ||
        images->shape[2] != DIGIT_SIDE)
        return et_fail(error, "%s: expected pictures, uint8[N,%d,%d], found %s of rank %d",
                       paths[0], DIGIT_SIDE, DIGIT_SIDE,
                       images->type == IDX_UINT8 ? "uint8" : "another type", images->rank);
    if (labels->type != IDX_UINT8 || labels->rank != 1)
        return et_fail(error, "%s: expected labels, uint8[N], found %s of rank %d", paths[1],
                       labels->type == IDX_UINT8 ? "uint8" : "another type", labels->rank);
    if (labels->shape[0] != images->shape[0])
        return et_fail(error,
                       "%s: expected a label for each of the %" PRId64 " pictures, found %" PRId64,
                       paths[1], images->shape[0], labels->shape[0]);
    for (int64_t i = 0; i < labels->shape[0]; i++)
        if (labels->bytes[i] >= CLASSES)
            return et_fail(error, "%s: label %" PRId64 ": expected 0 to %d, found %d", paths[1], i,
                           CLASSES - 1, labels->bytes[i]);
    return true;
}

/* Both files are read, so that a bad one does not hide the other. */
static bool set_open(struct set *set, char *const *paths) {
    struct et_error error;
    bool good = idx_read(paths[0], MOST_FILE_BYTES, &set->images, &error);
    if (!good)
        complain(&error);
    if (!idx_read(paths[1], MOST_FILE_BYTES, &set->labels, &error)) {
        complain(&error);
        good = false;
    }
    if (good && !check_set(set, paths, &error)) {
        complain(&error);
        good = false;
    }
    set->count = good ? set->images.shape[0] : 0;
    return good;
}

/* confusion[truth][answer] */
static bool classify_set(const struct set *set, struct classifier *classifier, int64_t *confusion,
                         struct et_error *error) {
    struct progress progress = progress_begin(set->count);
    bool good = true;
    for (int64_t i = 0; good && i < set->count; i += AT_ONCE) {
        int64_t count = set->count - i < AT_ONCE ? set->count - i : AT_ONCE;
        good = run_model(classifier, set->images.bytes + i * DIGIT_PIXELS, count, error);
        for (int64_t k = 0; good && k < count; k++) {
            int class = greatest_of(classifier->logits + k * CLASSES, CLASSES);
            confusion[set->labels.bytes[i + k] * CLASSES + class]++;
        }
        progress_show(&progress, i + count);
    }
    progress_end(&progress);
    return good;
}

static int64_t count_correct(const int64_t *confusion) {
    int64_t correct = 0;
    for (int i = 0; i < CLASSES; i++)
        correct += confusion[i * CLASSES + i];
    return correct;
}

static void print_set_json(const int64_t *confusion, int64_t count) {
    int64_t correct = count_correct(confusion);
    printf("{\"pictures\": %" PRId64 ", \"correct\": %" PRId64 ", \"accuracy\": %.9g", count,
           correct, count ? (double)correct / (double)count : 0);
    printf(", \"confusion\": [");
    for (int truth = 0; truth < CLASSES; truth++) {
        printf("%s[", truth ? ", " : "");
        for (int answer = 0; answer < CLASSES; answer++)
            printf("%s%" PRId64, answer ? ", " : "", confusion[truth * CLASSES + answer]);
        printf("]");
    }
    printf("]}\n");
}

static void print_confusion_row(const int64_t *row, int truth, struct style style) {
    int64_t total = 0;
    printf("%s%6d%s", style.faint, truth, style.normal);
    for (int answer = 0; answer < CLASSES; answer++) {
        total += row[answer];
        if (row[answer])
            printf("%s%7" PRId64 "%s", answer == truth ? style.strong : "", row[answer],
                   answer == truth ? style.normal : "");
        else
            printf("%s      .%s", style.faint, style.normal);
    }
    printf("%9.2f %%\n", total ? 100 * (double)row[truth] / (double)total : 0);
}

static void print_set(const int64_t *confusion, int64_t count) {
    struct style style = terminal_style(stdout);
    int64_t correct = count_correct(confusion);
    printf("accuracy %s%.2f %%%s (%" PRId64 " of %" PRId64 ")\n\n", style.strong,
           count ? 100 * (double)correct / (double)count : 0, style.normal, correct, count);
    printf("%s truth", style.faint);
    for (int answer = 0; answer < CLASSES; answer++)
        printf("%7d", answer);
    printf("   right%s\n", style.normal);
    for (int truth = 0; truth < CLASSES; truth++)
        print_confusion_row(confusion + truth * CLASSES, truth, style);
}

static bool judge_pictures(const struct set *set, const struct classifier_arguments *arguments,
                           struct classifier *classifier, struct et_error *error) {
    int64_t *confusion = et_allocate((size_t)(CLASSES * CLASSES), sizeof *confusion);
    if (!confusion)
        return et_fail(error, "out of memory");
    const bool good = classify_set(set, classifier, confusion, error);
    if (good)
        (arguments->json ? print_set_json : print_set)(confusion, set->count);
    et_release(confusion);
    return good;
}

static int judge_set(const struct classifier_arguments *arguments, struct classifier *classifier) {
    struct set set = {0};
    struct et_error error;
    int status = EXIT_FAILURE;
    if (set_open(&set, arguments->files))
        status =
            judge_pictures(&set, arguments, classifier, &error) ? EXIT_SUCCESS : complain(&error);
    idx_free(&set.images);
    idx_free(&set.labels);
    return status;
}

int main(int count, char **values) {
    argp_err_exit_status = EXIT_USAGE;
    struct classifier_arguments arguments = {.files = et_allocate((size_t)count, sizeof(char *))};
    if (!arguments.files)
        return complain(&(struct et_error){"out of memory"});
    argp_parse(&parser, count, values, 0, NULL, &arguments);
    struct classifier classifier = {0};
    struct et_error error;
    int status = EXIT_FAILURE;
    if (!classifier_open(&classifier, &error))
        complain(&error);
    else if (arguments.idx)
        status = judge_set(&arguments, &classifier);
    else
        status = classify_pictures(&arguments, &classifier);
    classifier_close(&classifier);
    et_release(arguments.files);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return complain(&(struct et_error){"standard output: cannot write"});
}
