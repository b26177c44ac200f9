/* Runs every tile of 8-bit integers, compiled into the set "baseline" by whatever options. Exit
 * status: 0 they give the sums of the plain loop, 1 some do not. */
#include "tests/support/dot_trial.h"

int main(void) {
    return dots_agree(dots_baseline) ? 0 : 1;
}
