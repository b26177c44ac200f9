#include "runtime/cli/terminal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_has_colours(FILE *file) {
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(file)) && !(refused && *refused) && terminal &&
           strcmp(terminal, "dumb") != 0;
}

struct style terminal_style(FILE *file) {
    static const struct style colours = {"\033[1;32m", "\033[2m", "\033[0m"}, none = {"", "", ""};
    return terminal_has_colours(file) ? colours : none;
}

void print_bar(FILE *file, double share, int width) {
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = share > 0 ? (int)((share < 1 ? share : 1) * width * 8 + 0.5) : 0;
    int columns = (eighths + 7) / 8;
    for (int i = 0; i < eighths / 8; i++)
        fputs("█", file);
    fputs(parts[eighths % 8], file);
    fprintf(file, "%*s", width - columns, "");
}

int greatest_of(const float *logits, int count) {
    int greatest = -1;
    for (int i = 0; i < count; i++)
        if (!isnan(logits[i]) && (greatest < 0 || logits[greatest] < logits[i]))
            greatest = i;
    return greatest < 0 ? 0 : greatest;
}

/* How likely a logit is beside the greatest. An infinite one is as likely as all others like it. */
static double weight_of(float logit, double greatest) {
    return (double)logit == greatest ? 1 : exp((double)logit - greatest);
}

/* A divisor that makes probabilities of the weights. */
static double sum_of_weights(const float *logits, int count, double greatest) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += weight_of(logits[i], greatest);
    return sum;
}

void probabilities_of(const float *logits, int count, double *probabilities) {
    double greatest = (double)logits[greatest_of(logits, count)];
    double sum = sum_of_weights(logits, count, greatest);
    for (int i = 0; i < count; i++)
        probabilities[i] = weight_of(logits[i], greatest) / sum;
}

void print_probabilities(FILE *file, const float *logits, int count) {
    enum { WIDTH = 40 };
    struct style style = terminal_style(file);
    int best = greatest_of(logits, count);
    double greatest = (double)logits[best], sum = sum_of_weights(logits, count, greatest);
    for (int i = 0; i < count; i++) {
        double probability = weight_of(logits[i], greatest) / sum;
        fprintf(file, "%s%4d  ", i == best ? style.strong : "", i);
        print_bar(file, probability, WIDTH);
        fprintf(file, "%7.2f %%%s\n", 100 * probability, i == best ? style.normal : "");
    }
}

/* Two pixels in one cell: a half block at an edge, else a shade of their mean. */
static const char *cell_of(int upper, int lower) {
    static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
    bool above = upper >= 128, below = lower >= 128;
    if (above != below)
        return above ? "▀" : "▄";
    return shades[(upper + lower + 64) / 128];
}

void print_picture(FILE *file, const unsigned char *grey, int width, int height) {
    for (int y = 0; y < height; y += 2) {
        fputs("    ", file);
        for (int x = 0; x < width; x++)
            fputs(cell_of(grey[y * width + x], y + 1 < height ? grey[(y + 1) * width + x] : 0),
                  file);
        fputs("\n", file);
    }
}

struct progress progress_begin(int64_t total) {
    return (struct progress){
        .visible = isatty(STDERR_FILENO) && total > 0, .total = total, .shown = -1};
}

void progress_show(struct progress *progress, int64_t done) {
    double share = progress->total > 0 ? (double)done / (double)progress->total : 1;
    int thousandths = (int)(share * 1000);
    if (!progress->visible || thousandths == progress->shown)
        return;
    progress->shown = thousandths;
    fputs("\r", stderr);
    print_bar(stderr, share, 40);
    fprintf(stderr, " %5.1f %%", share * 100);
    fflush(stderr);
}

void progress_end(struct progress *progress) {
    if (progress->visible)
        fputs("\r\033[K", stderr);
    progress->visible = false;
}
