/* The ground that every other file stands on. */
#ifndef EIGENTENSOR_BASE_H
#define EIGENTENSOR_BASE_H

#include "compiler/base/allocate.h"
#include "compiler/base/arena.h"
#include "compiler/base/arithmetic.h"
#include "compiler/base/clock.h"
#include "compiler/base/error.h"
#include "compiler/base/file.h"
#include "compiler/base/text.h"

#endif
