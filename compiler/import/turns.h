/* Sines and cosines of parts of a turn, for tables that the importer computes. Additions and
 * products of doubles alone, so they have the same bits everywhere. */
#ifndef EIGENTENSOR_IMPORT_TURNS_H
#define EIGENTENSOR_IMPORT_TURNS_H

#include <stdint.h>

/* Of part / whole of a turn; whole from 1 to 2^40, part of any size. Within 2^-51 of the exact. */
double cosine_of_turn(int64_t part, int64_t whole);
double sine_of_turn(int64_t part, int64_t whole);

#endif
