/* What the C files of runtime/formats that make a drawing ready need where there is no C library,
 * instead of compiler/base/base.h: included before all else. */
#ifndef EIGENTENSOR_BROWSER_PREPARE_H
#define EIGENTENSOR_BROWSER_PREPARE_H

#define EIGENTENSOR_BASE_H

#include "compiler/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct text;

#endif
