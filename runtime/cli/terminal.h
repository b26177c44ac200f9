/* Pictures made of text: bars, probabilities, a progress bar, a digit. Stands on libc alone:
 * standalone programs carry this file too. */
#ifndef EIGENTENSOR_TERMINAL_H
#define EIGENTENSOR_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* True for a terminal that shows colours, unless the user set NO_COLOR. */
bool terminal_has_colours(FILE *file);

/* Escape sequences, or "" where there are no colours. */
struct style {
    const char *strong, *faint, *normal;
};
struct style terminal_style(FILE *file);

/* A bar of `width` columns, of which `share` (0 to 1) is filled, to an eighth of a column. */
void print_bar(FILE *file, double share, int width);

/* softmax, for people: probabilities[count] of logits[count]. */
void probabilities_of(const float *logits, int count, double *probabilities);

/* Position of the first greatest of logits[count], NaNs apart. */
int greatest_of(const float *logits, int count);

/* One line a class: its number, a bar, its probability; the likeliest stands out. */
void print_probabilities(FILE *file, const float *logits, int count);

/* grey[height][width], 0 black to 255 white, two rows of pixels a line. */
void print_picture(FILE *file, const unsigned char *grey, int width, int height);

/* A progress bar on standard error, if that is a terminal; if not, nothing is shown. */
struct progress {
    bool visible;
    int64_t total;
    int shown; /* in thousandths; -1: nothing yet */
};
struct progress progress_begin(int64_t total);
void progress_show(struct progress *progress, int64_t done);
void progress_end(struct progress *progress);

#endif
