/* Several emitted texts in one translation unit, so that a compiler starts, and reads headers, once
 * for all of them. */
#ifndef EIGENTENSOR_ONE_UNIT_H
#define EIGENTENSOR_ONE_UNIT_H

#include "compiler/base/text.h"

/* Adds lines that include NAME.c, whose text is `source`, as it is: what it has at file scope for
 * itself gets NAME_ before its own name, by macros, and macros that it defines end with it. Where
 * there are versions for CPUs (templates/versions.h), ONE_VERSION must be defined. */
void one_unit_add(struct text *unit, const char *name, const char *source);

#endif
