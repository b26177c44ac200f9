/* Random models whose results are as large as what a run finds: filters, Compress, Unique and
 * suppression, and chains of operators behind them, which every way of running them is compared on
 * as random graphs are. The same seed gives the same model everywhere. */
#ifndef EIGENTENSOR_RANDOM_FOUND_H
#define EIGENTENSOR_RANDOM_FOUND_H

#include "tests/support/onnx_model.h"

/* Seeds of random graphs (differ.h) from here on are seeds of these. */
#define FOUND_SEEDS (UINT64_C(1) << 63)

/* The model of a seed, to be freed with arena_free(&model->arena). Its tables are inputs. */
void random_found_model(uint64_t seed, struct onnx_model *model);

/* Its graph: what the importer makes of it. NULL and an error where that refuses it. */
struct graph *random_found_graph(uint64_t seed, struct et_error *error);

#endif
